package baanx

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/page"
	"till/internal/page/pagetest"
	"till/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pagetest.Stop()
	pgtest.Stop()
	os.Exit(code)
}

// The consent page as a user sees it: a wrong password, a code of his login, and the way back to the application with a
// code that is good for tokens. Also without JavaScript.
func TestConsentInTheBrowser(t *testing.T) {
	for _, look := range append(pagetest.Looks(), pagetest.Look{NoScript: true, Phone: true, Language: "es"}) {
		t.Run(look.Name(), func(t *testing.T) {
			k := newKit(t)
			k.user("bob", func(u *engine.User) { u.OTP = true })
			came := make(chan url.Values, 1)
			mux := http.NewServeMux()
			mux.Handle("/", k.handler)
			mux.Handle(page.AssetPath, k.assets)
			mux.HandleFunc("/back", func(w http.ResponseWriter, r *http.Request) {
				came <- r.URL.Query()
				w.Header().Set("Content-Type", "text/html")
				_, _ = w.Write([]byte("<!doctype html><link rel=icon href=data:,><h1>the application</h1>"))
			})
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			to := server.URL + "/back"
			_, err := k.engine.SaveApplication(t.Context(), engine.Application{Key: "key_" + shopClient, Name: "The Shop", RedirectURIs: []string{to}})
			k.must(err)
			begun := parse[initiatedBody](k, k.do(request{method: "GET", path: begin(initiatePath, "redirect_uri", to)}))

			tab := pagetest.Open(t, look)
			tab.Allow("403")
			if status := tab.Go(server.URL + strings.TrimPrefix(begun.URL, "https://pay.example.com/baanx")); status != 200 || !strings.Contains(tab.Text("h1"), "The Shop") {
				t.Fatalf("%d %s", status, tab.Text("main"))
			}
			tab.Picture("consent")
			axe(tab, look)
			tab.Type("#email", "bob@example.com")
			tab.Type("#password", "a wrong password")
			tab.Click("[value=allow]")
			tab.Until("the page says that it is wrong", func() bool { return tab.Has("[role=alert]") })
			axe(tab, look)
			tab.Type("#password", password)
			tab.Click("[value=allow]")
			tab.Until("the page asks for the code", func() bool { return tab.Has("#code") })
			tab.Picture("consent-code")
			axe(tab, look)
			tab.Type("#password", password)
			tab.Type("#code", sandboxCode)
			tab.Click("[value=allow]")
			tab.UntilText("h1", "the application")
			answer := <-came
			if answer.Get("state") != "xyz" || answer.Get("code") == "" {
				t.Fatalf("back came %v", answer)
			}
			if got := k.change(answer.Get("code"), "redirect_uri", to); got.status != 200 {
				t.Errorf("the code that came back: %d %s", got.status, got.body)
			}
		})
	}
}

// axe looks for what axe-core would mend; it is a script itself.
func axe(tab *pagetest.Tab, look pagetest.Look) {
	if !look.NoScript {
		tab.Axe()
	}
}
