package auth

import (
	"net/netip"
	"time"

	"till/internal/fault"
)

// How failed logins slow the next ones. The counters are in the database, so that all processes share them, and
// each attempt is counted before its password is looked at, so that many at once get no more than one after another.
//
// No wait is longer than a minute, so that nobody is ever locked out; and whoever tries from an address from which
// this account was logged in to before has a counter of his own and no other, so that neither an attack on the
// account nor one from his network holds him up.
type slowing struct {
	free   int           // attempts that are not slowed
	memory time.Duration // how long without an attempt until the counter is forgotten
}

var (
	perAccount = slowing{free: 5, memory: time.Hour}
	perAddress = slowing{free: 20, memory: 6 * time.Hour}
)

// longest is the longest wait.
const longest = time.Minute

// knownFor is how long an address stays known from which an account was logged in to.
const knownFor = 90 * 24 * time.Hour

// wait is how long after the last attempt the next is taken: nothing, and then 1 s, 2 s, 4 s, ...
func (s slowing) wait(t Tries) time.Duration {
	over := t.Count - s.free
	switch {
	case over < 0:
		return 0
	case over > 6:
		return longest
	}
	return min(time.Second<<over, longest)
}

// The names of the counters.
func addressCounter(address string) string        { return "address " + network(address) }
func accountCounter(account string) string        { return "account " + account }
func knownCounter(account, address string) string { return "known " + account + " " + network(address) }
func knownAddress(account, address string) string { return "was " + account + " " + network(address) }

// attempt counts a login before it is decided, or refuses it because it comes too early; what is refused is not
// counted. It returns the name of the account's counter, which a success clears.
//
// Error: rate_limited.
func attempt(tx Tx, account, address string) (counter string, err error) {
	now := tx.Now()
	known, err := tx.Tries(knownAddress(account, address))
	if err != nil {
		return "", err
	}
	if known.Count > 0 && now.Before(known.ForgetAt) {
		counter = knownCounter(account, address)
		return counter, perAccount.take(tx, counter)
	}
	counter = accountCounter(account)
	if err := perAccount.take(tx, counter); err != nil {
		return "", err
	}
	return counter, perAddress.take(tx, addressCounter(address))
}

// take counts an attempt, or refuses it.
func (s slowing) take(tx Tx, counter string) error {
	t, err := tx.Tries(counter)
	if err != nil {
		return err
	}
	now := tx.Now()
	t.Name = counter
	if !now.Before(t.ForgetAt) {
		t.Count = 0
	}
	if wait := t.At.Add(s.wait(t)).Sub(now); t.Count > 0 && wait > 0 {
		return fault.New(fault.CodeRateLimited, "Too many failed logins. Try again later.").Retry(wait)
	}
	t.Count, t.At, t.ForgetAt = t.Count+1, now, now.Add(s.memory)
	return tx.SaveTries(t)
}

// succeeded takes back what attempt counted for the account, and remembers the address. For the address itself the
// attempt is uncounted, but those before stay: who has one account must not win tries at others with it.
func succeeded(tx Tx, counter, account, address string) error {
	now := tx.Now()
	if err := tx.SaveTries(Tries{Name: counter}); err != nil {
		return err
	}
	if counter == accountCounter(account) {
		from, err := tx.Tries(addressCounter(address))
		if err != nil {
			return err
		}
		from.Name, from.Count = addressCounter(address), max(0, from.Count-1)
		if err := tx.SaveTries(from); err != nil {
			return err
		}
	}
	return tx.SaveTries(Tries{Name: knownAddress(account, address), Count: 1, At: now, ForgetAt: now.Add(knownFor)})
}

// network is what counts as one client: an address, or the /64 that a client of IPv6 has to itself.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown"
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is4() {
		return ip.String()
	}
	prefix, _ := ip.Prefix(64)
	return prefix.String()
}
