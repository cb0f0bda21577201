package authority

import (
	"context"
	"database/sql"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

// issued is one caller's signatures in a batch.
type issued struct {
	ca.Signatures
	won bool
	err error
}

// SaveIssued implements ca.Store: signatures that wait at the same time are
// stored together.
func (s *Store) SaveIssued(ctx context.Context, sig ca.Signatures) (bool, error) {
	item := &issued{Signatures: sig}
	if err := s.issued.Do(ctx, item); err != nil {
		return false, err
	}
	return item.won, item.err
}

func (s *Store) saveIssued(batch []*issued) {
	together(batch, func(some []*issued) error {
		return s.db.Write(context.Background(), func(tx *sqldb.Tx) error { return addIssued(tx, some) })
	}, func(i *issued, err error) { i.won, i.err = false, err })
}

// addIssued is the compare-and-swap from intended, not suspended ◆; only winners leave
// certificates and records.
func addIssued(tx *sqldb.Tx, batch []*issued) error {
	var caseIDs []certhall.CaseID
	var lineageIDs []certhall.LineageID
	var swap []any
	for _, i := range batch {
		i.won = false
		caseIDs = append(caseIDs, i.Record.Case)
		lineageIDs = append(lineageIDs, i.Record.Lineage)
		swap = append(swap, i.ID, milliseconds(i.At))
	}
	if err := lock(tx, "cases", unique(caseIDs)); err != nil {
		return err
	}
	if err := lock(tx, "lineages", unique(lineageIDs)); err != nil {
		return err
	}
	won := map[certhall.PairID]int64{}
	found, err := tx.Query(swapText(len(batch)), swap...)
	err = all(found, err, func(row *sql.Rows) error {
		var id certhall.PairID
		var n int64
		err := row.Scan(&id, &n)
		won[id] = n
		return err
	})
	if err != nil {
		return err
	}
	var certificates, records []any
	for _, i := range batch {
		n, ok := won[i.ID]
		if !ok {
			continue
		}
		delete(won, i.ID) // twice in one batch: the first has won
		i.won = true
		certificates = append(certificates, n, i.SignCert, i.EncCert)
		records = append(records, recordValues(&i.Record)...)
	}
	if len(certificates) == 0 {
		return nil
	}
	if _, err := insert(tx, "certificates (n, sign, enc)", 3, certificates, ""); err != nil {
		return err
	}
	return addRecords(tx, records)
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
