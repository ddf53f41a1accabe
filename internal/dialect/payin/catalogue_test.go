package payin

import (
	"fmt"
	"strings"
	"testing"
)

// A key sees the networks of its mode, the public catalogue those of both; each with what is really served.
func TestChains(t *testing.T) {
	k := newKit(t)
	list := func(key, path string) string {
		t.Helper()
		got := k.get(key, path)
		if got.status != 200 {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		var rows []string
		for _, c := range parse[chainList](k, got).Data {
			rows = append(rows, fmt.Sprintf("%s %d %s %d %s %t", c.ChainID, c.NetworkID, c.Environment, c.RequiredConfirmations, strings.Join(c.Tokens, "+"), c.Available))
		}
		return strings.Join(rows, "\n")
	}
	test := "arbitrum-sepolia 421614 testnet 3 USDC false\nethereum-sepolia 11155111 testnet 3 USDT+USDC+DAI true\npolygon-amoy 80002 testnet 10 USDC true"
	live := "ethereum-mainnet 1 mainnet 12 USDT true"
	if got := list(shopKey, "/api/v1/chains"); got != test {
		t.Errorf("%s", got)
	}
	if got := list(liveKey, "/api/v1/chains"); got != live {
		t.Errorf("%s", got)
	}
	if got, want := list("", "/api/chains"), strings.Replace(test, "\n", "\n"+live+"\n", 1); got != want {
		t.Errorf("%s", got)
	}
	// What is listed as available takes orders, what is not does not.
	k.pool(shopKey, 1, 9)
	for i, c := range parse[chainList](k, k.get(shopKey, "/api/v1/chains")).Data {
		got := k.post(shopKey, "/api/v1/orders", newOrder(fmt.Sprint("R-", i), "chainId", `"`+c.ChainID+`"`, "currency", `"`+c.Tokens[0]+`"`))
		if (got.status == 201) != c.Available {
			t.Errorf("%s: %d %s", c.ChainID, got.status, got.body)
		}
	}
}

func TestTokens(t *testing.T) {
	k := newKit(t)
	list := func(key, path string) string {
		t.Helper()
		got := k.get(key, path)
		if got.status != 200 {
			t.Fatalf("%s: %d %s", path, got.status, got.body)
		}
		var rows []string
		for _, c := range parse[tokenList](k, got).Data {
			rows = append(rows, fmt.Sprintf("%s@%s/%d", c.Currency, c.ChainID, c.Decimals))
			if len(c.ContractAddress) != 42 {
				t.Errorf("%+v", c)
			}
		}
		return strings.Join(rows, " ")
	}
	for _, test := range []struct{ key, path, want string }{
		{shopKey, "/api/v1/tokens", "USDC@arbitrum-sepolia/6 USDT@ethereum-sepolia/6 USDC@ethereum-sepolia/6 DAI@ethereum-sepolia/18 USDC@polygon-amoy/6"},
		{shopKey, "/api/v1/tokens?chainId=ethereum-sepolia&currency=DAI", "DAI@ethereum-sepolia/18"},
		{shopKey, "/api/v1/tokens?chain=polygon-amoy", "USDC@polygon-amoy/6"},
		{shopKey, "/api/v1/tokens?token=USDT", "USDT@ethereum-sepolia/6"},
		{shopKey, "/api/v1/tokens?chainId=ethereum-mainnet", ""},
		{liveKey, "/api/v1/tokens", "USDT@ethereum-mainnet/6"},
		{"", "/api/tokens?currency=USDT", "USDT@ethereum-mainnet/6 USDT@ethereum-sepolia/6"},
	} {
		if got := list(test.key, test.path); got != test.want {
			t.Errorf("%s %s: %s", test.key, test.path, got)
		}
	}
	k.refused("two chains", k.get(shopKey, "/api/v1/tokens?chainId=a&chain=b"), 400, "VALIDATION_ERROR", "chain")
}

// The vendor cuts DAI to six decimals. Here it has its eighteen, from the catalogue to the order.
func TestVendorsBugDAIHasEighteenDecimals(t *testing.T) {
	k := newKit(t)
	k.pool(shopKey, 1, 1)
	dai := parse[tokenList](k, k.get(shopKey, "/api/v1/tokens?currency=DAI")).Data[0]
	if dai.Decimals != 18 {
		t.Errorf("%+v", dai)
	}
	const amount = "1234567.123456789012345678"
	if o := k.create("R-1", "currency", `"DAI"`, "amount", `"`+amount+`"`); o.Amount != amount {
		t.Errorf("%+v", o)
	}
}

// Tron and Solana are not served, and are not in the catalogue.
func TestOtherProtocolsAreNotServed(t *testing.T) {
	k := newKit(t)
	public := k.get("", "/api/chains").body
	for _, chain := range []string{"tron-mainnet", "tron-nile", "solana-mainnet", "solana-devnet"} {
		if strings.Contains(public, chain) {
			t.Errorf("%s is offered", chain)
		}
		k.refused(chain, k.post(shopKey, "/api/v1/orders", newOrder("R-1", "chainId", `"`+chain+`"`)), 400, "INVALID_CHAIN", "chainId")
	}
}
