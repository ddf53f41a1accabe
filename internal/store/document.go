package store

import (
	"bytes"
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/internal/engine"
	"till/internal/fault"
)

// Documents. Their keys stand in the row, to be read with it, and in a table of their own, which says whose each is.
const (
	selectDocuments = `SELECT d.kind, d.id, s.merchant, s.mode, s.dialect, d.number, d.parent, d.keys, d.state, COALESCE(d.due_at, 0), d.created_at, d.updated_at, d.version, d.doc
		FROM documents d JOIN scopes s ON s.id = d.scope_id WHERE {any}`
	selectDocumentKeys    = `SELECT name, id FROM document_keys WHERE {any}`
	selectDocumentsIn     = selectDocuments + ` ORDER BY d.number {direction} LIMIT ` // and the last two placeholders
	documentsByNumber     = `d.scope_id = $1 AND d.kind = $2 AND d.number >= $3 AND d.number <= $4`
	documentsByState      = documentsByNumber + ` AND d.state <> '' AND d.state = $5`
	documentsByParent     = documentsByNumber + ` AND d.parent <> '' AND d.parent = $5`
	countDocumentsByState = `SELECT COUNT(*) FROM documents d WHERE ` + documentsByState
	selectDocumentCreated = `SELECT created_at FROM documents WHERE scope_id = $1 AND kind = $2 AND number = $3`
	countDocumentsOf      = `SELECT COUNT(*) FROM documents d WHERE ` + documentsByParent
	selectDocumentBuckets = `SELECT bucket, n FROM document_counts WHERE scope_id = $1 AND kind = $2 AND state = $3 ORDER BY bucket`
	selectDocumentsDue    = `SELECT due_at, id FROM documents WHERE kind = $1 AND mode = $2 AND due_at <= $3 AND (due_at, id) > ($4, $5) ORDER BY due_at, id LIMIT $6`
	insertDocument        = `INSERT INTO documents (kind, id, scope_id, mode, number, parent, keys, state, due_at, created_at, updated_at, version, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING`
	updateDocument    = `UPDATE documents SET keys = $1, state = $2, due_at = $3, updated_at = $4, version = $5, doc = $6 WHERE kind = $7 AND id = $8 AND version = $9`
	insertDocumentKey = `INSERT INTO document_keys (scope_id, kind, name, id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
	moveDocumentKey   = `UPDATE document_keys SET id = $1 WHERE scope_id = $2 AND kind = $3 AND name = $4 AND id = $5`
	deleteDocumentKey = `DELETE FROM document_keys WHERE scope_id = $1 AND kind = $2 AND name = $3 AND id = $4`
	addDocumentCount  = `INSERT INTO document_counts (scope_id, kind, state, bucket, n) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (scope_id, kind, state, bucket) DO UPDATE SET n = document_counts.n + excluded.n`
)

// Bounds of what an index can hold on either database.
const (
	maxDocumentID  = 200
	maxDocumentKey = 500
)

// documentName is one of a document's keys, whose it may be.
type documentName struct {
	scope int64
	kind  engine.DocumentKind
	key   string
}

func (n documentName) compare(m documentName) int {
	return cmp.Or(cmp.Compare(n.scope, m.scope), cmp.Compare(n.kind, m.kind), cmp.Compare(n.key, m.key))
}

func (t *tx) Document(kind engine.DocumentKind, id string) (*engine.Document, error) {
	d, err := t.use().document(engine.DocumentKey{Kind: kind, ID: id})
	return d.Clone(), err
}

func (t *tx) DocumentByKey(kind engine.DocumentKind, s engine.Scope, key string) (*engine.Document, error) {
	g := t.use()
	scope, err := g.findScope(s)
	if err != nil || scope == 0 {
		return nil, err
	}
	name := documentName{scope, kind, key}
	if err := g.loadDocumentKeys([]documentName{name}); err != nil {
		return nil, err
	}
	id, _ := g.documentKeys.get(name)
	if id == "" {
		return nil, nil
	}
	return t.Document(kind, id)
}

func (t *tx) InsertDocument(d *engine.Document) error {
	g := t.use()
	if d.Kind == "" || d.ID == "" || len(d.ID) > maxDocumentID || len(d.Parent) > maxDocumentID {
		return errors.New("a document needs a kind and an id, which is not too long")
	}
	if was, err := g.document(engine.DocumentKey{Kind: d.Kind, ID: d.ID}); err != nil || was != nil {
		return errors.Join(err, fmt.Errorf("there is a %s %s", d.Kind, d.ID))
	}
	scope, err := g.scope(d.Scope)
	if err != nil {
		return err
	}
	if err := g.nameDocument(scope, nil, d); err != nil {
		return err
	}
	if d.Number, err = g.next(markDocuments(scope, d.Kind)); err != nil {
		return err
	}
	d.Version = 1
	g.documents.put(engine.DocumentKey{Kind: d.Kind, ID: d.ID}, d.Clone())
	return nil
}

func (t *tx) SaveDocument(d *engine.Document) error {
	g := t.use()
	was, err := g.document(engine.DocumentKey{Kind: d.Kind, ID: d.ID})
	if err != nil {
		return err
	}
	switch {
	case was == nil:
		return fault.New(fault.CodeNotFound, "No such record.")
	case was.Version != d.Version:
		return fault.New(fault.CodeVersionConflict, "Somebody changed the record meanwhile.")
	case was.Scope != d.Scope || was.Number != d.Number || was.Parent != d.Parent || !was.CreatedAt.Equal(d.CreatedAt):
		return fmt.Errorf("%s %s: its scope, number, parent and creation never change", d.Kind, d.ID)
	}
	scope, err := g.scope(d.Scope)
	if err != nil {
		return err
	}
	if err := g.nameDocument(scope, was, d); err != nil {
		return err
	}
	d.Version++
	g.documents.put(engine.DocumentKey{Kind: d.Kind, ID: d.ID}, d.Clone())
	return nil
}

// nameDocument gives a document its keys and takes those away that it had.
func (g *group) nameDocument(scope int64, was, now *engine.Document) error {
	if was != nil && slices.Equal(was.Keys, now.Keys) {
		return nil
	}
	names := make([]documentName, len(now.Keys))
	for i, key := range now.Keys {
		word, _, _ := strings.Cut(key, ":")
		if key == "" || strings.ContainsAny(key, "\n\x00") || len(key) > maxDocumentKey || slices.Contains(now.Keys[:i], key) {
			return fault.New(fault.CodeInvalidValue, "This is empty, too long, has a line break or is there twice.").On(word)
		}
		names[i] = documentName{scope, now.Kind, key}
	}
	var given []documentName // up, unless it is among the names
	if was != nil {
		for _, key := range was.Keys {
			given = append(given, documentName{scope, now.Kind, key})
		}
	}
	if err := g.loadDocumentKeys(slices.Concat(names, given)); err != nil {
		return err
	}
	for _, name := range names {
		if id, _ := g.documentKeys.get(name); id != "" && id != now.ID {
			word, _, _ := strings.Cut(name.key, ":")
			return fault.New(fault.CodeDuplicateReference, "Another record has this "+word+" already.").On(word).With("existing", id)
		}
	}
	for _, name := range given {
		g.documentKeys.put(name, "")
	}
	for _, name := range names {
		g.documentKeys.put(name, now.ID)
	}
	return nil
}

// markDocuments is the number of a scope's last document of a kind: they are never deleted, so it counts them.
func markDocuments(scope int64, kind engine.DocumentKind) string {
	return "documents/" + strconv.FormatInt(scope, 10) + "/" + string(kind)
}

// document is nil when there is none.
func (g *group) document(k engine.DocumentKey) (*engine.Document, error) {
	if d, loaded := g.documents.get(k); loaded {
		return d, nil
	}
	err := g.db.ask(g.askDocuments([]engine.DocumentKey{k}))
	d, _ := g.documents.get(k)
	return d, err
}

func (g *group) askDocuments(keys []engine.DocumentKey) []question {
	var args [][]any
	for _, k := range g.documents.missing(keys) {
		g.documents.load(k, nil)
		args = append(args, []any{string(k.Kind), k.ID})
	}
	return askAny(g.db.postgres(), selectDocuments, []string{"d.kind", "d.id"}, args, func(row record) error {
		d, err := scanDocument(row)
		if err == nil {
			g.documents.load(engine.DocumentKey{Kind: d.Kind, ID: d.ID}, d)
		}
		return err
	})
}

// loadDocumentKeys loads whose the keys of one kind in one scope are.
func (g *group) loadDocumentKeys(names []documentName) error {
	var args [][]any
	missing := g.documentKeys.missing(names)
	for _, name := range missing {
		g.documentKeys.load(name, "")
		args = append(args, []any{name.scope, string(name.kind), name.key})
	}
	return g.db.ask(askAny(g.db.postgres(), selectDocumentKeys, []string{"scope_id", "kind", "name"}, args, func(row record) error {
		name, id := missing[0], ""
		if err := row.Scan(&name.key, &id); err != nil {
			return err
		}
		g.documentKeys.load(name, id)
		return nil
	}))
}

func scanDocument(row record) (*engine.Document, error) {
	d := &engine.Document{}
	var keys string
	var due, created, updated int64
	var doc sql.RawBytes
	err := row.Scan(&d.Kind, &d.ID, &d.Scope.Merchant, &d.Scope.Mode, &d.Scope.Dialect, &d.Number, &d.Parent, &keys, &d.State, &due, &created, &updated, &d.Version, &doc)
	if err != nil {
		return nil, err
	}
	d.DueAt, d.CreatedAt, d.UpdatedAt = timeOf(due), timeOf(created), timeOf(updated)
	if keys != "" {
		d.Keys = strings.Split(keys[1:len(keys)-1], "\n")
	}
	if len(doc) > 0 {
		d.Doc = bytes.Clone(doc)
	}
	return d, nil
}

// keysColumn is the keys as the row has them: each between line breaks.
func keysColumn(keys []string) string {
	if len(keys) == 0 {
		return ""
	}
	return "\n" + strings.Join(keys, "\n") + "\n"
}

type documentCount struct {
	scope  int64
	kind   engine.DocumentKind
	state  string
	bucket int64
}

// flushDocuments writes what was there before what is new, and each kind of statement in one run.
func (g *group) flushDocuments() error {
	if g.documents.empty() {
		return nil
	}
	counts := map[documentCount]int64{}
	var inserted []*engine.Document
	byID := func(a, b engine.DocumentKey) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) }
	err := inOrder(&g.documents, byID, func(_ engine.DocumentKey, was, now *engine.Document) error {
		scope, err := g.scope(now.Scope)
		if err != nil {
			return err
		}
		bucket := now.Number >> bucketBits
		if was == nil {
			counts[documentCount{scope, now.Kind, now.State, bucket}]++
			inserted = append(inserted, now)
			return nil
		}
		counts[documentCount{scope, now.Kind, now.State, bucket}]++
		counts[documentCount{scope, was.Kind, was.State, bucket}]--
		return g.write(string(now.Kind)+" "+now.ID, updateDocument, keysColumn(now.Keys), now.State, nullTime(now.DueAt), micros(now.UpdatedAt), now.Version, string(now.Doc),
			string(now.Kind), now.ID, was.Version)
	})
	if err != nil {
		return err
	}
	for _, d := range inserted {
		scope, err := g.scope(d.Scope)
		if err != nil {
			return err
		}
		err = g.write(string(d.Kind)+" "+d.ID, insertDocument, string(d.Kind), d.ID, scope, string(d.Scope.Mode), d.Number, d.Parent, keysColumn(d.Keys), d.State,
			nullTime(d.DueAt), micros(d.CreatedAt), micros(d.UpdatedAt), d.Version, string(d.Doc))
		if err != nil {
			return err
		}
	}
	if err := g.flushDocumentKeys(); err != nil {
		return err
	}
	keys := make([]documentCount, 0, len(counts))
	for k, n := range counts {
		if n != 0 {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b documentCount) int {
		return cmp.Or(cmp.Compare(a.scope, b.scope), cmp.Compare(a.kind, b.kind), cmp.Compare(a.state, b.state), cmp.Compare(a.bucket, b.bucket))
	})
	for _, k := range keys {
		if err := g.write("", addDocumentCount, k.scope, string(k.kind), k.state, k.bucket, counts[k]); err != nil {
			return err
		}
	}
	return nil
}

func (g *group) flushDocumentKeys() error {
	for _, statement := range []string{deleteDocumentKey, moveDocumentKey, insertDocumentKey} {
		err := inOrder(&g.documentKeys, documentName.compare, func(k documentName, was, now string) error {
			what := "key " + k.key
			switch {
			case statement == deleteDocumentKey && was != "" && now == "":
				return g.write(what, statement, k.scope, string(k.kind), k.key, was)
			case statement == moveDocumentKey && was != "" && now != "" && was != now:
				return g.write(what, statement, now, k.scope, string(k.kind), k.key, was)
			case statement == insertDocumentKey && was == "" && now != "":
				return g.write(what, statement, k.scope, string(k.kind), k.key, now)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nullTime is NULL for no time.
func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return micros(t)
}

func (r *reader) Document(kind engine.DocumentKind, id string) (*engine.Document, error) {
	var found *engine.Document
	err := matchAny(r, selectDocuments, []string{"d.kind", "d.id"}, [][]any{{string(kind), id}}, func(row record) (err error) {
		found, err = scanDocument(row)
		return err
	})
	return found, err
}

func (r *reader) DocumentByKey(kind engine.DocumentKind, s engine.Scope, key string) (*engine.Document, error) {
	scope, err := queryScope(r.store, r, s)
	if err != nil || scope == 0 {
		return nil, err
	}
	var name, id string
	err = matchAny(r, selectDocumentKeys, []string{"scope_id", "kind", "name"}, [][]any{{scope, string(kind), key}}, func(row record) error { return row.Scan(&name, &id) })
	if err != nil || id == "" {
		return nil, err
	}
	return r.Document(kind, id)
}

func (r *reader) DueDocuments(kind engine.DocumentKind, m engine.Mode, now time.Time, after engine.Due, limit int) ([]engine.Due, error) {
	var found []engine.Due
	err := scan(r, selectDocumentsDue, []any{string(kind), string(m), micros(now), micros(after.At), after.ID, limit}, func(row record) error {
		var at int64
		var due engine.Due
		err := row.Scan(&at, &due.ID)
		due.At = timeOf(at)
		found = append(found, due)
		return err
	})
	return found, err
}

// Documents implements engine.Reader. The total of all is the last number, that of a state is counted in buckets of
// numbers, by which its page is found; a parent's are counted.
func (r *reader) Documents(f engine.DocumentFilter) (page engine.DocumentPage, err error) {
	if f.Page < 1 || f.Limit < 1 || f.Page > 1<<40/f.Limit || f.Behind < 0 || f.Behind > 0 && f.Page > 1 {
		return page, errPage
	}
	scope, err := queryScope(r.store, r, f.Scope)
	if err != nil || scope == 0 {
		return page, err
	}
	last, err := queryMark(r, markDocuments(scope, f.Kind))
	if err != nil || last == 0 {
		return page, err
	}
	l := documentList{reader: r, filter: f, scope: scope, low: 1, high: last, skip: int64(f.Page-1) * int64(f.Limit), limit: int64(f.Limit)}
	if err := l.bound(); err != nil {
		return page, err
	}
	switch {
	case f.Parent != "":
		err = r.within(func(r *reader) error {
			l.reader = r
			page, err = l.ofParent()
			return err
		})
	case f.State != "" && l.bounded():
		err = r.within(func(r *reader) error {
			l.reader = r
			page, err = l.ofStateBetween()
			return err
		})
	case f.State != "":
		page, err = l.ofState()
	default:
		page, err = l.ofAll()
	}
	return page, err
}

// documentList is one list being made: the documents numbered low to high, without the first skip of them.
type documentList struct {
	*reader
	filter      engine.DocumentFilter
	scope       int64
	low, high   int64
	skip, limit int64
}

func (l *documentList) bounded() bool {
	return !l.filter.CreatedFrom.IsZero() || !l.filter.CreatedTo.IsZero()
}

// bound finds the first and the last number between the times of the filter.
func (l *documentList) bound() (err error) {
	if !l.filter.CreatedFrom.IsZero() {
		if l.low, err = l.firstAt(micros(l.filter.CreatedFrom)); err != nil {
			return err
		}
	}
	if !l.filter.CreatedTo.IsZero() {
		var behind int64
		if behind, err = l.firstAt(micros(l.filter.CreatedTo) + 1); err != nil {
			return err
		}
		l.high = min(l.high, behind-1)
	}
	return nil
}

// firstAt is the number of the first document that was made at a time or later; one more than the last where there is none.
// Documents are never deleted and are numbered as they are made.
func (l *documentList) firstAt(at int64) (int64, error) {
	low, behind := l.low, l.high+1
	for low < behind {
		middle := low + (behind-low)/2
		var created int64
		err := scan(l, selectDocumentCreated, []any{l.scope, string(l.filter.Kind), middle}, func(row record) error { return row.Scan(&created) })
		if err != nil {
			return 0, err
		}
		if created < at {
			low = middle + 1
		} else {
			behind = middle
		}
	}
	return low, nil
}

// begin leaves out what is before Behind.
func (l *documentList) begin() {
	switch {
	case l.filter.Behind == 0:
	case l.filter.Descending:
		l.high = min(l.high, l.filter.Behind-1)
	default:
		l.low = max(l.low, l.filter.Behind+1)
	}
}

func (l *documentList) ofAll() (page engine.DocumentPage, err error) {
	page.Total = max(0, l.high-l.low+1)
	l.begin()
	if l.filter.Descending {
		l.high -= l.skip
	} else {
		l.low += l.skip
	}
	l.skip = 0
	page.List, err = l.load(documentsByNumber)
	return page, err
}

func (l *documentList) ofState() (page engine.DocumentPage, err error) {
	var buckets []bucket
	err = scan(l, selectDocumentBuckets, []any{l.scope, string(l.filter.Kind), l.filter.State}, func(row record) error {
		var b bucket
		err := row.Scan(&b.id, &b.n)
		buckets = append(buckets, b)
		page.Total += b.n
		return err
	})
	if err != nil {
		return page, err
	}
	if l.filter.Descending {
		slices.Reverse(buckets)
	}
	l.begin()
	for _, b := range buckets {
		if l.skip < b.n {
			break
		}
		l.skip -= b.n
		if l.filter.Descending {
			l.high = min(l.high, b.id<<bucketBits-1)
		} else {
			l.low = max(l.low, (b.id+1)<<bucketBits)
		}
	}
	page.List, err = l.load(documentsByState, l.filter.State)
	return page, err
}

// ofStateBetween counts what is of the state between two times.
func (l *documentList) ofStateBetween() (page engine.DocumentPage, err error) {
	args := []any{l.scope, string(l.filter.Kind), l.low, l.high, l.filter.State}
	if err := scan(l, countDocumentsByState, args, func(row record) error { return row.Scan(&page.Total) }); err != nil {
		return page, err
	}
	l.begin()
	page.List, err = l.load(documentsByState, l.filter.State)
	return page, err
}

func (l *documentList) ofParent() (page engine.DocumentPage, err error) {
	args := []any{l.scope, string(l.filter.Kind), l.low, l.high, l.filter.Parent}
	count, where, more := countDocumentsOf, documentsByParent, []any{l.filter.Parent}
	if l.filter.State != "" {
		count, where = count+` AND d.state = $6`, where+` AND d.state = $6`
		args, more = append(args, l.filter.State), append(more, l.filter.State)
	}
	if err := scan(l, count, args, func(row record) error { return row.Scan(&page.Total) }); err != nil {
		return page, err
	}
	l.begin()
	page.List, err = l.load(where, more...)
	return page, err
}

func (l *documentList) load(where string, more ...any) (list []engine.Document, err error) {
	if l.low > l.high {
		return nil, nil
	}
	args := append([]any{l.scope, string(l.filter.Kind), l.low, l.high}, more...)
	query := documentsQuery(where, len(args), l.filter.Descending)
	err = scan(l, query, append(args, l.limit, l.skip), func(row record) error {
		d, err := scanDocument(row)
		if err == nil {
			list = append(list, *d)
		}
		return err
	})
	return list, err
}

// documentsQuery is a list's query; limit and offset come behind so many arguments.
func documentsQuery(where string, args int, descending bool) string {
	direction := "ASC"
	if descending {
		direction = "DESC"
	}
	query := strings.Replace(selectDocumentsIn, "{direction}", direction, 1)
	return strings.Replace(query, "{any}", where, 1) + "$" + strconv.Itoa(args+1) + " OFFSET $" + strconv.Itoa(args+2)
}
