package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/app"
	"till/internal/app/dev"
	"till/internal/operator/client"
)

// devServer is a dev server in this process, and the environment that commands find it by.
func devServer(t *testing.T) dev.Info {
	t.Helper()
	out := filepath.Join(t.TempDir(), "dev.json")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	errs := &locked{}
	go func() {
		ended <- run(ctx, []string{"dev", "--addr", "127.0.0.1:0", "--block-time", "1s", "--out", out}, io.Discard, errs)
	}()
	t.Cleanup(func() {
		cancel()
		if status := <-ended; status != 0 {
			t.Errorf("dev ended with %d: %s", status, errs)
		}
	})
	for end := time.Now().Add(deadline); time.Now().Before(end); <-time.After(5 * time.Millisecond) {
		text, err := os.ReadFile(out)
		if err != nil {
			continue
		}
		var info dev.Info
		if err := json.Unmarshal(text, &info); err != nil {
			t.Fatal(err)
		}
		t.Setenv("TILL_URL", info.BaseURL)
		t.Setenv("TILL_TOKEN", info.Operator.Token)
		return info
	}
	t.Fatalf("no dev server: %s", errs)
	return dev.Info{}
}

// command runs a command that must succeed and returns what it printed.
func command(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var out, errs bytes.Buffer
	if got := run(ctx, args, &out, &errs); got != 0 || errs.Len() > 0 {
		t.Fatalf("%v: status %d: %s", args, got, &errs)
	}
	return out.String()
}

// answer runs a command with --json and reads what it printed.
func answer[T any](t *testing.T, args ...string) T {
	t.Helper()
	text := command(t, append(args, "--json")...)
	var got T
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v: %v in %s", args, err, text)
	}
	return got
}

// wants runs a command that must print every one of the words.
func wants(t *testing.T, words []string, args ...string) {
	t.Helper()
	text := command(t, args...)
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%v lacks %q:\n%s", args, word, text)
		}
	}
}

func makeOrder(t *testing.T, info dev.Info, reference string) string {
	t.Helper()
	body := `{"orderReference":"` + reference + `","amount":"100.00","currency":"USDT","chainId":"ethereum-sepolia"}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, info.PayIn.BaseURL+"/api/v1/orders", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-API-Key", info.PayIn.APIKey)
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s %v", got.StatusCode, text, err)
	}
	var made struct {
		OrderID string `json:"orderId"`
		Order   struct {
			OrderID string `json:"orderId"`
		}
		Data struct {
			OrderID string `json:"orderId"`
		}
	}
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{made.OrderID, made.Order.OrderID, made.Data.OrderID} {
		if id != "" {
			return id
		}
	}
	t.Fatalf("no id in %s", text)
	return ""
}

// Every command that is a client of the operator API, against a server.
func TestClientCommands(t *testing.T) {
	info := devServer(t)
	id := makeOrder(t, info, "CLI-1")

	wants(t, []string{"ORDER", id, "waiting", "100.000000 USDT", "CLI-1", "payin"}, "order", "list")
	for args, want := range map[string]int{"": 1, "--state=waiting": 1, "--state=completed": 0, "--mode=live": 0, "--merchant=other": 0, "--reference=cli": 1,
		"--to=2020-01-01T00:00:00Z": 0, "--from=2020-01-01T00:00:00Z": 1, "--limit=1": 1} {
		list := answer[[]client.OrderLine](t, append([]string{"order", "list", "--dialect=payin"}, strings.Fields(args)...)...)
		if len(list) != want || list == nil {
			t.Errorf("%s: %+v", args, list)
		}
	}
	wants(t, []string{id + " of default, sandbox", "Nothing has come", "100.000000 USDT of 100.000000 USDT is not confirmed", "deadline", "O1: The order exists"}, "order", "get", id)
	if o := answer[client.Order](t, "order", "get", id); o.ID != id || len(o.Timeline) == 0 {
		t.Errorf("%+v", o)
	}
	wants(t, []string{id, "is cancelled"}, "order", "cancel", id, "--reason", "wish")
	fails(t, 1, "order_state_conflict", "order", "cancel", id)
	fails(t, 1, "not_found", "order", "get", "ord_none")

	wants(t, []string{"ACCOUNT"}, "ledger", "balances", "--mode=sandbox")
	wants(t, []string{"BOOKED"}, "ledger", "entries", "--order", id)
	fails(t, 1, "not_found", "ledger", "entries", "--order", "ord_none")

	var message client.FoundMessage
	for end := time.Now().Add(deadline); message.MessageID == "" || message.State != "delivered"; <-time.After(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no webhook: %+v", message)
		}
		if list := answer[[]client.FoundMessage](t, "webhook", "list", "--order", id); len(list) > 0 {
			message = list[0]
		}
	}
	wants(t, []string{"MESSAGE", message.MessageID, id}, "webhook", "list")
	wants(t, []string{message.MessageID, "is sent again"}, "webhook", "replay", message.MessageID)
	if got := answer[client.Replayed](t, "webhook", "replay", "--order", id); got.Replayed == 0 {
		t.Error("nothing was replayed")
	}
	if got := answer[client.Replayed](t, "webhook", "replay", "--endpoint", message.Endpoint, "--from", "2020-01-01T00:00:00Z", "--to", "2020-01-02T00:00:00Z"); got.Replayed != 0 {
		t.Errorf("%+v", got)
	}
	fails(t, 1, "leave the rest out", "webhook", "replay", message.MessageID, "--order", id)
	fails(t, 1, "missing_field", "webhook", "replay")

	wants(t, []string{"CUSTOMER", "EMAIL"}, "customer", "list", "--merchant=default", "--mode=sandbox", "--dialect=koywe")
	wants(t, []string{"ACCOUNT", "CURRENCY"}, "account", "list", "--merchant=default", "--mode=sandbox", "--dialect=koywe", "--customer=none")
	if list := answer[[]client.ExternalAccount](t, "account", "ls", "--merchant=default", "--mode=sandbox", "--dialect=koywe"); len(list) != 0 || list == nil {
		t.Errorf("%+v", list)
	}
	fails(t, 1, "not_found", "customer", "show", "none")
	fails(t, 1, "not_found", "customer", "erase", "none")
	fails(t, 1, "not_found", "account", "show", "none")

	wants(t, []string{"NOTIFICATION", "CHANNEL"}, "notification", "list")
	if list := answer[[]client.Notification](t, "notification", "ls", "--state=failed", "--order", id); len(list) != 0 || list == nil {
		t.Errorf("%+v", list)
	}
	fails(t, 1, "not_found", "notification", "retry", "none")
	wants(t, []string{"SETTING", "notify_urls", "reminders"}, "merchant", "setting", "default", "--mode=sandbox")
	wants(t, []string{"notify_urls", "true"}, "merchant", "setting", "default", "notify_urls", "true", "--mode=sandbox")
	if set := answer[client.MerchantSettings](t, "merchant", "setting", "default", "notify_urls", "--unset", "--mode=sandbox"); set.Settings[1].Value != "" {
		t.Errorf("%+v", set)
	}
	fails(t, 1, "invalid_value", "merchant", "setting", "default", "notify_urls", "maybe", "--mode=sandbox")
	fails(t, 1, "give a setting", "merchant", "setting", "default", "notify_urls", "--mode=sandbox")
	fails(t, 1, "give a setting", "merchant", "setting", "default", "--unset", "--mode=sandbox")

	added := answer[client.Endpoint](t, "webhook", "endpoint", "add", "https://shop.example/hook", "--mode=sandbox", "--dialect=payin", "--name=shop")
	if added.ID == "" || !strings.HasPrefix(added.Secret, "whsec_") {
		t.Errorf("%+v", added)
	}
	if list := command(t, "webhook", "endpoint", "list"); !strings.Contains(list, added.ID) || strings.Contains(list, added.Secret) {
		t.Errorf("%s", list)
	}
	wants(t, []string{added.ID, "whsec_", "signs until", "not shown again"}, "webhook", "rotate", added.ID)
	if rotated := answer[client.Endpoint](t, "webhook", "rotate", added.ID, "--overlap=0"); rotated.Secret == added.Secret || rotated.OldSecretsUntil != nil {
		t.Errorf("%+v", rotated)
	}
	wants(t, []string{"KEY PAIR", "SIGNS", "glomo"}, "key", "signing")
	pair := answer[client.SigningKey](t, "key", "rotate-signing", "--dialect=glomo")
	if list := answer[[]client.SigningKey](t, "key", "signing"); len(list) != 2 || list[0] != pair || !pair.Signs {
		t.Errorf("%+v after %+v", list, pair)
	}
	fails(t, 1, "invalid_value", "key", "rotate-signing", "--dialect=payin")
	fails(t, 1, "whole seconds", "webhook", "rotate", added.ID, "--overlap=1ms")
	wants(t, []string{added.ID, "is removed"}, "webhook", "endpoint", "remove", added.ID)
	fails(t, 1, "not_found", "webhook", "endpoint", "remove", added.ID)
	fails(t, 1, "invalid_url", "webhook", "endpoint", "add", "ftp://shop.example/", "--mode=sandbox", "--dialect=payin")

	fails(t, 1, "not collected on the sandbox's own rail", "sandbox", "pay", id, "1.00") // an order of the chain
	fails(t, 1, "not_found", "sandbox", "pay", "ord_none", "1.00")

	wants(t, []string{"shop2", "is made"}, "merchant", "add", "shop2", "--name=Shop two")
	wants(t, []string{"shop2", "Shop two", "default"}, "merchant", "list")
	fails(t, 1, "duplicate_reference", "merchant", "add", "shop2", "--name=again")

	key := answer[client.Key](t, "key", "add", "--merchant=shop2", "--mode=sandbox", "--dialect=payin", "--scope=orders:read", "--for=1h")
	if !strings.HasPrefix(key.Key, "pk_test_") || key.ExpiresAt == nil || len(key.Scopes) != 1 {
		t.Errorf("%+v", key)
	}
	if list := command(t, "key", "list", "--merchant=shop2"); !strings.Contains(list, key.ID) || strings.Contains(list, key.Key) {
		t.Errorf("%s", list)
	}
	wants(t, []string{key.ID, "is revoked"}, "key", "revoke", key.ID)
	operator := answer[client.Key](t, "key", "add", "--operator", "--scope=orders:read")
	if !strings.HasPrefix(operator.Key, "op_") {
		t.Errorf("%+v", operator)
	}
	wants(t, []string{id}, "order", "list", "--token", operator.Key)
	fails(t, 1, "403 Forbidden: forbidden", "merchant", "list", "--token", operator.Key)
	fails(t, 1, "401 Unauthorized: unauthorized", "order", "list", "--token", operator.Key+"x")
	fails(t, 1, "--dialect", "key", "add", "--mode=live")
	fails(t, 1, "leave --dialect out", "key", "add", "--operator", "--dialect=payin")
	fails(t, 1, "--for", "key", "add", "--operator", "--for=-1h")

	wants(t, []string{"sandbox", "ahead  15m0s"}, "clock", "advance", "15m")
	wants(t, []string{"ahead  15m0s"}, "clock", "show")
	wants(t, []string{"ahead  0s"}, "clock", "show", "--mode=live")
	fails(t, 1, "whole seconds", "clock", "advance", "1500ms")

	wants(t, []string{"total", "cooldown"}, "instrument", "counts", "--mode=sandbox")
	wants(t, []string{"ADDRESS", "0x"}, "instrument", "list", "--mode=sandbox", "--limit=3")
	file := filepath.Join(t.TempDir(), "addresses.csv")
	lines := "# made by a wallet\nindex,address\n0,0x5FbDB2315678afecb367f032d93F642f64180aa3\n1,\"0xe7f1725e7734ce288f8367e1bb143e90bb3f0512\"\n"
	writeFile(t, file, lines)
	wants(t, []string{"2  addresses added, 0 were there"}, "instrument", "import", file, "--merchant=shop2", "--mode=sandbox")
	if got := answer[client.InstrumentsImported](t, "instrument", "import", file, "--merchant=shop2", "--mode=sandbox"); got.Added != 0 || got.Present != 2 {
		t.Errorf("%+v", got)
	}
	writeFile(t, file, lines+"2,0x123\n")
	fails(t, 1, "addresses.csv, line 5", "instrument", "import", file, "--merchant=shop2", "--mode=sandbox")
	fails(t, 1, "none.csv", "instrument", "import", filepath.Join(t.TempDir(), "none.csv"), "--mode=sandbox")
	address := "0x5FbDB2315678afecb367f032d93F642f64180aa3"
	wants(t, []string{"is archived"}, "instrument", "archive", address, "--merchant=shop2", "--mode=sandbox")
	wants(t, []string{"is available"}, "instrument", "unarchive", address, "--merchant=shop2", "--mode=sandbox")
	wants(t, []string{"is available"}, "instrument", "release", address, "--merchant=shop2", "--mode=sandbox")

	wants(t, []string{"ORDER"}, "suspense", "list")
	wants(t, []string{"RAIL"}, "suspense", "strays")
	wants(t, []string{"RAIL", "WHY"}, "suspense", "unmatched", "--mode=sandbox")
	wants(t, []string{"ORDER"}, "short", "list", "--mode=sandbox")
	fails(t, 1, "order_state_conflict", "suspense", "release", id, "--id=1", "--from=suspense/late", "--amount=1.00")
	fails(t, 1, "invalid_amount", "suspense", "refund", id, "--id=1", "--from=suspense/late", "--amount=1e3", "--rail=x", "--to=y")
	fails(t, 1, "not_found", "suspense", "assign", id, "evm:ethereum-sepolia", "0x1:0")
	fails(t, 1, "order_state_conflict", "short", "absorb", id, "--id=1", "--amount=1.00")
	fails(t, 2, "--id", "short", "absorb", id, "--amount=1.00")
}

func TestNoServerAnswers(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("TILL_URL", "")
	t.Setenv("TILL_TOKEN", "")
	fails(t, 1, "which server?", "order", "list")
	fails(t, 1, "which token?", "order", "list", "--url=http://127.0.0.1:1")
	fails(t, 1, "127.0.0.1:1", "order", "list", "--url=http://127.0.0.1:1", "--token=op_x")
	writeFile(t, "first-keys.json", "{}")
	fails(t, 1, "no operator's token", "order", "list", "--url=http://127.0.0.1:1")
	writeConfig(t, ".", "[server]\naddr = \"127.0.0.1:0\"\n")
	fails(t, 1, "leaves the port to chance", "order", "list")
	writeConfig(t, ".", "[server]\nadr = \"\"\n")
	fails(t, 1, "unknown key", "order", "list")
}

// The server is found by the files beside it.
func TestServerOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TILL_URL", "")
	t.Setenv("TILL_TOKEN", "")
	config := writeConfig(t, dir, "[server]\naddr = \"127.0.0.1:0\"\n")
	s := startServe(t, "serve", "--config", config)
	wants(t, []string{"default"}, "merchant", "list", "--config", config, "--url", s.url)
	wants(t, []string{"default"}, "merchant", "list", "--config", config, "--url", s.url+"/operator/v1/")
	s.stop(t, 0)

	for want, cfg := range map[string]app.Config{
		"http://127.0.0.1:4488": {Addr: "127.0.0.1:4488"}, "http://localhost:80": {Addr: "0.0.0.0:80"}, "http://localhost:81": {Addr: ":81"}, "http://[::1]:82": {Addr: "[::1]:82"},
	} {
		if got, err := address(cfg); err != nil || got != want {
			t.Errorf("%+v: %s %v", cfg, got, err)
		}
	}
	empty := t.TempDir()
	keys := filepath.Join(empty, "first-keys.json")
	writeFile(t, keys, `{"operator_token":"op_1"}`)
	if got, err := configured(filepath.Join(empty, "till.toml"), keys); err != nil || got != "http://127.0.0.1:4488" {
		t.Errorf("a server without a config file: %s %v", got, err)
	}
}

// case 55: what a merchant wrote cannot move the cursor of whoever reads it.
func TestRowsAreText(t *testing.T) {
	var out bytes.Buffer
	row(&out, "a\x1b[2Jb", "c\td\ne", "\u202egnp", "ü €")
	if got, want := out.String(), "a?[2Jb\tc?d?e\t?gnp\tü €\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestScanAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"0xa\n0xb":                          "1 0xa, 2 0xb",
		"\ufeff0xa\r\n\r\n # note\n0xb\r\n": "1 0xa, 4 0xb",
		"Address\n0xa":                      "2 0xa",
		"n,\"address\",x\n1, \"0xa\" ,y":    "2 0xa",
		"0xa,first\n0xb,second":             "1 0xa, 2 0xb",
		"":                                  "holds no address",
		"address\n":                         "holds no address",
		"n,address\n1":                      "line 2: no address",
	} {
		list, err := scanAddresses(strings.NewReader(text), "f")
		var got []string
		for _, a := range list {
			got = append(got, string(rune('0'+a.line))+" "+a.value)
		}
		joined := strings.Join(got, ", ")
		if err != nil {
			joined = err.Error()
		}
		if joined != want && !(err != nil && strings.Contains(joined, want)) {
			t.Errorf("%q: %s, want %s", text, joined, want)
		}
	}
}

func TestPages(t *testing.T) {
	var asked []int
	got := 0
	err := pages(2500, func(after string, n int) (int, string, error) {
		asked = append(asked, n)
		got += n
		return n, after + "x", nil
	})
	if err != nil || got != 2500 || len(asked) != 3 || asked[2] != 500 {
		t.Errorf("%d rows in pages of %v: %v", got, asked, err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
