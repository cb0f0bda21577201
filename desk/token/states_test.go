package token_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// brokenKey is a key whose drivers or chips fail in one attempt's container.
type brokenKey struct {
	token.Key
	name          string
	sign, decrypt error
}

func (k brokenKey) Container(ctx context.Context, name string) (token.Container, error) {
	c, err := k.Key.Container(ctx, name)
	if err != nil || name != k.name {
		return c, err
	}
	return brokenContainer{c, k}, nil
}

type brokenContainer struct {
	token.Container
	k brokenKey
}

func (c brokenContainer) Sign(ctx context.Context, m []byte) ([]byte, error) {
	if c.k.sign != nil {
		return nil, c.k.sign
	}
	return c.Container.Sign(ctx, m)
}

func (c brokenContainer) Decrypt(ctx context.Context, m []byte) ([]byte, error) {
	if c.k.decrypt != nil {
		return nil, c.k.decrypt
	}
	return c.Container.Decrypt(ctx, m)
}

// cutInstall installs until the power is cut at the named write.
func cutInstall(b *bench, p desktest.Pair, at string, how softkey.Cut) {
	b.Helper()
	b.plug(func(_ int, what string) softkey.Cut {
		if what == at {
			return how
		}
		return softkey.None
	})
	refused(b, b.install(p), token.ErrRemoved)
	b.plug(nil)
}

func must(b *bench, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// states are all the states that the container of an attempt can be in, and
// what each step answers there: the name of a message, or a trouble's reason.
var states = []struct {
	name string
	make func(b *bench, p desktest.Pair)
	// answers
	prepare, install, acknowledge, claim, retire string
}{
	{"absent", func(b *bench, p desktest.Pair) {
		must(b, b.key.Delete(b.ctx, p.Bundle.Container()))
	}, "prepared", proof.Absent, proof.Absent, "claim:absent", proof.Absent},
	{"empty", func(b *bench, p desktest.Pair) {
		must(b, b.key.Delete(b.ctx, p.Bundle.Container()))
		_, err := b.key.Create(b.ctx, p.Bundle.Container())
		must(b, err)
	}, "prepared", proof.Absent, proof.Absent, "claim:absent", proof.Absent},
	{"key", func(*bench, desktest.Pair) {},
		"prepared", "installed", proof.Incomplete, proof.Usable, proof.FailingSelfTest},
	{"torn key", func(b *bench, p desktest.Pair) {
		must(b, b.key.Delete(b.ctx, p.Bundle.Container()))
		b.plug(func(_ int, what string) softkey.Cut {
			if what == "generate" {
				return softkey.Torn
			}
			return softkey.None
		})
		refused(b, b.prepare(b.ticket(1), b.auth), token.ErrRemoved)
		b.plug(nil)
	}, proof.FailingSelfTest, proof.AnotherKey, proof.AnotherKey, "claim:another-key", proof.AnotherKey},
	{"another key", func(b *bench, p desktest.Pair) {
		must(b, b.key.Delete(b.ctx, p.Bundle.Container()))
		want[proof.Prepared](b, b.prepare(b.ticket(1), b.auth))
	}, "prepared", proof.AnotherKey, proof.AnotherKey, "claim:another-key", proof.AnotherKey},
	{"half a signing certificate", func(b *bench, p desktest.Pair) { cutInstall(b, p, "sign-certificate", softkey.Torn) },
		"prepared", "installed", proof.Incomplete, proof.Usable, proof.FailingSelfTest},
	{"signing certificate", func(b *bench, p desktest.Pair) { cutInstall(b, p, "encryption-key", softkey.Before) },
		"prepared", "installed", proof.Incomplete, proof.Usable, proof.FailingSelfTest},
	{"torn encryption key", func(b *bench, p desktest.Pair) { cutInstall(b, p, "encryption-key", softkey.Torn) },
		"prepared", proof.FailingSelfTest, proof.Incomplete, "claim:failing-self-test", proof.FailingSelfTest},
	{"encryption key", func(b *bench, p desktest.Pair) { cutInstall(b, p, "encryption-certificate", softkey.Before) },
		"prepared", "installed", proof.Incomplete, proof.Usable, proof.FailingSelfTest},
	{"half an encryption certificate", func(b *bench, p desktest.Pair) { cutInstall(b, p, "encryption-certificate", softkey.Torn) },
		"prepared", "installed", proof.Incomplete, proof.Usable, proof.FailingSelfTest},
	{"another encryption key", func(b *bench, p desktest.Pair) {
		pub, err := b.container(1).PublicKey(b.ctx, token.Signing)
		must(b, err)
		other := b.auth.Issue(renewal, 1, b.old.Sign(), subject, pub, 1)
		must(b, b.container(1).ImportEncryptionKey(b.ctx, other.Bundle.Envelope))
	}, "prepared", proof.AnotherKey, proof.AnotherKey, "claim:another-key", proof.FailingSelfTest},
	{"another certificate", func(b *bench, p desktest.Pair) {
		want[proof.Installed](b, b.install(p))
		must(b, b.container(1).ImportCertificate(b.ctx, token.Encryption, b.old.Bundle.Enc))
		must(b, b.container(1).ImportCertificate(b.ctx, token.Signing, b.old.Bundle.Sign))
	}, "prepared", "installed", proof.Incomplete, proof.Usable, proof.FailingSelfTest},
	{"complete", func(b *bench, p desktest.Pair) { want[proof.Installed](b, b.install(p)) },
		"prepared", "installed", "acknowledgement", proof.Usable, "report"},
	{"half deleted", func(b *bench, p desktest.Pair) {
		want[proof.Installed](b, b.install(p))
		b.plug(func(_ int, what string) softkey.Cut {
			if what == "delete" {
				return softkey.Torn
			}
			return softkey.None
		})
		must(b, b.key.Login(b.ctx, pin))
		if err := b.key.Delete(b.ctx, p.Bundle.Container()); !errors.Is(err, softkey.ErrPowerCut) {
			b.Fatal(err)
		}
		b.plug(nil)
	}, proof.FailingSelfTest, proof.Absent, proof.Absent, "claim:absent", proof.Absent},
	{"complete, signing broken", func(b *bench, p desktest.Pair) {
		want[proof.Installed](b, b.install(p))
		b.key = brokenKey{b.key, p.Bundle.Container(), token.ErrKeyPairBroken, nil}
	}, proof.FailingSelfTest, proof.FailingSelfTest, proof.FailingSelfTest, "claim:failing-self-test", proof.FailingSelfTest},
	{"complete, decryption broken", func(b *bench, p desktest.Pair) {
		want[proof.Installed](b, b.install(p))
		b.key = brokenKey{b.key, p.Bundle.Container(), nil, token.ErrKeyPairBroken}
	}, "prepared", proof.FailingSelfTest, proof.FailingSelfTest, "claim:failing-self-test", proof.FailingSelfTest},
	{"complete, untestable", func(b *bench, p desktest.Pair) {
		want[proof.Installed](b, b.install(p))
		b.key = brokenKey{b.key, p.Bundle.Container(), nil, token.ErrUntestable}
	}, "prepared", "installed untestable", "acknowledgement untestable", proof.Usable, "report"},
	{"complete, busy", func(b *bench, p desktest.Pair) {
		want[proof.Installed](b, b.install(p))
		b.key = brokenKey{b.key, p.Bundle.Container(), token.ErrKeyBusy, nil}
	}, "error key-busy", "error key-busy", "error key-busy", "error key-busy", "error key-busy"},
}

// said names an answer.
func said(a answer) string {
	if a.err != nil {
		return "error " + certhall.AsError(a.err).Code
	}
	switch m := a.message.(type) {
	case proof.Trouble:
		return m.Reason
	case proof.Prepared:
		return "prepared"
	case proof.Installed:
		if m.Untestable {
			return "installed untestable"
		}
		return "installed"
	case proof.RetireReport:
		return "report"
	case proof.Signed:
		if c, err := proof.Decode[proof.Claim](m.Message); err == nil {
			return "claim:" + c.Reason
		}
		if c, err := proof.Decode[proof.Acknowledgement](m.Message); err == nil {
			if c.Untestable {
				return "acknowledgement untestable"
			}
			return "acknowledgement"
		}
	}
	return "nothing known"
}

// answers are what each step says in one state of the attempt's container.
type answers struct{ prepare, install, acknowledge, claim, retire string }

// everyStep runs every step in the state that the key is in, and then once
// more, each on a copy of the key. The digests are what the authority recorded.
func (b *bench) everyStep(wanted answers, pair desktest.Pair, signDigest, encDigest []byte) {
	b.Helper()
	for _, step := range []struct {
		name, want string
		do         func() answer
	}{
		{"acknowledge", wanted.acknowledge, func() answer { return b.acknowledge(pair) }},
		{"claim", wanted.claim, func() answer { return b.claim(1, signDigest, encDigest) }},
		{"retire", wanted.retire, func() answer {
			return b.retire(proof.Retire{Receipts: []proof.Signed{b.auth.Receipt(pair, &b.old, "SK1", certhall.Keep, false)}})
		}},
		{"install", wanted.install, func() answer { return b.install(pair) }},
		{"prepare", wanted.prepare, func() answer { return b.prepare(b.ticket(1), b.auth) }},
	} {
		medium, key := b.medium, b.key
		b.fork()
		for range 2 {
			if got := said(step.do()); got != step.want {
				b.Errorf("%s: %s, want %s", step.name, got, step.want)
			}
		}
		b.oldWorks()
		b.medium, b.key = medium, key
	}
}

// TestEveryState runs every step in every state of the attempt's container,
// and then once more: a repeated order gives the same answer.
func TestEveryState(t *testing.T) {
	for _, s := range states {
		t.Run(s.name, func(t *testing.T) {
			b := newBench(t, 4)
			p := want[proof.Prepared](b, b.prepare(b.ticket(1), b.auth))
			pair := b.issue(b.auth, p, renewal, 1, b.old.Sign())
			s.make(b, pair)
			signDigest, encDigest := digests(b, pair)
			b.everyStep(answers{s.prepare, s.install, s.acknowledge, s.claim, s.retire}, pair, signDigest, encDigest)
		})
	}
}

// fork goes on with a copy of the key.
func (b *bench) fork() {
	b.Helper()
	b.medium = b.medium.Clone()
	k, err := softkey.Use(b.medium, rand.Reader, nil)
	must(b, err)
	if broken, ok := b.key.(brokenKey); ok {
		broken.Key = k
		b.key = broken
		return
	}
	b.key = k
}

// oldWorks checks that the old pair is whole and works.
func (b *bench) oldWorks() {
	b.Helper()
	if !b.works(b.old) {
		b.Fatal("the old pair does not work any more")
	}
}

func (b *bench) works(p desktest.Pair) bool {
	b.Helper()
	k, err := softkey.Use(b.medium, rand.Reader, nil)
	must(b, err)
	must(b, k.Login(b.ctx, pin))
	all, err := token.Look(b.ctx, k)
	must(b, err)
	for _, h := range all {
		if h.Whole() && string(h.Sign.Raw) == string(p.Bundle.Sign) && (h.Enc == nil || string(h.Enc.Raw) == string(p.Bundle.Enc)) {
			ok, err := token.SelfTest(b.ctx, h, rand.Reader)
			must(b, err)
			return ok
		}
	}
	return false
}

func digests(b *bench, p desktest.Pair) (sign, enc []byte) {
	b.Helper()
	for der, digest := range map[*[]byte]*[]byte{&p.Bundle.Sign: &sign, &p.Bundle.Enc: &enc} {
		if len(*der) == 0 {
			continue
		}
		c, err := gm.ParseCertificate(*der)
		must(b, err)
		pub, err := gm.CertificateKey(c)
		must(b, err)
		*digest, err = gm.KeyDigest(pub)
		must(b, err)
	}
	return sign, enc
}

// TestFullKey: no room is a trouble the hall can act on, and changes nothing.
func TestFullKey(t *testing.T) {
	b := newBench(t, 1)
	for range 2 {
		trouble(b, b.prepare(b.ticket(1), b.auth), proof.KeyFull)
	}
	b.oldWorks()
}

// TestPowerCuts cuts the power at every write of a renewal, in every way, and
// plays a hall that goes on with what it is told: at every moment the old or
// the new pair works, and the renewal always ends.
func TestPowerCuts(t *testing.T) {
	for kind, writes := range map[gm.Algorithm]int{gm.SM2: 8, gm.RSA: 6, gm.ECDSA: 6} {
		t.Run(kind.String(), func(t *testing.T) { powerCuts(t, kind, writes) })
	}
}

func powerCuts(t *testing.T, kind gm.Algorithm, least int) {
	b := newBenchOf(t, kind, 3)
	whole := 0
	b.plug(func(n int, _ string) softkey.Cut { whole = n; return softkey.None })
	b.renew(func() {})
	if whole < least {
		t.Fatalf("only %d writes", whole)
	}
	for n := 1; n <= whole; n++ {
		for _, how := range []softkey.Cut{softkey.Before, softkey.After, softkey.Torn} {
			b := newBenchOf(t, kind, 3)
			b.plug(func(write int, _ string) softkey.Cut {
				if write == n {
					return how
				}
				return softkey.None
			})
			b.renew(func() { b.plug(nil) })
			if names := b.names(); len(names) != 1 {
				t.Errorf("write %d, mode %d: left over: %v", n, how, names)
			}
		}
	}
}

// renew plays the hall from ticket to retired; replug is called when the key
// lost its power.
func (b *bench) renew(replug func()) {
	b.Helper()
	desktest.Renewal{
		Authority: b.auth, Case: renewal, Subject: subject, Old: &b.old,
		Key: func() token.Key { return b.key }, Env: b.env, Replug: replug,
	}.Run(b)
}
