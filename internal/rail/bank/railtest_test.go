package bank

import (
	"context"
	"strings"
	"testing"

	"till/internal/rail"
	"till/internal/rail/railtest"
)

// played is a rail whose people export and whose bank answers before anybody looks.
type played struct {
	*office
	fails string
}

func (p played) Lookup(ctx context.Context, d rail.Delivery) (rail.Status, rail.Ref, error) {
	if err := ctx.Err(); err != nil {
		return "", "", err
	}
	files := p.export()
	for _, f := range files {
		list, err := p.Transfers(ctx, f.ID)
		p.must(err)
		for _, t := range list {
			if t.To == p.fails {
				_, err := p.Answered(ctx, strings.NewReader(answer(f.ID, "PART", "", entry(t.ID, rejected, "AC01"))))
				p.must(err)
			}
		}
	}
	return p.Rail.Lookup(ctx, d)
}

func (p played) Name() rail.Name { return p.Rail.Name() }

func TestRail(t *testing.T) {
	fails, self := good, own
	fails.Name = "Nobody"
	self.BIC = ""
	railtest.Run(t, railtest.Fixture{Sends: func(t *testing.T) railtest.Sending {
		o := newOffice(t, nil)
		return railtest.Sending{
			Rail:  func() rail.Sender { return played{o, fails.Text()} },
			State: o.state,
			Moved: func(t *testing.T, id string) int {
				o.export()
				return o.paid(id)
			},
			Reopen: func(*testing.T) { o.reopen() },
			Asset:  eur, Ends: rail.StatusUnknown,
			Good: good.Text(), Refuses: self.Text(), Fails: fails.Text(),
		}
	}})
}
