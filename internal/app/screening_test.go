package app

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/screen"
)

const ownList = "name,kind,country,addresses\nIvan Petrov,individual,RU,0x5FbDB2315678afecb367f032d93F642f64180aa3\n"

func TestScreeningConfig(t *testing.T) {
	cfg, err := load(t, "[screening]\nthreshold = 900\n[[screening.lists]]\nformat = \"ofac-csv\"\nfile = \"sdn.csv\"\naliases = \"alt.csv\"\n")
	if err != nil {
		t.Fatal(err)
	}
	s := cfg.Screening
	if s.Threshold != 900 || s.Every != time.Minute || len(s.Lists) != 1 || s.Lists[0].Name != "sdn.csv" || !filepath.IsAbs(s.Lists[0].File) || !strings.HasSuffix(s.Lists[0].Aliases, "/alt.csv") || s.Lists[0].Addresses != "" {
		t.Errorf("%+v", s)
	}
}

func TestScreeningConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"threshold = 0": "screening.threshold", "threshold = 1001": "screening.threshold", `every = "0s"`: "screening.every",
		"[[screening.lists]]\nfile = \"a\"":                                        "list 1, format",
		"[[screening.lists]]\nformat = \"csv\"":                                    "list 1, file",
		"[[screening.lists]]\nformat = \"csv\"\nfile = \"a\"\naliases = \"b\"":     "list 1, aliases",
		"[[screening.lists]]\nformat = \"csv\"\nfile = \"a\"\nurl = \"b\"":         "screening.lists.url",
		strings.Repeat("[[screening.lists]]\nformat = \"csv\"\nfile = \"a\"\n", 2): "list 2, name",
	} {
		if _, err := load(t, "[screening]\n"+text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A list that is not there, or is broken, at the start keeps the server from starting: it would screen against nothing.
func TestNoStartWithoutLists(t *testing.T) {
	for text, want := range map[string]string{"": "no such file", "kind\n": "line 1: there is no column name", "name\n": "no entry"} {
		dir := t.TempDir()
		cfg, err := LoadConfig(write(t, dir, "till.toml", "[server]\naddr = \"127.0.0.1:0\"\n[[screening.lists]]\nformat = \"csv\"\nfile = \"own.csv\"\n"), noEnv, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if text != "" {
			write(t, dir, "own.csv", text)
		}
		if a, err := Start(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "own.csv") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
			if err == nil {
				stop(t, a)
			}
		}
	}
}

// Lists are read again when they change; one that breaks leaves the last good ones in use, and shows.
func TestListsAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "own.csv", ownList)
	a := startIn(t, dir, "[metrics]\nenabled = true\n[screening]\nevery = \"1s\"\n[[screening.lists]]\nformat = \"csv\"\nfile = \"own.csv\"\n", io.Discard)
	hits := func(name string) int { return len(a.Engine.Screen(screen.Query{Name: name}, "").Hits) }
	ready := func() string {
		t.Helper()
		answer, err := http.Get(a.URL() + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return string(text)
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: not within 30 s", what)
			}
		}
	}
	put := func(text string) {
		t.Helper()
		next := filepath.Join(dir, "next")
		if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	if hits("Petrov, Ivan") != 1 || hits("Maria Gonzalez") != 0 || len(a.Engine.Screen(screen.Query{}, "0x5fbdb2315678afecb367f032d93f642f64180aa3").Hits) != 1 {
		t.Fatal("the list is not in use")
	}
	if got := ready(); !strings.Contains(got, `"screening":{"status":"ok"`) {
		t.Error(got)
	}
	put(ownList + "Maria Gonzalez,person,,\n")
	until("the broken list shows", func() bool {
		return strings.Contains(ready(), `"screening":{"status":"degraded","reasons":["list_trouble"]`)
	})
	if hits("Petrov, Ivan") != 1 || hits("Maria Gonzalez") != 0 {
		t.Error("the last good list is not in use")
	}
	if got := ready(); !strings.Contains(got, `{"status":"degraded"`) {
		t.Error(got)
	}
	put(ownList + "Maria Gonzalez,individual,,\n")
	until("the new list is in use", func() bool { return hits("Maria Gonzalez") == 1 })
	until("it is well again", func() bool { return strings.Contains(ready(), `"screening":{"status":"ok"`) })
	answer, err := http.Get(a.URL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	for _, want := range []string{"till_screening_entries 2", "till_screening_broken 0", "till_screening_age_seconds "} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s", want)
		}
	}
}
