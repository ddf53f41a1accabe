package app

import (
	"context"
	"crypto/subtle"
	"math/big"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus" // Apache-2.0
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"till/internal/engine"
	"till/internal/fault"
	"till/internal/money"
	"till/internal/quote"
	"till/internal/rail/evm"
	"till/internal/secrets"
	"till/internal/web"
)

// Metrics says whether numbers for a monitoring system are served, at /metrics.
type Metrics struct {
	Enabled bool
	Token   secrets.Text // that a scraper must show as a bearer token; empty: nobody is asked
}

// collectWithin is how long the numbers may take; what is not there by then is left out of the answer.
const collectWithin = 2 * time.Second

// meter measures requests, and is the collector of what is read from the database and the workers when
// somebody asks.
type meter struct {
	app       *App
	now       func() time.Time
	latencies *prometheus.HistogramVec
	version   string
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("till_"+name, help, labels, nil)
}

var (
	descBuild      = desc("build_info", "Always 1; the labels say what runs.", "version", "go")
	descOrders     = desc("orders", "Orders on record, by state.", "mode", "dialect", "state")
	descQueue      = desc("queue_depth", "What waits to be done, counted up to 100,000.", "queue")
	descLag        = desc("webhook_lag_seconds", "Age of the oldest webhook that is not delivered; 0 when none waits.")
	descNotSent    = desc("notifications_failed", "Notifications of customers that failed for good and are on record, counted up to 100,000.")
	descHorizon    = desc("rail_lag_seconds", "How long ago the last block that a rail has told of was made.", "rail")
	descHead       = desc("rail_head_block", "Number of the last block that a rail has told of.", "rail")
	descHeard      = desc("rail_heard_seconds", "How long ago the rail was heard.", "rail")
	descWallet     = desc("wallet_units", "What a hot wallet holds, in the smallest unit of the asset.", "rail", "asset")
	descNonce      = desc("wallet_next_nonce", "The next nonce of a hot wallet.", "rail")
	descOpen       = desc("wallet_open_transfers", "Transfers of a hot wallet that are not final yet.", "rail")
	descOldest     = desc("wallet_oldest_open_seconds", "Age of the oldest transfer of a hot wallet that is not final yet; 0 when there is none.", "rail")
	descTrouble    = desc("wallet_trouble", "1 while a hot wallet cannot send: it is low, was used by somebody else, or its nodes fail.", "rail", "reason")
	descHouse      = desc("house_addresses_free", "Free addresses of the house's own, counted up to 1,000.", "mode", "family")
	descFailing    = desc("job_failing", "1 while a background loop fails.", "job")
	descGroups     = desc("store_groups_total", "Transactions that the writer committed.")
	descCalls      = desc("store_changes_total", "Changes in them: by groups, the size of a group.")
	descStatements = desc("store_statements_total", "Statements that the writer sent.")
	descConflicts  = desc("store_conflicts_total", "Groups computed again because another process was faster.")
	descBusy       = desc("store_busy_seconds_total", "Time the writer spent on groups: by groups, the latency of a commit.")
	descBroken     = desc("store_broken", "1 once the disk failed; the process ends then.")
	descRateAge    = desc("rate_age_seconds", "Age of an exchange rate that is believed.", "pair", "source")
	descRateClosed = desc("rate_closed", "1 while a rate in doubt closes the pair.", "pair")
	descListed     = desc("screening_entries", "Entries on the lists to screen against.")
	descListAge    = desc("screening_age_seconds", "How long ago the newest file of the lists in use was changed.")
	descListBroken = desc("screening_broken", "1 while a list cannot be read and the last good ones are in use.")
	descDisputes   = desc("psp_disputes_open", "Disputes at a payment service that nobody has decided.", "rail")
	descUnmatched  = desc("psp_unmatched", "Payments at a payment service since the start that were not what was asked for.", "rail")
	descPSP        = desc("psp_trouble", "1 while a payment service cannot be asked.", "rail")
	descMissing    = desc("collection_failed", "1 when the database did not give its numbers in time.")
)

func newMeter(a *App, cfg Config) *meter {
	return &meter{app: a, now: cfg.Now, version: cfg.Version, latencies: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "till_http_request_duration_seconds", Help: "How long requests took, by face and class of status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
	}, []string{"face", "status"})}
}

// Describe implements prometheus.Collector. Describing nothing, because label values come and go.
func (m *meter) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (m *meter) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	counter := func(d *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value)
	}
	now := m.now()
	gauge(descBuild, 1, m.version, runtime.Version())

	s := m.app.store.Stats()
	counter(descGroups, float64(s.Groups))
	counter(descCalls, float64(s.Calls))
	counter(descStatements, float64(s.Statements))
	counter(descConflicts, float64(s.Conflicts))
	counter(descBusy, s.Busy.Seconds())
	gauge(descBroken, flag(m.app.store.Err() != nil))

	for _, job := range m.app.Health() {
		gauge(descFailing, flag(job.Err != nil), job.Name)
		if job.Rail == "" || job.Told.IsZero() {
			continue
		}
		gauge(descHeard, now.Sub(job.Told).Seconds(), string(job.Rail))
		gauge(descHead, float64(job.Head), string(job.Rail))
		if !job.Horizon.IsZero() {
			gauge(descHorizon, now.Sub(job.Horizon).Seconds(), string(job.Rail))
		}
	}

	for _, s := range m.app.senders {
		if wallet, ok := s.(*evm.Sender); ok {
			collectWallet(gauge, string(s.Name()), wallet.Status(), now)
		}
	}

	for _, r := range m.app.psps.rails {
		s := r.Health()
		gauge(descDisputes, float64(r.Disputes()), string(r.Name()))
		gauge(descUnmatched, float64(s.Unmatched), string(r.Name()))
		gauge(descPSP, flag(s.Err != nil), string(r.Name()))
	}

	if s := m.app.screener; s != nil {
		gauge(descListed, float64(s.Entries()))
		gauge(descListAge, now.Sub(*s.files.Load()).Seconds())
		gauge(descListBroken, flag(s.broken.Load()))
	}

	ctx, cancel := context.WithTimeout(context.Background(), collectWithin)
	defer cancel()
	counts, err := m.app.Engine.OrderCounts(ctx)
	var backlog engine.Backlog
	if err == nil {
		backlog, err = m.app.Engine.Backlog(ctx)
	}
	var believed, doubts []quote.Rate
	if err == nil {
		believed, doubts, err = m.app.Engine.Rates(ctx)
	}
	gauge(descMissing, flag(err != nil))
	if err != nil {
		m.app.log.WarnContext(ctx, "metrics without the database", "error", err)
		return
	}
	for _, c := range counts {
		gauge(descOrders, float64(c.N), string(c.Mode), c.Dialect, string(c.State))
	}
	for queue, n := range map[string]int{"events": backlog.Untold, "webhooks": backlog.Pending, "deliveries": backlog.ToSend, "transfers": backlog.InFlight,
		"notifications": backlog.Unnotified} {
		gauge(descQueue, float64(n), queue)
	}
	gauge(descNotSent, float64(backlog.Unnotifiable))
	for _, r := range believed {
		gauge(descRateAge, now.Sub(r.At).Seconds(), r.Base+"/"+r.Quote, r.Source)
	}
	for _, r := range doubts {
		gauge(descRateClosed, 1, r.Base+"/"+r.Quote)
	}
	lag := 0.0
	if !backlog.OldestPending.IsZero() {
		lag = now.Sub(backlog.OldestPending).Seconds()
	}
	gauge(descLag, lag)
	for kind, n := range m.app.houseFree(ctx) {
		gauge(descHouse, float64(n), string(kind.Mode), string(kind.Family))
	}
}

// collectWallet tells how a hot wallet is.
func collectWallet(gauge func(d *prometheus.Desc, value float64, labels ...string), on string, s evm.SenderStatus, now time.Time) {
	for _, held := range append([]money.Amount{s.Coin}, s.Tokens...) {
		if !held.IsZero() {
			units, _ := new(big.Float).SetInt(held.Big()).Float64() // a gauge is a float, whatever is counted
			gauge(descWallet, units, on, held.Asset().Code())
		}
	}
	oldest := 0.0
	if !s.Oldest.IsZero() {
		oldest = now.Sub(s.Oldest).Seconds()
	}
	gauge(descNonce, float64(s.Next), on)
	gauge(descOpen, float64(s.Open), on)
	gauge(descOldest, oldest, on)
	gauge(descTrouble, flag(s.Low), on, string(walletLow))
	gauge(descTrouble, flag(s.Foreign), on, string(walletMisused))
	gauge(descTrouble, flag(s.Err != nil), on, string(walletTrouble))
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// handler serves the numbers in Prometheus' text format.
func (m *meter) handler(token secrets.Text) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(m, m.latencies, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	numbers := promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if token != "" && !bearer(r, token) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			web.WriteJSON(w, http.StatusUnauthorized, map[string]string{"error": string(fault.CodeUnauthorized)})
			return
		}
		numbers.ServeHTTP(w, r)
	})
}

// bearer compares hashes, so that neither length nor content shows in the time it takes.
func bearer(r *http.Request, token secrets.Text) bool {
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") &&
		subtle.ConstantTimeCompare([]byte(secrets.Hash(strings.TrimSpace(given))), []byte(secrets.Hash(token.Reveal()))) == 1
}

// measure takes the time of every request.
func (m *meter) measure(next http.Handler, face func(path string) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started, answer := m.now(), &answered{ResponseWriter: w}
		of := face(r.URL.Path)
		defer func() {
			m.latencies.WithLabelValues(of, strconv.Itoa(answer.code()/100)+"xx").Observe(m.now().Sub(started).Seconds())
		}()
		next.ServeHTTP(answer, r)
	})
}

// faces says which face a path is of: a dialect's name, operator, pages, a probe, or other.
func (a *App) faces() func(path string) string {
	known := map[string]bool{"operator": true, "pay": true, "login": true, "logout": true, "account": true, "assets": true, "healthz": true, "readyz": true, "metrics": true}
	for _, d := range a.dialects {
		known[d.Name()] = true
	}
	return func(path string) string {
		first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if known[first] {
			return first
		}
		return "other"
	}
}

// answered remembers the status of an answer.
type answered struct {
	http.ResponseWriter
	status int
}

func (w *answered) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *answered) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach what streams.
func (w *answered) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *answered) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
