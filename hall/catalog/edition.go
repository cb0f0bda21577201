package catalog

import (
	"context"
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

// Import makes a draft the version that counts, and answers its number. A draft
// made from another version than the one that counts is refused with ErrMoved,
// unless force overwrites what came between.
func (d Desk) Import(ctx context.Context, draft *Draft, force bool, operator, reason string) (int64, error) {
	latest, err := d.Archive.CatalogVersion(ctx)
	if err != nil {
		return 0, err
	}
	if from := draft.Catalog.Version; from != latest && !force {
		return 0, ErrMoved.With("from", strconv.FormatInt(from, 10)).With("latest", strconv.FormatInt(latest, 10))
	}
	c := *draft.Catalog
	c.Version = latest + 1
	e := Edition{Version: c.Version, At: d.Clock.Now(), Operator: operator, Reason: reason}
	return c.Version, d.Archive.AddCatalog(ctx, e, &c, draft.Pictures)
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
