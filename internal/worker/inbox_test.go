package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/store"
	"till/internal/verify"
)

var (
	inboxEUR = money.MustAsset("EUR", "", 2)
	inboxNet = engine.Network{ID: "giro", Family: "bank:giro", Mode: engine.Sandbox, Rail: "bank:giro", Prefix: "RF", Custodial: true, Tokens: []engine.Token{{Asset: inboxEUR}}}
	inboxDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
)

// linesReader reads a file whose first line is "account opening closing" or "account opening closing id number" and whose others are "reference cents names...", below zero a debit. It checks
// the closing balance as every reader does.
type linesReader struct{}

func (linesReader) Read(_ context.Context, file io.Reader, to rail.Sink) error {
	lines := bufio.NewScanner(file)
	st := rail.Statement{ID: "1", Asset: inboxEUR, HasOpening: true, HasClosing: true}
	var opening, closing, sum int64
	for n := 1; lines.Scan(); n++ {
		if n == 1 {
			if told, err := fmt.Sscan(lines.Text(), &st.Account, &opening, &closing, &st.ID, &st.Number); told < 3 {
				return &rail.FileError{Format: "lines", Line: 1, Message: fmt.Sprint("is no head: ", err)}
			}
			st.Opening, st.Closing, sum = money.FromInt(inboxEUR, opening), money.FromInt(inboxEUR, closing), opening
			if err := to.Open(st); err != nil {
				return err
			}
			continue
		}
		b := rail.Booking{Line: n, Booked: inboxDay, Value: inboxDay}
		var cents int64
		if _, err := fmt.Sscan(lines.Text(), &b.Reference, &cents); err != nil {
			return &rail.FileError{Format: "lines", Line: n, Field: "amount", Message: "is no amount"}
		}
		b.References = strings.Fields(lines.Text())[2:]
		sum += cents
		b.Credit, b.Amount = cents > 0, money.FromInt(inboxEUR, max(cents, -cents))
		if err := to.Booking(st, b); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if sum != closing {
		return &rail.FileError{Format: "lines", Field: "closing", Message: fmt.Sprintf("is %d, and the lines make %d", closing, sum)}
	}
	return to.Close(st)
}

func inboxAccount(folder string) BankAccount {
	return BankAccount{Network: inboxNet, Number: "DE00", Folder: folder, Reader: func([]byte) (rail.Reader, error) { return linesReader{}, nil },
		Answers: func(head []byte) bool { return strings.HasPrefix(string(head), "answer") },
		Answered: func(_ context.Context, file io.Reader) ([]rail.Word, error) {
			_, err := io.ReadAll(file)
			return []rail.Word{{ID: "nobody's", Status: rail.StatusFailed}}, err
		}}
}

// bankFile has n credits of a euro each, behind the opening balance.
func bankFile(opening, n int64) string {
	var b strings.Builder
	fmt.Fprintln(&b, "DE00", opening, opening+n*100)
	for i := range n {
		fmt.Fprintf(&b, "L%d 100\n", opening+i)
	}
	return b.String()
}

// inboxBed is an engine on a database, and a folder.
type inboxBed struct {
	*testing.T
	store  *store.Store
	engine *engine.Engine
	clock  *clock
	folder string
}

func newInboxBed(t *testing.T, where string) *inboxBed {
	c := &clock{at: start}
	s, err := open(t.Context(), where, store.Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &inboxBed{T: t, store: s, engine: engine.New(s, []engine.Network{inboxNet}, nil), clock: c, folder: t.TempDir()}
}

func (b *inboxBed) inbox(owner string) *Inbox {
	cfg := quiet(b.clock.now)
	cfg.Engine = b.engine
	return NewInbox(cfg, inboxAccount(b.folder), owner)
}

func (b *inboxBed) put(name, text string) {
	b.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Join(b.folder, "in"), 0o750), os.WriteFile(filepath.Join(b.folder, "in", name), []byte(text), 0o640)); err != nil {
		b.Fatal(err)
	}
}

func (b *inboxBed) run(i *Inbox) int {
	b.Helper()
	n, err := i.RunOnce(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func (b *inboxBed) files() string {
	b.Helper()
	var list []string
	for _, folder := range []string{"in", "processed", "failed"} {
		entries, err := os.ReadDir(filepath.Join(b.folder, folder))
		if err != nil {
			b.Fatal(err)
		}
		for _, e := range entries {
			list = append(list, folder+"/"+e.Name())
		}
	}
	return strings.Join(list, " ")
}

// wantLedger holds that the account has so many cents by the ledger, that the statements agree, and that the books are right.
func (b *inboxBed) wantLedger(cents string) {
	b.Helper()
	balance, err := b.engine.BankBalance(b.Context(), inboxNet)
	if err != nil || balance.Ledger.Units() != cents || !balance.Difference.IsZero() {
		b.Errorf("the ledger has %s, want %s; it differs from the bank by %s (%v)", balance.Ledger.Units(), cents, balance.Difference, err)
	}
	err = b.store.Audit(b.Context(), func(r verify.Reader) error {
		report, err := verify.Run(r, verify.Options{})
		if err != nil {
			return err
		}
		for _, p := range report.Problems {
			b.Error(p)
		}
		return nil
	})
	if err != nil {
		b.Error(err)
	}
}

func TestInbox(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		b := newInboxBed(t, where)
		i := b.inbox("one")
		b.put("a.txt", bankFile(0, 1201))
		b.put(".hidden", "x")
		b.put("b.part", "x")
		if n := b.run(i); n != 0 {
			t.Errorf("%d files were taken at the first look", n)
		}
		if n := b.run(i); n != 1 {
			t.Errorf("%d files were taken at the second look", n)
		}
		b.wantLedger("120100")

		// The same name again, and the same lines with more behind them; an answer; a file with an error in its last line; one of another account.
		b.put("a.txt", bankFile(0, 1201))
		b.put("c.xml", "answer")
		b.put("d.txt", strings.TrimSuffix(bankFile(120100, 800), "100\n")+"x\n")
		b.put("e.txt", "DE99 0 0\n")
		b.put("f.txt", "DE00 0 7\nL9 8\n")
		b.run(i)
		if n := b.run(i); n != 5 {
			t.Errorf("%d files were taken", n)
		}
		if got := b.files(); got != "in/.hidden in/b.part processed/a-2.txt processed/a.txt processed/c.xml failed/d.txt failed/d.txt.error.txt failed/e.txt failed/e.txt.error.txt failed/f.txt failed/f.txt.error.txt" {
			t.Errorf("the files are %s", got)
		}
		for name, says := range map[string]string{"d.txt": "lines, line 801, amount: is no amount", "e.txt": "account that is not giro's", "f.txt": "closing: is 7, and the lines make 8"} {
			text, err := os.ReadFile(filepath.Join(b.folder, "failed", name+".error.txt"))
			if err != nil || !strings.Contains(string(text), says) || !strings.Contains(string(text), "Nothing of this file was booked") {
				t.Errorf("%s: the report says %q (%v), want %q", name, text, err, says)
			}
		}
		failed, err := FailedFiles(b.folder, 10)
		if err != nil || len(failed) != 3 {
			t.Errorf("%+v %v", failed, err)
		}
		for _, f := range failed {
			if !strings.Contains(f.Report, "Nothing of this file was booked") || !strings.Contains(f.Report, f.Name) {
				t.Errorf("%+v", f)
			}
		}
		b.wantLedger("120100")

		// Another process that sees the folder waits while this one has it.
		other := b.inbox("two")
		b.put("g.txt", bankFile(120100, 1))
		b.run(other)
		if n := b.run(other); n != 0 {
			t.Errorf("the other process took %d files", n)
		}
		b.clock.move(inboxLease + time.Second)
		if n := b.run(other); n != 1 {
			t.Errorf("the other process took %d files once the lease was over", n)
		}
		b.wantLedger("120200")
	})
}

// Of the folder of what failed the last files are told, each with the beginning of its report.
func TestFailedFiles(t *testing.T) {
	folder := t.TempDir()
	if list, err := FailedFiles(folder, 10); err != nil || len(list) != 0 {
		t.Errorf("without a folder: %v %v", list, err)
	}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	put := func(name, text string) {
		path := filepath.Join(folder, "failed", name)
		at = at.Add(time.Minute)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o640), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	put("a.xml", "a statement")
	put("a.xml.error.txt", "the first")
	put("a.xml.error-2.txt", "the second \xff\n")
	put("b.txt", "another")
	put("c.error.txt", strings.Repeat("x", 3*maxReport))
	if err := os.Symlink(filepath.Join(folder, "failed", "b.txt"), filepath.Join(folder, "failed", "d.error.txt")); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int]string{10: "c a.xml a.xml", 2: "c a.xml"} {
		list, err := FailedFiles(folder, limit)
		var names []string
		for _, f := range list {
			names = append(names, f.Name)
		}
		if err != nil || strings.Join(names, " ") != want || len(list[0].Report) != maxReport || list[1].Report != "the second" || !list[0].At.Equal(at) {
			t.Errorf("%d: %v %+v %v", limit, names, list[1:], err)
		}
	}
}

// brokenEngine fails at the nth import.
type brokenEngine struct {
	inboxEngine
	left int
}

var errDiskFull = errors.New("no space left on device")

func (b *brokenEngine) Import(ctx context.Context, n engine.Network, st rail.Statement, list []rail.Booking) (engine.ImportCounts, error) {
	if b.left--; b.left < 0 {
		return engine.ImportCounts{}, errDiskFull
	}
	return b.inboxEngine.Import(ctx, n, st, list)
}

// hiccup fails once.
type hiccup struct {
	inboxEngine
	failed bool
}

func (h *hiccup) Import(ctx context.Context, n engine.Network, st rail.Statement, list []rail.Booking) (engine.ImportCounts, error) {
	if !h.failed {
		h.failed = true
		return engine.ImportCounts{}, errDiskFull
	}
	return h.inboxEngine.Import(ctx, n, st, list)
}

func TestInboxGoesOn(t *testing.T) {
	b := newInboxBed(t, filepath.Join(t.TempDir(), "till.db"))
	i := b.inbox("one")
	i.engine = &hiccup{inboxEngine: b.engine}
	b.put("a.txt", bankFile(0, 1))
	b.put("b.txt", bankFile(100, 1))
	b.put("c.txt.error.txt", "nothing")
	outside := filepath.Join(t.TempDir(), "statement")
	if err := errors.Join(os.WriteFile(outside, []byte(bankFile(200, 1)), 0o600), os.Symlink(outside, filepath.Join(b.folder, "in", "link.txt"))); err != nil {
		t.Fatal(err)
	}
	b.run(i)
	if n, err := i.RunOnce(t.Context()); n != 2 || !errors.Is(err, errDiskFull) {
		t.Errorf("%d files were taken beside one that failed: %v", n, err)
	}
	b.put("c.txt", "nothing") // failed/ has a file with the name of its report
	b.run(i)
	b.run(i)
	want := "in/link.txt processed/a.txt processed/b.txt failed/c.txt failed/c.txt.error-2.txt failed/c.txt.error.txt failed/c.txt.error.txt.error.txt"
	if got := b.files(); got != want {
		t.Errorf("the files are %s", got)
	}
	if _, err := openRegular(filepath.Join(b.folder, "in", "link.txt")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a link was opened: %v", err)
	}
}

// case 82: a disk that is full in the middle of a file leaves the file where it is; imported again nothing of it counts twice.
func TestImportBreaksOff(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		b := newInboxBed(t, where)
		i := b.inbox("one")
		b.put("a.txt", bankFile(0, 1400))
		b.run(i)
		for left := range 3 {
			i.engine = &brokenEngine{b.engine, left}
			if _, err := i.RunOnce(t.Context()); !errors.Is(err, errDiskFull) {
				t.Fatalf("the error is %v", err)
			}
			if got := b.files(); got != "in/a.txt" {
				t.Errorf("the files are %s", got)
			}
		}
		i.engine = b.engine
		if n := b.run(i); n != 1 {
			t.Errorf("%d files were taken", n)
		}
		b.wantLedger("140000")
		list, err := b.engine.BankStatements(t.Context(), engine.StatementFilter{Rail: inboxNet.Rail, Limit: 9})
		if err != nil || len(list) != 1 || list[0].Bookings != 1400 || list[0].Credits.Units() != "140000" {
			t.Errorf("the statements are %+v (%v)", list, err)
		}
	})
}

// unsure does what it is asked, and at the nth time says that nobody knows whether it was saved.
type unsure struct {
	inboxEngine
	left int
}

func (u *unsure) answer(err error) error {
	if u.left--; u.left < 0 && err == nil {
		err = fault.New(fault.CodeCommitUnknown, "It is not known whether the change was saved.")
	}
	return err
}

func (u *unsure) Import(ctx context.Context, n engine.Network, st rail.Statement, list []rail.Booking) (engine.ImportCounts, error) {
	done, err := u.inboxEngine.Import(ctx, n, st, list)
	return done, u.answer(err)
}

func (u *unsure) StatementTold(ctx context.Context, n engine.Network, st rail.Statement, counted engine.Lines) (*engine.BankStatement, error) {
	told, err := u.inboxEngine.StatementTold(ctx, n, st, counted)
	return told, u.answer(err)
}

// case 84: a commit of which nobody knows whether it happened leaves the file where it is; imported again nothing of it counts twice.
func TestImportOfUnknownOutcome(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		b := newInboxBed(t, where)
		i := b.inbox("one")
		b.put("a.txt", bankFile(0, 1400))
		b.run(i)
		for left := range 4 { // three chunks, and the statement
			i.engine = &unsure{b.engine, left}
			if _, err := i.RunOnce(t.Context()); !fault.Is(err, fault.CodeCommitUnknown) {
				t.Fatalf("the error is %v", err)
			}
			if got := b.files(); got != "in/a.txt" {
				t.Errorf("the files are %s", got)
			}
		}
		i.engine = b.engine
		if n := b.run(i); n != 1 || b.files() != "processed/a.txt" {
			t.Errorf("%d files were taken: %s", n, b.files())
		}
		b.wantLedger("140000")
		b.wantStatements(1400)
	})
}

// wantStatements holds how many lines each statement has, the newest first, and that none is said to be missing.
func (b *inboxBed) wantStatements(bookings ...int) {
	b.Helper()
	list, err := b.engine.BankStatements(b.Context(), engine.StatementFilter{Rail: inboxNet.Rail, Limit: 9})
	var got []int
	for _, s := range list {
		if got = append(got, s.Bookings); s.Warning != "" {
			b.Errorf("the statement %q of %s to %s: %s", s.ID, s.Opening, s.Closing, s.Warning)
		}
	}
	if err != nil || !slices.Equal(got, bookings) {
		b.Errorf("the statements have %d bookings (%v), want %d", got, err, bookings)
	}
}

// case 64: a statement that the bank tells again under another id counts once, and no statement is said to be missing; not either when
// the statement behind it is there.
func TestStatementToldAgain(t *testing.T) {
	onEach(t, func(t *testing.T, where string) {
		b := newInboxBed(t, where)
		i := b.inbox("one")
		as := func(id, text string) string { return strings.Replace(text, "\n", " "+id+"\n", 1) }
		first, next := bankFile(0, 600), bankFile(60000, 2)
		b.put("a.txt", as("S1 1", first))
		b.put("b.txt", as("R1 1", first))
		b.put("c.txt", as("S2 2", next))
		b.put("d.txt", as("R2 1", first))
		b.put("e.txt", as("R3 2", next))
		if n := b.run(i) + b.run(i); n != 5 {
			t.Errorf("%d files were taken: %s", n, b.files())
		}
		b.wantLedger("60200")
		list, err := b.engine.Bookings(t.Context(), engine.BookingFilter{Rail: inboxNet.Rail, Limit: 999})
		if err != nil || len(list) != 602 {
			t.Errorf("%d lines are booked (%v)", len(list), err)
		}
		b.wantStatements(2, 600)
	})
}

// importingVictim is the main of the processes that TestKilledImport kills. It is told a database and, behind a line break, a folder.
func importingVictim(where string) error {
	database, folder, _ := strings.Cut(where, "\n")
	ctx, now := context.Background(), func() time.Time { return start }
	s, err := open(ctx, database, store.Options{Now: now})
	if err != nil {
		return err
	}
	c := quiet(now)
	c.Engine = engine.New(s, []engine.Network{inboxNet}, nil)
	i := NewInbox(c, inboxAccount(folder), "victim")
	for range 2 {
		if _, err := i.RunOnce(ctx); err != nil {
			return err
		}
	}
	return errors.New("nothing killed the process")
}

// case 81: killed with SIGKILL before, between and behind the chunks of a file, and behind its last, the file is imported once.
func TestKilledImport(t *testing.T) {
	program := buildVictim(t)
	for _, place := range []string{"import.chunk", "import.chunk:2", "import.booked", "import.booked:3", "import.told"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, where string) {
				b := newInboxBed(t, where)
				b.put("a.txt", bankFile(0, 1400))
				if err := b.store.Close(); err != nil {
					t.Fatal(err)
				}
				kill(t, program, place, "TILL_TEST_IMPORTER="+where+"\n"+b.folder)

				again := newInboxBed(t, where)
				again.folder, again.clock.at = b.folder, start.Add(10*time.Minute) // what the victim had leased is free
				i := again.inbox("one")
				if n := again.run(i) + again.run(i); n != 1 || again.files() != "processed/a.txt" {
					t.Errorf("%d files were taken: %s", n, again.files())
				}
				again.wantLedger("140000")
				list, err := again.engine.BankStatements(t.Context(), engine.StatementFilter{Rail: inboxNet.Rail, Limit: 9})
				if err != nil || len(list) != 1 || list[0].Bookings != 1400 {
					t.Errorf("the statements are %+v (%v)", list, err)
				}
			})
		})
	}
}

func TestImportFileSaysHowFarItIs(t *testing.T) {
	b := newInboxBed(t, filepath.Join(t.TempDir(), "till.db"))
	var heard []int
	report, err := ImportFile(t.Context(), b.engine, inboxAccount(""), strings.NewReader(bankFile(0, 1001)), func(n, lines int) { heard = append(heard, n, lines) })
	if err != nil || report.Statements != 1 || report.Booked != 1001 || report.Suspense != 1001 || fmt.Sprint(heard) != "[0 1001 500 1001 1000 1001 1001 1001]" {
		t.Errorf("%+v, %v: %v", report, heard, err)
	}
	b.wantLedger("100100")
}
