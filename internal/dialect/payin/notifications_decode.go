package payin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
	"till/internal/webhook"
)

// Limits of what is read about endpoints.
const (
	maxEndpointBody = 64 << 10
	maxDescription  = 1000 // code points
	maxSubscribed   = 50
	minSecret       = 16
	maxSecret       = 255

	minTimeout    = time.Second
	presetTimeout = 30 * time.Second // PayIn's
)

// maxRetries is how many retries there are: PayIn's and ours.
var maxRetries = len(vendorWaits) + len(webhook.Ours)

// mask is what is shown in place of a secret. Sent back, it changes nothing.
const mask = "********"

// endpointAsked is what a request says of an endpoint. A nil pointer is left out.
type endpointAsked struct {
	secret webhook.Secret // "": none, or the mask

	name, url, description *string
	events                 *[]string
	enabled, scheduleOnly  *bool
	retries                **int
	timeout                *time.Duration
	metadata               *json.RawMessage
}

// apply changes what was asked for, and not the secret.
func (a endpointAsked) apply(ep *engine.Endpoint) {
	set(&ep.Name, a.name)
	set(&ep.URL, a.url)
	set(&ep.Description, a.description)
	set(&ep.Events, a.events)
	set(&ep.Enabled, a.enabled)
	set(&ep.ScheduleOnly, a.scheduleOnly)
	set(&ep.MaxRetries, a.retries)
	set(&ep.Timeout, a.timeout)
	set(&ep.Metadata, a.metadata)
}

func set[T any](value, asked *T) {
	if asked != nil {
		*value = *asked
	}
}

// decodeEndpoint reads a new endpoint, or a change of one, which may leave everything out. What has a default goes
// back to it with null.
func (d *Dialect) decodeEndpoint(r *http.Request, fresh bool) (web.Object, endpointAsked, error) {
	body, err := web.Decode(r, maxEndpointBody)
	if err != nil {
		return body, endpointAsked{}, err
	}
	var a endpointAsked
	for _, read := range []func(web.Object, bool, *endpointAsked) error{
		decodeEndpointName, decodeEndpointType, d.decodeEndpointConfig, decodeSubscribed, decodeEndpointLimits, decodeEndpointNotes,
	} {
		if err := read(body, fresh, &a); err != nil {
			return body, endpointAsked{}, err
		}
	}
	return body, a, nil
}

func decodeEndpointName(body web.Object, fresh bool, a *endpointAsked) error {
	if !fresh && !has(body, "endpoint_name") {
		return nil
	}
	name, err := required(body, "endpoint_name", maxReference)
	if err != nil {
		return err
	}
	a.name = &name
	return printable(body, "endpoint_name", name)
}

// decodeEndpointType takes webhooks only: PayIn's server stores the other types and delivers nothing to them.
func decodeEndpointType(body web.Object, _ bool, _ *endpointAsked) error {
	kind, present, err := body.String("endpoint_type", maxName)
	if err != nil || !present || kind == "webhook" {
		return err
	}
	said := "The field 'endpoint_type' must be 'webhook'"
	if kind == "email" || kind == "telegram" {
		said = "Notifications by " + kind + " are not delivered: the field 'endpoint_type' must be 'webhook'"
	}
	return fault.New(fault.CodeInvalidValue, said).On("endpoint_type")
}

func (d *Dialect) decodeEndpointConfig(body web.Object, fresh bool, a *endpointAsked) error {
	config, present, err := body.Object("config")
	switch {
	case err != nil:
		return err
	case !present && fresh:
		return fault.New(fault.CodeMissingField, "The field 'config' is required").On("config")
	case !present:
		return nil
	}
	if fresh || has(config, "url") {
		target, present, err := config.String("url", maxEndpointBody)
		if err != nil {
			return err
		}
		if !present || target == "" {
			return fault.New(fault.CodeMissingField, "The field 'config.url' is required").On("config.url")
		}
		err = d.checkURL(target)
		if f, ok := fault.As(err); ok {
			return f.On("config.url")
		}
		if err != nil {
			return err
		}
		a.url = &target
	}
	secret, present, err := config.String("secret", maxSecret)
	if err != nil || !present || secret == mask && !fresh {
		return err
	}
	a.secret = webhook.Secret(secret)
	return checkSecret(a.secret, "config.secret")
}

// checkSecret refuses what is too short to protect anything, and what the next program might not copy as it is.
func checkSecret(secret webhook.Secret, field string) error {
	text := secret.Reveal()
	visible := func(c byte) bool { return c > ' ' && c < 0x7f }
	if len(text) < minSecret || len(text) > maxSecret || !every(text, visible) {
		return fault.New(fault.CodeInvalidValue, fmt.Sprintf("The secret must be %d to %d visible ASCII characters", minSecret, maxSecret)).On(field)
	}
	return nil
}

// decodeSubscribed reads names of events, "order.*" for all that begin so, and "*" for all.
func decodeSubscribed(body web.Object, _ bool, a *endpointAsked) error {
	if !has(body, "subscribed_events") {
		return nil
	}
	list, _, err := body.Array("subscribed_events", maxSubscribed)
	if err != nil {
		return err
	}
	var events []string
	for _, value := range list {
		name, err := value.String(maxName)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(subscribable(), func(kind string) bool { return covers(name, kind) }) {
			said := "The event '" + name + "' is unknown; there are " + strings.Join(subscribable(), ", ") + ", and patterns such as 'order.*' and '*'"
			return fault.New(fault.CodeInvalidValue, said).On(value.Path())
		}
		if !slices.Contains(events, name) {
			events = append(events, name)
		}
	}
	a.events = &events
	return nil
}

func subscribable() []string { return slices.Concat(documented, optional) }

func decodeEndpointLimits(body web.Object, _ bool, a *endpointAsked) error {
	if has(body, "max_retries") {
		var retries *int
		if value, present := body.Get("max_retries"); present {
			n, err := wholeNumber(value, 0, int64(maxRetries))
			if err != nil {
				return err
			}
			retries = new(int(n))
		}
		a.retries = &retries
	}
	if has(body, "timeout_ms") {
		timeout := presetTimeout
		if value, present := body.Get("timeout_ms"); present {
			n, err := wholeNumber(value, minTimeout.Milliseconds(), webhook.MaxTimeout.Milliseconds())
			if err != nil {
				return err
			}
			timeout = time.Duration(n) * time.Millisecond
		}
		a.timeout = &timeout
	}
	for _, of := range []struct {
		field string
		into  **bool
	}{{"is_enabled", &a.enabled}, {"vendor_schedule_only", &a.scheduleOnly}} {
		on, present, err := body.Bool(of.field)
		if err != nil {
			return err
		}
		if present {
			*of.into = &on
		}
	}
	return nil
}

func decodeEndpointNotes(body web.Object, _ bool, a *endpointAsked) error {
	if has(body, "description") {
		text, _, err := body.String("description", maxDescription)
		if err != nil {
			return err
		}
		if err := printable(body, "description", text); err != nil {
			return err
		}
		a.description = &text
	}
	if has(body, "metadata") {
		metadata, err := decodeMetadata(body)
		if err != nil {
			return err
		}
		a.metadata = &metadata
	}
	return nil
}

// has says that a field is there, null too.
func has(body web.Object, field string) bool { return slices.Contains(body.Names(), field) }

func printable(body web.Object, field, text string) error {
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		return fault.New(fault.CodeInvalidValue, "The field '"+field+"' must not hold control characters").On(body.Param(field))
	}
	return nil
}

// decodeEndpointFilter reads the query of the list of endpoints.
func decodeEndpointFilter(r *http.Request) (func(engine.Endpoint) bool, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	kind, enabled := q.word("endpoint_type", "webhook", "email", "telegram"), q.word("is_enabled", "true", "false")
	return func(ep engine.Endpoint) bool {
		return (kind == "" || kind == "webhook") && (enabled == "" || ep.Enabled == (enabled == "true"))
	}, q.Err()
}

// decodeRotation reads what a new secret is to be, and how many hours the old one still signs. The body may be empty.
func decodeRotation(r *http.Request) (secret webhook.Secret, overlap time.Duration, err error) {
	body, err := decodeOptional(r)
	if err != nil {
		return "", 0, err
	}
	text, present, err := body.String("secret", maxSecret)
	if err != nil {
		return "", 0, err
	}
	if present {
		secret = webhook.Secret(text)
		if err := checkSecret(secret, "secret"); err != nil {
			return "", 0, err
		}
	}
	hours, present, err := body.Int("overlap_hours", 0, int64(engine.MaxSecretOverlap/time.Hour))
	if !present {
		return secret, engine.SecretOverlap, err
	}
	return secret, time.Duration(hours) * time.Hour, err
}

// decodeOptional reads a body that may be left out.
func decodeOptional(r *http.Request) (web.Object, error) {
	if r.ContentLength == 0 {
		return web.ParseObject([]byte("{}"))
	}
	return web.Decode(r, maxConfigBody)
}

// The statuses of a log. Nothing is ever found to be sending: an attempt is pending until it is over.
var logStates = map[string]engine.MessageState{
	"pending": engine.MessagePending, "success": engine.MessageDelivered, "failed": engine.MessageExhausted, "cancelled": engine.MessageCancelled,
}

// logFilter is what a list of logs is asked for; nothing says that no log can fit.
type logFilter struct {
	filter  engine.MessageFilter
	order   string
	nothing bool
}

func decodeLogFilter(rawQuery string, s engine.Scope) (logFilter, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return logFilter{}, err
	}
	asked := logFilter{filter: engine.MessageFilter{
		Scope: s, Endpoint: q.Text("endpoint_id"), Page: q.Number("page", 1, maxPage, 1), Limit: q.Number("limit", 1, 100, 50),
	}}
	if kind := q.Text("event_type"); kind != "" {
		asked.filter.Types = []string{kind}
	}
	switch status := q.word("status", "pending", "sending", "success", "failed", "cancelled"); status {
	case "":
	case "sending":
		asked.nothing = true
	default:
		asked.filter.States = []engine.MessageState{logStates[status]}
	}
	asked.about(q.word("business_type", "order", "deposit"), q.Text("business_id"))
	return asked, q.Err()
}

// about narrows a list to what one order or deposit reference, or all of them, were told about.
func (l *logFilter) about(kind, id string) {
	if kind == "" && id != "" {
		kind = "deposit"
		if isOrderID(id) {
			kind = "order"
		}
	}
	if kind == "" {
		return
	}
	kinds := slices.DeleteFunc(subscribable(), func(event string) bool { return businessOf(event) != kind })
	if len(l.filter.Types) > 0 {
		l.nothing = l.nothing || !slices.Contains(kinds, l.filter.Types[0])
	} else {
		l.filter.Types = kinds
	}
	switch {
	case id == "":
	case kind == "order":
		l.order = id
	default:
		l.filter.Match = func(m engine.Message) bool { return depositReference(m.Body) == id }
	}
}

// decodeRetry reads which failed webhooks are sent again. The body may be empty.
func decodeRetry(r *http.Request, s engine.Scope) (engine.ExhaustedSearch, error) {
	search := engine.ExhaustedSearch{Scope: s}
	body, err := decodeOptional(r)
	if err != nil {
		return search, err
	}
	if search.Endpoint, _, err = body.String("endpoint_id", maxReference); err != nil {
		return search, err
	}
	if search.Type, _, err = body.String("event_type", maxReference); err != nil {
		return search, err
	}
	text, present, err := body.String("failed_after", maxReference)
	if err != nil || !present {
		return search, err
	}
	at, ok := parseTime(text)
	if !ok {
		return search, fault.New(fault.CodeInvalidValue, "The field 'failed_after' must be a date as ISO 8601 writes it").On("failed_after")
	}
	search.DoneAfter = at
	return search, nil
}

// noTime bounds nothing.
var noTime time.Time

// statisticsQuery is which webhooks are counted: those made on the days from and to, zero for no bound.
type statisticsQuery struct {
	endpoint string
	from, to time.Time
}

func decodeStatistics(rawQuery string) (statisticsQuery, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return statisticsQuery{}, err
	}
	asked := statisticsQuery{q.Text("endpoint_id"), q.time("start_date", 0), q.time("end_date", 0)}
	if q.Err() == nil && !asked.from.IsZero() && !asked.to.IsZero() && asked.to.Before(asked.from) {
		q.Refuse("end_date", "The parameter 'end_date' must not be before 'start_date'")
	}
	return asked, q.Err()
}
