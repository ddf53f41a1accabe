package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
)

// KindUser is the kind of a user's document. Its keys are the e-mail address, unique in a scope and region, and who an
// external issuer says that the user is.
const KindUser DocumentKind = "user"

// User is a customer of a merchant who logs in at the merchant's client applications to buy something. Who logs in to
// this server itself is a person (internal/auth).
type User struct {
	ID      string // public, made by who adds him; unique on the server
	Scope   Scope  `json:"-"`
	Number  int64  `json:"-"` // counts the scope's from 1
	Version int64  `json:"-"`

	Email    string `json:",omitempty"` // in small letters; empty: he comes from an issuer alone
	Phone    string `json:",omitempty"`
	Password string `json:",omitempty"` // its hash; empty: he has none, and logs in elsewhere
	Subject  string `json:",omitempty"` // who an external issuer says he is

	OTP       bool      `json:",omitempty"` // each login needs a code too
	Code      string    `json:",omitempty"` // the MAC of the code that was sent last
	CodeUntil time.Time `json:",omitzero"`  // true time

	Verification Verification
	Country      string   `json:",omitempty"` // ISO 3166, two letters
	Region       string   `json:",omitempty"` // as the API calls it; empty: its usual one
	Holds        []string `json:",omitempty"` // codes of products, and other words that eligibility asks for
	Active       bool     // may log in and buy

	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`
}

// Verification is what is known of who a user is.
type Verification string

// The states of a verification.
const (
	Verified        Verification = "verified"
	Unverified      Verification = "unverified"
	VerifyPending   Verification = "pending"
	VerifyRejection Verification = "rejected"
)

// Verifications are all of them.
var Verifications = []Verification{Verified, Unverified, VerifyPending, VerifyRejection}

// checkUser brings a user into one spelling. Errors, on the field: invalid_value, missing_field.
func checkUser(u *User) error {
	bad := func(field, text string) error { return fault.New(fault.CodeInvalidValue, text).On(field) }
	u.Email = strings.ToLower(strings.TrimSpace(u.Email))
	if u.Email == "" && u.Subject == "" {
		return fault.New(fault.CodeMissingField, "a user needs an e-mail address").On("email")
	}
	if u.Email != "" {
		at, err := mail.ParseAddress(u.Email)
		if err != nil || at.Address != u.Email || len(u.Email) > 254 || strings.ContainsFunc(u.Email, func(r rune) bool { return r <= ' ' || r > 0x7e }) {
			return bad("email", "this is no e-mail address")
		}
	}
	if u.Verification == "" {
		u.Verification = Unverified
	}
	switch {
	case !slices.Contains(Verifications, u.Verification):
		return bad("verification", "want verified, unverified, pending or rejected")
	case u.Country != "" && !countryForm.MatchString(u.Country):
		return bad("country", "a country is two capital letters (ISO 3166)")
	case len(u.Holds) > maxProductList:
		return bad("holds", "there are too many words")
	case len(u.Phone) > 32:
		return bad("phone", "it is too long")
	}
	for _, code := range u.Holds {
		if !productForm.MatchString(code) {
			return bad("holds", "what a user holds is a word like a product's code")
		}
	}
	u.Holds = slices.Compact(slices.Sorted(slices.Values(u.Holds)))
	return nil
}

// AddUser keeps a new user.
//
// Errors: invalid_value, missing_field on the field; duplicate_reference (Param: email or subject; Details existing: the
// user's id) when the scope has such a user.
func (e *Engine) AddUser(ctx context.Context, u User) (*User, error) {
	if err := checkUser(&u); err != nil {
		return nil, err
	}
	var added *User
	err := e.update(ctx, Keys{Documents: []DocumentKey{{KindUser, u.ID}}}, func(tx Tx) error {
		made := u
		d := &Document{Kind: KindUser, ID: u.ID, Scope: u.Scope, CreatedAt: tx.Now()}
		if err := made.keepIn(d, tx.Now()); err != nil {
			return err
		}
		if err := tx.InsertDocument(d); err != nil {
			return err
		}
		var err error
		if added, err = userOf(d, u.Scope); err != nil {
			return err
		}
		return e.act(tx, u.Scope.Mode, "user.add", u.ID, made.said())
	})
	return added, err
}

// ChangeUser changes a user; change may run more than once.
//
// Errors: not_found, those of change, those of AddUser.
func (e *Engine) ChangeUser(ctx context.Context, s Scope, id string, change func(u *User) error) (*User, error) {
	var changed *User
	err := e.update(ctx, Keys{Documents: []DocumentKey{{KindUser, id}}}, func(tx Tx) error {
		d, err := tx.Document(KindUser, id)
		if err != nil {
			return err
		}
		u, err := userOf(d, s)
		if err != nil {
			return err
		}
		before := *u
		if err := change(u); err != nil {
			return err
		}
		if err := checkUser(u); err != nil {
			return err
		}
		if err := u.keepIn(d, tx.Now()); err != nil {
			return err
		}
		if err := tx.SaveDocument(d); err != nil {
			return err
		}
		if changed, err = userOf(d, s); err != nil {
			return err
		}
		if u.Code != before.Code { // a login, and nothing that was administered
			return nil
		}
		return e.act(tx, u.Scope.Mode, "user.change", u.ID, u.said())
	})
	return changed, err
}

// User finds a user of the scope; the zero Scope means any, for operators. Error: not_found, also for another scope's.
func (e *Engine) User(ctx context.Context, s Scope, id string) (*User, error) {
	return e.findUser(ctx, s, func(rd Reader) (*Document, error) { return rd.Document(KindUser, id) })
}

// UserByEmail finds a user of the scope and region. Error: not_found.
func (e *Engine) UserByEmail(ctx context.Context, s Scope, region, email string) (*User, error) {
	key := emailKey(region, strings.ToLower(strings.TrimSpace(email)))
	return e.findUser(ctx, s, func(rd Reader) (*Document, error) { return rd.DocumentByKey(KindUser, s, key) })
}

// UserBySubject finds the user of whom an external issuer speaks. Error: not_found.
func (e *Engine) UserBySubject(ctx context.Context, s Scope, subject string) (*User, error) {
	return e.findUser(ctx, s, func(rd Reader) (*Document, error) { return rd.DocumentByKey(KindUser, s, "subject:"+subject) })
}

func (e *Engine) findUser(ctx context.Context, s Scope, find func(Reader) (*Document, error)) (u *User, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		d, err := find(rd)
		if err == nil {
			u, err = userOf(d, s)
		}
		return err
	})
	return u, err
}

// UserFilter pages a scope's users, the newest first.
type UserFilter struct {
	Scope  Scope
	Limit  int
	Behind int64 // a number: the list begins behind it; 0: with the newest
}

// Users lists a scope's users, and how many there are. Error: invalid_page.
func (e *Engine) Users(ctx context.Context, f UserFilter) (list []User, total int64, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		page, err := rd.Documents(DocumentFilter{Kind: KindUser, Scope: f.Scope, Page: 1, Limit: f.Limit, Behind: f.Behind, Descending: true})
		if err != nil {
			return err
		}
		list, total = nil, page.Total
		for i := range page.List {
			u, err := userOf(&page.List[i], f.Scope)
			if err != nil {
				return err
			}
			list = append(list, *u)
		}
		return nil
	})
	return list, total, err
}

func emailKey(region, email string) string { return "email:" + region + ":" + email }

// keepIn puts the user into his document.
func (u *User) keepIn(d *Document, now time.Time) (err error) {
	d.Keys = nil
	if u.Email != "" {
		d.Keys = append(d.Keys, emailKey(u.Region, u.Email))
	}
	if u.Subject != "" {
		d.Keys = append(d.Keys, "subject:"+u.Subject)
	}
	d.State, d.UpdatedAt = string(u.Verification), now
	d.Doc, err = json.Marshal(u)
	return err
}

func userOf(d *Document, s Scope) (*User, error) {
	if d == nil || d.Scope != s && s != (Scope{}) {
		return nil, fault.New(fault.CodeNotFound, "there is no such user")
	}
	u := &User{}
	if err := json.Unmarshal(d.Doc, u); err != nil {
		return nil, err
	}
	u.Scope, u.Number, u.Version, u.CreatedAt, u.UpdatedAt = d.Scope, d.Number, d.Version, d.CreatedAt, d.UpdatedAt
	return u, nil
}

// said is what the record of who administered says of a user: nothing that tells who he is.
func (u *User) said() string {
	return fmt.Sprintf("%s; active %t; holds %d", u.Verification, u.Active, len(u.Holds))
}
