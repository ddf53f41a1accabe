package glomo

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/order"
)

const somePDF = "%PDF-1.4 a passport"

// form is the parts of an upload in their order: names and contents in turn. A part of the name file has a file's name.
func form(parts ...string) (kind, body string) {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	w.SetBoundary("boundary")
	for i := 0; i < len(parts); i += 2 {
		var err error
		if parts[i] == "file" {
			part, failed := w.CreateFormFile("file", "passport.pdf")
			if err = failed; err == nil {
				_, err = part.Write([]byte(parts[i+1]))
			}
		} else {
			err = w.WriteField(parts[i], parts[i+1])
		}
		if err != nil {
			panic(err)
		}
	}
	w.Close()
	return w.FormDataContentType(), out.String()
}

func (k *kit) upload(key string, parts ...string) reply {
	k.Helper()
	kind, body := form(parts...)
	return k.do(request{method: "POST", path: "/api/v1/document", key: key, header: http.Header{"Content-Type": {kind}}, body: body})
}

// document is a file of a key's merchant.
func (k *kit) document(key string) string {
	k.Helper()
	got := k.upload(key, "document_name", "Passport", "file", somePDF)
	if got.status != 201 {
		k.Fatalf("%d %s", got.status, got.body)
	}
	return parse[documentBody](k, got).ID
}

// counted is a body of which it is known how much was read.
type counted struct {
	io.Reader
	n int
}

func (c *counted) Read(to []byte) (int, error) {
	n, err := c.Reader.Read(to)
	c.n += n
	return n, err
}

// A file before its name is refused as soon as it is too large, and the rest is not read.
func TestDocumentBeforeItsName(t *testing.T) {
	k := newKit(t)
	kind, text := form("file", somePDF+strings.Repeat("x", 4*engine.MaxFile), "document_name", "Passport")
	body := &counted{Reader: strings.NewReader(text)}
	r := httptest.NewRequest("POST", "/api/v1/document", body)
	r.Header.Set("Content-Type", kind)
	_, err := k.dialect.readDocument(r, engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: Name})
	if !fault.Is(err, fault.CodeBodyTooLarge) || body.n > engine.MaxFile+1<<20 {
		t.Errorf("%v after %d of %d bytes", err, body.n, len(text))
	}
}

func TestDocuments(t *testing.T) {
	k := newKit(t)
	first := parse[documentBody](k, k.upload(shopKey, "document_name", "Passport", "file", somePDF))
	second := parse[documentBody](k, k.upload(shopKey, "file", somePDF, "document_name", "Passport", "more", "ignored"))
	for _, got := range []documentBody{first, second} {
		if got.Name != "Passport" || got.Status != "uploaded" || !strings.HasPrefix(got.FileName, "passport_") || !strings.HasSuffix(got.FileName, ".pdf") || got.CreatedAt != "2026-03-02T10:30:00Z" {
			t.Errorf("%+v", got)
		}
	}
	list := parse[pageBody[documentBody]](k, k.get(shopKey, "/api/v1/document"))
	if len(list.Data) != 2 || list.Data[0].ID != second.ID || list.Meta.Count != 2 {
		t.Errorf("%+v", list)
	}
	if list := parse[pageBody[documentBody]](k, k.get(otherKey, "/api/v1/document")); list.Meta.Count != 0 {
		t.Errorf("another merchant sees %+v", list)
	}
	for name, got := range map[string]reply{
		"document_name is required": k.upload(shopKey, "file", somePDF),
		"file is required":          k.upload(shopKey, "document_name", "Passport"),
		"want a PDF, PNG or JPEG":   k.upload(shopKey, "document_name", "Passport", "file", "MZ a program"),
		"multipart/form-data":       k.post(shopKey, "/api/v1/document", `{"document_name":"Passport"}`),
		"document_name":             k.upload(shopKey, "document_name", strings.Repeat("x", 300), "file", somePDF),
	} {
		k.refused(name, got, 400, name)
	}
	kind, whole := form("document_name", "Passport", "file", somePDF)
	cut := k.do(request{method: "POST", path: "/api/v1/document", key: shopKey, header: http.Header{"Content-Type": {kind}}, body: whole[:len(whole)-20]})
	k.refused("a form that breaks off", cut, 400, "could not be read")
	k.refused("too large", k.upload(shopKey, "document_name", "Passport", "file", somePDF+strings.Repeat("x", engine.MaxFile)), 413, "bytes")
	if list := parse[pageBody[documentBody]](k, k.get(shopKey, "/api/v1/document")); list.Meta.Count != 2 {
		t.Errorf("refused files are on record: %+v", list.Meta)
	}
}

// An order names a document of its own merchant, and none that was rejected.
func TestDocumentsOfOrders(t *testing.T) {
	k := newKit(t)
	mine, theirs := k.document(shopKey), k.document(otherKey)
	refuseAll(t, k, []broken{
		{"another noun", []string{"document_id", `"cust_1"`}, 400, "Document ID must start with doc_ and be valid."},
		{"nobody's", []string{"document_id", `"doc_none"`}, 404, "Document not found"},
		{"another merchant's", []string{"document_id", quoted(theirs)}, 404, "Document not found"},
	})
	if got := k.shown(k.order("document_id", quoted(mine))); *got.Document != mine {
		t.Errorf("%+v", got)
	}
}

// An order that asks for documents shows which, and only then; with the last one it is under review, and what is
// not right changes nothing.
func TestRequestedDocuments(t *testing.T) {
	k := newKit(t)
	id := k.order("reference_number", quoted(SandboxDocuments))
	asked := k.shown(id)
	if asked.Status != statusActionRequired || len(asked.Requested) != 2 || asked.Requested[0].Name != "Passport" || asked.Requested[1].Name != "Proof of Address" {
		t.Fatalf("%+v", asked)
	}
	first, second := k.document(shopKey), k.document(shopKey)
	path := "/api/v1/orders/" + id + "/update-rfi"
	give := func(pairs ...string) string {
		var list []string
		for i := 0; i < len(pairs); i += 2 {
			list = append(list, fmt.Sprintf(`{"id":%q,"rfi_doc_id":%q}`, pairs[i], pairs[i+1]))
		}
		return `{"documents":[` + strings.Join(list, ",") + `]}`
	}
	slots := []string{asked.Requested[0].ID, asked.Requested[1].ID}
	const message = "Invalid rfi_doc_id or order not in action_required status"
	for body, part := range map[string]string{
		give(first, "rfidoc_none"):                                          message,
		give("doc_none", slots[0]):                                          message,
		give(k.document(otherKey), slots[0]):                                message,
		give(first, slots[0], second, slots[0]):                             message,
		give(first, slots[0], first, slots[1]):                              message,
		give(first, slots[0], second, "rfidoc_none"):                        message,
		`{"documents":[]}`:                                                  "documents is required",
		`{}`:                                                                "documents is required",
		`{"documents":[{"id":"doc_1"}]}`:                                    "rfi_doc_id is required",
		`{"documents":[{"rfi_doc_id":"rfidoc_1"}]}`:                         "id is required",
		`{"documents":[{"id":1,"rfi_doc_id":"rfidoc"}]}`:                    "documents[0].id",
		`{"documents":[{"id":"doc_1","rfi_doc_id":"r","name":"Passport"}]}`: "name",
		`{"documents":[{"id":"doc_1","rfi_doc_id":"r"}],"note":"x"}`:        "note",
	} {
		k.refused(body, k.patch(shopKey, path, body), 400, part)
	}
	if got := k.shown(id); len(got.Requested) != 2 {
		t.Errorf("what was refused was kept: %+v", got.Requested)
	}
	got := parse[orderBody](k, k.patch(shopKey, path, give(first, slots[0])))
	if got.Status != statusActionRequired || len(got.Requested) != 1 || got.Requested[0].ID != slots[1] {
		t.Errorf("%+v", got)
	}
	k.refused("given before", k.patch(shopKey, path, give(second, slots[0])), 400, message)
	answered := k.patch(shopKey, strings.ReplaceAll(path, "-", "_"), give(second, slots[1]))
	if got := parse[orderBody](k, answered); got.Status != statusUnderReview || strings.Contains(answered.body, "rfi_documents") {
		t.Errorf("%s", answered.body)
	}
	k.refused("nothing is asked for", k.patch(shopKey, path, give(first, slots[0])), 400, message)
	k.refused("another merchant", k.patch(otherKey, path, give(first, slots[0])), 404, "Entity not found")
	k.refused("another noun", k.patch(shopKey, "/api/v1/orders/cust_1/update-rfi", give(first, slots[0])), 400, "Id must start with 'order_'")
	_, err := k.engine.Approve(t.Context(), k.found(id).ID, order.Screening, order.ByOperator, "officer")
	k.must(err)
	if got := k.shown(id); got.Status != statusActive {
		t.Errorf("%+v", got)
	}
	k.paid(id, "p1")
	if got, want := k.tellings(id), []string{"orders.action_required", "orders.under_review", "orders.active", "orders.paid"}; !slices.Equal(got, want) {
		t.Errorf("told %v", got)
	}
	if !slices.Contains(k.askedIn(id, "orders.action_required"), slots[0]) {
		t.Error("the webhook does not say what is asked for")
	}
}

// What was asked for and never given ends with the order: it expires, nobody waits for it, and nothing can be given or decided.
func TestRequestedDocumentsThatNeverCome(t *testing.T) {
	k := newKit(t)
	reviews := func() (n int) {
		list, err := k.engine.Reviewed(t.Context(), engine.Sandbox, "", 100)
		k.must(err)
		return len(list)
	}
	asked, part, reviewed := k.order("reference_number", quoted(SandboxDocuments)), k.order("reference_number", quoted(SandboxDocuments)), k.order("reference_number", quoted(SandboxReview))
	slots := k.shown(asked).Requested
	give := fmt.Sprintf(`{"documents":[{"id":%q,"rfi_doc_id":%q}]}`, k.document(shopKey), slots[0].ID)
	k.ok(k.patch(shopKey, "/api/v1/orders/"+part+"/update-rfi", strings.Replace(give, slots[0].ID, k.shown(part).Requested[0].ID, 1)), 200)
	want(k, "before", fmt.Sprint(k.shown(asked).Status, k.shown(part).Status, k.shown(reviewed).Status, reviews()), "action_requiredaction_requiredunder_review3")
	k.later(91 * 24 * time.Hour)
	want(k, "in the last days", fmt.Sprint(k.shown(asked).Status, reviews()), "action_required3")
	k.later(2 * 24 * time.Hour)
	want(k, "reviews", reviews(), 0)
	for id, told := range map[string]string{asked: "orders.action_required orders.expired", part: "orders.action_required orders.expired", reviewed: "orders.under_review orders.expired"} {
		got := k.get(shopKey, "/api/v1/orders/"+id)
		if parse[orderBody](k, got).Status != statusExpired || strings.Contains(got.body, "rfi_documents") {
			t.Errorf("%s", got.body)
		}
		want(k, "told", strings.Join(k.tellings(id), " "), told)
		if _, err := k.engine.Approve(t.Context(), k.found(id).ID, order.Screening, order.ByOperator, "officer"); !fault.Is(err, fault.CodeOrderStateConflict) {
			t.Errorf("a review of an order that is over: %v", err)
		}
	}
	k.refused("given too late", k.patch(shopKey, "/api/v1/orders/"+asked+"/update-rfi", give), 400, "Invalid rfi_doc_id or order not in action_required status")
}

// askedIn is the slots that a webhook of an order names.
func (k *kit) askedIn(id, kind string) (slots []string) {
	k.Helper()
	story, err := k.engine.Story(k.Context(), id)
	k.must(err)
	for _, ev := range story.Events {
		if t, ok := k.dialect.tellOrder(ev, story.Order); ok && t.entity+"."+t.event == kind {
			for _, one := range t.data.(orderBody).Requested {
				slots = append(slots, one.ID)
			}
		}
	}
	return slots
}

// The sandbox's triggers, and what becomes of orders that a person refuses.
func TestScreeningAtCreation(t *testing.T) {
	k := newKit(t)
	reviewed := k.order("reference_number", quoted(SandboxReview))
	if got := k.get(shopKey, "/api/v1/orders/"+reviewed); parse[orderBody](k, got).Status != statusUnderReview || strings.Contains(got.body, "rfi_documents") {
		t.Errorf("%s", got.body)
	}
	_, err := k.engine.Refuse(t.Context(), k.found(reviewed).ID, order.Screening, order.ByOperator, "officer", "listed")
	k.must(err)
	refused := k.order("reference_number", quoted(SandboxRefuse))
	for id, want := range map[string]string{reviewed: "orders.under_review orders.failed", refused: "orders.failed"} {
		if got := k.shown(id); got.Status != statusFailed {
			t.Errorf("%+v", got)
		}
		if got := strings.Join(k.tellings(id), " "); got != want {
			t.Errorf("told %s, want %s", got, want)
		}
	}
	business := k.made(shopKey, "/api/v1/customer", with(goodCustomer, "email", `"firm@example.com"`, "customer_type", `"business"`))
	if got := k.shown(k.order("customer_id", quoted(business), "reference_number", quoted(SandboxDocuments))); got.Requested[0].Name != "Certificate of Incorporation" {
		t.Errorf("%+v", got.Requested)
	}
}
