package app

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/BurntSushi/toml"

	"till/internal/money"
	"till/internal/screen"
)

// ScreeningSection says which lists names and addresses are looked up on.
type ScreeningSection struct {
	Threshold int           `toml:"threshold"`
	Every     Duration      `toml:"every"`
	Lists     []ListSection `toml:"lists"`

	TwoPersons map[string]string `toml:"two_persons"` // amounts by the currency's code
}

// ListSection is one list: its file, and for OFAC's older form the two beside it.
type ListSection struct {
	Name      string `toml:"name"`
	Format    string `toml:"format"`
	File      string `toml:"file"`
	Aliases   string `toml:"aliases"`
	Addresses string `toml:"addresses"`
}

// Screening is the lists and how they are used.
type Screening struct {
	Threshold int           // the least score of a hit; 0: screen.DefaultThreshold
	Every     time.Duration // between two looks at the files
	Lists     []ScreenList

	TwoPersons map[string]money.Amount // above which two persons approve, by the currency's code
}

// ScreenList is one list. Aliases and Addresses are only of the format ofac-csv, and may be missing there.
type ScreenList struct{ Name, Format, File, Aliases, Addresses string }

// The formats of lists.
const (
	formatOFACXML = "ofac-xml"
	formatOFACCSV = "ofac-csv"
	formatCSV     = "csv"
)

func defaultScreening() ScreeningSection {
	return ScreeningSection{Threshold: screen.DefaultThreshold, Every: Duration(time.Minute)}
}

// screening checks the section. The files themselves are read at the start.
func (s ScreeningSection) screening(dir string) (Screening, error) {
	out := Screening{Threshold: s.Threshold, Every: time.Duration(s.Every)}
	if s.Threshold < 600 || s.Threshold > 1000 {
		return out, wrong(toml.Key{"screening", "threshold"}, "is from 600 to 1000")
	}
	if out.Every < time.Second || out.Every > 24*time.Hour {
		return out, wrong(toml.Key{"screening", "every"}, "is from 1s to 24h")
	}
	for code, text := range s.TwoPersons {
		asset, err := money.Fiat(code)
		if err != nil {
			return out, wrong(toml.Key{"screening", "two_persons", code}, "there is no such currency")
		}
		amount, err := money.Parse(asset, text)
		if err != nil || amount.Sign() < 0 {
			return out, wrong(toml.Key{"screening", "two_persons", code}, "want a decimal of at most %d decimals", asset.Scale())
		}
		if out.TwoPersons == nil {
			out.TwoPersons = map[string]money.Amount{}
		}
		out.TwoPersons[code] = amount
	}
	names := map[string]bool{}
	for i, l := range s.Lists {
		refuse := func(key, format string, args ...any) (Screening, error) {
			return out, wrong(toml.Key{"screening", "lists"}, "list %d, %s: %s", i+1, key, fmt.Sprintf(format, args...))
		}
		if l.Format != formatOFACXML && l.Format != formatOFACCSV && l.Format != formatCSV {
			return refuse("format", "%.40q is none of %s, %s and %s", l.Format, formatOFACXML, formatOFACCSV, formatCSV)
		}
		if l.File == "" {
			return refuse("file", "is missing")
		}
		if l.Format != formatOFACCSV && l.Aliases+l.Addresses != "" {
			return refuse("aliases, addresses", "are files of the format %s only", formatOFACCSV)
		}
		if l.Name == "" {
			l.Name = filepath.Base(l.File)
		}
		if names[l.Name] {
			return refuse("name", "another list is named %.80q too", l.Name)
		}
		names[l.Name] = true
		one := ScreenList{Name: l.Name, Format: l.Format, File: under(dir, l.File)}
		if l.Aliases != "" {
			one.Aliases = under(dir, l.Aliases)
		}
		if l.Addresses != "" {
			one.Addresses = under(dir, l.Addresses)
		}
		out.Lists = append(out.Lists, one)
	}
	return out, nil
}

// screener is the lists in use. It is nil where the config has none.
type screener struct {
	config Screening
	log    *slog.Logger
	list   atomic.Pointer[screen.List]
	files  atomic.Pointer[time.Time] // when the newest of the files in use was changed
	broken atomic.Bool

	seen    []fileState // the files when they were read last; only start and one loop look
	problem error       // what was wrong with them
}

type fileState struct {
	size     int64
	modified time.Time
}

// newScreener reads the lists. It fails when one cannot be read: a server that should screen does not start without its lists.
func newScreener(cfg Config) (*screener, error) {
	if len(cfg.Screening.Lists) == 0 {
		return nil, nil
	}
	s := &screener{config: cfg.Screening, log: cfg.Log}
	if _, err := s.reload(); err != nil {
		return nil, fmt.Errorf("screening: %w", err)
	}
	return s, nil
}

// Name, Address and Entries are engine.Screener.
func (s *screener) Name(q screen.Query) []screen.Hit    { return s.list.Load().Names(q) }
func (s *screener) Address(address string) []screen.Hit { return s.list.Load().Address(address) }
func (s *screener) Entries() int                        { return s.list.Load().Len() }

// reload reads all lists again when a file of one is another than when it was read last. All of them are read before any is used,
// so that what is in use is always whole; it stays in use while the new ones are broken.
func (s *screener) reload() (changed bool, err error) {
	now, newest, err := s.look()
	if err == nil && sameFiles(now, s.seen) {
		return false, s.problem
	}
	var list *screen.List
	if err == nil {
		list, err = s.read()
	}
	s.seen, s.problem = now, err
	s.broken.Store(err != nil)
	if err != nil {
		return false, err
	}
	s.list.Store(list)
	s.files.Store(&newest)
	s.log.Info("lists to screen against were read", "entries", list.Len(), "lists", len(s.config.Lists))
	return true, nil
}

func sameFiles(a, b []fileState) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].size != b[i].size || !a[i].modified.Equal(b[i].modified) {
			return false
		}
	}
	return true
}

// look is how the files are now.
func (s *screener) look() (list []fileState, newest time.Time, err error) {
	for _, l := range s.config.Lists {
		for _, path := range []string{l.File, l.Aliases, l.Addresses} {
			if path == "" {
				continue
			}
			found, err := os.Stat(path)
			if err != nil {
				return nil, newest, fmt.Errorf("the list %s: %s: %w", l.Name, filepath.Base(path), withoutPath(err))
			}
			list = append(list, fileState{found.Size(), found.ModTime()})
			if found.ModTime().After(newest) {
				newest = found.ModTime()
			}
		}
	}
	return list, newest, nil
}

func withoutPath(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// reader is a file, or none.
func reader(file *os.File) io.Reader {
	if file == nil {
		return nil
	}
	return file
}

// read reads every list.
func (s *screener) read() (*screen.List, error) {
	b := screen.NewBuilder(s.config.Threshold)
	for _, l := range s.config.Lists {
		if err := l.read(b); err != nil {
			return nil, fmt.Errorf("the list %s: %w", l.Name, err)
		}
	}
	return b.List(), nil
}

func (l ScreenList) read(b *screen.Builder) error {
	var open [3]*os.File
	for i, path := range []string{l.File, l.Aliases, l.Addresses} {
		if path == "" {
			continue
		}
		file, err := os.Open(path)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), withoutPath(err))
		}
		defer file.Close()
		open[i] = file
	}
	entries := 0
	add := func(e screen.Entry) error {
		e.List = l.Name
		entries++
		return b.Add(e)
	}
	var err error
	switch l.Format {
	case formatOFACXML:
		err = screen.ReadOFACXML(open[0], add)
	case formatOFACCSV:
		err = screen.ReadOFACCSV(open[0], reader(open[1]), reader(open[2]), add)
	default:
		err = screen.ReadCSV(open[0], add)
	}
	if err == nil && entries == 0 {
		err = errors.New("there is no entry in it")
	}
	return err
}
