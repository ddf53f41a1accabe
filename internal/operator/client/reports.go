package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// ReportQuery chooses a report, and what it lists: orders of an API that were made between two times, both included; a
// zero one is no end.
type ReportQuery struct {
	Merchant, Mode, Dialect string
	Report                  string
	From, To                time.Time
}

// Report writes a report as CSV, as it comes. An error means that what was written is not the whole of it.
func (c *Client) Report(ctx context.Context, q ReportQuery, to io.Writer) error {
	query := url.Values{"mode": {q.Mode}, "dialect": {q.Dialect}}
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !at.IsZero() {
			query.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	path := "/merchants/" + url.PathEscape(q.Merchant) + "/reports/" + url.PathEscape(q.Report)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	answer, err := c.http.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
		if err != nil {
			return err
		}
		return problem(answer, text, http.MethodGet, path)
	}
	if _, err := io.Copy(to, answer.Body); err != nil {
		return fmt.Errorf("the report broke off: %w", err)
	}
	return nil
}
