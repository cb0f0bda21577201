package authority

import (
	"database/sql"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

// insertIntents writes the pairs' rows and answers what is to be written with
// them.
func insertIntents(tx *sqldb.Tx, admitted []*saving) ([]sqldb.Statement, error) {
	if len(admitted) == 0 {
		return nil, nil
	}
	var pairs, papers, serials, escrow []any
	var ids []certhall.PairID
	var applied []*ca.Pair
	for _, i := range admitted {
		p := &i.intent.Pair
		ids = append(ids, p.ID)
		pairs = append(pairs, intentValues(p)...)
		serials = append(serials, p.SignSerial, p.ID)
		if !p.Single() {
			serials = append(serials, p.EncSerial, p.ID)
		}
		if i.intent.NewLineage {
			applied = append(applied, p)
		}
	}
	if err := tx.ExecAll(insertions("pairs ("+intentColumns+")", intentWidth, pairs)); err != nil {
		return nil, err
	}
	n := make(map[certhall.PairID]int64, len(admitted))
	ids = padded(ids)
	found, err := tx.Query("SELECT id, n FROM pairs WHERE id IN "+list(len(ids)), anys(ids)...)
	err = all(found, err, func(row *sql.Rows) error {
		var id certhall.PairID
		var number int64
		err := row.Scan(&id, &number)
		n[id] = number
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, i := range admitted {
		number := n[i.intent.Pair.ID]
		papers = append(append(papers, number), paperValues(&i.intent.Pair)...)
		if i.intent.Escrow != nil {
			escrow = append(escrow, number, i.intent.Escrow)
		}
	}
	more := insertions("papers (n, "+paperColumns+")", 1+paperWidth, papers)
	more = append(more, insertions("serials (serial, pair)", 2, serials)...)
	more = append(more, insertions("escrow (n, sealed)", 2, escrow)...)
	for _, p := range applied { // the case of apply learns its lineage
		more = append(more, sqldb.Statement{Query: "UPDATE cases SET lineage = $1 WHERE id = $2 AND lineage = ''", Args: []any{p.Lineage, p.Case}})
	}
	return more, nil
}
