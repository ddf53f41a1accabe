package operator

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/operator/client"
)

func (a *api) jobs() {
	serve(a, huma.Operation{
		OperationID: "listJobs", Method: http.MethodGet, Path: "/jobs", Security: needs("jobs:read"),
		Summary: "How the background work goes", Description: "The loops of the process that answers, and what all of them have before them.",
	}, a.listJobs)
	serve(a, huma.Operation{
		OperationID: "listAuditHeads", Method: http.MethodGet, Path: "/audit/heads", Security: needs("audit:read"),
		Summary: "The head of each mode's chain of seals", Description: "Kept elsewhere, a head proves later that nothing before it was changed or cut off.",
	}, a.listAuditHeads)
}

func (a *api) listJobs(ctx context.Context, _ *struct{}) (client.JobList, error) {
	b, err := a.Engine.Backlog(ctx)
	return client.JobList{
		Jobs: append([]client.Job{}, a.Jobs()...), Untold: b.Untold, Pending: b.Pending, OldestPending: timeOf(b.OldestPending),
		ToSend: b.ToSend, InFlight: b.InFlight,
	}, err
}

func (a *api) listAuditHeads(ctx context.Context, _ *struct{}) (client.AuditHeadList, error) {
	out := client.AuditHeadList{Heads: []client.AuditHead{}}
	list, err := a.Engine.Heads(ctx, a.Now())
	for _, h := range list {
		if sees(ctx, h.Mode) {
			out.Heads = append(out.Heads, client.AuditHead{Mode: string(h.Mode), N: h.N, Head: h.Head, At: h.At.UTC()})
		}
	}
	return out, err
}
