package glomo

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"till/internal/fault"
)

// How the ids of each noun begin.
const (
	orderID       = "order_"
	customerID    = "cust_"
	documentID    = "doc_"
	priceID       = "price_"
	slotID        = "rfidoc_" // of a document that an order asks for
	rfiID         = "rfi_"
	paymentID     = "payt_"
	linkID        = "plink_"
	refundID      = "refund_"
	payoutID      = "payout_"
	beneficiaryID = "bene_"
	quoteID       = "quote_"
	conversionID  = "conv_"
	bankAccountID = "ba_"
)

// base62 is what the random part of an id is written with.
const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// randomDigits are as many as make 128 bits: who knows one id must not guess another, because a payer's page is reached
// by it.
const randomDigits = 22

// newID is a public id: how its noun begins, the second of its making in hexadecimal, and random digits.
func (d *Dialect) newID(prefix string) string {
	id := fmt.Appendf(nil, "%s%08x", prefix, d.now().Unix())
	for raw := make([]byte, 1); len(id) < len(prefix)+8+randomDigits; {
		if _, err := io.ReadFull(d.random, raw); err != nil {
			panic("glomo: no randomness: " + err.Error()) // an id that can be guessed is worse than none
		}
		if n := int(raw[0] & 63); n < len(base62) { // each digit is as likely as any other
			id = append(id, base62[n])
		}
	}
	return string(id)
}

var idBody = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// isID says whether a text is an id of the noun, in any form it ever had.
func isID(text, prefix string) bool {
	body, ok := strings.CutPrefix(text, prefix)
	return ok && idBody.MatchString(body)
}

// checkID refuses an id of a path that is another noun's. Errors: invalid_value; not_found where nothing has such an id.
func checkID(text, prefix string) error {
	switch {
	case !strings.HasPrefix(text, prefix):
		return fault.New(fault.CodeInvalidValue, "Id must start with '"+prefix+"'")
	case !isID(text, prefix):
		return noEntity()
	}
	return nil
}

// noEntity is the refusal of what is not there, or is another merchant's or of the other environment.
func noEntity() error { return fault.New(fault.CodeNotFound, "Entity not found") }

// orNoEntity says in this API's words that there is no such thing.
func orNoEntity(err error) error {
	if fault.Is(err, fault.CodeNotFound) {
		return noEntity()
	}
	return err
}
