package engine

import (
	"encoding/json"

	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/screen"
)

// PostPaymentScreening is a merchant's setting: false says that he wants no money of who is on a list. Then a payment with a hit
// is set aside in suspense/refused and does not count; else, and by default, it counts, and its funds are withheld until a
// person has decided.
const PostPaymentScreening = "post_payment_screening"

// screenPayment looks up who sent money that is confirmed now for an order which completes when it is collected, before the
// order is told. On a hit it opens the compliance review, so that the money is withheld by the change that books it, and asks
// for the order's documents; or it marks the payment as one that does not count.
func (e *Engine) screenPayment(tx Tx, o *Order, c *order.Change) error {
	if !o.Terms.CompleteOnCollect || c.Kind != order.PayConfirmed && c.Kind != order.AssignIt {
		return nil
	}
	p := &c.Payment
	was := order.Payment{}
	for _, known := range o.Payments {
		if known.PaymentKey == p.PaymentKey {
			was = known
		}
	}
	p.Listed = was.Listed
	if was.Rank != 0 && (p.Epoch < was.Epoch || p.Epoch == was.Epoch && was.Rank >= order.RankConfirmed) {
		return nil // nothing new
	}
	for _, f := range o.Findings {
		if f.Review == order.Compliance && f.Payment == p.PaymentKey {
			return nil // looked up before: it was mined again
		}
	}
	findings := e.sender(o.Scope.Mode, *p, was.Evidence)
	if len(findings) == 0 {
		return nil
	}
	now, err := modeTime(tx, o.Scope.Mode)
	if err != nil {
		return err
	}
	o.found(findings, now)
	settings, err := tx.Settings(SettingScope{Merchant: o.Scope.Merchant, Mode: o.Scope.Mode})
	if err != nil {
		return err
	}
	if string(settings[PostPaymentScreening]) == "false" {
		p.Listed = true
		return nil
	}
	counts := *p
	if counts.Value.IsZero() {
		counts.Value = now
	}
	if r := o.reviewOf(order.Compliance); !o.State.Live() || o.Terms.Counts(counts) != ledger.In || r != nil && r.State != order.ReviewApproved {
		return nil // it is set aside anyway, or somebody looks already
	}
	if err := o.inquire(tx, now, e); err != nil {
		return err
	}
	if _, err := e.apply(tx, o, order.Change{Kind: order.Flag, Actor: order.ByEngine}, false); err != nil {
		return err
	}
	if len(o.Asks) == 0 {
		return nil
	}
	if err := o.request(order.Compliance, o.Asks, now, e.random); err != nil {
		return err
	}
	_, err = e.apply(tx, o, order.Change{Kind: order.Ask, Actor: order.ByEngine, Review: order.Compliance, Missing: o.missingOnceAsked()}, false)
	return err
}

// missingOnceAsked is the names that the compliance review misses when it is asked for documents now.
func (o *Order) missingOnceAsked() (names []string) {
	for _, r := range o.Requested {
		if r.Review == order.Compliance && r.Document == "" {
			names = append(names, r.Name)
		}
	}
	return names
}

// sender is what is found of who sent a payment, by its own evidence or, where that says less, by what was told before.
func (e *Engine) sender(m Mode, p order.Payment, before order.Evidence) (list []Finding) {
	name, from := p.Evidence.Name, p.Evidence.From
	if name == "" {
		name = before.Name
	}
	if from == "" {
		from = before.From
	}
	if name != "" {
		list = append(list, e.look(order.Compliance, p.PaymentKey, screen.Query{Name: name}, "")...)
	}
	if from != "" {
		list = append(list, e.look(order.Compliance, p.PaymentKey, screen.Query{}, from)...)
	}
	if m == Sandbox && (name == SandboxHitName || p.Amount.Units() == SandboxHitUnits) {
		list = append(list, Finding{Review: order.Compliance, Payment: p.PaymentKey, Asked: name, List: sandboxList, Name: SandboxHitName, Score: 1000})
	}
	return list
}

// refused says that a person refused the order, or its money.
func (o *Order) refused() bool {
	for _, kind := range []order.ReviewKind{order.Screening, order.Compliance} {
		if r := o.reviewOf(kind); r != nil && r.State == order.ReviewRefused {
			return true
		}
	}
	return false
}

// refusedRole is the account in which money of a refused order waits to go back.
func (o *Order) refusedRole() ledger.Role {
	if o.State == order.Failed {
		return ledger.Extra
	}
	return ledger.Refused
}

// sendBack gives the money of an order that was refused back to who sent it, each payment on the rail it came by and as far as
// that rail knows who it was and can send there. What cannot go back by itself stays where it is, for an operator
// (Order.ProposedRefund); so does money from a chain, whose sender may be an exchange's wallet. only is the payment that was
// told now; the zero key: all.
func (e *Engine) sendBack(tx Tx, o *Order, only order.PaymentKey, who string) error {
	if !o.Terms.CompleteOnCollect || !o.refused() || o.State != order.Failed && o.State != order.Completed {
		return nil
	}
	role, asset := o.refusedRole(), o.Terms.Due.Asset()
	for _, p := range o.paidInto(role, asset) {
		if only != (order.PaymentKey{}) && p.PaymentKey != only {
			continue
		}
		to := Destination{Rail: rail.Name(p.Rail), To: p.Evidence.From}
		amount := p.Amount
		if lies := o.Balance(o.Terms.Book.Account(role), asset); lies.Cmp(amount) < 0 {
			amount = lies
		}
		if amount.Sign() <= 0 || to.To == "" || !e.returns(to.Rail, o.Scope.Mode) {
			continue
		}
		id := tx.NewID()
		err := e.refund(tx, o, NewRefund{OrderID: o.ID, ID: id, Amount: amount, From: role, To: to, Actor: order.ByEngine, Who: who, Why: "refused"})
		if _, isFault := fault.As(err); isFault {
			delete(o.Sendings, id)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// returns says that what came by a rail can be sent back on it to who sent it.
func (e *Engine) returns(r rail.Name, m Mode) bool {
	for _, n := range e.Networks(m) {
		if n.Rail == r && n.Custodial && !n.ReceiveOnly {
			return true
		}
	}
	return false
}

// checkBool checks a setting that is true or false.
func checkBool(key string, value json.RawMessage) error {
	if string(value) != "true" && string(value) != "false" {
		return fault.New(fault.CodeInvalidValue, "want true or false").On(key)
	}
	return nil
}
