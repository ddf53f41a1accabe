package glomo

import (
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

func (d *Dialect) orderRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/orders", "orders:write", d.createOrder},
		{http.MethodGet, v1 + "/orders", "orders:read", d.listOrders},
		{http.MethodGet, v1 + "/orders/{id}", "orders:read", d.getOrder},
		{http.MethodPatch, v1 + "/orders/{id}/update-rfi", "orders:write", d.giveDocuments},
		{http.MethodPatch, v1 + "/orders/{id}/update_rfi", "orders:write", d.giveDocuments}, // as published
	}
}

func (d *Dialect) createOrder(r *http.Request, s engine.Scope) (answer, error) {
	a, err := d.decodeOrder(r)
	if err != nil {
		return answer{}, err
	}
	p, err := d.plan(r.Context(), s, a)
	if err != nil {
		return answer{}, err
	}
	n := p.order()
	n.PublicID, n.Maker = d.newID(orderID), callerOf(r.Context()).Who()
	made, err := d.engine.Create(r.Context(), n)
	if err != nil {
		return answer{}, explain(err)
	}
	return answer{status: http.StatusCreated, body: encodeOrder(made.Order)}, nil
}

// explain says an engine's refusal of a new order in this API's words.
func explain(err error) error {
	switch f, _ := fault.As(err); {
	case f == nil:
	case f.Code == fault.CodeDuplicateReference:
		return fault.New(fault.CodeDuplicateReference, "Order already exists for this request_id").On("request_id")
	case f.Param == "quote":
		return onExchange(err)
	case f.Param == "due" || f.Param == "fee" || f.Param == "out":
		return f.On("amount")
	}
	return err
}

func (d *Dialect) getOrder(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.find(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: encodeOrder(o)}, nil
}

// find is the order that the path names.
func (d *Dialect) find(r *http.Request, s engine.Scope) (*engine.Order, error) {
	id := r.PathValue("id")
	if err := checkID(id, orderID); err != nil {
		return nil, err
	}
	o, err := d.engine.Order(r.Context(), s, id)
	return o, orNoEntity(err)
}

func (d *Dialect) listOrders(r *http.Request, s engine.Scope) (answer, error) {
	f, err := decodeOrderFilter(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	page, err := d.findOrders(r.Context(), f)
	if err != nil {
		return answer{}, err
	}
	list := make([]orderBody, len(page.Orders))
	for i := range page.Orders {
		list[i] = encodeOrder(&page.Orders[i])
	}
	return answer{status: http.StatusOK, body: pageOf(f.paging, list, page.Total)}, nil
}

// giveDocuments answers what an order asks for. Some of it may be given now and the rest with another request.
func (d *Dialect) giveDocuments(r *http.Request, s engine.Scope) (answer, error) {
	given, err := decodeGiven(r)
	if err != nil {
		return answer{}, err
	}
	o, err := d.find(r, s)
	if err != nil {
		return answer{}, err
	}
	if o.State != order.Documents {
		return answer{}, notAsked()
	}
	o, err = d.engine.As(callerOf(r.Context()).Who()).GiveDocuments(r.Context(), s, o.ID, given)
	if f, _ := fault.As(err); f != nil && (f.Code == fault.CodeInvalidValue || f.Code == fault.CodeOrderStateConflict) {
		err = notAsked()
	}
	if err != nil {
		return answer{}, orNoEntity(err)
	}
	return answer{status: http.StatusOK, body: encodeOrder(o)}, nil
}

func notAsked() error {
	return fault.New(fault.CodeOrderStateConflict, "Invalid rfi_doc_id or order not in action_required status")
}
