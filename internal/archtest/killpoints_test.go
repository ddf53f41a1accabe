package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A place where a process may die is there for a test that lets one die: none is without.
func TestEveryKillpointIsReached(t *testing.T) {
	here := regexp.MustCompile(`killpoint\.Here\("([a-z0-9.]+)"\)`)
	places := map[string]string{} // where each is
	var tests strings.Builder
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" || strings.Contains(path, "testdata") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(path, "_test.go") {
			tests.Write(text)
			return err
		}
		for _, found := range here.FindAllSubmatch(text, -1) {
			places[string(found[1])] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(places) < 40 {
		t.Fatalf("only %d places were found", len(places))
	}
	for place, path := range places {
		if !regexp.MustCompile(`["` + "`" + ` ,]` + regexp.QuoteMeta(place) + `["` + "`" + ` ,:]`).MatchString(tests.String()) {
			t.Errorf("%s in %s: no test lets a process die there", place, path)
		}
	}
}
