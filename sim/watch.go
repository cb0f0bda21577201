package sim

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
)

// What is watched while a run goes on: every dangerous command to the key is
// judged before it is carried out, and whenever the key or the authority's
// database may have changed the invariants that hold at every moment are
// checked on both, past all wrappers.

// violate notes the first thing that broke; the run ends at the next boundary.
func (w *World) violate(format string, args ...any) {
	if w.violation == nil {
		w.violation = fmt.Errorf("at boundary %d: "+format, append([]any{w.n}, args...)...)
	}
}

// observe checks what must hold at every moment.
func (w *World) observe() {
	if !w.authorityChanged && !w.keyChanged {
		return
	}
	w.check(w.watch)
	w.authorityChanged, w.keyChanged = false, false
}

func (w *World) check(invariant func() error) {
	if w.violation != nil {
		return
	}
	if err := invariant(); err != nil {
		w.violate("%w", err)
	}
}

// watch checks invariants 1 to 3 as far as they hold at every moment.
func (w *World) watch() error {
	pairs := w.pairs()
	if err := w.oneOfEach(pairs); err != nil {
		return err
	}
	if err := w.statesOnlyGrow(pairs); err != nil {
		return err
	}
	if w.suspended {
		for _, p := range pairs {
			if now := p.State; now != w.held[p.ID] && (now == authority.Intended || now == authority.Issued || now == authority.Current) {
				return fmt.Errorf("the lineage is suspended, and a pair that was %q becomes %s", w.held[p.ID], now)
			}
		}
	}
	if w.revoked || w.suspended {
		return heldAsAWhole(pairs, w.revoked)
	}
	return w.neverWithout(pairs)
}

// oneOfEach is invariant 2.
func (w *World) oneOfEach(pairs []*ca.Pair) error {
	current, underway := 0, 0
	entitled := map[string]bool{}
	for _, p := range pairs {
		switch p.State {
		case authority.Current:
			current++
		case authority.Intended, authority.Issued:
			underway++
		}
		if p.State == authority.Void {
			continue
		}
		if entitled[string(p.Entitlement)] {
			return fmt.Errorf("invariant 2: two non-void pairs of one entitlement")
		}
		entitled[string(p.Entitlement)] = true
	}
	if current > 1 || underway > 1 {
		return fmt.Errorf("invariant 2: %d current, %d intended or issued pairs in the lineage", current, underway)
	}
	return nil
}

// rank orders the states of a pair; void and revoked are final.
var rank = map[authority.State]int{
	authority.Intended: 1, authority.Issued: 2, authority.Current: 3, authority.Superseded: 4, authority.Revoked: 5, authority.Void: 5,
}

// statesOnlyGrow is invariant 3 over time: void never becomes current, and
// nothing that is final changes.
func (w *World) statesOnlyGrow(pairs []*ca.Pair) error {
	for _, p := range pairs {
		was := w.states[p.ID]
		if was != p.State && was != "" && (rank[was] >= rank[p.State] || rank[was] == 5) {
			return fmt.Errorf("invariant 3: a pair that was %s is %s", was, p.State)
		}
		w.states[p.ID] = p.State
	}
	return nil
}

// heldAsAWhole: a revocation or suspension acts on the whole lineage at once.
func heldAsAWhole(pairs []*ca.Pair, revoked bool) error {
	for _, p := range pairs {
		alive := p.State == authority.Issued || p.State == authority.Current || p.State == authority.Superseded
		if alive && revoked {
			return fmt.Errorf("the lineage is revoked, one of its pairs is %s", p.State)
		}
		if alive && !p.Suspended {
			return fmt.Errorf("the lineage is suspended, one of its pairs is %s and is not", p.State)
		}
	}
	return nil
}

// neverWithout is invariant 1: the key holds a complete pair that works and
// that the authority calls valid, or whose time alone ran out.
func (w *World) neverWithout(pairs []*ca.Pair) error {
	why := []string{}
	for _, p := range pairs {
		switch p.State {
		case authority.Issued, authority.Current, authority.Superseded:
		default:
			continue
		}
		name := containerOf(authorityID, p)
		if w.tampered[name] > 0 && p.State == authority.Current {
			return nil // other software took it; the case needs a reissue
		}
		trouble := w.trouble(name, p)
		if trouble == nil {
			return nil
		}
		why = append(why, fmt.Sprintf("%s pair of attempt %d: %v", p.State, p.Attempt, trouble))
	}
	return fmt.Errorf("invariant 1: no pair on the key works and is valid (%s)", strings.Join(why, "; "))
}

// trouble tells what keeps the pair in the named container from working. What
// was found holds until the key changes.
func (w *World) trouble(name string, p *ca.Pair) error {
	if w.keyChanged {
		clear(w.tested)
	}
	found := name + string(p.SignSerial)
	if known, ok := w.tested[found]; ok {
		return known
	}
	var trouble error
	w.bare(func(k token.Key) error {
		c, err := k.Container(background, name)
		if err == nil {
			err = works(c, p)
		}
		trouble = err
		return nil
	})
	w.tested[found] = trouble
	return trouble
}

// works tells whether a container holds exactly this pair and all of it works:
// both certificates and keys fit, a signature verifies, a decryption gives
// back what was encrypted.
func works(c token.Container, p *ca.Pair) error {
	ctx := background
	type half struct {
		u   token.Usage
		der []byte
	}
	halves := []half{{token.Signing, p.SignCert}}
	if !p.Single() {
		halves = append(halves, half{token.Encryption, p.EncCert})
	}
	for _, h := range halves {
		der, err := c.Certificate(ctx, h.u)
		if err != nil {
			return err
		}
		if !bytes.Equal(der, h.der) {
			return fmt.Errorf("another certificate")
		}
		cert, err := gm.ParseCertificate(der)
		if err != nil {
			return err
		}
		pub, err := gm.CertificateKey(cert)
		if err != nil {
			return err
		}
		key, err := c.PublicKey(ctx, h.u)
		if err != nil {
			return err
		}
		if !gm.SameKey(pub, key) {
			return fmt.Errorf("another key")
		}
		if h.u == token.Signing {
			sig, err := c.Sign(ctx, probe)
			if err != nil {
				return err
			}
			if err := gm.VerifyAny(pub, probe, sig); err != nil {
				return err
			}
			continue
		}
		to, err := gm.SM2Key(pub)
		if err != nil {
			return err
		}
		sealed, err := gm.Seal(probeRandom{}, to, probe)
		if err != nil {
			return err
		}
		plain, err := c.Decrypt(ctx, sealed)
		if err != nil || !bytes.Equal(plain, probe) {
			return fmt.Errorf("decryption fails: %v", err)
		}
	}
	return nil
}

var probe = []byte("certhall simulation")

// probeRandom is enough randomness for a probe that nobody keeps secret.
type probeRandom struct{}

func (probeRandom) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(i*37 + 11)
	}
	return len(b), nil
}
