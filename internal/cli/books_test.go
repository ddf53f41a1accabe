package cli

import (
	"bytes"
	"crypto/rand"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/store"
)

// runs runs a command that must end with a status, and returns what it printed.
func runs(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := Run(args, &out, &errs); got != want {
		t.Fatalf("%s: status %d, want %d\n%s%s", strings.Join(args, " "), got, want, &out, &errs)
	}
	return out.String(), errs.String()
}

// sealedDatabase is a config whose database has something under seal.
func sealedDatabase(t *testing.T, dir string) (config, database string) {
	t.Helper()
	config, database = writeConfig(t, dir, "[server]\naddr = \"127.0.0.1:0\"\n"), filepath.Join(dir, "till.db")
	startServe(t, "serve", "--config", config).stop(t, 0)
	db, err := store.OpenSQLite(t.Context(), database, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	e := engine.New(db, nil, nil)
	for range 3 {
		if err := e.As("op-1").SaveMerchant(t.Context(), engine.Merchant{ID: "m", Organisation: "o", Name: "M"}); err != nil {
			t.Fatal(err)
		}
	}
	sealer := e.Sealer("test", rand.Reader)
	if _, _, err := sealer.Seal(t.Context(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := sealer.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return config, database
}

// damage changes a database behind everybody's back.
func damage(t *testing.T, database, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+database)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// Beside a running server: the books are proved, also against the head that the server exported.
func TestVerify(t *testing.T) {
	dir := t.TempDir()
	config, database := sealedDatabase(t, dir)
	s := startServe(t, "serve", "--config", config)
	head := filepath.Join(dir, "heads", "live-3.json")
	for end := time.Now().Add(deadline); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(head); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("no head was exported")
		}
	}
	if out, _ := runs(t, 0, "verify", "--config", config); !strings.Contains(out, "the books are right: 0 orders") || !strings.Contains(out, "3 actions") || !strings.Contains(out, "3 seals") {
		t.Errorf("%s", out)
	}
	runs(t, 0, "verify", "--database", database, "--head", head)
	s.stop(t, 0)
	runs(t, 0, "verify", "--database", database, "--head", head)

	damage(t, database, `DELETE FROM seals WHERE n = 3`)
	damage(t, database, `DELETE FROM actions WHERE id NOT IN (SELECT ref FROM seals)`)
	runs(t, 0, "verify", "--database", database)
	out, errs := runs(t, 1, "verify", "--database", database, "--head", head)
	if !strings.Contains(out, "seal 3 of live: was exported, and the chain ends at 2: its tail was cut off") || !strings.Contains(errs, "1 problems") {
		t.Errorf("%s%s", out, errs)
	}
	damage(t, database, `UPDATE actions SET who = 'nobody'`)
	if out, _ := runs(t, 1, "verify", "--config", config); strings.Count(out, "it was changed") != 2 {
		t.Errorf("%s", out)
	}
}

func TestVerifyRefuses(t *testing.T) {
	dir := t.TempDir()
	config, _ := sealedDatabase(t, dir)
	fails(t, 2, "--nope", "verify", "--nope")
	fails(t, 2, "none.json", "verify", "--config", config, "--head", filepath.Join(dir, "none.json"))
	fails(t, 1, "is not an exported head", "verify", "--config", config, "--head", config)
	fails(t, 1, "there is no database", "verify", "--database", filepath.Join(dir, "none.db"))
	fails(t, 1, `the config has no network "nowhere"`, "verify", "--config", config, "--rpc", "nowhere=http://127.0.0.1:1")
	if _, err := os.Stat(filepath.Join(dir, "none.db")); !os.IsNotExist(err) {
		t.Errorf("a database was made: %v", err)
	}
	// A command that only reads makes no key.
	empty := t.TempDir()
	fails(t, 1, "there is no database", "verify", "--config", writeConfig(t, empty, ""))
	if list, _ := os.ReadDir(empty); len(list) != 1 {
		t.Errorf("%v", list)
	}
}

// cases 83, 88: a copy made beside the server is whole, and becomes a database of its own; the key is not in it.
func TestBackupAndRestore(t *testing.T) {
	dir := t.TempDir()
	config, database := sealedDatabase(t, dir)
	s := startServe(t, "serve", "--config", config)
	copied, restored := filepath.Join(dir, "copy.db"), filepath.Join(dir, "restored.db")
	if out, _ := runs(t, 0, "backup", copied, "--config", config); !strings.Contains(out, copied) {
		t.Errorf("%s", out)
	}
	info, err := os.Stat(copied)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	key := strings.TrimSpace(readFile(t, filepath.Join(dir, "master.key")))
	if raw := readFile(t, copied); len(key) < 32 || strings.Contains(raw, key) {
		t.Errorf("the copy has the master key, of %d bytes", len(key))
	}
	fails(t, 1, "exists already", "backup", copied, "--config", config)
	fails(t, 1, "in use by another process", "restore", copied, "--to", database)
	s.stop(t, 0)
	fails(t, 1, "exists already", "restore", copied, "--to", database)
	fails(t, 1, "PostgreSQL", "backup", filepath.Join(dir, "x"), "--database", "postgres://127.0.0.1:1/x")

	runs(t, 0, "restore", copied, "--to", restored)
	if info, err := os.Stat(restored); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	if out, _ := runs(t, 0, "verify", "--database", restored); !strings.Contains(out, "3 seals") {
		t.Errorf("%s", out)
	}
	// A log that lies there would be taken for the new database's.
	lonely := filepath.Join(dir, "lonely.db")
	if err := os.WriteFile(lonely+"-wal", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, "lonely.db-wal exists already", "restore", copied, "--to", lonely)

	// Neither a damaged copy nor one of a newer program becomes a database.
	other := filepath.Join(dir, "other.db")
	raw := []byte(readFile(t, copied))
	for i := len(raw) / 2; i < len(raw)/2+3000; i++ {
		raw[i] ^= 0xff
	}
	broken := filepath.Join(dir, "broken.db")
	if err := os.WriteFile(broken, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	fails(t, 1, "damaged", "restore", broken, "--to", other)
	fails(t, 1, "not a database", "restore", config, "--to", other)
	damage(t, copied, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	fails(t, 1, "use a newer program", "restore", copied, "--to", other)
	if left, _ := filepath.Glob(other + "*"); len(left) > 1 { // the lock's file stays
		t.Errorf("left: %v", left)
	}
}

// case 87: a schema is brought up to date on its own, and a newer one is left alone.
func TestMigrate(t *testing.T) {
	dir := t.TempDir()
	config, database := sealedDatabase(t, dir)
	if out, _ := runs(t, 0, "migrate", "--config", config); !strings.Contains(out, "nothing to do") {
		t.Errorf("%s", out)
	}
	old := filepath.Join(dir, "old.db")
	damage(t, old, `CREATE TABLE unrelated (x TEXT)`)
	out, _ := runs(t, 0, "migrate", "--database", old, "--dry-run")
	if !strings.Contains(out, "would run: 00001_start.sql") || !strings.Contains(out, "would run: 00003_seals.sql") {
		t.Errorf("%s", out)
	}
	if again, _ := runs(t, 0, "migrate", "--database", old, "--dry-run"); again != out {
		t.Errorf("a dry run changed something:\n%s", again)
	}
	fails(t, 1, "old.db", "verify", "--database", old)
	if out, _ := runs(t, 0, "migrate", "--database", old); !strings.Contains(out, "done: 00003_seals.sql") {
		t.Errorf("%s", out)
	}
	runs(t, 0, "verify", "--database", old)

	s := startServe(t, "serve", "--config", config)
	runs(t, 0, "migrate", "--config", config)
	s.stop(t, 0)
	damage(t, database, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)`)
	for _, args := range [][]string{{"migrate"}, {"migrate", "--dry-run"}, {"serve"}} {
		fails(t, 1, "use a newer program", append(args, "--config", config)...)
	}
	fails(t, 1, "this program reads", "verify", "--config", config)
	fails(t, 1, "there is no database", "migrate", "--database", filepath.Join(dir, "none.db"))
}

func TestKeyRotateMaster(t *testing.T) {
	dir := t.TempDir()
	config, _ := sealedDatabase(t, dir)
	keyFile := filepath.Join(dir, "master.key")
	before := readFile(t, keyFile)
	s := startServe(t, "serve", "--config", config)
	fails(t, 1, "in use by another process", "key", "rotate-master", "--config", config)
	s.stop(t, 0)
	t.Run("from the environment", func(t *testing.T) {
		t.Setenv("TILL_MASTER_KEY", strings.TrimSpace(before))
		fails(t, 1, "without the variable", "key", "rotate-master", "--config", config)
	})
	fails(t, 1, "none.toml", "key", "rotate-master", "--config", filepath.Join(dir, "none.toml"))
	if readFile(t, keyFile) != before {
		t.Fatal("a refusal changed the key file")
	}

	out, errs := runs(t, 0, "key", "rotate-master", "--config", config)
	after := readFile(t, keyFile)
	if after == before || strings.Count(after, "\n") != 1 || strings.Contains(after, strings.TrimSpace(before)) {
		t.Error("the key file has not the new key alone")
	}
	if !strings.Contains(out, keyFile+" is new") || strings.Contains(out+errs, strings.TrimSpace(after)) || strings.Contains(out+errs, strings.TrimSpace(before)) {
		t.Errorf("%s%s", out, errs)
	}
	startServe(t, "serve", "--config", config).stop(t, 0)

	// One that a crash ended has both keys in the file.
	if err := os.WriteFile(keyFile, []byte(before+after), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _ := runs(t, 0, "key", "rotate-master", "--config", config); !strings.Contains(out, "it is finished now") || readFile(t, keyFile) != after {
		t.Errorf("%s", out)
	}
}
