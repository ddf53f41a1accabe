package cli

import (
	"io"
	"strings"
	"testing"
)

func TestDeliveries(t *testing.T) {
	devServer(t)
	if got := command(t, "delivery", "ls"); !strings.HasPrefix(got, "ORDER") || strings.Count(got, "\n") != 1 {
		t.Errorf("what waits: %q", got)
	}
	for _, args := range [][]string{{"delivery", "approve", "ord_none"}, {"delivery", "refuse", "ord_none", "--refund", "r", "--reason", "why"}} {
		errs := &locked{}
		if status := run(t.Context(), args, io.Discard, errs); status != 1 || !strings.Contains(errs.String(), "not_found") {
			t.Errorf("%v: %d %s", args, status, errs)
		}
	}
	if got := command(t, "instrument", "counts", "--merchant", ":house", "--mode", "sandbox"); !strings.Contains(got, "2000") {
		t.Errorf("the house's addresses: %s", got)
	}
}
