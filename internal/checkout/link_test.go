package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/page"
	"till/internal/page/pagetest"
)

// seller is an API of the tests that sells: what a link is stands in its offer's Doc.
type seller struct {
	*house
	mu     sync.Mutex
	taken  []engine.Choice
	refuse error // for every choice, where it is set
}

type goods struct {
	Title, Description string
	Ways               []priced
}

type priced struct{ Code, Price string } // "" for what the payer chooses

func (s *seller) Listing(o *engine.Offer) engine.Listing {
	var g goods
	s.must(json.Unmarshal(o.Doc, &g))
	l := engine.Listing{Title: g.Title, Description: g.Description}
	for _, p := range g.Ways {
		for _, t := range chain.Tokens {
			if t.Asset.Code() == p.Code {
				way := engine.Way{Network: chain, Price: money.Zero(t.Asset)}
				if p.Price != "" {
					way.Price = amount(s, t.Asset, p.Price)
				}
				l.Ways = append(l.Ways, way)
			}
		}
	}
	return l
}

func (s *seller) TakeUp(ctx context.Context, _ netip.Prefix, slug string, c engine.Choice) (*engine.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, c)
	if s.refuse != nil {
		return nil, s.refuse
	}
	if !strings.Contains(c.Email, "@") || strings.Contains(c.Email, "..") {
		return nil, fault.New(fault.CodeInvalidValue, "no e-mail address").On("email")
	}
	o, err := s.engine.OfferBySlug(ctx, slug)
	if err != nil {
		return nil, err
	}
	for _, way := range s.Listing(o).Ways {
		asset := way.Price.Asset()
		if asset.Code() != c.Currency || way.Network.ID != c.Network {
			continue
		}
		due, err := money.Parse(asset, c.Amount)
		if err != nil || due.IsZero() || !way.Price.IsZero() && !due.Equal(way.Price) {
			return nil, fault.New(fault.CodeInvalidAmount, "no price").On("amount")
		}
		id := fmt.Sprintf("ord_sold%d", len(s.taken))
		made, err := s.engine.Create(ctx, engine.NewOrder{
			Scope: scope, PublicID: id, Reference: id, UniqueKey: id, Network: chain, Offer: engine.OfferTaken{ID: o.ID, Revision: o.Revision},
			Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
				book := ledger.Wallet(scope.Merchant)
				return order.Terms{Book: book, Due: due, To: book.Account(ledger.Merchant), OverAny: true, Instant: true,
					Deadline: p.Now.Add(window + grace)}, nil, nil
			},
		})
		return made.Order, err
	}
	return nil, fault.New(fault.CodeInvalidCurrency, "not taken").On("way")
}

func openShop(t *testing.T) (*house, *seller) {
	s := &seller{}
	s.house = openWith(t, func(h *house) Face { s.house = h; return s })
	return s.house, s
}

var mug = goods{Title: "Mug", Description: "Blue, 300 ml.\nMade of stoneware.", Ways: []priced{{"USDT", "100"}, {"USDC", "99.5"}}}

// offer publishes something; it is at [house.link] under its slug.
func (h *house) offer(slug string, g goods, stock int64) *engine.Offer {
	h.Helper()
	doc, err := json.Marshal(g)
	h.must(err)
	n := engine.NewOffer{ID: "plink_" + slug, Scope: scope, Doc: doc}
	if stock > 0 {
		n.Stock = &stock
		n.EndsAt = started.Add(48 * time.Hour)
	}
	_, err = h.engine.MakeOffer(h.Context(), n)
	h.must(err)
	o, err := h.engine.PublishOffer(h.Context(), scope, n.ID, slug)
	h.must(err)
	return o
}

func (h *house) link(slug string) string { return h.url + "/checkout/" + slug }

func (h *house) post(url string, form url.Values, header ...string) (*http.Response, string) {
	h.Helper()
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(form.Encode()))
	h.must(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return answered(h, client, r)
}

// Every form and every refusal in every look.
func TestLinkInEveryLook(t *testing.T) {
	h, _ := openShop(t)
	many := goods{Title: "A title that is rather long, so that it needs several lines on a phone: " + strings.Repeat("x", 60), Ways: []priced{{"USDT", "123456.789"}}}
	for i := range 9 {
		many.Ways = append(many.Ways, priced{"USDC", fmt.Sprint(100 + i)})
	}
	h.offer("mug", mug, 3)
	h.offer("plain", goods{Title: "Ticket", Ways: []priced{{"USDT", "12.5"}}}, 0)
	h.offer("gift", goods{Title: "Donation", Description: "Thank you.", Ways: []priced{{"USDT", ""}}}, 0)
	h.offer("mixed", goods{Title: "Support", Ways: []priced{{"USDT", ""}, {"USDC", "10"}}}, 0)
	h.offer("many", many, 0)
	h.offer("last", mug, 1)
	h.post(h.link("last"), url.Values{"way": {"USDT ethereum-sepolia 100.00"}, "email": {"ann@example.com"}})
	h.offer("gone", mug, 0)
	_, err := h.engine.ArchiveOffer(h.Context(), scope, "plink_gone")
	h.must(err)
	h.offer("none", goods{Title: "Mug", Ways: []priced{{"EUR", "1"}}}, 0)
	for _, look := range pagetest.Looks() {
		t.Run(look.Name(), func(t *testing.T) {
			tab := pagetest.Open(t, look)
			tab.Allow("the server responded with a status of")
			for _, c := range []struct {
				slug   string
				status int
				want   []string
			}{
				{"mug", 200, []string{"Mug", "Blue, 300 ml.", "100.00\u00a0USDT", "99.50\u00a0USDC", "Still available", "3", "On sale until", "2026", "Test payment", "Continue to payment"}},
				{"plain", 200, []string{"Ticket", "12.50\u00a0USDT", "on Ethereum Sepolia"}},
				{"gift", 200, []string{"Donation", "Amount in USDT"}},
				{"mixed", 200, []string{"you choose how much", "10.00\u00a0USDC"}},
				{"many", 200, []string{"How do you want to pay?"}},
				{"last", 409, []string{"Sold out", "Mug"}},
				{"gone", 409, []string{"This offer has been withdrawn"}},
				{"none", 503, []string{"Not available at the moment"}},
				{"unknown", 404, []string{"Page not found"}},
			} {
				if status := tab.Go(h.link(c.slug)); status != c.status {
					t.Errorf("%s: status %d", c.slug, status)
				}
				text := tab.Text("main")
				for _, want := range c.want {
					if !strings.Contains(text, want) {
						t.Errorf("%s: %q is not on the page:\n%s", c.slug, want, text)
					}
				}
				tab.Axe()
				tab.Picture("link-" + c.slug)
			}
		})
	}
}

// The whole way in a browser, with JavaScript and without: what is wrong is said beside its field with what was typed
// kept, and in the end the payer is at the page of his order.
func TestLinkIsTakenUp(t *testing.T) {
	for _, look := range []pagetest.Look{{Phone: true}, {NoScript: true, Language: "es"}} {
		t.Run(look.Name(), func(t *testing.T) {
			h, s := openShop(t)
			h.offer("mixed", goods{Title: "Support", Ways: []priced{{"USDT", "10"}, {"USDC", ""}}}, 0)
			tab := pagetest.Open(t, look)
			tab.Allow("422")
			tab.Go(h.link("mixed") + "?lang=es")
			tab.Click(`[value^="USDC "]`)
			tab.Type("#email", "ann..b@example.com") // which browsers take for an address
			tab.Type("#amount", "12,50")
			tab.Click("form button")
			tab.UntilText("#email-error", "Esto no es una dirección")
			if tab.Attribute("#email", "value") != "ann..b@example.com" || tab.Attribute("#amount", "value") != "12,50" || tab.Attribute("#email", "aria-invalid") != "true" ||
				!tab.Has(`[value^="USDC "][checked]`) || tab.Has("#amount-error") || tab.Has("#way-error") {
				t.Errorf("the form is\n%s", tab.HTML("form"))
			}
			if !look.NoScript {
				if got := pagetest.Eval[string](tab, "document.activeElement.id"); got != "email" {
					t.Errorf("the reader is at %q", got)
				}
				tab.Axe()
			}
			tab.Picture("link-wrong")
			tab.Type("#email", kb.End+strings.Repeat(kb.Backspace, len("ann..b@example.com"))+"ann@example.com")
			tab.Click("form button")
			tab.UntilText("h1", "Importe a pagar")
			if want := h.url + "/pay/order/ord_sold2?lang=es"; tab.URL() != want {
				t.Errorf("the payer is at %s, want %s", tab.URL(), want)
			}
			if text := tab.Text("main"); !strings.Contains(text, "12,50\u00a0USDC") {
				t.Errorf("the order is\n%s", text)
			}
			first, second := s.taken[0], s.taken[1]
			if len(first.Once) < 20 || first.Once == second.Once || second.Email != "ann@example.com" || second.Amount != "12.50" {
				t.Errorf("%+v\n%+v", first, second)
			}
		})
	}
}

// What can be wrong with a form, and what is said of it.
func TestLinkFormIsRefused(t *testing.T) {
	h, s := openShop(t)
	h.offer("mug", mug, 0)
	h.offer("gift", goods{Title: "Donation", Ways: []priced{{"USDT", ""}, {"USDC", "5"}}}, 0)
	const usdtWay, giftWay = "USDT ethereum-sepolia 100.00", "USDT ethereum-sepolia "
	for _, c := range []struct{ what, slug, way, amount, email, id, text string }{
		{"no e-mail address", "mug", usdtWay, "", " ", "email", "Please fill in your e-mail address."},
		{"no address at all", "mug", usdtWay, "", "ann", "email", "This is not an e-mail address."},
		{"nothing chosen", "mug", "", "", "ann@example.com", "way", "This choice is not available any more."},
		{"what is not taken", "mug", "DAI ethereum-sepolia 100", "", "ann@example.com", "way", "This choice is not available any more."},
		{"a price of old", "mug", "USDT ethereum-sepolia 90.00", "", "ann@example.com", "way", "The price has changed meanwhile."},
		{"a price where there is one", "mug", "USDT ethereum-sepolia ", "", "ann@example.com", "way", "The price has changed meanwhile."},
		{"an amount beside a price", "gift", "USDC ethereum-sepolia 5.00", "7", "ann@example.com", "amount", "The price of your choice is fixed."},
		{"no amount", "gift", giftWay, "", "ann@example.com", "amount", "Please fill in how much you want to pay."},
		{"nothing", "gift", giftWay, "0", "ann@example.com", "amount", "for example 12.50, with at most 6 decimals"},
		{"a word", "gift", giftWay, `"><script>`, "ann@example.com", "amount", "for example 12.50, with at most 6 decimals"},
		{"a comma in English", "gift", giftWay, "1,5", "ann@example.com", "amount", "for example 12.50, with at most 6 decimals"},
	} {
		got, body := h.post(h.link(c.slug), url.Values{"way": {c.way}, "amount": {c.amount}, "email": {c.email}})
		if got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, `id="`+c.id+`-error"`) || !strings.Contains(body, c.text) ||
			strings.Count(body, `-error"`+` role`)+strings.Count(body, `class="error"`) > 2 || strings.Contains(body, "<script>") {
			t.Errorf("%s: %d %s", c.what, got.StatusCode, body)
		}
	}
	for _, c := range []struct {
		what   string
		err    error
		status int
		text   string
		retry  string
	}{
		{"too large", fault.New(fault.CodeAmountTooLarge, "x").On("amount"), 422, "This amount is too large.", ""},
		{"sold out meanwhile", fault.New(fault.CodeSoldOut, "x"), 409, "Sold out", ""},
		{"ended meanwhile", fault.New(fault.CodeOfferEnded, "x"), 410, "This offer has ended", ""},
		{"withdrawn meanwhile", fault.New(fault.CodeNotPublished, "x"), 409, "This offer has been withdrawn", ""},
		{"no address is free", fault.New(fault.CodeNoAddress, "x"), 503, "Too many payments at once", "60"},
		{"too many", fault.New(fault.CodeRateLimited, "x").Retry(61 * time.Second), 429, "in minutes: 2", "61"},
		{"switched off", fault.New(fault.CodeServiceDisabled, "x"), 503, "Not available at the moment", "60"},
		{"gone", fault.New(fault.CodeNotFound, "x"), 404, "Page not found", ""},
		{"what nobody expects", fmt.Errorf("secret"), 500, "Something went wrong", ""},
	} {
		s.refuse = c.err
		got, body := h.post(h.link("gift"), url.Values{"way": {giftWay}, "amount": {"7"}, "email": {"ann@example.com"}})
		if got.StatusCode != c.status || !strings.Contains(body, c.text) || got.Header.Get("Retry-After") != c.retry || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %v %s", c.what, got.StatusCode, got.Header, body)
		}
	}
}

func TestLinkFormFromElsewhere(t *testing.T) {
	h, s := openShop(t)
	h.offer("mug", mug, 1)
	good := url.Values{"way": {"USDT ethereum-sepolia 100.00"}, "email": {"ann@example.com"}}
	if got, _ := h.post(h.link("mug"), good, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); got.StatusCode != http.StatusForbidden {
		t.Errorf("another site's form: %d", got.StatusCode)
	}
	if got, _ := h.post(h.link("mug"), url.Values{"email": {strings.Repeat("x", maxForm)}}); got.StatusCode != http.StatusForbidden {
		t.Errorf("a form without end: %d", got.StatusCode)
	}
	if len(s.taken) != 0 {
		t.Errorf("%+v", s.taken)
	}
	for path, want := range map[string]int{"/face/checkout/mug": 303, "/other/checkout/mug": 404, "/checkout/": 404, "/checkout/mug/more": 404, "/checkout/none": 404, "/checkout/%00": 404} {
		got, _ := h.post(h.url+path, good)
		if got.StatusCode != want || want == 303 && got.Header.Get("Location") != "../pay/order/ord_sold1" {
			t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
		}
	}
	h.mu.Lock()
	h.now = h.now.Add(72 * time.Hour)
	h.mu.Unlock()
	if status, body := h.fetch(h.link("mug")); status != http.StatusGone || !strings.Contains(body, "This offer has ended") {
		t.Errorf("%d %s", status, body)
	}
}

// case 55: what a merchant writes of what he sells is text.
func TestLinkTextIsText(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>{{.}}'`
	h, _ := openShop(t)
	h.offer("evil", goods{Title: evil, Description: evil + "\n</textarea>", Ways: mug.Ways}, 1)
	tab := pagetest.Open(t, pagetest.Look{})
	tab.Allow("409")
	tab.Go(h.link("evil"))
	if tab.Text("h1") != evil || !strings.HasPrefix(tab.Text(".description"), evil) || tab.Title() != evil || pagetest.Eval[int](tab, `document.querySelectorAll("main script, main img").length`) != 0 {
		t.Errorf("%s", tab.HTML("html"))
	}
	h.post(h.link("evil"), url.Values{"way": {"USDT ethereum-sepolia 100.00"}, "email": {"ann@example.com"}})
	tab.Go(h.link("evil"))
	if tab.Text(".sold") != evil {
		t.Errorf("%s", tab.HTML("html"))
	}
}

func TestLinkInEveryLanguage(t *testing.T) {
	h, _ := openShop(t)
	h.offer("mug", mug, 3)
	for l, want := range map[page.Lang]string{page.English: "Continue to payment", page.Spanish: "Continuar al pago", page.Portuguese: "Continuar para o pagamento"} {
		tab := pagetest.Open(t, pagetest.Look{Language: string(l), Phone: true})
		tab.Go(h.link("mug"))
		if text := tab.Text("main"); !strings.Contains(text, want) {
			t.Errorf("%s: %s", l, text)
		}
		tab.Axe()
		tab.Picture("link-language")
	}
}
