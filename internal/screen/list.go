// Package screen finds names and addresses on lists of people and organisations that must not be dealt with.
//
// It reads the lists ([ReadOFACXML], [ReadOFACCSV], [ReadCSV]), puts them into an index ([Builder], [List]) and says which entries a
// name or an address is like, how much, and why. It decides nothing: a hit is for a person to look at.
//
// How a name becomes words is in words.go, letters of other scripts in script.go, what is written differently and sounds alike in
// spelling.go, who is looked at in index.go and how alike two names are in score.go. Scores are whole thousandths.
package screen

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind is what an entry is. The empty kind is not said; it is compared with everything.
type Kind string

// The kinds of entries.
const (
	Individual Kind = "individual"
	Entity     Kind = "entity"
	Vessel     Kind = "vessel"
	Aircraft   Kind = "aircraft"
)

// Kinds is every kind that a list may say.
func Kinds() []Kind { return []Kind{Individual, Entity, Vessel, Aircraft} }

// Entry is one person, organisation or thing on a list.
type Entry struct {
	List      string // its name, as the config gives it
	ID        string // the list's own
	Kind      Kind
	Name      string
	Aliases   []string
	Countries []string // as the list writes them
	Addresses []string // of crypto currencies
}

// Query is a name that is looked for.
type Query struct {
	Name      string
	Kind      Kind // Individual looks among people only, every other kind among the rest; "" among all
	Threshold int  // the least score of a hit, 1 to 1000; 0: the list's
	Limit     int  // the most hits, the best ones; 0: 20
}

// Hit is an entry that a name or an address is like.
type Hit struct {
	Entry Entry
	Name  string // which of its names, or which address
	Score int    // 0 to 1000; 1000 is the same words as written
	Why   []Match
}

// Match is a word that was asked for and the word on the list that it is like.
type Match struct {
	Asked, Listed string // as they were written
	Score         int    // 0 to 1000
}

// DefaultThreshold is the least score of a hit where nobody says another.
const DefaultThreshold = 820

// The bounds of what is read and looked for.
const (
	defaultLimit = 20
	maxNameBytes = 1 << 10 // of one name; what is behind is not looked at in a query and refused in a list
	maxNames     = 1 << 10 // of one entry, and as many countries and addresses
	maxEntries   = 5_000_000
)

// Builder puts entries into a list.
type Builder struct {
	list *List
	ids  map[string]uint32 // of the sounds
}

// NewBuilder begins a list. threshold is that of queries which name none, 1 to 1000; 0 is DefaultThreshold.
func NewBuilder(threshold int) *Builder {
	if threshold == 0 {
		threshold = DefaultThreshold
	}
	return &Builder{list: &List{threshold: threshold, addresses: map[string][]uint32{}, names: names{start: []uint32{0}}}, ids: map[string]uint32{}}
}

// Add puts an entry on the list. It refuses one without a name, and one that is beyond all bounds.
func (b *Builder) Add(e Entry) error {
	l := b.list
	if strings.TrimSpace(e.Name) == "" {
		return errors.New("the entry has no name")
	}
	if len(l.records) == maxEntries {
		return fmt.Errorf("there are more than %d entries", maxEntries)
	}
	if max(len(e.Aliases), len(e.Countries), len(e.Addresses)) > maxNames {
		return fmt.Errorf("the entry has more than %d names, countries or addresses", maxNames)
	}
	for _, text := range slices.Concat([]string{e.List, e.ID, e.Name}, e.Aliases, e.Countries, e.Addresses) {
		if len(text) > maxNameBytes {
			return fmt.Errorf("a text of the entry has more than %d bytes", maxNameBytes)
		}
	}
	if e.Kind != "" && !slices.Contains(Kinds(), e.Kind) {
		return fmt.Errorf("%q is none of the kinds %v", clip(string(e.Kind)), Kinds())
	}
	id := uint32(len(l.records))
	l.records = append(l.records, l.keep(encode(e)))
	l.sides = append(l.sides, e.Kind.side())
	b.name(id, 0, e.Name)
	for i, alias := range e.Aliases {
		b.name(id, i+1, alias)
	}
	for _, address := range e.Addresses {
		if key := addressKey(address); key != "" && !slices.Contains(l.addresses[key], id) {
			l.addresses[key] = append(l.addresses[key], id)
		}
	}
	return nil
}

// List is the list of all that was added. The builder is done then.
func (b *Builder) List() *List {
	b.list.arrange()
	return b.list
}

// List is names and addresses in an index. It does not change, so it may be used by any number of goroutines.
type List struct {
	threshold int
	records   []place // of the entries, in the order they were added
	blocks    [][]byte
	sides     []side // of the entries
	addresses map[string][]uint32

	names
}

// Len is how many entries it has.
func (l *List) Len() int { return len(l.records) }

// Address is the entries that name an address of a crypto currency: exactly that address, but for the case of letters where the
// currency's addresses have none that counts.
func (l *List) Address(address string) []Hit {
	var hits []Hit
	for _, id := range l.addresses[addressKey(address)] {
		e := l.entry(id)
		for _, listed := range e.Addresses {
			if addressKey(listed) == addressKey(address) {
				hits = append(hits, Hit{Entry: e, Name: listed, Score: 1000, Why: []Match{{Asked: address, Listed: listed, Score: 1000}}})
				break
			}
		}
	}
	return hits
}

// addressKey is what addresses are compared by. Hexadecimal addresses (EVM, with 0x) carry at most a checksum in the case of
// their letters (EIP-55), and bech32 (BIP 173) is written in either case; every other form means what it says.
func addressKey(address string) string {
	address = strings.TrimSpace(address)
	lower := strings.ToLower(address)
	if strings.HasPrefix(lower, "0x") && strings.Trim(lower[2:], "0123456789abcdef") == "" {
		return lower
	}
	for _, prefix := range []string{"bc1", "tb1", "ltc1"} {
		if strings.HasPrefix(lower, prefix) && (address == lower || address == strings.ToUpper(address)) {
			return lower
		}
	}
	return address
}

// side is what a kind is compared as.
type side uint8

const (
	unsaid side = iota
	person
	organisation
)

func (k Kind) side() side {
	switch k {
	case "":
		return unsaid
	case Individual:
		return person
	}
	return organisation
}

// place is where an entry's bytes are. Entries are kept as bytes, since millions of small texts of their own are what a garbage
// collector spends its time on.
type place struct{ block, from, size uint32 }

const blockSize = 1 << 20

func (l *List) keep(text []byte) place {
	if n := len(l.blocks); n == 0 || len(l.blocks[n-1])+len(text) > blockSize {
		l.blocks = append(l.blocks, make([]byte, 0, max(blockSize, len(text))))
	}
	last := len(l.blocks) - 1
	p := place{uint32(last), uint32(len(l.blocks[last])), uint32(len(text))}
	l.blocks[last] = append(l.blocks[last], text...)
	return p
}

func (l *List) entry(id uint32) Entry {
	p := l.records[id]
	return decode(l.blocks[p.block][p.from : p.from+p.size])
}

func encode(e Entry) []byte {
	var out []byte
	text := func(s string) {
		out = binary.AppendUvarint(out, uint64(len(s)))
		out = append(out, s...)
	}
	for _, s := range []string{e.List, e.ID, string(e.Kind), e.Name} {
		text(s)
	}
	for _, list := range [][]string{e.Aliases, e.Countries, e.Addresses} {
		out = binary.AppendUvarint(out, uint64(len(list)))
		for _, s := range list {
			text(s)
		}
	}
	return out
}

func decode(in []byte) (e Entry) {
	number := func() int {
		n, size := binary.Uvarint(in)
		in = in[size:]
		return int(n)
	}
	text := func() string {
		n := number()
		s := string(in[:n])
		in = in[n:]
		return s
	}
	e.List, e.ID, e.Kind, e.Name = text(), text(), Kind(text()), text()
	for _, into := range []*[]string{&e.Aliases, &e.Countries, &e.Addresses} {
		for range number() {
			*into = append(*into, text())
		}
	}
	return e
}
