package operator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/operator/client"
	"till/internal/order"
)

// An operator sees why an order is under review, asks for a document, reads what he is given and decides.
func TestReviewsOfScreening(t *testing.T) {
	k := newKit(t)
	c := k.client(t, tokenAll)
	scope, book := engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"}, ledger.Owed("m1")
	made, err := k.engine.Create(t.Context(), engine.NewOrder{
		Scope: scope, PublicID: "ord_screened", Network: k.delivery, Instrument: engine.None,
		Screen: &engine.Screening{Force: engine.ForceReview},
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: book, Due: money.FromInt(usdt, 100_000_000), To: book.Account(ledger.Merchant), Deadline: p.Now.Add(15 * time.Minute), Instant: true, OverAny: true}, nil, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.Reviews(t.Context(), "", "", 0)
	if err != nil || len(page.Orders) != 1 || len(page.Orders[0].Reviews[0].Findings) != 1 || page.Orders[0].Reviews[0].Findings[0].List != "sandbox" {
		t.Fatalf("%+v %v", page, err)
	}
	asked, err := c.AskReview(t.Context(), "ord_screened", "screening", []string{"Passport"})
	if err != nil || asked.State != "documents" || len(asked.Reviews[0].Documents) != 1 || asked.Reviews[0].Documents[0].Name != "Passport" {
		t.Fatalf("%+v %v", asked.Reviews, err)
	}
	for _, tc := range []struct {
		order, kind string
		documents   []string
		code        string
	}{
		{"ord_screened", "screening", []string{"Passport"}, "order_state_conflict"}, {"ord_screened", "approval", []string{"Passport"}, "order_state_conflict"},
		{"ord_screened", "screening", []string{" "}, "invalid_value"}, {"ord_none", "screening", []string{"Passport"}, "not_found"},
	} {
		_, err := c.AskReview(t.Context(), tc.order, tc.kind, tc.documents)
		if p, is := errors.AsType[*client.Problem](err); !is || p.Code != tc.code {
			t.Errorf("%+v: %v", tc, err)
		}
	}

	pdf := []byte("%PDF-1.7 a passport")
	file, err := k.engine.AddFile(t.Context(), scope, engine.NewFile{ID: "doc_1", Name: "Passport", FileName: "me.pdf", Content: bytes.NewReader(pdf)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.engine.GiveDocuments(t.Context(), scope, made.Order.ID, []engine.Given{{Slot: asked.Reviews[0].Documents[0].ID, Document: file.ID}}); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	name, err := c.File(t.Context(), "doc_1", &got)
	if err != nil || name != file.FileName || !bytes.Equal(got.Bytes(), pdf) {
		t.Errorf("the file is %q of %d bytes, %v", name, got.Len(), err)
	}
	if _, err := c.File(t.Context(), "doc_2", io.Discard); !isProblem(err, "not_found") {
		t.Errorf("no such file: %v", err)
	}
	if _, err := k.client(t, tokenAll).RefuseReview(t.Context(), "ord_screened", "screening", "no"); err != nil {
		t.Error(err)
	}
	if f, err := k.engine.File(t.Context(), scope, "doc_1"); err != nil || f.State != engine.FileRejected {
		t.Errorf("the file is %+v, %v", f, err)
	}
}

func isProblem(err error, code string) bool {
	p, is := errors.AsType[*client.Problem](err)
	return is && p.Code == code
}

// A file is never shown in place.
func TestFilesAreAttachments(t *testing.T) { // case 60
	k := newKit(t)
	scope := engine.Scope{Merchant: "m1", Mode: engine.Sandbox, Dialect: "some"}
	if _, err := k.engine.AddFile(t.Context(), scope, engine.NewFile{ID: "doc_1", Name: "Passport", FileName: "\"me\r\n.html", Content: bytes.NewReader([]byte("%PDF-<script>"))}); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, client.Path+"/files/doc_1", nil)
	r.Header.Set("Authorization", "Bearer "+tokenAll)
	answer := httptest.NewRecorder()
	k.handler.ServeHTTP(answer, r)
	head := answer.Result().Header
	if answer.Code != http.StatusOK || head.Get("Content-Type") != "application/pdf" || head.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.HasPrefix(head.Get("Content-Disposition"), `attachment; filename="me_`) || strings.ContainsAny(head.Get("Content-Disposition"), "\r\n") {
		t.Errorf("%d %v", answer.Code, head)
	}
}
