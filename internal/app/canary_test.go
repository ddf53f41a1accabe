package app

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/operator/client"
	"till/internal/secrets"
	"till/internal/simchain"
	"till/internal/webhook"
)

// case 92: after a server was used, by those who may and by one who mistypes, what opens or signs something is
// in none of its files but the two that are made for it: not in the database, its log, its copy or the program's log. Of PostgreSQL the
// files of the database and the log of the server are read too, and every row, for what it compressed.
func TestSecretsStayOffTheDisk(t *testing.T) { onEach(t, secretsStayOffTheDisk) }

func secretsStayOffTheDisk(t *testing.T, database string) {
	began := time.Now()
	chain, err := simchain.Start(simchain.Config{BlockTime: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	told := make(chan error, 100)
	var endpoint client.Endpoint
	made := make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-made
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = webhook.VerifyStandard([]secrets.Text{secrets.Text(endpoint.Secret)}, r.Header, body, time.Now())
		}
		told <- err
	}))
	t.Cleanup(receiver.Close)

	dir := t.TempDir()
	logFile, err := os.Create(filepath.Join(dir, "till.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logFile.Close() })
	const gatewayKey, gatewaySecret = "the key that a gateway is called with", "what signs a gateway's callbacks"
	outside := t.TempDir()
	gateway := fmt.Sprintf("[gateways.canary]\napi = \"sessions\"\nurl = %q\nmode = \"sandbox\"\nkey_file = %q\nwebhook_secret_file = %q\n",
		receiver.URL, write(t, outside, "key", gatewayKey), write(t, outside, "secret", gatewaySecret+"\n"))
	text := networksOff + ownNetwork(chain, chain.ChainID()) + gateway + "[webhooks]\nallow_private = true\nallow_http = true\n[log]\nlevel = \"debug\"\n" + database
	a := startIn(t, dir, text, logFile)
	keys, err := a.FirstStart(t.Context(), filepath.Join(dir, FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := engine.Pool{Merchant: "default", Mode: engine.Sandbox, Family: engine.EVM}
	if _, err := a.Engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: goodContract}}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, a, "sim", []reason{})

	api := client.New(a.URL()+client.Path, keys.OperatorToken.Reveal(), http.DefaultClient)
	endpoint, err = api.AddEndpoint(t.Context(), client.NewEndpoint{Merchant: "default", Mode: "sandbox", Dialect: "payin", Name: "canary", URL: receiver.URL + "/canary"})
	close(made)
	if err != nil {
		t.Fatal(err)
	}
	added, err := api.AddKey(t.Context(), client.NewKey{Merchant: "default", Mode: "live", Dialect: "payin", Name: "another"})
	if err != nil {
		t.Fatal(err)
	}
	glomoKey, err := api.AddKey(t.Context(), client.NewKey{Merchant: "default", Mode: "sandbox", Dialect: glomo.Name, Name: "signs"})
	if err != nil || strings.Count(glomoKey.Key, ".") != 2 {
		t.Fatalf("%v", err)
	}
	if got := statusOf(t, a, "/glomo/api/v1/orders?"+url.Values{"search": {glomoKey.Key}}.Encode(), "Authorization", "Bearer "+glomoKey.Key); got >= 500 {
		t.Errorf("a token in a query: %d", got)
	}
	for key, want := range map[string]int{glomoKey.Key: http.StatusOK, glomoKey.Key + "x": http.StatusUnauthorized} {
		if got := statusOf(t, a, "/glomo/api/v1/orders", "Authorization", "Bearer "+key); got != want {
			t.Errorf("a token: %d, want %d", got, want)
		}
	}
	code, answer := post(t, a, keys.APIKeys["payin"].Test, `{"orderReference":"canary","amount":"1.00","currency":"USDT","chainId":"sim"}`)
	var order struct{ OrderID string }
	if err := json.Unmarshal([]byte(answer), &order); err != nil || code != http.StatusCreated || order.OrderID == "" {
		t.Fatalf("%d %s %v", code, answer, err)
	}
	if _, err := api.Cancel(t.Context(), order.OrderID, "operator"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-told:
		if err != nil {
			t.Errorf("what was told is not signed with the secret: %v", err)
		}
	case <-time.After(deadline):
		t.Fatal("nothing was told, so the secret was not used")
	}
	live := keys.APIKeys["payin"].Live
	for path, want := range map[string]int{"/payin/api/v1/orders": http.StatusOK, "/payin/api/v1/orders?api_key=" + live.Reveal(): -1, client.Path + "/orders": -1} {
		if got := status(t, a, path, live); want > 0 && got != want || got >= 500 {
			t.Errorf("%s: %d", path[:20], got)
		}
	}
	if got := status(t, a, "/payin/api/v1/orders", live+"x"); got != http.StatusUnauthorized {
		t.Errorf("a mistyped key gives %d", got)
	}
	callback(t, a, "canary", http.Header{"Daimo-Signature": {"t=1,v1=" + gatewaySecret}}, `{}`, http.StatusUnauthorized)
	callback(t, a, "canary", signed(gatewaySecret, `{"type":"session.succeeded","data":{"session":{"sessionId":"canary"}}}`),
		`{"type":"session.succeeded","data":{"session":{"sessionId":"canary"}}}`, http.StatusOK)
	select {
	case <-told: // the gateway is called with its key, at the same receiver
	case <-time.After(deadline):
		t.Fatal("the gateway was not called, so its key was not used")
	}
	files := []string{"till.log"}
	if database == "" {
		files = append(files, "till.db", "copy.db")
		books := Books{Config: filepath.Join(dir, "till.toml"), Env: noEnv, Log: io.Discard}
		if _, err := Backup(t.Context(), books, filepath.Join(dir, "copy.db")); err != nil {
			t.Fatal(err)
		}
	}

	master, err := os.ReadFile(filepath.Join(dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := a.signing.Signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.Private)
	if err != nil {
		t.Fatal(err)
	}
	// The pair is searched for by what is secret of it, as it is, in base64 and in digits.
	private := pair.Private.D.Bytes()
	kept := append(all(keys), endpoint.Secret, added.Key, glomoKey.Key, string(private), string(pair.Private.Primes[0].Bytes()), pair.Private.D.String(), hex.EncodeToString(private), base64.StdEncoding.EncodeToString(der), gatewayKey, gatewaySecret, strings.TrimSpace(string(master)))
	for _, key := range kept {
		if _, secret, found := strings.Cut(key, "whsec_"); found {
			key = secret
		}
		if raw, err := base64.StdEncoding.DecodeString(key); err == nil && len(raw) == 32 {
			kept = append(kept, string(raw))
		}
	}
	if len(kept) != len(all(keys))+11+2 {
		t.Fatalf("%d secrets", len(kept))
	}
	offDisk(t, dir, kept, files...) // with the server's write-ahead log
	stop(t, a)
	offDisk(t, dir, kept, files...)
	if database != "" {
		cfg, err := LoadConfig(filepath.Join(dir, "till.toml"), noEnv, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		offServer(t, cfg.Database, kept, began)
	}
}

// holdsNone says that a text has none of the secrets, nor the larger part of one.
func holdsNone(t *testing.T, where string, text []byte, kept []string) {
	t.Helper()
	for i, secret := range kept {
		if long := secret[len(secret)/3:]; bytes.Contains(text, []byte(long)) {
			t.Errorf("%s holds the secret %d", where, i)
		}
	}
}

// offServer reads what a PostgreSQL server has on its disk of a database, with the log of all that was written since began.
func offServer(t *testing.T, database string, kept []string, began time.Time) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	texts := func(query string) (list []string) {
		t.Helper()
		found, err := db.Query(t.Context(), query)
		if err == nil {
			list, err = pgx.CollectRows(found, pgx.RowTo[string])
		}
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	used := map[string]bool{}
	for _, table := range texts(`SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()`) {
		for _, row := range texts(`SELECT t::text FROM ` + pgx.Identifier{table}.Sanitize() + ` t`) {
			holdsNone(t, table, []byte(row), kept)
			used["rows"] = used["rows"] || strings.Contains(row, "canary")
		}
	}
	cluster := texts(`SHOW data_directory`)[0]
	read := func(what, dir string) {
		t.Helper()
		err := filepath.WalkDir(filepath.Join(cluster, dir), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			info, err := entry.Info()
			if err == nil && info.ModTime().Before(began.Add(-time.Second)) {
				return nil
			}
			text, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // the server has renamed or removed it
			}
			holdsNone(t, path, text, kept)
			used[what] = used[what] || bytes.Contains(text, []byte("canary"))
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	read("log", "pg_wal") // before the checkpoint, after which parts of it are done with
	if _, err := db.Exec(t.Context(), "CHECKPOINT"); err != nil {
		t.Fatal(err)
	}
	read("pages", filepath.Join("base", texts(`SELECT oid::text FROM pg_database WHERE datname = current_database()`)[0]))
	if !used["rows"] || !used["pages"] || !used["log"] {
		t.Errorf("read %v", used)
	}
}

// offDisk reads every file of a folder but those that hold keys on purpose. The files that are named must show that the server was used.
func offDisk(t *testing.T, dir string, kept []string, files ...string) {
	t.Helper()
	used := map[string]bool{} // files that show what the server was used for
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == FirstKeysFile || entry.Name() == "master.key" {
			return err
		}
		text, err := os.ReadFile(path)
		holdsNone(t, entry.Name(), text, kept)
		if bytes.Contains(text, []byte("canary")) || bytes.Contains(text, []byte("/payin/api/v1/orders")) {
			used[strings.TrimSuffix(entry.Name(), "-wal")] = true
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for _, name := range files {
		if !used[name] {
			t.Errorf("%s does not show that the server was used: read %v", name, used)
		}
	}
}
