package operator

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

func (a *api) keys() {
	serve(a, huma.Operation{
		OperationID: "listKeys", Method: http.MethodGet, Path: "/keys", Security: needs("keys:read"),
		Summary: "API keys and operators' tokens", Description: "By id. What is shown of a key is how it begins.",
	}, a.listKeys)
	serve(a, huma.Operation{
		OperationID: "addKey", Method: http.MethodPost, Path: "/keys", Security: needs("keys:write"), DefaultStatus: http.StatusCreated,
		Summary:     "Make a key",
		Description: "The answer has the key: it is shown this once and kept nowhere. Nobody makes an operator's token that may do more than his own.",
	}, a.addKey)
	serve(a, huma.Operation{
		OperationID: "revokeKey", Method: http.MethodPost, Path: "/keys/{keyId}/revoke", Security: needs("keys:write"),
		Summary: "End a key", Description: "For good, at once; where several servers share a database, within a second on the others. The key that asks cannot end itself.",
	}, a.revokeKey)
	serve(a, huma.Operation{
		OperationID: "rotateKey", Method: http.MethodPost, Path: "/keys/{keyId}/rotate", Security: needs("keys:write"),
		Summary: "Make a key in place of another", Description: "It may do the same. The other one ends when the overlap is over. Only the answer has the new key.",
	}, a.rotateKey)
	serve(a, huma.Operation{
		OperationID: "listSigningKeys", Method: http.MethodGet, Path: "/signing-keys", Security: needs("keys:read"),
		Summary: "The key pairs that APIs sign their keys with", Description: "The newest of each API first: it signs.",
	}, a.listSigningKeys)
	serve(a, huma.Operation{
		OperationID: "rotateSigningKey", Method: http.MethodPost, Path: "/signing-keys", Security: needs("keys:write"), DefaultStatus: http.StatusCreated,
		Summary:     "Make another key pair for an API to sign with",
		Description: "Keys that are made from now on are signed with it. Those of before are good until they are revoked or replaced, and the public keys that they are checked with stay published.",
	}, a.rotateSigningKey)
}

// Publishable is what a publishable key may do: what pages ask that everybody reads, and nothing else.
const Publishable = "publishable"

type keysInput struct {
	PageInput
	ModeInput
	Merchant string `query:"merchant" maxLength:"64"`
}

func (a *api) listKeys(ctx context.Context, in *keysInput) (client.KeyPage, error) {
	page := client.KeyPage{Keys: []client.Key{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.SearchKeys(ctx, engine.KeySearch{Merchant: in.Merchant, Mode: mode, After: in.After, Limit: in.Limit + 1})
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(k engine.Key) string { return k.ID })
	for _, k := range list {
		page.Keys = append(page.Keys, keyOf(k))
	}
	return page, nil
}

type addKeyInput struct{ Body client.NewKey }

// scopeForm is how a scope looks, in every API.
var scopeForm = regexp.MustCompile(`^[a-z][a-z_-]{0,31}:(read|write)$`)

func (a *api) addKey(ctx context.Context, in *addKeyInput) (client.Key, error) {
	b := in.Body
	if err := a.mayMake(ctx, b); err != nil {
		return client.Key{}, err
	}
	n := KeyFor{Dialect: b.Dialect, Merchant: b.Merchant, Mode: engine.Mode(b.Mode), Publishable: b.Publishable}
	if b.ExpiresAt != nil {
		n.ExpiresAt = *b.ExpiresAt
	}
	if b.Publishable {
		b.Scopes = []string{Publishable}
	}
	made, err := a.NewKey(ctx, n)
	if err != nil {
		return client.Key{}, err
	}
	k := engine.Key{
		Hash: made.Hash, Prefix: made.Shown, Sealed: made.Sealed, Name: b.Name, Scopes: b.Scopes,
		Scope: engine.Scope{Merchant: b.Merchant, Mode: engine.Mode(b.Mode), Dialect: b.Dialect},
	}
	if b.Organisation != "" {
		k.Scope = engine.OfOrganisation(b.Organisation, engine.Mode(b.Mode), b.Dialect)
	}
	if b.ExpiresAt != nil {
		k.ExpiresAt = *b.ExpiresAt
	}
	if b.Merchant == "" && b.Organisation == "" { // an operator's: what its maker made it cannot approve
		k.MadeBy = keyID(ctx)
	}
	if k, err = a.as(ctx).AddKey(ctx, k); err != nil {
		return client.Key{}, err
	}
	out := keyOf(k)
	out.Key, out.Secret = made.Key, made.Secret
	return out, nil
}

// mayMake refuses a key that makes no sense, and one by which the caller could do what he may not.
func (a *api) mayMake(ctx context.Context, k client.NewKey) error {
	who, _ := ctx.Value(callerKey{}).(auth.Principal)
	for _, scope := range k.Scopes {
		if !scopeForm.MatchString(scope) {
			return fault.New(fault.CodeInvalidValue, "a scope is a noun and read or write, like orders:read").On("scopes")
		}
	}
	if k.ExpiresAt != nil && !k.ExpiresAt.After(a.Now()) {
		return fault.New(fault.CodeInvalidValue, "this time is over").On("expiresAt")
	}
	if who.Mode != "" && k.Mode != who.Mode {
		return fault.New(fault.CodeForbidden, "this token is for the other mode").On("mode")
	}
	if k.Publishable && (k.Merchant == "" || len(k.Scopes) > 0) {
		return fault.New(fault.CodeInvalidValue, "a publishable key is a merchant's, and has no scopes").On("publishable")
	}
	switch {
	case strings.Contains(k.Merchant, ":"):
		return fault.New(fault.CodeNotFound, "no such merchant").On("merchant")
	case k.Merchant != "" && k.Organisation != "":
		return fault.New(fault.CodeInvalidValue, "a key is a merchant's or an organisation's, not both").On("organisation")
	case k.Organisation != "" && !slices.Contains(a.Organisations, k.Dialect):
		return fault.New(fault.CodeInvalidValue, "this API has no keys for whole organisations").On("dialect")
	case k.Merchant == "" && k.Organisation == "" && k.Dialect != "":
		return fault.New(fault.CodeMissingField, "a key to an API belongs to a merchant").On("merchant")
	case k.Merchant == "" && k.Organisation == "":
		for _, scope := range k.Scopes {
			if !a.asksFor(scope) {
				return fault.New(fault.CodeInvalidValue, "nothing asks for the scope "+scope).On("scopes")
			}
		}
		limited := len(who.Scopes) > 0
		if limited && (len(k.Scopes) == 0 || slices.ContainsFunc(k.Scopes, func(s string) bool { return !who.May(s) })) {
			return fault.New(fault.CodeForbidden, "this token cannot make one that may do more").On("scopes")
		}
		return nil
	case k.Mode == "":
		return fault.New(fault.CodeMissingField, "a merchant's key is for one mode").On("mode")
	case !slices.Contains(a.Dialects, k.Dialect):
		return fault.New(fault.CodeInvalidValue, "this server has no such API").On("dialect")
	}
	return nil
}

// asksFor says that some operation needs the scope. A token with a mistyped one could do less than its maker meant.
func (a *api) asksFor(scope string) bool {
	for _, path := range a.huma.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Put, path.Post, path.Patch, path.Delete} {
			if op != nil && slices.Contains(op.Security[0][bearer], scope) {
				return true
			}
		}
	}
	return false
}

type keyInput struct {
	ID string `path:"keyId"`
}

type rotateKeyInput struct {
	ID   string `path:"keyId"`
	Body client.KeyRotation
}

func (a *api) rotateKey(ctx context.Context, in *rotateKeyInput) (client.Key, error) {
	visible := func(k engine.Key) bool { return sees(ctx, k.Scope.Mode) && k.Scope.Merchant != "" }
	old, err := a.Engine.AnyKey(ctx, in.ID, visible)
	if err != nil {
		return client.Key{}, err
	}
	made, err := a.NewKey(ctx, KeyFor{Dialect: old.Scope.Dialect, Merchant: old.Scope.Merchant, Mode: old.Scope.Mode, Publishable: slices.Equal(old.Scopes, []string{Publishable})})
	if err != nil {
		return client.Key{}, err
	}
	fresh := engine.Key{Hash: made.Hash, Prefix: made.Shown, Sealed: made.Sealed}
	k, err := a.as(ctx).RotateKey(ctx, in.ID, fresh, time.Duration(in.Body.OverlapSeconds)*time.Second, visible)
	if err != nil {
		return client.Key{}, err
	}
	a.Auth.Forget(old.Hash) // it ends when the overlap is over, which may be now
	out := keyOf(k)
	out.Key, out.Secret = made.Key, made.Secret
	return out, nil
}

func (a *api) listSigningKeys(ctx context.Context, _ *struct{}) (client.SigningKeyList, error) {
	list := client.SigningKeyList{SigningKeys: []client.SigningKey{}}
	if err := ofBothModes(ctx); err != nil {
		return list, err
	}
	for _, dialect := range a.Dialects {
		found, err := a.Engine.SigningKeys(ctx, dialect)
		if err != nil {
			return list, err
		}
		for i, k := range found {
			list.SigningKeys = append(list.SigningKeys, signingKeyOf(dialect, k, i == 0))
		}
	}
	return list, nil
}

type rotateSigningKeyInput struct{ Body client.SigningKeyRotation }

func (a *api) rotateSigningKey(ctx context.Context, in *rotateSigningKeyInput) (client.SigningKey, error) {
	if err := ofBothModes(ctx); err != nil {
		return client.SigningKey{}, err
	}
	made, err := a.RotateSigning(ctx, a.as(ctx), in.Body.Dialect)
	if err != nil {
		return client.SigningKey{}, err
	}
	return signingKeyOf(in.Body.Dialect, made, true), nil
}

func signingKeyOf(dialect string, k engine.SigningKey, signs bool) client.SigningKey {
	return client.SigningKey{ID: k.ID, Dialect: dialect, Signs: signs, CreatedAt: k.CreatedAt.UTC()}
}

func (a *api) revokeKey(ctx context.Context, in *keyInput) (client.Key, error) {
	if in.ID == keyID(ctx) {
		return client.Key{}, fault.New(fault.CodeForbidden, "a token cannot end itself: use another")
	}
	k, err := a.as(ctx).RevokeKey(ctx, in.ID, func(k engine.Key) bool { return sees(ctx, k.Scope.Mode) })
	if err != nil {
		return client.Key{}, err
	}
	a.Auth.Forget(k.Hash)
	return keyOf(k), nil
}

func keyOf(k engine.Key) client.Key {
	out := client.Key{
		ID: k.ID, Name: k.Name, Shown: k.Prefix, Merchant: k.Scope.Merchant, Mode: string(k.Scope.Mode), Dialect: k.Scope.Dialect,
		Scopes: []string{}, Active: k.Active, ExpiresAt: timeOf(k.ExpiresAt), CreatedAt: k.CreatedAt.UTC(),
	}
	if organisation, is := k.Scope.Organisation(); is {
		out.Merchant, out.Organisation = "", organisation
	}
	out.Scopes = append(out.Scopes, k.Scopes...)
	return out
}
