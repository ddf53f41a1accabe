package app

import (
	"context"
	"encoding/hex"
	"fmt"

	"till/internal/auth"
	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator"
	"till/internal/secrets"
)

// The keys of the API whose secret keys are signed tokens. Their texts are kept, sealed: what a browser is told of a payment is
// signed with them. Beside them merchants have publishable keys, which only browsers use.

// publishableBytes are the random bytes of a publishable key.
const publishableBytes = 16

// newSignedKey makes a key of the API.
//
// Error: invalid_value (Param: merchant) where the merchant's id cannot stand in a token.
func (a *App) newSignedKey(ctx context.Context, n operator.KeyFor) (operator.NewKey, error) {
	if n.Publishable {
		raw, err := a.draw(publishableBytes)
		if err != nil {
			return operator.NewKey{}, err
		}
		return publishableOf(newPublishable(n.Mode, raw), n.Mode), nil
	}
	text, err := a.signedKeys.Issue(ctx, auth.NewSigned{Merchant: n.Merchant, Mode: string(n.Mode), ExpiresAt: n.ExpiresAt})
	if err != nil {
		return operator.NewKey{}, err
	}
	return a.sealedKey(text)
}

// newPublishable makes a publishable key of random bytes.
func newPublishable(m engine.Mode, raw []byte) secrets.Text {
	return secrets.Text(publishableBegins(m) + hex.EncodeToString(raw))
}

func publishableBegins(m engine.Mode) string {
	if m == engine.Sandbox {
		return glomo.PublishableTest
	}
	return glomo.PublishableLive
}

// publishableOf is a publishable key as it is recorded.
func publishableOf(key secrets.Text, m engine.Mode) operator.NewKey {
	return operator.NewKey{Key: key.Reveal(), Hash: secrets.Hash(key.Reveal()), Shown: shown(key, len(publishableBegins(m)))}
}

// sealedKey is a secret key as it is recorded.
func (a *App) sealedKey(text string) (operator.NewKey, error) {
	hash := secrets.Hash(text)
	sealed, err := a.box.Seal([]byte(text), keyTextContext(hash))
	if err != nil {
		return operator.NewKey{}, err
	}
	// Every token begins alike; the signature tells them apart.
	return operator.NewKey{Key: text, Hash: hash, Shown: text[len(text)-8:], Sealed: sealed}, nil
}

func keyTextContext(hash string) string { return "keytext/" + hash }

// secretKey is a good secret key of a merchant with its text: the one that is preferred, else the newest; nil where there is none.
func (a *App) secretKey(ctx context.Context, s engine.Scope, preferred string) (*glomo.SecretKey, error) {
	k, err := a.Engine.KeyWithText(ctx, s, preferred, a.now())
	if err != nil || k == nil {
		return nil, err
	}
	text, err := a.box.Open(k.Sealed, keyTextContext(k.Hash))
	if err != nil {
		return nil, fmt.Errorf("the text of key %s cannot be opened: %w", k.ID, err)
	}
	return &glomo.SecretKey{ID: k.ID, Text: string(text)}, nil
}

// resealKeys seals the key pairs and the texts of keys under the newest key of a box, and proves that each opens with only alone.
func resealKeys(ctx context.Context, e *engine.Engine, both, only *secrets.Box) error {
	again := func(sealed, context string) (string, error) {
		if both.Current(sealed) {
			return sealed, nil
		}
		plain, err := both.Open(sealed, context)
		if err != nil {
			return "", fmt.Errorf("%s cannot be opened: %w", context, err)
		}
		return both.Seal(plain, context)
	}
	err := e.ResealSigningKeys(ctx, glomo.Name, func(k engine.SigningKey) (string, error) { return again(k.Sealed, signingContext(glomo.Name, k.ID)) })
	if err != nil {
		return err
	}
	kept, err := e.SigningKeys(ctx, glomo.Name)
	if err != nil {
		return err
	}
	for _, k := range kept {
		if _, err := only.Open(k.Sealed, signingContext(glomo.Name, k.ID)); err != nil {
			return err
		}
	}
	for after := ""; ; {
		page, err := e.SearchKeys(ctx, engine.KeySearch{Dialect: glomo.Name, After: after, Limit: engine.MaxSearch})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, k := range page {
			after = k.ID
			if err := e.ResealKeyText(ctx, k, func(sealed string) (string, error) { return again(sealed, keyTextContext(k.Hash)) }); err != nil {
				return err
			}
		}
	}
}

// errNoPublishable is the refusal of an API that has no such keys.
func errNoPublishable() error {
	return fault.New(fault.CodeInvalidValue, "this API has no publishable keys").On("publishable")
}
