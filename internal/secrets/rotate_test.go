package secrets

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRotate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	before := "# of the year before\n" + hex.EncodeToString(oldKey) // without a line's end
	os.WriteFile(path, []byte(before), 0o600)
	sealed := must(must(FromKey(oldKey)).Seal([]byte("s"), "c"))
	os.WriteFile(path+".new", []byte("left by a crash"), 0o644)

	r := must(Rotate(path, bytes.NewReader(newKey)))
	if r.Resumed || r.New.KeyID() != must(FromKey(newKey)).KeyID() || r.Both.KeyID() != r.New.KeyID() {
		t.Fatalf("resumed %t, new key %s, both %s", r.Resumed, r.New.KeyID(), r.Both.KeyID())
	}
	if string(must(r.Both.Open(sealed, "c"))) != "s" {
		t.Error("the old key is gone too soon")
	}
	if _, err := r.New.Open(sealed, "c"); err == nil {
		t.Error("the new key opened what the old one sealed")
	}
	if text := string(must(os.ReadFile(path))); !strings.HasPrefix(text, before+"\n") {
		t.Error("what was in the file is not there any more")
	}
	onlyFile(t, path)
	if _, err := Rotate(path, bytes.NewReader(bytes.Repeat([]byte{3}, KeySize))); err == nil || !strings.Contains(err.Error(), "another rotation") {
		t.Errorf("two at once: %v", err)
	}
	if err := r.Close(); err != nil { // as a crash does
		t.Fatal(err)
	}
	if box := must(Open(path, nil, false)); string(must(box.Open(sealed, "c"))) != "s" || box.KeyID() != r.New.KeyID() {
		t.Error("after a crash the file does not hold both keys")
	}

	r = must(Rotate(path, nil)) // needs no randomness
	defer r.Close()
	if !r.Resumed || r.New.KeyID() != must(FromKey(newKey)).KeyID() {
		t.Errorf("resumed %t with key %s", r.Resumed, r.New.KeyID())
	}
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	onlyFile(t, path)
	last := must(Open(path, nil, false))
	if last.KeyID() != r.New.KeyID() {
		t.Error("another key is left")
	}
	if _, err := last.Open(sealed, "c"); err == nil {
		t.Error("the old key is still in the file")
	}
}

// A link to the file stays a link.
func TestRotateBehindALink(t *testing.T) {
	path, link := filepath.Join(t.TempDir(), "master.key"), filepath.Join(t.TempDir(), "link.key")
	must(Open(path, bytes.NewReader(oldKey), true))
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	r := must(Rotate(link, bytes.NewReader(newKey)))
	defer r.Close()
	if err := r.Finish(); err != nil {
		t.Fatal(err)
	}
	if info := must(os.Lstat(link)); info.Mode()&fs.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
	if must(Open(path, nil, false)).KeyID() != must(FromKey(newKey)).KeyID() {
		t.Error("the file behind the link has not the new key")
	}
}

func TestRotateRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := Rotate(path, bytes.NewReader(newKey)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	made := must(Open(path, bytes.NewReader(oldKey), true))
	if _, err := Rotate(path, bytes.NewReader(newKey[1:])); err == nil {
		t.Error("a key was made of too little randomness")
	}
	if _, err := Rotate(path, bytes.NewReader(oldKey)); err == nil {
		t.Error("the old key was taken for a new one")
	}
	os.Chmod(path, 0o644)
	if _, err := Rotate(path, bytes.NewReader(newKey)); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others read: %v", err)
	}
	os.Chmod(path, 0o600)
	if must(Open(path, nil, false)).KeyID() != made.KeyID() {
		t.Error("a refusal changed the file")
	}
	must(Rotate(path, bytes.NewReader(newKey))).Close() // no lock was left
}

// onlyFile says that a key file is its owner's and lies alone in its folder.
func onlyFile(t *testing.T, path string) {
	t.Helper()
	if list := must(os.ReadDir(filepath.Dir(path))); len(list) != 1 {
		t.Errorf("the folder has %v", list)
	}
	if info := must(os.Stat(path)); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}
