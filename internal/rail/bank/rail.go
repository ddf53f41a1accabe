package bank

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/money"
	"till/internal/rail"
)

// Config is what the rail of one bank account is made of.
type Config struct {
	ID       string      // the network's: 1 to 40 of a-z, 0-9 and -
	Live     bool        // the mode it serves; the ids of files that are not live begin with TEST
	Own      Payee       // the account itself, with who holds it
	Asset    money.Asset // its currency
	Version  string      // Pain001V03 or Pain001V09
	Batch    bool        // the bank is asked to book a file as one line
	Service  string      // the scheme: a code of ISO 20022's list of service levels, SEPA, NURG, URGP; "": none is named
	Charges  string      // who pays what it costs: SLEV, SHAR, DEBT, CRED; "": not said
	Priority string      // HIGH, NORM; "": not said
	Calendar Calendar
	Daily    time.Duration // when a file is made by itself, since midnight on the calendar's clock, on bank days; 0: never
	HandsOut bool          // files are handed out to a folder, by the worker
}

// sepa is the service level that has rules of its own.
const sepa = "SEPA"

// Check checks a config and gives it with the account in its canonical spelling. The error names the field.
func (c Config) Check() (Config, error) {
	wrong := func(field, text string) (Config, error) { return Config{}, fmt.Errorf("%s: %s", field, text) }
	var err error
	if c.Own, err = c.Own.Check(); err != nil {
		if f, ok := fault.As(err); ok {
			return wrong(f.Param, f.Message)
		}
		return Config{}, err
	}
	switch {
	case c.ID == "" || len(c.ID) > 40 || strings.Trim(c.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return wrong("id", "want 1 to 40 of a-z, 0-9 and -")
	case c.Asset.IsZero() || c.Asset.Network() != "" || c.Asset.Scale() > 5:
		return wrong("currency", "want one of ISO 4217")
	case c.Version != Pain001V03 && c.Version != Pain001V09:
		return wrong("version", "want "+Pain001V09+" or "+Pain001V03)
	case len(c.Service) > 4 || c.Service != "" && !every(c.Service, isAlnum):
		return wrong("service", "want a code of up to four capitals and digits")
	case !slices.Contains([]string{"", "SLEV", "SHAR", "DEBT", "CRED"}, c.Charges):
		return wrong("charges", "want SLEV, SHAR, DEBT or CRED")
	case !slices.Contains([]string{"", "HIGH", "NORM"}, c.Priority):
		return wrong("priority", "want HIGH or NORM")
	case c.Service == sepa && (c.Asset.Code() != "EUR" || !c.Own.IBAN() || c.Charges != "" && c.Charges != "SLEV"):
		return wrong("service", "SEPA is for euros from an IBAN, each side bearing its own charges (SLEV)")
	case c.Calendar.CutOff < 0 || c.Calendar.CutOff >= 24*time.Hour:
		return wrong("cut_off", "want a time of day")
	case c.Daily < 0 || c.Daily >= 24*time.Hour:
		return wrong("daily", "want a time of day")
	}
	if c.Service == sepa {
		c.Charges = "SLEV"
	}
	return c, nil
}

// maxAmount is the most digits that an amount of ISO 20022 has, and sepaDigits those of SEPA: 999999999.99.
const (
	maxAmount  = 18
	sepaDigits = 11
)

// Payable says whether the account can pay to somebody: what a transfer is refused for.
//
// Faults: invalid_currency, invalid_amount, amount_too_large, invalid_address.
func (c Config) Payable(p Payee, amount money.Amount) error {
	digits := maxAmount
	if c.Service == sepa {
		digits = sepaDigits
	}
	switch {
	case amount.Asset() != c.Asset:
		return fault.New(fault.CodeInvalidCurrency, "the account is in "+c.Asset.Code()).On("currency")
	case amount.Sign() <= 0:
		return fault.New(fault.CodeInvalidAmount, "a transfer is above zero").On("amount")
	case len(amount.Units()) > digits:
		return fault.New(fault.CodeAmountTooLarge, "no payment file has such an amount").On("amount")
	case c.Service == sepa && !p.IBAN():
		return fault.New(fault.CodeInvalidAddress, "SEPA pays to an IBAN only").On("account")
	case p.Account == c.Own.Account:
		return fault.New(fault.CodeInvalidAddress, "this is the account that pays").On("account")
	}
	return nil
}

// Opts is what the rail takes from around it.
type Opts struct {
	State rail.State       // of this rail; what several processes share
	Now   func() time.Time // true time
}

// Rail pays from one bank account by files that people hand to the bank.
//
// A transfer is queued, put into a file and told of, and each step is on record before the next begins:
//
//   - queued: Send has put it into the queue, in one transaction. Its engine calls that sent.
//   - in a file: Export has made a payment file of the queue. File and transfers change in one transaction, so that a
//     transfer is in one file for ever, and the file's bytes are kept: whoever asks for it again gets the same. From then
//     on nobody can be asked what became of it: it is unknown until a file of the bank says more.
//   - rejected: the bank's answer (pain.002) says that it will not be executed. That it was, and that it came back, stands
//     in statements, which are not read here.
//
// Several processes may use one rail over one database. rail.go has the steps of a transfer, export.go files and how they
// are handed out, answer.go the bank's answers, pain001.go and pain002.go the two formats, calendar.go the bank's days.
type Rail struct {
	cfg   Config
	state rail.State
	now   func() time.Time
	one   chan struct{} // one export at a time in this process
}

var (
	_ rail.Filer   = (*Rail)(nil)
	_ rail.Batcher = (*Rail)(nil)
)

// New makes the rail. The error is that of [Config.Check].
func New(c Config, o Opts) (*Rail, error) {
	c, err := c.Check()
	if err != nil {
		return nil, fmt.Errorf("bank:%s: %w", c.ID, err)
	}
	if o.State == nil || o.Now == nil {
		return nil, errors.New("bank: a state and a clock are needed")
	}
	return &Rail{cfg: c, state: o.State, now: o.Now, one: make(chan struct{}, 1)}, nil
}

// Name is "bank:" and the network's id.
func (r *Rail) Name() rail.Name { return rail.Name("bank:" + r.cfg.ID) }

// Config is what the rail was made of, in canonical spellings.
func (r *Rail) Config() Config { return r.cfg }

// The rail's memory. A transfer stands under queueKey or under transferKey, never under both, and goes from the first to
// the second only. Whatever takes one out of the queue moves the mark.
const (
	queueKey    = "queue/"
	transferKey = "transfer/"
	markKey     = "mark"
	fileKey     = "file/"   // what a file is
	bytesKey    = "bytes/"  // its bytes, packed
	listKey     = "list/"   // the ids of its transfers
	newestKey   = "newest/" // the id of a file, behind a number that sorts the newest first
	outKey      = "out/"    // it waits to be handed out
	dayKey      = "day"     // the last day on which a file was made by itself
)

// Transfer is one transfer as the rail knows it.
type Transfer struct {
	ID     string       `json:"-"`
	To     string       // the payee's text
	Amount money.Amount `json:"-"`
	Units  string       // of Amount
	Queued time.Time
	File   string `json:",omitempty"` // "": it is in the queue
	Answer string `json:",omitempty"` // the bank's last word: a status of ISO 20022, ACSC, RJCT
	Reason string `json:",omitempty"` // what it says of it: a reason code and text
}

// maxID is the longest end-to-end id there is.
const maxID = 35

// Send implements rail.Sender: it puts the transfer into the queue. ErrRefused is for what no payment file can say.
func (r *Rail) Send(ctx context.Context, d rail.Delivery) (ref rail.Ref, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	var answer error
	err = r.state.Update(ctx, func(m rail.Memory) (err error) {
		ref, answer, err = r.Take(m, d)
		return err
	}, queueKey+d.ID, transferKey+d.ID)
	if err == nil {
		err = answer
	}
	if err != nil {
		return "", err
	}
	return ref, nil
}

// Take implements rail.Taker.
func (r *Rail) Take(m rail.Memory, d rail.Delivery) (ref rail.Ref, answer, err error) {
	if err := r.sendable(d); err != nil {
		return "", fmt.Errorf("%s: %w: %w", r.Name(), rail.ErrRefused, err), nil
	}
	t := Transfer{To: d.To, Units: d.Amount.Units(), Queued: r.now().UTC().Truncate(time.Microsecond)}
	for _, key := range []string{queueKey, transferKey} {
		text, err := m.Get(key + d.ID)
		if err != nil {
			return "", nil, err
		}
		if text == nil {
			continue
		}
		known := Transfer{}
		if err := json.Unmarshal(text, &known); err != nil {
			return "", nil, fmt.Errorf("%s: %s cannot be read: %w", r.Name(), key+d.ID, err)
		}
		if known.To != t.To || known.Units != t.Units {
			return "", fmt.Errorf("%s: transfer %s is on record with another amount or payee", r.Name(), d.ID), nil
		}
		return refOf(d.ID), nil, nil
	}
	return refOf(d.ID), nil, rail.Save(m, queueKey+d.ID, t)
}

// Reads implements rail.Taker: a transfer has lines of its own.
func (*Rail) Reads() []string { return nil }

// Taken implements rail.Taker: what waits in the queue leaves with the next file, and is told by nobody before.
func (*Rail) Taken() {}

// sendable says what no payment file can say.
func (r *Rail) sendable(d rail.Delivery) error {
	if id, err := Text("id", d.ID, maxID); err != nil || id != d.ID || id == "" {
		return errors.New("its id is no end-to-end id")
	}
	p, err := ParsePayee(d.To)
	if err != nil {
		return err
	}
	return r.cfg.Payable(p, d.Amount)
}

// Lookup implements rail.Sender. A transfer in the queue is sent, one in a file is unknown, one that the bank rejected has
// failed.
func (r *Rail) Lookup(ctx context.Context, d rail.Delivery) (rail.Status, rail.Ref, error) {
	t, err := r.Transfer(ctx, d.ID)
	switch {
	case err != nil:
		return "", "", err
	case t == nil:
		return rail.StatusNone, "", nil
	}
	return t.status(), refOf(t.ID), nil
}

func (t *Transfer) status() rail.Status {
	switch {
	case t.File == "":
		return rail.StatusSent
	case ends(t.Answer):
		return rail.StatusFailed
	}
	return rail.StatusUnknown
}

// Transfer is one transfer by its id, nil when nobody knows it.
func (r *Rail) Transfer(ctx context.Context, id string) (*Transfer, error) {
	// In the order in which it moves: the other way round it could be missed.
	for _, key := range []string{queueKey, transferKey} {
		list, err := r.state.List(ctx, key+id, "", 1)
		if err != nil {
			return nil, err
		}
		if len(list) == 1 && list[0].Key == key+id {
			t, err := r.transfer(key, list[0])
			return &t, err
		}
	}
	return nil, nil
}

func (r *Rail) transfer(prefix string, item rail.Item) (Transfer, error) {
	t := Transfer{}
	err := json.Unmarshal(item.Value, &t)
	if err == nil {
		t.ID = strings.TrimPrefix(item.Key, prefix)
		t.Amount, err = money.ParseUnits(r.cfg.Asset, t.Units)
	}
	if err != nil {
		err = fmt.Errorf("%s: %s cannot be read: %w", r.Name(), item.Key, err)
	}
	return t, err
}

// Queue lists the transfers that wait for the next file, the oldest id first, behind the given one.
func (r *Rail) Queue(ctx context.Context, after string, limit int) ([]Transfer, error) {
	if after != "" {
		after = queueKey + after
	}
	items, err := r.state.List(ctx, queueKey, after, limit)
	if err != nil {
		return nil, err
	}
	list := make([]Transfer, len(items))
	for i, item := range items {
		if list[i], err = r.transfer(queueKey, item); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// refOf is the end-to-end id, by which bank and payee know the transfer.
func refOf(id string) rail.Ref { return rail.Ref(id) }
