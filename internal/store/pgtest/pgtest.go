// Package pgtest gives tests a PostgreSQL of their own: one throwaway server for each test binary, started by
// the first test that asks, on a socket in a temporary folder, and a new database for each call of URL.
//
// A package that uses it stops the server in its TestMain:
//
//	func TestMain(m *testing.M) { code := m.Run(); pgtest.Stop(); os.Exit(code) }
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5" // MIT
)

const (
	role     = "till"
	startsIn = 2 * time.Minute
)

var (
	mu      sync.Mutex
	running *server
	failed  error // why there is no server
	made    int   // databases so far
)

// server is a running PostgreSQL.
type server struct {
	dir    string
	port   int
	output bytes.Buffer
	pid    int
	ended  chan error
}

// URL is a new, empty database. Texts in it are ordered as in English, not by their bytes, so that a column
// that relies on the default is noticed.
func URL(t testing.TB) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if running == nil && failed == nil {
		running, failed = start()
	}
	if failed != nil {
		t.Fatalf("no PostgreSQL for tests: %v", failed)
	}
	return create(t, "template1")
}

// Copy is a new database with the contents of another one, to which nobody is connected.
func Copy(t testing.TB, of string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	u, err := url.Parse(of)
	if err != nil || running == nil {
		t.Fatalf("%s is not a database of this server: %v", of, err)
	}
	return create(t, strings.TrimPrefix(u.Path, "/"))
}

func create(t testing.TB, template string) string {
	t.Helper()
	made++
	name := "test" + strconv.Itoa(made)
	if err := running.exec("CREATE DATABASE " + name + " TEMPLATE " + template); err != nil {
		t.Fatal(err)
	}
	return running.url(name)
}

// Durable makes the server wait for the disk at each commit from now on, as a real one does. Without it
// nothing outlives a power failure, which tests do not have.
func Durable(t testing.TB) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if running == nil {
		t.Fatal("the server does not run: call URL first")
	}
	for _, statement := range []string{"ALTER SYSTEM SET fsync = on", "SELECT pg_reload_conf()"} {
		if err := running.exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for deadline := time.Now().Add(startsIn); ; time.Sleep(5 * time.Millisecond) {
		var now string
		if err := running.query("SHOW fsync", &now); err != nil {
			t.Fatal(err)
		}
		if now == "on" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("fsync stays off")
		}
	}
}

// Stop ends the server, if one runs, and removes what it kept.
func Stop() {
	mu.Lock()
	defer mu.Unlock()
	if running == nil {
		return
	}
	syscall.Kill(running.pid, syscall.SIGQUIT) // at once: nothing in it is worth a checkpoint
	<-running.ended
	os.RemoveAll(running.dir)
	running = nil
}

// start makes a cluster and waits until it answers.
func start() (_ *server, err error) {
	initdb, postgres, err := programs()
	if err != nil {
		return nil, err
	}
	s := &server{port: 5432, ended: make(chan error, 1)}
	if s.dir, err = os.MkdirTemp("", "till-pg-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(s.dir)
		}
	}()
	who, err := unprivileged(s.dir)
	if err != nil {
		return nil, err
	}
	cluster := filepath.Join(s.dir, "cluster")
	create := exec.Command(initdb, "--pgdata="+cluster, "--username="+role, "--auth=trust", "--no-sync", "--encoding=UTF8",
		"--locale=C", "--locale-provider=icu", "--icu-locale=en-US")
	create.Dir, create.SysProcAttr = s.dir, &syscall.SysProcAttr{Credential: who}
	if said, err := create.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", initdb, err, said)
	}
	serve := exec.Command(postgres, "-D", cluster, "-k", s.dir, "-p", strconv.Itoa(s.port), "-c", "listen_addresses=", "-c", "max_connections=200",
		"-c", "shared_buffers=64MB", "-c", "full_page_writes=off", "-c", "logging_collector=off")
	serve.Dir, serve.Stdout, serve.Stderr = s.dir, &s.output, &s.output
	// A test binary that is killed takes its server along.
	serve.SysProcAttr = &syscall.SysProcAttr{Credential: who, Pdeathsig: syscall.SIGQUIT}
	config := filepath.Join(cluster, "postgresql.auto.conf") // what ALTER SYSTEM overrides
	if err := os.WriteFile(config, []byte("fsync = 'off'\n"), 0o600); err != nil {
		return nil, err
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the signal comes when the thread that started the process ends
		err := serve.Start()
		started <- err
		if err == nil {
			s.ended <- serve.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	s.pid = serve.Process.Pid
	return s, s.answers()
}

func (s *server) answers() error {
	for deadline := time.Now().Add(startsIn); ; time.Sleep(10 * time.Millisecond) {
		err := s.exec("SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case ended := <-s.ended:
			return fmt.Errorf("postgres ended: %w\n%s", errors.Join(ended, err), s.output.String())
		default:
		}
		if time.Now().After(deadline) {
			syscall.Kill(s.pid, syscall.SIGQUIT)
			<-s.ended
			return fmt.Errorf("postgres does not answer: %w\n%s", err, s.output.String())
		}
	}
}

func (s *server) url(database string) string {
	query := url.Values{"host": {s.dir}, "port": {strconv.Itoa(s.port)}, "sslmode": {"disable"}}
	return (&url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database, RawQuery: query.Encode()}).String()
}

func (s *server) exec(statement string) error { return s.query(statement, nil) }

// query runs one statement in the database every cluster has; into takes its one value, if it is not nil.
func (s *server) query(statement string, into *string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startsIn)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if into != nil {
		return conn.QueryRow(ctx, statement).Scan(into)
	}
	_, err = conn.Exec(ctx, statement)
	return err
}

// programs finds initdb and postgres: in PATH, or where Debian keeps them, the newest first.
func programs() (initdb, postgres string, err error) {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", "", err
	}
	version := func(dir string) int { n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))); return n }
	slices.SortFunc(debian, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range append(dirs, debian...) {
		initdb, postgres = filepath.Join(dir, "initdb"), filepath.Join(dir, "postgres")
		if executable(initdb) && executable(postgres) {
			return initdb, postgres, nil
		}
	}
	return "", "", errors.New("initdb and postgres are neither in PATH nor in /usr/lib/postgresql (Debian: postgresql); scripts/need installs them")
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&0o111 != 0
}

// unprivileged gives the folder to nobody when this process is root, as whom PostgreSQL does not run.
func unprivileged(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(nobody.Gid)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, uid, gid)
}
