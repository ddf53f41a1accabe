package archtest

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

const module = "till"

// A rule says what the non-test files of a package may import. Packages are
// named by their folder, without "internal/". A "*" stands for one folder
// name. The first row that fits a package is its rule.
type rule struct {
	of    string
	may   []string // our own packages; "all" is every one of them
	never []string // packages of others; "modules" is all that the standard library does not have
}

// The pure packages decide and do no input or output.
var pure = []string{"money", "fault", "ledger", "order", "party", "quote", "screen"}

var (
	nothing = []string{}
	all     = []string{"all"}
	modules = "modules"
	outside = []string{"database/sql", "net", "net/http", "os", "os/exec", "syscall"}
)

var rules = []rule{
	// Pure: what an order is and what becomes of it.
	{of: "money", may: nothing, never: with(outside, modules)},
	{of: "fault", may: nothing, never: with(outside, modules)},
	{of: "ledger", may: list("money", "fault"), never: outside},
	{of: "party", may: list("money", "fault"), never: outside},
	{of: "quote", may: list("money", "fault"), never: outside},
	{of: "screen", may: list("money", "fault"), never: outside},
	{of: "order", may: list("money", "fault", "ledger"), never: outside},

	// The one engine, and what plugs into its ports. Killpoint is empty unless
	// a test builds it in, to stop the process at a marked place.
	{of: "killpoint", may: nothing, never: list(modules)},
	{of: "engine", may: with(pure, "rail", "killpoint"), never: list("net/http", "database/sql")},
	{of: "store", may: with(pure, "engine", "auth", "verify", "killpoint")},
	{of: "store/pgtest", may: nothing},
	{of: "store/storetest", may: with(pure, "engine", "auth")},
	{of: "verify", may: with(pure, "engine", "rail"), never: outside},
	{of: "worker", may: with(pure, "engine", "rail", "webhook", "notify", "killpoint")},

	// How money moves: a rail knows orders and people, not the engine.
	{of: "rail", may: list("money", "fault", "order", "party")},
	{of: "rail/railtest", may: with(pure, "rail")},
	{of: "rail/*", may: with(pure, "rail", "secrets", "killpoint")},

	// What several faces need.
	{of: "secrets", may: list("fault")},
	{of: "web", may: list("fault")},
	{of: "page", may: list("money", "fault", "web")},
	{of: "page/pagetest", may: nothing},
	{of: "notify", may: list("money", "fault", "secrets", "page")},
	{of: "notify/notifytest", may: nothing},
	{of: "auth", may: list("fault", "secrets", "party")},
	{of: "webhook", may: list("money", "fault", "secrets")},

	// How clients speak: each face sees the engine, and no other face.
	{of: "dialect", may: with(pure, "engine", "auth", "web", "webhook")},
	{of: "dialect/dialecttest", may: all},
	{of: "dialect/*", may: with(pure, "engine", "auth", "web", "webhook", "page", "dialect")}, // page: an API may have a page of its own, as where a user consents
	{of: "operator", may: with(pure, "engine", "auth", "web", "operator/client")},
	{of: "operator/client", may: nothing},
	{of: "checkout", may: with(pure, "engine", "auth", "web", "page", "operator/client")},
	{of: "dashboard", may: with(pure, "engine", "auth", "web", "page", "operator/client")},

	// Wiring. Simchain is a chain and simgateway a payment gateway inside this
	// process, for the sandbox, development and tests: no rail may know them.
	{of: "simchain", may: nothing},
	{of: "simgateway", may: nothing},
	{of: "app", may: all},
	{of: "app/dev", may: all},
	{of: "app/demo", may: all},
	{of: "app/apptest", may: all},
	{of: "cli", may: list("app", "app/dev", "app/demo", "simchain", "fault", "operator/client")},
	{of: "cmd/*", may: list("cli")},
	{of: "archtest", may: nothing},
}

// knowDialects are the folders whose Go files may name a dialect: its own
// home, the wiring, the commands, and the tests and measurements of the whole
// program.
var knowDialects = []string{"internal/dialect", "internal/app", "internal/cli", "test/e2e", "bench"}

// The names are put together here so that this file does not trip itself. The
// first one also begins ordinary words ("paying"), so that it must end where a
// word or a part of an identifier ends.
var dialectName = regexp.MustCompile(
	`(?i:pay` + `in)s?(?:[^a-z]|$)` +
		`|(?i:koy` + `we|glo` + `mo|baa` + `nx)`)

func TestImports(t *testing.T) {
	tree := os.DirFS("../..")
	imports, err := readImports(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range checkImports(imports, rules) {
		t.Error(problem)
	}
	// A walk that found nothing would find nothing wrong.
	for _, known := range []string{"money", "fault", "ledger", "archtest"} {
		if _, found := imports[known]; !found {
			t.Errorf("the walk did not reach %s", known)
		}
	}
}

func TestDialectNames(t *testing.T) {
	problems, files, err := checkDialectNames(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
	if files < 10 {
		t.Errorf("only %d files were read", files)
	}
}

// A row about a package no row describes would be a misspelling.
func TestRulesAreConsistent(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rules {
		if seen[r.of] {
			t.Errorf("two rows for %s", r.of)
		}
		seen[r.of] = true
		if got, _ := ruleOf(r.of, rules); got.of != r.of {
			t.Errorf("the row of %s is hidden by the row of %s above it", r.of, got.of)
		}
		for _, name := range r.may {
			if _, known := ruleOf(name, rules); !known && name != "all" {
				t.Errorf("%s may import %s, which has no row", r.of, name)
			}
		}
	}
}

func TestCheckImportsFindsWhatIsForbidden(t *testing.T) {
	tests := []struct {
		name string
		tree map[string]string
		want []string
	}{
		{
			"allowed",
			map[string]string{
				"internal/money/a.go":     `package money; import "math/big"; var _ big.Int`,
				"internal/rail/rail.go":   `package rail; import _ "till/internal/money"`,
				"internal/rail/evm/a.go":  `package evm; import _ "till/internal/rail"`,
				"internal/app/app.go":     `package app; import _ "till/internal/simchain"`,
				"internal/simchain/a.go":  `package simchain`,
				"cmd/till/main.go":        `package main; import _ "till/internal/cli"`,
				"internal/cli/a.go":       `package cli; import _ "till/internal/operator/client"`,
				"internal/engine/note.md": `import "net/http"`,
			},
			nil,
		},
		{
			"inward package imports outward",
			map[string]string{"internal/money/a.go": `package money; import _ "till/internal/engine"`},
			[]string{"money may not import engine"},
		},
		{
			"one rail imports another",
			map[string]string{"internal/rail/evm/a.go": `package evm; import _ "till/internal/rail/bank"`},
			[]string{"rail/evm may not import rail/bank"},
		},
		{
			"one dialect imports another",
			map[string]string{"internal/dialect/a/a.go": `package a; import _ "till/internal/dialect/b"`},
			[]string{"dialect/a may not import dialect/b"},
		},
		{
			"a rail knows the development chain",
			map[string]string{"internal/rail/evm/a.go": `package evm; import _ "till/internal/simchain"`},
			[]string{"rail/evm may not import simchain"},
		},
		{
			"a command goes around cli",
			map[string]string{"cmd/till/main.go": `package main; import _ "till/internal/store"`},
			[]string{"cmd/till may not import store"},
		},
		{
			"input and output in the engine",
			map[string]string{"internal/engine/a.go": `package engine; import _ "net/http"`},
			[]string{"engine may not import net/http"},
		},
		{
			"a module in a package of the standard library only",
			map[string]string{"internal/money/a.go": `package money; import _ "example.org/decimal"`},
			[]string{"money may not import example.org/decimal"},
		},
		{
			"the import stands under a build tag and another name",
			map[string]string{"internal/order/a.go": "//go:build windows\n\npackage order; import x \"till/internal/store\"; var _ x.X"},
			[]string{"order may not import store"},
		},
		{
			"a package without a rule",
			map[string]string{"internal/spare/a.go": `package spare`, "internal/rail/evm/deep/a.go": `package deep`},
			[]string{"rail/evm/deep has no rule", "spare has no rule"},
		},
		{
			"test files may import what they test with",
			map[string]string{
				"internal/money/a.go":      `package money`,
				"internal/money/a_test.go": `package money; import _ "till/internal/engine"`,
				"internal/x/a_test.go":     `package x`,
				"internal/x/testdata/a.go": `package broken !`,
			},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			imports, err := readImports(treeOf(tt.tree))
			if err != nil {
				t.Fatal(err)
			}
			if got := checkImports(imports, rules); !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	if _, err := readImports(treeOf(map[string]string{"internal/money/a.go": "not Go"})); err == nil {
		t.Error("a file that cannot be read was passed over")
	}
}

func TestCheckDialectNamesFindsThem(t *testing.T) {
	first, second := "Pay"+"in", "koy"+"we"
	tree := treeOf(map[string]string{
		"internal/engine/bad.go":          "package engine\n\n// As in " + second + ".\nvar " + strings.ToLower(first) + "Kind = \"\"\n",
		"internal/store/bad_test.go":      "package store\n\nvar x = \"" + strings.ToUpper(first) + "\"\n",
		"internal/store/plural.go":        "package store // " + first + "s\n",
		"internal/engine/good.go":         "package engine // the paying customer; PayInstructions, payInto\n",
		"internal/dialect/x/own.go":       "package x // " + first + "\n",
		"internal/dialectic/x.go":         "package x // " + second + "\n",
		"internal/app/rails.go":           "package app // " + second + "\n",
		"internal/cli/demo.go":            "package cli // " + second + "\n",
		"test/e2e/" + second + "_test.go": "package e2e // " + second + "\n",
		"docs/" + second + ".md":          second,
		"internal/store/testdata/x.go":    second,
		".git/x.go":                       second,
	})
	got, files, err := checkDialectNames(tree)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"internal/dialectic/x.go:1 names a dialect",
		"internal/engine/bad.go:3 names a dialect",
		"internal/engine/bad.go:4 names a dialect",
		"internal/store/bad_test.go:3 names a dialect",
		"internal/store/plural.go:1 names a dialect",
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || files != 5 {
		t.Errorf("read %d files\ngot  %q\nwant %q", files, got, want)
	}
}

// readImports gives the imports of each package's non-test files, whatever
// their build tags, sorted.
func readImports(tree fs.FS) (map[string][]string, error) {
	imports := map[string][]string{}
	err := eachGoFile(tree, func(name string) error {
		inTree := strings.HasPrefix(name, "internal/") || strings.HasPrefix(name, "cmd/")
		if !inTree || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := strings.TrimPrefix(path.Dir(name), "internal/")
		imports[pkg] = append(imports[pkg], nothing...)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if !slices.Contains(imports[pkg], imported) {
				imports[pkg] = append(imports[pkg], imported)
			}
		}
		slices.Sort(imports[pkg])
		return nil
	})
	return imports, err
}

func checkImports(imports map[string][]string, rules []rule) []string {
	var problems []string
	for _, pkg := range slices.Sorted(maps.Keys(imports)) {
		r, known := ruleOf(pkg, rules)
		if !known {
			problems = append(problems, pkg+" has no rule")
			continue
		}
		for _, imported := range imports[pkg] {
			if own, is := ownName(imported); !r.allows(imported) {
				if !is {
					own = imported
				}
				problems = append(problems, fmt.Sprintf("%s may not import %s", pkg, own))
			}
		}
	}
	return problems
}

func ruleOf(pkg string, rules []rule) (rule, bool) {
	for _, r := range rules {
		if fits, _ := path.Match(r.of, pkg); fits {
			return r, true
		}
	}
	return rule{}, false
}

func (r rule) allows(imported string) bool {
	if own, is := ownName(imported); is {
		return slices.Contains(r.may, own) || slices.Contains(r.may, "all")
	}
	host, _, _ := strings.Cut(imported, "/")
	if strings.Contains(host, ".") && slices.Contains(r.never, modules) {
		return false
	}
	return !slices.Contains(r.never, imported)
}

// ownName is the name a package of ours has in the table.
func ownName(imported string) (string, bool) {
	name, is := strings.CutPrefix(imported, module+"/")
	return strings.TrimPrefix(name, "internal/"), is
}

func checkDialectNames(tree fs.FS) (problems []string, files int, err error) {
	err = eachGoFile(tree, func(name string) error {
		for _, folder := range knowDialects {
			if strings.HasPrefix(name, folder+"/") {
				return nil
			}
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		files++
		line := 0
		for text := range strings.Lines(string(source)) {
			line++
			if dialectName.MatchString(text) {
				problems = append(problems, fmt.Sprintf("%s:%d names a dialect", name, line))
			}
		}
		return nil
	})
	return problems, files, err
}

// eachGoFile visits all Go files but those the go command does not build.
func eachGoFile(tree fs.FS, visit func(name string) error) error {
	return fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() {
			hidden := name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
			if hidden || base == "testdata" || base == "vendor" || base == "node_modules" {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) == ".go" {
			return visit(name)
		}
		return nil
	})
}

func treeOf(files map[string]string) fs.FS {
	tree := fstest.MapFS{}
	for name, source := range files {
		tree[name] = &fstest.MapFile{Data: []byte(source)}
	}
	return tree
}

func list(names ...string) []string { return names }

func with(names []string, more ...string) []string { return slices.Concat(names, more) }
