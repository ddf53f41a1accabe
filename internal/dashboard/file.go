package dashboard

import (
	"errors"
	"io"
	"net/http"
	"strconv"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/fault"
)

// file hands a file out to be saved, to an operator or to people of the merchant it is of; for everybody else it is not there.
// That it was read is recorded.
func (d *Dashboard) file(w http.ResponseWriter, r *http.Request, v visitor) {
	f, content, err := d.engine.OpenFile(r.Context(), engine.Scope{}, r.PathValue("id"))
	if fault.Is(err, fault.CodeNotFound) {
		d.kit.NotFound(w, r)
		return
	}
	if err == nil && v.Person.Roles[auth.House] != auth.Operator && v.Person.Roles[f.Scope.Merchant] == "" {
		_ = content.Close()
		d.kit.NotFound(w, r)
		return
	}
	if err == nil {
		defer content.Close()
		err = d.engine.As(v.Person.ID).Asked(r.Context(), f.Scope.Mode, "file.read", f.ID, "")
	}
	if err != nil {
		d.failed(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.Type)
	h.Set("Content-Length", strconv.FormatInt(f.Size, 10))
	h.Set("Content-Disposition", `attachment; filename="`+f.FileName+`"`)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if _, err := io.Copy(w, content); err != nil && !errors.Is(err, r.Context().Err()) {
		d.log.Warn("a file was not handed out whole", "file", f.ID, "err", err)
	}
}
