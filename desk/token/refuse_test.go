package token_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// untouched runs f and checks that the key is byte for byte as before.
func (b *bench) untouched(f func()) {
	b.Helper()
	before, err := b.medium.Load()
	must(b, err)
	f()
	after, err := b.medium.Load()
	must(b, err)
	if !bytes.Equal(before, after) {
		b.Error("the key was written to")
	}
}

// TestForgedTickets: nothing is prepared without the notary of the old pair's
// own authority.
func TestForgedTickets(t *testing.T) {
	b := newBench(t, 4)
	ticket := proof.Ticket{
		Authority: b.auth.ID, Service: "renew", Case: string(renewal), Attempt: 1, OldSerial: string(b.old.Sign()),
		Nonce: []byte("ticket's nonce.."), Expiry: desktest.Now.Add(time.Hour),
	}
	stranger := desktest.New(t, "ra")
	key, err := sm2.GenerateKey(rand.Reader)
	must(b, err)
	clerk := desktest.Party{Certificate: b.auth.End("clerk", &key.PublicKey, smx509.KeyUsageDigitalSignature, 1), Key: key}
	genuine := b.auth.Notarize(ticket)
	changed := genuine
	changed.Message = bytes.Replace(genuine.Message, []byte("renew"), []byte("reNew"), 1)
	twice := genuine
	twice.Signatures = append(twice.Signatures, genuine.Signatures...)
	unnamed := ticket
	unnamed.Case = "c-1"
	for name, s := range map[string]struct {
		ticket proof.Signed
		want   *certhall.Error
	}{
		"nobody's":                 {proof.Signed{Message: genuine.Message}, token.ErrUntrusted},
		"a strange root's notary":  {stranger.Notarize(ticket), token.ErrUntrusted},
		"another authority's":      {b.other.Notarize(ticket), token.ErrOldPairMissing},
		"the issuing CA's":         {desktest.SignAs(t, b.auth.Issuing, ticket), token.ErrUntrusted},
		"the root's own":           {desktest.SignAs(t, b.auth.Root, ticket), token.ErrUntrusted},
		"an end entity's":          {desktest.SignAs(t, clerk, ticket), token.ErrUntrusted},
		"changed":                  {changed, token.ErrUntrusted},
		"signed twice":             {twice, token.ErrUntrusted},
		"another message":          {b.auth.Void(renewal, 1), token.ErrUntrusted},
		"a container not of ours":  {b.auth.Notarize(unnamed), token.ErrUntrusted},
		"for a pair not on it":     {b.auth.Ticket("renew", renewal, 1, "0123"), token.ErrOldPairMissing},
		"the old pair's container": {b.auth.Ticket("renew", first, 1, b.old.Sign()), token.ErrUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			b.untouched(func() {
				refused(&bench{TB: t}, b.prepare(s.ticket, b.auth), s.want)
				m, err := token.Claim(b.ctx, b.key, proof.MakeClaim{Authority: b.auth.ID, Ticket: s.ticket, Chain: b.auth.Chain()}, b.env)
				refused(&bench{TB: t}, answer{m, err}, s.want)
			})
		})
	}
	order := b.prepareOrder(genuine, b.auth)
	for name, change := range map[string]func(*proof.Prepare){
		"of another authority":       func(o *proof.Prepare) { o.Authority = "rb" },
		"without the issuing CA":     func(o *proof.Prepare) { o.Chain = nil },
		"with a chain of garbage":    func(o *proof.Prepare) { o.Chain = [][]byte{{1, 2, 3}} },
		"with an unknown disposal":   func(o *proof.Prepare) { o.Disposal = "burn" },
		"with another CA's issuing ": func(o *proof.Prepare) { o.Chain = b.other.Chain() },
	} {
		o := order
		change(&o)
		// A desk that has never seen the chain: what was found is remembered.
		env := b.env
		env.Trust = token.NewTrust(b.auth.Roots())
		b.untouched(func() {
			if m, err := token.Prepare(b.ctx, b.key, o, env); err == nil {
				t.Errorf("%s: %T", name, m)
			}
		})
	}
	b.agreed[token.ToPrepare] = false
	b.untouched(func() { refused(b, b.prepare(genuine, b.auth), token.ErrDeclined) })
	if len(b.shown) == 0 || b.shown[len(b.shown)-1].Disposal != certhall.Keep || b.shown[len(b.shown)-1].Subject != subject {
		t.Errorf("shown: %+v", b.shown)
	}
}

// TestForgedBundles: nothing is written that does not prove itself.
func TestForgedBundles(t *testing.T) {
	b := newBench(t, 4)
	p := want[proof.Prepared](b, b.prepare(b.ticket(1), b.auth))
	pub, _, err := gm.ParseRequest(p.Request)
	must(b, err)
	good := b.auth.Issue(renewal, 1, b.old.Sign(), subject, pub, 1)
	again := b.auth.Issue(renewal, 1, b.old.Sign(), subject, pub, 1)
	alien := b.other.Issue(renewal, 1, b.old.Sign(), subject, pub, 1)
	renamed := b.auth.Issue(renewal, 1, b.old.Sign(), "别人", pub, 1)
	stranger := desktest.New(t, "ra").Issue(renewal, 1, b.old.Sign(), subject, pub, 1)
	longer := b.auth.Issue(renewal, 1, b.old.Sign(), subject, pub, 16) // past the issuing CA's end
	rsa := good.Bundle
	rsa.Sign = []byte("no certificate")
	for name, s := range map[string]struct {
		change func(*proof.Bundle)
		want   *certhall.Error
	}{
		"another authority's name":    {func(x *proof.Bundle) { x.Authority = "rb" }, token.ErrUntrusted},
		"a strange root":              {func(x *proof.Bundle) { *x = stranger.Bundle }, token.ErrUntrusted},
		"another trusted root":        {func(x *proof.Bundle) { *x = alien.Bundle; x.Authority = "ra" }, token.ErrOldPairMissing},
		"encryption by another root":  {func(x *proof.Bundle) { x.Enc = alien.Bundle.Enc; x.Chain = append(x.Chain, alien.Bundle.Chain...) }, token.ErrUntrusted},
		"another subject":             {func(x *proof.Bundle) { *x = renamed.Bundle }, token.ErrBundle},
		"two subjects":                {func(x *proof.Bundle) { x.Enc = renamed.Bundle.Enc; x.Envelope = renamed.Bundle.Envelope }, token.ErrBundle},
		"another envelope":            {func(x *proof.Bundle) { x.Envelope = again.Bundle.Envelope }, token.ErrBundle},
		"an envelope of garbage":      {func(x *proof.Bundle) { x.Envelope = []byte{0x30, 0} }, token.ErrBundle},
		"another encryption":          {func(x *proof.Bundle) { x.Enc = again.Bundle.Enc }, token.ErrBundle},
		"no certificate":              {func(x *proof.Bundle) { *x = rsa }, token.ErrBundle},
		"outliving its issuer":        {func(x *proof.Bundle) { *x = longer.Bundle }, token.ErrUntrusted},
		"an old pair not on the key":  {func(x *proof.Bundle) { x.OldSerial = "0123" }, token.ErrOldPairMissing},
		"not the decision's subject":  {func(x *proof.Bundle) { x.OldSerial, x.Subject = "", []byte{0x30, 0} }, token.ErrBundle},
		"a container not of our form": {func(x *proof.Bundle) { x.Case = "a-b" }, token.ErrUntrusted},
	} {
		t.Run(name, func(t *testing.T) {
			x := good.Bundle
			s.change(&x)
			b.untouched(func() {
				m, err := token.Install(b.ctx, b.key, proof.Install{Authority: b.auth.ID, Bundle: x}, b.env)
				refused(&bench{TB: t}, answer{m, err}, s.want)
			})
		})
	}
	// A nonce that does not open is found before anything is confirmed.
	x := good
	x.Bundle.SealedNonce = again.Bundle.SealedNonce
	refused(b, b.install(x), token.ErrBundle)
	refused(b, b.acknowledge(x), token.ErrBundle)
	want[proof.Installed](b, b.install(good))
	// Complete, it is confirmed again even if the old container went meanwhile.
	must(b, b.key.Delete(b.ctx, b.old.Bundle.Container()))
	want[proof.Installed](b, b.install(good))
	want[proof.Signed](b, b.acknowledge(good))
	trouble(b, b.prepare(b.ticket(1), b.auth), proof.Stale)
}
