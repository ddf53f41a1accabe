package app

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"till/internal/auth"
	"till/internal/engine"
	"till/internal/rail"
	"till/internal/rail/evm"
	"till/internal/web"
	"till/internal/worker"
)

// newServer mounts every face: each dialect under its name, the operator API, and the probes.
func newServer(a *App, keys *auth.Auth, cfg Config) *http.Server {
	mux := http.NewServeMux()
	for _, d := range a.dialects {
		mount := "/" + d.Name()
		mux.Handle(mount+"/", http.StripPrefix(mount, d.Handler()))
	}
	mux.Handle("/operator/", operatorAPI(a, keys, cfg))
	a.mountPages(mux)
	a.gatewayRoutes(mux)
	a.pspRoutes(mux)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		web.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		status, body := a.ready(r.Context())
		web.WriteJSON(w, status, body)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		web.WriteJSON(w, http.StatusNotFound, map[string]string{"error": "not found", "path": r.URL.Path})
	})

	numbers := newMeter(a, cfg)
	if cfg.Metrics.Enabled {
		mux.Handle("GET /metrics", numbers.handler(cfg.Metrics.Token))
	}

	var h http.Handler = mux
	h = web.Recover(h, http.HandlerFunc(failed), cfg.Log)
	h = a.tracing.requests(h, a.faces())
	if cfg.Metrics.Enabled {
		h = numbers.measure(h, a.faces())
	}
	h = atRoot(h, cfg.Hosts)
	h = web.AccessLog(h, cfg.Log, cfg.Now)
	h = forwarded(h, cfg.TrustedProxies, cfg.Log)
	h = web.RequestID(h, requestID)
	s := web.NewServer("", h)
	s.RegisterOnShutdown(a.checkout.Close)
	if cfg.TLS != nil {
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{*cfg.TLS}, MinVersion: tls.VersionTLS12}
	}
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

// readiness is the answer of /readyz. It is "ok", "degraded" (200: the server answers, but orders on some
// networks would be refused or are not making progress) or "unavailable" (503: the database does not
// answer).
type readiness struct {
	Status    string                   `json:"status"`
	Networks  map[string]networkHealth `json:"networks"`
	Screening *networkHealth           `json:"screening,omitempty"` // absent: there are no lists
}

// networkHealth is "ok" or "degraded", and then why.
type networkHealth struct {
	Status  string   `json:"status"`
	Reasons []reason `json:"reasons"`
}

// reason is why a network is degraded. The details are in the log: what a node said is nothing for
// strangers.
type reason string

const (
	noRPC        reason = "no_rpc"        // no node is configured, so its orders are refused as not configured
	notHeard     reason = "not_heard"     // its node has told nothing since the start
	nodeTrouble  reason = "node_trouble"  // its node cannot be reached, or answers nonsense; it is tried again
	watchTrouble reason = "watch_trouble" // what its node told could not be booked, or is another chain's
	noAddresses  reason = "no_addresses"  // no merchant has an address in this mode

	nodeSpare        reason = "node_spare"          // one of its nodes is not used, because it failed or serves another chain
	addressGap       reason = "address_gap"         // addresses beyond the last one derived are in use: nothing more is derived
	addressTrouble   reason = "address_trouble"     // addresses cannot be derived, or not looked into at the end of their rest
	houseLow         reason = "house_addresses_low" // few of the house's own addresses are free
	walletLow        reason = "wallet_low"          // the hot wallet lacks tokens or gas: transfers wait
	walletMisused    reason = "wallet_misused"      // the hot wallet sent what is not on record: nothing more is sent
	walletTrouble    reason = "wallet_trouble"      // the hot wallet cannot send, or its transfers cannot be followed
	gatewayTrouble   reason = "gateway_trouble"     // the gateway cannot be asked: orders paid through it wait
	gatewayUnmatched reason = "gateway_unmatched"   // since the start a payment there was not what was asked for
	pspTrouble       reason = "psp_trouble"         // the payment service cannot be asked: its payments wait
	pspUnmatched     reason = "psp_unmatched"       // since the start a payment there was not what was asked for
	pspDisputes      reason = "psp_disputes"        // a payer's bank disputes a payment, and somebody must answer
	listTrouble      reason = "list_trouble"        // a list to screen against cannot be read: the last good ones are in use
	quarantine       reason = "quarantine"          // money arrived at an address that no order held: an operator must release it
)

// readyWithin is how long /readyz waits for the database.
const readyWithin = 2 * time.Second

// ready looks at the database, the watchers and the address pools.
func (a *App) ready(ctx context.Context) (int, readiness) {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	got := readiness{Status: "ok", Networks: map[string]networkHealth{}}
	pools, err := a.stocked(ctx)
	if err != nil || a.store.Err() != nil {
		a.log.WarnContext(ctx, "not ready", "error", errors.Join(err, a.store.Err()))
		return http.StatusServiceUnavailable, readiness{Status: "unavailable", Networks: got.Networks}
	}
	watches := map[rail.Name]worker.Status{}
	for _, w := range a.workers.Watches {
		status := w.Status()
		watches[status.Rail] = status
	}
	for _, r := range a.rails {
		if r.Network.Simulated {
			continue // nobody waits for its money
		}
		if isBank(r.Network) { // there is nothing to reach: files come when they come
			got.Networks[r.Network.ID] = networkHealth{Status: "ok", Reasons: []reason{}}
			continue
		}
		n := networkHealth{Status: "ok", Reasons: watchReasons(r.Watcher, watches[r.Network.Rail])}
		if reasons, is := a.gatewayReasons(r.Network.Rail); is { // it has no addresses
			if n.Reasons = append(n.Reasons, reasons...); len(n.Reasons) > 0 {
				n.Status, got.Status = "degraded", "degraded"
			}
			got.Networks[r.Network.ID] = n
			continue
		}
		if reasons, is := a.pspReasons(r.Network.Rail); is { // nor has it
			if n.Reasons = append(n.Reasons, reasons...); len(n.Reasons) > 0 {
				n.Status, got.Status = "degraded", "degraded"
			}
			got.Networks[r.Network.ID] = n
			continue
		}
		stock := pools[engine.Pool{Mode: r.Network.Mode, Family: r.Network.Family}]
		if !stock.any {
			n.Reasons = append(n.Reasons, noAddresses)
		}
		if stock.quarantined {
			n.Reasons = append(n.Reasons, quarantine)
		}
		n.Reasons = append(n.Reasons, a.addressReasons(r.Network)...)
		if stock.houseLow {
			n.Reasons = append(n.Reasons, houseLow)
		}
		n.Reasons = append(n.Reasons, a.walletReasons(r.Network.Rail)...)
		if len(n.Reasons) > 0 {
			n.Status, got.Status = "degraded", "degraded"
		}
		got.Networks[r.Network.ID] = n
	}
	if a.screener != nil {
		got.Screening = &networkHealth{Status: "ok", Reasons: []reason{}}
		if a.screener.broken.Load() {
			got.Screening.Status, got.Screening.Reasons, got.Status = "degraded", []reason{listTrouble}, "degraded"
		}
	}
	return http.StatusOK, got
}

func watchReasons(w rail.Watcher, s worker.Status) []reason {
	if w == nil {
		return []reason{noRPC}
	}
	reasons := []reason{}
	if s.Err != nil {
		reasons = append(reasons, watchTrouble)
	}
	if chain, ok := w.(*evm.Rail); ok && chain.Status().Err != nil {
		reasons = append(reasons, nodeTrouble)
	}
	if s.Told.IsZero() {
		reasons = append(reasons, notHeard)
	}
	if chain, ok := w.(*evm.Rail); ok && chain.Status().Err == nil && slices.ContainsFunc(chain.Status().Nodes, idle) {
		reasons = append(reasons, nodeSpare)
	}
	return reasons
}

// idle says that a node is not used and something is wrong with it.
func idle(n evm.NodeStatus) bool { return !n.Used && n.Err != nil }

// addressReasons is what is wrong with the addresses that a network's orders get.
func (a *App) addressReasons(n engine.Network) (reasons []reason) {
	gap, trouble := false, false
	for _, s := range a.workers.Stocks {
		if s.Covers(n.Family, n.Mode) {
			gap = gap || s.Gap() != nil
			trouble = trouble || s.Gap() == nil && s.Status().Err != nil
		}
	}
	for _, r := range a.workers.Rests {
		trouble = trouble || r.Covers(n.Family, n.Mode) && r.Status().Err != nil
	}
	if gap {
		reasons = append(reasons, addressGap)
	}
	if trouble {
		reasons = append(reasons, addressTrouble)
	}
	return reasons
}

// walletReasons is what is wrong with a network's hot wallet.
func (a *App) walletReasons(on rail.Name) (reasons []reason) {
	for _, s := range a.senders {
		wallet, ok := s.(*evm.Sender)
		if !ok || s.Name() != on {
			continue
		}
		got := wallet.Status()
		if got.Low {
			reasons = append(reasons, walletLow)
		}
		if got.Foreign {
			reasons = append(reasons, walletMisused)
		}
		if got.Err != nil && !got.Low && !got.Foreign {
			reasons = append(reasons, walletTrouble)
		}
	}
	return reasons
}

// stock is what there is of instruments of a mode and family.
type stock struct{ any, quarantined, houseLow bool }

// lowHouse is how many free addresses of the house's own are few.
const lowHouse = 20

// stocked says of which modes and families any merchant has an instrument, and whether any is in quarantine. A
// whole pool is never counted: one row of it is enough to know.
func (a *App) stocked(ctx context.Context) (map[engine.Pool]stock, error) {
	has := map[engine.Pool]stock{}
	err := a.store.View(ctx, func(rd engine.Reader) error {
		merchants, err := rd.Merchants()
		if err != nil {
			return err
		}
		for _, r := range a.rails {
			if r.Network.Simulated {
				continue
			}
			kind := engine.Pool{Mode: r.Network.Mode, Family: r.Network.Family}
			if _, done := has[kind]; done {
				continue
			}
			var found stock
			if found.any, err = anyInstrument(rd, merchants, kind); err != nil {
				return err
			}
			if found.houseLow, err = fewForHouse(rd, kind); err != nil {
				return err
			}
			if found.quarantined, err = rd.AnyQuarantined(kind.Family, kind.Mode); err != nil {
				return err
			}
			has[kind] = found
		}
		return nil
	})
	return has, err
}

// houseFree counts the house's own free addresses up to 1,000, of each mode and family that it has any of.
func (a *App) houseFree(ctx context.Context) map[engine.Pool]int64 {
	free := map[engine.Pool]int64{}
	err := a.store.View(ctx, func(rd engine.Reader) error {
		for _, r := range a.rails {
			kind := engine.HousePool(r.Network.Mode, r.Network.Family)
			if _, done := free[kind]; done || r.Network.Simulated {
				continue
			}
			rows, err := rd.Instruments(kind, "", 1)
			if err != nil {
				return err
			}
			if len(rows) == 0 {
				continue
			}
			if free[kind], err = rd.FreeInstruments(kind, 1000); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		a.log.WarnContext(ctx, "metrics without the house's addresses", "error", err)
	}
	return free
}

// fewForHouse says that the house has a pool and few of its addresses are free.
func fewForHouse(rd engine.Reader, kind engine.Pool) (bool, error) {
	house := engine.HousePool(kind.Mode, kind.Family)
	rows, err := rd.Instruments(house, "", 1)
	if err != nil || len(rows) == 0 {
		return false, err
	}
	free, err := rd.FreeInstruments(house, lowHouse)
	return free < lowHouse, err
}

func anyInstrument(rd engine.Reader, merchants []engine.Merchant, kind engine.Pool) (bool, error) {
	for _, m := range append([]engine.Merchant{{}}, merchants...) { // the house has no id
		rows, err := rd.Instruments(engine.Pool{Merchant: m.ID, Mode: kind.Mode, Family: kind.Family}, "", 1)
		if err != nil || len(rows) > 0 {
			return len(rows) > 0, err
		}
	}
	return false, nil
}

// forwarded makes the client that a trusted proxy names the request's RemoteAddr (its port is 0, for nobody
// knows it), and takes what only a proxy may say away from everybody else, so that no handler believes it
// by mistake. Proxies append to X-Forwarded-For: read from the right, the first address that is not a
// trusted proxy is the client, and what stands left of it may be invented.
func forwarded(next http.Handler, trusted []netip.Prefix, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer := parseAddr(r.RemoteAddr)
		if !isTrusted(peer, trusted) {
			next.ServeHTTP(w, withoutForwarded(r))
			return
		}
		if client := clientOf(peer, r.Header.Values("X-Forwarded-For"), trusted); client != peer {
			r = r.WithContext(r.Context()) // a copy: the server's own request stays as it came
			r.RemoteAddr = net.JoinHostPort(client.String(), "0")
			log.DebugContext(r.Context(), "forwarded", "request", web.FromContext(r.Context()), "client", client, "proxy", peer)
		}
		next.ServeHTTP(w, r)
	})
}

func clientOf(peer netip.Addr, values []string, trusted []netip.Prefix) netip.Addr {
	client := peer
	for _, hop := range slices.Backward(strings.Split(strings.Join(values, ","), ",")) {
		addr := parseAddr(strings.TrimSpace(hop))
		if !addr.IsValid() {
			break
		}
		client = addr
		if !isTrusted(addr, trusted) {
			break
		}
	}
	return client
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func withoutForwarded(r *http.Request) *http.Request {
	claims := func(name string, _ []string) bool {
		return strings.HasPrefix(name, "X-Forwarded-") || name == "Forwarded" || name == "X-Real-Ip"
	}
	for name := range r.Header {
		if claims(name, nil) {
			r = r.WithContext(r.Context()) // a copy
			r.Header = r.Header.Clone()
			maps.DeleteFunc(r.Header, claims)
			break
		}
	}
	return r
}

// parseAddr reads an address with or without a port; the zero Addr is none.
func parseAddr(text string) netip.Addr {
	if port, err := netip.ParseAddrPort(text); err == nil {
		return port.Addr().Unmap().WithZone("")
	}
	addr, _ := netip.ParseAddr(strings.Trim(text, "[]"))
	return addr.Unmap().WithZone("")
}
