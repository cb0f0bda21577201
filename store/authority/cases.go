package authority

import (
	"database/sql"
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

const caseColumns = "id, service, state, lineage, old_pair, opened_at, ended_at, grace"

func caseFields(c *ca.Case) []any {
	return []any{&c.ID, &c.Service, &c.State, &c.Lineage, &c.OldPair, instant{&c.OpenedAt}, instant{&c.EndedAt}, span{&c.Grace}}
}

// Case implements ca.Reader.
func (r rows) Case(id certhall.CaseID) (*ca.Case, error) {
	c := new(ca.Case)
	found, err := one(r.QueryRow("SELECT "+caseColumns+" FROM cases WHERE id = $1", id), caseFields(c)...)
	if !found {
		return nil, err
	}
	return c, nil
}

// LineageCases implements ca.Reader.
func (r rows) LineageCases(l certhall.LineageID) (cases []*ca.Case, err error) {
	found, err := r.Query("SELECT "+caseColumns+" FROM cases WHERE lineage = $1 AND state = 'open' ORDER BY id", l)
	err = all(found, err, func(row *sql.Rows) error {
		c := new(ca.Case)
		cases = append(cases, c)
		return row.Scan(caseFields(c)...)
	})
	return cases, err
}

// LapsedCases implements ca.Reader.
func (r rows) LapsedCases(before time.Time, limit int) (ids []certhall.CaseID, err error) {
	found, err := r.Query(`SELECT id FROM cases WHERE state = 'open' AND opened_at < $1
		AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.case_id = cases.id AND a.opened_at >= $1)
		AND NOT EXISTS (SELECT 1 FROM pairs p WHERE p.case_id = cases.id AND NOT p.given_up AND p.issued_at >= $1)
		ORDER BY opened_at, id LIMIT $2`, milliseconds(before), limit)
	err = all(found, err, func(row *sql.Rows) error {
		ids = append(ids, "")
		return row.Scan(&ids[len(ids)-1])
	})
	return ids, err
}

// LockCases implements ca.Writer.
func (w writer) LockCases(ids ...certhall.CaseID) error { return lock(w.Tx, "cases", ids) }

// LockLineages implements ca.Writer.
func (w writer) LockLineages(ids ...certhall.LineageID) error { return lock(w.Tx, "lineages", ids) }

// lock takes row locks in order of id, so that no two writers wait for each
// other. SQLite's writer is alone.
func lock[T ~string](tx *sqldb.Tx, table string, ids []T) error {
	if tx.ForUpdate() == "" || len(ids) == 0 {
		return nil
	}
	ids = padded(ids)
	_, err := tx.Exec("SELECT id FROM "+table+" WHERE id IN "+list(len(ids))+" ORDER BY id"+tx.ForUpdate(), anys(ids)...)
	return err
}

// unique sorts ids and drops doubles and "".
func unique[T ~string](ids []T) []T {
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if len(ids) > 0 && ids[0] == "" {
		ids = ids[1:]
	}
	return ids
}

// AddLineage implements ca.Writer.
func (w writer) AddLineage(id certhall.LineageID, at time.Time) error {
	return addLineage(w.Tx, id, at)
}

func addLineage(tx *sqldb.Tx, id certhall.LineageID, at time.Time) error {
	_, err := insert(tx, "lineages (id, added_at)", []any{id, milliseconds(at)}, " ON CONFLICT DO NOTHING")
	return err
}

// AddCase implements ca.Writer.
func (w writer) AddCase(c ca.Case) error {
	return exists(insert(w.Tx, "cases ("+caseColumns+")", []any{c.ID, c.Service, c.State, c.Lineage,
		c.OldPair, milliseconds(c.OpenedAt), milliseconds(c.EndedAt), c.Grace.Milliseconds()}, " ON CONFLICT DO NOTHING"))
}

// EndCase implements ca.Writer.
func (w writer) EndCase(id certhall.CaseID, to string, at time.Time) (bool, error) {
	return changed(w.Exec("UPDATE cases SET state = $1, ended_at = $2 WHERE id = $3 AND state = 'open'",
		to, milliseconds(at), id))
}

const attemptColumns = "case_id, number, standing, opened_at, nonce, expiry, ticket"

func attemptFields(a *ca.Attempt) []any {
	return []any{&a.Case, &a.Number, &a.Standing, instant{&a.OpenedAt}, &a.Nonce, instant{&a.Expiry}, &a.Ticket}
}

func (r rows) attempt(where string, args ...any) (*ca.Attempt, error) {
	a := new(ca.Attempt)
	found, err := one(r.QueryRow("SELECT "+attemptColumns+" FROM attempts WHERE "+where, args...), attemptFields(a)...)
	if !found {
		return nil, err
	}
	return a, nil
}

// Attempt implements ca.Reader.
func (r rows) Attempt(c certhall.CaseID, n int) (*ca.Attempt, error) {
	return r.attempt("case_id = $1 AND number = $2", c, n)
}

// OpenAttempt implements ca.Reader.
func (r rows) OpenAttempt(c certhall.CaseID) (*ca.Attempt, error) {
	return r.attempt("case_id = $1 AND standing = 'open'", c)
}

// LastAttempt implements ca.Reader.
func (r rows) LastAttempt(c certhall.CaseID) (*ca.Attempt, error) {
	return r.attempt("case_id = $1 ORDER BY number DESC LIMIT 1", c)
}

// AddAttempt implements ca.Writer. Another open attempt of the case stands
// against it, as the same attempt does ◆.
func (w writer) AddAttempt(a ca.Attempt) error {
	return exists(insert(w.Tx, "attempts ("+attemptColumns+")", []any{a.Case, a.Number, a.Standing,
		milliseconds(a.OpenedAt), a.Nonce, milliseconds(a.Expiry), null(a.Ticket)}, " ON CONFLICT DO NOTHING"))
}

// SetTicket implements ca.Writer.
func (w writer) SetTicket(a ca.Attempt) error {
	found, err := changed(w.Exec("UPDATE attempts SET nonce = $1, expiry = $2, ticket = $3 WHERE case_id = $4 AND number = $5 AND standing = 'open'",
		a.Nonce, milliseconds(a.Expiry), null(a.Ticket), a.Case, a.Number))
	if err == nil && !found {
		return errNotOpen
	}
	return err
}

// EndAttempt implements ca.Writer.
func (w writer) EndAttempt(c certhall.CaseID, n int, to string) (bool, error) {
	if to != authority.AttemptVoid && to != authority.AttemptAcknowledged {
		return false, errTransition
	}
	return changed(w.Exec("UPDATE attempts SET standing = $1 WHERE case_id = $2 AND number = $3 AND standing = 'open'", to, c, n))
}
