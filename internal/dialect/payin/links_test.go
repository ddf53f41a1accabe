package payin

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/order"
)

const linksPath = "/api/v1/payment-links"

// newLink is the body of a payment link, with some fields in place of its own.
func newLink(more ...string) string {
	fields := []string{"title", `"Mug"`, "amount", `"100"`, "currencies", `[{"currency":"USDT","chainOptions":["ethereum-sepolia"]},{"currency":"USDC","chainOptions":["ethereum-sepolia","polygon-amoy"],"amount":"99.5"}]`}
	parts := []string{}
	for i := 0; i < len(fields); i += 2 {
		value := fields[i+1]
		for n := 0; n < len(more); n += 2 {
			if more[n] == fields[i] {
				value = more[n+1]
			}
		}
		if value != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", fields[i], value))
		}
	}
	for n := 0; n < len(more); n += 2 {
		if !strings.Contains("title amount currencies", more[n]) {
			parts = append(parts, fmt.Sprintf("%q:%s", more[n], more[n+1]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func (k *kit) link(more ...string) linkBody {
	k.Helper()
	got := k.post(shopKey, linksPath, newLink(more...))
	if got.status != 201 {
		k.Fatalf("%d %s", got.status, got.body)
	}
	return parse[linkBody](k, got)
}

func (k *kit) published(more ...string) linkBody {
	k.Helper()
	return parse[linkBody](k, k.post(shopKey, linksPath+"/"+k.link(more...).ID+"/publish", ""))
}

func (k *kit) take(slug, body string) reply {
	return k.post("", "/api/payment-links/"+slug+"/orders", body)
}

const takeUSDT = `{"email":"ann@example.com","currency":"USDT","chainId":"ethereum-sepolia"}`

func TestGoldenPaymentLinks(t *testing.T) {
	g := &golden{kit: newKit(t), file: "payment_links.golden"}
	g.pool(shopKey, 1, 4)
	ask := func(title, method, path, key, body string) reply {
		t.Helper()
		return g.ask(title, request{method: method, path: path, key: key, body: body})
	}
	made := ask("a draft", "POST", linksPath, shopKey, newLink("description", `"Blue, 300 ml"`, "inventoryTotal", "2", "expiresAt", `"2025-02-01T00:00:00Z"`,
		"metadata", `{"sku":"MUG-1"}`, "successUrl", `"https://yoursite.com/thanks"`, "cancelUrl", `"https://yoursite.com/again"`))
	id := parse[linkBody](g.kit, made).ID
	ask("one that costs what the payer likes", "POST", linksPath, shopKey, newLink("title", `"Donation"`, "amount", `"0"`, "currencies", `[{"currency":"DAI","chainId":"ethereum-sepolia","is_primary":true}]`))
	ask("nothing to pay with", "POST", linksPath, shopKey, newLink("currencies", `[]`))
	ask("a currency that the chain does not have", "POST", linksPath, shopKey, newLink("currencies", `[{"currency":"USDT","chainId":"polygon-amoy"}]`))
	ask("changed", "PUT", linksPath+"/"+id, shopKey, `{"amount":"120.50","description":null}`)
	slug := *parse[linkBody](g.kit, ask("published", "POST", linksPath+"/"+id+"/publish", shopKey, "")).Slug
	ask("as a payer sees it", "GET", "/api/payment-links/"+slug, "", "")
	ask("taken up", "POST", "/api/payment-links/"+slug+"/orders", "", takeUSDT)
	ask("in a currency it does not take", "POST", "/api/payment-links/"+slug+"/orders", "", `{"email":"ann@example.com","currency":"DAI","chainId":"ethereum-sepolia"}`)
	ask("without an e-mail address", "POST", "/api/payment-links/"+slug+"/orders", "", `{"currency":"USDT","chainId":"ethereum-sepolia"}`)
	ask("taken up by the other path", "POST", "/api/v1/checkout/"+slug+"/orders", "", `{"email":"bob@example.com","currency":"USDC","chainId":"polygon-amoy"}`)
	ask("sold out", "POST", "/api/payment-links/"+slug+"/orders", "", takeUSDT)
	ask("one", "GET", linksPath+"/"+id, shopKey, "")
	ask("all", "GET", linksPath+"?limit=1", shopKey, "")
	ask("archived", "POST", linksPath+"/"+id+"/archive", shopKey, "")
	ask("not published any more", "GET", "/api/v1/checkout/"+slug, "", "")
	ask("an archived one cannot be changed", "PUT", linksPath+"/"+id, shopKey, `{"title":"Cup"}`)
	ask("of another merchant", "GET", linksPath+"/"+id, otherKey, "")
	ask("unknown", "GET", "/api/payment-links/none", "", "")
	g.check()
}

func TestPaymentLinkIsSold(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 3)
	link := k.published("inventoryTotal", "1", "metadata", `{"sku":"MUG-1"}`, "successUrl", `"https://shop.example/thanks?o={{orderId}}"`)
	got := k.take(*link.Slug, takeUSDT)
	if got.status != 201 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	public := parse[orderBody](k, got)
	if public.Amount != "100" || public.PaymentURL == "" || public.Metadata != nil || public.SuccessURL != "" {
		t.Errorf("%s", got.body)
	}
	order1 := parse[orderBody](k, k.get(shopKey, "/api/v1/orders/"+public.OrderID))
	var metadata map[string]string
	k.must(json.Unmarshal(order1.Metadata, &metadata))
	if metadata["sku"] != "MUG-1" || metadata["title"] != "Mug" || metadata["paymentLinkId"] != link.ID || metadata["customerEmail"] != "ann@example.com" || order1.SuccessURL == "" {
		t.Errorf("%s %s", order1.Metadata, order1.SuccessURL)
	}
	k.refused("reserved", k.take(*link.Slug, takeUSDT), 409, "PAYMENT_LINK_SOLD_OUT", "")
	k.expire(sepolia, 20*time.Minute)
	again := k.take(*link.Slug, takeUSDT) // the first has expired, so that somebody else can have it
	if again.status != 201 {
		t.Fatalf("%d %s", again.status, again.body)
	}
	k.told(sepolia, 1234590, k.payment(parse[orderBody](k, again).Address, txHash, 1234570, order.RankConfirmed, sepoliaUSDT100))
	now := parse[linkBody](k, k.get(shopKey, linksPath+"/"+link.ID))
	if now.InventorySold != 1 || now.InventoryReserved != 0 || *now.InventoryRemaining != 0 {
		t.Errorf("%+v", now)
	}
	k.refused("sold", k.take(*link.Slug, takeUSDT), 409, "PAYMENT_LINK_SOLD_OUT", "")
}

func TestPaymentLinkRace(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 12)
	link := k.published("inventoryTotal", "3")
	var mu sync.Mutex
	statuses := map[int]int{}
	var all sync.WaitGroup
	for range 9 {
		all.Go(func() {
			got := k.take(*link.Slug, takeUSDT)
			mu.Lock()
			defer mu.Unlock()
			statuses[got.status]++
		})
	}
	all.Wait()
	if statuses[201] != 3 || statuses[409] != 6 {
		t.Errorf("%v", statuses)
	}
}

func TestPaymentLinkIsRefused(t *testing.T) {
	k := newKit(t)
	for _, c := range []struct {
		what, field, code string
		more              []string
	}{
		{"no title", "title", "VALIDATION_ERROR", []string{"title", ""}},
		{"a blank title", "title", "VALIDATION_ERROR", []string{"title", `"  "`}},
		{"a title of two lines", "title", "VALIDATION_ERROR", []string{"title", `"a\nb"`}},
		{"a long title", "title", "VALIDATION_ERROR", []string{"title", `"` + strings.Repeat("x", 201) + `"`}},
		{"no amount", "amount", "VALIDATION_ERROR", []string{"amount", ""}},
		{"an amount as a number", "amount", "INVALID_AMOUNT", []string{"amount", "100"}},
		{"a negative amount", "amount", "INVALID_AMOUNT", []string{"amount", `"-1"`}},
		{"more decimals than the token has", "amount", "INVALID_AMOUNT", []string{"amount", `"0.0000001"`}},
		{"no currencies", "currencies", "VALIDATION_ERROR", []string{"currencies", ""}},
		{"a currency twice", "currencies[1].currency", "VALIDATION_ERROR", []string{"currencies", `[{"currency":"USDT","chainId":"ethereum-sepolia"},{"currency":"USDT","chainId":"ethereum-sepolia"}]`}},
		{"no chain", "currencies[0].chainOptions", "VALIDATION_ERROR", []string{"currencies", `[{"currency":"USDT"}]`}},
		{"a chain twice", "currencies[0].chainOptions[1]", "VALIDATION_ERROR", []string{"currencies", `[{"currency":"USDT","chainOptions":["ethereum-sepolia","ethereum-sepolia"]}]`}},
		{"both spellings of the chain", "currencies[0].chainId", "VALIDATION_ERROR", []string{"currencies", `[{"currency":"USDT","chainId":"ethereum-sepolia","chainOptions":["ethereum-sepolia"]}]`}},
		{"a chain of the other mode", "chainId", "INVALID_CHAIN", []string{"currencies", `[{"currency":"USDT","chainId":"ethereum-mainnet"}]`}},
		{"a currency that is not there", "currency", "INVALID_CURRENCY", []string{"currencies", `[{"currency":"EUR","chainId":"ethereum-sepolia"}]`}},
		{"a price that is none", "currencies[0].amount", "INVALID_AMOUNT", []string{"currencies", `[{"currency":"USDT","chainId":"ethereum-sepolia","amount":"cheap"}]`}},
		{"two primary currencies", "currencies", "VALIDATION_ERROR", []string{"currencies", `[{"currency":"USDT","chainId":"ethereum-sepolia","isPrimary":true},{"currency":"USDC","chainId":"ethereum-sepolia","is_primary":true}]`}},
		{"no stock", "inventoryTotal", "VALIDATION_ERROR", []string{"inventoryTotal", "0"}},
		{"half a stock", "inventoryTotal", "VALIDATION_ERROR", []string{"inventoryTotal", "1.5"}},
		{"an end that has passed", "expiresAt", "VALIDATION_ERROR", []string{"expiresAt", `"2025-01-20T10:30:00Z"`}},
		{"an end that is no time", "expiresAt", "VALIDATION_ERROR", []string{"expiresAt", `"tomorrow"`}},
		{"too much metadata", "metadata", "VALIDATION_ERROR", []string{"metadata", `{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8}`}},
		{"metadata that its orders say", "metadata.customerEmail", "VALIDATION_ERROR", []string{"metadata", `{"customerEmail":"x"}`}},
		{"a URL that is none", "successUrl", "VALIDATION_ERROR", []string{"successUrl", `"javascript:alert(1)"`}},
	} {
		k.refused(c.what, k.post(shopKey, linksPath, newLink(c.more...)), 400, c.code, c.field)
	}
	if all := parse[linkList](k, k.get(shopKey, linksPath)); all.Pagination.Total != 0 {
		t.Errorf("refused links are there: %+v", all)
	}
	k.refused("a key that may only read", k.post(readerKey, linksPath, newLink()), 403, "INSUFFICIENT_PERMISSIONS", "")
	k.refused("a list of nonsense", k.get(shopKey, linksPath+"?status=sold"), 400, "VALIDATION_ERROR", "status")
}

func TestTakingIsRefused(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 2)
	open, fixed := *k.published("amount", `"0"`).Slug, *k.published().Slug
	for _, c := range []struct{ what, slug, body, code, field string }{
		{"no e-mail address", fixed, `{"email":"Ann <ann@example.com>","currency":"USDT","chainId":"ethereum-sepolia"}`, "VALIDATION_ERROR", "email"},
		{"no chain", fixed, `{"email":"ann@example.com","currency":"USDT"}`, "VALIDATION_ERROR", "chainId"},
		{"a chain not taken", fixed, `{"email":"ann@example.com","currency":"USDT","chainId":"polygon-amoy"}`, "INVALID_CHAIN", "chainId"},
		{"another price", fixed, `{"email":"ann@example.com","currency":"USDT","chainId":"ethereum-sepolia","amount":"1"}`, "INVALID_AMOUNT", "amount"},
	} {
		k.refused(c.what, k.take(c.slug, c.body), 400, c.code, c.field)
	}
	k.dialect.takings = newTakingRate()
	k.refused("no amount where the payer chooses", k.take(open, takeUSDT), 400, "INVALID_AMOUNT", "amount")
	k.refused("nothing", k.take(open, `{"email":"ann@example.com","currency":"USDT","chainId":"ethereum-sepolia","amount":"0"}`), 400, "INVALID_AMOUNT", "amount")
	if got := k.take(open, `{"email":"ann@example.com","currency":"USDT","chainId":"ethereum-sepolia","amount":"12.5"}`); got.status != 201 || parse[orderBody](k, got).Amount != "12.5" {
		t.Errorf("%d %s", got.status, got.body)
	}
	k.refused("a draft has no slug", k.take("null", takeUSDT), 404, "RESOURCE_NOT_FOUND", "")

	ended := *k.published("expiresAt", `"2025-01-20T10:31:00Z"`).Slug
	k.clock.Move(time.Minute)
	k.refused("expired", k.get("", "/api/payment-links/"+ended), 410, "PAYMENT_LINK_EXPIRED", "")
}

// A stranger cannot take all addresses of a merchant by taking up a link again and again. // case 46
func TestTakingIsBounded(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 20)
	slug := *k.published().Slug
	for range 10 {
		if got := k.take(slug, takeUSDT); got.status != 201 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	if got := k.take(slug, takeUSDT); got.status != 429 || parse[errorBody](k, got).RetryAfter == 0 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestLinkOnce(t *testing.T) {
	k := newKit(t)
	once := request{method: "POST", path: linksPath, key: shopKey, body: newLink(), header: map[string][]string{"Idempotency-Key": {"k"}}}
	first, again := k.do(once), k.do(once)
	if first.status != 201 || again.body != first.body {
		t.Errorf("%d %s\n%d %s", first.status, first.body, again.status, again.body)
	}
}
