package accounts

import (
	"context"

	"github.com/certhall/certhall"
)

// enter gives an attempt that has passed every check its session. What was
// checked outside the transaction must still hold in it.
func (d *Desk) enter(ctx context.Context, t *attempt) (token string, me Me, err error) {
	token, session, err := NewToken(d.Random)
	if err != nil {
		return "", Me{}, err
	}
	now := d.now()
	id := certhall.NewID(now, d.Random)
	err = d.Store.Write(ctx, func(w Writer) error {
		a, err := d.admitted(w, t, id)
		if err != nil {
			return err
		}
		if t.nonce != nil {
			if fresh, err := w.SpendNonce(t.nonce, t.expires, now); err != nil || !fresh {
				if err == nil {
					err = ErrLoginNonce
				}
				return err
			}
		}
		if t.move != nil {
			if err := d.MovePhone(w, *t.move); err != nil {
				return err
			}
			a.Phone = t.move.Is
		}
		if err := w.ForgetVisits(now.Add(-VisitLife)); err != nil {
			return err
		}
		if err := w.EndSession(t.Session); err != nil {
			return err
		}
		v := Visit{
			Session: session, ID: certhall.NewID(now, d.Random), Person: a.ID, MustSetPassword: t.first, StartedAt: now, SeenAt: now,
			Device: t.device(),
		}
		if err := w.AddVisit(v); err != nil {
			return err
		}
		if !t.provedAt.IsZero() {
			if err := w.AddProof(session, a.Phone, t.provedAt.Add(ProofLife)); err != nil {
				return err
			}
			if err := w.AddProof(session, shown(a.ID), t.provedAt.Add(shownFor)); err != nil {
				return err
			}
			if err := w.ProvePhone(a.ID); err != nil {
				return err
			}
			if err := w.Join(a.Phone, a.ID, now.Add(-InvitationLife), now); err != nil { // a phone was invited, and by a password nobody shows that he has it
				return err
			}
		}
		if me, err = meOf(w, *a, v); err != nil {
			return err
		}
		if err := w.NoteLogin(a.ID, now); err != nil {
			return err
		}
		if err := w.ForgetLogins(now.Add(-HistoryLife)); err != nil {
			return err
		}
		return w.AddLogin(t.line(v.ID, a.ID, now))
	})
	return token, me, err
}

// admitted is the person who logs in; one whose phone was unknown is made.
func (d *Desk) admitted(w Writer, t *attempt, newID string) (*Account, error) {
	found := t.account
	if found == nil {
		p, err := w.PersonOfPhone(t.phone, newID, d.now())
		if err != nil {
			return nil, err
		}
		found = &Account{Person: p}
	}
	a, err := w.LockAccount(found.ID)
	if err != nil {
		return nil, err
	}
	if a == nil || a.Phone != t.phone || a.Password != found.Password { // changed a moment ago
		return nil, ErrLogin
	}
	return a, nil
}
