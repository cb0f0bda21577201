// Package audit makes the authority's record one that others can rely on. It
// numbers records after they are committed and chains them by SM3, signs the
// chain's end every minute (a checkpoint), keeps the checkpoints beside the
// database and before the public, and checks all of it: that no record was
// changed, removed, put in or moved. docs/records.md defines every byte of it.
//
// Records and the hall's events are the same rows: one sequencer gives both
// their numbers (ids taken inside transactions can commit out of order).
package audit

import (
	"bytes"
	"context"
	"encoding/binary"

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
	Reader
}

// Reader reads what was numbered.
type Reader interface {
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
