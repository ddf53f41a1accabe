package auth

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/secrets"
)

// PagesFace is the face of sessions that open the operator's pages.
const PagesFace = "pages"

// SessionPrefix is how every session's token begins, so that it is never taken for a key.
const SessionPrefix = "ses_"

const (
	tokenBytes = 32
	// mostSessions a person has at a time. The oldest makes room.
	mostSessions = 100
	// seenWithin is how exactly the last use of a session is on record: a write for each use would cost too much.
	seenWithin = time.Minute
	maxAgent   = 200 // bytes of a user agent that are kept
)

// Credentials are what somebody logs in with, and from where.
type Credentials struct {
	Name, Password string
	Address        string // of the client, without a port
	Agent          string // his User-Agent
}

// Terms are what a session is good for.
type Terms struct {
	Face  string        // an API's name, or PagesFace
	Mode  string        // of the API
	Lasts time.Duration // at most
	Idle  time.Duration // without use; 0: as long as it lasts
}

// Login checks a password and begins a session. The token is shown this once; only its hash is kept. admit decides
// with the person at hand whether he may have this session at all; a refusal of his is the error.
//
// A name that nobody has, a wrong password and a person who is kept out are told alike, and take the same time.
//
// Errors: wrong_password, rate_limited, overloaded, and those of admit.
func (p *People) Login(ctx context.Context, c Credentials, t Terms, admit func(Person) error) (token string, s Session, who Person, err error) {
	name, err := CanonicalName(c.Name)
	if err != nil {
		name = "" // nobody's; it is counted and refused like any other
	}
	var there *Person
	var counter, account string
	err = p.store.UpdatePeople(ctx, func(tx Tx) (err error) {
		there, account = nil, "- "+name
		if name != "" {
			if there, err = tx.PersonByName(name); err != nil {
				return err
			}
		}
		if there != nil {
			account = there.ID
		}
		counter, err = attempt(tx, account, c.Address)
		return err
	})
	if err != nil {
		return "", Session{}, Person{}, err
	}
	hash := ""
	if there != nil {
		hash = there.Password
	}
	password := c.Password
	if len(password) > 4*maxPassword {
		password = ""
	}
	fits, stale, err := p.hasher.check(ctx, password, hash)
	if err != nil {
		return "", Session{}, Person{}, err
	}
	if !fits || !there.Active {
		return "", Session{}, Person{}, wrongPassword()
	}
	renewed := ""
	if stale {
		if renewed, err = p.hasher.hash(ctx, password); err != nil {
			return "", Session{}, Person{}, err
		}
	}
	if token, err = p.newToken(); err != nil {
		return "", Session{}, Person{}, err
	}
	err = p.store.UpdatePeople(ctx, func(tx Tx) error {
		now, err := tx.Person(there.ID)
		if err != nil {
			return err
		}
		if now == nil || !now.Active || now.Password != there.Password { // changed meanwhile
			return wrongPassword()
		}
		who = *now
		if err := succeeded(tx, counter, account, c.Address); err != nil {
			return err
		}
		if admit != nil {
			if err := admit(who); err != nil {
				return err
			}
		}
		if renewed != "" {
			who.Password = renewed
			if err := tx.SavePerson(who); err != nil {
				return err
			}
		}
		s = Session{
			ID: "log_" + tx.NewID(), Hash: secrets.Hash(token), Person: who.ID, Face: t.Face, Mode: t.Mode, Address: c.Address, Agent: cut(c.Agent),
			CreatedAt: tx.Now(), SeenAt: tx.Now(), ExpiresAt: tx.Now().Add(t.Lasts), Idle: t.Idle,
		}
		if err := makeRoom(tx, who.ID); err != nil {
			return err
		}
		if err := tx.RecordAction(who.ID, "person.login", s.ID, fmt.Sprintf("%s, %s, from %s", who.Name, t.Face, c.Address)); err != nil {
			return err
		}
		return tx.SaveSession(s)
	})
	if err != nil {
		return "", Session{}, Person{}, err
	}
	return token, s, who, nil
}

// makeRoom ends what is over of a person's sessions, and the oldest of too many.
func makeRoom(tx Tx, person string) error {
	list, err := tx.SessionsOf(person)
	if err != nil {
		return err
	}
	left := len(list)
	for _, s := range list {
		if left < mostSessions && !s.Over(tx.Now()) {
			continue
		}
		if err := tx.EndSession(s.ID); err != nil {
			return err
		}
		left--
	}
	return nil
}

func endSessions(tx Tx, person string) error {
	list, err := tx.SessionsOf(person)
	if err != nil {
		return err
	}
	for _, s := range list {
		if err := tx.EndSession(s.ID); err != nil {
			return err
		}
	}
	return nil
}

func (p *People) newToken() (string, error) {
	raw := make([]byte, tokenBytes)
	if _, err := io.ReadFull(p.random, raw); err != nil {
		return "", fmt.Errorf("no randomness for a session: %w", err)
	}
	return SessionPrefix + base64.RawURLEncoding.EncodeToString(raw), nil
}

// believedSession is a session and its person as they were on record.
type believedSession struct {
	session Session
	person  Person
}

// Session finds who has a session's token, for one face. A session that was ended, in whatever process, is refused
// at most half a second later.
//
// Error: unauthorized.
func (p *People) Session(ctx context.Context, token, face string) (Session, Person, error) {
	if !strings.HasPrefix(token, SessionPrefix) || len(token) > maxKey {
		return Session{}, Person{}, noSession()
	}
	hash, now := secrets.Hash(token), p.now()
	b, found := p.known.get(hash, now)
	if !found {
		var err error
		if b, found, err = p.lookUp(ctx, hash); err != nil {
			return Session{}, Person{}, err
		}
		if !found {
			return Session{}, Person{}, noSession()
		}
		p.known.put(hash, b, now)
	}
	if b.session.Hash != hash || b.session.Face != face || !b.person.Active || b.session.Over(now) {
		return Session{}, Person{}, noSession()
	}
	if now.Sub(b.session.SeenAt) >= seenWithin {
		if err := p.see(ctx, hash, &b, now); err != nil {
			return Session{}, Person{}, err
		}
	}
	return b.session, b.person, nil
}

func (p *People) lookUp(ctx context.Context, hash string) (b believedSession, found bool, err error) {
	err = p.store.ViewPeople(ctx, func(rd Reader) error {
		s, err := rd.SessionByHash(hash)
		if err != nil || s == nil {
			return err
		}
		who, err := rd.Person(s.Person)
		if err != nil || who == nil {
			return err
		}
		b, found = believedSession{*s, *who}, true
		return nil
	})
	return b, found, err
}

// see puts on record that a session is in use.
func (p *People) see(ctx context.Context, hash string, b *believedSession, now time.Time) error {
	err := p.store.UpdatePeople(ctx, func(tx Tx) error {
		s, err := tx.Session(b.session.ID)
		if err != nil {
			return err
		}
		if s == nil {
			return noSession()
		}
		if !s.SeenAt.Before(now) {
			return nil
		}
		s.SeenAt = now
		return tx.SaveSession(*s)
	})
	if err != nil {
		p.known.drop(hash)
		return err
	}
	b.session.SeenAt = now
	p.known.put(hash, *b, now)
	return nil
}

// Logout ends the session of a token. A token without one is fine.
func (p *People) Logout(ctx context.Context, token string) error {
	hash := secrets.Hash(token)
	b, found, err := p.lookUp(ctx, hash)
	if err != nil || !found {
		return err
	}
	_, err = p.EndSession(ctx, b.person.ID, b.person.ID, b.session.ID)
	p.known.drop(hash)
	return err
}

// Sessions are a person's sessions that are not over, the oldest first.
func (p *People) Sessions(ctx context.Context, person string) ([]Session, error) {
	var list []Session
	err := p.store.ViewPeople(ctx, func(rd Reader) error {
		all, err := rd.SessionsOf(person)
		for _, s := range all {
			if !s.Over(p.now()) {
				list = append(list, s)
			}
		}
		return err
	})
	return list, err
}

// EndSession ends one session of a person. who is recorded as having done so.
//
// Error: not_found, also for another person's.
func (p *People) EndSession(ctx context.Context, who, person, id string) (Session, error) {
	var ended Session
	err := p.store.UpdatePeople(ctx, func(tx Tx) error {
		s, err := tx.Session(id)
		if err != nil {
			return err
		}
		if s == nil || s.Person != person {
			return fault.New(fault.CodeNotFound, "There is no such session.")
		}
		ended = *s
		if err := tx.RecordAction(who, "session.end", id, "of "+person); err != nil {
			return err
		}
		return tx.EndSession(id)
	})
	p.known.clear()
	return ended, err
}

func cut(agent string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(agent[:min(len(agent), maxAgent)], "\x00", ""), "")
}

func wrongPassword() error {
	return fault.New(fault.CodeWrongPassword, "The name or the password is wrong.")
}

func noSession() error {
	return fault.New(fault.CodeUnauthorized, "The session is missing, unknown or over.")
}
