package app

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/simchain"
	"till/internal/verify"
)

// victims is these tests built with the places to die, once for all of them; TestMain removes it.
var victims struct {
	sync.Once
	dir, program string
	err          error
}

// victimProgram is the path of a server that dies at the place TILL_KILLPOINT names.
func victimProgram(t *testing.T) string {
	t.Helper()
	victims.Do(func() {
		if victims.dir, victims.err = os.MkdirTemp("", "till-app-"); victims.err != nil {
			return
		}
		victims.program = filepath.Join(victims.dir, "app.test")
		if out, err := exec.Command("go", "test", "-c", "-tags", "killpoint", "-o", victims.program, ".").CombinedOutput(); err != nil {
			victims.err = fmt.Errorf("go test -c: %w\n%s", err, out)
		}
	})
	if victims.err != nil {
		t.Fatal(victims.err)
	}
	return victims.program
}

// victimServer is the main of the processes that are killed. It says where it listens.
func victimServer(config string) error {
	cfg, err := LoadConfig(config, walletIs, io.Discard)
	if err != nil {
		return err
	}
	a, err := Start(context.Background(), cfg)
	if err != nil {
		return err
	}
	fmt.Println(a.URL())
	select {
	case err = <-a.Failed():
	case <-time.After(4 * deadline):
		err = errors.New("the place was not reached")
	}
	return err
}

// killServer runs a server of its own on a config until it dies at the place. listens is called with its address; nil: nothing is asked
// of it.
func killServer(t *testing.T, program, config, place string, listens func(url string)) {
	t.Helper()
	child := exec.Command(program)
	child.Env = append(os.Environ(), "TILL_TEST_SERVER="+config, "TILL_KILLPOINT="+place)
	var said strings.Builder
	child.Stderr = &said
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if listens != nil {
			listens(lines.Text())
		}
	}
	err = child.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("%s: ended with %v: %s", place, err, said.String())
	}
}

// cases 36, 68, 81: the whole server, killed at each marked place between a payment on a chain of another process and the webhook that
// tells of it, books it once and tells of it, always with the same id and bytes; and what was booked lies on the chain.
func TestKilledReceiving(t *testing.T) {
	program := victimProgram(t)
	eachWhereKilled(t, []string{
		"watch.report", "watch.booked", "tell.rendered", "tell.stored", "send.claimed", "send.posted", "send.record", "seal.batch",
	}, func(t *testing.T, place, database string) { killedReceiving(t, program, place, database) })
}

func killedReceiving(t *testing.T, program, place, database string) {
	chain, err := simchain.Start(simchain.Config{BlockTime: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	chain.Pause()
	rc := newHook(t)
	dir := t.TempDir()
	text := networksOff + ownNetwork(chain, chain.ChainID()) + "[server]\naddr = \"127.0.0.1:0\"\n[webhooks]\nallow_private = true\nallow_http = true\n" + database
	a := startIn(t, dir, text, io.Discard)
	id := rc.order(a, dir)
	stop(t, a)
	if _, err := chain.Transfer(t.Context(), chain.Tokens()["USDT"].Address, common.HexToAddress(goodContract), big.NewInt(1_000_000)); err != nil {
		t.Fatal(err)
	}
	chain.Mine(3)

	config := filepath.Join(dir, "till.toml")
	killServer(t, program, config, place, nil)

	a = restart(t, config, 10*time.Minute)
	var story engine.Story
	rc.eventually("the order is completed and told", func() bool {
		if story, err = a.Engine.Story(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return story.Order.State == order.Completed && len(story.Messages) == 1 && story.Messages[0].State == engine.MessageDelivered
	})
	if n := len(story.Order.Payments); n != 1 || len(story.Entries) != 1 {
		t.Errorf("%d payments and %d entries", n, len(story.Entries))
	}
	balances, err := a.Engine.Balances(t.Context(), "default", engine.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range balances {
		if b.Account == ledger.Wallet("default").Account(ledger.Merchant) && b.Amount.Units() != "1000000" {
			t.Errorf("the merchant has %s", b.Amount)
		}
	}
	rc.told(story.Messages[0], place == "send.posted")

	proof := Proof{RPC: map[string]string{"sim": chain.RPCURL()}}
	var report *verify.Report
	rc.eventually("everything is under seal", func() bool {
		if report, err = Verify(t.Context(), Books{Config: config, Env: noEnv, Log: io.Discard}, proof); err != nil {
			t.Fatal(err)
		}
		return report.Counted.Unsealed == 0 && report.Counted.Seals > 0
	})
	for _, problem := range report.Problems {
		t.Error(problem)
	}
	if notes := strings.Join(report.Notes, "\n"); !strings.Contains(notes, "sim: 1 addresses; USDT: booked 1.000000, held 1.000000") {
		t.Errorf("of the chain the proof says %q", notes)
	}
}

// case 81: a server killed at each marked place between asking a card service for a page and remembering that it gave money back goes on
// when it is started again: one page is made, the payment is booked once, and one refund is made.
func TestKilledAtTheCardService(t *testing.T) {
	program := victimProgram(t)
	eachWhereKilled(t, []string{"page.made", "page.told", "page.heard", "page.looked", "refund.made"}, func(t *testing.T, place, database string) { killedAtTheCardService(t, program, place, database) })
}

func killedAtTheCardService(t *testing.T, program, place, database string) {
	far := &service{keys: map[string]int{}}
	server := httptest.NewServer(far)
	t.Cleanup(server.Close)
	away := func(is bool) {
		far.mu.Lock()
		defer far.mu.Unlock()
		far.away = is
	}
	dir := t.TempDir()
	text := networksOff + "ethereum-sepolia.enabled = false\n[server]\naddr = \"127.0.0.1:0\"\npublic_url = \"https://till.example\"\n[webhooks]\nallow_private = true\nallow_http = true\n" +
		strings.Replace(pspText, "[psp.main]", "[psp.main]\nurl = \""+server.URL+"\"", 1) + "[methods.card.US]\nnetwork = \"main\"\napi = \"\"\n" + database
	config := filepath.Join(dir, "till.toml")
	a := startIn(t, dir, text, io.Discard)
	if _, err := a.FirstStart(t.Context(), filepath.Join(dir, FirstKeysFile)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, a, "main", []reason{})
	later := time.Duration(0)
	again := func() *App {
		later = 10 * time.Minute
		return restart(t, config, later)
	}

	away(place == "page.made" || place == "page.told") // so that the page is left to the server that dies
	book, due := ledger.Owed("default"), money.FromInt(fiat("USD"), 2500)
	made, err := a.Engine.Create(t.Context(), engine.NewOrder{
		Scope: engine.Scope{Merchant: "default", Mode: engine.Live, Dialect: "payin"}, PublicID: "ord_card", Reference: "A-1", Methods: []string{"card"},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: due, To: book.Account(ledger.Merchant), Whole: true, OverAny: true, Instant: true, Deadline: p.Now.Add(time.Hour)}, nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Engine.Choose(t.Context(), made.Order.ID, engine.Pick{Method: "card"}); err != nil {
		t.Fatal(err)
	}
	g := &gatewayKit{T: t, app: a}
	if place == "page.made" || place == "page.told" {
		stop(t, a)
		away(false)
		killServer(t, program, config, place, nil)
		g.app = again()
	}
	o := g.eventually("ord_card", "given its page", func(o *engine.Order) bool { _, c, _ := o.Current(); return c.Page.URL != "" })

	lines := map[string]any{"till_page": o.Instrument.Value}
	paid := map[string]any{"id": "cs_live_1", "metadata": lines}
	far.mu.Lock()
	far.session["status"], far.session["payment_status"], far.session["payment_intent"] = "complete", "paid", "pi_1"
	far.charges = []map[string]any{{"id": "ch_1", "object": "charge", "livemode": true, "amount": 2500, "amount_captured": 2500, "amount_refunded": 0, "currency": "usd", "status": "succeeded",
		"disputed": false, "payment_intent": "pi_1", "created": time.Now().Unix(), "metadata": lines}}
	far.mu.Unlock()
	if place == "page.heard" || place == "page.looked" {
		stop(t, g.app)
		killServer(t, program, config, place, func(url string) { callFrom(t, url, time.Now(), paid) })
		g.app = again()
	} else {
		callFrom(t, g.app.URL(), time.Now().Add(later), paid)
	}
	g.eventually("ord_card", "completed", func(o *engine.Order) bool { return o.State == order.Completed })

	giveBack := engine.NewRefund{OrderID: made.Order.ID, ID: "refund-1", Amount: money.FromInt(fiat("USD"), 500), From: ledger.Merchant, Actor: order.ByMerchant, Who: "key"}
	if place != "refund.made" {
		_, err = g.app.Engine.Refund(t.Context(), giveBack)
	} else {
		stop(t, g.app)
		atRest(t, config, func(e *engine.Engine) { _, err = e.Refund(t.Context(), giveBack) })
		killServer(t, program, config, place, nil)
		g.app = again()
	}
	if err != nil {
		t.Fatal(err)
	}
	o = g.eventually("ord_card", "refunded", func(o *engine.Order) bool {
		return len(o.Transfers) == 1 && o.Transfers[0].State == order.TransferConfirmed
	})
	if len(o.Attempts) != 1 || len(o.Payments) != 1 || !o.Received().Equal(due) || o.Sendings["refund-1"].Ref != "re_1" {
		t.Errorf("%d attempts, the payments %+v, refunded as %+v", len(o.Attempts), o.Payments, o.Sendings)
	}
	verified(t, g.app)
	far.mu.Lock()
	defer far.mu.Unlock()
	if far.sessions != 1 || len(far.refunds) != 1 {
		t.Errorf("%d sessions and %d refunds were made: %v", far.sessions, len(far.refunds), far.keys)
	}
}

// callFrom calls a server, whose time is now, as the card service does when a session was paid. The server may be gone before it answers.
func callFrom(t *testing.T, url string, now time.Time, session map[string]any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"id": "evt_1", "object": "event", "type": "checkout.session.completed", "livemode": true, "data": map[string]any{"object": session}})
	if err != nil {
		t.Fatal(err)
	}
	at := now.Unix()
	mac := hmac.New(sha256.New, []byte("whsec_fake"))
	fmt.Fprintf(mac, "%d.%s", at, body)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/psp/stripe/main", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", at, hex.EncodeToString(mac.Sum(nil))))
	if answer, err := http.DefaultClient.Do(r); err == nil {
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("the server answered %d", answer.StatusCode)
		}
	}
}

// hook receives webhooks.
type hook struct {
	*testing.T
	url string
	mu  sync.Mutex
	got []webhookCall
}

type webhookCall struct{ id, body string }

func newHook(t *testing.T) *hook {
	h := &hook{T: t}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the process died in the middle of it
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got = append(h.got, webhookCall{r.Header.Get("webhook-id"), string(body)})
	}))
	t.Cleanup(s.Close)
	h.url = s.URL
	return h
}

// order makes the order of a new server that is told of at the hook, to be paid 1 USDT at goodContract, and returns its id.
func (h *hook) order(a *App, dir string) string {
	h.Helper()
	keys, err := a.FirstStart(h.Context(), filepath.Join(dir, FirstKeysFile))
	if err != nil {
		h.Fatal(err)
	}
	pool := engine.Pool{Merchant: "default", Mode: engine.Sandbox, Family: engine.EVM}
	if _, err := a.Engine.ImportInstruments(h.Context(), pool, []engine.Imported{{Value: goodContract}}); err != nil {
		h.Fatal(err)
	}
	waitFor(h.T, a, "sim", []reason{})
	api := client.New(a.URL()+client.Path, keys.OperatorToken.Reveal(), http.DefaultClient)
	if _, err := api.AddEndpoint(h.Context(), client.NewEndpoint{Merchant: "default", Mode: "sandbox", Dialect: "payin", Name: "hook", URL: h.url, Events: []string{"order.completed"}}); err != nil {
		h.Fatal(err)
	}
	code, answer := post(h.T, a, keys.APIKeys["payin"].Test, `{"orderReference":"killed","amount":"1.00","currency":"USDT","chainId":"sim"}`)
	var made struct{ OrderID, Address string }
	if err := json.Unmarshal([]byte(answer), &made); err != nil || code != http.StatusCreated || made.Address != goodContract {
		h.Fatalf("%d %s %v", code, answer, err)
	}
	return made.OrderID
}

func (h *hook) eventually(what string, done func() bool) {
	h.Helper()
	for end := time.Now().Add(deadline); !done(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.Fatalf("waited %s in vain: %s", deadline, what)
		}
	}
}

// told checks that nothing but the message came, and that it came more than once where the process died before it could note the first.
func (h *hook) told(m engine.Message, again bool) {
	h.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, call := range h.got {
		if call.id != m.WireID || call.body != string(m.Body) {
			h.Errorf("received %+v, the message is %s %s", call, m.WireID, m.Body)
		}
	}
	if len(h.got) == 0 || again && len(h.got) == 1 {
		h.Errorf("received %d times", len(h.got))
	}
}
