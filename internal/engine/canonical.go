package engine

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"time"

	"till/internal/money"
	"till/internal/order"
)

// The canonical bytes of what is sealed. They are defined here and nowhere else, and are part of every digest
// ever made: what this file writes for a row on record must never change.
//
// A row is a list of fields, each its name and its value as texts, both behind their length (4 bytes, the
// largest first). A field whose value is empty, zero or false is left out, so that a new field with another
// name, which old rows do not have, leaves their bytes as they are. How a row is stored (JSON, columns) does
// not matter.

// Canonical is the bytes of an entry under seal: who, when, and every posting in order.
func (e Entry) Canonical() []byte {
	var c canonical
	c.text("id", e.ID)
	c.text("order", e.OrderID)
	c.text("merchant", e.Merchant)
	c.text("mode", string(e.Mode))
	c.time("at", e.At)
	for _, p := range e.Postings {
		var posting canonical
		posting.text("from", string(p.From))
		posting.text("to", string(p.To))
		posting.amount("amount", p.Amount)
		posting.text("row", p.Row)
		c.text("posting", string(posting))
	}
	return c
}

// Canonical is the bytes of an event under seal. Whether it was told does not belong to it.
func (e Event) Canonical() []byte {
	var c canonical
	c.text("id", e.ID)
	c.text("order", e.OrderID)
	c.text("merchant", e.Scope.Merchant)
	c.text("mode", string(e.Scope.Mode))
	c.text("api", e.Scope.Dialect)
	c.number("seq", uint64(e.Seq))
	c.text("type", e.Type)
	c.text("state", string(e.State))
	c.text("overlay", string(e.Overlay))
	c.text("row", e.Row)
	c.time("at", e.At)
	c.amount("received", e.Facts.Received)
	c.text("rail", e.Facts.Payment.Rail)
	c.text("external", e.Facts.Payment.External)
	c.amount("amount", e.Facts.Amount)
	c.text("evidence", string(evidence(e.Facts.Evidence)))
	c.number("confirmations", e.Facts.Confirmations)
	c.text("ref", e.Facts.Ref)
	c.time("clock", e.Facts.At)
	c.text("endpoint", e.Facts.Endpoint)
	c.text("details", string(details(e.Facts.Details)))
	return c
}

func evidence(e order.Evidence) canonical {
	var c canonical
	c.text("tx", e.Tx)
	c.number("block", e.Block)
	c.text("hash", e.BlockHash)
	c.number("index", e.Index)
	c.time("at", e.At)
	c.text("from", e.From)
	c.text("to", e.To)
	c.text("name", e.Name)
	c.text("document", e.Document)
	c.text("text", e.Text)
	return c
}

// details are sorted by name; empty values are there too.
func details(list map[string]string) canonical {
	var c canonical
	for _, name := range slices.Sorted(maps.Keys(list)) {
		c.field(name, list[name])
	}
	return c
}

// Canonical is the bytes of an operator's action under seal.
func (a Action) Canonical() []byte {
	var c canonical
	c.text("id", a.ID)
	c.text("mode", string(a.Mode))
	c.time("at", a.At)
	c.text("who", a.Who)
	c.text("what", a.What)
	c.text("ref", a.Ref)
	c.text("detail", a.Detail)
	return c
}

// canonical is fields in a row.
type canonical []byte

func (c *canonical) text(name, value string) {
	if value != "" {
		c.field(name, value)
	}
}

// field is a text that may be empty.
func (c *canonical) field(name, value string) {
	*c = binary.BigEndian.AppendUint32(*c, uint32(len(name)))
	*c = append(*c, name...)
	*c = binary.BigEndian.AppendUint32(*c, uint32(len(value)))
	*c = append(*c, value...)
}

func (c *canonical) number(name string, value uint64) {
	if value != 0 {
		c.text(name, strconv.FormatUint(value, 10))
	}
}

// time writes microseconds since 1970, to which every stored time is cut.
func (c *canonical) time(name string, value time.Time) {
	if !value.IsZero() {
		c.text(name, strconv.FormatInt(value.UnixMicro(), 10))
	}
}

// amount writes the units and the asset with its decimals.
func (c *canonical) amount(name string, value money.Amount) {
	if !value.IsZero() {
		c.text(name, value.Units()+" "+value.Asset().String())
	}
}
