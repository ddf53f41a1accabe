package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/bank"
)

// statementLines are the bookings of each file that is read.
const statementLines = 100_000

// statement is what one file took.
type statement struct {
	format bank.Format
	size   float64 // MiB
	took   time.Duration
	memory float64 // MiB
}

// statements reads a long statement in each of two formats. It is not written to a disk first.
func (b *bench) statements(ctx context.Context) ([]statement, error) {
	euro, err := money.Fiat("EUR")
	if err != nil {
		return nil, err
	}
	reads := bank.Settings{Accounts: map[string]money.Asset{benchAccount: euro}}
	var list []statement
	for _, f := range []bank.Format{bank.CAMT053, bank.MT940} {
		file := &lineFile{format: f, lines: statementLines, reference: unknownReference}
		sink := &lineCount{}
		sink.look()
		before := sink.most
		started := time.Now()
		if err := bank.NewReader(f, reads).Read(ctx, file, sink); err != nil {
			return nil, fmt.Errorf("statements: %w", err)
		}
		s := statement{format: f, size: float64(file.size) / (1 << 20), took: time.Since(started), memory: float64(sink.most-before) / (1 << 20)}
		if sink.lines != statementLines || sink.named != statementLines {
			return nil, fmt.Errorf("statements: %d of %d lines of %s were read, %d with their reference", sink.lines, statementLines, f, sink.named)
		}
		fmt.Fprintf(os.Stderr, "%s, %s: %d lines (%.1f MiB) in %.1f s, %.0f lines/s, %.1f MiB more memory\n",
			whatStatements, f, sink.lines, s.size, s.took.Seconds(), statementLines/s.took.Seconds(), s.memory)
		list = append(list, s)
	}
	return list, nil
}

const benchAccount = "DE89370400440532013000"

// lineFile makes a statement while it is read.
type lineFile struct {
	format    bank.Format
	lines     int
	reference func(line int) string // that a line names, from line 1
	line      int
	rest      string
	size      int
}

// unknownReference is one that no order has: those of orders are random.
func unknownReference(line int) string { return bank.Reference(fmt.Sprintf("%014d", line)) }

func (f *lineFile) Read(p []byte) (int, error) {
	if f.rest == "" {
		if f.line > f.lines+1 {
			return 0, io.EOF
		}
		f.rest = f.next(f.line)
		f.line++
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	f.size += n
	return n, nil
}

// next is the head of the file, line 1 to the last, and its end.
func (f *lineFile) next(line int) string {
	var reference string
	if line > 0 && line <= f.lines {
		reference = f.reference(line)
	}
	xml := f.format == bank.CAMT053
	switch {
	case line == 0 && xml:
		balance := `<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">%d.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>%s</Dt></Dt></Bal>`
		return `<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>1</Id><Acct><Id><IBAN>` +
			benchAccount + `</IBAN></Id><Ccy>EUR</Ccy></Acct>` + fmt.Sprintf(balance, "OPBD", 1, "2026-11-18") + fmt.Sprintf(balance, "CLBD", f.lines+1, "2026-11-19") + "\n"
	case line == 0:
		return ":20:BENCH\n:25:" + benchAccount + "\n:28C:1/1\n:60F:C261118EUR1,00\n"
	case line > f.lines && xml:
		return "</Stmt></BkToCstmrStmt></Document>\n"
	case line > f.lines:
		return fmt.Sprintf(":62F:C261119EUR%d,00\n-\n", f.lines+1)
	case xml:
		return strings.NewReplacer("LINE", fmt.Sprint(line), "REF", reference).Replace(`<Ntry><NtryRef>LINE</NtryRef><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-11-19</Dt></BookgDt><ValDt><Dt>2026-11-19</Dt></ValDt><AcctSvcrRef>2026-LINE</AcctSvcrRef>
<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>
<NtryDtls><TxDtls><Refs><EndToEndId>E-LINE</EndToEndId></Refs><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>
<RltdPties><Dbtr><Pty><Nm>Payer LINE</Nm></Pty></Dbtr><DbtrAcct><Id><IBAN>NL91ABNA0417164300</IBAN></Id></DbtrAcct></RltdPties>
<RltdAgts><DbtrAgt><FinInstnId><BICFI>KANANL2A</BICFI></FinInstnId></DbtrAgt></RltdAgts><RmtInf><Ustrd>Invoice LINE REF</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
`)
	}
	return strings.NewReplacer("LINE", fmt.Sprint(line), "REF", reference).Replace(`:61:2611191119C1,00N166NONREF//2026-LINE
:86:166?00GUTSCHRIFT?20EREF+E-LINE?21SVWZ+Invoice LINE?22REF?30KANANL2A
?31NL91ABNA0417164300?32Payer LINE
`)
}

// lineCount is a sink that counts, and looks at the heap in use now and then.
type lineCount struct {
	lines, named int
	most         uint64
}

func (c *lineCount) Open(rail.Statement) error  { return nil }
func (c *lineCount) Close(rail.Statement) error { return nil }
func (c *lineCount) Booking(_ rail.Statement, b rail.Booking) error {
	if c.lines++; c.lines%10_000 == 0 {
		c.look()
	}
	c.named += len(b.References)
	return nil
}

func (c *lineCount) look() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	c.most = max(c.most, m.HeapAlloc)
}
