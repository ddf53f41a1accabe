package cli

import (
	"strings"
	"testing"
	"time"

	"till/internal/operator/client"
)

func TestOrderTellsOfItsGateway(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for want, g := range map[string]*client.AtGateway{
		"":                                   nil,
		"gateway|gate, payment -, -, told -": {Gateway: "gate"},
		"gateway|gate, payment p1, started, told 2026-03-01 12:00:00||payment_refunded": {Gateway: "gate", Payment: "p1", Status: "started", Note: "payment_refunded", ToldAt: &at},
	} {
		var out strings.Builder
		tellOrder(&out, client.Order{Gateway: g})
		text := strings.NewReplacer("\t", "|", "\n", "|").Replace(out.String())
		if !strings.Contains(text, want) || g == nil && strings.Contains(text, "gateway") {
			t.Errorf("printed %q, want %q", text, want)
		}
	}
}
