package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"till/internal/engine"
	"till/internal/quote"
)

// maxRatesDocument is the most bytes of a document of rates; its reader says so too.
const maxRatesDocument = 256 << 10

// ratesEngine is what telling rates needs of the engine.
type ratesEngine interface {
	TellRates(ctx context.Context, sources []string, told []engine.RatesTold) (doubted, err error)
}

// RateSource is where exchange rates come from.
type RateSource interface {
	Name() string
	// Told is what the source says now, nil when it says nothing new.
	Told(ctx context.Context, now time.Time) (*engine.RatesTold, error)
}

// Rates asks the sources of exchange rates, outside any transaction, and puts on record what they said. Each process
// does; what another one told already changes nothing.
type Rates struct {
	*loop
	engine  ratesEngine
	sources []RateSource
	doubted string // what was not believed when it was logged last
}

// Run asks until ctx ends.
func (r *Rates) Run(ctx context.Context) { r.run(ctx, r.RunOnce) }

// RunOnce asks every source and returns how many said something. A source that fails takes none with it: what the
// others said counts, and the error names it.
func (r *Rates) RunOnce(ctx context.Context) (n int, err error) {
	var told []engine.RatesTold
	var names []string
	var failures []error
	for _, s := range r.sources {
		names = append(names, s.Name())
		one, err := s.Told(ctx, r.now())
		if err != nil {
			failures = append(failures, fmt.Errorf("rates of %s: %w", s.Name(), err))
			continue
		}
		if one != nil {
			told = append(told, *one)
		}
	}
	doubted, err := r.engine.TellRates(ctx, names, told)
	if err != nil {
		for _, s := range r.sources {
			if file, is := s.(*FileRates); is {
				file.forget()
			}
		}
		return 0, err
	}
	if text := fmt.Sprint(doubted); doubted != nil && text != r.doubted {
		r.doubted = text
		r.log.Warn("rates that are not believed: till rate ls", "problem", doubted)
	}
	return len(told), errors.Join(failures...)
}

// FixedRates is a source that somebody wrote down, and that says the same until the config changes.
type FixedRates struct {
	Source quote.Source
	Rates  []quote.Rate // without a time
}

// Name is the source's.
func (f FixedRates) Name() string { return f.Source.Name }

// Told is all of them, as of now: the engine leaves those alone that it knows.
func (f FixedRates) Told(_ context.Context, now time.Time) (*engine.RatesTold, error) {
	told := &engine.RatesTold{Source: f.Source.Name, All: true}
	for _, r := range f.Rates {
		r.At, r.Source, r.MaxAge = now, f.Source.Name, f.Source.MaxAge
		told.Rates = append(told.Rates, r)
	}
	return told, nil
}

// FileRates is a file in the form of the ECB's daily document. It is read again when it changes.
type FileRates struct {
	Source quote.Source
	Path   string

	size     int64
	modified time.Time
}

// Name is the source's.
func (f *FileRates) Name() string { return f.Source.Name }

// Told is the file's rates, where it is another file than the last time.
func (f *FileRates) Told(context.Context, time.Time) (*engine.RatesTold, error) {
	found, err := os.Stat(f.Path)
	if err != nil {
		return nil, withoutPath(err)
	}
	if found.Size() == f.size && found.ModTime().Equal(f.modified) {
		return nil, nil
	}
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, withoutPath(err)
	}
	defer file.Close()
	rates, err := quote.ReadECB(file, f.Source)
	if err != nil {
		return nil, err
	}
	f.size, f.modified = found.Size(), found.ModTime()
	return &engine.RatesTold{Source: f.Source.Name, Rates: rates}, nil
}

// forget lets the file be told again: what it said is not on record.
func (f *FileRates) forget() { f.size, f.modified = 0, time.Time{} }

// withoutPath is what is wrong with a file, for a health page that others see.
func withoutPath(err error) error {
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		return of.Err
	}
	return err
}

// Getter reads a document; *webhook.Client is one.
type Getter interface {
	Get(ctx context.Context, url string, limit int64) ([]byte, error)
}

// URLRates is a server that tells rates in Till's own JSON form.
type URLRates struct {
	Source quote.Source
	URL    string
	Client Getter
}

// Name is the source's.
func (u URLRates) Name() string { return u.Source.Name }

// Told is what the server says now.
func (u URLRates) Told(ctx context.Context, _ time.Time) (*engine.RatesTold, error) {
	text, err := u.Client.Get(ctx, u.URL, maxRatesDocument)
	if err != nil {
		return nil, err
	}
	rates, err := quote.ReadJSON(bytes.NewReader(text), u.Source)
	if err != nil {
		return nil, err
	}
	return &engine.RatesTold{Source: u.Source.Name, Rates: rates}, nil
}
