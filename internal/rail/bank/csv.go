package bank

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"till/internal/money"
	"till/internal/rail"
)

// csvReader reads a table with a Mapping. It is one statement of one account. Where there is a running balance each line is
// held to it, whether lines ascend or descend, and the statement has an opening and a closing balance.
type csvReader struct{ settings Settings }

func (r csvReader) Read(ctx context.Context, file io.Reader, to rail.Sink) error {
	if r.settings.CSV == nil {
		return failed(CSV, 0, "", "there is no mapping that says how to read it")
	}
	t, err := r.settings.CSV.compile()
	if err != nil {
		return failed(CSV, 0, "mapping", "%s", err)
	}
	c := &csvFile{table: t, lines: newLines(ctx, CSV, file, r.settings, t.decode), tell: newTeller(ctx, CSV, r.settings, to)}
	if err := c.open(r.settings); err != nil {
		return err
	}
	return c.read()
}

type csvFile struct {
	*table
	lines *lines
	tell  *teller
	st    rail.Statement
	begun bool // the statement was opened

	line     int // where the record began
	width    int // columns of each record
	balanced bool
	running  struct {
		up, down    bool // lines may ascend, may descend, by what the balances said so far
		first, last money.Amount
		before      money.Amount // what the first line began with
		then        money.Amount // what the last line moved
		from, to    time.Time    // days of the first line and the last
	}
}

// open finds out which account the file is about, unless a column says it.
func (c *csvFile) open(s Settings) error {
	account := s.Account
	if account == "" && len(s.Accounts) == 1 {
		for account = range s.Accounts {
		}
	}
	if account == "" {
		return nil // own_account and currency must tell
	}
	asset, known := s.Accounts[Canonical(account)]
	if s.Accounts != nil && !known {
		return failed(CSV, 0, "own_account", "the account is none of those configured")
	}
	c.st.Account, c.st.Asset = Canonical(account), asset
	return nil
}

func (c *csvFile) read() error {
	for range c.skip {
		if _, err := c.lines.next(); err == io.EOF {
			return c.lines.fail("", "the file ends within the %d lines that are skipped", c.skip)
		} else if err != nil {
			return err
		}
	}
	if c.header {
		if err := c.readHeader(); err != nil {
			return err
		}
	}
	for {
		record, err := c.record()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if blank(record) {
			continue
		}
		if c.width == 0 {
			c.width = len(record)
		}
		if len(record) < c.width {
			return failed(CSV, c.line, "", "the line has %d columns, the ones before have %d: it was cut off, or is none of the table", len(record), c.width)
		}
		if err := c.booking(record); err != nil {
			return err
		}
	}
	if c.lines.number == 0 {
		return c.lines.fail("", "the file is empty")
	}
	return c.end()
}

func blank(record []string) bool {
	return !slices.ContainsFunc(record, func(s string) bool { return strings.TrimSpace(s) != "" })
}

// readHeader finds the columns that are named.
func (c *csvFile) readHeader() error {
	header, err := c.record()
	if err == io.EOF && c.lines.number == 0 {
		return c.lines.fail("", "the file is empty")
	}
	if err == io.EOF {
		return c.lines.fail("", "the header is missing")
	}
	if err != nil {
		return err
	}
	for c.width = len(header); c.width > 1 && strings.TrimSpace(header[c.width-1]) == ""; {
		c.width-- // some banks end the header with a separator, and not the lines
	}
	for key, named := range c.named {
		at := -1
		for i, h := range header {
			if strings.TrimSpace(h) != named {
				continue
			}
			if at >= 0 {
				return failed(CSV, c.line, named, "there are two columns of this name, for %s", key)
			}
			at = i
		}
		if at < 0 {
			return failed(CSV, c.line, named, "there is no column of this name, for %s", key)
		}
		c.columns[key] = at
	}
	return nil
}

// maxRecord bounds the bytes of a record, whose fields may hold ends of lines.
const maxRecord = 256 << 10

// record is the fields of the next record, io.EOF when there is none.
func (c *csvFile) record() ([]string, error) {
	line, err := c.lines.next()
	if err != nil {
		return nil, err
	}
	c.line = c.lines.number
	var fields []string
	var field strings.Builder
	size := len(line)
	quoted, was := false, false // within quotes; the field had them
	rest := []rune(line)
	for i := 0; ; i++ {
		if i >= len(rest) {
			if !quoted {
				break
			}
			more, err := c.lines.next()
			if err == io.EOF {
				return nil, failed(CSV, c.line, "", "a quoted field does not end: the file was cut off")
			}
			if err != nil {
				return nil, err
			}
			if size += len(more) + 1; size > maxRecord {
				return nil, failed(CSV, c.line, "", "a record is longer than %d bytes", maxRecord)
			}
			field.WriteByte('\n')
			rest, i = []rune(more), -1
			continue
		}
		switch r := rest[i]; {
		case quoted && r == c.quote:
			if i+1 < len(rest) && rest[i+1] == c.quote {
				field.WriteRune(r)
				i++
			} else {
				quoted = false
			}
		case quoted:
			field.WriteRune(r)
		case r == c.separator:
			if len(fields) == maxColumns {
				return nil, failed(CSV, c.line, "", "a line has more than %d columns", maxColumns)
			}
			fields = append(fields, field.String())
			field.Reset()
			was = false
		case c.quote != 0 && r == c.quote && !was && strings.TrimSpace(field.String()) == "":
			field.Reset()
			quoted, was = true, true
		case was && r != ' ':
			return nil, failed(CSV, c.line, "", "there is text behind the end of a quoted field")
		case was:
		default:
			field.WriteRune(r)
		}
	}
	return append(fields, field.String()), nil
}

// booking reads one line of the table.
func (c *csvFile) booking(record []string) error {
	say := func(key string) string {
		i, ok := c.columns[key]
		if !ok || i >= len(record) {
			return ""
		}
		return strings.TrimSpace(record[i])
	}
	fail := func(key, message string, args ...any) error { return failed(CSV, c.line, key, message, args...) }
	if i, key := c.furthest(); i >= len(record) {
		return fail(key, "the line has %d columns, this is column %d", len(record), i+1)
	}
	if err := c.belongs(say("own_account"), say("currency")); err != nil {
		return err
	}
	b := rail.Booking{Line: c.line}
	var err error
	if b.Booked, err = c.day(say("booked")); err != nil {
		return fail("booked", "%s", err)
	}
	b.Value = b.Booked
	if s := say("value"); s != "" {
		if b.Value, err = c.day(s); err != nil {
			return fail("value", "%s", err)
		}
	}
	key := ""
	if b.Amount, b.Credit, key, err = c.moved(say); err != nil {
		return fail(key, "%s", err)
	}
	b.Reference, b.EndToEnd = noReference(say("reference")), noReference(say("end_to_end"))
	b.Text, b.Code = strings.Join(strings.Fields(say("text")), " "), say("code")
	b.Party = rail.Party{Name: say("name"), Account: Canonical(say("account")), Bank: say("bank"), Document: say("document")}
	if s := Canonical(say("virtual")); s != c.st.Account {
		b.Virtual = s
	}
	name(&b, []string{b.EndToEnd}, say("text"))
	if s := say("balance"); c.has("balance") {
		if err := c.runs(s, b); err != nil {
			return fail("balance", "%s", err)
		}
	}
	if c.st.From.IsZero() || b.Booked.Before(c.st.From) {
		c.st.From = b.Booked
	}
	if b.Booked.After(c.st.To) {
		c.st.To = b.Booked
	}
	return c.tell.book(b, nil)
}

// furthest is the last column that is read.
func (c *csvFile) furthest() (at int, key string) {
	for k, i := range c.columns {
		if i > at || i == at && k > key {
			at, key = i, k
		}
	}
	return at, key
}

func (c *csvFile) has(key string) bool {
	_, ok := c.columns[key]
	return ok
}

// belongs opens the statement with the first line, and holds each line to its account and currency.
func (c *csvFile) belongs(account, currency string) error {
	currency = capitals(currency)
	if c.has("currency") && currency == "" {
		return failed(CSV, c.line, "currency", "this is missing")
	}
	if !c.begun {
		key := "own_account"
		if account == "" {
			key = "currency"
			account = c.st.Account
		}
		if want := c.st.Account; want != "" && Canonical(account) != want {
			return failed(CSV, c.line, "own_account", "the line is of another account than the file")
		}
		if currency == "" && !c.st.Asset.IsZero() {
			currency = c.st.Asset.Code()
		}
		of, asset, err := c.tell.account(c.line, key, currency, account)
		if err != nil {
			return err
		}
		c.begun = true
		c.st.Account, c.st.Asset = of, asset
		return c.tell.open(c.st)
	}
	if account != "" && Canonical(account) != c.st.Account {
		return failed(CSV, c.line, "own_account", "the line is of another account than the ones before")
	}
	if currency != "" && currency != c.st.Asset.Code() {
		return failed(CSV, c.line, "currency", "the currency is %q, the account's is %s", clip(currency), c.st.Asset.Code())
	}
	return nil
}

func (c *csvFile) day(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, fmt.Errorf("the day is missing")
	}
	d, err := time.Parse(c.layout, s)
	if err != nil {
		return d, fmt.Errorf("%q is no day that exists, or not written as configured", clip(s))
	}
	return d, nil
}

// moved is the amount of a line and its direction. key says which column an error is about.
func (c *csvFile) moved(say func(string) string) (a money.Amount, credit bool, key string, err error) {
	if c.has("debit") {
		out, in := say("debit"), say("credit")
		switch {
		case out != "" && in != "":
			// Some banks fill the other column with zeros.
			o, _, errOut := c.signed(out)
			i, _, errIn := c.signed(in)
			switch {
			case errOut == nil && o.IsZero():
				out = ""
			case errIn == nil && i.IsZero():
				in = ""
			default:
				return a, false, "debit", fmt.Errorf("both debit and credit are filled")
			}
		case out == "" && in == "":
			return a, false, "debit", fmt.Errorf("the amount is missing: debit and credit are empty")
		}
		if out != "" {
			// What is in the column of debits is one, with a minus or without.
			a, _, err = c.signed(out)
			return a, false, "debit", err
		}
		a, negative, err := c.signed(in)
		if err == nil && negative {
			err = fmt.Errorf("the amount is negative in the column of credits")
		}
		return a, true, "credit", err
	}
	a, negative, err := c.signed(say("amount"))
	if err != nil || !c.has("direction") {
		return a, !negative, "amount", err
	}
	if negative {
		return a, false, "amount", fmt.Errorf("the amount is negative, beside a direction")
	}
	switch w := word(say("direction")); {
	case slices.Contains(c.credit, w):
		return a, true, "", nil
	case slices.Contains(c.debit, w):
		return a, false, "", nil
	case w == "":
		return a, false, "direction", fmt.Errorf("this is missing")
	default:
		return a, false, "direction", fmt.Errorf("%q is no word of a credit or a debit", clip(w))
	}
}

// signed reads an amount as the mapping has it, with a sign before or behind it, and gives it without.
func (c *csvFile) signed(s string) (a money.Amount, negative bool, err error) {
	s = strings.ReplaceAll(s, "−", "-") // the sign of printers
	switch {
	case strings.HasPrefix(s, "-"):
		s, negative = s[1:], true
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	case strings.HasSuffix(s, "-"):
		s, negative = s[:len(s)-1], true
	case strings.HasSuffix(s, "+"):
		s = s[:len(s)-1]
	}
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "-") {
		return a, false, fmt.Errorf("the amount has two signs")
	}
	if s, err = c.ungrouped(s); err != nil {
		return a, false, err
	}
	a, err = amount(c.st.Asset, s, c.decimal)
	return a, negative && !a.IsZero(), err
}

// ungrouped takes out what stands between thousands, which must be groups of three: a dot that was meant as the decimal
// sign is found by it.
func (c *csvFile) ungrouped(s string) (string, error) {
	if c.thousands == "" {
		return s, nil
	}
	if c.thousands == " " {
		s = strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s)
	}
	whole, rest := s, ""
	if i := strings.IndexByte(s, c.decimal); i >= 0 {
		whole, rest = s[:i], s[i:]
	}
	groups := strings.Split(whole, c.thousands)
	for i, g := range groups {
		if i > 0 && len(g) != 3 || len(groups) > 1 && (i == 0 && (len(g) == 0 || len(g) > 3)) {
			return "", fmt.Errorf("%q is no amount: %q does not stand between thousands", clip(s), c.thousands)
		}
	}
	return strings.Join(groups, "") + rest, nil
}

// runs holds a line to the balance it tells. Where lines ascend each balance is the one before and the line; where they
// descend the one before, without the line before.
func (c *csvFile) runs(s string, b rail.Booking) error {
	if s == "" {
		return fmt.Errorf("this is missing")
	}
	now, negative, err := c.signed(s)
	if err != nil {
		return err
	}
	if negative {
		now = now.Neg()
	}
	moved := signed(b)
	r := &c.running
	if !c.balanced {
		c.balanced = true
		r.up, r.down = true, true
		r.first, r.last, r.then, r.before = now, now, moved, now.Sub(moved)
		r.from, r.to = b.Booked, b.Booked
		return nil
	}
	r.to = b.Booked
	r.up = r.up && r.last.Add(moved).Equal(now)
	r.down = r.down && r.last.Sub(r.then).Equal(now)
	if !r.up && !r.down {
		return fmt.Errorf("the balances do not add up: %s does not follow %s", now, r.last)
	}
	r.last, r.then = now, moved
	return nil
}

func (c *csvFile) end() error {
	if !c.begun {
		return nil // a table of no lines tells of nothing
	}
	if c.balanced {
		c.st.HasOpening, c.st.HasClosing = true, true
		c.st.Opening, c.st.Closing = c.running.before, c.running.last
		if r := c.running; !r.up || r.down && r.to.Before(r.from) {
			c.st.Opening, c.st.Closing = c.running.last.Sub(c.running.then), c.running.first
		}
	}
	return c.tell.close(c.st, c.lines.number, "balance")
}
