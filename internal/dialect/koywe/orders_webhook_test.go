package koywe

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/webhook"
)

// Every state of every type is called something, and what is terminal stays called so.
func TestProjectionIsTotal(t *testing.T) {
	for _, kind := range kindNames() {
		for _, state := range order.States() {
			for _, overlay := range []order.Overlay{order.NoOverlay, order.Refunding, order.Refunded} {
				if status := statusOf(kind, state, overlay); !slices.Contains(statuses, status) {
					t.Errorf("%s %s %s is %q", kind, state, overlay, status)
				}
			}
			terminal := slices.Contains([]string{statusCompleted, statusFailed, statusExpired, statusCancelled}, statusOf(kind, state, order.NoOverlay))
			if terminal != state.Terminal() {
				t.Errorf("%s %s: the wire says that it is terminal: %t", kind, state, terminal)
			}
		}
	}
}

// tellings is what an order's events are told as.
func (k *kit) tellings(id string) (kinds []string) {
	k.Helper()
	story, err := k.engine.Story(context.Background(), id)
	k.must(err)
	for _, ev := range story.Events {
		if _, kind, body, ok := k.dialect.Tell(ev, story.Order); ok {
			kinds = append(kinds, kind)
			if !json.Valid(body) {
				k.Errorf("%s", body)
			}
		}
	}
	return kinds
}

// Only changes of the wire status are told, and each once.
func TestWebhooksOfLives(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.fund("shop", "5000", "MXN")
	in := k.create(payIn)
	k.pay(in.ID, "p1", order.RankSeen, amount("1000", "MXN"))
	k.pay(in.ID, "p1", order.RankConfirmed, amount("1000", "MXN"))
	out := k.create(payOut)
	k.deliver(out.ID, order.Delivered)
	k.outcome(k.record(out.ID), k.record(out.ID).Transfers[0].ID, order.ReturnedBack)
	link := k.create(paymentLink)
	k.post(shopKey, m("/orders/"+link.ID+"/cancel"), "")
	moved := k.create(balanceTransfer)
	for id, want := range map[string][]string{
		in.ID:    {"order.created", "order.processing", "order.paid", "order.completed"},
		out.ID:   {"order.created", "order.processing", "order.completed", "order.refunded"},
		link.ID:  {"order.created", "order.canceled"},
		moved.ID: {"order.created", "order.paid", "order.completed"},
	} {
		if got := k.tellings(id); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", k.order(id).Type, got, want)
		}
	}
}

func TestWebhookBodyAndSignature(t *testing.T) {
	k := newKit(t)
	made := k.create(paymentLink, "externalId", `"inv-1"`)
	story, err := k.engine.Story(context.Background(), made.ID)
	k.must(err)
	id, kind, text, ok := k.dialect.Tell(story.Events[0], story.Order)
	var told orderEvent
	if !ok || kind != "order.created" || json.Unmarshal(text, &told) != nil || told.ID != id || told.Data.Status != statusPending || *told.Data.ExternalID != "inv-1" ||
		told.Relationships.Self.Type != "order" || told.Relationships.Self.ID != made.ID {
		t.Errorf("%s %s %s", id, kind, text)
	}
	message := engine.Message{WireID: id, Type: kind, Body: text}
	header := k.dialect.Sign(message, []webhook.Secret{"secret", "old"}, started)
	if got := header.Get(signatureHeader); got != webhook.HMACHex([]byte("secret"), text) || len(got) != 64 {
		t.Errorf("%s", got)
	}
	if err := webhook.VerifyStandard([]webhook.Secret{"old"}, header, text, started); err != nil {
		t.Errorf("the standard headers beside it: %v", err)
	}
}

// A link and a PAYIN are paid by one payment that fits.
func TestPartsDoNotAddUp(t *testing.T) {
	k := newKit(t)
	made := k.create(payIn)
	k.pay(made.ID, "p1", order.RankConfirmed, amount("400", "MXN"))
	if got := k.order(made.ID).Status; got != statusFailed { // its only attempt is lost
		t.Errorf("PAYIN: %s", got)
	}
	if got := k.balance("shop", "MXN"); got != "0.00" {
		t.Errorf("%s in the balance", got)
	}
}

// An order at a rate is paid in parts, and waits past its end for what was sent in time.
func TestOffRampInParts(t *testing.T) {
	k := newKit(t)
	k.rates()
	k.housePool(1)
	made := k.create(offRamp)
	k.pay(made.ID, "0x1:0", order.RankConfirmed, money.FromInt(sepoliaUSDC, 4_000_000))
	if got := k.order(made.ID).Status; got != statusProcessing {
		t.Errorf("a part: %s", got)
	}
	k.pay(made.ID, "0x2:0", order.RankSeen, money.FromInt(sepoliaUSDC, 6_000_000))
	k.expire(sepolia, 31*time.Minute)
	if got := k.order(made.ID).Status; got != statusProcessing {
		t.Errorf("past its end, with money on its way: %s", got)
	}
	found := k.record(made.ID)
	late := found.Payments[1]
	k.told(sepolia, 1234300, rail.Observation{External: "0x2:0", Instrument: found.Instrument.Value, Epoch: 1, Rank: order.RankConfirmed, Amount: late.Amount, Value: late.Value, Evidence: late.Evidence})
	if got := k.order(made.ID).Status; got != statusCompleted || k.balance("shop", "MXN") != "200.00" {
		t.Errorf("confirmed: %s, %s", got, k.balance("shop", "MXN"))
	}
}
