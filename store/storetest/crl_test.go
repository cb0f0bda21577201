package storetest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/status"
	store "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// eachDB is each, for tests that look into the tables too.
func eachDB(t *testing.T, f func(t *testing.T, db *sqldb.DB, s *store.Store)) {
	for _, kind := range storetest.Kinds {
		t.Run(kind, func(t *testing.T) { onDB(t, kind, f) })
	}
}

func onDB(t *testing.T, kind string, f func(t *testing.T, db *sqldb.DB, s *store.Store)) {
	db := storetest.Open(t, storetest.Address(t, kind), store.Migrations())
	f(t, db, store.New(db))
}

func exec(t *testing.T, db *sqldb.DB, query string, args ...any) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// revoked is what the issuer's CRL has to carry: serial, minute, reason.
func revoked(t *testing.T, s *store.Store, issuer string, ended time.Time) []string {
	t.Helper()
	var list []string
	_, err := s.Revoked(t.Context(), issuer, ended, func(e status.Entry) error {
		list = append(list, fmt.Sprintf("%s %v %d", e.Serial, e.At.Sub(morning).Minutes(), e.Reason))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// A CRL carries both serials of what is revoked or void, also of pairs that
// were never signed, and of living pairs on hold; nothing that is good, no
// pair on hold that nobody has seen; and those of its own issuer alone.
func TestWhatACRLCarries(t *testing.T) {
	eachDB(t, func(t *testing.T, db *sqldb.DB, s *store.Store) {
		for _, state := range []authority.State{authority.Intended, authority.Issued, authority.Current, authority.Superseded, authority.Revoked, authority.Void} {
			standing(t, s, string(state), authority.MainIssuer, state)
			standing(t, s, "held-"+string(state), authority.MainIssuer, state)
			write(t, s, func(w ca.Writer) error {
				_, err := w.SetSuspended(certhall.LineageID("l-held-"+state), at(20))
				return err
			})
		}
		standing(t, s, "givenup", authority.MainIssuer, authority.Intended)
		move(t, s, "givenup", authority.Intended, authority.Void, ca.Change{RevokedAt: at(11), Reason: 5, GivenUp: true})
		standing(t, s, "other", "issuing-rsa", authority.Revoked)
		exec(t, db, "INSERT INTO lost_serials (issuer, serial, revoked_at, reason) VALUES ('issuing', 'lost', $1, 4), ('issuing-rsa', 'lostrsa', $1, 4)", at(30).UnixMilli())
		for _, m := range []ca.Staff{{Serial: "staff-in-office"}, {Serial: "staff-retired"}} {
			m.Role, m.KeyDigest, m.TBS, m.State, m.At = "reviewer", []byte("digest"), []byte("tbs"), ca.StaffIntended, at(1)
			write(t, s, func(w ca.Writer) error {
				if err := w.AddStaff(m); err != nil {
					return err
				}
				_, err := w.ActivateStaff(m.Serial, []byte("certificate"))
				return err
			})
		}
		write(t, s, func(w ca.Writer) error {
			_, err := w.RetireStaff("staff-retired", at(40), 9)
			return err
		})
		want := []string{"lost 30 4", "staff-retired 40 9"}
		for id, rest := range map[string]string{
			"revoked": "9 1", "void": "8 5", "givenup": "11 5", "held-revoked": "9 1", "held-void": "8 5",
			"held-issued": "20 6", "held-current": "20 6", "held-superseded": "20 6",
		} {
			want = append(want, "51"+id+" "+rest, "e1"+id+" "+rest)
		}
		slices.Sort(want)
		same(t, "issuing", revoked(t, s, authority.MainIssuer, time.Time{}), want)
		same(t, "issuing-rsa", revoked(t, s, "issuing-rsa", time.Time{}), []string{"51other 9 1", "e1other 9 1", "lostrsa 30 4"})
		same(t, "another", revoked(t, s, "issuing-p256", time.Time{}), []string(nil))

		write(t, s, func(w ca.Writer) error {
			_, err := w.SetSuspended("l-held-current", time.Time{})
			return err
		})
		if got := strings.Join(revoked(t, s, authority.MainIssuer, time.Time{}), " "); strings.Contains(got, "held-current") {
			t.Errorf("resumed, and still there: %s", got)
		}
	})
}

// openwisp#1467: renewing never takes a revoked serial off. Within
// its grace the old pair is not on it.
func TestRenewingKeepsTheRevokedOnTheCRL(t *testing.T) {
	eachDB(t, func(t *testing.T, _ *sqldb.DB, s *store.Store) {
		inForce(t, s, pair("p1", "c1", 1, "l1"))
		for n, ends := range []authority.State{authority.Revoked, authority.Superseded} {
			old, next := certhall.PairID(fmt.Sprint("p", n+1)), pair(fmt.Sprint("p", n+2), certhall.CaseID(fmt.Sprint("c", n+2)), 1, "l1")
			change := ca.Change{RevokedAt: at(9), Reason: 1}
			if ends == authority.Superseded {
				change = ca.Change{SupersededAt: at(9), GraceEnds: at(500)}
			}
			move(t, s, old, authority.Current, ends, change)
			next.OldPair = old
			open(t, s, next.Case, "l1", old)
			intend(t, s, next)
			sign(t, s, next)
			move(t, s, next.ID, authority.Issued, authority.Current, ca.Change{AcknowledgedAt: at(10), Receipt: []byte("receipt")})
			same(t, string(ends), revoked(t, s, "", time.Time{}), []string{"51p1 9 1", "e1p1 9 1"})
		}
		move(t, s, "p2", authority.Superseded, authority.Revoked, ca.Change{RevokedAt: at(500), Reason: 4}) // its grace ended
		same(t, "after the grace", revoked(t, s, "", time.Time{}), []string{"51p1 9 1", "51p2 500 4", "e1p1 9 1", "e1p2 500 4"})
	})
}

// RFC 5280, 3.3: what ended leaves the CRL only where both its end and its
// revocation lie before the time from which on every list told of it.
func TestWhatEndedLeavesTheCRL(t *testing.T) {
	eachDB(t, func(t *testing.T, _ *sqldb.DB, s *store.Store) {
		for id, c := range map[string]struct{ end, revoked int }{"a": {100, 50}, "b": {100, 300}, "c": {300, 50}} {
			p := pair(id, certhall.CaseID("c-"+id), 1, certhall.LineageID("l-"+id))
			p.Issuer, p.NotAfter = authority.MainIssuer, at(c.end)
			inForce(t, s, p)
			move(t, s, p.ID, authority.Current, authority.Revoked, ca.Change{RevokedAt: at(c.revoked), Reason: 4})
		}
		held := pair("d", "c-d", 1, "l-d")
		held.Issuer, held.NotAfter = authority.MainIssuer, at(100)
		inForce(t, s, held)
		write(t, s, func(w ca.Writer) error { _, err := w.SetSuspended("l-d", at(60)); return err })
		for minute, want := range map[int]string{0: "abcd", 100: "abcd", 101: "bc", 300: "bc", 301: ""} {
			got := ""
			for _, e := range revoked(t, s, authority.MainIssuer, at(minute)) {
				if strings.HasPrefix(e, "51") {
					got += e[2:3]
				}
			}
			if got != want {
				t.Errorf("ended before minute %d: %s are left, want %s", minute, got, want)
			}
		}
	})
}

// What is revoked while a CRL is read is none of that CRL's, wherever its row lies.
func TestACRLIsOneState(t *testing.T) {
	test := func(t *testing.T, _ *sqldb.DB, s *store.Store) {
		standing(t, s, "a", authority.MainIssuer, authority.Current)
		standing(t, s, "b", authority.MainIssuer, authority.Revoked)
		standing(t, s, "c", authority.MainIssuer, authority.Current)
		var got []string
		_, err := s.Revoked(t.Context(), authority.MainIssuer, time.Time{}, func(e status.Entry) error {
			if len(got) == 0 {
				for _, id := range []certhall.PairID{"a", "c"} {
					move(t, s, id, authority.Current, authority.Revoked, ca.Change{RevokedAt: at(9)})
				}
			}
			got = append(got, string(e.Serial))
			return nil
		})
		if err != nil || !slices.Equal(got, []string{"51b", "e1b"}) {
			t.Errorf("%v: %v", got, err)
		}
		if now := revoked(t, s, authority.MainIssuer, time.Time{}); len(now) != 6 {
			t.Errorf("afterwards: %v", now)
		}
	}
	for _, kind := range []string{"sqlite-file", "postgres"} { // in memory there is one connection: nobody writes while somebody reads
		t.Run(kind, func(t *testing.T) { onDB(t, kind, test) })
	}
}

// Only numbered records of kinds that change status, and of the issuer's own
// certificates, make its CRL anew.
func TestStatusChanged(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		standing(t, s, "a", authority.MainIssuer, authority.Current)
		standing(t, s, "r", "issuing-rsa", authority.Current)
		number := func() (last int64) {
			if _, err := (audit.Sequencer{Store: s}).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			seen, err := s.Revoked(t.Context(), authority.MainIssuer, time.Time{}, func(status.Entry) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			return seen
		}
		for _, c := range []struct {
			kind      authority.EventKind
			pair      certhall.PairID
			main, rsa bool
		}{
			{authority.PairRevoked, "a", true, false}, {authority.PairRevoked, "r", false, true}, {authority.PairRetired, "a", true, false},
			{authority.AttemptVoided, "a", true, false}, {authority.AttemptVoided, "", false, false}, // of an attempt that never had a pair
			{authority.PairSuspended, "a", true, false}, {authority.PairResumed, "a", true, false},
			{authority.StaffRetired, "", true, true}, {authority.SerialsLost, "", true, true},
			{authority.PairIssued, "a", false, false}, {authority.PairAcknowledged, "a", false, false}, {authority.Unsealed, "", false, false},
		} {
			seen := number()
			write(t, s, func(w ca.Writer) error {
				return w.AddRecord(record(c.kind, ca.Pair{PairInfo: authority.PairInfo{ID: c.pair}}))
			})
			for _, numbered := range []bool{false, true} {
				if numbered {
					number()
				}
				for issuer, want := range map[string]bool{authority.MainIssuer: c.main && numbered, "issuing-rsa": c.rsa && numbered} {
					if changed, last, err := s.StatusChanged(t.Context(), issuer, seen); changed != want || err != nil || (last > seen) != numbered {
						t.Errorf("%s of %q, numbered %v: %s changed: %v %v", c.kind, c.pair, numbered, issuer, changed, err)
					}
				}
			}
		}
	})
}

// One turn at a time, numbers that only grow, and a CRL that counts only while
// its turn is the last; the last two CRLs are kept, in parts.
func TestTurnsAndCRLs(t *testing.T) {
	eachDB(t, func(t *testing.T, db *sqldb.DB, s *store.Store) {
		ctx := t.Context()
		take := func(holder string, now, until int) (status.Turn, bool) {
			t.Helper()
			turn, ok, err := s.TakeTurn(ctx, "issuing", holder, at(now), at(until))
			if err != nil {
				t.Fatal(err)
			}
			return turn, ok
		}
		publish := func(turn status.Turn, this int) bool {
			t.Helper()
			for part := range 2 {
				if err := s.AddCRLPart(ctx, turn, part, []byte(fmt.Sprint(turn.Number, part))); err != nil {
					t.Fatal(err)
				}
			}
			done, err := s.PublishCRL(ctx, turn, status.Published{Head: status.Head{ThisUpdate: at(this), NextUpdate: at(this + 99)}, MadeAt: at(this), Seen: 3, Entries: 4, Size: 5, Digest: []byte("digest")})
			if err != nil {
				t.Fatal(err)
			}
			return done
		}
		if p, err := s.NewestCRL(ctx, "issuing"); p != nil || err != nil {
			t.Fatal(p, err)
		}
		a, ok := take("a", 10, 11)
		if !ok || a.Number != at(10).UnixMilli() {
			t.Fatalf("%+v %v", a, ok)
		}
		if _, ok := take("b", 10, 12); ok {
			t.Fatal("two turns at once")
		}
		if _, ok, err := s.TakeTurn(ctx, "issuing-rsa", "b", at(10), at(11)); !ok || err != nil {
			t.Fatal("another issuer's turn waits:", err)
		}
		if kept, err := s.KeepTurn(ctx, a, at(20)); !kept || err != nil {
			t.Fatal(kept, err)
		}
		if _, ok := take("b", 19, 30); ok {
			t.Fatal("a prolonged turn was taken")
		}
		b, ok := take("b", 20, 30) // a died
		if !ok || b.Number <= a.Number {
			t.Fatalf("%+v %v", b, ok)
		}
		if kept, err := s.KeepTurn(ctx, a, at(90)); kept || err != nil {
			t.Fatal("a lost turn was prolonged", err)
		}
		if publish(a, 21) {
			t.Fatal("a lost turn published")
		}
		if !publish(b, 21) {
			t.Fatal("not published")
		}
		again, ok := take("b", 5, 6) // at once, and with the clock set back
		if !ok || again.Number != b.Number+1 {
			t.Fatalf("%+v after %+v, %v", again, b, ok)
		}
		if publish(again, 20) {
			t.Fatal("an older thisUpdate was published")
		}
		var last, before status.Turn
		for n := range 3 {
			before = last
			if last, ok = take("c", 40+n, 50); !ok || !publish(last, 40+n) {
				t.Fatal("not published")
			}
		}
		got, err := s.NewestCRL(ctx, "issuing")
		want := &status.Published{Head: status.Head{Number: last.Number, ThisUpdate: at(42), NextUpdate: at(141)}, Issuer: "issuing", MadeAt: at(42), Seen: 3, Entries: 4, Size: 5, Digest: []byte("digest")}
		if err != nil {
			t.Fatal(err)
		}
		same(t, "newest", got, want)
		for turn, there := range map[status.Turn]bool{last: true, before: true, b: false, a: false, again: false} {
			part, err := s.CRLPart(ctx, "issuing", turn.Number, 1)
			if err != nil || (part != nil) != there || there && string(part) != fmt.Sprint(turn.Number, 1) {
				t.Errorf("part of %d: %q %v", turn.Number, part, err)
			}
		}
		var rows [2]int
		err = db.Read(ctx, func(tx *sqldb.Tx) error {
			return tx.QueryRow("SELECT (SELECT count(*) FROM crls), (SELECT count(*) FROM crl_parts)").Scan(&rows[0], &rows[1])
		})
		if err != nil || rows != [2]int{2, 4} {
			t.Errorf("%v CRLs and parts are kept: %v", rows, err)
		}
	})
}

// Many nodes want the turn at the same time: numbers are given once.
func TestRacingForTheTurn(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		var mu sync.Mutex
		numbers := map[int64]int{}
		won := 0
		var all sync.WaitGroup
		for node := range 4 {
			all.Go(func() {
				for range 10 {
					turn, ok, err := s.TakeTurn(context.Background(), "issuing", fmt.Sprint("node", node), at(1), at(2))
					if err != nil {
						t.Error(err)
						return
					}
					if !ok {
						continue
					}
					mu.Lock()
					won++
					numbers[turn.Number]++
					mu.Unlock()
					done, err := s.PublishCRL(context.Background(), turn, status.Published{Head: status.Head{ThisUpdate: at(1), NextUpdate: at(9)}, MadeAt: at(1), Digest: []byte("digest")})
					if err != nil || !done {
						t.Errorf("the holder's CRL was dropped: %v", err)
					}
				}
			})
		}
		all.Wait()
		if won == 0 || len(numbers) != won {
			t.Errorf("%d turns, %d numbers", won, len(numbers))
		}
	})
}
