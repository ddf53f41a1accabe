package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/web"
	"till/internal/webhook"
)

// echoBody is the request for an order, sent back.
type echoBody struct {
	OrderReference string          `json:"orderReference"`
	Amount         string          `json:"amount"`
	Currency       string          `json:"currency"`
	ChainID        string          `json:"chainId"`
	Metadata       json.RawMessage `json:"metadata,omitempty"`
	SuccessURL     string          `json:"successUrl,omitempty"`
	CancelURL      string          `json:"cancelUrl,omitempty"`
}

// Where the echo takes requests for orders, and for quotes.
const (
	echoPath       = "/echo"
	echoQuotesPath = "/echo/quotes"
)

// echo reads a request for an order or a quote the way the server does, checks its fields the same way and sends it back. It knows no
// key, stores nothing and gives nothing out: what is left is the price of HTTP and JSON.
func echo(w http.ResponseWriter, r *http.Request) {
	var body any
	var err error
	if r.URL.Path == echoQuotesPath {
		body, err = readEchoQuote(r)
	} else {
		body, err = readEcho(r)
	}
	if err != nil {
		web.WriteJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	web.WriteJSON(w, http.StatusCreated, body)
}

var echoAsset = money.MustAsset(token, network, tokenScale)

func readEcho(r *http.Request) (b echoBody, err error) {
	in, err := web.Decode(r, 64<<10)
	if err != nil {
		return b, err
	}
	for _, field := range []struct {
		name  string
		limit int
		into  *string
	}{{"orderReference", 255, &b.OrderReference}, {"amount", 200, &b.Amount}, {"currency", 64, &b.Currency}, {"chainId", 64, &b.ChainID}} {
		text, present, err := in.String(field.name, field.limit)
		if err != nil {
			return b, err
		}
		if !present || text == "" {
			return b, fault.New(fault.CodeMissingField, "missing").On(field.name)
		}
		*field.into = text
	}
	if strings.TrimSpace(b.OrderReference) == "" || strings.ContainsFunc(b.OrderReference, unicode.IsControl) {
		return b, fault.New(fault.CodeInvalidValue, "not a reference").On("orderReference")
	}
	if _, err := money.Parse(echoAsset, b.Amount); err != nil {
		return b, err
	}
	metadata, present, err := in.Object("metadata")
	if err != nil || metadata.Len() > 10 {
		return b, fault.New(fault.CodeTooManyMetadata, "too many").On("metadata").Because(err)
	}
	if present {
		b.Metadata = metadata.Raw()
	}
	if b.SuccessURL, err = readURL(in, "successUrl"); err != nil {
		return b, err
	}
	b.CancelURL, err = readURL(in, "cancelUrl")
	return b, err
}

func readURL(in web.Object, field string) (string, error) {
	text, present, err := in.String(field, 2048)
	if err != nil || !present {
		return "", err
	}
	var parsed *url.URL
	guard := webhook.Guard{AllowPrivate: true, AllowHTTP: true}
	if parsed, err = guard.CheckURL(text); err == nil && parsed.Host == "" {
		err = fault.New(fault.CodeInvalidURL, "not a URL").On(field)
	}
	return text, err
}

// echoQuote is the request for a quote, sent back.
type echoQuote struct {
	OrderType   string      `json:"orderType"`
	Origin      string      `json:"originCurrencySymbol"`
	Destination string      `json:"destinationCurrencySymbol"`
	AmountIn    json.Number `json:"amountIn"`
	Executable  bool        `json:"executable"`
}

func readEchoQuote(r *http.Request) (q echoQuote, err error) {
	in, err := web.Decode(r, 4<<10)
	if err != nil {
		return q, err
	}
	for _, field := range []struct {
		name string
		into *string
	}{{"orderType", &q.OrderType}, {"originCurrencySymbol", &q.Origin}, {"destinationCurrencySymbol", &q.Destination}} {
		text, present, err := in.String(field.name, 64)
		if err != nil {
			return q, err
		}
		if !present || text == "" {
			return q, fault.New(fault.CodeMissingField, "missing").On(field.name)
		}
		*field.into = text
	}
	from, err := money.Fiat(q.Origin)
	if err != nil {
		return q, err
	}
	if _, err := money.Fiat(q.Destination); err != nil {
		return q, err
	}
	amount, present, err := in.Number("amountIn")
	if err != nil {
		return q, err
	}
	if !present {
		return q, fault.New(fault.CodeMissingField, "missing").On("amountIn")
	}
	if _, err := money.Parse(from, amount); err != nil {
		return q, err
	}
	q.AmountIn = json.Number(amount)
	q.Executable, _, err = in.Bool("executable")
	return q, err
}
