package ca

import (
	"context"
	"iter"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
)

// KnownSerial is a serial that somebody trustworthy has seen given away.
type KnownSerial struct {
	Issuer  string // name of the issuing CA
	Serial  certhall.Serial
	Revoked *Revocation // what a published CRL says of it; nil: nothing
}

// Revocation is what a CRL says of a serial.
type Revocation struct {
	At     time.Time
	Reason int // CRLReason; 6 is on hold
}

// reasonHold is certificateHold (RFC 5280, 5.3.1).
const reasonHold = 6

// Reconciliation is what a reconciliation rests on, as it is recorded.
type Reconciliation struct {
	Sources []string `json:"sources"`           // what was read, with digests
	Reason  string   `json:"reason,omitempty"`  // why nothing else had to be read, in the operator's words
	LostTo  int64    `json:"lost_to,omitempty"` // number of the last record that is known to be lost; 0: of none
}

// Reconciling counts what a reconciliation did.
type Reconciling struct {
	Known   int `json:"known"`   // serials that the backup has as they were published
	Lost    int `json:"lost"`    // serials that the backup has not: revoked for good
	Before  int `json:"before"`  // serials that were lost and revoked already
	Revoked int `json:"revoked"` // certificates whose revocation or hold the backup had not, revoked or held again
	// LostSerials are those counted by Lost.
	LostSerials []certhall.Serial `json:"-"`
}

// listed is how many lost serials the record names; all stand in lost_serials.
const listed = 1000

// reconcileBatch is how many serials are looked at in one transaction.
const reconcileBatch = 256

// Reconcile makes a restored database say of every serial at least what the
// world was told before: those it does not have are revoked (superseded: their
// holders renew again) and never given away again, those that were published
// as revoked or on hold are so again. Then the restoration counts as
// reconciled and issuing goes on. One record tells of it. It may be repeated
// with further sources, and works while the authority is sealed. Without a
// restoration it answers ErrNotRestored.
func (ca *CA) Reconcile(ctx context.Context, known iter.Seq2[KnownSerial, error], r Reconciliation) (Reconciling, error) {
	var done Reconciling
	var last *Restoration
	err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		last, err = rd.Restoration()
		return err
	})
	if err != nil {
		return done, err
	}
	if last == nil {
		return done, ErrNotRestored
	}
	var batch []KnownSerial
	for k, err := range known {
		if err != nil {
			return done, err
		}
		if batch = append(batch, k); len(batch) < reconcileBatch {
			continue
		}
		if err := ca.reconcile(ctx, batch, &done); err != nil {
			return done, err
		}
		batch = batch[:0]
	}
	if err := ca.reconcile(ctx, batch, &done); err != nil {
		return done, err
	}
	now := ca.now()
	err = ca.opt.Store.Write(ctx, func(w Writer) error {
		if _, err := w.EndRestoration(now); err != nil {
			return err
		}
		return w.AddRecord(ca.record(authority.SerialsLost, Record{}, struct {
			Reconciliation
			Reconciling
			Serials []certhall.Serial `json:"serials,omitempty"`
		}{r, done, done.LostSerials[:min(len(done.LostSerials), listed)]}))
	})
	return done, err
}

// ErrNotRestored says that there is nothing to reconcile.
var ErrNotRestored = certhall.NewError("not-restored", certhall.Conflict)

func (ca *CA) reconcile(ctx context.Context, batch []KnownSerial, done *Reconciling) error {
	var again []KnownSerial
	var lost []certhall.Serial
	var counts Reconciling
	now := ca.now()
	err := ca.opt.Store.Write(ctx, func(w Writer) error {
		again, lost, counts = nil, nil, Reconciling{} // it may be run twice
		for _, k := range batch {
			p, staff, err := find(w, k)
			if err != nil {
				return err
			}
			if p != nil || staff != nil {
				if k.Revoked != nil && (p != nil && stale(p, k.Revoked) || staff != nil && staff.State == StaffActive) {
					again = append(again, k)
				} else {
					counts.Known++
				}
				continue
			}
			l := LostSerial{Issuer: k.Issuer, Serial: k.Serial, RevokedAt: now, Reason: reasonSuperseded}
			if k.Revoked != nil && k.Revoked.Reason != reasonHold {
				l.RevokedAt, l.Reason = k.Revoked.At, k.Revoked.Reason
			}
			added, err := w.AddLostSerial(l)
			if err != nil {
				return err
			}
			if added {
				lost = append(lost, k.Serial)
			} else {
				counts.Before++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range again {
		if err := ca.revokeAgain(ctx, k); err != nil {
			return err
		}
	}
	done.Known += counts.Known
	done.Before += counts.Before
	done.Lost += len(lost)
	done.LostSerials = append(done.LostSerials, lost...)
	done.Revoked += len(again)
	return nil
}

// find finds what a serial was given to.
func find(rd Reader, k KnownSerial) (p *Pair, staff *Staff, err error) {
	if p, err = rd.PairBySerial(k.Serial); err != nil {
		return nil, nil, err
	}
	if p != nil && p.Issuer != k.Issuer {
		p = nil // another CA's, with the same number
	}
	staff, err = rd.Staff(k.Serial)
	return p, staff, err
}

// Missing are those of the serials that the database has never given away.
func (ca *CA) Missing(ctx context.Context, known iter.Seq2[KnownSerial, error]) (missing []certhall.Serial, err error) {
	err = ca.opt.Store.Read(ctx, func(rd Reader) error {
		missing = nil
		for k, err := range known {
			if err != nil {
				return err
			}
			p, staff, err := find(rd, k)
			if err != nil {
				return err
			}
			if p == nil && staff == nil {
				missing = append(missing, k.Serial)
			}
		}
		return nil
	})
	return missing, err
}

// stale tells whether the backup knows less of a pair than was published.
func stale(p *Pair, r *Revocation) bool { return living(p) && (r.Reason != reasonHold || !p.Suspended) }

// revokeAgain does once more what was done after the backup.
func (ca *CA) revokeAgain(ctx context.Context, k KnownSerial) error {
	y := ca.because("published before the database was restored")
	return again(func() error {
		var p *Pair
		var cases []certhall.CaseID
		err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
			if p, _, err = find(rd, k); err != nil || p == nil {
				return err
			}
			open, err := rd.LineageCases(p.Lineage)
			for _, c := range open {
				cases = append(cases, c.ID)
			}
			return err
		})
		if err != nil {
			return err
		}
		return ca.opt.Store.Write(ctx, func(w Writer) error {
			if p == nil {
				return ca.retireAgain(w, k)
			}
			if err := w.LockCases(cases...); err != nil {
				return err
			}
			if err := w.LockLineages(p.Lineage); err != nil {
				return err
			}
			if p, err = w.PairBySerial(k.Serial); err != nil || !stale(p, k.Revoked) {
				return err
			}
			if k.Revoked.Reason == reasonHold {
				pairs, err := w.LineagePairs(p.Lineage)
				if err != nil {
					return err
				}
				return ca.setSuspended(w, pairs, k.Revoked.At, authority.PairSuspended, y)
			}
			open, err := w.LineageCases(p.Lineage)
			if err != nil {
				return err
			}
			for _, c := range open {
				if c.ID != p.Case && c.OldPair != p.ID {
					continue // it lives on another pair of the lineage
				}
				if !slices.Contains(cases, c.ID) {
					return errRaced
				}
				if err := ca.shut(w, c, y); err != nil { // an intended or issued pair becomes void
					return err
				}
			}
			if p, err = w.PairBySerial(k.Serial); err != nil || !living(p) {
				return err
			}
			moved, err := w.MovePair(p.ID, p.State, authority.Revoked, Change{RevokedAt: k.Revoked.At, Reason: k.Revoked.Reason})
			if err != nil || !moved {
				return raced(err)
			}
			return w.AddRecord(ca.pairRecord(authority.PairRevoked, p, authority.Revoked, y))
		})
	})
}

func (ca *CA) retireAgain(w Writer, k KnownSerial) error {
	if k.Revoked.Reason == reasonHold {
		return nil // staff are never on hold
	}
	retired, err := w.RetireStaff(k.Serial, k.Revoked.At, k.Revoked.Reason)
	if err != nil || !retired {
		return err
	}
	return w.AddRecord(ca.record(authority.StaffRetired, Record{}, map[string]string{"serial": string(k.Serial)}))
}
