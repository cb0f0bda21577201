package sqldb

import (
	"context"
	"database/sql"
	"errors"
)

// groupLimit is how many transactions share one commit at most: it bounds the
// time that the first of them waits for the others.
const groupLimit = 128

// member is one caller's transaction within a group.
type member struct {
	ctx context.Context // detached: it carries values, it never ends
	f   func(*Tx) error
	err error
}

func (db *DB) writeSQLite(ctx context.Context, f func(*Tx) error) error {
	m := &member{ctx: context.WithoutCancel(ctx), f: f}
	if err := db.group.Do(ctx, m); err != nil {
		return err
	}
	var p *Panic
	if errors.As(m.err, &p) && error(p) == m.err {
		panic(p)
	}
	return m.err
}

// commitGroup runs the members in one transaction, each within a savepoint, so
// that one commit makes all of them durable and one that fails takes only its
// own statements back. When the database gives up the whole transaction (disk
// full, input/output error), each is run again in its own.
func (db *DB) commitGroup(members []*member) {
	if len(members) > 1 && db.commitTogether(members) {
		return
	}
	for _, m := range members {
		m.err = db.commitAlone(m)
	}
}

func (db *DB) commitAlone(m *member) error {
	tx, err := db.writer.BeginTx(m.ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing to do after a commit
	t := &Tx{ctx: m.ctx, tx: tx, dialect: SQLite}
	if err := protect(m.f, t); err != nil {
		return err
	}
	if t.broken != nil {
		return t.broken
	}
	return tx.Commit()
}

func (db *DB) commitTogether(members []*member) bool {
	tx, err := db.writer.BeginTx(context.Background(), nil)
	if err != nil {
		return false
	}
	defer tx.Rollback()
	for _, m := range members {
		if !runMember(tx, m) {
			return false
		}
	}
	return tx.Commit() == nil
}

// runMember answers false if the whole transaction is lost.
func runMember(tx *sql.Tx, m *member) bool {
	if _, err := tx.ExecContext(m.ctx, "SAVEPOINT member"); err != nil {
		return false
	}
	t := &Tx{ctx: m.ctx, tx: tx, dialect: SQLite}
	m.err = protect(m.f, t)
	if t.broken != nil || m.err != nil && endsTransaction(m.err) {
		return false
	}
	if m.err != nil {
		if _, err := tx.ExecContext(m.ctx, "ROLLBACK TO member"); err != nil {
			return false
		}
	}
	_, err := tx.ExecContext(m.ctx, "RELEASE member")
	return err == nil
}
