package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
)

// People, their sessions, and the counters of failed logins: auth's port.

const (
	selectPeople       = `SELECT id, name, password, active, created_at, password_at FROM people `
	selectPerson       = selectPeople + `WHERE id = $1`
	selectPersonByName = selectPeople + `WHERE name = $1`
	selectPeopleAfter  = selectPeople + `WHERE id > $1 ORDER BY id LIMIT $2`
	insertPerson       = `INSERT INTO people (id, name, password, active, created_at, password_at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`
	updatePerson       = `UPDATE people SET password = $1, active = $2, password_at = $3 WHERE id = $4`
	selectRoles        = `SELECT person_id, merchant, role FROM roles WHERE {any}`
	upsertRole         = `INSERT INTO roles (person_id, merchant, role) VALUES ($1, $2, $3) ON CONFLICT (person_id, merchant) DO UPDATE SET role = excluded.role`
	deleteRole         = `DELETE FROM roles WHERE person_id = $1 AND merchant = $2`

	selectSessions      = `SELECT id, hash, person_id, face, mode, address, agent, created_at, seen_at, expires_at, idle FROM sessions `
	selectSession       = selectSessions + `WHERE id = $1`
	selectSessionByHash = selectSessions + `WHERE hash = $1`
	selectSessionsOf    = selectSessions + `WHERE person_id = $1 ORDER BY id`
	insertSession       = `INSERT INTO sessions (id, hash, person_id, face, mode, address, agent, created_at, seen_at, expires_at, idle)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`
	updateSession  = `UPDATE sessions SET seen_at = $1 WHERE id = $2`
	deleteSession  = `DELETE FROM sessions WHERE id = $1`
	forgetSessions = `DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= $1 ORDER BY expires_at LIMIT 100)`

	selectTries = `SELECT n, at, forget_at FROM tries WHERE name = $1`
	upsertTries = `INSERT INTO tries (name, n, at, forget_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (name) DO UPDATE SET n = excluded.n, at = excluded.at, forget_at = excluded.forget_at`
	deleteTries = `DELETE FROM tries WHERE name = $1`
	forgetTries = `DELETE FROM tries WHERE name IN (SELECT name FROM tries WHERE forget_at <= $1 ORDER BY forget_at LIMIT 100)`
)

var _ auth.Store = (*Store)(nil)

// UpdatePeople implements auth.Store.
func (s *Store) UpdatePeople(ctx context.Context, fn func(auth.Tx) error) error {
	return s.Update(ctx, engine.Keys{}, func(t engine.Tx) error { return fn(t.(*tx)) })
}

// ViewPeople implements auth.Store.
func (s *Store) ViewPeople(ctx context.Context, fn func(auth.Reader) error) error {
	return s.View(ctx, func(rd engine.Reader) error { return fn(rd.(*reader)) })
}

// People.

func (r *reader) Person(id string) (*auth.Person, error) { return queryPerson(r, selectPerson, id) }

func (r *reader) PersonByName(name string) (*auth.Person, error) {
	return queryPerson(r, selectPersonByName, name)
}

func (r *reader) People(after string, limit int) ([]auth.Person, error) {
	return queryPeople(r, selectPeopleAfter, after, limit)
}

func (t *tx) Person(id string) (*auth.Person, error) {
	g := t.use()
	p, loaded := g.people.get(id)
	if !loaded {
		var err error
		if p, err = queryPerson(g.db, selectPerson, id); err != nil {
			return nil, err
		}
		g.people.load(id, p)
	}
	return clonePerson(p), nil
}

func (t *tx) PersonByName(name string) (*auth.Person, error) {
	id, err := t.use().personID(name)
	if err != nil || id == "" {
		return nil, err
	}
	return t.Person(id)
}

// personID is whose a name is, "" for nobody's.
func (g *group) personID(name string) (string, error) {
	if id, loaded := g.personIDs.get(name); loaded {
		return id, nil
	}
	p, err := queryPerson(g.db, selectPersonByName, name)
	if err != nil {
		return "", err
	}
	id := ""
	if p != nil {
		id = p.ID
		if _, loaded := g.people.get(id); !loaded {
			g.people.load(id, p)
		}
	}
	g.personIDs.load(name, id)
	return id, nil
}

func (t *tx) SavePerson(p auth.Person) error {
	owner, err := t.use().personID(p.Name)
	if err != nil {
		return err
	}
	if owner != "" && owner != p.ID {
		return fault.New(fault.CodeDuplicateReference, "There is somebody with this name.").On("name")
	}
	if _, err := t.Person(p.ID); err != nil { // so that it is known what was there
		return err
	}
	t.g.personIDs.put(p.Name, p.ID)
	t.g.people.put(p.ID, clonePerson(&p))
	return nil
}

func clonePerson(p *auth.Person) *auth.Person {
	if p == nil {
		return nil
	}
	c := *p
	c.Roles = maps.Clone(p.Roles)
	return &c
}

func queryPerson(q queryer, query string, arg string) (*auth.Person, error) {
	found, err := queryPeople(q, query, arg)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func queryPeople(q queryer, query string, args ...any) ([]auth.Person, error) {
	var list []auth.Person
	err := scan(q, query, args, func(rows record) error {
		p := auth.Person{Roles: map[string]auth.Role{}}
		var created, password int64
		err := rows.Scan(&p.ID, &p.Name, &p.Password, &p.Active, &created, &password)
		p.CreatedAt, p.PasswordAt = timeOf(created), timeOf(password)
		list = append(list, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	at := map[string]map[string]auth.Role{}
	for _, p := range list {
		at[p.ID] = p.Roles
	}
	err = matchAny(q, selectRoles, []string{"person_id"}, single(slices.Collect(maps.Keys(at))), func(rows record) error {
		var person, merchant string
		var role auth.Role
		err := rows.Scan(&person, &merchant, &role)
		if err == nil {
			at[person][merchant] = role
		}
		return err
	})
	return list, err
}

// Sessions.

func (r *reader) SessionByHash(hash string) (*auth.Session, error) {
	return querySession(r, selectSessionByHash, hash)
}

func (r *reader) SessionsOf(person string) ([]auth.Session, error) {
	return querySessions(r, selectSessionsOf, person)
}

func (t *tx) Session(id string) (*auth.Session, error) {
	g := t.use()
	s, loaded := g.sessions.get(id)
	if !loaded {
		var err error
		if s, err = querySession(g.db, selectSession, id); err != nil {
			return nil, err
		}
		g.sessions.load(id, s)
	}
	if s == nil {
		return nil, nil
	}
	c := *s
	return &c, nil
}

func (t *tx) SessionsOf(person string) ([]auth.Session, error) {
	g := t.use()
	stored, err := querySessions(g.db, selectSessionsOf, person)
	if err != nil {
		return nil, err
	}
	for _, s := range stored {
		if _, loaded := g.sessions.get(s.ID); !loaded {
			g.sessions.load(s.ID, &s)
		}
	}
	newest := map[string]*auth.Session{}
	for _, layer := range []map[string]*auth.Session{g.sessions.stored, g.sessions.group, g.sessions.mine} {
		maps.Copy(newest, layer)
	}
	var list []auth.Session
	for _, s := range newest {
		if s != nil && s.Person == person {
			list = append(list, *s)
		}
	}
	slices.SortFunc(list, func(a, b auth.Session) int { return cmp.Compare(a.ID, b.ID) })
	return list, nil
}

func (t *tx) SaveSession(s auth.Session) error {
	if _, err := t.Session(s.ID); err != nil {
		return err
	}
	t.g.sessions.put(s.ID, &s)
	return nil
}

func (t *tx) EndSession(id string) error { t.use().sessions.put(id, nil); return nil }

func querySession(q queryer, query string, arg string) (*auth.Session, error) {
	found, err := querySessions(q, query, arg)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func querySessions(q queryer, query string, args ...any) ([]auth.Session, error) {
	var list []auth.Session
	err := scan(q, query, args, func(rows record) error {
		var s auth.Session
		var created, seen, expires, idle int64
		err := rows.Scan(&s.ID, &s.Hash, &s.Person, &s.Face, &s.Mode, &s.Address, &s.Agent, &created, &seen, &expires, &idle)
		s.CreatedAt, s.SeenAt, s.ExpiresAt, s.Idle = timeOf(created), timeOf(seen), timeOf(expires), time.Duration(idle)*time.Microsecond
		list = append(list, s)
		return err
	})
	return list, err
}

// Counters.

func (t *tx) Tries(name string) (auth.Tries, error) {
	g := t.use()
	found, loaded := g.tries.get(name)
	if loaded {
		return found, nil
	}
	err := scan(g.db, selectTries, []any{name}, func(rows record) error {
		var at, forget int64
		err := rows.Scan(&found.Count, &at, &forget)
		found.Name, found.At, found.ForgetAt = name, timeOf(at), timeOf(forget)
		return err
	})
	if err == nil {
		g.tries.load(name, found)
	}
	return found, err
}

func (t *tx) SaveTries(tries auth.Tries) error {
	if _, err := t.Tries(tries.Name); err != nil {
		return err
	}
	name := tries.Name
	if tries.Count == 0 {
		tries = auth.Tries{}
	}
	t.g.tries.put(name, tries)
	return nil
}

func (t *tx) RecordAction(who, what, ref, detail string) error {
	return t.AddAction(engine.Action{ID: t.NewID(), Mode: engine.Live, At: t.Now(), Who: who, What: what, Ref: ref, Detail: detail})
}

func (t *tx) KeyUsed(id string, at time.Time) error {
	t.use().used.add(keyUse{id, at})
	return nil
}

// keyUse is the last use of a key.
type keyUse struct {
	id string
	at time.Time
}

func (g *group) flushPeople() error {
	err := inOrder(&g.people, strings.Compare, func(id string, was, now *auth.Person) error {
		if was == nil {
			err := g.write("the person "+now.Name, insertPerson, id, now.Name, now.Password, flag(now.Active), micros(now.CreatedAt), micros(now.PasswordAt))
			if err != nil {
				return err
			}
			was = &auth.Person{}
		} else if err := g.write("", updatePerson, now.Password, flag(now.Active), micros(now.PasswordAt), id); err != nil {
			return err
		}
		for _, merchant := range slices.Sorted(maps.Keys(was.Roles)) {
			if _, left := now.Roles[merchant]; !left {
				if err := g.write("", deleteRole, id, merchant); err != nil {
					return err
				}
			}
		}
		for _, merchant := range slices.Sorted(maps.Keys(now.Roles)) {
			if was.Roles[merchant] != now.Roles[merchant] {
				if err := g.write("", upsertRole, id, merchant, string(now.Roles[merchant])); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	err = inOrder(&g.sessions, strings.Compare, func(id string, was, now *auth.Session) error {
		switch {
		case now == nil:
			return g.write("", deleteSession, id)
		case was != nil:
			return g.write("", updateSession, micros(now.SeenAt), id)
		}
		return g.write("", insertSession, id, now.Hash, now.Person, now.Face, now.Mode, now.Address, now.Agent,
			micros(now.CreatedAt), micros(now.SeenAt), micros(now.ExpiresAt), now.Idle.Microseconds())
	})
	if err != nil {
		return err
	}
	err = inOrder(&g.tries, strings.Compare, func(name string, _, now auth.Tries) error {
		if now.Count == 0 {
			return g.write("", deleteTries, name)
		}
		return g.write("", upsertTries, name, now.Count, micros(now.At), micros(now.ForgetAt))
	})
	if err != nil {
		return err
	}
	if !g.sessions.empty() {
		if err := g.write("", forgetSessions, micros(g.now)); err != nil {
			return err
		}
	}
	if !g.tries.empty() {
		if err := g.write("", forgetTries, micros(g.now)); err != nil {
			return err
		}
	}
	for _, u := range g.used.group {
		if err := g.write("", updateKeyUsed, micros(u.at), u.id); err != nil {
			return err
		}
	}
	return nil
}
