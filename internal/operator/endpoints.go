package operator

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/operator/client"
)

func (a *api) endpoints() {
	serve(a, huma.Operation{
		OperationID: "listEndpoints", Method: http.MethodGet, Path: "/endpoints", Security: needs("endpoints:read"),
		Summary: "Where events are told", Description: "By id. Secrets are never shown.",
	}, a.listEndpoints)
	serve(a, huma.Operation{
		OperationID: "addEndpoint", Method: http.MethodPost, Path: "/endpoints", Security: needs("endpoints:write"), DefaultStatus: http.StatusCreated,
		Summary: "Tell a merchant's events to a URL", Description: "The answer has the secret that signs them: it is shown this once.",
	}, a.addEndpoint)
	serve(a, huma.Operation{
		OperationID: "changeEndpoint", Method: http.MethodPatch, Path: "/endpoints/{endpointId}", Security: needs("endpoints:write"),
		Summary: "Change an endpoint", Description: "What is left out stays. Messages of a disabled endpoint are cancelled.",
	}, a.changeEndpoint)
	serve(a, huma.Operation{
		OperationID: "rotateEndpoint", Method: http.MethodPost, Path: "/endpoints/{endpointId}/rotate", Security: needs("endpoints:write"),
		Summary: "Give an endpoint a new secret",
		Description: "The answer has the new secret: it is shown this once. Until the overlap ends messages are signed with the old one as well, " +
			"the newest first. An overlap of 0 ends every older secret at once.",
	}, a.rotateEndpoint)
	serve(a, huma.Operation{
		OperationID: "removeEndpoint", Method: http.MethodDelete, Path: "/endpoints/{endpointId}", Security: needs("endpoints:write"),
		Summary: "Delete an endpoint", Description: "What waits for it is never sent; what was sent stays on record.",
	}, a.removeEndpoint)
}

type endpointsInput struct {
	PageInput
	ModeInput
	Merchant string `query:"merchant" maxLength:"64"`
	Dialect  string `query:"dialect" maxLength:"32"`
}

func (a *api) listEndpoints(ctx context.Context, in *endpointsInput) (client.EndpointPage, error) {
	page := client.EndpointPage{Endpoints: []client.Endpoint{}}
	mode, err := in.mode(ctx)
	if err != nil {
		return page, err
	}
	list, err := a.Engine.SearchEndpoints(ctx, engine.EndpointSearch{
		Merchant: in.Merchant, Mode: mode, Dialect: in.Dialect, After: in.After, Limit: in.Limit + 1,
	})
	if err != nil {
		return page, err
	}
	list, page.Next = cut(list, in.Limit, func(e engine.Endpoint) string { return e.ID })
	for _, e := range list {
		page.Endpoints = append(page.Endpoints, endpointOf(e))
	}
	return page, nil
}

type addEndpointInput struct{ Body client.NewEndpoint }

func (a *api) addEndpoint(ctx context.Context, in *addEndpointInput) (client.Endpoint, error) {
	b := in.Body
	if err := mustSee(ctx, engine.Mode(b.Mode)); err != nil {
		return client.Endpoint{}, err
	}
	if !slices.Contains(a.Dialects, b.Dialect) {
		return client.Endpoint{}, fault.New(fault.CodeInvalidValue, "this server has no such API").On("dialect")
	}
	if err := a.checkURL(b.URL); err != nil {
		return client.Endpoint{}, err
	}
	made, err := a.NewEndpoint()
	if err != nil {
		return client.Endpoint{}, err
	}
	ep, err := a.as(ctx).AddEndpoint(ctx, engine.Endpoint{
		ID: made.ID, Scope: engine.Scope{Merchant: b.Merchant, Mode: engine.Mode(b.Mode), Dialect: b.Dialect},
		Name: b.Name, URL: b.URL, Secret: made.Sealed, Events: b.Events, Enabled: true,
	})
	out := endpointOf(ep)
	out.Secret = made.Secret
	return out, err
}

// EndpointInput names an endpoint.
type EndpointInput struct {
	ID string `path:"endpointId"`
}

type changeEndpointInput struct {
	EndpointInput
	Body client.EndpointChange
}

func (a *api) changeEndpoint(ctx context.Context, in *changeEndpointInput) (client.Endpoint, error) {
	if in.Body.URL != nil {
		if err := a.checkURL(*in.Body.URL); err != nil {
			return client.Endpoint{}, err
		}
	}
	ep, err := a.as(ctx).ChangeEndpoint(ctx, in.ID, func(ep *engine.Endpoint) error {
		if !sees(ctx, ep.Scope.Mode) {
			return noEndpoint()
		}
		set(&ep.Name, in.Body.Name)
		set(&ep.URL, in.Body.URL)
		set(&ep.Events, in.Body.Events)
		set(&ep.Enabled, in.Body.Enabled)
		return nil
	})
	return endpointOf(ep), err
}

type rotateEndpointInput struct {
	EndpointInput
	Body client.SecretRotation
}

func (a *api) rotateEndpoint(ctx context.Context, in *rotateEndpointInput) (client.Endpoint, error) {
	made, err := a.NewSecret(in.ID)
	if err != nil {
		return client.Endpoint{}, err
	}
	overlap := engine.SecretOverlap
	if in.Body.OverlapSeconds != nil {
		overlap = time.Duration(*in.Body.OverlapSeconds) * time.Second
	}
	ep, err := a.as(ctx).RotateSecret(ctx, in.ID, made.Sealed, overlap, func(ep engine.Endpoint) bool { return sees(ctx, ep.Scope.Mode) })
	if err != nil {
		return client.Endpoint{}, err
	}
	out := endpointOf(ep)
	out.Secret = made.Secret
	return out, nil
}

func (a *api) removeEndpoint(ctx context.Context, in *EndpointInput) (client.Removed, error) {
	err := a.as(ctx).DeleteEndpoint(ctx, in.ID, func(ep engine.Endpoint) bool { return sees(ctx, ep.Scope.Mode) })
	return client.Removed{ID: in.ID}, err
}

// endpoint finds an endpoint that the caller may see. Error: not_found.
func (a *api) endpoint(ctx context.Context, id string) (*engine.Endpoint, error) {
	ep, err := a.Engine.Endpoint(ctx, id)
	if err == nil && (ep == nil || !sees(ctx, ep.Scope.Mode)) {
		return nil, noEndpoint()
	}
	return ep, err
}

func noEndpoint() error { return fault.New(fault.CodeNotFound, "no such endpoint") }

func (a *api) checkURL(url string) error {
	err := a.CheckURL(url)
	if f, ok := fault.As(err); ok {
		return f.On("url")
	}
	return err
}

func endpointOf(e engine.Endpoint) client.Endpoint {
	out := client.Endpoint{
		ID: e.ID, Merchant: e.Scope.Merchant, Mode: string(e.Scope.Mode), Dialect: e.Scope.Dialect, Name: e.Name, URL: e.URL,
		Events: []string{}, Enabled: e.Enabled, CreatedAt: e.CreatedAt.UTC(),
	}
	out.Events = append(out.Events, e.Events...)
	for _, old := range e.Old {
		out.OldSecretsUntil = append(out.OldSecretsUntil, old.Until.UTC())
	}
	return out
}

// set changes a value where a change is given.
func set[T any](value, change *T) {
	if change != nil {
		*value = *change
	}
}
