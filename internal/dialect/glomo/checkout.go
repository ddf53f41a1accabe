package glomo

import (
	"bytes"
	"context"
	_ "embed"
	"net/http"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/webhook"
)

// What a merchant's page asks with a publishable key, shows in a frame and is told: see checkout.js. A result is signed, so
// that what a browser says can be believed by the merchant's server.

func (d *Dialect) checkoutRoutes() []route {
	return []route{
		{http.MethodGet, public + "/order/{id}", publishable, d.publicOrder},
	}
}

// publicOrderBody is what a payer's browser may know of an order: nothing of the customer, and no notes.
type publicOrderBody struct {
	ID         string     `json:"id"`
	Type       string     `json:"order_type"`
	Status     string     `json:"status"`
	Currency   string     `json:"currency"`
	Amount     wireNumber `json:"amount"`
	Product    *product   `json:"product"`
	Methods    []string   `json:"payment_methods"`
	CreatedAt  string     `json:"created_at"`
	UpdatedAt  string     `json:"updated_at"`
	Checkout   *string    `json:"checkout_url"` // null: nobody said how browsers reach this server
	Embeddable bool       `json:"embeddable"`   // in a page of the origin that asks
}

// orderType is what checkouts tell orders apart by. There is one.
const orderType = "standard"

func (d *Dialect) publicOrder(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.find(r, s)
	if err != nil {
		return answer{}, err
	}
	settings, err := d.engine.Settings(r.Context(), engine.SettingScope{Merchant: s.Merchant, Mode: s.Mode})
	if err != nil {
		return answer{}, err
	}
	origins, err := engine.ParseOrigins(settings[engine.CheckoutOrigins])
	if err != nil {
		return answer{}, err
	}
	shown := encodeOrder(o)
	body := publicOrderBody{
		ID: shown.ID, Type: orderType, Status: shown.Status, Currency: shown.Currency, Amount: shown.Amount, Product: shown.Product, Methods: shown.Methods,
		CreatedAt: shown.CreatedAt, UpdatedAt: shown.UpdatedAt, Embeddable: slices.Contains(origins, r.Header.Get("Origin")),
	}
	if d.publicURL != "" {
		body.Checkout = new(d.publicURL + "/pay/order/" + o.PublicID)
	}
	return answer{status: http.StatusOK, body: body}, nil
}

// crossOrigin lets pages of any origin read what a route says: only of routes for publishable keys, which every payer's
// browser holds anyway. No cookie is ever sent or read.
func crossOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Add("Vary", "Origin")
		next.ServeHTTP(w, r)
	})
}

// preflight answers what a browser asks before it sends a key.
func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

//go:embed checkout.js
var checkoutJS []byte

// serveCheckoutJS needs no key: it is loaded by a page of any origin, before anything is known of it.
func serveCheckoutJS(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Access-Control-Allow-Origin", "*") // a module is always asked for so
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "public, max-age=300")
	http.ServeContent(w, r, "checkout.js", time.Time{}, bytes.NewReader(checkoutJS))
}

// The events of a checkout.
const (
	eventSuccess   = "payment.success"
	eventFailure   = "payment.failure"
	eventSubmitted = "payment.bank_transfer_submitted"
)

// resultBody is what a merchant's page is told of a payment.
type resultBody struct {
	Order     string      `json:"orderId"`
	Payment   string      `json:"paymentId,omitempty"`
	Status    string      `json:"status,omitempty"`
	Signature string      `json:"signature,omitempty"`
	Error     *resultFail `json:"error,omitempty"`
}

type resultFail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Tells is what the merchant's page is told of an order by now: each attempt that was declined, the payment that made it paid,
// and, while a bank transfer is chosen, that the payer says he has made it.
func (d *Dialect) Tells(ctx context.Context, o *engine.Order) (list []engine.PageEvent, err error) {
	for _, a := range o.Attempts {
		id := o.PublicID + "." + a.ID
		switch {
		case a.State == order.AttemptDeclined:
			code := declineOf(o, order.Payment{Attempt: a.ID})
			text, known := errorTexts[code]
			if !known {
				text = errorTexts[errorDeclined]
			}
			list = append(list, engine.PageEvent{ID: id + ".failure", Name: eventFailure, Data: resultBody{
				Order: o.PublicID, Payment: attempted(o, a.ID), Status: paymentFailed, Error: &resultFail{code, text},
			}})
		case (a.State == order.AttemptOpen || a.State == order.AttemptPending) && a.Method == byTransfer:
			list = append(list, engine.PageEvent{ID: id + ".submitted", Name: eventSubmitted, Data: resultBody{Order: o.PublicID}, Claim: true})
		}
	}
	if projection[o.State] != statusPaid {
		return list, nil
	}
	result := resultBody{Order: o.PublicID, Status: paymentSuccess}
	if p, found := paidBy(o); found {
		result.Payment = p.id()
	}
	if result.Signature, err = d.signResult(ctx, o, result.Payment, result.Status); err != nil {
		return nil, err
	}
	return append(list, engine.PageEvent{ID: o.PublicID + ".success", Name: eventSuccess, Data: result}), nil
}

// attempted is the id of the payment that an attempt became; "" where its far side never told of one.
func attempted(o *engine.Order, attempt string) string {
	for _, p := range paymentsOf(o) {
		if p.Attempt == attempt {
			return p.id()
		}
	}
	return ""
}

// signResult is the signature of a result: the HMAC-SHA256 of "order|payment|status" in lower-case hexadecimal, whose key is the
// text of the secret key that made the order, or, where that one is no more, of the newest one that is good. "" where the
// merchant has none.
func (d *Dialect) signResult(ctx context.Context, o *engine.Order, payment, status string) (string, error) {
	signer, err := d.secretKey(ctx, o.Scope, o.Maker)
	if err != nil || signer == nil {
		return "", err
	}
	return webhook.HMACHex([]byte(signer.Text), []byte(o.PublicID+"|"+payment+"|"+status)), nil
}

// A SecretKey is one that is good now, with its text.
type SecretKey struct{ ID, Text string }
