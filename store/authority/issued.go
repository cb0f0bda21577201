package authority

import (
	"database/sql"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/store/sqldb"
)

// swapIssued is the compare-and-swap from intended and not suspended ◆, of rows
// that are locked already; it answers how the winners are to be written.
func swapIssued(tx *sqldb.Tx, signed []*saving) (more []sqldb.Statement, err error) {
	if len(signed) == 0 {
		return nil, nil
	}
	var ids []certhall.PairID
	for _, i := range signed {
		ids = append(ids, i.signed.ID)
	}
	ids = padded(ids)
	intended := map[certhall.PairID]int64{}
	found, err := tx.Query("SELECT id, n FROM pairs WHERE id IN "+list(len(ids))+" AND state = 'intended' AND NOT suspended"+tx.ForUpdate(), anys(ids)...)
	err = all(found, err, func(row *sql.Rows) error {
		var id certhall.PairID
		var n int64
		err := row.Scan(&id, &n)
		intended[id] = n
		return err
	})
	if err != nil {
		return nil, err
	}
	var certificates []any
	for _, i := range signed {
		n, ok := intended[i.signed.ID]
		if !ok {
			continue
		}
		delete(intended, i.signed.ID) // twice in one batch: the first has won
		i.won = true
		more = append(more, sqldb.Statement{Query: "UPDATE pairs SET state = 'issued', issued_at = $1 WHERE n = $2 AND state = 'intended' AND NOT suspended",
			Args: []any{milliseconds(i.signed.At), n}})
		certificates = append(certificates, n, i.signed.SignCert, blob(i.signed.EncCert))
	}
	return append(more, insertions("certificates (n, sign, enc)", 3, certificates)...), nil
}
