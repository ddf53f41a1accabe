package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// clients is how many merchants' programs create orders at the same time.
const clients = 16

// load is what many clients were told while they created orders.
type load struct {
	mu       sync.Mutex
	acked    map[string]order  // by reference: 201 was seen
	taken    map[string]string // by reference: 409 named this order
	lost     []string          // references whose answer never came
	refused  []string          // answers that are none of these
	enough   int               // how many orders close reached
	reached  chan struct{}
	finished sync.WaitGroup
}

// createUntil lets all clients create orders until the server is gone. Two clients at a time ask for the
// same references. reached is closed once this many orders were acknowledged.
func createUntil(s *server, name string, enough int) *load {
	l := &load{acked: map[string]order{}, taken: map[string]string{}, enough: enough, reached: make(chan struct{})}
	for c := range clients {
		l.finished.Go(func() {
			for n := 0; l.one(s, fmt.Sprintf("%s-%d-%d", name, c/2, n)); n++ {
			}
		})
	}
	return l
}

// one creates an order and says whether the server is still there.
func (l *load) one(s *server, reference string) bool {
	a, err := s.ask(reference)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.lost = append(l.lost, reference)
		return false
	}
	var o order
	_, twice := l.acked[reference]
	switch {
	case a.status == http.StatusConflict && a.refusal().ExistingOrderID != "":
		l.taken[reference] = a.refusal().ExistingOrderID
		return true
	case a.status != http.StatusCreated || json.Unmarshal(a.body, &o) != nil || twice:
		l.refused = append(l.refused, fmt.Sprintf("%s: %d %s", reference, a.status, a.body))
		return false
	}
	l.acked[reference] = o
	if len(l.acked) == l.enough {
		close(l.reached)
	}
	return true
}

// ask asks for an order on the network of the server. It may be called from any goroutine.
func (s *server) ask(reference string) (answer, error) {
	body := asked(reference, "12.50", "USDT")
	if s.network != "" {
		body["chainId"] = s.network
	}
	return s.call(http.MethodPost, ordersPath, body)
}

// settle asks the restarted server about the references whose answers were lost, and returns every order
// there must be by now.
func (l *load) settle(t *testing.T, s *server) map[string]order {
	t.Helper()
	for _, reference := range l.lost {
		o := s.retry(t, reference)
		if acked, ok := l.acked[reference]; ok && acked.OrderID != o.OrderID {
			t.Errorf("%s is order %s and order %s", reference, acked.OrderID, o.OrderID)
		}
		l.acked[reference] = o
	}
	for reference, id := range l.taken {
		if l.acked[reference].OrderID != id {
			t.Errorf("%s was said to be order %s, and is %s", reference, id, l.acked[reference].OrderID)
		}
	}
	return l.acked
}

// wait blocks until enough orders were acknowledged.
func (l *load) wait(t *testing.T) {
	t.Helper()
	select {
	case <-l.reached:
	case <-time.After(patience):
		t.Fatalf("the load did not get on: %v", l.refused)
	}
}

// Whatever was acknowledged is on disk, whenever the process is killed.
func TestKillAndRestart(t *testing.T) { // cases 36, 68, 81
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	data := filepath.Join(t.TempDir(), "data")
	known := map[string]order{}
	for round := range 3 {
		s := start(t, "--data", data)
		l := createUntil(s, fmt.Sprintf("KILL-%d", round), 20+chance.IntN(200))
		l.wait(t)
		s.kill()
		s.nothingLeft(t)
		l.finished.Wait()
		if len(l.refused) > 0 {
			t.Fatalf("refused under load: %v", l.refused)
		}
		t.Logf("round %d: %d acknowledged, %d refused as duplicates, %d without an answer", round, len(l.acked), len(l.taken), len(l.lost))

		s = start(t, "--data", data)
		maps.Copy(known, l.settle(t, s))
		s.keeps(t, known)
		s.kill()
	}
}

// retry does what a client does whose answer was lost: it asks for the same order again.
func (s *server) retry(t *testing.T, reference string) order {
	t.Helper()
	a, err := s.ask(reference)
	if err != nil {
		t.Fatal(err)
	}
	if a.status == http.StatusCreated {
		return decode[order](t, http.StatusCreated)(a, nil)
	}
	if a.status != http.StatusConflict || a.refusal().Code != "DUPLICATE_ORDER_REFERENCE" {
		t.Fatalf("a repeated reference: %d %s", a.status, a.body)
	}
	o := s.get(t, a.refusal().ExistingOrderID)
	if o.OrderReference != reference {
		t.Errorf("the order of %s is said to be %+v", reference, o)
	}
	return o
}

// keeps checks that the server has exactly these orders, all pending: each by its id, its reference, in
// the list and for the operator, with the address it was given; and no address twice.
func (s *server) keeps(t *testing.T, known map[string]order) {
	t.Helper()
	var todo sync.WaitGroup
	free := make(chan struct{}, clients)
	for reference, want := range known {
		free <- struct{}{}
		todo.Go(func() {
			defer func() { <-free }()
			byID, err := s.call(http.MethodGet, ordersPath+"/"+want.OrderID, nil)
			if err == nil {
				err = shows(byID, want)
			}
			if err != nil {
				t.Errorf("by id: %v", err)
			}
			byReference, err := s.find(reference)
			if err == nil {
				err = shows(byReference, want)
			}
			if err != nil {
				t.Errorf("by reference: %v", err)
			}
		})
	}
	todo.Wait()

	addresses := map[string]string{}
	listed := s.all(t, "")
	for _, o := range listed {
		want, ok := known[o.OrderReference]
		if !ok || o.OrderID != want.OrderID || o.Address != want.Address || o.Status != "pending" {
			t.Errorf("the list shows %+v, the client was told %+v", o, want) // I9
		}
		if other, twice := addresses[o.Address]; twice {
			t.Errorf("orders %s and %s have one address, %s", other, o.OrderID, o.Address) // I8
		}
		addresses[o.Address] = o.OrderID
	}
	if pending := s.page(t, 1, 1, "pending").Pagination.Total; len(listed) != len(known) || pending != len(known) {
		t.Errorf("%d orders are listed, %d of them are counted as pending, %d are known", len(listed), pending, len(known))
	}
	if n := s.counts(t); n.Allocated != int64(len(known)) || n.Cooldown != 0 || n.Available+n.Allocated != n.Total {
		t.Errorf("%d orders, and the pool is %+v", len(known), n)
	}

	for i, o := range listed {
		if i%10 != 0 {
			continue // the operator's view of every order would take the longest of all
		}
		if story := s.story(t, o.OrderID); story.Instrument != o.Address || story.Reference != o.OrderReference || story.State != "waiting" || happened(story, "order.created") != 1 {
			t.Errorf("the operator sees %+v", story)
		}
	}
}

// shows says whether an answer is the order.
func shows(a answer, want order) error {
	var o order
	if a.status != http.StatusOK || json.Unmarshal(a.body, &o) != nil {
		return fmt.Errorf("order %s (%s): %d %s", want.OrderID, want.OrderReference, a.status, a.body)
	}
	if o.OrderID != want.OrderID || o.OrderReference != want.OrderReference || o.Address != want.Address || o.Amount != want.Amount {
		return fmt.Errorf("order %+v was acknowledged as %+v", o, want)
	}
	return nil
}
