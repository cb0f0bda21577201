package audit

import (
	"context"
	"encoding/json"
	"io"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
)

// gap is how far the numbers jump where the database was restored from a
// backup. Records behind the backup are lost, but not forgotten: their numbers
// stand in checkpoints and at the hall, so that none is given a second time.
const gap = 1_000_000_000

// AfterRestoring is the number of the record that tells of a restoration from
// a backup whose last record had the given number.
func AfterRestoring(last int64) int64 { return (last/gap + 1) * gap }

// follows tells whether a record may stand behind the one numbered last
// although there are numbers between them.
func follows(last int64, r ca.Record) bool {
	return r.Kind == authority.Restored && r.Seq == AfterRestoring(last)
}

// RestoredStore is what marking a restored database needs of it.
type RestoredStore interface {
	// AddRestoration stores a restoration and its record, which next makes of
	// the chain's end and which becomes that end.
	AddRestoration(ctx context.Context, r ca.Restoration, next func(last int64, hash []byte) (ca.Record, error)) error
}

// MarkRestored marks a database that was made anew from a backup: the record
// says so, with a number of its own, and nothing is issued until it is
// reconciled. Last of r is filled in.
func MarkRestored(ctx context.Context, s RestoredStore, r ca.Restoration, random io.Reader) error {
	return s.AddRestoration(ctx, r, func(last int64, hash []byte) (ca.Record, error) {
		r.Last = last
		data, err := json.Marshal(r.RestoredFrom)
		if err != nil {
			return ca.Record{}, err
		}
		salt := make([]byte, 16)
		if _, err := io.ReadFull(random, salt); err != nil {
			return ca.Record{}, certhall.ErrInternal.Because(err)
		}
		record := ca.Record{
			Seq: AfterRestoring(last), At: r.RestoredAt, Kind: authority.Restored,
			Salt: salt, Data: data, Digest: gm.SM3(salt, data),
		}
		record.Hash = Link(hash, record)
		return record, nil
	})
}
