package koywe

import (
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

// The statuses of an order. DRAFT, which Koywe has too, is never produced: an order is made whole.
const (
	statusPending    = "PENDING"
	statusOnHold     = "ON_HOLD"
	statusProcessing = "PROCESSING"
	statusPaid       = "PAID"
	statusCompleted  = "COMPLETED"
	statusFailed     = "FAILED"
	statusExpired    = "EXPIRED"
	statusCancelled  = "CANCELLED"
	statusRefunding  = "REFUND_REQUESTED"
	statusRefunded   = "REFUNDED"
)

var statuses = []string{
	statusPending, statusOnHold, statusProcessing, statusPaid, statusCompleted, statusFailed, statusExpired, statusCancelled, statusRefunding, statusRefunded,
}

// projection is what each state of the machine is called here, but for what byKind says of a type.
var projection = map[order.State]string{
	order.Documents:  statusOnHold,
	order.InReview:   statusOnHold,
	order.Waiting:    statusPending,
	order.Seen:       statusProcessing,
	order.Part:       statusProcessing,
	order.Paid:       statusPaid,
	order.Held:       statusOnHold,
	order.Delivering: statusPaid,
	order.Completed:  statusCompleted,
	order.Expired:    statusExpired,
	order.Cancelled:  statusCancelled,
	order.Failed:     statusFailed,
}

// byKind is where a type is called otherwise: what is collected from the merchant's own balance is paid at once, and
// says nothing of the payee.
var byKind = map[string]map[order.State]string{
	payOut: {order.Paid: statusPending, order.Delivering: statusProcessing},
	onRamp: {order.Paid: statusProcessing, order.Delivering: statusProcessing},
}

// overlays are what an order that ended is called while its money goes back, and when all of it has.
var overlays = map[order.Overlay]string{order.Refunding: statusRefunding, order.Refunded: statusRefunded}

// statusOf is what an order is called here.
func statusOf(kind string, s order.State, refund order.Overlay) string {
	if status, ok := overlays[refund]; ok && s.Terminal() {
		return status
	}
	if status, ok := byKind[kind][s]; ok {
		return status
	}
	return projection[s]
}

// record is what is remembered of a request for an order and echoed, beside what the engine keeps.
type record struct {
	Account     string            `json:"account,omitempty"`
	Merchant    string            `json:"merchant,omitempty"`
	DueDate     bool              `json:"dueDate,omitempty"` // the order is a link, whose end is shown
	Description string            `json:"description,omitempty"`
	Methods     []json.RawMessage `json:"methods,omitempty"` // as they were sent
	Contact     string            `json:"contact,omitempty"`
	Enforced    string            `json:"enforced,omitempty"` // as it was sent
	SuccessURL  string            `json:"successUrl,omitempty"`
	FailedURL   string            `json:"failedUrl,omitempty"`
	Self        bool              `json:"self,omitempty"`

	SendEmail        bool `json:"sendEmail,omitempty"`
	SendNotification bool `json:"sendNotification,omitempty"`
	SendWhatsapp     bool `json:"sendWhatsapp,omitempty"`
	SendReminders    bool `json:"sendReminders,omitempty"`
}

func (p plan) record() record {
	a := p.asked
	kept := record{
		Account: a.account, Merchant: a.merchant, DueDate: p.kind.due, Description: a.description, Contact: a.contact, Enforced: a.enforced,
		SuccessURL: a.successURL, FailedURL: a.failedURL, Self: p.kind.isSelf(a),
		SendEmail: a.sendEmail, SendNotification: a.sendNotification, SendWhatsapp: a.sendWhatsapp, SendReminders: a.sendReminders,
	}
	if kept.Account == "" && p.kind.account == accountAny {
		kept.Account = virtualAccountID(p.scope, p.to)
	}
	for _, m := range a.methods {
		kept.Methods = append(kept.Methods, m.text)
	}
	return kept
}

// recordOf is what is remembered of an order. One that another API made of the same engine has none.
func recordOf(o *engine.Order) (kept record) {
	if json.Unmarshal(o.Doc, &kept) != nil {
		return record{}
	}
	return kept
}

// orderBody is an order as create, get and lists show it. The order of the fields is the seed's; what the seed does not
// have stands at the end. What an order does not have is null.
type orderBody struct {
	ID                  string            `json:"id"`
	Type                string            `json:"type"`
	DestinationAccount  *string           `json:"destinationAccountId"`
	OriginCurrency      string            `json:"originCurrencySymbol"`
	DestinationCurrency string            `json:"destinationCurrencySymbol"`
	AmountIn            number            `json:"amountIn"`
	AmountOut           number            `json:"amountOut"`
	DueDate             *string           `json:"dueDate"`
	Description         *string           `json:"description"`
	ExternalID          *string           `json:"externalId"`
	PaymentMethods      []json.RawMessage `json:"paymentMethods"`
	QuoteID             *string           `json:"quoteId"`
	ContactID           *string           `json:"contactId"`
	EnforcedDocument    *string           `json:"enforcedDocument"`
	SendEmail           bool              `json:"sendEmail"`
	SendNotification    bool              `json:"sendNotification"`
	SendWhatsapp        bool              `json:"sendWhatsapp"`
	SendReminders       bool              `json:"sendReminders"`
	ProvidedAction      *string           `json:"providedAction"`
	ProvidedActionType  string            `json:"providedActionType"`
	CreatedAt           string            `json:"createdAt"`
	Status              string            `json:"status"`

	OriginAccount       *string `json:"originAccountId"`
	DestinationMerchant *string `json:"destinationMerchantId,omitempty"`
	IsMerchantSelfOrder bool    `json:"isMerchantSelfOrder"`
	Fee                 number  `json:"fee"`
	Network             string  `json:"network,omitempty"`
	StatusReason        string  `json:"statusReason,omitempty"`
	UpdatedAt           string  `json:"updatedAt"`
	CompletedAt         string  `json:"completedAt,omitempty"`

	Refunds []refundBody `json:"refunds,omitempty"`
	Follows string       `json:"followsOrderId,omitempty"`
	Deal    string       `json:"dealId,omitempty"`
}

// refundBody is money of an order that was asked to go back.
type refundBody struct {
	ID        string `json:"id"`
	Amount    number `json:"amount"`
	Currency  string `json:"currencySymbol"`
	Status    string `json:"status"`
	Reason    string `json:"reason,omitempty"`
	CreatedAt string `json:"createdAt"`
}

// encodeOrder is an order with all the merchant may know of it.
func (d *Dialect) encodeOrder(o *engine.Order) orderBody {
	kept := recordOf(o)
	in, out := o.Terms.Due, outOf(o)
	body := orderBody{
		ID: o.PublicID, Type: o.Kind, DestinationAccount: textOrNull(kept.Account), OriginCurrency: in.Asset().Code(), DestinationCurrency: out.Asset().Code(),
		AmountIn: numberOf(in), AmountOut: numberOf(out), Description: textOrNull(kept.Description), ExternalID: textOrNull(o.Reference),
		PaymentMethods: kept.Methods, QuoteID: quoteID(o), ContactID: textOrNull(kept.Contact), EnforcedDocument: textOrNull(kept.Enforced),
		SendEmail: kept.SendEmail, SendNotification: kept.SendNotification, SendWhatsapp: kept.SendWhatsapp, SendReminders: kept.SendReminders,
		CreatedAt: wireTime(o.CreatedAt), Status: statusOf(o.Kind, o.State, o.Overlay),
		DestinationMerchant: textOrNull(kept.Merchant), IsMerchantSelfOrder: kept.Self, Fee: numberOf(feeOf(o)), StatusReason: reasonOf(o), UpdatedAt: wireTime(o.UpdatedAt),
	}
	if o.Follows != "" { // it is paid from the balance, by nobody's method
		body.PaymentMethods = nil
	}
	if body.PaymentMethods == nil {
		body.PaymentMethods = []json.RawMessage{}
	}
	if kept.DueDate {
		body.DueDate = timeOrNull(o.Terms.Deadline)
	}
	if o.Terms.FromBalance {
		account := virtualAccountID(o.Scope, in.Asset())
		body.OriginAccount = &account
	}
	for _, a := range []money.Asset{in.Asset(), out.Asset()} {
		if a.Network() != "" {
			body.Network = wireNetwork(a.Network())
		}
	}
	if o.State == order.Completed {
		body.CompletedAt = wireTime(o.EndedAt)
	}
	action, kind := d.action(o)
	body.ProvidedAction, body.ProvidedActionType = textOrNull(action), kind
	body.Refunds, body.Follows, body.Deal = encodeRefunds(o), o.Follows, o.Deal
	return body
}

func encodeRefunds(o *engine.Order) (list []refundBody) {
	for _, t := range o.Transfers {
		if t.Purpose == order.Refund {
			list = append(list, refundBody{
				ID: t.ID, Amount: numberOf(t.Amount), Currency: t.Amount.Asset().Code(), Status: refundStatus(t.State), Reason: o.Sendings[t.ID].Why, CreatedAt: wireTime(t.At),
			})
		}
	}
	return list
}

// refundStatus says where a refund stands, in words of orders.
func refundStatus(s order.TransferState) string {
	switch s {
	case order.TransferConfirmed:
		return statusRefunded
	case order.TransferFailed, order.TransferReturned:
		return statusFailed
	}
	return statusRefunding
}

// outOf is what an order delivers.
func outOf(o *engine.Order) money.Amount {
	if out := o.Terms.Out; !out.Asset().IsZero() {
		return out
	}
	return o.Terms.Due.Sub(feeOf(o))
}

func feeOf(o *engine.Order) money.Amount {
	if o.Terms.Fee.Asset().IsZero() {
		return money.Zero(o.Terms.Due.Asset())
	}
	return o.Terms.Fee
}

// quoteID is the quote that the order used; null where its price was found with it.
func quoteID(o *engine.Order) *string {
	if o.Quote == nil {
		return nil
	}
	return textOrNull(o.Quote.ID)
}

// reasonOf says why an order failed, was cancelled or came back from its payee, in a word, behind which stands the bank's own
// where it gave one; "" else.
func reasonOf(o *engine.Order) string {
	reason, state := "", order.TransferFailed
	switch {
	case o.State == order.Failed || o.State == order.Cancelled:
		reason = string(o.Reason)
	case o.Overlay == order.Refunded:
		state = order.TransferReturned
	}
	for _, t := range slices.Backward(o.Transfers) {
		if t.Purpose != order.Delivery || t.State != state {
			continue
		}
		if reason == "" && state == order.TransferReturned {
			reason = "returned"
		}
		if said := o.Sendings[t.ID].Reason; said != "" && reason != "" {
			return reason + ": " + said
		}
		break
	}
	return reason
}

// What the payer acts on. The words are Koywe's as far as they are known.
const (
	actionNone    = "NONE"
	actionAddress = "CRYPTO_ADDRESS"
)

// action is what the payer acts on to pay an order: nothing, once it has ended or where the money is the merchant's
// own.
func (d *Dialect) action(o *engine.Order) (action, kind string) {
	switch {
	case o.Terms.FromBalance || o.State.Terminal():
		return "", actionNone
	case len(o.Methods) > 0:
		return d.methodAction(o)
	}
	return o.Instrument.Value, actionAddress
}

type ordersBody struct {
	Pagination pagination  `json:"pagination"`
	Orders     []orderBody `json:"orders"`
}

func (d *Dialect) encodeOrders(f engine.Filter, page engine.Page) ordersBody {
	body := ordersBody{Pagination: pagination{PageNumber: f.Page, PageSize: f.Limit, TotalCount: page.Total}, Orders: []orderBody{}}
	for i := range page.Orders {
		body.Orders = append(body.Orders, d.encodeOrder(&page.Orders[i]))
	}
	return body
}

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// An order id has 134 random bits: they are all that protects the page it is paid on. Before them stand two characters
// that turn round once in 81 seconds, so that the ids of one moment lie next to one another in the index. They tell a
// stranger neither when an order was made nor how many there are.
const (
	idRandom = 26
	idTurn   = 2
	idLength = idTurn + idRandom
	turnStep = time.Second / 16
)

func (d *Dialect) newOrderID() string {
	turn := d.now().UnixNano() / int64(turnStep) % (36 * 36)
	return "ord_" + strconv.FormatInt(36*36+turn, 36)[1:] + d.randomText(idRandom)
}

func isOrderID(id string) bool {
	if len(id) != len("ord_")+idLength || id[:len("ord_")] != "ord_" {
		return false
	}
	for _, c := range []byte(id[len("ord_"):]) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// randomText is n letters and digits, each equally likely.
func (d *Dialect) randomText(n int) string {
	const even = 256 - 256%len(alphabet) // bytes from here on would make the first letters likelier
	text, buffer := make([]byte, 0, n), make([]byte, n)
	for len(text) < n {
		if _, err := io.ReadFull(d.random, buffer); err != nil {
			panic("koywe: no randomness: " + err.Error()) // an id that can be guessed is worse than none
		}
		for _, b := range buffer {
			if int(b) < even && len(text) < n {
				text = append(text, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(text)
}
