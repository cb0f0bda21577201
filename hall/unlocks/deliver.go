package unlocks

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/proof"
)

// every is how often what is owed is looked for: answers that nobody waits for
// before a page, reports that the authority could not take.
const every = 20 * time.Second

// owedAtOnce bounds one round.
const owedAtOnce = 100

// Run delivers what is owed until the context ends.
func (d *Desk) Run(ctx context.Context) {
	for tick := time.NewTicker(every); ; {
		if err := d.Deliver(ctx); err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "unlockings wait", "cause", certhall.CauseText(err))
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// Deliver fetches answers, passes reports on and tells people, once. It may be
// run by several nodes at the same time: the authority answers the same, and a
// message is sent once.
func (d *Desk) Deliver(ctx context.Context) (err error) {
	var owed []Unlock
	if err := d.Store.Read(ctx, func(r Reader) (err error) {
		owed, err = r.OwedUnlocks(owedAtOnce)
		return err
	}); err != nil {
		return err
	}
	for _, u := range owed {
		one := d.tell
		switch {
		case u.State == Approved:
			one = d.fetch
		case u.Report != nil:
			one = d.pass
		}
		if failed := one(ctx, u); failed != nil {
			err = failed
		}
	}
	return err
}

// fetch carries a decision to the authority and keeps its answer. What the
// authority does not take goes back to the officers, with the reason.
func (d *Desk) fetch(ctx context.Context, u Unlock) error {
	decision, err := proof.Decode[proof.Signed](u.Decision)
	if err != nil {
		return err
	}
	answer, refusal := d.Authority.Unlock(ctx, authority.UnlockRequest{Request: u.Request, Decision: decision, Response: u.Response})
	e := certhall.AsError(refusal)
	switch {
	case refusal == nil:
		u.State, u.Answer = Answered, proof.Encode(answer)
	case e.Is(authority.ErrAdminPINUnknown):
		u.State = Unknown
	case e.Kind == certhall.Unavailable || e.Kind == certhall.Internal || e.Kind == certhall.Limited:
		return refusal // it passes
	default:
		u.State, u.Trouble = Waiting, e.Code
		d.Log.WarnContext(ctx, "the authority does not take a decision to unlock", "unlock", u.ID, "code", e.Code, "cause", certhall.CauseText(refusal))
	}
	return d.save(ctx, u, Approved)
}

// save stores a request unless its state has moved on.
func (d *Desk) save(ctx context.Context, u Unlock, was State) error {
	return d.Store.Write(ctx, func(w Writer) error {
		_, err := w.SaveUnlock(u, was)
		return err
	})
}

// pass gives a report to the authority; one that it does not take is kept, and
// not tried again.
func (d *Desk) pass(ctx context.Context, u Unlock) error {
	if u.Passed {
		return nil
	}
	report, err := proof.Decode[proof.Signed](u.Report)
	if err != nil {
		return err
	}
	if err := d.Authority.Unlocked(ctx, report); err != nil {
		e := certhall.AsError(err)
		if e.Kind == certhall.Unavailable || e.Kind == certhall.Internal {
			return err
		}
		u.Trouble = e.Code
		d.Log.WarnContext(ctx, "the authority does not take a report of an unlocking", "unlock", u.ID, "code", e.Code, "cause", certhall.CauseText(err))
	}
	u.Passed = true
	return d.save(ctx, u, u.State)
}

// tell sends the person a short message: that his key can be unlocked, or that
// it cannot. One that is lost does no harm: the page says the same.
func (d *Desk) tell(ctx context.Context, u Unlock) error {
	var phone string
	err := d.Store.Read(ctx, func(r Reader) error {
		a, err := r.Account(u.Person)
		if a != nil {
			phone = a.Phone
		}
		return err
	})
	if err != nil {
		return err
	}
	template := notify.TemplateUnlockRefused
	if u.State == Answered {
		template = notify.TemplateUnlockReady
	}
	if phone != "" {
		if _, err := d.SMS.Send(ctx, phone, template, map[string]string{"key": u.KeySerial}, "unlock "+u.ID+" "+string(u.State)); err != nil {
			d.Log.WarnContext(ctx, "nobody was told of an unlocking", "unlock", u.ID, "cause", certhall.CauseText(err))
		}
	}
	u.Told = true
	return d.save(ctx, u, u.State)
}
