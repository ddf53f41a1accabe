package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// What TestQueriesUseIndexes holds on SQLite, on PostgreSQL: on tables that are filled and known to the server's statistics no plan
// that is kept looks through a table or through all of an index, and only those sort whose rows are few by nature.
func TestPostgresPlansUseIndexes(t *testing.T) {
	url := emptyPostgres(t)
	s := openPostgres(t, url, Options{})
	fillTables(t, rawSQL(t, "pgx", url))
	queries, few := indexedQueries(func(query string, columns ...string) string {
		keys := make([]any, len(columns))
		for i, column := range columns {
			keys[i] = ""
			if strings.HasSuffix(column, "place") || strings.HasSuffix(column, "number") || strings.HasSuffix(column, "scope_id") || column == "day" || query == selectNumber || query == selectScopes {
				keys[i] = int64(0)
			}
		}
		condition, _ := anyOfArrays(columns, [][]any{keys})
		query = strings.Replace(query, "{any}", condition, 1)
		if strings.HasSuffix(query, "LIMIT ") {
			query += "$" + strconv.Itoa(len(columns)+1)
		}
		return query
	})
	conn, err := s.readers.Conn(context.Background()) // with the settings of every connection
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(context.Background(), `SET plan_cache_mode = force_generic_plan`); err != nil {
		t.Fatal(err)
	}
	sorts := map[string]bool{}
	for _, query := range append(few, selectEndpointsOfScope, selectPaymentsSince) {
		sorts[query] = true
	}
	for _, q := range queries {
		checkPlan(t, conn, q.query, cmp.Or(ownWording[q.query], q.query), sorts[q.query])
	}
	for _, query := range manyRows {
		var text string
		err := s.writer.native(func(ctx context.Context, c *pgx.Conn) (err error) {
			text, err = s.writer.batch.many(ctx, c, query)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		checkPlan(t, conn, query, text, false)
	}
}

var (
	wholeIndex = regexp.MustCompile(`Index (Only )?Scan (Backward )?using (\w+) on`)
	plainSort  = regexp.MustCompile(`^\s*(-> +)?Sort +\(cost`) // an incremental one sorts what is equal in an index
	counting   = regexp.MustCompile(`\$(\d+)`)
)

func checkPlan(t *testing.T, conn *sql.Conn, query, text string, maySort bool) {
	t.Helper()
	ctx := context.Background()
	args := 0
	for _, found := range counting.FindAllStringSubmatch(text, -1) {
		var n int
		fmt.Sscan(found[1], &n)
		args = max(args, n)
	}
	if _, err := conn.ExecContext(ctx, "PREPARE looked AS "+text); err != nil {
		t.Errorf("%s: %v", text, err)
		return
	}
	defer conn.ExecContext(ctx, "DEALLOCATE looked")
	execute := "EXPLAIN EXECUTE looked"
	if args > 0 {
		execute += "(NULL" + strings.Repeat(", NULL", args-1) + ")"
	}
	plan := explain(t, conn, execute)
	// A walk along a partial index, or along an index in the order that a LIMIT ends, looks at no row too many.
	limited := strings.Contains(text, "LIMIT")
	for i, line := range plan {
		through := wholeIndex.MatchString(line) && !limited && (i+1 == len(plan) || !strings.Contains(plan[i+1], "Index Cond"))
		if strings.Contains(line, "Seq Scan") || strings.Contains(line, "Bitmap") || through || plainSort.MatchString(line) && !maySort {
			t.Errorf("%s\n\t%s", text, strings.Join(plan, "\n\t"))
			return
		}
	}
}

// A table that grew since anybody counted its rows is still looked up by its key: a new database takes thousands of orders before the server
// counts, and comparing each free instrument with every one that is held took a tenth of a second for each block of them.
func TestPostgresPlansOfTablesThatGrew(t *testing.T) {
	url := emptyPostgres(t)
	s := openPostgres(t, url, Options{})
	db := rawSQL(t, "pgx", url)
	for _, statement := range []string{
		`INSERT INTO instruments (number, family, value, merchant, mode, master_public_key, archived, claim, rest_since, rest_until, created_at)
			SELECT g, 'evm', 'v' || g, 'm0', 'sandbox', '', 0, 'run', 0, 0, 0 FROM generate_series(1, 5000) g`,
		`ANALYZE instruments`,
		`INSERT INTO holds (number, from_at, order_id, to_at) SELECT g, 1, 'o' || g, 0 FROM generate_series(1, 400) g`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	conn := s.writer.conn // nobody writes
	for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
		if _, err := conn.ExecContext(context.Background(), `SET plan_cache_mode = `+mode); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ExecContext(context.Background(), `PREPARE looked AS `+ofKind(selectRun, false)); err != nil {
			t.Fatal(err)
		}
		plan := explain(t, conn, `EXPLAIN EXECUTE looked('m0', 'sandbox', 'evm', 401, 1000000, 512)`)
		if text := strings.Join(plan, "\n\t"); !strings.Contains(text, "Index Cond: (number = i.number)") {
			t.Errorf("%s\n\t%s", mode, text)
		}
		if _, err := conn.ExecContext(context.Background(), `DEALLOCATE looked`); err != nil {
			t.Fatal(err)
		}
	}
}

// explain is the lines of a plan.
func explain(t *testing.T, conn *sql.Conn, query string) (plan []string) {
	t.Helper()
	rows, err := conn.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}

// fillTables puts rows into every table, whatever its columns are, and lets the server count them.
func fillTables(t *testing.T, db *sql.DB) {
	t.Helper()
	const n = 3000
	for _, table := range rows(t, db, `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_name NOT LIKE 'goose%'`) {
		var names, values []string
		for _, column := range rows(t, db, `SELECT column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1`, table) {
			name, kind, _ := strings.Cut(column, " ")
			value := map[string]string{"bigint": "g", "text": "'x' || g", "bytea": "'\\x00'::bytea"}[kind]
			if value == "" {
				t.Fatalf("%s.%s is a %s", table, name, kind)
			}
			value = cmp.Or(map[string]string{"postings.to_account": "'y' || g", "postings.amount": "g || ' USD/2'"}[table+"."+name], value) // what their checks want
			names, values = append(names, name), append(values, value)
		}
		statement := fmt.Sprintf("INSERT INTO %s (%s) SELECT %s FROM generate_series(10, %d) g", table, strings.Join(names, ", "), strings.Join(values, ", "), n+10)
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	// What partial indexes hold.
	for table, set := range map[string]string{
		"holds": "to_at = 0", "entries": "sealed = 0", "events": "sealed = 0, told = 0", "actions": "sealed = 0", "orders": "aside = 1, reviewing = 1",
		"payments": "rank = 1", "messages": "state = 'pending'", "instruments": "archived = 0, quarantined = 0, claim = 'x', rest_since = 0",
	} {
		if _, err := db.Exec("UPDATE " + table + " SET " + set + " WHERE substr(md5(ctid::TEXT), 1, 1) < '5'"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.Exec("ANALYZE"); err != nil {
		t.Fatal(err)
	}
}
