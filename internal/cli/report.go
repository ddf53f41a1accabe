package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"till/internal/operator/client"
)

type reportCommand struct {
	Orders   reportOrders   `cmd:"" help:"A merchant's orders, one line each."`
	Payments reportPayments `cmd:"" help:"The payments of a merchant's orders, one line each."`
}

type (
	reportOrders   struct{ reportOf }
	reportPayments struct{ reportOf }
)

// reportTakes is how long a report may take; a million orders take about a minute.
const reportTakes = time.Hour

type reportOf struct {
	remote   `embed:""`
	Merchant string    `arg:"" help:"The merchant."`
	Mode     string    `enum:"live,sandbox" required:"" help:"live or sandbox."`
	Dialect  string    `default:"glomo" help:"Made through this API. Default: ${default}."`
	From     time.Time `format:"2006-01-02" placeholder:"DAY" help:"The first day that orders were made, in UTC."`
	To       time.Time `format:"2006-01-02" placeholder:"DAY" help:"The last day."`
	Out      string    `type:"path" placeholder:"FILE" help:"Where to write it. Default: to the output."`
}

// Run writes the report of the orders.
func (c *reportOrders) Run(t *terminal) error { return c.write(t, "orders") }

// Run writes the report of the payments.
func (c *reportPayments) Run(t *terminal) error { return c.write(t, "payments") }

func (c *reportOf) write(t *terminal, report string) (err error) {
	api, err := c.within(reportTakes)
	if err != nil {
		return err
	}
	q := client.ReportQuery{Merchant: c.Merchant, Mode: c.Mode, Dialect: c.Dialect, Report: report, From: c.From}
	if !c.To.IsZero() {
		q.To = c.To.AddDate(0, 0, 1).Add(-time.Microsecond)
	}
	if c.Out == "" {
		return api.Report(t, q, t.out)
	}
	// The file appears when it is whole.
	part, err := os.CreateTemp(filepath.Dir(c.Out), "."+filepath.Base(c.Out)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	counted := &counting{to: part}
	if err := errors.Join(api.Report(t, q, counted), part.Sync(), part.Close()); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), c.Out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "%s: %d bytes\n", c.Out, counted.n)
	return err
}

// counting counts what is written.
type counting struct {
	to io.Writer
	n  int64
}

func (c *counting) Write(part []byte) (int, error) {
	n, err := c.to.Write(part)
	c.n += int64(n)
	return n, err
}
