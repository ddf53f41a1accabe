package engine

import "till/internal/screen"

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
