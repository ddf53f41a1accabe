package operator

import (
	"context"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// Reporter is an API that has reports of a merchant's orders.
type Reporter interface {
	Name() string
	// Report prepares a report of what was made between two times, both included; a zero one is no end. What it gives
	// writes it as CSV. Errors: not_found for a report of no such name; faults that say why it cannot be made.
	Report(ctx context.Context, name string, s engine.Scope, from, to time.Time) (write func(context.Context, io.Writer) error, err error)
}

func (a *api) reports() {
	op := huma.Operation{
		OperationID: "writeReport", Method: http.MethodGet, Path: "/merchants/{merchantId}/reports/{report}", Security: needs("reports:read"),
		Summary: "A report of a merchant's orders, as CSV", Description: "Its last line is whole: where it cannot be written to its end the connection is cut.",
		Responses: map[string]*huma.Response{"200": {Description: "The report", Content: map[string]*huma.MediaType{"text/csv": {}}}},
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *reportInput) (*huma.StreamResponse, error) {
		write, err := a.report(ctx, in)
		if err != nil {
			return nil, a.refuse(ctx, err)
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
			if err := write(r.Context(), web.NewPatient(w, reportTime)); err != nil {
				if r.Context().Err() == nil {
					a.Log.ErrorContext(r.Context(), "a report was cut", "report", in.Report, "error", err)
				}
				panic(http.ErrAbortHandler) // nobody must take a part of it for the whole
			}
		}}, nil
	})
}

// reportTime is how long a part of a report may take to be taken by whoever asked.
const reportTime = time.Minute

type reportInput struct {
	Merchant string    `path:"merchantId" maxLength:"64"`
	Report   string    `path:"report" maxLength:"64"`
	Mode     string    `query:"mode" enum:"live,sandbox" required:"true"`
	Dialect  string    `query:"dialect" required:"true" maxLength:"64"`
	From     time.Time `query:"from" doc:"When the first was made; nothing is no end"`
	To       time.Time `query:"to" doc:"When the last was made"`
}

func (a *api) report(ctx context.Context, in *reportInput) (func(context.Context, io.Writer) error, error) {
	if err := mustSee(ctx, engine.Mode(in.Mode)); err != nil {
		return nil, err
	}
	if err := a.merchant(ctx, in.Merchant); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(a.Reporters, func(r Reporter) bool { return r.Name() == in.Dialect })
	if i < 0 {
		return nil, fault.New(fault.CodeNotFound, "this API has no reports").On("dialect")
	}
	s := engine.Scope{Merchant: in.Merchant, Mode: engine.Mode(in.Mode), Dialect: in.Dialect}
	return a.Reporters[i].Report(ctx, in.Report, s, in.From, in.To)
}
