package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/operator"
	"till/internal/secrets"
)

func TestFirstStart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FirstKeysFile)
	var log locked
	a := startIn(t, dir, "[log]\nlevel = \"debug\"", &log)
	keys, err := a.FirstStart(t.Context(), path)
	if err != nil || keys == nil {
		t.Fatalf("%v %v", keys, err)
	}
	if len(keys.APIKeys) != len(a.dialects) {
		t.Errorf("%d pairs of keys for %d dialects", len(keys.APIKeys), len(a.dialects))
	}
	for _, d := range a.dialects {
		pair := keys.APIKeys[d.Name()]
		if d.Name() == glomo.Name { // they are tokens: TestFirstSignedKeys
			continue
		}
		for _, key := range []secrets.Text{pair.Live, pair.Test} {
			if _, err := authOf(a).Check(t.Context(), key.Reveal(), d.Name()); err != nil {
				t.Errorf("%s: %v", d.Name(), err)
			}
			if _, err := authOf(a).Check(t.Context(), key.Reveal(), ""); err == nil {
				t.Errorf("%s: a merchant's key opens the operator API", d.Name())
			}
		}
		live, _ := authOf(a).Check(t.Context(), pair.Live.Reveal(), d.Name())
		test, _ := authOf(a).Check(t.Context(), pair.Test.Reveal(), d.Name())
		of := "default"
		if keyForms[d.Name()].pair {
			of = engine.OfOrganisation("default", "", "").Merchant
		}
		if live.Mode != "live" || test.Mode != "sandbox" || live.Merchant != of || test.Merchant != of {
			t.Errorf("%+v, %+v", live, test)
		}
	}
	if got := status(t, a, "/payin/api/v1/orders", keys.APIKeys["payin"].Live); got != http.StatusOK {
		t.Errorf("the live key gives %d", got)
	}
	if p, err := authOf(a).Check(t.Context(), keys.OperatorToken.Reveal(), ""); err != nil || p.Merchant != "" {
		t.Errorf("%+v %v", p, err)
	}
	checkFile(t, path, keys)

	// case 92
	a.log.Info("first start", "keys", keys, "pairs", keys.APIKeys)
	for _, key := range all(keys) {
		if strings.Contains(log.String(), key[10:]) {
			t.Errorf("the log holds a key:\n%s", log.String())
		}
	}
	if !strings.Contains(log.String(), "/payin/api/v1/orders") {
		t.Error("the log does not hold what happened, so nothing was proved")
	}
	noKeyOnDisk(t, dir, keys)
}

func TestSecondStartMakesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FirstKeysFile)
	a := startIn(t, dir, "", io.Discard)
	first, err := a.FirstStart(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if again, err := a.FirstStart(t.Context(), path); err != nil || again != nil {
		t.Errorf("in the same process: %v %v", again, err)
	}
	stop(t, a)

	a = startIn(t, dir, "", io.Discard)
	if again, err := a.FirstStart(t.Context(), path); err != nil || again != nil {
		t.Errorf("in the next process: %v %v", again, err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is there again: %v", err)
	}
	if _, err := authOf(a).Check(t.Context(), first.OperatorToken.Reveal(), ""); err != nil {
		t.Error(err)
	}
}

// A database that has a merchant, however it came there, is not at its first start.
func TestFirstStartLeavesADatabaseInUse(t *testing.T) {
	a := startIn(t, t.TempDir(), "", io.Discard)
	if err := a.Engine.SaveMerchant(t.Context(), engine.Merchant{ID: "shop", Organisation: "shop", Name: "Shop"}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), FirstKeysFile)
	if keys, err := a.FirstStart(t.Context(), path); err != nil || keys != nil || merchants(t, a) != 1 {
		t.Errorf("%v %v, %d merchants", keys, err, merchants(t, a))
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("keys were written: %v", err)
	}
}

// A crash after the file and before the database: the keys of the file are the ones.
func TestFirstStartGoesOn(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FirstKeysFile)
	a := startIn(t, dir, "", io.Discard)
	before, made, err := a.firstKeys(t.Context(), path)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	stop(t, a)
	a = startIn(t, dir, "", io.Discard)
	keys, err := a.FirstStart(t.Context(), path)
	if err != nil || strings.Join(all(keys), " ") != strings.Join(all(before), " ") {
		t.Fatalf("other keys, or %v", err)
	}
	for _, key := range []secrets.Text{keys.APIKeys["payin"].Live, keys.APIKeys["payin"].Test} {
		if _, err := authOf(a).Check(t.Context(), key.Reveal(), "payin"); err != nil {
			t.Error(err)
		}
	}
}

func TestFirstStartRefusesAForeignFile(t *testing.T) {
	for name, spoil := range map[string]func(path string, good *FirstKeys) error{
		"torn":            func(path string, _ *FirstKeys) error { return os.Truncate(path, 40) },
		"empty":           func(path string, _ *FirstKeys) error { return os.Truncate(path, 0) },
		"others can read": func(path string, _ *FirstKeys) error { return os.Chmod(path, 0o644) },
		"a signature that is another's": func(path string, good *FirstKeys) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			key := []byte(good.APIKeys[glomo.Name].Live.Reveal())
			other := bytes.Clone(key)
			if other[len(other)-9] = 'A'; key[len(key)-9] == 'A' {
				other[len(other)-9] = 'B'
			}
			return os.WriteFile(path, bytes.Replace(text, key, other, 1), 0o600)
		},
		"the keys of the modes exchanged": func(path string, good *FirstKeys) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			pair := good.APIKeys[glomo.Name]
			good.APIKeys[glomo.Name] = FirstPair{Live: pair.Test, Test: pair.Live}
			return good.write(path)
		},
		"a short key": func(path string, good *FirstKeys) error {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			key := good.APIKeys["payin"].Live.Reveal()
			return os.WriteFile(path, bytes.Replace(text, []byte(key), []byte(key[:20]), 1), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, FirstKeysFile)
			a := startIn(t, dir, "", io.Discard)
			good, made, err := a.firstKeys(t.Context(), path)
			if err != nil || !made {
				t.Fatal(made, err)
			}
			if err := spoil(path, good); err != nil {
				t.Fatal(err)
			}
			if keys, err := a.FirstStart(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) || keys != nil {
				t.Errorf("%v %v", keys, err)
			}
			if got := merchants(t, a); got != 0 {
				t.Errorf("%d merchants were made", got)
			}
		})
	}
}

// startForMany starts a server in a new folder, of which each first start makes a signing key of its own.
func startForMany(t *testing.T) (a *App, dir string) {
	t.Helper()
	dir = t.TempDir()
	cfg, err := LoadConfig(write(t, dir, "till.toml", "[server]\naddr = \"127.0.0.1:0\"\n"), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	cfg.NewSigningKey = func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) } // each its own
	return startWith(t, cfg), dir
}

// Several processes on one database: one makes the keys, and no other leaves a file of keys that open
// nothing.
func TestFirstStartByMany(t *testing.T) {
	a, dir := startForMany(t)
	const processes = 8
	var group sync.WaitGroup
	var mu sync.Mutex
	var won []*FirstKeys
	for n := range processes {
		folder := filepath.Join(dir, string(rune('a'+n)))
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			keys, err := a.FirstStart(context.Background(), filepath.Join(folder, FirstKeysFile))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if keys != nil {
				won = append(won, keys)
			}
		})
	}
	group.Wait()
	files, err := filepath.Glob(filepath.Join(dir, "*", FirstKeysFile))
	if err != nil || len(won) != 1 || len(files) != 1 || merchants(t, a) != 1 {
		t.Fatalf("%d won, files %v, %d merchants, %v", len(won), files, merchants(t, a), err)
	}
	checkFile(t, files[0], won[0])
}

// Several processes that share the folder of the config, too: one makes the keys, and their file stays, whichever of them it was
// that wrote it.
func TestFirstStartByManyInOneFolder(t *testing.T) {
	a, dir := startForMany(t)
	path := filepath.Join(dir, FirstKeysFile)
	const processes = 4
	var group sync.WaitGroup
	var mu sync.Mutex
	var won []*FirstKeys
	start := make(chan struct{})
	for range processes {
		group.Go(func() {
			<-start
			keys, err := a.FirstStart(context.Background(), path)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if keys != nil {
				won = append(won, keys)
			}
		})
	}
	close(start)
	group.Wait()
	if len(won) != 1 || merchants(t, a) != 1 {
		t.Fatalf("%d won, %d merchants", len(won), merchants(t, a))
	}
	checkFile(t, path, won[0])
}

// A process that wrote the file and was overtaken by another that took its keys from it leaves the file: those are the keys.
func TestFirstStartOvertakenByItsOwnFile(t *testing.T) {
	a := startIn(t, t.TempDir(), "", io.Discard)
	path := filepath.Join(t.TempDir(), FirstKeysFile)
	slow, made, err := a.firstKeys(t.Context(), path)
	if err != nil || !made {
		t.Fatal(made, err)
	}
	fast, err := a.FirstStart(t.Context(), path)
	if err != nil || fast == nil {
		t.Fatal(fast, err)
	}
	if err := a.overtaken(t.Context(), slow, path); err != nil {
		t.Fatal(err)
	}
	checkFile(t, path, fast)
}

func TestFirstStartWithoutAFolder(t *testing.T) {
	a := startIn(t, t.TempDir(), "", io.Discard)
	if keys, err := a.FirstStart(t.Context(), filepath.Join(t.TempDir(), "none", FirstKeysFile)); err == nil || keys != nil {
		t.Errorf("%v %v", keys, err)
	}
	if merchants(t, a) != 0 {
		t.Error("keys that nobody can read were recorded")
	}
}

// A key of two parts is an object in the file, opens its organisation, and its id alone opens nothing.
func TestFirstKeysOfTwoParts(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FirstKeysFile)
	a := startIn(t, dir, "", io.Discard)
	if _, err := a.FirstStart(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var written struct {
		APIKeys struct {
			Koywe struct {
				Live, Test struct{ APIKey, Secret string }
			}
		} `json:"api_keys"`
	}
	if err := json.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	key := written.APIKeys.Koywe.Test
	if !regexp.MustCompile(`^api_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(key.APIKey) || len(key.Secret) != 64 {
		t.Fatalf("%+v", key)
	}
	signIn := func(secret string) (int, string) {
		answer, err := http.Post(a.URL()+"/koywe/api/v1/auth/sign-in", "application/json", strings.NewReader(`{"apiKey":"`+key.APIKey+`","secret":"`+secret+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if code, body := signIn(key.Secret); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	if code, body := signIn(written.APIKeys.Koywe.Live.Secret); code != http.StatusUnauthorized {
		t.Errorf("another key's secret: %d %s", code, body)
	}
}

// The signed keys of the first start are whole: they open their API in their mode, sign, and have publishable ones beside them.
func TestFirstSignedKeys(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, FirstKeysFile)
	a := startIn(t, dir, "", io.Discard)
	keys, err := a.FirstStart(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var written FirstKeys
	if text, err := os.ReadFile(path); err != nil || json.Unmarshal(text, &written) != nil || strings.Join(all(&written), " ") != strings.Join(all(keys), " ") {
		t.Errorf("the file has other keys: %v", err)
	}
	secret, public := written.APIKeys[glomo.Name], written.Publishable[glomo.Name]
	for mode, key := range map[engine.Mode]secrets.Text{engine.Live: secret.Live, engine.Sandbox: secret.Test} {
		who, err := a.signedKeys.Check(t.Context(), key.Reveal())
		if err != nil || who.Mode != string(mode) || who.Merchant != firstMerchant || !who.May("orders:write") {
			t.Errorf("%s: %+v %v", mode, who, err)
		}
		signs, err := a.secretKey(t.Context(), engine.Scope{Merchant: firstMerchant, Mode: mode, Dialect: glomo.Name}, "")
		if err != nil || signs == nil || signs.Text != key.Reveal() {
			t.Errorf("%s: its text is not found: %v", mode, err)
		}
	}
	for mode, key := range map[string]secrets.Text{"live": public.Live, "sandbox": public.Test} {
		who, err := authOf(a).Check(t.Context(), key.Reveal(), glomo.Name)
		if err != nil || who.Mode != mode || who.Merchant != firstMerchant || strings.Join(who.Scopes, " ") != operator.Publishable {
			t.Errorf("%s publishable: %+v %v", mode, who, err)
		}
	}
}

// startIn starts a server with a config file of that folder.
func startIn(t *testing.T, dir, text string, logTo io.Writer) *App {
	t.Helper()
	if !strings.Contains(text, "[server]") {
		text += "\n[server]\naddr = \"127.0.0.1:0\"\n"
	}
	cfg, err := LoadConfig(write(t, dir, "till.toml", text), noEnv, logTo)
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, cfg)
}

func startWith(t *testing.T, cfg Config) *App {
	t.Helper()
	if cfg.NewSigningKey == nil {
		cfg.NewSigningKey = onePair
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	a, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	return a
}

// onePair is the key pair of every server of the tests: to make one takes a second.
var onePair = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

var stopped sync.Map

// stop stops a server once.
func stop(t *testing.T, a *App) {
	if _, before := stopped.LoadOrStore(a, true); before {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func all(keys *FirstKeys) []string {
	list := []string{keys.OperatorToken.Reveal(), keys.Publishable[glomo.Name].Live.Reveal(), keys.Publishable[glomo.Name].Test.Reveal()}
	for _, name := range slices.Sorted(maps.Keys(keys.APIKeys)) {
		pair := keys.APIKeys[name]
		for _, key := range []secrets.Text{pair.Live, pair.Test} {
			list = append(list, key.Reveal()[strings.Index(key.Reveal(), ":")+1:]) // of two parts: the secret
		}
	}
	return list
}

func merchants(t *testing.T, a *App) (n int) {
	t.Helper()
	err := a.store.View(t.Context(), func(rd engine.Reader) error {
		list, err := rd.Merchants()
		n = len(list)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func checkFile(t *testing.T, path string, keys *FirstKeys) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range all(keys) {
		if !bytes.Contains(text, []byte(key)) {
			t.Errorf("%s lacks a key", path)
		}
	}
}

// noKeyOnDisk holds every other file of a folder against the keys.
func noKeyOnDisk(t *testing.T, dir string, keys *FirstKeys) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == FirstKeysFile {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read++
		for _, key := range all(keys) {
			if bytes.Contains(text, []byte(key)) {
				t.Errorf("%s holds a key", path)
			}
		}
		return nil
	})
	if err != nil || read < 3 {
		t.Errorf("%d files read, %v", read, err)
	}
}

// locked is a log that many write.
type locked struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
