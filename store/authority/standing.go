package authority

import (
	"database/sql"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
)

// Standing implements ca.Reader with two statements: every issue asks for it.
func (r rows) Standing(id certhall.CaseID, n int) (s ca.Standing, escrowed bool, err error) {
	c, a := new(ca.Case), new(ca.Attempt)
	found, err := one(r.QueryRow(`SELECT cases.id, service, state, lineage, old_pair, cases.opened_at, ended_at,
		coalesce(case_id, ''), coalesce(number, 0), coalesce(standing, ''), coalesce(attempts.opened_at, 0), nonce, coalesce(expiry, 0), ticket
		FROM cases LEFT JOIN attempts ON case_id = cases.id AND number = $1 WHERE cases.id = $2`, n, id),
		append(caseFields(c), attemptFields(a)...)...)
	if !found {
		return s, false, err
	}
	s.Case = c
	if a.Number != 0 {
		s.Attempt = a
	}
	pairs, err := r.Query("SELECT EXISTS (SELECT 1 FROM escrow WHERE escrow.n = pairs.n), "+pairColumns+pairTables+
		"(case_id = $1 AND attempt = $2 AND NOT given_up OR id = $3)", id, n, c.OldPair)
	err = all(pairs, err, func(row *sql.Rows) error {
		p, held := new(ca.Pair), false
		if err := row.Scan(append([]any{&held}, pairFields(p)...)...); err != nil {
			return err
		}
		if p.ID == c.OldPair {
			s.Old, escrowed = p, held
		} else {
			s.Pair = p
		}
		return nil
	})
	return s, escrowed, err
}
