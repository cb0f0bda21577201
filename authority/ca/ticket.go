package ca

import (
	"context"
	"errors"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// retries bounds how often a call starts over when another call changed what
// it had read before it could lock it.
const retries = 16

// errRaced says that what was read before locking has changed: start over.
var errRaced = errors.New("ca: the rows changed between reading and locking")

// again runs f until it is not raced.
func again(f func() error) error {
	var err error
	for range retries {
		if err = f(); !errors.Is(err, errRaced) && !errors.Is(err, ErrExists) {
			return err
		}
	}
	return err
}

// Ticket opens a case's first attempt, or answers the open attempt's ticket:
// the live one again, after its expiry a new nonce for the same attempt.
func (ca *CA) Ticket(ctx context.Context, r authority.TicketRequest) (proof.Signed, error) {
	if !validID(string(r.Case)) {
		return proof.Signed{}, authority.ErrUnknownCase
	}
	if (r.Service == certhall.Apply) != (r.OldSerial == "") {
		return proof.Signed{}, authority.ErrService
	}
	k, err := ca.unsealed()
	if err != nil {
		return proof.Signed{}, err
	}
	var ticket proof.Signed
	err = again(func() error {
		var c *Case
		var a *Attempt
		var old *Pair
		err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
			if c, err = rd.Case(r.Case); err != nil {
				return err
			}
			if r.OldSerial != "" {
				if old, err = findSerial(rd, r.OldSerial); err != nil {
					return err
				}
			}
			if c != nil {
				a, err = rd.OpenAttempt(r.Case)
			}
			return err
		})
		if err != nil {
			return err
		}
		if r.OldSerial != "" && (old == nil || old.SignSerial != r.OldSerial) {
			return authority.ErrUnknownCert
		}
		if c == nil {
			ticket, err = ca.openCase(ctx, k, r, old)
			return err
		}
		ticket, err = ca.renewTicket(ctx, k, r, c, a, old)
		return err
	})
	return ticket, err
}

// openCase judges the window and opens attempt 1.
func (ca *CA) openCase(ctx context.Context, k *Keys, r authority.TicketRequest, old *Pair) (proof.Signed, error) {
	now := ca.now()
	c := Case{ID: r.Case, Service: r.Service, State: CaseOpen, OpenedAt: now}
	if r.Grace != 0 {
		c.Grace = ca.grace(max(r.Grace, authority.MinGrace))
	}
	if old != nil {
		c.Lineage, c.OldPair = old.Lineage, old.ID
	}
	a, ticket, err := ca.newAttempt(k, &c, 1, r.OldSerial, now)
	if err != nil {
		return proof.Signed{}, err
	}
	if err := ca.vouched(ctx, old); err != nil {
		return proof.Signed{}, err
	}
	return ticket, ca.opt.Store.Write(ctx, func(w Writer) error {
		if old != nil {
			if err := w.LockLineages(old.Lineage); err != nil {
				return err
			}
			locked, err := w.Pair(old.ID)
			if err != nil {
				return err
			}
			if err := ca.judge(locked, r.Service, now); err != nil {
				return err
			}
		}
		if err := w.AddCase(c); err != nil {
			return err
		}
		return ca.addAttempt(w, &c, a)
	})
}

// renewTicket answers the open attempt's ticket, with a new nonce if it expired.
func (ca *CA) renewTicket(ctx context.Context, k *Keys, r authority.TicketRequest, c *Case, a *Attempt, old *Pair) (proof.Signed, error) {
	switch {
	case c.State == CaseClosed:
		return proof.Signed{}, authority.ErrCaseClosed
	case c.Service != r.Service || (old != nil && c.OldPair != old.ID):
		return proof.Signed{}, authority.ErrService
	case c.State == CaseAcknowledged || a == nil:
		return proof.Signed{}, authority.ErrAttemptNotOpen
	}
	now := ca.now()
	if now.Before(a.Expiry) {
		return decodeSigned(a.Ticket)
	}
	fresh, ticket, err := ca.newAttempt(k, c, a.Number, r.OldSerial, now)
	if err != nil {
		return proof.Signed{}, err
	}
	return ticket, ca.opt.Store.Write(ctx, func(w Writer) error {
		if err := ca.lock(w, c.ID, c.Lineage); err != nil {
			return err
		}
		b, err := w.OpenAttempt(c.ID)
		if err != nil {
			return err
		}
		if b == nil || b.Number != a.Number || !b.Expiry.Equal(a.Expiry) {
			return errRaced
		}
		return w.SetTicket(fresh)
	})
}

// newAttempt makes an attempt's row with its signed ticket.
func (ca *CA) newAttempt(k *Keys, c *Case, number int, old certhall.Serial, now time.Time) (Attempt, proof.Signed, error) {
	nonce, err := proof.NewNonce(ca.opt.Random)
	if err != nil {
		return Attempt{}, proof.Signed{}, err
	}
	a := Attempt{
		Case: c.ID, Number: number, Standing: authority.AttemptOpen, OpenedAt: now,
		Nonce: nonce, Expiry: now.Add(ca.opt.Policy.TicketLife).Truncate(time.Second),
	}
	ticket, err := ca.notarize(k, proof.Ticket{
		Authority: ca.opt.ID, Service: string(c.Service), Case: string(c.ID), Attempt: number,
		OldSerial: string(old), Nonce: nonce, Expiry: a.Expiry,
	})
	a.Ticket = encodeSigned(ticket)
	return a, ticket, err
}

// addAttempt stores an attempt with its event.
func (ca *CA) addAttempt(w Writer, c *Case, a Attempt) error {
	if err := w.AddAttempt(a); err != nil {
		return err
	}
	data := map[string]string{"service": string(c.Service)}
	if c.Grace != 0 {
		data["grace"] = c.Grace.String()
	}
	return w.AddRecord(ca.record(authority.AttemptOpened, Record{Case: c.ID, Attempt: a.Number, Lineage: c.Lineage}, data))
}

// lock takes the locks of one case in the order that every writer keeps ◆.
func (ca *CA) lock(w Writer, c certhall.CaseID, l certhall.LineageID) error {
	if err := w.LockCases(c); err != nil {
		return err
	}
	if l == "" {
		return nil
	}
	return w.LockLineages(l)
}

// validID tells whether an id from outside is one of ours: it becomes part of
// a container's name.
func validID(id string) bool { return len(id) <= 32 && plain(id) }

// findSerial finds a pair by a serial from outside; nil if there is none.
func findSerial(rd Reader, s certhall.Serial) (*Pair, error) {
	if len(s) > 40 || !plain(string(s)) {
		return nil, nil
	}
	return rd.PairBySerial(s)
}

// plain tells whether an id is of small letters and digits alone: whatever
// else it might hold is not for the database to judge.
func plain(id string) bool {
	if id == "" {
		return false
	}
	for _, r := range id {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
			return false
		}
	}
	return true
}
