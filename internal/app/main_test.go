package app

import (
	"fmt"
	"os"
	"testing"

	"till/internal/store/pgtest"
)

// TestMain is also the main of the processes that tests kill.
func TestMain(m *testing.M) {
	if config := os.Getenv("TILL_TEST_SERVER"); config != "" {
		fmt.Fprintln(os.Stderr, victimServer(config))
		os.Exit(3)
	}
	code := m.Run()
	pgtest.Stop()
	os.RemoveAll(victims.dir)
	os.Exit(code)
}
