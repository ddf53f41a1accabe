package baanx

import (
	"errors"
	"net/http"

	"till/internal/fault"
	"till/internal/web"
)

// The statuses that are Baanx's own. No standard has them.
const (
	statusInvalidClient = 498
	statusMissingClient = 499
)

// statuses is the HTTP status of every fault code. What is wrong with a request's body is 422, whatever it is: the
// contract lists no other.
var statuses = map[fault.Code]int{
	fault.CodeInvalidJSON:          http.StatusUnprocessableEntity,
	fault.CodeInvalidBody:          http.StatusUnprocessableEntity,
	fault.CodeDuplicateJSONKey:     http.StatusUnprocessableEntity,
	fault.CodeUnsupportedMediaType: http.StatusUnprocessableEntity,
	fault.CodeBodyTooLarge:         http.StatusRequestEntityTooLarge,

	fault.CodeMissingField:    http.StatusUnprocessableEntity,
	fault.CodeWrongType:       http.StatusUnprocessableEntity,
	fault.CodeTooLong:         http.StatusUnprocessableEntity,
	fault.CodeTooManyMetadata: http.StatusUnprocessableEntity,
	fault.CodeInvalidValue:    http.StatusUnprocessableEntity,
	fault.CodeInvalidURL:      http.StatusUnprocessableEntity,
	fault.CodeInvalidAmount:   http.StatusUnprocessableEntity,
	fault.CodeAmountTooLarge:  http.StatusUnprocessableEntity,
	fault.CodeInvalidNetwork:  http.StatusUnprocessableEntity,
	fault.CodeInvalidCurrency: http.StatusUnprocessableEntity,
	fault.CodeInvalidAddress:  http.StatusUnprocessableEntity,
	fault.CodeInvalidPage:     http.StatusUnprocessableEntity,
	fault.CodeWindowTooLong:   http.StatusUnprocessableEntity,

	fault.CodeUnauthorized:     http.StatusUnauthorized,
	fault.CodeTokenExpired:     http.StatusUnauthorized,
	fault.CodeWrongPassword:    http.StatusUnauthorized,
	fault.CodeForbidden:        http.StatusForbidden,
	fault.CodePolicyDenied:     http.StatusForbidden,
	fault.CodeServiceDisabled:  http.StatusForbidden,
	fault.CodeNotFound:         http.StatusNotFound,
	fault.CodeRouteNotFound:    http.StatusNotFound,
	fault.CodeMethodNotAllowed: http.StatusMethodNotAllowed,

	fault.CodeDuplicateReference:  http.StatusConflict,
	fault.CodeDuplicateStanding:   http.StatusConflict,
	fault.CodeIdempotencyConflict: http.StatusUnprocessableEntity,
	fault.CodeOrderStateConflict:  http.StatusConflict,
	fault.CodeInsufficientBalance: http.StatusConflict,
	fault.CodeQuoteExpired:        http.StatusConflict,
	fault.CodeQuoteUsed:           http.StatusConflict,
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

// client statuses: a fault about the client id, which no code tells from one about the user.
type clientFault struct {
	of     *fault.Error
	status int
}

func (c clientFault) Error() string { return c.of.Error() }
func (c clientFault) Unwrap() error { return c.of }

func missingClient() error {
	return clientFault{fault.New(fault.CodeUnauthorized, "Missing client key"), statusMissingClient}
}

func unknownClient() error {
	return clientFault{fault.New(fault.CodeUnauthorized, "Invalid client key"), statusInvalidClient}
}

// grantFault is a refusal of the OAuth routes, in their own words (RFC 6749, 5.2).
type grantFault struct {
	word   string // "invalid_grant"
	status int
	text   string
}

func (g grantFault) Error() string { return g.word + ": " + g.text }

func notAuthenticated() error { return fault.New(fault.CodeUnauthorized, "Not authenticated") }

// errorBody is every refusal. Message is all that known clients read. Error and Description are OAuth's on its routes;
// Details say what is wrong with the body of a request, a sentence for each field.
type errorBody struct {
	Message     string   `json:"message"`
	Error       string   `json:"error,omitempty"`
	Description string   `json:"error_description,omitempty"`
	Details     []string `json:"details,omitempty"`
}

const validationError = "Validation error"

// refuse answers an error. What is not a fault is logged and never shown.
func (d *Dialect) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if g, ok := errors.AsType[grantFault](err); ok {
		web.WriteJSON(w, g.status, errorBody{Message: web.Sentence(g.text), Error: g.word, Description: web.Sentence(g.text)})
		return
	}
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
	if c, ok := errors.AsType[clientFault](err); ok {
		status = c.status
	}
	web.RefusalHeaders(w, status, f.RetryAfter)
	body := errorBody{Message: web.Sentence(f.Message)}
	if status == http.StatusUnprocessableEntity {
		body.Error = validationError
		body.Details = []string{detailOf(f)}
	}
	web.WriteJSON(w, status, body)
}

// detailOf is the sentence about a fault that names its field.
func detailOf(f *fault.Error) string {
	text := web.Sentence(f.Message)
	if f.Param == "" {
		return text
	}
	return f.Param + ": " + text
}

// failed answers what went wrong on our side, and says nothing of it.
func (d *Dialect) failed(w http.ResponseWriter, _ *http.Request) {
	web.WriteJSON(w, http.StatusInternalServerError, errorBody{Message: "Internal server error"})
}
