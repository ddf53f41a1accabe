package bank

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"till/internal/money"
	"till/internal/rail"
)

// holds is a sink that holds whatever was read to what is true of every file that is not refused.
type holds struct {
	t     *testing.T
	open  bool
	sum   money.Amount
	names map[string]bool // references of the statement
}

func (h *holds) Open(st rail.Statement) error {
	if h.open {
		h.t.Error("a statement within another")
	}
	if st.Account == "" || st.Asset.IsZero() {
		h.t.Errorf("a statement of nothing: %+v", st)
	}
	h.open, h.sum, h.names = true, money.Zero(st.Asset), map[string]bool{}
	return nil
}

func (h *holds) Booking(st rail.Statement, b rail.Booking) error {
	if !h.open {
		h.t.Error("a booking outside of a statement")
	}
	if b.Amount.Sign() <= 0 || b.Amount.Asset() != st.Asset || len(b.Amount.Units()) > 2*maxNumber {
		h.t.Errorf("an amount of %s", b.Amount)
	}
	if b.Line <= 0 || !b.Pending && b.Booked.IsZero() {
		h.t.Errorf("line %d, booked %v", b.Line, b.Booked)
	}
	key := kindOf(b) + rail.LineMark(b) + b.Reference
	if b.Reference == "" || h.names[key] {
		h.t.Errorf("the reference %q is not its own", b.Reference)
	}
	h.names[key] = true
	if b.Part != "" && !strings.HasPrefix(b.Reference, b.Whole+"/"+b.Part) {
		h.t.Errorf("%q is part %q of %q", b.Reference, b.Part, b.Whole)
	}
	for _, r := range append(append([]string(nil), b.References...), b.Near...) {
		if got, ok := ParseReference(r); !ok || got != r {
			h.t.Errorf("%q is no reference", r)
		}
	}
	if !b.Pending {
		h.sum = h.sum.Add(signed(b))
	}
	return nil
}

func (h *holds) Close(st rail.Statement) error {
	if !h.open {
		h.t.Error("a statement that was not open")
	}
	h.open = false
	if st.HasOpening && st.HasClosing && !st.Opening.Add(h.sum).Equal(st.Closing) {
		h.t.Errorf("%s and %s are not %s", st.Opening, h.sum, st.Closing)
	}
	return nil
}

// tryFile reads a file in each of the formats, with accounts that are known and without. It is refused with a *FileError
// of that format, or it adds up.
func tryFile(t *testing.T, file []byte, s Settings, formats ...Format) {
	for _, f := range formats {
		for _, accounts := range []map[string]money.Asset{s.Accounts, nil} {
			s := s
			s.Accounts, s.MaxBytes = accounts, 1<<20
			h := &holds{t: t}
			err := NewReader(f, s).Read(context.Background(), bytes.NewReader(file), h)
			var wrong *rail.FileError
			switch {
			case err == nil && h.open:
				t.Errorf("%s: a statement was not closed", f)
			case err != nil && (!errors.As(err, &wrong) || wrong.Format != string(f) || wrong.Message == "" || wrong.Line < 0):
				t.Errorf("%s: the error is %#v", f, err)
			}
		}
	}
}

// seeds are the samples whose names begin so, and each sample of the tests of bad files.
func seeds(f *testing.F, prefix string, more ...string) {
	files, err := filepath.Glob("testdata/" + prefix + "*")
	if err != nil || len(files) == 0 {
		f.Fatalf("no samples of %s: %v", prefix, err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, ".golden") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range more {
		f.Add([]byte(text))
	}
}

func FuzzCamt(f *testing.F) {
	seeds(f, "camt", entry053, strings.Replace(entry053, "camt.053", "camt.052", 1), `<!DOCTYPE x [<!ENTITY a "b">]><Document>&a;</Document>`,
		strings.Replace(entry053, "<Sts>", "<RvslInd>true</RvslInd><Sts>", 1))
	f.Fuzz(func(t *testing.T, file []byte) {
		tryFile(t, file, settings(), CAMT052, CAMT053, CAMT054)
		_, _ = Detect(file)
	})
}

func FuzzMT940(f *testing.F) {
	seeds(f, "mt940", lines940)
	f.Fuzz(func(t *testing.T, file []byte) {
		tryFile(t, file, settings(), MT940)
		_, _ = Detect(file)
	})
}

func FuzzMT942(f *testing.F) {
	seeds(f, "mt942", lines942)
	f.Fuzz(func(t *testing.T, file []byte) { tryFile(t, file, settings(), MT942) })
}

func FuzzCSV(f *testing.F) {
	seeds(f, "csv", linesCSV)
	f.Fuzz(func(t *testing.T, file []byte) {
		s := settings()
		s.CSV, s.Account = mappingCSV(), germanAcc
		tryFile(t, file, s, CSV)
		for _, m := range mappings {
			s.CSV, s.Account = &m.mapping, m.account
			tryFile(t, file, s, CSV)
		}
	})
}
