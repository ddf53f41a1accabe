package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"till/internal/operator/client"
	"till/internal/store/pgtest"
)

// Two servers take orders on one PostgreSQL, and one of them is killed in mid-load: whatever either acknowledged is there,
// no reference has two orders and no address two owners, the other goes on, and the books are proved.
func TestReplicaIsKilledUnderLoad(t *testing.T) { // cases 68, 81, 85
	t.Parallel()
	chain := start(t)                           // only its chain is used
	database, dir := pgtest.URL(t), t.TempDir() // the folder has the master key of all
	one := replica(t, dir, database, chain, nil)
	var list []map[string]any
	for i := range 10_000 { // as many as a pool may have: one server must not hand out all before the other has begun
		list = append(list, map[string]any{"address": fmt.Sprintf("0x%040x", 0xa0000+i), "protocol": "evm", "derivationIndex": nil})
		if len(list) == 1000 {
			decode[struct{}](t, http.StatusCreated)(one.call(http.MethodPost, "/api/v1/address-pool/addresses", map[string]any{"addresses": list}))
			list = nil
		}
	}
	other := replica(t, dir, database, chain, one)
	for _, s := range []*server{one, other} {
		eventually(t, "the chain is heard", func() bool {
			a, err := s.ask("FIRST-" + s.info.BaseURL)
			return err == nil && a.status == http.StatusCreated
		})
	}

	// Pairs of clients ask for the same references, here and there.
	here, there := createUntil(one, "BOTH", 100), createUntil(other, "BOTH", 100)
	here.wait(t)
	there.wait(t)
	one.kill()
	here.finished.Wait()
	survived := createUntil(other, "AFTER", 50)
	survived.wait(t)
	other.stopServing(t)
	there.finished.Wait()
	survived.finished.Wait()
	for _, l := range []*load{here, there, survived} {
		if len(l.refused) > 0 {
			t.Fatalf("refused under load: %v", l.refused)
		}
	}

	s := replica(t, dir, database, chain, one)
	known := map[string]order{}
	for _, first := range []string{"FIRST-" + one.info.BaseURL, "FIRST-" + other.info.BaseURL} {
		known[first] = s.retry(t, first)
	}
	for reference, o := range here.acked {
		if twice, both := there.acked[reference]; both {
			t.Errorf("%s was acknowledged as %s and as %s", reference, o.OrderID, twice.OrderID)
		}
		there.acked[reference] = o
	}
	for reference, id := range here.taken {
		there.taken[reference] = id
	}
	there.lost = append(there.lost, here.lost...)
	maps.Copy(known, there.settle(t, s))
	maps.Copy(known, survived.settle(t, s))
	t.Logf("%d orders", len(known))
	s.keeps(t, known)
	s.stopServing(t)
	if out, err := exec.Command(program, "verify", "--database", database).CombinedOutput(); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

// ownNetwork is one that the program does not know by itself.
const ownNetwork = "replicas"

// replica is a `till serve` on a database, with the chain of another process. The first one makes the keys, which the
// others are told.
func replica(t *testing.T, dir, database string, chain, first *server) *server {
	t.Helper()
	token := chain.info.Chain.Tokens["USDT"]
	config := fmt.Sprintf("[server]\naddr = \"127.0.0.1:0\"\n[database]\nurl = %q\n[networks.%s]\nname = \"Test\"\nchain_id = %d\nmode = \"sandbox\"\nrpc = [%q]\n"+
		"confirmations = 3\npoll = \"100ms\"\ntokens = [{ code = \"USDT\", decimals = %d, contract = %q }]\n",
		database, ownNetwork, chain.info.Chain.ChainID, chain.info.Chain.RPCURL, token.Decimals, token.Address)
	path := filepath.Join(dir, "till.toml")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &server{network: ownNetwork, stderr: &tail{}, ended: make(chan struct{}),
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	s.cmd = exec.Command(program, "serve", "--config", path)
	s.cmd.Stderr = s.stderr
	s.cmd.SysProcAttr = ownGroup()
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	listens := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if at, found := strings.CutPrefix(lines.Text(), "listening on "); found {
				listens <- at
			}
		}
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.kill()
		s.http.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the log of %s ends with:\n%s", dir, s.stderr)
		}
	})
	select {
	case s.info.BaseURL = <-listens:
	case <-s.ended:
		t.Fatalf("the server ended before it was ready: %v\n%s", s.err, s.stderr)
	case <-time.After(startWithin):
		t.Fatalf("the server was not ready within %s\n%s", startWithin, s.stderr)
	}
	s.info.PayIn.BaseURL = s.info.BaseURL + "/payin"
	if first != nil {
		s.info.PayIn.APIKey, s.info.Operator.Token = first.info.PayIn.APIKey, first.info.Operator.Token
	} else {
		text, err := os.ReadFile(filepath.Join(dir, "first-keys.json"))
		var keys struct {
			OperatorToken string `json:"operator_token"`
			APIKeys       struct {
				PayIn struct {
					Test string `json:"test"`
				} `json:"payin"`
			} `json:"api_keys"`
		}
		if err == nil {
			err = json.Unmarshal(text, &keys)
		}
		if err != nil {
			t.Fatal(err)
		}
		s.info.PayIn.APIKey, s.info.Operator.Token = keys.APIKeys.PayIn.Test, keys.OperatorToken
	}
	s.operator = client.New(s.info.BaseURL+"/operator/v1", s.info.Operator.Token, s.http)
	return s
}

// stopServing asks a replica to end.
func (s *server) stopServing(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.ended:
		if s.err != nil {
			t.Errorf("the server ended with %v", s.err)
		}
	case <-time.After(stopWithin):
		t.Errorf("the server was not gone %s after SIGTERM", stopWithin)
	}
}
