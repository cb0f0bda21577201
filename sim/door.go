package sim

import (
	"context"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/proof"
)

// door is the hall's way to the authority: every call a boundary, every
// answer kept in the book. It reaches whichever node lives at that moment.
type door struct {
	w *World
	n *node
}

var _ authority.Authority = door{}

func ask[T any](d door, name string, writes bool, fn func(authority.Authority) (T, error)) (T, error) {
	var answer T
	err := d.w.boundary(Call, name, writes, func() (err error) {
		answer, err = fn(d.n.ca)
		return err
	})
	if err != nil {
		var none T
		return none, err
	}
	return answer, nil
}

func (d door) papers(name string, fn func(authority.Authority) (proof.Signed, error)) (proof.Signed, error) {
	return ask(d, name, true, func(a authority.Authority) (proof.Signed, error) {
		s, err := fn(a)
		if err == nil {
			d.w.book.add(s)
		}
		return s, err
	})
}

func (d door) Eligible(ctx context.Context, service certhall.Service, serial certhall.Serial) (authority.Eligibility, error) {
	return ask(d, "Eligible", false, func(a authority.Authority) (authority.Eligibility, error) {
		return a.Eligible(ctx, service, serial)
	})
}

func (d door) Ticket(ctx context.Context, r authority.TicketRequest) (proof.Signed, error) {
	return d.papers("Ticket", func(a authority.Authority) (proof.Signed, error) {
		closed := d.w.book.closings[string(r.Case)] == proof.Closed
		s, err := a.Ticket(ctx, r)
		if closed && err == nil {
			d.w.violate("a ticket is given for a closed case")
		}
		return s, err
	})
}

func (d door) Issue(ctx context.Context, r authority.IssueRequest) (proof.Bundle, error) {
	return ask(d, "Issue", true, func(a authority.Authority) (proof.Bundle, error) {
		b, err := a.Issue(ctx, r)
		if err == nil {
			d.w.book.addBundle(b)
		} else {
			d.w.judgeIssue(r, err)
		}
		return b, err
	})
}

func (d door) Acknowledge(ctx context.Context, ack proof.Signed) (proof.Signed, error) {
	return d.papers("Acknowledge", func(a authority.Authority) (proof.Signed, error) {
		s, err := a.Acknowledge(ctx, ack)
		if err != nil {
			d.w.judgeAcknowledge(ack, err)
		}
		return s, err
	})
}

func (d door) Retired(ctx context.Context, retired proof.Signed) error {
	_, err := ask(d, "Retired", true, func(a authority.Authority) (struct{}, error) {
		return struct{}{}, a.Retired(ctx, retired)
	})
	return err
}

func (d door) Claim(ctx context.Context, claim proof.Signed) (proof.Signed, error) {
	return d.papers("Claim", func(a authority.Authority) (proof.Signed, error) { return a.Claim(ctx, claim) })
}

func (d door) Close(ctx context.Context, c certhall.CaseID) (proof.Signed, error) {
	return d.papers("Close", func(a authority.Authority) (proof.Signed, error) { return a.Close(ctx, c) })
}

func (d door) Revoke(ctx context.Context, evidence proof.Signed) error {
	_, err := ask(d, "Revoke", true, func(a authority.Authority) (struct{}, error) {
		return struct{}{}, a.Revoke(ctx, evidence)
	})
	return err
}

func (d door) Suspend(ctx context.Context, l certhall.LineageID, reason string) error {
	_, err := ask(d, "Suspend", true, func(a authority.Authority) (struct{}, error) {
		return struct{}{}, a.Suspend(ctx, l, reason)
	})
	return err
}

func (d door) Resume(ctx context.Context, evidence proof.Signed) error {
	_, err := ask(d, "Resume", true, func(a authority.Authority) (struct{}, error) {
		return struct{}{}, a.Resume(ctx, evidence)
	})
	return err
}

func (d door) Pair(ctx context.Context, q authority.PairQuery) (authority.PairView, error) {
	return ask(d, "Pair", false, func(a authority.Authority) (authority.PairView, error) {
		v, err := a.Pair(ctx, q)
		if err == nil {
			d.w.book.addView(v)
		}
		return v, err
	})
}

func (d door) Unlockable(ctx context.Context, keySerial string) error {
	_, err := ask(d, "Unlockable", false, func(a authority.Authority) (struct{}, error) {
		return struct{}{}, a.Unlockable(ctx, keySerial)
	})
	return err
}

func (d door) Unlock(ctx context.Context, r authority.UnlockRequest) (proof.Signed, error) {
	return ask(d, "Unlock", true, func(a authority.Authority) (proof.Signed, error) { return a.Unlock(ctx, r) })
}

func (d door) Unlocked(ctx context.Context, report proof.Signed) error {
	_, err := ask(d, "Unlocked", true, func(a authority.Authority) (struct{}, error) {
		return struct{}{}, a.Unlocked(ctx, report)
	})
	return err
}

func (d door) Origins(ctx context.Context) (proof.Signed, error) {
	return ask(d, "Origins", false, func(a authority.Authority) (proof.Signed, error) { return a.Origins(ctx) })
}

// Events answers the authority's pages; once shuffled, each page comes in a
// random order, with an event of old repeated and one held back until later.
func (d door) Events(ctx context.Context, after int64, limit int) ([]authority.Event, error) {
	return ask(d, "Events", false, func(a authority.Authority) ([]authority.Event, error) {
		page, err := a.Events(ctx, after, limit)
		if err != nil || !d.w.shuffled {
			return page, err
		}
		return d.w.shuffle(page), nil
	})
}

func (w *World) shuffle(page []authority.Event) []authority.Event {
	page = append(slices.Clone(page), w.withheld...)
	w.withheld = nil
	if len(page) == 0 {
		return nil
	}
	for _, e := range page {
		w.lastSeq = max(w.lastSeq, e.Seq)
	}
	if !w.calm {
		if i := w.dice.IntN(len(page)); i > 0 {
			w.withheld = append(w.withheld, page[i])
			page = slices.Delete(page, i, i+1)
		}
		w.old = append(w.old, page...)
		page = append(page, w.old[w.dice.IntN(len(w.old))])
		w.dice.Shuffle(len(page), func(i, j int) { page[i], page[j] = page[j], page[i] })
	}
	return append(page, authority.Event{Seq: w.lastSeq}) // the page's end: the reader's cursor never goes back
}

// guardedStore is the authority's store: every transaction a boundary.
type guardedStore struct {
	ca.Store
	w *World
}

func (s guardedStore) Read(ctx context.Context, f func(ca.Reader) error) error {
	return s.w.boundary(Transaction, "authority.Read", false, func() error { return s.Store.Read(ctx, f) })
}

func (s guardedStore) Standing(ctx context.Context, c certhall.CaseID, n int) (at ca.Standing, escrowed bool, err error) {
	err = s.w.boundary(Transaction, "authority.Read", false, func() (err error) {
		at, escrowed, err = s.Store.Standing(ctx, c, n)
		return err
	})
	return at, escrowed, err
}

func (s guardedStore) Write(ctx context.Context, f func(ca.Writer) error) error {
	return s.w.boundary(Transaction, "authority.Write", true, func() error {
		s.w.authorityChanged = true
		return s.Store.Write(ctx, f)
	})
}

func (s guardedStore) SaveIntent(ctx context.Context, i ca.Intent, admit func(ca.Standing) error) error {
	return s.w.boundary(Transaction, "authority.SaveIntent", true, func() error {
		s.w.authorityChanged = true
		return s.Store.SaveIntent(ctx, i, admit)
	})
}

func (s guardedStore) SaveIssued(ctx context.Context, g ca.Signatures) (won bool, err error) {
	err = s.w.boundary(Transaction, "authority.SaveIssued", true, func() (err error) {
		s.w.authorityChanged = true
		won, err = s.Store.SaveIssued(ctx, g)
		return err
	})
	return won, err
}
