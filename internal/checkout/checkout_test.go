package checkout

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/page"
	"till/internal/page/pagetest"
)

// stages are all that a payer can be shown, with what must be read there.
var stages = []struct {
	name string
	get  func(h *house, o *engine.Order)
	want []string
}{
	{"topay", func(*house, *engine.Order) {}, []string{"100.00\u00a0USDT", "Ethereum Sepolia", payTo, "Two tickets", "Send exactly"}},
	{"grace", func(h *house, _ *engine.Order) { h.pass(window + time.Minute) }, []string{"The time to pay has passed", "100.00\u00a0USDT", payTo}},
	{"partly", func(h *house, o *engine.Order) { h.confirms(h.sends(o, usdt, "40")) },
		[]string{"60.00\u00a0USDT", "is still to be paid of 100.00\u00a0USDT", "Received", "40.00\u00a0USDT", payTo}},
	{"partly-wrong", func(h *house, o *engine.Order) { h.confirms(h.sends(o, usdc, "40")) }, []string{"40.00\u00a0USDC arrived, which is not the token that is due", "100.00\u00a0USDT"}},
	{"arriving", func(h *house, o *engine.Order) { h.sends(o, usdt, "100") }, []string{"Payment found", "1 of 3", "100.00\u00a0USDT"}},
	{"completed", func(h *house, o *engine.Order) { h.confirms(h.sends(o, usdt, "100")) }, []string{"Payment complete", "100.00\u00a0USDT arrived", "Return to 127.0.0.1"}},
	{"completed-over", func(h *house, o *engine.Order) { h.confirms(h.sends(o, usdt, "112.5")) }, []string{"Payment complete", "Paid too much", "12.50\u00a0USDT", "The surplus is set aside"}},
	{"completed-late", func(h *house, o *engine.Order) {
		h.confirms(h.sends(o, usdt, "100"))
		h.pass(window + grace + time.Minute)
		h.confirms(h.sends(o, usdt, "7"))
	}, []string{"Payment complete", "Arrived late", "7.00\u00a0USDT"}},
	{"expired", func(h *house, _ *engine.Order) { h.pass(window + grace + time.Minute) }, []string{"This order has expired", "Nothing arrived in time", "Return to 127.0.0.1"}},
	{"expired-under", func(h *house, o *engine.Order) {
		h.confirms(h.sends(o, usdt, "40"))
		h.pass(window + grace + time.Minute)
	}, []string{"This order has expired", "Missing", "60.00\u00a0USDT", "40.00\u00a0USDT", "Less arrived than was due"}},
	{"expired-late", func(h *house, o *engine.Order) {
		h.pass(window + grace + time.Minute)
		h.confirms(h.sends(o, usdt, "100"))
	}, []string{"This order has expired", "Arrived late", "100.00\u00a0USDT", "Money arrived after the order had ended"}},
	{"expired-wrong", func(h *house, o *engine.Order) {
		h.confirms(h.sends(o, usdc, "100"))
		h.pass(window + grace + time.Minute)
	}, []string{"This order has expired", "Another token", "100.00\u00a0USDC"}},
	{"closed", func(h *house, o *engine.Order) {
		h.confirms(h.sends(o, usdt, "40"))
		_, err := h.engine.Cancel(h.Context(), o.ID, order.ByOperator, "operator", "asked for")
		h.must(err)
	}, []string{"This order was closed", "What you have sent is recorded"}},
}

// Every stage in every look: what must be read is read, axe-core finds nothing, nothing is on the console, and
// nothing is wider than the screen.
func TestStages(t *testing.T) {
	urls := map[string]string{}
	for _, s := range stages {
		h := open(t)
		h.title, h.back = "Two tickets", h.url+"/shop/back?reference=A-1"
		s.get(h, h.create("ord_one", "A-1", "100"))
		urls[s.name] = h.page("ord_one")
	}
	for _, look := range pagetest.Looks() {
		t.Run(look.Name(), func(t *testing.T) {
			tab := pagetest.Open(t, look)
			for _, s := range stages {
				if status := tab.Go(urls[s.name]); status != http.StatusOK {
					t.Fatalf("%s: status %d", s.name, status)
				}
				if tab.Has("[data-stay]") {
					tab.Click("[data-stay]") // the page does not leave while it is looked at
				}
				text := tab.Text("main")
				for _, want := range s.want {
					if !strings.Contains(text, want) {
						t.Errorf("%s: %q is not on the page:\n%s", s.name, want, text)
					}
				}
				tab.Axe()
				tab.Picture("pay-" + s.name)
			}
		})
	}
}

// The whole way without reloading: the page follows the money, and goes to the merchant at the end.
func TestPageFollowsTheMoney(t *testing.T) {
	for _, blocked := range [][]string{nil, {"http://*:*/*/events*"}} {
		t.Run(fmt.Sprintf("streams blocked %v", blocked != nil), func(t *testing.T) {
			h := open(t)
			h.back = h.url + "/shop/done?orderReference=A-1"
			o := h.create("ord_one", "A-1", "100")
			tab := pagetest.Open(t, pagetest.Look{Phone: true, Blocked: blocked})
			tab.Allow("ERR_BLOCKED_BY_CLIENT")
			tab.Go(h.page("ord_one"))
			if got := tab.Text(".until .clock"); got != "10:00" { // the clock of the order stands still, the reader's does not
				if !regexp.MustCompile(`^9:\d\d$`).MatchString(got) {
					t.Errorf("the countdown says %q", got)
				}
			}
			first := h.sends(o, usdt, "40")
			tab.UntilText(".missing", "60.00")
			if got := tab.Text(".confirmations"); got != "1 of 3" {
				t.Errorf("confirmations: %q", got)
			}
			h.confirms(first)
			second := h.sends(o, usdt, "60")
			tab.UntilText("h1", "Payment found")
			if tab.Has(".address") {
				t.Error("the page still asks for money")
			}
			h.confirms(second)
			tab.UntilText("h1", "Payment complete")
			if tab.Title() != "Payment complete" {
				t.Errorf("the title is %q", tab.Title())
			}
			if got := h.arrives(tab, h.back); got.URL != h.back || got.Referer != "" {
				t.Errorf("the page left for %s, and the merchant learnt the order's address: %q", got.URL, got.Referer)
			}
		})
	}
}

func TestPageStaysWhenAsked(t *testing.T) {
	h := open(t)
	h.back = h.url + "/shop/cancelled"
	h.create("ord_one", "A-1", "100")
	h.pass(window + grace + time.Minute)
	tab := pagetest.Open(t, pagetest.Look{})
	tab.Go(h.page("ord_one"))
	tab.Click("[data-stay]")
	tab.Until("the countdown is gone", func() bool {
		return tab.Attribute("[data-leaving]", "hidden") == "" && !pagetest.Eval[bool](tab, `document.querySelector("[data-leaving]").checkVisibility()`)
	})
	if !strings.Contains(tab.Text(".back"), "Return to 127.0.0.1") {
		t.Error("the way back is gone")
	}
	tab.Click(".back")
	h.arrives(tab, h.back)
}

// Without JavaScript the page is loaded again now and then, shows the deadline instead of a countdown, and leaves
// at the end.
func TestPageWithoutJavaScript(t *testing.T) {
	h := open(t)
	h.back = h.url + `/shop/done?a=1&quote="'<>`
	o := h.create("ord_one", "A-1", "100")
	tab := pagetest.Open(t, pagetest.Look{NoScript: true, Phone: true})
	tab.Go(h.page("ord_one"))
	if got := tab.Text(".until .clock"); got != "20 Jan 2026, 10:40 UTC" {
		t.Errorf("the deadline says %q", got)
	}
	if text := tab.Text("main"); strings.Contains(text, "Copy") || !strings.Contains(text, payTo) {
		t.Errorf("the page says\n%s", text)
	}
	tab.Picture("pay-topay")
	if got := tab.Attribute("head meta[http-equiv=refresh]", "content"); got != "10" {
		t.Errorf("refresh is %q", got)
	}
	h.confirms(h.sends(o, usdt, "100"))
	tab.UntilText("h1", "Payment complete") // loaded again by the browser itself
	h.arrives(tab, h.url+"/shop/done?a=1&")
}

// case 55: what a merchant or payer can write is text wherever it stands.
func TestStrangersTextIsText(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}'`
	h := open(t)
	h.title, h.back = evil, h.url+"/shop/?q="+`"><script>alert(3)</script>`
	o := h.create("ord_one", evil, "100")
	for _, path := range []string{"", "/live"} {
		_, body := h.fetch(h.page("ord_one") + path)
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") {
			t.Errorf("%s: %s", path, body)
		}
	}
	tab := pagetest.Open(t, pagetest.Look{})
	tab.Go(h.page("ord_one"))
	if tab.Text("h1") != evil || tab.Text(".reference") != evil {
		t.Errorf("title %q, reference %q", tab.Text("h1"), tab.Text(".reference"))
	}
	h.confirms(h.sends(o, usdt, "100"))
	tab.UntilText("h1", "Payment complete")
	if pagetest.Eval[int](tab, `document.querySelectorAll("main script, main img").length`) != 0 || tab.Text(".reference") != evil {
		t.Error("text became an element")
	}
	tab.Axe()
}

// A return URL that is not of the web is no link, even if a face gave it.
func TestNoLinkButToTheWeb(t *testing.T) {
	h := open(t)
	h.back = "javascript:alert(1)"
	h.create("ord_one", "A-1", "100")
	h.pass(window + grace + time.Minute)
	_, body := h.fetch(h.page("ord_one"))
	if strings.Contains(body, "javascript:") || strings.Contains(body, "data-leave=") {
		t.Errorf("%s", body)
	}
}

// case 57: what the QR code and the link say is, to the unit, what the order asks for. case 58: the address is
// the same everywhere.
func TestWalletURI(t *testing.T) {
	h := open(t)
	o := h.create("ord_one", "A-1", "100.000001")
	uri := func() string {
		_, body := h.fetch(h.page("ord_one"))
		m := regexp.MustCompile(`href="(ethereum:[^"]*)"`).FindStringSubmatch(body)
		if m == nil {
			t.Fatalf("no link to a wallet:\n%s", body)
		}
		return strings.ReplaceAll(m[1], "&amp;", "&")
	}
	want := "ethereum:0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0@11155111/transfer?address=" + payTo + "&uint256=100000001"
	if got := uri(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	h.confirms(h.sends(o, usdt, "0.000001"))
	if got := uri(); got != strings.Replace(want, "100000001", "100000000", 1) {
		t.Errorf("after a part: %s", got)
	}
	if got := payURI(chain, engine.Instrument{Family: "bank", Value: "DE02"}, amount(t, usdt, "1")); got != "" {
		t.Errorf("of another family: %s", got)
	}
	if got := payURI(engine.Network{}, o.Instrument, amount(t, usdt, "1")); got != "" {
		t.Errorf("of a token that is not configured: %s", got)
	}
}

// case 59: the public page shows that order and nothing else; an id that is unknown, or another API's under this
// one's mount, is not found.
func TestOnlyThatOrder(t *testing.T) {
	h := open(t)
	o := h.create("ord_one", "A-1", "100")
	other := h.create("ord_two", "B-2", "55")
	_, body := h.fetch(h.page("ord_one"))
	for _, secret := range []string{o.ID, other.PublicID, "B-2", other.Instrument.Value, scope.Merchant + `"`, "wallet/", "xpub"} {
		if strings.Contains(body, secret) {
			t.Errorf("the page shows %q", secret)
		}
	}
	for path, want := range map[string]int{
		"/pay/order/ord_one": 200, "/face/pay/order/ord_one": 200, "/face/pay/order/ord_one/live": 200,
		"/other/pay/order/ord_one": 404, "/other/pay/order/ord_one/live": 404, "/other/pay/order/ord_one/events": 404,
		"/pay/order/ord_three": 404, "/pay/order/ord_three/live": 404, "/pay/order/ord_three/events": 404, "/pay/order/" + o.ID: 404,
		"/pay/order/": 404, "/pay/": 404, "/pay/order/ord_one/more": 404, "/pay/order/" + strings.Repeat("x", 5000): 404,
		"/pay/order/%00": 404, "/pay/order/'%20or%201=1": 404, "/pay/order/%f0%28": 404,
	} {
		status, body := h.fetch(h.url + path)
		if status != want || want == 404 && (!strings.Contains(body, "Page not found") || !strings.Contains(body, "<html")) {
			t.Errorf("%.60s: %d %.200s", path, status, body)
		}
	}
}

func TestLanguagesOfThePage(t *testing.T) {
	h := open(t)
	h.create("ord_one", "A-1", "1234.5")
	for l, want := range map[page.Lang][]string{
		page.English: {"Send exactly", "1,234.50"}, page.Spanish: {"Envíe exactamente", "1234,50"}, page.Portuguese: {"Envie exatamente", "1.234,50"},
	} {
		tab := pagetest.Open(t, pagetest.Look{Language: string(l)})
		tab.Go(h.page("ord_one"))
		text := tab.Text("main")
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is not on the page:\n%s", l, w, text)
			}
		}
		tab.Axe()
		tab.Picture("pay-language")
	}
	tab := pagetest.Open(t, pagetest.Look{Language: "es"})
	tab.Go(h.page("ord_one") + "?lang=pt") // what is asked for goes before what the browser prefers, in what comes later too
	h.pass(window + grace + time.Minute)
	tab.UntilText("h1", "Este pedido expirou")
}

// Between the deadline and the chain's word that it told everything up to it nobody is asked for money.
func TestNobodyIsAskedForMoneyAfterTheDeadline(t *testing.T) {
	h := open(t)
	h.create("ord_one", "A-1", "100")
	h.mu.Lock()
	h.now = h.now.Add(window + grace + time.Second) // nothing was told since
	h.mu.Unlock()
	_, body := h.fetch(h.page("ord_one"))
	if strings.Contains(body, payTo) || !strings.Contains(body, "Checking the network") {
		t.Errorf("%s", body)
	}
}

// In the grace period what was sent already can be compared with what is shown, and nobody is led to begin anew.
func TestGracePeriod(t *testing.T) {
	h := open(t)
	h.create("ord_one", "A-1", "100")
	h.pass(window + time.Second)
	_, body := h.fetch(h.page("ord_one"))
	if !strings.Contains(body, payTo) || strings.Contains(body, "ethereum:") || strings.Contains(body, "<svg class=\"qr\"") {
		t.Errorf("%s", body)
	}
}

func TestPagesAreBoundedPerClient(t *testing.T) {
	h := open(t)
	h.create("ord_one", "A-1", "100")
	for i := range 1000 {
		if status, body := h.fetch(h.page("ord_one") + "/live"); status == http.StatusTooManyRequests {
			if i < 100 || !strings.Contains(body, "Too many requests") {
				t.Errorf("after %d: %s", i, body)
			}
			return
		}
	}
	t.Error("a thousand requests at once of one client were answered")
}

func TestMessagesAreComplete(t *testing.T) {
	texts, err := page.ReadTexts(os.DirFS("."))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []phase{toPay, partly, arriving, checking, handling, notYet, completed, expired, closed, failed, choosing, asking, stuck} {
		if texts[page.English][view{Phase: p}.TitleKey()] == "" {
			t.Errorf("the phase %s has no title", p)
		}
	}
}

// Every state of the machine is some phase, and only one that collects asks for money.
func TestEveryStateHasAPhase(t *testing.T) {
	h := open(t)
	o := h.create("ord_one", "A-1", "100")
	for _, s := range order.States() {
		o.State = s
		v := view{Phase: phaseOf(o, started)}
		if v.Phase == "" || v.Payable() && !s.Collecting() || v.Done() != s.Terminal() {
			t.Errorf("%s is %s", s, v.Phase)
		}
	}
}
