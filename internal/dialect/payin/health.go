package payin

import (
	"context"
	"net/http"
	"time"

	"till/internal/engine"
)

// healthWithin is how long the health check waits for the database.
const healthWithin = 2 * time.Second

// health says whether the API can serve: healthy as long as the database answers. Anybody may ask, so it says
// nothing of what is wrong; that is in the log.
func (d *Dialect) health(r *http.Request, _ engine.Scope) (answer, error) {
	ctx, cancel := context.WithTimeout(r.Context(), healthWithin)
	defer cancel()
	body := healthBody{Status: "healthy", Timestamp: wireTime(d.now()), Version: d.version}
	list, err := d.offered(ctx, []engine.Mode{engine.Live, engine.Sandbox})
	if err == nil && len(list) == 0 {
		_, err = d.engine.Settings(ctx, engine.SettingScope{}) // any reading
	}
	if err != nil {
		d.log.ErrorContext(r.Context(), "the health check failed", "error", err)
		body.Status = "unhealthy"
		return answer{http.StatusServiceUnavailable, body}, nil
	}
	body.Manager.Initialized = true
	for _, n := range list {
		body.Manager.Initialized = body.Manager.Initialized && n.available
	}
	return answer{http.StatusOK, body}, nil
}
