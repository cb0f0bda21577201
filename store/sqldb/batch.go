package sqldb

import (
	"context"
	"runtime"
	"sync"
)

// Batcher lets callers that wait at the same time be served together by one of
// them. The first caller serves at once, in its own goroutine; those that come
// meanwhile form the next batch, in order of arrival, and the first of them
// serves it. There is no timer: a caller alone never waits, and a single
// goroutine's calls run one by one as if there were no batching.
type Batcher[T any] struct {
	// Serve serves a batch; what it has to answer it writes into the items.
	Serve func([]T)
	// Limit is the longest batch.
	Limit int
	// Leaders is how many batches may be served at once; 0 means one.
	Leaders int

	mu      sync.Mutex
	leading int
	waiting []*waiter[T]
}

type waiter[T any] struct {
	item T
	turn chan turn
}

type turn int

const (
	served turn = iota
	lead        // serve the next batch, your own item first
	again       // the serving goroutine ended without an answer
)

// Do has the item served and returns nil; or, if ctx ends before its batch
// begins, withdraws it and returns ctx's error.
func (b *Batcher[T]) Do(ctx context.Context, item T) error {
	w := &waiter[T]{item: item, turn: make(chan turn, 1)}
	for {
		switch t, err := b.queue(ctx, w); {
		case err != nil:
			return err
		case t == served:
			return nil
		case t == lead:
			b.lead(w)
			return nil
		}
	}
}

// queue waits for w's turn.
func (b *Batcher[T]) queue(ctx context.Context, w *waiter[T]) (turn, error) {
	b.mu.Lock()
	if b.leading < max(b.Leaders, 1) {
		b.leading++
		b.mu.Unlock()
		return lead, nil
	}
	b.waiting = append(b.waiting, w)
	b.mu.Unlock()
	select {
	case t := <-w.turn:
		return t, nil
	case <-ctx.Done():
		if b.withdraw(w) {
			return served, ctx.Err()
		}
		return <-w.turn, nil // its batch has begun: it ends with an answer
	}
}

func (b *Batcher[T]) withdraw(w *waiter[T]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, x := range b.waiting {
		if x == w {
			b.waiting = append(b.waiting[:i:i], b.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// lead serves w and those that wait, then passes the lead on. If Serve does
// not return (a panic, a test's FailNow), the others queue again.
func (b *Batcher[T]) lead(w *waiter[T]) {
	runtime.Gosched() // whoever is about to ask may do so now; alone, this is nothing
	b.mu.Lock()
	n := min(len(b.waiting), max(b.Limit, 1)-1)
	others := b.waiting[:n:n]
	b.waiting = b.waiting[n:]
	b.mu.Unlock()

	items := make([]T, 1, n+1)
	items[0] = w.item
	for _, o := range others {
		items = append(items, o.item)
	}
	answer := again
	defer func() {
		b.passOn()
		for _, o := range others {
			o.turn <- answer
		}
	}()
	b.Serve(items)
	answer = served
}

func (b *Batcher[T]) passOn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.leading--
		return
	}
	next := b.waiting[0]
	b.waiting = b.waiting[1:]
	next.turn <- lead
}
