package order

import (
	"time"

	"till/internal/ledger"
	"till/internal/money"
)

// The order kinds the machine is tried with, named by their legs. Every amount due is 1000 units.

var (
	usdt = money.MustAsset("USDT", "ethereum-sepolia", 6)
	dai  = money.MustAsset("DAI", "ethereum-sepolia", 18)
	eur  = money.MustAsset("EUR", "", 2)
	clp  = money.MustAsset("CLP", "", 0)

	assetsByCode = map[string]money.Asset{"USDT": usdt, "DAI": dai, "EUR": eur, "CLP": clp}

	t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

const (
	wallet  = ledger.Book("wallet/m1")
	balance = ledger.Book("owed/m1")
)

// at is a number of seconds after the order's creation.
func at(seconds int) time.Time { return t0.Add(time.Duration(seconds) * time.Second) }

func euro(units int64) money.Amount { return money.FromInt(eur, units) }

func collected(t Terms) Terms { // from a payer, with a window of 10 + 5 minutes
	t.Deadline = at(900)
	return t
}

var kinds = map[string]Terms{
	"chain to own wallet": collected(Terms{Book: wallet, Due: money.FromInt(usdt, 1000), To: wallet.Account(ledger.Merchant),
		OverAny: true, SeenWaits: true, ConfirmBy: at(2700), Instant: true}),
	"chain to own wallet, strict": collected(Terms{Book: wallet, Due: money.FromInt(usdt, 1000), To: wallet.Account(ledger.Merchant),
		OverAny: true, Instant: true}),
	"one method to balance": collected(Terms{Book: balance, Due: euro(1000), Fee: euro(50), To: balance.Account(ledger.Merchant),
		Whole: true, OverAny: true, OneAttempt: true, Instant: true, MerchantCancels: true}),
	"one method to bank": collected(Terms{Book: balance, Due: euro(1000), Fee: euro(50), To: ledger.House.Account(ledger.PayeeOn("bank")),
		Whole: true, OverAny: true, OneAttempt: true, Sends: 2, MerchantCancels: true}),
	"any method to balance": collected(Terms{Book: balance, Due: euro(1000), Fee: euro(50), To: balance.Account(ledger.Merchant),
		Whole: true, OverAny: true, Instant: true, MerchantCancels: true}),
	"balance to bank": {Book: balance, Due: euro(1000), Fee: euro(50), To: ledger.House.Account(ledger.PayeeOn("bank")),
		FromBalance: true, Sends: 1, MerchantCancels: true},
	"balance to chain": {Book: balance, Due: euro(1000), Fee: euro(50), Out: money.FromInt(usdt, 1045), To: ledger.House.Account(ledger.PayeeOn("chain")),
		FromBalance: true, Sends: 3, MerchantCancels: true},
	"method to chain": collected(Terms{Book: balance, Due: euro(1000), Fee: euro(50), Out: money.FromInt(usdt, 1045), To: ledger.House.Account(ledger.PayeeOn("chain")),
		OverAny: true, SeenWaits: true, ConfirmBy: at(2700), Sends: 3, MerchantCancels: true}),
	"chain to balance": collected(Terms{Book: balance, Due: money.FromInt(usdt, 1000), Fee: money.FromInt(usdt, 50), Out: euro(864), To: balance.Account(ledger.Merchant),
		OverAny: true, SeenWaits: true, ConfirmBy: at(2700), Instant: true, MerchantCancels: true}),
	"chain to bank": collected(Terms{Book: balance, Due: money.FromInt(usdt, 1000), Fee: money.FromInt(usdt, 50), Out: euro(864), To: ledger.House.Account(ledger.PayeeOn("bank")),
		OverAny: true, SeenWaits: true, ConfirmBy: at(2700), Sends: 2, MerchantCancels: true}),
	"balance to other asset": {Book: balance, Due: euro(1000), Out: money.FromInt(clp, 970), To: balance.Account(ledger.Merchant),
		FromBalance: true, Instant: true, MerchantCancels: true},
	"balance to other merchant": {Book: balance, Due: euro(1000), To: ledger.Owed("m2").Account(ledger.Merchant),
		FromBalance: true, Instant: true, MerchantCancels: true},
	"link, funds may wait": collected(Terms{Book: balance, Due: euro(1000), Fee: euro(50), To: balance.Account(ledger.Merchant),
		Whole: true, Instant: true, CompleteOnCollect: true, MerchantCancels: true}),
	"link with a referral": collected(Terms{Book: balance, Due: euro(1000), Fee: euro(50), To: balance.Account(ledger.Merchant),
		Referral: Referral{To: ledger.Owed("m3").Account(ledger.Merchant), Amount: euro(30)}, Whole: true, Instant: true, CompleteOnCollect: true}),
	"link in another asset": collected(Terms{Book: balance, Due: euro(1000), Fee: euro(50), Out: money.FromInt(clp, 970), To: balance.Account(ledger.Merchant),
		Referral: Referral{To: ledger.Owed("m3").Account(ledger.Merchant), Amount: euro(30)}, Whole: true, Instant: true, CompleteOnCollect: true}),
	"standing instruction": {Book: balance, Due: euro(1000), To: balance.Account(ledger.Merchant),
		OverAny: true, DueFollows: true, Instant: true},
	"chain to fulfilment": collected(Terms{Book: balance, Due: money.FromInt(usdt, 1000), Fee: money.FromInt(usdt, 50), Under: money.FromInt(usdt, 5), To: balance.Account(ledger.Merchant),
		Whole: true, OverAny: true, OneAttempt: true, SeenWaits: true, ConfirmBy: at(2700), Sends: 5}),
}

// payerOf is the account of a payer in the book of the order.
func payerOf(t Terms) ledger.Account {
	if t.Book.IsWallet() {
		return t.Book.Account(ledger.PayerOn("rail"))
	}
	return ledger.House.Account(ledger.PayerOn("rail"))
}
