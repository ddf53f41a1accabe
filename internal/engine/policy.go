package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/order"
)

// Policy is which orders of an organisation's merchants are made at once, which somebody else must approve, and which
// are not made at all. Without a policy every order is made. An organisation has one in each mode and API.
type Policy struct {
	Scope         Scope        `json:"-"` // OfOrganisation
	Rules         []PolicyRule // the first that fits decides
	DenyUnmatched bool         `json:",omitempty"` // what no rule fits is denied; else it is made
	Version       int64        `json:"-"`          // counts its changes from 1; 0: there is none yet
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// PolicyRule says what becomes of the orders that fit it. What it leaves empty fits every order.
type PolicyRule struct {
	ID       string // the caller's; unique in the policy
	Name     string `json:",omitempty"`
	Kind     string `json:",omitempty"` // of the order, in the API's own words
	Currency string `json:",omitempty"` // the code of what the order collects
	// From and To bound what the order collects, both included, by decimal value. They need a Currency.
	From, To money.Amount `json:",omitzero"`
	Action   PolicyAction
	Off      bool `json:",omitempty"` // it is on record and not asked
}

// PolicyAction is what a rule does with an order.
type PolicyAction string

// The actions.
const (
	Allow           PolicyAction = "allow"
	RequireApproval PolicyAction = "require_approval"
	Deny            PolicyAction = "deny"
)

// MaxRules is how many rules a policy may have: each new order looks at them.
const MaxRules = 200

const (
	kindPolicy       DocumentKind = "policy"
	kindPolicyChange DocumentKind = "policy_change"
)

// policyID is the id of a scope's policy: there is one, and whoever knows the scope knows it.
func policyID(s Scope) string { return string(s.Mode) + "/" + s.Dialect + "/" + s.Merchant }

// PolicyChange is one version of a policy: who changed what, and how it was afterwards.
type PolicyChange struct {
	Number int64 `json:"-"` // counts the scope's from 1: it is the version
	Who    string
	What   string // in one sentence, for people
	Policy Policy
	At     time.Time // on the mode's clock
}

// Policy reads an organisation's policy; where there is none, the one that lets every order be made.
func (e *Engine) Policy(ctx context.Context, organisation Scope) (*Policy, error) {
	var p *Policy
	err := e.store.View(ctx, func(rd Reader) error {
		d, err := rd.Document(kindPolicy, policyID(organisation))
		if err != nil {
			return err
		}
		p, err = policyOf(d, organisation)
		return err
	})
	return p, err
}

// ChangePolicy changes an organisation's policy, and keeps the version with what was done, in one sentence. change may
// run more than once. It holds for orders made from then on.
//
// Errors: those of change; missing_field, invalid_value and duplicate_reference on the field of a rule that makes no sense.
func (e *Engine) ChangePolicy(ctx context.Context, organisation Scope, what string, change func(p *Policy) error) (*Policy, error) {
	var changed *Policy
	key := DocumentKey{kindPolicy, policyID(organisation)}
	err := e.update(ctx, Keys{Documents: []DocumentKey{key}, Clocks: []Mode{organisation.Mode}}, func(tx Tx) error {
		d, err := tx.Document(key.Kind, key.ID)
		if err != nil {
			return err
		}
		p, err := policyOf(d, organisation)
		if err != nil {
			return err
		}
		if err := change(p); err != nil {
			return err
		}
		if err := p.check(); err != nil {
			return err
		}
		now, err := modeTime(tx, organisation.Mode)
		if err != nil {
			return err
		}
		fresh := d == nil
		if fresh {
			p.CreatedAt = now
			d = &Document{Kind: kindPolicy, ID: key.ID, Scope: organisation, CreatedAt: now}
		}
		p.UpdatedAt, d.UpdatedAt = now, now
		if d.Doc, err = json.Marshal(p); err != nil {
			return err
		}
		save := tx.SaveDocument
		if fresh {
			save = tx.InsertDocument
		}
		if err := save(d); err != nil {
			return err
		}
		p.Version, changed = d.Version, p
		if err := e.act(tx, organisation.Mode, "policy.change", organisation.Merchant, what); err != nil {
			return err
		}
		return keepChange(tx, PolicyChange{Who: e.who, What: what, Policy: *p, At: now}, tx.NewID())
	})
	return changed, err
}

func keepChange(tx Tx, c PolicyChange, id string) error {
	doc, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return tx.InsertDocument(&Document{Kind: kindPolicyChange, ID: id, Scope: c.Policy.Scope, CreatedAt: c.At, UpdatedAt: c.At, Doc: doc})
}

// PolicyChanges lists the versions of an organisation's policy, the newest first, with their number. Pages count from 1.
//
// Error: invalid_page.
func (e *Engine) PolicyChanges(ctx context.Context, organisation Scope, page, limit int) (list []PolicyChange, total int64, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		found, err := rd.Documents(DocumentFilter{Kind: kindPolicyChange, Scope: organisation, Page: page, Limit: limit, Descending: true})
		list, total = nil, found.Total
		for _, d := range found.List {
			c := PolicyChange{Number: d.Number}
			if err := json.Unmarshal(d.Doc, &c); err != nil {
				return err
			}
			c.Policy.Scope, c.Policy.Version = organisation, d.Number
			list = append(list, c)
		}
		return err
	})
	return list, total, err
}

// policyOf is the policy that a document keeps; of none the empty one.
func policyOf(d *Document, s Scope) (*Policy, error) {
	p := &Policy{Scope: s}
	if d == nil {
		return p, nil
	}
	p.Version = d.Version
	return p, json.Unmarshal(d.Doc, p)
}

// check refuses rules that make no sense.
func (p *Policy) check() error {
	if len(p.Rules) > MaxRules {
		return fault.New(fault.CodeInvalidValue, fmt.Sprintf("a policy has at most %d rules", MaxRules)).On("rules")
	}
	for i, r := range p.Rules {
		switch {
		case slices.ContainsFunc(p.Rules[:i], func(other PolicyRule) bool { return other.ID == r.ID }):
			return fault.New(fault.CodeDuplicateReference, "the policy has a rule with this id").On("id").With("existing", r.ID)
		case r.Action != Allow && r.Action != RequireApproval && r.Action != Deny:
			return fault.New(fault.CodeInvalidValue, "there is no such action").On("action")
		case r.Currency == "" && (!r.From.Asset().IsZero() || !r.To.Asset().IsZero()):
			return fault.New(fault.CodeMissingField, "an amount needs a currency").On("currency")
		case r.bounded(r.From) && r.From.Asset().Code() != r.Currency || r.bounded(r.To) && r.To.Asset().Code() != r.Currency:
			return fault.New(fault.CodeInvalidValue, "the amounts are of another currency").On("currency")
		case r.bounded(r.From) && r.bounded(r.To) && r.From.SortKey() > r.To.SortKey():
			return fault.New(fault.CodeInvalidValue, "the amounts end before they begin").On("amountTo")
		}
	}
	return nil
}

func (r PolicyRule) bounded(a money.Amount) bool { return !a.Asset().IsZero() }

// fits says whether the rule is about such an order. Amounts are compared by decimal value: one code may have other
// decimals on another network.
func (r PolicyRule) fits(kind string, due money.Amount) bool {
	return !r.Off && (r.Kind == "" || r.Kind == kind) && (r.Currency == "" || r.Currency == due.Asset().Code()) &&
		(!r.bounded(r.From) || due.SortKey() >= r.From.SortKey()) && (!r.bounded(r.To) || due.SortKey() <= r.To.SortKey())
}

// decide is what the policy says of an order, and the rule that says it; no rule where none fits.
func (p *Policy) decide(kind string, due money.Amount) (PolicyAction, PolicyRule) {
	for _, r := range p.Rules {
		if r.fits(kind, due) {
			return r.Action, r
		}
	}
	if p.DenyUnmatched {
		return Deny, PolicyRule{}
	}
	return Allow, PolicyRule{}
}

// policed asks the policy of the organisation about a new order: it refuses it, lets it be made, or opens an approval.
func (e *Engine) policed(tx Tx, n NewOrder, due money.Amount) (reviews []order.Review, rule PolicyRule, err error) {
	if n.Organisation == "" {
		return nil, PolicyRule{}, nil
	}
	s := OfOrganisation(n.Organisation, n.Scope.Mode, n.Scope.Dialect)
	d, err := tx.Document(kindPolicy, policyID(s))
	if err != nil || d == nil {
		return nil, PolicyRule{}, err
	}
	p, err := policyOf(d, s)
	if err != nil {
		return nil, PolicyRule{}, err
	}
	action, rule := p.decide(n.Kind, due)
	switch action {
	case Deny:
		refused := fault.New(fault.CodePolicyDenied, "no rule of the organisation's policy allows this")
		if rule.ID != "" {
			refused = fault.New(fault.CodePolicyDenied, "a rule of the organisation's policy does not allow this").With("rule", rule.ID)
		}
		return nil, rule, refused
	case RequireApproval:
		return []order.Review{{Kind: order.Approval, State: order.ReviewOpen, Maker: n.Maker}}, rule, nil
	}
	return nil, rule, nil
}
