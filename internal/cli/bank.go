package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"till/internal/operator/client"
)

type bankCommand struct {
	Ls         bankLs         `cmd:"" help:"List the bank accounts, with what ledger and statements say."`
	Import     bankImport     `cmd:"" help:"Import statements of the bank."`
	Export     bankExport     `cmd:"" help:"Make payment files of the transfers that wait, and write them."`
	Files      bankFiles      `cmd:"" help:"List the payment files."`
	Answer     bankAnswer     `cmd:"" help:"Import the bank's answers to payment files (pain.002)."`
	Statements bankStatements `cmd:"" help:"List the statements that were imported."`
	Bookings   bankBookings   `cmd:"" help:"List the lines of an account, and what became of them."`
	Accept     bankAccept     `cmd:"" help:"Give the money of a booking in suspense to an order."`
	Dismiss    bankDismiss    `cmd:"" help:"Say that a booking is not of an order that is proposed."`
}

// ofBank is a server, and which of its bank accounts a command is about.
type ofBank struct {
	remote `embed:""`
	Bank   string `help:"The account's id in the config; needed where there are several."`
}

// at is the server and the account that is meant.
func (b ofBank) at(ctx context.Context) (api *client.Client, bank string, err error) {
	if api, err = b.client(); err == nil {
		bank, err = b.id(ctx, api)
	}
	return api, bank, err
}

// id is the account that is meant.
func (b ofBank) id(ctx context.Context, api *client.Client) (string, error) {
	if b.Bank != "" {
		return b.Bank, nil
	}
	list, err := api.Banks(ctx)
	if err != nil {
		return "", err
	}
	var ids []string
	for _, one := range list {
		ids = append(ids, one.ID)
	}
	switch len(ids) {
	case 0:
		return "", errors.New("the server has no bank account: see docs/how-to/bank-files.md")
	case 1:
		return ids[0], nil
	}
	return "", errors.New("there are several bank accounts: say --bank with one of " + strings.Join(ids, ", "))
}

type bankLs struct {
	remote `embed:""`
}

func (c *bankLs) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list, err := api.Banks(t)
	if err != nil {
		return err
	}
	return c.show(t, append([]client.Bank{}, list...), func(w io.Writer) {
		row(w, "ID", "MODE", "ACCOUNT", "LEDGER", "STATEMENTS", "UNTIL", "DIFFERENCE")
		for _, b := range list {
			closing, until := "-", "-"
			if b.Closing != nil {
				closing, until = b.Closing.Decimal, b.ClosingAt.Format("2006-01-02")
			}
			row(w, b.ID, b.Mode, b.Account, b.Ledger.Decimal+" "+b.Currency, closing, until, b.Difference.Decimal)
		}
	})
}

type bankImport struct {
	ofBank `embed:""`
	Files  []string `arg:"" name:"file" type:"existingfile" help:"camt.052, camt.053, camt.054, MT940, MT942 or CSV, as the bank gives them."`
}

func (c *bankImport) Run(t *terminal) error { return importFiles(t, c.ofBank, c.Files) }

type bankAnswer struct {
	ofBank `embed:""`
	Files  []string `arg:"" name:"file" type:"existingfile" help:"pain.002, as the bank gives it."`
}

func (c *bankAnswer) Run(t *terminal) error { return importFiles(t, c.ofBank, c.Files) }

// importFiles imports files in their order, and stops at the first with an error: what follows would not follow on it.
func importFiles(t *terminal, of ofBank, files []string) error {
	api, err := of.within(importWithin)
	if err != nil {
		return err
	}
	bank, err := of.id(t, api)
	if err != nil {
		return err
	}
	type imported struct {
		File string `json:"file"`
		client.ImportReport
	}
	list := []imported{}
	for _, name := range files {
		got, err := importFile(t, api, bank, name)
		if err != nil {
			return fmt.Errorf("%s: %w", placeIn(name, err), err)
		}
		list = append(list, imported{name, got})
	}
	return of.show(t, list, func(w io.Writer) {
		row(w, "FILE", "BOOKED", "MATCHED", "PROPOSED", "SUSPENSE", "TRANSFERS", "RETURNED", "EXPENSES", "REVERSED", "REPEATED", "PENDING", "ANSWERS")
		for _, i := range list {
			row(w, filepath.Base(i.File), i.Booked, i.Matched, i.Proposed, i.Suspense, i.Transfers, i.Returned, i.Expenses, i.Reversed, i.Repeated, i.Pending, i.Answers)
		}
	})
}

// importWithin is how long one file may take.
const importWithin = 30 * time.Minute

// longFile is from how many bytes on a file is shown on its way.
const longFile = 1 << 20

func importFile(t *terminal, api *client.Client, bank, name string) (got client.ImportReport, err error) {
	file, err := os.Open(name)
	if err != nil {
		return got, err
	}
	defer file.Close()
	about, err := file.Stat()
	if err != nil {
		return got, err
	}
	if about.Size() < longFile {
		return api.ImportBankFile(t, bank, file)
	}
	shown := &progress{in: file, digest: sha256.New(), sent: make(chan struct{}), to: t.err, name: filepath.Base(name), size: about.Size(), last: -1}
	defer shown.end()
	ended := make(chan struct{})
	var following sync.WaitGroup
	following.Go(func() { shown.follow(t, api, bank, ended) })
	got, err = api.ImportBankFile(t, bank, shown)
	close(ended)
	following.Wait()
	if err == nil {
		shown.show("booked", 100)
	}
	return got, err
}

// progress shows how much of a file was sent, and then how much of it is booked.
type progress struct {
	in         io.Reader
	digest     hash.Hash
	sent       chan struct{} // closed when all of it was read
	to         io.Writer
	name       string
	size, read int64
	doing      string
	last       int64 // percent
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	if n == 0 {
		return n, err
	}
	p.digest.Write(b[:n])
	was := p.read
	p.read += int64(n)
	if p.read < p.size {
		p.show("sent", p.read*100/p.size)
	} else if was < p.size {
		close(p.sent)
	}
	return n, err
}

func (p *progress) show(doing string, percent int64) {
	if doing == p.doing && percent == p.last {
		return
	}
	const width = 40
	done := int(percent) * width / 100
	fmt.Fprintf(p.to, "\r%s [%s%s] %3d%% %s", p.name, strings.Repeat("#", done), strings.Repeat(".", width-done), percent, doing)
	p.doing, p.last = doing, percent
}

// askEvery is how often a server is asked how far it is.
const askEvery = 500 * time.Millisecond

// follow shows how much the server has booked, from when it has the file until the end. One that does not say goes on in silence.
func (p *progress) follow(ctx context.Context, api *client.Client, bank string, ended <-chan struct{}) {
	select {
	case <-p.sent:
	case <-ended:
		return
	}
	p.show("sent", 100)
	own := hex.EncodeToString(p.digest.Sum(nil))
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		list, err := api.Imports(ctx, bank)
		for _, one := range list {
			switch {
			case err != nil || one.SHA256 != own:
			case one.Lines == 0:
				p.show("sent, being checked", 100)
			default:
				p.show("booked", int64(one.Booked)*100/int64(one.Lines))
			}
		}
		select {
		case <-ended:
			return
		case <-ticker.C:
		}
	}
}

func (p *progress) end() { fmt.Fprintln(p.to) }

// placeIn is a file with the line that a refusal is about.
func placeIn(name string, err error) string {
	if p, ok := errors.AsType[*client.Problem](err); ok && p.Details["line"] != "" {
		return name + ":" + p.Details["line"]
	}
	return name
}

type bankExport struct {
	ofBank `embed:""`
	Out    string `type:"path" default:"." help:"The folder that the files are written to."`
}

func (c *bankExport) Run(t *terminal) error {
	api, bank, err := c.at(t)
	if err != nil {
		return err
	}
	made, err := api.ExportPayments(t, bank)
	if err != nil {
		return err
	}
	for _, f := range made {
		text, err := api.PaymentFile(t, bank, f.ID)
		if err != nil {
			return fmt.Errorf("%s is made and not written: till bank files --get %s: %w", f.ID, f.ID, err)
		}
		if err := writeWhole(filepath.Join(c.Out, f.ID+".xml"), []byte(text.Text)); err != nil {
			return fmt.Errorf("%s is made and not written: till bank files --get %s: %w", f.ID, f.ID, err)
		}
	}
	return c.show(t, append([]client.PaymentFile{}, made...), func(w io.Writer) {
		if len(made) == 0 {
			row(w, "no transfer waits")
			return
		}
		showFiles(w, made)
	})
}

// writeWhole writes a file that is there as a whole or not at all, and only for its owner: it moves money.
func writeWhole(path string, text []byte) error {
	was, err := os.ReadFile(path)
	if err == nil && bytes.Equal(was, text) {
		return nil
	}
	if err == nil {
		return fmt.Errorf("%s is there already, and says something else", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".payments-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func showFiles(w io.Writer, list []client.PaymentFile) {
	row(w, "FILE", "MADE", "DAY", "TRANSFERS", "SUM", "ANSWER")
	for _, f := range list {
		row(w, f.ID, moment(f.Made), f.Day, f.Count, f.Sum.Decimal+" "+f.Sum.Currency, dash(strings.TrimSpace(f.Answer+" "+f.Reason)))
	}
}

type bankFiles struct {
	ofBank `embed:""`
	Limit  int    `default:"100" help:"At most as many."`
	Get    string `help:"Write this payment file to standard output, as it was made."`
}

func (c *bankFiles) Run(t *terminal) error {
	api, bank, err := c.at(t)
	if err != nil {
		return err
	}
	if c.Get != "" {
		text, err := api.PaymentFile(t, bank, c.Get)
		if err == nil {
			_, err = io.WriteString(t.out, text.Text)
		}
		return err
	}
	list := []client.PaymentFile{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.PaymentFiles(t, bank, after, n)
		list = append(list, page.Files...)
		return len(page.Files), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) { showFiles(w, list) })
}

type bankStatements struct {
	ofBank `embed:""`
	Limit  int `default:"100" help:"At most as many."`
}

func (c *bankStatements) Run(t *terminal) error {
	api, bank, err := c.at(t)
	if err != nil {
		return err
	}
	list := []client.BankStatement{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.BankStatements(t, bank, after, n)
		list = append(list, page.Statements...)
		return len(page.Statements), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "DAYS", "NUMBER", "KIND", "OPENING", "LINES", "CREDITS", "DEBITS", "CLOSING", "WARNING")
		for _, s := range list {
			row(w, s.From+" "+s.To, dash(s.Number), s.Kind, decimalOf(s.Opening), s.Bookings, s.Credits.Decimal, s.Debits.Decimal, decimalOf(s.Closing), dash(s.Warning))
		}
	})
}

func decimalOf(a *client.Amount) string {
	if a == nil {
		return "-"
	}
	return a.Decimal
}

type bankBookings struct {
	ofBank `embed:""`
	State  string `enum:",pending,lapsed,matched,proposed,suspense,transfer,expense,reversal,reversed,split,detail" default:"" help:"Only those of a state; proposed and suspense wait for a decision."`
	Limit  int    `default:"100" help:"At most as many."`
}

func (c *bankBookings) Run(t *terminal) error {
	api, bank, err := c.at(t)
	if err != nil {
		return err
	}
	list := []client.Booking{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Bookings(t, bank, c.State, after, n)
		list = append(list, page.Bookings...)
		return len(page.Bookings), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "ID", "DAY", "STATE", "AMOUNT", "NAME", "ORDER", "PROPOSED", "NOTE")
		for _, b := range list { // what people write goes out quoted: it may hold anything
			sign := "-"
			if b.Credit {
				sign = "+"
			}
			var orders []string
			for _, p := range b.Proposals {
				if !p.Dismissed {
					orders = append(orders, p.Order+" ("+p.Why+")")
				}
			}
			row(w, b.ID, b.Booked, b.State, sign+b.Amount.Decimal+" "+b.Amount.Currency, fmt.Sprintf("%q", b.Name), dash(b.Order), dash(strings.Join(orders, ", ")), dash(b.Note))
		}
	})
}

type bankAccept struct {
	ofBank  `embed:""`
	Booking string `arg:"" help:"The booking's id."`
	Order   string `arg:"" help:"The order's public id: one that is proposed, or another that is still collecting."`
}

func (c *bankAccept) Run(t *terminal) error {
	return decideBooking(t, c.ofBank, c.Booking, c.Order, (*client.Client).AcceptProposal)
}

type bankDismiss struct {
	ofBank  `embed:""`
	Booking string `arg:"" help:"The booking's id."`
	Order   string `arg:"" help:"The public id of the order that it is not of."`
}

func (c *bankDismiss) Run(t *terminal) error {
	return decideBooking(t, c.ofBank, c.Booking, c.Order, (*client.Client).DismissProposal)
}

func decideBooking(t *terminal, of ofBank, booking, order string,
	do func(c *client.Client, ctx context.Context, bank, booking, order string) (client.Booking, error)) error {
	api, bank, err := of.at(t)
	if err != nil {
		return err
	}
	got, err := do(api, t, bank, booking, order)
	if err != nil {
		return err
	}
	return of.show(t, got, func(w io.Writer) { row(w, got.ID, "is "+got.State, dash(got.Order)) })
}
