package sandbox

import (
	"context"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// Payment is a payment to make up, or a further word about one.
type Payment struct {
	ID        string // the rail's id of it; "": a new one. A known one tells more of the same payment
	Reference string // what the payer was asked to name
	Amount    money.Amount
	Rank      order.Rank // what is told of it; 0: confirmed
	From      string     // the payer's account; "": "payer"
	Name      string     // the payer's name
	Document  string     // the payer's document, as the far side reports it; "": it reports none
}

// maxText bounds what a caller names.
const maxText = 100

// defaultFrom is the account a payment comes from when nobody says. As a destination it takes a refund.
const defaultFrom = "payer"

// Pay makes a payment up and returns its id. It is told as soon as somebody listens, and each call tells
// something, even what was told before. The payment keeps the value time of its first telling.
//
// Errors: invalid_value (reference, id, rank, from, name), invalid_amount, idempotency_conflict when the id
// is that of another payment.
func (r *Rail) Pay(ctx context.Context, p Payment) (id string, err error) {
	if p, err = r.complete(p); err != nil {
		return "", err
	}
	return p.ID, r.update(ctx, func(m rail.Memory) error {
		was := rail.Observation{}
		known, err := rail.Load(m, paymentKey+p.ID, &was)
		if err != nil {
			return err
		}
		if known && (was.Instrument != p.Reference || !was.Amount.Equal(p.Amount)) {
			return fault.New(fault.CodeIdempotencyConflict, "this id is that of another payment")
		}
		word := rail.Observation{
			External: p.ID, Instrument: p.Reference, Rank: p.Rank, Amount: p.Amount, Value: r.now().UTC().Truncate(time.Microsecond),
			Evidence: order.Evidence{Tx: p.ID, From: p.From, To: p.Reference, Name: p.Name, Document: p.Document},
			Final:    p.Rank == order.RankReversed,
		}
		if known {
			word.Value, word.Evidence = was.Value, was.Evidence
		} else if err := rail.Save(m, paymentKey+p.ID, word); err != nil {
			return err
		}
		return tell(m, word)
	})
}

// complete checks a payment and fills in what the caller left out.
func (r *Rail) complete(p Payment) (Payment, error) {
	reference, err := Canonical(p.Reference)
	if err != nil {
		return p, err
	}
	p.Reference = reference
	if p.Amount.Sign() <= 0 {
		return p, fault.New(fault.CodeInvalidAmount, "a payment is above zero").On("amount")
	}
	if p.ID == "" {
		p.ID = strings.ToLower(Prefix) + r.newID()
	}
	if p.Rank == 0 {
		p.Rank = order.RankConfirmed
	}
	if p.From == "" {
		p.From = defaultFrom
	}
	switch {
	case len(p.ID) > maxText:
		return p, fault.New(fault.CodeInvalidValue, "the id is too long").On("id")
	case p.Rank > order.RankReversed:
		return p, fault.New(fault.CodeInvalidValue, "there is no such rank").On("rank")
	case len(p.From) > maxText:
		return p, fault.New(fault.CodeInvalidValue, "the account is too long").On("from")
	case len(p.Name) > maxText:
		return p, fault.New(fault.CodeInvalidValue, "the name is too long").On("name")
	case len(p.Document) > maxText:
		return p, fault.New(fault.CodeInvalidValue, "the document is too long").On("document")
	}
	return p, nil
}

// Canonical is a reference in the one spelling it is kept in: a payer may write it in small letters and with
// spaces. Error: invalid_value.
func Canonical(reference string) (string, error) {
	canonical := strings.ToUpper(strings.ReplaceAll(reference, " ", ""))
	word, ok := strings.CutPrefix(canonical, Prefix)
	if !ok || word == "" || len(word) > maxText || strings.Trim(word, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		return "", fault.New(fault.CodeInvalidValue, "a reference is '"+Prefix+"' and letters or digits").On("reference")
	}
	return canonical, nil
}
