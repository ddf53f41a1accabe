package bank

import (
	"context"
	"io"
	"regexp"
	"strings"
	"time"

	"till/internal/money"
	"till/internal/party"
	"till/internal/rail"
)

// mtReader reads MT940 and MT942 of SWIFT, in an envelope or bare, several messages in a file, with or without the lines
// that banks put before each. What a bank writes into :86: is mt_text.go's.
type mtReader struct {
	format   Format
	settings Settings
}

func (r mtReader) Read(ctx context.Context, file io.Reader, to rail.Sink) error {
	decode := anyEncoding
	if r.settings.Encoding != "" {
		if decode = decoder(r.settings.Encoding); decode == nil {
			return failed(r.format, 0, "", "the encoding %q is not read: utf-8, iso-8859-1 and windows-1252 are", clip(r.settings.Encoding))
		}
	}
	m := &mtFile{mtReader: r, lines: newLines(ctx, r.format, file, r.settings, decode), tell: newTeller(ctx, r.format, r.settings, to)}
	return m.read()
}

// mtFile is one file that is read.
type mtFile struct {
	mtReader
	lines *lines
	tell  *teller
	begun bool // a message has
	msg   mtMessage
	// before counts lines before a message that are no fields: banks put a few there.
	before int
	// page is the statement of which a page has ended, with what the next one has to open with.
	page struct {
		of      string
		closing money.Amount
	}
}

// mtMessage is one message as far as it is read.
type mtMessage struct {
	line         int // where it began
	id           string
	account      []string // spellings
	currency     string   // told with the account
	number       string
	st           rail.Statement
	open, closed bool // the opening balance was read, the closing one
	told         bool // to the sink
	between      bool // the opening balance is one between pages
	ends         bool // the closing one ends the statement
	line61       *rail.Booking
	customer     string
	text         []string // of :86:
	debits       mtSum
	credits      mtSum
	floor, odd   bool // entries may be left out, or counted as the bank likes
	closingLine  int
	created      time.Time
}

// mtSum is what an MT942 says of its debits or credits, and what was read of them.
type mtSum struct {
	told   bool
	line   int
	count  int
	amount money.Amount
	read   int
	sum    money.Amount
}

// mtField is one field of a message with the lines that belong to it.
type mtField struct {
	line  int
	tag   string
	lines []string
}

var tagLine = regexp.MustCompile(`^:([0-9]{2,3}[A-Z]?|NS):(.*)$`)

// The bounds of a field: an :86: has six lines of 65 characters, or a few times as many.
const (
	maxFieldLines = 200
	maxBefore     = 12
)

// read goes through the file: fields, the ends of messages, and the lines between.
func (m *mtFile) read() error {
	var field *mtField
	flush := func() error {
		if field == nil {
			return nil
		}
		f := field
		field = nil
		return m.field(*f)
	}
	for {
		text, err := m.lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		text = strings.Map(visible, text)
		if rest := strings.TrimSpace(text); strings.HasPrefix(rest, "-}") {
			if err := flush(); err != nil {
				return err
			}
			if err := m.end(); err != nil {
				return err
			}
			if text = strings.TrimSpace(rest[2:]); text == "" || strings.HasPrefix(text, "{5:") && !strings.Contains(text, "{1:") {
				continue
			}
			text = text[max(0, strings.Index(text, "{1:")):]
		}
		if i := strings.Index(text, "{4:"); i >= 0 && strings.HasPrefix(strings.TrimSpace(text), "{") {
			if err := m.envelope(text); err != nil {
				return err
			}
			text = text[i+3:]
		} else if strings.HasPrefix(text, "{1:") {
			if err := m.envelope(text); err != nil {
				return err
			}
			continue
		}
		switch tag := tagLine.FindStringSubmatch(text); {
		case tag != nil:
			if err := flush(); err != nil {
				return err
			}
			field = &mtField{line: m.lines.number, tag: tag[1], lines: []string{tag[2]}}
		case strings.TrimSpace(text) == "-":
			if err := flush(); err != nil {
				return err
			}
			if err := m.end(); err != nil {
				return err
			}
		case field != nil && field.tag != "940" && field.tag != "942":
			if len(field.lines) == maxFieldLines {
				return m.lines.fail(":"+field.tag+":", "a field has more than %d lines", maxFieldLines)
			}
			field.lines = append(field.lines, text)
		case strings.TrimSpace(text) != "":
			if m.before++; m.before > maxBefore || m.begun || strings.HasPrefix(strings.TrimSpace(text), "<") {
				return m.lines.fail("", "%q is no field of an MT message", clip(text))
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if m.begun && m.format == MT942 && !m.msg.debits.told && !m.msg.credits.told {
		return m.lines.fail("", "the file was cut off: the message has neither sums nor an end")
	}
	if err := m.end(); err != nil {
		return err
	}
	if m.tell.told == 0 && m.lines.number == 0 {
		return m.lines.fail("", "the file is empty")
	}
	return m.tell.end()
}

// visible takes out the marks that telex lines began and ended with, and makes other control characters spaces.
func visible(r rune) rune {
	switch {
	case r >= 1 && r <= 3:
		return -1
	case r < ' ' || r == 0x7f:
		return ' '
	}
	return r
}

// envelope looks at the blocks before the text.
func (m *mtFile) envelope(text string) error {
	if err := m.end(); err != nil {
		return err
	}
	if i := strings.Index(text, "{2:"); i >= 0 && len(text) >= i+7 {
		if kind := text[i+4 : i+7]; every(kind, isDigit) && "mt"+kind != string(m.format) {
			return m.lines.fail("", "this is no %s but MT%s", strings.ToUpper(string(m.format)), kind)
		}
	}
	return nil
}

// field takes one in.
func (m *mtFile) field(f mtField) error {
	name := ":" + f.tag + ":"
	fail := func(message string, args ...any) error { return failed(m.format, f.line, name, message, args...) }
	text := strings.TrimSpace(f.lines[0])
	if f.tag == "20" {
		if err := m.end(); err != nil { // where no line ends a message the next one begins
			return err
		}
		m.begun, m.before = true, 0
		m.msg = mtMessage{line: f.line, id: text}
		return nil
	}
	if f.tag == "940" || f.tag == "942" {
		if "mt"+f.tag != string(m.format) {
			return fail("this is no %s", strings.ToUpper(string(m.format)))
		}
		return nil
	}
	if !m.begun {
		return fail("this stands before :20:, with which a message begins")
	}
	if len(f.lines) > 1 && f.tag != "86" && f.tag != "61" && f.tag != "25P" && f.tag != "NS" {
		if rest := strings.TrimSpace(strings.Join(f.lines[1:], "")); rest != "" {
			return fail("%q is no line of this field", clip(rest))
		}
	}
	g := &m.msg
	switch f.tag {
	case "21", "NS": // of another message, and the bank's own
		return nil
	case "25", "25P":
		return m.account(text, fail)
	case "28", "28C":
		g.number = text
		return nil
	case "60F", "60M":
		if m.format != MT940 {
			return fail("this is no MT942: it has an opening balance")
		}
		return m.opening(f.tag, text, fail)
	case "61":
		return m.line(f)
	case "86":
		if g.line61 != nil && !g.closed {
			if len(g.text)+len(f.lines) > maxFieldLines {
				return fail("a booking has more than %d lines of text", maxFieldLines)
			}
			g.text = append(g.text, f.lines...)
		}
		return nil // behind the balances it is about the statement, and nothing is read from it
	case "62F", "62M":
		if m.format != MT940 {
			return fail("this is no MT942: it has a closing balance")
		}
		return m.closing(f.tag, text, f.line, fail)
	case "64", "65":
		if !g.open {
			return fail("this stands before the opening balance")
		}
		_, _, _, err := m.balance(text, g.st.Asset.Code(), fail)
		return err
	case "34F", "13", "13D", "90C", "90D":
		if m.format != MT942 {
			return fail("this is no MT940 but MT942")
		}
		return m.report(f.tag, text, f.line, fail)
	}
	return fail("an %s has no such field", strings.ToUpper(string(m.format)))
}

var (
	accountCurrency = regexp.MustCompile(`^(.*[0-9A-Z])\s*([A-Z]{3})$`)
	germanAccount   = regexp.MustCompile(`^([0-9]{8})/([0-9]{1,10})$`)
)

// account reads :25:, which is an IBAN, a number, or a bank's code and a number with a slash between, each with or without
// a currency behind it. The first of its readings that is a known account is meant.
func (m *mtFile) account(text string, fail func(string, ...any) error) error {
	if m.msg.account != nil {
		return fail("there are two accounts")
	}
	text = capitals(text)
	readings := []string{text}
	if c := accountCurrency.FindStringSubmatch(text); c != nil {
		if _, err := money.Fiat(c[2]); err == nil {
			if _, known := m.settings.Accounts[Canonical(text)]; !known {
				m.msg.currency = c[2]
				readings = []string{c[1]}
			}
		}
	}
	text = strings.ReplaceAll(readings[0], " ", "")
	if g := germanAccount.FindStringSubmatch(text); g != nil {
		readings = append(readings, germanIBAN(g[1], g[2]))
	}
	if bank, number, ok := strings.Cut(text, "/"); ok {
		readings = append(readings, number, bank)
	}
	m.msg.account = readings
	return nil
}

// germanIBAN is the IBAN of a bank code and an account number, as nearly all banks of Germany make it.
func germanIBAN(bank, number string) string {
	body := bank + strings.Repeat("0", 10-len(number)) + number
	check := 98 - party.Mod97(body+"DE00")
	return "DE" + string([]byte{'0' + byte(check/10), '0' + byte(check%10)}) + body
}

// begin opens the statement of the message, in the currency given.
func (m *mtFile) begin(currency string, fail func(string, ...any) error) error {
	g := &m.msg
	if g.open {
		return fail("there are two opening balances")
	}
	if g.account == nil {
		return failed(m.format, g.line, ":25:", "the account is missing")
	}
	if g.currency != "" && g.currency != currency {
		return fail("the currency is %s, the account's is %s", currency, g.currency)
	}
	account, asset, err := m.tell.account(g.line, ":25:", currency, g.account...)
	if err != nil {
		return err
	}
	g.st.Account, g.st.Asset, g.st.ID, g.st.Number = account, asset, g.id, g.number
	g.open = true
	g.credits.sum, g.debits.sum = money.Zero(asset), money.Zero(asset)
	return nil
}

func (m *mtFile) opening(tag, text string, fail func(string, ...any) error) error {
	g := &m.msg
	currency := ""
	if len(text) > 10 {
		currency = text[7:10]
	}
	if _, err := money.Fiat(currency); err != nil {
		return fail("%q is no balance: C or D, YYMMDD, currency, amount", clip(text))
	}
	if err := m.begin(currency, fail); err != nil {
		return err
	}
	var err error
	if g.st.Opening, g.st.From, _, err = m.balance(text, g.st.Asset.Code(), fail); err != nil {
		return err
	}
	g.st.HasOpening, g.between = true, tag == "60M"
	of := g.st.Account + "\x00" + statementNumber(g.number)
	if g.between && m.page.of == of && !m.page.closing.Equal(g.st.Opening) {
		return fail("the page opens with %s, the one before closed with %s", g.st.Opening, m.page.closing)
	}
	return m.tellOpen()
}

// tellOpen tells the sink of the statement, once: of an MT942 when its first booking comes, for its time stands behind the
// limit that opens it.
func (m *mtFile) tellOpen() error {
	g := &m.msg
	if g.told {
		return nil
	}
	if g.told = true; g.st.From.IsZero() {
		g.st.From, g.st.To = g.created, g.created
	}
	return m.tell.open(g.st)
}

// statementNumber is the number in :28C: without that of its page.
func statementNumber(s string) string {
	number, _, _ := strings.Cut(s, "/")
	return number
}

// balance reads C or D, YYMMDD, currency and amount.
func (m *mtFile) balance(text, currency string, fail func(string, ...any) error) (a money.Amount, day time.Time, credit bool, err error) {
	if len(text) < 11 || text[0] != 'C' && text[0] != 'D' {
		return a, day, false, fail("%q is no balance: C or D, YYMMDD, currency, amount", clip(text))
	}
	if day, err = mtDay(text[1:7]); err != nil {
		return a, day, false, fail("%s", err)
	}
	if text[7:10] != currency {
		return a, day, false, fail("the currency is %q, the account's is %s", text[7:10], currency)
	}
	if a, err = m.amount(text[10:]); err != nil {
		return a, day, false, fail("%s", err)
	}
	if text[0] == 'D' {
		a = a.Neg()
	}
	return a, day, text[0] == 'C', nil
}

func (m *mtFile) amount(s string) (money.Amount, error) {
	s = strings.TrimSpace(s)
	if s != "" && !strings.Contains(s, ",") && s[0] != '-' {
		return money.Amount{}, errNoComma
	}
	return amount(m.msg.st.Asset, s, ',')
}

var line61 = regexp.MustCompile(`^([0-9]{6})([0-9]{4})? ?(RC|RD|EC|ED|C|D)([A-Z])?(-?[0-9]*,?[0-9]*)([NFS][A-Z0-9]{3})(.*)$`)

// line reads :61:.
func (m *mtFile) line(f mtField) error {
	g := &m.msg
	fail := func(message string, args ...any) error { return failed(m.format, f.line, ":61:", message, args...) }
	if g.closed {
		return fail("this stands behind the closing balance")
	}
	if !g.open {
		return fail("this stands before the opening balance")
	}
	if err := m.tellOpen(); err != nil {
		return err
	}
	if err := m.flush(); err != nil {
		return err
	}
	parts := line61.FindStringSubmatch(strings.TrimRight(f.lines[0], " "))
	if parts == nil {
		return fail("%q is no booking: YYMMDD, MMDD, C, D, RC or RD, amount, type, reference", clip(f.lines[0]))
	}
	b := rail.Booking{Line: f.line}
	var err error
	if b.Value, err = mtDay(parts[1]); err != nil {
		return fail("%s", err)
	}
	b.Booked = b.Value
	if parts[2] != "" {
		if b.Booked, err = entryDay(parts[2], b.Value); err != nil {
			return fail("%s", err)
		}
	}
	switch parts[3] {
	case "C":
		b.Credit = true
	case "RC":
		b.Reversal = true
	case "RD":
		b.Credit, b.Reversal = true, true
	case "EC":
		b.Credit, b.Pending = true, true
	case "ED":
		b.Pending = true
	}
	if b.Amount, err = m.amount(parts[5]); err != nil {
		return fail("%s", err)
	}
	b.Code = parts[6]
	customer, bank, _ := strings.Cut(parts[7], "//")
	b.Reference, g.customer = noReference(bank), noReference(customer)
	b.Text = strings.TrimSpace(strings.Join(f.lines[1:], " "))
	g.line61 = &b
	m.count(b)
	return nil
}

// count keeps the sums that an MT942 is held to.
func (m *mtFile) count(b rail.Booking) {
	g := &m.msg
	sum := &g.debits
	if b.Credit {
		sum = &g.credits
	}
	sum.read++
	sum.sum = sum.sum.Add(b.Amount)
	g.odd = g.odd || b.Reversal || b.Pending
}

// flush passes on the booking that is complete.
func (m *mtFile) flush() error {
	g := &m.msg
	b := g.line61
	if b == nil {
		return nil
	}
	describe(b, g.customer, g.text)
	g.line61, g.text, g.customer = nil, nil, ""
	return m.tell.book(*b, nil)
}

func (m *mtFile) closing(tag, text string, line int, fail func(string, ...any) error) error {
	g := &m.msg
	if !g.open {
		return fail("this stands before the opening balance")
	}
	if g.closed {
		return fail("there are two closing balances")
	}
	if err := m.flush(); err != nil {
		return err
	}
	var err error
	if g.st.Closing, g.st.To, _, err = m.balance(text, g.st.Asset.Code(), fail); err != nil {
		return err
	}
	if g.st.To.Before(g.st.From) {
		return fail("the closing balance is of a day before the opening one")
	}
	g.st.HasClosing, g.closed, g.ends, g.closingLine = true, true, tag == "62F", line
	return nil
}

// report reads the fields of an MT942 alone.
func (m *mtFile) report(tag, text string, line int, fail func(string, ...any) error) error {
	g := &m.msg
	switch tag {
	case "34F":
		return m.floorLimit(text, fail)
	case "13", "13D":
		if len(text) < 10 || !every(text[:10], isDigit) {
			return fail("%q is no time: YYMMDDHHMM is", clip(text))
		}
		day, err := mtDay(text[:6])
		if err != nil {
			return fail("%s", err)
		}
		g.created = day
		return nil
	}
	if err := m.flush(); err != nil { // a text behind it is about the statement
		return err
	}
	sum := &g.debits
	if tag == "90C" {
		sum = &g.credits
	}
	n := len(text) - len(strings.TrimLeft(text, "0123456789"))
	if !g.open || n == 0 || n > 9 || len(text) < n+4 {
		return fail("%q is no sum: number, currency, amount", clip(text))
	}
	if text[n:n+3] != g.st.Asset.Code() {
		return fail("the currency is %q, the account's is %s", text[n:n+3], g.st.Asset.Code())
	}
	a, err := m.amount(text[n+3:])
	if err != nil {
		return fail("%s", err)
	}
	*sum = mtSum{told: true, line: line, count: number(text[:n]), amount: a, read: sum.read, sum: sum.sum}
	return nil
}

// floorLimit reads :34F:, with which the entries of an MT942 begin. Below the limit a bank may leave entries out.
func (m *mtFile) floorLimit(text string, fail func(string, ...any) error) error {
	g := &m.msg
	if len(text) < 5 {
		return fail("%q is no limit: currency, C or D, amount", clip(text))
	}
	currency, rest := text[:3], strings.TrimLeft(text[3:], "CD")
	if _, err := money.Fiat(currency); err != nil {
		return fail("%q is no limit: currency, C or D, amount", clip(text))
	}
	if !g.open {
		if err := m.begin(currency, fail); err != nil {
			return err
		}
		g.st.Intraday = true
	} else if currency != g.st.Asset.Code() {
		return fail("the currency is %q, the account's is %s", currency, g.st.Asset.Code())
	}
	limit, err := m.amount(rest)
	if err != nil {
		return fail("%s", err)
	}
	g.floor = g.floor || !limit.IsZero()
	return nil
}

// end ends the message, if one has begun.
func (m *mtFile) end() error {
	if !m.begun {
		return nil
	}
	g := &m.msg
	if err := m.flush(); err != nil {
		return err
	}
	switch {
	case !g.open && m.format == MT942:
		return failed(m.format, g.line, ":34F:", "the limit, which names the currency, is missing")
	case !g.open:
		return failed(m.format, g.line, ":60F:", "the opening balance is missing")
	case m.format == MT940 && !g.closed:
		return failed(m.format, m.lines.number, ":62F:", "the closing balance is missing: the file was cut off")
	}
	if m.format == MT942 {
		if err := m.checkSums(); err != nil {
			return err
		}
		if err := m.tellOpen(); err != nil {
			return err
		}
	}
	field := ":62F:"
	if !g.ends {
		field = ":62M:"
	}
	if err := m.tell.close(g.st, g.closingLine, field); err != nil {
		return err
	}
	m.page.of, m.page.closing = "", money.Amount{}
	if g.closed && !g.ends {
		m.page.of, m.page.closing = g.st.Account+"\x00"+statementNumber(g.number), g.st.Closing
	}
	m.begun, m.before, m.msg = false, 0, mtMessage{}
	return nil
}

// checkSums holds an MT942 to its own sums, where it says all and counts in the one way there is.
func (m *mtFile) checkSums() error {
	g := &m.msg
	if g.floor || g.odd {
		return nil
	}
	for _, x := range []struct {
		field string
		sum   mtSum
	}{{":90D:", g.debits}, {":90C:", g.credits}} {
		s := x.sum
		if s.told && (s.count != s.read || !s.amount.Equal(s.sum)) {
			return failed(m.format, s.line, x.field, "it says %d bookings of %s, there are %d of %s", s.count, s.amount, s.read, s.sum)
		}
	}
	return nil
}
