// Package baanx is the API of Baanx's product orders: a user of a merchant's client application buys a product (a card,
// a subscription), pays it in crypto, from any wallet or through a gateway, and the merchant hands it over.
//
// The contract is Baanx's published page of creating an order ("the seed" in DIVERGENCES.md, which lists every place where
// this API differs from it or had to choose). The package decides what a request means and how an answer looks; what
// happens to money, and who may buy what, is the engine's.
//
// Next to read: routes.go for what there is and in which order a request is checked, auth.go for clients and users,
// orders.go for orders, errors.go for every refusal. login.go and oauth.go are how a user gets a token, page.go the
// page where he consents.
package baanx

import (
	"context"
	"io"
	"log/slog"
	"time"

	"till/internal/auth"
	"till/internal/dialect"
	"till/internal/engine"
	"till/internal/page"
)

// Config is what the API works with. All fields but those that say so are required.
type Config struct {
	Engine   *engine.Engine
	Auth     *auth.Auth   // checks client ids, which are keys of this API
	Grants   *auth.Grants // users' passwords and tokens
	SignKeys [][]byte     // secret keys of 32 bytes, the newest first: they sign what a client carries from one step to the next
	Kit      *page.Kit

	// SendCode sends a user the code of his login. nil: nobody can be told, and live users with codes cannot log in.
	SendCode func(ctx context.Context, u *engine.User, code string) error
	// Later does an errand after the request is answered, and logs its error. It is false where too many wait: the errand is forgotten. Required
	// with SendCode.
	Later func(errand func(ctx context.Context) error) bool
	// Issuer checks the token of an external issuer (OpenID Connect). nil: there is none.
	Issuer func(ctx context.Context, token string) (Identity, error)

	PublicURL     string // where browsers reach this API, its mount included, without a slash at the end; empty: not said
	DocumentedAt  bool   // paidAt in the form of the documentation's example, not of RFC 3339
	Now           func() time.Time
	Random        io.Reader // for ids; crypto/rand's in production; safe for concurrent use
	Log           *slog.Logger
	afterPurchase func() error // tests only: runs when an order is committed and before it is answered
}

// Identity is who an external issuer says that somebody is.
type Identity struct {
	Subject      string // unique at all issuers
	Email        string // empty: not said, or not verified by the issuer
	Country      string // ISO 3166, two letters; empty: not said
	VerifiedUser bool   // the issuer says that it knows who he is
}

// Dialect is the API.
type Dialect struct {
	Config
	engine *engine.Engine
	pages  *page.Pages
	log    *slog.Logger
}

// New makes the API. Its errors are mistakes in the program.
func New(c Config) (*Dialect, error) {
	pages, err := c.Kit.Pages(files)
	return &Dialect{Config: c, engine: c.Engine, pages: pages, log: c.Log}, err
}

var _ dialect.Dialect = (*Dialect)(nil)

// Name is the path the API is mounted under and the word in an order's scope.
const Name = "baanx"

// Name is the constant of that name.
func (d *Dialect) Name() string { return Name }
