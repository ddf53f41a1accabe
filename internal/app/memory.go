package app

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much garbage the heap may gather, in percent of what lives. What lives is small here, a few MB: the pages of a
// SQLite database lie outside the heap, and requests leave nothing behind. At Go's own 100 percent the collector runs dozens of times a
// second under load; at 400 an order costs a fifth less processor time, and more percent gains little.
const gcPercent = 400

// memoryLimit is from where on, in bytes, the collector runs more often whatever gcPercent says: five times what lives is much where
// what lives is much, as while a large export is read.
const memoryLimit = 512 << 20

// TradeMemory makes the collector of this process run less often, as long as there is little to collect. For the program itself to
// call, once, at its start; who sets GOGC or GOMEMLIMIT knows better.
func TradeMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
