package koywe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// shownTime is the finest time that is shown.
const shownTime = time.Millisecond

func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// timeOrNull is nil for the zero time.
func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := wireTime(t)
	return &text
}

// encode is v as JSON on one line. Texts are kept as they are, and not escaped for HTML.
func encode(v any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("koywe: an answer cannot be encoded: " + err.Error())
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// newID is a public id in Koywe's form: a word and a random UUID (RFC 9562, version 4), as con_<uuid>.
func (d *Dialect) newID(prefix string) string {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(d.random, raw); err != nil {
		panic("koywe: no randomness: " + err.Error()) // an id that can be guessed is worse than none
	}
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	return fmt.Sprintf("%s_%x-%x-%x-%x-%x", prefix, raw[:4], raw[4:6], raw[6:8], raw[8:10], raw[10:])
}
