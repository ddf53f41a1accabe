package pgtest

import (
	"context"
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

// Two databases of one server know nothing of each other, a copy has what it was made of, and the default order of texts is not that of bytes.
func TestURL(t *testing.T) {
	first, second := connect(t, URL(t)), connect(t, URL(t))
	ctx := context.Background()
	if _, err := first.Exec(ctx, `CREATE TABLE a (n BIGINT)`); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Exec(ctx, `CREATE TABLE a (n TEXT)`); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Exec(ctx, `INSERT INTO a (n) VALUES (7)`); err != nil {
		t.Fatal(err)
	}
	of := first.Config().ConnString()
	first.Close(ctx)
	var n int64
	if err := connect(t, Copy(t, of)).QueryRow(ctx, `SELECT n FROM a`).Scan(&n); err != nil || n != 7 {
		t.Errorf("the copy has %d (%v)", n, err)
	}
	var lower bool
	if err := second.QueryRow(ctx, `SELECT 'a' < 'B'`).Scan(&lower); err != nil || !lower {
		t.Errorf("texts are ordered by bytes (%v)", err)
	}
}

func TestStop(t *testing.T) {
	URL(t)
	dir, pid := running.dir, running.pid
	Stop()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is still there: %v", err)
	}
	if _, err := os.Stat("/proc/self"); err == nil {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
			t.Error("the server still runs")
		}
	}
	connect(t, URL(t)) // and again
}

func TestDurable(t *testing.T) {
	conn := connect(t, URL(t))
	Durable(t)
	var on string
	if err := conn.QueryRow(context.Background(), `SHOW fsync`).Scan(&on); err != nil || on != "on" {
		t.Errorf("fsync is %s (%v)", on, err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}
