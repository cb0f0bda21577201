package sandbox

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/certhall/certhall/hall/payment"
)

// Note is a notice on its way to the merchant.
type Note struct {
	ID    string
	URL   string
	Made  time.Time
	Due   time.Time
	Tries int
	payment.Notice
}

// pauses are WeChat Pay's between the tries of a notice; after the last it gives up.
var pauses = []time.Duration{
	15 * time.Second, 15 * time.Second, 30 * time.Second, 3 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, 30 * time.Minute,
	30 * time.Minute, time.Hour, 3 * time.Hour, 3 * time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour,
}

func (b *Bank) notify(url string, n payment.Notice, now time.Time) {
	b.books.Notes = append(b.books.Notes, &Note{ID: b.number("EV-", now), URL: url, Made: now, Due: now, Notice: n})
	b.wake()
}

// Next is when something will be due: a notice, the end of a refund, a late request.
func (b *Bank) Next() (at time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	earlier := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	for _, n := range b.books.Notes {
		earlier(n.Due)
	}
	for _, r := range b.processing() {
		earlier(r.Due)
	}
	for _, l := range b.late {
		earlier(l.due)
	}
	return at, ok
}

// Deliver sends the notices that are due now, one after another, each once. What
// send refuses is due again after WeChat Pay's pauses. It answers how many tries
// were made.
func (b *Bank) Deliver(ctx context.Context, send func(context.Context, Note) error) (tries int) {
	b.delivering.Lock()
	defer b.delivering.Unlock()
	b.arrive()
	due, _ := do(b, func(now time.Time) ([]Note, *refusal) { return b.dueNotes(now), nil })
	var held []Note // by Reorder
	for i, n := range due {
		switch f := b.fault(CallNotice); f.Kind {
		case Lose:
			b.tried(n.ID, false)
		case Delay:
			b.postpone(n.ID, f.Delay)
		case Reorder:
			if len(due) == 1 {
				b.postpone(n.ID, pauses[0])
			} else {
				held = append(held, due[i])
			}
			continue
		case Repeat:
			_ = send(ctx, n)
			tries++
			fallthrough
		default:
			b.tried(n.ID, send(ctx, n) == nil)
		}
		tries++
	}
	for _, n := range held {
		b.tried(n.ID, send(ctx, n) == nil)
		tries++
	}
	return tries
}

func (b *Bank) dueNotes(now time.Time) []Note {
	var due []Note
	for _, n := range b.books.Notes {
		if !now.Before(n.Due) {
			due = append(due, *n)
		}
	}
	slices.SortStableFunc(due, func(x, y Note) int { return cmp.Or(x.Due.Compare(y.Due), cmp.Compare(x.ID, y.ID)) })
	return due
}

// tried settles a notice, or has it wait for its next try.
func (b *Bank) tried(id string, taken bool) {
	b.change(id, func(n *Note, now time.Time) (keep bool) {
		n.Tries++
		if taken || n.Tries > len(pauses) {
			return false
		}
		n.Due = now.Add(pauses[n.Tries-1])
		return true
	})
}

func (b *Bank) postpone(id string, by time.Duration) {
	b.change(id, func(n *Note, now time.Time) bool {
		n.Due = now.Add(by)
		return true
	})
}

func (b *Bank) change(id string, act func(n *Note, now time.Time) (keep bool)) {
	_, _ = do(b, func(now time.Time) (none struct{}, no *refusal) {
		b.books.Notes = slices.DeleteFunc(b.books.Notes, func(n *Note) bool { return n.ID == id && !act(n, now) })
		return none, nil
	})
}
