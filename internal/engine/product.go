package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
)

// KindProduct is the kind of a product's document; its state says whether it is on sale.
const KindProduct DocumentKind = "product"

// Product is something that a merchant sells to users of his at a price of his own, and that he hands over by himself
// when it is paid. An order copies what it needs of it, so that a change is for later orders alone; where it is handed
// over is asked when it is.
type Product struct {
	Code        string // the merchant's word for it, unique in the scope
	Scope       Scope  `json:"-"`
	Number      int64  `json:"-"` // counts the scope's from 1
	Description string
	Active      bool // on sale; one that is not is not even listed

	Price   money.Amount // in a currency of people
	Network string       // where it is paid, by its id
	Token   string       // in which token of that network: one of it pays one of the price's currency
	Gateway string       // the gateway it may be paid through beside, by its id; empty: none
	TTL     time.Duration

	Region      string `json:",omitempty"` // of users, as the API calls it; empty: of all
	Eligibility Eligibility
	Fulfilment  Fulfilment

	Configured bool      `json:",omitempty"` // the config file says it: only that changes it
	CreatedAt  time.Time `json:"-"`
	UpdatedAt  time.Time `json:"-"`
	Version    int64     `json:"-"`
}

// Eligibility is who may buy a product: all that is said must hold. Nobody buys what he holds already.
type Eligibility struct {
	Verified  bool     `json:",omitempty"` // only who is verified
	Countries []string `json:",omitempty"` // only who lives in one of them, by their two letters; empty: anywhere
	Holds     []string `json:",omitempty"` // only who holds all of these
	HoldsNot  []string `json:",omitempty"` // only who holds none of these
}

// Fulfilment is how a product is handed over.
type Fulfilment struct {
	Kind   FulfilmentKind
	URL    string `json:",omitempty"` // of FulfilByWebhook
	Secret string `json:",omitempty"` // sealed; it signs what the URL is told
}

// FulfilmentKind is a way to hand a product over.
type FulfilmentKind string

// The ways.
const (
	FulfilByWebhook FulfilmentKind = "webhook" // the merchant's URL is told, until it says that it is done or refuses
	FulfilByHand    FulfilmentKind = "manual"  // somebody does it and says so
)

// Limits of a product.
const (
	maxProductText = 500
	maxProductList = 100
	// MinProductTTL leaves a buyer the time in which known clients ask for the outcome.
	MinProductTTL = 10 * time.Minute
	maxProductTTL = 30 * 24 * time.Hour
)

var (
	productForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	countryForm = regexp.MustCompile(`^[A-Z]{2}$`)
)

// Due is the price in the token that pays it.
//
// Errors: invalid_network, invalid_currency, invalid_amount (the token has fewer decimals than the price).
func (p *Product) Due(e *Engine) (Network, money.Amount, error) {
	n, err := e.Network(p.Network, p.Scope.Mode)
	if err != nil {
		return n, money.Amount{}, err
	}
	token, err := n.Asset(p.Token)
	if err != nil {
		return n, money.Amount{}, err
	}
	due, err := money.Parse(token, p.Price.Decimal())
	if err != nil {
		err = fault.New(fault.CodeInvalidAmount, "the token has fewer decimals than the price").On("price").Because(err)
	}
	return n, due, err
}

// Open says why a user may not buy the product; nil: he may. Whether he has paid for it already is another question.
func (p *Product) Open(u *User) error {
	allowed := p.Active && u.Active && (p.Region == "" || p.Region == u.Region) && !slices.Contains(u.Holds, p.Code)
	if e := p.Eligibility; allowed {
		allowed = (!e.Verified || u.Verification == Verified) && (len(e.Countries) == 0 || slices.Contains(e.Countries, u.Country))
		for _, code := range e.Holds {
			allowed = allowed && slices.Contains(u.Holds, code)
		}
		for _, code := range e.HoldsNot {
			allowed = allowed && !slices.Contains(u.Holds, code)
		}
	}
	if allowed {
		return nil
	}
	return fault.New(fault.CodeForbidden, "the user may not buy this product")
}

// checkProduct refuses what cannot be sold. Error: as said on the field.
func (e *Engine) checkProduct(p *Product) error {
	bad := func(field, text string) error { return fault.New(fault.CodeInvalidValue, text).On(field) }
	switch {
	case !productForm.MatchString(p.Code):
		return bad("code", "a product's code is up to 64 letters, digits, dots, dashes and underscores")
	case strings.TrimSpace(p.Description) == "" || len(p.Description) > maxProductText:
		return bad("description", "want a text of at most 500 bytes")
	case p.Price.Sign() <= 0:
		return bad("price", "want an amount above zero")
	case p.TTL < MinProductTTL || p.TTL > maxProductTTL:
		return bad("ttl", "want 10m to 720h")
	case len(p.Eligibility.Holds)+len(p.Eligibility.HoldsNot)+len(p.Eligibility.Countries) > maxProductList:
		return bad("eligibility", "there are too many words")
	}
	for _, country := range p.Eligibility.Countries {
		if !countryForm.MatchString(country) {
			return bad("eligibility.countries", "a country is two capital letters (ISO 3166)")
		}
	}
	for _, code := range slices.Concat(p.Eligibility.Holds, p.Eligibility.HoldsNot) {
		if !productForm.MatchString(code) {
			return bad("eligibility.holds", "what a user holds is a word like a product's code")
		}
	}
	switch p.Fulfilment.Kind {
	case FulfilByHand:
		if p.Fulfilment.URL != "" {
			return bad("fulfilment.url", "nobody is told of what is done by hand")
		}
	case FulfilByWebhook:
		if u, err := url.Parse(p.Fulfilment.URL); err != nil || u.Host == "" {
			return fault.New(fault.CodeInvalidURL, "want the URL that is told to hand the product over").On("fulfilment.url")
		}
		if p.Fulfilment.Secret == "" {
			return fault.New(fault.CodeMissingField, "what the URL is told must be signed").On("fulfilment.secret")
		}
	default:
		return bad("fulfilment.kind", "want webhook or manual")
	}
	if _, _, err := p.Due(e); err != nil {
		return err
	}
	return nil
}

// SaveProduct makes a product or replaces it; one without a secret of its fulfilment keeps the one that it has. What the
// config file says is changed by it alone.
//
// Errors: invalid_value, missing_field, invalid_url, invalid_network, invalid_currency, invalid_amount on the field;
// forbidden for one of the config file's.
func (e *Engine) SaveProduct(ctx context.Context, p Product) (*Product, error) {
	id := productID(p.Scope, p.Code)
	var saved *Product
	err := e.update(ctx, Keys{Documents: []DocumentKey{{KindProduct, id}}}, func(tx Tx) error {
		d, err := tx.Document(KindProduct, id)
		if err != nil {
			return err
		}
		made := p
		if d != nil {
			was, err := productOf(d)
			if err != nil {
				return err
			}
			if was.Configured && !p.Configured {
				return fault.New(fault.CodeForbidden, "the config file says this product: change it there").On("code")
			}
			if made.Fulfilment.Kind == FulfilByWebhook && made.Fulfilment.Secret == "" {
				made.Fulfilment.Secret = was.Fulfilment.Secret
			}
		}
		if err := e.checkProduct(&made); err != nil {
			return err
		}
		body, err := json.Marshal(made)
		if err != nil {
			return err
		}
		state := "off"
		if made.Active {
			state = "on"
		}
		if d == nil {
			d = &Document{Kind: KindProduct, ID: id, Scope: p.Scope, Keys: []string{"code:" + p.Code}, CreatedAt: tx.Now()}
		} else if string(d.Doc) == string(body) {
			saved, err = productOf(d)
			return err
		}
		d.State, d.UpdatedAt, d.Doc = state, tx.Now(), body
		if d.Version == 0 {
			err = tx.InsertDocument(d)
		} else {
			err = tx.SaveDocument(d)
		}
		if err != nil {
			return err
		}
		if saved, err = productOf(d); err != nil {
			return err
		}
		return e.act(tx, p.Scope.Mode, "product.save", id, fmt.Sprintf("%s; %s; paid in %s on %s; %s", state, made.Price, made.Token, made.Network, made.Fulfilment.Kind))
	})
	return saved, err
}

// ReleaseProduct gives a product that the config file says no more to the operator.
//
// Error: not_found.
func (e *Engine) ReleaseProduct(ctx context.Context, s Scope, code string) error {
	return e.keepProduct(ctx, s, code, func(p *Product) error { p.Configured = false; return nil })
}

// ResealProduct puts a secret that reseal made in place of a product's; one that has none is left alone.
//
// Error: not_found.
func (e *Engine) ResealProduct(ctx context.Context, s Scope, code string, reseal func(sealed string) (string, error)) error {
	return e.keepProduct(ctx, s, code, func(p *Product) (err error) {
		if p.Fulfilment.Secret != "" {
			p.Fulfilment.Secret, err = reseal(p.Fulfilment.Secret)
		}
		return err
	})
}

func (e *Engine) keepProduct(ctx context.Context, s Scope, code string, change func(p *Product) error) error {
	id := productID(s, code)
	return e.update(ctx, Keys{Documents: []DocumentKey{{KindProduct, id}}}, func(tx Tx) error {
		d, err := tx.Document(KindProduct, id)
		if err != nil {
			return err
		}
		if d == nil {
			return noProduct()
		}
		p, err := productOf(d)
		if err != nil {
			return err
		}
		if err := change(p); err != nil {
			return err
		}
		if d.Doc, err = json.Marshal(p); err != nil {
			return err
		}
		d.UpdatedAt = tx.Now()
		return tx.SaveDocument(d)
	})
}

// Product finds a product of the scope. Error: not_found.
func (e *Engine) Product(ctx context.Context, s Scope, code string) (p *Product, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		d, err := rd.Document(KindProduct, productID(s, code))
		if err != nil {
			return err
		}
		if d == nil {
			return noProduct()
		}
		p, err = productOf(d)
		return err
	})
	return p, err
}

// MaxProducts is how many products of a scope are listed.
const MaxProducts = 1000

// Products lists a scope's products, the oldest first, or those on sale alone.
func (e *Engine) Products(ctx context.Context, s Scope, onSale bool) (list []Product, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		list, err = productsOf(rd, s, onSale)
		return err
	})
	return list, err
}

func productsOf(rd Reader, s Scope, onSale bool) (list []Product, err error) {
	f := DocumentFilter{Kind: KindProduct, Scope: s, Page: 1, Limit: MaxProducts}
	if onSale {
		f.State = "on"
	}
	page, err := rd.Documents(f)
	if err != nil {
		return nil, err
	}
	for i := range page.List {
		p, err := productOf(&page.List[i])
		if err != nil {
			return nil, err
		}
		list = append(list, *p)
	}
	return list, nil
}

func productID(s Scope, code string) string {
	return s.Merchant + "/" + string(s.Mode) + "/" + s.Dialect + "/" + code
}

func productOf(d *Document) (*Product, error) {
	p := &Product{}
	if err := json.Unmarshal(d.Doc, p); err != nil {
		return nil, err
	}
	p.Scope, p.Number, p.Version, p.CreatedAt, p.UpdatedAt = d.Scope, d.Number, d.Version, d.CreatedAt, d.UpdatedAt
	return p, nil
}

func noProduct() error {
	return fault.New(fault.CodeNotFound, "there is no such product").On("product")
}
