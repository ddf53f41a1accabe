package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Merchant is who sells.
type Merchant struct {
	ID           string    `json:"id"`
	Organisation string    `json:"organisation"`
	Name         string    `json:"name"`
	CreatedAt    time.Time `json:"createdAt"`
}

// MerchantList is every merchant.
type MerchantList struct {
	Merchants []Merchant `json:"merchants" nullable:"false"`
}

// Merchants is every merchant, by id.
func (c *Client) Merchants(ctx context.Context) ([]Merchant, error) {
	var got MerchantList
	err := c.call(ctx, http.MethodGet, "/merchants", nil, nil, &got)
	return got.Merchants, err
}

// NewMerchant asks for a merchant.
type NewMerchant struct {
	ID           string `json:"id" minLength:"1" maxLength:"64" pattern:"^[A-Za-z0-9._-]+$" doc:"letters, digits, dot, underscore and dash"`
	Organisation string `json:"organisation,omitempty" maxLength:"64" doc:"absent: the same as the id"`
	Name         string `json:"name" minLength:"1" maxLength:"200"`
}

// AddMerchant makes a merchant.
func (c *Client) AddMerchant(ctx context.Context, m NewMerchant) (Merchant, error) {
	var got Merchant
	return got, c.call(ctx, http.MethodPost, "/merchants", nil, m, &got)
}

// Key is an API key, or an operator's token. The key itself is shown when it is made, and never again.
type Key struct {
	ID       string `json:"id"`
	Name     string `json:"name,omitempty"`
	Shown    string `json:"shown" doc:"how the key begins"`
	Merchant string `json:"merchant,omitempty" doc:"absent: an operator's token, or an organisation's key"`
	// Organisation is whose key it is where it opens all merchants of an organisation.
	Organisation string     `json:"organisation,omitempty"`
	Mode         string     `json:"mode,omitempty" doc:"absent: both, which only an operator's token has"`
	Dialect      string     `json:"dialect,omitempty" doc:"the API it opens; absent: this one"`
	Scopes       []string   `json:"scopes" nullable:"false" doc:"what it may do; empty: everything"`
	Active       bool       `json:"active"`
	ExpiresAt    *time.Time `json:"expiresAt,omitempty"`
	CreatedAt    time.Time  `json:"createdAt"`
	Key          string     `json:"key,omitempty" doc:"only in the answer to its creation"`
	Secret       string     `json:"secret,omitempty" doc:"of a key of two parts, and only in the answer to its creation"`
}

// KeyPage is one page of keys.
type KeyPage struct {
	Keys []Key  `json:"keys" nullable:"false"`
	Next string `json:"next,omitempty"`
}

// KeyQuery chooses keys.
type KeyQuery struct {
	Merchant, Mode, After string
	Limit                 int
}

// Keys is one page of keys, by id.
func (c *Client) Keys(ctx context.Context, q KeyQuery) (KeyPage, error) {
	var got KeyPage
	return got, c.call(ctx, http.MethodGet, "/keys",
		params("merchant", q.Merchant, "mode", q.Mode, "after", q.After, "limit", number(q.Limit)), nil, &got)
}

// NewKey asks for a key.
type NewKey struct {
	Name         string     `json:"name,omitempty" maxLength:"100"`
	Merchant     string     `json:"merchant,omitempty" maxLength:"64" doc:"absent: an operator's token, or an organisation's key"`
	Organisation string     `json:"organisation,omitempty" maxLength:"64" doc:"instead of a merchant: the key opens all its merchants"`
	Mode         string     `json:"mode,omitempty" enum:"live,sandbox" doc:"needed for a merchant's key"`
	Dialect      string     `json:"dialect,omitempty" maxLength:"32" doc:"needed for a merchant's key: the API it opens"`
	Scopes       []string   `json:"scopes,omitempty" maxItems:"50" doc:"absent: everything"`
	ExpiresAt    *time.Time `json:"expiresAt,omitempty"`
	Publishable  bool       `json:"publishable,omitempty" doc:"for pages that everybody reads, where the API has such keys"`
}

// KeyRotation says how long the key that is replaced goes on.
type KeyRotation struct {
	OverlapSeconds int64 `json:"overlapSeconds" minimum:"0" maximum:"7776000"`
}

// RotateKey makes a key in place of another. Only its answer has the key.
func (c *Client) RotateKey(ctx context.Context, id string, r KeyRotation) (Key, error) {
	var got Key
	return got, c.call(ctx, http.MethodPost, "/keys/"+url.PathEscape(id)+"/rotate", nil, r, &got)
}

// SigningKey is a key pair that an API signs its keys with. Its private half is never shown; the public one is in the API's key set.
type SigningKey struct {
	ID        string    `json:"id" doc:"the kid of what it signed"`
	Dialect   string    `json:"dialect"`
	Signs     bool      `json:"signs" doc:"keys that are made now are signed with it"`
	CreatedAt time.Time `json:"createdAt"`
}

// SigningKeyList is all of them.
type SigningKeyList struct {
	SigningKeys []SigningKey `json:"signingKeys" nullable:"false"`
}

// SigningKeys is the key pairs of every API, the newest of each first.
func (c *Client) SigningKeys(ctx context.Context) (SigningKeyList, error) {
	var got SigningKeyList
	return got, c.call(ctx, http.MethodGet, "/signing-keys", nil, nil, &got)
}

// SigningKeyRotation says whose key pair is replaced.
type SigningKeyRotation struct {
	Dialect string `json:"dialect" minLength:"1" maxLength:"32" doc:"the API"`
}

// RotateSigningKey makes the key pair that an API signs its keys with from now on.
func (c *Client) RotateSigningKey(ctx context.Context, r SigningKeyRotation) (SigningKey, error) {
	var got SigningKey
	return got, c.call(ctx, http.MethodPost, "/signing-keys", nil, r, &got)
}

// AddKey makes a key. Only its answer has the key.
func (c *Client) AddKey(ctx context.Context, k NewKey) (Key, error) {
	var got Key
	return got, c.call(ctx, http.MethodPost, "/keys", nil, k, &got)
}

// RevokeKey ends a key for good: at once, on other servers of the same database within a second.
func (c *Client) RevokeKey(ctx context.Context, id string) (Key, error) {
	var got Key
	return got, c.call(ctx, http.MethodPost, "/keys/"+url.PathEscape(id)+"/revoke", nil, nil, &got)
}

// InstrumentImport adds addresses to a pool.
type InstrumentImport struct {
	Merchant  string   `json:"merchant" minLength:"1" maxLength:"64" doc:":house is the operator's own pool"`
	Mode      string   `json:"mode" enum:"live,sandbox"`
	Family    string   `json:"family,omitempty" maxLength:"32" doc:"absent: evm"`
	Addresses []string `json:"addresses" minItems:"1" maxItems:"1000" nullable:"false"`
}

// InstrumentsImported says how many were new.
type InstrumentsImported struct {
	Added   int `json:"added"`
	Present int `json:"present" doc:"those that the pool had already"`
}

// ImportInstruments adds addresses to a pool: all of them, or none when one is refused.
func (c *Client) ImportInstruments(ctx context.Context, i InstrumentImport) (InstrumentsImported, error) {
	var got InstrumentsImported
	return got, c.call(ctx, http.MethodPost, "/instruments", nil, i, &got)
}

// InstrumentRef names one instrument of a pool.
type InstrumentRef struct {
	Merchant string `json:"merchant" minLength:"1" maxLength:"64"`
	Mode     string `json:"mode" enum:"live,sandbox"`
	Family   string `json:"family,omitempty" maxLength:"32" doc:"absent: evm"`
	Address  string `json:"address" minLength:"1" maxLength:"256"`
}

// ReleaseInstrument ends an address's quarantine.
func (c *Client) ReleaseInstrument(ctx context.Context, ref InstrumentRef) (Instrument, error) {
	return c.keep(ctx, "release", ref)
}

// ArchiveInstrument takes an address out of use.
func (c *Client) ArchiveInstrument(ctx context.Context, ref InstrumentRef) (Instrument, error) {
	return c.keep(ctx, "archive", ref)
}

// UnarchiveInstrument takes it back into use.
func (c *Client) UnarchiveInstrument(ctx context.Context, ref InstrumentRef) (Instrument, error) {
	return c.keep(ctx, "unarchive", ref)
}

func (c *Client) keep(ctx context.Context, how string, ref InstrumentRef) (Instrument, error) {
	var got Instrument
	return got, c.call(ctx, http.MethodPost, "/instruments/"+how, nil, ref, &got)
}

// Job is one background loop of the process that answers.
type Job struct {
	Name    string     `json:"name"`
	OK      bool       `json:"ok"`
	Error   string     `json:"error,omitempty" doc:"what is wrong at present"`
	Since   *time.Time `json:"since,omitempty" doc:"since when it is wrong"`
	Rail    string     `json:"rail,omitempty"`
	Head    uint64     `json:"head,omitempty" doc:"the last block told"`
	Horizon *time.Time `json:"horizon,omitempty" doc:"its time"`
	ToldAt  *time.Time `json:"toldAt,omitempty" doc:"when the rail was last heard; absent: not since the start"`
}

// JobList is every loop, and what they have before them.
type JobList struct {
	Jobs          []Job      `json:"jobs" nullable:"false"`
	Untold        int        `json:"untold" doc:"events that have no messages yet"`
	Pending       int        `json:"pending" doc:"messages that are not delivered; counted up to 100,000"`
	OldestPending *time.Time `json:"oldestPending,omitempty" doc:"when the oldest of them was made"`
	ToSend        int        `json:"toSend" doc:"orders whose delivery waits to be sent"`
	InFlight      int        `json:"inFlight" doc:"transfers that are neither here nor there"`
}

// Jobs is how the background loops are.
func (c *Client) Jobs(ctx context.Context) (JobList, error) {
	var got JobList
	return got, c.call(ctx, http.MethodGet, "/jobs", nil, nil, &got)
}

// AuditHead is the last seal of a mode's chain.
type AuditHead struct {
	Mode string    `json:"mode" enum:"live,sandbox"`
	N    int64     `json:"n" doc:"how many seals the chain has"`
	Head string    `json:"head" doc:"lower-case hex; keep it elsewhere to prove later that nothing before it was changed"`
	At   time.Time `json:"at"`
}

// AuditHeadList is the head of every chain.
type AuditHeadList struct {
	Heads []AuditHead `json:"heads" nullable:"false"`
}

// AuditHeads is the head of every mode's chain that has one.
func (c *Client) AuditHeads(ctx context.Context) ([]AuditHead, error) {
	var got AuditHeadList
	err := c.call(ctx, http.MethodGet, "/audit/heads", nil, nil, &got)
	return got.Heads, err
}
