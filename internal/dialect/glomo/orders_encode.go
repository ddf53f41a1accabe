package glomo

import (
	"encoding/json"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

// The statuses of an order.
const (
	statusActive         = "active"
	statusActionRequired = "action_required"
	statusUnderReview    = "under_review"
	statusPaid           = "paid"
	statusFailed         = "failed"
	statusExpired        = "expired"
	statusCancelled      = "cancelled"
)

var orderStatuses = []string{statusActive, statusActionRequired, statusUnderReview, statusPaid, statusFailed, statusExpired, statusCancelled}

// projection is what each state of the machine is called here. A refund changes nothing of an order: it is an object of
// its own.
var projection = map[order.State]string{
	order.Documents:  statusActionRequired,
	order.InReview:   statusUnderReview,
	order.Waiting:    statusActive,
	order.Seen:       statusActive,
	order.Part:       statusActive,
	order.Paid:       statusActive,
	order.Held:       statusActive,
	order.Delivering: statusActive,
	order.Completed:  statusPaid,
	order.Expired:    statusExpired,
	order.Cancelled:  statusCancelled,
	order.Failed:     statusFailed,
}

// record is what is remembered of a request for an order and echoed, beside what the engine keeps.
type record struct {
	Customer           string            `json:"customer"`
	Amount             money.Amount      `json:"amount"`           // as it was asked for; where the customer bears the fee he pays more
	Bearer             engine.FeeBearer  `json:"bearer,omitempty"` // of the fees; "" where a quote says what is taken: the merchant
	Document           string            `json:"document,omitempty"`
	Purpose            string            `json:"purpose,omitempty"`
	InvoiceNumber      string            `json:"invoiceNumber,omitempty"`
	InvoiceDescription string            `json:"invoiceDescription,omitempty"`
	InvoiceAmount      int64             `json:"invoiceAmount,omitempty"`
	Price              string            `json:"price,omitempty"`
	Request            string            `json:"request,omitempty"`
	Product            *product          `json:"product,omitempty"`
	Notes              map[string]string `json:"notes"` // null: none
	Account            *bankAccount      `json:"account,omitempty"`
}

func (p plan) record(notes map[string]string) record {
	a := p.asked
	kept := record{
		Customer: p.customer.ID, Amount: p.due, Document: a.document, Purpose: a.purpose, InvoiceNumber: a.invoiceNumber, InvoiceDescription: a.invoiceDescription,
		Price: a.price, Request: a.request, Product: a.product, Notes: notes, Account: a.account,
	}
	if a.invoiceAmount != nil {
		kept.InvoiceAmount = *a.invoiceAmount
	}
	return kept
}

// recordOf is what is remembered of an order.
func recordOf(o *engine.Order) (kept record) {
	if json.Unmarshal(o.Doc, &kept) != nil {
		return record{}
	}
	return kept
}

// orderBody is an order as create, get, lists and webhooks show it: the fields of the seed in its order, and no others.
// What an order does not have is null.
type orderBody struct {
	ID                 string            `json:"id"`
	Customer           string            `json:"customer_id"`
	Document           *string           `json:"document_id"`
	Status             string            `json:"status"`
	Currency           string            `json:"currency"`
	Amount             wireNumber        `json:"amount"`
	Purpose            *string           `json:"purpose_code"`
	InvoiceNumber      *string           `json:"invoice_number"`
	InvoiceDescription *string           `json:"invoice_description"`
	InvoiceAmount      *int64            `json:"invoice_amount"`
	Reference          *string           `json:"reference_number"`
	Price              *string           `json:"price_id"`
	Product            *product          `json:"product"`
	Notes              map[string]string `json:"notes"`
	Account            *bankAccount      `json:"bank_account_details"`
	Methods            []string          `json:"payment_methods"`
	CreatedAt          string            `json:"created_at"`
	UpdatedAt          string            `json:"updated_at"`
	Requested          []requestedBody   `json:"rfi_documents,omitempty"` // only while documents are asked for
}

// requestedBody is a document that an order asks for.
type requestedBody struct {
	ID   string `json:"rfi_doc_id"`
	Name string `json:"name"`
}

// encodeOrder is an order with all the merchant may know of it.
func encodeOrder(o *engine.Order) orderBody {
	kept := recordOf(o)
	body := orderBody{
		ID: o.PublicID, Customer: kept.Customer, Document: textOrNull(kept.Document), Status: projection[o.State], Currency: o.Terms.Due.Asset().Code(),
		Amount: unitsOf(kept.Amount), Purpose: textOrNull(kept.Purpose), InvoiceNumber: textOrNull(kept.InvoiceNumber),
		InvoiceDescription: textOrNull(kept.InvoiceDescription), Reference: textOrNull(o.Reference), Price: textOrNull(kept.Price), Product: kept.Product,
		Notes: kept.Notes, Account: kept.Account, Methods: o.Methods, CreatedAt: wireTime(o.CreatedAt), UpdatedAt: wireTime(o.UpdatedAt),
	}
	if kept.InvoiceAmount != 0 {
		body.InvoiceAmount = &kept.InvoiceAmount
	}
	if body.Status == statusActionRequired {
		body.Requested = encodeRequested(o.MissingFor(order.Screening))
	}
	return body
}

func encodeRequested(list []engine.Requested) (bodies []requestedBody) {
	for _, one := range list {
		bodies = append(bodies, requestedBody{one.ID, one.Name})
	}
	return bodies
}
