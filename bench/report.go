package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
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
	payouts               []paid
	quotes                []cell
	lists                 []listed
	statements            []statement
	imported              []imported
	screened              screened
	reported              reported
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

	if len(r.cells) > 0 {
		p("## Creating orders\n")
		p("Durable creation over HTTP, one merchant: key, checks, address, order, event and every index, synced before the answer. Medians over the")
		p("pairs; `ratio` is the server's rate over that of the echo server just before it (lowest to highest pair behind it). `us` is processor")
		p("time for each order: of the server's process and of PostgreSQL's, whose part stands beside it. The clients read and write their sockets themselves,")
		p("with as little work as there can be, and the echo reads JSON as the server does. Where it says plain, clients and echo are as one writes them at first: Go's own")
		p("HTTP client, the same in both halves of a pair, and encoding/json in the echo.\n")
		p("| database | clients | ratio | pairs | orders/s | p50 ms | p99 ms | us | of it PostgreSQL's | echo/s | echo us | echo p50 ms | p99 in echo p50s |")
		p("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
		for _, c := range r.cells {
			p("%s", c.row())
		}
	}
	if len(r.payouts) > 0 {
		p("\n## Payouts from one balance\n")
		p("Durable creation of PAYOUT orders of the Koywe API, each of which holds %s COP of one merchant's one balance; `ratio` is their rate over that of", payoutText)
		p("PayIn orders, created by as many clients on the same server just before. The goal is 0.6. The server delivers payouts on the sandbox's")
		p("rail while it takes more, and that is part of `us`; the last columns say how long it went on after a run, what a payout took of the processors from its request until all were")
		p("delivered, and what the balance lost by all runs:")
		p("exactly the sum of the payouts that were accepted, then and when all of them were delivered, or there would be no line.\n")
		p("| database | clients | ratio | pairs | payouts/s | p50 ms | p99 ms | us | of it PostgreSQL's | orders/s | order us | order p50 ms | p99 in order p50s | delivered s later | us until delivered | accepted | balance fell by COP |")
		p("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
		for _, c := range r.payouts {
			p("%s %.1f | %.0f | %d | %s |", c.row(), c.settled, c.whole, c.count, c.fell.Decimal())
		}
	}
	if len(r.quotes) > 0 {
		p("\n## Quotes\n")
		p("Executable quotes of the Koywe API, priced with a spread, a fee and a tax, and kept durably for the order that may use them. `ratio` is the")
		p("server's rate over that of the echo server, which reads and checks the same requests, just before it.\n")
		p("| database | clients | ratio | pairs | quotes/s | p50 ms | p99 ms | us | of it PostgreSQL's | echo/s | echo us | echo p50 ms | p99 in echo p50s |")
		p("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
		for _, c := range r.quotes {
			p("%s", c.row())
		}
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
	if len(r.statements) > 0 {
		p("\n## Statements of banks\n")
		p("A file of %d lines is read and checked, made line by line while it is read, in this process. `more MiB` is how much the heap in use grew at most.\n", statementLines)
		p("| format | MiB | s | lines/s | more MiB |")
		p("| --- | ---: | ---: | ---: | ---: |")
		for _, s := range r.statements {
			p("| %s | %.1f | %.1f | %.0f | %.1f |", s.format, s.size, s.took.Seconds(), statementLines/s.took.Seconds(), s.memory)
		}
	}
	if len(r.imported) > 0 {
		p("\n## Bookings of banks\n")
		p("A camt.053 of %d lines on disk is imported as a server does: read once to check it and once more to book it. Every second line pays an open order by its", r.imported[0].lines)
		p("reference, the others go to suspense. `CPU s` is this process's and that of a PostgreSQL started here; `more MiB` is how much the resident memory of this process grew at")
		p("most, PostgreSQL's not counted. The limit is reading the same file once, just before, and keeping nothing; `ratio` is of the rates.\n")
		p("| database | lines | of orders | MiB | s | lines/s | CPU s | more MiB | limit s | limit lines/s | ratio |")
		p("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
		for _, i := range r.imported {
			p("| %s | %d | %d | %.1f | %.1f | %.0f | %.1f | %.1f | %.1f | %.0f | **%.2f** |", i.database, i.lines, i.matched, i.size, i.took.Seconds(), i.rate(), i.cpu.Seconds(), i.memory,
				i.limit.Seconds(), i.limitRate(), i.rate()/i.limitRate())
		}
	}
	if s := r.screened; s.entries > 0 {
		p("\n## Screening\n")
		p("A list of %d people, in this process, and %d names looked up on it one after the other: listed ones, every second of them mistyped, and as many others.\n", s.entries, s.looks)
		p("| entries | s to make | MiB | MiB from the system while it is made | p50 ms | p99 ms |")
		p("| ---: | ---: | ---: | ---: | ---: | ---: |")
		p("| %d | %.1f | %.0f | %.0f | %.2f | %.2f |", s.entries, s.build.Seconds(), s.memory, s.peak, s.p50, s.p99)
	}
	if s := r.reported; s.lines > 0 {
		p("\n## Reports\n")
		p("The report of %d orders with notes as CSV, in this process, on SQLite; the memory is the most that was in use on the way, behind what was there before.\n", s.lines)
		p("| orders | MB | s | orders/s | MiB |")
		p("| ---: | ---: | ---: | ---: | ---: |")
		p("| %d | %.0f | %.1f | %.0f | %.1f |", s.lines, float64(s.bytes)/1e6, s.took.Seconds(), float64(s.lines)/s.took.Seconds(), s.memory)
	}
	if r.rest.orders > 0 {
		p("\n## At rest\n")
		p("A server started on %d orders, a quarter of them waiting for their payment: ready %.0f ms after exec (median of %d starts),", r.rest.orders, r.rest.ready, starts)
		p("%.1f MiB of anonymous memory %s later.", r.rest.memory, settleTime)
	}
	return b.String()
}

// row is the columns that every table of creations has.
func (c cell) row() string {
	clients := strconv.Itoa(c.clients)
	if c.library {
		clients += ", plain"
	}
	return fmt.Sprintf("| %s | %s | **%.2f** | %.2f to %.2f | %.0f | %.2f | %.2f | %.0f | %.0f | %.0f | %.0f | %.2f | %.1f |", c.database, clients, c.ratio, c.worst, c.best,
		c.own.rate, c.own.p50, c.own.p99, c.own.cpu, c.own.database, c.base.rate, c.base.cpu, c.base.p50, c.own.p99/c.base.p50)
}

func kernel() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "(unknown)"
	}
	return strings.TrimSpace(string(text))
}
