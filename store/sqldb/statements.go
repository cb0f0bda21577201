package sqldb

import (
	"context"
	"database/sql/driver"
)

// statementLimit is how many compiled statements a connection keeps. The
// stores' texts are far fewer; multi-row INSERTs come in many lengths.
const statementLimit = 512

// sqliteConn is what the SQLite driver's connections answer.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	Serialize() ([]byte, error)
	Deserialize([]byte) error
}

// cachingConnector opens connections that keep their compiled statements:
// compiling costs SQLite more than running a short statement. (The PostgreSQL
// driver keeps its own.)
type cachingConnector struct{ driver.Connector }

func (c cachingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &cachingConn{sqliteConn: conn.(sqliteConn), idle: map[string]statement{}}, nil
}

// statement is what the SQLite driver's prepared statements answer.
type statement interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// cachingConn is used under database/sql's lock of the connection.
type cachingConn struct {
	sqliteConn
	idle map[string]statement // by text; a running statement is not among them
}

func (c *cachingConn) take(ctx context.Context, query string) (statement, error) {
	if s, ok := c.idle[query]; ok {
		delete(c.idle, query)
		return s, nil
	}
	s, err := c.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return s.(statement), nil
}

func (c *cachingConn) putBack(query string, s statement) {
	if _, twice := c.idle[query]; twice {
		_ = s.Close()
		return
	}
	if len(c.idle) >= statementLimit {
		for text, old := range c.idle { // any one
			delete(c.idle, text)
			_ = old.Close()
			break
		}
	}
	c.idle[query] = s
}

// ExecContext implements driver.ExecerContext.
func (c *cachingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	defer c.putBack(query, s)
	return s.ExecContext(ctx, args)
}

// QueryContext implements driver.QueryerContext.
func (c *cachingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	s, err := c.take(ctx, query)
	if err != nil {
		return nil, err
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		c.putBack(query, s)
		return nil, err
	}
	return &cachedRows{Rows: rows, conn: c, query: query, statement: s}, nil
}

// BeginTx implements driver.ConnBeginTx with compiled statements: one that
// only reads begins without the writer's lock.
func (c *cachingConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	begin := "BEGIN IMMEDIATE"
	if options.ReadOnly {
		begin = "BEGIN"
	}
	if _, err := c.ExecContext(ctx, begin, nil); err != nil {
		return nil, err
	}
	return cachedTx{c}, nil
}

type cachedTx struct{ conn *cachingConn }

// Commit leaves no transaction behind if it fails.
func (t cachedTx) Commit() error {
	_, err := t.conn.ExecContext(context.Background(), "COMMIT", nil)
	if err != nil {
		_ = t.Rollback() // an error here says that SQLite has done so itself
	}
	return err
}

func (t cachedTx) Rollback() error {
	_, err := t.conn.ExecContext(context.Background(), "ROLLBACK", nil)
	return err
}

// Close closes the statements first: SQLite keeps a connection alive that has some.
func (c *cachingConn) Close() error {
	for _, s := range c.idle {
		_ = s.Close()
	}
	return c.sqliteConn.Close()
}

type cachedRows struct {
	driver.Rows
	conn      *cachingConn
	query     string
	statement statement
}

func (r *cachedRows) Close() error {
	err := r.Rows.Close()
	r.conn.putBack(r.query, r.statement)
	return err
}
