package baanx

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/dialect/dialecttest"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/page"
	"till/internal/secrets"
	"till/internal/store"
)

// TestScenarios plays what every API must do alike, with products that the merchant hands over as soon as they are paid.
func TestScenarios(t *testing.T) {
	dialecttest.Run(t, Name, dialecttest.Face{
		Open:     openPlayer,
		Networks: []engine.Network{engine.FulfilNetwork(engine.Sandbox)},
		Words: dialecttest.Words{
			Open: statusStarted, Completed: statusCompleted, Expired: statusExpired, Cancelled: statusFailed, Failed: statusFailed, Refunded: statusCompleted,
			CompletedEvent: "order.completed", ExpiredEvent: "order.expired", CancelledEvent: "order.failed", FailedEvent: "order.failed",
		},
		Sends: sends,
		Leaves: map[string]string{
			"paid_in_two":         "a product is paid by one payment that fits: TestUnderpaid",
			"underpaid_expired":   "too little fails the order at once: TestUnderpaid",
			"duplicate_reference": "a user has no reference of his own; what is repeated is the product: TestRepeatReturnsTheOpenOrder, TestPaidProductIsNotSoldAgain",
			"delivery_failed":     "what could not be handed over is held until an operator has looked: TestFulfilmentRefused",
		},
	})
}

// player is a user of an application, and the merchant who hands over.
type player struct {
	*Dialect
	kit *kit
}

func openPlayer(h *dialecttest.House) dialecttest.Client {
	k := &kit{T: h.T, engine: h.Engine, clock: dialecttest.NewClock(h.Now()), sent: map[string]string{}}
	opened, err := store.OpenSQLite(h.Context(), h.TempDir()+"/people.db", store.Options{Now: h.Now, Log: h.Log})
	k.must(err)
	h.Cleanup(func() { k.must(opened.Close()) })
	key := engine.Key{ID: "key_1", Name: "Shop", Hash: secrets.Hash(shopClient), Scope: h.Scope, Active: true}
	k.must(h.Engine.SaveKey(h.Context(), key))
	pages, err := page.New(page.Config{Log: h.Log})
	k.must(err)
	k.dialect, err = New(Config{
		Engine: h.Engine, Auth: auth.New(oneKey{auth.Key{ID: key.ID, Hash: key.Hash, Merchant: h.Scope.Merchant, Mode: string(h.Scope.Mode), Dialect: Name, Active: true}}, h.Now),
		Grants:   auth.NewGrants(auth.PeopleConfig{Store: opened, Now: h.Now, Random: new(dialecttest.Counter), Cost: auth.Cost{Memory: 8, Passes: 1, Threads: 1}}),
		SignKeys: [][]byte{[]byte("a key of thirty-two bytes: 123456")}, Kit: pages, Now: h.Now, Random: new(dialecttest.Counter), Log: h.Log,
	})
	k.must(err)
	k.handler = k.dialect.Handler()
	_, err = h.Engine.ImportInstruments(h.Context(), engine.HousePool(engine.Sandbox, engine.EVM), []engine.Imported{{Value: "0x" + strings.Repeat("a", 40)}, {Value: "0x" + strings.Repeat("b", 40)}})
	k.must(err)
	hash, err := k.dialect.Grants.HashPassword(h.Context(), "ana", password)
	k.must(err)
	_, err = h.Engine.AddUser(h.Context(), engine.User{ID: "user-ana", Scope: h.Scope, Email: "ana@example.com", Password: hash, Verification: engine.Verified, Active: true})
	k.must(err)
	return player{k.dialect, k}
}

func (p player) Place(reference, amount string) string {
	p.kit.Helper()
	price, err := money.Parse(usd, amount)
	p.kit.must(err)
	_, err = p.kit.engine.SaveProduct(p.kit.Context(), engine.Product{
		Code: reference, Scope: engine.Scope{Merchant: "merchant", Mode: engine.Sandbox, Dialect: Name}, Description: reference, Active: true, Price: price,
		Network: "ethereum-sepolia", Token: "USDT", TTL: 15 * time.Minute, Fulfilment: engine.Fulfilment{Kind: engine.FulfilByHand},
	})
	p.kit.must(err)
	p.kit.token = p.kit.login("ana")
	got := p.kit.post("/v1/order", strings.Replace(ask, "PREMIUM_SUBSCRIPTION", reference, 1))
	if got.status != http.StatusOK {
		p.kit.Fatalf("%d %s", got.status, got.body)
	}
	return parse[createdBody](p.kit, got).OrderID
}

// PlaceAgain is for a scenario that is left out.
func (p player) PlaceAgain(reference, amount string) string { return p.Place(reference, amount) }

func (p player) Status(id string) string {
	p.kit.Helper()
	p.kit.token = p.kit.login("ana")
	return p.kit.status(id).Status
}

// Fulfil hands over what is paid.
func (p player) Fulfil() {
	p.kit.Helper()
	ctx := p.kit.Context()
	list, err := p.kit.engine.Waiting(ctx, engine.FulfilRail(engine.Sandbox), p.Now(), engine.Due{}, 10)
	p.kit.must(err)
	for _, due := range list {
		job, err := p.kit.engine.Reserve(ctx, due.ID)
		p.kit.must(err)
		p.kit.must(p.kit.engine.Transferred(ctx, due.ID, job.ID, order.Delivered, ""))
	}
}

// oneKey is a keyring of one key.
type oneKey struct{ key auth.Key }

func (k oneKey) KeyByHash(_ context.Context, hash string) (*auth.Key, error) {
	if hash != k.key.Hash {
		return nil, nil
	}
	return &k.key, nil
}
