package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml" // MIT

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/daimo"
	"till/internal/rail/evm"
	"till/internal/secrets"
	"till/internal/simgateway"
	"till/internal/web"
	"till/internal/webhook"
	"till/internal/worker"
)

// GatewaySection is one payment gateway. Key and Secret stand here, in a file, or in a variable of the environment.
type GatewaySection struct {
	Enabled    bool         `toml:"enabled"`
	API        string       `toml:"api"`
	URL        string       `toml:"url"` // empty: the gateway's own
	Mode       engine.Mode  `toml:"mode"`
	Name       string       `toml:"name"`
	Key        secrets.Text `toml:"key"`
	KeyFile    string       `toml:"key_file"`
	KeyEnv     string       `toml:"key_env"`
	Secret     secrets.Text `toml:"webhook_secret"`
	SecretFile string       `toml:"webhook_secret_file"`
	SecretEnv  string       `toml:"webhook_secret_env"`
	Refund     string       `toml:"refund_address"`
	Every      Duration     `toml:"every"`

	// A network of its own: where the money arrives on a chain that this server does not watch.
	ChainID uint64         `toml:"chain_id"`
	Address string         `toml:"address"`
	Tokens  []TokenSection `toml:"tokens"`
}

// Gateway is a payment gateway and how to reach it. Key and Secret are empty until they were opened: commands that only
// read never open them.
type Gateway struct {
	engine.Gateway
	API         daimo.API
	URL         string
	Key, Secret secrets.Text
	Refund      string
	Every       time.Duration
	Network     *engine.Network // its own; nil: it has none
}

const (
	gatewayPath    = "/gateway/daimo/"
	defaultEvery   = Duration(30 * time.Second)
	minEvery       = Duration(time.Second)
	maxEvery       = Duration(5 * time.Minute)
	gatewayTimeout = 10 * time.Second // of one call
	halfPercent    = 50               // hundredths of a percent
)

// SandboxGateway is the id of the gateway that is simulated in this process: orders of the sandbox mode are paid through
// it, and its payers choose on a page what becomes of their payments.
const SandboxGateway = "sandbox"

// What a simulated order is paid to on the network that nobody watches: a chain id that developers' chains have, where nobody
// loses anything by believing it.
const (
	sandboxChain   = 1337
	sandboxToken   = "0x0000000000000000000000000000000000005Bc0"
	sandboxAddress = "0x000000000000000000000000000000000000dEaD"
)

// sandboxGatewayNetwork is where orders of the sandbox are collected that no chain tells of.
func sandboxGatewayNetwork() engine.Network {
	id := SandboxGateway + "-gateway"
	return engine.Network{
		ID: id, Name: "Sandbox gateway", Family: daimo.Family + SandboxGateway, Mode: engine.Sandbox, Rail: daimo.Family + SandboxGateway,
		ChainID: sandboxChain, Custodial: true, Simulated: true, ReceiveOnly: true,
		Tokens: []engine.Token{{Asset: money.MustAsset("USDC", id, 6), Contract: sandboxToken}},
	}
}

// sandboxGateway is the simulated one.
func sandboxGateway() Gateway {
	n := sandboxGatewayNetwork()
	return Gateway{
		Gateway: engine.Gateway{ID: SandboxGateway, Name: n.Name, Mode: engine.Sandbox, Rail: n.Rail, Network: n.ID, Address: sandboxAddress, Simulated: true},
		API:     daimo.Payments, Refund: sandboxAddress, Every: 15 * time.Second, Network: &n,
	}
}

// defaultGateway is a gateway's section before the file is read.
func defaultGateway() GatewaySection {
	return GatewaySection{Enabled: true, API: string(daimo.Payments), Mode: engine.Live, Every: defaultEvery}
}

// gatewayURLs are where the gateway serves its generations.
var gatewayURLs = map[daimo.API]string{daimo.Payments: "https://pay.daimo.com", daimo.Sessions: "https://api.daimo.com"}

var (
	gatewayID  = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
	evmAddress = regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`)
)

// gatewayList checks every gateway, and returns those that are enabled by id.
func gatewayList(sections map[string]GatewaySection, networks []Network, banks []Bank, guard webhook.Guard) ([]Gateway, error) {
	var list []Gateway
	taken := map[string]bool{SandboxGateway: true}
	for _, n := range networks {
		taken[n.ID] = true
	}
	for _, b := range banks {
		taken[b.Network.ID] = true
	}
	for _, id := range slices.Sorted(maps.Keys(sections)) {
		if taken[id] {
			return nil, wrong(toml.Key{"gateways", id}, "there is a network, a bank or a gateway of this name already")
		}
		g, err := sections[id].gateway(id, networks, guard)
		if err != nil {
			return nil, err
		}
		if sections[id].Enabled {
			list = append(list, g)
		}
	}
	return list, nil
}

// gateway checks a section.
func (s GatewaySection) gateway(id string, networks []Network, guard webhook.Guard) (Gateway, error) {
	key := func(name string) toml.Key { return toml.Key{"gateways", id, name} }
	g := Gateway{
		Gateway: engine.Gateway{ID: id, Name: s.Name, Mode: s.Mode, Rail: daimo.Family + rail.Name(id)},
		API:     daimo.API(s.API), URL: strings.TrimRight(s.URL, "/"), Refund: s.Refund, Every: time.Duration(s.Every),
	}
	if g.Name == "" {
		g.Name = id
	}
	if g.URL == "" {
		g.URL = gatewayURLs[g.API]
	}
	switch {
	case !gatewayID.MatchString(id):
		return g, wrong(toml.Key{"gateways", id}, "a gateway's name is 1 to 40 of a-z, 0-9 and -")
	case g.API != daimo.Payments && g.API != daimo.Sessions:
		return g, wrong(key("api"), "want %q or %q", daimo.Payments, daimo.Sessions)
	case s.Mode != engine.Live && s.Mode != engine.Sandbox:
		return g, wrong(key("mode"), "want live or sandbox")
	case len(s.Name) > 64:
		return g, wrong(key("name"), "is longer than 64 bytes")
	case s.Every < minEvery || s.Every > maxEvery:
		return g, wrong(key("every"), "want %s to %s", time.Duration(minEvery), time.Duration(maxEvery))
	case g.API == daimo.Payments && s.Refund == "":
		return g, wrong(key("refund_address"), "is missing: money that cannot be delivered goes back there")
	case s.Refund != "" && !evmAddress.MatchString(s.Refund):
		return g, wrong(key("refund_address"), "want an address, 0x and 40 hexadecimal digits")
	}
	if u, err := url.Parse(g.URL); err != nil || u.RawQuery != "" || u.ForceQuery {
		return g, wrong(key("url"), "want scheme, host and perhaps a path, and nothing else")
	}
	if _, err := guard.CheckURL(g.URL); err != nil {
		return g, wrong(key("url"), "%v", err)
	}
	for _, one := range []struct {
		name           string
		text           secrets.Text
		file, variable string
	}{{"key", s.Key, s.KeyFile, s.KeyEnv}, {"webhook_secret", s.Secret, s.SecretFile, s.SecretEnv}} {
		given := 0
		for _, is := range []bool{one.text != "", one.file != "", one.variable != ""} {
			if is {
				given++
			}
		}
		if given != 1 && s.Enabled {
			return g, wrong(key(one.name), "is given here, in %s_file or in the variable that %s_env names: give one of them", one.name, one.name)
		}
	}
	if g.API == daimo.Sessions {
		g.Tolerance = halfPercent
	}
	return g, s.own(&g, networks)
}

// own checks what the section says of a network of the gateway's own.
func (s GatewaySection) own(g *Gateway, networks []Network) error {
	key := func(name string) toml.Key { return toml.Key{"gateways", g.ID, name} }
	if s.ChainID == 0 {
		if s.Address != "" || len(s.Tokens) > 0 {
			return wrong(key("chain_id"), "is missing beside the address or the tokens")
		}
		return nil
	}
	for _, n := range networks {
		if n.ChainID == s.ChainID && len(n.RPC) > 0 {
			return wrong(key("chain_id"), "the network %s watches this chain: orders on it need no word of the gateway", n.ID)
		}
	}
	canonical, checksumOK, err := evm.ParseAddress(s.Address)
	switch {
	case s.ChainID > maxChainID:
		return wrong(key("chain_id"), "want 1 to %d", maxChainID)
	case err != nil:
		return wrong(key("address"), "%v", err)
	case !checksumOK:
		return wrong(key("address"), "its upper and lower case do not fit (EIP-55); it is probably mistyped")
	case len(s.Tokens) == 0:
		return wrong(key("tokens"), "are missing: what arrives there")
	}
	n := engine.Network{
		ID: g.ID, Name: g.Name, Family: engine.Family(g.Rail), Mode: s.Mode, Rail: g.Rail, ChainID: s.ChainID, Custodial: true, ReceiveOnly: true,
	}
	for i, t := range s.Tokens {
		if err := t.add(&n); err != nil {
			return wrong(key("tokens"), "token %d: %v", i+1, err)
		}
	}
	g.Gateway.Network, g.Address, g.Network = n.ID, canonical, &n
	return nil
}

// openGateways reads the keys and secrets.
func (f File) openGateways(cfg *Config, env func(string) string) error {
	for i := range cfg.Gateways {
		g := &cfg.Gateways[i]
		s := f.Gateways[g.ID]
		for _, one := range []struct {
			to             *secrets.Text
			name           string
			text           secrets.Text
			file, variable string
		}{{&g.Key, "key", s.Key, s.KeyFile, s.KeyEnv}, {&g.Secret, "webhook_secret", s.Secret, s.SecretFile, s.SecretEnv}} {
			key := "gateways." + g.ID + "." + one.name
			*one.to = one.text
			if one.file != "" {
				text, err := secrets.ReadFile(under(cfg.Dir, one.file))
				if err != nil {
					return fmt.Errorf("%s_file: %w", key, err)
				}
				*one.to = secrets.Text(strings.TrimRight(text.Reveal(), "\r\n"))
			}
			if one.variable != "" {
				*one.to = secrets.Text(env(one.variable))
			}
			if *one.to == "" {
				return fmt.Errorf("%s: is empty", key)
			}
		}
	}
	return nil
}

// everyGateway is those of the config, and the simulated one.
func everyGateway(cfg Config) []Gateway { return append(slices.Clone(cfg.Gateways), sandboxGateway()) }

// withGateways is the engine with them.
func withGateways(e *engine.Engine, cfg Config) *engine.Engine {
	var list []engine.Gateway
	for _, g := range everyGateway(cfg) {
		list = append(list, g.Gateway)
	}
	return e.WithGateways(list)
}

// gatewayNetworks are the networks of gateways' own.
func gatewayNetworks(cfg Config) (list []engine.Network) {
	for _, g := range everyGateway(cfg) {
		if g.Network != nil {
			list = append(list, *g.Network)
		}
	}
	return list
}

// gateways are the rails of all gateways and what they are reached by.
type gateways struct {
	rails  map[string]*daimo.Rail
	sim    *simgateway.Gateway
	client *webhook.Client
}

// startGateways makes their rails, with a watcher each. pages is where browsers reach the server; "" where nobody can know.
func startGateways(ctx context.Context, cfg Config, e *engine.Engine, pages string) (out gateways, workers []worker.Rail, err error) {
	out = gateways{rails: map[string]*daimo.Rail{}, client: webhook.NewClient(cfg.Guard, webhook.Options{Timeout: gatewayTimeout, Now: cfg.Now})}
	for _, g := range everyGateway(cfg) {
		c := daimo.Config{
			ID: g.ID, API: g.API, URL: g.URL, Key: g.Key, Secret: g.Secret, Live: g.Mode == engine.Live, Refund: g.Refund, Every: g.Every,
			State: e.State(g.Rail), Caller: out.client, Now: cfg.Now, Log: cfg.Log,
		}
		if g.Simulated {
			c.Key, c.Secret, c.URL, c.Poll = secrets.Text(rand.Text()), secrets.Text(rand.Text()), "http://"+SandboxGateway, 500*time.Millisecond
			if out.sim, err = simulated(ctx, cfg, e, c, pages); err != nil {
				return out, nil, err
			}
			c.Caller = out.sim
		}
		r, err := daimo.New(c)
		if err != nil {
			return out, nil, err
		}
		if g.Simulated {
			out.sim.Hook(func(ctx context.Context, header http.Header, body []byte) error {
				_, err := r.Receive(ctx, header, body)
				return err
			})
		}
		out.rails[g.ID] = r
		n := engine.Network{ID: g.ID, Name: g.Name, Family: engine.Family(g.Rail), Mode: g.Mode, Rail: g.Rail, Simulated: g.Simulated}
		if g.Network != nil {
			n = *g.Network
		}
		workers = append(workers, worker.Rail{Network: n, Watcher: r})
	}
	return out, workers, nil
}

const simulatedKey = "sim/"

// simulated is the gateway of the sandbox. What its payers did is kept beside what its rail remembers.
func simulated(ctx context.Context, cfg Config, e *engine.Engine, c daimo.Config, pages string) (*simgateway.Gateway, error) {
	sim := simgateway.Config{API: string(c.API), Key: c.Key.Reveal(), Secret: c.Secret.Reveal(), Now: cfg.Now}
	if pages != "" {
		sim.Pages = pages + gatewayPath + c.ID
	}
	sim.Keep = func(p simgateway.Payment) error {
		text, err := json.Marshal(p)
		if err != nil {
			return err
		}
		return c.State.Update(context.Background(), func(m rail.Memory) error { return m.Put(simulatedKey+p.ID, text) })
	}
	for after := ""; ; {
		items, err := c.State.List(ctx, simulatedKey, after, 500)
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			var p simgateway.Payment
			if err := json.Unmarshal(item.Value, &p); err != nil {
				return nil, fmt.Errorf("the simulated payment %s cannot be read: %w", item.Key, err)
			}
			sim.Known = append(sim.Known, p)
			after = item.Key
		}
		if len(items) == 0 {
			break
		}
	}
	if cfg.Deliver != nil {
		sim.Deliver = func(ctx context.Context, p simgateway.Payment, amount string) (tx, from string, err error) {
			return deliver(ctx, cfg, p, amount)
		}
	}
	return simgateway.New(sim)
}

// deliver moves a simulated payment's tokens where its chain is one that this process has, and else makes its transaction up.
func deliver(ctx context.Context, cfg Config, p simgateway.Payment, amount string) (tx, from string, err error) {
	for _, n := range cfg.Networks {
		for _, t := range n.Tokens {
			if n.ChainID != p.Chain || !strings.EqualFold(t.Contract, p.Token) {
				continue
			}
			sum, err := money.Parse(t.Asset, amount)
			if err != nil {
				return "", "", err
			}
			return cfg.Deliver(ctx, n.ID, t.Contract, p.To, sum.Big())
		}
	}
	return "0x" + strings.Repeat("0", 32) + strings.ToLower(hexID()), sandboxAddress, nil
}

// hexID is 32 random hexadecimal digits.
func hexID() string {
	raw := make([]byte, 16)
	rand.Read(raw)
	return fmt.Sprintf("%x", raw)
}

// Deliver moves tokens on a chain of this process: units of the token at contract on the network, to an address. It returns the
// transaction and who paid.
type Deliver func(ctx context.Context, network, contract, to string, units *big.Int) (tx, from string, err error)

// Simulator is the gateway of the sandbox, for demos and tests.
func (a *App) Simulator() *simgateway.Gateway { return a.gateways.sim }

const maxCallback = 64 << 10

// gatewayRoutes takes the gateways' callbacks, and serves the pages of the simulated one.
func (a *App) gatewayRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST "+gatewayPath+"{id}", func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusNotFound
		if to := a.gateways.rails[r.PathValue("id")]; to != nil {
			status = a.callback(w, r, to)
		}
		web.WriteJSON(w, status, map[string]bool{"received": status == http.StatusOK})
	})
	mount := gatewayPath + SandboxGateway
	mux.Handle(mount+"/pay/", http.StripPrefix(mount, a.gateways.sim))
}

// callback hands a callback to its rail and returns the status of the answer. The far side calls again after a 503.
func (a *App) callback(w http.ResponseWriter, r *http.Request, to rail.Receiver) int {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCallback))
	if err != nil {
		if _, long := errors.AsType[*http.MaxBytesError](err); long {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusBadRequest
	}
	_, err = to.Receive(r.Context(), r.Header, body)
	switch {
	case err == nil:
		return http.StatusOK
	case fault.Is(err, fault.CodeUnauthorized):
		return http.StatusUnauthorized
	case fault.Is(err, fault.CodeInvalidValue):
		return http.StatusBadRequest
	}
	a.log.WarnContext(r.Context(), "a callback was not noted", "rail", string(to.Name()), "error", err)
	return http.StatusServiceUnavailable
}

// gatewayReasons is what is wrong with a gateway; ok is false for a network that is none's.
func (a *App) gatewayReasons(on rail.Name) (reasons []reason, ok bool) {
	for _, r := range a.gateways.rails {
		if r.Name() != on {
			continue
		}
		s := r.Health()
		if s.Err != nil {
			reasons = append(reasons, gatewayTrouble)
		}
		if s.Unmatched > 0 {
			reasons = append(reasons, gatewayUnmatched)
		}
		return reasons, true
	}
	return nil, false
}
