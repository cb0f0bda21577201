package catalog

import (
	"context"
	"sync"
)

// Store is what a Shelf needs of the hall's database.
type Store interface {
	// CatalogVersion is the number of the version that counts; 0 if there is none.
	CatalogVersion(ctx context.Context) (int64, error)
	// Catalog reads a version; ErrVersion if there is no such one.
	Catalog(ctx context.Context, version int64) (*Catalog, error)
	// Picture reads a picture; ErrPicture if there is no such one.
	Picture(ctx context.Context, digest string) (Picture, error)
}

// Shelf hands out the catalogue that counts.
type Shelf struct {
	Store  Store
	Limits Limits // the authority's own policy, told where an offer's says nothing

	mu   sync.Mutex
	last *Catalog
}

// Current is the version that counts at this moment; nobody changes it.
func (s *Shelf) Current(ctx context.Context) (*Catalog, error) {
	version, err := s.Store.CatalogVersion(ctx)
	if err != nil {
		return nil, err
	}
	if version == 0 {
		return &Catalog{}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || s.last.Version != version {
		if s.last, err = s.Store.Catalog(ctx, version); err != nil {
			return nil, err
		}
	}
	return s.last, nil
}

// Offerings are the catalogue that counts, for everybody.
func (s *Shelf) Offerings(ctx context.Context) (Offerings, error) {
	c, err := s.Current(ctx)
	if err != nil {
		return Offerings{}, err
	}
	return c.Offerings(s.Limits), nil
}

// Picture is one of any version's pictures.
func (s *Shelf) Picture(ctx context.Context, digest string) (Picture, error) {
	return s.Store.Picture(ctx, digest)
}
