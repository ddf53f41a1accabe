// Package app wires the program by hand: storage, engine, rails, dialects, workers and HTTP. There is no
// registration and no reflection; rails.go and dialects.go are the lists to add a line to.
//
// Sub-packages: dev is the server with a chain of its own for people who write a client; demo is such a
// client.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"till/internal/auth"
	"till/internal/dialect"
	"till/internal/engine"
	"till/internal/secrets"
	"till/internal/store"
	"till/internal/webhook"
	"till/internal/worker"
)

// Config is everything a server is made of.
type Config struct {
	Addr     string    // host and port to listen on; port 0 takes a free one
	Database string    // the SQLite file
	Networks []Network // where orders are collected
	Guard    webhook.Guard
	Box      *secrets.Box // seals what must sign

	Now    func() time.Time // nil: the system's clock
	Random io.Reader        // nil: the system's
	Log    *slog.Logger
}

// App is a running server.
type App struct {
	Engine *engine.Engine

	log      *slog.Logger
	box      *secrets.Box
	store    *store.Store
	workers  *worker.Workers
	client   *webhook.Client
	dialects []dialect.Dialect
	server   *http.Server
	listener net.Listener
	served   chan error
}

// Start opens the database, listens and starts the workers. The caller must Stop it.
func Start(ctx context.Context, cfg Config) (*App, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	a := &App{log: cfg.Log, box: cfg.Box, served: make(chan error, 1)}
	var err error
	if a.store, err = store.OpenSQLite(ctx, cfg.Database, store.Options{Now: cfg.Now, Log: cfg.Log}); err != nil {
		return nil, err
	}
	if err := a.start(cfg); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	return a, nil
}

func (a *App) start(cfg Config) error {
	tell := worker.NewWake()
	a.Engine = engine.New(a.store, networks(cfg.Networks), tell.Wake)
	watchers, err := watchers(cfg.Networks, cfg)
	if err != nil {
		return err
	}
	keys := auth.New(keys{a.store}, cfg.Now)
	if a.dialects, err = dialects(a.Engine, keys, cfg); err != nil {
		return err
	}
	if a.listener, err = net.Listen("tcp", cfg.Addr); err != nil {
		return err
	}
	a.server = newServer(a, keys, cfg)
	go func() { a.served <- a.server.Serve(a.listener) }()

	a.client = webhook.NewClient(cfg.Guard, webhook.Options{Now: cfg.Now})
	a.workers = worker.Start(worker.Config{
		Engine: a.Engine, Watchers: watchers, Tellers: tellers(a.dialects), Client: a.client, Open: a.open,
		Wake: tell, Now: cfg.Now, Random: cfg.Random, Log: cfg.Log,
	})
	return nil
}

// Stop ends the server: no new requests, those under way are finished, then the workers and the database.
func (a *App) Stop(ctx context.Context) error {
	err := a.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, a.server.Close())
	}
	if served := <-a.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	err = errors.Join(err, a.workers.Stop(ctx))
	a.client.Close()
	return errors.Join(err, a.store.Close())
}

// Failed tells when the HTTP server stopped by itself.
func (a *App) Failed() <-chan error { return a.served }

// URL is where the server listens, without a slash at the end.
func (a *App) URL() string { return "http://" + a.listener.Addr().String() }

// Seal encrypts an endpoint's secret for the database.
func (a *App) Seal(endpointID string, secret webhook.Secret) (string, error) {
	return a.box.Seal([]byte(secret.Reveal()), endpointContext(endpointID))
}

// open decrypts an endpoint's secrets, the newest first.
func (a *App) open(ep engine.Endpoint) ([]webhook.Secret, error) {
	plain, err := a.box.Open(ep.Secret, endpointContext(ep.ID))
	if err != nil {
		return nil, fmt.Errorf("the secret of endpoint %s cannot be opened: %w", ep.ID, err)
	}
	return []webhook.Secret{webhook.Secret(plain)}, nil
}

func endpointContext(id string) string { return "endpoint/" + id }

// keys lets auth look keys up in the store.
type keys struct{ store *store.Store }

func (k keys) KeyByHash(ctx context.Context, hash string) (*auth.Key, error) {
	var found *engine.Key
	err := k.store.View(ctx, func(rd engine.Reader) error {
		var err error
		found, err = rd.KeyByHash(hash)
		return err
	})
	if err != nil || found == nil {
		return nil, err
	}
	return &auth.Key{
		ID: found.ID, Hash: found.Hash, Merchant: found.Scope.Merchant, Mode: string(found.Scope.Mode),
		Dialect: found.Scope.Dialect, Scopes: found.Scopes, Active: found.Active, ExpiresAt: found.ExpiresAt,
	}, nil
}
