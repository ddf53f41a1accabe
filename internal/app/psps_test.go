package app

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
)

const pspText = `
[psp.main]
secret_key = "sk_live_fake"
webhook_secret = "whsec_fake"
currencies = ["USD"]
methods = { card = ["card"] }
`

func TestPSPConfig(t *testing.T) {
	cfg, err := load(t, pspText+"name = \"Main\"\n[methods.card.US]\nnetwork = \"main\"\n")
	if err != nil || len(cfg.PSPs) != 1 {
		t.Fatalf("%+v %v", cfg.PSPs, err)
	}
	p := cfg.PSPs[0]
	if p.Rail != "stripe:main" || p.URL != "https://api.stripe.com" || p.Key != "sk_live_fake" || p.Mode != engine.Live || !p.Pages || !p.Custodial || p.Name != "Main" || p.Every != 2*time.Minute {
		t.Errorf("%+v", p)
	}
	served := map[string]string{}
	for _, m := range cfg.Methods {
		if m.Code == "card" && m.Country == "US" {
			served[m.Network] = m.API
		}
	}
	if len(served) != 2 || served["main"] != glomo.Name {
		t.Errorf("cards in USD are paid on %v", served) // the sandbox's stays
	}
	for change, key := range map[string]string{
		`kind = "square"`: "kind", `mode = "test"`: "mode", `mode = "sandbox"`: "mode", `every = "1s"`: "every", `currencies = []`: "currencies", `currencies = ["XXY"]`: "currencies",
		`methods = {}`: "methods", `methods = { card = [] }`: "methods.card", `methods = { card = ["A B"] }`: "methods.card", `url = "https://127.0.0.1"`: "url", `url = "http://api.example.com"`: "url",
		`secret_key_env = "BOTH"`: "secret_key", `webhook_secret = ""`: "webhook_secret", `colour = "red"`: "colour",
	} {
		name, _, _ := strings.Cut(change, " ")
		var lines []string
		for line := range strings.SplitSeq(pspText, "\n") {
			if !strings.HasPrefix(line, name+" = ") {
				lines = append(lines, line)
			}
		}
		if _, err := load(t, strings.Join(lines, "\n")+change+"\n"); err == nil || !strings.Contains(err.Error(), "psp.main."+key) || strings.Contains(err.Error(), "fake") {
			t.Errorf("%s: %v", change, err)
		}
	}
	for text, problem := range map[string]string{
		strings.Replace(pspText, "main", "ethereum-mainnet", 1):                             "psp.ethereum-mainnet",
		pspText + "[methods.card.US]\nnetwork = \"main\"\nprompt = \"qr\"\n":                "methods.card.US.prompt",
		pspText + "[methods.pay_via_bank.US]\nnetwork = \"main\"\n":                         "methods.pay_via_bank.US.network",
		strings.Replace(pspText, `secret_key = "sk_live_fake"`, `secret_key_env = "NO"`, 1): "psp.main.secret_key",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("want %s: %v", problem, err)
		}
	}
}

// service is a payment service that has one session, as far as these tests need it. What it makes it makes once for each idempotency
// key, for which it wants the same words each time.
type service struct {
	mu                sync.Mutex
	away              bool // it answers that it cannot be used at present
	session           map[string]any
	charges, disputes []map[string]any
	refunds           []map[string]any
	keys              map[string]int
	made              map[string]making // by idempotency key
	sessions          int               // that were made
}

// making is what was made, and by which words.
type making struct {
	words  string
	answer map[string]any
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := func(data []map[string]any) map[string]any {
		return map[string]any{"object": "list", "data": append([]map[string]any{}, data...), "has_more": false}
	}
	if r.Header.Get("Authorization") != "Bearer sk_live_fake" || r.ParseForm() != nil {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if s.away {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	once, words := r.Header.Get("Idempotency-Key"), r.URL.Path+"?"+r.PostForm.Encode()
	if once != "" {
		s.keys[once]++
	}
	known, again := s.made[once]
	var answer map[string]any
	switch {
	case again && known.words != words:
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"error": map[string]any{"type": "idempotency_error"}}
	case again:
		answer = known.answer
	case r.Method == http.MethodPost && r.URL.Path == "/v1/checkout/sessions":
		lines := map[string]any{}
		for key := range r.PostForm {
			if name, ok := strings.CutPrefix(key, "metadata["); ok {
				lines[strings.TrimSuffix(name, "]")] = r.PostForm.Get(key)
			}
		}
		sum, _ := strconv.ParseInt(r.PostForm.Get("line_items[0][price_data][unit_amount]"), 10, 64)
		s.session = map[string]any{
			"id": "cs_live_1", "object": "checkout.session", "livemode": true, "mode": "payment", "status": "open", "payment_status": "unpaid", "amount_total": sum,
			"currency": r.PostForm.Get("line_items[0][price_data][currency]"), "client_reference_id": r.PostForm.Get("client_reference_id"), "metadata": lines,
			"payment_intent": nil, "url": "https://pay.example/cs_live_1", "success_url": r.PostForm.Get("success_url"),
		}
		s.sessions++
		answer = s.session
	case r.Method == http.MethodPost && r.URL.Path == "/v1/refunds":
		sum, _ := strconv.ParseInt(r.PostForm.Get("amount"), 10, 64)
		answer = map[string]any{"id": "re_1", "object": "refund", "amount": sum, "currency": "usd", "charge": r.PostForm.Get("charge"), "status": "succeeded",
			"metadata": map[string]any{"till_transfer": r.PostForm.Get("metadata[till_transfer]")}}
		s.refunds = append(s.refunds, answer)
	case strings.HasPrefix(r.URL.Path, "/v1/checkout/sessions/"):
		answer = s.session
	case r.URL.Path == "/v1/charges":
		answer = list(s.charges)
	case r.URL.Path == "/v1/refunds":
		answer = list(s.refunds)
	case r.URL.Path == "/v1/disputes":
		answer = list(s.disputes)
	case r.URL.Path == "/v1/events":
		answer = list(nil)
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if once != "" && !again {
		if s.made == nil {
			s.made = map[string]making{}
		}
		s.made[once] = making{words, answer}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// tells sends a webhook, signed by the published scheme, and returns the answer's status.
func tellsWebhook(t *testing.T, a *App, secret, kind string, about map[string]any) int {
	t.Helper()
	body, err := json.Marshal(map[string]any{"id": "evt_1", "object": "event", "type": kind, "livemode": true, "data": map[string]any{"object": about}})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().Unix()
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", at, body)
	r, err := http.NewRequest(http.MethodPost, a.URL()+"/psp/stripe/main", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", at, hex.EncodeToString(mac.Sum(nil))))
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	got.Body.Close()
	return got.StatusCode
}

// safeLog is a log that is written and read at the same time.
type safeLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// An order of the live mode is paid by card on the service's page, refunded, and disputed. No number of a card is taken
// anywhere on the way.
func TestPaidByCard(t *testing.T) {
	far := &service{keys: map[string]int{}}
	server := httptest.NewServer(far)
	t.Cleanup(server.Close)
	log := &safeLog{}
	text := networksOff + "ethereum-sepolia.enabled = false\n[webhooks]\nallow_private = true\nallow_http = true\n[log]\nlevel = \"debug\"\n[metrics]\nenabled = true\n" +
		strings.Replace(pspText, "[psp.main]", "[psp.main]\nurl = \""+server.URL+"\"", 1) + "[methods.card.US]\nnetwork = \"main\"\napi = \"\"\n"
	a := startIn(t, t.TempDir(), text, log)
	if _, err := a.FirstStart(t.Context(), t.TempDir()+"/keys"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, a, "main", []reason{})

	book, usd := ledger.Owed("default"), fiat("USD")
	made, err := a.Engine.Create(t.Context(), engine.NewOrder{
		Scope: engine.Scope{Merchant: "default", Mode: engine.Live, Dialect: "payin"}, PublicID: "ord_card", Reference: "A-1", Methods: []string{"card"},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: money.FromInt(usd, 2500), To: book.Account(ledger.Merchant), Whole: true, OverAny: true, Instant: true, Deadline: p.Now.Add(time.Hour)}, nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually := func(what string, ok func(o *engine.Order) bool) *engine.Order {
		t.Helper()
		for end := time.Now().Add(deadline); ; <-time.After(20 * time.Millisecond) {
			story, err := a.Engine.Story(t.Context(), "ord_card")
			if err != nil {
				t.Fatal(err)
			}
			if ok(story.Order) {
				return story.Order
			}
			if time.Now().After(end) {
				t.Fatalf("not %s: %s %+v %+v %+v", what, story.Order.State, story.Order.Attempts, story.Order.Chosen, story.Order.Payments)
			}
		}
	}
	if _, err := a.Engine.Choose(t.Context(), made.Order.ID, engine.Pick{Method: "card"}); err != nil {
		t.Fatal(err)
	}
	o := eventually("a page", func(o *engine.Order) bool { _, c, _ := o.Current(); return c.Page.URL != "" })

	// case 92: a card's number that somebody posts to our pages goes nowhere.
	const pan = "4111111111111111"
	for _, path := range []string{"", "/method", "/given", "/sandbox", "/methods", "/live", "/events"} {
		for _, field := range []string{"card", "number", "method", "email", "document"} {
			r, err := http.NewRequest(http.MethodPost, a.URL()+"/pay/order/ord_card"+path, strings.NewReader(url.Values{field: {pan}, "attempt": {"1"}, "outcome": {"success"}}.Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			got, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(got.Body)
			got.Body.Close()
			if got.StatusCode < 300 || strings.Contains(string(body), pan) {
				t.Errorf("%s %s: %d", path, field, got.StatusCode)
			}
		}
	}
	if now := eventually("there", func(*engine.Order) bool { return true }); now.State != order.Waiting || len(now.Attempts) != 1 || strings.Contains(log.String(), pan) {
		t.Errorf("a number was taken: %s, %v", now.State, now.Attempts)
	}
	got, err := http.Get(a.URL() + "/pay/order/ord_card")
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(got.Body)
	got.Body.Close()
	if got.StatusCode != http.StatusOK || !strings.Contains(string(page), `href="https://pay.example/cs_live_1"`) {
		t.Errorf("the page says %d %s", got.StatusCode, page)
	}

	// A webhook alone is not believed: nothing was paid at the service.
	lines := map[string]any{"till_page": o.Instrument.Value}
	for secret, want := range map[string]int{"whsec_fake": 200, "whsec_other": 401, "": 401} {
		if got := tellsWebhook(t, a, secret, "checkout.session.completed", map[string]any{"id": "cs_live_1", "metadata": lines, "payment_status": "paid"}); got != want {
			t.Errorf("a webhook signed with %q: %d", secret, got)
		}
	}
	far.mu.Lock()
	far.session["status"], far.session["payment_status"], far.session["payment_intent"] = "complete", "paid", "pi_1"
	far.charges = []map[string]any{{"id": "ch_1", "object": "charge", "livemode": true, "amount": 2500, "amount_captured": 2500, "amount_refunded": 0, "currency": "usd", "status": "succeeded",
		"disputed": false, "payment_intent": "pi_1", "created": time.Now().Unix(), "metadata": lines}}
	far.mu.Unlock()
	tellsWebhook(t, a, "whsec_fake", "checkout.session.completed", map[string]any{"id": "cs_live_1", "metadata": lines})
	eventually("completed", func(o *engine.Order) bool { return o.State == order.Completed })

	if _, err := a.Engine.Refund(t.Context(), engine.NewRefund{OrderID: made.Order.ID, ID: "refund-1", Amount: money.FromInt(usd, 500), From: ledger.Merchant, Actor: order.ByMerchant, Who: "key"}); err != nil {
		t.Fatal(err)
	}
	o = eventually("refunded", func(o *engine.Order) bool {
		return len(o.Transfers) == 1 && o.Transfers[0].State == order.TransferConfirmed
	})
	if s := o.Sendings["refund-1"]; s.Ref != "re_1" || s.To != "ch_1" {
		t.Errorf("refunded as %+v", s)
	}
	far.mu.Lock()
	far.charges[0]["disputed"] = true
	far.disputes = []map[string]any{{"id": "dp_1", "object": "dispute", "charge": "ch_1", "amount": 2500, "status": "needs_response", "reason": "fraudulent", "balance_transactions": []map[string]any{{"amount": -2500}}}}
	far.mu.Unlock()
	tellsWebhook(t, a, "whsec_fake", "charge.dispute.funds_withdrawn", map[string]any{"id": "dp_1", "payment_intent": "pi_1"})
	o = eventually("reversed", func(o *engine.Order) bool { return o.Payments[0].Rank == order.RankReversed })
	if o.State != order.Completed || o.Balances == nil {
		t.Errorf("after a dispute: %s %v", o.State, o.Balances)
	}
	waitFor(t, a, "main", []reason{pspDisputes})
	if got, err = http.Get(a.URL() + "/metrics"); err != nil {
		t.Fatal(err)
	}
	numbers, _ := io.ReadAll(got.Body)
	got.Body.Close()
	if !strings.Contains(string(numbers), `till_psp_disputes_open{rail="stripe:main"} 1`) {
		t.Errorf("the metrics say nothing of the dispute: %d", got.StatusCode)
	}
	far.mu.Lock()
	defer far.mu.Unlock()
	for key, n := range far.keys {
		if strings.HasPrefix(key, "till-page-") && n != 1 {
			t.Errorf("%s was sent %d times", key, n)
		}
	}
	if strings.Contains(log.String(), "sk_live_fake") || strings.Contains(log.String(), "whsec_fake") {
		t.Error("a secret is in the log")
	}
}
