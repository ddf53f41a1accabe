// Package secrets keeps what must be readable again: the keys that sign webhooks, the credentials of a payment provider, the
// seed of a time-based code. They are stored sealed, under a master key that never enters the database or its backup.
//
// It is not where API keys are checked: those are only compared, so [Hash] is all that is stored of them (package auth).
// It keeps no list of secrets either; whoever owns one stores the sealed text in its own row.
//
// Next to read: [Box] for sealing, [Text] for carrying a secret through the program without printing it.
package secrets

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the length of a master key in bytes.
const KeySize = chacha20poly1305.KeySize

// version names the sealed form: XChaCha20-Poly1305, whose 24-byte nonce is safe to choose at random for any number of texts.
const version = "v1"

// Box seals and opens with one or more master keys. The newest key seals; every key opens what it once sealed, so that a master
// key is rotated by adding one, sealing everything again (see [Box.Current]) and then taking the old one away.
// A Box does not change after it was made and is safe for concurrent use.
type Box struct {
	keys    map[string]cipher.AEAD // by key id
	newest  string
	masters [][]byte // the newest first
}

// FromKey makes a Box of a single master key of [KeySize] bytes.
func FromKey(key []byte) (*Box, error) {
	return fromKeys([][]byte{key})
}

// FromText makes a Box of master keys written as text, one per line, the newest last: what a key file or an environment variable
// holds. A key is 32 random bytes in hexadecimal (64 digits) or base64 (standard or URL alphabet, padded or not). Empty lines and
// lines that begin with # are skipped. No error repeats any of the text.
func FromText(text string) (*Box, error) {
	var keys [][]byte
	for number, line := range strings.Split(text, "\n") {
		if line = keyLine(line); line == "" {
			continue
		}
		key, err := parseKey(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number+1, err)
		}
		keys = append(keys, key)
	}
	return fromKeys(keys)
}

// Seal encrypts plain. The result reads "v1.<key id>.<base64url of nonce and ciphertext>" and opens only under the same context,
// which says what the secret belongs to ("endpoint/<id>"), so that a sealed text copied into another row is worthless there.
// An empty context is an error.
func (b *Box) Seal(plain []byte, context string) (string, error) {
	if context == "" {
		return "", errors.New("secrets: a text is sealed for a context, and none was given")
	}
	aead := b.keys[b.newest]
	// The nonce is always the system's own randomness, never an injected source: a repeated nonce would give the key away.
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	rand.Read(nonce) // never fails: the program is stopped instead
	sealed := aead.Seal(nonce, nonce, plain, []byte(context))
	return version + "." + b.newest + "." + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Open decrypts what [Box.Seal] made for the same context. A text of an unknown form, an unknown key, another context or a changed
// byte is an error; the error names the key id and never the contents.
func (b *Box) Open(sealed, context string) ([]byte, error) {
	form, rest, _ := strings.Cut(sealed, ".")
	id, encoded, found := strings.Cut(rest, ".")
	if form != version || !found {
		return nil, errors.New("secrets: not a sealed text")
	}
	aead := b.keys[id]
	if aead == nil {
		return nil, fmt.Errorf("secrets: sealed under master key %q, which is not loaded", id)
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil || len(raw) < aead.NonceSize()+aead.Overhead() {
		return nil, errors.New("secrets: the sealed text is damaged")
	}
	plain, err := aead.Open(nil, raw[:aead.NonceSize()], raw[aead.NonceSize():], []byte(context))
	if err != nil {
		return nil, fmt.Errorf("secrets: the text sealed under master key %s was changed or belongs to something else", id)
	}
	return plain, nil
}

// Current reports whether sealed was sealed under the newest master key. Rotation seals again whatever is not.
func (b *Box) Current(sealed string) bool {
	return strings.HasPrefix(sealed, version+"."+b.newest+".")
}

// Derive makes a key of 32 bytes of every master key for one purpose ("tokens/<api>"), the newest first: the first signs, each
// checks what it once signed. Keys of different purposes say nothing of each other (HKDF, RFC 5869). An empty purpose is an error.
func (b *Box) Derive(purpose string) ([][]byte, error) {
	if purpose == "" {
		return nil, errors.New("secrets: a key is derived for a purpose, and none was given")
	}
	list := make([][]byte, len(b.masters))
	for i, master := range b.masters {
		key, err := hkdf.Key(sha256.New, master, nil, "till/"+purpose, sha256.Size)
		if err != nil {
			return nil, fmt.Errorf("secrets: no key can be derived: %w", err)
		}
		list[i] = key
	}
	return list, nil
}

// KeyID names the newest master key: the first 8 hexadecimal digits of its SHA-256. It may be shown and logged.
func (b *Box) KeyID() string { return b.newest }

// Hash is what is stored of an API key that is only ever compared: the SHA-256 in hexadecimal. Only for keys with at least 128 random
// bits; a password wants a slow hash instead.
func Hash(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func fromKeys(keys [][]byte) (*Box, error) {
	if len(keys) == 0 {
		return nil, errors.New("secrets: there is no master key")
	}
	box := &Box{keys: map[string]cipher.AEAD{}}
	for _, key := range keys {
		aead, err := chacha20poly1305.NewX(key)
		if err != nil {
			return nil, fmt.Errorf("secrets: a master key has %d bytes, not %d", len(key), KeySize)
		}
		box.newest = Hash(string(key))[:8]
		if box.keys[box.newest] != nil {
			return nil, fmt.Errorf("secrets: two master keys share the id %s", box.newest)
		}
		box.keys[box.newest] = aead
		box.masters = slices.Insert(box.masters, 0, slices.Clone(key))
	}
	return box, nil
}

// keyLine is the key in a line of a key file; empty when it has none.
func keyLine(line string) string {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") {
		return ""
	}
	return line
}

func parseKey(text string) ([]byte, error) {
	if len(text) == hex.EncodedLen(KeySize) {
		if key, err := hex.DecodeString(text); err == nil {
			return key, nil
		}
	}
	text = strings.TrimRight(text, "=")
	text = strings.NewReplacer("+", "-", "/", "_").Replace(text)
	key, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(key) != KeySize {
		return nil, fmt.Errorf("secrets: a master key is %d random bytes in hexadecimal or base64", KeySize)
	}
	return key, nil
}
