package dialecttest

import (
	"time"

	"till/internal/order"
	"till/internal/rail/sandbox"
)

// scenario is one course of things. play drives it and checks it on the way.
type scenario struct {
	name string
	play func(h *House)
}

// What is booked again and again: a payment that counts, and the order's delivery to the merchant.
var (
	in100      = []string{"outside/payer -100", "order/in +100"}
	delivered  = []string{"order/in -100", "merchant +100"}
	passedOn   = append(append([]string{}, in100...), delivered...)
	setAside   = []string{"order/in -100", "suspense/extra +100"}
	released   = []string{"suspense/extra -100", "merchant +100"}
	onTheWay   = []string{"order/in -100", "order/out +100"}
	broughtIn  = []string{"order/out -100", "order/in +100"}
	givenBack  = []string{"merchant -100", "order/refunding +100", "order/refunding -100", "outside/payer +100"}
	surplus20  = []string{"order/in -20", "suspense/extra +20"}
	nothingYet []string
)

var scenarios = []scenario{
	{"paid_exact", func(h *House) {
		o := h.place("R", "100.00")
		h.stands(o, h.words.Open)
		p := h.see(o, "t1", "100", h.first())
		h.stands(o, h.words.Open)
		h.books(o, nothingYet...)
		h.confirm(p)
		h.stands(o, h.words.Completed)
		h.tells(o, h.words.CompletedEvent)
		h.books(o, passedOn...)
	}},
	{"paid_in_two", func(h *House) {
		o := h.place("R", "100.00")
		h.pay(o, "t1", "40")
		h.stands(o, h.words.Open)
		h.tells(o)
		h.pay(o, "t2", "60")
		h.stands(o, h.words.Completed)
		h.tells(o, h.words.CompletedEvent)
		h.books(o, join([]string{"outside/payer -40", "order/in +40", "outside/payer -60", "order/in +60"}, delivered)...)
	}},
	{"overpaid", func(h *House) {
		o := h.place("R", "100.00")
		h.pay(o, "t1", "120")
		if h.fits {
			h.stands(o, h.words.Open)
			h.tells(o)
			h.books(o, "outside/payer -120", "suspense/unfit +120")
			return
		}
		h.stands(o, h.words.Completed)
		h.tells(o, h.words.CompletedEvent)
		h.books(o, join([]string{"outside/payer -120", "order/in +120"}, delivered, surplus20)...)
	}},
	{"underpaid_expired", func(h *House) {
		o := h.place("R", "100.00")
		h.pay(o, "t1", "99")
		h.passTo(h.waits + time.Minute)
		h.stands(o, h.words.Expired)
		h.tells(o, h.words.ExpiredEvent)
		if h.fits {
			h.books(o, "outside/payer -99", "suspense/unfit +99")
			return
		}
		h.books(o, "outside/payer -99", "order/in +99", "order/in -99", "suspense/extra +99")
	}},
	{"paid_in_grace", func(h *House) {
		o := h.place("R", "100.00")
		h.passTo(h.waits - 30*time.Second)
		h.stands(o, h.words.Open)
		p := h.see(o, "t1", "100", h.first())
		h.passTo(2 * time.Minute) // past the deadline: what was sent in time is waited for
		h.stands(o, h.words.Open)
		h.confirm(p)
		h.stands(o, h.words.Completed)
		h.tells(o, h.words.CompletedEvent)
		h.books(o, passedOn...)
	}},
	{"late", func(h *House) {
		o := h.place("R", "100.00")
		h.passTo(h.waits + time.Minute)
		h.stands(o, h.words.Expired)
		h.pay(o, "t1", "100")
		h.stands(o, h.words.Expired)
		h.tells(o, h.words.ExpiredEvent)
		h.books(o, "outside/payer -100", "suspense/late +100")
	}},
	{"wrong_asset", func(h *House) {
		o := h.place("R", "100.00")
		h.confirm(h.see(o, "t1", "100", h.second()))
		h.stands(o, h.words.Open)
		h.tells(o)
		h.books(o, "outside/payer -100", "suspense/wrong +100")
	}},
	{"cancelled", func(h *House) {
		o := h.place("R", "100.00")
		h.cancel(o)
		h.stands(o, h.words.Cancelled)
		h.pay(o, "t1", "100")
		h.stands(o, h.words.Cancelled)
		h.tells(o, h.words.CancelledEvent)
		h.books(o, join(in100, setAside)...)
	}},
	{"duplicate_reference", func(h *House) {
		o := h.place("R", "100.00")
		if again := h.client.PlaceAgain("R", "100.00"); again != o.id {
			h.Errorf("a repeat named %q, want %q", again, o.id)
		}
		h.pay(o, "t1", "100")
		if again := h.client.PlaceAgain("R", "100.00"); again != o.id {
			h.Errorf("a repeat after the end named %q, want %q", again, o.id)
		}
		h.books(o, passedOn...)
	}},
	{"repeated_observation", func(h *House) {
		o := h.place("R", "100.00")
		p := h.pay(o, "t1", "100")
		h.far.Tell(p, order.RankSeen)
		h.far.Tell(p, order.RankConfirmed)
		h.far.Tell(p, order.RankConfirmed)
		h.stands(o, h.words.Completed)
		h.tells(o, h.words.CompletedEvent)
		h.books(o, passedOn...)
	}},
	{"reversed_before_final", func(h *House) {
		o := h.place("R", "100.00")
		p := h.see(o, "t1", "100", h.first())
		h.far.Tell(p, order.RankReversed)
		h.stands(o, h.words.Open)
		h.books(o, nothingYet...)
		p = h.far.Again(p)
		h.far.Tell(p, order.RankSeen)
		h.confirm(p)
		h.stands(o, h.words.Completed)
		h.tells(o, h.words.CompletedEvent)
		h.books(o, passedOn...)
	}},
	{"reversed_after_final", func(h *House) {
		o := h.place("R", "100.00")
		p := h.pay(o, "t1", "100")
		h.far.Tell(p, order.RankReversed)
		h.stands(o, h.words.Completed) // what was told stays told; the shortfall is the books'
		short := join(passedOn, []string{"order/in -100", "outside/payer +100", "order/short -100", "order/in +100"})
		h.books(o, short...)
		p = h.far.Again(p)
		h.far.Tell(p, order.RankConfirmed)
		h.stands(o, h.words.Completed)
		h.tells(o, h.words.CompletedEvent)
		h.books(o, join(short, in100, []string{"order/in -100", "order/short +100"})...)
	}},
	{"delivery_failed", func(h *House) {
		o := h.placeTo("R", "100.00", sandbox.Fail)
		h.pay(o, "t1", "100")
		h.stands(o, h.words.Open)
		booked := in100
		for range h.sends {
			h.pass(time.Hour) // a failed one is not tried again at once
			h.send()
			booked = join(booked, onTheWay, broughtIn)
		}
		h.stands(o, h.words.Failed)
		h.tells(o, h.words.FailedEvent)
		booked = join(booked, setAside)
		if h.gives {
			booked = join(booked, released)
		}
		h.books(o, booked...)
	}},
	{"refunded", func(h *House) {
		o := h.place("R", "100.00")
		h.pay(o, "t1", "100")
		h.stands(o, h.words.Completed)
		h.refund(o, "100.00")
		h.send()
		h.stands(o, h.words.Refunded)
		h.tells(o, h.words.CompletedEvent, h.words.RefundedEvent)
		h.books(o, join(passedOn, givenBack)...)
	}},
}

func join(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
