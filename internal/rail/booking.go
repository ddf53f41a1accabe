package rail

import (
	"context"
	"fmt"
	"io"
	"time"

	"till/internal/money"
)

// Statement is what a file says of one account for a time.
type Statement struct {
	Account  string // the account's IBAN or number, canonical: no spaces, upper case
	ID       string // the bank's id of it
	Number   string // its sequence number, as the bank counts
	Asset    money.Asset
	Opening  money.Amount // valid when HasOpening; may be negative
	Closing  money.Amount // valid when HasClosing; may be negative
	From, To time.Time    // days, UTC midnight; zero: the file does not say

	HasOpening, HasClosing bool

	Intraday bool // a report of the day so far (camt.052, MT942): more follows
	Notice   bool // single bookings without balances (camt.054)
}

// Booking is one line that a bank booked on an account or, Pending, will book. It belongs to a Statement.
type Booking struct {
	// Reference is the bank's own, and the same in every file that tells the booking. Where the bank gives none it is a digest of what the
	// line says. Equal ones of a statement, in LineMark, have their ordinal behind it; unequal ones may share a reference, since many
	// banks begin again each day, or give a charge the reference of what it is for.
	Reference string
	Line      int    // in the file
	Part      string // of a batch: which of its transactions; part of Reference already
	Whole     string // with Part: the Reference that the batch's line has in a file that tells it as one
	WholeMark string // with Whole: the LineMark of that line
	Amount    money.Amount
	Credit    bool   // money came in; Amount is above zero either way
	Reversal  bool   // takes an earlier booking back (RvslInd, RC, RD); Credit is the direction of this booking
	Original  string // with Reversal or Return: the Reference of the booking it takes back, where the bank says it
	Return    string // the reason code (AC01, ...) where a payment of ours came back, NARR where the bank gives none; else ""
	Pending   bool   // not booked yet: it is shown and never in the ledger

	Booked, Value time.Time // days, UTC midnight

	EndToEnd string // EndToEndId that the bank repeats; "" also for NOTPROVIDED
	Message  string // MsgId of our file
	Batch    string // PmtInfId of our batch

	References []string // creditor references it names, canonical, from structured fields and from the text
	Near       []string // references one repair away from what it names: a missing prefix, transposed digits, one wrong character; only ever proposed
	Virtual    string   // the virtual account or IBAN it was paid to, where that is not Statement.Account
	Party      Party    // the payer of a credit, the payee of a debit
	Text       string   // the remittance text as it was told
	Code       string   // the bank's transaction code: domain/family/sub, a GVC, or MT's
}

// LineMark tells lines of one reference apart: by what each file that tells a line says of it alike. That is its direction, its amount and the
// day of its value, and not the day on which it was booked, which reports of the day and some notices have wrong or leave out.
func LineMark(b Booking) string {
	direction := "D"
	if b.Credit {
		direction = "C"
	}
	day := b.Value
	if day.IsZero() {
		day = b.Booked
	}
	return day.Format("20060102") + direction + b.Amount.Units()
}

// Party is the other side of a booking, as far as the bank tells.
type Party struct{ Name, Account, Bank, Document string }

// Batcher is a Sender whose transfers leave together, in files.
type Batcher interface {
	Sender
	// Batch is the transfers that left under a MsgId or PmtInfId of ours, none when it is not ours. It runs inside a
	// transaction and reads nothing but the memory.
	Batch(mem Memory, id string) (transfers []string, err error)
}

// Reader reads a file of bookings as a stream: its memory does not grow with the file. It calls the sink's Open at the
// head of each statement, Booking for each line, and Close at its end, after it has checked that opening balance and
// bookings make the closing balance. It stops at the first error: its own is a *FileError, the sink's is returned as it
// is.
type Reader interface {
	Read(ctx context.Context, file io.Reader, to Sink) error
}

// Sink takes what a Reader reads. Close has the statement as it is known at its end: some formats tell the closing
// balance there.
type Sink interface {
	Open(Statement) error
	Booking(Statement, Booking) error
	Close(Statement) error
}

// FileError says what is wrong with a file, and where.
type FileError struct {
	Format  string
	Line    int    // counted from 1; 0: of the file as a whole
	Field   string // as the format names it; "" where it is none
	Message string
}

func (e *FileError) Error() string {
	text := e.Format
	if e.Line > 0 {
		text += fmt.Sprintf(", line %d", e.Line)
	}
	if e.Field != "" {
		text += ", " + e.Field
	}
	return text + ": " + e.Message
}
