package authority

import (
	"context"
	"database/sql"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

// intent is one caller's intent in a batch.
type intent struct {
	ca.Intent
	admit func(ca.Standing) error
	err   error
}

// SaveIntent implements ca.Store: intents that wait at the same time are
// stored together. The pairs in Standing come without their papers.
func (s *Store) SaveIntent(ctx context.Context, i ca.Intent, admit func(ca.Standing) error) error {
	item := &intent{Intent: i, admit: admit}
	if err := s.intents.Do(ctx, item); err != nil {
		return err
	}
	return item.err
}

// saveIntents stores a batch in one transaction. A unique index that stands
// against one of them fails the statement for all: then each goes alone, and
// only the guilty one fails.
func (s *Store) saveIntents(batch []*intent) {
	together(batch, func(some []*intent) error {
		return s.db.Write(context.Background(), func(tx *sqldb.Tx) error { return addIntents(tx, some) })
	}, func(i *intent, err error) { i.err = taken(s.db, err) })
}

// together saves a batch in one transaction, or, if that fails, each item in
// its own, so that only the guilty one fails.
func together[T any](batch []T, save func([]T) error, failed func(T, error)) {
	err := save(batch)
	if err == nil {
		return
	}
	for _, item := range batch {
		if len(batch) > 1 {
			err = save([]T{item})
		}
		if err != nil {
			failed(item, err)
		}
	}
}

// addIntents locks, judges and inserts. What admit refuses is left out and
// does not fail the others.
func addIntents(tx *sqldb.Tx, batch []*intent) error {
	standing, err := standings(tx, batch)
	if err != nil {
		return err
	}
	var admitted []*intent
	for _, i := range batch {
		if i.err = i.admit(standing(i)); i.err == nil {
			admitted = append(admitted, i)
		}
	}
	if len(admitted) == 0 {
		return nil
	}
	return insertIntents(tx, admitted)
}

// standings locks all cases, then all lineages, in order of id ◆, and loads
// what stands.
func standings(tx *sqldb.Tx, batch []*intent) (func(*intent) ca.Standing, error) {
	var caseIDs []certhall.CaseID
	var lineageIDs []certhall.LineageID
	var oldIDs []certhall.PairID
	var fresh []any
	for _, i := range batch {
		caseIDs = append(caseIDs, i.Pair.Case)
		lineageIDs = append(lineageIDs, i.Pair.Lineage)
		oldIDs = append(oldIDs, i.Pair.OldPair)
	}
	caseIDs, lineageIDs, oldIDs = unique(caseIDs), unique(lineageIDs), unique(oldIDs)
	cases := map[certhall.CaseID]*ca.Case{}
	found, err := tx.Query("SELECT "+caseColumns+" FROM cases WHERE id IN "+list(len(caseIDs))+" ORDER BY id"+tx.ForUpdate(), anys(caseIDs)...)
	err = all(found, err, func(row *sql.Rows) error {
		c := new(ca.Case)
		err := row.Scan(caseFields(c)...)
		cases[c.ID] = c
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, l := range lineageIDs {
		for _, i := range batch {
			if i.NewLineage && i.Pair.Lineage == l {
				fresh = append(fresh, l, milliseconds(i.Pair.IntendedAt))
				break
			}
		}
	}
	if len(fresh) > 0 {
		if err := addLineages(tx, fresh); err != nil {
			return nil, err
		}
	}
	if err := lock(tx, "lineages", lineageIDs); err != nil {
		return nil, err
	}

	lived := map[certhall.LineageID]bool{}
	if len(fresh) > 0 {
		found, err = tx.Query("SELECT DISTINCT lineage FROM pairs WHERE state <> 'void' AND lineage IN "+list(len(lineageIDs)), anys(lineageIDs)...)
		err = all(found, err, func(row *sql.Rows) error {
			var l certhall.LineageID
			err := row.Scan(&l)
			lived[l] = true
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	attempts := map[certhall.CaseID]map[int]*ca.Attempt{}
	found, err = tx.Query("SELECT "+attemptColumns+" FROM attempts WHERE case_id IN "+list(len(caseIDs)), anys(caseIDs)...)
	err = all(found, err, func(row *sql.Rows) error {
		a := new(ca.Attempt)
		err := row.Scan(attemptFields(a)...)
		if attempts[a.Case] == nil {
			attempts[a.Case] = map[int]*ca.Attempt{}
		}
		attempts[a.Case][a.Number] = a
		return err
	})
	if err != nil {
		return nil, err
	}
	olds, here := map[certhall.PairID]*ca.Pair{}, map[certhall.CaseID]map[int]*ca.Pair{}
	load := func(where string, args []any, keep func(*ca.Pair)) error {
		if len(args) == 0 {
			return nil
		}
		found, err := tx.Query("SELECT "+intentColumns+", "+laterColumns+" FROM pairs WHERE "+where, args...)
		return all(found, err, func(row *sql.Rows) error {
			p := new(ca.Pair)
			err := row.Scan(append(intentFields(p), laterFields(p)...)...)
			keep(p)
			return err
		})
	}
	if err := load("id IN "+list(len(oldIDs)), anys(oldIDs), func(p *ca.Pair) { olds[p.ID] = p }); err != nil {
		return nil, err
	}
	err = load("NOT given_up AND case_id IN "+list(len(caseIDs)), anys(caseIDs), func(p *ca.Pair) {
		if here[p.Case] == nil {
			here[p.Case] = map[int]*ca.Pair{}
		}
		here[p.Case][p.Attempt] = p
	})
	return func(i *intent) ca.Standing {
		c, n := i.Pair.Case, i.Pair.Attempt
		return ca.Standing{Case: cases[c], Attempt: attempts[c][n], Pair: here[c][n], Old: olds[i.Pair.OldPair],
			Lived: i.NewLineage && lived[i.Pair.Lineage]}
	}, err
}

// insertIntents writes the rows of all, one statement a table.
func insertIntents(tx *sqldb.Tx, admitted []*intent) error {
	var pairs, papers, serials, escrow, records []any
	var applied []*ca.Pair
	for _, i := range admitted {
		p := &i.Pair
		pairs = append(pairs, intentValues(p)...)
		serials = append(serials, p.SignSerial, p.ID, p.EncSerial, p.ID)
		records = append(records, recordValues(&i.Record)...)
		if i.NewLineage {
			applied = append(applied, p)
		}
	}
	n := make(map[certhall.PairID]int64, len(admitted))
	found, err := tx.Query("INSERT INTO pairs ("+intentColumns+") VALUES "+tuples(len(admitted), intentWidth)+" RETURNING id, n", pairs...)
	err = all(found, err, func(row *sql.Rows) error {
		var id certhall.PairID
		var number int64
		err := row.Scan(&id, &number)
		n[id] = number
		return err
	})
	if err != nil {
		return err
	}
	for _, i := range admitted {
		papers = append(append(papers, n[i.Pair.ID]), paperValues(&i.Pair)...)
		if i.Escrow != nil {
			escrow = append(escrow, n[i.Pair.ID], i.Escrow)
		}
	}
	if _, err := insert(tx, "papers (n, "+paperColumns+")", 1+paperWidth, papers, ""); err != nil {
		return err
	}
	if _, err := insert(tx, "serials (serial, pair)", 2, serials, ""); err != nil {
		return err
	}
	if len(escrow) > 0 {
		if _, err := insert(tx, "escrow (n, sealed)", 2, escrow, ""); err != nil {
			return err
		}
	}
	for _, p := range applied { // the case of apply learns its lineage
		if _, err := tx.Exec("UPDATE cases SET lineage = $1 WHERE id = $2 AND lineage = ''", p.Lineage, p.Case); err != nil {
			return err
		}
	}
	return addRecords(tx, records)
}
