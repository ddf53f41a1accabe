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
	"time"

	"till/internal/auth"
	"till/internal/dialect/baanx"
	"till/internal/dialect/glomo"
	"till/internal/dialect/koywe"
	"till/internal/dialect/payin"
	"till/internal/engine"
	"till/internal/operator"
	"till/internal/secrets"
)

// FirstKeysFile is the name of the file, beside the config, that the first start writes its keys to.
const FirstKeysFile = "first-keys.json"

// firstMerchant is the merchant that every server has from its first start on.
const firstMerchant = "default"

// keyForms is how the keys of each API look whose keys are random digits. A new dialect gets its line here; the keys of glomo
// are signed: see signedkeys.go.
var keyForms = map[string]keyForm{
	payin.Name: {live: "pk_live_", test: "pk_test_"},
	koywe.Name: {live: "api_", test: "api_", pair: true},
	baanx.Name: {live: "client_live_", test: "client_test_"},
}

// FirstKeys is what the first start made.
type FirstKeys struct {
	Merchant      string               `json:"merchant"`
	OperatorToken secrets.Text         `json:"operator_token"`
	APIKeys       map[string]FirstPair `json:"api_keys"`         // by dialect
	Publishable   map[string]FirstPair `json:"publishable_keys"` // by dialect, of those that have such keys
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
	return f.APIKeys[dialect].shown()
}

// ShownPublishable is the publishable keys for one API, "" where it has none.
func (f *FirstKeys) ShownPublishable(dialect string) (live, test string) {
	return f.Publishable[dialect].shown()
}

func (pair FirstPair) shown() (live, test string) {
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
	keys, made, err := a.firstKeys(ctx, path)
	if err != nil {
		return nil, err
	}
	done, err := a.recordFirst(ctx, keys)
	if err != nil {
		return nil, err
	}
	if !done { // another process was faster; its keys are the ones
		if made {
			err = a.overtaken(ctx, keys, path)
		}
		return nil, err
	}
	return keys, nil
}

// overtaken removes the file that this process wrote for keys that are not on record. They are when the process that was
// faster took them from this very file.
func (a *App) overtaken(ctx context.Context, keys *FirstKeys, path string) error {
	var recorded *engine.Key
	err := a.store.View(ctx, func(rd engine.Reader) (err error) {
		recorded, err = rd.KeyByHash(secrets.Hash(keys.OperatorToken.Reveal()))
		return err
	})
	if err != nil || recorded != nil {
		return err
	}
	return os.Remove(path)
}

// recordFirst writes merchant and keys in one transaction. done is false when that was done before.
func (a *App) recordFirst(ctx context.Context, keys *FirstKeys) (done bool, err error) {
	records, err := a.firstRecords(keys)
	if err != nil {
		return false, err
	}
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
		for _, k := range records {
			k.ID, k.CreatedAt = "key_"+tx.NewID(), now
			err = errors.Join(err, engine.RecordKey(tx, k))
		}
		done = err == nil
		return err
	})
	return done && err == nil, err
}

// firstRecords are the keys as they are stored: hashes, what may be shown, and what must sign sealed.
func (a *App) firstRecords(f *FirstKeys) ([]engine.Key, error) {
	list := []engine.Key{{Name: "first operator", Hash: secrets.Hash(f.OperatorToken.Reveal()), Prefix: shown(f.OperatorToken, len("op_")), Active: true}}
	for name, form := range keyForms {
		pair := f.APIKeys[name]
		scope := engine.Scope{Merchant: f.Merchant, Mode: engine.Live, Dialect: name}
		if form.pair {
			scope = engine.OfOrganisation(f.Merchant, engine.Live, name)
		}
		list = append(list, engine.Key{Name: "first live", Scope: scope, Hash: secrets.Hash(pair.Live.Reveal()), Prefix: form.shown(pair.Live, engine.Live), Active: true})
		scope.Mode = engine.Sandbox
		list = append(list, engine.Key{Name: "first test", Scope: scope, Hash: secrets.Hash(pair.Test.Reveal()), Prefix: form.shown(pair.Test, engine.Sandbox), Active: true})
	}
	for _, mode := range []engine.Mode{engine.Live, engine.Sandbox} {
		scope := engine.Scope{Merchant: f.Merchant, Mode: mode, Dialect: glomo.Name}
		name := map[engine.Mode]string{engine.Live: "first live", engine.Sandbox: "first test"}[mode]
		secret, err := a.sealedKey(f.APIKeys[glomo.Name].of(mode).Reveal())
		if err != nil {
			return nil, err
		}
		public := publishableOf(f.Publishable[glomo.Name].of(mode), mode)
		list = append(list,
			engine.Key{Name: name, Scope: scope, Hash: secret.Hash, Prefix: secret.Shown, Sealed: secret.Sealed, Active: true},
			engine.Key{Name: name + " publishable", Scope: scope, Hash: public.Hash, Prefix: public.Shown, Scopes: []string{operator.Publishable}, Active: true})
	}
	return list, nil
}

func (pair FirstPair) of(m engine.Mode) secrets.Text {
	if m == engine.Live {
		return pair.Live
	}
	return pair.Test
}

// shown is the part of an operator's token, or of a key of one part, by which people recognise it: how its kind begins, and 4 digits.
func shown(key secrets.Text, form int) string { return key.Reveal()[:form+4] }

// firstKeys reads the keys of a first start that was interrupted, or makes new ones and their file.
func (a *App) firstKeys(ctx context.Context, path string) (keys *FirstKeys, made bool, err error) {
	keys, err = a.readFirstKeys(ctx, path)
	if !errors.Is(err, fs.ErrNotExist) {
		return keys, false, err
	}
	if keys, err = a.newFirstKeys(ctx); err != nil {
		return nil, false, err
	}
	err = keys.write(path)
	if errors.Is(err, fs.ErrExist) { // another process in the same folder
		keys, err = a.readFirstKeys(ctx, path)
		return keys, false, err
	}
	return keys, true, err
}

func (a *App) readFirstKeys(ctx context.Context, path string) (*FirstKeys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	for wait := 20 * time.Millisecond; err == nil && len(text) == 0 && wait < time.Second; wait *= 2 { // another process has just made the file
		time.Sleep(wait)
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	var keys FirstKeys
	whole := json.Unmarshal(text, &keys) == nil && keys.complete()
	if whole {
		if whole, err = a.signedHere(ctx, keys.APIKeys[glomo.Name]); err != nil {
			return nil, err
		}
	}
	if !whole || info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s is not what a first start wrote, and the database has no merchant: remove the file to have new keys made", path)
	}
	return &keys, nil
}

// signedHere says that both keys are signed by this server for the first merchant, each for its mode.
func (a *App) signedHere(ctx context.Context, pair FirstPair) (bool, error) {
	for _, mode := range []engine.Mode{engine.Live, engine.Sandbox} {
		ours, err := a.signedKeys.Issued(ctx, pair.of(mode).Reveal(), auth.NewSigned{Merchant: firstMerchant, Mode: string(mode)})
		if err != nil || !ours {
			return false, err
		}
	}
	return true, nil
}

// complete says that the keys are those of every API, each of its form and full length. Whose signature a signed one has is
// not looked at.
func (f *FirstKeys) complete() bool {
	if f.Merchant != firstMerchant || !isKey(f.OperatorToken, "op_", operatorBytes) || len(f.APIKeys) != len(keyForms)+1 {
		return false
	}
	for name, form := range keyForms {
		pair := f.APIKeys[name]
		if !form.fits(pair.Live, engine.Live) || !form.fits(pair.Test, engine.Sandbox) {
			return false
		}
	}
	public := f.Publishable[glomo.Name]
	return isKey(public.Live, glomo.PublishableLive, publishableBytes) && isKey(public.Test, glomo.PublishableTest, publishableBytes)
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

func (a *App) newFirstKeys(ctx context.Context) (*FirstKeys, error) {
	size := operatorBytes + 2*publishableBytes
	for _, form := range keyForms {
		size += 2 * form.size()
	}
	raw := make([]byte, size)
	if _, err := io.ReadFull(a.random, raw); err != nil {
		return nil, fmt.Errorf("no randomness for the first keys: %w", err)
	}
	next := func(size int) []byte {
		part := raw[:size]
		raw = raw[size:]
		return part
	}
	keys := &FirstKeys{
		Merchant: firstMerchant, OperatorToken: secrets.Text("op_" + hex.EncodeToString(next(operatorBytes))), APIKeys: map[string]FirstPair{},
		Publishable: map[string]FirstPair{glomo.Name: {Live: newPublishable(engine.Live, next(publishableBytes)), Test: newPublishable(engine.Sandbox, next(publishableBytes))}},
	}
	for name, form := range keyForms {
		keys.APIKeys[name] = FirstPair{Live: form.key(engine.Live, next(form.size())), Test: form.key(engine.Sandbox, next(form.size()))}
	}
	live, err := a.signedKeys.Issue(ctx, auth.NewSigned{Merchant: firstMerchant, Mode: string(engine.Live)})
	if err != nil {
		return nil, err
	}
	test, err := a.signedKeys.Issue(ctx, auth.NewSigned{Merchant: firstMerchant, Mode: string(engine.Sandbox)})
	if err != nil {
		return nil, err
	}
	keys.APIKeys[glomo.Name] = FirstPair{Live: secrets.Text(live), Test: secrets.Text(test)}
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
	public := map[string]map[string]string{}
	for name, pair := range f.Publishable {
		public[name] = map[string]string{"live": pair.Live.Reveal(), "test": pair.Test.Reveal()}
	}
	plain["publishable_keys"] = public
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
