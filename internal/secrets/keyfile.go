package secrets

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxKeyFile bounds what is read of a key file, so that a path to something else does no harm.
const maxKeyFile = 64 << 10

// Open reads the master keys of the file at path (its text is that of [FromText]). The file must be a regular file that nobody but
// its owner may read or write (0600). With create, a file that does not exist is made first, with one new key of [KeySize] bytes
// read from random, and is on disk when Open returns; a file that exists is never written.
//
// A missing file is an error that matches [fs.ErrNotExist]. Errors name the path and never the contents.
func Open(path string, random io.Reader, create bool) (*Box, error) {
	_, box, err := readKeyFile(path)
	if !create || !errors.Is(err, fs.ErrNotExist) {
		return box, err
	}
	// Another process that makes the file in between wins, and its key is read.
	if err := createKeyFile(path, random); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	_, box, err = readKeyFile(path)
	return box, err
}

func readKeyFile(path string) (string, *Box, error) {
	text, err := readPrivate("master key file", path)
	if err != nil {
		return "", nil, err
	}
	box, err := FromText(text)
	if err != nil {
		return "", nil, fmt.Errorf("secrets: master key file %s: %w", path, err)
	}
	return text, box, nil
}

// ReadFile reads a file that holds a secret: a regular one of at most 64 KiB that nobody but its owner may read or
// write. A missing file is an error that matches [fs.ErrNotExist]. Errors name the path and never the contents.
func ReadFile(path string) (Text, error) {
	text, err := readPrivate("file", path)
	return Text(text), err
}

// readPrivate reads a file that only its owner can reach. what is its name in errors.
func readPrivate(what, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("secrets: %s: %w", what, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("secrets: %s: %w", what, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("secrets: %s %s is not a regular file", what, path)
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return "", fmt.Errorf("secrets: %s %s has mode %04o, so others than its owner can reach it: chmod 600 it, and replace the key if anyone might have read it",
			what, path, info.Mode().Perm())
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return "", fmt.Errorf("secrets: %s: %w", what, err)
	}
	if len(text) > maxKeyFile {
		return "", fmt.Errorf("secrets: %s %s is larger than %d bytes", what, path, maxKeyFile)
	}
	return string(text), nil
}

func createKeyFile(path string, random io.Reader) error {
	key := make([]byte, KeySize)
	if _, err := io.ReadFull(random, key); err != nil {
		return fmt.Errorf("secrets: no randomness for a master key: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("secrets: master key file: %w", err)
	}
	_, err = file.WriteString(base64.StdEncoding.EncodeToString(key) + "\n")
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = syncDir(filepath.Dir(path)) // a new name is durable only when its directory is
	}
	if err != nil {
		return errors.Join(fmt.Errorf("secrets: master key file: %w", err), os.Remove(path))
	}
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
