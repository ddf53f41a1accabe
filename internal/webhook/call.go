package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
)

// Call sends one request of any method and returns the status and the document that came back, of at most limit bytes, by the same
// rules as Post: no redirect is followed, no proxy used, and the whole call has a bounded time. It is for far sides that the
// operator has configured; an answer of any status is an answer.
//
// An error matches [ErrRefused], [ErrTimeout] or [ErrNetwork]; it is ErrNetwork for a document that is longer. Its text holds
// neither path nor query of the URL, and no header.
func (c *Client) Call(ctx context.Context, method, url string, header http.Header, body []byte, limit int64) (status int, document []byte, err error) {
	target, err := c.guard.CheckURL(url)
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for name, values := range header {
		for _, value := range values {
			if !validHeader(name, value) {
				return 0, nil, fmt.Errorf("%w: a header holds characters that are not allowed there", ErrRefused)
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	request.Header.Set("User-Agent", "Till")
	if len(body) > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	for name, values := range header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return 0, nil, classify(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols { // what follows a 101 is the raw connection
		return 0, nil, fmt.Errorf("%w: the answer has the status 101", ErrNetwork)
	}
	document, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return 0, nil, classify(ctx, err)
	case int64(len(document)) > limit:
		return 0, nil, fmt.Errorf("%w: the answer has more than %d bytes", ErrNetwork, limit)
	}
	return response.StatusCode, document, nil
}
