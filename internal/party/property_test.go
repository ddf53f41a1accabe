package party

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Each row is a rule whose check digits promise to find every single wrong
// digit, with the form of its numbers: # is a digit, ! a check digit.
var promising = []struct {
	rule, form string
}{
	{"CLABE", "#################!"},
	{"CBU", "#######!#############!"},
	{"CUIT", "##########!"},
	{"CCI", "##################!!"},
	{"RoutingNumber", "########!"},
	{"IBAN", "DE!!##################"},
	{"RUT", "########!"},
}

// Each row is a rule that promises less: a wrong check digit is found.
var lesser = []struct {
	rule, form string
}{
	{"CPF", "#########!!"},
	{"CNPJ", "############!!"},
	{"RUC", "##########!"},
	{"NIT", "#########!"},
}

func TestAnySingleWrongDigitIsFound(t *testing.T) {
	for _, p := range promising {
		t.Run(p.rule, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				number, ok := complete(t, p.rule, p.form)
				if !ok {
					return
				}
				changeEach(t, p.rule, number, func(i int) bool { return p.form[i] == '#' || p.form[i] == '!' })
			})
		})
	}
}

func TestAnyWrongCheckDigitIsFound(t *testing.T) {
	for _, p := range lesser {
		t.Run(p.rule, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				number, ok := complete(t, p.rule, p.form)
				if !ok {
					t.Fatalf("%s has no check digits for some number", p.rule)
				}
				changeEach(t, p.rule, number, func(i int) bool { return p.form[i] == '!' })
			})
		})
	}
}

// The letters of an alphanumeric CNPJ count: its check digits differ from
// those of most others, and are never two pairs.
func TestAlphanumericCNPJ(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.StringMatching(`[0-9A-Z]{11}[A-Z]`).Draw(t, "body")
		fit := 0
		for i := range 100 {
			if _, err := CNPJ("n", fmt.Sprintf("%s%02d", body, i)); err == nil {
				fit++
			}
		}
		if fit != 1 {
			t.Fatalf("%d pairs of check digits fit", fit)
		}
	})
}

// complete draws digits and finds the check digits by trying all: at most one
// set fits, and none where the rule leaves a value out (a CUIT's 10).
func complete(t *rapid.T, rule, form string) (string, bool) {
	number, checks := []byte(form), []int{}
	for i, c := range number {
		switch c {
		case '#':
			number[i] = byte('0' + rapid.IntRange(0, 9).Draw(t, "digit"))
		case '!':
			checks = append(checks, i)
		}
	}
	number[len(number)-len(checks)-1] = '7' // never all zeros, never one digit only
	number[len(number)-len(checks)-2] = '3'
	for _, at := range checks { // a block's check digit may lie before these
		number[at] = '!'
	}
	found := ""
	last := byte('9')
	if rule == "RUT" {
		last = 'K'
	}
	var try func(n int)
	try = func(n int) {
		if n == len(checks) {
			if _, err := rules[rule]("n", string(number)); err == nil {
				if found != "" {
					t.Fatalf("%s: two sets of check digits fit", rule)
				}
				found = string(number)
			}
			return
		}
		for c := byte('0'); c <= last; c++ {
			if c > '9' && c != 'K' {
				continue
			}
			number[checks[n]] = c
			try(n + 1)
		}
	}
	try(0)
	if found == "" && rule != "CUIT" {
		t.Fatalf("%s: no check digits fit %s", rule, number)
	}
	return found, found != ""
}

func changeEach(t *rapid.T, rule, number string, may func(int) bool) {
	for i := range len(number) {
		for c := byte('0'); may(i) && c <= '9'; c++ {
			if number[i] == c {
				continue
			}
			wrong := number[:i] + string(c) + number[i+1:]
			if _, err := rules[rule]("n", wrong); err == nil {
				t.Fatalf("%s took %s for %s", rule, wrong, number)
			}
		}
	}
}

// What is canonical stays as it is, and nothing that is refused is repeated.
func FuzzRules(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.typed)
	}
	for _, iban := range ibans {
		f.Add(iban)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, rule := range rules {
			got, err := rule("number", s)
			if err != nil {
				if got != "" {
					t.Errorf("%s(%q) gives %q with a fault", name, s, got)
				}
				mustBeFault(t, err, "number")
				continue
			}
			if again, err := rule("number", got); err != nil || again != got {
				t.Errorf("%s: %q becomes %q, %v", name, got, again, err)
			}
			if masked := Mask(got); len(got) > 4 && masked == got {
				t.Errorf("%s: %q is not masked", name, got)
			}
		}
		for _, country := range []string{"AR", "BR", "CL", "CO", "MX", "PE", "US", "UY", "DE"} {
			if number, err := DocumentNumber("number", country, s); err != nil {
				mustBeFault(t, err, "number")
			} else if again, err := DocumentNumber("number", country, number); err != nil || again != number {
				t.Errorf("%s: %q becomes %q, %v", country, number, again, err)
			}
			account := BankAccount{Country: country, Number: s, Routing: s, Bank: "b"}
			got, err := CheckAccount(account, []Bank{{Country: country, Code: "b"}})
			if err != nil {
				continue
			}
			if again, err := CheckAccount(got, []Bank{{Country: country, Code: "b"}}); err != nil || again != got {
				t.Errorf("%#v becomes %#v, %v", got, again, err)
			}
		}
	})
}
