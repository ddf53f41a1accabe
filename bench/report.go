package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// report is everything that was measured.
type report struct {
	options               options
	started               time.Time
	took                  time.Duration
	loadBefore, loadAfter string
	cells                 []cell
	lists                 []listed
	rest                  rest
}

func (r report) markdown() string {
	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	p("# Speed\n")
	p("Written by `make bench` on %s, in %s. What the figures mean is said in [main.go](main.go): ratios can be compared, absolute figures",
		r.started.UTC().Format("2006-01-02 15:04 UTC"), r.took.Round(time.Second))
	p("belong to this machine and this hour.\n")
	p("%s, Linux %s, %d cores, %s; load average %s before and %s after. Clients, server, chain and database share the machine.",
		runtime.GOOS+"/"+runtime.GOARCH, kernel(), runtime.NumCPU(), runtime.Version(), r.loadBefore, r.loadAfter)
	p("Seed %d, %d pairs of runs of %s each.\n", r.options.seed, r.options.pairs, r.options.run)

	p("## Creating orders\n")
	p("Durable creation over HTTP, one merchant: key, checks, address, order, event and every index, synced before the answer. Medians over the")
	p("pairs; `ratio` is the server's rate over that of the echo server just before it (lowest to highest pair behind it). `us` is processor")
	p("time for each order: of the server's process and of PostgreSQL's, whose part stands beside it.\n")
	p("| database | clients | ratio | pairs | orders/s | p50 ms | p99 ms | us | of it PostgreSQL's | echo/s | echo us | echo p50 ms | p99 in echo p50s |")
	p("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
	for _, c := range r.cells {
		p("| %s | %d | **%.2f** | %.2f to %.2f | %.0f | %.2f | %.2f | %.0f | %.0f | %.0f | %.0f | %.2f | %.1f |", c.database, c.clients, c.ratio, c.worst, c.best,
			c.orders.rate, c.orders.p50, c.orders.p99, c.orders.cpu, c.orders.database, c.echo.rate, c.echo.cpu, c.echo.p50, c.orders.p99/c.echo.p50)
	}
	if len(r.lists) > 0 {
		p("\n## Lists\n")
		p("A page of 20 orders and its exact total over HTTP, median of %d reads, of a merchant with %d and with %d orders.\n", pageReads, min(smallList, r.options.list), r.options.list)
		p("| page | ms | ms, larger | times | total |")
		p("| --- | ---: | ---: | ---: | ---: |")
		for _, l := range r.lists {
			p("| %s | %.2f | %.2f | %.1f | %d |", l.name, l.small, l.large, l.large/l.small, l.total)
		}
	}
	if r.rest.orders > 0 {
		p("\n## At rest\n")
		p("A server started on %d orders, a quarter of them waiting for their payment: ready %.0f ms after exec (median of %d starts),", r.rest.orders, r.rest.ready, starts)
		p("%.1f MiB of anonymous memory %s later.", r.rest.memory, settleTime)
	}
	return b.String()
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "(unknown)"
	}
	return strings.TrimSpace(string(text))
}
