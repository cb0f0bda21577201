package accounts

import (
	"context"
	"time"

	"github.com/certhall/certhall"
)

// How long a log-in lasts.
const (
	VisitIdle = 2 * time.Hour  // without a request
	VisitLife = 12 * time.Hour // in all
	seenEvery = time.Minute    // how exactly the last request is remembered
)

// ErrLoginNeeded says that nobody has logged in, or that the log-in has ended.
var ErrLoginNeeded = certhall.NewError("login-needed", certhall.Unauthenticated)

// Visit is one log-in: a person at a browser, until he leaves or stays away.
// Before log-in a browser has a session too, of which nothing is kept but the
// codes and proofs that are bound to it.
type Visit struct {
	Session         Session
	ID              string // what a person's visits are called by; never the session
	Person          string // id; "" if nobody has logged in
	MustSetPassword bool   // came with the first password: may do nothing but set one
	StartedAt       time.Time
	SeenAt          time.Time // of the last request, give or take seenEvery
	Device                    // that it was begun from
}

// EndsAt is when the visit ends if no further request comes.
func (v Visit) EndsAt() time.Time {
	if life := v.StartedAt.Add(VisitLife); life.Before(v.SeenAt.Add(VisitIdle)) {
		return life
	}
	return v.SeenAt.Add(VisitIdle)
}

// Visit finds the log-in that a session is, and notes that it was seen. The
// zero Visit: nobody has logged in there, or the log-in has ended.
func (d *Desk) Visit(ctx context.Context, s Session) (v Visit, err error) {
	now := d.now()
	err = d.Store.Read(ctx, func(r Reader) error {
		v, err = r.Visit(s)
		return err
	})
	if err != nil || v.Person == "" || !now.Before(v.EndsAt()) {
		return Visit{}, err
	}
	if now.Sub(v.SeenAt) < seenEvery {
		return v, nil
	}
	v.SeenAt = now
	return v, d.Store.Write(ctx, func(w Writer) error { return w.SeeVisit(s, now) })
}
