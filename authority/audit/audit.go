// Package audit numbers the authority's records after they are committed and
// chains them by SM3, so that an outsider can see that none was changed,
// removed or put in later. Records and the hall's events are the same rows:
// one sequencer gives both their numbers (ids taken inside transactions can
// commit out of order).
package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
)

// Store is what the sequencer needs of the authority's database.
type Store interface {
	// Sequence numbers up to limit records that have no number yet, in the
	// order they were written, in one transaction; of several nodes one does
	// it at a time. link gives each record's hash from the hash before it
	// (nil before the first). It answers how many it numbered.
	Sequence(ctx context.Context, limit int, link func(prev []byte, r ca.Record) []byte) (int, error)
	// Records are the numbered records behind a number, in order.
	Records(ctx context.Context, after int64, limit int) ([]ca.Record, error)
}

// batch is how many records are numbered, or checked, in one go.
const batch = 1000

// Sequencer numbers and chains records.
type Sequencer struct{ Store Store }

// Run numbers what waits and answers how many records that were.
func (s Sequencer) Run(ctx context.Context) (int, error) {
	total := 0
	for {
		n, err := s.Store.Sequence(ctx, batch, Link)
		total += n
		if err != nil || n < batch {
			return total, err
		}
	}
}

// Link is the hash of the chain up to and including r: SM3 over the hash
// before it, the record's number, time (milliseconds), kind, ids and salted
// digest. The data itself is not in it, so that it can be erased.
func Link(prev []byte, r ca.Record) []byte {
	var b bytes.Buffer
	number := func(n int64) { _ = binary.Write(&b, binary.BigEndian, n) }
	text := func(s string) { number(int64(len(s))); b.WriteString(s) }
	b.WriteString("certhall/record/1")
	text(string(prev))
	number(r.Seq)
	number(r.At.UnixMilli())
	text(string(r.Kind))
	text(string(r.Case))
	number(int64(r.Attempt))
	text(string(r.Lineage))
	text(string(r.Pair))
	text(string(r.Digest))
	return gm.SM3(b.Bytes())
}

// Verify walks the whole chain and answers the number and hash of its end.
// An error names the first record that does not fit.
func Verify(ctx context.Context, s Store) (last int64, hash []byte, err error) {
	for {
		records, err := s.Records(ctx, last, batch)
		if err != nil {
			return last, hash, err
		}
		for _, r := range records {
			if r.Seq != last+1 && !follows(last, r) {
				return last, hash, fmt.Errorf("audit: record %d is missing", last+1)
			}
			if r.Data != nil && !bytes.Equal(r.Digest, gm.SM3(r.Salt, r.Data)) {
				return last, hash, fmt.Errorf("audit: the data of record %d was changed", r.Seq)
			}
			if !bytes.Equal(r.Hash, Link(hash, r)) {
				return last, hash, fmt.Errorf("audit: record %d does not follow from what is before it", r.Seq)
			}
			last, hash = r.Seq, r.Hash
		}
		if len(records) < batch {
			return last, hash, nil
		}
	}
}
