package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/secrets"
)

// TokenLife is how long a token of Tokens is good.
const TokenLife = time.Hour

// Tokens gives out short-lived tokens for keys of two parts, a public id and a secret, and checks them. A token is
// a JSON Web Token (RFC 7519) signed with HS256 that names the key; the key is looked up at each call, so that a
// token ends with its key. Safe for concurrent use.
type Tokens struct {
	auth  *Auth
	keys  KeysByID
	store Store
	sign  [][]byte // the newest first
	api   string
	now   func() time.Time
	known memory[*Key] // by id
}

// KeysByID finds keys by their ids. internal/app adapts the store to it.
type KeysByID interface {
	KeyByID(ctx context.Context, id string) (*Key, error) // nil when there is none
}

// TokensConfig is what Tokens are made of. All fields are required.
type TokensConfig struct {
	Auth  *Auth
	Keys  KeysByID
	Store Store    // counts failed attempts
	Sign  [][]byte // secret keys of 32 bytes, the newest first: it signs, each checks
	API   string   // the dialect whose keys and tokens they are
	Now   func() time.Time
}

// NewTokens makes Tokens.
func NewTokens(c TokensConfig) *Tokens {
	return &Tokens{auth: c.Auth, keys: c.Keys, store: c.Store, sign: c.Sign, api: c.API, now: c.Now}
}

// PairText is the text of a key of two parts whose hash is on record.
func PairText(id, secret string) string { return id + ":" + secret }

// Pair is what somebody signs in with, and from where.
type Pair struct {
	ID, Secret string
	Address    string // of the client, without a port
}

// SignIn gives a token for a pair. Wrong pairs are counted and slow the next ones, as failed logins of people do;
// which part was wrong is never said.
//
// Errors: wrong_password, rate_limited, overloaded.
func (t *Tokens) SignIn(ctx context.Context, p Pair) (token string, err error) {
	who, err := t.auth.Check(ctx, PairText(p.ID, p.Secret), t.api)
	right := err == nil
	if err != nil && !fault.Is(err, fault.CodeUnauthorized) {
		return "", err
	}
	account := "key -" // nobody's
	if len(p.ID) <= maxKey {
		account = "key " + secrets.Hash(p.ID)
	}
	err = t.store.UpdatePeople(ctx, func(tx Tx) error {
		counter, err := attempt(tx, account, p.Address)
		if err != nil || !right {
			return err
		}
		return succeeded(tx, counter, account, p.Address)
	})
	if err != nil {
		return "", err
	}
	if !right {
		return "", fault.New(fault.CodeWrongPassword, "The API key or the secret is wrong.")
	}
	return t.make(who.KeyID), nil
}

// claims are what a token says.
type claims struct {
	Key     string `json:"sub"` // its id
	API     string `json:"aud"`
	Made    int64  `json:"iat"` // seconds
	Expires int64  `json:"exp"`
}

// tokenHeader is the only header that is made and believed: no other algorithm can be asked for.
var tokenHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))

func (t *Tokens) make(keyID string) string {
	now := t.now()
	said, err := json.Marshal(claims{Key: keyID, API: t.api, Made: now.Unix(), Expires: now.Add(TokenLife).Unix()})
	if err != nil {
		panic("auth: a token cannot be written: " + err.Error()) // texts and numbers always can
	}
	text := tokenHeader + "." + base64.RawURLEncoding.EncodeToString(said)
	return text + "." + base64.RawURLEncoding.EncodeToString(mac(t.sign[0], text))
}

// Check finds the principal of a token. A key that was revoked or has ended, in whatever process, takes its tokens
// with it at most half a second later.
//
// Errors: unauthorized, token_expired.
func (t *Tokens) Check(ctx context.Context, token string) (Principal, error) {
	c, ok := t.read(token)
	if !ok {
		return Principal{}, noToken()
	}
	now := t.now()
	k, err := t.find(ctx, c.Key, now)
	if err != nil {
		return Principal{}, err
	}
	if k == nil || !k.Active || k.Dialect != t.api || !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt) {
		return Principal{}, noToken()
	}
	if !now.Before(time.Unix(c.Expires, 0)) {
		return Principal{}, fault.New(fault.CodeTokenExpired, "The token has expired: sign in again.")
	}
	t.auth.use(k.ID)
	return Principal{KeyID: k.ID, Merchant: k.Merchant, Mode: k.Mode, Scopes: k.Scopes, ExpiresAt: k.ExpiresAt}, nil
}

// read is what a token of ours says; ok is false for any other.
func (t *Tokens) read(token string) (c claims, ok bool) {
	header, rest, _ := strings.Cut(token, ".")
	body, signature, found := strings.Cut(rest, ".")
	if !found || header != tokenHeader || len(token) > maxKey {
		return claims{}, false
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return claims{}, false
	}
	for _, key := range t.sign {
		ok = ok || hmac.Equal(given, mac(key, header+"."+body))
	}
	if !ok {
		return claims{}, false
	}
	said, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return claims{}, false
	}
	if json.Unmarshal(said, &c) != nil || c.API != t.api {
		return claims{}, false
	}
	return c, true
}

func (t *Tokens) find(ctx context.Context, id string, now time.Time) (*Key, error) {
	if k, ok := t.known.get(id, now); ok {
		return k, nil
	}
	k, err := t.keys.KeyByID(ctx, id)
	if err != nil || k == nil {
		t.known.drop(id)
		return nil, err
	}
	t.known.put(id, k, now)
	return k, nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func noToken() error {
	return fault.New(fault.CodeUnauthorized, "The token is missing, unknown or no longer valid.")
}
