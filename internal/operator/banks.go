package operator

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/operator/client"
)

// Bank is an account of the house that files are exchanged about. What is nil is not done here.
type Bank struct {
	Network         engine.Network
	Account, Holder string

	// Import imports a file of the bank. A fault of the file is invalid_value, with the detail "line" where there is one.
	// progress hears how far it is.
	Import func(ctx context.Context, file io.ReadSeeker, progress func(booked, lines int)) (client.ImportReport, error)
	// Export makes payment files of what waits.
	Export func(ctx context.Context) ([]client.PaymentFile, error)
	// Files lists the payment files, the newest first, behind the given id.
	Files func(ctx context.Context, after string, limit int) ([]client.PaymentFile, error)
	// File is one of them. Error: not_found.
	File func(ctx context.Context, id string) ([]byte, error)
}

// maxBankFile bounds a file of a bank, in bytes. Larger ones go into the watched folder.
const maxBankFile = 256 << 20

// bankFileTime is how long a file may take to come and to be booked.
const bankFileTime = 10 * time.Minute

// fileBody marks an operation whose body is a file and not an object.
const fileBody = "file"

func (a *api) banks() {
	serve(a, huma.Operation{
		OperationID: "listBanks", Method: http.MethodGet, Path: "/banks", Security: needs("banks:read"),
		Summary: "Bank accounts of the house", Description: "With what the ledger says of each, and by how much that differs from the bank's statements.",
	}, a.listBanks)
	serve(a, huma.Operation{
		OperationID: "importBankFile", Method: http.MethodPost, Path: "/banks/{bank}/files", Security: needs("banks:write"),
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {}}}, Metadata: map[string]any{fileBody: true},
		Summary:     "Import a statement, or the bank's answer to a payment file",
		Description: "camt.052, camt.053, camt.054, MT940, MT942, CSV and pain.002. A file with an error books nothing; a file may be imported again.",
	}, a.importBankFile)
	serve(a, huma.Operation{
		OperationID: "listImports", Method: http.MethodGet, Path: "/banks/{bank}/imports", Security: needs("banks:read"),
		Summary: "Files that this server is importing by hand, and how far it is with each",
	}, a.listImports)
	serve(a, huma.Operation{
		OperationID: "exportPayments", Method: http.MethodPost, Path: "/banks/{bank}/payments", Security: needs("banks:write"),
		Summary: "Make payment files of the transfers that wait", Description: "None when none waits. A transfer is in one file for ever.",
	}, a.exportPayments)
	serve(a, huma.Operation{
		OperationID: "listPaymentFiles", Method: http.MethodGet, Path: "/banks/{bank}/payments", Security: needs("banks:read"),
		Summary: "Payment files, the newest first",
	}, a.listPaymentFiles)
	serve(a, huma.Operation{
		OperationID: "getPaymentFile", Method: http.MethodGet, Path: "/banks/{bank}/payments/{file}", Security: needs("banks:read"),
		Summary: "A payment file as the bank wants it",
	}, a.getPaymentFile)
	serve(a, huma.Operation{
		OperationID: "listBankStatements", Method: http.MethodGet, Path: "/banks/{bank}/statements", Security: needs("banks:read"),
		Summary: "Statements that were imported, the newest first",
	}, a.listBankStatements)
	serve(a, huma.Operation{
		OperationID: "listBookings", Method: http.MethodGet, Path: "/banks/{bank}/bookings", Security: needs("banks:read"),
		Summary: "Lines of a bank account, the newest first", Description: "Those that are proposed or in suspense wait for a person's decision.",
	}, a.listBookings)
	serve(a, huma.Operation{
		OperationID: "acceptProposal", Method: http.MethodPost, Path: "/banks/{bank}/bookings/{booking}/accept", Security: needs("suspense:write"),
		Summary: "Give the money of a booking in suspense to an order that is still collecting", Description: "One that is proposed, or another one.",
	}, a.acceptProposal)
	serve(a, huma.Operation{
		OperationID: "dismissProposal", Method: http.MethodPost, Path: "/banks/{bank}/bookings/{booking}/dismiss", Security: needs("suspense:write"),
		Summary: "Say that a booking is not of an order that is proposed",
	}, a.dismissProposal)
}

type bankInput struct {
	Bank string `path:"bank" maxLength:"40"`
}

// bank finds a bank account that the caller may see. Error: not_found.
func (a *api) bank(ctx context.Context, id string) (Bank, error) {
	i := slices.IndexFunc(a.Banks, func(b Bank) bool { return b.Network.ID == id && sees(ctx, b.Network.Mode) })
	if i < 0 {
		return Bank{}, fault.New(fault.CodeNotFound, "there is no such bank account")
	}
	return a.Banks[i], nil
}

func (a *api) listBanks(ctx context.Context, _ *struct{}) (client.BankList, error) {
	list := client.BankList{Banks: []client.Bank{}}
	for _, b := range a.Banks {
		if !sees(ctx, b.Network.Mode) {
			continue
		}
		balance, err := a.Engine.BankBalance(ctx, b.Network)
		if err != nil {
			return list, err
		}
		one := client.Bank{
			ID: b.Network.ID, Name: b.Network.Name, Mode: string(b.Network.Mode), Account: b.Account, Holder: b.Holder, Currency: b.Network.Tokens[0].Asset.Code(),
			Sends: b.Export != nil, Ledger: amountOf(balance.Ledger), Difference: amountOf(balance.Difference),
		}
		if balance.First != nil && balance.Last != nil {
			one.Opening, one.Closing, one.ClosingAt = new(amountOf(balance.First.Opening)), new(amountOf(balance.Last.Closing)), new(balance.Last.To.UTC())
		}
		list.Banks = append(list.Banks, one)
	}
	return list, nil
}

type bankFileInput struct {
	Bank string `path:"bank" maxLength:"40"`
	file io.Reader
}

// Resolve is huma's hook: it keeps the body as it comes, so that huma does not read it into memory.
func (in *bankFileInput) Resolve(ctx huma.Context) []error {
	in.file = ctx.BodyReader()
	_, w := humago.Unwrap(ctx)
	late, answer := time.Now().Add(bankFileTime), http.NewResponseController(w) // the network's time, not the engine's
	err := errors.Join(answer.SetReadDeadline(late), answer.SetWriteDeadline(late))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return []error{err}
	}
	return nil
}

func (a *api) importBankFile(ctx context.Context, in *bankFileInput) (report client.ImportReport, err error) {
	b, err := a.bank(ctx, in.Bank)
	if err != nil {
		return report, err
	}
	if b.Import == nil {
		return report, fault.New(fault.CodeNotConfigured, "no files are imported here")
	}
	file, err := os.CreateTemp("", "till-statement-*")
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	size, digest, err := keep(file, in.file, maxBankFile)
	if err != nil {
		return report, err
	}
	if err := a.as(ctx).Asked(ctx, b.Network.Mode, "bank.import", b.Network.ID, fmt.Sprintf("%d bytes, SHA-256 %x", size, digest)); err != nil {
		return report, err
	}
	progress, end := a.imports.begin(b.Network.ID, fmt.Sprintf("%x", digest))
	defer end()
	return b.Import(ctx, file, progress)
}

// imports is the files that are being imported.
type imports struct {
	mu   sync.Mutex
	list []*runningImport
}

type runningImport struct {
	bank string
	client.Import
}

// begin puts a file on the list, and says how its progress is told and its end.
func (i *imports) begin(bank, digest string) (progress func(booked, lines int), end func()) {
	one := &runningImport{bank, client.Import{SHA256: digest}}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.list = append(i.list, one)
	return func(booked, lines int) {
			i.mu.Lock()
			defer i.mu.Unlock()
			one.Booked, one.Lines = booked, lines
		}, func() {
			i.mu.Lock()
			defer i.mu.Unlock()
			i.list = slices.DeleteFunc(i.list, func(other *runningImport) bool { return other == one })
		}
}

// of is the files of a bank.
func (i *imports) of(bank string) []client.Import {
	i.mu.Lock()
	defer i.mu.Unlock()
	list := []client.Import{}
	for _, one := range i.list {
		if one.bank == bank {
			list = append(list, one.Import)
		}
	}
	return list
}

func (a *api) listImports(ctx context.Context, in *bankInput) (client.Imports, error) {
	b, err := a.bank(ctx, in.Bank)
	return client.Imports{Imports: a.imports.of(b.Network.ID)}, err
}

// keep writes a body of at most limit bytes to a file. Errors: body_too_large; invalid_body of one that is empty, breaks off or comes too slowly.
func keep(file io.Writer, body io.Reader, limit int64) (size int64, digest []byte, err error) {
	sent := &sender{body: io.LimitReader(body, limit+1)}
	h := sha256.New()
	size, err = io.Copy(io.MultiWriter(file, h), sent)
	switch {
	case sent.broke != nil:
		err = fault.New(fault.CodeInvalidBody, "the file could not be read to its end").Because(sent.broke)
	case err == nil && size > limit:
		err = fault.New(fault.CodeBodyTooLarge, fmt.Sprintf("a file has at most %d bytes", limit))
	case err == nil && size == 0:
		err = fault.New(fault.CodeInvalidBody, "the file is empty")
	}
	return size, h.Sum(nil), err
}

// sender tells a body that breaks off, which is the client's doing, from a disk that cannot be written to.
type sender struct {
	body  io.Reader
	broke error
}

func (s *sender) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if err != nil && err != io.EOF {
		s.broke = err
	}
	return n, err
}

// paying is a bank account that payment files are made for.
func (a *api) paying(ctx context.Context, id string) (Bank, error) {
	b, err := a.bank(ctx, id)
	if err == nil && b.Export == nil {
		err = fault.New(fault.CodeNotConfigured, "no payment files are made for this account")
	}
	return b, err
}

func (a *api) exportPayments(ctx context.Context, in *bankInput) (client.PaymentFiles, error) {
	b, err := a.paying(ctx, in.Bank)
	if err != nil {
		return client.PaymentFiles{}, err
	}
	if err := a.as(ctx).Asked(ctx, b.Network.Mode, "bank.export", b.Network.ID, ""); err != nil {
		return client.PaymentFiles{}, err
	}
	made, err := b.Export(ctx)
	return client.PaymentFiles{Files: append([]client.PaymentFile{}, made...)}, err
}

type bankPageInput struct {
	PageInput
	Bank string `path:"bank" maxLength:"40"`
}

func (a *api) listPaymentFiles(ctx context.Context, in *bankPageInput) (client.PaymentFiles, error) {
	b, err := a.paying(ctx, in.Bank)
	if err != nil {
		return client.PaymentFiles{}, err
	}
	list, err := b.Files(ctx, in.After, in.Limit+1)
	page := client.PaymentFiles{Files: []client.PaymentFile{}}
	list, page.Next = cut(list, in.Limit, func(f client.PaymentFile) string { return f.ID })
	page.Files = append(page.Files, list...)
	return page, err
}

type paymentFileInput struct {
	Bank string `path:"bank" maxLength:"40"`
	File string `path:"file" maxLength:"35"`
}

func (a *api) getPaymentFile(ctx context.Context, in *paymentFileInput) (client.PaymentFileText, error) {
	b, err := a.paying(ctx, in.Bank)
	if err != nil {
		return client.PaymentFileText{}, err
	}
	text, err := b.File(ctx, in.File)
	return client.PaymentFileText{ID: in.File, Text: string(text)}, err
}

func (a *api) listBankStatements(ctx context.Context, in *bankPageInput) (client.BankStatements, error) {
	page := client.BankStatements{Statements: []client.BankStatement{}}
	b, err := a.bank(ctx, in.Bank)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.BankStatements(ctx, engine.StatementFilter{Rail: b.Network.Rail, After: in.After, Limit: in.Limit + 1})
	list, page.Next = cut(list, in.Limit, func(s engine.BankStatement) string { return s.Place() })
	for _, s := range list {
		one := client.BankStatement{
			ID: s.ID, Number: s.Number, Kind: "statement", From: dateOf(s.From), To: dateOf(s.To), Bookings: s.Bookings, Credits: amountOf(s.Credits),
			Debits: amountOf(s.Debits), Warning: s.Warning, Told: s.Told.UTC(),
		}
		switch {
		case s.Intraday:
			one.Kind = "intraday"
		case s.Notice:
			one.Kind = "notice"
		}
		if s.HasOpening {
			one.Opening = new(amountOf(s.Opening))
		}
		if s.HasClosing {
			one.Closing = new(amountOf(s.Closing))
		}
		page.Statements = append(page.Statements, one)
	}
	return page, err
}

func dateOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}

type bookingsInput struct {
	PageInput
	Bank  string `path:"bank" maxLength:"40"`
	State string `query:"state" enum:"pending,lapsed,matched,proposed,suspense,transfer,expense,reversal,reversed,split,detail"`
}

func (a *api) listBookings(ctx context.Context, in *bookingsInput) (client.Bookings, error) {
	page := client.Bookings{Bookings: []client.Booking{}}
	b, err := a.bank(ctx, in.Bank)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.Bookings(ctx, engine.BookingFilter{Rail: b.Network.Rail, State: engine.BookingState(in.State), After: in.After, Limit: in.Limit + 1})
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(b engine.Booking) string { return b.ID })
	for _, one := range list {
		shown, err := a.bookingOf(ctx, &one)
		if err != nil {
			return page, err
		}
		page.Bookings = append(page.Bookings, shown)
	}
	return page, nil
}

func (a *api) bookingOf(ctx context.Context, b *engine.Booking) (client.Booking, error) {
	out := client.Booking{
		ID: b.ID, Reference: b.Reference, State: string(b.State), Credit: b.Credit, Amount: amountOf(b.Amount), Booked: dateOf(b.Booked), Value: dateOf(b.Value),
		Name: b.Party.Name, Account: b.Party.Account, EndToEnd: b.EndToEnd, Text: b.Text, Return: b.Return, Note: b.Note, Proposals: []client.Proposal{},
	}
	if b.Order != "" {
		o, err := a.Engine.ByID(ctx, b.Order)
		if err != nil {
			return out, err
		}
		out.Order = o.PublicID
	}
	for _, p := range b.Proposals {
		out.Proposals = append(out.Proposals, client.Proposal{Order: p.Public, Why: string(p.Why), Reference: p.Reference, Dismissed: p.Dismissed != ""})
	}
	return out, nil
}

type proposalInput struct {
	Bank    string `path:"bank" maxLength:"40"`
	Booking string `path:"booking" maxLength:"64"`
	Body    client.ProposalOf
}

// decideBooking does something about a booking of the bank and an order that it may be of.
func (a *api) decideBooking(ctx context.Context, in *proposalInput, do func(b *engine.Booking, orderID string) error) (client.Booking, error) {
	at, err := a.bank(ctx, in.Bank)
	if err != nil {
		return client.Booking{}, err
	}
	b, err := a.Engine.Booking(ctx, in.Booking)
	if err == nil && b.Rail != at.Network.Rail {
		err = fault.New(fault.CodeNotFound, "no such booking")
	}
	if err != nil {
		return client.Booking{}, err
	}
	o, err := a.find(ctx, in.Body.Order)
	if err != nil {
		return client.Booking{}, err
	}
	if err := do(b, o.ID); err != nil {
		return client.Booking{}, err
	}
	if b, err = a.Engine.Booking(ctx, in.Booking); err != nil {
		return client.Booking{}, err
	}
	return a.bookingOf(ctx, b)
}

func (a *api) acceptProposal(ctx context.Context, in *proposalInput) (client.Booking, error) {
	return a.decideBooking(ctx, in, func(b *engine.Booking, orderID string) error {
		_, err := a.as(ctx).AcceptProposal(ctx, b.ID, orderID, keyID(ctx))
		return err
	})
}

func (a *api) dismissProposal(ctx context.Context, in *proposalInput) (client.Booking, error) {
	return a.decideBooking(ctx, in, func(b *engine.Booking, orderID string) error {
		_, err := a.as(ctx).DismissProposal(ctx, b.ID, orderID, keyID(ctx))
		return err
	})
}

// BankAmount is an amount as this API shows it, for whoever fills a [Bank].
func BankAmount(a money.Amount) client.Amount { return amountOf(a) }
