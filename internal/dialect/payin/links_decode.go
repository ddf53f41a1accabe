package payin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/web"
)

// Limits of a payment link.
const (
	maxLinkBody        = 64 << 10
	maxLinkDescription = 2000 // code points
	maxCurrencies      = 20
	maxChains          = 20
	maxStock           = 1_000_000_000
	maxEmail           = 254          // RFC 5321
	maxLinkPairs       = maxPairs - 3 // of its metadata: an order has three more
)

// link is a payment link as it is asked for.
type link struct {
	linkRecord
	stock *int64
	ends  time.Time
}

// linkRecord is what a link is beside what the engine counts: engine.Offer.Doc.
type linkRecord struct {
	Title       string          `json:"title"`
	Description string          `json:"description,omitempty"`
	Amount      string          `json:"amount"` // as the merchant wrote it; zero: the payer chooses
	Currencies  []linkCurrency  `json:"currencies"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	SuccessURL  string          `json:"successUrl,omitempty"`
	CancelURL   string          `json:"cancelUrl,omitempty"`
}

// linkCurrency is a currency that a link takes, on which chains, and for how much where that differs.
type linkCurrency struct {
	Currency string   `json:"currency"`
	Chains   []string `json:"chainOptions"`
	Amount   string   `json:"amount,omitempty"`
	Primary  bool     `json:"isPrimary"`
}

func linkOf(o *engine.Offer) link {
	l := link{stock: o.Stock, ends: o.EndsAt}
	if err := json.Unmarshal(o.Doc, &l.linkRecord); err != nil {
		panic("payin: a payment link on record cannot be read: " + err.Error())
	}
	return l
}

// price is what a currency costs; "" where the payer chooses.
func (l link) price(c linkCurrency) string {
	price := firstOf(c.Amount, l.Amount)
	if isZero(price) {
		return ""
	}
	return price
}

func isZero(amount string) bool {
	a, err := money.Parse(anyAsset, amount)
	return err == nil && a.IsZero()
}

func sameAmount(a, b string) bool {
	x, err := money.Parse(anyAsset, a)
	y, err2 := money.Parse(anyAsset, b)
	return err == nil && err2 == nil && x.Cmp(y) == 0
}

// decodeLink reads a link over what it was before: what the body does not name stays. What is wrong is told in the
// order of the fields.
func (d *Dialect) decodeLink(body web.Object, m engine.Mode, l link) (link, error) {
	isNew := l.Title == ""
	given := func(name string) bool { return isNew || slices.Contains(body.Names(), name) }
	var err error
	if given("title") {
		if l.Title, err = required(body, "title", maxTitle); err != nil {
			return link{}, err
		}
		if err := checkLine(l.Title, "title"); err != nil {
			return link{}, err
		}
	}
	if given("description") {
		if l.Description, _, err = body.String("description", maxLinkDescription); err != nil {
			return link{}, err
		}
	}
	if given("amount") {
		if l.Amount, err = required(body, "amount", maxAmount); err != nil {
			return link{}, asAmount(err)
		}
		if err := checkPrice(l.Amount, "amount"); err != nil {
			return link{}, err
		}
	}
	if given("currencies") {
		if l.Currencies, err = decodeCurrencies(body); err != nil {
			return link{}, err
		}
	}
	if err := d.checkCurrencies(l, m); err != nil {
		return link{}, err
	}
	if given("inventoryTotal") {
		if l.stock, err = decodeStock(body); err != nil {
			return link{}, err
		}
	}
	if given("expiresAt") {
		if l.ends, err = decodeEnd(body); err != nil {
			return link{}, err
		}
	}
	if given("metadata") {
		if l.Metadata, err = decodeLinkMetadata(body); err != nil {
			return link{}, err
		}
	}
	if given("successUrl") {
		if l.SuccessURL, err = decodeRedirect(body, "successUrl"); err != nil {
			return link{}, err
		}
	}
	if given("cancelUrl") {
		l.CancelURL, err = decodeRedirect(body, "cancelUrl")
	}
	return l, err
}

func checkLine(text, field string) error {
	if strings.TrimSpace(text) == "" {
		return fault.New(fault.CodeMissingField, "The field '"+field+"' must not be blank").On(field)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return fault.New(fault.CodeInvalidValue, "The field '"+field+"' must not hold control characters").On(field)
	}
	return nil
}

// checkPrice is checkAmount, but zero is good: the payer chooses then.
func checkPrice(text, field string) error {
	if _, err := money.Parse(anyAsset, text); errors.Is(err, money.ErrSyntax) {
		return fault.New(fault.CodeInvalidAmount, "Amount must be a decimal string, for example \"100.00\", or \"0\" for the payer to choose").On(field)
	}
	return nil
}

func decodeCurrencies(body web.Object) ([]linkCurrency, error) {
	list, _, err := body.Array("currencies", maxCurrencies)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.New(fault.CodeMissingField, "The field 'currencies' must name at least one currency").On("currencies")
	}
	var all []linkCurrency
	primary := 0
	for _, value := range list {
		one, err := value.Object()
		if err != nil {
			return nil, err
		}
		c, err := decodeCurrency(one)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other linkCurrency) bool { return other.Currency == c.Currency }) {
			return nil, fault.New(fault.CodeInvalidValue, "The currency '"+c.Currency+"' is named twice").On(one.Param("currency"))
		}
		if c.Primary {
			primary++
		}
		all = append(all, c)
	}
	if primary > 1 {
		return nil, fault.New(fault.CodeInvalidValue, "Only one currency can be the primary one").On("currencies")
	}
	if primary == 0 {
		all[0].Primary = true
	}
	return all, nil
}

func decodeCurrency(one web.Object) (c linkCurrency, err error) {
	if c.Currency, err = required(one, "currency", maxName); err != nil {
		return c, err
	}
	chains, several, err := one.Array("chainOptions", maxChains)
	if err != nil {
		return c, err
	}
	chain, single, err := one.String("chainId", maxName)
	if err != nil {
		return c, err
	}
	switch {
	case several && single:
		return c, fault.New(fault.CodeInvalidValue, "The fields 'chainOptions' and 'chainId' are two spellings of one thing: give one").On(one.Param("chainId"))
	case single:
		c.Chains = []string{chain}
	}
	for _, value := range chains {
		name, err := value.String(maxName)
		if err != nil {
			return c, err
		}
		if slices.Contains(c.Chains, name) {
			return c, fault.New(fault.CodeInvalidValue, "The chain '"+name+"' is named twice").On(value.Path())
		}
		c.Chains = append(c.Chains, name)
	}
	if len(c.Chains) == 0 {
		return c, fault.New(fault.CodeMissingField, "The field 'chainOptions' must name at least one chain").On(one.Param("chainOptions"))
	}
	var priced bool
	if c.Amount, priced, err = one.String("amount", maxAmount); err != nil {
		return c, asAmount(err)
	}
	if priced {
		if err := checkPrice(c.Amount, one.Param("amount")); err != nil {
			return c, err
		}
	}
	for _, name := range []string{"isPrimary", "is_primary"} {
		yes, _, err := one.Bool(name)
		if err != nil {
			return c, err
		}
		c.Primary = c.Primary || yes
	}
	return c, nil
}

// checkCurrencies refuses what an order could not be made of: every currency must be served on each of its chains, and
// its price must fit its decimals there.
func (d *Dialect) checkCurrencies(l link, m engine.Mode) error {
	for _, c := range l.Currencies {
		for _, chain := range c.Chains {
			network, asset, err := d.served(chain, c.Currency, m)
			if err != nil {
				return err
			}
			if _, err := money.Parse(asset, firstOf(c.Amount, l.Amount)); err != nil {
				refused := refuseAmount(err, asset)
				return fault.New(refused.Code, refused.Message+" on "+network.ID).On("amount")
			}
		}
	}
	return nil
}

func decodeStock(body web.Object) (*int64, error) {
	n, present, err := body.Int("inventoryTotal", 1, maxStock)
	if err != nil || !present {
		return nil, err
	}
	return &n, nil
}

func decodeEnd(body web.Object) (time.Time, error) {
	text, present, err := body.String("expiresAt", maxName)
	if err != nil || !present {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fault.New(fault.CodeInvalidValue, "The field 'expiresAt' must be a time like 2027-01-31T12:00:00Z").On("expiresAt")
	}
	return at.UTC().Truncate(shownTime), nil
}

func (l link) checkEnd(_ *engine.Offer, now time.Time) error {
	if !l.ends.IsZero() && !l.ends.After(now) {
		return fault.New(fault.CodeInvalidValue, "The field 'expiresAt' must be in the future").On("expiresAt")
	}
	return nil
}

// decodeLinkMetadata reads metadata as an order's, with room for what an order of a link has beside it.
func decodeLinkMetadata(body web.Object) (json.RawMessage, error) {
	raw, err := decodeMetadata(body)
	if err != nil || raw == nil {
		return nil, err
	}
	metadata, _, err := body.Object("metadata")
	if err != nil {
		return nil, err
	}
	if metadata.Len() > maxLinkPairs {
		return nil, fault.New(fault.CodeTooManyMetadata, "Metadata of a payment link has more than 7 key-value pairs: its orders add three").On("metadata")
	}
	for _, name := range []string{"title", "paymentLinkId", "customerEmail"} {
		if slices.Contains(metadata.Names(), name) {
			return nil, fault.New(fault.CodeInvalidValue, "Metadata of a payment link cannot hold '"+name+"': its orders say that themselves").On("metadata." + name)
		}
	}
	return raw, nil
}

func decodeLinkFilter(rawQuery string, s engine.Scope) (engine.OfferFilter, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return engine.OfferFilter{}, err
	}
	f := engine.OfferFilter{
		Scope: s, Page: q.Number("page", 1, maxPage, 1), Limit: q.Number("limit", 1, 100, 20),
		State: engine.OfferState(q.word("status", string(engine.OfferDraft), string(engine.OfferPublished), string(engine.OfferArchived))),
	}
	return f, q.Err()
}

// taking is what a payer chooses of a link.
type taking struct {
	email, currency, chain, amount string
	once                           string // names the form it was filled in on; "" for none
}

func decodeTaking(body web.Object) (t taking, err error) {
	if t.email, err = required(body, "email", maxEmail); err != nil {
		return t, err
	}
	if t.currency, err = required(body, "currency", maxName); err != nil {
		return t, err
	}
	if t.chain, err = required(body, "chainId", maxName); err != nil {
		return t, err
	}
	if t.amount, _, err = body.String("amount", maxAmount); err != nil {
		return t, asAmount(err)
	}
	return t, t.check()
}

func (t taking) check() error {
	if utf8.RuneCountInString(t.email) > maxEmail {
		return fault.New(fault.CodeTooLong, fmt.Sprintf("The field 'email' must have at most %d characters", maxEmail)).On("email")
	}
	if len(t.amount) > maxAmount {
		return fault.New(fault.CodeInvalidAmount, notPositive).On("amount")
	}
	if at, err := mail.ParseAddress(t.email); err != nil || at.Name != "" || at.Address != t.email || strings.ContainsFunc(t.email, unicode.IsControl) {
		return fault.New(fault.CodeInvalidValue, "The field 'email' must be an e-mail address").On("email")
	}
	if t.amount != "" {
		return checkAmount(t.amount)
	}
	return nil
}
