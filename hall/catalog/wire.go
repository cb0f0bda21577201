package catalog

import (
	"cmp"

	"github.com/certhall/certhall"
)

// PicturePath is below which pictures are served, each by its digest.
const PicturePath = "/api/pictures/"

// Offerings are the catalogue as everybody may read it.
type Offerings struct {
	Version  int64            `json:"version" doc:"0: there is no catalogue, and everything is free of charge"`
	Projects []OfferedProject `json:"projects"`
	Brands   []OfferedBrand   `json:"brands"`
	Types    []OfferedType    `json:"types"`
	Offers   []Offering       `json:"offers"`
}

// OfferedProject is a project (项目) as pages show it.
type OfferedProject struct {
	Code    string            `json:"code"`
	Names   map[string]string `json:"names" doc:"by language: zh-CN, en"`
	About   map[string]string `json:"about,omitempty" doc:"a sentence or two, by language"`
	Picture string            `json:"picture,omitempty" doc:"address of the picture"`
	Brand   string            `json:"brand,omitempty" doc:"of keys whose number tells none"`
}

// OfferedBrand is a brand of USB keys (品牌) as pages show it.
type OfferedBrand struct {
	Code       string            `json:"code"`
	Names      map[string]string `json:"names" doc:"by language: zh-CN, en"`
	Picture    string            `json:"picture,omitempty" doc:"address of the picture"`
	KeyNumbers []string          `json:"key_numbers" doc:"beginnings of the numbers of its keys"`
}

// OfferedType is a type of certificates (证书类型) as pages show it.
type OfferedType struct {
	Code   string            `json:"code"`
	Names  map[string]string `json:"names" doc:"by language: zh-CN, en"`
	Holder string            `json:"holder" enum:"organisation,person"`
}

// Offering is a project on a brand: what people should know before they begin.
type Offering struct {
	Project     string           `json:"project"`
	Brand       string           `json:"brand"`
	RenewBefore int              `json:"renew_before" doc:"days before the end from which a certificate may be renewed"`
	RepairAfter int              `json:"repair_after" doc:"days after the end until which it may be repaired"`
	Grace       int              `json:"grace" doc:"days that the old pair counts beside the new one"`
	AnyPhone    bool             `json:"any_phone" doc:"whoever has the key may go on with any phone that is proved; else only with a registered handler's, where there is one"`
	Products    []OfferedProduct `json:"products"`
}

// OfferedProduct is a service with its price.
type OfferedProduct struct {
	Type    string           `json:"type,omitempty" doc:"for this type of certificates alone, before what is for all"`
	Service certhall.Service `json:"service" enum:"renew,repair"`
	Price   certhall.Money   `json:"price" doc:"for a year, in fen; 0 is free of charge"`
	Years   []int            `json:"years" doc:"to choose from, the first by default"`
}

// Offerings are the catalogue for everybody.
func (c *Catalog) Offerings(l Limits) Offerings {
	all := Offerings{Version: c.Version, Projects: []OfferedProject{}, Brands: []OfferedBrand{}, Types: []OfferedType{}, Offers: []Offering{}}
	for _, p := range c.Projects {
		all.Projects = append(all.Projects, OfferedProject{p.Code, p.Names, p.About, c.PictureAddress(p.Picture), p.Brand})
	}
	for _, b := range c.Brands {
		all.Brands = append(all.Brands, OfferedBrand{b.Code, b.Names, c.PictureAddress(b.Picture), append([]string{}, b.KeyNumbers...)})
	}
	for _, t := range c.Types {
		all.Types = append(all.Types, OfferedType{t.Code, t.Names, t.Holder})
	}
	for _, o := range c.Offers {
		offer := Offering{
			Project: o.Project, Brand: o.Brand, AnyPhone: o.Policy.AnyPhone, Products: []OfferedProduct{},
			RenewBefore: cmp.Or(o.Policy.RenewBefore, l.RenewBefore), RepairAfter: cmp.Or(o.Policy.RepairAfter, l.RepairAfter), Grace: cmp.Or(o.Policy.Grace, l.Grace),
		}
		for _, p := range o.Products {
			offer.Products = append(offer.Products, OfferedProduct(p))
		}
		all.Offers = append(all.Offers, offer)
	}
	return all
}

// PictureAddress is where pages find a picture of the catalogue; "" for none.
func (c *Catalog) PictureAddress(name string) string {
	if digest := c.Pictures[name]; digest != "" {
		return PicturePath + digest
	}
	return ""
}
