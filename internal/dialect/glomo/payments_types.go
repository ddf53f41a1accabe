package glomo

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/order"
)

// The statuses of a payment.
const (
	paymentSuccess    = "success"
	paymentFailed     = "failed"
	paymentAction     = "action_required"
	paymentInProgress = "in_progress"
)

var paymentStatuses = []string{paymentSuccess, paymentFailed, paymentAction, paymentInProgress}

// The statuses of what compliance says of a payment.
const (
	complianceReview   = "under_review"
	complianceAction   = "action_required"
	complianceApproved = "approved"
	complianceRejected = "rejected"
)

var complianceStatuses = []string{complianceReview, complianceAction, complianceApproved, complianceRejected}

// What a payment is for.
const (
	payinLink     = "payment_link"
	payinOrder    = "orders"
	payinAddFunds = "add_funds" // never made here; a filter may name it
)

// What stands in error_code. The last is ours: the documents have no word for money that its bank took back.
const (
	errorDeclined  = "PAYMENT_DECLINED"
	errorNoPayin   = "PAYIN_NOT_FOUND"
	errorMismatch  = "PAYIN_AMOUNT_MISMATCH"
	errorSanctions = "SANCTION_HIT"
	errorHold      = "TXM_HOLD"
	errorFunds     = "INSUFFICIENT_BALANCE"
	errorReversed  = "PAYMENT_REVERSED"
)

// errorTexts say each of them to the merchant.
var errorTexts = map[string]string{
	errorDeclined:  "The payment was declined",
	errorNoPayin:   "The payment belongs to no order that can still be paid",
	errorMismatch:  "The payment is not the amount that was asked for",
	errorSanctions: "The payer is on a list of sanctions",
	errorHold:      "Somebody else paid than who must",
	errorFunds:     "The payer has too little money",
	errorReversed:  "The payment was taken back",
}

// declines are the words in which far sides refuse, and what they are called here. Any other is PAYMENT_DECLINED.
var declines = map[string]string{
	"insufficient_funds":      errorFunds,
	"invalid_number":          "INVALID_CARD_NUMBER",
	"incorrect_number":        "INVALID_CARD_NUMBER",
	"expired_card":            "CARD_EXPIRED",
	"invalid_cvc":             "INVALID_CARD_CVV",
	"incorrect_cvc":           "INVALID_CARD_CVV",
	"invalid_expiry_month":    "INVALID_CARD_EXPIRY_DATE",
	"invalid_expiry_year":     "INVALID_CARD_EXPIRY_DATE",
	"card_not_supported":      "CARD_NOT_SUPPORTED_ON_3DS",
	"account_locked":          "ACCOUNT_LOCKED",
	"invalid_account":         "INVALID_CARD",
	"transaction_not_allowed": "FUNCTIONALITY_RESTRICTED",
}

// A payment's id follows from what never changes of it: when it was first told, to the second, and which rail calls it how.
// So it needs no place of its own, and stays when the money is connected with an order.
func paymentIDOf(told time.Time, k order.PaymentKey) string {
	return fmt.Sprintf("%s%08x%s", paymentID, told.Unix(), digest("payment\x00"+k.Rail+"\x00"+k.External))
}

// toldAt is the second that a payment's id names. Error: not_found, where no id of ours looks so.
func toldAt(id string) (time.Time, error) {
	text := strings.TrimPrefix(id, paymentID)
	if len(text) != 8+randomDigits {
		return time.Time{}, noEntity()
	}
	seconds, err := strconv.ParseInt(text[:8], 16, 64)
	if err != nil {
		return time.Time{}, noEntity()
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// digest is as many digits as ids have behind their time, made of a text.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	digits := make([]byte, randomDigits)
	for i := range digits {
		digits[i] = base62[int(sum[i])%len(base62)]
	}
	return string(digits)
}

// sumBody is an amount with its currency.
type sumBody struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

// paymentBody is a payment: money that somebody paid, or tried to.
type paymentBody struct {
	ID             string  `json:"id"`
	PayinID        *string `json:"payin_id"`
	PayinType      *string `json:"payin_type"`
	SubscriptionID *string `json:"subscription_id"`
	Status         string  `json:"status"`

	PaymentCurrency   string  `json:"payment_currency"`
	PaymentAmount     int64   `json:"payment_amount"`
	ConvertedCurrency *string `json:"converted_currency"`
	ConvertedAmount   *int64  `json:"converted_amount"`
	RequestedCurrency *string `json:"requested_currency"`
	RequestedAmount   *int64  `json:"requested_amount"`
	OrderedCurrency   *string `json:"ordered_currency"`
	OrderedAmount     *int64  `json:"ordered_amount"`

	PurposeCode              *string           `json:"purpose_code"`
	TransactionReference     *string           `json:"transaction_reference_number"`
	SenderName               *string           `json:"sender_name"`
	Metadata                 any               `json:"metadata"`
	ErrorCode                *string           `json:"error_code"`
	ErrorMessage             *string           `json:"error_message"`
	ErrorDescription         *string           `json:"error_description"`
	CustomerErrorDescription *string           `json:"customer_error_description"`
	PaymentDate              string            `json:"payment_date"`
	PaidAt                   *string           `json:"paid_at"`
	FeeBearer                string            `json:"fee_bearer"`
	FeeCollectionMode        string            `json:"fee_collection_mode"`
	FXFee                    sumBody           `json:"fx_fee"`
	TxnFee                   sumBody           `json:"txn_fee"`
	FeeBreakdown             feeBody           `json:"fee_breakdown"`
	CustomerID               *string           `json:"customer_id"`
	MerchantID               string            `json:"merchant_id"`
	ProductName              *string           `json:"product_name"`
	ProductDescription       *string           `json:"product_description"`
	Country                  *string           `json:"country"`
	Notes                    map[string]string `json:"notes"`
	Documents                []string          `json:"documents"`
	SettlementID             *string           `json:"settlement_id"`
	FundsAvailable           bool              `json:"funds_available"`
	ComplianceStatus         *string           `json:"compliance_status"`
	RFIID                    *string           `json:"rfi_id"`
	RequestID                *string           `json:"request_id"`
	PaymentMethod            methodBody        `json:"payment_method"`
	TransferType             *string           `json:"transfer_type"`
	AutoDebit                bool              `json:"auto_debit"`
	RFIDocuments             []requestedBody   `json:"rfi_documents,omitempty"`
	CreatedAt                string            `json:"created_at"`
	UpdatedAt                string            `json:"updated_at"`
}

// feeBody is of what the fees of a payment consist.
type feeBody struct {
	FXFee       []sumBody `json:"fx_fee"`
	TxnFee      []sumBody `json:"txn_fee"`
	ReferralFee []sumBody `json:"referral_fee"`
}

// methodBody is how a payment came.
type methodBody struct {
	Type    string        `json:"type"`
	ID      string        `json:"id"`
	Details methodDetails `json:"details"`
}

// methodDetails is what is known of the payer's side. No number of a card is ever known here.
type methodDetails struct {
	Reference string `json:"reference,omitempty"` // what a bank transfer names
	Account   string `json:"account,omitempty"`   // where it came from, masked
}

// wrongState is the refusal of what a payment's, or another noun's, state does not allow.
func wrongState(message string) error { return fault.New(fault.CodeOrderStateConflict, message) }
