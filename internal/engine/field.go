package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"till/internal/fault"
)

// CustomFields is the merchant's setting that says what the fields of his own on an order must be, as JSON of a list of
// [FieldRule]. An API that knows such fields asks for it when an order is made.
const CustomFields = "custom_fields"

// MaxFieldRules is how many rules a merchant may have.
const MaxFieldRules = 100

// maxPattern bounds a rule's pattern: RE2 takes time in proportion to it.
const maxPattern = 500

// FieldRule is what one field of a merchant's own must be. What is left out allows everything.
type FieldRule struct {
	Name     string   `json:"name"`              // compared exactly
	Required bool     `json:"required"`          // an order must have it
	OneOf    []string `json:"one_of,omitempty"`  // the only values allowed
	Pattern  string   `json:"pattern,omitempty"` // RE2; the whole value must fit
}

// Allows says whether a value is one that the rule allows.
func (r FieldRule) Allows(value string) bool {
	if len(r.OneOf) > 0 && !slices.Contains(r.OneOf, value) {
		return false
	}
	if r.Pattern == "" {
		return true
	}
	fits, err := regexp.Compile(whole(r.Pattern))
	return err == nil && fits.MatchString(value)
}

// whole makes a pattern stand for the whole of a text.
func whole(pattern string) string { return `^(?:` + pattern + `)$` }

// ParseFieldRules reads the setting; nothing is no rules.
//
// Error: invalid_value (Param: the setting), with what is wrong of which rule.
func ParseFieldRules(value json.RawMessage) (rules []FieldRule, err error) {
	if len(value) == 0 {
		return nil, nil
	}
	bad := func(format string, args ...any) ([]FieldRule, error) {
		return nil, fault.New(fault.CodeInvalidValue, fmt.Sprintf(format, args...)).On(CustomFields)
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	if d.Decode(&rules) != nil || d.More() {
		return bad(`want [{"name": "policy_number", "required": true, "one_of": ["A", "B"], "pattern": "[A-Z]{2}[0-9]+"}, ...]`)
	}
	if len(rules) > MaxFieldRules {
		return bad("there may be %d rules", MaxFieldRules)
	}
	for i, r := range rules {
		switch {
		case r.Name == "" || strings.TrimSpace(r.Name) != r.Name:
			return bad("rule %d has no name, or space around it", i+1)
		case slices.ContainsFunc(rules[:i], func(other FieldRule) bool { return other.Name == r.Name }):
			return bad("there are two rules for %q", r.Name)
		case len(r.Pattern) > maxPattern:
			return bad("the pattern of %q is longer than %d characters", r.Name, maxPattern)
		}
		if _, err := regexp.Compile(r.Pattern); err != nil { // as it stands: one like "a)(b" must not close ours
			return bad("the pattern of %q is not one: %v", r.Name, err)
		}
	}
	return rules, nil
}

// CheckoutOrigins is the merchant's setting that names the pages of his own that may show the checkout in a frame, as JSON of
// a list of origins ("https://shop.example"). Without it no page may.
const CheckoutOrigins = "checkout_origins"

// MaxCheckoutOrigins bounds a header that every page sends.
const MaxCheckoutOrigins = 20

// ParseOrigins reads the setting; nothing is no origins. An origin is https, a host of letters, digits, dots and dashes and
// maybe a port; http only on this machine itself ("localhost", "127.0.0.1"), for those who develop.
//
// Error: invalid_value (Param: the setting).
func ParseOrigins(value json.RawMessage) (origins []string, err error) {
	if len(value) == 0 {
		return nil, nil
	}
	bad := func(message string) ([]string, error) {
		return nil, fault.New(fault.CodeInvalidValue, message).On(CheckoutOrigins)
	}
	if json.Unmarshal(value, &origins) != nil {
		return bad(`want ["https://shop.example", ...]`)
	}
	if len(origins) > MaxCheckoutOrigins {
		return bad(fmt.Sprintf("there may be %d origins", MaxCheckoutOrigins))
	}
	for _, o := range origins {
		if !isOrigin(o) {
			return bad(fmt.Sprintf("%q is no origin: want https://, a host, and nothing behind it but a port", o))
		}
	}
	return origins, nil
}

var originForm = regexp.MustCompile(`^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?$`)

func isOrigin(o string) bool {
	u, err := url.Parse(o)
	if err != nil || !originForm.MatchString(o) {
		return false
	}
	return u.Scheme == "https" || u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1"
}
