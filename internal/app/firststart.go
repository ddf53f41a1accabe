package app

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"till/internal/auth"
	"till/internal/dialect/baanx"
	"till/internal/dialect/koywe"
	"till/internal/dialect/payin"
	"till/internal/engine"
	"till/internal/secrets"
)

// FirstKeysFile is the name of the file, beside the config, that the first start writes its keys to.
const FirstKeysFile = "first-keys.json"

// firstMerchant is the merchant that every server has from its first start on.
const firstMerchant = "default"

// keyForms is how the keys of each API look. A new dialect gets its line here.
var keyForms = map[string]keyForm{
	payin.Name: {live: "pk_live_", test: "pk_test_"},
	koywe.Name: {live: "api_", test: "api_", pair: true},
	baanx.Name: {live: "client_live_", test: "client_test_"},
}

// FirstKeys is what the first start made.
type FirstKeys struct {
	Merchant      string               `json:"merchant"`
	OperatorToken secrets.Text         `json:"operator_token"`
	APIKeys       map[string]FirstPair `json:"api_keys"` // by dialect
}

// FirstPair is the keys for one API. One of two parts is its auth.PairText here, and an object of apiKey and secret
// in the file; it is a key of the merchant's whole organisation, whose webhooks and policy only such a key reaches.
type FirstPair struct {
	Live secrets.Text
	Test secrets.Text
}

// UnmarshalJSON reads what FirstKeys.write wrote.
func (p *FirstPair) UnmarshalJSON(text []byte) error {
	var written struct{ Live, Test json.RawMessage }
	if err := json.Unmarshal(text, &written); err != nil {
		return err
	}
	return errors.Join(readFirstKey(written.Live, &p.Live), readFirstKey(written.Test, &p.Test))
}

// twoParts is a key of two parts as people see it.
type twoParts struct {
	APIKey string `json:"apiKey"`
	Secret string `json:"secret"`
}

func readFirstKey(text json.RawMessage, key *secrets.Text) error {
	var parts twoParts
	if json.Unmarshal(text, &parts) == nil {
		*key = secrets.Text(auth.PairText(parts.APIKey, parts.Secret))
		return nil
	}
	return json.Unmarshal(text, (*string)(key))
}

// Shown is the keys for one API in clear, for the person who starts the server: a key, or an API key and its secret.
func (f *FirstKeys) Shown(dialect string) (live, test string) {
	pair := f.APIKeys[dialect]
	separate := func(key secrets.Text) string { return strings.Replace(key.Reveal(), ":", "  secret ", 1) }
	return separate(pair.Live), separate(pair.Test)
}

// FirstStart makes the merchant, its keys and an operator's token in a database that has no merchant yet;
// in any other it changes nothing and returns nil. The keys are in the file at path, for its owner only,
// before they are in the database, where only their hashes are: after a crash in between, the next start
// takes them from the file. Of several processes that start on one database at once, one does this.
func (a *App) FirstStart(ctx context.Context, path string) (*FirstKeys, error) {
	var merchants []engine.Merchant
	err := a.store.View(ctx, func(rd engine.Reader) (err error) {
		merchants, err = rd.Merchants()
		return err
	})
	if err != nil || len(merchants) > 0 {
		return nil, err
	}
	keys, made, err := firstKeys(path, a.random)
	if err != nil {
		return nil, err
	}
	done, err := a.recordFirst(ctx, keys)
	if err != nil {
		return nil, err
	}
	if !done { // another process was faster; its keys are the ones
		if made {
			err = os.Remove(path)
		}
		return nil, err
	}
	return keys, nil
}

// recordFirst writes merchant and keys in one transaction. done is false when that was done before.
func (a *App) recordFirst(ctx context.Context, keys *FirstKeys) (done bool, err error) {
	mark := engine.AnswerKey{Scope: engine.ServerMarks, Key: "first start"}
	err = a.store.Update(ctx, engine.Keys{Answers: []engine.AnswerKey{mark}}, func(tx engine.Tx) error {
		done = false
		before, err := tx.Answer(mark)
		if err != nil || before != nil {
			return err
		}
		now := tx.Now()
		err = errors.Join(
			tx.Remember(engine.Answer{Scope: mark.Scope, Key: mark.Key, Body: []byte{}, At: now}),
			tx.SaveMerchant(engine.Merchant{ID: keys.Merchant, Organisation: keys.Merchant, Name: "Default merchant", CreatedAt: now}),
		)
		for _, k := range keys.records() {
			k.ID, k.CreatedAt = "key_"+tx.NewID(), now
			err = errors.Join(err, tx.SaveKey(k))
		}
		done = err == nil
		return err
	})
	return done && err == nil, err
}

// records are the keys as they are stored: hashes, and what may be shown.
func (f *FirstKeys) records() []engine.Key {
	list := []engine.Key{{Name: "first operator", Hash: secrets.Hash(f.OperatorToken.Reveal()), Prefix: shown(f.OperatorToken, len("op_")), Active: true}}
	for name, pair := range f.APIKeys {
		form := keyForms[name]
		scope := engine.Scope{Merchant: f.Merchant, Mode: engine.Live, Dialect: name}
		if form.pair {
			scope = engine.OfOrganisation(f.Merchant, engine.Live, name)
		}
		list = append(list, engine.Key{Name: "first live", Scope: scope, Hash: secrets.Hash(pair.Live.Reveal()), Prefix: form.shown(pair.Live, engine.Live), Active: true})
		scope.Mode = engine.Sandbox
		list = append(list, engine.Key{Name: "first test", Scope: scope, Hash: secrets.Hash(pair.Test.Reveal()), Prefix: form.shown(pair.Test, engine.Sandbox), Active: true})
	}
	return list
}

// shown is the part of an operator's token, or of a key of one part, by which people recognise it: how its kind begins, and 4 digits.
func shown(key secrets.Text, form int) string { return key.Reveal()[:form+4] }

// firstKeys reads the keys of a first start that was interrupted, or makes new ones and their file.
func firstKeys(path string, random io.Reader) (keys *FirstKeys, made bool, err error) {
	keys, err = readFirstKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, false, err
	}
	if keys, err = newFirstKeys(random); err != nil {
		return nil, false, err
	}
	err = keys.write(path)
	if errors.Is(err, fs.ErrExist) { // another process in the same folder
		keys, err = readFirstKeys(path)
		return keys, false, err
	}
	return keys, true, err
}

func readFirstKeys(path string) (*FirstKeys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var keys FirstKeys
	if json.Unmarshal(text, &keys) != nil || !keys.complete() || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s is not what a first start wrote, and the database has no merchant: remove the file to have new keys made", path)
	}
	return &keys, nil
}

// complete says that the keys are those of every API, each of its form and full length.
func (f *FirstKeys) complete() bool {
	if f.Merchant != firstMerchant || !isKey(f.OperatorToken, "op_", operatorBytes) || len(f.APIKeys) != len(keyForms) {
		return false
	}
	for name, form := range keyForms {
		pair := f.APIKeys[name]
		if !form.fits(pair.Live, engine.Live) || !form.fits(pair.Test, engine.Sandbox) {
			return false
		}
	}
	return true
}

// The random bytes of an operator's token and of an API key.
const (
	operatorBytes = 24
	keyBytes      = 16
)

func isKey(key secrets.Text, form string, size int) bool {
	text := key.Reveal()
	return len(text) == len(form)+hex.EncodedLen(size) && text[:len(form)] == form
}

func newFirstKeys(random io.Reader) (*FirstKeys, error) {
	size := operatorBytes
	for _, form := range keyForms {
		size += 2 * form.size()
	}
	raw := make([]byte, size)
	if _, err := io.ReadFull(random, raw); err != nil {
		return nil, fmt.Errorf("no randomness for the first keys: %w", err)
	}
	next := func(size int) []byte {
		part := raw[:size]
		raw = raw[size:]
		return part
	}
	keys := &FirstKeys{
		Merchant: firstMerchant, OperatorToken: secrets.Text("op_" + hex.EncodeToString(next(operatorBytes))), APIKeys: map[string]FirstPair{},
	}
	for name, form := range keyForms {
		keys.APIKeys[name] = FirstPair{Live: form.key(engine.Live, next(form.size())), Test: form.key(engine.Sandbox, next(form.size()))}
	}
	return keys, nil
}

// write puts the keys in clear into a new file that only its owner reads, on disk when it returns. A file
// that exists is fs.ErrExist and stays as it is.
func (f *FirstKeys) write(path string) error {
	plain := map[string]any{"merchant": f.Merchant, "operator_token": f.OperatorToken.Reveal()}
	pairs := map[string]map[string]any{}
	for name, pair := range f.APIKeys {
		pairs[name] = map[string]any{"live": keyForms[name].plain(pair.Live), "test": keyForms[name].plain(pair.Test)}
	}
	plain["api_keys"] = pairs
	text, err := json.MarshalIndent(plain, "", "  ")
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
