package glomo

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/quote"
	"till/internal/web"
)

// The statuses of a payout.
const (
	payoutApproval  = "pending_approval"
	payoutQueued    = "queued"
	payoutProgress  = "in_progress"
	payoutAction    = "action_required"
	payoutSuccess   = "success"
	payoutFailed    = "failed"
	payoutCancelled = "cancelled"
)

var payoutStatuses = []string{payoutApproval, payoutQueued, payoutProgress, payoutAction, payoutSuccess, payoutFailed, payoutCancelled}

// payoutProjection is what each state of the machine is called. One that waits to be sent, and for a second person before
// that, is pending_approval.
var payoutProjection = map[order.State]string{
	order.Documents:  payoutAction,
	order.InReview:   payoutApproval,
	order.Waiting:    payoutProgress,
	order.Seen:       payoutProgress,
	order.Part:       payoutProgress,
	order.Paid:       payoutQueued,
	order.Held:       payoutProgress,
	order.Delivering: payoutProgress,
	order.Completed:  payoutSuccess,
	order.Expired:    payoutCancelled,
	order.Cancelled:  payoutCancelled,
	order.Failed:     payoutFailed,
}

func payoutStatus(o *engine.Order) string {
	if o.State == order.Paid && o.Approval.State == engine.ApprovalOpen {
		return payoutApproval
	}
	return payoutProjection[o.State]
}

// paymentRails are the words for rails. They are kept and shown: by which rail money leaves is the server's to choose.
var paymentRails = []string{"upi", "imps", "neft", "rtgs", "ipp", "fts", "sepa", "fps", "npp", "swift"}

// payoutPurpose is the form of purpose codes of payouts; those of payments that come in are refused.
var payoutPurpose = regexp.MustCompile(`^(S[0-9]{4}|PYR[0-9]{3})$`)

// payoutRecord is what is remembered of a request for a payout.
type payoutRecord struct {
	Beneficiary string            `json:"beneficiary"`
	Purpose     string            `json:"purpose"`
	Rail        string            `json:"rail,omitempty"`
	Invoice     string            `json:"invoice,omitempty"`
	Request     string            `json:"request,omitempty"`
	Quote       string            `json:"quote,omitempty"`
	Documents   []string          `json:"documents,omitempty"`
	Notes       map[string]string `json:"notes"` // null: none
	ByOut       bool              `json:"byOut,omitempty"`
}

// askedPayout is a request for a payout.
type askedPayout struct {
	payoutRecord
	body web.Object // for the notes
	ask  quote.Ask
}

func decodePayout(r *http.Request) (a askedPayout, err error) {
	if a.body, err = web.Decode(r, maxBody); err != nil {
		return a, err
	}
	if a.Beneficiary, err = required(a.body, "beneficiary_id", maxID); err != nil {
		return a, err
	}
	if !isID(a.Beneficiary, beneficiaryID) {
		return a, wrong("beneficiary_id", "beneficiary_id must start with 'bene_'")
	}
	if a.Purpose, err = required(a.body, "purpose_code", 64); err != nil {
		return a, err
	}
	if !payoutPurpose.MatchString(a.Purpose) {
		return a, wrong("purpose_code", "purpose_code is not one of payouts")
	}
	for _, t := range []struct {
		field string
		limit int
		into  *string
	}{{"invoice_number", maxReference, &a.Invoice}, {"request_id", maxReference, &a.Request}, {"quote_id", maxID, &a.Quote}} {
		if *t.into, err = optional(a.body, t.field, t.limit); err != nil {
			return a, err
		}
	}
	if a.Documents, err = idList(a.body, "documents", documentID); err != nil {
		return a, err
	}
	if a.Quote != "" {
		return a, a.checkQuoted()
	}
	if a.Rail, err = word(a.body, "payment_rail", paymentRails...); err != nil {
		return a, err
	}
	a.ask, err = decodeExchange(a.body, "destination")
	return a, err
}

// quotedFields are the fields that a quote says.
var quotedFields = []string{"source_amount", "destination_amount", "source_currency", "destination_currency", "payment_rail"}

// checkQuoted refuses what the quote says already.
func (a askedPayout) checkQuoted() error {
	if !isID(a.Quote, quoteID) {
		return wrong("quote_id", "quote_id must start with 'quote_'")
	}
	for _, field := range quotedFields {
		if _, sent := a.body.Get(field); sent {
			return wrong(field, field+" cannot be specified when quote_id is present")
		}
	}
	return nil
}

func decodeMockPayout(r *http.Request) (id, status string, err error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return "", "", err
	}
	if id, err = required(body, "id", maxID); err != nil {
		return "", "", err
	}
	if err := checkID(id, payoutID); err != nil {
		return "", "", err
	}
	status, err = word(body, "status", "pending", payoutSuccess, payoutFailed, payoutAction, payoutCancelled)
	if err == nil && status == "" {
		err = missing("status")
	}
	return id, status, err
}

// payoutFilter is the query of GET /payouts.
type payoutFilter struct {
	engine.Filter
	paging          paging
	status, request string
}

func decodePayoutFilter(raw string, s engine.Scope) (f payoutFilter, err error) {
	q, err := queryOf(raw)
	if err != nil {
		return f, err
	}
	f.paging, f.request = q.paging(), q.Text("request_id")
	f.status = q.word("status", payoutStatuses...)
	f.Filter = spent(s, kindPayout, f.paging, payoutLooks(f.status)...)
	if id := q.id("beneficiary_id", beneficiaryID); id != "" {
		f.Words = append(f.Words, beneficiaryWord(id))
	}
	return f, q.Err()
}

// payoutLooks is every look of payouts that may have a status; none for any status.
func payoutLooks(status string) (looks []engine.Look) {
	for _, state := range order.States() {
		approval := status == payoutApproval && state == order.Paid
		if status == "" || payoutProjection[state] != status && !approval {
			continue
		}
		overlaid := []order.Overlay{order.NoOverlay}
		if state.Terminal() {
			overlaid = append(overlaid, order.Refunding, order.Refunded)
		}
		for _, overlay := range overlaid {
			looks = append(looks, engine.Look{State: state, Kinds: []string{kindPayout}, Overlay: overlay})
		}
	}
	return looks
}

// shows says whether the list shows a payout.
func (f payoutFilter) shows(o *engine.Order) bool {
	words := !slices.ContainsFunc(f.Words, func(w string) bool { return !slices.Contains(o.Words, w) })
	return o.Kind == kindPayout && words && f.paging.has(o.CreatedAt) && (f.status == "" || f.status == payoutStatus(o))
}

// payoutBody is money that is paid out of the balance.
type payoutBody struct {
	ID                  string            `json:"id"`
	BeneficiaryID       string            `json:"beneficiary_id"`
	Status              string            `json:"status"`
	SourceCurrency      string            `json:"source_currency"`
	SourceAmount        int64             `json:"source_amount"`
	DestinationCurrency string            `json:"destination_currency"`
	DestinationAmount   int64             `json:"destination_amount"`
	Fees                sumBody           `json:"fees"`
	PurposeCode         string            `json:"purpose_code"`
	PaymentRail         *string           `json:"payment_rail"`
	QuoteID             *string           `json:"quote_id"`
	InvoiceNumber       *string           `json:"invoice_number"`
	Documents           []string          `json:"documents"`
	Notes               map[string]string `json:"notes"`
	RequestID           *string           `json:"request_id"`
	UTR                 *string           `json:"utr"`
	ErrorCode           *string           `json:"error_code"`
	ErrorDescription    *string           `json:"error_description"`
	RFIDocuments        []requestedBody   `json:"rfi_documents,omitempty"`
	CreatedAt           string            `json:"created_at"`
	UpdatedAt           string            `json:"updated_at"`
}

func payoutBodyOf(o *engine.Order) payoutBody { return payoutBodyAs(o, payoutStatus(o)) }

// payoutBodyAs is a payout as it was when it was called so. A webhook's numbers are whole: the rate, which is not, is left
// out there.
func payoutBodyAs(o *engine.Order, status string) payoutBody {
	var kept payoutRecord
	if json.Unmarshal(o.Doc, &kept) != nil {
		kept = payoutRecord{}
	}
	out := o.Terms.Delivers()
	b := payoutBody{
		ID: o.PublicID, BeneficiaryID: kept.Beneficiary, Status: status, SourceCurrency: o.Terms.Due.Asset().Code(), SourceAmount: minor(o.Terms.Due),
		DestinationCurrency: out.Asset().Code(), DestinationAmount: minor(out), Fees: sumBody{0, o.Terms.Due.Asset().Code()}, PurposeCode: kept.Purpose,
		PaymentRail: textOrNull(kept.Rail), QuoteID: textOrNull(kept.Quote), InvoiceNumber: textOrNull(kept.Invoice), Documents: kept.Documents, Notes: kept.Notes,
		RequestID: textOrNull(kept.Request), CreatedAt: wireTime(o.CreatedAt), UpdatedAt: wireTime(o.UpdatedAt),
	}
	if b.Documents == nil {
		b.Documents = []string{}
	}
	if o.Quote != nil {
		b.Fees = sumOf(o.Quote.Fee)
	}
	for _, t := range slices.Backward(o.Transfers) {
		if t.Purpose == order.Delivery {
			b.UTR = textOrNull(string(o.Sendings[t.ID].Ref))
			b.ErrorDescription = textOrNull(o.Sendings[t.ID].Reason)
			break
		}
	}
	switch {
	case status == payoutFailed && o.Reason == order.ReasonRefused, status == payoutCancelled && o.Reason == order.ReasonRefused:
		b.ErrorCode = new("PAYOUT_REJECTED")
	case status == payoutSuccess && o.Overlay == order.Refunded:
		b.ErrorCode = new("PAYOUT_RETURNED") // ours: it arrived, and came back
	}
	if status == payoutAction {
		for _, m := range o.MissingDocuments() {
			b.RFIDocuments = append(b.RFIDocuments, requestedBody{m.ID, m.Name})
		}
	}
	return b
}
