package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"till/internal/app"
	"till/internal/simchain"
	"till/internal/web"
)

// The network and token that orders are for. The chain is in this process; its blocks are slow, because it is not what is measured.
const (
	network    = "bench"
	token      = "USDT"
	tokenScale = 6
	blockTime  = 3 * time.Second
	ordersPath = "/payin/api/v1/orders"
	importPath = "/operator/v1/instruments" // a merchant's own imports end at 10,000

	// what quotes are made of; orders and payouts exchange nothing, and have no price
	exchange = "[rates]\nfixed = [\"USD/COP 4000\"]\n[[pricing]]\nkind = \"BALANCE_TRANSFER\"\nfrom = \"COP\"\nto = \"USD\"\nspread = 50\npercent = 100\nfixed = \"1500\"\ntax = 1900\n"
)

// bench is what all measurements share.
type bench struct {
	options
	dir          string
	clientCounts []int
	program      string // the built till
	chain        *simchain.Chain
	echo         *process
	library      bool   // the clients of a run use net/http
	runs         int    // so far: numbers references
	addresses    uint64 // made so far
	folders      int
	postgres     *postgres // nil: none
}

// prepare starts what stands beside the servers and builds the program (a profile is taken of a child of this one instead).
func (b *bench) prepare(ctx context.Context) (err error) {
	for text := range strings.SplitSeq(b.options.clients, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 1 || n > 1000 {
			return fmt.Errorf("-clients: %q is not a number from 1 to 1000", text)
		}
		b.clientCounts = append(b.clientCounts, n)
	}
	if b.chain, err = simchain.Start(simchain.Config{BlockTime: blockTime}); err != nil {
		return err
	}
	b.chain.Mine(4)
	if b.echo, err = startChild(ctx, childEcho); err != nil {
		return err
	}
	if b.profile != "" && b.on == "" {
		b.on, b.delay = "SQLite", 0
	}
	if b.postgres, err = openPostgres(ctx, b.options.postgres, b.dir); err != nil || b.profile != "" {
		return err
	}
	b.program = filepath.Join(b.dir, "till")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.program, "till/cmd/till")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, said)
	}
	return nil
}

func (b *bench) close() {
	if b.echo != nil {
		b.echo.stop()
	}
	if b.chain != nil {
		b.chain.Close()
	}
	if b.postgres != nil {
		b.postgres.remove()
	}
}

// A database is one that orders are created on.
type database struct {
	name     string
	delay    time.Duration // at each sync
	postgres bool
}

func (b *bench) databases() []database {
	list := []database{{name: "SQLite"}}
	if b.delay > 0 {
		list = append(list, database{name: fmt.Sprintf("SQLite, sync + %s", b.delay), delay: b.delay})
	}
	if b.postgres != nil {
		list = append(list, database{name: "PostgreSQL", postgres: true})
	}
	return slices.DeleteFunc(list, func(on database) bool { return !strings.HasPrefix(on.name, b.on) })
}

// server is a till with its merchant's keys.
type server struct {
	*process
	key      string
	operator string
	pair     keyPair
	token    string // that the pair was signed in for; empty before

	free  int // addresses in the pool
	guess int // how many the next run of orders may want
}

// keyPair is a key of two parts.
type keyPair struct {
	APIKey string `json:"apiKey"`
	Secret string `json:"secret"`
}

// folder makes a new folder with the config of a server in it.
func (b *bench) folder(databaseURL string) (string, error) {
	b.folders++
	dir := filepath.Join(b.dir, strconv.Itoa(b.folders))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	contract := b.chain.Tokens()[token].Address.Hex()
	config := fmt.Sprintf("[server]\naddr = \"127.0.0.1:0\"\n[log]\nlevel = \"warn\"\n[database]\nurl = %q\n[networks.%s]\nname = \"Bench\"\nchain_id = %d\nmode = \"sandbox\"\n"+
		"rpc = [%q]\nconfirmations = 3\npoll = \"1s\"\ntokens = [{ code = %q, decimals = %d, contract = %q }]\n%s",
		databaseURL, network, b.chain.ChainID(), b.chain.RPCURL(), token, tokenScale, contract, exchange)
	return dir, os.WriteFile(configOf(dir), []byte(config), 0o600)
}

func configOf(dir string) string { return filepath.Join(dir, "till.toml") }

// serve starts a till on a folder and waits until it takes orders.
func (b *bench) serve(ctx context.Context, dir string, on database) (*server, error) {
	var p *process
	var err error
	if b.profile != "" || on.delay > 0 {
		p, err = startChild(ctx, childServe, configOf(dir), on.delay.String(), b.profile)
	} else {
		p, err = start(ctx, b.program, "serve", "--config", configOf(dir))
	}
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	if err = s.readKeys(dir); err == nil {
		err = s.ready(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return s, nil
}

// readKeys reads the test keys and the operator's token that the first start made.
func (s *server) readKeys(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, app.FirstKeysFile))
	if err != nil {
		return err
	}
	var keys struct {
		Operator string `json:"operator_token"`
		APIKeys  struct {
			PayIn struct {
				Test string `json:"test"`
			} `json:"payin"`
			Koywe struct {
				Test keyPair `json:"test"`
			} `json:"koywe"`
		} `json:"api_keys"`
	}
	if err := json.Unmarshal(text, &keys); err != nil {
		return err
	}
	s.key, s.operator, s.pair = keys.APIKeys.PayIn.Test, keys.Operator, keys.APIKeys.Koywe.Test
	return nil
}

// ready waits until the server's watcher has told of the chain.
func (s *server) ready(ctx context.Context) error {
	deadline := time.Now().Add(30 * time.Second)
	for {
		var said struct {
			Networks map[string]struct {
				Reasons []string `json:"reasons"`
			} `json:"networks"`
		}
		err := s.call(ctx, http.MethodGet, "/readyz", nil, &said)
		told := err == nil
		for _, reason := range said.Networks[network].Reasons {
			told = told && reason == "no_addresses"
		}
		if told {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not watch the chain: %v %v", said, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// call asks the server and reads its JSON into out; any status but 2xx is an error.
func (s *server) call(ctx context.Context, method, path string, body io.Reader, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(path, "/operator/"):
		r.Header.Set("Authorization", "Bearer "+s.operator)
	case strings.HasPrefix(path, koywePath):
		if s.token != "" {
			r.Header.Set("Authorization", "Bearer "+s.token)
		}
	default:
		r.Header.Set("X-API-Key", s.key)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, answer.Status, text)
	}
	return json.Unmarshal(text, out)
}

// stock imports new addresses into the merchant's pool.
func (b *bench) stock(ctx context.Context, s *server, n int) error {
	for n > 0 {
		var rows []string
		for range min(n, 1000) {
			rows = append(rows, strconv.Quote(b.address()))
		}
		n -= len(rows)
		var said struct{ Added int }
		if err := s.call(ctx, http.MethodPost, importPath, strings.NewReader(`{"merchant":"default","mode":"sandbox","addresses":[`+strings.Join(rows, ",")+`]}`), &said); err != nil {
			return err
		}
		if said.Added != len(rows) {
			return fmt.Errorf("%d of %d addresses were imported", said.Added, len(rows))
		}
	}
	return nil
}

func (b *bench) address() string {
	b.addresses++
	return address(b.seed, b.addresses)
}

// address is the n-th of a seed: an account nobody has a key of. Its digits are spread as those of true ones are.
func address(seed, n uint64) string {
	const odd = 0x9e3779b97f4a7c15 // 2^64 over the golden ratio: multiples of it are spread evenly
	return fmt.Sprintf("0x%016x%08x%016x", n*odd, uint32(seed), n)
}

// A pair is a run of what is measured, and right before it one of what it is compared with: the echo, or orders.
type pair struct {
	base, own result
	ratio     float64
}

// cell is a line of a table: medians over pairs.
type cell struct {
	database  string
	clients   int
	library   bool // the clients use net/http, and the echo encoding/json
	pairs     []pair
	ratio     float64
	worst     float64
	best      float64
	base, own result
}

// open starts a server on a new database. close ends both.
func (b *bench) open(ctx context.Context, on database) (s *server, close func() error, err error) {
	url, drop := databaseFile, func() error { return nil }
	if on.postgres {
		if url, drop, err = b.postgres.database(ctx); err != nil {
			return nil, nil, err
		}
	}
	dir, err := b.folder(url)
	if err != nil {
		return nil, nil, errors.Join(err, drop())
	}
	if s, err = b.serve(ctx, dir, on); err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir), drop())
	}
	if on.postgres {
		s.database = b.postgres
	}
	return s, func() error { return errors.Join(s.stop(), os.RemoveAll(dir), drop()) }, nil
}

// create measures the creation of orders on a new database, beside the echo.
func (b *bench) create(ctx context.Context, on database, clients int, library bool) (c cell, err error) {
	b.library = library
	defer func() { b.library = false }()
	s, close, err := b.open(ctx, on)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, close()) }()

	path := echoPath
	if library {
		path = echoPlainPath
	}
	c = cell{database: on.name, clients: clients, library: library}
	total := 0
	for range b.pairs {
		if err := b.stockFor(ctx, s, clients); err != nil {
			return c, err
		}
		var p pair
		if p.base, err = b.load(ctx, b.echo, orderRequest(b.echo.host(), path, s.key, b.seed), clients); err != nil {
			return c, fmt.Errorf("echo: %w", err)
		}
		b.markProfile(s.process)
		if p.own, err = b.orders(ctx, s, clients); err != nil {
			return c, err
		}
		b.markProfile(s.process)
		c.add(p)
		total += p.own.requests
	}
	if err := s.has(ctx, total); err != nil {
		return c, err
	}
	c.medians()
	return c, nil
}

// stockFor imports what a run of orders may want of addresses.
func (b *bench) stockFor(ctx context.Context, s *server, clients int) error {
	if s.guess == 0 {
		s.guess = int(b.run.Seconds()*1.2*20_000) * min(clients, 8) / 8 // more than there can be at first
	}
	if s.free >= s.guess {
		return nil
	}
	if err := b.stock(ctx, s, s.guess-s.free); err != nil {
		return err
	}
	s.free = s.guess
	return nil
}

// orders is one run of orders, for which stockFor has imported addresses.
func (b *bench) orders(ctx context.Context, s *server, clients int) (result, error) {
	r, err := b.load(ctx, s.process, orderRequest(s.host(), ordersPath, s.key, b.seed), clients)
	s.free -= r.requests
	s.guess = 2 * r.requests
	return r, err
}

// markProfile begins or ends a profile, where one is asked for.
func (b *bench) markProfile(p *process) {
	if b.profile != "" {
		p.cmd.Process.Signal(syscall.SIGUSR1)
	}
}

func (b *bench) load(ctx context.Context, p *process, r request, clients int) (result, error) {
	b.runs++
	return load{request: r, host: p.host(), run: b.runs, clients: clients, length: b.run, library: b.library, process: p, next: new(atomic.Int64)}.start(ctx)
}

// has checks that every order that was answered is on record.
func (s *server) has(ctx context.Context, total int) error {
	var page struct {
		Pagination struct{ Total int }
	}
	if err := s.call(ctx, http.MethodGet, ordersPath+"?limit=1", nil, &page); err != nil {
		return err
	}
	if page.Pagination.Total != total {
		return fmt.Errorf("%d orders were created and %d are on record", total, page.Pagination.Total)
	}
	return nil
}

func (c *cell) add(p pair) {
	p.ratio = p.own.rate / p.base.rate
	c.pairs = append(c.pairs, p)
}

func (c *cell) medians() {
	c.ratio = medianOf(c.pairs, func(p pair) float64 { return p.ratio })
	c.worst, c.best = c.pairs[0].ratio, c.pairs[0].ratio
	for _, p := range c.pairs {
		c.worst, c.best = min(c.worst, p.ratio), max(c.best, p.ratio)
	}
	of := func(which func(pair) result) result {
		return result{
			rate: medianOf(c.pairs, func(p pair) float64 { return which(p).rate }),
			p50:  medianOf(c.pairs, func(p pair) float64 { return which(p).p50 }),
			p99:  medianOf(c.pairs, func(p pair) float64 { return which(p).p99 }),
			cpu:  medianOf(c.pairs, func(p pair) float64 { return which(p).cpu }),

			database: medianOf(c.pairs, func(p pair) float64 { return which(p).database }),
		}
	}
	c.base = of(func(p pair) result { return p.base })
	c.own = of(func(p pair) result { return p.own })
}

// Children.

// childFlag is the first argument of this program when it is a child of itself.
const childFlag = "-child"

const (
	childEcho  = "echo"
	childServe = "serve"
	childFill  = "fill"
)

func child(role string, args []string) error {
	switch {
	case role == childEcho:
		return echoChild()
	case role == childServe && len(args) == 3:
		return serveChild(args[0], args[1], args[2])
	case role == childFill && len(args) == 4:
		return fillChild(args)
	}
	return fmt.Errorf("unknown child %q", role)
}

func echoChild() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on http://" + listener.Addr().String())
	return web.NewServer("", http.HandlerFunc(echo)).Serve(listener)
}

// serveChild is till serve with what the program itself must not have: a pause at each sync, or a profile of the CPU from one SIGUSR1
// to the next.
func serveChild(config, delay, profile string) error {
	pause, err := time.ParseDuration(delay)
	if err != nil {
		return err
	}
	ctx, stop := signalContext()
	defer stop()
	cfg, err := app.LoadConfig(config, os.Getenv, os.Stderr)
	if err != nil {
		return err
	}
	cfg.SyncPause = pause
	app.TradeMemory()
	a, err := app.Start(ctx, cfg)
	if err != nil {
		return err
	}
	if _, err := a.FirstStart(ctx, filepath.Join(cfg.Dir, app.FirstKeysFile)); err != nil {
		return err
	}
	if profile != "" {
		defer profileOnSignal(profile)()
	}
	fmt.Println("listening on", a.URL())
	<-ctx.Done()
	return a.Stop(context.Background())
}

// profileOnSignal begins a profile at a SIGUSR1 and ends it at the next; a later one takes the place of an earlier one. The function it
// returns ends the last.
func profileOnSignal(path string) (stop func()) {
	signals, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(signals, syscall.SIGUSR1)
	go func() {
		defer close(done)
		var file *os.File
		for range signals {
			if file != nil {
				pprof.StopCPUProfile()
				file.Close()
				file = nil
				continue
			}
			var err error
			if file, err = os.Create(path); err == nil {
				err = pprof.StartCPUProfile(file)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "bench: no profile:", err)
				return
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-done
	}
}

// process is a child that serves HTTP.
type process struct {
	cmd      *exec.Cmd
	url      string
	database *postgres // whose processor time counts too; nil: none
}

func (p *process) host() string { return strings.TrimPrefix(p.url, "http://") }

func startChild(ctx context.Context, role string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return start(ctx, self, append([]string{childFlag, role}, args...)...)
}

// start starts a program that says where it listens.
func start(ctx context.Context, program string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, program, args...)}
	p.cmd.Stderr = os.Stderr
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 15 * time.Second
	said, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if at, found := strings.CutPrefix(lines.Text(), "listening on "); found {
			if _, err := url.Parse(at); err != nil {
				return nil, errors.Join(err, p.stop())
			}
			p.url = at
			go io.Copy(io.Discard, said)
			return p, nil
		}
	}
	return nil, fmt.Errorf("%s %s did not start: %w", program, strings.Join(args, " "), p.cmd.Wait())
}

// stop ends it and waits for its end.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	err := p.cmd.Wait()
	if signalled, ok := errors.AsType[*exec.ExitError](err); ok && signalled.ExitCode() == -1 {
		return nil // a child without a handler ends by the signal
	}
	return err
}

// cpu is the processor time that it and its database have used, from Linux's /proc (hundredths of a second), and the database's part.
func (p *process) cpu() (all, database time.Duration, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	_, own, err := readStat(string(text))
	database, err2 := p.database.cpu()
	return own + database, database, errors.Join(err, err2)
}

// readStat reads a process's parent and processor time from its line in /proc (proc(5)).
func readStat(line string) (parent int, used time.Duration, err error) {
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:]) // behind the name, which may hold anything
	if len(fields) < 13 {
		return 0, 0, errors.New("/proc/PID/stat is not what it was expected to be")
	}
	var numbers [3]int
	for i, at := range []int{1, 11, 12} {
		if numbers[i], err = strconv.Atoi(fields[at]); err != nil {
			return 0, 0, err
		}
	}
	return numbers[0], time.Duration(numbers[1]+numbers[2]) * 10 * time.Millisecond, nil
}

// anonymous is the memory it has for itself, in bytes.
func (p *process) anonymous() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if size, found := strings.CutPrefix(line, "Anonymous:"); found {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(size), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("smaps_rollup has no line Anonymous")
}
