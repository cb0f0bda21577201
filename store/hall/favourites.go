package hall

import (
	"context"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/favourites"
	"github.com/certhall/certhall/store/sqldb"
)

// Favourites implements favourites.Store.
func (s *Store) Favourites(ctx context.Context, person string) ([]favourites.Favourite, error) {
	var found []favourites.Favourite
	err := s.db.Read(ctx, func(tx *sqldb.Tx) error {
		found = nil
		return (&rows{tx, nil}).each(func(scan func(...any) error) error {
			var f favourites.Favourite
			var c favourites.Certificate
			var since, end int64
			err := scan(&f.ID, &f.Project, &f.Brand, &f.Lineage, &since, &c.Serial, &c.Subject, &c.Organisation, &c.Project, &c.KeyNumber, &end)
			f.Since, c.NotAfter = at(since), at(end)
			if f.Lineage != "" {
				f.Certificate = &c
			}
			found = append(found, f)
			return err
		}, `SELECT favourites.id, favourites.project, brand, favourites.lineage, favourites.made_at, COALESCE(sign_serial, ''), COALESCE(subject, ''),
				COALESCE(organisation, ''), COALESCE(certificates.project, ''), COALESCE(key_number, ''), COALESCE(not_after, 0)
			FROM favourites LEFT JOIN certificates ON favourites.lineage <> '' AND certificates.pair_id = (
				SELECT pair_id FROM certificates AS latest WHERE latest.lineage = favourites.lineage AND state IN ('current', 'superseded', 'revoked')
				ORDER BY CASE WHEN state = 'current' THEN 0 ELSE 1 END, not_before DESC, seq DESC LIMIT 1)
			WHERE favourites.person = $1 AND (favourites.lineage = '' OR pair_id IS NOT NULL AND EXISTS (
				SELECT 1 FROM `+held+` WHERE held.person = $2 AND held.lineage = favourites.lineage))
			ORDER BY favourites.made_at DESC, favourites.id DESC`, person, person)
	})
	return found, err
}

// LineageFor implements favourites.Store.
func (s *Store) LineageFor(ctx context.Context, person string, serial certhall.Serial) (l certhall.LineageID, err error) {
	err = s.db.Read(ctx, func(tx *sqldb.Tx) error {
		_, err := (&rows{tx, nil}).one(`SELECT certificates.lineage FROM certificates WHERE sign_serial = $1 AND EXISTS (
			SELECT 1 FROM `+held+` WHERE held.person = $2 AND held.lineage = certificates.lineage)`, []any{string(serial), person}, &l)
		return err
	})
	return l, err
}

// AddFavourite implements favourites.Store.
func (s *Store) AddFavourite(ctx context.Context, person string, f favourites.Favourite, most int) (kept bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		r := &rows{tx, nil}
		if err := r.tx.Lock("favourites " + person); err != nil {
			return err
		}
		var n, there int
		if _, err := r.one(`SELECT COUNT(*), COALESCE(SUM(CASE WHEN project = $1 AND brand = $2 AND lineage = $3 THEN 1 ELSE 0 END), 0)
			FROM favourites WHERE person = $4`, []any{f.Project, f.Brand, string(f.Lineage), person}, &n, &there); err != nil {
			return err
		}
		if kept = there > 0 || n < most; there > 0 || !kept {
			return nil
		}
		return r.run(`INSERT INTO favourites (id, person, project, brand, lineage, made_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			f.ID, person, f.Project, f.Brand, string(f.Lineage), ms(f.Since))
	})
	return kept, err
}

// DropFavourite implements favourites.Store.
func (s *Store) DropFavourite(ctx context.Context, person, id string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return (&rows{tx, nil}).run(`DELETE FROM favourites WHERE id = $1 AND person = $2`, id, person)
	})
}
