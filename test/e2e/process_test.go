package e2e

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Two servers that write one database would ruin it.
func TestSecondServerOnTheSameFolder(t *testing.T) { // case 83
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	first := start(t, "--data", data)
	o := first.create(t, "BEFORE", "1.00", "USDT")

	second := launch(t, "--data", data)
	select {
	case <-second.ended:
	case <-time.After(startWithin):
		t.Fatal("the second server neither ends nor says anything")
	}
	refused, ok := errors.AsType[*exec.ExitError](second.err)
	if !ok || refused.ExitCode() <= 0 {
		t.Errorf("the second server ended with %v", second.err)
	}
	if said := second.stderr.String(); !strings.Contains(said, "in use by another process") || !strings.Contains(said, filepath.Base(first.info.Database)) {
		t.Errorf("the second server said %q", said)
	}
	if _, err := os.Stat(second.out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second server wrote its out file: %v", err)
	}
	second.nothingLeft(t)

	if again := first.get(t, o.OrderID); again.Address != o.Address {
		t.Errorf("the first server shows %+v, not %+v", again, o)
	}
	first.create(t, "AFTER", "1.00", "USDT")
}

// A stop finishes what was begun: whoever was told of an order has it.
func TestStopsQuicklyUnderLoad(t *testing.T) { // case 89
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := start(t, "--data", data)
	l := createUntil(s, "STOP", 100)
	l.wait(t)
	s.stop(t) // fails unless the server ends with status 0 in time
	l.finished.Wait()
	if len(l.refused) > 0 {
		t.Errorf("refused while the server stopped: %v", l.refused)
	}

	s = start(t, "--data", data)
	s.keeps(t, l.settle(t, s))
}

// Without --data nothing stays, and nothing is shared with another such server.
func TestTemporaryServer(t *testing.T) {
	t.Parallel()
	one, other := start(t), start(t)
	if one.info.PayIn.APIKey == other.info.PayIn.APIKey || one.info.Chain.PayerKey == other.info.Chain.PayerKey {
		t.Error("two servers without a folder have the same keys")
	}
	if !strings.HasPrefix(one.info.Database, one.temp) {
		t.Errorf("the database is %s, outside of %s", one.info.Database, one.temp)
	}
	o := one.create(t, "HERE", "1.00", "USDT")
	if a, err := other.find("HERE"); err != nil || a.status != 401 && a.status != 404 {
		t.Errorf("order %s is known elsewhere: %d, %v", o.OrderID, a.status, err)
	}
	one.stop(t) // also looks for what is left
	other.stop(t)
}
