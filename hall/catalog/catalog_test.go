package catalog_test

import (
	"bytes"
	"errors"
	"image"
	"image/jpeg"
	"image/png"
	"testing"
	"testing/fstest"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
)

var limits = catalog.Protocol

const example = `version = 3

[[project]]
code = "gov"
name = { zh-CN = "政府采购项目", en = "Government procurement" }
about.zh-CN = "投标用"
about.en = "For tenders"
picture = "pictures/gov.png"
brand = "haitai"

[[project]]
code = "med"
name.zh-CN = "医疗保障项目"
name.en = "Medical insurance"

[[brand]]
code = "haitai"
name.zh-CN = "海泰KEY"
name.en = "Haitai key"
picture = "pictures/key.jpg"
key_numbers = ["HT", "HK"]

[[brand]]
code = "minghua"
name.zh-CN = "明华KEY"
name.en = "Minghua key"
key_numbers = ["MH"]

[[type]]
code = "unit"
name.zh-CN = "单位证书"
name.en = "Organisation certificate"
holder = "organisation"

[[type]]
code = "person"
name.zh-CN = "个人证书"
name.en = "Personal certificate"
holder = "person"

[[offer]]
project = "gov"
brand = "haitai"
renew_before = 60
repair_after = 180
grace = 7
disposal = "keep"
any_phone = true
history = 3

  [[offer.product]]
  service = "renew"
  price = "0.00"
  years = [1]

  [[offer.product]]
  service = "renew"
  type = "person"
  price = "12.50"
  years = [1, 2]

[[offer]]
project = "med"
brand = "minghua"

  [[offer.product]]
  service = "repair"
  price = "200.00"
  years = [1, 2, 3]
`

func picture(t *testing.T, kind string, side int) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	if m := image.NewGray(image.Rect(0, 0, side, side)); kind == "png" {
		err = png.Encode(&b, m)
	} else {
		err = jpeg.Encode(&b, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// folder is the example's file with its pictures.
func folder(t *testing.T, text string) fstest.MapFS {
	t.Helper()
	return fstest.MapFS{
		"hall/catalog.toml":     {Data: []byte(text)},
		"hall/pictures/gov.png": {Data: picture(t, "png", 8)},
		"hall/pictures/key.jpg": {Data: picture(t, "jpeg", 8)},
	}
}

func load(t *testing.T, text string) *catalog.Draft {
	t.Helper()
	d, err := catalog.Load(folder(t, text), "hall/catalog.toml", limits)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestLoad(t *testing.T) {
	d := load(t, example)
	c := d.Catalog
	if c.Version != 3 || len(c.Projects) != 2 || len(c.Brands) != 2 || len(c.Types) != 2 || len(c.Offers) != 2 {
		t.Fatalf("%+v", c)
	}
	if p := c.Projects[0]; p.Names["zh-CN"] != "政府采购项目" || p.About["en"] != "For tenders" || p.Brand != "haitai" {
		t.Errorf("%+v", p)
	}
	if o := c.Offers[0]; o.Policy != (catalog.Policy{RenewBefore: 60, RepairAfter: 180, Grace: 7, Disposal: certhall.Keep, AnyPhone: true, History: 3}) || o.Products[1].Price != 1250 {
		t.Errorf("%+v", o)
	}
	if len(d.Pictures) != 2 || d.Pictures[0].Kind != "image/png" || d.Pictures[1].Kind != "image/jpeg" || c.Pictures["pictures/gov.png"] != d.Pictures[0].Digest ||
		d.Pictures[0].Digest != catalog.DigestOf(d.Pictures[0].Body) {
		t.Errorf("pictures %v, %d", c.Pictures, len(d.Pictures))
	}
	if _, err := catalog.Load(folder(t, example), "hall/missing.toml", limits); !errors.Is(err, catalog.ErrFile) {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	c := load(t, example).Catalog
	for name, test := range map[string]struct {
		holding catalog.Holding
		service certhall.Service
		brand   string
		price   certhall.Money
		want    error
	}{
		"by its number":             {catalog.Holding{Project: "gov", KeyNumber: "HT-1", Organisation: "O"}, certhall.Renew, "haitai", 0, nil},
		"by another beginning":      {catalog.Holding{Project: "gov", KeyNumber: "HK-1", Organisation: "O"}, certhall.Renew, "haitai", 0, nil},
		"by the project's own":      {catalog.Holding{Project: "gov", KeyNumber: "?", Organisation: "O"}, certhall.Renew, "haitai", 0, nil},
		"of its type":               {catalog.Holding{Project: "gov", KeyNumber: "HT-1"}, certhall.Renew, "haitai", 1250, nil},
		"of all types":              {catalog.Holding{Project: "med", KeyNumber: "MH-1"}, certhall.Repair, "minghua", 20000, nil},
		"a service not sold":        {catalog.Holding{Project: "med", KeyNumber: "MH-1"}, certhall.Renew, "minghua", 0, catalog.ErrNotOffered},
		"a project there is not":    {catalog.Holding{Project: "tax", KeyNumber: "HT-1"}, certhall.Renew, "", 0, catalog.ErrNotOffered},
		"a brand the project lacks": {catalog.Holding{Project: "med", KeyNumber: "HT-1"}, certhall.Renew, "", 0, catalog.ErrNotOffered},
		"no brand at all":           {catalog.Holding{Project: "med", KeyNumber: "?"}, certhall.Renew, "", 0, catalog.ErrNotOffered},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := c.Find(test.holding)
			var p catalog.Product
			if err == nil {
				p, err = f.Product(test.service)
			}
			if !errors.Is(err, test.want) || test.brand != "" && f.Brand.Code != test.brand || p.Price != test.price {
				t.Errorf("%v, %+v, %v", f.Brand.Code, p, err)
			}
		})
	}
}
