package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/store/pgtest"
)

const deadline = time.Minute

func TestServe(t *testing.T) {
	dir := t.TempDir()
	config := writeConfig(t, dir, "[server]\naddr = \"127.0.0.1:0\"\n[log]\nlevel = \"debug\"\n")
	s := startServe(t, "serve", "--config", config)
	keysFile := filepath.Join(dir, "first-keys.json")
	keys := readKeys(t, keysFile)
	if !strings.Contains(s.out.String(), keysFile) {
		t.Errorf("the path of the keys was not printed:\n%s", s.out)
	}
	if got, body := s.get(t, "/healthz", ""); got != http.StatusOK || body != `{"status":"ok"}` {
		t.Errorf("%d %s", got, body)
	}
	if got, body := s.get(t, "/readyz", ""); got != http.StatusOK || !strings.Contains(body, `"status":"degraded"`) {
		t.Errorf("%d %s", got, body)
	}
	if got, body := s.get(t, "/payin/api/v1/orders", keys["payin"]["test"]); got != http.StatusOK {
		t.Errorf("%d %s", got, body)
	}
	crawl(t, s, dir)
	s.stop(t, 0)
	secrets := []string{keys["payin"]["live"], keys["payin"]["test"], keys[""]["operator"], readFile(t, filepath.Join(dir, "master.key"))}
	for _, secret := range secrets { // case 92
		if secret = strings.TrimSpace(secret); len(secret) < 16 || strings.Contains(s.out.String()+s.err.String(), secret) {
			t.Errorf("a secret of %d bytes is missing or was printed where nobody reads along:\n%s\n%s", len(secret), s.out, s.err)
		}
	}

	if err := os.Remove(keysFile); err != nil {
		t.Fatal(err)
	}
	again := startServe(t, "serve", "--config", config)
	if strings.Contains(again.out.String(), "first start") {
		t.Errorf("a second first start:\n%s", again.out)
	}
	if got, body := again.get(t, "/payin/api/v1/orders", keys["payin"]["live"]); got != http.StatusOK {
		t.Errorf("after a restart: %d %s", got, body)
	}
	again.stop(t, 0)
	if _, err := os.Stat(keysFile); !os.IsNotExist(err) {
		t.Errorf("the second start wrote keys: %v", err)
	}
}

func TestServeInAFolderWithoutConfig(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	writeConfig(t, dir, "[server]\naddr = \"127.0.0.1:0\"\n")
	s := startServe(t, "serve")
	s.stop(t, 0)
	for _, name := range []string{"till.db", "master.key", "first-keys.json"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

// case 83
func TestServeRefusesASecondServer(t *testing.T) {
	dir := t.TempDir()
	config := writeConfig(t, dir, "[server]\naddr = \"127.0.0.1:0\"\n")
	s := startServe(t, "serve", "--config", config)
	fails(t, 1, "in use by another process", "serve", "--config", config)
	if got, _ := s.get(t, "/healthz", ""); got != http.StatusOK {
		t.Errorf("the first one answers %d", got)
	}
	s.stop(t, 0)
	s = startServe(t, "serve", "--config", config) // the lock went with its owner
	s.stop(t, 0)
}

func TestServeRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	tests := []struct{ name, config, want string }{
		{"a taken port", "[server]\naddr = \"" + l.Addr().String() + "\"", "address already in use"},
		{"an unknown key", "[server]\nadr = \"\"", "line 2: server.adr: unknown key"},
		{"an open address", "[server]\naddr = \"0.0.0.0:0\"", "server.allow_non_loopback"}, // case 52
		{"a database that cannot be made", "[database]\nurl = \"none/till.db\"", "none/till.db"},
		{"a database that is none", "[database]\nurl = \"till.toml\"\n[secrets]\nmaster_key_file = \"k\"", "till.toml"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if test.name == "a database that is none" {
				if err := os.WriteFile(filepath.Join(dir, "k"), []byte(strings.Repeat("0", 64)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			fails(t, 1, test.want, "serve", "--config", writeConfig(t, dir, test.config))
		})
	}
	fails(t, 1, "none.toml", "serve", "--config", filepath.Join(t.TempDir(), "none.toml"))
	fails(t, 2, "--nope", "serve", "--nope")
	fails(t, 2, "extra", "serve", "extra")
}

func TestInit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	path := filepath.Join(dir, "till.toml")
	var out, errs bytes.Buffer
	if got := Run([]string{"init", dir}, &out, &errs); got != 0 || !strings.Contains(out.String(), path) || errs.Len() > 0 {
		t.Fatalf("%d %s %s", got, &out, &errs)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	text := readFile(t, path)
	if !strings.Contains(text, "[server]") || !strings.HasPrefix(text, "#") {
		t.Errorf("%.200s", text)
	}

	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, "left as it is", "init", dir)
	if got := readFile(t, path); got != "mine" {
		t.Errorf("it was overwritten: %.200s", got)
	}

	t.Chdir(t.TempDir())
	if got := Run([]string{"init"}, io.Discard, io.Discard); got != 0 || readFile(t, "till.toml") != text {
		t.Errorf("init without a folder: %d", got)
	}
}

// case 92: the password in a database's URL is in no line that a server writes, and in none about why it does not start.
func TestServeOnPostgres(t *testing.T) {
	const password = "5c1a0e77b2"
	database := strings.Replace(pgtest.URL(t), "postgres://till@", "postgres://till:"+password+"@", 1)
	config := writeConfig(t, t.TempDir(), "[server]\naddr = \"127.0.0.1:0\"\n[log]\nlevel = \"debug\"\n[database]\nurl = \""+database+"\"\n")
	s := startServe(t, "serve", "--config", config)
	if got, body := s.get(t, "/healthz", ""); got != http.StatusOK {
		t.Errorf("%d %s", got, body)
	}
	s.stop(t, 0)
	if said := s.out.String() + s.err.String(); strings.Contains(said, password) || !strings.Contains(said, "postgres: test") {
		t.Errorf("the password was written, or the database is not named:\n%s", said)
	}

	nowhere := "postgres://till:" + password + "@127.0.0.1:1/till?connect_timeout=1"
	config = writeConfig(t, t.TempDir(), "[server]\naddr = \"127.0.0.1:0\"\n[database]\nurl = \""+nowhere+"\"\n")
	_, said := runs(t, 1, "serve", "--config", config)
	if strings.Contains(said, password) || !strings.HasPrefix(said, "till: database.url: ") || strings.Count(said, "\n") != 1 {
		t.Errorf("want one line that names the key and not the password:\n%s", said)
	}
}

// What init writes is served as it is, but for the port.
func TestServeWhatInitWrote(t *testing.T) {
	dir := t.TempDir()
	if got := Run([]string{"init", dir}, io.Discard, io.Discard); got != 0 {
		t.Fatal(got)
	}
	path := filepath.Join(dir, "till.toml")
	writeConfig(t, dir, strings.Replace(readFile(t, path), "127.0.0.1:4488", "127.0.0.1:0", 1))
	startServe(t, "serve", "--config", path).stop(t, 0)
}

// crawl asks for what lies beside the config in every spelling that has ever fooled a server.
func crawl(t *testing.T, s *served, dir string) { // case 47
	t.Helper()
	names := []string{"till.toml", "first-keys.json", "master.key", "till.db", "till.db-wal", "debug/pprof/", "debug/vars", "metrics", ".env", "config", "etc/passwd"}
	for _, name := range names {
		for _, path := range []string{"/", "//", "/../", "/..%2f", "/%2e%2e/", "/payin/../", "/payin/%2e%2e/", "/operator/", "/healthz/", "/" + dir + "/"} {
			got, body := s.get(t, path+name, "")
			if got == http.StatusOK || got >= 500 || strings.Contains(body, "SQLite") || strings.Contains(body, "pk_live_") {
				t.Errorf("%s%s: %d %.100s", path, name, got, body)
			}
		}
	}
}

// served is a command that runs in this process.
type served struct {
	url      string
	out, err *locked
	cancel   context.CancelFunc
	status   chan int
}

var listening = regexp.MustCompile(`(?m)^listening on (https?://\S+)$`)

// startServe runs a command until it says where it listens.
func startServe(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &served{out: &locked{}, err: &locked{}, cancel: cancel, status: make(chan int, 1)}
	go func() { s.status <- run(ctx, args, s.out, s.err) }()
	for end := time.Now().Add(deadline); time.Now().Before(end); {
		if found := listening.FindStringSubmatch(s.out.String()); found != nil {
			s.url = found[1]
			t.Cleanup(func() { s.cancel() })
			return s
		}
		select {
		case status := <-s.status:
			t.Fatalf("ended with %d:\n%s", status, s.err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	cancel()
	t.Fatalf("it does not listen:\n%s", s.err)
	return nil
}

// stop ends it as a signal would.
func (s *served) stop(t *testing.T, want int) {
	t.Helper()
	s.cancel()
	select {
	case got := <-s.status:
		if got != want {
			t.Errorf("status %d, want %d:\n%s", got, want, s.err)
		}
	case <-time.After(deadline): // its own bound is shorter, and an error
		t.Errorf("it did not stop within %s", deadline)
	}
}

func (s *served) get(t *testing.T, path, key string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("X-API-Key", key)
	}
	got, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got.StatusCode, string(body)
}

// fails runs a command that must end with a status and one line.
func fails(t *testing.T, status int, want string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var out, errs bytes.Buffer
	if got := run(ctx, args, &out, &errs); got != status {
		t.Errorf("%v: status %d, want %d", args, got, status)
	}
	text := errs.String()
	if !strings.Contains(text, want) || !strings.HasPrefix(text, "till: ") || strings.Count(text, "\n") != 1 {
		t.Errorf("%v: %q, want one line with %q", args, text, want)
	}
	if strings.Contains(out.String(), "listening") {
		t.Errorf("%v: %s", args, &out)
	}
}

func writeConfig(t *testing.T, dir, text string) string {
	t.Helper()
	path := filepath.Join(dir, "till.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readKeys reads the keys by dialect; the operator's is that of "".
func readKeys(t *testing.T, path string) map[string]map[string]string {
	t.Helper()
	var keys struct {
		Merchant      string                    `json:"merchant"`
		OperatorToken string                    `json:"operator_token"`
		APIKeys       map[string]map[string]any `json:"api_keys"`
	}
	if err := json.Unmarshal([]byte(readFile(t, path)), &keys); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || keys.Merchant != "default" {
		t.Errorf("%v %v %s", info, err, keys.Merchant)
	}
	list := map[string]map[string]string{"": {"operator": keys.OperatorToken}}
	for name, pair := range keys.APIKeys {
		list[name] = map[string]string{}
		for mode, key := range pair {
			if parts, two := key.(map[string]any); two {
				key = parts["secret"]
			}
			list[name][mode], _ = key.(string)
		}
	}
	return list
}

// locked is a text that many write.
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
