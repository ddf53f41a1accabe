// Package stripe is the rail of Stripe: the payer of an attempt pays on a page of Stripe's (a Checkout Session), so that no
// number of a card ever comes here; refunds go back the way the money came.
//
// What is told of a payment is what Stripe says when it is asked for it, and only where the session's reference, metadata,
// amount, currency and mode are those that were asked for. A webhook is a hint to ask at once (receive.go) and nothing more: one
// that is forged, told again or out of order changes nothing. One that is lost costs some time: open sessions are asked for
// until they are over, and Stripe's list of events is read beside (watch.go), which also tells of what comes months later.
//
// watch.go is the story: pages of new attempts become sessions, sessions are looked at until they are over, and the horizon
// says up to when all of them were. tell.go says what of Stripe's words means what; record.go is what the rail remembers,
// refund.go sends money back, api.go is the few calls that are needed.
package stripe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"time"

	"till/internal/rail"
	"till/internal/secrets"
)

// Family is what the family and the name of such a rail begin with; its id follows.
const Family = "stripe:"

// URL is where Stripe serves its API.
const URL = "https://api.stripe.com"

const (
	defaultPoll  = time.Second
	defaultEvery = 2 * time.Minute
)

// Caller makes the calls. It bounds their time, follows no redirect and refuses addresses that nobody outside may reach:
// webhook.Client is one.
type Caller interface {
	Call(ctx context.Context, method, url string, header http.Header, body []byte, limit int64) (status int, document []byte, err error)
}

// Config is what the rail is made of. All of it is needed unless it says otherwise.
type Config struct {
	ID      string // a-z 0-9 -, at most 40
	URL     string // of the API, without a slash at the end
	Key     secrets.Text
	Secret  secrets.Text              // that webhooks are signed with
	Live    bool                      // what is of the other mode is not believed
	Methods map[string][]string       // Stripe's payment_method_types, by the codes of the methods that are paid here
	Return  func(order string) string // where a payer's browser goes from the page, by his order's public id; "": nobody knows, and there are no pages
	State   rail.State
	Caller  Caller
	Now     func() time.Time
	Log     *slog.Logger // nil: none

	Poll  time.Duration // between two looks for something to do; 0 is a second
	Every time.Duration // the longest between two questions after an open session, and between two readings of the events; 0 is two minutes
}

// Rail is a rail.Watcher, a rail.Receiver and a rail.Sender.
type Rail struct {
	*rail.Service
	id      string
	api     api
	secret  secrets.Text
	live    bool
	methods map[string][]string
	back    func(order string) string
	state   rail.State
	now     func() time.Time
	log     *slog.Logger
	poll    time.Duration
	every   time.Duration

	mu       sync.Mutex
	disputes map[string]bool // open ones
}

var (
	_ rail.Watcher  = (*Rail)(nil)
	_ rail.Receiver = (*Rail)(nil)
	_ rail.Sender   = (*Rail)(nil)
)

var goodID = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// New checks the config and makes the rail. It does not touch the network.
func New(c Config) (*Rail, error) {
	refuse := func(problem string) (*Rail, error) { return nil, fmt.Errorf("%s%s: %s", Family, c.ID, problem) }
	switch {
	case !goodID.MatchString(c.ID):
		return nil, errors.New("stripe: an id is 1 to 40 of a-z, 0-9 and -")
	case c.Key == "":
		return refuse("the secret key is empty")
	case c.Secret == "":
		return refuse("the secret of its webhooks is empty: anybody could call")
	case c.State == nil || c.Caller == nil || c.Now == nil || c.Return == nil:
		return refuse("state, caller, clock or the way back is missing")
	}
	r := &Rail{
		id: c.ID, api: api{url: c.URL, key: c.Key, caller: c.Caller}, secret: c.Secret, live: c.Live, methods: c.Methods, back: c.Return,
		state: c.State, now: c.Now, log: c.Log, poll: c.Poll, every: c.Every, disputes: map[string]bool{},
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
	return r, nil
}

// Name is "stripe:" and the id.
func (r *Rail) Name() rail.Name { return rail.Name(Family + r.id) }

// Disputes is how many are open: a payer's bank took money back, or may. It may be called at any time from anywhere.
func (r *Rail) Disputes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.disputes)
}

// disputed notes whether a dispute is open.
func (r *Rail) disputed(id string, open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if open {
		r.disputes[id] = true
	} else {
		delete(r.disputes, id)
	}
}
