package web

import (
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// ClientOf is who asks, as far as limits go: an IPv4 address, or the /64 that an IPv6 address is in, because one client has all of
// that. An address that cannot be read is one client with all others of that kind.
func ClientOf(r *http.Request) netip.Prefix {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	client, _ := addr.Prefix(bits)
	return client
}

// Rate bounds how often each client may ask for what needs no key. A client has Burst requests at once, and gets one more every Each.
// It counts within this process, for at most maxClients clients: beyond that those whose allowance is full again are forgotten, and a
// newcomer is refused only while there are none. Safe for concurrent use.
type Rate struct {
	Burst int
	Each  time.Duration

	mu      sync.Mutex
	clients map[netip.Prefix]time.Time // when its allowance is full again
}

// maxClients bounds the memory of a Rate.
const maxClients = 100_000

// Allow takes one request of a client's allowance. When there is none left it says how long until there is.
func (l *Rate) Allow(client netip.Prefix, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full, known := l.clients[client]
	if !known && !l.room(now) {
		return l.Each, false
	}
	if full.Before(now) {
		full = now
	}
	full = full.Add(l.Each)
	if over := full.Sub(now) - time.Duration(l.Burst)*l.Each; over > 0 {
		return over, false
	}
	l.clients[client] = full
	return 0, true
}

// room makes room for one more client.
func (l *Rate) room(now time.Time) bool {
	if l.clients == nil {
		l.clients = map[netip.Prefix]time.Time{}
	}
	if len(l.clients) < maxClients {
		return true
	}
	for client, full := range l.clients {
		if !full.After(now) {
			delete(l.clients, client)
		}
	}
	return len(l.clients) < maxClients
}
