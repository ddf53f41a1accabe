package app

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc" // Apache-2.0, maintained by CoreOS' successors; verifies ID tokens and keeps the issuer's keys

	"till/internal/dialect/baanx"
	"till/internal/fault"
)

// Issuer is an external issuer of users' tokens (OpenID Connect Discovery).
type Issuer struct {
	URL           string
	Audience      string
	VerifiedClaim string // whose being true says that the issuer knows who the user is; "": none
	CountryClaim  string // that has the user's country; "": none
}

// issuerOf checks the tokens of an issuer; nil where there is none. The issuer is asked for its keys when the first token
// of its comes, and again when a key is not known.
func issuerOf(i Issuer) func(ctx context.Context, token string) (baanx.Identity, error) {
	if i.URL == "" {
		return nil
	}
	v := &verifier{issuer: i, client: &http.Client{Timeout: 10 * time.Second}}
	return v.verify
}

type verifier struct {
	issuer Issuer
	client *http.Client
	mu     sync.Mutex
	found  *oidc.IDTokenVerifier
}

// discovered is what the issuer says of itself; asked once, and again as long as it does not answer.
func (v *verifier) discovered(ctx context.Context) (*oidc.IDTokenVerifier, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.found != nil {
		return v.found, nil
	}
	// The context of the keys' later requests is this one, so it is not the request's.
	lasting := oidc.ClientContext(context.WithoutCancel(ctx), v.client)
	provider, err := oidc.NewProvider(lasting, v.issuer.URL)
	if err != nil {
		return nil, fault.New(fault.CodeNotConfigured, "The issuer of this token cannot be asked at the moment").Because(err)
	}
	v.found = provider.Verifier(&oidc.Config{ClientID: v.issuer.Audience, SupportedSigningAlgs: []string{oidc.RS256, oidc.ES256, oidc.EdDSA, oidc.PS256, oidc.RS512, oidc.ES384}})
	return v.found, nil
}

func (v *verifier) verify(ctx context.Context, token string) (baanx.Identity, error) {
	found, err := v.discovered(ctx)
	if err != nil {
		return baanx.Identity{}, err
	}
	t, err := found.Verify(oidc.ClientContext(ctx, v.client), token)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return baanx.Identity{}, err
		}
		return baanx.Identity{}, fault.New(fault.CodeUnauthorized, "The token is not one of the issuer's").Because(err)
	}
	var claims map[string]any
	if err := t.Claims(&claims); err != nil {
		return baanx.Identity{}, fault.New(fault.CodeUnauthorized, "The token cannot be read").Because(err)
	}
	text := func(name string) string { s, _ := claims[name].(string); return s }
	is := func(name string) bool { b, _ := claims[name].(bool); return b }
	who := baanx.Identity{Subject: t.Issuer + " " + t.Subject}
	if is("email_verified") {
		who.Email = text("email")
	}
	if v.issuer.CountryClaim != "" {
		who.Country = text(v.issuer.CountryClaim)
	}
	who.VerifiedUser = v.issuer.VerifiedClaim != "" && is(v.issuer.VerifiedClaim)
	return who, nil
}
