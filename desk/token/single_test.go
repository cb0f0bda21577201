package token_test

import (
	"crypto/rand"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// newSingleBench is a bench whose old certificate is a single one, of an authority that
// signs with keys of the same kind.
func newSingleBench(t *testing.T, kind gm.Algorithm) *bench {
	t.Helper()
	b := newBenchOf(t, kind, 5)
	b.auth = desktest.NewOf(t, kind, "ra")
	b.env.Trust = token.NewTrust(append(b.auth.Roots(), b.other.Roots()...))
	b.plug(nil)
	must(b, b.key.Login(b.ctx, pin))
	must(b, b.key.Delete(b.ctx, b.old.Bundle.Container()))
	b.old = b.give(b.auth, first, "")
	must(b, b.key.Logout(b.ctx))
	return b
}

func eachSingle(t *testing.T, f func(t *testing.T, b *bench)) {
	for _, kind := range []gm.Algorithm{gm.RSA, gm.ECDSA} {
		t.Run(kind.String(), func(t *testing.T) { f(t, newSingleBench(t, kind)) })
	}
}

// half is an SM2 encryption half of the bench's authority, as it would come
// beside a certificate; the envelope is to a key of its own.
func (b *bench) half() desktest.Pair {
	b.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	must(b, err)
	return b.auth.Issue(renewal, 1, b.old.Sign(), subject, &key.PublicKey, 1)
}

// TestSingleRenewal: two parts make it whole; there is nothing to decrypt with
// and nothing is said about it.
func TestSingleRenewal(t *testing.T) {
	eachSingle(t, func(t *testing.T, b *bench) {
		p := want[proof.Prepared](b, b.prepare(b.ticket(1), b.auth))
		pub, digest, err := gm.ParseRequest(p.Request)
		must(b, err)
		if a, _ := gm.AlgorithmOf(pub); a != b.kind {
			t.Fatalf("a new key of kind %v", a)
		}
		old, err := gm.ParseCertificate(b.old.Bundle.Sign)
		must(b, err)
		e, err := proof.VerifyKey[proof.OldKey](p.Evidence, old.PublicKey)
		must(b, err)
		if string(e.RequestDigest) != string(digest) {
			t.Fatal("evidence over another request")
		}
		pair := b.issue(b.auth, p, renewal, 1, b.old.Sign())
		for range 2 {
			if got := want[proof.Installed](b, b.install(pair)); got.Untestable {
				t.Fatal("untestable")
			}
		}
		ack, err := proof.VerifyKey[proof.Acknowledgement](want[proof.Signed](b, b.acknowledge(pair)), pub)
		must(b, err)
		if ack.EncSerial != "" || ack.Untestable || len(ack.Nonce) != 0 || ack.SignSerial != string(pair.Sign()) {
			t.Fatalf("%+v", ack)
		}
		r := want[proof.RetireReport](b, b.retire(proof.Retire{Receipts: []proof.Signed{b.auth.Receipt(pair, &b.old, "SK1", certhall.Delete, false)}}))
		if len(r.Retired) != 1 || len(r.Deleted) != 1 {
			t.Fatalf("%+v", r)
		}
		if !b.works(pair) {
			t.Fatal("the new certificate does not work")
		}
	})
}

// TestSingleStates is TestEveryState as far as single certificates differ: a
// half of a pair that lies beside one is never its own.
func TestSingleStates(t *testing.T) {
	const tested = proof.FailingSelfTest
	states := map[string]struct {
		make func(b *bench, p desktest.Pair)
		answers
	}{
		"key":      {func(*bench, desktest.Pair) {}, answers{"prepared", "installed", proof.Incomplete, proof.Usable, tested}},
		"complete": {func(b *bench, p desktest.Pair) { installed(b, p) }, answers{"prepared", "installed", "acknowledgement", proof.Usable, "report"}},
		"half a certificate": {func(b *bench, p desktest.Pair) { cutInstall(b, p, "sign-certificate", softkey.Torn) },
			answers{"prepared", "installed", proof.Incomplete, proof.Usable, tested}},
		"another certificate": {func(b *bench, p desktest.Pair) {
			installed(b, p)
			must(b, b.container(1).ImportCertificate(b.ctx, token.Signing, b.old.Bundle.Sign))
		}, answers{"prepared", "installed", proof.Incomplete, proof.Usable, tested}},
		"an encryption certificate beside it": {func(b *bench, p desktest.Pair) {
			installed(b, p)
			must(b, b.container(1).ImportCertificate(b.ctx, token.Encryption, b.half().Bundle.Enc))
		}, answers{"prepared", tested, proof.Incomplete, "claim:another-key", tested}},
		"signing broken": {func(b *bench, p desktest.Pair) {
			installed(b, p)
			b.key = brokenKey{b.key, p.Bundle.Container(), token.ErrKeyPairBroken, nil}
		}, answers{tested, tested, tested, "claim:failing-self-test", tested}},
	}
	for _, kind := range []gm.Algorithm{gm.RSA, gm.ECDSA} {
		for name, s := range states {
			t.Run(kind.String()+"/"+name, func(t *testing.T) {
				b := newSingleBench(t, kind)
				p := preparedOf(b, b.prepare(b.ticket(1), b.auth))
				pair := b.issue(b.auth, p, renewal, 1, b.old.Sign())
				s.make(b, pair)
				digest, none := digests(b, pair)
				b.everyStep(s.answers, pair, digest, none)
			})
		}
	}
}

func preparedOf(b *bench, a answer) proof.Prepared { b.Helper(); return want[proof.Prepared](b, a) }

func installed(b *bench, p desktest.Pair) {
	b.Helper()
	want[proof.Installed](b, b.install(p))
}

// TestForeignEncryptionKey: where a whole encryption half has got beside a
// signing key, a certificate that has none is not put there.
func TestForeignEncryptionKey(t *testing.T) {
	b := newBench(t, 4)
	p := want[proof.Prepared](b, b.prepare(b.ticket(1), b.auth))
	pub, _, err := gm.ParseRequest(p.Request)
	must(b, err)
	everything := b.everything(pub)
	dual := b.issue(b.auth, p, renewal, 1, b.old.Sign())
	must(b, b.container(1).ImportEncryptionKey(b.ctx, dual.Bundle.Envelope))
	trouble(b, b.install(everything), proof.AnotherKey)
	trouble(b, b.acknowledge(everything), proof.AnotherKey)
	digest, none := digests(b, everything)
	if got := said(b.claim(1, digest, none)); got != "claim:another-key" {
		t.Fatal(got)
	}
	b.oldWorks()
}

// everything is a single SM2 certificate, for every use.
func (b *bench) everything(pub any) desktest.Pair {
	b.Helper()
	c := b.auth.End(subject, pub, smx509.KeyUsageDigitalSignature|smx509.KeyUsageKeyEncipherment, 1)
	return desktest.Pair{Bundle: proof.Bundle{
		Authority: b.auth.ID, Case: string(renewal), Attempt: 1, OldSerial: string(b.old.Sign()), Subject: c.RawSubject, Sign: c.Raw, Chain: b.auth.Chain(),
	}}
}

// TestSingleBundles: halves that do not belong to a single certificate, and a
// pair of which a half was taken away, are refused before anything is written
// or signed.
func TestSingleBundles(t *testing.T) {
	eachSingle(t, func(t *testing.T, b *bench) {
		p := want[proof.Prepared](b, b.prepare(b.ticket(1), b.auth))
		good := b.issue(b.auth, p, renewal, 1, b.old.Sign())
		half := b.half()
		other := b.other.Issue(renewal, 1, b.old.Sign(), subject, mustKey(b, p.Request), 1)
		for name, s := range map[string]struct {
			change func(*proof.Bundle)
			want   *certhall.Error
		}{
			"an encryption half": {func(x *proof.Bundle) {
				x.Enc, x.Envelope, x.SealedNonce = half.Bundle.Enc, half.Bundle.Envelope, half.Bundle.SealedNonce
			}, token.ErrBundle},
			"an encryption certificate": {func(x *proof.Bundle) { x.Enc = half.Bundle.Enc }, token.ErrBundle},
			"itself as the other half":  {func(x *proof.Bundle) { x.Enc = x.Sign }, token.ErrBundle},
			"an envelope":               {func(x *proof.Bundle) { x.Envelope = half.Bundle.Envelope }, token.ErrBundle},
			"a nonce":                   {func(x *proof.Bundle) { x.SealedNonce = half.Bundle.SealedNonce }, token.ErrBundle},
			"another authority's":       {func(x *proof.Bundle) { *x = other.Bundle; x.Authority = "ra" }, token.ErrOldPairMissing},
			"the pair in its place":     {func(x *proof.Bundle) { *x = half.Bundle }, nil}, // proves itself, but it is for another key
			"another subject": {func(x *proof.Bundle) {
				*x = b.auth.Issue(renewal, 1, b.old.Sign(), "别人", mustKey(b, p.Request), 1).Bundle
			}, token.ErrBundle},
			"an old one not on the key":   {func(x *proof.Bundle) { x.OldSerial = "0123" }, token.ErrOldPairMissing},
			"not the decision's subject":  {func(x *proof.Bundle) { x.OldSerial, x.Subject = "", []byte{0x30, 0} }, token.ErrBundle},
			"garbage for its certificate": {func(x *proof.Bundle) { x.Sign = []byte{0x30, 0} }, token.ErrBundle},
		} {
			t.Run(name, func(t *testing.T) {
				x := desktest.Pair{Bundle: good.Bundle}
				s.change(&x.Bundle)
				b.untouched(func() {
					if s.want == nil {
						trouble(b, b.install(x), proof.AnotherKey)
						trouble(b, b.acknowledge(x), proof.AnotherKey)
						return
					}
					refused(&bench{TB: t}, b.install(x), s.want)
					if got := b.acknowledge(x); got.err == nil && said(got) != proof.Incomplete {
						t.Errorf("acknowledge: %s", said(got))
					}
				})
			})
		}
		want[proof.Installed](b, b.install(good))
	})
}

func mustKey(b *bench, request []byte) any {
	b.Helper()
	pub, _, err := gm.ParseRequest(request)
	must(b, err)
	return pub
}

// TestHalvedBundle: whoever carries a pair's bundle cannot make a single
// certificate of it by leaving the encryption half out.
func TestHalvedBundle(t *testing.T) {
	b := newBench(t, 4)
	p := want[proof.Prepared](b, b.prepare(b.ticket(1), b.auth))
	whole := b.issue(b.auth, p, renewal, 1, b.old.Sign())
	halved := desktest.Pair{Bundle: whole.Bundle}
	halved.Bundle.Enc, halved.Bundle.Envelope, halved.Bundle.SealedNonce = nil, nil, nil
	b.untouched(func() {
		refused(b, b.install(halved), token.ErrBundle)
		refused(b, b.acknowledge(halved), token.ErrBundle)
	})
	want[proof.Installed](b, b.install(whole))
	refused(b, b.acknowledge(halved), token.ErrBundle)
	want[proof.Signed](b, b.acknowledge(whole))
}

// TestReceiptsOfTheOtherForm: a receipt for a pair retires nothing for a single
// certificate, nor the other way round.
func TestReceiptsOfTheOtherForm(t *testing.T) {
	eachSingle(t, func(t *testing.T, b *bench) {
		pair := b.renewed(1)
		forPair := pair
		forPair.Bundle.Enc = b.half().Bundle.Enc
		forged := b.auth.Receipt(forPair, &b.old, "SK1", certhall.Delete, true)
		trouble(b, b.retire(proof.Retire{Receipts: []proof.Signed{forged}}), proof.FailingSelfTest)
		// The key digest of another algorithm's key is another key's.
		sm := b.half()
		trouble(b, b.retire(proof.Retire{Receipts: []proof.Signed{b.auth.Receipt(sm, &b.old, "SK1", certhall.Delete, true)}}), proof.AnotherKey)
		b.oldWorks()
	})
	b := newBench(t, 4)
	pair := b.renewed(1)
	forSingle := pair
	forSingle.Bundle.Enc = nil
	forged := b.auth.Receipt(forSingle, &b.old, "SK1", certhall.Delete, true)
	trouble(b, b.retire(proof.Retire{Receipts: []proof.Signed{forged}}), proof.FailingSelfTest)
	b.oldWorks()
}

// TestFullKeyOfSingles: an old single certificate whose key nobody holds in
// escrow goes neither for room nor against the receipt's word.
func TestFullKeyOfSingles(t *testing.T) {
	eachSingle(t, func(t *testing.T, b *bench) {
		pair := b.renewed(1)
		kept := b.auth.Receipt(pair, &b.old, "SK1", certhall.Keep, false)
		r := want[proof.RetireReport](b, b.retire(proof.Retire{Receipts: []proof.Signed{kept}, MakeRoom: true}))
		if len(r.Deleted) != 0 || len(r.Retired) != 1 {
			t.Fatalf("%+v", r)
		}
		b.oldWorks()
	})
}
