package organisations

import (
	"cmp"
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// Invite invites somebody by his phone: he becomes a member when he logs in
// with it, by a code, within accounts.InvitationLife. A message tells him, if
// there is one that can be sent. The answer does not tell whether anybody has an
// account with it.
func (d *Desk) Invite(ctx context.Context, v accounts.Visit, code, typed string, role accounts.Role) (Members, error) {
	phone, err := accounts.ParsePhone(typed)
	if err != nil {
		return Members{}, err
	}
	now := d.now()
	id := certhall.NewID(now, d.Random)
	invited := false
	list, err := d.change(ctx, v, code, func(w Writer) (accounts.Act, error) {
		invited = false
		if err := w.ForgetInvitations(code, now.Add(-accounts.InvitationLife)); err != nil {
			return accounts.Act{}, err
		}
		all, err := w.Members(code)
		if err != nil {
			return accounts.Act{}, err
		}
		for _, m := range all {
			if m.Phone == phone && !m.Invited {
				return accounts.Act{}, nil // belongs to it already
			}
		}
		if len(all) >= mostMembers {
			return accounts.Act{}, ErrFull
		}
		invited = true
		return accounts.Act{Kind: ActInvite, Was: accounts.Mask(phone), Became: string(role)}, w.Invite(id, code, phone, role, now)
	})
	if err == nil && invited {
		list.Told = Unsent
		if d.People.TellInvited(ctx, code, list.Name, phone) {
			list.Told = Sent
		}
	}
	return list, err
}

// SetRole makes a member an administrator, or a handler. The last administrator
// becomes a handler only if he says that he means it.
func (d *Desk) SetRole(ctx context.Context, v accounts.Visit, code, person string, role accounts.Role, really bool) (Members, error) {
	return d.change(ctx, v, code, func(w Writer) (accounts.Act, error) {
		m, err := member(w, code, person)
		if err != nil || m.Role == role {
			return accounts.Act{}, err
		}
		if err := notLast(w, *m, really); err != nil {
			return accounts.Act{}, err
		}
		was := string(m.Role)
		m.Role = role
		return accounts.Act{Kind: ActRole, Person: person, Was: was, Became: string(role)}, w.SetMember(*m, d.now())
	})
}

// Remove ends a membership, and what the member handled of the organisation's
// certificates; or takes an invitation back. Members may leave by themselves.
// The last administrator leaves only if he says that he means it.
func (d *Desk) Remove(ctx context.Context, v accounts.Visit, code, id string, really bool) (Members, error) {
	if id == v.Person {
		return Members{Organisation: code, Members: []Member{}}, d.leave(ctx, v, code, really)
	}
	return d.change(ctx, v, code, func(w Writer) (accounts.Act, error) {
		if phone, err := w.Uninvite(code, id); err != nil || phone != "" {
			return accounts.Act{Kind: ActUninvite, Was: accounts.Mask(phone)}, err
		}
		m, err := member(w, code, id)
		if err != nil {
			return accounts.Act{}, err
		}
		return accounts.Act{Kind: ActRemove, Person: id, Was: string(m.Role)}, w.DropMember(code, id)
	})
}

func (d *Desk) leave(ctx context.Context, v accounts.Visit, code string, really bool) error {
	now := d.now()
	id := certhall.NewID(now, d.Random)
	return d.Store.Write(ctx, func(w Writer) error {
		if err := w.LockOrganisation(code); err != nil {
			return err
		}
		m, err := w.Member(code, v.Person)
		if err != nil || m == nil {
			return cmp.Or(err, error(ErrOrganisation))
		}
		if err := notLast(w, *m, really); err != nil {
			return err
		}
		if err := w.DropMember(code, v.Person); err != nil {
			return err
		}
		return w.AddAct(accounts.Act{ID: id, At: now, Operator: accounts.ByPerson(v.Person), Kind: ActRemove, Person: v.Person, Organisation: code, Was: string(m.Role)})
	})
}

// notLast keeps an organisation from being left without an administrator by
// accident: only an officer could name another.
func notLast(r Reader, m Row, really bool) error {
	if m.Role != accounts.Administrator || really {
		return nil
	}
	n, err := r.Administrators(m.Organisation)
	if err == nil && n <= 1 {
		err = ErrLast
	}
	return err
}

// SetPhone gives a member another phone, which he proves when he next logs in.
// Only of somebody who has nothing to do outside the organisation: whoever
// decides on a phone decides on the account.
func (d *Desk) SetPhone(ctx context.Context, v accounts.Visit, code, person, typed string) (Members, error) {
	is, err := accounts.ParsePhone(typed)
	if err != nil {
		return Members{}, err
	}
	if err := d.People.MaySetPhones(ctx, v); err != nil {
		return Members{}, err
	}
	m := accounts.Move{Person: person, Is: is, Unproved: true, By: accounts.ByPerson(v.Person), Reason: "administrator", Organisation: code}
	moved := false
	list, err := d.change(ctx, v, code, func(w Writer) (accounts.Act, error) {
		moved = false
		if person == v.Person {
			return accounts.Act{}, ErrMyself // his own he proves himself
		}
		if _, err := member(w, code, person); err != nil {
			return accounts.Act{}, err
		}
		if elsewhere, err := w.Elsewhere(code, person, ""); err != nil || elsewhere {
			return accounts.Act{}, cmp.Or(err, error(ErrElsewhere))
		}
		a, err := w.Account(person)
		if err != nil || a.Phone == is {
			return accounts.Act{}, err
		}
		m.Was, m.Untold, moved = a.Phone, a.PhoneUnproved, true
		return accounts.Act{}, d.People.MovePhone(w, m) // which records it
	})
	if err == nil && moved {
		d.People.Moved(ctx, m)
	}
	return list, err
}
