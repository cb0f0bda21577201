package hall_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/once"
	"github.com/certhall/certhall/store/hall"
)

func TestPeople(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		err := s.Accounts().Write(t.Context(), func(w accounts.Writer) error {
			p := must[accounts.Person](t)(w.PersonOfPhone("p", "id", noon))
			other := must[accounts.Person](t)(w.PersonOfPhone("q", "other", noon))
			for _, l := range []certhall.LineageID{"l2", "l1"} {
				if err := w.AddHandler(accounts.Handler{Person: p, Lineage: l, Source: accounts.ByImport}, noon); err != nil {
					return err
				}
			}
			if got := must[[]certhall.LineageID](t)(w.LineagesOf(p.ID)); !reflect.DeepEqual(got, []certhall.LineageID{"l1", "l2"}) {
				t.Errorf("lineages %v", got)
			}
			if !must[bool](t)(w.SetUserName(p.ID, "Demo", "demo")) || !must[bool](t)(w.SetUserName(p.ID, "DEMO", "demo")) || must[bool](t)(w.SetUserName(other.ID, "demo", "demo")) {
				t.Error("one name, one person")
			}
			if err := w.SetPassword(p.ID, "hash"); err != nil {
				return err
			}
			if err := w.NoteLogin(p.ID, noon.Add(time.Hour)); err != nil {
				return err
			}
			want := &accounts.Account{Person: p, UserName: "DEMO", Password: "hash", MadeAt: noon, LastLogin: noon.Add(time.Hour)}
			for how, find := range map[string]func() (*accounts.Account, error){
				"by id":     func() (*accounts.Account, error) { return w.Account("id") },
				"locked":    func() (*accounts.Account, error) { return w.LockAccount("id") },
				"by phone":  func() (*accounts.Account, error) { return w.AccountOfPhone("p") },
				"by a name": func() (*accounts.Account, error) { return w.AccountOfName("demo") },
			} {
				if got := must[*accounts.Account](t)(find()); !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %+v", how, got)
				}
			}
			for _, name := range []string{"", "nobody"} {
				if got := must[*accounts.Account](t)(w.AccountOfName(name)); got != nil {
					t.Errorf("%q is %+v", name, got)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestVisits(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		err := s.Accounts().Write(t.Context(), func(w accounts.Writer) error {
			must[accounts.Person](t)(w.PersonOfPhone("p", "id", noon))
			must[accounts.Person](t)(w.PersonOfPhone("q", "other", noon))
			visits := []accounts.Visit{
				{Session: "s1", Person: "id", MustSetPassword: true, StartedAt: noon, SeenAt: noon},
				{Session: "s2", Person: "id", StartedAt: noon, SeenAt: noon},
				{Session: "s3", Person: "other", StartedAt: noon.Add(-time.Hour), SeenAt: noon},
			}
			for _, v := range visits {
				if err := w.AddVisit(v); err != nil {
					return err
				}
				if err := w.AddProof(v.Session, "p", noon); err != nil {
					return err
				}
			}
			living := func(want ...accounts.Visit) {
				t.Helper()
				var got []accounts.Visit
				for _, v := range visits {
					if v := must[accounts.Visit](t)(w.Visit(v.Session)); v.Person != "" {
						got = append(got, v)
					}
				}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("visits %+v, want %+v", got, want)
				}
			}
			living(visits...)
			visits[0].MustSetPassword, visits[0].SeenAt = false, noon.Add(time.Minute)
			for _, err := range []error{
				w.FreeVisit("s1"), w.SeeVisit("s1", noon.Add(time.Minute)), w.SeeVisit("s1", noon),
				w.SeeVisit("nobody's", noon), w.EndOthers("id", "s1"),
			} {
				if err != nil {
					return err
				}
			}
			living(visits[0], visits[2])
			if err := w.ForgetVisits(noon); err != nil {
				return err
			}
			living(visits[0])
			if err := w.EndSession("s1"); err != nil {
				return err
			}
			living()
			if until := must[time.Time](t)(w.Proof("s1", "p")); !until.IsZero() {
				t.Error("a proof outlives its session")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestTries(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		err := s.Accounts().Write(t.Context(), func(w accounts.Writer) error {
			for i, id := range []string{"1", "2", "3"} {
				for _, subject := range []string{"a", "b"} {
					if err := w.LockTries(subject); err != nil {
						return err
					}
					if err := w.AddTry(id, subject, noon.Add(time.Duration(i)*time.Minute)); err != nil {
						return err
					}
				}
			}
			counted := func(want int, wantFirst time.Time) {
				t.Helper()
				if n, first, err := w.Tries("b", noon.Add(-time.Second)); n != want || !first.Equal(wantFirst) || err != nil {
					t.Errorf("%d since %v, %v", n, first, err)
				}
			}
			counted(3, noon)
			if err := w.DropTry("2"); err != nil {
				return err
			}
			counted(2, noon)
			if err := w.ForgetTries(noon); err != nil {
				return err
			}
			counted(1, noon.Add(2*time.Minute))
			if err := w.ForgetTries(noon.Add(time.Hour)); err != nil {
				return err
			}
			counted(0, time.Time{})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestAnswers(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		err := s.Once().Write(t.Context(), func(w once.Writer) error {
			a := once.Answer{Session: "s", Key: "k", Input: []byte{1}, Owner: "one", Leased: noon.Add(time.Minute), MadeAt: noon}
			if !must[bool](t)(w.AddAnswer(a)) || must[bool](t)(w.AddAnswer(a)) {
				t.Error("one row a key")
			}
			stands := func(want *once.Answer) {
				t.Helper()
				if got := must[*once.Answer](t)(w.Answer("s", "k")); !reflect.DeepEqual(got, want) {
					t.Errorf("%+v, want %+v", got, want)
				}
			}
			stands(&a)
			if !must[bool](t)(w.TakeAnswer(a, "two", noon.Add(2*time.Minute))) || must[bool](t)(w.TakeAnswer(a, "three", noon)) {
				t.Error("one takes over")
			}
			if err := w.FinishAnswer(a, []byte("late")); err != nil {
				return err
			}
			if err := w.DropAnswer(a); err != nil {
				return err
			}
			a.Owner, a.Leased = "two", noon.Add(2*time.Minute)
			stands(&a)
			if err := w.FinishAnswer(a, []byte("done")); err != nil {
				return err
			}
			if must[bool](t)(w.TakeAnswer(a, "three", noon)) {
				t.Error("what is done was taken")
			}
			a.Body = []byte("done")
			stands(&a)
			if err := w.ForgetAnswers(noon); err != nil {
				return err
			}
			stands(nil)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
