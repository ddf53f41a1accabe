package storetest

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
)

// peopleStore is the store behind auth's port.
func (s *suite) peopleStore() auth.Store {
	s.Helper()
	p, ok := s.store.(auth.Store)
	if !ok {
		s.Fatal("the store keeps no people")
	}
	return p
}

func (s *suite) people(fn func(tx auth.Tx) error) {
	s.Helper()
	if err := s.peopleStore().UpdatePeople(context.Background(), fn); err != nil {
		s.Fatal(err)
	}
}

func (s *suite) viewPeople(fn func(rd auth.Reader) error) {
	s.Helper()
	if err := s.peopleStore().ViewPeople(context.Background(), fn); err != nil {
		s.Fatal(err)
	}
}

func (s *suite) same(what string, got, want any) {
	s.Helper()
	if !reflect.DeepEqual(got, want) {
		s.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func (s *suite) person(name string, roles map[string]auth.Role) auth.Person {
	s.Helper()
	var p auth.Person
	s.people(func(tx auth.Tx) error {
		p = auth.Person{ID: "usr_" + tx.NewID(), Name: name, Password: "hash of " + name, Roles: roles, Active: true, CreatedAt: tx.Now(), PasswordAt: tx.Now()}
		return tx.SavePerson(p)
	})
	return p
}

func people(s *suite) {
	ann := s.person("ann", map[string]auth.Role{"m1": auth.Owner, "m2": auth.Viewer})
	bob := s.person("bob@example.com", map[string]auth.Role{auth.House: auth.Operator})
	none := s.person("none", map[string]auth.Role{})
	s.reopen()
	read := func() (list []auth.Person) {
		s.viewPeople(func(rd auth.Reader) (err error) {
			for _, id := range []string{ann.ID, "nobody"} {
				p, err := rd.Person(id)
				if err != nil {
					return err
				}
				if (p == nil) != (id == "nobody") {
					s.Errorf("%s: %+v", id, p)
				}
			}
			p, err := rd.PersonByName(bob.Name)
			if err != nil || p == nil || p.ID != bob.ID {
				s.Errorf("by name: %+v %v", p, err)
			}
			if p, err = rd.PersonByName("Ann"); err != nil || p != nil {
				s.Errorf("a name in another case: %+v %v", p, err)
			}
			list, err = rd.People("", 10)
			return err
		})
		return list
	}
	s.same("people", read(), []auth.Person{ann, bob, none})
	s.viewPeople(func(rd auth.Reader) error {
		page, err := rd.People(ann.ID, 1)
		s.same("a page", page, []auth.Person{bob})
		return err
	})

	// What changes: the password, the roles, whether he may log in. The name stays.
	s.people(func(tx auth.Tx) error {
		p, err := tx.Person(ann.ID)
		if err != nil {
			return err
		}
		p.Roles["m1"], p.Roles["m3"] = auth.Member, auth.Admin
		delete(p.Roles, "m2")
		p.Password, p.Active, p.PasswordAt = "another", false, s.clock.now().Add(time.Hour)
		if err := tx.SavePerson(*p); err != nil {
			return err
		}
		p.Roles["m1"] = auth.Owner // the caller's own copy
		ann = *p
		ann.Roles = map[string]auth.Role{"m1": auth.Member, "m3": auth.Admin}
		now, err := tx.PersonByName("ann")
		if err == nil {
			s.same("as written in this transaction", *now, ann)
		}
		return err
	})
	s.same("after a change", read(), []auth.Person{ann, bob, none})

	// One name is one person's, also among many at once.
	second := func(id string) error {
		return s.peopleStore().UpdatePeople(context.Background(), func(tx auth.Tx) error {
			return tx.SavePerson(auth.Person{ID: id, Name: "ann", Roles: map[string]auth.Role{}, CreatedAt: tx.Now(), PasswordAt: tx.Now()})
		})
	}
	s.wantCode(second("usr_2"), fault.CodeDuplicateReference)
	made := 0
	for i, err := range AtOnce(16, func(i int) error {
		return s.peopleStore().UpdatePeople(context.Background(), func(tx auth.Tx) error {
			return tx.SavePerson(auth.Person{ID: fmt.Sprint("usr_r", i), Name: "raced", Roles: map[string]auth.Role{}, CreatedAt: tx.Now(), PasswordAt: tx.Now()})
		})
	}) {
		switch {
		case err == nil:
			made++
		case !fault.Is(err, fault.CodeDuplicateReference):
			s.Errorf("%d: %v", i, err)
		}
	}
	want(s, "people with one name", made, 1)
}

func sessions(s *suite) {
	ann, bob := s.person("ann", nil), s.person("bob", nil)
	add := func(who auth.Person, lasts time.Duration) (made auth.Session) {
		s.people(func(tx auth.Tx) error {
			id := "log_" + tx.NewID()
			made = auth.Session{ID: id, Hash: "hash of " + id, Person: who.ID, Face: "api", Mode: "live", Address: "::1", Agent: "agent",
				CreatedAt: tx.Now(), SeenAt: tx.Now(), ExpiresAt: tx.Now().Add(lasts), Idle: time.Minute}
			return tx.SaveSession(made)
		})
		return made
	}
	first, second, other := add(ann, time.Hour), add(ann, 2*time.Hour), add(bob, 3*time.Hour)
	s.reopen()
	s.clock.advance(time.Second)
	of := func(who auth.Person) (list []auth.Session) {
		s.viewPeople(func(rd auth.Reader) (err error) { list, err = rd.SessionsOf(who.ID); return err })
		return list
	}
	s.same("of one person", of(ann), []auth.Session{first, second})
	s.viewPeople(func(rd auth.Reader) error {
		found, err := rd.SessionByHash(second.Hash)
		if err != nil {
			return err
		}
		s.same("by hash", found, &second)
		if found, err = rd.SessionByHash("none"); found != nil {
			s.Errorf("a session nobody has: %+v", found)
		}
		return err
	})

	// In one transaction: one is seen, one ends, one begins.
	var third auth.Session
	s.people(func(tx auth.Tx) error {
		first.SeenAt = s.clock.now().Add(time.Minute)
		third = auth.Session{ID: "log_" + tx.NewID(), Hash: "third", Person: ann.ID, CreatedAt: tx.Now(), SeenAt: tx.Now(), ExpiresAt: tx.Now().Add(time.Hour)}
		for _, err := range []error{tx.SaveSession(first), tx.EndSession(second.ID), tx.SaveSession(third)} {
			if err != nil {
				return err
			}
		}
		list, err := tx.SessionsOf(ann.ID)
		s.same("as written in this transaction", list, []auth.Session{first, third})
		if ended, err := tx.Session(second.ID); err != nil || ended != nil {
			s.Errorf("ended: %+v %v", ended, err)
		}
		return err
	})
	s.same("after that", of(ann), []auth.Session{first, third})

	// What is over goes when sessions are written, and nothing else does.
	s.clock.advance(time.Hour + time.Second)
	fresh := add(bob, time.Hour)
	s.same("over", len(of(ann)), 0)
	s.same("not over", of(bob), []auth.Session{other, fresh})
}

func tries(s *suite) {
	read := func(name string) (t auth.Tries) {
		s.people(func(tx auth.Tx) (err error) { t, err = tx.Tries(name); return err })
		return t
	}
	s.same("before", read("a"), auth.Tries{})
	now := s.clock.now()
	a := auth.Tries{Name: "a", Count: 2, At: now, ForgetAt: now.Add(time.Minute)}
	b := auth.Tries{Name: "b", Count: 7, At: now, ForgetAt: now.Add(time.Hour)}
	s.people(func(tx auth.Tx) error {
		if err := tx.SaveTries(a); err != nil {
			return err
		}
		return tx.SaveTries(b)
	})
	s.reopen()
	s.same("kept", read("a"), a)

	// Concurrent attempts are all counted.
	for _, err := range AtOnce(32, func(int) error {
		return s.peopleStore().UpdatePeople(context.Background(), func(tx auth.Tx) error {
			t, err := tx.Tries("b")
			if err != nil {
				return err
			}
			t.Count++
			return tx.SaveTries(t)
		})
	}) {
		if err != nil {
			s.Fatal(err)
		}
	}
	s.same("counted", read("b").Count, 39)

	s.clock.advance(2 * time.Minute)
	s.people(func(tx auth.Tx) error {
		return tx.SaveTries(auth.Tries{Name: "c", Count: 1, ForgetAt: s.clock.now().Add(time.Hour)})
	})
	s.same("forgotten", read("a"), auth.Tries{})
	s.same("not forgotten", read("b").Count, 39)
	s.people(func(tx auth.Tx) error { return tx.SaveTries(auth.Tries{Name: "b"}) })
	s.same("cleared", read("b"), auth.Tries{})
	s.reopen()
	s.same("cleared on disk", read("b"), auth.Tries{})
}

// keysChange: who made a key, its last use, its end.
func keysChange(s *suite) {
	at := s.clock.now()
	k := engine.Key{ID: "key_1", Hash: "h", Prefix: "pk", Scope: scopeA, Name: "n", Scopes: []string{"orders:read"}, Active: true, CreatedAt: at, MadeBy: "usr_1"}
	s.update(func(tx engine.Tx) error { return tx.SaveKey(k) })
	read := func() (got *engine.Key) {
		s.view(func(rd engine.Reader) (err error) { got, err = rd.KeyByID("key_1"); return err })
		return got
	}
	s.same("made", read(), &k)
	s.update(func(tx engine.Tx) error {
		if err := tx.KeyUsed("nobody's", at); err != nil {
			return err
		}
		return tx.KeyUsed("key_1", at.Add(time.Minute))
	})
	s.update(func(tx engine.Tx) error { return tx.KeyUsed("key_1", at.Add(time.Second)) })
	k.Name, k.Active, k.UpdatedAt, k.RevokedAt = "m", false, at.Add(time.Hour), at.Add(2*time.Hour)
	s.update(func(tx engine.Tx) error { return tx.SaveKey(k) })
	s.reopen()
	k.UsedAt = at.Add(time.Minute)
	s.same("used, changed, revoked", read(), &k)
	s.view(func(rd engine.Reader) error {
		for search, n := range map[engine.KeySearch]int{
			{Limit: 9}: 1, {Limit: 9, Unrevoked: true}: 0, {Limit: 9, Dialect: scopeA.Dialect}: 1, {Limit: 9, Dialect: "another"}: 0,
		} {
			list, err := rd.SearchKeys(search)
			if err != nil || len(list) != n {
				s.Errorf("%+v: %d keys, %v", search, len(list), err)
			}
		}
		if k, err := rd.KeyByID("key_2"); err != nil || k != nil {
			s.Errorf("a key nobody has: %+v %v", k, err)
		}
		return nil
	})
}
