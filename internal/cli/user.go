package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"

	"till/internal/operator/client"
)

type userCommand struct {
	List     userList     `cmd:"" help:"List people and what they are where."`
	Add      userAdd      `cmd:"" help:"Make a person. The password is asked for, or read from standard input."`
	Passwd   userPasswd   `cmd:"" help:"Give a person another password, and end all his sessions."`
	Disable  userDisable  `cmd:"" help:"Keep a person out, and end all his sessions."`
	Enable   userEnable   `cmd:"" help:"Let a person in again."`
	Roles    userRoles    `cmd:"" help:"Say what a person is where: these roles and no others."`
	Sessions userSessions `cmd:"" help:"List a person's sessions, or end one."`
	Import   userImport   `cmd:"" help:"Add a merchant's own users, who log in at his applications and never here, from a CSV."`
}

type userList struct {
	remote `embed:""`
	Limit  int `default:"100" help:"At most as many."`
}

func (c *userList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.Person{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.People(t, after, n)
		list = append(list, page.People...)
		return len(page.People), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "NAME", "ACTIVE", "ROLES", "PASSWORD SET", "ID")
		for _, p := range list {
			row(w, p.Name, p.Active, rolesText(p), moment(p.PasswordAt), p.ID)
		}
	})
}

// rolesText is "operator, default=owner".
func rolesText(p client.Person) string {
	var parts []string
	if p.Operator {
		parts = append(parts, "operator")
	}
	for _, merchant := range slices.Sorted(maps.Keys(p.Roles)) {
		parts = append(parts, merchant+"="+p.Roles[merchant])
	}
	return dash(strings.Join(parts, ", "))
}

// rolesFlags is what a person is where.
type rolesFlags struct {
	Operator bool              `help:"Opens the operator's pages."`
	Role     map[string]string `placeholder:"MERCHANT=ROLE" help:"owner, admin, member or viewer of a merchant; may be repeated."`
}

// passwordFlags is where a password comes from.
type passwordFlags struct {
	Generate bool `help:"Make a password and print it, this once, on the terminal."`
}

type userAdd struct {
	remote        `embed:""`
	rolesFlags    `embed:""`
	passwordFlags `embed:""`
	Name          string `arg:"" help:"A user name or an e-mail address; upper and lower case are the same."`
}

func (c *userAdd) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	password, err := c.password(t, c.JSON)
	if err != nil {
		return err
	}
	p, err := api.AddPerson(t, client.NewPerson{Name: c.Name, Password: password, Operator: c.Operator, Roles: c.Role})
	if err != nil {
		return err
	}
	return c.show(t, p, func(w io.Writer) {
		row(w, "name", p.Name)
		row(w, "roles", rolesText(p))
		c.reveal(w, password)
	})
}

type userPasswd struct {
	remote        `embed:""`
	passwordFlags `embed:""`
	Name          string `arg:"" help:"The person's name or id."`
}

func (c *userPasswd) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	password, err := c.password(t, c.JSON)
	if err != nil {
		return err
	}
	p, err := api.SetPassword(t, c.Name, password)
	if err != nil {
		return err
	}
	return c.show(t, p, func(w io.Writer) {
		row(w, p.Name, "has another password; all sessions have ended")
		c.reveal(w, password)
	})
}

type userDisable struct {
	remote `embed:""`
	Name   string `arg:"" help:"The person's name or id."`
}

func (c *userDisable) Run(t *terminal) error {
	return setActive(t, c.remote, c.Name, false, "is kept out; all sessions have ended")
}

type userEnable struct {
	remote `embed:""`
	Name   string `arg:"" help:"The person's name or id."`
}

func (c *userEnable) Run(t *terminal) error {
	return setActive(t, c.remote, c.Name, true, "may log in")
}

func setActive(t *terminal, r remote, name string, active bool, said string) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	p, err := api.SetActive(t, name, active)
	if err != nil {
		return err
	}
	return r.show(t, p, func(w io.Writer) { row(w, p.Name, said) })
}

type userRoles struct {
	remote     `embed:""`
	rolesFlags `embed:""`
	Name       string `arg:"" help:"The person's name or id."`
	None       bool   `help:"Take all roles away."`
}

func (c *userRoles) Run(t *terminal) error {
	if empty := !c.Operator && len(c.Role) == 0; empty != c.None {
		return errors.New("say which roles (--role MERCHANT=ROLE, --operator), or --none")
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	ask := client.PersonRoles{Operator: c.Operator, Roles: c.Role}
	if ask.Roles == nil {
		ask.Roles = map[string]string{}
	}
	p, err := api.SetRoles(t, c.Name, ask)
	if err != nil {
		return err
	}
	return c.show(t, p, func(w io.Writer) { row(w, p.Name, "is now: "+rolesText(p)) })
}

type userSessions struct {
	remote `embed:""`
	Name   string `arg:"" help:"The person's name or id."`
	End    string `placeholder:"SESSION" help:"End this one."`
}

func (c *userSessions) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	if c.End != "" {
		s, err := api.EndSession(t, c.Name, c.End)
		if err != nil {
			return err
		}
		return c.show(t, s, func(w io.Writer) { row(w, s.ID, "has ended") })
	}
	list, err := api.Sessions(t, c.Name)
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "SESSION", "FOR", "MODE", "FROM", "BEGAN", "LAST USED", "ENDS", "BY")
		for _, s := range list {
			row(w, s.ID, s.Face, dash(s.Mode), dash(s.Address), moment(s.CreatedAt), moment(s.SeenAt), moment(s.ExpiresAt), dash(s.Agent))
		}
	})
}

// password is a new one: made, typed twice on a terminal, or the first line of standard input.
func (c passwordFlags) password(t *terminal, asJSON bool) (string, error) {
	if c.Generate {
		if asJSON {
			return "", errors.New("--generate prints the password for a person to see: leave --json out")
		}
		if out, ok := t.out.(*os.File); !ok || !isatty.IsTerminal(out.Fd()) {
			return "", errors.New("--generate prints the password, and this is no terminal: give one on standard input instead")
		}
		return rand.Text(), nil // 26 letters and digits, 130 bits
	}
	in := t.in
	if file, ok := in.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		return typedTwice(t, file)
	}
	return firstLine(in)
}

// reveal shows a password that was made here.
func (c passwordFlags) reveal(w io.Writer, password string) {
	if c.Generate {
		row(w, "password", password)
		row(w, "", "Keep the password: it is not shown again.")
	}
}

func typedTwice(t *terminal, in *os.File) (string, error) {
	first, err := typedSilently(t, in, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := typedSilently(t, in, "Again: ")
	if err == nil && first != second {
		err = errors.New("the two passwords are not the same")
	}
	return first, err
}

// typedSilently reads a line that is not shown while it is typed. The terminal is as before when it returns.
func typedSilently(t *terminal, in *os.File, prompt string) (string, error) {
	show, err := hideTyping(in)
	if err != nil {
		return "", fmt.Errorf("this terminal shows what is typed: give the password on standard input instead: %w", err)
	}
	defer func() { show(); fmt.Fprintln(t.err) }()
	fmt.Fprint(t.err, prompt)
	type line struct {
		text string
		err  error
	}
	typed := make(chan line, 1)
	go func() {
		text, err := firstLine(in)
		typed <- line{text, err}
	}()
	select {
	case l := <-typed:
		return l.text, l.err
	case <-t.Done():
		return "", t.Err()
	}
}

// firstLine reads up to the end of a line and not a byte further, so that the next line stays.
func firstLine(in io.Reader) (string, error) {
	const most = 4096
	var line []byte
	for one := make([]byte, 1); len(line) < most; {
		_, err := io.ReadFull(in, one)
		switch {
		case err == nil && one[0] == '\n', errors.Is(err, io.EOF) && len(line) > 0:
			return strings.TrimSuffix(string(line), "\r"), nil
		case err != nil:
			return "", fmt.Errorf("no password on standard input: %w", err)
		}
		line = append(line, one[0])
	}
	return "", errors.New("the line on standard input is too long for a password")
}
