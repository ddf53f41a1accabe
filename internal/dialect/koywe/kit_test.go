package koywe

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
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
	"till/internal/webhook"
)

// kit is the API over the real engine on a database of its own, with a clock that stands still. The organisation
// acme has the merchants shop and branch, the organisation rival has other.
type kit struct {
	*testing.T
	engine  *engine.Engine
	dialect *Dialect
	tokens  *auth.Tokens
	store   *store.Store
	handler http.Handler
	clock   *dialecttest.Clock
	made    map[string]string // tokens by key
	madeAt  time.Time
}

// The keys, each an API key and its secret. All but liveKey are of the sandbox.
const (
	acmeKey     = "api_acme:a1"     // organisation acme: all its merchants
	shopKey     = "api_shop:b2"     // merchant shop
	branchKey   = "api_branch:c3"   // merchant branch
	otherKey    = "api_other:d4"    // merchant other, of another organisation
	rivalKey    = "api_rival:e5"    // organisation rival
	liveKey     = "api_live:f6"     // organisation acme, live
	readerKey   = "api_reader:a7"   // merchant shop, may only read orders
	expiredKey  = "api_expired:b8"  // ended a second ago
	inactiveKey = "api_inactive:c9" // was revoked
	foreignKey  = "api_foreign:d0"  // opens another API
)

var started = time.Date(2026, 3, 2, 10, 30, 0, 0, time.UTC)

var (
	sepoliaUSDC = money.MustAsset("USDC", "ethereum-sepolia", 6)
	sepoliaUSDT = money.MustAsset("USDT", "ethereum-sepolia", 6)
	amoyUSDC    = money.MustAsset("USDC", "polygon-amoy", 6)

	sepolia = engine.Network{ID: "ethereum-sepolia", Name: "Ethereum Sepolia", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:ethereum-sepolia", ChainID: 11155111, Confirmations: 3,
		Tokens: []engine.Token{{Asset: sepoliaUSDC, Contract: "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"}, {Asset: sepoliaUSDT, Contract: "0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0"}}}
	amoy = engine.Network{ID: "polygon-amoy", Name: "Polygon Amoy", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:polygon-amoy", ChainID: 80002, Confirmations: 10,
		Tokens: []engine.Token{{Asset: amoyUSDC, Contract: "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582"}}}
)

// pretend is the sandbox's network, as the server has it.
func pretend() engine.Network {
	n := engine.Network{ID: "sandbox", Name: "Sandbox", Family: sandbox.Family, Mode: engine.Sandbox, Rail: sandbox.Name, Prefix: sandbox.Prefix, Custodial: true, Simulated: true}
	for _, a := range money.Fiats() {
		n.Tokens = append(n.Tokens, engine.Token{Asset: a})
	}
	return n
}

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{T: t, clock: dialecttest.NewClock(started), made: map[string]string{}}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	opened, err := store.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: k.clock.Now, Random: new(dialecttest.Counter), Log: log})
	k.must(err)
	t.Cleanup(func() { k.must(opened.Close()) })
	k.store = opened
	k.engine = engine.New(opened, []engine.Network{pretend(), sepolia, amoy}, nil).WithRandom(new(dialecttest.Counter)).WithMethods(testMethods())
	terms := engine.DefaultExchange()
	terms.Now = k.clock.Now
	k.engine, err = k.engine.WithExchange(terms)
	k.must(err)
	k.engine.SetPayees(payees{})
	for merchant, organisation := range map[string]string{"shop": "acme", "branch": "acme", "other": "rival"} {
		k.must(k.engine.SaveMerchant(context.Background(), engine.Merchant{ID: merchant, Organisation: organisation, Name: merchant}))
	}
	k.addKeys()
	keys := keyring{opened}
	k.tokens = auth.NewTokens(auth.TokensConfig{
		Auth: auth.New(keys, k.clock.Now), Keys: keys, Store: opened, Sign: [][]byte{[]byte("a key of thirty-two bytes: 123456")}, API: Name, Now: k.clock.Now,
	})
	k.dialect = New(k.config(log))
	k.handler = k.dialect.Handler()
	for _, n := range []engine.Network{pretend(), sepolia, amoy} {
		k.told(n, 1234000)
	}
	return k
}

func (k *kit) config(log *slog.Logger) Config {
	return Config{
		Engine: k.engine, Tokens: k.tokens, PublicURL: "https://pay.example.com/koywe", Now: k.clock.Now, Random: new(dialecttest.Counter), Log: log,
		CheckURL: func(url string) error { _, err := webhook.Guard{}.CheckURL(url); return err },
		Seal: func(endpointID string, secret webhook.Secret) (string, error) {
			return "sealed " + endpointID + " " + secrets.Hash(secret.Reveal()), nil
		},
	}
}

func (k *kit) addKeys() {
	k.Helper()
	add := func(pair string, s engine.Scope, but func(*engine.Key)) {
		id, _, _ := strings.Cut(pair, ":")
		key := engine.Key{ID: "key_" + id, Hash: secrets.Hash(pair), Prefix: id, Scope: s, Active: true}
		but(&key)
		k.must(k.engine.SaveKey(context.Background(), key))
	}
	of := func(merchant string) engine.Scope {
		return engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: Name}
	}
	nothing := func(*engine.Key) {}
	add(acmeKey, engine.OfOrganisation("acme", engine.Sandbox, Name), nothing)
	add(liveKey, engine.OfOrganisation("acme", engine.Live, Name), nothing)
	add(rivalKey, engine.OfOrganisation("rival", engine.Sandbox, Name), nothing)
	add(shopKey, of("shop"), nothing)
	add(branchKey, of("branch"), nothing)
	add(otherKey, of("other"), nothing)
	add(readerKey, of("shop"), func(key *engine.Key) { key.Scopes = []string{"orders:read"} })
	add(expiredKey, of("shop"), func(key *engine.Key) { key.ExpiresAt = started.Add(-time.Second) })
	add(inactiveKey, of("shop"), func(key *engine.Key) { key.Active = false })
	add(foreignKey, engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "else"}, nothing)
}

func (k *kit) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

// told is what a rail tells: everything up to now and to a block, and what it saw on the way.
func (k *kit) told(n engine.Network, head uint64, seen ...rail.Observation) {
	k.Helper()
	k.must(k.engine.Observe(context.Background(), n, engine.Report{
		Progress: engine.Progress{Rail: n.Rail, Cursor: rail.Cursor{Horizon: k.clock.Now(), Head: head}, Fence: 1},
		Seen:     seen,
	}))
}

// request is one call. A body that is not empty is sent as JSON; key is signed in with.
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

// m and o are paths below the merchant shop and below the organisation acme.
func m(path string) string { return "/api/v1/organizations/acme/merchants/shop" + path }
func o(path string) string { return "/api/v1/organizations/acme" + path }

// token signs in, once for each key and moment.
func (k *kit) token(pair string) string {
	k.Helper()
	if now := k.clock.Now(); !now.Equal(k.madeAt) {
		clear(k.made)
		k.madeAt = now
	}
	if k.made[pair] == "" {
		id, secret, _ := strings.Cut(pair, ":")
		token, err := k.tokens.SignIn(context.Background(), auth.Pair{ID: id, Secret: secret, Address: "198.51.100.7"})
		k.must(err)
		k.made[pair] = token
	}
	return k.made[pair]
}

func (k *kit) do(q request) reply {
	k.Helper()
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		r.Header.Set("Authorization", "Bearer "+k.token(q.key))
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

func (k *kit) put(key, path, body string) reply {
	k.Helper()
	return k.do(request{method: "PUT", path: path, key: key, body: body})
}

func parse[T any](k *kit, r reply) T {
	k.Helper()
	var body T
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		k.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return body
}

// refused checks a refusal and returns its body; field "" is none.
func (k *kit) refused(what string, got reply, status int, code, field string) errorBody {
	k.Helper()
	body := parse[errorBody](k, got)
	named, _ := body.Details["field"].(string)
	if got.status != status || body.StatusCode != status || body.ErrorCode != code || named != field || body.Message == "" || body.Timestamp == "" || body.Path == "" {
		k.Errorf("%s: %d %s, want %d %s on %q", what, got.status, got.body, status, code, field)
	}
	return body
}

// keyring is the keys on record, as auth sees them.
type keyring struct{ store *store.Store }

func (k keyring) KeyByHash(ctx context.Context, hash string) (*auth.Key, error) {
	return k.find(ctx, func(rd engine.Reader) (*engine.Key, error) { return rd.KeyByHash(hash) })
}

func (k keyring) KeyByID(ctx context.Context, id string) (*auth.Key, error) {
	return k.find(ctx, func(rd engine.Reader) (*engine.Key, error) { return rd.KeyByID(id) })
}

func (k keyring) find(ctx context.Context, look func(engine.Reader) (*engine.Key, error)) (*auth.Key, error) {
	var made *engine.Key
	err := k.store.View(ctx, func(rd engine.Reader) (err error) { made, err = look(rd); return err })
	if err != nil || made == nil {
		return nil, err
	}
	return &auth.Key{ID: made.ID, Hash: made.Hash, Merchant: made.Scope.Merchant, Mode: string(made.Scope.Mode), Dialect: made.Scope.Dialect,
		Scopes: made.Scopes, Active: made.Active, ExpiresAt: made.ExpiresAt}, nil
}

// oneKey is a keyring of one key.
type oneKey struct{ key auth.Key }

func (k oneKey) KeyByHash(_ context.Context, hash string) (*auth.Key, error) {
	if hash != k.key.Hash {
		return nil, nil
	}
	return &k.key, nil
}

func (k oneKey) KeyByID(_ context.Context, id string) (*auth.Key, error) {
	if id != k.key.ID {
		return nil, nil
	}
	return &k.key, nil
}
