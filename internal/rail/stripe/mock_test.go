package stripe

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/rail"
)

// mock is Stripe's own stripe-mock (MIT), which knows the shape of every request and answer of the API and no state.
const mock = "github.com/stripe/stripe-mock@v0.203.0"

// startMock builds and starts it, and returns where it serves.
func startMock(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "install", mock)
	build.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=-mod=mod")
	build.Dir = bin // outside of our module
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s cannot be built: %v\n%s", mock, err, out)
	}
	run := exec.Command(filepath.Join(bin, "stripe-mock"), "-http-addr", "127.0.0.1:0", "-https-addr", "127.0.0.1:0")
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	late := time.AfterFunc(time.Minute, func() { _ = run.Process.Kill() })
	defer late.Stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if at, ok := strings.CutPrefix(lines.Text(), "Listening for HTTP at address: "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return "http://" + at
		}
	}
	t.Fatal("stripe-mock did not start")
	return ""
}

// plain calls over HTTP as the guarded client does, whose rules are not what is tested here.
type plain struct{}

func (plain) Call(ctx context.Context, method, url string, header http.Header, body []byte, limit int64) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header = header
	got, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer got.Body.Close()
	document, err := io.ReadAll(io.LimitReader(got.Body, limit))
	return got.StatusCode, document, err
}

// Every request that the rail makes is one that Stripe's description of its API allows, and every answer of that shape is read.
func TestShapes(t *testing.T) {
	at := startMock(t)
	f := open(t)
	f.Rail.api = api{url: at, key: "sk_test_123", caller: plain{}}
	w := &watch{Rail: f.Rail}
	ctx := t.Context()
	p := rail.Page{ID: "PSP-A", Order: "order_a", Attempt: "att", Method: "card", Amount: money.FromInt(usd, 1234), At: start, Until: start.Add(time.Hour), Title: "A thing", Email: "ana@example.com"}
	s, err := w.create(ctx, p)
	if err != nil || s.Reference != p.ID {
		t.Fatalf("made %+v, %v", s, err)
	}
	if s.disagrees(p, false) == "" { // the mock has amounts of its own
		t.Error("what the mock made up agrees")
	}
	for name, call := range map[string]func() error{
		"session":          func() error { _, err := f.api.session(ctx, s.ID); return err },
		"expire":           func() error { return f.api.expire(ctx, s.ID, start) },
		"charges":          func() error { _, err := f.api.charges(ctx, "pi_1"); return err },
		"refunds":          func() error { _, err := f.api.refunds(ctx, "ch_1"); return err },
		"disputes":         func() error { _, err := f.api.disputes(ctx, "pi_1"); return err },
		"events":           func() error { _, err := f.api.news(ctx, "evt_1"); return err },
		"the newest event": func() error { _, err := f.api.news(ctx, ""); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if ref, err := f.Rail.Send(ctx, rail.Delivery{ID: "t1", To: "ch_1", Amount: p.Amount}); err != nil || !strings.HasPrefix(string(ref), "re_") {
		t.Errorf("the refund: %q, %v", ref, err)
	}
	// It sees what is wrong: an argument that does not exist is refused.
	var wrong form
	wrong.set("mode", "payment")
	wrong.set("colour", "red")
	if err := f.api.post(ctx, "/v1/checkout/sessions", "once", &wrong, &s); !errors.Is(err, errRefused) {
		t.Errorf("a wrong argument: %v", err)
	}
}
