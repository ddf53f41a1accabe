package baanx

// record is what is remembered with an order and echoed, beside what the engine keeps.
type record struct {
	Currency string `json:"currency"` // of the price
}

// number is the text of a JSON number, so that no amount is ever anything but its digits.
type number string

// MarshalJSON writes the digits as they are.
func (n number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

// createdBody is an order that is to be paid.
type createdBody struct {
	RequestID     string         `json:"requestId"`
	OrderID       string         `json:"orderId"`
	PaymentConfig *paymentConfig `json:"paymentConfig,omitempty"`
}

// paymentConfig is all that is needed to pay an order.
type paymentConfig struct {
	PaymentAmount           number `json:"paymentAmount"`
	PaymentCurrency         string `json:"paymentCurrency"` // of ISO 4217
	DestinationAddress      string `json:"destinationAddress"`
	DestinationChainID      string `json:"destinationChainId"` // of EIP-155, decimal
	DestinationTokenSymbol  string `json:"destinationTokenSymbol"`
	DestinationTokenAddress string `json:"destinationTokenAddress"`
}

// statusBody is what became of an order.
type statusBody struct {
	RequestID string    `json:"requestId"`
	OrderID   string    `json:"orderId"`
	Status    string    `json:"status"`
	PaidAt    string    `json:"paidAt,omitempty"`
	Metadata  *metadata `json:"metadata,omitempty"`
}

type metadata struct {
	PaymentID string `json:"paymentId,omitempty"` // the gateway's
	TxHash    string `json:"txHash,omitempty"`
	Note      string `json:"note,omitempty"`
}

type productBody struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	IsEligible  bool   `json:"isEligible"`
}

type userBody struct {
	ID                 string  `json:"id"`
	Email              *string `json:"email"`
	PhoneNumber        *string `json:"phoneNumber"`
	CountryOfResidence *string `json:"countryOfResidence"`
	VerificationState  string  `json:"verificationState"`
	CreatedAt          string  `json:"createdAt"`
}

type loginBody struct {
	AccessToken       string  `json:"accessToken"`
	UserID            string  `json:"userId"`
	IsOtpRequired     bool    `json:"isOtpRequired"`
	PhoneNumber       *string `json:"phoneNumber"`
	Phase             *string `json:"phase"`
	VerificationState string  `json:"verificationState"`
	IsLinked          bool    `json:"isLinked"`
}

type successBody struct {
	Success bool `json:"success"`
}

type initiatedBody struct {
	Token string `json:"token"`
	URL   string `json:"url"`
}

type authorizedBody struct {
	URL   string  `json:"url"`
	Code  string  `json:"code"`
	State *string `json:"state"`
}

type tokenBody struct {
	AccessToken    string `json:"access_token"`
	TokenType      string `json:"token_type"`
	ExpiresIn      int64  `json:"expires_in"` // seconds
	RefreshToken   string `json:"refresh_token,omitempty"`
	RefreshExpires int64  `json:"refresh_token_expires_in,omitempty"` // seconds
	Scope          string `json:"scope,omitempty"`
}

// eventBody is a webhook in Baanx's envelope.
type eventBody struct {
	APIVersion        string       `json:"api_version"`
	EventID           string       `json:"event_id"`
	EventCategory     string       `json:"event_category"`
	EventType         string       `json:"event_type"`
	UserID            string       `json:"user_id"`
	EventObjectID     string       `json:"event_object_id"`
	EventObjectStatus string       `json:"event_object_status"`
	EventObject       eventedOrder `json:"event_object"`
	OccurredAt        string       `json:"occurred_at"`
}

// eventedOrder is the order as its status shows it, and what it sells.
type eventedOrder struct {
	statusBody
	ProductID     string `json:"productId"`
	PaymentMethod string `json:"paymentMethod"`
}
