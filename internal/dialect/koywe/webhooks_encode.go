package koywe

import (
	"encoding/json"
	"strings"

	"till/internal/engine"
)

type webhookBody struct {
	ID        string `json:"id"`
	URL       string `json:"url"`
	Status    string `json:"status"` // ACTIVE, PAUSED
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
}

type webhookList struct {
	Webhooks []webhookBody `json:"webhooks"`
}

// webhookOf never shows the secret: it is written and not read.
func webhookOf(ep engine.Endpoint) webhookBody {
	body := webhookBody{ID: ep.ID, URL: ep.URL, Status: "PAUSED", CreatedAt: wireTime(ep.CreatedAt), UpdatedAt: wireTime(ep.UpdatedAt)}
	if ep.Enabled {
		body.Status = "ACTIVE"
	}
	return body
}

func webhooksOf(list []engine.Endpoint) webhookList {
	body := webhookList{[]webhookBody{}}
	for _, ep := range list {
		body.Webhooks = append(body.Webhooks, webhookOf(ep))
	}
	return body
}

type pingBody struct {
	EventID   string `json:"eventId"`
	WebhookID string `json:"webhookId"`
}

type pingEvent struct {
	ID            string       `json:"id"`
	Type          string       `json:"type"`
	CreatedAt     string       `json:"created_at"`
	Data          pingData     `json:"data"`
	Relationships pingRelation `json:"relationships"`
}

type pingData struct {
	Status string `json:"status"`
}

type pingRelation struct {
	Self pingSelf `json:"self"`
}

type pingSelf struct {
	Type string `json:"type"`
	ID   string `json:"id"`
}

type toldEventsBody struct {
	Pagination toldPage        `json:"pagination"`
	Events     []toldEventBody `json:"events"`
}

type toldPage struct {
	Page       int   `json:"page"`
	Limit      int   `json:"limit"`
	TotalCount int64 `json:"totalCount"`
}

type toldEventBody struct {
	ID           string          `json:"id"`
	Type         string          `json:"type"`
	MerchantID   *string         `json:"merchantId"`
	ResourceType string          `json:"resourceType"`
	ResourceID   *string         `json:"resourceId"`
	Payload      json.RawMessage `json:"payload"` // as it is sent, byte for byte
	CreatedAt    string          `json:"createdAt"`
}

func toldEventsOf(page engine.ToldPage, f engine.ToldFilter) toldEventsBody {
	body := toldEventsBody{toldPage{f.Page, f.Limit, page.Total}, []toldEventBody{}}
	for _, t := range page.Events {
		body.Events = append(body.Events, toldEventOf(t))
	}
	return body
}

// toldEventOf takes what the event is about from what was sent.
func toldEventOf(t engine.ToldEvent) toldEventBody {
	var sent struct {
		Relationships struct {
			Self struct{ Type, ID string }
		}
	}
	kind, _, _ := strings.Cut(t.Type, ".")
	body := toldEventBody{ID: eventID(t.EventID), Type: t.Type, MerchantID: nullText(t.Merchant), ResourceType: kind, ResourceID: nullText(t.Order),
		Payload: t.Body, CreatedAt: wireTime(t.CreatedAt)}
	if json.Unmarshal(t.Body, &sent) == nil && sent.Relationships.Self.Type != "" {
		body.ResourceType, body.ResourceID = sent.Relationships.Self.Type, nullText(sent.Relationships.Self.ID)
	}
	return body
}

type deliveryList struct {
	Deliveries []deliveryBody `json:"deliveries"`
}

type deliveryBody struct {
	WebhookID       string  `json:"webhookId"`
	DeliveryStatus  string  `json:"deliveryStatus"`
	RetryCount      int     `json:"retryCount"`
	LastRetryAt     *string `json:"lastRetryAt"`
	LastStatusCode  *int    `json:"lastStatusCode"`
	LastRespondedAt *string `json:"lastRespondedAt"`
	NextRetryAt     *string `json:"nextRetryAt"`
}

// deliveryStatuses are the words for where a delivery stands.
var deliveryStatuses = map[engine.MessageState]string{
	engine.MessagePending: "PENDING", engine.MessageDelivered: "DELIVERED", engine.MessageExhausted: "FAILED", engine.MessageCancelled: "CANCELLED",
}

func deliveriesOf(messages []engine.Message) deliveryList {
	body := deliveryList{[]deliveryBody{}}
	for _, m := range messages {
		one := deliveryBody{WebhookID: m.EndpointID, DeliveryStatus: deliveryStatuses[m.State], RetryCount: max(0, m.Attempts-1), LastRetryAt: timeOrNull(m.SentAt)}
		if m.LastStatus != 0 {
			one.LastStatusCode, one.LastRespondedAt = new(m.LastStatus), timeOrNull(m.SentAt.Add(m.Took))
		}
		if m.State == engine.MessagePending {
			one.NextRetryAt = timeOrNull(m.NextAt)
		}
		body.Deliveries = append(body.Deliveries, one)
	}
	return body
}

type replayBody struct {
	EventID  string `json:"eventId"`
	Webhooks int    `json:"webhooks"` // how many are told again
}

type deletedBody struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}
