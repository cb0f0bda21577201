package hall

import (
	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/services"
)

const certificateColumns = `pair_id, seq, lineage, case_id, attempt, state, suspended, subject, organisation, project,
	profile, term_years, key_number, key_serial, sign_serial, enc_serial, not_before, not_after, entitlement`

func (r *rows) ProjectPair(p authority.PairInfo, seq int64) error {
	return r.run(`INSERT INTO certificates (`+certificateColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		ON CONFLICT (pair_id) DO UPDATE SET seq = excluded.seq, state = excluded.state, suspended = excluded.suspended
		WHERE certificates.seq < excluded.seq`,
		string(p.ID), seq, string(p.Lineage), string(p.Case), p.Attempt, string(p.State), p.Suspended, p.Subject, p.Organisation, p.Project,
		p.Profile, p.TermYears, p.KeyNumber, p.KeySerial, string(p.SignSerial), string(p.EncSerial), ms(p.NotBefore), ms(p.NotAfter), string(p.Entitlement))
}

func (r *rows) ProjectSuccessor(p authority.PairInfo, seq int64) error {
	return r.run(`UPDATE certificates SET state = $1, seq = $2 WHERE lineage = $3 AND pair_id <> $4 AND state = $5 AND seq < $6`,
		string(authority.Superseded), seq, string(p.Lineage), string(p.ID), string(authority.Current), seq)
}

// certificates reads rows of certificateColumns.
func (r *rows) certificates(query string, args ...any) ([]services.Certificate, error) {
	var all []services.Certificate
	err := r.each(func(scan func(...any) error) error {
		var c services.Certificate
		var from, to int64
		err := scan(&c.ID, &c.Seq, &c.Lineage, &c.Case, &c.Attempt, &c.State, &c.Suspended, &c.Subject, &c.Organisation, &c.Project,
			&c.Profile, &c.TermYears, &c.KeyNumber, &c.KeySerial, &c.SignSerial, &c.EncSerial, &from, &to, &c.Entitlement)
		c.NotBefore, c.NotAfter = at(from), at(to)
		all = append(all, c)
		return err
	}, query, args...)
	return all, err
}

func (r *rows) Certificate(serial certhall.Serial) (*services.Certificate, error) {
	found, err := r.certificates(`SELECT `+certificateColumns+` FROM certificates WHERE sign_serial = $1`, string(serial))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

func (r *rows) CertificatesOf(person string, limit int) ([]services.Certificate, error) {
	return r.certificates(`SELECT `+certificateColumns+` FROM (
			SELECT certificates.*, ROW_NUMBER() OVER (PARTITION BY certificates.lineage
				ORDER BY CASE WHEN state = 'current' THEN 0 ELSE 1 END, not_before DESC, seq DESC) AS place
			FROM `+held+` JOIN certificates ON certificates.lineage = held.lineage
			WHERE held.person = $1 AND state IN ('current', 'superseded', 'revoked')) AS ranked
		WHERE place = 1 ORDER BY not_after, sign_serial LIMIT $2`, person, limit)
}

func (r *rows) Cursor() (seq int64, err error) {
	_, err = r.one(`SELECT seq FROM cursors WHERE name = 'authority'`, nil, &seq)
	return seq, err
}

func (r *rows) MoveCursor(from, to int64) (bool, error) {
	return r.swap(`UPDATE cursors SET seq = $1 WHERE name = 'authority' AND seq = $2`, to, from)
}

func (r *rows) ForgetCertificates() error {
	if err := r.run(`UPDATE cursors SET seq = 0 WHERE name = 'authority'`); err != nil {
		return err
	}
	return r.run(`DELETE FROM certificates`)
}
