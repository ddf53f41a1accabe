package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var (
	oldKey = bytes.Repeat([]byte{1}, KeySize)
	newKey = bytes.Repeat([]byte{2}, KeySize)
)

func TestSealedTextOpensOnlyAsItWasSealed(t *testing.T) {
	box := must(FromKey(oldKey))
	for _, plain := range []string{"", "x", "whsec_abc", strings.Repeat("long ", 10_000)} {
		sealed := must(box.Seal([]byte(plain), "endpoint/1"))
		if got := must(box.Open(sealed, "endpoint/1")); string(got) != plain {
			t.Fatalf("opened %q, sealed %q", got, plain)
		}
		if len(plain) > 1 && strings.Contains(sealed, plain) {
			t.Fatal("the sealed text holds the plain one")
		}
		if again := must(box.Seal([]byte(plain), "endpoint/1")); again == sealed {
			t.Fatal("two seals of one text are equal, so a nonce was used twice")
		}
		if _, err := box.Open(sealed, "endpoint/2"); err == nil {
			t.Fatal("opened under another context")
		}
		if _, err := must(FromKey(newKey)).Open(sealed, "endpoint/1"); err == nil {
			t.Fatal("opened under another master key")
		}
	}
	if _, err := box.Seal([]byte("x"), ""); err == nil {
		t.Fatal("sealed without a context")
	}
}

func TestEveryChangedByteIsNoticed(t *testing.T) {
	box := must(FromKey(oldKey))
	sealed := must(box.Seal([]byte("whsec_abc"), "endpoint/1"))
	if want := "v1." + box.KeyID() + "."; !strings.HasPrefix(sealed, want) || len(box.KeyID()) != 8 {
		t.Fatalf("sealed as %s, want the prefix %s", sealed, want)
	}
	for i := range sealed {
		changed := []byte(sealed)
		changed[i] ^= 1
		if _, err := box.Open(string(changed), "endpoint/1"); err == nil {
			t.Fatalf("a change at %d opened", i)
		}
		if _, err := box.Open(sealed[:i], "endpoint/1"); err == nil {
			t.Fatalf("the first %d bytes opened", i)
		}
	}
}

func TestRotationAddsAKey(t *testing.T) {
	before := must(FromKey(oldKey))
	sealed := must(before.Seal([]byte("s"), "c"))

	both := must(FromText(hex.EncodeToString(oldKey) + "\n# second\n\n" + base64.StdEncoding.EncodeToString(newKey) + "\n"))
	if got := must(both.Open(sealed, "c")); string(got) != "s" {
		t.Fatalf("the old key opened %q", got)
	}
	if both.Current(sealed) {
		t.Fatal("a text under the old key counts as current")
	}
	again := must(both.Seal([]byte("s"), "c"))
	if !both.Current(again) || !strings.HasPrefix(again, "v1."+must(FromKey(newKey)).KeyID()+".") {
		t.Fatalf("sealed as %s, not under the newest key", again)
	}
	if got := must(must(FromKey(newKey)).Open(again, "c")); string(got) != "s" {
		t.Fatalf("the new key alone opened %q", got)
	}
}

func TestKeyTexts(t *testing.T) {
	key := bytes.Repeat([]byte{0xfb, 0xff}, KeySize/2) // has both + and / in base64
	want := must(FromKey(key)).KeyID()
	for _, text := range []string{
		hex.EncodeToString(key), strings.ToUpper(hex.EncodeToString(key)), "  " + hex.EncodeToString(key) + "\r\n",
		base64.StdEncoding.EncodeToString(key), base64.RawStdEncoding.EncodeToString(key),
		base64.URLEncoding.EncodeToString(key), base64.RawURLEncoding.EncodeToString(key),
	} {
		box, err := FromText(text)
		if err != nil || box.KeyID() != want {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		"", "#", "\n\n", "short", hex.EncodeToString(key[1:]), hex.EncodeToString(key) + "00", "g" + hex.EncodeToString(key)[1:],
		base64.StdEncoding.EncodeToString(key[1:]), hex.EncodeToString(key) + "\n" + hex.EncodeToString(key),
	} {
		if _, err := FromText(text); err == nil {
			t.Errorf("%q was taken as a key", text)
		} else if len(text) > 4 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
	if _, err := FromKey(make([]byte, 16)); err == nil {
		t.Error("a key of 16 bytes was taken")
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := Open(path, bytes.NewReader(oldKey), false); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a missing file: %v", err)
	}
	made := must(Open(path, bytes.NewReader(oldKey), true))
	if made.KeyID() != must(FromKey(oldKey)).KeyID() {
		t.Fatal("the key is not the randomness that was handed in")
	}
	if info := must(os.Stat(path)); info.Mode().Perm() != 0o600 {
		t.Fatalf("made with mode %v", info.Mode())
	}
	if again := must(Open(path, bytes.NewReader(newKey), true)); again.KeyID() != made.KeyID() {
		t.Fatal("create replaced a key that was there")
	}

	for _, mode := range []fs.FileMode{0o640, 0o604, 0o660, 0o644, 0o610} {
		os.Chmod(path, mode)
		if _, err := Open(path, nil, true); err == nil || !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
	if _, err := Open(t.TempDir(), nil, true); err == nil {
		t.Error("a directory was read as a key file")
	}
	short := filepath.Join(t.TempDir(), "short.key")
	if _, err := Open(short, bytes.NewReader(oldKey[1:]), true); err == nil {
		t.Error("a key was made of too little randomness")
	} else if _, err := os.Stat(short); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a failed creation left a file")
	}
	empty := filepath.Join(t.TempDir(), "empty.key")
	os.WriteFile(empty, nil, 0o600)
	if _, err := Open(empty, bytes.NewReader(oldKey), true); err == nil || !strings.Contains(err.Error(), empty) {
		t.Errorf("an empty file: %v", err)
	}
	large := filepath.Join(t.TempDir(), "large.key")
	os.WriteFile(large, []byte(strings.Repeat("#\n", maxKeyFile)), 0o600)
	if _, err := Open(large, nil, false); err == nil {
		t.Error("a large file was read")
	}
}

func TestBoxServesManyAtOnce(t *testing.T) {
	box := must(FromKey(oldKey))
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			context := fmt.Sprint("endpoint/", i)
			sealed, err := box.Seal([]byte(context), context)
			if err != nil {
				t.Error(err)
				return
			}
			if plain, err := box.Open(sealed, context); err != nil || string(plain) != context {
				t.Errorf("%q %v", plain, err)
			}
		})
	}
	group.Wait()
}

func TestHash(t *testing.T) {
	// FIPS 180-4's example "abc".
	if got := Hash("abc"); got != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Fatal(got)
	}
}

// case 92
func TestTextIsNeverPrinted(t *testing.T) {
	const secret = "hunter2hunter2"
	holder := struct {
		Key  Text
		Keys map[string]Text
		Ptr  *Text
	}{Key: secret, Keys: map[string]Text{"first": secret}}
	ptr := Text(secret)
	holder.Ptr = &ptr

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s"} {
		fmt.Fprintf(&out, verb+"\n", holder.Key)
		fmt.Fprintf(&out, verb+"\n", holder)
		fmt.Fprintf(&out, verb+"\n", []any{holder.Key, &ptr})
	}
	fmt.Fprintln(&out, holder.Key.String(), holder.Key.GoString(), fmt.Errorf("with %v", holder.Key))
	out.Write(must(json.Marshal(holder)))
	out.Write(must(xml.Marshal(holder.Key)))
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		log.Info("m", "key", holder.Key, "holder", holder, "group", slog.GroupValue(slog.Any("k", holder.Key)))
	}
	for _, form := range []string{secret, "hun", hex.EncodeToString([]byte(secret)), strings.ToUpper(hex.EncodeToString([]byte(secret))), base64.StdEncoding.EncodeToString([]byte(secret))} {
		if strings.Contains(out.String(), form) {
			t.Errorf("%q was printed:\n%s", form, out.String())
		}
	}
	if strings.Count(out.String(), redacted) < 40 {
		t.Errorf("too few redactions:\n%s", out.String())
	}
	if holder.Key.Reveal() != secret {
		t.Error("Reveal does not reveal")
	}
	var back struct{ Key Text }
	if err := json.Unmarshal([]byte(`{"Key":"s"}`), &back); err != nil || back.Key.Reveal() != "s" {
		t.Errorf("a secret read from configuration: %v", err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// A derived key depends on the master key and on the purpose, and stays the same; an older master key still gives
// its own.
func TestDerive(t *testing.T) {
	old, both := must(FromText(strings.Repeat("11", 32))), must(FromText(strings.Repeat("11", 32)+"\n"+strings.Repeat("22", 32)))
	first, after := must(old.Derive("tokens/a")), must(both.Derive("tokens/a"))
	if len(first) != 1 || len(after) != 2 || len(first[0]) != 32 {
		t.Fatalf("%d and %d keys", len(first), len(after))
	}
	if !bytes.Equal(first[0], after[1]) || bytes.Equal(after[0], after[1]) {
		t.Error("the older master key does not give what it gave before it was rotated")
	}
	if other := must(old.Derive("tokens/b")); bytes.Equal(first[0], other[0]) {
		t.Error("two purposes have one key")
	}
	if bytes.Equal(first[0], bytes.Repeat([]byte{0x11}, 32)) {
		t.Error("the derived key is the master key")
	}
	if _, err := old.Derive(""); err == nil {
		t.Error("a key without a purpose")
	}
}
