// Package notifytest has the far sides that customers are told through, for tests: they speak the real protocols over real
// connections in this process.
package notifytest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Mail is a mail server over TCP and TLS as RFC 5321, 3207 and 4954 have it. It refuses what comes in
// the wrong order, so that a client which skips a step is noticed.
type Mail struct {
	Port  int
	Roots *x509.CertPool // that trust it
	PEM   []byte         // the same

	StartTLS, TLS  bool
	Auth           string            // the ways it offers, "" for none
	User, Password string            // that it takes; empty user: it asks for none
	Replies        map[string]string // what it answers to a command instead ("RCPT": "450 4.2.1 later"), or "hang"

	listener net.Listener
	config   *tls.Config
	running  sync.WaitGroup
	mu       sync.Mutex
	mails    []Received
	lines    []string // all commands, the secrets of AUTH left out
	open     map[net.Conn]bool
}

// Received is a mail that was taken.
type Received struct {
	From, To, Data string
	Encrypted      bool
	User           string // who had logged in
}

// StartMail starts a server that lasts as long as the test; change says what it is like.
func StartMail(t *testing.T, change func(*Mail)) *Mail {
	t.Helper()
	s := &Mail{Replies: map[string]string{}, open: map[net.Conn]bool{}}
	s.config, s.PEM = certificate(t)
	s.Roots = x509.NewCertPool()
	s.Roots.AppendCertsFromPEM(s.PEM)
	if change != nil {
		change(s)
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.Port = s.listener.Addr().(*net.TCPAddr).Port
	s.running.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.open[conn] = true
			s.mu.Unlock()
			s.running.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		s.listener.Close()
		s.mu.Lock()
		for conn := range s.open {
			conn.Close()
		}
		s.mu.Unlock()
		s.running.Wait()
	})
	return s
}

func (s *Mail) serve(conn net.Conn) {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	encrypted := s.TLS
	if s.TLS {
		conn = tls.Server(conn, s.config)
	}
	in, out := textproto.NewReader(bufio.NewReader(conn)), bufio.NewWriter(conn)
	say := func(text string) {
		out.WriteString(text + "\r\n")
		out.Flush()
	}
	greeting := "220 mail.test ESMTP"
	if other := s.Replies["greeting"]; other != "" {
		greeting = other
	}
	say(greeting)
	var mail Received
	greeted := false
	for {
		line, err := in.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		s.mu.Lock()
		if verb == "AUTH" {
			s.lines = append(s.lines, "AUTH")
		} else {
			s.lines = append(s.lines, line)
		}
		s.mu.Unlock()
		if other := s.Replies[verb]; other != "" {
			if other == "hang" {
				io.Copy(io.Discard, conn)
				return
			}
			say(other)
			if strings.HasPrefix(other, "421") {
				return
			}
			continue
		}
		switch {
		case verb == "EHLO":
			greeted = true
			list := []string{"mail.test"}
			if s.StartTLS && !encrypted {
				list = append(list, "STARTTLS")
			}
			if s.Auth != "" && (encrypted || !s.StartTLS) {
				list = append(list, "AUTH "+s.Auth)
			}
			for i, text := range list {
				mark := "-"
				if i == len(list)-1 {
					mark = " "
				}
				say("250" + mark + text)
			}
		case verb == "STARTTLS" && greeted && s.StartTLS && !encrypted:
			say("220 go on")
			secure := tls.Server(conn, s.config)
			if secure.Handshake() != nil {
				return
			}
			conn, encrypted, greeted = secure, true, false
			in, out = textproto.NewReader(bufio.NewReader(conn)), bufio.NewWriter(conn)
		case verb == "AUTH" && greeted:
			if mail.User = s.login(in, say, rest); mail.User == "" {
				say("535 5.7.8 wrong: " + rest) // as a careless server might
				continue
			}
			say("235 welcome")
		case verb == "MAIL" && greeted && (s.User == "" || mail.User != ""):
			mail.From, mail.Encrypted = strings.TrimSuffix(strings.TrimPrefix(strings.Fields(rest)[0], "FROM:<"), ">"), encrypted
			say("250 ok")
		case verb == "RCPT" && mail.From != "":
			mail.To = strings.TrimSuffix(strings.TrimPrefix(rest, "TO:<"), ">")
			say("250 ok")
		case verb == "DATA" && mail.To != "":
			say("354 go on")
			data, err := in.ReadDotBytes()
			if err != nil {
				return
			}
			if other := s.Replies["."]; other != "" {
				say(other)
				continue
			}
			mail.Data = string(data)
			s.mu.Lock()
			s.mails = append(s.mails, mail)
			s.mu.Unlock()
			mail = Received{User: mail.User}
			say("250 queued")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("503 5.5.1 not now: " + verb)
		}
	}
}

// login gives the name of whom it lets in.
func (s *Mail) login(in *textproto.Reader, say func(string), how string) string {
	way, first, _ := strings.Cut(how, " ")
	if !strings.Contains(" "+s.Auth+" ", " "+way+" ") {
		return ""
	}
	read := func(prompt string) string {
		say("334 " + base64.StdEncoding.EncodeToString([]byte(prompt)))
		line, _ := in.ReadLine()
		text, _ := base64.StdEncoding.DecodeString(line)
		return string(text)
	}
	var user, password string
	if way == "PLAIN" {
		text, _ := base64.StdEncoding.DecodeString(first)
		if parts := strings.Split(string(text), "\x00"); len(parts) == 3 {
			user, password = parts[1], parts[2]
		}
	} else {
		user, password = read("Username:"), read("Password:")
	}
	if user != s.User || password != s.Password {
		return ""
	}
	return user
}

// All is every mail taken so far.
func (s *Mail) All() []Received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

// Close stops listening: the machine is there and the server is not.
func (s *Mail) Close() { s.listener.Close() }

// Heard is every command so far.
func (s *Mail) Heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// certificate is one for 127.0.0.1 and localhost, and the same in PEM for who is to trust it.
func certificate(t *testing.T) (*tls.Config, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, text
}
