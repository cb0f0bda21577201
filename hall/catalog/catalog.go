// Package catalog is what the hall offers: projects, brands of USB keys, types of
// certificates, products with their prices, and the policy of each project and
// brand. A catalogue is imported whole, as a new version; versions are never
// changed, and an order keeps the price it was made at. Policies can only narrow
// what the authority allows.
package catalog

import (
	"maps"
	"slices"
	"strings"

	"github.com/certhall/certhall"
)

// Names are a thing's names by language: zh-CN, en.
type Names map[string]string

// languages are those that there is a name in, sorted.
func (n Names) languages() []string { return slices.Sorted(maps.Keys(n)) }

// Catalog is one version of what is offered. Version 0 is none: then every
// certificate is renewed and repaired free of charge, by the default policy.
type Catalog struct {
	Version  int64
	Projects []Project
	Brands   []Brand
	Types    []Type
	Offers   []Offer
	Pictures map[string]string // SHA-256 in hex, by the picture's name
}

// Project is what certificates are for (项目), such as 政府采购项目.
type Project struct {
	Code    string `toml:"code"`
	Names   Names  `toml:"name"`
	About   Names  `toml:"about"`   // a sentence or two for the start page
	Picture string `toml:"picture"` // name of a picture; "" for none
	Brand   string `toml:"brand"`   // of keys whose number tells none
}

// Brand of USB keys (品牌), such as 海泰KEY.
type Brand struct {
	Code       string   `toml:"code"`
	Names      Names    `toml:"name"`
	Picture    string   `toml:"picture"`
	KeyNumbers []string `toml:"key_numbers"` // beginnings of the numbers (证书卡号) of its keys; no two brands' overlap
}

// Holders of certificates.
const (
	Organisation = "organisation" // 单位
	Person       = "person"       // 个人
)

// Type of certificates (证书类型), such as 单位证书.
type Type struct {
	Code   string `toml:"code"`
	Names  Names  `toml:"name"`
	Holder string `toml:"holder"` // whose certificates are of this type
}

// Offer is a project on a brand, with its policy and products.
type Offer struct {
	Project, Brand string
	Policy         Policy
	Products       []Product
}

// Policy of an offer. What is zero is left to the authority or the hall.
type Policy struct {
	RenewBefore int               `toml:"renew_before"` // days before the end from which a certificate may be renewed
	RepairAfter int               `toml:"repair_after"` // days after the end until which it may be repaired
	Grace       int               `toml:"grace"`        // days that the old pair counts beside the new one
	Disposal    certhall.Disposal `toml:"disposal"`     // of the old container
	AnyPhone    bool              `toml:"any_phone"`    // whoever has the key may go on with any phone he proves, not only with a registered handler's
	History     int               `toml:"history"`      // old containers that stay on a key at most
}

// Product is a service with its price.
type Product struct {
	Type    string // "" for all
	Service certhall.Service
	Price   certhall.Money // for a year
	Years   []int          // to choose from, the first by default
}

// Holding is what is known of a certificate that somebody asks for.
type Holding struct {
	Project, KeyNumber, Organisation string
}

// Found is what the catalogue says of a certificate.
type Found struct {
	Project Project
	Brand   Brand
	Type    Type
	Offer   Offer
}

// ErrNotOffered says that the catalogue has no such service for a certificate.
var ErrNotOffered = certhall.NewError("not-offered", certhall.Denied)

// Find looks a certificate up: its brand by its key number, else the project's
// own. ErrNotOffered if its project or brand is not in the catalogue.
func (c *Catalog) Find(h Holding) (f Found, err error) {
	project, ok := c.project(h.Project)
	if !ok {
		return f, ErrNotOffered
	}
	f.Project = project
	brand := c.brandOf(h.KeyNumber)
	if brand == "" {
		brand = project.Brand
	}
	if f.Brand, ok = c.brand(brand); !ok {
		return f, ErrNotOffered
	}
	if f.Offer, ok = c.offer(project.Code, brand); !ok {
		return f, ErrNotOffered
	}
	holder := Organisation
	if h.Organisation == "" {
		holder = Person
	}
	f.Type, _ = find(c.Types, func(t Type) bool { return t.Holder == holder })
	return f, nil
}

// brandOf is the brand with a beginning of a key number; "" if none has.
func (c *Catalog) brandOf(number string) string {
	b, _ := find(c.Brands, func(b Brand) bool {
		return slices.ContainsFunc(b.KeyNumbers, func(begins string) bool { return strings.HasPrefix(number, begins) })
	})
	return b.Code
}

// Product is the product for a service: that of the certificate's own type
// before that of all; ErrNotOffered if there is none.
func (f Found) Product(s certhall.Service) (Product, error) {
	for _, kind := range []string{f.Type.Code, ""} {
		if p, ok := find(f.Offer.Products, func(p Product) bool { return p.Service == s && p.Type == kind }); ok {
			return p, nil
		}
	}
	return Product{}, ErrNotOffered
}

// PictureNames are the pictures that the catalogue shows, each once.
func (c *Catalog) PictureNames() (names []string) {
	for _, p := range c.Projects {
		names = append(names, p.Picture)
	}
	for _, b := range c.Brands {
		names = append(names, b.Picture)
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

func (c *Catalog) project(code string) (Project, bool) {
	return find(c.Projects, func(p Project) bool { return p.Code == code })
}

func (c *Catalog) brand(code string) (Brand, bool) {
	return find(c.Brands, func(b Brand) bool { return b.Code == code })
}

func (c *Catalog) offer(project, brand string) (Offer, bool) {
	return find(c.Offers, func(o Offer) bool { return o.Project == project && o.Brand == brand })
}

func find[T any](all []T, is func(T) bool) (found T, ok bool) {
	for _, x := range all {
		if is(x) {
			return x, true
		}
	}
	return found, false
}
