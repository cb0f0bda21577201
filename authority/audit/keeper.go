package audit

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/proof"
)

const (
	// Every is how much time lies between two checkpoints at least.
	Every = time.Minute
	// Patience is how long numbering, signing or the file may fail before the
	// authority stops issuing.
	Patience = 3 * time.Minute
)

// What readiness and the gate answer, beside authority.ErrRecord.
var (
	// ErrUnsigned says that records wait for a checkpoint: the CA is sealed.
	ErrUnsigned = certhall.NewError("record-unsigned", certhall.Unavailable)
	// ErrLost says that the journal names a checkpoint which the database has
	// not: it was restored from an older backup, or replaced.
	ErrLost = certhall.NewError("record-lost", certhall.Unavailable)
)

// Keeper sees to it that what was recorded stays: it numbers records, has the
// notary sign a checkpoint, and writes that to the journal. While it cannot,
// its gate stops the authority from issuing.
type Keeper struct {
	store   CheckpointStore
	sign    func(number int64, hash []byte) (proof.Signed, error)
	journal *Journal
	clock   certhall.Clock
	started time.Time

	turn sync.Mutex // one round at a time

	mu   sync.Mutex
	good time.Time // when a round last went well
	why  error     // why the last one did not
}

// NewKeeper makes a keeper. sign is the notary's (authority.ErrSealed while it
// is away); journal may be nil where a process keeps no file.
func NewKeeper(store CheckpointStore, sign func(number int64, hash []byte) (proof.Signed, error), journal *Journal, clock certhall.Clock) *Keeper {
	now := clock.Now()
	return &Keeper{store: store, sign: sign, journal: journal, clock: clock, started: now, good: now}
}

// Run makes one round: it numbers what waits, signs a checkpoint if one is
// due, and brings the journal up to date. It answers how much there was to do.
func (k *Keeper) Run(ctx context.Context) (int, error) { return k.round(ctx, false) }

// Finish is Run before the process ends: a checkpoint is made even if the last
// one is not a minute old.
func (k *Keeper) Finish(ctx context.Context) (int, error) { return k.round(ctx, true) }

func (k *Keeper) round(ctx context.Context, now bool) (int, error) {
	k.turn.Lock()
	defer k.turn.Unlock()
	done, err := k.work(ctx, now)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.why = err; err == nil {
		k.good = k.clock.Now()
	}
	return done, err
}

func (k *Keeper) work(ctx context.Context, now bool) (int, error) {
	done, err := Sequencer{k.store}.Run(ctx)
	if err != nil {
		return done, err
	}
	if err := k.compare(ctx); err != nil {
		return done, err
	}
	end, err := k.store.End(ctx)
	if err != nil {
		return done, err
	}
	// A clock that was set back must not put off the next one for long.
	age := k.clock.Now().Sub(end.Last.At)
	if end.Number > end.Last.Number && (now || age >= Every || age < 0) {
		made, err := k.make(ctx, end)
		done += made
		if err != nil {
			return done, err
		}
	}
	written, err := k.write(ctx)
	return done + written, err
}

// make signs the end of the chain. Whoever loses against another node drops
// the signature: nobody has seen it.
func (k *Keeper) make(ctx context.Context, end End) (int, error) {
	signed, err := k.sign(end.Number, end.Hash)
	if errors.Is(err, authority.ErrSealed) {
		return 0, nil // records go on; nothing is issued anyway
	}
	if err != nil {
		return 0, err
	}
	m, err := proof.Decode[proof.Checkpoint](signed.Message)
	if err != nil {
		return 0, err
	}
	added, err := k.store.AddCheckpoint(ctx, Checkpoint{Number: m.Number, Hash: m.Hash, At: m.Time, Signed: proof.Encode(signed)})
	if err != nil || !added {
		return 0, err
	}
	return 1, nil
}

// compare wants the database to have what the journal's last checkpoint covers. What is signed
// is out in the world: a database that has forgotten it must not sign anything
// else under the same numbers.
func (k *Keeper) compare(ctx context.Context) error {
	if k.journal == nil {
		return nil
	}
	last, err := k.journal.Last()
	if err != nil || last.Number == 0 {
		return err
	}
	there, err := k.store.Records(ctx, last.Number-1, 1)
	if err == nil && !stands(last, there) {
		err = ErrLost.With("number", numbered(last.Number)).With("time", certhall.DateTime(last.At))
	}
	return err
}

// stands tells whether the chain is what c says at its number, or had been
// before the database was restored from a backup, as the next record says.
func stands(c Checkpoint, next []ca.Record) bool {
	switch {
	case len(next) == 0:
		return false
	case next[0].Seq == c.Number:
		return bytes.Equal(next[0].Hash, c.Hash)
	}
	return next[0].Kind == authority.Restored
}

// write appends to the journal what it has not.
func (k *Keeper) write(ctx context.Context) (int, error) {
	if k.journal == nil {
		return 0, nil
	}
	done := 0
	for {
		last, err := k.journal.Last()
		if err != nil {
			return done, err
		}
		missing, err := k.store.Checkpoints(ctx, last.Number, batch)
		if err != nil {
			return done, err
		}
		for _, c := range missing {
			serials, err := k.store.SerialsGiven(ctx, last.Number, c.Number)
			if err != nil {
				return done, err
			}
			if err := k.journal.Append(Entry{c, serials}); err != nil {
				return done, err
			}
			last = c
			done++
		}
		if len(missing) < batch {
			return done, nil
		}
	}
}

// failing tells since when no round went well, and why the last one did not.
func (k *Keeper) failing() (time.Duration, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.clock.Now().Sub(k.good), k.why
}

// Gate is a ca.Gate: it refuses to issue while what is recorded cannot be kept
// for longer than Patience, and at once where the database has lost records.
func (k *Keeper) Gate(context.Context) error {
	since, why := k.failing()
	if errors.Is(why, ErrLost) {
		return why
	}
	if since > Patience {
		return authority.ErrRecord.With("minutes", minutes(since)).Because(why)
	}
	return nil
}

// Ready is the check "record" of /readyz: the gate's, and that no record has
// waited for a checkpoint for longer than Patience.
func (k *Keeper) Ready(ctx context.Context) error {
	if err := k.Gate(ctx); err != nil {
		return err
	}
	end, err := k.store.End(ctx)
	if err != nil {
		return authority.ErrRecord.With("minutes", "0").Because(err)
	}
	now := k.clock.Now()
	if waited := now.Sub(end.Since); !end.Since.IsZero() && waited > Every+Patience && now.Sub(k.started) > Patience {
		last := "-"
		if end.Last.Number > 0 {
			last = certhall.DateTime(end.Last.At)
		}
		return ErrUnsigned.With("minutes", minutes(waited)).With("last", last).With("number", numbered(end.Last.Number))
	}
	return nil
}

func minutes(d time.Duration) string { return strconv.Itoa(int(d / time.Minute)) }
