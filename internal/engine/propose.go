package engine

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"till/internal/money"
	"till/internal/rail"
)

// Whose a credit may be that names nobody. A proposal changes nothing: the money lies in suspense until a person decides.

// maxProposals bounds what a person is shown of one booking, and how many orders of one amount are looked at for it.
const maxProposals = 20

// foreseen is what was read before a chunk's transaction, for proposals alone: what it says of orders is looked at again there.
type foreseen struct {
	known map[string]bool      // of the end-to-end ids and near references: those that are instruments
	open  map[string][]knowing // orders that are due an amount, and who would pay them
}

// knowing is an order with what is known of its payer.
type knowing struct {
	order    string
	accounts []string
	people   []string // names and documents, folded
}

// foresee reads what could be proposed for the credits among bookings.
func (e *Engine) foresee(ctx context.Context, n Network, list []rail.Booking) (foreseen, error) {
	var f foreseen
	err := e.store.View(ctx, func(rd Reader) (err error) {
		f = foreseen{open: map[string][]knowing{}}
		var asked []string
		for _, b := range list {
			if b.Credit && !b.Pending {
				asked = append(asked, b.Near...)
				asked = append(asked, b.References...)
				asked = append(asked, nonEmpty(b.EndToEnd, b.Virtual)...)
			}
		}
		if f.known, err = rd.KnownInstruments(n.Family, asked); err != nil {
			return err
		}
		for _, b := range list {
			if !b.Credit || b.Pending || b.Reversal || b.Return != "" || f.knows(b) || b.Party == (rail.Party{}) {
				continue
			}
			if _, done := f.open[b.Amount.String()]; done {
				continue
			}
			if f.open[b.Amount.String()], err = awaiting(rd, n, b.Amount); err != nil {
				return err
			}
		}
		return nil
	})
	return f, err
}

func nonEmpty(list ...string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// knows says that a booking names an instrument, so that nobody has to guess.
func (f foreseen) knows(b rail.Booking) bool {
	is := func(name string) bool { return f.known[name] }
	return slices.ContainsFunc(b.References, is) || is(b.Virtual) || is(b.EndToEnd)
}

// awaiting is the open orders of an amount with what is known of who pays them.
func awaiting(rd Reader, n Network, due money.Amount) ([]knowing, error) {
	orders, err := rd.OpenOrders(n.Mode, n.Rail, due, maxProposals)
	if err != nil {
		return nil, err
	}
	list := make([]knowing, 0, len(orders))
	for i := range orders {
		k, err := payerOf(rd, &orders[i])
		if err != nil {
			return nil, err
		}
		list = append(list, k)
	}
	return list, nil
}

// payerOf is what an order, its customer and the customer's accounts say of who pays it.
func payerOf(rd Reader, o *Order) (knowing, error) {
	k := knowing{order: o.ID}
	person := func(texts ...string) {
		for _, t := range texts {
			if t = fold(t); t != "" {
				k.people = append(k.people, t)
			}
		}
	}
	person(o.Enforced.Document)
	for _, c := range o.Chosen {
		person(c.Given[FieldName], c.Given[FieldDocument])
	}
	for _, p := range o.Payments {
		person(p.Evidence.Name, p.Evidence.Document)
		k.accounts = append(k.accounts, nonEmpty(accountNumber(p.Evidence.From))...)
	}
	if o.Notify.Customer == "" {
		return k, nil
	}
	d, err := rd.Document(KindCustomer, o.Notify.Customer)
	if err != nil || d == nil {
		return k, err
	}
	c, err := customerOf(d, d.Scope)
	if err != nil {
		return k, err
	}
	person(c.FirstName+" "+c.LastName, c.Document.Number)
	accounts, err := rd.Documents(DocumentFilter{Kind: KindAccount, Scope: d.Scope, Parent: c.ID, Page: 1, Limit: maxProposals, Descending: true})
	if err != nil {
		return k, err
	}
	for i := range accounts.List {
		a, err := accountOf(&accounts.List[i], d.Scope)
		if err != nil {
			return k, err
		}
		if a.Bank != nil {
			k.accounts = append(k.accounts, nonEmpty(accountNumber(a.Bank.Number))...)
		}
	}
	return k, nil
}

// side is the other side of a booking, as it is compared.
type side struct{ number, name, document string }

func sideOf(p rail.Party) side {
	return side{accountNumber(p.Account), fold(p.Name), fold(p.Document)}
}

// is says that the other side of a booking is the payer that is known.
func (k knowing) is(s side) bool {
	return s.number != "" && slices.Contains(k.accounts, s.number) || s.name != "" && slices.Contains(k.people, s.name) || s.document != "" && slices.Contains(k.people, s.document)
}

// accountNumber is an account's number without what people put between its digits.
func accountNumber(text string) string {
	return strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, text))
}

// fold is the words of a name, without case and accents, in one order: banks write surnames first and leave accents out.
func fold(text string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return ' '
	}, norm.NFD.String(text))
	words := strings.Fields(plain)
	slices.Sort(words)
	return strings.Join(words, " ")
}

// propose is the open orders that a credit may be of: those it names, when they are several, those whose reference is one slip away, and
// those of its amount whose payer is known. Never those of its amount alone.
func (im *importing) propose(b *Booking, owners []Hold) (list []Proposal, err error) {
	add := func(id string, why ProposalReason, reference string) error {
		if len(list) == maxProposals || slices.ContainsFunc(list, func(p Proposal) bool { return p.Order == id }) || (Hold{OrderID: id}).IsStanding() {
			return nil
		}
		o, err := im.tx.Order(id)
		if err != nil || !o.State.Collecting() || o.Scope.Mode != im.n.Mode {
			return err
		}
		list = append(list, Proposal{Order: id, Public: o.PublicID, Why: why, Reference: reference})
		return nil
	}
	for _, hold := range owners {
		if err := add(hold.OrderID, ProposedNamed, hold.Instrument.Value); err != nil {
			return nil, err
		}
	}
	var near []string
	for _, name := range b.Near {
		if im.foreseen.known[name] {
			near = append(near, name)
		}
	}
	alike, err := im.holders(near, b.heldAt())
	if err != nil {
		return nil, err
	}
	for _, hold := range alike {
		if err := add(hold.OrderID, ProposedNear, hold.Instrument.Value); err != nil {
			return nil, err
		}
	}
	open := im.foreseen.open[b.Amount.String()]
	if len(open) == 0 {
		return list, nil
	}
	from := sideOf(b.Party)
	for _, k := range open {
		if !k.is(from) {
			continue
		}
		if err := add(k.order, ProposedPayer, ""); err != nil {
			return nil, err
		}
	}
	return list, nil
}
