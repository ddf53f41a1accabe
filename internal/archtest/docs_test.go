package archtest

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// docLink is a link of a Markdown page to a file of the tree.
var docLink = regexp.MustCompile(`\]\(([^):#\s]+)(?:#[^)]*)?\)`)

// TestDocsLinks: what a page under docs links to is there, and docs/README.md lists every page.
func TestDocsLinks(t *testing.T) {
	tree := os.DirFS("../..")
	pages := 0
	listed := map[string]bool{}
	err := fs.WalkDir(tree, "docs", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path.Ext(name) != ".md" {
			return err
		}
		pages++
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		for _, m := range docLink.FindAllStringSubmatch(string(text), -1) {
			to := path.Join(path.Dir(name), m[1])
			if _, err := fs.Stat(tree, to); err != nil {
				t.Errorf("%s links to %s, which is not there", name, m[1])
			}
			if name == "docs/README.md" {
				listed[to] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages < 10 {
		t.Errorf("only %d pages were read", pages)
	}
	err = fs.WalkDir(tree, "docs", func(name string, entry fs.DirEntry, err error) error {
		if path.Ext(name) == ".md" && name != "docs/README.md" && !listed[name] {
			t.Errorf("docs/README.md does not list %s", strings.TrimPrefix(name, "docs/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
