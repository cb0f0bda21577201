package sim

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/certhall/certhall/store/sqldb"
)

// dump holds every row of a database. Putting rows back is many times cheaper
// than a new connection, whose statements would all be compiled again.
type dump []table

type table struct {
	name, insert string
	rows         [][]any
}

// dumpOf reads all rows.
func dumpOf(db *sqldb.DB) (dump, error) {
	var d dump
	err := db.Read(background, func(tx *sqldb.Tx) error {
		d = nil
		names, err := all(tx.Query(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'goose%'`))
		if err != nil {
			return err
		}
		for _, n := range append(names, []any{"sqlite_sequence"}) {
			t := table{name: fmt.Sprint(n[0])}
			if t.rows, err = all(tx.Query(`SELECT * FROM ` + t.name)); err != nil {
				return err
			}
			if len(t.rows) > 0 {
				t.insert = `INSERT INTO ` + t.name + ` VALUES (?` + strings.Repeat(`, ?`, len(t.rows[0])-1) + `)`
			}
			d = append(d, t)
		}
		return nil
	})
	return d, err
}

func all(rows *sql.Rows, err error) (found [][]any, _ error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		for i, v := range row {
			if b, ok := v.([]byte); ok && b == nil {
				row[i] = []byte{} // empty, not NULL
			}
		}
		found = append(found, row)
	}
	return found, rows.Err()
}

// restore makes a database hold exactly these rows.
func (d dump) restore(db *sqldb.DB) error {
	return db.Write(background, func(tx *sqldb.Tx) error {
		var err error
		for _, t := range slices.Backward(d) { // rows that others refer to go last and come first
			_, wrong := tx.Exec(`DELETE FROM ` + t.name)
			err = errors.Join(err, wrong)
		}
		for _, t := range d {
			for _, row := range t.rows {
				_, wrong := tx.Exec(t.insert, row...)
				err = errors.Join(err, wrong)
			}
		}
		return err
	})
}
