package hall_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/hall"
)

type stopped time.Time

func (s stopped) Now() time.Time { return time.Time(s) }

// TestFindCases: officers find cases every way, the latest first, page by page.
func TestFindCases(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		link(t, s, "a", "13800000001", "l0", "l1")
		write(t, s, func(w services.Writer) error {
			for i := range 6 {
				l := certhall.LineageID(fmt.Sprint("l", i%3))
				c := services.Case{ID: certhall.CaseID(fmt.Sprint("case", i)), Version: 1, Service: certhall.Renew, State: services.Closed, Lineage: l,
					Serial: certhall.Serial(fmt.Sprint("5", i%3)), NewSerial: certhall.Serial(fmt.Sprint("7", i)), OpenedAt: noon}
				if i == 5 {
					c.Phone = "13800000001" // a visitor's, who handles nothing there
				}
				if added, err := w.AddCase(c); err != nil || !added {
					return fmt.Errorf("added %v: %w", added, err)
				}
			}
			for i := range 3 {
				if err := w.ProjectPair(pair(certhall.LineageID(fmt.Sprint("l", i)), i, authority.Current), int64(i+1)); err != nil {
					return err
				}
			}
			return nil
		})
		counter := services.New(services.Options{Store: s})
		for name, c := range map[string]struct {
			search services.CaseSearch
			want   string
		}{
			"old serial":   {services.CaseSearch{Serial: "51"}, "[case4 case1]"},
			"new serial":   {services.CaseSearch{Serial: "74"}, "[case4]"},
			"key number":   {services.CaseSearch{KeyNumber: "N00000002"}, "[case5 case2]"},
			"organisation": {services.CaseSearch{Organisation: "91310000MA1K35XE0X"}, "[case5 case4 case3 case2 case1 case0]"},
			"phone":        {services.CaseSearch{Phone: "+86 138 0000 0001"}, "[case5 case4 case3 case1 case0]"},
			"state":        {services.CaseSearch{Serial: "51", State: services.Open}, "[]"},
		} {
			got := []certhall.CaseID{}
			for next := c.search; ; {
				next.Limit = 2
				page, after, err := counter.FindCases(t.Context(), next)
				if err != nil {
					t.Fatal(name, err)
				}
				for _, k := range page {
					got = append(got, k.ID)
				}
				if after == "" {
					break
				}
				next.After = after
			}
			if fmt.Sprint(got) != c.want {
				t.Errorf("%s: %v, want %s", name, got, c.want)
			}
		}
		if _, _, err := counter.FindCases(t.Context(), services.CaseSearch{State: services.Open}); !errors.Is(err, services.ErrCaseSearch) {
			t.Error(err)
		}
	})
}

// TestSetPhone: whoever has the old phone is out at once, and what officers do
// is written down, masked.
func TestSetPhone(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		const old, fresh = "13800000001", "13900000009"
		link(t, s, "a", old, "l0")
		link(t, s, "b", "13800000002", "l1")
		d := accounts.New(accounts.Options{Store: s.Accounts(), Clock: stopped(noon), Random: rand.Reader})
		err := s.Accounts().Write(t.Context(), func(w accounts.Writer) error {
			return errors.Join(w.AddVisit(accounts.Visit{Session: "s", Person: "a", StartedAt: noon, SeenAt: noon}), w.AddProof("s", old, noon.Add(time.Hour)),
				w.AddCode(accounts.Code{ID: "k", Session: "s", Phone: old, SentAt: noon, Digest: []byte("d")}))
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.SetPhone(t.Context(), old, "13800000002", "officer", "x"); !errors.Is(err, accounts.ErrPhoneTaken) {
			t.Errorf("another's phone: %v", err)
		}
		f, err := d.SetPhone(t.Context(), old, "139 0000 0009", "officer", "lost")
		if err != nil || f.Phone != "139****0009" || len(f.Acts) != 1 {
			t.Fatalf("%+v %v", f, err)
		}
		if a := f.Acts[0]; a.Operator != "officer" || a.Was != "138****0001" || a.Became != "139****0009" || a.Reason != "lost" || !a.At.Equal(noon) {
			t.Errorf("written down: %+v", a)
		}
		if _, err := d.SetPhone(t.Context(), "a", fresh, "officer", "again"); err != nil { // the answer was lost
			t.Error(err)
		}
		err = s.Accounts().Read(t.Context(), func(r accounts.Reader) error {
			v, err := r.Visit("s")
			until, err2 := r.Proof("s", old)
			codes, err3 := r.LiveCodes(old, noon.Add(-time.Minute))
			if v.Person != "" || !until.IsZero() || len(codes) != 0 {
				t.Errorf("left: %+v, a proof until %s, %d codes", v, until, len(codes))
			}
			acts, err4 := r.Acts("a")
			if len(acts) != 1 {
				t.Errorf("%d acts", len(acts))
			}
			return errors.Join(err, err2, err3, err4)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Find(t.Context(), old); !errors.Is(err, accounts.ErrPersonUnknown) {
			t.Errorf("found by the old phone: %v", err)
		}
	})
}
