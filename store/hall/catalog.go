package hall

import (
	"context"
	"maps"
	"slices"

	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/store/sqldb"
)

// Catalogs is the store as the room catalog sees it.
func (s *Store) Catalogs() catalog.Archive { return catalogStore{s.db} }

type catalogStore struct{ db *sqldb.DB }

func (s catalogStore) read(ctx context.Context, f func(*rows) error) error {
	return s.db.Read(ctx, func(tx *sqldb.Tx) error { return f(&rows{tx, nil}) })
}

func (s catalogStore) CatalogVersion(ctx context.Context) (version int64, err error) {
	err = s.read(ctx, func(r *rows) error {
		version, err = r.catalogVersion()
		return err
	})
	return version, err
}

func (r *rows) catalogVersion() (version int64, err error) {
	_, err = r.one(`SELECT version FROM catalogs ORDER BY version DESC LIMIT 1`, nil, &version)
	return version, err
}

func (s catalogStore) Catalog(ctx context.Context, version int64) (c *catalog.Catalog, err error) {
	err = s.read(ctx, func(r *rows) error {
		var document string
		found, err := r.one(`SELECT document FROM catalogs WHERE version = $1`, []any{version}, &document)
		if err != nil {
			return err
		}
		if !found {
			return catalog.ErrVersion
		}
		if c, err = catalog.Parse([]byte(document)); err != nil {
			return err
		}
		c.Pictures = map[string]string{}
		return r.each(func(scan func(...any) error) error {
			var name, digest string
			err := scan(&name, &digest)
			c.Pictures[name] = digest
			return err
		}, `SELECT name, digest FROM catalog_pictures WHERE version = $1`, version)
	})
	return c, err
}

func (s catalogStore) Picture(ctx context.Context, digest string) (p catalog.Picture, err error) {
	p.Digest = digest
	err = s.read(ctx, func(r *rows) error {
		found, err := r.one(`SELECT kind, body FROM pictures WHERE digest = $1`, []any{digest}, &p.Kind, &p.Body)
		if err == nil && !found {
			err = catalog.ErrPicture
		}
		return err
	})
	return p, err
}

func (s catalogStore) Editions(ctx context.Context) (all []catalog.Edition, err error) {
	err = s.read(ctx, func(r *rows) error {
		all = nil
		return r.each(func(scan func(...any) error) error {
			var e catalog.Edition
			var when int64
			err := scan(&e.Version, &when, &e.Operator, &e.Reason)
			e.At = at(when)
			all = append(all, e)
			return err
		}, `SELECT version, at, operator, reason FROM catalogs ORDER BY version DESC`)
	})
	return all, err
}

func (s catalogStore) AddCatalog(ctx context.Context, e catalog.Edition, c *catalog.Catalog, pictures []catalog.Picture) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		r := &rows{tx, nil}
		if err := tx.Lock("catalog"); err != nil {
			return err
		}
		latest, err := r.catalogVersion()
		if err != nil {
			return err
		}
		if e.Version != latest+1 || c.Version != e.Version {
			return catalog.ErrMoved
		}
		if err := r.run(`INSERT INTO catalogs (version, at, operator, reason, document) VALUES ($1, $2, $3, $4, $5)`,
			e.Version, ms(e.At), e.Operator, e.Reason, string(catalog.Write(c))); err != nil {
			return err
		}
		for _, p := range pictures {
			if err := r.run(`INSERT INTO pictures (digest, kind, body) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, p.Digest, p.Kind, p.Body); err != nil {
				return err
			}
		}
		for _, name := range slices.Sorted(maps.Keys(c.Pictures)) {
			if err := r.run(`INSERT INTO catalog_pictures (version, name, digest) VALUES ($1, $2, $3)`, e.Version, name, c.Pictures[name]); err != nil {
				return err
			}
		}
		return nil
	})
}
