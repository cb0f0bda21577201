// Package catalog is what the hall offers: projects, brands of USB keys, types of
// certificates, products with their prices, and the policy of each project and
// brand. A catalogue is imported whole, as a new version; versions are never
// changed, and an order keeps the price it was made at. Policies can only narrow
// what the authority allows.
package catalog

import (
	"strings"

	"github.com/certhall/certhall"
)

// Names are a thing's names by language: zh-CN, en.
type Names map[string]string

// Catalog is one version of what is offered. Version 0 is none: then every
// certificate is renewed and repaired free of charge, by the default policy.
type Catalog struct {
	Version  int64
	Projects []Project
	Brands   []Brand
	Types    []Type
	Offers   []Offer
}

// Project is what certificates are for (项目), such as 政府采购项目.
type Project struct {
	Code    string
	Names   Names
	About   Names  // a sentence or two for the start page
	Picture string // name of a picture; "" for none
	Brand   string // of keys whose number tells none
}

// Brand of USB keys (品牌), such as 海泰KEY.
type Brand struct {
	Code       string
	Names      Names
	Picture    string
	KeyNumbers []string // beginnings of the numbers (证书卡号) of its keys
}

// Holders of certificates.
const (
	Organisation = "organisation" // 单位
	Person       = "person"       // 个人
)

// Type of certificates (证书类型), such as 单位证书.
type Type struct {
	Code   string
	Names  Names
	Holder string // whose certificates are of this type
}

// Offer is a project on a brand, with its policy and products.
type Offer struct {
	Project, Brand string
	Policy         Policy
	Products       []Product
}

// Policy of an offer. What is zero is left to the authority or the hall.
type Policy struct {
	RenewBefore int               // days before the end from which a certificate may be renewed
	RepairAfter int               // days after the end until which it may be repaired
	Grace       int               // days that the old pair counts beside the new one
	Disposal    certhall.Disposal // of the old container
	AnyPhone    bool              // whoever has the key may go on with any phone he proves, not only with a registered handler's
	History     int               // old containers that stay on a key at most
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
	project, ok := find(c.Projects, func(p Project) bool { return p.Code == h.Project })
	if !ok {
		return f, ErrNotOffered
	}
	f.Project = project
	brand := c.brandOf(h.KeyNumber)
	if brand == "" {
		brand = project.Brand
	}
	if f.Brand, ok = find(c.Brands, func(b Brand) bool { return b.Code == brand }); !ok {
		return f, ErrNotOffered
	}
	if f.Offer, ok = find(c.Offers, func(o Offer) bool { return o.Project == project.Code && o.Brand == brand }); !ok {
		return f, ErrNotOffered
	}
	holder := Organisation
	if h.Organisation == "" {
		holder = Person
	}
	f.Type, _ = find(c.Types, func(t Type) bool { return t.Holder == holder })
	return f, nil
}

// brandOf is the brand with the longest beginning of a key number; "" if none has.
func (c *Catalog) brandOf(number string) (code string) {
	longest := 0
	for _, b := range c.Brands {
		for _, begins := range b.KeyNumbers {
			if len(begins) > longest && strings.HasPrefix(number, begins) {
				longest, code = len(begins), b.Code
			}
		}
	}
	return code
}

// Product is the product for a service; ErrNotOffered if there is none.
func (f Found) Product(s certhall.Service) (Product, error) {
	p, ok := find(f.Offer.Products, func(p Product) bool { return p.Service == s && (p.Type == "" || p.Type == f.Type.Code) })
	if !ok {
		return p, ErrNotOffered
	}
	return p, nil
}

func find[T any](all []T, is func(T) bool) (found T, ok bool) {
	for _, x := range all {
		if is(x) {
			return x, true
		}
	}
	return found, false
}
