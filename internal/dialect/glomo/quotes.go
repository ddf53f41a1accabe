package glomo

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/quote"
	"till/internal/web"
)

func (d *Dialect) quoteRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/quotes", "quotes:write", d.createQuote},
		{http.MethodGet, v1 + "/quotes/{id}", "quotes:read", d.getQuote},
	}
}

// What a quote is for.
const (
	quotePayin  = "payin"
	quotePayout = "payout"
)

// quoteLife is how long a quote is promised.
const quoteLife = 30 * time.Minute

func (d *Dialect) createQuote(r *http.Request, s engine.Scope) (answer, error) {
	resource, ask, err := decodeQuote(r)
	if err != nil {
		return answer{}, err
	}
	of, kind := s, kindOrder
	if resource == quotePayout {
		of, kind = s.Spending(), kindPayout
	}
	q, err := d.engine.MakeQuote(r.Context(), engine.NewQuote{ID: d.newID(quoteID), Scope: of, Ask: ask, OrderKind: kind, Life: quoteLife})
	if err != nil {
		return answer{}, onExchange(err)
	}
	return answer{status: http.StatusCreated, body: d.quoteBodyOf(q)}, nil
}

func (d *Dialect) getQuote(r *http.Request, s engine.Scope) (answer, error) {
	id := r.PathValue("id")
	if err := checkID(id, quoteID); err != nil {
		return answer{}, err
	}
	q, err := d.engine.Quote(r.Context(), s, id)
	if fault.Is(err, fault.CodeNotFound) {
		q, err = d.engine.Quote(r.Context(), s.Spending(), id)
	}
	if err != nil {
		return answer{}, orNoEntity(err)
	}
	return answer{status: http.StatusOK, body: d.quoteBodyOf(q)}, nil
}

// decodeQuote reads what a quote is asked for.
func decodeQuote(r *http.Request) (resource string, ask quote.Ask, err error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return "", ask, err
	}
	if resource, err = word(body, "resource", quotePayin, quotePayout); err != nil {
		return "", ask, err
	}
	if resource == "" {
		return "", ask, missing("resource")
	}
	ask, err = decodeExchange(body, "destination")
	return resource, ask, err
}

// decodeExchange reads two currencies and one of two amounts: source_currency, source_amount, and those of the other side,
// whose word it is given.
func decodeExchange(body web.Object, other string) (ask quote.Ask, err error) {
	if ask.From, err = currencyField(body, "source_currency"); err != nil {
		return ask, err
	}
	if ask.To, err = currencyField(body, other+"_currency"); err != nil {
		return ask, err
	}
	return ask, exchangeAmount(body, other, &ask)
}

// exchangeAmount reads exactly one of the two amounts.
func exchangeAmount(body web.Object, other string, ask *quote.Ask) error {
	in, err := whole(body, "source_amount", "Source amount "+notPositive)
	if err != nil {
		return err
	}
	out, err := whole(body, other+"_amount", named(other)+" amount "+notPositive)
	if err != nil {
		return err
	}
	switch {
	case in != nil && out != nil:
		return wrong(other+"_amount", "You can only send source_amount or "+other+"_amount, not both.")
	case in != nil:
		ask.AmountIn, err = amountOf(*in, ask.From, "source_amount")
	case out != nil:
		ask.AmountOut, err = amountOf(*out, ask.To, other+"_amount")
	default:
		return missing("source_amount")
	}
	return err
}

// onExchange says an engine's refusal of an exchange in this API's words.
func onExchange(err error) error {
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	switch f.Param {
	case "amountIn", "due", "fee":
		return f.On("source_amount")
	case "amountOut", "out":
		return f.On("destination_amount")
	case "quote":
		switch f.Code {
		case fault.CodeNotFound:
			return wrong("quote_id", "quote_id not found")
		case fault.CodeQuoteExpired:
			return fault.New(f.Code, "quote_id has expired").On("quote_id")
		case fault.CodeQuoteUsed:
			return fault.New(f.Code, "quote_id has already been used").On("quote_id")
		}
	}
	return err
}

// quoteBody is a quote. fees is inside the source amount; rate is what one of the destination currency costs in the source
// currency, before the fees.
type quoteBody struct {
	ID                  string      `json:"id"`
	Resource            string      `json:"resource"`
	Status              string      `json:"status"`
	SourceCurrency      string      `json:"source_currency"`
	SourceAmount        int64       `json:"source_amount"`
	DestinationCurrency string      `json:"destination_currency"`
	DestinationAmount   int64       `json:"destination_amount"`
	Fees                sumBody     `json:"fees"`
	Rate                json.Number `json:"rate"`
	UsedBy              *string     `json:"used_by"`
	ExpiresAt           string      `json:"expires_at"`
	CreatedAt           string      `json:"created_at"`
}

func (d *Dialect) quoteBodyOf(q *engine.Quote) quoteBody {
	b := quoteBody{
		ID: q.ID, Resource: quotePayin, Status: "active", SourceCurrency: q.AmountIn.Asset().Code(), SourceAmount: minor(q.AmountIn),
		DestinationCurrency: q.AmountOut.Asset().Code(), DestinationAmount: minor(q.AmountOut), Fees: sumOf(q.Fee), Rate: rateOf(q.Quote),
		UsedBy: textOrNull(q.UsedBy), ExpiresAt: wireMillis(q.Ends), CreatedAt: wireTime(q.Made),
	}
	if q.OrderKind == kindPayout {
		b.Resource = quotePayout
	}
	switch {
	case q.UsedBy != "":
		b.Status = "used"
	case q.CheckAlive(d.now()) != nil:
		b.Status = "expired"
	}
	return b
}

// rateOf is a rate as a JSON number, without zeros at its end.
func rateOf(q quote.Quote) json.Number {
	text := q.ExchangeRate.String()
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return json.Number(text)
}
