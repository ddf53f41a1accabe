package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"till/internal/engine"
	"till/internal/store/pgtest"
)

// Both databases have the same tables, columns and indexes, whatever the migrations look like.
func TestMigrationsMakeTheSameSchema(t *testing.T) {
	lite := testStore(t)
	postgresURL := pgtest.URL(t)
	openPostgres(t, postgresURL, Options{})
	post := rawSQL(t, "pgx", postgresURL)

	compare := func(what string, lite, post []string) {
		t.Helper()
		slices.Sort(lite)
		slices.Sort(post)
		if len(lite) < 20 {
			t.Fatalf("only %d %s were found: %q", len(lite), what, lite)
		}
		for _, row := range lite {
			if !slices.Contains(post, row) {
				t.Errorf("%s of SQLite only: %s", what, row)
			}
		}
		for _, row := range post {
			if !slices.Contains(lite, row) {
				t.Errorf("%s of PostgreSQL only: %s", what, row)
			}
		}
	}
	compare("columns", sqliteColumns(t, lite.readers), postgresColumns(t, post))
	compare("indexes", sqliteIndexes(t, lite.readers), postgresIndexes(t, post))

	names := func(folder string) []string {
		list, err := fs.Glob(migrations, folder+"/*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for i := range list {
			list[i] = strings.TrimPrefix(list[i], folder+"/")
		}
		return list
	}
	if a, b := names("migrations/sqlite"), names("migrations/postgres"); !slices.Equal(a, b) {
		t.Errorf("migrations are %q and %q", a, b)
	}
}

// Every text of PostgreSQL compares by its bytes, as SQLite's do.
func TestTextsCompareByBytes(t *testing.T) {
	url := pgtest.URL(t)
	openPostgres(t, url, Options{})
	wrong := rows(t, rawSQL(t, "pgx", url), `SELECT c.table_name || '.' || c.column_name FROM information_schema.columns c
		WHERE c.table_schema = current_schema() AND c.data_type IN ('text', 'character varying') AND c.collation_name IS DISTINCT FROM 'C'
		AND c.table_name <> 'goose_db_version'`)
	if len(wrong) > 0 {
		t.Errorf("columns in the database's own order: %q", wrong)
	}
}

// rows are the first column of a query's answer.
func rows(t *testing.T, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	found, err := db.Query(query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	var list []string
	for found.Next() {
		var s string
		if err := found.Scan(&s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// A column is "table.column type, may be NULL, default".
func sqliteColumns(t *testing.T, db *sql.DB) []string {
	return rows(t, db, `SELECT m.name || '.' || c.name || ' ' || CASE c.type WHEN 'INTEGER' THEN 'BIGINT' ELSE c.type END ||
		CASE WHEN c."notnull" THEN '' ELSE ' NULL' END || COALESCE(' ' || c.dflt_value, '')
		FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> 'goose_db_version'`)
}

func postgresColumns(t *testing.T, db *sql.DB) []string {
	list := rows(t, db, `SELECT table_name || '.' || column_name || ' ' ||
		CASE data_type WHEN 'bytea' THEN 'BLOB' WHEN 'bigint' THEN 'BIGINT' WHEN 'text' THEN 'TEXT' ELSE data_type END ||
		CASE is_nullable WHEN 'NO' THEN '' ELSE ' NULL' END || COALESCE(' ' || column_default, '')
		FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'goose_db_version'`)
	for i := range list {
		list[i] = strings.ReplaceAll(list[i], "::text", "")
	}
	return list
}

// An index is "table (columns) unique WHERE predicate", with its name where we gave it. What finds rows by a
// constraint (a primary key, a UNIQUE column) has a name of the database's own.
func sqliteIndexes(t *testing.T, db *sql.DB) []string {
	list := rows(t, db, `SELECT l.origin || '|' || m.name || '|' || l.name || '|' || l."unique" || '|' ||
		(SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(l.name) ORDER BY seqno)) || '|' ||
		COALESCE((SELECT substr(i.sql, instr(i.sql, ' WHERE ') + 7) FROM sqlite_master i WHERE i.name = l.name AND instr(i.sql, 'WHERE ') > 0), '')
		FROM sqlite_master m JOIN pragma_index_list(m.name) l WHERE m.type = 'table' AND m.name <> 'goose_db_version'`)
	// A table whose key is its row's number has no index for it.
	keys := rows(t, db, `SELECT 'pk|' || m.name || '||1|' || c.name || '|' FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND c.pk = 1 AND c.type = 'INTEGER' AND m.name <> 'goose_db_version'`)
	return plain(append(list, keys...))
}

func postgresIndexes(t *testing.T, db *sql.DB) []string {
	return plain(rows(t, db, `SELECT CASE WHEN k.contype = 'p' THEN 'pk' WHEN k.contype = 'u' THEN 'u' ELSE 'c' END || '|' || tab.relname || '|' || ind.relname || '|' ||
		CASE WHEN i.indisunique THEN 1 ELSE 0 END || '|' ||
		(SELECT string_agg(a.attname, ', ' ORDER BY n) FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS col(num, n)
			JOIN pg_attribute a ON a.attrelid = tab.oid AND a.attnum = col.num) || '|' ||
		COALESCE(pg_get_expr(i.indpred, i.indrelid, true), '')
		FROM pg_index i JOIN pg_class ind ON ind.oid = i.indexrelid JOIN pg_class tab ON tab.oid = i.indrelid
		JOIN pg_namespace s ON s.oid = tab.relnamespace LEFT JOIN pg_constraint k ON k.conindid = ind.oid
		WHERE s.nspname = current_schema() AND tab.relname <> 'goose_db_version'`))
}

var (
	anyOfNumbers = regexp.MustCompile(`(\w+) = ANY \(ARRAY\[([^]]*)\](?:::\w+\[\])?\)`)
	space        = regexp.MustCompile(`\s+`)
)

// plain writes an index the same way for both databases.
func plain(list []string) []string {
	for i, text := range list {
		part := strings.Split(text, "|")
		if part[0] != "c" {
			part[2] = part[0]
		}
		where := part[5]
		if at := strings.LastIndex(where, "WHERE "); at >= 0 {
			where = where[at+len("WHERE "):]
		}
		where = strings.ReplaceAll(where, "::text", "")
		where = strings.ReplaceAll(where, "::bigint", "")
		where = anyOfNumbers.ReplaceAllString(where, "$1 IN ($2)")
		where = space.ReplaceAllString(strings.TrimSpace(where), " ")
		list[i] = fmt.Sprintf("%s %s (%s) unique=%s where %q", part[1], part[2], part[4], part[3], where)
	}
	return list
}

// Replicas that start together on an empty database: one migrates, all begin.
func TestReplicasStartTogether(t *testing.T) {
	url := pgtest.URL(t)
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() {
			s, err := OpenPostgres(context.Background(), url, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			err = s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
				return tx.SaveMerchant(engine.Merchant{ID: fmt.Sprint("m", i)})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	db := rawSQL(t, "pgx", url)
	if n := rows(t, db, `SELECT COUNT(*) FROM merchants`); n[0] != "6" {
		t.Errorf("%s merchants", n[0])
	}
	if n := rows(t, db, `SELECT version_id FROM goose_db_version GROUP BY version_id HAVING COUNT(*) > 1`); len(n) > 0 {
		t.Errorf("migrations ran twice: %q", n)
	}
}

// case 87: an older program refuses a newer schema, on both databases and in each way to open one.
func TestNewerSchemaIsRefusedEverywhere(t *testing.T) {
	onEach(t, func(t *testing.T, db database) {
		db.open(t, Options{}).Close()
		exec1(t, db.raw(t), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
		opens := map[string]func() error{
			"to write":   func() error { return opened(openAny(db.where)) },
			"to read":    func() error { return opened(OpenReadOnly(t.Context(), db.where, Options{})) },
			"to migrate": func() error { return Migrate(t.Context(), db.where, Options{Log: slog.New(slog.DiscardHandler)}) },
			"a dry run":  func() error { _, err := SchemaOf(t.Context(), db.where); return err },
		}
		for name, open := range opens {
			if err := open(); err == nil || !strings.Contains(err.Error(), "has schema 9999 and this program") {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := rows(t, db.raw(t), `SELECT MAX(version_id) FROM goose_db_version`); n[0] != "9999" {
			t.Errorf("the schema is %s now", n[0])
		}
	})
}

// openAny opens a database to write, by its path or URL.
func openAny(where string) (*Store, error) {
	o := Options{Log: slog.New(slog.DiscardHandler)}
	if IsPostgres(where) {
		return OpenPostgres(context.Background(), where, o)
	}
	return OpenSQLite(context.Background(), where, o)
}

// opened closes what should not have been opened.
func opened(s *Store, err error) error {
	if err == nil {
		s.Close()
	}
	return err
}

func exec1(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// onEachWithoutSchema runs a test on a database of each kind that has no table yet.
func onEachWithoutSchema(t *testing.T, test func(t *testing.T, where string, raw *sql.DB)) {
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "till.db")
		test(t, path, rawSQL(t, "sqlite", fileURI(path, "_pragma=busy_timeout(5000)")))
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.URL(t)
		test(t, url, rawSQL(t, "pgx", url))
	})
}

// tables are those of a database, but for the one in which migrations are counted.
func tables(t *testing.T, where string, raw *sql.DB) []string {
	t.Helper()
	if IsPostgres(where) {
		return rows(t, raw, `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name <> 'goose_db_version' ORDER BY 1`)
	}
	return rows(t, raw, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'goose_db_version' ORDER BY 1`)
}

// case 87: a dry run names what would be done, and does nothing.
func TestDryRun(t *testing.T) {
	onEachWithoutSchema(t, func(t *testing.T, where string, raw *sql.DB) {
		exec1(t, raw, `CREATE TABLE unrelated (x TEXT)`) // SQLite has no file before that
		for range 2 {
			s, err := SchemaOf(t.Context(), where)
			if err != nil || s.Version != 0 || len(s.Pending) < 20 || s.Pending[0] != "00001_start.sql" || !slices.IsSorted(s.Pending) {
				t.Fatalf("%+v %v", s, err)
			}
			if left := tables(t, where, raw); !slices.Equal(left, []string{"unrelated"}) {
				t.Fatalf("a dry run made %q", left)
			}
		}
		if err := Migrate(t.Context(), where, Options{Log: slog.New(slog.DiscardHandler)}); err != nil {
			t.Fatal(err)
		}
		newest, err := newestSchema(sqliteFolder)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := SchemaOf(t.Context(), where); err != nil || s.Version != newest || len(s.Pending) != 0 {
			t.Errorf("afterwards %+v %v", s, err)
		}
	})
}

// case 87: a migration that breaks off in the middle leaves nothing of itself, and the next start does it again.
func TestBrokenMigration(t *testing.T) {
	onEachWithoutSchema(t, func(t *testing.T, where string, raw *sql.DB) {
		exec1(t, raw, `CREATE TABLE messages (n BIGINT)`) // the first migration wants to make one of that name, as its last
		if err := opened(openAny(where)); err == nil || !strings.Contains(err.Error(), "messages") {
			t.Fatalf("error is %v", err)
		}
		if left := tables(t, where, raw); !slices.Equal(left, []string{"messages"}) {
			t.Errorf("half a migration is left: %q", left)
		}
		exec1(t, raw, `DROP TABLE messages`)
		s, err := openAny(where)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { return tx.InsertOrder(testOrder(tx)) }); err != nil {
			t.Fatal(err)
		}
	})
}

// case 87: whenever a process is killed while it migrates a file, the next one makes the same schema of it.
func TestKilledMigrationOfAFile(t *testing.T) {
	schema := func(s *Store) []string {
		return rows(t, s.readers, `SELECT name || ' ' || COALESCE(sql, '') FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1`)
	}
	want := schema(testStore(t))
	for _, version := range []int{1, 4, 9, 16, 25} { // killed when this one is there, or soon afterwards
		path := filepath.Join(t.TempDir(), "till.db")
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+path)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, func() bool {
			s, err := SchemaOf(context.Background(), path)
			return err == nil && s.Version >= int64(version)
		})
		child.Process.Kill()
		child.Wait()
		s := openTest(t, path, Options{})
		if got := schema(s); !slices.Equal(got, want) {
			t.Errorf("killed at schema %d it has %q, want %q", version, got, want)
		}
		s.Close()
	}
}

// case 87: a migration killed in the middle leaves nothing of itself, and the next start does it again.
func TestKilledMigration(t *testing.T) {
	url := pgtest.URL(t)
	db := rawSQL(t, "pgx", url)
	// A table of the same name that is not committed stops the first migration at its last table.
	blocker, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer blocker.Rollback()
	if _, err := blocker.Exec(`CREATE TABLE messages (n BIGINT)`); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childEnv+"="+url)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	waiting := `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'CREATE TABLE messages%'`
	waitFor(t, func() bool { return len(rows(t, db, waiting)) == 1 })
	child.Process.Kill()
	child.Wait()
	if err := blocker.Rollback(); err != nil {
		t.Fatal(err)
	}
	// The server ends what the dead process had begun when it next looks at the connection.
	waitFor(t, func() bool {
		return len(rows(t, db, `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'till'`)) == 0
	})
	left := rows(t, db, `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name <> 'goose_db_version'`)
	if len(left) > 0 {
		t.Errorf("half a migration is left: %q", left)
	}
	s := openPostgres(t, url, Options{})
	if err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error { return tx.InsertOrder(testOrder(tx)) }); err != nil {
		t.Fatal(err)
	}
}
