package archtest

import (
	"flag"
	"fmt"
	"go/ast"
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
)

var update = flag.Bool("update", false, "write the tests' column of docs/cases.md anew")

// TestDocsCases holds docs/cases.md to the tests. A test says which cases it holds in a comment ("case 14"),
// or in the name of a table's line; the page names, beside each case that it lists, every test that says so.
func TestDocsCases(t *testing.T) {
	const file = "../../docs/cases.md"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	held, problems, err := heldCases(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	want, more := withTests(string(page), held)
	for _, problem := range append(problems, more...) {
		t.Error(problem)
	}
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(page) != want {
		t.Errorf("docs/cases.md is stale: run make docs and read the difference")
	}
}

// caseLine is a line of the page: the number, what is held, the tests.
var caseLine = regexp.MustCompile(`^\| (\d+) \| ([^|]+) \|([^|]*)\|\n$`) // the last column may be empty: it is made here

// withTests is the page with the tests' column made from the tests.
func withTests(page string, held map[int][]string) (string, []string) {
	var b strings.Builder
	var problems []string
	last := 0
	for line := range strings.Lines(page) {
		m := caseLine.FindStringSubmatch(line)
		if m == nil {
			b.WriteString(line)
			continue
		}
		n, _ := strconv.Atoi(m[1])
		if n <= last {
			problems = append(problems, fmt.Sprintf("case %d stands behind case %d", n, last))
		}
		last = n
		tests := held[n]
		if len(tests) == 0 {
			problems = append(problems, fmt.Sprintf("case %d is on the page and no test says that it holds it", n))
		}
		fmt.Fprintf(&b, "| %d | %s | %s |\n", n, m[2], strings.Join(tests, ", "))
	}
	if last == 0 {
		problems = append(problems, "the page has no line of a case")
	}
	return b.String(), problems
}

// caseWords finds numbers of cases: "case 3", "cases 3 and 4", "cases 36, 68", "cases 34 to 38".
var caseWords = regexp.MustCompile(`(test )?\bcases? (\d+(?:(?:, | and |, and | to )\d+)*)`)

// numbersIn are the numbers of the cases that a text names. Somebody else's "test case" is not one.
func numbersIn(text string) []int {
	var all []int
	for _, m := range caseWords.FindAllStringSubmatch(text, -1) {
		if m[1] != "" {
			continue
		}
		words := strings.Fields(strings.NewReplacer(",", " ", "and", " ").Replace(m[2]))
		for i, word := range words {
			n, err := strconv.Atoi(word)
			if err != nil {
				continue
			}
			first := n
			if i > 1 && words[i-1] == "to" {
				first = all[len(all)-1] + 1
			}
			for c := first; c <= n; c++ {
				all = append(all, c)
			}
		}
	}
	return all
}

// heldCases reads every test file and says which tests say that they hold which case: "package.Test". What
// a table or another function says counts for the tests nearest to it that use it.
func heldCases(tree fs.FS) (map[int][]string, []string, error) {
	folders := map[string]*folder{}
	err := eachGoFile(tree, func(name string) error {
		dir := path.Dir(name)
		if dir == "internal/archtest" || !isSuite(dir) && !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		source, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if folders[dir] == nil {
			folders[dir] = &folder{suite: isSuite(dir), uses: map[string][]string{}, says: map[string][]int{}}
		}
		return folders[dir].read(name, source)
	})
	if err != nil {
		return nil, nil, err
	}
	held := map[int][]string{}
	var problems []string
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		f := folders[dir]
		for _, name := range slices.Sorted(maps.Keys(f.says)) {
			tests := f.testsOf(name)
			if len(tests) == 0 {
				problems = append(problems, fmt.Sprintf("%s: %s names a case and no test uses it", dir, name))
			}
			for _, test := range tests {
				for _, n := range f.says[name] {
					test := "`" + strings.TrimPrefix(dir, "internal/") + "." + test + "`"
					if !slices.Contains(held[n], test) {
						held[n] = append(held[n], test)
					}
				}
			}
		}
	}
	for n := range held {
		slices.Sort(held[n])
	}
	return held, problems, nil
}

// isSuite says that a folder holds tests that other packages run: storetest and its like.
func isSuite(dir string) bool { return strings.HasSuffix(path.Base(dir), "test") && dir != "test" }

// folder is what the test files of one folder declare.
type folder struct {
	suite bool
	uses  map[string][]string // by declared name: the names that its declaration mentions
	says  map[string][]int    // by declared name: the cases that its declaration names
}

func (f *folder) read(name string, source []byte) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, source, parser.ParseComments)
	if err != nil {
		return err
	}
	line := func(p token.Pos) int { return set.Position(p).Line }
	type span struct {
		name        string
		first, last int
	}
	var spans []span
	declare := func(name string, node ast.Node, doc *ast.CommentGroup) {
		first := line(node.Pos())
		if doc != nil {
			first = line(doc.Pos())
		}
		spans = append(spans, span{name, first, line(node.End())})
		ast.Inspect(node, func(n ast.Node) bool {
			if id, is := n.(*ast.Ident); is {
				f.uses[name] = append(f.uses[name], id.Name)
			}
			return true
		})
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			declare(d.Name.Name, d, d.Doc)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, is := s.(*ast.ValueSpec); is {
					doc := v.Doc
					if doc == nil && !d.Lparen.IsValid() {
						doc = d.Doc
					}
					declare(v.Names[0].Name, v, doc)
				}
			}
		}
	}
	note := func(at int, text string) {
		for _, s := range spans {
			if s.first <= at && at <= s.last {
				f.says[s.name] = append(f.says[s.name], numbersIn(text)...)
				return
			}
		}
	}
	for _, group := range file.Comments {
		for _, c := range group.List {
			note(line(c.Pos()), c.Text)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, is := n.(*ast.BasicLit); is && s.Kind == token.STRING {
			note(line(s.Pos()), s.Value)
		}
		return true
	})
	maps.DeleteFunc(f.says, func(_ string, numbers []int) bool { return len(numbers) == 0 })
	return nil
}

// testsOf are the tests of a declaration: itself, else the one named after it, else the nearest that use it.
func (f *folder) testsOf(name string) []string {
	if after := "Test" + strings.ToUpper(name[:1]) + name[1:]; f.uses[after] != nil {
		return []string{after}
	}
	seen := map[string]bool{}
	for names := []string{name}; len(names) > 0; {
		var tests, users []string
		for _, n := range names {
			seen[n] = true
			if f.isTest(n) {
				tests = append(tests, n)
			}
		}
		if len(tests) > 0 {
			return tests
		}
		for user, used := range f.uses {
			if !seen[user] && slices.ContainsFunc(names, func(n string) bool { return slices.Contains(used, n) }) {
				users = append(users, user)
			}
		}
		names = users
	}
	return nil
}

func (f *folder) isTest(name string) bool {
	return f.suite || strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")
}

func TestNumbersIn(t *testing.T) {
	for text, want := range map[string][]int{
		"// case 14":                         {14},
		"// cases 3 and 4: the scale":        {3, 4},
		"// cases 36, 68 and 81, invariants": {36, 68, 81},
		"// case 42, case 45":                {42, 45},
		"// cases 34 to 38":                  {34, 35, 36, 37, 38},
		"a private key (case 93)":            {93},
		"// RFC 4231, test case 2.":          nil,
		"// in any case, 5 units; cases":     nil,
		"// uppercase 7":                     nil,
	} {
		if got := numbersIn(text); !slices.Equal(got, want) {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestHeldCasesFindsTheTests(t *testing.T) {
	held, problems, err := heldCases(treeOf(map[string]string{
		"internal/a/a_test.go": `package a
// case 1
func TestOne(t *testing.T) { // case 2
	_ = "a line (case 3)"
	// case 4
}
var table = []string{
	"x", // case 5
}
func play() { _ = table }
func TestTwo(t *testing.T) { play() }
func TestThree(t *testing.T) { TestTwo(t) }
var scenarios = []string{"y"} // case 6
func TestScenarios(t *testing.T) { _ = scenarios }
func TestFour(t *testing.T) { _ = scenarios }
func unused() {} // case 7
`,
		"internal/b/b.go":                 "package b // case 8\nfunc F() {} // case 8\n",
		"internal/b/b_test.go":            "package b\n// cases 1 and 2\nfunc FuzzB(f *testing.F) {}\n",
		"internal/store/storetest/all.go": "package storetest\n// case 9\nfunc guard(s *suite) {}\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[int][]string{
		1: {"`a.TestOne`", "`b.FuzzB`"}, 2: {"`a.TestOne`", "`b.FuzzB`"}, 3: {"`a.TestOne`"}, 4: {"`a.TestOne`"},
		5: {"`a.TestTwo`"}, 6: {"`a.TestScenarios`"}, 9: {"`store/storetest.guard`"},
	}
	if !maps.EqualFunc(held, want, slices.Equal) {
		t.Errorf("got %v", held)
	}
	if !slices.Equal(problems, []string{"internal/a: unused names a case and no test uses it"}) {
		t.Errorf("problems: %q", problems)
	}
}

func TestWithTestsFindsWhatIsStale(t *testing.T) {
	page := "| case | held | tests |\n| --- | --- | --- |\n| 2 | Two. | `a.TestGone` |\n| 3 | Three. |  |\n| 1 | One. | `a.TestOne` |\n"
	got, problems := withTests(page, map[int][]string{1: {"`a.TestOne`"}, 2: {"`a.TestOne`", "`b.TestTwo`"}})
	if want := "| case | held | tests |\n| --- | --- | --- |\n| 2 | Two. | `a.TestOne`, `b.TestTwo` |\n| 3 | Three. |  |\n| 1 | One. | `a.TestOne` |\n"; got != want {
		t.Errorf("got %s", got)
	}
	want := []string{"case 3 is on the page and no test says that it holds it", "case 1 stands behind case 3"}
	if !slices.Equal(problems, want) {
		t.Errorf("problems: %q", problems)
	}
	if _, problems := withTests("# Nothing\n", nil); len(problems) != 1 {
		t.Errorf("an empty page: %q", problems)
	}
}
