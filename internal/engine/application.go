package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
)

// kindApplication is the kind of an application's document, whose id is that of its key.
const kindApplication DocumentKind = "application"

// Application is what is known of a merchant's client application beside its key, whose text is the client id: how a
// browser is sent back to it. A key without one names an application that no browser is sent back to.
type Application struct {
	Key          string    // the id of its key
	Scope        Scope     `json:"-"`
	Name         string    // as users see it
	RedirectURIs []string  // one of them, word for word, is where a browser is sent
	Secret       string    `json:",omitempty"` // its hash; empty: the application can keep none
	Active       bool      `json:"-"`          // its key was not revoked
	ExpiresAt    time.Time `json:"-"`          // of its key; zero: never
}

const (
	maxRedirects   = 20
	maxRedirectURI = 1024
)

// CheckRedirectURI refuses what no browser may be sent back to: in live mode it is https, or a scheme of an application's
// own (RFC 8252).
//
// Error: invalid_url on redirectUris.
func CheckRedirectURI(text string, m Mode) error {
	u, err := url.Parse(text)
	bad := func(why string) error { return fault.New(fault.CodeInvalidURL, why).On("redirectUris") }
	switch {
	case err != nil || u.Scheme == "" || len(text) > maxRedirectURI || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > 0x7e }):
		return bad("a redirect URI is absolute")
	case u.Fragment != "" || strings.Contains(text, "#") || u.User != nil:
		return bad("a redirect URI has no fragment and no user")
	case u.Scheme == "https" && u.Host != "", u.Scheme == "http" && u.Host != "" && m == Sandbox:
		return nil
	case strings.Contains(u.Scheme, "."): // a reversed domain name, RFC 8252 section 7.1
		return nil
	}
	return bad("a redirect URI is https, or of a scheme like com.example.app")
}

// SaveApplication keeps what is known of an application beside its key.
//
// Errors: not_found (no such key, or not of a merchant's); invalid_value, invalid_url on the field.
func (e *Engine) SaveApplication(ctx context.Context, a Application) (*Application, error) {
	a.Name = strings.TrimSpace(a.Name)
	if a.Name == "" || len(a.Name) > 100 {
		return nil, fault.New(fault.CodeInvalidValue, "want the application's name, of at most 100 bytes").On("name")
	}
	if len(a.RedirectURIs) > maxRedirects {
		return nil, fault.New(fault.CodeInvalidValue, "there are too many redirect URIs").On("redirectUris")
	}
	var saved *Application
	err := e.update(ctx, Keys{Documents: []DocumentKey{{kindApplication, a.Key}}}, func(tx Tx) error {
		k, err := tx.KeyByID(a.Key)
		if err != nil {
			return err
		}
		if k == nil || k.Scope.Merchant == "" {
			return fault.New(fault.CodeNotFound, "there is no such key")
		}
		for _, uri := range a.RedirectURIs {
			if err := CheckRedirectURI(uri, k.Scope.Mode); err != nil {
				return err
			}
		}
		made := a
		made.Scope, made.RedirectURIs = k.Scope, slices.Clone(a.RedirectURIs)
		d, err := tx.Document(kindApplication, a.Key)
		if err != nil {
			return err
		}
		body, err := json.Marshal(made)
		if err != nil {
			return err
		}
		if d == nil {
			err = tx.InsertDocument(&Document{Kind: kindApplication, ID: a.Key, Scope: k.Scope, CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Doc: body})
		} else {
			d.Doc, d.UpdatedAt = body, tx.Now()
			err = tx.SaveDocument(d)
		}
		if err != nil {
			return err
		}
		saved = &made
		return e.act(tx, k.Scope.Mode, "application.save", a.Key, fmt.Sprintf("%s; %s; secret %t", made.Name, strings.Join(made.RedirectURIs, " "), made.Secret != ""))
	})
	return saved, err
}

// Application is what is known of the application of a key; one of which nothing is known has the key's own name.
//
// Error: not_found, when there is no such key.
func (e *Engine) Application(ctx context.Context, key string) (a *Application, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		k, err := rd.KeyByID(key)
		if err != nil {
			return err
		}
		if k == nil {
			return fault.New(fault.CodeNotFound, "there is no such key")
		}
		a = &Application{Key: k.ID, Name: k.Name}
		d, err := rd.Document(kindApplication, key)
		if err != nil {
			return err
		}
		if d != nil {
			if err := json.Unmarshal(d.Doc, a); err != nil {
				return err
			}
		}
		a.Scope, a.Active, a.ExpiresAt = k.Scope, k.Active, k.ExpiresAt
		return nil
	})
	return a, err
}
