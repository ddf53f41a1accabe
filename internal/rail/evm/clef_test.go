//go:build clef

package evm

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"till/internal/rail"
)

// The remote signer against clef itself, which is built here: make test-clef. The test is clef's user interface too, and
// answers what it asks.
const clefModule = "github.com/ethereum/go-ethereum/cmd/clef@v1.16.9"

func TestClef(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "install", clefModule)
	build.Dir, build.Env = bin, append(os.Environ(), "GOBIN="+bin, "GOFLAGS=-mod=mod")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go install %s: %v\n%s", clefModule, err, out)
	}
	s := newSending(t, 0)
	const password = "a word of twelve"
	keys, free := t.TempDir(), freePort(t)
	if err := os.WriteFile(filepath.Join(keys, "UTC--hot"), keystoreOf(t, s.key, password), 0o600); err != nil {
		t.Fatal(err)
	}
	clef := exec.Command(filepath.Join(bin, "clef"), "--stdio-ui", "--suppress-bootwarn", "--nousb", "--keystore", keys, "--configdir", t.TempDir(),
		"--chainid", fmt.Sprint(s.cfg.ChainID), "--http", "--http.addr", "127.0.0.1", "--http.port", free, "--auditlog", "", "--ipcdisable")
	in, err := clef.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := clef.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	clef.Stderr = s.log
	if err := clef.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		clef.Process.Kill()
		clef.Wait()
	})
	no := address("sanctioned")
	go answerClef(in, out, password, no)

	url := "http://127.0.0.1:" + free
	s.eventually("clef answers", func() bool {
		got, err := http.Post(url, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"account_version","params":[]}`))
		if err != nil {
			return false
		}
		got.Body.Close()
		return got.StatusCode == http.StatusOK
	})
	remote, err := RemoteSigner(url, crypto.PubkeyToAddress(s.key.PublicKey), 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	s.send.Signer = remote
	s.open()
	d := s.delivery("t1", address("someone"), 5)
	s.must(d)
	s.chain.Mine(confirmations)
	s.is(d, rail.StatusDelivered)
	s.movedTo(d.To, 1)
	if _, err := s.sender.Send(t.Context(), s.delivery("t2", no, 5)); err == nil || !strings.Contains(err.Error(), ErrDenied.Error()) {
		t.Errorf("what is denied: %v", err)
	}
	s.must(s.delivery("t3", address("someone"), 5))
	s.chain.Mine(confirmations)
	s.movedTo(d.To, 2)
}

// answerClef approves what clef asks, but nothing for one recipient.
func answerClef(in io.Writer, out io.Reader, password, no string) {
	lines := bufio.NewReader(out)
	decoder := json.NewDecoder(lines)
	for {
		var ask struct {
			ID     json.RawMessage   `json:"id"`
			Method string            `json:"method"`
			Params []json.RawMessage `json:"params"`
		}
		if err := decoder.Decode(&ask); err != nil {
			return
		}
		if len(ask.ID) == 0 {
			continue
		}
		result := `null`
		switch ask.Method {
		case "ui_approveTx":
			var about struct {
				Transaction json.RawMessage `json:"transaction"`
			}
			_ = json.Unmarshal(ask.Params[0], &about)
			approved := !strings.Contains(strings.ToLower(string(about.Transaction)), strings.ToLower(common.HexToAddress(no).Hex()[2:]))
			result = fmt.Sprintf(`{"transaction":%s,"approved":%t}`, about.Transaction, approved)
		case "ui_onInputRequired":
			result = fmt.Sprintf(`{"text":%q}`, password)
		}
		fmt.Fprintf(in, `{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", ask.ID, result)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
