package payin

import (
	"os"
	"testing"

	"till/internal/auth"
	"till/internal/dialect/dialecttest"
	"till/internal/rail/evm"
	"till/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

// TestScenarios plays what every API must do alike.
func TestScenarios(t *testing.T) {
	dialecttest.Run(t, Name, dialecttest.Face{
		Open: func(h *dialecttest.House) dialecttest.Client {
			keys := keyring{kept: map[string]auth.Key{}}
			keys.add(shopKey, auth.Key{Merchant: h.Scope.Merchant, Mode: string(h.Scope.Mode), Dialect: Name, Active: true}, func(*auth.Key) {})
			d := New(Config{
				Engine: h.Engine, Auth: auth.New(keys, h.Now), ParseAddress: evm.ParseAddress, Now: h.Now, Random: new(dialecttest.Counter), Log: h.Log,
			})
			return player{Dialect: d, kit: &kit{T: h.T, engine: h.Engine, dialect: d, handler: d.Handler()}}
		},
		Words: dialecttest.Words{
			Open: "pending", Completed: "completed", Expired: "expired", Cancelled: "expired",
			CompletedEvent: "order.completed", ExpiredEvent: "order.expired", CancelledEvent: "order.expired",
		},
		Leaves: map[string]string{
			"delivery_failed": "what is paid lies in the merchant's own wallet: nothing is sent",
			"refunded":        "what is paid lies in the merchant's own wallet: the server cannot give it back",
		},
	})
}

// player is a merchant's client.
type player struct {
	*Dialect
	kit *kit
}

func (p player) Place(reference, amount string) string {
	p.kit.Helper()
	return p.kit.create(reference, "amount", `"`+amount+`"`).OrderID
}

func (p player) PlaceAgain(reference, amount string) string {
	p.kit.Helper()
	got := p.kit.post(shopKey, "/api/v1/orders", newOrder(reference, "amount", `"`+amount+`"`))
	if got.status != 409 {
		p.kit.Fatalf("a repeat: %d %s", got.status, got.body)
	}
	return parse[errorBody](p.kit, got).ExistingOrderID
}

func (p player) Status(id string) string {
	p.kit.Helper()
	return parse[orderBody](p.kit, p.kit.get(shopKey, "/api/v1/orders/"+id)).Status
}
