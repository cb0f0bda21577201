package catalog

import (
	"context"
	"sync"
)

// Store is what a Shelf needs of the hall's database.
type Store interface {
	// CatalogVersion is the number of the version that counts; 0 if there is none.
	CatalogVersion(ctx context.Context) (int64, error)
	// Catalog reads a version.
	Catalog(ctx context.Context, version int64) (*Catalog, error)
}

// Shelf hands out the catalogue that counts.
type Shelf struct {
	Store Store

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
