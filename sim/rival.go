package sim

import (
	"crypto/x509/pkix"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// rival: a second case for the same lineage, past the hall, with true evidence
// by the old key. The authority lets only one of the two have a pair; the
// rival case is closed later.
func (w *World) rival() {
	w.closed = true // the case that comes second is refused, and closed
	var c certhall.CaseID
	w.bare(func(k token.Key) error {
		c = w.succeed(w.t.old, k, w.t.oldContainer, "rival"+certhall.NewID(w.clock.Now(), w.random)[:8])
		return nil
	})
	shut := func() {
		w.authorityChanged = true
		if closing, err := w.freshCA().Close(background, c); err == nil {
			w.book.add(closing)
		}
	}
	w.rivals = append(w.rivals, shut)
	w.after(20, shut)
}

// thief: another holder's case spends the entitlement of the case at hand,
// which has its pair already.
func (w *World) thief() {
	s := w.stands()
	if s == nil || s.pair == nil || s.pair.State == authority.Void {
		return
	}
	k, err := w.t.otherMedium.look()
	w.note(err)
	w.note(k.Login(background, pin))
	c := w.succeed(w.t.other, k, w.t.otherContainer, string(s.pair.Entitlement))
	w.read(func(r ca.Reader) error {
		p, err := r.PairOfAttempt(c, 1)
		if p != nil {
			w.violate("invariant 2: an entitlement was used for a second pair")
		}
		return err
	})
}

// succeed asks for a successor of a pair with evidence by its key, in a case
// of its own; whether it is given is for the authority to say.
func (w *World) succeed(old *ca.Pair, k token.Key, container, entitlement string) certhall.CaseID {
	w.authorityChanged = true
	c := certhall.CaseID(certhall.NewID(w.clock.Now(), w.random))
	signed, err := w.freshCA().Ticket(background, authority.TicketRequest{Service: w.sched.Service, Case: c, OldSerial: old.SignSerial})
	if err != nil {
		return c
	}
	ticket, err := proof.Decode[proof.Ticket](signed.Message)
	w.note(err)
	key, err := w.t.algorithm.GenerateKey(w.random, token.RSABits)
	w.note(err)
	p10, err := smx509.CreateCertificateRequest(w.random, &smx509.CertificateRequest{
		Subject: pkix.Name{CommonName: "rival"}, SignatureAlgorithm: w.t.algorithm.Signature(),
	}, key)
	w.note(err)
	_, digest, err := gm.ParseRequest(p10)
	w.note(err)
	evidence := proof.OldKey{
		Authority: authorityID, Service: ticket.Service, Case: ticket.Case, Attempt: ticket.Attempt, Entitlement: entitlement,
		OldSerial: ticket.OldSerial, Project: old.Project, Profile: old.Profile, TermYears: 1, RequestDigest: digest,
		Disposal: string(certhall.Keep), KeySerial: "RIVAL", Nonce: ticket.Nonce, Expiry: ticket.Expiry,
	}
	by, err := signIn(k, container, evidence)
	if err != nil {
		return c // the old container is gone
	}
	_, _ = w.freshCA().Issue(background, authority.IssueRequest{Case: c, Attempt: ticket.Attempt, Request: p10, Evidence: by})
	return c
}

// signIn signs a message with the signing key in a container.
func signIn(k token.Key, container string, m proof.Message) (proof.Signed, error) {
	c, err := k.Container(background, container)
	if err != nil {
		return proof.Signed{}, err
	}
	der, err := c.Certificate(background, token.Signing)
	if err != nil {
		return proof.Signed{}, err
	}
	return proof.Sign(m, der, func(message []byte) ([]byte, error) { return c.Sign(background, message) })
}

// spoil: the attempt's encryption key goes bad, its public half and both
// certificates stay: only a self-test can tell.
func (w *World) spoil() {
	name, b := w.ripe()
	if name == "" {
		return
	}
	w.keyChanged = true
	k, err := w.medium.plug(func(_ int, what string) softkey.Cut {
		if what == "encryption-key" {
			return softkey.Torn
		}
		return softkey.None
	})
	w.note(err)
	w.note(k.Login(background, pin))
	if c, err := k.Container(background, name); err == nil {
		_ = c.ImportEncryptionKey(background, b.Envelope) // tears
		w.tampered[name] = w.n
	}
}

// overwrite: other software writes another certificate into the attempt's container.
func (w *World) overwrite() {
	name, _ := w.ripe()
	if name == "" {
		return
	}
	w.keyChanged = true
	w.bare(func(k token.Key) error {
		if c, err := k.Container(background, name); err == nil {
			w.tampered[name] = w.n
			return c.ImportCertificate(background, token.Signing, w.t.old.SignCert)
		}
		return nil
	})
}

// ripe is the attempt's container once it holds its encryption key, or a single
// certificate.
func (w *World) ripe() (name string, b proof.Bundle) {
	s := w.stands()
	if s == nil || s.attempt == nil {
		return "", b
	}
	b, ok := w.book.bundles[attempt{string(s.c.ID), s.attempt.Number}]
	if !ok {
		return "", b
	}
	w.bare(func(k token.Key) error {
		c, err := k.Container(background, b.Container())
		if err == nil && w.t.algorithm == gm.SM2 {
			_, err = c.PublicKey(background, token.Encryption)
		} else if err == nil {
			_, err = c.Certificate(background, token.Signing)
		}
		if err == nil {
			name = b.Container()
		}
		return nil
	})
	return name, b
}
