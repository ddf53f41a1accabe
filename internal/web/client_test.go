package web

import (
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

func TestClientOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1/32", "[::ffff:192.0.2.1]:80": "192.0.2.1/32", "[2001:db8:1:2:3::4]:80": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:80": "fe80::/64", "192.0.2.1": "192.0.2.1/32", "@": "invalid Prefix", "": "invalid Prefix",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = remote
		if got := ClientOf(r).String(); got != want {
			t.Errorf("%q is %s, want %s", remote, got, want)
		}
	}
}

func TestRate(t *testing.T) {
	one, two := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32")
	now := time.Unix(1_000_000, 0)
	rate := &Rate{Burst: 3, Each: time.Second}
	for range 3 {
		if _, ok := rate.Allow(one, now); !ok {
			t.Fatal("refused within the burst")
		}
	}
	if wait, ok := rate.Allow(one, now); ok || wait != time.Second {
		t.Errorf("a fourth at once: %v, wait %s", ok, wait)
	}
	if _, ok := rate.Allow(two, now); !ok {
		t.Error("one client's requests count against another")
	}
	if wait, ok := rate.Allow(one, now.Add(600*time.Millisecond)); ok || wait != 400*time.Millisecond {
		t.Errorf("too early: %v, wait %s", ok, wait)
	}
	if _, ok := rate.Allow(one, now.Add(time.Second)); !ok {
		t.Error("refused after the wait")
	}
	if _, ok := rate.Allow(one, now.Add(time.Second)); ok {
		t.Error("one more than was earned")
	}
	for i := range 3 {
		if _, ok := rate.Allow(one, now.Add(time.Hour)); !ok {
			t.Errorf("request %d after a long rest", i)
		}
	}
	if _, ok := rate.Allow(one, now.Add(time.Hour)); ok {
		t.Error("rest saved up more than the burst")
	}
}

// Many clients cost bounded memory: the rested are forgotten, and newcomers refused only while there are none.
func TestRateForgets(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	rate := &Rate{Burst: 1, Each: time.Second}
	client := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
	}
	for i := range maxClients {
		if _, ok := rate.Allow(client(i), now); !ok {
			t.Fatalf("client %d was refused", i)
		}
	}
	if _, ok := rate.Allow(client(maxClients), now); ok {
		t.Error("one client too many")
	}
	if _, ok := rate.Allow(client(maxClients), now.Add(time.Second)); !ok || len(rate.clients) != 1 {
		t.Errorf("after a rest: %v, %d clients are remembered", ok, len(rate.clients))
	}
}
