package dashboard

import (
	"net/http"
	"strings"
	"testing"

	"till/internal/auth"
	"till/internal/engine"
)

// A file is handed out to operators and to people of the merchant it is of, to be saved.
func TestFiles(t *testing.T) { // case 41
	h := open(t, "")
	const content = "%PDF-1.7 <script>alert(1)</script>"
	f, err := h.engine.AddFile(t.Context(), engine.Scope{Merchant: "shop", Mode: engine.Sandbox, Dialect: "some"},
		engine.NewFile{ID: "doc_1", Name: "Passport", FileName: "me.pdf", Content: strings.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		roles  map[string]auth.Role
		path   string
		status int
	}{
		"merchants": {map[string]auth.Role{"shop": auth.Viewer}, "/files/doc_1", http.StatusOK},
		"operator":  {map[string]auth.Role{auth.House: auth.Operator}, "/files/doc_1", http.StatusOK},
		"anothers":  {map[string]auth.Role{"other": auth.Owner}, "/files/doc_1", http.StatusNotFound},
		"nobodys":   {nil, "/files/doc_1", http.StatusNotFound},
		"no.file":   {map[string]auth.Role{"shop": auth.Owner}, "/files/doc_2", http.StatusNotFound},
	} {
		b := h.browser()
		h.add(name, tc.roles)
		h.login(b, name, password)
		got := h.get(b, tc.path)
		if got.status != tc.status || (got.status == http.StatusOK) != (got.body == content) {
			t.Errorf("%s: %d %.80s", name, got.status, got.body)
		}
		if got.status == http.StatusOK && (got.header.Get("Content-Disposition") != `attachment; filename="`+f.FileName+`"` ||
			got.header.Get("X-Content-Type-Options") != "nosniff" || got.header.Get("Content-Type") != "application/pdf") {
			t.Errorf("%s: %v", name, got.header)
		}
	}
	if got := h.get(h.browser(), "/files/doc_1"); got.status == http.StatusOK || strings.Contains(got.body, "PDF") {
		t.Errorf("nobody who logged in: %d %.80s", got.status, got.body)
	}
}
