package fsck

import (
	"context"

	"github.com/certhall/certhall/store/sqldb"
)

// Unheard are the authority's open cases of which the hall knows nothing: it
// was restored from an older backup, or they were opened elsewhere. Nobody goes
// on with them; the authority closes them when they lapse.
func Unheard(ctx context.Context, authority, hall *sqldb.DB) (ids []string, err error) {
	known := map[string]bool{}
	r := &run{}
	err = hall.Read(ctx, func(tx *sqldb.Tx) error {
		if err := r.begin(tx); err != nil {
			return err
		}
		return r.each("SELECT id FROM cases", func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			known[id] = true
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	err = authority.Read(ctx, func(tx *sqldb.Tx) error {
		if err := r.begin(tx); err != nil {
			return err
		}
		return r.each("SELECT id FROM cases WHERE state = 'open' ORDER BY id", func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			if !known[id] {
				ids = append(ids, id)
			}
			return err
		})
	})
	return ids, err
}
