package glomo

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

// Play is a payment that the sandbox's rail is to make up.
type Play struct {
	ID        string // the rail's id of it
	Reference string // what the payer names
	Amount    money.Amount
	Name      string // of the payer
	Account   string // of the payer
}

// waitFor is how long a made-up payment is waited for until the rail has told it.
const (
	waitFor  = 10 * time.Second
	lookEach = 10 * time.Millisecond
)

// mockPayment makes a payment up in the sandbox: of an order or a link, or a transfer that names none. The rail of the
// sandbox tells it as any other is told; the answer waits for that.
func (d *Dialect) mockPayment(r *http.Request, s engine.Scope) (answer, error) {
	if s.Mode != engine.Sandbox || d.play == nil {
		return answer{}, noEntity()
	}
	m, err := decodeMock(r)
	if err != nil {
		return answer{}, err
	}
	amount, err := m.money()
	if err != nil {
		return answer{}, err
	}
	p := Play{ID: "mock-" + d.newID(paymentID), Amount: amount, Name: m.remitter, Account: "mock account"}
	if m.payin == "" {
		p.Reference, err = d.unmatched(r.Context(), s)
	} else {
		p.Reference, err = d.referenceOf(r.Context(), s, m.payin)
	}
	if err != nil {
		return answer{}, err
	}
	if err := d.play(r.Context(), p); err != nil {
		return answer{}, err
	}
	made, err := d.await(r.Context(), s, m.payin, p.ID)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, body: d.encodePayment(made)}, nil
}

// unmatched is what transfers name in the sandbox that name no order: an account of the merchant that is nobody's.
func (d *Dialect) unmatched(ctx context.Context, s engine.Scope) (string, error) {
	n, err := d.sandbox()
	if err != nil {
		return "", err
	}
	value := n.Prefix + "VA-" + strings.ToUpper(digest("unmatched\x00"+s.Merchant))
	_, err = d.engine.ImportInstruments(ctx, engine.Pool{Merchant: s.Merchant, Mode: s.Mode, Family: n.Family}, []engine.Imported{{Value: value}})
	return value, err
}

// sandbox is the network whose payments are made up. Error: not_configured.
func (d *Dialect) sandbox() (engine.Network, error) {
	for _, n := range d.engine.Networks(engine.Sandbox) {
		if n.Simulated && n.Custodial && n.Prefix != "" {
			return n, nil
		}
	}
	return engine.Network{}, fault.New(fault.CodeNotConfigured, "No payment can be made up on this server")
}

// referenceOf is what the payer of an order names. Where nothing is chosen a transfer is chosen, or the first method that
// there is; who pays to what was never chosen, or has ended without, names nothing that anybody waits for.
func (d *Dialect) referenceOf(ctx context.Context, s engine.Scope, payin string) (string, error) {
	o, err := d.engine.Order(ctx, s, payin)
	if err != nil {
		return "", orNoEntity(err)
	}
	n, err := d.sandbox()
	if err != nil {
		return "", err
	}
	if chosen, ok := played(o, n); ok {
		return chosen.Instrument.Value, nil
	}
	if o.MayChoose() {
		list := d.engine.MethodsOf(o)
		list = slices.DeleteFunc(list, func(m engine.Method) bool { return m.Network != n.ID })
		if len(list) == 0 {
			return "", fault.New(fault.CodeNotConfigured, "No method of this order can be made up")
		}
		i := max(0, slices.IndexFunc(list, func(m engine.Method) bool { return m.Code == byTransfer }))
		if o, err = d.engine.Choose(ctx, o.ID, engine.Pick{Method: list[i].Code}); err != nil {
			return "", err
		}
		if chosen, ok := played(o, n); ok {
			return chosen.Instrument.Value, nil
		}
	}
	return d.unmatched(ctx, s)
}

// played is what surrounds the last attempt that is paid on the sandbox's network.
func played(o *engine.Order, n engine.Network) (c engine.Chosen, ok bool) {
	for _, a := range slices.Backward(o.Attempts) {
		if c = o.Chosen[a.ID]; c.Network == n.ID {
			return c, true
		}
	}
	return engine.Chosen{}, false
}

// await looks for a payment that was made up until the rail has told it. Error: overloaded, when that takes too long.
func (d *Dialect) await(ctx context.Context, s engine.Scope, payin, external string) (payment, error) {
	ctx, cancel := context.WithTimeout(ctx, waitFor)
	defer cancel()
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	for {
		p, ok, err := d.toldBy(ctx, s, payin, external)
		if err != nil && ctx.Err() == nil {
			return payment{}, err
		}
		if ok {
			return p, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return payment{}, fault.New(fault.CodeOverloaded, "The payment is made, and is not told yet: look for it in GET /payment")
		}
	}
}

// toldBy finds a payment by the rail's id of it.
func (d *Dialect) toldBy(ctx context.Context, s engine.Scope, payin, external string) (p payment, ok bool, err error) {
	is := func(p payment) bool { return p.External == external }
	var list []payment
	if payin != "" {
		o, err := d.engine.Order(ctx, s, payin)
		if err != nil {
			return p, false, err
		}
		list = paymentsOf(o)
	}
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i], list[i].Rank != order.RankSeen, nil
	}
	if list, err = d.strays(ctx, s, paymentFilter{}); err != nil {
		return p, false, err
	}
	if i := slices.IndexFunc(list, is); i >= 0 {
		return list[i], true, nil
	}
	return p, false, nil
}
