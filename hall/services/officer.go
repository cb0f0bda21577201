package services

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// ErrCaseSearch says that a search for cases names nothing that an index finds.
var ErrCaseSearch = certhall.NewError("case-search-too-wide", certhall.Invalid)

// MaxFoundCases bounds one page of a search.
const MaxFoundCases = 1000

// CaseSearch says which cases are meant. What is empty does not narrow it; one
// of the first four must be given.
type CaseSearch struct {
	Serial       certhall.Serial // of the old or the new signing certificate
	KeyNumber    string
	Organisation string
	Phone        string // of a handler, or of whoever proved it
	State        State
	Limit        int             // at most MaxFoundCases; 0 means 50
	After        certhall.CaseID // go on behind this case
}

// FindCases looks cases up for officers, the latest first. next is for After;
// "" if there are no more.
func (c *Counter) FindCases(ctx context.Context, s CaseSearch) (found []ListedCase, next certhall.CaseID, err error) {
	if s.Phone != "" {
		if s.Phone, err = accounts.ParsePhone(s.Phone); err != nil {
			return nil, "", err
		}
	}
	if s.Serial == "" && s.KeyNumber == "" && s.Organisation == "" && s.Phone == "" {
		return nil, "", ErrCaseSearch
	}
	if s.Limit <= 0 {
		s.Limit = 50
	}
	limit := min(s.Limit, MaxFoundCases)
	s.Limit = limit + 1
	err = c.Store.Read(ctx, func(r Reader) (err error) {
		found, err = r.FindCases(s)
		return err
	})
	if len(found) > limit {
		found, next = found[:limit], found[limit-1].ID
	}
	return found, next, err
}

// CaseFile is a case as officers see it, with its journal. Phones are masked.
type CaseFile struct {
	CaseLine
	Phone    string             `json:"phone,omitempty"`
	Delay    string             `json:"delay,omitempty"`
	Attempt  int                `json:"attempt"`
	Lineage  certhall.LineageID `json:"lineage"`
	Handlers []string           `json:"handlers,omitempty"`
	Journal  []Entry            `json:"journal"`
}

// File is the hall's whole knowledge of a case.
func (c *Counter) File(ctx context.Context, id certhall.CaseID) (f CaseFile, err error) {
	err = c.Store.Read(ctx, func(r Reader) error {
		k, err := r.ListedCase(id)
		if err != nil {
			return err
		}
		if k == nil {
			return ErrCaseMissing
		}
		f = CaseFile{CaseLine: k.line(), Delay: k.Delay, Attempt: k.Case.Attempt, Lineage: k.Lineage}
		if k.Phone != "" {
			f.Phone = accounts.Mask(k.Phone)
		}
		handlers, err := r.Handlers(k.Lineage)
		if err != nil {
			return err
		}
		for _, h := range handlers {
			f.Handlers = append(f.Handlers, accounts.Mask(h.Person.Phone))
		}
		f.Journal, err = r.Journal(id)
		return err
	})
	return f, err
}

// CloseBy asks for a case's end on an officer's order. It has ended once the
// authority has said so under signature; a worker of the running hall fetches
// that. Not a live case: nothing happens, and its state is answered.
func (c *Counter) CloseBy(ctx context.Context, id certhall.CaseID, operator, reason string) (Case, error) {
	return c.change(ctx, id, Event{Kind: EvCloseAsked, Operator: operator, Reason: reason})
}

// Rename makes the cases that wait for a person's code expect it from his new
// phone.
func (c *Counter) Rename(ctx context.Context, person, was, is string) error {
	var busy []*Case
	err := c.Store.Read(ctx, func(r Reader) (err error) {
		busy, err = r.BusyCasesOf(person)
		return err
	})
	for _, k := range busy {
		if err != nil {
			return err
		}
		if k.Phone == was && !k.PhoneProved {
			_, err = c.change(ctx, k.ID, Event{Kind: EvPhoneNamed, Phone: is})
		}
	}
	return err
}
