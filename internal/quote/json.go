package quote

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"
)

// maxRates is the most rates of one document.
const maxRates = 2000

// ReadJSON reads Till's own format of rates, for a file or an HTTP source:
//
//	{
//	  "at": "2026-03-02T15:04:05Z",
//	  "rates": [
//	    {"base": "USDT", "quote": "COP", "rate": "4012.55"},
//	    {"base": "BTC", "quote": "USD", "rate": "91234.5"}
//	  ]
//	}
//
// "at" is RFC 3339: the moment at which all of it was so. One of base is worth
// rate of quote; both are codes of A-Z, a-z and 0-9. A rate is a text, not a JSON
// number, because a reader in between might make a binary fraction of a
// number: digits, or digits, a dot and digits, above zero, at most 64
// characters.
//
// It is strict: at most 256 kB and 2000 rates, at least one, no other keys, no
// key twice, no pair twice in either direction, nothing behind the object.
// Anything else is ErrRate, and nothing of it is used.
func ReadJSON(r io.Reader, source Source) ([]Rate, error) {
	text, err := readDocument(r)
	if err != nil {
		return nil, err
	}
	rates, err := readJSON(text, source)
	if err != nil {
		return nil, fmt.Errorf("rates of %s: %w", source.Name, err)
	}
	return rates, nil
}

func readJSON(text []byte, source Source) ([]Rate, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("%w: the document is not UTF-8", ErrRate)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	var at time.Time
	var told [][3]string
	err := readObject(decoder, []string{"at", "rates"}, func(key string) (err error) {
		if key == "rates" {
			told, err = readRates(decoder)
			return err
		}
		moment, err := readText(decoder, key)
		if err != nil {
			return err
		}
		if at, err = time.Parse(time.RFC3339, moment); err != nil {
			return fmt.Errorf("%w: at is not a time of RFC 3339", ErrRate)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: something follows the document", ErrRate)
	}
	var rates []Rate
	for _, t := range told {
		rate, err := source.rate(t[0], t[1], t[2], at)
		if err != nil {
			return nil, err
		}
		rates = append(rates, rate)
	}
	if len(rates) == 0 {
		return nil, fmt.Errorf("%w: the document has no rates", ErrRate)
	}
	return rates, once(rates)
}

// readRates reads the list; each rate is its base, quote and value.
func readRates(decoder *json.Decoder) ([][3]string, error) {
	if err := readDelim(decoder, '['); err != nil {
		return nil, err
	}
	keys := []string{"base", "quote", "rate"}
	var told [][3]string
	for decoder.More() {
		if len(told) == maxRates {
			return nil, fmt.Errorf("%w: the document has more than %d rates", ErrRate, maxRates)
		}
		var one [3]string
		err := readObject(decoder, keys, func(key string) (err error) {
			for i := range keys {
				if keys[i] == key {
					one[i], err = readText(decoder, key)
				}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		told = append(told, one)
	}
	return told, readDelim(decoder, ']')
}

// readObject reads an object that has exactly these keys, each once; member
// reads the value of one.
func readObject(decoder *json.Decoder, keys []string, member func(key string) error) error {
	if err := readDelim(decoder, '{'); err != nil {
		return err
	}
	missing := map[string]bool{}
	for _, key := range keys {
		missing[key] = true
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRate, err)
		}
		key, isText := token.(string)
		if !isText || !missing[key] {
			return fmt.Errorf("%w: the key %.40q is unknown or there twice", ErrRate, fmt.Sprint(token))
		}
		delete(missing, key)
		if err := member(key); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if missing[key] {
			return fmt.Errorf("%w: the key %q is missing", ErrRate, key)
		}
	}
	return readDelim(decoder, '}')
}

func readText(decoder *json.Decoder, key string) (string, error) {
	token, err := decoder.Token()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrRate, err)
	}
	text, isText := token.(string)
	if !isText {
		return "", fmt.Errorf("%w: %s is not a text", ErrRate, key)
	}
	return text, nil
}

func readDelim(decoder *json.Decoder, want json.Delim) error {
	token, err := decoder.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRate, err)
	}
	if token != want {
		return fmt.Errorf("%w: %s is missing", ErrRate, want)
	}
	return nil
}
