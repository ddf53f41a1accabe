package app

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/secrets"
	"till/internal/webhook"
)

// A merchant makes an endpoint, tries it and sees in the log what became of it, on the running server. The secret, its
// own or one that was made, signs and is in no file: not in the remembered answer either.
func TestMerchantTriesAnEndpoint(t *testing.T) {
	type arrival struct {
		header http.Header
		body   []byte
	}
	arrivals := make(chan arrival, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is cut short does not verify
		io.WriteString(w, "thanks")
		arrivals <- arrival{r.Header, body}
	}))
	t.Cleanup(receiver.Close)
	dir := t.TempDir()
	a := startIn(t, dir, networksOff+"[webhooks]\nallow_private = true\nallow_http = true\n", io.Discard)
	keys, err := a.FirstStart(t.Context(), filepath.Join(dir, FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	call := func(method, path, body string, into any) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, a.URL()+"/payin/api/v1/notifications/"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-API-Key", keys.APIKeys["payin"].Test.Reveal())
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", "once")
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
			t.Fatalf("%s %s: %d %v", method, path, answer.StatusCode, err)
		}
		return answer.StatusCode
	}
	const secret = "whsec_canary-of-the-merchant-itself"
	var endpoint struct {
		ID     string
		Config struct{ Secret string }
	}
	body := `{"endpoint_name":"shop","config":{"url":"` + receiver.URL + `/hook","secret":"` + secret + `"}}`
	if code := call("POST", "endpoints", body, &endpoint); code != http.StatusCreated || endpoint.Config.Secret != secret {
		t.Fatalf("%d %+v", code, endpoint)
	}
	first := endpoint.ID
	if code := call("POST", "endpoints", body, &endpoint); code != http.StatusCreated || endpoint.ID != first || endpoint.Config.Secret == secret {
		t.Fatalf("the same again: %d %+v", code, endpoint)
	}

	tried := func(known ...secrets.Text) {
		t.Helper()
		var answer struct{ Event_ID string }
		if code := call("POST", "endpoints/"+first+"/test", "", &answer); code != http.StatusOK {
			t.Fatalf("test: %d", code)
		}
		select {
		case got := <-arrivals:
			if got.header.Get("X-PayIn-Event-Id") != answer.Event_ID || got.header.Get("X-PayIn-Event-Type") != "test.event" {
				t.Errorf("%v, told %+v", got.header, answer)
			}
			for _, key := range known {
				if err := webhook.VerifyStandard([]secrets.Text{key}, got.header, got.body, time.Now()); err != nil {
					t.Error(err)
				}
			}
		case <-time.After(deadline):
			t.Fatal("the test did not arrive")
		}
	}
	tried(secret)
	var rotated struct{ Config struct{ Secret string } }
	if code := call("POST", "endpoints/"+first+"/rotate-secret", "", &rotated); code != http.StatusOK {
		t.Fatalf("rotate: %d", code)
	}
	tried(secret, secrets.Text(rotated.Config.Secret))

	var list struct {
		Logs []struct {
			Status           string
			Response_body    string
			Http_status_code int
		}
		Total int
	}
	for end := time.Now().Add(deadline); ; {
		call("GET", "logs?event_type=test.event&status=success", "", &list)
		if list.Total == 2 || time.Now().After(end) {
			break
		}
	}
	if list.Total != 2 || list.Logs[0].Response_body != "thanks" || list.Logs[0].Http_status_code != 200 {
		t.Errorf("%+v", list)
	}
	kept := []string{secret, rotated.Config.Secret}
	inNoFile(t, dir, kept) // with the server's write-ahead log
	stop(t, a)
	inNoFile(t, dir, kept)
}

// inNoFile reads every file of a folder, of which the database must be one.
func inNoFile(t *testing.T, dir string, kept []string) {
	t.Helper()
	used := false
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		used = used || bytes.Contains(text, []byte("test.event"))
		for _, secret := range kept {
			if bytes.Contains(text, []byte(secret[len(secret)/3:])) {
				t.Errorf("%s holds a secret", entry.Name())
			}
		}
		return err
	})
	if err != nil || !used {
		t.Errorf("nothing was found of what the server did: %v", err)
	}
}
