package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/secrets"
)

// Security is how the connection to a mail server is protected.
type Security string

const (
	StartTLS Security = "starttls" // the connection begins in the clear and must become TLS before anything is said (port 587)
	TLS      Security = "tls"      // it is TLS from the beginning (port 465)
	NoTLS    Security = "none"     // in the clear, for a server on the same machine; no password is sent then but to loopback
)

// SMTP is a mail server.
type SMTP struct {
	Host     string
	Port     int
	Security Security
	User     string // empty: no login
	Password secrets.Text
	From     mail.Address
	Timeout  time.Duration // of sending one message, from the connection on
	TLS      *tls.Config   // roots of a private authority; nil: the system's

	Now func() time.Time
}

// Send implements [Sender]: one connection for one message. The standard library's client is enough for that: it refuses
// line breaks in addresses, and passwords on connections that others could read.
func (s *SMTP) Send(ctx context.Context, id, address string, w Written) error {
	to, err := mailbox(address)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	err = s.deliver(ctx, to, compose(id, s.From, to, s.Now(), w))
	if err != nil && ctx.Err() != nil {
		return down("timeout after %s", s.Timeout)
	}
	return err
}

func (s *SMTP) deliver(ctx context.Context, to string, message []byte) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return s.hand(c, to, message)
}

// connect greets the server and logs in. Every error is ErrDown.
func (s *SMTP) connect(ctx context.Context) (*smtp.Client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	if err != nil {
		return nil, down("no connection: %v", withoutAddress(err))
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	config := s.TLS.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	config.ServerName, config.MinVersion = s.Host, tls.VersionTLS12
	if s.Security == TLS {
		conn = tls.Client(conn, config)
	}
	c, err := smtp.NewClient(closer{conn, stop}, s.Host)
	if err != nil {
		conn.Close()
		return nil, down("no greeting: %v", withoutAddress(err))
	}
	if err := s.greet(c, config); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// closer is a connection whose context is let go when it is closed.
type closer struct {
	net.Conn
	stop func() bool
}

func (c closer) Close() error {
	c.stop()
	return c.Conn.Close()
}

func (s *SMTP) greet(c *smtp.Client, config *tls.Config) error {
	_, domain, _ := strings.Cut(s.From.Address, "@")
	if err := c.Hello(domain); err != nil {
		return down("EHLO: %v", withoutAddress(err))
	}
	if s.Security == StartTLS {
		if offered, _ := c.Extension("STARTTLS"); !offered {
			return down("the server offers no STARTTLS")
		}
		if err := c.StartTLS(config); err != nil {
			return down("STARTTLS: %v", withoutAddress(err))
		}
	}
	if s.User == "" {
		return nil
	}
	_, offered := c.Extension("AUTH")
	ways := strings.Fields(strings.ToUpper(offered))
	var login smtp.Auth
	switch {
	case slices.Contains(ways, "PLAIN"):
		login = smtp.PlainAuth("", s.User, s.Password.Reveal(), s.Host)
	case slices.Contains(ways, "LOGIN"):
		login = &loginAuth{user: s.User, password: s.Password}
	default:
		return down("the server offers neither AUTH PLAIN nor AUTH LOGIN")
	}
	if err := c.Auth(login); err != nil {
		if reply, ok := errors.AsType[*textproto.Error](err); ok {
			return down("the login was refused with %d", reply.Code) // its text may repeat what was sent
		}
		return down("the login failed")
	}
	return nil
}

// hand gives the server one message.
func (s *SMTP) hand(c *smtp.Client, to string, message []byte) error {
	if err := c.Mail(s.From.Address); err != nil {
		return down("MAIL: %v", withoutAddress(err))
	}
	if err := c.Rcpt(to); err != nil {
		return reply("RCPT", to, err)
	}
	body, err := c.Data()
	if err != nil {
		return reply("DATA", to, err)
	}
	if _, err := body.Write(message); err != nil {
		return down("DATA: %v", withoutAddress(err))
	}
	if err := body.Close(); err != nil {
		return reply("DATA", to, err)
	}
	// The server has it now: what it says of the farewell changes nothing.
	c.Quit()
	return nil
}

// reply sorts what the server said of one message: 5xx is for good, 4xx may pass, 421 is the server's own end (RFC 5321, 4.2).
func reply(what, to string, err error) error {
	answer, ok := errors.AsType[*textproto.Error](err)
	if ok {
		answer.Msg = unnamed(answer.Msg, to)
	}
	switch {
	case !ok, answer.Code == 421:
		return down("%s: %v", what, withoutAddress(err))
	case answer.Code >= 500:
		return refused("%s: %v", what, withoutAddress(err))
	}
	return errors.New(said(what + ": " + withoutAddress(err).Error()))
}

// withoutAddress leaves out what Go's errors name of this network, and the quotes around what a server said.
func withoutAddress(err error) error {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		return errors.New(strconv.Itoa(answer.Code) + " " + answer.Msg)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return errors.New(op.Op + ": " + op.Err.Error())
	}
	return err
}

// loginAuth is AUTH LOGIN, which never became a standard and which some large servers offer alone.
type loginAuth struct {
	user     string
	password secrets.Text
	asked    int
}

func (a *loginAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS && !loopback(server.Name) {
		return "", nil, errors.New("unencrypted connection")
	}
	return "LOGIN", nil, nil
}

func (a *loginAuth) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	a.asked++
	switch a.asked {
	case 1:
		return []byte(a.user), nil
	case 2:
		return []byte(a.password.Reveal()), nil
	}
	return nil, errors.New("the server asks for more than a name and a password")
}

func loopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }
