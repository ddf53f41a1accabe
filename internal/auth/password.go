package auth

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"

	"till/internal/fault"
)

// Cost is what one look at a password takes. It stands in every hash, so that it can be raised: a hash of another
// cost still opens, and is made anew at the next login.
type Cost struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// UsualCost is above the least that OWASP asks of argon2id (19 MiB, two passes).
var UsualCost = Cost{Memory: 32 << 10, Passes: 3, Threads: 1}

// Limits of a password. 12 characters are what people who choose for themselves are asked for; the upper bound only
// keeps strangers from sending books.
const (
	minPassword = 12
	maxPassword = 256
)

const (
	saltBytes = 16
	hashBytes = 32
	// atOnce is how many passwords may wait for their turn. Whoever comes then is told to come back, so that logins
	// take a bounded share of memory and time.
	atOnce = 64
)

// hasher makes and checks hashes, few at a time.
type hasher struct {
	cost    Cost
	random  io.Reader
	turns   chan struct{}
	waiting atomic.Int32
	dummy   string // a hash no password has, of the usual cost
}

func newHasher(cost Cost, random io.Reader) *hasher {
	h := &hasher{cost: cost, random: random, turns: make(chan struct{}, min(4, runtime.NumCPU()))}
	h.dummy = h.format(make([]byte, saltBytes), make([]byte, hashBytes))
	return h
}

// turn waits until a password may be looked at. The memory of all who have their turn is bounded.
//
// Error: overloaded.
func (h *hasher) turn(ctx context.Context) (done func(), err error) {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > atOnce {
		return nil, fault.New(fault.CodeOverloaded, "Too many people are logging in.").Retry(2 * time.Second)
	}
	select {
	case h.turns <- struct{}{}:
		return func() { <-h.turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hash is a new hash of a password, in the PHC format.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltBytes)
	if _, err := io.ReadFull(h.random, salt); err != nil {
		return "", fmt.Errorf("no randomness for a salt: %w", err)
	}
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return h.format(salt, h.cost.key(password, salt, hashBytes)), nil
}

// check says whether the password has the hash, and whether the hash should be made anew. For an empty hash it
// takes the same time and says no, so that nobody finds out who exists.
func (h *hasher) check(ctx context.Context, password, hash string) (fits, stale bool, err error) {
	real := hash != ""
	if !real {
		hash = h.dummy
	}
	cost, salt, want, err := parseHash(hash)
	if err != nil {
		return false, false, err
	}
	done, err := h.turn(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	fits = subtle.ConstantTimeCompare(cost.key(password, salt, len(want)), want) == 1
	return fits && real, cost != h.cost, nil
}

// key is argon2id's. Passwords are compared in Unicode's composed form (RFC 8265), whatever a keyboard sends.
func (c Cost) key(password string, salt []byte, size int) []byte {
	return argon2.IDKey(norm.NFC.Bytes([]byte(password)), salt, c.Passes, c.Memory, c.Threads, uint32(size))
}

func (h *hasher) format(salt, key []byte) string {
	text := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.Memory, h.cost.Passes, h.cost.Threads, text(salt), text(key))
}

func parseHash(hash string) (c Cost, salt, key []byte, err error) {
	parts := strings.Split(hash, "$")
	var version int
	if len(parts) == 6 && parts[0] == "" && parts[1] == "argon2id" {
		_, versionErr := fmt.Sscanf(parts[2], "v=%d", &version)
		_, costErr := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.Memory, &c.Passes, &c.Threads)
		salt, err = base64.RawStdEncoding.DecodeString(parts[4])
		if err == nil {
			key, err = base64.RawStdEncoding.DecodeString(parts[5])
		}
		if versionErr == nil && costErr == nil && err == nil && version == argon2.Version &&
			c.Passes > 0 && c.Threads > 0 && c.Memory <= 1<<20 && c.Passes <= 64 && len(salt) >= 8 && len(key) >= 16 {
			return c, salt, key, nil
		}
	}
	return Cost{}, nil, nil, fmt.Errorf("auth: a password's hash on record cannot be read")
}

// checkPassword refuses a password that must not be set for a person.
//
// Errors: missing_field, invalid_value, too_long (Param: password).
func checkPassword(name, password string) error {
	n := utf8.RuneCountInString(password)
	refuse := func(code fault.Code, message string) error { return fault.New(code, message).On("password") }
	switch {
	case password == "":
		return refuse(fault.CodeMissingField, "The password is missing.")
	case !utf8.ValidString(password):
		return refuse(fault.CodeInvalidValue, "The password is not valid text.")
	case n < minPassword:
		return refuse(fault.CodeInvalidValue, fmt.Sprintf("The password must have at least %d characters.", minPassword))
	case n > maxPassword:
		return refuse(fault.CodeTooLong, fmt.Sprintf("The password may have at most %d characters.", maxPassword))
	case strings.Trim(password, password[:1]) == "" || strings.EqualFold(password, name):
		return refuse(fault.CodeInvalidValue, "This password is the first that anybody would try.")
	}
	return nil
}
