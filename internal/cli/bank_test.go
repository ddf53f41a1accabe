package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"till/internal/app"
	"till/internal/operator/client"
)

func bankFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// credits is an MT940 of that many credits of one euro.
func credits(account string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, ":20:X\r\n:25:%s\r\n:28C:1/1\r\n:60F:C260301EUR0,\r\n", account)
	for i := range n {
		fmt.Fprintf(&b, ":61:2603020302C1,NTRFNONREF//L%d\r\n:86:166?20for you and for nobody else?32Somebody\r\n", i)
	}
	fmt.Fprintf(&b, ":62F:C260302EUR%d,\r\n-\r\n", n)
	return b.String()
}

const ofGiro = "DE89370400440532013000"

// withBank is a server with a bank account and a method that leads payers to it, and what asks Koywe's API there.
func withBank(t *testing.T) (ask func(path, body string, into any)) {
	t.Helper()
	dir := t.TempDir()
	s := startServe(t, "serve", "--config", writeConfig(t, dir, `
[server]
addr = "127.0.0.1:0"
[banks.giro]
mode = "live"
currency = "EUR"
account = "`+ofGiro+`"
country = "DE"
holder = "Shop GmbH"
[methods.SEPA.DE]
currency = "EUR"
network = "giro"
prompt = "bank_transfer"
`))
	t.Cleanup(func() { s.stop(t, 0) })
	var keys app.FirstKeys
	if err := json.Unmarshal([]byte(readFile(t, filepath.Join(dir, app.FirstKeysFile))), &keys); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TILL_URL", s.url)
	t.Setenv("TILL_TOKEN", keys.OperatorToken.Reveal())
	token := ""
	ask = func(path, body string, into any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/koywe/api/v1"+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+token)
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		text, err := io.ReadAll(got.Body)
		if err != nil || got.StatusCode >= 300 || json.Unmarshal(text, into) != nil {
			t.Fatalf("%s: %d %s %v", path, got.StatusCode, text, err)
		}
	}
	id, secret, _ := strings.Cut(keys.APIKeys["koywe"].Live.Reveal(), ":")
	var signed struct{ Token string }
	ask("/auth/sign-in", fmt.Sprintf(`{"apiKey":%q,"secret":%q}`, id, secret), &signed)
	token = signed.Token
	return ask
}

func TestBankCommands(t *testing.T) {
	ask := withBank(t)
	good := bankFile(t, "good.sta", credits(ofGiro, 2))

	type imported struct {
		File string
		client.ImportReport
	}
	got := answer[[]imported](t, "bank", "import", good)
	if len(got) != 1 || got[0].File != good || got[0].Booked != 2 || got[0].Suspense != 2 || got[0].Statements != 1 {
		t.Errorf("imported %+v", got)
	}
	if got := answer[[]imported](t, "bank", "import", "--bank", "giro", good, good); len(got) != 2 || got[1].Booked != 0 || got[1].Repeated != 2 {
		t.Errorf("again %+v", got)
	}
	wants(t, []string{"FILE", "SUSPENSE", "good.sta"}, "bank", "import", good)
	wants(t, []string{"giro", "2.00 EUR", "2026-03-02", "0.00"}, "bank", "ls")

	wrong := bankFile(t, "wrong.sta", strings.Replace(credits(ofGiro, 2), ":61:2603020302C1,NTRFNONREF//L1", ":61:2602310302C1,NTRFNONREF//L1", 1))
	fails(t, 1, wrong+":7: ", "bank", "import", wrong)
	fails(t, 1, "x.pdf: ", "bank", "import", bankFile(t, "x.pdf", "%PDF-1.7"))
	fails(t, 1, "no such bank account", "bank", "import", "--bank", "none", good)

	if made := answer[[]client.PaymentFile](t, "bank", "export", "--out", t.TempDir()); len(made) != 0 {
		t.Errorf("nothing waits, and files are made: %+v", made)
	}
	wants(t, []string{"no transfer waits"}, "bank", "export")
	stranger := bankFile(t, "answer.xml", `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr><MsgId>A</MsgId><CreDtTm>2026-01-02T10:00:00Z</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>NOBODYS</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId><GrpSts>ACCP</GrpSts></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>`)
	fails(t, 1, `"NOBODYS"`, "bank", "answer", stranger)

	waiting := answer[[]client.Booking](t, "bank", "bookings", "--state", "suspense")
	if len(waiting) != 2 {
		t.Fatalf("in suspense %+v", waiting)
	}
	fails(t, 1, "No such order", "bank", "accept", waiting[0].ID, "nobodys")
	fails(t, 1, "no such booking", "bank", "dismiss", "nobodys", "nobodys")
	var o struct{ ID string }
	ask("/organizations/default/merchants/default/orders",
		`{"type":"PAYIN","originCurrencySymbol":"EUR","destinationCurrencySymbol":"EUR","amountIn":1,"paymentMethods":[{"method":"SEPA"}]}`, &o)
	fails(t, 1, "not proposed", "bank", "dismiss", waiting[0].ID, o.ID)
	if got := answer[client.Booking](t, "bank", "accept", waiting[0].ID, o.ID); got.State != "matched" || got.Order != o.ID {
		t.Errorf("accepted %+v", got)
	}
	fails(t, 1, "does not wait", "bank", "accept", waiting[0].ID, o.ID)
	if left := answer[[]client.Booking](t, "bank", "bookings", "--state", "suspense"); len(left) != 1 || left[0].ID != waiting[1].ID {
		t.Errorf("left in suspense: %+v", left)
	}
	if _, shown := runs(t, 0, "bank", "import", bankFile(t, "long.sta", credits(ofGiro, longFile/80))); !strings.Contains(shown, " sent") || !strings.Contains(shown, "100% booked") {
		t.Errorf("of a long file is shown %q", shown)
	}
}
