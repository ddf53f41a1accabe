package app

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/party"
	"till/internal/rail"
	"till/internal/rail/bank"
)

const oneBank = `
[banks.giro]
mode = "live"
currency = "EUR"
account = "DE89 3704 0044 0532 0130 00"
country = "DE"
holder = "Shop GmbH"
`

func TestBanksOfAFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "virtual.txt", "# of the shop\nDE02120300000000202051\n\n DE02500105170137075030\n")
	cfg, err := LoadConfig(write(t, dir, "till.toml", oneBank+`
bic = "cobadeff"
folder = "bank"
cut_off = "15:30"
time_zone = "Europe/Berlin"
holidays = ["2026-12-24"]
target = true
[banks.giro.limits]
per_order = "1000"
[banks.giro.virtual.shop]
accounts = ["DE02100500000054540402"]
file = "virtual.txt"
[banks.giro.csv]
booked = "Day"
amount = "Amount"
[banks.old]
enabled = false
mode = "sandbox"
currency = "MXN"
account = "032180000118359719"
country = "MX"
holder = "Shop"
[methods.SEPA.DE]
currency = "EUR"
network = "giro"
prompt = "bank_transfer"
`), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(cfg.Banks) != 1 {
		t.Fatalf("%d banks", len(cfg.Banks))
	}
	b := cfg.Banks[0]
	if b.Account != "DE89370400440532013000" || b.BIC != "COBADEFF" || b.Folder != filepath.Join(dir, "bank") || b.Out == nil || b.Out.Version != bank.Pain001V09 || !b.Out.Batch || !b.Out.HandsOut || b.CSV == nil {
		t.Errorf("%+v", b)
	}
	if b.ID != "giro" || b.Name != "giro" || b.Family != "bank:giro" || b.Rail != "bank:giro" || !b.Custodial || b.Mode != engine.Live || b.ReceiveOnly || !b.Makes() {
		t.Errorf("the network is %+v", b.Network)
	}
	noon := time.Date(2026, 12, 23, 15, 0, 0, 0, time.UTC) // four o'clock in Berlin, before two days off and a weekend
	if day := b.Out.Calendar.ExecutionDay(noon); day.Format(time.DateOnly) != "2026-12-28" {
		t.Errorf("a file of %s is executed on %s", noon, day)
	}
	if got := strings.Join(b.Virtual["shop"], " "); got != "DE02100500000054540402 DE02120300000000202051 DE02500105170137075030" {
		t.Errorf("virtual accounts %s", got)
	}
	if limit := limits(cfg)["bank:giro"][b.Currency]; limit.Order.Decimal() != "1000.00" || !limit.Day.Asset().IsZero() {
		t.Errorf("limits %+v", limit)
	}
	for _, m := range cfg.Methods {
		if m.Code == "SEPA" {
			want := engine.BankDetails{Bank: "giro", Holder: "Shop GmbH", Account: "DE89370400440532013000", BIC: "COBADEFF"}
			if m.Details != want || m.Window != time.Duration(bankWindow) {
				t.Errorf("SEPA is %+v", m)
			}
		}
	}
}

func TestBanksOfAFileAreChecked(t *testing.T) {
	for change, want := range map[string]string{
		`mode = "test"`:                                    "banks.giro.mode: want live or sandbox",
		`currency = "XXY"`:                                 "banks.giro.currency: want a currency",
		`account = "DE88370400440532"`:                     "banks.giro.account:",
		`account = "DE89370400440532013001"`:               "banks.giro.account: ",
		`account = ""`:                                     "banks.giro.account: ",
		`country = "Germany"`:                              "banks.giro.country: want two letters",
		`holder = ""`:                                      "banks.giro.holder: want 1 to 70",
		`bic = "COBA"`:                                     "banks.giro.bic: ",
		`payments = "pain.001.001.02"`:                     "banks.giro.payments: want",
		`cut_off = "half past three"`:                      "banks.giro.cut_off: want",
		`time_zone = "Berlin"`:                             "banks.giro.time_zone: want",
		`holidays = ["24.12."]`:                            "banks.giro.holidays: want",
		`service = "sepa!"`:                                "banks.giro.service: want",
		`charges = "ME"`:                                   "banks.giro.charges: want",
		`priority = "SOON"`:                                "banks.giro.priority: want",
		`daily = "noon"`:                                   "banks.giro.daily: want",
		`weekend = ["sat"]`:                                "banks.giro.weekend: want",
		`holder = "株式会社"`:                                  "banks.giro.holder: ",
		`pix_key = "nobody"`:                               "banks.giro.city: want",
		`colour = "red"`:                                   "banks.giro.colour: unknown key",
		"[banks.giro.limits]\nper_day = \"0.001\"":         "banks.giro.limits.per_day: want a decimal",
		"[banks.giro.csv]\nbooked = \"Day\"":               "banks.giro.csv.amount: this is missing",
		"[banks.giro.csv]\ncolumn = 1":                     "banks.giro.csv.column: unknown key",
		"[banks.giro.virtual.shop]\naccounts = [\"DE00\"]": "banks.giro.virtual.shop.accounts: account 1: ",
		"[banks.giro.virtual.shop]\naccounts = [\"DE89370400440532013000\"]":                    "is given to the house itself",
		"[banks.giro.virtual.shop]\nfile = \"none.txt\"":                                        "banks.giro.virtual.shop.file: ",
		"[banks.ethereum-mainnet]\nmode = \"live\"":                                             "banks.ethereum-mainnet: a network has this name",
		"[banks.sandbox]\nmode = \"live\"":                                                      "banks.sandbox: a network has this name",
		"[banks.Giro]\nmode = \"live\"\ncurrency = \"EUR\"":                                     "banks.Giro: a bank's name is",
		strings.Replace(oneBank, "giro", "twin", 1):                                             "banks.twin.account: banks.giro is the same account",
		"[methods.SEPA.DE]\ncurrency = \"USD\"\nnetwork = \"giro\"\nprompt = \"bank_transfer\"": `the network "giro" does not carry USD`,
	} {
		text := oneBank
		if key, _, is := strings.Cut(change, " ="); is && !strings.HasPrefix(strings.TrimSpace(change), "[") {
			var kept []string
			for _, line := range strings.Split(text, "\n") {
				if !strings.HasPrefix(line, key+" =") {
					kept = append(kept, line)
				}
			}
			text = strings.Join(kept, "\n")
		}
		if _, err := load(t, text+change+"\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", change, err, want)
		}
	}
}

// A live method leaves the sandbox's of the same code as it is, and takes nothing from it that is made up.
func TestLiveMethodBesideTheSandboxs(t *testing.T) {
	cfg, err := load(t, `
[banks.bbva]
mode = "live"
name = "BBVA"
currency = "MXN"
account = "032180000118359719"
country = "MX"
holder = "Shop SA"
[methods.SPEI.MX]
network = "bbva"
`)
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(nil, networks(cfg), nil).WithMethods(cfg.Methods)
	live, err := e.Method(engine.Live, "SPEI", "MXN")
	if err != nil {
		t.Fatal(err)
	}
	if live.Network != "bbva" || live.Itself != 0 || live.Details != (engine.BankDetails{Bank: "BBVA", Holder: "Shop SA", Account: "032180000118359719"}) || live.Min.Decimal() != "10.00" {
		t.Errorf("live is %+v", live)
	}
	played, err := e.Method(engine.Sandbox, "SPEI", "MXN")
	if err != nil || played.Network != "sandbox" || played.Itself == 0 {
		t.Errorf("the sandbox's is %+v %v", played, err)
	}
	if list := e.Methods(engine.Live, engine.MethodFilter{}); len(list) != 1 {
		t.Errorf("live has %d methods", len(list))
	}
}

// A bank account takes orders from the start on, and virtual accounts are there once, however often the server starts.
func TestBankAtTheStart(t *testing.T) {
	dir := t.TempDir()
	text := networksOff + oneBank + "[banks.giro.virtual.default]\naccounts = [\"DE02100500000054540402\"]\n"
	pool := engine.Pool{Merchant: firstMerchant, Mode: engine.Live, Family: bankFamily("giro")}
	for range 2 {
		a := startIn(t, dir, text, io.Discard)
		told, err := a.Engine.Progress(t.Context(), bankRail("giro"))
		if err != nil || told == nil {
			t.Fatalf("the rail has told %v %v", told, err)
		}
		counts, err := a.Engine.InstrumentCounts(t.Context(), pool)
		if err != nil || counts.Total != 1 {
			t.Errorf("%+v %v", counts, err)
		}
		if _, ready := a.ready(t.Context()); ready.Networks["giro"].Status != "ok" {
			t.Errorf("readiness %+v", ready)
		}
		stop(t, a)
	}
	cfg, err := LoadConfig(write(t, dir, "till.toml", strings.Replace(text, "virtual.default", "virtual.other", 1)+"[server]\naddr = \"127.0.0.1:0\"\n"), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "banks.giro.virtual.other") || strings.Contains(err.Error(), "54540402") {
		t.Errorf("one account for two merchants: %v %v", a, err)
	}
}

// A payment file lands in the folder of its account, by a server that starts after it was made too.
func TestPaymentFilesLandInTheFolder(t *testing.T) {
	dir := t.TempDir()
	text := networksOff + oneBank + "folder = \"bank\"\n"
	a := startIn(t, dir, text, io.Discard)
	to := bank.Payee{Name: "Ana", Account: "ES9121000418450200051332"}
	r := a.banks["giro"]
	if _, err := r.Send(t.Context(), rail.Delivery{ID: "t", To: to.Text(), Amount: money.FromInt(fiat("EUR"), 100)}); err != nil {
		t.Fatal(err)
	}
	files, err := r.Export(t.Context(), time.Now())
	if err != nil || len(files) != 1 {
		t.Fatalf("%+v, %v", files, err)
	}
	stop(t, a)
	a = startIn(t, dir, text, io.Discard)
	defer stop(t, a)
	path := filepath.Join(dir, "bank", "out", files[0].ID+".xml")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got, err := os.ReadFile(path)
		if err == nil {
			want, err := a.banks["giro"].Bytes(t.Context(), files[0].ID)
			if err != nil || string(got) != string(want) {
				t.Errorf("the file is %q, %v", got, err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// Who is paid at a bank is named as the bank wants it: the holder is whose account it is.
func TestBankPayees(t *testing.T) {
	dir := t.TempDir()
	a := startIn(t, dir, networksOff+oneBank+strings.NewReplacer("giro", "dollars", "EUR", "USD", "DE89 3704 0044 0532 0130 00", "12345678", `"DE"`, `"US"`).Replace(oneBank)+
		strings.NewReplacer("giro", "test", "live", "sandbox", "DE89 3704 0044 0532 0130 00", "DE02120300000000202051").Replace(oneBank), io.Discard)
	defer stop(t, a)
	ctx := context.Background()
	live := engine.Scope{Merchant: firstMerchant, Mode: engine.Live, Dialect: "none"}
	if err := a.Engine.SaveMerchant(ctx, engine.Merchant{ID: firstMerchant, Name: "Shop & Sons"}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Engine.AddCustomer(ctx, engine.Customer{Scope: live, Customer: party.Customer{
		ID: "c1", Kind: party.Person, FirstName: "Ana", LastName: "Gómez", Country: "ES", Address: party.Address{City: "Madrid"},
	}}); err != nil {
		t.Fatal(err)
	}
	p := payees{a.Engine}
	eur, usd := fiat("EUR"), fiat("USD")
	for name, c := range map[string]struct {
		account engine.Account
		rail    string
		to      string
	}{
		"a customer's": {engine.Account{Scope: live, Customer: "c1", Bank: &party.BankAccount{Country: "ES", Currency: eur, Number: "ES9121000418450200051332"}},
			"bank:giro", "ES9121000418450200051332;name=Ana Gomez;country=ES;city=Madrid"},
		"the merchant's": {engine.Account{Scope: live, Bank: &party.BankAccount{Country: "DE", Currency: eur, Number: "DE02100500000054540402", BIC: "BELADEBE"}},
			"bank:giro", "DE02100500000054540402;name=Shop + Sons;bic=BELADEBE;country=DE"},
		"American": {engine.Account{Scope: live, Bank: &party.BankAccount{Country: "US", Currency: usd, Number: "987654321", Routing: "021000021", Bank: "021000021"}},
			"bank:dollars", "987654321;name=Shop + Sons;clearing=USABA:021000021;country=US"},
		"the sandbox's": {engine.Account{Scope: engine.Scope{Merchant: firstMerchant, Mode: engine.Sandbox}, Bank: &party.BankAccount{Country: "DE", Currency: eur, Number: "DE02100500000054540402"}},
			"bank:test", "DE02100500000054540402;name=Shop + Sons;country=DE"},
	} {
		to, err := p.Bank(ctx, &c.account)
		if err != nil || string(to.Rail) != c.rail || to.To != c.to {
			t.Errorf("%s is paid at %v, %v", name, to, err)
			continue
		}
		if _, err := bank.ParsePayee(to.To); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, account := range map[string]engine.Account{
		"a branch":      {Scope: live, Bank: &party.BankAccount{Country: "BR", Currency: eur, Number: "1234", Routing: "0001", Bank: "237"}},
		"an e-mail":     {Scope: live, Bank: &party.BankAccount{Country: "BR", Currency: eur, Number: "ana@example.com"}},
		"another money": {Scope: live, Bank: &party.BankAccount{Country: "CO", Currency: money.MustAsset("COP", "", 2), Number: "1234"}},
	} {
		if to, err := p.Bank(ctx, &account); !fault.Is(err, fault.CodeNotConfigured) {
			t.Errorf("%s is paid at %v, %v", name, to, err)
		}
	}
}

func TestVirtualFileIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("\ufeffA\r\n#b\n\nC"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := eachLine(path, func(line int, text string) error { got = append(got, text); return nil }); err != nil || strings.Join(got, ",") != "A,C" {
		t.Errorf("%v %v", got, err)
	}
}

// The codes that payers scan name the account, the amount and the order's reference.
func TestCodesOfBanks(t *testing.T) {
	const pix = `
[banks.reais]
mode = "live"
currency = "BRL"
account = "BR1500000000000010932840814P2"
country = "BR"
holder = "Comércio de Açúcar São João Ltda"
pix_key = "shop@example.com"
city = "São Paulo"
[methods.PIX_STATIC.BR]
network = "reais"
`
	cfg, err := load(t, oneBank+pix+`
[methods.SEPA.DE]
currency = "EUR"
network = "giro"
prompt = "bank_transfer"
qr = "epc"
`)
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(nil, networks(cfg), nil).WithMethods(cfg.Methods)
	const reference = "RF93ABCDEFGHJKLMNP"
	for code, c := range map[string]struct {
		amount money.Amount
		want   []string
	}{
		"SEPA":       {money.FromInt(fiat("EUR"), 1250), []string{"BCD\n002\n1\nSCT\n", "Shop GmbH\nDE89370400440532013000\nEUR12.50\n", reference}},
		"PIX_STATIC": {money.FromInt(fiat("BRL"), 1250), []string{"br.gov.bcb.pix", "shop@example.com", "540512.50", "5925Comercio de Acucar Sao Jo", "6009Sao Paulo", "0518" + reference}},
	} {
		m, err := e.Method(engine.Live, code, c.amount.Asset().Code())
		if err != nil || m.Scan == nil {
			t.Fatalf("%s: %+v %v", code, m, err)
		}
		text := m.Scan(reference, c.amount)
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s is %q, without %q", code, text, want)
			}
		}
	}
	for text, want := range map[string]string{
		strings.Replace(pix, `pix_key = "shop@example.com"`, "", 1):                                            "methods.PIX_STATIC.BR.qr: banks.reais has no pix_key",
		"[methods.NEQUI.CO]\nqr = \"epc\"":                                                                     "methods.NEQUI.CO.qr: is of a method whose network is a bank",
		oneBank + "[methods.SEPA.DE]\ncurrency = \"EUR\"\nnetwork = \"giro\"\nprompt = \"qr\"\nqr = \"aztec\"": "methods.SEPA.DE.qr: want",
		strings.Replace(strings.Replace(oneBank, "EUR", "USD", 1), "DE89 3704 0044 0532 0130 00", "12345678", 1) + "[methods.SEPA.DE]\ncurrency = \"USD\"\nnetwork = \"giro\"\nprompt = \"qr\"\nqr = \"epc\"": "methods.SEPA.DE.qr: no such code can be made of banks.giro: a SEPA",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
