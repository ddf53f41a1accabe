package glomo

import (
	_ "embed"
	"net/http"
	"slices"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// Where the API is: its first version, what of it is newer, and what browsers may ask with a publishable key.
const (
	v1     = "/api/v1"
	v2     = "/api/v2"
	public = "/api/public/v1"
)

// route is one endpoint. do is called with the scope of the key.
type route struct {
	method, path string
	needs        string // the permission a caller needs ("orders:write"), [publishable], or [open]
	do           func(r *http.Request, s engine.Scope) (answer, error)
}

// What a route needs that no secret key is asked for.
const (
	open        = ""            // nothing: anybody may ask
	publishable = "publishable" // a publishable key, and no other
)

// answer is what an endpoint says when it does not refuse.
type answer struct {
	status int
	body   any
	header http.Header // beside what every answer has; may be nil
}

// routes is every endpoint, each noun's in its own file. A new noun gets its line here.
func (d *Dialect) routes() []route {
	return slices.Concat(
		d.keyRoutes(),
		d.customerRoutes(),
		d.documentRoutes(),
		d.priceRoutes(),
		d.orderRoutes(),
		d.bankAccountRoutes(),
		d.paymentRoutes(),
		d.linkRoutes(),
		d.refundRoutes(),
		d.rfiRoutes(),
		d.balanceRoutes(),
		d.quoteRoutes(),
		d.conversionRoutes(),
		d.beneficiaryRoutes(),
		d.payoutRoutes(),
		d.checkoutRoutes(),
	)
}

// Handler serves the API's paths, without the mount in front of them.
func (d *Dialect) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range d.routes() {
		h := d.serve(rt) // what GET serves HEAD is served too; its body is not sent
		if rt.needs == publishable {
			h = crossOrigin(h)
			mux.Handle("OPTIONS "+rt.path, crossOrigin(http.HandlerFunc(preflight)))
		}
		mux.Handle(rt.method+" "+rt.path, h)
	}
	mux.HandleFunc("GET "+ReportPath+"{name}", d.serveReport)
	mux.HandleFunc("GET /checkout.js", serveCheckoutJS)
	mux.HandleFunc("GET /openapi.yaml", serveOpenAPI)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		d.refuse(w, r, fault.New(fault.CodeRouteNotFound, "There is no "+r.Method+" "+r.URL.Path+" here"))
	})
	return web.Recover(mux, http.HandlerFunc(d.failed), d.log)
}

func (d *Dialect) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, s, err := d.admit(r, rt.needs)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		a, err := rt.do(r, s)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		for name, values := range a.header {
			w.Header()[name] = values
		}
		if a.body == nil {
			w.WriteHeader(a.status)
			return
		}
		web.WriteJSON(w, a.status, a.body)
	})
}

//go:embed openapi.yaml
var openAPI []byte

// serveOpenAPI needs no key: the document says nothing of anybody.
func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(openAPI) // an error here means that the client has left
}
