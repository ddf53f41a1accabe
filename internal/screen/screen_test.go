package screen

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

func listOf(t testing.TB, entries ...Entry) *List {
	t.Helper()
	b := NewBuilder(0)
	for _, e := range entries {
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	return b.List()
}

// changes are what may have become of a listed name. The second is "" where a name cannot be changed so.
var changes = []struct {
	name   string
	change func(r *rand.Rand, m made) string
}{
	{"typo", func(r *rand.Rand, m made) string { return withTypo(r, m.name) }},
	{"order", func(r *rand.Rand, m made) string {
		list := strings.Fields(m.name)
		r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		return strings.ToUpper(strings.Join(list, " "))
	}},
	{"middle name", func(r *rand.Rand, m made) string {
		list := strings.Fields(m.name)
		if len(list) < 3 || m.kind != Individual {
			return ""
		}
		return strings.Join(slices.Delete(list, 1, 2), " ")
	}},
	{"script", func(r *rand.Rand, m made) string { return m.other }},
	{"marks", func(r *rand.Rand, m made) string {
		var b strings.Builder
		for _, c := range norm.NFD.String(m.name) {
			if unicode.IsMark(c) {
				continue
			}
			b.WriteRune(c)
			if strings.ContainsRune("aeiouc", c) && r.IntN(3) == 0 {
				b.WriteRune([]rune{0x301, 0x308, 0x30c}[r.IntN(3)])
			}
		}
		return b.String()
	}},
}

// withTypo is a name with one letter left out, doubled, another one, or two that changed places.
func withTypo(r *rand.Rand, name string) string {
	for {
		letters := []rune(name)
		i := 1 + r.IntN(len(letters)-2)
		if !unicode.IsLetter(letters[i]) || !unicode.IsLetter(letters[i+1]) || !unicode.IsLetter(letters[i-1]) || letters[i] == letters[i+1] {
			continue
		}
		switch r.IntN(4) {
		case 0:
			letters = slices.Delete(letters, i, i+1)
		case 1:
			letters = slices.Insert(letters, i, letters[i])
		case 2:
			letters[i] = rune('a' + r.IntN(26))
		case 3:
			letters[i], letters[i+1] = letters[i+1], letters[i]
		}
		return string(letters)
	}
}

func TestListedNamesAreFound(t *testing.T) {
	const seed, listed, strangers = 11, 1000, 10_000
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, seed))
	var all []made
	var entries []Entry
	for i := range listed {
		m := madeUp(r)
		all = append(all, m)
		entries = append(entries, Entry{ID: fmt.Sprint(i), Kind: m.kind, Name: m.name})
	}
	l := listOf(t, entries...)
	asked, found := 0, 0
	for _, c := range changes {
		of, hits := 0, 0
		var missed []string
		for i, m := range all {
			name := c.change(r, m)
			if name == "" {
				continue
			}
			of++
			if slices.ContainsFunc(l.Names(Query{Name: name, Kind: m.kind, Limit: 100}), func(h Hit) bool { return h.Entry.ID == fmt.Sprint(i) }) {
				hits++
			} else if len(missed) < 8 {
				missed = append(missed, name+" for "+m.name)
			}
		}
		t.Logf("%s: %d of %d; missed %q", c.name, hits, of, missed)
		if hits*1000 < of*980 {
			t.Errorf("%s: %d of %d listed names were found", c.name, hits, of)
		}
		asked, found = asked+of, found+hits
	}
	if asked < 4*listed-listed/2 || found*1000 < asked*980 {
		t.Errorf("%d of %d listed names were found", found, asked)
	}
	wrong := 0
	var examples []string
	for range strangers {
		name := stranger(r)
		if hits := l.Names(Query{Name: name}); len(hits) > 0 {
			wrong++
			if len(examples) < 10 {
				examples = append(examples, fmt.Sprintf("%s = %s %d", name, hits[0].Name, hits[0].Score))
			}
		}
	}
	t.Logf("strangers: %d of %d; %q", wrong, strangers, examples)
	if wrong*100 > strangers {
		t.Errorf("%d of %d strangers are hits", wrong, strangers)
	}
	// Strangers who share parts with those on the list, as people of one country do, but are others: no word but one agrees.
	other := rand.New(rand.NewPCG(seed+1, seed))
	near, nearOf := 0, 0
	for range strangers {
		m := madeUp(other)
		if slices.ContainsFunc(all, func(a made) bool { return agree(a.name, m.name) > 1 }) {
			continue
		}
		nearOf++
		if len(l.Names(Query{Name: m.name, Kind: m.kind})) > 0 {
			near++
		}
	}
	t.Logf("strangers of the same names: %d of %d", near, nearOf)
}

func agree(a, b string) (n int) {
	for _, w := range strings.Fields(a) {
		if slices.Contains(strings.Fields(b), w) {
			n++
		}
	}
	return n
}

func TestSpellings(t *testing.T) {
	l := listOf(t,
		Entry{ID: "1", Kind: Individual, Name: "Usama bin Muhammed bin Awad Bin Ladin", Aliases: []string{"Osama BIN LADEN"}},
		Entry{ID: "2", Kind: Individual, Name: "Abdul Rahman Yasin"},
		Entry{ID: "3", Kind: Entity, Name: "PetroNova Trading GmbH"},
		Entry{ID: "4", Kind: Individual, Name: "Kim Jong-un"},
		Entry{ID: "5", Kind: Individual, Name: "Juan Carlos Pérez López"},
		Entry{ID: "6", Kind: Entity, Name: "Grupo Andino S.A."},
		Entry{ID: "7", Name: "Jürgen Weiß"},
		Entry{ID: "8", Kind: Vessel, Name: "Ocean Falcon"},
		Entry{ID: "9", Kind: Individual, Name: "Carlos"},
		Entry{ID: "10", Kind: Individual, Name: "Mikhail Khodorkovsky"},
	)
	for _, c := range []struct {
		name string
		kind Kind
		want string // the first hit; "" none
	}{
		{"Osama bin Laden", Individual, "1"}, {"LADEN, Usama", "", "1"}, {"أسامة بن لادن", Individual, "1"},
		{"Abd al-Rahman YASSIN", Individual, "2"}, {"Abdurrahman Yasin", Individual, "2"}, {"عبد الرحمن ياسين", Individual, "2"},
		{"Petro Nova Ltd", Entity, "3"}, {"PETRONOVA", Entity, "3"}, {"PetroNova Trading GmbH", Individual, ""},
		{"Kim Jongun", Individual, "4"}, {"Jong Un Kim", "", "4"},
		{"Perez Lopez, J. C.", Individual, "5"}, {"Juan Pérez", Individual, "5"}, {"Juan Gomez", Individual, ""}, {"Carlos Gomez", Individual, ""},
		{"GRUPO ANDINO SA", Entity, "6"}, {"Juergen Weiss", Individual, "7"}, {"Jurgen Weiss", Entity, "7"}, {"Ocean Falcon", Entity, "8"},
		{"Carlos", Individual, "9"}, {"Михаил Ходорковский", Individual, "10"}, {"", "", ""}, {"...", "", ""}, {"J", "", ""}, {strings.Repeat("x", 5000), "", ""},
	} {
		hits := l.Names(Query{Name: c.name, Kind: c.kind})
		got := ""
		if len(hits) > 0 {
			got = hits[0].Entry.ID
		}
		if got != c.want {
			t.Errorf("%.40q: %q, want %q: %+v", c.name, got, c.want, hits)
		}
	}
	if hits := l.Names(Query{Name: "Kim Jong-un"}); len(hits) != 1 || hits[0].Score != 1000 || len(hits[0].Why) != 3 || hits[0].Why[1].Listed != "Jong" {
		t.Errorf("%+v", hits)
	}
	if hits := l.Names(Query{Name: "Kim Jong", Threshold: 999}); hits != nil {
		t.Errorf("%+v", hits)
	}
}

func TestAddress(t *testing.T) {
	const evm, bitcoin, bech = "0x5FbDB2315678afecb367f032d93F642f64180aa3", "12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"
	l := listOf(t, Entry{ID: "1", Name: "A B", Addresses: []string{evm, bitcoin, evm}}, Entry{ID: "2", Name: "C D", Addresses: []string{strings.ToLower(evm), bech}})
	for address, want := range map[string]int{
		evm: 2, strings.ToUpper(evm[2:]): 0, "0X" + strings.ToUpper(evm[2:]): 2, " " + evm: 2, evm[:41] + "4": 0,
		bitcoin: 1, strings.ToLower(bitcoin): 0, bech: 1, strings.ToUpper(bech): 1, "": 0,
	} {
		if hits := l.Address(address); len(hits) != want {
			t.Errorf("%s: %d hits", address, len(hits))
		}
	}
}

func TestAddRefuses(t *testing.T) {
	for name, e := range map[string]Entry{
		"no name": {ID: "1", Name: " "}, "kind": {Name: "A", Kind: "person"}, "long": {Name: strings.Repeat("a", maxNameBytes+1)}, "many": {Name: "A", Aliases: make([]string, maxNames+1)},
	} {
		if err := NewBuilder(0).Add(e); err == nil {
			t.Errorf("%s was added", name)
		}
	}
	l := listOf(t)
	if l.Len() != 0 || l.Names(Query{Name: "A B"}) != nil || l.Address("x") != nil {
		t.Error("an empty list has something")
	}
}
