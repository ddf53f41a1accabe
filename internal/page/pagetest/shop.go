package pagetest

import (
	"net/http"
	"slices"
	"sync"
)

// Shop is where pages lead a reader to. It notes who comes and answers 204, so that the window goes on showing the page it left:
// a test can look at a page that leaves by itself for as long as it takes.
type Shop struct {
	mu     sync.Mutex
	visits []Visit
}

// Visit is one request of a window.
type Visit struct{ URL, Referer string }

// Visits are those so far, the first one first.
func (s *Shop) Visits() []Visit {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.visits)
}

func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visits = append(s.visits, Visit{"http://" + r.Host + r.RequestURI, r.Referer()})
	w.WriteHeader(http.StatusNoContent)
}
