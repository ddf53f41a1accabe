package koywe

import (
	"net/http"
	"slices"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

// policyRoutes is what an organization lets its merchants do, and what waits for a second person.
func (d *Dialect) policyRoutes() []route {
	const read, write = "policy:read", "policy:write"
	return []route{
		{http.MethodGet, ofO + "/policy", read, d.getPolicy},
		{http.MethodPost, ofO + "/policy", write, d.putPolicy},
		{http.MethodPost, ofO + "/policy/rules", write, d.addRule},
		{http.MethodPut, ofO + "/policy/rules/{ruleId}", write, d.putRule},
		{http.MethodGet, ofO + "/policy/audit", read, d.auditPolicy},
		{http.MethodGet, ofO + "/policy/approvals", "approvals:read", d.listApprovals},
		{http.MethodGet, ofO + "/policy/approvals/{approvalId}", "approvals:read", d.getApproval},
		{http.MethodPost, ofO + "/policy/approvals/{approvalId}/approve", "approvals:write", d.approve},
		{http.MethodPost, ofO + "/policy/approvals/{approvalId}/reject", "approvals:write", d.reject},
	}
}

func (d *Dialect) getPolicy(r *http.Request, s engine.Scope) (answer, error) {
	p, err := d.engine.Policy(r.Context(), s)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, policyOf(p)}, nil
}

// putPolicy puts a policy in place of the one there is: what is left out goes back to its default.
func (d *Dialect) putPolicy(r *http.Request, s engine.Scope) (answer, error) {
	asked, err := d.decodePolicy(r, s)
	if err != nil {
		return answer{}, err
	}
	p, err := d.by(r).ChangePolicy(r.Context(), s, "the policy was set", func(p *engine.Policy) error {
		p.Rules, p.DenyUnmatched = asked.Rules, asked.DenyUnmatched
		return nil
	})
	if err != nil {
		return answer{}, ruleFault(err)
	}
	return answer{http.StatusCreated, policyOf(p)}, nil
}

// addRule puts a rule behind the others: the first that fits decides.
func (d *Dialect) addRule(r *http.Request, s engine.Scope) (answer, error) {
	rule, err := d.decodeRule(r, s)
	if err != nil {
		return answer{}, err
	}
	rule.ID = d.newID("rul")
	_, err = d.by(r).ChangePolicy(r.Context(), s, "rule "+rule.ID+" was added", func(p *engine.Policy) error {
		p.Rules = append(p.Rules, rule)
		return nil
	})
	if err != nil {
		return answer{}, ruleFault(err)
	}
	return answer{http.StatusCreated, ruleOf(rule)}, nil
}

func (d *Dialect) putRule(r *http.Request, s engine.Scope) (answer, error) {
	rule, err := d.decodeRule(r, s)
	if err != nil {
		return answer{}, err
	}
	rule.ID = r.PathValue("ruleId")
	_, err = d.by(r).ChangePolicy(r.Context(), s, "rule "+rule.ID+" was changed", func(p *engine.Policy) error {
		i := slices.IndexFunc(p.Rules, func(there engine.PolicyRule) bool { return there.ID == rule.ID })
		if i < 0 {
			return fault.New(fault.CodeNotFound, "The policy has no such rule").On("ruleId")
		}
		p.Rules[i] = rule
		return nil
	})
	if err != nil {
		return answer{}, ruleFault(err)
	}
	return answer{http.StatusOK, ruleOf(rule)}, nil
}

func (d *Dialect) auditPolicy(r *http.Request, s engine.Scope) (answer, error) {
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return answer{}, err
	}
	page, limit := q.paging(10, 100)
	if q.Err() != nil {
		return answer{}, q.Err()
	}
	list, total, err := d.engine.PolicyChanges(r.Context(), s, page, limit)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, auditOf(list, pagination{page, limit, total})}, nil
}

func (d *Dialect) listApprovals(r *http.Request, s engine.Scope) (answer, error) {
	f, err := approvalFilterOf(r, s)
	if err != nil {
		return answer{}, err
	}
	list, total, err := d.engine.Approvals(r.Context(), f)
	if err != nil {
		return answer{}, err
	}
	return answer{http.StatusOK, approvalsOf(list, pagination{f.Page, f.Limit, total})}, nil
}

func (d *Dialect) getApproval(r *http.Request, s engine.Scope) (answer, error) {
	a, err := d.engine.Approval(r.Context(), s, r.PathValue("approvalId"))
	if err != nil {
		return answer{}, noApproval(err)
	}
	return answer{http.StatusOK, approvalOf(*a)}, nil
}

func (d *Dialect) approve(r *http.Request, s engine.Scope) (answer, error) {
	return d.decide(r, s, func(orderID, who string) error {
		_, err := d.by(r).Approve(r.Context(), orderID, order.Approval, order.ByMerchant, who)
		return err
	})
}

func (d *Dialect) reject(r *http.Request, s engine.Scope) (answer, error) {
	reason, err := decodeReason(r)
	if err != nil {
		return answer{}, err
	}
	return d.decide(r, s, func(orderID, who string) error {
		_, err := d.by(r).Refuse(r.Context(), orderID, order.Approval, order.ByMerchant, who, order.Reason(reason))
		return err
	})
}

// decide lets the caller decide about an approval, and shows what became of it.
func (d *Dialect) decide(r *http.Request, s engine.Scope, do func(orderID, who string) error) (answer, error) {
	a, err := d.engine.Approval(r.Context(), s, r.PathValue("approvalId"))
	if err != nil {
		return answer{}, noApproval(err)
	}
	switch err := do(a.OrderID, callerOf(r.Context()).Who()); {
	case fault.Is(err, fault.CodeForbidden):
		return answer{}, numbered{fault.New(fault.CodeForbidden, "Who made the operation cannot decide about it: somebody else must"), numberApproval}
	case fault.Is(err, fault.CodeOrderStateConflict):
		return answer{}, fault.New(fault.CodeOrderStateConflict, "The operation does not wait for an approval any more")
	case fault.Is(err, fault.CodeQuoteExpired):
		return answer{}, fault.New(fault.CodeOrderStateConflict, "The rate of the operation holds no more: it can only be rejected")
	case err != nil:
		return answer{}, err
	}
	return d.getApproval(r, s)
}

func noApproval(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return fault.New(fault.CodeNotFound, "Approval not found").On("approvalId")
	}
	return err
}

// ruleFault says in this API's words which field of a rule makes no sense.
func ruleFault(err error) error {
	f, is := fault.As(err)
	if !is {
		return err
	}
	if name := map[string]string{"currency": "currencySymbol"}[f.Param]; name != "" {
		return f.On(name)
	}
	return err
}
