package evm

import (
	"context"
	"errors"
)

// errUnsteady says that two answers of the node contradict each other: its chain changed in between,
// or two nodes answer behind one name. Nothing follows from it but asking again.
var errUnsteady = errors.New("the node's answers do not fit together")

// judge decides what it means that the head does not continue what was told. The rule:
//
//   - Only another block at a height already told is a reorganisation. A lower head, a block that is
//     missing or any error is a node that is behind or broken, and moves nothing: if the blocks are
//     really gone, others will stand in their place soon.
//   - The answers must fit together: the head is read once more at the end.
//   - Two rounds in a row, a poll apart, must find a block replaced, so that one stray answer of a
//     second node behind the same name takes no payment back. The fork found in the second round
//     counts.
//   - When nothing remembered is left, block 0 decides: another one is another chain, on which nothing
//     is reversed; the same one is a reorganisation deeper than what is remembered, and everything told
//     since the oldest remembered block is taken back.
func (w *watch) judge(ctx context.Context, head header) error {
	fork, replaced, err := w.fork(ctx, head)
	if err != nil {
		return err
	}
	otherChain := false
	if fork == nil {
		genesis, err := w.node.byNumber(ctx, 0)
		if err != nil {
			return err
		}
		otherChain = genesis.hash != w.at.Genesis
	}
	again, err := w.node.byNumber(ctx, head.number)
	if err != nil {
		return err
	}
	if again.hash != head.hash {
		return errUnsteady
	}
	if !replaced && !otherChain {
		w.doubted = false
		if head.number >= w.at.last().Number {
			return errUnsteady // the last block told is there, yet the head does not agree
		}
		return nil // behind
	}
	if !w.doubted {
		w.doubted = true
		return nil
	}
	if otherChain {
		w.log.Error("the node has another block 0 than before: watching goes on from the head, nothing is reversed",
			"told", w.at.last().Number)
		err = w.beginAtHead(ctx, w.at.Reorgs+1)
	} else if fork != nil {
		err = w.rewind(ctx, *fork)
	} else {
		err = w.rewindAll(ctx)
	}
	if err == nil {
		w.doubted = false
	}
	return err
}

// fork is the newest block told that the node still has, nil if none is remembered; replaced says
// whether a later one was found replaced.
func (w *watch) fork(ctx context.Context, head header) (fork *header, replaced bool, err error) {
	for i := len(w.at.Tail) - 1; i >= 0; i-- {
		t := w.at.Tail[i]
		if t.Number > head.number {
			continue
		}
		h, err := w.node.byNumber(ctx, t.Number)
		if err != nil {
			return nil, false, err
		}
		if h.hash == t.Hash {
			return &h, replaced, nil
		}
		replaced = true
	}
	return nil, replaced, nil
}

// rewindAll goes back below the oldest block remembered.
func (w *watch) rewindAll(ctx context.Context) error {
	oldest := w.at.oldest().Number
	if oldest == 0 {
		return errUnsteady // block 0 is remembered and was just found unchanged
	}
	before, err := w.node.byNumber(ctx, oldest-1)
	if err != nil {
		return err
	}
	w.log.Error("the reorganisation is deeper than what is remembered: everything told since is taken back",
		"oldest", oldest, "told", w.at.last().Number)
	return w.rewind(ctx, before)
}
