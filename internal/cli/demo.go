package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"till/internal/app/demo"
	"till/internal/app/dev"
)

var stories = map[string]func(context.Context, dev.Info, io.Writer) (string, error){
	"orders": demo.Orders, "payin": demo.PayIn, "koywe": demo.Koywe, "baanx": demo.Baanx, "glomo": demo.Glomo, "bank": demo.Bank,
}

type demoCommand struct {
	Story string `arg:"" optional:"" enum:"orders,payin,koywe,baanx,glomo,bank" default:"orders" help:"What to show: ${enum}; ${default} if nothing is said."`

	Exit bool `help:"Stop after the last step. Without it the server stays up for a look around."`
}

func (c *demoCommand) Run(t *terminal) error {
	s, err := dev.Start(t, dev.Options{
		Addr: "127.0.0.1:0", BlockTime: time.Second, Bank: c.Story == "bank",
		Log: slog.New(slog.NewTextHandler(t.err, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "A server at %s and a chain at %s, for this demo only.\n", s.Info.BaseURL, s.Info.Chain.RPCURL)
	line, err := stories[c.Story](t, s.Info, t.out)
	if err == nil {
		fmt.Fprintf(t.out, "\n%s\n", line)
		if !c.Exit {
			fmt.Fprintf(t.out, "\nThe server goes on. API key: %s. Ctrl-C ends it.\n", s.Info.PayIn.APIKey)
			<-t.Done()
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if stopped := s.Stop(ctx); err == nil {
		err = stopped
	}
	return err
}
