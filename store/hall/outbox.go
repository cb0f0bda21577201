package hall

import (
	"context"
	"encoding/json"
	"time"

	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/store/sqldb"
)

// outboxLife is how long messages are kept: they hold codes.
const outboxLife = 24 * time.Hour

// AddMessage implements notify.Store.
func (s *Store) AddMessage(ctx context.Context, m notify.Message) error {
	vars, err := json.Marshal(m.Vars)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM outbox WHERE at < $1`, ms(m.At.Add(-outboxLife))); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO outbox (key, phone, mail, template, vars, at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			m.Key, m.Phone, m.Mail, m.Template, string(vars), ms(m.At))
		return err
	})
}

// Messages implements notify.Store.
func (s *Store) Messages(ctx context.Context, after time.Time, limit int) ([]notify.Message, error) {
	var found []notify.Message
	err := s.db.Read(ctx, func(tx *sqldb.Tx) error {
		found = nil
		r := &rows{tx, nil}
		return r.each(func(scan func(...any) error) error {
			var m notify.Message
			var vars string
			var sent int64
			if err := scan(&m.Key, &m.Phone, &m.Mail, &m.Template, &vars, &sent); err != nil {
				return err
			}
			m.At = at(sent)
			found = append(found, m)
			return json.Unmarshal([]byte(vars), &found[len(found)-1].Vars)
		}, `SELECT key, phone, mail, template, vars, at FROM outbox WHERE at > $1 ORDER BY at, key LIMIT $2`, ms(after), limit)
	})
	return found, err
}
