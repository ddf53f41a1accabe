package baanx

import (
	_ "embed"
	"net/http"
	"slices"
	"strings"

	"till/internal/fault"
	"till/internal/web"
)

// need is who must ask.
type need int

const (
	nobody   need = iota // the route finds out for itself
	client               // a client application, by its id
	loggedIn             // a user of it, by the token of a login
	user                 // a user of it, by any token of his
)

// route is one endpoint. do is called with the caller that the endpoint needs.
type route struct {
	method, path string
	needs        need
	do           func(r *http.Request, c caller) (answer, error)
}

// answer is what an endpoint says when it does not refuse.
type answer struct {
	status   int
	body     any
	location string // where a browser is sent instead
}

// routes is every endpoint, each noun's in its own file.
func (d *Dialect) routes() []route {
	return slices.Concat(d.orderRoutes(), d.loginRoutes(), d.oauthRoutes())
}

// Handler serves the API's paths, without the mount in front of them.
//
// A request is checked in this order, so that nothing is told to who may not know it: is there a client id, is it
// known, is the user's token good, is there such a path or object, can the body be read, may the user do it.
func (d *Dialect) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, rt := range d.routes() {
		mux.Handle(rt.method+" "+rt.path, d.serve(rt))
	}
	mux.Handle(consentPath, d.pageHandler())
	mux.HandleFunc("GET /openapi.yaml", serveOpenAPI)
	mux.Handle("/", d.noRoute(mux))
	return web.Recover(mux, http.HandlerFunc(d.failed), d.log)
}

func (d *Dialect) serve(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		c, err := d.admit(r, rt.needs)
		if err != nil {
			d.refuse(w, r, err)
			return
		}
		a, err := rt.do(r, c)
		switch {
		case err != nil:
			d.refuse(w, r, err)
		case a.location != "":
			w.Header().Set("Location", a.location)
			w.WriteHeader(a.status)
		default:
			web.WriteJSON(w, a.status, a.body)
		}
	})
}

//go:embed openapi.yaml
var openAPI []byte

// serveOpenAPI needs no client: the document says nothing of anybody.
func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write(openAPI) // an error here means that the client has left
}

// noRoute refuses what nothing serves, to those who may know it.
func (d *Dialect) noRoute(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := d.admit(r, user); err != nil {
			d.refuse(w, r, err)
			return
		}
		var allowed []string
		for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodPost} {
			asked := *r
			asked.Method = method
			if _, pattern := mux.Handler(&asked); pattern != "" && pattern != "/" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			d.refuse(w, r, fault.New(fault.CodeMethodNotAllowed, "Method not allowed"))
			return
		}
		d.refuse(w, r, fault.New(fault.CodeRouteNotFound, "Not found"))
	})
}
