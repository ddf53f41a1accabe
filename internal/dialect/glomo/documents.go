package glomo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/web"
)

// documentRoutes is the files that a merchant sends. Nobody gets one back over this API: its content is for who reviews.
func (d *Dialect) documentRoutes() []route {
	return []route{
		{http.MethodPost, v1 + "/document", "documents:write", d.createDocument},
		{http.MethodGet, v1 + "/document", "documents:read", d.listDocuments},
	}
}

// documentBody is a document as create and lists show it.
type documentBody struct {
	ID        string `json:"id"`
	Name      string `json:"document_name"`
	FileName  string `json:"file_name"`
	Status    string `json:"status"`
	CreatedAt string `json:"created_at"`
	UpdatedAt string `json:"updated_at"`
}

func encodeDocument(f *engine.File) documentBody {
	return documentBody{f.ID, f.Name, f.FileName, string(f.State), wireTime(f.CreatedAt), wireTime(f.UpdatedAt)}
}

func (d *Dialect) createDocument(r *http.Request, s engine.Scope) (answer, error) {
	f, err := d.readDocument(r, s)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, body: encodeDocument(f)}, nil
}

// Bounds of an upload. How large a file may be the engine says.
const (
	maxUpload = 64 << 20 // bytes, all parts together
	maxParts  = 10
	maxName   = 200 // bytes
)

// readDocument reads the parts of the form as they come. The file is handed on as it is read where its name was sent before
// it, as it stands in the contract; one that comes first waits for it, and no more of it is held than a file may have.
//
// Errors: unsupported_media_type, invalid_body, missing_field, too_long, body_too_large.
func (d *Dialect) readDocument(r *http.Request, s engine.Scope) (*engine.File, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, fault.New(fault.CodeUnsupportedMediaType, "The request must be multipart/form-data")
	}
	form := multipart.NewReader(io.LimitReader(r.Body, maxUpload), params["boundary"])
	n := engine.NewFile{ID: d.newID(documentID)}
	for range maxParts {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadable(err)
		}
		switch part.FormName() {
		case "document_name":
			text, err := io.ReadAll(io.LimitReader(part, maxName+1))
			if err != nil {
				return nil, unreadable(err)
			}
			n.Name = string(bytes.TrimSpace(text))
		case "file":
			n.FileName, n.Content = part.FileName(), part
			if n.Name == "" { // it comes behind
				held, err := io.ReadAll(io.LimitReader(part, d.engine.FileLimit()+1))
				if err != nil {
					return nil, unreadable(err)
				}
				if int64(len(held)) > d.engine.FileLimit() {
					return nil, fault.New(fault.CodeBodyTooLarge, fmt.Sprintf("a file has at most %d bytes", d.engine.FileLimit())).On("file")
				}
				n.Content = bytes.NewReader(held)
			}
		}
		if n.Name != "" && n.Content != nil {
			break
		}
	}
	f, err := d.by(r).AddFile(r.Context(), s, n)
	return f, documentFault(err)
}

func unreadable(err error) error {
	return fault.New(fault.CodeInvalidBody, "The form could not be read to its end").Because(err)
}

// documentFault says an engine's refusal of a file in this API's words.
func documentFault(err error) error {
	f, ok := fault.As(err)
	switch {
	case err == nil:
		return nil
	case !ok && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, multipart.ErrMessageTooLarge)):
		return unreadable(err)
	case !ok:
		return err
	case f.Code == fault.CodeMissingField && f.Param == "name":
		return missing("document_name")
	case f.Code == fault.CodeMissingField:
		return missing("file")
	case f.Param == "name":
		return f.On("document_name")
	}
	return err
}

func (d *Dialect) listDocuments(r *http.Request, s engine.Scope) (answer, error) {
	at, err := pagingOf(r)
	if err != nil {
		return answer{}, err
	}
	page, err := d.engine.Files(r.Context(), engine.FileFilter{Scope: s, Page: at.page, Limit: at.perPage, CreatedFrom: at.from, CreatedTo: at.to})
	if err != nil {
		return answer{}, err
	}
	list := make([]documentBody, len(page.Files))
	for i := range page.Files {
		list[i] = encodeDocument(&page.Files[i])
	}
	return answer{status: http.StatusOK, body: pageOf(at, list, page.Total)}, nil
}

// checkDocument refuses a document that is not the merchant's own, and one that was rejected.
//
// Errors, on document_id: not_found, invalid_value.
func (d *Dialect) checkDocument(ctx context.Context, s engine.Scope, id string) error {
	if id == "" {
		return nil
	}
	f, err := d.engine.File(ctx, s, id)
	switch {
	case fault.Is(err, fault.CodeNotFound):
		return fault.New(fault.CodeNotFound, "Document not found").On("document_id")
	case err == nil && f.State == engine.FileRejected:
		return wrong("document_id", "Document was rejected")
	}
	return err
}

// maxGiven is how many documents one request gives.
const maxGiven = 50

// decodeGiven reads the answer to a request for documents. Here unknown fields are refused, as the contract does.
func decodeGiven(r *http.Request) ([]engine.Given, error) {
	body, err := web.Decode(r, maxBody)
	if err != nil {
		return nil, err
	}
	if err := body.Only("documents"); err != nil {
		return nil, err
	}
	list, _, err := body.Array("documents", maxGiven)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, missing("documents")
	}
	var given []engine.Given
	for _, v := range list {
		o, err := v.Object()
		if err != nil {
			return nil, err
		}
		if err := o.Only("id", "rfi_doc_id"); err != nil {
			return nil, err
		}
		var g engine.Given
		if g.Document, err = required(o, "id", maxID); err != nil {
			return nil, err
		}
		if g.Slot, err = required(o, "rfi_doc_id", maxID); err != nil {
			return nil, err
		}
		given = append(given, g)
	}
	return given, nil
}
