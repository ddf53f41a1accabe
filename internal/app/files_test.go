package app

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"till/internal/engine"
	"till/internal/fault"
)

func TestFilesInAFolder(t *testing.T) {
	dir := t.TempDir()
	cfg, err := LoadConfig(write(t, dir, "till.toml", "[documents]\nstore = \"people\"\nmax_size = 3\n"), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Files.Most != 3<<20 || cfg.Files.Folder != filepath.Join(dir, "people") {
		t.Fatalf("%+v", cfg.Files)
	}
	blobs, err := cfg.Files.blobs()
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	content := bytes.Repeat([]byte("passport"), 1000)
	if err := blobs.Keep(ctx, "file-1", content); err != nil {
		t.Fatal(err)
	}
	if err := blobs.Keep(ctx, "file-1", []byte("another")); err == nil {
		t.Error("a name was taken twice")
	}
	in, err := blobs.Open(ctx, "file-1")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(in)
	if err != nil || in.Close() != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	for _, bad := range []string{"", "x", "../till", "a/b", `a\b`, "a.b", "file 1", strings.Repeat("x", 201)} {
		if err := blobs.Keep(ctx, bad, content); err == nil {
			t.Errorf("%q was kept", bad)
		}
		if _, err := blobs.Open(ctx, bad); err == nil {
			t.Errorf("%q was opened", bad)
		}
	}
	if err := blobs.Drop(ctx, "file-1"); err != nil {
		t.Error(err)
	}
	if err := blobs.Drop(ctx, "file-1"); err != nil {
		t.Errorf("what is gone: %v", err)
	}
	if _, err := blobs.Open(ctx, "file-1"); !fault.Is(err, fault.CodeNotFound) {
		t.Errorf("what is gone: %v", err)
	}
	left := 0
	err = filepath.WalkDir(cfg.Files.Folder, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left++
		}
		return err
	})
	if err != nil || left != 0 {
		t.Errorf("%d files are left, %v", left, err)
	}
}

func TestFilesAndTwoPersonsInTheConfig(t *testing.T) {
	cfg, err := LoadConfig(write(t, t.TempDir(), "till.toml", "[screening]\ntwo_persons = { USD = \"10000.00\", JPY = \"5\" }\n"), noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if two := cfg.Screening.TwoPersons; len(two) != 2 || two["USD"].Units() != "1000000" || two["JPY"].Units() != "5" || cfg.Files.Folder != "" || cfg.Files.Most != engine.MaxFile {
		t.Errorf("%+v %+v", two, cfg.Files)
	}
	for text, want := range map[string]string{
		"[screening]\ntwo_persons = { XYW = \"1\" }":   "screening.two_persons.XYW: there is no such currency",
		"[screening]\ntwo_persons = { JPY = \"0.5\" }": "screening.two_persons.JPY: want a decimal of at most 0 decimals",
		"[documents]\nstore = \"\"":                    `documents.store: is "database" or a folder`,
		"[documents]\nmax_size = 101":                  "documents.max_size: is from 1 to 100 mebibytes",
	} {
		if _, err := LoadConfig(write(t, t.TempDir(), "till.toml", text), noEnv, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
