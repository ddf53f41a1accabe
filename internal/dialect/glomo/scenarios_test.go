package glomo

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/dialect/dialecttest"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/secrets"
	"till/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

// TestScenarios plays what every API must do alike, with orders whose payer has chosen a bank transfer. An order is paid by
// one payment that is its amount, within three months, and its money never leaves the house by itself. What is left out stands
// in DIVERGENCES.md as well.
func TestScenarios(t *testing.T) {
	dialecttest.Run(t, Name, dialecttest.Face{
		Open: openPlayer, Far: dialecttest.Sandbox, Waits: threeMonths, Fits: true,
		Words: dialecttest.Words{
			Open: statusActive, Completed: statusPaid, Expired: statusExpired, Cancelled: statusCancelled, Failed: statusFailed, Refunded: statusPaid,
			CompletedEvent: "orders.paid", ExpiredEvent: "orders.expired", CancelledEvent: "orders.cancelled", FailedEvent: "orders.failed",
		},
		Leaves: map[string]string{
			"paid_in_two":     "an order is paid by one payment that fits: parts do not add up",
			"paid_in_grace":   "an order waits for nothing at its end: money that is only seen then is late",
			"delivery_failed": "the money is the merchant's balance, and nothing is sent",
		},
	})
}

// threeMonths is how long an order waits that is made when the scenarios begin, on the first of March.
const threeMonths = 92 * 24 * time.Hour

// player is a merchant's client.
type player struct {
	*Dialect
	kit *kit
}

func openPlayer(h *dialecttest.House) dialecttest.Client {
	var methods []engine.Method
	for _, m := range testMethods() {
		if m.Currency == "EUR" {
			methods = append(methods, m)
		}
	}
	h.Engine = h.Engine.WithMethods(methods)
	k := &kit{T: h.T, engine: h.Engine, clock: dialecttest.NewClock(h.Now()), tokens: map[string]string{}, ids: map[string]string{}}
	known := oneKey{}
	k.wire(&known, h.Log)
	k.addKey(shopKey, h.Scope, nil)
	known.key = auth.Key{
		ID: k.ids[shopKey], Hash: secrets.Hash(k.tokens[shopKey]), Merchant: h.Scope.Merchant, Mode: string(h.Scope.Mode), Dialect: Name, Active: true,
	}
	return player{k.dialect, k}
}

func (p player) Place(reference, amount string) string {
	p.kit.Helper()
	got := p.place(reference, amount)
	if got.status != 201 {
		p.kit.Fatalf("%d %s", got.status, got.body)
	}
	id := parse[orderBody](p.kit, got).ID
	p.kit.choose(id, byTransfer)
	return id
}

func (p player) place(reference, amount string) reply {
	p.kit.Helper()
	cents, err := money.Parse(money.MustAsset("EUR", "", 2), amount)
	p.kit.must(err)
	return p.kit.post(shopKey, "/api/v1/orders", p.kit.good("currency", `"EUR"`, "amount", cents.Units(), "request_id", quoted(reference)))
}

func (p player) PlaceAgain(reference, amount string) string {
	p.kit.Helper()
	p.kit.refused("a repeat", p.place(reference, amount), 400, "Order already exists for this request_id")
	list := parse[pageBody[orderBody]](p.kit, p.kit.get(shopKey, "/api/v1/orders?request_id="+reference))
	if len(list.Data) != 1 {
		p.kit.Fatalf("%+v", list)
	}
	return list.Data[0].ID
}

func (p player) Status(id string) string {
	p.kit.Helper()
	return p.kit.shown(id).Status
}

// Two payments for one order: one is counted and the other is set aside, whichever comes first. // case 39
func TestTwoPaymentsRace(t *testing.T) {
	k := newKit(t)
	id := k.order()
	due := k.found(id).Terms.Due
	k.choose(id, byCard)
	k.pay(id, "first", order.RankSeen, due, "A")
	k.pay(id, "second", order.RankConfirmed, due, "B")
	k.pay(id, "first", order.RankConfirmed, due, "A")
	if got := k.shown(id); got.Status != statusPaid {
		t.Errorf("%+v", got)
	}
	story, err := k.engine.Story(t.Context(), id)
	k.must(err)
	var moves []string
	for _, e := range story.Entries {
		for _, p := range e.Postings {
			moves = append(moves, string(p.To.Kind())+" "+p.Amount.Units())
		}
	}
	if !slices.Contains(moves, "merchant 1000") || strings.Count(strings.Join(moves, ","), "merchant 1000") != 1 || !slices.ContainsFunc(moves, func(m string) bool { return strings.HasPrefix(m, "suspense/") }) {
		t.Errorf("booked %v", moves)
	}
	if got := k.tellings(id); !slices.Equal(got, []string{"orders.paid"}) {
		t.Errorf("told %v", got)
	}
}
