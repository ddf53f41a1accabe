package payin

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"slices"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/webhook"
)

// notificationRoutes are the webhook endpoints of a merchant and what became of its webhooks. PayIn has had three names
// for the endpoints: the records are the same, and under the newest name one stands inside a field.
func (d *Dialect) notificationRoutes() []route {
	const read, write = "webhooks:read", "webhooks:write"
	bare := func(ep endpointBody) any { return ep }
	inField := func(ep endpointBody) any { return endpointInField{ep} }
	routes := []route{
		{http.MethodGet, "/api/v1/notifications/logs", read, d.listLogs},
		{http.MethodGet, "/api/v1/notifications/logs/{logId}", read, d.getLog},
		{http.MethodPost, "/api/v1/notifications/logs/{logId}/retry", write, d.retryLog},
		{http.MethodPost, "/api/v1/notifications/retry-failed", write, d.retryFailed},
		{http.MethodGet, "/api/v1/notifications/statistics", read, d.notificationStatistics},
		{http.MethodGet, "/api/v1/notifications/queue/status", read, d.queueStatus},
	}
	for path, show := range map[string]endpointShape{
		"/api/v1/notifications/endpoints": bare,
		"/api/v1/notifications/webhooks":  bare,
		"/api/v1/webhooks/endpoints":      inField,
	} {
		routes = append(routes,
			route{http.MethodPost, path, write, d.addEndpoint(show)},
			route{http.MethodGet, path, read, d.listEndpoints},
			route{http.MethodGet, path + "/{endpointId}", read, d.getEndpoint(show)},
			route{http.MethodPut, path + "/{endpointId}", write, d.putEndpoint(show)},
			route{http.MethodDelete, path + "/{endpointId}", write, d.deleteEndpoint},
			route{http.MethodPost, path + "/{endpointId}/test", write, d.testEndpoint},
			route{http.MethodPost, path + "/{endpointId}/rotate-secret", write, d.rotateSecret(show)},
		)
	}
	return routes
}

// endpointShape is how one endpoint stands in an answer.
type endpointShape func(endpointBody) any

type handler func(r *http.Request, s engine.Scope) (answer, error)

// maxEndpoints is how many endpoints a merchant may have in a mode: each multiplies the webhooks that are sent.
const maxEndpoints = 100

func (d *Dialect) addEndpoint(show endpointShape) handler {
	return func(r *http.Request, s engine.Scope) (answer, error) {
		body, asked, err := d.decodeEndpoint(r, true)
		if err != nil {
			return answer{}, err
		}
		settings, err := d.engine.Settings(r.Context(), settingScope(s))
		if err != nil {
			return answer{}, err
		}
		once, err := repeatable(r, s, body, func(made engine.Endpoint) any { return show(d.encodeEndpoint(made, settings, mask)) })
		if err != nil {
			return answer{}, err
		}
		there, err := d.engine.Endpoints(r.Context(), s)
		if err != nil {
			return answer{}, err
		}
		if len(there) >= maxEndpoints {
			return answer{}, fault.New(fault.CodeInvalidValue, "There are 100 endpoints already")
		}
		ep := engine.Endpoint{ID: "ep_" + hex.EncodeToString(d.randomBytes(12)), Scope: s, Enabled: true, Timeout: presetTimeout}
		asked.apply(&ep)
		if asked.secret == "" {
			asked.secret = d.newSecret()
		}
		if ep.Secret, err = d.seal(ep.ID, asked.secret); err != nil {
			return answer{}, err
		}
		made, replay, err := d.by(r).AddEndpointOnce(r.Context(), ep, once)
		if err != nil {
			return answer{}, err
		}
		if replay != nil {
			return replayed(replay), nil
		}
		return answer{http.StatusCreated, show(d.encodeEndpoint(made, settings, asked.secret.Reveal()))}, nil
	}
}

func (d *Dialect) listEndpoints(r *http.Request, s engine.Scope) (answer, error) {
	wanted, err := decodeEndpointFilter(r)
	if err != nil {
		return answer{}, err
	}
	settings, err := d.engine.Settings(r.Context(), settingScope(s))
	if err != nil {
		return answer{}, err
	}
	list, err := d.engine.Endpoints(r.Context(), s)
	if err != nil {
		return answer{}, err
	}
	body := endpointList{Endpoints: []endpointBody{}}
	for _, ep := range list {
		if wanted(ep) {
			body.Endpoints = append(body.Endpoints, d.encodeEndpoint(ep, settings, mask))
		}
	}
	body.Total = len(body.Endpoints)
	return answer{http.StatusOK, body}, nil
}

func (d *Dialect) getEndpoint(show endpointShape) handler {
	return func(r *http.Request, s engine.Scope) (answer, error) {
		ep, err := d.endpoint(r, s)
		if err != nil {
			return answer{}, err
		}
		return d.showEndpoint(r, *ep, show, mask)
	}
}

func (d *Dialect) putEndpoint(show endpointShape) handler {
	return func(r *http.Request, s engine.Scope) (answer, error) {
		if _, err := d.endpoint(r, s); err != nil {
			return answer{}, err
		}
		_, asked, err := d.decodeEndpoint(r, false)
		if err != nil {
			return answer{}, err
		}
		id, sealed := r.PathValue("endpointId"), ""
		if asked.secret != "" {
			if sealed, err = d.seal(id, asked.secret); err != nil {
				return answer{}, err
			}
		}
		ep, err := d.by(r).ChangeEndpointSecret(r.Context(), id, sealed, func(ep *engine.Endpoint) error {
			if ep.Scope != s {
				return noEndpoint()
			}
			asked.apply(ep)
			return nil
		})
		if err != nil {
			return answer{}, orNoEndpoint(err)
		}
		return d.showEndpoint(r, ep, show, mask)
	}
}

func (d *Dialect) deleteEndpoint(r *http.Request, s engine.Scope) (answer, error) {
	err := d.by(r).DeleteEndpoint(r.Context(), r.PathValue("endpointId"), func(ep engine.Endpoint) bool { return ep.Scope == s })
	return answer{http.StatusOK, successBody{Success: true}}, orNoEndpoint(err)
}

// testEndpoint sends test.event as every webhook is sent, whatever the endpoint subscribed to.
func (d *Dialect) testEndpoint(r *http.Request, s engine.Scope) (answer, error) {
	ep, err := d.endpoint(r, s)
	if err != nil {
		return answer{}, err
	}
	if !ep.Enabled {
		return answer{}, disabled()
	}
	ev, err := d.engine.Announce(r.Context(), s, engine.Notice{Type: endpointTried, Endpoint: ep.ID})
	return answer{http.StatusOK, testedBody{Success: true, EventID: testID(ev)}}, err
}

// rotateSecret is ours: webhooks are signed with both secrets while the overlap lasts.
func (d *Dialect) rotateSecret(show endpointShape) handler {
	return func(r *http.Request, s engine.Scope) (answer, error) {
		if _, err := d.endpoint(r, s); err != nil {
			return answer{}, err
		}
		secret, overlap, err := decodeRotation(r)
		if err != nil {
			return answer{}, err
		}
		if secret == "" {
			secret = d.newSecret()
		}
		id := r.PathValue("endpointId")
		sealed, err := d.seal(id, secret)
		if err != nil {
			return answer{}, err
		}
		ep, err := d.by(r).RotateSecret(r.Context(), id, sealed, overlap, func(ep engine.Endpoint) bool { return ep.Scope == s })
		if err != nil {
			return answer{}, orNoEndpoint(err)
		}
		return d.showEndpoint(r, ep, show, secret.Reveal())
	}
}

func (d *Dialect) listLogs(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := decodeLogFilter(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	page := engine.MessagePage{}
	if !asked.nothing {
		if page, err = d.engine.Messages(r.Context(), asked.filter, asked.order); err != nil {
			return answer{}, err
		}
	}
	return answer{http.StatusOK, encodeLogs(asked.filter, page)}, nil
}

func (d *Dialect) getLog(r *http.Request, s engine.Scope) (answer, error) {
	m, err := d.engine.MessageOf(r.Context(), s, r.PathValue("logId"))
	if err != nil {
		return answer{}, orNoLog(err)
	}
	return answer{http.StatusOK, encodeLog(m, true)}, nil
}

// retryLog sends a webhook again as it was: the same id, the same bytes, its schedule from the beginning.
func (d *Dialect) retryLog(r *http.Request, s engine.Scope) (answer, error) {
	m, err := d.engine.MessageOf(r.Context(), s, r.PathValue("logId"))
	if err != nil {
		return answer{}, orNoLog(err)
	}
	if m.State == engine.MessageDelivered {
		return answer{}, fault.New(fault.CodeInvalidValue, "Only a failed, pending or cancelled notification can be retried")
	}
	_, err = d.engine.ReplayMessage(r.Context(), m.ID)
	switch {
	case fault.Is(err, fault.CodeNotFound):
		return answer{}, noEndpoint()
	case fault.Is(err, fault.CodeInvalidValue):
		return answer{}, disabled()
	}
	return answer{http.StatusOK, successBody{Success: true}}, err
}

func (d *Dialect) retryFailed(r *http.Request, s engine.Scope) (answer, error) {
	search, err := decodeRetry(r, s)
	if err != nil {
		return answer{}, err
	}
	n, err := d.engine.ReplayExhausted(r.Context(), search)
	return answer{http.StatusOK, retriedBody{Success: true, Retried: n}}, err
}

func (d *Dialect) notificationStatistics(r *http.Request, s engine.Scope) (answer, error) {
	q, err := decodeStatistics(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	counts, err := d.engine.MessageCounts(r.Context(), s, q.endpoint, q.from, q.to)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, encodeStatistics(q, counts)}, nil
}

// queueStatus shows the merchant its own part of the queue.
func (d *Dialect) queueStatus(r *http.Request, s engine.Scope) (answer, error) {
	list, err := d.engine.Endpoints(r.Context(), s)
	if err != nil {
		return answer{}, err
	}
	var ids []string
	for _, ep := range list {
		ids = append(ids, ep.ID)
	}
	counts, err := d.engine.MessageCounts(r.Context(), s, "", noTime, noTime)
	if err != nil {
		return answer{}, err
	}
	body := queueBody{Running: true}
	body.Active, body.Max = d.sending(ids)
	if i := slices.IndexFunc(counts, func(c engine.MessageCount) bool { return c.State == engine.MessagePending }); i >= 0 {
		body.Pending = counts[i].N
	}
	return answer{http.StatusOK, body}, nil
}

// endpoint finds the endpoint that a path names. Error: not_found, also for somebody else's.
func (d *Dialect) endpoint(r *http.Request, s engine.Scope) (*engine.Endpoint, error) {
	ep, err := d.engine.Endpoint(r.Context(), r.PathValue("endpointId"))
	if err == nil && (ep == nil || ep.Scope != s) {
		return nil, noEndpoint()
	}
	return ep, err
}

// showEndpoint is an endpoint with a secret, or its mask.
func (d *Dialect) showEndpoint(r *http.Request, ep engine.Endpoint, show endpointShape, secret string) (answer, error) {
	settings, err := d.engine.Settings(r.Context(), settingScope(ep.Scope))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, show(d.encodeEndpoint(ep, settings, secret))}, nil
}

// newSecret makes a secret in the form of Standard Webhooks.
func (d *Dialect) newSecret() webhook.Secret {
	return webhook.Secret("whsec_" + base64.StdEncoding.EncodeToString(d.randomBytes(32)))
}

func (d *Dialect) randomBytes(n int) []byte {
	raw := make([]byte, n)
	if _, err := io.ReadFull(d.random, raw); err != nil {
		panic("payin: no randomness: " + err.Error()) // a secret that can be guessed is worse than none
	}
	return raw
}

func noEndpoint() error { return fault.New(fault.CodeNotFound, "Endpoint not found") }

// orNoEndpoint says in this API's words that there is no such endpoint.
func orNoEndpoint(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return noEndpoint()
	}
	return err
}

func orNoLog(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return fault.New(fault.CodeNotFound, "Notification log not found")
	}
	return err
}

func disabled() error { return fault.New(fault.CodeInvalidValue, "The endpoint is disabled") }
