package bank

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"till/internal/rail"
)

// stream makes a file while it is read: a head, n lines, an end. None of it is kept.
type stream struct {
	head, tail string
	line       func(i int) string
	n, i       int
	rest       string
}

func (s *stream) Read(p []byte) (int, error) {
	for s.rest == "" {
		switch {
		case s.i == 0:
			s.rest = s.head
		case s.i <= s.n:
			s.rest = s.line(s.i)
		case s.i == s.n+1:
			s.rest = s.tail
		default:
			return 0, io.EOF
		}
		s.i++
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// streamOf is a statement of n credits of one euro, each with a name, an end-to-end id and a reference of our own in its text.
func streamOf(f Format, n int) *stream {
	reference := func(i int) string { return Reference(fmt.Sprintf("%014d", i)) }
	switch f {
	case CAMT053:
		head, tail, _ := strings.Cut(strings.Replace(entry053, ">3.50<", fmt.Sprintf(">%d.00<", n+1), 1), "<Ntry>")
		_, tail, _ = strings.Cut(tail, "</Ntry>")
		return &stream{n: n, head: head, tail: tail, line: func(i int) string {
			return fmt.Sprintf(`<Ntry><NtryRef>%d</NtryRef><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><RvslInd>false</RvslInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-11-19</Dt></BookgDt><ValDt><Dt>2026-11-19</Dt></ValDt><AcctSvcrRef>R%d</AcctSvcrRef>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>
<NtryDtls><TxDtls><Refs><EndToEndId>E%d</EndToEndId></Refs><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<RltdPties><Dbtr><Pty><Nm>Payer %d</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>NL91ABNA0417164300</IBAN></Id></DbtrAcct></RltdPties>
<RltdAgts><DbtrAgt><FinInstnId><BICFI>KANANL2A</BICFI></FinInstnId></DbtrAgt></RltdAgts>
<RmtInf><Ustrd>Invoice %d %s</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
`, i, i, i, i, i, reference(i))
		}}
	case MT940:
		head, _, _ := strings.Cut(lines940, ":61:")
		return &stream{n: n, head: head, tail: fmt.Sprintf(":62F:C261119EUR%d,00\n-\n", n+1), line: func(i int) string {
			return fmt.Sprintf(":61:2611191119C1,00N166NONREF//R%d\n:86:166?00GUTSCHRIFT?20EREF+E%d?21SVWZ+Invoice %d?22%s?30KANANL2A\n?31NL91ABNA0417164300?32Payer %d\n", i, i, i, reference(i), i)
		}}
	}
	return &stream{n: n, head: "day;amount;currency;balance;text\n", line: func(i int) string {
		return fmt.Sprintf("2026-11-19;1.00;EUR;%d.00;\"Invoice %d %s\"\n", i+1, i, reference(i))
	}}
}

// counting is a sink that keeps nothing but a count, and looks at the memory in use now and then.
type counting struct {
	lines int
	most  uint64
	of    map[string]int
}

func (c *counting) Open(rail.Statement) error  { return nil }
func (c *counting) Close(rail.Statement) error { return nil }
func (c *counting) Booking(_ rail.Statement, b rail.Booking) error {
	if c.lines++; c.lines%5000 == 0 {
		c.look()
	}
	for _, r := range b.References {
		c.of[r[:2]]++
	}
	return nil
}

func (c *counting) look() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	c.most = max(c.most, m.HeapAlloc)
}

// The memory of a reader does not grow with the file, but for sixteen bytes or so of each line by which it is known: of 100,000
// lines, which are some 70 MB of XML, a few MB.
func TestMemoryIsFlat(t *testing.T) {
	const lines, bound = 100_000, 16 << 20
	for _, f := range []Format{CAMT053, MT940, CSV} {
		s := settings()
		s.CSV, s.Account = mappingCSV(), germanAcc
		c := &counting{of: map[string]int{}}
		c.look()
		before := c.most
		if err := NewReader(f, s).Read(context.Background(), streamOf(f, lines), c); err != nil {
			t.Fatal(err)
		}
		if c.lines != lines || c.of["RF"] != lines {
			t.Errorf("%s: %d lines, %d references", f, c.lines, c.of["RF"])
		}
		if grown := c.most - before; grown > bound {
			t.Errorf("%s: %d lines are read in %d KiB", f, lines, grown>>10)
		} else {
			t.Logf("%s: %d lines in %d KiB", f, lines, grown>>10)
		}
	}
}

func benchmark(b *testing.B, f Format) {
	s := settings()
	s.CSV, s.Account = mappingCSV(), germanAcc
	b.ReportAllocs()
	if err := NewReader(f, s).Read(context.Background(), streamOf(f, b.N), discard{}); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

type discard struct{}

func (discard) Open(rail.Statement) error                  { return nil }
func (discard) Booking(rail.Statement, rail.Booking) error { return nil }
func (discard) Close(rail.Statement) error                 { return nil }

// One operation is one line.
func BenchmarkCamt053(b *testing.B) { benchmark(b, CAMT053) }
func BenchmarkMT940(b *testing.B)   { benchmark(b, MT940) }
func BenchmarkCSV(b *testing.B)     { benchmark(b, CSV) }
