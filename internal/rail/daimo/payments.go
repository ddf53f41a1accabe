package daimo

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"till/internal/rail"
	"till/internal/secrets"
)

// payments is the older API. The request's id is its external id, which is unique, and its Idempotency-Key.
type payments struct {
	far
	key    secrets.Text
	token  secrets.Text // of callbacks
	refund string
}

type paymentDisplay struct {
	Intent   string `json:"intent"`
	Value    string `json:"paymentValue,omitempty"`
	Currency string `json:"currency,omitempty"`
}

type paymentAsk struct {
	Display     paymentDisplay `json:"display"`
	Destination struct {
		Address string `json:"destinationAddress"`
		Chain   uint64 `json:"chainId"`
		Token   string `json:"tokenAddress"`
		Amount  string `json:"amountUnits"`
	} `json:"destination"`
	Refund   string            `json:"refundAddress"`
	External string            `json:"externalId"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// payment is one as the gateway shows it.
type payment struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Source *struct {
		Payer string `json:"payerAddress"`
	} `json:"source"`
	Destination struct {
		Address string `json:"destinationAddress"`
		Tx      string `json:"txHash"`
		Chain   number `json:"chainId"`
		Token   string `json:"tokenAddress"`
		Amount  string `json:"amountUnits"`
	} `json:"destination"`
	External string `json:"externalId"`
}

// paymentAnswer is a payment alone, or beside its page.
type paymentAnswer struct {
	payment
	URL    string   `json:"url"`
	Inside *payment `json:"payment"`
}

func (p payments) create(ctx context.Context, r rail.Request) (told, error) {
	ask := paymentAsk{Display: paymentDisplay{r.Title, r.Price, r.Currency}, Refund: p.refund, External: r.ID, Metadata: r.Metadata}
	ask.Destination.Address, ask.Destination.Chain, ask.Destination.Token, ask.Destination.Amount = r.To, r.Chain, r.Token, r.Amount.Decimal()
	header := p.header()
	header.Set("Idempotency-Key", r.ID)
	var answer paymentAnswer
	if err := p.call(ctx, http.MethodPost, "/api/payment", header, ask, &answer); err != nil {
		return told{}, err
	}
	return answer.told()
}

func (p payments) read(ctx context.Context, id string) (told, error) {
	var answer paymentAnswer
	if err := p.call(ctx, http.MethodGet, "/api/payment/"+id, p.header(), nil, &answer); err != nil {
		return told{}, err
	}
	return answer.told()
}

func (p payments) header() http.Header { return http.Header{"Api-Key": {p.key.Reveal()}} }

func (a paymentAnswer) told() (told, error) {
	p := a.payment
	if a.Inside != nil {
		p = *a.Inside
	}
	is, known := map[string]status{
		"payment_unpaid": unpaid, "payment_started": started, "payment_completed": completed, "payment_bounced": bounced,
	}[p.Status]
	t := told{
		id: p.ID, external: p.External, url: a.URL, status: is, chain: uint64(p.Destination.Chain), token: p.Destination.Token,
		to: p.Destination.Address, amount: p.Destination.Amount, tx: p.Destination.Tx,
	}
	if p.Source != nil {
		t.from = p.Source.Payer
	}
	return checked(t, known)
}

// event believes a callback that carries the token, as it is or in base64. The token says nothing about the body.
func (p payments) event(header http.Header, body []byte, _ time.Time) (event, error) {
	scheme, given, _ := strings.Cut(header.Get("Authorization"), " ")
	mark := sha256.Sum256([]byte(given)) // digests, so that the comparison says nothing of the length either
	raw := sha256.Sum256([]byte(p.token.Reveal()))
	encoded := sha256.Sum256([]byte(base64.StdEncoding.EncodeToString([]byte(p.token.Reveal()))))
	fits := hmac.Equal(mark[:], raw[:])
	fits = hmac.Equal(mark[:], encoded[:]) || fits
	if p.token == "" || !fits || !strings.EqualFold(scheme, "Basic") {
		return event{}, errForged()
	}
	var e struct {
		Type    string `json:"type"`
		Payment string `json:"paymentId"`
		Test    bool   `json:"isTestEvent"`
	}
	if err := readEvent(body, &e); err != nil {
		return event{}, err
	}
	switch e.Type {
	case "payment_started", "payment_completed", "payment_bounced", "payment_refunded":
		return about(event{payment: e.Payment, refund: e.Type == "payment_refunded", test: e.Test})
	}
	return event{ignored: true}, nil
}
