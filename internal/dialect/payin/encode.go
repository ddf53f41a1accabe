package payin

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"

	"till/internal/engine"
	"till/internal/order"
)

// The statuses of an order. completed and expired are final.
const (
	pending   = "pending"
	completed = "completed"
	expired   = "expired"
)

var statuses = []string{pending, completed, expired}

// projection is what each state of the machine is called here. An order that an operator cancelled cannot
// be paid any more either, and that is what expired says; refunds do not show in the status.
var projection = map[order.State]string{
	order.Documents:  pending,
	order.InReview:   pending,
	order.Waiting:    pending,
	order.Seen:       pending,
	order.Part:       pending,
	order.Paid:       pending,
	order.Held:       pending,
	order.Delivering: pending,
	order.Completed:  completed,
	order.Expired:    expired,
	order.Cancelled:  expired,
	order.Failed:     expired,
}

func statusOf(s order.State) string { return projection[s] }

// encodeOrder is an order with all the merchant may know of it.
func (d *Dialect) encodeOrder(o *engine.Order) orderBody { return d.encodeRecorded(o, recordOf(o)) }

// encodeRecorded is encodeOrder where what the order remembers is at hand.
func (d *Dialect) encodeRecorded(o *engine.Order, kept record) orderBody {
	body := orderBody{
		OrderID: o.PublicID, OrderReference: o.Reference,
		Amount: kept.Amount, Currency: o.Terms.Due.Asset().Code(), ChainID: o.Network,
		Protocol: string(o.Instrument.Family), Address: o.Instrument.Value, Status: statusOf(o.State),
		Metadata: kept.Metadata, SuccessURL: kept.SuccessURL, CancelURL: kept.CancelURL,
		CreatedAt: wireTime(o.CreatedAt), ExpiresAt: wireTime(windowEnd(o, kept)), GracePeriodEndsAt: wireTime(o.Terms.Deadline),
		PaymentURL: d.pageURL(o),
	}
	if o.State == order.Completed {
		body.CompletedAt = wireTime(o.EndedAt)
	}
	newest, seen := newestPayment(o)
	if seen {
		body.ConfirmedReceived = o.Received().Decimal()
		if n, err := d.engine.Network(o.Network, o.Scope.Mode); err == nil {
			body.RequiredConfirmations = &n.Confirmations
		}
	}
	shown, found := closingPayment(o)
	if body.Status == pending {
		shown, found = newest, seen
	}
	if found {
		confirmations := o.Confirmations(shown)
		body.TxHash, body.BlockNumber, body.Confirmations = shown.Evidence.Tx, &shown.Evidence.Block, &confirmations
	}
	return body
}

// newestPayment is the payment that was seen last of those that stand and count: of the right token and in
// time.
func newestPayment(o *engine.Order) (newest order.Payment, found bool) {
	for _, p := range o.Payments {
		stands := p.Rank == order.RankSeen || p.Rank == order.RankConfirmed
		if !stands || p.Amount.Asset() != o.Terms.Due.Asset() || p.Value.After(o.Terms.Deadline) {
			continue
		}
		if !found || !p.Told.Before(newest.Told) {
			newest, found = p, true
		}
	}
	return newest, found
}

// closingPayment is the payment whose confirmation completed the order.
func closingPayment(o *engine.Order) (order.Payment, bool) {
	for _, p := range o.Payments {
		if p.PaymentKey == o.Closing {
			return p, true
		}
	}
	return order.Payment{}, false
}

func (d *Dialect) encodeCreated(made engine.Created, kept *record) answer {
	if made.Replay != nil {
		return replayed(made.Replay)
	}
	return answer{http.StatusCreated, d.encodeRecorded(made.Order, *kept)}
}

func encodePage(f engine.Filter, page engine.Page) listBody {
	body := listBody{
		Data:       make([]listItem, 0, len(page.Orders)),
		Pagination: pagination(f.Page, f.Limit, page.Total),
	}
	for i := range page.Orders {
		o := &page.Orders[i]
		item := listItem{
			OrderID: o.PublicID, OrderReference: o.Reference, Amount: recordOf(o).Amount, Currency: o.Terms.Due.Asset().Code(),
			ChainID: o.Network, Address: o.Instrument.Value, Status: statusOf(o.State), CreatedAt: wireTime(o.CreatedAt),
		}
		if o.State == order.Completed {
			item.CompletedAt = wireTime(o.EndedAt)
		}
		body.Data = append(body.Data, item)
	}
	return body
}

// recordOf reads what the order remembers. Should it be unreadable, the order is still shown, from its terms.
func recordOf(o *engine.Order) record {
	var kept record
	if json.Unmarshal(o.Doc, &kept) != nil || kept.Amount == "" {
		return record{Amount: o.Terms.Due.Decimal()}
	}
	return kept
}

func windowEnd(o *engine.Order, kept record) time.Time { return o.CreatedAt.Add(minutes(kept.Window)) }

// shownTime is the finest time that is shown.
const shownTime = time.Millisecond

func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// encode is v as JSON on one line. Texts are kept as they are, and not escaped for HTML.
func encode(v any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		panic("payin: an answer cannot be encoded: " + err.Error())
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"

// An order id has 134 random bits: they are all that protects the public page. Before them stand two characters that turn round
// once in 81 seconds, so that the ids of one moment lie next to one another in the index. They tell a stranger neither when an
// order was made nor how many there are.
const (
	idRandom = 26
	idTurn   = 2
	idLength = idTurn + idRandom
	turnStep = time.Second / 16
)

func (d *Dialect) newOrderID() string {
	turn := d.now().UnixNano() / int64(turnStep) % (36 * 36)
	return "ord_" + strconv.FormatInt(36*36+turn, 36)[1:] + d.randomText(idRandom)
}

func isOrderID(id string) bool {
	return len(id) == len("ord_")+idLength && id[:len("ord_")] == "ord_" &&
		every(id[len("ord_"):], func(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' })
}

// randomText is n letters and digits, each equally likely.
func (d *Dialect) randomText(n int) string {
	const even = 256 - 256%len(alphabet) // bytes from here on would make the first letters likelier
	text, buffer := make([]byte, 0, n), make([]byte, n)
	for len(text) < n {
		if _, err := io.ReadFull(d.random, buffer); err != nil {
			panic("payin: no randomness: " + err.Error()) // an id that can be guessed is worse than none
		}
		for _, b := range buffer {
			if int(b) < even && len(text) < n {
				text = append(text, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(text)
}
