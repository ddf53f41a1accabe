package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The shell blocks of these pages are run word for word. What a page says to change for one's own server is changed: where the
// server is, and where its files are.
func TestHowTo(t *testing.T) {
	t.Parallel()
	for page, says := range map[string][]string{
		// What is shown on the way, in this order: it is the end of each part.
		"payin": {
			`"pagination"`, `pk_test_`, `Imported 1 of 1 addresses`, `"depositReference":"CUSTOMER-42"`, `"config":{"url":"https://203.0.113.7/hook"`, `"value":15`,
			`"url":"http[^"]*/checkout/`, `roles +default=viewer`, `"token":"ses_`,
		},
		"koywe": {
			`"balance":"500000000.00"`, `api key +api_`, `api key +api_`, `"externalId":"INV-1"`, `"type":"BALANCE_TRANSFER".*"amountIn":400000,"amountOut":100,`, `"id":"whk_`,
			`"pagination"`,
		},
		"glomo": {
			`"page_meta"`, `key +test_`, `key +eyJ`, `"status":"paid"`, `checkout_origins +\["https://shop.example"\]`, `\(stdin\)= [0-9a-f]{64}`, `custom_fields +\[\{"name":"policy_number"`,
			`id,status,currency,amount.*,project`, `order_[^,]*,paid,EUR,29900,.*,apollo`, `payments.csv: [0-9]+ bytes`,
		},
		"baanx": {`"isEligible":true`, `true`, `My shop`, `2`},
	} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			s := start(t, "--data", data)
			own := strings.NewReplacer("/tmp/dev.json", s.out, "/tmp/till/", data+"/", "http://127.0.0.1:4488", s.info.BaseURL)
			shown := shell(t, own.Replace(blocksOf(t, page)))
			rest := shown
			for _, want := range says {
				at := regexp.MustCompile(want).FindStringIndex(rest)
				if at == nil {
					t.Fatalf("%q is not shown, or not in its place:\n%s", want, shown)
				}
				rest = rest[at[1]:]
			}
		})
	}
}

// A command that fails, and an answer that refuses, end a page.
func TestHowToFails(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, script := range []string{
		"till key list --url " + s.info.BaseURL + " --token wrong\necho on\n",
		"curl -s " + s.info.BaseURL + "/no/such/page\necho on\n",
		"echo \"$UNSET\"\necho on\n",
	} {
		if shown, _, err := sh(t, script); err == nil || strings.Contains(shown, "on\n") {
			t.Errorf("it went on (%v): %s", err, script)
		}
	}
}

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// blocksOf is all that a page says to type.
func blocksOf(t *testing.T, page string) (script string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "how-to", page+".md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		script += block[1]
	}
	if script == "" {
		t.Fatalf("%s has no shell block", page)
	}
	return script
}

// shell runs a script and returns what it showed. It must not fail anywhere.
func shell(t *testing.T, script string) string {
	t.Helper()
	shown, trace, err := sh(t, script)
	if err != nil {
		t.Fatalf("the shell ended with %v\n%s\n%s", err, shown, trace)
	}
	return shown
}

// sh runs a script with this program as till. It ends at the first command that fails, and curl fails where the answer is an error.
func sh(t *testing.T, script string) (shown, trace string, err error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{".curlrc": "fail-with-body\nshow-error\n", "page.sh": script} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-eux", "page.sh")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"), "CURL_HOME="+dir, "HOME="+dir)
	cmd.SysProcAttr = ownGroup()
	cmd.WaitDelay = 10 * time.Second
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err = cmd.Run()
	return out.String(), log.String(), err
}
