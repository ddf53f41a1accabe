package webhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// Get reads a document of at most limit bytes from a URL that the guard allows, by the same rules as Post: no redirect is
// followed, no proxy used, and the whole call has a bounded time. Only the status 200 gives a document.
//
// An error matches [ErrRefused], [ErrTimeout] or [ErrNetwork]; it is ErrNetwork for another status and for a document that is
// longer. Its text holds neither path nor query of the URL.
func (c *Client) Get(ctx context.Context, url string, limit int64) ([]byte, error) {
	target, err := c.guard.CheckURL(url)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	request.Header.Set("User-Agent", "Till")
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return nil, classify(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: the answer has the status %d", ErrNetwork, response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	switch {
	case err != nil:
		return nil, classify(ctx, err)
	case int64(len(body)) > limit:
		return nil, fmt.Errorf("%w: the answer has more than %d bytes", ErrNetwork, limit)
	}
	return body, nil
}
