package app

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel" // Apache-2.0
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// tracing sends spans of requests and transactions to an OpenTelemetry collector. A nil tracing does nothing.
type tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// newTracing is nil without an endpoint. The endpoint's requests are made in the background; a collector that
// is not there costs dropped spans and nothing else.
func newTracing(ctx context.Context, cfg Config) (*tracing, error) {
	if cfg.Tracing == "" {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Tracing))
	if err != nil {
		return nil, err
	}
	// The library's only way to say that spans were lost is a handler of the whole process.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { cfg.Log.Warn("traces were not sent", "error", err) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "till"), attribute.String("service.version", cfg.Version))))
	return &tracing{provider: provider, tracer: provider.Tracer("till")}, nil
}

// lastSpans is how long the end of the server waits for a collector to take what is left.
const lastSpans = time.Second

// stop sends what is left. A collector that does not take it is no failure of ours.
func (t *tracing) stop(ctx context.Context) {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, lastSpans)
	defer cancel()
	t.provider.Shutdown(ctx)
}

// requests makes a span of each request, as a part of the caller's trace where it names one. Paths hold ids
// of orders, so the span has the face and never the path.
func (t *tracing) requests(next http.Handler, face func(path string) string) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		of := face(r.URL.Path)
		ctx, span := t.tracer.Start(ctx, r.Method+" "+of, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", r.Method), attribute.String("till.face", of), attribute.String("till.request", web.FromContext(ctx))))
		defer span.End()
		answer := &answered{ResponseWriter: w}
		next.ServeHTTP(answer, r.WithContext(ctx))
		span.SetAttributes(attribute.Int("http.response.status_code", answer.code()))
		if answer.code() >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	})
}

// store makes a span of each transaction.
func (t *tracing) store(s engine.Store) engine.Store {
	if t == nil {
		return s
	}
	return tracedStore{s, t.tracer}
}

type tracedStore struct {
	engine.Store
	tracer trace.Tracer
}

func (s tracedStore) Update(ctx context.Context, want engine.Keys, fn func(engine.Tx) error) error {
	ctx, span := s.tracer.Start(ctx, "store.update")
	err := s.Store.Update(ctx, want, fn)
	end(span, err)
	return err
}

func (s tracedStore) View(ctx context.Context, fn func(engine.Reader) error) error {
	ctx, span := s.tracer.Start(ctx, "store.view")
	err := s.Store.View(ctx, fn)
	end(span, err)
	return err
}

// end says the code of a fault and never an error's text, which may hold more than a trace should.
func end(span trace.Span, err error) {
	if f, ok := fault.As(err); ok {
		span.SetAttributes(attribute.String("till.fault", string(f.Code)))
	} else if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// tracingURL checks where spans are sent.
func tracingURL(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return "", errors.New("want an http or https URL, like http://127.0.0.1:4318/v1/traces")
	}
	return text, nil
}
