package engine_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"till/internal/engine"
	"till/internal/rail"
)

// case 66: several statements of one day, in whatever order they are told, say what the account grew by.
func TestStatementsOfOneDay(t *testing.T) {
	type sheet struct {
		number        string
		opening, ends int64
	}
	for name, c := range map[string]struct {
		sheets  []sheet
		first   int64
		last    int64
		missing int
	}{
		"without numbers":                {[]sheet{{"", 100, 130}, {"", 130, 90}, {"", 90, 300}, {"", 300, 310}}, 100, 310, 0},
		"pages of one number":            {[]sheet{{"7/1", 100, 300}, {"7/2", 300, 250}, {"7/3", 250, 260}}, 100, 260, 0},
		"a balance that comes twice":     {[]sheet{{"", 100, 200}, {"", 200, 100}, {"", 100, 400}}, 100, 400, 0},
		"it ends with what it had":       {[]sheet{{"1", 100, 200}, {"2", 200, 150}, {"3", 150, 100}}, 100, 100, 0},
		"one is missing, by the numbers": {[]sheet{{"1", 100, 200}, {"3", 500, 600}, {"4", 600, 50}}, 100, 50, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for turn := range len(c.sheets) {
				k := bankKit(t)
				k.imports(credit("B1", c.last-c.first+1000), debit("B2", 1000, ""))
				order := slices.Concat(c.sheets[turn:], c.sheets[:turn])
				if turn%2 == 1 {
					slices.Reverse(order)
				}
				for i, s := range order {
					_, err := k.engine.StatementTold(context.Background(), giro, rail.Statement{Account: "DE00", ID: fmt.Sprint(name, s, i), Number: s.number, Asset: eur,
						Opening: units(eur, s.opening), Closing: units(eur, s.ends), HasOpening: true, HasClosing: true, From: giroDay, To: giroDay},
						engine.Lines{Credits: units(eur, 0), Debits: units(eur, 0)})
					k.must(err)
				}
				b, err := k.engine.BankBalance(context.Background(), giro)
				k.must(err)
				want(k, "it opens with", b.First.Opening.Units(), units(eur, c.first).Units())
				want(k, "it closes with", b.Last.Closing.Units(), units(eur, c.last).Units())
				want(k, "the difference", b.Difference.Units(), "0")
				warned := 0
				list, err := k.engine.BankStatements(context.Background(), engine.StatementFilter{Rail: giro.Rail, Limit: 9})
				k.must(err)
				for _, s := range list {
					if s.Warning != "" {
						warned++
					}
				}
				want(k, "statements behind a missing one", warned, c.missing)
				k.checkBooks()
			}
		})
	}
}
