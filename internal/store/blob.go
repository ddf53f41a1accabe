package store

import (
	"bytes"
	"errors"
	"fmt"
)

// The bytes of files, in parts.
const (
	selectBlobPart = `SELECT content FROM blobs WHERE name = $1 AND part = $2`
	insertBlobPart = `INSERT INTO blobs (name, part, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	deleteBlob     = `DELETE FROM blobs WHERE name = $1`
)

// maxBlobName is what a name may have.
const maxBlobName = 200

// blobChange is a part that is added or, with a part below zero, a blob that is dropped.
type blobChange struct {
	name    string
	part    int
	content []byte
}

func (t *tx) AddBlob(name string, part int, content []byte) error {
	if name == "" || len(name) > maxBlobName || part < 0 {
		return errors.New("a part of a blob has a name of 1 to 200 bytes and a place from 0 on")
	}
	t.use().blobs.add(blobChange{name, part, bytes.Clone(content)})
	return nil
}

func (t *tx) DropBlob(name string) error {
	t.use().blobs.add(blobChange{name: name, part: -1})
	return nil
}

func (g *group) flushBlobs() error {
	for _, c := range g.blobs.group {
		var err error
		if c.part < 0 {
			err = g.write("", deleteBlob, c.name)
		} else {
			err = g.write(fmt.Sprintf("part %d of %s", c.part, c.name), insertBlobPart, c.name, int64(c.part), blob(c.content))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// BlobPart implements engine.Reader.
func (r *reader) BlobPart(name string, part int) (content []byte, err error) {
	err = scan(r, selectBlobPart, []any{name, int64(part)}, func(row record) error {
		err := row.Scan(&content)
		content = blob(content)
		return err
	})
	return content, err
}
