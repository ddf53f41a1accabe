package app

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/mail"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"till/internal/checkout"
	"till/internal/dialect"
	"till/internal/engine"
	"till/internal/notify"
	"till/internal/secrets"
	"till/internal/worker"
)

// The environment variables of secrets that customers are told with. They go before the config file.
const (
	envSMTPPassword  = "TILL_SMTP_PASSWORD"  // notify.smtp.password
	envWhatsAppToken = "TILL_WHATSAPP_TOKEN" // notify.whatsapp.token
)

// NotifySection is how customers are told of their orders.
type NotifySection struct {
	SMTP     SMTPSection     `toml:"smtp"`
	WhatsApp WhatsAppSection `toml:"whatsapp"`
}

// SMTPSection is the mail server; without a host there is none.
type SMTPSection struct {
	Host         string       `toml:"host"`
	Port         int          `toml:"port"`
	Security     string       `toml:"security"`
	User         string       `toml:"user"`
	Password     secrets.Text `toml:"password"`
	PasswordFile string       `toml:"password_file"`
	From         string       `toml:"from"`
	CAFile       string       `toml:"ca_file"`
	Timeout      Duration     `toml:"timeout"`
}

// WhatsAppSection is the business number; without a number there is none.
type WhatsAppSection struct {
	URL       string       `toml:"url"`
	NumberID  string       `toml:"number_id"`
	Token     secrets.Text `toml:"token"`
	TokenFile string       `toml:"token_file"`
	Template  string       `toml:"template"`
	Timeout   Duration     `toml:"timeout"`
}

const (
	defaultNotifyTimeout = Duration(30 * time.Second)
	minNotifyTimeout     = Duration(time.Second)
	maxNotifyTimeout     = Duration(50 * time.Second) // a worker gives one attempt a minute
)

func defaultNotify() NotifySection {
	return NotifySection{
		SMTP:     SMTPSection{Port: 587, Security: string(notify.StartTLS), Timeout: defaultNotifyTimeout},
		WhatsApp: WhatsAppSection{URL: notify.DefaultGraphURL, Timeout: defaultNotifyTimeout},
	}
}

// Senders is what customers are told by; nil where nothing is configured.
type Senders struct {
	Email    *notify.SMTP
	WhatsApp *notify.WhatsApp
}

func (s NotifySection) senders(dir string) (to Senders, err error) {
	if to.Email, err = s.SMTP.sender(dir); err == nil {
		to.WhatsApp, err = s.WhatsApp.sender(dir)
	}
	return to, err
}

func (s SMTPSection) sender(dir string) (*notify.SMTP, error) {
	key := func(name string) toml.Key { return toml.Key{"notify", "smtp", name} }
	if s.Host == "" {
		if s.User != "" || s.From != "" {
			return nil, wrong(key("host"), "is missing beside the rest of the mail server")
		}
		return nil, nil
	}
	from, err := mail.ParseAddress(s.From)
	local := loopback(s.Host)
	switch {
	case err != nil || strings.ContainsFunc(from.Address, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return nil, wrong(key("from"), `want an address like "Shop <pay@example.com>"`)
	case s.Port < 1 || s.Port > 65535:
		return nil, wrong(key("port"), "the port is a number from 1 to 65535")
	case !slices.Contains([]notify.Security{notify.StartTLS, notify.TLS, notify.NoTLS}, notify.Security(s.Security)):
		return nil, wrong(key("security"), "want starttls, tls or none")
	case notify.Security(s.Security) == notify.NoTLS && !local:
		return nil, wrong(key("security"), "none is for a server on this machine: what customers are told would cross the network in the clear")
	case s.Timeout < minNotifyTimeout || s.Timeout > maxNotifyTimeout:
		return nil, wrong(key("timeout"), "is from 1s to 50s")
	}
	password, err := secretOf(dir, s.Password, s.PasswordFile, key("password"), key("password_file"))
	if err != nil {
		return nil, err
	}
	if (s.User == "") != (password == "") {
		return nil, wrong(key("user"), "name and password come together: give both, or none for a server that asks for no login")
	}
	to := &notify.SMTP{Host: s.Host, Port: s.Port, Security: notify.Security(s.Security), User: s.User, Password: password, From: *from, Timeout: time.Duration(s.Timeout)}
	if s.CAFile != "" {
		pem, err := os.ReadFile(under(dir, s.CAFile))
		roots := x509.NewCertPool()
		if err != nil || !roots.AppendCertsFromPEM(pem) {
			return nil, wrong(key("ca_file"), "is no file of certificates in PEM that can be read")
		}
		to.TLS = &tls.Config{RootCAs: roots}
	}
	return to, nil
}

func (s WhatsAppSection) sender(dir string) (*notify.WhatsApp, error) {
	key := func(name string) toml.Key { return toml.Key{"notify", "whatsapp", name} }
	token, err := secretOf(dir, s.Token, s.TokenFile, key("token"), key("token_file"))
	if err != nil {
		return nil, err
	}
	if s.NumberID == "" {
		if token != "" || s.Template != "" {
			return nil, wrong(key("number_id"), "is missing beside the rest of the WhatsApp number")
		}
		return nil, nil
	}
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return nil, wrong(key("url"), "want an https URL with the API's version, like %q", notify.DefaultGraphURL)
	case strings.Trim(s.NumberID, "0123456789") != "":
		return nil, wrong(key("number_id"), "want the number's id, which is digits only and not the telephone number itself")
	case token == "":
		return nil, wrong(key("token"), "is missing")
	case s.Template != strings.ToLower(s.Template) || strings.ContainsAny(s.Template, " /"):
		return nil, wrong(key("template"), "want the name of an approved template, in small letters")
	case s.Timeout < minNotifyTimeout || s.Timeout > maxNotifyTimeout:
		return nil, wrong(key("timeout"), "is from 1s to 50s")
	}
	return &notify.WhatsApp{
		URL: strings.TrimRight(s.URL, "/"), NumberID: s.NumberID, Token: token, Template: s.Template, Timeout: time.Duration(s.Timeout),
		Client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

// secretOf is a secret of the config itself or of a file beside it.
func secretOf(dir string, own secrets.Text, file string, ownKey, fileKey toml.Key) (secrets.Text, error) {
	switch {
	case file == "":
		return own, nil
	case own != "":
		return "", wrong(fileKey, "stands beside %s: give one of them", ownKey)
	}
	text, err := os.ReadFile(under(dir, file))
	if err != nil {
		return "", wrong(fileKey, "cannot be read")
	}
	if own = secrets.Text(strings.TrimSpace(string(text))); own == "" {
		return "", wrong(fileKey, "is empty")
	}
	return own, nil
}

// notices is what the workers tell customers with.
func (a *App) notices(cfg Config) (worker.Notices, error) {
	texts, err := notify.ReadTexts()
	n := worker.Notices{Texts: texts, Describe: describe(a.dialects, a.publicURL(cfg))}
	if cfg.Senders.Email != nil {
		to := *cfg.Senders.Email
		to.Now = cfg.Now
		n.Email = &to
	}
	if cfg.Senders.WhatsApp != nil {
		n.WhatsApp = cfg.Senders.WhatsApp
	}
	return n, err
}

// describe is what a payer is told of an order beside its amount: what its page shows, where its API has one.
func describe(list []dialect.Dialect, public string) func(o *engine.Order) worker.Description {
	faces := map[string]checkout.Face{}
	for _, d := range list {
		if f, ok := d.(checkout.Face); ok {
			faces[d.Name()] = f
		}
	}
	return func(o *engine.Order) worker.Description {
		f, ok := faces[o.Scope.API()]
		if !ok {
			return worker.Description{}
		}
		d := worker.Description{About: f.PageTitle(o), Until: f.PageWindow(o)}
		if public != "" {
			d.Link = below(public, o.Scope.API()) + "/pay/order/" + o.PublicID
		}
		return d
	}
}
