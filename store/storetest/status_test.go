package storetest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// standing is a pair of the issuer in a state, with serials of its own.
func standing(t *testing.T, s *store.Store, id, issuer string, state authority.State) {
	t.Helper()
	p := pair(id, certhall.CaseID("c-"+id), 1, certhall.LineageID("l-"+id))
	p.Issuer = issuer
	open(t, s, p.Case, "", "")
	intend(t, s, p)
	if state == authority.Intended {
		return
	}
	sign(t, s, p)
	switch state {
	case authority.Void:
		move(t, s, p.ID, authority.Issued, authority.Void, ca.Change{RevokedAt: at(8), Reason: 5})
	case authority.Current, authority.Superseded, authority.Revoked:
		move(t, s, p.ID, authority.Issued, authority.Current, ca.Change{AcknowledgedAt: at(5)})
	}
	switch state {
	case authority.Superseded:
		move(t, s, p.ID, authority.Current, authority.Superseded, ca.Change{SupersededAt: at(6), GraceEnds: at(900)})
	case authority.Revoked:
		move(t, s, p.ID, authority.Current, authority.Revoked, ca.Change{RevokedAt: at(9), Reason: 1})
	}
}

func TestStandings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		db := storetest.Open(t, address, store.Migrations())
		s := store.New(db)
		for _, state := range []authority.State{authority.Intended, authority.Issued, authority.Current, authority.Superseded, authority.Revoked, authority.Void} {
			standing(t, s, string(state), authority.MainIssuer, state)
		}
		standing(t, s, "rsa", "issuing-rsa", authority.Current)
		standing(t, s, "held", authority.MainIssuer, authority.Current)
		standing(t, s, "gone", authority.MainIssuer, authority.Current)
		write(t, s, func(w ca.Writer) error {
			_, err := w.SetSuspended("l-held", at(11))
			_, again := w.SetSuspended("l-gone", at(11))
			return errors.Join(err, again)
		})
		move(t, s, "gone", authority.Current, authority.Revoked, ca.Change{RevokedAt: at(12), Reason: 3})
		write(t, s, func(w ca.Writer) error {
			for _, serial := range []certhall.Serial{"a1", "a2", "a3"} {
				if err := w.AddStaff(ca.Staff{Serial: serial, Role: "officer", Name: "n", KeyDigest: []byte(serial), TBS: []byte("t"), State: ca.StaffIntended, At: at(1)}); err != nil {
					return err
				}
			}
			_, one := w.ActivateStaff("a2", []byte("c"))
			_, two := w.ActivateStaff("a3", []byte("c"))
			_, three := w.RetireStaff("a3", at(13), 5)
			return errors.Join(one, two, three)
		})
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec("INSERT INTO lost_serials (issuer, serial, revoked_at, reason) VALUES ($1, $2, $3, $4)", "issuing-rsa", "1057", at(14).UnixMilli(), 4)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}

		good := func(pair certhall.PairID) status.Standing {
			return status.Standing{Known: true, Pair: pair}
		}
		revoked := func(pair certhall.PairID, minute, reason int) status.Standing {
			return status.Standing{Known: true, Revoked: true, RevokedAt: at(minute), Reason: reason, Pair: pair}
		}
		unknown := status.Standing{}
		want := map[status.Question]status.Standing{
			{Issuer: "issuing", Serial: "51intended"}: {Pair: "intended"}, {Issuer: "issuing", Serial: "51issued"}: good("issued"),
			{Issuer: "issuing", Serial: "51current"}: good("current"), {Issuer: "issuing", Serial: "e1current"}: good("current"),
			{Issuer: "issuing", Serial: "51superseded"}: good("superseded"), {Issuer: "issuing", Serial: "51revoked"}: revoked("revoked", 9, 1),
			{Issuer: "issuing", Serial: "e1void"}: revoked("void", 8, 5), {Issuer: "issuing", Serial: "51held"}: revoked("held", 11, 6),
			{Issuer: "issuing", Serial: "51gone"}:    revoked("gone", 12, 3),
			{Issuer: "issuing-rsa", Serial: "51rsa"}: good("rsa"), {Issuer: "issuing", Serial: "51rsa"}: unknown, {Issuer: "issuing-rsa", Serial: "51current"}: unknown,
			{Issuer: "issuing", Serial: "a1"}: unknown, {Issuer: "issuing", Serial: "a2"}: {Known: true},
			{Issuer: "issuing", Serial: "a3"}:       {Known: true, Revoked: true, RevokedAt: at(13), Reason: 5},
			{Issuer: "issuing-rsa", Serial: "a2"}:   unknown,
			{Issuer: "issuing-rsa", Serial: "1057"}: {Known: true, Revoked: true, RevokedAt: at(14), Reason: 4},
			{Issuer: "issuing", Serial: "1057"}:     unknown, {Issuer: "issuing", Serial: "ffff"}: unknown,
		}
		var questions []status.Question
		for q := range want {
			questions = append(questions, q)
		}
		check := func(questions []status.Question) {
			found, err := s.Standings(context.Background(), questions)
			if err != nil || len(found) != len(questions) {
				t.Error(len(found), err)
				return
			}
			for n, q := range questions {
				expected := want[q]
				expected.Serial = q.Serial
				if found[n] != expected {
					t.Errorf("%v:\n got %+v\nwant %+v", q, found[n], expected)
				}
			}
		}
		check(questions)
		check(append(slices.Clone(questions), questions...)) // the same twice
		check(nil)
		var wait sync.WaitGroup
		for n := range 40 { // batches
			wait.Go(func() { check(questions[n%len(questions):]) })
		}
		wait.Wait()
		db.Close()
		if _, err := s.Standings(t.Context(), questions); err == nil {
			t.Error("a closed database answers")
		}
	})
}

func TestStatusChanges(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		look := func(after int64, limit int, wantLast int64, want ...certhall.PairID) {
			t.Helper()
			pairs, last, err := s.Changes(t.Context(), after, limit)
			if err != nil || last != wantLast || !slices.Equal(pairs, want) {
				t.Errorf("behind %d: %v up to %d, %v; want %v up to %d", after, pairs, last, err, want, wantLast)
			}
		}
		add := func(kind authority.EventKind, pair certhall.PairID) {
			write(t, s, func(w ca.Writer) error {
				return w.AddRecord(ca.Record{At: time.Now(), Kind: kind, Pair: pair, Salt: []byte("s"), Data: []byte("{}"), Digest: []byte("d")})
			})
		}
		number := func() {
			if _, err := (audit.Sequencer{Store: s}).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		look(0, 9, 0)
		for n, kind := range []authority.EventKind{authority.PairIssued, authority.PairRevoked, authority.PairAcknowledged, authority.PairSuspended,
			authority.PairResumed, authority.AttemptVoided, authority.PairRetired, authority.CaseClosed, authority.AttemptOpened} {
			add(kind, certhall.PairID(fmt.Sprint("p", n)))
		}
		look(0, 9, 0, "p1", "p3", "p4", "p5", "p6") // they wait for a number, and count
		number()
		look(0, 9, 9, "p1", "p3", "p4", "p5", "p6")
		look(2, 9, 9, "p3", "p4", "p5", "p6")
		look(0, 2, 9, "p1", "p3")
		look(9, 9, 9)
		look(11, 9, 9) // whoever was further than there is sees it by the number
		add(authority.StaffRetired, "")
		add(authority.SerialsLost, "")
		look(9, 9, 9, "", "")
		look(9, 1, 9, "")
		look(4, 9, 9, "p4", "p5", "p6", "", "")
	})
}
