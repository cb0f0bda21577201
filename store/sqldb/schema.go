package sqldb

import (
	"fmt"
	"slices"
	"strings"
)

// Kind of a column's values.
type Kind string

// The kinds that the stores use.
const (
	Text    Kind = "text"
	Integer Kind = "integer" // int64; times are milliseconds since 1970
	Boolean Kind = "boolean"
	Bytes   Kind = "bytes"
)

// Table is one table as it stands in a database.
type Table struct {
	Name    string   `json:"table"`
	Columns []Column `json:"columns"` // in the order in which they were declared
}

// Column of a Table.
type Column struct {
	Name string `json:"name"`
	Kind Kind   `json:"kind"`
}

// Names lists the columns as a statement does.
func (t Table) Names() string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = quoted(c.Name)
	}
	return strings.Join(names, ", ")
}

// Quoted is the table's name as it stands in a statement.
func (t Table) Quoted() string { return quoted(t.Name) }

func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// What each database calls its tables, their columns and which table points to
// which other.
var schemaQueries = map[Dialect]struct{ columns, references string }{
	SQLite: {
		`SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c
			WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY m.name, c.cid`,
		`SELECT m.name, f."table" FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`,
	},
	Postgres: {
		`SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
			ORDER BY c.relname COLLATE "C", a.attnum`,
		`SELECT a.relname, b.relname FROM pg_constraint f JOIN pg_class a ON a.oid = f.conrelid JOIN pg_class b ON b.oid = f.confrelid
			WHERE f.contype = 'f' AND a.relnamespace = current_schema()::regnamespace`,
	},
}

// Tables are the tables of the transaction's schema that keep accepts, by
// name, except that a table stands behind those its rows point to. A column
// of a type that the stores do not use is an error.
func (t *Tx) Tables(keep func(name string) bool) ([]Table, error) {
	var tables []Table
	queries := schemaQueries[t.dialect]
	err := t.each(queries.columns, func(name, column, kind string) error {
		if !keep(name) {
			return nil
		}
		k, err := kindOf(kind)
		if err != nil {
			return fmt.Errorf("sqldb: %s.%s: %w", name, column, err)
		}
		if n := len(tables); n == 0 || tables[n-1].Name != name {
			tables = append(tables, Table{Name: name})
		}
		last := &tables[len(tables)-1]
		last.Columns = append(last.Columns, Column{column, k})
		return nil
	})
	if err != nil {
		return nil, err
	}
	pointsTo := map[string][]string{}
	rows, err := t.Query(queries.references)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var from, to string
		if err := rows.Scan(&from, &to); err != nil {
			return nil, err
		}
		pointsTo[from] = append(pointsTo[from], to)
	}
	return behind(tables, pointsTo), rows.Err()
}

// HasTable tells whether a table stands in the transaction's schema.
func (t *Tx) HasTable(name string) (yes bool, err error) {
	query := "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1)"
	if t.dialect == Postgres {
		query = "SELECT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND relname = $1)"
	}
	err = t.QueryRow(query, name).Scan(&yes)
	return yes, err
}

// each calls f for every row of three texts.
func (t *Tx) each(query string, f func(a, b, c string) error) error {
	rows, err := t.Query(query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var a, b, c string
		if err := rows.Scan(&a, &b, &c); err != nil {
			return err
		}
		if err := f(a, b, c); err != nil {
			return err
		}
	}
	return rows.Err()
}

// behind puts every table behind those it points to.
func behind(tables []Table, pointsTo map[string][]string) []Table {
	var sorted []Table
	placed := map[string]bool{}
	for len(sorted) < len(tables) {
		before := len(sorted)
		for _, t := range tables {
			waits := slices.ContainsFunc(pointsTo[t.Name], func(to string) bool { return to != t.Name && !placed[to] })
			if !placed[t.Name] && !waits {
				placed[t.Name] = true
				sorted = append(sorted, t)
			}
		}
		if len(sorted) == before { // a circle, or a table that was not kept: as they come
			for _, t := range tables {
				if !placed[t.Name] {
					sorted = append(sorted, t)
				}
			}
		}
	}
	return sorted
}

func kindOf(declared string) (Kind, error) {
	switch strings.ToLower(declared) {
	case "text":
		return Text, nil
	case "integer", "bigint":
		return Integer, nil
	case "boolean":
		return Boolean, nil
	case "blob", "bytea":
		return Bytes, nil
	}
	return "", fmt.Errorf("the stores use no type %s", declared)
}

// Unhurried lets a transaction read or write for as long as it takes, and
// PostgreSQL read whole tables, which the stores otherwise never do.
func (t *Tx) Unhurried() error {
	if t.dialect != Postgres {
		return nil
	}
	for _, setting := range []string{"enable_seqscan = on", "statement_timeout = 0", "idle_in_transaction_session_timeout = 0"} {
		if _, err := t.Exec("SET LOCAL " + setting); err != nil {
			return err
		}
	}
	return nil
}

// ContinueNumbering lets the insertion-ordered key of a table go on behind the
// rows that were written with theirs.
func (t *Tx) ContinueNumbering(table Table) error {
	if t.dialect != Postgres || !slices.ContainsFunc(table.Columns, func(c Column) bool { return c.Name == "n" }) {
		return nil // SQLite looks at the rows by itself
	}
	_, err := t.Exec(`SELECT setval(s, (SELECT max(n) FROM ` + table.Quoted() + `)) FROM pg_get_serial_sequence('` + table.Quoted() + `', 'n') s
		WHERE s IS NOT NULL AND EXISTS (SELECT 1 FROM ` + table.Quoted() + `)`)
	return err
}
