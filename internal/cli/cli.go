// Package cli is the command line: one file per subcommand. serve, dev and demo own the server they
// start; verify, backup, restore, migrate and key rotate-master work on a database; every other command is
// a client of the operator API.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// Version is set at build time.
var Version = "dev"

type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the server that a config file describes."`
	Init    initCommand    `cmd:"" help:"Write a config file with every key, its default and what it means."`
	Dev     devCommand     `cmd:"" help:"Run a server with a chain of its own, to write a client against."`
	Demo    demoCommand    `cmd:"" help:"Show orders being paid on a real chain, and check every step."`
	Verify  verifyCommand  `cmd:"" help:"Prove the books, beside a server that may be running."`
	Backup  backupCommand  `cmd:"" help:"Copy a SQLite database, beside a server that may be running."`
	Restore restoreCommand `cmd:"" help:"Make a SQLite database of a copy."`
	Migrate migrateCommand `cmd:"" help:"Bring a database's schema up to date, as serve does at its start."`

	Order        orderCommand        `cmd:"" help:"Orders of every API."`
	Ledger       ledgerCommand       `cmd:"" help:"What was booked."`
	Webhook      webhookCommand      `cmd:"" help:"What is told to merchants."`
	Notification notificationCommand `cmd:"" help:"What is told to customers."`
	Merchant     merchantCommand     `cmd:"" help:"Who sells."`
	Customer     customerCommand     `cmd:"" help:"Who pays merchants, or is paid by them."`
	Account      accountCommand      `cmd:"" help:"Bank accounts and wallets that money can be sent to."`
	Key          keyCommand          `cmd:"" help:"API keys, operators' tokens and the master key."`
	User         userCommand         `cmd:"" help:"People who log in with a password."`
	Product      productCommand      `cmd:"" help:"What merchants sell to users who log in."`
	Application  applicationCommand  `cmd:"" help:"Client applications at which users log in."`
	Clock        clockCommand        `cmd:"" help:"The sandbox's clock."`
	Sandbox      sandboxCommand      `cmd:"" help:"Payments that are made up, to try things out."`
	Instrument   instrumentCommand   `cmd:"" help:"Addresses and references that orders are paid to."`
	Bank         bankCommand         `cmd:"" help:"Accounts at banks: statements in, payment files out."`
	Rate         rateCommand         `cmd:"" help:"Exchange rates."`
	Screen       screenCommand       `cmd:"" help:"Look a name or an address up on the lists of whom not to deal with."`
	Review       reviewCommand       `cmd:"" help:"Orders about which a person must decide."`
	Suspense     suspenseCommand     `cmd:"" help:"Money that came and did not fit."`
	Delivery     deliveryCommand     `cmd:"" help:"What leaves the house and waits for a second person."`
	Report       reportCommand       `cmd:"" help:"Tables of orders and payments, as CSV."`
	Short        shortCommand        `cmd:"" help:"Money that is missing."`

	Version versionCommand `cmd:"" help:"Print the version."`
}

// terminal is what a command talks to.
type terminal struct {
	context.Context
	in       io.Reader
	out, err io.Writer
}

// Run runs the program with its arguments (without its name) and returns the exit status.
func Run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, stdout, stderr)
}

// run is Run until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	t := &terminal{Context: ctx, in: os.Stdin, out: stdout, err: stderr}

	status := -1
	parser, err := kong.New(&commands{},
		kong.Name("till"), kong.Description("A self-hosted payment-order server."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { status = code }), kong.UsageOnError())
	if err != nil {
		fmt.Fprintln(stderr, "till:", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if status >= 0 { // --help
		return status
	}
	if err != nil {
		fmt.Fprintln(stderr, "till:", err)
		return 2
	}
	if err := parsed.Run(t); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "till:", oneLine(err))
		return 1
	}
	return 0
}

// oneLine is an error as whoever reads a log line by line needs it.
func oneLine(err error) string {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(strings.TrimSpace(line), ":")
	}
	return strings.Join(slices.Compact(lines), ": ") // pgx tells of an address twice: with TLS and without
}

type versionCommand struct{}

func (versionCommand) Run(t *terminal) error {
	fmt.Fprintln(t.out, "till", Version)
	return nil
}
