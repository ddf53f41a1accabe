package screen

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

const maxDepth = 12 // of elements; OFAC's files have six

// xmlEntry is what is read of an sdnEntry.
type xmlEntry struct {
	UID   string `xml:"uid"`
	First string `xml:"firstName"`
	Last  string `xml:"lastName"`
	Kind  string `xml:"sdnType"`
	IDs   []struct {
		Type   string `xml:"idType"`
		Number string `xml:"idNumber"`
	} `xml:"idList>id"`
	Aliases []struct {
		First string `xml:"firstName"`
		Last  string `xml:"lastName"`
	} `xml:"akaList>aka"`
	Addresses     []string `xml:"addressList>address>country"`
	Nationalities []string `xml:"nationalityList>nationality>country"`
	Citizenships  []string `xml:"citizenshipList>citizenship>country"`
	Remarks       string   `xml:"remarks"`
}

// ReadOFACXML reads OFAC's list as SDN.XML has it, and the consolidated list, which has the same form, and calls each with every
// entry. Only one entry is in memory at a time. Document types, and entities of a document's own, are refused.
//
// Errors: a *FileError, or what each returned as one.
func ReadOFACXML(in io.Reader, each func(Entry) error) error {
	b := &bounded{in: in}
	dec := xml.NewDecoder(b)
	begun := int64(0) // where the entry that is read begins
	b.passed = func() int64 { return begun }
	line := func() int { n, _ := dec.InputPos(); return n }
	tokens := xml.NewTokenDecoder(&guarded{dec: dec})
	depth, ended := 0, false
	for {
		token, err := tokens.Token()
		if errors.Is(err, io.EOF) && ended {
			return nil
		}
		if errors.Is(err, io.EOF) {
			return &FileError{Line: line(), Message: "the file ends too early, or is no list"}
		}
		if err != nil {
			return &FileError{Line: line(), Message: readable(err)}
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth == 0 && (ended || token.Name.Local != "sdnList") {
				return &FileError{Line: line(), Message: fmt.Sprintf("want the element sdnList, once, and not %s", clip(token.Name.Local))}
			}
			if depth == 1 && token.Name.Local == "sdnEntry" {
				at := line()
				var x xmlEntry
				if err := tokens.DecodeElement(&x, &token); err != nil {
					return &FileError{Line: line(), Message: readable(err)}
				}
				e, err := x.entry()
				if err == nil {
					err = each(e)
				}
				if err != nil {
					return &FileError{Line: at, Message: err.Error()}
				}
				begun = dec.InputOffset()
				continue
			}
			depth++
		case xml.EndElement:
			depth--
			ended = ended || depth == 0
		case xml.CharData:
			if depth == 0 && strings.Trim(string(token), " \t\r\n\ufeff") != "" {
				return &FileError{Line: line(), Message: "there is text outside of the list"}
			}
		}
		begun = dec.InputOffset()
	}
}

func (x xmlEntry) entry() (Entry, error) {
	kind, known := ofacKinds[strings.ToLower(strings.TrimSpace(x.Kind))]
	if !known {
		return Entry{}, fmt.Errorf("%q is no kind of entry", clip(x.Kind))
	}
	e := Entry{ID: strings.TrimSpace(x.UID), Kind: kind, Name: spoken(x.First, x.Last), Addresses: inRemarks(x.Remarks)}
	for _, a := range x.Aliases {
		if name := spoken(a.First, a.Last); name != "" {
			e.Aliases = append(e.Aliases, name)
		}
	}
	for _, id := range x.IDs {
		if strings.HasPrefix(strings.TrimSpace(id.Type), "Digital Currency Address") {
			e.Addresses = once(e.Addresses, strings.TrimSpace(id.Number))
		}
	}
	for _, list := range [][]string{x.Nationalities, x.Citizenships, x.Addresses} {
		for _, country := range list {
			e.Countries = once(e.Countries, strings.TrimSpace(country))
		}
	}
	return e, nil
}

func spoken(first, last string) string {
	return strings.TrimSpace(strings.TrimSpace(first) + " " + strings.TrimSpace(last))
}

// guarded passes the tokens of a file on, but for what no list needs: a document type, with the entities it may declare, and elements
// within elements without end.
type guarded struct {
	dec   *xml.Decoder
	depth int
}

func (g *guarded) Token() (xml.Token, error) {
	token, err := g.dec.Token()
	switch token := token.(type) {
	case xml.Directive:
		return nil, errors.New("it has a document type declaration, which is refused")
	case xml.StartElement:
		if g.depth++; g.depth > maxDepth {
			return nil, fmt.Errorf("elements are nested deeper than %d", maxDepth)
		}
		return token, err
	case xml.EndElement:
		g.depth--
	}
	return token, err
}

// readable is an error of the XML reader without the library's name and a line that is said before.
func readable(err error) string {
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return syntax.Msg
	}
	return strings.TrimPrefix(err.Error(), "xml: ")
}
