package engine_test

import (
	"context"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/rail"
)

// pagesNet is a payment service, and pageMethods are paid on its pages.
var (
	pagesNet = engine.Network{ID: "psp", Family: "stripe:psp", Mode: engine.Sandbox, Rail: "stripe:psp", Prefix: "PSP-", Custodial: true, Pages: true,
		Tokens: []engine.Token{{Asset: eur}}}
	pageMethods = []engine.Method{
		{Code: "card", Name: "Card", Country: "DE", Currency: "EUR", Network: "psp", Prompt: engine.PromptLink, Window: window},
		{Code: "mail", Name: "By mail", Country: "DE", Currency: "EUR", Network: "psp", Prompt: engine.PromptLink, Window: window, Required: []string{engine.FieldEmail}},
	}
)

func pagesKit(t *testing.T) *kit {
	k := newKit(t)
	k.engine = engine.New(k.store, []engine.Network{pagesNet, bank, card}, func() {}).WithMethods(append(pageMethods, methods...))
	k.must(k.tell(pagesNet, 1, start))
	return k
}

// kept is what the rail's memory has under a prefix.
func (k *kit) kept(prefix string) []rail.Item {
	k.Helper()
	list, err := k.engine.State(pagesNet.Rail).List(context.Background(), prefix, "", 100)
	k.must(err)
	return list
}

// page is a word of the service about the page of an order's present attempt; money of it where rank says so.
func page(o *engine.Order, id string, rank order.Rank, cents int64, s rail.Session) rail.Observation {
	w := rail.Observation{Instrument: o.Instrument.Value, Value: start.Add(time.Minute), Session: &s}
	if rank != 0 {
		w.External, w.Rank, w.Amount = id, rank, units(eur, cents)
		w.Evidence = order.Evidence{Tx: id, From: id}
	}
	return w
}

// A page is asked for with the attempt, is told where it is, a refusal on it is kept, and its payment completes the order.
func TestPageOfAnAttempt(t *testing.T) {
	k := pagesKit(t)
	o := k.choose(k.order(k.link()), "card")
	items := k.kept(rail.PageKey)
	want(k, "pages asked for", len(items), 1)
	p, err := rail.ReadPage(items[0].Value)
	k.must(err)
	id, _, _ := o.Current()
	if p.ID != o.Instrument.Value || p.Order != o.PublicID || p.Attempt != id || p.Method != "card" || !p.Amount.Equal(units(eur, 1000)) || p.Title == "" || p.Until.Before(start) {
		t.Errorf("asked for %+v", p)
	}
	k.unchanged("choosing it again", func() { k.choose(o, "card") })

	k.must(k.tell(pagesNet, 1, start, page(o, "", 0, 0, rail.Session{Payment: "cs_1", URL: "https://far/1"})))
	k.unchanged("the same again", func() {
		k.must(k.tell(pagesNet, 1, start, page(o, "", 0, 0, rail.Session{Payment: "cs_1", URL: "https://far/1"})))
	})
	k.must(k.tell(pagesNet, 1, start, page(o, "ch_1", order.RankFailed, 1000, rail.Session{Payment: "cs_1", Reason: "insufficient_funds"})))
	o = k.now(o)
	_, c, open := o.Current()
	if !open || c.Page.URL != "https://far/1" || c.Page.Session != "cs_1" || c.Reason != "insufficient_funds" || o.State != order.Waiting {
		t.Errorf("the order is %s with %+v", o.State, c)
	}
	k.must(k.tell(pagesNet, 1, start, page(o, "ch_2", order.RankConfirmed, 1000, rail.Session{Payment: "cs_1"})))
	o = k.now(o)
	want(k, "state", o.State, order.Completed)
	wantList(k, "attempts", states(o), "card succeeded")
	want(k, "pages to close", len(k.kept(rail.CloseKey)), 0)

	// A bank takes the money back, and gives it back: the merchant is short, and is not.
	lost := page(o, "ch_2", order.RankReversed, 1000, rail.Session{Payment: "cs_1"})
	lost.Epoch = 1
	k.must(k.tell(pagesNet, 1, start, lost))
	o = k.now(o)
	want(k, "state after a dispute", o.State, order.Completed)
	if got := o.Received(); got.Sign() != 0 {
		t.Errorf("received %s after a dispute", got)
	}
	won := page(o, "ch_2", order.RankConfirmed, 1000, rail.Session{Payment: "cs_1"})
	won.Epoch = 2
	k.must(k.tell(pagesNet, 1, start, won))
	if got := k.now(o).Received(); !got.Equal(units(eur, 1000)) {
		t.Errorf("received %s after it was won", got)
	}
}

// A page that was left is closed, and choosing its method again asks for another one.
func TestPagesAreClosed(t *testing.T) {
	k := pagesKit(t)
	first := k.choose(k.order(k.link()), "card")
	k.choose(first, "TRANSFER")
	second := k.choose(first, "card")
	if second.Instrument == first.Instrument {
		t.Error("a page that was left is taken up again")
	}
	list := k.kept(rail.CloseKey)
	if len(list) != 1 || list[0].Key != rail.CloseKey+first.Instrument.Value {
		t.Errorf("to close are %v", list)
	}
	want(k, "pages asked for", len(k.kept(rail.PageKey)), 2)

	k.must(k.tell(pagesNet, 1, start, page(second, "", 0, 0, rail.Session{Payment: "cs_2", Ends: rail.EndsPending})))
	wantList(k, "attempts", states(k.now(first)), "card abandoned", "TRANSFER abandoned", "card pending")
	k.must(k.tell(pagesNet, 1, start, page(second, "", 0, 0, rail.Session{Payment: "cs_2", Ends: rail.EndsDeclined, Reason: "debit_not_authorized"})))
	third := k.choose(first, "card")
	wantList(k, "attempts", states(third), "card abandoned", "TRANSFER abandoned", "card declined", "card open")
	k.must(k.tell(pagesNet, 1, start, page(third, "", 0, 0, rail.Session{Payment: "cs_3", Ends: rail.EndsLeft})))
	wantList(k, "attempts", states(k.now(first)), "card abandoned", "TRANSFER abandoned", "card declined", "card abandoned")
	want(k, "state", k.now(first).State, order.Waiting)

	// Money that comes on a page that was left is the order's all the same.
	k.must(k.tell(pagesNet, 1, start, page(second, "ch_9", order.RankConfirmed, 1000, rail.Session{Payment: "cs_2"})))
	want(k, "state", k.now(first).State, order.Completed)

	// What is told of a page that nobody asked for is nobody's.
	stranger := page(third, "ch_10", order.RankConfirmed, 500, rail.Session{})
	stranger.Instrument = "PSP-NOBODY"
	k.must(k.tell(pagesNet, 1, start, stranger))
}

// A page is asked for once the payer said what its method wants to know.
func TestPageWaitsForWhatIsAsked(t *testing.T) {
	k := pagesKit(t)
	o := k.choose(k.order(k.link()), "mail")
	want(k, "pages asked for", len(k.kept(rail.PageKey)), 0)
	_, err := k.engine.Give(context.Background(), o.ID, map[string]string{engine.FieldEmail: "ana@example.com"})
	k.must(err)
	items := k.kept(rail.PageKey)
	want(k, "pages asked for", len(items), 1)
	p, err := rail.ReadPage(items[0].Value)
	k.must(err)
	want(k, "e-mail", p.Email, "ana@example.com")
}
