package hall_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// link makes a person handler of lineages.
func link(tb testing.TB, s *hall.Store, person, phone string, lineages ...certhall.LineageID) {
	tb.Helper()
	err := s.Accounts().Write(tb.Context(), func(w accounts.Writer) error {
		p, err := w.PersonOfPhone(phone, person, noon)
		if err != nil {
			return err
		}
		for _, l := range lineages {
			if err := w.AddHandler(accounts.Handler{Person: p, Lineage: l, Source: accounts.ByImport}, noon); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// pair is a pair of a lineage, its serial being its number.
func pair(l certhall.LineageID, n int, state authority.State) authority.PairInfo {
	serial := certhall.Serial(fmt.Sprintf("%08x", n))
	return authority.PairInfo{
		ID: certhall.PairID("p" + serial), Lineage: l, State: state, Subject: "某公司", Organisation: "91310000MA1K35XE0X", Project: "gov", KeyNumber: "N" + string(serial),
		SignSerial: serial, EncSerial: "ee" + serial, NotBefore: noon.AddDate(0, 0, n), NotAfter: noon.AddDate(1, 0, n),
	}
}

func TestCertificatesOfAPerson(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		link(t, s, "a", "13800000001", "renewed", "revoked", "fresh", "empty")
		link(t, s, "b", "13800000002", "fresh", "theirs")
		write(t, s, func(w services.Writer) error {
			for i, p := range []authority.PairInfo{
				pair("renewed", 1, authority.Superseded), pair("renewed", 2, authority.Current), pair("renewed", 3, authority.Issued), pair("renewed", 4, authority.Void),
				pair("revoked", 5, authority.Revoked), pair("revoked", 6, authority.Revoked),
				pair("renewed", 10, authority.Revoked), pair("fresh", 7, authority.Current), pair("empty", 8, authority.Issued), pair("theirs", 9, authority.Current),
			} {
				if err := w.ProjectPair(p, int64(i+1)); err != nil {
					return err
				}
			}
			return nil
		})
		for _, c := range []struct {
			person string
			limit  int
			want   []int
		}{{"a", 10, []int{2, 6, 7}}, {"a", 2, []int{2, 6}}, {"b", 10, []int{7, 9}}, {"c", 10, nil}, {"", 10, nil}} {
			var got []int
			err := s.Read(t.Context(), func(r services.Reader) error {
				for _, x := range must[[]services.Certificate](t)(r.CertificatesOf(c.person, c.limit)) {
					got = append(got, int(x.SignSerial.Big().Int64()))
				}
				return nil
			})
			if err != nil || fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("%s, at most %d: %v, want %v (%v)", c.person, c.limit, got, c.want, err)
			}
		}
	})
}

func TestCasesOfAPerson(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		link(t, s, "a", "13800000001", "l1", "l2", "l3")
		link(t, s, "b", "13800000002", "l4")
		write(t, s, func(w services.Writer) error {
			for i, p := range []authority.PairInfo{pair("l1", 1, authority.Superseded), pair("l1", 2, authority.Current), pair("l2", 3, authority.Current)} {
				if err := w.ProjectPair(p, int64(i+1)); err != nil {
					return err
				}
			}
			for _, c := range []services.Case{
				{ID: "done", State: services.Done, Acknowledged: true, Lineage: "l1", Serial: "00000001", NewSerial: "00000002", OpenedAt: noon.Add(4 * time.Hour)},
				{ID: "old", State: services.Closed, ClosedThere: true, Lineage: "l2", Serial: "00000003", OpenedAt: noon.Add(2 * time.Hour)},
				{ID: "open", State: services.Open, Lineage: "l2", Serial: "00000003", OpenedAt: noon.Add(time.Hour), Request: []byte{1}},
				{ID: "closing", State: services.Closing, Lineage: "l3", Serial: "0000000f", Project: "named", OpenedAt: noon},
				{ID: "refused", State: services.Refused, Lineage: "l1", Serial: "00000002", OpenedAt: noon.Add(3 * time.Hour)},
				{ID: "theirs", State: services.Open, Lineage: "l4", Serial: "00000009", OpenedAt: noon},
			} {
				if !must[bool](t)(w.AddCase(c)) {
					t.Errorf("case %s", c.ID)
				}
			}
			return nil
		})
		read := func(f func(services.Reader) error) {
			t.Helper()
			if err := s.Read(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []struct {
			person string
			limit  int
			want   string
		}{{"a", 10, "[open closing done refused old]"}, {"a", 3, "[open closing done]"}, {"b", 10, "[theirs]"}, {"c", 10, "[]"}} {
			read(func(r services.Reader) error {
				var ids []certhall.CaseID
				for _, k := range must[[]services.ListedCase](t)(r.ListedCases(c.person, c.limit)) {
					ids = append(ids, k.ID)
				}
				if fmt.Sprint(ids) != c.want {
					t.Errorf("%s, at most %d: %v, want %s", c.person, c.limit, ids, c.want)
				}
				return nil
			})
		}
		read(func(r services.Reader) error {
			done := must[*services.ListedCase](t)(r.ListedCase("done"))
			if done.Subject != "某公司" || done.Organisation == "" || done.KeyNumber != "N00000002" || done.Project != "gov" ||
				!done.OldEnd.Equal(noon.AddDate(1, 0, 1)) || !done.NewEnd.Equal(noon.AddDate(1, 0, 2)) {
				t.Errorf("done: %+v", done)
			}
			if lost := must[*services.ListedCase](t)(r.ListedCase("closing")); lost.Subject != "" || lost.Project != "named" || !lost.OldEnd.IsZero() {
				t.Errorf("a case whose pair is not known: %+v", lost)
			}
			if k := must[*services.ListedCase](t)(r.ListedCase("none")); k != nil {
				t.Errorf("found %+v", k)
			}
			busy := map[certhall.CaseID]bool{}
			for _, k := range must[[]*services.Case](t)(r.BusyCasesOf("a")) {
				busy[k.ID] = true
			}
			if len(busy) != 3 || !busy["open"] || !busy["closing"] || !busy["refused"] {
				t.Errorf("busy: %v", busy)
			}
			return nil
		})
	})
}

func TestTokenOfACase(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		want := services.Token{Session: "s", Case: "c", Expires: noon}
		write(t, s, func(w services.Writer) error { return w.SetToken(want) })
		write(t, s, func(w services.Writer) error {
			if got := must[*services.Token](t)(w.TokenOf("c")); got == nil || *got != want {
				t.Errorf("token %+v", got)
			}
			if got := must[*services.Token](t)(w.TokenOf("d")); got != nil {
				t.Errorf("another case's token %+v", got)
			}
			if err := w.EndToken("d"); err != nil {
				return err
			}
			if got := must[*services.Token](t)(w.Token("s")); got == nil {
				t.Error("the wrong token has ended")
			}
			if err := w.EndToken("c"); err != nil {
				return err
			}
			if got := must[*services.Token](t)(w.Token("s")); got != nil {
				t.Errorf("a token that has ended: %+v", got)
			}
			return nil
		})
	})
}

// BenchmarkLists reads the lists of a person with many certificates, among
// those of others: three pairs and two cases a lineage.
func BenchmarkLists(b *testing.B) {
	for _, kind := range []string{"sqlite-file", "postgres"} {
		for _, lineages := range []int{1000, 5000} {
			s := crowd(b, storetest.Address(b, kind), lineages)
			me := services.Caller{Person: "me"}
			counter := services.New(services.Options{Store: s, Clock: certhall.SystemClock{}})
			b.Run(fmt.Sprintf("%s/certificates=%d", kind, lineages), func(b *testing.B) {
				for b.Loop() {
					if list, err := counter.Certificates(b.Context(), me); err != nil || len(list.Certificates) != lineages {
						b.Fatal(len(list.Certificates), err)
					}
				}
			})
			b.Run(fmt.Sprintf("%s/cases-of=%d", kind, lineages), func(b *testing.B) {
				for b.Loop() {
					if list, err := counter.Cases(b.Context(), me); err != nil || len(list.Cases) != services.CaseLimit || !list.More {
						b.Fatal(len(list.Cases), err)
					}
				}
			})
		}
	}
}

// crowd is a hall with two persons who handle so many lineages each.
func crowd(b *testing.B, address string, lineages int) *hall.Store {
	b.Helper()
	db, err := sqldb.Open(b.Context(), address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	if err := hall.Migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	s := hall.New(db, new(queue))
	for who, name := range []string{"me", "other"} {
		var mine []certhall.LineageID
		for i := range lineages {
			mine = append(mine, certhall.LineageID(fmt.Sprintf("%s-%d", name, i)))
		}
		link(b, s, name, fmt.Sprint(13800000001+who), mine...)
		err := s.Write(b.Context(), func(w services.Writer) error {
			for i, l := range mine {
				n := (who+1)*1000000 + 3*i
				for step, state := range []authority.State{authority.Revoked, authority.Superseded, authority.Current} {
					p := pair(l, n+step, state)
					p.NotBefore, p.NotAfter = noon.AddDate(step, 0, i%365), noon.AddDate(step+1, 0, i%365)
					if err := w.ProjectPair(p, int64(n+step)); err != nil {
						return err
					}
				}
				for step := range 2 {
					c := full()
					c.ID, c.Lineage, c.OpenedAt = certhall.CaseID(fmt.Sprintf("%s-%d", l, step)), l, noon.AddDate(step, 0, i%365)
					c.Serial, c.NewSerial = pair(l, n+step, "").SignSerial, pair(l, n+step+1, "").SignSerial
					c.State, c.Request, c.Evidence = services.Done, make([]byte, 500), make([]byte, 2000)
					if _, err := w.AddCase(c); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return s
}
