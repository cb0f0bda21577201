package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	store "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/storetest"
)

var morning = time.Date(2026, 5, 1, 1, 0, 0, 0, time.UTC)

func at(minutes int) time.Time { return morning.Add(time.Duration(minutes) * time.Minute) }

// each runs a test on an empty authority's store over each database.
func each(t *testing.T, f func(t *testing.T, s *store.Store)) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := storetest.Open(t, address, store.Migrations())
		f(t, store.New(db))
	})
}

func write(t *testing.T, s *store.Store, f func(ca.Writer) error) {
	t.Helper()
	if err := s.Write(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

func read[T any](t *testing.T, s *store.Store, f func(ca.Reader) (T, error)) T {
	t.Helper()
	var v T
	err := s.Read(context.Background(), func(r ca.Reader) (err error) {
		v, err = f(r)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
}

func attempt(c certhall.CaseID, n int) ca.Attempt {
	return ca.Attempt{Case: c, Number: n, Standing: authority.AttemptOpen, OpenedAt: at(n),
		Nonce: []byte(fmt.Sprint("nonce of ", c, n)), Expiry: at(60 + n), Ticket: []byte("ticket")}
}

func record(kind authority.EventKind, p ca.Pair) ca.Record {
	return ca.Record{At: at(7), Kind: kind, Case: p.Case, Attempt: p.Attempt, Lineage: p.Lineage, Pair: p.ID,
		Salt: []byte("salt"), Data: []byte(`{"id":"` + string(p.ID) + `"}`), Digest: []byte("digest")}
}

// pair fills every field that an intent stores.
func pair(id string, c certhall.CaseID, n int, l certhall.LineageID) ca.Pair {
	return ca.Pair{
		PairInfo: authority.PairInfo{
			ID: certhall.PairID(id), Lineage: l, Case: c, Attempt: n, State: authority.Intended,
			Subject: "张三", Organisation: "91310000", Project: "zfcg", Profile: "sm2-user", TermYears: 2,
			KeyNumber: "K-1", KeySerial: "S-1", SignSerial: certhall.Serial("51" + id), EncSerial: certhall.Serial("e1" + id),
			NotBefore: at(-5), NotAfter: at(1000), Entitlement: certhall.EntitlementID("right-" + id),
		},
		OldSerial: "0lder", SubjectDER: []byte("name"), IdentityDER: []byte("identity"), Request: []byte("p10"),
		RequestDigest: []byte("digest of request"), KeyDigest: []byte("digest of key " + id), Evidence: []byte("evidence"),
		EvidenceKind: "old-key", Disposal: certhall.Keep, SignTBS: []byte("tbs s"), EncTBS: []byte("tbs e"),
		Envelope: []byte("envelope"), Nonce: []byte("nonce"), SealedNonce: []byte("sealed"), IntendedAt: at(3),
	}
}

// single takes a pair's encryption half away.
func single(p ca.Pair) ca.Pair {
	p.EncSerial, p.EncTBS, p.Envelope, p.Nonce, p.SealedNonce = "", nil, nil, nil, nil
	return p
}

func intentOf(p ca.Pair) ca.Intent {
	i := ca.Intent{Pair: p, NewLineage: p.OldPair == "", Record: record(authority.PairIntended, p)}
	if !p.Single() {
		i.Escrow = []byte("escrowed key")
	}
	return i
}

func admitAll(ca.Standing) error { return nil }

// open stores a case with an open attempt 1.
func open(t *testing.T, s *store.Store, c certhall.CaseID, l certhall.LineageID, old certhall.PairID) {
	t.Helper()
	write(t, s, func(w ca.Writer) error {
		if l != "" {
			if err := w.AddLineage(l, at(0)); err != nil {
				return err
			}
		}
		if err := w.AddCase(ca.Case{ID: c, Service: certhall.Renew, State: ca.CaseOpen, Lineage: l, OldPair: old, OpenedAt: at(1)}); err != nil {
			return err
		}
		return w.AddAttempt(attempt(c, 1))
	})
}

func intend(t *testing.T, s *store.Store, p ca.Pair) {
	t.Helper()
	if err := s.SaveIntent(context.Background(), intentOf(p), admitAll); err != nil {
		t.Fatal(err)
	}
}

func sign(t *testing.T, s *store.Store, p ca.Pair) {
	t.Helper()
	won, err := s.SaveIssued(context.Background(), signatures(p))
	if err != nil || !won {
		t.Fatal(won, err)
	}
}

func signatures(p ca.Pair) ca.Signatures {
	s := ca.Signatures{ID: p.ID, SignCert: []byte("sign " + p.ID), At: at(4), Record: record(authority.PairIssued, p)}
	if !p.Single() {
		s.EncCert = []byte("enc " + p.ID)
	}
	return s
}

func move(t *testing.T, s *store.Store, id certhall.PairID, from, to authority.State, ch ca.Change) {
	t.Helper()
	write(t, s, func(w ca.Writer) error {
		moved, err := w.MovePair(id, from, to, ch)
		if err == nil && !moved {
			err = errors.New("not moved")
		}
		return err
	})
}

// inForce stores a pair and makes it current.
func inForce(t *testing.T, s *store.Store, p ca.Pair) ca.Pair {
	t.Helper()
	open(t, s, p.Case, "", "")
	intend(t, s, p)
	sign(t, s, p)
	move(t, s, p.ID, authority.Issued, authority.Current, ca.Change{AcknowledgedAt: at(5), Receipt: []byte("receipt")})
	write(t, s, func(w ca.Writer) error {
		_, err := w.EndAttempt(p.Case, p.Attempt, authority.AttemptAcknowledged)
		if err == nil {
			_, err = w.EndCase(p.Case, ca.CaseAcknowledged, at(5))
		}
		return err
	})
	return p
}

func TestCases(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		c := ca.Case{ID: "c1", Service: certhall.Renew, State: ca.CaseOpen, Lineage: "l1", OldPair: "p0", OpenedAt: at(1), Grace: 36 * time.Hour}
		write(t, s, func(w ca.Writer) error {
			return errors.Join(w.AddLineage("l1", at(0)), w.AddLineage("l1", at(1)), w.AddCase(c))
		})
		same(t, "case", read(t, s, func(r ca.Reader) (*ca.Case, error) { return r.Case("c1") }), &c)
		same(t, "absent case", read(t, s, func(r ca.Reader) (*ca.Case, error) { return r.Case("none") }), (*ca.Case)(nil))
		err := s.Write(t.Context(), func(w ca.Writer) error { return w.AddCase(c) })
		if !errors.Is(err, ca.ErrExists) {
			t.Error("a case was added twice:", err)
		}
		same(t, "open cases", read(t, s, func(r ca.Reader) ([]*ca.Case, error) { return r.LineageCases("l1") }), []*ca.Case{&c})
		write(t, s, func(w ca.Writer) error {
			if err := errors.Join(w.LockCases("c1", "none"), w.LockCases(), w.LockLineages("l1", "none")); err != nil {
				return err
			}
			for _, want := range []bool{true, false} {
				if ended, err := w.EndCase("c1", ca.CaseClosed, at(9)); err != nil || ended != want {
					return fmt.Errorf("ended %v: %w", ended, err)
				}
			}
			return nil
		})
		c.State, c.EndedAt = ca.CaseClosed, at(9)
		same(t, "closed case", read(t, s, func(r ca.Reader) (*ca.Case, error) { return r.Case("c1") }), &c)
		same(t, "open cases", read(t, s, func(r ca.Reader) ([]*ca.Case, error) { return r.LineageCases("l1") }), []*ca.Case(nil))
	})
}

func TestAttempts(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		open(t, s, "c1", "l1", "p0")
		a := attempt("c1", 1)
		for what, f := range map[string]func(ca.Reader) (*ca.Attempt, error){
			"attempt": func(r ca.Reader) (*ca.Attempt, error) { return r.Attempt("c1", 1) },
			"open":    func(r ca.Reader) (*ca.Attempt, error) { return r.OpenAttempt("c1") },
			"last":    func(r ca.Reader) (*ca.Attempt, error) { return r.LastAttempt("c1") },
		} {
			same(t, what, read(t, s, f), &a)
		}
		for what, n := range map[string]int{"the same attempt": 1, "another open attempt": 2} {
			err := s.Write(t.Context(), func(w ca.Writer) error { return w.AddAttempt(attempt("c1", n)) })
			if !errors.Is(err, ca.ErrExists) {
				t.Errorf("%s was added: %v", what, err)
			}
		}
		a.Nonce, a.Expiry, a.Ticket = []byte("new"), at(99), []byte("new ticket")
		write(t, s, func(w ca.Writer) error { return w.SetTicket(a) })
		same(t, "ticket", read(t, s, func(r ca.Reader) (*ca.Attempt, error) { return r.OpenAttempt("c1") }), &a)
		write(t, s, func(w ca.Writer) error {
			for _, want := range []bool{true, false} {
				if ended, err := w.EndAttempt("c1", 1, authority.AttemptVoid); err != nil || ended != want {
					return fmt.Errorf("ended %v: %w", ended, err)
				}
			}
			return w.AddAttempt(attempt("c1", 2))
		})
		if err := s.Write(t.Context(), func(w ca.Writer) error { return w.SetTicket(a) }); err == nil {
			t.Error("a void attempt got a ticket")
		}
		if err := s.Write(t.Context(), func(w ca.Writer) error { _, err := w.EndAttempt("c1", 2, authority.AttemptOpen); return err }); err == nil {
			t.Error("an attempt was opened by ending it")
		}
		a.Standing = authority.AttemptVoid
		same(t, "void attempt", read(t, s, func(r ca.Reader) (*ca.Attempt, error) { return r.Attempt("c1", 1) }), &a)
		b := attempt("c1", 2)
		same(t, "last", read(t, s, func(r ca.Reader) (*ca.Attempt, error) { return r.LastAttempt("c1") }), &b)
	})
}

func TestPairLife(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		p := pair("p1", "c1", 1, "l1")
		open(t, s, "c1", "", "")
		get := func() *ca.Pair {
			return read(t, s, func(r ca.Reader) (*ca.Pair, error) { return r.Pair("p1") })
		}
		intend(t, s, p)
		same(t, "intended", get(), &p)
		same(t, "its case", read(t, s, func(r ca.Reader) (*ca.Case, error) { return r.Case("c1") }).Lineage, certhall.LineageID("l1"))
		same(t, "open intents", read(t, s, func(r ca.Reader) ([]*ca.Pair, error) { return r.OpenIntents(9) }), []*ca.Pair{&p})
		for _, id := range []certhall.PairID{"p1", "none"} {
			same(t, "escrowed", read(t, s, func(r ca.Reader) (bool, error) { return r.Escrowed(id) }), id == "p1")
		}

		sign(t, s, p)
		if won, err := s.SaveIssued(t.Context(), signatures(p)); won || err != nil {
			t.Error("signatures were stored twice:", won, err)
		}
		p.State, p.SignCert, p.EncCert, p.IssuedAt = authority.Issued, []byte("sign p1"), []byte("enc p1"), at(4)
		same(t, "issued", get(), &p)
		same(t, "open intents", read(t, s, func(r ca.Reader) ([]*ca.Pair, error) { return r.OpenIntents(9) }), []*ca.Pair(nil))

		steps := []struct {
			to     authority.State
			change ca.Change
			apply  func()
		}{
			{authority.Current, ca.Change{AcknowledgedAt: at(5), Receipt: []byte("receipt")}, func() { p.AcknowledgedAt, p.Receipt = at(5), []byte("receipt") }},
			{authority.Superseded, ca.Change{SupersededAt: at(6), GraceEnds: at(50)}, func() { p.SupersededAt, p.GraceEnds = at(6), at(50) }},
			{authority.Revoked, ca.Change{RetiredAt: at(8), RevokedAt: at(8), Reason: 4}, func() { p.RetiredAt, p.RevokedAt, p.Reason = at(8), at(8), 4 }},
		}
		for _, step := range steps {
			move(t, s, "p1", p.State, step.to, step.change)
			write(t, s, func(w ca.Writer) error {
				if moved, err := w.MovePair("p1", p.State, step.to, step.change); moved || err != nil {
					return fmt.Errorf("moved twice: %v %w", moved, err)
				}
				return nil
			})
			step.apply()
			p.State = step.to
			same(t, string(step.to), get(), &p)
		}
		for _, final := range []authority.State{authority.Revoked, authority.Void} {
			err := s.Write(t.Context(), func(w ca.Writer) error {
				_, err := w.MovePair("p1", final, authority.Current, ca.Change{})
				return err
			})
			if err == nil {
				t.Errorf("a pair that is %s became current", final)
			}
		}
	})
}

func TestFindingPairs(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		old := inForce(t, s, pair("p1", "c1", 1, "l1"))
		open(t, s, "c2", "l1", "p1")
		void := pair("p2", "c2", 1, "l1")
		void.OldPair = "p1"
		intend(t, s, void)
		move(t, s, "p2", authority.Intended, authority.Void, ca.Change{RevokedAt: at(6), Reason: 5, GivenUp: true})
		next := pair("p3", "c2", 1, "l1")
		next.OldPair = "p1"
		intend(t, s, next)

		find := func(f func(ca.Reader) (*ca.Pair, error)) string {
			p := read(t, s, f)
			if p == nil {
				return ""
			}
			return string(p.ID)
		}
		for _, c := range []struct {
			what, want string
			f          func(ca.Reader) (*ca.Pair, error)
		}{
			{"sign serial", "p1", func(r ca.Reader) (*ca.Pair, error) { return r.PairBySerial(old.SignSerial) }},
			{"enc serial", "p1", func(r ca.Reader) (*ca.Pair, error) { return r.PairBySerial(old.EncSerial) }},
			{"a given-up intent's serial", "p2", func(r ca.Reader) (*ca.Pair, error) { return r.PairBySerial(void.SignSerial) }},
			{"no serial", "", func(r ca.Reader) (*ca.Pair, error) { return r.PairBySerial("00") }},
			{"attempt", "p3", func(r ca.Reader) (*ca.Pair, error) { return r.PairOfAttempt("c2", 1) }},
			{"no attempt", "", func(r ca.Reader) (*ca.Pair, error) { return r.PairOfAttempt("c2", 2) }},
			{"successor", "p3", func(r ca.Reader) (*ca.Pair, error) { return r.SuccessorOf("p1") }},
			{"no successor", "", func(r ca.Reader) (*ca.Pair, error) { return r.SuccessorOf("p3") }},
			{"no pair", "", func(r ca.Reader) (*ca.Pair, error) { return r.Pair("none") }},
		} {
			if got := find(c.f); got != c.want {
				t.Errorf("%s: %q, want %q", c.what, got, c.want)
			}
		}
		var ids []string
		for _, p := range read(t, s, func(r ca.Reader) ([]*ca.Pair, error) { return r.LineagePairs("l1") }) {
			ids = append(ids, string(p.ID))
		}
		same(t, "lineage", ids, []string{"p1", "p2", "p3"})
	})
}

func TestTimeLimits(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		lapsed := func(before time.Time) []certhall.CaseID {
			return read(t, s, func(r ca.Reader) ([]certhall.CaseID, error) { return r.LapsedCases(before, 9) })
		}
		p := pair("p1", "c1", 1, "l1")
		open(t, s, "c1", "", "") // attempt 1 opened at minute 1
		open(t, s, "c2", "", "")
		same(t, "nothing lapsed at the instant", lapsed(at(1)), []certhall.CaseID(nil))
		same(t, "both lapse", lapsed(at(2)), []certhall.CaseID{"c1", "c2"})
		intend(t, s, p)
		sign(t, s, p) // at minute 4
		write(t, s, func(w ca.Writer) error {
			_, err := w.EndAttempt("c2", 1, authority.AttemptVoid)
			return errors.Join(err, w.AddAttempt(attempt("c2", 2)))
		})
		same(t, "issued later, second attempt later", lapsed(at(2)), []certhall.CaseID(nil))
		same(t, "second attempt lapses", lapsed(at(4)), []certhall.CaseID{"c2"})
		same(t, "both lapse", lapsed(at(5)), []certhall.CaseID{"c1", "c2"})

		move(t, s, "p1", authority.Issued, authority.Current, ca.Change{AcknowledgedAt: at(5)})
		move(t, s, "p1", authority.Current, authority.Superseded, ca.Change{SupersededAt: at(6), GraceEnds: at(50)})
		for minute, want := range map[int]int{49: 0, 50: 1, 51: 1} {
			got := read(t, s, func(r ca.Reader) ([]*ca.Pair, error) { return r.GraceEnded(at(minute), 9) })
			if len(got) != want {
				t.Errorf("minute %d: %d in ended grace", minute, len(got))
			}
		}
	})
}

// since is when a hold of these tests begins.
func since(on bool) time.Time {
	if !on {
		return time.Time{}
	}
	return at(7)
}

func TestSuspension(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		inForce(t, s, pair("p1", "c1", 1, "l1"))
		inForce(t, s, pair("p2", "c2", 1, "l2"))
		for _, c := range []struct {
			on      bool
			changed int
		}{{true, 1}, {true, 0}, {false, 1}, {false, 0}} {
			write(t, s, func(w ca.Writer) error {
				n, err := w.SetSuspended("l1", since(c.on))
				if err == nil && n != c.changed {
					err = fmt.Errorf("suspended %v: %d changed", c.on, n)
				}
				return err
			})
			for _, id := range []certhall.PairID{"p1", "p2"} {
				p := read(t, s, func(r ca.Reader) (*ca.Pair, error) { return r.Pair(id) })
				if p.Suspended != (c.on && id == "p1") {
					t.Errorf("%s suspended: %v", id, p.Suspended)
				}
			}
		}
		// An intent by the old key is held too, and cannot be signed meanwhile.
		open(t, s, "c3", "l1", "p1")
		p := pair("p3", "c3", 1, "l1")
		p.OldPair = "p1"
		intend(t, s, p)
		hold := func(on bool) {
			write(t, s, func(w ca.Writer) error {
				n, err := w.SetSuspended("l1", since(on))
				if err == nil && n != 2 {
					err = fmt.Errorf("%d changed", n)
				}
				return err
			})
		}
		hold(true)
		if won, err := s.SaveIssued(t.Context(), signatures(p)); won || err != nil {
			t.Error("a suspended intent was signed:", won, err)
		}
		same(t, "open intents", len(read(t, s, func(r ca.Reader) ([]*ca.Pair, error) { return r.OpenIntents(9) })), 0)
		hold(false)
		sign(t, s, p)

		count := func(since time.Time) int {
			return read(t, s, func(r ca.Reader) (int, error) { return r.SuspensionsSince(since) })
		}
		same(t, "suspensions", count(at(0)), 0)
		write(t, s, func(w ca.Writer) error { return w.AddRecord(record(authority.PairSuspended, ca.Pair{})) })
		same(t, "suspensions", []int{count(at(7)), count(at(8))}, []int{1, 0})
	})
}

func TestStaffAndNonces(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		m := ca.Staff{Serial: "aa", Role: "reviewer", Name: "李四", KeyDigest: []byte("k"), TBS: []byte("tbs"),
			Evidence: []byte("e"), State: ca.StaffIntended, At: at(1)}
		get := func() *ca.Staff {
			return read(t, s, func(r ca.Reader) (*ca.Staff, error) { return r.Staff("aa") })
		}
		active := func() int {
			return len(read(t, s, func(r ca.Reader) ([]*ca.Staff, error) { return r.StaffByRole("reviewer") }))
		}
		write(t, s, func(w ca.Writer) error { return w.AddStaff(m) })
		same(t, "intended", get(), &m)
		same(t, "active", active(), 0)
		if err := s.Write(t.Context(), func(w ca.Writer) error { return w.AddStaff(m) }); !errors.Is(err, ca.ErrExists) {
			t.Error("a serial was given twice:", err)
		}
		twice := func(f func(ca.Writer) (bool, error)) {
			t.Helper()
			for _, want := range []bool{true, false} {
				write(t, s, func(w ca.Writer) error {
					if done, err := f(w); err != nil || done != want {
						return fmt.Errorf("%v %w", done, err)
					}
					return nil
				})
			}
		}
		twice(func(w ca.Writer) (bool, error) { return w.ActivateStaff("aa", []byte("certificate")) })
		m.State, m.Certificate = ca.StaffActive, []byte("certificate")
		same(t, "activated", get(), &m)
		same(t, "active", active(), 1)
		twice(func(w ca.Writer) (bool, error) { return w.RetireStaff("aa", at(2), 9) })
		m.State, m.RetiredAt, m.Reason = ca.StaffRetired, at(2), 9
		same(t, "retired", get(), &m)
		same(t, "active", active(), 0)
		same(t, "absent", read(t, s, func(r ca.Reader) (*ca.Staff, error) { return r.Staff("bb") }), (*ca.Staff)(nil))
		twice(func(w ca.Writer) (bool, error) { return w.UseNonce([]byte("n"), at(3)) })
	})
}
