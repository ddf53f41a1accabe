package main

import (
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
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgres is a PostgreSQL server on which databases are made: one started here, with the settings it has by itself, or another.
type postgres struct {
	url    string
	pid    int // of the server started here; 0: another's
	made   int // databases so far
	remove func()
}

// openPostgres uses the server at a URL. An empty URL starts one in dir, on a socket there; without PostgreSQL on this machine there is
// none (nil).
func openPostgres(ctx context.Context, at, dir string) (*postgres, error) {
	if at != "" {
		return &postgres{url: at, remove: func() {}}, nil
	}
	programs := postgresPrograms()
	if programs == "" {
		fmt.Fprintln(os.Stderr, "bench: there is no PostgreSQL on this machine, so that it is not measured")
		return nil, nil
	}
	home := filepath.Join(dir, "postgres")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, err
	}
	as, err := unprivileged(dir, home)
	if err != nil {
		return nil, err
	}
	cluster := filepath.Join(home, "cluster")
	create := exec.CommandContext(ctx, filepath.Join(programs, "initdb"), "--pgdata="+cluster, "--username=till", "--auth=trust", "--encoding=UTF8", "--locale=C")
	create.Dir, create.SysProcAttr = home, as
	if said, err := create.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, said)
	}
	serve := exec.Command(filepath.Join(programs, "postgres"), "-D", cluster, "-k", home, "-c", "listen_addresses=")
	serve.Dir, serve.SysProcAttr = home, as
	if err := serve.Start(); err != nil {
		return nil, err
	}
	query := url.Values{"host": {home}, "port": {"5432"}, "sslmode": {"disable"}}
	p := &postgres{
		url: (&url.URL{Scheme: "postgres", User: url.User("till"), Path: "/postgres", RawQuery: query.Encode()}).String(),
		pid: serve.Process.Pid,
		remove: func() {
			serve.Process.Signal(syscall.SIGINT) // its "fast" end
			serve.Wait()
		},
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		err := p.run(ctx, "SELECT 1")
		if err == nil {
			return p, nil
		}
		if time.Now().After(deadline) {
			p.remove()
			return nil, fmt.Errorf("postgres does not answer: %w", err)
		}
	}
}

// postgresPrograms is the folder of the newest PostgreSQL, "" where there is none.
func postgresPrograms() string {
	if found, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(found)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb") // where Debian puts it; the pattern is well formed
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	if len(found) == 0 {
		return ""
	}
	return filepath.Dir(found[len(found)-1])
}

// unprivileged is how PostgreSQL is started: it refuses to run as root, and gets the folder as somebody else's then.
func unprivileged(dir, home string) (*syscall.SysProcAttr, error) {
	if runtime.GOOS == "windows" || os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		who, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.Atoi(who.Uid)
		gid, err2 := strconv.Atoi(who.Gid)
		err = errors.Join(err, err2, os.Chown(home, uid, gid), os.Chmod(dir, 0o711))
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, err
	}
	return nil, errors.New("root may not run PostgreSQL, and there is no user postgres or nobody")
}

func (p *postgres) run(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, p.url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// database makes an empty one and says what removes it.
func (p *postgres) database(ctx context.Context) (at string, drop func() error, err error) {
	p.made++
	name := fmt.Sprintf("till_bench_%d_%d", os.Getpid(), p.made)
	if err := p.run(ctx, "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	parsed, err := url.Parse(p.url)
	if err != nil {
		return "", nil, errors.New("-postgres is not a URL")
	}
	parsed.Path = "/" + name
	return parsed.String(), func() error { return p.run(context.WithoutCancel(ctx), "DROP DATABASE "+name) }, nil
}

// cpu is the processor time of the server's processes so far, 0 of a server that was not started here.
func (p *postgres) cpu() (sum time.Duration, err error) {
	if p == nil || p.pid == 0 {
		return 0, nil
	}
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended meanwhile
		}
		parent, used, err := readStat(string(text))
		if err != nil {
			return 0, err
		}
		if parent == p.pid {
			sum += used
		}
	}
	return sum, nil
}
