package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"

	"till/internal/engine"
	"till/internal/secrets"
	"till/internal/store"
)

// rotator is who the actions of a rotation are recorded for.
const rotator = "till key rotate-master"

// Rotated is what a rotation of the master key did.
type Rotated struct {
	KeyFile   string
	KeyID     string // of the new key, see secrets.Box.KeyID
	Endpoints int    // whose secrets are under the new key now
	Resumed   bool   // it finished a rotation that was begun before, and made no new key
}

// RotateMaster makes a new master key, seals every secret in the database again under it, proves that each opens
// with it alone, and drops the old key. The server must not be running: on SQLite that is checked, on PostgreSQL
// the caller sees to it. config and env are as for LoadConfig. After a crash or an error at any step the key file opens
// everything, and another call finishes.
func RotateMaster(ctx context.Context, config string, env func(string) string, logTo io.Writer) (done Rotated, err error) {
	f, cfg, err := loadFile(config, env, logTo)
	if err != nil {
		return done, err
	}
	done.KeyFile = under(cfg.Dir, f.Secrets.MasterKeyFile)
	if env(envMasterKey) != "" {
		return done, fmt.Errorf("the master key comes from %s, which this program cannot change: write its text to %s (mode 0600), run this again without the variable, "+
			"and then set the variable to the file's new text and remove the file", envMasterKey, done.KeyFile)
	}
	if !store.IsPostgres(cfg.Database) {
		if _, err := os.Stat(cfg.Database); err != nil {
			return done, fmt.Errorf("there is no database: %w", err)
		}
	}
	s, err := openStore(ctx, cfg) // before the key file is touched: no server uses a SQLite database from here on
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	r, err := secrets.Rotate(done.KeyFile, rand.Reader)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	done.KeyID, done.Resumed = r.New.KeyID(), r.Resumed

	e := engine.New(s, nil, nil).As(rotator)
	if _, err := eachEndpoint(ctx, e, func(ep engine.Endpoint) error { return reseal(ctx, e, r.Both, ep.ID) }); err != nil {
		return done, err
	}
	if err := eachProduct(ctx, e, func(p engine.Product) error {
		return e.ResealProduct(ctx, p.Scope, p.Code, func(sealed string) (string, error) {
			if r.Both.Current(sealed) {
				return sealed, nil
			}
			plain, err := r.Both.Open(sealed, productContext(p.Scope, p.Code))
			if err != nil {
				return "", fmt.Errorf("the secret of product %s of merchant %s (%s) cannot be opened: %w", p.Code, p.Scope.Merchant, p.Scope.Mode, err)
			}
			return r.Both.Seal(plain, productContext(p.Scope, p.Code))
		})
	}); err != nil {
		return done, err
	}
	if err := eachProduct(ctx, e, func(p engine.Product) error {
		if p.Fulfilment.Secret == "" {
			return nil
		}
		_, err := r.New.Open(p.Fulfilment.Secret, productContext(p.Scope, p.Code))
		return err
	}); err != nil {
		return done, err
	}
	if err := resealKeys(ctx, e, r.Both, r.New); err != nil {
		return done, err
	}
	done.Endpoints, err = eachEndpoint(ctx, e, func(ep engine.Endpoint) error {
		_, err := openSecrets(r.New, ep.ID, append([]string{ep.Secret}, oldSecrets(ep)...))
		return err
	})
	if err != nil {
		return done, err
	}
	return done, r.Finish()
}

// reseal seals an endpoint's secrets under the newest key of a box, those that are not already. One that has ended
// is sealed as well: what no key opens must not stand in the database.
func reseal(ctx context.Context, e *engine.Engine, box *secrets.Box, id string) error {
	return e.ResealEndpoint(ctx, id, func(sealed string) (string, error) {
		if box.Current(sealed) {
			return sealed, nil
		}
		plain, err := openSecrets(box, id, []string{sealed})
		if err != nil {
			return "", err
		}
		return box.Seal([]byte(plain[0].Reveal()), endpointContext(id))
	})
}

func oldSecrets(ep engine.Endpoint) (list []string) {
	for _, old := range ep.Old {
		list = append(list, old.Sealed)
	}
	return list
}

// eachEndpoint visits every endpoint there is, and says how many.
func eachEndpoint(ctx context.Context, e *engine.Engine, visit func(engine.Endpoint) error) (n int, err error) {
	after := ""
	for {
		page, err := e.SearchEndpoints(ctx, engine.EndpointSearch{After: after, Limit: engine.MaxSearch})
		if err != nil || len(page) == 0 {
			return n, err
		}
		for _, ep := range page {
			if err := visit(ep); err != nil {
				return n, err
			}
			n, after = n+1, ep.ID
		}
	}
}
