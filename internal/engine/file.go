package engine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/internal/fault"
)

// Files of people: a passport, an invoice. The record of one is a document; its bytes lie behind Blobs. Nothing here ever
// runs or shows one: whoever hands it out sends it as an attachment of the type that its content has.

// KindFile is the kind of a file's record.
const KindFile DocumentKind = "file"

// Blobs keeps the bytes of files. A name is 1 to 200 of letters, digits, "_" and "-", and is kept once.
type Blobs interface {
	// Keep keeps the content under a name. It is durable when it returns; after an error nothing is kept.
	Keep(ctx context.Context, name string, content []byte) error
	// Open reads what is kept. Error: not_found.
	Open(ctx context.Context, name string) (io.ReadCloser, error)
	// Drop forgets what is kept, if anything is.
	Drop(ctx context.Context, name string) error
}

// MaxFile is how many bytes a file may have where nobody says otherwise.
const MaxFile = 10 << 20

// SetBlobs says where the bytes of files are kept, and how many one may have (0: MaxFile). It is called before the engine is
// used; without it they are kept in the database. A nil blobs is the database too.
func (e *Engine) SetBlobs(b Blobs, most int64) {
	e.blobs, e.maxFile = b, MaxFile
	if b == nil {
		e.blobs = inDatabase{e.store}
	}
	if most > 0 {
		e.maxFile = most
	}
}

// FileLimit is how many bytes a file may have.
func (e *Engine) FileLimit() int64 { return e.maxFile }

// File is the record of a file of a scope. Times are on the mode's clock.
type File struct {
	ID       string    `json:"-"` // as the caller made it; unique on the server
	Scope    Scope     `json:"-"`
	Number   int64     `json:"-"` // counts the scope's from 1
	State    FileState `json:"-"`
	Name     string    // what it is, in the words of who gave it: "Passport"
	FileName string    // what it is called when it is handed out: made of the name it came with and of its type
	Type     string    // by its content: application/pdf, image/png, image/jpeg
	Size     int64     // bytes
	Digest   string    // lower-case hex SHA-256
	Blob     string    // its name at Blobs
	ErasedAt time.Time `json:",omitzero"` // since when it has no bytes and no names; zero: it has

	Doc       json.RawMessage `json:",omitempty"` // what the dialect must remember and show; the engine never reads it
	CreatedAt time.Time       `json:"-"`
	UpdatedAt time.Time       `json:"-"`
	Version   int64           `json:"-"`
}

// FileState is what was decided about a file.
type FileState string

// The states. A file is approved or refused with the review that it was given for.
const (
	FileUploaded FileState = "uploaded"
	FileApproved FileState = "approved"
	FileRejected FileState = "rejected"
)

// FileStates lists them.
func FileStates() []FileState { return []FileState{FileUploaded, FileApproved, FileRejected} }

// NewFile is a file to keep.
type NewFile struct {
	ID       string // made by the dialect, unique on the server
	Name     string // 1 to 200 bytes
	FileName string // as the sender calls it; anything
	Content  io.Reader
	Doc      json.RawMessage
}

// The types that are kept, each known by how its content begins.
var fileTypes = []struct{ kind, ending, begins string }{
	{"application/pdf", ".pdf", "%PDF-"},
	{"image/png", ".png", "\x89PNG\r\n\x1a\n"},
	{"image/jpeg", ".jpg", "\xff\xd8\xff"},
}

// AddFile keeps a file. Its type is what its content says: PDF, PNG or JPEG.
//
// Errors: missing_field (name, file), too_long (name), body_too_large (file), unsupported_media_type (file); what Content
// says when it is read.
func (e *Engine) AddFile(ctx context.Context, s Scope, n NewFile) (*File, error) {
	switch {
	case strings.TrimSpace(n.Name) == "":
		return nil, fault.New(fault.CodeMissingField, "what the file is is missing").On("name")
	case len(n.Name) > 200 || !utf8.ValidString(n.Name):
		return nil, fault.New(fault.CodeTooLong, "what the file is has at most 200 bytes of UTF-8").On("name")
	case n.Content == nil:
		return nil, fault.New(fault.CodeMissingField, "the file is missing").On("file")
	}
	content, err := io.ReadAll(io.LimitReader(n.Content, e.maxFile+1))
	switch {
	case err != nil:
		return nil, err
	case len(content) == 0:
		return nil, fault.New(fault.CodeMissingField, "the file is empty").On("file")
	case int64(len(content)) > e.maxFile:
		return nil, fault.New(fault.CodeBodyTooLarge, fmt.Sprintf("a file has at most %d bytes", e.maxFile)).On("file")
	}
	f := &File{ID: n.ID, Scope: s, State: FileUploaded, Name: n.Name, Size: int64(len(content)), Doc: n.Doc}
	ending := ""
	for _, t := range fileTypes {
		if bytes.HasPrefix(content, []byte(t.begins)) {
			f.Type, ending = t.kind, t.ending
		}
	}
	if f.Type == "" {
		return nil, fault.New(fault.CodeUnsupportedMediaType, "want a PDF, PNG or JPEG").On("file")
	}
	tail, err := publicID("", time.Time{}, e.random)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	f.Digest, f.Blob = hex.EncodeToString(sum[:]), "file-"+tail
	f.FileName = stem(n.FileName) + "_" + tail[:7] + ending
	if err := e.blobs.Keep(ctx, f.Blob, content); err != nil {
		return nil, err
	}
	err = e.update(ctx, Keys{Documents: []DocumentKey{{KindFile, f.ID}}, Clocks: []Mode{s.Mode}}, func(tx Tx) error {
		now, err := modeTime(tx, s.Mode)
		if err != nil {
			return err
		}
		f.CreatedAt, f.UpdatedAt = now, now
		body, err := json.Marshal(f)
		if err != nil {
			return err
		}
		d := &Document{Kind: KindFile, ID: f.ID, Scope: s, State: string(f.State), CreatedAt: now, UpdatedAt: now, Doc: body}
		if err := tx.InsertDocument(d); err != nil {
			return err
		}
		f.Number, f.Version = d.Number, d.Version
		return nil
	})
	if fault.Is(err, fault.CodeCommitUnknown) { // it may be on record: then its bytes must be there
		return nil, err
	}
	if err != nil {
		_ = e.blobs.Drop(context.WithoutCancel(ctx), f.Blob)
		return nil, err
	}
	return f, nil
}

// stem is what of a file's name is kept: no folder, no ending, nothing but letters, digits, "-", "_" and ".".
func stem(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	name = strings.TrimSuffix(name, path.Ext(name))
	name = strings.Map(func(r rune) rune {
		switch {
		case r < utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsDigit(r)), r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, name)
	name = strings.Trim(name[:min(len(name), 80)], "._-")
	if name == "" {
		return "file"
	}
	return name
}

// IsErased says that the file has no bytes any more, and that nothing says what it was called.
func (f *File) IsErased() bool { return !f.ErasedAt.IsZero() }

// File finds a file of the scope; the zero Scope means any, for operators. Error: not_found, also for another scope's and, but
// for operators, for one that was erased.
func (e *Engine) File(ctx context.Context, s Scope, id string) (f *File, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		d, err := rd.Document(KindFile, id)
		if err != nil {
			return err
		}
		f, err = fileOf(d, s)
		if err == nil && s != (Scope{}) && f.IsErased() {
			f, err = nil, fault.New(fault.CodeNotFound, "there is no such document")
		}
		return err
	})
	return f, err
}

// OpenFile is a file of the scope and its bytes, which the caller closes; the zero Scope means any, for operators.
//
// Error: not_found, also for another scope's and for one that was erased.
func (e *Engine) OpenFile(ctx context.Context, s Scope, id string) (*File, io.ReadCloser, error) {
	f, err := e.File(ctx, s, id)
	if err != nil {
		return nil, nil, err
	}
	if f.IsErased() {
		return nil, nil, fault.New(fault.CodeNotFound, "the document was erased")
	}
	content, err := e.blobs.Open(ctx, f.Blob)
	if err != nil {
		return nil, nil, err
	}
	return f, content, nil
}

// FileFilter chooses and pages a scope's files, the newest first. Pages count from 1.
type FileFilter struct {
	Scope       Scope
	State       FileState // empty: all
	Page, Limit int

	CreatedFrom, CreatedTo time.Time // both included; zero: there is no bound
}

// FilePage is one page of a list and the exact total.
type FilePage struct {
	Files []File
	Total int64
}

// Files lists a scope's files. Error: invalid_page.
func (e *Engine) Files(ctx context.Context, f FileFilter) (page FilePage, err error) {
	err = e.store.View(ctx, func(rd Reader) error {
		page = FilePage{}
		found, err := rd.Documents(DocumentFilter{Kind: KindFile, Scope: f.Scope, State: string(f.State), Page: f.Page, Limit: f.Limit, Descending: true, CreatedFrom: f.CreatedFrom, CreatedTo: f.CreatedTo})
		if err != nil {
			return err
		}
		page.Total = found.Total
		for i := range found.List {
			one, err := fileOf(&found.List[i], f.Scope)
			if err != nil {
				return err
			}
			page.Files = append(page.Files, *one)
		}
		return nil
	})
	return page, err
}

func fileOf(d *Document, s Scope) (*File, error) {
	if d == nil || d.Scope != s && s != (Scope{}) {
		return nil, fault.New(fault.CodeNotFound, "there is no such document")
	}
	f := &File{}
	if err := json.Unmarshal(d.Doc, f); err != nil {
		return nil, err
	}
	f.ID, f.Scope, f.Number, f.State, f.Version = d.ID, d.Scope, d.Number, FileState(d.State), d.Version
	f.CreatedAt, f.UpdatedAt = d.CreatedAt, d.UpdatedAt
	return f, nil
}

// judgeFile writes down what was decided about a file, where it is another thing than before.
func judgeFile(tx Tx, id string, to FileState, now time.Time) error {
	d, err := tx.Document(KindFile, id)
	if err != nil || d == nil || d.State == string(to) {
		return err
	}
	d.State, d.UpdatedAt = string(to), now
	return tx.SaveDocument(d)
}

// blobPart is how many bytes of a file are one row of the database.
const blobPart = 1 << 20

// inDatabase keeps files beside everything else, in parts. Each part is a transaction of its own, so that a large file holds
// up nobody.
type inDatabase struct{ store Store }

func (b inDatabase) Keep(ctx context.Context, name string, content []byte) error {
	for part := 0; part == 0 || part*blobPart < len(content); part++ {
		piece := content[part*blobPart : min(len(content), (part+1)*blobPart)]
		err := b.store.Update(ctx, Keys{}, func(tx Tx) error { return tx.AddBlob(name, part, piece) })
		if err != nil {
			_ = b.Drop(context.WithoutCancel(ctx), name)
			return err
		}
	}
	return nil
}

func (b inDatabase) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	r := &blobReader{ctx: ctx, store: b.store, name: name}
	if err := r.next(); err == io.EOF {
		return nil, fault.New(fault.CodeNotFound, "the bytes of the document are not there")
	} else if err != nil {
		return nil, err
	}
	return r, nil
}

func (b inDatabase) Drop(ctx context.Context, name string) error {
	return b.store.Update(ctx, Keys{}, func(tx Tx) error { return tx.DropBlob(name) })
}

// blobReader reads a blob part by part.
type blobReader struct {
	ctx   context.Context
	store Store
	name  string
	part  int // the next one
	rest  []byte
}

func (r *blobReader) next() error {
	err := r.store.View(r.ctx, func(rd Reader) (err error) {
		r.rest, err = rd.BlobPart(r.name, r.part)
		return err
	})
	if err == nil && r.rest == nil {
		err = io.EOF
	}
	return err
}

func (r *blobReader) Read(to []byte) (int, error) {
	for len(r.rest) == 0 {
		r.part++
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(to, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *blobReader) Close() error { return nil }
