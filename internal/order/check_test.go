package order

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"till/internal/ledger"
	"till/internal/money"
)

// checker follows one order from outside and says what is wrong after each change. It knows what the
// machine must come to, not how: it calls no guard, no posting and none of the small functions the table
// uses. What it remembers it learned from the changes themselves.
type checker struct {
	told     map[PaymentKey]*heard
	due      money.Amount
	deadline time.Time
	replay   map[place]money.Amount // every posting so far
	cover    map[place]money.Amount // what order/short had to give an overdrawn account
	released map[place]money.Amount
	absorbed map[money.Asset]money.Amount

	paidOnce   bool
	completed  int
	withheld   bool // it completed while compliance was looking
	conflict   bool // a transfer called failed arrived
	everPassed map[string]bool
}

// heard is the last word of a rail about one payment.
type heard struct {
	epoch    uint64
	rank     Rank
	amount   money.Amount
	value    time.Time
	final    bool
	stranger bool
	listed   bool
	attempt  string
	source   ledger.Account
	role     ledger.Role // where it belongs, decided at confirmation
	assigned money.Amount
}

type place struct {
	account ledger.Account
	asset   money.Asset
}

func newChecker(t Terms) *checker {
	return &checker{told: map[PaymentKey]*heard{}, due: t.Due, deadline: t.Deadline,
		replay: map[place]money.Amount{}, cover: map[place]money.Amount{}, released: map[place]money.Amount{},
		absorbed: map[money.Asset]money.Amount{}, everPassed: map[string]bool{}}
}

// after checks one change: the order as it was, what was asked, and what came of it.
func (k *checker) after(was Order, c Change, out Outcome, err error) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	// An observation is never refused, a command exactly when it may not be; a refusal leaves no trace.
	allowed := k.allows(was, c)
	switch {
	case !isCommand(c.Kind) && err != nil:
		wrong("an observation was refused: %v", err)
	case isCommand(c.Kind) && allowed && err != nil:
		wrong("refused: %v", err)
	case isCommand(c.Kind) && !allowed && err == nil:
		wrong("not refused")
	}
	if err != nil {
		if out.Changed || len(out.Postings)+len(out.Events)+len(out.Rows) > 0 || out.Order.State != "" {
			wrong("a refusal left a trace")
		}
		return problems
	}
	o := out.Order
	if was.State == "" && c.Kind != Create {
		if out.Changed {
			wrong("an order that does not exist changed")
		}
		return problems
	}
	if !out.Changed && !reflect.DeepEqual(was, o) {
		wrong("changed, and says it did not")
	}

	problems = append(problems, k.entities(was, c, out)...)
	problems = append(problems, k.postings(out)...)
	problems = append(problems, k.events(was, out)...)
	problems = append(problems, k.state(o)...)
	problems = append(problems, k.books(o)...)
	return problems
}

// allows says whether a command may be given.
func (k *checker) allows(o Order, c Change) bool {
	t := o.Terms
	ended := isEnded(o.State)
	open := slices.Contains([]State{Documents, InReview, Waiting, Seen, Part}, o.State)
	review := reviewOf(o, c.Review)
	reviewable := o.State != "" && o.State != Expired && o.State != Cancelled && o.State != Failed
	within := func(a money.Amount, account ledger.Account) bool {
		return a.Sign() > 0 && a.Sub(k.replayed(account, a.Asset())).Sign() <= 0
	}
	aside := func(a ledger.Account) bool {
		for _, r := range []string{"extra", "late", "wrong", "unfit", "refused", "returned"} {
			if string(a) == string(t.Book)+"/suspense/"+r {
				return true
			}
		}
		return false
	}
	switch c.Kind {
	case Create:
		if o.State != "" || !c.QuoteEnd.IsZero() && c.At.After(c.QuoteEnd) {
			return false
		}
		if t.FromBalance && (c.Available.Asset() != t.Due.Asset() || c.Available.Sub(t.Due).Sign() < 0) {
			return false
		}
		seen := map[ReviewKind]bool{}
		for _, r := range c.Reviews {
			if seen[r.Kind] || r.State == ReviewApproved {
				return false
			}
			seen[r.Kind] = true
		}
		return true
	case Choose:
		for _, a := range o.Attempts {
			if a.ID == c.Attempt.ID {
				return false
			}
		}
		return open && (!t.OneAttempt || len(o.Attempts) == 0)
	case Cancel:
		if !open && o.State != Paid && o.State != Held {
			return false
		}
		if c.Actor == ByOperator {
			return true
		}
		counted, seen, _ := k.money(t)
		return c.Actor == ByMerchant && t.MerchantCancels && o.State != Held &&
			(t.FromBalance || counted.Sign() == 0 && seen.Sign() == 0)
	case Flag:
		r := reviewOf(o, Compliance)
		return (open || o.State == Paid || o.State == Held) && (r == nil || r.State == ReviewApproved)
	case Ask:
		return reviewable && review != nil && review.State == ReviewOpen
	case Given:
		return reviewable && review != nil && review.State == ReviewDocuments
	case Approve:
		return reviewable && review != nil && review.State == ReviewOpen && (review.Maker == "" || review.Maker != c.Who)
	case Refuse:
		return reviewable && review != nil && (review.State == ReviewOpen || review.State == ReviewDocuments)
	case Send:
		return o.State == Paid && transferOf(o, c.Transfer.ID) == nil
	case RefundIt:
		from := c.Transfer.Source
		merchant := from == ledger.Account(string(t.Book)+"/merchant") && !t.FromBalance
		return ended && transferOf(o, c.Transfer.ID) == nil && !strings.HasPrefix(string(t.Book), "wallet/") &&
			(merchant || aside(from)) && within(c.Transfer.Amount, from)
	case Release:
		return ended && aside(c.Account) && within(c.Amount, c.Account)
	case Absorb:
		short := k.replayed(ledger.Account(string(t.Book)+"/order/short"), c.Amount.Asset())
		return ended && c.Amount.Sign() > 0 && c.Amount.Add(short).Sign() <= 0
	case AssignIt:
		return open && k.told[c.Payment.PaymentKey] == nil && c.Payment.Amount.Sign() > 0 &&
			c.Payment.Booked == ledger.Account(string(t.Book)+"/suspense/stray")
	}
	return true
}

// entities checks that what the change names is what it must be now, and that nothing else moved.
func (k *checker) entities(was Order, c Change, out Outcome) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	o := out.Order
	if c.Kind == Create {
		k.due, k.deadline = o.Terms.Due, was.Terms.Deadline
		if !c.QuoteEnd.IsZero() && !o.Terms.FromBalance && (k.deadline.IsZero() || c.QuoteEnd.Before(k.deadline)) {
			k.deadline = c.QuoteEnd
		}
		if o.Terms.FromBalance {
			k.hear(was, PayConfirmed, Payment{PaymentKey: PaymentKey{"balance", c.Payment.External}, Amount: o.Terms.Due,
				Value: c.At, Source: ledger.Account(string(o.Terms.Book) + "/merchant")}, o.Terms)
		}
		for _, r := range c.Reviews {
			if now := reviewOf(o, r.Kind); now == nil || now.State != r.State {
				wrong("review %s is not there", r.Kind)
			}
		}
	}
	if !o.Terms.Deadline.Equal(k.deadline) {
		wrong("deadline is %v, not %v", o.Terms.Deadline, k.deadline)
	}

	// Payments: the largest (epoch, rank) told.
	eventsOf := func(prefix, ref string, key PaymentKey) (list []string) {
		for _, e := range out.Events {
			if strings.HasPrefix(e.Type, prefix) && e.Ref == ref && e.Payment == key {
				list = append(list, e.Type)
			}
		}
		return list
	}
	if slices.Contains([]ChangeKind{PaySeen, PayFailed, PayConfirmed, PayReversed, AssignIt}, c.Kind) {
		heardIt := k.hear(was, c.Kind, c.Payment, o.Terms)
		var want []string
		if heardIt {
			p := k.told[c.Payment.PaymentKey]
			want = []string{"payment." + map[Rank]string{1: "seen", 2: "failed", 3: "confirmed", 4: "reversed"}[p.rank]}
			if p.rank == RankConfirmed && p.role != "order/in" {
				want = append(want, "payment.aside")
			}
		}
		if got := eventsOf("payment.", "", c.Payment.PaymentKey); !slices.Equal(got, want) {
			wrong("payment events are %v, not %v", got, want)
		}
	}
	if !o.Terms.Due.Equal(k.due) {
		wrong("due is %v, not %v", o.Terms.Due, k.due)
	}
	if len(o.Payments) != len(k.told) {
		wrong("%d payments, %d told", len(o.Payments), len(k.told))
	}
	for _, p := range o.Payments {
		h := k.told[p.PaymentKey]
		if h == nil {
			wrong("payment %v was never told", p.PaymentKey)
			continue
		}
		booked := ledger.Account("")
		if h.rank == RankConfirmed {
			booked = ledger.Account(string(o.Terms.Book) + "/" + string(h.role))
		}
		if p.Epoch != h.epoch || p.Rank != h.rank || !p.Amount.Equal(h.amount) || !p.Value.Equal(h.value) || p.Booked != booked ||
			p.Source != h.source || p.Attempt != h.attempt || p.Final != h.final || p.Stranger != h.stranger || p.Listed != h.listed {
			wrong("payment %v is %+v, told was %+v", p.PaymentKey, p, *h)
		}
	}

	// Transfers: only the named one moves.
	for _, now := range o.Transfers {
		before, want := transferOf(was, now.ID), TransferReserved
		named := c.Transfer.ID == now.ID
		if before != nil {
			want = before.State
			if named {
				want = nextTransfer(before.State, c.Kind, isEnded(was.State))
			}
			if before.State == TransferFailed && want == TransferConfirmed {
				k.conflict = true
				if at := (place{now.Source, now.Amount.Asset()}); now.Purpose == Refund && strings.HasSuffix(string(now.Source), "/merchant") && !c.Lacks.IsZero() {
					k.cover[at] = money.Zero(at.asset).Add(k.cover[at]).Add(c.Lacks)
				}
			}
		} else if !named || c.Kind != Send && c.Kind != RefundIt {
			wrong("transfer %s came from nowhere", now.ID)
		}
		if now.State != want {
			wrong("transfer %s is %s, not %s", now.ID, now.State, want)
		}
		var events []string
		switch {
		case before == nil && now.Purpose == Refund:
			events = []string{"refund.reserved"}
		case before == nil:
			events = []string{"order.delivering"}
		case before.State == TransferFailed && want == TransferConfirmed:
			events = []string{"transfer.conflict"}
		case before.State != want:
			events = []string{string(now.Purpose) + "." + string(want)}
		}
		if got := eventsOf("", now.ID, PaymentKey{}); !slices.Equal(got, events) {
			wrong("events of transfer %s are %v, not %v", now.ID, got, events)
		}
	}

	// Reviews: only the named one moves.
	for _, now := range o.Reviews {
		before := reviewOf(was, now.Kind)
		if before == nil {
			if c.Kind == Flag && (now.Kind != Compliance || now.State != ReviewOpen) {
				wrong("flag opened %+v", now)
			}
			continue
		}
		want := before.State
		if c.Kind == Flag && now.Kind == Compliance && before.State == ReviewApproved {
			want = ReviewOpen
		}
		if c.Review == now.Kind {
			switch c.Kind {
			case Ask:
				want = ReviewDocuments
			case Given:
				want = ReviewOpen
				if len(c.Missing) > 0 {
					want = ReviewDocuments
				}
			case Approve:
				want = ReviewApproved
			case Refuse:
				want = ReviewRefused
			}
		}
		if now.State != want {
			wrong("review %s is %s, not %s", now.Kind, now.State, want)
		}
	}

	// Attempts: one in progress at most, none in an ended order, succeeded with its payment.
	inProgress := 0
	for _, now := range o.Attempts {
		if now.State == AttemptOpen || now.State == AttemptPending {
			inProgress++
		}
		before := AttemptState("")
		for _, a := range was.Attempts {
			if a.ID == now.ID {
				before = a.State
			}
		}
		want := before
		named := now.ID == c.Attempt.ID
		busy := before == AttemptOpen || before == AttemptPending
		switch {
		case before == "":
			want = AttemptOpen
		case k.succeeds(was, c, now.ID):
			want = AttemptSucceeded
		case named && c.Kind == AttemptIsPending && before == AttemptOpen:
			want = AttemptPending
		case named && c.Kind == AttemptIsLost && busy:
			want = AttemptDeclined
		case named && c.Kind == AttemptIsLeft && busy, busy && c.Kind == Choose:
			want = AttemptAbandoned
		}
		if isEnded(o.State) && (want == AttemptOpen || want == AttemptPending) {
			want = AttemptAbandoned
		}
		if now.State != want {
			wrong("attempt %s is %s, not %s", now.ID, now.State, want)
		}
	}
	if inProgress > 1 || inProgress > 0 && isEnded(o.State) {
		wrong("%d attempts in progress", inProgress)
	}
	return problems
}

// hear takes a word in and says whether it was news.
func (k *checker) hear(was Order, kind ChangeKind, p Payment, t Terms) bool {
	rank := map[ChangeKind]Rank{PaySeen: 1, PayFailed: 2, PayConfirmed: 3, AssignIt: 3, PayReversed: 4}[kind]
	h, known := k.told[p.PaymentKey]
	if known && (p.Epoch < h.epoch || p.Epoch == h.epoch && rank <= h.rank) {
		return false
	}
	if p.Amount.Sign() < 0 || p.Amount.IsZero() && (!known || rank == RankSeen || rank == RankConfirmed) {
		return false
	}
	if !known {
		h = &heard{value: p.Value, source: p.Source}
		k.told[p.PaymentKey] = h
	}
	wasConfirmed := h.rank == RankConfirmed
	h.epoch, h.rank = p.Epoch, rank
	h.final, h.stranger, h.listed = rank == RankReversed && p.Final, p.Stranger, p.Listed
	if !p.Amount.IsZero() {
		h.amount = p.Amount
	}
	if p.Value.Before(h.value) {
		h.value = p.Value
	}
	if p.Attempt != "" {
		h.attempt = p.Attempt
	}
	if kind == AssignIt {
		h.assigned = p.Amount
	}
	open := slices.Contains([]State{Documents, InReview, Waiting, Seen, Part}, was.State)
	if t.DueFollows && open && len(k.told) == 1 && !wasConfirmed && (kind == PaySeen || kind == PayConfirmed) && h.amount.Asset() == k.due.Asset() {
		k.due = h.amount
	}
	h.role = k.belongs(t, h)
	return true
}

// belongs is the role a payment is booked under.
func (k *checker) belongs(t Terms, h *heard) ledger.Role {
	if h.amount.Asset() != k.due.Asset() || h.stranger {
		return "suspense/wrong"
	}
	if h.listed {
		return "suspense/refused"
	}
	if t.FromBalance && strings.Contains(string(h.source), "/outside/") {
		return "suspense/wrong"
	}
	if !k.deadline.IsZero() && h.value.After(k.deadline) {
		return "suspense/late"
	}
	if t.Whole {
		difference := h.amount.Sub(k.due)
		if difference.Add(t.Under).Sign() < 0 || !t.OverAny && difference.Sub(t.Over).Sign() > 0 {
			return "suspense/unfit"
		}
	}
	return "order/in"
}

// money is what counts, what is seen and would count, and what a reorganisation took and may give back.
func (k *checker) money(t Terms) (counted, seen, gone money.Amount) {
	counted, seen, gone = money.Zero(k.due.Asset()), money.Zero(k.due.Asset()), money.Zero(k.due.Asset())
	for _, h := range k.told {
		if h.rank == RankReversed && !h.final && k.belongs(t, h) == "order/in" {
			gone = gone.Add(h.amount)
		}
		switch {
		case h.role != "order/in":
		case h.rank == RankConfirmed:
			counted = counted.Add(h.amount)
		case h.rank == RankSeen && k.belongs(t, h) == "order/in":
			seen = seen.Add(h.amount)
		}
	}
	return counted, seen, gone
}

// succeeds says whether the change confirmed the payment of an attempt.
func (k *checker) succeeds(was Order, c Change, attempt string) bool {
	h := k.told[c.Payment.PaymentKey]
	if c.Kind != PayConfirmed && c.Kind != AssignIt || h == nil || h.attempt != attempt || h.rank != RankConfirmed {
		return false
	}
	for _, p := range was.Payments {
		if p.PaymentKey == c.Payment.PaymentKey {
			return p.Epoch != h.epoch || p.Rank != h.rank
		}
	}
	return true
}

func nextTransfer(s TransferState, kind ChangeKind, ended bool) TransferState {
	flying := s == TransferReserved || s == TransferSent || s == TransferUnknown
	switch {
	case kind == Sent && flying:
		return TransferSent
	case kind == Unknown && flying:
		return TransferUnknown
	case kind == Delivered && (flying || s == TransferFailed):
		return TransferConfirmed
	case kind == Undelivered && flying, kind == ReturnedBack && flying:
		return TransferFailed
	case kind == ReturnedBack && s == TransferConfirmed && ended:
		return TransferReturned
	case kind == ReturnedBack && s == TransferConfirmed:
		return TransferFailed
	}
	return s
}

// postings: each moves something between two accounts, and their sum is what the order says it has.
func (k *checker) postings(out Outcome) (problems []string) {
	for _, p := range out.Postings {
		if p.Amount.Sign() <= 0 || p.From == p.To || p.Row == "" {
			problems = append(problems, fmt.Sprintf("bad posting %+v", p))
		}
		from, to := place{p.From, p.Amount.Asset()}, place{p.To, p.Amount.Asset()}
		k.replay[from] = k.replay[from].Sub(p.Amount)
		k.replay[to] = k.replay[to].Add(p.Amount)
	}
	lines := 0
	for _, amount := range k.replay {
		if !amount.IsZero() {
			lines++
		}
	}
	if lines != len(out.Order.Balances) {
		problems = append(problems, fmt.Sprintf("%d lines of balances, the postings leave %d", len(out.Order.Balances), lines))
	}
	for i, b := range out.Order.Balances {
		if !k.replayed(b.Account, b.Amount.Asset()).Equal(b.Amount) {
			problems = append(problems, fmt.Sprintf("balance of %s is %s, the postings say %s", b.Account, b.Amount, k.replayed(b.Account, b.Amount.Asset())))
		}
		if i > 0 {
			before := out.Order.Balances[i-1]
			if string(before.Account)+" "+before.Amount.Asset().String() >= string(b.Account)+" "+b.Amount.Asset().String() {
				problems = append(problems, "balances are not sorted")
			}
		}
	}
	return problems
}

func (k *checker) replayed(a ledger.Account, asset money.Asset) money.Amount {
	return money.Zero(asset).Add(k.replay[place{a, asset}])
}

// events: one order event for each change of state, in a chain that only goes where it may.
func (k *checker) events(was Order, out Outcome) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	state := was.State
	for _, e := range out.Events {
		name, isOrder := strings.CutPrefix(e.Type, "order.")
		if !isOrder {
			if e.State != state {
				wrong("%s carries %s while the order is %s", e.Type, e.State, state)
			}
			continue
		}
		next := State(name)
		if name == "created" {
			next = Waiting
		}
		if e.State != next || next == state {
			wrong("%s carries %s after %s", e.Type, e.State, state)
		}
		if isEnded(state) {
			wrong("%s after the end (%s)", e.Type, state)
		}
		switch next {
		case Paid:
			k.paidOnce = true
		case Completed:
			k.completed++
			if !k.paidOnce || k.completed > 1 {
				wrong("completed: paid before %v, times %d", k.paidOnce, k.completed)
			}
			if r := reviewOf(out.Order, Compliance); r != nil && out.Order.Terms.CompleteOnCollect &&
				(r.State == ReviewOpen || r.State == ReviewDocuments) {
				k.withheld = true
			}
		case Expired:
			if state == Paid || state == Held || state == Delivering {
				wrong("expired from %s", state)
			}
		case Delivering:
			if state != Paid {
				wrong("delivering from %s", state)
			}
		}
		state = next
	}
	if state != out.Order.State {
		wrong("the events end at %s, the order at %s", state, out.Order.State)
	}
	return problems
}

// state: the order stands where its facts put it. This also notices what should have happened and did not.
func (k *checker) state(o Order) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	t := o.Terms
	before := func(states ...ReviewState) bool {
		for _, r := range o.Reviews {
			if r.Kind != Compliance && slices.Contains(states, r.State) {
				return true
			}
		}
		return false
	}
	looking, refused := false, false
	if r := reviewOf(o, Compliance); r != nil {
		looking, refused = r.State == ReviewOpen || r.State == ReviewDocuments, r.State == ReviewRefused
	}
	counted, seen, gone := k.money(t)
	least := k.due.Sub(t.Under)
	enough := counted.Sub(least).Sign() >= 0
	clean := !before(ReviewDocuments, ReviewOpen, ReviewRefused)
	over := !k.deadline.IsZero() && o.Through.After(k.deadline) && !enough &&
		!(t.SeenWaits && counted.Add(seen).Add(gone).Sub(least).Sign() >= 0 && o.Through.Before(t.ConfirmBy))
	lost := false
	if t.OneAttempt && counted.IsZero() && seen.IsZero() {
		for _, a := range o.Attempts {
			lost = lost || a.State == AttemptDeclined || a.State == AttemptAbandoned
		}
		for _, h := range k.told {
			lost = lost || h.rank == RankFailed || h.rank == RankReversed && h.final || h.rank == RankConfirmed && h.role == "suspense/unfit"
		}
	}
	flying, confirmed, tried, failed := 0, 0, 0, 0
	for _, tr := range o.Transfers {
		if tr.Purpose != Delivery {
			continue
		}
		tried++
		switch tr.State {
		case TransferReserved, TransferSent, TransferUnknown:
			flying++
		case TransferConfirmed, TransferReturned:
			confirmed++
		case TransferFailed:
			failed++
		}
	}
	if flying > 1 || tried > t.Sends {
		wrong("%d deliveries in flight, %d tried", flying, tried)
	}

	switch o.State {
	case Documents, InReview, Waiting, Seen, Part:
		want := Waiting
		switch {
		case before(ReviewRefused):
			want = Failed
		case clean && enough:
			want = Paid
		case lost:
			want = Failed
		case over:
			want = Expired
		case before(ReviewDocuments):
			want = Documents
		case before(ReviewOpen):
			want = InReview
		case seen.Sign() > 0:
			want = Seen
		case counted.Sign() > 0:
			want = Part
		}
		if o.State != want {
			wrong("the order is %s and should be %s", o.State, want)
		}
	case Paid:
		if !clean || !enough || t.Instant || looking || refused || flying+confirmed > 0 {
			wrong("the order is paid and should not be")
		}
	case Held:
		if !clean || !enough || !looking || flying+confirmed > 0 {
			wrong("the order is held and should not be")
		}
	case Delivering:
		if flying != 1 || confirmed > 0 {
			wrong("the order is delivering, with %d in flight and %d arrived", flying, confirmed)
		}
	case Completed:
		if !t.Instant && confirmed == 0 && !k.everPassed["completed"] {
			wrong("the order is completed and nothing arrived")
		}
	case Failed:
		ok := map[Reason]bool{ReasonRefused: refused || before(ReviewRefused), ReasonAttemptLost: t.OneAttempt,
			ReasonDeliveries: tried == t.Sends && tried > 0}
		if !ok[o.Reason] || k.justNow(Failed) && o.Reason == ReasonDeliveries && failed != tried || k.justNow(Failed) && o.Reason == ReasonAttemptLost && !lost {
			wrong("the order failed for %q", o.Reason)
		}
	case Expired:
		if k.justNow(Expired) && (!over || !clean && before(ReviewRefused)) {
			wrong("the order expired and should not have")
		}
	}
	if isEnded(o.State) {
		k.everPassed[string(o.State)] = true
	}
	for name := range k.everPassed {
		if name != string(o.State) {
			wrong("the order left %s for %s", name, o.State)
		}
	}

	// The overlay.
	refunding, back := false, false
	for _, tr := range o.Transfers {
		flies := tr.State == TransferReserved || tr.State == TransferSent || tr.State == TransferUnknown
		refunding = refunding || tr.Purpose == Refund && flies
		back = back || tr.Purpose == Refund && tr.State == TransferConfirmed ||
			t.FromBalance && tr.Purpose == Delivery && tr.State == TransferReturned
	}
	if (o.Overlay == Refunding) != (isEnded(o.State) && refunding) || o.Overlay == Refunded && !back {
		wrong("the overlay is %q", o.Overlay)
	}
	return problems
}

// justNow says that the order came to this end with the last change.
func (k *checker) justNow(s State) bool { return !k.everPassed[string(s)] }

// books: each account holds what payments, transfers and commands say.
func (k *checker) books(o Order) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	t := o.Terms
	acct := func(role string) ledger.Account { return ledger.Account(string(t.Book) + "/" + role) }
	house := func(role string) ledger.Account {
		if strings.HasPrefix(string(t.Book), "wallet/") {
			return acct(role)
		}
		return ledger.Account("house/" + role)
	}
	want := map[place]money.Amount{}
	add := func(a ledger.Account, m money.Amount) {
		at := place{a, m.Asset()}
		want[at] = want[at].Add(m)
	}
	net := k.due.Sub(t.Fee)
	if t.Referral != (Referral{}) {
		net = net.Sub(t.Referral.Amount)
	}
	outAmount := net
	exchange := !t.Out.Asset().IsZero() && t.Out.Asset() != t.Due.Asset()
	if exchange {
		outAmount = t.Out
	}

	for _, h := range k.told {
		if !h.assigned.IsZero() {
			add(acct("suspense/stray"), h.assigned.Neg())
			add(h.source, h.assigned)
		}
		if h.rank == RankConfirmed {
			add(h.source, h.amount.Neg())
			add(acct(string(h.role)), h.amount)
		}
	}
	costs := 0
	for _, tr := range o.Transfers {
		flies := tr.State == TransferReserved || tr.State == TransferSent || tr.State == TransferUnknown
		if tr.Purpose == Refund {
			switch {
			case flies:
				add(tr.Source, tr.Amount.Neg())
				add(acct("order/refunding"), tr.Amount)
			case tr.State == TransferConfirmed:
				add(tr.Source, tr.Amount.Neg())
				add(tr.To, tr.Amount)
			}
			continue
		}
		if !tr.Amount.Equal(outAmount) || tr.To != t.To {
			wrong("delivery %s is of %s to %s", tr.ID, tr.Amount, tr.To)
		}
		switch {
		case flies:
			add(acct("order/out"), outAmount)
			costs++
		case tr.State == TransferConfirmed:
			add(t.To, outAmount)
			costs++
		case tr.State == TransferReturned && t.FromBalance:
			add(acct("merchant"), outAmount)
			costs++
		case tr.State == TransferReturned:
			add(acct("suspense/returned"), outAmount)
			costs++
		}
	}
	if t.Instant && o.State == Completed {
		lies := ledger.Account("")
		if k.withheld {
			switch reviewOf(o, Compliance).State {
			case ReviewRefused:
				lies = acct("suspense/refused")
			case ReviewOpen, ReviewDocuments:
				lies = acct("merchant/withheld")
			}
		}
		if lies != "" { // all of it, so that all of it can go back
			add(acct("order/in"), k.due.Neg())
			add(lies, k.due)
		} else {
			costs++
			add(t.To, outAmount)
			if t.Referral != (Referral{}) {
				add(t.Referral.To, t.Referral.Amount)
			}
		}
	}
	for range costs {
		add(house("fee"), money.Zero(k.due.Asset()).Add(t.Fee))
		add(acct("order/in"), k.due.Neg())
		if exchange {
			add(house("fx"), net)
			add(house("fx"), t.Out.Neg())
		}
	}
	for at, m := range k.released {
		add(at.account, m.Neg())
		add(acct("merchant"), m)
	}
	for _, m := range k.absorbed {
		add(house("loss"), m.Neg())
		add(acct("order/short"), m)
	}

	// What was taken out of suspense, or from the merchant, and then turned out not to be there, is short.
	covered := []string{"suspense/late", "suspense/wrong", "suspense/unfit", "suspense/refused", "suspense/returned"}
	if !t.FromBalance {
		covered = append(covered, "merchant")
	}
	for _, asset := range []money.Asset{usdt, dai, eur, clp} {
		for _, role := range covered {
			at := place{acct(role), asset}
			if k.cover[at].IsZero() {
				k.cover[at] = money.Zero(asset)
			}
			if missing := money.Zero(asset).Add(want[at]).Add(k.cover[at]); missing.Sign() < 0 {
				k.cover[at] = k.cover[at].Sub(missing)
			}
			add(at.account, k.cover[at])
			add(acct("order/short"), k.cover[at].Neg())
		}
	}

	// in, extra and short change into each other by rules of their own; their sum does not. An order from
	// the balance gives back to the merchant instead of to extra.
	merged := []ledger.Account{acct("order/in"), acct("suspense/extra"), acct("order/short")}
	if t.FromBalance {
		merged = append(merged, acct("merchant"))
	}
	for at := range k.replay {
		add(at.account, money.Zero(at.asset)) // so that all are looked at
	}
	sums := map[money.Asset][2]money.Amount{}
	for at, m := range want {
		got := k.replayed(at.account, at.asset)
		if slices.Contains(merged, at.account) {
			s := sums[at.asset]
			sums[at.asset] = [2]money.Amount{s[0].Add(got), s[1].Add(m)}
			continue
		}
		if !got.Equal(m) {
			wrong("%s is %s and should be %s", at.account, got.Units(), m.Units())
		}
	}
	for asset, s := range sums {
		if !s[0].Equal(s[1]) {
			wrong("in, extra and short are %s together and should be %s", s[0], s[1])
		}
		in, extra, short := k.replayed(merged[0], asset), k.replayed(merged[1], asset), k.replayed(merged[2], asset)
		if in.Sign() < 0 || extra.Sign() < 0 || short.Sign() > 0 {
			wrong("in %s, extra %s, short %s", in, extra, short)
		}
		if in.Sign() > 0 && (short.Sign() < 0 || isEnded(o.State)) {
			wrong("in %s beside short %s in state %s", in, short, o.State)
		}
		if extra.Sign() > 0 && (short.Sign() < 0 || !isEnded(o.State) || t.FromBalance) {
			wrong("extra %s beside short %s in state %s", extra, short, o.State)
		}
		if t.FromBalance && !k.conflict {
			covers := money.Zero(asset).Add(k.absorbed[asset])
			for at, m := range k.cover {
				if at.asset == asset {
					covers = covers.Sub(m)
				}
			}
			if !short.Equal(covers) {
				wrong("short is %s and should be %s", short, covers)
			}
		}
	}
	mayBeNegative := []ledger.Account{acct("order/short"), acct("suspense/stray"), house("fx"), house("loss")}
	for at, m := range k.replay {
		free := slices.Contains(mayBeNegative, at.account) || strings.Contains(string(at.account), "outside/payer") ||
			t.FromBalance && at.account == acct("merchant")
		if m.Sign() < 0 && !free {
			wrong("%s is %s", at.account, m)
		}
	}
	return problems
}

// accepted remembers what commands moved; call it before after.
func (k *checker) accepted(c Change) {
	switch c.Kind {
	case Release:
		at := place{c.Account, c.Amount.Asset()}
		k.released[at] = k.released[at].Add(c.Amount)
	case Absorb:
		k.absorbed[c.Amount.Asset()] = k.absorbed[c.Amount.Asset()].Add(c.Amount)
	}
}

func isEnded(s State) bool {
	return s == Completed || s == Expired || s == Cancelled || s == Failed
}

func isCommand(k ChangeKind) bool {
	return !slices.Contains([]ChangeKind{Tick, PaySeen, PayFailed, PayConfirmed, PayReversed, AttemptIsPending, AttemptIsLost,
		AttemptIsLeft, Sent, Unknown, Delivered, Undelivered, ReturnedBack}, k)
}

func reviewOf(o Order, kind ReviewKind) *Review {
	for i := range o.Reviews {
		if o.Reviews[i].Kind == kind {
			return &o.Reviews[i]
		}
	}
	return nil
}

func transferOf(o Order, id string) *Transfer {
	for i := range o.Transfers {
		if o.Transfers[i].ID == id {
			return &o.Transfers[i]
		}
	}
	return nil
}
