package catalog

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/certhall/certhall"
)

// What an import and the history answer beside success.
var (
	ErrMoved   = certhall.NewError("catalog-moved", certhall.Conflict)   // another version came between
	ErrVersion = certhall.NewError("catalog-version", certhall.NotFound) // there is no such version
)

// Edition is how a version came to be.
type Edition struct {
	Version  int64
	At       time.Time
	Operator string
	Reason   string
}

// Archive keeps every version.
type Archive interface {
	Store
	// Editions lists all versions, the latest first.
	Editions(ctx context.Context) ([]Edition, error)
	// AddCatalog keeps a version with its pictures, whole or not at all; ErrMoved
	// unless it is the one after the latest. Pictures that are there may be left out.
	AddCatalog(ctx context.Context, e Edition, c *Catalog, pictures []Picture) error
}

// Desk is where versions are made.
type Desk struct {
	Archive Archive
	Clock   certhall.Clock
}

// Compare tells what a draft would change in the version that counts. A draft
// made from another version is refused with ErrMoved, unless force overwrites
// what came between.
func (d Desk) Compare(ctx context.Context, draft *Draft, force bool) (counts *Catalog, changes []Change, err error) {
	if counts, err = d.Version(ctx, 0); err != nil {
		return nil, nil, err
	}
	if draft.Catalog.Version != counts.Version && !force {
		return nil, nil, moved(draft.Catalog.Version, counts.Version)
	}
	return counts, Diff(counts, draft.Catalog), nil
}

// Import makes a draft the version after the one that it was compared with, and
// answers its number; ErrMoved if another came between.
func (d Desk) Import(ctx context.Context, draft *Draft, after int64, operator, reason string) (int64, error) {
	c := *draft.Catalog
	c.Version = after + 1
	err := d.Archive.AddCatalog(ctx, Edition{Version: c.Version, At: d.Clock.Now(), Operator: operator, Reason: reason}, &c, draft.Pictures)
	if errors.Is(err, ErrMoved) {
		if latest, failed := d.Archive.CatalogVersion(ctx); failed == nil {
			err = moved(after, latest)
		}
	}
	return c.Version, err
}

func moved(from, latest int64) error {
	return ErrMoved.With("from", strconv.FormatInt(from, 10)).With("latest", strconv.FormatInt(latest, 10))
}

// Version reads a version, the latest for 0; none at all is an empty one.
func (d Desk) Version(ctx context.Context, version int64) (*Catalog, error) {
	if version == 0 {
		latest, err := d.Archive.CatalogVersion(ctx)
		if err != nil || latest == 0 {
			return &Catalog{}, err
		}
		version = latest
	}
	return d.Archive.Catalog(ctx, version)
}
