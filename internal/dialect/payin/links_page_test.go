package payin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

var payer = netip.MustParsePrefix("192.0.2.1/32")

func (k *kit) offerOf(slug string) *engine.Offer {
	k.Helper()
	o, err := k.engine.OfferBySlug(context.Background(), slug)
	k.must(err)
	return o
}

// case 55: the page shows text without anything hidden in it, the primary currency first, and nothing of the metadata.
func TestListing(t *testing.T) {
	k := newKit(t)
	link := k.published("title", `"M\u202eu\u200bg"`, "description", `"One.\nTwo\u202e.\u0007"`, "metadata", `{"sku":"SECRET"}`, "successUrl", `"https://secret.example"`,
		"currencies", `[{"currency":"USDT","chainId":"ethereum-sepolia","amount":"0"},{"currency":"USDC","chainOptions":["polygon-amoy","ethereum-sepolia"],"isPrimary":true,"amount":"99.50"}]`)
	if *link.URL != "https://pay.example.com/payin/checkout/"+*link.Slug {
		t.Errorf("the page is at %s", *link.URL)
	}
	got := k.dialect.Listing(k.offerOf(*link.Slug))
	var ways []string
	for _, way := range got.Ways {
		ways = append(ways, way.Price.Decimal()+" "+way.Price.Asset().Code()+" "+way.Network.ID)
	}
	if got.Title != "Mug" || got.Description != "One.\nTwo." || strings.Join(ways, ", ") != "99.500000 USDC polygon-amoy, 99.500000 USDC ethereum-sepolia, 0.000000 USDT ethereum-sepolia" {
		t.Errorf("%q %q %v", got.Title, got.Description, ways)
	}
	if shown := fmt.Sprintf("%+v", got); strings.Contains(strings.ToLower(shown), "secret") {
		t.Error(shown)
	}

	var kept linkRecord // a chain that was taken out of the configuration since
	o := k.offerOf(*link.Slug)
	k.must(json.Unmarshal(o.Doc, &kept))
	kept.Currencies[1].Chains[0] = "gone-testnet"
	o.Doc = encode(kept)
	if left := k.dialect.Listing(o).Ways; len(left) != 2 || left[0].Network.ID != "ethereum-sepolia" {
		t.Errorf("%+v", left)
	}
}

func TestTakeUp(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 4)
	slug := *k.published("metadata", `{"sku":"MUG-1"}`, "inventoryTotal", "2").Slug
	good := engine.Choice{Email: "ann@example.com", Currency: "USDT", Network: "ethereum-sepolia", Amount: "100.00", Once: "abcdefghijklmnopqrstuvwx"}
	take := func(c engine.Choice) (*engine.Order, error) { return k.dialect.TakeUp(t.Context(), payer, slug, c) }
	with := func(change func(c *engine.Choice)) engine.Choice {
		c := good
		change(&c)
		return c
	}
	for _, c := range []struct {
		choice engine.Choice
		param  string
		code   fault.Code
	}{
		{with(func(c *engine.Choice) { c.Email = "ann" }), "email", fault.CodeInvalidValue},
		{with(func(c *engine.Choice) { c.Email = strings.Repeat("a", 250) + "@x.io" }), "email", fault.CodeTooLong},
		{with(func(c *engine.Choice) { c.Currency = "DAI" }), "way", fault.CodeInvalidCurrency},
		{with(func(c *engine.Choice) { c.Network = "polygon-amoy" }), "way", fault.CodeInvalidNetwork},
		{with(func(c *engine.Choice) { c.Amount = "99" }), "amount", fault.CodeInvalidAmount},
		{with(func(c *engine.Choice) { c.Amount = strings.Repeat("9", 500) }), "amount", fault.CodeInvalidAmount},
	} {
		if _, err := take(c.choice); !fault.Is(err, c.code) {
			t.Errorf("%+v: %v", c.choice, err)
		} else if f, _ := fault.As(err); f.Param != c.param {
			t.Errorf("%+v: is wrong with %q", c.choice, f.Param)
		}
	}
	k.dialect.takings = newTakingRate()

	// Pressed twice, and by several windows at once, it is one order.
	var mu sync.Mutex
	ids := map[string]int{}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			o, err := take(good)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			ids[o.PublicID]++
		})
	}
	all.Wait()
	if len(ids) != 1 {
		t.Fatalf("%v", ids)
	}
	first, err := take(good)
	k.must(err)
	if doc := string(recordOf(first).Metadata); !strings.Contains(doc, `"sku":"MUG-1"`) || !strings.Contains(doc, `"customerEmail":"ann@example.com"`) || strings.Contains(first.Reference, good.Once) {
		t.Errorf("%s %s", first.Reference, doc)
	}
	other, err := take(with(func(c *engine.Choice) { c.Email = "bob@example.com" })) // another choice on the same form is another order
	k.must(err)
	if other.PublicID == first.PublicID {
		t.Error("somebody else's choice is the same order")
	}
	if again, err := take(good); err != nil || again.PublicID != first.PublicID { // though it is sold out by now
		t.Errorf("%v %v", again, err)
	}
	if _, err := take(with(func(c *engine.Choice) { c.Once = "" })); !fault.Is(err, fault.CodeSoldOut) {
		t.Errorf("%v", err)
	}

	k.expire(sepolia, 20*time.Minute)
	k.dialect.takings = newTakingRate()
	again, err := take(good) // the first cannot be paid any more
	k.must(err)
	if again.PublicID == first.PublicID || again.State.Terminal() {
		t.Errorf("%s %s", again.PublicID, again.State)
	}
	if _, err := k.dialect.TakeUp(t.Context(), payer, "none", good); !fault.Is(err, fault.CodeNotFound) {
		t.Errorf("%v", err)
	}
}

// The page and the API share one bound.
func TestTakeUpIsBounded(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 20)
	slug := *k.published().Slug
	for i := range 20 {
		_, err := k.dialect.TakeUp(t.Context(), payer, slug, engine.Choice{Email: "ann@example.com", Currency: "USDT", Network: "ethereum-sepolia", Amount: "100", Once: fmt.Sprint(i)})
		if i < 10 && err != nil || i >= 10 && !fault.Is(err, fault.CodeRateLimited) {
			t.Fatalf("%d: %v", i, err)
		}
	}
}
