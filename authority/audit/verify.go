package audit

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Trust is whose checkpoints count.
type Trust struct {
	Root      *smx509.Certificate
	Authority string // id; "": any that Root stands for
}

// Report says what was checked, and what holds.
type Report struct {
	Authority   string    // "" where neither export nor checkpoint named one
	From, To    int64     // numbers of the first and the last record
	Records     int64     // how many: fewer than the numbers tell where a backup was restored
	First, Last time.Time // when they were written
	Signed      int64     // up to this number the notary's signature covers the records; 0: none
	SignedAt    time.Time
	Checkpoints int  // that fit, in the database or as given
	Lines       int  // of the journal
	Lost        int  // checkpoints of records that were lost with an older database
	WithData    bool // the data was there to be compared
	Erased      int  // records without data, where data was there
}

// ErrEnd says that the database's note of the chain's end is another than the
// records' own.
var ErrEnd = certhall.NewError("record-end-differs", certhall.Invalid)

// expected are the hashes that the chain must have at its numbers.
type expected struct {
	trust  Trust
	known  map[int64]proof.Checkpoint
	last   int64 // highest number
	report *Report
}

func expect(t Trust, r *Report) *expected {
	return &expected{trust: t, known: map[int64]proof.Checkpoint{}, report: r}
}

// add takes a checkpoint that has been checked. Two for one number that differ
// cannot both be the chain's.
func (e *expected) add(m proof.Checkpoint) error {
	if one, ok := e.known[m.Number]; ok && !bytes.Equal(one.Hash, m.Hash) {
		return ErrOtherChain.With("number", numbered(m.Number)).With("after", "1")
	}
	if e.trust.Authority == "" {
		e.trust.Authority = m.Authority // the others are to be of the same
	}
	e.report.Authority = m.Authority
	e.known[m.Number] = m
	e.last = max(e.last, m.Number)
	return nil
}

// at compares what is known of the number that the walk has reached. What was
// signed of records that a restored backup has not is lost with them.
func (e *expected) at(w *Walk) error {
	if w.Gap > 0 {
		for n := range e.known {
			if n > w.Gap && n < w.Last {
				e.report.Lost++
			}
		}
	}
	m, ok := e.known[w.Last]
	if !ok {
		return nil
	}
	if !bytes.Equal(m.Hash, w.Hash) {
		return ErrOtherChain.With("number", numbered(w.Last)).With("after", numbered(e.report.Signed+1))
	}
	e.report.Signed, e.report.SignedAt = m.Number, m.Time
	return nil
}

// cutOff tells whether records are missing that a checkpoint covers.
func (e *expected) cutOff(last int64) error {
	if e.last > last {
		return ErrCutOff.With("last", numbered(last)).With("number", numbered(e.last))
	}
	return nil
}

// VerifyStore checks the authority's own record: the chain, every stored
// checkpoint, the note of the chain's end, the journal (nil: there is none),
// and checkpoints that somebody has kept elsewhere. It names the first thing
// that is wrong. The server may go on meanwhile.
func VerifyStore(ctx context.Context, s CheckpointStore, journal io.Reader, kept []proof.Signed, t Trust) (Report, error) {
	r := Report{WithData: true}
	e := expect(t, &r)
	end, err := s.End(ctx)
	if err != nil {
		return r, err
	}
	stored := map[int64][]byte{}
	for after := int64(0); ; {
		list, err := s.Checkpoints(ctx, after, batch)
		if err != nil {
			return r, err
		}
		for _, c := range list {
			after = c.Number
			m, err := c.check(t.Root, t.Authority)
			if err != nil {
				return r, err
			}
			r.Checkpoints++
			stored[c.Number] = c.Signed
			if err := e.add(m); err != nil {
				return r, err
			}
		}
		if len(list) < batch {
			break
		}
	}
	if err := e.journal(journal, stored); err != nil {
		return r, err
	}
	for _, k := range kept {
		if err := e.given(k); err != nil {
			return r, err
		}
	}
	w, err := VerifyEach(ctx, s, func(w *Walk) error {
		if w.Last == end.Number && !bytes.Equal(w.Hash, end.Hash) {
			return ErrEnd.With("record", numbered(end.Number))
		}
		return e.at(w)
	})
	r.walked(1, w)
	if err != nil {
		return r, err
	}
	if w.Last < end.Number {
		return r, ErrCutOff.With("last", numbered(w.Last)).With("number", numbered(end.Number))
	}
	if end, err = s.End(ctx); err != nil {
		return r, err
	}
	if end.Number < w.Last {
		return r, ErrEnd.With("record", numbered(w.Last))
	}
	return r, e.cutOff(w.Last)
}

func (r *Report) walked(from int64, w *Walk) {
	r.Records, r.From, r.To, r.First, r.Last, r.Erased = w.walked, from, w.Last, w.First, w.Until, w.erased
}

// journal expects what the file beside the database says.
func (e *expected) journal(file io.Reader, stored map[int64][]byte) error {
	if file == nil {
		return nil
	}
	for entry, err := range ReadJournal(file) {
		if err != nil {
			return err
		}
		e.report.Lines++
		if bytes.Equal(stored[entry.Number], entry.Signed) {
			continue
		}
		m, err := entry.check(e.trust.Root, e.trust.Authority)
		if err != nil {
			return err
		}
		if err := e.add(m); err != nil {
			return err
		}
	}
	return nil
}

// given expects a checkpoint that somebody has kept.
func (e *expected) given(s proof.Signed) error {
	m, err := Notarized(s, e.trust.Root, e.trust.Authority)
	if err != nil {
		return err
	}
	return e.add(m)
}

// VerifyExport checks what an outsider has: an export, checkpoints, and the
// authority's root. The records between the first and the highest checkpoint
// are proved; those behind it only follow from each other.
func VerifyExport(export io.Reader, checkpoints []proof.Signed, t Trust) (Report, error) {
	r := Report{WithData: true}
	lines := newLineReader(export)
	var h header
	if ok, err := lines.next(&h); err != nil {
		return r, err
	} else if !ok || h.Format != Format || h.From < 1 {
		return r, lines.malformed(errors.New("audit: not an export's first line"))
	}
	if t.Authority != "" && h.Authority != t.Authority {
		return r, ErrOtherAuthority.With("authority", h.Authority)
	}
	t.Authority, r.Authority = h.Authority, h.Authority
	e := expect(t, &r)
	for _, c := range checkpoints {
		if err := e.given(c); err != nil {
			return r, err
		}
	}
	before, err := hex.DecodeString(h.Before)
	if err != nil {
		return r, lines.malformed(err)
	}
	w := &Walk{Last: h.From - 1, Hash: before}
	with := 0
	for {
		var x exported
		ok, err := lines.next(&x)
		if err != nil {
			return r, err
		}
		if !ok {
			break
		}
		record, err := x.record()
		if err != nil {
			return r, lines.malformed(err)
		}
		if record.Data != nil {
			with++
		}
		if err := w.Step(record); err != nil {
			return r, err
		}
		if err := e.at(w); err != nil {
			return r, err
		}
	}
	r.walked(h.From, w)
	r.Checkpoints, r.WithData = len(e.known), with > 0
	if !r.WithData {
		r.Erased = 0
	}
	if err := e.cutOff(w.Last); err != nil {
		return r, err
	}
	if w.Last < h.To {
		return r, ErrCutOff.With("last", numbered(w.Last)).With("number", numbered(h.To))
	}
	return r, nil
}

// ErrNoCheckpoint says that a file holds none.
var ErrNoCheckpoint = certhall.NewError("checkpoint-unreadable", certhall.Invalid)

// ParseCheckpoints reads checkpoints as they are handed about: the answer of
// /audit/checkpoint, DER, its base64, or a journal. Signatures are not checked.
func ParseCheckpoints(text []byte) ([]proof.Signed, error) {
	var p Published
	if json.Unmarshal(text, &p) == nil && p.Checkpoint != nil {
		text = p.Checkpoint
	} else if der, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(text))); err == nil {
		text = der
	}
	if s, err := proof.Decode[proof.Signed](text); err == nil {
		return []proof.Signed{s}, nil
	}
	var all []proof.Signed
	for e, err := range ReadJournal(bytes.NewReader(text)) {
		if err != nil {
			return nil, ErrNoCheckpoint.Because(err)
		}
		s, err := proof.Decode[proof.Signed](e.Signed)
		if err != nil {
			return nil, ErrNoCheckpoint.Because(err)
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, ErrNoCheckpoint.Becausef("%d bytes, SM3 %x", len(text), gm.SM3(text))
	}
	return all, nil
}
