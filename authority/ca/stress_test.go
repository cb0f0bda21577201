package ca_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	storeauthority "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/fsck"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// Two nodes over one PostgreSQL, everything at once on one lineage: no call
// ends in an error without a name, and every rule of the lineage stands.
func TestEverythingAtOnce(t *testing.T) {
	address := storetest.Address(t, "postgres")
	o := newOfficeOn(t, address)
	db, err := sqldb.Open(t.Context(), address)
	must(t, err)
	t.Cleanup(func() { db.Close() })
	nodes := []*ca.CA{o.CA, o.node(storeauthority.New(db))}
	h := o.apply("l", 1)
	o.clock.advance(300 * day)
	cases := []certhall.CaseID{"a", "b"}
	for _, c := range cases {
		o.ticket(certhall.Renew, c, h.pair.SignSerial)
	}
	keys := []person{{key: newKey(t)}, {key: newKey(t)}}
	requests := [][]byte{p10(t, keys[0].key), p10(t, keys[1].key)}
	act := func(n *ca.CA, r *rand.Rand) error {
		c := cases[r.IntN(2)]
		i := r.IntN(2)
		v, err := n.Pair(t.Context(), authority.PairQuery{Case: c})
		if err != nil {
			return err
		}
		ticket, _ := proof.Decode[proof.Ticket](v.Ticket.Message)
		switch r.IntN(12) {
		case 0:
			_, err = n.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: c, OldSerial: h.pair.SignSerial})
		case 1, 2, 3, 4:
			e := proof.OldKey{Authority: "test", Service: "renew", Case: string(c), Attempt: v.Attempt, Entitlement: "ent" + string(c), OldSerial: string(h.pair.SignSerial),
				Project: h.pair.Project, Profile: h.pair.Profile, TermYears: 1, RequestDigest: infoDigest(t, requests[i]), Disposal: "keep", KeySerial: "USB1", Nonce: ticket.Nonce, Expiry: ticket.Expiry}
			_, err = n.Issue(t.Context(), authority.IssueRequest{Case: c, Attempt: v.Attempt, Request: requests[i], Evidence: signBy(t, e, h.person)})
		case 5, 6:
			_, err = n.Claim(t.Context(), o.claim(string(c), v.Attempt, v.KeyDigest, h))
		case 7:
			_, err = n.CompleteIntents(t.Context())
		case 8:
			err = n.Suspend(t.Context(), "l", "")
		case 9, 10:
			err = n.Resume(t.Context(), signBy(t, o.order("resume", "l", ""), o.reviewer))
		case 11:
			if v.Bundle == nil || r.IntN(10) > 0 {
				return nil
			}
			for _, k := range keys {
				if d, _ := gm.KeyDigest(k.key.Public()); string(d) == string(v.KeyDigest) {
					_, err = n.Acknowledge(t.Context(), o.acknowledgement(*v.Bundle, k.key))
				}
			}
		}
		return err
	}
	var wait sync.WaitGroup
	for w := range 12 {
		wait.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range 60 {
				if err := act(nodes[w%2], r); err != nil && certhall.AsError(err).Kind == certhall.Internal {
					t.Errorf("worker %d: %s", w, certhall.CauseText(err))
				}
			}
		})
	}
	wait.Wait()
	_, err = audit.Sequencer{Store: o.store}.Run(t.Context())
	must(t, err)
	findings, err := fsck.Check(t.Context(), db, nil)
	must(t, err)
	for _, f := range findings {
		t.Errorf("broken: %+v", f)
	}
	must(t, o.store.Read(t.Context(), func(rd ca.Reader) error {
		pairs, err := rd.LineagePairs("l")
		suspended := map[bool]int{}
		for _, p := range pairs {
			if p.State == authority.Issued || p.State == authority.Current || p.State == authority.Superseded {
				suspended[p.Suspended]++
			}
		}
		if len(suspended) > 1 {
			t.Errorf("suspended in part: %v", suspended)
		}
		return err
	}))
	must(t, nodes[0].Revoke(t.Context(), signBy(t, o.order("revoke", "l", ""), o.reviewer)))
}
