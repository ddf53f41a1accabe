package payin

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/order"
)

var (
	money5      = money.FromInt(amoyUSDC, 5)
	otherUSDT   = money.MustAsset("USDT", "bnb-testnet", 18)
	someAmounts = []money.Amount{money.FromInt(sepoliaUSDT, 1_500_000), money.FromInt(otherUSDT, 1), money.FromInt(amoyUSDC, 5)}
)

// newReference is the body of a request for a deposit reference, with more fields or others.
func newReference(reference string, more ...string) string {
	fields := map[string]string{"depositReference": `"` + reference + `"`, "currency": `"USDT"`, "chainId": `"ethereum-sepolia"`}
	names := []string{"depositReference", "currency", "chainId"}
	for i := 0; i < len(more); i += 2 {
		if fields[more[i]] == "" {
			names = append(names, more[i])
		}
		fields[more[i]] = more[i+1]
	}
	var list []string
	for _, name := range names {
		if fields[name] != "" {
			list = append(list, `"`+name+`":`+fields[name])
		}
	}
	return "{" + strings.Join(list, ",") + "}"
}

func (k *kit) reference(name string) referenceCreated {
	k.Helper()
	got := k.post(shopKey, "/api/v1/deposits/references", newReference(name))
	if got.status != 201 {
		k.Fatalf("%d %s", got.status, got.body)
	}
	return parse[referenceCreated](k, got)
}

func (k *kit) deposits(query string) depositList {
	k.Helper()
	return parse[depositList](k, k.get(shopKey, "/api/v1/deposits"+query))
}

func TestGoldenDeposits(t *testing.T) {
	g := &golden{kit: newKit(t), file: "deposits.golden"}
	ask := func(title, method, path, body string, header ...string) reply {
		t.Helper()
		q := request{method: method, path: "/api/v1/deposits" + path, key: shopKey, body: body}
		if len(header) > 0 {
			q.header = http.Header{header[0]: header[1:]}
		}
		route, _, _ := strings.Cut(path, "?")
		return g.ask(method+" /api/v1/deposits"+route+": "+title, q)
	}
	ask("the pool is empty", "POST", "/references", newReference("user_12345"))
	g.pool(shopKey, 1, 3)
	first := parse[referenceCreated](g.kit, ask("a permanent address", "POST", "/references", newReference("user_12345", "metadata", `{"userId":"12345","tier":"gold"}`)))
	ask("the reference again", "POST", "/references", newReference("user_12345"))
	ask("with an idempotency key", "POST", "/references", newReference("user_2", "currency", `"USDC"`, "chainId", `"polygon-amoy"`), "Idempotency-Key", "k1")
	ask("the same again", "POST", "/references", newReference("user_2", "currency", `"USDC"`, "chainId", `"polygon-amoy"`), "Idempotency-Key", "k1")
	ask("a missing field", "POST", "/references", newReference("user_3", "currency", ""))
	ask("an unknown chain", "POST", "/references", newReference("user_3", "chainId", `"base-mainnet"`))
	ask("a currency the chain does not have", "POST", "/references", newReference("user_3", "chainId", `"polygon-amoy"`))
	ask("a long reference", "POST", "/references", newReference(strings.Repeat("x", 256)))
	ask("too many pairs", "POST", "/references", newReference("user_3", "metadata", `{"1":1,"2":2,"3":3,"4":4,"5":5,"6":6,"7":7,"8":8,"9":9,"10":10,"11":11}`))

	bound := parse[bindingAnswer](g.kit, ask("by protocol", "POST", "/bind", `{"depositReference":"user_3","protocol":"evm","metadata":{"a":1}}`))
	ask("by protocol again", "POST", "/bind", `{"depositReference":"user_3","protocol":"evm"}`)
	ask("no address is left", "POST", "/bind", `{"depositReference":"user_4","protocol":"evm"}`)
	ask("another protocol", "POST", "/bind", `{"depositReference":"user_4","protocol":"solana"}`)

	g.clock.Move(time.Minute)
	g.told(sepolia, 1001, g.payment(first.Address, "0xd1", 1000, order.RankConfirmed, sepoliaUSDT100), g.payment(first.Address, "0xd2", 1001, order.RankSeen, sepoliaUSDT100))
	g.told(amoy, 51, g.payment(first.Address, "0xd3", 50, order.RankConfirmed, money5))
	ask("all deposits", "GET", "", "")
	ask("of one reference, the oldest first", "GET", "?depositReference=user_12345&sortOrder=asc&limit=1", "")
	ask("completed ones on a chain", "GET", "?status=completed&chainId=polygon-amoy&currency=USDC", "")
	ask("of a reference nobody has", "GET", "?depositReference=nobody", "")
	ask("a status that does not exist", "GET", "?status=expired", "")
	ask("addresses, as in the guide", "GET", "?protocol=evm&depositReference=user_3", "")
	ask("addresses of another protocol", "GET", "?protocol=tron", "")
	ask("statistics", "GET", "/stats", "")
	ask("statistics before it all", "GET", "/stats?detectedBefore=2025-01-01", "")
	ask("a bad date", "GET", "/stats?detectedAfter=yesterday", "")

	ask("one", "GET", "/references/user_12345", "")
	ask("one that does not exist", "GET", "/references/user_9", "")
	ask("a page", "GET", "/references?limit=2", "")
	ask("a search", "GET", "/references?search=1234", "")
	ask("too long a page", "GET", "/references?limit=101", "")
	ask("the address of a reference", "GET", "/user_3?protocol=evm", "")
	ask("the address of another protocol", "GET", "/user_3?protocol=tron", "")

	ask("a reference", "DELETE", "/references/user_12345", "")
	ask("the same again", "DELETE", "/references/user_12345", "")
	ask("by a chain", "DELETE", "/references/user_2?chainId=polygon-amoy", "")
	ask("by an unknown chain", "DELETE", "/references/user_2?chainId=moon", "")
	ask("an address", "POST", "/unbind", `{"address":"`+bound.Data.DepositAddress+`","protocol":"evm"}`)
	ask("an address without its protocol", "POST", "/unbind", `{"address":"`+bound.Data.DepositAddress+`"}`)
	ask("nothing", "POST", "/unbind", `{}`)
	ask("a reference that holds none", "POST", "/unbind", `{"depositReference":"user_3"}`)
	ask("an address that is none", "POST", "/unbind", `{"address":"0x12","protocol":"evm"}`)
	ask("unbound, its totals stay", "GET", "/references/user_12345", "")
	ask("its address is gone", "GET", "/user_12345", "")
	g.put(shopKey, "/api/v1/config/deposits_enabled", `{"value":false}`)
	ask("switched off", "POST", "/references", newReference("user_5"))
	ask("switched off", "POST", "/bind", `{"depositReference":"user_5","protocol":"evm"}`)
	g.ask("GET /api/v1/deposits: without a key", request{method: "GET", path: "/api/v1/deposits"})
	g.check()
}

// A deposit address and an order's address never meet, on whatever chain and however often they are asked for.
func TestADepositAndAnOrderShareNoAddress(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 6)
	seen := map[string]string{}
	take := func(what, address string) {
		t.Helper()
		if seen[address] != "" {
			t.Errorf("%s and %s have %s", what, seen[address], address)
		}
		seen[address] = what
	}
	for i := range 3 {
		o, ref := fmt.Sprint("order ", i), fmt.Sprint("deposit-", i)
		take(o, k.create(o).Address)
		take(ref, k.reference(ref).Address)
	}
	k.refused("nothing is left", k.post(shopKey, "/api/v1/deposits/references", newReference("x")), 503, "NO_AVAILABLE_ADDRESSES", "")
	k.refused("nothing is left", k.post(shopKey, "/api/v1/orders", newOrder("x")), 503, "NO_AVAILABLE_ADDRESSES", "")
}

// Deposits are no orders: they stand in no list of orders, and are found by no order's route.
func TestDepositsAreNoOrders(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 2)
	ref := k.reference("user_1")
	k.told(sepolia, 1001, k.payment(ref.Address, "0xd1", 1000, order.RankConfirmed, sepoliaUSDT100))
	list := k.deposits("")
	if len(list.Data) != 1 || list.Data[0].Status != completed || list.Data[0].Amount != "100.000000" {
		t.Fatalf("%+v", list)
	}
	id := list.Data[0].DepositID
	if !strings.HasPrefix(id, "dep_") || len(id) != 30 {
		t.Errorf("id %q", id)
	}
	k.refused("a deposit as an order", k.get(shopKey, "/api/v1/orders/"+id), 404, "RESOURCE_NOT_FOUND", "")
	if got := parse[listBody](k, k.get(shopKey, "/api/v1/orders")); got.Pagination.Total != 0 {
		t.Errorf("orders: %+v", got)
	}
	k.refused("another merchant's reference", k.get(otherKey, "/api/v1/deposits/references/user_1"), 404, "RESOURCE_NOT_FOUND", "")
	if got := parse[depositList](k, k.get(otherKey, "/api/v1/deposits")); got.Pagination.Total != 0 {
		t.Errorf("another merchant's deposits: %+v", got)
	}
	got := k.do(request{method: "DELETE", path: "/api/v1/deposits/references/user_1", key: otherKey})
	k.refused("unbinding another merchant's", got, 404, "RESOURCE_NOT_FOUND", "")

	// They are transfers, of the business type deposit.
	for query, n := range map[string]int64{"": 1, "?businessType=deposit": 1, "?businessType=order": 0, "?depositReference=user_1": 1, "?depositReference=user_2": 0,
		"?orderId=" + id: 1, "?depositReference=user_1&businessType=order": 0} {
		list := parse[transferList](k, k.get(shopKey, "/api/v1/transfers"+query))
		if list.Pagination.Total != n || int64(len(list.Data)) != n {
			t.Errorf("transfers%s: %+v, want %d", query, list, n)
		} else if n == 1 && (list.Data[0].BusinessType != "deposit" || list.Data[0].DepositReference == nil || *list.Data[0].DepositReference != "user_1" ||
			*list.Data[0].DepositID != id || list.Data[0].OrderID != nil) {
			t.Errorf("transfers%s: %+v", query, list.Data[0])
		}
	}
}

// Two transfers of one transaction are two deposits and two events; a binding that is made again is told again; nobody
// else's endpoint hears of them.
func TestDepositEventsAreApart(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 2)
	k.addEndpoint(shopKey, "shop")
	k.addEndpoint(otherKey, "other")
	ref := k.reference("user_1")
	one, two := k.payment(ref.Address, "0xd1", 1000, order.RankConfirmed, sepoliaUSDT100), k.payment(ref.Address, "0xd1", 1000, order.RankConfirmed, sepoliaUSDT100)
	two.External = "0xd1:1"
	k.told(sepolia, 1001, one, two)
	if got := k.do(request{method: "DELETE", path: "/api/v1/deposits/references/user_1", key: shopKey}); got.status != 200 {
		t.Fatal(got.body)
	}
	k.reference("user_1")
	untold, err := k.engine.Untold(context.Background(), []string{Name}, 100)
	k.must(err)
	ids := map[string][]string{}
	for _, u := range untold {
		if id, kind, _, ok := k.dialect.Tell(u.Event, u.Order); ok {
			if slices.Contains(ids[kind], id) {
				t.Errorf("two events are %s", id)
			}
			ids[kind] = append(ids[kind], id)
			for _, ep := range u.Endpoints {
				if ep.Scope.Merchant != "shop" {
					t.Errorf("%s is told to %s", kind, ep.Scope.Merchant)
				}
			}
		}
	}
	for kind, n := range map[string]int{"deposit.completed": 2, "deposit.address_bound": 2, "deposit.address_unbound": 1} {
		if len(ids[kind]) != n {
			t.Errorf("%s: %q, want %d", kind, ids[kind], n)
		}
	}
	if len(ids) != 3 {
		t.Errorf("told: %v", ids)
	}
}

// References with any character are found again by their paths.
func TestDepositReferenceInPaths(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 4)
	for name, path := range map[string]string{"a/b": "a%2Fb", "50%": "50%25", "ü ñ": "%C3%BC%20%C3%B1", "references": "references"} {
		k.reference(name)
		if got := parse[referenceBody](k, k.get(shopKey, "/api/v1/deposits/references/"+path)); got.DepositReference != name || len(got.Addresses) != 1 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// Every state of an arrival is known, and none is anything else than the statuses of the list.
func TestDepositProjection(t *testing.T) {
	for _, state := range order.States() {
		status, known := depositProjection[state]
		if !known || !slices.Contains([]string{"", pending, confirmed, completed}, status) {
			t.Errorf("%s is %q", state, status)
		}
	}
	if len(depositProjection) != len(order.States()) {
		t.Error("states that do not exist")
	}
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	ref := k.reference("user_1")
	seen := k.payment(ref.Address, "0xd1", 1000, order.RankSeen, sepoliaUSDT100)
	k.told(sepolia, 1001, seen)
	if got := k.deposits("?status=pending"); got.Pagination.Total != 1 || got.Data[0].TxHash != "0xd1" {
		t.Errorf("seen: %+v", got)
	}
	seen.Rank = order.RankReversed
	k.told(sepolia, 1002, seen)
	got := k.deposits("?status=pending")
	if got.Pagination.Total != 1 || got.Data[0].TxHash != "" || got.Data[0].BlockNumber != nil {
		t.Errorf("reorganised: %+v", got)
	}
	o, err := k.engine.Find(context.Background(), got.Data[0].DepositID)
	k.must(err)
	_, err = k.engine.Cancel(context.Background(), o.ID, order.ByOperator, "op", "gone")
	k.must(err)
	if got := k.deposits(""); got.Pagination.Total != 0 {
		t.Errorf("cancelled: %+v", got)
	}
}

// Amounts of one currency add up over chains on which it has other decimals.
func TestByCurrency(t *testing.T) {
	got := byCurrency(nil)
	if len(got) != 0 {
		t.Error(got)
	}
	got = byCurrency(someAmounts)
	if len(got) != 2 || got["USDT"] != "1.500000000000000001" || got["USDC"] != "0.000005" {
		t.Error(got)
	}
}
