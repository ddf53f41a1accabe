package app

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/secrets"
)

// signingBits is the size of a signing key: the strength of 128 bits.
const signingBits = 3072

// signing is the key pairs that an API signs its keys with, sealed in the store.
type signing struct {
	engine *engine.Engine
	box    *secrets.Box
	api    string
	make   func() (*rsa.PrivateKey, error)

	mu     sync.Mutex
	opened map[string]*rsa.PrivateKey // by id
}

func newSigning(e *engine.Engine, box *secrets.Box, api string, generate func() (*rsa.PrivateKey, error)) *signing {
	if generate == nil {
		generate = func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, signingBits) }
	}
	return &signing{engine: e, box: box, api: api, make: generate, opened: map[string]*rsa.PrivateKey{}}
}

var _ auth.SigningKeys = (*signing)(nil)

// Signer is the newest key pair; the first one is made when it is first asked for, once for the server.
func (s *signing) Signer(ctx context.Context) (auth.SigningKey, error) {
	list, err := s.All(ctx)
	if err != nil {
		return auth.SigningKey{}, err
	}
	if len(list) > 0 {
		return list[0], nil
	}
	made, err := s.add(ctx, s.engine, "")
	if fault.Is(err, fault.CodeDuplicateReference) { // another process was faster
		if list, err = s.All(ctx); err == nil && len(list) == 0 {
			err = errors.New("there is no signing key, and none can be made")
		}
		if err != nil {
			return auth.SigningKey{}, err
		}
		return list[0], nil
	}
	return made, err
}

// Rotate makes a new key pair, which signs from now on, and returns it as it is on record. by is for whom: he stands in the
// record of actions.
//
// Errors: duplicate_reference when another rotation was at work; order_state_conflict when the API has had as many as there
// may be.
func (s *signing) Rotate(ctx context.Context, by *engine.Engine) (engine.SigningKey, error) {
	newest, err := s.Signer(ctx)
	if err != nil {
		return engine.SigningKey{}, err
	}
	made, err := s.add(ctx, by, newest.ID)
	if err != nil {
		return engine.SigningKey{}, err
	}
	list, err := s.engine.SigningKeys(ctx, s.api)
	for _, k := range list {
		if k.ID == made.ID {
			return k, err
		}
	}
	return engine.SigningKey{ID: made.ID}, err
}

func (s *signing) add(ctx context.Context, by *engine.Engine, replaces string) (auth.SigningKey, error) {
	private, err := s.make()
	if err != nil {
		return auth.SigningKey{}, fmt.Errorf("no signing key can be made: %w", err)
	}
	sum := sha256.Sum256(private.N.Bytes())
	id := hex.EncodeToString(sum[:8])
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return auth.SigningKey{}, err
	}
	sealed, err := s.box.Seal(text, signingContext(s.api, id))
	if err != nil {
		return auth.SigningKey{}, err
	}
	return auth.SigningKey{ID: id, Private: private}, by.AddSigningKey(ctx, s.api, engine.SigningKey{ID: id, Sealed: sealed}, replaces)
}

// All are the key pairs, the newest first.
func (s *signing) All(ctx context.Context) ([]auth.SigningKey, error) {
	kept, err := s.engine.SigningKeys(ctx, s.api)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]auth.SigningKey, len(kept))
	for i, k := range kept {
		private := s.opened[k.ID]
		if private == nil {
			if private, err = openSigningKey(s.box, s.api, k); err != nil {
				return nil, err
			}
			s.opened[k.ID] = private
		}
		list[i] = auth.SigningKey{ID: k.ID, Private: private}
	}
	return list, nil
}

func openSigningKey(box *secrets.Box, api string, k engine.SigningKey) (*rsa.PrivateKey, error) {
	text, err := box.Open(k.Sealed, signingContext(api, k.ID))
	if err != nil {
		return nil, fmt.Errorf("signing key %s of %s cannot be opened: %w", k.ID, api, err)
	}
	read, err := x509.ParsePKCS8PrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("signing key %s of %s is damaged", k.ID, api) // its text is a secret
	}
	private, ok := read.(*rsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("signing key %s of %s is no RSA key", k.ID, api)
	}
	return private, nil
}

func signingContext(api, id string) string { return "signing/" + api + "/" + id }
