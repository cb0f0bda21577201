package demo

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// enrolmentLife is how long the officers' signed enrolment may take to arrive.
const enrolmentLife = time.Hour

// kdfCost is small: the passphrases are drawn, there is nothing to stretch.
const kdfCost = 1000

// Options say what authority to make.
type Options struct {
	ID     string // default "demo"
	Name   string
	Store  ca.Store
	Policy ca.Policy
	Base   string // public address that the certificates carry
	// Algorithms have an issuing CA each, beside SM2.
	Algorithms []gm.Algorithm
	Clock      certhall.Clock
	Random     io.Reader
}

// Authority is a founded, unsealed authority with a reviewer who decides.
type Authority struct {
	Options
	Founded  *ceremony.Authority
	CA       *ca.CA
	Officers [2]Signer
	Reviewer Signer
}

// NewAuthority founds an authority whose officers and reviewer have their keys
// in memory. Store must be empty and migrated.
func NewAuthority(ctx context.Context, o Options) (*Authority, error) {
	founded, err := ceremony.Found(o.plan())
	if err != nil {
		return nil, err
	}
	a := &Authority{Options: o, Founded: founded, CA: o.ca(founded, kmc.New(founded.EscrowKey(), o.Random)),
		Officers: [2]Signer{NewSigner(o.Random), NewSigner(o.Random)}, Reviewer: NewSigner(o.Random)}
	return a, a.staff(ctx)
}

func (o Options) plan() ceremony.Plan {
	return ceremony.Plan{ID: o.ID, Name: o.Name, Address: o.Base, Algorithms: o.Algorithms, Clock: o.Clock, Random: o.Random, KDFCost: kdfCost}
}

func (o Options) ca(founded *ceremony.Authority, k *kmc.KMC) *ca.CA {
	return ca.New(ca.Options{
		ID: founded.ID, Store: o.Store, KMC: k, Policy: o.Policy, Chains: founded.Chains(), Profiles: ca.Profiles(), UnlockKey: &founded.Unlock.PublicKey,
		Addresses: ca.AddressesAt(o.Base), Portals: []proof.Portal{{Origin: o.Base, Name: o.Name}}, Clock: o.Clock, Random: o.Random,
	})
}

// staff unseals, enrols the two founders, and lets them enrol the reviewer.
func (a *Authority) staff(ctx context.Context) error {
	if err := a.CA.Unseal(ctx, a.Founded.Keys(a.Random)); err != nil {
		return err
	}
	for i, officer := range a.Officers {
		name := fmt.Sprintf("安全管理员%d", i+1)
		p10, err := officer.Request(ctx, name)
		if err != nil {
			return err
		}
		certificate, err := a.CA.EnrolFounder(ctx, name, p10)
		if err != nil {
			return err
		}
		if err := officer.Import(ctx, certificate); err != nil {
			return err
		}
	}
	p10, err := a.Reviewer.Request(ctx, "审核员1")
	if err != nil {
		return err
	}
	return a.enrol(ctx, proof.Reviewer, "审核员1", p10, a.Reviewer)
}

// enrol gives a role by a record that both officers sign.
func (a *Authority) enrol(ctx context.Context, role, name string, p10 []byte, s Signer) error {
	_, digest, err := gm.ParseRequest(p10)
	if err != nil {
		return err
	}
	nonce, err := proof.NewNonce(a.Random)
	if err != nil {
		return err
	}
	message := proof.Encode(proof.Enrolment{
		Authority: a.ID, Role: role, Name: name, RequestDigest: digest, Nonce: nonce, Expiry: expiry(a.Clock.Now(), enrolmentLife),
	})
	both := proof.Signed{Message: message}
	for _, officer := range a.Officers {
		signed, err := officer.Sign(ctx, proof.Draft{Authority: a.ID, Message: message, Chain: a.Founded.Chain()})
		if err != nil {
			return err
		}
		both.Signatures = append(both.Signatures, signed.Signatures...)
	}
	certificate, err := a.CA.Enrol(ctx, p10, both)
	if err != nil {
		return err
	}
	return s.Import(ctx, certificate)
}

// expiry is a moment to the second, as messages carry it.
func expiry(now time.Time, life time.Duration) time.Time {
	return now.Add(life).UTC().Truncate(time.Second)
}
