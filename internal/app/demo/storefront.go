package demo

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// storefront is the shop's web site, where payers are sent back to.
type storefront struct {
	url    string
	server *http.Server
	served chan error
	asked  chan *url.URL // for what the newest visitor asked; whoever looks takes it out
}

func openStorefront() (*storefront, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &storefront{url: "http://" + l.Addr().String(), served: make(chan error, 1), asked: make(chan *url.URL, 1)}
	s.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.asked <- r.URL:
			fmt.Fprintln(w, "Welcome back.")
		default:
			http.Error(w, "one at a time", http.StatusServiceUnavailable)
		}
	})}
	go func() { s.served <- s.server.Serve(l) }()
	return s, nil
}

func (s *storefront) close() {
	s.server.Close()
	<-s.served
}

// visitor is what the newest visitor asked for.
func (s *storefront) visitor() (*url.URL, error) {
	select {
	case came := <-s.asked:
		return came, nil
	default:
		return nil, errors.New("nobody came to the shop")
	}
}

// browser is a payer's, without JavaScript.
type browser struct{ client *http.Client }

// call asks the API for a payer, who has no key.
func (b browser) call(ctx context.Context, method, address string, body, answer any) error {
	r, err := request(ctx, method, address, body)
	if err != nil {
		return err
	}
	return do(b.client, r, answer)
}

var (
	refresh = regexp.MustCompile(`<noscript><meta http-equiv="refresh" content="\d+;url=([^"]*)"></noscript>`)
	wayBack = regexp.MustCompile(`<a class="[^"]*\bback\b[^"]*" href="([^"]*)"`)
)

// leave opens a pay page and returns where it sends the browser by itself. The link on it must lead there too.
func (b browser) leave(ctx context.Context, page string) (to string, err error) {
	r, err := request(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", err
	}
	got, err := b.client.Do(r)
	if err != nil {
		return "", err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, 1<<20))
	if err != nil {
		return "", err
	}
	reload, link := refresh.FindSubmatch(text), wayBack.FindSubmatch(text)
	if got.StatusCode != http.StatusOK || reload == nil || link == nil {
		return "", fmt.Errorf("the pay page %s answered %d and leads nowhere:\n%s", page, got.StatusCode, text)
	}
	to = html.UnescapeString(string(reload[1]))
	if other := html.UnescapeString(string(link[1])); other != to {
		return "", fmt.Errorf("the pay page sends to %s, and its link to %s", to, other)
	}
	return to, nil
}

// visit goes to an address.
func (b browser) visit(ctx context.Context, to string) error {
	return b.call(ctx, http.MethodGet, to, nil, nil)
}
