package payin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/order"
	"till/internal/web"
	"till/internal/webhook"
)

// Limits of what is read.
const (
	maxOrderBody  = 64 << 10
	maxImportBody = 1 << 20
	maxConfigBody = 16 << 10
	maxReference  = 255      // code points: the seed
	maxPairs      = 10       // of metadata: the seed
	maxMetadata   = 16 << 10 // bytes of metadata
	maxName       = 64       // code points of a currency or chain; longer ones cannot exist
	maxAmount     = 200      // characters: 78 digits, a dot, and room for leading zeros
	maxAddresses  = 1000     // of one import: PayIn's own limit
	maxIndex      = 1<<31 - 1
	maxMinutes    = 1440 // of a window, a grace period and both together, whatever the configuration
)

// confirmTime is how long after its deadline an order waits for the confirmation of money that was sent in
// time.
const confirmTime = 30 * time.Minute

// decodeOrder reads POST /orders. What is wrong is told in this order: the body, the fields as they stand in
// the seed, the amount, the chain, the currency. The engine then looks for a duplicate, the length of the
// window and a free address. kept is what the order remembers, once it is made.
func (d *Dialect) decodeOrder(r *http.Request, s engine.Scope) (n engine.NewOrder, kept *record, err error) {
	body, err := web.Decode(r, maxOrderBody)
	if err != nil {
		return n, nil, err
	}
	asked, err := decodeFields(body)
	if err != nil {
		return n, nil, err
	}
	if n, err = d.newOrder(s, &asked); err != nil {
		return n, nil, err
	}
	again, err := repeatable(r, s, body, func(o *engine.Order) any { return d.encodeOrder(o) })
	n.Once, n.Answer = again.Once, again.Answer
	return n, &asked.record, err
}

// newOrder checks what an order is to be paid with. The record in asked is complete when the order is made.
func (d *Dialect) newOrder(s engine.Scope, asked *asked) (engine.NewOrder, error) {
	if err := checkAmount(asked.record.Amount); err != nil {
		return engine.NewOrder{}, err
	}
	network, asset, err := d.served(asked.chain, asked.currency, s.Mode)
	if err != nil {
		return engine.NewOrder{}, err
	}
	due, err := money.Parse(asset, asked.record.Amount)
	if err != nil {
		return engine.NewOrder{}, refuseAmount(err, asset)
	}
	return engine.NewOrder{
		Scope:     s,
		PublicID:  d.newOrderID(),
		Reference: asked.reference,
		UniqueKey: asked.reference,
		Network:   network,
		Rest:      cooldown,
		Terms:     func(p engine.Plan) (order.Terms, json.RawMessage, error) { return terms(s.Merchant, due, asked, p) },
	}, nil
}

// served is the chain and the currency on it, as they are named.
func (d *Dialect) served(chain, currency string, m engine.Mode) (engine.Network, money.Asset, error) {
	network, err := d.engine.Network(chain, m)
	if err != nil || network.Family != engine.EVM { // other rails are no chains
		return engine.Network{}, money.Asset{}, fault.New(fault.CodeInvalidNetwork, "Chain '"+chain+"' is not supported").On("chainId")
	}
	asset, err := network.Asset(currency)
	if err != nil {
		return engine.Network{}, money.Asset{}, fault.New(fault.CodeInvalidCurrency, "Currency '"+currency+"' is not available on chain '"+network.ID+"'").On("currency")
	}
	return network, asset, nil
}

// terms are what an order of this API agrees on: parts of the money add up, what is too much is set aside,
// and money that was sent in time is waited for. The money lies in the merchant's own wallet, so that the
// delivery is a record.
func terms(merchant string, due money.Amount, a *asked, p engine.Plan) (order.Terms, json.RawMessage, error) {
	if !ordersSetting.on(p.Settings) {
		return order.Terms{}, nil, fault.New(fault.CodeServiceDisabled, "The order service is disabled").With("service", "orders")
	}
	w := windowsOf(p.Settings)
	w.replace(*a)
	if w.window+w.grace > w.max {
		return order.Terms{}, nil, fault.New(fault.CodeWindowTooLong, w.tooLong()).On("paymentWindowMinutes")
	}
	book := ledger.Wallet(merchant)
	deadline := p.Now.Add(minutes(w.window + w.grace))
	a.record.Window = w.window
	a.record.DefaultSuccessURL, a.record.DefaultCancelURL = successSetting.text(p.Settings), cancelSetting.text(p.Settings)
	t := order.Terms{
		Book: book, Due: due, To: book.Account(ledger.Merchant), OverAny: true, Instant: true, Deadline: deadline,
	}
	if waitSetting.on(p.Settings) {
		t.SeenWaits, t.ConfirmBy = true, deadline.Add(confirmTime)
	}
	return t, encode(a.record), nil
}

// asked is the fields of a request for an order.
type asked struct {
	reference, currency, chain string
	window, grace              *int64 // minutes, where this order has its own
	record                     record
}

func decodeFields(body web.Object) (asked, error) {
	var a asked
	var err error
	if a.reference, err = required(body, "orderReference", maxReference); err != nil {
		return asked{}, err
	}
	if err := checkReference(a.reference); err != nil {
		return asked{}, err
	}
	if a.record.Amount, err = required(body, "amount", maxAmount); err != nil {
		return asked{}, asAmount(err)
	}
	if a.currency, err = required(body, "currency", maxName); err != nil {
		return asked{}, err
	}
	if a.chain, err = required(body, "chainId", maxName); err != nil {
		return asked{}, err
	}
	if a.record.Metadata, err = decodeMetadata(body); err != nil {
		return asked{}, err
	}
	if a.record.SuccessURL, err = decodeRedirect(body, "successUrl"); err != nil {
		return asked{}, err
	}
	if a.record.CancelURL, err = decodeRedirect(body, "cancelUrl"); err != nil {
		return asked{}, err
	}
	if a.window, err = decodeMinutes(body, 1, "paymentWindowMinutes"); err != nil {
		return asked{}, err
	}
	a.grace, err = decodeMinutes(body, 0, "gracePeriodMinutes", "graceMinutes")
	return a, err
}

// required reads a text that must be there and not be empty.
func required(body web.Object, field string, limit int) (string, error) {
	text, present, err := body.String(field, limit)
	if err != nil {
		return "", err
	}
	if !present || text == "" {
		return "", fault.New(fault.CodeMissingField, "The field '"+field+"' is required").On(body.Param(field))
	}
	return text, nil
}

func checkReference(reference string) error { return checkName(reference, "orderReference") }

// checkName refuses references that cannot be printed on one line. They are kept and compared as they
// were sent otherwise, space around them included.
func checkName(reference, field string) error {
	switch {
	case strings.TrimSpace(reference) == "":
		return fault.New(fault.CodeMissingField, "The field '"+field+"' must not be blank").On(field)
	case reference == "." || reference == "..":
		return fault.New(fault.CodeInvalidValue, "The field '"+field+"' must not be '.' or '..': no client could ask for it in a path").On(field)
	case !utf8.ValidString(reference) || strings.ContainsFunc(reference, unicode.IsControl):
		return fault.New(fault.CodeInvalidValue, "The field '"+field+"' must not hold control characters").On(field)
	case utf8.RuneCountInString(reference) > maxReference:
		return fault.New(fault.CodeTooLong, "The field '"+field+"' is longer than 255 characters").On(field)
	}
	return nil
}

const notPositive = "Amount must be a positive number"

// checkAmount refuses what is no amount in any currency.
func checkAmount(text string) error {
	if money.IsDecimal(text) && strings.Trim(text, "0.") != "" {
		return nil
	}
	amount, err := money.Parse(anyAsset, text)
	if errors.Is(err, money.ErrSyntax) || err == nil && amount.IsZero() {
		return fault.New(fault.CodeInvalidAmount, notPositive).On("amount")
	}
	return nil
}

// anyAsset has as many decimals as an asset can have.
var anyAsset = money.MustAsset("ANY", "", money.MaxScale)

func refuseAmount(err error, a money.Asset) *fault.Error {
	said := fault.New(fault.CodeInvalidAmount, notPositive)
	switch {
	case errors.Is(err, money.ErrTooPrecise):
		said = fault.New(fault.CodeInvalidAmount, fmt.Sprintf("Amount has more than the %d decimals of %s", a.Scale(), a.Code()))
	case errors.Is(err, money.ErrTooLarge):
		said = fault.New(fault.CodeAmountTooLarge, "Amount is too large")
	}
	return said.On("amount")
}

// asAmount says of an amount that is no text, or far too long, what is said of every amount that is none. A
// missing one stays a missing field.
func asAmount(err error) error {
	switch {
	case fault.Is(err, fault.CodeWrongType):
		return fault.New(fault.CodeInvalidAmount, `Amount must be a decimal string, for example "100.00"`).On("amount")
	case fault.Is(err, fault.CodeTooLong):
		return fault.New(fault.CodeAmountTooLarge, "Amount is too large").On("amount")
	}
	return err
}

// decodeMetadata keeps the text of the metadata, so that it is echoed as it was sent: numbers, the order of
// the keys, everything.
func decodeMetadata(body web.Object) (json.RawMessage, error) {
	metadata, present, err := body.Object("metadata")
	if err != nil || !present {
		return nil, err
	}
	if metadata.Len() > maxPairs {
		return nil, fault.New(fault.CodeTooManyMetadata, "Metadata has more than 10 key-value pairs").On("metadata")
	}
	if len(metadata.Raw()) > maxMetadata {
		return nil, fault.New(fault.CodeTooLong, "Metadata is longer than 16384 bytes").On("metadata")
	}
	return metadata.Raw(), nil
}

func decodeRedirect(body web.Object, field string) (string, error) {
	text, present, err := body.String(field, maxOrderBody)
	if err != nil || !present || text == "" {
		return "", err
	}
	return text, checkRedirect(text, body.Param(field))
}

// placeholder is what a redirect URL may hold for the page to fill in: the seed's {{orderId}} and the names
// of the parameters that are added.
var placeholder = regexp.MustCompile(`\{\{[A-Za-z]{1,32}\}\}`)

// redirects may lead anywhere a browser may be sent to, also to the merchant's own machine while he tries
// things out: it is the payer who goes there, never this server.
var redirects = webhook.Guard{AllowPrivate: true, AllowHTTP: true}

// checkRedirect refuses what is not an absolute http or https URL. A fragment is as good as a query here,
// and a placeholder as good as a word, but neither is part of where the URL leads.
func checkRedirect(text, field string) error {
	sample := text
	if strings.Contains(text, "{{") {
		sample = placeholder.ReplaceAllString(text, "word")
	}
	sample = strings.Replace(sample, "#", "?", 1)
	parsed, err := redirects.CheckURL(sample)
	if err == nil && len(text) <= maxRedirect {
		leads := parsed.Scheme + "://" + parsed.Host
		if len(text) >= len(leads) && strings.EqualFold(text[:len(leads)], leads) {
			return nil
		}
	}
	return fault.New(fault.CodeInvalidURL, "The field '"+field+"' must be an absolute http or https URL").On(field).Because(err)
}

// maxRedirect is the longest redirect URL in bytes, placeholders as they are written.
const maxRedirect = 2048

// decodeMinutes reads whole minutes, as a number or as a text of digits. The names after the first are other
// spellings of it, which must not say something else.
func decodeMinutes(body web.Object, low int64, names ...string) (*int64, error) {
	var found *int64
	for _, field := range names {
		value, present := body.Get(field)
		if !present {
			continue
		}
		n, err := wholeNumber(value, low, maxMinutes)
		if err != nil {
			return nil, err
		}
		if found != nil && *found != n {
			return nil, fault.New(fault.CodeInvalidValue, "The fields '"+names[0]+"' and '"+field+"' contradict each other").On(field)
		}
		found = &n
	}
	return found, nil
}

// wholeNumber reads a number, or a text that is one: PayIn turns "15" into 15.
func wholeNumber(v web.Value, low, high int64) (int64, error) {
	if v.Kind() != "string" {
		return v.Int(low, high)
	}
	text, err := v.String(20)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < low || n > high || strconv.FormatInt(n, 10) != text {
		return 0, fault.New(fault.CodeInvalidValue, fmt.Sprintf("The number must be whole, from %d to %d.", low, high)).On(v.Path())
	}
	return n, nil
}

func minutes(n int64) time.Duration { return time.Duration(n) * time.Minute }

func every(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}
