package web

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// Patient writes a long answer. The server's own limit is for the whole of an answer; here each part may take so long to be
// taken, so that a slow client gets all of it and one that takes nothing is let go.
type Patient struct {
	to      http.ResponseWriter
	control *http.ResponseController
	each    time.Duration
}

var _ io.Writer = (*Patient)(nil)

// NewPatient makes one.
func NewPatient(to http.ResponseWriter, each time.Duration) *Patient {
	return &Patient{to, http.NewResponseController(to), each}
}

// Write writes a part.
func (p *Patient) Write(part []byte) (int, error) {
	if err := p.control.SetWriteDeadline(time.Now().Add(p.each)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.to.Write(part)
}
