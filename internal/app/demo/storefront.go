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
	"strings"
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
	text, _, err := b.open(ctx, page)
	if err != nil {
		return "", err
	}
	reload, link := refresh.FindStringSubmatch(text), wayBack.FindStringSubmatch(text)
	if reload == nil || link == nil {
		return "", fmt.Errorf("the pay page %s leads nowhere:\n%s", page, text)
	}
	to = html.UnescapeString(reload[1])
	if other := html.UnescapeString(link[1]); other != to {
		return "", fmt.Errorf("the pay page sends to %s, and its link to %s", to, other)
	}
	return to, nil
}

// visit goes to an address.
func (b browser) visit(ctx context.Context, to string) error {
	return b.call(ctx, http.MethodGet, to, nil, nil)
}

var (
	formOf   = regexp.MustCompile(`(?s)<form\b([^>]*)>(.*?)</form>`)
	control  = regexp.MustCompile(`<(?:input|button)\b[^>]*>`)
	property = regexp.MustCompile(`\b(name|value|type|action)="([^"]*)"`)
)

// properties are those of a tag.
func properties(tag string) map[string]string {
	p := map[string]string{}
	for _, m := range property.FindAllStringSubmatch(tag, -1) {
		p[m[1]] = html.UnescapeString(m[2])
	}
	return p
}

// press opens a page and posts the form that has a button or a choice of that name and value.
func (b browser) press(ctx context.Context, page, name, value string) error {
	return b.fill(ctx, page, name, value, nil)
}

// fill is press of a form whose fields are filled in before.
func (b browser) fill(ctx context.Context, page, name, value string, typed url.Values) error {
	text, at, err := b.open(ctx, page)
	if err != nil {
		return err
	}
	for _, form := range formOf.FindAllStringSubmatch(text, -1) {
		found, filled := false, url.Values{name: {value}}
		for _, tag := range control.FindAllString(form[2], -1) {
			p := properties(tag)
			found = found || p["name"] == name && p["value"] == value
			if p["type"] == "hidden" && p["name"] != name {
				filled.Set(p["name"], p["value"])
			}
		}
		if !found {
			continue
		}
		for field, values := range typed {
			filled[field] = values
		}
		to, err := at.Parse(properties(form[1])["action"])
		if err != nil {
			return err
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), strings.NewReader(filled.Encode()))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", to.Scheme+"://"+to.Host)
		return do(b.client, r, nil)
	}
	return fmt.Errorf("the page %s has nothing to press that is %s=%s:\n%s", at, name, value, text)
}

// open is a page's text and where it is, after redirects.
func (b browser) open(ctx context.Context, page string) (text string, at *url.URL, err error) {
	r, err := request(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", nil, err
	}
	got, err := b.client.Do(r)
	if err != nil {
		return "", nil, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(io.LimitReader(got.Body, 1<<20))
	if err == nil && got.StatusCode != http.StatusOK {
		err = fmt.Errorf("the page %s answered %d:\n%s", page, got.StatusCode, body)
	}
	return string(body), got.Request.URL, err
}
