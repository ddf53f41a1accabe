package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"till/internal/killpoint"
	"till/internal/rail"
)

const (
	filesEvery  = 5 * time.Second
	filesAtOnce = 20  // handed out in one round
	wordsAtOnce = 100 // told in one transaction
	stageFolder = ".till"
)

// Filing is a rail whose transfers leave in files, and the folder that they are handed out to; empty: people download them.
type Filing struct {
	Rail   rail.Filer
	Folder string
}

// PayFiles makes the files of a rail that are due by the clock, and hands out what was made, by the clock or by a person.
//
// A file lands in the folder once, whatever happens: it is written beside it under a name of its own, that name is put on
// record, it is moved into the folder, and that is put on record. Moving is one step and takes the first name away, so after
// a crash it is seen whether that was done, even if somebody took the file out of the folder since. Of several processes the
// one whose name is on record counts. A process leaves alone what another one has staged in a folder of its own.
type PayFiles struct {
	*loop
	engine tendEngine
	rail   rail.Filer
	folder string
	name   string // this process's, in the names of what it stages
	id     string // the folder's, once it is known
}

func newPayFiles(c Config, f Filing) *PayFiles {
	random := c.Random
	if random == nil {
		random = rand.Reader
	}
	p := &PayFiles{loop: newLoop("pay files "+string(f.Rail.Name()), nil, c), engine: c.Engine, rail: f.Rail, folder: f.Folder, name: processName(random)}
	p.every = filesEvery
	return p
}

// Run makes and hands out files until ctx ends.
func (p *PayFiles) Run(ctx context.Context) { p.run(ctx, p.RunOnce) }

// RunOnce makes the files that are due, hands out those that wait and returns how many of both there were.
func (p *PayFiles) RunOnce(ctx context.Context) (n int, err error) {
	made, err := p.rail.Daily(ctx)
	for _, file := range made { // what was made exists, whatever went wrong behind it
		err = errors.Join(err, p.tell(ctx, file))
	}
	if err != nil || p.folder == "" {
		return len(made), err
	}
	list, err := p.rail.Handouts(ctx, filesAtOnce)
	if err != nil || len(list) == 0 {
		return len(made), err
	}
	if err := p.open(); err != nil {
		return len(made), err
	}
	n = len(made)
	for _, h := range list {
		moved, err := p.handOut(ctx, h)
		if err != nil {
			return n, fmt.Errorf("payment file %s: %w", h.File, withoutPath(err))
		}
		if moved {
			n++
		}
	}
	return n, nil
}

// tell books that the transfers of a file are out of the house. What is not told here is found by [Deliver].
func (p *PayFiles) tell(ctx context.Context, file string) error {
	words, err := p.rail.Words(ctx, file)
	for len(words) > 0 && err == nil {
		next := words[:min(len(words), wordsAtOnce)]
		err, words = p.engine.TransfersTold(ctx, p.rail.Name(), next), words[len(next):]
	}
	return err
}

// open makes the folders and learns the folder's mark.
func (p *PayFiles) open() error {
	if p.id != "" {
		return nil
	}
	stage := filepath.Join(p.folder, stageFolder)
	if err := os.MkdirAll(stage, 0o700); err != nil {
		return withoutPath(err)
	}
	path := filepath.Join(stage, "folder")
	mark, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // of several processes one makes it
	if err == nil {
		_, err = mark.WriteString(p.name)
		err = errors.Join(err, mark.Sync(), mark.Close(), syncFolder(stage))
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err != nil {
		return withoutPath(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return withoutPath(err)
	}
	if len(text) != len(p.name) {
		return errors.New("the mark of the folder is cut off: if that lasts, remove " + stageFolder + "/folder")
	}
	p.id = string(text)
	return nil
}

// handOut takes one file as far as it goes.
func (p *PayFiles) handOut(ctx context.Context, h rail.Handout) (moved bool, err error) {
	if h.Staged == "" {
		own := p.id + "-" + h.File + "-" + p.name
		text, err := p.rail.Bytes(ctx, h.File)
		if err != nil {
			return false, err
		}
		if err := writeWhole(filepath.Join(p.folder, stageFolder), own, text); err != nil {
			return false, err
		}
		killpoint.Here("payfiles.written")
		if h.Staged, err = p.rail.Stage(ctx, h.File, own); err != nil {
			return false, err
		}
		if h.Staged != own {
			if err := os.Remove(p.staged(own)); err != nil || h.Staged == "" {
				return false, err
			}
		}
		killpoint.Here("payfiles.staged")
	}
	if !strings.HasPrefix(h.Staged, p.id+"-") {
		p.log.Warn("a payment file was staged in another folder", "file", h.File)
		return false, nil
	}
	err = os.Rename(p.staged(h.Staged), filepath.Join(p.folder, h.File+".xml"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	moved = err == nil // else it was moved before, and somebody may have taken it
	if err := errors.Join(syncFolder(p.folder), syncFolder(filepath.Join(p.folder, stageFolder))); err != nil {
		return moved, err
	}
	killpoint.Here("payfiles.moved")
	return moved, p.rail.HandedOut(ctx, h.File)
}

func (p *PayFiles) staged(name string) string { return filepath.Join(p.folder, stageFolder, name) }

// writeWhole makes a file durable under its name, whole or not at all.
func writeWhole(folder, name string, text []byte) error {
	part, err := os.CreateTemp(folder, ".part-*")
	if err != nil {
		return err
	}
	_, err = part.Write(text)
	err = errors.Join(err, part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), filepath.Join(folder, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return syncFolder(folder)
}

// syncFolder makes durable which names a folder has.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
