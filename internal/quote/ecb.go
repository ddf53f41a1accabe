package quote

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// maxDocument is the most bytes of a document of rates that are read. The
// ECB's has about 2 kB.
const maxDocument = 256 << 10

// The two namespaces of the ECB's document.
const (
	gesmes    = "http://www.gesmes.org/xml/2002-08-01"
	eurofxref = "http://www.ecb.int/vocabulary/2002-08-01/eurofxref"
)

// ecbTree is every element the document may have, by its path.
var ecbTree = map[string]bool{
	"Envelope":                true,
	"Envelope/subject":        true,
	"Envelope/Sender":         true,
	"Envelope/Sender/name":    true,
	"Envelope/Cube":           true,
	"Envelope/Cube/Cube":      true, // with a time
	"Envelope/Cube/Cube/Cube": true, // with a currency and its rate
}

// ReadECB reads the European Central Bank's daily reference rates
// (eurofxref-daily.xml): what one euro is worth, for one day. The document
// names a day and no hour; its rates are of the day's first moment in UTC,
// which makes them look older, never younger. The bank publishes on working
// days in the afternoon, so that around Easter a rate is in use for almost
// six days: the source's MaxAge must allow for that.
//
// It is strict: UTF-8, at most 256 kB, no document type and so no entities of
// its own, only the elements and attributes of the format, one day, each
// currency once. Anything else is ErrRate, and nothing of it is used.
func ReadECB(r io.Reader, source Source) ([]Rate, error) {
	text, err := readDocument(r)
	if err != nil {
		return nil, err
	}
	rates, err := readECB(text, source)
	if err != nil {
		return nil, fmt.Errorf("rates of %s: %w", source.Name, err)
	}
	return rates, nil
}

func readECB(text []byte, source Source) ([]Rate, error) {
	var rates []Rate
	var path []string
	var day time.Time
	began, rooted := false, false
	// Strict is the decoder's default; it knows XML's five entities and no other.
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRate, err)
		}
		switch token := token.(type) {
		case xml.Directive:
			return nil, fmt.Errorf("%w: the document has a document type", ErrRate)
		case xml.ProcInst:
			if token.Target != "xml" || began {
				return nil, fmt.Errorf("%w: the document has a processing instruction", ErrRate)
			}
		case xml.StartElement:
			if rooted && len(path) == 0 {
				return nil, fmt.Errorf("%w: something follows the document", ErrRate)
			}
			rooted = true
			path = append(path, token.Name.Local)
			at := strings.Join(path, "/")
			if !ecbTree[at] || token.Name.Space != ecbSpace(token.Name.Local) {
				return nil, fmt.Errorf("%w: the element %.100q is not of this format", ErrRate, at)
			}
			switch at {
			case "Envelope/Cube/Cube":
				values, err := attributes(token, "time")
				if err != nil {
					return nil, err
				}
				if !day.IsZero() {
					return nil, fmt.Errorf("%w: the document has more than one day", ErrRate)
				}
				if day, err = time.Parse(time.DateOnly, values[0]); err != nil {
					return nil, fmt.Errorf("%w: %.80q is not a day", ErrRate, values[0])
				}
			case "Envelope/Cube/Cube/Cube":
				values, err := attributes(token, "currency", "rate")
				if err != nil {
					return nil, err
				}
				rate, err := source.rate("EUR", values[0], values[1], day)
				if err != nil {
					return nil, err
				}
				rates = append(rates, rate)
			case "Envelope":
			default:
				if _, err := attributes(token); err != nil {
					return nil, err
				}
			}
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			inText := len(path) > 0 && (path[len(path)-1] == "subject" || path[len(path)-1] == "name")
			if !inText && len(bytes.TrimSpace(token)) > 0 {
				return nil, fmt.Errorf("%w: text where none belongs", ErrRate)
			}
		}
		began = true
	}
	if len(rates) == 0 {
		return nil, fmt.Errorf("%w: the document has no rates", ErrRate)
	}
	return rates, once(rates)
}

// ecbSpace is the namespace of an element of the document.
func ecbSpace(name string) string {
	if name == "Cube" {
		return eurofxref
	}
	return gesmes
}

// attributes is the values of exactly these attributes, each once.
func attributes(element xml.StartElement, names ...string) ([]string, error) {
	values, found := make([]string, len(names)), 0
	for i, name := range names {
		for _, a := range element.Attr {
			if a.Name.Local == name && a.Name.Space == "" {
				values[i] = a.Value
				found++
			}
		}
		if found != i+1 {
			return nil, fmt.Errorf("%w: a %s needs one attribute %q", ErrRate, element.Name.Local, name)
		}
	}
	if len(element.Attr) != len(names) {
		return nil, fmt.Errorf("%w: a %s has attributes that are not of this format", ErrRate, element.Name.Local)
	}
	return values, nil
}

func readDocument(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading rates: %w", err)
	}
	if len(text) > maxDocument {
		return nil, fmt.Errorf("%w: the document has more than %d bytes", ErrRate, maxDocument)
	}
	return text, nil
}
