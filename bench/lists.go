package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"
)

const smallList = 10_000 // orders in the smaller database

// listed is a line of the table of lists: how long a page takes in the smaller and in the larger database.
type listed struct {
	name         string
	small, large float64 // milliseconds, median
	total        int     // in the larger
}

// lists reads pages of a database of smallList orders, fills it up and reads them again.
func (b *bench) lists(ctx context.Context) (list []listed, err error) {
	dir, err := b.emptied(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	small := min(smallList, b.list)
	before, err := b.fillAndRead(ctx, dir, 0, small)
	if err != nil {
		return nil, err
	}
	after, err := b.fillAndRead(ctx, dir, small, b.list)
	if err != nil {
		return nil, err
	}
	for i, page := range after {
		list = append(list, listed{name: page.name, small: before[i].took, large: page.took, total: page.total})
	}
	return list, nil
}

// fillAndRead adds the orders numbered from to to-1 and reads pages.
func (b *bench) fillAndRead(ctx context.Context, dir string, from, to int) ([]page, error) {
	if err := b.fill(ctx, dir, from, to); err != nil {
		return nil, err
	}
	s, err := b.serve(ctx, dir, database{})
	if err != nil {
		return nil, err
	}
	pages, err := s.readPages(ctx, to)
	return pages, errors.Join(err, s.stop())
}

// emptied is the folder of a server that was started once, so that it has its keys, and holds no order.
func (b *bench) emptied(ctx context.Context) (dir string, err error) {
	if dir, err = b.folder(databaseFile); err != nil {
		return "", err
	}
	s, err := b.serve(ctx, dir, database{})
	if err != nil {
		return "", err
	}
	return dir, s.stop()
}

const pageReads = 101 // of each page; the median counts

// page is one that was read.
type page struct {
	name  string
	took  float64 // milliseconds
	total int
}

// readPages reads pages of a database whose orders are numbered 0 to orders-1.
func (s *server) readPages(ctx context.Context, orders int) ([]page, error) {
	at := func(n int) string {
		return url.QueryEscape(firstOrder.Add(time.Duration(n) * time.Second).Format(time.RFC3339))
	}
	var list []page
	for _, ask := range []struct {
		name, query string
		total       int
	}{
		{"without filter, first page", "", orders},
		{"without filter, last page", fmt.Sprintf("page=%d", orders/20), orders},
		{"by status", "status=pending", orders / 4},
		{"by status, last page", fmt.Sprintf("status=completed&page=%d", orders/40), orders / 2},
		{"by date", "createdAfter=" + at(orders/4) + "&createdBefore=" + at(3*orders/4-1), orders / 2},
		{"by date and status", "status=expired&createdAfter=" + at(orders/4), orders * 3 / 16},
	} {
		var times []time.Duration
		for range pageReads {
			var said struct {
				Data       []struct{ OrderID string }
				Pagination struct{ Total int }
			}
			begin := time.Now()
			if err := s.call(ctx, http.MethodGet, ordersPath+"?"+ask.query, nil, &said); err != nil {
				return nil, err
			}
			times = append(times, time.Since(begin))
			if said.Pagination.Total != ask.total || len(said.Data) != 20 {
				return nil, fmt.Errorf("%s: %d orders on the page and a total of %d, want 20 and %d", ask.name, len(said.Data), said.Pagination.Total, ask.total)
			}
		}
		slices.Sort(times)
		list = append(list, page{ask.name, milliseconds(quantile(times, 0.5)), ask.total})
	}
	return list, nil
}

// rest is what a server needs that has nothing to do.
type rest struct {
	orders int
	memory float64 // MiB, anonymous, some seconds after the start
	ready  float64 // milliseconds from exec to the first answer of /readyz
}

const (
	starts     = 7
	settleTime = 5 * time.Second // the watcher's first rounds and the first collection of garbage are over by then
)

// atRest starts a server on a full database, several times.
func (b *bench) atRest(ctx context.Context) (rest, error) {
	dir, err := b.emptied(ctx)
	if err != nil {
		return rest{}, err
	}
	defer os.RemoveAll(dir)
	if err := b.fill(ctx, dir, 0, b.rest); err != nil {
		return rest{}, err
	}
	r := rest{orders: b.rest}
	var ready []time.Duration
	for i := range starts {
		took, memory, err := b.startOnce(ctx, dir, i == starts-1)
		if err != nil {
			return r, err
		}
		ready = append(ready, took)
		r.memory = float64(memory) / (1 << 20)
	}
	slices.Sort(ready)
	r.ready = milliseconds(quantile(ready, 0.5))
	return r, nil
}

func (b *bench) startOnce(ctx context.Context, dir string, last bool) (ready time.Duration, memory int64, err error) {
	begin := time.Now()
	p, err := start(ctx, b.program, "serve", "--config", configOf(dir))
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	answer, err := http.Get(p.url + "/readyz")
	if err != nil {
		return 0, 0, err
	}
	ready = time.Since(begin)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("/readyz: %s", answer.Status)
	}
	if last {
		time.Sleep(settleTime)
		memory, err = p.anonymous()
	}
	return ready, memory, err
}
