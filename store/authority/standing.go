package authority

import (
	"database/sql"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
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

// attemptKey names an attempt.
type attemptKey struct {
	c certhall.CaseID
	n int
}

// loaded is what stands at the attempts of a batch of intents.
type loaded struct {
	cases    map[certhall.CaseID]*ca.Case
	attempts map[attemptKey]*ca.Attempt
	pairs    map[certhall.PairID]*ca.Pair // the old ones
	here     map[attemptKey]*ca.Pair
	lived    map[certhall.LineageID]bool
}

func (l *loaded) standing(i *intent) ca.Standing {
	k := attemptKey{i.Pair.Case, i.Pair.Attempt}
	return ca.Standing{Case: l.cases[k.c], Attempt: l.attempts[k], Pair: l.here[k], Old: l.pairs[i.Pair.OldPair], Lived: i.NewLineage && l.lived[i.Pair.Lineage]}
}

// lockAndLoad locks all cases, then all lineages, in order of id ◆, and loads
// what stands once they are locked. New lineages get their row first.
func lockAndLoad(tx *sqldb.Tx, batch []*intent) (*loaded, error) {
	l := &loaded{map[certhall.CaseID]*ca.Case{}, map[attemptKey]*ca.Attempt{}, map[certhall.PairID]*ca.Pair{},
		map[attemptKey]*ca.Pair{}, map[certhall.LineageID]bool{}}
	var cases []certhall.CaseID
	var lineages, fresh []certhall.LineageID
	var olds []certhall.PairID
	for _, i := range batch {
		cases, lineages, olds = append(cases, i.Pair.Case), append(lineages, i.Pair.Lineage), append(olds, i.Pair.OldPair)
		if i.NewLineage {
			fresh = append(fresh, i.Pair.Lineage)
		}
	}
	cases, lineages, fresh, olds = unique(cases), unique(lineages), unique(fresh), unique(olds)
	if err := l.lockCases(tx, cases); err != nil {
		return nil, err
	}
	if len(fresh) > 0 {
		var values []any
		for _, id := range fresh {
			values = append(values, id, milliseconds(batch[0].Pair.IntendedAt))
		}
		if err := addLineages(tx, values); err != nil {
			return nil, err
		}
	}
	if err := lock(tx, "lineages", lineages); err != nil {
		return nil, err
	}
	if err := l.loadLived(tx, fresh); err != nil {
		return nil, err
	}
	if err := l.loadAttempts(tx, cases); err != nil {
		return nil, err
	}
	return l, l.loadPairs(tx, olds, cases)
}

func (l *loaded) lockCases(tx *sqldb.Tx, ids []certhall.CaseID) error {
	found, err := tx.Query("SELECT "+caseColumns+" FROM cases WHERE id IN "+list(len(ids))+" ORDER BY id"+tx.ForUpdate(), anys(ids)...)
	return all(found, err, func(row *sql.Rows) error {
		c := new(ca.Case)
		err := row.Scan(caseFields(c)...)
		l.cases[c.ID] = c
		return err
	})
}

// loadLived tells which of the lineages have or had a pair that is not void.
func (l *loaded) loadLived(tx *sqldb.Tx, ids []certhall.LineageID) error {
	if len(ids) == 0 {
		return nil
	}
	found, err := tx.Query("SELECT DISTINCT lineage FROM pairs WHERE state <> 'void' AND lineage IN "+list(len(ids)), anys(ids)...)
	return all(found, err, func(row *sql.Rows) error {
		var id certhall.LineageID
		err := row.Scan(&id)
		l.lived[id] = true
		return err
	})
}

func (l *loaded) loadAttempts(tx *sqldb.Tx, cases []certhall.CaseID) error {
	found, err := tx.Query("SELECT "+attemptColumns+" FROM attempts WHERE case_id IN "+list(len(cases)), anys(cases)...)
	return all(found, err, func(row *sql.Rows) error {
		a := new(ca.Attempt)
		err := row.Scan(attemptFields(a)...)
		l.attempts[attemptKey{a.Case, a.Number}] = a
		return err
	})
}

// loadPairs loads the old pairs and those of the cases themselves, without
// what papers and certificates hold.
func (l *loaded) loadPairs(tx *sqldb.Tx, olds []certhall.PairID, cases []certhall.CaseID) error {
	where, args := "NOT given_up AND case_id IN "+listFrom(len(olds), len(cases)), append(anys(olds), anys(cases)...)
	if len(olds) > 0 {
		where = "id IN " + list(len(olds)) + " OR " + where
	}
	found, err := tx.Query("SELECT "+intentColumns+", "+laterColumns+" FROM pairs WHERE "+where, args...)
	return all(found, err, func(row *sql.Rows) error {
		p := new(ca.Pair)
		err := row.Scan(append(intentFields(p), laterFields(p)...)...)
		l.pairs[p.ID] = p
		if !p.GivenUp {
			l.here[attemptKey{p.Case, p.Attempt}] = p
		}
		return err
	})
}
