package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/quote"
)

// ratesTold is an engine that keeps what it was told.
type ratesTold struct {
	sources []string
	told    []engine.RatesTold
	doubted error
	away    error // of the store
}

func (r *ratesTold) TellRates(_ context.Context, sources []string, told []engine.RatesTold) (error, error) {
	r.sources, r.told = sources, told
	return r.doubted, r.away
}

// page is a client that answers with it.
type page struct{ text string }

func (p *page) Get(context.Context, string, int64) ([]byte, error) {
	if p.text == "" {
		return nil, errors.New("away")
	}
	return []byte(p.text), nil
}

const ecbDay = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
<gesmes:subject>Reference rates</gesmes:subject><gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
<Cube><Cube time="2026-02-27"><Cube currency="USD" rate="RATE"/></Cube></Cube></gesmes:Envelope>`

func TestRatesAreAsked(t *testing.T) {
	at := &clock{at: start}
	file := filepath.Join(t.TempDir(), "ecb.xml")
	write := func(rate string, modified time.Time) {
		t.Helper()
		if err := errors.Join(os.WriteFile(file, []byte(strings.Replace(ecbDay, "RATE", rate, 1)), 0o600), os.Chtimes(file, modified, modified)); err != nil {
			t.Fatal(err)
		}
	}
	write("1.08", start)
	web, told := &page{`{"at":"2026-03-01T12:00:00Z","rates":[{"base":"BTC","quote":"USD","rate":"90000"}]}`}, &ratesTold{}
	r := &Rates{loop: newLoop("rates", nil, quiet(at.now)), engine: told, sources: []RateSource{
		FixedRates{quote.Source{Name: "fixed", MaxAge: quote.Forever}, []quote.Rate{{Base: "USDC", Quote: "USD", Value: quote.MustDecimal("1")}}},
		&FileRates{Source: quote.Source{Name: "file", MaxAge: time.Hour}, Path: file},
		URLRates{quote.Source{Name: "url", MaxAge: time.Minute}, "https://rates.example.com", web},
	}}
	run := func() (n int, err error) { t.Helper(); return r.RunOnce(t.Context()) }
	if n, err := run(); n != 3 || err != nil || strings.Join(told.sources, " ") != "fixed file url" {
		t.Fatalf("%d told, %v: %v", n, told.sources, err)
	}
	if one := told.told[0]; !one.All || !one.Rates[0].At.Equal(start) || one.Rates[0].MaxAge != quote.Forever || one.Rates[0].Source != "fixed" {
		t.Errorf("%+v", one)
	}
	if one := told.told[1]; one.All || one.Rates[0].Value.String() != "1.08" || one.Rates[0].MaxAge != time.Hour {
		t.Errorf("%+v", one)
	}
	if one := told.told[2]; one.Rates[0].Value.String() != "90000" || one.Rates[0].Source != "url" {
		t.Errorf("%+v", one)
	}

	// The file is read again when it changes, and what another source says counts whatever is wrong with it.
	if n, err := run(); n != 2 || err != nil {
		t.Errorf("%d told: %v", n, err)
	}
	web.text = ""
	write("1.09", start.Add(time.Second))
	told.away = errors.New("no store")
	if n, err := run(); n != 0 || !errors.Is(err, told.away) {
		t.Errorf("%d told without a store: %v", n, err)
	}
	told.away = nil // what was not put on record is told again
	if n, err := run(); n != 2 || err == nil || !strings.Contains(err.Error(), "rates of url: away") || told.told[1].Rates[0].Value.String() != "1.09" {
		t.Errorf("%d told: %v", n, err)
	}
	write("none", start.Add(2*time.Second))
	for range 2 { // it is no success that would be remembered
		if n, err := run(); n != 1 || !errors.Is(err, quote.ErrRate) || len(told.sources) != 3 {
			t.Errorf("%d told: %v", n, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := run(); err == nil || strings.Contains(err.Error(), file) {
		t.Errorf("without the file: %v", err)
	}
	// What is not believed is no failure of the loop: its pair is closed, and that is to be seen there.
	web.text, told.doubted = `{"at":"2026-03-01T12:00:00Z","rates":[{"base":"BTC","quote":"USD","rate":"90000"}]}`, quote.ErrAbsurd
	write("1.09", start)
	if n, err := run(); n != 3 || err != nil {
		t.Errorf("%d told: %v", n, err)
	}
}
