package baanx

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
	"till/internal/web"
)

func (d *Dialect) orderRoutes() []route {
	return []route{
		{http.MethodPost, "/v1/order", user, d.createOrder},
		{http.MethodGet, "/v1/order/{orderId}", user, d.getOrder},
		{http.MethodGet, "/v1/order/products/available", user, d.listProducts},
		{http.MethodGet, "/v1/user", user, d.getUser},
	}
}

const (
	confirmTime = 30 * time.Minute // how long money that was sent in time is waited for
	sends       = 5                // how often a product is tried to be handed over before the order fails
)

// createOrder makes the order of a product. A user has one at a time of a product that he can still pay: it is answered
// again, so that whoever repeats a request whose answer was lost does no harm.
func (d *Dialect) createOrder(r *http.Request, c caller) (answer, error) {
	a, err := decodeOrder(r)
	if err != nil {
		return answer{}, err
	}
	key, err := web.IdempotencyKey(r.Header)
	if err != nil {
		return answer{}, err
	}
	n := engine.NewPurchase{
		Scope: c.scope, Purchase: engine.Purchase{User: c.user.ID, Product: a.product, Method: a.method},
		PublicID: d.newOrderID(), Reference: d.newRequestID(), Maker: c.client.KeyID, Terms: terms,
	}
	n.Paying = func(p *engine.Product) engine.Paying { return paying(p, n.PublicID, c.user.ID) }
	if key != "" {
		n.Once = &engine.Once{
			Key:  engine.AnswerKey{Scope: "order/" + c.scope.Merchant + "/" + string(c.scope.Mode) + "/" + Name + "/" + c.user.ID, Key: key},
			Hash: hashOf(a.product, a.method),
		}
		n.Answer = func(o *engine.Order) (int, []byte) { return http.StatusOK, encode(d.encodeCreated(o)) }
	}
	made, err := d.engine.Buy(r.Context(), n)
	if err != nil {
		return answer{}, explain(err)
	}
	if d.afterPurchase != nil {
		if err := d.afterPurchase(); err != nil {
			return answer{}, err
		}
	}
	if made.Replay != nil {
		return answer{status: made.Replay.Status, body: json.RawMessage(made.Replay.Body)}, nil
	}
	return answer{status: http.StatusOK, body: d.encodeCreated(made.Order)}, nil
}

// terms are what differs between products in behaviour: nothing but how long they are waited for.
func terms(p *engine.Product, plan engine.Plan) (order.Terms, json.RawMessage, error) {
	deadline := plan.Now.Add(p.TTL)
	return order.Terms{
		Whole: true, OverAny: true, OneAttempt: true, Deadline: deadline, SeenWaits: true, ConfirmBy: deadline.Add(confirmTime), Sends: sends,
	}, encode(record{Currency: p.Price.Asset().Code()}), nil
}

// paying is what a gateway is told of an order, beside where the money must arrive.
func paying(p *engine.Product, orderID, userID string) engine.Paying {
	return engine.Paying{
		Title: p.Description, Currency: p.Price.Asset().Code(), Price: p.Price.Decimal(),
		Metadata: map[string]string{"orderId": orderID, "userId": userID, "productId": p.Code},
	}
}

// explain says an engine's refusal of an order in this API's words.
func explain(err error) error {
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	switch {
	case f.Code == fault.CodeNotFound && f.Param == "product":
		return fault.New(fault.CodeInvalidValue, "There is no such product").On("productId")
	case f.Code == fault.CodeNotFound: // the user is gone since the token was looked at
		return notAuthenticated()
	case f.Code == fault.CodeForbidden:
		return fault.New(fault.CodeForbidden, "Forbidden")
	case f.Code == fault.CodeInvalidNetwork || f.Code == fault.CodeInvalidCurrency || f.Code == fault.CodeInvalidAmount:
		return fault.New(fault.CodeNotConfigured, "The product cannot be paid at the moment").Because(err)
	}
	return err
}

func hashOf(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		h.Write(encode(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// getOrder is what became of an order. Another user's is not there.
func (d *Dialect) getOrder(r *http.Request, c caller) (answer, error) {
	gone := fault.New(fault.CodeNotFound, "Order not found")
	id := r.PathValue("orderId")
	if !isOrderID(id) {
		return answer{}, gone
	}
	o, err := d.engine.Order(r.Context(), c.scope, id)
	if fault.Is(err, fault.CodeNotFound) || err == nil && o.Purchase.User != c.user.ID {
		return answer{}, gone
	}
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, body: d.encodeStatus(o)}, nil
}

// listProducts is what is on sale, also what this user may not buy.
func (d *Dialect) listProducts(r *http.Request, c caller) (answer, error) {
	list, err := d.engine.Offerings(r.Context(), c.scope, c.user.ID, methodGateway)
	if fault.Is(err, fault.CodeNotFound) {
		return answer{}, notAuthenticated()
	}
	if err != nil {
		return answer{}, err
	}
	body := []productBody{}
	for _, p := range list {
		body = append(body, productBody{ID: p.Code, Description: p.Description, IsEligible: p.Eligible})
	}
	return answer{status: http.StatusOK, body: body}, nil
}

func (d *Dialect) getUser(_ *http.Request, c caller) (answer, error) {
	u := c.user
	return answer{status: http.StatusOK, body: userBody{
		ID: u.ID, Email: textOrNull(u.Email), PhoneNumber: textOrNull(maskPhone(u.Phone)), CountryOfResidence: textOrNull(u.Country),
		VerificationState: verifications[u.Verification], CreatedAt: wireTime(u.CreatedAt),
	}}, nil
}
