package audit

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

type clock struct{ t time.Time }

func (c *clock) Now() time.Time { return c.t }

// book is a CheckpointStore in memory.
type book struct {
	rows
	signed []Checkpoint
	broken error // what numbering answers
}

func (b *book) Sequence(ctx context.Context, limit int, link func([]byte, ca.Record) []byte) (int, error) {
	if b.broken != nil {
		return 0, b.broken
	}
	return b.rows.Sequence(ctx, limit, link)
}

func (b *book) End(context.Context) (e End, err error) {
	if len(b.signed) > 0 {
		e.Last = b.signed[len(b.signed)-1]
	}
	for _, r := range b.rows {
		if r.Seq > e.Number {
			e.Number, e.Hash = r.Seq, r.Hash
		}
		if (r.Seq == 0 || r.Seq > e.Last.Number) && e.Since.IsZero() {
			e.Since = r.At
		}
	}
	return e, nil
}

func (b *book) AddCheckpoint(_ context.Context, c Checkpoint) (bool, error) {
	b.signed = append(b.signed, c)
	return true, nil
}

func (b *book) Checkpoints(_ context.Context, after int64, _ int) (list []Checkpoint, err error) {
	for _, c := range b.signed {
		if c.Number > after {
			list = append(list, c)
		}
	}
	return list, nil
}

func (b *book) SerialsGiven(_ context.Context, after, upTo int64) (map[string][]certhall.Serial, error) {
	return map[string][]certhall.Serial{"issuing": {certhall.Serial(numbered(after) + "-" + numbered(upTo))}}, nil
}

// desk is a keeper with everything it leans on.
type desk struct {
	*testing.T
	*Keeper
	*book
	clock  *clock
	file   string
	sealed bool
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, book: new(book), clock: &clock{time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}, file: filepath.Join(t.TempDir(), JournalName)}
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	d.Keeper = NewKeeper(d.book, func(number int64, hash []byte) (proof.Signed, error) {
		if d.sealed {
			return proof.Signed{}, authority.ErrSealed
		}
		return proof.Sign(proof.Checkpoint{Authority: "test", Number: number, Hash: hash, Time: d.clock.t}, []byte{1},
			func(m []byte) ([]byte, error) { return gm.Sign(rand.Reader, key, m) })
	}, &Journal{Path: d.file}, d.clock)
	return d
}

// happens adds records, lets time pass and makes a round.
func (d *desk) happens(records int, later time.Duration) error {
	for range records {
		r := written(1)[0]
		r.At = d.clock.t
		d.rows = append(d.rows, r)
	}
	d.clock.t = d.clock.t.Add(later)
	_, err := d.Keeper.Run(d.Context())
	return err
}

func (d *desk) wants(what string, got, want error) {
	d.Helper()
	if !errors.Is(got, want) {
		d.Errorf("%s: %v, want %v", what, got, want)
	}
}

func (d *desk) entries() (all []Entry) {
	d.Helper()
	text, err := os.ReadFile(d.file)
	if err != nil {
		d.Fatal(err)
	}
	for e, err := range ReadJournal(bytes.NewReader(text)) {
		if err != nil {
			d.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

func TestOncePerMinute(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		records int
		later   time.Duration
		want    int
	}{
		{0, 0, 0}, {2, 0, 1}, {1, 30 * time.Second, 1}, {1, 29 * time.Second, 1}, {0, time.Second, 2}, {0, time.Hour, 2}, {1, 0, 3},
		{1, -time.Hour, 4}, // the clock was set back
	} {
		d.wants("a round", d.happens(c.records, c.later), nil)
		if len(d.signed) != c.want {
			t.Fatalf("%+v: %d checkpoints", c, len(d.signed))
		}
	}
	d.rows = append(d.rows, written(1)...)
	if _, err := d.Finish(t.Context()); err != nil || len(d.signed) != 5 {
		t.Errorf("no checkpoint at the end: %v", err)
	}
	all := d.entries()
	if len(all) != 5 || all[4].Number != 7 || !bytes.Equal(all[4].Hash, d.rows[6].Hash) || all[1].Serials["issuing"][0] != "2-4" {
		t.Errorf("%+v", all)
	}
}

// TestGate: what cannot be kept for minutes stops issuing, and issuing goes on
// by itself.
func TestGate(t *testing.T) {
	gone := errors.New("no database")
	for name, c := range map[string]struct{ breaks, mends func(*desk) }{
		"numbering": {func(d *desk) { d.broken = gone }, func(d *desk) { d.broken = nil }},
		"the file": {func(d *desk) {
			if err := errors.Join(os.Rename(d.file, d.file+".away"), os.Mkdir(d.file, 0o700)); err != nil {
				d.Fatal(err)
			}
		}, func(d *desk) {
			if err := errors.Join(os.Remove(d.file), os.Rename(d.file+".away", d.file)); err != nil {
				d.Fatal(err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.wants("at first", d.happens(1, time.Minute), nil)
			c.breaks(d)
			if err := d.happens(1, time.Minute); err == nil {
				t.Fatal("nothing broke")
			}
			d.wants("after a minute", d.Gate(t.Context()), nil)
			if err := d.happens(1, Patience); err == nil {
				t.Fatal("nothing broke")
			}
			d.wants("after minutes", d.Gate(t.Context()), authority.ErrRecord)
			d.wants("readiness", d.Ready(t.Context()), authority.ErrRecord)
			c.mends(d)
			d.wants("mended", d.happens(0, 0), nil)
			d.wants("issuing goes on", d.Gate(t.Context()), nil)
			d.wants("ready", d.Ready(t.Context()), nil)
			if n := len(d.entries()); n != len(d.signed) {
				t.Errorf("%d lines of %d checkpoints", n, len(d.signed))
			}
		})
	}
	d := newDesk(t) // a round that hangs
	d.clock.t = d.clock.t.Add(Patience + 1)
	d.wants("no round for minutes", d.Gate(t.Context()), authority.ErrRecord)
}

// TestSealed: records go on, readiness says that they wait, nothing is lost.
func TestSealed(t *testing.T) {
	d := newDesk(t)
	d.sealed = true
	d.wants("sealed", d.happens(3, time.Minute), nil)
	d.wants("not long", d.Ready(t.Context()), nil)
	d.wants("sealed for long", d.happens(1, time.Hour), nil)
	d.wants("the gate is not about this", d.Gate(t.Context()), nil)
	d.wants("records wait", d.Ready(t.Context()), ErrUnsigned)
	if end, _ := d.End(t.Context()); end.Number != 4 {
		t.Errorf("numbered up to %d", end.Number)
	}
	d.sealed = false
	d.wants("unsealed", d.happens(0, 0), nil)
	d.wants("ready", d.Ready(t.Context()), nil)
}

// TestOldDatabase: a database behind its journal signs and issues nothing,
// unless the record says that a backup was restored.
func TestOldDatabase(t *testing.T) {
	d := newDesk(t)
	d.wants("a round", d.happens(2, time.Minute), nil)
	backup := append(rows(nil), d.rows...)
	d.wants("a round", d.happens(2, time.Minute), nil)
	d.rows, d.signed = backup, d.signed[:1]
	d.wants("restored", d.happens(0, time.Minute), ErrLost)
	d.wants("at once", d.Gate(t.Context()), ErrLost)
	d.wants("with other records instead", d.happens(5, time.Minute), ErrLost)
	if len(d.signed) != 1 {
		t.Error("signed a second truth")
	}
	told := ca.Record{Seq: AfterRestoring(2), Kind: authority.Restored, At: d.clock.t, Digest: gm.SM3(nil)}
	told.Hash = Link(backup[1].Hash, told)
	d.rows = append(append(rows(nil), backup...), told)
	d.wants("it is said", d.happens(0, time.Minute), nil)
	d.wants("issuing goes on", d.Gate(t.Context()), nil)
}

func TestJournal(t *testing.T) {
	d := newDesk(t)
	for range 3 {
		d.wants("a round", d.happens(1, time.Minute), nil)
	}
	whole, err := os.ReadFile(d.file)
	if err != nil {
		t.Fatal(err)
	}
	ends := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := ends; cut < len(whole); cut += 7 { // a power cut in the last line
		for name, torn := range map[string][]byte{
			"cut":   whole[:cut],
			"zeros": append(append([]byte(nil), whole[:cut]...), append(make([]byte, 10), '\n')...),
		} {
			if err := os.WriteFile(d.file, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			if n := len(d.entries()); n != 2 {
				t.Fatalf("%s at %d: %d entries", name, cut, n)
			}
			again := &Journal{Path: d.file}
			if last, err := again.Last(); err != nil || last.Number != 2 {
				t.Fatalf("%s at %d: %+v %v", name, cut, last, err)
			}
			d.journal = again
			d.wants("appended again", d.happens(0, 0), nil)
			if now, err := os.ReadFile(d.file); err != nil || !bytes.Equal(now, whole) {
				t.Fatalf("%s at %d: not made whole: %v", name, cut, err)
			}
		}
	}
	damaged := bytes.Replace(whole, []byte(`"number":2`), []byte(`"number":x`), 1)
	for _, err := range ReadJournal(bytes.NewReader(damaged)) {
		if err != nil {
			d.wants("a line in the middle", err, ErrJournal)
			return
		}
	}
	t.Error("damage in the middle is not found")
}
