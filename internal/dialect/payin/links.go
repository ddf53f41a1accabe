package payin

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// Payment links: what a merchant sells to whoever has the address of its page. A link is drafted, published under a
// slug, and archived. Everybody who takes it up gets an order of his own.

func (d *Dialect) createLink(r *http.Request, s engine.Scope) (answer, error) {
	body, err := web.Decode(r, maxLinkBody)
	if err != nil {
		return answer{}, err
	}
	asked, err := d.decodeLink(body, s.Mode, link{})
	if err != nil {
		return answer{}, err
	}
	again, err := repeatable(r, s, body, func(o *engine.Offer) any { return d.encodeLink(o) })
	if err != nil {
		return answer{}, err
	}
	made, err := d.by(r).MakeOffer(r.Context(), engine.NewOffer{
		ID: "plink_" + d.randomText(linkIDLength), Scope: s, Stock: asked.stock, EndsAt: asked.ends, Doc: encode(asked.linkRecord),
		Check: asked.checkEnd, Repeatable: again,
	})
	if err != nil {
		return answer{}, err
	}
	if made.Replay != nil {
		return replayed(made.Replay), nil
	}
	return answer{http.StatusCreated, d.encodeLink(made.Offer)}, nil
}

func (d *Dialect) listLinks(r *http.Request, s engine.Scope) (answer, error) {
	filter, err := decodeLinkFilter(r.URL.RawQuery, s)
	if err != nil {
		return answer{}, err
	}
	page, err := d.engine.Offers(r.Context(), filter)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.encodeLinks(filter, page)}, nil
}

func (d *Dialect) getLink(r *http.Request, s engine.Scope) (answer, error) {
	return d.ofLink(d.engine.Offer(r.Context(), s, r.PathValue("linkId")))
}

// changeLink changes what the body names and leaves the rest. Orders that were made keep their price.
func (d *Dialect) changeLink(r *http.Request, s engine.Scope) (answer, error) {
	body, err := web.Decode(r, maxLinkBody)
	if err != nil {
		return answer{}, err
	}
	return d.ofLink(d.by(r).ChangeOffer(r.Context(), s, r.PathValue("linkId"), func(o *engine.Offer, now time.Time) error {
		asked, err := d.decodeLink(body, s.Mode, linkOf(o))
		if err != nil {
			return err
		}
		if !asked.ends.Equal(o.EndsAt) {
			if err := asked.checkEnd(o, now); err != nil {
				return err
			}
		}
		if asked.stock != nil && *asked.stock < o.Taken {
			return fault.New(fault.CodeInvalidValue, "The field 'inventoryTotal' is less than what is sold and reserved already").On("inventoryTotal")
		}
		o.Stock, o.EndsAt, o.Doc = asked.stock, asked.ends, encode(asked.linkRecord)
		return nil
	}))
}

func (d *Dialect) publishLink(r *http.Request, s engine.Scope) (answer, error) {
	return d.ofLink(d.by(r).PublishOffer(r.Context(), s, r.PathValue("linkId"), d.randomText(slugLength)))
}

func (d *Dialect) archiveLink(r *http.Request, s engine.Scope) (answer, error) {
	return d.ofLink(d.by(r).ArchiveOffer(r.Context(), s, r.PathValue("linkId")))
}

// linkIDLength gives a link's id 134 random bits.
const linkIDLength = 26

// slugLength makes a slug short enough to be typed and, with 82 random bits, not found by trying.
const slugLength = 16

func (d *Dialect) ofLink(o *engine.Offer, err error) (answer, error) {
	if err != nil {
		return answer{}, orNoLink(err)
	}
	return answer{http.StatusOK, d.encodeLink(o)}, nil
}

func orNoLink(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return fault.New(fault.CodeNotFound, "Payment link not found")
	}
	return err
}

// What payers see.

// publicLink is a link as anybody sees it who knows the slug. One that cannot be taken up is refused as taking it up
// would be.
func (d *Dialect) publicLink(r *http.Request, _ engine.Scope) (answer, error) {
	if wait, ok := d.public.Allow(web.ClientOf(r), d.now()); !ok {
		return answer{}, tooOften(wait)
	}
	o, err := d.openLink(r.Context(), r.PathValue("slug"))
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, d.encodePublicLink(o)}, nil
}

// takeLink makes an order for a payer.
func (d *Dialect) takeLink(r *http.Request, _ engine.Scope) (answer, error) {
	if wait, ok := d.takings.Allow(web.ClientOf(r), d.now()); !ok {
		return answer{}, tooOften(wait)
	}
	body, err := web.Decode(r, maxLinkBody)
	if err != nil {
		return answer{}, err
	}
	choice, err := decodeTaking(body)
	if err != nil {
		return answer{}, err
	}
	o, err := d.take(r.Context(), r.PathValue("slug"), choice)
	if err != nil {
		return answer{}, err
	}
	shown := d.encodeOrder(o)
	shown.Metadata, shown.SuccessURL, shown.CancelURL = nil, "", "" // the merchant's
	return answer{http.StatusCreated, shown}, nil
}

// newTakingRate bounds how many orders one client may make of links: each holds an address of the merchant's pool for
// as long as it is open.
func newTakingRate() *web.Rate { return &web.Rate{Burst: 10, Each: 30 * time.Second} }

func tooOften(wait time.Duration) error {
	return fault.New(fault.CodeRateLimited, "Too many requests from this address").Retry(wait)
}

func (d *Dialect) openLink(ctx context.Context, slug string) (*engine.Offer, error) {
	o, err := d.engine.OfferBySlug(ctx, slug)
	if err == nil && o.Scope.Dialect != Name {
		err = fault.New(fault.CodeNotFound, "no such slug")
	}
	if err == nil {
		err = d.engine.OfferOpen(ctx, o, d.now())
	}
	if err != nil {
		return nil, explainLink(err)
	}
	return o, nil
}

// take makes an order of a published link. When the merchant changes the link at that moment, it is read anew.
func (d *Dialect) take(ctx context.Context, slug string, choice taking) (*engine.Order, error) {
	for tries := 0; ; tries++ {
		o, err := d.openLink(ctx, slug)
		if err != nil {
			return nil, err
		}
		asked, err := takenUp(o, choice)
		if err != nil {
			return nil, err
		}
		asked.reference = linkReference(slug, choice.once)
		if choice.once == "" {
			asked.reference = linkReference(slug, d.randomText(12))
		}
		n, err := d.newOrder(o.Scope, &asked)
		if err != nil {
			return nil, err
		}
		n.Offer = engine.OfferTaken{ID: o.ID, Revision: o.Revision}
		made, err := d.engine.Create(ctx, n)
		if err == nil {
			return made.Order, nil
		}
		if !fault.Is(err, fault.CodeVersionConflict) || tries == 3 {
			return nil, explainLink(err)
		}
	}
}

// linkReference is the reference of an order of a payment link.
func linkReference(slug, once string) string { return "link_" + slug + "_" + once }

// takenUp is the order that a payer's choice comes to, or what is wrong with the choice.
func takenUp(o *engine.Offer, choice taking) (asked, error) {
	l := linkOf(o)
	i := slices.IndexFunc(l.Currencies, func(c linkCurrency) bool { return c.Currency == choice.currency })
	if i < 0 {
		return asked{}, fault.New(fault.CodeInvalidCurrency, "Currency '"+choice.currency+"' is not accepted by this payment link").On("currency")
	}
	c := l.Currencies[i]
	if !slices.Contains(c.Chains, choice.chain) {
		return asked{}, fault.New(fault.CodeInvalidNetwork, "Chain '"+choice.chain+"' is not accepted for "+c.Currency+" by this payment link").On("chainId")
	}
	price := l.price(c)
	switch {
	case price == "" && choice.amount == "":
		return asked{}, fault.New(fault.CodeInvalidAmount, "The payer chooses the amount of this payment link: the field 'amount' is required").On("amount")
	case price == "":
		price = choice.amount
	case choice.amount != "" && !sameAmount(choice.amount, price):
		return asked{}, fault.New(fault.CodeInvalidAmount, "The amount of this payment link is "+price).On("amount")
	}
	return asked{currency: c.Currency, chain: choice.chain, record: record{
		Amount: price, Metadata: l.orderMetadata(o.ID, choice.email), SuccessURL: l.SuccessURL, CancelURL: l.CancelURL,
	}}, nil
}

// orderMetadata is the link's metadata, and what the merchant must know of this order.
func (l link) orderMetadata(id, email string) json.RawMessage {
	added := encode(struct {
		Title string `json:"title,omitempty"`
		Link  string `json:"paymentLinkId"`
		Email string `json:"customerEmail"`
	}{l.Title, id, email})
	own, err := web.ParseObject(l.Metadata)
	if err != nil || own.Len() == 0 {
		return added
	}
	text := own.Raw()
	return slices.Concat(text[:len(text)-1], []byte(","), added[1:])
}
