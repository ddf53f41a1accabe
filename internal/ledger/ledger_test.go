package ledger

import (
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"till/internal/money"
)

var (
	eur  = money.MustAsset("EUR", "", 2)
	usdt = money.MustAsset("USDT", "ethereum", 6)
	in   = Owed("m1").Account(In)
	out  = Owed("m1").Account(Out)
)

// case 12: what is empty, of nothing, negative or without two accounts is
// refused. Two assets in one posting cannot be written: it has one Amount.
func TestCheckRefuses(t *testing.T) {
	if err := (Posting{in, out, money.FromInt(eur, 1)}).Check(); err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]Posting{
		"empty":           {},
		"no amount":       {From: in, To: out},
		"zero":            {in, out, money.Zero(eur)},
		"negative":        {in, out, money.FromInt(eur, -1)},
		"same account":    {in, in, money.FromInt(eur, 1)},
		"no source":       {"", out, money.FromInt(eur, 1)},
		"no target":       {in, "", money.FromInt(eur, 1)},
		"unknown role":    {in, "house/pocket", money.FromInt(eur, 1)},
		"unknown book":    {"bank/m1/order/in", out, money.FromInt(eur, 1)},
		"empty merchant":  {Owed("").Account(In), out, money.FromInt(eur, 1)},
		"slash in a name": {Owed("a/b").Account(In), out, money.FromInt(eur, 1)},
		"bad rail":        {House.Account(PayerOn("EVM 1")), out, money.FromInt(eur, 1)},
	} {
		if p.Check() == nil {
			t.Errorf("%s: not refused", name)
		}
		if !panics(func() { Balances{}.Post(p) }) {
			t.Errorf("%s: replayed", name)
		}
	}
}

// case 12: whatever is posted, each asset sums to zero over all accounts.
func TestSumIsZeroPerAsset(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		postings := rapid.SliceOf(rapid.Custom(drawPosting)).Draw(t, "postings")
		totals := map[money.Asset]*big.Int{eur: new(big.Int), usdt: new(big.Int)}
		for key, amount := range Sum(postings) {
			if amount.Asset() != key.Asset || amount.IsZero() {
				t.Fatalf("%v holds %s", key, amount)
			}
			totals[key.Asset].Add(totals[key.Asset], amount.Big())
		}
		for asset, total := range totals {
			if total.Sign() != 0 {
				t.Fatalf("%s sums to %s", asset, total)
			}
		}
	})
}

func TestReverseUndoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		postings := rapid.SliceOf(rapid.Custom(drawPosting)).Draw(t, "postings")
		balances := Sum(postings)
		for _, p := range postings {
			balances.Post(p.Reverse())
		}
		if len(balances) != 0 {
			t.Fatalf("left: %v", balances)
		}
	})
}

func TestBalances(t *testing.T) {
	payer := Owed("m1").Account(PayerOn("evm"))
	b := Sum([]Posting{
		{payer, in, money.FromInt(usdt, 100)},
		{in, House.Account(Fee), money.FromInt(usdt, 3)},
		{in, Owed("m1").Account(Merchant), money.FromInt(usdt, 97)},
		{payer, in, money.FromInt(eur, 5)},
	})
	for account, want := range map[Account]int64{payer: -100, in: 0, House.Account(Fee): 3, Owed("m1").Account(Merchant): 97, out: 0} {
		if got := b.Of(account, usdt); !got.Equal(money.FromInt(usdt, want)) {
			t.Errorf("%s: %s, want %d", account, got, want)
		}
	}
	if got := b.Of(in, eur); !got.Equal(money.FromInt(eur, 5)) {
		t.Errorf("the assets are mixed: %s", got)
	}
}

func TestRoles(t *testing.T) {
	signs := map[Role]Sign{
		Merchant: NeverNegative, Withheld: NeverNegative,
		In: NeverNegative, Out: NeverNegative, Refunding: NeverNegative, Short: NeverPositive,
		Extra: NeverNegative, Late: NeverNegative, Wrong: NeverNegative, Unfit: NeverNegative,
		Refused: NeverNegative, Returned: NeverNegative, Stray: NeverNegative,
		Fee: NeverNegative, FX: AnySign, Loss: AnySign,
		Payer: AnySign, Payee: NeverNegative,
	}
	facts := Roles()
	if len(facts) != len(signs) {
		t.Errorf("%d roles, want %d", len(facts), len(signs))
	}
	for _, fact := range facts {
		want, known := signs[fact.Role]
		if !known || fact.Sign != want || fact.Meaning == "" {
			t.Errorf("%+v, want sign %q", fact, want)
		}
		for _, book := range []Book{House, Wallet("m1"), Owed("M-2_x.y")} {
			account := book.Account(fact.Role)
			if parsed, err := ParseAccount(string(account)); err != nil || parsed != account {
				t.Errorf("%s: %v", account, err)
			}
			if account.Book() != book || account.Role() != fact.Role || account.Kind() != fact.Role {
				t.Errorf("%s parts into %q and %q", account, account.Book(), account.Role())
			}
			if account.MayBeNegative() != (want != NeverNegative) || account.MayBePositive() != (want != NeverPositive) {
				t.Errorf("%s: wrong sign", account)
			}
		}
	}
	facts[0].Role = "changed"
	if Roles()[0].Role != Merchant {
		t.Error("the list can be changed from outside")
	}
}

func TestOutsideByRail(t *testing.T) {
	payer := Wallet("m1").Account(PayerOn("evm-sepolia"))
	if payer != "wallet/m1/outside/payer:evm-sepolia" {
		t.Fatal(payer)
	}
	if payer.Role() != PayerOn("evm-sepolia") || payer.Kind() != Payer || payer.Book() != Wallet("m1") {
		t.Errorf("parts into %q, %q, %q", payer.Book(), payer.Role(), payer.Kind())
	}
	if payee := House.Account(PayeeOn("bank")); payee.Kind() != Payee || payee.MayBeNegative() || !payer.MayBeNegative() {
		t.Error("wrong sign")
	}
	if !Wallet("m1").IsWallet() || Owed("m1").IsWallet() || House.IsWallet() {
		t.Error("the wallet books are not told apart")
	}
}

func TestParseAccountRefuses(t *testing.T) {
	for _, s := range []string{
		"", "house", "house/", "/fee", "fee", "House/fee", "house/fee/", "house/fee:bank", "house/order",
		"house/outside/payer:", "house/outside/payer:A", "house/outside/payer:a b", "house/outside/payer:a/b",
		"owed/fee", "owed//fee", "owed/m1", "owed/m1/", "owed/m 1/fee", "wallet/m1/m2/fee", "owed/ä/fee", "house/m1/fee",
	} {
		if account, err := ParseAccount(s); err == nil {
			t.Errorf("%q was read as %q", s, account)
		}
		if account := Account(s); account.MayBeNegative() && account.Kind() != Payer {
			t.Errorf("%q may be negative", s)
		}
	}
	if bad := Account("nothing"); bad.Book() != "" || bad.Role() != "" || bad.Kind() != "" || bad.MayBePositive() {
		t.Error("a malformed name has parts")
	}
}

func drawPosting(t *rapid.T) Posting {
	accounts := []Account{in, out, House.Account(Fee), House.Account(FX), Wallet("m2").Account(Merchant), House.Account(PayerOn("bank"))}
	from := rapid.IntRange(0, len(accounts)-1).Draw(t, "from")
	step := rapid.IntRange(1, len(accounts)-1).Draw(t, "step")
	asset := rapid.SampledFrom([]money.Asset{eur, usdt}).Draw(t, "asset")
	return Posting{
		From:   accounts[from],
		To:     accounts[(from+step)%len(accounts)],
		Amount: money.FromInt(asset, rapid.Int64Range(1, 1<<62).Draw(t, "units")),
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}
