package app

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/bank"
)

// The page of a bank shows the account of the config: an operator uploads a statement to it, makes the file of what waits, and sees what the folder refused.
func TestPageOfABank(t *testing.T) {
	dir := t.TempDir()
	a := startIn(t, dir, networksOff+oneBank+"folder = \"bank\"\n", io.Discard)
	defer stop(t, a)
	const password = "correct horse battery"
	if _, err := a.people.Add(t.Context(), "test", auth.NewPerson{Name: "olga", Password: password, Roles: map[string]auth.Role{auth.House: auth.Operator}}); err != nil {
		t.Fatal(err)
	}
	to := bank.Payee{Name: "Ana", Account: "ES9121000418450200051332"}
	if _, err := a.banks["giro"].Send(t.Context(), rail.Delivery{ID: "t", To: to.Text(), Amount: money.FromInt(fiat("EUR"), 1250)}); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	read := func(got *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		text, err := io.ReadAll(got.Body)
		if err != nil || got.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s %v", got.Request.URL, got.StatusCode, text, err)
		}
		return string(text)
	}
	shows := func(page string, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(page, text) {
				t.Errorf("%q is not shown: %s", text, page)
			}
		}
	}
	read(browser.PostForm(a.URL()+"/login", url.Values{"name": {"olga"}, "password": {password}}))
	page := read(browser.Get(a.URL() + "/banks/giro"))
	shows(page, "DE89370400440532013000", "Shop GmbH", "Transfers that wait: 1, 12.50\u00a0EUR")
	found := regexp.MustCompile(`name="form_token" value="([^"]+)"`).FindStringSubmatch(page)
	if found == nil {
		t.Fatal(page)
	}

	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("form_token", found[1]); err != nil {
		t.Fatal(err)
	}
	part, err := form.CreateFormFile("file", "statement")
	if err != nil {
		t.Fatal(err)
	}
	const statement = ":20:STARTUMS\r\n:25:DE89370400440532013000\r\n:28C:1/1\r\n:60F:C260120EUR100,00\r\n:61:2601200120C1,00NTRFNONREF//B1\r\n:86:166?00X?20NOTHING?32ANN\r\n:62F:C260120EUR101,00\r\n-\r\n"
	if _, err := io.WriteString(part, statement); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		t.Fatal(err)
	}
	shows(read(browser.Post(a.URL()+"/banks/giro/statements", form.FormDataContentType(), &body)), "New lines: 1 (matched: 0, proposed: 0, in suspense: 1", "101.00\u00a0EUR")
	shows(read(browser.PostForm(a.URL()+"/banks/giro", url.Values{"form_token": {found[1]}, "do": {"make"}})), "The payment file is made", "12.50\u00a0EUR", "GIRO-")

	if err := os.MkdirAll(filepath.Join(dir, "bank", "in"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bank", "in", "broken.sta"), []byte(strings.Replace(statement, "101,00", "102,00", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		page := read(browser.Get(a.URL() + "/banks/giro"))
		if strings.Contains(page, ">broken.sta<") && strings.Contains(page, "Nothing of this file was booked") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(page)
		}
	}
}
