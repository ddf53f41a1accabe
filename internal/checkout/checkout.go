// Package checkout is the pages of payers. On the page of an order he pays it: how much of what, to which address on
// which network, until when; what has arrived so far; and at the end what became of it and the way back to the
// merchant. On the page of an offer he fills in a form that makes an order. Both work without JavaScript, and show
// nothing but the one thing whose id their address holds.
//
// It decides nothing about money. What an API adds to the pages (a title, the end of the time shown, the way
// back, what is sold) comes through [Face] and [Seller], so that it knows no API. How pages are made is in
// internal/page.
//
// Next to read: view.go for what is shown of an order when, uri.go for what wallets read, html/order.html; link.go and
// html/link.html for offers.
package checkout

import (
	"context"
	"embed"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/page"
	"till/internal/web"
)

// Face is what the page must know of the API that an order was made through.
type Face interface {
	Name() string                         // as in the order's scope
	PageTitle(o *engine.Order) string     // what is sold, as plain text; "" for none
	PageWindow(o *engine.Order) time.Time // until when the payer is asked to pay; money may count for longer
	ReturnURL(o *engine.Order) string     // where the payer's browser goes now; "" for nowhere
}

// Config is what the checkout works with. All fields but Public are required.
type Config struct {
	Engine *engine.Engine
	Kit    *page.Kit
	Faces  []Face
	Bounds page.StreamBounds
	Play   func(ctx context.Context, p Played) error // makes a payment up, for methods whose far side is; see play.go
	Public string                                    // where browsers reach these pages, without a slash at the end; "": nobody knows
	Now    func() time.Time                          // true time
	Random io.Reader                                 // for what nobody may guess; crypto/rand's in production; safe for concurrent use
	Log    *slog.Logger
}

// Checkout is the pages. The caller must Close it.
type Checkout struct {
	engine  *engine.Engine
	kit     *page.Kit
	pages   *page.Pages
	faces   map[string]Face
	streams *page.Streams
	play    func(context.Context, Played) error
	public  string
	rate    *web.Rate
	now     func() time.Time
	random  io.Reader
	log     *slog.Logger
}

//go:embed html texts
var files embed.FS

// New makes the checkout.
func New(c Config) (*Checkout, error) {
	pages, err := c.Kit.Pages(files)
	if err != nil {
		return nil, err
	}
	faces := map[string]Face{}
	for _, f := range c.Faces {
		faces[f.Name()] = f
	}
	return &Checkout{
		engine: c.Engine, kit: c.Kit, pages: pages, faces: faces, streams: page.NewStreams(c.Bounds), play: c.Play, public: c.Public,
		rate: &web.Rate{Burst: 240, Each: 100 * time.Millisecond}, now: c.Now, random: c.Random, log: c.Log,
	}, nil
}

// Close ends the streams of all open pages: a server that stops waits for them.
func (c *Checkout) Close() { c.streams.Close() }

// Paths are where [Checkout.Handler] must be mounted.
var Paths = []string{"/pay/", "/checkout/"}

// Handler serves the paths below [Paths]. With the name of a face it shows that API's orders and offers only: it is
// what stands under the API's mount. With "" it shows those of all.
func (c *Checkout) Handler(face string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /pay/order/{orderId}", func(w http.ResponseWriter, r *http.Request) { c.show(w, r, face) })
	mux.HandleFunc("GET /pay/order/{orderId}/live", func(w http.ResponseWriter, r *http.Request) { c.tell(w, r, face) })
	mux.HandleFunc("GET /pay/order/{orderId}/events", func(w http.ResponseWriter, r *http.Request) { c.stream(w, r, face) })
	for path, serve := range map[string]func(http.ResponseWriter, *http.Request, string){
		"GET /pay/order/{orderId}/methods": c.showMethods, "POST /pay/order/{orderId}/method": c.choose,
		"GET /pay/order/{orderId}/given": c.showGiven, "POST /pay/order/{orderId}/given": c.give,
		"GET /pay/order/{orderId}/sandbox": c.showSandbox, "POST /pay/order/{orderId}/sandbox": c.played,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { serve(w, r, face) })
	}
	mux.HandleFunc("GET /checkout/{slug}", func(w http.ResponseWriter, r *http.Request) { c.showLink(w, r, face) })
	mux.HandleFunc("POST /checkout/{slug}", func(w http.ResponseWriter, r *http.Request) { c.takeLink(w, r, face) })
	mux.HandleFunc("/", c.kit.NotFound)
	return c.kit.Guard(c.bounded(mux))
}

// bounded refuses a client that asks more often than any page of ours does.
func (c *Checkout) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hasForm(r.URL.Path) { // see the kit's Guard
			w.Header().Set("Referrer-Policy", "no-referrer") // the address is all that protects the page of an order
		}
		if _, ok := c.rate.Allow(web.ClientOf(r), c.now()); !ok {
			c.kit.Busy(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hasForm says that a path is a form's, or the page that one is on.
func hasForm(path string) bool {
	return strings.HasPrefix(path, "/checkout/") || strings.Count(path, "/") > 3 && !strings.HasSuffix(path, "/live") && !strings.HasSuffix(path, "/events")
}

// look finds the order of a request and what is to be shown of it.
func (c *Checkout) look(ctx context.Context, id, face string, l page.Lang) (view, error) {
	o, at, err := c.engine.ForPayer(ctx, id, c.now())
	if err != nil {
		return view{}, err
	}
	f, known := c.faces[o.Scope.Dialect]
	if !known || face != "" && face != o.Scope.Dialect {
		return view{}, fault.New(fault.CodeNotFound, "no such order")
	}
	n, err := c.engine.Network(o.Network, o.Scope.Mode)
	if err != nil {
		n = engine.Network{ID: o.Network, Name: o.Network} // no longer configured: the order is shown all the same
	}
	v := newView(o, n, f, at)
	v.Lang = l
	c.addMethods(&v, o, n)
	return v, c.addAround(ctx, &v, f)
}

func (c *Checkout) show(w http.ResponseWriter, r *http.Request, face string) {
	v, err := c.look(r.Context(), r.PathValue("orderId"), face, page.LangOf(r))
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	if len(v.order.Methods) > 0 { // it may have a form
		w.Header().Set("Referrer-Policy", "same-origin")
	}
	c.write(w, r, http.StatusOK, "order", v, v)
}

func (c *Checkout) tell(w http.ResponseWriter, r *http.Request, face string) {
	u, err := c.update(r.Context(), r.PathValue("orderId"), face, page.LangOf(r))
	if err != nil {
		c.refuse(w, r, err)
		return
	}
	page.WriteUpdate(w, u)
}

func (c *Checkout) stream(w http.ResponseWriter, r *http.Request, face string) {
	id, l := r.PathValue("orderId"), page.LangOf(r)
	if _, err := c.update(r.Context(), id, face, l); err != nil { // while there is still an answer to give
		c.refuse(w, r, err)
		return
	}
	c.streams.Serve(w, r, func(ctx context.Context) (page.Update, error) { return c.update(ctx, id, face, l) })
}

func (c *Checkout) update(ctx context.Context, id, face string, l page.Lang) (page.Update, error) {
	v, err := c.look(ctx, id, face, l)
	if err != nil {
		return page.Update{}, err
	}
	return page.Update{HTML: c.pages.Live(l, "order", v), Now: v.Now, Done: v.Done()}, nil
}

func (c *Checkout) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if fault.Is(err, fault.CodeNotFound) {
		c.kit.NotFound(w, r)
		return
	}
	if r.Context().Err() == nil {
		c.log.ErrorContext(r.Context(), "a pay page could not be shown", "error", err)
	}
	c.kit.Failed(w, r)
}
