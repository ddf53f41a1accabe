package e2e

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"
)

// atTheSameTime makes n equal requests for an order as nearly at once as can be.
func (s *server) atTheSameTime(t *testing.T, n int, body any, headers ...string) []answer {
	t.Helper()
	answers, errs := make([]answer, n), make([]error, n)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-begin
			answers[i], errs[i] = s.call(http.MethodPost, ordersPath, body, headers...)
		})
	}
	close(begin)
	all.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	return answers
}

// oneMore checks that since before exactly one order was made and one address taken.
func (s *server) oneMore(t *testing.T, total int, available int64) {
	t.Helper()
	if now := s.page(t, 1, 1, "").Pagination.Total; now != total+1 {
		t.Errorf("%d orders were made, not one", now-total)
	}
	if now := s.counts(t).Available; now != available-1 {
		t.Errorf("%d addresses were taken, not one", available-now)
	}
}

func TestDuplicateReferenceAt64Clients(t *testing.T) { // I9
	t.Parallel()
	s := start(t)
	total, available := s.page(t, 1, 1, "").Pagination.Total, s.counts(t).Available
	var winner order
	var refused []refusal
	for _, a := range s.atTheSameTime(t, 64, asked("ORDER-64", "100.00", "USDT")) {
		switch a.status {
		case http.StatusCreated:
			if winner.OrderID != "" {
				t.Errorf("a second order was made: %s", a.body)
			}
			if err := json.Unmarshal(a.body, &winner); err != nil {
				t.Fatal(err)
			}
		case http.StatusConflict:
			refused = append(refused, a.refusal())
		default:
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if winner.OrderID == "" || len(refused) != 63 {
		t.Errorf("the winner is %q, %d were refused", winner.OrderID, len(refused))
	}
	for _, r := range refused {
		want := refusal{
			Error: "Duplicate order reference", Message: "Order with reference 'ORDER-64' already exists",
			Code: "DUPLICATE_ORDER_REFERENCE", StatusCode: 409, ExistingOrderID: winner.OrderID,
		}
		if r != want {
			t.Errorf("refused by %+v", r)
		}
	}
	s.oneMore(t, total, available)
	if o := s.get(t, winner.OrderID); o.Address != winner.Address {
		t.Errorf("the winner is %+v, it was %+v", o, winner)
	}
}

func TestIdempotencyKeyAt64Clients(t *testing.T) { // case 34
	t.Parallel()
	s := start(t)
	total, available := s.page(t, 1, 1, "").Pagination.Total, s.counts(t).Available
	answers := s.atTheSameTime(t, 64, asked("ORDER-ONCE", "100.00", "USDT"), "Idempotency-Key", "key-64")
	for _, a := range answers {
		if a.status != http.StatusCreated || string(a.body) != string(answers[0].body) {
			t.Errorf("%d %s\nthe first answer was %d %s", a.status, a.body, answers[0].status, answers[0].body)
		}
	}
	s.oneMore(t, total, available)

	other, err := s.call(http.MethodPost, ordersPath, asked("ORDER-OTHER", "100.00", "USDT"), "Idempotency-Key", "key-64")
	if err != nil || other.status != http.StatusConflict || other.refusal().Code != "IDEMPOTENCY_KEY_CONFLICT" { // case 35
		t.Errorf("the key with another body: %d %s, %v", other.status, other.body, err)
	}
	s.oneMore(t, total, available)
}
