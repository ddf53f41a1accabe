package e2e

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	var result struct {
		Orders           int  `json:"orders"`
		Completed        int  `json:"completed"`
		Expired          int  `json:"expired"`
		WebhooksVerified int  `json:"webhooks_verified"`
		LedgerBalanced   bool `json:"ledger_balanced"`
		ReorgSurvived    bool `json:"reorg_survived"`
	}
	parseStrictly(t, runDemo(t), &result)
	// Four orders end, and one webhook is refused once.
	if result.Orders != 4 || result.Completed != 3 || result.Expired != 1 || result.WebhooksVerified != 5 || !result.LedgerBalanced || !result.ReorgSurvived {
		t.Errorf("the demo's result is %+v", result)
	}
}

// The webhooks are: two bindings and an end of one, three deposits, and three orders.
func TestDemoPayIn(t *testing.T) {
	t.Parallel()
	const want = `{"deposits":3,"links_sold":1,"paid_in_grace":1,"redirects_checked":2,"webhooks_verified":9,"ledger_balanced":true}`
	if got := runDemo(t, "payin"); got != want {
		t.Errorf("the demo's last line is\n%s, want\n%s", got, want)
	}
}

// What the bank's files say is what the ledger says.
func TestDemoBank(t *testing.T) {
	t.Parallel()
	const want = `{"matched":940,"proposed":30,"suspense":67,"payouts_sent":200,"returned":5,"closing_balance_equals_ledger":true,"ledger_balanced":true}`
	if got := runDemo(t, "bank"); got != want {
		t.Errorf("the demo's last line is\n%s, want\n%s", got, want)
	}
}

// A business is paid on the hosted checkout; what the payer's browser brings back is signed.
func TestDemoGlomo(t *testing.T) {
	t.Parallel()
	var result map[string]any
	parseStrictly(t, runDemo(t, "glomo"), &result)
	for _, name := range []string{"bank_transfer", "card", "declined_then_paid", "rfi_paid", "refused", "expired", "refunded"} {
		if result[name] != 1.0 {
			t.Errorf("%s: %v", name, result[name])
		}
	}
	// Four orders are paid; each tells of its payment and of itself, two others of their ends.
	if signed, _ := result["signatures_verified"].(float64); signed != 4 {
		t.Errorf("%v signatures", result["signatures_verified"])
	}
	if told, _ := result["webhooks_verified"].(float64); told < 10 {
		t.Errorf("%v webhooks", result["webhooks_verified"])
	}
	if result["ledger_balanced"] != true || len(result) != 10 {
		t.Errorf("%v", result)
	}
}

// Each order's end is told, and on the way what else changed its status.
func TestDemoKoywe(t *testing.T) {
	t.Parallel()
	type counts map[string]int
	var result struct {
		Completed        counts `json:"completed"`
		Failed           counts `json:"failed"`
		Expired          counts `json:"expired"`
		Cancelled        counts `json:"cancelled"`
		WebhooksVerified int    `json:"webhooks_verified"`
		LedgerBalanced   bool   `json:"ledger_balanced"`
	}
	parseStrictly(t, runDemo(t, "koywe"), &result)
	for _, c := range []struct {
		name      string
		got, want counts
	}{
		{"completed", result.Completed, counts{
			"PAYIN": 2, "PAYOUT": 1, "ONRAMP": 1, "OFFRAMP": 1, "BALANCE_TRANSFER": 1, "PAYMENT_LINK": 1, "INTER_MERCHANT_TRANSFER": 1,
		}},
		{"failed", result.Failed, counts{"PAYIN": 1, "PAYOUT": 1, "ONRAMP": 1, "OFFRAMP": 1}},
		{"expired", result.Expired, counts{"PAYIN": 1, "ONRAMP": 1, "OFFRAMP": 1, "PAYMENT_LINK": 1}},
		{"cancelled", result.Cancelled, counts{"PAYIN": 1, "PAYOUT": 1, "ONRAMP": 1, "OFFRAMP": 1, "PAYMENT_LINK": 1}},
	} {
		if !maps.Equal(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, c.got, c.want)
		}
	}
	if ends := 21; result.WebhooksVerified < ends || !result.LedgerBalanced {
		t.Errorf("%+v", result)
	}
}

// runDemo runs a demo, which must leave nothing behind, and returns its last line.
func runDemo(t *testing.T, story ...string) (last string) {
	t.Helper()
	temp := t.TempDir()
	cmd := exec.Command(program, append(append([]string{"demo"}, story...), "--exit")...)
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	cmd.SysProcAttr = ownGroup()
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tooLong := time.AfterFunc(100*time.Second, func() { cmd.Process.Kill() })
	defer tooLong.Stop()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the demo ended with %v\n%s\n%s", err, out.String(), log.String())
	}

	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v, %v", left, err)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	return lines[len(lines)-1]
}

func parseStrictly(t *testing.T, line string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		t.Fatalf("the last line is %q: %v", line, err)
	}
}
