package authority

import (
	"context"
	"database/sql"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/register"
	"github.com/certhall/certhall/store/sqldb"
)

var _ register.Store = (*Store)(nil)

// Look implements register.Store.
func (s *Store) Look(ctx context.Context, f func(register.Reader) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return f(rows{tx}) })
}

// highest is above every character: what begins with a text lies between the
// text and the text with this behind it.
const highest = "\U0010FFFF"

// Find implements register.Reader.
func (r rows) Find(s register.Search) (pairs []*ca.Pair, err error) {
	query, args := search(r.Tx, s)
	found, err := r.Query(query, args...)
	err = all(found, err, func(row *sql.Rows) error {
		p := new(ca.Pair)
		pairs = append(pairs, p)
		return row.Scan(append(intentFields(p), laterFields(p)...)...)
	})
	return pairs, err
}

// search is the query for a search. Every way is an index's order: by n behind
// what is equal, by subject and n, by end and n; a page goes on from the row of
// the pair shown last.
func search(tx *sqldb.Tx, s register.Search) (query string, args []any) {
	var where sqldb.Where
	subject := "subject " + tx.Bytewise()
	last := func(column string) string {
		return "(SELECT " + column + " FROM pairs WHERE id = (SELECT pair FROM serials WHERE serial = ?))"
	}
	if s.Serial != "" {
		where.And("id = (SELECT pair FROM serials WHERE serial = ?)", s.Serial)
	}
	if s.KeyNumber != "" {
		where.And("key_number = ?", s.KeyNumber)
	}
	if s.Organisation != "" {
		where.And("organisation = ?", s.Organisation)
	}
	if s.Subject != "" {
		where.And(subject+" >= ? AND "+subject+" < ?", s.Subject, s.Subject+highest)
	}
	if !s.ExpiresBefore.IsZero() {
		where.And("state = 'current' AND not_after < ?", milliseconds(s.ExpiresBefore))
	}
	if s.Project != "" {
		where.And("project = ?", s.Project)
	}
	if s.State != "" {
		where.And("state = ?", string(s.State))
	}
	order := "n"
	switch {
	case s.Serial != "" || s.KeyNumber != "" || s.Organisation != "":
	case s.Subject != "":
		order = subject + ", n"
	default:
		order = "not_after, n"
	}
	if s.After != "" {
		columns := strings.Split(order, ", ")
		var behind []string
		var values []any
		for _, c := range columns {
			behind = append(behind, last(strings.Fields(c)[0]))
			values = append(values, s.After)
		}
		where.And("("+order+") > ("+strings.Join(behind, ", ")+")", values...)
	}
	query = "SELECT " + intentColumns + ", " + laterColumns + " FROM pairs WHERE " + where.String() +
		" ORDER BY " + order + " LIMIT " + where.Arg(s.Limit)
	return query, where.Args
}

// CaseAttempts implements register.Reader.
func (r rows) CaseAttempts(c certhall.CaseID) (attempts []*ca.Attempt, err error) {
	found, err := r.Query("SELECT "+attemptColumns+" FROM attempts WHERE case_id = $1 ORDER BY number", c)
	err = all(found, err, func(row *sql.Rows) error {
		a := new(ca.Attempt)
		attempts = append(attempts, a)
		return row.Scan(attemptFields(a)...)
	})
	return attempts, err
}

// CasePairs implements register.Reader.
func (r rows) CasePairs(c certhall.CaseID) ([]*ca.Pair, error) {
	return r.pairs("case_id = $1 ORDER BY attempt, pairs.n", c)
}

// CaseRecords implements register.Reader.
func (r rows) CaseRecords(c certhall.CaseID) (records []ca.Record, err error) {
	found, err := r.Query("SELECT COALESCE(seq, 0), hash, "+recordColumns+" FROM records WHERE case_id = $1 AND case_id <> '' ORDER BY n", c)
	err = all(found, err, func(row *sql.Rows) error {
		var e ca.Record
		err := row.Scan(append([]any{&e.Seq, &e.Hash}, recordFields(&e)...)...)
		records = append(records, e)
		return err
	})
	return records, err
}

// AllStaff implements register.Reader.
func (r rows) AllStaff(role string) ([]*ca.Staff, error) {
	return r.staff("role = $1 ORDER BY n", role)
}

// LastTicket implements register.Reader.
func (r rows) LastTicket() (ticket []byte, err error) {
	_, err = one(r.QueryRow("SELECT ticket FROM attempts WHERE ticket IS NOT NULL ORDER BY n DESC LIMIT 1"), &ticket)
	return ticket, err
}
