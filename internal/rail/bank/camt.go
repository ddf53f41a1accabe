package bank

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"till/internal/money"
	"till/internal/rail"
)

// camtReader reads camt.052, .053 and .054 of ISO 20022 in their versions 02 to 08. What differs between the versions is
// read in either form: a status as text or in Cd, a party with or without Pty around it, BIC or BICFI, the amount of a
// transaction of a batch beside or within AmtDtls. One entry is held at a time, of a batch its transactions.
type camtReader struct {
	format   Format
	settings Settings
}

// The elements of each message: the one around it, and its statements.
var camtNames = map[Format][2]string{
	CAMT052: {"BkToCstmrAcctRpt", "Rpt"},
	CAMT053: {"BkToCstmrStmt", "Stmt"},
	CAMT054: {"BkToCstmrDbtCdtNtfctn", "Ntfctn"},
}

func (r camtReader) Read(ctx context.Context, file io.Reader, to rail.Sink) error {
	f := newXMLFile(ctx, file, r.settings)
	c := &camtFile{xmlFile: f, camtReader: r, tell: newTeller(ctx, r.format, r.settings, to)}
	err := c.document()
	var known *rail.FileError
	if errors.As(err, &known) && known.Format == "" {
		known.Format = string(r.format)
	}
	return err
}

// camtFile is one file that is read.
type camtFile struct {
	*xmlFile
	camtReader
	tell  *teller
	pages pages
}

// document finds the message, which may stand in an envelope beside a header, and reads it.
func (c *camtFile) document() error {
	for {
		token, err := c.next()
		if err == io.EOF {
			if c.ns == "" {
				return c.fail("xmlns", "this is no %s: its namespace is missing", c.format)
			}
			return c.tell.end()
		}
		if err != nil {
			return err
		}
		start := token
		if token.kind != xmlStart || start.name.local != "Document" || c.ns != "" {
			continue
		}
		for _, a := range start.attrs {
			if namespaceOf(a, start.name.prefix) {
				c.ns, c.space = a.value, start.name.prefix
			}
		}
		m := iso20022.FindStringSubmatch(c.ns)
		if m == nil || m[0] != c.ns {
			return c.fail("xmlns", "this is no %s: its namespace is %q", c.format, clip(c.ns))
		}
		if m[1] != string(c.format) {
			return c.fail("xmlns", "this is no %s but %s", c.format, m[1])
		}
		if err := checkVersion(c.format, m[2]); err != nil {
			return err
		}
		if err := c.message(); err != nil {
			return err
		}
	}
}

// message reads the statements of the document that has just begun.
func (c *camtFile) message() error {
	names := camtNames[c.format]
	return c.children(func(start xmlToken) error {
		if start.name.local != names[0] {
			return c.fail(clip(start.name.local), "%s is expected here", names[0])
		}
		return c.children(func(start xmlToken) error {
			if start.name.local == names[1] {
				return c.statement()
			}
			return c.skip()
		})
	})
}

// children calls do for each child of the element that has just begun, up to its end. do reads the child whole.
func (c *camtFile) children(do func(xmlToken) error) error {
	for {
		token, err := c.next()
		if err != nil {
			return err
		}
		switch token.kind {
		case xmlStart:
			if err := do(token); err != nil {
				return err
			}
		case xmlEnd:
			return nil
		}
	}
}

// statement reads one, whose account and balances stand before its entries.
func (c *camtFile) statement() error {
	h := camtHead{line: c.line()}
	var st rail.Statement
	begun := false
	begin := func() (err error) {
		if begun {
			return nil
		}
		begun = true
		if st, err = c.head(&h); err != nil {
			return err
		}
		return c.tell.open(st)
	}
	err := c.children(func(start xmlToken) error {
		switch name := start.name.local; name {
		case "Ntry":
			if err := begin(); err != nil {
				return err
			}
			return c.entry(st)
		case "Id", "ElctrncSeqNb", "LglSeqNb", "CreDtTm", "FrToDt", "Acct", "Bal", "StmtPgntn", "RptPgntn", "NtfctnPgntn":
			e, err := c.read(start)
			if err != nil {
				return err
			}
			if begun {
				return failed(c.format, e.line, name, "this stands behind an entry, where no %s has it", c.format)
			}
			return h.add(e)
		default:
			return c.skip()
		}
	})
	if err != nil {
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	c.pages.close(&st, &h, c.tell.sum)
	line := h.line
	if h.closing != nil {
		line = h.closing.line
	}
	return c.tell.close(st, line, "Bal")
}

// camtHead is what a statement says before its entries.
type camtHead struct {
	line              int
	id, number, legal string
	created           *element
	period, account   *element
	balances          []*element
	page              string
	last              bool // page
	opening, closing  *element
	between           bool   // opening or closing is one between pages
	of                string // account, id and number of the whole
	paged             bool   // it is one of several pages that share their balances
}

// maxBalances bounds what a statement says of its balances; a bank tells a few, for some days ahead.
const maxBalances = 400

func (h *camtHead) add(e *element) error {
	switch e.name {
	case "Id":
		h.id = e.text
	case "ElctrncSeqNb":
		h.number = e.text
	case "LglSeqNb":
		h.legal = e.text
	case "CreDtTm":
		h.created = e
	case "FrToDt":
		h.period = e
	case "Acct":
		h.account = e
	case "Bal":
		if h.balances = append(h.balances, e); len(h.balances) > maxBalances {
			return &rail.FileError{Line: e.line, Field: "Bal", Message: "there are too many balances"}
		}
	default:
		h.page, h.last = e.say("PgNb"), isTrue(e.say("LastPgInd"))
	}
	return nil
}

// head is the statement as it is known before its entries.
func (c *camtFile) head(h *camtHead) (rail.Statement, error) {
	var st rail.Statement
	if h.account == nil {
		return st, failed(c.format, h.line, "Acct", "the account is missing")
	}
	currency := h.account.say("Ccy")
	if currency == "" && len(h.balances) > 0 {
		if b := h.balances[0].at("Amt"); b != nil {
			currency = b.currency
		}
	}
	var err error
	other := h.account.at("Id", "Othr")
	if st.Account, st.Asset, err = c.tell.account(h.account.line, "Acct", currency, h.account.say("Id", "IBAN"), other.say("Id"),
		h.account.say("Id", "PrtryAcct", "Id")); err != nil {
		return st, err
	}
	st.ID, st.Number = h.id, h.number
	if st.Number == "" {
		st.Number = h.legal
	}
	h.of = st.Account + "\x00" + st.ID + "\x00" + st.Number
	if h.page != "" && !(h.page == "1" && h.last) {
		st.Number = strings.TrimPrefix(st.Number+"/"+h.page, "/")
	}
	st.Intraday, st.Notice = c.format == CAMT052, c.format == CAMT054
	if err := h.chooseBalances(c.format); err != nil {
		return st, err
	}
	if c.format == CAMT053 {
		if st.Opening, st.HasOpening, err = c.balance(h.opening, st.Asset); err != nil {
			return st, err
		}
		if st.Closing, st.HasClosing, err = c.balance(h.closing, st.Asset); err != nil {
			return st, err
		}
		c.pages.open(&st, h)
	}
	return st, c.period(&st, *h)
}

// chooseBalances finds the booked balance that a statement opens with and the one it closes with. ITBD is both, between the
// pages of one: the first opens where nothing else does, the last closes.
func (h *camtHead) chooseBalances(f Format) error {
	kinds := map[string]*element{}
	var between []*element
	for _, b := range h.balances {
		kind := b.say("Tp", "CdOrPrtry", "Cd")
		switch kind {
		case "OPBD", "PRCD", "CLBD":
			if was := kinds[kind]; was != nil && kind != "PRCD" {
				return failed(f, b.line, "Bal", "there are two balances %s", kind)
			}
			kinds[kind] = b
		case "ITBD":
			between = append(between, b)
		}
	}
	h.opening, h.closing = kinds["OPBD"], kinds["CLBD"]
	if h.opening == nil {
		h.opening = kinds["PRCD"]
	}
	if h.opening == nil && len(between) > 0 && (h.closing != nil || len(between) > 1) {
		h.opening, between, h.between = between[0], between[1:], true
	}
	if h.closing == nil && len(between) > 0 {
		h.closing, h.between = between[len(between)-1], true
	}
	return nil
}

func (c *camtFile) balance(b *element, asset money.Asset) (money.Amount, bool, error) {
	if b == nil {
		return money.Amount{}, false, nil
	}
	a, credit, err := c.amount(b, "Bal", asset)
	if err != nil {
		return a, false, err
	}
	if _, err := isoDay(day(b.at("Dt"))); b.at("Dt") != nil && err != nil {
		return a, false, failed(c.format, b.at("Dt").line, "Bal/Dt", "%s", err)
	}
	if !credit {
		a = a.Neg()
	}
	return a, true, nil
}

// amount reads Amt and CdtDbtInd of an element.
func (c *camtFile) amount(e *element, field string, asset money.Asset) (a money.Amount, credit bool, err error) {
	amt := e.at("Amt")
	if amt == nil {
		return a, false, failed(c.format, e.line, field+"/Amt", "the amount is missing")
	}
	if amt.currency != asset.Code() {
		return a, false, failed(c.format, amt.line, field+"/Amt", "the currency is %q, the account's is %s", clip(amt.currency), asset.Code())
	}
	if a, err = isoAmount(asset, amt.text); err != nil {
		return a, false, failed(c.format, amt.line, field+"/Amt", "%s", err)
	}
	switch e.say("CdtDbtInd") {
	case "CRDT":
		return a, true, nil
	case "DBIT":
		return a, false, nil
	case "":
		return a, false, failed(c.format, e.line, field+"/CdtDbtInd", "it is missing whether this is a credit or a debit")
	}
	return a, false, failed(c.format, e.line, field+"/CdtDbtInd", "%q is neither CRDT nor DBIT", clip(e.say("CdtDbtInd")))
}

// isoAmount reads an xs:decimal, which may begin with a plus.
func isoAmount(asset money.Asset, s string) (money.Amount, error) {
	if len(s) > 1 {
		s = strings.TrimPrefix(s, "+")
	}
	return amount(asset, s, '.')
}

// day is the text of a day that is said as a day or with a time.
func day(e *element) string {
	if s := e.say("Dt"); s != "" {
		return s
	}
	if s := e.say("DtTm"); s != "" {
		return s
	}
	if e != nil {
		return e.text
	}
	return ""
}

// period fills in from when to when a statement is: as it says, else by the days of its balances.
func (c *camtFile) period(st *rail.Statement, h camtHead) error {
	said := func(e *element, field string, to *time.Time) error {
		s := day(e)
		if s == "" || !to.IsZero() {
			return nil
		}
		d, err := isoDay(s)
		if err != nil {
			return failed(c.format, e.line, field, "%s", err)
		}
		*to = d
		return nil
	}
	for _, x := range []struct {
		e     *element
		field string
		to    *time.Time
	}{
		{h.period.at("FrDt"), "FrToDt/FrDt", &st.From}, {h.period.at("FrDtTm"), "FrToDt/FrDtTm", &st.From}, {h.opening.at("Dt"), "Bal/Dt", &st.From},
		{h.period.at("ToDt"), "FrToDt/ToDt", &st.To}, {h.period.at("ToDtTm"), "FrToDt/ToDtTm", &st.To}, {h.closing.at("Dt"), "Bal/Dt", &st.To},
		{h.created, "CreDtTm", &st.To},
	} {
		if err := said(x.e, x.field, x.to); err != nil {
			return err
		}
	}
	if st.From.IsZero() {
		st.From = st.To
	}
	if st.To.Before(st.From) {
		return failed(c.format, h.line, "FrToDt", "the statement ends before it begins")
	}
	return nil
}

// pages holds a statement together whose pages all say the opening and the closing balance of the whole: each page opens with
// what the one before left, and the last one has to close as it says. Pages with balances of their own (ITBD) need none of it.
type pages struct {
	of      string // account, id and number of the statement whose pages have come so far without a gap
	page    int
	running money.Amount
}

func (p *pages) open(st *rail.Statement, h *camtHead) {
	n, err := strconv.Atoi(h.page)
	if err != nil || n == 1 && h.last || h.between {
		p.of = ""
		return
	}
	h.paged = true
	if n == 1 && st.HasOpening {
		p.of, p.running = h.of, st.Opening
	} else if p.of != h.of || p.page+1 != n {
		p.of = "" // a page is missing here: nobody knows what this one opens with
	}
	p.page = n
	st.Opening, st.HasOpening = p.running, p.of != ""
	st.HasClosing = st.HasClosing && st.HasOpening && h.last
	if !st.HasOpening {
		st.Opening = money.Amount{}
	}
	if !st.HasClosing {
		st.Closing = money.Amount{}
	}
}

// close is what the statement closes with, when only its last page says it.
func (p *pages) close(st *rail.Statement, h *camtHead, sum money.Amount) {
	if !h.paged || !st.HasOpening {
		return
	}
	p.running = p.running.Add(sum)
	if !st.HasClosing {
		st.Closing, st.HasClosing = p.running, true
	}
}

func isTrue(s string) bool { return s == "true" || s == "1" }
