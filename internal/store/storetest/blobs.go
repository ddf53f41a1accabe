package storetest

import (
	"bytes"
	"errors"

	"till/internal/engine"
)

func (s *suite) part(name string, part int) (content []byte) {
	s.Helper()
	s.view(func(rd engine.Reader) (err error) {
		content, err = rd.BlobPart(name, part)
		return err
	})
	return content
}

func blobs(s *suite) {
	first, second := bytes.Repeat([]byte{0, 0xff, '\'', 7}, 300_000), []byte{}
	s.update(func(tx engine.Tx) error { return tx.AddBlob("one", 0, first) })
	s.update(func(tx engine.Tx) error {
		return errors.Join(tx.AddBlob("one", 1, second), tx.AddBlob("two", 0, []byte("x")))
	})
	if got := s.part("one", 0); !bytes.Equal(got, first) {
		s.Errorf("%d bytes of %d came back", len(got), len(first))
	}
	if got := s.part("one", 1); got == nil || len(got) != 0 {
		s.Errorf("an empty part is %v", got)
	}
	if s.part("one", 2) != nil || s.part("nobody", 0) != nil {
		s.Error("there is a part that was never added")
	}
	if err := s.try(func(tx engine.Tx) error { return tx.AddBlob("one", 0, second) }); err == nil {
		s.Error("a part was added twice")
	}
	if got := s.part("one", 0); !bytes.Equal(got, first) {
		s.Error("what was refused was written")
	}
	for _, bad := range []struct {
		name string
		part int
	}{{"", 0}, {string(make([]byte, 201)), 0}, {"one", -1}} {
		if err := s.try(func(tx engine.Tx) error { return tx.AddBlob(bad.name, bad.part, first) }); err == nil {
			s.Errorf("part %d of a name of %d bytes was added", bad.part, len(bad.name))
		}
	}
	s.update(func(tx engine.Tx) error { return tx.DropBlob("one") })
	if s.part("one", 0) != nil || s.part("one", 1) != nil || s.part("two", 0) == nil {
		s.Error("dropping one blob dropped another, or not itself")
	}
}
