package evm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"

	"till/internal/rail"
)

const (
	maxSpan  = 1000 // blocks of one range; providers allow 50 to 5,000
	maxKnown = 1000 // recipients of one log filter, the limit of go-ethereum and of most providers
)

// errUnlinked says that the first block to read does not follow the last one told.
var errUnlinked = errors.New("the next block does not follow the last one told")

// scan is what reading some blocks gave.
type scan struct {
	last   header
	blocks []told             // to remember, oldest first, ending with last
	found  []rail.Observation // without a rank, in the chain's order
}

// readBlocks reads the blocks after the last one told up to number to, one by one and each linked to
// the one before. It stops early where the chain changes while it is read.
func (w *watch) readBlocks(ctx context.Context, to uint64, head header, known addresses) (scan, error) {
	var s scan
	parent := w.at.last().Hash
	for number := w.at.last().Number + 1; number <= to; number++ {
		h := head
		if number != head.number {
			var err error
			if h, err = w.node.byNumber(ctx, number); err != nil {
				return scan{}, err
			}
		}
		if h.parent != parent {
			if len(s.blocks) == 0 {
				return scan{}, errUnlinked
			}
			return s, nil
		}
		logs, err := w.blockLogs(ctx, h, known)
		if err != nil {
			return scan{}, err
		}
		found, err := w.match(ctx, logs, known, map[uint64]header{number: h})
		if err != nil {
			return scan{}, err
		}
		s.last, s.found = h, append(s.found, found...)
		s.blocks = append(s.blocks, told{h.number, h.hash})
		parent = h.hash
	}
	return s, nil
}

// readRange reads a range of blocks after the last one told, up to number to at most, in one call.
// It is for blocks so deep that a reorganisation there is as good as excluded; all the same the ends
// and every block with a transfer are checked. The span is halved until the node accepts it, and grows
// slowly afterwards.
func (w *watch) readRange(ctx context.Context, to uint64, known addresses) (scan, error) {
	first := w.at.last().Number + 1
	for {
		last := min(to, first+w.span-1)
		var s scan
		var err error
		if last == first {
			s, err = w.readBlocks(ctx, first, header{}, known)
		} else {
			s, err = w.readSpan(ctx, first, last, known)
		}
		if err == nil {
			w.span = min(maxSpan, w.span+w.span/8+1)
			return s, nil
		}
		refusal := refused(err)
		if last > first && (refusal || errors.Is(err, context.DeadlineExceeded)) {
			w.span = (last - first + 1) / 2
		}
		if last == first || !refusal {
			return scan{}, err
		}
	}
}

func (w *watch) readSpan(ctx context.Context, first, last uint64, known addresses) (scan, error) {
	start, err := w.node.byNumber(ctx, first)
	if err != nil {
		return scan{}, err
	}
	if start.parent != w.at.last().Hash {
		return scan{}, errUnlinked
	}
	end, err := w.node.byNumber(ctx, last)
	if err != nil {
		return scan{}, err
	}
	logs, err := w.logs(ctx, known, map[string]any{"fromBlock": hexutil.Uint64(first), "toBlock": hexutil.Uint64(last)})
	if err != nil {
		return scan{}, err
	}
	for _, l := range logs {
		if l.BlockNumber < first || l.BlockNumber > last {
			return scan{}, fmt.Errorf("eth_getLogs: asked for blocks %d to %d, got a log of %d", first, last, l.BlockNumber)
		}
	}
	// Read again after the logs, so that a node that lost its place does not pass for one without logs.
	again, err := w.node.byNumber(ctx, last)
	if err != nil {
		return scan{}, err
	}
	if again.hash != end.hash {
		return scan{}, errUnsteady
	}
	found, err := w.match(ctx, logs, known, map[uint64]header{first: start, last: end})
	return scan{last: end, blocks: []told{{end.number, end.hash}}, found: found}, err
}

// ancestry is block h and the blocks before it, nearHead of them, oldest first.
func (w *watch) ancestry(ctx context.Context, h header) ([]told, error) {
	blocks := []told{{h.number, h.hash}}
	for h.number > 0 && len(blocks) < nearHead {
		var err error
		if h, err = w.node.byHash(ctx, h.parent); err != nil {
			return nil, err
		}
		blocks = append(blocks, told{h.number, h.hash})
	}
	slices.Reverse(blocks)
	return blocks, nil
}

// blockLogs are the transfers of one block. A node that refuses even one block is asked for the
// block's receipts instead.
func (w *watch) blockLogs(ctx context.Context, h header, known addresses) ([]types.Log, error) {
	logs, err := w.logs(ctx, known, map[string]any{"blockHash": h.hash})
	if refused(err) {
		refusal := err
		if logs, err = w.node.receiptLogs(ctx, h.hash); err != nil {
			return nil, errors.Join(refusal, err)
		}
	}
	if err != nil {
		return nil, err
	}
	for _, l := range logs {
		if l.BlockHash != h.hash || l.BlockNumber != h.number {
			return nil, fmt.Errorf("eth_getLogs: asked for block %s, got a log of %s", h.hash, l.BlockHash)
		}
	}
	return logs, nil
}

// logs asks for the listed tokens' transfers in some blocks, to the known addresses only where they
// are few.
func (w *watch) logs(ctx context.Context, known addresses, blocks map[string]any) ([]types.Log, error) {
	if known.few && len(known.topics) == 0 {
		return nil, nil // an empty list in a filter would mean everything
	}
	topics := []any{transferTopic}
	if known.few {
		topics = []any{transferTopic, nil, known.topics}
	}
	filter := map[string]any{"address": w.contracts, "topics": topics}
	maps.Copy(filter, blocks)
	return w.node.logs(ctx, filter)
}

// addresses are the recipients looked for: all of them where they are few, else whoever the book knows.
type addresses struct {
	few    bool
	topics []common.Hash
	set    map[string]bool // canonical spelling
}

func (w *watch) knownAddresses(ctx context.Context) (addresses, error) {
	values, err := w.book.Few(ctx, maxKnown)
	if err != nil {
		return addresses{}, ours{fmt.Errorf("known addresses: %w", err)}
	}
	if values == nil || len(values) > maxKnown {
		return addresses{}, nil
	}
	known := addresses{few: true, set: map[string]bool{}}
	for _, v := range values {
		canonical, _, err := ParseAddress(v)
		if err != nil || canonical != v {
			if !w.skipped[v] {
				w.log.Error("a stored address is not in the canonical spelling and cannot be watched", "address", v)
				w.skipped[v] = true
			}
			continue
		}
		known.set[v] = true
		known.topics = append(known.topics, common.BytesToHash(common.HexToAddress(v).Bytes()))
	}
	return known, nil
}

// knownOf returns those of the recipients that are known.
func (w *watch) knownOf(ctx context.Context, known addresses, recipients []string) (map[string]bool, error) {
	if known.few {
		return known.set, nil
	}
	all := map[string]bool{}
	for part := range slices.Chunk(recipients, maxKnown) {
		some, err := w.book.Known(ctx, part)
		if err != nil {
			return nil, ours{fmt.Errorf("known addresses: %w", err)}
		}
		maps.Copy(all, some)
	}
	return all, nil
}
