package rail

import (
	"strings"
	"testing"
)

// lines is a memory.
type lines map[string][]byte

func (l lines) Get(key string) ([]byte, error)     { return l[key], nil }
func (l lines) Put(key string, value []byte) error { l[key] = value; return nil }

func TestMemoryAsJSON(t *testing.T) {
	m := lines{"broken": []byte("{")}
	type page struct{ ID string }
	if err := Save(m, "p/1", page{"one"}); err != nil {
		t.Fatal(err)
	}
	got := page{}
	if found, err := Load(m, "p/1", &got); !found || err != nil || got.ID != "one" {
		t.Errorf("%v, %v, %v", got, found, err)
	}
	if found, err := Load(m, "p/2", &got); found || err != nil || got.ID != "one" {
		t.Errorf("what is not there: %v, %v, %v", got, found, err)
	}
	if found, err := Load(m, "broken", &got); found || err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("what is broken: %v, %v", found, err)
	}
	item := page{}
	if err := (Item{"p/1", m["p/1"]}).Read(&item); err != nil || item.ID != "one" {
		t.Errorf("%v, %v", item, err)
	}
	if err := Save(m, "p/3", func() {}); err == nil || m["p/3"] != nil {
		t.Errorf("what is no JSON: %v, %s", err, m["p/3"])
	}
}
