package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
)

// Format names the line format of an export (docs/records.md).
const Format = "certhall/records/1"

// ErrExport says that an export's line cannot be read.
var ErrExport = certhall.NewError("export-malformed", certhall.Invalid)

// header is an export's first line.
type header struct {
	Format    string `json:"format"`
	Authority string `json:"authority"`
	From      int64  `json:"from"`
	To        int64  `json:"to"`
	Before    string `json:"before"` // hash of the chain before the first record, hexadecimal
}

// exported is a record's line.
type exported struct {
	Number  int64   `json:"number"`
	At      int64   `json:"at"` // milliseconds since 1970
	Kind    string  `json:"kind"`
	Case    string  `json:"case"`
	Attempt int     `json:"attempt"`
	Lineage string  `json:"lineage"`
	Pair    string  `json:"pair"`
	Salt    string  `json:"salt,omitempty"` // hexadecimal
	Data    *string `json:"data,omitempty"`
	Digest  string  `json:"digest"` // hexadecimal
	Hash    string  `json:"hash"`   // hexadecimal
}

// Extract says what to export.
type Extract struct {
	Authority string
	From, To  int64 // numbers; 0 means from the first, to the last there is
	WithData  bool  // the data, in which names stand, and its salt
}

// ErrRange says that there are no such records.
var ErrRange = certhall.NewError("export-range", certhall.NotFound)

// Export writes records as lines and answers how many.
func Export(ctx context.Context, s CheckpointStore, w io.Writer, x Extract) (int64, error) {
	end, err := s.End(ctx)
	if err != nil {
		return 0, err
	}
	h := header{Format, x.Authority, max(x.From, 1), end.Number, ""}
	if x.To > 0 {
		h.To = min(x.To, end.Number)
	}
	if h.From > h.To {
		return 0, ErrRange.With("last", numbered(end.Number))
	}
	if h.From > 1 {
		before, err := s.Records(ctx, h.From-2, 1)
		if err != nil {
			return 0, err
		}
		if len(before) == 0 || before[0].Seq != h.From-1 {
			return 0, ErrMissing.With("record", numbered(h.From-1))
		}
		h.Before = hex.EncodeToString(before[0].Hash)
	}
	out := bufio.NewWriter(w)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(h); err != nil {
		return 0, err
	}
	last, count := h.From-1, int64(0)
	for last < h.To {
		records, err := s.Records(ctx, last, batch)
		if err != nil {
			return count, err
		}
		for _, r := range records {
			if r.Seq > h.To {
				break
			}
			if err := lines.Encode(export(r, x.WithData)); err != nil {
				return count, err
			}
			count++
		}
		if len(records) == 0 {
			break // less than the chain's end says: verifying tells
		}
		last = records[len(records)-1].Seq
	}
	return count, out.Flush()
}

func export(r ca.Record, withData bool) exported {
	e := exported{
		Number: r.Seq, At: r.At.UnixMilli(), Kind: string(r.Kind), Case: string(r.Case), Attempt: r.Attempt,
		Lineage: string(r.Lineage), Pair: string(r.Pair), Digest: hex.EncodeToString(r.Digest), Hash: hex.EncodeToString(r.Hash),
	}
	if withData && r.Data != nil {
		data := string(r.Data)
		e.Salt, e.Data = hex.EncodeToString(r.Salt), &data
	}
	return e
}

func (e exported) record() (ca.Record, error) {
	r := ca.Record{
		Seq: e.Number, At: time.UnixMilli(e.At).UTC(), Kind: authority.EventKind(e.Kind), Case: certhall.CaseID(e.Case), Attempt: e.Attempt,
		Lineage: certhall.LineageID(e.Lineage), Pair: certhall.PairID(e.Pair),
	}
	var err1, err2, err3 error
	r.Salt, err1 = hex.DecodeString(e.Salt)
	r.Digest, err2 = hex.DecodeString(e.Digest)
	r.Hash, err3 = hex.DecodeString(e.Hash)
	if e.Data != nil {
		r.Data = []byte(*e.Data)
	}
	return r, errors.Join(err1, err2, err3)
}

// maxLine bounds a line of an export, in bytes.
const maxLine = 16 << 20

// lineReader reads an export line by line.
type lineReader struct {
	scanner *bufio.Scanner
	n       int64
}

func newLineReader(r io.Reader) *lineReader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	return &lineReader{scanner: s}
}

// next reads a line into v; false at the end.
func (l *lineReader) next(v any) (bool, error) {
	if !l.scanner.Scan() {
		return false, l.scanner.Err()
	}
	l.n++
	d := json.NewDecoder(bytes.NewReader(l.scanner.Bytes()))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil && d.More() {
		err = errors.New("audit: more than one value on a line")
	}
	if err != nil {
		return false, l.malformed(err)
	}
	return true, nil
}

func (l *lineReader) malformed(cause error) error {
	return ErrExport.With("line", numbered(l.n)).Because(cause)
}
