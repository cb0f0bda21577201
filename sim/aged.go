package sim

import (
	"fmt"
	"io"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/hall/orders"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
	authoritystore "github.com/certhall/certhall/store/authority"
	hallstore "github.com/certhall/certhall/store/hall"
)

// age renews the pair on the key once: its container stays as history.
func (k *kit) age(a *demo.Authority, store *authoritystore.Store, clock *clock, random io.Reader) error {
	pc := oneKey{medium: k.medium, random: random}.plugged(a.Founded.Root.Certificate, clock)
	clock.set(k.old.NotAfter.Add(-renewLeft))
	id := certhall.CaseID(certhall.NewID(clock.Now(), random))
	ticket, err := a.CA.Ticket(background, authority.TicketRequest{Service: certhall.Renew, Case: id, OldSerial: k.old.SignSerial})
	if err != nil {
		return err
	}
	prepared, err := ordered[proof.Prepared](pc, proof.Prepare{
		Authority: authorityID, Ticket: ticket, Entitlement: "aged", Project: project, Profile: k.old.Profile, TermYears: 1,
		Disposal: string(certhall.Keep), Chain: a.Founded.Chain(),
	})
	if err != nil {
		return err
	}
	bundle, err := a.CA.Issue(background, authority.IssueRequest{Case: id, Attempt: 1, Request: prepared.Request, Evidence: prepared.Evidence})
	if err != nil {
		return err
	}
	if _, err := ordered[proof.Installed](pc, proof.Install{Authority: authorityID, Bundle: bundle}); err != nil {
		return err
	}
	ack, err := ordered[proof.Signed](pc, proof.Acknowledge{Authority: authorityID, Bundle: bundle})
	if err != nil {
		return err
	}
	receipt, err := a.CA.Acknowledge(background, ack)
	if err != nil {
		return err
	}
	report, err := ordered[proof.RetireReport](pc, proof.Retire{Authority: authorityID, Receipts: []proof.Signed{receipt}, Chain: bundle.Chain})
	if err != nil {
		return err
	}
	for _, s := range report.Retired {
		if err := a.CA.Retired(background, s); err != nil {
			return err
		}
	}
	k.before, k.oldContainer = k.oldContainer, bundle.Container()
	k.old, err = pairOf(store, bundle)
	return err
}

// ordered gives an order to the agent of a PC and wants a reply of kind R.
func ordered[R proof.Message](pc demo.Desk, m proof.Message) (R, error) {
	reply, err := pc.Do(background, keySerial, proof.Encode(m))
	if err != nil {
		var none R
		return none, err
	}
	return proof.Decode[R](reply)
}

// buy gives the lineage the right that its renewal will use.
func (k *kit) buy(store *hallstore.Store, clock certhall.Clock, random io.Reader) error {
	all, _ := (offered{history: 1}).Current(background)
	offer, err := orders.OfferFor(all, k.old.PairInfo, certhall.Renew, 1)
	if err != nil {
		return err
	}
	return store.Write(background, func(w services.Writer) error {
		_, err := orders.Place(w, orders.Order{Person: "person1", Catalog: all.Version, Lines: []orders.Line{offer.Line}}, 0, "", clock.Now(), random)
		return err
	})
}

// historyGone: where nothing went wrong, the oldest container made room for the
// pair's own.
func (w *World) historyGone() error {
	if w.t.before != "" && len(w.sched.Faults) == 0 && w.signingKey(w.t.before) != nil {
		return fmt.Errorf("two old containers lie on the key, and the policy is one")
	}
	return nil
}
