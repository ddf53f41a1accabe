package engine

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"till/internal/fault"
	"till/internal/order"
	"till/internal/party"
	"till/internal/rail"
)

// How the payer of an order chooses a method, and another one after it. Each choice is an attempt with an instrument
// of its own; the instruments of all its attempts stay the order's until it ends, so that money which comes to any of
// them finds it.

// AnyMethod, alone in Order.Methods, stands for every method that fits the order.
const AnyMethod = "*"

// maxAttempts is how often the payer of one order may choose. Who wants to go on asks the merchant.
const maxAttempts = 30

// Pick is what a payer chose.
type Pick struct {
	Method string            // its code
	Given  map[string]string // what the method wants to know, by the Field constants; what is missing is asked for later
}

// Chosen is what surrounds an attempt: which method it is of, and what its payer pays to.
type Chosen struct {
	Method     string // its code
	Network    string // id of the network that serves it
	Rail       rail.Name
	Instrument Instrument
	Skew       time.Duration     `json:",omitzero"` // how far the rail's clock was ahead of ours then; taken off value times
	At         time.Time         // when it was chosen, on the mode's clock
	Given      map[string]string `json:",omitempty"` // what the payer said, by the Field constants
	Asked      string            `json:",omitempty"` // under what key the rail was asked to pay by itself; "": it was not, or not any more
	Page       AtPage            `json:",omitzero"`  // of a network whose attempts have pages of the far side's
	Reason     string            `json:",omitempty"` // the far side's own word for why it refused last; "": it did not, or gave none
}

// Enforced is who must pay an order: whose document is another does not.
type Enforced struct {
	Country  string // whose rules the document follows
	Document string // in its canonical spelling; empty: anybody pays
	Shown    bool   `json:",omitempty"` // the payer gave it on our page
}

// MethodsOf lists the methods that the payer of an order may choose, by country and code.
func (e *Engine) MethodsOf(o *Order) []Method {
	if len(o.Methods) == 0 {
		return nil
	}
	f := MethodFilter{API: o.Scope.Dialect, Currency: o.Terms.Due.Asset().Code(), Amount: o.Terms.Due}
	if o.Methods[0] != AnyMethod {
		f.Codes = o.Methods
	}
	return e.Methods(o.Scope.Mode, f)
}

// MethodOf is the method of an attempt as it is configured now. ok is false when it is no more.
func (e *Engine) MethodOf(o *Order, c Chosen) (m Method, ok bool) {
	list := e.Methods(o.Scope.Mode, MethodFilter{API: o.Scope.Dialect, Currency: o.Terms.Due.Asset().Code(), Codes: []string{c.Method}})
	if len(list) == 0 {
		return Method{}, false
	}
	return list[0], true
}

// Current is the attempt in progress, by its id; ok is false when there is none.
func (o *Order) Current() (id string, c Chosen, ok bool) {
	for _, a := range o.Attempts {
		if a.State == order.AttemptOpen || a.State == order.AttemptPending {
			c, ok = o.Chosen[a.ID]
			return a.ID, c, ok
		}
	}
	return "", Chosen{}, false
}

// Lacks is what the payer must still say before he is told how to pay: the method's fields, and the document that is
// enforced where the rail does not report one.
func (o *Order) Lacks(m Method, c Chosen) []string {
	var list []string
	for _, field := range Fields() {
		asked := slices.Contains(m.Required, field) && c.Given[field] == ""
		if field == FieldDocument && o.Enforced.Document != "" && !o.Enforced.Shown && (asked || !m.Reports) {
			asked = true
		}
		if asked {
			list = append(list, field)
		}
	}
	return list
}

// MayChoose says whether the payer may choose a method now, or another one: the order waits for money, none that
// counts was seen, and its terms allow more than one attempt or there was none.
func (o *Order) MayChoose() bool {
	return len(o.Methods) > 0 && o.State.Collecting() && o.Arrived().InTime().Sign() == 0 &&
		len(o.Attempts) < maxAttempts && (!o.Terms.OneAttempt || len(o.Attempts) == 0)
}

// Choose opens an attempt: the payer will pay by this method. The attempt before it is closed; choosing again what is
// chosen changes nothing but what is given.
//
// Errors: not_found; invalid_value (on "method": it is not one of the order's; on "bank": not one of the method's),
// order_state_conflict (money was seen, the order ended, or its terms allow no other attempt), not_configured (the
// method's rail has never told anything), no_address, and what Give says of what is given.
func (e *Engine) Choose(ctx context.Context, orderID string, p Pick) (*Order, error) {
	return e.paying(ctx, orderID, func(tx Tx, o *Order) error {
		list := e.MethodsOf(o)
		i := slices.IndexFunc(list, func(m Method) bool { return m.Code == p.Method })
		if i < 0 {
			return fault.New(fault.CodeInvalidValue, "this order cannot be paid by '"+p.Method+"'").On("method")
		}
		if id, c, ok := o.Current(); ok && c.Method == p.Method {
			return e.give(tx, o, id, p.Given)
		}
		if !o.MayChoose() {
			return fault.New(fault.CodeOrderStateConflict, "another method cannot be chosen any more")
		}
		o.Enforced.Shown = o.Enforced.Shown || p.Given[FieldDocument] != "" // open checks that it is the right one
		return e.open(tx, o, list[i], p.Given)
	})
}

// Give takes what the payer says about himself for the attempt in progress. A document is held against the one that
// is enforced.
//
// Errors: not_found, order_state_conflict (there is no attempt in progress), invalid_value, missing_field and too_long
// (on the field).
func (e *Engine) Give(ctx context.Context, orderID string, given map[string]string) (*Order, error) {
	return e.paying(ctx, orderID, func(tx Tx, o *Order) error {
		id, _, ok := o.Current()
		if !ok {
			return fault.New(fault.CodeOrderStateConflict, "no method is chosen")
		}
		return e.give(tx, o, id, given)
	})
}

// Declined says that the far side refused an attempt, and why in its own word ("" where it gave none). It is never refused:
// one that is over already stays what it is.
//
// Error: not_found.
func (e *Engine) Declined(ctx context.Context, orderID, attemptID, why string) (*Order, error) {
	return e.paying(ctx, orderID, func(tx Tx, o *Order) error {
		c, ok := o.Chosen[attemptID]
		if !ok {
			return fault.New(fault.CodeNotFound, "the order has no such attempt")
		}
		if id, _, open := o.Current(); open && id == attemptID { // saved with what follows from it
			c.Reason = why
			o.surroundAttempt(id, c)
		}
		out, err := e.apply(tx, o, order.Change{Kind: order.AttemptIsLost, Actor: order.ByEngine, Attempt: order.Attempt{ID: attemptID}}, false)
		if err != nil || !out.Changed {
			return err
		}
		return e.refusedPayment(tx, o, attemptID)
	})
}

// refusedPayment puts on record, for an order that completes when it is collected, the payment that a declined attempt would
// have been: who sells by such orders sees each try to pay them. One of which the rail told itself is on record already.
func (e *Engine) refusedPayment(tx Tx, o *Order, attemptID string) error {
	told := slices.ContainsFunc(o.Payments, func(p order.Payment) bool { return p.Attempt == attemptID })
	if !o.Terms.CompleteOnCollect || told {
		return nil
	}
	now, err := modeTime(tx, o.Scope.Mode)
	if err != nil {
		return err
	}
	c := o.Chosen[attemptID]
	_, err = e.apply(tx, o, order.Change{Kind: order.PayFailed, Actor: order.ByEngine, Payment: order.Payment{
		PaymentKey: order.PaymentKey{Rail: string(c.Rail), External: "declined/" + attemptID}, Amount: o.Terms.Due, Value: now,
		Source: payer(o.Terms.Book, c.Rail), Evidence: order.Evidence{To: c.Instrument.Value}, Attempt: attemptID,
	}}, false)
	return err
}

// paying is the bracket of what payers do.
func (e *Engine) paying(ctx context.Context, orderID string, do func(Tx, *Order) error) (*Order, error) {
	var o *Order
	err := e.update(ctx, Keys{Orders: []string{orderID}}, func(tx Tx) error {
		var err error
		if o, err = tx.Order(orderID); err != nil {
			return err
		}
		return do(tx, o)
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// open is an attempt by a method, inside a transaction. The order is on record.
func (e *Engine) open(tx Tx, o *Order, m Method, given map[string]string) error {
	n, err := e.Network(m.Network, o.Scope.Mode)
	if err != nil {
		return err
	}
	if n.Custodial == o.Terms.Book.IsWallet() {
		return errors.New("engine: the method " + m.Code + " collects for another book than the order's")
	}
	if err := m.Check(o.Terms.Due); err != nil {
		return err
	}
	if given, err = m.checkGiven(o, given); err != nil {
		return err
	}
	told, err := e.watched(tx, n, originOn(n))
	if err != nil {
		return err
	}
	clock, err := tx.Clock(o.Scope.Mode)
	if err != nil {
		return err
	}
	c := Chosen{Method: m.Code, Network: n.ID, Rail: n.Rail, At: clock.Shift(tx.Now()), Skew: aheadBy(told, tx.Now()), Given: o.carried(m, given)}
	if !n.Pages { // a page that was left is closed
		c.Instrument = o.reusable(c)
	}
	if c.Instrument.Value == "" {
		if c.Instrument, err = e.takeFor(tx, o, n, originOn(n), told); err != nil {
			return err
		}
	}
	id := tx.NewID()
	if c.Asked, err = e.ask(tx, o, m, id, c); err != nil {
		return err
	}
	if err := e.askPage(tx, o, n, m, id, &c); err != nil {
		return err
	}
	o.surroundAttempt(id, c)
	o.Network, o.Rail, o.Instrument, o.Skew, o.Head = c.Network, c.Rail, c.Instrument, c.Skew, told.Cursor.Head
	_, err = e.apply(tx, o, order.Change{Kind: order.Choose, Actor: order.ByPayer, Attempt: order.Attempt{ID: id, Method: m.Code}}, false)
	return err
}

// give adds to what the payer said for an attempt.
func (e *Engine) give(tx Tx, o *Order, id string, given map[string]string) error {
	c := o.Chosen[id]
	m, ok := e.MethodOf(o, c)
	if !ok {
		return fault.New(fault.CodeNotConfigured, "the method '"+c.Method+"' is not served any more")
	}
	given, err := m.checkGiven(o, given)
	if err != nil || len(given) == 0 {
		return err
	}
	c.Given = maps.Clone(c.Given)
	if c.Given == nil {
		c.Given = map[string]string{}
	}
	maps.Copy(c.Given, given)
	if given[FieldDocument] != "" {
		o.Enforced.Shown = true
	}
	if c.Asked == "" {
		if c.Asked, err = e.ask(tx, o, m, id, c); err != nil {
			return err
		}
	}
	n, err := e.Network(c.Network, o.Scope.Mode)
	if err != nil {
		return err
	}
	if err := e.askPage(tx, o, n, m, id, &c); err != nil {
		return err
	}
	o.surroundAttempt(id, c)
	return tx.SaveOrder(o)
}

// ask asks a rail whose payments are made up to make this one by itself, after a while: what it is to do is put into
// its memory in this transaction. It does nothing while the payer has to say something first.
func (e *Engine) ask(tx Tx, o *Order, m Method, id string, c Chosen) (key string, err error) {
	if m.Itself == 0 || len(o.Lacks(m, c)) > 0 {
		return "", nil
	}
	clock, err := tx.Clock(o.Scope.Mode)
	if err != nil {
		return "", err
	}
	wish := rail.Wish{ID: id, At: clock.Shift(tx.Now()).Add(m.Itself), Instrument: c.Instrument.Value, Amount: o.Terms.Due}
	if m.Reports {
		wish.Document = o.Enforced.Document
	}
	text, err := wish.Text()
	if err != nil {
		return "", err
	}
	return wish.Key(), tx.SaveRailState(c.Rail, wish.Key(), text)
}

// unask takes back what rails were asked for attempts that are not in progress any more.
func unask(tx Tx, o *Order) error {
	for _, a := range o.Attempts {
		c := o.Chosen[a.ID]
		if c.Page.Asked && !c.Page.Closed {
			if err := closePage(tx, a, &c); err != nil {
				return err
			}
			o.surroundAttempt(a.ID, c)
		}
		if c.Asked == "" || a.State == order.AttemptOpen || a.State == order.AttemptPending {
			continue
		}
		if err := tx.SaveRailState(c.Rail, c.Asked, nil); err != nil {
			return err
		}
		c.Asked = ""
		o.surroundAttempt(a.ID, c)
	}
	return nil
}

// checkGiven checks what a payer says of the fields that are asked for, and drops the rest.
func (m Method) checkGiven(o *Order, given map[string]string) (map[string]string, error) {
	kept := map[string]string{}
	for _, field := range Fields() {
		text := given[field]
		enforced := field == FieldDocument && o.Enforced.Document != ""
		if text == "" || !enforced && !slices.Contains(m.Required, field) {
			continue
		}
		checked, err := m.checkField(o, field, text)
		if err != nil {
			return nil, err
		}
		kept[field] = checked
	}
	return kept, nil
}

const maxField = 254

func (m Method) checkField(o *Order, field, text string) (string, error) {
	if len(text) > maxField {
		return "", fault.New(fault.CodeTooLong, "is longer than 254 bytes").On(field)
	}
	switch field {
	case FieldBank:
		if !slices.Contains(m.Banks, text) {
			return "", fault.New(fault.CodeInvalidValue, "'"+text+"' is not one of the banks of "+m.Code).On(field)
		}
	case FieldEmail:
		return party.Email(field, text)
	case FieldPhone:
		return party.Phone(field, text)
	case FieldDocument:
		number, err := party.DocumentNumber(field, cmp.Or(o.Enforced.Country, m.Country), text)
		if err == nil && o.Enforced.Document != "" && number != o.Enforced.Document {
			err = fault.New(fault.CodeInvalidValue, "this is not the document that must pay the order").On(field)
		}
		return number, err
	}
	return text, nil
}

// carried is what the payer said for earlier attempts and the method asks for too, and what he says now.
func (o *Order) carried(m Method, given map[string]string) map[string]string {
	all := map[string]string{}
	for _, a := range o.Attempts {
		for field, text := range o.Chosen[a.ID].Given {
			if field != FieldBank && slices.Contains(m.Required, field) {
				all[field] = text
			}
		}
	}
	maps.Copy(all, given)
	if len(all) == 0 {
		return nil
	}
	return all
}

// reusable is the instrument of an earlier attempt by the same method: who goes back and forth gets it again. One
// whose far side refused gets a new one, unless it comes from a pool.
func (o *Order) reusable(c Chosen) (in Instrument) {
	for _, a := range o.Attempts {
		was := o.Chosen[a.ID]
		switch {
		case was.Method != c.Method || was.Rail != c.Rail:
		case a.State == order.AttemptAbandoned:
			in = was.Instrument
		case a.State == order.AttemptDeclined:
			in = Instrument{} // also when it was left once, and taken up again before it was refused
		}
	}
	return in
}

func (o *Order) surroundAttempt(id string, c Chosen) {
	o.Chosen = maps.Clone(o.Chosen)
	if o.Chosen == nil {
		o.Chosen = map[string]Chosen{}
	}
	o.Chosen[id] = c
}

// paidBy is the attempt that money at an instrument belongs to: the last that was paid to it; "" for none.
func (o *Order) paidBy(r rail.Name, value string) (id string, c Chosen) {
	for _, a := range o.Attempts {
		if one := o.Chosen[a.ID]; one.Rail == r && one.Instrument.Value == value {
			id, c = a.ID, one
		}
	}
	return id, c
}

// stranger says that money came from somebody else than who must pay the order: by the document that the rail
// reports, or, where it reports none, because nobody showed that document here.
func (o *Order) stranger(reported string) bool {
	switch {
	case o.Enforced.Document == "":
		return false
	case reported == "":
		return !o.Enforced.Shown
	}
	number, err := party.DocumentNumber(FieldDocument, o.Enforced.Country, reported)
	return err != nil || number != o.Enforced.Document
}

// Paths is each rail that the order collects on, with each instrument it holds there.
func (o *Order) Paths() []Path {
	var list []Path
	add := func(p Path) {
		same := func(known Path) bool { return known.Rail == p.Rail && known.Instrument == p.Instrument }
		if p.Rail != "" && !slices.ContainsFunc(list, same) {
			list = append(list, p)
		}
	}
	for _, a := range o.Attempts {
		c := o.Chosen[a.ID]
		add(Path{Rail: c.Rail, Instrument: c.Instrument, Skew: c.Skew})
	}
	add(Path{Rail: o.Rail, Instrument: o.Instrument, Skew: o.Skew})
	add(Path{Rail: o.Gateway.Rail, Instrument: o.Gateway.Request})
	return list
}

// Instruments is what the order holds or held, each once.
func (o *Order) Instruments() (list []Instrument) {
	for _, p := range o.Paths() {
		if p.Instrument.Value != "" && !slices.Contains(list, p.Instrument) {
			list = append(list, p.Instrument)
		}
	}
	return list
}

// Path is one way on which money may come to an order.
type Path struct {
	Rail       rail.Name
	Instrument Instrument // zero: the far side knows the order in another way
	Skew       time.Duration
}
