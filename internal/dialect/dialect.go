// Package dialect defines what an API over the engine must offer. Each API is a package below this one:
// wire types, mapping, error body, authentication and webhook encoding, always in the same files.
//
// A dialect decides what a request means and how an answer looks. What happens to money is the engine's.
package dialect

import (
	"encoding/json"
	"net/http"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

// Dialect is one API.
type Dialect interface {
	// Name is the path it is mounted under and the word of Scope.API.
	Name() string
	// Handler serves the API's paths, without the mount in front of them.
	Handler() http.Handler
	// Tell renders an event for the API's endpoints: the id the receiver sees, the API's name of the event
	// and the body, which is stored and sent byte for byte at every attempt. ok is false when the API has no
	// such event. The same event always gives the same id. o is nil for an event of a scope, which belongs to
	// no order.
	Tell(ev engine.Event, o *engine.Order) (id, kind string, body []byte, ok bool)
	// Sign makes the headers of one attempt to deliver a message. keys are the endpoint's secrets, the
	// newest first: more than one while a rotation lasts.
	Sign(m engine.Message, keys []webhook.Secret, at time.Time) http.Header
	// Wants says whether an endpoint that subscribed to these events is told one of that name.
	Wants(subscribed []string, kind string) bool
	// Retries is when a failed delivery to the endpoint is tried again. settings are its merchant's. What the
	// endpoint says of the number of retries is applied afterwards.
	Retries(ep engine.Endpoint, settings map[string]json.RawMessage) webhook.Retries
}
