package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/page"
	"till/internal/page/pagetest"
	"till/internal/rail"
)

// The methods of these tests, and the network that plays them.
var (
	cop    = money.MustAsset("COP", "", 2)
	played = engine.Network{ID: "sandbox", Name: "Sandbox", Family: "sandbox", Mode: engine.Sandbox, Rail: "sandbox", Prefix: "SBX-",
		Custodial: true, Simulated: true, Tokens: []engine.Token{{Asset: cop}}}
	// kept is an account of the house at a bank, which tells of money the day after.
	kept = engine.Network{ID: "giro", Name: "Giro", Family: "bank:giro", Mode: engine.Sandbox, Rail: "bank:giro", Custodial: true,
		Tokens: []engine.Token{{Asset: cop}}, Reference: func(io.Reader) (string, error) { return creditor, nil }}
	// service has pages of its own, one for each attempt.
	service = engine.Network{ID: "psp", Name: "Service", Family: "psp:one", Mode: engine.Sandbox, Rail: "psp:one", Custodial: true, Prefix: "PSP-", Pages: true,
		Tokens: []engine.Token{{Asset: cop}}}
	ways = []engine.Method{
		{Code: "FAR", Name: "Far card", Country: "CO", Currency: "COP", Network: "psp", Prompt: engine.PromptLink},
		{Code: "PSE", Name: "PSE", Country: "CO", Currency: "COP", Network: "sandbox", Prompt: engine.PromptLink, Reports: true,
			Required: []string{"bank", "document", "email", "phone"}, Banks: []string{"BANCOLOMBIA", "DAVIVIENDA"}},
		{Code: "NEQUI", Name: "Nequi", Country: "CO", Currency: "COP", Network: "sandbox", Prompt: engine.PromptQR, Reports: true},
		{Code: "CARD", Name: "Card", Country: "CO", Currency: "COP", Network: "sandbox", Prompt: engine.PromptLink, Cards: []engine.TestCard{
			{Number: cardGood}, {Number: cardDeclined, Declines: "card_declined"}, {Number: cardNoFunds, Declines: "insufficient_funds"},
			{Number: cardCode, Code: true}, {Number: cardCodeDeclined, Code: true, Declines: "card_declined"},
		}},
		{Code: "pay_via_bank", Name: "Pay via bank", Country: "CO", Currency: "COP", Network: "sandbox", Prompt: engine.PromptLink},
		{Code: "TRANSFER", Name: "Bank transfer", Country: "CO", Currency: "COP", Network: "sandbox", Prompt: engine.PromptTransfer,
			Details: engine.BankDetails{Bank: "Banco de Prueba", Holder: "Till Sandbox", Account: "646180157000000004"}},
		{Code: "SEPA", Name: "SEPA transfer", Country: "DE", Currency: "COP", Network: "giro", Prompt: engine.PromptTransfer,
			Details: engine.BankDetails{Bank: "Giro", Holder: "Shop GmbH", Account: "DE89370400440532013000", BIC: "COBADEFFXXX"},
			Scan:    func(in string, a money.Amount) string { return "BCD\n002\n1\nSCT\n" + in + "\n" + a.String() }},
		{Code: "PIX_STATIC", Name: "Pix", Country: "BR", Currency: "COP", Network: "giro", Prompt: engine.PromptQR,
			Scan: func(in string, a money.Amount) string { return "000201BR.GOV.BCB.PIX54" + a.Decimal() + "6221" + in }},
	}
)

// The cards that the made-up far side of these tests knows, and the number of one that it does not.
const (
	cardGood         = "4242424242424242"
	cardDeclined     = "4000000000000002"
	cardNoFunds      = "4000000000009995"
	cardCode         = "3469122222222222"
	cardCodeDeclined = "3790802222222223"
	cardUnknown      = "4111111111111111"
)

// creditor is the reference of an order whose payer transfers to the house's bank.
const creditor = "RF712348231"

// play makes a payment up as the sandbox's rail does.
func (h *house) play(ctx context.Context, p Played) error {
	h.mu.Lock()
	h.seen++
	if p.ID == "" {
		p.ID = fmt.Sprint("new-", h.seen)
	}
	h.mu.Unlock()
	return h.engine.Observe(ctx, played, engine.Report{Progress: engine.Progress{Rail: played.Rail, Fence: 1}, Seen: []rail.Observation{{
		External: p.ID, Instrument: p.Reference, Rank: order.RankConfirmed, Amount: p.Amount, Value: h.clock(),
		Evidence: order.Evidence{Tx: p.ID, Document: p.Document},
	}}})
}

// bill makes an order of 120,000 COP whose payer chooses; change makes it another.
func (h *house) bill(id string, change func(n *engine.NewOrder, t *order.Terms)) *engine.Order {
	h.Helper()
	book := ledger.Owed(scope.Merchant)
	n := engine.NewOrder{Scope: scope, PublicID: id, Reference: "A-" + id, Methods: []string{engine.AnyMethod}}
	t := order.Terms{Book: book, Due: amount(h, cop, "120000"), To: book.Account(ledger.Merchant), Whole: true, OverAny: true, Instant: true,
		Deadline: h.clock().Add(window), MerchantCancels: true}
	if change != nil {
		change(&n, &t)
	}
	n.Terms = func(engine.Plan) (order.Terms, json.RawMessage, error) { return t, nil, nil }
	made, err := h.engine.Create(context.Background(), n)
	h.must(err)
	return made.Order
}

func one(code string) func(n *engine.NewOrder, t *order.Terms) {
	return func(n *engine.NewOrder, t *order.Terms) {
		for _, m := range ways {
			if m.Code == code {
				n.Methods, n.Method, n.Given, t.OneAttempt = []string{code}, &m, map[string]string{"bank": "DAVIVIENDA"}, true
			}
		}
	}
}

func enforced(code string) func(n *engine.NewOrder, t *order.Terms) {
	return func(n *engine.NewOrder, t *order.Terms) {
		one(code)(n, t)
		n.Enforced = engine.Enforced{Country: "CO", Document: "1020304050"}
	}
}

func (h *house) picks(id, code string) {
	h.Helper()
	o, _, err := h.engine.ForPayer(context.Background(), id, h.clock())
	h.must(err)
	_, err = h.engine.Choose(context.Background(), o.ID, engine.Pick{Method: code})
	h.must(err)
}

// order is the order as it is.
func (h *house) order(id string) *engine.Order {
	h.Helper()
	o, _, err := h.engine.ForPayer(context.Background(), id, h.clock())
	h.must(err)
	return o
}

// pays makes a payment up at the order's present instrument.
func (h *house) pays(id, decimal, document string) {
	h.Helper()
	h.must(h.play(context.Background(), Played{Reference: h.order(id).Instrument.Value, Amount: amount(h, cop, decimal), Document: document}))
}

func (h *house) declines(id string) {
	h.Helper()
	o := h.order(id)
	attempt, _, _ := o.Current()
	_, err := h.engine.Declined(context.Background(), o.ID, attempt, "")
	h.must(err)
}

// methodStages are what the payer of a method can be shown, with what must be read there and what must not.
var methodStages = []struct {
	name, path string
	get        func(h *house)
	want, not  []string
}{
	{"choosing", "", func(h *house) { h.bill("ord_m", nil) },
		[]string{"How do you want to pay?", "PSE", "Nequi", "Bank transfer", "120,000.00\u00a0COP", "Two tickets"}, []string{"SBX-"}},
	{"asking", "", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "PSE") },
		[]string{"To pay with PSE the following is needed first", "Your bank", "Your identity document number", "Your e-mail address", "Pay in another way"}, []string{"SBX-", "Continue to PSE"}},
	{"link", "", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "CARD") }, []string{"with Card", "Continue to Card", "Pay in another way"}, []string{"SBX-"}},
	{"page-waits", "", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "FAR") }, []string{"with Far card", "The payment page of Far card is being prepared", "Pay in another way"}, []string{"Continue to", "PSP-"}},
	{"page", "", func(h *house) {
		h.bill("ord_m", nil)
		h.picks("ord_m", "FAR")
		h.hears(rail.Session{URL: "https://far.example/1"})
	},
		[]string{"Continue to Far card"}, []string{"being prepared", "was declined"}},
	{"page-declined", "", func(h *house) {
		h.bill("ord_m", nil)
		h.picks("ord_m", "FAR")
		h.hears(rail.Session{URL: "https://far.example/1", Reason: "insufficient_funds"})
	}, []string{"Continue to Far card", "The payment was declined"}, nil},
	{"qr", "", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "NEQUI") }, []string{"Scan to pay with Nequi", "Continue to Nequi"}, nil},
	{"transfer", "", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "TRANSFER") },
		[]string{"Transfer exactly", "646180157000000004", "With this reference", "SBX-", "Banco de Prueba", "Till Sandbox"}, nil},
	{"only", "", func(h *house) { h.bill("ord_m", one("TRANSFER")) }, []string{"646180157000000004"}, []string{"Pay in another way"}},
	{"long", "", func(h *house) {
		h.bill("ord_m", func(_ *engine.NewOrder, t *order.Terms) { t.Deadline = started.Add(30 * 24 * time.Hour) })
	}, []string{"Pay before"}, []string{"Time left"}},
	{"sepa", "", func(h *house) { h.bill("ord_m", one("SEPA")) },
		[]string{"Transfer exactly", "DE89370400440532013000", "COBADEFFXXX", creditor, "Shop GmbH", "Scan to pay with SEPA transfer", "in its next statement"}, []string{"Or copy this text"}},
	{"pix", "", func(h *house) { h.bill("ord_m", one("PIX_STATIC")) },
		[]string{"Scan to pay with Pix", "Or copy this text", "000201BR.GOV.BCB.PIX54120000.006221" + creditor, "120,000.00\u00a0COP and the reference", "in its next statement"}, []string{"Transfer exactly"}},
	{"sepa-part", "", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "SEPA"); h.wires("ord_m", "70000") },
		[]string{"70,000.00\u00a0COP arrived, which is not the amount due", "please pay 120,000.00\u00a0COP in one payment"}, nil},
	{"sepa-late", "", func(h *house) { h.bill("ord_m", one("SEPA")); h.expires(); h.wires("ord_m", "120000") },
		[]string{"This order has expired", "Arrived late", "120,000.00\u00a0COP", "Money arrived after the order had ended"}, []string{"DE89370400440532013000"}},
	{"declined", "", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "CARD"); h.declines("ord_m") },
		[]string{"The payment was declined, and nothing was paid", "How do you want to pay?", "Card"}, nil},
	{"failed", "", func(h *house) { h.bill("ord_m", one("CARD")); h.declines("ord_m") }, []string{"The payment was declined", "this order has ended", "Return to 127.0.0.1"}, nil},
	{"unfit", "", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "TRANSFER"); h.pays("ord_m", "100000", "") },
		[]string{"100,000.00\u00a0COP arrived, which is not the amount due", "please pay 120,000.00\u00a0COP in one payment"}, nil},
	{"stranger", "", func(h *house) { h.bill("ord_m", enforced("NEQUI")); h.pays("ord_m", "120000", "9.988.776") },
		[]string{"120,000.00\u00a0COP arrived from somebody whose document is not the one", "Scan to pay with Nequi"}, nil},
	{"completed", "", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "TRANSFER"); h.pays("ord_m", "120000", "") },
		[]string{"Payment complete", "120,000.00\u00a0COP", "Return to 127.0.0.1"}, []string{"646180157000000004"}},
	{"expired", "", func(h *house) { h.bill("ord_m", nil); h.expires() }, []string{"This order has expired", "Nothing arrived in time"}, []string{"How do you want to pay?"}},
	{"cancelled", "", func(h *house) {
		o := h.bill("ord_m", nil)
		_, err := h.engine.Cancel(context.Background(), o.ID, order.ByMerchant, "shop", "")
		h.must(err)
	}, []string{"This order was closed", "It can no longer be paid"}, nil},
	{"methods", "/methods", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "CARD") }, []string{"How do you want to pay?", "PSE", "Stay with Card"}, nil},
	{"given", "/given", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "PSE") }, []string{"Your bank", "Continue"}, nil},
	{"sandbox", "/sandbox", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "NEQUI") }, []string{"Nequi (test)", "The payment succeeds", "The payment fails"}, []string{"Document"}},
	{"sandbox-card", "/sandbox", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "CARD") }, []string{"Card number", "4242 4242 4242 4242 pays"}, []string{"The payment fails"}},
	{"sandbox-bank", "/sandbox", func(h *house) { h.bill("ord_m", nil); h.picks("ord_m", "pay_via_bank") }, []string{"Pay via bank (test)", "stands for your bank", "Authorise the payment", "Decline"}, []string{"Card number"}},
	{"sandbox-document", "/sandbox", func(h *house) { h.bill("ord_m", enforced("NEQUI")) }, []string{"Document of the payer"}, []string{"1020304050"}},
}

// hears is what the service says of the page of the order's present attempt.
func (h *house) hears(s rail.Session) {
	h.Helper()
	h.must(h.engine.Observe(context.Background(), service, engine.Report{Progress: engine.Progress{Rail: service.Rail, Fence: 1}, Seen: []rail.Observation{{
		Instrument: h.order("ord_m").Instrument.Value, Value: h.clock(), Session: &s,
	}}}))
}

// The page leads to the service's own, and there is no page of the sandbox's beside.
func TestPageOfAService(t *testing.T) {
	h := open(t)
	h.bill("ord_m", nil)
	h.picks("ord_m", "FAR")
	h.hears(rail.Session{URL: "https://far.example/pay?x=1&y=2"})
	if _, body := h.fetch(h.page("ord_m")); !strings.Contains(body, `href="https://far.example/pay?x=1&amp;y=2"`) {
		t.Errorf("%s", body)
	}
	if status, to, _ := h.send("/sandbox", url.Values{"attempt": {"1"}, "card": {cardGood}, "outcome": {"success"}}); status != http.StatusSeeOther || to != "../ord_m" || h.order("ord_m").State != order.Waiting {
		t.Errorf("%d to %q, the order is %s", status, to, h.order("ord_m").State)
	}
}

// A payer types in a test card whose bank asks for a one-time code, mistypes the code, and pays.
func TestPayerPaysByTestCard(t *testing.T) {
	for _, noScript := range []bool{false, true} {
		t.Run(fmt.Sprintf("without JavaScript %v", noScript), func(t *testing.T) {
			h := open(t)
			h.bill("ord_m", nil)
			h.picks("ord_m", "CARD")
			tab := pagetest.Open(t, pagetest.Look{Phone: true, NoScript: noScript})
			tab.Allow("422") // the answer to a form that is not right
			tab.Go(h.page("ord_m") + "/sandbox")
			tab.Type("#card", "3469 1222 2222 2222")
			tab.Click("form button")
			tab.UntilText("label", "One-time code")
			if !noScript { // what looks is a script
				tab.Axe()
				tab.Picture("method-sandbox-code")
			}
			tab.Type("#code", "abc")
			tab.Click("form button")
			tab.UntilText("#code-error", "1 to 8 digits")
			tab.Type("#code", "123456")
			tab.Click("form button")
			tab.UntilText("h1", "Payment complete")
		})
	}
}

// wires is what the bank's statement tells of money that names the order's reference.
func (h *house) wires(id, decimal string) {
	h.Helper()
	h.must(h.engine.Observe(context.Background(), kept, engine.Report{Progress: engine.Progress{Rail: kept.Rail, Fence: 1}, Seen: []rail.Observation{{
		External: "booked-1", Instrument: h.order(id).Instrument.Value, Rank: order.RankConfirmed, Amount: amount(h, cop, decimal), Value: h.clock(),
	}}}))
}

// expires lets the time of an order pass on which nothing was chosen.
func (h *house) expires() {
	h.Helper()
	h.mu.Lock()
	h.now = h.now.Add(window + time.Minute)
	h.mu.Unlock()
	for _, on := range []rail.Name{"", kept.Rail} {
		_, err := h.engine.Tick(context.Background(), engine.Sandbox, on, h.clock())
		h.must(err)
	}
}

// Every stage in every look, as TestStages.
func TestMethodStages(t *testing.T) {
	urls := map[string]string{}
	for _, s := range methodStages {
		h := open(t)
		h.title, h.back = "Two tickets", h.url+"/shop/back"
		s.get(h)
		urls[s.name] = h.page("ord_m") + s.path
	}
	for _, look := range pagetest.Looks() {
		t.Run(look.Name(), func(t *testing.T) {
			tab := pagetest.Open(t, look)
			for _, s := range methodStages {
				if status := tab.Go(urls[s.name]); status != http.StatusOK {
					t.Fatalf("%s: status %d", s.name, status)
				}
				if tab.Has("[data-stay]") {
					tab.Click("[data-stay]")
				}
				text := tab.Text("main")
				for _, want := range s.want {
					if !strings.Contains(text, want) {
						t.Errorf("%s: %q is not on the page:\n%s", s.name, want, text)
					}
				}
				for _, not := range s.not {
					if strings.Contains(text, not) {
						t.Errorf("%s: %q is on the page:\n%s", s.name, not, text)
					}
				}
				tab.Axe()
				tab.Picture("method-" + s.name)
			}
		})
	}
}

// The whole way of a payer, with and without JavaScript: he chooses, says what is asked for, is declined, chooses again, pays,
// and is taken back to the merchant.
func TestPayerPaysByMethod(t *testing.T) {
	for _, noScript := range []bool{false, true} {
		t.Run(fmt.Sprintf("without JavaScript %v", noScript), func(t *testing.T) {
			h := open(t)
			h.back = h.url + "/shop/done"
			h.bill("ord_m", nil)
			tab := pagetest.Open(t, pagetest.Look{Phone: true, NoScript: noScript})
			tab.Allow("422") // the answer to a form that is not right
			tab.Go(h.page("ord_m"))
			tab.Click(`button[value="PSE"]`)
			tab.UntilText("main", "Your bank")
			tab.Type("#document", "!")
			tab.Type("#email", "ana@example.com")
			tab.Type("#phone", "+57 300 123 4567")
			selectBank(tab)
			tab.Click("form button")
			tab.UntilText("#document-error", "does not look right")
			if got := tab.Attribute("#email", "value"); got != "ana@example.com" {
				t.Errorf("what was typed is gone: %q", got)
			}
			if !noScript { // what looks is a script
				tab.Axe()
			}
			empty(tab, "#document")
			tab.Type("#document", "1020304050")
			tab.Click("form button")
			tab.UntilText("main", "Continue to PSE")
			tab.Click("a.button")
			tab.UntilText("h1", "PSE (test)")
			tab.Click(`button[value="failure"]`)
			tab.UntilText("main", "The payment was declined")
			tab.Click(`button[value="CARD"]`)
			tab.UntilText("main", "Continue to Card")
			tab.Click(".change a")
			tab.UntilText("main", "Stay with Card")
			tab.Click(".change a")
			tab.UntilText("main", "Continue to Card")
			tab.Click("a.button")
			tab.UntilText("h1", "Card (test)")
			tab.Type("#card", "1234")
			tab.Click("form button")
			tab.UntilText("#card-error", "Only the test cards")
			if !noScript { // what looks is a script
				tab.Axe()
			}
			empty(tab, "#card")
			tab.Type("#card", "4242 4242 4242 4242")
			tab.Click("form button")
			tab.UntilText("h1", "Payment complete")
			h.arrives(tab, h.back)
			o := h.order("ord_m")
			if o.State != order.Completed || len(o.Attempts) != 2 || o.Attempts[1].State != order.AttemptSucceeded {
				t.Errorf("the order is %s with %v", o.State, o.Attempts)
			}
		})
	}
}

// empty takes out of a field what was typed.
func empty(tab *pagetest.Tab, selector string) {
	pagetest.Eval[bool](tab, `(() => { document.querySelector("`+selector+`").value = ""; return true })()`)
}

// selectBank chooses the second bank with the keyboard's means: a page without JavaScript has no others.
func selectBank(tab *pagetest.Tab) {
	pagetest.Eval[bool](tab, `(() => { document.querySelector("#bank").value = "DAVIVIENDA"; return true })()`)
}

// send posts a form as a browser of the same site does, and follows nothing.
func (h *house) send(path string, values url.Values) (int, string, string) {
	h.Helper()
	r, err := http.NewRequest(http.MethodPost, h.page("ord_m")+path, strings.NewReader(values.Encode()))
	h.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(r)
	h.must(err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	h.must(err)
	return got.StatusCode, got.Header.Get("Location"), string(body)
}

// Cards decide by their number, whatever button was pressed; those with a one-time code once it was given.
func TestCards(t *testing.T) {
	for _, test := range []struct {
		card   string
		codes  []string // typed on the page after the card's
		status int      // of the last page
		want   order.State
		why    string
	}{
		{cardGood, nil, 303, order.Completed, ""},
		{"4242 4242-4242 4242", nil, 303, order.Completed, ""},
		{cardDeclined, nil, 303, order.Failed, "card_declined"},
		{cardNoFunds, nil, 303, order.Failed, "insufficient_funds"},
		{cardUnknown, nil, 422, order.Waiting, ""},
		{"", nil, 422, order.Waiting, ""},
		{cardGood + "0", nil, 422, order.Waiting, ""},
		{cardCode, nil, 200, order.Waiting, ""},
		{cardCode, []string{"x"}, 422, order.Waiting, ""},
		{cardCode, []string{"", "123456789", "1234"}, 303, order.Completed, ""},
		{cardCodeDeclined, []string{"12 34", "0000"}, 303, order.Failed, "card_declined"},
	} {
		h := open(t)
		h.bill("ord_m", one("CARD"))
		status, _, body := h.send("/sandbox", url.Values{"attempt": {"1"}, "card": {test.card}, "outcome": {"success"}})
		for _, code := range test.codes {
			ends := between(body, `name="ends" value="`, `"`)
			if ends == "" {
				t.Fatalf("%s: no code is asked for:\n%s", test.card, body)
			}
			status, _, body = h.send("/sandbox", url.Values{"attempt": {"1"}, "ends": {ends}, "code": {code}})
		}
		o := h.order("ord_m")
		if status != test.status || o.State != test.want || o.Chosen[o.Attempts[0].ID].Reason != test.why {
			t.Errorf("%s %q: %d, the order is %s because of %q", test.card, test.codes, status, o.State, o.Chosen[o.Attempts[0].ID].Reason)
		}
		if status == 422 && len(test.codes) == 0 && !strings.Contains(body, "Card is not a valid test card") {
			t.Errorf("%s: %s", test.card, body)
		}
		if test.card == cardUnknown && strings.Contains(body, test.card) {
			t.Error("a number that is no test card's is repeated")
		}
	}
}

func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}

// A payer authorises at his bank, or declines: then he may choose again.
func TestPayViaBank(t *testing.T) {
	h := open(t)
	h.bill("ord_m", nil)
	h.picks("ord_m", "pay_via_bank")
	h.send("/sandbox", url.Values{"attempt": {"1"}, "outcome": {"failure"}})
	o := h.order("ord_m")
	if o.State != order.Waiting || o.Attempts[0].State != order.AttemptDeclined || o.Chosen[o.Attempts[0].ID].Reason != "authorisation_declined" {
		t.Errorf("the order is %s with %v and %v", o.State, o.Attempts, o.Chosen)
	}
	h.picks("ord_m", "pay_via_bank")
	h.send("/sandbox", url.Values{"attempt": {"2"}, "outcome": {"success"}})
	if o := h.order("ord_m"); o.State != order.Completed {
		t.Errorf("the order is %s", o.State)
	}
}

// A form that is pressed twice, or is one of an earlier attempt, pays once or not at all.
func TestFormsAreHarmless(t *testing.T) {
	h := open(t)
	h.bill("ord_m", nil)
	h.picks("ord_m", "NEQUI")
	h.picks("ord_m", "CARD")
	h.picks("ord_m", "NEQUI")
	if status, to, _ := h.send("/sandbox", url.Values{"attempt": {"1"}, "outcome": {"success"}}); status != http.StatusSeeOther || to != "../ord_m" {
		t.Errorf("an earlier attempt's form: %d to %q", status, to)
	}
	if got := h.order("ord_m").State; got != order.Waiting {
		t.Errorf("the order is %s", got)
	}
	for range 2 {
		h.send("/sandbox", url.Values{"attempt": {"3"}, "outcome": {"success"}})
	}
	if o := h.order("ord_m"); o.State != order.Completed || len(o.Payments) != 1 {
		t.Errorf("the order is %s with %d payments", o.State, len(o.Payments))
	}
	for _, path := range []string{"/method", "/given", "/sandbox"} { // of an order that has ended
		if status, to, _ := h.send(path, url.Values{"method": {"CARD"}, "attempt": {"3"}, "outcome": {"success"}}); status != http.StatusSeeOther || to != "../ord_m" {
			t.Errorf("%s: %d to %q", path, status, to)
		}
	}
	if status, _, _ := h.send("/method", url.Values{"method": {strings.Repeat("x", maxForm)}}); status != http.StatusNotFound {
		t.Errorf("a form that is too long: %d", status)
	}
}

// Who must pay is asked for his document where the method's rail does not report it, before anything is shown.
func TestDocumentIsAskedFor(t *testing.T) {
	h := open(t)
	h.bill("ord_m", enforced("TRANSFER"))
	_, body := h.fetch(h.page("ord_m"))
	if strings.Contains(body, "SBX-") || strings.Contains(body, "646180157000000004") || !strings.Contains(body, "Your identity document number") || strings.Contains(body, "1020304050") {
		t.Errorf("%s", body)
	}
	for document, want := range map[string]string{"": "Please fill this in", "9988776": "must be paid by somebody with another document"} {
		if status, _, body := h.send("/given", url.Values{"document": {document}}); status != http.StatusUnprocessableEntity || !strings.Contains(body, want) {
			t.Errorf("%q: %d %s", document, status, body)
		}
	}
	if status, _, _ := h.send("/given", url.Values{"document": {"1.020.304.050"}}); status != http.StatusSeeOther {
		t.Errorf("the right document: %d", status)
	}
	if _, body := h.fetch(h.page("ord_m")); !strings.Contains(body, "646180157000000004") {
		t.Errorf("%s", body)
	}
}

// The far side that is made up is there for an order of the sandbox that is paid by such a method, and for no other.
func TestSandboxPageIsForTheSandbox(t *testing.T) {
	h := open(t)
	h.create("ord_chain", "A-1", "100")
	for path, want := range map[string]int{"ord_chain/sandbox": 404, "ord_chain/methods": 404, "ord_chain/given": 404, "ord_none/sandbox": 404, "ord_none/methods": 404} {
		if status, _ := h.fetch(h.page(path)); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	h.bill("ord_m", nil)
	if status, to, _ := h.send("/sandbox", url.Values{"attempt": {"0"}, "outcome": {"success"}}); status != http.StatusSeeOther || to != "../ord_m" {
		t.Errorf("nothing is chosen: %d to %q", status, to)
	}
	r, err := http.NewRequest(http.MethodPost, h.page("ord_m")+"/method", strings.NewReader("method=CARD"))
	h.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://elsewhere.example")
	if got, _ := answered(h, http.DefaultClient, r); got.StatusCode != http.StatusForbidden {
		t.Errorf("a form of another site: %d", got.StatusCode)
	}
	if len(h.order("ord_m").Attempts) != 0 {
		t.Error("another site has chosen")
	}
}

// Each language has the words.
func TestLanguagesOfMethods(t *testing.T) {
	h := open(t)
	h.bill("ord_m", nil)
	for l, want := range map[page.Lang]string{page.English: "How do you want to pay?", page.Spanish: "¿Cómo quiere pagar?", page.Portuguese: "Como quer pagar?"} {
		if _, body := h.fetch(h.page("ord_m") + "?lang=" + string(l)); !strings.Contains(body, want) || !strings.Contains(body, "ord_m/method?lang="+string(l)) {
			t.Errorf("%s: %s", l, body)
		}
	}
	if _, to, _ := h.send("/method?lang=es", url.Values{"method": {"PSE"}}); to != "../ord_m?lang=es" {
		t.Errorf("the choice leads to %q", to)
	}
	if _, body := h.fetch(h.page("ord_m") + "?lang=es"); !strings.Contains(body, "Su banco") {
		t.Errorf("%s", body)
	}
}
