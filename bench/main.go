// Command bench measures how fast orders, payouts and quotes are created, durably and over HTTP, how fast statements of banks are read and booked and names are screened, and what a server costs at rest. It is not a test: it takes
// minutes, it wants the machine for itself, and it fails only when something cannot be measured.
//
//	go run ./bench            writes bench/RESULTS.md and prints it
//	go run ./bench -short     a look of twenty seconds; writes nothing
//
// Absolute figures differ from machine to machine and from minute to minute. So every run of the server stands beside a run, just before
// it, of an echo server: the same clients send the same requests to net/http, which reads, checks and answers them and stores nothing.
// The ratio of the two is the figure to compare. Payouts, which all hold money of one balance, stand beside a run of orders instead.
//
// The server is the program itself (till serve) as a child process, on a database file in a new folder; the chain it watches and the
// clients run in this process. server.go starts them, load.go is the clients, echo.go the echo, postgres.go a PostgreSQL to measure, payouts.go
// and quotes.go what the Koywe API is asked for, fill.go and lists.go what is measured on a database that is full, statements.go the files of
// banks, bookings.go what they book, screening.go names among a million, reports.go reports of a million orders, report.go the tables.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	short    bool
	out      string
	dir      string
	clients  string
	pairs    int
	run      time.Duration
	delay    time.Duration
	list     int
	rest     int
	profile  string
	postgres string
	on       string
	what     string
	lines    int
	seed     uint64
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == childFlag {
		exit(child(os.Args[2], os.Args[3:]))
	}
	var o options
	flag.BoolVar(&o.short, "short", false, "a quick look: one pair for each number of clients, small databases, no file")
	flag.StringVar(&o.out, "out", "bench/RESULTS.md", "the file to write")
	flag.StringVar(&o.dir, "dir", "", "folder for the databases, on the disk to measure; default: the system's temporary folder")
	flag.StringVar(&o.clients, "clients", "1,16,64", "numbers of clients")
	flag.IntVar(&o.pairs, "pairs", 5, "pairs of an echo run and a server run for each number of clients")
	flag.DurationVar(&o.run, "run", 2*time.Second, "length of one run, after a warm-up of a fifth of it")
	flag.DurationVar(&o.delay, "delay", 5*time.Millisecond, "also measure SQLite with this pause at each sync, as of a disk that syncs slowly; 0: do not")
	flag.IntVar(&o.list, "list", 1_000_000, "orders in the larger database whose lists are read; 0: do not read lists")
	flag.IntVar(&o.rest, "rest", 100_000, "orders in the database that is started on; 0: do not measure starts")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile of the server's last run, or of the import of a statement, into this file, and only measure orders on SQLite, or what -what and -on say")
	flag.StringVar(&o.postgres, "postgres", "", "URL of a PostgreSQL server on which databases may be made; default: one is started, where the machine has it")
	flag.StringVar(&o.on, "on", "", "create only on databases whose name begins so: SQLite, PostgreSQL")
	flag.StringVar(&o.what, "what", "", "measure only these, and write no file: orders, payouts, quotes, statements, bookings, screening or reports")
	flag.IntVar(&o.lines, "lines", statementLines, "lines of the statement that is imported, half of them of open orders; 0: import none")
	flag.Uint64Var(&o.seed, "seed", 1, "what addresses and references are made from")
	flag.Parse()
	if o.short {
		o.pairs, o.run, o.delay = 1, time.Second, 0
		o.list, o.rest = min(o.list, 10_000), min(o.rest, 5_000)
		o.lines = min(o.lines, 5_000)
	}
	if o.profile != "" && o.what == "" {
		o.what = whatOrders
	}
	if !slices.Contains([]string{"", whatOrders, whatPayouts, whatQuotes, whatStatements, whatBookings, whatScreening, whatReports}, o.what) {
		exit(fmt.Errorf("-what: %q is none of %s, %s, %s, %s, %s, %s and %s", o.what, whatOrders, whatPayouts, whatQuotes, whatStatements, whatBookings, whatScreening, whatReports))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(measure(ctx, o))
}

// What can be created, the statements of banks, which are read, and imported as bookings, and names, which are looked up on lists.
const (
	whatOrders     = "orders"
	whatPayouts    = "payouts"
	whatQuotes     = "quotes"
	whatStatements = "statements"
	whatBookings   = "bookings"
	whatScreening  = "screening"
	whatReports    = "reports"
)

func (o options) wants(what string) bool { return o.what == "" || o.what == what }

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// measure runs everything and reports it.
func measure(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp(o.dir, "till-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{options: o, dir: dir}
	defer b.close()
	r := report{started: time.Now(), options: o, loadBefore: loadAverage()}
	if b.wants(whatStatements) {
		if r.statements, err = b.statements(ctx); err != nil {
			return err
		}
	}
	if b.wants(whatScreening) {
		if r.screened, err = b.screening(); err != nil {
			return err
		}
	}
	if b.wants(whatReports) {
		if r.reported, err = b.reports(ctx); err != nil {
			return err
		}
	}
	if o.what == whatBookings { // which needs no server
		if b.postgres, err = openPostgres(ctx, o.postgres, dir); err != nil {
			return err
		}
	}
	if !slices.Contains([]string{whatStatements, whatBookings, whatScreening, whatReports}, o.what) {
		if err := b.prepare(ctx); err != nil {
			return err
		}
		if err := b.creations(ctx, &r); err != nil {
			return err
		}
	}
	if b.wants(whatBookings) && o.lines > 0 {
		if r.imported, err = b.bookings(ctx); err != nil {
			return err
		}
	}
	if o.what == "" && o.list > 0 {
		if r.lists, err = b.lists(ctx); err != nil {
			return err
		}
	}
	if o.what == "" && o.rest > 0 {
		if r.rest, err = b.atRest(ctx); err != nil {
			return err
		}
	}
	r.loadAfter = loadAverage()
	r.took = time.Since(r.started)
	text := r.markdown()
	fmt.Print(text)
	if o.short || o.what != "" {
		return nil
	}
	return os.WriteFile(filepath.FromSlash(o.out), []byte(text), 0o644)
}

// creations measures what is created: orders with each number of clients, payouts and quotes with the most.
func (b *bench) creations(ctx context.Context, r *report) error {
	most := slices.Max(b.clientCounts)
	for _, on := range b.databases() {
		if !b.wants(whatOrders) {
			break
		}
		counts := b.clientCounts
		if on.delay > 0 {
			counts = []int{most} // one line tells whether commits are shared
		}
		for _, clients := range counts {
			if err := b.orderCell(ctx, r, on, clients, false); err != nil {
				return err
			}
		}
		if on.delay == 0 && b.profile == "" {
			if err := b.orderCell(ctx, r, on, most, true); err != nil {
				return err
			}
		}
	}
	for _, on := range b.databases() {
		if !b.wants(whatPayouts) {
			break
		}
		c, err := b.payOut(ctx, on, most)
		if err != nil {
			return fmt.Errorf("payouts, %s: %w", on.name, err)
		}
		c.say(whatPayouts, "orders")
		r.payouts = append(r.payouts, c)
	}
	for _, on := range b.databases() {
		if !b.wants(whatQuotes) {
			break
		}
		c, err := b.quotes(ctx, on, most)
		if err != nil {
			return fmt.Errorf("quotes, %s: %w", on.name, err)
		}
		c.say(whatQuotes, "the echo")
		r.quotes = append(r.quotes, c)
	}
	return nil
}

// orderCell measures one line of the table of orders.
func (b *bench) orderCell(ctx context.Context, r *report, on database, clients int, library bool) error {
	c, err := b.create(ctx, on, clients, library)
	if err != nil {
		return fmt.Errorf("%s, %d clients: %w", on.name, clients, err)
	}
	c.say(whatOrders, "the echo")
	r.cells = append(r.cells, c)
	return nil
}

func (c cell) say(what, base string) {
	fmt.Fprintf(os.Stderr, "%s, %s, %d clients: %.2f of %s (%.0f/s), p99 %.1f ms, %.0f us of CPU each, %.0f of them the database's\n",
		what, c.database, c.clients, c.ratio, base, c.own.rate, c.own.p99, c.own.cpu, c.own.database)
}

func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg") // "" where there is none
	return strings.Join(strings.Fields(string(text))[:min(3, len(strings.Fields(string(text))))], " ")
}
