package favourites_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/favourites"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/storetest"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time {
	c.now = c.now.Add(time.Second)
	return c.now
}

func TestFavourites(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := storetest.Open(t, address, hall.Migrations())
		store, at := hall.New(db, nil), &clock{time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)}
		shelf := &favourites.Shelf{Store: store, Clock: at, Random: rand.Reader}
		project := func(n int, l certhall.LineageID, state authority.State) {
			t.Helper()
			if err := store.Write(t.Context(), func(w services.Writer) error {
				return w.ProjectPair(authority.PairInfo{
					ID: certhall.PairID(fmt.Sprint("p", n)), Lineage: l, State: state, Subject: "某公司", Organisation: "91310000MA1K35XE0X", Project: "gov",
					SignSerial: certhall.Serial(fmt.Sprintf("%08x", n)), NotBefore: at.now.AddDate(0, 0, n), NotAfter: at.now.AddDate(1, 0, n),
				}, int64(n))
			}); err != nil {
				t.Fatal(err)
			}
		}
		project(1, "l1", authority.Current)
		project(2, "l2", authority.Current)
		me := accounts.Visit{Person: "a"}
		handler := accounts.Handler{Person: accounts.Person{ID: "a"}, Lineage: "l1", Source: accounts.ByImport}
		change := func(f func(accounts.Writer) error) {
			t.Helper()
			if err := store.Accounts().Write(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		change(func(w accounts.Writer) error {
			_, err := w.PersonOfPhone("13800000001", "a", at.now)
			return errors.Join(err, w.AddHandler(handler, at.now))
		})
		shown := func(l favourites.List, err error) string {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
			s := ""
			for _, f := range l.Favourites {
				if f.Certificate != nil {
					s += string(f.Certificate.Serial) + " "
				} else {
					s += f.Project + "/" + f.Brand + " "
				}
			}
			return s
		}
		expect := func(want string, l favourites.List, err error) {
			t.Helper()
			if got := shown(l, err); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
		l, err := shelf.List(t.Context(), me)
		expect("", l, err)
		if l.Favourites == nil {
			t.Error("null in JSON")
		}
		for _, w := range []favourites.Wanted{{Project: "gov"}, {Serial: "00000001"}, {Project: "gov", Brand: "haitai"}, {Project: "gov"}} {
			if l, err = shelf.Add(t.Context(), me, w); err != nil {
				t.Fatal(err)
			}
		}
		expect("gov/haitai 00000001 gov/ ", l, nil)
		for _, w := range []favourites.Wanted{{}, {Brand: "b"}, {Project: "gov", Serial: "00000001"}, {Project: "<b>"}} {
			if _, err := shelf.Add(t.Context(), me, w); !errors.Is(err, favourites.ErrFavourite) {
				t.Errorf("%+v: %v", w, err)
			}
		}
		for _, serial := range []certhall.Serial{"00000002", "000000ff"} { // another's, nobody's
			if _, err := shelf.Add(t.Context(), me, favourites.Wanted{Serial: serial}); !errors.Is(err, favourites.ErrMissing) {
				t.Errorf("%s: %v", serial, err)
			}
		}
		project(1, "l1", authority.Current)
		if err := store.Write(t.Context(), func(w services.Writer) error { // renewed
			return w.ProjectSuccessor(authority.PairInfo{ID: "p3", Lineage: "l1"}, 3)
		}); err != nil {
			t.Fatal(err)
		}
		project(3, "l1", authority.Current)
		l, err = shelf.List(t.Context(), me)
		expect("gov/haitai 00000003 gov/ ", l, err)
		change(func(w accounts.Writer) error { return w.DropHandler(handler) })
		l, err = shelf.List(t.Context(), me)
		expect("gov/haitai gov/ ", l, err)
		change(func(w accounts.Writer) error { return w.AddHandler(handler, at.now) })
		l, err = shelf.Remove(t.Context(), accounts.Visit{Person: "b"}, l.Favourites[0].ID)
		expect("", l, err)
		if l, err = shelf.List(t.Context(), me); len(l.Favourites) == 3 {
			l, err = shelf.Remove(t.Context(), me, l.Favourites[0].ID)
		}
		expect("00000003 gov/ ", l, err)
		for n := range 200 {
			if l, err = shelf.Add(t.Context(), me, favourites.Wanted{Project: fmt.Sprint("p", n)}); err != nil {
				break
			}
		}
		if !errors.Is(err, favourites.ErrFull) {
			t.Errorf("more than may be: %d %v", len(l.Favourites), err)
		}
	})
}
