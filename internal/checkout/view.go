package checkout

import (
	"html/template"
	"math/big"
	"net/url"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/order"
	"till/internal/page"
)

// phase is what the page is about. Its name is that of its messages.
type phase string

const (
	toPay     phase = "topay"     // nothing arrived
	partly    phase = "partly"    // something arrived, and more is needed
	arriving  phase = "arriving"  // enough was seen, and is not confirmed
	checking  phase = "checking"  // the time is over, and whether money came in time is not known yet
	handling  phase = "handling"  // all is there, and is looked at or passed on
	notYet    phase = "notyet"    // it cannot be paid yet: somebody must look at it first
	completed phase = "completed" // paid
	expired   phase = "expired"   // nothing came in time, or too little
	closed    phase = "closed"    // the merchant or the operator ended it
	failed    phase = "failed"    // its only attempt was refused
	choosing  phase = "choosing"  // the payer must choose how to pay
	asking    phase = "asking"    // the payer must say something first
	stuck     phase = "stuck"     // he has chosen too often
)

// view is all that the page shows of an order.
type view struct {
	Lang      page.Lang
	Phase     phase
	PublicID  string
	Title     string
	Reference string
	Network   string // its name, for people
	Token     string // what is paid with, by its code
	Test      bool
	Address   string
	URI       string // what wallets read; "" for none

	Now    time.Time // on the order's clock
	Window time.Time // until when the payer is asked to pay
	Last   time.Time // until when money counts
	Grace  bool      // the window is over, and money counts still

	Due, Confirmed, Seen, InTime, Missing money.Amount
	Late, Surplus                         money.Amount
	Wrong                                 []money.Amount
	Share                                 int64 // of what is due, in thousandths
	Confirmations, Needed                 uint64

	Unfit, Stranger money.Amount
	methods
	around

	Back     string // where to go from here; "" for nowhere
	BackHost string

	order *engine.Order
}

// The seconds a reader gets before the page leaves by itself: more where there is something to read.
const (
	leaveSoon  = 5
	leaveLater = 30
)

func newView(o *engine.Order, n engine.Network, f Face, now time.Time) view {
	arrived := o.Arrived()
	v := view{
		Phase: phaseOf(o, now), PublicID: o.PublicID, Title: f.PageTitle(o), Reference: o.Reference,
		Network: n.Name, Token: o.Terms.Due.Asset().Code(), Test: o.Scope.Mode == engine.Sandbox, Address: o.Instrument.Value,
		Now: now, Window: f.PageWindow(o), Last: o.Terms.Deadline,
		Due: o.Terms.Due, Confirmed: arrived.Confirmed, Seen: arrived.Seen, InTime: arrived.InTime(), Missing: o.Missing(),
		Late: arrived.Late, Wrong: arrived.Wrong, Unfit: arrived.Unfit, Stranger: arrived.Stranger, order: o, Needed: uint64(max(n.Confirmations, 0)),
	}
	v.Grace = v.Payable() && !v.Window.IsZero() && now.After(v.Window)
	v.Share = share(v.InTime, v.Due)
	v.Surplus = money.Zero(v.Due.Asset())
	if v.InTime.Cmp(v.Due) > 0 {
		v.Surplus = v.InTime.Sub(v.Due)
	}
	v.Confirmations = v.Needed
	for _, p := range o.Payments { // the one that is furthest from being final
		if p.Rank == order.RankSeen && p.Amount.Asset() == v.Due.Asset() && o.Confirmations(p) < v.Confirmations {
			v.Confirmations = o.Confirmations(p)
		}
	}
	if v.Payable() && !v.Grace { // nobody is helped to begin what may come too late
		v.URI = payURI(n, o.Instrument, v.Missing)
	}
	v.Back, v.BackHost = back(f.ReturnURL(o))
	return v
}

// back is where the page may send somebody, and the host for people to read: a URL of the web, or nothing.
func back(to string) (href, host string) {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return "", ""
	}
	return to, u.Hostname()
}

// phaseOf reads the order's state. What the payer sees of one that still collects follows from the money.
func phaseOf(o *engine.Order, now time.Time) phase {
	switch {
	case o.State == order.Completed:
		return completed
	case o.State == order.Expired:
		return expired
	case o.State == order.Failed && o.Reason == order.ReasonAttemptLost:
		return failed
	case o.State.Terminal():
		return closed
	case o.State == order.Documents || o.State == order.InReview:
		return notYet
	case !o.State.Collecting():
		return handling
	case o.Missing().IsZero():
		return arriving
	case !o.Terms.Deadline.IsZero() && now.After(o.Terms.Deadline):
		return checking
	case o.Arrived().InTime().Sign() > 0:
		return partly
	}
	return toPay
}

// Payable says that the payer is asked for money.
func (v view) Payable() bool {
	return v.Phase == toPay || v.Phase == partly || v.Phase == choosing || v.Phase == asking
}

// Counted says that a countdown is shown: the end is near enough to count.
func (v view) Counted() bool { return v.Window.Sub(v.Now) <= 24*time.Hour }

// Done says that nothing more will change by itself.
func (v view) Done() bool {
	return v.Phase == completed || v.Phase == expired || v.Phase == closed || v.Phase == failed
}

// Progress says that there is something to show of money on its way.
func (v view) Progress() bool { return v.InTime.Sign() > 0 && !v.Done() }

// Trouble says that money came that the order did not need, or that did not help it: there is something to read.
func (v view) Trouble() bool {
	return v.Late.Sign() > 0 || len(v.Wrong) > 0 || v.Unfit.Sign() > 0 || v.Stranger.Sign() > 0 || v.Phase == completed && v.Surplus.Sign() > 0 ||
		(v.Phase == expired || v.Phase == closed || v.Phase == failed) && v.InTime.Sign() > 0
}

// Leave is after how many seconds the page goes where Back says.
func (v view) Leave() int {
	if v.Trouble() {
		return leaveLater
	}
	return leaveSoon
}

// Refresh is how often the page is loaded again where there is no JavaScript, in seconds.
func (v view) Refresh() int { return 10 }

// Plain is an amount as a wallet takes it.
func (v view) Plain(a money.Amount) string { return page.Plain(a) }

// WalletURL is URI as a link, which html/template takes for dangerous otherwise: payURI made it, of nothing but
// hexadecimal and digits.
func (v view) WalletURL() template.URL { return template.URL(v.URI) }

// TitleKey is the message that says where the order stands.
func (v view) TitleKey() string { return string(v.Phase) + ".title" }

// Confirming says that the money is in a block and others are waited for.
func (v view) Confirming() bool { return v.Seen.Sign() > 0 && v.Needed > 0 }

func share(part, whole money.Amount) int64 {
	if part.Cmp(whole) >= 0 {
		return 1000
	}
	return new(big.Int).Quo(new(big.Int).Mul(part.Big(), big.NewInt(1000)), whole.Big()).Int64()
}
