package authority

import (
	"database/sql"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

// insertIntents writes the pairs' rows and answers what is to be written with
// them, one statement a table.
func insertIntents(tx *sqldb.Tx, admitted []*saving) ([]sqldb.Statement, error) {
	if len(admitted) == 0 {
		return nil, nil
	}
	var pairs, papers, serials, escrow []any
	var applied []*ca.Pair
	for _, i := range admitted {
		p := &i.intent.Pair
		pairs = append(pairs, intentValues(p)...)
		serials = append(serials, p.SignSerial, p.ID, p.EncSerial, p.ID)
		if i.intent.NewLineage {
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
		return nil, err
	}
	for _, i := range admitted {
		number := n[i.intent.Pair.ID]
		papers = append(append(papers, number), paperValues(&i.intent.Pair)...)
		if i.intent.Escrow != nil {
			escrow = append(escrow, number, i.intent.Escrow)
		}
	}
	more := []sqldb.Statement{
		insertion("papers (n, "+paperColumns+")", 1+paperWidth, papers, ""),
		insertion("serials (serial, pair)", 2, serials, ""),
	}
	if len(escrow) > 0 {
		more = append(more, insertion("escrow (n, sealed)", 2, escrow, ""))
	}
	for _, p := range applied { // the case of apply learns its lineage
		more = append(more, sqldb.Statement{Query: "UPDATE cases SET lineage = $1 WHERE id = $2 AND lineage = ''", Args: []any{p.Lineage, p.Case}})
	}
	return more, nil
}
