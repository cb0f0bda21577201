package authority

import (
	"context"
	"database/sql"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

// look is one caller's question for what stands at an attempt.
type look struct {
	attemptKey
	standing ca.Standing
	escrowed bool
	err      error
}

// Standing implements ca.Store: every issue asks for it, so questions that wait
// at the same time are answered with the same few statements.
func (s *Store) Standing(ctx context.Context, c certhall.CaseID, n int) (ca.Standing, bool, error) {
	item := &look{attemptKey: attemptKey{c, n}}
	if err := s.looks.Do(ctx, item); err != nil {
		return ca.Standing{}, false, err
	}
	return item.standing, item.escrowed, item.err
}

func (s *Store) answerLooks(batch []*look) {
	err := s.db.Read(context.Background(), func(tx *sqldb.Tx) error {
		l := newLoaded()
		var cases []certhall.CaseID
		var olds []certhall.PairID
		for _, k := range batch {
			cases = append(cases, k.c)
		}
		cases = unique(cases)
		if err := l.loadCases(tx, cases, ""); err != nil {
			return err
		}
		for _, c := range l.cases {
			olds = append(olds, c.OldPair)
		}
		if err := l.loadAttempts(tx, cases); err != nil {
			return err
		}
		if err := l.loadWhole(tx, unique(olds), cases); err != nil {
			return err
		}
		for _, k := range batch {
			k.standing = ca.Standing{Case: l.cases[k.c], Attempt: l.attempts[k.attemptKey], Pair: l.here[k.attemptKey]}
			if k.standing.Case != nil {
				k.standing.Old = l.pairs[k.standing.Case.OldPair]
				k.escrowed = l.escrowed[k.standing.Case.OldPair]
			}
		}
		return nil
	})
	for _, k := range batch {
		k.err = err
	}
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
	escrowed map[certhall.PairID]bool
}

func newLoaded() *loaded {
	return &loaded{map[certhall.CaseID]*ca.Case{}, map[attemptKey]*ca.Attempt{}, map[certhall.PairID]*ca.Pair{},
		map[attemptKey]*ca.Pair{}, map[certhall.LineageID]bool{}, map[certhall.PairID]bool{}}
}

func (l *loaded) standing(i *ca.Intent) ca.Standing {
	k := attemptKey{i.Pair.Case, i.Pair.Attempt}
	return ca.Standing{Case: l.cases[k.c], Attempt: l.attempts[k], Pair: l.here[k], Old: l.pairs[i.Pair.OldPair], Lived: i.NewLineage && l.lived[i.Pair.Lineage]}
}

// lockAndLoad locks all cases, then all lineages, in order of id ◆, and loads
// what stands at the intents once they are locked. New lineages get their row
// first.
func lockAndLoad(tx *sqldb.Tx, intents, signed []*saving) (*loaded, error) {
	l := newLoaded()
	var cases, intended []certhall.CaseID
	var lineages, fresh []certhall.LineageID
	var olds []certhall.PairID
	for _, item := range append(append([]*saving(nil), intents...), signed...) {
		c, lineage := rowsOf(item)
		cases, lineages = append(cases, c), append(lineages, lineage)
	}
	for _, i := range intents {
		p := &i.intent.Pair
		intended, olds = append(intended, p.Case), append(olds, p.OldPair)
		if i.intent.NewLineage {
			fresh = append(fresh, p.Lineage)
		}
	}
	cases, lineages, intended, fresh, olds = unique(cases), unique(lineages), unique(intended), unique(fresh), unique(olds)
	if tx.ForUpdate() == "" {
		cases = intended // nothing to lock: load what is asked for
	}
	if err := l.loadCases(tx, cases, tx.ForUpdate()); err != nil {
		return nil, err
	}
	for _, id := range fresh {
		if err := addLineage(tx, id, intents[0].intent.Pair.IntendedAt); err != nil {
			return nil, err
		}
	}
	if err := lock(tx, "lineages", lineages); err != nil {
		return nil, err
	}
	if err := l.loadLived(tx, fresh); err != nil {
		return nil, err
	}
	if err := l.loadAttempts(tx, intended); err != nil {
		return nil, err
	}
	return l, l.loadPairs(tx, olds, intended)
}

func (l *loaded) loadCases(tx *sqldb.Tx, ids []certhall.CaseID, lock string) error {
	if len(ids) == 0 {
		return nil
	}
	ids = padded(ids)
	found, err := tx.Query("SELECT "+caseColumns+" FROM cases WHERE id IN "+list(len(ids))+" ORDER BY id"+lock, anys(ids)...)
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
	ids = padded(ids)
	found, err := tx.Query("SELECT DISTINCT lineage FROM pairs WHERE state <> 'void' AND lineage IN "+list(len(ids)), anys(ids)...)
	return all(found, err, func(row *sql.Rows) error {
		var id certhall.LineageID
		err := row.Scan(&id)
		l.lived[id] = true
		return err
	})
}

func (l *loaded) loadAttempts(tx *sqldb.Tx, cases []certhall.CaseID) error {
	if len(cases) == 0 {
		return nil
	}
	cases = padded(cases)
	found, err := tx.Query("SELECT "+attemptColumns+" FROM attempts WHERE case_id IN "+list(len(cases)), anys(cases)...)
	return all(found, err, func(row *sql.Rows) error {
		a := new(ca.Attempt)
		err := row.Scan(attemptFields(a)...)
		l.attempts[attemptKey{a.Case, a.Number}] = a
		return err
	})
}

// whose finds the old pairs and those of the cases themselves.
func whose(olds []certhall.PairID, cases []certhall.CaseID) (where string, args []any) {
	olds, cases = padded(olds), padded(cases)
	where = "NOT given_up AND case_id IN " + listFrom(len(olds), len(cases))
	if len(olds) > 0 {
		where = "(id IN " + list(len(olds)) + " OR " + where + ")"
	}
	return where, append(anys(olds), anys(cases)...)
}

func (l *loaded) keep(p *ca.Pair) {
	l.pairs[p.ID] = p
	if !p.GivenUp {
		l.here[attemptKey{p.Case, p.Attempt}] = p
	}
}

// loadPairs loads pairs without what papers and certificates hold.
func (l *loaded) loadPairs(tx *sqldb.Tx, olds []certhall.PairID, cases []certhall.CaseID) error {
	if len(cases) == 0 {
		return nil
	}
	where, args := whose(olds, cases)
	found, err := tx.Query("SELECT "+intentColumns+", "+laterColumns+" FROM pairs WHERE "+where, args...)
	return all(found, err, func(row *sql.Rows) error {
		p := new(ca.Pair)
		err := row.Scan(append(intentFields(p), laterFields(p)...)...)
		l.keep(p)
		return err
	})
}

// loadWhole loads whole pairs, and whether their keys are escrowed.
func (l *loaded) loadWhole(tx *sqldb.Tx, olds []certhall.PairID, cases []certhall.CaseID) error {
	if len(cases) == 0 {
		return nil
	}
	where, args := whose(olds, cases)
	found, err := tx.Query("SELECT escrow.n IS NOT NULL, "+pairColumns+
		" FROM pairs JOIN papers ON papers.n = pairs.n LEFT JOIN certificates ON certificates.n = pairs.n LEFT JOIN escrow ON escrow.n = pairs.n WHERE "+where, args...)
	return all(found, err, func(row *sql.Rows) error {
		p, held := new(ca.Pair), false
		err := row.Scan(append([]any{&held}, pairFields(p)...)...)
		l.keep(p)
		l.escrowed[p.ID] = held
		return err
	})
}
