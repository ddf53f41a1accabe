package quote

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// In the form in which the bank publishes it.
const ecbDay = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='2026-03-02'>
			<Cube currency='USD' rate='1.0304'/>
			<Cube currency='JPY' rate='162.54'/>
			<Cube currency='IDR' rate='16789.10'/></Cube>
	</Cube>
</gesmes:Envelope>
`

var ecb = Source{Name: "ecb", MaxAge: 6 * 24 * time.Hour}

func TestReadECB(t *testing.T) {
	rates, err := ReadECB(iotest.OneByteReader(strings.NewReader(ecbDay)), ecb)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rates {
		got = append(got, r.Base+"/"+r.Quote+" "+r.Value.String()+" "+r.At.Format(time.RFC3339)+" "+r.Source+" "+r.MaxAge.String())
	}
	want := []string{
		"EUR/USD 1.0304 2026-03-02T00:00:00Z ecb 144h0m0s",
		"EUR/JPY 162.54 2026-03-02T00:00:00Z ecb 144h0m0s",
		"EUR/IDR 16789.1 2026-03-02T00:00:00Z ecb 144h0m0s",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	table, _ := NewTable(MustDecimal("2"))
	if table, err = table.Update(rates, noon); err != nil {
		t.Fatal(err)
	}
	if p, err := table.Price("USD", "JPY", noon); err != nil || p.value.RatString() != "29025/184" {
		t.Errorf("USD to JPY: %v, %v", p.value, err)
	}
}

// case 9: what is not a document of rates above zero is not used, nor half of it.
func TestReadECBRefuses(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(ecbDay, old) {
			t.Fatalf("%q is not in the document", old)
		}
		return strings.Replace(ecbDay, old, new, 1)
	}
	for name, text := range map[string]string{
		"nothing":                 "",
		"not XML":                 "hello",
		"cut":                     ecbDay[:len(ecbDay)-30],
		"document type":           change("<gesmes:Envelope", `<!DOCTYPE x><gesmes:Envelope`),
		"an entity of its own":    change("<gesmes:Envelope", `<!DOCTYPE x [<!ENTITY a "1">]><gesmes:Envelope`),
		"an external entity":      change("<gesmes:Envelope", `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><gesmes:Envelope`),
		"an unknown entity":       change("1.0304", "&a;"),
		"another encoding":        change("UTF-8", "ISO-8859-1"),
		"an instruction":          change("<Cube>", `<?php x?><Cube>`),
		"a stylesheet":            change("<gesmes:Envelope", `<?xml-stylesheet href="x"?><gesmes:Envelope`),
		"another element":         change("<gesmes:subject>Reference rates</gesmes:subject>", "<gesmes:other/>"),
		"another root":            strings.ReplaceAll(ecbDay, "gesmes:Envelope", "gesmes:Letter"),
		"another namespace":       change("vocabulary/2002-08-01", "vocabulary/2002-08-02"),
		"a rate at another depth": change("<Cube>", `<Cube currency="USD" rate="1"/><Cube>`),
		"deeper":                  change("<Cube currency='USD' rate='1.0304'/>", "<Cube currency='USD' rate='1.0304'><Cube/></Cube>"),
		"text between":            change("<Cube>", "<Cube>1"),
		"a second day":            change("</Cube>\n\t</Cube>", "</Cube><Cube time='2026-03-01'></Cube></Cube>"),
		"no day":                  change(" time='2026-03-02'", ""),
		"not a day":               change("2026-03-02", "2026-02-30"),
		"a moment":                change("2026-03-02", "2026-03-02T12:00:00Z"),
		"no rate":                 change(" rate='1.0304'", ""),
		"two rates":               change(" rate='1.0304'", " rate='1.0304' rate='2'"),
		"another attribute":       change(" rate='1.0304'", " rate='1.0304' unit='100'"),
		"an attribute on a group": change("<Cube>", "<Cube currency='USD'>"),
		"a rate of zero":          change("1.0304", "0.0000"),
		"negative":                change("1.0304", "-1.0304"),
		"exponent":                change("1.0304", "1e3"),
		"comma":                   change("1.0304", "1,0304"),
		"not available":           change("1.0304", "N/A"),
		"too long":                change("1.0304", strings.Repeat("1", 65)),
		"small letters":           change("USD", "usd"),
		"the euro itself":         change("USD", "EUR"),
		"a currency twice":        change("JPY", "USD"),
		"no rates":                ecbDay[:strings.Index(ecbDay, "<Cube>")] + "</gesmes:Envelope>",
		"something behind":        ecbDay + "x",
		"a second document":       ecbDay + ecbDay[strings.Index(ecbDay, "<gesmes"):],
		"too large":               ecbDay + strings.Repeat(" ", maxDocument),
	} {
		if rates, err := ReadECB(strings.NewReader(text), ecb); !errors.Is(err, ErrRate) || rates != nil {
			t.Errorf("%s: %v, %v", name, rates, err)
		}
	}
	broken := errors.New("broken")
	if _, err := ReadECB(iotest.ErrReader(broken), ecb); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
	if _, err := ReadECB(strings.NewReader(ecbDay), Source{Name: "ecb"}); !errors.Is(err, ErrRate) {
		t.Errorf("a source without an age: %v", err)
	}
}

// A document that never ends is not read to its end.
func TestReadIsBounded(t *testing.T) {
	for name, read := range map[string]func(io.Reader, Source) ([]Rate, error){"XML": ReadECB, "JSON": ReadJSON} {
		endless := &spaces{}
		if _, err := read(endless, ecb); !errors.Is(err, ErrRate) || endless.read > 2*maxDocument {
			t.Errorf("%s: %d bytes, %v", name, endless.read, err)
		}
	}
}

type spaces struct{ read int }

func (s *spaces) Read(p []byte) (int, error) {
	s.read += len(p)
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

const jsonRates = `{"at": "2026-03-02T12:00:00.5+01:00", "rates": [
	{"base": "USDT", "quote": "COP", "rate": "4012.550"},
	{"quote": "USD", "base": "BTC", "rate": "91234.5"}
]}`

func TestReadJSON(t *testing.T) {
	rates, err := ReadJSON(iotest.OneByteReader(strings.NewReader(jsonRates)), Source{"desk", time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range rates {
		got = append(got, r.Base+"/"+r.Quote+" "+r.Value.String()+" "+r.At.UTC().Format(time.RFC3339Nano)+" "+r.Source+" "+r.MaxAge.String())
	}
	want := []string{"USDT/COP 4012.55 2026-03-02T11:00:00.5Z desk 1m0s", "BTC/USD 91234.5 2026-03-02T11:00:00.5Z desk 1m0s"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// case 9: what is not a document of rates above zero is not used, nor half of it.
func TestReadJSONRefuses(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(jsonRates, old) {
			t.Fatalf("%q is not in the document", old)
		}
		return strings.Replace(jsonRates, old, new, 1)
	}
	many := `{"base": "A", "quote": "B", "rate": "1"},`
	for name, text := range map[string]string{
		"nothing":                "",
		"not JSON":               "hello",
		"a list":                 "[]",
		"null":                   "null",
		"cut":                    jsonRates[:len(jsonRates)-2],
		"cut behind a key":       `{"at"`,
		"a number":               change(`"4012.550"`, `4012.550`),
		"null for a rate":        change(`"4012.550"`, `null`),
		"an object for a rate":   change(`"4012.550"`, `{}`),
		"zero":                   change("4012.550", "0"),
		"negative":               change("4012.550", "-1"),
		"exponent":               change("4012.550", "4e3"),
		"too long":               change("4012.550", strings.Repeat("4", 65)),
		"an unknown key":         change(`"base"`, `"from"`),
		"one key more":           change(`"rate": "4012.550"`, `"rate": "4012.550", "x": "1"`),
		"one key more outside":   change(`"at"`, `"x": 1, "at"`),
		"another case":           change(`"at"`, `"At"`),
		"a key twice":            change(`"rate": "4012.550"`, `"rate": "4012.550", "rate": "1"`),
		"a key twice outside":    change(`"at"`, `"at": "2026-03-02T12:00:00Z", "at"`),
		"no base":                change(`"base": "USDT", `, ``),
		"no time":                change(`"at": "2026-03-02T12:00:00.5+01:00", `, ``),
		"not a time":             change("2026-03-02T", "2026-03-02 "),
		"a number for the time":  change(`"2026-03-02T12:00:00.5+01:00"`, `1772449200`),
		"no list":                `{"at": "2026-03-02T12:00:00Z", "rates": {}}`,
		"no rates":               `{"at": "2026-03-02T12:00:00Z", "rates": []}`,
		"a text in the list":     `{"at": "2026-03-02T12:00:00Z", "rates": ["x"]}`,
		"small letters":          change("COP", "cop"),
		"for itself":             change("USDT", "COP"),
		"a pair twice":           change(`"quote": "USD", "base": "BTC"`, `"quote": "COP", "base": "USDT"`),
		"a pair twice, inverse":  change(`"quote": "USD", "base": "BTC"`, `"quote": "USDT", "base": "COP"`),
		"something behind":       jsonRates + "x",
		"a second document":      jsonRates + jsonRates,
		"not UTF-8":              change("USDT", "US\xff"),
		"too large":              jsonRates + strings.Repeat(" ", maxDocument),
		"more rates than needed": `{"at": "2026-03-02T12:00:00Z", "rates": [` + strings.Repeat(many, maxRates) + many[:len(many)-1] + `]}`,
	} {
		if rates, err := ReadJSON(strings.NewReader(text), Source{"desk", time.Minute}); !errors.Is(err, ErrRate) || rates != nil {
			t.Errorf("%s: %v, %v", name, rates, err)
		}
	}
}

// The seeds alone run with the other tests; whatever is read is usable.
func FuzzRead(f *testing.F) {
	f.Add(ecbDay)
	f.Add(jsonRates)
	f.Fuzz(func(t *testing.T, text string) {
		for _, read := range []func(io.Reader, Source) ([]Rate, error){ReadECB, ReadJSON} {
			rates, err := read(strings.NewReader(text), ecb)
			if err != nil {
				if rates != nil || !errors.Is(err, ErrRate) {
					t.Fatalf("%v and %v", rates, err)
				}
				continue
			}
			if len(rates) == 0 || once(rates) != nil {
				t.Fatalf("%v", rates)
			}
			for _, r := range rates {
				if err := r.Check(); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}
