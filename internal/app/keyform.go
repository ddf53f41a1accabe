package app

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/secrets"
)

// keyForm is how the keys of an API look: how those of each mode begin, and whether a key has two parts, a public id
// and a secret. A key of two parts is carried as its auth.PairText.
type keyForm struct {
	live, test string
	pair       bool
}

// The random bytes of a key of two parts: a UUID's, and the secret's.
const (
	uuidBytes = 16
	pairBytes = 32
)

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// begins is how keys of a mode begin.
func (f keyForm) begins(m engine.Mode) string {
	if m == engine.Live {
		return f.live
	}
	return f.test
}

// size is how many random bytes a key is made of.
func (f keyForm) size() int {
	if f.pair {
		return uuidBytes + pairBytes
	}
	return keyBytes
}

// key makes a key of random bytes.
func (f keyForm) key(m engine.Mode, raw []byte) secrets.Text {
	if !f.pair {
		return secrets.Text(f.begins(m) + hex.EncodeToString(raw))
	}
	id := raw[:uuidBytes]
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // RFC 9562, version 4
	uuid := fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	return secrets.Text(auth.PairText(f.begins(m)+uuid, hex.EncodeToString(raw[uuidBytes:])))
}

// fits says whether a key has the form, at its full length.
func (f keyForm) fits(key secrets.Text, m engine.Mode) bool {
	if !f.pair {
		return isKey(key, f.begins(m), keyBytes)
	}
	id, secret := parts(key)
	uuid, begins := strings.CutPrefix(id, f.begins(m))
	return begins && uuidForm.MatchString(uuid) && isKey(secrets.Text(secret), "", pairBytes)
}

// shown is the part of a key by which people recognise it; the id of one of two parts is no secret.
func (f keyForm) shown(key secrets.Text, m engine.Mode) string {
	if f.pair {
		id, _ := parts(key)
		return id
	}
	return shown(key, len(f.begins(m)))
}

// plain is the key in clear, as a file of keys holds it.
func (f keyForm) plain(key secrets.Text) any {
	if f.pair {
		id, secret := parts(key)
		return twoParts{id, secret}
	}
	return key.Reveal()
}

// parts are the public id and the secret of a key of two parts.
func parts(key secrets.Text) (id, secret string) {
	id, secret, _ = strings.Cut(key.Reveal(), ":")
	return id, secret
}
