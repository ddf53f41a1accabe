package worker

import (
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/internal/engine"
	"till/internal/webhook"
)

// maxTryError is how much is kept of why an attempt got no answer, in bytes.
const maxTryError = 200

// tried is a message after an attempt that began at a time: what was answered, or why nothing was.
func tried(m engine.Message, at time.Time, answer webhook.Answer, err error, keys []webhook.Secret) engine.Message {
	m.Attempts++
	m.SentAt, m.Took, m.LastStatus, m.LastError = at, answer.Took.Round(time.Millisecond), answer.Status, ""
	if err != nil { // its text may hold what the receiver sent: a header line that is none, for one
		m.LastError = readable([]byte(err.Error()), maxTryError, keys)
	}
	m.Response = readable(answer.Body, engine.MaxResponse, keys)
	last := engine.Try{At: at.UTC(), Status: m.LastStatus, Took: m.Took, Error: m.LastError}
	m.Tries = append(slices.Clone(m.Tries[max(0, len(m.Tries)-engine.KeptTries+1):]), last)
	return m
}

// readable is somebody else's bytes as text that can be stored and shown: valid UTF-8 without control characters, at most
// so many bytes. A receiver that echoes its secret does not bring it into the database.
func readable(raw []byte, most int, keys []webhook.Secret) string {
	text := strings.ToValidUTF8(string(raw), "\uFFFD")
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, text)
	for _, key := range keys {
		if key != "" {
			text = strings.ReplaceAll(text, key.Reveal(), "[secret]")
		}
	}
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
