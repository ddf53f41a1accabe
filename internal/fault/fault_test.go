package fault

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"
)

var kinds = map[Code]Kind{
	"invalid_json":           Invalid,
	"invalid_body":           Invalid,
	"duplicate_json_key":     Invalid,
	"unsupported_media_type": Invalid,
	"body_too_large":         TooLarge,
	"missing_field":          Invalid,
	"wrong_type":             Invalid,
	"too_long":               Invalid,
	"too_many_metadata":      Invalid,
	"invalid_value":          Invalid,
	"invalid_url":            Invalid,
	"invalid_amount":         Invalid,
	"amount_too_large":       Invalid,
	"invalid_network":        Invalid,
	"invalid_currency":       Invalid,
	"invalid_address":        Invalid,
	"invalid_page":           Invalid,
	"window_too_long":        Invalid,
	"unauthorized":           Unauthorized,
	"wrong_password":         Unauthorized,
	"token_expired":          Unauthorized,
	"forbidden":              Forbidden,
	"service_disabled":       Forbidden,
	"policy_denied":          Forbidden,
	"not_found":              NotFound,
	"route_not_found":        NotFound,
	"method_not_allowed":     NotFound,
	"duplicate_reference":    Conflict,
	"duplicate_standing":     Conflict,
	"idempotency_conflict":   Conflict,
	"order_state_conflict":   Conflict,
	"insufficient_balance":   Conflict,
	"quote_expired":          Conflict,
	"quote_used":             Conflict,
	"not_published":          Conflict,
	"offer_ended":            Conflict,
	"offer_archived":         Conflict,
	"sold_out":               Conflict,
	"version_conflict":       Conflict,
	"no_address":             Unavailable,
	"not_configured":         Unavailable,
	"commit_unknown":         Unavailable,
	"overloaded":             Unavailable,
	"rate_limited":           TooMany,
}

func TestEveryCodeHasItsKind(t *testing.T) {
	codes := Codes()
	if want := slices.Sorted(maps.Keys(kinds)); !slices.Equal(codes, want) {
		t.Fatalf("codes %v\nwant  %v", codes, want)
	}
	for _, code := range codes {
		e := New(code, "")
		if e.Kind != kinds[code] || KindOf(code) != kinds[code] || e.Kind.String() == "" {
			t.Errorf("%s is %v, want %v", code, e.Kind, kinds[code])
		}
	}
	if KindOf("no_such_code") != 0 || Kind(0).String() != "" || Kind(99).String() != "" {
		t.Error("an unknown code or kind has a name")
	}
}

// A constant that is not in the table would panic at its first use.
func TestEveryConstantIsInTheTable(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); !ok || name.Name != "Code" {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, Code(text))
		}
		return true
	})
	slices.Sort(declared)
	if !slices.Equal(declared, Codes()) {
		t.Errorf("declared %v\ntable    %v", declared, Codes())
	}
}

func TestUnknownCodePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	New("no_such_code", "")
}

func TestCopies(t *testing.T) {
	base := New(CodeInvalidAmount, "The amount is not a number.").With("a", "1")
	changed := base.On("amount").With("b", "2").Because(io.EOF).Retry(time.Second)

	if base.Param != "" || base.Err != nil || base.RetryAfter != 0 || len(base.Details) != 1 {
		t.Errorf("the original changed: %+v", base)
	}
	if changed.Param != "amount" || changed.Err != io.EOF || changed.RetryAfter != time.Second ||
		!maps.Equal(changed.Details, map[string]string{"a": "1", "b": "2"}) {
		t.Errorf("the copy lacks something: %+v", changed)
	}
	if got, want := changed.Error(), "invalid_amount (amount): The amount is not a number.: EOF"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
}

func TestFindInChain(t *testing.T) {
	inner := New(CodeVersionConflict, "").Because(io.ErrUnexpectedEOF)
	wrapped := fmt.Errorf("saving: %w", inner)

	got, ok := As(wrapped)
	if !ok || got != inner {
		t.Errorf("As gave %v, %v", got, ok)
	}
	if !Is(wrapped, CodeVersionConflict) || Is(wrapped, CodeNotFound) {
		t.Error("Is gave the wrong code")
	}
	if !errors.Is(wrapped, io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
	outer := New(CodeOverloaded, "").Because(wrapped)
	if !Is(outer, CodeOverloaded) || Is(outer, CodeVersionConflict) {
		t.Error("the outermost fault does not decide")
	}
	if _, ok := As(io.EOF); ok || Is(io.EOF, CodeNotFound) || Is(nil, CodeNotFound) {
		t.Error("found a fault where none is")
	}
}

func TestRetryable(t *testing.T) {
	want := []Code{CodeCommitUnknown, CodeNoAddress, CodeOverloaded, CodeRateLimited, CodeVersionConflict}
	var got []Code
	for _, code := range Codes() {
		if New(code, "").Retryable() {
			got = append(got, code)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("retryable: %v, want %v", got, want)
	}
}
