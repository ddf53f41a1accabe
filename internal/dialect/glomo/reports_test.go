package glomo

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// table is a report as a spreadsheet reads it: its columns and its lines by column.
func (k *kit) report(key, query string) (columns []string, lines []map[string]string) {
	k.Helper()
	got := k.get(key, query)
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "text/csv; charset=utf-8; header=present" || !strings.Contains(got.header.Get("Content-Disposition"), "attachment") {
		k.Fatalf("%s: %d %v %s", query, got.status, got.header, got.body)
	}
	rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
	k.must(err)
	for _, row := range rows[1:] {
		line := map[string]string{}
		for i, cell := range row {
			line[rows[0][i]] = cell
		}
		lines = append(lines, line)
	}
	return rows[0], lines
}

// Each name of the notes is a column, whoever used it; and no cell is a formula. case 56
func TestOrdersReport(t *testing.T) {
	k := newKit(t)
	if columns, lines := k.report(shopKey, "/reports/orders.csv"); !slices.Equal(columns, orderColumns) || len(lines) != 0 {
		t.Errorf("nothing: %v %v", columns, lines)
	}
	first := k.order("notes", `{"zone":"=HYPERLINK(\"http://evil\")","@evil":"1"}`, "product", `{"name":"Mug, \"blue\"","description":"two, lines"}`, "reference_number", `"+R"`)
	k.clock.Move(time.Hour)
	second := k.order("notes", `{"apple":"-1"}`, "amount", "250", "request_id", `"q-1"`, "invoice_amount", "300", "payment_methods", `["card","bank_transfer"]`)
	k.clock.Move(time.Hour)
	third := k.order()
	other := k.made(otherKey, "/api/v1/customer", goodCustomer)
	k.made(otherKey, "/api/v1/orders", with(k.good("notes", `{"foreign":"1"}`), "customer_id", quoted(other)))

	columns, lines := k.report(shopKey, "/reports/orders.csv")
	if want := append(slices.Clone(orderColumns), "'@evil", "apple", "zone"); !slices.Equal(columns, want) {
		t.Errorf("columns %v", columns)
	}
	if len(lines) != 3 || lines[0]["id"] != first || lines[1]["id"] != second || lines[2]["id"] != third {
		t.Fatalf("%v", lines)
	}
	for column, want := range map[string]string{
		"zone": `'=HYPERLINK("http://evil")`, "'@evil": "1", "apple": "", "product_name": `Mug, "blue"`, "product_description": "two, lines", "reference_number": "'+R", "amount": "1000",
		"status": "active", "currency": "USD", "created_at": "2026-03-02T10:30:00Z", "invoice_amount": "",
	} {
		if lines[0][column] != want {
			t.Errorf("%s: %q, want %q", column, lines[0][column], want)
		}
	}
	for column, want := range map[string]string{"apple": "'-1", "zone": "", "amount": "250", "request_id": "q-1", "invoice_amount": "300", "payment_methods": "card bank_transfer"} {
		if lines[1][column] != want {
			t.Errorf("%s: %q, want %q", column, lines[1][column], want)
		}
	}
	columns, lines = k.report(shopKey, "/reports/orders.csv?after=2026-03-02T10:30:00Z&before=2026-03-02T12:30:00Z")
	if len(lines) != 1 || lines[0]["id"] != second || !slices.Equal(columns, append(slices.Clone(orderColumns), "apple")) {
		t.Errorf("of an hour: %v %v", columns, lines)
	}
	k.refused("a bad time", k.get(shopKey, "/reports/orders.csv?after=yesterday"), 400, "after")
	k.refused("no such report", k.get(shopKey, "/reports/secrets.csv"), 404, "There is no")
	k.refused("no key", k.get("", "/reports/orders.csv"), 401, "token")
	k.refused("a browser's key", k.get(browserKey, "/reports/orders.csv"), 401, "token")
	k.refused("a key that may not", k.get(readerKey, "/reports/orders.csv"), 403, "reports:read")
}

// A report says what it cannot show, and ends where nobody takes it.
func TestReportBounds(t *testing.T) {
	k := newKit(t)
	for i := range maxNoteColumns/maxNotes + 1 {
		var notes []string
		for j := range maxNotes {
			notes = append(notes, fmt.Sprintf(`"k%d_%d":"v"`, i, j))
		}
		k.order("notes", "{"+strings.Join(notes, ",")+"}")
	}
	k.refused("too many names", k.get(shopKey, "/reports/orders.csv"), 400, "different keys")

	_, err := k.dialect.Report(context.Background(), "nothing", scopeOf("shop", engine.Sandbox), time.Time{}, time.Time{})
	if !fault.Is(err, fault.CodeNotFound) {
		t.Errorf("no such report: %v", err)
	}
	write, err := k.dialect.Report(context.Background(), "orders", scopeOf("other", engine.Sandbox), time.Time{}, time.Time{})
	k.must(err)
	if err := write(context.Background(), failing{}); err == nil {
		t.Error("a report that nobody takes was written")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// An order that is made while a report is being written is not in it: its notes have no columns there.
func TestReportOfAMoment(t *testing.T) {
	k := newKit(t)
	k.order("notes", `{"a":"1"}`)
	write, err := k.dialect.Report(context.Background(), "orders", scopeOf("shop", engine.Sandbox), time.Time{}, time.Time{})
	k.must(err)
	k.order("notes", `{"b":"2"}`)
	var text bytes.Buffer
	k.must(write(context.Background(), &text))
	if lines := strings.Count(text.String(), "\r\n"); lines != 2 || !strings.Contains(text.String(), ",a\r\n") {
		t.Errorf("%s", text.String())
	}
}
