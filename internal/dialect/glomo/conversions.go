package glomo

import (
	"encoding/json"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/order"
	"till/internal/quote"
	"till/internal/web"
)

func (d *Dialect) conversionRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/balance_conversions", "balances:write", d.createConversion},
		{http.MethodGet, v1 + "/balance_conversions", "balances:read", d.listConversions},
		{http.MethodGet, v1 + "/balance_conversions/{id}", "balances:read", d.getConversion},
	}
}

// The kinds of the engine's orders that are paid out of the merchant's balance.
const (
	kindConversion = "balance_conversion"
	kindPayout     = "payout"
)

// createConversion exchanges a part of the merchant's balance at the rate of the moment: an order out of the balance that is
// delivered to the balance in another currency, in one transaction.
func (d *Dialect) createConversion(r *http.Request, s engine.Scope) (answer, error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return answer{}, err
	}
	ask, err := decodeExchange(body, "target")
	if err != nil {
		return answer{}, err
	}
	if ask.From == ask.To {
		return answer{}, wrong("target_currency", "target_currency must be another than source_currency")
	}
	made, err := d.engine.Create(r.Context(), engine.NewOrder{
		Scope: s.Spending(), PublicID: d.newID(conversionID), Kind: kindConversion, Maker: callerOf(r.Context()).Who(), Ask: &ask, Terms: conversionTerms(s, ask),
	})
	if err != nil {
		return answer{}, onTarget(lacksOf(onExchange(err)))
	}
	return answer{status: http.StatusCreated, body: conversionBodyOf(made.Order)}, nil
}

func conversionTerms(s engine.Scope, ask quote.Ask) func(engine.Plan) (order.Terms, json.RawMessage, error) {
	book := ledger.Owed(s.Merchant)
	return func(p engine.Plan) (order.Terms, json.RawMessage, error) {
		return order.Terms{
			Book: book, Due: p.Quote.AmountIn, Fee: p.Quote.Fee, Out: p.Quote.AmountOut, To: book.Account(ledger.Merchant), FromBalance: true, Instant: true,
		}, nil, nil
	}
}

// onTarget names the other side as conversions do.
func onTarget(err error) error {
	if f, ok := fault.As(err); ok && f.Param == "destination_amount" {
		return f.On("target_amount")
	}
	return err
}

// lacksOf says that a balance does not cover what is asked, and what is missing.
func lacksOf(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code != fault.CodeInsufficientBalance || f.Details["required"] == "" {
		return err
	}
	currency, err := fiatOf(f.Details["currency"], "currency")
	if err != nil {
		return f
	}
	missing, err := shortfall(currency, f.Details["required"], f.Details["available"])
	if err != nil {
		return f
	}
	return fault.New(f.Code, "Account has insufficient balance to process this transaction. Additional amount required: "+missing+".")
}

func (d *Dialect) listConversions(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	p := q.paging()
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	page, err := d.engine.Orders(r.Context(), spent(s, kindConversion, p))
	if err != nil {
		return answer{}, err
	}
	var list []conversionBody
	for i := range page.Orders {
		list = append(list, conversionBodyOf(&page.Orders[i]))
	}
	return answer{status: http.StatusOK, body: pageOf(p, list, page.Total)}, nil
}

// spent chooses a page of the orders of a kind that are paid out of the balance.
func spent(s engine.Scope, kind string, p paging, states ...engine.Look) engine.Filter {
	looks := states
	if len(looks) == 0 {
		looks = []engine.Look{{Kinds: []string{kind}}}
	}
	return engine.Filter{
		Scope: s.Spending(), Looks: looks, CreatedAfter: p.from, CreatedBefore: p.to, Sort: engine.ByCreation, Descending: true, Page: p.page, Limit: p.perPage,
	}
}

func (d *Dialect) getConversion(r *http.Request, s engine.Scope) (answer, error) {
	o, err := d.spending(r, s, conversionID, kindConversion)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: conversionBodyOf(o)}, nil
}

// spending is the order out of the balance that the path names. Errors: invalid_value, not_found.
func (d *Dialect) spending(r *http.Request, s engine.Scope, prefix, kind string) (*engine.Order, error) {
	id := r.PathValue("id")
	if err := checkID(id, prefix); err != nil {
		return nil, err
	}
	o, err := d.engine.Order(r.Context(), s.Spending(), id)
	if err != nil {
		return nil, orNoEntity(err)
	}
	if o.Kind != kind {
		return nil, noEntity()
	}
	return o, nil
}

// conversionBody is an exchange of a part of the balance.
type conversionBody struct {
	ID            string   `json:"id"`
	From          sumBody  `json:"from"`
	To            sumBody  `json:"to"`
	Fees          sumBody  `json:"fees"`
	MidMarketRate rateBody `json:"mid_market_rate"`
	Status        string   `json:"status"`
	CreatedAt     string   `json:"created_at"`
}

// rateBody is what one of the other currency costs in the named one.
type rateBody struct {
	Currency string      `json:"currency"`
	Rate     json.Number `json:"rate"`
}

func conversionBodyOf(o *engine.Order) conversionBody {
	status := "pending"
	switch {
	case o.State == order.Completed:
		status = "success"
	case o.State.Terminal():
		status = "failed"
	}
	b := conversionBody{
		ID: o.PublicID, From: sumOf(o.Terms.Due), To: sumOf(o.Terms.Out), Fees: sumOf(o.Terms.Due.Sub(o.Terms.Due)), Status: status, CreatedAt: wireTime(o.CreatedAt),
	}
	if o.Quote != nil {
		b.Fees, b.MidMarketRate = sumOf(o.Quote.Fee), rateBody{o.Terms.Due.Asset().Code(), rateOf(o.Quote.Quote)}
	}
	return b
}
