package e2e

import (
	"path/filepath"
	"testing"

	"till/internal/operator/client"
)

// paid makes an order on a paused chain, pays it and waits until it is completed.
func (s *server) paid(t *testing.T, reference string) order {
	t.Helper()
	o := s.create(t, reference, "100.00", "USDT")
	s.pay(t, "USDT", o.Address, "100.00")
	s.mine(t, 3)
	return s.ends(t, o.OrderID, "completed")
}

// message is the one webhook of an order, as the operator sees it.
func (s *server) message(t *testing.T, id string) client.Message {
	t.Helper()
	story := s.story(t, id)
	if len(story.Messages) != 1 {
		t.Fatalf("order %s has the messages %+v", id, story.Messages)
	}
	return story.Messages[0]
}

// What happened is told, though the process dies between the commit and the first attempt, or between two.
func TestWebhooksSurviveAKill(t *testing.T) { // case 68
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, "--data", data)
	s.pause(t)
	s.refuseNext(t, 1_000_000)
	tried := s.paid(t, "TRIED")
	before := s.told(t, tried.OrderID, "order.completed", 1)[0]
	eventually(t, "the refusal is on record", func() bool { return s.message(t, tried.OrderID).Attempts >= 1 })
	if m := s.message(t, tried.OrderID); m.State != "pending" || m.LastStatus != 500 || m.ID != before.id() {
		t.Errorf("after a refusal the message is %+v", m)
	}
	fresh := s.paid(t, "FRESH")
	s.kill() // at once: the first attempt may or may not have been made
	s.nothingLeft(t)

	s = start(t, "--data", data) // and a receiver that knows nothing of before
	after := s.told(t, tried.OrderID, "order.completed", 1)[0]
	if after.id() != before.id() || after.Body != before.Body {
		t.Errorf("the webhook came as %s %s, and before as %s %s", after.id(), after.Body, before.id(), before.Body)
	}
	s.told(t, fresh.OrderID, "order.completed", 1)
	for _, o := range []order{tried, fresh} {
		if again := s.get(t, o.OrderID); again.Status != "completed" || *again.TxHash != *o.TxHash || *again.CompletedAt != *o.CompletedAt {
			t.Errorf("after the restart the order is %+v, it was %+v", again, o)
		}
		eventually(t, "the message is delivered", func() bool { return s.message(t, o.OrderID).State == "delivered" })
		if story := s.story(t, o.OrderID); shares(story)["merchant USDT"] != "100.000000" || happened(story, "order.completed") != 1 {
			t.Errorf("after the restart on another chain: %+v", story)
		}
	}
}

// A webhook that is refused comes again, the same in id and bytes.
func TestRefusedWebhookComesAgain(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.pause(t)
	s.refuseNext(t, 2)
	o := s.paid(t, "REFUSED")
	s.told(t, o.OrderID, "order.completed", 3)
	eventually(t, "the message is delivered", func() bool { return s.message(t, o.OrderID).State == "delivered" })
	if m := s.message(t, o.OrderID); m.Attempts != 3 || m.LastStatus != 204 {
		t.Errorf("the message is %+v", m)
	}
	if came := s.deliveries(t, o.OrderID); len(came) != 3 {
		t.Errorf("%d deliveries came", len(came))
	}
}
