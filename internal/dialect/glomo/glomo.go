// Package glomo is the Glomo API: a business creates a customer and an order of a fixed amount, sends the customer to a
// hosted checkout, and is paid by card, bank transfer or the customer's own bank; an order that screening stops asks
// for documents and goes on when somebody has looked at them.
//
// The contract is the published page of creating an order ("the seed" in DIVERGENCES.md, which lists every place where
// this API differs from it or had to choose). The package decides what a request means and how an answer looks, and
// nothing about money: that is the engine's.
//
// Next to read: routes.go for what there is, auth.go for who may call, orders_decode.go for what an order may say,
// errors.go for every refusal. Each noun has its handlers and routes in a file of its name.
package glomo

import (
	"context"
	"io"
	"log/slog"
	"time"

	"till/internal/auth"
	"till/internal/dialect"
	"till/internal/engine"
)

// Config is what the API works with. All fields but Currencies and PublicURL are required.
type Config struct {
	Engine *engine.Engine
	Keys   *auth.SignedKeys // the merchants' secret keys
	Auth   *auth.Auth       // checks publishable keys
	// SecretKey is a good secret key of a merchant with its text: the one whose id is preferred, else the newest; nil: there is none.
	SecretKey func(ctx context.Context, s engine.Scope, preferred string) (*SecretKey, error)

	// Currencies are what orders are sold in, by their ISO 4217 codes; none: DefaultCurrencies.
	Currencies []string

	// PublicURL is where browsers reach this API, its mount included, without a slash at the end; empty: nobody said.
	PublicURL string

	// Play makes payments up in the sandbox; nil: nothing does.
	Play func(ctx context.Context, p Play) error

	Now    func() time.Time // true time
	Random io.Reader        // for ids; crypto/rand's in production; safe for concurrent use
	Log    *slog.Logger
}

// Dialect is the API.
type Dialect struct {
	engine    *engine.Engine
	keys      *auth.SignedKeys
	auth      *auth.Auth
	secretKey func(ctx context.Context, s engine.Scope, preferred string) (*SecretKey, error)

	currencies []string

	publicURL string
	play      func(ctx context.Context, p Play) error
	now       func() time.Time
	random    io.Reader
	log       *slog.Logger
}

// DefaultCurrencies are those that the contract names.
var DefaultCurrencies = []string{"USD", "EUR", "GBP"}

// New makes the API.
func New(c Config) *Dialect {
	if len(c.Currencies) == 0 {
		c.Currencies = DefaultCurrencies
	}
	return &Dialect{engine: c.Engine, keys: c.Keys, auth: c.Auth, secretKey: c.SecretKey, currencies: c.Currencies, publicURL: c.PublicURL, play: c.Play, now: c.Now, random: c.Random, log: c.Log}
}

var _ dialect.Dialect = (*Dialect)(nil)

// Name is the path the API is mounted under and the word in an order's scope.
const Name = "glomo"

// Name is the constant of that name.
func (d *Dialect) Name() string { return Name }
