package status

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/ocsp"
)

// plain asks for one serial of the P-256 issuer, as caches like it.
func (d *desk) plain(t testing.TB, serial *big.Int) *OCSPAnswer {
	t.Helper()
	a := d.ask(t, ask{entries: []askEntry{about(d.issuers[2].Certificate, idSHA1, serial)}})
	if a.Status != OCSPSuccessful {
		t.Fatalf("status %d", a.Status)
	}
	return a
}

// fresh asks for it with a nonce.
func (d *desk) fresh(t testing.TB, serial *big.Int) *OCSPAnswer {
	t.Helper()
	return d.ask(t, ask{entries: []askEntry{about(d.issuers[2].Certificate, idSHA1, serial)}, extensions: []askExtension{nonceOf(16)}})
}

func (d *desk) question(serial *big.Int) Question {
	return Question{d.issuers[2].Name, certhall.SerialOf(serial)}
}

// wantAsked says how many serials the database was asked for since the last time.
func (d *desk) wantAsked(t testing.TB, what string, n int) {
	t.Helper()
	if got := d.store.count(); got != n {
		t.Errorf("%s: the database was asked for %d serials, want %d", what, got, n)
	}
}

func TestAnswersAreGivenAgain(t *testing.T) {
	d := newDesk(t)
	first := d.plain(t, serialGood)
	d.wantAsked(t, "the first time", 1)
	if d.plain(t, serialGood) != first {
		t.Error("signed again")
	}
	if !first.Public || first.Tag == "" || !first.ThisUpdate.Equal(noon) || !first.NextUpdate.Equal(noon.Add(time.Hour)) {
		t.Errorf("%+v", first)
	}
	nonce := d.fresh(t, serialGood)
	if nonce.Public || bytes.Equal(nonce.DER, first.DER) {
		t.Error("an answer with a nonce is public")
	}
	if revoked := d.plain(t, serialRevoked); revoked.Public || revoked != d.plain(t, serialRevoked) {
		t.Error("an answer of revoked is public, or signed again")
	}
	d.wantAsked(t, "known by now", 1)
	for range 3 { // inventing serials fills nothing
		d.plain(t, serialUnknown)
	}
	d.wantAsked(t, "unknown", 3)

	// Just before half its life it is given, then looked up again.
	d.clock.now = noon.Add(30*time.Minute - time.Millisecond)
	d.mustLook(t)
	if d.plain(t, serialGood) != first {
		t.Error("signed again before half its life")
	}
	d.clock.now = noon.Add(30 * time.Minute)
	d.mustLook(t)
	second := d.plain(t, serialGood)
	d.wantAsked(t, "half its life", 1)
	if !second.ThisUpdate.Equal(d.clock.now) || second.Tag == first.Tag {
		t.Errorf("%+v", second)
	}
	d.clock.now = noon // set back: what is from later is not told
	d.mustLook(t)
	if d.plain(t, serialGood).ThisUpdate.After(noon) {
		t.Error("an answer from later")
	}
}

// Near the end of the OCSP certificate answers are shorter, and signed again in time.
func TestAnswersEndWithTheCertificate(t *testing.T) {
	d := newDesk(t)
	end := d.issuers[2].Responder.Certificate.NotAfter
	d.clock.now = end.Add(-10 * time.Minute)
	d.mustLook(t)
	a := d.plain(t, serialGood)
	if !a.NextUpdate.Equal(end) {
		t.Errorf("until %v, the certificate ends %v", a.NextUpdate, end)
	}
	d.clock.now = end.Add(-5 * time.Minute)
	d.mustLook(t)
	if d.plain(t, serialGood) == a {
		t.Error("older than half its life")
	}
}

func TestChangesAreHeardOf(t *testing.T) {
	revoked := Standing{Known: true, Revoked: true, Reason: 1, RevokedAt: noon, Pair: "p1"}
	for name, change := range map[string]func(*desk){
		"numbered": func(d *desk) { d.store.set(d.question(serialGood), revoked) },
		"waiting": func(d *desk) {
			d.store.standings[d.question(serialGood)] = revoked
			d.store.waiting = []certhall.PairID{"p9", "p1"}
		},
		"very many": func(d *desk) {
			d.store.standings[d.question(serialGood)] = revoked
			d.store.changed = append(d.store.changed, slices.Repeat([]certhall.PairID{"other"}, followLimit+7)...)
		},
		"another database": func(d *desk) {
			d.store.standings[d.question(serialGood)] = revoked
			d.follower.at = 99
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			before, other := d.plain(t, serialGood), d.plain(t, serialHeld)
			change(d)
			if d.plain(t, serialGood) != before {
				t.Fatal("dropped before it was heard of: the test is wrong")
			}
			d.mustLook(t)
			for n, a := range []*OCSPAnswer{d.plain(t, serialGood), d.fresh(t, serialGood)} {
				if got := d.said(t, a, 2)[0]; got.Standing != ocsp.Revoked || got.Reason != 1 {
					t.Errorf("%d: %+v", n, got)
				}
			}
			if again := d.plain(t, serialHeld); (again == other) != (name == "numbered" || name == "waiting") {
				t.Error("of another pair: ", again == other)
			}
		})
	}
}

// A change that is heard of between asking the database and keeping the answer
// must not be buried under what was read before it.
func TestChangeWhileLookingUp(t *testing.T) {
	d := newDesk(t)
	d.store.during = func() {
		d.store.during = nil
		d.store.standings[d.question(serialGood)] = Standing{Known: true, Revoked: true, Pair: "p1"}
		d.store.changed = append(d.store.changed, "p1")
		d.store.mu.Unlock()
		defer d.store.mu.Lock()
		d.mustLook(t)
	}
	if got := d.said(t, d.plain(t, serialGood), 2)[0]; got.Standing != ocsp.Good {
		t.Fatalf("read before the change: %+v", got)
	}
	if got := d.said(t, d.plain(t, serialGood), 2)[0]; got.Standing != ocsp.Revoked {
		t.Errorf("read after the change: %+v", got)
	}
}

// Who does not hear of changes does not speak from memory.
func TestDeaf(t *testing.T) {
	d := newDesk(t)
	first := d.plain(t, serialGood)
	d.store.failing = errors.New("no database")
	d.clock.now = noon.Add(followWithin)
	if d.look(t.Context()) == nil || d.plain(t, serialGood) != first {
		t.Error("forgotten too early")
	}
	d.clock.now = noon.Add(followWithin + time.Millisecond)
	for _, extensions := range [][]askExtension{nil, {nonceOf(8)}} {
		if a := d.ask(t, ask{entries: []askEntry{about(d.issuers[2].Certificate, idSHA1, serialGood)}, extensions: extensions}); a.Status != OCSPTryLater {
			t.Errorf("status %d", a.Status)
		}
	}
	d.store.failing = nil
	if d.plain(t, serialGood) == first { // the database answers, but the record is not followed yet
		t.Error("from memory")
	}
	d.mustLook(t)
	if d.plain(t, serialGood) == first {
		t.Error("not replaced by what was signed meanwhile")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	d := newDesk(t)
	d.Responder = NewResponder(OCSPOptions{Store: d.store, Clock: d.clock, Cached: 10})
	if err := d.SetIssuers(d.issuers); err != nil {
		t.Fatal(err)
	}
	d.mustLook(t)
	for n := range int64(50) {
		d.store.standings[d.question(big.NewInt(1000+n))] = Standing{Known: true, Pair: certhall.PairID(fmt.Sprint(n))}
		d.plain(t, big.NewInt(1000+n))
	}
	if d.cache.kept.Len() != 10 || len(d.cache.ofPair) != 10 {
		t.Errorf("%d answers, %d pairs", d.cache.kept.Len(), len(d.cache.ofPair))
	}
	d.store.count()
	d.plain(t, big.NewInt(1049))
	d.wantAsked(t, "the last one", 0)
	d.plain(t, big.NewInt(1000))
	d.wantAsked(t, "the first one", 1)
}

// A new OCSP certificate is used at once, and nothing signed with the old one
// is given any more.
func TestOCSPCertificateIsReplaced(t *testing.T) {
	d := newDesk(t)
	before := d.plain(t, serialGood)
	d.issuers[2].Responder = delegate(t, d.issuers[2].Certificate, d.keys[2], d.issuers[2].Responder.Certificate.ExtKeyUsage[0])
	if err := d.SetIssuers(d.issuers); err != nil {
		t.Fatal(err)
	}
	after := d.plain(t, serialGood)
	if after == before || !bytes.Contains(after.DER, d.issuers[2].Responder.Certificate.Raw) {
		t.Error("still the old certificate's")
	}
}

func TestReady(t *testing.T) {
	d := newDesk(t)
	want := func(what string, err error, issuer string) {
		t.Helper()
		got := d.Ready(t.Context())
		if !errors.Is(got, err) || issuer != "" && certhall.AsError(got).Params["issuer"] != issuer {
			t.Errorf("%s: %v, want %v", what, got, err)
		}
	}
	want("all is well", nil, "")
	d.clock.now = noon.Add(behindAfter + time.Millisecond)
	want("not followed", ErrBehind, "")
	end := d.issuers[0].Responder.Certificate.NotAfter
	d.clock.now = end.Add(-endsWithin - time.Second)
	d.mustLook(t)
	want("fifteen days before its end", nil, "")
	d.clock.now = end.Add(-endsWithin)
	d.mustLook(t)
	want("fourteen days before its end", ErrResponderEnds, "issuing")
	some := slices.Clone(d.issuers)
	some[0], some[1].Responder = d.issuers[0], ca.Signer{}
	d.clock.now = noon
	if err := d.SetIssuers(some); err != nil {
		t.Fatal(err)
	}
	want("one is missing", ErrNoResponder, "issuing-rsa")
	d.Responder = NewResponder(OCSPOptions{Store: d.store, Clock: d.clock})
	want("nobody", ErrNoResponder, "")
	if err := d.SetIssuers(d.issuers); err != nil {
		t.Fatal(err)
	}
	want("never looked", ErrBehind, "")
}

// Many ask while pairs are revoked and certificates replaced; once a change was
// heard of, nobody is told otherwise.
func TestManyAtOnce(t *testing.T) {
	d := newDesk(t)
	var wait sync.WaitGroup
	var heard sync.Map // serials whose revocation was heard of
	ctx, stop := context.WithCancel(t.Context())
	for g := range 8 {
		wait.Go(func() {
			for n := int64(0); ctx.Err() == nil; n++ {
				serial := big.NewInt(5000 + n%40)
				_, revoked := heard.Load(serial.Int64())
				a := ask{entries: []askEntry{about(d.issuers[2].Certificate, idSHA256, serial)}}
				if g%2 == 0 {
					a.extensions = []askExtension{nonceOf(16)}
				}
				b := read(t, d.ask(t, a))
				if got := b.singles[0].standing(); revoked && got != "revoked 1" {
					t.Errorf("%v: %s", serial, got)
					return
				}
			}
		})
	}
	for n := range int64(40) {
		pair := certhall.PairID(fmt.Sprint("many", n))
		q := d.question(big.NewInt(5000 + n))
		d.store.set(q, Standing{Known: true, Pair: pair})
		d.mustLook(t)
		d.store.set(q, Standing{Known: true, Revoked: true, Reason: 1, RevokedAt: noon, Pair: pair})
		d.mustLook(t)
		heard.Store(5000+n, true)
		if n%10 == 0 {
			if err := d.SetIssuers(d.issuers); err != nil {
				t.Error(err)
			}
		}
		for range 4 {
			d.plain(t, big.NewInt(5000+n))
		}
	}
	stop()
	wait.Wait()
}

// BenchmarkAnswer is the responder without HTTP and database.
func BenchmarkAnswer(b *testing.B) {
	d := newDesk(b)
	for name, extensions := range map[string][]askExtension{"pre-signed": nil, "live": {nonceOf(32)}} {
		for n, issuer := range d.issuers {
			der := ask{entries: []askEntry{about(issuer.Certificate, idSHA1, serialGood)}, extensions: extensions}.der()
			b.Run(fmt.Sprint(name, "/", gm.Algorithm(n+1)), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if a := d.Answer(context.Background(), der); a.Status != OCSPSuccessful {
						b.Fatal(a.Status)
					}
				}
			})
		}
	}
	for n, issuer := range d.issuers {
		message := make([]byte, 300)
		b.Run(fmt.Sprint("bare signature/", gm.Algorithm(n+1)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := issuer.Responder.Sign(message); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// What was called good is told on, once for every look into the database; what
// is no pair's, revoked or unknown is not.
func TestTold(t *testing.T) {
	d := newDesk(t)
	var told []string
	d.opt.Told = func(issuer string, serial certhall.Serial) { told = append(told, issuer+" "+string(serial)) }
	own := d.issuers[2].Responder.Certificate.SerialNumber
	for _, serial := range []*big.Int{serialGood, serialRevoked, serialHeld, serialPlain, serialUnknown, own, serialGood} {
		d.plain(t, serial)
	}
	if want := "issuing-p256 " + string(certhall.SerialOf(serialGood)); len(told) != 1 || told[0] != want {
		t.Errorf("told %q, want %q once", told, want)
	}
}
