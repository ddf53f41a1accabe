package store

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
)

// What the writer keeps from group to group is what the database has: after a conflict it is read again.
func TestRecentIsForgottenWhenSomebodyElseWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	s := openTest(t, path, Options{})
	var id string
	if err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
		o := testOrder(tx)
		id = o.ID
		return tx.InsertOrder(o)
	}); err != nil {
		t.Fatal(err)
	}
	save := func(reference string) (was string, err error) {
		err = s.Update(context.Background(), engine.Keys{Orders: []string{id}}, func(tx engine.Tx) error {
			o, err := tx.Order(id)
			if err != nil {
				return err
			}
			was, o.Reference = o.Reference, reference
			return tx.SaveOrder(o)
		})
		return was, err
	}
	before := s.Stats().Statements
	if _, err := save("ours"); err != nil {
		t.Fatal(err)
	}
	if asked := s.Stats().Statements - before; asked > 8 { // begin, the order, its counters and time, commit: it is not read
		t.Errorf("%d statements", asked)
	}
	other := rawSQL(t, "sqlite", fileURI(path, "_pragma=busy_timeout(5000)"))
	if _, err := other.Exec(`UPDATE orders SET version = version + 1, body = replace(replace(body, '"Version":2', '"Version":3'), '"ours"', '"theirs"') WHERE id = $1`, id); err != nil {
		t.Fatal(err)
	}
	if was, err := save("again"); err != nil || was != "theirs" {
		t.Errorf("found %q, %v", was, err)
	}
	if n := s.Stats().Conflicts; n != 1 {
		t.Errorf("%d conflicts", n)
	}
}

func TestRecentIsBounded(t *testing.T) {
	var r recent[int, int]
	for i := range 10 * recentRows {
		r.put(i, i)
		if v, ok := r.get(7); i > 7 && (!ok || v != 7) {
			t.Fatalf("what is used again and again was forgotten after %d", i)
		}
	}
	if n := len(r.young) + len(r.old); n > recentRows+1 {
		t.Errorf("%d are kept", n)
	}
	if _, ok := r.get(8); ok {
		t.Error("an old one is kept for ever")
	}
}

// An order that is kept is nobody else's: what a caller changes of his copy is not seen in it. A new field that two orders could share belongs in
// cloneOrder.
func TestClonedOrderSharesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var o engine.Order
	fill(r, reflect.ValueOf(&o).Elem(), 1)
	shared := sharedBy(reflect.ValueOf(o), reflect.ValueOf(*cloneOrder(&o)), "order")
	if len(shared) > 0 {
		t.Errorf("shared: %s", strings.Join(shared, ", "))
	}
}

// sharedBy finds the lists and maps that two equal values have in common. What a quote says never changes, nor why a finding is one, nor an amount.
func sharedBy(a, b reflect.Value, path string) (shared []string) {
	switch a.Kind() {
	case reflect.Struct:
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() && f.Name != "Quote" && f.Name != "Why" {
				shared = append(shared, sharedBy(a.Field(i), b.Field(i), path+"."+f.Name)...)
			}
		}
	case reflect.Slice:
		if a.Len() > 0 && a.UnsafePointer() == b.UnsafePointer() {
			return []string{path}
		}
		for i := range a.Len() {
			shared = append(shared, sharedBy(a.Index(i), b.Index(i), path+"[]")...)
		}
	case reflect.Map:
		if a.Len() > 0 && a.UnsafePointer() == b.UnsafePointer() {
			return []string{path}
		}
		for _, k := range a.MapKeys() {
			shared = append(shared, sharedBy(a.MapIndex(k), b.MapIndex(k), path+"[]")...)
		}
	case reflect.Pointer:
		if !a.IsNil() && a.UnsafePointer() == b.UnsafePointer() {
			return []string{path}
		}
	}
	return shared
}

// Two processes change one order in turns on PostgreSQL: each finds what the other left, with its payments, without a conflict.
func TestRecentOrdersOfTwoProcesses(t *testing.T) {
	db := postgresDatabase(t)
	stores := []*Store{db.open(t, Options{}), db.open(t, Options{})}
	var id string
	if err := stores[0].Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
		o := testOrder(tx)
		id = o.ID
		return tx.InsertOrder(o)
	}); err != nil {
		t.Fatal(err)
	}
	for n, who := range []int{0, 0, 1, 1, 0, 1, 0, 0} {
		var was engine.Order
		err := stores[who].Update(context.Background(), engine.Keys{Orders: []string{id}}, func(tx engine.Tx) error {
			o, err := tx.Order(id)
			if err != nil {
				return err
			}
			was = *o
			o.Reference = strconv.Itoa(n + 1)
			o.Payments = append(o.Payments, order.Payment{PaymentKey: order.PaymentKey{Rail: "rail", External: o.Reference}, Rank: order.RankSeen, Amount: money.FromInt(benchAsset, 1)})
			return tx.SaveOrder(o)
		})
		if err != nil || n > 0 && was.Reference != strconv.Itoa(n) || len(was.Payments) != n || was.Version != int64(n)+1 {
			t.Fatalf("change %d by %d: found %q, version %d, %d payments: %v", n, who, was.Reference, was.Version, len(was.Payments), err)
		}
	}
	if n := stores[0].Stats().Conflicts + stores[1].Stats().Conflicts; n != 0 {
		t.Errorf("%d conflicts", n)
	}
}
