package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall/hall/catalog"
)

// Catalog tells what is on offer: hall/catalog's Shelf.
type Catalog interface {
	Offerings(ctx context.Context) (catalog.Offerings, error)
	Picture(ctx context.Context, digest string) (catalog.Picture, error)
}

// noCatalog is that of a hall without one.
type noCatalog struct{}

func (noCatalog) Offerings(context.Context) (catalog.Offerings, error) {
	return new(catalog.Catalog).Offerings(catalog.Limits{}), nil
}

func (noCatalog) Picture(context.Context, string) (catalog.Picture, error) {
	return catalog.Picture{}, catalog.ErrPicture
}

type (
	catalogOutput struct{ Body catalog.Offerings }
	pictureInput  struct {
		Digest string `path:"digest" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the picture, in hex"`
	}
	pictureOutput struct {
		ContentType  string `header:"Content-Type"`
		CacheControl string `header:"Cache-Control"`
		Body         []byte
	}
)

func (r routes) registerCatalog(api huma.API) {
	huma.Register(api, get("catalog", "/api/catalog", "What the hall offers: projects, brands, types, services with prices"), r.catalog)
	picture := get("picture", catalog.PicturePath+"{digest}", "A picture of the catalogue: PNG or JPEG", 404)
	picture.Responses = map[string]*huma.Response{"200": {Description: "The picture", Content: map[string]*huma.MediaType{
		"image/png": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}, "image/jpeg": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
	}}}
	huma.Register(api, picture, r.picture)
}

func (r routes) catalog(ctx context.Context, _ *struct{}) (*catalogOutput, error) {
	offered, err := r.Catalog.Offerings(ctx)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &catalogOutput{offered}, nil
}

// picture never changes under its address.
func (r routes) picture(ctx context.Context, in *pictureInput) (*pictureOutput, error) {
	p, err := r.Catalog.Picture(ctx, in.Digest)
	if err != nil {
		return nil, r.problem(ctx, err)
	}
	return &pictureOutput{p.Kind, "public, max-age=31536000, immutable", p.Body}, nil
}
