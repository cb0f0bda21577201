package organisations

import (
	"context"
	"slices"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// File is what officers see of an organisation. Phones are masked.
type File struct {
	Members
	Acts []accounts.Act `json:"acts,omitempty"`
}

// File tells officers who belongs to an organisation, and what was done there.
func (d *Desk) File(ctx context.Context, typed string) (f File, err error) {
	if f.Organisation, err = ParseCode(typed); err != nil {
		return f, err
	}
	err = d.Store.Read(ctx, func(r Reader) error {
		if f.Name, err = r.Organisation(f.Organisation); err != nil {
			return err
		}
		if f.Members.Members, err = masked(r, f.Organisation, ""); err != nil {
			return err
		}
		f.Acts, err = r.ActsIn(f.Organisation)
		return err
	})
	return f, err
}

// NameAdministrator makes the person with a phone an administrator, on an
// officer's word; without an account he gets one.
func (d *Desk) NameAdministrator(ctx context.Context, typedCode, typedPhone, operator, reason string) (File, error) {
	code, err := ParseCode(typedCode)
	if err != nil {
		return File{}, err
	}
	phone, err := accounts.ParsePhone(typedPhone)
	if err != nil {
		return File{}, err
	}
	if err := d.byOfficer(ctx, code, func(w Writer) (accounts.Act, error) {
		return d.name(w, code, phone, accounts.ByOfficer)
	}, operator, reason); err != nil {
		return File{}, err
	}
	return d.File(ctx, code)
}

// RemoveAdministrator ends on an officer's word that somebody, by id or phone,
// belongs to an organisation; the last administrator too.
func (d *Desk) RemoveAdministrator(ctx context.Context, typedCode, who, operator, reason string) (File, error) {
	code, err := ParseCode(typedCode)
	if err != nil {
		return File{}, err
	}
	if err := d.byOfficer(ctx, code, func(w Writer) (accounts.Act, error) {
		person := who
		if phone, err := accounts.ParsePhone(who); err == nil {
			a, err := w.AccountOfPhone(phone)
			if err != nil {
				return accounts.Act{}, err
			}
			if a != nil {
				person = a.ID
			}
		}
		m, err := w.Member(code, person)
		if err != nil {
			return accounts.Act{}, err
		}
		if m == nil || m.Role != accounts.Administrator {
			return accounts.Act{}, ErrMember
		}
		return accounts.Act{Kind: ActRemove, Person: person, Was: string(m.Role)}, w.DropMember(code, person)
	}, operator, reason); err != nil {
		return File{}, err
	}
	return d.File(ctx, code)
}

func (d *Desk) byOfficer(ctx context.Context, code string, f func(Writer) (accounts.Act, error), operator, reason string) error {
	now := d.now()
	id := certhall.NewID(now, d.Random)
	return d.Store.Write(ctx, func(w Writer) error {
		if err := w.LockOrganisation(code); err != nil {
			return err
		}
		act, err := f(w)
		if err != nil || act.Kind == "" {
			return err
		}
		act.ID, act.At, act.Operator, act.Organisation, act.Reason = id, now, operator, code, reason
		return w.AddAct(act)
	})
}

// name makes the person with a phone an administrator, unless he is one.
func (d *Desk) name(w Writer, code, phone, source string) (accounts.Act, error) {
	now := d.now()
	person, err := w.PersonOfPhone(phone, certhall.NewID(now, d.Random), now)
	if err != nil {
		return accounts.Act{}, err
	}
	m, err := w.Member(code, person.ID)
	if err != nil || m != nil && m.Role == accounts.Administrator {
		return accounts.Act{}, err
	}
	was := ""
	if m != nil {
		was = string(m.Role)
	}
	row := Row{Organisation: code, Person: person.ID, Role: accounts.Administrator, Source: source}
	return accounts.Act{Kind: ActRole, Person: person.ID, Was: was, Became: string(accounts.Administrator)}, w.SetMember(row, now)
}

// Bring makes the administrators that an earlier system names administrators
// of their organisations, and tells of how many it was new. Each is brought once;
// of whom somebody here has decided stays what he is: an import that is run again
// does not bring back whoever was removed, nor a number that is no longer his.
func (d *Desk) Bring(ctx context.Context, rows []Brought, operator string) (n int, err error) {
	return n, d.Store.Write(ctx, func(w Writer) error {
		n = 0
		for _, row := range rows {
			if err := w.LockOrganisation(row.Organisation); err != nil {
				return err
			}
			fresh, err := w.NoteImported(row.Organisation, row.Phone)
			if err != nil {
				return err
			}
			decided, err := decidedOn(w, row)
			if err != nil {
				return err
			}
			if decided || !fresh {
				continue
			}
			act, err := d.name(w, row.Organisation, row.Phone, accounts.ByImport)
			if err != nil {
				return err
			}
			if act.Kind == "" {
				continue
			}
			n++
			now := d.now()
			act.ID, act.At, act.Operator, act.Organisation = certhall.NewID(now, d.Random), now, operator, row.Organisation
			if err := w.AddAct(act); err != nil {
				return err
			}
		}
		return nil
	})
}

// decidedOn tells whether it was decided here already what somebody is in an
// organisation.
func decidedOn(r Reader, row Brought) (bool, error) {
	a, err := r.AccountOfPhone(row.Phone)
	if err != nil || a == nil {
		return false, err
	}
	acts, err := r.ActsIn(row.Organisation)
	return slices.ContainsFunc(acts, func(act accounts.Act) bool {
		return act.Person == a.ID && (act.Kind == ActRole || act.Kind == ActRemove)
	}), err
}

// Brought is an administrator as an earlier system knew him.
type Brought struct {
	Organisation string
	Phone        string // as accounts.ParsePhone gives it
}
