package page

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"till/internal/money"
	"till/internal/page/pagetest"
)

func TestMain(m *testing.M) { os.Exit(pagetest.Run(m)) }

var (
	usdt   = money.MustAsset("USDT", "ethereum-sepolia", 6)
	silent = slog.New(slog.DiscardHandler)
)

const session = "a session's secret"

// sample is a face with one page that shows all there is in the kit.
type sample struct {
	mu      sync.Mutex
	shown   shown
	streams *Streams
	posted  []string
}

type shown struct {
	Name, Word, Token string
	Amount            money.Amount
	Now, Until        time.Time
	Done              bool
}

func (s *sample) say(word string, done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown.Word, s.shown.Done = word, done
}

func (s *sample) see() shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}

func newKit(t *testing.T, public string) *Kit {
	t.Helper()
	k, err := New(Config{PublicURL: public, Log: silent})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// serve starts a server with the sample.
func serve(t *testing.T, bounds StreamBounds) (*sample, string) {
	t.Helper()
	k := newKit(t, "")
	pages, err := k.Pages(os.DirFS("testdata"))
	if err != nil {
		t.Fatal(err)
	}
	amount, err := money.Parse(usdt, "1234.5")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	s := &sample{streams: NewStreams(bounds), shown: shown{
		Name: `<img src=x onerror=alert(1)>"'`, Word: "waiting", Token: FormToken(session), Amount: amount, Now: now, Until: now.Add(90 * time.Second),
	}}
	look := func(r *http.Request) Update {
		v := s.see()
		return Update{HTML: pages.Live(LangOf(r), "sample", v), Now: v.Now, Done: v.Done}
	}
	mux := http.NewServeMux()
	mux.Handle(AssetPath, k.Assets())
	faces := http.NewServeMux()
	faces.HandleFunc("GET /sample", func(w http.ResponseWriter, r *http.Request) { pages.Write(w, r, http.StatusOK, "sample", s.see()) })
	faces.HandleFunc("GET /live", func(w http.ResponseWriter, r *http.Request) { WriteUpdate(w, look(r)) })
	faces.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
		s.streams.Serve(w, r, func(context.Context) (Update, error) { return look(r), nil })
	})
	faces.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		if !CheckForm(r, session) {
			k.Refused(w, r)
			return
		}
		s.mu.Lock()
		s.posted = append(s.posted, r.PostFormValue("who"))
		s.mu.Unlock()
		http.Redirect(w, r, "/sample", http.StatusSeeOther)
	})
	faces.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("a secret reason") })
	faces.HandleFunc("/", k.NotFound)
	mux.Handle("/", k.Guard(faces))
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		s.streams.Close()
		server.Close()
	})
	return s, server.URL
}

var fast = StreamBounds{All: 100, PerClient: 100, Every: 10 * time.Millisecond, Beat: time.Second, Life: time.Minute}

func get(t *testing.T, url string, headers ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return got, string(body)
}

// Everything the kit has, as readers see it: nothing axe-core would mend, nothing on the console, nothing wider
// than the screen.
func TestSampleInTheBrowser(t *testing.T) {
	_, url := serve(t, fast)
	for _, look := range pagetest.Looks() {
		t.Run(look.Name(), func(t *testing.T) {
			tab := pagetest.Open(t, look)
			if status := tab.Go(url + "/sample"); status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
			tab.Picture("kit-sample")
			tab.Axe()
			if status := tab.Go(url + "/nowhere"); status != http.StatusNotFound {
				t.Fatalf("status %d", status)
			}
			tab.Allow("404")
			tab.Axe()
		})
	}
}

// case 55: text of strangers stays text, in HTML, in attributes and in what is replaced later.
func TestTextsStayTexts(t *testing.T) {
	s, url := serve(t, fast)
	tab := pagetest.Open(t, pagetest.Look{})
	tab.Go(url + "/sample")
	if got := tab.Text(".said"); got != `Hello <img src=x onerror=alert(1)>"' (en)` {
		t.Errorf("said %q", got)
	}
	if got := tab.Attribute(".copy", "data-copy"); got != `<img src=x onerror=alert(1)>"'` {
		t.Errorf("copies %q", got)
	}
	s.say("<img src=x onerror=alert(1)>", false)
	tab.UntilText(".word", "<img src=x onerror=alert(1)>")
	if tab.Has("main img") {
		t.Error("text became an element")
	}
}

func TestLivePartsByStream(t *testing.T) {
	s, url := serve(t, fast)
	tab := pagetest.Open(t, pagetest.Look{Blocked: []string{"http://*:*/live*"}})
	tab.Go(url + "/sample")
	pagetest.Eval[bool](tab, `document.querySelector('[data-part="rest"] progress').id = "same", true`)
	s.say("arrived", false) // as many letters as before: the other part does not change
	tab.UntilText(".word", "arrived")
	if tab.Title() != "arrived" || !tab.Has("#same") {
		t.Errorf("the title is %q; a part that did not change was replaced: %v", tab.Title(), !tab.Has("#same"))
	}
	s.say("over", true)
	tab.UntilText(".word", "over")
	s.say("more", false) // nobody listens any more
	if tab.Text(".word") != "over" {
		t.Error("the page listened after the end")
	}
}

func TestLivePartsByAskingWhenStreamsAreRefused(t *testing.T) {
	refusing := fast
	refusing.All = 0
	s, url := serve(t, refusing)
	tab := pagetest.Open(t, pagetest.Look{})
	tab.Allow("503")
	tab.Go(url + "/sample")
	s.say("arrived", true)
	tab.UntilText(".word", "arrived")
}

func TestCountdownAndCopy(t *testing.T) {
	_, url := serve(t, fast)
	tab := pagetest.Open(t, pagetest.Look{})
	tab.Go(url + "/sample")
	if got := tab.Text(".left"); !regexp.MustCompile(`^1:[0-3]\d$`).MatchString(got) {
		t.Errorf("the countdown says %q", got)
	}
	tab.Click(".copy")
	tab.UntilText(".copy", "Copied")
	tab.UntilText(".copy", "Copy")
}

func TestWithoutJavaScript(t *testing.T) {
	s, url := serve(t, fast)
	tab := pagetest.Open(t, pagetest.Look{NoScript: true})
	tab.Go(url + "/sample")
	tab.Picture("kit-sample")
	if got := tab.Text(".left"); got != English.Moment(s.see().Until) {
		t.Errorf("the deadline says %q", got)
	}
	tab.Type("#who", "Ana")
	tab.Click(".send")
	tab.Until("the form is sent", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.posted) == 1 && s.posted[0] == "Ana"
	})
}

// case 53: a form from elsewhere has no effect, whatever the browser tells of where it comes from.
func TestForeignFormsAreRefused(t *testing.T) {
	s, url := serve(t, fast)
	post := func(body string, headers ...string) int {
		r, err := http.NewRequest(http.MethodPost, url+"/form", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		got, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		return got.StatusCode
	}
	right := "who=Eve&" + FormField + "=" + FormToken(session)
	for _, tt := range []struct {
		name, body string
		headers    []string
		want       int
	}{
		{"this site", right, []string{"Sec-Fetch-Site", "same-origin", "Origin", url}, http.StatusSeeOther},
		{"an old browser on this site", right, []string{"Origin", url}, http.StatusSeeOther},
		{"another site", right, []string{"Sec-Fetch-Site", "cross-site"}, http.StatusForbidden},
		{"a sister site", right, []string{"Sec-Fetch-Site", "same-site"}, http.StatusForbidden},
		{"an old browser on another site", right, []string{"Origin", "https://evil.example"}, http.StatusForbidden},
		{"no origin", right, []string{"Origin", "null"}, http.StatusForbidden},
		{"no token", "who=Eve", nil, http.StatusForbidden},
		{"the token of another session", "who=Eve&" + FormField + "=" + FormToken("another"), nil, http.StatusForbidden},
	} {
		before := len(s.posted)
		if got := post(tt.body, tt.headers...); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
		if after := len(s.posted); (after > before) != (tt.want == http.StatusSeeOther) {
			t.Errorf("%s: %d forms were taken", tt.name, after-before)
		}
	}
	if CheckForm(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(right)), "") {
		t.Error("a form without a session was taken")
	}
}

// case 58: no frame around a page; and what else a browser is told.
func TestHeaders(t *testing.T) {
	_, url := serve(t, fast)
	for _, path := range []string{"/sample", "/nowhere", "/panic"} {
		got, body := get(t, url+path)
		for name, want := range map[string]string{
			"Content-Security-Policy":    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":     "nosniff",
			"X-Frame-Options":            "DENY",
			"Referrer-Policy":            "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Cache-Control":              "no-store",
			"Content-Type":               "text/html; charset=utf-8",
		} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, got.Header.Get(name))
			}
		}
		if got.Header.Get("Permissions-Policy") == "" || strings.Contains(body, "a secret reason") {
			t.Errorf("%s: %v %s", path, got.Header, body)
		}
		// What the policy forbids is not on the page either.
		if regexp.MustCompile(`(?i)<style|\sstyle=|<script(?:[^>]*)>[^<]|\son[a-z]+\s*=`).MatchString(strings.ReplaceAll(body, "onerror=alert", "")) {
			t.Errorf("%s has inline script or style", path)
		}
	}
	if got, _ := get(t, url+"/panic"); got.StatusCode != http.StatusInternalServerError {
		t.Errorf("a panic is %d", got.StatusCode)
	}
}

func TestFrame(t *testing.T) {
	k := newKit(t, "")
	serve := func(origins ...string) http.Header {
		w := httptest.NewRecorder()
		k.Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { k.Frame(w, origins) })).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w.Result().Header
	}
	nobody := serve()
	if !strings.HasSuffix(nobody.Get("Content-Security-Policy"), "; frame-ancestors 'none'") || nobody.Get("X-Frame-Options") != "DENY" {
		t.Errorf("nobody: %v", nobody)
	}
	shops := serve("https://shop.example", "https://www.shop.example:8443")
	if !strings.HasSuffix(shops.Get("Content-Security-Policy"), "; base-uri 'none'; frame-ancestors https://shop.example https://www.shop.example:8443") ||
		strings.Count(shops.Get("Content-Security-Policy"), ";") != strings.Count(policy, ";") || shops.Get("X-Frame-Options") != "" {
		t.Errorf("two shops: %v", shops)
	}
}

func TestAssets(t *testing.T) {
	_, url := serve(t, fast)
	_, body := get(t, url+"/sample")
	found := regexp.MustCompile(`"(/assets/[^"]+)"`).FindAllStringSubmatch(body, -1)
	if len(found) != 3 {
		t.Fatalf("the page has %d files", len(found))
	}
	for _, m := range found {
		got, text := get(t, url+m[1])
		if got.StatusCode != http.StatusOK || text == "" || got.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" ||
			got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", m[1], got.StatusCode, got.Header)
		}
	}
	for _, path := range []string{"/assets/", "/assets/style.css", "/assets/style.0000000000000000.css", "/assets/../texts/en.json", "/assets/%2e%2e/texts/en.json"} {
		if got, _ := get(t, url+path); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, got.StatusCode)
		}
	}
	behind := newKit(t, "https://pay.example.com/till") // the proxy takes the path off
	if got, err := behind.assetURL("style.css"); err != nil || !strings.HasPrefix(got, "/till/assets/style.") {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := behind.assetURL("../page.go"); err == nil {
		t.Error("a file that is not the kit's has a URL")
	}
}

func TestLanguages(t *testing.T) {
	_, url := serve(t, fast)
	for _, tt := range []struct{ query, accept, want string }{
		{"", "", "en"}, {"", "es", "es"}, {"", "pt-BR,pt;q=0.9,en;q=0.8", "pt"}, {"", "de,fr;q=0.9", "en"},
		{"", "en;q=0.5, es;q=0.75", "es"}, {"", "es;q=0, en;q=0.1", "en"}, {"", "es;q=2, pt;q=0.1", "pt"}, {"", "es;q=x", "en"},
		{"?lang=es", "pt", "es"}, {"?lang=xx", "pt", "pt"}, {"?lang=ES-mx", "", "es"}, {"?lang=%3Cscript%3E", "", "en"},
	} {
		_, body := get(t, url+"/sample"+tt.query, "Accept-Language", tt.accept)
		if !strings.Contains(body, `<html lang="`+tt.want+`">`) || !strings.Contains(body, "Sample "+tt.want) {
			t.Errorf("?%s with %q is not in %s", tt.query, tt.accept, tt.want)
		}
	}
}

func TestNumbersAndTimes(t *testing.T) {
	at := time.Date(2026, time.September, 5, 14, 3, 59, 0, time.FixedZone("", 3600))
	for _, tt := range []struct {
		lang                       Lang
		small, big, long, negative string
		moment                     string
	}{
		{English, "0.000001", "1,234.50", "12,345,678,901,234,567,890,123.123456789012345678", "-999", "5 Sep 2026, 13:03 UTC"},
		{Spanish, "0,000001", "1234,50", "12.345.678.901.234.567.890.123,123456789012345678", "-999", "5 sept 2026, 13:03 UTC"},
		{Portuguese, "0,000001", "1.234,50", "12.345.678.901.234.567.890.123,123456789012345678", "-999", "5 de set. de 2026, 13:03 UTC"},
	} {
		for decimal, want := range map[string]string{
			"0.000001": tt.small, "1234.50": tt.big, "12345678901234567890123.123456789012345678": tt.long, "-999": tt.negative,
		} {
			if got := tt.lang.Number(decimal); got != want {
				t.Errorf("%s: %s is %q, want %q", tt.lang, decimal, got, want)
			}
		}
		if got := tt.lang.Moment(at); got != tt.moment {
			t.Errorf("%s: %q, want %q", tt.lang, got, tt.moment)
		}
	}
	for decimal, want := range map[string]string{"100": "100.00", "0.1": "0.10", "0.000001": "0.000001", "12.345000": "12.345", "0": "0.00"} {
		a, err := money.Parse(usdt, decimal)
		if err != nil {
			t.Fatal(err)
		}
		if got := Plain(a); got != want {
			t.Errorf("%s is plainly %q, want %q", decimal, got, want)
		}
	}
	if got := Plain(money.FromInt(money.MustAsset("CLP", "", 0), 1500)); got != "1500" {
		t.Errorf("a currency without decimals: %q", got)
	}
}

func TestTextsMustFit(t *testing.T) {
	read := func(en, es, pt, html string) error {
		k := newKit(t, "")
		_, err := k.Pages(fstest.MapFS{
			"texts/en.json": {Data: []byte(en)}, "texts/es.json": {Data: []byte(es)}, "texts/pt.json": {Data: []byte(pt)},
			"html/a.html": {Data: []byte(`{{define "title"}}a{{end}}{{define "main"}}` + html + `{{end}}`)},
		})
		return err
	}
	const fine = `{"a": "A {x}"}`
	if err := read(fine, fine, fine, `{{t "a" "x" .}}`); err != nil {
		t.Errorf("refused: %v", err)
	}
	for name, err := range map[string]error{
		"a language without it":  read(fine, fine, `{}`, ""),
		"an empty text":          read(fine, `{"a": " "}`, fine, ""),
		"another placeholder":    read(fine, `{"a": "A {y}"}`, fine, ""),
		"one language more":      read(fine, `{"a": "A {x}", "b": "B"}`, fine, ""),
		"not JSON":               read(fine, `{`, fine, ""),
		"an unknown message":     read(fine, fine, fine, `{{t "b"}}`),
		"a template that breaks": read(fine, fine, fine, `{{if}}`),
	} {
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	bounds := fast
	bounds.All, bounds.PerClient = 3, 2
	s := NewStreams(bounds)
	client := func(address string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = address
		return r
	}
	var open sync.WaitGroup
	begin := func(r *http.Request) context.CancelFunc {
		ctx, cancel := context.WithCancel(r.Context())
		begun := make(chan struct{})
		var once sync.Once
		open.Go(func() {
			s.Serve(httptest.NewRecorder(), r.WithContext(ctx), func(context.Context) (Update, error) {
				once.Do(func() { close(begun) })
				return Update{Now: time.Unix(1, 0)}, nil
			})
		})
		<-begun
		return cancel
	}
	refused := func(r *http.Request) bool {
		w := httptest.NewRecorder()
		s.Serve(w, r, func(context.Context) (Update, error) { return Update{Done: true}, nil })
		return w.Code == http.StatusServiceUnavailable
	}
	end := begin(client("[2001:db8::1]:1"))
	begin(client("[2001:db8::2]:1"))
	if !refused(client("[2001:db8::3]:1")) {
		t.Error("a third stream of one client")
	}
	begin(client("192.0.2.1:1"))
	if !refused(client("192.0.2.2:1")) {
		t.Error("a fourth stream in all")
	}
	end()
	for deadline := time.Now().Add(time.Minute); refused(client("[2001:db8::3]:1")); {
		if time.Now().After(deadline) {
			t.Fatal("a stream that ended keeps its place")
		}
	}
	s.Close() // all end, and no more begin
	open.Wait()
	if !refused(client("192.0.2.9:1")) || s.all != 0 || len(s.of) != 0 {
		t.Errorf("after the end: %d streams, %v", s.all, s.of)
	}
}

// A stream says at once what the clock is, then what changes and nothing else, and shows that it lives.
func TestStreamSaysWhatChanges(t *testing.T) {
	bounds := fast
	bounds.Every, bounds.Beat = time.Millisecond, 50*time.Millisecond
	s := NewStreams(bounds)
	looks := 0
	w := httptest.NewRecorder()
	s.Serve(w, httptest.NewRequest(http.MethodGet, "/", nil), func(context.Context) (Update, error) {
		looks++
		u := Update{Now: time.UnixMilli(1737369000123), HTML: []byte("<p>one</p>\n<p>line</p>")}
		if looks > 3 && strings.Count(w.Body.String(), "event: now") > 1 {
			u.HTML, u.Done = []byte("<p>two</p>"), true
		}
		return u, nil
	})
	body := w.Body.String()
	if !strings.HasPrefix(body, "event: now\ndata: 1737369000123\n\nevent: page\ndata: <p>one</p>\ndata: <p>line</p>\n\nevent: now\n") ||
		!strings.HasSuffix(body, "event: page\ndata: <p>two</p>\n\nevent: done\ndata: done\n\n") || strings.Count(body, "event: page") != 2 || looks < 4 {
		t.Errorf("%d looks:\n%s", looks, body)
	}
	if w.Header().Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("%v", w.Header())
	}
}
