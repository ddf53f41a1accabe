package web

import (
	"io"
	"mime"
	"net/http"
	"strings"

	"till/internal/fault"
)

// Decode reads a request whose body must be one JSON object of at most limit bytes: [CheckMediaType], [ReadBody] and [ParseObject]
// in one, with their faults.
func Decode(r *http.Request, limit int64) (Object, error) {
	if err := CheckMediaType(r); err != nil {
		return Object{}, err
	}
	body, err := ReadBody(r, limit)
	if err != nil {
		return Object{}, err
	}
	return ParseObject(body)
}

// CheckMediaType refuses a request whose body is not plain application/json in UTF-8, with unsupported_media_type. A missing
// Content-Type is refused too, which also keeps a foreign page's form from being taken for a call. Compressed bodies are refused,
// since a small one can unfold into a large one.
func CheckMediaType(r *http.Request) error {
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return fault.New(fault.CodeUnsupportedMediaType, "The request must have one Content-Type, application/json.")
	}
	if types[0] != "application/json" { // as nearly everybody writes it
		kind, params, err := mime.ParseMediaType(types[0])
		if err != nil || kind != "application/json" {
			return fault.New(fault.CodeUnsupportedMediaType, "The Content-Type must be application/json.")
		}
		if charset, found := params["charset"]; found && !strings.EqualFold(charset, "utf-8") {
			return fault.New(fault.CodeUnsupportedMediaType, "The body must be encoded in UTF-8.")
		}
	}
	for _, encoding := range r.Header.Values("Content-Encoding") {
		if encoding != "" && !strings.EqualFold(encoding, "identity") {
			return fault.New(fault.CodeUnsupportedMediaType, "A compressed body is not read.")
		}
	}
	return nil
}

// ReadBody reads a whole body of at most limit bytes, as it was sent: what a signature is checked against before anything is parsed.
// A longer body is body_too_large, and no more than limit+1 bytes of it are read; one that breaks off, or that comes too slowly for
// the server's read timeout, is invalid_body.
func ReadBody(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, tooLarge()
	}
	var body []byte
	var err error
	if r.ContentLength > 0 && r.ContentLength <= atOnce { // no more than that follows: the server sees to it
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
	}
	if err != nil {
		return nil, fault.New(fault.CodeInvalidBody, "The body could not be read to its end.").Because(err)
	}
	if int64(len(body)) > limit {
		return nil, tooLarge()
	}
	return body, nil
}

// atOnce is how long a body may be, in bytes, for which room is made before it has come.
const atOnce = 16 << 10

func tooLarge() error { return fault.New(fault.CodeBodyTooLarge, "The body is too large.") }
