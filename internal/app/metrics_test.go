package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/simchain"
)

func TestMetrics(t *testing.T) {
	chain, err := simchain.Start(simchain.Config{BlockTime: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { chain.Close() })
	chain.Mine(1) // block 0 is a minute old: the first word must be of a later one
	a := startIn(t, t.TempDir(), "[metrics]\nenabled = true\n"+networksOff+ownNetwork(chain, chain.ChainID()), io.Discard)
	first, err := a.FirstStart(t.Context(), filepath.Join(t.TempDir(), FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := engine.Pool{Merchant: "default", Mode: engine.Sandbox, Family: engine.EVM}
	if _, err := a.Engine.ImportInstruments(t.Context(), pool, []engine.Imported{{Value: goodContract}}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, a, "sim", []reason{})
	if code, text := post(t, a, first.APIKeys["payin"].Test, `{"orderReference":"A","amount":"1.00","currency":"USDT","chainId":"sim"}`); code != http.StatusCreated {
		t.Fatalf("%d %s", code, text)
	}
	if code, text := post(t, a, "", `{}`); code != http.StatusUnauthorized {
		t.Fatalf("%d %s", code, text)
	}
	got := scrape(t, a, "")
	for end := time.Now().Add(deadline); got["till_collection_failed"] != 0 && time.Now().Before(end); { // the database had 2 s
		got = scrape(t, a, "")
	}
	for name, test := range map[string]struct{ at, most float64 }{
		`till_orders{dialect="payin",mode="sandbox",state="waiting"}`:                    {1, 1},
		`till_http_request_duration_seconds_count{face="payin",status="2xx"}`:            {1, 1},
		`till_http_request_duration_seconds_count{face="payin",status="4xx"}`:            {1, 1},
		`till_http_request_duration_seconds_bucket{face="payin",status="2xx",le="+Inf"}`: {1, 1},
		`till_queue_depth{queue="webhooks"}`:                                             {0, 0},
		`till_queue_depth{queue="deliveries"}`:                                           {0, 0},
		`till_queue_depth{queue="transfers"}`:                                            {0, 0},
		`till_webhook_lag_seconds`:                                                       {0, 0},
		`till_rail_head_block{rail="evm:sim"}`:                                           {1, 1e9},
		`till_rail_lag_seconds{rail="evm:sim"}`:                                          {-3600, 60},
		`till_rail_heard_seconds{rail="evm:sim"}`:                                        {0, 60},
		`till_job_failing{job="tell"}`:                                                   {0, 0},
		`till_store_groups_total`:                                                        {3, 1e6},
		`till_store_changes_total`:                                                       {3, 1e6},
		`till_store_busy_seconds_total`:                                                  {1e-6, 60},
		`till_store_broken`:                                                              {0, 0},
		`till_collection_failed`:                                                         {0, 0},
		`go_goroutines`:                                                                  {1, 1e6},
	} {
		value, there := got[name]
		if !there || value < test.at || value > test.most {
			t.Errorf("%s is %v (%t), want %v to %v", name, value, there, test.at, test.most)
		}
	}
	built := false
	for name := range got {
		built = built || strings.HasPrefix(name, "till_build_info{")
	}
	if !built {
		t.Error("no build info")
	}
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	if got := scrape(t, a, ""); got["till_collection_failed"] != 1 || len(got) < 10 {
		t.Errorf("without the database: %v", got)
	}
}

func TestMetricsAskForTheToken(t *testing.T) {
	a := startIn(t, t.TempDir(), "[metrics]\nenabled = true\ntoken = \"let me see\"", io.Discard)
	for header, want := range map[string]int{
		"":                    http.StatusUnauthorized,
		"Bearer let me":       http.StatusUnauthorized,
		"Basic let me see":    http.StatusUnauthorized,
		"Bearer let me see":   http.StatusOK,
		"bearer  let me see ": http.StatusOK,
	} {
		if got, _ := visit(t, a, http.MethodGet, "/metrics", header); got != want {
			t.Errorf("%q: %d", header, got)
		}
	}
	if got, _ := visit(t, a, http.MethodPost, "/metrics", "Bearer let me see"); got == http.StatusOK {
		t.Errorf("POST: %d", got)
	}
}

// case 47: without a token nothing is served but the probes and the documents, however a path is spelled.
func TestCrawl(t *testing.T) {
	for name, config := range map[string]string{"plain": "", "with metrics": "[metrics]\nenabled = true\ntoken = \"let me see\""} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			a := startIn(t, dir, config, io.Discard)
			if _, err := a.FirstStart(t.Context(), filepath.Join(dir, FirstKeysFile)); err != nil {
				t.Fatal(err)
			}
			open := map[string]bool{"/healthz": true, "/readyz": true}
			for _, document := range []string{"/operator/v1/openapi.json", "/operator/v1/openapi.yaml", "/operator/v1/openapi-3.0.json", "/operator/v1/openapi-3.0.yaml",
				"/payin/openapi.yaml", "/payin/api/v1/openapi.yaml"} {
				if code, text := visit(t, a, http.MethodGet, document, ""); code == http.StatusOK {
					open[document] = true
					if !strings.Contains(text, "openapi") {
						t.Errorf("%s is no document: %.100s", document, text)
					}
				}
			}
			if !open["/operator/v1/openapi.json"] {
				t.Error("the operator API's document is not served")
			}
			visited, found := 0, map[string]bool{}
			for _, p := range crawled(t, a, dir) {
				for _, form := range []string{"%s", "/%s", "//%s", "%s/", "/..%s", "/%%2e%%2e%s", "/.%%2e%s", "/..%%2f%s", "/x/..%s", "/payin/..%s", "/payin/%%2e%%2e%s",
					"/payin/..%%2f..%s", "/operator/v1/..%s", "/operator/v1/%%2e%%2e/%%2e%%2e%s", "/healthz/..%s", "/healthz%s", "/;%s", "%s%%00", "%s%%20", "%s.bak", "%s~"} {
					for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
						target := fmt.Sprintf(form, p)
						code, text := visit(t, a, method, target, "")
						visited++
						if code >= 500 {
							t.Errorf("%s %s: %d %.200s", method, target, code, text)
						}
						if code/100 != 2 {
							continue
						}
						plain, err := url.PathUnescape(target)
						if err != nil || !open[path.Clean(plain)] {
							t.Errorf("%s %s: %d %.200s", method, target, code, text)
						}
						found[path.Clean(plain)] = true
					}
				}
			}
			if visited < 2000 || !found["/healthz"] || !found["/operator/v1/openapi.json"] {
				t.Errorf("%d paths visited, %v found", visited, found)
			}
		})
	}
}

var placeholder = regexp.MustCompile(`\{[^}]*\}`)

// crawled is every path there is, and what people have found lying beside servers.
func crawled(t *testing.T, a *App, dir string) []string {
	t.Helper()
	_, text := visit(t, a, http.MethodGet, "/operator/v1/openapi.json", "")
	var document struct{ Paths map[string]any }
	if err := json.Unmarshal([]byte(text), &document); err != nil || len(document.Paths) < 20 {
		t.Fatalf("%v, %d paths", err, len(document.Paths))
	}
	list := []string{"/", "/healthz", "/readyz", "/metrics", "/operator/v1/openapi.json", "/operator", "/operator/v1", "/operator/v1/docs", "/operator/v1/schemas",
		"/operator/v1/schemas/Order.json", "/payin", "/payin/api/v1", "/payin/api/v1/orders", "/payin/api/v1/orders/x", "/payin/api/v1/orders/x/cancel",
		"/payin/api/v1/addresses", "/payin/api/v1/addresses/import", "/payin/api/v1/addresses/stats", "/payin/api/v1/webhooks",
		"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "/debug/requests", "/.env", "/.git/config", "/config", "/config.toml",
		"/till.toml", "/master.key", "/till.db", "/till.db-wal", "/first-keys.json", "/heads", "/heads/live.json", "/server-status", "/actuator/env",
		"/etc/passwd", "/proc/self/environ", "/admin", "/swagger", dir + "/till.toml", dir + "/first-keys.json"}
	for p := range document.Paths {
		list = append(list, "/operator/v1"+placeholder.ReplaceAllString(p, "x"))
	}
	return list
}

// visit sends a path as it is spelled, and follows nothing.
func visit(t *testing.T, a *App, method, target, authorization string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, a.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.Opaque = target // sent as the request's target, unread by the client
	if strings.HasPrefix(target, "//") {
		r.URL.Opaque = r.URL.Scheme + "://" + r.URL.Host + target
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// scrape reads the numbers by name and labels.
func scrape(t *testing.T, a *App, authorization string) map[string]float64 {
	t.Helper()
	code, text := visit(t, a, http.MethodGet, "/metrics", authorization)
	if code != http.StatusOK {
		t.Fatalf("/metrics gives %d: %s", code, text)
	}
	got := map[string]float64{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		got[line[:at]] = value
	}
	return got
}

// Spans leave only where a collector is named, and hold nothing of an order.
func TestTracing(t *testing.T) {
	var spans atomic.Int64
	var all atomic.Value
	all.Store("")
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/v1/traces" {
			all.Store(all.Load().(string) + string(body))
			spans.Add(1)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	defer collector.Close()
	a := startIn(t, t.TempDir(), "[tracing]\nendpoint = \""+collector.URL+"/v1/traces\"", io.Discard)
	if code, _ := visit(t, a, http.MethodGet, "/payin/api/v1/orders/ord_private?token=hidden", "Bearer pk_test_nobody"); code != http.StatusUnauthorized {
		t.Errorf("%d", code)
	}
	stop(t, a) // sends what is left
	sent := all.Load().(string)
	if spans.Load() == 0 || !strings.Contains(sent, "GET payin") || !strings.Contains(sent, "store.view") {
		t.Errorf("%d batches came: %q", spans.Load(), sent)
	}
	for _, secret := range []string{"ord_private", "hidden", "pk_test_nobody"} {
		if strings.Contains(sent, secret) {
			t.Errorf("a span holds %q", secret)
		}
	}

	none := spans.Load()
	off := startIn(t, t.TempDir(), "", io.Discard)
	if off.tracing != nil {
		t.Error("tracing is on by default")
	}
	status(t, off, "/healthz", "")
	if spans.Load() != none {
		t.Error("spans left without a collector")
	}
}

func TestMetricsAndTracingConfig(t *testing.T) {
	for text, want := range map[string]string{
		"[metrics]\nenabled = true": "",
		"[metrics]\nenabled = true\n[server]\naddr = \"0.0.0.0:0\"\nallow_non_loopback = true":                "metrics.token: is needed",
		"[metrics]\nenabled = true\n[server]\npublic_url = \"https://pay.example\"":                           "line 1: metrics.token: is needed",
		"[metrics]\nenabled = true\n[server]\ntrusted_proxies = [\"10.0.0.1\"]":                               "metrics.token: is needed",
		"[metrics]\nenabled = true\ntoken = \"t\"\n[server]\naddr = \"0.0.0.0:0\"\nallow_non_loopback = true": "",
		"[metrics]\nenabled = false\n[server]\naddr = \"0.0.0.0:0\"\nallow_non_loopback = true":               "",
		"[tracing]\nendpoint = \"http://127.0.0.1:4318/v1/traces\"":                                           "",
		"[tracing]\nendpoint = \"127.0.0.1:4318\"":                                                            "line 2: tracing.endpoint: want an http or https URL",
		"[tracing]\nendpoint = \"https://user:secret@collector.example/\"":                                    "line 2: tracing.endpoint: want an http or https URL",
	} {
		cfg, err := load(t, text)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret")):
			t.Errorf("%s: %v, want %s", text, err, want)
		}
		if strings.Contains(fmt.Sprintf("%+v", cfg.Metrics), "\"t\"") {
			t.Errorf("the token is printed: %+v", cfg.Metrics)
		}
	}
}

// A collector that is not there neither fails a start nor holds up an end.
func TestTracingWithoutTheCollector(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	a := startIn(t, t.TempDir(), "[tracing]\nendpoint = \""+gone.URL+"/v1/traces\"", io.Discard)
	if got := status(t, a, "/healthz", ""); got != http.StatusOK {
		t.Errorf("%d", got)
	}
	begun := time.Now()
	a.tracing.stop(t.Context())
	if took := time.Since(begun); took > 8*lastSpans {
		t.Errorf("the end took %s", took)
	}
}
