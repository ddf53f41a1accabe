package baanx

import (
	"net/http"
	"strings"
	"unicode"

	"till/internal/fault"
	"till/internal/web"
)

// Limits of what is read.
const (
	maxBody    = 64 << 10
	maxText    = 256
	maxSession = 4096 // characters of what is carried from one step to the next
)

// methodGateway is the only payment method: crypto, from anywhere, through a gateway or straight to the address.
const methodGateway = "CRYPTO_EXTERNAL_DAIMO"

// askedOrder is a request for an order. What else is in it is ignored.
type askedOrder struct{ product, method string }

func decodeOrder(r *http.Request) (a askedOrder, err error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return a, err
	}
	if a.product, err = required(body, "productId", maxText); err != nil {
		return a, err
	}
	if a.method, err = required(body, "paymentMethod", maxText); err != nil {
		return a, err
	}
	if a.method != methodGateway {
		return a, fault.New(fault.CodeInvalidValue, "The field 'paymentMethod' must be "+methodGateway).On("paymentMethod")
	}
	return a, nil
}

// required reads a text that must be there and not be empty.
func required(body web.Object, field string, limit int) (string, error) {
	text, err := optional(body, field, limit)
	if err == nil && text == "" {
		err = fault.New(fault.CodeMissingField, "The field '"+field+"' is required").On(field)
	}
	return text, err
}

// optional reads a text; "" where it is absent, null or empty. Control characters are refused.
func optional(body web.Object, field string, limit int) (string, error) {
	text, _, err := body.String(field, limit)
	if err == nil && strings.ContainsFunc(text, unicode.IsControl) {
		return "", fault.New(fault.CodeInvalidValue, "The field '"+field+"' must not hold control characters").On(field)
	}
	return text, err
}
