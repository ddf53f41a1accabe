package glomo

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

func TestReadNotes(t *testing.T) {
	rules := []engine.FieldRule{
		{Name: "policy_number", Required: true, Pattern: "[A-Z]{2}[0-9]{4}"},
		{Name: "line", OneOf: []string{"auto", "life"}},
	}
	many := []string{}
	for i := range maxNotes + 1 {
		many = append(many, fmt.Sprintf(`"k%d":""`, i))
	}
	for name, tt := range map[string]struct {
		body  string
		rules []engine.FieldRule
		want  map[string]string
		code  fault.Code
		param string
		says  string
	}{
		"none":                    {body: `{}`},
		"null":                    {body: `{"notes":null}`},
		"empty":                   {body: `{"notes":{}}`, want: map[string]string{}},
		"one":                     {body: `{"notes":{"project":"A \"b\" ñ"}}`, want: map[string]string{"project": `A "b" ñ`}},
		"a formula is only text":  {body: `{"notes":{"x":"=1+1"}}`, want: map[string]string{"x": "=1+1"}},
		"as the rules want":       {body: `{"notes":{"policy_number":"AB1234","line":"life"}}`, rules: rules, want: map[string]string{"policy_number": "AB1234", "line": "life"}},
		"what is not required":    {body: `{"notes":{"policy_number":"AB1234"}}`, rules: rules, want: map[string]string{"policy_number": "AB1234"}},
		"longest":                 {body: `{"notes":{"` + strings.Repeat("é", maxNoteName) + `":"` + strings.Repeat("é", maxNoteValue) + `"}}`, want: map[string]string{strings.Repeat("é", maxNoteName): strings.Repeat("é", maxNoteValue)}},
		"required, no notes":      {body: `{}`, rules: rules, code: fault.CodeMissingField, param: "notes.policy_number", says: "Validation failed: Notes policy_number is required"},
		"required, null":          {body: `{"notes":null}`, rules: rules, code: fault.CodeMissingField, param: "notes.policy_number"},
		"required, empty":         {body: `{"notes":{"policy_number":""}}`, rules: rules, code: fault.CodeMissingField, param: "notes.policy_number"},
		"not the pattern":         {body: `{"notes":{"policy_number":"AB12345"}}`, rules: rules, code: fault.CodeInvalidValue, param: "notes.policy_number", says: "Validation failed: Notes policy_number is invalid"},
		"not one of":              {body: `{"notes":{"policy_number":"AB1234","line":"Auto"}}`, rules: rules, code: fault.CodeInvalidValue, param: "notes.line"},
		"a text":                  {body: `{"notes":"x"}`, code: fault.CodeWrongType, param: "notes"},
		"a list":                  {body: `{"notes":[]}`, code: fault.CodeWrongType, param: "notes"},
		"a number":                {body: `{"notes":{"n":1}}`, code: fault.CodeWrongType, param: "notes.n"},
		"a null":                  {body: `{"notes":{"n":null}}`, code: fault.CodeWrongType, param: "notes.n"},
		"an object":               {body: `{"notes":{"n":{}}}`, code: fault.CodeWrongType, param: "notes.n"},
		"true":                    {body: `{"notes":{"n":true}}`, code: fault.CodeWrongType, param: "notes.n"},
		"a field of the order":    {body: `{"notes":{"amount":"1"}}`, code: fault.CodeInvalidValue, param: "notes.amount", says: "Notes key amount is a reserved field name"},
		"a field of the answer":   {body: `{"notes":{"rfi_documents":"1"}}`, code: fault.CodeInvalidValue, param: "notes.rfi_documents"},
		"a column":                {body: `{"notes":{"payment_date":"1"}}`, code: fault.CodeInvalidValue, param: "notes.payment_date"},
		"names are exact":         {body: `{"notes":{"Amount":"1"}}`, want: map[string]string{"Amount": "1"}},
		"reserved behind a space": {body: `{"notes":{" amount":"1"}}`, code: fault.CodeInvalidValue, param: "notes. amount"},
		"no name":                 {body: `{"notes":{"":"1"}}`, code: fault.CodeInvalidValue, param: "notes."},
		"a name that hides":       {body: `{"notes":{"a\u202eb":"1"}}`, code: fault.CodeInvalidValue, param: "notes.a\u202eb"},
		"a name of two lines":     {body: `{"notes":{"a\nb":"1"}}`, code: fault.CodeInvalidValue, param: "notes.a\nb"},
		"a long name":             {body: `{"notes":{"` + strings.Repeat("k", maxNoteName+1) + `":"1"}}`, code: fault.CodeTooLong, param: "notes." + strings.Repeat("k", maxNoteName)},
		"a long value":            {body: `{"notes":{"k":"` + strings.Repeat("v", maxNoteValue+1) + `"}}`, code: fault.CodeTooLong, param: "notes.k"},
		"too many":                {body: `{"notes":{` + strings.Join(many, ",") + `}}`, code: fault.CodeTooManyMetadata, param: "notes"},
		"a card":                  {body: `{"notes":{"k":"paid by 4111 1111 1111 1111"}}`, code: fault.CodeInvalidValue, param: "notes.k"},
		"a card as a name":        {body: `{"notes":{"4111111111111111":"k"}}`, code: fault.CodeInvalidValue, param: "notes"},
	} {
		t.Run(name, func(t *testing.T) {
			body, err := web.ParseObject([]byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			got, err := readNotes(body, tt.rules)
			if tt.code == "" {
				if err != nil || !maps.Equal(got, tt.want) || (got == nil) != (tt.want == nil) {
					t.Fatalf("%v %v, want %v", got, err, tt.want)
				}
				return
			}
			f, ok := fault.As(err)
			if !ok || f.Code != tt.code || f.Param != tt.param || tt.says != "" && f.Message != tt.says {
				t.Fatalf("%v, want %s on %q: %s", err, tt.code, tt.param, tt.says)
			}
			if strings.Contains(f.Error(), "4111") {
				t.Errorf("the refusal repeats the card: %v", f)
			}
		})
	}
}
