package ca_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/emmansun/gmsm/smx509"
)

func kinds(t *testing.T, test func(t *testing.T, o *office)) {
	for _, kind := range []gm.Algorithm{gm.RSA, gm.ECDSA} {
		t.Run(kind.String(), func(t *testing.T) { test(t, newOfficeOf(t, kind, "sqlite::memory:")) })
	}
}

// A single certificate lives as a pair does: applied for, renewed, revoked.
func TestSingleCertificates(t *testing.T) {
	kinds(t, func(t *testing.T, o *office) {
		h := o.apply("lineage", 1)
		if h.pair.EncSerial != "" || h.pair.Issuer != authority.IssuerFor(o.kind) {
			t.Errorf("a single certificate of %s: %+v", h.pair.Issuer, h.pair)
		}
		o.wantChains(h.certificate)
		e, err := o.Eligible(t.Context(), certhall.Renew, h.pair.SignSerial)
		must(t, err)
		if e.Escrowed || !errors.Is(e.Refusal, authority.ErrTooEarly) {
			t.Errorf("eligible: %+v", e)
		}
		o.clock.advance(300 * day)
		c := o.newCase()
		r := o.prepare(certhall.Renew, c, h)
		r.evidence.Disposal = string(certhall.Delete)
		b, err := o.Issue(t.Context(), r.call(t, h.person))
		must(t, err)
		if len(b.Enc)+len(b.Envelope)+len(b.SealedNonce) != 0 || len(b.Sign) == 0 {
			t.Errorf("the bundle has an encryption half")
		}
		again, err := o.Issue(t.Context(), r.call(t, h.person))
		must(t, err)
		if !bytes.Equal(proof.Encode(again), proof.Encode(b)) {
			t.Error("the same request is answered otherwise")
		}
		signed, err := o.Acknowledge(t.Context(), o.acknowledgement(b, r.key))
		must(t, err)
		receipt, err := proof.VerifyKey[proof.Receipt](signed, o.founded.Notary.Key.Public())
		must(t, err)
		if receipt.Disposal != string(certhall.Keep) || receipt.Escrowed || receipt.OldEnc != "" || receipt.NewEnc != "" {
			t.Errorf("nothing is escrowed, but the receipt says %+v", receipt)
		}
		next := o.holder(c, r.key, b)
		if want := certhall.AddYears(h.pair.NotAfter, 1); !next.pair.NotAfter.Equal(want) {
			t.Errorf("ends %v instead of %v", next.pair.NotAfter, want)
		}
		o.wantChains(b.Sign)
		must(t, o.Retired(t.Context(), signBy(t, proof.Retired{Authority: "test", Case: string(c), Attempt: 1, ReceiptDigest: gm.SM3(signed.Message)}, person{r.key, b.Sign})))
		if o.state(h.pair.SignSerial) != authority.Revoked {
			t.Error("retired, but not revoked")
		}
		order := proof.OldKey{Authority: "test", Service: "revoke", OldSerial: string(next.pair.SignSerial), RequestDigest: []byte{}, Nonce: nonce(t), Expiry: o.expiry()}
		must(t, o.Revoke(t.Context(), signBy(t, order, next.person)))
		if o.state(next.pair.SignSerial) != authority.Revoked {
			t.Error("not revoked")
		}
	})
}

// wantChains wants a certificate that other people's code verifies up to the
// root of its own algorithm, and ours along the cross certificate up to the
// root that desks trust.
func (o *office) wantChains(der []byte) {
	o.t.Helper()
	for _, i := range o.founded.Issuers {
		if i.Algorithm != o.kind {
			continue
		}
		roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
		for pool, c := range map[*x509.CertPool]*smx509.Certificate{roots: i.Root.Certificate, intermediates: i.Certificate} {
			parsed, err := x509.ParseCertificate(c.Raw)
			must(o.t, err)
			pool.AddCert(parsed)
		}
		leaf, err := x509.ParseCertificate(der)
		must(o.t, err)
		_, err = leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, CurrentTime: o.clock.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		must(o.t, err)
		if len(leaf.UnhandledCriticalExtensions) > 0 || leaf.CRLDistributionPoints[0] != "https://hall.example/crl/"+i.Name+".crl" || leaf.IssuingCertificateURL[0] != "https://hall.example/ca/"+i.Name+".cer" {
			o.t.Errorf("addresses %v %v", leaf.CRLDistributionPoints, leaf.IssuingCertificateURL)
		}
		same, err := gm.ParseCertificate(der)
		must(o.t, err)
		must(o.t, same.CheckSignatureFrom(i.Cross))
		must(o.t, i.Cross.CheckSignatureFrom(o.founded.Root.Certificate))
	}
}

// Whoever holds no encryption key has nothing to prove about one, and says so
// in one way only.
func TestSingleAcknowledgement(t *testing.T) {
	kinds(t, func(t *testing.T, o *office) {
		h := o.apply("lineage", 1)
		o.clock.advance(300 * day)
		r := o.prepare(certhall.Renew, "c", h)
		b, err := o.Issue(t.Context(), r.call(t, h.person))
		must(t, err)
		digest, err := gm.KeyDigest(r.key.Public())
		must(t, err)
		good := proof.Acknowledgement{Authority: "test", Case: "c", Attempt: 1, SignSerial: serialIn(t, b.Sign), KeyDigest: digest}
		for name, change := range map[string]func(*proof.Acknowledgement){
			"untestable":  func(a *proof.Acknowledgement) { a.Untestable = true },
			"with nonce":  func(a *proof.Acknowledgement) { a.Nonce = nonce(t) },
			"with serial": func(a *proof.Acknowledgement) { a.EncSerial = a.SignSerial },
			"other key":   func(a *proof.Acknowledgement) { a.KeyDigest = gm.SM3(a.KeyDigest) },
		} {
			bad := good
			change(&bad)
			if _, err := o.Acknowledge(t.Context(), signBy(t, bad, person{r.key, b.Sign})); !errors.Is(err, authority.ErrEvidence) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := o.Acknowledge(t.Context(), signBy(t, good, h.person)); !errors.Is(err, authority.ErrEvidence) {
			t.Errorf("signed by the old key: %v", err)
		}
		_, err = o.Acknowledge(t.Context(), signBy(t, good, person{r.key, b.Sign}))
		must(t, err)
	})
}

// A claim by an RSA or ECDSA key voids the attempt as any other.
func TestSingleClaim(t *testing.T) {
	kinds(t, func(t *testing.T, o *office) {
		h := o.apply("lineage", 1)
		o.clock.advance(300 * day)
		r := o.prepare(certhall.Renew, "c", h)
		b, err := o.Issue(t.Context(), r.call(t, h.person))
		must(t, err)
		digest, err := gm.KeyDigest(r.key.Public())
		must(t, err)
		_, err = o.Claim(t.Context(), signBy(t, proof.Claim{Authority: "test", Case: "c", Attempt: 1, OldSerial: string(h.pair.SignSerial), KeyDigest: digest, Reason: proof.FailingSelfTest}, h.person))
		must(t, err)
		if o.state(certhall.Serial(serialIn(t, b.Sign))) != authority.Void {
			t.Error("not void")
		}
		second := o.prepare(certhall.Renew, "c", h)
		b, err = o.Issue(t.Context(), second.call(t, h.person))
		must(t, err)
		_, err = o.Acknowledge(t.Context(), o.acknowledgement(b, second.key))
		must(t, err)
	})
}

// The algorithm is the old key's, whatever the request brings.
func TestAlgorithmStays(t *testing.T) {
	all := []gm.Algorithm{gm.SM2, gm.RSA, gm.ECDSA}
	for _, kind := range all {
		o := newOfficeOf(t, kind, "sqlite::memory:")
		h := o.apply("lineage", 1)
		o.clock.advance(300 * day)
		r := o.prepare(certhall.Renew, "c", h)
		for _, other := range all {
			if other == kind {
				continue
			}
			bad := r
			bad.request = p10(t, newKeyOf(t, other))
			bad.evidence.RequestDigest = infoDigest(t, bad.request)
			if _, err := o.Issue(t.Context(), bad.call(t, h.person)); !errors.Is(err, authority.ErrRequest) {
				t.Errorf("%s → %s: %v", kind, other, err)
			}
		}
		if _, err := o.Issue(t.Context(), r.call(t, h.person)); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// What has no issuing CA at this authority is not issued.
func TestProfileWithoutIssuer(t *testing.T) {
	o := newOffice(t)
	o.kind = gm.ECDSA
	c := o.newCase()
	o.ticket(certhall.Apply, c, "")
	request := p10(t, o.newKey())
	_, err := o.Issue(t.Context(), authority.IssueRequest{Case: c, Attempt: 1, Request: request, Evidence: signBy(t, o.decision(c, "lineage", 1, request), o.reviewer)})
	if !errors.Is(err, authority.ErrProfile) {
		t.Error(err)
	}
}

// Weak keys are refused by name, before anything else is looked at; other kinds
// are refused too.
func TestWeakKeys(t *testing.T) {
	o := newOfficeOf(t, gm.ECDSA, "sqlite::memory:")
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(t, err)
	for key, want := range map[crypto.Signer]error{short: authority.ErrWeakKey, p384: authority.ErrRequest} {
		if _, err := o.Issue(t.Context(), authority.IssueRequest{Case: "c", Attempt: 1, Request: p10(t, key)}); !errors.Is(err, want) {
			t.Errorf("%T: %v", key, err)
		}
	}
}
