package engine

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/rail"
)

// Standing is a standing instruction: it holds instruments open-ended for a merchant's reference, at most one of each
// family. Each payment that arrives at one makes an order of its own, created and completed by what the rail tells
// (arrive.go). There is one for each reference for ever: what is bound to it comes and goes, its totals stay.
type Standing struct {
	ID        string // internal, sorts by time; never an order's
	Scope     Scope
	Number    int64       // counts the scope's from 1; given by the store at insertion
	Reference string      // the merchant's own, unique in the scope
	Prefix    string      // of the public ids of its orders
	Kind      string      `json:",omitempty"` // of its orders
	Only      money.Asset `json:",omitzero"`  // the one asset it takes; zero: every one
	Bindings  []Binding   // what it holds now
	Bound     int64       // how many bindings it ever had
	CreatedAt time.Time   // on the mode's clock
	UpdatedAt time.Time

	Arrivals int64          // completed ones
	Totals   []money.Amount // of them, by asset
	LastAt   time.Time      // when the last one was completed, on the mode's clock; zero: none was

	Version int64           // grows with each save; the store's guard
	Doc     json.RawMessage // what the dialect must remember and echo; the engine never reads it
}

// Binding is one instrument that a standing instruction holds.
type Binding struct {
	N          int64 // counts the standing instruction's from 1
	Instrument Instrument
	Made       bool      `json:",omitempty"` // a reference made for it alone, to be named where the network's Details say
	At         time.Time // on the mode's clock
	Doc        json.RawMessage
}

// Binding is what the standing instruction holds of a family; nil when it holds none.
func (s *Standing) Binding(f Family) *Binding {
	for i := range s.Bindings {
		if s.Bindings[i].Instrument.Family == f {
			return &s.Bindings[i]
		}
	}
	return nil
}

// StandingPrefix begins the id of every standing instruction: a hold names its owner, and nothing else of it.
const StandingPrefix = "std_"

// IsStanding says that the owner of a hold is a standing instruction and not an order.
func (h Hold) IsStanding() bool { return strings.HasPrefix(h.OrderID, StandingPrefix) }

// arrivals ends the word of the scope that arrivals are in.
const arrivals = "/arrivals"

// Arrivals is the scope of the orders that a scope's standing instructions make. They are numbered, counted and
// listed apart from the orders that were asked for; endpoints, keys and settings are those of the scope itself.
func (s Scope) Arrivals() Scope {
	s.Dialect = s.API() + arrivals
	return s
}

// spending ends the word of an API whose orders out of the balance are kept apart.
const spending = "/spending"

// Spending is the scope of a scope's orders that are paid out of the merchant's balance, for APIs that list and count them
// apart from those that somebody pays. Endpoints, keys and settings are those of the scope itself.
func (s Scope) Spending() Scope {
	s.Dialect = s.API() + spending
	return s
}

// API is the word of the API alone, also of a scope of arrivals or spending.
func (s Scope) API() string {
	return strings.TrimSuffix(strings.TrimSuffix(s.Dialect, arrivals), spending)
}

// Owner is the scope that has the endpoints and messages, also those that tell of arrivals and spending.
func (s Scope) Owner() Scope {
	s.Dialect = s.API()
	return s
}

// The events of a scope about its standing instructions. Ref is the standing instruction's internal id; the details
// are reference, family, value and binding (its N).
const (
	StandingBound   = "standing.bound"
	StandingUnbound = "standing.unbound"
)

// NewStanding asks for an instrument of a family's pool to be held for a reference.
type NewStanding struct {
	Scope     Scope
	Reference string
	Prefix    string // of the public ids of the orders that arrivals make
	Family    Family
	Kind      string          // of the orders that arrivals of a new reference make; see Order.Kind
	Only      money.Asset     // of a new reference: what arrives of any other asset is money of nobody; zero: it takes all
	Doc       json.RawMessage // of the reference; nil leaves what is remembered of it
	Binding   json.RawMessage // of this binding

	// Again says that a binding which is there is as good as a new one; else it is duplicate_standing.
	Again bool
	Repeatable[Bound]
}

// Bound is a standing instruction and the binding that was asked for, or the remembered answer to the same request.
type Bound struct {
	Standing *Standing
	Binding  Binding
	Replay   *Answer
}

// Bind holds an instrument for a reference, of the merchant's pool or made for it, until Unbind. From then on whatever arrives at it
// on any network of the family and mode is the reference's.
//
// Errors: duplicate_standing, idempotency_conflict, not_configured (no network of the family is watched), no_address.
func (e *Engine) Bind(ctx context.Context, n NewStanding) (Bound, error) {
	bound, replay, err := once(ctx, e, Keys{}, n.Repeatable, func(tx Tx) (Bound, error) { return e.bind(tx, n) })
	bound.Replay = replay
	return bound, err
}

func (e *Engine) bind(tx Tx, n NewStanding) (Bound, error) {
	clock, err := tx.Clock(n.Scope.Mode)
	if err != nil {
		return Bound{}, err
	}
	now := clock.Shift(tx.Now())
	st, err := tx.StandingByReference(n.Scope, n.Reference)
	if err != nil {
		return Bound{}, err
	}
	isNew := st == nil
	if isNew {
		st = &Standing{ID: StandingPrefix + tx.NewID(), Scope: n.Scope, Reference: n.Reference, Prefix: n.Prefix, Kind: n.Kind, Only: n.Only, CreatedAt: now}
	}
	if there := st.Binding(n.Family); there != nil {
		if !n.Again {
			return Bound{}, fault.New(fault.CodeDuplicateStanding, "this reference holds an instrument of the family already")
		}
		return Bound{Standing: st, Binding: *there}, nil
	}
	in, made, err := e.holdFor(tx, st, n.Family)
	if err != nil {
		return Bound{}, err
	}
	st.Bound++
	b := Binding{N: st.Bound, Instrument: in, Made: made, At: now, Doc: n.Binding}
	st.Bindings = append(st.Bindings, b)
	st.UpdatedAt = now
	if n.Doc != nil || st.Doc == nil {
		st.Doc = n.Doc
	}
	if isNew {
		err = tx.InsertStanding(st)
	} else {
		err = tx.SaveStanding(st)
	}
	if err != nil {
		return Bound{}, err
	}
	return Bound{Standing: st, Binding: b}, tellBinding(tx, StandingBound, st, b)
}

// valuedBefore is how long before its binding a payment may be valued that is a standing instruction's, on a rail that knows
// days and not moments: its day may have begun the day before, in another zone.
const valuedBefore = 48 * time.Hour

// holdFor gives a standing instruction an instrument of a family, of the merchant's pool. Where the family's network makes
// references that is a virtual account which nobody ever held, or, when there is none, a reference made for it alone.
func (e *Engine) holdFor(tx Tx, st *Standing, f Family) (in Instrument, made bool, err error) {
	const everyRail = ""
	pool := Pool{Merchant: st.Scope.Merchant, Mode: st.Scope.Mode, Family: f}
	for _, n := range e.Networks(st.Scope.Mode) {
		if n.Family == f && originOn(n) == Made {
			in, err = tx.TakeNewInstrument(pool, everyRail, st.ID, tx.Now().Add(-valuedBefore))
			if !fault.Is(err, fault.CodeNoAddress) {
				return in, false, err
			}
			value, err := e.reference(tx, n)
			if err != nil {
				return Instrument{}, false, err
			}
			in, err = tx.MakeInstrument(pool, everyRail, value, st.ID)
			return in, true, err
		}
	}
	from, _, err := e.familyTime(tx, f, st.Scope.Mode)
	if err != nil {
		return Instrument{}, false, err
	}
	if from.IsZero() {
		return Instrument{}, false, fault.New(fault.CodeNotConfigured, "no network of the family '"+string(f)+"' is being watched yet")
	}
	take := tx.TakeInstrument
	if tx.Now().Sub(from) > stale {
		take = tx.TakeNewInstrument
	}
	in, err = take(pool, everyRail, st.ID, from)
	return in, false, err
}

// Unbinding says which bindings of a reference end: all of them, those of a family, or that of one instrument.
type Unbinding struct {
	Scope     Scope
	Reference string // empty: whoever of the scope holds the instrument
	Family    Family // empty: every one
	Value     string // of the instrument; empty: every one

	// Rest says how long an instrument rests, by the merchant's settings; nil: the constant Rest.
	Rest func(settings map[string]json.RawMessage) time.Duration
}

// Unbind ends bindings. The instruments rest, and then serve others. What was sent before is the reference's, however
// late it is told; what is sent afterwards is money of nobody, and an operator looks at it.
//
// Error: not_found when nothing is bound that fits, also to another scope's.
func (e *Engine) Unbind(ctx context.Context, u Unbinding) (st *Standing, ended []Binding, err error) {
	err = e.update(ctx, Keys{}, func(tx Tx) error {
		st, ended, err = e.unbind(tx, u)
		return err
	})
	return st, ended, err
}

func (e *Engine) unbind(tx Tx, u Unbinding) (*Standing, []Binding, error) {
	st, err := findStanding(tx, u)
	if err != nil {
		return nil, nil, err
	}
	clock, err := tx.Clock(st.Scope.Mode)
	if err != nil {
		return nil, nil, err
	}
	now := clock.Shift(tx.Now())
	rest := Rest
	if u.Rest != nil {
		settings, err := tx.Settings(SettingScope{Merchant: st.Scope.Merchant, Mode: st.Scope.Mode})
		if err != nil {
			return nil, nil, err
		}
		rest = u.Rest(settings)
	}
	var kept, ended []Binding
	for _, b := range st.Bindings {
		if u.Family != "" && b.Instrument.Family != u.Family || u.Value != "" && b.Instrument.Value != u.Value {
			kept = append(kept, b)
			continue
		}
		ended = append(ended, b)
		_, until, err := e.familyTime(tx, b.Instrument.Family, st.Scope.Mode)
		if err != nil {
			return nil, nil, err
		}
		if until.IsZero() {
			until = tx.Now()
		}
		if err := tx.FreeInstrument(b.Instrument, st.ID, until, now.Add(rest)); err != nil {
			return nil, nil, err
		}
		if err := tellBinding(tx, StandingUnbound, st, b); err != nil {
			return nil, nil, err
		}
	}
	if len(ended) == 0 {
		return nil, nil, errNotBound
	}
	st.Bindings, st.UpdatedAt = kept, now
	return st, ended, tx.SaveStanding(st)
}

var errNotBound = fault.New(fault.CodeNotFound, "nothing is bound to this reference")

func findStanding(tx Tx, u Unbinding) (st *Standing, err error) {
	if u.Reference != "" {
		st, err = tx.StandingByReference(u.Scope, u.Reference)
	} else {
		var hold *Hold
		hold, err = tx.HoldAt(Instrument{Family: u.Family, Value: u.Value}, "", tx.Now().AddDate(100, 0, 0))
		if err == nil && hold != nil && hold.IsStanding() && hold.To.IsZero() {
			st, err = tx.Standing(hold.OrderID)
		}
	}
	if err == nil && (st == nil || st.Scope != u.Scope) {
		err = errNotBound
	}
	return st, err
}

func tellBinding(tx Tx, kind string, st *Standing, b Binding) error {
	_, err := announce(tx, st.Scope, Notice{Type: kind, Ref: st.ID, Details: map[string]string{
		"reference": st.Reference, "family": string(b.Instrument.Family), "value": b.Instrument.Value, "binding": strconv.FormatInt(b.N, 10),
	}})
	return err
}

// familyTime is where the clocks of a family's rails of the mode stand, those that have told anything: the one furthest
// behind and the one furthest ahead. Zero when none has. A hold on all of them begins with the first, so that no
// payment is before it, and ends with the last, so that no payment made in time is behind it.
func (e *Engine) familyTime(tx Tx, f Family, m Mode) (first, last time.Time, err error) {
	seen := map[rail.Name]bool{}
	for _, n := range e.Networks(m) {
		if n.Family != f || seen[n.Rail] {
			continue
		}
		seen[n.Rail] = true
		p, err := tx.Progress(n.Rail)
		if err != nil {
			return first, last, err
		}
		if p == nil || p.Cursor.Horizon.IsZero() {
			continue
		}
		at := p.Cursor.Horizon
		if first.IsZero() || at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	return first, last, nil
}

// count adds a completed arrival to its standing instruction.
func count(tx Tx, o *Order, now time.Time) error {
	st, err := tx.Standing(o.Standing)
	if err != nil {
		return err
	}
	st.Arrivals++
	st.LastAt, st.UpdatedAt = now, now
	due := o.Terms.Due
	for i, sum := range st.Totals {
		if sum.Asset() == due.Asset() {
			st.Totals[i] = sum.Add(due)
			return tx.SaveStanding(st)
		}
	}
	st.Totals = append(st.Totals, due)
	return tx.SaveStanding(st)
}

// Reading.

// StandingFilter chooses and pages a scope's standing instructions, the newest first. Pages count from 1.
type StandingFilter struct {
	Scope       Scope
	Search      string // contained in the reference, ignoring case; every character means itself
	Bound       bool   // only those that hold something
	Page, Limit int
}

// StandingPage is one page of a list and the exact total.
type StandingPage struct {
	Standings []Standing
	Total     int64
}

// Standing finds a standing instruction by its reference. Error: not_found, also for another scope's.
func (e *Engine) Standing(ctx context.Context, s Scope, reference string) (*Standing, error) {
	var st *Standing
	err := e.store.View(ctx, func(rd Reader) (err error) {
		st, err = rd.StandingByReference(s, reference)
		if err == nil && st == nil {
			err = fault.New(fault.CodeNotFound, "there is no standing instruction for this reference")
		}
		return err
	})
	return st, err
}

// Standings lists a scope's standing instructions. Errors: invalid_page, overloaded.
func (e *Engine) Standings(ctx context.Context, f StandingFilter) (page StandingPage, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		page, err = rd.Standings(f)
		return err
	})
	return page, err
}
