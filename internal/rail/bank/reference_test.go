package bank

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"till/internal/rail"
)

const (
	ourBody = "7K2MX9PA4T0ZWC"
	ourOwn  = "RF237K2MX9PA4T0ZWC"
)

func TestReference(t *testing.T) {
	for body, want := range map[string]string{
		"539007547034":          "RF18539007547034", // the example that most banks print
		ourBody:                 ourOwn,
		"":                      "",
		"abc":                   "",
		"A-B":                   "",
		strings.Repeat("9", 21): "RF12" + strings.Repeat("9", 21),
		strings.Repeat("9", 22): "",
	} {
		if got := Reference(body); got != want {
			t.Errorf("Reference(%q) = %q, want %q", body, got, want)
		}
	}
	for text, want := range map[string]string{
		"RF18 5390 0754 7034":   "RF18539007547034",
		"rf18539007547034":      "RF18539007547034",
		" RF18539007547034\r\n": "RF18539007547034",
	} {
		if got, ok := ParseReference(text); got != want || !ok {
			t.Errorf("ParseReference(%q) = %q, %v, want %q", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "RF", "RF18", "RF19539007547034", "RF1853900754703", "XX18539007547034", "RF18-539007547034",
		"RF18" + strings.Repeat("1", 22), strings.Repeat("RF18", 99), "RF1ß539007547034"} {
		if got, ok := ParseReference(text); ok {
			t.Errorf("ParseReference(%q) = %q, true", text, got)
		}
	}
}

// 97 fits as check digits where 00 does; only one of them is a reference.
func TestReferenceCheckDigitsAreIssuedOnce(t *testing.T) {
	for i := range 2000 {
		body := strings.ToUpper(string(rune('A'+i%26)) + strings.Repeat("7", 1+i%9) + string(rune('A'+i/26%26)))
		r := Reference(body)
		if got, ok := ParseReference(r); !ok || got != r {
			t.Fatalf("%q: %q, %v", r, got, ok)
		}
		valid := 0
		for check := range 100 {
			if _, ok := ParseReference("RF" + string([]byte{'0' + byte(check/10), '0' + byte(check%10)}) + body); ok {
				valid++
			}
		}
		if valid != 1 {
			t.Fatalf("%q has %d valid check digits", body, valid)
		}
	}
}

func TestNewReference(t *testing.T) {
	r, err := NewReference(bytes.NewReader(bytes.Repeat([]byte{0, 31, 32, 255, 10, 7, 200}, 2)))
	if err != nil || !isOwn(r) || r[4:] != "0Z0ZA780Z0ZA78"[:14] {
		t.Errorf("%q, %v", r, err)
	}
	if _, err := NewReference(strings.NewReader("short")); err == nil {
		t.Error("five bytes were enough")
	}
}

// case 66: what is typed wrong is only ever near.
func TestReferencesIn(t *testing.T) {
	cases := []struct {
		name, text string
		exact      []string
		near       []string // must be among them
	}{
		{"alone", ourOwn, []string{ourOwn}, nil},
		{"lower case", "payment rf237k2mx9pa4t0zwc thanks", []string{ourOwn}, nil},
		{"groups of four", "RF23 7K2M X9PA 4T0Z WC", []string{ourOwn}, nil},
		{"cut at the end of a line", "INVOICE 4711 OF MAY RF237K2\nMX9PA4T0ZWC", []string{ourOwn}, nil},
		{"cut twice", "RF237K2MX9\r\nPA4T\r\n0ZWC", []string{ourOwn}, nil},
		{"stuck to what follows", "RF237K2MX9PA4T0ZWCDATUM 20.11.2026", []string{ourOwn}, nil},
		{"stuck to what is before", "REFRF237K2MX9PA4T0ZWC", []string{ourOwn}, nil},
		{"two of them", "RF237K2MX9PA4T0ZWC, RF18 5390 0754 7034.", []string{ourOwn, "RF18539007547034"}, nil},
		{"another's", "ref RF18539007547034", []string{"RF18539007547034"}, nil},
		{"another's, in groups, among words", "pay RF18 5390 0754 7034 please", []string{"RF18539007547034"}, nil},
		{"without RF", "237K2MX9PA4T0ZWC", nil, []string{ourOwn}},
		{"without RF, in groups", "23 7K2MX 9PA4T 0ZWC", nil, []string{ourOwn}},
		{"only the body", "order 7K2MX9PA4T0ZWC", nil, []string{ourOwn}},
		{"two neighbours transposed", "RF237K2MX9AP4T0ZWC", nil, []string{ourOwn}},
		{"transposed at the front", "FR237K2MX9PA4T0ZWC", nil, []string{ourOwn}},
		{"one character wrong", "RF237K2MX9PA4T0ZWD", nil, []string{ourOwn}},
		{"a check digit wrong", "RF247K2MX9PA4T0ZWC", nil, []string{ourOwn}},
		{"O for 0", "RF237K2MX9PA4TOZWC", nil, []string{ourOwn}},
		{"the R wrong", "PF237K2MX9PA4T0ZWC", nil, []string{ourOwn}},
		{"two characters wrong", "RF237K2MX9PA4T0ZDD", nil, nil},
		{"nothing", "Rechnung 4711 vom 20.11.2026", nil, nil},
		{"empty", "", nil, nil},
		{"words of the length", "RECHNUNGSNRABC", nil, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			exact, near := ReferencesIn(c.text)
			if !slices.Equal(exact, c.exact) {
				t.Errorf("exact %v, want %v", exact, c.exact)
			}
			for _, want := range c.near {
				if !slices.Contains(near, want) {
					t.Errorf("%s is not near: %v", want, near)
				}
			}
			if c.near == nil && slices.Contains(near, ourOwn) {
				t.Errorf("near %v", near)
			}
			for _, r := range near {
				if !isOwn(r) || !validReference(r) {
					t.Errorf("%q is near and no reference", r)
				}
			}
		})
	}
}

// A text made to cost much costs no more than a bounded time, and gives a bounded list.
func TestReferencesInIsBounded(t *testing.T) {
	for _, text := range []string{strings.Repeat("RF", 1<<20), strings.Repeat("RF237K2MX9PA4T0ZDD ", 1<<16), strings.Repeat("1 ", 1<<20),
		strings.Repeat("7K2MX9PA4T0ZW1 7K2MX9PA4T0ZW2 ", 1<<12)} {
		exact, near := ReferencesIn(text)
		if len(near) > maxNear || len(exact) > maxText {
			t.Errorf("%d exact, %d near", len(exact), len(near))
		}
	}
}

// Every single mistake of each kind is repaired, at every place, but for the few that have the right check digits by
// chance: a letter counts as two digits, so one character wrong can be unnoticed. Such a one stands for nothing we issued.
func TestEveryMistakeIsRepaired(t *testing.T) {
	tried, unnoticed := 0, 0
	try := func(b []byte) {
		tried++
		if validReference(string(b)) {
			unnoticed++
			return
		}
		exact, near := ReferencesIn("x " + string(b) + " y")
		if slices.ContainsFunc(exact, isOwn) {
			t.Errorf("%s is taken for %v", b, exact)
		}
		if !slices.Contains(near, ourOwn) {
			t.Errorf("%s is not repaired: %v", b, near)
		}
	}
	for i := 2; i < ownLength; i++ {
		for _, c := range []byte(ownAlphabet) {
			b := []byte(ourOwn)
			if b[i] != c && fitsAt(i, c) {
				b[i] = c
				try(b)
			}
		}
		if i+1 < ownLength && ourOwn[i] != ourOwn[i+1] {
			b := []byte(ourOwn)
			b[i], b[i+1] = b[i+1], b[i]
			try(b)
		}
	}
	if unnoticed*50 > tried {
		t.Errorf("%d of %d mistakes have the right check digits", unnoticed, tried)
	}
}

func FuzzReferences(f *testing.F) {
	for _, seed := range []string{"", ourOwn, "RF18 5390 0754 7034", "FR237K2MX9PA4T0ZWC", "23 7K2MX9PA4T0ZWC", "rf23\n7k2mx9pa4t0zwd", "RF00RF00RF00", "\xff\x00RF"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		exact, near := ReferencesIn(text)
		if len(near) > maxNear {
			t.Errorf("%d near", len(near))
		}
		for _, r := range slices.Concat(exact, near) {
			if got, ok := ParseReference(r); !ok || got != r {
				t.Errorf("%q is no reference", r)
			}
		}
		for _, r := range near {
			if slices.Contains(exact, r) {
				t.Errorf("%q is exact and near", r)
			}
		}
		if r, ok := ParseReference(text); ok {
			if again, _ := ReferencesIn(r); !slices.Contains(again, r) {
				t.Errorf("%q is not found in itself: %v", r, again)
			}
		}
	})
}

// Each reference that a booking names is looked for in the books: what names a thousand is proposed by the first of them, and pays none.
func TestReferencesOfABookingAreBounded(t *testing.T) {
	var fields []string
	for i := range 1000 {
		fields = append(fields, Reference(fmt.Sprintf("A%013d", i)))
	}
	for _, c := range []struct{ fields, References, Near int }{{1, 1, 0}, {maxNamed, maxNamed, 0}, {maxNamed + 1, 0, maxNamed}, {1000, 0, maxNamed}} {
		for _, text := range []bool{false, true} {
			b := rail.Booking{}
			if text && c.fields < 200 { // what a text may have
				name(&b, nil, strings.Join(fields[:c.fields], " "))
			} else {
				name(&b, fields[:c.fields], "")
			}
			if len(b.References) != c.References || len(b.Near) != c.Near {
				t.Errorf("of %d it names %d, and %d near ones", c.fields, len(b.References), len(b.Near))
			}
		}
	}
	var slips []string
	for _, f := range fields[:100] {
		slips = append(slips, f[4:]) // without RF and the check digits
	}
	b := rail.Booking{}
	if name(&b, slips, ""); len(b.References) != 0 || len(b.Near) != maxNamed {
		t.Errorf("of 100 slips it names %d, and %d near ones", len(b.References), len(b.Near))
	}
}

// Two transposed neighbours whose check digits are right all the same, as a letter and a digit may be, name nobody's
// reference; the one that was meant is near.
func TestTransposedNeighboursWithRightCheckDigits(t *testing.T) {
	for meant, told := range map[string]string{"RF391A5LCXJS42KB1P": "RF391A5LCXJS42K1BP", "RF28221BGT6281MTWS": "RF2822B1GT6281MTWS"} {
		exact, near := ReferencesIn("Invoice 12 " + told)
		if !slices.Equal(exact, []string{told}) || !slices.Contains(near, meant) {
			t.Errorf("%s: exact %v, near %v", told, exact, near)
		}
	}
}
