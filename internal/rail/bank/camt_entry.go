package bank

import (
	"fmt"
	"regexp"
	"strings"

	"till/internal/money"
	"till/internal/rail"
)

// maxBatch bounds the transactions of one entry, which are held until all are read.
const maxBatch = 50_000

// transaction is what TxDtls says.
type transaction struct {
	rail.Booking
	told bool // it has an amount in the currency of the account
}

// entry reads one Ntry: one booking, or one for each transaction of a batch.
//
// A batch is taken apart when each of its transactions has an amount and they are together the entry's. Otherwise nobody
// knows how much is whose (a bank may take its charges off the sum): then it is one booking, which names nothing.
func (c *camtFile) entry(st rail.Statement) error {
	e := &element{name: "Ntry", line: c.line()}
	var list []transaction
	var batch *element
	err := c.children(func(start xmlToken) error {
		switch start.name.local {
		case "NtryDtls":
			return c.children(func(start xmlToken) error {
				switch start.name.local {
				case "Btch":
					var err error
					batch, err = c.read(start)
					return err
				case "TxDtls":
					if len(list) == maxBatch {
						return c.fail("TxDtls", "an entry has more than %d transactions", maxBatch)
					}
					d, err := c.read(start)
					if err != nil {
						return err
					}
					tx, err := c.transaction(st, e, d)
					list = append(list, tx)
					return err
				}
				return c.skip()
			})
		case "NtryRef", "Amt", "CdtDbtInd", "RvslInd", "Sts", "BookgDt", "ValDt", "AcctSvcrRef", "BkTxCd", "AddtlNtryInf":
			if len(list) > 0 && start.name.local != "AddtlNtryInf" {
				return c.fail(start.name.local, "this stands behind the transactions of the entry, where no %s has it", c.format)
			}
			if len(e.parts) == 20 {
				return c.fail(start.name.local, "an entry says this too often")
			}
			p, err := c.read(start)
			e.parts = append(e.parts, p)
			return err
		}
		return c.skip()
	})
	if err != nil {
		return err
	}
	whole, err := c.booking(st, e)
	if err != nil || whole.Amount.Asset().IsZero() {
		return err
	}
	if s := noReference(batch.say("MsgId")); s != "" {
		whole.Message = s
	}
	if s := noReference(batch.say("PmtInfId")); s != "" {
		whole.Batch = s
	}
	if n := number(batch.say("NbOfTxs")); n > len(list) && len(list) == 1 {
		list = nil // one of several, as a sample: the entry is not of it alone
	}
	switch {
	case len(list) == 0:
		whole.Text = e.say("AddtlNtryInf")
		name(&whole, nil, whole.Text)
		return c.tell.book(whole, nil)
	case len(list) == 1:
		return c.tell.book(merged(whole, list[0].Booking, e), nil)
	}
	if parts, ok := apart(whole, list, e); ok {
		return c.tell.book(whole, parts)
	}
	whole.Text = strings.TrimSpace(fmt.Sprintf("%s (%d transactions, whose amounts do not make this)", e.say("AddtlNtryInf"), len(list)))
	return c.tell.book(whole, nil)
}

// booking is what the entry says by itself. An entry that is for information only moves nothing: then it is the zero
// booking.
func (c *camtFile) booking(st rail.Statement, e *element) (b rail.Booking, err error) {
	status := e.say("Sts")
	if s := e.at("Sts"); s != nil && len(s.parts) > 0 {
		if status = s.say("Cd"); status == "" {
			status = s.say("Prtry")
		}
	}
	b.Line = e.line
	switch status {
	case "BOOK":
	case "PDNG", "FUTR":
		b.Pending = true
	case "INFO":
		return b, nil
	case "":
		return b, failed(c.format, e.line, "Ntry/Sts", "it is missing whether this is booked")
	default:
		return b, failed(c.format, e.line, "Ntry/Sts", "%q is none of BOOK, PDNG, FUTR and INFO", clip(status))
	}
	if b.Amount, b.Credit, err = c.amount(e, "Ntry", st.Asset); err != nil {
		return b, err
	}
	switch s := e.say("RvslInd"); s {
	case "", "false", "0":
	case "true", "1":
		b.Reversal = true
	default:
		return b, failed(c.format, e.line, "Ntry/RvslInd", "%q is neither true nor false", clip(s))
	}
	for _, name := range []string{"BookgDt", "ValDt"} {
		d := e.at(name)
		if d == nil {
			continue
		}
		day, err := isoDay(day(d))
		if err != nil {
			return b, failed(c.format, d.line, "Ntry/"+name, "%s", err)
		}
		if name == "BookgDt" {
			b.Booked = day
		} else {
			b.Value = day
		}
	}
	if b.Booked.IsZero() {
		b.Booked = b.Value
	}
	if b.Value.IsZero() {
		b.Value = b.Booked
	}
	if b.Booked.IsZero() && !b.Pending {
		return b, failed(c.format, e.line, "Ntry/BookgDt", "the day is missing")
	}
	b.Reference = noReference(e.say("AcctSvcrRef"))
	b.Code = bankCode(e.at("BkTxCd"))
	if b.Credit && strings.HasSuffix(b.Code, "/RRTN") {
		b.Return = "NARR"
	}
	return b, nil
}

// bankCode is a BkTxCd as domain/family/sub-family, or the bank's own.
func bankCode(e *element) string {
	if d := e.at("Domn"); d != nil {
		return strings.Trim(d.say("Cd")+"/"+d.say("Fmly", "Cd")+"/"+d.say("Fmly", "SubFmlyCd"), "/")
	}
	return e.say("Prtry", "Cd")
}

// reasonCode is that of a return in ISO 20022's external code list.
var reasonCode = regexp.MustCompile(`^[A-Z0-9]{4}$`)

// transaction reads a TxDtls of the entry e, whose own parts stand before it.
func (c *camtFile) transaction(st rail.Statement, e, d *element) (transaction, error) {
	var t transaction
	t.Line = d.line
	t.Credit = e.say("CdtDbtInd") == "CRDT"
	t.Reversal = isTrue(e.say("RvslInd"))
	switch s := d.say("CdtDbtInd"); s {
	case "", "CRDT", "DBIT":
		if s != "" {
			t.Credit = s == "CRDT"
		}
	default:
		return t, failed(c.format, d.line, "TxDtls/CdtDbtInd", "%q is neither CRDT nor DBIT", clip(s))
	}
	amt := d.at("Amt")
	if amt == nil {
		amt = d.at("AmtDtls", "TxAmt", "Amt")
	}
	if amt != nil && amt.currency == st.Asset.Code() {
		a, err := isoAmount(st.Asset, amt.text)
		if err != nil {
			return t, failed(c.format, amt.line, "TxDtls/Amt", "%s", err)
		}
		t.Amount, t.told = a, true
	}
	refs := d.at("Refs")
	t.Reference = noReference(refs.say("AcctSvcrRef"))
	t.EndToEnd = noReference(refs.say("EndToEndId"))
	t.Message = noReference(refs.say("MsgId"))
	t.Batch = noReference(refs.say("PmtInfId"))
	t.Code = bankCode(d.at("BkTxCd"))
	c.parties(st, d, &t.Booking)
	returned(d.at("RtrInf"), &t.Booking)

	remittance := d.at("RmtInf")
	var lines, named []string
	for _, u := range remittance.each("Ustrd") {
		lines = append(lines, u.text)
	}
	for _, s := range remittance.each("Strd") {
		for _, r := range []string{s.say("CdtrRefInf", "Ref"), s.say("CdtrRefInf", "CdtrRef")} {
			if r != "" {
				named = append(named, r)
			}
		}
		for _, a := range s.each("AddtlRmtInf") {
			lines = append(lines, a.text)
		}
	}
	t.Text = strings.TrimSpace(strings.Join(lines, " "))
	if t.Text == "" {
		t.Text = d.say("AddtlTxInf")
	}
	text := t.Text
	if t.Text == "" {
		t.Text = strings.Join(named, " ")
	}
	if t.EndToEnd != "" {
		named = append(named, t.EndToEnd)
	}
	name(&t.Booking, named, text)
	return t, nil
}

// parties fills in the other side, and the virtual account that was paid to.
func (c *camtFile) parties(st rail.Statement, d *element, b *rail.Booking) {
	payer := c.party(d, "Dbtr")
	payee := c.party(d, "Cdtr")
	b.Party = payee
	if b.Credit {
		b.Party = payer
		if payee.Account != "" && payee.Account != st.Account && payer.Account != st.Account {
			b.Virtual = payee.Account
		}
	}
	// What comes back is told with the parties of the payment that went out.
	if b.Party.Account == st.Account {
		b.Party = payee
		if !b.Credit {
			b.Party = payer
		}
	}
}

func (c *camtFile) party(d *element, side string) rail.Party {
	of := d.at("RltdPties", side)
	if inner := of.at("Pty"); inner != nil {
		of = inner
	}
	account := d.at("RltdPties", side+"Acct", "Id")
	bank := d.at("RltdAgts", side+"Agt", "FinInstnId")
	ultimate := d.at("RltdPties", "Ultmt"+side)
	return rail.Party{
		Name:     first(of.say("Nm"), ultimate.say("Nm"), ultimate.say("Pty", "Nm")),
		Account:  Canonical(first(account.say("IBAN"), account.say("Othr", "Id"))),
		Bank:     first(bank.say("BICFI"), bank.say("BIC"), bank.say("ClrSysMmbId", "MmbId"), bank.say("Nm")),
		Document: first(of.say("Id", "PrvtId", "Othr", "Id"), of.say("Id", "OrgId", "Othr", "Id")),
	}
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// returned fills in why a payment came back.
func returned(e *element, b *rail.Booking) {
	if e == nil {
		return
	}
	b.Return = "NARR"
	if code := first(e.say("Rsn", "Cd"), e.say("Rsn", "Prtry")); reasonCode.MatchString(code) {
		b.Return = code
	}
}

// merged is an entry with the only transaction it has. The amount is what the entry moved.
func merged(whole, tx rail.Booking, e *element) rail.Booking {
	b := tx
	b.Line, b.Amount, b.Credit, b.Reversal, b.Pending = whole.Line, whole.Amount, whole.Credit, whole.Reversal, whole.Pending
	b.Booked, b.Value = whole.Booked, whole.Value
	b.Reference = first(whole.Reference, tx.Reference)
	b.Message, b.Batch = first(tx.Message, whole.Message), first(tx.Batch, whole.Batch)
	b.Code = first(whole.Code, tx.Code)
	b.Return = first(tx.Return, whole.Return)
	if b.Text == "" {
		b.Text = e.say("AddtlNtryInf")
		named := []string{b.EndToEnd}
		name(&b, append(named, tx.References...), b.Text)
	}
	return b
}

// apart are the bookings of a batch, when its transactions make the entry.
func apart(whole rail.Booking, list []transaction, e *element) ([]rail.Booking, bool) {
	sum := money.Zero(whole.Amount.Asset())
	parts := make([]rail.Booking, len(list))
	for i, t := range list {
		if !t.told {
			return nil, false
		}
		sum = sum.Add(signed(t.Booking))
		b := merged(whole, t.Booking, e)
		b.Line, b.Amount, b.Credit, b.Reference = t.Line, t.Amount, t.Credit, ""
		b.Code, b.Return = first(t.Code, whole.Code), t.Return
		if b.Return == "" && b.Credit && strings.HasSuffix(b.Code, "/RRTN") {
			b.Return = "NARR"
		}
		parts[i] = b
	}
	return parts, sum.Equal(signed(whole))
}
