package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/order"
	"till/internal/page/pagetest"
)

// framedFace is the face of the tests, whose pages may stand in frames.
type framedFace struct{ *house }

func (f framedFace) Tells(_ context.Context, o *engine.Order) (list []engine.PageEvent, err error) {
	for _, a := range o.Attempts {
		switch a.State {
		case order.AttemptDeclined:
			list = append(list, engine.PageEvent{ID: a.ID + ".lost", Name: "lost", Data: map[string]string{"evil": `"><script>alert(1)</script>`}})
		case order.AttemptOpen, order.AttemptPending:
			list = append(list, engine.PageEvent{ID: a.ID + ".claim", Name: "claimed", Data: map[string]string{"order": o.PublicID}, Claim: true})
		}
	}
	if o.State == order.Completed {
		list = append(list, engine.PageEvent{ID: "won", Name: "won", Data: map[string]string{"order": o.PublicID}})
	}
	return list, nil
}

// shopPage is a merchant's page of another origin, with a page of ours in a frame, that writes down what it is told.
func shopPage(t *testing.T, framed string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Shop</title><h1>Shop</h1><pre id="told"></pre>
<script>addEventListener("message", (e) => { document.getElementById("told").textContent += e.origin + " " + JSON.stringify(e.data) + "\n"; });</script>
<iframe id="pay" title="Pay" width="420" height="760" src=%q></iframe></html>`, framed)
	}))
	t.Cleanup(s.Close)
	return s
}

// told is what the shop's page was told.
func told(tab *pagetest.Tab) []string {
	return strings.Split(strings.TrimSpace(tab.Text("#told")), "\n")
}

// Only the origins that a merchant registered may frame his orders' pages, and hear what becomes of them.
func TestFrames(t *testing.T) {
	t.Parallel()
	h := openWith(t, func(h *house) Face { return framedFace{h} })
	h.bill("ord_frame", nil)
	policyOf := func() (csp, xfo string) {
		got, err := http.Get(h.page("ord_frame"))
		h.must(err)
		got.Body.Close()
		_, ancestors, _ := strings.Cut(got.Header.Get("Content-Security-Policy"), "frame-ancestors ")
		return ancestors, got.Header.Get("X-Frame-Options")
	}
	if csp, xfo := policyOf(); csp != "'none'" || xfo != "DENY" {
		t.Errorf("before: %s, %s", csp, xfo)
	}
	shop := shopPage(t, h.page("ord_frame")+"?lang=en")
	register := func(origins ...string) {
		value, err := json.Marshal(origins)
		h.must(err)
		h.must(h.engine.SaveSetting(context.Background(), engine.SettingScope{Merchant: scope.Merchant, Mode: scope.Mode}, engine.CheckoutOrigins, value))
	}
	register("https://other.example", shop.URL)
	if csp, xfo := policyOf(); csp != "https://other.example "+shop.URL || xfo != "" {
		t.Errorf("after: %s, %s", csp, xfo)
	}

	tab := pagetest.Open(t, pagetest.Look{})
	tab.Go(shop.URL)
	h.picks("ord_frame", "NEQUI")
	h.declines("ord_frame")
	tab.Until("the page around hears that the attempt was lost", func() bool { return strings.Contains(tab.Text("#told"), `"lost"`) })
	h.picks("ord_frame", "CARD")
	h.pays("ord_frame", "120000", "")
	tab.Until("the page around hears of the payment", func() bool { return strings.Contains(tab.Text("#told"), `"won"`) })
	lines := told(tab)
	for i, event := range []string{"lost", "won"} {
		from, text, _ := strings.Cut(lines[i], " ")
		var m struct{ From, ID, Event string }
		if err := json.Unmarshal([]byte(text), &m); err != nil || from != h.url || m.From != fromCheckout || m.Event != event || m.ID == "" {
			t.Errorf("message %d: %s (%v)", i, lines[i], err)
		}
	}
	if len(lines) != 2 { // however often the page asked anew
		t.Errorf("%d messages: %v", len(lines), lines)
	}

	// A page that is not registered shows nothing and hears nothing.
	stranger := shopPage(t, h.page("ord_frame")+"?lang=en")
	other := pagetest.Open(t, pagetest.Look{})
	other.Allow("frame-ancestors")
	other.Allow("ERR_BLOCKED_BY_RESPONSE")
	other.Go(stranger.URL)
	if got := other.Text("#told"); got != "" {
		t.Errorf("a stranger hears %s", got)
	}
}

// A bank transfer is claimed by a button that only stands in a frame.
func TestClaim(t *testing.T) {
	t.Parallel()
	h := openWith(t, func(h *house) Face { return framedFace{h} })
	h.bill("ord_claim", nil)
	shop := shopPage(t, h.page("ord_claim")+"?lang=en")
	value, err := json.Marshal([]string{shop.URL})
	h.must(err)
	h.must(h.engine.SaveSetting(context.Background(), engine.SettingScope{Merchant: scope.Merchant, Mode: scope.Mode}, engine.CheckoutOrigins, value))
	h.picks("ord_claim", "TRANSFER")
	alone := pagetest.Open(t, pagetest.Look{})
	alone.Go(h.page("ord_claim") + "?lang=en")
	if shown := pagetest.Eval[bool](alone, `document.querySelector("button[data-tell]").offsetParent !== null`); shown {
		t.Error("a page that stands alone shows the button")
	}
	alone.Axe()

	tab := pagetest.Open(t, pagetest.Look{})
	tab.Go(shop.URL)
	tab.ClickInFrame("button[data-tell]")
	tab.Until("the page around hears the claim", func() bool { return strings.Contains(tab.Text("#told"), `"claimed"`) })
	tab.UntilFrame("the button says so", `document.querySelector("button[data-tell]").disabled`)
	tab.Picture("claim")
}
