package engine

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"
)

// Document is how a noun that moves no money is kept: a customer, an external account, a quote, a deal, a rule. Each
// noun has a file of its own here, with a typed struct and the use cases over it; nothing else sees a Document.
//
// What counts money, what an order's state is derived from and what must be found by anything but its id, its keys,
// its parent, its state and its time is never kept as a document: orders, payments, transfers, reviews, postings,
// balances and events have tables with guards of their own (docs/adr/0021-one-table-of-documents.md). A document is
// never deleted, and it holds no secret: what signs or opens something is sealed or hashed first.
type Document struct {
	Kind   DocumentKind
	ID     string // made by the noun; unique on the server among its kind, at most 200 bytes
	Scope  Scope
	Number int64  // counts the scope's of the kind from 1; given by the store at insertion
	Parent string // the id of what it belongs to, of any noun; empty: of the scope alone; never changes

	// Keys are unique within (kind, scope): "email:a@b.c", a word for what it is before the colon. None is empty,
	// has a line break or more than 500 bytes.
	Keys  []string
	State string // the noun's word; empty: it has none

	DueAt     time.Time // when a worker looks at it, on the mode's clock or in true time as the noun says; zero: never
	CreatedAt time.Time
	UpdatedAt time.Time

	Version int64           // grows with each save; the store's guard
	Doc     json.RawMessage // the noun's own struct
}

// DocumentKind says which noun a document is. Its constants stand beside the nouns.
type DocumentKind string

// DocumentKey names a document.
type DocumentKey struct {
	Kind DocumentKind
	ID   string
}

// Clone is a copy that shares nothing with the document.
func (d *Document) Clone() *Document {
	if d == nil {
		return nil
	}
	c := *d
	c.Keys = slices.Clone(d.Keys)
	c.Doc = bytes.Clone(d.Doc)
	return &c
}

// DocumentFilter chooses and pages a scope's documents of one kind, by their numbers. Pages count from 1.
type DocumentFilter struct {
	Kind        DocumentKind
	Scope       Scope
	Parent      string // empty: of all
	State       string // empty: all
	Page, Limit int
	Descending  bool // the newest first

	// CreatedFrom and CreatedTo bound the list by the time of creation, both included; zero: there is no bound. Numbers are
	// given in the order of creation, so that the bounds are found by them. Not together with Parent.
	CreatedFrom, CreatedTo time.Time

	// Behind is a number: the list begins behind it in its direction, and only page 1 can be asked for. 0: it
	// begins at its end. This is how a list is walked whose pages must not shift while it grows.
	Behind int64
}

// DocumentPage is one page of a list and the exact total of what the filter chooses, whatever it is behind.
type DocumentPage struct {
	List  []Document
	Total int64
}

// documentTx is how a transaction keeps documents.
type documentTx interface {
	Document(kind DocumentKind, id string) (*Document, error)                // nil when there is none
	DocumentByKey(kind DocumentKind, s Scope, key string) (*Document, error) // nil when there is none
	// InsertDocument gives Number and Version. duplicate_reference when the scope has one with a key of it: Details
	// existing is that one's id, Param is the key's word before the colon.
	InsertDocument(d *Document) error
	// SaveDocument: version_conflict, not_found, duplicate_reference as above. Keys, state, times and the noun's own
	// may change; its scope, number, parent and creation never do.
	SaveDocument(d *Document) error
}

// documentReader is how documents are read.
type documentReader interface {
	Document(kind DocumentKind, id string) (*Document, error)                // nil when there is none
	DocumentByKey(kind DocumentKind, s Scope, key string) (*Document, error) // nil when there is none
	// Documents costs the same however many there are; with a Parent it counts that one's, for a second at most:
	// overloaded then. Error: invalid_page.
	Documents(f DocumentFilter) (DocumentPage, error)
	// DueDocuments returns what is due at a time, by DueAt and id, behind the given one. What is on the mode's clock
	// is asked for with the mode's time.
	DueDocuments(kind DocumentKind, m Mode, now time.Time, after Due, limit int) ([]Due, error)
}
