package dev

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/big"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/rail"
)

// On a dev server a payer sends crypto to an address of the house, the merchant is owed it and sends all of it on to a
// wallet, and a part of another payment goes back to its payer: real tokens on its chain, through the whole server.
func TestHouseCollectsAndSends(t *testing.T) {
	s, err := Start(t.Context(), Options{Addr: "127.0.0.1:0", Data: t.TempDir(), BlockTime: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	e, scope := s.app.Engine, engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: "none"}
	net, err := e.Network(network, engine.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	usdt, err := net.Asset("USDT")
	if err != nil {
		t.Fatal(err)
	}
	token, book := s.chain.Tokens()["USDT"].Address, ledger.Owed(merchant)
	collect := func(public string, to string) *engine.Order {
		t.Helper()
		asked := engine.NewOrder{Scope: scope, PublicID: public, Network: net, Instrument: engine.Pooled}
		if to != "" {
			asked.Destination = engine.Destination{Rail: net.Rail, To: to}
		}
		asked.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			terms := order.Terms{Book: book, Due: money.FromInt(usdt, 5_000_000), To: book.Account(ledger.Merchant), OverAny: true, Instant: true, Deadline: p.Now.Add(time.Hour)}
			if to != "" {
				terms.To, terms.Instant, terms.Sends = ledger.House.Account(ledger.PayeeOn(string(net.Rail))), false, 1
			}
			return terms, nil, nil
		}
		got, err := e.Create(t.Context(), asked)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.chain.Transfer(t.Context(), token, common.HexToAddress(got.Order.Instrument.Value), big.NewInt(5_000_000)); err != nil {
			t.Fatal(err)
		}
		return got.Order
	}
	wallet := common.HexToAddress("0x00000000000000000000000000000000000a11CE")
	sold, sent := collect("sold", ""), collect("sent", wallet.Hex())
	until(t, "both are completed", func() bool {
		return state(t, s, scope, sold) == order.Completed && state(t, s, scope, sent) == order.Completed
	})
	if got := balance(t, s, token, wallet); got != 5_000_000 {
		t.Errorf("the wallet has %d", got)
	}

	before := balance(t, s, token, s.chain.Payer())
	if _, err := e.Refund(t.Context(), engine.NewRefund{OrderID: sold.ID, ID: "refund", Amount: money.FromInt(usdt, 2_000_000), From: ledger.Merchant, Actor: order.ByMerchant}); err != nil {
		t.Fatal(err)
	}
	until(t, "the refund is confirmed", func() bool {
		o, err := e.Order(t.Context(), scope, sold.PublicID)
		return err == nil && len(o.Transfers) == 1 && o.Transfers[0].State == order.TransferConfirmed && o.Sendings["refund"].Ref != rail.Ref("")
	})
	if got := balance(t, s, token, s.chain.Payer()) - before; got != 2_000_000 {
		t.Errorf("the payer got %d back", got)
	}
}

// A server that is started again on its folder has a new chain, which knows nothing of what was under way on the old
// one: what the house had signed is mined there, and what it sends afterwards too.
func TestRestartWithATransferUnderWay(t *testing.T) {
	o := Options{Addr: "127.0.0.1:0", Data: t.TempDir(), BlockTime: 100 * time.Millisecond, Log: slog.New(slog.DiscardHandler)}
	scope := engine.Scope{Merchant: merchant, Mode: engine.Sandbox, Dialect: "none"}
	open := func() *Server {
		t.Helper()
		s, err := Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	end := func(s *Server) {
		t.Helper()
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	now := func(s *Server) *engine.Order {
		t.Helper()
		o, err := s.app.Engine.Order(t.Context(), scope, "sold")
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	// refund gives 1 USDT back and waits until it stands so.
	refund := func(s *Server, id string, stands func(order.Transfer, engine.Sending) bool) {
		t.Helper()
		one := now(s)
		if len(one.Transfers) == 0 || one.Transfers[len(one.Transfers)-1].ID != id {
			asked := engine.NewRefund{OrderID: one.ID, ID: id, Amount: money.FromInt(one.Terms.Due.Asset(), 1_000_000), From: ledger.Merchant, Actor: order.ByMerchant}
			if _, err := s.app.Engine.Refund(t.Context(), asked); err != nil {
				t.Fatal(err)
			}
		}
		until(t, "the refund "+id, func() bool {
			one := now(s)
			return stands(one.Transfers[len(one.Transfers)-1], one.Sendings[id])
		})
	}
	confirmed := func(s *Server) func(order.Transfer, engine.Sending) bool {
		return func(tr order.Transfer, sending engine.Sending) bool {
			if tr.State != order.TransferConfirmed {
				return false
			}
			if _, err := s.chain.Client().TransactionReceipt(t.Context(), common.HexToHash(string(sending.Ref))); err != nil {
				t.Errorf("%s is not on the chain: %v", sending.Ref, err)
			}
			return true
		}
	}

	s := open()
	net, err := s.app.Engine.Network(network, engine.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	usdt, err := net.Asset("USDT")
	if err != nil {
		t.Fatal(err)
	}
	book := ledger.Owed(merchant)
	asked := engine.NewOrder{Scope: scope, PublicID: "sold", Network: net, Instrument: engine.Pooled}
	asked.Terms = func(p engine.Plan) (order.Terms, json.RawMessage, error) {
		return order.Terms{Book: book, Due: money.FromInt(usdt, 5_000_000), To: book.Account(ledger.Merchant), OverAny: true, Instant: true, Deadline: p.Now.Add(time.Hour)}, nil, nil
	}
	made, err := s.app.Engine.Create(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.chain.Transfer(t.Context(), s.chain.Tokens()["USDT"].Address, common.HexToAddress(made.Order.Instrument.Value), big.NewInt(5_000_000)); err != nil {
		t.Fatal(err)
	}
	until(t, "it is completed", func() bool { return now(s).State == order.Completed })
	refund(s, "before", confirmed(s))
	s.chain.Pause()
	refund(s, "under way", func(_ order.Transfer, sending engine.Sending) bool { return sending.Ref != "" })
	end(s)

	s = open()
	defer end(s)
	refund(s, "under way", confirmed(s))
	refund(s, "after", confirmed(s))
}

func state(t *testing.T, s *Server, scope engine.Scope, o *engine.Order) order.State {
	t.Helper()
	now, err := s.app.Engine.Order(t.Context(), scope, o.PublicID)
	if err != nil {
		t.Fatal(err)
	}
	return now.State
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// balance is what an address holds of a token.
func balance(t *testing.T, s *Server, token, of common.Address) int64 {
	t.Helper()
	data := append(common.FromHex("0x70a08231"), common.LeftPadBytes(of[:], 32)...) // EIP-20 balanceOf(address)
	raw, err := s.chain.Client().CallContract(t.Context(), ethereum.CallMsg{To: &token, Data: data}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(raw).Int64()
}
