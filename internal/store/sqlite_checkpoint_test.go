package store

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"till/internal/engine"
)

// The log begins anew long before it is so long that a COMMIT would make a checkpoint by itself, and nothing that was in it is lost.
func TestCheckpointsBesideTheWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "till.db")
	s := openTest(t, path, Options{})
	if _, err := s.writer.exec("PRAGMA wal_autocheckpoint(0)"); err != nil { // before the writer's first group
		t.Fatal(err)
	}
	n := 0
	write := func() {
		n++
		err := s.Update(context.Background(), engine.Keys{}, func(tx engine.Tx) error {
			return tx.SaveMerchant(engine.Merchant{ID: strconv.Itoa(n)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for begun, deadline := uint32(0), time.Now().Add(time.Minute); begun < 2; {
		write()
		head := make([]byte, 16) // https://www.sqlite.org/fileformat2.html#walformat: the checkpoint sequence number is at 12
		wal, err := os.Open(path + "-wal")
		if err == nil {
			_, err = wal.Read(head)
			wal.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		begun = binary.BigEndian.Uint32(head[12:])
		if time.Now().After(deadline) {
			t.Fatalf("after %d groups the log has begun anew %d times", n, begun)
		}
	}
	if n < checkpointAfter {
		t.Errorf("the log began anew after %d groups", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openTest(t, path, Options{})
	err := s.View(context.Background(), func(rd engine.Reader) error {
		list, err := rd.Merchants()
		if len(list) != n {
			t.Errorf("%d of %d", len(list), n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
