package koywe

import (
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/web"
)

const (
	maxPolicy = 256 << 10
	maxReason = 500 // characters
)

// What rules say of orders and do with them.
var (
	ruleActions = []string{"ALLOW", "REQUIRE_APPROVAL", "DENY"}
	actions     = map[string]engine.PolicyAction{"ALLOW": engine.Allow, "REQUIRE_APPROVAL": engine.RequireApproval, "DENY": engine.Deny}
)

// decodePolicy reads a whole policy. What no rule fits is allowed, unless defaultAction says DENY.
func (d *Dialect) decodePolicy(r *http.Request, s engine.Scope) (p engine.Policy, err error) {
	body, err := web.Decode(r, maxPolicy)
	if err != nil {
		return p, err
	}
	otherwise, err := word(body, "defaultAction", []string{"ALLOW", "DENY"})
	if err != nil {
		return p, err
	}
	p.DenyUnmatched = otherwise == "DENY"
	rules, _, err := body.Array("rules", engine.MaxRules)
	if err != nil {
		return p, err
	}
	for _, v := range rules {
		each, err := v.Object()
		if err != nil {
			return p, err
		}
		rule, err := d.ruleFrom(each, s)
		if err != nil {
			return p, err
		}
		rule.ID = d.newID("rul")
		p.Rules = append(p.Rules, rule)
	}
	return p, nil
}

func (d *Dialect) decodeRule(r *http.Request, s engine.Scope) (engine.PolicyRule, error) {
	body, err := web.Decode(r, maxPolicy)
	if err != nil {
		return engine.PolicyRule{}, err
	}
	return d.ruleFrom(body, s)
}

func (d *Dialect) ruleFrom(body web.Object, s engine.Scope) (rule engine.PolicyRule, err error) {
	if rule.Name, err = optional(body, "name", 100); err != nil {
		return rule, err
	}
	if rule.Kind, err = word(body, "orderType", kindNames()); err != nil {
		return rule, err
	}
	action, err := word(body, "action", ruleActions)
	if err != nil {
		return rule, err
	}
	if action == "" {
		return rule, missing(body.Param("action"))
	}
	rule.Action = actions[action]
	enabled, given, err := body.Bool("enabled")
	if err != nil {
		return rule, err
	}
	rule.Off = given && !enabled
	return rule, d.ruleAmounts(body, s, &rule)
}

// ruleAmounts reads the currency of a rule and the amounts in it, both ends included.
func (d *Dialect) ruleAmounts(body web.Object, s engine.Scope, rule *engine.PolicyRule) (err error) {
	if rule.Currency, err = optional(body, "currencySymbol", 16); err != nil {
		return err
	}
	rule.Currency = d.symbolOf(s.Mode, rule.Currency)
	currency, known := d.currencyNamed(s.Mode, rule.Currency)
	if rule.Currency != "" && !known {
		return fault.New(fault.CodeInvalidCurrency, "The currency '"+rule.Currency+"' is not known").On(body.Param("currencySymbol"))
	}
	for _, of := range []struct {
		field  string
		amount *money.Amount
	}{{"amountFrom", &rule.From}, {"amountTo", &rule.To}} {
		field := of.field
		n, err := amountField(body, field)
		if err != nil {
			return err
		}
		if n == nil {
			continue
		}
		if rule.Currency == "" {
			return fault.New(fault.CodeMissingField, "The field '"+field+"' needs a currencySymbol").On(body.Param("currencySymbol"))
		}
		if *of.amount, err = n.amountOf(currency, body.Param(field)); err != nil {
			return err
		}
	}
	return nil
}

// currencyNamed is a currency, or a token of a network of the mode: of several with this code the one with the most
// decimals.
func (d *Dialect) currencyNamed(m engine.Mode, code string) (found money.Asset, known bool) {
	if fiat, err := money.Fiat(code); err == nil {
		return fiat, true
	}
	for _, n := range d.engine.Networks(m) {
		for _, t := range n.Tokens {
			if t.Asset.Code() == code && (!known || t.Asset.Scale() > found.Scale()) {
				found, known = t.Asset, true
			}
		}
	}
	return found, known
}

// approvalStatuses are the words for where an approval stands.
var approvalStatuses = map[engine.PolicyApprovalState]string{
	engine.PolicyPending: "PENDING", engine.PolicyApproved: "APPROVED", engine.PolicyRefused: "REJECTED", engine.PolicyClosed: "CANCELLED",
}

func approvalFilterOf(r *http.Request, s engine.Scope) (engine.ApprovalFilter, error) {
	f := engine.ApprovalFilter{Scope: s}
	q, err := queryOf(r.URL.RawQuery)
	if err != nil {
		return f, err
	}
	status := q.word("status", "PENDING", "APPROVED", "REJECTED", "CANCELLED")
	for state, word := range approvalStatuses {
		if word == status {
			f.State = state
		}
	}
	f.Page, f.Limit = q.paging(10, 100)
	return f, q.Err()
}

func decodeReason(r *http.Request) (string, error) {
	body, err := web.Decode(r, 16<<10)
	if err != nil {
		return "", err
	}
	reason, err := optional(body, "reason", maxReason)
	if err == nil && reason == "" {
		return "", missing("reason")
	}
	return reason, err
}
