package status

import (
	"context"
	"time"
)

// Published is a CRL that can be had from the store.
type Published struct {
	Head
	Issuer  string
	MadeAt  time.Time // by the clock of the node that made it
	Ended   time.Time // what ended, and was told, before this is left out
	Seen    int64     // number of the last record that it tells of
	Entries int64
	Size    int64  // bytes
	Digest  []byte // SHA-256 of the whole
}

// PartSize is how many bytes a part of a stored CRL has; the last one may have fewer.
const PartSize = 256 << 10

// Turn is the right to make an issuer's next CRL. The number belongs to it: a
// turn that was given out later makes this one's CRL worthless.
type Turn struct {
	Issuer string
	Holder string
	Number int64
}

// CRLReader is what handing CRLs out needs of the authority's database.
type CRLReader interface {
	// NewestCRL is the issuer's newest CRL, or nil.
	NewestCRL(ctx context.Context, issuer string) (*Published, error)
	// CRLPart is one part of a CRL, from 0; nil if that CRL is kept no longer.
	CRLPart(ctx context.Context, issuer string, number int64, part int) ([]byte, error)
}

// CRLStore is what publishing CRLs needs of the authority's database.
type CRLStore interface {
	CRLReader
	// StatusChanged tells whether a record with a number beyond seen changed
	// the status of a certificate of the issuer. It reads such records alone,
	// and answers the number of the last record that it looked at.
	StatusChanged(ctx context.Context, issuer string, seen int64) (changed bool, last int64, err error)
	// TakeTurn gives the issuer's turn to holder until then, unless another
	// holds it now. Its number is above every number given out before, and at
	// least now in milliseconds: so numbers grow even if the store was restored
	// from an old copy.
	TakeTurn(ctx context.Context, issuer, holder string, now, until time.Time) (t Turn, ok bool, err error)
	// KeepTurn prolongs a turn; false if another has taken it.
	KeepTurn(ctx context.Context, t Turn, until time.Time) (bool, error)
	// Revoked calls f for every entry that the issuer's CRL has to carry, one
	// at a time, over one consistent state of the store: both serials of
	// revoked and void pairs and of living pairs on hold, retired staff, lost
	// serials. Certificates that ended are left out if both their end and their
	// revocation lie before ended. seen is the number of the last record of
	// that state.
	Revoked(ctx context.Context, issuer string, ended time.Time, f func(Entry) error) (seen int64, err error)
	// AddCRLPart stores a part of the CRL that the turn makes.
	AddCRLPart(ctx context.Context, t Turn, part int, bytes []byte) error
	// PublishCRL makes the CRL whose parts are stored the newest, gives the turn
	// back, and keeps the CRL before it and no older one. It does nothing and
	// answers false if the turn was taken by another, or if a CRL stands with a
	// number or a thisUpdate above this one's.
	PublishCRL(ctx context.Context, t Turn, p Published) (bool, error)
}
