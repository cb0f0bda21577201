package ca

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
)

// Restoration is one making-anew of the authority's database from a backup.
type Restoration struct {
	RestoredFrom
	RestoredAt   time.Time
	ReconciledAt time.Time // zero until then: nothing is issued
}

// RestoredFrom is what the record says of a restoration.
type RestoredFrom struct {
	Archive string    `json:"archive"`  // id of the archive
	TakenAt time.Time `json:"taken_at"` // of the backup
	Last    int64     `json:"last"`     // number of the last record in it: later ones are lost
}

// LostSerial is a serial that was given away, but whose certificate the
// database has lost.
type LostSerial struct {
	Issuer    string // name of the issuing CA
	Serial    certhall.Serial
	RevokedAt time.Time
	Reason    int // CRLReason (RFC 5280, 5.3.1)
}

// Reconciled is a Gate that refuses to issue after a restoration until the
// serials that the world knows and the backup has not are revoked
// (CA.Reconcile). A database is restored before it is opened: once none is
// found open, none will be.
func Reconciled(s Store) Gate {
	var done atomic.Bool
	return func(ctx context.Context) error {
		if done.Load() {
			return nil
		}
		var last *Restoration
		err := s.Read(ctx, func(r Reader) (err error) {
			last, err = r.Restoration()
			return err
		})
		if err != nil {
			return err
		}
		if last != nil && last.ReconciledAt.IsZero() {
			return authority.ErrRestored.With("taken_at", certhall.DateTime(last.TakenAt))
		}
		done.Store(true)
		return nil
	}
}
