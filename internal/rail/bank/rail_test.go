package bank

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/rail"
	"till/internal/rail/railtest"
)

var (
	eur   = money.MustAsset("EUR", "", 2)
	start = time.Date(2026, time.November, 18, 9, 0, 0, 0, time.UTC) // a Wednesday
	good  = Payee{Name: "Ana Perez", Account: "ES9121000418450200051332", Country: "ES"}
	own   = Payee{Name: "Till GmbH", Account: "DE89370400440532013000", BIC: "COBADEFFXXX", Country: "DE", City: "Koln", Street: "Domstrasse 1", Postcode: "50667"}
)

// sepaAccount is a config with all that a file can say of an account.
func sepaAccount() Config {
	return Config{
		ID: "sepa", Live: true, Own: own, Asset: eur, Version: Pain001V09, Batch: true, Service: "SEPA", Priority: "NORM",
		Calendar: Calendar{Zone: time.UTC, CutOff: 15 * time.Hour, Weekend: weekend, Target: true},
	}
}

// office is a rail with a clock and what people do with its files.
type office struct {
	*testing.T
	*Rail
	state rail.State
	cfg   Config
	at    time.Time
}

func newOffice(t *testing.T, change func(*Config)) *office {
	t.Helper()
	o := &office{T: t, state: railtest.Memory(), cfg: sepaAccount(), at: start}
	if change != nil {
		change(&o.cfg)
	}
	o.reopen()
	return o
}

func (o *office) reopen() {
	o.T.Helper()
	r, err := New(o.cfg, Opts{State: o.state, Now: func() time.Time { return o.at }})
	o.must(err)
	o.Rail = r
}

func (o *office) must(err error) {
	o.T.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

func (o *office) delivery(id string, units int64) rail.Delivery {
	return rail.Delivery{ID: id, To: good.Text(), Amount: money.FromInt(o.cfg.Asset, units)}
}

func (o *office) send(id string, units int64) {
	o.T.Helper()
	_, err := o.Send(o.Context(), o.delivery(id, units))
	o.must(err)
}

func (o *office) export() []File {
	o.T.Helper()
	files, err := o.Export(o.Context(), o.at)
	o.must(err)
	return files
}

func (o *office) status(id string) rail.Status {
	o.T.Helper()
	status, _, err := o.Lookup(o.Context(), rail.Delivery{ID: id})
	o.must(err)
	return status
}

// told is a payment file as its bank reads it.
type told struct {
	Message string `xml:"CstmrCdtTrfInitn>GrpHdr>MsgId"`
	Count   int    `xml:"CstmrCdtTrfInitn>GrpHdr>NbOfTxs"`
	Sum     string `xml:"CstmrCdtTrfInitn>GrpHdr>CtrlSum"`
	Payment struct {
		ID     string `xml:"PmtInfId"`
		Count  int    `xml:"NbOfTxs"`
		Sum    string `xml:"CtrlSum"`
		Day    string `xml:"ReqdExctnDt>Dt"`
		Orders []struct {
			ID     string `xml:"PmtId>EndToEndId"`
			Amount struct {
				Currency string `xml:"Ccy,attr"`
				Text     string `xml:",chardata"`
			} `xml:"Amt>InstdAmt"`
			Name    string `xml:"Cdtr>Nm"`
			Account string `xml:"CdtrAcct>Id>IBAN"`
		} `xml:"CdtTrfTxInf"`
	} `xml:"CstmrCdtTrfInitn>PmtInf"`
}

func (o *office) read(id string) (told, []byte) {
	o.T.Helper()
	text, err := o.Bytes(o.Context(), id)
	o.must(err)
	var got told
	o.must(xml.Unmarshal(text, &got))
	return got, text
}

// paid is how often a transfer stands in all files together.
func (o *office) paid(id string) (n int) {
	o.T.Helper()
	files, err := o.Files(o.Context(), "", 1000)
	o.must(err)
	for _, f := range files {
		_, text := o.read(f.ID)
		n += bytes.Count(text, []byte("<EndToEndId>"+id+"</EndToEndId>"))
	}
	return n
}

// A day's transfers are in one file, with the ids, sums and the day that they must have; the file is the same whenever it
// is asked for, also after the config has changed.
func TestExport(t *testing.T) {
	o := newOffice(t, nil)
	for i, units := range []int64{1, 99, 123456, 1_000_000_00} {
		o.send(fmt.Sprintf("t%d", i), units)
	}
	o.at = start.Add(time.Minute)
	o.send("later", 5)
	if s := o.status("t0"); s != rail.StatusSent {
		t.Errorf("in the queue it is %s", s)
	}
	files, err := o.Export(t.Context(), start)
	o.must(err)
	if len(files) != 1 || files[0].Count != 4 || files[0].Sum.Decimal() != "1001235.56" || files[0].Day.Format(time.DateOnly) != "2026-11-18" {
		t.Fatalf("the files are %+v", files)
	}
	id := files[0].ID
	got, text := o.read(id)
	if got.Message != id || got.Payment.ID != id || len(id) > 35 || !strings.HasPrefix(id, "SEPA-20261118-0001-") || got.Count != 4 || got.Payment.Count != 4 ||
		got.Sum != "1001235.56" || got.Payment.Sum != got.Sum || got.Payment.Day != "2026-11-18" {
		t.Errorf("the file %s says %+v", id, got)
	}
	if first := got.Payment.Orders[0]; first.ID != "t0" || first.Amount.Currency != "EUR" || first.Amount.Text != "0.01" || first.Name != good.Name || first.Account != good.Account {
		t.Errorf("its first transfer is %+v", first)
	}
	if s, later := o.status("t0"), o.status("later"); s != rail.StatusUnknown || later != rail.StatusSent {
		t.Errorf("in a file it is %s, behind it %s", s, later)
	}
	words, err := o.Words(t.Context(), id)
	if err != nil || len(words) != 4 || words[3] != (rail.Word{ID: "t3", Status: rail.StatusUnknown, Ref: "t3"}) {
		t.Errorf("the words are %+v, %v", words, err)
	}

	o.cfg.Version, o.cfg.Own.Name = Pain001V03, "Another"
	o.at = start.Add(24 * time.Hour)
	o.reopen()
	if _, again := o.read(id); !bytes.Equal(again, text) {
		t.Error("the file has other bytes now")
	}
	next := o.export()
	if len(next) != 1 || !strings.HasPrefix(next[0].ID, "SEPA-20261119-0001-") || next[0].Version != Pain001V03 || len(o.export()) != 0 {
		t.Errorf("the next files are %+v", next)
	}
	list, err := o.Files(t.Context(), "", 10)
	if err != nil || len(list) != 2 || list[0].ID != next[0].ID || list[1].ID != id || list[1].Sum.Decimal() != "1001235.56" {
		t.Errorf("the files are %+v, %v", list, err)
	}
	if rest, err := o.Files(t.Context(), next[0].ID, 10); err != nil || len(rest) != 1 || rest[0].ID != id {
		t.Errorf("behind the first: %+v, %v", rest, err)
	}
	for _, ask := range []func() error{
		func() error { _, err := o.Bytes(t.Context(), "SEPA"); return err },
		func() error { _, err := o.File(t.Context(), ""); return err },
		func() error { _, err := o.Words(t.Context(), id+"X"); return err },
	} {
		if err := ask(); !fault.Is(err, fault.CodeNotFound) {
			t.Errorf("of a file that is not there: %v", err)
		}
	}
	if _, err := o.Files(t.Context(), "X", 1); !fault.Is(err, fault.CodeInvalidPage) {
		t.Errorf("behind a file that is not there: %v", err)
	}
}

// What no payment file can say is refused when it is sent, and never holds up a file.
func TestSendRefuses(t *testing.T) {
	o := newOffice(t, nil)
	local, long := Payee{Name: "A", Account: "123456"}, o.delivery("t", 1)
	long.ID = strings.Repeat("x", 36)
	for name, d := range map[string]rail.Delivery{
		"no id": o.delivery("", 1), "an id that is too long": long, "an id of other characters": o.delivery("a_b", 1), "an id with slashes around": o.delivery("/a", 1),
		"nothing": o.delivery("t", 0), "less than nothing": o.delivery("t", -1), "more than SEPA moves": o.delivery("t", 1_000_000_000_00),
		"no payee":           {ID: "t", To: "ES9121000418450200051332", Amount: money.FromInt(eur, 1)},
		"no IBAN in SEPA":    {ID: "t", To: local.Text(), Amount: money.FromInt(eur, 1)},
		"another currency":   {ID: "t", To: good.Text(), Amount: money.FromInt(money.MustAsset("USD", "", 2), 1)},
		"the account itself": {ID: "t", To: own.Text(), Amount: money.FromInt(eur, 1)},
	} {
		if _, err := o.Send(t.Context(), d); !errors.Is(err, rail.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if files := o.export(); len(files) != 0 {
		t.Errorf("it was exported: %+v", files)
	}
	o.send("t", 999_999_999_99)
	if len(o.export()) != 1 {
		t.Error("the highest amount was not exported")
	}
}

// More transfers than a file holds make several files; each transfer is in one of them.
func TestManyTransfers(t *testing.T) {
	o := newOffice(t, nil)
	const n = maxTransfers + 7
	o.must(o.state.Update(t.Context(), func(m rail.Memory) error {
		for i := range n {
			if err := rail.Save(m, fmt.Sprintf("%st%05d", queueKey, i), Transfer{To: good.Text(), Units: "1", Queued: start}); err != nil {
				return err
			}
		}
		return nil
	}))
	files := o.export()
	if len(files) != 2 || files[0].Count != maxTransfers || files[1].Count != 7 || files[0].ID == files[1].ID {
		t.Fatalf("the files are %+v", files)
	}
	seen := map[string]bool{}
	for _, f := range files {
		got, _ := o.read(f.ID)
		for _, order := range got.Payment.Orders {
			if seen[order.ID] {
				t.Errorf("%s is in two files", order.ID)
			}
			seen[order.ID] = true
		}
	}
	if len(seen) != n {
		t.Errorf("%d transfers are in files, want %d", len(seen), n)
	}
}

// Several processes that send and export at the same time put every transfer into one file.
func TestExportAtOnce(t *testing.T) {
	o := newOffice(t, nil)
	var all sync.WaitGroup
	var mu sync.Mutex
	var files []File
	for p := range 4 {
		r, err := New(o.cfg, Opts{State: o.state, Now: func() time.Time { return start }})
		o.must(err)
		all.Go(func() {
			for i := range 50 {
				if _, err := r.Send(t.Context(), o.delivery(fmt.Sprintf("p%d-%d", p, i), 100)); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 20 {
				made, err := r.Export(t.Context(), start)
				if err != nil && !strings.Contains(err.Error(), "elsewhere at the same time") {
					t.Error(err)
				}
				mu.Lock()
				files = append(files, made...)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	files = append(files, o.export()...)
	ids := map[string]int{}
	names := map[string]bool{}
	for _, f := range files {
		got, _ := o.read(f.ID)
		for _, order := range got.Payment.Orders {
			ids[order.ID]++
		}
		names[f.ID] = true
	}
	for id, n := range ids {
		if n != 1 {
			t.Errorf("%s is in %d files", id, n)
		}
	}
	if len(ids) != 200 || len(names) != len(files) {
		t.Errorf("%d transfers in %d files of %d names", len(ids), len(files), len(names))
	}
}

// dying is a state whose transactions fail from one on: before they change anything, or after.
type dying struct {
	rail.State
	left  int
	after bool
}

var errDied = errors.New("the process died")

func (d *dying) Update(ctx context.Context, fn func(rail.Memory) error, reads ...string) error {
	if d.left--; d.left >= 0 {
		return d.State.Update(ctx, fn, reads...)
	}
	if d.after {
		if err := d.State.Update(ctx, fn, reads...); err != nil {
			return err
		}
	}
	return errDied
}

// An export that ends at any of its transactions, before or after it took effect, and is begun again, loses no transfer
// and puts none into two files. // case 81
func TestExportDies(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at := range 4 {
			o := newOffice(t, func(c *Config) { c.Daily, c.HandsOut = 10*time.Hour, true })
			ids := []string{"a", "b", "c"}
			for _, id := range ids {
				o.send(id, 100)
			}
			o.at = start.Add(time.Hour)
			whole := o.state
			o.state = &dying{whole, at, after}
			o.reopen()
			_, err := o.Daily(t.Context())
			if at < 2 && !errors.Is(err, errDied) || at >= 2 && err != nil {
				t.Errorf("dying at %d: %v", at, err)
			}
			o.state = whole
			o.reopen()
			for range 2 {
				if _, err := o.Daily(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			for _, id := range ids {
				if n, status := o.paid(id), o.status(id); n != 1 || status != rail.StatusUnknown {
					t.Errorf("dying at %d (after: %t): %s is in %d files and %s", at, after, id, n, status)
				}
			}
			out, err := o.Handouts(t.Context(), 10)
			files, filesErr := o.Files(t.Context(), "", 10)
			if err != nil || filesErr != nil || len(out) != 1 || len(files) != 1 || out[0].File != files[0].ID {
				t.Errorf("dying at %d (after: %t): %+v to hand out of %+v", at, after, out, files)
			}
		}
	}
}

// The day's file is made once, at its time, on the days on which the bank works.
func TestDaily(t *testing.T) {
	o := newOffice(t, func(c *Config) { c.Daily = 14 * time.Hour })
	daily := func(at time.Time, want int) {
		t.Helper()
		o.at = at
		o.reopen()
		files, err := o.Daily(t.Context())
		if err != nil || len(files) != want {
			t.Errorf("at %s: %v, %v, want %d files", at, files, err, want)
		}
	}
	day := func(d int, clock time.Duration) time.Time { return dayOf(2026, time.November, d).Add(clock) }
	daily(day(18, 14*time.Hour), 0) // nothing is queued, and the day is done
	o.send("a", 1)
	daily(day(18, 15*time.Hour), 0)
	daily(day(19, 14*time.Hour-time.Second), 0)
	daily(day(19, 14*time.Hour), 1)
	o.send("b", 1)
	daily(day(19, 20*time.Hour), 0)
	daily(day(20, 23*time.Hour), 1) // the server was down at the time
	o.send("c", 1)
	daily(day(21, 14*time.Hour), 0)
	daily(day(22, 14*time.Hour), 0)
	daily(day(23, 14*time.Hour), 1)
	files, err := o.Files(t.Context(), "", 10)
	o.must(err)
	if days := []string{files[0].Day.Format(time.DateOnly), files[1].Day.Format(time.DateOnly), files[2].Day.Format(time.DateOnly)}; !slices.Equal(days, []string{"2026-11-23", "2026-11-23", "2026-11-19"}) {
		t.Errorf("they are executed on %v", days) // the second was made after the cut-off of a Friday
	}
	o.cfg.Daily = 0
	o.send("d", 1)
	daily(day(24, 23*time.Hour), 0)
}

// Of several that stage a file one counts, and once it was handed out it is not staged again.
func TestHandingOut(t *testing.T) {
	o := newOffice(t, func(c *Config) { c.HandsOut = true })
	o.send("a", 1)
	id := o.export()[0].ID
	for _, as := range []string{"one", "two"} {
		if staged, err := o.Stage(t.Context(), id, as); staged != "one" || err != nil {
			t.Errorf("staged as %q, %v", staged, err)
		}
	}
	if list, err := o.Handouts(t.Context(), 10); err != nil || len(list) != 1 || list[0] != (rail.Handout{File: id, Staged: "one"}) {
		t.Errorf("to hand out: %+v, %v", list, err)
	}
	for range 2 {
		o.must(o.HandedOut(t.Context(), id))
	}
	if staged, err := o.Stage(t.Context(), id, "two"); staged != "" || err != nil {
		t.Errorf("staged again as %q, %v", staged, err)
	}
	if list, err := o.Handouts(t.Context(), 10); err != nil || len(list) != 0 {
		t.Errorf("to hand out: %+v, %v", list, err)
	}
}

func TestBatch(t *testing.T) {
	o := newOffice(t, nil)
	o.send("a", 1)
	o.send("b", 1)
	id := o.export()[0].ID
	o.must(o.state.Update(t.Context(), func(m rail.Memory) error {
		if ids, err := o.Batch(m, id); err != nil || !slices.Equal(ids, []string{"a", "b"}) {
			t.Errorf("in the file: %v, %v", ids, err)
		}
		for _, strange := range []string{"", "X", strings.Repeat("x", 500)} {
			if ids, err := o.Batch(m, strange); err != nil || ids != nil {
				t.Errorf("%q: %v, %v", strange, ids, err)
			}
		}
		return nil
	}))
}

// A file that is not of a live account says so in its id, for one that is handed to a real bank must be seen.
func TestFileIDs(t *testing.T) {
	for _, test := range []struct {
		id, want string
		live     bool
	}{{"sepa", "SEPA-20261118-0001-", true}, {"sepa", "TESTSEPA-20261118-0001-", false}, {"a-very-long-account-name", "A-VERY-LONG--20261118-0001-", true}} {
		o := newOffice(t, func(c *Config) { c.ID, c.Live = test.id, test.live })
		o.send("a", 1)
		id := o.export()[0].ID
		if !strings.HasPrefix(id, test.want) || len(id) > 35 {
			t.Errorf("%s: %s", test.id, id)
		}
		if text, err := Text("id", id, 35); text != id || err != nil {
			t.Errorf("%s becomes %q, %v", id, text, err)
		}
	}
	// The same transfers of another day, or put back with an older copy of the database, have the same digest.
	first, second := newOffice(t, nil), newOffice(t, nil)
	second.at = start.Add(48 * time.Hour)
	first.send("a", 1)
	second.send("a", 1)
	a, b := first.export()[0].ID, second.export()[0].ID
	if a[len(a)-8:] != b[len(b)-8:] || a == b {
		t.Errorf("%s and %s", a, b)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for field, change := range map[string]func(*Config){
		"id":       func(c *Config) { c.ID = "Sepa" },
		"account":  func(c *Config) { c.Own.Account = "DE88370400440532013000" },
		"name":     func(c *Config) { c.Own.Name = "" },
		"bic":      func(c *Config) { c.Own.BIC = "X" },
		"currency": func(c *Config) { c.Asset = money.MustAsset("USDT", "north", 6) },
		"version":  func(c *Config) { c.Version = "pain.001.001.02" },
		"service":  func(c *Config) { c.Service = "SEPAX" },
		"charges":  func(c *Config) { c.Charges = "ME" },
		"priority": func(c *Config) { c.Priority = "now" },
		"cut_off":  func(c *Config) { c.Calendar.CutOff = 24 * time.Hour },
		"daily":    func(c *Config) { c.Daily = -1 },
	} {
		c := sepaAccount()
		change(&c)
		if _, err := c.Check(); err == nil || !strings.HasPrefix(err.Error(), field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, change := range []func(*Config){
		func(c *Config) { c.Asset = money.MustAsset("USD", "", 2) },
		func(c *Config) { c.Own.Account = "123" },
		func(c *Config) { c.Charges = "SHAR" },
	} {
		c := sepaAccount()
		change(&c)
		if _, err := c.Check(); err == nil || !strings.HasPrefix(err.Error(), "service: ") {
			t.Errorf("SEPA: %v", err)
		}
	}
}
