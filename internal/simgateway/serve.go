package simgateway

import (
	"crypto/hmac"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// ServeHTTP answers the calls of the API, and its pages under /pay/.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/pay/") {
		g.page(w, r)
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.down {
		g.fail(w, http.StatusServiceUnavailable, "api_error", "unavailable")
		return
	}
	given, path, single := r.Header.Get("Api-Key"), "/api/payment", g.cfg.API == PaymentsAPI
	if !single {
		given, path = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "/v1/sessions"
	}
	id, one := strings.CutPrefix(r.URL.Path, path+"/")
	switch {
	case !hmac.Equal([]byte(given), []byte(g.cfg.Key)):
		g.fail(w, http.StatusUnauthorized, "authentication_error", "the key is wrong")
	case r.Method == http.MethodPost && r.URL.Path == path:
		g.create(w, r)
	case r.Method == http.MethodGet && one:
		g.read++
		p := g.payments[id]
		if p == nil {
			g.fail(w, http.StatusNotFound, "invalid_request_error", "no such payment")
			return
		}
		if single {
			write(w, http.StatusOK, p.older())
			return
		}
		write(w, http.StatusOK, map[string]any{"session": p.newer()})
	default:
		g.fail(w, http.StatusNotFound, "invalid_request_error", "no such route")
	}
}

func (g *Gateway) fail(w http.ResponseWriter, status int, kind, message string) {
	write(w, status, map[string]any{"error": map[string]string{"type": kind, "code": kind, "message": message}})
}

var (
	address = regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`)
	decimal = regexp.MustCompile(`^[0-9]{1,30}(\.[0-9]{1,18})?$`)
)

// create makes a payment. The same Idempotency-Key gives the same payment; in the older API another payment with the same external
// id is refused.
func (g *Gateway) create(w http.ResponseWriter, r *http.Request) {
	g.created++
	raw, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		g.fail(w, http.StatusBadRequest, "validation_error", "the body cannot be read")
		return
	}
	var ask struct {
		Display struct {
			Intent, Title, Verb, PaymentValue, Currency string
		} `json:"display"`
		Destination struct {
			Type, Address, DestinationAddress, TokenAddress, AmountUnits string
			ChainID                                                      uint64 `json:"chainId"`
		} `json:"destination"`
		RefundAddress string            `json:"refundAddress"`
		ExternalID    string            `json:"externalId"`
		Metadata      map[string]string `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &ask); err != nil {
		g.fail(w, http.StatusBadRequest, "validation_error", "the body is not the JSON that is wanted")
		return
	}
	p := Payment{
		External: ask.ExternalID, Metadata: ask.Metadata, Status: Unpaid, Title: ask.Display.Intent, Price: ask.Display.PaymentValue, Currency: ask.Display.Currency,
		Chain: ask.Destination.ChainID, Token: ask.Destination.TokenAddress, To: ask.Destination.DestinationAddress, Amount: ask.Destination.AmountUnits,
		RefundTo: ask.RefundAddress, At: g.cfg.Now(), Key: r.Header.Get("Idempotency-Key"),
	}
	if g.cfg.API == SessionsAPI {
		p.To, p.Title, p.External = ask.Destination.Address, ask.Display.Title, ask.Metadata["requestId"]
	}
	if problem := g.problem(p, ask.Destination.Type, ask.Display.Verb); problem != "" {
		g.fail(w, http.StatusBadRequest, "validation_error", problem)
		return
	}
	for _, was := range g.payments {
		if p.Key != "" && was.Key == p.Key {
			g.made(w, *was)
			return
		}
		if g.cfg.API == PaymentsAPI && was.External == p.External {
			g.fail(w, http.StatusConflict, "invalid_request_error", "externalId: there is a payment with this one")
			return
		}
	}
	p.ID = g.newID()
	if err := g.keep(p); err != nil {
		g.fail(w, http.StatusInternalServerError, "api_error", "it could not be kept")
		return
	}
	g.payments[p.ID] = &p
	g.made(w, p)
}

func (g *Gateway) problem(p Payment, kind, verb string) string {
	older := g.cfg.API == PaymentsAPI
	switch {
	case !address.MatchString(p.To):
		return "destination address"
	case !address.MatchString(p.Token):
		return "destination.tokenAddress"
	case p.Chain == 0:
		return "destination.chainId"
	case !decimal.MatchString(p.Amount):
		return "destination.amountUnits"
	case p.Title == "" || !older && verb == "":
		return "display"
	case !older && kind != "evm":
		return "destination.type"
	case p.RefundTo == "" && older, p.RefundTo != "" && !address.MatchString(p.RefundTo):
		return "refundAddress"
	case len(p.Metadata) > 50:
		return "metadata"
	}
	for key, value := range p.Metadata {
		if len(key) > 40 || len(value) > 500 {
			return "metadata." + key
		}
	}
	return ""
}

func (g *Gateway) made(w http.ResponseWriter, p Payment) {
	if g.cfg.API == SessionsAPI {
		write(w, http.StatusCreated, map[string]any{"session": p.newerAt(g.pageOf(p))})
		return
	}
	write(w, http.StatusOK, map[string]any{"id": p.ID, "url": g.pageOf(p), "payment": p.older()})
}

func (g *Gateway) pageOf(p Payment) string {
	if g.cfg.Pages == "" {
		return ""
	}
	return g.cfg.Pages + "/pay/" + p.ID
}

// older is a payment as the older API shows it.
func (p Payment) older() map[string]any {
	arrived := p.Amount
	if p.Received != "" {
		arrived = p.Received
	}
	shown := map[string]any{
		"id": p.ID, "status": p.Status, "createdAt": strconv.FormatInt(p.At.Unix(), 10), "source": nil, "externalId": p.External, "metadata": p.Metadata,
		"display": map[string]string{"intent": p.Title, "paymentValue": p.Price, "currency": "USD"},
		"destination": map[string]any{
			"destinationAddress": p.To, "txHash": orNull(p.Tx), "chainId": strconv.FormatUint(p.Chain, 10), "amountUnits": arrived,
			"tokenSymbol": "USDC", "tokenAddress": p.Token, "callData": nil,
		},
	}
	if p.Status == Expired {
		shown["status"] = Unpaid // it has no word for it
	}
	if p.From != "" {
		shown["source"] = map[string]string{"payerAddress": p.From, "txHash": hash(32), "chainId": "8453", "amountUnits": arrived, "tokenSymbol": "USDC", "tokenAddress": p.Token}
	}
	return shown
}

// newer is a session as the newer API shows it.
func (p Payment) newer() map[string]any {
	status := map[string]string{Unpaid: "waiting_payment", Started: "processing", Completed: "succeeded", Bounced: "bounced", Expired: "expired"}[p.Status]
	destination := map[string]any{"type": "evm", "address": p.To, "chainId": p.Chain, "tokenAddress": p.Token, "tokenSymbol": "USDC", "amountUnits": p.Amount}
	if p.Status == Completed {
		received := p.Received
		if received == "" {
			received = p.Amount
		}
		destination["delivery"] = map[string]string{"txHash": p.Tx, "receivedUnits": received}
	}
	return map[string]any{
		"sessionId": p.ID, "status": status, "destination": destination, "paymentMethod": nil, "metadata": p.Metadata, "clientSecret": "cs_" + p.ID,
		"createdAt": p.At.Unix(), "expiresAt": p.At.Unix() + 3600,
	}
}

func (p Payment) newerAt(page string) map[string]any {
	shown := p.newer()
	if page != "" {
		shown["url"] = page
	}
	return shown
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
