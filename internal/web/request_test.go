package web

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"till/internal/fault"
)

// cases 44, 48
func TestMediaTypes(t *testing.T) {
	for _, c := range []struct {
		contentType, encoding string
		ok                    bool
	}{
		{"application/json", "", true}, {"application/json; charset=utf-8", "", true}, {"application/json;charset=UTF-8", "", true},
		{"Application/JSON", "", true}, {`application/json; charset="utf-8"`, "identity", true}, {"application/json; q=1", "", true},
		{"", "", false}, {"text/plain", "", false}, {"application/x-www-form-urlencoded", "", false}, {"multipart/form-data; boundary=x", "", false},
		{"application/jsonp", "", false}, {"application/json; charset=latin1", "", false}, {"application/json; charset=utf-16", "", false},
		{"application/json, text/plain", "", false}, {"application/json; charset", "", false}, {"text/json", "", false},
		{"application/json", "gzip", false}, {"application/json", "deflate", false}, {"application/json", "br", false},
		{"application/json", "identity, gzip", false},
	} {
		r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		if c.encoding != "" {
			r.Header.Set("Content-Encoding", c.encoding)
		}
		_, err := Decode(r, 100)
		if c.ok && err != nil || !c.ok && !fault.Is(err, fault.CodeUnsupportedMediaType) {
			t.Errorf("%q %q: %v", c.contentType, c.encoding, err)
		}
	}
	r := httptest.NewRequest("POST", "/", strings.NewReader("{}"))
	r.Header["Content-Type"] = []string{"application/json", "text/plain"}
	if _, err := Decode(r, 100); !fault.Is(err, fault.CodeUnsupportedMediaType) {
		t.Errorf("two types: %v", err)
	}
}

// case 44
func TestBodiesAreBounded(t *testing.T) {
	const limit = 64 << 10
	endless := &counting{Reader: endlessReader{}}
	for name, c := range map[string]struct {
		body   io.Reader
		length int64
		code   fault.Code
	}{
		"100 MB announced":          {endless, 100 << 20, fault.CodeBodyTooLarge},
		"endless, in chunks":        {endless, -1, fault.CodeBodyTooLarge},
		"one byte too long":         {strings.NewReader(strings.Repeat(" ", limit-1) + "{}"), -1, fault.CodeBodyTooLarge},
		"breaks off":                {io.MultiReader(strings.NewReader("{"), brokenReader{}), -1, fault.CodeInvalidBody},
		"a million names":           {strings.NewReader(object(1_000_000, "") + "}"), -1, fault.CodeBodyTooLarge},
		"as many names as fit":      {strings.NewReader(strings.Repeat(" ", 10) + "{" + strings.Repeat("x", limit-11)), -1, fault.CodeInvalidJSON},
		"deep":                      {strings.NewReader(strings.Repeat(`{"a":`, 10_000)), -1, fault.CodeInvalidBody},
		"less than announced":       {strings.NewReader("{}"), 10, fault.CodeInvalidBody},
		"long, as announced":        {strings.NewReader(strings.Repeat(" ", limit-2) + "{}"), limit, ""},
		"empty":                     {http.NoBody, 0, fault.CodeInvalidJSON},
		"exactly as long as it may": {strings.NewReader(strings.Repeat(" ", limit-2) + "{}"), -1, ""},
	} {
		r := httptest.NewRequest("POST", "/", c.body)
		r.ContentLength = c.length
		r.Header.Set("Content-Type", "application/json")
		_, err := Decode(r, limit)
		if c.code == "" && err != nil || c.code != "" && !fault.Is(err, c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if endless.read > limit+1 {
		t.Errorf("%d bytes were read of endless bodies", endless.read)
	}
}

// A body is handed on as it came: a signature is checked over its bytes. case 62
func TestReadBodyKeepsTheBytes(t *testing.T) {
	sent := []byte(" {\"a\" : \"\\u00e9\xff\"}\r\n")
	got, err := ReadBody(httptest.NewRequest("POST", "/", bytes.NewReader(sent)), 100)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%q %v", got, err)
	}
}

type counting struct {
	io.Reader
	read int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.read += n
	return n, err
}

type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat([]byte(" "), len(p))), nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
