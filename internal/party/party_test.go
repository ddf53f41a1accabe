package party

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"till/internal/fault"
	"till/internal/money"
)

var chileAndColombia = []Bank{
	{Country: "CL", Code: "012", Name: "BancoEstado"},
	{Country: "CO", Code: "BANCOLOMBIA", Types: []AccountType{Savings, Checking}, MinDigits: 10, MaxDigits: 11},
}

func TestCheckAccount(t *testing.T) {
	tests := []struct {
		name string
		give BankAccount
		want BankAccount // of interest: Number, Routing, Bank, BIC
		code fault.Code
		on   string
	}{
		{"Mexico", BankAccount{Country: "mx", Number: "032 180 00011835971 9", Currency: fiat("MXN"), Type: Virtual}, BankAccount{Number: "032180000118359719", Bank: "032"}, "", ""},
		{"Mexico with its bank", BankAccount{Country: "MX", Number: "032180000118359719", Bank: "032"}, BankAccount{Number: "032180000118359719", Bank: "032"}, "", ""},
		{"Mexico with another bank", BankAccount{Country: "MX", Number: "032180000118359719", Bank: "002"}, BankAccount{}, fault.CodeInvalidValue, "bank"},
		{"Mexico in dollars", BankAccount{Country: "MX", Number: "032180000118359719", Currency: fiat("USD")}, BankAccount{}, fault.CodeInvalidCurrency, "currency"},
		{"Mexico, wrong", BankAccount{Country: "MX", Number: "032180000118359718"}, BankAccount{}, fault.CodeInvalidAddress, "account_number"},
		{"Mexico, none", BankAccount{Country: "MX"}, BankAccount{}, fault.CodeMissingField, "account_number"},

		{"Argentina, a bank", BankAccount{Country: "AR", Number: "2850590940090418135201", Currency: fiat("ARS")}, BankAccount{Number: "2850590940090418135201", Bank: "285"}, "", ""},
		{"Argentina, a provider", BankAccount{Country: "AR", Number: cvu}, BankAccount{Number: cvu, Bank: "0003"}, "", ""},
		{"Argentina, another bank", BankAccount{Country: "AR", Number: cvu, Bank: "000"}, BankAccount{}, fault.CodeInvalidValue, "bank"},

		{"Peru in soles", BankAccount{Country: "PE", Number: "011-366-000100032542-21", Currency: fiat("PEN")}, BankAccount{Number: "01136600010003254221", Bank: "011"}, "", ""},
		{"Peru in dollars", BankAccount{Country: "PE", Number: "00219300153895206813", Currency: fiat("USD")}, BankAccount{Number: "00219300153895206813", Bank: "002"}, "", ""},
		{"Peru, wrong", BankAccount{Country: "PE", Number: "00219300153895206814"}, BankAccount{}, fault.CodeInvalidAddress, "account_number"},

		{"Brazil, a PIX key", BankAccount{Country: "BR", Number: "+55 61 91234-5678", Currency: fiat("BRL")}, BankAccount{Number: "+5561912345678"}, "", ""},
		{"Brazil, an account", BankAccount{Country: "BR", Number: "12345-6", Routing: "0001", Bank: "260"}, BankAccount{Number: "123456", Routing: "0001", Bank: "260"}, "", ""},
		{"Brazil, by ISPB", BankAccount{Country: "BR", Number: "123456", Routing: "1", Bank: "18236120"}, BankAccount{Number: "123456", Routing: "1", Bank: "18236120"}, "", ""},
		{"Brazil, no bank", BankAccount{Country: "BR", Number: "123456", Routing: "0001"}, BankAccount{}, fault.CodeMissingField, "bank"},
		{"Brazil, no such bank", BankAccount{Country: "BR", Number: "123456", Routing: "0001", Bank: "26"}, BankAccount{}, fault.CodeInvalidValue, "bank"},
		{"Brazil, a long branch", BankAccount{Country: "BR", Number: "123456", Routing: "00011", Bank: "260"}, BankAccount{}, fault.CodeInvalidAddress, "routing_number"},
		{"Brazil, neither", BankAccount{Country: "BR", Number: "123456", Bank: "260"}, BankAccount{}, fault.CodeInvalidAddress, "account_number"},

		{"Chile", BankAccount{Country: "CL", Number: "12-345678", Bank: "012", Currency: fiat("CLP")}, BankAccount{Number: "12345678", Bank: "012"}, "", ""},
		{"Chile, no bank", BankAccount{Country: "CL", Number: "12345678"}, BankAccount{}, fault.CodeMissingField, "bank"},
		{"Chile, a bank of Colombia", BankAccount{Country: "CL", Number: "12345678", Bank: "BANCOLOMBIA"}, BankAccount{}, fault.CodeInvalidValue, "bank"},

		{"Colombia", BankAccount{Country: "CO", Number: "12345678901", Bank: "BANCOLOMBIA", Type: Savings}, BankAccount{Number: "12345678901", Bank: "BANCOLOMBIA"}, "", ""},
		{"Colombia, too short", BankAccount{Country: "CO", Number: "123456789", Bank: "BANCOLOMBIA"}, BankAccount{}, fault.CodeInvalidAddress, "account_number"},
		{"Colombia, no such type", BankAccount{Country: "CO", Number: "12345678901", Bank: "BANCOLOMBIA", Type: Virtual}, BankAccount{}, fault.CodeInvalidValue, "account_type"},

		{"United States", BankAccount{Country: "US", Number: "000123456789", Routing: "111000025", Currency: fiat("USD")}, BankAccount{Number: "000123456789", Routing: "111000025", Bank: "111000025"}, "", ""},
		{"United States, no routing number", BankAccount{Country: "US", Number: "000123456789"}, BankAccount{}, fault.CodeMissingField, "routing_number"},
		{"United States, wrong routing number", BankAccount{Country: "US", Number: "000123456789", Routing: "111000026"}, BankAccount{}, fault.CodeInvalidAddress, "routing_number"},

		{"Bolivia", BankAccount{Country: "BO", Number: "4010 123456", Currency: fiat("BOB")}, BankAccount{Number: "4010123456"}, "", ""},
		{"Germany", BankAccount{Country: "DE", Number: "DE89 3704 0044 0532 0130 00", BIC: "deutdeff", Currency: fiat("EUR")}, BankAccount{Number: "DE89370400440532013000", BIC: "DEUTDEFF"}, "", ""},
		{"Germany, wrong", BankAccount{Country: "DE", Number: "DE88 3704 0044 0532 0130 00"}, BankAccount{}, fault.CodeInvalidAddress, "account_number"},
		{"India", BankAccount{Country: "IN", Number: "123456789012", Routing: "SBIN0001234"}, BankAccount{Number: "123456789012", Routing: "SBIN0001234"}, "", ""},
		{"a wrong BIC", BankAccount{Country: "IN", Number: "123456789012", BIC: "SBIN"}, BankAccount{}, fault.CodeInvalidAddress, "bic"},
		{"a token", BankAccount{Country: "IN", Number: "123456789012", Currency: money.MustAsset("USDT", "ethereum", 6)}, BankAccount{}, fault.CodeInvalidCurrency, "currency"},
		{"no country", BankAccount{Number: "123456789012"}, BankAccount{}, fault.CodeMissingField, "country"},
		{"no such type", BankAccount{Country: "IN", Number: "123456789012", Type: "loan"}, BankAccount{}, fault.CodeInvalidValue, "account_type"},
		{"a bank's code with a space", BankAccount{Country: "IN", Number: "123456789012", Bank: "a b"}, BankAccount{}, fault.CodeInvalidValue, "bank"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := CheckAccount(tt.give, chileAndColombia)
			if tt.code != "" {
				mustBeFault(t, err, tt.on)
				if !fault.Is(err, tt.code) || got != (BankAccount{}) {
					t.Errorf("got %#v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := tt.give
			want.Country = strings.ToUpper(want.Country)
			want.Number, want.Routing, want.Bank, want.BIC = tt.want.Number, tt.want.Routing, tt.want.Bank, tt.want.BIC
			if got != want {
				t.Errorf("got  %#v\nwant %#v", got, want)
			}
		})
	}
}

// cvu is an account at a provider, its check digits computed by hand from the
// weights: 3*3 = 9, and 1+2*3+3*9+4*7+5+6*3 = 85.
const cvu = "0000003100000001234565"

func TestCheckDocument(t *testing.T) {
	tests := []struct {
		name string
		give Document
		want string
		code fault.Code
		on   string
	}{
		{"RUT", Document{"cl", "RUT", "76.086.428-5"}, "760864285", "", ""},
		{"DNI of Argentina", Document{"AR", "DNI", "20.123.456"}, "20123456", "", ""},
		{"DNI of Peru", Document{"PE", "DNI", "1011741"}, "", fault.CodeInvalidValue, "document_number"},
		{"CC", Document{"CO", "CC", "1.234.567"}, "1234567", "", ""},
		{"foreigner in Colombia", Document{"CO", "CED_EXT", "e 123456"}, "E123456", "", ""},
		{"passport", Document{"MX", "PP", "g12345678"}, "G12345678", "", ""},
		{"a type of another country", Document{"MX", "RUT", "76.086.428-5"}, "", fault.CodeInvalidValue, "document_type"},
		{"a type that does not exist", Document{"MX", "CARNET", "1"}, "", fault.CodeInvalidValue, "document_type"},
		{"a country without rules", Document{"BO", "NIT", "1023456"}, "1023456", "", ""},
		{"no type", Document{"MX", "", "1"}, "", fault.CodeMissingField, "document_type"},
		{"no number", Document{"MX", "CURP", ""}, "", fault.CodeMissingField, "document_number"},
		{"no country", Document{"", "CURP", "BOXW310820HNERXN09"}, "", fault.CodeMissingField, "country"},
		{"a sign", Document{"MX", "OTHER", "1<2"}, "", fault.CodeInvalidValue, "document_number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := CheckDocument(tt.give)
			if tt.code != "" {
				mustBeFault(t, err, tt.on)
				if !fault.Is(err, tt.code) || got != (Document{}) {
					t.Errorf("got %#v, %v", got, err)
				}
				return
			}
			if want := (Document{strings.ToUpper(tt.give.Country), tt.give.Type, tt.want}); err != nil || got != want {
				t.Errorf("got %#v, %v; want %#v", got, err, want)
			}
		})
	}
}

func TestDocumentTypes(t *testing.T) {
	codes := func(country string) (codes []string) {
		for _, of := range DocumentTypes(country) {
			codes = append(codes, of.Code)
		}
		return codes
	}
	if got := codes("MX"); !slices.Equal(got[:2], []string{"CURP", "RFC"}) || slices.Contains(got, "RUT") || !slices.Contains(got, "PP") {
		t.Errorf("Mexico: %v", got)
	}
	seen := map[[2]string]bool{}
	for _, of := range documentTypes {
		key := [2]string{of.Code, of.Country}
		if seen[key] || of.Country == "" && of.check != nil {
			t.Errorf("the row %v is twice, or has a rule without a country", key)
		}
		seen[key] = true
	}
	// Where no rule is known each code is taken once.
	got := codes("UY")
	slices.Sort(got)
	if unique := slices.Compact(slices.Clone(got)); len(unique) != len(got) || !slices.Contains(got, "RUT") || !slices.Contains(got, "DNI") {
		t.Errorf("Uruguay: %v", got)
	}
}

func TestDocumentNumber(t *testing.T) {
	for _, tt := range []struct{ country, give, want string }{
		{"CL", "76.086.428-5", "760864285"},
		{"CL", "76.086.428-6", ""},
		{"AR", "20-05536168-2", "20055361682"},
		{"AR", "5.536.168", "5536168"},
		{"BR", "12.ABC.345/01DE-35", "12ABC34501DE35"},
		{"BR", "12345678900", ""},
		{"CO", "1.234.567", "1234567"},
		{"CO", "", ""},
		{"UY", "1.234.567-2", "12345672"},
	} {
		got, err := DocumentNumber("enforced", tt.country, tt.give)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s %s: %q, %v", tt.country, tt.give, got, err)
		}
		if err != nil {
			mustBeFault(t, err, "enforced")
		}
	}
}

func TestCheckCustomer(t *testing.T) {
	got, err := CheckCustomer(Customer{
		ID: "c1", Kind: Person, FirstName: "Ana", Email: "Ana@Example.org", Phone: "+52 55 1234 5678", Country: "mx",
		Document: Document{Type: "CURP", Number: "boxw310820hnerxn09"},
	})
	want := Customer{
		ID: "c1", Kind: Person, FirstName: "Ana", Email: "Ana@example.org", Phone: "+525512345678", Country: "MX",
		Document: Document{"MX", "CURP", "BOXW310820HNERXN09"},
	}
	if err != nil || got != want {
		t.Errorf("got  %#v, %v\nwant %#v", got, err, want)
	}
	if got, err := CheckCustomer(Customer{ID: "c2", FirstName: "Bo"}); err != nil || got != (Customer{ID: "c2", FirstName: "Bo"}) {
		t.Errorf("a customer with a name only: %#v, %v", got, err)
	}
	for _, tt := range []struct {
		on   string
		give Customer
	}{
		{"email", Customer{Email: "ana"}},
		{"phone", Customer{Phone: "55 1234 5678"}},
		{"country", Customer{Country: "MEX"}},
		{"country", Customer{Document: Document{Type: "CURP", Number: "BOXW310820HNERXN09"}}},
		{"document_number", Customer{Country: "MX", Document: Document{Type: "CURP"}}},
		{"document_type", Customer{Country: "MX", Document: Document{Number: "BOXW310820HNERXN09"}}},
	} {
		got, err := CheckCustomer(tt.give)
		mustBeFault(t, err, tt.on)
		if got != (Customer{}) {
			t.Errorf("%s: got %#v", tt.on, got)
		}
	}
}

func TestMask(t *testing.T) {
	for give, want := range map[string]string{
		"": "", "1234567": "****", "12345678": "****5678", "032180000118359719": "****9719",
		"ana@example.org": "a****@example.org", "@example.org": "****@example.org",
		"ñandú@example.org": "****@example.org", "+5561912345678": "****5678", "ÑÑÑÑÑÑÑÑ": "****ÑÑÑÑ",
	} {
		if got := Mask(give); got != want {
			t.Errorf("Mask(%q) = %q, want %q", give, got, want)
		}
	}
}

// Whatever prints or logs a record shows no number of it.
func TestRecordsInLogs(t *testing.T) {
	document := Document{"MX", "CURP", "BOXW310820HNERXN09"}
	customer := Customer{ID: "c1", FirstName: "Ana", Email: "ana.maria@example.org", Phone: "+525512345678", Document: document}
	account := BankAccount{ID: "b1", Country: "MX", Number: "032180000118359719", Bank: "032"}

	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("all", "document", document, "customer", customer, "account", account)
	}
	fmt.Fprintf(&log, "%v %+v %s %v", document, customer, account, []any{&account, &customer})
	for _, secret := range []string{"BOXW31", "ana.maria", "5512345678", "0321800001", "Ana"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%s is in the log:\n%s", secret, &log)
		}
	}
	for _, shown := range []string{"customer c1", "a****@example.org", "****XN09", "bank account b1 MX 032 ****9719"} {
		if !strings.Contains(log.String(), shown) {
			t.Errorf("%s is not in the log:\n%s", shown, &log)
		}
	}
}

func fiat(code string) money.Asset {
	asset, err := money.Fiat(code)
	if err != nil {
		panic(err)
	}
	return asset
}
