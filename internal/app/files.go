package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"

	"till/internal/engine"
	"till/internal/fault"
)

// DocumentsSection says where files of people are kept.
type DocumentsSection struct {
	Store   string `toml:"store"`
	MaxSize int64  `toml:"max_size"` // mebibytes
}

// Files is where files of people are kept, and how large one may be.
type Files struct {
	Folder string // empty: in the database
	Most   int64  // bytes; 0: engine.MaxFile
}

// inDatabase is the word of the config for the database.
const inDatabase = "database"

func defaultDocuments() DocumentsSection {
	return DocumentsSection{Store: inDatabase, MaxSize: engine.MaxFile >> 20}
}

func (s DocumentsSection) files(dir string) (f Files, err error) {
	if s.MaxSize < 1 || s.MaxSize > 100 {
		return f, wrong(toml.Key{"documents", "max_size"}, "is from 1 to 100 mebibytes")
	}
	f.Most = s.MaxSize << 20
	switch s.Store {
	case inDatabase:
	case "":
		return f, wrong(toml.Key{"documents", "store"}, `is "database" or a folder`)
	default:
		f.Folder = under(dir, s.Store)
	}
	return f, nil
}

// blobs is nil for the database.
func (f Files) blobs() (engine.Blobs, error) {
	if f.Folder == "" {
		return nil, nil
	}
	if err := os.MkdirAll(f.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of documents: %w", err)
	}
	return folder(f.Folder), nil
}

// folder keeps each file under its name, with 256 folders between, so that none has too many.
type folder string

// path is where a name's file is. A name that could lead elsewhere is refused.
func (f folder) path(name string) (string, error) {
	if len(name) < 2 || len(name) > 200 {
		return "", errors.New("the name of a file has 2 to 200 bytes")
	}
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return "", errors.New("the name of a file is of letters, digits, - and _")
		}
	}
	sum := byte(0)
	for _, c := range []byte(name) {
		sum = sum*31 + c
	}
	return filepath.Join(string(f), fmt.Sprintf("%02x", sum), name), nil
}

// Keep is engine.Blobs: the file is there whole and on disk, or not at all.
func (f folder) Keep(_ context.Context, name string, content []byte) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	temporary, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Sync(), temporary.Close())
	if _, taken := os.Lstat(path); err == nil && taken == nil {
		err = fmt.Errorf("there is a file %s", name)
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary.Name()))
	}
	for _, made := range []string{dir, string(f)} { // the names are on disk too
		if err == nil {
			err = syncFolder(made)
		}
	}
	return err
}

func syncFolder(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Open is engine.Blobs.
func (f folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	path, err := f.path(name)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.CodeNotFound, "the bytes of the document are not there")
	}
	if err != nil {
		return nil, err
	}
	return file, nil
}

// Drop is engine.Blobs.
func (f folder) Drop(_ context.Context, name string) error {
	path, err := f.path(name)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
