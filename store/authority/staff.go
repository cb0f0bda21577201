package authority

import (
	"database/sql"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
)

const staffColumns = "serial, role, name, key_digest, tbs, certificate, evidence, state, at, retired_at, reason"

func (r rows) staff(where string, args ...any) (staff []*ca.Staff, err error) {
	found, err := r.Query("SELECT "+staffColumns+" FROM staff WHERE "+where, args...)
	err = all(found, err, func(row *sql.Rows) error {
		m := new(ca.Staff)
		staff = append(staff, m)
		return row.Scan(&m.Serial, &m.Role, &m.Name, &m.KeyDigest, &m.TBS, &m.Certificate, &m.Evidence, &m.State, instant{&m.At}, instant{&m.RetiredAt}, &m.Reason)
	})
	return staff, err
}

// Staff implements ca.Reader.
func (r rows) Staff(s certhall.Serial) (*ca.Staff, error) {
	staff, err := r.staff("serial = $1", s)
	if err != nil || len(staff) == 0 {
		return nil, err
	}
	return staff[0], nil
}

// StaffByEvidence implements ca.Reader. There are a few dozen of them.
func (r rows) StaffByEvidence(evidence []byte) (*ca.Staff, error) {
	staff, err := r.staff("evidence = $1", evidence)
	if err != nil || len(staff) == 0 {
		return nil, err
	}
	return staff[0], nil
}

// StaffByRole implements ca.Reader.
func (r rows) StaffByRole(role string) ([]*ca.Staff, error) {
	return r.staff("role = $1 AND state = 'active' ORDER BY n", role)
}

// LockStaff implements ca.Writer.
func (w writer) LockStaff() error {
	if w.ForUpdate() == "" {
		return nil
	}
	_, err := w.Exec("SELECT n FROM staff ORDER BY n" + w.ForUpdate())
	return err
}

// AddStaff implements ca.Writer. Its serial is one of the authority's too.
func (w writer) AddStaff(m ca.Staff) error {
	if err := exists(insert(w.Tx, "serials (serial, pair)", []any{m.Serial, ""}, " ON CONFLICT DO NOTHING")); err != nil {
		return err
	}
	_, err := insert(w.Tx, "staff ("+staffColumns+")", []any{m.Serial, m.Role, m.Name, m.KeyDigest, m.TBS,
		null(m.Certificate), null(m.Evidence), m.State, milliseconds(m.At), milliseconds(m.RetiredAt), m.Reason}, "")
	return err
}

// ActivateStaff implements ca.Writer.
func (w writer) ActivateStaff(s certhall.Serial, certificate []byte) (bool, error) {
	return changed(w.Exec("UPDATE staff SET state = 'active', certificate = $1 WHERE serial = $2 AND state = 'intended'", certificate, s))
}

// RetireStaff implements ca.Writer.
func (w writer) RetireStaff(s certhall.Serial, at time.Time, reason int) (bool, error) {
	return changed(w.Exec("UPDATE staff SET state = 'retired', retired_at = $1, reason = $2 WHERE serial = $3 AND state = 'active'", milliseconds(at), reason, s))
}

// UseNonce implements ca.Writer.
func (w writer) UseNonce(nonce []byte, at time.Time) (bool, error) {
	return changed(insert(w.Tx, "nonces (nonce, used_at)", []any{nonce, milliseconds(at)}, " ON CONFLICT DO NOTHING"))
}
