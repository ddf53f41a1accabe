package operator

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/party"
	"till/internal/quote"
	"till/internal/rail"
	"till/internal/secrets"
	"till/internal/store"
)

var usdt = money.MustAsset("USDT", "some-chain", 6)

// kit is the API over the real engine and a real database in which there is one of everything, all of it in
// the sandbox:
//
//	ord_open   waits for 100 USDT
//	ord_late   expired; 10 USDT lie in suspense/late
//	ord_short  completed, and then 5 USDT of it were reversed
//	0xst       a payment of 3 USDT that no order owns
type kit struct {
	booking  string // that is proposed
	handler  http.Handler
	engine   *engine.Engine
	store    *store.Store
	people   *auth.People
	session  string // of ann, who is nothing anywhere
	now      time.Time
	message  string // a message of ord_open to ep_1
	delivery engine.Network

	notification string // of ord_open: an e-mail that failed
}

func newKit(t testing.TB) *kit {
	t.Helper()
	k := &kit{now: testNow}
	clock := func() time.Time { return k.now }
	log := slog.New(slog.DiscardHandler)
	st, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: clock, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	k.store = st
	k.delivery = engine.Network{
		ID: "some-chain", Family: engine.EVM, Mode: engine.Sandbox, Rail: "evm:some-chain", ChainID: 1, Confirmations: 2, Custodial: true, Simulated: true,
		Tokens: []engine.Token{{Asset: usdt, Contract: "0x1"}},
	}
	k.engine = engine.New(st, []engine.Network{k.delivery, giro, engine.FulfilNetwork(engine.Sandbox)}, nil)
	cfg := testConfig(k.engine, clock, log)
	cfg.People = auth.NewPeople(auth.PeopleConfig{Store: st, Now: clock, Random: rand.Reader, Cost: auth.Cost{Memory: 8, Passes: 1, Threads: 1}})
	k.people = cfg.People
	k.handler = Handler(cfg)
	k.fill(t)
	if _, err := k.people.Add(t.Context(), "op_first", auth.NewPerson{Name: "ann", Password: password}); err != nil {
		t.Fatal(err)
	}
	_, session, _, err := k.people.Login(t.Context(), auth.Credentials{Name: "ann", Password: password}, auth.Terms{Face: auth.PagesFace, Lasts: 24 * time.Hour}, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.session = session.ID
	return k
}

// testConfig hands in what the program does.
func testConfig(e *engine.Engine, now func() time.Time, log *slog.Logger) Config {
	made := 0
	return Config{
		Engine: e, Auth: auth.New(newTestKeys(), now), Now: now, Log: log,
		People:   auth.NewPeople(auth.PeopleConfig{Store: burning{}, Now: now, Random: rand.Reader, Cost: auth.Cost{Memory: 8, Passes: 1, Threads: 1}}),
		Dialects: []string{"some", "other"}, Organisations: []string{"some"},
		RotateSigning: func(ctx context.Context, by *engine.Engine, dialect string) (engine.SigningKey, error) {
			k := engine.SigningKey{ID: "pair_1", Sealed: "sealed"}
			return k, by.AddSigningKey(ctx, dialect, k, "")
		},
		NewKey: func(_ context.Context, n KeyFor) (NewKey, error) {
			made++
			key := "made_" + n.Dialect + string(n.Mode) + strconv.Itoa(made)
			return NewKey{Key: key, Hash: secrets.Hash(key), Shown: key[:4], Sealed: "sealed " + key}, nil
		},
		NewEndpoint: func() (NewEndpoint, error) {
			made++
			return NewEndpoint{ID: "ep_made" + strconv.Itoa(made), Secret: "whsec_made", Sealed: "sealed"}, nil
		},
		NewSecret: func(endpoint string) (NewEndpoint, error) {
			made++
			return NewEndpoint{ID: endpoint, Secret: "whsec_new" + strconv.Itoa(made), Sealed: "sealed" + strconv.Itoa(made)}, nil
		},
		CheckURL: func(url string) error {
			if !strings.HasPrefix(url, "https://") {
				return fault.New(fault.CodeInvalidURL, "must use https")
			}
			return nil
		},
		ParseAddress: func(_ engine.Family, text string) (string, error) {
			if !strings.HasPrefix(text, "0x") {
				return "", fault.New(fault.CodeInvalidAddress, "is no address")
			}
			return text, nil
		},
		Shop: Shop{
			SealProduct: func(_ engine.Scope, code string) (string, string, error) {
				return "whsec_" + code, "sealed " + code, nil
			},
			HashPassword:         func(context.Context, string, string) (string, error) { return "hash", nil },
			NewApplicationSecret: func() (string, string, error) { return "s3cret", "hash", nil },
			EndTokens:            func(context.Context, string) error { return nil },
			NewID:                func() (string, error) { made++; return "user_" + strconv.Itoa(made), nil },
		},
		Pay: func(_ context.Context, p Payment) (string, error) {
			if p.Amount.Sign() <= 0 {
				return "", fault.New(fault.CodeInvalidAmount, "above zero").On("amount")
			}
			return strings.Join([]string{p.ID, p.Reference, p.Amount.String(), p.Rank.String(), p.From, p.Name}, "|"), nil
		},
		Banks: testBanks(e), Reporters: []Reporter{testReports{}},
		Jobs: func() []client.Job { return []client.Job{{Name: "tell", OK: true}} },
	}
}

func (k *kit) fill(t testing.TB) {
	for _, value := range []string{"400", "4000"} { // the second is in doubt
		at := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		r := quote.Rate{Base: "USD", Quote: "COP", Value: quote.MustDecimal(value), At: at, Source: "file", MaxAge: quote.Forever}
		if _, err := k.engine.TellRates(t.Context(), []string{"file"}, []engine.RatesTold{{Source: "file", Rates: []quote.Rate{r}}}); err != nil {
			t.Fatal(err)
		}
	}
	t.Helper()
	e, ctx := k.engine, t.Context()
	scope := engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	defer func() {
		_, err := e.AddUser(ctx, engine.User{ID: "user_ana", Scope: scope, Email: "ana@example.com", Phone: "+573001234567", Verification: engine.Verified, Active: true})
		must(err)
		_, err = e.AddFile(ctx, scope, engine.NewFile{ID: "doc_held", Name: "Passport", Content: strings.NewReader("%PDF-1.7")})
		must(err)
	}()
	must(e.SaveMerchant(ctx, engine.Merchant{ID: "m1", Organisation: "o1", Name: "One"}))
	must(e.SaveEndpoint(ctx, engine.Endpoint{ID: "ep_1", Scope: scope, Name: "one", URL: "https://example.com/", Secret: "sealed", Enabled: true}))
	must(e.SaveKey(ctx, engine.Key{ID: "key_1", Hash: secrets.Hash("key of m1"), Prefix: "pk_1", Scope: scope, Name: "first", Active: true}))
	_, err := e.ImportInstruments(ctx, engine.Pool{Merchant: "m1", Mode: engine.Sandbox, Family: engine.EVM},
		[]engine.Imported{{Value: "0xaddr1"}, {Value: "0xaddr2"}, {Value: "0xaddr3"}, {Value: "0xaddr4"}})
	must(err)
	k.report(t, 100)
	late, short := k.order(t, "ord_late"), k.order(t, "ord_short")
	paid := observation(short.Instrument.Value, "0xsh", "100.000000", k.now, 101)
	k.report(t, 102, paid)
	paid.Rank, paid.Epoch, paid.Final = order.RankReversed, 1, true
	k.report(t, 103, paid)

	k.now = k.now.Add(time.Hour)
	k.report(t, 200)
	_, err = e.Tick(ctx, engine.Sandbox, k.delivery.Rail, k.now)
	must(err)
	k.report(t, 202, observation(late.Instrument.Value, "0xla", "10.000000", k.now, 201), observation("0xaddr4", "0xst", "3.000000", k.now, 201))
	k.order(t, "ord_open")

	untold, err := e.Untold(ctx, []string{"some"}, 100)
	must(err)
	var ids []string
	var messages []engine.Message
	for _, u := range untold {
		ids = append(ids, u.Event.ID)
		if u.Event.Type == "order.created" {
			messages = append(messages, engine.Message{EventID: u.Event.ID, OrderID: u.Event.OrderID, EndpointID: "ep_1", Scope: scope,
				WireID: "evt_" + u.Order.PublicID, Type: "made", Body: []byte(`{"n":1}`), State: engine.MessagePending})
		}
	}
	must(e.Told(ctx, ids, messages))
	list, err := e.SearchMessages(ctx, engine.MessageSearch{Limit: 10}, "ord_open")
	must(err)
	k.message = list[0].ID

	e.SetPayees(payees{})
	_, err = e.AddCustomer(ctx, engine.Customer{Scope: scope, Customer: party.Customer{
		ID: "con_ana", Kind: party.Person, FirstName: "Ana", LastName: "Restrepo", Email: "ana@example.com", Phone: "+573001234567", Country: "CO",
		Document: party.Document{Type: "CED_CIU", Number: "1020304050"},
	}})
	must(err)
	added, err := e.Untold(ctx, []string{scope.Dialect}, 10)
	must(err)
	for _, u := range added {
		must(e.Told(ctx, []string{u.Event.ID}, nil))
	}
	for _, a := range []engine.Account{
		{ID: "acc_bank", Customer: "con_ana", Bank: &party.BankAccount{Country: "MX", Number: "012180026050783858"}, Default: true},
		{ID: "acc_own", Name: "Main", Bank: &party.BankAccount{Country: "MX", Number: "012180026050783858"}},
	} {
		a.Scope = scope
		_, err = e.AddAccount(ctx, a)
		must(err)
	}

	must(k.store.Update(ctx, engine.Keys{}, func(tx engine.Tx) error {
		n := &engine.Notification{
			ID: tx.NewID(), Scope: scope, OrderID: list[0].OrderID, Customer: "ana", Channel: engine.ByEmail, Subject: engine.AskedToPay,
			State: engine.NotificationFailed, Attempts: 8, Error: "450 later", CreatedAt: tx.Now(), DoneAt: tx.Now(),
		}
		k.notification = n.ID
		return tx.AddNotification(n)
	}))
}

// payees are rails that take every account.
type payees struct{}

func (payees) Address(_ engine.Network, address string) (string, error) { return address, nil }

func (payees) Bank(context.Context, *engine.Account) (engine.Destination, error) {
	return engine.Destination{}, nil
}

// address adds an address to the pool.
func (k *kit) address(t testing.TB, value string) {
	t.Helper()
	pool := engine.Pool{Merchant: "m1", Mode: engine.Sandbox, Family: engine.EVM}
	if _, err := k.engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: value}}); err != nil {
		t.Fatal(err)
	}
}

// order makes an order of 100 USDT with 15 minutes to pay.
func (k *kit) order(t testing.TB, publicID string) *engine.Order {
	t.Helper()
	book := ledger.Owed("m1")
	made, err := k.engine.Create(t.Context(), engine.NewOrder{
		Scope:    engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"},
		PublicID: publicID, Reference: "Ref " + publicID, UniqueKey: publicID, Network: k.delivery,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: money.FromInt(usdt, 100_000_000), To: book.Account(ledger.Merchant),
				Deadline: p.Now.Add(15 * time.Minute), Instant: true, OverAny: true}, nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.Order
}

func observation(instrument, tx, amount string, at time.Time, block uint64) rail.Observation {
	parsed, err := money.Parse(usdt, amount)
	if err != nil {
		panic(err)
	}
	return rail.Observation{External: tx + ":0", Instrument: instrument, Rank: order.RankConfirmed, Amount: parsed, Value: at,
		Evidence: order.Evidence{Tx: tx, Block: block, BlockHash: "0xb", From: "0xpayer", To: instrument}}
}

func (k *kit) report(t testing.TB, head uint64, seen ...rail.Observation) {
	t.Helper()
	p := engine.Progress{Rail: k.delivery.Rail, Cursor: rail.Cursor{State: []byte("{}"), Head: head, Horizon: k.now}}
	if err := k.engine.Observe(t.Context(), k.delivery, engine.Report{Progress: p, Seen: seen}); err != nil {
		t.Fatal(err)
	}
}

// client is a client of the API with a token.
func (k *kit) client(t testing.TB, token string) *client.Client {
	server := httptest.NewServer(k.handler)
	t.Cleanup(server.Close)
	return client.New(server.URL+client.Path, token, server.Client())
}

// burning is a store that fails in a way nobody may be told of.
type burning struct{}

func (burning) View(context.Context, func(engine.Reader) error) error {
	return errors.New("disk /dev/sda1 is on fire")
}

func (burning) Update(context.Context, engine.Keys, func(engine.Tx) error) error {
	return errors.New("disk /dev/sda1 is on fire")
}

func burningHandler(log io.Writer) http.Handler {
	now := func() time.Time { return testNow }
	return Handler(testConfig(engine.New(burning{}, nil, nil).WithGateways([]engine.Gateway{{ID: "gate", Mode: engine.Sandbox, Rail: "gate:one"}}), now, slog.New(slog.NewTextHandler(log, nil))))
}

func (burning) ViewPeople(context.Context, func(auth.Reader) error) error {
	return errors.New("disk /dev/sda1 is on fire")
}

func (burning) UpdatePeople(context.Context, func(auth.Tx) error) error {
	return errors.New("disk /dev/sda1 is on fire")
}
