package app

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/notify"
	"till/internal/notify/notifytest"
	"till/internal/order"
	"till/internal/party"
	"till/internal/rail/sandbox"
)

const (
	smtpCanary  = "smtp-canary-7f3a"
	graphCanary = "graph-canary-91bc"
)

// A customer is told by e-mail and WhatsApp, with a link to the page, through the servers of the config. Its secrets are in no
// file but the config's, and not in the log, also when the far side repeats them.
func TestCustomersAreToldByTheServer(t *testing.T) {
	mails := notifytest.StartMail(t, func(m *notifytest.Mail) {
		m.StartTLS, m.Auth, m.User, m.Password = true, "PLAIN", "till", smtpCanary
	})
	asked := make(chan string, 10)
	graph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is cut off does not hold what is looked for
		if r.Header.Get("Authorization") != "Bearer "+graphCanary {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		asked <- r.URL.Path + " " + string(body)
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":{"code":190,"message":"Malformed access token `+graphCanary+`"}}`)
	}))
	t.Cleanup(graph.Close)
	dir, secret := t.TempDir(), t.TempDir()
	write(t, dir, "ca.pem", string(mails.PEM))
	write(t, secret, "smtp", smtpCanary+"\n")
	write(t, secret, "graph", graphCanary+"\n")
	logFile, err := os.Create(filepath.Join(dir, "till.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { logFile.Close() })
	text := networksOff + "[log]\nlevel = \"debug\"\n[notify.smtp]\nhost = \"127.0.0.1\"\nport = " + strconv.Itoa(mails.Port) + "\nuser = \"till\"\npassword_file = \"" + secret +
		"/smtp\"\nfrom = \"Shop <pay@shop.example>\"\nca_file = \"ca.pem\"\n[notify.whatsapp]\nurl = \"" + graph.URL + "/v23.0\"\nnumber_id = \"1066\"\ntoken_file = \"" + secret + "/graph\"\n"
	a := startIn(t, dir, text, logFile)
	_, err = a.FirstStart(t.Context(), filepath.Join(dir, FirstKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	scope := engine.Scope{Merchant: "default", Mode: engine.Sandbox, Dialect: "payin"}
	ana := party.Customer{ID: "ana", Kind: party.Person, FirstName: "Ana", Email: "ana@example.com", Phone: "+573001234567", Country: "CO"}
	if _, err := a.Engine.AddCustomer(t.Context(), engine.Customer{Customer: ana, Scope: scope}); err != nil {
		t.Fatal(err)
	}
	var network engine.Network
	eventually(t, "the sandbox is heard", func() bool {
		network, err = a.Engine.Network("sandbox", engine.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Engine.Progress(t.Context(), sandbox.Name)
		return err == nil && p != nil
	})
	book := ledger.Owed("default")
	made, err := a.Engine.Create(t.Context(), engine.NewOrder{
		Scope: scope, PublicID: "ord_notified", Network: network, Instrument: engine.Made,
		Notify: engine.Notify{Customer: "ana", Email: true, WhatsApp: true, InApp: true},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: money.FromInt(money.MustAsset("EUR", "", 2), 1050), To: book.Account(ledger.Merchant), OverAny: true, Instant: true,
				Deadline: p.Now.Add(time.Hour)}, json.RawMessage(`{}`), nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the e-mail arrives", func() bool { return len(mails.All()) == 1 })
	mail := strings.ReplaceAll(mails.All()[0].Data, "=\r\n", "")
	if link := a.URL() + "/payin/pay/order/" + made.Order.PublicID; !strings.Contains(strings.ReplaceAll(mail, "=\n", ""), link) {
		t.Errorf("no %s in\n%s", link, mail)
	}
	select {
	case got := <-asked:
		if !strings.HasPrefix(got, "/v23.0/1066/messages ") || !strings.Contains(got, "573001234567") {
			t.Errorf("WhatsApp was asked %s", got)
		}
	case <-time.After(deadline):
		t.Fatal("WhatsApp was not asked")
	}
	eventually(t, "all is recorded", func() bool {
		list, err := a.Engine.SearchNotifications(t.Context(), engine.NotificationSearch{Limit: 10}, made.Order.PublicID)
		if err != nil || len(list) != 3 {
			t.Fatalf("%d %v", len(list), err)
		}
		for _, n := range list {
			if n.Channel == engine.ByWhatsApp && n.Error == "" || n.Channel != engine.ByWhatsApp && n.State != engine.NotificationSent {
				return false
			}
		}
		return true
	})
	noSecretsIn(t, dir) // with the write-ahead log
	stop(t, a)
	noSecretsIn(t, dir)
}

func noSecretsIn(t *testing.T, dir string) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, secret := range []string{smtpCanary, graphCanary} {
			if bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s holds %s", entry.Name(), secret)
			}
		}
		if bytes.Contains(text, []byte("Malformed access token")) || bytes.Contains(text, []byte("ord_notified")) {
			read++ // files that show what the server was used for
		}
		return err
	})
	if err != nil || read < 2 {
		t.Errorf("%d files tell of it: %v", read, err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(deadline); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestNotifyConfig(t *testing.T) {
	cfg, err := load(t, "")
	if err != nil || cfg.Senders != (Senders{}) {
		t.Fatalf("%+v %v", cfg.Senders, err)
	}
	dir := t.TempDir()
	text := `[notify.smtp]
host = "mail.example.com"
port = 465
security = "tls"
user = "till"
password = "in the file"
from = "Señor Shop <pay@example.com>"
timeout = "10s"
[notify.whatsapp]
number_id = "1066"
token_file = "token"
template = "till_notice"
`
	write(t, dir, "token", "  the-token\n")
	env := func(name string) string { return map[string]string{"TILL_SMTP_PASSWORD": "from the environment"}[name] }
	cfg, err = LoadConfig(write(t, dir, "till.toml", text), env, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	mail, chat := cfg.Senders.Email, cfg.Senders.WhatsApp
	if mail.Host != "mail.example.com" || mail.Port != 465 || mail.Security != notify.TLS || mail.User != "till" || mail.Password.Reveal() != "from the environment" ||
		mail.From.Address != "pay@example.com" || mail.From.Name != "Señor Shop" || mail.Timeout != 10*time.Second || mail.TLS != nil {
		t.Errorf("%+v", mail)
	}
	if chat.URL != notify.DefaultGraphURL || chat.NumberID != "1066" || chat.Token.Reveal() != "the-token" || chat.Template != "till_notice" || chat.Timeout != 30*time.Second {
		t.Errorf("%+v", chat)
	}
	good := "[notify.smtp]\nhost = \"mail.example.com\"\nfrom = \"pay@example.com\"\n"
	for _, c := range []struct{ text, says string }{
		{"[notify.smtp]\nfrom = \"pay@example.com\"\n", "notify.smtp.host: is missing"},
		{"[notify.smtp]\nhost = \"mail.example.com\"\n", "notify.smtp.from: want an address"},
		{"[notify.smtp]\nhost = \"mail.example.com\"\nfrom = \"pay@exämple.com\"\n", "notify.smtp.from: want an address"},
		{good + "port = 0\n", "line 4: notify.smtp.port"},
		{good + "security = \"ssl\"\n", "notify.smtp.security: want starttls"},
		{good + "security = \"none\"\n", "notify.smtp.security: none is for"},
		{good + "timeout = \"2m\"\n", "notify.smtp.timeout"},
		{good + "user = \"till\"\n", "notify.smtp.user: name and password"},
		{good + "password = \"hunter2\"\n", "notify.smtp.user: name and password"},
		{good + "user = \"till\"\npassword_file = \"nowhere\"\n", "notify.smtp.password_file: cannot be read"},
		{good + "user = \"till\"\npassword = \"hunter2\"\npassword_file = \"x\"\n", "notify.smtp.password_file: stands beside"},
		{good + "ca_file = \"till.toml\"\n", "notify.smtp.ca_file"},
		{"[notify.whatsapp]\ntoken = \"hunter2\"\n", "notify.whatsapp.number_id: is missing"},
		{"[notify.whatsapp]\nnumber_id = \"+57300\"\ntoken = \"hunter2\"\n", "notify.whatsapp.number_id: want"},
		{"[notify.whatsapp]\nnumber_id = \"1\"\n", "notify.whatsapp.token: is missing"},
		{"[notify.whatsapp]\nnumber_id = \"1\"\ntoken = \"hunter2\"\nurl = \"http://graph.example.com\"\n", "notify.whatsapp.url: want an https"},
		{"[notify.whatsapp]\nnumber_id = \"1\"\ntoken = \"hunter2\"\ntemplate = \"Till Notice\"\n", "notify.whatsapp.template"},
		{"[notify.whatsapp]\nnumber_id = \"1\"\ntoken = \"hunter2\"\ntimeout = \"0s\"\n", "notify.whatsapp.timeout"},
	} {
		_, err := load(t, c.text)
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %s", c.text, err, c.says)
		}
	}
}
