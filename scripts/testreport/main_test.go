package main

import (
	"strings"
	"testing"
)

// Every case is a stream as the go command writes it, shortened, with the
// closing line, the verdict and a piece of text that must or must not be shown.
func TestReport(t *testing.T) {
	pass := `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
`
	tests := []struct {
		name, in  string
		good      bool
		last      string
		shown     string
		notShown  string
		untestedP bool
	}{
		{name: "passed", in: pass + `{"Action":"pass","Package":"p","Elapsed":0.5}`,
			good: true, last: "1 passed, 0 failed, 0 skipped", shown: "ok   p", notShown: "quiet"},
		{name: "subtests count, their parent does not",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"run","Package":"p","Test":"TestA/y"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/y"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p"}`,
			good: true, last: "2 passed, 0 failed, 0 skipped"},
		{name: "a failure is counted once and shown",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"output","Package":"p","Test":"TestA/x","Output":"want 1, got 2\n"}
{"Action":"fail","Package":"p","Test":"TestA/x"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			last: "0 passed, 1 failed, 0 skipped", shown: "want 1, got 2"},
		{name: "a parent that fails by itself",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"run","Package":"p","Test":"TestA/x"}
{"Action":"pass","Package":"p","Test":"TestA/x"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`,
			last: "1 passed, 1 failed, 0 skipped"},
		{name: "a skip is not a success",
			in: pass + `{"Action":"run","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestB","Output":"no chain here\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}`,
			last: "1 passed, 0 failed, 1 skipped", shown: "no chain here"},
		{name: "a test cut off by a panic has failed",
			in: `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"panic: boom\n"}
{"Action":"fail","Package":"p"}`,
			last: "0 passed, 1 failed, 0 skipped", shown: "panic: boom"},
		{name: "a build failure",
			in: `{"ImportPath":"p [p.test]","Action":"build-output","Output":"undefined: x\n"}
{"ImportPath":"p [p.test]","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p [p.test]"}`,
			last: "0 passed, 1 failed, 0 skipped", shown: "undefined: x"},
		{name: "a package without tests", in: pass + `{"Action":"pass","Package":"p"}
{"Action":"skip","Package":"q"}`,
			last: "1 passed, 1 failed, 0 skipped", shown: "q: ran no test"},
		{name: "a package whose tests did not run", in: `{"Action":"output","Package":"p","Output":"testing: warning: no tests to run\n"}
{"Action":"pass","Package":"p"}`,
			last: "0 passed, 1 failed, 0 skipped", shown: "p: ran no test"},
		{name: "a package listed as untested", in: strings.ReplaceAll(pass, `"p"`, `"q"`) + `{"Action":"pass","Package":"q"}
{"Action":"skip","Package":"p"}`,
			untestedP: true, good: true, last: "1 passed, 0 failed, 0 skipped"},
		{name: "a list that has gone stale", in: pass + `{"Action":"pass","Package":"p"}`,
			untestedP: true, last: "1 passed, 1 failed, 0 skipped", shown: "take it off the list"},
		{name: "a stream that breaks off", in: pass,
			last: "0 passed, 1 failed, 0 skipped", shown: "the run ended before"},
		{name: "nothing at all", in: "", last: "0 passed, 1 failed, 0 skipped", shown: "no test ran"},
		{name: "a line that is no event", in: "go: no such package\n", last: "0 passed, 1 failed, 0 skipped", shown: "go: no such package"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			untested := map[string]string{}
			if tt.untestedP {
				untested["p"] = "elsewhere"
			}
			good, err := report(strings.NewReader(tt.in), &out, untested)
			if err != nil {
				t.Fatal(err)
			}
			got := out.String()
			lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
			if good != tt.good || lines[len(lines)-1] != tt.last {
				t.Errorf("good %v, want %v; last line %q, want %q\n%s", good, tt.good, lines[len(lines)-1], tt.last, got)
			}
			if !strings.Contains(got, tt.shown) {
				t.Errorf("%q is not shown in\n%s", tt.shown, got)
			}
			if tt.notShown != "" && strings.Contains(got, tt.notShown) {
				t.Errorf("%q is shown in\n%s", tt.notShown, got)
			}
		})
	}
}
