package daimo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/rail"
)

// api is one generation of the gateway.
type api interface {
	create(ctx context.Context, r rail.Request) (told, error)
	read(ctx context.Context, id string) (told, error)
	// event is a callback that proved itself. Errors: unauthorized; invalid_value when the body is none of the gateway's.
	event(header http.Header, body []byte, now time.Time) (event, error)
}

// status is where a payment stands at the gateway, in words of our own.
type status string

const (
	unpaid    status = "unpaid"
	started   status = "started"   // the payer's money was seen
	completed status = "completed" // the order's money was brought to its address
	bounced   status = "bounced"   // it could not be, and went to the refund address
	over      status = "over"      // nobody paid in time
)

func (s status) final() bool { return s == completed || s == bounced || s == over }

// told is what the gateway says of one payment.
type told struct {
	id, external, url string
	status            status
	chain             uint64
	token, to         string
	amount            string // decimal: what was asked for; when it is completed, what arrived
	tx, from          string
}

// event is what a callback is about.
type event struct {
	payment string
	refund  bool // money went back to the payer
	test    bool
	ignored bool // a kind of event that says nothing here
}

// Why a question has no answer that can be used. Any other error is worth another try.
var (
	errUnknown  = errors.New("the gateway knows no such payment")
	errRefused  = errors.New("the gateway refuses the request")
	errNonsense = errors.New("the gateway's answer makes no sense")
)

// far is the gateway's address and how it is called.
type far struct {
	url    string
	caller Caller
}

const maxAnswer = 256 << 10

// call makes one call and reads a JSON answer.
func (f far) call(ctx context.Context, method, path string, header http.Header, ask, answer any) error {
	var body []byte
	if ask != nil {
		var err error
		if body, err = json.Marshal(ask); err != nil {
			return err
		}
	}
	status, document, err := f.caller.Call(ctx, method, f.url+path, header, body, maxAnswer)
	switch {
	case err != nil:
		return err
	case status == http.StatusNotFound && method == http.MethodGet:
		return errUnknown
	case status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests:
		return fmt.Errorf("the gateway answers with the status %d", status) // somebody may mend that
	case status >= 400 && status < 500:
		return fmt.Errorf("%w with the status %d", errRefused, status)
	case status != http.StatusOK && status != http.StatusCreated:
		return fmt.Errorf("the gateway answers with the status %d", status)
	}
	if err := json.Unmarshal(document, answer); err != nil {
		return fmt.Errorf("%w: it is not the JSON that was expected", errNonsense)
	}
	return nil
}

// goodPayment is what ids of payments look like: base58 in the older API, hexadecimal in the newer.
var goodPayment = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

// checked is a payment with an id and a status that can be used.
func checked(t told, known bool) (told, error) {
	if !goodPayment.MatchString(t.id) || !known {
		return told{}, fmt.Errorf("%w: its id or status is unknown", errNonsense)
	}
	return t, nil
}

// disagrees says what of a payment is not what was asked for; "" when it agrees. The amount is not looked at: less than was asked
// for is told as what it is.
func (t told) disagrees(r rail.Request) string {
	switch {
	case t.external != r.ID:
		return "it names another request"
	case t.chain != r.Chain:
		return "it pays on another chain"
	case !strings.EqualFold(t.token, r.Token):
		return "it pays in another token"
	case !strings.EqualFold(t.to, r.To):
		return "it pays to another address"
	}
	return ""
}

// sum is the amount as one of the request's asset.
func (t told) sum(r rail.Request) (money.Amount, error) {
	amount, err := money.Parse(r.Amount.Asset(), t.amount)
	if err != nil || amount.Sign() <= 0 {
		return money.Amount{}, fmt.Errorf("%w: the amount of payment %s", errNonsense, t.id)
	}
	return amount, nil
}

// number is a JSON number, or a string of its digits: the gateway writes chain ids both ways.
type number uint64

func (n *number) UnmarshalJSON(text []byte) error {
	value, err := strconv.ParseUint(string(bytes.Trim(text, `"`)), 10, 64)
	*n = number(value)
	return err
}

// readEvent reads the body of a callback that has proved itself.
func readEvent(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fault.New(fault.CodeInvalidValue, "the body is not the JSON of an event")
	}
	return nil
}

// about is an event about a payment.
func about(e event) (event, error) {
	if !goodPayment.MatchString(e.payment) {
		return event{}, fault.New(fault.CodeInvalidValue, "the event names no payment")
	}
	return e, nil
}

// errForged is the answer to whatever has not proved itself, with no difference in its text.
func errForged() error {
	return fault.New(fault.CodeUnauthorized, "The callback does not prove where it comes from.")
}
