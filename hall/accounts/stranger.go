package accounts

import (
	"cmp"
	"context"
	"time"

	"github.com/certhall/certhall/hall/work"
)

// work asks for the work that strangers do.
func (d *Desk) work() work.Maker {
	return work.Maker{Difficulty: d.Difficulty, Secret: d.Secret, Clock: d.Clock, Random: d.Random}
}

// Challenge is the work that a stranger does before a message is sent for him.
func (d *Desk) Challenge(context.Context) (work.Challenge, error) { return d.work().New() }

// stranger tells whether the hall knows nothing of whoever asks for a code. It
// knows who has logged in, who has proved this phone, and who has opened a case
// with a key: a valid certificate of the authority and its PIN are more than any
// work, and a case sends to one number at a time, under the limits of all. At
// the log-in, where anybody names any number, only the phone's proof counts: one
// account or key is not to send a hundred thousand messages.
func (d *Desk) stranger(r Reader, s Session, l line) (bool, error) {
	now := d.now()
	for _, proof := range []string{l.counted, l.good} {
		if until, err := r.Proof(s, proof); err != nil || now.Before(until) {
			return false, err
		}
	}
	if l.visitor {
		return true, nil
	}
	if yes, err := r.HasToken(s, now); err != nil || yes {
		return false, err
	}
	v, err := r.Visit(s)
	return v.Person == "" || !now.Before(v.EndsAt()), err
}

// takeWork wants a solution, and spends it.
func (d *Desk) takeWork(w Writer, done string) error {
	solved, err := d.work().Check(done)
	if err != nil || solved.ID == nil {
		return err
	}
	if fresh, err := w.SpendNonce(solved.ID, solved.Expires, d.now()); err != nil || !fresh {
		return cmp.Or(err, error(work.ErrWrong))
	}
	return nil
}

// mayStrangers judges what strangers alone are bound by. The brake of the whole
// house is counted without a lock: one more or less does not matter.
func (d *Desk) mayStrangers(r Reader, c Code) error {
	inDay, err := r.StrangersFrom(c.Address, c.SentAt.Add(-24*time.Hour))
	if err != nil {
		return err
	}
	if inDay >= d.StrangersADay {
		return ErrSendLimit
	}
	inHouse, err := r.StrangersFrom("", c.SentAt.Add(-time.Hour))
	if err == nil && inHouse >= d.StrangersAnHour {
		d.Log.Warn("codes for strangers are held back", "in_an_hour", inHouse)
		err = ErrSendBrake
	}
	return err
}
