package payin

import (
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
)

// listTransfers lists what was paid to the merchant's orders and deposits, also too late or in another token.
func (d *Dialect) listTransfers(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := decodeTransfers(r.URL.RawQuery, s, 20, 100)
	if err != nil {
		return answer{}, err
	}
	page, err := d.payments(r, asked)
	if err != nil {
		return answer{}, err
	}
	return d.encodeTransfers(asked.filter, page), nil
}

// maxOneTransfers is how many transfers of one order or reference are shown at once: an order has no more.
const maxOneTransfers = 200

// transfersByReference lists the transfers of one order or deposit reference of the merchant.
func (d *Dialect) transfersByReference(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := decodeTransfers(r.URL.RawQuery, s, maxOneTransfers, maxOneTransfers)
	if err != nil {
		return answer{}, err
	}
	if asked.owner.Order == "" && asked.owner.Reference == "" {
		return answer{}, fault.New(fault.CodeMissingField, "One of the parameters 'orderId' and 'depositReference' is required").On("orderId")
	}
	page, err := d.payments(r, asked)
	if err != nil {
		return answer{}, err
	}
	return d.encodeTransfersOfOne(page), nil
}

// payments asks the engine, unless the filters contradict each other: then there are none.
func (d *Dialect) payments(r *http.Request, asked askedTransfers) (engine.PaymentPage, error) {
	if asked.nothing {
		return engine.PaymentPage{}, nil
	}
	return d.engine.Payments(r.Context(), asked.filter, asked.owner)
}
