package accounts

import (
	"cmp"
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/notify"
)

// Move gives a person another phone.
type Move struct {
	Person   string // id
	Was, Is  string
	Unproved bool // nobody has shown yet that he has it
	Untold   bool // nobody has shown that he had the old one: it is told nothing

	By, Reason   string // for the record
	Organisation string // whose administrator did it; "" if it was nobody's
}

// MovePhone is the one way in which a phone changes, within a transaction.
// Whoever has the old phone is out at once: the person's log-ins end, and what
// was proved or sent to the old phone counts for nothing. Afterwards Moved
// tells of it.
func (d *Desk) MovePhone(w Writer, m Move) error {
	a, err := w.LockAccount(m.Person)
	if err != nil {
		return err
	}
	if a == nil || a.Phone != m.Was { // changed a moment ago
		return ErrPersonUnknown
	}
	for _, phone := range []string{min(m.Was, m.Is), max(m.Was, m.Is)} {
		if err := w.LockPhone(phone); err != nil {
			return err
		}
	}
	if holder, err := w.AccountOfPhone(m.Is); err != nil || holder != nil {
		return cmp.Or(err, error(ErrPhoneTaken))
	}
	now := d.now()
	if err := w.SetPhone(a.ID, m.Is, now, m.Unproved); err != nil {
		return err
	}
	if err := w.ForgetPhone(m.Was); err != nil {
		return err
	}
	if err := w.EndOthers(a.ID, ""); err != nil {
		return err
	}
	return w.AddAct(Act{
		ID: certhall.NewID(now, d.Random), At: now, Operator: m.By, Kind: ActSetPhone, Person: a.ID, Organisation: m.Organisation,
		Was: Mask(m.Was), Became: Mask(m.Is), Reason: m.Reason,
	})
}

// Moved tells of a phone that has changed: the cases that wait for a code to
// it, and its old owner, who may object. Neither undoes the change: a case is
// mended when it is opened again, a message that does not go is noted.
func (d *Desk) Moved(ctx context.Context, m Move) {
	if d.Follow != nil {
		if err := d.Follow(ctx, m.Person, m.Was, m.Is); err != nil {
			d.Log.WarnContext(ctx, "cases do not wait for the new phone yet", "cause", certhall.CauseText(err))
		}
	}
	if d.SMS == nil || m.Untold { // an officer's command line sends nothing
		return
	}
	id := certhall.NewID(d.now(), d.Random)
	d.behind(ctx, "the old phone was not told", func(ctx context.Context) error {
		_, err := d.SMS.Send(ctx, m.Was, notify.TemplatePhoneMoved, map[string]string{"phone": Mask(m.Is), "contact": d.Contact}, id)
		return err
	})
}

// behind sends a message behind an answer.
func (d *Desk) behind(ctx context.Context, failed string, send func(context.Context) error) {
	d.sending.Go(func() {
		ctx, end := context.WithTimeout(context.WithoutCancel(ctx), sendTime)
		defer end()
		if err := send(ctx); err != nil {
			d.Log.WarnContext(ctx, failed, "cause", certhall.CauseText(err))
		}
	})
}

// ByPerson names somebody who has logged in as the one who did something.
func ByPerson(id string) string { return "person:" + id }
