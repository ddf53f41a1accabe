package auth

import (
	"context"
	"time"
)

// Store keeps people. internal/store implements it; internal/store/storetest is its specification. Everything is
// shared by all processes on one database, so that a session opens, and a failed login slows, each of them.
type Store interface {
	// UpdatePeople runs fn in a durable transaction, as the engine's Update does: fn may run more than once, must
	// not block and must not keep tx, and what it wrote is dropped when it returns an error.
	UpdatePeople(ctx context.Context, fn func(Tx) error) error
	// ViewPeople reads a consistent state that includes every update acknowledged before.
	ViewPeople(ctx context.Context, fn func(Reader) error) error
}

// Tx is one caller's transaction.
type Tx interface {
	Now() time.Time // true time
	NewID() string  // 26 characters, sorts by time

	Person(id string) (*Person, error)         // nil when there is none
	PersonByName(name string) (*Person, error) // nil when there is none
	SavePerson(p Person) error                 // with all roles; duplicate_reference (Param: name) when another has the name

	Session(id string) (*Session, error)         // nil when there is none
	SessionsOf(person string) ([]Session, error) // by id, so the oldest first
	SaveSession(s Session) error                 // insert, or SeenAt of one that is there
	EndSession(id string) error                  // there is nothing left of it

	Tries(name string) (Tries, error) // the zero Tries when there were none
	SaveTries(t Tries) error

	// RecordAction puts what was done among the operators' actions, which are sealed.
	RecordAction(who, what, ref, detail string) error
}

// Reader is a consistent read-only view.
type Reader interface {
	Person(id string) (*Person, error)                // nil when there is none
	PersonByName(name string) (*Person, error)        // nil when there is none
	People(after string, limit int) ([]Person, error) // by id, behind the given one
	SessionByHash(hash string) (*Session, error)      // nil when there is none
	SessionsOf(person string) ([]Session, error)      // by id
}

// Person is somebody who logs in with a password.
type Person struct {
	ID         string
	Name       string          // what is typed to log in, in its canonical spelling: [CanonicalName]
	Password   string          // its hash, with all it takes to check it
	Roles      map[string]Role // by the merchant's id; House is the house
	Active     bool
	CreatedAt  time.Time
	PasswordAt time.Time // when the password was set
}

// Session is a login that lasts. Its token is not here, only the token's hash.
type Session struct {
	ID        string // may be shown
	Hash      string // lower-case hex SHA-256 of the token
	Person    string // id
	Face      string // where it is good: an API's name, or PagesFace
	Mode      string // of the API; empty for pages
	Address   string // where the login came from, for people
	Agent     string // and by what
	CreatedAt time.Time
	SeenAt    time.Time     // when it was last used, within a minute
	ExpiresAt time.Time     // it ends then whatever happens
	Idle      time.Duration // it ends that long after SeenAt; 0: it does not
}

// Over says whether the session has ended by itself.
func (s Session) Over(now time.Time) bool {
	return !now.Before(s.ExpiresAt) || s.Idle > 0 && !now.Before(s.SeenAt.Add(s.Idle))
}

// Tries are the failed attempts that one counter has counted.
type Tries struct {
	Name     string    // of the counter
	Count    int       // 0: the counter is as good as not there
	At       time.Time // of the last one
	ForgetAt time.Time // it is forgotten then
}
