package operator

import (
	"strings"
	"testing"

	"till/internal/screen"
)

// listed is a list for the tests.
type listed struct{ *screen.List }

func (l listed) Name(q screen.Query) []screen.Hit { return l.Names(q) }
func (l listed) Entries() int                     { return l.Len() }

func TestScreening(t *testing.T) {
	k := newKit(t)
	if got := call(k.handler, "POST", "/screening", tokenAll, `{"name":"Ivan Petrov"}`); got.Code != 200 || !strings.Contains(got.Body.String(), `{"entries":0,"hits":[]}`) {
		t.Errorf("without lists: %d %s", got.Code, got.Body)
	}
	b := screen.NewBuilder(0)
	if err := b.Add(screen.Entry{List: "own", ID: "7", Kind: screen.Individual, Name: "Ivan Petrov", Aliases: []string{"Vanya P."}, Countries: []string{"RU"}, Addresses: []string{"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h"}}); err != nil {
		t.Fatal(err)
	}
	k.engine.SetScreener(listed{b.List()})
	for body, want := range map[string]string{
		`{"name":"Petrow, Ivan","kind":"individual"}`:      `"score":985`,
		`{"name":"Petrov Ivan"}`:                           `{"asked":"Petrov","listed":"Petrov","score":1000}`,
		`{"name":"Ivan Petrov","kind":"entity"}`:           `"hits":[]`,
		`{"name":"Petrow, Ivan","threshold":990}`:          `"hits":[]`,
		`{"address":"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h"}`: `"listed":"12QtD5BFwRsdNsAZY76UVE1xyCGNTojH9h","score":1000,"countries":["RU"]`,
	} {
		if got := call(k.handler, "POST", "/screening", tokenAll, body); got.Code != 200 || !strings.Contains(got.Body.String(), want) || !strings.Contains(got.Body.String(), `"entries":1`) {
			t.Errorf("%s: %d %s", body, got.Code, got.Body)
		}
	}
	for _, body := range []string{`{}`, `{"name":" "}`, `{"name":"A","kind":"person"}`, `{"name":"A","threshold":1001}`} {
		if got := call(k.handler, "POST", "/screening", tokenAll, body); got.Code != 400 && got.Code != 422 {
			t.Errorf("%s: %d %s", body, got.Code, got.Body)
		}
	}
}
