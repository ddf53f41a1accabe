package koywe

import (
	"net/http"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
	"till/internal/webhook"
)

const maxWebhook = 16 << 10

// A secret has at least 16 characters: it is all that proves who sends.
const minSecret, maxSecret = 16, 256

func (d *Dialect) decodeWebhook(r *http.Request) (target string, secret webhook.Secret, err error) {
	body, err := web.Decode(r, maxWebhook)
	if err != nil {
		return "", "", err
	}
	if target, err = required(body, "url", 2048); err != nil {
		return "", "", err
	}
	if err := d.checkURL(target); err != nil {
		if f, is := fault.As(err); is {
			return "", "", f.On("url")
		}
		return "", "", err
	}
	secret, err = secretField(body)
	return target, secret, err
}

func decodeSecret(r *http.Request) (webhook.Secret, error) {
	body, err := web.Decode(r, maxWebhook)
	if err != nil {
		return "", err
	}
	return secretField(body)
}

func secretField(body web.Object) (webhook.Secret, error) {
	text, err := required(body, "secret", maxSecret)
	if err == nil && len(text) < minSecret {
		err = fault.New(fault.CodeInvalidValue, "The field 'secret' must have at least 16 characters").On("secret")
	}
	return webhook.Secret(text), err
}

// toldFilterOf reads which events are wanted, and the id of the order whose they are.
func toldFilterOf(r *http.Request, s engine.Scope) (f engine.ToldFilter, resource string, err error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return f, "", err
	}
	f = engine.ToldFilter{Scope: s, Type: q.Text("type"), Resource: q.Text("resourceType"), Merchant: q.Text("merchantId"),
		From: q.time("from", 0), To: q.time("to", shownTime-time.Microsecond), Page: q.Number("page", 1, 1<<20, 1), Limit: q.Number("limit", 1, 100, 50)}
	resource = q.Text("resourceId")
	if resource != "" && f.Resource != "" && f.Resource != "order" {
		q.Refuse("resourceType", "Only orders can be looked up by 'resourceId'")
	}
	return f, resource, q.Err()
}
