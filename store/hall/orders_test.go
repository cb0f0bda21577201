package hall_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/catalog"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/hall"
)

// order of a person for lineages, at 200.00 a line.
func order(id, person string, standing orders.Standing, made time.Time, lineages ...certhall.LineageID) orders.Order {
	o := orders.Order{ID: certhall.OrderID(id), Person: person, Standing: standing, MadeAt: made, Catalog: 1}
	for _, l := range lineages {
		o.Lines = append(o.Lines, orders.Line{
			Entitlement: certhall.EntitlementID(id + string(l)), Lineage: l, Serial: "0a", Service: certhall.Renew, Years: 1, Price: 20000,
			Project: "gov", Names: catalog.Names{"zh-CN": "政府采购项目-海泰KEY"}, KeyNumber: "N" + string(l),
		})
		o.Total += 20000
	}
	return o
}

func addOrders(w services.Writer, all ...orders.Order) error {
	for _, o := range all {
		if added, err := w.AddOrder(o); err != nil || !added {
			return fmt.Errorf("%s: %v, %w", o.ID, added, err)
		}
		for _, l := range o.Lines {
			if o.Standing != orders.Paid {
				continue
			}
			if err := w.AddEntitlement(orders.Entitlement{ID: l.Entitlement, Lineage: l.Lineage, Order: o.ID, Years: 1, State: orders.Open, MadeAt: o.MadeAt}); err != nil {
				return err
			}
		}
	}
	return nil
}

func read(t *testing.T, s *hall.Store, f func(services.Reader) error) {
	t.Helper()
	if err := s.Read(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func TestOrdersOfAPerson(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		link(t, s, "a", "13800000001", "l1", "l2", "l3")
		link(t, s, "b", "13800000002", "l3", "l4")
		write(t, s, func(w services.Writer) error {
			return addOrders(w, order("o1", "a", orders.Paid, noon, "l1", "l2"), order("o2", "b", orders.Unpaid, noon, "l3", "l4"), order("o3", "b", orders.Paid, noon.Add(1), "l3"),
				order("o4", "a", orders.Closed, noon, "l1"))
		})
		read(t, s, func(r services.Reader) error {
			found := must[[]orders.Order](t)(r.Orders("o2", "o1", "none"))
			slices.SortFunc(found, func(x, y orders.Order) int { return len(x.ID) - len(y.ID) })
			if len(found) != 2 || len(found[0].Lines) != 2 || len(found[1].Lines) != 2 || found[0].Lines[0].Lineage == found[1].Lines[0].Lineage || found[0].Lines[1].Names["zh-CN"] == "" {
				t.Errorf("orders %+v", found)
			}
			if none := must[[]orders.Order](t)(r.Orders()); len(none) != 0 {
				t.Errorf("none asked for: %+v", none)
			}
			if got := must[[]orders.UnpaidLine](t)(r.UnpaidOf("a")); len(got) != 1 || got[0] != (orders.UnpaidLine{Lineage: "l3", Order: "o2", Person: "b"}) {
				t.Errorf("unpaid %+v", got)
			}
			rights := must[[]orders.Right](t)(r.RightsOf("a"))
			if len(rights) != 3 || rights[0].Lineage != "l1" || rights[0].Line.KeyNumber != "Nl1" || rights[0].Order != "o1" || rights[1].Lineage != "l2" || rights[2].Order != "o3" {
				t.Errorf("rights %+v", rights)
			}
			if got := must[[]orders.Entitlement](t)(r.EntitlementsOf("o1", "o3", "o2")); len(got) != 3 {
				t.Errorf("entitlements %+v", got)
			}
			return nil
		})
	})
}

func TestUnpaidOrders(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		write(t, s, func(w services.Writer) error {
			if err := w.LockBuyer("a"); err != nil {
				return err
			}
			return addOrders(w, order("o1", "a", orders.Unpaid, noon.Add(-24*time.Hour), "l1"), order("o2", "a", orders.Closing, noon, "l2"), order("o3", "a", orders.Closed, noon.Add(time.Minute), "l3"),
				order("o4", "a", orders.Paid, noon, "l3"), order("o5", "b", orders.Unpaid, noon, "l5"), order("o6", "a", orders.Closed, noon.Add(-48*time.Hour), "l6"))
		})
		read(t, s, func(r services.Reader) error {
			n, err := r.UnpaidBy("a", noon.Add(-24*time.Hour))
			if want := (orders.UnpaidCount{Live: 2, Made: 2, First: noon}); n.Live != want.Live || n.Made != want.Made || !n.First.Equal(want.First) {
				t.Errorf("%+v, want %+v", n, want)
			}
			none, wrong := r.UnpaidBy("c", noon)
			if none.Live+none.Made > 0 || wrong != nil {
				t.Errorf("nobody's: %+v %v", none, wrong)
			}
			return err
		})
	})
}

func TestCart(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		link(t, s, "a", "13800000001", "l1")
		link(t, s, "b", "13800000002", "l1")
		write(t, s, func(w services.Writer) error {
			for i, l := range []certhall.LineageID{"l2", "l1", "l2"} {
				if err := w.PutInCart("a", orders.Wanted{Lineage: l, Years: i, AddedAt: noon.Add(time.Duration(i) * time.Second)}); err != nil {
					return err
				}
			}
			return w.PutInCart("b", orders.Wanted{Lineage: "l1", AddedAt: noon})
		})
		want := []orders.Wanted{{Lineage: "l2", Years: 2, AddedAt: noon}, {Lineage: "l1", Years: 1, AddedAt: noon.Add(time.Second)}}
		read(t, s, func(r services.Reader) error {
			if got := must[[]orders.Wanted](t)(r.CartOf("a")); !slices.Equal(got, want) {
				t.Errorf("cart %+v", got)
			}
			return nil
		})
		write(t, s, func(w services.Writer) error { return w.TakeFromCart("a", []certhall.LineageID{"l1", "none"}) })
		read(t, s, func(r services.Reader) error {
			if a, b := must[[]orders.Wanted](t)(r.CartOf("a")), must[[]orders.Wanted](t)(r.CartOf("b")); !slices.Equal(a, want[:1]) || len(b) != 1 {
				t.Errorf("carts %+v, %+v", a, b)
			}
			return nil
		})
	})
}

func TestHistoryOfAPerson(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		link(t, s, "a", "13800000001", "l1")
		write(t, s, func(w services.Writer) error {
			for i, l := range []certhall.LineageID{"l1", "l2"} {
				k := services.Case{ID: certhall.CaseID(fmt.Sprint("c", i)), Version: 1, Service: certhall.Renew, State: services.Open, Lineage: l, OpenedAt: noon.Add(time.Minute)}
				if added, err := w.AddCase(k); err != nil || !added {
					return fmt.Errorf("%v, %w", added, err)
				}
			}
			return addOrders(w, order("o1", "a", orders.Closed, noon, "l1"), order("o2", "a", orders.Closed, noon, "l1"), order("o3", "b", orders.Closed, noon, "l1"))
		})
		ids := func(q services.HistoryQuery) (found []string) {
			read(t, s, func(r services.Reader) error {
				for _, h := range must[[]services.Happening](t)(r.History(q)) {
					found = append(found, h.ID)
				}
				return nil
			})
			return found
		}
		for want, q := range map[string]services.HistoryQuery{
			"[c0 o2 o1]": {Limit: 9}, "[c0 o2]": {Limit: 2}, "[o2 o1]": {Kind: services.OrderKind, Limit: 9}, "[c0]": {Kind: services.CaseKind, Limit: 9},
			"[o1]": {Limit: 9, Before: services.Happening{ID: "o2", At: noon}},
		} {
			q.Person = "a"
			if got := fmt.Sprint(ids(q)); got != want {
				t.Errorf("%+v: %s, want %s", q, got, want)
			}
		}
		read(t, s, func(r services.Reader) error {
			if got := must[[]services.ListedCase](t)(r.CasesListed("c1", "c0")); len(got) != 2 {
				t.Errorf("listed %+v", got)
			}
			return nil
		})
	})
}

func TestInvoices(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		first := orders.Invoice{
			InvoiceRequest: orders.InvoiceRequest{Holder: orders.ForOrganisation, Title: "某公司", TaxNumber: "91350100M000100Y43", Mail: "a@example.com"},
			Order:          "o1", Version: 1, Standing: orders.InvoiceRequested, Person: "a", MadeAt: noon, ChangedAt: noon,
		}
		issued := first
		issued.Version, issued.Standing, issued.Number, issued.Amount, issued.IssuedOn, issued.ChangedAt = 2, orders.InvoiceIssued, "n1", 20000, noon, noon.Add(time.Hour)
		issued.Reversed, issued.RedNumber, issued.Reason = 100, "n2", "why"
		write(t, s, func(w services.Writer) error {
			if err := addOrders(w, order("o1", "a", orders.Closed, noon, "l1"), order("o2", "a", orders.Closed, noon, "l1")); err != nil {
				return err
			}
			second := first
			second.Order = "o2"
			for _, i := range []orders.Invoice{first, second, issued} {
				if err := w.SaveInvoice(i, "a"); err != nil {
					return err
				}
			}
			return nil
		})
		if err := s.Write(t.Context(), func(w services.Writer) error { return w.SaveInvoice(issued, "b") }); err == nil {
			t.Error("a version was kept twice")
		}
		read(t, s, func(r services.Reader) error {
			if i := must[*orders.Invoice](t)(r.Invoice("o1")); i == nil || *i != issued {
				t.Errorf("%+v", i)
			}
			if i := must[*orders.Invoice](t)(r.Invoice("o3")); i != nil {
				t.Errorf("%+v", i)
			}
			for want, found := range map[int][]orders.Invoice{
				2: must[[]orders.Invoice](t)(r.FindInvoices("", noon, 9)),
				1: must[[]orders.Invoice](t)(r.FindInvoices(orders.InvoiceRequested, noon, 9)),
				0: must[[]orders.Invoice](t)(r.FindInvoices("", noon.Add(2*time.Hour), 9)),
			} {
				if len(found) != want {
					t.Errorf("%d, want %d: %+v", len(found), want, found)
				}
			}
			return nil
		})
	})
}
