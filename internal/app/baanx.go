package app

import (
	"context"
	"fmt"
	"html"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/BurntSushi/toml"

	"till/internal/dialect/baanx"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/notify"
	"till/internal/page"
	"till/internal/secrets"
	"till/internal/webhook"
)

// BaanxSection is what the Baanx API asks of the operator.
type BaanxSection struct {
	Hosts    []string                             `toml:"hosts"`
	PaidAt   string                               `toml:"paid_at"`
	Issuer   IssuerSection                        `toml:"issuer"`
	Products map[string]map[string]ProductSection `toml:"products"` // by mode and code
}

// IssuerSection is an external issuer of users' tokens; without a url there is none.
type IssuerSection struct {
	URL           string `toml:"url"`
	Audience      string `toml:"audience"`
	VerifiedClaim string `toml:"verified_claim"`
	CountryClaim  string `toml:"country_claim"`
}

// ProductSection is one product that a merchant sells to users.
type ProductSection struct {
	Merchant    string       `toml:"merchant"`
	Description string       `toml:"description"`
	Active      *bool        `toml:"active"` // nil: it is
	Price       string       `toml:"price"`  // a decimal
	Currency    string       `toml:"currency"`
	Network     string       `toml:"network"`
	Token       string       `toml:"token"`
	Gateway     string       `toml:"gateway"`
	TTL         Duration     `toml:"ttl"`
	Region      string       `toml:"region"`
	Verified    *bool        `toml:"verified"` // nil: only who is verified
	Countries   []string     `toml:"countries"`
	Holds       []string     `toml:"holds"`
	HoldsNot    []string     `toml:"holds_not"`
	Fulfilment  string       `toml:"fulfilment"`
	URL         string       `toml:"url"`
	Secret      secrets.Text `toml:"secret"`
	SecretFile  string       `toml:"secret_file"`
}

const defaultTTL = Duration(time.Hour)

// Baanx is what the section says.
type Baanx struct {
	DocumentedAt bool
	Issuer       Issuer
	Products     []Product
}

// Product is one of the config file's, with the secret that is sealed when it is put into the catalogue.
type Product struct {
	engine.Product
	Secret webhook.Secret
}

// What paid_at can be.
const (
	paidAtISO        = "iso"
	paidAtDocumented = "documented"
)

// baanx checks the section against the networks and gateways that cfg has already.
func (s BaanxSection) baanx(dir string, cfg Config) (b Baanx, err error) {
	switch s.PaidAt {
	case paidAtISO:
	case paidAtDocumented:
		b.DocumentedAt = true
	default:
		return b, wrong(toml.Key{"baanx", "paid_at"}, "want iso or documented")
	}
	if b.Issuer, err = s.Issuer.issuer(); err != nil {
		return b, err
	}
	for _, mode := range slices.Sorted(maps.Keys(s.Products)) {
		if mode != string(engine.Live) && mode != string(engine.Sandbox) {
			return b, wrong(toml.Key{"baanx", "products", mode}, "want live or sandbox")
		}
		for _, code := range slices.Sorted(maps.Keys(s.Products[mode])) {
			p, err := s.Products[mode][code].product(dir, engine.Mode(mode), code, cfg)
			if err != nil {
				return b, err
			}
			b.Products = append(b.Products, p)
		}
	}
	return b, nil
}

func (s IssuerSection) issuer() (Issuer, error) {
	key := func(name string) toml.Key { return toml.Key{"baanx", "issuer", name} }
	if s.URL == "" {
		if s.Audience != "" {
			return Issuer{}, wrong(key("url"), "is missing beside the rest of the issuer")
		}
		return Issuer{}, nil
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return Issuer{}, wrong(key("url"), "want the issuer's https URL, under which /.well-known/openid-configuration is")
	}
	if s.Audience == "" {
		return Issuer{}, wrong(key("audience"), "is missing: a token for somebody else would be taken")
	}
	return Issuer{URL: s.URL, Audience: s.Audience, VerifiedClaim: s.VerifiedClaim, CountryClaim: s.CountryClaim}, nil
}

// product checks what can be without the database; the rest is checked when it is put into the catalogue.
func (s ProductSection) product(dir string, m engine.Mode, code string, cfg Config) (p Product, err error) {
	key := func(name string) toml.Key { return toml.Key{"baanx", "products", string(m), code, name} }
	currency, err := money.Fiat(s.Currency)
	if err != nil {
		return p, wrong(key("currency"), "want a currency of ISO 4217, like USD")
	}
	price, err := money.Parse(currency, s.Price)
	if err != nil || price.Sign() <= 0 {
		return p, wrong(key("price"), "want a decimal above zero with at most %d decimals", currency.Scale())
	}
	networks := gatewayNetworks(cfg) // what is paid through a gateway alone
	for _, n := range cfg.Networks {
		networks = append(networks, n.Network)
	}
	at := slices.IndexFunc(networks, func(n engine.Network) bool { return n.ID == s.Network && n.Mode == m })
	if at < 0 {
		return p, wrong(key("network"), "there is no %s network %q", m, s.Network)
	}
	if _, err := networks[at].Asset(s.Token); err != nil {
		return p, wrong(key("token"), "the network has no token %q", s.Token)
	}
	if s.Gateway != "" && !slices.ContainsFunc(everyGateway(cfg), func(g Gateway) bool { return g.ID == s.Gateway && g.Mode == m }) {
		return p, wrong(key("gateway"), "there is no %s gateway %q", m, s.Gateway)
	}
	if s.Region != "" && s.Region != "us" {
		return p, wrong(key("region"), `want "us", or nothing for every region`)
	}
	if s.TTL == 0 {
		s.TTL = defaultTTL
	}
	p.Product = engine.Product{
		Code: code, Scope: engine.Scope{Merchant: s.Merchant, Mode: m, Dialect: baanx.Name}, Description: s.Description, Active: s.Active == nil || *s.Active,
		Price: price, Network: s.Network, Token: s.Token, Gateway: s.Gateway, TTL: time.Duration(s.TTL), Region: s.Region,
		Eligibility: engine.Eligibility{Verified: s.Verified == nil || *s.Verified, Countries: s.Countries, Holds: s.Holds, HoldsNot: s.HoldsNot},
		Fulfilment:  engine.Fulfilment{Kind: engine.FulfilmentKind(s.Fulfilment), URL: s.URL},
	}
	if p.Scope.Merchant == "" {
		p.Scope.Merchant = firstMerchant
	}
	if s.Fulfilment == string(engine.FulfilByWebhook) {
		if _, err := cfg.Guard.CheckURL(s.URL); err != nil {
			return p, wrong(key("url"), "%v", err)
		}
		secret, err := secretOf(dir, s.Secret, s.SecretFile, key("secret"), key("secret_file"))
		if err != nil {
			return p, err
		}
		if p.Secret = webhook.Secret(secret); p.Secret == "" {
			return p, wrong(key("secret"), "is missing: what the URL is told must be signed")
		}
	}
	return p, nil
}

// sendCode sends a user the code of his login by e-mail; nil where no mail server is configured.
func (a *App) sendCode(cfg Config) func(ctx context.Context, u *engine.User, code string) error {
	if cfg.Senders.Email == nil {
		return nil
	}
	mail := *cfg.Senders.Email
	mail.Now = cfg.Now
	return func(ctx context.Context, u *engine.User, code string) error {
		raw, err := a.draw(8)
		if err != nil {
			return err
		}
		text := "Your code is " + code + ". It is good for ten minutes. Whoever asks you for it is not us.\n"
		return mail.Send(ctx, fmt.Sprintf("code-%x", raw), u.Email, notify.Written{
			Lang: page.English, Title: "Your code: " + code, Text: text, HTML: "<p>" + html.EscapeString(text) + "</p>",
		})
	}
}
