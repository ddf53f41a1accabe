package bank

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"till/internal/fault"
	"till/internal/killpoint"
	"till/internal/money"
	"till/internal/rail"
)

// maxTransfers is how many transfers are in one file. What is more goes into the next, for one transaction makes a file,
// and others wait for it.
const maxTransfers = 1000

// File is one payment file.
type File struct {
	ID       string       `json:"-"` // its MsgId and PmtInfId
	Made     time.Time    // true time
	Day      time.Time    // on which the bank is asked to execute it
	Count    int          // of its transfers
	Sum      money.Amount `json:"-"`
	Units    string       // of Sum
	Version  string
	Answer   string    `json:",omitempty"` // the bank's last word on the file as a whole: a status of ISO 20022; "": none yet
	Reason   string    `json:",omitempty"`
	Answered time.Time `json:",omitzero"`
	HandOut  bool      `json:"-"` // it waits to be put into the folder
}

// mark moves whenever something leaves the queue.
type mark struct {
	Files int64  // how many were made
	Day   string // of the last one
	OfDay int    // how many on that day
}

// Export makes payment files of what was queued until a moment, all of it, and returns them, the first first; none when
// nothing was queued. They are on record before it returns, so that they exist once whatever happens afterwards. Several
// processes may export at the same time.
func (r *Rail) Export(ctx context.Context, upTo time.Time) ([]File, error) {
	select {
	case r.one <- struct{}{}:
		defer func() { <-r.one }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var made []File
	for tries := 0; ; {
		f, again, err := r.export(ctx, upTo)
		switch {
		case err != nil:
			return made, err
		case again:
			if tries++; tries == maxTries {
				return made, fmt.Errorf("%s: the queue is exported elsewhere at the same time", r.Name())
			}
			continue
		case f == nil:
			return made, nil
		}
		made = append(made, *f)
		killpoint.Here("bank.filed")
	}
}

// maxTries is how often an export begins again because another one took its transfers.
const maxTries = 10

// export makes one file. again says that another process was faster.
func (r *Rail) export(ctx context.Context, upTo time.Time) (file *File, again bool, err error) {
	was, err := r.mark(ctx) // before the queue: what leaves it after this moves the mark
	if err != nil {
		return nil, false, err
	}
	list, err := r.due(ctx, upTo)
	if err != nil || len(list) == 0 {
		return nil, false, err
	}
	now := r.now().UTC().Truncate(time.Second)
	next := mark{Files: was.Files + 1, Day: r.cfg.Calendar.Today(now).Format("20060102"), OfDay: 1}
	if was.Day == next.Day {
		next.OfDay = was.OfDay + 1
	}
	f := File{ID: r.fileID(next, list), Made: now, Day: r.cfg.Calendar.ExecutionDay(now), Count: len(list), Sum: money.Zero(r.cfg.Asset), Version: r.cfg.Version, HandOut: r.cfg.HandsOut}
	orders, ids := make([]painOrder, len(list)), make([]string, len(list))
	for i, t := range list {
		payee, err := ParsePayee(t.To)
		if err != nil {
			return nil, false, fmt.Errorf("%s: transfer %s: %w", r.Name(), t.ID, err)
		}
		orders[i], ids[i], f.Sum = painOrder{t.ID, payee, t.Amount}, t.ID, f.Sum.Add(t.Amount)
	}
	f.Units = f.Sum.Units()
	packed, err := pack(writePain001(r.cfg, f.ID, now, f.Day, orders))
	if err != nil {
		return nil, false, err
	}
	killpoint.Here("bank.made")
	err = r.state.Update(ctx, func(m rail.Memory) error {
		now := mark{}
		if err := get(m, markKey, &now); err != nil {
			return err
		}
		if again = now != was; again {
			return nil
		}
		for _, t := range list {
			t.File = f.ID
			if err := errors.Join(m.Put(queueKey+t.ID, nil), rail.Save(m, transferKey+t.ID, t)); err != nil {
				return err
			}
		}
		if r.cfg.HandsOut {
			if err := m.Put(outKey+f.ID, []byte("{}")); err != nil {
				return err
			}
		}
		return errors.Join(rail.Save(m, markKey, next), rail.Save(m, fileKey+f.ID, f), m.Put(bytesKey+f.ID, packed), rail.Save(m, listKey+f.ID, ids),
			rail.Save(m, newestKey+fmt.Sprintf("%012d", 1_000_000_000_000-next.Files), f.ID))
	})
	return &f, again, err
}

// due is what was queued until a moment, at most as much as a file holds.
func (r *Rail) due(ctx context.Context, upTo time.Time) (list []Transfer, err error) {
	for after := ""; len(list) < maxTransfers; {
		page, err := r.Queue(ctx, after, maxTransfers)
		if err != nil || len(page) == 0 {
			return list, err
		}
		for _, t := range page {
			if !t.Queued.After(upTo) && len(list) < maxTransfers {
				list = append(list, t)
			}
		}
		after = page[len(page)-1].ID
	}
	return list, nil
}

func (r *Rail) mark(ctx context.Context) (m mark, err error) {
	list, err := r.state.List(ctx, markKey, "", 1)
	if err == nil && len(list) == 1 {
		err = json.Unmarshal(list[0].Value, &m)
	}
	return m, err
}

// fileID is an id of at most 35 characters, of capitals, digits and -: the account, the day, the file's number on it, and a
// digest of its transfers. So ids of one account sort by day, and two files of different transfers never have one id, not
// even after an older copy of the database was put back.
func (r *Rail) fileID(next mark, list []Transfer) string {
	account := r.cfg.ID
	if !r.cfg.Live {
		account = "test" + account
	}
	digest := sha256.New()
	for _, t := range list {
		fmt.Fprintf(digest, "%s;%s;%s\n", t.ID, t.Units, t.To)
	}
	return fmt.Sprintf("%s-%s-%04d-%s", strings.ToUpper(account[:min(len(account), 12)]), next.Day, next.OfDay%10_000,
		base32.StdEncoding.EncodeToString(digest.Sum(nil))[:8])
}

// Files lists the payment files, the newest first, behind the given id.
func (r *Rail) Files(ctx context.Context, after string, limit int) ([]File, error) {
	from := ""
	if after != "" {
		for { // its number is not in its id: it is looked for from the newest on
			page, err := r.state.List(ctx, newestKey, from, maxTransfers)
			if err != nil {
				return nil, err
			}
			if len(page) == 0 {
				return nil, fault.New(fault.CodeInvalidPage, "there is no such file").On("after")
			}
			found := false
			for _, item := range page {
				if from = item.Key; string(item.Value) == `"`+after+`"` {
					found = true
					break
				}
			}
			if found {
				break
			}
		}
	}
	items, err := r.state.List(ctx, newestKey, from, limit)
	if err != nil {
		return nil, err
	}
	var list []File
	for _, item := range items {
		id := ""
		if err := json.Unmarshal(item.Value, &id); err != nil {
			return nil, fmt.Errorf("%s: %s cannot be read: %w", r.Name(), item.Key, err)
		}
		f, err := r.File(ctx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// File is one payment file by its id. Fault: not_found.
func (r *Rail) File(ctx context.Context, id string) (File, error) {
	f := File{ID: id}
	text, err := r.read(ctx, fileKey, id)
	if err == nil {
		err = json.Unmarshal(text, &f)
	}
	if err == nil {
		f.Sum, err = money.ParseUnits(r.cfg.Asset, f.Units)
	}
	if err != nil {
		return f, err
	}
	waits, err := r.state.List(ctx, outKey+id, "", 1)
	f.HandOut = len(waits) == 1 && waits[0].Key == outKey+id
	return f, err
}

// Bytes is a payment file: the same bytes whenever it is asked for. Fault: not_found.
func (r *Rail) Bytes(ctx context.Context, id string) ([]byte, error) {
	packed, err := r.read(ctx, bytesKey, id)
	if err != nil {
		return nil, err
	}
	return unpack(packed)
}

// Transfers is the transfers of a file, in their order there. Fault: not_found.
func (r *Rail) Transfers(ctx context.Context, file string) ([]Transfer, error) {
	text, err := r.read(ctx, listKey, file)
	if err != nil {
		return nil, err
	}
	var ids []string
	if err := json.Unmarshal(text, &ids); err != nil {
		return nil, fmt.Errorf("%s: %s cannot be read: %w", r.Name(), listKey+file, err)
	}
	list := make([]Transfer, 0, len(ids))
	for _, id := range ids {
		t, err := r.Transfer(ctx, id)
		if err != nil {
			return nil, err
		}
		if t != nil {
			list = append(list, *t)
		}
	}
	return list, nil
}

// Words implements rail.Filer: unknown, or failed where the bank rejected a transfer.
func (r *Rail) Words(ctx context.Context, file string) ([]rail.Word, error) {
	list, err := r.Transfers(ctx, file)
	words := make([]rail.Word, len(list))
	for i := range list {
		words[i] = list[i].word()
	}
	return words, err
}

func (t *Transfer) word() rail.Word {
	w := rail.Word{ID: t.ID, Status: t.status(), Ref: refOf(t.ID)}
	if w.Status == rail.StatusFailed {
		w.Reason = t.Reason
	}
	return w
}

// Batch implements rail.Batcher.
func (r *Rail) Batch(m rail.Memory, id string) (ids []string, err error) {
	if id == "" || len(id) > maxID {
		return nil, nil
	}
	err = get(m, listKey+id, &ids)
	return ids, err
}

// Daily implements rail.Filer: once on each bank day, when its time has come, it exports what is queued.
func (r *Rail) Daily(ctx context.Context) ([]string, error) {
	now := r.now()
	today := r.cfg.Calendar.Today(now)
	if r.cfg.Daily == 0 || !r.cfg.Calendar.BankDay(today) || now.Before(r.cfg.Calendar.at(today, r.cfg.Daily)) {
		return nil, nil
	}
	day := today.Format(time.DateOnly)
	list, err := r.state.List(ctx, dayKey, "", 1)
	if err != nil || len(list) == 1 && string(list[0].Value) >= day {
		return nil, err
	}
	files, err := r.Export(ctx, now)
	var ids []string
	for _, f := range files {
		ids = append(ids, f.ID)
	}
	if err != nil {
		return ids, err
	}
	killpoint.Here("bank.daily")
	return ids, r.state.Update(ctx, func(m rail.Memory) error { return m.Put(dayKey, []byte(day)) })
}

// handout is a file that waits to be handed out.
type handout struct {
	Staged string `json:",omitempty"`
}

// Handouts implements rail.Filer.
func (r *Rail) Handouts(ctx context.Context, limit int) ([]rail.Handout, error) {
	items, err := r.state.List(ctx, outKey, "", limit)
	list := make([]rail.Handout, len(items))
	for i, item := range items {
		h := handout{}
		if err := json.Unmarshal(item.Value, &h); err != nil {
			return nil, fmt.Errorf("%s: %s cannot be read: %w", r.Name(), item.Key, err)
		}
		list[i] = rail.Handout{File: strings.TrimPrefix(item.Key, outKey), Staged: h.Staged}
	}
	return list, err
}

// Stage implements rail.Filer.
func (r *Rail) Stage(ctx context.Context, file, as string) (staged string, err error) {
	err = r.state.Update(ctx, func(m rail.Memory) error {
		text, err := m.Get(outKey + file)
		if staged = ""; err != nil || text == nil {
			return err
		}
		h := handout{}
		if err := json.Unmarshal(text, &h); err != nil {
			return err
		}
		if staged = h.Staged; staged != "" {
			return nil
		}
		staged = as
		return rail.Save(m, outKey+file, handout{as})
	})
	return staged, err
}

// HandedOut implements rail.Filer.
func (r *Rail) HandedOut(ctx context.Context, file string) error {
	return r.state.Update(ctx, func(m rail.Memory) error { return m.Put(outKey+file, nil) })
}

// read is what is kept under a key. Fault: not_found.
func (r *Rail) read(ctx context.Context, prefix, id string) ([]byte, error) {
	list, err := r.state.List(ctx, prefix+id, "", 1)
	if err != nil {
		return nil, err
	}
	if id == "" || len(list) == 0 || list[0].Key != prefix+id {
		return nil, fault.New(fault.CodeNotFound, "there is no such payment file")
	}
	return list[0].Value, nil
}

// get reads a line of the memory; what is not there leaves to as it is.
func get(m rail.Memory, key string, to any) error {
	_, err := rail.Load(m, key, to)
	return err
}

// pack makes bytes small: payment files repeat themselves.
func pack(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(text)
	err = errors.Join(err, w.Close()) // before the bytes are taken
	return b.Bytes(), err
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}
