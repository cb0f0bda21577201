package authority

import (
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
)

// DataRecords implements ca.Reader. What says that data was erased stays.
func (r rows) DataRecords(l certhall.LineageID) ([]ca.Record, error) {
	return r.records(`seq IS NOT NULL AND data IS NOT NULL AND kind <> 'data-erased'
		AND (lineage = $1 OR case_id IN (SELECT id FROM cases WHERE lineage = $1)) ORDER BY seq`, l)
}

// Erasures implements ca.Reader.
func (r rows) Erasures() ([]ca.Record, error) {
	return r.records("seq IS NOT NULL AND kind = 'data-erased' ORDER BY seq")
}

// EraseData implements ca.Writer. The salt goes too, or who guesses the data
// could see that he was right; the column takes no NULL, so it becomes empty.
func (w writer) EraseData(numbers []int64) (total int, err error) {
	for _, number := range numbers {
		erased, err := changed(w.Exec("UPDATE records SET data = NULL, salt = $1 WHERE seq = $2 AND (data IS NOT NULL OR salt <> $1)", []byte{}, number))
		if err != nil {
			return total, err
		}
		if erased {
			total++
		}
	}
	return total, nil
}

// ErasePapers implements ca.Writer.
func (w writer) ErasePapers(pairs []certhall.PairID, at time.Time) error {
	for _, id := range pairs {
		erased, err := changed(w.Exec("UPDATE pairs SET subject = '', erased_at = $1 WHERE id = $2 AND erased_at = 0", milliseconds(at), id))
		if err != nil {
			return err
		}
		if !erased {
			continue
		}
		if _, err := w.Exec(`UPDATE papers SET subject_der = $1, identity_der = NULL, request = $1, evidence = $1, sign_tbs = $1, enc_tbs = $1
			WHERE n = (SELECT n FROM pairs WHERE id = $2)`, []byte{}, id); err != nil {
			return err
		}
		if _, err := w.Exec("DELETE FROM certificates WHERE n = (SELECT n FROM pairs WHERE id = $1)", id); err != nil {
			return err
		}
	}
	return nil
}
