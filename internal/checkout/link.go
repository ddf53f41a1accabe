package checkout

import (
	"context"
	"encoding/base32"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/page"
	"till/internal/web"
)

// The page of an offer: what is sold, for how much, in which tokens on which networks, and a form that makes an
// order of it. The payer goes on to the page of that order.

// Seller is a Face whose API sells offers to whoever has the address of their page.
type Seller interface {
	Face
	Listing(o *engine.Offer) engine.Listing

	// TakeUp makes the order that a payer chose, or gives the one that the same choice on the same form made already
	// and that can still be paid. client is whom it counts, so that nobody makes them without end.
	//
	// Errors: not_found, not_published, offer_ended, sold_out, no_address, rate_limited and other refusals of an
	// order. What is wrong with the choice has the Param "email", "way" (the token and network) or "amount"; a price
	// that is not the offer's any more is wrong with the amount.
	TakeUp(ctx context.Context, client netip.Prefix, slug string, c engine.Choice) (*engine.Order, error)
}

// maxForm is how long a form may be, in bytes.
const maxForm = 16 << 10

// form is the page of an offer, with what was typed and what is wrong with it.
type form struct {
	engine.Listing
	Test    bool
	Left    int64 // how many can still be had
	Limited bool  // else there is no end of it
	Ends    time.Time
	Once    string

	Way, Amount, Email string // as they were typed
	Scale              uint8  // decimals that the amount may have
	Wrong              wrong
}

// wrong is what is wrong with each field, by its message; "" where nothing is.
type wrong struct{ Way, Amount, Email string }

// find is the published offer of a slug, which may not be open, and who sells it.
func (c *Checkout) find(ctx context.Context, slug, face string) (*engine.Offer, Seller, error) {
	o, err := c.engine.OfferBySlug(ctx, slug)
	if err != nil {
		return nil, nil, err
	}
	seller, ok := c.faces[o.Scope.Dialect].(Seller)
	if !ok || face != "" && face != o.Scope.Dialect {
		return nil, nil, fault.New(fault.CodeNotFound, "no such offer")
	}
	return o, seller, nil
}

// offered is the form of an offer as it is shown first.
func (c *Checkout) offered(o *engine.Offer, s Seller) (form, error) {
	f := form{Listing: s.Listing(o), Test: o.Scope.Mode == engine.Sandbox, Ends: o.EndsAt}
	f.Left, f.Limited = o.Left()
	if len(f.Ways) == 0 {
		return f, fault.New(fault.CodeNotConfigured, "nothing that this offer takes is served")
	}
	f.Way = wayOf(f.Ways[0])
	once := make([]byte, 15)
	if _, err := io.ReadFull(c.random, once); err != nil {
		return f, err
	}
	f.Once = strings.ToLower(base32.StdEncoding.EncodeToString(once))
	return f, nil
}

func (c *Checkout) showLink(w http.ResponseWriter, r *http.Request, face string) {
	o, seller, err := c.find(r.Context(), r.PathValue("slug"), face)
	if err != nil {
		c.refuseLink(w, r, "", err)
		return
	}
	f, err := c.offered(o, seller)
	if open := c.engine.OfferOpen(r.Context(), o, c.now()); open != nil {
		err = open
	}
	if err != nil {
		c.refuseLink(w, r, f.Title, err)
		return
	}
	c.pages.Write(w, r, http.StatusOK, "link", f)
}

func (c *Checkout) takeLink(w http.ResponseWriter, r *http.Request, face string) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.ParseForm() != nil {
		c.kit.Refused(w, r)
		return
	}
	slug := r.PathValue("slug")
	o, seller, err := c.find(r.Context(), slug, face)
	if err != nil {
		c.refuseLink(w, r, "", err)
		return
	}
	f, err := c.offered(o, seller)
	if err != nil {
		c.refuseLink(w, r, f.Title, err)
		return
	}
	choice := f.fill(r)
	if f.Wrong == (wrong{}) {
		made, err := seller.TakeUp(r.Context(), web.ClientOf(r), slug, choice)
		if err == nil {
			w.Header().Set("Location", payPage(r, made)) // as it is: http.Redirect would forget what a proxy took off the path
			w.WriteHeader(http.StatusSeeOther)
			return
		}
		if !f.blame(err) {
			c.refuseLink(w, r, f.Title, err)
			return
		}
	}
	c.pages.Write(w, r, http.StatusUnprocessableEntity, "link", f)
}

// payPage is the page of an order, from that of its offer, in the language that was chosen.
func payPage(r *http.Request, o *engine.Order) string {
	to := "../pay/order/" + url.PathEscape(o.PublicID)
	if r.URL.Query().Get("lang") != "" {
		to += "?lang=" + string(page.LangOf(r))
	}
	return to
}

// fill reads what was typed. What the form alone knows to be wrong is said at once.
func (f *form) fill(r *http.Request) engine.Choice {
	f.Email, f.Amount = strings.TrimSpace(r.PostForm.Get("email")), strings.TrimSpace(r.PostForm.Get("amount"))
	c := engine.Choice{Email: f.Email, Once: r.PostForm.Get("once")}
	var price string
	c.Currency, c.Network, price = splitWay(r.PostForm.Get("way"))
	known := false
	for _, way := range f.Ways {
		if way.Price.Asset().Code() == c.Currency && way.Network.ID == c.Network { // at today's price, if that has changed
			known = true
			f.Way, f.Scale = wayOf(way), way.Price.Asset().Scale()
		}
	}
	if c.Amount = price; price == "" {
		c.Amount = page.LangOf(r).Plain(f.Amount)
	}
	switch {
	case !known:
		f.Wrong.Way = "gone"
	case price != "" && f.Amount != "":
		f.Wrong.Amount = "fixed"
	case price == "" && f.Amount == "" && f.Chosen(f.Way):
		f.Wrong.Amount = "missing"
	}
	if f.Email == "" {
		f.Wrong.Email = "missing"
	}
	return c
}

// blame puts a refusal beside the field it is about; false: it is about none.
func (f *form) blame(err error) bool {
	told, ok := fault.As(err)
	if !ok {
		return false
	}
	switch told.Param {
	case "email":
		f.Wrong.Email = "wrong"
	case "way":
		f.Wrong.Way = "gone"
	case "amount":
		switch {
		case !f.Chosen(f.Way) || f.Amount == "": // what was shown is not asked for any more
			f.Wrong.Way = "changed"
		case told.Code == fault.CodeAmountTooLarge:
			f.Wrong.Amount = "large"
		default:
			f.Wrong.Amount = "wrong"
		}
	default:
		return false
	}
	return true
}

// wayOf is a way to pay as a form names it: with its price, so that nobody takes up what costs something else by now.
func wayOf(way engine.Way) string {
	price := ""
	if !way.Price.IsZero() {
		price = page.Plain(way.Price)
	}
	return way.Price.Asset().Code() + " " + way.Network.ID + " " + price
}

func splitWay(named string) (currency, network, price string) {
	currency, named, _ = strings.Cut(named, " ")
	network, price, _ = strings.Cut(named, " ")
	return currency, network, price
}

// WayOf names a way to pay in the form.
func (f form) WayOf(way engine.Way) string { return wayOf(way) }

// Chosen says that the payer chooses how much he pays in the way of this name.
func (f form) Chosen(named string) bool {
	_, _, price := splitWay(named)
	return price == ""
}

// Only is the way to pay where there is nothing to choose.
func (f form) Only() bool { return len(f.Ways) == 1 }

// First is the way that is proposed.
func (f form) First() engine.Way { return f.Ways[0] }

// Many says that the ways are better shown as a list to open.
func (f form) Many() bool { return len(f.Ways) > 8 }

// Asks says that there is a way whose amount the payer chooses.
func (f form) Asks() bool { return f.asking() > 0 }

// Always says that the payer chooses the amount in every way.
func (f form) Always() bool { return f.asking() == len(f.Ways) }

func (f form) asking() (n int) {
	for _, way := range f.Ways {
		if way.Price.IsZero() {
			n++
		}
	}
	return n
}

// Focus names the first field that is wrong.
func (f form) Focus() string {
	switch {
	case f.Wrong.Way != "":
		return "way"
	case f.Wrong.Amount != "":
		return "amount"
	case f.Wrong.Email != "":
		return "email"
	}
	return ""
}

// closedLink is a page that says why an offer cannot be taken up. Key is that of its messages.
type closedLink struct {
	Key, Title string
	Wait       int64 // minutes
}

// refusals is how the page says a refusal.
var refusals = map[fault.Code]struct {
	status int
	key    string
}{
	fault.CodeNotPublished:    {http.StatusConflict, "withdrawn"},
	fault.CodeSoldOut:         {http.StatusConflict, "soldout"},
	fault.CodeOfferEnded:      {http.StatusGone, "ended"},
	fault.CodeNoAddress:       {http.StatusServiceUnavailable, "full"},
	fault.CodeRateLimited:     {http.StatusTooManyRequests, "often"},
	fault.CodeServiceDisabled: {http.StatusServiceUnavailable, "unavailable"},
	fault.CodeNotConfigured:   {http.StatusServiceUnavailable, "unavailable"},
	fault.CodeCommitUnknown:   {http.StatusServiceUnavailable, "unavailable"},
	fault.CodeOverloaded:      {http.StatusServiceUnavailable, "unavailable"},
	fault.CodeVersionConflict: {http.StatusServiceUnavailable, "unavailable"},
}

// refuseLink says why there is no form. title is what would be sold, "" where that is not to be told.
func (c *Checkout) refuseLink(w http.ResponseWriter, r *http.Request, title string, err error) {
	f, _ := fault.As(err)
	if f == nil || refusals[f.Code].status == 0 {
		c.refuse(w, r, err)
		return
	}
	said := refusals[f.Code]
	if said.key == "withdrawn" {
		title = ""
	}
	wait := f.RetryAfter
	if wait <= 0 {
		wait = time.Minute
	}
	if said.status == http.StatusServiceUnavailable || said.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
	c.pages.Write(w, r, said.status, "closed", closedLink{Key: said.key, Title: title, Wait: int64((wait + time.Minute - 1) / time.Minute)})
}
