// Package daimo is the rail of a payment gateway: the payer pays with whatever he has, on the gateway's page, and the gateway
// brings the order's money to the order's address. It speaks both generations of the gateway's API: payments (payments.go)
// and sessions (sessions.go).
//
// What is told of a payment is what the gateway says when it is asked for it, and only where chain, token, address and
// the request's id are those that were asked for. A callback is a hint to ask at once (receive.go) and nothing more: one that
// is forged, told again or out of order changes nothing, and one that is lost costs a few seconds.
//
// watch.go is the story: requests of new orders become payments at the gateway, payments are asked for until they are
// over, and the horizon says up to when all of them were. record.go is what the rail remembers, api.go what both generations
// have in common.
//
// The rail never says that an order is paid: see engine/gateway.go for what its word is worth.
package daimo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"till/internal/rail"
	"till/internal/secrets"
)

// API is a generation of the gateway.
type API string

// The generations.
const (
	Payments API = "payments" // the older one: payments, and callbacks that carry a fixed token
	Sessions API = "sessions" // the newer one: sessions, and callbacks that are signed
)

// Family is what the family and the name of a gateway's rail begin with; its id follows.
const Family = "daimo:"

const (
	defaultPoll  = time.Second
	defaultEvery = 30 * time.Second
)

// Caller makes the calls to the gateway. It bounds their time, follows no redirect and refuses addresses that nobody outside
// may reach: webhook.Client is one.
type Caller interface {
	Call(ctx context.Context, method, url string, header http.Header, body []byte, limit int64) (status int, document []byte, err error)
}

// Config is what the rail is made of. All of it is needed unless it says otherwise.
type Config struct {
	ID     string // a-z 0-9 -, at most 40
	API    API
	URL    string       // of the gateway's API, without a slash at the end
	Key    secrets.Text // that the gateway is called with
	Secret secrets.Text // what its callbacks prove themselves with: the token of the older API, the signing secret of the newer
	Live   bool         // test events are ignored
	Refund string       // address that money goes back to which cannot be delivered; empty in the newer API only
	State  rail.State
	Caller Caller
	Now    func() time.Time
	Log    *slog.Logger // nil: none

	Poll  time.Duration // between two looks for something to do; 0 is a second
	Every time.Duration // the longest between two questions after an open payment; 0 is 30 seconds
}

// Rail is a rail.Watcher and a rail.Receiver.
type Rail struct {
	*rail.Service
	id    string
	api   api
	live  bool
	state rail.State
	now   func() time.Time
	log   *slog.Logger
	poll  time.Duration
	every time.Duration
}

var (
	_ rail.Watcher  = (*Rail)(nil)
	_ rail.Receiver = (*Rail)(nil)
)

var (
	goodID      = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
	goodAddress = regexp.MustCompile(`^0x[0-9a-fA-F]{40}$`)
)

// New checks the config and makes the rail. It does not touch the network.
func New(c Config) (*Rail, error) {
	refuse := func(problem string) (*Rail, error) { return nil, fmt.Errorf("%s%s: %s", Family, c.ID, problem) }
	switch {
	case !goodID.MatchString(c.ID):
		return nil, errors.New("daimo: a gateway's id is 1 to 40 of a-z, 0-9 and -")
	case c.Key == "":
		return refuse("the key is empty")
	case c.Secret == "":
		return refuse("the secret of its callbacks is empty: anybody could call")
	case c.Refund != "" && !goodAddress.MatchString(c.Refund):
		return refuse("the refund address is none")
	case c.State == nil || c.Caller == nil || c.Now == nil:
		return refuse("state, caller or clock is missing")
	}
	r := &Rail{
		id: c.ID, live: c.Live, state: c.State, now: c.Now, log: c.Log, poll: c.Poll, every: c.Every,
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	r.log = r.log.With("rail", string(r.Name()))
	if r.every == 0 {
		r.every = defaultEvery
	}
	if r.poll == 0 {
		r.poll = defaultPoll
	}
	r.Service = rail.NewService(r.state, r.now, r.log, r.poll)
	far := far{url: c.URL, caller: c.Caller}
	switch c.API {
	case Payments:
		if c.Refund == "" {
			return refuse("the refund address is missing")
		}
		r.api = payments{far: far, key: c.Key, token: c.Secret, refund: c.Refund}
	case Sessions:
		r.api = sessions{far: far, key: c.Key, secret: c.Secret, refund: c.Refund}
	default:
		return refuse("there is no such API")
	}
	return r, nil
}

// Name is "daimo:" and the gateway's id.
func (r *Rail) Name() rail.Name { return rail.Name(Family + r.id) }
