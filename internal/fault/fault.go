// Package fault is the one error a caller can act on. Everything the server
// can say to a client is a Code of the table in codes.go; a dialect turns the
// code into its own status and body. An error that is not a fault is internal:
// it is logged, and its text is never sent.
package fault

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// Kind is the class of a fault, for those who need no more: log levels,
// metrics, a default status.
type Kind uint8

// The kinds. There is no zero kind, so that a forgotten one is seen.
const (
	Invalid      Kind = iota + 1 // the request is wrong and stays wrong
	Unauthorized                 // the caller is not known
	Forbidden                    // the caller is known and may not
	NotFound                     // no such thing, or it is another merchant's
	Conflict                     // right in itself, but not in this state
	TooLarge                     // more bytes than are read
	TooMany                      // too often
	Unavailable                  // our side cannot now
)

// String is the kind in a log line.
func (k Kind) String() string {
	names := [...]string{"", "invalid", "unauthorized", "forbidden", "not_found", "conflict", "too_large", "too_many", "unavailable"}
	if int(k) >= len(names) {
		return ""
	}
	return names[k]
}

// Error is a fault. Message is a sentence that may be sent to the client, so
// it holds no secret and no internal text. Param is the field at fault in the
// caller's own spelling. Details add named facts for programs. RetryAfter is
// how long a client should wait, 0 for no advice. Err is the cause: it is for
// our log only.
type Error struct {
	Kind       Kind
	Code       Code
	Message    string
	Param      string
	Details    map[string]string
	RetryAfter time.Duration
	Err        error
}

// New makes a fault of a code of the table, whose kind it takes. An unknown
// code is a programming error and panics.
func New(code Code, message string) *Error {
	fact, ok := table[code]
	if !ok {
		panic("fault: unknown code " + string(code))
	}
	return &Error{Kind: fact.kind, Code: code, Message: message}
}

// Error is the text for our log, cause included; clients get Message.
func (e *Error) Error() string {
	s := string(e.Code)
	if e.Param != "" {
		s += " (" + e.Param + ")"
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Retryable says that the same request may succeed unchanged when it is
// repeated.
func (e *Error) Retryable() bool { return table[e.Code].retryable }

// On returns a copy that names the field at fault.
func (e *Error) On(param string) *Error {
	c := *e
	c.Param = param
	return &c
}

// With returns a copy with one more detail.
func (e *Error) With(key, value string) *Error {
	c := *e
	c.Details = maps.Clone(e.Details)
	if c.Details == nil {
		c.Details = map[string]string{}
	}
	c.Details[key] = value
	return &c
}

// Because returns a copy that wraps its cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// Retry returns a copy that advises to wait that long.
func (e *Error) Retry(after time.Duration) *Error {
	c := *e
	c.RetryAfter = after
	return &c
}

// As finds the outermost fault in an error's chain.
func As(err error) (*Error, bool) {
	return errors.AsType[*Error](err)
}

// Is says that the outermost fault in an error's chain has this code.
func Is(err error, code Code) bool {
	e, ok := As(err)
	return ok && e.Code == code
}

// Codes is every code there is, sorted. Whoever maps codes proves with it that
// the map is total.
func Codes() []Code { return slices.Sorted(maps.Keys(table)) }

// KindOf is the kind of a code, 0 for a code that is not in the table.
func KindOf(code Code) Kind { return table[code].kind }
