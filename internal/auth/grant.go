package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"till/internal/secrets"
)

// Grants are what users of merchants' applications log in with and get: passwords and codes are checked, wrong ones
// slowed as those of people are, and tokens given out, found and ended. Who the users are is not known here: they are
// named by ids that the caller makes. A token is good for one face, which the caller makes of everything that it must
// be good for: the application, the region, what it opens.
//
// Tokens are kept as sessions are: their hashes, until they are over. Safe for concurrent use.
type Grants struct {
	store  Store
	hasher *hasher
	now    func() time.Time
	random io.Reader
	known  memory[Session] // by hash
}

// NewGrants makes Grants.
func NewGrants(c PeopleConfig) *Grants {
	if c.Cost == (Cost{}) {
		c.Cost = UsualCost
	}
	return &Grants{store: c.Store, hasher: newHasher(c.Cost, c.Random), now: c.Now, random: c.Random}
}

// HashPassword is a new hash of a password of an account's.
//
// Errors: missing_field, invalid_value, too_long (Param: password), overloaded.
func (g *Grants) HashPassword(ctx context.Context, name, password string) (string, error) {
	if err := checkPassword(name, password); err != nil {
		return "", err
	}
	return g.hasher.hash(ctx, password)
}

// Password checks a password against its hash; with an empty hash it takes the same time and is wrong. account names
// whose attempts are counted, address where they come from.
//
// Errors: wrong_password, rate_limited, overloaded.
func (g *Grants) Password(ctx context.Context, account, address, password, hash string) error {
	return g.Attempt(ctx, account, address, func() (bool, error) {
		if len(password) > 4*maxPassword {
			password = ""
		}
		fits, _, err := g.hasher.check(ctx, password, hash)
		return fits, err
	})
}

// Attempt counts an attempt at an account before right decides it, and forgets it when it was right.
//
// Errors: wrong_password, rate_limited, and those of right.
func (g *Grants) Attempt(ctx context.Context, account, address string, right func() (bool, error)) error {
	account = "user " + account
	var counter string
	err := g.store.UpdatePeople(ctx, func(tx Tx) (err error) {
		counter, err = attempt(tx, account, address)
		return err
	})
	if err != nil {
		return err
	}
	fits, err := right()
	if err != nil {
		return err
	}
	if !fits {
		return wrongPassword()
	}
	return g.store.UpdatePeople(ctx, func(tx Tx) error { return succeeded(tx, counter, account, address) })
}

// Secret checks a secret of an account's that a machine made, against its lower-case hex SHA-256.
//
// Errors: wrong_password, rate_limited.
func (g *Grants) Secret(ctx context.Context, account, address, secret, hash string) error {
	return g.Attempt(ctx, account, address, func() (bool, error) {
		return subtle.ConstantTimeCompare([]byte(secrets.Hash(secret)), []byte(hash)) == 1, nil
	})
}

// NewGrant asks for a token.
type NewGrant struct {
	User   string // id
	Face   string
	Mode   string
	Prefix string // that the token begins with
	Lasts  time.Duration
	From   Credentials // only Address and Agent, for the record
}

// Give makes a token of 256 random bits. It is shown this once. The oldest of too many of a user's makes room.
func (g *Grants) Give(ctx context.Context, n NewGrant) (token string, made Session, err error) {
	raw := make([]byte, tokenBytes)
	if _, err := io.ReadFull(g.random, raw); err != nil {
		return "", Session{}, fmt.Errorf("no randomness for a token: %w", err)
	}
	token = n.Prefix + base64.RawURLEncoding.EncodeToString(raw)
	err = g.store.UpdatePeople(ctx, func(tx Tx) error {
		if err := makeRoom(tx, n.User); err != nil {
			return err
		}
		made = Session{
			ID: "tok_" + tx.NewID(), Hash: secrets.Hash(token), Person: n.User, Face: n.Face, Mode: n.Mode, Address: n.From.Address, Agent: cut(n.From.Agent),
			CreatedAt: tx.Now(), SeenAt: tx.Now(), ExpiresAt: tx.Now().Add(n.Lasts),
		}
		return tx.SaveSession(made)
	})
	return token, made, err
}

// Find finds a token. One that was ended, in whatever process, is refused at most half a second later, in this one at
// once. What the token is good for is in its Face; whose it is in its Person.
//
// Error: unauthorized.
func (g *Grants) Find(ctx context.Context, token string) (Session, error) {
	if token == "" || len(token) > maxKey {
		return Session{}, noSession()
	}
	hash, now := secrets.Hash(token), g.now()
	s, found := g.known.get(hash, now)
	if !found {
		there, err := g.byHash(ctx, hash)
		if err != nil {
			return Session{}, err
		}
		if there == nil {
			return Session{}, noSession()
		}
		s = *there
		g.known.put(hash, s, now)
	}
	if s.Over(now) {
		return Session{}, noSession()
	}
	return s, nil
}

func (g *Grants) byHash(ctx context.Context, hash string) (s *Session, err error) {
	err = g.store.ViewPeople(ctx, func(rd Reader) error {
		s, err = rd.SessionByHash(hash)
		return err
	})
	return s, err
}

// Take finds a token for the only time: it ends. Of two who take it at once one gets it.
//
// Error: unauthorized.
func (g *Grants) Take(ctx context.Context, token string) (Session, error) {
	if token == "" || len(token) > maxKey {
		return Session{}, noSession()
	}
	hash := secrets.Hash(token)
	found, err := g.byHash(ctx, hash)
	if err != nil {
		return Session{}, err
	}
	if found == nil {
		return Session{}, noSession()
	}
	err = g.store.UpdatePeople(ctx, func(tx Tx) error {
		s, err := tx.Session(found.ID)
		if err != nil {
			return err
		}
		if s == nil || s.Hash != hash || s.Over(tx.Now()) {
			return noSession()
		}
		return tx.EndSession(s.ID)
	})
	g.known.drop(hash)
	return *found, err
}

// End ends those of a user's tokens that which says; none is fine.
func (g *Grants) End(ctx context.Context, user string, which func(Session) bool) error {
	err := g.store.UpdatePeople(ctx, func(tx Tx) error {
		list, err := tx.SessionsOf(user)
		if err != nil {
			return err
		}
		for _, s := range list {
			if !which(s) {
				continue
			}
			if err := tx.EndSession(s.ID); err != nil {
				return err
			}
		}
		return nil
	})
	g.known.clear()
	return err
}
