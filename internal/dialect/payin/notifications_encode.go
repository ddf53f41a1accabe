package payin

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/webhook"
)

// encodeEndpoint is an endpoint with its secret, or the mask in its place.
func (d *Dialect) encodeEndpoint(ep engine.Endpoint, settings map[string]json.RawMessage, secret string) endpointBody {
	body := endpointBody{
		ID: ep.ID, OrganizationID: ep.Scope.Merchant, EndpointName: ep.Name, EndpointType: "webhook", IsEnabled: ep.Enabled,
		Config: endpointConfig{URL: ep.URL, Secret: secret}, SubscribedEvents: append([]string{}, ep.Events...),
		MaxRetries: len(d.Retries(ep, settings).AtMost(ep.MaxRetries).Waits), TimeoutMS: cmp.Or(ep.Timeout, webhook.DefaultTimeout).Milliseconds(), VendorScheduleOnly: ep.ScheduleOnly,
		Metadata: ep.Metadata, CreatedAt: wireTime(ep.CreatedAt), UpdatedAt: wireTime(ep.UpdatedAt),
	}
	if ep.Description != "" {
		body.Description = &ep.Description
	}
	if len(ep.Old) > 0 {
		body.PreviousSecretUntil = wireTime(ep.Old[0].Until)
	}
	return body
}

func encodeLogs(f engine.MessageFilter, page engine.MessagePage) logList {
	body := logList{Logs: []logBody{}, Total: page.Total, Page: f.Page, Limit: f.Limit}
	for _, m := range page.Messages {
		body.Logs = append(body.Logs, encodeLog(m, false))
	}
	return body
}

// encodeLog is what became of a webhook; one by itself has its last attempts too.
func encodeLog(m engine.FoundMessage, whole bool) logBody {
	body := logBody{
		ID: m.ID, EndpointID: m.EndpointID, EventID: m.WireID, EventType: m.Type, Payload: json.RawMessage(m.Body),
		Status: logStatus(m.State), RetryCount: max(0, m.Attempts-1), CreatedAt: wireTime(m.CreatedAt), ErrorMessage: errorMessage(m.LastStatus, m.LastError),
	}
	switch business := businessOf(m.Type); business {
	case "order":
		body.BusinessType, body.BusinessID = &business, &m.Order
	case "deposit":
		body.BusinessType, body.BusinessID = &business, new(depositReference(m.Body))
	}
	if m.LastStatus != 0 {
		body.HTTPStatusCode, body.ResponseBody = &m.LastStatus, &m.Response
	}
	if !m.SentAt.IsZero() {
		body.SentAt, body.ResponseTimeMS = new(wireTime(m.SentAt)), new(m.Took.Milliseconds())
	}
	if !m.DoneAt.IsZero() {
		body.CompletedAt = new(wireTime(m.DoneAt))
	}
	if m.State == engine.MessagePending {
		body.NextRetryAt = new(wireTime(m.NextAt))
	}
	if whole {
		body.Attempts = []attemptBody{}
		for _, t := range m.Tries {
			a := attemptBody{SentAt: wireTime(t.At), ResponseTimeMS: t.Took.Milliseconds(), ErrorMessage: errorMessage(t.Status, t.Error)}
			if t.Status != 0 {
				a.HTTPStatusCode = &t.Status
			}
			body.Attempts = append(body.Attempts, a)
		}
	}
	return body
}

func logStatus(s engine.MessageState) string {
	for word, state := range logStates {
		if state == s {
			return word
		}
	}
	return ""
}

// errorMessage is why an attempt failed; nil when it did not.
func errorMessage(status int, why string) *string {
	switch {
	case why != "":
		return &why
	case status != 0 && (status < 200 || status > 299):
		return new("The endpoint answered " + strconv.Itoa(status))
	}
	return nil
}

// businessOf is what an event is about: an order, a deposit, or neither.
func businessOf(kind string) string {
	switch before, _, _ := strings.Cut(kind, "."); before {
	case "order", "transfer":
		return "order"
	case "deposit":
		return "deposit"
	}
	return ""
}

// depositReference is the reference in the webhook of a deposit.
func depositReference(body []byte) string {
	var told struct {
		Data struct {
			DepositReference string `json:"depositReference"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &told) != nil {
		return ""
	}
	return told.Data.DepositReference
}

// encodeStatistics sums what was counted. The average is over the attempts that delivered something, rounded up from
// one half.
func encodeStatistics(q statisticsQuery, counts []engine.MessageCount) statisticsBody {
	body := statisticsBody{}
	if q.endpoint != "" {
		body.EndpointID = &q.endpoint
	}
	if !q.from.IsZero() {
		body.StartDate = new(q.from.Format(time.DateOnly))
	}
	if !q.to.IsZero() {
		body.EndDate = new(q.to.Format(time.DateOnly))
	}
	for _, c := range counts {
		body.Total += c.N
		switch c.State {
		case engine.MessagePending:
			body.Pending = c.N
		case engine.MessageDelivered:
			body.Success = c.N
			body.AvgResponseTimeMS = new((c.Took.Milliseconds() + c.N/2) / c.N)
		case engine.MessageExhausted:
			body.Failed = c.N
		case engine.MessageCancelled:
			body.Cancelled = c.N
		}
	}
	return body
}
