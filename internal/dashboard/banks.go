package dashboard

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/page"
)

// Bank is an account of the house that files are exchanged about, with what can be done about it. What is nil is not done here.
type Bank struct {
	Network         engine.Network
	Account, Holder string

	// Import imports a file of the bank. A fault of the file is invalid_value; its text says what is wrong, and in which line.
	Import func(ctx context.Context, file io.ReadSeeker) (client.ImportReport, error)
	// Failed are files of the watched folder that could not be read, the last one first.
	Failed func(limit int) ([]FailedFile, error)

	// Waiting is what the next payment file would have in it. More says that it is only the first of it.
	Waiting func(ctx context.Context) (WaitingTransfers, error)
	// Export makes payment files of what waits, and returns how many.
	Export func(ctx context.Context) (int, error)
	// Files lists the payment files, the newest first, behind the given id.
	Files func(ctx context.Context, after string, limit int) ([]PaymentFile, error)
	// File is one of them. Error: not_found.
	File func(ctx context.Context, id string) ([]byte, error)
}

// FailedFile is a file that nothing was booked of, and why.
type FailedFile struct {
	Name, Report string
	At           time.Time
}

// WaitingTransfers is what waits for the next payment file.
type WaitingTransfers struct {
	Count int
	Sum   money.Amount
	More  bool
}

// PaymentFile is a file of transfers for the bank.
type PaymentFile struct {
	ID      string
	Made    time.Time
	Day     string // on which the bank is asked to execute it
	Count   int
	Sum     money.Amount
	HandOut bool   // it waits to be put into the folder
	Answer  string // the bank's last word on it as a whole: a status of ISO 20022; "": none yet
	Reason  string
}

// onBanks is how many of a list one page shows.
const onBanks = 20

// banksView is every account with its last statement.
type banksView struct {
	FormToken, Name string
	Banks           []bankRow
}

type bankRow struct {
	Bank
	Sandbox bool
	Balance engine.BankBalance
	Differs bool // the ledger from the statements
}

// bankView is one account.
type bankView struct {
	FormToken, Name string
	Done            string // what was done: "", "accepted", "dismissed", "made" or "none"
	Problem         string // of what was tried: "", "gone", "order", "file", "size" or "form"
	Why             string // of "file": what is wrong with it
	Report          *client.ImportReport
	bankRow
	Statements                        []engine.BankStatement
	Proposed, Suspense                []bookingRow
	Files                             []PaymentFile
	Failed                            []FailedFile
	Next                              WaitingTransfers
	Held                              int  // transfers that wait for a second person's word
	MoreHeld                          bool // and others behind them
	MoreProposed, MoreSuspense, Older string
}

// bookingRow is a booking that waits for a person.
type bookingRow struct {
	engine.Booking
	Public string // the order that it is of, which does not take it
}

// Open are the proposals that nobody has dismissed.
func (b bookingRow) Open() (list []engine.Proposal) {
	for _, p := range b.Proposals {
		if p.Dismissed == "" {
			list = append(list, p)
		}
	}
	return list
}

func (d *Dashboard) showBanks(w http.ResponseWriter, r *http.Request, v visitor) {
	shown := banksView{FormToken: v.FormToken(), Name: v.Person.Name}
	for _, b := range d.banks {
		row, err := d.bankRow(r.Context(), b)
		if err != nil {
			d.failed(w, r, err)
			return
		}
		shown.Banks = append(shown.Banks, row)
	}
	d.pages.Write(w, r, http.StatusOK, "banks", shown)
}

func (d *Dashboard) bankRow(ctx context.Context, b Bank) (bankRow, error) {
	balance, err := d.engine.BankBalance(ctx, b.Network)
	return bankRow{Bank: b, Sandbox: b.Network.Mode != engine.Live, Balance: balance, Differs: balance.Difference.Sign() != 0}, err
}

// withBank finds the account that the path names.
func (d *Dashboard) withBank(next func(w http.ResponseWriter, r *http.Request, v visitor, b Bank)) func(w http.ResponseWriter, r *http.Request, v visitor) {
	return func(w http.ResponseWriter, r *http.Request, v visitor) {
		i := slices.IndexFunc(d.banks, func(b Bank) bool { return b.Network.ID == r.PathValue("bank") })
		if i < 0 {
			d.kit.NotFound(w, r)
			return
		}
		next(w, r, v, d.banks[i])
	}
}

func (d *Dashboard) showBank(w http.ResponseWriter, r *http.Request, v visitor, b Bank) {
	shown := bankView{}
	switch said := r.URL.Query().Get("said"); said {
	case "accepted", "dismissed", "made", "none":
		shown.Done = said
	}
	d.bank(w, r, v, b, http.StatusOK, shown)
}

// bank shows the page of an account, with what is to be said on top.
func (d *Dashboard) bank(w http.ResponseWriter, r *http.Request, v visitor, b Bank, status int, shown bankView) {
	shown.FormToken, shown.Name = v.FormToken(), v.Person.Name
	err := d.fillBank(r, b, &shown)
	switch {
	case fault.Is(err, fault.CodeInvalidPage): // nothing to go on behind
		d.kit.NotFound(w, r)
	case err != nil:
		d.failed(w, r, err)
	default:
		d.pages.Write(w, r, status, "bank", shown)
	}
}

func (d *Dashboard) fillBank(r *http.Request, b Bank, shown *bankView) (err error) {
	ctx, query := r.Context(), r.URL.Query()
	if shown.bankRow, err = d.bankRow(ctx, b); err != nil {
		return err
	}
	if shown.Statements, err = d.engine.BankStatements(ctx, engine.StatementFilter{Rail: b.Network.Rail, Limit: 5}); err != nil {
		return err
	}
	if shown.Proposed, shown.MoreProposed, err = d.bookings(ctx, b, engine.BookingProposed, query.Get("proposed")); err != nil {
		return err
	}
	if shown.Suspense, shown.MoreSuspense, err = d.bookings(ctx, b, engine.BookingSuspense, query.Get("suspense")); err != nil {
		return err
	}
	if b.Failed != nil {
		if shown.Failed, err = b.Failed(onBanks); err != nil {
			return err
		}
	}
	if b.Export == nil {
		return nil
	}
	if shown.Files, err = b.Files(ctx, query.Get("file"), onBanks+1); err != nil {
		return err
	}
	if len(shown.Files) > onBanks {
		shown.Files, shown.Older = shown.Files[:onBanks], shown.Files[onBanks-1].ID
	}
	if shown.Next, err = b.Waiting(ctx); err != nil {
		return err
	}
	shown.Held, shown.MoreHeld, err = d.heldAt(ctx, b)
	return err
}

// bookings are bookings in a state, the newest first, behind the one with that id, and the one to go on behind when there are more.
func (d *Dashboard) bookings(ctx context.Context, b Bank, state engine.BookingState, after string) (rows []bookingRow, more string, err error) {
	list, err := d.engine.Bookings(ctx, engine.BookingFilter{Rail: b.Network.Rail, State: state, After: after, Limit: onBanks + 1})
	if err != nil {
		return nil, "", err
	}
	if len(list) > onBanks {
		list, more = list[:onBanks], list[onBanks-1].ID
	}
	for _, one := range list {
		row := bookingRow{Booking: one}
		if one.Order != "" {
			o, err := d.engine.ByID(ctx, one.Order)
			if err != nil {
				return nil, "", err
			}
			row.Public = o.PublicID
		}
		rows = append(rows, row)
	}
	return rows, more, nil
}

// heldAt counts the account's transfers among the oldest ones that wait for a second person.
func (d *Dashboard) heldAt(ctx context.Context, b Bank) (n int, more bool, err error) {
	list, err := d.engine.AwaitApproval(ctx, engine.AwaitsApproval{}, onApprovals+1)
	for _, w := range list {
		if w.Rail == b.Network.Rail {
			n++
		}
	}
	return n, len(list) > onApprovals, err
}

// changeBank does what a form of the page asks for.
func (d *Dashboard) changeBank(w http.ResponseWriter, r *http.Request, v visitor, b Bank) {
	switch r.PostFormValue("do") {
	case "accept", "dismiss":
		d.decideBooking(w, r, v, b, r.PostFormValue("do") == "accept")
	case "make":
		d.makeFile(w, r, v, b)
	default:
		d.kit.NotFound(w, r)
	}
}

// decideBooking is an operator's word on whose the money of a booking is.
func (d *Dashboard) decideBooking(w http.ResponseWriter, r *http.Request, v visitor, b Bank, accept bool) {
	ctx, done := r.Context(), "dismissed"
	booking, err := d.engine.Booking(ctx, r.PostFormValue("booking"))
	if err == nil && booking.Rail != b.Network.Rail {
		err = fault.New(fault.CodeNotFound, "a booking of another account")
	}
	if err == nil {
		var o *engine.Order
		o, err = d.engine.Find(ctx, strings.TrimSpace(r.PostFormValue("order")))
		if fault.Is(err, fault.CodeNotFound) {
			d.bank(w, r, v, b, http.StatusUnprocessableEntity, bankView{Problem: "order"})
			return
		}
		as := d.engine.As(v.Person.ID)
		switch {
		case err != nil:
		case accept:
			done = "accepted"
			_, err = as.AcceptProposal(ctx, booking.ID, o.ID, v.Person.ID)
		default:
			_, err = as.DismissProposal(ctx, booking.ID, o.ID, v.Person.ID)
		}
	}
	switch {
	case err == nil:
		d.goTo(w, r, "/banks/"+b.Network.ID, said(done))
	case fault.Is(err, fault.CodeNotFound), fault.Is(err, fault.CodeOrderStateConflict):
		d.bank(w, r, v, b, http.StatusConflict, bankView{Problem: "gone"})
	default:
		d.failed(w, r, err)
	}
}

// makeFile makes payment files of what waits.
func (d *Dashboard) makeFile(w http.ResponseWriter, r *http.Request, v visitor, b Bank) {
	if b.Export == nil {
		d.kit.NotFound(w, r)
		return
	}
	n := 0
	err := d.engine.As(v.Person.ID).Asked(r.Context(), b.Network.Mode, "bank.export", b.Network.ID, "")
	if err == nil {
		n, err = b.Export(r.Context())
	}
	switch {
	case err != nil:
		d.failed(w, r, err)
	case n == 0:
		d.goTo(w, r, "/banks/"+b.Network.ID, said("none"))
	default:
		d.goTo(w, r, "/banks/"+b.Network.ID, said("made"))
	}
}

// paymentFile hands a payment file out to be saved.
func (d *Dashboard) paymentFile(w http.ResponseWriter, r *http.Request, _ visitor, b Bank) {
	if b.File == nil {
		d.kit.NotFound(w, r)
		return
	}
	id := r.PathValue("file")
	text, err := b.File(r.Context(), id)
	switch {
	case fault.Is(err, fault.CodeNotFound):
		d.kit.NotFound(w, r)
		return
	case err != nil:
		d.failed(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/xml; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(text)))
	h.Set("Content-Disposition", `attachment; filename="`+id+`.xml"`) // what is on record has an id of capitals, digits and -
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if _, err := w.Write(text); err != nil && !errors.Is(err, r.Context().Err()) {
		d.log.Warn("a payment file was not handed out whole", "file", id, "err", err)
	}
}

const (
	maxStatement  = 256 << 20        // bounds a file of a bank, in bytes; larger ones go into the watched folder
	statementTime = 10 * time.Minute // how long it may take to come and to be booked
)

// upload imports the file that a form sends. The form's token comes first: nothing of the file is read before it is checked.
func (d *Dashboard) upload(w http.ResponseWriter, r *http.Request, v visitor, b Bank) {
	if b.Import == nil {
		d.kit.NotFound(w, r)
		return
	}
	late := time.Now().Add(statementTime) // the network's time, not the engine's
	answer := http.NewResponseController(w)
	err := errors.Join(answer.SetReadDeadline(late), answer.SetWriteDeadline(late))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		d.failed(w, r, err)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxStatement+maxForm)
	parts, err := r.MultipartReader()
	if err != nil || !tokenFirst(parts, v.token) {
		d.kit.Refused(w, r)
		return
	}
	report, err := d.importPart(r.Context(), v, b, parts)
	f, _ := fault.As(err)
	switch {
	case err == nil:
		d.bank(w, r, v, b, http.StatusOK, bankView{Report: &report})
	case fault.Is(err, fault.CodeBodyTooLarge):
		d.bank(w, r, v, b, http.StatusRequestEntityTooLarge, bankView{Problem: "size"})
	case fault.Is(err, fault.CodeInvalidBody):
		d.bank(w, r, v, b, http.StatusUnprocessableEntity, bankView{Problem: "form"})
	case fault.Is(err, fault.CodeInvalidValue):
		d.bank(w, r, v, b, http.StatusUnprocessableEntity, bankView{Problem: "file", Why: f.Message})
	default:
		d.failed(w, r, err)
	}
}

// tokenFirst says whether a form begins with the token of the session.
func tokenFirst(parts *multipart.Reader, session string) bool {
	part, err := parts.NextPart()
	if err != nil || part.FormName() != page.FormField {
		return false
	}
	given, err := io.ReadAll(io.LimitReader(part, maxForm))
	return err == nil && page.CheckToken(string(given), session)
}

// importPart imports the file that comes next. Errors: invalid_body of none or one that is empty or breaks off, body_too_large,
// and those of [Bank.Import].
func (d *Dashboard) importPart(ctx context.Context, v visitor, b Bank, parts *multipart.Reader) (report client.ImportReport, err error) {
	part, err := parts.NextPart()
	if err != nil || part.FormName() != "file" {
		return report, fault.New(fault.CodeInvalidBody, "there is no file")
	}
	file, err := os.CreateTemp("", "till-statement-*")
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	digest := sha256.New()
	sent := &fromBrowser{part: io.LimitReader(part, maxStatement+1)}
	size, err := io.Copy(io.MultiWriter(file, digest), sent)
	switch {
	case size > maxStatement:
		return report, fault.New(fault.CodeBodyTooLarge, "the file is too large")
	case sent.broke != nil, err == nil && size == 0:
		return report, fault.New(fault.CodeInvalidBody, "the file is empty or broke off")
	case err != nil:
		return report, err
	}
	if err := d.engine.As(v.Person.ID).Asked(ctx, b.Network.Mode, "bank.import", b.Network.ID, fmt.Sprintf("%d bytes, SHA-256 %x", size, digest.Sum(nil))); err != nil {
		return report, err
	}
	return b.Import(ctx, file)
}

// fromBrowser tells a file that breaks off from a disk that cannot be written to.
type fromBrowser struct {
	part  io.Reader
	broke error
}

func (f *fromBrowser) Read(p []byte) (int, error) {
	n, err := f.part.Read(p)
	if err != nil && err != io.EOF {
		f.broke = err
	}
	return n, err
}
