package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"

	sqlite "modernc.org/sqlite"
)

// openFile opens a file with one writing connection and a pool of readers. WAL
// lets them work beside each other; synchronous=FULL makes every commit
// durable before it is reported.
func openFile(ctx context.Context, path string, snapshot []byte) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if snapshot != nil {
		if err := writeNew(path, snapshot); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	writer, err := openSQLite(ctx, path, url.Values{"_pragma": {
		"busy_timeout(10000)", "journal_mode(wal)", "synchronous(full)", "foreign_keys(1)"}}, 1)
	if err != nil {
		return nil, err
	}
	readers, err := openSQLite(ctx, path, url.Values{"_pragma": {
		"busy_timeout(10000)", "query_only(1)"}}, 4*max(2, runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	return newSQLite(writer, readers), nil
}

// openMemory opens a database that lives in one connection, which reads and
// writes by turns.
func openMemory(ctx context.Context, snapshot []byte) (*DB, error) {
	pool, err := openSQLite(ctx, ":memory:", url.Values{"_pragma": {"foreign_keys(1)"}}, 1)
	if err != nil {
		return nil, err
	}
	if snapshot != nil {
		if err := onConn(ctx, pool, func(c sqliteConn) error { return c.Deserialize(snapshot) }); err != nil {
			return nil, errors.Join(err, pool.Close())
		}
	}
	db := newSQLite(pool, pool)
	db.memory = true
	return db, nil
}

func newSQLite(writer, readers *sql.DB) *DB {
	db := &DB{dialect: SQLite, writer: writer, readers: readers}
	db.group = Batcher[*member]{Serve: db.commitGroup, Limit: groupLimit}
	return db
}

func openSQLite(ctx context.Context, path string, parameters url.Values, connections int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?" + parameters.Encode())
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(cachingConnector{connector})
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("sqldb: open %s: %w", path, err), pool.Close())
	}
	return pool, nil
}

// Snapshot copies a whole SQLite database as it is now, to be opened by
// OpenSnapshot.
func (db *DB) Snapshot(ctx context.Context) ([]byte, error) {
	if db.dialect != SQLite {
		return nil, errors.ErrUnsupported
	}
	var snapshot []byte
	err := onConn(ctx, db.writer, func(c sqliteConn) (err error) {
		snapshot, err = c.Serialize()
		return err
	})
	if err == nil && len(snapshot) > 19 {
		// File format 2 means WAL, which no copy in memory can keep; a file is
		// switched to WAL again when it is opened (SQLite file format, 1.3.3).
		snapshot[18], snapshot[19] = 1, 1
	}
	return snapshot, err
}

func onConn(ctx context.Context, pool *sql.DB, f func(sqliteConn) error) error {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error { return f(c.(*cachingConn).sqliteConn) })
}

func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}
