package secrets

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// Text is a secret in memory. However it is printed, logged or encoded it reads "[secret]"; [Text.Reveal] is the only way out, so
// that every use is found by searching for that word.
//
// Two things stay with whoever holds one: put it in exported struct fields, because fmt does not call the methods of unexported ones
// and would print the string; and never make it the key of a map, because encoding/json writes string keys as they are.
type Text string

// Reveal returns the secret itself, to sign or to authenticate with.
func (t Text) Reveal() string { return string(t) }

func (t Text) String() string { return redacted }

// GoString covers %#v.
func (t Text) GoString() string { return redacted }

// Format covers every verb of fmt, also %x and %q, which would otherwise take the string itself.
func (t Text) Format(state fmt.State, verb rune) { io.WriteString(state, redacted) }

// MarshalJSON keeps the secret out of answers, stored requests and JSON logs.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText covers XML, TOML and text logs.
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue covers log/slog.
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }
