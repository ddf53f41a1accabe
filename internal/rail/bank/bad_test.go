package bank

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"till/internal/money"
	"till/internal/rail"
)

// entry053 is a camt.053 with one entry, which the tests spoil.
const entry053 = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
<BkToCstmrStmt>
<Stmt>
<Id>S1</Id>
<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-18</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">3.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-11-19</Dt></Dt></Bal>
<Ntry>
<Amt Ccy="EUR">2.50</Amt>
<CdtDbtInd>CRDT</CdtDbtInd>
<Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-11-19</Dt></BookgDt>
<AcctSvcrRef>R1</AcctSvcrRef>
<NtryDtls><TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs><RmtInf><Ustrd>hello</Ustrd></RmtInf></TxDtls></NtryDtls>
</Ntry>
</Stmt>
</BkToCstmrStmt>
</Document>
`

const lines940 = `:20:A
:25:DE89370400440532013000
:28C:1/1
:60F:C261118EUR1,00
:61:2611191119C2,50NTRFX//R1
:86:hello
:62F:C261119EUR3,50
-
`

const lines942 = `:20:A
:25:DE89370400440532013000
:28C:1/1
:34F:EUR0,
:13D:2611191200+0100
:61:2611191119C2,50NTRFX//R1
:86:hello
:90C:1EUR2,50
-
`

const linesCSV = `day;amount;currency;balance;text
2026-11-19;2.50;EUR;3.50;hello
2026-11-20;-1.00;EUR;2.50;"again"
`

func mappingCSV() *Mapping {
	return &Mapping{Booked: "day", Amount: "amount", Currency: "currency", Balance: "balance", Text: "text"}
}

func bad(t *testing.T, f Format, text string, line int, field, message string) {
	t.Helper()
	s := settings()
	s.CSV, s.Account = mappingCSV(), germanAcc
	r, err := read(t, f, s, []byte(text))
	var wrong *rail.FileError
	if !errors.As(err, &wrong) {
		t.Fatalf("it was read: %v, %v", r.text(), err)
	}
	if wrong.Format != string(f) || wrong.Line != line || wrong.Field != field || !strings.Contains(wrong.Message, message) {
		t.Errorf("%+v, want line %d, field %q, message with %q", *wrong, line, field, message)
	}
}

// Each file is wrong in one way, and the error says which and where.
func TestBadFiles(t *testing.T) {
	long := strings.Repeat("x", maxToken+10)
	cases := []struct {
		name     string
		format   Format
		old, new string // in the sample; "" old: new is the whole file
		line     int
		field    string
		message  string
	}{
		// XML that attacks.
		{"a document type", CAMT053, "<Document", "<!DOCTYPE x [<!ENTITY a \"b\">]>\n<Document", 2, "", "document type"},
		{"an entity that is not XML's", CAMT053, "hello", "&a;", 15, "Ustrd", "invalid character entity &a;"},
		{"an entity of a billion laughs", CAMT053, "<Document", "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><Document", 2, "", "document type"},
		{"depth", CAMT053, "<NtryDtls>", strings.Repeat("<x>", 40) + strings.Repeat("</x>", 40) + "<NtryDtls>", 15, "", "deeper than 32"},
		{"a huge text", CAMT053, "hello", long, 15, "", "longer than 65536 bytes"},
		{"a huge attribute", CAMT053, "<Sts>", `<Sts a="` + long + `">`, 12, "", "longer than 65536 bytes"},
		{"a huge comment", CAMT053, "<Sts>", "<!--" + long + "--><Sts>", 12, "", "longer than 65536 bytes"},
		{"a huge document type", CAMT053, "<Document", "<!DOCTYPE " + long + "><Document", 2, "", "document type"},
		{"a huge element", CAMT053, "<RmtInf>", "<RmtInf>" + strings.Repeat("<Ustrd>"+long[:60000]+"</Ustrd>", 20), 15, "", "longer than 1048576 bytes"},
		{"an entry that says its amount often", CAMT053, "<Sts>", strings.Repeat(`<Amt Ccy="EUR">2.50</Amt>`, 30) + "<Sts>", 12, "Amt", "too often"},
		{"two roots", CAMT053, "</Document>", "</Document><Document/>", 19, "", "behind the end"},
		{"text behind", CAMT053, "</Document>", "</Document>x", 20, "", "outside"},
		{"elements that cross", CAMT053, "<NtryDtls><TxDtls>", "<TxDtls><NtryDtls>", 15, "TxDtls", "did not begin"},
		// Encodings.
		{"an encoding that is not read", CAMT053, "UTF-8", "UTF-7", 1, "", `the encoding "UTF-7" is not read`},
		{"ISO-8859-1 that says UTF-8", CAMT053, "hello", "gr\xfc\xdfe", 15, "Ustrd", "invalid UTF-8"},
		{"UTF-16", CAMT053, "", "\xff\xfe<\x00?\x00x\x00", 1, "", "UTF-16"},
		{"a NUL byte", CAMT053, "hello", "he\x00llo", 15, "", "NUL"},
		{"a NUL byte by number", CAMT053, "hello", "he&#0;llo", 15, "Ustrd", "illegal character"},
		{"UTF-8 by its mark and not by its word", CAMT053, "", "\ufeff" + strings.Replace(entry053, "UTF-8", "ISO-8859-1", 1), 1, "", "marked as UTF-8"},
		{"MT with a NUL byte", MT940, "hello", "he\x00llo", 6, "", "NUL"},
		{"CSV that is not UTF-8", CSV, "again", "\xfc", 3, "", "not UTF-8"},
		{"CSV in UTF-16", CSV, "", "\xff\xfed\x00", 1, "", "UTF-16"},
		{"CSV with a NUL byte", CSV, "again", "\x00", 3, "", "NUL"},
		// Cut off, empty, another format.
		{"cut off", CAMT053, "</Sts>\n", "</Sts>\x00cut", 12, "Ntry", "cut off"},
		{"empty", CAMT053, "", "", 1, "", "empty"},
		{"only its head", CAMT053, "", `<?xml version="1.0"?>`, 1, "", "cut off"},
		{"another message", CAMT053, "camt.053.001.08", "pain.001.001.09", 2, "xmlns", "pain.001"},
		{"a version of tomorrow", CAMT053, "camt.053.001.08", "camt.053.001.14", 0, "xmlns", "version 001.14"},
		{"no namespace", CAMT053, `xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"`, "", 2, "xmlns", "namespace"},
		{"another message than its namespace", CAMT053, "BkToCstmrStmt>", "BkToCstmrAcctRpt>", 3, "BkToCstmrAcctRpt", "BkToCstmrStmt is expected"},
		{"MT in place of XML", CAMT053, "", lines940, 9, "", "outside"},
		{"no statement", CAMT053, "", `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt></BkToCstmrStmt></Document>`, 0, "", "no statement"},
		{"empty MT", MT940, "", "", 0, "", "empty"},
		{"MT of nothing", MT940, "", "\r\n\r\n", 0, "", "no statement"},
		{"MT cut off", MT940, ":62F:C261119EUR3,50\n-\n", "", 6, ":62F:", "cut off"},
		{"XML in place of MT", MT940, "", entry053, 1, "", "is no field"},
		{"CSV in place of MT", MT940, "", strings.Repeat(linesCSV, 9), 13, "", "is no field"},
		{"MT942 in place of MT940", MT940, "", lines942, 4, ":34F:", "MT942"},
		{"MT940 in place of MT942", MT942, "", lines940, 4, ":60F:", "no MT942"},
		{"MT942 by its envelope", MT940, ":20:A", "{1:F01X}{2:O942}{4:\n:20:A", 1, "", "MT942"},
		{"MT942 cut off", MT942, ":90C:1EUR2,50\n-\n", "", 7, "", "cut off"},
		{"CSV cut off", CSV, ";2.50;\"again\"\n", ";2.50", 3, "", "has 4 columns, the ones before have 5"},
		{"MT cut off before its balance", MT940, "", ":20:A\n:25:DE89370400440532013000\n", 1, ":60F:", "missing"},
		{"empty CSV", CSV, "", "", 0, "", "empty"},
		{"CSV cut off within quotes", CSV, "\"again\"\n", "\"aga", 3, "", "cut off"},
		{"CSV without the header", CSV, "day;amount", "Tag;amount", 1, "day", "no column of this name"},
		{"CSV with a column twice", CSV, "balance;text", "amount;text", 1, "amount", "two columns"},
		// Accounts and currencies.
		{"an unknown account", CAMT053, germanAcc, "DE75512108001245126199", 6, "Acct", "****6199 is none of those configured"},
		{"no account", CAMT053, "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>", "", 4, "Acct", "missing"},
		{"the account's currency", CAMT053, "<Ccy>EUR", "<Ccy>USD", 6, "Acct", "is in EUR"},
		{"no currency of this world", CAMT053, "<Ccy>EUR", "<Ccy>EUX", 6, "Acct", "ISO 4217"},
		{"the entry's currency", CAMT053, `Ccy="EUR">2.50`, `Ccy="USD">2.50`, 10, "Ntry/Amt", `"USD"`},
		{"no currency", CAMT053, `<Amt Ccy="EUR">2.50`, `<Amt>2.50`, 10, "Ntry/Amt", "currency"},
		{"the balance's currency", CAMT053, `Ccy="EUR">3.50`, `Ccy="USD">3.50`, 8, "Bal/Amt", "currency"},
		{"MT of an unknown account", MT940, germanAcc, "DE75512108001245126199", 1, ":25:", "none of those configured"},
		{"MT with another currency", MT940, ":60F:C261118EUR", ":60F:C261118USD", 1, ":25:", "is in EUR"},
		{"MT that closes in another currency", MT940, ":62F:C261119EUR", ":62F:C261119USD", 7, ":62F:", "currency"},
		{"MT whose account has another currency", MT940, germanAcc, germanAcc + "USD", 4, ":60F:", "account's is USD"},
		{"CSV with another currency", CSV, "-1.00;EUR", "-1.00;USD", 3, "currency", `"USD"`},
		{"CSV without a currency", CSV, "-1.00;EUR", "-1.00;", 3, "currency", "missing"},
		// Amounts.
		{"a negative amount", CAMT053, `>2.50<`, `>-2.50<`, 10, "Ntry/Amt", "negative"},
		{"no amount", CAMT053, `<Amt Ccy="EUR">2.50</Amt>`, "", 9, "Ntry/Amt", "missing"},
		{"an empty amount", CAMT053, `>2.50<`, `><`, 10, "Ntry/Amt", "missing"},
		{"too many decimals", CAMT053, `>2.50<`, `>2.505<`, 10, "Ntry/Amt", "more decimals"},
		{"an exponent", CAMT053, `>2.50<`, `>2e9<`, 10, "Ntry/Amt", "no amount"},
		{"a comma", CAMT053, `>2.50<`, `>2,50<`, 10, "Ntry/Amt", "no amount"},
		{"beyond any bound", CAMT053, `>2.50<`, `>12345678901234567.00<`, 10, "Ntry/Amt", "19 digits"},
		{"MT with a negative amount", MT940, "C2,50N", "C-2,50N", 5, ":61:", "negative"},
		{"MT without an amount", MT940, "C2,50N", "CN", 5, ":61:", "missing"},
		{"MT without a comma", MT940, "C2,50N", "C250N", 5, ":61:", "comma"},
		{"MT with too many decimals", MT940, "C2,50N", "C2,505N", 5, ":61:", "more decimals"},
		{"MT beyond any bound", MT940, "C2,50N", "C99999999999999999999,N", 5, ":61:", "digits"},
		{"MT with a balance without an amount", MT940, "EUR3,50", "EUR", 7, ":62F:", "no balance"},
		{"CSV without an amount", CSV, "-1.00;", ";", 3, "amount", "missing"},
		{"CSV with two signs", CSV, "-1.00;", "--1.00;", 3, "amount", "two signs"},
		{"CSV with too many decimals", CSV, "-1.00;", "-1.001;", 3, "amount", "more decimals"},
		{"CSV with words", CSV, "-1.00;", "NaN;", 3, "amount", "no amount"},
		// Days.
		{"31 February", CAMT053, "<BookgDt><Dt>2026-11-19", "<BookgDt><Dt>2026-02-31", 13, "Ntry/BookgDt", "no day that exists"},
		{"no day", CAMT053, "<BookgDt><Dt>2026-11-19</Dt></BookgDt>", "", 9, "Ntry/BookgDt", "missing"},
		{"a balance of 31 February", CAMT053, "<Dt><Dt>2026-11-19</Dt></Dt></Bal>", "<Dt><Dt>2026-02-31</Dt></Dt></Bal>", 8, "Bal/Dt", "no day that exists"},
		{"a time of the 25th hour", CAMT053, "<BookgDt><Dt>2026-11-19</Dt>", "<BookgDt><DtTm>2026-11-19T25:00:00</DtTm>", 13, "Ntry/BookgDt", "no day or time"},
		{"MT of 31 February", MT940, ":61:261119", ":61:260231", 5, ":61:", "no day that exists"},
		{"MT booked on 31 February", MT940, ":61:2611191119", ":61:2611190231", 5, ":61:", "no day that exists"},
		{"MT that closes on 31 February", MT940, ":62F:C261119", ":62F:C260231", 7, ":62F:", "no day that exists"},
		{"MT that ends before it begins", MT940, ":62F:C261119", ":62F:C261117", 7, ":62F:", "before the opening"},
		{"CSV of 31 February", CSV, "2026-11-20", "2026-02-31", 3, "booked", "no day that exists"},
		{"CSV without a day", CSV, "2026-11-20", "", 3, "booked", "missing"},
		// Words.
		{"neither credit nor debit", CAMT053, "<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>", "<CdtDbtInd>BOTH</CdtDbtInd>\n<Sts>", 9, "Ntry/CdtDbtInd", `"BOTH"`},
		{"no direction", CAMT053, "<CdtDbtInd>CRDT</CdtDbtInd>\n<Sts>", "<Sts>", 9, "Ntry/CdtDbtInd", "missing"},
		{"an unknown status", CAMT053, "BOOK", "DONE", 9, "Ntry/Sts", `"DONE"`},
		{"no status", CAMT053, "<Sts><Cd>BOOK</Cd></Sts>", "", 9, "Ntry/Sts", "missing"},
		{"a reversal that is neither", CAMT053, "<Sts>", "<RvslInd>maybe</RvslInd><Sts>", 9, "Ntry/RvslInd", `"maybe"`},
		{"a balance behind an entry", CAMT053, "</Ntry>", "</Ntry><Bal/>", 16, "Bal", "behind an entry"},
		{"two opening balances", CAMT053, "CLBD", "OPBD", 8, "Bal", "two balances OPBD"},
		{"MT of no form", MT940, ":61:2611191119C2,50NTRFX//R1", ":61:yesterday, two fifty", 5, ":61:", "is no booking"},
		{"MT with an unknown field", MT940, ":86:hello", ":77Z:hello", 6, ":77Z:", "no such field"},
		{"MT with a second line of balance", MT940, "EUR1,00", "EUR1,00\nmore", 4, ":60F:", "no line of this field"},
		{"MT with two opening balances", MT940, ":86:hello", ":60F:C261118EUR1,00", 6, ":60F:", "two opening"},
		{"MT with two closing balances", MT940, "EUR3,50", "EUR3,50\n:62F:C261119EUR3,50", 8, ":62F:", "two closing"},
		{"MT with a booking behind the end", MT940, "EUR3,50", "EUR3,50\n:61:2611191119C2,50NTRFX", 8, ":61:", "behind the closing"},
		{"MT with a booking before the start", MT940, ":60F:", ":61:2611191119C2,50NTRFX\n:60F:", 4, ":61:", "before the opening"},
		{"MT with an endless text", MT940, "hello", strings.Repeat("hello\n", 300), 206, ":86:", "more than 200 lines"},
		{"MT with a long line", MT940, "hello", long, 6, "", "longer than 65536 bytes"},
		{"MT with two accounts", MT940, ":28C:", ":25:1\n:28C:", 3, ":25:", "two accounts"},
		{"CSV with text behind quotes", CSV, "\"again\"", "\"again\"x", 3, "", "behind the end of a quoted"},
		{"CSV with a long line", CSV, "again", long, 3, "", "longer than 65536 bytes"},
		{"CSV with many columns", CSV, "again", "\"" + strings.Repeat(";", 600), 3, "", "more than 500 columns"},
		// Balances.
		{"balances that do not add up", CAMT053, `Ccy="EUR">3.50`, `Ccy="EUR">3.51`, 8, "Bal", "do not add up: 1.00 EUR and bookings of 2.50 EUR are 3.50 EUR, the closing balance is 3.51 EUR"},
		{"a balance on the other side", CAMT053, `Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT`, `Ccy="EUR">1.00</Amt><CdtDbtInd>DBIT`, 8, "Bal", "do not add up"},
		{"an entry less", CAMT053, "<Cd>BOOK", "<Cd>PDNG", 8, "Bal", "do not add up"},
		{"MT balances that do not add up", MT940, "EUR3,50", "EUR3,51", 7, ":62F:", "do not add up"},
		{"MT pages that do not follow", MT940, ":62F:C261119EUR3,50\n-\n", ":62M:C261119EUR3,50\n-\n:20:B\n:25:DE89370400440532013000\n:28C:1/2\n:60M:C261119EUR3,40\n:62F:C261119EUR3,40\n", 12, ":60M:", "the one before closed with 3.50 EUR"},
		{"MT942 with another number", MT942, ":90C:1EUR", ":90C:2EUR", 8, ":90C:", "2 bookings"},
		{"MT942 with another sum", MT942, ":90C:1EUR2,50", ":90C:1EUR2,49", 8, ":90C:", "of 2.50 EUR"},
		{"MT942 without its limit", MT942, ":34F:EUR0,\n", "", 5, ":61:", "before the opening"},
		{"CSV balances that do not add up", CSV, "EUR;2.50;", "EUR;2.51;", 3, "balance", "do not add up"},
		{"CSV without a balance", CSV, "EUR;2.50;", "EUR;;", 3, "balance", "missing"},
	}
	samples := map[Format]string{CAMT053: entry053, MT940: lines940, MT942: lines942, CSV: linesCSV}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := c.new
			if c.old != "" {
				if !strings.Contains(samples[c.format], c.old) {
					t.Fatalf("the sample has no %q", c.old)
				}
				text = strings.Replace(samples[c.format], c.old, c.new, 1)
			}
			text, _, _ = strings.Cut(text, "\x00cut")
			bad(t, c.format, text, c.line, c.field, c.message)
		})
	}
	for f, text := range samples { // or nothing above would mean anything
		s := settings()
		s.CSV, s.Account = mappingCSV(), germanAcc
		if _, err := read(t, f, s, []byte(text)); err != nil {
			t.Errorf("the sample of %s: %v", f, err)
		}
	}
}

// A file that is cut off anywhere is refused, or what was read before is whole: nothing is told twice or in half.
func TestCutOffAnywhere(t *testing.T) {
	s := settings()
	s.CSV, s.Account = mappingCSV(), germanAcc
	for f, text := range map[Format]string{CAMT053: entry053, MT940: lines940, MT942: lines942} {
		for n := range len(text) {
			r, err := read(t, f, s, []byte(text[:n]))
			if err == nil && r.lines != 1 {
				t.Errorf("%s of %d bytes is read, and has %d bookings:\n%s", f, n, r.lines, text[:n])
			}
			if f == CAMT053 && err == nil && n < len(strings.TrimSpace(text)) {
				t.Errorf("%s of %d bytes is read", f, n)
			}
		}
	}
}

// The settings' bound of a file holds for each format.
func TestFileIsBounded(t *testing.T) {
	s := settings()
	s.CSV, s.Account, s.MaxBytes = mappingCSV(), germanAcc, 60
	for f, text := range map[Format]string{CAMT053: entry053, MT940: lines940 + lines940, CSV: linesCSV} {
		_, err := read(t, f, s, []byte(text))
		if err == nil || !strings.Contains(err.Error(), "longer than is read") {
			t.Errorf("%s: %v", f, err)
		}
	}
}

type broken struct{ after string }

var errBroken = errors.New("the disk broke")

func (b *broken) Read(p []byte) (int, error) {
	if b.after == "" {
		return 0, errBroken
	}
	n := copy(p, b.after)
	b.after = b.after[n:]
	return n, nil
}

// What is wrong with the reading itself is told as it is: it says nothing about the file.
func TestErrorsOfOthersPass(t *testing.T) {
	s := settings()
	s.CSV, s.Account = mappingCSV(), germanAcc
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for f, text := range map[Format]string{CAMT053: entry053, MT940: lines940, MT942: lines942, CSV: linesCSV} {
		if err := NewReader(f, s).Read(context.Background(), &broken{text[:len(text)/2]}, &record{t: t}); !errors.Is(err, errBroken) {
			t.Errorf("%s: %v", f, err)
		}
		if err := NewReader(f, s).Read(ended, strings.NewReader(text), &record{t: t}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, ended: %v", f, err)
		}
		for _, at := range []string{"open", "booking", "close"} {
			if err := NewReader(f, s).Read(context.Background(), strings.NewReader(text), refusing(at)); !errors.Is(err, errRefused) {
				t.Errorf("%s, refused at %s: %v", f, at, err)
			}
		}
	}
}

var errRefused = errors.New("the sink is full")

// refusing is a sink that refuses at one of its calls.
type refusing string

func (r refusing) refuse(at string) error {
	if string(r) == at {
		return errRefused
	}
	return nil
}
func (r refusing) Open(rail.Statement) error                  { return r.refuse("open") }
func (r refusing) Booking(rail.Statement, rail.Booking) error { return r.refuse("booking") }
func (r refusing) Close(rail.Statement) error                 { return r.refuse("close") }

func TestNotABookingFile(t *testing.T) {
	err := NewReader(PAIN002, Settings{}).Read(context.Background(), strings.NewReader(""), &record{t: t})
	if err == nil || !strings.Contains(err.Error(), "pain.002: there are no bookings") {
		t.Error(err)
	}
	if err := NewReader(CSV, Settings{}).Read(context.Background(), strings.NewReader("x"), &record{t: t}); err == nil {
		t.Error("a table was read without a mapping")
	}
}

func TestDetect(t *testing.T) {
	for text, want := range map[string]Format{
		entry053: CAMT053,
		strings.Replace(entry053, "camt.053", "camt.052", 1):                CAMT052,
		strings.Replace(entry053, "camt.053.001.08", "camt.054.001.02", 1):  CAMT054,
		"\ufeff \r\n" + entry053:                                            CAMT053,
		`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03">`: PAIN002,
		lines940: MT940,
		"\r\n" + strings.ReplaceAll(lines940, "\n", "\r\n"): MT940,
		"ABNANL2A\n940\nABNANL2A\n" + lines940:              MT940,
		lines942:                                            MT942,
		"{1:F01X}{2:O9421200}{4:\r\n:20:X":                  MT942,
		linesCSV:                                            CSV,
		"a,b,c\n1,2,3\n":                                    CSV,
		"Export\n\na\tb\n":                                  CSV,
	} {
		if got, err := Detect([]byte(text)); got != want || err != nil {
			t.Errorf("%.60q is %q, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                   "the file is empty",
		" \r\n":              "the file is empty",
		"\xff\xfe<\x00":      "UTF-16",
		"<\x00?\x00":         "UTF-16",
		"PK\x03\x04\x00\x00": "NUL",
		"%PDF-1.4\n\x01;":    "no text",
		"<html></html>":      "no message of ISO 20022",
		"hello":              "neither XML",
		`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09">`: "pain.001: this is no statement",
		`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.01">`: "camt.053, xmlns: version 001.01",
	} {
		f, err := Detect([]byte(text))
		var wrong *rail.FileError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, want %q", text, f, err, want)
		}
	}
	for _, text := range []string{strings.Repeat("\n", 1<<20), strings.Repeat("<a>", 1<<20)} {
		if f, err := Detect([]byte(text)); err == nil {
			t.Errorf("%q", f)
		}
	}
}

// case 66: files that overlap tell the same bookings by the same references, with the bank's or without.
func TestOverlappingFilesAgree(t *testing.T) {
	references := func(f Format, s Settings, text string) map[string]string {
		r, err := read(t, f, s, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]string{}
		for i := range r.statements {
			for _, b := range r.bookings[i] {
				if was, twice := found[b.Reference]; twice {
					t.Errorf("%s is told twice: %s", b.Reference, was)
				}
				found[b.Reference] = b.Text
			}
		}
		return found
	}
	s := settings()
	s.CSV, s.Account = &Mapping{Booked: "1", Amount: "2", Text: "3"}, germanAcc
	first := references(CSV, s, "2026-11-18;1.00;a\n2026-11-19;1.00;fee\n2026-11-19;1.00;fee\n")
	second := references(CSV, s, "2026-11-19;1.00;fee\n2026-11-19;1.00;fee\n2026-11-20;1.00;fee\n2026-11-20;2.00;b\n")
	shared := 0
	for r, text := range first {
		if second[r] == text && text != "" {
			shared++
		}
	}
	if shared != 2 || len(first) != 3 || len(second) != 4 {
		t.Errorf("%d are shared: %v, %v", shared, first, second)
	}
	// The same booking as a report, a statement and a notice of the bank.
	var all []map[string]string
	for _, f := range []Format{CAMT052, CAMT053, CAMT054} {
		text, err := os.ReadFile("testdata/" + string(f) + ".001.08.xml")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, references(f, settings(), string(text)))
	}
	for r := range all[1] {
		if all[0][r] != all[1][r] || all[2][r] != all[1][r] {
			t.Errorf("%s is not in each: %q, %q, %q", r, all[0][r], all[1][r], all[2][r])
		}
	}
}

// Whatever references a bank gives, each booking of a statement has one of its own.
func TestReferencesAreUnique(t *testing.T) {
	var b strings.Builder
	for _, r := range []string{"R", "R", "R#2", "R", "R#2", "R/2", "NONREF", "NONREF", "0"} {
		b.WriteString(":61:2611191119C1,00NTRFX//" + r + "\n")
	}
	r, err := read(t, MT940, settings(), []byte(strings.NewReplacer(":61:2611191119C2,50NTRFX//R1\n", b.String(), "EUR3,50", "EUR10,00").Replace(lines940)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range r.bookings[0] {
		got = append(got, strings.Replace(b.Reference, digest(r.statements[0], b), "digest", 1))
	}
	if want := "R R#2 R#2#2 R#3 R#2#3 R/2 digest digest#2 digest"; strings.Join(got, " ") != want { // the last has a text
		t.Errorf("%v, want %s", got, want)
	}
}

// case 66: unequal lines that a bank gives one reference have one name, whether a file tells both or one of them.
func TestUnequalLinesOfOneReference(t *testing.T) {
	const one, two = ":61:2611191119C1,00NTRFX//R\n", ":61:2611191119C1,50NTRFX//R\n"
	for _, lines := range []string{one + two, two + one} {
		r, err := read(t, MT940, settings(), []byte(strings.Replace(lines940, ":61:2611191119C2,50NTRFX//R1\n", lines, 1)))
		if err != nil {
			t.Fatal(err)
		}
		a, b := r.bookings[0][0], r.bookings[0][1]
		if a.Reference != "R" || b.Reference != "R" || rail.LineMark(a) == rail.LineMark(b) {
			t.Errorf("%q and %q, %s and %s", a.Reference, b.Reference, rail.LineMark(a), rail.LineMark(b))
		}
	}
}

// A bank may take a line back under the name of that line: told together or apart, both have the same names.
func TestReversalsHaveTheirNamesApart(t *testing.T) {
	back := ":61:2611191119RC2,50NTRFX//R1\n"
	both := strings.NewReplacer(":62F:", back+":62F:", "EUR3,50", "EUR1,00").Replace(lines940)
	alone := strings.NewReplacer(":61:2611191119C2,50NTRFX//R1\n:86:hello\n", back, "EUR1,00", "EUR3,50", "EUR3,50", "EUR1,00").Replace(lines940)
	for _, text := range []string{both, alone} {
		r, err := read(t, MT940, settings(), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range r.bookings[0] {
			if b.Reference != "R1" || b.Reversal == b.Credit {
				t.Errorf("%+v", b)
			}
		}
	}
}

// The settings name the encoding of an MT file that nothing in it names.
func TestEncodingOfMT(t *testing.T) {
	for encoding, want := range map[string]string{"": "Größe €", "windows-1252": "Größe €", "iso-8859-1": "Größe \u0080", "utf-8": "", "utf-16": ""} {
		s := settings()
		s.Encoding = encoding
		r, err := read(t, MT940, s, []byte(strings.Replace(lines940, "hello", "Gr\xf6\xdfe \x80", 1)))
		switch {
		case want == "" && err == nil:
			t.Errorf("%q: it was read", encoding)
		case want != "" && (err != nil || r.bookings[0][0].Text != want):
			t.Errorf("%q: %v, %v, want %q", encoding, r.bookings, err, want)
		}
	}
}

// Fields of some banks that say nothing of bookings are passed over.
func TestOtherFieldsOfMT(t *testing.T) {
	text := strings.NewReplacer(":28C:", ":NS:01Bank\n02X\n:21:NONREF\n:28C:", "-\n", ":NS:22more\n:64:C261119EUR3,50\n-\n").Replace(lines940)
	if r, err := read(t, MT940, settings(), []byte(text)); err != nil || r.lines != 1 {
		t.Errorf("%d lines, %v", r.lines, err)
	}
}

// A digest is what a booking without a bank's reference is known by for ever: it must not change.
func TestDigestNeverChanges(t *testing.T) {
	r, err := read(t, MT940, settings(), []byte(strings.Replace(lines940, "//R1", "", 1)))
	if err != nil || r.bookings[0][0].Reference != "digest:499f7cc90fdd508eb5bdeb53" {
		t.Errorf("%v, %v", r.bookings, err)
	}
}

// Statements that follow each other hold different bookings, also where those say the same; the same one told again does not.
func TestEqualBookingsOfFollowingStatements(t *testing.T) {
	again := strings.Replace(lines940, "//R1", "", 1)
	next := strings.NewReplacer("C261118EUR1,00", "C261119EUR3,50", "C261119EUR3,50", "C261119EUR6,00", ":28C:1", ":28C:2").Replace(again)
	for _, c := range []struct {
		text string
		want int
	}{{again + next, 2}, {again + again, 1}} {
		r, err := read(t, MT940, settings(), []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, list := range r.bookings {
			for _, b := range list {
				names[b.Reference] = true
			}
		}
		if len(names) != c.want {
			t.Errorf("%d references, want %d: %v", len(names), c.want, names)
		}
	}
}

// Every account is taken where none is configured, with the currency that the file names.
func TestAnyAccount(t *testing.T) {
	for f, text := range map[Format]string{CAMT053: entry053, MT940: lines940} {
		r, err := read(t, f, Settings{}, []byte(strings.ReplaceAll(text, "EUR", "USD")))
		if err != nil || r.statements[0].Account != germanAcc || r.statements[0].Asset.Code() != "USD" {
			t.Errorf("%s: %v, %v", f, r.statements, err)
		}
	}
	_, err := read(t, MT940, Settings{Accounts: map[string]money.Asset{}}, []byte(lines940))
	if err == nil || strings.Contains(err.Error(), germanAcc) {
		t.Errorf("%v: it names the account in full, or took it", err)
	}
}

func TestMTYears(t *testing.T) {
	for text, want := range map[string]string{"260101": "2026-01-01", "790101": "2079-01-01", "800101": "1980-01-01", "240229": "2024-02-29"} {
		if d, err := mtDay(text); err != nil || d.Format("2006-01-02") != want {
			t.Errorf("%s: %v, %v", text, d, err)
		}
	}
	for _, c := range [][3]string{{"261231", "0102", "2027-01-02"}, {"270102", "1231", "2026-12-31"}, {"270228", "0229", "2028-02-29"}, {"260630", "0630", "2026-06-30"}} {
		value, _ := mtDay(c[0])
		if d, err := entryDay(c[1], value); err != nil || d.Format("2006-01-02") != c[2] {
			t.Errorf("%v: %v, %v", c, d, err)
		}
	}
}

func TestMTAccounts(t *testing.T) {
	for text, want := range map[string]string{
		germanAcc: germanAcc, "DE89 3704 0044 0532 0130 00": germanAcc, germanAcc + "EUR": germanAcc, germanAcc + " EUR": germanAcc,
		"37040044/532013000": germanAcc, "37040044/0532013000EUR": germanAcc, "37040044/0532013000 EUR": germanAcc,
		"LINDDEFFXXX/" + germanAcc: germanAcc, dutchAcc + "EUR": dutchAcc, "nl91abna0417164300": dutchAcc,
	} {
		r, err := read(t, MT940, settings(), []byte(strings.Replace(lines940, germanAcc, text, 1)))
		if err != nil || r.statements[0].Account != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMappingIsChecked(t *testing.T) {
	good := func() Mapping { return Mapping{Booked: "1", Amount: "2"} }
	for want, change := range map[string]func(*Mapping){
		"booked: ":                        func(m *Mapping) { m.Booked = "" },
		"amount: ":                        func(m *Mapping) { m.Amount = "" },
		"debit: ":                         func(m *Mapping) { m.Debit = "3" },
		"credit: ":                        func(m *Mapping) { m.Credit = "3" },
		"credit: this ":                   func(m *Mapping) { m.Amount, m.Debit = "", "3" },
		"debit: this ":                    func(m *Mapping) { m.Amount, m.Credit = "", "3" },
		"direction: ":                     func(m *Mapping) { m.Amount, m.Debit, m.Credit, m.Direction = "", "2", "3", "4" },
		"credit_words: ":                  func(m *Mapping) { m.Direction = "4" },
		"debit_words: ":                   func(m *Mapping) { m.Direction, m.CreditWords = "4", []string{"in"} },
		`debit_words: "IN "`:              func(m *Mapping) { m.Direction, m.CreditWords, m.DebitWords = "4", []string{"in"}, []string{"IN "} },
		"credit_words: there is no":       func(m *Mapping) { m.CreditWords = []string{"in"} },
		"debit_words: there is no":        func(m *Mapping) { m.DebitWords = []string{"in"} },
		"separator: ":                     func(m *Mapping) { m.Separator = ";;" },
		"separator: \"7\"":                func(m *Mapping) { m.Separator = "7" },
		"quote: ":                         func(m *Mapping) { m.Quote = "''" },
		"quote: it is the separator too":  func(m *Mapping) { m.Quote = ";" },
		"encoding: ":                      func(m *Mapping) { m.Encoding = "utf-16" },
		"decimal: ":                       func(m *Mapping) { m.Decimal = "'" },
		"thousands: ":                     func(m *Mapping) { m.Thousands = ".." },
		"thousands: \".\" is the decimal": func(m *Mapping) { m.Thousands = "." },
		"date: ":                          func(m *Mapping) { m.Date = "YYYY-MM" },
		"date: \"DD.MM.YYYYY\"":           func(m *Mapping) { m.Date = "DD.MM.YYYYY" },
		"date: \"YYYY-MM-DD hh\"":         func(m *Mapping) { m.Date = "YYYY-MM-DD hh" },
		"skip: ":                          func(m *Mapping) { m.Skip = -1 },
		"text: ":                          func(m *Mapping) { m.Text = "0" },
		"name: ":                          func(m *Mapping) { m.Name = "501" },
	} {
		m := good()
		change(&m)
		if err := m.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	m := good()
	if err := m.Check(); err != nil {
		t.Error(err)
	}
}

// What banks write as amounts, and what a mapping takes for one.
func TestAmountsOfTables(t *testing.T) {
	for _, c := range []struct{ decimal, thousands, text, want string }{
		{".", "", "1.5", "1.50"}, {".", "", "-1", "-1.00"}, {".", "", "1.00-", "-1.00"}, {".", "", "+1", "1.00"}, {".", "", "−1", "-1.00"},
		{",", ".", "1.234,5", "1234.50"}, {",", ".", "1.234.567,89", "1234567.89"}, {",", ".", "12", "12.00"}, {",", ".", "0,5", "0.50"},
		{".", ",", "1,234.5", "1234.50"}, {",", " ", "1\u202f234,5", "1234.50"}, {".", "'", "1'234.50", "1234.50"}, {".", "", "1.500", "1.50"},
		{",", ".", "1.5", ""}, {",", ".", "1.23,4", ""}, {",", ".", "12345.678,00", ""}, {".", "", "1,5", ""}, {".", "", "", ""}, {".", "", "-", ""},
		{".", "", "1e3", ""}, {".", "", "1 ", "1.00"}, {".", ",", ",234", ""}, {",", ".", ".5", ""}, {".", "", "٣", ""},
	} {
		s := settings()
		s.CSV, s.Account = &Mapping{Booked: "1", Amount: "2", Decimal: c.decimal, Thousands: c.thousands}, germanAcc
		r, err := read(t, CSV, s, []byte("2026-11-19;"+c.text+"\n"))
		got := ""
		if err == nil {
			got = signed(r.bookings[0][0]).Decimal()
		}
		if got != c.want {
			t.Errorf("%q is %q, %v, want %q", c.text, got, err, c.want)
		}
	}
}

// Lines may ascend or descend; a zero in the other column is none.
func TestTables(t *testing.T) {
	up := "2026-11-18;1.00;0.00;2.00\n2026-11-19;0.00;3.00;-1.00\n"
	down := "2026-11-19;0.00;3.00;-1.00\n2026-11-18;1.00;0.00;2.00\n"
	even := "2026-11-19;5.00;;6.00\n2026-11-18;;5.00;1.00\n" // only the days say that it descends
	for _, c := range [][3]string{{up, "1.00", "-1.00"}, {down, "1.00", "-1.00"}, {even, "6.00", "6.00"}} {
		s := settings()
		s.CSV, s.Account = &Mapping{Booked: "1", Credit: "2", Debit: "3", Balance: "4"}, germanAcc
		r, err := read(t, CSV, s, []byte(c[0]))
		if err != nil {
			t.Fatal(err)
		}
		st := r.statements[0]
		if !st.HasOpening || st.Opening.Decimal() != c[1] || st.Closing.Decimal() != c[2] {
			t.Errorf("%q: %s to %s", c[0], st.Opening, st.Closing)
		}
	}
}

var _ io.Reader = &broken{}
