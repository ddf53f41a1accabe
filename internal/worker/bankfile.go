package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/killpoint"
	"till/internal/money"
	"till/internal/rail"
)

// maxHead is how much of a file is looked at to know what it is.
const maxHead = 4 << 10

// BankAccount is an account of the house whose files are imported.
type BankAccount struct {
	Network engine.Network
	Number  string // canonical, as statements name it
	Folder  string // with in, processed and failed; empty: nothing is watched

	// Reader knows what a file is by its beginning, and reads it as one of this account. Error: a *rail.FileError for a file of no
	// known format.
	Reader func(head []byte) (rail.Reader, error)
	// Answers says whether a file is the bank's answer to a payment file, and Answered reads it. nil: there are none.
	Answers  func(head []byte) bool
	Answered func(ctx context.Context, file io.Reader) ([]rail.Word, error)
}

// bankEngine is what importing needs of the engine.
type bankEngine interface {
	Import(ctx context.Context, n engine.Network, st rail.Statement, list []rail.Booking) (engine.ImportCounts, error)
	StatementTold(ctx context.Context, n engine.Network, st rail.Statement, counted engine.Lines) (*engine.BankStatement, error)
	TransfersTold(ctx context.Context, r rail.Name, words []rail.Word) error
}

// ImportFile imports a file of an account. It is read twice: the first time nothing is booked, so that a file with an error anywhere
// books nothing. The second time books in chunks; a file whose import broke off is imported again. progress, which may be nil, hears how
// many of its lines are booked: none, when it was read for the first time.
//
// Errors: a *rail.FileError for what is wrong with the file; others say nothing about it.
func ImportFile(ctx context.Context, e bankEngine, a BankAccount, file io.ReadSeeker, progress func(booked, lines int)) (engine.FileReport, error) {
	head, err := headOf(file)
	if err != nil {
		return engine.FileReport{}, err
	}
	if a.Answers != nil && a.Answers(head) {
		return answered(ctx, e, a, file)
	}
	reader, err := a.Reader(head)
	if err != nil {
		return engine.FileReport{}, err
	}
	first := &survey{account: a}
	if err := readFrom(ctx, reader, file, first); err != nil {
		return engine.FileReport{}, err
	}
	if progress == nil {
		progress = func(int, int) {}
	}
	progress(0, first.read)
	return bookFile(ctx, e, a, reader, file, first, progress)
}

// headOf reads the beginning of a file and goes back to it.
func headOf(file io.ReadSeeker) ([]byte, error) {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	head := make([]byte, maxHead)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	_, err = file.Seek(0, io.SeekStart)
	return head[:n], err
}

func readFrom(ctx context.Context, reader rail.Reader, file io.ReadSeeker, to rail.Sink) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return reader.Read(ctx, bufio.NewReaderSize(file, 64<<10), to)
}

func answered(ctx context.Context, e bankEngine, a BankAccount, file io.Reader) (engine.FileReport, error) {
	words, err := a.Answered(ctx, file)
	if err != nil {
		return engine.FileReport{}, err
	}
	return engine.FileReport{Answers: len(words)}, e.TransfersTold(ctx, a.Network.Rail, words)
}

// survey is the first reading: it keeps what each statement says as a whole, and looks at each line as the engine will.
type survey struct {
	account    BankAccount
	statements []surveyed
	now        surveyed
	read       int // lines
}

type surveyed struct {
	rail.Statement
	lines engine.Lines
}

func (s *survey) Open(st rail.Statement) error {
	if st.Account != s.account.Number {
		return &rail.FileError{Format: "file", Field: "account", Message: "is about an account that is not " + s.account.Network.ID + "'s"}
	}
	s.now = surveyed{lines: engine.Lines{Credits: money.Zero(st.Asset), Debits: money.Zero(st.Asset)}}
	return nil
}

func (s *survey) Booking(_ rail.Statement, b rail.Booking) error {
	s.read++
	if err := engine.CheckBooking(s.account.Network, b); err != nil {
		f, _ := fault.As(err)
		return &rail.FileError{Format: "file", Line: b.Line, Field: f.Param, Message: f.Message}
	}
	if b.Pending {
		return nil
	}
	s.now.lines.Count++
	if b.Credit {
		s.now.lines.Credits = s.now.lines.Credits.Add(b.Amount)
	} else {
		s.now.lines.Debits = s.now.lines.Debits.Add(b.Amount)
	}
	if s.now.From.IsZero() || b.Booked.Before(s.now.From) {
		s.now.From = b.Booked
	}
	if b.Booked.After(s.now.To) {
		s.now.To = b.Booked
	}
	return nil
}

// Close keeps the statement as it is known at its end. Its days are at least those of its lines: some banks tell only the last, or none.
func (s *survey) Close(st rail.Statement) error {
	from, to := s.now.From, s.now.To
	s.now.Statement = st
	if st.From.IsZero() || !from.IsZero() && from.Before(st.From) {
		s.now.From = from
	}
	if to.After(st.To) {
		s.now.To = to
	}
	if s.now.From.IsZero() {
		s.now.From = s.now.To
	}
	s.statements = append(s.statements, s.now)
	return nil
}

// ahead is how many chunks may be read and not booked: a file is read on while a chunk of it is committed.
const ahead = 2

// piece is some bookings of a statement, or its end.
type piece struct {
	statement int
	bookings  []rail.Booking // none: the end
}

// bookFile is the second reading.
func bookFile(ctx context.Context, e bankEngine, a BankAccount, reader rail.Reader, file io.ReadSeeker, first *survey, progress func(booked, lines int)) (engine.FileReport, error) {
	reading, stop := context.WithCancel(ctx)
	pieces, read := make(chan piece, ahead), make(chan error, 1)
	go func() {
		defer close(pieces)
		read <- readFrom(reading, reader, file, &cutter{ctx: reading, to: pieces, statements: len(first.statements)})
	}()
	b := &booker{ctx: ctx, engine: e, account: a, statements: first.statements, lines: first.read, progress: progress}
	err := b.book(pieces)
	stop()
	for range pieces { // what was read in vain; the file is let go of at the end
	}
	if told := <-read; err == nil {
		err = told
	}
	return b.report, err
}

// cutter cuts what is read into pieces.
type cutter struct {
	ctx        context.Context
	to         chan<- piece
	statements int // that there are
	now        piece
}

func (c *cutter) Open(rail.Statement) error {
	if c.now.statement == c.statements {
		return errFileChanged
	}
	return nil
}

var errFileChanged = errors.New("the file changed while it was read")

func (c *cutter) Booking(_ rail.Statement, one rail.Booking) error {
	c.now.bookings = append(c.now.bookings, one)
	if len(c.now.bookings) < engine.MaxBookings {
		return nil
	}
	return c.pass()
}

func (c *cutter) Close(rail.Statement) error {
	if len(c.now.bookings) > 0 {
		if err := c.pass(); err != nil {
			return err
		}
	}
	err := c.pass()
	c.now.statement++
	return err
}

// pass passes on what was gathered.
func (c *cutter) pass() error {
	select {
	case c.to <- c.now:
		c.now.bookings = nil
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// booker books pieces in their order.
type booker struct {
	ctx        context.Context
	engine     bankEngine
	account    BankAccount
	statements []surveyed
	read       int
	lines      int // that there are
	progress   func(booked, lines int)
	report     engine.FileReport
}

func (b *booker) book(pieces <-chan piece) error {
	for p := range pieces {
		st := b.statements[p.statement]
		if len(p.bookings) == 0 {
			if _, err := b.engine.StatementTold(b.ctx, b.account.Network, st.Statement, st.lines); err != nil {
				return err
			}
			killpoint.Here("import.told")
			b.report.Statements++
			continue
		}
		killpoint.Here("import.chunk")
		done, err := b.engine.Import(b.ctx, b.account.Network, st.Statement, p.bookings)
		if err != nil {
			return err
		}
		killpoint.Here("import.booked")
		b.report.Add(done)
		b.read += len(p.bookings)
		b.progress(b.read, b.lines)
	}
	return nil
}

// reportText is what is wrong with a file, for people: one line.
func reportText(name string, at time.Time, err error) string {
	return fmt.Sprintf("%s %q\n%v\nNothing of this file was booked.\n", at.UTC().Format(time.RFC3339), name, err)
}
