package operator

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
)

// hold makes an order that its organisation's policy puts on hold.
func (k *kit) hold(t testing.TB, publicID, maker string) {
	t.Helper()
	_, err := k.engine.ChangePolicy(t.Context(), engine.OfOrganisation("held", engine.Sandbox, "some"), "", func(p *engine.Policy) error {
		p.Rules = []engine.PolicyRule{{ID: "all", Action: engine.RequireApproval}}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	book := ledger.Owed("m1")
	_, err = k.engine.Create(t.Context(), engine.NewOrder{
		Scope: engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"}, PublicID: publicID, Kind: "sale", Organisation: "held", Maker: maker, Network: k.delivery, Instrument: engine.None,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: money.FromInt(usdt, 100_000_000), To: book.Account(ledger.Merchant), Deadline: p.Now.Add(15 * time.Minute), Instant: true, OverAny: true}, nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestReviews(t *testing.T) {
	k := newKit(t)
	c := k.client(t, tokenAll)
	k.hold(t, "ord_held", "somebody")
	k.hold(t, "ord_b", "somebody")
	k.hold(t, "ord_c", tokenAll)
	var got []string
	for after := ""; ; {
		page, err := c.Reviews(t.Context(), "", after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Orders {
			got = append(got, o.Order)
			if o.Kind != "sale" || o.State != "review" || o.Amount.Decimal != "100.000000" || len(o.Reviews) != 1 || o.Reviews[0].Kind != "approval" || o.Reviews[0].State != "open" {
				t.Errorf("%+v", o)
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if !slices.Equal(got, []string{"ord_held", "ord_b", "ord_c"}) {
		t.Errorf("reviews: %v", got)
	}
	if page, err := c.Reviews(t.Context(), "live", "", 0); err != nil || len(page.Orders) != 0 {
		t.Errorf("live: %+v %v", page, err)
	}
	approved, err := c.ApproveReview(t.Context(), "ord_held", "approval")
	if err != nil || approved.State != "waiting" || approved.Reviews[0].By != tokenAll {
		t.Errorf("approved: %+v %v", approved.Reviews, err)
	}
	refused, err := c.RefuseReview(t.Context(), "ord_b", "approval", "not this one")
	if err != nil || refused.State != "failed" || refused.Reviews[0].Reason != "not this one" {
		t.Errorf("refused: %+v %v", refused.Reviews, err)
	}
	for _, tc := range []struct{ order, kind, code string }{
		{"ord_held", "approval", "order_state_conflict"}, {"ord_c", "approval", "forbidden"}, {"ord_c", "compliance", "order_state_conflict"},
		{"ord_c", "weather", "invalid_value"}, {"ord_none", "approval", "not_found"},
	} {
		_, err := c.ApproveReview(t.Context(), tc.order, tc.kind)
		if p, is := errors.AsType[*client.Problem](err); !is || p.Code != tc.code {
			t.Errorf("%s %s: %v", tc.order, tc.kind, err)
		}
	}
}
