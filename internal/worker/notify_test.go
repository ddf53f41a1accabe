package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/internal/engine"
	"till/internal/ledger"
	"till/internal/money"
	"till/internal/notify"
	"till/internal/order"
	"till/internal/party"
	"till/internal/rail"
	"till/internal/store"
	"till/internal/webhook"
)

// post is a far side that takes what is sent, or answers as fails says.
type post struct {
	mu    sync.Mutex
	got   []letter
	fails func(to string) error
}

type letter struct {
	id, to string
	notify.Written
}

func (p *post) Send(_ context.Context, id, to string, w notify.Written) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fails != nil {
		if err := p.fails(to); err != nil {
			return err
		}
	}
	p.got = append(p.got, letter{id, to, w})
	return nil
}

// titles is what arrived: "ana@example.com: M has your payment".
func (p *post) titles() (list []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.got {
		list = append(list, l.to+": "+l.Title)
	}
	slices.Sort(list)
	return list
}

// desk is a merchant who has customers told, on a real engine and database.
type desk struct {
	t              *testing.T
	clock          *clock
	engine         *engine.Engine
	workers        *Workers
	mail, whatsapp *post
	heads          uint64
}

func deskConfig(e *engine.Engine, now func() time.Time, mail, whatsapp notify.Sender, client Poster) (Config, error) {
	texts, err := notify.ReadTexts()
	return Config{
		Engine: e, Tellers: map[string]Teller{"plain": plainTeller{short}}, Open: openTest, Client: client, Events: NewBell(), Now: now, Log: slog.New(slog.DiscardHandler),
		Notices: Notices{Texts: texts, Email: mail, WhatsApp: whatsapp, Describe: func(o *engine.Order) Description {
			return Description{About: "two mugs", Link: "https://pay.example/pay/order/" + o.PublicID, Until: o.Terms.Deadline}
		}},
	}, err
}

// openDesk opens the desk on a database that may have one already.
func openDesk(t *testing.T, path string, c *clock) *desk {
	t.Helper()
	db, err := open(t.Context(), path, store.Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	d := &desk{t: t, clock: c, engine: engine.New(db, []engine.Network{sbx}, nil), mail: &post{}, whatsapp: &post{}}
	config, err := deskConfig(d.engine, c.now, d.mail, d.whatsapp, testClient(t, time.Second))
	d.must(err)
	d.workers = New(config)
	return d
}

func newDesk(t *testing.T, path string) *desk {
	t.Helper()
	d := openDesk(t, path, &clock{at: start})
	d.must(d.engine.SaveMerchant(t.Context(), engine.Merchant{ID: "m", Organisation: "o", Name: "M"}))
	d.observe()
	d.customer(party.Customer{ID: "ana", Kind: party.Person, FirstName: "Ana", Email: "ana@example.com", Phone: "+573001234567", Country: "CO"})
	return d
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) customer(c party.Customer) {
	d.t.Helper()
	_, err := d.engine.AddCustomer(d.t.Context(), engine.Customer{Customer: c, Scope: scope})
	d.must(err)
}

func (d *desk) observe(seen ...rail.Observation) {
	d.t.Helper()
	d.heads++
	d.must(d.engine.Observe(d.t.Context(), sbx, engine.Report{
		Progress: engine.Progress{Rail: sbx.Rail, Fence: 1, Cursor: rail.Cursor{State: []byte("s"), Head: d.heads, Horizon: d.clock.now()}}, Seen: seen,
	}))
}

func (d *desk) order(public string, n engine.Notify) *engine.Order {
	d.t.Helper()
	made, err := d.engine.Create(d.t.Context(), engine.NewOrder{
		Scope: scope, PublicID: public, Reference: "INV-" + public, Network: sbx, Instrument: engine.Made, Notify: n,
		Terms: func(p engine.Plan) (order.Terms, json.RawMessage, error) {
			return order.Terms{Book: owed, Due: money.FromInt(eur, 123456), To: owed.Account(ledger.Merchant), OverAny: true, Instant: true,
				Deadline: p.Now.Add(7 * 24 * time.Hour)}, nil, nil
		},
	})
	d.must(err)
	return made.Order
}

func (d *desk) pay(o *engine.Order) {
	d.t.Helper()
	d.observe(rail.Observation{External: "pay " + o.PublicID, Instrument: o.Instrument.Value, Rank: order.RankConfirmed, Amount: o.Terms.Due, Value: d.clock.now()})
}

func (d *desk) by(ch engine.Channel) *Notify {
	return d.workers.Notify[slices.Index(engine.Channels(), ch)]
}

func (d *desk) tell() (n int) {
	d.t.Helper()
	for _, w := range d.workers.Notify {
		n += once(d.t, w.RunOnce)
	}
	return n
}

func (d *desk) all() []engine.FoundNotification {
	d.t.Helper()
	list, err := d.engine.SearchNotifications(d.t.Context(), engine.NotificationSearch{Limit: 1000}, "")
	d.must(err)
	slices.Reverse(list)
	return list
}

// states is every notification: "asked email sent", with why it was not.
func (d *desk) states() (list []string) {
	d.t.Helper()
	for _, n := range d.all() {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", n.Subject, n.Channel, n.State, n.Error)))
	}
	return list
}

func (d *desk) want(what string, got, want []string) {
	d.t.Helper()
	if !slices.Equal(got, want) {
		d.t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

var everyWay = engine.Notify{Customer: "ana", Email: true, InApp: true, WhatsApp: true}

func sqliteDesk(t *testing.T) *desk { return newDesk(t, filepath.Join(t.TempDir(), "till.db")) }

func TestCustomersAreTold(t *testing.T) {
	d := sqliteDesk(t)
	d.customer(party.Customer{ID: "joao", Kind: party.Person, FirstName: "João", Email: "joao@example.com", Country: "BR"})
	one := d.order("one", everyWay)
	d.order("two", engine.Notify{Customer: "joao", Email: true, InApp: true, WhatsApp: true})
	if n := d.tell(); n != 6 {
		t.Errorf("%d were attempted", n)
	}
	if n := d.tell(); n != 0 {
		t.Errorf("%d were attempted again", n)
	}
	d.pay(one)
	d.tell()
	d.want("e-mails", d.mail.titles(), []string{
		"ana@example.com: [Prueba] M le pide un pago", "ana@example.com: [Prueba] M recibió su pago", "joao@example.com: [Teste] M pede um pagamento",
	})
	d.want("WhatsApp", d.whatsapp.titles(), []string{"+573001234567: [Prueba] M le pide un pago", "+573001234567: [Prueba] M recibió su pago"})
	d.want("states", d.states(), []string{
		"asked email sent", "asked whatsapp sent", "asked app sent",
		"asked email sent", "asked whatsapp skipped the customer has no telephone number", "asked app sent",
		"paid email sent", "paid whatsapp sent", "paid app sent",
	})
	text := d.mail.got[slices.IndexFunc(d.mail.got, func(l letter) bool { return l.to == "ana@example.com" })].Text
	for _, part := range []string{"1234,56\u00a0EUR", "two mugs", "INV-one", "8 mar 2026, 12:00 UTC", "https://pay.example/pay/order/one", "Ana"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	page, err := d.engine.InboxOf(t.Context(), engine.NotificationFilter{Scope: scope, Customer: "ana", Page: 1, Limit: 10})
	d.must(err)
	if page.Total != 2 || page.Notifications[0].Title != "[Prueba] M recibió su pago" || page.Notifications[1].Link != "https://pay.example/pay/order/one" ||
		!strings.Contains(page.Notifications[1].Text, "two mugs") || page.Notifications[0].Order != "one" {
		t.Errorf("in the app: %+v", page)
	}
	// What is kept of an e-mail names nobody.
	for _, n := range d.all() {
		if n.Channel != engine.InApp && (n.Title != "" || n.Text != "" || n.Link != "") {
			t.Errorf("kept %+v", n)
		}
	}
}

// One that is gone by the time of sending is not asked to pay for what has ended; nobody on record is told nothing.
func TestWhatNobodyNeedsIsSkipped(t *testing.T) {
	d := sqliteDesk(t)
	one := d.order("one", engine.Notify{Customer: "ana", Email: true})
	d.order("two", engine.Notify{Customer: "ghost", Email: true})
	_, err := d.engine.Cancel(t.Context(), one.ID, order.ByOperator, "op", "")
	d.must(err)
	d.by(engine.ByEmail).notices.Email = nil
	d.tell()
	d.want("states", d.states(), []string{
		"asked email skipped the order has ended", "asked email skipped the customer is not on record",
		"cancelled email skipped the server has no mail server",
	})
	d.by(engine.ByEmail).notices.Email = d.mail
	again, err := d.engine.RetryNotification(t.Context(), d.all()[2].ID, func(engine.Notification) bool { return true })
	d.must(err)
	d.tell()
	if got := d.mail.titles(); len(got) != 1 || d.mail.got[0].id != again.ID {
		t.Errorf("sent %v", got)
	}
}

func TestNotifyRetries(t *testing.T) {
	d := sqliteDesk(t)
	d.order("one", engine.Notify{Customer: "ana", Email: true})
	d.mail.fails = func(string) error { return errors.New("450 later") }
	var waits []time.Duration
	for range 20 {
		n := d.all()[0]
		if n.State != engine.NotificationPending {
			break
		}
		waits = append(waits, n.DueAt.Sub(d.clock.now()))
		if wait := n.DueAt.Sub(d.clock.now()); wait > 0 {
			d.clock.move(wait - time.Second)
			if n := d.tell(); n != 0 {
				t.Fatalf("%d were attempted too early", n)
			}
			d.clock.move(time.Second)
		}
		d.tell()
	}
	if want := append([]time.Duration{0}, notifySchedule...); !slices.Equal(waits, want) {
		t.Errorf("waited %v, want %v", waits, want)
	}
	d.want("states", d.states(), []string{"asked email failed 450 later"})
	_, err := d.engine.RetryNotification(t.Context(), d.all()[0].ID, func(engine.Notification) bool { return true })
	d.must(err)
	d.mail.fails = func(string) error { return fmt.Errorf("%w: 550 no such user", notify.ErrRefused) }
	d.tell()
	d.want("states", d.states(), []string{"asked email failed refused: 550 no such user"})
	if n := d.all()[0]; n.Attempts != 1 || !n.DueAt.IsZero() || !n.DoneAt.Equal(d.clock.now()) {
		t.Errorf("%+v", n)
	}
}

// A mail server that is down holds up no other channel, is asked a few times and no more, and the mails behind lose no attempt.
func TestDeadMailServerHoldsUpNothing(t *testing.T) {
	d := sqliteDesk(t)
	const n = 50
	for i := range n {
		d.order(fmt.Sprint("o", i), engine.Notify{Customer: "ana", Email: true, InApp: true})
	}
	release := make(chan struct{})
	d.mail.fails = func(string) error { <-release; return fmt.Errorf("%w: no connection", notify.ErrDown) }
	failed := make(chan error, 1)
	go func() { _, err := d.by(engine.ByEmail).RunOnce(t.Context()); failed <- err }()
	if got := once(t, d.by(engine.InApp).RunOnce); got != n { // while the other hangs
		t.Errorf("told %d in the app", got)
	}
	close(release)
	if err := <-failed; !errors.Is(err, notify.ErrDown) {
		t.Errorf("the round: %v", err)
	}
	tried := 0
	for _, n := range d.all() {
		if n.Channel == engine.ByEmail {
			tried += n.Attempts
		}
	}
	if tried == 0 || tried > deliverWidth {
		t.Errorf("%d were tried", tried)
	}
	d.mail.fails = nil
	d.clock.move(time.Minute)
	if got := once(t, d.by(engine.ByEmail).RunOnce); got != n || len(d.mail.titles()) != n {
		t.Errorf("%d were tried, %d arrived", got, len(d.mail.titles()))
	}
}

// Two processes on one database send each once.
func TestTwoProcessesTellOnce(t *testing.T) {
	onEach(t, func(t *testing.T, path string) {
		d := newDesk(t, path)
		const n = 60
		for i := range n {
			d.order(fmt.Sprint("o", i), engine.Notify{Customer: "ana", Email: true, Reminders: true})
		}
		d.clock.move(24 * time.Hour)
		two := New(d.config(t))
		if store.IsPostgres(path) {
			second := openDesk(t, path, d.clock)
			second.by(engine.ByEmail).notices.Email = d.mail
			two = second.workers
		}
		both := func(a, b func(context.Context) (int, error)) {
			done := make(chan error, 1)
			go func() { _, err := a(t.Context()); done <- err }()
			once(t, b)
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		both(d.workers.Remind.RunOnce, two.Remind.RunOnce)
		both(d.by(engine.ByEmail).RunOnce, two.Notify[0].RunOnce)
		seen := map[string]bool{}
		for _, l := range d.mail.got {
			if seen[l.id] {
				t.Errorf("%s was sent twice", l.id)
			}
			seen[l.id] = true
		}
		if len(seen) != 2*n {
			t.Errorf("%d were sent, want %d", len(seen), 2*n)
		}
	})
}

// config is that of another process on the same database.
func (d *desk) config(t *testing.T) Config {
	t.Helper()
	config, err := deskConfig(d.engine, d.clock.now, d.mail, d.whatsapp, testClient(t, time.Second))
	d.must(err)
	return config
}

func TestRemindersAreSent(t *testing.T) {
	d := sqliteDesk(t)
	one := d.order("one", engine.Notify{Customer: "ana", WhatsApp: true, Reminders: true})
	d.tell()
	d.clock.move(24 * time.Hour)
	if n := once(t, d.workers.Remind.RunOnce); n != 1 {
		t.Errorf("reminded %d", n)
	}
	d.tell()
	d.clock.move(24 * time.Hour)
	d.pay(one)
	d.clock.move(5 * 24 * time.Hour)
	if n := once(t, d.workers.Remind.RunOnce); n != 0 {
		t.Errorf("reminded %d of an ended order", n)
	}
	d.tell()
	d.want("WhatsApp", d.whatsapp.titles(), []string{
		"+573001234567: [Prueba] M le pide un pago", "+573001234567: [Prueba] M recibió su pago", "+573001234567: [Prueba] Recordatorio: su pago a M sigue pendiente",
	})
}

// The end of an order is told to its own URL: signed with the endpoint's secret, the same bytes at every attempt, and a dead
// host costs one attempt in a round.
func TestOutcomeIsPosted(t *testing.T) {
	d := sqliteDesk(t)
	rc := newReceiver(t, func(received) (int, http.Header) {
		return http.StatusServiceUnavailable, http.Header{"Retry-After": {"600"}}
	})
	d.must(d.engine.SaveSetting(t.Context(), engine.SettingScope{Merchant: "m", Mode: engine.Sandbox}, engine.NotifyURLs, json.RawMessage("true")))
	n := engine.Notify{SuccessURL: rc.URL + "/good", FailedURL: rc.URL + "/bad"}
	one := d.order("one", n)
	d.pay(one)
	d.tell()
	d.want("states", d.states(), []string{"outcome url skipped the merchant has no webhook endpoint whose secret could sign it"})

	d.must(d.engine.SaveEndpoint(t.Context(), engine.Endpoint{ID: "e", Scope: engine.OfOrganisation("o", engine.Sandbox, "plain"), URL: rc.URL, Secret: "sealed", Enabled: true}))
	_, err := d.engine.RetryNotification(t.Context(), d.all()[0].ID, func(engine.Notification) bool { return true })
	d.must(err)
	d.tell()
	first := d.all()[0]
	if first.State != engine.NotificationPending || first.Error != "the URL answered 503" || !first.DueAt.Equal(d.clock.now().Add(10*time.Minute)) || first.Body == nil {
		t.Errorf("%+v", first)
	}
	rc.answers(http.StatusOK)
	d.clock.move(10 * time.Minute)
	d.tell()
	got := rc.received()
	if len(got) != 2 || got[0].body != got[1].body || got[0].id != got[1].id || !strings.Contains(got[0].body, `"order.completed"`) {
		t.Fatalf("received %+v", got)
	}
	for i, at := range []time.Time{start, start.Add(10 * time.Minute)} {
		if err := webhook.VerifyStandard([]webhook.Secret{testSecret}, got[i].header, []byte(got[i].body), at); err != nil {
			t.Error(err)
		}
	}
	d.want("states", d.states(), []string{"outcome url sent"})

	rc.answers(http.StatusGone)
	d.pay(d.order("two", n))
	d.tell()
	d.want("states", d.states()[1:], []string{"outcome url failed refused: the URL answered 410"})

	rc.answers(http.StatusInternalServerError)
	for i := range 40 {
		d.pay(d.order(fmt.Sprint("dead", i), n))
	}
	before := len(rc.received())
	d.tell()
	if tries := len(rc.received()) - before; tries == 0 || tries > deliverWidth {
		t.Errorf("a dead host was asked %d times", tries)
	}
	if n := d.tell(); n != 0 {
		t.Errorf("%d were tried again at once", n)
	}
}

// A process killed between the claim, the sending and the mark: each e-mail arrives, under one id; only one that was sent
// and not marked arrives twice, after the lease.
func TestKilledTelling(t *testing.T) {
	program := buildVictim(t)
	for place, times := range map[string]int{"notify.claimed": 1, "notify.sent": 2, "notify.recorded": 1, "remind.due": 1} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			onEach(t, func(t *testing.T, path string) {
				mails := filepath.Join(t.TempDir(), "mails")
				prepared := t.Run("prepare", func(t *testing.T) {
					d := newDesk(t, path)
					d.order("one", engine.Notify{Customer: "ana", Email: true, Reminders: true})
				})
				if !prepared {
					return
				}
				kill(t, program, place, "TILL_TEST_NOTIFIER="+path, "TILL_TEST_CALLS="+mails)
				c := &clock{at: victimNow()}
				c.move(24 * time.Hour)
				d := openDesk(t, path, c)
				d.by(engine.ByEmail).notices.Email = mailFile(mails)
				for range 2 {
					once(t, d.workers.Remind.RunOnce)
					d.tell()
					c.move(engine.NotificationLease)
				}
				text, err := os.ReadFile(mails)
				d.must(err)
				sent := map[string]int{}
				for id := range strings.FieldsSeq(string(text)) {
					sent[id]++
				}
				all := d.all()
				if len(all) != 2 || len(sent) != 2 || sent[all[0].ID] != times || sent[all[1].ID] != 1 {
					t.Errorf("sent %v of %v", sent, d.states())
				}
				d.want("states", d.states(), []string{"asked email sent", "reminder email sent"})
			})
		})
	}
}

// mailFile is a far side that outlives the process: a file of the ids it took.
type mailFile string

func (f mailFile) Send(_ context.Context, id, _ string, _ notify.Written) error {
	out, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, id)
	return errors.Join(err, out.Close())
}

// tellingVictim tells and reminds until the process is killed.
func tellingVictim(path string) error {
	now := func() time.Time { return victimNow().Add(24 * time.Hour) }
	db, err := open(context.Background(), path, store.Options{Now: now})
	if err != nil {
		return err
	}
	config, err := deskConfig(engine.New(db, []engine.Network{sbx}, nil), now, mailFile(os.Getenv("TILL_TEST_CALLS")), nil, nil)
	if err != nil {
		return err
	}
	w := New(config)
	for range 1000 {
		if _, err := w.Notify[0].RunOnce(context.Background()); err != nil {
			return err
		}
		if _, err := w.Remind.RunOnce(context.Background()); err != nil {
			return err
		}
	}
	return errors.New("nothing killed the process")
}
