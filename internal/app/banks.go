package app

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // the cut-off times of banks, on machines that have no time zones of their own

	"github.com/BurntSushi/toml" // MIT

	"till/internal/dashboard"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/operator"
	"till/internal/operator/client"
	"till/internal/party"
	"till/internal/rail"
	"till/internal/rail/bank"
	"till/internal/worker"
)

// BankSection is an account of the house at a bank, about which files are exchanged: statements come in, payment files
// go out.
type BankSection struct {
	Enabled  bool        `toml:"enabled"`
	Mode     engine.Mode `toml:"mode"`
	Name     string      `toml:"name"`
	Currency string      `toml:"currency"`
	Account  string      `toml:"account"` // an IBAN, or the number of the country
	BIC      string      `toml:"bic"`
	Bank     string      `toml:"bank_code"` // in its country, where it has no BIC
	Country  string      `toml:"country"`
	City     string      `toml:"city"`
	Holder   string      `toml:"holder"`
	PIXKey   string      `toml:"pix_key"`
	Folder   string      `toml:"folder"`

	Payments string   `toml:"payments"` // the form of payment files; empty: there are none
	Batch    bool     `toml:"batch_booking"`
	Service  string   `toml:"service"` // the scheme of pay-outs
	Charges  string   `toml:"charges"` // who bears what they cost
	Priority string   `toml:"priority"`
	Daily    string   `toml:"daily"`   // when a payment file is made by itself, hours and minutes; empty: never
	CutOff   string   `toml:"cut_off"` // hours and minutes; empty: the day's end
	Zone     string   `toml:"time_zone"`
	Holidays []string `toml:"holidays"`
	Target   bool     `toml:"target"`  // closed when T2, the euro's settlement system, is
	Weekend  []string `toml:"weekend"` // days of the week on which it is closed

	CSV     *bank.Mapping             `toml:"csv"` // nil: CSV files are not read
	Limits  LimitSection              `toml:"limits"`
	Virtual map[string]VirtualSection `toml:"virtual"` // by merchant
}

// VirtualSection is the virtual accounts that a bank gave out for one merchant.
type VirtualSection struct {
	Accounts []string `toml:"accounts"`
	File     string   `toml:"file"` // one on each line
}

// Bank is a bank account of the house and how files are exchanged about it.
type Bank struct {
	engine.Network
	Currency money.Asset
	Account  string // canonical: an IBAN, or a number
	BIC      string
	Code     string // of the bank in its country
	Country  string
	City     string
	Holder   string
	PIXKey   string
	Folder   string // with in, processed, failed and out; empty: nothing is watched
	CSV      *bank.Mapping

	Out *bank.Config // how payment files are made; nil: nothing can be sent

	Limit   engine.Limit
	Virtual map[string][]string // by merchant
}

func defaultBank() BankSection {
	return BankSection{
		Enabled: true, Payments: bank.Pain001V09, Batch: true, Zone: "UTC", Holidays: []string{}, Weekend: []string{"saturday", "sunday"},
		Virtual: map[string]VirtualSection{},
	}
}

// bankRail is the name of the rail of a bank account, and of the family of its references and virtual accounts.
func bankRail(id string) rail.Name { return rail.Name(bankFamily(id)) }

const bankPrefix = "bank:"

func bankFamily(id string) engine.Family { return engine.Family(bankPrefix + id) }

// isBank says that a network is a bank account of the house.
func isBank(n engine.Network) bool { return strings.HasPrefix(string(n.Rail), bankPrefix) }

// bankList checks every bank account and returns those that are enabled by id. An id is a network's too.
func bankList(sections map[string]BankSection, networks []Network, dir string) ([]Bank, error) {
	taken := map[string]bool{sandboxNetwork().ID: true}
	for _, n := range networks {
		taken[n.ID] = true
	}
	accounts := map[string]string{} // whose an account is
	var list []Bank
	for _, id := range slices.Sorted(maps.Keys(sections)) {
		if taken[id] {
			return nil, wrong(toml.Key{"banks", id}, "a network has this name too")
		}
		b, err := sections[id].bank(id, dir)
		if err != nil {
			return nil, err
		}
		if !sections[id].Enabled {
			continue
		}
		at := b.Account + " " + b.Currency.Code()
		if other := accounts[at]; other != "" {
			return nil, wrong(toml.Key{"banks", id, "account"}, "banks.%s is the same account", other)
		}
		accounts[at] = id
		list = append(list, b)
	}
	return list, nil
}

// bank checks one section.
func (s BankSection) bank(id, dir string) (Bank, error) {
	key := func(name string) toml.Key { return toml.Key{"banks", id, name} }
	b := Bank{
		Currency: fiat(s.Currency), BIC: s.BIC, Code: s.Bank, City: s.City, Holder: s.Holder, PIXKey: s.PIXKey, CSV: s.CSV,
	}
	if _, err := money.NewAsset("X", id, 0); err != nil || id == "" {
		return b, wrong(toml.Key{"banks", id}, "a bank's name is 1 to 40 of a-z, 0-9 and -")
	}
	switch {
	case s.Mode != engine.Live && s.Mode != engine.Sandbox:
		return b, wrong(key("mode"), "want live or sandbox")
	case b.Currency.IsZero():
		return b, wrong(key("currency"), "want a currency of ISO 4217")
	case len(s.Name) > 64:
		return b, wrong(key("name"), "is longer than 64 bytes")
	case s.Holder == "" || len(s.Holder) > 70:
		return b, wrong(key("holder"), "want 1 to 70 bytes: in whose name the account is")
	case !slices.Contains([]string{"", bank.Pain001V03, bank.Pain001V09}, s.Payments):
		return b, wrong(key("payments"), "want %q, %q or nothing", bank.Pain001V09, bank.Pain001V03)
	case s.PIXKey != "" && (s.City == "" || len(s.City) > 15):
		return b, wrong(key("city"), "want 1 to 15 bytes: a BR Code names the receiver's city")
	}
	if s.CSV != nil {
		if err := s.CSV.Check(); err != nil {
			name, problem, _ := strings.Cut(err.Error(), ": ") // it begins with the key
			return b, wrong(toml.Key{"banks", id, "csv", name}, "%s", problem)
		}
	}
	if err := s.checkAccount(&b, key); err != nil {
		return b, err
	}
	b.Network = engine.Network{ID: id, Name: cmp.Or(s.Name, id), Mode: s.Mode}
	if s.Folder != "" {
		b.Folder = under(dir, s.Folder)
	}
	var err error
	if b.Out, err = s.out(id, b, key); err != nil {
		return b, err
	}
	if b.Limit, err = s.Limits.limit(b.Currency, toml.Key{"banks", id, "limits"}); err != nil {
		return b, err
	}
	b.Virtual, err = s.virtual(id, b, dir)
	return NewBank(b), err
}

// NewBank gives a bank account, whose network has an id, a name and a mode, the rest of its network.
func NewBank(b Bank) Bank {
	n := &b.Network
	n.Family, n.Rail, n.Custodial, n.ReceiveOnly, n.Reference = bankFamily(n.ID), bankRail(n.ID), true, b.Out == nil, bank.NewReference
	n.Tokens = []engine.Token{{Asset: b.Currency}}
	n.Details = engine.BankDetails{Bank: n.Name, Holder: b.Holder, Account: b.Account, BIC: b.BIC}
	return b
}

// checkAccount gives the account and who keeps it their canonical spellings.
func (s BankSection) checkAccount(b *Bank, key func(string) toml.Key) (err error) {
	if b.Country, err = party.Country("country", s.Country); err != nil {
		return wrong(key("country"), "want two letters of ISO 3166")
	}
	if b.Account, err = accountNumber(b.Country, s.Account); err != nil {
		return wrong(key("account"), "%s", sentence(err))
	}
	if s.BIC != "" {
		if b.BIC, err = party.BIC("bic", s.BIC); err != nil {
			return wrong(key("bic"), "%s", sentence(err))
		}
	}
	if s.PIXKey != "" {
		if b.PIXKey, _, err = party.PIXKey("pix_key", s.PIXKey); err != nil {
			return wrong(key("pix_key"), "%s", sentence(err))
		}
	}
	return nil
}

// accountNumber is the canonical spelling of an account in a country: an IBAN, the number system of the country where
// it has check digits, or up to 34 letters and digits.
func accountNumber(country, s string) (string, error) {
	const field = "account"
	compact := strings.ToUpper(strings.Join(strings.Fields(s), ""))
	switch {
	case len(compact) >= 4 && strings.Trim(compact[:2], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && strings.Trim(compact[2:4], "0123456789") == "":
		return party.IBAN(field, compact)
	case country == "MX":
		return party.CLABE(field, compact)
	case country == "AR":
		return party.CBU(field, compact)
	}
	checked, err := party.CheckAccount(party.BankAccount{Country: "XX", Number: compact}, nil)
	return checked.Number, err
}

// sentence is what a fault says.
func sentence(err error) string {
	if f, ok := fault.As(err); ok {
		return f.Message
	}
	return err.Error()
}

var weekdays = map[string]time.Weekday{
	"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday, "thursday": time.Thursday, "friday": time.Friday,
	"saturday": time.Saturday,
}

// calendar reads when the bank works.
func (s BankSection) calendar(key func(string) toml.Key) (c bank.Calendar, err error) {
	c.Target = s.Target
	if c.Zone, err = time.LoadLocation(s.Zone); err != nil || s.Zone == "" || s.Zone == "Local" {
		return c, wrong(key("time_zone"), "want a name like \"Europe/Berlin\", or \"UTC\"")
	}
	if s.CutOff != "" {
		if c.CutOff, err = bank.ParseClock(s.CutOff); err != nil {
			return c, wrong(key("cut_off"), "%v", err)
		}
	}
	for _, text := range s.Holidays {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return c, wrong(key("holidays"), "want days like \"2026-12-25\"")
		}
		c.Holidays = append(c.Holidays, day)
	}
	for _, name := range s.Weekend {
		day, known := weekdays[name]
		if !known || slices.Contains(c.Weekend, day) {
			return c, wrong(key("weekend"), "want days like \"saturday\", each once")
		}
		c.Weekend = append(c.Weekend, day)
	}
	if len(c.Weekend) == len(weekdays) {
		return c, wrong(key("weekend"), "leaves no day on which the bank works")
	}
	return c, nil
}

// out is how payment files are made; nil where there are none. What only they need is checked all the same.
func (s BankSection) out(id string, b Bank, key func(string) toml.Key) (*bank.Config, error) {
	c := bank.Config{
		ID: id, Live: s.Mode == engine.Live, Own: bank.Payee{Name: b.Holder, Account: b.Account, BIC: b.BIC, Clearing: s.Bank, Country: b.Country},
		Asset: b.Currency, Version: cmp.Or(s.Payments, bank.Pain001V09), Batch: s.Batch, Service: s.Service, Charges: s.Charges, Priority: s.Priority,
		HandsOut: s.Folder != "",
	}
	var err error
	if c.Calendar, err = s.calendar(key); err != nil {
		return nil, err
	}
	if s.Daily != "" {
		if c.Daily, err = bank.ParseClock(s.Daily); err != nil {
			return nil, wrong(key("daily"), "%v", err)
		}
	}
	if c, err = c.Check(); err != nil {
		field, problem, _ := strings.Cut(err.Error(), ": ") // it begins with the field
		if known, is := map[string]string{"name": "holder", "clearing": "bank_code", "version": "payments"}[field]; is {
			field = known
		}
		return nil, wrong(key(field), "%s", problem)
	}
	if s.Payments == "" {
		return nil, nil
	}
	return &c, nil
}

// limit reads what may leave without a second person.
func (s LimitSection) limit(asset money.Asset, at toml.Key) (l engine.Limit, err error) {
	for _, bound := range []struct {
		name, text string
		to         *money.Amount
	}{{"per_order", s.PerOrder, &l.Order}, {"per_day", s.PerDay, &l.Day}} {
		if bound.text == "" {
			continue
		}
		amount, err := money.Parse(asset, bound.text)
		if err != nil || amount.Sign() <= 0 {
			return l, wrong(append(slices.Clone(at), bound.name), "want a decimal above zero with at most %d decimals, or nothing", asset.Scale())
		}
		*bound.to = amount
	}
	return l, nil
}

// virtual reads the virtual accounts of every merchant. One belongs to one merchant.
func (s BankSection) virtual(id string, b Bank, dir string) (map[string][]string, error) {
	owner := map[string]string{b.Account: "the house itself"}
	all := map[string][]string{}
	for _, merchant := range slices.Sorted(maps.Keys(s.Virtual)) {
		key := func(name string) toml.Key { return toml.Key{"banks", id, "virtual", merchant, name} }
		add := func(name, where, text string) error {
			number, err := accountNumber(b.Country, text)
			if err != nil {
				return wrong(key(name), "%s: %s", where, sentence(err))
			}
			if other := owner[number]; other != "" {
				return wrong(key(name), "%s: the account is given to %s already", where, other)
			}
			owner[number] = merchant
			all[merchant] = append(all[merchant], number)
			return nil
		}
		for i, text := range s.Virtual[merchant].Accounts {
			if err := add("accounts", fmt.Sprintf("account %d", i+1), text); err != nil {
				return nil, err
			}
		}
		if file := s.Virtual[merchant].File; file != "" {
			if err := eachLine(under(dir, file), func(line int, text string) error {
				return add("file", fmt.Sprintf("%s, line %d", filepath.Base(file), line), text)
			}); err != nil {
				if _, ours := err.(*valueError); ours {
					return nil, err
				}
				return nil, wrong(key("file"), "%v", err)
			}
		}
	}
	return all, nil
}

// bankRails makes the rail of every bank account that payment files are made for.
func bankRails(cfg Config, e *engine.Engine) (map[string]*bank.Rail, error) {
	all := map[string]*bank.Rail{}
	for _, b := range cfg.Banks {
		if b.Out == nil {
			continue
		}
		r, err := bank.New(*b.Out, bank.Opts{State: e.State(b.Rail), Now: cfg.Now})
		if err != nil {
			return nil, err
		}
		all[b.ID] = r
	}
	return all, nil
}

// filings is the bank accounts that payment files are made for, each with the folder that they land in.
func filings(list []Bank, rails map[string]*bank.Rail) (all []worker.Filing) {
	for _, b := range list {
		r := rails[b.ID]
		if r == nil {
			continue
		}
		f := worker.Filing{Rail: r}
		if b.Folder != "" {
			f.Folder = filepath.Join(b.Folder, "out")
		}
		all = append(all, f)
	}
	return all
}

// operatorBanks are the bank accounts as operators see them.
func (a *App) operatorBanks(list []Bank) (all []operator.Bank) {
	accounts := bankAccounts(list, a.banks)
	for i, b := range list {
		one := operator.Bank{Network: b.Network, Account: b.Account, Holder: b.Holder}
		one.Import = func(ctx context.Context, file io.ReadSeeker, progress func(booked, lines int)) (client.ImportReport, error) {
			got, err := worker.ImportFile(ctx, a.Engine, accounts[i], file, progress)
			if wrong, is := errors.AsType[*rail.FileError](err); is {
				f := fault.New(fault.CodeInvalidValue, wrong.Error()).On("file")
				if wrong.Line > 0 {
					f = f.With("line", strconv.Itoa(wrong.Line))
				}
				err = f
			}
			return client.ImportReport{
				Statements: got.Statements, Answers: got.Answers, Booked: got.Booked, Matched: got.Matched, Proposed: got.Proposed, Suspense: got.Suspense,
				Transfers: got.Transfers, Returned: got.Returned, Expenses: got.Expenses, Reversed: got.Reversed, Repeated: got.Repeated, Pending: got.Pending,
			}, err
		}
		if r := a.banks[b.ID]; r != nil {
			one.Export = func(ctx context.Context) ([]client.PaymentFile, error) { return a.export(ctx, r) }
			one.Files = func(ctx context.Context, after string, limit int) ([]client.PaymentFile, error) {
				list, err := r.Files(ctx, after, limit)
				return paymentFiles(list), err
			}
			one.File = r.Bytes
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(x, y operator.Bank) int {
		return cmp.Or(strings.Compare(string(x.Network.Mode), string(y.Network.Mode)), strings.Compare(x.Network.ID, y.Network.ID))
	})
	return all
}

// pageBanks are the bank accounts as the pages show them.
func (a *App) pageBanks(list []Bank) (all []dashboard.Bank) {
	for _, b := range a.operatorBanks(list) {
		one := dashboard.Bank{Network: b.Network, Account: b.Account, Holder: b.Holder}
		one.Import = func(ctx context.Context, file io.ReadSeeker) (client.ImportReport, error) {
			return b.Import(ctx, file, nil)
		}
		if i := slices.IndexFunc(list, func(c Bank) bool { return c.ID == b.Network.ID }); list[i].Folder != "" {
			one.Failed = func(limit int) ([]dashboard.FailedFile, error) { return failedFiles(list[i].Folder, limit) }
		}
		if r := a.banks[b.Network.ID]; r != nil {
			one.Waiting = func(ctx context.Context) (dashboard.WaitingTransfers, error) { return waiting(ctx, r) }
			one.Export = func(ctx context.Context) (int, error) {
				made, err := a.export(ctx, r)
				return len(made), err
			}
			one.Files = func(ctx context.Context, after string, limit int) (files []dashboard.PaymentFile, err error) {
				list, err := r.Files(ctx, after, limit)
				for _, f := range list {
					files = append(files, dashboard.PaymentFile{
						ID: f.ID, Made: f.Made, Day: f.Day.Format(time.DateOnly), Count: f.Count, Sum: f.Sum, HandOut: f.HandOut, Answer: f.Answer, Reason: f.Reason,
					})
				}
				return files, err
			}
			one.File = r.Bytes
		}
		all = append(all, one)
	}
	return all
}

func failedFiles(folder string, limit int) (all []dashboard.FailedFile, err error) {
	list, err := worker.FailedFiles(folder, limit)
	for _, f := range list {
		all = append(all, dashboard.FailedFile(f))
	}
	return all, err
}

// maxWaiting is how many waiting transfers a page counts.
const maxWaiting = 1000

// waiting is what waits for the next payment file of an account.
func waiting(ctx context.Context, r *bank.Rail) (dashboard.WaitingTransfers, error) {
	w := dashboard.WaitingTransfers{Sum: money.Zero(r.Config().Asset)}
	list, err := r.Queue(ctx, "", maxWaiting+1)
	if w.More = len(list) > maxWaiting; w.More {
		list = list[:maxWaiting]
	}
	for _, t := range list {
		w.Count, w.Sum = w.Count+1, w.Sum.Add(t.Amount)
	}
	return w, err
}

// export makes payment files of what waits, and says of each transfer in them that only the bank knows more.
func (a *App) export(ctx context.Context, r *bank.Rail) ([]client.PaymentFile, error) {
	made, err := r.Export(ctx, a.now())
	for _, f := range made {
		words, wordsErr := r.Words(ctx, f.ID)
		err = errors.Join(err, wordsErr, a.Engine.TransfersTold(ctx, r.Name(), words))
	}
	return paymentFiles(made), err
}

func paymentFiles(list []bank.File) (all []client.PaymentFile) {
	for _, f := range list {
		one := client.PaymentFile{
			ID: f.ID, Made: f.Made.UTC(), Day: f.Day.Format(time.DateOnly), Count: f.Count, Sum: operator.BankAmount(f.Sum), Version: f.Version, Answer: f.Answer, Reason: f.Reason,
		}
		if !f.Answered.IsZero() {
			one.Answered = new(f.Answered.UTC())
		}
		all = append(all, one)
	}
	return all
}

// openBanks lets orders be made on every bank account, and puts its virtual accounts into the merchants' pools: those
// that are there already are left alone.
//
// A rail that nobody watches has told all there is: its orders expire by the clock, and files are read when they come.
func openBanks(ctx context.Context, e *engine.Engine, list []Bank) error {
	for _, b := range list {
		told, err := e.Progress(ctx, b.Rail)
		if err != nil {
			return err
		}
		if told == nil {
			if err := e.Observe(ctx, b.Network, engine.Report{Progress: engine.Progress{Rail: b.Rail, Fence: 1}}); err != nil {
				return err
			}
		}
		for _, merchant := range slices.Sorted(maps.Keys(b.Virtual)) {
			var accounts []engine.Imported
			for _, number := range b.Virtual[merchant] {
				accounts = append(accounts, engine.Imported{Value: number})
			}
			_, err := e.ImportInstruments(ctx, engine.Pool{Merchant: merchant, Mode: b.Mode, Family: b.Family}, accounts)
			if f, ok := fault.As(err); ok && f.Code == fault.CodeInvalidAddress {
				return fmt.Errorf("banks.%s.virtual.%s: the account %s was given to another merchant before", b.ID, merchant, taken(accounts, f.Param))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// taken is the account that a refusal is about, masked: it stands in logs.
func taken(accounts []engine.Imported, index string) string {
	if i, err := strconv.Atoi(index); err == nil && i < len(accounts) {
		return party.Mask(accounts[i].Value)
	}
	return ""
}

// eachLine reads a file of one word on each line. Empty lines and those that begin with # are passed over.
func eachLine(path string, do func(line int, text string) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" || text[0] == '#' {
			continue
		}
		if err := do(n, text); err != nil {
			return err
		}
	}
	return lines.Err()
}
