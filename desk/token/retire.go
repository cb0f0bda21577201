package token

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Retire obeys receipts and void notices. It answers proof.RetireReport, or
// proof.Trouble where nothing could be done because the new pair of a receipt
// for this key is gone or fails.
//
// ◆ Nothing is deleted but on the notary's word: a receipt that names the old
// serial, once the new container named there passes its self-test at this
// moment; or a void notice that names the container. Never a container under
// another root. A receipt whose old container went already is answered again.
func Retire(ctx context.Context, key Key, order proof.Retire, env Env) (proof.Message, error) {
	r := &retirement{key: key, order: order, env: env, report: proof.RetireReport{Authority: order.Authority}}
	if err := r.read(); err != nil {
		return nil, err
	}
	var err error
	if r.all, err = Look(ctx, key); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{r.obeyVoids, r.obeyReceipts, r.makeRoom} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if r.lost != nil && len(r.report.Retired) == 0 && len(r.report.Deleted) == 0 {
		return *r.lost, nil
	}
	return r.report, nil
}

type retirement struct {
	key      Key
	order    proof.Retire
	env      Env
	receipts []receipt
	voids    []void
	all      []*Holding
	report   proof.RetireReport
	removed  bool           // something went in this order
	lost     *proof.Trouble // the first receipt whose new pair does not lie here working
}

type receipt struct {
	proof.Receipt
	digest []byte
	root   *smx509.Certificate
}

type void struct {
	attempt
	root *smx509.Certificate
}

// read verifies everything before anything is done; older receipts come first,
// so that each finds its new container before the next one's turn.
func (r *retirement) read() error {
	for _, s := range r.order.Receipts {
		m, root, err := Notarized[proof.Receipt](r.env.Trust, s)
		if err != nil {
			return err
		}
		if _, err := attemptOf(r.order.Authority, m.Authority, m.Case, m.Attempt); err != nil {
			return err
		}
		r.receipts = append(r.receipts, receipt{m, gm.SM3(s.Message), root})
	}
	r.receipts = oldestFirst(r.receipts)
	for _, s := range r.order.Voids {
		m, root, err := Notarized[proof.VoidNotice](r.env.Trust, s)
		if err != nil {
			return err
		}
		a, err := attemptOf(r.order.Authority, m.Authority, m.Case, m.Attempt)
		if err != nil {
			return err
		}
		r.voids = append(r.voids, void{a, root})
	}
	return nil
}

// oldestFirst puts each receipt behind the one that made its old pair.
func oldestFirst(receipts []receipt) []receipt {
	rest, sorted := slices.Clone(receipts), []receipt(nil)
	for len(rest) > 0 {
		next := max(0, slices.IndexFunc(rest, func(rc receipt) bool {
			return !slices.ContainsFunc(rest, func(other receipt) bool { return other.NewSign == rc.OldSign })
		}))
		sorted = append(sorted, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	return sorted
}

func (r *retirement) obeyVoids(ctx context.Context) error {
	for _, v := range r.voids {
		h := byName(r.all, v.container())
		if h != nil {
			if err := r.mayVoid(h, v); err != nil {
				return err
			}
			if err := r.remove(ctx, h); err != nil {
				return err
			}
		}
		r.report.Deleted = append(r.report.Deleted, proof.DeletedName{Name: v.container()})
	}
	return nil
}

// mayVoid refuses a notice over a container that holds another authority's
// certificate, or a pair that a receipt names as new. An attempt that is void
// can never have been acknowledged: such a notice is not honest.
func (r *retirement) mayVoid(h *Holding, v void) error {
	for _, c := range []*smx509.Certificate{h.Sign, h.Enc} {
		if c == nil {
			continue
		}
		if root, err := r.env.Trust.Root(c, r.order.Chain); err != nil || !root.Equal(v.root) {
			return ErrUntrusted.Becausef("%s holds another authority's certificate: %v", h.Name(), err)
		}
	}
	for _, rc := range r.receipts {
		if rc.Container() == h.Name() || h.Sign != nil && string(certhall.SerialOf(h.Sign.SerialNumber)) == rc.NewSign {
			return ErrUntrusted.Becausef("%s is both void and confirmed", h.Name())
		}
	}
	return nil
}

func (r *retirement) obeyReceipts(ctx context.Context) error {
	for _, rc := range r.receipts {
		successor, reason, err := r.successor(ctx, rc)
		if err != nil {
			return err
		}
		if successor == nil {
			if r.lost == nil && rc.KeySerial == r.key.Info().Serial {
				t := attempt{rc.Authority, rc.Case, rc.Attempt}.trouble(reason)
				r.lost = &t
			}
			continue
		}
		old := r.superseded(rc, successor)
		if old != nil && rc.Disposal == string(certhall.Delete) {
			if err := r.remove(ctx, old); err != nil {
				return err
			}
			r.report.Deleted = append(r.report.Deleted, proof.DeletedName{Name: old.Name()})
		}
		retired, err := SignAs(ctx, successor, proof.Retired{
			Authority: rc.Authority, Case: rc.Case, Attempt: rc.Attempt, ReceiptDigest: rc.digest,
		})
		if err != nil {
			return err
		}
		r.report.Retired = append(r.report.Retired, retired)
	}
	return nil
}

// successor is the container of the receipt's new pair if it lies here whole
// and works at this moment; else nil and the reason.
func (r *retirement) successor(ctx context.Context, rc receipt) (*Holding, string, error) {
	h := byName(r.all, rc.Container())
	if h == nil || h.SignKey == nil {
		return nil, proof.Absent, nil
	}
	digest, err := gm.KeyDigest(h.SignKey)
	if err != nil {
		return nil, "", err
	}
	if !bytes.Equal(digest, rc.KeyDigest) {
		return nil, proof.AnotherKey, nil
	}
	if !r.whole(h, rc) {
		return nil, proof.FailingSelfTest, nil
	}
	if err := r.env.unlock(ctx); err != nil {
		return nil, "", err
	}
	if ok, err := SelfTest(ctx, h, r.env.Random); err != nil || !ok {
		return nil, proof.FailingSelfTest, err
	}
	return h, "", nil
}

// whole tells whether the certificates that the receipt names lie there, with
// their keys, under the receipt's root.
func (r *retirement) whole(h *Holding, rc receipt) bool {
	if !h.Fits() || string(certhall.SerialOf(h.Sign.SerialNumber)) != rc.NewSign {
		return false
	}
	root, err := r.env.Trust.Root(h.Sign, r.order.Chain)
	if err != nil || !root.Equal(rc.root) {
		return false
	}
	if rc.NewEnc == "" { // a single certificate
		return h.Enc == nil && h.EncKey == nil
	}
	return h.encFits() && string(certhall.SerialOf(h.Enc.SerialNumber)) == rc.NewEnc
}

// superseded is the receipt's old container, nil if it is not here, or a
// predecessor's: nobody but the predecessor could give its encryption key back,
// so it stays, whatever the receipt says.
func (r *retirement) superseded(rc receipt, successor *Holding) *Holding {
	if rc.OldSign == "" {
		return nil
	}
	old := r.env.Trust.bySerial(r.all, rc.OldSign, rc.root, r.order.Chain)
	if old == nil || old.Name() == successor.Name() {
		return nil
	}
	if _, err := r.env.Trust.Root(old.Sign, r.order.Chain); err != nil {
		return nil
	}
	return old
}

// makeRoom lets the oldest kept container go, if the key is full, nothing went
// by the other ways, the escrow holds its encryption key and the person agrees.
func (r *retirement) makeRoom(ctx context.Context) error {
	if !r.order.MakeRoom || r.removed {
		return nil
	}
	for _, rc := range r.receipts {
		if !rc.Escrowed {
			continue
		}
		successor, _, err := r.successor(ctx, rc)
		if err != nil {
			return err
		}
		if successor == nil {
			continue
		}
		old := r.superseded(rc, successor)
		if old == nil {
			continue
		}
		err = r.env.agree(ctx, Terms{
			What: ToMakeRoom, Subject: old.Sign.Subject.CommonName,
			Serial: certhall.Serial(rc.OldSign), NotAfter: old.Sign.NotAfter, Disposal: certhall.Delete,
		})
		if errors.Is(err, ErrDeclined) {
			r.report.Refused = true
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.remove(ctx, old); err != nil {
			return err
		}
		r.report.Deleted = append(r.report.Deleted, proof.DeletedName{Name: old.Name()})
		return nil
	}
	return nil
}

func (r *retirement) remove(ctx context.Context, h *Holding) error {
	if err := r.env.unlock(ctx); err != nil {
		return err
	}
	if err := r.key.Delete(ctx, h.Name()); err != nil && !errors.Is(err, ErrNoContainer) {
		return err
	}
	r.removed = true
	r.all = slices.DeleteFunc(r.all, func(other *Holding) bool { return other == h })
	return nil
}
