package payin

import "encoding/json"

// orderBody is an order as create and get show it. The order of the fields is the seed's; what the seed
// does not have stands at the end.
type orderBody struct {
	OrderID        string          `json:"orderId"`
	OrderReference string          `json:"orderReference"`
	Amount         string          `json:"amount"` // as the merchant wrote it
	Currency       string          `json:"currency"`
	ChainID        string          `json:"chainId"`
	Protocol       string          `json:"protocol"`
	Address        string          `json:"address"`
	Status         string          `json:"status"`
	Metadata       json.RawMessage `json:"metadata,omitempty"`
	SuccessURL     string          `json:"successUrl,omitempty"`
	CancelURL      string          `json:"cancelUrl,omitempty"`
	CreatedAt      string          `json:"createdAt"`
	ExpiresAt      string          `json:"expiresAt"` // the end of the payment window
	CompletedAt    string          `json:"completedAt,omitempty"`
	TxHash         string          `json:"txHash,omitempty"`
	BlockNumber    *uint64         `json:"blockNumber,omitempty"`
	Confirmations  *uint64         `json:"confirmations,omitempty"`

	GracePeriodEndsAt     string `json:"gracePeriodEndsAt"` // when the order really expires
	ConfirmedReceived     string `json:"confirmedReceived,omitempty"`
	RequiredConfirmations *int   `json:"requiredConfirmations,omitempty"`
	PaymentURL            string `json:"paymentUrl,omitempty"`
}

// listItem is an order in a list: the seed's fields and no more.
type listItem struct {
	OrderID        string `json:"orderId"`
	OrderReference string `json:"orderReference"`
	Amount         string `json:"amount"`
	Currency       string `json:"currency"`
	ChainID        string `json:"chainId"`
	Address        string `json:"address"`
	Status         string `json:"status"`
	CreatedAt      string `json:"createdAt"`
	CompletedAt    string `json:"completedAt,omitempty"`
}

type listBody struct {
	Data       []listItem     `json:"data"`
	Pagination paginationBody `json:"pagination"`
}

type paginationBody struct {
	Page       int   `json:"page"`
	Limit      int   `json:"limit"`
	Total      int64 `json:"total"`
	TotalPages int64 `json:"totalPages"`
	HasMore    bool  `json:"hasMore"`
}

type configBody struct {
	Success bool        `json:"success"`
	Data    settingBody `json:"data"`
	Message string      `json:"message,omitempty"`
}

type settingBody struct {
	Key          string          `json:"key"` // as it was asked for
	Value        json.RawMessage `json:"value"`
	DefaultValue json.RawMessage `json:"defaultValue"`
	Type         string          `json:"type"`
	Min          *int64          `json:"min,omitempty"`
	Max          *int64          `json:"max,omitempty"`
	Category     string          `json:"category"`
	IsDefault    bool            `json:"isDefault"` // the merchant has set nothing
	ReadOnly     bool            `json:"readOnly"`
}

type configList struct {
	Success bool          `json:"success"`
	Data    []settingBody `json:"data"`
}

type runtimeBody struct {
	Success bool                       `json:"success"`
	Data    map[string]json.RawMessage `json:"data"`
}

type metadataBody struct {
	Key          string          `json:"key"`
	Aliases      []string        `json:"aliases"`
	Category     string          `json:"category"`
	Description  string          `json:"description"`
	Type         string          `json:"type"`
	DefaultValue json.RawMessage `json:"defaultValue"`
	Min          *int64          `json:"min,omitempty"`
	Max          *int64          `json:"max,omitempty"`
	Pattern      string          `json:"pattern,omitempty"`
	Nullable     bool            `json:"nullable"`
	ReadOnly     bool            `json:"readOnly"`
}

type oneMetadata struct {
	Success bool         `json:"success"`
	Data    metadataBody `json:"data"`
}

type metadataList struct {
	Success bool           `json:"success"`
	Data    []metadataBody `json:"data"`
}

// endpointBody is where a merchant's webhooks go. secret is shown once, when it is made.
type endpointBody struct {
	ID                  string          `json:"id"`
	OrganizationID      string          `json:"organization_id"`
	EndpointName        string          `json:"endpoint_name"`
	EndpointType        string          `json:"endpoint_type"`
	IsEnabled           bool            `json:"is_enabled"`
	Config              endpointConfig  `json:"config"`
	SubscribedEvents    []string        `json:"subscribed_events"` // empty: what PayIn documents
	MaxRetries          int             `json:"max_retries"`       // in effect
	TimeoutMS           int64           `json:"timeout_ms"`
	VendorScheduleOnly  bool            `json:"vendor_schedule_only"`
	Description         *string         `json:"description"`
	Metadata            json.RawMessage `json:"metadata"`
	CreatedAt           string          `json:"created_at"`
	UpdatedAt           string          `json:"updated_at"`
	PreviousSecretUntil string          `json:"previous_secret_until,omitempty"` // while it still signs
}

type endpointConfig struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

type endpointInField struct {
	Endpoint endpointBody `json:"endpoint"`
}

type endpointList struct {
	Endpoints []endpointBody `json:"endpoints"`
	Total     int            `json:"total"`
}

// successBody is the answer of what has nothing else to say.
type successBody struct {
	Success bool `json:"success"`
}

type testedBody struct {
	Success bool   `json:"success"`
	EventID string `json:"event_id"`
}

type retriedBody struct {
	Success bool `json:"success"`
	Retried int  `json:"retried"`
}

// logBody is one webhook and what became of it. What the receiver answered is its own text: whoever shows it escapes it.
type logBody struct {
	ID             string          `json:"id"`
	EndpointID     string          `json:"endpoint_id"`
	EventID        string          `json:"event_id"`
	EventType      string          `json:"event_type"`
	BusinessType   *string         `json:"business_type"`
	BusinessID     *string         `json:"business_id"`
	Payload        json.RawMessage `json:"payload"`
	Status         string          `json:"status"`
	RetryCount     int             `json:"retry_count"`
	HTTPStatusCode *int            `json:"http_status_code"`
	ResponseBody   *string         `json:"response_body"`
	ResponseTimeMS *int64          `json:"response_time_ms"`
	ErrorMessage   *string         `json:"error_message"`
	CreatedAt      string          `json:"created_at"`
	SentAt         *string         `json:"sent_at"`
	CompletedAt    *string         `json:"completed_at"`
	NextRetryAt    *string         `json:"next_retry_at"`
	Attempts       []attemptBody   `json:"attempts,omitzero"`
}

type attemptBody struct {
	SentAt         string  `json:"sent_at"`
	HTTPStatusCode *int    `json:"http_status_code"`
	ResponseTimeMS int64   `json:"response_time_ms"`
	ErrorMessage   *string `json:"error_message"`
}

type logList struct {
	Logs  []logBody `json:"logs"`
	Total int64     `json:"total"`
	Page  int       `json:"page"`
	Limit int       `json:"limit"`
}

type statisticsBody struct {
	EndpointID        *string `json:"endpoint_id"`
	StartDate         *string `json:"start_date"`
	EndDate           *string `json:"end_date"`
	Total             int64   `json:"total"`
	Pending           int64   `json:"pending"`
	Sending           int64   `json:"sending"`
	Success           int64   `json:"success"`
	Failed            int64   `json:"failed"`
	Cancelled         int64   `json:"cancelled"`
	AvgResponseTimeMS *int64  `json:"avg_response_time_ms"`
}

type queueBody struct {
	Running bool  `json:"running"`
	Active  int   `json:"active"`
	Max     int   `json:"max"`
	Pending int64 `json:"pending"`
}

// errorBody is every refusal.
type errorBody struct {
	Error           string            `json:"error"`
	Message         string            `json:"message"`
	Code            string            `json:"code"`
	StatusCode      int               `json:"statusCode"`
	ExistingOrderID string            `json:"existingOrderId,omitempty"` // DUPLICATE_ORDER_REFERENCE
	RetryAfter      int64             `json:"retryAfter,omitempty"`      // seconds; RATE_LIMIT_EXCEEDED
	RequestID       string            `json:"requestId,omitempty"`       // INTERNAL_ERROR: what to ask the operator about
	Details         map[string]string `json:"details,omitempty"`         // "field" names the field at fault
}

// eventBody is the envelope of every webhook.
type eventBody struct {
	ID        string `json:"id"`
	Type      string `json:"type"`
	CreatedAt string `json:"created_at"`
	Data      any    `json:"data"`
}

// lowData is in alert.address_pool_low.
type lowData struct {
	Protocol   string `json:"protocol"`
	Available  int64  `json:"available"`
	Total      int64  `json:"total"`
	Percentage int64  `json:"percentage"` // whole, rounded down
	Threshold  int64  `json:"threshold"`
}

// testData is in test.event.
type testData struct {
	Message    string `json:"message"`
	EndpointID string `json:"endpointId"`
}

// transferData is a payment to an order in a webhook: detectedAt is in transfer.detected, confirmedAt in
// transfer.confirmed. amount and currency are the payment's.
type transferData struct {
	OrderID               string          `json:"orderId"`
	OrderReference        string          `json:"orderReference"`
	Status                string          `json:"status"` // of the order
	Amount                string          `json:"amount"`
	Currency              string          `json:"currency"`
	ChainID               string          `json:"chainId"`
	FromAddress           string          `json:"fromAddress"`
	ToAddress             string          `json:"toAddress"`
	TxHash                string          `json:"txHash"`
	BlockNumber           uint64          `json:"blockNumber"`
	Confirmations         uint64          `json:"confirmations"`
	RequiredConfirmations *int            `json:"requiredConfirmations,omitempty"`
	DetectedAt            string          `json:"detectedAt,omitempty"`
	ConfirmedAt           string          `json:"confirmedAt,omitempty"`
	Metadata              json.RawMessage `json:"metadata,omitempty"` // of the order
}

// eventData is the order in a webhook. expiresAt is in order.created and order.expired; from txHash to completedAt is in
// order.completed.
type eventData struct {
	OrderID        string          `json:"orderId"`
	OrderReference string          `json:"orderReference"`
	Status         string          `json:"status"`
	Amount         string          `json:"amount"`
	Currency       string          `json:"currency"`
	ChainID        string          `json:"chainId"`
	Address        string          `json:"address"`
	TxHash         string          `json:"txHash,omitempty"`
	BlockNumber    *uint64         `json:"blockNumber,omitempty"`
	Confirmations  *uint64         `json:"confirmations,omitempty"`
	CompletedAt    string          `json:"completedAt,omitempty"`
	ExpiresAt      string          `json:"expiresAt,omitempty"`
	CreatedAt      string          `json:"createdAt"`
	Metadata       json.RawMessage `json:"metadata,omitempty"`
}

// record is what an order must remember for this API beside its terms: it is engine.Order.Doc.
type record struct {
	Amount     string          `json:"amount"` // as the merchant wrote it
	Window     int64           `json:"windowMinutes"`
	Metadata   json.RawMessage `json:"metadata,omitempty"`
	SuccessURL string          `json:"successUrl,omitempty"`
	CancelURL  string          `json:"cancelUrl,omitempty"`

	// Where the payer is sent when the order names no page of its own: the configuration when it was made.
	DefaultSuccessURL string `json:"defaultSuccessUrl,omitempty"`
	DefaultCancelURL  string `json:"defaultCancelUrl,omitempty"`
}

type chainList struct {
	Success bool        `json:"success"`
	Data    []chainBody `json:"data"`
}

// chainBody is a network of the catalogue.
type chainBody struct {
	ChainID               string   `json:"chainId"`
	Name                  string   `json:"name"`
	Protocol              string   `json:"protocol"`
	NetworkID             uint64   `json:"networkId"` // EIP-155
	Environment           string   `json:"environment"`
	RequiredConfirmations int      `json:"requiredConfirmations"`
	Tokens                []string `json:"tokens"`
	Available             bool     `json:"available"` // it is being watched: orders are taken
}

type tokenList struct {
	Success bool        `json:"success"`
	Data    []tokenBody `json:"data"`
}

// tokenBody is a token on one network.
type tokenBody struct {
	Currency        string `json:"currency"`
	ChainID         string `json:"chainId"`
	Protocol        string `json:"protocol"`
	Environment     string `json:"environment"`
	ContractAddress string `json:"contractAddress"`
	Decimals        uint8  `json:"decimals"`
	Available       bool   `json:"available"`
}

type healthBody struct {
	Status    string `json:"status"`
	Timestamp string `json:"timestamp"`
	Manager   struct {
		Initialized bool `json:"initialized"` // every network was heard of
	} `json:"manager"`
	Version string `json:"version"`
}

type statsBody struct {
	Success bool      `json:"success"`
	Data    statsData `json:"data"`
}

// statsData is what orders sum up to. The two maps of amounts are ours.
type statsData struct {
	TotalOrders            int64             `json:"totalOrders"`
	CompletedOrders        int64             `json:"completedOrders"`
	PendingOrders          int64             `json:"pendingOrders"`
	ExpiredOrders          int64             `json:"expiredOrders"`
	TotalAmount            string            `json:"totalAmount"` // the figures of all currencies
	CompletedAmount        string            `json:"completedAmount"`
	AvgPaymentTimeSeconds  int64             `json:"avgPaymentTimeSeconds"` // of the orders that money was seen for; 0 for none
	ByStatus               map[string]int64  `json:"byStatus"`
	ByChain                map[string]int64  `json:"byChain"`
	ByToken                map[string]int64  `json:"byToken"`
	TotalAmountByToken     map[string]string `json:"totalAmountByToken"`
	CompletedAmountByToken map[string]string `json:"completedAmountByToken"`
}

type transferList struct {
	Success    bool           `json:"success"`
	Data       []transferBody `json:"data"`
	Pagination paginationBody `json:"pagination"`
}

type transfersOfOne struct {
	Success bool           `json:"success"`
	Data    []transferBody `json:"data"`
	Total   int64          `json:"total"`
}

// transferBody is a payment on the chain, in the field names of PayIn's server. order_reference, deposit_id and
// counted are ours.
type transferBody struct {
	ID                       string  `json:"id"`
	OrderID                  *string `json:"order_id"`
	OrderReference           *string `json:"order_reference"`
	DepositID                *string `json:"deposit_id"`
	DepositReference         *string `json:"deposit_reference"`
	BusinessType             string  `json:"business_type"`
	TransactionHash          string  `json:"transaction_hash"`
	BlockNumber              uint64  `json:"block_number"`
	EventIndex               uint64  `json:"event_index"`
	Chain                    string  `json:"chain"`
	Token                    string  `json:"token"`
	Amount                   string  `json:"amount"`
	FromAddress              string  `json:"from_address"`
	ToAddress                string  `json:"to_address"`
	LastCheckedConfirmations uint64  `json:"last_checked_confirmations"`
	RequiredConfirmations    *int    `json:"required_confirmations"`
	IsConfirmed              bool    `json:"is_confirmed"`
	IsFailed                 bool    `json:"is_failed"`
	DetectedAt               string  `json:"detected_at"`
	ConfirmedAt              *string `json:"confirmed_at"`
	LastError                *string `json:"last_error"`
	Counted                  bool    `json:"counted"` // confirmed, of the right token and in time
}
