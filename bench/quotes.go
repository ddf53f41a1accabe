package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	quotesPath = ours + "/quotes"
	quoteBody  = `{"orderType":"BALANCE_TRANSFER","originCurrencySymbol":"COP","destinationCurrencySymbol":"USD","amountIn":400000.50,"executable":true}`
	ratesTime  = 30 * time.Second
)

// quotes measures executable quotes, each kept for the order that may use it, on a new database, beside the echo.
func (b *bench) quotes(ctx context.Context, on database, clients int) (c cell, err error) {
	s, close, err := b.open(ctx, on)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, close()) }()
	if err := s.signIn(ctx); err != nil {
		return c, err
	}
	if err := s.quotable(ctx); err != nil {
		return c, err
	}
	auth := "Authorization: Bearer " + s.token

	c = cell{database: on.name, clients: clients}
	for range b.pairs {
		var p pair
		if p.base, err = b.load(ctx, b.echo, newRequest(b.echo.host(), echoQuotesPath, auth, quoteBody, ""), clients); err != nil {
			return c, fmt.Errorf("echo: %w", err)
		}
		b.markProfile(s.process)
		if p.own, err = b.load(ctx, s.process, newRequest(s.host(), quotesPath, auth, quoteBody, ""), clients); err != nil {
			return c, err
		}
		b.markProfile(s.process)
		c.add(p)
	}
	c.medians()
	return c, s.quotable(ctx)
}

// quotable waits until the server has its rates, and checks that a quote is on record.
func (s *server) quotable(ctx context.Context) error {
	var made, kept struct{ ID string }
	for deadline := time.Now().Add(ratesTime); ; time.Sleep(20 * time.Millisecond) {
		err := s.call(ctx, http.MethodPost, quotesPath, strings.NewReader(quoteBody), &made)
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("there are no quotes: %w", err)
		}
	}
	if err := s.call(ctx, http.MethodGet, quotesPath+"/"+made.ID, nil, &kept); err != nil {
		return err
	}
	if made.ID == "" || kept.ID != made.ID {
		return fmt.Errorf("quote %q was made and %q is on record", made.ID, kept.ID)
	}
	return nil
}
