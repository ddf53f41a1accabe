package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/rail"
)

var (
	euros = money.MustAsset("EUR", "", 2)
	giro  = engine.Network{ID: "giro", Name: "Giro", Family: "bank:giro", Mode: engine.Sandbox, Rail: "bank:giro", Custodial: true, Tokens: []engine.Token{{Asset: euros}},
		Reference: func(io.Reader) (string, error) { return "RF712348231", nil }}
)

// testBanks is a bank account whose files are one word.
func testBanks(e *engine.Engine) []Bank {
	looks := func(ctx context.Context) error {
		_, err := e.BankStatements(ctx, engine.StatementFilter{Rail: giro.Rail, Limit: 1})
		return err
	}
	files := func(ctx context.Context) ([]client.PaymentFile, error) {
		return []client.PaymentFile{{ID: "F1", Made: testNow, Day: "2026-03-01", Count: 2, Sum: BankAmount(money.FromInt(euros, 500))}}, looks(ctx)
	}
	return []Bank{{
		Network: giro, Account: "DE93999999990000000001", Holder: "Till",
		Import: func(ctx context.Context, file io.ReadSeeker, progress func(booked, lines int)) (client.ImportReport, error) {
			_, err := file.Seek(0, io.SeekStart)
			if err != nil {
				return client.ImportReport{}, err
			}
			text, err := io.ReadAll(file)
			if err == nil && string(text) != "statement" {
				err = fault.New(fault.CodeInvalidValue, "csv, line 3: no amount").On("file").With("line", "3")
			}
			if err == nil {
				err = looks(ctx)
			}
			return client.ImportReport{Booked: len(text)}, err
		},
		Export: files,
		Files:  func(ctx context.Context, _ string, _ int) ([]client.PaymentFile, error) { return files(ctx) },
		File: func(ctx context.Context, id string) ([]byte, error) {
			if err := looks(ctx); err != nil || id == "F1" {
				return []byte("<Document/>"), err
			}
			return nil, fault.New(fault.CodeNotFound, "there is no such payment file")
		},
	}}
}

// propose makes an order that is paid at the bank, and a credit whose reference is one slip away from it.
func (k *kit) propose(t testing.TB) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(k.engine.Observe(ctx, giro, engine.Report{Progress: engine.Progress{Rail: giro.Rail, Fence: 1}}))
	book := ledger.Owed("m1")
	_, err := k.engine.Create(ctx, engine.NewOrder{
		Scope: engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"}, PublicID: "ord_giro", Network: giro, Instrument: engine.Made,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: money.FromInt(euros, 500), To: book.Account(ledger.Merchant), OverAny: true, Instant: true, Deadline: p.Now.AddDate(0, 0, 5)}, nil, nil
		},
	})
	must(err)
	st := rail.Statement{Account: "DE93999999990000000001", ID: "S1", Number: "1", Asset: euros, From: testNow, To: testNow}
	_, err = k.engine.Import(ctx, giro, st, []rail.Booking{{
		Reference: "B1", Amount: money.FromInt(euros, 500), Credit: true, Booked: testNow, Value: testNow, Near: []string{"RF712348231"}, Text: "RF712348321",
		Party: rail.Party{Name: "Ann"},
	}})
	must(err)
	_, err = k.engine.StatementTold(ctx, giro, st, engine.Lines{Count: 1, Credits: money.FromInt(euros, 500), Debits: money.Zero(euros)})
	must(err)
	list, err := k.engine.Bookings(ctx, engine.BookingFilter{Rail: giro.Rail, State: engine.BookingProposed, Limit: 10})
	must(err)
	if len(list) != 1 {
		t.Fatalf("%d bookings are proposed", len(list))
	}
	k.booking = list[0].ID
}

func TestBanks(t *testing.T) {
	k := newKit(t)
	k.propose(t)
	for path, want := range map[string][]string{
		"/banks":                              {`"id":"giro"`, `"sends":true`, `"decimal":"5.00"`},
		"/banks/giro/statements":              {`"number":"1"`, `"bookings":1`, `"kind":"statement"`},
		"/banks/giro/bookings?state=proposed": {`"order":"ord_giro","why":"near"`, `"name":"Ann"`},
		"/banks/giro/payments":                {`"id":"F1"`, `"count":2`},
		"/banks/giro/payments/F1":             {`Document`},
	} {
		got := call(k.handler, "GET", path, tokenAll, "")
		for _, part := range want {
			if got.Code != http.StatusOK || !strings.Contains(got.Body.String(), part) {
				t.Errorf("%s: %d %s, want %s", path, got.Code, got.Body, part)
			}
		}
	}
	if got := call(k.handler, "POST", "/banks/giro/files", tokenAll, "nonsense"); got.Code/100 != 4 || !strings.Contains(got.Body.String(), `"line":"3"`) {
		t.Errorf("a file with an error: %d %s", got.Code, got.Body)
	}
	for _, path := range []string{"/banks/giro/files", "/banks/giro/payments"} {
		if got := call(k.handler, "POST", path, tokenReader, "statement"); got.Code != http.StatusForbidden {
			t.Errorf("%s by who may only read: %d", path, got.Code)
		}
	}
	if got := call(k.handler, "POST", "/banks/giro/payments", tokenAll, ""); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), `"id":"F1"`) {
		t.Errorf("making payment files: %d %s", got.Code, got.Body)
	}
	wantActions(t, k, "bank.import", "bank.export") // on record before anything is done, so also where it failed
	for path, code := range map[string]int{"/banks/none/statements": 404, "/banks/giro/payments/F2": 404, "/banks/giro/bookings?state=lost": 422} {
		if got := call(k.handler, "GET", path, tokenAll, ""); got.Code != code && !(code == 422 && got.Code == 400) {
			t.Errorf("%s: %d", path, got.Code)
		}
	}
	accept := "/banks/giro/bookings/" + k.booking + "/accept"
	if got := call(k.handler, "POST", accept, tokenAll, `{"order":"ord_giro"}`); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), `"state":"matched"`) {
		t.Errorf("accepting: %d %s", got.Code, got.Body)
	}
	if got := call(k.handler, "POST", accept, tokenAll, `{"order":"ord_giro"}`); got.Code != http.StatusConflict {
		t.Errorf("accepting again: %d %s", got.Code, got.Body)
	}
}

// brokenBody breaks off behind its text.
type brokenBody struct{ text io.Reader }

func (b brokenBody) Read(p []byte) (int, error) {
	n, err := b.text.Read(p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// manyBytes is a body without an end that counts what is read of it.
type manyBytes struct{ read int64 }

func (m *manyBytes) Read(p []byte) (int, error) {
	m.read += int64(len(p))
	return len(p), nil
}

func TestBankFileIsKeptOnDisk(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	k := newKit(t)
	send := func(body io.Reader) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", client.Path+"/banks/giro/files", body)
		r.Header.Set("Authorization", "Bearer "+tokenAll)
		w := httptest.NewRecorder()
		k.handler.ServeHTTP(w, r)
		return w
	}
	endless := &manyBytes{}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	wantProblem(t, send(endless), http.StatusRequestEntityTooLarge, fault.CodeBodyTooLarge, "")
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("a body that is too large took %d bytes of memory", used)
	}
	if endless.read > maxBankFile+1 {
		t.Errorf("%d bytes of it were read", endless.read)
	}
	wantProblem(t, send(brokenBody{strings.NewReader("statement")}), http.StatusBadRequest, fault.CodeInvalidBody, "")
	wantProblem(t, send(nil), http.StatusBadRequest, fault.CodeInvalidBody, "")
	if got := send(strings.NewReader("statement")); got.Code != http.StatusOK || !strings.Contains(got.Body.String(), `"booked":9`) {
		t.Errorf("the file: %d %s", got.Code, got.Body)
	}
	wantActions(t, k, "bank.import") // of none that did not come whole
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

// A long file is told of: its answer has as much time as its body.
func TestBankFileHasTime(t *testing.T) {
	k := newKit(t)
	r := httptest.NewRequest("POST", client.Path+"/banks/giro/files", strings.NewReader("statement"))
	r.Header.Set("Authorization", "Bearer "+tokenAll)
	w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
	begun := time.Now()
	k.handler.ServeHTTP(w, r)
	if least := begun.Add(bankFileTime); w.Code != http.StatusOK || w.until.Before(least) || w.written.Before(least) {
		t.Errorf("%d: %s to read, %s to answer", w.Code, w.until.Sub(begun), w.written.Sub(begun))
	}
}

// A disk that is full is nobody's fault but the server's.
func TestKeepOnAFullDisk(t *testing.T) {
	full, writer := io.Pipe()
	if err := full.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := keep(writer, strings.NewReader("statement"), 9); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the error is %v", err)
	}
	if size, digest, err := keep(io.Discard, strings.NewReader("abc"), 3); size != 3 || err != nil || fmt.Sprintf("%x", digest[:4]) != "ba7816bf" {
		t.Errorf("%d bytes, %x, %v", size, digest, err)
	}
	if _, _, err := keep(io.Discard, strings.NewReader("abcd"), 3); !fault.Is(err, fault.CodeBodyTooLarge) {
		t.Errorf("the error is %v", err)
	}
}

func TestImportsSayHowFarTheyAre(t *testing.T) {
	var i imports
	progress, end := i.begin("giro", "ab12")
	_, endOther := i.begin("giro", "cd34")
	defer endOther()
	progress(3, 10)
	if got := fmt.Sprint(i.of("giro"), i.of("other")); got != "[{ab12 3 10} {cd34 0 0}] []" {
		t.Errorf("under way are %s", got)
	}
	end()
	if got := fmt.Sprint(i.of("giro")); got != "[{cd34 0 0}]" {
		t.Errorf("under way are then %s", got)
	}
}
