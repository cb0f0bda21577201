package sqldb

import "runtime"

// AwaitWaiting returns once n transactions wait for the writer. On PostgreSQL,
// where they do not wait for each other unless the pool is full, it waits only
// for a full pool.
func AwaitWaiting(db *DB, n int) {
	for {
		if db.dialect == Postgres {
			if db.writer.Stats().MaxOpenConnections > 1 || db.writer.Stats().WaitCount >= int64(n) {
				return
			}
		} else if db.group.countWaiting() >= n {
			return
		}
		runtime.Gosched()
	}
}

func (b *Batcher[T]) countWaiting() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// AwaitBatch returns once n callers wait for their turn.
func AwaitBatch[T any](b *Batcher[T], n int) {
	for b.countWaiting() < n {
		runtime.Gosched()
	}
}
