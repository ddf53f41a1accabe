package koywe

import (
	"errors"
	"net/http"

	"till/internal/fault"
	"till/internal/web"
)

// refusal is how a fault looks on the wire. The message is the fault's own.
type refusal struct {
	status int
	code   string // errorCode
}

const validationError = "VALIDATION_ERROR"

// refusals has a row for every fault code. INSUFFICIENT_BALANCE, INVALID_CREDENTIALS and TOKEN_EXPIRED are words of
// Koywe's guides. The rest has a number in Koywe's catalogue that nobody outside knows, so that the words here are
// ours: a made-up number would look official. What is known of the catalogue is below.
var refusals = map[fault.Code]refusal{
	fault.CodeInvalidJSON:          {http.StatusBadRequest, validationError},
	fault.CodeInvalidBody:          {http.StatusBadRequest, validationError},
	fault.CodeDuplicateJSONKey:     {http.StatusBadRequest, validationError},
	fault.CodeUnsupportedMediaType: {http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE"},
	fault.CodeBodyTooLarge:         {http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE"},

	fault.CodeMissingField:    {http.StatusBadRequest, validationError},
	fault.CodeWrongType:       {http.StatusBadRequest, validationError},
	fault.CodeTooLong:         {http.StatusBadRequest, validationError},
	fault.CodeTooManyMetadata: {http.StatusBadRequest, validationError},
	fault.CodeInvalidValue:    {http.StatusBadRequest, validationError},
	fault.CodeInvalidURL:      {http.StatusBadRequest, validationError},
	fault.CodeInvalidAmount:   {http.StatusBadRequest, "INVALID_AMOUNT"},
	fault.CodeAmountTooLarge:  {http.StatusBadRequest, "INVALID_AMOUNT"},
	fault.CodeInvalidNetwork:  {http.StatusBadRequest, "INVALID_NETWORK"},
	fault.CodeInvalidCurrency: {http.StatusBadRequest, "INVALID_CURRENCY"},
	fault.CodeInvalidAddress:  {http.StatusBadRequest, "INVALID_ACCOUNT"},
	fault.CodeInvalidPage:     {http.StatusBadRequest, validationError},
	fault.CodeWindowTooLong:   {http.StatusBadRequest, validationError},

	fault.CodeUnauthorized:     {http.StatusUnauthorized, "UNAUTHORIZED"},
	fault.CodeTokenExpired:     {http.StatusUnauthorized, "TOKEN_EXPIRED"},
	fault.CodeWrongPassword:    {http.StatusUnauthorized, "INVALID_CREDENTIALS"},
	fault.CodeForbidden:        {http.StatusForbidden, "FORBIDDEN"},
	fault.CodePolicyDenied:     {http.StatusForbidden, "POLICY_DENIED"},
	fault.CodeServiceDisabled:  {http.StatusForbidden, "SERVICE_DISABLED"},
	fault.CodeNotFound:         {http.StatusNotFound, "NOT_FOUND"},
	fault.CodeRouteNotFound:    {http.StatusNotFound, "NOT_FOUND"},
	fault.CodeMethodNotAllowed: {http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED"},

	fault.CodeDuplicateReference:  {http.StatusConflict, "ALREADY_EXISTS"},
	fault.CodeDuplicateStanding:   {http.StatusConflict, "ALREADY_EXISTS"},
	fault.CodeIdempotencyConflict: {http.StatusConflict, "IDEMPOTENCY_CONFLICT"},
	fault.CodeOrderStateConflict:  {http.StatusConflict, "ORDER_STATE_CONFLICT"},
	fault.CodeInsufficientBalance: {http.StatusBadRequest, "INSUFFICIENT_BALANCE"},
	fault.CodeQuoteExpired:        {http.StatusBadRequest, "QUOTE_EXPIRED"},
	fault.CodeQuoteUsed:           {http.StatusConflict, "QUOTE_USED"},
	fault.CodeNotPublished:        {http.StatusConflict, "NOT_PUBLISHED"},
	fault.CodeOfferEnded:          {http.StatusConflict, "OFFER_ENDED"},
	fault.CodeOfferArchived:       {http.StatusConflict, "OFFER_ARCHIVED"},
	fault.CodeSoldOut:             {http.StatusConflict, "SOLD_OUT"},
	fault.CodeVersionConflict:     {http.StatusConflict, "VERSION_CONFLICT"},

	fault.CodeNoAddress:     {http.StatusServiceUnavailable, "NO_AVAILABLE_ADDRESSES"},
	fault.CodeNotConfigured: {http.StatusServiceUnavailable, "NOT_CONFIGURED"},
	fault.CodeCommitUnknown: {http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE"},
	fault.CodeOverloaded:    {http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE"},
	fault.CodeRateLimited:   {http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED"},
}

// The numbers of Koywe's catalogue that are known. They say more than a fault's code, so that whoever refuses names
// them: numbered{fault.New(...), numberDocument}.
const (
	numberMerchant        = "MC00015"  // the merchant is not of the organization
	numberAccountCurrency = "BAA00008" // the destination account is kept in another currency
	numberDocument        = "DC00010"  // the document is none
	numberNoRule          = "POL00002" // no policy, or no rule of it, allows the operation
	numberApproval        = "POL00007" // somebody must approve the operation
	numberContact         = "CT00036"  // a PAYIN needs a contact
)

// numbered is a fault whose errorCode is a number of Koywe's catalogue, and not its code's row.
type numbered struct {
	of     *fault.Error
	number string
}

// Error is the fault's text for our log.
func (n numbered) Error() string { return n.number + " " + n.of.Error() }

// Unwrap is the fault.
func (n numbered) Unwrap() error { return n.of }

// errorBody is every refusal.
type errorBody struct {
	StatusCode int            `json:"statusCode"`
	Timestamp  string         `json:"timestamp"`
	Path       string         `json:"path"`
	ErrorCode  string         `json:"errorCode"`
	Message    string         `json:"message"`
	Details    map[string]any `json:"details,omitempty"`
}

// refuse answers an error. What is not a fault is logged and never shown.
func (d *Dialect) refuse(w http.ResponseWriter, r *http.Request, err error) {
	f, known := fault.As(err)
	row, mapped := refusal{}, false
	if known {
		row, mapped = refusals[f.Code]
	}
	if !mapped {
		d.log.ErrorContext(r.Context(), "request failed", "request", web.FromContext(r.Context()), "method", r.Method, "path", r.URL.Path, "error", err)
		d.failed(w, r)
		return
	}
	if n, ok := errors.AsType[numbered](err); ok {
		row.code = n.number
	} else if f.Code == fault.CodePolicyDenied {
		row.code = numberNoRule
	}
	web.RefusalHeaders(w, row.status, f.RetryAfter)
	web.WriteJSON(w, row.status, d.refusalBody(r, row, web.Sentence(f.Message), detailsOf(f)))
}

// failed answers what went wrong on our side, and says nothing of it.
func (d *Dialect) failed(w http.ResponseWriter, r *http.Request) {
	row := refusal{http.StatusInternalServerError, "INTERNAL_ERROR"}
	web.WriteJSON(w, row.status, d.refusalBody(r, row, "Something went wrong on our side", map[string]any{"requestId": web.FromContext(r.Context())}))
}

func (d *Dialect) refusalBody(r *http.Request, row refusal, message string, details map[string]any) errorBody {
	return errorBody{
		StatusCode: row.status, Timestamp: wireTime(d.now()), Path: r.URL.Path, ErrorCode: row.code, Message: message, Details: details,
	}
}

// detailsOf is what a fault says beside its message. Amounts are numbers here, as everywhere.
func detailsOf(f *fault.Error) map[string]any {
	details := map[string]any{}
	for key, value := range f.Details {
		switch {
		case key == "existing":
			details["existingId"] = value
		case f.Code == fault.CodeInsufficientBalance && key != "currency":
			details[key] = shortest(value)
		default:
			details[key] = value
		}
	}
	if f.Param != "" {
		details["field"] = f.Param
	}
	return details
}
