package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// Two kinds that no noun has.
const (
	kindA = engine.DocumentKind("letter")
	kindB = engine.DocumentKind("parcel")
)

// document keeps one that change has altered.
func (s *suite) document(id string, change func(d *engine.Document)) *engine.Document {
	s.Helper()
	d := &engine.Document{Kind: kindA, ID: id, Scope: scopeA, Doc: json.RawMessage(`{"title": "a  \u00e9"}`)}
	s.update(func(tx engine.Tx) error {
		d.CreatedAt, d.UpdatedAt = tx.Now(), tx.Now()
		if change != nil {
			change(d)
		}
		return tx.InsertDocument(d)
	})
	return d
}

// saveDocument loads one of kindA, changes it and saves it.
func (s *suite) saveDocument(id string, change func(d *engine.Document)) error {
	want := engine.Keys{Documents: []engine.DocumentKey{{Kind: kindA, ID: id}, {Kind: kindB, ID: "nobody"}}}
	return s.store.Update(context.Background(), want, func(tx engine.Tx) error {
		d, err := tx.Document(kindA, id)
		if err != nil {
			return err
		}
		change(d)
		return tx.SaveDocument(d)
	})
}

func documents(s *suite) {
	first := s.document("one", func(d *engine.Document) {
		d.Parent, d.State, d.DueAt, d.Keys = "order-1", "open", d.CreatedAt.Add(time.Hour), []string{"email:a@b.c", "phone:+57"}
	})
	s.document("one", func(d *engine.Document) { d.Kind = kindB }) // another kind has ids of its own
	other := s.document("two", func(d *engine.Document) { d.Scope, d.Doc = scopeB, nil })
	if first.Number != 1 || first.Version != 1 || other.Number != 1 {
		s.Fatalf("numbers %d and %d, version %d", first.Number, other.Number, first.Version)
	}
	var saved *engine.Document
	if err := s.saveDocument("one", func(d *engine.Document) {
		d.State, d.DueAt, d.Keys, d.UpdatedAt = "closed", time.Time{}, []string{"phone:+57", "document:1"}, d.UpdatedAt.Add(time.Minute)
		d.Doc = json.RawMessage(`{}`)
		saved = d
	}); err != nil {
		s.Fatal(err)
	}
	want(s, "the version", saved.Version, 2)
	saved = saved.Clone()

	stale := other.Clone()
	if err := s.saveDocument("two", func(d *engine.Document) { other = d }); err != nil {
		s.Fatal(err)
	}
	s.wantCode(s.try(func(tx engine.Tx) error { return tx.SaveDocument(stale.Clone()) }), fault.CodeVersionConflict)
	s.wantCode(s.try(func(tx engine.Tx) error { return tx.SaveDocument(&engine.Document{Kind: kindA, ID: "nobody"}) }), fault.CodeNotFound)
	for what, change := range map[string]func(d *engine.Document){
		"scope":    func(d *engine.Document) { d.Scope = scopeB },
		"number":   func(d *engine.Document) { d.Number++ },
		"parent":   func(d *engine.Document) { d.Parent = "another" },
		"creation": func(d *engine.Document) { d.CreatedAt = d.CreatedAt.Add(time.Second) },
	} {
		if s.saveDocument("one", change) == nil {
			s.Errorf("the %s of a document was changed", what)
		}
	}
	for _, bad := range []*engine.Document{
		{Kind: kindA, ID: "one", Scope: scopeC}, {Kind: kindA, Scope: scopeA}, {ID: "three", Scope: scopeA},
		{Kind: kindA, ID: strings.Repeat("x", 201), Scope: scopeA}, {Kind: kindA, ID: "three", Scope: scopeA, Parent: strings.Repeat("x", 201)},
	} {
		if s.try(func(tx engine.Tx) error { return tx.InsertDocument(bad) }) == nil {
			s.Errorf("kept %.20s %.20s", bad.Kind, bad.ID)
		}
	}

	s.reopen()
	s.view(func(rd engine.Reader) error {
		got, err := rd.Document(kindA, "one")
		if err != nil {
			return err
		}
		s.same("the document", got, saved)
		if got, err = rd.DocumentByKey(kindA, scopeA, "document:1"); err != nil {
			return err
		}
		s.same("the document of the key", got, saved)
		if got, err = rd.Document(kindA, "two"); err != nil {
			return err
		}
		s.same("a document with nothing", got, other)
		for _, missing := range []func() (*engine.Document, error){
			func() (*engine.Document, error) { return rd.Document(kindB, "two") },
			func() (*engine.Document, error) { return rd.Document(kindA, "") },
			func() (*engine.Document, error) { return rd.DocumentByKey(kindA, scopeA, "email:a@b.c") },
			func() (*engine.Document, error) { return rd.DocumentByKey(kindB, scopeA, "phone:+57") },
			func() (*engine.Document, error) { return rd.DocumentByKey(kindA, scopeB, "phone:+57") },
			func() (*engine.Document, error) {
				return rd.DocumentByKey(kindA, engine.Scope{Merchant: "unheard of"}, "phone:+57")
			},
		} {
			if d, err := missing(); d != nil || err != nil {
				s.Errorf("got %v, %v", d, err)
			}
		}
		return nil
	})
	s.update(func(tx engine.Tx) error {
		for _, find := range []func() (*engine.Document, error){
			func() (*engine.Document, error) { return tx.Document(kindA, "one") },
			func() (*engine.Document, error) { return tx.DocumentByKey(kindA, scopeA, "phone:+57") },
		} {
			d, err := find()
			if err != nil || d == nil || d.Version != 2 {
				return fmt.Errorf("found %v: %w", d, err)
			}
			d.State = "the caller's copy"
		}
		for _, find := range []func() (*engine.Document, error){
			func() (*engine.Document, error) { return tx.Document(kindA, "nobody") },
			func() (*engine.Document, error) { return tx.DocumentByKey(kindA, scopeA, "email:a@b.c") },
			func() (*engine.Document, error) {
				return tx.DocumentByKey(kindA, engine.Scope{Merchant: "unheard of"}, "x")
			},
		} {
			if d, err := find(); d != nil || err != nil {
				return fmt.Errorf("found %v: %w", d, err)
			}
		}
		return nil
	})
}

func documentKeys(s *suite) {
	keyed := func(keys ...string) func(d *engine.Document) { return func(d *engine.Document) { d.Keys = keys } }
	s.document("one", keyed("email:a", "phone:1"))
	s.document("two", keyed("email:b"))
	s.document("other scope", func(d *engine.Document) { d.Scope, d.Keys = scopeB, []string{"email:a"} })
	s.document("other kind", func(d *engine.Document) { d.Kind, d.Keys = kindB, []string{"email:a"} })

	taken := func(err error, word, existing string) {
		s.Helper()
		s.wantCode(err, fault.CodeDuplicateReference)
		f, _ := fault.As(err)
		if f.Param != word || f.Details["existing"] != existing {
			s.Errorf("on %q, existing %q", f.Param, f.Details["existing"])
		}
	}
	taken(s.try(func(tx engine.Tx) error {
		return tx.InsertDocument(&engine.Document{Kind: kindA, ID: "three", Scope: scopeA, Keys: []string{"email:c", "phone:1"}})
	}), "phone", "one")
	taken(s.saveDocument("two", keyed("email:a")), "email", "one")
	for _, keys := range [][]string{{""}, {"a:1", "a:1"}, {"a:1\n2"}, {"a:" + strings.Repeat("x", 500)}} {
		s.wantCode(s.saveDocument("two", keyed(keys...)), fault.CodeInvalidValue)
	}

	// What one gives up another can take, also within one transaction, and back.
	swap := func(tx engine.Tx) error {
		a, err := tx.Document(kindA, "one")
		if err != nil {
			return err
		}
		b, err := tx.Document(kindA, "two")
		if err != nil {
			return err
		}
		ours, theirs := a.Keys, b.Keys
		b.Keys = nil
		if err := tx.SaveDocument(b); err != nil {
			return err
		}
		a.Keys = theirs
		if err := tx.SaveDocument(a); err != nil {
			return err
		}
		b.Keys = ours
		return tx.SaveDocument(b)
	}
	owner := func(key string) (id string) {
		s.view(func(rd engine.Reader) error {
			d, err := rd.DocumentByKey(kindA, scopeA, key)
			if d != nil {
				id = d.ID
			}
			return err
		})
		return id
	}
	for _, is := range []struct{ emailA, emailB string }{{"two", "one"}, {"one", "two"}} {
		s.update(swap)
		s.reopen()
		if a, b := owner("email:a"), owner("email:b"); a != is.emailA || b != is.emailB {
			s.Errorf("the keys are %s's and %s's", a, b)
		}
	}
	// A refused caller's keys are nobody's.
	if err := s.try(func(tx engine.Tx) error {
		d := &engine.Document{Kind: kindA, ID: "four", Scope: scopeA, Keys: []string{"email:d"}}
		if err := tx.InsertDocument(d); err != nil {
			return err
		}
		return errRefused
	}); err != errRefused {
		s.Fatal(err)
	}
	s.document("five", keyed("email:d"))
	if err := s.saveDocument("five", keyed()); err != nil {
		s.Fatal(err)
	}
	want(s, "a key that was given up", owner("email:d"), "")
}

func documentKeyRace(s *suite) {
	const n = 48
	errs := AtOnce(n, func(i int) error {
		return s.try(func(tx engine.Tx) error {
			return tx.InsertDocument(&engine.Document{Kind: kindA, ID: fmt.Sprint("d", i), Scope: scopeA, Keys: []string{fmt.Sprint("email:", i%4)}, CreatedAt: tx.Now(), UpdatedAt: tx.Now()})
		})
	})
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else {
			s.wantCode(err, fault.CodeDuplicateReference)
		}
	}
	want(s, "documents made of four keys", made, 4)
	s.view(func(rd engine.Reader) error {
		page, err := rd.Documents(engine.DocumentFilter{Kind: kindA, Scope: scopeA, Page: 1, Limit: 10})
		if len(page.List) != 4 || page.Total != 4 {
			s.Errorf("%d of %d are listed", len(page.List), page.Total)
		}
		return err
	})
}

func (s *suite) documentIDs(f engine.DocumentFilter) (ids []string, total int64) {
	s.Helper()
	s.view(func(rd engine.Reader) error {
		page, err := rd.Documents(f)
		for _, d := range page.List {
			ids = append(ids, d.ID)
		}
		total = page.Total
		return err
	})
	return ids, total
}

func documentLists(s *suite) {
	made := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) // of 1; the others one second after another, but 4 with 3
	at := func(second int) time.Time { return made.Add(time.Duration(second) * time.Second) }
	for n := 1; n <= 7; n++ {
		s.document(fmt.Sprint(n), func(d *engine.Document) {
			d.CreatedAt = at([]int{0, 1, 2, 2, 3, 4, 5}[n-1])
			d.State = []string{"open", "closed"}[n%2]
			if n > 4 {
				d.Parent = "p"
			}
		})
	}
	s.document("foreign", func(d *engine.Document) { d.Scope, d.State, d.Parent = scopeB, "open", "p" })
	s.document("of another kind", func(d *engine.Document) { d.Kind, d.State, d.Parent = kindB, "open", "p" })
	if err := s.saveDocument("2", func(d *engine.Document) { d.State = "closed" }); err != nil {
		s.Fatal(err)
	}
	for _, c := range []struct {
		f     engine.DocumentFilter
		ids   []string
		total int64
	}{
		{engine.DocumentFilter{Page: 1, Limit: 2, Descending: true}, []string{"7", "6"}, 7},
		{engine.DocumentFilter{Page: 4, Limit: 2, Descending: true}, []string{"1"}, 7},
		{engine.DocumentFilter{Page: 5, Limit: 2, Descending: true}, nil, 7},
		{engine.DocumentFilter{Page: 2, Limit: 3}, []string{"4", "5", "6"}, 7},
		{engine.DocumentFilter{Page: 1, Limit: 2, Descending: true, Behind: 3}, []string{"2", "1"}, 7},
		{engine.DocumentFilter{Page: 1, Limit: 2, Descending: true, Behind: 1}, nil, 7},
		{engine.DocumentFilter{Page: 1, Limit: 2, Behind: 6}, []string{"7"}, 7},
		{engine.DocumentFilter{Page: 1, Limit: 2, State: "closed", Descending: true}, []string{"7", "5"}, 5},
		{engine.DocumentFilter{Page: 3, Limit: 2, State: "closed", Descending: true}, []string{"1"}, 5},
		{engine.DocumentFilter{Page: 2, Limit: 2, State: "closed"}, []string{"3", "5"}, 5},
		{engine.DocumentFilter{Page: 1, Limit: 2, State: "closed", Behind: 5, Descending: true}, []string{"3", "2"}, 5},
		{engine.DocumentFilter{Page: 1, Limit: 9, State: "unheard of"}, nil, 0},
		{engine.DocumentFilter{Page: 1, Limit: 2, CreatedFrom: at(2)}, []string{"3", "4"}, 5},
		{engine.DocumentFilter{Page: 1, Limit: 9, CreatedTo: at(2), Descending: true}, []string{"4", "3", "2", "1"}, 4},
		{engine.DocumentFilter{Page: 2, Limit: 2, CreatedFrom: at(1), CreatedTo: at(3), Descending: true}, []string{"3", "2"}, 4},
		{engine.DocumentFilter{Page: 1, Limit: 9, CreatedFrom: at(2).Add(time.Microsecond), CreatedTo: at(3).Add(-time.Microsecond)}, nil, 0},
		{engine.DocumentFilter{Page: 1, Limit: 9, CreatedFrom: at(6)}, nil, 0},
		{engine.DocumentFilter{Page: 1, Limit: 9, CreatedTo: at(-1)}, nil, 0},
		{engine.DocumentFilter{Page: 1, Limit: 9, CreatedFrom: at(3), CreatedTo: at(1)}, nil, 0},
		{engine.DocumentFilter{Page: 1, Limit: 1, State: "closed", CreatedFrom: at(2), Descending: true}, []string{"7"}, 3},
		{engine.DocumentFilter{Page: 1, Limit: 2, Parent: "p"}, []string{"5", "6"}, 3},
		{engine.DocumentFilter{Page: 2, Limit: 2, Parent: "p", Descending: true}, []string{"5"}, 3},
		{engine.DocumentFilter{Page: 1, Limit: 2, Parent: "p", Descending: true, Behind: 6}, []string{"5"}, 3},
		{engine.DocumentFilter{Page: 1, Limit: 2, Parent: "p", State: "closed"}, []string{"5", "7"}, 2},
		{engine.DocumentFilter{Page: 1, Limit: 2, Parent: "nobody"}, nil, 0},
		{engine.DocumentFilter{Page: 1, Limit: 2, Scope: scopeC}, nil, 0},
	} {
		c.f.Kind = kindA
		if c.f.Scope == (engine.Scope{}) {
			c.f.Scope = scopeA
		}
		if ids, total := s.documentIDs(c.f); !slices.Equal(ids, c.ids) || total != c.total {
			s.Errorf("%+v: %v of %d, want %v of %d", c.f, ids, total, c.ids, c.total)
		}
	}
	for _, f := range []engine.DocumentFilter{{Limit: 1}, {Page: 1}, {Page: 2, Limit: 1, Behind: 3}, {Page: 1, Limit: 1, Behind: -1}, {Page: 1 << 40, Limit: 2}} {
		f.Kind, f.Scope = kindA, scopeA
		err := s.store.View(context.Background(), func(rd engine.Reader) error { _, err := rd.Documents(f); return err })
		s.wantCode(err, fault.CodeInvalidPage)
	}
}

// More than one bucket of counters, against a plain computation.
func documentBuckets(s *suite) {
	const n = 9000
	open := []string{} // ids, the oldest first
	for begin := 0; begin < n; begin += 500 {
		s.update(func(tx engine.Tx) error {
			for i := begin; i < begin+500; i++ {
				d := &engine.Document{Kind: kindA, ID: fmt.Sprint(i), Scope: scopeA, State: "closed", CreatedAt: tx.Now(), UpdatedAt: tx.Now()}
				if i%7 == 0 {
					d.State = "open"
				}
				if err := tx.InsertDocument(d); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for i := 0; i < n; i += 7 {
		open = append(open, fmt.Sprint(i))
	}
	newest := slices.Clone(open)
	slices.Reverse(newest)
	for page := 1; (page-1)*100 < len(open)+100; page += 3 {
		low, high := min((page-1)*100, len(open)), min(page*100, len(open))
		if ids, total := s.documentIDs(engine.DocumentFilter{Kind: kindA, Scope: scopeA, State: "open", Page: page, Limit: 100}); !slices.Equal(ids, open[low:high]) || total != int64(len(open)) {
			s.Fatalf("page %d: %v of %d", page, ids, total)
		}
		if ids, _ := s.documentIDs(engine.DocumentFilter{Kind: kindA, Scope: scopeA, State: "open", Page: page, Limit: 100, Descending: true}); !slices.Equal(ids, newest[low:high]) {
			s.Fatalf("page %d from the newest: %v", page, ids)
		}
	}
}

func dueDocuments(s *suite) {
	start := s.clock.now()
	for i, at := range []time.Duration{3, 1, 2, 2} {
		s.document(fmt.Sprint("d", i), func(d *engine.Document) { d.DueAt = start.Add(at * time.Hour) })
	}
	s.document("live", func(d *engine.Document) { d.Scope, d.DueAt = scopeC, start })
	s.document("never", nil)
	s.document("of another kind", func(d *engine.Document) { d.Kind, d.DueAt = kindB, start })
	due := func(now time.Time, limit int) (ids []string) {
		s.Helper()
		after := engine.Due{}
		for {
			var found []engine.Due
			s.view(func(rd engine.Reader) (err error) {
				found, err = rd.DueDocuments(kindA, engine.Sandbox, now, after, limit)
				return err
			})
			if len(found) == 0 {
				return ids
			}
			for _, d := range found {
				ids = append(ids, d.ID)
			}
			after = found[len(found)-1]
		}
	}
	if got := due(start.Add(time.Hour), 5); !slices.Equal(got, []string{"d1"}) {
		s.Errorf("due: %v", got)
	}
	if got := due(start.Add(3*time.Hour), 1); !slices.Equal(got, []string{"d1", "d2", "d3", "d0"}) {
		s.Errorf("due one by one: %v", got)
	}
	if err := s.saveDocument("d1", func(d *engine.Document) { d.DueAt = time.Time{} }); err != nil {
		s.Fatal(err)
	}
	if got := due(start.Add(2*time.Hour), 5); !slices.Equal(got, []string{"d2", "d3"}) {
		s.Errorf("due after one was done: %v", got)
	}
}
