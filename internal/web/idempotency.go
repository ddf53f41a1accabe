package web

import (
	"net/http"
	"strings"

	"till/internal/fault"
)

// maxIdempotency is how long an Idempotency-Key may be.
const maxIdempotency = 255

// IdempotencyKey is the name that a client gave a request which must have one effect however often it is sent; "" when it gave none.
//
// Error: invalid_value (Param: Idempotency-Key).
func IdempotencyKey(h http.Header) (string, error) {
	keys := h.Values("Idempotency-Key")
	if len(keys) == 0 {
		return "", nil
	}
	hidden := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	if len(keys) > 1 || keys[0] == "" || len(keys[0]) > maxIdempotency || strings.ContainsFunc(keys[0], hidden) {
		return "", fault.New(fault.CodeInvalidValue, "The Idempotency-Key must be 1 to 255 visible ASCII characters").On("Idempotency-Key")
	}
	return keys[0], nil
}
