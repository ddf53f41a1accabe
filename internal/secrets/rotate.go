package secrets

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Rotation is a master key file on its way to a new key. What was sealed under the keys before is to be opened with Both, sealed
// again with Both, and proved to open with New; only then Finish takes the old keys away. A crash at any moment leaves a file that
// opens everything, and the next [Rotate] goes on with the same new key. The caller must Close it.
type Rotation struct {
	Both    *Box // opens what the old keys and the new one sealed; seals with the new one
	New     *Box // the new key alone
	Resumed bool // the new key was in the file already, of a rotation that did not finish

	path   string
	newest string   // the new key's line
	folder *os.File // locked: of several rotations at once one would lose the key of another
}

// Rotate adds a new key of [KeySize] bytes, read from random, to the key file at path, and it is on disk when Rotate returns. In a
// file that holds several keys already, the newest of them is the new one, and nothing is written. The file's folder must be
// writable; the file keeps its owner. Errors name the path and never the contents.
func Rotate(path string, random io.Reader) (*Rotation, error) {
	path, err := filepath.EvalSymlinks(path) // the file is replaced, not the link to it
	if err != nil {
		return nil, fmt.Errorf("secrets: master key file: %w", err)
	}
	r := &Rotation{path: path}
	if r.folder, err = os.Open(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("secrets: master key file: %w", err)
	}
	if err := syscall.Flock(int(r.folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("secrets: the folder of %s cannot be locked, perhaps because another rotation is at work: %w", path, err), r.folder.Close())
	}
	if err := r.begin(random); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Rotation) begin(random io.Reader) error {
	text, before, err := readKeyFile(r.path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		if key := keyLine(line); key != "" {
			r.newest = key
		}
	}
	r.Resumed = len(before.keys) > 1
	if !r.Resumed {
		key := make([]byte, KeySize)
		if _, err := io.ReadFull(random, key); err != nil {
			return fmt.Errorf("secrets: no randomness for a master key: %w", err)
		}
		r.newest = base64.StdEncoding.EncodeToString(key)
		text = strings.TrimRight(text, "\n") + "\n" + r.newest + "\n"
	}
	// The new text is understood before it is written.
	if r.Both, err = FromText(text); err != nil {
		return fmt.Errorf("secrets: master key file %s: %w", r.path, err)
	}
	if r.New, err = FromText(r.newest); err != nil {
		return fmt.Errorf("secrets: master key file %s: %w", r.path, err)
	}
	if r.Resumed {
		return nil
	}
	return replaceKeyFile(r.path, text)
}

// Finish leaves the new key alone in the file; that is on disk when it returns. What only an old key opens is lost then.
func (r *Rotation) Finish() error { return replaceKeyFile(r.path, r.newest+"\n") }

// Close lets others rotate.
func (r *Rotation) Close() error { return r.folder.Close() }

// replaceKeyFile puts a new file in place of the one at path in one step, with the same owner: the program may run as another user
// than the one who rotates.
func replaceKeyFile(path, text string) error {
	if len(text) > maxKeyFile {
		return fmt.Errorf("secrets: master key file %s would be larger than %d bytes", path, maxKeyFile)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("secrets: master key file: %w", err)
	}
	next := path + ".new"
	// One that a crash left was never in use: nothing is sealed before the rename.
	if err := os.Remove(next); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("secrets: master key file: %w", err)
	}
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("secrets: master key file: %w", err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		err = file.Chown(int(owner.Uid), int(owner.Gid))
	}
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("secrets: master key file: %w", err), os.Remove(next))
	}
	if err := syncDir(filepath.Dir(path)); err != nil { // the new name is durable only when its directory is
		return fmt.Errorf("secrets: master key file: %w", err)
	}
	return nil
}
