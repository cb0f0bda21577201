package hall

import (
	"context"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/organisations"
	"github.com/certhall/certhall/store/sqldb"
)

// Organisations is the store as the room organisations sees it.
func (s *Store) Organisations() organisations.Store { return organisationsStore{s.db} }

type organisationsStore struct{ db *sqldb.DB }

func (s organisationsStore) Read(ctx context.Context, f func(organisations.Reader) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

func (s organisationsStore) Write(ctx context.Context, f func(organisations.Writer) error) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

func (r *rows) LockOrganisation(code string) error { return r.tx.Lock("organisation " + code) }

// named is the name of an organisation, as its latest certificate has it.
const named = `COALESCE((SELECT subject FROM certificates WHERE certificates.organisation = members.organisation ORDER BY seq DESC LIMIT 1), '')`

func (r *rows) Memberships(person string) ([]accounts.Membership, error) {
	var found []accounts.Membership
	err := r.each(func(scan func(...any) error) error {
		var m accounts.Membership
		err := scan(&m.Organisation, &m.Name, &m.Role)
		found = append(found, m)
		return err
	}, `SELECT organisation, `+named+`, role FROM members WHERE person = $1 ORDER BY organisation`, person)
	return found, err
}

func (r *rows) Organisation(code string) (name string, err error) {
	_, err = r.one(`SELECT subject FROM certificates WHERE organisation = $1 ORDER BY seq DESC LIMIT 1`, []any{code}, &name)
	return name, err
}

// belonging are the members of an organisation: those who were made members,
// and those who handle one of its certificates.
const belonging = `WITH belonging AS (SELECT person, role, source, made_at FROM members WHERE organisation = $1
	UNION ALL SELECT person, 'handler', MIN(source), MIN(made_at) FROM handlers
		WHERE lineage IN (SELECT lineage FROM certificates WHERE organisation = $2)
		AND NOT EXISTS (SELECT 1 FROM members WHERE members.organisation = $3 AND members.person = handlers.person)
		GROUP BY person) `

func (r *rows) Member(code, person string) (*organisations.Row, error) {
	m := organisations.Row{Organisation: code, Person: person}
	found, err := r.one(belonging+`SELECT role, source FROM belonging WHERE person = $4`, []any{code, code, code, person}, &m.Role, &m.Source)
	if err != nil || !found {
		return nil, err
	}
	return &m, nil
}

func (r *rows) Members(code string) ([]organisations.Member, error) {
	var found []organisations.Member
	add := func(scan func(...any) error) error {
		var m organisations.Member
		var since int64
		err := scan(&m.ID, &m.Name, &m.Phone, &m.Role, &m.Source, &since, &m.Certificates, &m.Invited)
		m.Since = at(since)
		found = append(found, m)
		return err
	}
	if err := r.each(add, belonging+`SELECT persons.id, COALESCE(NULLIF(persons.real_name, ''),
			(SELECT name FROM handlers WHERE handlers.person = persons.id AND name <> '' ORDER BY made_at DESC, lineage LIMIT 1), ''),
			persons.phone, role, source, belonging.made_at,
			(SELECT COUNT(*) FROM handlers WHERE handlers.person = persons.id
				AND lineage IN (SELECT lineage FROM certificates WHERE organisation = $4)), FALSE
		FROM belonging JOIN persons ON persons.id = belonging.person ORDER BY role, belonging.made_at, persons.id`,
		code, code, code, code); err != nil {
		return nil, err
	}
	return found, r.each(add, `SELECT id, '', phone, role, 'administrator', made_at, 0, TRUE FROM invitations WHERE organisation = $1 ORDER BY made_at, id`, code)
}

func (r *rows) Administrators(code string) (n int, err error) {
	_, err = r.one(`SELECT COUNT(*) FROM members WHERE organisation = $1 AND role = 'administrator'`, []any{code}, &n)
	return n, err
}

// Elsewhere implements accounts.Reader. People's own certificates, without an
// organisation, are each somebody else's.
func (r *rows) Elsewhere(code, person string, but certhall.LineageID) (yes bool, err error) {
	_, err = r.one(`SELECT EXISTS (SELECT 1 FROM members WHERE person = $1 AND organisation <> $2)
		OR EXISTS (SELECT 1 FROM handlers WHERE person = $3 AND lineage <> $4
			AND lineage NOT IN (SELECT lineage FROM certificates WHERE organisation = $5 AND organisation <> ''))
		OR EXISTS (SELECT 1 FROM orders JOIN order_lines ON order_lines.order_id = orders.id
			WHERE orders.person = $6 AND lineage <> $7 AND (organisation <> $8 OR organisation = ''))`,
		[]any{person, code, person, string(but), code, person, string(but), code}, &yes)
	return yes, err
}

func (r *rows) CertificateOf(code string, serial certhall.Serial) (l certhall.LineageID, err error) {
	_, err = r.one(`SELECT lineage FROM certificates WHERE sign_serial = $1 AND organisation = $2`, []any{string(serial), code}, &l)
	return l, err
}

func (r *rows) HandledBy(code, person string) ([]certhall.Serial, error) {
	var found []certhall.Serial
	err := r.each(func(scan func(...any) error) error {
		var serial string
		err := scan(&serial)
		found = append(found, certhall.Serial(serial))
		return err
	}, `SELECT sign_serial FROM certificates WHERE organisation = $1
		AND lineage IN (SELECT lineage FROM handlers WHERE person = $2) ORDER BY seq`, code, person)
	return found, err
}

func (r *rows) ActsIn(code string) ([]accounts.Act, error) {
	return r.acts(`WHERE organisation = $1`, code)
}

func (r *rows) SetMember(m organisations.Row, now time.Time) error {
	return r.run(`INSERT INTO members (organisation, person, role, source, made_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (organisation, person) DO UPDATE SET role = excluded.role`,
		m.Organisation, m.Person, string(m.Role), m.Source, ms(now))
}

func (r *rows) DropMember(code, person string) error {
	if err := r.run(`DELETE FROM handlers WHERE person = $1 AND lineage IN (SELECT lineage FROM certificates WHERE organisation = $2)`, person, code); err != nil {
		return err
	}
	if err := r.run(`DELETE FROM invitations WHERE organisation = $1 AND phone = (SELECT phone FROM persons WHERE id = $2)`, code, person); err != nil {
		return err
	}
	return r.run(`DELETE FROM members WHERE organisation = $1 AND person = $2`, code, person)
}

func (r *rows) NoteImported(code, phone string) (bool, error) {
	return r.swap(`INSERT INTO imported_administrators (organisation, phone) VALUES ($1, $2) ON CONFLICT DO NOTHING`, code, phone)
}

func (r *rows) Invite(id, code, phone string, role accounts.Role, now time.Time) error {
	return r.run(`INSERT INTO invitations (id, organisation, phone, role, made_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (organisation, phone) DO UPDATE SET role = excluded.role, made_at = excluded.made_at`, id, code, phone, string(role), ms(now))
}

func (r *rows) ForgetInvitations(code string, before time.Time) error {
	return r.run(`DELETE FROM invitations WHERE organisation = $1 AND made_at <= $2`, code, ms(before))
}

func (r *rows) Uninvite(code, id string) (phone string, err error) {
	_, err = r.one(`DELETE FROM invitations WHERE organisation = $1 AND id = $2 RETURNING phone`, []any{code, id}, &phone)
	return phone, err
}

// Join implements accounts.Writer. Who is a member already stays what he is.
func (r *rows) Join(phone, person string, invitedAfter, now time.Time) error {
	invited, err := r.one(`SELECT 1 FROM invitations WHERE phone = $1 LIMIT 1`, []any{phone}, new(int))
	if err != nil || !invited {
		return err
	}
	if err := r.run(`INSERT INTO members (organisation, person, role, source, made_at)
		SELECT organisation, $1, role, 'administrator', $2 FROM invitations WHERE phone = $3 AND made_at > $4 ON CONFLICT DO NOTHING`,
		person, ms(now), phone, ms(invitedAfter)); err != nil {
		return err
	}
	return r.run(`DELETE FROM invitations WHERE phone = $1`, phone)
}
