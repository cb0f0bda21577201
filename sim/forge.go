package sim

import (
	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/emmansun/gmsm/sm2"
)

// forgeries are a message signed in every way but the right one: with the
// notary's certificate and a broken signature, by another certificate of the
// same authority, by the pair's own key, and by the notary of a false
// authority that bears the same id.
func (w *World) forgeries(m proof.Message) []proof.Signed {
	alien := byParty(w.random, w.t.falseAuthority.Notary, m)
	broken := proof.Signed{Message: alien.Message, Signatures: []proof.Signature{{
		Certificate: w.t.founded.Notary.Certificate.Raw, Value: alien.Signatures[0].Value}}}
	forged := []proof.Signed{broken, alien, w.t.byReviewer(m), byParty(w.random, w.t.founded.Main().OCSP, m),
		byParty(w.random, w.t.founded.Origins, m), {Message: alien.Message}}
	if own, err := w.signWith(w.t.oldContainer, m); err == nil {
		forged = append(forged, own)
	}
	return forged
}

// forgeReceipts tries to have the old container deleted before its time, and
// the new one in favour of the old.
func (w *World) forgeReceipts() {
	s := w.stands()
	if s == nil || s.attempt == nil {
		return
	}
	old := w.t.old
	receipt := proof.Receipt{
		Authority: authorityID, Case: string(s.c.ID), Attempt: s.attempt.Number,
		OldSign: string(old.SignSerial), OldEnc: string(old.EncSerial), NewSign: "01", NewEnc: "02",
		KeyDigest: gm.SM3([]byte("new")), KeySerial: w.medium.serial(), Disposal: string(certhall.Delete), Escrowed: true,
	}
	if s.pair != nil {
		receipt.NewSign, receipt.NewEnc, receipt.KeyDigest = string(s.pair.SignSerial), string(s.pair.EncSerial), s.pair.KeyDigest
	}
	back := receipt
	back.OldSign, back.OldEnc = receipt.NewSign, receipt.NewEnc
	back.NewSign, back.NewEnc, back.KeyDigest = receipt.OldSign, receipt.OldEnc, old.KeyDigest
	back.Case, back.Attempt = string(old.Case), old.Attempt
	for _, m := range []proof.Receipt{receipt, back} {
		for _, f := range w.forgeries(m) {
			w.order(proof.Retire{Authority: authorityID, Receipts: []proof.Signed{f}, MakeRoom: true, Chain: w.t.founded.Chain()})
			w.order(proof.Retire{Authority: authorityID, Voids: []proof.Signed{f}, Chain: w.t.founded.Chain()})
		}
	}
}

// forgeVoids tries to have the attempt's container and the old one deleted.
func (w *World) forgeVoids() {
	s := w.stands()
	if s == nil || s.attempt == nil {
		return
	}
	notices := []proof.VoidNotice{
		{Authority: authorityID, Case: string(s.c.ID), Attempt: s.attempt.Number},
		{Authority: authorityID, Case: string(w.t.old.Case), Attempt: w.t.old.Attempt},
	}
	for _, m := range notices {
		for _, f := range w.forgeries(m) {
			w.order(proof.Retire{Authority: authorityID, Voids: []proof.Signed{f}, Chain: w.t.founded.Chain()})
		}
	}
}

// forgeTicket tries to have a further container made and a claim signed.
func (w *World) forgeTicket() {
	s := w.stands()
	if s == nil || s.attempt == nil {
		return
	}
	for _, n := range []int{s.attempt.Number, s.attempt.Number + 1} {
		m := proof.Ticket{
			Authority: authorityID, Service: string(s.c.Service), Case: string(s.c.ID), Attempt: n,
			OldSerial: string(w.t.old.SignSerial), Nonce: s.attempt.Nonce, Expiry: s.attempt.Expiry.Add(day),
		}
		for _, f := range w.forgeries(m) {
			if proof.Tag(w.order(proof.MakeClaim{Authority: authorityID, Ticket: f, Chain: w.t.founded.Chain()})) == proof.TagOf[proof.Signed]() {
				w.violate("the agent signed a claim on a forged ticket")
			}
			if proof.Tag(w.order(w.prepareWith(f))) == proof.TagOf[proof.Prepared]() {
				w.violate("the agent prepared on a forged ticket")
			}
		}
	}
}

// forgeBundle tries to have certificates and keys written that are not the
// pair's, and to have them acknowledged.
func (w *World) forgeBundle() {
	s := w.stands()
	if s == nil || s.pair == nil || s.attempt.Standing == authority.AttemptVoid {
		return
	}
	b, ok := w.book.bundles[attempt{string(s.c.ID), s.attempt.Number}]
	if !ok {
		return
	}
	halves, swapped, strange, alien := b, b, b, b
	halves.Enc = b.Sign
	swapped.Sign, swapped.Enc = b.Enc, b.Sign
	if key, err := sm2.GenerateKey(w.random); err == nil {
		if pub, err := gm.SM2Key(w.signingKey(b.Container())); err == nil {
			strange.Envelope, _ = gm.EnvelopeKey(w.random, pub, key)
		}
	}
	alien.Sign, alien.Enc, alien.Chain = w.t.falseCopy(w.random, b.Sign), w.t.falseCopy(w.random, b.Enc), w.t.falseAuthority.Chain()
	w.order(proof.Install{Authority: authorityID, Bundle: strange})
	for _, f := range []proof.Bundle{halves, swapped, alien} {
		w.order(proof.Install{Authority: authorityID, Bundle: f})
		if reply := w.order(proof.Acknowledge{Authority: authorityID, Bundle: f}); proof.Tag(reply) == proof.TagOf[proof.Signed]() {
			w.violate("the agent acknowledged a forged bundle")
		}
	}
}
