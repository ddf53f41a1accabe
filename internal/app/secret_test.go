package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/operator/client"
	"till/internal/rail"
	"till/internal/webhook"
)

// case 79: while a secret is being replaced each webhook is signed with the new one and the old one, and
// afterwards with the new one alone.
func TestRotatedSecretSigns(t *testing.T) {
	type call struct {
		header http.Header
		body   []byte
	}
	calls := make(chan call, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // a body that is cut is signed wrongly
		calls <- call{r.Header, body}
	}))
	t.Cleanup(receiver.Close)

	var ahead atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	dir := t.TempDir()
	text := networksOff + "[webhooks]\nallow_private = true\nallow_http = true\n[server]\naddr = \"127.0.0.1:0\"\n"
	cfg, err := LoadConfig(write(t, dir, "till.toml", text), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Now = now
	a := startWith(t, cfg)
	keys, err := a.FirstStart(t.Context(), filepath.Join(dir, FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := engine.Pool{Merchant: "default", Mode: engine.Sandbox, Family: engine.EVM}
	addresses := []engine.Imported{{Value: goodContract}, {Value: strings.Replace(goodContract, "1", "2", 1)}, {Value: strings.Replace(goodContract, "1", "3", 1)}}
	if _, err := a.Engine.ImportInstruments(t.Context(), pool, addresses); err != nil {
		t.Fatal(err)
	}
	sepolia, err := a.Engine.Network("ethereum-sepolia", engine.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	api := client.New(a.URL()+client.Path, keys.OperatorToken.Reveal(), http.DefaultClient)
	// signedBy ends an order and counts which of the secrets its webhook is signed with.
	signedBy := func(reference string, secrets ...string) (with []bool) {
		t.Helper()
		told := engine.Report{Progress: engine.Progress{Rail: sepolia.Rail, Fence: 1, Cursor: rail.Cursor{Head: 1, Horizon: now()}}}
		if err := a.Engine.Observe(t.Context(), sepolia, told); err != nil {
			t.Fatal(err)
		}
		code, answer := post(t, a, keys.APIKeys["payin"].Test, `{"orderReference":"`+reference+`","amount":"1.00","currency":"USDT","chainId":"ethereum-sepolia"}`)
		var order struct{ OrderID string }
		if err := json.Unmarshal([]byte(answer), &order); err != nil || code != http.StatusCreated {
			t.Fatalf("%d %s %v", code, answer, err)
		}
		if _, err := api.Cancel(t.Context(), order.OrderID, "operator"); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-calls:
			for _, secret := range secrets {
				with = append(with, webhook.VerifyStandard([]webhook.Secret{webhook.Secret(secret)}, got.header, got.body, now()) == nil)
			}
			if n := len(strings.Fields(got.header.Get(webhook.HeaderSignature))); n != strings.Count(got.header.Get("X-PayIn-Signature"), "v1=") {
				t.Errorf("%d signatures beside %s", n, got.header.Get("X-PayIn-Signature"))
			}
		case <-time.After(deadline):
			t.Fatal("nothing was told")
		}
		return with
	}
	first, err := api.AddEndpoint(t.Context(), client.NewEndpoint{Merchant: "default", Mode: "sandbox", Dialect: "payin", URL: receiver.URL})
	if err != nil {
		t.Fatal(err)
	}
	if got := signedBy("one", first.Secret); !got[0] {
		t.Error("the first secret does not sign")
	}
	second, err := api.RotateEndpoint(t.Context(), first.ID, client.SecretRotation{OverlapSeconds: new(int64(3600))})
	if err != nil || second.Secret == first.Secret {
		t.Fatal(err)
	}
	if got := signedBy("two", first.Secret, second.Secret); !got[0] || !got[1] {
		t.Errorf("while both are valid: %v", got)
	}
	ahead.Store(int64(time.Hour))
	if got := signedBy("three", first.Secret, second.Secret); got[0] || !got[1] {
		t.Errorf("after the end of the old one: %v", got)
	}
}

// A new master key takes the secrets along that still sign beside a newer one.
func TestRotateMasterWithOldSecrets(t *testing.T) {
	dir := withEndpoints(t, "", 1)
	a := startIn(t, dir, "", io.Discard)
	sealed, err := a.Seal("ep_0", "whsec_newer")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Engine.RotateSecret(t.Context(), "ep_0", sealed, time.Hour, func(engine.Endpoint) bool { return true }); err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	if _, err := RotateMaster(t.Context(), filepath.Join(dir, "till.toml"), noEnv, io.Discard); err != nil {
		t.Fatal(err)
	}
	a = startIn(t, dir, "", io.Discard)
	list, err := a.open(endpoints(t, a.Engine)[0])
	if err != nil || len(list) != 2 || list[0].Reveal() != "whsec_newer" || list[1].Reveal() != "whsec_of ep_0" {
		t.Errorf("%d secrets, %v", len(list), err)
	}
}
