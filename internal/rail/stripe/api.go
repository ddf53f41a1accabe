package stripe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/money"
	"till/internal/secrets"
)

// version is the version of Stripe's API that is spoken, whatever the account's own is.
const version = "2024-06-20"

// api is the few calls that are needed.
type api struct {
	url    string
	key    secrets.Text
	caller Caller
}

const (
	maxAnswer = 1 << 20
	listPage  = 100
	listPages = 20 // of one list
)

// Why a question has no answer that can be used. Any other error is worth another try.
var (
	errUnknown  = errors.New("stripe: there is no such object")
	errRefused  = errors.New("stripe: the request is refused")
	errNotNow   = errors.New("stripe: the request was not carried out")
	errUnsure   = errors.New("stripe: nobody knows what became of the request")
	errNonsense = errors.New("stripe: the answer makes no sense")
)

// refusal is an error of Stripe's, by its code: "charge_already_refunded".
type refusal struct {
	kind error
	code string
}

func (r *refusal) Error() string { return r.kind.Error() + " (" + r.code + ")" }
func (r *refusal) Unwrap() error { return r.kind }

// codeOf is the code of a refusal; "" for another error.
func codeOf(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.code
	}
	return ""
}

// form is a body, or a query, in the order in which it was written.
type form struct{ text strings.Builder }

func (f *form) set(key, value string) {
	if f.text.Len() > 0 {
		f.text.WriteByte('&')
	}
	f.text.WriteString(url.QueryEscape(key) + "=" + url.QueryEscape(value))
}

func (a api) get(ctx context.Context, path string, query *form, answer any) error {
	if query != nil {
		path += "?" + query.text.String()
	}
	return a.call(ctx, http.MethodGet, path, "", nil, answer)
}

// post makes something, once by its key.
func (a api) post(ctx context.Context, path, once string, body *form, answer any) error {
	return a.call(ctx, http.MethodPost, path, once, []byte(body.text.String()), answer)
}

func (a api) call(ctx context.Context, method, path, once string, body []byte, answer any) error {
	header := http.Header{"Authorization": {"Bearer " + a.key.Reveal()}, "Stripe-Version": {version}}
	if method == http.MethodPost {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		header.Set("Idempotency-Key", once)
	}
	status, document, err := a.caller.Call(ctx, method, a.url+path, header, body, maxAnswer)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return problem(status, document)
	}
	d := json.NewDecoder(bytes.NewReader(document))
	if err := d.Decode(answer); err != nil {
		return fmt.Errorf("%w: it is not the JSON that was expected", errNonsense)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows the JSON", errNonsense)
	}
	return nil
}

// problem is what an answer of another status says. Its message is Stripe's, and may repeat what was sent: it is not kept.
func problem(status int, document []byte) error {
	var body struct {
		Error struct {
			Type string `json:"type"`
			Code string `json:"code"`
		} `json:"error"`
	}
	_ = json.Unmarshal(document, &body) // whatever it is, the status says enough
	code := body.Error.Code
	if !goodWord.MatchString(code) {
		code = "http_" + strconv.Itoa(status)
	}
	switch {
	case status == http.StatusNotFound:
		return &refusal{errUnknown, code}
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusTooManyRequests:
		return &refusal{errNotNow, code} // the key is wrong, or there were too many calls: somebody or time may mend that
	case code == "balance_insufficient", code == "insufficient_funds":
		return &refusal{errNotNow, code}
	case body.Error.Type == "idempotency_error", status == http.StatusConflict, status == http.StatusRequestTimeout:
		return &refusal{errUnsure, code}
	case status >= 400 && status < 500:
		return &refusal{errRefused, code}
	}
	return &refusal{errUnsure, code}
}

var goodWord = regexp.MustCompile(`^[a-z0-9_]{1,64}$`)

// word is a reason as it is kept: Stripe's own word, or nothing.
func word(text string) string {
	if goodWord.MatchString(text) {
		return text
	}
	return ""
}

// session is a Checkout Session.
type session struct {
	ID        string            `json:"id"`
	Object    string            `json:"object"`
	Live      bool              `json:"livemode"`
	Mode      string            `json:"mode"`
	Status    string            `json:"status"`         // open, complete, expired
	Paid      string            `json:"payment_status"` // paid, unpaid, no_payment_required
	Amount    *int64            `json:"amount_total"`
	Currency  string            `json:"currency"`
	Reference string            `json:"client_reference_id"`
	Metadata  map[string]string `json:"metadata"`
	Intent    string            `json:"payment_intent"`
	URL       string            `json:"url"`
}

// charge is one try to move money.
type charge struct {
	ID       string `json:"id"`
	Object   string `json:"object"`
	Live     bool   `json:"livemode"`
	Amount   int64  `json:"amount"`
	Captured int64  `json:"amount_captured"`
	Refunded int64  `json:"amount_refunded"`
	Currency string `json:"currency"`
	Status   string `json:"status"` // succeeded, pending, failed
	Disputed bool   `json:"disputed"`
	Intent   string `json:"payment_intent"`
	Created  int64  `json:"created"`
	Failure  string `json:"failure_code"`
	Outcome  *struct {
		Reason string `json:"reason"`
	} `json:"outcome"`
	Billing struct {
		Name string `json:"name"`
	} `json:"billing_details"`
	Metadata map[string]string `json:"metadata"`
}

// why is Stripe's word for why a charge failed.
func (c charge) why() string {
	if c.Outcome != nil && word(c.Outcome.Reason) != "" {
		return c.Outcome.Reason
	}
	return word(c.Failure)
}

// refund is money that goes back.
type refund struct {
	ID       string            `json:"id"`
	Object   string            `json:"object"`
	Amount   int64             `json:"amount"`
	Currency string            `json:"currency"`
	Charge   string            `json:"charge"`
	Status   string            `json:"status"` // pending, requires_action, succeeded, failed, canceled
	Failure  string            `json:"failure_reason"`
	Metadata map[string]string `json:"metadata"`
}

// dispute is a payer's bank taking money back. The amounts of its movements are in the account's own currency.
type dispute struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Amount int64  `json:"amount"`
	Charge string `json:"charge"`
	Reason string `json:"reason"`
	Status string `json:"status"`
	Moves  []struct {
		Amount int64 `json:"amount"`
	} `json:"balance_transactions"`
}

// event is what a webhook carries, and what the list of events has.
type event struct {
	ID     string `json:"id"`
	Object string `json:"object"`
	Type   string `json:"type"`
	Live   bool   `json:"livemode"`
	Data   struct {
		Object struct {
			ID       string            `json:"id"`
			Object   string            `json:"object"`
			Intent   string            `json:"payment_intent"`
			Metadata map[string]string `json:"metadata"`
		} `json:"object"`
	} `json:"data"`
}

type list[T any] struct {
	Object string `json:"object"`
	Data   []T    `json:"data"`
	More   bool   `json:"has_more"`
}

// all reads a list to its end.
func all[T any](ctx context.Context, a api, path string, filter [2]string, id func(T) string) (out []T, err error) {
	for range listPages {
		var q form
		q.set(filter[0], filter[1])
		q.set("limit", strconv.Itoa(listPage))
		if len(out) > 0 {
			q.set("starting_after", id(out[len(out)-1]))
		}
		var l list[T]
		if err := a.get(ctx, path, &q, &l); err != nil {
			return nil, err
		}
		if l.Object != "list" {
			return nil, fmt.Errorf("%w: it is no list", errNonsense)
		}
		out = append(out, l.Data...)
		if !l.More || len(l.Data) == 0 {
			return out, nil
		}
	}
	return nil, fmt.Errorf("%w: the list has no end", errNonsense)
}

func (a api) charges(ctx context.Context, intent string) ([]charge, error) {
	return all(ctx, a, "/v1/charges", [2]string{"payment_intent", intent}, func(c charge) string { return c.ID })
}

func (a api) disputes(ctx context.Context, intent string) ([]dispute, error) {
	return all(ctx, a, "/v1/disputes", [2]string{"payment_intent", intent}, func(d dispute) string { return d.ID })
}

func (a api) refunds(ctx context.Context, charge string) ([]refund, error) {
	return all(ctx, a, "/v1/refunds", [2]string{"charge", charge}, func(r refund) string { return r.ID })
}

// noEvent stands for the newest event where there was none yet.
const noEvent = "none"

// news lists the events of some kinds that came after one, the newest first; after "" the newest alone.
func (a api) news(ctx context.Context, after string) (list[event], error) {
	var q form
	for i, one := range slices.Sorted(slices.Values(eventTypes)) {
		q.set(fmt.Sprintf("types[%d]", i), one)
	}
	limit := listPage
	switch after {
	case "":
		limit = 1
	case noEvent:
	default:
		q.set("ending_before", after)
	}
	q.set("limit", strconv.Itoa(limit))
	var l list[event]
	err := a.get(ctx, "/v1/events", &q, &l)
	return l, err
}

func (a api) session(ctx context.Context, id string) (session, error) {
	var s session
	if err := a.get(ctx, "/v1/checkout/sessions/"+url.PathEscape(id), nil, &s); err != nil {
		return s, err
	}
	return s.checked()
}

// expire ends a session that is open; a refusal says that it is not. It may be tried again, so that each try has a key of its own.
func (a api) expire(ctx context.Context, id string, now time.Time) error {
	var s session
	once := "till-close-" + id + "-" + strconv.FormatInt(now.UnixNano(), 36)
	return a.post(ctx, "/v1/checkout/sessions/"+url.PathEscape(id)+"/expire", once, &form{}, &s)
}

var (
	goodSession = regexp.MustCompile(`^cs_[A-Za-z0-9_]{1,200}$`)
	goodObject  = regexp.MustCompile(`^[a-z]{2,6}_[A-Za-z0-9_]{1,200}$`)
)

func (s session) checked() (session, error) {
	if !goodSession.MatchString(s.ID) || s.Object != "checkout.session" || s.Intent != "" && !goodObject.MatchString(s.Intent) {
		return s, fmt.Errorf("%w: it is no session", errNonsense)
	}
	return s, nil
}

// Stripe counts some currencies in other units than ISO 4217 does: these have no decimals there, these three; all others two.
var (
	withoutDecimals = strings.Fields("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF")
	threeDecimals   = strings.Fields("BHD JOD KWD OMR TND")
)

func decimals(currency string) int {
	switch {
	case slices.Contains(withoutDecimals, currency):
		return 0
	case slices.Contains(threeDecimals, currency):
		return 3
	}
	return 2
}

// errUnits is an amount that Stripe cannot say.
var errUnits = errors.New("stripe: the amount cannot be said in the units of its currency there")

// units is an amount as Stripe counts it. The last digit of three decimals is 0 there. Error: errUnits.
func units(a money.Amount) (int64, error) {
	there, n := decimals(a.Asset().Code()), a.Big()
	ten := big.NewInt(10)
	for i := int(a.Asset().Scale()); i < there; i++ {
		n = new(big.Int).Mul(n, ten)
	}
	for i := there; i < int(a.Asset().Scale()); i++ {
		var rest big.Int
		if n, _ = new(big.Int).QuoRem(n, ten, &rest); rest.Sign() != 0 {
			return 0, errUnits
		}
	}
	if !n.IsInt64() || n.Sign() <= 0 || there == 3 && n.Int64()%10 != 0 {
		return 0, errUnits
	}
	return n.Int64(), nil
}

// amount is what Stripe counts, in the asset of what was asked for. Error: errNonsense.
func amount(asset money.Asset, currency string, n int64) (money.Amount, error) {
	if !strings.EqualFold(currency, asset.Code()) || n < 0 {
		return money.Amount{}, fmt.Errorf("%w: an amount in %q", errNonsense, word(currency))
	}
	sum, ten := big.NewInt(n), big.NewInt(10)
	for i := decimals(asset.Code()); i < int(asset.Scale()); i++ {
		sum.Mul(sum, ten)
	}
	for i := int(asset.Scale()); i < decimals(asset.Code()); i++ {
		var rest big.Int
		if sum, _ = new(big.Int).QuoRem(sum, ten, &rest); rest.Sign() != 0 {
			return money.Amount{}, fmt.Errorf("%w: a part of the smallest unit", errNonsense)
		}
	}
	return money.New(asset, sum), nil
}
