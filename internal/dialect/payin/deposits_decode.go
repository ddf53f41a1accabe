package payin

import (
	"net/http"
	"slices"
	"strings"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
	"till/internal/web"
)

// depositService is the word in a refusal while the merchant has switched deposits off.
const depositService = "deposits"

// depositPrefix begins the id of a deposit.
const depositPrefix = "dep_"

// decodeCreateReference reads POST /deposits/references. The currency and the chain are checked and kept: they say what
// the merchant means to take, and do not narrow what is watched.
func (d *Dialect) decodeCreateReference(r *http.Request, s engine.Scope) (engine.NewStanding, web.Object, error) {
	var none engine.NewStanding
	body, err := web.Decode(r, maxOrderBody)
	if err != nil {
		return none, body, err
	}
	name, err := requiredReference(body)
	if err != nil {
		return none, body, err
	}
	var asked boundFor
	if asked.Currency, err = required(body, "currency", maxName); err != nil {
		return none, body, err
	}
	if asked.ChainID, err = required(body, "chainId", maxName); err != nil {
		return none, body, err
	}
	var kept reference
	if kept.Metadata, err = decodeMetadata(body); err != nil {
		return none, body, err
	}
	network, err := d.network(asked.ChainID, s)
	if err != nil {
		return none, body, err
	}
	if _, err := network.Asset(asked.Currency); err != nil {
		return none, body, fault.New(fault.CodeInvalidCurrency, "Currency '"+asked.Currency+"' is not available on chain '"+network.ID+"'").On("currency")
	}
	return engine.NewStanding{Scope: s, Reference: name, Prefix: depositPrefix, Family: network.Family, Doc: encode(kept), Binding: encode(asked)}, body, nil
}

func (d *Dialect) network(chain string, s engine.Scope) (engine.Network, error) {
	network, err := d.engine.Network(chain, s.Mode)
	if err != nil || network.Family != engine.EVM {
		return network, fault.New(fault.CodeInvalidNetwork, "Chain '"+chain+"' is not supported").On("chainId")
	}
	return network, nil
}

// decodeBind reads POST /deposits/bind. Metadata is accepted and, unlike at PayIn, kept.
func decodeBind(r *http.Request, s engine.Scope) (engine.NewStanding, web.Object, error) {
	var none engine.NewStanding
	body, err := web.Decode(r, maxOrderBody)
	if err != nil {
		return none, body, err
	}
	asked := engine.NewStanding{Scope: s, Prefix: depositPrefix, Again: true, Binding: encode(boundFor{})}
	if asked.Reference, err = requiredReference(body); err != nil {
		return none, body, err
	}
	protocol, err := required(body, "protocol", maxName)
	if err != nil {
		return none, body, err
	}
	if asked.Family, err = familyOf(protocol, "protocol"); err != nil {
		return none, body, err
	}
	metadata, err := decodeMetadata(body)
	if err != nil {
		return none, body, err
	}
	if metadata != nil {
		asked.Doc = encode(reference{Metadata: metadata})
	}
	return asked, body, nil
}

func requiredReference(body web.Object) (string, error) {
	name, err := required(body, "depositReference", maxReference)
	if err != nil {
		return "", err
	}
	return name, checkName(name, "depositReference")
}

func familyOf(protocol, field string) (engine.Family, error) {
	if protocol != string(engine.EVM) {
		return "", fault.New(fault.CodeInvalidValue, "The protocol '"+protocol+"' is not supported").On(field)
	}
	return engine.EVM, nil
}

// family is a protocol; evm, the only one, when none is named.
func (q *query) family(param string) engine.Family {
	if text := q.Text(param); text != "" && text != string(engine.EVM) {
		q.Refuse(param, "The protocol '"+text+"' is not supported")
	}
	return engine.EVM
}

// decodeUnbind reads POST /deposits/unbind: a reference, perhaps of one protocol, or an address with its protocol.
func (d *Dialect) decodeUnbind(r *http.Request, s engine.Scope) (engine.Unbinding, error) {
	asked := engine.Unbinding{Scope: s}
	body, err := web.Decode(r, maxConfigBody)
	if err != nil {
		return asked, err
	}
	if asked.Reference, _, err = body.String("depositReference", maxReference); err != nil {
		return asked, err
	}
	protocol, _, err := body.String("protocol", maxName)
	if err != nil {
		return asked, err
	}
	address, _, err := body.String("address", maxReference)
	if err != nil {
		return asked, err
	}
	if protocol != "" {
		if asked.Family, err = familyOf(protocol, "protocol"); err != nil {
			return asked, err
		}
	}
	switch {
	case asked.Reference == "" && address == "":
		return asked, fault.New(fault.CodeMissingField, "The field 'depositReference' is required, or 'address' with 'protocol'").On("depositReference")
	case address != "" && protocol == "":
		return asked, fault.New(fault.CodeMissingField, "The field 'protocol' is required with 'address'").On("protocol")
	case address != "":
		value, _, err := d.parseAddress(address)
		if err != nil {
			return asked, fault.New(fault.CodeInvalidAddress, "The address is not a valid evm address").On("address").Because(err)
		}
		asked.Value = value
	}
	return asked, nil
}

// decodeDeleteReference reads DELETE /deposits/references/{ref}?chainId=: the chain says which protocol's address; without
// one all of them are unbound.
func (d *Dialect) decodeDeleteReference(r *http.Request, s engine.Scope) (engine.Unbinding, error) {
	asked := engine.Unbinding{Scope: s, Reference: r.PathValue("depositReference")}
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return asked, err
	}
	if chain := q.Text("chainId"); chain != "" {
		network, err := d.network(chain, s)
		if err != nil {
			return asked, err
		}
		asked.Family = network.Family
	}
	if asked.Reference == "" {
		return asked, noReference()
	}
	return asked, q.Err()
}

func decodeReferenceFilter(rawQuery string, s engine.Scope) (engine.StandingFilter, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return engine.StandingFilter{}, err
	}
	f := engine.StandingFilter{Scope: s, Page: q.Number("page", 1, maxPage, 1), Limit: q.Number("limit", 1, 100, 20), Search: q.Text("search")}
	return f, q.Err()
}

// depositFilter is a request for deposits or for bound addresses.
type depositFilter struct {
	scope     engine.Scope
	addresses bool
	reference string
	filter    engine.Filter
}

func decodeDepositFilter(rawQuery string, s engine.Scope) (depositFilter, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return depositFilter{}, err
	}
	q.family("protocol")
	f := depositFilter{scope: s, addresses: q.Text("protocol") != "", reference: q.Text("depositReference")}
	f.filter = engine.Filter{
		Scope: s.Arrivals(), Page: q.Number("page", 1, maxPage, 1), Limit: q.Number("limit", 1, 100, 20),
		States:    q.depositStates("status"),
		AssetCode: q.Text("currency", "token"), Network: q.Text("chainId", "chain"),
		CreatedAfter: q.time("detectedAfter", 0), CreatedBefore: q.time("detectedBefore", shownTime-1),
		Sort:       depositSorts[q.word("sortBy", "detectedAt", "amount", "detected_at")],
		Descending: !strings.EqualFold(q.word("sortOrder", "desc", "asc"), "asc"),
	}
	return f, q.Err()
}

var depositSorts = map[string]engine.SortKey{"": engine.ByCreation, "detectedAt": engine.ByCreation, "detected_at": engine.ByCreation, "amount": engine.ByAmount}

// depositStates turns wire statuses into the states of the machine that look like one of them; without one, into those
// of every status. An arrival that an operator has cancelled has none.
func (q *query) depositStates(param string) (states []order.State) {
	wanted := []string{pending, confirmed, completed}
	if text := q.Text(param); text != "" {
		given := strings.Split(text, ",")
		for i := range given {
			given[i] = strings.TrimSpace(given[i])
			if !slices.Contains(wanted, given[i]) {
				q.Refuse(param, "The parameter '"+param+"' must be one of "+strings.Join(wanted, ", "))
				return nil
			}
		}
		wanted = given
	}
	for _, state := range order.States() {
		if slices.Contains(wanted, depositProjection[state]) {
			states = append(states, state)
		}
	}
	return states
}

func decodeDepositStats(rawQuery string, s engine.Scope) (engine.Filter, error) {
	q, err := queryOf(rawQuery)
	if err != nil {
		return engine.Filter{}, err
	}
	q.family("protocol")
	f := engine.Filter{Scope: s.Arrivals(), CreatedAfter: q.time("detectedAfter", 0), CreatedBefore: q.time("detectedBefore", shownTime-1), Page: 1, Limit: 1}
	return f, q.Err()
}
