package party

import (
	"log/slog"
	"slices"

	"till/internal/fault"
)

// Document is a number that a state gave to a person or a company.
type Document struct {
	Country string // whose state, two letters
	Type    string // a code of DocumentTypes
	Number  string // in its canonical spelling once checked
}

// String is the document with its number masked, so that a log holds no more.
func (d Document) String() string {
	if d == (Document{}) {
		return ""
	}
	return d.Country + " " + d.Type + " " + Mask(d.Number)
}

// LogValue is String.
func (d Document) LogValue() slog.Value { return slog.StringValue(d.String()) }

// DocumentType is one row of the table. Country is empty for a type that any
// country may have.
type DocumentType struct {
	Code    string
	Country string
	check   func(field, s string) (string, error) // nil: the form alone
}

// The table. The codes are those that clients send; a type stands with a
// country where its rule is that country's.
var documentTypes = []DocumentType{
	{"DNI", "AR", ArgentineDNI},
	{"CUIL", "AR", CUIT},
	{"CUIT", "AR", CUIT},
	{"CPF", "BR", CPF},
	{"CNPJ", "BR", CNPJ},
	{"RUT", "CL", RUT},
	{"CC", "CO", Cedula}, // the older name of CED_CIU
	{"CED_CIU", "CO", Cedula},
	{"NIT", "CO", NIT},
	{"CED_EXT", "CO", nil},
	{"CURP", "MX", CURP},
	{"RFC", "MX", RFC},
	{"DNI", "PE", PeruvianDNI},
	{"RUC", "PE", RUC},
	{"SSN", "US", SSN},
	{"EIN", "US", EIN},

	{"NOP", "", nil},
	{"RC", "", nil},
	{"PP", "", nil},
	{"DIE", "", nil},
	{"VAT", "", nil},
	{"HKID", "", nil},
	{"CNID", "", nil},
	{"NRIC", "", nil},
	{"FIN", "", nil},
	{"BN", "", nil},
	{"TXID", "", nil},
	{"OTHER", "", nil},
}

// DocumentTypes are the types that a document of a country may have: its own,
// then those of any country. Of a country without types of its own every type
// is taken, by its form alone, each code once.
func DocumentTypes(country string) []DocumentType {
	foreign := !hasDocuments(country)
	var types []DocumentType
	for _, t := range documentTypes {
		switch {
		case t.Country == country || t.Country == "":
			types = append(types, t)
		case foreign && !slices.ContainsFunc(types, func(have DocumentType) bool { return have.Code == t.Code }):
			types = append(types, DocumentType{Code: t.Code})
		}
	}
	return types
}

func hasDocuments(country string) bool {
	return slices.ContainsFunc(documentTypes, func(t DocumentType) bool { return t.Country == country && country != "" })
}

// CheckDocument checks a document by the rule of its type and country and gives
// it in its canonical spelling. Faults are on country, document_type or
// document_number: missing_field, too_long, invalid_value.
func CheckDocument(d Document) (Document, error) {
	country, err := Country("country", d.Country)
	if err != nil {
		return Document{}, err
	}
	if d.Type == "" {
		return Document{}, fault.New(fault.CodeMissingField, "the document's type is missing").On("document_type")
	}
	types := DocumentTypes(country)
	at := slices.IndexFunc(types, func(t DocumentType) bool { return t.Code == d.Type })
	if at < 0 {
		return Document{}, fault.New(fault.CodeInvalidValue, "a document of "+country+" has no such type").On("document_type")
	}
	check := types[at].check
	if check == nil {
		check = anyDocument
	}
	number, err := check("document_number", d.Number)
	if err != nil {
		return Document{}, err
	}
	return Document{Country: country, Type: d.Type, Number: number}, nil
}

func anyDocument(field, s string) (string, error) {
	return lettersOf(fault.CodeInvalidValue, "a document's number", field, s, 1, 32)
}

// DocumentNumber checks a number of which only the country is known, such as
// the one that a payer must have: it must fit at least one rule of the country,
// the form alone where the country has none. Two such numbers are of one
// document where the canonical spellings are equal. In Colombia a cédula has no
// check digit, so that a NIT there is held by its length alone. Faults are on the field:
// missing_field, too_long, invalid_value.
func DocumentNumber(field, country, s string) (string, error) {
	if _, err := typed(field, s); err != nil {
		return "", err
	}
	if !hasDocuments(country) {
		return anyDocument(field, s)
	}
	for _, t := range documentTypes {
		if t.Country != country || t.check == nil {
			continue
		}
		if number, err := t.check(field, s); err == nil {
			return number, nil
		}
	}
	return "", fault.New(fault.CodeInvalidValue, "this is no number of a document of "+country+": its length or its check digits do not fit").On(field)
}
