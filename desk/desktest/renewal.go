package desktest

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Renewal plays a hall that renews a pair on a key: it goes on with what it is
// told, whatever happens to the key meanwhile.
type Renewal struct {
	Authority *Authority
	Case      certhall.CaseID
	Subject   string
	Old       *Pair        // nil: a first one
	Kind      gm.Algorithm // of a first one; else the old pair's
	Key       func() token.Key
	Env       token.Env
	// Replug is called when the key was removed. Then the old or the new pair
	// must work, or the test fails. nil: it is not to be removed.
	Replug func()
}

// Run goes from the ticket until the old pair is retired, and is deleted. It
// answers the new pair, which works.
func (r Renewal) Run(tb testing.TB) Pair {
	tb.Helper()
	ctx, attempt, step, pair := tb.Context(), 1, "prepare", Pair{}
	var voids []proof.Signed
	for range 40 {
		m, err := r.do(ctx, tb, step, attempt, pair, voids)
		if errors.Is(err, token.ErrRemoved) && r.Replug != nil {
			r.Replug()
			if r.Old != nil && !r.works(tb, *r.Old) && (pair.Bundle.Sign == nil || !r.works(tb, pair)) {
				tb.Fatalf("%s: neither pair works", step)
			}
			continue
		}
		if err != nil {
			tb.Fatalf("%s: %v (%s)", step, err, certhall.CauseText(err))
		}
		switch m := m.(type) {
		case proof.Prepared:
			pub, _, err := gm.ParseRequest(m.Request)
			if err != nil {
				tb.Fatal(err)
			}
			pair = r.Authority.Issue(r.Case, attempt, r.oldSerial(), r.Subject, pub, 1)
			step = "install"
		case proof.Installed:
			step = "acknowledge"
		case proof.RetireReport:
			if step == "retire" {
				if !r.works(tb, pair) {
					tb.Fatal("done, and the new pair does not work")
				}
				return pair
			}
			step = "prepare"
		case proof.Signed:
			if step == "claim" {
				voids = append(voids, r.Authority.Void(r.Case, attempt))
				attempt, step, pair = attempt+1, "void", Pair{}
				continue
			}
			step = "retire"
		case proof.Trouble:
			switch m.Reason {
			case proof.Incomplete, proof.Usable:
				step = "install"
			case proof.Absent, proof.AnotherKey, proof.FailingSelfTest:
				step = "claim"
			default:
				tb.Fatalf("%s: %s", step, m.Reason)
			}
		}
	}
	tb.Fatal("no end")
	return pair
}

func (r Renewal) do(ctx context.Context, tb testing.TB, step string, attempt int, p Pair, voids []proof.Signed) (proof.Message, error) {
	a, key := r.Authority, r.Key()
	service := certhall.Renew
	if r.Old == nil {
		service = certhall.Apply
	}
	ticket := func() proof.Signed { return a.Ticket(service, r.Case, attempt, r.oldSerial()) }
	switch step {
	case "prepare":
		order := proof.Prepare{
			Authority: a.ID, Ticket: ticket(), Entitlement: "e1", Project: "p1", Profile: "org", TermYears: 1,
			Disposal: string(certhall.Keep), Chain: a.Chain(),
		}
		if r.Old == nil {
			order.Algorithm = r.Kind.String()
		}
		return token.Prepare(ctx, key, order, r.Env)
	case "install":
		return token.Install(ctx, key, proof.Install{Authority: a.ID, Bundle: p.Bundle}, r.Env)
	case "acknowledge":
		return token.Acknowledge(ctx, key, proof.Acknowledge{Authority: a.ID, Bundle: p.Bundle}, r.Env)
	case "claim":
		order := proof.MakeClaim{Authority: a.ID, Ticket: ticket(), Chain: a.Chain()}
		order.KeyDigest, order.EncDigest = certificateDigest(tb, p.Bundle.Sign), certificateDigest(tb, p.Bundle.Enc)
		return token.Claim(ctx, key, order, r.Env)
	case "void":
		return token.Retire(ctx, key, proof.Retire{Authority: a.ID, Chain: a.Chain(), Voids: voids}, r.Env)
	}
	receipt := a.Receipt(p, r.Old, key.Info().Serial, certhall.Delete, true)
	return token.Retire(ctx, key, proof.Retire{Authority: a.ID, Chain: a.Chain(), Receipts: []proof.Signed{receipt}}, r.Env)
}

func (r Renewal) oldSerial() certhall.Serial {
	if r.Old == nil {
		return ""
	}
	return r.Old.Sign()
}

// certificateDigest is the digest of a certificate's key; nil of none.
func certificateDigest(tb testing.TB, der []byte) []byte {
	if len(der) == 0 {
		return nil
	}
	c, err := gm.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	digest, err := gm.KeyDigest(c.PublicKey)
	if err != nil {
		tb.Fatal(err)
	}
	return digest
}

// works tells whether a pair is whole on the key and works.
func (r Renewal) works(tb testing.TB, p Pair) bool {
	tb.Helper()
	err := r.try(tb.Context(), p)
	if errors.Is(err, token.ErrRemoved) && r.Replug != nil {
		r.Replug()
		err = r.try(tb.Context(), p)
	}
	if err != nil && !errors.Is(err, token.ErrKeyPairBroken) {
		tb.Fatalf("%v (%s)", err, certhall.CauseText(err))
	}
	return err == nil
}

// try tests a pair: token.ErrKeyPairBroken where it is not there or does not work.
func (r Renewal) try(ctx context.Context, p Pair) error {
	if r.Env.Unlock != nil {
		if err := r.Env.Unlock(ctx); err != nil {
			return err
		}
	}
	all, err := token.Look(ctx, r.Key())
	if err != nil {
		return err
	}
	for _, h := range all {
		if h.Sign != nil && bytes.Equal(h.Sign.Raw, p.Bundle.Sign) && (h.Enc == nil || bytes.Equal(h.Enc.Raw, p.Bundle.Enc)) {
			_, err := token.TestPair(ctx, h, r.Env.Random)
			return err
		}
	}
	return token.ErrKeyPairBroken
}
