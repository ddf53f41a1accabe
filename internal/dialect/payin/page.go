package payin

import (
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/web"
)

// What payers see of an order: the status that anybody may ask for who knows the id, and what the pay page
// (internal/checkout) must know of this API.

// pageURL is where an order is paid; "" where nobody said how browsers reach this server.
func (d *Dialect) pageURL(o *engine.Order) string {
	if d.publicURL == "" {
		return ""
	}
	return d.publicURL + "/pay/order/" + o.PublicID
}

// PageTitle is what is sold: the metadata's title, where it is a text. It is all of the metadata that a payer
// sees, and only while there is something to pay.
func (d *Dialect) PageTitle(o *engine.Order) string {
	if statusOf(o.State) != pending {
		return ""
	}
	metadata, err := web.ParseObject(recordOf(o).Metadata)
	if err != nil {
		return ""
	}
	title, _, err := metadata.String("title", maxTitle)
	if err != nil {
		return ""
	}
	return plainText(title, "")
}

// plainText is a text without what turns text around, or hides in it, but for the control characters named.
func plainText(text, keep string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) && !strings.ContainsRune(keep, r) {
			return -1
		}
		return r
	}, text))
}

// maxTitle is how long a title may be that is shown, in code points.
const maxTitle = 200

// PageWindow is until when the payer is asked to pay. What comes in the grace period after it counts too.
func (d *Dialect) PageWindow(o *engine.Order) time.Time { return windowEnd(o, recordOf(o)) }

// ReturnURL is where the payer's browser goes now that the order has ended: the merchant's page for completed
// orders or the one for expired orders, of the order itself, else of the configuration when it was made. ""
// while it is pending, and when there is no such page.
func (d *Dialect) ReturnURL(o *engine.Order) string {
	kept := recordOf(o)
	values := []parameter{
		{"orderReference", o.Reference}, {"status", statusOf(o.State)}, {"amount", kept.Amount},
		{"currency", o.Terms.Due.Asset().Code()}, {"chainId", o.Network},
	}
	switch statusOf(o.State) {
	case completed:
		if p, ok := closingPayment(o); ok {
			values = append(values, parameter{"txHash", p.Evidence.Tx})
		}
		return returnURL(firstOf(kept.SuccessURL, kept.DefaultSuccessURL), o.PublicID, values)
	case expired:
		return returnURL(firstOf(kept.CancelURL, kept.DefaultCancelURL), o.PublicID, values)
	}
	return ""
}

func firstOf(own, preset string) string {
	if own != "" {
		return own
	}
	return preset
}

// parameter is what a return URL tells the merchant.
type parameter struct{ name, value string }

// returnURL fills the placeholders of a merchant's URL and adds the parameters to its query, in the place of
// any of the same name. Everything else of the URL stays as it is. Values are encoded before the URL is read, so
// that none can change where it leads; one that leads nowhere on the web is no URL at all.
func returnURL(template, orderID string, values []parameter) string {
	if template == "" {
		return ""
	}
	known := map[string]string{"orderId": orderID}
	for _, v := range values {
		known[v.name] = v.value
	}
	filled := placeholder.ReplaceAllStringFunc(template, func(m string) string {
		value, ok := known[strings.Trim(m, "{}")]
		if !ok {
			return m
		}
		return escape(value)
	})
	u, err := url.Parse(filled)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	var query []string
	for _, pair := range strings.Split(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if _, ours := known[name]; pair != "" && (!ours || name == "orderId") {
			query = append(query, pair)
		}
	}
	for _, v := range values {
		query = append(query, v.name+"="+escape(v.value))
	}
	u.RawQuery = strings.Join(query, "&")
	return u.String()
}

// escape encodes a value for every part of a URL: a space is %20, which a path reads as well as a query.
func escape(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

// newPublicRate bounds what one client may ask without a key.
func newPublicRate() *web.Rate { return &web.Rate{Burst: 120, Each: 100 * time.Millisecond} }

// orderStatus is what anybody may know who knows the id: nothing of the merchant, no metadata.
func (d *Dialect) orderStatus(r *http.Request, _ engine.Scope) (answer, error) {
	if wait, ok := d.public.Allow(web.ClientOf(r), d.now()); !ok {
		return answer{}, tooOften(wait)
	}
	id := r.PathValue("orderId")
	if !isOrderID(id) {
		return answer{}, noOrder()
	}
	o, _, err := d.engine.ForPayer(r.Context(), id, d.now())
	if err != nil {
		return answer{}, orNoOrder(err)
	}
	if o.Scope.Dialect != Name {
		return answer{}, noOrder()
	}
	return answer{http.StatusOK, d.encodeStatus(o)}, nil
}

func (d *Dialect) encodeStatus(o *engine.Order) statusBody {
	kept, due, arrived := recordOf(o), o.Terms.Due, o.Arrived()
	s := publicOrder{
		OrderID: o.PublicID, OrderReference: o.Reference, Status: statusOf(o.State), Amount: kept.Amount,
		Token: due.Asset().Code(), Chain: o.Network, Address: o.Instrument.Value, CreatedAt: wireTime(o.CreatedAt),
		RequiredAmount: due.Decimal(), ConfirmedReceived: arrived.Confirmed.Decimal(), ReceivedAmount: arrived.InTime().Decimal(),
		RemainingAmount: o.Missing().Decimal(), PaymentProgress: percent(arrived.InTime().Big(), due.Big()),
		IsFullyPaid: arrived.Confirmed.Cmp(due) >= 0, TransferCount: arrived.Count,
	}
	s.IsPartiallyPaid = arrived.InTime().Sign() > 0 && !s.IsFullyPaid
	if n, err := d.engine.Network(o.Network, o.Scope.Mode); err == nil {
		s.RequiredConfirmations = n.Confirmations
	}
	shown, found := closingPayment(o)
	if !found {
		shown, found = newestPayment(o)
	}
	if found {
		s.CurrentConfirmations = o.Confirmations(shown)
		status := "pending"
		if shown.Rank == order.RankConfirmed {
			status = "confirmed"
		}
		s.TransactionHash, s.TransferStatus = &shown.Evidence.Tx, &status
	}
	if o.State == order.Completed {
		s.CompletedAt = new(wireTime(o.EndedAt))
	}
	if back := d.ReturnURL(o); back != "" {
		s.RedirectURL = &back
	}
	return statusBody{Success: true, Data: s}
}

// percent is how much of a whole there is, from 0 to 100, rounded down: 100 is all of it.
func percent(part, whole *big.Int) int64 {
	if part.Cmp(whole) >= 0 {
		return 100
	}
	return new(big.Int).Quo(new(big.Int).Mul(part, big.NewInt(100)), whole).Int64()
}

// statusBody is the public status of an order. Its names and envelope are those of the open source server.
type statusBody struct {
	Success bool        `json:"success"`
	Data    publicOrder `json:"data"`
}

type publicOrder struct {
	OrderID               string  `json:"orderId"`
	OrderReference        string  `json:"orderReference"`
	Status                string  `json:"status"`
	Amount                string  `json:"amount"`
	Token                 string  `json:"token"`
	Chain                 string  `json:"chain"`
	Address               string  `json:"address"`
	RequiredConfirmations int     `json:"requiredConfirmations"`
	CurrentConfirmations  uint64  `json:"currentConfirmations"`
	TransactionHash       *string `json:"transactionHash"`
	TransferStatus        *string `json:"transferStatus"` // pending or confirmed
	ConfirmedReceived     string  `json:"confirmedReceived"`
	CompletedAt           *string `json:"completedAt"`
	CreatedAt             string  `json:"createdAt"`
	RequiredAmount        string  `json:"requiredAmount"`
	ReceivedAmount        string  `json:"receivedAmount"` // in time, confirmed or not
	RemainingAmount       string  `json:"remainingAmount"`
	PaymentProgress       int64   `json:"paymentProgress"` // per cent
	IsPartiallyPaid       bool    `json:"isPartiallyPaid"`
	IsFullyPaid           bool    `json:"isFullyPaid"`
	TransferCount         int     `json:"transferCount"`
	RedirectURL           *string `json:"redirect_url"`
}
