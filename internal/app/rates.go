package app

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"till/internal/engine"
	"till/internal/quote"
	"till/internal/webhook"
	"till/internal/worker"
)

// RatesSection says where exchange rates come from, when one is believed, and for how long a price is promised.
type RatesSection struct {
	Fixed      []string `toml:"fixed"` // "USD/COP 4012.55"
	File       string   `toml:"file"`
	FileMaxAge Duration `toml:"file_max_age"`
	URL        string   `toml:"url"`
	URLMaxAge  Duration `toml:"url_max_age"`
	Every      Duration `toml:"every"`
	Factor     string   `toml:"factor"` // a text, since TOML's numbers are binary fractions
	References []string `toml:"references"`
	QuoteLife  Duration `toml:"quote_life"`
	HoldChain  Duration `toml:"hold_chain"`
	HoldBank   Duration `toml:"hold_bank"`
}

// PricingSection is what the house takes for exchanges of one kind and pair; an empty word fits every one.
type PricingSection struct {
	Kind    string `toml:"kind"`
	From    string `toml:"from"`
	To      string `toml:"to"`
	Spread  int64  `toml:"spread"`
	Percent int64  `toml:"percent"`
	Fixed   string `toml:"fixed"`
	Tax     int64  `toml:"tax"`
}

// Rates is where exchange rates come from.
type Rates struct {
	Fixed  []quote.Rate  // without a time; they never age
	File   string        // in the ECB's daily form; empty: none
	URL    string        // that answers with Till's own JSON form; empty: none
	Every  time.Duration // between two looks at file and URL
	MaxAge struct{ File, URL time.Duration }
}

// The names of the sources, as rates on record have them.
const (
	fixedRates = "fixed"
	fileRates  = "file"
	urlRates   = "url"
)

func defaultRates() RatesSection {
	x := engine.DefaultExchange()
	return RatesSection{
		Fixed: []string{}, References: []string{}, FileMaxAge: Duration(144 * time.Hour), URLMaxAge: Duration(10 * time.Minute),
		Every: Duration(time.Minute), Factor: x.Factor.String(), QuoteLife: Duration(x.Life), HoldChain: Duration(x.HoldChain), HoldBank: Duration(x.HoldBank),
	}
}

// exchange checks the section and what is priced.
func (s RatesSection) exchange(pricing []PricingSection) (engine.Exchange, error) {
	x := engine.DefaultExchange()
	var err error
	if x.Factor, err = quote.ParseDecimal(s.Factor); err != nil {
		return x, wrong(toml.Key{"rates", "factor"}, "%q is %v", s.Factor, err)
	}
	if x.References, err = rateList(s.References, "references", "reference"); err != nil {
		return x, err
	}
	for i := range x.References { // compared with, never quoted: of no time
		x.References[i].At = time.Unix(0, 0).UTC()
	}
	if _, err := quote.NewTable(x.Factor, x.References...); err != nil {
		return x, wrong(toml.Key{"rates", "factor"}, "%v", err)
	}
	for _, d := range []struct {
		key   string
		said  Duration
		least time.Duration
		most  time.Duration
		into  *time.Duration
	}{
		{"quote_life", s.QuoteLife, time.Second, time.Hour, &x.Life},
		{"hold_chain", s.HoldChain, time.Minute, 7 * 24 * time.Hour, &x.HoldChain},
		{"hold_bank", s.HoldBank, time.Minute, 30 * 24 * time.Hour, &x.HoldBank},
	} {
		if *d.into = time.Duration(d.said); *d.into < d.least || *d.into > d.most {
			return x, wrong(toml.Key{"rates", d.key}, "is from %s to %s", d.least, d.most)
		}
	}
	for i, p := range pricing {
		one := engine.Pricing(p)
		if err := one.Check(); err != nil {
			return x, wrong(toml.Key{"pricing"}, "section %d: %v", i+1, err)
		}
		x.Pricing = append(x.Pricing, one)
	}
	return x, nil
}

// sources checks where rates come from.
func (s RatesSection) sources(dir string, guard webhook.Guard) (r Rates, err error) {
	if r.Fixed, err = rateList(s.Fixed, "fixed", fixedRates); err != nil {
		return r, err
	}
	if s.File != "" {
		r.File = under(dir, s.File)
	}
	if r.URL = s.URL; s.URL != "" {
		if _, err := guard.CheckURL(s.URL); err != nil {
			return r, wrong(toml.Key{"rates", "url"}, "%v (see the section webhooks for addresses of your own network)", err)
		}
	}
	r.Every, r.MaxAge.File, r.MaxAge.URL = time.Duration(s.Every), time.Duration(s.FileMaxAge), time.Duration(s.URLMaxAge)
	if r.Every < time.Second || r.Every > time.Hour {
		return r, wrong(toml.Key{"rates", "every"}, "is from 1s to 1h")
	}
	for _, max := range []struct {
		key string
		age time.Duration
	}{{"file_max_age", r.MaxAge.File}, {"url_max_age", r.MaxAge.URL}} {
		if max.age <= r.Every {
			return r, wrong(toml.Key{"rates", max.key}, "must be longer than rates.every")
		}
	}
	return r, nil
}

// rateList reads rates that somebody wrote down, like "USD/COP 4012.55": one of the first is worth so much of the second.
// They never age.
func rateList(list []string, key, source string) (rates []quote.Rate, err error) {
	seen := map[string]bool{}
	for _, text := range list {
		pair, value, _ := strings.Cut(text, " ")
		base, to, _ := strings.Cut(pair, "/")
		r := quote.Rate{Base: base, Quote: to, At: time.Unix(1, 0), Source: source, MaxAge: quote.Forever}
		if r.Value, err = quote.ParseDecimal(value); err == nil {
			err = r.Check()
		}
		if err == nil && (seen[base+"/"+to] || seen[to+"/"+base]) {
			err = errors.New("the pair is there twice")
		}
		if err != nil {
			return nil, wrong(toml.Key{"rates", key}, "%.80q: %v; want BASE/QUOTE RATE, like \"USD/COP 4012.55\"", text, err)
		}
		seen[base+"/"+to] = true
		rates = append(rates, r)
	}
	return rates, nil
}

// rateSources is what the worker asks.
func rateSources(r Rates, client worker.Getter) (list []worker.RateSource) {
	if len(r.Fixed) > 0 {
		list = append(list, worker.FixedRates{Source: quote.Source{Name: fixedRates, MaxAge: quote.Forever}, Rates: r.Fixed})
	}
	if r.File != "" {
		list = append(list, &worker.FileRates{Source: quote.Source{Name: fileRates, MaxAge: r.MaxAge.File}, Path: r.File})
	}
	if r.URL != "" {
		list = append(list, worker.URLRates{Source: quote.Source{Name: urlRates, MaxAge: r.MaxAge.URL}, URL: r.URL, Client: client})
	}
	return list
}

// withExchange puts the config's terms of exchange on the engine, or the defaults where there are none.
func withExchange(e *engine.Engine, cfg Config) (*engine.Engine, error) {
	x := cfg.Exchange
	if x.Factor.IsZero() {
		pricing := x.Pricing
		x = engine.DefaultExchange()
		x.Pricing = pricing
	}
	x.Now = cfg.Now
	e, err := e.WithExchange(x)
	if err != nil {
		return nil, fmt.Errorf("rates: %w", err)
	}
	return e, nil
}
