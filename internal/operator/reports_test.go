package operator

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

// testReports is an API with a report of what it was asked, and one that breaks off.
type testReports struct{}

func (testReports) Name() string { return "some" }

func (testReports) Report(_ context.Context, name string, s engine.Scope, from, to time.Time) (func(context.Context, io.Writer) error, error) {
	switch name {
	case "orders":
		return func(_ context.Context, w io.Writer) error {
			_, err := io.WriteString(w, "merchant,mode,from,to\r\n"+s.Merchant+","+string(s.Mode)+","+from.Format(time.DateOnly)+","+to.Format(time.DateOnly)+"\r\n")
			return err
		}, nil
	case "broken":
		return func(_ context.Context, w io.Writer) error {
			io.WriteString(w, strings.Repeat("a line\r\n", 100_000))
			return errors.New("a secret reason")
		}, nil
	}
	return nil, fault.New(fault.CodeNotFound, "there is no such report")
}

func TestReports(t *testing.T) {
	k := newKit(t)
	s := httptest.NewServer(k.handler)
	t.Cleanup(s.Close)
	c := client.New(s.URL+client.Path, tokenAll, nil)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var text strings.Builder
	err := c.Report(t.Context(), client.ReportQuery{Merchant: "m1", Mode: "sandbox", Dialect: "some", Report: "orders", From: day, To: day.AddDate(0, 0, 1)}, &text)
	if err != nil || text.String() != "merchant,mode,from,to\r\nm1,sandbox,2026-03-01,2026-03-02\r\n" {
		t.Errorf("%q %v", text.String(), err)
	}
	if err := c.Report(t.Context(), client.ReportQuery{Merchant: "m1", Mode: "sandbox", Dialect: "some", Report: "broken"}, io.Discard); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a part was taken for the whole: %v", err)
	}
	for path, want := range map[string]int{
		"/merchants/m1/reports/nothing?mode=sandbox&dialect=some":               http.StatusNotFound,
		"/merchants/m1/reports/orders?mode=sandbox&dialect=other":               http.StatusNotFound,
		"/merchants/nobody/reports/orders?mode=sandbox&dialect=some":            http.StatusNotFound,
		"/merchants/m1/reports/orders?dialect=some":                             http.StatusBadRequest,
		"/merchants/m1/reports/orders?mode=sandbox&dialect=some&from=yesterday": http.StatusBadRequest,
	} {
		if w := call(k.handler, "GET", path, tokenAll, ""); w.Code != want {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// A key is made in place of another, which ends when the overlap is over; one for browsers may do nothing else.
func TestKeyRotation(t *testing.T) {
	k := newKit(t)
	c, ctx := k.client(t, tokenAll), t.Context()
	old, err := c.AddKey(ctx, client.NewKey{Merchant: "m1", Mode: "sandbox", Dialect: "some", Name: "shop", Scopes: []string{"orders:read"}})
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.RotateKey(ctx, old.ID, client.KeyRotation{OverlapSeconds: 3600})
	if err != nil || made.ID == old.ID || made.Key == "" || made.Key == old.Key || made.Name != "shop" || strings.Join(made.Scopes, "") != "orders:read" || made.ExpiresAt != nil {
		t.Fatalf("%+v %v", made, err)
	}
	scope := engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"}
	good := func(preferred string, at time.Time) string {
		found, err := k.engine.KeyWithText(ctx, scope, preferred, at)
		if err != nil {
			t.Fatal(err)
		}
		if found == nil {
			return ""
		}
		return found.Sealed
	}
	if got := good(old.ID, k.now.Add(59*time.Minute)); got != "sealed "+old.Key {
		t.Errorf("in the overlap: %s", got)
	}
	if got := good(old.ID, k.now.Add(time.Hour)); got != "sealed "+made.Key {
		t.Errorf("after the overlap: %s", got)
	}
	err = k.engine.ResealKeyText(ctx, engine.Key{ID: made.ID, Scope: scope}, func(sealed string) (string, error) { return "again " + sealed, nil })
	if got := good("", k.now); err != nil || got != "again sealed "+made.Key {
		t.Errorf("sealed anew: %s %v", got, err)
	}
	if _, err := c.RevokeKey(ctx, made.ID); err != nil {
		t.Fatal(err)
	}
	if got := good(made.ID, k.now.Add(2*time.Hour)); got != "" {
		t.Errorf("a revoked key signs: %s", got)
	}
	wantProblem(t, call(k.handler, "POST", "/keys/"+made.ID+"/rotate", tokenAll, `{"overlapSeconds":1}`), http.StatusNotFound, fault.CodeNotFound, "")
	wantProblem(t, call(k.handler, "POST", "/keys/key_none/rotate", tokenAll, `{"overlapSeconds":1}`), http.StatusNotFound, fault.CodeNotFound, "")
	if w := call(k.handler, "POST", "/keys/"+old.ID+"/rotate", tokenAll, `{"overlapSeconds":7776001}`); w.Code != http.StatusBadRequest {
		t.Errorf("an overlap without end: %d %s", w.Code, w.Body)
	}

	shown, err := c.AddKey(ctx, client.NewKey{Merchant: "m1", Mode: "sandbox", Dialect: "some", Publishable: true})
	if err != nil || strings.Join(shown.Scopes, "") != Publishable {
		t.Errorf("%+v %v", shown, err)
	}
	wantProblem(t, call(k.handler, "POST", "/keys", tokenAll, `{"publishable":true}`), http.StatusBadRequest, fault.CodeInvalidValue, "publishable")
	wantProblem(t, call(k.handler, "POST", "/keys", tokenAll, `{"merchant":"m1","mode":"sandbox","dialect":"some","publishable":true,"scopes":["orders:read"]}`),
		http.StatusBadRequest, fault.CodeInvalidValue, "publishable")
}
