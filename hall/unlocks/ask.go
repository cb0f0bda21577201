package unlocks

import (
	"context"
	"time"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/proof"

	"github.com/certhall/certhall"
)

// Asked is what a person brings: his agent's request.
type Asked struct {
	Message []byte `json:"message" maxLength:"16384" doc:"proof.UnlockRequest, DER, as the agent gave it"`
	Label   string `json:"label,omitempty" maxLength:"64" doc:"of the key, as the agent shows it"`
}

// Ask files a request. The same one again answers what became of it, or waits
// anew where that was withdrawn or refused: an agent has one request for a day.
// Another one for the same key takes the place of one that waits.
func (d *Desk) Ask(ctx context.Context, v accounts.Visit, a Asked) (UnlockView, error) {
	q, err := proof.Decode[proof.UnlockRequest](a.Message)
	if err != nil {
		return UnlockView{}, err
	}
	if q.Authority != d.AuthorityID {
		return UnlockView{}, proof.ErrMalformed.Becausef("for the authority %.40q", q.Authority)
	}
	now := d.now()
	u := Unlock{
		ID: certhall.NewID(now, d.Random), Digest: q.Digest(), Person: v.Person, KeySerial: q.KeySerial, KeyLabel: a.Label,
		Request: a.Message, State: Waiting, MadeAt: now,
	}
	if known, err := d.judge(ctx, u); err != nil || known != nil && !known.mayWaitAnew(now) {
		return d.view(known), err
	}
	if q.AdminTries == 0 && len(q.Challenge) == 0 {
		return UnlockView{}, ErrLocked.With("key", q.KeySerial)
	}
	if len(q.Challenge) == 0 {
		if err := d.Authority.Unlockable(ctx, q.KeySerial); err != nil {
			return UnlockView{}, err
		}
	}
	filed := &u
	err = d.Store.Write(ctx, func(w Writer) error {
		if err := w.LockUnlocks(u.KeySerial); err != nil {
			return err
		}
		known, err := may(w, u)
		if err != nil {
			return err
		}
		if known != nil && !known.mayWaitAnew(now) {
			filed = known
			return nil
		}
		if err := withdrawEarlier(w, u); err != nil {
			return err
		}
		if known == nil {
			return w.AddUnlock(u)
		}
		was := known.State
		filed = known
		known.State, known.Reason, known.Told = Waiting, "", false
		_, err = w.SaveUnlock(*known, was)
		return err
	})
	return d.view(filed), err
}

// mayWaitAnew tells whether a request that was withdrawn or refused may still be
// reviewed. Its time runs from when it was first filed.
func (u *Unlock) mayWaitAnew(now time.Time) bool {
	return (u.State == Withdrawn || u.State == Refused) && now.Before(u.MadeAt.Add(RequestLife))
}

func (d *Desk) judge(ctx context.Context, u Unlock) (known *Unlock, err error) {
	err = d.Store.Read(ctx, func(r Reader) (err error) {
		known, err = may(r, u)
		return err
	})
	return known, err
}

// may tells whether a person may file a request, for the first time or anew: the
// key carries a certificate that he handles, and the limits of a day leave room;
// among them one counts that was filed already, which is answered.
func may(r Reader, u Unlock) (known *Unlock, err error) {
	known, err = r.UnlockOf(u.Digest)
	if err != nil {
		return nil, err
	}
	if known != nil && known.Person != u.Person {
		return nil, ErrNotHeld.With("key", u.KeySerial)
	}
	if known != nil && !known.mayWaitAnew(u.MadeAt) {
		return known, nil
	}
	held, err := r.CertificatesOnKey(u.KeySerial, u.Person)
	if err != nil {
		return nil, err
	}
	if len(held) == 0 {
		return nil, ErrNotHeld.With("key", u.KeySerial)
	}
	if known != nil {
		return known, nil
	}
	ofPerson, ofKey, err := r.CountUnlocks(u.Person, u.KeySerial, u.MadeAt.Add(-24*time.Hour))
	if err == nil && (ofPerson >= mostOfPerson || ofKey >= mostOfKey) {
		err = ErrLimit
	}
	return nil, err
}

// withdrawEarlier ends the requests of a person for the same key that wait: the
// agent that made them has begun anew.
func withdrawEarlier(w Writer, u Unlock) error {
	mine, err := w.UnlocksBy(u.Person, u.MadeAt.Add(-RequestLife))
	if err != nil {
		return err
	}
	for _, earlier := range mine {
		if earlier.KeySerial != u.KeySerial || earlier.State != Waiting {
			continue
		}
		earlier.State = Withdrawn
		if _, err := w.SaveUnlock(earlier, Waiting); err != nil {
			return err
		}
	}
	return nil
}
