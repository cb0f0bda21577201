package web

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/favourites"
)

type (
	favouritesOutput struct{ Body favourites.List }
	favouriteInput   struct{ Body favourites.Wanted }
	noFavouriteInput struct {
		Favourite string `path:"favourite" maxLength:"64" doc:"id"`
	}
)

// registerFavourites registers what a person keeps at hand (我的收藏).
func (r routes) registerFavourites(api huma.API) {
	huma.Register(api, mine(get("favourites", "/api/me/favourites", "What the person keeps at hand", 401)), r.favourites)
	huma.Register(api, mine(post("add-favourite", "/api/me/favourites", "Keep a project, perhaps on a brand; or a certificate", 200, 401, 404, 409)), r.addFavourite)
	huma.Register(api, mine(post("remove-favourite", "/api/me/favourites/{favourite}/remove", "Keep something no longer", 200, 401)), r.removeFavourite)
}

func (r routes) favourites(ctx context.Context, _ *struct{}) (*favouritesOutput, error) {
	list, err := asMe(ctx, r, func(v accounts.Visit) (favourites.List, error) { return r.Favourites.List(ctx, v) })
	return &favouritesOutput{list}, err
}

func (r routes) addFavourite(ctx context.Context, in *favouriteInput) (*favouritesOutput, error) {
	list, err := asMe(ctx, r, func(v accounts.Visit) (favourites.List, error) { return r.Favourites.Add(ctx, v, in.Body) })
	return &favouritesOutput{list}, err
}

func (r routes) removeFavourite(ctx context.Context, in *noFavouriteInput) (*favouritesOutput, error) {
	list, err := asMe(ctx, r, func(v accounts.Visit) (favourites.List, error) { return r.Favourites.Remove(ctx, v, in.Favourite) })
	return &favouritesOutput{list}, err
}
