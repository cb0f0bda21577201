package authority

import (
	"database/sql"
	"errors"
	"math/bits"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/store/sqldb"
)

// milliseconds writes a time; zero time is 0.
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// instant scans what milliseconds wrote.
type instant struct{ *time.Time }

// Scan implements sql.Scanner.
func (i instant) Scan(v any) error {
	ms, ok := v.(int64)
	if !ok {
		return errors.New("store/authority: a time is not a number")
	}
	if ms == 0 {
		*i.Time = time.Time{}
	} else {
		*i.Time = time.UnixMilli(ms).UTC()
	}
	return nil
}

// span scans a duration from its milliseconds.
type span struct{ *time.Duration }

// Scan implements sql.Scanner.
func (s span) Scan(v any) error {
	ms, ok := v.(int64)
	if !ok {
		return errors.New("store/authority: a duration is not a number")
	}
	*s.Duration = time.Duration(ms) * time.Millisecond
	return nil
}

// blob writes bytes that may be missing as empty ones, where a column must not
// be NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// null writes empty bytes as NULL, where a column may be empty.
func null(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// one scans at most one row; false where there is none.
func one(row *sql.Row, into ...any) (bool, error) {
	err := row.Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// all calls scan for every row.
func all(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// changed tells whether a compare-and-swap found its row.
func changed(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// exists turns an INSERT … ON CONFLICT DO NOTHING that did nothing into ErrExists.
func exists(result sql.Result, err error) error {
	if added, err := changed(result, err); err != nil || added {
		return err
	}
	return ca.ErrExists
}

// tuples is "($1, $2), ($3, $4)" for rows of so many columns. The texts are
// kept: long ones cost more to build than to look up.
func tuples(rows, columns int) string {
	key := [2]int{rows, columns}
	if text, ok := tupleTexts.Load(key); ok {
		return text.(string)
	}
	var b strings.Builder
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for c := range columns {
			if c > 0 {
				b.WriteString(", ")
			}
			b.WriteString("$" + strconv.Itoa(r*columns+c+1))
		}
		b.WriteByte(')')
	}
	text, _ := tupleTexts.LoadOrStore(key, b.String())
	return text.(string)
}

var tupleTexts sync.Map

// list is "($1, $2, $3)".
func list(n int) string { return listFrom(0, n) }

// listFrom is list with the placeholders behind the first so many.
func listFrom(before, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = "$" + strconv.Itoa(before+i+1)
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// padded repeats the last id until they are a power of two: once more in a
// list says nothing new, and few different texts need to be compiled.
func padded[T any](ids []T) []T {
	for n := len(ids); n&(n-1) != 0; n++ {
		ids = append(ids, ids[len(ids)-1])
	}
	return ids
}

// insertions write rows with statements of 1, 2, 4, … rows, so that few
// different texts need to be compiled.
func insertions(into string, columns int, values []any) (all []sqldb.Statement) {
	for n := len(values) / columns; n > 0; n = len(values) / columns {
		size := 1 << (bits.Len(uint(n)) - 1)
		all = append(all, sqldb.Statement{Query: "INSERT INTO " + into + " VALUES " + tuples(size, columns), Args: values[:size*columns]})
		values = values[size*columns:]
	}
	return all
}

// insert writes one row. What stands behind it (ON CONFLICT) comes as tail.
func insert(tx *sqldb.Tx, into string, values []any, tail string) (sql.Result, error) {
	return tx.Exec("INSERT INTO "+into+" VALUES "+tuples(1, len(values))+tail, values...)
}

// anys gives ids as arguments of a list.
func anys[T ~string](ids []T) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = string(id)
	}
	return out
}

// conflicts name the indexes that keep rules, as sqldb.IsUnique names them.
var conflicts = []struct {
	index string
	err   error
}{
	{"pairs_lineage", ca.ErrLineageTaken},
	{"pairs_entitlement", ca.ErrEntitlementTaken},
	{"pairs_case_id", ca.ErrAttemptTaken},
	{"pairs_id", ca.ErrExists},
	{"serials_serial", ca.ErrExists},
	{"attempts_case_id", ca.ErrExists},
}

// taken turns a unique violation into the conflict that the authority knows.
func taken(db *sqldb.DB, err error) error {
	name, ok := db.IsUnique(err)
	if !ok {
		return err
	}
	for _, c := range conflicts {
		if strings.HasPrefix(name, c.index) {
			return c.err
		}
	}
	return err
}
