package engine

import (
	"context"
	"encoding/json"
	"time"

	"till/internal/fault"
)

const kindKeyText DocumentKind = "key_text"

// keyText is the text of a key on record, for an API that signs with it what its merchants check. The caller has sealed it.
type keyText struct{ Sealed string }

// keepText puts a new key's text on record.
func keepText(tx Tx, k Key) error {
	if k.Sealed == "" {
		return nil
	}
	doc, err := json.Marshal(keyText{k.Sealed})
	if err != nil {
		return err
	}
	return tx.InsertDocument(&Document{Kind: kindKeyText, ID: k.ID, Scope: k.Scope, CreatedAt: k.CreatedAt, UpdatedAt: k.CreatedAt, Doc: doc})
}

// RecordKey puts a new key on record, with its sealed text where it has one. For who makes keys in a transaction of his own.
func RecordKey(tx Tx, k Key) error {
	if err := tx.SaveKey(k); err != nil {
		return err
	}
	return keepText(tx, k)
}

// good says that a key opens its API at a time.
func (k *Key) good(now time.Time) bool {
	return k != nil && k.Active && k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// newestTexts is among how many of a scope's newest keys one that is good is looked for.
const newestTexts = 100

// KeyWithText is a key of a scope that is good at a time, true time, with its sealed text: the one that is preferred, else the
// newest. nil where there is none whose text is on record.
func (e *Engine) KeyWithText(ctx context.Context, s Scope, preferred string, now time.Time) (found *Key, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		found = nil
		if preferred != "" {
			d, err := rd.Document(kindKeyText, preferred)
			if err != nil {
				return err
			}
			if found, err = goodText(rd, d, s, now); err != nil || found != nil {
				return err
			}
		}
		page, err := rd.Documents(DocumentFilter{Kind: kindKeyText, Scope: s, Page: 1, Limit: newestTexts, Descending: true})
		if err != nil {
			return err
		}
		for i := range page.List {
			if found, err = goodText(rd, &page.List[i], s, now); err != nil || found != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// goodText is the key of a text, if it is the scope's and good.
func goodText(rd Reader, d *Document, s Scope, now time.Time) (*Key, error) {
	if d == nil || d.Scope != s {
		return nil, nil
	}
	k, err := rd.KeyByID(d.ID)
	if err != nil || !k.good(now) || k.Scope != s {
		return nil, err
	}
	var text keyText
	if err := json.Unmarshal(d.Doc, &text); err != nil {
		return nil, err
	}
	k.Sealed = text.Sealed
	return k, nil
}

// ResealKeyText puts in place of a key's sealed text, where it has one, what reseal makes of it: the same text under another
// master key. reseal may be called again and changes nothing itself. For operators.
//
// Errors: what reseal returns.
func (e *Engine) ResealKeyText(ctx context.Context, k Key, reseal func(sealed string) (string, error)) error {
	return e.update(ctx, Keys{Documents: []DocumentKey{{kindKeyText, k.ID}}}, func(tx Tx) error {
		d, err := tx.Document(kindKeyText, k.ID)
		if err != nil || d == nil {
			return err
		}
		var text keyText
		if err := json.Unmarshal(d.Doc, &text); err != nil {
			return err
		}
		sealed, err := reseal(text.Sealed)
		if err != nil || sealed == text.Sealed {
			return err
		}
		if d.Doc, err = json.Marshal(keyText{sealed}); err != nil {
			return err
		}
		if err := e.act(tx, k.Scope.Mode, "key.reseal", k.ID, ""); err != nil {
			return err
		}
		return tx.SaveDocument(d)
	})
}

// AnyKey is a key of any scope that was not revoked. visible says whether the caller may see it. For operators.
//
// Error: not_found.
func (e *Engine) AnyKey(ctx context.Context, id string, visible func(Key) bool) (Key, error) {
	var found *Key
	err := e.store.View(ctx, func(rd Reader) (err error) {
		found, err = rd.KeyByID(id)
		return err
	})
	if err != nil {
		return Key{}, err
	}
	if found == nil || !found.RevokedAt.IsZero() || !visible(*found) {
		return Key{}, noKey()
	}
	return *found, nil
}

// MaxKeyOverlap is how long a key may go on beside the one that replaces it.
const MaxKeyOverlap = 90 * 24 * time.Hour

// RotateKey records a key in place of another: it may do what that one may, in the same scope, and that one ends when the overlap
// is over. The caller has made the new one. For operators.
//
// Errors: not_found, also for a key that is not visible or was revoked; order_state_conflict for one that is switched off or over;
// invalid_value (Param: overlap).
func (e *Engine) RotateKey(ctx context.Context, id string, fresh Key, overlap time.Duration, visible func(Key) bool) (Key, error) {
	if overlap < 0 || overlap > MaxKeyOverlap {
		return Key{}, fault.New(fault.CodeInvalidValue, "the overlap is from 0 to 90 days").On("overlap")
	}
	var made Key
	err := e.update(ctx, Keys{}, func(tx Tx) error {
		old, err := tx.KeyByID(id)
		switch {
		case err != nil:
			return err
		case old == nil || !old.RevokedAt.IsZero() || !visible(*old):
			return noKey()
		case !old.good(tx.Now()):
			return fault.New(fault.CodeOrderStateConflict, "the key is switched off or over: make a new one")
		}
		made = *old
		made.ID, made.Hash, made.Prefix, made.Sealed = "key_"+tx.NewID(), fresh.Hash, fresh.Prefix, fresh.Sealed
		made.CreatedAt, made.UpdatedAt, made.UsedAt, made.ExpiresAt = tx.Now(), time.Time{}, time.Time{}, fresh.ExpiresAt
		made.MadeBy = old.ID // in the same hands: what one makes the other does not approve
		if err := e.act(tx, made.Scope.Mode, "key.rotate", made.ID, "in place of "+old.ID); err != nil {
			return err
		}
		if err := RecordKey(tx, made); err != nil {
			return err
		}
		ended := *old
		if end := tx.Now().Add(overlap); ended.ExpiresAt.IsZero() || end.Before(ended.ExpiresAt) {
			ended.ExpiresAt, ended.UpdatedAt = end, tx.Now()
		}
		return tx.SaveKey(ended)
	})
	return made, err
}
