package hall

import (
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

func (r *rows) LiveCodes(phone string, sentAfter time.Time) ([]accounts.Code, error) {
	var codes []accounts.Code
	err := r.each(func(scan func(...any) error) error {
		var c accounts.Code
		var sent int64
		err := scan(&c.ID, &c.Session, &c.Phone, &c.Address, &c.Digest, &sent, &c.Tries, &c.Used, &c.Stranger)
		c.SentAt = at(sent)
		codes = append(codes, c)
		return err
	}, `SELECT id, session, phone, address, digest, sent_at, tries, used, stranger FROM codes
		WHERE phone = $1 AND sent_at > $2 AND NOT used ORDER BY sent_at, id`, phone, ms(sentAfter))
	return codes, err
}

func (r *rows) SendsTo(phone string, after time.Time) (n int, last time.Time, err error) {
	var sent int64
	_, err = r.one(`SELECT COUNT(*), COALESCE(MAX(sent_at), 0) FROM codes WHERE phone = $1 AND sent_at > $2`,
		[]any{phone, ms(after)}, &n, &sent)
	return n, at(sent), err
}

func (r *rows) SendsFrom(address string, after time.Time) (n int, err error) {
	_, err = r.one(`SELECT COUNT(*) FROM codes WHERE address = $1 AND sent_at > $2`, []any{address, ms(after)}, &n)
	return n, err
}

func (r *rows) StrangersFrom(address string, after time.Time) (n int, err error) {
	if address == "" {
		_, err = r.one(`SELECT COUNT(*) FROM codes WHERE stranger AND sent_at > $1`, []any{ms(after)}, &n)
		return n, err
	}
	_, err = r.one(`SELECT COUNT(*) FROM codes WHERE address = $1 AND sent_at > $2 AND stranger`, []any{address, ms(after)}, &n)
	return n, err
}

func (r *rows) HasToken(s accounts.Session, now time.Time) (bool, error) {
	var n int
	return r.one(`SELECT 1 FROM tokens WHERE session = $1 AND expires > $2`, []any{string(s), ms(now)}, &n)
}

func (r *rows) Proof(s accounts.Session, phone string) (time.Time, error) {
	var until int64
	_, err := r.one(`SELECT until FROM proofs WHERE session = $1 AND phone = $2`, []any{string(s), phone}, &until)
	return at(until), err
}

// held is the one rule of who handles which certificates: those who were
// registered for one, and the administrators of its organisation.
const held = `(SELECT lineage, person, source, made_at, name FROM handlers
	UNION ALL SELECT DISTINCT certificates.lineage, members.person, 'organisation', members.made_at, ''
		FROM members JOIN certificates ON certificates.organisation = members.organisation
		WHERE members.role = 'administrator' AND NOT EXISTS (
			SELECT 1 FROM handlers WHERE handlers.lineage = certificates.lineage AND handlers.person = members.person)) AS held`

func (r *rows) Handlers(l certhall.LineageID) ([]accounts.Handler, error) {
	var handlers []accounts.Handler
	err := r.each(func(scan func(...any) error) error {
		h := accounts.Handler{Lineage: l}
		err := scan(&h.Person.ID, &h.Person.Phone, &h.Source, &h.Name)
		handlers = append(handlers, h)
		return err
	}, `SELECT persons.id, persons.phone, held.source, held.name FROM `+held+` JOIN persons ON persons.id = held.person
		WHERE held.lineage = $1 ORDER BY CASE WHEN held.source = 'organisation' THEN 1 ELSE 0 END, held.made_at, persons.id`, string(l))
	return handlers, err
}

func (r *rows) LockPhone(phone string) error     { return r.tx.Lock("phone " + phone) }
func (r *rows) LockAddress(address string) error { return r.tx.Lock("address " + address) }

func (r *rows) AddCode(c accounts.Code) error {
	return r.run(`INSERT INTO codes (id, session, phone, address, digest, sent_at, tries, used, stranger)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		c.ID, string(c.Session), c.Phone, c.Address, c.Digest, ms(c.SentAt), c.Tries, c.Used, c.Stranger)
}

func (r *rows) CountWrongTry(phone string, sentAfter time.Time) error {
	return r.run(`UPDATE codes SET tries = tries + 1 WHERE phone = $1 AND sent_at > $2 AND NOT used`, phone, ms(sentAfter))
}

func (r *rows) UseCodes(phone string, s accounts.Session) error {
	return r.run(`UPDATE codes SET used = TRUE WHERE phone = $1 AND session = $2`, phone, string(s))
}

func (r *rows) AddProof(s accounts.Session, phone string, until time.Time) error {
	return r.run(`INSERT INTO proofs (session, phone, until) VALUES ($1, $2, $3)
		ON CONFLICT (session, phone) DO UPDATE SET until = excluded.until`, string(s), phone, ms(until))
}

// ForgetCodes drops what counts no longer: codes, and proofs that have ended.
func (r *rows) ForgetCodes(before time.Time) error {
	if err := r.run(`DELETE FROM codes WHERE sent_at < $1`, ms(before)); err != nil {
		return err
	}
	return r.run(`DELETE FROM proofs WHERE until < $1`, ms(before))
}

func (r *rows) PersonOfPhone(phone, newID string, made time.Time) (accounts.Person, error) {
	if err := r.run(`INSERT INTO persons (id, phone, made_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, newID, phone, ms(made)); err != nil {
		return accounts.Person{}, err
	}
	p := accounts.Person{Phone: phone}
	_, err := r.one(`SELECT id FROM persons WHERE phone = $1`, []any{phone}, &p.ID)
	return p, err
}

func (r *rows) AddHandler(h accounts.Handler, made time.Time) error {
	return r.run(`INSERT INTO handlers (lineage, person, source, made_at, name) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		string(h.Lineage), h.Person.ID, h.Source, ms(made), h.Name)
}

func (r *rows) NameHandler(h accounts.Handler) error {
	return r.run(`UPDATE handlers SET name = $1 WHERE lineage = $2 AND person = $3`, h.Name, string(h.Lineage), h.Person.ID)
}

func (r *rows) Imported(l certhall.LineageID) (*accounts.Brought, error) {
	said := accounts.Brought{Lineage: l}
	found, err := r.one(`SELECT phone, name FROM imported_handlers WHERE lineage = $1`, []any{string(l)}, &said.Phone, &said.Name)
	if err != nil || !found {
		return nil, err
	}
	return &said, nil
}

func (r *rows) SaveImported(b accounts.Brought) error {
	return r.run(`INSERT INTO imported_handlers (lineage, phone, name) VALUES ($1, $2, $3)
		ON CONFLICT (lineage) DO UPDATE SET phone = excluded.phone, name = excluded.name`, string(b.Lineage), b.Phone, b.Name)
}

func (r *rows) DropHandler(h accounts.Handler) error {
	return r.run(`DELETE FROM handlers WHERE lineage = $1 AND person = $2`, string(h.Lineage), h.Person.ID)
}
