package engine

import (
	"crypto/rand"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/order"
	"till/internal/screen"
)

// Who pays is looked up on lists twice: when an order is made (those it is for, create.go) and when money for it is confirmed
// (who sent it, observe.go). A hit decides nothing: it opens a review, and a person decides (review.go). The lists are in
// memory and answer in a few milliseconds, so that payments are looked up inside their transaction, where nothing can come
// between the word of the lists and the money; orders are looked up before theirs
// (docs/adr/0035-screening-before-and-after-payment.md).

// Screener knows the lists of people and organisations that must not be dealt with. What it knows may change at any moment, and each
// answer is of one state of it. Safe for concurrent use.
type Screener interface {
	// Name is the entries that a name is like.
	Name(screen.Query) []screen.Hit
	// Address is the entries that name an address of a crypto currency.
	Address(address string) []screen.Hit
	// Entries is how many there are on all lists.
	Entries() int
}

// SetScreener says who knows the lists. It is called before the engine is used; without it there is nobody on any.
func (e *Engine) SetScreener(s Screener) { e.screener = s }

// Screened is what the lists say.
type Screened struct {
	Entries int // on all lists; 0: nothing was looked through
	Hits    []screen.Hit
}

// Screen looks a name and an address up on the lists; an empty one is not looked for. It is for operators to see what the lists
// say: it decides nothing and leaves no trace.
func (e *Engine) Screen(q screen.Query, address string) Screened {
	if e.screener == nil {
		return Screened{}
	}
	got := Screened{Entries: e.screener.Entries()}
	if q.Name != "" {
		got.Hits = e.screener.Name(q)
	}
	if address != "" {
		got.Hits = append(e.screener.Address(address), got.Hits...)
	}
	return got
}

// Screening is what is looked up when an order is made.
type Screening struct {
	Names     []screen.Query
	Accounts  []string // addresses of crypto currencies, and whatever else a list may name exactly
	Documents []string // the names of the documents to ask for on a hit, now or when the money comes; none: a person decides without
	Force     Force    // sandbox only; ignored in live
}

// Force is a verdict of the sandbox, whatever the lists say.
type Force string

// The forced verdicts.
const (
	ForceNothing   Force = ""          // what the lists say
	ForceDocuments Force = "documents" // a hit, with documents asked for
	ForceReview    Force = "review"    // a hit, that a person decides at once
	ForceRefusal   Force = "refuse"    // refused
)

// Sandbox triggers of a hit when money is confirmed.
const (
	SandboxHitUnits = "6623"              // the payment's amount in minor units, in any currency
	SandboxHitName  = "Sanctioned_Entity" // the payer's name
)

// sandboxList is the list of which the sandbox's own hits are.
const sandboxList = "sandbox"

// Finding is a hit that is kept with an order for the person who decides.
type Finding struct {
	Review  order.ReviewKind
	Payment order.PaymentKey `json:",omitzero"` // whose sender it is; zero: of who the order is for
	Asked   string           // the name or account that was looked up
	List    string
	Entry   string         `json:",omitempty"` // the list's own id
	Name    string         // which name or address of the entry
	Score   int            // 0 to 1000
	Why     []screen.Match `json:",omitempty"`
	At      time.Time      // on the mode's clock
}

// maxFindings is how many hits are kept with one order. A person who has seen so many has seen enough.
const maxFindings = 60

// Requested is a document that a review asks for, and what was given.
type Requested struct {
	ID       string // "rfidoc_...": what it is answered under
	Name     string // of the document: "Passport"
	Review   order.ReviewKind
	Document string    `json:",omitempty"` // the file's id; empty: it is still missing
	GivenAt  time.Time `json:",omitzero"`  // on the mode's clock
}

// MissingDocuments is the documents that the order's reviews still ask for, in the order in which they were asked for.
func (o *Order) MissingDocuments() (list []Requested) {
	for _, r := range o.Requested {
		if r.Document == "" && o.asksFor(r.Review) {
			list = append(list, r)
		}
	}
	return list
}

// MissingFor is MissingDocuments of one review.
func (o *Order) MissingFor(kind order.ReviewKind) (list []Requested) {
	for _, r := range o.MissingDocuments() {
		if r.Review == kind {
			list = append(list, r)
		}
	}
	return list
}

// asksFor says that a review waits for documents, and that they are still of use.
func (o *Order) asksFor(kind order.ReviewKind) bool {
	r := o.reviewOf(kind)
	return r != nil && r.State == order.ReviewDocuments && (!o.State.Terminal() || o.State == order.Completed)
}

// request opens a slot for each name and returns the names that the review misses now.
func (o *Order) request(kind order.ReviewKind, names []string, now time.Time, random io.Reader) error {
	for _, name := range names {
		id, err := publicID("rfidoc_", now, random)
		if err != nil {
			return err
		}
		o.Requested = append(o.Requested, Requested{ID: id, Name: name, Review: kind})
	}
	return nil
}

// checkAsked refuses names of documents that nobody could show: at most 20, each of 1 to 100 bytes, none twice.
func checkAsked(names []string) error {
	if len(names) == 0 {
		return fault.New(fault.CodeMissingField, "which documents are asked for is missing").On("documents")
	}
	if len(names) > 20 {
		return fault.New(fault.CodeInvalidValue, "at most 20 documents are asked for at once").On("documents")
	}
	for i, name := range names {
		if strings.TrimSpace(name) == "" || len(name) > 100 || slices.Contains(names[:i], name) {
			return fault.New(fault.CodeInvalidValue, "the name of a document has 1 to 100 bytes and stands there once").On("documents")
		}
	}
	return nil
}

// verdict is what a screening at creation came to.
type verdict struct {
	state    order.ReviewState // empty: nothing was found
	findings []Finding
}

// judge looks up who an order is for. It reads the lists and nothing else.
func (e *Engine) judge(s Screening, m Mode) verdict {
	var v verdict
	for _, q := range s.Names {
		v.findings = append(v.findings, e.look(order.Screening, order.PaymentKey{}, q, "")...)
	}
	for _, account := range s.Accounts {
		v.findings = append(v.findings, e.look(order.Screening, order.PaymentKey{}, screen.Query{}, account)...)
	}
	force := s.Force
	if m != Sandbox {
		force = ForceNothing
	}
	if force != ForceNothing {
		v.findings = append(v.findings, Finding{Review: order.Screening, Asked: string(force), List: sandboxList, Name: string(force), Score: 1000})
	}
	switch {
	case len(v.findings) == 0:
	case force == ForceRefusal:
		v.state = order.ReviewRefused
	case force != ForceReview && len(s.Documents) > 0:
		v.state = order.ReviewDocuments
	default:
		v.state = order.ReviewOpen
	}
	return v
}

// look is the findings of one name or account.
func (e *Engine) look(kind order.ReviewKind, p order.PaymentKey, q screen.Query, account string) (list []Finding) {
	asked := q.Name
	if account != "" {
		asked = account
	}
	for _, h := range e.Screen(q, account).Hits {
		list = append(list, Finding{
			Review: kind, Payment: p, Asked: asked, List: h.Entry.List, Entry: h.Entry.ID, Name: h.Name, Score: h.Score, Why: h.Why,
		})
	}
	return list
}

// screenedAtCreation writes what was found onto a new order and returns the review that it opens, if any.
func (o *Order) screenedAtCreation(v verdict, s Screening, now time.Time, random io.Reader) ([]order.Review, error) {
	o.Asks = s.Documents
	o.found(v.findings, now)
	if v.state == "" {
		return nil, nil
	}
	review := order.Review{Kind: order.Screening, State: v.state}
	if v.state == order.ReviewDocuments {
		if err := o.request(order.Screening, s.Documents, now, random); err != nil {
			return nil, err
		}
		review.Missing = slices.Clone(s.Documents)
	}
	if v.state == order.ReviewRefused {
		review.Reason = "the sandbox refuses it"
	}
	return []order.Review{review}, nil
}

// found keeps findings with the order.
func (o *Order) found(list []Finding, now time.Time) {
	for _, f := range list {
		if len(o.Findings) == maxFindings {
			return
		}
		f.At = now
		o.Findings = append(o.Findings, f)
	}
}

// publicID makes an id that anybody may see: a prefix, the seconds in hexadecimal (none for no time), and 132 random bits.
func publicID(prefix string, at time.Time, random io.Reader) (string, error) {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	if !at.IsZero() {
		prefix = fmt.Sprintf("%s%08x", prefix, uint32(at.Unix()))
	}
	id := []byte(prefix)
	for range 22 {
		n, err := rand.Int(random, big.NewInt(int64(len(letters))))
		if err != nil {
			return "", err
		}
		id = append(id, letters[n.Int64()])
	}
	return string(id), nil
}
