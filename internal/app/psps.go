package app

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml" // MIT

	"till/internal/engine"
	"till/internal/rail"
	"till/internal/rail/stripe"
	"till/internal/secrets"
	"till/internal/web"
	"till/internal/webhook"
	"till/internal/worker"
)

// PSPSection is a payment service on whose pages payers pay. Key and Secret stand here, in a file, or in a variable of the
// environment.
type PSPSection struct {
	Enabled    bool                `toml:"enabled"`
	Kind       string              `toml:"kind"`
	URL        string              `toml:"url"` // empty: the service's own
	Mode       engine.Mode         `toml:"mode"`
	Name       string              `toml:"name"`
	Key        secrets.Text        `toml:"secret_key"`
	KeyFile    string              `toml:"secret_key_file"`
	KeyEnv     string              `toml:"secret_key_env"`
	Secret     secrets.Text        `toml:"webhook_secret"`
	SecretFile string              `toml:"webhook_secret_file"`
	SecretEnv  string              `toml:"webhook_secret_env"`
	Currencies []string            `toml:"currencies"`
	Methods    map[string][]string `toml:"methods"` // the service's words, by the codes of the methods that are paid there
	Every      Duration            `toml:"every"`
}

// PSP is a payment service and how to reach it. Key and Secret are empty until they were opened: commands that only read never
// open them.
type PSP struct {
	engine.Network
	URL         string
	Key, Secret secrets.Text
	Methods     map[string][]string
	Every       time.Duration
}

const (
	pspPath         = "/psp/stripe/"
	kindStripe      = "stripe"
	pspPrefix       = "PSP-"
	defaultPSPEvery = Duration(2 * time.Minute)
	minPSPEvery     = Duration(10 * time.Second)
	maxPSPEvery     = Duration(15 * time.Minute)
)

// defaultPSP is a payment service's section before the file is read.
func defaultPSP() PSPSection {
	return PSPSection{Enabled: true, Kind: kindStripe, Mode: engine.Live, Every: defaultPSPEvery}
}

// pspList checks every payment service, and returns those that are enabled by id. taken are the names of what else is configured.
func pspList(sections map[string]PSPSection, taken map[string]bool, guard webhook.Guard) ([]PSP, error) {
	var list []PSP
	for _, id := range slices.Sorted(maps.Keys(sections)) {
		if taken[id] {
			return nil, wrong(toml.Key{"psp", id}, "there is a network, a bank or a gateway of this name already")
		}
		p, err := sections[id].psp(id, guard)
		if err != nil {
			return nil, err
		}
		if sections[id].Enabled {
			list = append(list, p)
		}
	}
	return list, nil
}

// takenNames are the names of networks, banks and gateways.
func takenNames(f File) map[string]bool {
	taken := map[string]bool{sandboxNetwork().ID: true}
	for _, names := range [][]string{slices.Collect(maps.Keys(f.Networks)), slices.Collect(maps.Keys(f.Banks)), slices.Collect(maps.Keys(f.Gateways))} {
		for _, name := range names {
			taken[name] = true
		}
	}
	return taken
}

func (s PSPSection) psp(id string, guard webhook.Guard) (PSP, error) {
	key := func(name ...string) toml.Key { return append(toml.Key{"psp", id}, name...) }
	p := PSP{URL: strings.TrimRight(s.URL, "/"), Methods: s.Methods, Every: time.Duration(s.Every)}
	p.Network = engine.Network{
		ID: id, Name: s.Name, Family: engine.Family(stripe.Family + id), Mode: s.Mode, Rail: stripe.Family + rail.Name(id), Prefix: pspPrefix, Custodial: true, Pages: true,
	}
	if p.Name == "" {
		p.Name = id
	}
	if p.URL == "" {
		p.URL = stripe.URL
	}
	switch {
	case !gatewayID.MatchString(id):
		return p, wrong(key(), "its name is 1 to 40 of a-z, 0-9 and -")
	case s.Kind != kindStripe:
		return p, wrong(key("kind"), "want %q", kindStripe)
	case s.Mode != engine.Live && s.Mode != engine.Sandbox:
		return p, wrong(key("mode"), "want live or sandbox")
	case len(s.Name) > 64:
		return p, wrong(key("name"), "is longer than 64 bytes")
	case s.Every < minPSPEvery || s.Every > maxPSPEvery:
		return p, wrong(key("every"), "want %s to %s", time.Duration(minPSPEvery), time.Duration(maxPSPEvery))
	case len(s.Currencies) == 0:
		return p, wrong(key("currencies"), "are missing: what may be paid there")
	case len(s.Methods) == 0:
		return p, wrong(key("methods"), "are missing: which methods are paid there, like card = [\"card\"]")
	}
	for _, code := range s.Currencies {
		asset := fiat(code)
		if asset.IsZero() {
			return p, wrong(key("currencies"), "%q is no currency of ISO 4217", code)
		}
		p.Tokens = append(p.Tokens, engine.Token{Asset: asset})
	}
	for code, words := range s.Methods {
		if !isMethodCode(code) || len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return !isPSPWord(w) }) {
			return p, wrong(key("methods", code), "want the service's words for it, like [\"card\"]")
		}
	}
	if u, err := url.Parse(p.URL); err != nil || u.RawQuery != "" || u.ForceQuery {
		return p, wrong(key("url"), "want scheme, host and perhaps a path, and nothing else")
	}
	if _, err := guard.CheckURL(p.URL); err != nil {
		return p, wrong(key("url"), "%v", err)
	}
	for _, one := range s.texts() {
		if s.Enabled && one.given() != 1 {
			return p, wrong(key(one.name), "is given here, in %s_file or in the variable that %s_env names: give one of them", one.name, one.name)
		}
	}
	live := strings.HasPrefix(s.Key.Reveal(), "sk_live_") || strings.HasPrefix(s.Key.Reveal(), "rk_live_")
	if test := strings.HasPrefix(s.Key.Reveal(), "sk_test_"); live && s.Mode != engine.Live || test && s.Mode == engine.Live {
		return p, wrong(key("mode"), "the key is of the other mode")
	}
	return p, nil
}

func isPSPWord(w string) bool {
	return w != "" && len(w) <= 40 && strings.Trim(w, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}

// secretText is a secret and the places where it may stand.
type secretText struct {
	name           string
	text           secrets.Text
	file, variable string
}

func (s secretText) given() (n int) {
	for _, is := range []bool{s.text != "", s.file != "", s.variable != ""} {
		if is {
			n++
		}
	}
	return n
}

func (s PSPSection) texts() [2]secretText {
	return [2]secretText{{"secret_key", s.Key, s.KeyFile, s.KeyEnv}, {"webhook_secret", s.Secret, s.SecretFile, s.SecretEnv}}
}

// open reads the secret from where it stands.
func (s secretText) open(dir string, env func(string) string) (secrets.Text, error) {
	text := s.text
	if s.file != "" {
		read, err := secrets.ReadFile(under(dir, s.file))
		if err != nil {
			return "", err
		}
		text = secrets.Text(strings.TrimRight(read.Reveal(), "\r\n"))
	}
	if s.variable != "" {
		text = secrets.Text(env(s.variable))
	}
	if text == "" {
		return "", fmt.Errorf("is empty")
	}
	return text, nil
}

// openPSPs reads the keys and secrets.
func (f File) openPSPs(cfg *Config, env func(string) string) error {
	for i := range cfg.PSPs {
		p := &cfg.PSPs[i]
		for n, one := range f.PSP[p.ID].texts() {
			text, err := one.open(cfg.Dir, env)
			if err != nil {
				return fmt.Errorf("psp.%s.%s: %w", p.ID, one.name, err)
			}
			if n == 0 {
				p.Key = text
			} else {
				p.Secret = text
			}
		}
	}
	return nil
}

// psps are the rails of all payment services and what they are reached by.
type psps struct {
	rails  map[string]*stripe.Rail
	client *webhook.Client
}

// startPSPs makes their rails, with a watcher and a sender each. pages is where browsers reach the server.
func startPSPs(cfg Config, e *engine.Engine, pages string) (out psps, workers []worker.Rail, senders []rail.Sender, err error) {
	out = psps{rails: map[string]*stripe.Rail{}, client: webhook.NewClient(cfg.Guard, webhook.Options{Timeout: gatewayTimeout, Now: cfg.Now})}
	for _, p := range cfg.PSPs {
		if pages == "" {
			return out, nil, nil, fmt.Errorf("psp.%s: server.public_url is needed: payers come back there", p.ID)
		}
		r, err := stripe.New(stripe.Config{
			ID: p.ID, URL: p.URL, Key: p.Key, Secret: p.Secret, Live: p.Mode == engine.Live, Methods: p.Methods, State: e.State(p.Rail), Caller: out.client, Now: cfg.Now,
			Log: cfg.Log, Every: p.Every, Return: func(order string) string { return pages + "/pay/order/" + url.PathEscape(order) },
		})
		if err != nil {
			return out, nil, nil, err
		}
		out.rails[p.ID] = r
		workers, senders = append(workers, worker.Rail{Network: p.Network, Watcher: r}), append(senders, r)
	}
	return out, workers, senders, nil
}

// pspRoutes takes the webhooks of payment services.
func (a *App) pspRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST "+pspPath+"{id}", func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusNotFound
		if to := a.psps.rails[r.PathValue("id")]; to != nil {
			status = a.callback(w, r, to)
		}
		web.WriteJSON(w, status, map[string]bool{"received": status == http.StatusOK})
	})
}

// pspReasons is what is wrong with a payment service; ok is false for a network that is none's.
func (a *App) pspReasons(on rail.Name) (reasons []reason, ok bool) {
	for _, r := range a.psps.rails {
		if r.Name() != on {
			continue
		}
		s := r.Health()
		if s.Err != nil {
			reasons = append(reasons, pspTrouble)
		}
		if s.Unmatched > 0 {
			reasons = append(reasons, pspUnmatched)
		}
		if r.Disputes() > 0 {
			reasons = append(reasons, pspDisputes)
		}
		return reasons, true
	}
	return nil, false
}

// pspMethod checks a method whose network is a payment service.
func (s MethodSection) pspMethod(key func(string) toml.Key, code string, p PSP) error {
	switch {
	case len(p.Methods[code]) == 0:
		return wrong(key("network"), "psp.%s.methods does not say how %s is paid there", p.ID, code)
	case engine.Prompt(s.Prompt) != engine.PromptLink:
		return wrong(key("prompt"), "want %q: it is paid on a page of the service's", engine.PromptLink)
	}
	return nil
}
