package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/rail"
)

const (
	inboxEvery = 5 * time.Second // between two looks at a folder
	inboxLease = 2 * time.Minute // renewed while a long file is imported
)

// inboxEngine is what the watching of folders needs of the engine.
type inboxEngine interface {
	bankEngine
	LeaseWork(ctx context.Context, name, owner string, until time.Duration) (bool, error)
}

// Inbox imports the files that somebody puts into a bank account's folder: from in/ they go to processed/ when they are booked, and to
// failed/ when something is wrong with them, beside a NAME.error.txt that says what and where. A file is taken when it has not changed
// between two looks; names that begin with a dot or end with .part or .tmp are left alone, so that a program can write under such a name and
// rename. Of several processes that see the folder one imports.
//
// What is no fault of the file (a database that is down) leaves it where it is, and it is tried again.
type Inbox struct {
	*loop
	engine  inboxEngine
	account BankAccount
	owner   string
	seen    map[string]fileState
}

// fileState is how a file was at the last look.
type fileState struct {
	size int64
	at   time.Time
}

// NewInbox makes the loop of one account's folder. owner names this process among those that see the folder.
func NewInbox(c Config, a BankAccount, owner string) *Inbox {
	i := &Inbox{loop: newLoop("inbox "+a.Network.ID, nil, c), engine: c.Engine, account: a, owner: owner, seen: map[string]fileState{}}
	i.every = inboxEvery
	return i
}

// Run looks at the folder until ctx ends.
func (i *Inbox) Run(ctx context.Context) { i.run(ctx, i.RunOnce) }

// RunOnce looks once, and returns how many files it has moved. Files are taken by name.
func (i *Inbox) RunOnce(ctx context.Context) (n int, err error) {
	for _, name := range []string{"in", "processed", "failed"} {
		if err := os.MkdirAll(filepath.Join(i.account.Folder, name), 0o750); err != nil {
			return 0, err
		}
	}
	ready, err := i.ready()
	if err != nil || len(ready) == 0 {
		return 0, err
	}
	mine, err := i.lease(ctx)
	if err != nil || !mine {
		return 0, err
	}
	var failures []error
	for _, name := range ready {
		if ctx.Err() != nil {
			break
		}
		if err := i.take(ctx, name); err != nil { // one that cannot be read holds up no other
			failures = append(failures, fmt.Errorf("%q: %w", name, err))
			continue
		}
		n++
	}
	return n, errors.Join(failures...)
}

func (i *Inbox) lease(ctx context.Context) (bool, error) {
	return i.engine.LeaseWork(ctx, "inbox/"+i.account.Network.ID, i.owner, inboxLease)
}

// ready is the files that are as they were at the last look.
func (i *Inbox) ready() (list []string, err error) {
	entries, err := os.ReadDir(filepath.Join(i.account.Folder, "in"))
	if err != nil {
		return nil, err
	}
	now := map[string]fileState{}
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || name[0] == '.' || strings.HasSuffix(name, ".part") || strings.HasSuffix(name, ".tmp") {
			continue
		}
		about, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // another process has moved it
		}
		if err != nil {
			return nil, err
		}
		state := fileState{about.Size(), about.ModTime()}
		if was, known := i.seen[name]; known && was.size == state.size && was.at.Equal(state.at) {
			list = append(list, name)
		}
		now[name] = state
	}
	i.seen = now
	slices.Sort(list)
	return list, nil
}

// take imports a file and moves it.
func (i *Inbox) take(ctx context.Context, name string) error {
	path := filepath.Join(i.account.Folder, "in", name)
	report, err := i.imports(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var wrong *rail.FileError
	if errors.As(err, &wrong) || fault.Is(err, fault.CodeInvalidValue) {
		i.log.Error("a file of the bank cannot be read", "bank", i.account.Network.ID, "file", name, "error", err)
		return i.fail(path, reportText(name, i.now(), err))
	}
	if err != nil {
		return err
	}
	i.log.Info("a file of the bank is imported", "bank", i.account.Network.ID, "file", name, "booked", report.Booked, "matched", report.Matched,
		"proposed", report.Proposed, "suspense", report.Suspense, "transfers", report.Transfers, "returned", report.Returned, "expenses", report.Expenses, "repeated", report.Repeated)
	if report.Expenses > 0 {
		i.log.Warn("the bank debited what nobody knows: till bank bookings", "bank", i.account.Network.ID, "debits", report.Expenses)
	}
	_, err = i.move(path, "processed")
	return err
}

func (i *Inbox) imports(ctx context.Context, path string) (report engine.FileReport, err error) {
	file, err := openRegular(path)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	renewed := i.now()
	var lost error
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	report, err = ImportFile(ctx, i.engine, i.account, file, func(int, int) {
		if i.now().Sub(renewed) < inboxLease/4 {
			return
		}
		mine, err := i.lease(ctx)
		if err == nil && !mine {
			err = errors.New("another process has taken the folder")
		}
		if renewed = i.now(); err != nil {
			lost = err
			cancel()
		}
	})
	return report, cmp.Or(lost, err)
}

// openRegular opens a file that is no link, also when it was one's name a moment ago. Error: fs.ErrNotExist for whatever else it is.
func openRegular(path string) (*os.File, error) {
	named, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	opened, err := file.Stat()
	if err == nil && (!named.Mode().IsRegular() || !os.SameFile(named, opened)) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// fail puts a file into failed/ and what is wrong with it beside it, under a name that nothing has.
func (i *Inbox) fail(path, report string) error {
	to, err := i.move(path, "failed")
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		name := to + ".error.txt"
		if n > 1 {
			name = fmt.Sprintf("%s.error-%d.txt", to, n)
		}
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = file.WriteString(report)
		return errors.Join(err, file.Close())
	}
}

// FailedFile is a file in a bank account's folder failed/, and what is wrong with it.
type FailedFile struct {
	Name, Report string
	At           time.Time // when it was found wrong
}

// maxReport bounds how much of a report is read, in bytes.
const maxReport = 2 << 10

// FailedFiles are the last files of a bank account's folder that could not be read, the last one first; none when there is no folder yet.
// One whose report is gone is not among them.
func FailedFiles(folder string, limit int) ([]FailedFile, error) {
	entries, err := os.ReadDir(filepath.Join(folder, "failed"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, withoutPath(err)
	}
	type report struct {
		FailedFile
		path string
	}
	var found []report
	for _, e := range entries {
		name := reportName.FindStringSubmatch(e.Name())
		about, err := e.Info()
		if name == nil || err != nil || !e.Type().IsRegular() { // an error: somebody has just taken it away
			continue
		}
		found = append(found, report{FailedFile{Name: name[1], At: about.ModTime()}, filepath.Join(folder, "failed", e.Name())})
	}
	slices.SortFunc(found, func(a, b report) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(a.path, b.path)) })
	var list []FailedFile
	for _, r := range found[:min(len(found), limit)] {
		if r.Report, err = headOfReport(r.path); err != nil {
			return nil, err
		}
		list = append(list, r.FailedFile)
	}
	return list, nil
}

// reportName is how a report is named behind the file that it is of.
var reportName = regexp.MustCompile(`^(.+)\.error(?:-[0-9]+)?\.txt$`)

func headOfReport(path string) (text string, err error) {
	file, err := openRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", withoutPath(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	head, err := io.ReadAll(io.LimitReader(file, maxReport))
	return strings.TrimSpace(strings.ToValidUTF8(string(head), "")), err
}

// move puts a file into another folder, beside what has its name there, and returns where it is.
func (i *Inbox) move(path, folder string) (string, error) {
	name := filepath.Base(path)
	ext := filepath.Ext(name)
	for n := 1; ; n++ {
		to := filepath.Join(i.account.Folder, folder, name)
		if n > 1 {
			to = filepath.Join(i.account.Folder, folder, fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext))
		}
		if _, err := os.Lstat(to); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		delete(i.seen, name)
		return to, os.Rename(path, to)
	}
}
