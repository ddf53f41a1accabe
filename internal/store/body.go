package store

import (
	"slices"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

// orderBody is the record as encoding/json writes it without escapes for HTML, for a third of the cost: every order writes one. The
// dialect's document is kept beside it, for its bytes must not change; the rail's head belongs to the moment of reading; payments have
// rows of their own. What few orders have is left to encoding/json.
func orderBody(o *engine.Order) (string, error) {
	w := &body{text: make([]byte, 0, 1024)}
	w.begin()
	w.name("terms")
	w.terms(o)
	w.string("state", string(o.State))
	w.word("overlay", string(o.Overlay))
	w.word("reason", string(o.Reason))
	w.moment("through", o.Through)
	w.rare("attempts", o.Attempts, len(o.Attempts))
	if len(o.Transfers) > 0 {
		w.name("transfers")
		array(w, o.Transfers, w.transfer)
	}
	w.rare("reviews", o.Reviews, len(o.Reviews))
	if len(o.Balances) > 0 {
		w.name("balances")
		array(w, o.Balances, w.balance)
	}

	w.string("ID", o.ID)
	w.string("PublicID", o.PublicID)
	w.name("Scope")
	w.begin()
	w.string("Merchant", o.Scope.Merchant)
	w.string("Mode", string(o.Scope.Mode))
	w.string("Dialect", o.Scope.Dialect)
	w.end()
	w.number("Number", o.Number)
	w.string("Reference", o.Reference)
	w.word("UniqueKey", o.UniqueKey)
	w.word("Offer", o.Offer)
	w.word("Kind", o.Kind)
	if len(o.Words) > 0 {
		w.name("Words")
		array(w, o.Words, func(word *string) { w.quoted(*word) })
	}
	if o.Purchase != (engine.Purchase{}) {
		w.name("Purchase")
		w.other(o.Purchase)
	}
	w.word("PolicyApproval", o.PolicyApproval)
	w.rare("Asks", o.Asks, len(o.Asks))
	w.rare("Findings", o.Findings, len(o.Findings))
	w.rare("Requested", o.Requested, len(o.Requested))
	w.word("Inquiry", o.Inquiry)
	w.rare("Firsts", o.Firsts, len(o.Firsts))
	if o.Quote != nil {
		w.name("Quote")
		w.frozen(o.Quote)
	}
	w.word("Deal", o.Deal)
	w.word("Follows", o.Follows)
	if o.Releases != (engine.Releases{}) {
		w.rare("Releases", o.Releases, 1)
	}
	w.string("Network", o.Network)
	w.string("Rail", string(o.Rail))
	w.name("Instrument")
	w.begin()
	w.string("Family", string(o.Instrument.Family))
	w.string("Value", o.Instrument.Value)
	w.end()
	w.rare("Methods", o.Methods, len(o.Methods))
	w.rare("Chosen", o.Chosen, len(o.Chosen))
	if o.Enforced != (engine.Enforced{}) {
		w.name("Enforced")
		w.other(o.Enforced)
	}
	if o.Gateway != (engine.AtGateway{}) {
		w.rare("Gateway", o.Gateway, 1)
	}
	w.word("Standing", o.Standing)
	w.number("Rest", int64(o.Rest))
	if o.Skew != 0 {
		w.number("Skew", int64(o.Skew))
	}
	if !o.Notify.IsZero() {
		w.rare("Notify", o.Notify, 1)
	}
	if o.Destination != (engine.Destination{}) {
		w.name("Destination")
		w.begin()
		w.string("Rail", string(o.Destination.Rail))
		w.string("To", o.Destination.To)
		w.end()
	}
	if o.Approval != (engine.Approval{}) {
		w.rare("Approval", o.Approval, 1)
	}
	w.word("Maker", o.Maker)
	w.moment("SendAt", o.SendAt)
	if len(o.Sendings) > 0 {
		w.name("Sendings")
		w.sendings(o.Sendings)
	}
	w.time("CreatedAt", o.CreatedAt)
	w.time("UpdatedAt", o.UpdatedAt)
	w.moment("EndedAt", o.EndedAt)
	w.payment("Closing", o.Closing)
	if o.ClosingAt != 0 {
		w.count("ClosingAt", o.ClosingAt)
	}
	w.number("Version", o.Version)
	w.number("EventSeq", o.EventSeq)
	w.end()
	return string(w.text), w.err
}

func (w *body) terms(o *engine.Order) {
	t := &o.Terms
	w.begin()
	w.string("book", string(t.Book))
	w.amount("due", t.Due)
	w.sum("fee", t.Fee)
	w.sum("out", t.Out)
	w.string("to", string(t.To))
	if t.Referral != (order.Referral{}) {
		w.name("referral")
		w.other(t.Referral)
	}
	w.yes("fromBalance", t.FromBalance)
	w.yes("whole", t.Whole)
	w.sum("under", t.Under)
	w.sum("over", t.Over)
	w.yes("overAny", t.OverAny)
	w.yes("oneAttempt", t.OneAttempt)
	w.yes("dueFollows", t.DueFollows)
	w.moment("deadline", t.Deadline)
	w.yes("seenWaits", t.SeenWaits)
	w.moment("confirmBy", t.ConfirmBy)
	w.yes("instant", t.Instant)
	if t.Sends != 0 {
		w.number("sends", int64(t.Sends))
	}
	w.yes("completeOnCollect", t.CompleteOnCollect)
	w.yes("merchantCancels", t.MerchantCancels)
	w.end()
}

func (w *body) transfer(t *order.Transfer) {
	w.begin()
	w.string("id", t.ID)
	w.string("purpose", string(t.Purpose))
	w.string("state", string(t.State))
	w.amount("amount", t.Amount)
	w.word("source", string(t.Source))
	w.word("to", string(t.To))
	w.word("rail", t.Rail)
	w.time("at", t.At)
	w.end()
}

func (w *body) balance(b *order.Balance) {
	w.begin()
	w.string("account", string(b.Account))
	w.amount("amount", b.Amount)
	w.end()
}

func (w *body) frozen(q *engine.Frozen) {
	w.begin()
	w.word("id", q.ID)
	w.amount("amountIn", q.AmountIn)
	w.amount("amountOut", q.AmountOut)
	w.amount("fee", q.Fee)
	w.string("exchangeRate", q.ExchangeRate.String())
	w.amount("tax", q.Tax)
	w.rare("rates", q.Rates, len(q.Rates))
	w.time("made", q.Made)
	w.time("ends", q.Ends)
	w.end()
}

func (w *body) sendings(all map[string]engine.Sending) {
	ids := make([]string, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	w.begin()
	for _, id := range ids {
		s := all[id]
		w.name(id)
		w.begin()
		w.string("Rail", string(s.Rail))
		w.string("To", s.To)
		w.word("Ref", string(s.Ref))
		w.moment("Look", s.Look)
		if s.Looks != 0 {
			w.number("Looks", int64(s.Looks))
		}
		w.word("Why", s.Why)
		w.word("Doc", s.Doc)
		w.word("Reason", s.Reason)
		if s.Approval != (engine.Approval{}) {
			w.rare("Approval", s.Approval, 1)
		}
		w.word("Maker", s.Maker)
		w.end()
	}
	w.end()
}

// paymentBody is the record of a payment, as encoding/json writes it.
func paymentBody(p *engine.Stray) (string, error) {
	w := &body{text: make([]byte, 0, 512)}
	w.begin()
	w.string("rail", p.Rail)
	w.string("external", p.External)
	w.count("epoch", p.Epoch)
	w.count("rank", uint64(p.Rank))
	w.amount("amount", p.Amount)
	w.time("value", p.Value)
	w.time("told", p.Told)
	w.moment("settled", p.Settled)
	w.word("booked", string(p.Booked))
	w.string("source", string(p.Source))
	w.evidence(p.Evidence)
	w.word("attempt", p.Attempt)
	w.yes("stranger", p.Stranger)
	w.yes("listed", p.Listed)
	w.yes("final", p.Final)
	w.string("Mode", string(p.Mode))
	w.string("Merchant", p.Merchant)
	w.name("Instrument")
	w.begin()
	w.string("Family", string(p.Instrument.Family))
	w.string("Value", p.Instrument.Value)
	w.end()
	w.end()
	return string(w.text), w.err
}

// factsBody is what an event says, as encoding/json writes it.
func factsBody(f *engine.Facts) (string, error) {
	w := &body{text: make([]byte, 0, 256)}
	w.begin()
	w.sum("received", f.Received)
	w.payment("payment", f.Payment)
	w.sum("amount", f.Amount)
	w.evidence(f.Evidence)
	if f.Confirmations != 0 {
		w.count("confirmations", f.Confirmations)
	}
	w.word("ref", f.Ref)
	w.moment("at", f.At)
	if len(f.Details) > 0 {
		names := make([]string, 0, len(f.Details))
		for name := range f.Details {
			names = append(names, name)
		}
		slices.Sort(names)
		w.name("details")
		w.begin()
		for _, name := range names {
			w.string(name, f.Details[name])
		}
		w.end()
	}
	w.word("endpoint", f.Endpoint)
	w.end()
	return string(w.text), w.err
}

func (w *body) payment(name string, k order.PaymentKey) {
	if k == (order.PaymentKey{}) {
		return
	}
	w.name(name)
	w.begin()
	w.string("rail", k.Rail)
	w.string("external", k.External)
	w.end()
}

func (w *body) evidence(e order.Evidence) {
	if e == (order.Evidence{}) {
		return
	}
	w.name("evidence")
	w.begin()
	w.word("tx", e.Tx)
	if e.Block != 0 {
		w.count("block", e.Block)
	}
	w.word("blockHash", e.BlockHash)
	if e.Index != 0 {
		w.count("index", e.Index)
	}
	w.moment("at", e.At)
	w.word("from", e.From)
	w.word("to", e.To)
	w.word("name", e.Name)
	w.word("document", e.Document)
	w.word("text", e.Text)
	w.end()
}

// array writes a list.
func array[T any](w *body, all []T, one func(*T)) {
	w.text = append(w.text, '[')
	for i := range all {
		if i > 0 {
			w.text = append(w.text, ',')
		}
		one(&all[i])
	}
	w.text = append(w.text, ']')
}

// body is the JSON of an order while it is written. string, number, amount and time write always; word, sum, yes, moment and rare leave
// out what is zero.
type body struct {
	text []byte
	err  error
}

func (w *body) begin() { w.text = append(w.text, '{') }
func (w *body) end()   { w.text = append(w.text, '}') }

func (w *body) name(name string) {
	if w.text[len(w.text)-1] != '{' {
		w.text = append(w.text, ',')
	}
	w.quoted(name)
	w.text = append(w.text, ':')
}

func (w *body) string(name, value string) {
	w.name(name)
	w.quoted(value)
}

func (w *body) quoted(value string) {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			w.other(value)
			return
		}
	}
	w.text = append(append(append(w.text, '"'), value...), '"')
}

func (w *body) word(name, value string) {
	if value != "" {
		w.string(name, value)
	}
}

func (w *body) number(name string, value int64) {
	w.name(name)
	w.text = strconv.AppendInt(w.text, value, 10)
}

func (w *body) count(name string, value uint64) {
	w.name(name)
	w.text = strconv.AppendUint(w.text, value, 10)
}

func (w *body) amount(name string, value money.Amount) {
	w.name(name)
	text, err := value.AppendText(append(w.text, '"'))
	w.keep(err)
	w.text = append(text, '"')
}

func (w *body) sum(name string, value money.Amount) {
	if !value.IsZero() {
		w.amount(name, value)
	}
}

func (w *body) yes(name string, value bool) {
	if value {
		w.name(name)
		w.text = append(w.text, "true"...)
	}
}

func (w *body) time(name string, value time.Time) {
	w.name(name)
	text, err := value.AppendText(append(w.text, '"'))
	w.keep(err)
	if err == nil {
		w.text = append(text, '"')
	}
}

func (w *body) moment(name string, value time.Time) {
	if !value.IsZero() {
		w.time(name, value)
	}
}

func (w *body) rare(name string, value any, n int) {
	if n > 0 {
		w.name(name)
		w.other(value)
	}
}

func (w *body) other(value any) {
	text, err := toJSON(value)
	w.text = append(w.text, text...)
	w.keep(err)
}

func (w *body) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}
