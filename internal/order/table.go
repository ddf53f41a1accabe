package order

import "slices"

// Row is one line of the machine. Nothing moves that has no row.
//
// A change first moves the entity it names: of the rows of that entity, the first whose Change, From,
// While and Guards all hold fires, and only that one. So a guard does not repeat what an earlier row
// has excluded, and the order of the rows is part of the contract. Then the order derives its own
// state: the first OfFact row that fits fires, again and again until none does. Last, the OfBooks rows
// do the same for the order's accounts, asset by asset.
//
// A tick has no row of its own: it moves Order.Through, and the facts do the rest.
type Row struct {
	ID       string
	Entity   Entity
	From     []string     // states of the entity; "none": it does not exist yet
	Change   []ChangeKind // facts and books have none
	While    []string     // states of the order, where they matter beside From; empty: any
	Guards   []Guard      // all must hold
	To       string       // the entity's new state; empty: unchanged
	OrderTo  State        // the order's new state, where the row moves another entity too
	Reason   Reason       // why the order failed
	Do       []Action     // postings, in order
	Event    string       // "*" stands for delivery or refund; empty: nothing is told
	AsideToo string       // a second event, told when the payment's money does not count
	Doc      string
}

// Entity is which of the machines a row belongs to.
type Entity string

const (
	OfPayment  Entity = "payment"
	OfAttempt  Entity = "attempt"
	OfTransfer Entity = "transfer"
	OfReview   Entity = "review"
	OfOrder    Entity = "order" // commands
	OfFact     Entity = "fact"  // the order, derived
	OfBooks    Entity = "books" // the order's accounts; never a state
)

// Rows is the whole machine, in order.
func Rows() []Row { return slices.Clone(rows) }

// AsTold is the To of a row whose change says the new state itself.
const AsTold = "as told"

var (
	none        = []string{"none"}
	unconfirmed = []string{"none", "seen", "failed", "reversed"}
	confirmed   = []string{"confirmed"}

	collecting = names(Documents, InReview, Waiting, Seen, Part)
	live       = names(Documents, InReview, Waiting, Seen, Part, Paid, Held)
	terminal   = names(Completed, Expired, Cancelled, Failed)
	standing   = names(Documents, InReview, Waiting, Seen, Part, Paid, Held, Delivering, Completed)
	everywhere = names(States()...)
)

type table []Row

var rows = table{
	// Payment: what arrived. It is the largest (epoch, rank) told, so repetition and disorder need no rows.

	{ID: "P1", Entity: OfPayment, From: unconfirmed, Change: on(PayConfirmed), Guards: all(newer, worth), To: "confirmed",
		Do: do(followDue, book), Event: "payment.confirmed", AsideToo: "payment.aside",
		Doc: "Final money is booked; where to depends on the payment and the terms alone."},
	{ID: "P2", Entity: OfPayment, From: unconfirmed, Change: on(PaySeen), Guards: all(newer, worth), To: "seen",
		Do: do(followDue), Event: "payment.seen",
		Doc: "Seen money is shown and never booked."},
	{ID: "P3", Entity: OfPayment, From: unconfirmed, Change: on(PayFailed), Guards: all(newer, worth), To: "failed",
		Event: "payment.failed",
		Doc:   "It will not come."},
	{ID: "P4", Entity: OfPayment, From: unconfirmed, Change: on(PayReversed), Guards: all(newer, worth), To: "reversed",
		Event: "payment.reversed",
		Doc:   "It was taken back before it was final."},
	{ID: "P5", Entity: OfPayment, From: confirmed, Change: on(PayReversed), Guards: all(newer, worth), To: "reversed",
		Do: do(unbook), Event: "payment.reversed",
		Doc: "A reorganisation, a chargeback, a refund by the gateway: one and the same."},
	{ID: "P6", Entity: OfPayment, From: confirmed, Change: on(PaySeen), Guards: all(newer, worth), To: "seen",
		Do: do(unbook), Event: "payment.seen",
		Doc: "Mined again in another block and not final there yet."},
	{ID: "P7", Entity: OfPayment, From: confirmed, Change: on(PayFailed), Guards: all(newer, worth), To: "failed",
		Do: do(unbook), Event: "payment.failed",
		Doc: "Failed in the history that replaced the old one."},
	{ID: "P8", Entity: OfPayment, From: confirmed, Change: on(PayConfirmed), Guards: all(newer, worth), To: "confirmed",
		Do: do(unbook, book), Event: "payment.confirmed", AsideToo: "payment.aside",
		Doc: "Final in another block; the amount may be another."},

	// Attempt: a method chosen by the payer.

	{ID: "A1", Entity: OfAttempt, From: none, Change: on(Choose), While: collecting, Guards: all(anotherAttempt), To: "open",
		Event: "attempt.open",
		Doc:   "The payer chooses a method; other attempts in progress are abandoned by A4."},
	{ID: "A2", Entity: OfAttempt, From: names(AttemptOpen), Change: on(AttemptIsPending), To: "pending",
		Event: "attempt.pending",
		Doc:   "The far side works on it."},
	{ID: "A3", Entity: OfAttempt, From: names(AttemptOpen, AttemptPending), Change: on(AttemptIsLost), To: "declined",
		Event: "attempt.declined",
		Doc:   "The far side refused it."},
	{ID: "A4", Entity: OfAttempt, From: names(AttemptOpen, AttemptPending), Change: on(AttemptIsLeft), To: "abandoned",
		Event: "attempt.abandoned",
		Doc:   "Its session ended, another method was chosen, or the order ended."},
	{ID: "A5", Entity: OfAttempt, From: names(AttemptOpen, AttemptPending, AttemptDeclined, AttemptAbandoned), Change: on(PayConfirmed), To: "succeeded",
		Event: "attempt.succeeded",
		Doc:   "Its payment was confirmed, whatever was thought of it before."},

	// Transfer: what was sent, a delivery or a refund.

	{ID: "O4", Entity: OfTransfer, From: none, Change: on(Send), While: names(Paid), To: "reserved", OrderTo: Delivering,
		Do: do(takeFee, sendOut), Event: "order.delivering",
		Doc: "The worker reserves the money before it calls the rail: the point of no return."},
	{ID: "T1", Entity: OfTransfer, From: none, Change: on(RefundIt), While: terminal, Guards: all(custodial, sourceHolds, toPayer), To: "reserved",
		Do: do(reserveRefund), Event: "refund.reserved",
		Doc: "Money of an ended order is set aside to go back."},
	{ID: "T2", Entity: OfTransfer, From: names(TransferReserved, TransferUnknown), Change: on(Sent), To: "sent",
		Event: "*.sent",
		Doc:   "The rail took it."},
	{ID: "T3", Entity: OfTransfer, From: names(TransferReserved, TransferSent), Change: on(Unknown), To: "unknown",
		Event: "*.unknown",
		Doc:   "Nobody knows whether the rail took it: it is looked up, never sent again."},
	{ID: "T4", Entity: OfTransfer, From: names(TransferReserved, TransferSent, TransferUnknown), Change: on(Delivered), To: "confirmed",
		Do: do(arrive, arriveRefund), Event: "*.confirmed",
		Doc: "It arrived."},
	{ID: "T5", Entity: OfTransfer, From: names(TransferReserved, TransferSent, TransferUnknown), Change: on(Undelivered), To: "failed",
		Do: do(outBack, feeBack, refundBack), Event: "*.failed",
		Doc: "It did not arrive: all of it comes back, conversion and fee included."},
	{ID: "T6", Entity: OfTransfer, From: names(TransferFailed), Change: on(Delivered), To: "confirmed",
		Do: do(takeFee, sendOut, coverSpent, reserveRefund, arrive, arriveRefund), Event: "transfer.conflict",
		Doc: "It was called failed and arrived after all: an alarm; what is missing for it becomes a shortfall."},
	{ID: "T7", Entity: OfTransfer, From: names(TransferConfirmed), Change: on(ReturnedBack), While: terminal, To: "returned",
		Do: do(comeBack, comeBackRefund), Event: "*.returned",
		Doc: "The far side sent it back after the order ended."},
	{ID: "T8", Entity: OfTransfer, From: names(TransferReserved, TransferSent, TransferUnknown), Change: on(ReturnedBack), To: "failed",
		Do: do(outBack, feeBack, refundBack), Event: "*.failed",
		Doc: "Sent back before its arrival was told: a failure."},
	{ID: "T9", Entity: OfTransfer, From: names(TransferConfirmed), Change: on(ReturnedBack), To: "failed",
		Do: do(comeBackToOut, outBack, feeBack), Event: "*.failed",
		Doc: "Sent back while the order is still open: a failure, and the money can be sent again."},

	// Review: what a person must decide.

	{ID: "R0", Entity: OfReview, From: none, Change: on(Create), Guards: all(needsSomebody), To: AsTold,
		Doc: "Each verdict given with create opens its review."},
	{ID: "R1", Entity: OfReview, From: names("none", string(ReviewApproved)), Change: on(Flag), While: live, To: "open",
		Event: "review.open",
		Doc:   "Compliance wants to look, perhaps again; after the money is on its way it is too late."},
	{ID: "R2", Entity: OfReview, From: names(ReviewOpen), Change: on(Ask), While: standing, To: "documents",
		Event: "review.documents",
		Doc:   "The reviewer asks for documents."},
	{ID: "R3", Entity: OfReview, From: names(ReviewDocuments), Change: on(Given), While: standing, Guards: all(nothingMissing), To: "open",
		Event: "review.open",
		Doc:   "The last missing document was given."},
	{ID: "R4", Entity: OfReview, From: names(ReviewDocuments), Change: on(Given), While: standing, To: "documents",
		Event: "review.documents",
		Doc:   "Some documents were given, others are still missing."},
	{ID: "R5", Entity: OfReview, From: names(ReviewOpen), Change: on(Approve), While: standing, Guards: all(notByMaker), To: "approved",
		Event: "review.approved",
		Doc:   "Approved, by another person than the maker."},
	{ID: "R6", Entity: OfReview, From: names(ReviewOpen, ReviewDocuments), Change: on(Refuse), While: standing, To: "refused",
		Event: "review.refused",
		Doc:   "Refused."},

	// Order: commands.

	{ID: "O1", Entity: OfOrder, From: none, Change: on(Create), Guards: all(termsHold, quoteLive, balanceSuffices), To: "waiting",
		Do: do(shorten), Event: "order.created",
		Doc: "The order exists; its reviews follow by R0 and, collected from the balance, its payment by P1."},
	{ID: "O2", Entity: OfOrder, From: live, Change: on(Cancel), Guards: all(byOperator), To: "cancelled",
		Event: "order.cancelled",
		Doc:   "An operator cancels until the money is on its way."},
	{ID: "O3", Entity: OfOrder, From: names(Documents, InReview, Waiting, Seen, Part, Paid), Change: on(Cancel), Guards: all(byMerchant, merchantCancels, noForeignMoney), To: "cancelled",
		Event: "order.cancelled",
		Doc:   "The merchant cancels where the terms allow it and no payer's money is involved; never past a hold."},
	{ID: "O5", Entity: OfOrder, From: terminal, Change: on(Release), Guards: all(suspenseHolds),
		Do: do(release), Event: "funds.released",
		Doc: "Money set aside is given to the merchant, by an operator or, where the order says so, by the engine itself: so late money is accepted. The order stays ended."},
	{ID: "O6", Entity: OfOrder, From: terminal, Change: on(Absorb), Guards: all(shortBy),
		Do: do(absorb), Event: "funds.absorbed",
		Doc: "The house writes a shortfall off."},
	{ID: "O7", Entity: OfPayment, From: none, Change: on(AssignIt), While: collecting, Guards: all(worth, liesInStray), To: "confirmed",
		Do: do(bookFromStray), Event: "payment.confirmed", AsideToo: "payment.aside",
		Doc: "Money of nobody becomes this order's, as if it had been told of now, with its own value time."},

	// Order: facts. Until paid the order is what its payments and reviews say, so a reorganisation needs no row.

	{ID: "O10", Entity: OfFact, From: collecting, Guards: all(refusedBeforePayment), To: "failed", Reason: ReasonRefused,
		Event: "order.failed",
		Doc:   "A review that comes before the payment was refused."},
	{ID: "O11", Entity: OfFact, From: collecting, Guards: all(cleared, enough), To: "paid",
		Event: "order.paid",
		Doc:   "Nothing is left to decide and the money is there."},
	{ID: "O12", Entity: OfFact, From: collecting, Guards: all(attemptLost), To: "failed", Reason: ReasonAttemptLost,
		Event: "order.failed",
		Doc:   "The only attempt is lost and nothing else counts."},
	{ID: "O13", Entity: OfFact, From: collecting, Guards: all(pastDeadline, notEnough, notWaitingForSeen), To: "expired",
		Event: "order.expired",
		Doc:   "Time is over. What is paid, held or being delivered never expires, nor what is under review with all its money."},
	{ID: "O14", Entity: OfFact, From: collecting, Guards: all(documentsMissing), To: "documents",
		Event: "order.documents",
		Doc:   "The customer must give documents first."},
	{ID: "O15", Entity: OfFact, From: collecting, Guards: all(reviewOpen, noDocumentsMissing), To: "review",
		Event: "order.review",
		Doc:   "A person must decide first."},
	{ID: "O16", Entity: OfFact, From: names(Documents, InReview, Waiting, Seen, Part, Paid, Held, Delivering), Guards: all(notSending, cleared, notEnough, somethingSeen), To: "seen",
		Event: "order.seen",
		Doc:   "Money is on its way. (From delivering only when a delivery failed and another may be tried: here and in the next two.)"},
	{ID: "O17", Entity: OfFact, From: names(Documents, InReview, Waiting, Seen, Part, Paid, Held, Delivering), Guards: all(notSending, cleared, notEnough, nothingSeen, somethingCounted), To: "part",
		Event: "order.part",
		Doc:   "Some of it is there."},
	{ID: "O18", Entity: OfFact, From: names(Documents, InReview, Waiting, Seen, Part, Paid, Held, Delivering), Guards: all(notSending, cleared, nothingSeen, nothingCounted), To: "waiting",
		Event: "order.waiting",
		Doc:   "Nothing is there."},
	{ID: "O20", Entity: OfFact, From: names(Paid, Held, Delivering), Guards: all(deliveryConfirmed), To: "completed",
		Event: "order.completed",
		Doc:   "It was delivered."},
	{ID: "O21", Entity: OfFact, From: names(Paid), Guards: all(complianceOpen, holdsOrder), To: "held",
		Event: "order.held",
		Doc:   "The money is in, and compliance looks."},
	{ID: "O22", Entity: OfFact, From: names(Held), Guards: all(complianceNotOpen, complianceNotRefused), To: "paid",
		Event: "order.paid",
		Doc:   "Compliance has nothing against it."},
	{ID: "O23", Entity: OfFact, From: names(Paid, Held), Guards: all(complianceRefused), To: "failed", Reason: ReasonRefused,
		Event: "order.failed",
		Doc:   "Compliance refused; the money is set aside."},
	{ID: "O24", Entity: OfFact, From: names(Paid), Guards: all(instant, complianceNotOpen), To: "completed",
		Do: do(takeFee, payReferral, deliver), Event: "order.completed",
		Doc: "Delivery is a posting, made here."},
	{ID: "O25", Entity: OfFact, From: names(Paid), Guards: all(instant), To: "completed",
		Do: do(withhold), Event: "order.completed",
		Doc: "Only an order that completes on collection comes here with an open compliance review: its funds wait, not the order. All of it waits, fees included, so that all of it can go back."},
	{ID: "O26", Entity: OfFact, From: names(Completed), Guards: all(somethingWithheld, complianceApproved),
		Do: do(takeFeeWithheld, payReferralWithheld, makeAvailable), Event: "funds.available",
		Doc: "The withheld funds become the merchant's."},
	{ID: "O27", Entity: OfFact, From: names(Completed), Guards: all(somethingWithheld, complianceRefused),
		Do: do(refuseFunds), Event: "funds.refused",
		Doc: "The withheld funds are set aside; the order stays completed."},
	{ID: "O28", Entity: OfFact, From: names(Delivering), Guards: all(nothingInFlight, sendsLeft), To: "paid",
		Event: "order.paid",
		Doc:   "The delivery failed, its money is back, and it may be tried again."},
	{ID: "O29", Entity: OfFact, From: names(Delivering), Guards: all(nothingInFlight), To: "failed", Reason: ReasonDeliveries,
		Event: "order.failed",
		Doc:   "Every delivery failed."},

	// Books: the order's own accounts, per asset. They change no state and tell nothing.

	{ID: "B1", Entity: OfBooks, From: everywhere, Guards: all(inAbove, shortBelow), Do: do(repayFromIn),
		Doc: "Counted money repays a shortfall first."},
	{ID: "B3", Entity: OfBooks, From: everywhere, Guards: all(inBelow), Do: do(coverIn),
		Doc: "What was passed on and is not there is a shortfall."},
	{ID: "B4", Entity: OfBooks, From: terminal, Guards: all(inAbove), Do: do(clearIn),
		Doc: "An ended order keeps nothing in."},
	{ID: "B5", Entity: OfBooks, From: everywhere, Guards: all(overdrawn), Do: do(coverOverdrawn),
		Doc: "Money was reversed or returned after it had been refunded: a shortfall."},
	{ID: "B6", Entity: OfBooks, From: terminal, Guards: all(extraAbove, shortBelow), Do: do(repayFromExtra),
		Doc: "Surplus repays a shortfall."},
}

func on(changes ...ChangeKind) []ChangeKind { return changes }
func all(guards ...Guard) []Guard           { return guards }
func do(actions ...Action) []Action         { return actions }

func names[S ~string](states ...S) []string {
	list := make([]string, len(states))
	for i, s := range states {
		list[i] = string(s)
	}
	return list
}
