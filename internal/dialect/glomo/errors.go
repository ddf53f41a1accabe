package glomo

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"till/internal/fault"
	"till/internal/web"
)

// statuses has a row for every fault code. The message is the fault's own.
var statuses = map[fault.Code]int{
	fault.CodeInvalidJSON:          http.StatusBadRequest,
	fault.CodeInvalidBody:          http.StatusBadRequest,
	fault.CodeDuplicateJSONKey:     http.StatusBadRequest,
	fault.CodeUnsupportedMediaType: http.StatusBadRequest,
	fault.CodeBodyTooLarge:         http.StatusRequestEntityTooLarge,

	fault.CodeMissingField:    http.StatusBadRequest,
	fault.CodeWrongType:       http.StatusBadRequest,
	fault.CodeTooLong:         http.StatusBadRequest,
	fault.CodeTooManyMetadata: http.StatusBadRequest,
	fault.CodeInvalidValue:    http.StatusBadRequest,
	fault.CodeInvalidURL:      http.StatusBadRequest,
	fault.CodeInvalidAmount:   http.StatusBadRequest,
	fault.CodeAmountTooLarge:  http.StatusBadRequest,
	fault.CodeInvalidNetwork:  http.StatusBadRequest,
	fault.CodeInvalidCurrency: http.StatusBadRequest,
	fault.CodeInvalidAddress:  http.StatusBadRequest,
	fault.CodeInvalidPage:     http.StatusBadRequest,
	fault.CodeWindowTooLong:   http.StatusBadRequest,

	fault.CodeUnauthorized:     http.StatusUnauthorized,
	fault.CodeTokenExpired:     http.StatusUnauthorized,
	fault.CodeWrongPassword:    http.StatusUnauthorized,
	fault.CodeForbidden:        http.StatusForbidden,
	fault.CodePolicyDenied:     http.StatusForbidden,
	fault.CodeServiceDisabled:  http.StatusForbidden,
	fault.CodeNotFound:         http.StatusNotFound,
	fault.CodeRouteNotFound:    http.StatusNotFound,
	fault.CodeMethodNotAllowed: http.StatusNotFound,

	fault.CodeDuplicateReference:  http.StatusBadRequest,
	fault.CodeDuplicateStanding:   http.StatusBadRequest,
	fault.CodeIdempotencyConflict: http.StatusConflict,
	fault.CodeOrderStateConflict:  http.StatusBadRequest,
	fault.CodeInsufficientBalance: http.StatusBadRequest,
	fault.CodeQuoteExpired:        http.StatusBadRequest,
	fault.CodeQuoteUsed:           http.StatusBadRequest,
	fault.CodeNotPublished:        http.StatusConflict,
	fault.CodeOfferEnded:          http.StatusConflict,
	fault.CodeOfferArchived:       http.StatusConflict,
	fault.CodeSoldOut:             http.StatusConflict,
	fault.CodeVersionConflict:     http.StatusConflict,

	fault.CodeNoAddress:     http.StatusServiceUnavailable,
	fault.CodeNotConfigured: http.StatusServiceUnavailable,
	fault.CodeCommitUnknown: http.StatusServiceUnavailable,
	fault.CodeOverloaded:    http.StatusServiceUnavailable,
	fault.CodeRateLimited:   http.StatusTooManyRequests,
}

// words is what the field error says beside each status.
var words = map[int]string{
	http.StatusBadRequest:            "Bad Request",
	http.StatusUnauthorized:          "Unauthorized",
	http.StatusForbidden:             "Forbidden",
	http.StatusNotFound:              "Not found",
	http.StatusConflict:              "Conflict",
	http.StatusRequestEntityTooLarge: "Payload Too Large",
	http.StatusUnprocessableEntity:   "Unprocessable Entity",
	http.StatusTooManyRequests:       "Too Many Requests",
	http.StatusInternalServerError:   "Internal Server Error",
	http.StatusServiceUnavailable:    "Service Unavailable",
}

// answered is a fault whose status here is not its code's row.
type answered struct {
	of     *fault.Error
	status int
}

// Error is the fault's text for our log.
func (a answered) Error() string { return strconv.Itoa(a.status) + " " + a.of.Error() }

// Unwrap is the fault.
func (a answered) Unwrap() error { return a.of }

// errorBody is every refusal.
type errorBody struct {
	Error   string `json:"error"`
	Message string `json:"message"`
}

// refuse answers an error. What is not a fault is logged and never shown.
func (d *Dialect) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f, known := fault.As(err)
	status, mapped := 0, false
	if known {
		status, mapped = statuses[f.Code]
	}
	if !mapped {
		d.log.ErrorContext(r.Context(), "request failed", "request", web.FromContext(r.Context()), "method", r.Method, "path", r.URL.Path, "error", err)
		d.failed(w, r)
		return
	}
	if a, ok := errors.AsType[answered](err); ok {
		status = a.status
	}
	web.RefusalHeaders(w, status, f.RetryAfter)
	web.WriteJSON(w, status, errorBody{words[status], messageOf(f)})
}

// messageOf is a fault's message, which names the field: the body of a refusal has no other place for it.
func messageOf(f *fault.Error) string {
	if f.Param == "" || says(f.Message, f.Param) {
		return f.Message
	}
	return f.Param + ": " + f.Message
}

// says whether a message names a field, in any spelling: "Customer ID" is customer_id.
func says(message, field string) bool {
	plain := func(text string) string { return strings.ToLower(strings.ReplaceAll(text, "_", " ")) }
	return strings.Contains(plain(message), plain(field))
}

// failed answers what went wrong on our side, and says nothing of it.
func (d *Dialect) failed(w http.ResponseWriter, r *http.Request) {
	status := http.StatusInternalServerError
	web.WriteJSON(w, status, errorBody{words[status], "Something went wrong on our side; the request was " + web.FromContext(r.Context())})
}
