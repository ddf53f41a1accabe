package glomo

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/party"
	"till/internal/web"
)

// Notes are a merchant's own fields on an order: texts under names of his choice. Each name is a column of the reports, so
// that no name may be one of ours (reports.go).

// The bounds of notes. The contract gives none.
const (
	maxNotes     = 50
	maxNoteName  = 64  // characters
	maxNoteValue = 500 // characters
)

// readNotes reads the notes of a body. They are nil where there are none, and empty where an empty object was sent. Rules
// are the merchant's (engine.CustomFields): what they require must be there even where no notes were sent.
//
// Errors, all on the note ("notes.policy_number") but for the first two: wrong_type, too_many_metadata (notes),
// missing_field, invalid_value (a name of ours, one with space around it or with control characters, a value that a rule
// refuses, a name or value with the number of a card in it), wrong_type (a value that is no text), too_long.
func readNotes(body web.Object, rules []engine.FieldRule) (map[string]string, error) {
	const field = "notes"
	o, sent, err := body.Object(field)
	if err != nil {
		return nil, err
	}
	if o.Len() > maxNotes {
		return nil, fault.New(fault.CodeTooManyMetadata, "Notes may have "+strconv.Itoa(maxNotes)+" keys").On(field)
	}
	var notes map[string]string
	if sent {
		notes = map[string]string{}
	}
	for _, name := range o.Names() {
		value, err := readNote(o, name)
		if err != nil {
			return nil, err
		}
		notes[name] = value
	}
	for _, rule := range rules {
		value, there := notes[rule.Name]
		switch {
		case rule.Required && value == "":
			return nil, fault.New(fault.CodeMissingField, "Validation failed: Notes "+rule.Name+" is required").On(field + "." + rule.Name)
		case there && !rule.Allows(value):
			return nil, fault.New(fault.CodeInvalidValue, "Validation failed: Notes "+rule.Name+" is invalid").On(field + "." + rule.Name)
		}
	}
	return notes, nil
}

func readNote(o web.Object, name string) (string, error) {
	shown := name
	if utf8.RuneCountInString(name) > maxNoteName {
		shown = string([]rune(name)[:maxNoteName])
	}
	if party.HoldsCardNumber(name) {
		return "", fault.New(fault.CodeInvalidValue, "Notes must not hold the number of a card").On("notes") // which is not repeated
	}
	refuse := func(code fault.Code, message string) (string, error) {
		return "", fault.New(code, message).On(o.Param(shown))
	}
	switch {
	case shown != name:
		return refuse(fault.CodeTooLong, "Notes keys may have "+strconv.Itoa(maxNoteName)+" characters")
	case name == "" || strings.TrimSpace(name) != name || strings.ContainsFunc(name, hidden):
		return refuse(fault.CodeInvalidValue, "Notes keys must be plain text without space around it")
	case isReserved(name):
		return refuse(fault.CodeInvalidValue, "Notes key "+name+" is a reserved field name")
	}
	v, _ := o.Get(name)
	if v.Kind() != "string" {
		return refuse(fault.CodeWrongType, "Notes "+name+" must be a string")
	}
	value, err := v.String(maxNoteValue)
	switch {
	case fault.Is(err, fault.CodeTooLong):
		return refuse(fault.CodeTooLong, "Notes "+name+" may have "+strconv.Itoa(maxNoteValue)+" characters")
	case err != nil:
		return "", err
	case party.HoldsCardNumber(value):
		return refuse(fault.CodeInvalidValue, "Notes "+name+" must not hold the number of a card")
	}
	return value, nil
}

// hidden says that a character does not show, or turns text around: a column's name must read as it is written.
func hidden(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }

// isReserved says that a name is one of ours: of an order, in a request or an answer, or of a report's own columns.
func isReserved(name string) bool {
	return slices.Contains(orderFields, name) || slices.Contains(orderColumns, name) || slices.Contains(paymentColumns, name)
}

// orderFields are the names of an order's fields on the wire, those of requests that are not kept included.
var orderFields = []string{
	"id", "customer_id", "document_id", "status", "currency", "amount", "purpose_code", "invoice_number", "invoice_description",
	"invoice_amount", "reference_number", "price_id", "product", "notes", "bank_account_details", "bank_account_id", "payment_methods",
	"created_at", "updated_at", "rfi_documents", "request_id", "quote_id", "split_ids", "lrs",
}
