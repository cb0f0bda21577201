package authority

import (
	"context"
	"database/sql"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

const predecessorColumns = "name, certificate, crl, ocsp, evidence, added_at, withdrawn_at"

func (r rows) predecessors(where string, args ...any) (found []*ca.Predecessor, err error) {
	rows, err := r.Query("SELECT "+predecessorColumns+" FROM predecessors WHERE "+where, args...)
	err = all(rows, err, func(row *sql.Rows) error {
		p := new(ca.Predecessor)
		found = append(found, p)
		return row.Scan(&p.Name, &p.Certificate, &p.CRL, &p.OCSP, &p.Evidence, instant{&p.AddedAt}, instant{&p.WithdrawnAt})
	})
	return found, err
}

// Predecessor implements ca.Reader.
func (r rows) Predecessor(name string) (*ca.Predecessor, error) {
	found, err := r.predecessors("name = $1", name)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// Predecessors implements ca.Reader.
func (r rows) Predecessors() ([]*ca.Predecessor, error) {
	return r.predecessors("name <> '' ORDER BY name")
}

// SavePredecessor implements ca.Writer.
func (w writer) SavePredecessor(p ca.Predecessor) error {
	_, err := insert(w.Tx, "predecessors ("+predecessorColumns+")", []any{p.Name, p.Certificate, p.CRL, p.OCSP, p.Evidence,
		milliseconds(p.AddedAt), milliseconds(p.WithdrawnAt)},
		` ON CONFLICT (name) DO UPDATE SET crl = excluded.crl, ocsp = excluded.ocsp, evidence = excluded.evidence, withdrawn_at = excluded.withdrawn_at`)
	return err
}

// lookAtOnce is how many ids one question names.
const lookAtOnce = 256

// chunks calls f with the ids, so many at a time.
func chunks[T any](ids []T, f func([]T) error) error {
	for len(ids) > 0 {
		n := min(len(ids), lookAtOnce)
		if err := f(padded(append([]T(nil), ids[:n]...))); err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// PairsBySerials implements ca.Reader.
func (r rows) PairsBySerials(serials []certhall.Serial) (map[certhall.Serial]*ca.Pair, error) {
	known := map[certhall.Serial]*ca.Pair{}
	err := chunks(serials, func(some []certhall.Serial) error {
		found, err := r.Query("SELECT serial FROM serials WHERE serial IN "+list(len(some)), anys(some)...)
		err = all(found, err, func(row *sql.Rows) error {
			var s certhall.Serial
			err := row.Scan(&s)
			known[s] = nil
			return err
		})
		if err != nil {
			return err
		}
		found, err = r.Query("SELECT "+intentColumns+", "+laterColumns+" FROM pairs WHERE id IN (SELECT pair FROM serials WHERE pair <> '' AND serial IN "+
			list(len(some))+")", anys(some)...)
		return all(found, err, func(row *sql.Rows) error {
			p := new(ca.Pair)
			err := row.Scan(append(intentFields(p), laterFields(p)...)...)
			known[p.SignSerial] = p
			if p.EncSerial != "" {
				known[p.EncSerial] = p
			}
			return err
		})
	})
	return known, err
}

// LivedLineages implements ca.Reader.
func (r rows) LivedLineages(lineages []certhall.LineageID) (map[certhall.LineageID]bool, error) {
	lived := map[certhall.LineageID]bool{}
	err := chunks(lineages, func(some []certhall.LineageID) error {
		found, err := r.Query("SELECT lineage FROM pairs WHERE state <> 'void' AND lineage IN "+list(len(some)), anys(some)...)
		return all(found, err, func(row *sql.Rows) error {
			var l certhall.LineageID
			err := row.Scan(&l)
			lived[l] = true
			return err
		})
	})
	return lived, err
}

// SaveImported implements ca.Store.
func (s *Store) SaveImported(ctx context.Context, imports []ca.NewImport) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error { return saveImported(tx, imports) })
	return taken(s.db, err)
}

// orTaken is err, or that a lineage is taken.
func orTaken(err error) error {
	if err != nil {
		return err
	}
	return ca.ErrLineageTaken
}

func saveImported(tx *sqldb.Tx, imports []ca.NewImport) error {
	var lineages []certhall.LineageID
	var before []sqldb.Statement
	var cases, attempts, pairs []any
	for _, i := range imports {
		p := &i.Pair
		at := milliseconds(p.IntendedAt)
		lineages = append(lineages, p.Lineage)
		before = append(before, sqldb.Statement{Query: "INSERT INTO lineages (id, added_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", Args: []any{p.Lineage, at}})
		cases = append(cases, p.Case, ca.ImportService, ca.CaseAcknowledged, p.Lineage, "", at, at, 0)
		attempts = append(attempts, p.Case, p.Attempt, authority.AttemptAcknowledged, at, []byte{}, at, nil)
		pairs = append(append(pairs, intentValues(p)...), milliseconds(p.IssuedAt), milliseconds(p.AcknowledgedAt))
	}
	if err := tx.ExecAll(before); err != nil {
		return err
	}
	if err := lock(tx, "lineages", unique(lineages)); err != nil {
		return err
	}
	if lived, err := (rows{tx}).LivedLineages(lineages); err != nil || len(lived) > 0 {
		return orTaken(err)
	}
	more := insertions("cases ("+caseColumns+")", 8, cases)
	more = append(more, insertions("attempts ("+attemptColumns+")", 7, attempts)...)
	more = append(more, insertions("pairs ("+intentColumns+", issued_at, acknowledged_at)", intentWidth+2, pairs)...)
	if err := tx.ExecAll(more); err != nil {
		return err
	}
	n := map[certhall.PairID]int64{}
	var ids []certhall.PairID
	for _, i := range imports {
		ids = append(ids, i.Pair.ID)
	}
	err := chunks(ids, func(some []certhall.PairID) error {
		found, err := tx.Query("SELECT id, n FROM pairs WHERE id IN "+list(len(some)), anys(some)...)
		return all(found, err, func(row *sql.Rows) error {
			var id certhall.PairID
			var number int64
			err := row.Scan(&id, &number)
			n[id] = number
			return err
		})
	})
	if err != nil {
		return err
	}
	var papers, certificates, serials, records []any
	none := []byte{} // what was not made here
	for _, i := range imports {
		p := &i.Pair
		number := n[p.ID]
		enc := p.EncCert
		if enc == nil {
			enc = none
		}
		papers = append(papers, number, p.SubjectDER, null(p.IdentityDER), none, none, none, none, none, none, none)
		certificates = append(certificates, number, p.SignCert, enc)
		serials = append(serials, p.SignSerial, p.ID)
		if p.EncSerial != "" {
			serials = append(serials, p.EncSerial, p.ID)
		}
		records = append(records, recordValues(&i.Record)...)
	}
	more = insertions("papers (n, "+paperColumns+")", 1+paperWidth, papers)
	more = append(more, insertions("certificates (n, sign, enc)", 3, certificates)...)
	more = append(more, insertions("serials (serial, pair)", 2, serials)...)
	return tx.ExecAll(append(more, recordings(records)...))
}
