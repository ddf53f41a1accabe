package app

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"

	"till/internal/engine"
	"till/internal/rail/evm"
	"till/internal/store"
	"till/internal/verify"
)

// Books is the database that verify, backup and migrate work on.
type Books struct {
	Config   string // the config file, as for LoadConfig
	Database string // the path of a file or a URL; empty: what the config says
	Env      func(string) string
	Log      io.Writer
}

// config is the config, with the database that was named.
func (b Books) config() (Config, error) {
	cfg := Config{Log: slog.New(slog.DiscardHandler)}
	if b.Database == "" || b.Config != "" {
		var err error
		if cfg, err = ReadConfig(b.Config, b.Env, b.Log); err != nil {
			return cfg, err
		}
	}
	cfg.Database = cmp.Or(b.Database, cfg.Database)
	if !store.IsPostgres(cfg.Database) {
		if _, err := os.Stat(cfg.Database); err != nil {
			return cfg, fmt.Errorf("there is no database: %w", err)
		}
	}
	return cfg, nil
}

// Proof is what the books may be held against beside themselves.
type Proof struct {
	Heads    []string                // files of exported heads, which the chains must contain
	RPC      map[string]string       // nodes of networks that the config knows, by their ids: what addresses hold is compared
	Progress func(done, total int64) // called now and then; nil: nobody asks
}

// Verify proves the books beside a server that may be running. A report with problems is no error.
func Verify(ctx context.Context, b Books, p Proof) (*verify.Report, error) {
	cfg, err := b.config()
	if err != nil {
		return nil, err
	}
	var heads []engine.Head
	for _, path := range p.Heads {
		head, err := readHead(path)
		if err != nil {
			return nil, err
		}
		heads = append(heads, head)
	}
	var watched []Network
	if len(p.RPC) > 0 {
		if watched, err = b.reached(p.RPC); err != nil {
			return nil, err
		}
	}
	s, err := store.OpenReadOnly(ctx, cfg.Database, store.Options{Log: cfg.Log})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var report *verify.Report
	err = s.Audit(ctx, func(r verify.Reader) (err error) {
		if report, err = verify.Run(r, verify.Options{Heads: heads, Progress: p.Progress}); err != nil {
			return err
		}
		for _, n := range watched {
			chain, err := evm.New(evmConfig(n), evm.Opts{Log: cfg.Log})
			if err != nil {
				return err
			}
			if err := verify.AddHoldings(ctx, r, report, n.Network, chain, n.Sender.wallet(n.dir)); err != nil {
				return fmt.Errorf("network %s: %w", n.ID, err)
			}
		}
		return nil
	})
	if !store.IsPostgres(cfg.Database) {
		damage := store.CheckFile(ctx, cfg.Database)
		switch {
		case damage == nil:
		case err != nil:
			err = fmt.Errorf("%w (%w)", err, damage)
		default:
			report.Add(verify.Record, "the database", "%v", damage)
		}
	}
	return report, err
}

// reached are the networks of the config that a node is given for.
func (b Books) reached(rpc map[string]string) ([]Network, error) {
	cfg, err := ReadConfig(b.Config, b.Env, b.Log)
	if err != nil {
		return nil, err
	}
	var list []Network
	for id, url := range rpc {
		i := slices.IndexFunc(cfg.Networks, func(n Network) bool { return n.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("the config has no network %q", id)
		}
		n := cfg.Networks[i]
		n.RPC, n.dir = []string{url}, cfg.Dir
		list = append(list, n)
	}
	return list, nil
}

// readHead reads an exported head.
func readHead(path string) (engine.Head, error) {
	var h engine.Head
	text, err := os.ReadFile(path)
	if err != nil {
		return h, err
	}
	if json.Unmarshal(text, &h) != nil || h.N < 1 || len(h.Head) != 64 || !slices.Contains(engine.Modes(), h.Mode) {
		return h, fmt.Errorf("%s is not an exported head", path)
	}
	return h, nil
}

// Backup writes a copy of a SQLite database to a new file, beside a server that may be running, and says which
// database it was.
func Backup(ctx context.Context, b Books, to string) (database string, err error) {
	cfg, err := b.config()
	if err != nil {
		return "", err
	}
	if store.IsPostgres(cfg.Database) {
		return "", fmt.Errorf("the database is PostgreSQL: back it up with its own tools, such as pg_dump --format=custom")
	}
	s, err := store.OpenReadOnly(ctx, cfg.Database, store.Options{Log: cfg.Log})
	if err != nil {
		return "", err
	}
	defer s.Close()
	return cfg.Database, s.Backup(ctx, to)
}

// Restore makes a new SQLite database of a backup.
func Restore(ctx context.Context, backup, to string) error {
	if store.IsPostgres(to) {
		return fmt.Errorf("a backup of SQLite is restored to a file; PostgreSQL has pg_restore")
	}
	return store.Restore(ctx, backup, to)
}

// Migrate brings the schema of a database up to date, or with dry only says what that would take.
func Migrate(ctx context.Context, b Books, dry bool) (store.Schema, error) {
	cfg, err := b.config()
	if err != nil {
		return store.Schema{}, err
	}
	before, err := store.SchemaOf(ctx, cfg.Database)
	if err != nil || dry || len(before.Pending) == 0 {
		return before, err
	}
	return before, store.Migrate(ctx, cfg.Database, store.Options{Log: cfg.Log})
}
