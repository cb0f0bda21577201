package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/store/sqldb"
)

// The rows of millions: pair n has ids and serials that any n can be computed
// to, spread like random ones over the indexes.
const (
	spread    = 2862933555 // odd, so that every n has a number of its own; n·spread stays within 63 bits
	spreadMod = 1 << 32    // … and its lower half jumps about
	project   = "政府采购项目"
)

func spreadOf(n int64) int64 { return n * spread % spreadMod }

// firstLoaded is the number of the first pair: the office has some of its own.
const firstLoaded = 1000

// signSerial is the serial of pair n's signing certificate.
func signSerial(n int64) certhall.Serial {
	return certhall.Serial(fmt.Sprintf("41%014x%016x", 0, spreadOf(n)))
}

// organisationOf and keyNumberOf are what people search by: fifty pairs of one
// organisation, two on one key.
func organisationOf(n int64) string { return fmt.Sprintf("91310000MA%08d", n/50) }
func keyNumberOf(n int64) string    { return fmt.Sprintf("HT%010d", n/2) }

// loadPairs fills an authority's database with so many current pairs; one in a
// hundred is revoked. The rows are made by the database itself, before its
// indexes: millions would take hours otherwise.
func loadPairs(ctx context.Context, db *sqldb.DB, first, pairs int64) error {
	var indexes []string
	err := db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		indexes, err = dropIndexes(tx)
		return err
	})
	if err != nil {
		return err
	}
	const step = 250_000 // a transaction: statements have a time limit
	for from := first; from < first+pairs; from += step {
		to := min(from+step, first+pairs) - 1
		if err := db.Write(ctx, func(tx *sqldb.Tx) error { return loadStep(tx, from, to) }); err != nil {
			return err
		}
	}
	for _, index := range append(indexes, "ANALYZE") {
		if err := db.Write(ctx, func(tx *sqldb.Tx) error {
			if tx.Dialect() == sqldb.Postgres {
				if _, err := tx.Exec("SET LOCAL statement_timeout = 0"); err != nil {
					return err
				}
			}
			_, err := tx.Exec(index)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// dropIndexes drops those of the big tables and gives how they are made again.
func dropIndexes(tx *sqldb.Tx) (again []string, err error) {
	query := "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('pairs', 'serials', 'lineages') AND sql IS NOT NULL"
	if tx.Dialect() == sqldb.Postgres {
		query = `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()
			AND tablename IN ('pairs', 'serials', 'lineages') AND indexname NOT LIKE '%_pkey'`
	}
	rows, err := tx.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name, made string
		if err := rows.Scan(&name, &made); err != nil {
			return nil, err
		}
		names, again = append(names, name), append(again, made)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	for _, name := range names {
		if _, err := tx.Exec("DROP INDEX " + name); err != nil {
			return nil, err
		}
	}
	return again, nil
}

// words are how the two databases write numbers as text.
type words struct{ numbers, hex16, pad23, pad8, pad10, empty string }

var dialects = map[sqldb.Dialect]words{
	sqldb.SQLite: {
		numbers: "(WITH RECURSIVE c(n) AS (SELECT $1 UNION ALL SELECT n + 1 FROM c WHERE n < $2) SELECT n FROM c) AS numbers",
		hex16:   "printf('%%016x', %s)", pad23: "printf('%%023d', %s)", pad8: "printf('%%08d', %s)", pad10: "printf('%%010d', %s)", empty: "x''",
	},
	sqldb.Postgres: {
		numbers: "generate_series($1::bigint, $2::bigint) AS numbers (n)",
		hex16:   "lpad(to_hex(%s), 16, '0')", pad23: "lpad((%s)::text, 23, '0')", pad8: "lpad((%s)::text, 8, '0')", pad10: "lpad((%s)::text, 10, '0')", empty: "''::bytea",
	},
}

func loadStep(tx *sqldb.Tx, from, to int64) error {
	w := dialects[tx.Dialect()]
	spreading := fmt.Sprintf("(n * %d %% %d)", spread, spreadMod)
	now := time.Now().UTC()
	pad := func(form, what string) string { return fmt.Sprintf(form, what) }
	serial := func(first string) string {
		return "'" + first + "00000000000000' || " + pad(w.hex16, spreading)
	}
	id := pad(w.pad23, "n")
	columns := []struct{ name, value string }{
		{"n", "n"}, {"id", id}, {"lineage", id}, {"case_id", id}, {"attempt", "1"},
		{"state", "CASE WHEN n % 100 = 0 THEN 'revoked' ELSE 'current' END"}, {"subject", "'示例医疗器械有限公司' || " + pad(w.pad8, "n / 50")},
		{"organisation", "'91310000MA' || " + pad(w.pad8, "n / 50")}, {"project", "'" + project + "'"}, {"profile", "'organisation'"},
		{"term_years", "1"}, {"key_number", "'HT' || " + pad(w.pad10, "n / 2")}, {"key_serial", "'HT' || " + pad(w.pad10, "n / 2")},
		{"sign_serial", serial("41")}, {"enc_serial", serial("42")}, {"not_before", "$3"}, {"not_after", "$4"},
		{"entitlement", id}, {"old_pair", "''"}, {"old_serial", "''"}, {"disposal", "'keep'"}, {"evidence_kind", "'decision'"},
		{"key_digest", w.empty}, {"request_digest", w.empty}, {"intended_at", "$3"}, {"issued_at", "$3"}, {"acknowledged_at", "$3"},
		{"revoked_at", "CASE WHEN n % 100 = 0 THEN $3 ELSE 0 END"}, {"reason", "CASE WHEN n % 100 = 0 THEN 4 ELSE 0 END"}, {"issuer", "'" + authority.MainIssuer + "'"},
	}
	var names, values []string
	for _, c := range columns {
		names, values = append(names, c.name), append(values, c.value)
	}
	begin, end := now.AddDate(0, -6, 0).UnixMilli(), now.AddDate(0, 6, 0).UnixMilli()
	if tx.Dialect() == sqldb.Postgres { // whose parameters have a type
		for i := range values {
			values[i] = strings.NewReplacer("$3", "$3::bigint", "$4", "$4::bigint").Replace(values[i])
		}
	}
	_, err := tx.Exec("INSERT INTO pairs ("+strings.Join(names, ", ")+") SELECT "+strings.Join(values, ", ")+" FROM "+w.numbers, from, to, begin, end)
	if err != nil {
		return err
	}
	papers := strings.Join([]string{"n", w.empty, w.empty, w.empty, w.empty, w.empty, w.empty, w.empty, w.empty}, ", ")
	for _, statement := range []string{
		"INSERT INTO papers (n, subject_der, request, evidence, sign_tbs, enc_tbs, envelope, nonce, sealed_nonce) SELECT " + papers + " FROM " + w.numbers,
		"INSERT INTO lineages (n, id, added_at) SELECT n, " + id + ", 1 FROM " + w.numbers,
		"INSERT INTO serials (n, serial, pair) SELECT 2 * n, " + serial("41") + ", " + id + " FROM " + w.numbers,
		"INSERT INTO serials (n, serial, pair) SELECT 2 * n + 1, " + serial("42") + ", " + id + " FROM " + w.numbers,
	} {
		if _, err := tx.Exec(statement, from, to); err != nil {
			return err
		}
	}
	return nil
}
