package client

import (
	"context"
	"net/http"
)

// SimulatedPayment asks for a payment that is made up.
type SimulatedPayment struct {
	Order string `json:"order,omitempty" maxLength:"100" doc:"public id of an order of the sandbox mode that is collected on the sandbox's own rail"`

	Reference string `json:"reference,omitempty" maxLength:"100" doc:"instead of an order: what is paid to, such as a virtual account's number; where nobody has it the money is nobody's"`

	Amount   string `json:"amount" minLength:"1" maxLength:"200" doc:"decimal"`
	Currency string `json:"currency,omitempty" maxLength:"40" doc:"absent: the order's; needed with a reference"`
	State    string `json:"state,omitempty" enum:"seen,failed,confirmed,reversed" doc:"what is told of it; absent: confirmed"`
	ID       string `json:"id,omitempty" maxLength:"100" doc:"absent: a new payment; one that was made up before: more of the same payment"`
	From     string `json:"from,omitempty" maxLength:"100" doc:"the payer's account"`
	Name     string `json:"name,omitempty" maxLength:"100" doc:"the payer's name"`
}

// Simulated is a payment that was made up. It is booked as soon as the rail's worker has heard of it.
type Simulated struct {
	ID        string `json:"id" doc:"the rail's id of it"`
	Order     string `json:"order,omitempty"`
	Reference string `json:"reference" doc:"what it was paid to"`
	Amount    Amount `json:"amount"`
}

// SimulatePayment makes up a payment to a sandbox order.
func (c *Client) SimulatePayment(ctx context.Context, p SimulatedPayment) (Simulated, error) {
	var got Simulated
	return got, c.call(ctx, http.MethodPost, "/sandbox/payments", nil, p, &got)
}
