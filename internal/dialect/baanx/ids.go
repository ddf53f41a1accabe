package baanx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"
)

// base58 is the alphabet of ids that a gateway can take for its own: no two letters look alike.
const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// orderBytes are 256 random bits.
const orderBytes = 32

// newOrderID is an id of 43 or 44 letters and digits.
func (d *Dialect) newOrderID() string {
	raw := d.draw(orderBytes)
	raw[0] |= 0x80 // no zeros in front, so that the length says how much chance is in it
	n, base, digit := new(big.Int).SetBytes(raw), big.NewInt(int64(len(base58))), new(big.Int)
	var text []byte
	for n.Sign() > 0 {
		n.DivMod(n, base, digit)
		text = append(text, base58[digit.Int64()])
	}
	return string(text)
}

func isOrderID(id string) bool {
	return len(id) >= 22 && len(id) <= 64 && strings.Trim(id, base58) == ""
}

// newRequestID names a payment to a gateway: "payment_" and 26 letters and digits.
func (d *Dialect) newRequestID() string {
	return "payment_" + strings.ToLower(base32.StdEncoding.EncodeToString(d.draw(20)))[:26]
}

// newUUID is a random UUID (RFC 9562, version 4).
func (d *Dialect) newUUID() string {
	raw := d.draw(16)
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}

func (d *Dialect) draw(n int) []byte {
	raw := make([]byte, n)
	if _, err := io.ReadFull(d.Random, raw); err != nil {
		panic("baanx: no randomness: " + err.Error()) // an id that can be guessed is worse than none
	}
	return raw
}

// What a client carries from one step to the next: a text signed here, so that nothing is kept for who never comes
// back. It is a JSON Web Token (RFC 7519) of one kind.

var tokenHeader = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))

type carried struct {
	Kind    string          `json:"aud"`
	Expires int64           `json:"exp"` // seconds
	Says    json.RawMessage `json:"says"`
}

// seal makes such a text.
func (d *Dialect) seal(kind string, lasts time.Duration, says any) string {
	inner, err := json.Marshal(says)
	if err == nil {
		inner, err = json.Marshal(carried{kind, d.Now().Add(lasts).Unix(), inner})
	}
	if err != nil {
		panic("baanx: a token cannot be written: " + err.Error()) // texts and numbers always can
	}
	text := tokenHeader + "." + base64.RawURLEncoding.EncodeToString(inner)
	return text + "." + base64.RawURLEncoding.EncodeToString(mac(d.SignKeys[0], text))
}

// maxCarried bounds what is read of a stranger's text, in bytes.
const maxCarried = 8 << 10

// unseal reads one; ok is false for one that is not ours, of another kind, or over.
func (d *Dialect) unseal(kind, text string, says any) (ok bool) {
	head, rest, _ := strings.Cut(text, ".")
	body, signature, found := strings.Cut(rest, ".")
	if !found || head != tokenHeader || len(text) > maxCarried {
		return false
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return false
	}
	for _, key := range d.SignKeys {
		ok = ok || hmac.Equal(given, mac(key, head+"."+body))
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(body)
	var c carried
	if !ok || err != nil || json.Unmarshal(raw, &c) != nil || c.Kind != kind || d.Now().Unix() >= c.Expires {
		return false
	}
	return json.Unmarshal(c.Says, says) == nil
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
