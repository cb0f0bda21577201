package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// retries is how often a transaction is run again after a deadlock or a
// serialization failure before the failure is reported.
const retries = 10

func openPostgres(ctx context.Context, address string) (*DB, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("sqldb: the database's address is malformed") // it may hold a password
	}
	parameters, connections := u.Query(), 16
	if pool := parameters.Get("pool"); pool != "" {
		if connections, err = strconv.Atoi(pool); err != nil || connections < 1 {
			return nil, fmt.Errorf("sqldb: pool=%s is not a number of connections", pool)
		}
		parameters.Del("pool")
		u.RawQuery = parameters.Encode()
	}
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	// A commit that is reported must be durable, whatever the server's default;
	// detached statements must end even if the server's other side is stuck.
	// Plans are made while tables are small and kept while they grow: without
	// enable_seqscan=off they would go on reading whole tables until the next
	// ANALYZE, though an index stands for every statement.
	for name, value := range map[string]string{
		"synchronous_commit": "on", "statement_timeout": "60000",
		"idle_in_transaction_session_timeout": "60000", "application_name": "certhall",
		"enable_seqscan": "off",
	} {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	pool := stdlib.OpenDB(*config)
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: open PostgreSQL: %w", err), pool.Close())
	}
	schema, _, _ := strings.Cut(config.RuntimeParams["search_path"], ",")
	return &DB{dialect: Postgres, writer: pool, readers: pool, schema: strings.Trim(schema, ` "`)}, nil
}

func (db *DB) writePostgres(ctx context.Context, f func(*Tx) error) error {
	for n := 0; ; n++ {
		err := db.writeOnce(ctx, f)
		var p *Panic
		if errors.As(err, &p) && error(p) == err {
			panic(p)
		}
		if err == nil || n == retries || !retryable(err) {
			return named(err)
		}
	}
}

func (db *DB) writeOnce(ctx context.Context, f func(*Tx) error) error {
	conn, err := db.writer.Conn(ctx) // waiting for a connection may be given up
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx = context.WithoutCancel(ctx)
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing to do after a commit
	if err := protect(f, &Tx{ctx: ctx, tx: tx, dialect: Postgres, conn: conn}); err != nil {
		return err
	}
	return tx.Commit()
}

// sendAll uses the driver's pipeline, which database/sql does not know, on the
// connection that the transaction holds.
func sendAll(ctx context.Context, conn *sql.Conn, statements []Statement) error {
	batch := new(pgx.Batch)
	for _, s := range statements {
		args := make([]any, len(s.Args))
		for i, a := range s.Args {
			var err error
			if args[i], err = driver.DefaultParameterConverter.ConvertValue(a); err != nil {
				return err
			}
		}
		batch.Queue(s.Query, args...)
	}
	return conn.Raw(func(c any) error { return c.(*stdlib.Conn).Conn().SendBatch(ctx, batch).Close() })
}
