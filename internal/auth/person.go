package auth

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
)

// People are those who log in with a password: who there is, what they may do, and their sessions. Safe for
// concurrent use.
type People struct {
	store  Store
	hasher *hasher
	now    func() time.Time
	random io.Reader
	known  memory[believedSession]
}

// PeopleConfig is what People are made of.
type PeopleConfig struct {
	Store  Store
	Now    func() time.Time // true time
	Random io.Reader        // for tokens and salts; crypto/rand's in production; safe for concurrent use
	Cost   Cost             // of a password; the zero Cost is UsualCost
}

// NewPeople makes People.
func NewPeople(c PeopleConfig) *People {
	if c.Cost == (Cost{}) {
		c.Cost = UsualCost
	}
	return &People{store: c.Store, hasher: newHasher(c.Cost, c.Random), now: c.Now, random: c.Random}
}

// nameForm is a user name or an e-mail address. Only ASCII, so that no two names look alike.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._+-]{0,63}(@[a-z0-9][a-z0-9.-]{0,189})?$`)

// CanonicalName is the one spelling of a name: small letters, no space around it.
//
// Error: invalid_value (Param: name).
func CanonicalName(name string) (string, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if !nameForm.MatchString(name) {
		return "", fault.New(fault.CodeInvalidValue, "A name is letters, digits, dot, underscore, plus and dash, or an e-mail address.").On("name")
	}
	return name, nil
}

// NewPerson is somebody to be added.
type NewPerson struct {
	Name, Password string
	Roles          map[string]Role // by merchant; the caller has checked that the merchants exist
}

// Add makes a person. who is recorded as having done so.
//
// Errors: invalid_value, missing_field, too_long, duplicate_reference (Param: name), overloaded.
func (p *People) Add(ctx context.Context, who string, n NewPerson) (Person, error) {
	name, err := CanonicalName(n.Name)
	if err != nil {
		return Person{}, err
	}
	if err := checkPassword(name, n.Password); err != nil {
		return Person{}, err
	}
	if err := checkRoles(n.Roles); err != nil {
		return Person{}, err
	}
	hash, err := p.hasher.hash(ctx, n.Password)
	if err != nil {
		return Person{}, err
	}
	var made Person
	err = p.store.UpdatePeople(ctx, func(tx Tx) error {
		made = Person{ID: "usr_" + tx.NewID(), Name: name, Password: hash, Roles: maps.Clone(n.Roles), Active: true, CreatedAt: tx.Now(), PasswordAt: tx.Now()}
		if err := tx.RecordAction(who, "person.add", made.ID, name+"; "+rolesText(n.Roles)); err != nil {
			return err
		}
		return tx.SavePerson(made)
	})
	return made, err
}

// Find is the person with a name or an id.
//
// Error: not_found.
func (p *People) Find(ctx context.Context, nameOrID string) (Person, error) {
	var found *Person
	err := p.store.ViewPeople(ctx, func(rd Reader) (err error) {
		if found, err = rd.Person(nameOrID); err != nil || found != nil {
			return err
		}
		name, err := CanonicalName(nameOrID)
		if err != nil {
			return nil
		}
		found, err = rd.PersonByName(name)
		return err
	})
	if err == nil && found == nil {
		err = noPerson()
	}
	if err != nil {
		return Person{}, err
	}
	return *found, nil
}

// List is a page of people, by id, behind the given one.
func (p *People) List(ctx context.Context, after string, limit int) ([]Person, error) {
	var list []Person
	err := p.store.ViewPeople(ctx, func(rd Reader) (err error) {
		list, err = rd.People(after, limit)
		return err
	})
	return list, err
}

// SetPassword gives a person another password and ends all his sessions.
//
// Errors: not_found, those of a password, overloaded.
func (p *People) SetPassword(ctx context.Context, who, id, password string) (Person, error) {
	there, err := p.Find(ctx, id)
	if err != nil {
		return Person{}, err
	}
	return p.setPassword(ctx, who, there, password, func(Person) error { return nil })
}

// setPassword asks allowed in the transaction, with the person as he is then.
func (p *People) setPassword(ctx context.Context, who string, there Person, password string, allowed func(now Person) error) (Person, error) {
	if err := checkPassword(there.Name, password); err != nil {
		return Person{}, err
	}
	hash, err := p.hasher.hash(ctx, password)
	if err != nil {
		return Person{}, err
	}
	return p.change(ctx, who, "person.password", there.ID, func(tx Tx, x *Person) (string, error) {
		if err := allowed(*x); err != nil {
			return "", err
		}
		x.Password, x.PasswordAt = hash, tx.Now()
		return x.Name, endSessions(tx, x.ID)
	})
}

// ChangePassword gives a person the password he chose himself, when he knows the old one, and ends all his sessions.
// Wrong ones are slowed like logins; address is where he is.
//
// Errors: wrong_password, rate_limited, those of a password (Param: password), overloaded.
func (p *People) ChangePassword(ctx context.Context, id, address, was, password string) error {
	var there Person
	var counter string
	err := p.store.UpdatePeople(ctx, func(tx Tx) error {
		x, err := tx.Person(id)
		if err != nil {
			return err
		}
		if x == nil || !x.Active {
			return wrongPassword()
		}
		there = *x
		counter, err = attempt(tx, id, address)
		return err
	})
	if err != nil {
		return err
	}
	fits, _, err := p.hasher.check(ctx, was, there.Password)
	if err != nil {
		return err
	}
	if !fits {
		return wrongPassword()
	}
	if err := p.store.UpdatePeople(ctx, func(tx Tx) error { return succeeded(tx, counter, id, address) }); err != nil {
		return err
	}
	_, err = p.setPassword(ctx, id, there, password, func(now Person) error {
		if now.Password != there.Password || !now.Active { // an operator has acted meanwhile
			return wrongPassword()
		}
		return nil
	})
	return err
}

// SetActive lets a person log in, or keeps him out and ends all his sessions.
//
// Error: not_found.
func (p *People) SetActive(ctx context.Context, who, id string, active bool) (Person, error) {
	return p.change(ctx, who, "person.active", id, func(tx Tx, x *Person) (string, error) {
		x.Active = active
		detail := fmt.Sprintf("%s; active %t", x.Name, active)
		if active {
			return detail, nil
		}
		return detail, endSessions(tx, x.ID)
	})
}

// SetRoles gives a person these roles and no others. They hold for the sessions he has, too.
//
// Errors: not_found, invalid_value (Param: roles).
func (p *People) SetRoles(ctx context.Context, who, id string, roles map[string]Role) (Person, error) {
	if err := checkRoles(roles); err != nil {
		return Person{}, err
	}
	return p.change(ctx, who, "person.roles", id, func(_ Tx, x *Person) (string, error) {
		x.Roles = maps.Clone(roles)
		return x.Name + "; " + rolesText(roles), nil
	})
}

func (p *People) change(ctx context.Context, who, what, id string, change func(Tx, *Person) (detail string, err error)) (Person, error) {
	var changed Person
	err := p.store.UpdatePeople(ctx, func(tx Tx) error {
		there, err := tx.Person(id)
		if err != nil {
			return err
		}
		if there == nil {
			return noPerson()
		}
		changed = *there
		detail, err := change(tx, &changed)
		if err != nil {
			return err
		}
		if err := tx.RecordAction(who, what, id, detail); err != nil {
			return err
		}
		return tx.SavePerson(changed)
	})
	p.known.clear()
	return changed, err
}

func checkRoles(roles map[string]Role) error {
	for merchant, r := range roles {
		if !r.Valid(merchant) {
			return fault.New(fault.CodeInvalidValue, "There is no such role: at a merchant there are owner, admin, member and viewer, at the house operator.").On("roles")
		}
	}
	return nil
}

func rolesText(roles map[string]Role) string {
	var parts []string
	for _, merchant := range slices.Sorted(maps.Keys(roles)) {
		at := merchant
		if merchant == House {
			at = "the house"
		}
		parts = append(parts, string(roles[merchant])+" of "+at)
	}
	if parts == nil {
		return "no roles"
	}
	return strings.Join(parts, ", ")
}

func noPerson() error { return fault.New(fault.CodeNotFound, "There is no such person.") }
