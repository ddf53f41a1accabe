// Package operator is Till's own API, for whoever runs the server: orders of every API with their whole story,
// the ledger, money that waits for a decision, webhooks and their replay, merchants, keys, endpoints,
// instruments, the sandbox's clock and the background work. Its document, OpenAPI 3.1, is at
// /operator/v1/openapi.json.
//
// It reads and commands the engine and holds no rule of its own. The wire types are in package client, which
// is also what the command line uses. One file per noun; errors.go says how a fault looks here. Only this
// package uses huma, whose error hook is global.
package operator

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/web"
)

// maxBody bounds a request, in bytes.
const maxBody = 64 << 10

// Config is what the API is made of.
type Config struct {
	Engine *engine.Engine
	Auth   *auth.Auth
	People *auth.People
	Now    func() time.Time // true time
	Log    *slog.Logger

	Dialects []string // the APIs that are served
	// Organisations are those of them whose keys may open all merchants of an organisation.
	Organisations []string
	// NewKey makes a key. Error: invalid_value, where the API has no such keys.
	NewKey func(ctx context.Context, n KeyFor) (NewKey, error)
	// RotateSigning makes the key pair that an API signs its keys with from now on; by is for whom. Errors: invalid_value, where the API
	// has none; duplicate_reference, where somebody else does it now; order_state_conflict, where it has had too many.
	RotateSigning func(ctx context.Context, by *engine.Engine, dialect string) (engine.SigningKey, error)
	// NewEndpoint makes the id and the secret of an endpoint, and seals the secret for the database.
	NewEndpoint func() (NewEndpoint, error)
	// NewSecret makes and seals another secret for an endpoint that exists.
	NewSecret func(endpoint string) (NewEndpoint, error)
	// CheckURL refuses a URL that the server would not deliver to. Error: invalid_url.
	CheckURL func(url string) error
	// ParseAddress gives an address its canonical spelling. Error: invalid_address.
	ParseAddress func(f engine.Family, text string) (string, error)
	// Pay makes a payment up on the sandbox's rail and returns its id there; with an id that is known it tells more of
	// that payment. Errors: invalid_value, invalid_amount, idempotency_conflict.
	Pay   func(ctx context.Context, p Payment) (id string, err error)
	Banks []Bank // by mode and id
	// Shop is what products and users take.
	Shop      Shop
	Reporters []Reporter // the APIs that have reports
	// Jobs is how the background loops of this process are.
	Jobs func() []client.Job
}

// KeyFor says for whom a key is made. Dialect "" is this API.
type KeyFor struct {
	Dialect, Merchant string
	Mode              engine.Mode
	ExpiresAt         time.Time
	Publishable       bool // it stands in pages that everybody reads
}

// NewKey is a key that was just made: the key, its hash as it is stored, and what may be shown. Key is shown once and kept
// nowhere, as is the Secret of a key of two parts; an API that signs with its keys has their text stored as Sealed.
type NewKey struct{ Key, Secret, Hash, Shown, Sealed string }

// NewEndpoint is an endpoint's id and a secret made for it. Secret is shown once; Sealed is what is stored.
type NewEndpoint struct{ ID, Secret, Sealed string }

// Payment is one that is made up.
type Payment struct {
	ID, Reference string
	Amount        money.Amount
	Rank          order.Rank
	From, Name    string
}

// api serves the operations.
type api struct {
	Config
	mux     *http.ServeMux
	huma    huma.API
	imports imports
}

// Handler serves the API at /operator/v1, full paths. Every operation needs an operator's token as a bearer
// token, with the scope the document names for it.
func Handler(cfg Config) http.Handler {
	setHooks()
	a := &api{Config: cfg, mux: http.NewServeMux()}
	doc := huma.DefaultConfig("Till operator API", "1")
	doc.Info.Description = "Money is an object of texts, never a number. Errors are problem documents (RFC 9457) with a stable code."
	doc.Components.SecuritySchemes = map[string]*huma.SecurityScheme{bearer: {Type: "http", Scheme: "bearer"}}
	doc.DocsPath, doc.SchemasPath, doc.CreateHooks = "", "", nil // no page that loads scripts from elsewhere, no $schema in answers
	doc.RejectUnknownQueryParameters = true
	a.huma = humago.NewWithPrefix(a.mux, client.Path, doc)
	a.huma.UseMiddleware(a.guard)

	a.orders()
	a.payments()
	a.ledger()
	a.suspense()
	a.reviews()
	a.deliveries()
	a.messages()
	a.endpoints()
	a.notifications()
	a.merchants()
	a.customers()
	a.settings()
	a.reports()
	a.keys()
	a.people()
	a.instruments()
	a.clock()
	a.sandbox()
	a.rates()
	a.screening()
	a.banks()
	a.shop()
	a.jobs()
	return a
}

// setHooks sets huma's globals, once, since a server may be running already.
var setHooks = sync.OnceFunc(func() {
	huma.NewError = newError
	huma.ValidateStrictCasing = true
})

// ServeHTTP answers what no operation does with a problem, and leaves the rest to the operations.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	refusal, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	probe := unrouted{header: http.Header{}}
	refusal.ServeHTTP(&probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		write(w, problemOf(fault.New(fault.CodeMethodNotAllowed, "this path does not have the method "+r.Method)))
		return
	}
	write(w, problemOf(fault.New(fault.CodeRouteNotFound, "there is no such path")))
}

// unrouted takes the mux's own refusal, to see which it is.
type unrouted struct {
	header http.Header
	status int
}

func (u *unrouted) Header() http.Header         { return u.header }
func (u *unrouted) WriteHeader(status int)      { u.status = status }
func (u *unrouted) Write(p []byte) (int, error) { return len(p), nil }

// bearer is the name of the security scheme in the document.
const bearer = "token"

// needs says which scope an operation asks for ("orders:read"); guard enforces what the document says.
func needs(scope string) []map[string][]string { return []map[string][]string{{bearer: {scope}}} }

// guard runs before every operation: who calls, whether they may, and whether the request can be read in
// one way only.
func (a *api) guard(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	who, err := a.caller(r, ctx.Operation().Security[0][bearer][0])
	if err == nil {
		_, isFile := ctx.Operation().Metadata[fileBody]
		err = readable(r, ctx.Operation().RequestBody != nil && !isFile)
	}
	if err != nil {
		write(w, a.refuse(r.Context(), err))
		return
	}
	next(huma.WithValue(ctx, callerKey{}, who))
}

type callerKey struct{}

// caller finds the operator behind a request. Errors: unauthorized, forbidden.
func (a *api) caller(r *http.Request, scope string) (auth.Principal, error) {
	var token string
	if scheme, given, found := strings.Cut(r.Header.Get("Authorization"), " "); found && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(given)
	}
	who, err := a.Auth.Check(r.Context(), token, "")
	if err != nil {
		return auth.Principal{}, err
	}
	if who.Merchant != "" || !who.May(scope) {
		return auth.Principal{}, fault.New(fault.CodeForbidden, "this token may not do that; it needs the scope "+scope)
	}
	return who, nil
}

// sees says whether the caller may see a mode: a token that was made for one sees only that.
func sees(ctx context.Context, m engine.Mode) bool {
	who, ok := ctx.Value(callerKey{}).(auth.Principal)
	return ok && (who.Mode == "" || who.Mode == string(m))
}

// keyID is who calls, for the record.
func keyID(ctx context.Context) string {
	who, _ := ctx.Value(callerKey{}).(auth.Principal)
	return who.KeyID
}

// as is the engine for the caller: what is administered through it is on record as the caller's.
func (a *api) as(ctx context.Context) *engine.Engine { return a.Engine.As(keyID(ctx)) }

// mustSee refuses a mode that the caller may not see.
func mustSee(ctx context.Context, m engine.Mode) error {
	if sees(ctx, m) {
		return nil
	}
	return fault.New(fault.CodeForbidden, "this token is for the other mode").On("mode")
}

// readable refuses what two readers could take differently: a parameter given twice, and a body that is not
// one strict JSON object.
func readable(r *http.Request, hasBody bool) error {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.New(fault.CodeInvalidValue, "the query cannot be read")
	}
	for name, values := range query {
		if len(values) > 1 {
			return fault.New(fault.CodeInvalidValue, "the parameter is given twice").On(name)
		}
	}
	if !hasBody {
		return nil
	}
	if err := web.CheckMediaType(r); err != nil {
		return err
	}
	body, err := web.ReadBody(r, maxBody)
	if err != nil {
		return err
	}
	if _, err := web.ParseObject(body); err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// PageInput is where a page begins and how long it is. It is exported because huma reads an embedded struct
// only then; so are the others.
type PageInput struct {
	After string `query:"after" maxLength:"512" doc:"next of the page before"`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

// ModeInput narrows a list to a mode.
type ModeInput struct {
	Mode string `query:"mode" enum:"live,sandbox"`
}

// mode is the mode a list is about; "" is both, which a token for one mode never sees.
func (in ModeInput) mode(ctx context.Context) (engine.Mode, error) {
	who, _ := ctx.Value(callerKey{}).(auth.Principal)
	if in.Mode == "" {
		return engine.Mode(who.Mode), nil
	}
	return engine.Mode(in.Mode), mustSee(ctx, engine.Mode(in.Mode))
}

// cut takes the row off that was only read to know whether there is another page, and names that page.
func cut[T any](list []T, limit int, cursor func(T) string) (page []T, next string) {
	if len(list) <= limit {
		return list, ""
	}
	return list[:limit], cursor(list[limit-1])
}

// answer is an operation's output.
type answer[T any] struct{ Body T }

// bodyTime is how long a body may take to come. net/http ends the context of a request when the deadline of its connection's reads
// passes, also when the body was read long before: so it is what an answer may take (web.NewServer), not huma's 5 s.
const bodyTime = time.Minute

// serve registers an operation. Its handler returns faults as they come.
func serve[I, T any](a *api, op huma.Operation, handle func(context.Context, *I) (T, error)) {
	op.BodyReadTimeout = bodyTime
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*answer[T], error) {
		body, err := handle(ctx, in)
		if err != nil {
			return nil, a.refuse(ctx, err)
		}
		return &answer[T]{Body: body}, nil
	})
}
