package glomo

import (
	"net/http"

	"till/internal/engine"
	"till/internal/order"
)

func (d *Dialect) rfiRoutes() []route {
	return []route{
		{http.MethodGet, v1 + "/rfis/{id}", "payments:read", d.getRFI},
		{http.MethodPatch, v1 + "/rfis/{id}/respond", "payments:write", d.respondRFI},
	}
}

// rfiBody is a request for information about money that compliance withholds.
type rfiBody struct {
	ID         string        `json:"id"`
	EntityType string        `json:"entity_type"`
	EntityID   *string       `json:"entity_id"`
	PayinID    string        `json:"payin_id"`
	Status     string        `json:"status"`
	Documents  []rfiSlotBody `json:"documents"`
	CreatedAt  string        `json:"created_at"`
	UpdatedAt  string        `json:"updated_at"`
}

// rfiSlotBody is a document that is or was asked for.
type rfiSlotBody struct {
	ID       string  `json:"rfi_doc_id"`
	Name     string  `json:"name"`
	Document *string `json:"doc_id"`
	GivenAt  *string `json:"submitted_at"`
}

func (d *Dialect) getRFI(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.inquiry(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: rfiBodyOf(o)}, nil
}

// inquiry is the order that the path's request for information is about.
func (d *Dialect) inquiry(r *http.Request, s engine.Scope) (*engine.Order, error) {
	id := r.PathValue("id")
	if err := checkID(id, rfiID); err != nil {
		return nil, err
	}
	o, err := d.engine.Inquiry(r.Context(), s, id)
	return o, orNoEntity(err)
}

// respondRFI gives all documents that are still asked for, in one call.
func (d *Dialect) respondRFI(r *http.Request, s engine.Scope) (answer, error) {
	given, err := decodePairs(r, "documents", "doc_id")
	if err != nil {
		return answer{}, err
	}
	o, err := d.inquiry(r, s)
	if err != nil {
		return answer{}, err
	}
	missing := o.MissingFor(order.Compliance)
	const refused = "Invalid rfi_doc_id or RFI not in action_required status"
	switch {
	case len(missing) == 0:
		return answer{}, wrongState(refused)
	case len(given) != len(missing):
		return answer{}, wrong("documents", "documents must answer every document that is asked for in one call")
	}
	if o, err = d.engine.GiveDocuments(r.Context(), s, o.ID, given); err != nil {
		return answer{}, orRefused(err, refused)
	}
	return answer{status: http.StatusOK, body: rfiBodyOf(o)}, nil
}

func rfiBodyOf(o *engine.Order) rfiBody {
	b := rfiBody{ID: o.Inquiry, EntityType: entityPayment, PayinID: o.PublicID, Documents: []rfiSlotBody{}, CreatedAt: wireTime(o.CreatedAt), UpdatedAt: wireTime(o.UpdatedAt)}
	for _, p := range paymentsOf(o) {
		if c := p.compliance(); c.Inquiry == o.Inquiry && c.State != engine.ComplianceNone {
			b.EntityID, b.Status, b.CreatedAt = new(p.id()), complianceWords[c.State], wireTime(p.Told)
		}
	}
	for _, r := range o.Requested {
		if r.Review != order.Compliance {
			continue
		}
		slot := rfiSlotBody{ID: r.ID, Name: r.Name, Document: textOrNull(r.Document)}
		if !r.GivenAt.IsZero() {
			slot.GivenAt = new(wireTime(r.GivenAt))
		}
		b.Documents = append(b.Documents, slot)
	}
	return b
}
