package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"till/internal/app"
	"till/internal/operator/client"
)

// answerWithin is how long a command waits for one answer.
const answerWithin = 30 * time.Second

// remote is the server a command talks to, and how it answers. Every command that is a client of the
// operator API embeds it.
type remote struct {
	URL    string `placeholder:"URL" env:"TILL_URL" help:"The server. Default: the address in the config file."`
	Token  string `placeholder:"TOKEN" env:"TILL_TOKEN" help:"An operator's token; better given by the environment, where other users of the machine do not see it. Default: that of first-keys.json beside the config file."`
	Config string `type:"path" placeholder:"FILE" default:"till.toml" help:"The config file of the server."`
	JSON   bool   `name:"json" help:"Print the answer as JSON, for programs."`
}

// client finds the server.
func (r remote) client() (*client.Client, error) { return r.within(answerWithin) }

// within is client for a command that may have to wait longer for an answer.
func (r remote) within(limit time.Duration) (*client.Client, error) {
	url, token := r.URL, r.Token
	keys := filepath.Join(filepath.Dir(r.Config), app.FirstKeysFile)
	if url == "" {
		var err error
		if url, err = configured(r.Config, keys); err != nil {
			return nil, err
		}
	}
	if token == "" {
		var err error
		if token, err = firstToken(keys); err != nil {
			return nil, err
		}
	}
	url = strings.TrimSuffix(strings.TrimRight(url, "/"), client.Path)
	return client.New(url+client.Path, token, &http.Client{Timeout: limit}), nil
}

// configured is where the server of a config file answers. A server without a config file, which has every
// default, is known by its first keys.
func configured(config, keys string) (string, error) {
	cfg, err := app.ReadConfig(config, os.Getenv, io.Discard)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(keys); err != nil {
			return "", errors.New("which server? give --url or TILL_URL, or --config")
		}
		cfg = app.Config{Addr: app.Defaults().Server.Addr}
	} else if err != nil {
		return "", err
	}
	return address(cfg)
}

// address is where a server with this config answers on this machine.
func address(cfg app.Config) (string, error) {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return "", err
	}
	if port == "0" {
		return "", errors.New("the config file leaves the port to chance: give --url or TILL_URL")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http"
	if cfg.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

// firstToken reads the operator's token that the first start wrote.
func firstToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("which token? give TILL_TOKEN or --token; there is no " + path)
	}
	if err != nil {
		return "", err
	}
	var keys struct {
		Token string `json:"operator_token"`
	}
	if json.Unmarshal(text, &keys) != nil || keys.Token == "" {
		return "", errors.New(path + " holds no operator's token: give TILL_TOKEN or --token")
	}
	return keys.Token, nil
}

// show prints an answer: as JSON, or the way people like it.
func (r remote) show(t *terminal, answer any, forPeople func(w io.Writer)) error {
	if r.JSON {
		encoder := json.NewEncoder(t.out)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(answer)
	}
	w := tabwriter.NewWriter(t.out, 0, 4, 2, ' ', 0)
	forPeople(w)
	return w.Flush()
}

// row prints one line of a table. Texts of merchants and payers are among the cells: what is not printable
// could move the cursor or change colours and is shown as "?".
func row(w io.Writer, cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(w, "\t")
		}
		fmt.Fprint(w, printable(fmt.Sprint(cell)))
	}
	fmt.Fprintln(w)
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

func amount(a client.Amount) string { return a.Decimal + " " + a.Currency }

func moment(t time.Time) string { return t.UTC().Format(time.DateTime) }

func momentOf(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return moment(*t)
}

// dash is "-" for nothing, so that columns stay columns.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// pages reads page after page until there is no next one, or limit rows are there. read is given the cursor
// and how many rows are still wanted.
func pages(limit int, read func(after string, n int) (got int, next string, err error)) error {
	const most = 1000
	for after := ""; limit > 0; {
		got, next, err := read(after, min(limit, most))
		if err != nil || next == "" {
			return err
		}
		limit -= got
		after = next
	}
	return nil
}
