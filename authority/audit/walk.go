package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
)

// What is found where the record is not what was written. Each names the
// first record that does not fit.
var (
	ErrMissing     = certhall.NewError("record-missing", certhall.Invalid)
	ErrOrder       = certhall.NewError("record-out-of-order", certhall.Invalid)
	ErrDataChanged = certhall.NewError("record-data-changed", certhall.Invalid)
	ErrDataGone    = certhall.NewError("record-data-gone", certhall.Invalid)
	ErrChanged     = certhall.NewError("record-changed", certhall.Invalid)
	ErrCutOff      = certhall.NewError("record-cut-off", certhall.Invalid)
)

func numbered(n int64) string { return strconv.FormatInt(n, 10) }

// Walk goes along the chain record by record. The zero value stands before
// the first one.
type Walk struct {
	Last  int64     // number of the last record that fitted
	Hash  []byte    // of the chain there
	First time.Time // time of the first record walked
	Until time.Time // time of the last one
	Gap   int64     // number before the last one, where that tells of a restored backup; else 0

	gone   map[int64]bool // their data is gone, and no record yet says why
	erased int            // have no data
	walked int64
}

// Step takes the next record, or names what is wrong with it.
func (w *Walk) Step(r ca.Record) error {
	switch {
	case r.Seq > w.Last+1 && !follows(w.Last, r):
		return ErrMissing.With("record", numbered(w.Last+1))
	case r.Seq <= w.Last:
		return ErrOrder.With("record", numbered(r.Seq)).With("before", numbered(w.Last))
	case r.Data != nil && !bytes.Equal(r.Digest, gm.SM3(r.Salt, r.Data)):
		return ErrDataChanged.With("record", numbered(r.Seq))
	case !bytes.Equal(r.Hash, Link(w.Hash, r)):
		return ErrChanged.With("record", numbered(r.Seq))
	}
	if w.First.IsZero() {
		w.First = r.At
	}
	w.Gap = 0
	if r.Seq > w.Last+1 {
		w.Gap = w.Last
	}
	w.Last, w.Hash, w.Until = r.Seq, r.Hash, r.At
	w.walked++
	w.weighErasure(r)
	return nil
}

// weighErasure remembers whose data is gone until a record says that it was
// erased. It is written before anything is erased.
func (w *Walk) weighErasure(r ca.Record) {
	if r.Data == nil {
		if w.gone == nil {
			w.gone = map[int64]bool{}
		}
		w.gone[r.Seq] = true
		w.erased++
	}
	if r.Kind != authority.DataErased {
		return
	}
	var e ca.Erased
	if json.Unmarshal(r.Data, &e) != nil {
		return // its digest is right, so that it says what it said
	}
	for _, n := range e.Records {
		delete(w.gone, n)
	}
}

// Whole tells whether all data that is gone was erased by a record. It has no
// meaning where records were exported without their data.
func (w *Walk) Whole() error {
	var first int64
	for n := range w.gone {
		if first == 0 || n < first {
			first = n
		}
	}
	if first != 0 {
		return ErrDataGone.With("record", numbered(first))
	}
	return nil
}

// Verify walks the whole chain and answers the number and hash of its end. An
// error names the first record that does not fit.
func Verify(ctx context.Context, s Reader) (last int64, hash []byte, err error) {
	w, err := VerifyEach(ctx, s, func(*Walk) error { return nil })
	return w.Last, w.Hash, err
}

// VerifyEach is Verify that calls at behind every record that fits.
func VerifyEach(ctx context.Context, s Reader, at func(*Walk) error) (*Walk, error) {
	w := new(Walk)
	for {
		records, err := s.Records(ctx, w.Last, batch)
		if err != nil {
			return w, err
		}
		for _, r := range records {
			if err := w.Step(r); err != nil {
				return w, err
			}
			if err := at(w); err != nil {
				return w, err
			}
		}
		if len(records) < batch {
			return w, w.Whole()
		}
	}
}
