package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"runtime/debug"
)

// Tx is a transaction as the stores see it. Placeholders are $1, $2, … in
// order of first appearance, on both databases.
type Tx struct {
	ctx     context.Context
	tx      *sql.Tx
	dialect Dialect
	conn    *sql.Conn // PostgreSQL, writing: the connection beneath
	broken  error     // the database gave up the whole transaction
}

// Statement is one statement without rows.
type Statement struct {
	Query string
	Args  []any
}

// ExecAll runs statements that do not depend on each other's answers. On
// PostgreSQL they are sent in one go: waiting for each answer would cost more
// than the statements do. The first that fails ends it.
func (t *Tx) ExecAll(statements []Statement) error {
	if t.conn != nil && len(statements) > 1 {
		return sendAll(t.ctx, t.conn, statements)
	}
	for _, s := range statements {
		if _, err := t.Exec(s.Query, s.Args...); err != nil {
			return err
		}
	}
	return nil
}

// Exec runs a statement without rows.
func (t *Tx) Exec(query string, args ...any) (sql.Result, error) {
	if t.broken != nil {
		return nil, t.broken
	}
	result, err := t.tx.ExecContext(t.ctx, query, args...)
	t.note(err)
	return result, err
}

// Query runs a statement with rows.
func (t *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	if t.broken != nil {
		return nil, t.broken
	}
	rows, err := t.tx.QueryContext(t.ctx, query, args...)
	t.note(err)
	return rows, err
}

// QueryRow runs a statement with at most one row.
func (t *Tx) QueryRow(query string, args ...any) *sql.Row {
	return t.tx.QueryRowContext(t.ctx, query, args...)
}

// SQL is the transaction beneath, for libraries that enqueue within it.
func (t *Tx) SQL() *sql.Tx { return t.tx }

// Context is the transaction's context: in a Write it never ends.
func (t *Tx) Context() context.Context { return t.ctx }

// Dialect tells which database it is.
func (t *Tx) Dialect() Dialect { return t.dialect }

// ForUpdate ends a SELECT that locks its rows: " FOR UPDATE" on PostgreSQL,
// nothing on SQLite, whose writer is alone anyway.
func (t *Tx) ForUpdate() string {
	if t.dialect == Postgres {
		return " FOR UPDATE"
	}
	return ""
}

// Bytewise compares and sorts a text byte by byte, as COLLATE BINARY in a
// migration's index does.
func (t *Tx) Bytewise() string {
	if t.dialect == Postgres {
		return `COLLATE "C"`
	}
	return "COLLATE BINARY"
}

// Lock holds a name until the transaction ends: whoever else locks it waits.
// No row is kept of it. On SQLite the writer is alone anyway.
func (t *Tx) Lock(name string) error {
	if t.dialect != Postgres {
		return nil
	}
	_, err := t.Exec("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", name)
	return err
}

func (t *Tx) note(err error) {
	if err != nil && endsTransaction(err) {
		t.broken = err
	}
}

// Panic carries a member's panic from the goroutine that ran it to its caller.
type Panic struct {
	Value any
	Stack []byte // of the goroutine that ran it
}

func (p *Panic) Error() string { return fmt.Sprintf("%v\n%s", p.Value, p.Stack) }

// protect runs f and returns its error, or its panic as a *Panic.
func protect(f func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &Panic{Value: v, Stack: debug.Stack()}
		}
	}()
	return f(tx)
}
