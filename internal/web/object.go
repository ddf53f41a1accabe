package web

import (
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"

	"till/internal/fault"
)

// Object is a JSON object that was read strictly. It keeps the order of its members and the text of their values, so that a number is
// never a float. The readers report whether the member is there; null counts as absent. They fail with wrong_type, and with too_long
// or invalid_value where they say so; Param is the member's path from the outermost object. The zero Object is an empty one.
type Object struct {
	members []member
	raw     json.RawMessage
	path    string
}

// Value is one value inside an object or array, with the path to it.
type Value struct {
	raw  json.RawMessage
	path string
}

// Raw is the object's own text, without space around it.
func (o Object) Raw() json.RawMessage { return o.raw }

// Path is where the object stands in the body: "" for the outermost, "customer" or "items[0]" inside.
func (o Object) Path() string { return o.path }

// Len is the number of members, null ones included.
func (o Object) Len() int { return len(o.members) }

// Names are the members' names in the order of the text, null ones included.
func (o Object) Names() []string {
	found := make([]string, len(o.members))
	for i, m := range o.members {
		found[i] = m.name
	}
	return found
}

// Param is the path of a member, present or not: what a fault about it names.
func (o Object) Param(name string) string { return memberPath(o.path, name) }

// Get is a member's value; false when it is absent or null. Names compare exactly, in case too.
func (o Object) Get(name string) (Value, bool) {
	for _, m := range o.members {
		if m.name == name {
			return Value{m.raw, o.Param(name)}, string(m.raw) != "null"
		}
	}
	return Value{}, false
}

// Only refuses members that are not among known, with invalid_value: for the faces that do not ignore what they do not know.
func (o Object) Only(known ...string) error {
	for _, m := range o.members {
		if !slices.Contains(known, m.name) {
			return fault.New(fault.CodeInvalidValue, "The field "+strconv.Quote(shown(m.name))+" is not known here.").On(o.Param(shown(m.name)))
		}
	}
	return nil
}

// String reads a text of at most limit Unicode code points (too_long).
func (o Object) String(name string, limit int) (string, bool, error) {
	return read(o, name, func(v Value) (string, error) { return v.String(limit) })
}

// Number reads a number as its text, exactly as it was written.
func (o Object) Number(name string) (string, bool, error) { return read(o, name, Value.Number) }

// Int reads a whole number without fraction or exponent, from low to high (invalid_value).
func (o Object) Int(name string, low, high int64) (int64, bool, error) {
	return read(o, name, func(v Value) (int64, error) { return v.Int(low, high) })
}

// Bool reads true or false.
func (o Object) Bool(name string) (bool, bool, error) { return read(o, name, Value.Bool) }

// Object reads an object inside this one.
func (o Object) Object(name string) (Object, bool, error) { return read(o, name, Value.Object) }

// Array reads an array of at most limit elements (too_long).
func (o Object) Array(name string, limit int) ([]Value, bool, error) {
	return read(o, name, func(v Value) ([]Value, error) { return v.Array(limit) })
}

func read[T any](o Object, name string, as func(Value) (T, error)) (found T, present bool, err error) {
	value, present := o.Get(name)
	if !present {
		return found, false, nil
	}
	found, err = as(value)
	return found, true, err
}

// Raw is the value's text.
func (v Value) Raw() json.RawMessage { return v.raw }

// Path is where the value stands in the body.
func (v Value) Path() string { return v.path }

// Kind is the value's JSON type: string, number, boolean, object, array or null.
func (v Value) Kind() string { return kindOf(v.raw) }

// String is as [Object.String].
func (v Value) String(limit int) (string, error) {
	if err := v.is("string"); err != nil {
		return "", err
	}
	s := scanner{text: v.raw}
	text, err := s.string()
	if err != nil {
		return "", err // only if the value did not come from a scan
	}
	if utf8.RuneCount(text) > limit {
		return "", fault.New(fault.CodeTooLong, "The text is longer than "+strconv.Itoa(limit)+" characters.").On(v.path)
	}
	return string(text), nil
}

// Number is as [Object.Number].
func (v Value) Number() (string, error) { return string(v.raw), v.is("number") }

// Int is as [Object.Int].
func (v Value) Int(low, high int64) (int64, error) {
	if err := v.is("number"); err != nil {
		return 0, err
	}
	number, err := strconv.ParseInt(string(v.raw), 10, 64)
	if err != nil || number < low || number > high {
		return 0, fault.New(fault.CodeInvalidValue, "The number must be whole, from "+strconv.FormatInt(low, 10)+" to "+strconv.FormatInt(high, 10)+".").On(v.path)
	}
	return number, nil
}

// Bool is as [Object.Bool].
func (v Value) Bool() (bool, error) { return string(v.raw) == "true", v.is("boolean") }

// Object is as [Object.Object].
func (v Value) Object() (Object, error) {
	if err := v.is("object"); err != nil {
		return Object{}, err
	}
	members, err := scan(v.raw, v.path)
	return Object{members: members, raw: v.raw, path: v.path}, err
}

// Array is as [Object.Array].
func (v Value) Array(limit int) ([]Value, error) {
	if err := v.is("array"); err != nil {
		return nil, err
	}
	elements, err := scan(v.raw, v.path)
	if err != nil {
		return nil, err
	}
	if len(elements) > limit {
		return nil, fault.New(fault.CodeTooLong, "The list has more than "+strconv.Itoa(limit)+" elements.").On(v.path)
	}
	values := make([]Value, len(elements))
	for i, element := range elements {
		values[i] = Value{element.raw, elementPath(v.path, i)}
	}
	return values, nil
}

func (v Value) is(kind string) error {
	if v.Kind() == kind {
		return nil
	}
	article := "a "
	if kind == "object" || kind == "array" {
		article = "an "
	}
	return fault.New(fault.CodeWrongType, "The value must be "+article+kind+".").On(v.path)
}
