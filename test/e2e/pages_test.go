package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"till/internal/page/pagetest"
)

// merchant is where payers are sent back to.
type merchant struct {
	pagetest.Shop
	url string
}

func shop(t *testing.T) *merchant {
	t.Helper()
	m := &merchant{}
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	m.url = s.URL
	return m
}

// sold makes an order with further fields and says where it is paid.
func (s *server) sold(t *testing.T, reference, amount, currency string, more map[string]any) (order, string) {
	t.Helper()
	body := asked(reference, amount, currency)
	for field, value := range more {
		body[field] = value
	}
	got, err := s.call(http.MethodPost, ordersPath, body)
	o := decode[order](t, http.StatusCreated)(got, err)
	var told struct {
		PaymentURL string `json:"paymentUrl"`
	}
	if err := json.Unmarshal(got.body, &told); err != nil || told.PaymentURL != s.info.PayIn.BaseURL+"/pay/order/"+o.OrderID {
		t.Fatalf("the order is paid at %q (%v)", told.PaymentURL, err)
	}
	return o, told.PaymentURL
}

// redirected checks that a window went to the shop's path with exactly these parameters, in this order, and returns the
// whole address.
func redirected(t *testing.T, tab *pagetest.Tab, back *merchant, path string, params ...string) string {
	t.Helper()
	tab.Until("the payer goes to "+path, func() bool { return len(back.Visits()) > 0 })
	visit := back.Visits()[0]
	u, err := url.Parse(visit.URL)
	if err != nil {
		t.Fatal(err)
	}
	if u.Scheme+"://"+u.Host+u.Path != back.url+path {
		t.Errorf("the payer went to %s", visit.URL)
	}
	var got []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		plain, err := url.QueryUnescape(pair)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, plain)
	}
	if strings.Join(got, "\n") != strings.Join(params, "\n") {
		t.Errorf("the shop is told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(params, "\n"))
	}
	if visit.Referer != "" {
		t.Errorf("the shop learnt the page's address: %s", visit.Referer)
	}
	return visit.URL
}

// The page on the real server and a real chain: two payments are followed to the end, and the payer goes to the
// shop with the parameters of the contract. case 55 with what a merchant can write, case 57 and case 58 with what
// the API says.
func TestPayPage(t *testing.T) {
	t.Parallel()
	s, back := start(t), shop(t)
	const evil = `"><script>alert(1)</script>`
	o, at := s.sold(t, "A&B "+evil, "12.500000", "USDT", map[string]any{
		"metadata": map[string]any{"title": "Two tickets " + evil, "secret": "not for payers"}, "successUrl": back.url + "/done?id={{orderId}}&status=mine&keep=1",
	})
	tab := pagetest.Open(t, pagetest.Look{Phone: true})
	if status := tab.Go(at); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if tab.Text("h1") != "Two tickets "+evil || tab.Text(".reference") != "A&B "+evil || strings.Contains(tab.HTML("html"), "not for payers") {
		t.Errorf("title %q, reference %q", tab.Text("h1"), tab.Text(".reference"))
	}
	token := s.info.Chain.Tokens["USDT"]
	want := fmt.Sprintf("ethereum:%s@%d/transfer?address=%s&uint256=12500000", token.Address, s.info.Chain.ChainID, o.Address)
	if got := tab.Attribute(".wallet a", "href"); got != want || tab.Text(".address") != o.Address || tab.Attribute(".address + button", "data-copy") != o.Address {
		t.Errorf("the wallet is told %s, want %s; the page shows %s", got, want, tab.Text(".address"))
	}
	tab.Axe()
	tab.Picture("till-topay")

	s.pay(t, "USDT", o.Address, "2.5")
	tab.UntilText(".missing", "10.00")
	tab.Axe()
	s.pay(t, "USDT", o.Address, "10")
	tab.UntilText("h1", "Payment complete")
	tab.Axe()
	tab.Picture("till-completed")
	done := s.get(t, o.OrderID)
	went := redirected(t, tab, back, "/done", "id="+o.OrderID, "keep=1", "orderReference=A&B "+evil, "status=completed",
		"amount=12.500000", "currency=USDT", "chainId="+network, "txHash="+*done.TxHash)

	var status struct {
		Data struct {
			RedirectURL   string `json:"redirect_url"`
			TransferCount int    `json:"transferCount"`
		} `json:"data"`
	}
	a := publicly(t, s.info.PayIn.BaseURL+"/api/order-status/"+o.OrderID)
	if err := json.Unmarshal(a.body, &status); err != nil || status.Data.RedirectURL != went || status.Data.TransferCount != 2 {
		t.Errorf("the status says %s (%v), the payer went to %s", a.body, err, went)
	}
}

// A link is published, opened by who has its address, filled in and paid: the payer ends at the shop.
func TestPaymentLinkPage(t *testing.T) {
	t.Parallel()
	s, back := start(t), shop(t)
	type link struct {
		ID        string `json:"id"`
		Slug      string `json:"slug"`
		URL       string `json:"url"`
		Sold      int    `json:"inventorySold"`
		Remaining int    `json:"inventoryRemaining"`
	}
	const evil, path = `"><script>alert(1)</script>`, "/api/v1/payment-links"
	made := decode[link](t, http.StatusCreated)(s.call(http.MethodPost, path, map[string]any{
		"title": "Mug " + evil, "description": "Blue.\n" + evil, "amount": "12.5", "inventoryTotal": 1, "successUrl": back.url + "/done", "metadata": map[string]any{"note": "not for payers"},
		"currencies": []any{map[string]any{"currency": "USDC", "chainId": network}, map[string]any{"currency": "USDT", "chainId": network, "isPrimary": true}},
	}))
	sale := decode[link](t, http.StatusOK)(s.call(http.MethodPost, path+"/"+made.ID+"/publish", nil))
	if sale.URL != s.info.PayIn.BaseURL+"/checkout/"+sale.Slug {
		t.Fatalf("the page is at %q", sale.URL)
	}
	tab := pagetest.Open(t, pagetest.Look{Phone: true})
	tab.Allow("409")
	if status := tab.Go(sale.URL); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if tab.Text("h1") != "Mug "+evil || !strings.Contains(tab.Text(".description"), evil) || tab.Text(".left") != "1" || strings.Contains(tab.HTML("html"), "not for payers") ||
		!strings.HasPrefix(tab.Attribute("[name=way][checked]", "value"), "USDT ") {
		t.Errorf("%s", tab.HTML("main"))
	}
	tab.Axe()
	tab.Picture("till-link")
	tab.Type("#email", "ann@example.com")
	tab.Click("form button")
	tab.UntilText(".amount", "12.50\u00a0USDT")
	at, err := url.Parse(tab.URL())
	if err != nil {
		t.Fatal(err)
	}
	id, ok := strings.CutPrefix(at.Path, "/payin/pay/order/")
	if !ok || tab.Text("h1") != "Mug "+evil {
		t.Fatalf("the payer is at %s and reads %q", at, tab.Text("h1"))
	}
	other := pagetest.Open(t, pagetest.Look{})
	other.Allow("409")
	if status := other.Go(s.info.BaseURL + "/checkout/" + sale.Slug); status != http.StatusConflict || other.Text("h1") != "Sold out" {
		t.Errorf("somebody else: %d %s", status, other.Text("main"))
	}
	s.pay(t, "USDT", tab.Text(".address"), "12.5")
	done := s.ends(t, id, "completed")
	redirected(t, tab, back, "/done", "orderReference="+done.OrderReference, "status=completed", "amount=12.5", "currency=USDT", "chainId="+network, "txHash="+*done.TxHash)
	if now := decode[link](t, http.StatusOK)(s.call(http.MethodGet, path+"/"+made.ID, nil)); now.Sold != 1 || now.Remaining != 0 {
		t.Errorf("%+v", now)
	}
}

// Without streams and in Spanish: the order expires in the window, and the payer goes to the shop's page for that.
func TestPayPageOfAnOrderThatExpires(t *testing.T) {
	t.Parallel()
	s, back := start(t), shop(t)
	o, at := s.sold(t, "LATE", "5", "USDC", map[string]any{"cancelUrl": back.url + "/again"})
	tab := pagetest.Open(t, pagetest.Look{Language: "es", Dark: true, Blocked: []string{"http://*:*/*/events*"}})
	tab.Allow("ERR_BLOCKED_BY_CLIENT")
	tab.Go(at)
	tab.UntilText("main", "Envíe exactamente")
	s.forward(t, 16)
	s.ends(t, o.OrderID, "expired")
	tab.UntilText("h1", "Esta orden ha vencido")
	redirected(t, tab, back, "/again", "orderReference=LATE", "status=expired", "amount=5", "currency=USDC", "chainId="+network)
}

// Without JavaScript, and at the root of the server: the page is loaded again by itself, and leaves by itself.
func TestPayPageWithoutJavaScript(t *testing.T) {
	t.Parallel()
	s, back := start(t), shop(t)
	o, at := s.sold(t, "PLAIN", "5", "DAI", map[string]any{"successUrl": back.url + "/done"})
	tab := pagetest.Open(t, pagetest.Look{NoScript: true})
	tab.Go(strings.Replace(at, "/payin/pay/", "/pay/", 1))
	s.pay(t, "DAI", o.Address, "5")
	done := s.ends(t, o.OrderID, "completed")
	tab.UntilText("h1", "Payment complete")
	redirected(t, tab, back, "/done", "orderReference=PLAIN", "status=completed", "amount=5", "currency=DAI", "chainId="+network, "txHash="+*done.TxHash)
}

// What the pages tell a browser, of orders there are and are not; and an open stream does not hold up a server
// that stops (stop checks for how long).
func TestPayPageFromOutside(t *testing.T) {
	t.Parallel()
	s := start(t)
	o, at := s.sold(t, "A-1", "5", "USDT", nil)
	for path, want := range map[string]int{at: 200, at + "/live": 200, s.info.BaseURL + "/pay/order/" + o.OrderID: 200,
		s.info.BaseURL + "/pay/order/ord_none": 404, s.info.PayIn.BaseURL + "/pay/order/ord_none": 404, s.info.PayIn.BaseURL + "/pay/": 404} {
		a := publicly(t, path)
		if a.status != want || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") ||
			!strings.HasPrefix(a.header.Get("Content-Security-Policy"), "default-src 'none'; ") || a.header.Get("Referrer-Policy") != "no-referrer" ||
			a.header.Get("Cache-Control") != "no-store" || bytes.Contains(a.body, []byte(s.info.PayIn.APIKey)) {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
	}
	stream, err := http.Get(at + "/events")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stream.Body.Close() })
	first := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stream.Body).ReadString('\n')
		first <- line
	}()
	select {
	case line := <-first:
		if line != "event: now\n" {
			t.Errorf("the stream begins with %q", line)
		}
	case <-time.After(patience):
		t.Fatal("the stream says nothing")
	}
}

// publicly asks without any credential.
func publicly(t *testing.T, address string) answer {
	t.Helper()
	got, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(got.Body); err != nil {
		t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, body.Bytes()}
}
