// Package simgateway is a payment gateway inside this process, for tests, the sandbox, development and the demo: both generations
// of the API that rail/daimo speaks, with callbacks that are signed as the true ones are. What its payers do is called for
// (pay.go) or clicked on a page (page.go). It moves real tokens where it is given somebody who does, and else says that it did.
//
// It is written after the gateway's public documentation and shares no code with the rail, so that a misreading of one is
// not confirmed by the other.
package simgateway

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"sort"
	"sync"
	"time"
)

// The generations of the API.
const (
	PaymentsAPI = "payments"
	SessionsAPI = "sessions"
)

// Config is what a gateway is made of.
type Config struct {
	API    string
	Key    string // that callers must show
	Secret string // the token of the older API's callbacks, or what signs those of the newer
	// Hook is who is called back; nil: nobody. An error is kept with the callback and not tried again.
	Hook func(ctx context.Context, header http.Header, body []byte) error
	// Deliver moves tokens to a payment's address and returns the transaction and who paid; nil: both are made up.
	Deliver func(ctx context.Context, p Payment, amount string) (tx, from string, err error)
	// Keep stores a payment, so that a gateway which is made of all that was kept knows it; nil: it forgets.
	Keep  func(p Payment) error
	Known []Payment
	Pages string           // the URL that the paths of pages are put behind; empty: payments have none
	Now   func() time.Time // nil: the system's clock
}

// Payment is one as this gateway knows it. Status is in the words of the older API, and two of the newer: "requires_payment_method"
// is payment_unpaid, "expired" is itself.
type Payment struct {
	ID       string            `json:"id"`
	External string            `json:"external"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Status   string            `json:"status"`
	Title    string            `json:"title"`
	Price    string            `json:"price,omitempty"`
	Currency string            `json:"currency,omitempty"`
	Chain    uint64            `json:"chain"`
	Token    string            `json:"token"`
	To       string            `json:"to"`
	Amount   string            `json:"amount"`             // asked for
	Received string            `json:"received,omitempty"` // that arrived
	Tx       string            `json:"tx,omitempty"`
	From     string            `json:"from,omitempty"`
	Refund   string            `json:"refund,omitempty"` // transaction of a refund
	RefundTo string            `json:"refundTo,omitempty"`
	At       time.Time         `json:"at"`
	Key      string            `json:"key,omitempty"` // Idempotency-Key it was made with
}

// The states of a payment.
const (
	Unpaid    = "payment_unpaid"
	Started   = "payment_started"
	Completed = "payment_completed"
	Bounced   = "payment_bounced"
	Expired   = "expired"
)

// Gateway is a running gateway. It is safe for concurrent use.
type Gateway struct {
	cfg Config

	mu        sync.Mutex
	payments  map[string]*Payment
	callbacks []Callback
	mute      bool
	down      bool
	created   int // calls that created, or found what they had created
	read      int

	server *http.Server
	served chan struct{}
	url    string
}

// New makes a gateway that listens nowhere: it is called by Call.
func New(cfg Config) (*Gateway, error) {
	if cfg.API != PaymentsAPI && cfg.API != SessionsAPI {
		return nil, fmt.Errorf("simgateway: there is no API %q", cfg.API)
	}
	if cfg.Key == "" || cfg.Secret == "" {
		return nil, errors.New("simgateway: key or secret is missing")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	g := &Gateway{cfg: cfg, payments: map[string]*Payment{}}
	for _, p := range cfg.Known {
		g.payments[p.ID] = &p
	}
	return g, nil
}

// Listen serves the gateway on a free port of this machine, and returns the URL. Close ends it.
func (g *Gateway) Listen() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	g.server, g.served = &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}, make(chan struct{})
	g.url = "http://" + listener.Addr().String()
	go func() {
		defer close(g.served)
		_ = g.server.Serve(listener) // it ends with Close
	}()
	return g.url, nil
}

// Close ends what Listen began.
func (g *Gateway) Close() error {
	if g.server == nil {
		return nil
	}
	err := g.server.Close()
	<-g.served
	return err
}

// Hook sets who is called back.
func (g *Gateway) Hook(hook func(ctx context.Context, header http.Header, body []byte) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cfg.Hook = hook
}

// HookURL calls a URL back.
func (g *Gateway) HookURL(url string) {
	g.Hook(func(ctx context.Context, header http.Header, body []byte) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header = header.Clone()
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("the receiver answers with the status %d", response.StatusCode)
		}
		return nil
	})
}

// Call answers a call without a network, as a client of the rail's would make it.
func (g *Gateway) Call(ctx context.Context, method, url string, header http.Header, body []byte, limit int64) (int, []byte, error) {
	if err := ctx.Err(); err != nil {
		return 0, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header = header.Clone()
	answer := &recorded{header: http.Header{}}
	g.ServeHTTP(answer, request)
	if int64(answer.body.Len()) > limit {
		return 0, nil, errors.New("the answer is too long")
	}
	return answer.status, answer.body.Bytes(), nil
}

// recorded is an answer that goes nowhere.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header                  { return r.header }
func (r *recorded) WriteHeader(status int)               { r.status = status }
func (r *recorded) Write(text []byte) (n int, err error) { return r.body.Write(text) }

// Down makes the gateway answer nothing but 503, or answer again.
func (g *Gateway) Down(down bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.down = down
}

// Mute keeps callbacks back: they are in Callbacks and are not sent.
func (g *Gateway) Mute(mute bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mute = mute
}

// Calls is how often payments were asked to be made, and asked for.
func (g *Gateway) Calls() (created, read int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.created, g.read
}

// Payments lists all payments, the oldest first.
func (g *Gateway) Payments() []Payment {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []Payment
	for _, p := range g.payments {
		list = append(list, *p)
	}
	sort.Slice(list, func(i, j int) bool {
		return list[i].At.Before(list[j].At) || list[i].At.Equal(list[j].At) && list[i].ID < list[j].ID
	})
	return list
}

// Find is the oldest payment with an external id; in the newer API, with a requestId in its metadata.
func (g *Gateway) Find(external string) (Payment, bool) {
	for _, p := range g.Payments() {
		if p.External == external {
			return p, true
		}
	}
	return Payment{}, false
}

// Change changes what the gateway believes of a payment and tells nobody: so it can be made to lie.
func (g *Gateway) Change(id string, change func(p *Payment)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.payments[id]
	if p == nil {
		return fmt.Errorf("simgateway: there is no payment %s", id)
	}
	change(p)
	return g.keep(*p)
}

// Add makes a payment that nobody asked this server's rail for.
func (g *Gateway) Add(p Payment) (Payment, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p.ID, p.At = g.newID(), g.cfg.Now()
	if p.Status == "" {
		p.Status = Unpaid
	}
	g.payments[p.ID] = &p
	return p, g.keep(p)
}

func (g *Gateway) keep(p Payment) error {
	if g.cfg.Keep == nil {
		return nil
	}
	return g.cfg.Keep(p)
}

// newID is 32 random bytes in base58, or 16 in hexadecimal, as each generation has it.
func (g *Gateway) newID() string {
	raw := make([]byte, 32)
	rand.Read(raw)
	if g.cfg.API == SessionsAPI {
		return hex.EncodeToString(raw[:16])
	}
	return base58(raw)
}

func base58(raw []byte) string {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n, base, digit := new(big.Int).SetBytes(raw), big.NewInt(58), new(big.Int)
	var text []byte
	for n.Sign() > 0 {
		n.DivMod(n, base, digit)
		text = append([]byte{alphabet[digit.Int64()]}, text...)
	}
	return string(text)
}

// hash is a made-up transaction or address of n bytes.
func hash(n int) string {
	raw := make([]byte, n)
	rand.Read(raw)
	return "0x" + hex.EncodeToString(raw)
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller has gone
}
