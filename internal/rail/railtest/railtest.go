// Package railtest is the specification of rails: what the engine and the workers rely on. A rail's own tests
// call Run with a fixture that plays its far side; what is special to one rail is tested beside that rail.
//
// collect.go is about money that arrives (watch.go: on a rail that watches), send.go about money that leaves;
// memory.go is a rail.State to test with.
package railtest

import (
	"regexp"
	"testing"
	"time"

	"till/internal/rail"
)

// Fixture is a rail with the far side that the test plays. Each function opens a rail of its own, which ends
// with the test.
type Fixture struct {
	Collects func(t *testing.T) Collecting // nil: the rail collects nothing
	Sends    func(t *testing.T) Sending    // nil: the rail sends nothing
}

// Run runs the parts of the suite that the fixture is made for.
func Run(t *testing.T, f Fixture) {
	if f.Collects == nil && f.Sends == nil {
		t.Fatal("the fixture opens no rail")
	}
	if f.Collects != nil {
		t.Run("collects", func(t *testing.T) { runCollects(t, f.Collects) })
	}
	if f.Sends != nil {
		t.Run("sends", func(t *testing.T) { runSends(t, f.Sends) })
	}
}

// patience is how long a far side of a test may take.
const patience = time.Minute

var goodName = regexp.MustCompile(`^[a-z0-9:._-]{1,64}$`)

// checkName: a rail's name stands in accounts and keys of the ledger, so it has few letters and never changes.
func checkName(t *testing.T, now, reopened rail.Rail) {
	t.Helper()
	if name := now.Name(); !goodName.MatchString(string(name)) || name != reopened.Name() {
		t.Errorf("the name is %q, after a restart %q", name, reopened.Name())
	}
}
