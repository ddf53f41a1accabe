package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	// Not for use here: it tells the go command what these tests depend on, so that it never gives the
	// result of an earlier run for a program that has changed since.
	_ "till/internal/cli"
	"till/internal/page/pagetest"
	"till/internal/store/pgtest"
)

// program is the path of the binary under test.
var program string

// atOnce is how many tests run at a time. They wait for blocks, disks and retries most of their time, so
// that more of them fit on a machine than it has processors.
const atOnce = "6"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if !isSet("test.parallel") {
		flag.Set("test.parallel", atOnce)
	}
	dir, err := os.MkdirTemp("", "till-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "till")
	build := exec.Command("go", "build", "-o", program, "till/cmd/till")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "e2e: the program does not build: %v\n%s", err, out)
		return 1
	}
	defer pgtest.Stop()
	return pagetest.Run(m)
}

func isSet(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}
