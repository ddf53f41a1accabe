package bank

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/rail"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The accounts of the samples, whose banks and people do not exist.
const (
	germanAcc  = "DE89370400440532013000"
	dutchAcc   = "NL91ABNA0417164300"
	chileanAcc = "000123456789"
)

func euro() money.Asset { return fiat("EUR") }

func fiat(code string) money.Asset {
	a, err := money.Fiat(code)
	if err != nil {
		panic(err)
	}
	return a
}

func settings() Settings {
	return Settings{Accounts: map[string]money.Asset{germanAcc: euro(), dutchAcc: euro(), chileanAcc: fiat("CLP")}}
}

// The mappings of the samples in CSV.
var mappings = map[string]struct {
	mapping Mapping
	account string
}{
	"csv-german.csv": {Mapping{Skip: 2, Encoding: "windows-1252", Decimal: ",", Thousands: ".", Date: "DD.MM.YYYY", Booked: "Buchungstag", Value: "Wertstellung",
		Amount: "Betrag", Currency: "Währung", Balance: "Saldo nach Buchung", Text: "Verwendungszweck", Name: "Auftraggeber / Empfänger", Account: "IBAN"}, germanAcc},
	"csv-columns.csv": {Mapping{Separator: ",", Booked: "1", Value: "2", Reference: "3", Debit: "4", Credit: "5", EndToEnd: "6", Text: "7", Name: "8", Virtual: "9"}, germanAcc},
	"csv-direction.csv": {Mapping{Separator: "tab", Quote: "none", Decimal: ",", Thousands: ".", Date: "DD/MM/YY", Booked: "Fecha", Amount: "Monto", Direction: "Tipo",
		CreditWords: []string{"abono"}, DebitWords: []string{"cargo"}, Currency: "Moneda", Text: "Glosa", Own: "Cuenta"}, ""},
}

// record is a sink that keeps what it is told, and holds a reader to the order of its calls.
type record struct {
	t          testing.TB
	statements []rail.Statement // as they closed
	bookings   [][]rail.Booking
	open       bool
	lines      int
}

func (r *record) Open(st rail.Statement) error {
	if r.open {
		r.t.Error("a statement is opened within another")
	}
	r.open = true
	r.statements, r.bookings = append(r.statements, st), append(r.bookings, nil)
	return nil
}

func (r *record) Booking(st rail.Statement, b rail.Booking) error {
	n := len(r.statements) - 1
	if !r.open || r.statements[n].Account != st.Account {
		r.t.Error("a booking outside of its statement")
	}
	r.bookings[n] = append(r.bookings[n], b)
	r.lines++
	return nil
}

func (r *record) Close(st rail.Statement) error {
	if !r.open {
		r.t.Error("a statement is closed that is not open")
	}
	r.open = false
	r.statements[len(r.statements)-1] = st
	return nil
}

func read(t testing.TB, f Format, s Settings, file []byte) (*record, error) {
	r := &record{t: t}
	err := NewReader(f, s).Read(context.Background(), bytes.NewReader(file), r)
	if err == nil && r.open {
		t.Error("a statement was not closed")
	}
	return r, err
}

// text is what was read, for people: what is not empty of each statement and booking.
func (r *record) text() string {
	var b strings.Builder
	for i, st := range r.statements {
		fmt.Fprintf(&b, "statement%s\n", fields(reflect.ValueOf(st)))
		for _, x := range r.bookings[i] {
			fmt.Fprintf(&b, "booking%s\n", fields(reflect.ValueOf(x)))
		}
	}
	return b.String()
}

func fields(v reflect.Value) string {
	var b strings.Builder
	for i := range v.NumField() {
		value, name := v.Field(i), v.Type().Field(i).Name
		if value.IsZero() {
			continue
		}
		switch x := value.Interface().(type) {
		case time.Time:
			fmt.Fprintf(&b, "\n\t%s: %s", name, x.Format(time.RFC3339))
		case rail.Party:
			fmt.Fprintf(&b, "\n\t%s: %q", name, x)
		default:
			fmt.Fprintf(&b, "\n\t%s: %v", name, x)
		}
	}
	return b.String()
}

// Each sample, of a version or a dialect, is read as its golden file says.
func TestSamples(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, file := range files {
		name := filepath.Base(file)
		if strings.HasSuffix(name, ".golden") {
			continue
		}
		tried++
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			f, err := Detect(text)
			if err != nil {
				t.Fatal(err)
			}
			s := settings()
			if m, ok := mappings[name]; ok {
				s.CSV, s.Account = &m.mapping, m.account
			}
			r, err := read(t, f, s, text)
			if err != nil {
				t.Fatal(err)
			}
			got := "format " + string(f) + "\n" + r.text()
			golden := "testdata/" + name + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("it is read otherwise:\n%s\nwant\n%s", got, want)
			}
		})
	}
	if tried < 20 {
		t.Errorf("only %d samples were found", tried)
	}
}
