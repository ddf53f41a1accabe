package order

import (
	"math/big"

	"till/internal/money"
)

var scenarios = []scenario{

	// Money on a chain, to a wallet the merchant holds.

	{name: "exact", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000                | P2 O16        | seen       | payment.seen order.seen
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= merchant 1000, outside/payer:rail -1000`},

	{name: "two parts", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 400            | P1 O17        | part       | payment.confirmed order.part
		= order/in 400, outside/payer:rail -400
		seen b 600                 | P2 O16        | seen       | payment.seen order.seen
		confirmed b 600            | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= merchant 1000, outside/payer:rail -1000`}, // case 10

	{name: "overpaid", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1300           | P1 O11 O24 B4 | completed  | payment.confirmed order.paid order.completed
		= merchant 1000, suspense/extra 300, outside/payer:rail -1300`}, // case 10

	{name: "underpaid and expired", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 999            | P1 O17        | part       | payment.confirmed order.part
		tick @900                  | -             | part
		tick @901                  | O13 B4        | expired    | order.expired
		= suspense/extra 999, outside/payer:rail -999`}, // case 10

	{name: "paid in the grace, told after it", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 @890      | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		tick @901                  | -             | completed`},

	{name: "late", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 @901      | P1            | waiting    | payment.confirmed payment.aside
		= suspense/late 1000, outside/payer:rail -1000
		tick @950                  | O13           | expired    | order.expired
		release 1000 from suspense/late | O5            | expired    | funds.released
		= merchant 1000, outside/payer:rail -1000`},

	{name: "value one second before the deadline", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 @899      | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed`}, // case 29
	{name: "value at the deadline", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 @900      | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed`}, // case 29
	{name: "value one second after the deadline", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 @901      | P1            | waiting    | payment.confirmed payment.aside
		= suspense/late 1000, outside/payer:rail -1000`}, // case 29
	{name: "value a month after the deadline", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		tick @901                  | O13           | expired    | order.expired
		confirmed a 1000 @2592000  | P1            | expired    | payment.confirmed payment.aside
		= suspense/late 1000, outside/payer:rail -1000`}, // case 29

	{name: "in time and told after the expiry", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		tick @901                  | O13           | expired    | order.expired
		confirmed a 1000 @800      | P1 B4         | expired    | payment.confirmed
		= suspense/extra 1000, outside/payer:rail -1000`},

	{name: "wrong asset", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000DAI             | P2            | waiting    | payment.seen
		confirmed a 1000DAI        | P1            | waiting    | payment.confirmed payment.aside
		= suspense/wrong 1000DAI, outside/payer:rail -1000DAI
		confirmed b 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		release 1000DAI from suspense/wrong | O5            | completed  | funds.released
		= merchant 1000, merchant 1000DAI, outside/payer:rail -1000, outside/payer:rail -1000DAI`},

	{name: "nothing is worth nothing", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 0                   | -             | waiting
		confirmed a 0              | -             | waiting
		failed a 0                 | -             | waiting
		reversed a 0               | -             | waiting
		confirmed a -5             | -             | waiting
		= nothing`}, // case 22

	{name: "reorganised before final and mined again", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 e1             | P2 O16        | seen       | payment.seen order.seen
		reversed a 1000 e1         | P4 O18        | waiting    | payment.reversed order.waiting
		seen a 1000 e2             | P2 O16        | seen       | payment.seen order.seen
		confirmed a 1000 e2        | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		confirmed a 1000 e2        | -             | completed
		= merchant 1000, outside/payer:rail -1000`}, // case 14

	{name: "mined again after the deadline is still in time", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 e1 @880        | P2 O16        | seen       | payment.seen order.seen
		seen a 1000 e2 @960        | P2            | seen       | payment.seen
		tick @1000                 | -             | seen
		confirmed a 1000 e2 @960   | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed`}, // case 14

	{name: "reorganised, dropped, expired", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 e1             | P2 O16        | seen       | payment.seen order.seen
		reversed a 1000 e1         | P4 O18        | waiting    | payment.reversed order.waiting
		tick @2699                 | -             | waiting
		tick @2700                 | O13           | expired    | order.expired
		= nothing`}, // case 14

	{name: "failed and never came", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000                | P2 O16        | seen       | payment.seen order.seen
		failed a 1000              | P3 O18        | waiting    | payment.failed order.waiting
		tick @901                  | O13           | expired    | order.expired`},

	{name: "a part reorganised out after it was final", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 400 e1         | P1 O17        | part       | payment.confirmed order.part
		seen a 400 e2              | P6 O16        | seen       | payment.seen order.seen
		= nothing
		confirmed a 450 e2         | P1 O17        | part       | payment.confirmed order.part
		confirmed a 500 e3         | P8            | part       | payment.confirmed
		= order/in 500, outside/payer:rail -500
		failed a 500 e4            | P7 O18        | waiting    | payment.failed order.waiting
		= nothing`}, // case 14

	{name: "reversed after completion", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 e1        | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		reversed a 0 e1            | P5 B3         | completed  | payment.reversed
		= merchant 1000, order/short -1000
		confirmed a 1000 e2        | P1 B1         | completed  | payment.confirmed
		= merchant 1000, outside/payer:rail -1000`}, // case 15

	{name: "reversed after completion, absorbed", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1200           | P1 O11 O24 B4 | completed  | payment.confirmed order.paid order.completed
		absorb 1                   | ! order_state_conflict
		reversed a 1200            | P5 B3 B6      | completed  | payment.reversed
		= merchant 1000, order/short -1000
		absorb 1001                | ! order_state_conflict
		absorb 0                   | ! order_state_conflict
		absorb 1000                | O6            | completed  | funds.absorbed
		= merchant 1000, loss -1000
		confirmed b 10             | P1 B4         | completed  | payment.confirmed
		= merchant 1000, loss -1000, suspense/extra 10, outside/payer:rail -10`}, // case 15

	{name: "seen at the deadline waits and completes", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 400            | P1 O17        | part       | payment.confirmed order.part
		seen b 600 @900            | P2 O16        | seen       | payment.seen order.seen
		tick @1000                 | -             | seen
		tick @2699                 | -             | seen
		confirmed b 600 @900       | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed`},

	{name: "seen at the deadline and not confirmed in time", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 @900           | P2 O16        | seen       | payment.seen order.seen
		tick @2699                 | -             | seen
		tick @2700                 | O13           | expired    | order.expired
		confirmed a 1000 @900      | P1 B4         | expired    | payment.confirmed
		= suspense/extra 1000, outside/payer:rail -1000`},

	{name: "seen at the deadline and fails after it", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 @900           | P2 O16        | seen       | payment.seen order.seen
		tick @1000                 | -             | seen
		failed a 1000              | P3 O13        | expired    | payment.failed order.expired`},

	{name: "seen at the deadline, taken back by a reorganisation and mined again", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 @900           | P2 O16        | seen       | payment.seen order.seen
		tick @1000                 | -             | seen
		reversed a 1000            | P4 O18        | waiting    | payment.reversed order.waiting
		tick @2699                 | -             | waiting
		confirmed a 1000 @900 e1   | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= merchant 1000, outside/payer:rail -1000`},

	{name: "taken back before the deadline and not mined again", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 400            | P1 O17        | part       | payment.confirmed order.part
		seen b 600 @900            | P2 O16        | seen       | payment.seen order.seen
		reversed a 400             | P5            | seen       | payment.reversed
		reversed b 600             | P4 O18        | waiting    | payment.reversed order.waiting
		tick @2699                 | -             | waiting
		tick @2700                 | O13           | expired    | order.expired
		confirmed a 400 e1         | P1 B4         | expired    | payment.confirmed
		= suspense/extra 400, outside/payer:rail -400`},

	{name: "taken back for good at the deadline", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 @900           | P2 O16        | seen       | payment.seen order.seen
		tick @1000                 | -             | seen
		reversed a 1000 final      | P4 O13        | expired    | payment.reversed order.expired`},

	{name: "taken back at the deadline would not suffice, was late, or nothing is waited for", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 999 @900            | P2 O16        | seen       | payment.seen order.seen
		seen b 1000 @901           | P2            | seen       | payment.seen
		reversed a 999             | P4 O18        | waiting    | payment.reversed order.waiting
		reversed b 1000 @901       | P4            | waiting    | payment.reversed
		tick @901                  | O13           | expired    | order.expired`},
	{name: "taken back at the deadline, strict", kind: "chain to own wallet, strict", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 @900           | P2 O16        | seen       | payment.seen order.seen
		reversed a 1000            | P4 O18        | waiting    | payment.reversed order.waiting
		tick @901                  | O13           | expired    | order.expired`},

	{name: "seen at the deadline would not suffice", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 999 @900            | P2 O16        | seen       | payment.seen order.seen
		tick @901                  | O13           | expired    | order.expired`},

	{name: "seen late does not hold the deadline", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 @901           | P2            | waiting    | payment.seen
		tick @902                  | O13           | expired    | order.expired`},

	{name: "seen at the deadline, strict", kind: "chain to own wallet, strict", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 @900           | P2 O16        | seen       | payment.seen order.seen
		tick @901                  | O13           | expired    | order.expired`},

	{name: "two payments and the expiry, expiry last", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 500            | P1 O17        | part       | payment.confirmed order.part
		confirmed b 500            | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		tick @901                  | -             | completed
		= merchant 1000, outside/payer:rail -1000`}, // case 39
	{name: "two payments and the expiry, expiry between", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 500            | P1 O17        | part       | payment.confirmed order.part
		tick @901                  | O13 B4        | expired    | order.expired
		confirmed b 500            | P1 B4         | expired    | payment.confirmed
		= suspense/extra 1000, outside/payer:rail -1000`}, // case 39
	{name: "two payments and the expiry, expiry first", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		tick @901                  | O13           | expired    | order.expired
		confirmed b 500            | P1 B4         | expired    | payment.confirmed
		confirmed a 500            | P1 B4         | expired    | payment.confirmed
		cancel operator            | ! order_state_conflict
		= suspense/extra 1000, outside/payer:rail -1000`}, // case 39

	{name: "repeated and out of order", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 400 e2         | P1 O17        | part       | payment.confirmed order.part
		confirmed a 400 e2         | -             | part
		seen a 400 e2              | -             | part
		failed a 400 e2            | -             | part
		confirmed a 400 e1         | -             | part
		reversed a 400 e1          | -             | part
		confirmed b 600 e1         | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		seen b 600 e1              | -             | completed`}, // case 16

	{name: "an older history has nothing to say", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		seen a 400 e2              | P2 O16        | seen       | payment.seen order.seen
		confirmed a 400 e1         | -             | seen
		failed a 400 e1            | -             | seen
		reversed a 400 e1          | -             | seen
		seen a 400 e1              | -             | seen
		failed a 400 e2            | P3 O18        | waiting    | payment.failed order.waiting
		seen a 400 e2              | -             | waiting
		confirmed a 400 e2         | P1 O17        | part       | payment.confirmed order.part
		reversed a -1 e2           | -             | part
		failed a -1 e3             | -             | part
		seen a 0 e3                | -             | part
		confirmed a 0 e3           | -             | part
		reversed a 0 e3            | P5 O18        | waiting    | payment.reversed order.waiting
		seen a 400 e3              | -             | waiting
		failed a 400 e4            | P3            | waiting    | payment.failed
		reversed a 400 e4          | P4            | waiting    | payment.reversed
		failed b 400 e1            | P3            | waiting    | payment.failed
		reversed b 400 e0          | -             | waiting
		reversed c 400             | P4            | waiting    | payment.reversed
		reversed c 400 e1          | P4            | waiting    | payment.reversed
		failed c 400 e2            | P3            | waiting    | payment.failed
		failed c 400 e3            | P3            | waiting    | payment.failed
		seen c 400 e4              | P2 O16        | seen       | payment.seen order.seen`}, // case 16

	{name: "documents missing at the deadline", kind: "chain to own wallet", script: `
		create screening:documents | O1 R0 O14     | documents  | order.created order.documents
		tick @901                  | O13           | expired    | order.expired
		given screening passport   | ! order_state_conflict
		given screening            | ! order_state_conflict`},

	{name: "a tick before anything", kind: "chain to own wallet", script: `
		tick @901                  | -             |
		confirmed a 1000           | -             |
		cancel operator            | ! order_state_conflict
		create                     | O1            | waiting    | order.created
		create                     | ! order_state_conflict
		tick @100                  | -             | waiting
		tick @50                   | -             | waiting`},

	{name: "cancelled by an operator", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		cancel merchant            | ! order_state_conflict
		seen a 1000                | P2 O16        | seen       | payment.seen order.seen
		cancel operator            | O2            | cancelled  | order.cancelled
		# asked
		confirmed a 1000           | P1 B4         | cancelled  | payment.confirmed
		= suspense/extra 1000, outside/payer:rail -1000`},

	{name: "late money after completion, released", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		confirmed b 70 @901        | P1            | completed  | payment.confirmed payment.aside
		release 71 from suspense/late | ! order_state_conflict
		release 0 from suspense/late | ! order_state_conflict
		release 70 from suspense/extra | ! order_state_conflict
		release 70 from merchant   | ! order_state_conflict
		release 70 from suspense/stray | ! order_state_conflict
		release 30 from suspense/late | O5            | completed  | funds.released
		= merchant 1030, suspense/late 40, outside/payer:rail -1070`},

	{name: "released late money is reversed", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 70 @901        | P1            | waiting    | payment.confirmed payment.aside
		tick @902                  | O13           | expired    | order.expired
		release 70 from suspense/late | O5            | expired    | funds.released
		reversed a 70              | P5 B5         | expired    | payment.reversed
		= merchant 70, order/short -70`},

	{name: "the merchant's own wallet is not ours to refund from", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1300           | P1 O11 O24 B4 | completed  | payment.confirmed order.paid order.completed
		refund r 300 from suspense/extra | ! order_state_conflict`},

	{name: "no release while the order is open", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 70 @901        | P1            | waiting    | payment.confirmed payment.aside
		release 70 from suspense/late | ! order_state_conflict
		refund r 70 from suspense/late | ! order_state_conflict
		send d                     | ! order_state_conflict`},

	{name: "the largest amount there is", kind: "chain to own wallet",
		change: func(t *Terms) { t.Due = money.New(usdt, new(big.Int).Sub(uint256Max, big.NewInt(1))) }, script: `
		create                     | O1            | waiting    | order.created
		confirmed a 115792089237316195423570985008687907853269984665640564039457584007913129639935 | P1 O11 O24 B4 | completed  | payment.confirmed order.paid order.completed
		confirmed b 115792089237316195423570985008687907853269984665640564039457584007913129639935 | P1 B4         | completed  | payment.confirmed
		= merchant 115792089237316195423570985008687907853269984665640564039457584007913129639934, suspense/extra 115792089237316195423570985008687907853269984665640564039457584007913129639936, outside/payer:rail -231584178474632390847141970017375815706539969331281128078915168015826259279870`}, // case 5

	{name: "assigned from stray", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		assign a 1000 lies house/suspense/stray | ! order_state_conflict
		assign a 1000 lies wallet/m2/suspense/stray | ! order_state_conflict
		assign a 1000 lies wallet/m1/suspense/late | ! order_state_conflict
		assign a 0                 | ! order_state_conflict
		assign a 1000 @30          | O7 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= merchant 1000, suspense/stray -1000
		assign b 5                 | ! order_state_conflict
		reversed a 1000            | P5 B3         | completed  | payment.reversed
		= merchant 1000, order/short -1000, suspense/stray -1000, outside/payer:rail 1000`},

	{name: "assigned late, and once only", kind: "chain to own wallet", script: `
		create                     | O1            | waiting    | order.created
		assign a 400 @1000         | O7            | waiting    | payment.confirmed payment.aside
		= suspense/late 400, suspense/stray -400
		assign a 400               | ! order_state_conflict`},

	{name: "quote ends before the window", kind: "chain to own wallet", script: `
		create quote @300          | O1            | waiting    | order.created
		confirmed a 400 @301       | P1            | waiting    | payment.confirmed payment.aside
		= suspense/late 400, outside/payer:rail -400
		tick @301                  | O13           | expired    | order.expired`},
	{name: "window ends before the quote", kind: "chain to own wallet", script: `
		create quote @2000         | O1            | waiting    | order.created
		tick @901                  | O13           | expired    | order.expired`},
	{name: "quote has ended", kind: "chain to own wallet", script: `
		create quote @300 now @301 | ! quote_expired
		create quote @300 now @300 | O1            | waiting    | order.created`},
	{name: "terms that do not hold", kind: "chain to own wallet", change: func(t *Terms) { t.Sends = 1 }, script: `
		create                     | ! invalid_value`},

	// Reviews before the payment.

	{name: "documents, review, then payment", kind: "chain to own wallet", script: `
		create screening:documents approval:open | O1 R0 R0 O14  | documents  | order.created order.documents
		given screening passport   | R4            | documents  | review.documents
		given screening            | R3 O15        | review     | review.open order.review
		ask screening bill         | R2 O14        | documents  | review.documents order.documents
		given screening            | R3 O15        | review     | review.open order.review
		given screening            | ! order_state_conflict
		approve screening          | R5            | review     | review.approved
		approve approval max       | ! order_state_conflict
		approve approval           | R5 O18        | waiting    | review.approved order.waiting
		approve approval           | ! order_state_conflict
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		refuse approval            | ! order_state_conflict`},

	{name: "paid while under review", kind: "chain to own wallet", script: `
		create screening:open      | O1 R0 O15     | review     | order.created order.review
		confirmed a 400            | P1            | review     | payment.confirmed
		seen b 100                 | P2            | review     | payment.seen
		tick @300                  | -             | review
		confirmed b 600            | P1            | review     | payment.confirmed
		tick @901                  | -             | review
		tick @2701                 | -             | review
		approve screening          | R5 O11 O24    | completed  | review.approved order.paid order.completed
		= merchant 1000, outside/payer:rail -1000`},

	{name: "under review with a part of the money at the deadline", kind: "chain to own wallet", script: `
		create screening:open      | O1 R0 O15     | review     | order.created order.review
		confirmed a 400            | P1            | review     | payment.confirmed
		tick @901                  | O13 B4        | expired    | order.expired
		approve screening          | ! order_state_conflict
		ask screening x            | ! order_state_conflict
		refuse screening           | ! order_state_conflict`},

	{name: "refused before payment", kind: "chain to own wallet", script: `
		create screening:documents approval:open | O1 R0 R0 O14  | documents  | order.created order.documents
		confirmed a 1000           | P1            | documents  | payment.confirmed
		refuse screening           | R6 O10 B4     | failed     | review.refused order.failed
		# refused
		given screening            | ! order_state_conflict
		approve approval           | ! order_state_conflict
		flag                       | ! order_state_conflict
		= suspense/extra 1000, outside/payer:rail -1000`},

	{name: "refused at once", kind: "one method to balance", script: `
		create screening:refused   | O1 R0 O10     | failed     | order.created order.failed`},
	{name: "one review of a kind", kind: "one method to balance", script: `
		create screening:open screening:open | ! order_state_conflict
		create screening:approved  | ! order_state_conflict`},

	{name: "cancelled while documents are missing", kind: "one method to balance", script: `
		create screening:documents | O1 R0 O14     | documents  | order.created order.documents
		cancel merchant            | O3            | cancelled  | order.cancelled`},

	{name: "compliance holds the money", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		flag                       | R1            | waiting    | review.open
		flag                       | ! order_state_conflict
		confirmed a 1000           | P1 O11 O21    | held       | payment.confirmed order.paid order.held
		ask compliance invoice     | R2            | held       | review.documents
		given compliance           | R3            | held       | review.open
		cancel merchant            | ! order_state_conflict
		tick @901                  | -             | held
		approve compliance         | R5 O22 O24    | completed  | review.approved order.paid order.completed
		= merchant 950, fee 50, outside/payer:rail -1000`},

	{name: "compliance refuses", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		flag                       | R1            | waiting    | review.open
		confirmed a 1000           | P1 O11 O21    | held       | payment.confirmed order.paid order.held
		refuse compliance          | R6 O23 B4     | failed     | review.refused order.failed
		# refused
		= suspense/extra 1000, outside/payer:rail -1000
		refund r 1000 from suspense/extra | T1            | failed     | refund.reserved
		~ refunding
		delivered r                | T4            | failed     | refund.confirmed
		~ refunded
		= nothing`},

	{name: "compliance had refused before the money came", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		flag                       | R1            | waiting    | review.open
		refuse compliance          | R6            | waiting    | review.refused
		confirmed a 1000           | P1 O11 O23 B4 | failed     | payment.confirmed order.paid order.failed`},

	{name: "reorganised while held", kind: "chain to balance", script: `
		create                     | O1            | waiting    | order.created
		flag                       | R1            | waiting    | review.open
		confirmed a 600 e1         | P1 O17        | part       | payment.confirmed order.part
		confirmed b 400 e1         | P1 O11 O21    | held       | payment.confirmed order.paid order.held
		reversed b 400 e1          | P5 O17        | part       | payment.reversed order.part
		reversed a 600 e1          | P5 O18        | waiting    | payment.reversed order.waiting
		confirmed a 1000 e2        | P1 O11 O21    | held       | payment.confirmed order.paid order.held
		seen a 1000 e3             | P6 O16        | seen       | payment.seen order.seen
		confirmed a 1000 e3        | P1 O11 O21    | held       | payment.confirmed order.paid order.held
		cancel operator            | O2 B4         | cancelled  | order.cancelled
		= suspense/extra 1000, outside/payer:rail -1000`},

	// One method, to the balance or a bank.

	{name: "one method to balance", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		pending t1                 | A2            | waiting    | attempt.pending
		confirmed a 1000 by t1     | P1 A5 O11 O24 | completed  | payment.confirmed attempt.succeeded order.paid order.completed
		declined t1                | -             | completed
		= merchant 950, fee 50, outside/payer:rail -1000`},

	{name: "the only attempt is declined", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		choose t1                  | ! order_state_conflict
		choose t2                  | ! order_state_conflict
		declined t1                | A3 O12        | failed     | attempt.declined order.failed
		# attempt_lost
		confirmed a 1000 by t1     | P1 A5 B4      | failed     | payment.confirmed attempt.succeeded
		= suspense/extra 1000, outside/payer:rail -1000`},

	{name: "the only attempt is paid by somebody else, then by its payer", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		seen a 1000 stranger       | P2            | waiting    | payment.seen
		confirmed a 1000 stranger  | P1            | waiting    | payment.confirmed payment.aside
		= suspense/wrong 1000, outside/payer:rail -1000
		confirmed b 1000 by t1     | P1 A5 O11 O24 | completed  | payment.confirmed attempt.succeeded order.paid order.completed
		= merchant 950, fee 50, suspense/wrong 1000, outside/payer:rail -2000`},

	{name: "the only attempt is left", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		abandoned t1               | A4 O12        | failed     | attempt.abandoned order.failed
		# attempt_lost`},

	{name: "the only attempt is left but its money is seen", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		seen a 1000 by t1          | P2 O16        | seen       | payment.seen order.seen
		abandoned t1               | A4            | seen       | attempt.abandoned
		confirmed a 1000           | P1 A5 O11 O24 | completed  | payment.confirmed attempt.succeeded order.paid order.completed`},

	{name: "the only payment fails", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		failed a 1000 by t1        | P3 O12 A4     | failed     | payment.failed order.failed attempt.abandoned`},

	{name: "the only payment does not fit", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 999            | P1 O12        | failed     | payment.confirmed payment.aside order.failed
		= suspense/unfit 999, outside/payer:rail -999`},

	{name: "one whole payment with a surplus", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1001           | P1 O11 O24 B4 | completed  | payment.confirmed order.paid order.completed
		= merchant 950, fee 50, suspense/extra 1, outside/payer:rail -1001`},

	{name: "the merchant cancels until money is seen", kind: "one method to balance", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000                | P2 O16        | seen       | payment.seen order.seen
		cancel merchant            | ! order_state_conflict
		reversed a 1000            | P4 O18        | waiting    | payment.reversed order.waiting
		cancel payer               | ! order_state_conflict
		cancel merchant            | O3            | cancelled  | order.cancelled`},

	{name: "the only payment is charged back before delivery", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		cancel merchant            | ! order_state_conflict
		reversed a 1000 final      | P5 O18 O12    | failed     | payment.reversed order.waiting order.failed
		= nothing`},

	{name: "a reversal on a chain is not a loss", kind: "chain to fulfilment", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		reversed a 1000            | P5 O18        | waiting    | payment.reversed order.waiting
		tick @2700                 | O13           | expired    | order.expired`},

	{name: "one method to bank, second delivery", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		tick @901                  | -             | paid
		send d1                    | O4            | delivering | order.delivering
		= order/out 950, fee 50, outside/payer:rail -1000
		send d2                    | ! order_state_conflict
		flag                       | ! order_state_conflict
		cancel operator            | ! order_state_conflict
		sent d1                    | T2            | delivering | delivery.sent
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		= order/in 1000, outside/payer:rail -1000
		send d1                    | ! order_state_conflict
		send d2                    | O4            | delivering | order.delivering
		unknown d2                 | T3            | delivering | delivery.unknown
		sent d2                    | T2            | delivering | delivery.sent
		delivered d2               | T4 O20        | completed  | delivery.confirmed order.completed
		delivered d2               | -             | completed
		= outside/payee:bank 950, fee 50, outside/payer:rail -1000`},

	{name: "more money is seen while it is paid", kind: "chain to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		seen b 1000                | P2            | paid       | payment.seen
		flag                       | R1 O21        | held       | review.open order.held
		seen c 1000                | P2            | held       | payment.seen`},

	{name: "called failed and paid after all while held", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		flag                       | R1 O21        | held       | review.open order.held
		delivered d1               | T6 O20        | completed  | transfer.conflict order.completed
		approve compliance         | R5            | completed  | review.approved`},

	{name: "held after each delivery that failed, and looked at anew", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		flag                       | R1 O21        | held       | review.open order.held
		flag                       | ! order_state_conflict
		approve compliance         | R5 O22        | paid       | review.approved order.paid
		flag                       | R1 O21        | held       | review.open order.held
		approve compliance         | R5 O22        | paid       | review.approved order.paid
		send d2                    | O4            | delivering | order.delivering
		delivered d2               | T4 O20        | completed  | delivery.confirmed order.completed`},

	{name: "lost while sending: looked up in every state", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		sent d1                    | T2            | delivering | delivery.sent
		unknown d1                 | T3            | delivering | delivery.unknown
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		unknown d1                 | -             | paid
		sent d1                    | -             | paid
		send d2                    | O4            | delivering | order.delivering
		unknown d2                 | T3            | delivering | delivery.unknown
		returned d2                | T8 O29 B4     | failed     | delivery.failed order.failed`},

	{name: "every delivery fails", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		send d2                    | O4            | delivering | order.delivering
		undelivered d2             | T5 O29 B4     | failed     | delivery.failed order.failed
		# deliveries_used_up
		= suspense/extra 1000, outside/payer:rail -1000
		delivered d9               | -             | failed`},

	{name: "returned before its arrival was told", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		sent d1                    | T2            | delivering | delivery.sent
		returned d1                | T8 O28        | paid       | delivery.failed order.paid
		= order/in 1000, outside/payer:rail -1000`},

	{name: "returned after completion, then refunded", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		delivered d1               | T4 O20        | completed  | delivery.confirmed order.completed
		returned d1                | T7            | completed  | delivery.returned
		~ none
		= suspense/returned 950, fee 50, outside/payer:rail -1000
		refund r 900 from suspense/returned | T1            | completed  | refund.reserved
		~ refunding
		delivered r                | T4            | completed  | refund.confirmed
		~ none
		refund s 50 from suspense/returned | T1            | completed  | refund.reserved
		delivered s                | T4            | completed  | refund.confirmed
		~ refunded
		= fee 50, outside/payer:rail -50`},

	{name: "called failed and paid after all", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		delivered d1               | T6 O20        | completed  | transfer.conflict order.completed
		= outside/payee:bank 950, fee 50, outside/payer:rail -1000`},

	{name: "called failed, sent again, and both arrive", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		send d2                    | O4            | delivering | order.delivering
		delivered d1               | T6 O20 B3     | completed  | transfer.conflict order.completed
		= outside/payee:bank 950, order/out 950, fee 100, order/short -1000, outside/payer:rail -1000
		delivered d2               | T4            | completed  | delivery.confirmed
		= outside/payee:bank 1900, fee 100, order/short -1000, outside/payer:rail -1000
		returned d1                | T7            | completed  | delivery.returned
		= outside/payee:bank 950, suspense/returned 950, fee 100, order/short -1000, outside/payer:rail -1000`},

	{name: "called failed, sent again, paid, and the second comes back", kind: "one method to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		send d2                    | O4            | delivering | order.delivering
		delivered d1               | T6 O20 B3     | completed  | transfer.conflict order.completed
		undelivered d2             | T5 B1         | completed  | delivery.failed
		= outside/payee:bank 950, fee 50, outside/payer:rail -1000`},

	{name: "reversed while sending, then the sending fails", kind: "chain to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 600 e1         | P1 O17        | part       | payment.confirmed order.part
		confirmed b 400 e1         | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		= order/out 864EUR, fx 950, fx -864EUR, fee 50, outside/payer:rail -1000
		reversed b 400 e1          | P5 B3         | delivering | payment.reversed
		= order/out 864EUR, fx 950, fx -864EUR, fee 50, order/short -400, outside/payer:rail -600
		undelivered d1             | T5 O17 B1     | part       | delivery.failed order.part
		= order/in 600, outside/payer:rail -600
		seen b 400 e2              | P2 O16        | seen       | payment.seen order.seen
		confirmed b 400 e2         | P1 O11        | paid       | payment.confirmed order.paid
		send d2                    | O4            | delivering | order.delivering
		reversed a 600 e1          | P5 B3         | delivering | payment.reversed
		undelivered d2             | T5 O29 B1 B4  | failed     | delivery.failed order.failed
		= suspense/extra 400, outside/payer:rail -400`},

	{name: "all of it reversed while sending, then seen again", kind: "chain to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 e1        | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		reversed a 1000 e1         | P5 B3         | delivering | payment.reversed
		undelivered d1             | T5 O18 B1     | waiting    | delivery.failed order.waiting
		seen a 1000 e2             | P2 O16        | seen       | payment.seen order.seen
		delivered d1               | T6 B3         | seen       | transfer.conflict
		= outside/payee:bank 864EUR, fx 950, fx -864EUR, fee 50, order/short -1000
		returned d1                | T9 B1         | seen       | delivery.failed
		= nothing
		delivered d1               | T6 B3         | seen       | transfer.conflict
		confirmed a 1000 e2        | P1 O11 O20 B1 | completed  | payment.confirmed order.paid order.completed
		= outside/payee:bank 864EUR, fx 950, fx -864EUR, fee 50, outside/payer:rail -1000`},

	{name: "seen again while sending, then the sending fails", kind: "chain to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 e1        | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		seen a 1000 e2             | P6 B3         | delivering | payment.seen
		undelivered d1             | T5 O16 B1     | seen       | delivery.failed order.seen
		confirmed a 1000 e2        | P1 O11        | paid       | payment.confirmed order.paid`},

	// Any of several methods, to the balance.

	{name: "another method is chosen", kind: "any method to balance", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		pending t1                 | A2            | waiting    | attempt.pending
		pending t1                 | -             | waiting
		choose t2                  | A1 A4         | waiting    | attempt.open attempt.abandoned
		pending t1                 | -             | waiting
		declined t2                | A3            | waiting    | attempt.declined
		choose t3                  | A1            | waiting    | attempt.open
		confirmed a 1000 by t3     | P1 A5 O11 O24 | completed  | payment.confirmed attempt.succeeded order.paid order.completed
		choose t4                  | ! order_state_conflict
		confirmed b 1000 by t1     | P1 A5 B4      | completed  | payment.confirmed attempt.succeeded
		= merchant 950, fee 50, suspense/extra 1000, outside/payer:rail -2000`},

	{name: "a pending attempt is declined", kind: "any method to balance", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		pending t1                 | A2            | waiting    | attempt.pending
		declined t1                | A3            | waiting    | attempt.declined
		abandoned t1               | -             | waiting
		confirmed a 1000 by t1     | P1 A5 O11 O24 | completed  | payment.confirmed attempt.succeeded order.paid order.completed`},

	{name: "an open attempt ends with the order", kind: "any method to balance", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		pending t1                 | A2            | waiting    | attempt.pending
		tick @901                  | O13 A4        | expired    | order.expired attempt.abandoned
		declined t1                | -             | expired`},

	{name: "an unfit payment is set aside, another fits", kind: "any method to balance", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 500            | P1            | waiting    | payment.confirmed payment.aside
		= suspense/unfit 500, outside/payer:rail -500
		confirmed a 500 e1         | P8            | waiting    | payment.confirmed payment.aside
		refund r 500 from suspense/unfit | ! order_state_conflict
		confirmed b 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= merchant 950, fee 50, suspense/unfit 500, outside/payer:rail -1500
		refund r 500 from suspense/unfit | T1            | completed  | refund.reserved
		unknown r                  | T3            | completed  | refund.unknown
		sent r                     | T2            | completed  | refund.sent
		delivered r                | T4            | completed  | refund.confirmed
		~ none
		= merchant 950, fee 50, outside/payer:rail -1000`},

	{name: "refunds of a completed order", kind: "any method to balance", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		refund r 951 from merchant | ! order_state_conflict
		refund r 0 from merchant   | ! order_state_conflict
		refund r 10 from order/in  | ! order_state_conflict
		refund r 10 from merchant to owed/m1/merchant | ! order_state_conflict
		refund r 10USDT from merchant | ! order_state_conflict
		refund r 300 from merchant | T1            | completed  | refund.reserved
		~ refunding
		= merchant 650, fee 50, order/refunding 300, outside/payer:rail -1000
		refund r 300 from merchant | ! order_state_conflict
		refund s 651 from merchant | ! order_state_conflict
		undelivered r              | T5            | completed  | refund.failed
		~ none
		= merchant 950, fee 50, outside/payer:rail -1000
		refund s 950 from merchant | T1            | completed  | refund.reserved
		sent s                     | T2            | completed  | refund.sent
		returned s                 | T8            | completed  | refund.failed
		= merchant 950, fee 50, outside/payer:rail -1000
		refund u 950 from merchant | T1            | completed  | refund.reserved
		delivered u                | T4            | completed  | refund.confirmed
		~ refunded
		= fee 50, outside/payer:rail -50
		returned u                 | T7            | completed  | refund.returned
		~ none
		= merchant 950, fee 50, outside/payer:rail -1000`}, // case 11

	{name: "a refund called failed arrives after all", kind: "any method to balance", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		refund r 950 from merchant | T1            | completed  | refund.reserved
		undelivered r              | T5            | completed  | refund.failed
		refund s 950 from merchant | T1            | completed  | refund.reserved
		delivered s                | T4            | completed  | refund.confirmed
		delivered r                | T6 B5         | completed  | transfer.conflict
		= fee 50, order/short -950, outside/payer:rail 900`},

	{name: "a refund called failed arrives after the merchant spent the money elsewhere", kind: "any method to balance", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		refund r 950 from merchant | T1            | completed  | refund.reserved
		undelivered r              | T5            | completed  | refund.failed
		delivered r lacks 600      | T6            | completed  | transfer.conflict
		= merchant 600, fee 50, order/short -600, outside/payer:rail -50
		confirmed b 1000           | P1 B1 B4      | completed  | payment.confirmed
		= merchant 600, fee 50, suspense/extra 400, outside/payer:rail -1050`},

	{name: "a late refund called failed arrives after all, whatever the merchant lacks", kind: "any method to balance", script: `
		create                     | O1            | waiting    | order.created
		tick @901                  | O13           | expired    | order.expired
		confirmed a 1000 @902      | P1            | expired    | payment.confirmed payment.aside
		refund r 1000 from suspense/late | T1      | expired    | refund.reserved
		undelivered r              | T5            | expired    | refund.failed
		delivered r lacks 600      | T6            | expired    | transfer.conflict
		= nothing`},

	{name: "charged back after it was refunded", kind: "any method to balance", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 @901      | P1            | waiting    | payment.confirmed payment.aside
		tick @902                  | O13           | expired    | order.expired
		refund r 1000 from suspense/late | T1            | expired    | refund.reserved
		delivered r                | T4            | expired    | refund.confirmed
		~ none
		reversed a 1000 final      | P5 B5         | expired    | payment.reversed
		= order/short -1000, outside/payer:rail 1000`},

	// From the merchant's own balance.

	{name: "balance to bank", kind: "balance to bank", script: `
		create                     | O1 P1 O11     | paid       | order.created payment.confirmed order.paid
		= merchant -1000, order/in 1000
		tick @99999                | -             | paid
		send d                     | O4            | delivering | order.delivering
		cancel merchant            | ! order_state_conflict
		unknown d                  | T3            | delivering | delivery.unknown
		unknown d                  | -             | delivering
		delivered d                | T4 O20        | completed  | delivery.confirmed order.completed
		= merchant -1000, outside/payee:bank 950, fee 50
		returned d                 | T7            | completed  | delivery.returned
		~ refunded
		= merchant -50, fee 50
		refund r 1 from merchant   | ! order_state_conflict`},

	{name: "balance to bank, undelivered", kind: "balance to bank", script: `
		create                     | O1 P1 O11     | paid       | order.created payment.confirmed order.paid
		send d                     | O4            | delivering | order.delivering
		sent d                     | T2            | delivering | delivery.sent
		undelivered d              | T5 O29 B4     | failed     | delivery.failed order.failed
		# deliveries_used_up
		= nothing
		delivered d                | T6 B3         | failed     | transfer.conflict
		= order/short -1000, outside/payee:bank 950, fee 50
		absorb 1000                | O6            | failed     | funds.absorbed
		= loss -1000, outside/payee:bank 950, fee 50`},

	{name: "balance to bank, cancelled before it is sent", kind: "balance to bank", script: `
		create                     | O1 P1 O11     | paid       | order.created payment.confirmed order.paid
		cancel merchant            | O3 B4         | cancelled  | order.cancelled
		~ none
		= nothing`},

	{name: "balance to bank, two persons", kind: "balance to bank", script: `
		create approval:open       | O1 R0 P1 O15  | review     | order.created payment.confirmed order.review
		send d                     | ! order_state_conflict
		approve approval max       | ! order_state_conflict
		approve approval           | R5 O11        | paid       | review.approved order.paid
		flag                       | R1 O21        | held       | review.open order.held
		send d                     | ! order_state_conflict
		approve compliance         | R5 O22        | paid       | review.approved order.paid`},

	{name: "balance to bank, the second person refuses", kind: "balance to bank", script: `
		create approval:open       | O1 R0 P1 O15  | review     | order.created payment.confirmed order.review
		refuse approval            | R6 O10 B4     | failed     | review.refused order.failed
		= nothing`},

	{name: "balance is too small", kind: "balance to bank", script: `
		create available 999       | ! insufficient_balance
		create available 1000USDT  | ! insufficient_balance
		create quote @5 now @6     | ! quote_expired
		create available 1000      | O1 P1 O11     | paid       | order.created payment.confirmed order.paid`},

	{name: "foreign money for an order paid from the balance", kind: "balance to bank", script: `
		create                     | O1 P1 O11     | paid       | order.created payment.confirmed order.paid
		confirmed a 1000           | P1            | paid       | payment.confirmed payment.aside
		= merchant -1000, order/in 1000, suspense/wrong 1000, outside/payer:rail -1000
		cancel merchant            | O3 B4         | cancelled  | order.cancelled
		= suspense/wrong 1000, outside/payer:rail -1000
		refund r 1000 from suspense/wrong | T1            | cancelled  | refund.reserved
		delivered r                | T4            | cancelled  | refund.confirmed
		~ none
		reversed a 1000            | P5 B5         | cancelled  | payment.reversed
		= order/short -1000, outside/payer:rail 1000`},

	{name: "balance to chain at a quote", kind: "balance to chain", script: `
		create quote @30           | O1 P1 O11     | paid       | order.created payment.confirmed order.paid
		tick @31                   | -             | paid
		send d1                    | O4            | delivering | order.delivering
		= merchant -1000, fee 50, fx 950, fx -1045USDT, order/out 1045USDT
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		= merchant -1000, order/in 1000
		send d2                    | O4            | delivering | order.delivering
		delivered d2               | T4 O20        | completed  | delivery.confirmed order.completed
		= merchant -1000, fee 50, fx 950, fx -1045USDT, outside/payee:chain 1045USDT`},

	{name: "balance to chain, three times in vain", kind: "balance to chain", script: `
		create                     | O1 P1 O11     | paid       | order.created payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		send d2                    | O4            | delivering | order.delivering
		returned d2                | T8 O28        | paid       | delivery.failed order.paid
		send d3                    | O4            | delivering | order.delivering
		undelivered d3             | T5 O29 B4     | failed     | delivery.failed order.failed
		= nothing`},

	{name: "balance to other asset", kind: "balance to other asset", script: `
		create                     | O1 P1 O11 O24 | completed  | order.created payment.confirmed order.paid order.completed
		= merchant -1000, merchant 970CLP, fx 1000, fx -970CLP
		refund r 970CLP from merchant | ! order_state_conflict`},
	{name: "balance to other asset, second person", kind: "balance to other asset", script: `
		create approval:open       | O1 R0 P1 O15  | review     | order.created payment.confirmed order.review
		cancel merchant            | O3 B4         | cancelled  | order.cancelled
		= nothing`},

	{name: "balance to other merchant", kind: "balance to other merchant", script: `
		create                     | O1 P1 O11 O24 | completed  | order.created payment.confirmed order.paid order.completed
		= merchant -1000, owed/m2/merchant 1000`},
	{name: "balance to other merchant, refused", kind: "balance to other merchant", script: `
		create approval:open compliance:open | O1 R0 R0 P1 O15 | review     | order.created payment.confirmed order.review
		approve approval           | R5 O11 O21    | held       | review.approved order.paid order.held
		refuse compliance          | R6 O23 B4     | failed     | review.refused order.failed
		= nothing`},

	// With an exchange.

	{name: "method to chain in parts", kind: "method to chain", script: `
		create quote @1200         | O1            | waiting    | order.created
		confirmed a 400            | P1 O17        | part       | payment.confirmed order.part
		cancel merchant            | ! order_state_conflict
		confirmed b 700            | P1 O11        | paid       | payment.confirmed order.paid
		send d                     | O4            | delivering | order.delivering
		delivered d                | T4 O20 B4     | completed  | delivery.confirmed order.completed
		= fee 50, fx 950, fx -1045USDT, outside/payee:chain 1045USDT, suspense/extra 100, outside/payer:rail -1100`},

	{name: "method to chain, expired with a part, paid back", kind: "method to chain", script: `
		create quote @300          | O1            | waiting    | order.created
		confirmed a 400            | P1 O17        | part       | payment.confirmed order.part
		tick @301                  | O13 B4        | expired    | order.expired
		refund r 400 from suspense/extra | T1            | expired    | refund.reserved
		delivered r                | T4            | expired    | refund.confirmed
		~ refunded
		= nothing`},

	{name: "chain to balance at a quote", kind: "chain to balance", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000                | P2 O16        | seen       | payment.seen order.seen
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= merchant 864EUR, fx 950, fx -864EUR, fee 50, outside/payer:rail -1000
		refund r 864EUR from merchant | T1            | completed  | refund.reserved
		delivered r                | T4            | completed  | refund.confirmed
		~ refunded`},

	{name: "chain to balance, charged twice", kind: "chain to balance", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		confirmed b 1000           | P1 B4         | completed  | payment.confirmed
		refund r 1000 from suspense/extra | T1            | completed  | refund.reserved
		delivered r                | T4            | completed  | refund.confirmed
		~ none
		= merchant 864EUR, fx 950, fx -864EUR, fee 50, outside/payer:rail -1000`},

	{name: "chain to bank", kind: "chain to bank", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d                     | O4            | delivering | order.delivering
		delivered d                | T4 O20        | completed  | delivery.confirmed order.completed
		= outside/payee:bank 864EUR, fx 950, fx -864EUR, fee 50, outside/payer:rail -1000`},

	// A link whose funds may wait for compliance while the order is completed.

	{name: "completed with nothing to look at", kind: "link, funds may wait", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		flag                       | ! order_state_conflict
		= merchant 950, fee 50, outside/payer:rail -1000`},

	{name: "funds withheld, then available", kind: "link, funds may wait", script: `
		create                     | O1            | waiting    | order.created
		flag                       | R1            | waiting    | review.open
		confirmed a 1000           | P1 O11 O25    | completed  | payment.confirmed order.paid order.completed
		= merchant/withheld 1000, outside/payer:rail -1000
		refund r 950 from merchant/withheld | ! order_state_conflict
		ask compliance invoice     | R2            | completed  | review.documents
		given compliance           | R3            | completed  | review.open
		approve compliance         | R5 O26        | completed  | review.approved funds.available
		= merchant 950, fee 50, outside/payer:rail -1000`},

	{name: "funds withheld, then refused and paid back", kind: "link, funds may wait", script: `
		create                     | O1            | waiting    | order.created
		flag                       | R1            | waiting    | review.open
		confirmed a 1000           | P1 O11 O25    | completed  | payment.confirmed order.paid order.completed
		refuse compliance          | R6 O27        | completed  | review.refused funds.refused
		= suspense/refused 1000, outside/payer:rail -1000
		refund r 1000 from suspense/refused | T1            | completed  | refund.reserved
		delivered r                | T4            | completed  | refund.confirmed
		~ refunded
		= nothing`},

	{name: "a referral fee", kind: "link with a referral", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= merchant 920, owed/m3/merchant 30, fee 50, outside/payer:rail -1000`},

	{name: "a referral fee of withheld funds", kind: "link with a referral", script: `
		create                     | O1            | waiting    | order.created
		flag                       | R1            | waiting    | review.open
		confirmed a 1000           | P1 O11 O25    | completed  | payment.confirmed order.paid order.completed
		= merchant/withheld 1000, outside/payer:rail -1000
		approve compliance         | R5 O26        | completed  | review.approved funds.available
		= merchant 920, owed/m3/merchant 30, fee 50, outside/payer:rail -1000`},

	{name: "no referral fee of refused funds", kind: "link with a referral", script: `
		create                     | O1            | waiting    | order.created
		flag                       | R1            | waiting    | review.open
		confirmed a 1000           | P1 O11 O25    | completed  | payment.confirmed order.paid order.completed
		refuse compliance          | R6 O27        | completed  | review.refused funds.refused
		= suspense/refused 1000, outside/payer:rail -1000`},

	{name: "withheld funds are exchanged when they are available", kind: "link in another asset", script: `
		create                     | O1            | waiting    | order.created
		flag                       | R1            | waiting    | review.open
		confirmed a 1000           | P1 O11 O25    | completed  | payment.confirmed order.paid order.completed
		= merchant/withheld 1000, outside/payer:rail -1000
		approve compliance         | R5 O26        | completed  | review.approved funds.available
		= merchant 970CLP, owed/m3/merchant 30, fee 50, fx 920, fx -970CLP, outside/payer:rail -1000`},

	{name: "money of somebody on a list", kind: "link, funds may wait", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000 listed    | P1            | waiting    | payment.confirmed payment.aside
		= suspense/refused 1000, outside/payer:rail -1000
		confirmed b 1000           | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= suspense/refused 1000, merchant 950, fee 50, outside/payer:rail -2000`},

	{name: "too little and too much do not fit", kind: "link, funds may wait", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 999            | P1            | waiting    | payment.confirmed payment.aside
		confirmed b 1001           | P1            | waiting    | payment.confirmed payment.aside
		= suspense/unfit 2000, outside/payer:rail -2000
		cancel merchant            | O3            | cancelled  | order.cancelled
		= suspense/unfit 2000, outside/payer:rail -2000`},

	// An arrival on a standing instruction.

	{name: "an arrival", kind: "standing instruction", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000                | P2 O16        | seen       | payment.seen order.seen
		confirmed a 700            | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= merchant 700, outside/payer:rail -700`},

	{name: "an arrival and other money beside it", kind: "standing instruction", script: `
		create                     | O1            | waiting    | order.created
		seen a 1200                | P2 O16        | seen       | payment.seen order.seen
		confirmed b 1000           | P1            | seen       | payment.confirmed
		confirmed a 1200           | P1 O11 O24 B4 | completed  | payment.confirmed order.paid order.completed
		= merchant 1200, suspense/extra 1000, outside/payer:rail -2200`},

	{name: "an arrival reversed before it is final", kind: "standing instruction", script: `
		create                     | O1            | waiting    | order.created
		seen a 1000 e1             | P2 O16        | seen       | payment.seen order.seen
		reversed a 1000 e1         | P4 O18        | waiting    | payment.reversed order.waiting
		seen a 1200 e2             | P2 O16        | seen       | payment.seen order.seen
		confirmed a 1200 e2        | P1 O11 O24    | completed  | payment.confirmed order.paid order.completed
		= merchant 1200, outside/payer:rail -1200`},

	{name: "an arrival under review", kind: "standing instruction", script: `
		create compliance:open     | O1 R0         | waiting    | order.created
		confirmed a 1000 e1        | P1 O11 O21    | held       | payment.confirmed order.paid order.held
		confirmed a 1100 e2        | P8            | held       | payment.confirmed
		reversed a 1100 e2         | P5 O18        | waiting    | payment.reversed order.waiting
		cancel operator            | O2            | cancelled  | order.cancelled`},

	// A product, delivered by fulfilment.

	{name: "fulfilled", kind: "chain to fulfilment", script: `
		create                     | O1            | waiting    | order.created
		choose t1                  | A1            | waiting    | attempt.open
		seen a 1000 by t1          | P2 O16        | seen       | payment.seen order.seen
		confirmed a 1000 by t1     | P1 A5 O11     | paid       | payment.confirmed attempt.succeeded order.paid
		send d1                    | O4            | delivering | order.delivering
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		send d2                    | O4            | delivering | order.delivering
		delivered d2               | T4 O20        | completed  | delivery.confirmed order.completed
		= merchant 950, fee 50, outside/payer:rail -1000`},

	{name: "a tolerated shortfall, paid later", kind: "chain to fulfilment", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 995            | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4 B3         | delivering | order.delivering
		= order/out 950, fee 50, order/short -5, outside/payer:rail -995
		delivered d1               | T4 O20        | completed  | delivery.confirmed order.completed
		confirmed b 3              | P1            | completed  | payment.confirmed payment.aside
		= merchant 950, fee 50, order/short -5, suspense/unfit 3, outside/payer:rail -998
		confirmed c 1000           | P1 B1 B4      | completed  | payment.confirmed
		= merchant 950, fee 50, suspense/unfit 3, suspense/extra 995, outside/payer:rail -1998`},

	{name: "less than tolerated", kind: "chain to fulfilment", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 994            | P1 O12        | failed     | payment.confirmed payment.aside order.failed
		= suspense/unfit 994, outside/payer:rail -994`},

	{name: "fulfilment undone after its money was refunded", kind: "chain to fulfilment", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		delivered d1               | T4 O20        | completed  | delivery.confirmed order.completed
		refund r 950 from merchant | T1            | completed  | refund.reserved
		delivered r                | T4            | completed  | refund.confirmed
		~ refunded
		returned d1                | T7 B5         | completed  | delivery.returned
		= suspense/returned 950, fee 50, order/short -950, outside/payer:rail -50`},

	{name: "five times in vain", kind: "chain to fulfilment", script: `
		create                     | O1            | waiting    | order.created
		confirmed a 1000           | P1 O11        | paid       | payment.confirmed order.paid
		send d1                    | O4            | delivering | order.delivering
		undelivered d1             | T5 O28        | paid       | delivery.failed order.paid
		send d2                    | O4            | delivering | order.delivering
		undelivered d2             | T5 O28        | paid       | delivery.failed order.paid
		send d3                    | O4            | delivering | order.delivering
		undelivered d3             | T5 O28        | paid       | delivery.failed order.paid
		send d4                    | O4            | delivering | order.delivering
		undelivered d4             | T5 O28        | paid       | delivery.failed order.paid
		send d5                    | O4            | delivering | order.delivering
		undelivered d5             | T5 O29 B4     | failed     | delivery.failed order.failed
		= suspense/extra 1000, outside/payer:rail -1000`},
}

var uint256Max = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
