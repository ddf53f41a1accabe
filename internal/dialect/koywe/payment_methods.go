package koywe

import (
	"net/http"

	"till/internal/engine"
)

// The payment methods that an order may name: those of the key's mode that something here serves.

func (d *Dialect) paymentMethodRoutes() []route {
	return []route{
		{"GET", base + "/payment-method", "orders:read", d.listPaymentMethods},
	}
}

func (d *Dialect) listPaymentMethods(r *http.Request, s engine.Scope) (answer, error) {
	filter, err := decodePaymentMethods(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, encodePaymentMethods(d.engine.Methods(s.Mode, filter))}, nil
}
