package payin

import (
	"context"
	"net/http"
	"slices"

	"till/internal/engine"
)

// The catalogue is what this server is set up for, never a list of what could be.

func (d *Dialect) listChains(r *http.Request, s engine.Scope) (answer, error) {
	return d.chains(r, s.Mode)
}

func (d *Dialect) listTokens(r *http.Request, s engine.Scope) (answer, error) {
	return d.tokens(r, s.Mode)
}

func (d *Dialect) publicChains(r *http.Request, _ engine.Scope) (answer, error) {
	return d.chains(r, engine.Live, engine.Sandbox)
}

func (d *Dialect) publicTokens(r *http.Request, _ engine.Scope) (answer, error) {
	return d.tokens(r, engine.Live, engine.Sandbox)
}

func (d *Dialect) chains(r *http.Request, modes ...engine.Mode) (answer, error) {
	list, err := d.offered(r.Context(), modes)
	if err != nil {
		return answer{}, err
	}
	return encodeChains(list), nil
}

func (d *Dialect) tokens(r *http.Request, modes ...engine.Mode) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	chain, currency := q.Text("chainId", "chain"), q.Text("currency", "token")
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	list, err := d.offered(r.Context(), modes)
	if err != nil {
		return answer{}, err
	}
	return encodeTokens(list, chain, currency), nil
}

// offer is a network orders can name, and whether they are taken there now.
type offer struct {
	engine.Network
	available bool
}

// offered lists the networks of modes by id: those whose addresses come from pools, for others have no orders of
// this API.
func (d *Dialect) offered(ctx context.Context, modes []engine.Mode) ([]offer, error) {
	var list []offer
	for _, m := range modes {
		for _, n := range d.engine.Networks(m) {
			if n.Family != engine.EVM {
				continue
			}
			told, err := d.engine.Progress(ctx, n.Rail)
			if err != nil {
				return nil, err
			}
			list = append(list, offer{n, told != nil && !told.Cursor.Horizon.IsZero()})
		}
	}
	slices.SortFunc(list, func(a, b offer) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return list, nil
}

func encodeChains(list []offer) answer {
	body := chainList{Success: true, Data: []chainBody{}}
	for _, n := range list {
		row := chainBody{
			ChainID: n.ID, Name: n.Name, Protocol: string(n.Family), NetworkID: n.ChainID, Environment: environmentOf(n.Mode),
			RequiredConfirmations: n.Confirmations, Tokens: []string{}, Available: n.available,
		}
		for _, t := range n.Tokens {
			row.Tokens = append(row.Tokens, t.Asset.Code())
		}
		body.Data = append(body.Data, row)
	}
	return answer{http.StatusOK, body}
}

// encodeTokens shows the tokens of the chains, or of one chain, or of one currency.
func encodeTokens(list []offer, chain, currency string) answer {
	body := tokenList{Success: true, Data: []tokenBody{}}
	for _, n := range list {
		for _, t := range n.Tokens {
			if chain != "" && chain != n.ID || currency != "" && currency != t.Asset.Code() {
				continue
			}
			body.Data = append(body.Data, tokenBody{
				Currency: t.Asset.Code(), ChainID: n.ID, Protocol: string(n.Family), Environment: environmentOf(n.Mode),
				ContractAddress: t.Contract, Decimals: t.Asset.Scale(), Available: n.available,
			})
		}
	}
	return answer{http.StatusOK, body}
}

// environmentOf is what PayIn calls a mode: its keys and hosts say testnet.
func environmentOf(m engine.Mode) string {
	if m == engine.Live {
		return "mainnet"
	}
	return "testnet"
}
