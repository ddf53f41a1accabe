// Package payin is the API of PayIn's crypto payment orders: a merchant asks for an order, the payer sends
// a token to an address of the merchant's own wallet, and the order completes when the payment is
// confirmed or expires when its time is over.
//
// The contract is PayIn's published Orders API page ("the seed" in DIVERGENCES.md, which lists every place
// where this API differs from it or had to choose). The package decides what a request means and how an
// answer looks, and nothing about money: that is the engine's.
//
// Next to read: routes.go for what there is, decode.go for what a request may say, encode.go for what an
// order looks like, errors.go for every refusal.
package payin

import (
	"context"
	_ "embed"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/internal/auth"
	"till/internal/dialect"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
	"till/internal/webhook"
)

// Config is what the API works with. All fields but Limits and PublicURL are required.
type Config struct {
	Engine *engine.Engine
	Auth   *auth.Auth
	People *auth.People
	Limits Limits // how often one key may call; the zero Limits are none

	// NewKey makes a key of this API: the key, its hash as it is stored, and what may be shown.
	NewKey func(m engine.Mode) (key, hash, shown string, err error)

	// ParseAddress gives the canonical spelling of an EVM address; checksumOK is false when it is spelled in
	// mixed case with a wrong checksum.
	ParseAddress func(text string) (canonical string, checksumOK bool, err error)

	Now     func() time.Time // true time, for ids and the health check
	Version string           // of the program, as the health check shows it

	// CheckURL refuses a webhook URL that the server would not deliver to. Error: invalid_url.
	CheckURL func(url string) error
	// Seal encrypts an endpoint's secret for the database.
	Seal func(endpointID string, secret webhook.Secret) (string, error)
	// Sending is how many webhooks are on their way to these endpoints from this process, and how many to all may be.
	Sending func(endpointIDs []string) (now, most int)

	// PublicURL is where browsers reach this API, its mount included, without a slash at the end; empty: nobody
	// said, and orders do not tell where they are paid.
	PublicURL string

	Random io.Reader // for ids and secrets; crypto/rand's in production; safe for concurrent use
	Log    *slog.Logger
}

// Dialect is the API.
type Dialect struct {
	engine       *engine.Engine
	auth         *auth.Auth
	people       *auth.People
	newKey       func(engine.Mode) (key, hash, shown string, err error)
	limiter      *limiter
	parseAddress func(string) (string, bool, error)
	now          func() time.Time
	version      string
	publicURL    string
	public       *web.Rate // of what needs no key
	checkURL     func(string) error
	seal         func(string, webhook.Secret) (string, error)
	sending      func([]string) (now, most int)
	takings      *web.Rate // of orders that anybody makes of payment links
	random       io.Reader
	log          *slog.Logger
}

// New makes the API.
func New(c Config) *Dialect {
	return &Dialect{
		engine: c.Engine, auth: c.Auth, people: c.People, newKey: c.NewKey, limiter: newLimiter(c.Limits), parseAddress: c.ParseAddress,
		checkURL: c.CheckURL, seal: c.Seal, sending: c.Sending,
		now: c.Now, version: c.Version, publicURL: c.PublicURL, public: newPublicRate(), takings: newTakingRate(), random: c.Random, log: c.Log,
	}
}

var _ dialect.Dialect = (*Dialect)(nil)

// Name is the path the API is mounted under and the word in an order's scope.
const Name = "payin"

// Name is the constant of that name.
func (d *Dialect) Name() string { return Name }

// route is one endpoint. do is called with the scope of a caller who may do it.
type route struct {
	method, path string
	scope        string // the permission a caller needs, or ofPerson; "" in publicRoutes
	do           func(r *http.Request, s engine.Scope) (answer, error)
}

// answer is what an endpoint says when it does not refuse.
type answer struct {
	status int
	body   any
}

func (d *Dialect) routes() []route {
	return append([]route{
		{http.MethodPost, "/api/v1/orders", "orders:write", d.createOrder},
		{http.MethodGet, "/api/v1/orders", "orders:read", d.listOrders},
		{http.MethodGet, "/api/v1/orders/stats", "orders:read", d.orderStats},
		{http.MethodGet, "/api/v1/orders/{orderId}", "orders:read", d.getOrder},
		{http.MethodGet, "/api/v1/orders/by-reference/{orderReference...}", "orders:read", d.getOrderByReference},
		{http.MethodPost, "/api/v1/api-keys", "api-keys:write", d.createKey},
		{http.MethodGet, "/api/v1/api-keys", "api-keys:read", d.listKeys},
		{http.MethodGet, "/api/v1/api-keys/{keyId}", "api-keys:read", d.getKey},
		{http.MethodPatch, "/api/v1/api-keys/{keyId}", "api-keys:write", d.changeKey},
		{http.MethodPut, "/api/v1/api-keys/{keyId}", "api-keys:write", d.changeKey},
		{http.MethodDelete, "/api/v1/api-keys/{keyId}", "api-keys:write", d.deleteKey},
		{http.MethodGet, "/api/v1/auth/me", ofPerson, d.me},
		{http.MethodPost, "/api/v1/auth/logout", ofPerson, d.logout},
		{http.MethodGet, "/api/v1/transfers", "transfers:read", d.listTransfers},
		{http.MethodGet, "/api/v1/transfers/by-reference", "transfers:read", d.transfersByReference},
		{http.MethodGet, "/api/v1/chains", "chains:read", d.listChains},
		{http.MethodGet, "/api/v1/tokens", "tokens:read", d.listTokens},
		{http.MethodPost, "/api/v1/payment-links", "payment-links:write", d.createLink},
		{http.MethodGet, "/api/v1/payment-links", "payment-links:read", d.listLinks},
		{http.MethodGet, "/api/v1/payment-links/{linkId}", "payment-links:read", d.getLink},
		{http.MethodPut, "/api/v1/payment-links/{linkId}", "payment-links:write", d.changeLink},
		{http.MethodPost, "/api/v1/payment-links/{linkId}/publish", "payment-links:write", d.publishLink},
		{http.MethodPost, "/api/v1/payment-links/{linkId}/archive", "payment-links:write", d.archiveLink},
		{http.MethodGet, "/api/v1/config", "config:read", d.listConfig},
		{http.MethodGet, "/api/v1/config/{key}", "config:read", d.getConfig},
		{http.MethodPut, "/api/v1/config/{key}", "config:write", d.putConfig},
		{http.MethodDelete, "/api/v1/config/{key}", "config:write", d.deleteConfig},
		{http.MethodGet, "/api/v1/config/runtime", "config:read", d.configRuntime},
		{http.MethodGet, "/api/v1/config/metadata", "config:read", d.listConfigMetadata},
		{http.MethodGet, "/api/v1/config/metadata/{key}", "config:read", d.getConfigMetadata},
	}, slices.Concat(d.notificationRoutes(), d.depositRoutes(), d.addressRoutes())...)
}

// publicRoutes need no key and are called with the zero scope.
func (d *Dialect) publicRoutes() []route {
	return []route{
		{http.MethodPost, "/api/v1/auth/login", "", d.login},
		{http.MethodGet, "/health", "", d.health},
		{http.MethodGet, "/api/v1/health", "", d.health},
		{http.MethodGet, "/api/chains", "", d.publicChains},
		{http.MethodGet, "/api/tokens", "", d.publicTokens},
		{http.MethodGet, "/api/order-status/{orderId}", "", d.orderStatus},
		{http.MethodGet, "/api/payment-links/{slug}", "", d.publicLink},
		{http.MethodGet, "/api/v1/checkout/{slug}", "", d.publicLink},
		{http.MethodPost, "/api/payment-links/{slug}/orders", "", d.takeLink},
		{http.MethodPost, "/api/v1/checkout/{slug}/orders", "", d.takeLink},
	}
}

// Handler serves the API's paths, without the mount in front of them.
func (d *Dialect) Handler() http.Handler {
	mux := http.NewServeMux()
	byPath := map[string]map[string]http.Handler{} // and by method
	for _, rt := range append(d.routes(), d.publicRoutes()...) {
		if byPath[rt.path] == nil {
			byPath[rt.path] = map[string]http.Handler{}
		}
		byPath[rt.path][rt.method] = d.serve(rt)
	}
	for path, methods := range byPath {
		mux.Handle(path, d.byMethod(methods))
	}
	mux.HandleFunc("GET /openapi.yaml", serveOpenAPI)
	mux.Handle("/", http.HandlerFunc(d.noRoute))
	return web.Recover(mux, http.HandlerFunc(d.failed), d.log)
}

func (d *Dialect) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var scope engine.Scope
		if rt.scope != "" {
			who, err := d.caller(r, rt.scope)
			if err == nil {
				err = d.limiter.admit(w, who.KeyID, d.now())
			}
			if err != nil {
				d.refuse(w, r, err)
				return
			}
			scope = engine.Scope{Merchant: who.Merchant, Mode: engine.Mode(who.Mode), Dialect: Name}
			r = r.WithContext(context.WithValue(r.Context(), callerKey{}, who))
		}
		a, err := rt.do(r, scope)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		web.WriteJSON(w, a.status, a.body)
	})
}

func (d *Dialect) createOrder(r *http.Request, s engine.Scope) (answer, error) {
	asked, kept, err := d.decodeOrder(r, s)
	if err != nil {
		return answer{}, err
	}
	made, err := d.engine.Create(r.Context(), asked)
	if err != nil {
		return answer{}, explain(err, asked)
	}
	return d.encodeCreated(made, kept), nil
}

func (d *Dialect) getOrder(r *http.Request, s engine.Scope) (answer, error) {
	id := r.PathValue("orderId")
	if !isOrderID(id) {
		return answer{}, noOrder()
	}
	o, err := d.engine.Order(r.Context(), s, id)
	if err != nil {
		return answer{}, orNoOrder(err)
	}
	return answer{http.StatusOK, d.encodeOrder(o)}, nil
}

func (d *Dialect) getOrderByReference(r *http.Request, s engine.Scope) (answer, error) {
	reference := r.PathValue("orderReference")
	if checkReference(reference) != nil {
		return answer{}, noOrder()
	}
	o, err := d.engine.OrderByUnique(r.Context(), engine.UniqueKey{Scope: s, Key: reference})
	if err != nil {
		return answer{}, orNoOrder(err)
	}
	return answer{http.StatusOK, d.encodeOrder(o)}, nil
}

func (d *Dialect) listOrders(r *http.Request, s engine.Scope) (answer, error) {
	filter, err := decodeFilter(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	page, err := d.engine.Orders(r.Context(), filter)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, encodePage(filter, page)}, nil
}

//go:embed openapi.yaml
var openAPI []byte

// serveOpenAPI needs no key: the document says nothing of anybody.
func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(openAPI) // an error here means that the client has left
}

func (d *Dialect) noRoute(w http.ResponseWriter, r *http.Request) {
	d.refuse(w, r, fault.New(fault.CodeRouteNotFound, "Route "+r.Method+" "+r.URL.Path+" not found"))
}

// byMethod serves one path. What GET serves HEAD is served too; its body is not sent.
func (d *Dialect) byMethod(methods map[string]http.Handler) http.Handler {
	allowed := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		if serve := methods[method]; serve != nil {
			serve.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Allow", allowed)
		d.refuse(w, r, fault.New(fault.CodeMethodNotAllowed, "Method "+r.Method+" is not allowed for "+r.URL.Path))
	})
}

func noOrder() error { return fault.New(fault.CodeNotFound, "Order not found") }

// orNoOrder says in this API's words that there is no such order.
func orNoOrder(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return noOrder()
	}
	return err
}
