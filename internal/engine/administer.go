package engine

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"

	"till/internal/fault"
)

// AddMerchant makes a merchant. For operators.
//
// Error: duplicate_reference (Param: id) when there is one with this id.
func (e *Engine) AddMerchant(ctx context.Context, m Merchant) (Merchant, error) {
	err := e.update(ctx, Keys{}, func(tx Tx) error {
		there, err := tx.Merchant(m.ID)
		if err != nil {
			return err
		}
		if there != nil {
			return fault.New(fault.CodeDuplicateReference, "there is a merchant with this id").On("id")
		}
		m.CreatedAt = tx.Now()
		if err := e.act(tx, "", "merchant.add", m.ID, m.Name); err != nil {
			return err
		}
		return tx.SaveMerchant(m)
	})
	return m, err
}

// AddKey records a new key and gives it its id. The caller has made the key and keeps only what is asked for
// here. For operators.
//
// Error: not_found (Param: merchant, organisation) when there is no such merchant or organisation.
func (e *Engine) AddKey(ctx context.Context, k Key) (Key, error) {
	k, _, err := e.AddKeyOnce(ctx, k, Repeatable[Key]{})
	return k, err
}

// AddKeyOnce is AddKey that may be repeated. A repeat has the first answer and no key; the hash of the one it asked
// to record is dropped.
//
// Errors: those of AddKey; idempotency_conflict.
func (e *Engine) AddKeyOnce(ctx context.Context, k Key, r Repeatable[Key]) (Key, *Answer, error) {
	return once(ctx, e, Keys{}, r, func(tx Tx) (Key, error) {
		if err := known(tx, k.Scope); err != nil {
			return Key{}, err
		}
		made := k
		made.ID, made.Active, made.CreatedAt = "key_"+tx.NewID(), true, tx.Now()
		if err := e.act(tx, made.Scope.Mode, "key.add", made.ID, keyDetail(made)); err != nil {
			return Key{}, err
		}
		return made, RecordKey(tx, made)
	})
}

// Key is a key of a scope that was not revoked.
//
// Error: not_found.
func (e *Engine) Key(ctx context.Context, s Scope, id string) (Key, error) {
	var found *Key
	err := e.store.View(ctx, func(rd Reader) (err error) {
		found, err = rd.KeyByID(id)
		return err
	})
	if err != nil {
		return Key{}, err
	}
	if found == nil || found.Scope != s || !found.RevokedAt.IsZero() {
		return Key{}, noKey()
	}
	return *found, nil
}

// ChangeKey changes what change changes of a key: its name, what it may do, whether it is switched on, until when.
// Its id, hash and scope stay. A process that has just checked the key may believe the old one for a moment longer.
// visible says whether the caller may see a key.
//
// Errors: not_found, also for a key that is not visible or was revoked; and what change returns.
func (e *Engine) ChangeKey(ctx context.Context, id string, visible func(Key) bool, change func(*Key) error) (Key, error) {
	return e.changeKey(ctx, "key.change", id, func(k Key) bool { return visible(k) && k.RevokedAt.IsZero() }, func(_ Tx, k *Key) error { return change(k) })
}

// RevokeKey ends a key for good; the caller has it forgotten (auth.Auth.Forget), another process that has just checked it may
// believe it for a moment longer. To revoke it again changes nothing. visible says whether the
// caller may see a key.
//
// Error: not_found, also for a key that is not visible.
func (e *Engine) RevokeKey(ctx context.Context, id string, visible func(Key) bool) (Key, error) {
	return e.changeKey(ctx, "key.revoke", id, visible, func(tx Tx, k *Key) error {
		if k.RevokedAt.IsZero() {
			k.Active, k.RevokedAt = false, tx.Now()
		}
		return nil
	})
}

func (e *Engine) changeKey(ctx context.Context, what, id string, visible func(Key) bool, change func(Tx, *Key) error) (Key, error) {
	var k Key
	err := e.update(ctx, Keys{}, func(tx Tx) error {
		there, err := tx.KeyByID(id)
		if err != nil {
			return err
		}
		if there == nil || !visible(*there) {
			return noKey()
		}
		k = *there
		k.Scopes = slices.Clone(there.Scopes)
		if err := change(tx, &k); err != nil {
			return err
		}
		k.ID, k.Hash, k.Prefix, k.Scope, k.CreatedAt, k.MadeBy = there.ID, there.Hash, there.Prefix, there.Scope, there.CreatedAt, there.MadeBy
		if reflect.DeepEqual(k, *there) {
			return nil
		}
		k.UpdatedAt = tx.Now()
		if err := e.act(tx, k.Scope.Mode, what, k.ID, keyDetail(k)); err != nil {
			return err
		}
		return tx.SaveKey(k)
	})
	return k, err
}

// KeysUsed puts on record when keys were last used.
func (e *Engine) KeysUsed(ctx context.Context, last map[string]time.Time) error {
	return e.store.Update(ctx, Keys{}, func(tx Tx) error {
		for _, id := range slices.Sorted(maps.Keys(last)) {
			if err := tx.KeyUsed(id, last[id]); err != nil {
				return err
			}
		}
		return nil
	})
}

func noKey() error { return fault.New(fault.CodeNotFound, "no such key") }

// MaxEndpoints is how many webhook endpoints a scope may have: each multiplies what is sent.
const MaxEndpoints = 50

// AddEndpoint records a new webhook endpoint. Its id is the caller's, who has sealed the secret for it and
// checked the URL. For operators.
//
// Errors: not_found (Param: merchant, organisation) when there is no such merchant or organisation; invalid_value when
// the scope has MaxEndpoints already.
func (e *Engine) AddEndpoint(ctx context.Context, ep Endpoint) (Endpoint, error) {
	ep, _, err := e.AddEndpointOnce(ctx, ep, Repeatable[Endpoint]{})
	return ep, err
}

// AddEndpointOnce is AddEndpoint that may be repeated. A repeat has the first answer and makes no endpoint.
//
// Errors: those of AddEndpoint; idempotency_conflict.
func (e *Engine) AddEndpointOnce(ctx context.Context, ep Endpoint, r Repeatable[Endpoint]) (Endpoint, *Answer, error) {
	return once(ctx, e, Keys{}, r, func(tx Tx) (Endpoint, error) {
		if err := known(tx, ep.Scope); err != nil {
			return Endpoint{}, err
		}
		n, err := tx.CountEndpoints(ep.Scope)
		if err != nil {
			return Endpoint{}, err
		}
		if n >= MaxEndpoints {
			return Endpoint{}, fault.New(fault.CodeInvalidValue, "There are "+strconv.Itoa(n)+" webhooks already: delete one first")
		}
		made := ep
		made.CreatedAt, made.UpdatedAt = tx.Now(), tx.Now()
		if err := e.act(tx, made.Scope.Mode, "endpoint.add", made.ID, made.Name); err != nil {
			return Endpoint{}, err
		}
		return made, tx.SaveEndpoint(made)
	})
}

// ChangeEndpoint changes what change changes of an endpoint; its id, scope and secrets stay. For operators.
//
// Errors: not_found, and what change returns.
func (e *Engine) ChangeEndpoint(ctx context.Context, id string, change func(*Endpoint) error) (Endpoint, error) {
	return e.ChangeEndpointSecret(ctx, id, "", change)
}

// ChangeEndpointSecret is ChangeEndpoint that also puts a new sealed secret in place of all that signed until now;
// with "" they stay. RotateSecret replaces one more gently.
//
// Errors: those of ChangeEndpoint.
func (e *Engine) ChangeEndpointSecret(ctx context.Context, id, sealed string, change func(*Endpoint) error) (Endpoint, error) {
	var ep Endpoint
	err := e.update(ctx, Keys{}, func(tx Tx) error {
		there, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		if there == nil {
			return fault.New(fault.CodeNotFound, "no such endpoint")
		}
		ep = *there
		if err := change(&ep); err != nil {
			return err
		}
		ep.ID, ep.Scope, ep.Secret, ep.Old, ep.CreatedAt = there.ID, there.Scope, there.Secret, there.Old, there.CreatedAt
		if sealed != "" {
			ep.Secret, ep.Old = sealed, nil
		}
		ep.UpdatedAt = tx.Now()
		if err := e.act(tx, ep.Scope.Mode, "endpoint.change", ep.ID, fmt.Sprintf("%s; enabled %t", ep.Name, ep.Enabled)); err != nil {
			return err
		}
		return tx.SaveEndpoint(ep)
	})
	return ep, err
}

// How long an endpoint's replaced secret still signs.
const (
	SecretOverlap    = 24 * time.Hour // when nobody says
	MaxSecretOverlap = 30 * 24 * time.Hour
)

// maxSecrets is how many secrets of an endpoint sign at once: a receiver looks at a few signatures and no more.
const maxSecrets = 5

// RotateSecret puts a new sealed secret in place of an endpoint's. For the overlap messages are signed with both,
// the newest first, so that the receiver changes over when it likes; then the old one has ended by itself. Secrets
// replaced before keep their own end. An overlap of zero ends all older ones at once: one of them is known to
// somebody it should not be known to. visible says whether the caller may see the endpoint. For operators, and for
// APIs whose merchants do it themselves.
//
// Errors: not_found, also for one that is not visible; invalid_value (Param: overlap) when it is negative or above
// MaxSecretOverlap; order_state_conflict when as many secrets as there may be sign already.
func (e *Engine) RotateSecret(ctx context.Context, id, sealed string, overlap time.Duration, visible func(Endpoint) bool) (Endpoint, error) {
	if overlap < 0 || overlap > MaxSecretOverlap {
		return Endpoint{}, fault.New(fault.CodeInvalidValue, fmt.Sprintf("the overlap is 0 to %s", MaxSecretOverlap)).On("overlap")
	}
	var ep Endpoint
	err := e.update(ctx, Keys{}, func(tx Tx) error {
		there, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		if there == nil || !visible(*there) {
			return fault.New(fault.CodeNotFound, "no such endpoint")
		}
		ep = *there
		ep.Secret, ep.Old, ep.UpdatedAt = sealed, nil, tx.Now()
		if overlap > 0 {
			ep.Old = []OldSecret{{Sealed: there.Secret, Until: tx.Now().Add(overlap)}}
			for _, old := range there.Old {
				if old.Until.After(tx.Now()) {
					ep.Old = append(ep.Old, old)
				}
			}
		}
		if len(ep.Old) >= maxSecrets {
			return fault.New(fault.CodeOrderStateConflict, "too many older secrets still sign: end them all with an overlap of 0, or wait for one to end")
		}
		if err := e.act(tx, ep.Scope.Mode, "endpoint.rotate", ep.ID, fmt.Sprintf("%s; overlap %s", ep.Name, overlap)); err != nil {
			return err
		}
		return tx.SaveEndpoint(ep)
	})
	return ep, err
}

// ResealEndpoint puts in place of each sealed secret of an endpoint what seal makes of it: the same secret under
// another master key. seal may be called again and changes nothing itself. When it returns every sealed text as it
// was given, nothing is recorded. For operators.
//
// Errors: not_found, and what seal returns.
func (e *Engine) ResealEndpoint(ctx context.Context, id string, seal func(sealed string) (string, error)) error {
	return e.update(ctx, Keys{}, func(tx Tx) error {
		ep, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		if ep == nil {
			return fault.New(fault.CodeNotFound, "no such endpoint")
		}
		changed := *ep
		if changed.Secret, err = seal(ep.Secret); err != nil {
			return err
		}
		changed.Old = slices.Clone(ep.Old)
		for i := range changed.Old {
			if changed.Old[i].Sealed, err = seal(ep.Old[i].Sealed); err != nil {
				return err
			}
		}
		if changed.Secret == ep.Secret && slices.Equal(changed.Old, ep.Old) {
			return nil
		}
		if err := e.act(tx, ep.Scope.Mode, "endpoint.reseal", ep.ID, ep.Name); err != nil {
			return err
		}
		return tx.SaveEndpoint(changed)
	})
}

// DeleteEndpoint removes an endpoint and cancels what waits to be delivered to it; what was delivered stays on record.
// visible says whether the caller may see the endpoint.
//
// Error: not_found, also for one that is not visible.
func (e *Engine) DeleteEndpoint(ctx context.Context, id string, visible func(Endpoint) bool) error {
	err := e.update(ctx, Keys{}, func(tx Tx) error {
		ep, err := tx.Endpoint(id)
		if err != nil {
			return err
		}
		if ep == nil || !visible(*ep) {
			return fault.New(fault.CodeNotFound, "no such endpoint")
		}
		if err := e.act(tx, ep.Scope.Mode, "endpoint.delete", ep.ID, ep.Name); err != nil {
			return err
		}
		return tx.DeleteEndpoint(id)
	})
	if err == nil {
		// The endpoint is gone whatever comes of this: the worker cancels what is left at its next attempt.
		_ = e.cancel(ctx, id)
	}
	return err
}

// known refuses a merchant, or an organisation, that does not exist; "" is an operator.
func known(tx Tx, s Scope) error {
	if s.Merchant == "" {
		return nil
	}
	if organisation, is := s.Organisation(); is {
		there, err := tx.HasOrganisation(organisation)
		if err == nil && !there {
			return fault.New(fault.CodeNotFound, "no merchant is of this organisation").On("organisation")
		}
		return err
	}
	m, err := tx.Merchant(s.Merchant)
	if err == nil && m == nil {
		return fault.New(fault.CodeNotFound, "no such merchant").On("merchant")
	}
	return err
}
