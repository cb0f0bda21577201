package sim

import (
	"bytes"
	"errors"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// judgeCreate: ◆ a container is made only with a ticket.
func (w *World) judgeCreate(name string) {
	for _, s := range w.book.tickets {
		if t, err := proof.Decode[proof.Ticket](s.Message); err == nil && t.Container() == name {
			return
		}
	}
	w.violate("a container is made without a ticket")
}

// judgeGenerate: a key is generated only where none lies.
func (w *World) judgeGenerate(name string) {
	if w.signingKey(name) != nil && !w.raced(name) {
		w.violate("a signing key is generated over another")
	}
}

// raced tells whether other software touched the container since the agent
// was given its order: what the agent has looked at before, it cannot know.
func (w *World) raced(name string) bool { return w.tampered[name] >= max(1, w.orderBegan) }

// judgeCertificate: only certificates that the authority gave for this
// container are written into it.
func (w *World) judgeCertificate(name string, u token.Usage, der []byte) {
	for _, b := range w.book.bundles {
		if b.Container() == name && (u == token.Signing && bytes.Equal(der, b.Sign) || u == token.Encryption && bytes.Equal(der, b.Enc)) {
			return
		}
	}
	w.violate("a certificate is written that the authority did not give for this container")
}

// judgeEncryptionKey: an encryption key is imported only where none lies, and
// only the certificate's.
func (w *World) judgeEncryptionKey(name string, envelope []byte) {
	w.bare(func(k token.Key) error {
		c, err := k.Container(background, name)
		if err != nil {
			return nil
		}
		if _, err := c.PublicKey(background, token.Encryption); err == nil && !w.raced(name) {
			w.violate("an encryption key is imported over another")
		}
		return nil
	})
	pub, err := gm.EnvelopedPublicKey(envelope)
	if err != nil {
		return
	}
	for _, b := range w.book.bundles {
		if b.Container() != name {
			continue
		}
		cert, err := gm.ParseCertificate(b.Enc)
		if err != nil {
			continue
		}
		if key, err := gm.CertificateKey(cert); err == nil && gm.SameKey(key, pub) {
			return
		}
	}
	w.violate("an encryption key is imported that is not the certificate's")
}

// judgeDelete is invariant 4: a container goes only by a void notice that
// names it, or by a receipt that names its pair as the old one and disposes of
// it (or lets it make room), while the new pair named there works.
func (w *World) judgeDelete(name string) {
	for _, s := range w.book.handed {
		if v, err := byNotary[proof.VoidNotice](w, s); err == nil && v.Container() == name {
			return
		}
	}
	serial := w.serialIn(name)
	for _, s := range w.book.handed {
		r, err := byNotary[proof.Receipt](w, s)
		if err != nil || r.OldSign == "" || r.OldSign != serial {
			continue
		}
		if r.Disposal != "delete" && !(r.Escrowed && w.consented) {
			continue
		}
		var heir *ca.Pair
		pairs := w.pairs()
		for _, p := range pairs {
			if string(p.SignSerial) == r.NewSign {
				heir = p
			}
		}
		if heir == nil {
			continue
		}
		if err := w.trouble(r.Container(), heir); err != nil && !w.raced(r.Container()) {
			w.violate("invariant 4: the old container goes while the new one does not work: %v", err)
		}
		return
	}
	w.violate("invariant 4: a container is deleted without a receipt or void notice")
}

// judgeReply: ◆ an acknowledgement is signed only over a container that holds
// the whole pair and works.
func (w *World) judgeReply(reply []byte) {
	s, err := proof.Decode[proof.Signed](reply)
	if err != nil {
		return
	}
	a, err := proof.Decode[proof.Acknowledgement](s.Message)
	if err != nil {
		return
	}
	for _, p := range w.pairs() {
		name := containerOf(authorityID, p)
		if string(p.SignSerial) != a.SignSerial || w.raced(name) {
			continue
		}
		if err := w.trouble(name, p); err != nil {
			w.violate("an acknowledgement is signed over a container that does not work: %v", err)
		}
	}
}

// judgeIssue: ◆ the same attempt and the same key get the stored answer,
// before any other check.
func (w *World) judgeIssue(r authority.IssueRequest, err error) {
	key, _, wrong := gm.ParseRequest(r.Request)
	if wrong != nil || w.sealed || !refusal(err) {
		return
	}
	w.read(func(rd ca.Reader) error {
		p, err2 := rd.PairOfAttempt(r.Case, r.Attempt)
		if err2 != nil || p == nil {
			return err2
		}
		digest, err2 := gm.KeyDigest(key)
		if stands := p.State != authority.Void && p.State != authority.Intended; stands && bytes.Equal(digest, p.KeyDigest) {
			w.violate("the attempt has its pair, and the same key is answered: %v", err)
		}
		return err2
	})
}

// judgeAcknowledge: the same acknowledgement gets the same receipt for ever.
func (w *World) judgeAcknowledge(ack proof.Signed, err error) {
	m, wrong := proof.Decode[proof.Acknowledgement](ack.Message)
	if wrong != nil || w.sealed || !refusal(err) {
		return
	}
	if _, ok := w.book.receipts[attempt{m.Case, m.Attempt}]; ok {
		w.violate("the attempt has its receipt, and its acknowledgement is answered: %v", err)
	}
}

// judgeWindow: ◆ the window's judgement at the first ticket holds until the
// case is closed; so nobody with a ticket is told that it is too late.
func (w *World) judgeWindow() {
	s := w.stands()
	if w.closed || s == nil || s.c.Service != certhall.Renew {
		return
	}
	if _, ok := w.book.tickets[attempt{string(s.c.ID), 1}]; ok {
		w.violate("the window was judged when the case's ticket was given; now it is expired")
	}
}

// refusal tells an answer of the authority's from a fault of the schedule's.
func refusal(err error) bool {
	return !errors.Is(err, errConnection) && !errors.Is(err, errDisk)
}
