package glomo

import (
	"time"
)

// wireTime is a moment to the second, in UTC: of orders, customers, documents and what belongs to them.
func wireTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// wireMillis is a moment to the millisecond, in UTC: of payments and of ends.
func wireMillis(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// textOrNull is nil for "".
func textOrNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
