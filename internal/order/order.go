// Package order is the state machine of a payment order: what was agreed (Order), what arrived
// (Payment), how the payer chose to pay (Attempt), what was sent (Transfer) and what a person must
// decide (Review).
//
// It is pure: Apply takes an order and one change and returns the next order with the postings and
// events that belong to it. No clock, no IO; the time comes in with the change. It knows nothing of
// merchants' APIs, networks or databases.
//
// table.go holds every row of the machine, in order; apply.go runs them. The engine package calls it.
package order

import (
	"time"

	"till/internal/ledger"
	"till/internal/money"
)

// State is where an order stands. The comment of each says who acts next.
type State string

const (
	Documents  State = "documents"  // the customer: documents are missing
	InReview   State = "review"     // a reviewer, or a second person of the merchant
	Waiting    State = "waiting"    // the payer
	Seen       State = "seen"       // the collecting rail: enough or not, money was seen in time and is not confirmed
	Part       State = "part"       // the payer: confirmed, but less than due
	Paid       State = "paid"       // the delivery worker; all is still reversible
	Held       State = "held"       // a reviewer: compliance opened while the money is in
	Delivering State = "delivering" // the delivering rail; the point of no return
	Completed  State = "completed"  // nobody; terminal
	Expired    State = "expired"    // nobody; terminal
	Cancelled  State = "cancelled"  // nobody; terminal
	Failed     State = "failed"     // nobody; terminal
)

// States lists every state in the order of the documentation.
func States() []State {
	return []State{Documents, InReview, Waiting, Seen, Part, Paid, Held, Delivering, Completed, Expired, Cancelled, Failed}
}

// Terminal says whether no change leaves the state.
func (s State) Terminal() bool {
	return s == Completed || s == Expired || s == Cancelled || s == Failed
}

// Collecting says whether money may still make the order paid.
func (s State) Collecting() bool {
	return s == Documents || s == InReview || s == Waiting || s == Seen || s == Part
}

// Live says whether the order can still be cancelled: collecting, paid or held.
func (s State) Live() bool { return s.Collecting() || s == Paid || s == Held }

// Overlay tells of refunds beside the state: a terminal order stays terminal while its money goes back.
type Overlay string

const (
	NoOverlay Overlay = ""
	Refunding Overlay = "refunding"
	Refunded  Overlay = "refunded"
)

// Terms are what was agreed: plain data, fixed when the order is created. What differs between order
// kinds in behaviour differs here and nowhere else.
type Terms struct {
	Book ledger.Book `json:"book"` // who holds the collected money

	Due money.Amount   `json:"due"`          // what must be collected; Fee is inside it
	Fee money.Amount   `json:"fee,omitzero"` // the house's share of Due, in Due's asset
	Out money.Amount   `json:"out,omitzero"` // what is delivered; zero value: Due less Fee and Referral, without conversion
	To  ledger.Account `json:"to"`           // the account delivered to

	Referral Referral `json:"referral,omitzero"` // what somebody else earns by the order; inside Due too

	FromBalance bool         `json:"fromBalance,omitempty"` // collected from the merchant's own balance; failure gives it back there
	Whole       bool         `json:"whole,omitempty"`       // a payment must fit alone, else it is set aside; false: parts add up
	Under       money.Amount `json:"under,omitzero"`        // tolerated shortfall
	Over        money.Amount `json:"over,omitzero"`         // tolerated surplus of a Whole payment
	OverAny     bool         `json:"overAny,omitempty"`     // any surplus is tolerated and set aside
	OneAttempt  bool         `json:"oneAttempt,omitempty"`  // losing the only attempt fails the order
	DueFollows  bool         `json:"dueFollows,omitempty"`  // a standing instruction's arrival: Due is what its payment says, until that is confirmed

	Deadline  time.Time `json:"deadline,omitzero"`   // the last value time that counts (window and grace); zero: none
	SeenWaits bool      `json:"seenWaits,omitempty"` // at the deadline wait for money seen in time that would suffice, also while a reorganisation has taken it
	ConfirmBy time.Time `json:"confirmBy,omitzero"`  // ... up to here

	Instant           bool `json:"instant,omitempty"`           // delivery is a posting, not a transfer
	Sends             int  `json:"sends,omitempty"`             // how often a delivery is tried before the order fails
	CompleteOnCollect bool `json:"completeOnCollect,omitempty"` // an open compliance review withholds the funds, not the order
	MerchantCancels   bool `json:"merchantCancels,omitempty"`   // the merchant may cancel while no foreign money is seen or counted
}

// Referral is a share of Due that goes to a merchant who brought the order, when it is completed.
type Referral struct {
	To     ledger.Account `json:"to"`
	Amount money.Amount   `json:"amount"`
}

// Reason says why an order failed or was cancelled. A cancelled order has the reason its command
// gave; a failed one has one of the constants.
type Reason string

const (
	ReasonRefused     Reason = "refused"            // a review was refused
	ReasonAttemptLost Reason = "attempt_lost"       // the only attempt was lost
	ReasonDeliveries  Reason = "deliveries_used_up" // every delivery failed
)

// Order is one order as the machine sees it. Treat it as a value: Apply never changes its argument.
type Order struct {
	Terms     Terms      `json:"terms"`
	State     State      `json:"state"`
	Overlay   Overlay    `json:"overlay,omitempty"`
	Reason    Reason     `json:"reason,omitempty"`
	Through   time.Time  `json:"through,omitzero"` // the largest time ticked through
	Attempts  []Attempt  `json:"attempts,omitempty"`
	Transfers []Transfer `json:"transfers,omitempty"`
	Reviews   []Review   `json:"reviews,omitempty"`
	Balances  []Balance  `json:"balances,omitempty"` // the order's own share of each account; sorted by account, then asset; zero lines left out

	// Payments are kept beside the rest by the store: there can be many, and each is found by its rail's id.
	Payments []Payment `json:"-"`
}

// Balance is the order's own share of one account in one asset.
type Balance struct {
	Account ledger.Account `json:"account"`
	Amount  money.Amount   `json:"amount"`
}

// Rank orders what a rail can say of one payment within one epoch: the larger word stands.
type Rank uint8

const (
	RankSeen      Rank = 1
	RankFailed    Rank = 2
	RankConfirmed Rank = 3
	RankReversed  Rank = 4
)

// String is the rank as the state of a payment: "none" before the first word.
func (r Rank) String() string {
	switch r {
	case RankSeen:
		return "seen"
	case RankFailed:
		return "failed"
	case RankConfirmed:
		return "confirmed"
	case RankReversed:
		return "reversed"
	}
	return "none"
}

// BalanceRail is the rail of the payment that collects from the merchant's own balance.
const BalanceRail = "balance"

// PaymentKey names a payment: the rail and the id the rail gives it.
type PaymentKey struct {
	Rail     string `json:"rail"`
	External string `json:"external"`
}

// Payment is money that arrived. It keeps the largest (Epoch, Rank) told.
type Payment struct {
	PaymentKey
	Epoch    uint64         `json:"epoch"` // grows when the rail's own history was replaced (a chain reorganisation)
	Rank     Rank           `json:"rank"`
	Amount   money.Amount   `json:"amount"`
	Value    time.Time      `json:"value"`             // value time: the earliest told; when it was told, where the rail has none
	Told     time.Time      `json:"told"`              // when it was first told
	Settled  time.Time      `json:"settled,omitzero"`  // when the present rank was told
	Booked   ledger.Account `json:"booked,omitempty"`  // where its money was booked at confirmation; empty: not booked
	Source   ledger.Account `json:"source"`            // where its money comes from
	Evidence Evidence       `json:"evidence,omitzero"` // what the rail can show for it
	Attempt  string         `json:"attempt,omitempty"` // the attempt it belongs to, where there are attempts
	// Stranger says that somebody else sent it than who must pay the order: it does not count.
	Stranger bool `json:"stranger,omitempty"`
	// Listed says that its sender is on a list and the merchant wants no such money: it does not count.
	Listed bool `json:"listed,omitempty"`
	// Final says that a reversed payment cannot come again (card, bank, gateway; never a chain).
	Final bool `json:"final,omitempty"`
}

// Evidence is what a rail can show for a payment. The machine never reads it.
type Evidence struct {
	Tx        string    `json:"tx,omitempty"`    // transaction hash, or the far side's id
	Block     uint64    `json:"block,omitempty"` // block number
	BlockHash string    `json:"blockHash,omitempty"`
	Index     uint64    `json:"index,omitempty"` // its place in the block: an EVM log's index
	At        time.Time `json:"at,omitzero"`     // on the rail's own clock: the block's time, the value date
	From      string    `json:"from,omitempty"`  // sending address or account
	To        string    `json:"to,omitempty"`    // the instrument it arrived at
	Name      string    `json:"name,omitempty"`  // the payer's name, where the rail reports it
	Document  string    `json:"document,omitempty"`
	Text      string    `json:"text,omitempty"` // what the payer wrote, where the rail reports it
}

// Attempt is one method chosen by the payer.
type Attempt struct {
	ID     string       `json:"id"`
	Method string       `json:"method"`
	State  AttemptState `json:"state"`
}

// AttemptState is where an attempt stands.
type AttemptState string

const (
	AttemptOpen      AttemptState = "open"
	AttemptPending   AttemptState = "pending"
	AttemptDeclined  AttemptState = "declined"
	AttemptAbandoned AttemptState = "abandoned"
	AttemptSucceeded AttemptState = "succeeded"
)

// Purpose says why money was sent.
type Purpose string

const (
	Delivery Purpose = "delivery"
	Refund   Purpose = "refund"
)

// TransferState is where a transfer stands.
type TransferState string

const (
	TransferReserved  TransferState = "reserved"
	TransferSent      TransferState = "sent"
	TransferUnknown   TransferState = "unknown"
	TransferConfirmed TransferState = "confirmed"
	TransferFailed    TransferState = "failed"
	TransferReturned  TransferState = "returned"
)

// InFlight says whether the money is neither here nor there.
func (s TransferState) InFlight() bool {
	return s == TransferReserved || s == TransferSent || s == TransferUnknown
}

// Transfer is money that was sent: a delivery or a refund.
type Transfer struct {
	ID      string         `json:"id"`
	Purpose Purpose        `json:"purpose"`
	State   TransferState  `json:"state"`
	Amount  money.Amount   `json:"amount"`           // what leaves order/out or order/refunding
	Source  ledger.Account `json:"source,omitempty"` // a refund: the account it is taken from
	To      ledger.Account `json:"to,omitempty"`     // a refund: the account it goes to (the payer on its rail); a delivery: Terms.To
	Rail    string         `json:"rail,omitempty"`
	At      time.Time      `json:"at"`
}

// ReviewKind says what is looked at.
type ReviewKind string

const (
	Screening  ReviewKind = "screening"  // before payment
	Approval   ReviewKind = "approval"   // before payment: a second person
	Compliance ReviewKind = "compliance" // while or after the money is in
)

// ReviewState is where a review stands.
type ReviewState string

const (
	ReviewDocuments ReviewState = "documents"
	ReviewOpen      ReviewState = "open"
	ReviewApproved  ReviewState = "approved"
	ReviewRefused   ReviewState = "refused"
)

// Review is something a person must decide.
type Review struct {
	Kind    ReviewKind  `json:"kind"`
	State   ReviewState `json:"state"`
	Maker   string      `json:"maker,omitempty"`   // who may not approve it
	Missing []string    `json:"missing,omitempty"` // documents asked for
	By      string      `json:"by,omitempty"`      // who decided
	Reason  Reason      `json:"reason,omitempty"`  // why it was refused, in the words of who refused
}

// ChangeKind names what can happen to an order.
type ChangeKind string

// Commands: when no row fits they are refused with order_state_conflict and leave no trace.
const (
	Create   ChangeKind = "create"
	Choose   ChangeKind = "choose" // a method: opens an attempt
	Cancel   ChangeKind = "cancel"
	Flag     ChangeKind = "flag"
	Ask      ChangeKind = "ask"
	Given    ChangeKind = "given"
	Approve  ChangeKind = "approve"
	Refuse   ChangeKind = "refuse"
	Send     ChangeKind = "send"
	RefundIt ChangeKind = "refund"
	Release  ChangeKind = "release"
	Absorb   ChangeKind = "absorb"
	AssignIt ChangeKind = "assign" // money of nobody becomes this order's
)

// Observations: never refused; when no row fits they are a success without effect.
const (
	Tick             ChangeKind = "tick"
	PaySeen          ChangeKind = "pay_seen"
	PayFailed        ChangeKind = "pay_failed"
	PayConfirmed     ChangeKind = "pay_confirmed"
	PayReversed      ChangeKind = "pay_reversed"
	AttemptIsPending ChangeKind = "attempt_pending"
	AttemptIsLost    ChangeKind = "declined"
	AttemptIsLeft    ChangeKind = "abandoned"
	Sent             ChangeKind = "sent"
	Unknown          ChangeKind = "unknown"
	Delivered        ChangeKind = "delivered"
	Undelivered      ChangeKind = "undelivered"
	ReturnedBack     ChangeKind = "returned"
)

// IsCommand says that somebody wants it: it can be refused. Else it is an observation: it happened.
func (k ChangeKind) IsCommand() bool {
	switch k {
	case Create, Choose, Cancel, Flag, Ask, Given, Approve, Refuse, Send, RefundIt, Release, Absorb, AssignIt:
		return true
	}
	return false
}

// Actor says in which capacity a command is given.
type Actor string

const (
	ByMerchant Actor = "merchant"
	ByOperator Actor = "operator"
	ByEngine   Actor = "engine"
	ByPayer    Actor = "payer"
)

// Change is one thing that happened, or that somebody wants. Only the fields its kind names are read.
type Change struct {
	Kind  ChangeKind
	At    time.Time // the transaction's time
	Actor Actor     // commands
	Who   string    // commands: the person or key, for the four-eyes guard

	Through time.Time // tick: everything up to here has been told

	// Payment is for pay_*: key, epoch, amount, value, source, evidence, attempt, final; the rank follows
	// from Kind. For assign: the whole stray record, whose Booked is the account its money lies in. For
	// create of a FromBalance order: the external id under which the collection is kept (the order's id).
	Payment Payment

	Attempt Attempt // choose, attempt_pending, declined, abandoned

	Transfer Transfer // send: id, rail; refund: id, amount, source, to, rail; sent ... returned: id

	Review  ReviewKind // flag (always compliance), ask, given, approve, refuse: which review
	Missing []string   // ask, given: documents missing

	Reviews   []Review     // create: reviews to open
	Available money.Amount // create of a FromBalance order: the merchant's free balance in Due's asset
	Lacks     money.Amount // delivered, of a refund that was called failed: how much less than it the merchant's balance is; zero: nothing
	QuoteEnd  time.Time    // create: when the quote ends; zero: no quote

	Amount  money.Amount   // release, absorb
	Account ledger.Account // release: the suspense account
	Reason  Reason         // cancel, refuse
}

// Posting is a ledger posting with the row of the table that made it.
type Posting struct {
	ledger.Posting
	Row string
}

// Event is one thing to tell. State and Overlay are the order's at that moment.
type Event struct {
	Type    string // "order.completed", "payment.seen", ...
	Row     string
	State   State
	Overlay Overlay
	Payment PaymentKey // payment.*: which
	Ref     string     // delivery.*, refund.*, review.*, attempt.*: which
}

// Outcome is what a change did. Changed is false when nothing did: a repeated observation.
type Outcome struct {
	Order    Order
	Postings []Posting
	Events   []Event
	Rows     []string // the rows that fired, in order
	Changed  bool
}
