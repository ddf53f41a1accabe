package baanx

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
	"till/internal/order"
	"till/internal/page"
	"till/internal/rail"
	"till/internal/secrets"
	"till/internal/store"
)

// kit is the API over the real engine on a database of its own, with a clock that stands still. The merchant shop has
// the applications shopClient and otherClient, and the user ana@example.com; rival has an application of its own.
type kit struct {
	*testing.T
	store   *store.Store
	engine  *engine.Engine
	dialect *Dialect
	handler http.Handler
	assets  http.Handler // of its pages
	clock   *dialecttest.Clock
	sent    map[string]string // codes, by the user's id
	later   []func(ctx context.Context) error
	head    uint64
	token   string // of ana's login
}

const (
	shopClient    = "client_test_shop"
	otherClient   = "client_test_other" // of the same merchant
	secretClient  = "client_test_secret"
	rivalClient   = "client_test_rival"
	liveClient    = "client_live_shop"
	revokedClient = "client_test_revoked"

	password = "correct horse battery"
	back     = "https://shop.example/back"
)

var (
	started = time.Date(2026, 3, 2, 10, 30, 0, 0, time.UTC)
	usdc    = money.MustAsset("USDC", "ethereum-sepolia", 6)
	usdt    = money.MustAsset("USDT", "ethereum-sepolia", 6)
	usd, _  = money.Fiat("USD")
	linea   = money.MustAsset("USDC", "linea-mainnet", 6)

	sepolia = engine.Network{ID: "ethereum-sepolia", Name: "Ethereum Sepolia", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:ethereum-sepolia", ChainID: 11155111, Confirmations: 3,
		Tokens: []engine.Token{{Asset: usdc, Contract: "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"}, {Asset: usdt, Contract: "0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0"}}}
	mainnet = engine.Network{ID: "linea-mainnet", Name: "Linea", Family: engine.EVM, Mode: engine.Live, Rail: "evm:linea-mainnet", ChainID: 59144, Confirmations: 12,
		Tokens: []engine.Token{{Asset: linea, Contract: "0x176211869cA2b568f2A7D4EE941E073a821EE1ff"}}}

	scope = engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name}
)

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{T: t, clock: dialecttest.NewClock(started), sent: map[string]string{}, head: 1000}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError + 4}))
	opened, err := store.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: k.clock.Now, Random: new(dialecttest.Counter), Log: log})
	k.must(err)
	t.Cleanup(func() { k.must(opened.Close()) })
	k.store = opened
	k.engine = engine.New(opened, []engine.Network{sepolia, mainnet, engine.FulfilNetwork(engine.Sandbox), engine.FulfilNetwork(engine.Live)}, nil)
	for _, m := range []string{"shop", "rival"} {
		k.must(k.engine.SaveMerchant(context.Background(), engine.Merchant{ID: m, Organisation: m, Name: m}))
	}
	key := func(id, merchant string, m engine.Mode, dialect string, active bool) {
		k.must(k.engine.SaveKey(context.Background(), engine.Key{ID: "key_" + id, Name: "Shop", Hash: secrets.Hash(id), Scope: engine.Scope{Merchant: merchant, Mode: m, Dialect: dialect}, Active: active}))
	}
	key(shopClient, "shop", engine.Sandbox, Name, true)
	key(otherClient, "shop", engine.Sandbox, Name, true)
	key(secretClient, "shop", engine.Sandbox, Name, true)
	key(rivalClient, "rival", engine.Sandbox, Name, true)
	key(liveClient, "shop", engine.Live, Name, true)
	key(revokedClient, "shop", engine.Sandbox, Name, false)
	key("client_test_foreign", "shop", engine.Sandbox, "another", true)
	for _, id := range []string{shopClient, otherClient, secretClient, liveClient} {
		app := engine.Application{Key: "key_" + id, Name: "The Shop", RedirectURIs: []string{back, "com.shop.app:/back?from=till"}}
		if id == secretClient {
			app.Secret = secrets.Hash("s3cret")
		}
		_, err := k.engine.SaveApplication(context.Background(), app)
		k.must(err)
	}
	grants := auth.NewGrants(auth.PeopleConfig{Store: opened, Now: k.clock.Now, Random: dialecttest.NewCounter(1 << 32), Cost: auth.Cost{Memory: 8, Passes: 1, Threads: 1}})
	pages, err := page.New(page.Config{Log: log})
	k.must(err)
	k.dialect, err = New(Config{
		Engine: k.engine, Auth: auth.New(keyring{opened}, k.clock.Now), Grants: grants, SignKeys: [][]byte{[]byte("a key of thirty-two bytes: 123456")}, Kit: pages,
		SendCode: func(_ context.Context, u *engine.User, code string) error { k.sent[u.ID] = code; return nil },
		Later: func(errand func(ctx context.Context) error) bool {
			k.later = append(k.later, errand)
			return len(k.later) < 100
		},
		PublicURL: "https://pay.example.com/baanx", Now: k.clock.Now, Random: new(dialecttest.Counter), Log: log,
	})
	k.must(err)
	k.handler, k.assets = k.dialect.Handler(), pages.Assets()
	for _, m := range []engine.Mode{engine.Sandbox, engine.Live} {
		var list []engine.Imported
		for i := range 8 {
			list = append(list, engine.Imported{Value: "0x" + strings.Repeat(map[engine.Mode]string{engine.Sandbox: "a", engine.Live: "b"}[m], 38) + "0" + string(rune('1'+i))})
		}
		_, err := k.engine.ImportInstruments(context.Background(), engine.HousePool(m, engine.EVM), list)
		k.must(err)
	}
	k.block()
	k.must(k.engine.Observe(context.Background(), mainnet, engine.Report{Progress: engine.Progress{Rail: mainnet.Rail, Fence: 1, Cursor: rail.Cursor{Horizon: started, Head: 1}}}))
	k.user("ana", func(*engine.User) {})
	k.product("PREMIUM_SUBSCRIPTION", func(*engine.Product) {})
	k.token = k.login("ana")
	return k
}

// errands does what was put off until requests were answered, and says how much that was.
func (k *kit) errands() int {
	k.Helper()
	list := k.later
	k.later = nil
	for _, errand := range list {
		k.must(errand(context.Background()))
	}
	return len(list)
}

// user adds one who is verified and lives in the US, but for what change says.
func (k *kit) user(name string, change func(*engine.User)) *engine.User {
	k.Helper()
	hash, err := k.dialect.Grants.HashPassword(context.Background(), name, password)
	k.must(err)
	u := engine.User{ID: "user-" + name, Scope: scope, Email: name + "@example.com", Phone: "+4451234225", Password: hash, Verification: engine.Verified, Country: "US", Active: true}
	change(&u)
	added, err := k.engine.AddUser(context.Background(), u)
	k.must(err)
	return added
}

func (k *kit) product(code string, change func(*engine.Product)) {
	k.Helper()
	price, err := money.Parse(usd, "199.50")
	k.must(err)
	p := engine.Product{Code: code, Scope: scope, Description: "Premium subscription", Active: true, Price: price, Network: sepolia.ID, Token: "USDC", TTL: time.Hour,
		Eligibility: engine.Eligibility{Verified: true}, Fulfilment: engine.Fulfilment{Kind: engine.FulfilByHand}}
	change(&p)
	_, err = k.engine.SaveProduct(context.Background(), p)
	k.must(err)
}

func (k *kit) must(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

type request struct {
	method, path, body string
	client, token      string
	header             http.Header
}

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
	if q.client != "" {
		r.Header.Set("X-Client-ID", q.client)
	}
	if q.token != "" {
		r.Header.Set("Authorization", "Bearer "+q.token)
	}
	for name, values := range q.header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	w := httptest.NewRecorder()
	k.handler.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

func (k *kit) get(path string) reply {
	k.Helper()
	return k.do(request{method: "GET", path: path, client: shopClient, token: k.token})
}

func (k *kit) post(path, body string) reply {
	k.Helper()
	return k.do(request{method: "POST", path: path, body: body, client: shopClient, token: k.token})
}

// login is a token of a user's.
func (k *kit) login(name string, header ...string) string {
	k.Helper()
	q := request{method: "POST", path: "/v1/auth/login", body: `{"email":"` + name + `@example.com","password":"` + password + `"}`, client: shopClient, header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		q.header.Set(header[i], header[i+1])
	}
	got := k.do(q)
	if got.status != 200 {
		k.Fatalf("login: %d %s", got.status, got.body)
	}
	return parse[loginBody](k, got).AccessToken
}

const ask = `{"productId":"PREMIUM_SUBSCRIPTION","paymentMethod":"CRYPTO_EXTERNAL_DAIMO"}`

func (k *kit) order() createdBody {
	k.Helper()
	got := k.post("/v1/order", ask)
	if got.status != 200 {
		k.Fatalf("order: %d %s", got.status, got.body)
	}
	return parse[createdBody](k, got)
}

func (k *kit) status(id string) statusBody {
	k.Helper()
	got := k.get("/v1/order/" + id)
	if got.status != 200 {
		k.Fatalf("status: %d %s", got.status, got.body)
	}
	return parse[statusBody](k, got)
}

// stands checks what an order is called, and why.
func (k *kit) stands(id, status, note string) {
	k.Helper()
	got := k.status(id)
	said := ""
	if got.Metadata != nil {
		said = got.Metadata.Note
	}
	if got.Status != status || said != note || (got.PaidAt != "") != (status == statusCompleted) {
		k.Errorf("the order is %+v with note %q, want %s with %q", got, said, status, note)
	}
}

func parse[T any](k *kit, r reply) T {
	k.Helper()
	var body T
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		k.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return body
}

// refused checks a refusal: always JSON with a message.
func (k *kit) refused(what string, got reply, status int, message string) {
	k.Helper()
	body := parse[errorBody](k, got)
	if got.status != status || !strings.Contains(body.Message, message) || body.Message == "" || !strings.HasPrefix(got.header.Get("Content-Type"), "application/json") {
		k.Errorf("%s: %d %s, want %d with %q", what, got.status, got.body, status, message)
	}
}

// The far sides.

func (k *kit) record(id string) *engine.Order {
	k.Helper()
	o, err := k.engine.Order(context.Background(), scope, id)
	k.must(err)
	return o
}

// block is the next of sepolia's.
func (k *kit) block(seen ...rail.Observation) {
	k.Helper()
	k.head++
	k.must(k.engine.Observe(context.Background(), sepolia, engine.Report{
		Progress: engine.Progress{Rail: sepolia.Rail, Fence: 1, Cursor: rail.Cursor{Horizon: k.clock.Now(), Head: k.head}}, Seen: seen,
	}))
	_, err := k.engine.Tick(context.Background(), engine.Sandbox, sepolia.Rail, k.clock.Now())
	k.must(err)
}

const tx = "0x9c3b0f6a5d1e4c7b8a2f0d9e6c5b4a3f2e1d0c9b8a7f6e5d4c3b2a1f0e9d8c7b"

// pay makes a payment of a decimal amount final.
func (k *kit) pay(id, amount string, asset money.Asset) {
	k.Helper()
	k.see(id, tx, amount, asset, order.RankConfirmed)
}

func (k *kit) see(id, external, amount string, asset money.Asset, rank order.Rank) {
	k.Helper()
	units, err := money.Parse(asset, amount)
	k.must(err)
	o := k.record(id)
	k.block(rail.Observation{
		External: external, Instrument: o.Instrument.Value, Rank: rank, Amount: units, Value: k.clock.Now(),
		Evidence: order.Evidence{Tx: external, Block: k.head + 1, BlockHash: "0x1", From: "0x52908400098527886E0F7030069857D2E4169EE7", To: o.Instrument.Value},
	})
}

// fulfil sends what waits, and says what became of it.
func (k *kit) fulfil(id string, kind order.ChangeKind) {
	k.Helper()
	o := k.record(id)
	job, err := k.engine.Reserve(context.Background(), o.ID)
	k.must(err)
	k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, order.Sent, "ref"))
	if kind != order.Sent {
		k.must(k.engine.Transferred(context.Background(), o.ID, job.ID, kind, ""))
	}
}

// keyring is the keys on record, as auth sees them.
type keyring struct{ store *store.Store }

func (k keyring) KeyByHash(ctx context.Context, hash string) (*auth.Key, error) {
	var made *engine.Key
	err := k.store.View(ctx, func(rd engine.Reader) (err error) { made, err = rd.KeyByHash(hash); return err })
	if err != nil || made == nil {
		return nil, err
	}
	return &auth.Key{ID: made.ID, Hash: made.Hash, Merchant: made.Scope.Merchant, Mode: string(made.Scope.Mode), Dialect: made.Scope.Dialect, Active: made.Active, ExpiresAt: made.ExpiresAt}, nil
}

// UnmarshalJSON lets tests read what is written.
func (n *number) UnmarshalJSON(text []byte) error {
	*n = number(text)
	return nil
}
