package hall_test

import (
	"bytes"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/store/hall"
)

// offering is a catalogue with two pictures, one of which two things show.
func offering(version int64) (*catalog.Catalog, []catalog.Picture) {
	var pictures []catalog.Picture
	for _, body := range []string{"one", "two"} {
		pictures = append(pictures, catalog.Picture{Digest: catalog.DigestOf([]byte(body)), Kind: "image/png", Body: []byte(body)})
	}
	names := catalog.Names{"zh-CN": "政府采购项目", "en": "Government procurement"}
	return &catalog.Catalog{
		Version:  version,
		Projects: []catalog.Project{{Code: "gov", Names: names, Picture: "a.png", Brand: "haitai"}},
		Brands:   []catalog.Brand{{Code: "haitai", Names: names, Picture: "b.png", KeyNumbers: []string{"HT"}}},
		Offers: []catalog.Offer{{Project: "gov", Brand: "haitai", Policy: catalog.Policy{RenewBefore: 60},
			Products: []catalog.Product{{Service: certhall.Renew, Price: 20000, Years: []int{1, 2}}}}},
		Pictures: map[string]string{"a.png": pictures[0].Digest, "b.png": pictures[1].Digest, "c.png": pictures[1].Digest},
	}, pictures
}

func TestCatalogs(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		all, ctx := s.Catalogs(), t.Context()
		if v, err := all.CatalogVersion(ctx); v != 0 || err != nil {
			t.Error("none:", v, err)
		}
		if _, err := all.Catalog(ctx, 1); !errors.Is(err, catalog.ErrVersion) {
			t.Error("none:", err)
		}
		first, pictures := offering(1)
		if err := all.AddCatalog(ctx, catalog.Edition{Version: 1, At: noon, Operator: "o1", Reason: "r1"}, first, pictures); err != nil {
			t.Fatal(err)
		}
		second, _ := offering(2)
		second.Offers[0].Products[0].Price = 26000
		if err := all.AddCatalog(ctx, catalog.Edition{Version: 2, At: noon.Add(time.Hour), Operator: "o2", Reason: "r2"}, second, pictures); err != nil {
			t.Fatal(err)
		}
		for _, want := range []*catalog.Catalog{first, second} {
			if got, err := all.Catalog(ctx, want.Version); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("stored  %+v\nread back %+v, %v", want, got, err)
			}
		}
		if v, err := all.CatalogVersion(ctx); v != 2 || err != nil {
			t.Error(v, err)
		}
		if got, err := all.Editions(ctx); err != nil || !reflect.DeepEqual(got, []catalog.Edition{
			{Version: 2, At: noon.Add(time.Hour), Operator: "o2", Reason: "r2"}, {Version: 1, At: noon, Operator: "o1", Reason: "r1"}}) {
			t.Error(got, err)
		}
		if p, err := all.Picture(ctx, pictures[1].Digest); err != nil || p.Kind != "image/png" || !bytes.Equal(p.Body, []byte("two")) || p.Digest != pictures[1].Digest {
			t.Error(p, err)
		}
		if _, err := all.Picture(ctx, catalog.DigestOf(nil)); !errors.Is(err, catalog.ErrPicture) {
			t.Error(err)
		}
	})
}

// TestCatalogWholeOrNotAtAll: neither a version out of turn nor one without its
// pictures leaves anything behind.
func TestCatalogWholeOrNotAtAll(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		all, ctx := s.Catalogs(), t.Context()
		for version, want := range map[int64]error{0: catalog.ErrMoved, 2: catalog.ErrMoved} {
			c, pictures := offering(version)
			if err := all.AddCatalog(ctx, catalog.Edition{Version: version}, c, pictures); !errors.Is(err, want) {
				t.Errorf("version %d first: %v", version, err)
			}
		}
		c, pictures := offering(1)
		if err := all.AddCatalog(ctx, catalog.Edition{Version: 1}, c, pictures[:1]); err == nil {
			t.Error("a picture is missing, and nobody says so")
		}
		if v, err := all.CatalogVersion(ctx); v != 0 || err != nil {
			t.Error("left behind:", v, err)
		}
		if _, err := all.Picture(ctx, pictures[0].Digest); !errors.Is(err, catalog.ErrPicture) {
			t.Error("left behind:", err)
		}
	})
}

// TestCatalogImportedTogether: of several that start from the same version one
// is kept.
func TestCatalogImportedTogether(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		var kept, moved atomic.Int32
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				c, pictures := offering(1)
				switch err := s.Catalogs().AddCatalog(t.Context(), catalog.Edition{Version: 1}, c, pictures); {
				case err == nil:
					kept.Add(1)
				case errors.Is(err, catalog.ErrMoved):
					moved.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		group.Wait()
		if kept.Load() != 1 || moved.Load() != 7 {
			t.Errorf("%d kept, %d refused", kept.Load(), moved.Load())
		}
	})
}
