package sim

import (
	"slices"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/services"
	"github.com/certhall/certhall/proof"
)

// The acts of others. They run quietly: not counted, nothing injected into
// them; but every command they cause at the key and every paper they bring out
// of the authority is watched like any other.

// standing is where the lineage's case stands at the authority.
type standing struct {
	c       *ca.Case
	attempt *ca.Attempt
	pair    *ca.Pair // of the attempt
	old     *ca.Pair
}

// stands reads the case that was opened last for the lineage; nil before.
func (w *World) stands() *standing {
	var s *standing
	w.read(func(r ca.Reader) error {
		for _, id := range w.cases {
			c, err := r.Case(id)
			if err != nil {
				return err
			}
			if c == nil {
				continue
			}
			s = &standing{c: c}
			if s.attempt, err = r.OpenAttempt(id); err != nil {
				return err
			}
			if s.attempt == nil {
				if s.attempt, err = r.LastAttempt(id); err != nil {
					return err
				}
			}
			if s.attempt != nil {
				if s.pair, err = r.PairOfAttempt(id, s.attempt.Number); err != nil {
					return err
				}
			}
			if s.old, err = r.Pair(c.OldPair); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func (w *World) secondTab() {
	if len(w.actors) < 2 {
		w.spawn("B", w.tab)
	}
}

func (w *World) secondNode() {
	w.nodes[1] = w.newNode()
	w.note(w.nodes[1].start())
	if w.sealed {
		return
	}
	w.read(func(r ca.Reader) error {
		open, err := r.OpenIntents(10)
		if err == nil && len(open) > 0 {
			w.violate("a node has started, and an intent is still open")
		}
		return err
	})
}

// falseClaim: the true old key claims that the attempt's container, which is
// fine, is absent. It is granted, and nothing may break.
func (w *World) falseClaim() {
	s := w.stands()
	if s == nil || s.attempt == nil || s.old == nil {
		return
	}
	var digest []byte
	if s.pair != nil {
		digest = s.pair.KeyDigest
	}
	w.claim(s, digest)
}

// otherClaim names another key than the record: it must be refused.
func (w *World) otherClaim() {
	s := w.stands()
	if s == nil || s.attempt == nil || s.old == nil || s.attempt.Standing == authority.AttemptVoid {
		return
	}
	var digest []byte
	if s.pair == nil {
		digest = gm.SM3([]byte("no key at all"))
	}
	if w.claim(s, digest) == nil {
		w.violate("a claim that names another key than the record was granted")
	}
}

func (w *World) claim(s *standing, digest []byte) error {
	m := proof.Claim{
		Authority: authorityID, Case: string(s.c.ID), Attempt: s.attempt.Number,
		OldSerial: string(s.old.SignSerial), KeyDigest: digest, Reason: proof.Absent,
	}
	claim, err := w.signWith(w.t.oldContainer, m)
	if err != nil {
		return err
	}
	notice, err := w.freshCA().Claim(background, claim)
	w.authorityChanged = true
	if err == nil {
		w.book.add(notice)
	}
	return err
}

func (w *World) suspend() {
	w.authorityChanged = true
	if err := w.freshCA().Suspend(background, lineage, "reported lost"); err == nil {
		w.suspended, w.held = true, map[certhall.PairID]authority.State{}
		for _, p := range w.pairs() {
			w.held[p.ID] = p.State
		}
	}
}

func (w *World) suspendBriefly() {
	w.suspend()
	w.after(6, w.resume)
}

// resume lifts the suspension by a reviewer's decision.
func (w *World) resume() {
	if !w.suspended {
		return
	}
	w.authorityChanged = true
	if err := w.freshCA().Resume(background, w.decide(proof.ResumeService)); err != nil {
		w.violate("a suspension could not be lifted: %s", certhall.CauseText(err))
	}
	w.suspended = false
}

func (w *World) revoke() {
	w.authorityChanged = true
	if err := w.freshCA().Revoke(background, w.decide(string(certhall.Revoke))); err != nil {
		w.violate("a revocation was refused: %s", certhall.CauseText(err))
	}
	w.revoked = true
}

// decide is a reviewer's decision about the lineage.
func (w *World) decide(service string) proof.Signed {
	nonce, _ := proof.NewNonce(w.random)
	return w.t.byReviewer(proof.Decision{
		Authority: authorityID, Service: service, Case: certhall.NewID(w.clock.Now(), w.random),
		Lineage: string(lineage), Verdict: proof.Approve, Reason: "simulation",
		Nonce: nonce, Expiry: w.clock.Now().Add(time.Hour).Truncate(time.Second),
	})
}

func (w *World) close() {
	if len(w.cases) == 0 {
		return
	}
	w.authorityChanged = true
	closing, err := w.freshCA().Close(background, w.cases[len(w.cases)-1])
	if err == nil {
		w.closed = true
		w.book.add(closing)
	}
}

func (w *World) closeAtHall() {
	if len(w.cases) == 0 || w.token == "" {
		return
	}
	w.closed, w.authorityChanged = true, true
	id, counter := w.cases[len(w.cases)-1], w.nodes[0].counter
	// Refused where it is too late or the token has ended: then nothing happens.
	if _, err := counter.Close(background, services.Caller{Token: w.token}, id); err == nil {
		_ = counter.Work(background, services.Effect{Kind: services.EffectClose, Case: id})
	}
}

func (w *World) lapse() {
	w.clock.advance(31 * day)
	w.closed = true
	w.authorityLoops()
}

func (w *World) endGrace() {
	w.clock.advance(30*day + time.Hour)
	w.closed = true // the case may lapse by then as well
	w.authorityChanged = true
	_, err := w.freshCA().EndGrace(background)
	w.note(err)
}

func (w *World) expire() {
	if end := w.t.old.NotAfter.Add(time.Hour); end.After(w.clock.Now()) {
		w.clock.set(end)
	}
}

func (w *World) seal() {
	w.setSealed(true)
	w.after(12, func() { w.setSealed(false) })
}

func (w *World) shuffleEvents() { w.shuffled = true }

func (w *World) stallSequencer() { w.stalledUntil = w.n + 25 }

// remake: other software deletes the attempt's container and makes one of the
// same name with a key of its own.
func (w *World) remake() { w.tamper(true) }

// wipe: other software deletes it.
func (w *World) wipe() { w.tamper(false) }

func (w *World) tamper(again bool) {
	s := w.stands()
	if s == nil || s.attempt == nil {
		return
	}
	name := certhall.ContainerName(authorityID, s.c.ID, s.attempt.Number)
	ctx := background
	w.keyChanged = true
	w.bare(func(k token.Key) error {
		if err := k.Delete(ctx, name); err != nil && !again {
			return nil // not there: nothing to wipe
		}
		w.tampered[name] = w.n
		if !again {
			return nil
		}
		c, err := k.Create(ctx, name)
		if err != nil {
			return nil // no room for it
		}
		_, err = c.GenerateSigningKey(ctx, w.t.algorithm)
		return err
	})
}

// replayOrders hands the agent every order it ever had, once more.
func (w *World) replayOrders() {
	for _, order := range append([][]byte(nil), w.book.orders...) {
		w.tell(order)
	}
}

// foreignPapers hands it genuine papers of other cases.
func (w *World) foreignPapers() {
	for _, paper := range slices.Concat(w.t.otherReceipts, w.t.otherVoids) {
		w.book.handed[string(proof.Encode(paper))] = paper
	}
	w.order(proof.Retire{Authority: authorityID, Receipts: w.t.otherReceipts, Voids: w.t.otherVoids, MakeRoom: true, Chain: w.t.founded.Chain()})
	for _, ticket := range w.t.otherTickets {
		w.order(proof.MakeClaim{Authority: authorityID, Ticket: ticket, Chain: w.t.founded.Chain()})
		w.order(w.prepareWith(ticket))
	}
}

// order hands the agent an order outside any tab, and returns its reply.
func (w *World) order(m proof.Message) []byte { return w.tell(proof.Encode(m)) }

func (w *World) tell(order []byte) []byte {
	if w.listed() != nil {
		return nil // as at a key in use
	}
	reply, err := w.pc.agent.Do(background, w.medium.serial(), order)
	if err != nil {
		return nil
	}
	return reply
}

func (w *World) prepareWith(ticket proof.Signed) proof.Prepare {
	return proof.Prepare{
		Authority: authorityID, Ticket: ticket, Entitlement: "forged", Project: project, Profile: w.t.old.Profile,
		TermYears: 1, Disposal: string(certhall.Delete), Chain: w.t.founded.Chain(),
	}
}
