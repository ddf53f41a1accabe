package demo

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"
)

// A bank's side of its files: it writes statements of one account in three formats, reads a payment file, and answers it.
// None of this knows how the server reads and writes them.

// money is a decimal with two places as cents.
type cents int64

func (c cents) decimal(point string) string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d%s%02d", sign, c/100, point, c%100)
}

func centsOf(decimal string) (cents, error) {
	units, err := atomic(decimal, 2)
	if err != nil || !units.IsInt64() {
		return 0, fmt.Errorf("%q is no amount", decimal)
	}
	return cents(units.Int64()), nil
}

// booked is one line of the bank's books. Its id is the bank's.
type booked struct {
	id       string
	amount   cents // below zero: it went out
	text     string
	name     string
	iban     string
	creditor string // a creditor reference in its own field
	endToEnd string
	returned string // why a payment came back
}

// sheet is a statement of one account on one day.
type sheet struct {
	account, currency string
	number            int
	day               time.Time
	opening           cents
	lines             []booked
}

func (s sheet) closing() cents {
	sum := s.opening
	for _, l := range s.lines {
		sum += l.amount
	}
	return sum
}

// camt053 is the sheet as camt.053.001.02.
func (s sheet) camt053() []byte {
	var b strings.Builder
	day := s.day.Format(time.DateOnly)
	side := func(c cents) (string, string) {
		if c < 0 {
			return (-c).decimal("."), "DBIT"
		}
		return c.decimal("."), "CRDT"
	}
	balance := func(code string, c cents) {
		amount, way := side(c)
		fmt.Fprintf(&b, `<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="%s">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Dt><Dt>%s</Dt></Dt></Bal>`+"\n", code, s.currency, amount, way, day)
	}
	fmt.Fprintf(&b, `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>
<GrpHdr><MsgId>DEMO-%s-%d</MsgId><CreDtTm>%sT20:00:00Z</CreDtTm></GrpHdr>
<Stmt><Id>STMT-%d</Id><ElctrncSeqNb>%d</ElctrncSeqNb><CreDtTm>%sT20:00:00Z</CreDtTm><Acct><Id><IBAN>%s</IBAN></Id><Ccy>%s</Ccy></Acct>
`, day, s.number, day, s.number, s.number, day, s.account, s.currency)
	balance("OPBD", s.opening)
	balance("CLBD", s.closing())
	for _, l := range s.lines {
		amount, way := side(l.amount)
		fmt.Fprintf(&b, `<Ntry><Amt Ccy="%s">%s</Amt><CdtDbtInd>%s</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>%s</Dt></BookgDt><ValDt><Dt>%s</Dt></ValDt><AcctSvcrRef>%s</AcctSvcrRef>`,
			s.currency, amount, way, day, day, l.id)
		b.WriteString(`<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls>`)
		if l.endToEnd != "" {
			fmt.Fprintf(&b, `<Refs><EndToEndId>%s</EndToEndId></Refs>`, escape(l.endToEnd))
		}
		party := "Dbtr"
		if l.amount < 0 || l.returned != "" {
			party = "Cdtr"
		}
		if l.name != "" {
			fmt.Fprintf(&b, `<RltdPties><%s><Nm>%s</Nm></%s><%sAcct><Id><IBAN>%s</IBAN></Id></%sAcct></RltdPties>`, party, escape(l.name), party, party, l.iban, party)
		}
		if l.creditor != "" || l.text != "" {
			b.WriteString(`<RmtInf>`)
			if l.text != "" {
				fmt.Fprintf(&b, `<Ustrd>%s</Ustrd>`, escape(l.text))
			}
			if l.creditor != "" {
				fmt.Fprintf(&b, `<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>%s</Ref></CdtrRefInf></Strd>`, l.creditor)
			}
			b.WriteString(`</RmtInf>`)
		}
		if l.returned != "" {
			fmt.Fprintf(&b, `<RtrInf><Rsn><Cd>%s</Cd></Rsn></RtrInf>`, l.returned)
		}
		b.WriteString("</TxDtls></NtryDtls></Ntry>\n")
	}
	b.WriteString("</Stmt></BkToCstmrStmt></Document>\n")
	return []byte(b.String())
}

func escape(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// mt940 is the sheet as MT940, with the subfields that German banks write.
func (s sheet) mt940() []byte {
	var b strings.Builder
	mark := func(c cents) string {
		if c < 0 {
			return "D"
		}
		return "C"
	}
	size := func(c cents) string { return max(c, -c).decimal(",") }
	day := s.day.Format("060102")
	fmt.Fprintf(&b, ":20:DEMO%d\r\n:25:%s\r\n:28C:%d/1\r\n:60F:%s%s%s%s\r\n", s.number, s.account, s.number, mark(s.opening), day, s.currency, size(s.opening))
	for _, l := range s.lines {
		fmt.Fprintf(&b, ":61:%s%s%s%sNTRFNONREF//%s\r\n", day, s.day.Format("0102"), mark(l.amount), size(l.amount), l.id)
		fmt.Fprintf(&b, ":86:166?00GUTSCHRIFT")
		for i, part := range slices.Collect(slices.Chunk([]byte("SVWZ+"+l.text), 27)) {
			fmt.Fprintf(&b, "?%d%s", 20+i, part)
		}
		if l.name != "" {
			fmt.Fprintf(&b, "?31%s?32%s", l.iban, l.name)
		}
		b.WriteString("\r\n")
	}
	fmt.Fprintf(&b, ":62F:%s%s%s%s\r\n-\r\n", mark(s.closing()), day, s.currency, size(s.closing()))
	return []byte(b.String())
}

// csv is the sheet in the columns that the account's mapping names.
func (s sheet) csv() []byte {
	var b strings.Builder
	b.WriteString("Day;Id;Amount;Balance;Purpose;Name;IBAN\r\n")
	at := s.opening
	for _, l := range s.lines {
		at += l.amount
		fmt.Fprintf(&b, "%s;%s;%s;%s;%q;%q;%s\r\n", s.day.Format("02.01.2006"), l.id, l.amount.decimal(","), at.decimal(","), l.text, l.name, l.iban)
	}
	return []byte(b.String())
}

// handedIn is a payment file as the bank reads it.
type handedIn struct {
	id     string // its message's
	orders []paid
}

// paid is one transfer of a payment file.
type paid struct {
	endToEnd, name, iban string
	amount               cents
}

// readPayments reads a pain.001, and holds its control sums.
func readPayments(text []byte) (handedIn, error) {
	var doc struct {
		Initiation struct {
			Header struct {
				ID    string `xml:"MsgId"`
				Count int    `xml:"NbOfTxs"`
				Sum   string `xml:"CtrlSum"`
			} `xml:"GrpHdr"`
			Batches []struct {
				Orders []struct {
					EndToEnd string `xml:"PmtId>EndToEndId"`
					Amount   struct {
						Currency string `xml:"Ccy,attr"`
						Value    string `xml:",chardata"`
					} `xml:"Amt>InstdAmt"`
					Name string `xml:"Cdtr>Nm"`
					IBAN string `xml:"CdtrAcct>Id>IBAN"`
				} `xml:"CdtTrfTxInf"`
			} `xml:"PmtInf"`
		} `xml:"CstmrCdtTrfInitn"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		return handedIn{}, fmt.Errorf("the payment file cannot be read: %w", err)
	}
	file, sum := handedIn{id: doc.Initiation.Header.ID}, cents(0)
	for _, batch := range doc.Initiation.Batches {
		for _, o := range batch.Orders {
			amount, err := centsOf(o.Amount.Value)
			if err != nil {
				return file, err
			}
			sum += amount
			file.orders = append(file.orders, paid{o.EndToEnd, o.Name, o.IBAN, amount})
		}
	}
	said, err := centsOf(doc.Initiation.Header.Sum)
	if err != nil || said != sum || doc.Initiation.Header.Count != len(file.orders) {
		return file, fmt.Errorf("the payment file says %d transfers and %s, and holds %d and %s", doc.Initiation.Header.Count, doc.Initiation.Header.Sum, len(file.orders), sum.decimal("."))
	}
	return file, nil
}

// answer is a pain.002 that takes a payment file but for some of its transfers.
func (f handedIn) answer(w io.Writer, at time.Time, rejected map[string]string) {
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<GrpHdr><MsgId>ANSWER-%s</MsgId><CreDtTm>%s</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>%s</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>%s</OrgnlPmtInfId>
`, at.Format("150405"), at.UTC().Format("2006-01-02T15:04:05Z"), f.id, f.id)
	for _, o := range f.orders {
		if code := rejected[o.endToEnd]; code != "" {
			fmt.Fprintf(w, "<TxInfAndSts><OrgnlEndToEndId>%s</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>%s</Cd></Rsn></StsRsnInf></TxInfAndSts>\n", o.endToEnd, code)
		}
	}
	io.WriteString(w, "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>\n")
}

// iban is the n-th account of a German bank that does not exist.
func iban(n int) string {
	const bank = "99999999"
	account := fmt.Sprintf("%010d", n)
	digits, _ := new(big.Int).SetString(bank+account+"131400", 10) // DE00 behind, with letters as numbers
	check := 98 - new(big.Int).Mod(digits, big.NewInt(97)).Int64()
	return fmt.Sprintf("DE%02d%s%s", check, bank, account)
}

// misspelt is a reference with two neighbours exchanged, as fingers do.
func misspelt(reference string) string {
	b := []byte(reference)
	for i := 6; i+1 < len(b); i++ {
		if b[i] != b[i+1] {
			b[i], b[i+1] = b[i+1], b[i]
			return string(b)
		}
	}
	return cmp.Or(strings.TrimPrefix(reference, "RF"), reference)
}
