package ca

import (
	"context"
	"encoding/json"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/proof"
)

// Pair tells what is stored of an attempt: every reply that was lost is
// fetched here again. It reads only; the void notice of a void attempt is
// signed anew each time, and missing while the authority is sealed.
func (ca *CA) Pair(ctx context.Context, q authority.PairQuery) (authority.PairView, error) {
	var v authority.PairView
	err := ca.opt.Store.Read(ctx, func(rd Reader) error {
		p, err := findPair(rd, &q)
		if err != nil {
			return err
		}
		if !validID(string(q.Case)) {
			return authority.ErrUnknownCase
		}
		c, err := rd.Case(q.Case)
		if err != nil {
			return err
		}
		if c == nil {
			return authority.ErrUnknownCase
		}
		a, err := findAttempt(rd, c, q.Attempt)
		if err != nil {
			return err
		}
		v.Case, v.Service, v.Closed = c.ID, c.Service, c.State == CaseClosed
		if a == nil {
			return nil // closed before its first attempt
		}
		v.Attempt, v.Standing = a.Number, a.Standing
		if v.Ticket, err = decodeSigned(a.Ticket); err != nil {
			return err
		}
		if c.OldPair != "" {
			old, err := rd.Pair(c.OldPair)
			if err != nil {
				return err
			}
			v.Old = old.SignSerial
		}
		if p == nil {
			if p, err = rd.PairOfAttempt(c.ID, a.Number); err != nil || p == nil {
				return err
			}
		}
		return ca.viewPair(rd, p, &v)
	})
	if err != nil {
		return authority.PairView{}, err
	}
	if k := ca.keys.Load(); k != nil && v.Standing == authority.AttemptVoid {
		v.Void, err = ca.notarize(k, proof.VoidNotice{Authority: ca.opt.ID, Case: string(v.Case), Attempt: v.Attempt})
	}
	return v, err
}

// findPair turns a query by serial into one by case and attempt.
func findPair(rd Reader, q *authority.PairQuery) (*Pair, error) {
	if q.Serial == "" {
		return nil, nil
	}
	p, err := findSerial(rd, q.Serial)
	if err != nil {
		return nil, err
	}
	if p == nil || p.GivenUp {
		return nil, authority.ErrUnknownCert
	}
	q.Case, q.Attempt = p.Case, p.Attempt
	return p, nil
}

func findAttempt(rd Reader, c *Case, n int) (*Attempt, error) {
	if n > 0 {
		a, err := rd.Attempt(c.ID, n)
		if err == nil && a == nil {
			return nil, authority.ErrUnknownCase
		}
		return a, err
	}
	a, err := rd.OpenAttempt(c.ID)
	if err != nil || a != nil {
		return a, err
	}
	return rd.LastAttempt(c.ID)
}

func (ca *CA) viewPair(rd Reader, p *Pair, v *authority.PairView) error {
	info := p.PairInfo
	v.Pair, v.KeyDigest = &info, p.KeyDigest
	if p.SignCert == nil {
		return nil
	}
	v.Certificate = p.SignCert
	b, err := ca.bundle(p)
	if err != nil {
		return err
	}
	v.Bundle = &b
	if v.Receipt, err = decodeSigned(p.Receipt); err != nil {
		return err
	}
	next, err := rd.SuccessorOf(p.ID)
	if err != nil || next == nil {
		return err
	}
	if next.Receipt != nil {
		v.ReplacedBy, v.ReplacedByAttempt = next.Case, next.Attempt
	}
	return nil
}

// internal kinds of records are no business of the hall's.
var internal = map[authority.EventKind]bool{
	authority.PairIntended: true, authority.StaffEnrolled: true, authority.StaffRetired: true,
	authority.AuthorityMade: true, authority.Unsealed: true, authority.SerialsLost: true,
	authority.PredecessorTaken: true, authority.PredecessorWithdrawn: true,
	authority.OriginsSigned: true, authority.DataErased: true,
	authority.AdminPINsImported: true, authority.AdminPINForgotten: true, authority.KeyUnlocked: true, authority.UnlockReported: true,
}

// Events pages through the sequenced record. Numbers have gaps where an entry
// is the authority's own.
func (ca *CA) Events(ctx context.Context, after int64, limit int) ([]authority.Event, error) {
	var rows []Record
	err := ca.opt.Store.Read(ctx, func(rd Reader) (err error) {
		rows, err = rd.Events(after, min(max(limit, 1), 1000))
		return err
	})
	if err != nil {
		return nil, err
	}
	events := make([]authority.Event, 0, len(rows))
	for _, r := range rows {
		e := authority.Event{Seq: r.Seq, At: r.At, Kind: r.Kind, Case: r.Case, Attempt: r.Attempt, Lineage: r.Lineage}
		if internal[r.Kind] {
			e = authority.Event{Seq: r.Seq, At: r.At}
		} else if r.Pair != "" && r.Data != nil { // erased data leave the bare event
			info := new(authority.PairInfo)
			if err := json.Unmarshal(r.Data, info); err != nil {
				return nil, certhall.ErrInternal.Becausef("record %d: %w", r.Seq, err)
			}
			e.Pair = info
		} else if r.Kind == authority.Restored {
			var restored RestoredFrom
			if err := json.Unmarshal(r.Data, &restored); err != nil {
				return nil, certhall.ErrInternal.Becausef("record %d: %w", r.Seq, err)
			}
			e.Kept = restored.Last
		}
		events = append(events, e)
	}
	return events, nil
}
