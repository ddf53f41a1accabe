// Package app wires the program by hand: storage, engine, rails, dialects, workers and HTTP. There is no
// registration and no reflection; rails.go and dialects.go are the lists to add a line to.
//
// Sub-packages: dev is the server with a chain of its own for people who write a client; demo is such a
// client.
package app

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"till/internal/auth"
	"till/internal/checkout"
	"till/internal/dashboard"
	"till/internal/dialect"
	"till/internal/dialect/baanx"
	"till/internal/dialect/payin"
	"till/internal/engine"
	"till/internal/page"
	"till/internal/rail"
	"till/internal/rail/bank"
	"till/internal/rail/evm"
	"till/internal/rail/sandbox"
	"till/internal/secrets"
	"till/internal/store"
	"till/internal/web"
	"till/internal/webhook"
	"till/internal/worker"
)

// Config is everything a server is made of. LoadConfig reads one from a file.
type Config struct {
	Addr      string          // host and port to listen on; port 0 takes a free one
	Database  string          // the SQLite file, or a postgres:// URL
	Networks  []Network       // where orders are collected
	Banks     []Bank          // accounts of the house that files are exchanged about
	PSPs      []PSP           // payment services on whose pages payers pay
	Gateways  []Gateway       // that orders may be paid through, beside the simulated one
	Pools     []worker.Pool   // that addresses are derived for
	Exchange  engine.Exchange // on what terms the house exchanges; zero: the defaults
	Screening Screening       // lists of whom not to deal with; zero: none
	Files     Files           // where files of people are kept; zero: in the database
	Rates     Rates           // where exchange rates come from; zero: from nowhere
	Methods   []engine.Method // that payers may choose; nil: those of the sandbox
	Guard     webhook.Guard
	Box       *secrets.Box // seals what must sign

	TLS            *tls.Certificate // nil: plain http
	PublicURL      string           // where clients reach the server, without a slash at the end; empty: not said
	TrustedProxies []netip.Prefix   // whose X-Forwarded-For is believed
	Dir            string           // of the config file; what belongs beside it is put here
	Metrics        Metrics
	Tracing        string            // URL of an OpenTelemetry collector's traces; empty: none
	Version        string            // of the program, for the metrics and traces
	Hosts          map[string]string // host names at whose root an API is served too, and which
	PayIn          payin.Limits
	Baanx          Baanx
	Currencies     []string // that Glomo orders are sold in; none: those of the contract
	Senders        Senders  // what customers are told by
	Deliver        Deliver  // how the simulated gateway moves tokens; nil: it says that it did
	Heads          string   // the folder that heads of the sealed ledger are exported to; empty: they are not

	NewSigningKey func() (*rsa.PrivateKey, error) // nil: one of 3072 bits

	Now func() time.Time // nil: the system's clock

	SyncPause time.Duration // for measurements, no key of the file: each sync of SQLite takes so much longer

	Random io.Reader // nil: the system's
	Log    *slog.Logger
}

// App is a running server.
type App struct {
	Engine *engine.Engine

	log        *slog.Logger
	box        *secrets.Box
	store      *store.Store
	workers    *worker.Workers
	client     *webhook.Client
	dialects   []dialect.Dialect
	people     *auth.People
	grants     *auth.Grants
	shop       *baanx.Dialect // for what is asked of merchants beside webhooks
	signing    *signing       // of the API whose keys are signed
	signedKeys *auth.SignedKeys
	uses       *keyUses
	errands    *errands
	pages      *page.Kit
	dashboard  *dashboard.Dashboard
	checkout   *checkout.Checkout
	server     *http.Server
	listener   net.Listener
	served     chan struct{} // closed when the HTTP server has ended
	failed     chan error    // why, when nobody asked it to
	rails      []worker.Rail
	senders    []rail.Sender
	sandbox    *sandbox.Rail
	screener   *screener             // nil: no lists
	banks      map[string]*bank.Rail // those that send, by the id of their network
	gateways   gateways
	psps       psps
	now        func() time.Time
	random     io.Reader
	tracing    *tracing // nil: none
	secure     bool     // it speaks https
}

// Start opens the database, listens and starts the workers. The caller must Stop it.
func Start(ctx context.Context, cfg Config) (*App, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	cfg.Log = slog.New(web.LogHandler(cfg.Log.Handler()))
	a := &App{log: cfg.Log, box: cfg.Box, served: make(chan struct{}), failed: make(chan error, 1), now: cfg.Now, random: cfg.Random, secure: cfg.TLS != nil}
	var err error
	if a.store, err = openStore(ctx, cfg); err != nil {
		return nil, err
	}
	if err := a.start(cfg); err != nil {
		a.tracing.stop(ctx)
		return nil, errors.Join(err, a.store.Close())
	}
	return a, nil
}

func openStore(ctx context.Context, cfg Config) (*store.Store, error) {
	o := store.Options{Now: cfg.Now, Log: cfg.Log, SyncPause: cfg.SyncPause}
	if !store.IsPostgres(cfg.Database) {
		return store.OpenSQLite(ctx, cfg.Database, o)
	}
	s, err := store.OpenPostgres(ctx, cfg.Database, o)
	if err != nil {
		return nil, fmt.Errorf("database.url: %w", err)
	}
	return s, nil
}

// DatabaseName is a database of Config.Database as a log and a terminal may show it.
func DatabaseName(database string) string { return store.Shown(database) }

// LastTold is the rail's time up to which everything was told when the database was last used; zero: it
// never was. The server must not be running.
func LastTold(ctx context.Context, cfg Config, r rail.Name) (time.Time, error) {
	s, err := openStore(ctx, cfg)
	if err != nil {
		return time.Time{}, err
	}
	p, err := engine.New(s, nil, nil).Progress(ctx, r)
	if err = errors.Join(err, s.Close()); err != nil || p == nil {
		return time.Time{}, err
	}
	return p.Cursor.Horizon, nil
}

// FirstNonce is the first nonce of a hot wallet that no block has taken for good, as the database says that was last used:
// a chain that begins anew must have it there, or what the wallet signed before is never mined.
func FirstNonce(ctx context.Context, cfg Config, r rail.Name, wallet common.Address) (uint64, error) {
	s, err := openStore(ctx, cfg)
	if err != nil {
		return 0, err
	}
	first, err := evm.FirstNonce(ctx, engine.New(s, nil, nil).State(r), wallet)
	return first, errors.Join(err, s.Close())
}

func (a *App) start(cfg Config) error {
	var err error
	if a.tracing, err = newTracing(context.Background(), cfg); err != nil {
		return err
	}
	told, commits := worker.NewBell(), worker.NewBell()
	a.Engine = engine.New(a.tracing.store(a.store), append(networks(cfg), gatewayNetworks(cfg)...), func() { told.Ring(); commits.Ring() }).Limited(limits(cfg))
	if cfg.Methods == nil {
		cfg.Methods = MethodCatalogue()
	}
	a.Engine = withGateways(a.Engine.WithMethods(cfg.Methods), cfg)
	if a.Engine, err = withExchange(a.Engine, cfg); err != nil {
		return err
	}
	a.Engine.SetPayees(payees{a.Engine})
	if a.screener, err = newScreener(cfg); err != nil {
		return err
	}
	if a.screener != nil {
		a.Engine.SetScreener(a.screener)
	}
	a.Engine.SetTwoPersons(cfg.Screening.TwoPersons)
	blobs, err := cfg.Files.blobs()
	if err != nil {
		return err
	}
	a.Engine.SetBlobs(blobs, cfg.Files.Most)
	reach, err := rails(cfg, a.Engine)
	if err != nil {
		return err
	}
	a.rails, a.senders, a.sandbox, a.banks = reach.rails, reach.senders, reach.sandbox, reach.banks
	a.Engine = withBatches(a.Engine, a.banks)
	if err := openBanks(context.Background(), a.Engine, cfg.Banks); err != nil {
		return err
	}
	keys := auth.New(keys{a.store}, cfg.Now)
	a.people = auth.NewPeople(auth.PeopleConfig{Store: a.store, Now: cfg.Now, Random: cfg.Random})
	if a.listener, err = net.Listen("tcp", cfg.Addr); err != nil {
		return err
	}
	var watchers []worker.Rail
	if a.gateways, watchers, err = startGateways(context.Background(), cfg, a.Engine, a.publicURL(cfg)); err != nil {
		return errors.Join(err, a.listener.Close())
	}
	a.rails = append(a.rails, watchers...)
	var refunders []rail.Sender
	if a.psps, watchers, refunders, err = startPSPs(cfg, a.Engine, a.publicURL(cfg)); err != nil {
		return errors.Join(err, a.listener.Close())
	}
	a.rails, a.senders = append(a.rails, watchers...), append(a.senders, refunders...)
	a.grants = auth.NewGrants(auth.PeopleConfig{Store: a.store, Now: cfg.Now, Random: cfg.Random})
	if a.pages, err = page.New(page.Config{PublicURL: cfg.PublicURL, Log: cfg.Log}); err != nil {
		return errors.Join(err, a.listener.Close())
	}
	if a.dialects, err = dialects(a, keys, cfg); err != nil {
		return errors.Join(err, a.listener.Close())
	}
	a.Engine.SetForgetters(forgetters(a.dialects))
	if err = a.startPages(cfg); err != nil {
		return errors.Join(err, a.listener.Close())
	}
	notices, err := a.notices(cfg)
	if err != nil {
		return errors.Join(err, a.listener.Close())
	}
	a.client = webhook.NewClient(cfg.Guard, webhook.Options{Now: cfg.Now})
	if err = a.putProducts(context.Background(), cfg.Baanx.Products); err != nil {
		return errors.Join(err, a.listener.Close())
	}
	work := worker.Config{
		Engine: a.Engine, Rails: a.rails, Senders: append(a.senders, a.fulfilRails(cfg)...), Pools: cfg.Pools, Banks: bankAccounts(cfg.Banks, a.banks), Filings: filings(cfg.Banks, a.banks), Tellers: tellers(a.dialects), Open: a.open, Client: a.client,
		Notices: notices, Rates: rateSources(cfg.Rates, a.client), Every: cfg.Rates.Every, Events: told, Commits: commits, Random: cfg.Random, Heads: cfg.Heads, Now: cfg.Now, Chance: mathrand.Uint64, Log: cfg.Log,
	}
	if a.screener != nil {
		work.Lists, work.ListsEvery = a.screener.reload, cfg.Screening.Every
	}
	a.workers = worker.New(work)
	a.workers.Start(context.Background())
	a.uses = recordUses(a.Engine, keys, cfg.Log)
	a.errands = startErrands(cfg.Log)
	a.server = newServer(a, keys, cfg)
	go func() {
		defer close(a.served)
		if err := a.serve(); !errors.Is(err, http.ErrServerClosed) {
			a.failed <- err
		}
	}()
	return nil
}

func (a *App) serve() error {
	if a.secure {
		return a.server.ServeTLS(a.listener, "", "") // the certificate is in its TLSConfig
	}
	return a.server.Serve(a.listener)
}

// Stop ends the server: no new requests, those under way are finished while the workers end, and then the
// database is closed.
func (a *App) Stop(ctx context.Context) error {
	var workers sync.WaitGroup
	workers.Go(a.workers.Stop)
	err := a.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, a.server.Close())
	}
	<-a.served
	workers.Wait()
	a.errands.stop()
	a.uses.stop()
	a.client.Close()
	a.gateways.client.Close()
	a.psps.client.Close()
	a.tracing.stop(ctx)
	return errors.Join(err, a.store.Close())
}

// Failed tells when the HTTP server stopped by itself. Stop is still to be called then.
func (a *App) Failed() <-chan error { return a.failed }

// Broken is closed when the disk under SQLite failed so that nothing may be written by this process any more.
// The program must end then; the next start finds out what is on disk.
func (a *App) Broken() <-chan struct{} { return a.store.Broken() }

// URL is where the server listens, without a slash at the end.
func (a *App) URL() string {
	scheme := "http"
	if a.secure {
		scheme = "https"
	}
	return scheme + "://" + a.listener.Addr().String()
}

// Health is how every background loop is.
func (a *App) Health() []worker.Status { return a.workers.Health() }

// Seal encrypts an endpoint's secret for the database.
func (a *App) Seal(endpointID string, secret webhook.Secret) (string, error) {
	return a.box.Seal([]byte(secret.Reveal()), endpointContext(endpointID))
}

// open decrypts the secrets of an endpoint that sign now, the newest first.
func (a *App) open(ep engine.Endpoint) ([]webhook.Secret, error) {
	return openSecrets(a.box, ep.ID, ep.Secrets(a.now()))
}

func openSecrets(box *secrets.Box, endpointID string, sealed []string) ([]webhook.Secret, error) {
	list := make([]webhook.Secret, len(sealed))
	for i, text := range sealed {
		plain, err := box.Open(text, endpointContext(endpointID))
		if err != nil {
			return nil, fmt.Errorf("the secret of endpoint %s cannot be opened: %w", endpointID, err)
		}
		list[i] = webhook.Secret(plain)
	}
	return list, nil
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
	return authKey(found), nil
}

func (k keys) KeyByID(ctx context.Context, id string) (*auth.Key, error) {
	var found *engine.Key
	err := k.store.View(ctx, func(rd engine.Reader) error {
		var err error
		found, err = rd.KeyByID(id)
		return err
	})
	if err != nil || found == nil {
		return nil, err
	}
	return authKey(found), nil
}

func authKey(k *engine.Key) *auth.Key {
	return &auth.Key{
		ID: k.ID, Hash: k.Hash, Merchant: k.Scope.Merchant, Mode: string(k.Scope.Mode),
		Dialect: k.Scope.Dialect, Scopes: k.Scopes, Active: k.Active, ExpiresAt: k.ExpiresAt,
	}
}
