package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
)

// CRLPolicy says when CRLs are made.
type CRLPolicy struct {
	// Life is how long a CRL counts. At half of it the next one is made; at
	// three quarters Ready complains.
	Life time.Duration
	// Gather is the least time between two CRLs of an issuer: changes of status
	// that come closer together are told by one. With it, the second until a
	// change is noticed, the time of making and what caches may keep (MaxAge),
	// a revocation is in everybody's CRL within a minute.
	Gather time.Duration
}

// DefaultCRLPolicy is a week, and three quarters of a minute.
func DefaultCRLPolicy() CRLPolicy {
	return CRLPolicy{Life: 7 * 24 * time.Hour, Gather: 45 * time.Second}
}

// Times of the turn to make a CRL, and after a failure.
const (
	turnTime  = 30 * time.Second // another node takes over this long after a node's last sign of life
	turnBeat  = 10 * time.Second
	retryTime = 10 * time.Second
	sayAgain  = 10 * time.Minute // how often the log repeats why none can be signed
)

// Publisher makes the CRLs of the issuing CAs whenever they are due. Of several
// nodes one makes each: whose turn it is stands in the store, and a CRL counts
// only while its turn is the last that was given out. So a node may die at any
// time, and its clock may be wrong: numbers only grow, and a CRL never replaces
// a newer one. Run is for one goroutine.
type Publisher struct {
	Store   CRLStore
	Issuers []string // names of the issuing CAs
	// Signer gives an issuing CA's certificate and key; authority.ErrSealed
	// while they are away.
	Signer func(issuer string) (ca.Signer, error)
	// Gate says why no CRL may be made yet: ca.Reconciled, because a restored
	// database lacks what was revoked after the backup. nil: nothing does.
	Gate   ca.Gate
	Policy CRLPolicy
	Node   string // unique to this process
	Clock  certhall.Clock
	Log    *slog.Logger

	quiet map[string]int64     // no record up to this number is news since the last CRL: those of busy issuers are not read every second
	retry map[string]time.Time // not before this again
	said  map[string]time.Time // why none can be signed
}

// Run makes every CRL that is due now, and answers how many that were.
func (p *Publisher) Run(ctx context.Context) (int, error) {
	if p.retry == nil {
		p.quiet, p.retry, p.said = map[string]int64{}, map[string]time.Time{}, map[string]time.Time{}
	}
	made := 0
	var failed error
	for _, issuer := range p.Issuers {
		now := p.Clock.Now()
		if wait := p.retry[issuer].Sub(now); wait > 0 && wait <= retryTime {
			continue
		}
		done, err := p.publish(ctx, issuer)
		if err != nil {
			p.retry[issuer] = now.Add(retryTime)
			failed = errors.Join(failed, err)
		}
		if done {
			made++
		}
	}
	return made, failed
}

// publish makes the issuer's next CRL if it is due and nobody else is at it.
func (p *Publisher) publish(ctx context.Context, issuer string) (bool, error) {
	last, why, err := p.due(ctx, issuer)
	if err != nil || why == "" {
		return false, err
	}
	var signer ca.Signer
	if p.Gate != nil {
		err = p.Gate(ctx)
	}
	if err == nil {
		signer, err = p.Signer(issuer)
	}
	if errors.Is(err, authority.ErrSealed) || errors.Is(err, authority.ErrRestored) {
		p.complain(issuer, last, why, err)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	delete(p.said, issuer)
	now := p.Clock.Now()
	turn, ok, err := p.Store.TakeTurn(ctx, issuer, p.Node, now, now.Add(turnTime))
	if err != nil || !ok {
		return false, err
	}
	defer func() { // nothing is left to give back once it is published
		_, err := p.Store.KeepTurn(context.WithoutCancel(ctx), turn, now)
		if err != nil {
			p.Log.WarnContext(ctx, "a turn was not given back: other nodes wait for it", "issuer", issuer, "cause", err)
		}
	}()
	// Another node may have made it since.
	if last, why, err = p.due(ctx, issuer); err != nil || why == "" {
		return false, err
	}
	work, stop := context.WithCancel(ctx)
	beating := make(chan struct{})
	go func() { defer close(beating); p.beat(work, stop, turn) }()
	done, err := p.make(work, signer, turn, last, why)
	stop()
	<-beating
	return done, err
}

// due tells why the issuer's next CRL is due; "" if it is not.
func (p *Publisher) due(ctx context.Context, issuer string) (last *Published, why string, err error) {
	last, err = p.Store.NewestCRL(ctx, issuer)
	if err != nil {
		return nil, "", err
	}
	now := p.Clock.Now()
	switch {
	case last == nil:
		return nil, "first", nil
	case !now.Before(last.ThisUpdate.Add(p.Policy.Life / 2)), !now.Before(last.half()):
		return last, "half life", nil
	case now.Before(last.MadeAt.Add(p.Policy.Gather)) && !now.Before(last.MadeAt): // a clock that was set back stops nothing
		return last, "", nil
	}
	changed, looked, err := p.Store.StatusChanged(ctx, issuer, max(last.Seen, p.quiet[issuer]))
	if err != nil {
		return last, "", err
	}
	if !changed {
		p.quiet[issuer] = looked
		return last, "", nil
	}
	return last, "status changed", nil
}

// half is the middle of a CRL's life.
func (h Head) half() time.Time { return h.ThisUpdate.Add(h.NextUpdate.Sub(h.ThisUpdate) / 2) }

// beat shows that this node lives while it makes a CRL, and ends the work once
// another has taken the turn.
func (p *Publisher) beat(ctx context.Context, stop context.CancelFunc, t Turn) {
	tick := time.NewTicker(turnBeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if kept, err := p.Store.KeepTurn(ctx, t, p.Clock.Now().Add(turnTime)); err == nil && !kept {
			stop()
			return
		}
	}
}

// make makes, stores and publishes.
func (p *Publisher) make(ctx context.Context, signer ca.Signer, t Turn, last *Published, why string) (bool, error) {
	began := p.Clock.Now()
	next := Published{Issuer: t.Issuer, MadeAt: began, Head: Head{Number: t.Number, ThisUpdate: began.UTC().Truncate(time.Second)}}
	if last != nil {
		// An entry may go once it has been on a CRL made after the certificate's
		// end (RFC 5280, 3.3): the last CRL was made then. A whole life is added
		// on top, for those who fetch seldom and for revocations that were
		// committed a little after the time they carry.
		next.Ended = last.ThisUpdate.Add(-p.Policy.Life)
		if last.ThisUpdate.After(next.ThisUpdate) {
			p.Log.ErrorContext(ctx, "the clock stands before the last CRL's thisUpdate: the next goes on from that", "issuer", t.Issuer, "thisUpdate", last.ThisUpdate)
		}
		next.ThisUpdate = following(last.ThisUpdate, next.ThisUpdate)
	}
	next.NextUpdate = next.ThisUpdate.Add(p.Policy.Life)

	var draft Draft
	defer draft.Close()
	var err error
	if next.Seen, err = p.Store.Revoked(ctx, t.Issuer, next.Ended, draft.Add); err != nil {
		return false, err
	}
	list, err := draft.Sign(signer, next.Head)
	if err != nil {
		return false, err
	}
	next.Entries, next.Size = list.Entries, list.Size()
	if next.Digest, err = p.store(ctx, t, list); err != nil {
		return false, err
	}
	done, err := p.Store.PublishCRL(ctx, t, next)
	if done {
		p.Log.InfoContext(ctx, "CRL published", "issuer", t.Issuer, "number", t.Number, "entries", next.Entries, "bytes", next.Size,
			"why", why, "nextUpdate", next.NextUpdate, "took", p.Clock.Now().Sub(began))
	} else if err == nil {
		p.Log.WarnContext(ctx, "a CRL was dropped: another node has made a newer one", "issuer", t.Issuer, "number", t.Number)
	}
	return done, err
}

// following is a CRL's thisUpdate: now, but later than the one before whatever
// the clock says. Those who ask for what changed since (If-Modified-Since), or
// take the newer of two, would not find the next CRL otherwise.
func following(last, now time.Time) time.Time {
	if next := last.Add(time.Second); next.After(now) {
		return next
	}
	return now
}

// store stores the list in parts and answers its digest.
func (p *Publisher) store(ctx context.Context, t Turn, list *List) ([]byte, error) {
	digest := sha256.New()
	whole := io.TeeReader(list.Reader(), digest)
	for part := 0; ; part++ {
		var b bytes.Buffer
		n, err := io.CopyN(&b, whole, PartSize)
		if n > 0 {
			if err := p.Store.AddCRLPart(ctx, t, part, b.Bytes()); err != nil {
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			return digest.Sum(nil), nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// complain says loudly, but not every second, that a CRL is due that cannot be signed.
func (p *Publisher) complain(issuer string, last *Published, why string, cause error) {
	now := p.Clock.Now()
	if said, ok := p.said[issuer]; ok && now.Sub(said) < sayAgain && !now.Before(said) {
		return
	}
	p.said[issuer] = now
	attributes := []any{"issuer", issuer, "why", why, "cause", certhall.CauseText(cause)}
	if last != nil {
		attributes = append(attributes, "nextUpdate", last.NextUpdate)
	}
	p.Log.Error("a CRL is due that cannot be signed", attributes...)
}
