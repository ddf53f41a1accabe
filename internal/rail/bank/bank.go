// Package bank reads and writes the files of banks, for a bank account that has no API.
//
// What a bank tells is read as a stream of statements and bookings (package rail): camt.052, camt.053 and camt.054 in their
// versions 02 to 08, MT940 and MT942 in the dialects of several countries' banks, and CSV with a Mapping. NewReader reads
// one file, Detect says which format it is. The readers trust nothing: an amount that does not fit its currency, a day that
// does not exist, balances that do not add up end the reading with a *rail.FileError that names line and field. They decide
// nothing either: what a booking means to an order or a transfer is the engine's.
//
// reference.go holds creditor references (ISO 11649) and how they are found in what people typed.
package bank

import (
	"context"
	"io"

	"till/internal/rail"
)

// NewReader reads files of that format. It may be used again, and by several at a time.
func NewReader(f Format, s Settings) rail.Reader {
	switch f {
	case CAMT052, CAMT053, CAMT054:
		return camtReader{f, s}
	case MT940, MT942:
		return mtReader{f, s}
	case CSV:
		return csvReader{s}
	}
	return noReader{f}
}

// noReader refuses a format that holds no bookings.
type noReader struct{ format Format }

func (r noReader) Read(context.Context, io.Reader, rail.Sink) error {
	return failed(r.format, 0, "", "there are no bookings in a file of this format")
}
