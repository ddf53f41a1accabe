package koywe

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
	"till/internal/webhook"
)

// Limits of what is read.
const (
	maxOrderBody   = 64 << 10
	maxExternal    = 255  // code points
	maxDescription = 1000 // code points
	maxSymbol      = 16
	maxID          = 128
	maxMethods     = 50
	maxExtra       = 2 << 10 // bytes of what is said to a method
	maxURL         = 2048
)

// asked is the fields of a request for an order, each of its type and no more.
type asked struct {
	kind                string
	origin, destination string
	network             string // ours: which network's crypto, where there are several
	account             string
	merchant            string
	amountIn, amountOut *number
	due                 time.Time
	description         string
	external            string
	successURL          string
	failedURL           string
	methods             []askedMethod
	quote               string
	enforced            string
	contact             string
	self                *bool

	sendEmail, sendNotification, sendWhatsapp, sendReminders bool
}

// askedMethod is an element of paymentMethods.
type askedMethod struct {
	code  string
	given map[string]string // by the engine's Field constants
	text  json.RawMessage   // as it was sent
}

// decodeOrder reads POST /orders. Only the types of the fields are checked here; the rules of the order's type are
// orders_kinds.go's.
func decodeOrder(r *http.Request) (asked, error) {
	body, err := web.Decode(r, maxOrderBody)
	if err != nil {
		return asked{}, err
	}
	return decodeFields(body)
}

func decodeFields(body web.Object) (a asked, err error) {
	if a.kind, err = word(body, "type", kindNames()); err != nil {
		return a, err
	}
	if a.kind == "" {
		return a, missing("type")
	}
	texts := []struct {
		field string
		limit int
		into  *string
	}{
		{"originCurrencySymbol", maxSymbol, &a.origin}, {"destinationCurrencySymbol", maxSymbol, &a.destination}, {"network", maxID, &a.network},
		{"destinationAccountId", maxID, &a.account}, {"destinationMerchantId", maxID, &a.merchant}, {"description", maxDescription, &a.description},
		{"quoteId", maxID, &a.quote}, {"enforcedDocument", maxID, &a.enforced}, {"contactId", maxID, &a.contact},
	}
	for _, t := range texts {
		if *t.into, err = optional(body, t.field, t.limit); err != nil {
			return a, err
		}
	}
	a.origin, a.destination = symbol(a.origin), symbol(a.destination)
	if a.amountIn, err = amountField(body, "amountIn"); err != nil {
		return a, err
	}
	if a.amountOut, err = amountField(body, "amountOut"); err != nil {
		return a, err
	}
	if a.due, err = decodeDue(body); err != nil {
		return a, err
	}
	if a.external, err = decodeExternal(body); err != nil {
		return a, err
	}
	if a.successURL, err = decodeURL(body, "successUrl"); err != nil {
		return a, err
	}
	if a.failedURL, err = decodeURL(body, "failedUrl"); err != nil {
		return a, err
	}
	if a.methods, err = decodeMethods(body); err != nil {
		return a, err
	}
	return a, decodeFlags(body, &a)
}

func decodeFlags(body web.Object, a *asked) error {
	for _, flag := range flags {
		on, _, err := body.Bool(flag.name)
		if err != nil {
			return err
		}
		*flag.of(a) = on
	}
	self, said, err := body.Bool("isMerchantSelfOrder")
	if said {
		a.self = &self
	}
	return err
}

// decodeDue reads until when a link is paid; a day ends with it.
func decodeDue(body web.Object) (time.Time, error) {
	text, err := optional(body, "dueDate", 64)
	if err != nil || text == "" {
		return time.Time{}, err
	}
	t, day, ok := parseTime(text)
	if !ok {
		return time.Time{}, wrong("dueDate", "The field 'dueDate' must be a date as ISO 8601 writes it")
	}
	if day {
		t = t.Add(24*time.Hour - shownTime)
	}
	return t.Truncate(shownTime), nil
}

// decodeExternal reads the merchant's own id, which must be one that can be asked for in a path and printed on a line.
func decodeExternal(body web.Object) (string, error) {
	text, present, err := body.String("externalId", maxExternal)
	if err != nil || !present || text == "" {
		return "", err
	}
	if !isExternal(text) {
		return "", wrong("externalId", "The field 'externalId' must not be blank, '.' or '..', nor hold control characters")
	}
	return text, nil
}

func isExternal(text string) bool {
	return strings.TrimSpace(text) != "" && text != "." && text != ".." && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, unicode.IsControl) && utf8.RuneCountInString(text) <= maxExternal
}

// browsers go anywhere, also to the merchant's own machine while he tries things out: it is the payer's browser that
// goes there. Where the server itself tells the URL its own guard decides.
var browsers = webhook.Guard{AllowPrivate: true, AllowHTTP: true}

func decodeURL(body web.Object, field string) (string, error) {
	text, err := optional(body, field, maxURL)
	if err != nil || text == "" {
		return "", err
	}
	if _, err := browsers.CheckURL(strings.Replace(text, "#", "?", 1)); err != nil {
		return "", fault.New(fault.CodeInvalidURL, "The field '"+field+"' must be an absolute http or https URL").On(field).Because(err)
	}
	return text, nil
}

// decodeMethods reads paymentMethods: objects of a method and of what it must know of the payer.
func decodeMethods(body web.Object) ([]askedMethod, error) {
	list, _, err := body.Array("paymentMethods", maxMethods)
	if err != nil {
		return nil, err
	}
	var methods []askedMethod
	for _, value := range list {
		one, err := value.Object()
		if err != nil {
			return nil, err
		}
		method := askedMethod{text: one.Raw()}
		if method.code, err = required(one, "method", maxID); err != nil {
			return nil, err
		}
		if method.given, err = decodeExtra(one); err != nil {
			return nil, err
		}
		for _, before := range methods {
			if before.code == method.code {
				return nil, wrong(one.Param("method"), "The payment method '"+method.code+"' is named twice")
			}
		}
		methods = append(methods, method)
	}
	return methods, nil
}

// decodeExtra reads what a method is told of the payer: an object of bankAccount.name, phone and email, or a bare text,
// which older clients send for the bank.
func decodeExtra(method web.Object) (map[string]string, error) {
	value, present := method.Get("extra")
	if !present {
		return nil, nil
	}
	if len(value.Raw()) > maxExtra {
		return nil, fault.New(fault.CodeTooLong, "The field 'extra' is too long").On(value.Path())
	}
	if value.Kind() == "string" {
		bank, err := value.String(maxID)
		return map[string]string{engine.FieldBank: bank}, err
	}
	extra, err := value.Object()
	if err != nil {
		return nil, err
	}
	given := map[string]string{}
	if given[engine.FieldEmail], err = optional(extra, "email", maxID*2); err != nil {
		return nil, err
	}
	if bank, found, err := extra.Object("bankAccount"); err != nil {
		return nil, err
	} else if found {
		if given[engine.FieldBank], err = optional(bank, "name", maxID); err != nil {
			return nil, err
		}
	}
	phone, found, err := extra.Object("phone")
	if err != nil || !found {
		return given, err
	}
	code, err := optional(phone, "countryCode", 8)
	if err != nil {
		return nil, err
	}
	line, err := optional(phone, "number", 32)
	if line != "" {
		given[engine.FieldPhone] = joinPhone(code, line)
	}
	return given, err
}

// joinPhone puts a country's code before a number that does not have it.
func joinPhone(code, line string) string {
	if strings.HasPrefix(line, "+") || code == "" {
		return line
	}
	return "+" + strings.TrimPrefix(code, "+") + line
}
