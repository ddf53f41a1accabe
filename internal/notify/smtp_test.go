package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"
	"time"

	"till/internal/notify/notifytest"
	"till/internal/page"
)

const canary = "canary-password"

func senderTo(s *notifytest.Mail, change func(*SMTP)) *SMTP {
	c := &SMTP{
		Host: "127.0.0.1", Port: s.Port, Security: StartTLS, From: mail.Address{Name: "Señor Till, \"Pagos\"", Address: "pay@shop.example"}, Timeout: time.Minute,
		TLS: &tls.Config{RootCAs: s.Roots}, Now: func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
	}
	if change != nil {
		change(c)
	}
	return c
}

var letterOfTest = Written{Lang: page.Spanish, Title: "Recordatorio: año", Text: "Hola:\n\n.punto\nñandú = 5 €\n", HTML: "<p>ñandú</p>"}

func TestMailArrives(t *testing.T) {
	for name, c := range map[string]struct {
		server    func(*notifytest.Mail)
		client    func(*SMTP)
		encrypted bool
		user      string
	}{
		"STARTTLS and AUTH PLAIN": {
			func(s *notifytest.Mail) { s.StartTLS, s.Auth, s.User, s.Password = true, "LOGIN PLAIN", "till", canary },
			func(c *SMTP) { c.User, c.Password = "till", canary }, true, "till"},
		"TLS and AUTH LOGIN": {
			func(s *notifytest.Mail) { s.TLS, s.Auth, s.User, s.Password = true, "LOGIN", "till", canary },
			func(c *SMTP) { c.Security, c.User, c.Password = TLS, "till", canary }, true, "till"},
		"in the clear on this machine": {
			nil, func(c *SMTP) { c.Security = NoTLS }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := notifytest.StartMail(t, c.server)
			if err := senderTo(s, c.client).Send(t.Context(), "01abc", "ana@example.com", letterOfTest); err != nil {
				t.Fatal(err)
			}
			all := s.All()
			if len(all) != 1 || all[0].From != "pay@shop.example" || all[0].To != "ana@example.com" || all[0].Encrypted != c.encrypted || all[0].User != c.user {
				t.Fatalf("%+v", all)
			}
			wantMail(t, all[0].Data)
			if strings.Contains(s.Heard(), canary) {
				t.Error("the password was sent where it is no password")
			}
		})
	}
}

// wantMail reads a mail as a mail program does.
func wantMail(t *testing.T, data string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != letterOfTest.Title {
		t.Errorf("subject %q %v", subject, err)
	}
	from, err := m.Header.AddressList("From")
	if err != nil || from[0].Name != "Señor Till, \"Pagos\"" || from[0].Address != "pay@shop.example" {
		t.Errorf("from %v %v", from, err)
	}
	for name, want := range map[string]string{
		"To": "<ana@example.com>", "Message-Id": "<01abc@shop.example>", "Date": "Sun, 01 Mar 2026 12:00:00 +0000", "Auto-Submitted": "auto-generated", "Content-Language": "es",
	} {
		if got := m.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("%s %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, want := range []struct{ kind, text string }{{"text/plain; charset=utf-8", letterOfTest.Text}, {"text/html; charset=utf-8", letterOfTest.HTML}} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part) // NextPart decodes quoted-printable
		if got := strings.ReplaceAll(string(text), "\r\n", "\n"); err != nil || got != want.text || part.Header.Get("Content-Type") != want.kind {
			t.Errorf("%s: %q %v, want %q", part.Header.Get("Content-Type"), got, err, want.text)
		}
	}
	if _, err := parts.NextPart(); err != io.EOF {
		t.Errorf("more parts: %v", err)
	}
}

// What is refused for good, what may pass, and what is the server's own trouble; and no password in any error.
func TestMailIsRefused(t *testing.T) {
	other := errors.New("neither")
	login := func(c *SMTP) { c.User, c.Password = "till", canary }
	for name, c := range map[string]struct {
		server func(*notifytest.Mail)
		client func(*SMTP)
		want   error
		says   string
	}{
		"nobody of that name": {func(s *notifytest.Mail) { s.StartTLS = true; s.Replies["RCPT"] = "550 5.1.1 no such\x07 user" }, nil, ErrRefused, "RCPT: 550 5.1.1 no such user"},
		"it repeats who": {func(s *notifytest.Mail) {
			s.StartTLS = true
			s.Replies["RCPT"] = "550 5.1.1 <Ana@Example.com>: unknown"
		}, nil, ErrRefused, "RCPT: 550 5.1.1 <[address]>: unknown"},
		"it repeats who later":   {func(s *notifytest.Mail) { s.StartTLS = true; s.Replies["."] = "451 4.2.2 ana@example.com is full" }, nil, other, "451 4.2.2 [address] is full"},
		"greylisted":             {func(s *notifytest.Mail) { s.StartTLS = true; s.Replies["RCPT"] = "450 4.2.1 later" }, nil, other, "450"},
		"the text is refused":    {func(s *notifytest.Mail) { s.StartTLS = true; s.Replies["."] = "554 5.7.1 spam" }, nil, ErrRefused, "554"},
		"not now":                {func(s *notifytest.Mail) { s.StartTLS = true; s.Replies["."] = "451 4.3.0 disk" }, nil, other, "451"},
		"the sender is refused":  {func(s *notifytest.Mail) { s.StartTLS = true; s.Replies["MAIL"] = "553 5.7.1 not yours" }, nil, ErrDown, "553"},
		"the server is closing":  {func(s *notifytest.Mail) { s.StartTLS = true; s.Replies["RCPT"] = "421 4.3.2 closing" }, nil, ErrDown, "421"},
		"no greeting":            {func(s *notifytest.Mail) { s.Replies["greeting"] = "554 no service" }, nil, ErrDown, "554"},
		"no STARTTLS":            {nil, nil, ErrDown, "no STARTTLS"},
		"an unknown authority":   {func(s *notifytest.Mail) { s.StartTLS = true }, func(c *SMTP) { c.TLS = nil }, ErrDown, "certificate"},
		"a wrong password":       {func(s *notifytest.Mail) { s.StartTLS, s.Auth, s.User = true, "PLAIN", "till" }, login, ErrDown, "535"},
		"a wrong password again": {func(s *notifytest.Mail) { s.StartTLS, s.Auth, s.User = true, "LOGIN", "till" }, login, ErrDown, "535"},
		"no login":               {func(s *notifytest.Mail) { s.StartTLS = true }, login, ErrDown, "neither AUTH"},
		"no known login":         {func(s *notifytest.Mail) { s.StartTLS, s.Auth = true, "CRAM-MD5" }, login, ErrDown, "neither AUTH"},
		"it hangs":               {func(s *notifytest.Mail) { s.StartTLS = true; s.Replies["RCPT"] = "hang" }, func(c *SMTP) { c.Timeout = 200 * time.Millisecond }, ErrDown, "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			s := notifytest.StartMail(t, c.server)
			err := senderTo(s, c.client).Send(t.Context(), "01abc", "ana@example.com", letterOfTest)
			if err == nil {
				t.Fatal("it was sent")
			}
			if got := kindOf(err, other); got != c.want {
				t.Errorf("%v: is %v, want %v", err, got, c.want)
			}
			if !strings.Contains(err.Error(), c.says) || strings.ContainsAny(err.Error(), "\r\n\x07") {
				t.Errorf("says %q, want %q", err, c.says)
			}
			if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "AGNhbmFyeS") || strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(strings.ToLower(err.Error()), "ana@") {
				t.Errorf("says too much: %v", err)
			}
			if len(s.All()) != 0 {
				t.Errorf("it arrived")
			}
		})
	}
	closed := notifytest.StartMail(t, nil)
	closed.Close()
	if err := senderTo(closed, nil).Send(t.Context(), "01abc", "ana@example.com", letterOfTest); !errors.Is(err, ErrDown) {
		t.Errorf("nobody listens: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	hangs := notifytest.StartMail(t, nil)
	if err := senderTo(hangs, nil).Send(ctx, "01abc", "ana@example.com", letterOfTest); !errors.Is(err, ErrDown) {
		t.Errorf("cut off: %v", err)
	}
}

func kindOf(err, other error) error {
	for _, kind := range []error{ErrRefused, ErrDown} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	return other
}

// Nothing that a merchant or a customer writes begins another header, another receiver or another command.
func TestNothingIsInjected(t *testing.T) {
	s := notifytest.StartMail(t, func(s *notifytest.Mail) { s.StartTLS = true })
	sender := senderTo(s, nil)
	for _, address := range []string{
		"ana@example.com\r\nBcc: all@example.com", "ana@example.com>\r\nRCPT TO:<all@example.com", "ana@example.com, all@example.com", "Ana <ana@example.com>",
		"\"ana\r\n\"@example.com", "ana@exämple.com", "ana", "", " ana@example.com",
	} {
		if err := sender.Send(t.Context(), "01abc", address, letterOfTest); !errors.Is(err, ErrRefused) {
			t.Errorf("%q: %v", address, err)
		}
	}
	w := letterOfTest
	w.Title = "Paid\r\nBcc: all@example.com\r\n\r\nbody =?utf-8?q?x?= " + strings.Repeat("largo año ", 30)
	w.Text = "\r\n.\r\nMAIL FROM:<x@example.com>\r\n--till-01abc--\r\n"
	if err := sender.Send(t.Context(), "01abc", "ana@example.com", w); err != nil {
		t.Fatal(err)
	}
	all := s.All()
	if len(all) != 1 || strings.Contains(s.Heard(), "all@example.com") {
		t.Fatalf("%+v\n%s", all, s.Heard())
	}
	m, err := mail.ReadMessage(strings.NewReader(all[0].Data))
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.Get("Bcc") != "" || len(m.Header) != 9 {
		t.Errorf("headers %v", m.Header)
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil || strings.ReplaceAll(subject, "\r\n", "\n") != strings.ReplaceAll(w.Title, "\r\n", "\n") {
		t.Errorf("subject %q %v", subject, err)
	}
	for line := range strings.SplitSeq(all[0].Data, "\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}
