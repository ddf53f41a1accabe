package killpoint_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestHere(t *testing.T) {
	plain, deadly := build(t, ""), build(t, "killpoint")
	for _, test := range []struct {
		name, program, env string
		passes             string
		killed             bool
	}{
		{"without the tag nothing dies", plain, "test.pass", "1 2 3", false},
		{"without the variable nothing dies", deadly, "", "1 2 3", false},
		{"another place is passed by", deadly, "test.other", "1 2 3", false},
		{"the first pass", deadly, "test.pass", "", true},
		{"the third pass", deadly, "test.pass:3", "1 2", true},
		{"a pass that is never reached", deadly, "test.pass:4", "1 2 3", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, err := run(test.program, test.env)
			if got := strings.Join(strings.Fields(out), " "); got != test.passes {
				t.Errorf("passes %q, want %q", got, test.passes)
			}
			if killed(err) != test.killed || (!test.killed && err != nil) {
				t.Errorf("ended with %v, want killed = %t", err, test.killed)
			}
		})
	}
}

func TestMalformedCount(t *testing.T) {
	program := build(t, "killpoint")
	for _, env := range []string{"test.pass:", "test.pass:0", "test.pass:-1", "test.pass:x"} {
		if out, err := run(program, env); err == nil || killed(err) || out != "" {
			t.Errorf("%q: printed %q and ended with %v, want a refusal", env, out, err)
		}
	}
}

func build(t *testing.T, tags string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "passes")
	out, err := exec.Command("go", "build", "-tags", tags, "-o", program, "./testdata/passes").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

func run(program, env string) (string, error) {
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "TILL_KILLPOINT="+env)
	out, err := cmd.Output()
	return string(out), err
}

func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
