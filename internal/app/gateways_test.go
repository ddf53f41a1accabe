package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/simchain"
	"till/internal/simgateway"
)

const gatewayText = `
[gateways.one]
key = "a key"
webhook_secret = "a secret"
refund_address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
`

func TestGatewayConfig(t *testing.T) {
	cfg, err := load(t, gatewayText+`
[gateways.two]
api = "sessions"
mode = "sandbox"
name = "Two"
url = "https://gateway.example.com/base/"
key_env = "NO_SUCH"
webhook_secret = "x"
enabled = false
[gateways.three]
api = "sessions"
key = "k"
webhook_secret = "s"
chain_id = 8453
address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
tokens = [{ code = "USDC", decimals = 6, contract = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913" }]
`)
	if err != nil || len(cfg.Gateways) != 2 {
		t.Fatalf("%+v %v", cfg.Gateways, err)
	}
	one, three := cfg.Gateways[0], cfg.Gateways[1]
	if one.ID != "one" || one.Rail != "daimo:one" || one.URL != "https://pay.daimo.com" || one.Key != "a key" || one.Mode != engine.Live || one.Network != nil || one.Tolerance != 0 || one.Every != 30*time.Second {
		t.Errorf("%+v", one)
	}
	if three.URL != "https://api.daimo.com" || three.Gateway.Network != "three" || three.Network.ChainID != 8453 || three.Tolerance != 50 || three.Network.Rail != "daimo:three" {
		t.Errorf("%+v", three)
	}
	for _, test := range []struct{ change, key string }{
		{`api = "cards"`, "api"}, {`mode = "test"`, "mode"}, {`every = "1ms"`, "every"}, {`url = "http://gateway.example.com"`, "url"},
		{`url = "https://127.0.0.1/"`, "url"}, {`url = "https://gateway.example.com/?x=1"`, "url"}, {`key_env = "BOTH"`, "key"}, {`webhook_secret_file = "both"`, "webhook_secret"},
		{`refund_address = "0x12"`, "refund_address"}, {`address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"`, "chain_id"}, {`chain_id = 8453`, "address"},
		{"chain_id = 8453\naddress = \"0x5FbDB2315678afecb367f032d93F642f64180aA3\"", "address"}, {"chain_id = 8453\naddress = \"0x5FbDB2315678afecb367f032d93F642f64180aa3\"", "tokens"},
		{`colour = "red"`, "colour"},
	} {
		text := gatewayText
		if name, _, _ := strings.Cut(test.change, " "); strings.Contains(text, "\n"+name+" = ") {
			var lines []string
			for line := range strings.SplitSeq(text, "\n") {
				if !strings.HasPrefix(line, name+" = ") {
					lines = append(lines, line)
				}
			}
			text = strings.Join(lines, "\n")
		}
		_, err := load(t, text+test.change+"\n")
		if err == nil || !strings.Contains(err.Error(), "gateways.one."+test.key) || strings.Contains(err.Error(), "a secret") || strings.Contains(err.Error(), "a key") {
			t.Errorf("%s: %v", test.change, err)
		}
	}
	for text, problem := range map[string]string{
		strings.Replace(gatewayText, "one", "sandbox", 1):                       "gateways.sandbox",
		strings.Replace(gatewayText, "one", "ethereum-mainnet", 1):              "gateways.ethereum-mainnet",
		strings.Replace(gatewayText, "one", `"Big Name"`, 1):                    "gateways.\"Big Name\"",
		strings.Replace(gatewayText, `key = "a key"`, `key_env = "NONE"`, 1):    "gateways.one.key",
		strings.Replace(gatewayText, `key = "a key"`, `key_file = "absent"`, 1): "gateways.one.key_file",
		strings.Replace(gatewayText, `key = "a key"`, ``, 1):                    "gateways.one.key",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("want %s: %v", problem, err)
		}
	}
}

// purchase is an order of an amount through the sandbox's gateway, to be completed by posting.
func purchase(id string, n engine.Network, due money.Amount) engine.NewOrder {
	book, from := ledger.Owed("default"), engine.None
	if n.Family == engine.EVM {
		book, from = ledger.Wallet("default"), engine.Pooled
	}
	return engine.NewOrder{
		Scope: engine.Scope{Merchant: "default", Mode: engine.Sandbox, Dialect: "none"}, PublicID: id, Network: n, Instrument: from,
		Gateway: engine.Paying{Gateway: SandboxGateway, Request: "payment_" + id, Title: "A card", Currency: "USD", Price: "199.00", Metadata: map[string]string{"orderId": id}},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			deadline := p.Now.Add(time.Hour)
			return order.Terms{Book: book, Due: due, To: book.Account(ledger.Merchant), Whole: true, OverAny: true, OneAttempt: true, Instant: true,
				Deadline: deadline, SeenWaits: true, ConfirmBy: deadline.Add(30 * time.Minute)}, nil, nil
		},
	}
}

// eventually polls an order until it is as it should be.
func (g *gatewayKit) eventually(id, what string, ok func(o *engine.Order) bool) *engine.Order {
	g.Helper()
	var o *engine.Order
	for end := time.Now().Add(deadline); ; <-time.After(20 * time.Millisecond) {
		story, err := g.app.Engine.Story(g.Context(), id)
		if err != nil {
			g.Fatal(err)
		}
		if o = story.Order; ok(o) {
			return o
		}
		if time.Now().After(end) {
			g.Fatalf("%s: not %s: %s %+v %+v", id, what, o.State, o.Gateway, o.Payments)
		}
	}
}

type gatewayKit struct {
	*testing.T
	app *App
}

// buy makes an order as soon as its rails have spoken, and waits until the gateway has its payment.
func (g *gatewayKit) buy(n engine.NewOrder) *engine.Order {
	g.Helper()
	for end := time.Now().Add(deadline); ; <-time.After(20 * time.Millisecond) {
		_, err := g.app.Engine.Create(g.Context(), n)
		if err == nil {
			break
		}
		if !fault.Is(err, fault.CodeNotConfigured) || time.Now().After(end) {
			g.Fatal(err)
		}
	}
	return g.eventually(n.PublicID, "asked for", func(o *engine.Order) bool { return o.Gateway.Payment != "" })
}

// play chooses on the payment's page what becomes of it.
func (g *gatewayKit) play(o *engine.Order, what string) {
	g.Helper()
	answer, err := http.PostForm(o.Gateway.URL, url.Values{"play": {what}})
	if err != nil {
		g.Fatal(err)
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), "This is the sandbox") {
		g.Fatalf("%s: %d %s", what, answer.StatusCode, text)
	}
}

// Orders of the sandbox are paid through the gateway that is simulated, on a network of its own; what becomes of a payment is chosen on
// its page. A restart forgets nothing of it.
func TestSandboxGateway(t *testing.T) {
	dir := t.TempDir()
	g := &gatewayKit{T: t, app: startIn(t, dir, networksOff+"ethereum-sepolia.enabled = false\n", io.Discard)}
	n, err := g.app.Engine.Network("sandbox-gateway", engine.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	due := money.FromInt(n.Tokens[0].Asset, 199_000000)
	orders := map[string]*engine.Order{}
	for _, id := range []string{"pay", "underpay", "begin", "bounce", "refund", "expire", "later"} {
		orders[id] = g.buy(purchase(id, n, due))
	}
	for id, o := range orders {
		if id != "later" {
			g.play(o, id)
		}
	}
	paid := g.eventually("pay", "completed", func(o *engine.Order) bool { return o.State == order.Completed })
	if paid.Gateway.Tx == "" || paid.Payments[0].Rail != "daimo:sandbox" {
		t.Errorf("%+v %+v", paid.Gateway, paid.Payments)
	}
	g.eventually("underpay", "failed", func(o *engine.Order) bool {
		return o.State == order.Failed && o.Balance(o.Terms.Book.Account(ledger.Unfit), due.Asset()).Sign() > 0
	})
	g.eventually("begin", "seen", func(o *engine.Order) bool { return o.State == order.Seen })
	for id, note := range map[string]string{"bounce": rail.NoteBounced, "refund": rail.NoteRefunded} {
		g.eventually(id, "failed", func(o *engine.Order) bool { return o.State == order.Failed && o.Gateway.Note == note })
	}
	if o := g.eventually("expire", "waiting", func(o *engine.Order) bool { return true }); o.State != order.Waiting {
		t.Errorf("a session that ended by itself ended the order: %s", o.State)
	}
	// A refund after completion is a note.
	g.play(paid, "refund")
	g.eventually("pay", "noted", func(o *engine.Order) bool { return o.State == order.Completed && o.Gateway.Note == rail.NoteRefunded })

	stop(t, g.app)
	g.app = startIn(t, dir, networksOff+"ethereum-sepolia.enabled = false\n", io.Discard)
	if err := g.app.Simulator().Complete(t.Context(), orders["later"].Gateway.Payment, ""); err != nil {
		t.Fatal(err)
	}
	g.eventually("later", "completed", func(o *engine.Order) bool { return o.State == order.Completed })
	if code := callback(t, g.app, "nobody", nil, "{}", http.StatusNotFound); code != http.StatusNotFound {
		t.Errorf("a gateway that is none: %d", code)
	}
	callback(t, g.app, SandboxGateway, nil, "{}", http.StatusUnauthorized)
	callback(t, g.app, SandboxGateway, nil, strings.Repeat(" ", maxCallback+1), http.StatusRequestEntityTooLarge)
}

// On a chain that is watched the gateway's payment moves real tokens, and the money is counted once: as the chain's.
func TestGatewayOnChain(t *testing.T) {
	chain, err := simchain.Start(simchain.Config{BlockTime: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	text := networksOff + ownNetwork(chain, chain.ChainID()) + "[server]\naddr = \"127.0.0.1:0\"\n"
	cfg, err := LoadConfig(write(t, t.TempDir(), "till.toml", text), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Deliver = func(ctx context.Context, network, contract, to string, units *big.Int) (tx, from string, err error) {
		hash, err := chain.Transfer(ctx, common.HexToAddress(contract), common.HexToAddress(to), units)
		return hash.Hex(), chain.Payer().Hex(), err
	}
	g := &gatewayKit{T: t, app: startWith(t, cfg)}
	pool := engine.Pool{Merchant: "default", Mode: engine.Sandbox, Family: engine.EVM}
	if _, err := g.app.Engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: goodContract}, {Value: junkFirst}}); err != nil {
		t.Fatal(err)
	}
	n, err := g.app.Engine.Network("sim", engine.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	due := money.FromInt(n.Tokens[0].Asset, 199_000000)
	o := g.buy(purchase("chained", n, due))
	if o.Gateway.To != o.Instrument.Value {
		t.Errorf("paid to %s, the order's is %s", o.Gateway.To, o.Instrument.Value)
	}
	g.play(o, "begin")
	g.eventually("chained", "seen", func(o *engine.Order) bool { return o.State == order.Seen })
	g.play(o, "pay")
	o = g.eventually("chained", "completed", func(o *engine.Order) bool { return o.State == order.Completed && o.Gateway.Tx != "" })
	var counted []string
	for _, p := range o.Payments {
		if p.Booked != "" {
			counted = append(counted, p.Rail)
			if !strings.EqualFold(p.Evidence.Tx, o.Gateway.Tx) {
				t.Errorf("the chain tells of %s, the gateway of %s", p.Evidence.Tx, o.Gateway.Tx)
			}
		}
	}
	if len(counted) != 1 || counted[0] != "evm:sim" || !o.Received().Equal(due) {
		t.Errorf("counted %v, received %s", counted, o.Received())
	}
	// A lie of the gateway's completes nothing: the chain does not know of it.
	lied := g.buy(purchase("lied", n, due))
	err = g.app.Simulator().Change(lied.Gateway.Payment, func(p *simgateway.Payment) { p.Status, p.Tx = simgateway.Completed, "0xlie" })
	if err != nil {
		t.Fatal(err)
	}
	lied = g.eventually("lied", "told of", func(o *engine.Order) bool { return o.Gateway.Tx == "0xlie" })
	if lied.State != order.Seen || lied.Received().Sign() != 0 {
		t.Errorf("a lie made it %s with %s", lied.State, lied.Received())
	}
}

// callback calls a gateway's route and wants a status.
func callback(t *testing.T, a *App, id string, header http.Header, body string, want int) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.URL()+gatewayPath+id, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != want {
		t.Errorf("%s: %d, want %d", id, answer.StatusCode, want)
	}
	return answer.StatusCode
}

// signed is how the newer API's callbacks prove themselves.
func signed(secret, body string) http.Header {
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprint(mac, at, ".", body)
	return http.Header{"Daimo-Signature": {"t=" + at + ",v1=" + hex.EncodeToString(mac.Sum(nil))}}
}

// A server killed between the gateway's answer and its own memory of it asks again and gets the same payment; one killed when it was
// called back, or when it has asked what the call was about, asks again. Either way the order has one payment, counted once.
func TestKilledAtTheGateway(t *testing.T) {
	program := victimProgram(t)
	eachWhereKilled(t, []string{"gateway.created", "gateway.told", "gateway.heard", "gateway.looked"}, func(t *testing.T, place, database string) {
		killedAtTheGateway(t, program, place, database)
	})
}

func killedAtTheGateway(t *testing.T, program, place, database string) {
	dir := t.TempDir()
	text := networksOff + "ethereum-sepolia.enabled = false\n[server]\naddr = \"127.0.0.1:0\"\n" + database
	config := write(t, dir, "till.toml", text)
	cfg, err := LoadConfig(config, noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	due := money.FromInt(sandboxGatewayNetwork().Tokens[0].Asset, 199_000000)
	if paidFirst := place == "gateway.heard" || place == "gateway.looked"; paidFirst {
		g := &gatewayKit{T: t, app: startIn(t, dir, text, io.Discard)}
		o := g.buy(purchase("killed", sandboxGatewayNetwork(), due))
		stop(t, g.app)
		page, found := strings.CutPrefix(o.Gateway.URL, g.app.URL())
		if !found {
			t.Fatalf("the payment's page is %s", o.Gateway.URL)
		}
		killServer(t, program, config, place, func(server string) {
			answer, err := http.PostForm(server+page, url.Values{"play": {"pay"}})
			if err == nil { // the server may be gone before it answers
				answer.Body.Close()
			}
		})
	} else {
		awaitPurchase(t, cfg, due)
		killServer(t, program, config, place, nil)
	}
	g := &gatewayKit{T: t, app: startIn(t, dir, text, io.Discard)}
	o := g.eventually("killed", "asked for", func(o *engine.Order) bool { return o.Gateway.URL != "" })
	if list := g.app.Simulator().Payments(); len(list) != 1 || list[0].ID != o.Gateway.Payment {
		t.Errorf("the gateway has %+v", list)
	}
	if place == "gateway.created" || place == "gateway.told" {
		g.play(g.eventually("killed", "asked for here", func(o *engine.Order) bool { return strings.HasPrefix(o.Gateway.URL, g.app.URL()) }), "pay")
	}
	o = g.eventually("killed", "completed", func(o *engine.Order) bool { return o.State == order.Completed })
	if len(o.Payments) != 1 || !o.Received().Equal(due) {
		t.Errorf("%d payments, received %s", len(o.Payments), o.Received())
	}
	stop(t, g.app)
	report, err := Verify(t.Context(), Books{Config: config, Env: noEnv, Log: io.Discard}, Proof{})
	if err != nil || !report.OK() {
		t.Errorf("%+v %v", report, err)
	}
}

// awaitPurchase puts an order on record that no gateway was asked about.
func awaitPurchase(t *testing.T, cfg Config, due money.Amount) {
	t.Helper()
	db, err := openStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n := sandboxGatewayNetwork()
	e := withGateways(engine.New(db, gatewayNetworks(cfg), nil), cfg)
	told := engine.Report{Progress: engine.Progress{Rail: n.Rail, Fence: 1, Cursor: rail.Cursor{Horizon: time.Now()}}}
	if err := e.Observe(t.Context(), n, told); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Create(t.Context(), purchase("killed", n, due)); err != nil {
		t.Fatal(err)
	}
}
