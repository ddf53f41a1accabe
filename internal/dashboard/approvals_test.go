package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/page/pagetest"
	"till/internal/rail"
)

var (
	usdt  = money.MustAsset("USDT", "chain", 6)
	chain = engine.Network{ID: "chain", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:chain", ChainID: 1, Confirmations: 1, Custodial: true,
		Tokens: []engine.Token{{Asset: usdt, Contract: "0x1"}}}
)

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// told tells what was seen on the chain up to now.
func (h *house) told(seen ...rail.Observation) {
	h.Helper()
	h.must(h.engine.Observe(h.Context(), chain, engine.Report{
		Progress: engine.Progress{Rail: chain.Rail, Cursor: rail.Cursor{State: []byte("{}"), Head: 100, Horizon: h.clock()}}, Seen: seen,
	}))
}

// screened is an order with a hit on a list, in the state that the sandbox was asked for.
func (h *house) screened(public, maker string, force engine.Force) {
	h.Helper()
	h.create(engine.NewOrder{PublicID: public, Kind: "SALE", Maker: maker, Screen: &engine.Screening{Force: force, Documents: []string{"Proof of <address>"}}},
		order.Terms{To: ledger.Owed("shop").Account(ledger.Merchant), Instant: true})
}

// above is an order that is paid, and whose delivery is above the limit.
func (h *house) above(public, maker string) {
	h.Helper()
	o := h.create(engine.NewOrder{PublicID: public, Maker: maker, Destination: engine.Destination{Rail: chain.Rail, To: "0xpayee"}},
		order.Terms{To: ledger.House.Account(ledger.PayeeOn(string(chain.Rail))), Sends: 1})
	h.told(rail.Observation{External: "tx of " + public, Instrument: o.Instrument.Value, Rank: order.RankConfirmed, Amount: o.Terms.Due, Value: h.clock()})
	if _, err := h.engine.Reserve(h.Context(), o.ID); err == nil {
		h.Fatal("it is sent")
	}
}

func (h *house) create(n engine.NewOrder, t order.Terms) *engine.Order {
	h.Helper()
	h.told()
	_, err := h.engine.ImportInstruments(h.Context(), engine.Pool{Mode: engine.Sandbox, Merchant: "shop", Family: engine.EVM}, []engine.Imported{{Value: "0x" + n.PublicID}})
	h.must(err)
	n.Scope, n.Network = engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "some"}, chain
	n.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) {
		t.Book, t.Due, t.OverAny, t.Deadline = ledger.Owed("shop"), money.FromInt(usdt, 100_000_000), true, p.Now.Add(15*time.Minute)
		return t, nil, nil
	}
	made, err := h.engine.Create(h.Context(), n)
	h.must(err)
	return made.Order
}

// operator is the browser of somebody who runs the server.
func (h *house) operator(name string) (*http.Client, auth.Person) {
	h.Helper()
	p := h.add(name, map[string]auth.Role{auth.House: auth.Operator})
	b := h.browser()
	h.login(b, name, password)
	return b, p
}

// decides posts a decision with the form's token.
func (h *house) decides(b *http.Client, fields ...string) reply {
	h.Helper()
	return h.post(b, "/approvals", append(fields, "form_token", h.token(b))...)
}

func (h *house) wantState(public string, want order.State) {
	h.Helper()
	o, err := h.engine.Find(h.Context(), public)
	if h.must(err); o.State != want {
		h.Errorf("%s is %s, want %s", public, o.State, want)
	}
}

func TestApprovals(t *testing.T) {
	h := open(t, "")
	h.add("ann", map[string]auth.Role{"shop": auth.Owner})
	ann := h.browser()
	h.login(ann, "ann", password)
	bob, who := h.operator("bob")
	h.leads("a stranger", h.get(h.browser(), "/approvals"), "/login?next=%2Fapprovals")
	if got := h.get(ann, "/approvals"); got.status != http.StatusNotFound {
		t.Errorf("an owner of a merchant: %d", got.status)
	}
	if got := h.get(bob, "/approvals"); got.status != 200 || !strings.Contains(got.body, "No order waits") || !strings.Contains(got.body, "Nothing waits to be sent") {
		t.Errorf("%d %s", got.status, got.body)
	}

	h.screened("ord_open", "key_1", engine.ForceReview)
	h.screened("ord_docs", "key_1", engine.ForceDocuments)
	h.screened("ord_bobs", who.ID, engine.ForceReview)
	h.above("ord_high", "key_1")
	h.above("ord_bobhigh", who.ID)
	got := h.get(bob, "/approvals")
	for _, want := range []string{"ord_open", "ord_docs", "ord_bobs", "ord_high", "Proof of &lt;address&gt;", "key_1", "100.00", "0xpayee", "more than the limit", "on the list sandbox"} {
		if !strings.Contains(got.body, want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(got.body, "<address>") {
		t.Error("a document's name is not escaped")
	}

	if got := h.decides(ann, "do", "approve", "order", "ord_open", "review", "screening"); got.status != http.StatusNotFound {
		t.Errorf("an owner of a merchant approves: %d", got.status)
	}
	for what, c := range map[string]struct {
		status int
		says   string
		fields []string
	}{
		"no reason":                  {422, "say why", []string{"do", "refuse", "order", "ord_open", "review", "screening", "reason", " "}},
		"a long reason":              {422, "say why", []string{"do", "refuse", "order", "ord_open", "review", "screening", "reason", strings.Repeat("ñ", 501)}},
		"money that he sent":         {403, "Somebody else", []string{"do", "approve", "order", "ord_bobhigh", "delivery", "yes"}},
		"an order that is not there": {409, "nothing to decide", []string{"do", "approve", "order", "ord_nobody", "review", "screening"}},
		"a review that is not there": {409, "nothing to decide", []string{"do", "approve", "order", "ord_open", "review", "approval"}},
		"a review of another kind":   {409, "nothing to decide", []string{"do", "refuse", "order", "ord_open", "review", "anything", "reason", "x"}},
		"before the documents":       {409, "nothing to decide", []string{"do", "approve", "order", "ord_docs", "review", "screening"}},
		"a delivery of nothing":      {409, "nothing to decide", []string{"do", "approve", "order", "ord_open", "delivery", "yes"}},
		"something else":             {404, "", []string{"do", "delete", "order", "ord_open"}},
		"a refund that is not there": {409, "nothing to decide", []string{"do", "refuse", "order", "ord_high", "delivery", "yes", "transfer", "no", "reason", "x"}},
	} {
		if got := h.decides(bob, c.fields...); got.status != c.status || !strings.Contains(got.body, c.says) {
			t.Errorf("%s: %d, want %d and %q", what, got.status, c.status, c.says)
		}
	}
	if got := h.post(bob, "/approvals", "do", "approve", "order", "ord_open", "review", "screening"); got.status != http.StatusForbidden {
		t.Errorf("without the form's token: %d", got.status)
	}
	for public, state := range map[string]order.State{"ord_open": order.InReview, "ord_bobs": order.InReview, "ord_docs": order.Documents, "ord_high": order.Paid, "ord_bobhigh": order.Paid} {
		h.wantState(public, state)
	}

	h.leads("approve", h.decides(bob, "do", "approve", "order", "ord_open", "review", "screening"), "/approvals?said=approved")
	h.wantState("ord_open", order.Waiting)
	if got := h.decides(bob, "do", "approve", "order", "ord_open", "review", "screening"); got.status != http.StatusConflict {
		t.Errorf("twice: %d", got.status)
	}
	eve, _ := h.operator("eve")
	h.leads("refuse", h.decides(eve, "do", "refuse", "order", "ord_bobs", "review", "screening", "reason", "a different person"), "/approvals?said=refused")
	h.wantState("ord_bobs", order.Failed)
	o, err := h.engine.Find(t.Context(), "ord_bobs")
	if h.must(err); len(o.Reviews) != 1 || o.Reviews[0].Reason != "a different person" || o.Reviews[0].By == "" {
		t.Errorf("%+v", o.Reviews)
	}
	h.leads("send", h.decides(bob, "do", "approve", "order", "ord_high", "delivery", "yes"), "/approvals?said=approved")
	h.wantState("ord_high", order.Paid) // a worker sends it now
	if o, err := h.engine.Find(t.Context(), "ord_high"); err != nil || o.Approval.State != engine.ApprovalApproved || o.Approval.Who != who.ID {
		t.Errorf("%+v %v", o.Approval, err)
	}
	h.leads("do not send", h.decides(eve, "do", "refuse", "order", "ord_bobhigh", "delivery", "yes", "reason", "too much"), "/approvals?said=refused")
	h.wantState("ord_bobhigh", order.Cancelled)
	if got := h.get(bob, "/approvals?said=approved"); !strings.Contains(got.body, "It is approved") || strings.Contains(got.body, "ord_high") || !strings.Contains(got.body, "ord_docs") {
		t.Errorf("%s", got.body)
	}
}

// Where two persons must approve, the first one is told so, and cannot be the second.
func TestApprovalsByTwo(t *testing.T) {
	h := open(t, "")
	h.engine.SetTwoPersons(map[string]money.Amount{"USDT": money.FromInt(usdt, 10_000_000)})
	bob, _ := h.operator("bob")
	eve, _ := h.operator("eve")
	h.screened("ord_two", "", engine.ForceReview)
	say := []string{"do", "approve", "order", "ord_two", "review", "screening"}
	h.leads("the first", h.decides(bob, say...), "/approvals?said=first")
	h.wantState("ord_two", order.InReview)
	if got := h.get(eve, "/approvals"); !strings.Contains(got.body, "A second person must approve as well") {
		t.Errorf("%s", got.body)
	}
	if got := h.decides(bob, say...); got.status != http.StatusForbidden {
		t.Errorf("the first again: %d", got.status)
	}
	h.leads("the second", h.decides(eve, say...), "/approvals?said=approved")
	h.wantState("ord_two", order.Waiting)
}

// The next page goes on behind the last one, and shows each order once.
func TestApprovalsPages(t *testing.T) {
	h := open(t, "")
	bob, _ := h.operator("bob")
	const many = onApprovals + 3
	for i := range many {
		h.screened(fmt.Sprintf("ord_%02d.", i), "", engine.ForceReview)
	}
	seen := map[int]int{}
	path, pages := "/approvals", 0
	for ; path != ""; pages++ {
		got := h.get(bob, path)
		for i := range many {
			seen[i] += strings.Count(got.body, fmt.Sprintf(`class="mono">ord_%02d.<`, i))
		}
		path = ""
		if _, rest, more := strings.Cut(got.body, `<a href="/approvals?order=`); more {
			after, _, _ := strings.Cut(rest, "&")
			path = "/approvals?order=" + after
		}
	}
	if pages != 2 {
		t.Errorf("%d pages", pages)
	}
	for i := range many {
		if seen[i] != 1 {
			t.Errorf("order %d is shown %d times", i, seen[i])
		}
	}
	if got := h.get(bob, "/approvals?order="+url.QueryEscape("ord_none")); got.status != http.StatusNotFound {
		t.Errorf("%d", got.status)
	}
}

// The page as an operator sees it, in each look and language.
func TestApprovalsInTheBrowser(t *testing.T) {
	h := open(t, "")
	h.add("olga", map[string]auth.Role{auth.House: auth.Operator})
	looks := append(pagetest.Looks(), pagetest.Look{NoScript: true, Language: "es", Phone: true}, pagetest.Look{NoScript: true, Language: "pt"})
	words := map[string]string{"": "Approvals", "es": "Aprobaciones", "pt": "Aprovações"}
	done := map[string][2]string{"": {"It is approved", "It is refused"}, "es": {"Ha sido aprobado", "Ha sido rechazado"}, "pt": {"Foi aprovado", "Foi recusado"}}
	for n, look := range looks {
		t.Run(look.Name(), func(t *testing.T) {
			public := fmt.Sprintf("ord_%d_r3a9c1x7k5m2q8w4z6b0d", n)
			h.screened(public, "key_01jz9q8w7e6r5t4y3u2i1o0p", engine.ForceReview)
			h.screened(public+"_docs", "", engine.ForceDocuments)
			h.above(public+"_high", "key_01jz9q8w7e6r5t4y3u2i1o0p")
			lang := look.Language
			if lang == "en" {
				lang = ""
			}
			tab := pagetest.Open(t, look)
			tab.Go(h.url + "/approvals")
			tab.Type("#name", "olga")
			tab.Type("#password", password)
			tab.Click("main button")
			tab.UntilText("h1", words[lang])
			tab.Picture("approvals")
			axe := tab.Axe
			if look.NoScript {
				axe = func() {} // it is a script
			}
			axe()
			article := `article:has(input[value="` + public + `"]) `
			tab.Click(article + "form button")
			tab.UntilText("[role=status]", done[lang][0])
			h.wantState(public, order.Waiting)
			high := `article:has(input[value="` + public + `_high"]) `
			tab.Click(high + "summary")
			tab.Type(high+"input[name=reason]", "nobody knows the payee")
			tab.Picture("approvals-refuse")
			axe()
			tab.Click(high + "details button")
			tab.UntilText("[role=status]", done[lang][1])
			h.wantState(public+"_high", order.Cancelled)
			tab.Picture("approvals-done")
			axe()
		})
	}
}
