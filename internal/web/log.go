package web

import (
	"context"
	"log/slog"
)

// requestAttr is the name of the request's id in a log line.
const requestAttr = "request"

// LogHandler adds the id of the request to every line that is logged with the request's context, so that all
// lines of one request are found by it. A line that names its request already is left alone.
func LogHandler(next slog.Handler) slog.Handler { return logHandler{next} }

type logHandler struct{ next slog.Handler }

func (h logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	id := FromContext(ctx)
	if id == "" {
		return h.next.Handle(ctx, r)
	}
	named := false
	r.Attrs(func(a slog.Attr) bool {
		named = a.Key == requestAttr
		return !named
	})
	if !named {
		r = r.Clone()
		r.AddAttrs(slog.String(requestAttr, id))
	}
	return h.next.Handle(ctx, r)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.next.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.next.WithGroup(name)} }
