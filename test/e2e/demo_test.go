package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	cmd := exec.Command(program, "demo", "--exit")
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

	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	var result struct {
		Orders           int  `json:"orders"`
		Completed        int  `json:"completed"`
		Expired          int  `json:"expired"`
		WebhooksVerified int  `json:"webhooks_verified"`
		LedgerBalanced   bool `json:"ledger_balanced"`
		ReorgSurvived    bool `json:"reorg_survived"`
	}
	last := json.NewDecoder(strings.NewReader(lines[len(lines)-1]))
	last.DisallowUnknownFields()
	if err := last.Decode(&result); err != nil {
		t.Fatalf("the last line is %q: %v", lines[len(lines)-1], err)
	}
	// Four orders end, and one webhook is refused once.
	if result.Orders != 4 || result.Completed != 3 || result.Expired != 1 || result.WebhooksVerified < 5 || !result.LedgerBalanced || !result.ReorgSurvived {
		t.Errorf("the demo's result is %+v", result)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v, %v", left, err)
	}
}
