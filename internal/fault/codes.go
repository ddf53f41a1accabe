package fault

// Code is what exactly is wrong. Codes are stable: programs compare them.
type Code string

// The codes. table says of what kind each is, and when it is said.
const (
	CodeInvalidJSON          Code = "invalid_json"
	CodeInvalidBody          Code = "invalid_body"
	CodeDuplicateJSONKey     Code = "duplicate_json_key"
	CodeUnsupportedMediaType Code = "unsupported_media_type"
	CodeBodyTooLarge         Code = "body_too_large"

	CodeMissingField    Code = "missing_field"
	CodeWrongType       Code = "wrong_type"
	CodeTooLong         Code = "too_long"
	CodeTooManyMetadata Code = "too_many_metadata"
	CodeInvalidValue    Code = "invalid_value"
	CodeInvalidURL      Code = "invalid_url"
	CodeInvalidAmount   Code = "invalid_amount"
	CodeAmountTooLarge  Code = "amount_too_large"
	CodeInvalidNetwork  Code = "invalid_network"
	CodeInvalidCurrency Code = "invalid_currency"
	CodeInvalidAddress  Code = "invalid_address"
	CodeInvalidPage     Code = "invalid_page"
	CodeWindowTooLong   Code = "window_too_long"

	CodeUnauthorized     Code = "unauthorized"
	CodeTokenExpired     Code = "token_expired"
	CodeWrongPassword    Code = "wrong_password"
	CodeForbidden        Code = "forbidden"
	CodeServiceDisabled  Code = "service_disabled"
	CodePolicyDenied     Code = "policy_denied"
	CodeNotFound         Code = "not_found"
	CodeRouteNotFound    Code = "route_not_found"
	CodeMethodNotAllowed Code = "method_not_allowed"

	CodeDuplicateReference  Code = "duplicate_reference"
	CodeDuplicateStanding   Code = "duplicate_standing"
	CodeIdempotencyConflict Code = "idempotency_conflict"
	CodeOrderStateConflict  Code = "order_state_conflict"
	CodeInsufficientBalance Code = "insufficient_balance"
	CodeQuoteExpired        Code = "quote_expired"
	CodeQuoteUsed           Code = "quote_used"
	CodeNotPublished        Code = "not_published"
	CodeOfferEnded          Code = "offer_ended"
	CodeOfferArchived       Code = "offer_archived"
	CodeSoldOut             Code = "sold_out"
	CodeVersionConflict     Code = "version_conflict"

	CodeNoAddress     Code = "no_address"
	CodeNotConfigured Code = "not_configured"
	CodeCommitUnknown Code = "commit_unknown"
	CodeOverloaded    Code = "overloaded"
	CodeRateLimited   Code = "rate_limited"
)

// A fact says of what kind a code is, and whether the same request may succeed
// when it is repeated.
type fact struct {
	kind      Kind
	retryable bool
}

// The one table. The comment of a row says when the code is said.
var table = map[Code]fact{
	CodeInvalidJSON:          {kind: Invalid},  // the body is not JSON, or something follows it
	CodeInvalidBody:          {kind: Invalid},  // the body is JSON but not an object of the expected shape
	CodeDuplicateJSONKey:     {kind: Invalid},  // an object has one key twice, which two readers may read differently
	CodeUnsupportedMediaType: {kind: Invalid},  // the Content-Type or Content-Encoding is not one that is read
	CodeBodyTooLarge:         {kind: TooLarge}, // the body is longer than the route reads

	CodeMissingField:    {kind: Invalid}, // a required field is absent, null or empty
	CodeWrongType:       {kind: Invalid}, // a field has another JSON type than it must, a number for an amount included
	CodeTooLong:         {kind: Invalid}, // a text is longer than its field allows
	CodeTooManyMetadata: {kind: Invalid}, // metadata has more entries than allowed
	CodeInvalidValue:    {kind: Invalid}, // a field has the right type and a value that is not allowed, and no code below is more exact
	CodeInvalidURL:      {kind: Invalid}, // a URL is malformed, of a refused scheme or of an origin that is not registered
	CodeInvalidAmount:   {kind: Invalid}, // an amount is not a plain decimal, has too many decimals, or is not above zero
	CodeAmountTooLarge:  {kind: Invalid}, // an amount has too many digits, or is above the limit of the order or method
	CodeInvalidNetwork:  {kind: Invalid}, // a network is unknown, or of the other mode
	CodeInvalidCurrency: {kind: Invalid}, // a currency or token is unknown, or not offered on the network
	CodeInvalidAddress:  {kind: Invalid}, // an address or account number is malformed, of another network, or fails its checksum
	CodeInvalidPage:     {kind: Invalid}, // a list's page, limit, cursor, sort or filter is not one that is served
	CodeWindowTooLong:   {kind: Invalid}, // a requested payment window or period is longer than allowed

	CodeUnauthorized:     {kind: Unauthorized}, // the key, token or session is missing, wrong or expired
	CodeTokenExpired:     {kind: Unauthorized}, // the token was good and its time is over: a new one is to be had
	CodeWrongPassword:    {kind: Unauthorized}, // nobody has this name and password; which of them is wrong is never said
	CodeForbidden:        {kind: Forbidden},    // the caller is known and lacks the permission or scope
	CodeServiceDisabled:  {kind: Forbidden},    // the merchant has switched this service off
	CodePolicyDenied:     {kind: Forbidden},    // the organisation's policy does not allow such an order, or has no rule for it and allows nothing else
	CodeNotFound:         {kind: NotFound},     // no such object, or it belongs to another merchant or mode
	CodeRouteNotFound:    {kind: NotFound},     // no such path
	CodeMethodNotAllowed: {kind: NotFound},     // the path exists, but not with this method

	CodeDuplicateReference:  {kind: Conflict},                     // the merchant's own reference is already used by another order
	CodeDuplicateStanding:   {kind: Conflict},                     // the merchant's own reference holds an address or account already
	CodeIdempotencyConflict: {kind: Conflict},                     // the idempotency key was used with another request
	CodeOrderStateConflict:  {kind: Conflict},                     // the order is in a state that does not allow the command
	CodeInsufficientBalance: {kind: Conflict},                     // the spendable balance is less than the command needs
	CodeQuoteExpired:        {kind: Conflict},                     // the quote's end has passed
	CodeQuoteUsed:           {kind: Conflict},                     // the quote was used before, and serves once
	CodeNotPublished:        {kind: Conflict},                     // the offer is not, or no longer, published
	CodeOfferEnded:          {kind: Conflict},                     // the offer's end has passed
	CodeOfferArchived:       {kind: Conflict},                     // the offer is archived and does not change any more
	CodeSoldOut:             {kind: Conflict},                     // the offer has been taken up as often as there is stock
	CodeVersionConflict:     {kind: Conflict, retryable: true},    // somebody changed the object between its reading and its saving
	CodeNoAddress:           {kind: Unavailable, retryable: true}, // no payment address or reference is free at the moment
	CodeNotConfigured:       {kind: Unavailable},                  // the server or merchant is not set up for this method, network or currency
	CodeCommitUnknown:       {kind: Unavailable, retryable: true}, // the database did not say whether the change was saved: repeat with the same idempotency key
	CodeOverloaded:          {kind: Unavailable, retryable: true}, // a queue or pool is full, or the server is stopping
	CodeRateLimited:         {kind: TooMany, retryable: true},     // the caller asked more often than allowed
}
