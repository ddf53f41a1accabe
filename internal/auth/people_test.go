package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"crypto/rand"

	"till/internal/auth"
	"till/internal/fault"
	"till/internal/secrets"
	"till/internal/store"
)

// kit is people on a real database, with a clock that stands still and passwords that cost next to nothing.
type kit struct {
	*testing.T
	people *auth.People
	store  *store.Store
	clock  *clock
}

var cheap = auth.Cost{Memory: 8, Passes: 1, Threads: 1}

const password = "correct horse battery"

func newKit(t *testing.T) *kit {
	t.Helper()
	k := &kit{T: t, clock: &clock{at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}}
	opened, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "till.db"), store.Options{Now: k.clock.now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { opened.Close() })
	k.store = opened
	k.people = k.process(cheap)
	return k
}

// process is another process's view of the same people.
func (k *kit) process(cost auth.Cost) *auth.People {
	return auth.NewPeople(auth.PeopleConfig{Store: k.store, Now: k.clock.now, Random: rand.Reader, Cost: cost})
}

func (k *kit) add(name string, roles map[string]auth.Role) auth.Person {
	k.Helper()
	p, err := k.people.Add(k.Context(), "op_1", auth.NewPerson{Name: name, Password: password, Roles: roles})
	if err != nil {
		k.Fatal(err)
	}
	return p
}

var day = auth.Terms{Face: "api", Mode: "live", Lasts: 24 * time.Hour}

func (k *kit) login(name, password, address string) (string, error) {
	token, _, _, err := k.people.Login(k.Context(), auth.Credentials{Name: name, Password: password, Address: address, Agent: "test"}, day, nil)
	return token, err
}

func (k *kit) mustLogin(name, address string) string {
	k.Helper()
	token, err := k.login(name, password, address)
	if err != nil {
		k.Fatal(err)
	}
	return token
}

func (k *kit) is(what string, err error, code fault.Code) *fault.Error {
	k.Helper()
	f, ok := fault.As(err)
	if !ok || f.Code != code {
		k.Fatalf("%s: %v, want %s", what, err, code)
	}
	return f
}

func TestLogin(t *testing.T) {
	k := newKit(t)
	ann := k.add(" Ann@Example.COM ", map[string]auth.Role{"shop": auth.Admin})
	if ann.Name != "ann@example.com" || strings.Contains(ann.Password, password) || !strings.HasPrefix(ann.Password, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Fatalf("%+v", ann)
	}
	token := k.mustLogin("ANN@example.com", "192.0.2.1")
	if !strings.HasPrefix(token, auth.SessionPrefix) || len(token) != len(auth.SessionPrefix)+43 {
		t.Errorf("token %q", token)
	}
	s, who, err := k.people.Session(t.Context(), token, "api")
	if err != nil || who.ID != ann.ID || who.Roles["shop"] != auth.Admin || s.Hash != secrets.Hash(token) || strings.Contains(fmt.Sprint(s), token) {
		t.Fatalf("%+v %+v %v", s, who, err)
	}
	// The other form of a letter with an accent is the same password.
	if _, err := k.people.SetPassword(t.Context(), "op_1", ann.ID, "pässword pässword"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.login("ann@example.com", "pa\u0308ssword pa\u0308ssword", "192.0.2.1"); err != nil {
		t.Error(err)
	}
}

// What is wrong is never told apart: an unknown name, one that cannot exist, a wrong password, somebody who is kept
// out. // case 42
func TestLoginTellsNothing(t *testing.T) {
	k := newKit(t)
	k.add("ann", nil)
	out := k.add("out", nil)
	if _, err := k.people.SetActive(t.Context(), "op_1", out.ID, false); err != nil {
		t.Fatal(err)
	}
	texts := map[string]bool{}
	for i, c := range []auth.Credentials{
		{Name: "ann", Password: "wrong password"}, {Name: "ann", Password: ""}, {Name: "nobody", Password: password}, {Name: "", Password: password},
		{Name: "Robert'); DROP", Password: password}, {Name: strings.Repeat("x", 1000), Password: password}, {Name: "out", Password: password},
		{Name: "ann", Password: strings.Repeat("x", 1<<20)}, {Name: "ann", Password: password + "\x00"}, {Name: "ann", Password: "\xff\xfe"},
	} {
		c.Address = fmt.Sprintf("192.0.2.%d", i)
		_, _, _, err := k.people.Login(t.Context(), c, day, nil)
		texts[k.is(fmt.Sprint(c), err, fault.CodeWrongPassword).Error()] = true
		k.clock.move(2 * time.Minute)
	}
	if len(texts) != 1 {
		t.Errorf("%v", texts)
	}
}

// Unknown names take as long as known ones: the password is looked at either way.
func TestUnknownNamesTakeAsLong(t *testing.T) {
	k := newKit(t)
	k.people = k.process(auth.Cost{Memory: 4 << 10, Passes: 4, Threads: 1})
	k.add("ann", nil)
	known, unknown := time.Hour, time.Hour                  // the fastest of each, in turns
	for i := 0; i < 6 || i < 60 && unknown < known/3; i++ { // a busy machine may slow every look at one of them for a while
		for name, fastest := range map[string]*time.Duration{"ann": &known, "bob": &unknown} {
			begun := time.Now()
			_, err := k.login(name, "wrong password", fmt.Sprintf("192.0.2.%d", i))
			k.is(name, err, fault.CodeWrongPassword)
			*fastest = min(*fastest, time.Since(begun))
		}
		k.clock.move(2 * time.Minute)
	}
	if unknown < known/3 {
		t.Errorf("a known name takes %v, an unknown one %v", known, unknown)
	}
}

// Failed logins slow the next ones, in every process, and nobody is locked out for longer than a minute.
func TestFailuresSlowTheAccount(t *testing.T) {
	k := newKit(t)
	k.add("ann", nil)
	for i := range 5 {
		k.people = k.process(cheap)
		_, err := k.login("ann", "wrong password", fmt.Sprintf("192.0.2.%d", i))
		k.is("free", err, fault.CodeWrongPassword)
	}
	var waits []time.Duration
	for i := range 10 {
		k.people = k.process(cheap)
		_, err := k.login("ann", password, fmt.Sprintf("198.51.100.%d", i)) // even the right one
		f := k.is("slowed", err, fault.CodeRateLimited)
		waits = append(waits, f.RetryAfter/time.Second)
		k.clock.move(f.RetryAfter)
		_, err = k.login("ann", "wrong password", fmt.Sprintf("198.51.100.%d", i))
		k.is("after the wait", err, fault.CodeWrongPassword)
	}
	if want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60, 60}; !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	k.clock.move(time.Minute)
	k.mustLogin("ann", "192.0.2.1")
	for range 5 { // forgiven
		_, err := k.login("ann", "wrong password", "192.0.2.1")
		k.is("free again", err, fault.CodeWrongPassword)
	}
}

// An attack on an account does not hold up who has logged in from his address before, and his own failures do.
func TestAttackDoesNotHoldUpTheOwner(t *testing.T) {
	k := newKit(t)
	k.add("ann", nil)
	k.mustLogin("ann", "2001:db8:1:2::5")
	for i := range 40 {
		k.login("ann", "wrong password", fmt.Sprintf("192.0.2.%d", i%3))
	}
	_, err := k.login("ann", password, "203.0.113.9")
	k.is("a stranger's address", err, fault.CodeRateLimited)
	k.mustLogin("ann", "2001:db8:1:2:aaaa::1") // his own network
	for range 5 {
		_, err := k.login("ann", "wrong password", "2001:db8:1:2::5")
		k.is("free", err, fault.CodeWrongPassword)
	}
	_, err = k.login("ann", password, "2001:db8:1:2::5")
	k.is("his own failures", err, fault.CodeRateLimited)
}

// One address does not try many accounts, whether they exist or not, and one right password wins it no more tries.
func TestFailuresSlowTheAddress(t *testing.T) {
	k := newKit(t)
	k.add("ann", nil)
	for i := range 20 {
		if i == 10 {
			k.mustLogin("ann", "192.0.2.1")
		}
		_, err := k.login(fmt.Sprint("name", i), password, "192.0.2.1")
		k.is("free", err, fault.CodeWrongPassword)
	}
	_, err := k.login("another", password, "192.0.2.1")
	k.is("slowed", err, fault.CodeRateLimited)
	_, err = k.login("another", password, "192.0.2.2")
	k.is("another address", err, fault.CodeWrongPassword)
}

// Many attempts at once get no more than one after another would.
func TestAttemptsAtOnceAreCounted(t *testing.T) {
	k := newKit(t)
	k.add("ann", nil)
	errs := make([]error, 40)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() { _, errs[i] = k.login("ann", "wrong password", fmt.Sprintf("192.0.2.%d", i)) })
	}
	wg.Wait()
	looked := 0
	for _, err := range errs {
		if fault.Is(err, fault.CodeWrongPassword) {
			looked++
		} else {
			k.is("slowed", err, fault.CodeRateLimited)
		}
	}
	if looked != 5 {
		t.Errorf("%d passwords were looked at", looked)
	}
}

func TestSessionsEnd(t *testing.T) {
	k := newKit(t)
	ann := k.add("ann", map[string]auth.Role{"shop": auth.Owner})
	idle := auth.Terms{Face: auth.PagesFace, Lasts: 12 * time.Hour, Idle: time.Hour}
	alive := func(token, face string) error {
		k.clock.move(time.Second) // past what a process believes
		_, _, err := k.people.Session(t.Context(), token, face)
		return err
	}
	ended := func(what, token, face string) {
		t.Helper()
		k.is(what, alive(token, face), fault.CodeUnauthorized)
	}

	token := k.mustLogin("ann", "192.0.2.1")
	ended("another face", token, "other")
	ended("no token", "", "api")
	ended("a key", "pk_live_0123456789abcdef", "api")
	ended("cut", token[:len(token)-1], "api")
	k.clock.move(23 * time.Hour)
	if err := alive(token, "api"); err != nil {
		t.Errorf("before its end: %v", err)
	}
	k.clock.move(time.Hour)
	ended("at its end", token, "api")

	page, _, _, err := k.people.Login(t.Context(), auth.Credentials{Name: "ann", Password: password}, idle, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 5 { // in use
		k.clock.move(59 * time.Minute)
		if err := alive(page, auth.PagesFace); err != nil {
			t.Fatal(err)
		}
	}
	k.clock.move(time.Hour)
	ended("not used", page, auth.PagesFace)

	for what, end := range map[string]func() error{
		"logout":   func() error { return nil },
		"password": func() error { _, err := k.people.SetPassword(t.Context(), "op_1", ann.ID, password); return err },
		"kept out": func() error { _, err := k.people.SetActive(t.Context(), "op_1", ann.ID, false); return err },
		"revoked": func() error {
			list, err := k.people.Sessions(t.Context(), ann.ID)
			for _, s := range list {
				_, ended := k.people.EndSession(t.Context(), "op_1", ann.ID, s.ID)
				err = errors.Join(err, ended)
			}
			return err
		},
	} {
		if _, err := k.people.SetActive(t.Context(), "op_1", ann.ID, true); err != nil {
			t.Fatal(err)
		}
		token := k.mustLogin("ann", "192.0.2.1")
		if err := alive(token, "api"); err != nil {
			t.Fatal(err)
		}
		if what == "logout" {
			err = k.people.Logout(t.Context(), token)
		} else {
			err = end()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := k.people.Session(t.Context(), token, "api"); !fault.Is(err, fault.CodeUnauthorized) {
			t.Errorf("%s, in the same process: %v", what, err)
		}
	}
}

// meanwhile is a source of randomness that lets something happen before it is read.
type meanwhile struct{ happens func() }

func (m meanwhile) Read(b []byte) (int, error) {
	m.happens()
	return rand.Read(b)
}

// Who knows the old password does not undo what an operator does at the same moment to keep him out.
func TestChangePasswordMeanwhile(t *testing.T) {
	const set, chosen = "set by the operator", "chosen by the thief"
	for what, happens := range map[string]func(k *kit, id string) error{
		"another password": func(k *kit, id string) error {
			_, err := k.people.SetPassword(t.Context(), "op_1", id, set)
			return err
		},
		"kept out": func(k *kit, id string) error {
			_, err := k.people.SetActive(t.Context(), "op_1", id, false)
			return err
		},
	} {
		k := newKit(t)
		ann := k.add("ann", nil)
		other := auth.NewPeople(auth.PeopleConfig{Store: k.store, Now: k.clock.now, Cost: cheap, Random: meanwhile{func() {
			if err := happens(k, ann.ID); err != nil {
				t.Error(err)
			}
		}}})
		err := other.ChangePassword(t.Context(), ann.ID, "192.0.2.1", password, chosen)
		k.is(what, err, fault.CodeWrongPassword)
		if _, err := k.people.SetActive(t.Context(), "op_1", ann.ID, true); err != nil {
			t.Fatal(err)
		}
		if _, err := k.login("ann", chosen, "192.0.2.2"); !fault.Is(err, fault.CodeWrongPassword) {
			t.Errorf("%s: the password he chose: %v", what, err)
		}
	}
}

// A session that another process ended is refused within a second, and roles that it took away are gone.
func TestOtherProcessesEndSessions(t *testing.T) {
	k := newKit(t)
	ann := k.add("ann", map[string]auth.Role{"shop": auth.Owner})
	token, other := k.mustLogin("ann", "192.0.2.1"), k.process(cheap)
	role := func() auth.Role {
		t.Helper()
		_, who, err := k.people.Session(t.Context(), token, "api")
		if err != nil {
			t.Fatal(err)
		}
		return who.Roles["shop"]
	}
	if role() != auth.Owner {
		t.Error("not the owner")
	}
	if _, err := other.SetRoles(t.Context(), "op_1", ann.ID, map[string]auth.Role{"shop": auth.Viewer}); err != nil {
		t.Fatal(err)
	}
	k.clock.move(500 * time.Millisecond)
	if role() != auth.Viewer {
		t.Error("still the owner")
	}
	if err := other.Logout(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	k.clock.move(500 * time.Millisecond)
	_, _, err := k.people.Session(t.Context(), token, "api")
	k.is("ended elsewhere", err, fault.CodeUnauthorized)
}

// A person has so many sessions at a time and no more; the oldest makes room.
func TestSessionsMakeRoom(t *testing.T) {
	k := newKit(t)
	ann := k.add("ann", nil)
	first := k.mustLogin("ann", "192.0.2.1")
	for range 100 {
		k.clock.move(time.Millisecond)
		k.mustLogin("ann", "192.0.2.1")
	}
	list, err := k.people.Sessions(t.Context(), ann.ID)
	if err != nil || len(list) != 100 {
		t.Errorf("%d sessions, %v", len(list), err)
	}
	_, _, err = k.people.Session(t.Context(), first, "api")
	k.is("the oldest", err, fault.CodeUnauthorized)
}

// A hash of another cost opens, and is made anew.
func TestCostIsRaised(t *testing.T) {
	k := newKit(t)
	ann := k.add("ann", nil)
	k.people = k.process(auth.Cost{Memory: 16, Passes: 2, Threads: 1})
	k.mustLogin("ann", "192.0.2.1")
	now, err := k.people.Find(t.Context(), ann.ID)
	if err != nil || !strings.HasPrefix(now.Password, "$argon2id$v=19$m=16,t=2,p=1$") || !now.PasswordAt.Equal(ann.PasswordAt) {
		t.Fatalf("%+v %v", now, err)
	}
	k.mustLogin("ann", "192.0.2.1")
}

func TestPasswordsThatAreRefused(t *testing.T) {
	k := newKit(t)
	ann := k.add("ann-the-first", nil)
	for _, c := range []struct {
		password string
		code     fault.Code
	}{
		{"", fault.CodeMissingField}, {"short", fault.CodeInvalidValue}, {"elevenchars", fault.CodeInvalidValue}, {"aaaaaaaaaaaaaaaa", fault.CodeInvalidValue},
		{"Ann-The-First", fault.CodeInvalidValue}, {strings.Repeat("xy", 129), fault.CodeTooLong}, {"\xff\xfe\xfd and so on", fault.CodeInvalidValue},
	} {
		_, err := k.people.SetPassword(t.Context(), "op_1", ann.ID, c.password)
		if f := k.is(c.password, err, c.code); f.Param != "password" || c.password != "" && strings.Contains(f.Error(), c.password) {
			t.Errorf("%q: %v", c.password, f)
		}
	}
	k.mustLogin("ann-the-first", "192.0.2.1")
	for _, name := range []string{"", "a b", "ann@", "@ann", "änn", "a\nb", strings.Repeat("a", 65)} {
		_, err := k.people.Add(t.Context(), "op_1", auth.NewPerson{Name: name, Password: password})
		if f := k.is(name, err, fault.CodeInvalidValue); f.Param != "name" {
			t.Errorf("%q: %v", name, f)
		}
	}
	_, err := k.people.Add(t.Context(), "op_1", auth.NewPerson{Name: "ANN-the-first", Password: password})
	k.is("the same name", err, fault.CodeDuplicateReference)
	for _, roles := range []map[string]auth.Role{{"shop": "boss"}, {"shop": auth.Operator}, {auth.House: auth.Owner}} {
		_, err := k.people.SetRoles(t.Context(), "op_1", ann.ID, roles)
		k.is(fmt.Sprint(roles), err, fault.CodeInvalidValue)
	}
	_, err = k.people.SetPassword(t.Context(), "op_1", "usr_nobody", password)
	k.is("nobody", err, fault.CodeNotFound)
}

// Who may not have this session gets none; the refusal is the caller's own.
func TestLoginThatIsNotAdmitted(t *testing.T) {
	k := newKit(t)
	ann := k.add("ann", nil)
	_, _, _, err := k.people.Login(t.Context(), auth.Credentials{Name: "ann", Password: password}, day, func(p auth.Person) error {
		return fault.New(fault.CodeForbidden, "not "+p.Name)
	})
	if f := k.is("not admitted", err, fault.CodeForbidden); f.Message != "not ann" {
		t.Error(f)
	}
	list, err := k.people.Sessions(t.Context(), ann.ID)
	if err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

// So many logins wait and no more; a caller who leaves does not wait. // case 44
func TestLoginsAreBounded(t *testing.T) {
	k := newKit(t)
	k.people = k.process(auth.Cost{Memory: 1 << 10, Passes: 20, Threads: 1})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := make([]error, 200)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			_, _, _, errs[i] = k.people.Login(ctx, auth.Credentials{Name: fmt.Sprint("name", i), Password: password, Address: fmt.Sprintf("10.0.%d.1", i)}, day, nil)
		})
	}
	wg.Wait()
	refused := 0
	for _, err := range errs {
		if fault.Is(err, fault.CodeOverloaded) {
			refused++
		} else if !fault.Is(err, fault.CodeWrongPassword) {
			t.Errorf("%v", err)
		}
	}
	if refused == 0 || refused > 200-64 {
		t.Errorf("%d of 200 were refused", refused)
	}
}
