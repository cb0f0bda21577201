package web_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/web"
)

// shelf holds one catalogue with one picture.
type shelf struct{ err error }

var drawn = catalog.Picture{Digest: strings.Repeat("a1", 32), Kind: "image/png", Body: []byte("\x89PNG drawn")}

func (s shelf) Offerings(context.Context) (catalog.Offerings, error) {
	c := catalog.Catalog{
		Version:  7,
		Projects: []catalog.Project{{Code: "gov", Names: catalog.Names{"zh-CN": "政府采购项目", "en": "Government procurement"}, Picture: "gov.png", Brand: "haitai"}},
		Brands:   []catalog.Brand{{Code: "haitai", Names: catalog.Names{"zh-CN": "海泰KEY", "en": "Haitai"}, KeyNumbers: []string{"HT"}}},
		Types:    []catalog.Type{{Code: "unit", Names: catalog.Names{"zh-CN": "单位证书", "en": "Organisation"}, Holder: catalog.Organisation}},
		Offers: []catalog.Offer{{Project: "gov", Brand: "haitai", Policy: catalog.Policy{RenewBefore: 60, Disposal: certhall.Keep, History: 3},
			Products: []catalog.Product{{Service: certhall.Renew, Price: 20000, Years: []int{1, 2, 3}}}}},
		Pictures: map[string]string{"gov.png": drawn.Digest},
	}
	return c.Offerings(catalog.Limits{RenewBefore: 90, RepairAfter: 365, Grace: 30}), s.err
}

func (s shelf) Picture(_ context.Context, digest string) (catalog.Picture, error) {
	if digest != drawn.Digest {
		return catalog.Picture{}, catalog.ErrPicture
	}
	return drawn, s.err
}

func withShelf(o *web.Options) {
	o.Catalog = shelf{}
	o.Hall.Projects = []web.Project{{Code: "gov", Names: map[string]string{"en": "of the flag"}}, {Code: "tax", Names: map[string]string{"en": "Taxes"}}}
}

func TestCatalog(t *testing.T) {
	get := func(path string) scenario {
		return scenario{method: "GET", path: path, status: 200, content: jsonType}
	}
	s := get("/api/catalog")
	s.has = []string{`"version":7`, `"picture":"/api/pictures/` + drawn.Digest + `"`, `"price":20000`, `"years":[1,2,3]`, `"renew_before":60`,
		`"repair_after":365`, `"grace":30`, `"any_phone":false`, `"key_numbers":["HT"]`, `"holder":"organisation"`, `"zh-CN":"海泰KEY"`}
	s.hasNot = []string{"200.00", "gov.png"}
	s.run(t, withShelf)
	s = get("/api/catalog")
	s.has = []string{`{"version":0,"projects":[],"brands":[],"types":[],"offers":[]}`}
	s.run(t)
	s = get("/api/catalog")
	s.status, s.content, s.hasNot = 500, problemType, []string{`"version"`}
	s.run(t, func(o *web.Options) { o.Catalog = shelf{errors.New("disk")} })
}

// TestProjectsHaveOneName: the catalogue's before the flag's.
func TestProjectsHaveOneName(t *testing.T) {
	s := scenario{method: "GET", path: "/api/hall", status: 200, content: jsonType}
	s.has = []string{`"projects":[{"code":"gov","names":{"en":"Government procurement","zh-CN":"政府采购项目"}},{"code":"tax","names":{"en":"Taxes"}}]`}
	s.hasNot = []string{"of the flag"}
	s.run(t, withShelf)
	s.has, s.hasNot = []string{`"projects":[{"code":"tax"`}, nil
	s.run(t, func(o *web.Options) { o.Hall.Projects = []web.Project{{Code: "tax"}} })
}

func TestPicture(t *testing.T) {
	s := scenario{method: "GET", path: "/api/pictures/" + drawn.Digest, status: 200, content: "image/png", has: []string{string(drawn.Body)}}
	h := s.run(t, withShelf).Header()
	if h.Get("Cache-Control") != "public, max-age=31536000, immutable" || h.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v", h)
	}
	for path, status := range map[string]int{strings.Repeat("b2", 32): 404, "logo.svg": 422, strings.ToUpper(drawn.Digest): 422} {
		s := scenario{method: "GET", path: "/api/pictures/" + path, status: status, content: problemType}
		if h := s.run(t, withShelf).Header(); h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v", path, h)
		}
	}
	scenario{method: "GET", path: "/api/pictures/" + drawn.Digest, status: 404, content: problemType}.run(t)
}

// TestKinds: without a log-in, and of so many certificates at once as a PC holds.
func TestKinds(t *testing.T) {
	ask := func(serials string, status int, content string, has ...string) {
		scenario{method: "POST", path: "/api/certificates/kinds", body: `{"serials":[` + serials + `]}`, status: status, content: content, has: has}.run(t)
	}
	ask(`"0a"`, 200, jsonType, `{"kinds":[{"serial":"0a","project":"gov","brand":"haitai"}]}`)
	ask(``, 422, problemType)
	ask(strings.Repeat(`"0a",`, 64)+`"0a"`, 422, problemType)
}
