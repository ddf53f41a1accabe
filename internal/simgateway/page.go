package simgateway

import (
	"html/template"
	"net/http"
	"path"
	"strings"
)

// What may be chosen on a payment's page.
const (
	playPay      = "pay"
	playUnderpay = "underpay"
	playBegin    = "begin"
	playBounce   = "bounce"
	playRefund   = "refund"
	playExpire   = "expire"
)

var payPage = template.Must(template.New("pay").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sandbox gateway</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:2rem auto;padding:0 1rem}dt{color:#555}dd{margin:0 0 .5rem;overflow-wrap:anywhere}
button{font:inherit;padding:.5rem 1rem;margin:0 .5rem .5rem 0}p.note{background:#fff3cd;padding:.5rem 1rem}</style></head>
<body><main><h1>{{.Title}}</h1><p class="note">This is the sandbox: nothing is paid here. Say what becomes of the payment.</p>
<dl><dt>Amount</dt><dd>{{.Amount}}</dd><dt>To</dt><dd>{{.To}} on chain {{.Chain}}</dd><dt>Status</dt><dd id="status">{{.Status}}{{if .Refund}}, refunded{{end}}</dd></dl>
<form method="post">
{{if or (eq .Status "payment_unpaid") (eq .Status "payment_started")}}<button name="play" value="pay">It is paid</button>
<button name="play" value="underpay">Half of it is paid</button>
{{if eq .Status "payment_unpaid"}}<button name="play" value="begin">It is seen, and not delivered yet</button>{{end}}
<button name="play" value="bounce">It bounces</button>
{{if eq .Status "payment_unpaid"}}<button name="play" value="expire">Nobody pays in time</button>{{end}}{{end}}
{{if not .Refund}}<button name="play" value="refund">It is refunded</button>{{end}}
</form></main></body></html>`))

// page shows one payment to its payer, and does what he chooses.
func (g *Gateway) page(w http.ResponseWriter, r *http.Request) {
	id := path.Base(r.URL.Path)
	header := w.Header()
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	p, known := g.payment(id)
	switch {
	case !known:
		http.Error(w, "There is no such payment.", http.StatusNotFound)
	case r.Method == http.MethodGet:
		header.Set("Content-Type", "text/html; charset=utf-8")
		_ = payPage.Execute(w, p) // the reader has gone
	case r.Method == http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
		if !sameSite(r) {
			http.Error(w, "This form is of another site.", http.StatusForbidden)
			return
		}
		if err := g.play(r, p); err != nil {
			http.Error(w, "This cannot become of the payment any more.", http.StatusConflict)
			return
		}
		header.Set("Location", id)
		w.WriteHeader(http.StatusSeeOther)
	default:
		http.Error(w, "GET or POST", http.StatusMethodNotAllowed)
	}
}

func sameSite(r *http.Request) bool {
	from := r.Header.Get("Sec-Fetch-Site")
	return from == "" || from == "same-origin"
}

func (g *Gateway) play(r *http.Request, p Payment) error {
	ctx := r.Context()
	switch r.PostFormValue("play") {
	case playPay:
		return g.Complete(ctx, p.ID, "")
	case playUnderpay:
		return g.Complete(ctx, p.ID, half(p.Amount))
	case playBegin:
		return g.Begin(ctx, p.ID)
	case playBounce:
		return g.Bounce(ctx, p.ID)
	case playRefund:
		return g.Refund(ctx, p.ID)
	case playExpire:
		return g.Expire(p.ID)
	}
	return nil
}

func (g *Gateway) payment(id string) (Payment, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.payments[id]; p != nil {
		return *p, true
	}
	for _, p := range g.payments { // a payer who was given the order's id, or the request's
		if id != "" && (p.External == id || p.Metadata["orderId"] == id) {
			return *p, true
		}
	}
	return Payment{}, false
}

// half is half of a decimal, rounded down to its own decimals.
func half(amount string) string {
	digits := []byte(amount)
	carry := 0
	for i, c := range digits {
		if c == '.' {
			continue
		}
		n := carry*10 + int(c-'0')
		digits[i], carry = byte('0'+n/2), n%2
	}
	whole, fraction, dotted := strings.Cut(string(digits), ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if !dotted {
		return whole
	}
	return whole + "." + fraction
}
