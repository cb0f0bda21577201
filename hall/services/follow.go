package services

import (
	"context"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
)

// followLimit bounds the events followed in one transaction.
const followLimit = 100

// Follow takes the authority's next events: the certificates' projection and
// the cases' attempts move, and the cursor with them, in one transaction. It
// answers how many events it took. Several nodes may follow at once.
func (c *Counter) Follow(ctx context.Context) (int, error) {
	var from int64
	err := c.Store.Read(ctx, func(r Reader) (err error) {
		from, err = r.Cursor()
		return err
	})
	if err != nil {
		return 0, err
	}
	events, err := c.Authority.Events(ctx, from, followLimit)
	if err != nil || len(events) == 0 {
		return 0, err
	}
	if kept, ok := forgotten(from, events); ok {
		return len(events), c.forget(ctx, from, kept)
	}
	err = c.Store.Write(ctx, func(w Writer) error {
		moved, err := w.MoveCursor(from, events[len(events)-1].Seq)
		if err != nil {
			return err
		}
		if !moved {
			return errMoved
		}
		for _, e := range events {
			if err := c.follow(w, e); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errMoved) {
		return 0, nil // another node was first
	}
	return len(events), err
}

// forgotten tells whether the authority was restored from a backup and has
// lost events that were followed here, those behind the number kept.
func forgotten(heard int64, events []authority.Event) (kept int64, yes bool) {
	for _, e := range events {
		if e.Kind == authority.Restored && heard > e.Kept {
			return e.Kept, true
		}
		heard = max(heard, e.Seq)
	}
	return 0, false
}

// forget goes back to where nothing was heard: what follows is what the
// authority remembers. Cases under way forget their attempts with it and ask
// anew; those that came to their end behind what was kept are closed, and their
// lineages can be renewed again.
func (c *Counter) forget(ctx context.Context, from, kept int64) error {
	c.Log.WarnContext(ctx, "the authority was restored from a backup: all of its events are followed anew", "from", from, "kept", kept)
	err := c.Store.Write(ctx, func(w Writer) error {
		moved, err := w.MoveCursor(from, 0)
		if err != nil {
			return err
		}
		if !moved {
			return errMoved
		}
		under, err := w.CasesUnderWay()
		if err != nil {
			return err
		}
		done, err := w.CasesDoneSince(kept)
		if err != nil {
			return err
		}
		if err := w.ForgetCertificates(); err != nil {
			return err
		}
		return c.startOver(w, append(under, done...))
	})
	if errors.Is(err, errMoved) {
		return nil // another node was first
	}
	return err
}

// startOver lets cases forget what they heard of the authority.
func (c *Counter) startOver(w Writer, cases []certhall.CaseID) error {
	for _, id := range cases {
		k, err := w.LockCase(id)
		if err != nil {
			return err
		}
		if _, err := c.step(w, *k, Event{Kind: EvForgotten}); err != nil {
			return err
		}
	}
	return nil
}

// Resume takes up what a hall restored from a backup had under way: its queue
// is empty, but what a case owes follows from the case.
func (c *Counter) Resume(ctx context.Context) error {
	return c.Store.Write(ctx, func(w Writer) error {
		cases, err := w.CasesUnderWay()
		if err != nil {
			return err
		}
		for _, id := range cases {
			k, err := w.LockCase(id)
			if err != nil {
				return err
			}
			for _, e := range k.owed() {
				if err := w.Enqueue(e); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Rebuild makes the projection anew from the authority's events. Cases stay:
// what they have heard before says nothing new to them.
func (c *Counter) Rebuild(ctx context.Context) error {
	if err := c.Store.Write(ctx, func(w Writer) error { return w.ForgetCertificates() }); err != nil {
		return err
	}
	for {
		if n, err := c.Follow(ctx); err != nil || n == 0 {
			return err
		}
	}
}

func (c *Counter) follow(w Writer, e authority.Event) error {
	if e.Pair != nil {
		if err := w.ProjectPair(*e.Pair, e.Seq); err != nil {
			return err
		}
		if e.Kind == authority.PairAcknowledged {
			if err := w.ProjectSuccessor(*e.Pair, e.Seq); err != nil {
				return err
			}
		}
	}
	ids, err := casesOf(w, e)
	if err != nil {
		return err
	}
	for _, id := range ids {
		k, err := w.LockCase(id)
		if err != nil {
			return err
		}
		if k == nil {
			continue // opened elsewhere than at this hall
		}
		if _, err := c.step(w, *k, eventOf(e)); err != nil {
			return err
		}
	}
	return nil
}

// casesOf finds the cases an event concerns: its own, or, where it touches a
// pair, those that started from that pair.
func casesOf(r Reader, e authority.Event) ([]certhall.CaseID, error) {
	switch e.Kind {
	case authority.AttemptOpened, authority.PairIssued, authority.AttemptVoided, authority.PairAcknowledged, authority.CaseClosed:
		return []certhall.CaseID{e.Case}, nil
	case authority.PairRetired, authority.PairRevoked, authority.PairSuspended, authority.PairResumed:
	default:
		return nil, nil // the authority's own business
	}
	if e.Pair == nil {
		return nil, nil
	}
	cases, err := r.CasesFrom(e.Pair.SignSerial)
	ids := make([]certhall.CaseID, 0, len(cases))
	for _, k := range cases {
		ids = append(ids, k.ID)
	}
	return ids, err
}

// eventOf is the authority's event as the case engine takes it.
func eventOf(e authority.Event) Event {
	out := Event{Attempt: e.Attempt, At: e.At, Seq: e.Seq}
	if e.Pair != nil {
		out.Serial = e.Pair.SignSerial
	}
	switch e.Kind {
	case authority.AttemptOpened:
		out.Kind = EvAttemptOpened
	case authority.PairIssued:
		out.Kind = EvIssued
	case authority.AttemptVoided:
		out.Kind = EvVoided
	case authority.PairAcknowledged:
		out.Kind = EvAcknowledged
	case authority.CaseClosed:
		out.Kind = EvClosed
	case authority.PairRetired:
		out.Kind = EvRetired
	case authority.PairRevoked:
		out.Kind = EvRevoked
	case authority.PairSuspended:
		out.Kind = EvSuspended
	case authority.PairResumed:
		out.Kind = EvResumed
	}
	return out
}
