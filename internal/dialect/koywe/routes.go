package koywe

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// Where the objects of a merchant, and of an organisation, are.
const (
	base = "/api/v1"
	ofO  = base + "/organizations/{organizationId}"
	ofM  = ofO + "/merchants/{merchantId}"
)

// route is one endpoint. do is called with a scope that the caller may work in: the merchant's of the path, the
// organisation's where the path names no merchant, else the key's own; the zero Scope where no token is asked for.
type route struct {
	method, path string
	scope        string // the permission a caller needs ("orders:write"); "" where no token is asked for
	do           func(r *http.Request, s engine.Scope) (answer, error)
}

// answer is what an endpoint says when it does not refuse.
type answer struct {
	status int
	body   any
}

// routes is every endpoint, each noun's in its own file. A new noun gets its line here.
func (d *Dialect) routes() []route {
	return slices.Concat(
		d.authRoutes(),
		d.accountsRoutes(),
		d.contactsRoutes(),
		d.notificationsRoutes(),
		d.incomeRoutes(),
		d.paymentMethodRoutes(),
		d.policyRoutes(),
		d.webhooksRoutes(),
		d.reportsRoutes(),
		d.organisationRoutes(),
		d.orderRoutes(),
		d.quoteRoutes(),
		d.dealRoutes(),
	)
}

// Handler serves the API's paths, without the mount in front of them.
func (d *Dialect) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range d.routes() {
		mux.Handle(rt.method+" "+rt.path, d.serve(rt)) // what GET serves HEAD is served too; its body is not sent
	}
	mux.HandleFunc("GET /openapi.yaml", serveOpenAPI)
	mux.Handle("/", d.noRoute(mux))
	return web.Recover(mux, http.HandlerFunc(d.failed), d.log)
}

func (d *Dialect) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var s engine.Scope
		if rt.scope != "" {
			var err error
			if r, s, err = d.admit(r, rt.scope); err != nil {
				d.refuse(w, r, err)
				return
			}
		}
		a, err := rt.do(r, s)
		if err != nil {
			d.refuse(w, r, err)
			return
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

// serveOpenAPI needs no token: the document says nothing of anybody.
func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(openAPI) // an error here means that the client has left
}

// noRoute refuses what nothing serves: a path, or a path with this method.
func (d *Dialect) noRoute(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if allowed := allowedMethods(mux, r); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			d.refuse(w, r, fault.New(fault.CodeMethodNotAllowed, "Method "+r.Method+" is not allowed for "+r.URL.Path))
			return
		}
		d.refuse(w, r, fault.New(fault.CodeRouteNotFound, "Cannot "+r.Method+" "+r.URL.Path))
	})
}

// allowedMethods are those by which a request's path is served.
func allowedMethods(mux *http.ServeMux, r *http.Request) (list []string) {
	for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost, http.MethodPut} {
		asked := *r
		asked.Method = method
		if _, pattern := mux.Handler(&asked); pattern != "" && pattern != "/" {
			list = append(list, method)
		}
	}
	return list
}
