package glomo

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/dialect/dialecttest"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/sandbox"
	"till/internal/secrets"
	"till/internal/store"
)

// kit is the API over the real engine on a database of its own, with a clock that stands still. There are the merchants
// shop and other.
type kit struct {
	*testing.T
	engine  *engine.Engine
	dialect *Dialect
	keys    *auth.SignedKeys
	auth    *auth.Auth
	store   *store.Store
	path    string // of its file; "": it has none
	handler http.Handler
	clock   *dialecttest.Clock
	tokens  map[string]string // by the name of the key
	ids     map[string]string // of the keys, by name
}

// The names of the keys. All but liveKey are of the sandbox.
const (
	shopKey     = "shop"
	otherKey    = "other"
	liveKey     = "live"     // merchant shop, production
	readerKey   = "reader"   // merchant shop, may only read orders
	expiredKey  = "expired"  // of a record that ended a second ago
	inactiveKey = "inactive" // was revoked
	browserKey  = "browser"  // merchant shop, publishable
)

var started = time.Date(2026, 3, 2, 10, 30, 0, 0, time.UTC)

// pretend is the sandbox's network, as the server has it.
func pretend() engine.Network {
	n := engine.Network{ID: "sandbox", Name: "Sandbox", Family: sandbox.Family, Mode: engine.Sandbox, Rail: sandbox.Name, Prefix: sandbox.Prefix, Custodial: true, Simulated: true}
	for _, a := range money.Fiats() {
		n.Tokens = append(n.Tokens, engine.Token{Asset: a})
	}
	return n
}

// testMethods are the three methods in each currency that the tests sell in.
func testMethods() (list []engine.Method) {
	for _, currency := range []string{"USD", "EUR", "GBP", "JPY", "KWD", "BHD", "OMR"} {
		for code, prompt := range map[string]engine.Prompt{"card": engine.PromptLink, "bank_transfer": engine.PromptTransfer, "pay_via_bank": engine.PromptLink} {
			list = append(list, engine.Method{Code: code, Name: code, Country: currency[:2], Currency: currency, Network: "sandbox", Prompt: prompt})
		}
	}
	return list
}

func newKit(t *testing.T, but ...func(c *Config)) *kit {
	t.Helper()
	path := filepath.Join(t.TempDir(), "till.db")
	k := newKitOn(t, func(o store.Options) (*store.Store, error) { return store.OpenSQLite(context.Background(), path, o) }, but...)
	k.path = path
	return k
}

// newKitOn is newKit on another database.
func newKitOn(t *testing.T, open func(store.Options) (*store.Store, error), but ...func(c *Config)) *kit {
	t.Helper()
	k := &kit{T: t, clock: dialecttest.NewClock(started), tokens: map[string]string{}, ids: map[string]string{}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	opened, err := open(store.Options{Now: k.clock.Now, Random: new(dialecttest.Counter), Log: log})
	k.must(err)
	t.Cleanup(func() { k.must(opened.Close()) })
	k.store = opened
	k.engine = engine.New(opened, []engine.Network{pretend()}, nil).WithRandom(new(dialecttest.Counter)).WithMethods(testMethods())
	terms := engine.DefaultExchange()
	terms.Now = k.clock.Now
	k.engine, err = k.engine.WithExchange(terms)
	k.must(err)
	for _, merchant := range []string{"shop", "other"} {
		k.must(k.engine.SaveMerchant(context.Background(), engine.Merchant{ID: merchant, Organisation: merchant, Name: merchant}))
	}
	k.wire(keyring{opened}, log, but...)
	k.addKey(shopKey, scopeOf("shop", engine.Sandbox), nil)
	k.addKey(otherKey, scopeOf("other", engine.Sandbox), nil)
	k.addKey(liveKey, scopeOf("shop", engine.Live), nil)
	k.addKey(readerKey, scopeOf("shop", engine.Sandbox), func(key *engine.Key) { key.Scopes = []string{"orders:read"} })
	k.addKey(expiredKey, scopeOf("shop", engine.Sandbox), func(key *engine.Key) { key.ExpiresAt = started.Add(-time.Second) })
	k.addKey(inactiveKey, scopeOf("shop", engine.Sandbox), func(key *engine.Key) { key.Active = false })
	k.addKey(browserKey, scopeOf("shop", engine.Sandbox), func(key *engine.Key) { key.Scopes = []string{publishable} })
	k.told()
	return k
}

// wire makes the API over the kit's engine.
func (k *kit) wire(keys auth.Keys, log *slog.Logger, but ...func(c *Config)) {
	k.auth = auth.New(keys, k.clock.Now)
	k.keys = auth.NewSignedKeys(auth.SignedKeysConfig{Auth: k.auth, Signing: testSigning{}, API: Name, Now: k.clock.Now, Random: new(dialecttest.Counter)})
	c := Config{
		Engine: k.engine, Keys: k.keys, Auth: k.auth, PublicURL: "https://pay.example.com/glomo", Now: k.clock.Now, Random: new(dialecttest.Counter), Log: log,
	}
	for _, change := range but {
		change(&c)
	}
	k.dialect = New(c)
	k.handler = k.dialect.Handler()
}

func scopeOf(merchant string, m engine.Mode) engine.Scope {
	return engine.Scope{Merchant: merchant, Mode: m, Dialect: Name}
}

// addKey puts a key on record: a signed one, or a publishable one.
func (k *kit) addKey(name string, s engine.Scope, but func(*engine.Key)) {
	k.Helper()
	key := engine.Key{ID: "key_" + name, Prefix: name, Scope: s, Active: true}
	if but != nil {
		but(&key)
	}
	text := PublishableTest + name + strings.Repeat("0", 32)
	if name != browserKey {
		var err error
		text, err = k.keys.Issue(context.Background(), auth.NewSigned{Merchant: s.Merchant, Mode: string(s.Mode)})
		k.must(err)
	}
	key.Hash = secrets.Hash(text)
	k.must(k.engine.SaveKey(context.Background(), key))
	k.tokens[name], k.ids[name] = text, key.ID
}

func (k *kit) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// told is what the sandbox's rail tells: everything up to now, and what it saw on the way.
func (k *kit) told(seen ...rail.Observation) {
	k.Helper()
	n := pretend()
	k.must(k.engine.Observe(context.Background(), n, engine.Report{
		Progress: engine.Progress{Rail: n.Rail, Cursor: rail.Cursor{Horizon: k.clock.Now(), Head: 1}, Fence: 1},
		Seen:     seen,
	}))
}

// request is one call. A body that is not empty is sent as JSON; key is the name of a key.
type request struct {
	method, path, key string
	header            http.Header
	body              string
}

// reply is its answer.
type reply struct {
	status int
	header http.Header
	body   string
}

func (k *kit) do(q request) reply {
	k.Helper()
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		token, known := k.tokens[q.key]
		if !known {
			k.Fatalf("there is no key %q", q.key)
		}
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	k.handler.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

func (k *kit) get(key, path string) reply {
	k.Helper()
	return k.do(request{method: "GET", path: path, key: key})
}

func (k *kit) post(key, path, body string) reply {
	k.Helper()
	return k.do(request{method: "POST", path: path, key: key, body: body})
}

func (k *kit) patch(key, path, body string) reply {
	k.Helper()
	return k.do(request{method: "PATCH", path: path, key: key, body: body})
}

func parse[T any](k *kit, r reply) T {
	k.Helper()
	var body T
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		k.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return body
}

// refused checks a refusal, whose message has a part.
func (k *kit) refused(what string, got reply, status int, part string) {
	k.Helper()
	var body errorBody
	if json.Unmarshal([]byte(got.body), &body) != nil || got.status != status || body.Error != words[status] || body.Message == "" || !strings.Contains(body.Message, part) {
		k.Errorf("%s: %d %s, want %d with %q", what, got.status, got.body, status, part)
	}
}

// testSigning is one key pair for all tests.
type testSigning struct{}

var testPair = sync.OnceValue(func() *rsa.PrivateKey {
	made, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return made
})

func (testSigning) Signer(context.Context) (auth.SigningKey, error) {
	return auth.SigningKey{ID: "test", Private: testPair()}, nil
}

func (s testSigning) All(ctx context.Context) ([]auth.SigningKey, error) {
	one, err := s.Signer(ctx)
	return []auth.SigningKey{one}, err
}

// keyring is the keys on record, as auth sees them.
type keyring struct{ store *store.Store }

func (k keyring) KeyByHash(ctx context.Context, hash string) (*auth.Key, error) {
	var made *engine.Key
	err := k.store.View(ctx, func(rd engine.Reader) (err error) { made, err = rd.KeyByHash(hash); return err })
	if err != nil || made == nil {
		return nil, err
	}
	return &auth.Key{ID: made.ID, Hash: made.Hash, Merchant: made.Scope.Merchant, Mode: string(made.Scope.Mode), Dialect: made.Scope.Dialect,
		Scopes: made.Scopes, Active: made.Active, ExpiresAt: made.ExpiresAt}, nil
}

// oneKey is a keyring of one key.
type oneKey struct{ key auth.Key }

func (k *oneKey) KeyByHash(_ context.Context, hash string) (*auth.Key, error) {
	if hash != k.key.Hash {
		return nil, nil
	}
	return &k.key, nil
}
