package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// request is an HTTP request whose reference is written over before each use.
type request struct {
	text []byte
	at   int // where the digits of the reference begin; 0: it has none
}

const referenceDigits = 20 // of the run 4, of the number 16

// newReference is one that number writes over.
func newReference(seed uint64) string {
	return fmt.Sprintf("bench-%d-%0*d", seed, referenceDigits, 0)
}

// newRequest makes the request that every client sends again and again. auth is the header that says who sends it; reference, which
// may be empty, stands once in the body.
func newRequest(host, path, auth, body, reference string) request {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, host, auth, len(body))
	r := request{text: []byte(head + body)}
	if reference != "" {
		r.at = len(head) + strings.Index(body, reference) + len(reference) - referenceDigits
	}
	return r
}

// orderRequest asks for an order, with a key and a body of a usual size.
func orderRequest(host, path, key string, seed uint64) request {
	reference := newReference(seed)
	body := fmt.Sprintf(`{"orderReference":%q,"amount":"125.50","currency":%q,"chainId":%q,"metadata":{"cart":"17","customer":"c-4711"},`+
		`"successUrl":"https://shop.example/paid","cancelUrl":"https://shop.example/cart"}`, reference, token, network)
	return newRequest(host, path, "X-API-Key: "+key, body, reference)
}

// number writes a reference that no other request has.
func (r request) number(run int, n int64) {
	if r.at == 0 {
		return
	}
	digits := strconv.AppendInt(make([]byte, 0, referenceDigits), int64(run)*1e16+n, 10)
	at := r.text[r.at : r.at+referenceDigits]
	for i := range at {
		at[i] = '0'
	}
	copy(at[referenceDigits-len(digits):], digits)
}

// load is one run: clients that each send a request, wait for the answer and send the next.
type load struct {
	request request // copied for each client
	host    string
	run     int // its number: part of the references
	clients int
	length  time.Duration
	library bool     // they send with net/http, not with sockets of their own
	process *process // whose CPU time is measured

	next *atomic.Int64 // of the references, which count up as a shop's order numbers do
}

// result is what a run showed.
type result struct {
	requests int     // all that were answered, the warm-up's too
	rate     float64 // per second, without the warm-up
	p50, p99 float64 // milliseconds
	cpu      float64 // microseconds of the process, and of its database's, per request
	database float64 // those of the database
}

// start runs it. Every answer must be 201.
func (l load) start(ctx context.Context) (result, error) {
	begin := time.Now().Add(l.length / 5)
	end := begin.Add(l.length)
	times := make([][]time.Duration, l.clients)
	counts := make([]int, l.clients)
	errs := make([]error, l.clients+1)
	var before, after, databaseBefore, databaseAfter time.Duration
	var wg sync.WaitGroup
	for i := range l.clients {
		wg.Go(func() { counts[i], times[i], errs[i] = l.client(ctx, begin, end) })
	}
	wg.Go(func() {
		var first, last error
		time.Sleep(time.Until(begin))
		before, databaseBefore, first = l.process.cpu()
		time.Sleep(time.Until(end))
		after, databaseAfter, last = l.process.cpu()
		errs[l.clients] = errors.Join(first, last)
	})
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return result{}, err
	}
	all := slices.Concat(times...)
	slices.Sort(all)
	if len(all) == 0 {
		return result{}, errors.New("no request was answered")
	}
	r := result{rate: float64(len(all)) / l.length.Seconds(), p50: milliseconds(quantile(all, 0.50)), p99: milliseconds(quantile(all, 0.99))}
	r.cpu = float64((after - before).Microseconds()) / float64(len(all))
	r.database = float64((databaseAfter - databaseBefore).Microseconds()) / float64(len(all))
	for _, n := range counts {
		r.requests += n
	}
	return r, nil
}

// client sends until end and returns how many requests were answered, and how long those took that began at begin or later.
func (l load) client(ctx context.Context, begin, end time.Time) (n int, times []time.Duration, err error) {
	own := request{text: slices.Clone(l.request.text), at: l.request.at}
	open := overSocket
	if l.library {
		open = withLibrary
	}
	send, close, err := open(ctx, l.host, own.text)
	if err != nil {
		return 0, nil, err
	}
	defer close()
	times = make([]time.Duration, 0, 1<<14)
	for sent := time.Now(); sent.Before(end); {
		n++
		own.number(l.run, l.next.Add(1))
		if err := send(own.text); err != nil {
			return n, nil, err
		}
		now := time.Now()
		if !sent.Before(begin) && !now.After(end) {
			times = append(times, now.Sub(sent))
		}
		sent = now
	}
	return n, times, nil
}

// overSocket sends with as little work as there can be, so that the processors are the server's.
func overSocket(ctx context.Context, host string, _ []byte) (send func(text []byte) error, close func(), err error) {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return nil, nil, err
	}
	in := bufio.NewReader(conn)
	send = func(text []byte) error {
		if _, err := conn.Write(text); err != nil {
			return err
		}
		return readCreated(in)
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	return send, func() { stop(); conn.Close() }, nil
}

// withLibrary sends as a program does that uses net/http for it, which costs about as much as answering does. Of a text only the body is read
// each time: the rest is as in the first.
func withLibrary(ctx context.Context, host string, first []byte) (send func(text []byte) error, close func(), err error) {
	parsed, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(first)))
	if err != nil {
		return nil, nil, err
	}
	body := bytes.Index(first, []byte("\r\n\r\n")) + 4
	transport := &http.Transport{}
	send = func(text []byte) error {
		r, err := http.NewRequestWithContext(ctx, parsed.Method, "http://"+host+parsed.URL.Path, bytes.NewReader(text[body:]))
		if err != nil {
			return err
		}
		r.Header = parsed.Header.Clone()
		answer, err := transport.RoundTrip(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		said, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != http.StatusCreated {
			err = fmt.Errorf("%s: %s", answer.Status, said)
		}
		return err
	}
	return send, transport.CloseIdleConnections, nil
}

// readCreated reads an answer of known length, whose status must be 201, and throws its body away.
func readCreated(in *bufio.Reader) error {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	status, length := string(bytes.TrimSpace(line)), -1
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		if value, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer has no length")
	}
	if status != "HTTP/1.1 201 Created" {
		body, _ := in.Peek(min(length, in.Size()))
		return fmt.Errorf("%s: %s", status, body)
	}
	_, err = in.Discard(length)
	return err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// quantile of a sorted list.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// medianOf is the middle of the values that pick finds in a list.
func medianOf[T any](list []T, pick func(T) float64) float64 {
	values := make([]float64, len(list))
	for i, v := range list {
		values[i] = pick(v)
	}
	slices.Sort(values)
	if len(values)%2 == 1 {
		return values[len(values)/2]
	}
	return (values[len(values)/2-1] + values[len(values)/2]) / 2
}
