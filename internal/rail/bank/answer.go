package bank

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"till/internal/killpoint"
	"till/internal/rail"
)

// Answered takes the bank's answer to a payment file (pain.002) and returns what it changes: a word for each transfer of
// which it says that it is not executed. What it accepts is kept and changes nothing, for only a statement says that money
// left. The words are on record before they are returned, and the same file read again gives the same words, so whoever
// could not tell them reads it again. A transfer that was rejected stays so, whatever a later file says.
//
// A file with any error changes nothing; the error is then a *rail.FileError. So it is when the file answers one that was
// not made here, or a transfer that is not in it.
func (r *Rail) Answered(ctx context.Context, file io.Reader) ([]rail.Word, error) {
	a, err := readPain002(ctx, file, r.cfg.Asset)
	if err != nil {
		return nil, err
	}
	wrong := func(line int, field, text string, args ...any) error {
		return &rail.FileError{Format: string(PAIN002), Line: line, Field: field, Message: fmt.Sprintf(text, args...)}
	}
	at := r.now().UTC().Truncate(time.Second)
	var words []rail.Word
	err = r.state.Update(ctx, func(m rail.Memory) error {
		words = nil
		text, err := m.Get(fileKey + a.File)
		if err != nil {
			return err
		}
		if text == nil || len(a.File) > maxID {
			return wrong(0, "OrgnlMsgId", "it answers the payment file %q, and no such file was made here", clip(a.File))
		}
		f, ids := File{}, []string{}
		if err := json.Unmarshal(text, &f); err != nil {
			return err
		}
		if err := get(m, listKey+a.File, &ids); err != nil {
			return err
		}
		left := len(a.Each)
		for _, id := range ids {
			said := a.of(id)
			if _, alone := a.Each[id]; alone {
				left--
			}
			if said.Status == "" {
				continue
			}
			t := Transfer{}
			if err := get(m, transferKey+id, &t); err != nil {
				return err
			}
			if said.units != "" && said.units != t.Units {
				return wrong(a.line[id], "InstdAmt", "the transfer %s was made with another amount", id)
			}
			if !ends(t.Answer) && (t.Answer != said.Status || t.Reason != said.Reason) {
				t.Answer, t.Reason = said.Status, said.Reason
				if err := rail.Save(m, transferKey+id, t); err != nil {
					return err
				}
			}
			if t.ID = id; ends(t.Answer) {
				words = append(words, t.word())
			}
		}
		if left > 0 {
			id, line := a.stranger(ids)
			return wrong(line, "OrgnlEndToEndId", "the transfer %q is not in the payment file %s", clip(id), a.File)
		}
		whole := a.Whole
		if whole.Status == "" {
			whole = a.Payment
		}
		if whole.Status == "" || ends(f.Answer) || f.Answer == whole.Status && f.Reason == whole.Reason {
			return nil
		}
		f.Answer, f.Reason, f.Answered = whole.Status, whole.Reason, at
		return rail.Save(m, fileKey+a.File, f)
	})
	if err != nil {
		return nil, err
	}
	killpoint.Here("bank.answered")
	return words, nil
}

// stranger is the first transfer, by its line, that an answer names and the file does not have.
func (a *painAnswer) stranger(ids []string) (id string, line int) {
	known := map[string]bool{}
	for _, one := range ids {
		known[one] = true
	}
	for one, at := range a.line {
		if !known[one] && (line == 0 || at < line) {
			id, line = one, at
		}
	}
	return id, line
}
