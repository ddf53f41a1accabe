package bank

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"till/internal/money"
)

// Mapping says how to read the CSV files of one bank. A column is named by its header, as it is written there, or by its
// number from 1 on. Where any column is named, the first line behind Skip is the header; where all are numbers there is
// none unless Header says so.
//
// Needed are Booked and one way to tell an amount: Amount with its sign; Amount without one beside Direction; or Debit and
// Credit, of which each line fills one.
type Mapping struct {
	Separator string `toml:"separator"` // one character, or "tab"; default ";"
	Quote     string `toml:"quote"`     // one character, or "none"; default "\"", doubled inside
	Encoding  string `toml:"encoding"`  // utf-8 (default), iso-8859-1, windows-1252
	Decimal   string `toml:"decimal"`   // "." (default) or ","
	Thousands string `toml:"thousands"` // what may stand between thousands: one character, default none
	Date      string `toml:"date"`      // of YYYY or YY, MM, DD and what stands between; default YYYY-MM-DD
	Skip      int    `toml:"skip"`      // lines before the header, or before the first booking
	Header    bool   `toml:"header"`    // there is a header although no column is named by it

	Booked      string   `toml:"booked"`
	Value       string   `toml:"value"` // default: as booked
	Amount      string   `toml:"amount"`
	Debit       string   `toml:"debit"`
	Credit      string   `toml:"credit"`
	Direction   string   `toml:"direction"`
	CreditWords []string `toml:"credit_words"` // what Direction says of money that came in; in either case
	DebitWords  []string `toml:"debit_words"`
	Balance     string   `toml:"balance"` // of the account after the line: lines may ascend or descend
	Currency    string   `toml:"currency"`
	Own         string   `toml:"own_account"` // the account the line is of

	Reference string `toml:"reference"` // the bank's own
	EndToEnd  string `toml:"end_to_end"`
	Text      string `toml:"text"`
	Name      string `toml:"name"` // of the other side, as are the next three
	Account   string `toml:"account"`
	Bank      string `toml:"bank"`
	Document  string `toml:"document"`
	Virtual   string `toml:"virtual"` // the virtual account or IBAN that was paid to
	Code      string `toml:"code"`
}

// Check says what is wrong with a mapping; its errors begin with the key. A mapping that passes can be read with.
func (m *Mapping) Check() error {
	_, err := m.compile()
	return err
}

// table is a mapping made ready.
type table struct {
	separator, quote rune // quote 0: none
	decode           func(string) (string, error)
	decimal          byte
	thousands        string
	layout           string
	skip             int
	header           bool
	columns          map[string]int    // by key: the column's number from 0 on, once it is known
	named            map[string]string // by key: the header to look for
	credit, debit    []string
}

// columnKeys are the keys that name a column, in the order of the struct.
func (m *Mapping) columnKeys() []struct{ key, column string } {
	return []struct{ key, column string }{
		{"booked", m.Booked}, {"value", m.Value}, {"amount", m.Amount}, {"debit", m.Debit}, {"credit", m.Credit},
		{"direction", m.Direction}, {"balance", m.Balance}, {"currency", m.Currency}, {"own_account", m.Own},
		{"reference", m.Reference}, {"end_to_end", m.EndToEnd}, {"text", m.Text}, {"name", m.Name}, {"account", m.Account},
		{"bank", m.Bank}, {"document", m.Document}, {"virtual", m.Virtual}, {"code", m.Code},
	}
}

const maxColumns = 500

func (m *Mapping) compile() (*table, error) {
	t := &table{skip: m.Skip, header: m.Header, columns: map[string]int{}, named: map[string]string{}, thousands: m.Thousands}
	var err error
	if t.separator, err = oneOf("separator", m.Separator, ';', "tab", '\t'); err != nil {
		return nil, err
	}
	if t.quote, err = oneOf("quote", m.Quote, '"', "none", 0); err != nil {
		return nil, err
	}
	if t.separator == t.quote {
		return nil, fmt.Errorf("quote: it is the separator too")
	}
	if t.decode = decoder(m.Encoding); t.decode == nil {
		return nil, fmt.Errorf("encoding: %q is none of utf-8, iso-8859-1 and windows-1252", m.Encoding)
	}
	switch m.Decimal {
	case "", ".":
		t.decimal = '.'
	case ",":
		t.decimal = ','
	default:
		return nil, fmt.Errorf("decimal: %q is neither a dot nor a comma", m.Decimal)
	}
	if n := utf8.RuneCountInString(m.Thousands); n > 1 || strings.ContainsAny(m.Thousands, "0123456789+-") {
		return nil, fmt.Errorf("thousands: %q is not one sign", m.Thousands)
	}
	if m.Thousands == string(t.decimal) {
		return nil, fmt.Errorf("thousands: %q is the decimal sign too", m.Thousands)
	}
	if t.layout, err = dateLayout(m.Date); err != nil {
		return nil, err
	}
	if m.Skip < 0 || m.Skip > 1000 {
		return nil, fmt.Errorf("skip: %d is not from 0 to 1000", m.Skip)
	}
	if err := m.checkColumns(t); err != nil {
		return nil, err
	}
	return t, m.checkAmount(t)
}

func (m *Mapping) checkColumns(t *table) error {
	if m.Booked == "" {
		return fmt.Errorf("booked: this is missing: the column with the day a line was booked")
	}
	for _, c := range m.columnKeys() {
		if c.column == "" {
			continue
		}
		if n, err := strconv.Atoi(c.column); err == nil {
			if n < 1 || n > maxColumns {
				return fmt.Errorf("%s: column %d is not from 1 to %d", c.key, n, maxColumns)
			}
			t.columns[c.key] = n - 1
			continue
		}
		t.named[c.key], t.header = strings.TrimSpace(c.column), true
	}
	return nil
}

func (m *Mapping) checkAmount(t *table) error {
	switch {
	case m.Amount == "" && m.Debit == "" && m.Credit == "":
		return fmt.Errorf("amount: this is missing: the column with the amount, or those of debit and credit")
	case m.Amount != "" && m.Debit != "":
		return fmt.Errorf("debit: there is an amount too")
	case m.Amount != "" && m.Credit != "":
		return fmt.Errorf("credit: there is an amount too")
	case m.Debit != "" && m.Credit == "":
		return fmt.Errorf("credit: this is missing beside debit")
	case m.Credit != "" && m.Debit == "":
		return fmt.Errorf("debit: this is missing beside credit")
	case m.Direction != "" && m.Amount == "":
		return fmt.Errorf("direction: debit and credit say it already")
	case m.Direction != "" && len(m.CreditWords) == 0:
		return fmt.Errorf("credit_words: these are missing: what the column %q says of money that came in", m.Direction)
	case m.Direction != "" && len(m.DebitWords) == 0:
		return fmt.Errorf("debit_words: these are missing: what the column %q says of money that went out", m.Direction)
	case m.Direction == "" && len(m.CreditWords) > 0:
		return fmt.Errorf("credit_words: there is no direction")
	case m.Direction == "" && len(m.DebitWords) > 0:
		return fmt.Errorf("debit_words: there is no direction")
	}
	for _, w := range m.CreditWords {
		t.credit = append(t.credit, word(w))
	}
	for _, w := range m.DebitWords {
		if slices.Contains(t.credit, word(w)) {
			return fmt.Errorf("debit_words: %q is a credit word too", w)
		}
		t.debit = append(t.debit, word(w))
	}
	return nil
}

func word(s string) string { return strings.ToLower(strings.TrimSpace(s)) }

// oneOf reads a key that is one character, or a name for one.
func oneOf(key, s string, byDefault rune, name string, named rune) (rune, error) {
	switch {
	case s == "":
		return byDefault, nil
	case s == name:
		return named, nil
	}
	r, n := utf8.DecodeRuneInString(s)
	if n != len(s) || r == utf8.RuneError || r == '\n' || r == '\r' || r == 0 || '0' <= r && r <= '9' {
		return 0, fmt.Errorf("%s: %q is neither one sign nor %q", key, s, name)
	}
	return r, nil
}

// dateLayout is the layout of package time for one in the letters of people.
func dateLayout(s string) (string, error) {
	if s == "" {
		return "2006-01-02", nil
	}
	layout := s
	for _, part := range [][2]string{{"YYYY", "2006"}, {"YY", "06"}, {"MM", "01"}, {"DD", "02"}} {
		layout = strings.Replace(layout, part[0], part[1], 1)
	}
	year := strings.Count(s, "YYYY") == 1 && strings.Count(s, "Y") == 4 || strings.Count(s, "YY") == 1 && strings.Count(s, "Y") == 2
	if !year || strings.Count(s, "M") != 2 || strings.Count(s, "MM") != 1 || strings.Count(s, "D") != 2 || strings.Count(s, "DD") != 1 ||
		strings.ContainsAny(s, "0123456789") || strings.Trim(s, "YMD./- ") != "" {
		return "", fmt.Errorf("date: %q is not made of YYYY or YY, MM and DD", s)
	}
	return layout, nil
}

// Settings are what a file does not say of itself.
type Settings struct {
	// Accounts are the accounts whose files are read, in canonical spelling (capitals and digits, no spaces), with their
	// currencies. A file of another account is refused. nil: every account is taken, with the currency the file names.
	Accounts map[string]money.Asset
	// Account is the account that a CSV file is about; "": the only one of Accounts.
	Account string
	// CSV is needed for a CSV file, and for nothing else.
	CSV *Mapping
	// Encoding is that of an MT file: utf-8, iso-8859-1 or windows-1252. "": each line is UTF-8 where it can be, else
	// windows-1252. XML names its own.
	Encoding string
	// MaxBytes bounds a file; 0: 1 GiB.
	MaxBytes int64
}
