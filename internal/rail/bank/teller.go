package bank

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"till/internal/money"
	"till/internal/party"
	"till/internal/rail"
)

// teller passes on what a reader reads, one statement at a time, and holds what is true of every statement whatever its
// format: it is of an account that is known, each booking has a reference of its own, opening and bookings make the closing.
type teller struct {
	format   Format
	settings Settings
	ctx      context.Context
	to       rail.Sink

	st  rail.Statement
	sum money.Amount // of what is booked
	// seen counts, for the statement and the ones it continues, the bookings that would have the same reference: eight
	// bytes of a hash and a number for each booking is all that grows with a statement.
	seen map[uint64]uint32
	seed maphash.Seed
	last rail.Statement // the one before
	told int
}

func newTeller(ctx context.Context, f Format, s Settings, to rail.Sink) *teller {
	return &teller{format: f, settings: s, ctx: ctx, to: to, seed: maphash.MakeSeed(), seen: map[uint64]uint32{}}
}

func (t *teller) fail(line int, field, message string, args ...any) error {
	return failed(t.format, line, field, message, args...)
}

func failed(f Format, line int, field, message string, args ...any) *rail.FileError {
	return &rail.FileError{Format: string(f), Line: line, Field: field, Message: fmt.Sprintf(message, args...)}
}

// account is the canonical spelling of the account that a file names, and its currency: of Settings, or, where every
// account is taken, the one the file names ("": none). Of several spellings the first that is known is taken.
func (t *teller) account(line int, field, currency string, spellings ...string) (string, money.Asset, error) {
	var asset money.Asset
	if currency != "" {
		var err error
		if asset, err = money.Fiat(currency); err != nil {
			return "", money.Asset{}, t.fail(line, field, "%q is no active currency of ISO 4217", clip(currency))
		}
	}
	first := ""
	for _, s := range spellings {
		name := Canonical(s)
		if name == "" {
			continue
		}
		known, ok := t.settings.Accounts[name]
		switch {
		case ok && currency != "" && known != asset:
			return "", money.Asset{}, t.fail(line, field, "the account %s is in %s, and this is of one in %s", party.Mask(name), known.Code(), asset.Code())
		case ok:
			return name, known, nil
		case first == "":
			first = name
		}
	}
	switch {
	case first == "":
		return "", money.Asset{}, t.fail(line, field, "the account is missing")
	case t.settings.Accounts != nil:
		return "", money.Asset{}, t.fail(line, field, "the account %s is none of those configured", party.Mask(first))
	case asset.IsZero():
		return "", money.Asset{}, t.fail(line, field, "the currency of the account %s is missing", party.Mask(first))
	}
	return first, asset, nil
}

// Canonical is an account, a virtual one or an IBAN as machines write it: capitals, without what people put between groups.
// Accounts in what is read are spelled so; compare with nothing else. "" for what is longer than any.
func Canonical(s string) string {
	if len(s) > 80 {
		return ""
	}
	if iban, err := party.IBAN("", s); err == nil {
		return iban
	}
	return capitals(ungrouped.Replace(s))
}

var ungrouped = strings.NewReplacer(" ", "", "-", "", ".", "", "\t", "")

// open begins a statement.
func (t *teller) open(st rail.Statement) error {
	if !t.continues(st) {
		clear(t.seen)
	}
	t.st, t.sum = st, money.Zero(st.Asset)
	t.told++
	return t.to.Open(st)
}

// continues says that a statement follows the one before without a gap, as its next page or the next of that account: the
// bookings of both are different ones, also where they say the same. Otherwise they may be the same ones told again.
func (t *teller) continues(st rail.Statement) bool {
	if t.told == 0 || st.Account != t.last.Account || st.Intraday != t.last.Intraday || st.Notice != t.last.Notice {
		return false
	}
	if st.HasOpening && t.last.HasClosing {
		return st.Opening.Equal(t.last.Closing)
	}
	return st.ID != "" && st.ID == t.last.ID && st.Number != t.last.Number
}

// book passes a booking on, or the parts of one in their order. Its Reference is the bank's own, or "".
func (t *teller) book(whole rail.Booking, parts []rail.Booking) error {
	if err := t.ctx.Err(); err != nil {
		return err
	}
	if whole.Amount.Sign() < 0 {
		return t.fail(whole.Line, "", "the amount is negative")
	}
	if whole.Amount.IsZero() {
		return nil // banks tell of what moved nothing, too
	}
	if !whole.Pending {
		t.sum = t.sum.Add(signed(whole))
	}
	whole.Reference = t.reference(whole)
	if len(parts) == 0 {
		return t.to.Booking(t.st, whole)
	}
	for i, p := range parts {
		if p.Amount.IsZero() {
			continue
		}
		p.Part, p.Whole, p.WholeMark = strconv.Itoa(i+1), whole.Reference, rail.LineMark(whole)
		p.Reference = t.unique(whole.Reference+"/"+p.Part, p)
		if err := t.to.Booking(t.st, p); err != nil {
			return err
		}
	}
	return nil
}

func signed(b rail.Booking) money.Amount {
	if b.Credit {
		return b.Amount
	}
	return b.Amount.Neg()
}

// reference is what a booking is known by: the bank's own, else a digest.
func (t *teller) reference(b rail.Booking) string {
	if b.Reference == "" {
		return t.unique(digest(t.st, b), b)
	}
	return t.unique(b.Reference, b)
}

// unique is a name that no equal booking has in the statement: the second one has "#2" behind it. Banks repeat their references, for a
// charge beside what it is for, or where they number only by day; what rail.LineMark tells apart may have one name, for the next file may
// tell one of the two alone. What is pending has the same name once it is booked, and a bank may take a line back under the name of that line.
func (t *teller) unique(name string, b rail.Booking) string {
	kind := kindOf(b) + rail.LineMark(b) + " "
	h := maphash.String(t.seed, kind+name)
	t.seen[h]++
	for n := t.seen[h]; n > 1; n++ {
		numbered := fmt.Sprintf("%s#%d", name, n)
		if k := maphash.String(t.seed, kind+numbered); t.seen[k] == 0 {
			t.seen[k], t.seen[h] = 1, n
			return numbered
		}
	}
	return name
}

// kindOf is one of the kinds of bookings that have their names apart.
func kindOf(b rail.Booking) string {
	kind := " "
	switch {
	case b.Reversal:
		kind = "reversal "
	case b.Return != "":
		kind = "return "
	}
	if b.Pending {
		kind += "pending "
	}
	return kind
}

// digest stands for a booking to which the bank gives no reference. It must never change: files of before and after would
// not be seen to overlap. So it is taken of what the line says and of nothing that is found out of it.
func digest(st rail.Statement, b rail.Booking) string {
	direction := "D"
	if b.Credit {
		direction = "C"
	}
	if b.Reversal {
		direction += "R"
	}
	h := sha256.New()
	for _, s := range []string{st.Account, st.Asset.Code(), b.Booked.Format(time.DateOnly), b.Value.Format(time.DateOnly), direction, b.Amount.Units(),
		b.EndToEnd, b.Message, b.Batch, b.Virtual, b.Party.Name, b.Party.Account, b.Text, b.Code} {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return "digest:" + hex.EncodeToString(h.Sum(nil)[:12])
}

// close ends a statement, which is now known as st. line and field say where its closing balance stands.
func (t *teller) close(st rail.Statement, line int, field string) error {
	if st.HasOpening && st.HasClosing {
		if made := st.Opening.Add(t.sum); !made.Equal(st.Closing) {
			return t.fail(line, field, "the balances do not add up: %s and bookings of %s are %s, the closing balance is %s", st.Opening, t.sum, made, st.Closing)
		}
	}
	t.last = st
	return t.to.Close(st)
}

// end ends a file.
func (t *teller) end() error {
	if t.told == 0 {
		return t.fail(0, "", "there is no statement in it")
	}
	return nil
}

// words of banks for a reference that is none.
func noReference(s string) string {
	s = strings.TrimSpace(s)
	switch strings.ToUpper(s) {
	case "NOTPROVIDED", "NOT PROVIDED", "NOTAPPLICABLE", "NONREF", "NONE", "NOREF", "N/A", "-":
		return ""
	}
	if strings.Trim(s, "0") == "" {
		return ""
	}
	return s
}

// maxNamed bounds the references of a booking, exact and near ones each: every one of them is looked for in the books.
const maxNamed = 48

// name fills in the references a booking names: those of a field that is made for one, then those of what people typed. Who names more
// than maxNamed names nobody: then they are near ones, as far as the bound goes, for a person to look at.
func name(b *rail.Booking, fields []string, text string) {
	b.References, b.Near = nil, nil
	for _, f := range fields {
		if r, ok := ParseReference(f); ok && len(b.References) <= maxNamed {
			b.References = add(b.References, r)
		}
	}
	exact, near := ReferencesIn(text)
	for _, r := range exact {
		b.References = add(b.References, r)
	}
	if len(b.References) > maxNamed {
		b.References, b.Near = nil, b.References[:maxNamed]
		return
	}
	for _, r := range near {
		b.Near = add(b.Near, r)
	}
	for _, f := range fields {
		if len(b.References) > 0 || len(b.Near) >= maxNamed {
			break
		}
		_, near := ReferencesIn(f)
		for _, r := range near {
			b.Near = add(b.Near, r)
		}
	}
	b.Near = b.Near[:min(len(b.Near), maxNamed)]
}

// clip is the beginning of something a file says, for a message about it.
func clip(s string) string {
	if r := []rune(s); len(r) > 24 {
		return string(r[:24]) + "…"
	}
	return s
}
