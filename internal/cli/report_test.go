package cli

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"till/internal/app/dev"
)

// A report is printed, or lies in its file once it is whole; what is refused leaves no file.
func TestReports(t *testing.T) {
	info := devServer(t)
	first, second := makeCheckout(t, info, `{"project":"=apollo"}`), makeCheckout(t, info, `{"tier":"gold"}`)
	lines := func(text string) [][]string {
		t.Helper()
		read, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		return read
	}
	printed := command(t, "report", "orders", "default", "--mode=sandbox")
	all := lines(printed)
	if len(all) != 3 || all[0][0] != "id" || !slices.Equal(all[0][len(all[0])-2:], []string{"project", "tier"}) {
		t.Fatalf("%v", all)
	}
	column := func(name string) int { return slices.Index(all[0], name) }
	for i, want := range map[int]string{1: first, 2: second} {
		if all[i][0] != want || all[i][column("amount")] != "29900" || all[i][column("status")] != "active" {
			t.Errorf("line %d: %v, want %s", i, all[i], want)
		}
	}
	if all[1][column("project")] != "'=apollo" || all[1][column("tier")] != "" || all[2][column("tier")] != "gold" {
		t.Errorf("%v", all)
	}
	if got := lines(command(t, "report", "payments", "default", "--mode=sandbox")); len(got) != 1 || got[0][1] != "order_id" {
		t.Errorf("%v", got)
	}
	if got := lines(command(t, "report", "orders", "default", "--mode=sandbox", "--to=2020-01-01")); len(got) != 1 {
		t.Errorf("%v", got)
	}

	dir := t.TempDir()
	out := filepath.Join(dir, "orders.csv")
	wants(t, []string{out, "bytes"}, "report", "orders", "default", "--mode=sandbox", "--out", out)
	if text, err := os.ReadFile(out); err != nil || string(text) != printed {
		t.Errorf("%s %v", text, err)
	}
	fails(t, 1, "no reports", "report", "orders", "default", "--mode=sandbox", "--dialect=payin", "--out", filepath.Join(dir, "none.csv"))
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("%v %v", list, err)
	}
}

// makeCheckout makes an order of the Glomo API with notes.
func makeCheckout(t *testing.T, info dev.Info, notes string) string {
	t.Helper()
	body := `{"customer_id":"` + info.Glomo.CustomerID + `","currency":"EUR","amount":29900,"notes":` + notes + `}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, info.Glomo.BaseURL+"/api/v1/orders", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+info.Glomo.SecretKey)
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s %v", got.StatusCode, text, err)
	}
	var made struct{ ID string }
	if err := json.Unmarshal(text, &made); err != nil {
		t.Fatal(err)
	}
	return made.ID
}
