package glomo

import (
	"encoding/json"

	"till/internal/engine"
)

var _ engine.Forgetter = (*Dialect)(nil)

// ForgetOrder takes the payer's account out of what is remembered of an order. What the merchant wrote of the order stays.
func (d *Dialect) ForgetOrder(doc json.RawMessage) json.RawMessage {
	const account = "account" // of record
	var kept map[string]json.RawMessage
	if json.Unmarshal(doc, &kept) != nil || kept[account] == nil {
		return doc
	}
	delete(kept, account)
	without, err := json.Marshal(kept)
	if err != nil {
		return doc
	}
	return without
}

// ForgetMessage takes the payer's account out of a webhook.
func (d *Dialect) ForgetMessage(body []byte) []byte {
	const account = "bank_account_details"
	var told, data map[string]json.RawMessage
	if json.Unmarshal(body, &told) != nil || json.Unmarshal(told["data"], &data) != nil || data[account] == nil || string(data[account]) == "null" {
		return body
	}
	data[account] = json.RawMessage("null")
	without, err := json.Marshal(data)
	if err != nil {
		return body
	}
	told["data"] = without
	return canonical(told)
}

// FilesOf is the documents of a beneficiary.
func (d *Dialect) FilesOf(account json.RawMessage) []string {
	var doc beneficiaryDoc
	if json.Unmarshal(account, &doc) != nil {
		return nil
	}
	return doc.Documents
}
