package store

import (
	"encoding/binary"
	"io"
	"time"
)

// crockford is the alphabet of ids: its byte order is the order of its values.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// ids makes internal ids: 48 bits of milliseconds and 80 random bits in 26 characters. Within one
// millisecond the random part counts up, so ids of one process sort as they were made. Only the writer
// uses it.
type ids struct {
	random io.Reader
	last   [16]byte
}

// next makes an id of that time, larger than every one before it.
func (g *ids) next(at time.Time) (string, error) {
	var id [16]byte
	ms := uint64(at.UnixMilli())
	binary.BigEndian.PutUint64(id[:8], ms<<16)
	if lastMS := binary.BigEndian.Uint64(g.last[:8]) >> 16; lastMS >= ms {
		id = g.last
		for i := 15; i >= 0; i-- {
			id[i]++
			if id[i] != 0 {
				break
			}
		}
	} else if _, err := io.ReadFull(g.random, id[6:]); err != nil {
		return "", err
	}
	g.last = id
	return encodeID(id), nil
}

// encodeID writes 128 bits as 26 digits of 5 bits; the first has only 3.
func encodeID(id [16]byte) string {
	high, low := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	var text [26]byte
	for i := 25; i >= 0; i-- {
		text[i] = crockford[low&31]
		low = low>>5 | high<<59
		high >>= 5
	}
	return string(text[:])
}
