package daimo

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"till/internal/rail"
	"till/internal/secrets"
)

// sessions is the newer API. The request's id is a line of the session's metadata.
type sessions struct {
	far
	key    secrets.Text
	secret secrets.Text // that callbacks are signed with
	refund string
}

// requestLine is the metadata's line with the request's id.
const requestLine = "requestId"

// tolerance is how far the time of a signature may be from ours.
const tolerance = 300 * time.Second

type sessionAsk struct {
	Destination struct {
		Type    string `json:"type"`
		Address string `json:"address"`
		Chain   uint64 `json:"chainId"`
		Token   string `json:"tokenAddress"`
		Amount  string `json:"amountUnits"`
	} `json:"destination"`
	Display struct {
		Title string `json:"title"`
		Verb  string `json:"verb"`
	} `json:"display"`
	Metadata map[string]string `json:"metadata"`
	Refund   string            `json:"refundAddress,omitempty"`
}

// session is one as the gateway shows it.
type session struct {
	ID          string `json:"sessionId"`
	Status      string `json:"status"`
	Destination struct {
		Address  string `json:"address"`
		Chain    number `json:"chainId"`
		Token    string `json:"tokenAddress"`
		Amount   string `json:"amountUnits"`
		Delivery *struct {
			Tx       string `json:"txHash"`
			Received string `json:"receivedUnits"`
		} `json:"delivery"`
	} `json:"destination"`
	Metadata map[string]any `json:"metadata"`
	URL      string         `json:"url"`
}

type sessionAnswer struct {
	Session session `json:"session"`
}

func (s sessions) create(ctx context.Context, r rail.Request) (told, error) {
	var ask sessionAsk
	ask.Destination.Type, ask.Destination.Address, ask.Destination.Chain = "evm", r.To, r.Chain
	ask.Destination.Token, ask.Destination.Amount = r.Token, r.Amount.Decimal()
	ask.Display.Title, ask.Display.Verb, ask.Refund = r.Title, "Pay", s.refund
	ask.Metadata = maps.Clone(r.Metadata)
	if ask.Metadata == nil {
		ask.Metadata = map[string]string{}
	}
	ask.Metadata[requestLine] = r.ID
	header := s.header()
	header.Set("Idempotency-Key", r.ID)
	var answer sessionAnswer
	if err := s.call(ctx, http.MethodPost, "/v1/sessions", header, ask, &answer); err != nil {
		return told{}, err
	}
	return answer.Session.told()
}

func (s sessions) read(ctx context.Context, id string) (told, error) {
	var answer sessionAnswer
	if err := s.call(ctx, http.MethodGet, "/v1/sessions/"+id, s.header(), nil, &answer); err != nil {
		return told{}, err
	}
	return answer.Session.told()
}

func (s sessions) header() http.Header {
	return http.Header{"Authorization": {"Bearer " + s.key.Reveal()}}
}

func (s session) told() (told, error) {
	is, known := map[string]status{
		"requires_payment_method": unpaid, "waiting_payment": unpaid, "processing": started, "succeeded": completed, "bounced": bounced, "expired": over,
	}[s.Status]
	t := told{
		id: s.ID, url: s.URL, status: is, chain: uint64(s.Destination.Chain), token: s.Destination.Token, to: s.Destination.Address, amount: s.Destination.Amount,
	}
	t.external, _ = s.Metadata[requestLine].(string)
	if s.Destination.Delivery != nil && is == completed {
		t.tx, t.amount = s.Destination.Delivery.Tx, s.Destination.Delivery.Received
	} else if is == completed {
		t.amount = "" // what was asked for is not what arrived
	}
	return checked(t, known)
}

// event believes a callback whose signature covers its body's own bytes and a time that is not far from ours.
func (s sessions) event(header http.Header, body []byte, now time.Time) (event, error) {
	at, signatures := "", []string{}
	for _, part := range strings.Split(header.Get("Daimo-Signature"), ",") {
		switch name, value, _ := strings.Cut(strings.TrimSpace(part), "="); {
		case name == "t":
			at = value
		case name == "v1" && len(signatures) < 8: // a change of secrets has two
			signatures = append(signatures, value)
		}
	}
	mac := hmac.New(sha256.New, []byte(s.secret.Reveal()))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	want := []byte(hex.EncodeToString(mac.Sum(nil)))
	fits := false
	for _, given := range signatures {
		fits = hmac.Equal(want, []byte(given)) || fits
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if s.secret == "" || !fits || err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > tolerance {
		return event{}, errForged()
	}
	var e struct {
		Type string `json:"type"`
		Data struct {
			Session struct {
				ID string `json:"sessionId"`
			} `json:"session"`
		} `json:"data"`
		Test bool `json:"isTestEvent"`
	}
	if err := readEvent(body, &e); err != nil {
		return event{}, err
	}
	switch e.Type {
	case "session.processing", "session.succeeded", "session.bounced":
		return about(event{payment: e.Data.Session.ID, test: e.Test})
	}
	return event{ignored: true}, nil
}
