package app

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"till/internal/dialect/glomo"
	"till/internal/engine"
	"till/internal/secrets"
	"till/internal/store/pgtest"
	"till/internal/webhook"
)

// onEach runs a test with what the config says of a new database of each kind.
func onEach(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "") })
	t.Run("postgres", func(t *testing.T) { test(t, fmt.Sprintf("[database]\nurl = %q\n", pgtest.URL(t))) })
}

func TestRotateMaster(t *testing.T) { onEach(t, rotateMaster) }

func rotateMaster(t *testing.T, database string) {
	dir := withEndpoints(t, database, 3)
	keyFile := filepath.Join(dir, "master.key")
	before := boxOf(t, dir)
	done, err := RotateMaster(t.Context(), filepath.Join(dir, "till.toml"), noEnv, io.Discard)
	if err != nil || done.KeyFile != keyFile || done.Endpoints != 3 || done.Resumed || done.KeyID == before.KeyID() {
		t.Fatalf("%+v %v", done, err)
	}
	wantResealed(t, dir, 3)
	a := startIn(t, dir, database, io.Discard)
	wantOpen(t, a, 3)
	if a.box.KeyID() != done.KeyID {
		t.Errorf("the server seals with %s", a.box.KeyID())
	}
	for _, ep := range endpoints(t, a.Engine) {
		if _, err := openSecrets(before, ep.ID, []string{ep.Secret}); err == nil {
			t.Errorf("the old key opens %s", ep.ID)
		}
	}
}

// What an API signs with, and the texts of its keys, are sealed by the new master key too.
func TestRotateMasterSealsSignedKeys(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		dir := t.TempDir()
		scope := engine.Scope{Merchant: "default", Mode: engine.Sandbox, Dialect: glomo.Name}
		a := startIn(t, dir, database, io.Discard)
		first, err := a.FirstStart(t.Context(), filepath.Join(dir, FirstKeysFile))
		if err != nil {
			t.Fatal(err)
		}
		key := first.APIKeys[glomo.Name].Test.Reveal()
		pairs, err := a.signing.All(t.Context())
		if err != nil || len(pairs) != 1 {
			t.Fatalf("%d pairs, %v", len(pairs), err)
		}
		stop(t, a)
		before := boxOf(t, dir)
		if _, err := RotateMaster(t.Context(), filepath.Join(dir, "till.toml"), noEnv, io.Discard); err != nil {
			t.Fatal(err)
		}

		a = startIn(t, dir, database, io.Discard)
		if got, err := a.secretKey(t.Context(), scope, ""); err != nil || got == nil || got.Text != key {
			t.Errorf("the key's text is not what it was: %v", err)
		}
		if got, err := a.signing.All(t.Context()); err != nil || len(got) != 1 || got[0].ID != pairs[0].ID || !got[0].Private.Equal(pairs[0].Private) {
			t.Errorf("%d pairs, %v", len(got), err)
		}
		if who, err := a.signedKeys.Check(t.Context(), key); err != nil || who.Merchant != "default" {
			t.Errorf("the key is not good: %v", err)
		}
		kept, err := a.Engine.SigningKeys(t.Context(), glomo.Name)
		if err != nil || len(kept) != 1 {
			t.Fatalf("%d pairs, %v", len(kept), err)
		}
		if _, err := openSigningKey(before, glomo.Name, kept[0]); err == nil {
			t.Error("the old master key opens the pair")
		}
	})
}

// A crash behind each step leaves what opens, and the next call finishes with the key that was begun.
func TestRotateMasterGoesOn(t *testing.T) {
	for _, test := range []struct {
		name  string
		until func(t *testing.T, e *engine.Engine, r *secrets.Rotation)
	}{
		{"the new key is in the file", func(*testing.T, *engine.Engine, *secrets.Rotation) {}},
		{"one secret is sealed again", func(t *testing.T, e *engine.Engine, r *secrets.Rotation) { resealFirst(t, e, r, 1) }},
		{"all secrets are sealed again", func(t *testing.T, e *engine.Engine, r *secrets.Rotation) { resealFirst(t, e, r, 3) }},
		{"the old key is gone", func(t *testing.T, e *engine.Engine, r *secrets.Rotation) {
			resealFirst(t, e, r, 3)
			if err := r.Finish(); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		rotate := func(t *testing.T, database string) {
			dir := withEndpoints(t, database, 3)
			config := filepath.Join(dir, "till.toml")
			cfg, err := LoadConfig(config, noEnv, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			s, err := openStore(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			r, err := secrets.Rotate(filepath.Join(dir, "master.key"), rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			test.until(t, engine.New(s, nil, nil).As(rotator), r)
			begun := r.New.KeyID()
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}

			a := startIn(t, dir, database, io.Discard) // a server may run in between
			wantOpen(t, a, 3)
			stop(t, a)
			finished := test.name == "the old key is gone"
			done, err := RotateMaster(t.Context(), config, noEnv, io.Discard)
			if err != nil || done.Resumed == finished || (done.KeyID == begun) == finished {
				t.Fatalf("%+v %v", done, err)
			}
			a = startIn(t, dir, database, io.Discard)
			wantOpen(t, a, 3)
			if text, err := os.ReadFile(filepath.Join(dir, "master.key")); err != nil || strings.Count(string(text), "\n") != 1 || a.box.KeyID() != done.KeyID {
				t.Errorf("more than the new key is left: %v", err)
			}
		}
		t.Run(test.name, func(t *testing.T) { onEach(t, rotate) })
	}
}

func TestRotateMasterRefuses(t *testing.T) {
	const database = ""
	dir := withEndpoints(t, database, 1)
	config, keyFile := filepath.Join(dir, "till.toml"), filepath.Join(dir, "master.key")
	before := boxOf(t, dir).KeyID()
	refuses := func(want, config string, env func(string) string) {
		t.Helper()
		if _, err := RotateMaster(t.Context(), config, env, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	text, err := os.ReadFile(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	refuses("write its text to "+keyFile, config, func(name string) string {
		if name == envMasterKey {
			return string(text)
		}
		return ""
	})
	a := startIn(t, dir, database, io.Discard)
	refuses("in use by another process", config, noEnv)
	stop(t, a)
	empty := write(t, t.TempDir(), "till.toml", "")
	refuses("there is no database", empty, noEnv)
	if list, _ := os.ReadDir(filepath.Dir(empty)); len(list) != 1 {
		t.Errorf("%v", list)
	}
	if got := boxOf(t, dir).KeyID(); got != before {
		t.Error("a refusal changed the key file")
	}

	// One that neither key opens keeps the old key in the file.
	a = startIn(t, dir, database, io.Discard)
	old := a.box
	ep := endpoints(t, a.Engine)[0]
	ep.ID = "ep_copied"
	if err := a.Engine.SaveEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	refuses("the secret of endpoint ep_copied cannot be opened", config, noEnv)
	sealed, err := old.Seal([]byte("s"), "c")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := boxOf(t, dir).Open(sealed, "c"); err != nil {
		t.Errorf("the old key is gone: %v", err)
	}
}

// withEndpoints is the folder of a stopped server with endpoints ep_0, ep_1 and so on.
func withEndpoints(t *testing.T, database string, n int) string {
	t.Helper()
	dir := t.TempDir()
	a := startIn(t, dir, database, io.Discard)
	defer stop(t, a)
	if err := a.Engine.SaveMerchant(t.Context(), engine.Merchant{ID: "m", Organisation: "m", Name: "M"}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		id, mode := fmt.Sprintf("ep_%d", i), engine.Modes()[i%len(engine.Modes())]
		sealed, err := a.Seal(id, webhook.Secret("whsec_of "+id))
		if err != nil {
			t.Fatal(err)
		}
		scope := engine.Scope{Merchant: "m", Mode: mode, Dialect: "payin"}
		if err := a.Engine.SaveEndpoint(t.Context(), engine.Endpoint{ID: id, Scope: scope, Name: id, URL: "https://example.com/", Secret: sealed, Enabled: i > 0}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func wantOpen(t *testing.T, a *App, n int) {
	t.Helper()
	list := endpoints(t, a.Engine)
	if len(list) != n {
		t.Errorf("%d endpoints, want %d", len(list), n)
	}
	for _, ep := range list {
		plain, err := a.open(ep)
		if err != nil || plain[0].Reveal() != "whsec_of "+ep.ID || ep.Name != ep.ID || ep.Enabled != (ep.ID != "ep_0") {
			t.Errorf("%+v: %v", ep, err)
		}
	}
}

// wantResealed says how many actions of a rotation are on record that no server has sealed yet.
func wantResealed(t *testing.T, dir string, want int) {
	t.Helper()
	cfg, err := LoadConfig(filepath.Join(dir, "till.toml"), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStore(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var unsealed engine.Unsealed
	err = s.View(t.Context(), func(rd engine.Reader) (err error) {
		unsealed, err = rd.Unsealed(1000)
		return err
	})
	got := 0
	for _, action := range unsealed.Actions {
		if action.Who == rotator && action.What == "endpoint.reseal" && strings.HasPrefix(action.Ref, "ep_") {
			got++
		}
	}
	if err != nil || got != want {
		t.Errorf("%d actions, want %d: %v", got, want, err)
	}
}

func endpoints(t *testing.T, e *engine.Engine) []engine.Endpoint {
	t.Helper()
	list, err := e.SearchEndpoints(t.Context(), engine.EndpointSearch{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func resealFirst(t *testing.T, e *engine.Engine, r *secrets.Rotation, n int) {
	t.Helper()
	for _, ep := range endpoints(t, e)[:n] {
		if err := reseal(t.Context(), e, r.Both, ep.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func boxOf(t *testing.T, dir string) *secrets.Box {
	t.Helper()
	box, err := secrets.Open(filepath.Join(dir, "master.key"), nil, false)
	if err != nil {
		t.Fatal(err)
	}
	return box
}
