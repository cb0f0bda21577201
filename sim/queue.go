package sim

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/sqldb"
)

// queue is the jobs' stand-in: a table in the hall's database, written in the
// transaction that makes an effect, so that it survives a crash exactly when
// that was committed. In production River's tables are this queue.
type queue struct{}

const queueSchema = `CREATE TABLE sim_queue (id INTEGER PRIMARY KEY AUTOINCREMENT, effect TEXT NOT NULL)`

// Enqueue implements the hall's store.Enqueuer.
func (queue) Enqueue(ctx context.Context, tx *sql.Tx, e services.Effect) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO sim_queue (effect) VALUES ($1)`, string(text))
	return err
}

// job is one waiting effect.
type job struct {
	id     int64
	effect services.Effect
}

// jobs are the waiting effects, oldest first.
func jobs(db *sqldb.DB) (waiting []job, err error) {
	err = db.Read(background, func(tx *sqldb.Tx) error {
		rows, err := tx.Query(`SELECT id, effect FROM sim_queue ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var j job
			var text string
			if err := rows.Scan(&j.id, &text); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &j.effect); err != nil {
				return err
			}
			waiting = append(waiting, j)
		}
		return rows.Err()
	})
	return waiting, err
}

// finish takes a job out of the queue.
func finish(db *sqldb.DB, j job) error {
	return db.Write(background, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM sim_queue WHERE id = $1`, j.id)
		return err
	})
}
