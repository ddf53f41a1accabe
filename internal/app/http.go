package app

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"

	"till/internal/auth"
	"till/internal/operator"
	"till/internal/web"
)

// newServer mounts every face: each dialect under its name, the operator API, and the probes.
func newServer(a *App, keys *auth.Auth, cfg Config) *http.Server {
	mux := http.NewServeMux()
	for _, d := range a.dialects {
		mount := "/" + d.Name()
		mux.Handle(mount+"/", http.StripPrefix(mount, d.Handler()))
	}
	mux.Handle("/operator/", operator.Handler(operator.Config{Engine: a.Engine, Auth: keys, Now: cfg.Now, Log: cfg.Log}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		web.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		web.WriteJSON(w, http.StatusNotFound, map[string]string{"error": "not found", "path": r.URL.Path})
	})

	var h http.Handler = mux
	h = web.Recover(h, http.HandlerFunc(failed), cfg.Log)
	h = web.AccessLog(h, cfg.Log, cfg.Now)
	h = web.RequestID(h, requestID)
	s := web.NewServer("", h)
	s.ErrorLog = slog.NewLogLogger(cfg.Log.Handler(), slog.LevelDebug)
	return s
}

// failed answers a request whose handler panicked and whose face did not answer for itself.
func failed(w http.ResponseWriter, _ *http.Request) {
	web.WriteJSON(w, http.StatusInternalServerError, map[string]string{"error": "internal error"})
}

func requestID() string {
	var b [12]byte
	rand.Read(b[:])
	return "req_" + hex.EncodeToString(b[:])
}
