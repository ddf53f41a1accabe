package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/bank"
	"till/internal/store"
)

// filing is a bank's rail whose memory is in a database, with the folder that its files go to.
type filing struct {
	store  *store.Store
	engine *engine.Engine
	rail   *bank.Rail
	files  *PayFiles
	folder string
}

func openFiling(ctx context.Context, where, folder string) (*filing, error) {
	now := func() time.Time { return start.Truncate(24 * time.Hour).Add(time.Hour) }
	s, err := open(ctx, where, store.Options{Now: now})
	if err != nil {
		return nil, err
	}
	c := quiet(now)
	e := engine.New(s, []engine.Network{inboxNet}, nil)
	c.Engine = e
	r, err := bank.New(bank.Config{ID: inboxNet.ID, Own: bank.Payee{Name: "Till", Account: "DE89370400440532013000"}, Asset: inboxEUR, Version: bank.Pain001V09, HandsOut: true, Daily: time.Minute},
		bank.Opts{State: e.State(inboxNet.Rail), Now: now})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return &filing{s, e, r, newPayFiles(c, Filing{r, folder}), folder}, nil
}

// works makes what is due, hands it out, and takes in that the bank rejects all of it.
func (f *filing) works(ctx context.Context) error {
	if _, err := f.files.RunOnce(ctx); err != nil {
		return err
	}
	list, err := f.rail.Files(ctx, "", 9)
	if err != nil || len(list) == 0 {
		return errors.Join(err, errors.New("there is no payment file"))
	}
	words, err := f.rail.Answered(ctx, strings.NewReader(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt><OrgnlGrpInfAndSts><OrgnlMsgId>`+list[0].ID+
		`</OrgnlMsgId><OrgnlMsgNmId>pain.001</OrgnlMsgNmId><GrpSts>RJCT</GrpSts></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>`))
	if err != nil {
		return err
	}
	if len(words) != 2 {
		return fmt.Errorf("the bank's answer is about %d transfers", len(words))
	}
	return f.engine.TransfersTold(ctx, inboxNet.Rail, words)
}

// filingVictim is the main of the processes that TestKilledFiling kills. It is told a database and, behind a line break, a folder.
func filingVictim(where string) error {
	database, folder, _ := strings.Cut(where, "\n")
	f, err := openFiling(context.Background(), database, folder)
	if err != nil {
		return err
	}
	return errors.Join(f.works(context.Background()), errors.New("nothing killed the process"))
}

// case 81: killed with SIGKILL at each step of a payment file, every transfer is in one file, which lands in the folder once, and the bank's
// answer to it counts.
func TestKilledFiling(t *testing.T) {
	program := buildVictim(t)
	for _, place := range []string{"bank.made", "bank.filed", "bank.daily", "payfiles.written", "payfiles.staged", "payfiles.moved", "bank.answered"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, where string) {
				folder := filepath.Join(t.TempDir(), "out")
				f, err := openFiling(t.Context(), where, folder)
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range []string{"a", "b"} {
					to := bank.Payee{Name: "Ana", Account: "ES9121000418450200051332"}
					if _, err := f.rail.Send(t.Context(), rail.Delivery{ID: id, To: to.Text(), Amount: money.FromInt(inboxEUR, 500)}); err != nil {
						t.Fatal(err)
					}
				}
				if err := f.store.Close(); err != nil {
					t.Fatal(err)
				}
				kill(t, program, place, "TILL_TEST_FILER="+where+"\n"+folder)

				landed := f.taken(t)
				if f, err = openFiling(t.Context(), where, folder); err != nil {
					t.Fatal(err)
				}
				defer f.store.Close()
				for range 2 {
					if err := f.works(t.Context()); err != nil {
						t.Fatal(err)
					}
					landed = append(landed, f.taken(t)...)
				}
				list, err := f.rail.Files(t.Context(), "", 9)
				if err != nil || len(list) != 1 || list[0].Count != 2 || list[0].Answer != "RJCT" || fmt.Sprint(landed) != "["+list[0].ID+".xml]" {
					t.Errorf("the files are %+v (%v), and in the folder landed %v", list, err, landed)
				}
				if queue, err := f.rail.Queue(t.Context(), "", 9); err != nil || len(queue) != 0 {
					t.Errorf("queued are still %+v (%v)", queue, err)
				}
				if left, err := f.rail.Handouts(t.Context(), 9); err != nil || len(left) != 0 {
					t.Errorf("to be handed out are still %+v (%v)", left, err)
				}
				for _, id := range []string{"a", "b"} {
					if status, _, err := f.rail.Lookup(t.Context(), rail.Delivery{ID: id}); err != nil || status != rail.StatusFailed {
						t.Errorf("the transfer %s is %s (%v)", id, status, err)
					}
				}
			})
		})
	}
}

// taken takes the files out of the folder, as whoever brings them to the bank does, and says which there were.
func (f *filing) taken(t *testing.T) (names []string) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(f.folder, "*.xml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		names = append(names, filepath.Base(path))
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	return names
}
