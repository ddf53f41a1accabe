package dialecttest

import (
	"os"
	"testing"

	"till/internal/store/pgtest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	pgtest.Stop()
	os.Exit(code)
}

// Every scenario is played without an API as well: none is left to a contract that might have no room for it.
func TestEveryScenario(t *testing.T) { Run(t, "none", Engine()) }
