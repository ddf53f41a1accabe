package page

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"till/internal/web"
)

// Update is a part of a page as it is now.
type Update struct {
	HTML []byte    // of the template "live"
	Now  time.Time // on the clock that the page's countdown runs on
	Done bool      // nothing more will change
}

// nowHeader carries Update.Now, in milliseconds, where there is no stream.
const nowHeader = "Till-Now"

// WriteUpdate answers a browser that asks for the live part again and again.
func WriteUpdate(w http.ResponseWriter, u Update) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set(nowHeader, strconv.FormatInt(u.Now.UnixMilli(), 10))
	w.Write(u.HTML) // an error here means that the reader has left
}

// Streams tells open pages what changes (server-sent events). It bounds how many there are in all and of one
// client, so that nobody takes the server's connections from the others: a page that is refused asks again and
// again instead. Safe for concurrent use.
type Streams struct {
	bounds StreamBounds
	mu     sync.Mutex
	all    int
	of     map[netip.Prefix]int
	closed chan struct{}
}

// StreamBounds are the limits of [Streams].
type StreamBounds struct {
	All       int           // streams at a time
	PerClient int           // of them, of one client: an IPv4 address, or a /64 of IPv6
	Every     time.Duration // between two looks at what is shown
	Beat      time.Duration // between two signs of life; also how long a reader may take for one message
	Life      time.Duration // of a stream; the browser opens the next by itself
}

// UsualBounds are those of the server.
var UsualBounds = StreamBounds{All: 1000, PerClient: 12, Every: time.Second, Beat: 15 * time.Second, Life: 10 * time.Minute}

// NewStreams makes them.
func NewStreams(b StreamBounds) *Streams {
	return &Streams{bounds: b, of: map[netip.Prefix]int{}, closed: make(chan struct{})}
}

// Close ends all streams and refuses new ones: what a server does before it stops, because it waits for what
// is under way.
func (s *Streams) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
}

// Serve tells a browser what look returns, whenever that has changed, until nothing more will, the browser
// leaves or the server stops. An error of look ends the stream; the browser comes back. Too many streams are
// answered 503.
func (s *Streams) Serve(w http.ResponseWriter, r *http.Request, look func(context.Context) (Update, error)) {
	client := web.ClientOf(r)
	if !s.enter(client) {
		w.Header().Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer s.leave(client)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // a proxy must not keep it back
	out := http.NewResponseController(w)

	every, beat := time.NewTicker(s.bounds.Every), time.NewTicker(s.bounds.Beat)
	defer every.Stop()
	defer beat.Stop()
	life, end := context.WithTimeout(r.Context(), s.bounds.Life)
	defer end()
	var told []byte
	alive := true // a sign of life is due
	for {
		u, err := look(life)
		if err != nil {
			return
		}
		var message bytes.Buffer
		if alive {
			alive = false
			writeEvent(&message, "now", []byte(strconv.FormatInt(u.Now.UnixMilli(), 10)))
		}
		if !bytes.Equal(u.HTML, told) {
			writeEvent(&message, "page", u.HTML)
			told = u.HTML
		}
		if u.Done {
			writeEvent(&message, "done", []byte("done"))
		}
		if s.send(w, out, message.Bytes()) != nil || u.Done {
			return
		}
		select {
		case <-life.Done():
			return
		case <-s.closed:
			return
		case <-beat.C:
			alive = true
		case <-every.C:
		}
	}
}

// send writes and moves the deadline of the connection, which the server set for an ordinary answer.
func (s *Streams) send(w http.ResponseWriter, out *http.ResponseController, message []byte) error {
	if len(message) == 0 {
		return nil
	}
	if err := out.SetWriteDeadline(time.Now().Add(s.bounds.Beat)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := w.Write(message); err != nil {
		return err
	}
	return out.Flush()
}

func writeEvent(to *bytes.Buffer, name string, data []byte) {
	to.WriteString("event: " + name + "\n")
	for line := range strings.Lines(string(data)) {
		to.WriteString("data: " + strings.TrimRight(line, "\r\n") + "\n")
	}
	to.WriteString("\n")
}

func (s *Streams) enter(client netip.Prefix) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return false
	default:
	}
	if s.all >= s.bounds.All || s.of[client] >= s.bounds.PerClient {
		return false
	}
	s.all++
	s.of[client]++
	return true
}

func (s *Streams) leave(client netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.of[client]--; s.of[client] == 0 {
		delete(s.of, client)
	}
}
