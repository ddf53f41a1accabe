package glomo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
	"till/internal/web"
)

func (d *Dialect) linkRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/payin", "payment_links:write", d.createLink},
		{http.MethodGet, v1 + "/payin", "payment_links:read", d.listLinks},
		{http.MethodGet, v1 + "/payin/{id}", "payment_links:read", d.getLink},
		{http.MethodPatch, v1 + "/payin/{id}", "payment_links:write", d.changeLink},
		{http.MethodPatch, v1 + "/payin/{id}/cancel", "payment_links:write", d.cancelLink},
		{http.MethodPatch, v1 + "/payin/{id}/update_rfi", "payment_links:write", d.updateLinkRFI},
		{http.MethodPatch, v1 + "/payin/{id}/update-rfi", "payment_links:write", d.updateLinkRFI},
		{http.MethodPatch, v1 + "/payin/{id}/mock_mark_reviewed", "payment_links:write", d.mockReviewed},
	}
}

const (
	maxLinkMonths = 6 // how far ahead a link ends at most
	oneDay        = 24 * time.Hour
)

// reminderDays are how often a link may remind.
var reminderDays = []int64{1, 2, 7, 14}

// times is what a link has beside an order.
type times struct {
	expires time.Time // zero: not said
	remind  int64     // days; 0: not said
}

// createLink makes a payment link: an order with an end of the merchant's choice, whose payer is reminded. The same request
// again makes another link, and its request_id is not read.
func (d *Dialect) createLink(r *http.Request, s engine.Scope) (answer, error) {
	a, err := d.decodeOrder(r)
	if err != nil {
		return answer{}, err
	}
	if a.quote != "" { // it would end the link, whose end is the merchant's
		return answer{}, wrong("quote_id", "quote_id is not served here")
	}
	t, err := decodeTimes(a.body)
	if err != nil {
		return answer{}, err
	}
	if t.expires.IsZero() {
		return answer{}, missing("expires_at")
	}
	a.request = ""
	p, err := d.plan(r.Context(), s, a)
	if err != nil {
		return answer{}, err
	}
	n := p.order()
	n.PublicID, n.Kind, n.Maker = d.newID(linkID), kindLink, callerOf(r.Context()).Who()
	n.Notify = engine.Notify{Customer: p.customer.ID, Reminders: t.remind > 0, Every: time.Duration(t.remind) * oneDay}
	n.Terms = func(at engine.Plan) (order.Terms, json.RawMessage, error) {
		terms, doc, err := p.terms(at)
		if err != nil {
			return terms, doc, err
		}
		terms.Deadline, terms.MerchantCancels = t.expires, true
		return terms, doc, checkEnd(t.expires, at.Now)
	}
	made, err := d.engine.Create(r.Context(), n)
	if err != nil {
		return answer{}, explain(err)
	}
	return answer{status: http.StatusCreated, body: d.encodeLink(made.Order)}, nil
}

// decodeTimes reads what a link has beside an order.
func decodeTimes(body web.Object) (t times, err error) {
	text, err := optional(body, "expires_at", maxText)
	if err != nil {
		return t, err
	}
	if text != "" {
		if t.expires, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return t, wrong("expires_at", "expires_at must be a time as ISO 8601 writes it, with its zone")
		}
		t.expires = t.expires.UTC().Truncate(time.Millisecond)
	}
	days, err := whole(body, "reminder_frequency", "reminder_frequency must be one of 1, 2, 7, 14")
	if err != nil || days == nil {
		return t, err
	}
	if t.remind = *days; !slices.Contains(reminderDays, t.remind) {
		return t, wrong("reminder_frequency", "reminder_frequency must be one of 1, 2, 7, 14")
	}
	return t, nil
}

// checkEnd refuses an end that is not ahead, or too far.
func checkEnd(end, now time.Time) error {
	switch {
	case !end.After(now):
		return wrong("expires_at", "expires_at must be in the future")
	case end.After(now.AddDate(0, maxLinkMonths, 0)):
		return wrong("expires_at", "expires_at must be within 6 months")
	}
	return nil
}

func (d *Dialect) getLink(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.findLink(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: d.encodeLink(o)}, nil
}

// findLink is the link that the path names.
func (d *Dialect) findLink(r *http.Request, s engine.Scope) (*engine.Order, error) {
	id := r.PathValue("id")
	if err := checkID(id, linkID); err != nil {
		return nil, err
	}
	o, err := d.engine.Order(r.Context(), s, id)
	if err != nil {
		return nil, orNoEntity(err)
	}
	if o.Kind != kindLink {
		return nil, noEntity()
	}
	return o, nil
}

func (d *Dialect) listLinks(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	p := q.paging()
	f := engine.Filter{
		Scope: s, Looks: looksOf(q.word("status", orderStatuses...), kindLink), CreatedAfter: p.from, CreatedBefore: p.to,
		Sort: engine.ByCreation, Descending: true, Page: p.page, Limit: p.perPage,
	}
	if id := q.id("customer_id", customerID); id != "" {
		f.Words = append(f.Words, customerWord(id))
	}
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	page, err := d.engine.Orders(r.Context(), f)
	if err != nil {
		return answer{}, err
	}
	var list []linkBody
	for i := range page.Orders {
		list = append(list, d.encodeLink(&page.Orders[i]))
	}
	return answer{status: http.StatusOK, body: pageOf(p, list, page.Total)}, nil
}

// changeLink moves a link's end and how often it reminds, while it waits. Nothing else of it changes.
func (d *Dialect) changeLink(r *http.Request, s engine.Scope) (answer, error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return answer{}, err
	}
	if err := body.Only("reminder_frequency", "expires_at"); err != nil {
		return answer{}, err
	}
	t, err := decodeTimes(body)
	if err != nil {
		return answer{}, err
	}
	if t == (times{}) {
		return answer{}, missing("expires_at")
	}
	o, err := d.findLink(r, s)
	if err != nil {
		return answer{}, err
	}
	o, err = d.engine.Reschedule(r.Context(), s, o.PublicID, engine.Rescheduled{
		Deadline: t.expires, Every: time.Duration(t.remind) * oneDay,
		Check: func(_ *engine.Order, now time.Time) error {
			if t.expires.IsZero() {
				return nil
			}
			return checkEnd(t.expires, now)
		},
	})
	if fault.Is(err, fault.CodeOrderStateConflict) {
		err = wrongState("Payment link cannot be changed in its current state")
	}
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: d.encodeLink(o)}, nil
}

func (d *Dialect) cancelLink(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.findLink(r, s)
	if err != nil {
		return answer{}, err
	}
	o, err = d.engine.Cancel(r.Context(), o.ID, order.ByMerchant, callerOf(r.Context()).Who(), "")
	if fault.Is(err, fault.CodeOrderStateConflict) {
		err = wrongState("Payment link cannot be cancelled in its current state")
	}
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: d.encodeLink(o)}, nil
}

// updateLinkRFI gives documents that screening asks for before a link can be paid.
func (d *Dialect) updateLinkRFI(r *http.Request, s engine.Scope) (answer, error) {
	given, err := decodePairs(r, "documents", "id")
	if err != nil {
		return answer{}, err
	}
	o, err := d.findLink(r, s)
	if err != nil {
		return answer{}, err
	}
	const refused = "Invalid rfi_doc_id or payment link not in action_required status"
	if o.State != order.Documents {
		return answer{}, wrongState(refused)
	}
	if o, err = d.engine.GiveDocuments(r.Context(), s, o.ID, given); err != nil {
		return answer{}, orRefused(err, refused)
	}
	return answer{status: http.StatusOK, body: d.encodeLink(o)}, nil
}

// mockReviewed plays the reviewers of the sandbox, who have nothing against a link.
func (d *Dialect) mockReviewed(r *http.Request, s engine.Scope) (answer, error) {
	if s.Mode != engine.Sandbox {
		return answer{}, noEntity()
	}
	o, err := d.findLink(r, s)
	if err != nil {
		return answer{}, err
	}
	if o.State != order.InReview {
		return answer{}, wrongState("Payment link is not under review.")
	}
	for _, who := range mockReviewers {
		if o, err = d.engine.Approve(r.Context(), o.ID, order.Screening, order.ByOperator, who); err != nil {
			return answer{}, err
		}
		if o.State != order.InReview {
			break
		}
	}
	return answer{status: http.StatusOK, body: d.encodeLink(o)}, nil
}

// linkBody is a payment link: an order's fields, and its own.
type linkBody struct {
	orderBody
	PaymentLink *string `json:"payment_link"` // where it is paid; null while it may not be paid yet
	ExpiresAt   string  `json:"expires_at"`
	Reminder    *int64  `json:"reminder_frequency"` // days
	RemindedAt  *string `json:"last_reminder_sent_at"`
}

func (d *Dialect) encodeLink(o *engine.Order) linkBody {
	b := linkBody{orderBody: encodeOrder(o), ExpiresAt: wireMillis(o.Terms.Deadline)}
	if o.State != order.Documents && o.State != order.InReview && d.publicURL != "" {
		b.PaymentLink = new(d.publicURL + "/pay/order/" + o.PublicID)
	}
	if o.Notify.Every > 0 {
		b.Reminder = new(int64(o.Notify.Every / oneDay))
	}
	if !o.Notify.Told.IsZero() {
		b.RemindedAt = new(wireMillis(o.Notify.Told))
	}
	return b
}

const entityLink = "payment_link"

// tellLink renders each change of what a link is called.
func (d *Dialect) tellLink(ev engine.Event, o *engine.Order) (told, bool) {
	if o == nil || o.Kind != kindLink || !strings.HasPrefix(ev.Type, "order.") {
		return told{}, false
	}
	status := projection[ev.State]
	if was, _, known := ev.Before(); ev.Type != "order.created" && (!known || projection[was] == status) {
		return told{}, false
	}
	if ev.Type == "order.created" && status != statusActive {
		return told{}, false // what was found of it is told next
	}
	b := d.encodeLink(o)
	b.Status = status
	if status != statusActionRequired {
		b.Requested = nil
	}
	return told{entityLink, status, b}, true
}
