package auth

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"till/internal/fault"
	"till/internal/secrets"
)

// SignedKeys gives out and checks keys that say themselves whose they are: each is a JSON Web Token (RFC 7519) signed
// with RS256, so that who holds the public keys can check it too. A key is on record by its hash as every other one is,
// and ends with that record, whatever it says itself. Safe for concurrent use.
type SignedKeys struct {
	auth    *Auth
	signing SigningKeys
	api     string
	now     func() time.Time
	random  io.Reader

	mu       sync.RWMutex
	public   map[string]*rsa.PublicKey // by id
	readAt   time.Time                 // when the public keys were read last
	verified map[string]signedClaims   // by the hash of the key: its signature was checked
}

// SigningKeys are what keys are signed with. internal/app keeps them sealed in the store.
type SigningKeys interface {
	// Signer is the newest one; where there is none yet it is made.
	Signer(ctx context.Context) (SigningKey, error)
	// All are those that keys are still good of, the newest first; none is made.
	All(ctx context.Context) ([]SigningKey, error)
}

// SigningKey is an RSA key pair.
type SigningKey struct {
	ID      string // its kid
	Private *rsa.PrivateKey
}

// SignedKeysConfig is what SignedKeys are made of. All fields are required.
type SignedKeysConfig struct {
	Auth    *Auth // finds keys on record
	Signing SigningKeys
	API     string // the dialect whose keys they are
	Now     func() time.Time
	Random  io.Reader
}

// NewSignedKeys makes SignedKeys.
func NewSignedKeys(c SignedKeysConfig) *SignedKeys {
	return &SignedKeys{auth: c.Auth, signing: c.Signing, api: c.API, now: c.Now, random: c.Random, public: map[string]*rsa.PublicKey{}, verified: map[string]signedClaims{}}
}

// signedClaims are what a key says.
type signedClaims struct {
	Environment string `json:"env"`
	jwt.RegisteredClaims
}

// environments are what the modes are called in a key. One that says another is nobody's.
var environments = map[string]string{"live": "production", "sandbox": "sandbox"}

var subjectForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// jtiBytes are the random bytes of what tells a key from every other.
const jtiBytes = 16

// NewSigned says for whom a key is.
type NewSigned struct {
	Merchant  string
	Mode      string
	ExpiresAt time.Time // zero: never
}

// Issue makes a key. The caller puts its hash on record.
//
// Error: invalid_value (Param: merchant) when the merchant's id has characters that a subject cannot have.
func (s *SignedKeys) Issue(ctx context.Context, n NewSigned) (string, error) {
	environment, known := environments[n.Mode]
	if !known {
		return "", fmt.Errorf("auth: there are no signed keys for the mode %q", n.Mode)
	}
	if !subjectForm.MatchString(n.Merchant) {
		return "", fault.New(fault.CodeInvalidValue, "a signed key needs a merchant whose id has letters, digits, - and _ alone").On("merchant")
	}
	raw := make([]byte, jtiBytes)
	if _, err := io.ReadFull(s.random, raw); err != nil {
		return "", fmt.Errorf("auth: no randomness for a key: %w", err)
	}
	signer, err := s.signing.Signer(ctx)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.public[signer.ID] = &signer.Private.PublicKey // it may be newer than what was read last
	s.mu.Unlock()
	claims := signedClaims{Environment: environment, RegisteredClaims: jwt.RegisteredClaims{Subject: n.Merchant, IssuedAt: jwt.NewNumericDate(s.now()), ID: hex.EncodeToString(raw)}}
	if !n.ExpiresAt.IsZero() {
		claims.ExpiresAt = jwt.NewNumericDate(n.ExpiresAt)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = signer.ID
	return token.SignedString(signer.Private)
}

// maxSigned bounds what is decoded for a stranger.
const maxSigned = 2048

// Check finds the principal of a key. The signature is checked before anything of the key is believed, once for each
// key; that it is on record, active and within its time is checked at every call. A key that was revoked by this
// process is refused at once, by another process at most half a second later.
//
// Error: unauthorized.
func (s *SignedKeys) Check(ctx context.Context, key string) (Principal, error) {
	if key == "" || len(key) > maxSigned {
		return Principal{}, refused()
	}
	hash := secrets.Hash(key)
	said, err := s.said(ctx, key, hash)
	if err != nil {
		return Principal{}, err
	}
	if said.ExpiresAt != nil && !s.now().Before(said.ExpiresAt.Time) {
		return Principal{}, refused()
	}
	who, err := s.auth.byHash(ctx, hash, s.api)
	if err != nil {
		return Principal{}, err
	}
	if who.Merchant != said.Subject || environments[who.Mode] != said.Environment {
		return Principal{}, refused()
	}
	return who, nil
}

// Issued says whether a key was made by Issue for a merchant and mode, whether or not it is on record.
func (s *SignedKeys) Issued(ctx context.Context, key string, n NewSigned) (bool, error) {
	if key == "" || len(key) > maxSigned {
		return false, nil
	}
	said, err := s.said(ctx, key, secrets.Hash(key))
	if fault.Is(err, fault.CodeUnauthorized) {
		return false, nil
	}
	return err == nil && said.Subject == n.Merchant && said.Environment == environments[n.Mode], err
}

// maxVerified is how many keys are remembered; more, and the memory begins anew.
const maxVerified = 10_000

// said is what a key says whose signature is ours.
func (s *SignedKeys) said(ctx context.Context, key, hash string) (signedClaims, error) {
	s.mu.RLock()
	said, known := s.verified[hash]
	s.mu.RUnlock()
	if known {
		return said, nil
	}
	var broken error // of our side, and no word about the key
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithoutClaimsValidation(), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(key, &said, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		public, err := s.publicKey(ctx, id)
		if public == nil || err != nil {
			broken = err
			return nil, jwt.ErrTokenUnverifiable
		}
		return public, nil
	})
	switch {
	case broken != nil:
		return signedClaims{}, broken
	case err != nil:
		return signedClaims{}, refused()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.verified) >= maxVerified {
		clear(s.verified)
	}
	s.verified[hash] = said
	return said, nil
}

// publicKey is the key of an id; nil when there is none. Keys that another process made are found within a second.
func (s *SignedKeys) publicKey(ctx context.Context, id string) (*rsa.PublicKey, error) {
	s.mu.RLock()
	public, age := s.public[id], s.now().Sub(s.readAt)
	s.mu.RUnlock()
	if public != nil || age >= 0 && age < time.Second {
		return public, nil
	}
	list, err := s.signing.All(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range list { // none is ever removed, and one that was made meanwhile stays
		s.public[k.ID] = &k.Private.PublicKey
	}
	s.readAt = s.now()
	return s.public[id], nil
}

// KeySet is a set of public keys (RFC 7517).
type KeySet struct {
	Keys []PublicKey `json:"keys"`
}

// PublicKey is one of them (RFC 7518, 6.3).
type PublicKey struct {
	Kind      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
}

// Set is the public keys that a key may be signed by, the newest first.
func (s *SignedKeys) Set(ctx context.Context) (KeySet, error) {
	list, err := s.signing.All(ctx)
	if err != nil {
		return KeySet{}, err
	}
	set := KeySet{Keys: []PublicKey{}}
	for _, k := range list {
		text := base64.RawURLEncoding.EncodeToString
		set.Keys = append(set.Keys, PublicKey{
			Kind: "RSA", Use: "sig", Algorithm: jwt.SigningMethodRS256.Alg(), ID: k.ID,
			Modulus: text(k.Private.N.Bytes()), Exponent: text(big.NewInt(int64(k.Private.E)).Bytes()),
		})
	}
	return set, nil
}
