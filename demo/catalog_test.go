package demo

import (
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
)

// TestCatalog: the demo's catalogue is sound and knows each of its certificates.
func TestCatalog(t *testing.T) {
	draft, err := Catalog()
	if err != nil {
		t.Fatal(err)
	}
	if len(draft.Pictures) != 4 {
		t.Errorf("%d pictures", len(draft.Pictures))
	}
	for _, c := range certificates {
		found, err := draft.Catalog.Find(catalog.Holding{Project: c.project, KeyNumber: c.number, Organisation: "91310000MA1K35XE0L"})
		if err != nil {
			t.Fatal(c.number, err)
		}
		want := certhall.Money(0)
		if c.project == Insurance {
			want = 20000
		}
		for _, service := range []certhall.Service{certhall.Renew, certhall.Repair} {
			if p, err := found.Product(service); err != nil || p.Price != want || found.Brand.Code != "haitai" || found.Type.Code != "organisation" {
				t.Errorf("%s of %s: %v, %+v", service, c.number, err, p)
			}
		}
	}
}
