package koywe

import (
	"till/internal/engine"
	"till/internal/money"
)

type policyBody struct {
	Version       int64      `json:"version"`
	DefaultAction string     `json:"defaultAction"`
	Rules         []ruleBody `json:"rules"`
	CreatedAt     *string    `json:"createdAt"`
	UpdatedAt     *string    `json:"updatedAt"`
}

type ruleBody struct {
	ID             string  `json:"id"`
	Name           *string `json:"name"`
	OrderType      *string `json:"orderType"`
	CurrencySymbol *string `json:"currencySymbol"`
	AmountFrom     *number `json:"amountFrom"`
	AmountTo       *number `json:"amountTo"`
	Action         string  `json:"action"`
	Enabled        bool    `json:"enabled"`
}

func policyOf(p *engine.Policy) policyBody {
	body := policyBody{Version: p.Version, DefaultAction: "ALLOW", Rules: []ruleBody{}, CreatedAt: timeOrNull(p.CreatedAt), UpdatedAt: timeOrNull(p.UpdatedAt)}
	if p.DenyUnmatched {
		body.DefaultAction = "DENY"
	}
	for _, rule := range p.Rules {
		body.Rules = append(body.Rules, ruleOf(rule))
	}
	return body
}

func ruleOf(rule engine.PolicyRule) ruleBody {
	body := ruleBody{ID: rule.ID, Name: nullText(rule.Name), OrderType: nullText(rule.Kind), CurrencySymbol: nullText(rule.Currency),
		AmountFrom: boundOf(rule.From), AmountTo: boundOf(rule.To), Enabled: !rule.Off}
	for word, action := range actions {
		if action == rule.Action {
			body.Action = word
		}
	}
	return body
}

func boundOf(a money.Amount) *number {
	if a.Asset().IsZero() {
		return nil
	}
	return new(numberOf(a))
}

// nullText is null for an empty text.
func nullText(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

type auditBody struct {
	Pagination pagination    `json:"pagination"`
	Audit      []auditedBody `json:"audit"`
}

type auditedBody struct {
	Version   int64      `json:"version"`
	Who       *string    `json:"who"`
	Action    string     `json:"action"`
	Policy    policyBody `json:"policy"`
	CreatedAt string     `json:"createdAt"`
}

func auditOf(list []engine.PolicyChange, page pagination) auditBody {
	body := auditBody{page, []auditedBody{}}
	for _, c := range list {
		body.Audit = append(body.Audit, auditedBody{c.Number, nullText(c.Who), c.What, policyOf(&c.Policy), wireTime(c.At)})
	}
	return body
}

type approvalList struct {
	Pagination pagination     `json:"pagination"`
	Approvals  []approvalBody `json:"approvals"`
}

type approvalBody struct {
	ID             string  `json:"id"`
	Status         string  `json:"status"`
	OrderID        string  `json:"orderId"`
	OrderType      string  `json:"orderType"`
	MerchantID     string  `json:"merchantId"`
	Amount         number  `json:"amount"`
	CurrencySymbol string  `json:"currencySymbol"`
	RuleID         string  `json:"ruleId"`
	RuleName       *string `json:"ruleName"`
	RequestedBy    *string `json:"requestedBy"`
	DecidedBy      *string `json:"decidedBy"`
	Reason         *string `json:"reason"`
	CreatedAt      string  `json:"createdAt"`
	DecidedAt      *string `json:"decidedAt"`
}

func approvalsOf(list []engine.PolicyApproval, page pagination) approvalList {
	body := approvalList{page, []approvalBody{}}
	for _, a := range list {
		body.Approvals = append(body.Approvals, approvalOf(a))
	}
	return body
}

func approvalOf(a engine.PolicyApproval) approvalBody {
	return approvalBody{
		ID: a.ID, Status: approvalStatuses[a.State], OrderID: a.Order, OrderType: a.Kind, MerchantID: a.Merchant, Amount: numberOf(a.Amount),
		CurrencySymbol: a.Amount.Asset().Code(), RuleID: a.Rule, RuleName: nullText(a.RuleName), RequestedBy: nullText(a.Maker), DecidedBy: nullText(a.By),
		Reason: nullText(a.Reason), CreatedAt: wireTime(a.CreatedAt), DecidedAt: timeOrNull(a.DecidedAt),
	}
}
