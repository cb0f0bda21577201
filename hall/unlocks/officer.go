package unlocks

import (
	"bytes"
	"cmp"
	"context"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/proof"
)

// File is a request as officers see it. The phone is masked.
type File struct {
	Unlock
	Now          State // at the time of asking
	Code         string
	Name         string // of who asks; "" if none is known
	Phone        string
	Certificates []Certificate // on the key, as the hall knows them
}

// mostFound bounds a list, and what is looked through for one.
const mostFound = 1000

// Find lists requests for officers, the latest first.
func (d *Desk) Find(ctx context.Context, state State, limit int) (found []File, err error) {
	err = d.Store.Read(ctx, func(r Reader) error {
		found = nil
		stored := state
		if state == Expired {
			stored = Waiting
		}
		all, err := r.FindUnlocks(stored, mostFound) // of those that are stored as waiting some have expired
		for _, u := range all {
			if state != "" && u.at(d.now()) != state {
				continue
			}
			if len(found) == max(limit, 1) {
				break
			}
			f, err := d.file(r, u)
			if err != nil {
				return err
			}
			found = append(found, f)
		}
		return err
	})
	return found, err
}

// Get is one request for officers. A row that says something else than its
// request is refused: they compare its code and its key, and sign the request.
func (d *Desk) Get(ctx context.Context, id string) (f File, err error) {
	err = d.Store.Read(ctx, func(r Reader) error {
		u, err := r.Unlock(id)
		if err != nil {
			return err
		}
		if u == nil {
			return ErrMissing
		}
		q, err := proof.Decode[proof.UnlockRequest](u.Request)
		if err != nil {
			return err
		}
		if !bytes.Equal(q.Digest(), u.Digest) || q.KeySerial != u.KeySerial {
			return ErrOther
		}
		f, err = d.file(r, *u)
		return err
	})
	return f, err
}

func (d *Desk) file(r Reader, u Unlock) (f File, err error) {
	f = File{Unlock: u, Now: u.at(d.now()), Code: proof.UnlockCode(u.Digest)}
	a, err := r.Account(u.Person)
	if err != nil {
		return f, err
	}
	if a != nil {
		f.Name, f.Phone = a.RealName, accounts.Mask(a.Phone)
	}
	f.Certificates, err = r.CertificatesOnKey(u.KeySerial, "")
	return f, err
}

// Decide keeps a reviewer's decision over a request that waits; the running
// hall takes it to the authority, which judges it.
func (d *Desk) Decide(ctx context.Context, id string, decision proof.Signed, response []byte, operator string) (File, error) {
	f, err := d.waiting(ctx, id)
	if err != nil {
		return f, err
	}
	m, err := proof.Decode[proof.UnlockDecision](decision.Message)
	if err != nil {
		return f, err
	}
	q, err := proof.Decode[proof.UnlockRequest](f.Request)
	if err != nil {
		return f, err
	}
	if !bytes.Equal(m.RequestDigest, f.Digest) {
		return f, ErrOther
	}
	if len(q.Challenge) > 0 && len(response) == 0 {
		return f, ErrResponse
	}
	f.State, f.Operator, f.DecidedAt, f.Decision, f.Response, f.Trouble = Approved, operator, d.now(), proof.Encode(decision), response, ""
	f.Now = f.State
	return f, d.move(ctx, f.Unlock, Waiting)
}

// Refuse ends a request that waits; the person reads the reason.
func (d *Desk) Refuse(ctx context.Context, id, reason, operator string) (File, error) {
	f, err := d.waiting(ctx, id)
	if err != nil {
		return f, err
	}
	f.State, f.Operator, f.DecidedAt, f.Reason = Refused, operator, d.now(), reason
	f.Now = f.State
	return f, d.move(ctx, f.Unlock, Waiting)
}

// Reported takes a report that came to officers as a file and that the authority
// has taken. Where the request was filed here too, it ends as the report says,
// whatever had become of it: the key is what it is. It answers that request, nil
// if there is none; one that was reported before stays as it is.
func (d *Desk) Reported(ctx context.Context, report proof.Signed) (f *File, err error) {
	m, err := proof.Decode[proof.UnlockReport](report.Message)
	if err != nil {
		return nil, err
	}
	err = d.Store.Write(ctx, func(w Writer) error {
		f = nil
		if err := w.LockUnlocks(m.KeySerial); err != nil {
			return err
		}
		u, err := w.UnlockOf(m.RequestDigest)
		if err != nil || u == nil {
			return err
		}
		if u.Report == nil {
			was := u.State
			if *u, err = u.after(report); err != nil {
				return err
			}
			u.Passed = true
			if saved, err := w.SaveUnlock(*u, was); err != nil || !saved { // it moved on meanwhile: once more
				return cmp.Or(err, error(ErrNotOpen))
			}
		}
		found, err := d.file(w, *u)
		f = &found
		return err
	})
	return f, err
}

func (d *Desk) waiting(ctx context.Context, id string) (File, error) {
	f, err := d.Get(ctx, id)
	if err == nil && f.Now != Waiting {
		err = ErrNotOpen
	}
	return f, err
}
