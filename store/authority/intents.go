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
	found, err := lockAndLoad(tx, batch)
	if err != nil {
		return err
	}
	var admitted []*intent
	for _, i := range batch {
		if i.err = i.admit(found.standing(i)); i.err == nil {
			admitted = append(admitted, i)
		}
	}
	if len(admitted) == 0 {
		return nil
	}
	return insertIntents(tx, admitted)
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
