package authority

import (
	"database/sql"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/store/sqldb"
)

// swapIssued is the compare-and-swap from intended ◆; it answers how the
// winners' certificates are to be written.
func swapIssued(tx *sqldb.Tx, signed []*saving) ([]sqldb.Statement, error) {
	if len(signed) == 0 {
		return nil, nil
	}
	var swap []any
	for _, i := range signed {
		swap = append(swap, i.signed.ID, milliseconds(i.signed.At))
	}
	won := map[certhall.PairID]int64{}
	swap = padded(swap, 2)
	found, err := tx.Query(swapText(len(swap)/2), swap...)
	err = all(found, err, func(row *sql.Rows) error {
		var id certhall.PairID
		var n int64
		err := row.Scan(&id, &n)
		won[id] = n
		return err
	})
	if err != nil {
		return nil, err
	}
	var certificates []any
	for _, i := range signed {
		n, ok := won[i.signed.ID]
		if !ok {
			continue
		}
		delete(won, i.signed.ID) // twice in one batch: the first has won
		i.won = true
		certificates = append(certificates, n, i.signed.SignCert, i.signed.EncCert)
	}
	return insertions("certificates (n, sign, enc)", 3, certificates), nil
}

func swapText(n int) string {
	var b strings.Builder
	b.WriteString("UPDATE pairs SET state = 'issued', issued_at = v.column2 FROM (VALUES ")
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(CAST($" + strconv.Itoa(2*i+1) + " AS TEXT), CAST($" + strconv.Itoa(2*i+2) + " AS BIGINT))")
	}
	b.WriteString(") AS v WHERE pairs.id = v.column1 AND pairs.state = 'intended' AND NOT pairs.suspended RETURNING id, n")
	return b.String()
}
