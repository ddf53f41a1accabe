package client

import (
	"strconv"
	"time"
)

// Amount is money. It is never a JSON number.
type Amount struct {
	Decimal  string `json:"decimal" doc:"with all decimals of the asset" example:"100.000000"`
	Units    string `json:"units" doc:"whole number of the smallest unit" example:"100000000"`
	Asset    string `json:"asset" doc:"code, number of decimals and network" example:"USDT/6@ethereum-sepolia"`
	Currency string `json:"currency" doc:"the asset's code" example:"USDT"`
}

// Order is an order and everything that happened to it. Times of the order itself are on its mode's clock,
// times of entries and events are true times.
type Order struct {
	ID         string     `json:"id" doc:"public id, in the form of the API that made it"`
	Merchant   string     `json:"merchant"`
	Mode       string     `json:"mode" enum:"live,sandbox"`
	Dialect    string     `json:"dialect" doc:"the API it was made through"`
	Arrival    bool       `json:"arrival,omitempty" doc:"made by a payment to a standing instruction, whose reference it has"`
	Reference  string     `json:"reference,omitempty" doc:"the merchant's own"`
	Network    string     `json:"network,omitempty"`
	Instrument string     `json:"instrument,omitempty" doc:"the address or reference it is paid to"`
	State      string     `json:"state"`
	Overlay    string     `json:"overlay,omitempty" doc:"where refunds stand"`
	Reason     string     `json:"reason,omitempty" doc:"why it failed or was cancelled"`
	Due        Amount     `json:"due"`
	Received   Amount     `json:"received" doc:"confirmed payments that count"`
	Deadline   *time.Time `json:"deadline,omitempty" doc:"the last value time that counts"`
	ConfirmBy  *time.Time `json:"confirmBy,omitempty" doc:"until when money seen by the deadline is waited for"`
	CreatedAt  time.Time  `json:"createdAt"`
	UpdatedAt  time.Time  `json:"updatedAt"`
	EndedAt    *time.Time `json:"endedAt,omitempty"`

	Waiting  Waiting `json:"waiting" doc:"why it is where it is, and what would move it"`
	Timeline []Step  `json:"timeline" nullable:"false" doc:"everything that happened, in words, oldest first"`

	Gateway *AtGateway `json:"gateway,omitempty" doc:"its payment at a payment gateway; absent: it is not paid through one"`

	Balances  []Balance       `json:"balances" nullable:"false" doc:"the order's own share of each account, zero left out"`
	Payments  []Payment       `json:"payments" nullable:"false"`
	Transfers []Transfer      `json:"transfers" nullable:"false" doc:"deliveries and refunds"`
	Reviews   []Review        `json:"reviews" nullable:"false"`
	Entries   []Entry         `json:"entries" nullable:"false" doc:"what was booked, oldest first"`
	Events    []Event         `json:"events" nullable:"false" doc:"what happened, oldest first"`
	Messages  []Message       `json:"messages" nullable:"false" doc:"the webhooks that tell of it"`
	Proposed  *ProposedRefund `json:"proposedRefund,omitempty" doc:"what may be given back of an order whose product was not handed over; the refund command does it"`
}

// AtGateway is an order's payment at a payment gateway, as the gateway says: nothing of it counts as money by itself.
type AtGateway struct {
	Gateway string     `json:"gateway" doc:"its name in the config"`
	Request string     `json:"request" doc:"what the gateway repeats in all it says of the payment"`
	To      string     `json:"to" doc:"the address that the money must arrive at"`
	Payment string     `json:"payment,omitempty" doc:"the gateway's id of it; absent: it has none yet"`
	Status  string     `json:"status,omitempty" doc:"where it stands there: unpaid, started, completed, bounced, over"`
	Note    string     `json:"note,omitempty" doc:"what went another way than it should"`
	URL     string     `json:"url,omitempty" doc:"where it is paid"`
	Tx      string     `json:"tx,omitempty" doc:"the transaction that brought the money"`
	From    string     `json:"from,omitempty" doc:"who paid"`
	ToldAt  *time.Time `json:"toldAt,omitempty" doc:"true time at which the gateway last said something new; absent: never"`
}

// Payment is money that arrived, with the last word of its rail.
type Payment struct {
	Rail          string     `json:"rail"`
	External      string     `json:"external" doc:"the rail's id of the payment"`
	Amount        Amount     `json:"amount"`
	State         string     `json:"state" enum:"seen,failed,confirmed,reversed"`
	Epoch         uint64     `json:"epoch" doc:"grows when the rail's own history was replaced"`
	Tx            string     `json:"tx,omitempty"`
	Block         uint64     `json:"block,omitempty"`
	BlockHash     string     `json:"blockHash,omitempty"`
	Confirmations uint64     `json:"confirmations"`
	From          string     `json:"from,omitempty"`
	To            string     `json:"to,omitempty"`
	Booked        string     `json:"booked,omitempty" doc:"the account its money was booked to; absent: not booked"`
	BookedRole    string     `json:"bookedRole,omitempty"`
	ValueAt       time.Time  `json:"valueAt" doc:"what decides whether it is in time"`
	ToldAt        time.Time  `json:"toldAt" doc:"when it was first told"`
	SettledAt     *time.Time `json:"settledAt,omitempty" doc:"when its present state was told"`
}

// Entry is the postings of one change.
type Entry struct {
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Postings []Posting `json:"postings" nullable:"false"`
}

// Posting moves an amount from one account to another.
type Posting struct {
	Row      string `json:"row" doc:"the row of the state machine that made it"`
	From     string `json:"from"`
	FromRole string `json:"fromRole" doc:"what the account means, the same for every merchant"`
	To       string `json:"to"`
	ToRole   string `json:"toRole"`
	Amount   Amount `json:"amount"`
}

// Event is one thing that happened to an order.
type Event struct {
	Seq     int64     `json:"seq" doc:"counts the order's events from 1"`
	Type    string    `json:"type" example:"order.completed"`
	State   string    `json:"state" doc:"of the order at this event"`
	Overlay string    `json:"overlay,omitempty"`
	Row     string    `json:"row" doc:"the row of the state machine that fired"`
	At      time.Time `json:"at"`
}

// Message is one event told to one webhook endpoint.
type Message struct {
	ID         string     `json:"id" doc:"as the receiver sees it, the same at every attempt and every endpoint"`
	MessageID  string     `json:"messageId" doc:"of this message to this endpoint; what replay takes"`
	Type       string     `json:"type" doc:"the event's name in the order's API"`
	Endpoint   string     `json:"endpoint"`
	State      string     `json:"state" enum:"pending,delivered,exhausted,cancelled"`
	Attempts   int        `json:"attempts"`
	LastStatus int        `json:"lastStatus,omitempty" doc:"HTTP status of the last attempt; absent: no answer yet"`
	LastError  string     `json:"lastError,omitempty"`
	NextAt     *time.Time `json:"nextAt,omitempty" doc:"when it is tried next; only while pending"`
	CreatedAt  time.Time  `json:"createdAt"`
	DoneAt     *time.Time `json:"doneAt,omitempty"`
}

// Instrument is one address, bank reference or virtual account of a pool.
type Instrument struct {
	Family    string     `json:"family" example:"evm"`
	Address   string     `json:"address"`
	State     string     `json:"state" enum:"available,allocated,bound,cooldown,quarantined,used,archived"`
	Order     string     `json:"order,omitempty" doc:"public id of the order that holds it"`
	Reference string     `json:"reference,omitempty" doc:"of the standing instruction that holds it"`
	CreatedAt time.Time  `json:"createdAt"`
	RestUntil *time.Time `json:"restUntil,omitempty" doc:"when its cooldown ends"`
}

// InstrumentPage is one page of a pool.
type InstrumentPage struct {
	Instruments []Instrument `json:"instruments" nullable:"false"`
	Next        string       `json:"next,omitempty" doc:"what to pass as after for the next page; absent: this is the last"`
}

// InstrumentCounts is how many instruments a pool has in each state.
type InstrumentCounts struct {
	Total       int64 `json:"total"`
	Available   int64 `json:"available"`
	Allocated   int64 `json:"allocated" doc:"to orders"`
	Bound       int64 `json:"bound" doc:"to standing instructions"`
	Cooldown    int64 `json:"cooldown"`
	Archived    int64 `json:"archived"`
	Quarantined int64 `json:"quarantined" doc:"money arrived there that no order waited for: an operator must look"`
	Used        int64 `json:"used" doc:"derived, and held once: they never serve again"`
}

// Balance is what stands on one account in one asset; it can be negative.
type Balance struct {
	Account string `json:"account"`
	Role    string `json:"role" doc:"what the account means, the same for every merchant"`
	Amount  Amount `json:"amount"`
}

// BalanceList is the balances of a merchant's books.
type BalanceList struct {
	Balances []Balance `json:"balances" nullable:"false"`
}

// Clock is where a mode's clock stands.
type Clock struct {
	Mode          string    `json:"mode" enum:"live,sandbox"`
	OffsetSeconds int64     `json:"offsetSeconds" doc:"how far it is ahead of true time"`
	Now           time.Time `json:"now" doc:"the time on this clock"`
}

// ClockMove asks for a step of a mode's clock.
type ClockMove struct {
	Mode           string `json:"mode" enum:"live,sandbox" doc:"the live clock cannot be moved"`
	AdvanceSeconds int64  `json:"advanceSeconds" minimum:"1" maximum:"315360000" doc:"at most ten years"`
}

// Problem is a refusal (RFC 9457). Code is stable, for programs; Detail is for people.
type Problem struct {
	Type    string            `json:"type" doc:"always about:blank: the code says what is wrong"`
	Title   string            `json:"title"`
	Status  int               `json:"status"`
	Code    string            `json:"code" example:"not_found"`
	Detail  string            `json:"detail"`
	Param   string            `json:"param,omitempty" doc:"the field or parameter at fault"`
	Details map[string]string `json:"details,omitempty" doc:"facts for programs"`
}

// Error is the refusal in one line.
func (p *Problem) Error() string {
	s := strconv.Itoa(p.Status) + " " + p.Title
	if p.Code != "" {
		s += ": " + p.Code
	}
	if p.Param != "" {
		s += " (" + p.Param + ")"
	}
	if p.Detail != "" {
		s += ": " + p.Detail
	}
	return s
}
