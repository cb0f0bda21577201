package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	store "github.com/certhall/certhall/store/authority"
)

// Single certificates are stored beside pairs, in the same batch too.
func TestSingleCertificates(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		pairs := []ca.Pair{single(pair("s1", "c1", 1, "l1")), pair("p2", "c2", 1, "l2"), single(pair("s3", "c3", 1, "l3"))}
		var both sync.WaitGroup
		for _, p := range pairs {
			open(t, s, p.Case, "", "")
			both.Go(func() {
				err := s.SaveIntent(context.Background(), intentOf(p), admitAll)
				won, err2 := s.SaveIssued(context.Background(), signatures(p))
				if err := errors.Join(err, err2); err != nil || !won {
					t.Error(won, err)
				}
			})
		}
		both.Wait()
		for _, p := range pairs {
			got := read(t, s, func(r ca.Reader) (*ca.Pair, error) { return r.PairBySerial(p.SignSerial) })
			if got == nil || got.ID != p.ID || got.Single() != p.Single() || len(got.EncTBS) != len(p.EncTBS) || len(got.Nonce) != len(p.Nonce) ||
				string(got.SignCert) != "sign "+string(p.ID) || (len(got.EncCert) > 0) == p.Single() {
				t.Errorf("%s: %+v", p.ID, got)
			}
			if escrowed := read(t, s, func(r ca.Reader) (bool, error) { return r.Escrowed(p.ID) }); escrowed == p.Single() {
				t.Errorf("%s: escrowed is %v", p.ID, escrowed)
			}
		}
		if p := read(t, s, func(r ca.Reader) (*ca.Pair, error) { return r.PairBySerial("") }); p != nil {
			t.Error("no serial finds", p.ID)
		}
	})
}

func TestStandingIsWhatIsStored(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		old := inForce(t, s, pair("p1", "c1", 1, "l1"))
		open(t, s, "c2", "l1", "p1")
		p := pair("p2", "c2", 1, "l1")
		p.OldPair = "p1"
		refused := errors.New("refused")
		err := s.SaveIntent(t.Context(), intentOf(p), func(st ca.Standing) error {
			switch {
			case st.Case == nil || st.Case.OldPair != "p1", st.Attempt == nil || string(st.Attempt.Nonce) != "nonce of c21":
				t.Errorf("case %+v attempt %+v", st.Case, st.Attempt)
			case st.Pair != nil, st.Old == nil || st.Old.State != authority.Current || st.Old.SignSerial != old.SignSerial:
				t.Errorf("pair %+v old %+v", st.Pair, st.Old)
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Error(err)
		}
		same(t, "a refused intent", read(t, s, func(r ca.Reader) (*ca.Pair, error) { return r.Pair("p2") }), (*ca.Pair)(nil))
		intend(t, s, p)
		for _, c := range []struct {
			id   certhall.CaseID
			n    int
			want string
		}{{"c2", 1, "c2 1 p2 p1 true"}, {"c2", 2, "c2 - - p1 true"}, {"c1", 1, "c1 1 p1 - false"}, {"none", 1, "- - - - false"}} {
			st, escrowed, err := s.Standing(t.Context(), c.id, c.n)
			if err != nil {
				t.Fatal(err)
			}
			names := []any{"-", "-", "-", "-", escrowed}
			if st.Case != nil {
				names[0] = st.Case.ID
			}
			if st.Attempt != nil {
				names[1] = st.Attempt.Number
			}
			if st.Pair != nil {
				names[2] = st.Pair.ID
			}
			if st.Old != nil {
				names[3] = st.Old.ID
			}
			same(t, "standing", strings.TrimSpace(fmt.Sprintln(names...)), c.want)
		}
		whole, _, err := s.Standing(t.Context(), "c2", 1)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "old pair", whole.Old, read(t, s, func(r ca.Reader) (*ca.Pair, error) { return r.Pair("p1") }))
		p3 := pair("p3", "c2", 1, "l1")
		err = s.SaveIntent(t.Context(), intentOf(p3), func(st ca.Standing) error {
			if st.Pair == nil || st.Pair.ID != "p2" || st.Old != nil {
				t.Errorf("pair %+v old %+v", st.Pair, st.Old)
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Error(err)
		}
		err = s.SaveIntent(t.Context(), intentOf(pair("p4", "none", 1, "l4")), func(st ca.Standing) error {
			if st.Case != nil || st.Attempt != nil || st.Pair != nil || st.Old != nil {
				t.Errorf("%+v", st)
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Error(err)
		}
	})
}

// The ◆ rules as the database keeps them, whatever admit says.
func TestRulesStandAgainstIntents(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		inForce(t, s, pair("p1", "c1", 1, "l1"))
		open(t, s, "c2", "l1", "p1")
		open(t, s, "c3", "l1", "p1")
		intend(t, s, pair("p2", "c2", 1, "l1"))
		for what, c := range map[string]struct {
			p    ca.Pair
			want error
		}{
			"a second coming pair of the lineage": {pair("x", "c3", 1, "l1"), ca.ErrLineageTaken},
			"a second pair of the attempt":        {pair("x", "c2", 1, "l9"), ca.ErrAttemptTaken},
			"a second pair of the entitlement":    {changed(pair("x", "c3", 1, "l9"), func(p *ca.Pair) { p.Entitlement = "right-p1" }), ca.ErrEntitlementTaken},
			"a serial that a pair has":            {changed(pair("x", "c3", 1, "l9"), func(p *ca.Pair) { p.SignSerial = "51p1" }), ca.ErrExists},
			"a serial that another column has":    {changed(pair("x", "c3", 1, "l9"), func(p *ca.Pair) { p.EncSerial = "51p1" }), ca.ErrExists},
			"one serial for both certificates":    {changed(pair("x", "c3", 1, "l9"), func(p *ca.Pair) { p.EncSerial = p.SignSerial }), ca.ErrExists},
			"an id that a pair has":               {changed(pair("p1", "c3", 1, "l9"), func(p *ca.Pair) { p.Entitlement = "r" }), ca.ErrExists},
		} {
			if err := s.SaveIntent(t.Context(), intentOf(c.p), admitAll); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if p := read(t, s, func(r ca.Reader) (*ca.Pair, error) { return r.Pair("x") }); p != nil {
			t.Error("a refused intent stands")
		}
		if n, err := (audit.Sequencer{Store: s}).Run(t.Context()); err != nil || n != 3 {
			t.Errorf("%d records, want those of p1 (2) and p2 (1): %v", n, err)
		}

		// One current pair a lineage.
		sign(t, s, pair("p2", "c2", 1, "l1"))
		err := s.Write(t.Context(), func(w ca.Writer) error {
			_, err := w.MovePair("p2", authority.Issued, authority.Current, ca.Change{})
			return err
		})
		if !errors.Is(err, ca.ErrLineageTaken) {
			t.Error("two current pairs in a lineage:", err)
		}
		// A void pair frees lineage, entitlement and, if given up, attempt.
		move(t, s, "p2", authority.Issued, authority.Void, ca.Change{RevokedAt: at(9), GivenUp: true})
		again := pair("p3", "c2", 1, "l1")
		again.Entitlement = "right-p2"
		intend(t, s, again)
		move(t, s, "p3", authority.Intended, authority.Void, ca.Change{RevokedAt: at(9)})
		if err := s.SaveIntent(t.Context(), intentOf(pair("p4", "c2", 1, "l1")), admitAll); !errors.Is(err, ca.ErrAttemptTaken) {
			t.Error("a void attempt has another pair:", err)
		}
	})
}

func changed(p ca.Pair, f func(*ca.Pair)) ca.Pair { f(&p); return p }

// Intents that arrive together are stored together; one that must fail does
// not take the others with it.
func TestBatchOfIntents(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		const n = 40
		refused := errors.New("refused")
		errs := make([]error, n)
		var batch sync.WaitGroup
		for i := range n {
			c := certhall.CaseID(fmt.Sprint("c", i))
			open(t, s, c, "", "")
			p := pair(fmt.Sprint("p", i), c, 1, certhall.LineageID(fmt.Sprint("l", i)))
			admit := admitAll
			switch i % 10 {
			case 3:
				p.Lineage = "taken" // all of them: one wins
			case 6:
				p.Entitlement = "taken"
			case 8:
				admit = func(ca.Standing) error { return refused }
			}
			batch.Go(func() { errs[i] = s.SaveIntent(context.Background(), intentOf(p), admit) })
		}
		batch.Wait()
		won := map[int]int{}
		for i, err := range errs {
			want := map[int]error{3: ca.ErrLineageTaken, 6: ca.ErrEntitlementTaken, 8: refused}[i%10]
			if err == nil {
				won[i%10]++
			} else if !errors.Is(err, want) {
				t.Errorf("%d: %v", i, err)
			}
			p := read(t, s, func(r ca.Reader) (*ca.Pair, error) { return r.Pair(certhall.PairID(fmt.Sprint("p", i))) })
			if (p != nil) != (err == nil) {
				t.Errorf("%d: answered %v, stored %v", i, err, p != nil)
			}
		}
		for kind := range 10 {
			want := map[int]int{3: 1, 6: 1, 8: 0}
			if w, special := want[kind]; !special && won[kind] != n/10 || special && won[kind] != w {
				t.Errorf("kind %d: %d won", kind, won[kind])
			}
		}

		var signed sync.WaitGroup
		wins := make([][2]bool, n)
		for i := range n {
			if errs[i] != nil {
				continue
			}
			for racer := range 2 {
				signed.Go(func() {
					p := pair(fmt.Sprint("p", i), certhall.CaseID(fmt.Sprint("c", i)), 1, certhall.LineageID(fmt.Sprint("l", i)))
					var err error
					if wins[i][racer], err = s.SaveIssued(context.Background(), signatures(p)); err != nil {
						t.Error(err)
					}
				})
			}
		}
		signed.Wait()
		for i, w := range wins {
			if errs[i] == nil && w[0] == w[1] {
				t.Errorf("%d: racers won %v", i, w)
			}
		}
		if left := read(t, s, func(r ca.Reader) ([]*ca.Pair, error) { return r.OpenIntents(n) }); len(left) != 0 {
			t.Errorf("%d intents are left", len(left))
		}
	})
}

// Racers for one attempt: one pair comes of it, void comes alone.
func TestRacingVoidAgainstIssued(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		for i := range 20 {
			c := certhall.CaseID(fmt.Sprint("c", i))
			l := certhall.LineageID(fmt.Sprint("l", i))
			p := pair(fmt.Sprint("p", i), c, 1, l)
			open(t, s, c, "", "")
			intend(t, s, p)
			var issued, voided bool
			var both sync.WaitGroup
			both.Go(func() {
				var err error
				if issued, err = s.SaveIssued(context.Background(), signatures(p)); err != nil {
					t.Error(err)
				}
			})
			both.Go(func() {
				err := s.Write(context.Background(), func(w ca.Writer) (err error) {
					if err := errors.Join(w.LockCases(c), w.LockLineages(l)); err != nil {
						return err
					}
					voided, err = w.MovePair(p.ID, authority.Intended, authority.Void, ca.Change{RevokedAt: at(9)})
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
			both.Wait()
			if issued == voided {
				t.Fatalf("issued %v, voided %v", issued, voided)
			}
			got := read(t, s, func(r ca.Reader) (*ca.Pair, error) { return r.Pair(p.ID) })
			if (got.SignCert != nil) != issued || (got.State == authority.Void) != voided {
				t.Errorf("issued %v: state %s, certificate %v", issued, got.State, got.SignCert != nil)
			}
		}
	})
}

func TestSequence(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		const n = 300
		if done, err := s.Sequence(t.Context(), 10, audit.Link); done != 0 || err != nil {
			t.Fatal(done, err)
		}
		var writers sync.WaitGroup
		for i := range 3 {
			writers.Go(func() {
				for j := range n / 3 {
					p := ca.Pair{PairInfo: authority.PairInfo{ID: certhall.PairID(fmt.Sprint(i, "-", j))}}
					err := s.Write(context.Background(), func(w ca.Writer) error {
						return w.AddRecord(record(authority.PairIssued, p))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		for range 2 { // two nodes number at once
			writers.Go(func() {
				for range 20 {
					if _, err := s.Sequence(context.Background(), 7, audit.Link); err != nil {
						t.Error(err)
					}
				}
			})
		}
		writers.Wait()
		if _, err := (audit.Sequencer{Store: s}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		records, err := s.Records(t.Context(), 0, 2*n)
		if err != nil || len(records) != n {
			t.Fatal(len(records), err)
		}
		var hash []byte
		seen := map[certhall.PairID]bool{}
		for i, r := range records {
			if r.Seq != int64(i+1) || seen[r.Pair] {
				t.Fatalf("record %d has number %d, pair %s", i, r.Seq, r.Pair)
			}
			if want := audit.Link(hash, r); string(want) != string(r.Hash) {
				t.Fatalf("record %d is not chained", r.Seq)
			}
			seen[r.Pair], hash = true, r.Hash
		}
		page := read(t, s, func(r ca.Reader) ([]ca.Record, error) { return r.Events(n-2, 1) })
		same(t, "page", page, records[n-2:n-1])
		want := record(authority.PairIssued, ca.Pair{})
		got := records[0]
		got.Seq, got.Hash, got.Pair, got.Data, want.Data = 0, nil, "", nil, nil
		same(t, "record", got, want)
	})
}
