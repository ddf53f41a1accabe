package app

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml" // MIT

	"till/internal/dialect/baanx"
	"till/internal/dialect/glomo"
	"till/internal/dialect/koywe"
	"till/internal/dialect/payin"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/page"
	"till/internal/rail/bank"
)

// MethodSection is a way to pay that payers may choose, in one country. What a section does not say of a method of the
// catalogue stays as it is there.
type MethodSection struct {
	Enabled  bool     `toml:"enabled"`
	Name     string   `toml:"name"`
	API      string   `toml:"api"` // of whose orders alone; empty: of every API's
	Currency string   `toml:"currency"`
	Network  string   `toml:"network"`
	Min      string   `toml:"min"` // decimals; empty: no limit
	Max      string   `toml:"max"`
	Prompt   string   `toml:"prompt"`
	Required []string `toml:"required"`
	Banks    []string `toml:"banks"`
	Window   Duration `toml:"window"`
	Reports  bool     `toml:"reports_document"`
	Itself   Duration `toml:"pays_itself_after"`
	QR       string   `toml:"qr"` // of which form its QR code is; empty: the rail's own
	Bank     string   `toml:"bank"`
	Holder   string   `toml:"holder"`
	Account  string   `toml:"account"`
}

const (
	defaultWindow = Duration(30 * time.Minute)
	minWindow     = Duration(time.Minute)
	maxWindow     = Duration(90 * 24 * time.Hour)
	// itselfAfter is how long a payer of the sandbox has to look at what he is told before the payment comes by itself.
	itselfAfter = 3 * time.Second
	maxItself   = Duration(24 * time.Hour)
	// bankWindow is longer than it takes until a bank's statement of a Friday is read after a long weekend.
	bankWindow = Duration(5 * 24 * time.Hour)
)

// MethodCatalogue is the methods that the sandbox has without a config file. Their far sides are made up: see
// docs/how-to/methods.md. Codes and countries are those of the reference of the APIs that have them; limits are ours.
func MethodCatalogue() []engine.Method {
	all := []engine.Method{
		method("PSE", "PSE", "CO", "COP", engine.PromptLink, "1000", "50000000", func(m *engine.Method) {
			m.Required = []string{engine.FieldBank, engine.FieldDocument, engine.FieldEmail, engine.FieldPhone}
			m.Banks = []string{"BANCOLOMBIA", "DAVIVIENDA", "BANCO_DE_BOGOTA", "BANCO_POPULAR", "BBVA_COLOMBIA", "BANCO_OCCIDENTE",
				"BANCO_AV_VILLAS", "BANCO_GNB_SUDAMERIS", "BOGOTA", "OCCIDENTE"}
			m.Reports = true
		}),
		method("NEQUI", "Nequi", "CO", "COP", engine.PromptQR, "1000", "10000000", reports),
		method("KHIPU", "Khipu", "CL", "CLP", engine.PromptLink, "500", "5000000", reports, itself),
		method("QRI", "QR", "CL", "CLP", engine.PromptQR, "500", "5000000"),
		method("PIX_STATIC", "Pix", "BR", "BRL", engine.PromptQR, "1", "100000", reports),
		method("PIX_DYNAMIC", "Pix", "BR", "BRL", engine.PromptQR, "1", "100000", reports),
		method("SPEI", "SPEI", "MX", "MXN", engine.PromptTransfer, "10", "1000000", itself, func(m *engine.Method) {
			m.Window = 24 * time.Hour
			m.Details = engine.BankDetails{Bank: "Banco de Prueba", Holder: "Till Sandbox", Account: "646180157000000004"}
		}),
		method("CARD", "Card", "MX", "MXN", engine.PromptLink, "10", "200000"),
		method("KHIPU", "Khipu", "AR", "ARS", engine.PromptLink, "500", "10000000", reports, itself),
		method("QRI", "QR", "PE", "PEN", engine.PromptQR, "1", "50000"),
		method("LIGO", "Ligo", "PE", "PEN", engine.PromptQR, "1", "50000"),
	}
	for i := range all {
		all[i].Cards = testCards(all[i].Code)
	}
	for _, currency := range []string{"USD", "EUR", "GBP", "AED", "SGD", "JPY", "KWD", "BHD", "OMR"} {
		all = append(all, checkoutMethods(currency)...)
	}
	return all
}

// checkoutMethods are those of the Glomo API in one currency. A currency's country is its first two letters, as ISO 4217 has it.
func checkoutMethods(currency string) []engine.Method {
	base := engine.Method{
		API: glomo.Name, Country: currency[:2], Currency: currency, Network: sandboxNetwork().ID, Window: time.Duration(defaultWindow),
		Min: money.Zero(fiat(currency)), Max: money.Zero(fiat(currency)),
	}
	card, bank, transfer := base, base, base
	card.Code, card.Name, card.Prompt, card.Cards = "card", "Card", engine.PromptLink, testCards("card")
	bank.Code, bank.Name, bank.Prompt = "pay_via_bank", "Pay via bank", engine.PromptLink
	transfer.Code, transfer.Name, transfer.Prompt = "bank_transfer", "Bank transfer", engine.PromptTransfer
	transfer.Window = time.Duration(bankWindow)
	transfer.Details = engine.BankDetails{Bank: "Test Bank", Holder: "Till Sandbox", Account: "8000" + currency + "0001", BIC: "TESTGB2LXXX"}
	return []engine.Method{card, bank, transfer}
}

// apis are the names of the APIs whose orders a method may be for alone.
var apis = []string{baanx.Name, glomo.Name, koywe.Name, payin.Name}

// testCards are the cards that the made-up far side of a method knows: those that the API's own documentation names. nil for
// a method that asks for no card.
func testCards(method string) []engine.TestCard {
	const refused = "card_declined"
	switch method {
	case "CARD":
		return []engine.TestCard{
			{Number: "4242424242424242"}, {Number: "4000000000000002", Declines: refused}, {Number: "4000000000009995", Declines: "insufficient_funds"},
		}
	case "card":
		return []engine.TestCard{
			{Number: "3466241111111111"}, {Number: "3469122222222222", Code: true},
			{Number: "3490881111111112", Declines: refused}, {Number: "3790802222222223", Code: true, Declines: refused},
			{Number: "4916531111111111"}, {Number: "4376702222222222", Code: true},
			{Number: "4532271111111112", Declines: refused}, {Number: "4556822222222223", Code: true, Declines: refused},
			{Number: "4532491111111111"}, {Number: "4532442222222222", Code: true},
			{Number: "4556891111111112", Declines: refused}, {Number: "4597262222222223", Code: true, Declines: refused},
		}
	}
	return nil
}

func reports(m *engine.Method) { m.Reports = true }
func itself(m *engine.Method)  { m.Itself = itselfAfter }

func method(code, name, country, currency string, p engine.Prompt, least, most string, more ...func(*engine.Method)) engine.Method {
	asset := fiat(currency)
	m := engine.Method{
		Code: code, Name: name, Country: country, Currency: currency, Network: sandboxNetwork().ID, Prompt: p,
		Window: time.Duration(defaultWindow),
	}
	var wrong [2]error
	m.Min, wrong[0] = limitOf(asset, least)
	m.Max, wrong[1] = limitOf(asset, most)
	if err := errors.Join(wrong[:]...); err != nil {
		panic("app: the catalogue of methods: " + err.Error())
	}
	for _, change := range more {
		change(&m)
	}
	return m
}

// fiat is the currency of a code; the zero Asset for none.
func fiat(code string) money.Asset {
	for _, a := range money.Fiats() {
		if a.Code() == code {
			return a
		}
	}
	return money.Asset{}
}

// sectionOf is a method of the catalogue as a section says it; nil is one of the operator's own.
func sectionOf(known *engine.Method) MethodSection {
	if known == nil {
		return MethodSection{Enabled: true, Window: defaultWindow}
	}
	return MethodSection{
		Enabled: true, Name: known.Name, API: known.API, Currency: known.Currency, Network: known.Network, Min: known.Min.Decimal(), Max: known.Max.Decimal(),
		Prompt: string(known.Prompt), Required: known.Required, Banks: known.Banks, Window: Duration(known.Window), Reports: known.Reports,
		Itself: Duration(known.Itself), Bank: known.Details.Bank, Holder: known.Details.Holder, Account: known.Details.Account,
	}
}

// sectionElsewhere is a method of the catalogue that another rail than the sandbox's serves: what is made up there is
// left out.
func sectionElsewhere(known engine.Method) MethodSection {
	s := sectionOf(&known)
	s.Itself, s.Bank, s.Holder, s.Account, s.Reports = 0, "", "", "", false
	if known.Code == "PIX_STATIC" {
		s.QR = qrPIX
	}
	return s
}

// methodList checks every method of the file and puts them over those of the catalogue that are of the same mode: what a
// live network serves leaves the sandbox's as they are.
func methodList(sections map[string]map[string]MethodSection, networks []Network, banks []Bank, services []PSP) ([]engine.Method, error) {
	served := map[string]engine.Network{sandboxNetwork().ID: sandboxNetwork()}
	for _, n := range networks {
		served[n.ID] = n.Network
	}
	kept := map[string]Bank{}
	for _, b := range banks {
		served[b.ID], kept[b.ID] = b.Network, b
	}
	paidAt := map[string]PSP{}
	for _, p := range services {
		served[p.ID], paidAt[p.ID] = p.Network, p
	}
	list := MethodCatalogue()
	for _, code := range slices.Sorted(maps.Keys(sections)) {
		for _, country := range slices.Sorted(maps.Keys(sections[code])) {
			s := sections[code][country]
			if n, known := served[s.Network]; !known || n.Mode == sandboxNetwork().Mode {
				list = slices.DeleteFunc(list, func(m engine.Method) bool { return m.Code == code && m.Country == country })
			}
			if !s.Enabled {
				continue
			}
			n := served[s.Network]
			s.Bank, s.Holder, s.Account = cmp.Or(s.Bank, n.Details.Bank), cmp.Or(s.Holder, n.Details.Holder), cmp.Or(s.Account, n.Details.Account)
			m, err := s.method(code, country, served)
			if err != nil {
				return nil, err
			}
			if p, is := paidAt[s.Network]; is {
				if err := s.pspMethod(func(name string) toml.Key { return toml.Key{"methods", code, country, name} }, code, p); err != nil {
					return nil, err
				}
			}
			m.Details.BIC = n.Details.BIC
			if n.Simulated {
				m.Cards = testCards(code)
			}
			if m.Scan, err = s.scan(toml.Key{"methods", code, country, "qr"}, kept[s.Network]); err != nil {
				return nil, err
			}
			list = append(list, m)
		}
	}
	return list, nil
}

func (s MethodSection) method(code, country string, served map[string]engine.Network) (engine.Method, error) {
	key := func(name string) toml.Key { return toml.Key{"methods", code, country, name} }
	m := engine.Method{
		Code: code, API: s.API, Country: country, Name: cmp.Or(s.Name, code), Currency: s.Currency, Network: s.Network, Prompt: engine.Prompt(s.Prompt),
		Required: s.Required, Banks: s.Banks, Window: time.Duration(s.Window), Reports: s.Reports, Itself: time.Duration(s.Itself),
		Details: engine.BankDetails{Bank: s.Bank, Holder: s.Holder, Account: s.Account},
	}
	asset := fiat(s.Currency)
	n, known := served[s.Network]
	_, carries := n.Asset(s.Currency)
	switch {
	case !isMethodCode(code):
		return m, wrong(toml.Key{"methods", code}, "a method's code is 1 to 32 letters, digits and _")
	case s.API != "" && !slices.Contains(apis, s.API):
		return m, wrong(key("api"), "want one of %v, or nothing for every API", apis)
	case len(country) != 2 || strings.ToUpper(country) != country:
		return m, wrong(toml.Key{"methods", code, country}, "want a country in two capital letters")
	case asset.IsZero():
		return m, wrong(key("currency"), "want a currency of ISO 4217")
	case !known:
		return m, wrong(key("network"), "no network %q is configured", s.Network)
	case carries != nil:
		return m, wrong(key("network"), "the network %q does not carry %s", s.Network, s.Currency)
	case !slices.Contains(engine.Prompts(), m.Prompt):
		return m, wrong(key("prompt"), "want one of %v", engine.Prompts())
	case m.Prompt == engine.PromptTransfer && s.Account == "":
		return m, wrong(key("account"), "is what the payer transfers to")
	case s.Window < minWindow || s.Window > maxWindow:
		return m, wrong(key("window"), "want %s to %s", time.Duration(minWindow), time.Duration(maxWindow))
	case s.Itself < 0 || s.Itself > maxItself:
		return m, wrong(key("pays_itself_after"), "want at most %s", time.Duration(maxItself))
	case s.Itself > 0 && !n.Simulated:
		return m, wrong(key("pays_itself_after"), "only payments that are made up come by themselves")
	case slices.Contains(s.Required, engine.FieldBank) != (len(s.Banks) > 0):
		return m, wrong(key("banks"), "are given where required has %q, and only there", engine.FieldBank)
	}
	for _, field := range s.Required {
		if !slices.Contains(engine.Fields(), field) {
			return m, wrong(key("required"), "want any of %v", engine.Fields())
		}
	}
	var err error
	if m.Min, err = limitOf(asset, s.Min); err != nil {
		return m, wrong(key("min"), "%v", err)
	}
	if m.Max, err = limitOf(asset, s.Max); err != nil {
		return m, wrong(key("max"), "%v", err)
	}
	if m.Max.Sign() > 0 && m.Max.Cmp(m.Min) < 0 {
		return m, wrong(key("max"), "is less than min")
	}
	return m, nil
}

// The forms of a QR code that is made of a bank account and a reference.
const (
	qrSEPA = "epc"
	qrPIX  = "br_code"
)

// scan is what the QR code of a method says; nil where it has none of its own. What cannot be said of the account is found
// out here, and not by the first payer.
func (s MethodSection) scan(at toml.Key, b Bank) (func(string, money.Amount) string, error) {
	var code func(reference string, amount money.Amount) (string, error)
	switch {
	case s.QR == "":
		return nil, nil
	case s.QR != qrSEPA && s.QR != qrPIX:
		return nil, wrong(at, "want %q, %q or nothing", qrSEPA, qrPIX)
	case b.ID == "":
		return nil, wrong(at, "is of a method whose network is a bank")
	case s.QR == qrSEPA:
		code = sepaCode(b)
	case b.PIXKey == "":
		return nil, wrong(at, "banks.%s has no pix_key", b.ID)
	default:
		code = pixCode(b)
	}
	example, err := bank.NewReference(strings.NewReader(strings.Repeat("0", 32)))
	if err == nil {
		_, err = code(example, money.FromInt(b.Currency, 1))
	}
	if err != nil {
		return nil, wrong(at, "no such code can be made of banks.%s: %s", b.ID, sentence(err))
	}
	return func(reference string, amount money.Amount) string {
		text, err := code(reference, amount)
		if err != nil {
			return "" // more than any such code takes: the page shows the account
		}
		return text
	}, nil
}

// sepaCode is the code of SEPA transfers to an account.
func sepaCode(b Bank) func(string, money.Amount) (string, error) {
	return func(reference string, amount money.Amount) (string, error) {
		return page.SEPATransfer{Name: b.Holder, IBAN: b.Account, BIC: b.BIC, Amount: amount, Reference: reference}.Payload()
	}
}

// The most that a BR Code says of its receiver.
const (
	pixName = 25
	pixCity = 15
)

// pixCode is the static BR Code of an account: the reference is its txid.
func pixCode(b Bank) func(string, money.Amount) (string, error) {
	c := page.PIXCharge{Key: b.PIXKey, Name: inASCII(b.Holder, pixName), City: inASCII(b.City, pixCity)}
	return func(reference string, amount money.Amount) (string, error) {
		one := c
		one.Amount, one.TxID = amount, reference
		return one.BRCode()
	}
}

// inASCII is the beginning of a text in the characters that every bank takes.
func inASCII(text string, most int) string {
	plain, err := bank.Text("text", text, len(text)*4)
	if err != nil {
		return text
	}
	return strings.TrimSpace(plain[:min(len(plain), most)])
}

func isMethodCode(code string) bool {
	return code != "" && len(code) <= 32 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

func limitOf(asset money.Asset, text string) (money.Amount, error) {
	if text == "" {
		return money.Zero(asset), nil
	}
	return money.Parse(asset, text)
}
