package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"till/internal/operator/client"
)

type instrumentCommand struct {
	List      instrumentList      `cmd:"" help:"List a pool's addresses and references."`
	Counts    instrumentCounts    `cmd:"" help:"Count a pool by state."`
	Import    instrumentImport    `cmd:"" help:"Add the addresses of a file to a pool."`
	Archive   instrumentArchive   `cmd:"" help:"Take an address out of use."`
	Unarchive instrumentUnarchive `cmd:"" help:"Take an address back into use."`
	Release   instrumentRelease   `cmd:"" help:"End an address's quarantine, after a look at the money that came there."`
}

// pool is which pool a command is about.
type pool struct {
	Merchant string `default:"default" help:"Whose pool; :house is the operator's own."`
	Mode     string `enum:"live,sandbox" required:"" help:"live or sandbox."`
	Family   string `default:"evm" help:"What shares addresses: evm is every Ethereum-like chain."`
}

func (p pool) ref(address string) client.InstrumentRef {
	return client.InstrumentRef{Merchant: p.Merchant, Mode: p.Mode, Family: p.Family, Address: address}
}

type instrumentList struct {
	remote `embed:""`
	pool   `embed:""`
	Limit  int `default:"100" help:"At most as many."`
}

func (c *instrumentList) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	list := []client.Instrument{}
	err = pages(c.Limit, func(after string, n int) (int, string, error) {
		page, err := api.Instruments(t, client.InstrumentQuery{Merchant: c.Merchant, Mode: c.Mode, Family: c.Family, After: after, Limit: n})
		list = append(list, page.Instruments...)
		return len(page.Instruments), page.Next, err
	})
	if err != nil {
		return err
	}
	return c.show(t, list, func(w io.Writer) {
		row(w, "ADDRESS", "STATE", "ORDER", "RESTS UNTIL")
		for _, i := range list {
			row(w, i.Address, i.State, dash(cmp.Or(i.Order, i.Reference)), momentOf(i.RestUntil))
		}
	})
}

type instrumentCounts struct {
	remote `embed:""`
	pool   `embed:""`
}

func (c *instrumentCounts) Run(t *terminal) error {
	api, err := c.client()
	if err != nil {
		return err
	}
	got, err := api.Counts(t, c.Merchant, c.Mode, c.Family)
	if err != nil {
		return err
	}
	return c.show(t, got, func(w io.Writer) {
		row(w, "available", got.Available)
		row(w, "allocated", got.Allocated)
		row(w, "bound", got.Bound)
		row(w, "cooldown", got.Cooldown)
		row(w, "quarantined", got.Quarantined)
		row(w, "used", got.Used)
		row(w, "archived", got.Archived)
		row(w, "total", got.Total)
	})
}

type instrumentImport struct {
	remote `embed:""`
	pool   `embed:""`
	File   string `arg:"" type:"path" help:"One address on each line, or a CSV with a column named address (else its first). Lines that begin with # are passed over. - is standard input."`
}

// batch is how many addresses one request adds.
const batch = 500

func (c *instrumentImport) Run(t *terminal) error {
	list, err := readAddresses(c.File)
	if err != nil {
		return err
	}
	api, err := c.client()
	if err != nil {
		return err
	}
	var all client.InstrumentsImported
	for begin := 0; begin < len(list); begin += batch {
		part := list[begin:min(begin+batch, len(list))]
		ask := client.InstrumentImport{Merchant: c.Merchant, Mode: c.Mode, Family: c.Family}
		for _, a := range part {
			ask.Addresses = append(ask.Addresses, a.value)
		}
		got, err := api.ImportInstruments(t, ask)
		if err != nil {
			return fmt.Errorf("%s: %w (of this file %d are imported)", lineOf(c.File, part, err), err, begin)
		}
		all.Added += got.Added
		all.Present += got.Present
		if len(list) > batch {
			fmt.Fprintf(t.err, "\r%d of %d", begin+len(part), len(list))
		}
	}
	if len(list) > batch {
		fmt.Fprintln(t.err)
	}
	return c.show(t, all, func(w io.Writer) { row(w, all.Added, "addresses added, "+strconv.Itoa(all.Present)+" were there") })
}

// listed is an address in a file.
type listed struct {
	line  int
	value string
}

// lineOf is the file and, where the refusal names one of the addresses, its line.
func lineOf(file string, part []listed, err error) string {
	if p, ok := errors.AsType[*client.Problem](err); ok {
		var i int
		if _, err := fmt.Sscanf(p.Param, "addresses[%d]", &i); err == nil && i < len(part) {
			return file + ", line " + strconv.Itoa(part[i].line)
		}
	}
	return file
}

func readAddresses(path string) ([]listed, error) {
	var in io.Reader = os.Stdin
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		in = file
	}
	return scanAddresses(in, path)
}

// scanAddresses reads lines, or a CSV whose first line names the columns.
func scanAddresses(in io.Reader, name string) ([]listed, error) {
	var list []listed
	column, line := 0, 0
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line++
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if text == "" || text[0] == '#' {
			continue
		}
		cells := strings.Split(text, ",")
		for i := range cells {
			cells[i] = strings.Trim(strings.TrimSpace(cells[i]), `"`)
		}
		isAddress := func(cell string) bool { return strings.EqualFold(cell, "address") }
		if at := slices.IndexFunc(cells, isAddress); at >= 0 && len(list) == 0 {
			column = at
			continue
		}
		if column >= len(cells) || cells[column] == "" {
			return nil, fmt.Errorf("%s, line %d: no address", name, line)
		}
		list = append(list, listed{line, cells[column]})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s, line %d: %w", name, line+1, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s holds no address", name)
	}
	return list, nil
}

type instrumentArchive struct {
	remote  `embed:""`
	pool    `embed:""`
	Address string `arg:"" help:"The address."`
}

func (c *instrumentArchive) Run(t *terminal) error {
	return c.keep(t, c.ref(c.Address), (*client.Client).ArchiveInstrument)
}

type instrumentUnarchive struct {
	remote  `embed:""`
	pool    `embed:""`
	Address string `arg:"" help:"The address."`
}

func (c *instrumentUnarchive) Run(t *terminal) error {
	return c.keep(t, c.ref(c.Address), (*client.Client).UnarchiveInstrument)
}

type instrumentRelease struct {
	remote  `embed:""`
	pool    `embed:""`
	Address string `arg:"" help:"The address."`
}

func (c *instrumentRelease) Run(t *terminal) error {
	return c.keep(t, c.ref(c.Address), (*client.Client).ReleaseInstrument)
}

// keep changes how an address is kept.
func (r remote) keep(t *terminal, ref client.InstrumentRef, change func(*client.Client, context.Context, client.InstrumentRef) (client.Instrument, error)) error {
	api, err := r.client()
	if err != nil {
		return err
	}
	got, err := change(api, t, ref)
	if err != nil {
		return err
	}
	return r.show(t, got, func(w io.Writer) { row(w, got.Address, "is "+got.State) })
}
