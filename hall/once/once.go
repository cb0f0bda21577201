// Package once makes a request that is sent twice happen once. Whoever sends it
// gives it a key of his choice (Idempotency-Key); what was answered is kept for
// a day, and answered again to the same request of the same session. Only what
// was done is kept: a request that was refused has changed nothing, and may be
// sent again.
package once

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
)

// How long things last.
const (
	Life  = 24 * time.Hour // of an answer
	Lease = time.Minute    // of a request that runs: longer than any may take, short enough to wait for after a crash
)

// What is answered in place of the operation.
var (
	ErrConflict = certhall.NewError("idempotency-conflict", certhall.Conflict) // the key came with another request
	ErrBusy     = certhall.NewError("idempotency-busy", certhall.Conflict)     // the first request still runs
)

// Answer is what is kept of a request: neither its key nor its input.
type Answer struct {
	Session accounts.Session
	Key     string // a digest
	Input   []byte // a digest
	Owner   string // which run of the request may finish it
	Leased  time.Time
	Body    []byte // nil until it is done
	MadeAt  time.Time
}

// Store is what a Keeper needs of the database.
type Store interface {
	// Write runs f in one transaction, perhaps more than once.
	Write(ctx context.Context, f func(Writer) error) error
}

// Writer writes within one transaction.
type Writer interface {
	// AddAnswer stores a new one; false if one stands for its session and key.
	AddAnswer(Answer) (bool, error)
	// Answer finds one; nil if there is none.
	Answer(s accounts.Session, key string) (*Answer, error)
	// TakeAnswer gives one that is not done to another run; false if it has
	// moved since it was read.
	TakeAnswer(was Answer, owner string, leased time.Time) (bool, error)
	// FinishAnswer and DropAnswer do nothing if it is another run's.
	FinishAnswer(a Answer, body []byte) error
	DropAnswer(Answer) error
	// ForgetAnswers drops those made before a time.
	ForgetAnswers(before time.Time) error
}

// Keeper keeps answers.
type Keeper struct {
	Store  Store
	Clock  certhall.Clock
	Random io.Reader
	Secret []byte // keys the digests; kept outside the database
}

// Do answers what do answers, or what it answered before to the same input
// under the same key of the session. The key itself goes into the digest of
// the input and is not kept, so that the row cannot be tried for passwords.
func (k *Keeper) Do(ctx context.Context, s accounts.Session, key string, input []byte, do func() ([]byte, error)) ([]byte, error) {
	now := k.Clock.Now().UTC().Truncate(time.Millisecond)
	mine := Answer{
		Session: s, Key: hex.EncodeToString(k.digest("key", key)), Input: k.digest("input", key, string(input)),
		Owner: certhall.NewID(now, k.Random), Leased: now.Add(Lease), MadeAt: now,
	}
	done, err := k.begin(ctx, mine)
	if err != nil || done != nil {
		return done, err
	}
	body, err := do()
	keep := func(w Writer) error { return w.FinishAnswer(mine, body) }
	if err != nil {
		keep = func(w Writer) error { return w.DropAnswer(mine) }
	}
	if failed := k.Store.Write(context.WithoutCancel(ctx), keep); failed != nil && err == nil {
		return nil, failed
	}
	return body, err
}

// begin makes the run that mine stands for the only one, or answers what an
// earlier one has done.
func (k *Keeper) begin(ctx context.Context, mine Answer) (done []byte, err error) {
	err = k.Store.Write(ctx, func(w Writer) error {
		done = nil
		if err := w.ForgetAnswers(mine.MadeAt.Add(-Life)); err != nil {
			return err
		}
		if added, err := w.AddAnswer(mine); err != nil || added {
			return err
		}
		was, err := w.Answer(mine.Session, mine.Key)
		switch {
		case err != nil:
			return err
		case was == nil:
			return ErrBusy // dropped this moment
		case !bytes.Equal(was.Input, mine.Input):
			return ErrConflict
		case was.Body != nil:
			done = was.Body
			return nil
		case mine.MadeAt.Before(was.Leased):
			return ErrBusy
		}
		if taken, err := w.TakeAnswer(*was, mine.Owner, mine.Leased); err != nil || taken {
			return err
		}
		return ErrBusy
	})
	return done, err
}

func (k *Keeper) digest(parts ...string) []byte {
	sums := []byte("certhall/once/1\x00")
	sums = append(sums, gm.SM3(k.Secret)...)
	for _, p := range parts {
		sums = append(sums, gm.SM3([]byte(p))...)
	}
	return gm.SM3(sums)
}
