package e2e

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
	"strings"
	"testing"

	"till/internal/operator/client"
	"till/internal/page/pagetest"
)

// embedding is a merchant's page of another origin that loads checkout.js from the server and writes down its events. How it opens
// the checkout stands in its address.
func embedding(t *testing.T, api string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/done" {
			io.WriteString(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Thank you</title></html>`)
			return
		}
		fmt.Fprintf(w, `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Shop</title><main><h1>Shop</h1><button id="pay">Pay</button><pre id="told" style="white-space:pre-wrap;overflow-wrap:anywhere"></pre></main>
<script type="module">
import { GlomoCheckoutApi } from "%s/checkout.js";
const asked = new URLSearchParams(location.search), told = document.getElementById("told");
const options = { orderId: asked.get("order"), publicKey: asked.get("key") };
if (asked.get("back")) options.callbackUrl = location.origin + "/done?keep=1";
const checkout = new GlomoCheckoutApi(options);
for (const name of ["payment.success", "payment.failure", "payment.bank_transfer_submitted", "checkout.closed"])
  checkout.on(name, (data) => { told.textContent += name + " " + JSON.stringify(data) + "\n"; });
document.getElementById("pay").addEventListener("click", () => checkout.open().catch((e) => { told.textContent += "error " + e.message + "\n"; }));
</script></html>`, api)
	}))
	t.Cleanup(s.Close)
	return s
}

// sellTo makes an order of the ready customer.
func sellTo(t *testing.T, s *server) string {
	t.Helper()
	g := s.info.Glomo
	body, err := json.Marshal(map[string]any{"customer_id": g.CustomerID, "currency": "EUR", "amount": 29900, "product": map[string]any{"name": "A chair"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.BaseURL+"/api/v1/orders", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+g.SecretKey)
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	var o struct{ ID string }
	if err != nil || got.StatusCode != http.StatusCreated || json.Unmarshal(text, &o) != nil {
		t.Fatalf("%d %s %v", got.StatusCode, text, err)
	}
	return o.ID
}

const cardOK, cardRefused = "4532491111111111", "4532271111111112"

// payByCard does in the frame what a payer does: he chooses the card and types its number.
func payByCard(tab *pagetest.Tab, number string) {
	tab.Helper()
	tab.ClickInFrame(`button[name="method"][value="card"]`)
	tab.ClickInFrame(`.wallet a.button`)
	tab.UntilFrame("the card's number is typed", fmt.Sprintf(`(() => { const e = document.querySelector("#card"); if (!e) return false; e.value = %q; return true; })()`, number))
	tab.ClickInFrame(`button[name="outcome"][value="success"]`)
}

// A merchant's page of another origin opens the checkout, hears of a declined card and of the signed success, and of its end.
func TestCheckoutInMerchantsPage(t *testing.T) {
	t.Parallel()
	s := start(t)
	g := s.info.Glomo
	shop := embedding(t, g.BaseURL)
	id := sellTo(t, s)
	at := func(base string, more string) string {
		return base + "/?order=" + url.QueryEscape(id) + "&key=" + url.QueryEscape(g.PublishableKey) + more
	}
	tab := pagetest.Open(t, pagetest.Look{})
	tab.Go(at(shop.URL, ""))
	tab.Click("#pay")
	tab.UntilText("#told", "none of the origins") // before it is registered

	if _, err := s.operator.SaveSetting(t.Context(), "default", "checkout_origins", client.NewSetting{Mode: "sandbox", Value: `["` + shop.URL + `"]`}); err != nil {
		t.Fatal(err)
	}
	tab.Go(at(shop.URL, ""))
	tab.Axe()
	tab.Click("#pay")
	tab.UntilFrame("the order is shown", `document.querySelector(".sum") !== null`)
	tab.Picture("glomo-embedded")
	payByCard(tab, cardRefused)
	tab.UntilText("#told", "payment.failure")
	payByCard(tab, cardOK)
	tab.UntilText("#told", "payment.success")
	tab.Picture("glomo-embedded-paid")
	tab.Click(`button[aria-label="Close the checkout"]`)
	tab.UntilText("#told", "checkout.closed")
	counts := map[string]int{}
	for line := range strings.SplitSeq(strings.TrimSpace(tab.Text("#told")), "\n") {
		name, text, _ := strings.Cut(line, " ")
		counts[name]++
		var said struct {
			OrderID, PaymentID, Status, Signature string
			Error                                 struct{ Code, Message string }
		}
		if err := json.Unmarshal([]byte(text), &said); err != nil || said.OrderID != id {
			t.Errorf("%s: %v", line, err)
		}
		switch name {
		case "payment.success":
			mac := hmac.New(sha256.New, []byte(g.SecretKey))
			mac.Write([]byte(id + "|" + said.PaymentID + "|success"))
			if said.Status != "success" || said.Signature != hex.EncodeToString(mac.Sum(nil)) {
				t.Errorf("the signature does not fit: %s", line)
			}
		case "payment.failure":
			if said.Signature != "" || said.Error.Code == "" || said.Error.Message == "" {
				t.Errorf("%s", line)
			}
		}
	}
	if counts["payment.success"] != 1 || counts["payment.failure"] != 1 || counts["checkout.closed"] != 1 || len(counts) != 3 {
		t.Errorf("%v", counts)
	}

	// With a URL to go back to the browser is sent there, and hears of no payment.
	id = sellTo(t, s)
	tab.Go(at(shop.URL, "&back=1"))
	tab.Click("#pay")
	payByCard(tab, cardOK)
	tab.Until("the browser is sent back", func() bool { return strings.HasPrefix(tab.URL(), shop.URL+"/done?") })
	back, err := url.Parse(tab.URL())
	if err != nil {
		t.Fatal(err)
	}
	q := back.Query()
	mac := hmac.New(sha256.New, []byte(g.SecretKey))
	mac.Write([]byte(id + "|" + q.Get("paymentId") + "|success"))
	if q.Get("keep") != "1" || q.Get("orderId") != id || q.Get("status") != "success" || q.Get("signature") != hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("sent to %s", back)
	}
}
