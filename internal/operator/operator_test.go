package operator

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/order"
	"till/internal/rail"
	"till/internal/secrets"
	"till/internal/web"
)

// The tokens of the tests.
const (
	tokenAll      = "op_all"
	tokenReader   = "op_reader"   // orders:read only
	tokenKeys     = "op_keys"     // keys:write only
	tokenLive     = "op_live"     // made for the live mode
	tokenMerchant = "op_merchant" // belongs to a merchant
	tokenOff      = "op_off"      // switched off
	tokenOld      = "op_old"      // expired
	keyOfAPI      = "key_of_an_api"
)

var testNow = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type testKeys map[string]auth.Key

func (k testKeys) KeyByHash(_ context.Context, hash string) (*auth.Key, error) {
	if key, ok := k[hash]; ok {
		return &key, nil
	}
	return nil, nil
}

func newTestKeys() testKeys {
	keys := testKeys{}
	for token, key := range map[string]auth.Key{
		tokenAll:      {Active: true},
		tokenReader:   {Active: true, Scopes: []string{"orders:read"}},
		tokenKeys:     {Active: true, Scopes: []string{"keys:write"}},
		tokenLive:     {Active: true, Mode: "live"},
		tokenMerchant: {Active: true, Merchant: "m1"},
		tokenOff:      {},
		tokenOld:      {Active: true, ExpiresAt: testNow},
		keyOfAPI:      {Active: true, Merchant: "m1", Mode: "sandbox", Dialect: "some"},
	} {
		key.ID, key.Hash = token, secrets.Hash(token)
		keys[key.Hash] = key
	}
	return keys
}

// fakeStore is a store that holds just what these tests read. What a method that is not here would do is
// nobody's business in this package: calling it panics.
type fakeStore struct {
	story       *engine.Story
	instruments []engine.InstrumentRow
	counts      engine.InstrumentCounts
	balances    []order.Balance
	clock       engine.Clock
	head        uint64
	actions     []engine.Action
	err         error
}

func (f *fakeStore) View(_ context.Context, fn func(engine.Reader) error) error {
	return fn(fakeReader{fakeStore: f})
}

func (f *fakeStore) Update(_ context.Context, _ engine.Keys, fn func(engine.Tx) error) error {
	return fn(fakeTx{fakeStore: f})
}

type fakeReader struct {
	engine.Reader
	*fakeStore
}

func (f fakeReader) OrderByPublic(_ engine.Scope, publicID string) (*engine.Order, error) {
	if f.err != nil {
		return nil, f.err
	}
	if f.story == nil || f.story.Order.PublicID != publicID {
		return nil, fault.New(fault.CodeNotFound, "no such order")
	}
	copied := *f.story.Order
	return &copied, nil
}
func (f fakeReader) Progress(r rail.Name) (*engine.Progress, error) {
	return &engine.Progress{Rail: r, Cursor: rail.Cursor{Head: f.head}}, f.err
}
func (f fakeReader) Entries(string) ([]engine.Entry, error)                { return f.story.Entries, f.err }
func (f fakeReader) Events(string) ([]engine.Event, error)                 { return f.story.Events, f.err }
func (f fakeReader) Messages(string) ([]engine.Message, error)             { return f.story.Messages, f.err }
func (f fakeReader) Clock(engine.Mode) (engine.Clock, error)               { return f.fakeStore.clock, f.err }
func (f fakeReader) Balances(string, engine.Mode) ([]order.Balance, error) { return f.balances, f.err }
func (f fakeReader) InstrumentCounts(engine.Pool) (engine.InstrumentCounts, error) {
	return f.counts, f.err
}
func (f fakeReader) Instruments(p engine.Pool, after string, limit int) ([]engine.InstrumentRow, error) {
	var rows []engine.InstrumentRow
	for _, row := range f.instruments {
		if row.Instrument.Family == p.Family && row.Instrument.Value > after && len(rows) < limit {
			rows = append(rows, row)
		}
	}
	return rows, f.err
}

type fakeTx struct {
	engine.Tx
	*fakeStore
}

func (f fakeTx) Now() time.Time { return testNow }
func (f fakeTx) NewID() string  { return "an_id" }
func (f fakeTx) AddAction(a engine.Action) error {
	f.fakeStore.actions = append(f.fakeStore.actions, a)
	return nil
}
func (f fakeTx) Clock(engine.Mode) (engine.Clock, error) { return f.fakeStore.clock, f.err }
func (f fakeTx) MoveClock(_ engine.Mode, to engine.ClockMove) error {
	f.fakeStore.clock = append(f.fakeStore.clock, to)
	return nil
}

func testHandler(store engine.Store, log io.Writer) http.Handler {
	now := func() time.Time { return testNow }
	return Handler(testConfig(engine.New(store, nil, nil), now, slog.New(slog.NewTextHandler(log, nil))))
}

// call sends a request as an operator would; header lines are "Name: value".
func call(h http.Handler, method, path, token, body string, header ...string) *httptest.ResponseRecorder {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, client.Path+path, content)
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func wantProblem(t *testing.T, w *httptest.ResponseRecorder, status int, code fault.Code, param string) {
	t.Helper()
	var p client.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	if w.Code != status || p.Status != status || p.Code != string(code) || p.Param != param {
		t.Errorf("got %d %s %q, want %d %s %q: %s", w.Code, p.Code, p.Param, status, code, param, w.Body)
	}
	if p.Title != http.StatusText(status) || p.Type != "about:blank" || p.Detail == "" {
		t.Errorf("incomplete: %s", w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
}

// Every operation there is, with a request that is right and about the sandbox. Where MESSAGE stands goes
// the id of a message. other is the answer to a token for the live mode: not found where the request names
// something of the sandbox, forbidden where it names the mode, and an answer without it where it names
// neither.
var operations = []struct {
	method, path, body, scope string
	other                     int
}{
	{"GET", "/orders/ord_open", "", "orders:read", 404},
	{"GET", "/orders", "", "orders:read", 200},
	{"POST", "/orders/ord_open/cancel", `{"reason":"wish"}`, "orders:write", 404},
	{"GET", "/payments", "", "payments:read", 200},
	{"GET", "/strays", "", "payments:read", 200},
	{"GET", "/unmatched", "", "payments:read", 200},
	{"GET", "/balances?merchant=m1&mode=sandbox", "", "balances:read", 403},
	{"GET", "/entries?order=ord_late", "", "balances:read", 404},
	{"GET", "/events?order=ord_late", "", "orders:read", 404},
	{"GET", "/suspense", "", "suspense:read", 200},
	{"POST", "/suspense/assign", `{"order":"ord_open","rail":"evm:some-chain","external":"0xst:0"}`, "suspense:write", 404},
	{"POST", "/suspense/release", `{"id":"r1","order":"ord_late","from":"suspense/late","amount":"4.00"}`, "suspense:write", 404},
	{"POST", "/suspense/refund", `{"id":"r2","order":"ord_late","from":"suspense/late","amount":"4.00"}`, "suspense:write", 404},
	{"GET", "/shortfalls", "", "suspense:read", 200},
	{"POST", "/shortfalls/absorb", `{"id":"a1","order":"ord_short","amount":"5.00"}`, "suspense:write", 404},
	{"GET", "/reviews", "", "reviews:read", 200},
	{"POST", "/orders/ord_held/reviews/approval/approve", "", "reviews:write", 404},
	{"POST", "/orders/ord_held/reviews/approval/refuse", `{"reason":"no"}`, "reviews:write", 404},
	{"POST", "/orders/ord_held/reviews/approval/ask", `{"documents":["Passport"]}`, "reviews:write", 404},
	{"GET", "/files/doc_held", "", "reviews:read", 404},
	{"GET", "/deliveries/waiting", "", "deliveries:read", 200},
	{"POST", "/deliveries/approve", `{"order":"ord_wait"}`, "deliveries:write", 404},
	{"POST", "/deliveries/refuse", `{"order":"ord_wait"}`, "deliveries:write", 404},
	{"GET", "/messages?order=ord_open", "", "messages:read", 404},
	{"POST", "/messages/MESSAGE/replay", "", "messages:write", 404},
	{"POST", "/messages/replay", `{"order":"ord_open"}`, "messages:write", 404},
	{"POST", "/messages/replay", `{"endpoint":"ep_1","createdAfter":"2026-03-01T00:00:00Z"}`, "messages:write", 404},
	{"GET", "/endpoints", "", "endpoints:read", 200},
	{"POST", "/endpoints", `{"merchant":"m1","mode":"sandbox","dialect":"some","url":"https://example.com/2"}`, "endpoints:write", 403},
	{"PATCH", "/endpoints/ep_1", `{"enabled":false}`, "endpoints:write", 404},
	{"POST", "/endpoints/ep_1/rotate", `{}`, "endpoints:write", 404},
	{"DELETE", "/endpoints/ep_1", "", "endpoints:write", 404},
	{"GET", "/notifications?order=ord_open", "", "notifications:read", 404},
	{"POST", "/notifications/NOTIFICATION/retry", "", "notifications:write", 404},
	{"GET", "/merchants", "", "merchants:read", 200},
	{"GET", "/customers?merchant=m1&mode=sandbox&dialect=some", "", "customers:read", 403},
	{"GET", "/customers/con_ana", "", "customers:read", 404},
	{"POST", "/customers/con_ana/erase", "", "customers:write", 404},
	{"GET", "/external-accounts?merchant=m1&mode=sandbox&dialect=some", "", "customers:read", 403},
	{"GET", "/external-accounts/acc_bank", "", "customers:read", 404},
	{"GET", "/merchants/m1/settings?mode=sandbox", "", "merchants:read", 403},
	{"GET", "/merchants/m1/reports/orders?mode=sandbox&dialect=some", "", "reports:read", 403},
	{"PUT", "/merchants/m1/settings/notify_urls", `{"mode":"sandbox","value":"true"}`, "merchants:write", 403},
	{"POST", "/merchants", `{"id":"m2","name":"Two"}`, "merchants:write", 201},
	{"GET", "/keys", "", "keys:read", 200},
	{"POST", "/keys", `{"merchant":"m1","mode":"sandbox","dialect":"some"}`, "keys:write", 403},
	{"POST", "/keys/key_1/rotate", `{"overlapSeconds":60}`, "keys:write", 404},
	{"POST", "/keys/key_1/revoke", "", "keys:write", 404},
	{"GET", "/signing-keys", "", "keys:read", 403},
	{"POST", "/signing-keys", `{"dialect":"some"}`, "keys:write", 403},
	{"GET", "/instruments?merchant=m1&mode=sandbox", "", "instruments:read", 403},
	{"GET", "/instruments/counts?merchant=m1&mode=sandbox", "", "instruments:read", 403},
	{"POST", "/instruments", `{"merchant":"m1","mode":"sandbox","addresses":["0xnew"]}`, "instruments:write", 403},
	{"POST", "/instruments/archive", `{"merchant":"m1","mode":"sandbox","address":"0xaddr4"}`, "instruments:write", 404},
	{"POST", "/instruments/unarchive", `{"merchant":"m1","mode":"sandbox","address":"0xaddr4"}`, "instruments:write", 404},
	{"POST", "/instruments/release", `{"merchant":"m1","mode":"sandbox","address":"0xaddr4"}`, "instruments:write", 404},
	{"GET", "/people", "", "people:read", 403},
	{"POST", "/people", `{"name":"carl","password":"correct horse battery"}`, "people:write", 403},
	{"POST", "/people/ann/password", `{"password":"correct horse battery"}`, "people:write", 403},
	{"POST", "/people/ann/active", `{"active":false}`, "people:write", 403},
	{"PUT", "/people/ann/roles", `{"operator":false,"roles":{"m1":"viewer"}}`, "people:write", 403},
	{"GET", "/people/ann/sessions", "", "people:read", 403},
	{"POST", "/people/ann/sessions/SESSION/end", "", "people:write", 403},
	{"GET", "/clock?mode=sandbox", "", "clock:read", 403},
	{"POST", "/clock", `{"mode":"sandbox","advanceSeconds":60}`, "clock:write", 403},
	{"POST", "/sandbox/payments", `{"order":"ord_open","amount":"1.00"}`, "sandbox:write", 403},
	{"GET", "/rates", "", "rates:read", 200},
	{"POST", "/screening", `{"name":"A B"}`, "screening:read", 200},
	{"GET", "/banks", "", "banks:read", 200},
	{"POST", "/banks/giro/files", "statement", "banks:write", 404},
	{"GET", "/banks/giro/imports", "", "banks:read", 404},
	{"POST", "/banks/giro/payments", "", "banks:write", 404},
	{"GET", "/banks/giro/payments", "", "banks:read", 404},
	{"GET", "/banks/giro/payments/F1", "", "banks:read", 404},
	{"GET", "/banks/giro/statements", "", "banks:read", 404},
	{"GET", "/banks/giro/bookings", "", "banks:read", 404},
	{"POST", "/banks/giro/bookings/BOOKING/accept", `{"order":"ord_giro"}`, "suspense:write", 404},
	{"POST", "/banks/giro/bookings/BOOKING/dismiss", `{"order":"ord_giro"}`, "suspense:write", 404},
	{"POST", "/rates/accept", `{"base":"USD","quote":"COP","value":"4000","at":"2026-03-01T00:00:00Z","source":"file"}`, "rates:write", 403},
	{"GET", "/products?merchant=m1&mode=sandbox&dialect=some", "", "products:read", 403},
	{"PUT", "/products", `{"code":"CARD","merchant":"m1","mode":"sandbox","dialect":"some","description":"A card","active":true,"price":"5","currency":"USD","network":"some-chain","token":"USDT","fulfilment":"manual"}`, "products:write", 403},
	{"GET", "/users?merchant=m1&mode=sandbox&dialect=some", "", "users:read", 403},
	{"POST", "/users/import", `{"merchant":"m1","mode":"sandbox","dialect":"some","users":[{"email":"bob@example.com"}]}`, "users:write", 403},
	{"POST", "/users/user_ana", `{"active":false}`, "users:write", 404},
	{"GET", "/applications/key_1", "", "keys:read", 404},
	{"PUT", "/applications/key_1", `{"name":"Shop","redirectUris":["https://shop.example/back"]}`, "keys:write", 404},
	{"POST", "/orders/ord_bought/fulfilment", `{"done":true}`, "orders:write", 404},
	{"GET", "/jobs", "", "jobs:read", 200},
	{"GET", "/audit/heads", "", "audit:read", 200},
}

// cases 41, 42, 45: every route asks who calls and what they may, and shows nothing of the other mode.
func TestWhoMayCall(t *testing.T) {
	for _, op := range operations {
		t.Run(op.method+" "+op.path, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			if strings.HasPrefix(op.path, "/deliveries/") {
				k.above(t, "ord_wait")
			}
			if strings.Contains(op.path, "/fulfilment") {
				k.sell(t, "ord_bought")
			}
			if strings.Contains(op.path, "/reviews") {
				k.hold(t, "ord_held", "somebody")
			}
			if strings.Contains(op.path, "/bookings") {
				k.propose(t)
			}
			h, path := k.handler, strings.NewReplacer("BOOKING", k.booking, "MESSAGE", k.message, "NOTIFICATION", k.notification, "SESSION", k.session).Replace(op.path)
			for _, token := range []string{"", "op_unknown", tokenOff, tokenOld, keyOfAPI, tokenAll[:len(tokenAll)-1]} {
				w := call(h, op.method, path, token, op.body)
				wantProblem(t, w, http.StatusUnauthorized, fault.CodeUnauthorized, "")
				if w.Header().Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("no WWW-Authenticate for %q", token)
				}
			}
			wantProblem(t, call(h, op.method, path, "", op.body, "Authorization: Basic "+tokenAll), http.StatusUnauthorized, fault.CodeUnauthorized, "")
			wantProblem(t, call(h, op.method, path, "", op.body, "X-API-Key: "+tokenAll), http.StatusUnauthorized, fault.CodeUnauthorized, "")
			in := "?token="
			if strings.Contains(path, "?") {
				in = "&token="
			}
			wantProblem(t, call(h, op.method, path+in+tokenAll, "", op.body), http.StatusUnauthorized, fault.CodeUnauthorized, "")
			wantProblem(t, call(h, op.method, path, tokenMerchant, op.body), http.StatusForbidden, fault.CodeForbidden, "")
			if op.scope != "orders:read" {
				wantProblem(t, call(h, op.method, path, tokenReader, op.body), http.StatusForbidden, fault.CodeForbidden, "")
			}
			switch w := call(h, op.method, path, tokenLive, op.body); op.other {
			case http.StatusNotFound:
				wantProblem(t, w, op.other, fault.CodeNotFound, "")
			case http.StatusForbidden:
				wantProblem(t, w, op.other, fault.CodeForbidden, "mode")
			default:
				if w.Code != op.other || strings.Contains(w.Body.String(), "sandbox") || strings.Contains(w.Body.String(), "ord_") {
					t.Errorf("a token for the other mode: %d %s", w.Code, w.Body)
				}
			}
			want := http.StatusOK
			if op.method == "POST" && slices.Contains([]string{"/endpoints", "/merchants", "/keys", "/signing-keys", "/people"}, path) {
				want = http.StatusCreated
			}
			body := strings.Replace(op.body, `"m2"`, `"m3"`, 1)                                              // the live token may have made m2
			if w := call(h, op.method, path, "", body, "Authorization: bearer  "+tokenAll); w.Code != want { // RFC 9110: the scheme's case does not matter
				t.Errorf("with a token: %d %s", w.Code, w.Body)
			}
		})
	}
}

// A read token reads, with its scope alone.
func TestOneScope(t *testing.T) {
	h := newKit(t).handler
	for _, op := range operations {
		if op.scope != "orders:read" {
			continue
		}
		if w := call(h, op.method, op.path, tokenReader, op.body); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", op.path, w.Code, w.Body)
		}
	}
}

// A refused caller is told before the body is looked at, and nothing happens.
func TestRefusedCallerMovesNothing(t *testing.T) {
	store := &fakeStore{}
	h := testHandler(store, io.Discard)
	wantProblem(t, call(h, "POST", "/clock", "", `{broken`), http.StatusUnauthorized, fault.CodeUnauthorized, "")
	call(h, "POST", "/clock", tokenReader, `{"mode":"sandbox","advanceSeconds":60}`)
	if len(store.clock) != 0 {
		t.Errorf("the clock moved: %v", store.clock)
	}
}

// case 48: what cannot be read in one way only is refused, and changes nothing.
func TestBadInput(t *testing.T) {
	bad, large := http.StatusBadRequest, http.StatusRequestEntityTooLarge
	tests := []struct {
		name, method, path, body string
		status                   int
		code                     fault.Code
		param                    string
	}{
		{"no JSON", "POST", "/clock", `mode=sandbox`, bad, fault.CodeInvalidJSON, ""},
		{"two values", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":1} {}`, bad, fault.CodeInvalidJSON, ""},
		{"a byte order mark", "POST", "/clock", "\ufeff" + `{"mode":"sandbox","advanceSeconds":1}`, bad, fault.CodeInvalidJSON, ""},
		{"invalid UTF-8", "POST", "/clock", "{\"mode\":\"sandbox\xff\",\"advanceSeconds\":1}", bad, fault.CodeInvalidJSON, ""},
		{"no object", "POST", "/clock", `[]`, bad, fault.CodeInvalidBody, ""},
		{"null", "POST", "/clock", `null`, bad, fault.CodeInvalidBody, ""},
		{"a key twice", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":1,"advanceSeconds":2}`, bad, fault.CodeDuplicateJSONKey, "advanceSeconds"},
		{"an unknown field", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":1,"backwards":true}`, bad, fault.CodeInvalidValue, "backwards"},
		{"another case", "POST", "/clock", `{"mode":"sandbox","advanceseconds":1}`, bad, fault.CodeMissingField, "advanceSeconds"},
		{"both cases", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":1,"AdvanceSeconds":2}`, bad, fault.CodeInvalidValue, "AdvanceSeconds"},
		{"no mode", "POST", "/clock", `{"advanceSeconds":1}`, bad, fault.CodeMissingField, "mode"},
		{"no seconds", "POST", "/clock", `{"mode":"sandbox"}`, bad, fault.CodeMissingField, "advanceSeconds"},
		{"an empty object", "POST", "/clock", `{}`, bad, fault.CodeMissingField, "advanceSeconds"},
		{"an unknown mode", "POST", "/clock", `{"mode":"test","advanceSeconds":1}`, bad, fault.CodeInvalidValue, "mode"},
		{"mode of another type", "POST", "/clock", `{"mode":1,"advanceSeconds":1}`, bad, fault.CodeWrongType, "mode"},
		{"seconds as text", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":"1"}`, bad, fault.CodeWrongType, "advanceSeconds"},
		{"seconds null", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":null}`, bad, fault.CodeWrongType, "advanceSeconds"},
		{"a fraction", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":1.5}`, bad, fault.CodeWrongType, "advanceSeconds"},
		{"an exponent", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":1e2}`, bad, fault.CodeInvalidBody, ""},
		{"a number no computer has", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":1e999}`, bad, fault.CodeInvalidBody, ""},
		{"zero", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":0}`, bad, fault.CodeInvalidValue, "advanceSeconds"},
		{"backwards", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":-1}`, bad, fault.CodeInvalidValue, "advanceSeconds"},
		{"over ten years", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":315360001}`, bad, fault.CodeInvalidValue, "advanceSeconds"},
		{"over 64 bits", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":9223372036854775808}`, bad, fault.CodeInvalidValue, "advanceSeconds"},
		{"NUL", "POST", "/clock", `{"mode":"sand\u0000box","advanceSeconds":1}`, bad, fault.CodeInvalidValue, "mode"},
		{"too long", "POST", "/clock", `{"mode":"sandbox","advanceSeconds":1` + strings.Repeat(" ", maxBody) + `}`, large, fault.CodeBodyTooLarge, ""},
		{"a parameter too many", "POST", "/clock?x=1", `{"mode":"sandbox","advanceSeconds":1}`, bad, fault.CodeInvalidValue, "x"},
		{"the live clock", "POST", "/clock", `{"mode":"live","advanceSeconds":1}`, http.StatusForbidden, fault.CodeForbidden, ""},

		{"no clock chosen", "GET", "/clock", "", bad, fault.CodeMissingField, "mode"},
		{"an empty mode", "GET", "/clock?mode=", "", bad, fault.CodeMissingField, "mode"},
		{"a mode twice", "GET", "/clock?mode=sandbox&mode=live", "", bad, fault.CodeInvalidValue, "mode"},
		{"a broken query", "GET", "/clock?mode=%zz", "", bad, fault.CodeInvalidValue, ""},
		{"a mode nobody knows", "GET", "/clock?mode=production", "", bad, fault.CodeInvalidValue, "mode"},
		{"an unknown parameter", "GET", "/clock?mode=sandbox&Mode=live", "", bad, fault.CodeInvalidValue, "Mode"},
		{"no merchant", "GET", "/instruments?mode=sandbox", "", bad, fault.CodeMissingField, "merchant"},
		{"limit 0", "GET", "/instruments?merchant=m1&mode=sandbox&limit=0", "", bad, fault.CodeInvalidPage, "limit"},
		{"limit 1001", "GET", "/instruments?merchant=m1&mode=sandbox&limit=1001", "", bad, fault.CodeInvalidPage, "limit"},
		{"a limit in words", "GET", "/instruments?merchant=m1&mode=sandbox&limit=all", "", bad, fault.CodeInvalidPage, "limit"},
		{"a long after", "GET", "/instruments?merchant=m1&mode=sandbox&after=" + strings.Repeat("x", 513), "", bad, fault.CodeInvalidPage, "after"},
		{"a long merchant", "GET", "/balances?mode=sandbox&merchant=" + strings.Repeat("x", 65), "", bad, fault.CodeTooLong, "merchant"},
		{"counts of no merchant", "GET", "/instruments/counts?mode=sandbox", "", bad, fault.CodeMissingField, "merchant"},
		{"an unknown order", "GET", "/orders/ord_2", "", http.StatusNotFound, fault.CodeNotFound, ""},
		{"an unknown path", "GET", "/nothing", "", http.StatusNotFound, fault.CodeRouteNotFound, ""},
		{"another method", "DELETE", "/clock", "", http.StatusMethodNotAllowed, fault.CodeMethodNotAllowed, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := &fakeStore{story: testStory()}
			wantProblem(t, call(testHandler(store, io.Discard), test.method, test.path, tokenAll, test.body), test.status, test.code, test.param)
			if len(store.clock) != 0 {
				t.Errorf("the clock moved: %v", store.clock)
			}
		})
	}
}

func TestMediaTypeAndMethod(t *testing.T) {
	h := testHandler(&fakeStore{}, io.Discard)
	body := `{"mode":"sandbox","advanceSeconds":1}`
	for _, header := range []string{"Content-Type: text/plain", "Content-Type: application/cbor", "Content-Encoding: gzip"} {
		wantProblem(t, call(h, "POST", "/clock", tokenAll, body, header), http.StatusUnsupportedMediaType, fault.CodeUnsupportedMediaType, "")
	}
	allow := strings.Split(call(h, "PUT", "/clock", tokenAll, body).Header().Get("Allow"), ", ")
	slices.Sort(allow)
	if !slices.Equal(allow, []string{"GET", "HEAD", "POST"}) {
		t.Errorf("Allow: %v", allow)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/operator/", nil))
	wantProblem(t, w, http.StatusNotFound, fault.CodeRouteNotFound, "")
}

// An error that is no fault is logged and not told.
func TestInternalErrorIsNotTold(t *testing.T) {
	var log strings.Builder
	h := burningHandler(&log)
	for _, op := range operations {
		if op.path == "/screening" || op.path == "/banks/giro/imports" { // they ask what is in memory and no store
			continue
		}
		log.Reset()
		w := call(h, op.method, op.path, tokenAll, op.body)
		wantProblem(t, w, http.StatusInternalServerError, codeInternal, "")
		if strings.Contains(w.Body.String(), "fire") || !strings.Contains(log.String(), "fire") {
			t.Errorf("%s: told %s, logged %s", op.path, w.Body, log.String())
		}
	}
}

func TestEveryFaultHasAStatus(t *testing.T) {
	for _, code := range fault.Codes() {
		p := problemOf(fault.New(code, "x").On("p").With("k", "v"))
		if p.Status < 400 || p.Status > 599 || p.Title == "" || p.Code != string(code) || p.Param != "p" || p.Details["k"] != "v" {
			t.Errorf("%s: %+v", code, p.Problem)
		}
	}
	for d, want := range map[time.Duration]string{time.Millisecond: "1", time.Second: "1", 1500 * time.Millisecond: "2"} {
		if got := problemOf(fault.New(fault.CodeOverloaded, "x").Retry(d)).headers.Get("Retry-After"); got != want {
			t.Errorf("Retry-After of %v: %q", d, got)
		}
	}
}

// A fault of an operation keeps its advice on the way through huma.
func TestRetryAfterIsSent(t *testing.T) {
	h := testHandler(&fakeStore{err: fault.New(fault.CodeOverloaded, "busy").Retry(3 * time.Second)}, io.Discard)
	w := call(h, "GET", "/clock?mode=sandbox", tokenAll, "")
	wantProblem(t, w, http.StatusServiceUnavailable, fault.CodeOverloaded, "")
	if got := w.Header()["Retry-After"]; !slices.Equal(got, []string{"3"}) {
		t.Errorf("Retry-After: %v", got)
	}
}

func TestClock(t *testing.T) {
	store := &fakeStore{}
	h := testHandler(store, io.Discard)
	steps := []struct{ method, path, body, want string }{
		{"GET", "/clock?mode=sandbox", "", `{"mode":"sandbox","offsetSeconds":0,"now":"2026-03-01T12:00:00Z"}`},
		{"POST", "/clock", `{"mode":"sandbox","advanceSeconds":90}`, `{"mode":"sandbox","offsetSeconds":90,"now":"2026-03-01T12:01:30Z"}`},
		{"POST", "/clock", `{"mode":"sandbox","advanceSeconds":10}`, `{"mode":"sandbox","offsetSeconds":100,"now":"2026-03-01T12:01:40Z"}`},
		{"GET", "/clock?mode=sandbox", "", `{"mode":"sandbox","offsetSeconds":100,"now":"2026-03-01T12:01:40Z"}`},
	}
	for i, step := range steps {
		w := call(h, step.method, step.path, tokenAll, step.body)
		if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != step.want {
			t.Errorf("step %d: %d %s", i, w.Code, got)
		}
		if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("step %d: headers %v", i, w.Header())
		}
	}
	// Each step is within the limit; the sum is not, which only the engine can know.
	wantProblem(t, call(h, "POST", "/clock", tokenAll, `{"mode":"sandbox","advanceSeconds":315360000}`), http.StatusBadRequest, fault.CodeInvalidValue, "advanceSeconds")
}

func TestInstruments(t *testing.T) {
	store := &fakeStore{counts: engine.InstrumentCounts{Total: 10, Free: 1, Held: 2, Resting: 3, Archived: 4}}
	states := []engine.InstrumentState{engine.InstrumentFree, engine.InstrumentHeld, engine.InstrumentResting}
	for i := range 5 {
		row := engine.InstrumentRow{
			Instrument: engine.Instrument{Family: engine.EVM, Value: "0x" + strconv.Itoa(i)}, State: states[i%3],
			CreatedAt: testNow.Add(time.Duration(i) * time.Second), RestUntil: testNow.Add(time.Hour),
		}
		if row.State == engine.InstrumentHeld {
			row.OrderID = "ord_" + strconv.Itoa(i)
		}
		store.instruments = append(store.instruments, row)
	}
	server := httptest.NewServer(testHandler(store, io.Discard))
	defer server.Close()
	c := client.New(server.URL+client.Path+"/", tokenAll, server.Client())

	var seen []string
	query := client.InstrumentQuery{Merchant: "m1", Mode: "sandbox", Limit: 2}
	for pages := 1; ; pages++ {
		page, err := c.Instruments(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Instruments {
			seen = append(seen, i.Address)
		}
		if query.After = page.Next; query.After == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if !slices.Equal(seen, []string{"0x0", "0x1", "0x2", "0x3", "0x4"}) {
		t.Errorf("pages hold %v", seen)
	}

	w := call(testHandler(store, io.Discard), "GET", "/instruments?merchant=m1&mode=sandbox&limit=3", tokenAll, "")
	const want = `{"instruments":[` +
		`{"family":"evm","address":"0x0","state":"available","createdAt":"2026-03-01T12:00:00Z"},` +
		`{"family":"evm","address":"0x1","state":"allocated","order":"ord_1","createdAt":"2026-03-01T12:00:01Z"},` +
		`{"family":"evm","address":"0x2","state":"cooldown","createdAt":"2026-03-01T12:00:02Z","restUntil":"2026-03-01T13:00:00Z"}],"next":"0x2"}`
	if got := strings.TrimSpace(w.Body.String()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	counts, err := c.Counts(t.Context(), "m1", "sandbox", "")
	if err != nil || counts != (client.InstrumentCounts{Total: 10, Available: 1, Allocated: 2, Cooldown: 3, Archived: 4}) {
		t.Errorf("%+v %v", counts, err)
	}
	none, err := c.Instruments(t.Context(), client.InstrumentQuery{Merchant: "m1", Mode: "sandbox", Family: "bitcoin"})
	if err != nil || none.Instruments == nil || len(none.Instruments) != 0 {
		t.Errorf("another family: %+v %v", none, err)
	}
}

func TestDocument(t *testing.T) {
	w := call(testHandler(&fakeStore{}, io.Discard), "GET", "/openapi.json", "", "")
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var doc struct {
		OpenAPI string
		Servers []struct{ URL string }
		Paths   map[string]map[string]struct {
			Security  []map[string][]string
			Responses map[string]struct{ Content map[string]any }
		}
		Components struct {
			SecuritySchemes map[string]struct{ Type, Scheme string }
			Schemas         map[string]struct {
				Properties           map[string]any
				AdditionalProperties any
				Required             []string
			}
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") || len(doc.Servers) != 1 || doc.Servers[0].URL != client.Path {
		t.Errorf("OpenAPI %q, servers %v", doc.OpenAPI, doc.Servers)
	}
	if s := doc.Components.SecuritySchemes["token"]; s.Type != "http" || s.Scheme != "bearer" {
		t.Errorf("security scheme %+v", s)
	}
	count := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			count++
			if len(op.Security) != 1 || len(op.Security[0]["token"]) != 1 {
				t.Errorf("%s %s names no scope", method, path)
			}
			if _, ok := op.Responses["default"].Content["application/problem+json"]; !ok {
				t.Errorf("%s %s documents no problem", method, path)
			}
		}
	}
	tested := map[string]bool{}
	for _, op := range operations {
		path, _, _ := strings.Cut(op.path, "?")
		tested[op.method+" "+path] = true
	}
	if count != len(tested) {
		t.Errorf("%d operations documented, %d tested", count, len(tested))
	}
	for schema, fields := range map[string][]string{
		"Order": {"id", "payments", "entries", "events", "messages"}, "Problem": {"code", "param"}, "ClockMove": {"mode", "advanceSeconds"},
	} {
		for _, field := range fields {
			if _, ok := doc.Components.Schemas[schema].Properties[field]; !ok {
				t.Errorf("schema %s has no %s", schema, field)
			}
		}
	}
	if extra := doc.Components.Schemas["ClockMove"].AdditionalProperties; extra != false {
		t.Errorf("ClockMove takes more: %v", extra)
	}
}

// deadlined notes until when a request may be read, and its answer be written.
type deadlined struct {
	*httptest.ResponseRecorder
	until, written time.Time
}

func (d *deadlined) SetWriteDeadline(t time.Time) error {
	d.written = t
	return nil
}

func (d *deadlined) SetReadDeadline(t time.Time) error {
	d.until = t
	return nil
}

// What takes a busy machine long, as passwords do, is not ended by the deadline of a body that has come.
func TestNothingIsEndedByItsBody(t *testing.T) {
	k := newKit(t)
	r := httptest.NewRequest("POST", client.Path+"/merchants", strings.NewReader(`{"id":"m9","name":"M"}`))
	r.Header.Set("Authorization", "Bearer "+tokenAll)
	r.Header.Set("Content-Type", "application/json")
	w := &deadlined{ResponseRecorder: httptest.NewRecorder()}
	begun := time.Now()
	k.handler.ServeHTTP(w, r)
	if answer := web.NewServer("", nil).WriteTimeout; w.until.Before(begun.Add(answer)) {
		t.Errorf("%d: the request ends after %s, an answer may take %s", w.Code, w.until.Sub(begun), answer)
	}
}
