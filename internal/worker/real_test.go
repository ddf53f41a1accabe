package worker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/store"
	"till/internal/webhook"
)

// The tests in this file run the loops over the real engine on a real database. Only the chain is a tape.

// TestMain is also the main of the processes that the tests of killed processes kill.
func TestMain(m *testing.M) {
	for name, victim := range map[string]func(path string) error{"TILL_TEST_VICTIM": victim, "TILL_TEST_PAYER": payingVictim, "TILL_TEST_HANDER": handingVictim, "TILL_TEST_DERIVER": derivingVictim, "TILL_TEST_NOTIFIER": tellingVictim,
		"TILL_TEST_IMPORTER": importingVictim, "TILL_TEST_FILER": filingVictim} {
		path := os.Getenv(name)
		if path == "" {
			continue
		}
		if err := victim(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(suite{m})
}

var (
	coin    = money.MustAsset("USDT", "test", 6)
	scope   = engine.Scope{Merchant: "m", Mode: engine.Sandbox, Dialect: "plain"}
	network = engine.Network{ID: "test", Family: engine.EVM, Mode: engine.Sandbox, Rail: testRail, ChainID: 7, Confirmations: 1,
		Tokens: []engine.Token{{Asset: coin}}}
	window = time.Hour
)

// block is one report of a tape.
type block struct {
	head uint64
	at   time.Time
	seen []rail.Observation
}

// tape is a chain that tells its blocks from the cursor on and then waits.
type tape []block

func (tape) Name() rail.Name { return testRail }

func (b tape) Watch(ctx context.Context, from rail.Cursor, _ rail.Book, report func(context.Context, rail.Cursor, []rail.Observation) error) error {
	for _, block := range b {
		if block.head <= from.Head {
			continue
		}
		if err := report(ctx, rail.Cursor{State: []byte("tape"), Head: block.head, Horizon: block.at}, block.seen); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return ctx.Err()
}

// pays is a word about a payment to the n-th address.
func pays(id string, n int, units int64, epoch uint64, rank order.Rank, at time.Time) rail.Observation {
	return rail.Observation{External: id, Instrument: address(n), Epoch: epoch, Rank: rank, Amount: money.FromInt(coin, units), Value: at,
		Evidence: order.Evidence{Tx: id, To: address(n), Block: 2}}
}

func address(n int) string { return fmt.Sprintf("0x%040d", n) }

// server is an engine on a database file, with the workers of one process.
type server struct {
	t       *testing.T
	engine  *engine.Engine
	store   *store.Store
	workers *Workers
	closed  bool
	made    bool // the test writes rows of its own making, of which the books know nothing
}

func assemble(path string, now func() time.Time, client Poster, watcher rail.Watcher) (*engine.Engine, *store.Store, *Workers, error) {
	db, err := open(context.Background(), path, store.Options{Now: now})
	if err != nil {
		return nil, nil, nil, err
	}
	events := NewBell()
	eng := engine.New(db, []engine.Network{network}, events.Ring)
	return eng, db, New(Config{
		Engine: eng, Rails: []Rail{{network, watcher}}, Tellers: map[string]Teller{"plain": plainTeller{short}}, Open: openTest,
		Client: client, Events: events, Now: now, Log: slog.New(slog.DiscardHandler),
	}), nil
}

func serve(t *testing.T, path string, now func() time.Time, watcher rail.Watcher) *server {
	t.Helper()
	eng, db, workers, err := assemble(path, now, testClient(t, 10*time.Second), watcher)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, engine: eng, store: db, workers: workers}
	t.Cleanup(s.close)
	return s
}

func (s *server) close() {
	s.t.Helper()
	s.workers.Stop()
	if s.closed {
		return
	}
	s.closed = true
	if !s.made {
		proved(s.t, s.store)
	}
	if err := s.store.Close(); err != nil {
		s.t.Error(err)
	}
}

// listen runs the watcher until it has told the head.
func (s *server) listen(head uint64) {
	s.t.Helper()
	stop := running(s.t, s.workers.Watches[0].Run)
	eventually(s.t, "the tape is told", func() bool { return s.workers.Watches[0].Status().Head >= head })
	stop()
}

// furnish makes a merchant with addresses and an endpoint.
func (s *server) furnish(addresses int, url string) {
	s.t.Helper()
	ctx := s.t.Context()
	s.must(s.engine.SaveMerchant(ctx, engine.Merchant{ID: "m", Organisation: "o", Name: "M"}))
	var list []engine.Imported
	for n := range addresses {
		list = append(list, engine.Imported{Value: address(n)})
	}
	_, err := s.engine.ImportInstruments(ctx, engine.Pool{Merchant: "m", Mode: engine.Sandbox, Family: engine.EVM}, list)
	s.must(err)
	s.must(s.engine.SaveEndpoint(ctx, engine.Endpoint{ID: "e", Scope: scope, URL: url, Secret: "sealed", Enabled: true}))
}

// order makes an order of 1000 units.
func (s *server) order(public string, deadline time.Time) *engine.Order {
	s.t.Helper()
	wallet := ledger.Wallet("m")
	made, err := s.engine.Create(s.t.Context(), engine.NewOrder{
		Scope: scope, PublicID: public, Network: network,
		Terms: func(engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: wallet, Due: money.FromInt(coin, 1000), To: wallet.Account(ledger.Merchant), OverAny: true,
				Instant: true, Deadline: deadline}, nil, nil
		},
	})
	s.must(err)
	return made.Order
}

func (s *server) state(public string) order.State {
	s.t.Helper()
	o, err := s.engine.Order(s.t.Context(), scope, public)
	s.must(err)
	return o.State
}

// balance is what an account of the merchant holds.
func (s *server) balance(account ledger.Account) string {
	s.t.Helper()
	list, err := s.engine.Balances(s.t.Context(), "m", engine.Sandbox)
	s.must(err)
	for _, b := range list {
		if b.Account == account {
			return b.Amount.Units()
		}
	}
	return "0"
}

// deliver tells and sends until nothing is left to do.
func (s *server) deliver() {
	s.t.Helper()
	once(s.t, s.workers.Tell.RunOnce)
	for once(s.t, s.workers.Send.RunOnce) > 0 {
	}
}

func (s *server) story(public string) engine.Story {
	s.t.Helper()
	story, err := s.engine.Story(s.t.Context(), public)
	s.must(err)
	return story
}

func (s *server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// wanted are the wire ids of an order's events that the test's API tells, in their order.
func wanted(story engine.Story) []string {
	var ids []string
	for _, ev := range story.Events {
		if id, _, _, ok := (plainTeller{}).Tell(ev, story.Order); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

func TestWorkers(t *testing.T) {
	rc := newReceiver(t, nil)
	path := filepath.Join(t.TempDir(), "till.db")
	now := time.Now()
	first := serve(t, path, time.Now, tape{{1, now, nil}})
	first.furnish(1, rc.URL)
	first.listen(1)
	first.order("one", now.Add(window))
	first.close()

	s := serve(t, path, time.Now, tape{{1, now, nil}, {2, now.Add(time.Second), []rail.Observation{pays("tx", 0, 1000, 0, order.RankConfirmed, now.Add(time.Second))}}})
	s.workers.Start(t.Context())
	eventually(t, "the order is completed", func() bool { return s.state("one") == order.Completed })
	want := wanted(s.story("one"))
	eventually(t, "every event is told", func() bool { return len(rc.ids()) >= len(want) })
	s.workers.Stop()
	if got := rc.ids(); !slices.Equal(got, want) {
		t.Errorf("received %v, want %v", got, want)
	}
	for _, r := range rc.received() {
		if err := webhook.VerifyStandard([]webhook.Secret{testSecret}, r.header, []byte(r.body), time.Now()); err != nil {
			t.Error(err)
		}
	}
	for _, m := range s.story("one").Messages {
		if m.State != engine.MessageDelivered || m.Attempts != 1 {
			t.Errorf("message %+v", m)
		}
	}
	var names []string
	for _, status := range s.workers.Health() {
		names = append(names, status.Name)
		if status.Err != nil {
			t.Errorf("%s: %v", status.Name, status.Err)
		}
	}
	if want := []string{"watch chain:test", "tick chain:test", "tick unchosen live", "tick unchosen sandbox", "rest sandbox evm", "low", "tell", "send", "notify email", "notify whatsapp", "notify app", "notify url", "remind", "seal", "forget", "rates", "exchange"}; !slices.Equal(names, want) {
		t.Errorf("health of %v, want %v", names, want)
	}
}

// cases 14, 16, 28: a payment that is told twice, reversed by a reorganisation while nobody watched, and mined
// again is credited once.
func TestReorganisation(t *testing.T) {
	c := &clock{at: start}
	path := filepath.Join(t.TempDir(), "till.db")
	rc := newReceiver(t, nil)
	var told tape
	tell := func(seen ...rail.Observation) *server {
		head := uint64(len(told) + 1)
		told = append(told, block{head, start.Add(time.Duration(head) * time.Second), seen})
		s := serve(t, path, c.now, told)
		if head == 1 {
			s.furnish(1, rc.URL)
		}
		s.listen(head)
		return s
	}
	merchant := ledger.Wallet("m").Account(ledger.Merchant)
	at := start.Add(2 * time.Second)

	s := tell()
	s.order("one", start.Add(window))
	s.close()
	part := pays("a", 0, 600, 0, order.RankConfirmed, at)
	s = tell(part, part)
	if s.state("one") != order.Part {
		t.Errorf("confirmed in part: %s", s.state("one"))
	}
	s.close()
	s = tell(pays("a", 0, 600, 0, order.RankReversed, at))
	if s.state("one") != order.Waiting {
		t.Errorf("reversed: %s", s.state("one"))
	}
	s.close()
	again := pays("a", 0, 600, 1, order.RankConfirmed, at)
	s = tell(again, pays("b", 0, 400, 1, order.RankConfirmed, at), part, again)
	if s.state("one") != order.Completed || s.balance(merchant) != "1000" {
		t.Errorf("mined again: %s with %s", s.state("one"), s.balance(merchant))
	}
	s.deliver()
	story := s.story("one")
	var types []string
	for _, ev := range story.Events {
		types = append(types, ev.Type)
	}
	if !slices.Contains(types, "payment.reversed") {
		t.Errorf("nothing tells of the reversal: %v", types)
	}
	if want := wanted(story); !slices.Equal(rc.ids(), want) {
		t.Errorf("received %v, want %v", rc.ids(), want)
	}
}

// Orders whose clock is behind the chain's stay due for a while. They neither keep others from expiring nor
// the loop from ending.
func TestTickPassesSkewedOrders(t *testing.T) {
	c := &clock{at: start}
	path := filepath.Join(t.TempDir(), "till.db")
	after := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	told := tape{{1, after(60), nil}}
	s := serve(t, path, c.now, told)
	s.furnish(151, "http://127.0.0.1:1/")
	s.listen(1)
	for n := range 150 {
		s.order(fmt.Sprint("skewed", n), after(100)) // the chain is 60 s ahead of us
	}
	c.move(60 * time.Second)
	s.order("straight", after(110))
	s.close()

	told = append(told, block{2, after(115), nil})
	s = serve(t, path, c.now, told)
	s.listen(2)
	c.move(60 * time.Second)
	if n := once(t, s.workers.Ticks[0].RunOnce); n != 151 {
		t.Errorf("%d orders were looked at, want 151", n)
	}
	if s.state("straight") != order.Expired || s.state("skewed0") != order.Waiting || s.state("skewed149") != order.Waiting {
		t.Errorf("straight is %s, skewed are %s and %s", s.state("straight"), s.state("skewed0"), s.state("skewed149"))
	}
	s.close()

	told = append(told, block{3, after(170), nil})
	s = serve(t, path, c.now, told)
	s.listen(3)
	if n := once(t, s.workers.Ticks[0].RunOnce); n != 150 {
		t.Errorf("%d orders were looked at, want 150", n)
	}
	if s.state("skewed0") != order.Expired || s.state("skewed149") != order.Expired {
		t.Errorf("skewed are %s and %s", s.state("skewed0"), s.state("skewed149"))
	}
	if n := once(t, s.workers.Ticks[0].RunOnce); n != 0 {
		t.Errorf("%d orders are still due", n)
	}
}

// poisoned is a store that cannot save one order.
type poisoned struct {
	engine.Store
	order string
}

type poisonedTx struct {
	engine.Tx
	order string
}

var errPoison = errors.New("cannot be saved")

func (p poisoned) Update(ctx context.Context, want engine.Keys, fn func(engine.Tx) error) error {
	return p.Store.Update(ctx, want, func(tx engine.Tx) error { return fn(poisonedTx{tx, p.order}) })
}

func (p poisonedTx) SaveOrder(o *engine.Order) error {
	if o.ID == p.order {
		return errPoison
	}
	return p.Tx.SaveOrder(o)
}

// An order that fails keeps no other from expiring, and shows.
func TestTickPassesAFailingOrder(t *testing.T) {
	c := &clock{at: start}
	path := filepath.Join(t.TempDir(), "till.db")
	told := tape{{1, start, nil}}
	s := serve(t, path, c.now, told)
	s.furnish(3, "http://127.0.0.1:1/")
	s.listen(1)
	s.order("first", start.Add(time.Minute))
	bad := s.order("second", start.Add(time.Minute))
	s.order("third", start.Add(time.Minute))
	s.close()

	s = serve(t, path, c.now, append(told, block{2, start.Add(time.Hour), nil}))
	s.listen(2)
	c.move(time.Hour)
	tick := s.workers.Ticks[0]
	tick.engine = engine.New(poisoned{s.store, bad.ID}, []engine.Network{network}, nil)
	if n, err := tick.RunOnce(t.Context()); n != 3 || !errors.Is(err, errPoison) {
		t.Errorf("%d looked at, %v", n, err)
	}
	if s.state("first") != order.Expired || s.state("second") != order.Waiting || s.state("third") != order.Expired {
		t.Errorf("%s, %s, %s", s.state("first"), s.state("second"), s.state("third"))
	}
}

// case 74, and case 79 behind it, on the real queue.
func TestDeadEndpointOnDisk(t *testing.T) {
	dead := newReceiver(t, nil)
	dead.answers(500)
	well := newReceiver(t, nil)
	c := &clock{at: start}
	s := serve(t, filepath.Join(t.TempDir(), "till.db"), c.now, tape{{1, start, nil}})
	s.furnish(1, dead.URL)
	s.must(s.engine.SaveEndpoint(t.Context(), engine.Endpoint{ID: "well", Scope: scope, URL: well.URL, Secret: "sealed", Enabled: true, Events: []string{"order.created"}}))
	s.listen(1)
	o := s.order("one", start.Add(window))
	s.made = true
	backlog := make([]engine.Message, 1000)
	for i := range backlog {
		backlog[i] = engine.Message{EventID: fmt.Sprint("old", i), OrderID: o.ID, EndpointID: "e", Scope: scope,
			WireID: fmt.Sprint("old", i), Type: "order.old", Body: []byte("{}"), State: engine.MessagePending}
	}
	s.must(s.engine.Told(t.Context(), nil, backlog))
	once(t, s.workers.Tell.RunOnce)
	if n := once(t, s.workers.Send.RunOnce); n != 101 {
		t.Errorf("took up %d messages, want 100 of the dead endpoint and 1 of the other", n)
	}
	if got := well.ids(); len(got) != 1 || len(dead.ids()) != 100 {
		t.Errorf("the other endpoint received %v, the dead one %d", got, len(dead.ids()))
	}
	gone, err := s.engine.Endpoint(t.Context(), "e")
	s.must(err)
	_, err = s.engine.DisableEndpoint(t.Context(), "e", gone.URL)
	s.must(err)
	for once(t, s.workers.Send.RunOnce) > 0 {
	}
	c.move(time.Hour)
	for once(t, s.workers.Send.RunOnce) > 0 {
	}
	if n := len(dead.ids()); n != 100 {
		t.Errorf("a disabled endpoint received %d more", n-100)
	}
	for _, m := range s.story("one").Messages {
		if want := map[string]engine.MessageState{"e": engine.MessageCancelled, "well": engine.MessageDelivered}[m.EndpointID]; m.State != want {
			t.Fatalf("message %+v, want %s", m, want)
		}
	}
}

// A receiver whose certificate has a name with a NUL in it, which the error repeats, holds up nobody: what happened is
// recorded, on each database, and the next message goes out. cases 73, 74
func TestReceiverWhoseNameIsNoText(t *testing.T) {
	rogue := httptest.NewUnstartedServer(http.NotFoundHandler())
	rogue.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, "a\x00b.example")}}
	rogue.Config.ErrorLog = log.New(io.Discard, "", 0)
	rogue.StartTLS()
	t.Cleanup(rogue.Close)
	onEach(t, func(t *testing.T, where string) {
		s := serve(t, where, (&clock{at: start}).now, tape{{1, start, nil}})
		s.furnish(1, strings.Replace(rogue.URL, "127.0.0.1", "localhost", 1))
		s.listen(1)
		s.order("one", start.Add(window))
		once(t, s.workers.Tell.RunOnce)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.workers.Send.RunOnce(ctx); err != nil {
			t.Fatal(err)
		}
		for _, m := range s.story("one").Messages {
			if m.Attempts != 1 || !strings.Contains(m.LastError, "ab.example") {
				t.Errorf("after %d attempts: %q", m.Attempts, m.LastError)
			}
		}
	})
}

// certificate is one that nobody trusts.
func certificate(t *testing.T, name string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// victimTape is what the process that is killed hears.
func victimTape() tape {
	return tape{{1, start, nil}, {2, start.Add(time.Second), []rail.Observation{pays("tx", 0, 1000, 0, order.RankConfirmed, start.Add(time.Second))}}}
}

func victimNow() time.Time { return start.Add(time.Minute) }

// victim runs the workers until the process is killed.
func victim(path string) error {
	client := webhook.NewClient(webhook.Guard{AllowPrivate: true, AllowHTTP: true}, webhook.Options{})
	_, _, workers, err := assemble(path, victimNow, client, victimTape())
	if err != nil {
		return err
	}
	workers.Start(context.Background())
	time.Sleep(2 * time.Minute) // the killpoint comes long before
	return errors.New("nothing killed the process")
}

// buildVictim builds these tests with the places to die.
func buildVictim(t *testing.T) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "worker.test")
	if out, err := exec.Command("go", "test", "-c", "-tags", "killpoint", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	return program
}

// kill runs a victim until it dies at the place.
func kill(t *testing.T, program, place string, env ...string) {
	t.Helper()
	child := exec.Command(program)
	child.Env = append(append(os.Environ(), env...), "TILL_KILLPOINT="+place)
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("ended with %v: %s", err, out)
	}
}

// cases 68, 81: killed with SIGKILL at each marked place and started again, every event reaches the receiver,
// always with the same id and bytes, and the money is booked once.
func TestKilled(t *testing.T) {
	program := buildVictim(t)
	for _, place := range []string{
		"watch.report", "watch.booked", "tell.rendered", "tell.stored",
		"send.claimed", "send.claimed:3", "send.posted", "send.posted:2", "send.record", "send.record:2",
		"seal.batch", "seal.batch:2",
	} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, path string) { killed(t, program, place, path) })
		})
	}
}

func killed(t *testing.T, program, place, path string) {
	rc := newReceiver(t, nil)
	s := serve(t, path, func() time.Time { return start }, victimTape()[:1])
	s.furnish(1, rc.URL)
	s.listen(1)
	s.order("one", start.Add(window))
	s.close()

	kill(t, program, place, "TILL_TEST_VICTIM="+path)

	s = serve(t, path, func() time.Time { return victimNow().Add(time.Minute) }, victimTape())
	s.listen(2)
	s.deliver()
	if s.state("one") != order.Completed || s.balance(ledger.Wallet("m").Account(ledger.Merchant)) != "1000" {
		t.Errorf("the order is %s, the merchant has %s", s.state("one"), s.balance(ledger.Wallet("m").Account(ledger.Merchant)))
	}
	want := map[string]string{}
	for _, m := range s.story("one").Messages {
		want[m.WireID] = string(m.Body)
		if m.State != engine.MessageDelivered {
			t.Errorf("message %+v", m)
		}
	}
	got := map[string]string{}
	for _, r := range rc.received() {
		if before, repeated := got[r.id]; repeated && before != r.body {
			t.Errorf("%s was sent with %q and with %q", r.id, before, r.body)
		}
		got[r.id] = r.body
	}
	if !maps.Equal(got, want) || len(want) != len(wanted(s.story("one"))) {
		t.Errorf("received %v\nwant %v", got, want)
	}
	once(t, s.workers.Seal.RunOnce)
	if r := proved(t, s.store); r.Counted.Unsealed != 0 || r.Counted.Seals == 0 {
		t.Errorf("%d rows are sealed, %d are not", r.Counted.Seals, r.Counted.Unsealed)
	}
	if strings.HasPrefix(place, "send.posted") && len(rc.ids()) == len(want) {
		t.Errorf("nothing was sent twice: the process did not die between the answer and its record")
	}
}
