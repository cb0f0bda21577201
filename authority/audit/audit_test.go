package audit

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
)

// rows is a record in memory.
type rows []ca.Record

func (r rows) Records(_ context.Context, after int64, limit int) ([]ca.Record, error) {
	var out []ca.Record
	for _, e := range r {
		if e.Seq > after && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, nil
}

func (r rows) Sequence(_ context.Context, limit int, link func([]byte, ca.Record) []byte) (int, error) {
	var prev []byte
	n := 0
	for i := range r {
		if r[i].Seq == 0 && n < limit {
			r[i].Seq = int64(i + 1)
			r[i].Hash = link(prev, r[i])
			n++
		}
		prev = r[i].Hash
	}
	return n, nil
}

func written(n int) rows {
	var r rows
	for i := range n {
		salt, data := []byte{byte(i), byte(i >> 8)}, []byte(`{"n":1}`)
		r = append(r, ca.Record{At: time.UnixMilli(int64(i)), Kind: authority.PairIssued, Case: "c", Attempt: i, Salt: salt, Data: data, Digest: gm.SM3(salt, data)})
	}
	return r
}

func TestChain(t *testing.T) {
	r := written(2 * batch)
	if n, err := (Sequencer{r}).Run(t.Context()); err != nil || n != 2*batch {
		t.Fatal(n, err)
	}
	if last, _, err := Verify(t.Context(), r); err != nil || last != 2*batch {
		t.Fatal(last, err)
	}
	r[7].Data, r[7].Salt = nil, nil
	if _, _, err := Verify(t.Context(), r); !errors.Is(err, ErrDataGone) {
		t.Errorf("data gone without a record of it: %v", err)
	}
	r = append(r, ca.Record{Kind: authority.DataErased, Data: []byte(`{"records":[8]}`), Digest: gm.SM3([]byte(`{"records":[8]}`))})
	if _, err := (Sequencer{r}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last, _, err := Verify(t.Context(), r); err != nil || last != 2*batch+1 { // erased: the chain holds
		t.Errorf("erased data: %d %v", last, err)
	}
}

func TestTampering(t *testing.T) {
	for name, c := range map[string]struct {
		tamper func(rows) rows
		want   error
	}{
		"changed data":   {func(r rows) rows { r[3].Data = []byte("{}"); return r }, ErrDataChanged},
		"changed salt":   {func(r rows) rows { r[3].Salt = []byte("{}"); return r }, ErrDataChanged},
		"removed data":   {func(r rows) rows { r[3].Data = nil; return r }, ErrDataGone},
		"changed digest": {func(r rows) rows { r[3].Data, r[3].Digest = nil, gm.SM3(nil); return r }, ErrChanged},
		"changed kind":   {func(r rows) rows { r[3].Kind = authority.PairRevoked; return r }, ErrChanged},
		"changed time":   {func(r rows) rows { r[3].At = r[3].At.Add(time.Second); return r }, ErrChanged},
		"removed":        {func(r rows) rows { return append(r[:3], r[4:]...) }, ErrMissing},
		"reordered": {func(r rows) rows {
			r[3], r[4] = r[4], r[3]
			r[3].Seq, r[4].Seq = r[4].Seq, r[3].Seq
			return r
		}, ErrChanged},
	} {
		t.Run(name, func(t *testing.T) {
			r := written(10)
			if _, err := (Sequencer{r}).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, _, err := Verify(t.Context(), c.tamper(r)); !errors.Is(err, c.want) || certhall.AsError(err).Params["record"] != "4" {
				t.Errorf("got %v, want %v of record 4", err, c.want)
			}
		})
	}
}
