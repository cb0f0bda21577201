package authority

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/store/sqldb"
)

const checkpointColumns = "number, hash, at, signed"

// errNotOfChain is what only a signer of another chain can meet.
var errNotOfChain = errors.New("store/authority: the checkpoint's hash is not the chain's at its number")

func checkpoints(tx *sqldb.Tx, where string, args ...any) (list []audit.Checkpoint, err error) {
	found, err := tx.Query("SELECT "+checkpointColumns+" FROM checkpoints "+where, args...)
	err = all(found, err, func(row *sql.Rows) error {
		var c audit.Checkpoint
		err := row.Scan(&c.Number, &c.Hash, instant{&c.At}, &c.Signed)
		list = append(list, c)
		return err
	})
	return list, err
}

func lastCheckpoint(tx *sqldb.Tx) (c audit.Checkpoint, err error) {
	list, err := checkpoints(tx, "ORDER BY number DESC LIMIT 1")
	if len(list) > 0 {
		c = list[0]
	}
	return c, err
}

// End implements audit.CheckpointStore.
func (s *Store) End(ctx context.Context) (e audit.End, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if err := tx.QueryRow("SELECT seq, hash FROM chain WHERE n = 1").Scan(&e.Number, &e.Hash); err != nil {
			return err
		}
		if e.Last, err = lastCheckpoint(tx); err != nil {
			return err
		}
		found, err := one(tx.QueryRow("SELECT at FROM records WHERE seq = $1", e.Last.Number+1), instant{&e.Since})
		if err == nil && !found {
			_, err = one(tx.QueryRow("SELECT at FROM records WHERE seq IS NULL ORDER BY n LIMIT 1"), instant{&e.Since})
		}
		return err
	})
	return e, err
}

// AddCheckpoint implements audit.CheckpointStore. The lock on the chain's end
// lets one node add at a time.
func (s *Store) AddCheckpoint(ctx context.Context, c audit.Checkpoint) (added bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		added = false
		var seq int64
		if err := tx.QueryRow("SELECT seq FROM chain WHERE n = 1" + tx.ForUpdate()).Scan(&seq); err != nil {
			return err
		}
		last, err := lastCheckpoint(tx)
		if err != nil || last.Number >= c.Number {
			return err
		}
		var hash []byte
		if found, err := one(tx.QueryRow("SELECT hash FROM records WHERE seq = $1", c.Number), &hash); err != nil {
			return err
		} else if !found || !bytes.Equal(hash, c.Hash) {
			return errNotOfChain
		}
		_, err = insert(tx, "checkpoints ("+checkpointColumns+")", []any{c.Number, c.Hash, milliseconds(c.At), c.Signed}, "")
		added = err == nil
		return err
	})
	return added && err == nil, err
}

// Checkpoints implements audit.CheckpointStore.
func (s *Store) Checkpoints(ctx context.Context, after int64, limit int) (list []audit.Checkpoint, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		list, err = checkpoints(tx, "WHERE number > $1 ORDER BY number LIMIT $2", after, limit)
		return err
	})
	return list, err
}

// SerialsGiven implements audit.CheckpointStore: both serials of every pair
// that was intended, and those of staff.
func (s *Store) SerialsGiven(ctx context.Context, after, upTo int64) (map[string][]certhall.Serial, error) {
	given := map[string][]certhall.Serial{}
	add := func(issuer string, serials ...certhall.Serial) {
		for _, s := range serials {
			if s != "" { // a single certificate has one
				given[issuer] = append(given[issuer], s)
			}
		}
	}
	err := s.db.Read(ctx, func(tx *sqldb.Tx) error {
		found, err := tx.Query(`SELECT issuer, sign_serial, enc_serial FROM records JOIN pairs ON pairs.id = records.pair
			WHERE seq > $1 AND seq <= $2 AND kind = 'intended' ORDER BY seq`, after, upTo)
		err = all(found, err, func(row *sql.Rows) error {
			var issuer string
			var sign, enc certhall.Serial
			err := row.Scan(&issuer, &sign, &enc)
			add(issuer, sign, enc)
			return err
		})
		if err != nil {
			return err
		}
		found, err = tx.Query("SELECT data FROM records WHERE seq > $1 AND seq <= $2 AND kind = 'enrolled' ORDER BY seq", after, upTo)
		return all(found, err, func(row *sql.Rows) error {
			var data []byte
			var enrolled struct{ Serial certhall.Serial }
			if err := row.Scan(&data); err != nil || data == nil {
				return err
			}
			err := json.Unmarshal(data, &enrolled)
			add(authority.MainIssuer, enrolled.Serial)
			return err
		})
	})
	return given, err
}
