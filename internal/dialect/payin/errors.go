package payin

import (
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// refusal is how a fault looks on the wire. The message is the fault's own.
type refusal struct {
	status int
	code   string
	text   string // the field error
}

const validationError = "VALIDATION_ERROR"

// refusals has a row for every fault code. DUPLICATE_ORDER_REFERENCE, NO_AVAILABLE_ADDRESSES, INVALID_AMOUNT
// and INVALID_CHAIN are the seed's, word for word. INVALID_CURRENCY, INVALID_API_KEY, INSUFFICIENT_PERMISSIONS,
// RESOURCE_NOT_FOUND and RATE_LIMIT_EXCEEDED are from PayIn's API overview. The rest has no name there.
var refusals = map[fault.Code]refusal{
	fault.CodeInvalidJSON:          {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeInvalidBody:          {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeDuplicateJSONKey:     {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeUnsupportedMediaType: {http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "Unsupported media type"},
	fault.CodeBodyTooLarge:         {http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", "Payload too large"},

	fault.CodeMissingField:    {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeWrongType:       {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeTooLong:         {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeTooManyMetadata: {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeInvalidValue:    {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeInvalidURL:      {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeInvalidAmount:   {http.StatusBadRequest, "INVALID_AMOUNT", "Invalid amount"},
	fault.CodeAmountTooLarge:  {http.StatusBadRequest, "INVALID_AMOUNT", "Invalid amount"},
	fault.CodeInvalidNetwork:  {http.StatusBadRequest, "INVALID_CHAIN", "Invalid chain"},
	fault.CodeInvalidCurrency: {http.StatusBadRequest, "INVALID_CURRENCY", "Invalid currency"},
	fault.CodeInvalidAddress:  {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeInvalidPage:     {http.StatusBadRequest, validationError, "Validation error"},
	fault.CodeWindowTooLong:   {http.StatusBadRequest, validationError, "Validation error"},

	fault.CodeUnauthorized:     {http.StatusUnauthorized, "INVALID_API_KEY", "Unauthorized"},
	fault.CodeTokenExpired:     {http.StatusUnauthorized, "INVALID_API_KEY", "Unauthorized"},
	fault.CodeWrongPassword:    {http.StatusUnauthorized, "INVALID_CREDENTIALS", "Authentication failed"},
	fault.CodeForbidden:        {http.StatusForbidden, "INSUFFICIENT_PERMISSIONS", "Forbidden"},
	fault.CodeServiceDisabled:  {http.StatusForbidden, "ORDER_SERVICE_DISABLED", "Service disabled"}, // PayIn's open source server
	fault.CodePolicyDenied:     {http.StatusForbidden, "POLICY_DENIED", "Forbidden"},
	fault.CodeNotFound:         {http.StatusNotFound, "RESOURCE_NOT_FOUND", "Not Found"},
	fault.CodeRouteNotFound:    {http.StatusNotFound, "RESOURCE_NOT_FOUND", "Not Found"},
	fault.CodeMethodNotAllowed: {http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Method Not Allowed"},

	fault.CodeDuplicateReference:  {http.StatusConflict, "DUPLICATE_ORDER_REFERENCE", "Duplicate order reference"},
	fault.CodeDuplicateStanding:   {http.StatusConflict, "DUPLICATE_DEPOSIT_REFERENCE", "Duplicate deposit reference"},
	fault.CodeIdempotencyConflict: {http.StatusConflict, "IDEMPOTENCY_KEY_CONFLICT", "Idempotency key conflict"},
	fault.CodeOrderStateConflict:  {http.StatusConflict, "ORDER_STATE_CONFLICT", "Conflict"},
	fault.CodeInsufficientBalance: {http.StatusConflict, "INSUFFICIENT_BALANCE", "Conflict"},
	fault.CodeQuoteExpired:        {http.StatusConflict, "QUOTE_EXPIRED", "Conflict"},
	fault.CodeQuoteUsed:           {http.StatusConflict, "QUOTE_USED", "Conflict"},
	fault.CodeNotPublished:        {http.StatusConflict, "PAYMENT_LINK_NOT_PUBLISHED", "Payment link not published"},
	fault.CodeOfferEnded:          {http.StatusGone, "PAYMENT_LINK_EXPIRED", "Payment link expired"},
	fault.CodeOfferArchived:       {http.StatusConflict, "PAYMENT_LINK_ARCHIVED", "Payment link archived"},
	fault.CodeSoldOut:             {http.StatusConflict, "PAYMENT_LINK_SOLD_OUT", "Payment link sold out"},
	fault.CodeVersionConflict:     {http.StatusConflict, "VERSION_CONFLICT", "Conflict"},

	fault.CodeNoAddress:     {http.StatusServiceUnavailable, "NO_AVAILABLE_ADDRESSES", "No available addresses"},
	fault.CodeNotConfigured: {http.StatusServiceUnavailable, "NOT_CONFIGURED", "Not configured"},
	fault.CodeCommitUnknown: {http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", "Service unavailable"},
	fault.CodeOverloaded:    {http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", "Service unavailable"},
	fault.CodeRateLimited:   {http.StatusTooManyRequests, "RATE_LIMIT_EXCEEDED", "Too many requests"},
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
	body := errorBody{Error: row.text, Message: web.Sentence(f.Message), Code: row.code, StatusCode: row.status, Details: detailsOf(f)}
	if f.Code == fault.CodeDuplicateReference {
		body.ExistingOrderID = f.Details["existing"]
	}
	if f.Code == fault.CodeServiceDisabled && f.Details["service"] == depositService {
		body.Code = "DEPOSIT_SERVICE_DISABLED"
	}
	seconds := web.RefusalHeaders(w, row.status, f.RetryAfter)
	if row.status == http.StatusTooManyRequests {
		body.RetryAfter = seconds
	}
	web.WriteJSON(w, row.status, body)
}

// failed answers what went wrong on our side, and says nothing of it.
func (d *Dialect) failed(w http.ResponseWriter, r *http.Request) {
	web.WriteJSON(w, http.StatusInternalServerError, errorBody{
		Error: "Internal Server Error", Message: "Something went wrong on our side", Code: "INTERNAL_ERROR",
		StatusCode: http.StatusInternalServerError, RequestID: web.FromContext(r.Context()),
	})
}

// explain says an engine's refusal of a new order in the seed's words.
func explain(err error, asked engine.NewOrder) error {
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	said := *f
	switch f.Code {
	case fault.CodeDuplicateReference:
		said.Message = "Order with reference '" + asked.Reference + "' already exists"
	case fault.CodeNoAddress:
		said.Message = "Address pool exhausted for protocol '" + string(asked.Network.Family) + "'"
	default:
		return err
	}
	return &said
}

// explainLink says in this API's words what is wrong with taking up a payment link.
func explainLink(err error) error {
	said := map[fault.Code]string{
		fault.CodeNotFound:     "Payment link not found",
		fault.CodeNotPublished: "This payment link is not published",
		fault.CodeOfferEnded:   "This payment link has expired",
		fault.CodeSoldOut:      "This payment link is sold out",
		fault.CodeNoAddress:    "This payment link cannot be paid at the moment: no address is free",
	}
	f, ok := fault.As(err)
	if !ok || said[f.Code] == "" {
		return err
	}
	told := *f
	told.Message = said[f.Code]
	return &told
}

// detailsOf is what a fault says beside its message; the id of an existing order has a field of its own.
func detailsOf(f *fault.Error) map[string]string {
	details := map[string]string{}
	for key, value := range f.Details {
		if key != "existing" {
			details[key] = value
		}
	}
	if f.Param != "" {
		details["field"] = f.Param
	}
	return details
}
