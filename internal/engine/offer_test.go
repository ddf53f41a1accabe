package engine_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
	"till/internal/store/storetest"
)

// published makes an offer of shop that is on sale stock times.
func (k *kit) published(id string, stock int64, ends time.Time) *engine.Offer {
	k.Helper()
	_, err := k.engine.MakeOffer(context.Background(), engine.NewOffer{ID: id, Scope: shop, Stock: &stock, EndsAt: ends, Doc: json.RawMessage(`{"price":"1"}`)})
	k.must(err)
	o, err := k.engine.PublishOffer(context.Background(), shop, id, "slug-"+id)
	k.must(err)
	return o
}

// taking asks for an order that is made of the offer as it is.
func (k *kit) taking(o *engine.Offer) engine.NewOrder {
	k.Helper()
	n := k.ask(shop, north)
	n.Offer = engine.OfferTaken{ID: o.ID, Revision: o.Revision}
	return n
}

func (k *kit) offer(id string) *engine.Offer {
	k.Helper()
	o, err := k.engine.Offer(context.Background(), shop, id)
	k.must(err)
	return o
}

func (k *kit) wantCounts(id string, taken, sold int64) {
	k.Helper()
	o := k.offer(id)
	want(k, "taken", o.Taken, taken)
	want(k, "sold", o.Sold, sold)
}

// An offer counts what is sold, and what is waited for: what expires can be had by somebody else.
func TestOffer(t *testing.T) {
	k := newKit(t)
	offer := k.published("mug", 2, time.Time{})
	paid, open := k.order(k.taking(offer)), k.order(k.taking(offer))
	want(k, "the offer of the order", paid.Offer, "mug")
	k.wantCounts("mug", 2, 0)
	_, err := k.engine.Create(context.Background(), k.taking(offer))
	k.wantCode(err, fault.CodeSoldOut)

	k.block(north, at(time.Minute), k.confirmed(paid, "p", 100, at(time.Minute)))
	k.wantState(paid, order.Completed)
	k.wantCounts("mug", 2, 1)
	k.pass(north, at(window+time.Minute))
	k.wantState(open, order.Expired)
	k.wantCounts("mug", 1, 1)

	last := k.order(k.taking(offer))
	k.wantState(last, order.Waiting)
	k.wantCounts("mug", 2, 1)
	k.reopen()
	k.wantCounts("mug", 2, 1)
}

// Of 64 who come at the same moment as many get an order as there is stock.
func TestOfferRace(t *testing.T) {
	k := newKit(t)
	offer := k.published("mug", 3, time.Time{})
	asks := make([]engine.NewOrder, 64)
	for i := range asks {
		asks[i] = k.taking(offer)
	}
	made := 0
	for _, err := range storetest.AtOnce(len(asks), func(i int) error {
		_, err := k.engine.Create(context.Background(), asks[i])
		return err
	}) {
		if err == nil {
			made++
		} else {
			k.wantCode(err, fault.CodeSoldOut)
		}
	}
	want(k, "orders", made, 3)
	k.wantCounts("mug", 3, 0)
}

func TestOfferRefused(t *testing.T) {
	k := newKit(t)
	ctx := context.Background()
	offer := k.published("mug", 5, at(time.Hour))
	draft, err := k.engine.MakeOffer(ctx, engine.NewOffer{ID: "draft", Scope: shop})
	k.must(err)
	refused := func(n engine.NewOrder, code fault.Code) {
		k.Helper()
		k.unchanged(string(code), func() {
			_, err := k.engine.Create(ctx, n)
			k.wantCode(err, code)
		})
	}
	refused(k.taking(draft.Offer), fault.CodeNotPublished)
	refused(k.taking(&engine.Offer{ID: "nothing"}), fault.CodeNotFound)
	foreign := k.taking(offer)
	foreign.Scope = other
	refused(foreign, fault.CodeNotFound)

	old := k.taking(offer)
	changed, err := k.engine.ChangeOffer(ctx, shop, "mug", func(o *engine.Offer, _ time.Time) error {
		o.Doc = json.RawMessage(`{"price":"2"}`)
		return nil
	})
	k.must(err)
	refused(old, fault.CodeVersionConflict) // its price is another one now
	k.order(k.taking(changed))

	k.clock.set(at(time.Hour))
	refused(k.taking(changed), fault.CodeOfferEnded)
	ended, err := k.engine.ArchiveOffer(ctx, shop, "mug")
	k.must(err)
	want(k, "the slug that stays", ended.Slug, "slug-mug")
	refused(k.taking(ended), fault.CodeNotPublished)
	_, err = k.engine.PublishOffer(ctx, shop, "mug", "again")
	k.wantCode(err, fault.CodeOfferArchived)
	_, err = k.engine.ChangeOffer(ctx, shop, "mug", func(*engine.Offer, time.Time) error { return nil })
	k.wantCode(err, fault.CodeOfferArchived)
	_, err = k.engine.ArchiveOffer(ctx, other, "mug")
	k.wantCode(err, fault.CodeNotFound)
	_, err = k.engine.Offer(ctx, other, "mug")
	k.wantCode(err, fault.CodeNotFound)

	// An order that is refused for another reason takes nothing.
	k.clock.set(start)
	again := k.published("plate", 1, time.Time{})
	none := k.taking(again)
	none.Network = silent
	refused(none, fault.CodeNotConfigured)
	k.wantCounts("plate", 0, 0)
}

func TestOfferOnce(t *testing.T) {
	k := newKit(t)
	ask := engine.NewOffer{ID: "mug", Scope: shop, Repeatable: engine.Repeatable[*engine.Offer]{
		Once:   &engine.Once{Key: engine.AnswerKey{Scope: "offers", Key: "k"}, Hash: "h"},
		Answer: func(o *engine.Offer) (int, []byte) { return 201, []byte("made " + o.ID) },
	}}
	_, err := k.engine.MakeOffer(context.Background(), ask)
	k.must(err)
	ask.ID = "plate"
	again, err := k.engine.MakeOffer(context.Background(), ask)
	k.must(err)
	want(k, "the answer", string(again.Replay.Body), "made mug")
	page, err := k.engine.Offers(context.Background(), engine.OfferFilter{Scope: shop, Page: 1, Limit: 10})
	k.must(err)
	want(k, "offers", page.Total, 1)
}
