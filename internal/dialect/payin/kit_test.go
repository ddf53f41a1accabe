package payin

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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
	"till/internal/rail"
	"till/internal/rail/evm"
	"till/internal/secrets"
	"till/internal/store"
	"till/internal/webhook"
)

// kit is the API over the real engine on a database of its own, with a clock that stands still.
type kit struct {
	*testing.T
	engine  *engine.Engine
	dialect *Dialect
	people  *auth.People
	store   *store.Store
	handler http.Handler
	clock   *dialecttest.Clock
}

const (
	shopKey     = "pk_test_shop"     // merchant shop, sandbox, may do everything
	otherKey    = "pk_test_other"    // merchant other, sandbox
	liveKey     = "pk_live_shop"     // merchant shop, live
	readerKey   = "pk_test_reader"   // merchant shop, may only read
	expiredKey  = "pk_test_expired"  // ended a second ago
	inactiveKey = "pk_test_inactive" // was revoked
	foreignKey  = "sk_test_foreign"  // opens another API
)

// readerScopes is what readerKey may do.
var readerScopes = []string{"orders:read", "config:read", "chains:read", "tokens:read", "transfers:read"}

var started = time.Date(2025, 1, 20, 10, 30, 0, 0, time.UTC)

var (
	sepoliaUSDT = money.MustAsset("USDT", "ethereum-sepolia", 6)
	sepoliaUSDC = money.MustAsset("USDC", "ethereum-sepolia", 6)
	sepoliaDAI  = money.MustAsset("DAI", "ethereum-sepolia", 18)
	amoyUSDC    = money.MustAsset("USDC", "polygon-amoy", 6)
	mainnetUSDT = money.MustAsset("USDT", "ethereum-mainnet", 6)

	sepolia = engine.Network{ID: "ethereum-sepolia", Name: "Ethereum Sepolia", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:ethereum-sepolia", ChainID: 11155111, Confirmations: 3,
		Tokens: []engine.Token{{Asset: sepoliaUSDT, Contract: "0xaA8E23Fb1079EA71e0a56F48a2aA51851D8433D0"}, {Asset: sepoliaUSDC, Contract: "0x1c7D4B196Cb0C7B01d743Fbc6116a902379C7238"}, {Asset: sepoliaDAI, Contract: "0x3e622317f8C93f7328350cF0B56d9eD4C620C5d6"}}}
	amoy = engine.Network{ID: "polygon-amoy", Name: "Polygon Amoy", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:polygon-amoy", ChainID: 80002, Confirmations: 10,
		Tokens: []engine.Token{{Asset: amoyUSDC, Contract: "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582"}}}
	mainnet = engine.Network{ID: "ethereum-mainnet", Name: "Ethereum", Family: engine.EVM, Mode: engine.Live, Rail: "evm:ethereum-mainnet", ChainID: 1, Confirmations: 12,
		Tokens: []engine.Token{{Asset: mainnetUSDT, Contract: "0xdAC17F958D2ee523a2206206994597C13D831ec7"}}}
	unwatched = engine.Network{ID: "arbitrum-sepolia", Name: "Arbitrum Sepolia", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:arbitrum-sepolia", ChainID: 421614, Confirmations: 3,
		Tokens: []engine.Token{{Asset: money.MustAsset("USDC", "arbitrum-sepolia", 6), Contract: "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d"}}}
)

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{T: t, clock: dialecttest.NewClock(started)}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	opened, err := store.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: k.clock.Now, Random: new(dialecttest.Counter), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	k.store = opened
	k.engine = engine.New(opened, []engine.Network{sepolia, amoy, mainnet, unwatched}, nil).WithRandom(new(dialecttest.Counter))
	for _, merchant := range []string{"shop", "other"} {
		k.must(k.engine.SaveMerchant(context.Background(), engine.Merchant{ID: merchant, Name: merchant}))
	}
	all := auth.Key{Merchant: "shop", Mode: "sandbox", Dialect: Name, Active: true}
	keys := keyring{kept: map[string]auth.Key{}, store: opened}
	keys.add(shopKey, all, func(*auth.Key) {})
	keys.add(otherKey, all, func(k *auth.Key) { k.Merchant = "other" })
	keys.add(liveKey, all, func(k *auth.Key) { k.Mode = "live" })
	keys.add(readerKey, all, func(k *auth.Key) {
		k.Scopes = readerScopes
	})
	keys.add(expiredKey, all, func(k *auth.Key) { k.ExpiresAt = started.Add(-time.Second) })
	keys.add(inactiveKey, all, func(k *auth.Key) { k.Active = false })
	keys.add(foreignKey, all, func(k *auth.Key) { k.Dialect = "other" })
	random := new(dialecttest.Counter)
	k.people = auth.NewPeople(auth.PeopleConfig{Store: opened, Now: k.clock.Now, Random: random, Cost: auth.Cost{Memory: 8, Passes: 1, Threads: 1}})
	k.dialect = New(Config{
		Engine: k.engine, Auth: auth.New(keys, k.clock.Now), People: k.people, NewKey: newTestKey(random), ParseAddress: evm.ParseAddress, Now: k.clock.Now, Version: "1.2.3", PublicURL: "https://pay.example.com/payin",
		CheckURL: func(url string) error { _, err := webhook.Guard{}.CheckURL(url); return err },
		Seal: func(endpointID string, secret webhook.Secret) (string, error) {
			return "sealed " + endpointID + " " + secrets.Hash(secret.Reveal()), nil
		},
		Sending: func(endpointIDs []string) (now, most int) { return len(endpointIDs), 256 }, Random: new(dialecttest.Counter), Log: log,
	})
	k.handler = k.dialect.Handler()
	for _, n := range []engine.Network{sepolia, amoy, mainnet} {
		k.told(n, 1234000)
	}
	return k
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

// payment is a transfer of a token to an address, mined now in a block.
func (k *kit) payment(to, tx string, block uint64, rank order.Rank, amount money.Amount) rail.Observation {
	return rail.Observation{
		External: tx + ":0", Instrument: to, Epoch: 1, Rank: rank, Amount: amount, Value: k.clock.Now(),
		Evidence: order.Evidence{Tx: tx, Block: block, BlockHash: "0xb10c", From: "0x00000000000000000000000000000000000000aa", To: to},
	}
}

// expire lets the time of a network's orders pass.
func (k *kit) expire(n engine.Network, by time.Duration) {
	k.Helper()
	k.clock.Move(by)
	progress, err := k.engine.Progress(context.Background(), n.Rail)
	k.must(err)
	k.told(n, progress.Cursor.Head+1)
	_, err = k.engine.Tick(context.Background(), n.Mode, n.Rail, k.clock.Now())
	k.must(err)
}

// pool gives a key's merchant addresses first to first+n-1.
func (k *kit) pool(key string, first, n int) {
	k.Helper()
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"address":"0x%040x","protocol":"evm","derivationIndex":%d}`, first+i, i))
	}
	got := k.do(request{method: "POST", path: "/api/v1/address-pool/addresses", key: key, body: `{"addresses":[` + strings.Join(list, ",") + `]}`})
	if got.status != 201 {
		k.Fatalf("import: %d %s", got.status, got.body)
	}
}

// request is one call. A body that is not empty is sent as JSON.
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
	r := httptest.NewRequest(q.method, q.path, strings.NewReader(q.body))
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if q.key != "" {
		r.Header.Set("X-API-Key", q.key)
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	k.handler.ServeHTTP(w, r)
	return reply{w.Code, w.Header(), w.Body.String()}
}

func (k *kit) get(key, path string) reply { return k.do(request{method: "GET", path: path, key: key}) }

func (k *kit) post(key, path, body string) reply {
	return k.do(request{method: "POST", path: path, key: key, body: body})
}

func (k *kit) put(key, path, body string) reply {
	return k.do(request{method: "PUT", path: path, key: key, body: body})
}

// create makes an order of the seed's kind and returns it.
func (k *kit) create(reference string, more ...string) orderBody {
	k.Helper()
	got := k.post(shopKey, "/api/v1/orders", newOrder(reference, more...))
	if got.status != 201 {
		k.Fatalf("create %s: %d %s", reference, got.status, got.body)
	}
	return parse[orderBody](k, got)
}

// newOrder is a body. more is pairs of a field and its JSON; an empty JSON leaves the field out.
func newOrder(reference string, more ...string) string {
	quoted, _ := json.Marshal(reference)
	fields := []string{"orderReference", "amount", "currency", "chainId"}
	values := map[string]string{"orderReference": string(quoted), "amount": `"100.00"`, "currency": `"USDT"`, "chainId": `"ethereum-sepolia"`}
	for i := 0; i < len(more); i += 2 {
		if _, known := values[more[i]]; !known {
			fields = append(fields, more[i])
		}
		values[more[i]] = more[i+1]
	}
	var parts []string
	for _, field := range fields {
		if values[field] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", field, values[field]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func parse[T any](k *kit, r reply) T {
	k.Helper()
	var body T
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		k.Fatalf("%d %s: %v", r.status, r.body, err)
	}
	return body
}

// refused checks a refusal and returns its body.
func (k *kit) refused(what string, got reply, status int, code, field string) errorBody {
	k.Helper()
	body := parse[errorBody](k, got)
	if got.status != status || body.StatusCode != status || body.Code != code || body.Details["field"] != field || body.Message == "" {
		k.Errorf("%s: %d %s, want %d %s on %q", what, got.status, got.body, status, code, field)
	}
	return body
}

// keyring is the keys on record, by hash: those of the kit, and those that were made through the API.
type keyring struct {
	kept  map[string]auth.Key
	store *store.Store
}

func (k keyring) add(text string, like auth.Key, but func(*auth.Key)) {
	like.ID, like.Hash = "key_"+text, secrets.Hash(text)
	but(&like)
	k.kept[like.Hash] = like
}

func (k keyring) KeyByHash(ctx context.Context, hash string) (*auth.Key, error) {
	if key, ok := k.kept[hash]; ok {
		return &key, nil
	}
	if k.store == nil {
		return nil, nil
	}
	var made *engine.Key
	err := k.store.View(ctx, func(rd engine.Reader) (err error) { made, err = rd.KeyByHash(hash); return err })
	if err != nil || made == nil {
		return nil, err
	}
	return &auth.Key{ID: made.ID, Hash: made.Hash, Merchant: made.Scope.Merchant, Mode: string(made.Scope.Mode), Dialect: made.Scope.Dialect,
		Scopes: made.Scopes, Active: made.Active, ExpiresAt: made.ExpiresAt}, nil
}

// newTestKey makes keys as the server does.
func newTestKey(random io.Reader) func(engine.Mode) (key, hash, shown string, err error) {
	return func(m engine.Mode) (key, hash, shown string, err error) {
		form := "pk_test_"
		if m == engine.Live {
			form = "pk_live_"
		}
		raw := make([]byte, 16)
		_, err = io.ReadFull(random, raw)
		key = form + hex.EncodeToString(raw)
		return key, secrets.Hash(key), key[:len(form)+4], err
	}
}

const password = "correct horse battery"

// person makes somebody with roles, and logs him in for the sandbox.
func (k *kit) person(name string, roles map[string]auth.Role) (token string) {
	k.Helper()
	_, err := k.people.Add(context.Background(), "op_1", auth.NewPerson{Name: name, Password: password, Roles: roles})
	k.must(err)
	return k.login(name, "sandbox")
}

func (k *kit) login(name, mode string) (token string) {
	k.Helper()
	got := k.post("", "/api/v1/auth/login", fmt.Sprintf(`{"username":%q,"password":%q,"mode":%q}`, name, password, mode))
	if got.status != 200 {
		k.Fatalf("login: %d %s", got.status, got.body)
	}
	return parse[loginBody](k, got).Data.Token
}

// as makes a request with a person's token. organization is the merchant he names; empty: none.
func (k *kit) as(token, organization, method, path, body string) reply {
	header := http.Header{"Authorization": {"Bearer " + token}}
	if organization != "" {
		header.Set(organizationHeader, organization)
	}
	return k.do(request{method: method, path: path, header: header, body: body})
}
