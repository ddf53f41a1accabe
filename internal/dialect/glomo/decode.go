package glomo

import (
	"slices"
	"strings"
	"unicode"

	"till/internal/fault"
	"till/internal/web"
)

// What the decoders of all nouns share: how a field is read.

const (
	maxBody = 64 << 10
	maxText = 1000 // code points, of what has no limit of its own
	maxID   = 96
)

// required reads a text that must be there and not be empty.
func required(body web.Object, field string, limit int) (string, error) {
	text, err := optional(body, field, limit)
	if err == nil && text == "" {
		err = missing(body.Param(field))
	}
	return text, err
}

func missing(field string) error {
	return fault.New(fault.CodeMissingField, field+" is required").On(field)
}

// wrong is the refusal of a field's value.
func wrong(field, message string) error {
	return fault.New(fault.CodeInvalidValue, message).On(field)
}

// optional reads a text; "" where it is absent, null or blank. Control characters are refused.
func optional(body web.Object, field string, limit int) (string, error) {
	text, _, err := body.String(field, limit)
	if err == nil && strings.ContainsFunc(text, unicode.IsControl) {
		return "", wrong(body.Param(field), body.Param(field)+" must not hold control characters")
	}
	return strings.TrimSpace(text), err
}

// word reads one of the allowed words; "" where it is absent.
func word(body web.Object, field string, allowed ...string) (string, error) {
	text, err := optional(body, field, 64)
	if err != nil || text == "" {
		return "", err
	}
	if !slices.Contains(allowed, text) {
		return "", wrong(body.Param(field), body.Param(field)+" must be one of "+strings.Join(allowed, ", "))
	}
	return text, nil
}
