// Testreport reads the output of `go test -json` and prints what a person wants
// to see of it: one line per package, the whole output of what failed, and at
// the end the line
//
//	N passed, N failed, N skipped
//
// which counts leaf tests: a test with subtests is its subtests, unless it
// failed by itself. It exits 1 if anything failed, if a test was skipped, if a
// package ran no test and is not listed in untested, or if nothing ran at all.
//
// Where to go next: scripts/test calls it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// untested lists the packages that hold no test of their own, each with what
// runs its code instead. Any other package without a test fails the run.
var untested = map[string]string{
	"till/cmd/till":                   "test/e2e runs the built program",
	"till/internal/app/demo":          "test/e2e runs the demo",
	"till/internal/dialect":           "an interface; each dialect is tested",
	"till/internal/page/pagetest":     "internal/page and every face with pages runs it",
	"till/internal/notify/notifytest": "the tests of internal/notify and internal/app run it",
	"till/internal/rail/railtest":     "each rail runs it",
	"till/internal/store/storetest":   "internal/store runs it on each database",
}

func main() {
	ok, err := report(os.Stdin, os.Stdout, untested)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if !ok {
		os.Exit(1)
	}
}

// event is one line of `go test -json`; see `go doc test2json` and, for the
// build lines, `go help buildjson`.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// pkg is what is known of a package so far.
type pkg struct {
	outcome map[string]string   // test -> "" while it runs, then pass, fail or skip
	parent  map[string]bool     // tests that have subtests
	output  map[string][]string // test -> its lines; "" holds the package's own
}

// report copies the readable part of in to out and says whether the run was
// good. Its error is one of reading or writing.
func report(in io.Reader, out io.Writer, untested map[string]string) (bool, error) {
	w := bufio.NewWriter(out)
	pkgs := map[string]*pkg{}
	build := map[string][]string{} // compiler output by import path
	var passed, failed, skipped int
	var bad []string // why the run is not good, beside failed and skipped tests

	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return false, err
		}
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				w.Write(line) // not an event: the go command speaks itself
				e = event{}
			}
			switch {
			case e.Action == "build-output":
				build[e.ImportPath] = append(build[e.ImportPath], e.Output)
			case e.Package == "":
			case e.Test != "":
				p := pkgOf(pkgs, e.Package)
				p.test(e)
			case e.Action == "output":
				p := pkgOf(pkgs, e.Package)
				p.output[""] = append(p.output[""], e.Output)
			case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
				p := pkgOf(pkgs, e.Package)
				n := p.close(w, e, build)
				passed, failed, skipped = passed+n.passed, failed+n.failed, skipped+n.skipped
				if why := verdict(e, n, untested); why != "" {
					bad = append(bad, e.Package+": "+why)
				}
				if err := w.Flush(); err != nil {
					return false, err
				}
				delete(pkgs, e.Package)
			}
		}
		if err == io.EOF {
			break
		}
	}

	for name := range pkgs {
		bad = append(bad, name+": the run ended before this package did")
	}
	if passed+failed+skipped == 0 && len(bad) == 0 {
		bad = append(bad, "no test ran")
	}
	sort.Strings(bad)
	for _, why := range bad {
		fmt.Fprintln(w, "BAD ", why)
	}
	if len(bad) > 0 && failed == 0 && skipped == 0 {
		failed = len(bad) // the closing line must not look like a success
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	return failed == 0 && skipped == 0, w.Flush()
}

// counts are a package's leaf tests.
type counts struct{ passed, failed, skipped int }

// verdict says what is wrong with a finished package beyond its counted tests,
// or nothing.
func verdict(e event, n counts, untested map[string]string) string {
	ran := n.passed + n.failed + n.skipped
	_, listed := untested[e.Package]
	switch {
	case e.FailedBuild != "":
		return "does not build"
	case e.Action == "fail" && n.failed == 0:
		return "failed outside its tests"
	case ran == 0 && !listed:
		return "ran no test, and is not listed as untested"
	case ran > 0 && listed:
		return "is listed as untested, yet has tests: take it off the list"
	}
	return ""
}

func pkgOf(pkgs map[string]*pkg, name string) *pkg {
	p := pkgs[name]
	if p == nil {
		p = &pkg{outcome: map[string]string{}, parent: map[string]bool{}, output: map[string][]string{}}
		pkgs[name] = p
	}
	return p
}

// test takes an event of one test.
func (p *pkg) test(e event) {
	switch e.Action {
	case "run":
		p.outcome[e.Test] = ""
		if i := strings.LastIndexByte(e.Test, '/'); i >= 0 {
			p.parent[e.Test[:i]] = true
		}
	case "output":
		p.output[e.Test] = append(p.output[e.Test], e.Output)
	case "pass", "fail", "skip":
		p.outcome[e.Test] = e.Action
		if e.Action == "pass" {
			delete(p.output, e.Test)
		}
	}
}

// close counts a package's tests and prints its line and what failed or was
// skipped. A test without an outcome when its package ends (a panic, a
// time-out) has failed.
func (p *pkg) close(w io.Writer, e event, build map[string][]string) counts {
	var n counts
	var show []string
	failedBelow := map[string]bool{}
	names := make([]string, 0, len(p.outcome))
	for name := range p.outcome {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { // subtests before their parent
		di, dj := strings.Count(names[i], "/"), strings.Count(names[j], "/")
		if di != dj {
			return di > dj
		}
		return names[i] < names[j]
	})
	for _, name := range names {
		switch outcome := p.outcome[name]; {
		case outcome == "skip":
			n.skipped++
			show = append(show, name)
		case outcome == "fail" || outcome == "":
			show = append(show, name)
			if !failedBelow[name] {
				n.failed++
			}
			if i := strings.LastIndexByte(name, '/'); i >= 0 {
				failedBelow[name[:i]] = true
			}
		case !p.parent[name]:
			n.passed++
		}
	}

	word := "ok  "
	switch {
	case e.Action == "fail" || n.skipped > 0:
		word = "FAIL"
	case n.passed == 0:
		word = "none"
	}
	fmt.Fprintf(w, "%s %-50s %5d passed %7.2fs\n", word, e.Package, n.passed, e.Elapsed)
	if e.FailedBuild != "" {
		printLines(w, build[e.FailedBuild])
	}
	sort.Strings(show)
	for _, name := range show {
		printLines(w, p.output[name])
	}
	if e.Action == "fail" {
		printLines(w, p.output[""])
	}
	return n
}

func printLines(w io.Writer, lines []string) {
	for _, line := range lines {
		io.WriteString(w, "    "+line)
	}
}
