package payin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
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
	maxOrderBody   = 64 << 10
	maxImportBody  = 1 << 20
	maxConfigBody  = 16 << 10
	maxReference   = 255      // code points: the seed
	maxPairs       = 10       // of metadata: the seed
	maxMetadata    = 16 << 10 // bytes of metadata
	maxName        = 64       // code points of a currency or chain; longer ones cannot exist
	maxAmount      = 200      // characters: 78 digits, a dot, and room for leading zeros
	maxIdempotency = 255
	maxAddresses   = 1000 // of one import: PayIn's own limit
	maxIndex       = 1<<31 - 1
	maxMinutes     = 1440 // of a window, a grace period and both together, whatever the configuration
)

// confirmTime is how long after its deadline an order waits for the confirmation of money that was sent in
// time.
const confirmTime = 30 * time.Minute

// decodeOrder reads POST /orders. What is wrong is told in this order: the body, the fields as they stand in
// the seed, the amount, the chain, the currency. The engine then looks for a duplicate, the length of the
// window and a free address.
func (d *Dialect) decodeOrder(r *http.Request, s engine.Scope, w windows) (engine.NewOrder, error) {
	body, err := web.Decode(r, maxOrderBody)
	if err != nil {
		return engine.NewOrder{}, err
	}
	asked, err := decodeFields(body)
	if err != nil {
		return engine.NewOrder{}, err
	}
	if err := checkAmount(asked.record.Amount); err != nil {
		return engine.NewOrder{}, err
	}
	network, err := d.engine.Network(asked.chain, s.Mode)
	if err != nil {
		return engine.NewOrder{}, fault.New(fault.CodeInvalidNetwork, "Chain '"+asked.chain+"' is not supported").On("chainId")
	}
	asset, err := network.Asset(asked.currency)
	if err != nil {
		return engine.NewOrder{}, fault.New(fault.CodeInvalidCurrency, "Currency '"+asked.currency+"' is not available on chain '"+network.ID+"'").On("currency")
	}
	due, err := money.Parse(asset, asked.record.Amount)
	if err != nil {
		return engine.NewOrder{}, refuseAmount(err, asset)
	}
	once, err := decodeOnce(r, s, body.Raw())
	if err != nil {
		return engine.NewOrder{}, err
	}

	w.replace(asked)
	asked.record.Window = w.window
	return engine.NewOrder{
		Scope:     s,
		PublicID:  d.newOrderID(),
		Reference: asked.reference,
		UniqueKey: asked.reference,
		Network:   network,
		Doc:       encode(asked.record),
		Terms:     func(p engine.Plan) (order.Terms, error) { return terms(s.Merchant, due, w, p.Now) },
		Once:      once,
		Answer:    func(o *engine.Order) (int, []byte) { return http.StatusCreated, encode(d.encodeOrder(o)) },
	}, nil
}

// terms are what an order of this API agrees on: parts of the money add up, what is too much is set aside,
// and money that was sent in time is waited for. The money lies in the merchant's own wallet, so that the
// delivery is a record.
func terms(merchant string, due money.Amount, w windows, now time.Time) (order.Terms, error) {
	if w.window+w.grace > w.max {
		return order.Terms{}, fault.New(fault.CodeWindowTooLong, w.tooLong()).On("paymentWindowMinutes")
	}
	book := ledger.Wallet(merchant)
	deadline := now.Add(minutes(w.window + w.grace))
	return order.Terms{
		Book: book, Due: due, To: book.Account(ledger.Merchant), OverAny: true,
		Deadline: deadline, SeenWaits: true, ConfirmBy: deadline.Add(confirmTime),
		Instant: true,
	}, nil
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

// checkReference refuses references that cannot be printed on one line. They are kept and compared as they
// were sent otherwise, space around them included.
func checkReference(reference string) error {
	switch {
	case strings.TrimSpace(reference) == "":
		return fault.New(fault.CodeMissingField, "The field 'orderReference' must not be blank").On("orderReference")
	case !utf8.ValidString(reference) || strings.ContainsFunc(reference, unicode.IsControl):
		return fault.New(fault.CodeInvalidValue, "The field 'orderReference' must not hold control characters").On("orderReference")
	case utf8.RuneCountInString(reference) > maxReference:
		return fault.New(fault.CodeTooLong, "The field 'orderReference' is longer than 255 characters").On("orderReference")
	}
	return nil
}

const notPositive = "Amount must be a positive number"

// checkAmount refuses what is no amount in any currency.
func checkAmount(text string) error {
	amount, err := money.Parse(anyAsset, text)
	if errors.Is(err, money.ErrSyntax) || err == nil && amount.IsZero() {
		return fault.New(fault.CodeInvalidAmount, notPositive).On("amount")
	}
	return nil
}

// anyAsset has as many decimals as an asset can have.
var anyAsset = money.MustAsset("ANY", "", money.MaxScale)

func refuseAmount(err error, a money.Asset) error {
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
	sample := strings.Replace(placeholder.ReplaceAllString(text, "word"), "#", "?", 1)
	parsed, err := redirects.CheckURL(sample)
	if err == nil && strings.Contains(text[:len(parsed.Scheme)+len("://")+len(parsed.Host)], "{{") {
		err = fault.New(fault.CodeInvalidURL, "The URL has an invalid host name.")
	}
	if err == nil && len(text) > maxRedirect {
		err = fault.New(fault.CodeInvalidURL, "The URL is too long.")
	}
	f, ok := fault.As(err)
	if !ok {
		return err
	}
	return f.On(field)
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

// decodeOnce reads the Idempotency-Key. A key belongs to one merchant, mode and route.
func decodeOnce(r *http.Request, s engine.Scope, body []byte) (*engine.Once, error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return nil, nil
	}
	visible := func(c byte) bool { return c > ' ' && c < 0x7f }
	if len(keys) > 1 || len(keys[0]) < 1 || len(keys[0]) > maxIdempotency || !every(keys[0], visible) {
		return nil, fault.New(fault.CodeInvalidValue, "The Idempotency-Key must be 1 to 255 visible ASCII characters").On("Idempotency-Key")
	}
	sum := sha256.Sum256(body)
	return &engine.Once{
		Key:  engine.AnswerKey{Scope: strings.Join([]string{s.Dialect, s.Merchant, string(s.Mode), "POST /orders"}, " "), Key: keys[0]},
		Hash: hex.EncodeToString(sum[:]),
	}, nil
}

// decodeFilter reads the query of GET /orders. What it does not know it ignores; what it knows must be right
// and stand there once. An empty value is as good as none.
func decodeFilter(rawQuery string, s engine.Scope) (engine.Filter, error) {
	parsed, err := url.ParseQuery(rawQuery)
	if err != nil {
		return engine.Filter{}, fault.New(fault.CodeInvalidPage, "The query cannot be read")
	}
	q := query{values: parsed}
	f := engine.Filter{
		Scope:         s,
		Page:          q.number("page", 1, maxPage, 1),
		Limit:         q.number("limit", 1, 100, 20),
		States:        q.states("status"),
		AssetCode:     q.text("currency", "token"),
		Network:       q.text("chainId", "chain"),
		Reference:     q.text("orderReference"),
		CreatedAfter:  q.time("createdAfter", 0),
		CreatedBefore: q.time("createdBefore", shownTime-1),
		Sort:          sortKeys[q.word("sortBy", "createdAt", "updatedAt", "amount", "created_at", "updated_at")],
		Descending:    !strings.EqualFold(q.word("sortOrder", "desc", "asc", "DESC", "ASC"), "asc"),
	}
	return f, q.err
}

// maxPage keeps page times limit far from the end of an int.
const maxPage = 1_000_000_000

var sortKeys = map[string]engine.SortKey{
	"": engine.ByCreation, "createdAt": engine.ByCreation, "created_at": engine.ByCreation,
	"updatedAt": engine.ByUpdate, "updated_at": engine.ByUpdate,
	"amount": engine.ByAmount,
}

// query reads parameters and remembers the first that is wrong.
type query struct {
	values url.Values
	err    error
}

func (q *query) refuse(param, message string) {
	if q.err == nil {
		q.err = fault.New(fault.CodeInvalidPage, message).On(param)
	}
}

// text is the value of a parameter, under any of its names.
func (q *query) text(names ...string) string {
	found := ""
	for _, param := range names {
		given := q.values[param]
		switch {
		case len(given) == 0 || len(given) == 1 && given[0] == "":
			continue
		case len(given) > 1 || found != "" && found != given[0]:
			q.refuse(param, "The parameter '"+param+"' is given twice")
		case !utf8.ValidString(given[0]) || strings.ContainsFunc(given[0], unicode.IsControl):
			q.refuse(param, "The parameter '"+param+"' holds characters that are not allowed")
		case utf8.RuneCountInString(given[0]) > maxReference:
			q.refuse(param, "The parameter '"+param+"' is longer than 255 characters")
		default:
			found = given[0]
		}
	}
	return found
}

func (q *query) number(param string, low, high, otherwise int) int {
	text := q.text(param)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high || strconv.Itoa(n) != text {
		q.refuse(param, fmt.Sprintf("The parameter '%s' must be a whole number from %d to %d", param, low, high))
	}
	return n
}

// word is one of the allowed words, whatever the case of its letters, as the list spells it.
func (q *query) word(param string, allowed ...string) string {
	text := q.text(param)
	if text == "" {
		return ""
	}
	i := slices.IndexFunc(allowed, func(a string) bool { return strings.EqualFold(a, text) })
	if i < 0 {
		q.refuse(param, "The parameter '"+param+"' must be one of "+strings.Join(allowed, ", "))
		return ""
	}
	return allowed[i]
}

// states turns wire statuses into every state of the machine that looks like one of them.
func (q *query) states(param string) []order.State {
	text := q.text(param)
	if text == "" {
		return nil
	}
	var states []order.State
	wanted := strings.Split(text, ",")
	for i, status := range wanted {
		wanted[i] = strings.TrimSpace(status)
		if !slices.Contains(statuses, wanted[i]) {
			q.refuse(param, "The parameter '"+param+"' must be one of "+strings.Join(statuses, ", "))
			return nil
		}
	}
	for _, state := range order.States() {
		if slices.Contains(wanted, statusOf(state)) {
			states = append(states, state)
		}
	}
	return states
}

// time reads a moment as ISO 8601 writes it, or a day, which begins at midnight UTC. Within is added, so that
// an order is found by the time it shows: shown times are cut to milliseconds.
func (q *query) time(param string, within time.Duration) time.Time {
	text := q.text(param)
	if text == "" {
		return time.Time{}
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1970 {
			return t.UTC().Add(within)
		}
	}
	q.refuse(param, "The parameter '"+param+"' must be a date as ISO 8601 writes it")
	return time.Time{}
}

// imported is a request to add addresses to the pool.
type imported struct {
	addresses []engine.Imported // each once, in canonical spelling
	positions []int             // of each in the request
	given     int               // how many the request has
	warnings  []importWarning
}

// decodeImport reads POST /address-pool/addresses.
func (d *Dialect) decodeImport(r *http.Request) (imported, error) {
	body, err := web.Decode(r, maxImportBody)
	if err != nil {
		return imported{}, err
	}
	list, present, err := body.Array("addresses", maxAddresses)
	if err != nil {
		return imported{}, err
	}
	if !present || len(list) == 0 {
		return imported{}, fault.New(fault.CodeMissingField, "The field 'addresses' is required and must not be empty").On("addresses")
	}
	all := imported{given: len(list)}
	seen := map[string]bool{}
	for i, value := range list {
		row, err := value.Object()
		if err != nil {
			return imported{}, err
		}
		one, checksumOK, err := d.decodeAddress(row)
		if err != nil {
			return imported{}, err
		}
		if !checksumOK {
			all.warnings = append(all.warnings, importWarning{row.Param("address"), "The checksum of the address is wrong; it was imported as " + one.Value})
		}
		if seen[one.Value] {
			continue
		}
		seen[one.Value] = true
		all.addresses = append(all.addresses, one)
		all.positions = append(all.positions, i)
	}
	return all, nil
}

func (d *Dialect) decodeAddress(row web.Object) (one engine.Imported, checksumOK bool, err error) {
	text, err := required(row, "address", maxReference)
	if err != nil {
		return one, false, err
	}
	protocol, err := required(row, "protocol", maxName)
	if err != nil {
		return one, false, err
	}
	if protocol != string(engine.EVM) {
		return one, false, fault.New(fault.CodeInvalidValue, "The protocol '"+protocol+"' is not supported").On(row.Param("protocol"))
	}
	if !slices.Contains(row.Names(), "derivationIndex") {
		return one, false, fault.New(fault.CodeMissingField, "The field 'derivationIndex' is required; it may be null").On(row.Param("derivationIndex"))
	}
	index, present, err := row.Int("derivationIndex", 0, maxIndex)
	if err != nil {
		return one, false, err
	}
	if present {
		one.DerivationIndex = &index
	}
	if one.MasterPublicKey, _, err = row.String("masterPublicKey", maxReference); err != nil {
		return one, false, err
	}
	one.Value, checksumOK, err = d.parseAddress(text)
	if err != nil {
		return one, false, fault.New(fault.CodeInvalidAddress, "The address is not a valid evm address").On(row.Param("address")).Because(err)
	}
	return one, checksumOK, nil
}

// explain names the address that the pool refused as the request names it.
func (i imported) explain(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code != fault.CodeInvalidAddress {
		return err
	}
	at, convErr := strconv.Atoi(f.Param)
	if convErr != nil || at < 0 || at >= len(i.positions) {
		return err
	}
	// Whose address it is stays untold.
	return fault.New(fault.CodeInvalidAddress, "The address cannot be imported").On(fmt.Sprintf("addresses[%d].address", i.positions[at])).Because(err)
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
