package sqldb

import (
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	sqlite "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/certhall/certhall"
)

// ErrText says that a text can stand in no row. PostgreSQL takes neither NUL
// nor what is not UTF-8; where SQLite finds nothing, it ends the transaction.
var ErrText = certhall.NewError("text-malformed", certhall.Invalid)

// What a database cannot do now; the same call may succeed later.
var (
	// ErrAway: there is no connection, or it broke off. Whether a commit that
	// was under way is durable is unknown.
	ErrAway = certhall.NewError("database-away", certhall.Unavailable)
	// ErrFull: there is no room on its disk. Nothing of the transaction is stored.
	ErrFull = certhall.NewError("database-full", certhall.Unavailable)
)

// named is err, or what it says to whoever called: a text that can stand in no
// row, a database that is away or full.
func named(err error) error {
	var known *certhall.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var pg *pgconn.PgError
	var lite *sqlite.Error
	var noConnection *pgconn.ConnectError
	switch {
	case errors.As(err, &pg) && pg.Code == "22021":
		return ErrText.Because(err)
	case errors.As(err, &pg) && pg.Code == "53100", errors.As(err, &lite) && lite.Code()&0xff == lib.SQLITE_FULL:
		return ErrFull.Because(err)
	case errors.As(err, &pg) && away(pg.Code), errors.As(err, &noConnection), errors.Is(err, driver.ErrBadConn), brokenOff(err):
		return ErrAway.Because(err)
	}
	return err
}

// away tells the PostgreSQL errors of a server that goes down, comes up or
// takes no more connections (appendix A: class 08, 57P01–57P03, 53300).
func away(code string) bool {
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57P0") || code == "53300"
}

// brokenOff tells a connection that the other side closed.
func brokenOff(err error) bool {
	var network *net.OpError
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) || strings.Contains(err.Error(), "conn closed")
}

// IsUnique tells whether err says that a unique index stands against a row,
// and names it: on PostgreSQL the index or constraint, on SQLite, which tells
// only the columns, "table_column_column". An index named by its table and
// columns, with a suffix at will (pairs_lineage_current), is thus found on both
// with strings.HasPrefix(name, "pairs_lineage").
func (db *DB) IsUnique(err error) (name string, ok bool) {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		return pg.ConstraintName, true
	}
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return "", false
	}
	switch lite.Code() {
	case lib.SQLITE_CONSTRAINT_UNIQUE, lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_ROWID:
	default:
		return "", false
	}
	// constraint failed: UNIQUE constraint failed: pairs.case_id, pairs.attempt (2067)
	text := lite.Error()
	text = text[strings.LastIndex(text, ": ")+2:]
	text, _, _ = strings.Cut(text, " (")
	for i, column := range strings.Split(text, ", ") {
		table, column, _ := strings.Cut(column, ".")
		if i == 0 {
			name = table
		}
		name += "_" + column
	}
	return name, true
}

// endsTransaction tells errors after which SQLite may have rolled the whole
// transaction back (sqlite.org/lang_transaction.html, "response to errors").
func endsTransaction(err error) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	switch lite.Code() & 0xff {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_INTERRUPT, lib.SQLITE_NOMEM,
		lib.SQLITE_BUSY, lib.SQLITE_CORRUPT, lib.SQLITE_CANTOPEN:
		return true
	}
	return false
}

// retryable tells the PostgreSQL errors after which the same transaction may
// succeed: serialization failure and deadlock.
func retryable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}
