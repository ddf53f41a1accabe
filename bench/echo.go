package main

import (
	"encoding/json"
	"io"
	"net/http"
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

// plainBody is the same as one writes it down for encoding/json.
type plainBody struct {
	OrderReference string            `json:"orderReference"`
	Amount         string            `json:"amount"`
	Currency       string            `json:"currency"`
	ChainID        string            `json:"chainId"`
	Metadata       map[string]string `json:"metadata,omitempty"`
	SuccessURL     string            `json:"successUrl,omitempty"`
	CancelURL      string            `json:"cancelUrl,omitempty"`
}

// Where the echo takes requests for orders, read the way the server does and with encoding/json, and for quotes.
const (
	echoPath       = "/echo"
	echoPlainPath  = "/echo/plain"
	echoQuotesPath = "/echo/quotes"
)

// echo reads a request for an order or a quote the way the server does, checks its fields the same way and sends it back. It knows no
// key, stores nothing and gives nothing out: what is left is the price of HTTP and JSON.
func echo(w http.ResponseWriter, r *http.Request) {
	var body any
	var err error
	switch r.URL.Path {
	case echoQuotesPath:
		body, err = readEchoQuote(r)
	case echoPlainPath:
		body, err = readPlain(r)
	default:
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
	if err := checkOrder(b.OrderReference, b.Amount); err != nil {
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

// readPlain checks what readEcho checks.
func readPlain(r *http.Request) (b plainBody, err error) {
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 64<<10))
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return b, err
	}
	if b.Currency == "" || b.ChainID == "" || len(b.Metadata) > 10 || len(b.OrderReference) > 255 {
		return b, fault.New(fault.CodeInvalidValue, "a field is missing or too long")
	}
	if err := checkOrder(b.OrderReference, b.Amount); err != nil {
		return b, err
	}
	if err := checkURL("successUrl", b.SuccessURL); err != nil {
		return b, err
	}
	return b, checkURL("cancelUrl", b.CancelURL)
}

func checkOrder(reference, amount string) error {
	if strings.TrimSpace(reference) == "" || strings.ContainsFunc(reference, unicode.IsControl) {
		return fault.New(fault.CodeInvalidValue, "not a reference").On("orderReference")
	}
	_, err := money.Parse(echoAsset, amount)
	return err
}

func readURL(in web.Object, field string) (string, error) {
	text, present, err := in.String(field, 2048)
	if err != nil || !present {
		return "", err
	}
	return text, checkURL(field, text)
}

// checkURL takes no URL, too.
func checkURL(field, text string) error {
	if text == "" {
		return nil
	}
	guard := webhook.Guard{AllowPrivate: true, AllowHTTP: true}
	parsed, err := guard.CheckURL(text)
	if err == nil && parsed.Host == "" {
		err = fault.New(fault.CodeInvalidURL, "not a URL").On(field)
	}
	return err
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
