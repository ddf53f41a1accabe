package operator

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/web"
)

// codeInternal is said of everything that is not a fault; its cause is in the log only.
const codeInternal = "internal_error"

// problem is a refusal on its way out. huma asks it for status, media type and headers.
type problem struct {
	client.Problem
	headers http.Header
}

func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return "application/problem+json" }
func (p *problem) GetHeaders() http.Header   { return p.headers }

// statuses is the HTTP status of each kind of fault; the codes in exceptions have their own.
var statuses = map[fault.Kind]int{
	fault.Invalid:      http.StatusBadRequest,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.NotFound:     http.StatusNotFound,
	fault.Conflict:     http.StatusConflict,
	fault.TooLarge:     http.StatusRequestEntityTooLarge,
	fault.TooMany:      http.StatusTooManyRequests,
	fault.Unavailable:  http.StatusServiceUnavailable,
}

var exceptions = map[fault.Code]int{
	fault.CodeMethodNotAllowed:     http.StatusMethodNotAllowed,
	fault.CodeUnsupportedMediaType: http.StatusUnsupportedMediaType,
}

// problemOf is how a fault looks in this API.
func problemOf(f *fault.Error) *problem {
	status, own := exceptions[f.Code]
	if !own {
		status = statuses[f.Kind]
	}
	p := newProblem(status, string(f.Code), f.Message)
	p.Param, p.Details = f.Param, f.Details
	if status == http.StatusUnauthorized {
		p.headers.Set("WWW-Authenticate", "Bearer")
	}
	if f.RetryAfter > 0 {
		p.headers.Set("Retry-After", strconv.FormatInt(int64((f.RetryAfter+time.Second-1)/time.Second), 10))
	}
	return p
}

func newProblem(status int, code, detail string) *problem {
	return &problem{headers: http.Header{}, Problem: client.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail,
	}}
}

// refuse turns any error into a problem. One that is not a fault is logged, and its text is not sent.
func (a *api) refuse(ctx context.Context, err error) *problem {
	if f, ok := fault.As(err); ok {
		return problemOf(f)
	}
	a.Log.ErrorContext(ctx, "operator API: internal error", "request", web.FromContext(ctx), "error", err)
	return newProblem(http.StatusInternalServerError, codeInternal, "an internal error occurred")
}

func write(w http.ResponseWriter, p *problem) {
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p) // an error here means that the client has left
}

// newError is huma's hook: what huma itself refuses, by the schema of an operation. The operations' own
// errors do not come this way.
func newError(status int, message string, errs ...error) huma.StatusError {
	if status >= http.StatusInternalServerError {
		return newProblem(status, codeInternal, "an internal error occurred")
	}
	for _, err := range errs {
		if d, ok := err.(*huma.ErrorDetail); ok {
			return problemOf(violation(d))
		}
	}
	return problemOf(fault.New(fault.CodeInvalidBody, "the body cannot be read"))
}

// violation is the fault of a value that a schema refuses. d.Location is like "body.mode" or "query.limit",
// or "body" for the body as a whole.
func violation(d *huma.ErrorDetail) *fault.Error {
	if name, ok := missingProperty(d.Message); ok {
		return fault.New(fault.CodeMissingField, "the field is required").On(name)
	}
	_, param, ok := strings.Cut(d.Location, ".")
	if !ok {
		return fault.New(fault.CodeInvalidBody, "the body cannot be read")
	}
	code := fault.CodeInvalidValue
	switch {
	case strings.HasPrefix(d.Message, "required ") && strings.HasSuffix(d.Message, " parameter is missing"):
		code = fault.CodeMissingField
	case d.Location == "query.limit" || d.Location == "query.after":
		code = fault.CodeInvalidPage
	case slices.Contains(wrongType, d.Message):
		code = fault.CodeWrongType
	case strings.HasPrefix(d.Message, literal(validation.MsgExpectedMaxLength)):
		code = fault.CodeTooLong
	}
	return fault.New(code, d.Message).On(param)
}

var wrongType = []string{
	validation.MsgExpectedInteger, validation.MsgExpectedNumber, validation.MsgExpectedString,
	validation.MsgExpectedBoolean, validation.MsgExpectedObject, validation.MsgExpectedArray,
}

// missingProperty finds the field's name in huma's message, the only place where it is.
func missingProperty(message string) (name string, ok bool) {
	before, after, _ := strings.Cut(validation.MsgExpectedRequiredProperty, "%s")
	name, ok = strings.CutPrefix(message, before)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, after)
}

// literal is the part of a message template before its first verb.
func literal(template string) string {
	before, _, _ := strings.Cut(template, "%")
	return before
}
