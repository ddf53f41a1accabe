package app

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/rail"
	"till/internal/worker"
)

var codeBlocks = regexp.MustCompile("(?s)```([a-z]*)\n(.*?)```")

// The examples of the page about bank files are a config that loads, and files that are imported one after the other.
func TestExamplesOfBankFiles(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "how-to", "bank-files.md"))
	if err != nil {
		t.Fatal(err)
	}
	config, files := networksOff, []string{}
	for _, block := range codeBlocks.FindAllStringSubmatch(string(page), -1) {
		switch text := block[2]; {
		case block[1] == "toml":
			config += text
		case strings.HasPrefix(text, "<?xml"), strings.HasPrefix(text, ":20:"), strings.HasPrefix(text, "Day;"):
			files = append(files, text)
		}
	}
	if len(files) != 5 {
		t.Fatalf("%d files", len(files))
	}
	a := startIn(t, t.TempDir(), strings.Replace(config, `folder = "bank"`, "", 1), io.Discard)
	cfg, err := load(t, config)
	if err != nil {
		t.Fatal(err)
	}
	account := bankAccounts(cfg.Banks, a.banks)[0]
	for i, want := range []engine.ImportCounts{{Booked: 1, Suspense: 1}, {Repeated: 1}, {Booked: 1, Suspense: 1}, {Booked: 1, Suspense: 1}} {
		got, err := worker.ImportFile(t.Context(), a.Engine, account, strings.NewReader(files[i]), nil)
		if err != nil || got.ImportCounts != want {
			t.Errorf("%.90s: %+v, %v", files[i], got, err)
		}
	}
	balance, err := a.Engine.BankBalance(t.Context(), account.Network)
	if err != nil || !balance.Difference.IsZero() || balance.Last.Closing.Decimal() != "1360.00" {
		t.Errorf("%+v %v", balance, err)
	}
	_, err = worker.ImportFile(t.Context(), a.Engine, account, strings.NewReader(files[4]), nil)
	if wrong, is := err.(*rail.FileError); !is || wrong.Field != "OrgnlMsgId" {
		t.Errorf("the answer to a file that was not made: %v", err)
	}
}
