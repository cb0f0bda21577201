package services_test

import (
	"context"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// signer is a certificate with its key.
type signer struct {
	cert *smx509.Certificate
	key  *sm2.PrivateKey
}

func (s signer) sign(m proof.Message) proof.Signed {
	signed, err := proof.Sign(m, s.cert.Raw, func(msg []byte) ([]byte, error) { return gm.Sign(rand.Reader, s.key, msg) })
	if err != nil {
		panic(err)
	}
	return signed
}

var serials int64 = 0x1000

// certify makes a certificate; by is nil for a self-signed one.
func certify(t *testing.T, by *signer, name string, usage ...asn1.ObjectIdentifier) signer {
	t.Helper()
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serials++
	template := &smx509.Certificate{
		SerialNumber: big.NewInt(serials), Subject: pkix.Name{CommonName: name},
		NotBefore: start.AddDate(-10, 0, 0), NotAfter: start.AddDate(10, 0, 0),
		BasicConstraintsValid: true, IsCA: by == nil, UnknownExtKeyUsage: usage,
	}
	parent, parentKey := template, key
	if by != nil {
		parent, parentKey = by.cert, by.key
	}
	der, err := smx509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := gm.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signer{cert, key}
}

// fake is an authority that keeps to the door's words and trusts everybody's
// evidence: these tests are about the hall.
type fake struct {
	t      *testing.T
	clock  *clock
	root   signer
	notary signer

	mu     sync.Mutex
	sealed bool
	fail   map[string]error // by call, until cleared
	refuse *certhall.Error  // what Eligible answers
	years  int              // longest term that fits
	pairs  []*authority.PairView
	cases  map[certhall.CaseID]*fakeCase
	events []authority.Event
	calls  []string
	graces []time.Duration // that tickets asked for
	bare   bool            // the escrow holds nothing
}

type fakeCase struct {
	service  certhall.Service
	state    string // open, acknowledged, closed
	old      certhall.Serial
	lineage  certhall.LineageID
	attempts []*authority.PairView
}

const authorityID = "a1"

func newFake(t *testing.T, c *clock) *fake {
	root := certify(t, nil, "root")
	return &fake{t: t, clock: c, root: root, notary: certify(t, &root, "notary", proof.OIDNotary), years: 3,
		fail: map[string]error{}, cases: map[certhall.CaseID]*fakeCase{}}
}

// grant makes a current pair with no case of the hall behind it.
func (f *fake) grant(lineage certhall.LineageID) signer {
	s := certify(f.t, &f.root, "某公司")
	of := certhall.CaseID("c0" + string(lineage))
	v := f.pairView(of, 1, lineage, s)
	v.Pair.State, v.Standing = authority.Current, authority.AttemptAcknowledged
	v.Receipt = f.notary.sign(proof.Receipt{Authority: authorityID, Case: string(of), Attempt: 1, NewSign: string(v.Pair.SignSerial)})
	f.cases[of] = &fakeCase{certhall.Apply, "acknowledged", "", lineage, []*authority.PairView{v}}
	f.pairs = append(f.pairs, v)
	f.emit(authority.PairAcknowledged, v)
	return s
}

func (f *fake) pairView(of certhall.CaseID, attempt int, lineage certhall.LineageID, s signer) *authority.PairView {
	serial := certhall.SerialOf(s.cert.SerialNumber)
	return &authority.PairView{
		Case: of, Attempt: attempt, Standing: authority.AttemptOpen, Certificate: s.cert.Raw,
		Bundle: &proof.Bundle{Authority: authorityID, Case: string(of), Attempt: attempt, Sign: s.cert.Raw, Enc: s.cert.Raw, Chain: [][]byte{f.notary.cert.Raw}},
		Pair: &authority.PairInfo{
			ID: certhall.PairID("pair" + serial), Lineage: lineage, Case: of, Attempt: attempt, State: authority.Issued,
			Subject: "某公司", Project: "gov", Profile: "org", TermYears: 1, KeyNumber: "N1", SignSerial: serial, EncSerial: serial + "ee",
			NotBefore: f.clock.Now(), NotAfter: start.AddDate(1, 0, 0),
		},
	}
}

func (f *fake) emit(kind authority.EventKind, v *authority.PairView) {
	e := authority.Event{Seq: int64(len(f.events) + 1), At: f.clock.Now(), Kind: kind, Case: v.Case, Attempt: v.Attempt}
	if k := f.cases[v.Case]; k != nil {
		e.Lineage = k.lineage
	}
	if v.Pair != nil {
		info := *v.Pair
		e.Pair = &info
	}
	f.events = append(f.events, e)
}

// enter notes a call and answers the failure set for it.
func (f *fake) enter(call string, signs bool) error {
	f.calls = append(f.calls, call)
	if err := f.fail[call]; err != nil {
		return err
	}
	if signs && f.sealed {
		return authority.ErrSealed
	}
	return nil
}

func (f *fake) called(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

func (f *fake) bySerial(s certhall.Serial) *authority.PairView {
	i := slices.IndexFunc(f.pairs, func(v *authority.PairView) bool { return v.Pair.SignSerial == s })
	if i < 0 {
		return nil
	}
	return f.pairs[i]
}

func (f *fake) Eligible(_ context.Context, _ certhall.Service, s certhall.Serial) (authority.Eligibility, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := f.bySerial(s)
	if v == nil {
		return authority.Eligibility{}, authority.ErrUnknownCert
	}
	e := authority.Eligibility{Pair: *v.Pair, MaxYears: f.years, Escrowed: !f.bare, Refusal: f.refuse}
	if v.Pair.State == authority.Superseded {
		e.Refusal = authority.ErrSuperseded
	}
	return e, f.enter("Eligible", false)
}

func (f *fake) Ticket(_ context.Context, r authority.TicketRequest) (proof.Signed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("Ticket", true); err != nil {
		return proof.Signed{}, err
	}
	f.graces = append(f.graces, r.Grace)
	k := f.cases[r.Case]
	if k == nil {
		k = &fakeCase{service: r.Service, state: "open", old: r.OldSerial, lineage: f.bySerial(r.OldSerial).Pair.Lineage}
		f.cases[r.Case] = k
		f.openAttempt(r.Case, k)
	}
	if k.state == "closed" {
		return proof.Signed{}, authority.ErrCaseClosed
	}
	last := k.attempts[len(k.attempts)-1]
	if t, err := proof.Decode[proof.Ticket](last.Ticket.Message); err == nil && !f.clock.Now().Before(t.Expiry) {
		last.Ticket = f.ticket(r.Case, k, last.Attempt)
	}
	return last.Ticket, nil
}

func (f *fake) ticket(id certhall.CaseID, k *fakeCase, n int) proof.Signed {
	return f.notary.sign(proof.Ticket{Authority: authorityID, Service: string(k.service), Case: string(id), Attempt: n,
		OldSerial: string(k.old), Nonce: fmt.Appendf(nil, "%016d", f.clock.Now().Unix()), Expiry: f.clock.Now().Add(time.Hour).Truncate(time.Second)})
}

func (f *fake) openAttempt(id certhall.CaseID, k *fakeCase) {
	n := len(k.attempts) + 1
	v := &authority.PairView{Case: id, Service: k.service, Attempt: n, Standing: authority.AttemptOpen, Old: k.old, Ticket: f.ticket(id, k, n)}
	k.attempts = append(k.attempts, v)
	f.emit(authority.AttemptOpened, v)
}

func (f *fake) Issue(_ context.Context, r authority.IssueRequest) (proof.Bundle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("Issue", true); err != nil {
		return proof.Bundle{}, err
	}
	v, k, err := f.attempt(r.Case, r.Attempt)
	if err != nil {
		return proof.Bundle{}, err
	}
	if v.Standing == authority.AttemptVoid {
		return proof.Bundle{}, authority.ErrAttemptVoid
	}
	if v.Pair == nil {
		made := f.pairView(r.Case, r.Attempt, k.lineage, certify(f.t, &f.root, "某公司"))
		v.Pair, v.Bundle, v.Certificate, v.KeyDigest = made.Pair, made.Bundle, made.Certificate, gm.SM3(r.Request)
		v.Bundle.OldSerial = string(k.old)
		f.pairs = append(f.pairs, v)
		f.emit(authority.PairIssued, v)
	}
	return *v.Bundle, nil
}

func (f *fake) attempt(id certhall.CaseID, n int) (*authority.PairView, *fakeCase, error) {
	k := f.cases[id]
	if k == nil || n < 1 || n > len(k.attempts) {
		return nil, nil, authority.ErrUnknownCase
	}
	return k.attempts[n-1], k, nil
}

func (f *fake) Acknowledge(_ context.Context, s proof.Signed) (proof.Signed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("Acknowledge", true); err != nil {
		return proof.Signed{}, err
	}
	m, err := proof.Decode[proof.Acknowledgement](s.Message)
	if err != nil {
		return proof.Signed{}, err
	}
	v, k, err := f.attempt(certhall.CaseID(m.Case), m.Attempt)
	if err != nil {
		return proof.Signed{}, err
	}
	if v.Standing == authority.AttemptVoid {
		return proof.Signed{}, authority.ErrAttemptVoid
	}
	if v.Receipt.IsZero() {
		v.Receipt = f.notary.sign(proof.Receipt{Authority: authorityID, Case: m.Case, Attempt: m.Attempt, OldSign: string(k.old),
			NewSign: string(v.Pair.SignSerial), Disposal: string(certhall.Keep), Escrowed: true})
		v.Standing, v.Pair.State, k.state = authority.AttemptAcknowledged, authority.Current, "acknowledged"
		old := f.bySerial(k.old)
		old.Pair.State, old.ReplacedBy, old.ReplacedByAttempt = authority.Superseded, v.Case, v.Attempt
		f.emit(authority.PairAcknowledged, v)
	}
	return v.Receipt, nil
}

func (f *fake) Retired(_ context.Context, s proof.Signed) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("Retired", false); err != nil {
		return err
	}
	m, err := proof.Decode[proof.Retired](s.Message)
	if err != nil {
		return err
	}
	_, k, err := f.attempt(certhall.CaseID(m.Case), m.Attempt)
	if err != nil {
		return err
	}
	if old := f.bySerial(k.old); old.Pair.State == authority.Superseded {
		old.Pair.State = authority.Revoked
		f.emit(authority.PairRetired, old)
	}
	return nil
}

func (f *fake) Claim(_ context.Context, s proof.Signed) (proof.Signed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("Claim", true); err != nil {
		return proof.Signed{}, err
	}
	m, err := proof.Decode[proof.Claim](s.Message)
	if err != nil {
		return proof.Signed{}, err
	}
	v, k, err := f.attempt(certhall.CaseID(m.Case), m.Attempt)
	if err != nil {
		return proof.Signed{}, err
	}
	switch {
	case v.Standing == authority.AttemptAcknowledged:
		return proof.Signed{}, authority.ErrAttemptNotOpen
	case string(m.KeyDigest) != string(v.KeyDigest):
		return proof.Signed{}, authority.ErrOtherKey
	case v.Standing == authority.AttemptOpen:
		f.void(v)
		f.openAttempt(v.Case, k)
	}
	return v.Void, nil
}

func (f *fake) void(v *authority.PairView) {
	v.Standing = authority.AttemptVoid
	v.Void = f.notary.sign(proof.VoidNotice{Authority: authorityID, Case: string(v.Case), Attempt: v.Attempt})
	if v.Pair != nil {
		v.Pair.State = authority.Void
	}
	f.emit(authority.AttemptVoided, v)
}

func (f *fake) Close(_ context.Context, id certhall.CaseID) (proof.Signed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("Close", true); err != nil {
		return proof.Signed{}, err
	}
	f.shut(id)
	outcome := proof.Closed
	if f.cases[id].state == "acknowledged" {
		outcome = proof.Acknowledged
	}
	return f.notary.sign(proof.Closing{Authority: authorityID, Case: string(id), Outcome: outcome}), nil
}

// shut closes a case that is open, or was never heard of.
func (f *fake) shut(id certhall.CaseID) {
	k := f.cases[id]
	if k == nil {
		k = &fakeCase{state: "open"}
		f.cases[id] = k
	}
	if k.state != "open" {
		return
	}
	if n := len(k.attempts); n > 0 && k.attempts[n-1].Standing == authority.AttemptOpen {
		f.void(k.attempts[n-1])
	}
	k.state = "closed"
	f.emit(authority.CaseClosed, &authority.PairView{Case: id})
}

// What unlocks keys is asked by another room.
func (f *fake) Unlockable(context.Context, string) error { return certhall.ErrInternal }

func (f *fake) Unlock(context.Context, authority.UnlockRequest) (proof.Signed, error) {
	return proof.Signed{}, certhall.ErrInternal
}

func (f *fake) Unlocked(context.Context, proof.Signed) error { return certhall.ErrInternal }

func (f *fake) Origins(context.Context) (proof.Signed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("Origins", true); err != nil {
		return proof.Signed{}, err
	}
	return f.notary.sign(proof.OriginList{Authority: authorityID, Number: 1, NotBefore: start, Expiry: start.AddDate(1, 0, 0)}), nil
}

func (f *fake) Revoke(context.Context, proof.Signed) error { return f.enter("Revoke", false) }
func (f *fake) Resume(context.Context, proof.Signed) error { return f.enter("Resume", false) }
func (f *fake) Suspend(context.Context, certhall.LineageID, string) error {
	return f.enter("Suspend", false)
}

func (f *fake) Pair(_ context.Context, q authority.PairQuery) (authority.PairView, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("Pair", false); err != nil {
		return authority.PairView{}, err
	}
	if q.Serial != "" {
		v := f.bySerial(q.Serial)
		if v == nil {
			return authority.PairView{}, authority.ErrUnknownCert
		}
		return f.copyOf(v), nil
	}
	v, _, err := f.attempt(q.Case, q.Attempt)
	if err != nil {
		return authority.PairView{}, err
	}
	return f.copyOf(v), nil
}

func (f *fake) copyOf(v *authority.PairView) authority.PairView {
	c := *v
	if v.Pair != nil {
		info := *v.Pair
		c.Pair = &info
	}
	if f.sealed {
		c.Void = proof.Signed{}
	}
	return c
}

func (f *fake) Events(_ context.Context, after int64, limit int) ([]authority.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter("Events", false); err != nil {
		return nil, err
	}
	from := min(int(after), len(f.events))
	return slices.Clone(f.events[from:min(from+limit, len(f.events))]), nil
}
