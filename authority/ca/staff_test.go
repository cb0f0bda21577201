package ca_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/storetest"
)

// enrol gives somebody a role by the two officers.
func (o *office) enrol(role, name string) person {
	o.t.Helper()
	p := person{key: newKey(o.t)}
	request := p10(o.t, p.key)
	var err error
	p.certificate, err = o.Enrol(o.t.Context(), request, o.enrolment(role, name, request))
	must(o.t, err)
	return p
}

// retire takes the officer's role by the word of two others.
func (o *office) retire(p person, by ...person) error {
	e := proof.Enrolment{Authority: "test", Role: proof.Officer, Retire: serialIn(o.t, p.certificate), Nonce: nonce(o.t), Expiry: o.expiry()}
	_, err := o.Enrol(o.t.Context(), nil, signBy(o.t, e, by...))
	return err
}

// Two officers must remain, however many nodes retire them at once.
func TestTwoOfficersRemain(t *testing.T) {
	for range 3 {
		o := newOfficeOn(t, storetest.Address(t, "postgres"))
		all := []person{o.officers[0], o.officers[1], o.enrol(proof.Officer, "三"), o.enrol(proof.Officer, "四")}
		var wait sync.WaitGroup
		for i, p := range all {
			wait.Go(func() { _ = o.retire(p, all[(i+1)%4], all[(i+2)%4]) })
		}
		wait.Wait()
		must(t, o.store.Read(t.Context(), func(rd ca.Reader) error {
			left, err := rd.StaffByRole(proof.Officer)
			if len(left) != 2 {
				t.Errorf("%d officers remain", len(left))
			}
			return err
		}))
	}
}

// An officer whose certificate has ended does not count as one who remains.
func TestExpiredOfficersDoNotCount(t *testing.T) {
	o := newOffice(t)
	o.clock.advance(4 * 365 * day)
	young := []person{o.enrol(proof.Officer, "三"), o.enrol(proof.Officer, "四")}
	o.clock.advance(2 * 365 * day) // the founders' certificates have ended
	if err := o.retire(young[0], young...); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("one officer in office remains: %v", err)
	}
	must(t, o.retire(o.officers[0], young...))
}

func TestFoundersHaveTheirOwnKeys(t *testing.T) {
	o := newOffice(t)
	key := newKey(t)
	bare := o.node(newStore(t, "sqlite::memory:")) // without officers yet
	_, err := bare.EnrolFounder(t.Context(), "一", p10(t, key))
	must(t, err)
	if _, err := bare.EnrolFounder(t.Context(), "二", p10(t, key)); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("one key for two founders: %v", err)
	}
}

// reviewer ≠ applicant
func TestReviewerDoesNotDecideAboutHisOwnKey(t *testing.T) {
	o := newOffice(t)
	request := p10(t, o.reviewer.key)
	o.ticket("apply", "c", "")
	_, err := o.Issue(t.Context(), authority.IssueRequest{Case: "c", Attempt: 1, Request: request,
		Evidence: signBy(t, o.decision("c", "l", 1, request), o.reviewer)})
	if !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("decided about his own key: %v", err)
	}
}
