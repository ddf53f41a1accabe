package koywe

import (
	"net/http"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
)

// webhooksRoutes are an organization's webhook endpoints, each told every event of all its merchants, and the events
// they were told.
func (d *Dialect) webhooksRoutes() []route {
	const read, write = "webhooks:read", "webhooks:write"
	return []route{
		{http.MethodPost, ofO + "/webhooks", write, d.addWebhook},
		{http.MethodGet, ofO + "/webhooks", read, d.listWebhooks},
		{http.MethodGet, ofO + "/webhooks/{webhookId}", read, d.getWebhook},
		{http.MethodDelete, ofO + "/webhooks/{webhookId}", write, d.deleteWebhook},
		{http.MethodPost, ofO + "/webhooks/{webhookId}/rotate-secret", write, d.rotateWebhook},
		{http.MethodPost, ofO + "/webhooks/{webhookId}/pause", write, d.switchWebhook(false)},
		{http.MethodPost, ofO + "/webhooks/{webhookId}/resume", write, d.switchWebhook(true)},
		{http.MethodPost, ofO + "/webhooks/{webhookId}/ping", write, d.pingWebhook},
		{http.MethodGet, ofO + "/webhook-events", read, d.listToldEvents},
		{http.MethodGet, ofO + "/webhook-events/{eventId}", read, d.getToldEvent},
		{http.MethodGet, ofO + "/webhook-events/{eventId}/deliveries", read, d.listDeliveries},
		{http.MethodPost, ofO + "/webhook-events/{eventId}/replay", write, d.replayEvent},
	}
}

func (d *Dialect) addWebhook(r *http.Request, s engine.Scope) (answer, error) {
	target, secret, err := d.decodeWebhook(r)
	if err != nil {
		return answer{}, err
	}
	ep := engine.Endpoint{ID: d.newID("whk"), Scope: s, URL: target, Enabled: true}
	if ep.Secret, err = d.seal(ep.ID, secret); err != nil {
		return answer{}, err
	}
	made, err := d.by(r).AddEndpoint(r.Context(), ep)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusCreated, webhookOf(made)}, nil
}

func (d *Dialect) listWebhooks(r *http.Request, s engine.Scope) (answer, error) {
	list, err := d.engine.Endpoints(r.Context(), s)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, webhooksOf(list)}, nil
}

func (d *Dialect) getWebhook(r *http.Request, s engine.Scope) (answer, error) {
	ep, err := d.webhook(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, webhookOf(*ep)}, nil
}

// deleteWebhook takes an endpoint away; what it was told stays on record.
func (d *Dialect) deleteWebhook(r *http.Request, s engine.Scope) (answer, error) {
	id := r.PathValue("webhookId")
	err := d.by(r).DeleteEndpoint(r.Context(), id, func(ep engine.Endpoint) bool { return ep.Scope == s })
	return answer{http.StatusOK, deletedBody{id, "DELETED"}}, noWebhook(err)
}

// rotateWebhook puts the given secret in place of the endpoint's. For a day webhooks are signed with both: Koywe's header
// with the new one, those of Standard Webhooks with each.
func (d *Dialect) rotateWebhook(r *http.Request, s engine.Scope) (answer, error) {
	secret, err := decodeSecret(r)
	if err != nil {
		return answer{}, err
	}
	id := r.PathValue("webhookId")
	sealed, err := d.seal(id, secret)
	if err != nil {
		return answer{}, err
	}
	ep, err := d.by(r).RotateSecret(r.Context(), id, sealed, engine.SecretOverlap, func(ep engine.Endpoint) bool { return ep.Scope == s })
	if err != nil {
		return answer{}, noWebhook(err)
	}
	return answer{http.StatusOK, webhookOf(ep)}, nil
}

// switchWebhook pauses an endpoint, which is told nothing meanwhile, or lets it go on.
func (d *Dialect) switchWebhook(on bool) func(*http.Request, engine.Scope) (answer, error) {
	return func(r *http.Request, s engine.Scope) (answer, error) {
		ep, err := d.by(r).ChangeEndpoint(r.Context(), r.PathValue("webhookId"), func(ep *engine.Endpoint) error {
			if ep.Scope != s {
				return fault.New(fault.CodeNotFound, "no such endpoint")
			}
			ep.Enabled = on
			return nil
		})
		if err != nil {
			return answer{}, noWebhook(err)
		}
		return answer{http.StatusOK, webhookOf(ep)}, nil
	}
}

// endpointTried is the engine's event behind a ping, and pinged what it is told as.
const (
	endpointTried = "endpoint.test"
	pinged        = "webhook.ping"
)

func (d *Dialect) pingWebhook(r *http.Request, s engine.Scope) (answer, error) {
	ep, err := d.webhook(r, s)
	if err != nil {
		return answer{}, err
	}
	if !ep.Enabled {
		return answer{}, fault.New(fault.CodeOrderStateConflict, "The webhook is paused")
	}
	ev, err := d.engine.Announce(r.Context(), s, engine.Notice{Type: endpointTried, Ref: ep.ID, Endpoint: ep.ID})
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusAccepted, pingBody{eventID(ev.ID), ep.ID}}, nil
}

// tellPing renders a ping.
func tellPing(ev engine.Event) (id, kind string, body []byte, ok bool) {
	id = eventID(ev.ID)
	return id, pinged, encode(pingEvent{ID: id, Type: pinged, CreatedAt: wireTime(ev.Facts.At), Data: pingData{"ok"},
		Relationships: pingRelation{pingSelf{"webhook", ev.Facts.Ref}}}), true
}

// eventID is the id of an event, the same in what is sent and in what is listed.
func eventID(internal string) string { return "evt_" + internal }

// webhook finds the endpoint that a path names.
func (d *Dialect) webhook(r *http.Request, s engine.Scope) (*engine.Endpoint, error) {
	ep, err := d.engine.Endpoint(r.Context(), r.PathValue("webhookId"))
	if err == nil && (ep == nil || ep.Scope != s) {
		err = noWebhook(fault.New(fault.CodeNotFound, "no such endpoint"))
	}
	return ep, err
}

func noWebhook(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return fault.New(fault.CodeNotFound, "Webhook not found").On("webhookId")
	}
	return err
}

func (d *Dialect) listToldEvents(r *http.Request, s engine.Scope) (answer, error) {
	f, resource, err := toldFilterOf(r, s)
	if err != nil {
		return answer{}, err
	}
	page, err := d.engine.ToldEvents(r.Context(), f, resource)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, toldEventsOf(page, f)}, nil
}

func (d *Dialect) getToldEvent(r *http.Request, s engine.Scope) (answer, error) {
	told, _, err := d.told(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, toldEventOf(told)}, nil
}

func (d *Dialect) listDeliveries(r *http.Request, s engine.Scope) (answer, error) {
	_, messages, err := d.told(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, deliveriesOf(messages)}, nil
}

// replayEvent tells an event again: the same id, the same bytes.
func (d *Dialect) replayEvent(r *http.Request, s engine.Scope) (answer, error) {
	id, _ := strings.CutPrefix(r.PathValue("eventId"), "evt_")
	n, err := d.by(r).ReplayEvent(r.Context(), s, id)
	if err != nil {
		return answer{}, noEvent(err)
	}
	return answer{http.StatusAccepted, replayBody{eventID(id), n}}, nil
}

func (d *Dialect) told(r *http.Request, s engine.Scope) (engine.ToldEvent, []engine.Message, error) {
	id, is := strings.CutPrefix(r.PathValue("eventId"), "evt_")
	if !is {
		return engine.ToldEvent{}, nil, noEvent(fault.New(fault.CodeNotFound, "no such event"))
	}
	told, messages, err := d.engine.ToldEvent(r.Context(), s, id)
	return told, messages, noEvent(err)
}

func noEvent(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return fault.New(fault.CodeNotFound, "Event not found").On("eventId")
	}
	return err
}
