package dashboard

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

// onApprovals is how many orders, and how many deliveries, one page shows.
const onApprovals = 50

// maxReason bounds a reason, in characters.
const maxReason = 500

// approvalsView is what waits for an operator's word.
type approvalsView struct {
	FormToken, Name string
	Done            string // what was done: "", "approved", "first" or "refused"
	Problem         string // of what was tried: "", "maker", "gone", "rate" or "reason"
	Orders          []heldOrder
	Deliveries      []heldDelivery
	MoreOrders      string // what to go on behind; empty: these are the last
	MoreDeliveries  string
}

// heldOrder is an order with reviews that somebody must decide.
type heldOrder struct {
	ID, Merchant, Kind, State string
	Sandbox                   bool
	Amount                    money.Amount
	Since                     time.Time
	Maker                     string
	Reviews                   []heldReview
}

type heldReview struct {
	Kind     string
	Open     bool     // else documents are waited for
	Missing  []string // their names
	Given    []engine.Requested
	First    string // who approved first, where two persons must
	Findings []engine.Finding
}

// heldDelivery is a delivery, or a refund, that is above a limit.
type heldDelivery struct {
	ID, Transfer, Merchant, To, Why, Maker string
	Sandbox, Refund                        bool
	Amount                                 money.Amount
	Since                                  time.Time
}

// operators is a page for who runs the server; for everybody else it is not there.
func (d *Dashboard) operators(next func(w http.ResponseWriter, r *http.Request, v visitor)) http.HandlerFunc {
	return d.signedIn(d.operatorsOnly(next))
}

func (d *Dashboard) operatorsOnly(next func(w http.ResponseWriter, r *http.Request, v visitor)) func(w http.ResponseWriter, r *http.Request, v visitor) {
	return func(w http.ResponseWriter, r *http.Request, v visitor) {
		if v.Person.Roles[auth.House] != auth.Operator {
			d.kit.NotFound(w, r)
			return
		}
		next(w, r, v)
	}
}

func (d *Dashboard) showApprovals(w http.ResponseWriter, r *http.Request, v visitor) {
	shown := approvalsView{}
	switch said := r.URL.Query().Get("said"); said {
	case "approved", "first", "refused":
		shown.Done = said
	}
	d.approvals(w, r, v, http.StatusOK, shown)
}

// approvals shows the page, with what is to be said on top.
func (d *Dashboard) approvals(w http.ResponseWriter, r *http.Request, v visitor, status int, shown approvalsView) {
	shown.FormToken, shown.Name = v.FormToken(), v.Person.Name
	var err error
	shown.Orders, shown.MoreOrders, err = d.heldOrders(r.Context(), r.URL.Query().Get("order"))
	if err == nil {
		shown.Deliveries, shown.MoreDeliveries, err = d.heldDeliveries(r.Context(), r.URL.Query().Get("delivery"))
	}
	switch {
	case fault.Is(err, fault.CodeNotFound): // nothing to go on behind
		d.kit.NotFound(w, r)
		return
	case err != nil:
		d.failed(w, r, err)
		return
	}
	d.pages.Write(w, r, status, "approvals", shown)
}

// heldOrders are orders with an open review, the oldest first, live before sandbox, behind the one with that public id,
// and the one to go on behind when there are more.
func (d *Dashboard) heldOrders(ctx context.Context, behind string) (list []heldOrder, more string, err error) {
	modes, after := engine.Modes(), ""
	if behind != "" {
		o, err := d.engine.Find(ctx, behind)
		if err != nil {
			return nil, "", err
		}
		for len(modes) > 0 && modes[0] != o.Scope.Mode {
			modes = modes[1:]
		}
		after = o.ID
	}
	for _, m := range modes {
		found, err := d.engine.Reviewed(ctx, m, after, onApprovals+1-len(list))
		if err != nil {
			return nil, "", err
		}
		for i := range found {
			if len(list) == onApprovals {
				return list, list[len(list)-1].ID, nil
			}
			list = append(list, heldOrderOf(&found[i]))
		}
		after = ""
	}
	return list, "", nil
}

func heldOrderOf(o *engine.Order) heldOrder {
	held := heldOrder{
		ID: o.PublicID, Merchant: o.Scope.Merchant, Kind: o.Kind, State: string(o.State), Sandbox: o.Scope.Mode != engine.Live,
		Amount: o.Terms.Due, Since: o.CreatedAt, Maker: o.Maker,
	}
	for _, r := range o.Reviews {
		if r.State != order.ReviewOpen && r.State != order.ReviewDocuments {
			continue
		}
		one := heldReview{Kind: string(r.Kind), Open: r.State == order.ReviewOpen, Missing: r.Missing, First: o.Firsts[r.Kind]}
		for _, asked := range o.Requested {
			if asked.Review == r.Kind && asked.Document != "" {
				one.Given = append(one.Given, asked)
			}
		}
		for _, f := range o.Findings {
			if f.Review == r.Kind {
				one.Findings = append(one.Findings, f)
			}
		}
		held.Reviews = append(held.Reviews, one)
	}
	return held
}

// heldDeliveries are deliveries and refunds above a limit, the oldest order first, behind the given one.
func (d *Dashboard) heldDeliveries(ctx context.Context, behind string) (list []heldDelivery, more string, err error) {
	after := engine.AwaitsApproval{}
	if behind != "" {
		public, transfer, _ := strings.Cut(behind, "/")
		o, err := d.engine.Find(ctx, public)
		if err != nil {
			return nil, "", err
		}
		after.OrderID, after.Transfer = o.ID, transfer
	}
	found, err := d.engine.AwaitApproval(ctx, after, onApprovals+1)
	for i, w := range found {
		if i == onApprovals {
			return list, list[i-1].ID + "/" + list[i-1].Transfer, nil
		}
		list = append(list, heldDelivery{
			ID: w.PublicID, Transfer: w.Transfer, Merchant: w.Scope.Merchant, To: w.To, Why: w.Why, Maker: w.Maker,
			Sandbox: w.Scope.Mode != engine.Live, Refund: w.Purpose == order.Refund, Amount: w.Amount, Since: w.Asked,
		})
	}
	return list, "", err
}

// decide is an operator's word on a review or on a delivery.
func (d *Dashboard) decide(w http.ResponseWriter, r *http.Request, v visitor) {
	approve := r.PostFormValue("do") == "approve"
	reason := strings.TrimSpace(strings.ToValidUTF8(r.PostFormValue("reason"), ""))
	switch {
	case !approve && r.PostFormValue("do") != "refuse":
		d.kit.NotFound(w, r)
		return
	case !approve && (reason == "" || utf8.RuneCountInString(reason) > maxReason):
		d.approvals(w, r, v, http.StatusUnprocessableEntity, approvalsView{Problem: "reason"})
		return
	}
	o, err := d.engine.Find(r.Context(), r.PostFormValue("order"))
	if err == nil && r.PostFormValue("delivery") != "" {
		err = d.decideDelivery(r, v, o.ID, approve, reason)
	} else if err == nil {
		o, err = d.decideReview(r, v, o.ID, approve, reason)
	}
	switch {
	case err == nil && !approve:
		d.goTo(w, r, "/approvals", said("refused"))
	case err == nil && o.Firsts[reviewKind(r)] != "":
		d.goTo(w, r, "/approvals", said("first"))
	case err == nil:
		d.goTo(w, r, "/approvals", said("approved"))
	case fault.Is(err, fault.CodeForbidden):
		d.approvals(w, r, v, http.StatusForbidden, approvalsView{Problem: "maker"})
	case fault.Is(err, fault.CodeNotFound), fault.Is(err, fault.CodeOrderStateConflict):
		d.approvals(w, r, v, http.StatusConflict, approvalsView{Problem: "gone"})
	case fault.Is(err, fault.CodeQuoteExpired):
		d.approvals(w, r, v, http.StatusConflict, approvalsView{Problem: "rate"})
	default:
		d.failed(w, r, err)
	}
}

func reviewKind(r *http.Request) order.ReviewKind { return order.ReviewKind(r.PostFormValue("review")) }

func (d *Dashboard) decideReview(r *http.Request, v visitor, orderID string, approve bool, reason string) (*engine.Order, error) {
	if approve {
		return d.engine.Approve(r.Context(), orderID, reviewKind(r), order.ByOperator, v.Person.ID)
	}
	return d.engine.Refuse(r.Context(), orderID, reviewKind(r), order.ByOperator, v.Person.ID, order.Reason(reason))
}

func (d *Dashboard) decideDelivery(r *http.Request, v visitor, orderID string, approve bool, reason string) error {
	do := d.engine.RefuseDelivery
	if approve {
		do = d.engine.ApproveDelivery
	}
	_, err := do(r.Context(), engine.Decision{OrderID: orderID, Transfer: r.PostFormValue("transfer"), Who: v.Person.ID, Reason: reason})
	return err
}
