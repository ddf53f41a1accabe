package app

import (
	"net"
	"testing"
)

// listening is a listener that is only asked where it is.
type listening struct {
	net.Listener
	at string
}

func (l listening) Addr() net.Addr {
	addr, err := net.ResolveTCPAddr("tcp", l.at)
	if err != nil {
		panic(err)
	}
	return addr
}

// case 50: links to pages are made of what the configuration says, or of a listener that only this machine
// reaches; else there are none.
func TestPublicURL(t *testing.T) {
	for _, tt := range []struct{ configured, listens, want string }{
		{"", "127.0.0.1:4488", "http://127.0.0.1:4488"},
		{"", "[::1]:4488", "http://[::1]:4488"},
		{"", "0.0.0.0:4488", ""},
		{"", "[::]:4488", ""},
		{"", "192.0.2.1:4488", ""},
		{"https://pay.example.com/till", "0.0.0.0:4488", "https://pay.example.com/till"},
		{"https://pay.example.com", "127.0.0.1:4488", "https://pay.example.com"},
	} {
		a := &App{listener: listening{at: tt.listens}}
		if got := a.publicURL(Config{PublicURL: tt.configured}); got != tt.want {
			t.Errorf("%q on %s is %q, want %q", tt.configured, tt.listens, got, tt.want)
		}
	}
	if got := below("", "x"); got != "" {
		t.Errorf("below nothing is %q", got)
	}
}
