// Package koywe is the API of Koywe's payments platform: merchants of an organisation take money in, hold it in a
// balance for each currency, exchange it, pay it out to banks, turn it into crypto and back, and move it between
// them.
//
// The contract is Koywe's published page of creating an order ("the seed" in DIVERGENCES.md, which lists every place
// where this API differs from it or had to choose). The package decides what a request means and how an answer looks,
// and nothing about money: that is the engine's.
//
// Next to read: routes.go for what there is, access.go for who may reach it, orders_decode.go for what an order may
// say, errors.go for every refusal. Each noun has its handlers and routes in a file of its name.
package koywe

import (
	"io"
	"log/slog"
	"time"

	"till/internal/auth"
	"till/internal/dialect"
	"till/internal/engine"
	"till/internal/webhook"
)

// Config is what the API works with. All fields but PublicURL are required.
type Config struct {
	Engine *engine.Engine
	Tokens *auth.Tokens

	// CheckURL refuses a webhook URL that the server would not deliver to. Error: invalid_url.
	CheckURL func(url string) error
	// Seal encrypts an endpoint's secret for the database.
	Seal func(endpointID string, secret webhook.Secret) (string, error)

	// PublicURL is where browsers reach this API, its mount included, without a slash at the end; empty: nobody
	// said, and orders do not tell where they are paid.
	PublicURL string

	Now    func() time.Time // true time
	Random io.Reader        // for ids; crypto/rand's in production; safe for concurrent use
	Log    *slog.Logger
}

// Dialect is the API.
type Dialect struct {
	engine    *engine.Engine
	tokens    *auth.Tokens
	checkURL  func(string) error
	seal      func(string, webhook.Secret) (string, error)
	publicURL string
	now       func() time.Time
	random    io.Reader
	log       *slog.Logger
}

// New makes the API.
func New(c Config) *Dialect {
	return &Dialect{
		engine: c.Engine, tokens: c.Tokens, checkURL: c.CheckURL, seal: c.Seal, publicURL: c.PublicURL,
		now: c.Now, random: c.Random, log: c.Log,
	}
}

var _ dialect.Dialect = (*Dialect)(nil)

// Name is the path the API is mounted under and the word in an order's scope.
const Name = "koywe"

// Name is the constant of that name.
func (d *Dialect) Name() string { return Name }
