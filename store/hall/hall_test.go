package hall_test

import (
	"context"
	"database/sql"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/notify"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/store/hall"
	"github.com/certhall/certhall/store/storetest"
)

var noon = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// queue notes what was enqueued in transactions, committed or not.
type queue struct {
	mu      sync.Mutex
	effects []services.Effect
}

func (q *queue) Enqueue(_ context.Context, tx *sql.Tx, e services.Effect) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if tx == nil {
		panic("no transaction")
	}
	q.effects = append(q.effects, e)
	return nil
}

func open(t *testing.T, address string) (*hall.Store, *queue) {
	t.Helper()
	q := new(queue)
	return hall.New(storetest.Open(t, address, hall.Migrations()), q), q
}

func TestMigratedTwice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := storetest.Open(t, address, hall.Migrations())
		if err := hall.Migrate(t.Context(), db); err != nil {
			t.Error(err)
		}
	})
}

func each(t *testing.T, f func(t *testing.T, s *hall.Store, q *queue)) {
	storetest.Each(t, func(t *testing.T, address string) {
		s, q := open(t, address)
		f(t, s, q)
	})
}

func write(t *testing.T, s *hall.Store, f func(services.Writer) error) {
	t.Helper()
	if err := s.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// full is a case with every field set.
func full() services.Case {
	return services.Case{
		ID: "c1", Version: 1, Service: certhall.Renew, State: services.Open, Lineage: "l1", Serial: "0a", OpenedAt: noon,
		Attempt: 2, Rank: services.RankIssued, NewSerial: "0b", AcknowledgedAt: noon.Add(time.Hour), Suspended: true, HeldSeq: 7, ClosedThere: true,
		Identified: true, Project: "p", Profile: "org", TermYears: 3, MaxYears: 5, Disposal: certhall.Delete, KeySerial: "K1",
		Phone: "13800000001", PhoneProved: true, Entitlement: "e1",
		Request: []byte{1}, Evidence: []byte{2}, Installed: true, Untestable: true, Acknowledgement: []byte{3},
		Claiming: true, Claim: []byte{4}, Lost: true, Acknowledged: true,
		Errands: []services.Errand{{Case: "c0", Attempt: 1, Void: true}, {Case: "c1", Attempt: 2}}, MakeRoom: true,
		Closing: []byte{5}, Delay: "sealed", DelayBy: map[string]string{"predecessor": "old"}, Problem: &services.Problem{Code: "x", Params: map[string]string{"a": "b"}},
	}
}

func TestCaseKeepsEveryField(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		want := full()
		v := reflect.ValueOf(want)
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Errorf("the test leaves %s empty", v.Type().Field(i).Name)
			}
		}
		write(t, s, func(w services.Writer) error {
			_, err := w.AddCase(want)
			return err
		})
		write(t, s, func(w services.Writer) error {
			if got := must[*services.Case](t)(w.LockCase("c1")); !reflect.DeepEqual(*got, want) {
				t.Errorf("stored  %+v\nread back %+v", want, *got)
			}
			want.Version, want.Phone = 2, ""
			if !must[bool](t)(w.SaveCase(want)) {
				t.Error("the next version was not saved")
			}
			if must[bool](t)(w.SaveCase(want)) {
				t.Error("the same version was saved twice")
			}
			return nil
		})
		err := s.Read(t.Context(), func(r services.Reader) error {
			if got := must[*services.Case](t)(r.CaseOfPair("0b")); !reflect.DeepEqual(*got, want) {
				t.Errorf("by its new pair: %+v", got)
			}
			if got := must[[]*services.Case](t)(r.CasesFrom("0a")); len(got) != 1 {
				t.Errorf("by its old pair: %d cases", len(got))
			}
			if got := must[*services.Case](t)(r.CaseOfPair("")); got != nil {
				t.Error("a case without a new pair was found by it")
			}
			if got := must[*services.Case](t)(r.Case("c9")); got != nil {
				t.Error("found a case that is not there")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestOneBusyCaseALineage(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		add := func(id certhall.CaseID, state services.State, closedThere bool) (added bool) {
			c := services.Case{ID: id, Version: 1, Lineage: "l1", State: state, ClosedThere: closedThere}
			write(t, s, func(w services.Writer) (err error) {
				added, err = w.AddCase(c)
				return err
			})
			return added
		}
		if !add("done", services.Done, false) || !add("closed", services.Closed, true) || !add("refused", services.Refused, true) {
			t.Fatal("ended cases occupy nothing")
		}
		if !add("a", services.Refused, false) {
			t.Fatal("the lineage was free")
		}
		for _, state := range []services.State{services.Open, services.Closing, services.Refused} {
			if add("b", state, false) {
				t.Errorf("a second busy case, %s", state)
			}
		}
		err := s.Read(t.Context(), func(r services.Reader) error {
			if got := must[*services.Case](t)(r.BusyCase("l1")); got == nil || got.ID != "a" {
				t.Errorf("busy: %+v", got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestOneOfManyOpeners: of many that open a case for one lineage at once, one does.
func TestOneOfManyOpeners(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 16 {
			wg.Go(func() {
				var added bool
				err := s.Write(t.Context(), func(w services.Writer) (err error) {
					added, err = w.AddCase(services.Case{ID: certhall.CaseID(rune('a' + i)), Version: 1, Lineage: "l", State: services.Open})
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if added {
					won++
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d openers won", won)
		}
	})
}

// TestOneOfManySavers: of many that move a case from the same version, one does.
func TestOneOfManySavers(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		write(t, s, func(w services.Writer) error {
			_, err := w.AddCase(services.Case{ID: "c", Version: 1, Lineage: "l", State: services.Open})
			return err
		})
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 16 {
			wg.Go(func() {
				var saved bool
				err := s.Write(t.Context(), func(w services.Writer) (err error) {
					saved, err = w.SaveCase(services.Case{ID: "c", Version: 2, Lineage: "l", State: services.Closing})
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if saved {
					won++
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d savers won", won)
		}
	})
}

func TestOpeningsAndTokens(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		nonce := []byte("0123456789abcdef")
		use := func(now time.Time) (fresh bool) {
			write(t, s, func(w services.Writer) (err error) {
				fresh, err = w.SpendNonce(nonce, now.Add(time.Minute), now)
				return err
			})
			return fresh
		}
		if !use(noon) || use(noon.Add(time.Minute-time.Millisecond)) {
			t.Error("a nonce is taken once")
		}
		write(t, s, func(w services.Writer) error {
			spent, err := w.NonceSpent(nonce)
			if err == nil && !spent {
				t.Error("a spent nonce is not remembered")
			}
			return err
		})
		if !use(noon.Add(time.Minute)) {
			t.Error("a nonce is remembered after its end")
		}
		write(t, s, func(w services.Writer) error {
			return w.SetToken(services.Token{Session: "s1", Case: "c", Expires: noon})
		})
		write(t, s, func(w services.Writer) error {
			return w.SetToken(services.Token{Session: "s2", Case: "c", Expires: noon})
		})
		err := s.Read(t.Context(), func(r services.Reader) error {
			if got := must[*services.Token](t)(r.Token("s1")); got != nil {
				t.Error("the earlier token still opens the case")
			}
			want := services.Token{Session: "s2", Case: "c", Expires: noon}
			if got := must[*services.Token](t)(r.Token("s2")); got == nil || *got != want {
				t.Errorf("token: %+v", got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestEntitlements(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		write(t, s, func(w services.Writer) error {
			return w.AddEntitlement(orders.Entitlement{ID: "e", Case: "c", State: orders.Open, MadeAt: noon})
		})
		write(t, s, func(w services.Writer) error { return orders.Spend(w, "e", noon) })
		write(t, s, func(w services.Writer) error { return orders.Spend(w, "e", noon) })
		if err := s.Write(t.Context(), func(w services.Writer) error { return orders.Free(w, "c", "e", noon) }); err == nil {
			t.Error("a spent entitlement was freed")
		}
	})
}

func TestProjection(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		old := authority.PairInfo{ID: "p1", Lineage: "l", Case: "c0", Attempt: 1, State: authority.Current, Subject: "甲", Organisation: "o", Project: "p",
			Profile: "org", TermYears: 1, KeyNumber: "n", KeySerial: "k", SignSerial: "01", EncSerial: "02", NotBefore: noon, NotAfter: noon.Add(time.Hour), Entitlement: "e"}
		next := old
		next.ID, next.SignSerial, next.EncSerial = "p2", "03", "04"
		write(t, s, func(w services.Writer) error { return w.ProjectPair(old, 5) })
		write(t, s, func(w services.Writer) error {
			if err := w.ProjectPair(next, 9); err != nil {
				return err
			}
			return w.ProjectSuccessor(next, 9)
		})
		late := old // an older event again
		write(t, s, func(w services.Writer) error { return w.ProjectPair(late, 6) })
		err := s.Read(t.Context(), func(r services.Reader) error {
			want := services.Certificate{PairInfo: old, Seq: 9}
			want.State = authority.Superseded
			if got := must[*services.Certificate](t)(r.Certificate("01")); !reflect.DeepEqual(*got, want) {
				t.Errorf("old: %+v", got)
			}
			if got := must[*services.Certificate](t)(r.Certificate("03")); got.State != authority.Current {
				t.Errorf("new: %+v", got)
			}
			if got := must[*services.Certificate](t)(r.Certificate("09")); got != nil {
				t.Error("found a certificate that is not there")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		write(t, s, func(w services.Writer) error {
			if !must[bool](t)(w.MoveCursor(0, 9)) || must[bool](t)(w.MoveCursor(0, 9)) {
				t.Error("the cursor moves from where it is")
			}
			return w.ForgetCertificates()
		})
		err = s.Read(t.Context(), func(r services.Reader) error {
			if got := must[int64](t)(r.Cursor()); got != 0 {
				t.Errorf("cursor %d after forgetting", got)
			}
			if got := must[*services.Certificate](t)(r.Certificate("01")); got != nil {
				t.Error("a certificate was not forgotten")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestJournalAndQueue(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, q *queue) {
		write(t, s, func(w services.Writer) error {
			if _, err := w.AddCase(services.Case{ID: "c", Version: 1, Lineage: "l", State: services.Open}); err != nil {
				return err
			}
			if err := w.Enqueue(services.Effect{Kind: services.EffectTicket, Case: "c"}); err != nil {
				return err
			}
			return w.AddEntry(services.Entry{Case: "c", Version: 1, Kind: services.EvOpened, At: noon, Data: "{}"})
		})
		if len(q.effects) != 1 || q.effects[0].Kind != services.EffectTicket {
			t.Errorf("enqueued %+v", q.effects)
		}
		err := s.Write(t.Context(), func(w services.Writer) error {
			return w.AddEntry(services.Entry{Case: "c", Version: 1, Kind: services.EvOpened, At: noon, Data: "{}"})
		})
		if err == nil {
			t.Error("two rows of the journal for one version")
		}
	})
}

func TestCodes(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		a := s.Accounts()
		codes := []accounts.Code{
			{ID: "1", Session: "s", Phone: "p", Address: "a", Digest: []byte{1}, SentAt: noon},
			{ID: "2", Session: "s", Phone: "p", Address: "a", Digest: []byte{2}, SentAt: noon.Add(time.Minute)},
			{ID: "3", Session: "t", Phone: "q", Address: "a", Digest: []byte{3}, SentAt: noon.Add(time.Minute)},
		}
		err := a.Write(t.Context(), func(w accounts.Writer) error {
			for _, c := range codes {
				if err := w.LockAddress(c.Address); err != nil {
					return err
				}
				if err := w.LockPhone(c.Phone); err != nil {
					return err
				}
				if err := w.AddCode(c); err != nil {
					return err
				}
			}
			if err := w.CountWrongTry("p", noon); err != nil { // the first is no longer live
				return err
			}
			return w.AddProof("s", "p", noon)
		})
		if err != nil {
			t.Fatal(err)
		}
		err = a.Write(t.Context(), func(w accounts.Writer) error {
			live := must[[]accounts.Code](t)(w.LiveCodes("p", noon.Add(-time.Second)))
			codes[1].Tries = 1
			if !reflect.DeepEqual(live, codes[:2]) {
				t.Errorf("live: %+v", live)
			}
			n, last, err := w.SendsTo("p", noon.Add(-time.Second))
			if n != 2 || !last.Equal(noon.Add(time.Minute)) || err != nil {
				t.Errorf("sends to p: %d, last %v, %v", n, last, err)
			}
			if n, err := w.SendsFrom("a", noon); n != 2 || err != nil {
				t.Errorf("sends from a: %d, %v", n, err)
			}
			if until := must[time.Time](t)(w.Proof("s", "p")); !until.Equal(noon) {
				t.Errorf("proof until %v", until)
			}
			if until := must[time.Time](t)(w.Proof("t", "p")); !until.IsZero() {
				t.Errorf("another session's proof until %v", until)
			}
			if err := w.UseCodes("p", "s"); err != nil {
				return err
			}
			if live := must[[]accounts.Code](t)(w.LiveCodes("p", time.Time{})); len(live) != 0 {
				t.Errorf("live after use: %+v", live)
			}
			if err := w.ForgetCodes(noon.Add(time.Hour)); err != nil {
				return err
			}
			if n, _, _ := w.SendsTo("p", time.Time{}); n != 0 {
				t.Errorf("%d codes after forgetting", n)
			}
			first := must[accounts.Person](t)(w.PersonOfPhone("p", "id1", noon))
			if again := must[accounts.Person](t)(w.PersonOfPhone("p", "id2", noon)); again != first || first.ID != "id1" {
				t.Errorf("one phone, two persons: %+v %+v", first, again)
			}
			h := accounts.Handler{Person: first, Lineage: "l", Source: accounts.ByKey}
			for range 2 {
				if err := w.AddHandler(h, noon); err != nil {
					return err
				}
			}
			if got := must[[]accounts.Handler](t)(w.Handlers("l")); !reflect.DeepEqual(got, []accounts.Handler{h}) {
				t.Errorf("handlers: %+v", got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestOutbox(t *testing.T) {
	each(t, func(t *testing.T, s *hall.Store, _ *queue) {
		m := notify.Message{Key: "k", Phone: "p", Template: notify.TemplateCase, Vars: map[string]string{"code": "000001"}, At: noon}
		for range 2 {
			if err := s.AddMessage(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		if got := must[[]notify.Message](t)(s.Messages(t.Context(), noon.Add(-time.Second), 10)); !reflect.DeepEqual(got, []notify.Message{m}) {
			t.Errorf("outbox: %+v", got)
		}
		if got := must[[]notify.Message](t)(s.Messages(t.Context(), noon, 10)); len(got) != 0 {
			t.Errorf("behind it: %+v", got)
		}
		next := m
		next.Key, next.At = "k2", noon.Add(25*time.Hour)
		if err := s.AddMessage(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		if got := must[[]notify.Message](t)(s.Messages(t.Context(), time.Time{}, 10)); !reflect.DeepEqual(got, []notify.Message{next}) {
			t.Errorf("after a day: %+v", got)
		}
	})
}
