// Package dev is the server for people who write a client: sandbox mode on an embedded database, with an
// EVM chain, three tokens, a receiver of webhooks and a ready merchant, all in this process.
package dev

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"

	"till/internal/app"
	"till/internal/auth"
	"till/internal/dialect/baanx"
	"till/internal/dialect/koywe"
	"till/internal/dialect/payin"
	"till/internal/engine"
	"till/internal/money"
	"till/internal/quote"
	"till/internal/rail"
	"till/internal/rail/evm"
	"till/internal/secrets"
	"till/internal/simchain"
	"till/internal/web"
	"till/internal/webhook"
)

const (
	merchant      = "default"
	otherMerchant = "other" // of the same organisation
	network       = "ethereum-sepolia"
	confirmations = 3
	endpointID    = "ep_dev"
	koyweEndpoint = "wh_dev"
	poll          = 100 * time.Millisecond
	houseFrom     = 1 << 40 // the first index of the wallet that is the house's own
	block         = 2000    // addresses that are added to the pool at a time
	readyWithin   = time.Minute
)

// Options are the choices of a dev server.
type Options struct {
	Addr      string        // to listen on; port 0 takes a free one
	Data      string        // folder of database and keys; empty: a temporary one, removed at the end
	Postgres  string        // URL of a database to use instead of one in the folder; empty: none
	BlockTime time.Duration // between blocks
	Bank      bool          // the server has a bank account too
	Log       *slog.Logger
}

// Server is a running dev server.
type Server struct {
	Info Info

	app    *app.App
	chain  *simchain.Chain
	tools  *http.Server
	served chan error
	wallet wallet
	bank   *Bank // nil: there is none
	log    *slog.Logger
	remove string // a folder to remove at the end
	stop   context.CancelFunc
	loops  sync.WaitGroup
}

// Start starts everything and returns when all of it answers. The caller must Stop the server.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{log: o.Log}
	if err := s.start(ctx, o); err != nil {
		return nil, errors.Join(err, s.Stop(context.WithoutCancel(ctx)))
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options) error {
	data, err := s.folder(o.Data)
	if err != nil {
		return err
	}
	keys, err := loadKeys(data)
	if err != nil {
		return err
	}
	if s.wallet, err = newWallet(keys.WalletSeed); err != nil {
		return err
	}
	box, err := secrets.Open(filepath.Join(data, "master.key"), rand.Reader, true)
	if err != nil {
		return err
	}
	wallet, err := hotWallet(keys)
	if err != nil {
		return err
	}
	database := cmp.Or(o.Postgres, filepath.Join(data, "till.db"))
	sends := wallet.Signer.Address()
	// What it had under way is on no chain any more: it is handed over again as it was signed, and so the new chain must
	// have got as far with the wallet.
	first, err := app.FirstNonce(ctx, app.Config{Database: database, Log: o.Log}, rail.Name("evm:"+network), sends)
	if err != nil {
		return err
	}
	s.chain, err = simchain.Start(simchain.Config{
		BlockTime: o.BlockTime, PayerKey: keys.PayerKey, Holders: []common.Address{sends}, Nonces: map[common.Address]uint64{sends: first}, Log: o.Log,
	})
	if err != nil {
		return err
	}
	tools, err := s.startTools(keys)
	if err != nil {
		return err
	}
	net := chainNetwork(s.chain)
	net.Sender = wallet
	cfg := app.Config{
		Addr: o.Addr, Database: database, Networks: []app.Network{net},
		Guard: webhook.Guard{AllowPrivate: true, AllowHTTP: true}, Heads: filepath.Join(data, "heads"), Box: box, Log: o.Log,
		Rates: app.Rates{Fixed: exampleRates()}, Baanx: app.Baanx{Products: s.products(keys, tools)}, Deliver: deliverOn(s.chain),
	}
	if o.Bank {
		account, err := giro(data)
		if err != nil {
			return err
		}
		cfg.Banks, cfg.Methods = []app.Bank{account}, append(app.MethodCatalogue(), transfers(account))
		s.bank = &Bank{ID: account.ID, Account: account.Account, Currency: account.Currency.Code(), Method: bankMethod, Folder: account.Folder}
	}
	if err := s.goOnInTime(ctx, cfg); err != nil {
		return err
	}
	if s.app, err = app.Start(ctx, cfg); err != nil {
		return err
	}
	s.Info = s.info(keys, tools, database)
	if err := s.setUp(ctx, keys); err != nil {
		return err
	}
	loops, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.loops.Go(func() { s.keepPool(loops) })
	if err := s.ready(ctx); err != nil {
		return err
	}
	if err := s.fund(ctx); err != nil {
		return err
	}
	if err := s.shop(ctx, keys); err != nil {
		return err
	}
	if err := s.business(ctx, keys); err != nil {
		return err
	}
	// Behind the funds: the receiver begins with what the client did.
	return s.addEndpoint(ctx, keys, engine.Endpoint{
		ID: koyweEndpoint, Scope: engine.OfOrganisation(merchant, engine.Sandbox, koywe.Name), URL: s.Info.Sink.URL + "/koywe",
	})
}

// exampleRates are near those of a day, and stand still, so that what is written about an exchange stays true.
func exampleRates() (list []quote.Rate) {
	for _, r := range [][3]string{
		{"USD", "COP", "4000"}, {"USD", "CLP", "950"}, {"USD", "BRL", "5.40"}, {"USD", "MXN", "18.50"}, {"USD", "ARS", "1000"}, {"USD", "PEN", "3.75"},
		{"USD", "BOB", "6.91"}, {"USDC", "USD", "1"}, {"USDT", "USD", "1"}, {"ETH", "USD", "3000"}, {"BTC", "USD", "90000"},
	} {
		list = append(list, quote.Rate{Base: r[0], Quote: r[1], Value: quote.MustDecimal(r[2])})
	}
	return list
}

// Stop ends the server and removes what was temporary.
func (s *Server) Stop(ctx context.Context) error {
	var err error
	if s.stop != nil {
		s.stop()
		s.loops.Wait()
	}
	if s.app != nil {
		err = errors.Join(err, s.app.Stop(ctx))
	}
	if s.tools != nil {
		err = errors.Join(err, s.tools.Close())
		<-s.served
	}
	if s.chain != nil {
		err = errors.Join(err, s.chain.Close())
	}
	if s.remove != "" {
		err = errors.Join(err, os.RemoveAll(s.remove))
	}
	return err
}

// Failed tells when the HTTP server stopped by itself.
func (s *Server) Failed() <-chan error { return s.app.Failed() }

// Broken is closed when the database failed; the program must end then.
func (s *Server) Broken() <-chan struct{} { return s.app.Broken() }

// goOnInTime lets the new chain begin no earlier than where the last one stood, whose clock may have run
// ahead. Orders of the last run are then paid in their own time on the new chain.
func (s *Server) goOnInTime(ctx context.Context, cfg app.Config) error {
	last, err := app.LastTold(ctx, cfg, rail.Name("evm:"+network))
	if err != nil {
		return err
	}
	if ahead := time.Until(last); ahead > 0 {
		return s.chain.AdjustTime(ahead.Truncate(time.Second) + time.Second)
	}
	return nil
}

// folder makes the data folder, readable by its owner only.
func (s *Server) folder(data string) (string, error) {
	if data == "" {
		dir, err := os.MkdirTemp("", "till-dev-")
		s.remove = dir
		return dir, err
	}
	return data, os.MkdirAll(data, 0o700)
}

// startTools serves what only a dev server has, on a loopback port of its own: the chain's control and
// the receiver of webhooks.
func (s *Server) startTools(keys Keys) (url string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.Handle("/chain/", http.StripPrefix("/chain", s.chain.Handler()))
	mux.Handle("/sink/", http.StripPrefix("/sink", NewSink(keys.WebhookSecret, time.Now).Handler()))
	s.tools = web.NewServer("", mux)
	s.served = make(chan error, 1)
	go func() { s.served <- s.tools.Serve(l) }()
	return "http://" + l.Addr().String(), nil
}

// chainNetwork is the network that is this process's chain. It has the name of a test network, so that
// examples written for that one work unchanged.
func chainNetwork(c *simchain.Chain) app.Network {
	n := app.Network{RPC: []string{c.RPCURL()}, Poll: poll, Network: engine.Network{
		ID: network, Name: "Ethereum Sepolia", Family: engine.EVM, Mode: engine.Sandbox,
		Rail: rail.Name("evm:" + network), ChainID: c.ChainID(), Confirmations: confirmations, Coin: coin,
	}}
	for code, t := range c.Tokens() {
		n.Tokens = append(n.Tokens, engine.Token{Asset: money.MustAsset(code, network, t.Decimals), Contract: t.Address.Hex()})
	}
	return n
}

// deliverOn moves the tokens of payments through the simulated gateway on the chain, from the one who has them.
func deliverOn(c *simchain.Chain) app.Deliver {
	return func(ctx context.Context, _, contract, to string, units *big.Int) (tx, from string, err error) {
		hash, err := c.Transfer(ctx, common.HexToAddress(contract), common.HexToAddress(to), units)
		return hash.Hex(), c.Payer().Hex(), err
	}
}

// coin is the chain's own.
var coin = money.MustAsset("ETH", network, 18)

// hotWallet is what the house sends from. It holds as much as the payer from block 0 on. Its key is made from the payer's,
// so that a start on the same folder goes on with the same wallet.
func hotWallet(keys Keys) (*app.Sender, error) {
	key, err := crypto.ToECDSA(crypto.Keccak256([]byte("hot wallet"), []byte(keys.PayerKey)))
	if err != nil {
		return nil, err
	}
	return &app.Sender{Signer: evm.KeySigner(key), MaxFee: big.NewInt(1000 * params.GWei), BumpAfter: 20 * time.Second}, nil
}

func (s *Server) info(keys Keys, tools, database string) Info {
	base := s.app.URL()
	i := Info{
		BaseURL:  base,
		Operator: Operator{URL: base + "/operator/v1", Token: keys.OperatorToken},
		Database: database, Bank: s.bank,
		Chain: Chain{
			RPCURL: s.chain.RPCURL(), ControlURL: tools + "/chain", ChainID: s.chain.ChainID(),
			Tokens: map[string]Token{}, PayerKey: keys.PayerKey,
		},
		Sink:  SinkInfo{URL: tools + "/sink/hook", LogURL: tools + "/sink/log"},
		PayIn: PayIn{BaseURL: base + "/payin", APIKey: keys.APIKey, WebhookSecret: keys.WebhookSecret},
		Koywe: Koywe{
			BaseURL: base + "/koywe", OrganizationID: merchant, MerchantID: merchant, OtherMerchantID: otherMerchant,
			APIKey: keys.KoyweKey, Secret: keys.KoyweSecret, WebhookSecret: keys.WebhookSecret, FundedAccountIDs: map[string]string{},
		},
	}
	i.Baanx = Baanx{
		BaseURL: base + "/baanx", ClientID: keys.BaanxClient, Email: baanxEmail, Password: keys.BaanxPassword, ProductIDs: baanxProducts,
		RedirectURI: tools + "/sink/hook/back", GatewayURL: base + "/gateway/daimo/" + app.SandboxGateway,
	}
	i.Glomo = Glomo{BaseURL: base + "/glomo", WebhookSecret: keys.WebhookSecret}
	for code, t := range s.chain.Tokens() {
		i.Chain.Tokens[code] = Token{Address: t.Address.Hex(), Decimals: t.Decimals}
	}
	return i
}

// setUp records the merchants, the keys and the endpoints. A second start on the same folder finds them and
// only learns the endpoints' new port.
func (s *Server) setUp(ctx context.Context, keys Keys) error {
	e := s.app.Engine
	scope := engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: payin.Name}
	organisation := engine.OfOrganisation(merchant, engine.Sandbox, koywe.Name)
	for _, m := range []engine.Merchant{
		{ID: merchant, Organisation: merchant, Name: "Default merchant"},
		{ID: otherMerchant, Organisation: merchant, Name: "Other merchant"},
	} {
		if err := e.SaveMerchant(ctx, m); err != nil {
			return err
		}
	}
	for _, k := range []engine.Key{
		{ID: "key_dev", Scope: scope, Name: "dev", Hash: secrets.Hash(keys.APIKey), Prefix: keys.APIKey[:12], Active: true},
		{ID: "key_dev_koywe", Scope: organisation, Name: "dev", Hash: secrets.Hash(auth.PairText(keys.KoyweKey, keys.KoyweSecret)), Prefix: keys.KoyweKey, Active: true},
		{ID: keyDevBaanx, Scope: engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: baanx.Name}, Name: "Dev shop", Hash: secrets.Hash(keys.BaanxClient), Prefix: keys.BaanxClient[:16], Active: true},
		{ID: "key_dev_operator", Name: "dev operator", Hash: secrets.Hash(keys.OperatorToken), Prefix: keys.OperatorToken[:6], Active: true},
	} {
		if err := e.SaveKey(ctx, k); err != nil {
			return err
		}
	}
	if err := s.addEndpoint(ctx, keys, engine.Endpoint{ID: endpointID, Scope: scope, URL: s.Info.Sink.URL}); err != nil {
		return err
	}
	_, err := s.fillPool(ctx)
	return err
}

// addEndpoint records an endpoint at the sink, or its new port.
func (s *Server) addEndpoint(ctx context.Context, keys Keys, ep engine.Endpoint) error {
	secret, err := s.app.Seal(ep.ID, webhook.Secret(keys.WebhookSecret))
	if err != nil {
		return err
	}
	ep.Name, ep.Secret, ep.Enabled = "dev sink", secret, true
	return s.app.Engine.SaveEndpoint(ctx, ep)
}

// fillPool adds addresses of the merchant's wallet, and of the house's, when few are free.
func (s *Server) fillPool(ctx context.Context) (added int, err error) {
	for pool, from := range map[engine.Pool]int64{
		{Merchant: merchant, Mode: engine.Sandbox, Family: engine.EVM}: 0,
		engine.HousePool(engine.Sandbox, engine.EVM):                   houseFrom,
	} {
		n, err := s.fill(ctx, pool, from)
		if added += n; err != nil {
			return added, err
		}
	}
	return added, nil
}

// fill adds addresses of the wallet, whose indexes begin at from, when few of a pool are free.
func (s *Server) fill(ctx context.Context, pool engine.Pool, from int64) (added int, err error) {
	counts, err := s.app.Engine.InstrumentCounts(ctx, pool)
	if err != nil || counts.Free >= block/2 {
		return 0, err
	}
	var list []engine.Imported
	for n := from + counts.Total; n < from+counts.Total+block; n++ {
		list = append(list, engine.Imported{Value: s.wallet.address(uint64(n)).Hex(), DerivationIndex: &n})
	}
	return s.app.Engine.ImportInstruments(ctx, pool, list)
}

// keepPool fills the pool whenever it runs low, so that nobody who tries a client out, even under load,
// runs out of addresses.
func (s *Server) keepPool(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := s.fillPool(ctx); err != nil && ctx.Err() == nil {
				s.log.Warn("the address pool was not filled", "err", err)
			}
		}
	}
}

// ready waits until the server answers and the chain is watched.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		if s.watching() && answers(ctx, s.Info.BaseURL+"/healthz") {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server did not become ready within %s", readyWithin)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// watching says whether the chain was heard since the start.
func (s *Server) watching() bool {
	for _, h := range s.app.Health() {
		if h.Rail == rail.Name("evm:"+network) && !h.Told.IsZero() {
			return true
		}
	}
	return false
}

func answers(ctx context.Context, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	got.Body.Close()
	return got.StatusCode == http.StatusOK
}

// Help is a first request to try, for people.
func (i Info) Help() string {
	return strings.Join([]string{
		"curl -X POST " + i.PayIn.BaseURL + "/api/v1/orders \\",
		"  -H 'Content-Type: application/json' -H 'X-API-Key: " + i.PayIn.APIKey + "' \\",
		`  -d '{"orderReference":"ORDER-1","amount":"100.00","currency":"USDT","chainId":"` + network + `"}'`,
	}, "\n")
}
