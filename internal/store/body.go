package store

import (
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/money"
)

// orderBody is the record as encoding/json writes it without escapes for HTML, for a third of the cost: every order writes one. The
// dialect's document is kept beside it, for its bytes must not change; the rail's head belongs to the moment of reading; payments have
// rows of their own. What few orders have at their creation is left to encoding/json.
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
	w.rare("transfers", o.Transfers, len(o.Transfers))
	w.rare("reviews", o.Reviews, len(o.Reviews))
	w.rare("balances", o.Balances, len(o.Balances))

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
	w.rare("Words", o.Words, len(o.Words))
	if o.Purchase != (engine.Purchase{}) {
		w.name("Purchase")
		w.other(o.Purchase)
	}
	w.word("PolicyApproval", o.PolicyApproval)
	if o.Quote != nil {
		w.rare("Quote", o.Quote, 1)
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
	w.rare("Sendings", o.Sendings, len(o.Sendings))
	w.time("CreatedAt", o.CreatedAt)
	w.time("UpdatedAt", o.UpdatedAt)
	w.moment("EndedAt", o.EndedAt)
	if o.Closing.Rail != "" || o.Closing.External != "" {
		w.name("Closing")
		w.begin()
		w.string("rail", o.Closing.Rail)
		w.string("external", o.Closing.External)
		w.end()
	}
	if o.ClosingAt != 0 {
		w.name("ClosingAt")
		w.text = strconv.AppendUint(w.text, o.ClosingAt, 10)
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
	w.text = append(append(append(w.text, '"'), name...), '"', ':')
}

func (w *body) string(name, value string) {
	w.name(name)
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

func (w *body) amount(name string, value money.Amount) {
	text, err := value.MarshalText()
	w.string(name, string(text))
	w.keep(err)
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
