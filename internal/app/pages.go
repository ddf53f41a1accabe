package app

import (
	"context"
	"net"
	"net/http"
	"strings"

	"till/internal/checkout"
	"till/internal/dashboard"
	"till/internal/page"
	"till/internal/rail/sandbox"
)

// publicURL is where browsers reach the server: what the config says, else the listener, as long as that is
// this machine's own. What a request calls the server (its Host) is never believed: a link with a stranger's
// host in it would lead payers there. "" where nobody can know.
func (a *App) publicURL(cfg Config) string {
	if cfg.PublicURL != "" {
		return cfg.PublicURL
	}
	host, _, err := net.SplitHostPort(a.listener.Addr().String())
	if err != nil || !loopback(host) {
		return ""
	}
	return a.URL()
}

// startPages makes the pages. A face of an order's API is what the checkout knows of it.
func (a *App) startPages(cfg Config) error {
	var err error
	var faces []checkout.Face
	for _, d := range a.dialects {
		if f, ok := d.(checkout.Face); ok { // an API need not have orders that are paid on our page
			faces = append(faces, f)
		}
	}
	a.checkout, err = checkout.New(checkout.Config{
		Engine: a.Engine, Kit: a.pages, Faces: faces, Bounds: page.UsualBounds, Now: cfg.Now, Random: cfg.Random, Log: cfg.Log,
		Public: a.publicURL(cfg),
		Play: func(ctx context.Context, p checkout.Played) error {
			_, err := a.sandbox.Pay(ctx, sandbox.Payment{ID: p.ID, Reference: p.Reference, Amount: p.Amount, Document: p.Document})
			return err
		},
	})
	if err != nil {
		return err
	}
	secure := cfg.TLS != nil || strings.HasPrefix(cfg.PublicURL, "https://")
	a.dashboard, err = dashboard.New(dashboard.Config{People: a.people, Engine: a.Engine, Kit: a.pages, Banks: a.pageBanks(cfg.Banks), Secure: secure, Log: cfg.Log})
	return err
}

// mountPages serves the pages: the checkout at the root for what every API sells, and under an API's mount
// for its own, so that a client that was given that as its base finds the page where it expects it.
func (a *App) mountPages(mux *http.ServeMux) {
	mux.Handle(page.AssetPath, a.pages.Assets())
	for _, path := range checkout.Paths {
		mux.Handle(path, a.checkout.Handler(""))
	}
	for _, path := range dashboard.Paths {
		mux.Handle(path, a.dashboard.Handler())
	}
	for _, d := range a.dialects {
		mount := "/" + d.Name()
		for _, path := range checkout.Paths {
			mux.Handle(mount+path, http.StripPrefix(mount, a.checkout.Handler(d.Name())))
		}
	}
}
