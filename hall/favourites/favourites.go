// Package favourites keeps what a person wants at hand (我的收藏): projects, or
// projects on a brand, and certificates. A certificate is kept by its lineage,
// so it stays when it is renewed, and is shown only while the person may see it.
package favourites

import (
	"context"
	"io"
	"regexp"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
)

// most bounds what one person keeps.
const most = 200

// Refusals of this shelf.
var (
	ErrFavourite = certhall.NewError("favourite-malformed", certhall.Invalid)
	ErrFull      = certhall.NewError("favourites-full", certhall.Conflict)
	ErrMissing   = certhall.NewError("favourite-certificate", certhall.NotFound) // no such certificate, or not his to see
)

// Favourite is one thing that a person keeps.
type Favourite struct {
	ID          string       `json:"id"`
	Project     string       `json:"project,omitempty" doc:"code"`
	Brand       string       `json:"brand,omitempty" doc:"code; with a project, may be missing"`
	Certificate *Certificate `json:"certificate,omitempty" doc:"instead of a project"`
	Since       time.Time    `json:"since"`

	Lineage certhall.LineageID `json:"-"` // "" for a project
}

// Certificate is the latest pair of a lineage; GET /api/certificates tells
// what may be done with it.
type Certificate struct {
	Serial       certhall.Serial `json:"serial" doc:"of the signing certificate"`
	Subject      string          `json:"subject"`
	Organisation string          `json:"organisation"`
	Project      string          `json:"project" doc:"code"`
	KeyNumber    string          `json:"key_number"`
	NotAfter     time.Time       `json:"not_after"`
}

// List is what a person keeps, the latest first.
type List struct {
	Favourites []Favourite `json:"favourites"`
}

// Wanted is what is to be kept: a project, perhaps on a brand; or a certificate
// by the serial number of one of its pairs.
type Wanted struct {
	Project string          `json:"project,omitempty" maxLength:"64"`
	Brand   string          `json:"brand,omitempty" maxLength:"64"`
	Serial  certhall.Serial `json:"serial,omitempty" maxLength:"40"`
}

// Store is what the shelf needs of the database.
type Store interface {
	// Favourites of a person, without certificates that he may not see.
	Favourites(ctx context.Context, person string) ([]Favourite, error)
	// LineageFor finds a certificate that a person may see; "" if there is none.
	LineageFor(ctx context.Context, person string, serial certhall.Serial) (certhall.LineageID, error)
	// AddFavourite keeps one, unless it is kept; false if there would be more
	// than most.
	AddFavourite(ctx context.Context, person string, f Favourite, most int) (bool, error)
	DropFavourite(ctx context.Context, person, id string) error
}

// Shelf keeps people's favourites.
type Shelf struct {
	Store  Store
	Clock  certhall.Clock
	Random io.Reader
}

var codes = regexp.MustCompile(`^[\p{L}\p{N}._-]{1,64}$`)

// List shows what a person keeps.
func (s *Shelf) List(ctx context.Context, v accounts.Visit) (List, error) {
	found, err := s.Store.Favourites(ctx, v.Person)
	return List{append([]Favourite{}, found...)}, err
}

// Add keeps something; what is kept already stays as it is.
func (s *Shelf) Add(ctx context.Context, v accounts.Visit, w Wanted) (List, error) {
	now := s.Clock.Now().UTC().Truncate(time.Millisecond)
	f := Favourite{ID: certhall.NewID(now, s.Random), Project: w.Project, Brand: w.Brand, Since: now}
	switch {
	case w.Serial != "" && w.Project == "" && w.Brand == "":
		lineage, err := s.Store.LineageFor(ctx, v.Person, w.Serial)
		if err != nil {
			return List{}, err
		}
		if lineage == "" {
			return List{}, ErrMissing
		}
		f.Lineage = lineage
	case w.Serial != "" || !codes.MatchString(w.Project) || w.Brand != "" && !codes.MatchString(w.Brand):
		return List{}, ErrFavourite
	}
	if kept, err := s.Store.AddFavourite(ctx, v.Person, f, most); err != nil || !kept {
		if err == nil {
			err = ErrFull
		}
		return List{}, err
	}
	return s.List(ctx, v)
}

// Remove forgets one of a person's favourites; what is not there is forgotten.
func (s *Shelf) Remove(ctx context.Context, v accounts.Visit, id string) (List, error) {
	if err := s.Store.DropFavourite(ctx, v.Person, id); err != nil {
		return List{}, err
	}
	return s.List(ctx, v)
}
