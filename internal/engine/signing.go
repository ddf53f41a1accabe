package engine

import (
	"context"
	"encoding/json"
	"time"

	"till/internal/fault"
)

// KindSigningKey is the kind of a signing key's document.
const KindSigningKey DocumentKind = "signing_key"

// SigningKey is a key pair that an API signs with what it gives to its merchants. The pair is sealed by the caller; who
// has its public half can check what was signed without asking.
type SigningKey struct {
	ID        string // names it in what it signed
	Sealed    string
	CreatedAt time.Time // true time
}

// signingScope is where an API's signing keys are kept. They are the server's, whatever the merchant and the mode.
func signingScope(api string) Scope { return Scope{Mode: Live, Dialect: api} }

// MaxSigningKeys is how many signing keys an API may have: each is served to whoever checks signatures.
const MaxSigningKeys = 20

// SigningKeys are an API's, the newest first. Only the newest signs; the ones before stay, because what they signed is
// still about.
func (e *Engine) SigningKeys(ctx context.Context, api string) (list []SigningKey, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		list = nil
		found, err := rd.Documents(DocumentFilter{Kind: KindSigningKey, Scope: signingScope(api), Page: 1, Limit: MaxSigningKeys, Descending: true})
		if err != nil {
			return err
		}
		for i := range found.List {
			k, err := signingKeyOf(&found.List[i])
			if err != nil {
				return err
			}
			list = append(list, *k)
		}
		return nil
	})
	return list, err
}

// AddSigningKey keeps a new key pair, which signs from now on in place of the one it replaces; "" for an API that has
// none. Of several processes that do it at once, one does.
//
// Errors: duplicate_reference when the key was replaced already, or the API has one; order_state_conflict when it has
// MaxSigningKeys.
func (e *Engine) AddSigningKey(ctx context.Context, api string, k SigningKey, replaces string) error {
	return e.update(ctx, Keys{}, func(tx Tx) error {
		k.CreatedAt = tx.Now()
		body, err := json.Marshal(k)
		if err != nil {
			return err
		}
		d := &Document{
			Kind: KindSigningKey, ID: k.ID, Scope: signingScope(api), Keys: []string{"after:" + replaces}, CreatedAt: k.CreatedAt, UpdatedAt: k.CreatedAt, Doc: body,
		}
		if err := tx.InsertDocument(d); err != nil {
			return err
		}
		if d.Number > MaxSigningKeys {
			return fault.New(fault.CodeOrderStateConflict, "this API has had as many signing keys as there may be")
		}
		return e.act(tx, "", "signing-key.add", k.ID, api)
	})
}

// ResealSigningKeys puts in place of each sealed key pair of an API what seal makes of it: the same pair under another
// master key. seal may be called again and changes nothing itself. For operators.
//
// Errors: what seal returns.
func (e *Engine) ResealSigningKeys(ctx context.Context, api string, seal func(k SigningKey) (string, error)) error {
	list, err := e.SigningKeys(ctx, api)
	if err != nil {
		return err
	}
	for _, was := range list {
		err := e.update(ctx, Keys{Documents: []DocumentKey{{KindSigningKey, was.ID}}}, func(tx Tx) error {
			d, err := tx.Document(KindSigningKey, was.ID)
			if err != nil {
				return err
			}
			k, err := signingKeyOf(d)
			if err != nil {
				return err
			}
			sealed, err := seal(*k)
			if err != nil || sealed == k.Sealed {
				return err
			}
			k.Sealed = sealed
			if d.Doc, err = json.Marshal(k); err != nil {
				return err
			}
			if err := e.act(tx, "", "signing-key.reseal", k.ID, api); err != nil {
				return err
			}
			return tx.SaveDocument(d)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func signingKeyOf(d *Document) (*SigningKey, error) {
	if d == nil {
		return nil, fault.New(fault.CodeNotFound, "there is no such signing key")
	}
	k := &SigningKey{}
	return k, json.Unmarshal(d.Doc, k)
}
