package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"till/internal/app/dev"
	"till/internal/operator/client"
)

// BankResult is what the demo of a bank account verified. It is the last line it prints.
type BankResult struct {
	Matched      int  `json:"matched"`      // credits that belong to an order
	Proposed     int  `json:"proposed"`     // credits that a person decided about
	Suspense     int  `json:"suspense"`     // credits of nobody, or that no order takes: paid twice, or in parts
	PayoutsSent  int  `json:"payouts_sent"` // transfers in payment files
	Returned     int  `json:"returned"`     // of them, those that came back
	ClosingEqual bool `json:"closing_balance_equals_ledger"`
	Balanced     bool `json:"ledger_balanced"` // the merchant's balance is what its statement and the ledger's books say
}

// How many of the orders are paid in which way. The others are paid to the cent, naming their reference.
const (
	bankOrders  = 1000
	inText      = 60 // the reference stands somewhere in what the payer wrote
	inMT940     = 80
	inCSV       = 40
	inParts     = 20 // half of it, and then the rest
	mistyped    = 30 // two signs of the reference are exchanged
	paidTwice   = 15
	unpaid      = 10
	ofNobody    = 12 // credits that name no order
	bankPayouts = 200
	rejects     = 2 // by the bank's answer to the payment file
	comesBack   = 5 // the payee's bank sends it back
	atOnce      = 16
)

// bank is one run of the demo of a bank account.
type bankDemo struct {
	*koywe
	bank   dev.Bank
	day    time.Time
	at     cents  // the account's balance by the bank
	first  cents  // what it had before the first statement
	again  []byte // the second day's file
	sheets int
	lines  int
	orders []*bankOrder
	sent   []koyweOrder // pay-outs
	left   []paid       // those that the bank did not reject
	result BankResult
}

// bankOrder is an order of the demo with what its payer was shown.
type bankOrder struct {
	koyweOrder
	amount    cents
	reference string
	payer     int
}

// Bank plays a merchant whose payers transfer to the house's bank account and whose payees are paid from it. The bank has no
// API: what it knows comes in statements, and what it is to do goes out in payment files. It returns the closing line, or an
// error at the first step that is not as it must be.
func Bank(ctx context.Context, info dev.Info, out io.Writer) (line string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if info.Bank == nil {
		return "", errors.New("this server has no bank account")
	}
	d, err := start(ctx, info, out)
	if err != nil {
		return "", err
	}
	defer d.payer.close()
	run := &bankDemo{
		koywe: &koywe{demo: d, browser: browser{http.DefaultClient}, ended: map[string]string{}}, bank: *info.Bank,
		day: d.now().UTC().Truncate(24 * time.Hour), at: 250_000_00, first: 250_000_00,
	}
	for _, step := range []func(context.Context) error{
		run.signsIn, run.asks, run.firstDay, run.secondDay, run.thirdDay, run.decides, run.paysOut, run.fourthDay, run.balances,
	} {
		if err := step(ctx); err != nil {
			return "", err
		}
	}
	return closing(run.result), nil
}

func (d *bankDemo) signsIn(ctx context.Context) (err error) {
	d.token, err = d.signIn(ctx, d.info.Koywe.APIKey, d.info.Koywe.Secret)
	return err
}

// each does something for many, some at a time, and stops at the first error.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for i := range next {
				if err := do(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

var mentioned = regexp.MustCompile(`class="mono mention">([^<]+)<`)

// asks makes the orders, and reads what each payer is told.
func (d *bankDemo) asks(ctx context.Context) error {
	d.title(fmt.Sprintf("1. %d payers are told where to transfer (PAYIN)", bankOrders))
	began := d.now()
	d.orders = make([]*bankOrder, bankOrders)
	err := each(ctx, bankOrders, func(ctx context.Context, i int) error {
		o := &bankOrder{amount: 10_000 + cents(i)*37, payer: i}
		asked := fields{
			"type": "PAYIN", "originCurrencySymbol": d.bank.Currency, "destinationCurrencySymbol": d.bank.Currency, "amountIn": json.Number(o.amount.decimal(".")),
			"externalId": fmt.Sprint("INVOICE-", i), "paymentMethods": []fields{{"method": d.bank.Method}},
		}
		if err := d.ask(ctx, d.token, http.MethodPost, d.ours()+"/orders", asked, &o.koyweOrder); err != nil {
			return err
		}
		d.orders[i] = o
		return nil
	})
	if err != nil {
		return err
	}
	if err := d.references(ctx); err != nil {
		return err
	}
	for _, o := range d.orders[:looked] {
		shown, _, err := d.browser.open(ctx, o.ProvidedAction)
		if err != nil {
			return err
		}
		if found := mentioned.FindStringSubmatch(shown); found == nil || found[1] != o.reference || !strings.Contains(shown, d.bank.Account) {
			return fmt.Errorf("the page of order %s does not tell to transfer to %s and to name %s", o.ID, d.bank.Account, o.reference)
		}
	}
	d.say("made in %s; one of them: transfer %s %s to %s and name %s", d.now().Sub(began).Round(time.Millisecond), d.orders[0].amount.decimal("."), d.bank.Currency,
		d.bank.Account, d.orders[0].reference)
	return nil
}

// looked is of how many orders the page is read. A server shows a stranger's address only so many at once.
const looked = 5

// references finds what each payer must name.
func (d *bankDemo) references(ctx context.Context) error {
	named := map[string]string{}
	for after := ""; ; {
		page, err := d.operator.Instruments(ctx, client.InstrumentQuery{Merchant: d.merchant, Mode: "sandbox", Family: "bank:" + d.bank.ID, After: after, Limit: 1000})
		if err != nil {
			return err
		}
		for _, i := range page.Instruments {
			named[i.Order] = i.Address
		}
		if after = page.Next; after == "" {
			break
		}
	}
	for _, o := range d.orders {
		if o.reference = named[o.ID]; o.reference == "" {
			return fmt.Errorf("order %s has no reference", o.ID)
		}
	}
	return nil
}

// take is the next n orders.
func take(from *[]*bankOrder, n int) []*bankOrder {
	list := (*from)[:n]
	*from = (*from)[n:]
	return list
}

// from is a payment of an order's payer.
func (d *bankDemo) from(o *bankOrder, amount cents) booked {
	d.lines++
	return booked{id: fmt.Sprintf("BANK%06d", d.lines), amount: amount, name: fmt.Sprintf("Payer %d", o.payer), iban: iban(o.payer)}
}

// days is how many statements there are, of which the last is today's: a demo does not wait for days.
const days = 4

// sheet is a statement of the next day.
func (d *bankDemo) sheet(lines []booked) sheet {
	d.sheets++
	s := sheet{account: d.bank.Account, currency: d.bank.Currency, number: d.sheets, day: d.day.AddDate(0, 0, d.sheets-days), opening: d.at, lines: lines}
	d.at = s.closing()
	return s
}

// firstDay is a statement in camt.053.
func (d *bankDemo) firstDay(ctx context.Context) error {
	d.title("2. The bank's first statement, in camt.053, put into the watched folder")
	left := d.orders
	take(&left, unpaid)
	var lines []booked
	for _, o := range take(&left, inText) {
		l := d.from(o, o.amount)
		l.text = "Rechnung " + fmt.Sprint(o.payer) + ", " + strings.ToLower(o.reference[:8]+" "+o.reference[8:]) + " vielen Dank"
		lines = append(lines, l)
	}
	for _, o := range take(&left, mistyped) {
		l := d.from(o, o.amount)
		l.text = misspelt(o.reference)
		lines = append(lines, l)
	}
	for _, o := range take(&left, inParts) {
		for _, part := range []cents{o.amount / 2, o.amount - o.amount/2} {
			l := d.from(o, part)
			l.creditor = o.reference
			lines = append(lines, l)
		}
	}
	for _, o := range take(&left, paidTwice) {
		for range 2 {
			l := d.from(o, o.amount)
			l.creditor = o.reference
			lines = append(lines, l)
		}
	}
	for i := range ofNobody {
		l := d.from(&bankOrder{payer: bankOrders + i}, 4_200+cents(i))
		l.text = "donation"
		lines = append(lines, l)
	}
	for _, o := range take(&left, len(left)-inMT940-inCSV) {
		l := d.from(o, o.amount)
		l.creditor = o.reference
		lines = append(lines, l)
	}
	s := d.sheet(lines)
	return d.drops(ctx, "statement-1.xml", s.camt053())
}

// secondDay is a statement in MT940, which somebody imports.
func (d *bankDemo) secondDay(ctx context.Context) error {
	d.title("3. The second one, in MT940")
	var lines []booked
	for _, o := range d.orders[bankOrders-inMT940-inCSV : bankOrders-inCSV] {
		l := d.from(o, o.amount)
		l.text = o.reference
		lines = append(lines, l)
	}
	d.again = d.sheet(lines).mt940()
	got, err := d.imports(ctx, "statement-2.sta", d.again)
	if err == nil && got.Matched != inMT940 {
		err = fmt.Errorf("of %d credits %d are matched", inMT940, got.Matched)
	}
	return err
}

// thirdDay is one in CSV, and the second one once more.
func (d *bankDemo) thirdDay(ctx context.Context) error {
	d.title("4. The third one, in CSV, and the second once more")
	var lines []booked
	for _, o := range d.orders[bankOrders-inCSV:] {
		l := d.from(o, o.amount)
		l.text = "invoice " + o.reference
		lines = append(lines, l)
	}
	s := d.sheet(lines)
	got, err := d.imports(ctx, "statement-3.csv", s.csv())
	if err != nil {
		return err
	}
	if got.Matched != inCSV {
		return fmt.Errorf("of %d credits %d are matched", inCSV, got.Matched)
	}
	got, err = d.imports(ctx, "statement-2.sta", d.again)
	if err != nil {
		return err
	}
	if got.Booked != 0 || got.Repeated != inMT940 {
		return fmt.Errorf("the same file again books %d lines and repeats %d", got.Booked, got.Repeated)
	}
	d.say("the second statement again: %d lines that are known, nothing booked", got.Repeated)
	return d.counts(ctx)
}

// drops puts a file into the watched folder, as whoever fetches them from the bank does, and waits until it is imported.
func (d *bankDemo) drops(ctx context.Context, name string, text []byte) error {
	in := filepath.Join(d.bank.Folder, "in")
	if err := os.WriteFile(filepath.Join(in, name+".part"), text, 0o600); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(in, name+".part"), filepath.Join(in, name)); err != nil {
		return err
	}
	d.say("%s of %d bytes lies in %s", name, len(text), in)
	for {
		if _, err := os.Stat(filepath.Join(d.bank.Folder, "processed", name)); err == nil {
			d.say("and was moved to processed")
			return nil
		}
		if why, err := os.ReadFile(filepath.Join(d.bank.Folder, "failed", name+".error.txt")); err == nil {
			return fmt.Errorf("it was refused: %s", bytes.TrimSpace(why))
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%s was not imported: %w", name, err)
		}
	}
}

// imports imports a file by the operator API, as the command line does.
func (d *bankDemo) imports(ctx context.Context, name string, text []byte) (client.ImportReport, error) {
	got, err := d.operator.ImportBankFile(ctx, d.bank.ID, bytes.NewReader(text))
	if err == nil {
		d.say("%s: %d lines booked: %d matched, %d proposed, %d in suspense, %d of transfers, %d returned; %d known", name, got.Booked, got.Matched, got.Proposed, got.Suspense,
			got.Transfers, got.Returned, got.Repeated)
	}
	return got, err
}

// bookings are the lines of a state.
func (d *bankDemo) bookings(ctx context.Context, state string) (list []client.Booking, err error) {
	for after := ""; ; {
		page, err := d.operator.Bookings(ctx, d.bank.ID, state, after, 500)
		if err != nil {
			return nil, err
		}
		list = append(list, page.Bookings...)
		if after = page.Next; after == "" {
			return list, nil
		}
	}
}

// counts looks what became of the lines, and that the right orders are paid.
func (d *bankDemo) counts(ctx context.Context) error {
	for state, to := range map[string]*int{"matched": &d.result.Matched, "proposed": &d.result.Proposed, "suspense": &d.result.Suspense} {
		list, err := d.bookings(ctx, state)
		if err != nil {
			return err
		}
		*to = len(list)
	}
	d.say("%d credits belong to an order, %d may belong to one, %d lie in suspense: of nobody, or paid twice or in parts", d.result.Matched, d.result.Proposed, d.result.Suspense)
	if d.result.Proposed != mistyped || d.result.Suspense != ofNobody+paidTwice+2*inParts || d.result.Matched != bankOrders-unpaid-mistyped-inParts {
		return fmt.Errorf("of %d payers with a slip %d are proposed, of %d credits of nobody or that no order takes %d are in suspense", mistyped, d.result.Proposed, ofNobody+paidTwice+2*inParts, d.result.Suspense)
	}
	return d.completed(ctx, bankOrders-unpaid-mistyped-inParts)
}

// completed waits until so many of the orders that take money in are completed.
func (d *bankDemo) completed(ctx context.Context, want int) error {
	for {
		n, err := d.total(ctx, "PAYIN", "COMPLETED")
		if err != nil {
			return err
		}
		if n == want {
			d.say("%d orders are completed", n)
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%d orders are completed and not %d: %w", n, want, err)
		}
	}
}

// total counts the orders of a type and status in the demo's currency.
func (d *bankDemo) total(ctx context.Context, kind, status string) (int, error) {
	var got struct {
		Pagination struct {
			Total int `json:"totalCount"`
		} `json:"pagination"`
	}
	err := d.ask(ctx, d.token, http.MethodGet, d.ours()+"/orders?pageSize=1&type="+kind+"&status="+status, nil, &got)
	return got.Pagination.Total, err
}

// decides accepts what is proposed: a person has looked at it.
func (d *bankDemo) decides(ctx context.Context) error {
	d.title("5. A person decides about the credits whose reference is mistyped")
	list, err := d.bookings(ctx, "proposed")
	if err != nil {
		return err
	}
	byID := map[string]*bankOrder{}
	for _, o := range d.orders {
		byID[o.ID] = o
	}
	for _, b := range list {
		if len(b.Proposals) != 1 || byID[b.Proposals[0].Order] == nil || b.Name != fmt.Sprintf("Payer %d", byID[b.Proposals[0].Order].payer) {
			return fmt.Errorf("the credit of %q is proposed for %v", b.Name, b.Proposals)
		}
		got, err := d.operator.AcceptProposal(ctx, d.bank.ID, b.ID, b.Proposals[0].Order)
		if err != nil {
			return err
		}
		if got.State != "matched" {
			return fmt.Errorf("the booking %s is %s", b.ID, got.State)
		}
	}
	d.say("%d proposals accepted", len(list))
	return d.completed(ctx, bankOrders-unpaid-inParts)
}

// paysOut sends money to a supplier's accounts, and lets the bank answer the payment file.
func (d *bankDemo) paysOut(ctx context.Context) error {
	d.title(fmt.Sprintf("6. %d pay-outs leave in payment files (pain.001), and the bank answers (pain.002)", bankPayouts))
	contact, err := d.register(ctx, "/contacts", fields{
		"firstName": "Ana", "lastName": "Gómez", "email": "ana@example.com", "phone": "+34911234567", "countrySymbol": "ES", "businessType": "PERSON", "type": "PERSON",
	})
	if err != nil {
		return err
	}
	var accounts []string
	for i := range 10 {
		id, err := d.register(ctx, "/contacts/"+contact+"/accounts", fields{
			"kind": "BANK", "name": fmt.Sprint("Account ", i), "accountNumber": iban(1_000_000 + i), "countrySymbol": "DE", "currencySymbol": d.bank.Currency,
		})
		if err != nil {
			return err
		}
		accounts = append(accounts, id)
	}
	d.sent = make([]koyweOrder, bankPayouts)
	if err := each(ctx, bankPayouts, func(ctx context.Context, i int) error {
		return d.ask(ctx, d.token, http.MethodPost, d.ours()+"/orders", fields{
			"type": "PAYOUT", "originCurrencySymbol": d.bank.Currency, "destinationCurrencySymbol": d.bank.Currency, "amountIn": json.Number((2_500 + cents(i)*11).decimal(".")),
			"destinationAccountId": accounts[i%len(accounts)], "externalId": fmt.Sprint("PAY-", i),
		}, &d.sent[i])
	}); err != nil {
		return err
	}
	if err := d.payouts(ctx, "PROCESSING", bankPayouts); err != nil {
		return err
	}
	var files []handedIn
	for d.result.PayoutsSent < bankPayouts {
		made, err := d.operator.ExportPayments(ctx, d.bank.ID)
		if err != nil {
			return err
		}
		for _, f := range made {
			text, err := d.operator.PaymentFile(ctx, d.bank.ID, f.ID)
			if err != nil {
				return err
			}
			read, err := readPayments([]byte(text.Text))
			if err != nil {
				return err
			}
			files = append(files, read)
			d.result.PayoutsSent += len(read.orders)
			d.say("%s: %d transfers of %s %s, to be executed on %s", f.ID, len(read.orders), f.Sum.Decimal, f.Sum.Currency, f.Day)
		}
		if len(made) == 0 {
			if err := pause(ctx); err != nil {
				return fmt.Errorf("%d of %d pay-outs are in files: %w", d.result.PayoutsSent, bankPayouts, err)
			}
		}
	}
	left := rejects
	for _, f := range files {
		rejected := map[string]string{}
		for _, o := range f.orders[:min(left, len(f.orders))] {
			rejected[o.endToEnd] = "AC01"
		}
		left -= len(rejected)
		var answer bytes.Buffer
		f.answer(&answer, d.now(), rejected)
		got, err := d.imports(ctx, "the bank's answer to "+f.id, answer.Bytes())
		if err != nil {
			return err
		}
		if got.Answers != len(rejected) {
			return fmt.Errorf("the bank rejects %d transfers, and %d are told", len(rejected), got.Answers)
		}
		for _, o := range f.orders {
			if rejected[o.endToEnd] == "" {
				d.left = append(d.left, o)
			}
		}
	}
	return d.payouts(ctx, "FAILED", rejects)
}

// payouts waits until so many pay-outs have a status.
func (d *bankDemo) payouts(ctx context.Context, status string, want int) error {
	for {
		n, err := d.total(ctx, "PAYOUT", status)
		if err != nil {
			return err
		}
		if n == want {
			d.say("%d pay-outs are %s", n, status)
			return nil
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%d pay-outs are %s and not %d: %w", n, status, want, err)
		}
	}
}

// fourthDay is the statement that tells what the bank paid, and what came back.
func (d *bankDemo) fourthDay(ctx context.Context) error {
	d.title("7. The statement that closes the pay-outs; some come back")
	line := func(o paid, amount cents) booked {
		d.lines++
		return booked{id: fmt.Sprintf("BANK%06d", d.lines), amount: amount, name: o.name, iban: o.iban, endToEnd: o.endToEnd}
	}
	var lines []booked
	for _, o := range d.left {
		lines = append(lines, line(o, -o.amount))
	}
	for _, o := range d.left[:comesBack] {
		l := line(o, o.amount)
		l.returned = "AC04"
		lines = append(lines, l)
	}
	got, err := d.imports(ctx, "statement-4.xml", d.sheet(lines).camt053())
	if err != nil {
		return err
	}
	if d.result.Returned = got.Returned; got.Returned != comesBack || got.Transfers != len(d.left) {
		return fmt.Errorf("of %d transfers %d are closed, of %d that came back %d", len(d.left), got.Transfers, comesBack, got.Returned)
	}
	if err := d.payouts(ctx, "REFUNDED", comesBack); err != nil {
		return err
	}
	return d.payouts(ctx, "COMPLETED", bankPayouts-rejects-comesBack)
}

// balances holds the bank's closing balance against the ledger, and the merchant's against its statement.
func (d *bankDemo) balances(ctx context.Context) error {
	d.title("The bank's balance, the ledger, and what the merchant has")
	banks, err := d.operator.Banks(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(banks, func(b client.Bank) bool { return b.ID == d.bank.ID })
	if i < 0 || banks[i].Closing == nil {
		return errors.New("the server knows no closing balance")
	}
	ledger, err := centsOf(banks[i].Ledger.Decimal)
	if err != nil {
		return err
	}
	closing, err := centsOf(banks[i].Closing.Decimal)
	if err != nil {
		return err
	}
	d.say("the account had %s, the ledger adds %s, the bank says %s", d.first.decimal("."), ledger.decimal("."), closing.decimal("."))
	if d.first+ledger != closing || closing != d.at || strings.Trim(banks[i].Difference.Decimal, "0.") != "" {
		return fmt.Errorf("the bank has %s, by its statements %s, by the ledger %s; the server says it differs by %s", d.at.decimal("."), closing.decimal("."),
			(d.first + ledger).decimal("."), banks[i].Difference.Decimal)
	}
	d.result.ClosingEqual = true
	var held []struct {
		ID       string `json:"id"`
		Currency string `json:"currency"`
		Balance  string `json:"balance"`
	}
	if err := d.ask(ctx, d.token, http.MethodGet, d.ours()+"/accounts/balances?currency="+d.bank.Currency, nil, &held); err != nil {
		return err
	}
	booked, err := d.booked(ctx)
	if err != nil {
		return err
	}
	if len(held) != 1 || !sameDecimal(booked[d.bank.Currency], held[0].Balance) {
		return fmt.Errorf("the API says %v, the ledger %s", held, booked[d.bank.Currency])
	}
	if err := d.statement(ctx, held[0].ID, held[0].Currency, held[0].Balance); err != nil {
		return err
	}
	d.result.Balanced = true
	return nil
}
