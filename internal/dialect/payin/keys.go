package payin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

const (
	maxKeyBody = 16 << 10
	maxKeyName = 255 // code points
)

// createKey makes a key of the caller's merchant and mode. Nobody makes one that may do more, or lasts longer, than
// what he calls with. The key is in the first answer and nowhere else: what is remembered for a repeat masks it.
func (d *Dialect) createKey(r *http.Request, s engine.Scope) (answer, error) {
	body, err := web.Decode(r, maxKeyBody)
	if err != nil {
		return answer{}, err
	}
	asked, err := d.decodeNewKey(body, callerOf(r.Context()))
	if err != nil {
		return answer{}, err
	}
	again, err := repeatable(r, s, body, func(k engine.Key) any { return newKeyBody(k.Prefix+masked, k) })
	if err != nil {
		return answer{}, err
	}
	key, hash, shown, err := d.newKey(s.Mode)
	if err != nil {
		return answer{}, err
	}
	asked.Scope, asked.Hash, asked.Prefix = s, hash, shown
	made, replay, err := d.engine.As(asked.MadeBy).AddKeyOnce(r.Context(), asked, again)
	if err != nil {
		return answer{}, err
	}
	if replay != nil {
		return replayed(replay), nil
	}
	return answer{http.StatusCreated, newKeyBody(key, made)}, nil
}

// masked stands for the rest of a key that is not shown.
const masked = "****************************"

func (d *Dialect) decodeNewKey(body web.Object, who auth.Principal) (engine.Key, error) {
	k := engine.Key{MadeBy: who.Who()}
	var err error
	if k.Name, err = required(body, "name", maxKeyName); err != nil {
		return k, err
	}
	if k.Scopes, err = decodePermissions(body, who); err != nil {
		return k, err
	}
	k.ExpiresAt, _, err = decodeExpiry(body, who, d.now())
	return k, err
}

// decodePermissions reads what a new key may do: some of what its maker may, or all of it where nothing is said.
func decodePermissions(body web.Object, who auth.Principal) ([]string, error) {
	list, given, err := body.Array("scopes", len(permissions))
	if err != nil {
		return nil, err
	}
	if !given {
		return slices.Clone(who.Scopes), nil
	}
	chosen := []string{}
	for _, value := range list {
		scope, err := value.String(maxName)
		switch {
		case err != nil:
			return nil, err
		case !slices.Contains(permissions, scope):
			return nil, fault.New(fault.CodeInvalidValue, "There is no permission '"+scope+"': they are "+strings.Join(permissions, ", ")).On(value.Path())
		case !who.May(scope):
			return nil, fault.New(fault.CodeForbidden, "You do not have the permission '"+scope+"', so a key of yours cannot have it").On(value.Path())
		case !slices.Contains(chosen, scope):
			chosen = append(chosen, scope)
		}
	}
	if len(chosen) == 0 { // on record, none would be all
		return nil, fault.New(fault.CodeInvalidValue, "A key without permissions could do nothing: leave the field 'scopes' out for all that you may do").On("scopes")
	}
	return chosen, nil
}

// decodeExpiry reads until when a key is good; null is for ever. given says whether the field is there.
func decodeExpiry(body web.Object, who auth.Principal, now time.Time) (at time.Time, given bool, err error) {
	given = slices.Contains(body.Names(), "expiresAt")
	text, present, err := body.String("expiresAt", maxName)
	if err != nil {
		return at, given, err
	}
	if present {
		if at, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return at, given, fault.New(fault.CodeInvalidValue, "The field 'expiresAt' must be a time like 2027-01-31T12:00:00Z").On("expiresAt")
		}
		if at = at.UTC().Truncate(shownTime); !at.After(now) {
			return at, given, fault.New(fault.CodeInvalidValue, "The field 'expiresAt' must be in the future").On("expiresAt")
		}
	}
	if who.Person != "" || who.ExpiresAt.IsZero() {
		return at, given, nil
	}
	if !given {
		return who.ExpiresAt, given, nil
	}
	if at.IsZero() || at.After(who.ExpiresAt) {
		return at, given, fault.New(fault.CodeForbidden, "This API key ends at "+wireTime(who.ExpiresAt)+", and what it makes cannot last longer").On("expiresAt")
	}
	return at, given, nil
}

// listKeys shows the keys that were not revoked, the oldest first.
func (d *Dialect) listKeys(r *http.Request, s engine.Scope) (answer, error) {
	const most = 1000 // of one look
	search := engine.KeySearch{Merchant: s.Merchant, Mode: s.Mode, Dialect: s.Dialect, Unrevoked: true, Limit: most}
	body := keyListBody{Success: true, Data: []keyBody{}}
	for {
		list, err := d.engine.SearchKeys(r.Context(), search)
		if err != nil {
			return answer{}, err
		}
		for _, k := range list {
			body.Data = append(body.Data, keyOfBody(k))
		}
		if len(list) < most {
			return answer{http.StatusOK, body}, nil
		}
		search.After = list[most-1].ID
	}
}

func (d *Dialect) getKey(r *http.Request, s engine.Scope) (answer, error) {
	k, err := d.engine.Key(r.Context(), s, r.PathValue("keyId"))
	return answer{http.StatusOK, oneKeyBody{Success: true, Data: keyOfBody(k)}}, orNoKey(err)
}

// changeKey answers PATCH and PUT alike: what is not said stays. What a key may do never changes.
func (d *Dialect) changeKey(r *http.Request, s engine.Scope) (answer, error) {
	body, err := web.Decode(r, maxKeyBody)
	if err != nil {
		return answer{}, err
	}
	name, named, err := body.String("name", maxKeyName)
	if err == nil && named && name == "" {
		err = fault.New(fault.CodeMissingField, "The field 'name' must not be empty").On("name")
	}
	if err != nil {
		return answer{}, err
	}
	active, switched, err := body.Bool("isActive")
	if err != nil {
		return answer{}, err
	}
	who := callerOf(r.Context())
	expires, given, err := decodeExpiry(body, who, d.now())
	if err != nil {
		return answer{}, err
	}
	k, err := d.engine.As(who.Who()).ChangeKey(r.Context(), r.PathValue("keyId"), func(k engine.Key) bool { return k.Scope == s }, func(k *engine.Key) error {
		if named {
			k.Name = name
		}
		if switched {
			k.Active = active
		}
		if given {
			k.ExpiresAt = expires
		}
		return nil
	})
	if err == nil {
		d.auth.Forget(k.Hash)
	}
	return answer{http.StatusOK, oneKeyBody{Success: true, Data: keyOfBody(k)}}, orNoKey(err)
}

// deleteKey ends a key for good.
func (d *Dialect) deleteKey(r *http.Request, s engine.Scope) (answer, error) {
	visible := func(k engine.Key) bool { return k.Scope == s && k.RevokedAt.IsZero() }
	k, err := d.engine.As(callerOf(r.Context()).Who()).RevokeKey(r.Context(), r.PathValue("keyId"), visible)
	if err == nil {
		d.auth.Forget(k.Hash)
	}
	return answer{http.StatusOK, doneBody{Success: true, Message: fmt.Sprintf("API key '%s' revoked", k.Name)}}, orNoKey(err)
}

func orNoKey(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return fault.New(fault.CodeNotFound, "API key not found")
	}
	return err
}

// keyBody is a key as it may be shown.
type keyBody struct {
	ID             string   `json:"id"`
	UserID         *string  `json:"userId"` // who made it; null: the house
	OrganizationID string   `json:"organizationId"`
	KeyPrefix      string   `json:"keyPrefix"`
	Name           string   `json:"name"`
	IsActive       bool     `json:"isActive"`
	Scopes         []string `json:"scopes"` // null: everything
	LastUsedAt     *string  `json:"lastUsedAt"`
	ExpiresAt      *string  `json:"expiresAt"`
	CreatedAt      string   `json:"createdAt"`
	UpdatedAt      string   `json:"updatedAt"`
}

type oneKeyBody struct {
	Success bool    `json:"success"`
	Data    keyBody `json:"data"`
}

type keyListBody struct {
	Success bool      `json:"success"`
	Data    []keyBody `json:"data"`
}

type createdKeyBody struct {
	Success bool           `json:"success"`
	Data    createdKeyData `json:"data"`
}

type createdKeyData struct {
	APIKey   string  `json:"apiKey"`
	Metadata keyBody `json:"metadata"`
}

func newKeyBody(key string, k engine.Key) createdKeyBody {
	return createdKeyBody{Success: true, Data: createdKeyData{APIKey: key, Metadata: keyOfBody(k)}}
}

func keyOfBody(k engine.Key) keyBody {
	body := keyBody{
		ID: k.ID, OrganizationID: k.Scope.Merchant, KeyPrefix: k.Prefix, Name: k.Name, IsActive: k.Active, Scopes: k.Scopes,
		LastUsedAt: timeOrNull(k.UsedAt), ExpiresAt: timeOrNull(k.ExpiresAt), CreatedAt: wireTime(k.CreatedAt), UpdatedAt: wireTime(k.CreatedAt),
	}
	if len(k.Scopes) == 0 {
		body.Scopes = nil
	}
	if k.MadeBy != "" {
		body.UserID = &k.MadeBy
	}
	if !k.UpdatedAt.IsZero() {
		body.UpdatedAt = wireTime(k.UpdatedAt)
	}
	return body
}

func timeOrNull(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := wireTime(t)
	return &text
}
