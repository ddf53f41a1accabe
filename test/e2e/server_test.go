package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"till/internal/operator/client"
)

const (
	startWithin = 2 * time.Minute // until the out file is there; the server itself gives up after a minute
	stopWithin  = time.Minute     // from SIGTERM to the end; the server itself gives up after 10 s, and its status says so
	patience    = time.Minute     // for anything a client waits for, on a machine that is busy
	network     = "ethereum-sepolia"
)

// info is the out file: all that a client is told.
type info struct {
	BaseURL  string `json:"base_url"`
	Operator struct {
		URL   string `json:"url"`
		Token string `json:"token"`
	} `json:"operator"`
	Glomo struct {
		BaseURL        string `json:"base_url"`
		SecretKey      string `json:"secret_key"`
		PublishableKey string `json:"publishable_key"`
		CustomerID     string `json:"customer_id"`
	} `json:"glomo"`
	Database string `json:"database"`
	Chain    struct {
		RPCURL     string           `json:"rpc_url"`
		ControlURL string           `json:"control_url"`
		ChainID    uint64           `json:"chain_id"`
		Tokens     map[string]token `json:"tokens"`
		PayerKey   string           `json:"payer_private_key"`
	} `json:"chain"`
	Sink struct {
		URL    string `json:"url"`
		LogURL string `json:"log_url"`
	} `json:"webhook_sink"`
	PayIn struct {
		BaseURL       string `json:"base_url"`
		APIKey        string `json:"api_key"`
		WebhookSecret string `json:"webhook_secret"`
	} `json:"payin"`
}

type token struct {
	Address  string `json:"address"`
	Decimals uint8  `json:"decimals"`
}

// server is a `till dev` in a process group of its own.
type server struct {
	info     info
	http     *http.Client
	operator *client.Client
	*payer

	cmd    *exec.Cmd
	out    string // the out file
	temp   string // its TMPDIR
	stderr *tail
	ended  chan struct{} // closed when the process is gone
	err    error         // of the process; read after ended
	mark   *order        // see caughtUp

	network string // that orders are for; empty: the one of till dev
}

// start runs a server with these further arguments and returns when its out file is there. At the end of the test
// it is stopped, if it still runs, and whatever it left behind is an error.
func start(t *testing.T, args ...string) *server {
	t.Helper()
	s := launch(t, args...)
	deadline := time.After(startWithin)
	for {
		text, err := os.ReadFile(s.out)
		if err == nil {
			// Renamed into place: whoever sees the file sees all of it.
			if err := json.Unmarshal(text, &s.info); err != nil {
				t.Fatalf("the out file is not complete: %v\n%s", err, text)
			}
			break
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		select {
		case <-s.ended:
			t.Fatalf("the server ended before it was ready: %v\n%s", s.err, s.stderr)
		case <-deadline:
			t.Fatalf("the server was not ready within %s\n%s", startWithin, s.stderr)
		case <-time.After(5 * time.Millisecond):
		}
	}
	s.operator = client.New(s.info.Operator.URL, s.info.Operator.Token, s.http)
	s.payer = newPayer(t, s.info, s.http)
	return s
}

// launch starts the process and does not wait for anything.
func launch(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{
		out: filepath.Join(t.TempDir(), "dev.json"), temp: t.TempDir(), stderr: &tail{}, ended: make(chan struct{}),
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
	}
	s.cmd = exec.Command(program, append([]string{"dev", "--addr", "127.0.0.1:0", "--out", s.out}, args...)...)
	s.cmd.Env = append(os.Environ(), "TMPDIR="+s.temp)
	s.cmd.Stderr = s.stderr
	s.cmd.SysProcAttr = ownGroup()
	s.cmd.WaitDelay = 10 * time.Second
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		s.stop(t)
		s.http.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the server's log ends with:\n%s", s.stderr)
		}
	})
	return s
}

// stop asks the server to end, as an operator does. It must be gone in time, with status 0, and leave
// neither a process nor a temporary file. A server that is gone already is left alone.
func (s *server) stop(t *testing.T) {
	t.Helper()
	select {
	case <-s.ended:
		return
	default:
	}
	s.verify(t)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("SIGTERM: %v", err)
	}
	select {
	case <-s.ended:
		if s.err != nil {
			t.Errorf("the server ended with %v", s.err)
		}
	case <-time.After(stopWithin):
		t.Errorf("the server was not gone %s after SIGTERM", stopWithin)
		s.cmd.Process.Kill()
		<-s.ended
	}
	s.nothingLeft(t)
	if left, err := os.ReadDir(s.temp); err != nil || len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v, %v", left, err)
	}
}

// verify lets the program prove the books beside the running server.
func (s *server) verify(t *testing.T) {
	t.Helper()
	if s.info.Database == "" { // it never became ready
		return
	}
	if out, err := exec.Command(program, "verify", "--database", s.info.Database).CombinedOutput(); err != nil {
		t.Errorf("verify: %v\n%s", err, out)
	}
}

// kill ends the server as a power cut does. It may be called from any goroutine.
func (s *server) kill() {
	s.cmd.Process.Kill() // fails only when it is gone
	<-s.ended
}

// nothingLeft checks that the server's process group is gone.
func (s *server) nothingLeft(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(-s.cmd.Process.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("processes of the server's group are left: %v", err)
	}
}

// step runs a part of a test that the next parts build upon: when it fails, they are not tried.
func step(t *testing.T, name string, do func(*testing.T)) {
	t.Helper()
	if !t.Run(name, do) {
		t.FailNow()
	}
}

// eventually asks again and again until done says so. It fails the test when that takes too long.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}

// bounded is a context for one step of a test.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// tail keeps the end of what a process writes.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const tailSize = 16 << 10

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if more := l.text.Len() - tailSize; more > 0 {
		l.text.Next(more)
	}
	return len(p), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
