package worker

import (
	"slices"

	"till/internal/engine"
)

// lane is the queue of one endpoint, so that a dead endpoint holds up no other. All of it is guarded by
// Send's mutex.
//
// Messages of one order start in the order of its events and never two at a time: a later one waits
// until the attempt before it is over, whatever its outcome. It does not wait for a retry, so a message
// that keeps failing delays the next by one attempt at most.
type lane struct {
	claimed  map[string]bool // ids of messages that wait, are in flight or are not recorded yet
	waiting  []engine.Message
	orders   map[string]bool // those with a message in flight
	flying   int
	troubled bool // the last attempt failed: one probe at a time until one succeeds
	queued   bool // in Send.ready
	more     bool // the database has messages that are due and not claimed
}

func newLane() *lane {
	return &lane{claimed: map[string]bool{}, orders: map[string]bool{}}
}

// claim queues messages that were not claimed when the database was asked. One that was may be recorded
// by now, and the copy read is old.
func (l *lane) claim(list []engine.Message, before map[string]bool) (n int) {
	for _, m := range list {
		if before[m.ID] {
			continue
		}
		l.claimed[m.ID] = true
		l.waiting = append(l.waiting, m)
		n++
	}
	return n
}

// next is the place of the message to start; -1 when none may be.
func (l *lane) next(width int) int {
	if l.troubled {
		width = 1
	}
	if l.flying >= width {
		return -1
	}
	return slices.IndexFunc(l.waiting, func(m engine.Message) bool { return !l.orders[m.OrderID] })
}

// take starts the message at that place.
func (l *lane) take(i int) engine.Message {
	m := l.waiting[i]
	l.waiting = slices.Delete(l.waiting, i, i+1)
	l.orders[m.OrderID] = true
	l.flying++
	return m
}

// land ends an attempt.
func (l *lane) land(m engine.Message) {
	delete(l.orders, m.OrderID)
	l.flying--
}

// forget gives up the messages that wait; they stay due in the database.
func (l *lane) forget() {
	for _, m := range l.waiting {
		delete(l.claimed, m.ID)
	}
	l.waiting = nil
}
