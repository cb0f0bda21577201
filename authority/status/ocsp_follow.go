package status

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/certhall/certhall"
)

const (
	followEvery = 200 * time.Millisecond
	// followWithin is how old the last look at the record may be for answers from
	// memory to be given: so none hides what was committed a second before,
	// whoever did it.
	followWithin = time.Second
	// followLimit is how many changes are taken one by one; more empty the cache.
	followLimit = 1000
	// behindAfter is when Ready says that the record is not followed.
	behindAfter = 5 * time.Second
	// endsWithin is how long before its end Ready asks for another OCSP certificate.
	endsWithin = 14 * 24 * time.Hour
)

// What Ready answers.
var (
	ErrNoResponder   = certhall.NewError("ocsp-missing", certhall.Unavailable)
	ErrResponderEnds = certhall.NewError("ocsp-certificate-ends", certhall.Unavailable)
	ErrBehind        = certhall.NewError("ocsp-behind", certhall.Unavailable)
)

// follower knows how far the authority's record was read.
type follower struct {
	at       int64 // number of the last record; of the one goroutine that follows
	begun    bool
	failing  bool
	lastLook atomic.Pointer[time.Time] // when the last look that succeeded began
}

// heard tells when the record was looked at last, and whether that is lately
// enough to speak from memory.
func (f *follower) heard(now time.Time) (time.Time, bool) {
	last := f.lastLook.Load()
	if last == nil {
		return time.Time{}, false
	}
	ago := now.Sub(*last)
	return *last, ago >= 0 && ago <= followWithin
}

// Follow reads the authority's record until ctx ends and forgets what changed.
func (r *Responder) Follow(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		if err := r.look(ctx); err == nil {
			r.follower.failing = false
		} else if ctx.Err() == nil && !r.follower.failing {
			r.follower.failing = true // said once, not five times a second
			r.opt.Log.ErrorContext(ctx, "OCSP: the record cannot be followed", "cause", certhall.CauseText(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// look reads the record once. Records that wait for their number count too:
// nothing rests on whether somebody numbers them in time.
func (r *Responder) look(ctx context.Context) error {
	ctx, end := context.WithTimeout(ctx, 10*followEvery)
	defer end()
	f, began := &r.follower, r.now()
	changes, last, err := r.opt.Store.Changes(ctx, f.at, followLimit)
	if err != nil {
		return err
	}
	switch {
	case !f.begun, last < f.at, len(changes) >= followLimit: // the first look, another database, or too much
		r.cache.clear()
	case len(changes) > 0:
		r.cache.drop(changes)
	}
	f.at, f.begun = last, true
	f.lastLook.Store(&began)
	return nil
}

// Ready answers nil, or why status cannot be told, or soon cannot: an issuer
// without OCSP certificate, one that ends within 14 days, or a record that is
// not followed.
func (r *Responder) Ready(context.Context) error {
	now, all := r.now(), r.speakers.Load()
	if len(all.list) == 0 {
		return ErrNoResponder.With("issuer", "–")
	}
	for _, s := range all.list {
		if s.Responder.Certificate == nil {
			return ErrNoResponder.With("issuer", s.Name)
		}
		if !now.Add(endsWithin).Before(s.ends()) {
			return ErrResponderEnds.With("issuer", s.Name).With("end", certhall.Date(s.ends()))
		}
	}
	if last := r.follower.lastLook.Load(); last == nil || now.Sub(*last) > behindAfter {
		return ErrBehind
	}
	return nil
}
