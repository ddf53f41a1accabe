package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/bank"
	"till/internal/rail/railtest"
)

// counter is a rail of payment files whose calls fail from one on, before or after they took effect, as when the process
// dies there.
type counter struct {
	*bank.Rail
	left  int
	after bool
}

var errDied = errors.New("the process died")

func (c *counter) dies(call func() error) error {
	if c.left--; c.left >= 0 {
		return call()
	}
	if c.after {
		if err := call(); err != nil {
			return err
		}
	}
	return errDied
}

func (c *counter) Daily(ctx context.Context) (files []string, err error) {
	err = c.dies(func() error { files, err = c.Rail.Daily(ctx); return err })
	return files, err
}

func (c *counter) Bytes(ctx context.Context, id string) (text []byte, err error) {
	err = c.dies(func() error { text, err = c.Rail.Bytes(ctx, id); return err })
	return text, err
}

func (c *counter) Stage(ctx context.Context, file, as string) (staged string, err error) {
	err = c.dies(func() error { staged, err = c.Rail.Stage(ctx, file, as); return err })
	return staged, err
}

func (c *counter) HandedOut(ctx context.Context, file string) error {
	return c.dies(func() error { return c.Rail.HandedOut(ctx, file) })
}

// treasury is a bank's rail, the folder its files go to, and what the books were told.
type treasury struct {
	*testing.T
	rail   *bank.Rail
	folder string
	told   *heard
	at     time.Time
}

func newTreasury(t *testing.T) *treasury {
	t.Helper()
	k := &treasury{T: t, folder: filepath.Join(t.TempDir(), "out"), told: &heard{}, at: start}
	own := bank.Payee{Name: "Till", Account: "DE89370400440532013000"}
	var err error
	k.rail, err = bank.New(bank.Config{ID: "sepa", Own: own, Asset: eur, Version: bank.Pain001V09, HandsOut: true, Daily: time.Minute},
		bank.Opts{State: railtest.Memory(), Now: func() time.Time { return k.at }})
	if err != nil {
		t.Fatal(err)
	}
	k.at = start.Truncate(24 * time.Hour).Add(time.Hour)
	return k
}

func (k *treasury) send(id string) {
	k.Helper()
	to := bank.Payee{Name: "Ana", Account: "ES9121000418450200051332"}
	if _, err := k.rail.Send(k.Context(), rail.Delivery{ID: id, To: to.Text(), Amount: money.FromInt(eur, 500)}); err != nil {
		k.Fatal(err)
	}
}

// worker is a new process.
func (k *treasury) worker(r rail.Filer) *PayFiles {
	p := newPayFiles(Config{Now: func() time.Time { return k.at }, Random: rand.Reader, Log: quiet(nil).Log}, Filing{r, k.folder})
	p.engine = k.told
	return p
}

func (k *treasury) round(r rail.Filer) error {
	_, err := k.worker(r).RunOnce(k.Context())
	return err
}

// out is the names in the folder.
func (k *treasury) out() (names []string) {
	k.Helper()
	list, err := filepath.Glob(filepath.Join(k.folder, "*.xml"))
	if err != nil {
		k.Fatal(err)
	}
	for _, path := range list {
		names = append(names, filepath.Base(path))
	}
	return names
}

func TestPayFiles(t *testing.T) {
	k := newTreasury(t)
	k.send("a")
	k.send("b")
	if err := k.round(k.rail); err != nil {
		t.Fatal(err)
	}
	files, err := k.rail.Files(t.Context(), "", 10)
	if err != nil || len(files) != 1 || fmt.Sprint(k.out()) != "["+files[0].ID+".xml]" {
		t.Fatalf("%+v, %v, in the folder %v", files, err, k.out())
	}
	text, err := os.ReadFile(filepath.Join(k.folder, files[0].ID+".xml"))
	want, bytesErr := k.rail.Bytes(t.Context(), files[0].ID)
	if err != nil || bytesErr != nil || string(text) != string(want) || !strings.Contains(string(text), "<EndToEndId>b</EndToEndId>") {
		t.Errorf("the file is %s, %v, %v", text, err, bytesErr)
	}
	if len(k.told.words) != 2 || k.told.words[1] != "bank:sepa b unknown" {
		t.Errorf("the books were told %+v", k.told.words)
	}

	// What a person makes is handed out too.
	k.send("c")
	if _, err := k.rail.Export(t.Context(), k.at); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := k.round(k.rail); err != nil || len(k.out()) != 2 {
			t.Errorf("%v, in the folder %v", err, k.out())
		}
	}
	if left, err := filepath.Glob(filepath.Join(k.folder, stageFolder, "*-*")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A process that dies at any step, before or after it took effect, leaves a file that lands in the folder once: one that
// somebody took away does not come back. // case 81
func TestPayFilesDie(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := range 4 {
			k := newTreasury(t)
			k.send("a")
			if err := k.round(&counter{k.rail, at, after}); !errors.Is(err, errDied) {
				t.Errorf("dying at %d (after: %t): %v", at, after, err)
			}
			taken := 0
			for range 3 {
				for _, name := range k.out() {
					taken++
					if err := os.Remove(filepath.Join(k.folder, name)); err != nil {
						t.Fatal(err)
					}
				}
				if err := k.round(k.rail); err != nil {
					t.Fatal(err)
				}
			}
			if taken != 1 {
				t.Errorf("dying at %d (after: %t): the file landed %d times", at, after, taken)
			}
			if list, err := k.rail.Handouts(t.Context(), 10); err != nil || len(list) != 0 {
				t.Errorf("dying at %d (after: %t): %+v, %v", at, after, list, err)
			}
		}
	}
}

// Several processes with one folder hand a file out once.
func TestPayFilesAtOnce(t *testing.T) {
	k := newTreasury(t)
	for i := range 5 {
		k.send(fmt.Sprint("t", i))
		if _, err := k.rail.Export(t.Context(), k.at); err != nil {
			t.Fatal(err)
		}
	}
	workers := []*PayFiles{k.worker(k.rail), k.worker(k.rail), k.worker(k.rail)}
	var all sync.WaitGroup
	moved := make([]int, len(workers))
	for i, w := range workers {
		all.Go(func() {
			for range 20 { // a process whose mark or name was not yet there tries again
				n, err := w.RunOnce(t.Context())
				if moved[i] += n; err != nil && !strings.Contains(err.Error(), "mark of the folder") {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if sum := moved[0] + moved[1] + moved[2]; sum != 5 || len(k.out()) != 5 {
		t.Errorf("%v moved, in the folder %v", moved, k.out())
	}
}

// What is staged in a folder that this process does not have is left to the one that has it.
func TestPayFilesOfAnotherFolder(t *testing.T) {
	k := newTreasury(t)
	k.send("a")
	if err := k.round(&counter{k.rail, 2, true}); !errors.Is(err, errDied) { // staged and not moved
		t.Fatal(err)
	}
	there := k.folder
	k.folder = filepath.Join(t.TempDir(), "elsewhere")
	if err := k.round(k.rail); err != nil || len(k.out()) != 0 {
		t.Errorf("%v, in the folder %v", err, k.out())
	}
	k.folder = there
	if err := k.round(k.rail); err != nil || len(k.out()) != 1 {
		t.Errorf("%v, in the folder %v", err, k.out())
	}
}
