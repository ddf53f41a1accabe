package store

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
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

// case 87: an older program refuses a newer schema, on both databases.
func TestNewerSchemaIsRefusedEverywhere(t *testing.T) {
	url := pgtest.URL(t)
	openPostgres(t, url, Options{}).Close()
	if _, err := rawSQL(t, "pgx", url).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)`); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPostgres(context.Background(), url, Options{}); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Fatalf("error is %v", err)
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
