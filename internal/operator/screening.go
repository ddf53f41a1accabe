package operator

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"till/internal/fault"
	"till/internal/operator/client"
	"till/internal/screen"
)

func (a *api) screening() {
	serve(a, huma.Operation{
		OperationID: "screen", Method: http.MethodPost, Path: "/screening", Security: needs("screening:read"),
		Summary:     "Look a name or an address up on the lists",
		Description: "Changes nothing. It is a POST so that names stand in no URL. entries is how many the lists have: with 0 nothing was looked through.",
	}, a.screen)
}

type screenInput struct{ Body client.Screening }

func (a *api) screen(_ context.Context, in *screenInput) (client.Screened, error) {
	q := screen.Query{Name: strings.TrimSpace(in.Body.Name), Kind: screen.Kind(in.Body.Kind), Threshold: in.Body.Threshold}
	address := strings.TrimSpace(in.Body.Address)
	if q.Name == "" && address == "" {
		return client.Screened{}, fault.New(fault.CodeMissingField, "give a name or an address").On("name")
	}
	got := a.Engine.Screen(q, address)
	out := client.Screened{Entries: got.Entries, Hits: []client.ScreenHit{}}
	for _, h := range got.Hits {
		hit := client.ScreenHit{
			List: h.Entry.List, ID: h.Entry.ID, Kind: string(h.Entry.Kind), Name: h.Entry.Name, Listed: h.Name, Score: h.Score,
			Countries: append([]string{}, h.Entry.Countries...), Why: []client.ScreenMatch{},
		}
		hit.Why = append(hit.Why, matchesOf(h.Why)...)
		out.Hits = append(out.Hits, hit)
	}
	return out, nil
}
