package engine

import (
	"context"
	"encoding/json"
	"maps"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

// PolicyApproval is what an organisation sees of an order that its policy put on hold until somebody else approves it. What
// decides is the review on the order; this is written with it, so that a list needs no order.
type PolicyApproval struct {
	ID       string
	Scope    Scope               `json:"-"` // OfOrganisation
	Number   int64               `json:"-"` // counts the scope's from 1
	State    PolicyApprovalState `json:"-"`
	OrderID  string              // internal
	Order    string              // public id
	Merchant string
	Kind     string       // of the order, in the API's own words
	Amount   money.Amount // what the order collects
	Rule     string       // the rule that asked for it
	RuleName string       `json:",omitempty"`
	Maker    string       `json:",omitempty"` // who cannot decide
	By       string       `json:",omitempty"` // who decided
	Reason   string       `json:",omitempty"` // why it was refused, in the words of who refused

	// On the mode's clock; DecidedAt is zero while it is pending.
	CreatedAt time.Time
	DecidedAt time.Time `json:",omitzero"`
}

// PolicyApprovalState is where an approval stands.
type PolicyApprovalState string

// The states.
const (
	PolicyPending  PolicyApprovalState = "pending"
	PolicyApproved PolicyApprovalState = "approved"
	PolicyRefused  PolicyApprovalState = "refused"
	PolicyClosed   PolicyApprovalState = "closed" // its order ended before anybody decided
)

// approvalStates is every state, in the order of lists: what somebody must decide comes first.
var approvalStates = []PolicyApprovalState{PolicyPending, PolicyApproved, PolicyRefused, PolicyClosed}

const kindApproval DocumentKind = "approval"

// SetTwoPersons says above which amount of what is due two persons must approve a screening or a compliance review, by the
// asset's code; of an asset that is not there one person is enough. It is called before the engine is used.
func (e *Engine) SetTwoPersons(above map[string]money.Amount) { e.second = above }

// Approve says yes to a review of an order. Nobody approves what he made. Where two persons must approve
// (SetTwoPersons), the first one's word is kept, the order waits on, and Order.Firsts says so.
//
// Errors: not_found; forbidden when who made it is who approves it, or who approved first approves again;
// order_state_conflict when the order has no such open review, or has ended; quote_expired for an exchange out of the
// balance whose rate holds no more.
func (e *Engine) Approve(ctx context.Context, orderID string, kind order.ReviewKind, actor order.Actor, who string) (*Order, error) {
	return e.review(ctx, orderID, order.Change{Kind: order.Approve, Review: kind, Actor: actor, Who: who})
}

// Refuse says no to a review of an order: before the payment the order fails, and what was taken from a balance for it is
// back there. Money that was withheld, or that had come already, goes back to who sent it where its rail can send it there
// (paid_screening.go). The reason is kept with the review.
//
// Errors: not_found; forbidden when who made it refuses it; order_state_conflict as for Approve; missing_field without a
// reason.
func (e *Engine) Refuse(ctx context.Context, orderID string, kind order.ReviewKind, actor order.Actor, who string, reason order.Reason) (*Order, error) {
	if reason == "" {
		return nil, fault.New(fault.CodeMissingField, "why it is refused is missing").On("reason")
	}
	return e.review(ctx, orderID, order.Change{Kind: order.Refuse, Review: kind, Actor: actor, Who: who, Reason: reason})
}

// Ask asks the merchant for documents before a review goes on: each name opens a slot of Order.Requested. A file that was
// given under such a name before is rejected by it. For operators.
//
// Errors: not_found; forbidden as for Approve; order_state_conflict when the order has no such open review, or has ended;
// missing_field and invalid_value (documents).
func (e *Engine) Ask(ctx context.Context, orderID string, kind order.ReviewKind, who string, documents []string) (*Order, error) {
	if err := checkAsked(documents); err != nil {
		return nil, err
	}
	return e.review(ctx, orderID, order.Change{Kind: order.Ask, Review: kind, Actor: order.ByOperator, Who: who, Missing: documents})
}

func (e *Engine) review(ctx context.Context, orderID string, c order.Change) (*Order, error) {
	var got *Order
	err := e.update(ctx, Keys{Orders: []string{orderID}}, func(tx Tx) error {
		o, err := tx.Order(orderID)
		if err != nil {
			return err
		}
		got = o
		return e.decideReview(tx, o, c)
	})
	return got, err
}

func (e *Engine) decideReview(tx Tx, o *Order, c order.Change) error {
	open := false
	if r := o.reviewOf(c.Review); o.Reviewed() && r != nil && r.State == order.ReviewOpen {
		open = true
		same, err := isHand(tx, c.Who, r.Maker)
		if err == nil && !same {
			same, err = replacedBy(tx, c.Who, r.Maker)
		}
		if err != nil {
			return err
		}
		if same {
			return fault.New(fault.CodeForbidden, "somebody else must decide: this was made by who asks")
		}
	}
	if c.Kind == order.Approve && c.Review == order.Approval {
		if err := e.rateHolds(tx, o); err != nil {
			return err
		}
	}
	if c.Kind == order.Approve && open {
		if first, err := e.isFirst(tx, o, c); err != nil || first {
			return err
		}
	}
	now, err := modeTime(tx, o.Scope.Mode)
	if err != nil {
		return err
	}
	o.Firsts = maps.Clone(o.Firsts)
	delete(o.Firsts, c.Review)
	to, again := FileApproved, []string(nil)
	switch c.Kind {
	case order.Refuse:
		to = FileRejected
	case order.Ask:
		to, again = FileRejected, c.Missing
	}
	given := o.givenFor(c.Review)
	if c.Kind == order.Ask {
		if err := o.request(c.Review, c.Missing, now, e.random); err != nil {
			return err
		}
		if c.Review == order.Compliance {
			if err := o.inquire(tx, now, e); err != nil {
				return err
			}
		}
	}
	if _, err := e.apply(tx, o, c, false); err != nil {
		return err
	}
	if err := decideFiles(tx, given, to, again, now); err != nil || c.Kind != order.Refuse {
		return err
	}
	return e.sendBack(tx, o, order.PaymentKey{}, c.Who)
}

// isFirst keeps the word of the first of two persons who approve, and says that the second is still waited for.
func (e *Engine) isFirst(tx Tx, o *Order, c order.Change) (bool, error) {
	above, limited := e.second[o.Terms.Due.Asset().Code()]
	if !limited || c.Review == order.Approval || o.Terms.Due.SortKey() <= above.SortKey() {
		return false, nil
	}
	first := o.Firsts[c.Review]
	if first == "" {
		o.Firsts = maps.Clone(o.Firsts)
		if o.Firsts == nil {
			o.Firsts = map[order.ReviewKind]string{}
		}
		o.Firsts[c.Review] = c.Who
		if err := tx.SaveOrder(o); err != nil {
			return true, err
		}
		return true, addAction(tx, o.Scope.Mode, c.Who, "approve.first", o.ID, detail(c))
	}
	for _, pair := range [2][2]string{{c.Who, first}, {first, c.Who}} { // whoever made the other's key
		same, err := isHand(tx, pair[0], pair[1])
		if err != nil {
			return false, err
		}
		if same {
			return false, fault.New(fault.CodeForbidden, "somebody else must decide: this was approved by who asks")
		}
	}
	return false, nil
}

// rateHolds refuses to go on with an exchange out of the balance, which has no deadline of its own, when its rate holds
// no more: who could choose the day would choose the one on which the house loses.
func (e *Engine) rateHolds(tx Tx, o *Order) error {
	if o.Quote == nil || !o.Terms.FromBalance || o.State.Terminal() || o.Quote.AmountIn.Asset() == o.Quote.AmountOut.Asset() {
		return nil
	}
	since := o.CreatedAt
	if o.Deal != "" { // all parts of a deal have its rate
		d, err := readDeal(tx, o.Deal)
		if err != nil {
			return err
		}
		if d != nil {
			since = d.CreatedAt
		}
	}
	now, err := modeTime(tx, o.Scope.Mode)
	if err == nil && now.After(since.Add(e.exchange.HoldBank)) {
		err = fault.New(fault.CodeQuoteExpired, "its rate holds no more: refuse it, and it can be made again").On("quote")
	}
	return err
}

// isHand says that who decides is the maker, or a key that the maker made: a person with a second key is not a second
// person.
func isHand(tx Tx, who, maker string) (bool, error) {
	if maker == "" {
		return false, nil
	}
	for range maxKeyLine {
		if who == maker {
			return true, nil
		}
		k, err := tx.KeyByID(who)
		if err != nil || k == nil || k.MadeBy == "" {
			return false, err
		}
		who = k.MadeBy
	}
	return true, nil
}

// replacedBy says that the maker is a key in place of the one that decides, in the time in which both are good.
func replacedBy(tx Tx, who, maker string) (bool, error) {
	if maker == "" {
		return false, nil
	}
	k, err := tx.KeyByID(maker)
	if err != nil || k == nil || k.Scope.Merchant == "" { // an operator's key may have been made for somebody else
		return false, err
	}
	return isHand(tx, maker, who)
}

// maxKeyLine is how many keys of which each made the next are followed; nobody with more of them is believed.
const maxKeyLine = 20

// Reviewed returns orders about which a person must decide something, of a mode, the oldest first, behind the given
// internal id. For operators.
func (e *Engine) Reviewed(ctx context.Context, m Mode, after string, limit int) ([]Order, error) {
	var list []Order
	err := e.store.View(ctx, func(rd Reader) (err error) {
		list, err = rd.Reviewed(m, after, limit)
		return err
	})
	return list, err
}

// ApprovalFilter chooses and pages an organisation's approvals. Pages count from 1.
type ApprovalFilter struct {
	Scope       Scope               // OfOrganisation
	State       PolicyApprovalState // empty: all, the pending ones first
	Page, Limit int
}

// Approvals lists approvals, each state's newest first, and how many there are.
//
// Error: invalid_page.
func (e *Engine) Approvals(ctx context.Context, f ApprovalFilter) (list []PolicyApproval, total int64, err error) {
	if f.Page < 1 || f.Limit < 1 || f.Limit > MaxSearch || f.Page > 1<<30 {
		return nil, 0, fault.New(fault.CodeInvalidPage, "want pages from 1, of 1 to 1000")
	}
	states := approvalStates
	if f.State != "" {
		states = []PolicyApprovalState{f.State}
	}
	err = e.store.View(ctx, func(rd Reader) error {
		list, total = nil, 0
		skip := int64(f.Page-1) * int64(f.Limit)
		for _, state := range states {
			found, n, err := approvalsOf(rd, f.Scope, state, skip, f.Limit-len(list))
			if err != nil {
				return err
			}
			list, total, skip = append(list, found...), total+n, max(0, skip-n)
		}
		return nil
	})
	return list, total, err
}

// approvalsOf are at most limit approvals of a state behind the first skip, and how many it has.
func approvalsOf(rd Reader, s Scope, state PolicyApprovalState, skip int64, limit int) (list []PolicyApproval, n int64, err error) {
	size := max(limit, 1)
	f := DocumentFilter{Kind: kindApproval, Scope: s, State: string(state), Page: int(skip/int64(size)) + 1, Limit: size, Descending: true}
	cut := int(skip % int64(size))
	for len(list) < limit {
		page, err := rd.Documents(f)
		if err != nil {
			return nil, 0, err
		}
		n = page.Total
		for i := min(cut, len(page.List)); i < len(page.List) && len(list) < limit; i++ {
			a, err := approvalOf(&page.List[i])
			if err != nil {
				return nil, 0, err
			}
			list = append(list, *a)
		}
		if cut, f.Page = 0, f.Page+1; len(page.List) < size {
			return list, n, nil
		}
	}
	if limit == 0 { // only how many there are
		page, err := rd.Documents(f)
		return nil, page.Total, err
	}
	return list, n, nil
}

// Approval finds an approval of an organisation. Error: not_found, also for another's.
func (e *Engine) Approval(ctx context.Context, organisation Scope, id string) (*PolicyApproval, error) {
	var a *PolicyApproval
	err := e.store.View(ctx, func(rd Reader) error {
		d, err := rd.Document(kindApproval, id)
		if err != nil {
			return err
		}
		if d == nil || d.Scope != organisation {
			return fault.New(fault.CodeNotFound, "no such approval")
		}
		a, err = approvalOf(d)
		return err
	})
	return a, err
}

func approvalOf(d *Document) (*PolicyApproval, error) {
	a := &PolicyApproval{}
	err := json.Unmarshal(d.Doc, a)
	a.Scope, a.Number, a.State = d.Scope, d.Number, PolicyApprovalState(d.State)
	return a, err
}

// hold writes down the approval that a new order waits for.
func (o *Order) hold(tx Tx, n NewOrder, rule PolicyRule) error {
	a := PolicyApproval{
		ID: "apr_" + tx.NewID(), OrderID: o.ID, Order: o.PublicID, Merchant: o.Scope.Merchant, Kind: o.Kind, Amount: o.Terms.Due,
		Rule: rule.ID, RuleName: rule.Name, Maker: n.Maker, CreatedAt: o.CreatedAt,
	}
	doc, err := json.Marshal(a)
	if err != nil {
		return err
	}
	o.PolicyApproval = a.ID
	return tx.InsertDocument(&Document{
		Kind: kindApproval, ID: a.ID, Scope: OfOrganisation(n.Organisation, o.Scope.Mode, o.Scope.Dialect), Parent: o.ID, State: string(PolicyPending),
		CreatedAt: o.CreatedAt, UpdatedAt: o.CreatedAt, Doc: doc,
	})
}

// decided writes down what became of the order's approval, where it is pending and something did.
func (o *Order) decided(tx Tx, now time.Time) error {
	r := o.reviewOf(order.Approval)
	if r == nil || r.State == order.ReviewOpen && !o.State.Terminal() {
		return nil
	}
	d, err := tx.Document(kindApproval, o.PolicyApproval)
	if err != nil || d == nil || d.State != string(PolicyPending) {
		return err
	}
	a, err := approvalOf(d)
	if err != nil {
		return err
	}
	a.By, a.Reason, a.DecidedAt = r.By, string(r.Reason), now
	switch r.State {
	case order.ReviewApproved:
		d.State = string(PolicyApproved)
	case order.ReviewRefused:
		d.State = string(PolicyRefused)
	default:
		d.State = string(PolicyClosed)
	}
	d.UpdatedAt = now
	if d.Doc, err = json.Marshal(a); err != nil {
		return err
	}
	return tx.SaveDocument(d)
}

func (o *Order) reviewOf(kind order.ReviewKind) *order.Review {
	for i := range o.Reviews {
		if o.Reviews[i].Kind == kind {
			return &o.Reviews[i]
		}
	}
	return nil
}
