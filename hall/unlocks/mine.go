package unlocks

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/proof"
)

// UnlockView is a request as whoever filed it sees it. The number to compare is
// not in it: he is to name the one that his agent's window shows.
type UnlockView struct {
	ID        string    `json:"id"`
	KeySerial string    `json:"key_serial"`
	KeyLabel  string    `json:"key_label"`
	State     State     `json:"state" enum:"waiting,approved,answered,done,failed,unknown,refused,withdrawn,expired"`
	Anew      bool      `json:"anew,omitempty" doc:"failed, but another request may succeed: the key did not take its maker's response"`
	Reason    string    `json:"reason,omitempty" doc:"of a refusal"`
	MadeAt    time.Time `json:"made_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"when it is no longer reviewed"`
	Message   []byte    `json:"message,omitempty" doc:"answered: the signed proof.UnlockAnswer for the agent"`
}

// UnlockList are a person's requests, the latest first.
type UnlockList struct {
	Unlocks []UnlockView `json:"unlocks"`
}

func (d *Desk) view(u *Unlock) UnlockView {
	if u == nil {
		return UnlockView{}
	}
	v := UnlockView{
		ID: u.ID, KeySerial: u.KeySerial, KeyLabel: u.KeyLabel, State: u.at(d.now()), Reason: u.Reason,
		MadeAt: u.MadeAt, ExpiresAt: u.MadeAt.Add(RequestLife),
	}
	if v.State == Answered {
		v.Message = u.Answer
	}
	v.Anew = u.Unanswered()
	return v
}

// Mine lists what a person asked for lately.
func (d *Desk) Mine(ctx context.Context, v accounts.Visit) (list UnlockList, err error) {
	list.Unlocks = []UnlockView{}
	err = d.Store.Read(ctx, func(r Reader) error {
		found, err := r.UnlocksBy(v.Person, d.now().Add(-shownFor))
		for _, u := range found {
			list.Unlocks = append(list.Unlocks, d.view(&u))
		}
		return err
	})
	return list, err
}

// Look tells a person how his request stands; the authority's answer is fetched
// if it is due.
func (d *Desk) Look(ctx context.Context, v accounts.Visit, id string) (UnlockView, error) {
	u, err := d.mine(ctx, v, id)
	if err != nil {
		return UnlockView{}, err
	}
	if u.State == Approved {
		if err := d.fetch(ctx, *u); err != nil {
			d.Log.WarnContext(ctx, "the answer to an approved unlocking is not there yet", "unlock", u.ID, "cause", certhall.CauseText(err))
		}
		if u, err = d.mine(ctx, v, id); err != nil {
			return UnlockView{}, err
		}
	}
	return d.view(u), nil
}

func (d *Desk) mine(ctx context.Context, v accounts.Visit, id string) (u *Unlock, err error) {
	err = d.Store.Read(ctx, func(r Reader) (err error) {
		u, err = r.Unlock(id)
		return err
	})
	if err == nil && (u == nil || u.Person != v.Person) {
		return nil, ErrMissing
	}
	return u, err
}

// Withdraw ends a request that waits.
func (d *Desk) Withdraw(ctx context.Context, v accounts.Visit, id string) (UnlockView, error) {
	u, err := d.mine(ctx, v, id)
	if err != nil {
		return UnlockView{}, err
	}
	u.State = Withdrawn
	return d.view(u), d.move(ctx, *u, Waiting)
}

// Report takes what the agent reports, keeps it, and passes it on to the
// authority, now or later. Whoever else has read the answer cannot report:
// ErrReport, and nothing is changed.
func (d *Desk) Report(ctx context.Context, v accounts.Visit, id string, report []byte) (UnlockView, error) {
	u, err := d.mine(ctx, v, id)
	if err != nil {
		return UnlockView{}, err
	}
	signed, err := proof.Decode[proof.Signed](report)
	if err != nil {
		return UnlockView{}, err
	}
	after, err := u.after(signed)
	if err != nil {
		return UnlockView{}, err
	}
	if u.Report == nil {
		if err := d.move(ctx, after, Answered); err != nil {
			return UnlockView{}, err
		}
		*u = after
	}
	if err := d.pass(ctx, *u); err != nil {
		d.Log.WarnContext(ctx, "the report of an unlocking waits", "unlock", u.ID, "cause", certhall.CauseText(err))
	}
	return d.view(u), nil
}

// after is the request once an agent has reported: ErrReport if it was not the
// agent that made the request.
func (u Unlock) after(report proof.Signed) (Unlock, error) {
	q, err := proof.Decode[proof.UnlockRequest](u.Request)
	if err != nil {
		return u, err
	}
	m, err := proof.CheckUnlockReport(report, q)
	if err != nil {
		return u, ErrReport.Because(err)
	}
	u.State, u.Report = Done, proof.Encode(report)
	if m.Outcome == proof.UnlockFailed || m.Outcome == proof.UnlockUnanswered {
		u.State = Failed
	}
	return u, nil
}

// move stores a request that was in a state.
func (d *Desk) move(ctx context.Context, u Unlock, was State) error {
	return d.Store.Write(ctx, func(w Writer) error {
		moved, err := w.SaveUnlock(u, was)
		if err == nil && !moved {
			err = ErrNotOpen
		}
		return err
	})
}
