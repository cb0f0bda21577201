package ca_test

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"encoding/asn1"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/kmc"
	"github.com/certhall/certhall/authority/predecessors"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	storeauthority "github.com/certhall/certhall/store/authority"
	"github.com/certhall/certhall/store/storetest"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// clock is set by the tests.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

const day = 24 * time.Hour

// office is an authority over a real database with its staff.
type office struct {
	*ca.CA
	t        *testing.T
	clock    *clock
	founded  *ceremony.Authority
	store    *storeauthority.Store
	officers [2]person
	reviewer person
	cases    int
	limit    int // of suspensions a day; 0: the policy's
	gates    []ca.Gate
	kind     gm.Algorithm // of the holders' keys
}

// person holds a key and the certificate for it.
type person struct {
	key         crypto.Signer
	certificate []byte
}

func newOffice(t *testing.T) *office {
	t.Helper()
	return newOfficeOn(t, "sqlite::memory:")
}

func newOfficeOn(t *testing.T, address string) *office {
	t.Helper()
	return newOfficeOf(t, gm.SM2, address)
}

// newOfficeOf is an office whose holders' keys are of an algorithm.
func newOfficeOf(t *testing.T, kind gm.Algorithm, address string) *office {
	t.Helper()
	store := newStore(t, address)
	var err error
	o := &office{t: t, clock: &clock{t: begun}, store: store, kind: kind}
	o.founded, err = founded[kind]()
	must(t, err)
	o.CA = o.node(store)
	for i := range o.officers {
		o.officers[i].key = newKey(t)
		o.officers[i].certificate, err = o.EnrolFounder(t.Context(), fmt.Sprint("安全管理员", i+1), p10(t, o.officers[i].key))
		must(t, err)
	}
	o.reviewer.key = newKey(t)
	request := p10(t, o.reviewer.key)
	o.reviewer.certificate, err = o.Enrol(t.Context(), request, o.enrolment(proof.Reviewer, "审核员一", request))
	must(t, err)
	return o
}

// begun is when every office's clock begins.
var begun = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

// founded are the authorities of the offices, each founded once: RSA keys take
// a while.
var founded = map[gm.Algorithm]func() (*ceremony.Authority, error){gm.SM2: found(gm.SM2), gm.RSA: found(gm.RSA), gm.ECDSA: found(gm.ECDSA)}

func found(kind gm.Algorithm) func() (*ceremony.Authority, error) {
	return sync.OnceValues(func() (*ceremony.Authority, error) {
		return ceremony.Found(ceremony.Plan{ID: "test", Name: "测试机构", Address: "https://hall.example",
			Algorithms: []gm.Algorithm{kind}, Clock: &clock{t: begun}, Random: rand.Reader})
	})
}

func newStore(t *testing.T, address string) *storeauthority.Store {
	t.Helper()
	return storeauthority.New(storetest.Open(t, address, storeauthority.Migrations()))
}

// node is another server node over a store.
func (o *office) node(store ca.Store) *ca.CA {
	policy := ca.DefaultPolicy()
	policy.SuspendPerDay = cmp.Or(o.limit, policy.SuspendPerDay)
	n := ca.New(ca.Options{
		ID: "test", Store: store, KMC: kmc.New(o.founded.EscrowKey(), rand.Reader), Policy: policy,
		Profiles: ca.Profiles(), Chains: o.founded.Chains(), Addresses: ca.AddressesAt("https://hall.example"), Portals: portals, Clock: o.clock, Random: rand.Reader,
		UnlockKey: &o.founded.Unlock.PublicKey, Gates: o.gates, Elders: &predecessors.Status{Store: o.store, Clock: o.clock},
	})
	must(o.t, n.Unseal(o.t.Context(), o.founded.Keys(rand.Reader)))
	return n
}

// slowNode is another server node; before its nth call (from 1) of the named
// function of the store the other things happen.
func (o *office) slowNode(call string, n int, others func()) *ca.CA {
	s := &slowStore{Store: o.store, others: others}
	node := o.node(s)
	s.call, s.left = call, n
	return node
}

type slowStore struct {
	ca.Store
	call   string
	left   int
	others func()
}

func (s *slowStore) before(call string) {
	if call != s.call {
		return
	}
	if s.left--; s.left == 0 {
		s.others()
	}
}

func (s *slowStore) Read(ctx context.Context, f func(ca.Reader) error) error {
	s.before("Read")
	return s.Store.Read(ctx, f)
}

func (s *slowStore) Standing(ctx context.Context, c certhall.CaseID, n int) (ca.Standing, bool, error) {
	s.before("Read")
	return s.Store.Standing(ctx, c, n)
}

func (s *slowStore) Write(ctx context.Context, f func(ca.Writer) error) error {
	s.before("Write")
	return s.Store.Write(ctx, f)
}

func (s *slowStore) SaveIntent(ctx context.Context, i ca.Intent, admit func(ca.Standing) error) error {
	s.before("SaveIntent")
	return s.Store.SaveIntent(ctx, i, admit)
}

func (s *slowStore) SaveIssued(ctx context.Context, sig ca.Signatures) (bool, error) {
	s.before("SaveIssued")
	return s.Store.SaveIssued(ctx, sig)
}

func (o *office) enrolment(role, name string, request []byte) proof.Signed {
	e := proof.Enrolment{Authority: "test", Role: role, Name: name, RequestDigest: infoDigest(o.t, request), Nonce: nonce(o.t), Expiry: o.expiry()}
	return signBy(o.t, e, o.officers[0], o.officers[1])
}

func (o *office) expiry() time.Time { return o.clock.Now().Add(time.Hour).Truncate(time.Second) }

func (o *office) newCase() certhall.CaseID {
	o.cases++
	return certhall.CaseID(fmt.Sprint("case", o.cases))
}

// holder is a user with a key and a pair.
type holder struct {
	person
	pair authority.PairInfo
}

// apply gives a holder the first pair of a lineage, all the way.
func (o *office) apply(lineage string, years int) holder {
	o.t.Helper()
	c := o.newCase()
	ticket := o.ticket(certhall.Apply, c, "")
	key := o.newKey()
	request := p10(o.t, key)
	b, err := o.Issue(o.t.Context(), authority.IssueRequest{Case: c, Attempt: ticket.Attempt, Request: request,
		Evidence: signBy(o.t, o.decision(c, lineage, years, request), o.reviewer)})
	must(o.t, err)
	_, err = o.Acknowledge(o.t.Context(), o.acknowledgement(b, key))
	must(o.t, err)
	return o.holder(c, key, b)
}

func (o *office) holder(c certhall.CaseID, key crypto.Signer, b proof.Bundle) holder {
	v, err := o.Pair(o.t.Context(), authority.PairQuery{Case: c})
	must(o.t, err)
	return holder{person{key, b.Sign}, *v.Pair}
}

func (o *office) decision(c certhall.CaseID, lineage string, years int, request []byte) proof.Decision {
	subject, err := ca.MarshalName(ca.Attribute{ID: asn1.ObjectIdentifier{2, 5, 4, 6}, Value: "CN"}, ca.Attribute{ID: asn1.ObjectIdentifier{2, 5, 4, 3}, Value: "测试单位"})
	must(o.t, err)
	return proof.Decision{Authority: "test", Service: "apply", Case: string(c), Attempt: 1, Entitlement: "ent" + string(c), Subject: subject,
		Lineage: lineage, Organisation: "91110000MA00000000", Project: "procurement", KeyNumber: "K001", KeySerial: "USB1", Profile: map[gm.Algorithm]string{gm.SM2: "organisation", gm.RSA: "rsa2048", gm.ECDSA: "p256"}[o.kind],
		TermYears: years, RequestDigest: infoDigest(o.t, request), Verdict: proof.Approve, Nonce: nonce(o.t), Expiry: o.expiry()}
}

func (o *office) ticket(s certhall.Service, c certhall.CaseID, old certhall.Serial) proof.Ticket {
	o.t.Helper()
	signed, err := o.Ticket(o.t.Context(), authority.TicketRequest{Service: s, Case: c, OldSerial: old})
	must(o.t, err)
	ticket, err := proof.VerifyKey[proof.Ticket](signed, o.founded.Notary.Key.Public())
	must(o.t, err)
	return ticket
}

// renewal is one attempt to renew a holder's pair, up to the evidence.
type renewal struct {
	ticket   proof.Ticket
	key      crypto.Signer
	request  []byte
	evidence proof.OldKey
}

func (o *office) prepare(s certhall.Service, c certhall.CaseID, h holder) renewal {
	o.t.Helper()
	r := renewal{ticket: o.ticket(s, c, h.pair.SignSerial), key: o.newKey()}
	r.request = p10(o.t, r.key)
	r.evidence = proof.OldKey{Authority: "test", Service: string(s), Case: string(c), Attempt: r.ticket.Attempt, Entitlement: "ent" + string(c),
		OldSerial: string(h.pair.SignSerial), Project: h.pair.Project, Profile: h.pair.Profile, TermYears: 1, RequestDigest: infoDigest(o.t, r.request),
		Disposal: "keep", KeySerial: "USB1", Nonce: r.ticket.Nonce, Expiry: r.ticket.Expiry}
	return r
}

func (r renewal) call(t *testing.T, by person) authority.IssueRequest {
	return authority.IssueRequest{Case: certhall.CaseID(r.ticket.Case), Attempt: r.ticket.Attempt, Request: r.request, Evidence: signBy(t, r.evidence, by)}
}

func (o *office) acknowledgement(b proof.Bundle, key crypto.Signer) proof.Signed {
	o.t.Helper()
	digest, err := gm.KeyDigest(key.Public())
	must(o.t, err)
	m := proof.Acknowledgement{Authority: "test", Case: b.Case, Attempt: b.Attempt, SignSerial: serialIn(o.t, b.Sign), KeyDigest: digest}
	if len(b.Enc) > 0 {
		encKey, err := gm.OpenEnvelopedKey(key.(*sm2.PrivateKey), b.Envelope)
		must(o.t, err)
		m.EncSerial = serialIn(o.t, b.Enc)
		m.Nonce, err = gm.Open(encKey, b.SealedNonce)
		must(o.t, err)
	}
	return signBy(o.t, m, person{key, b.Sign})
}

// renew runs a renewal to its end.
func (o *office) renew(s certhall.Service, h holder) (holder, proof.Receipt) {
	o.t.Helper()
	c := o.newCase()
	r := o.prepare(s, c, h)
	b, err := o.Issue(o.t.Context(), r.call(o.t, h.person))
	must(o.t, err)
	signed, err := o.Acknowledge(o.t.Context(), o.acknowledgement(b, r.key))
	must(o.t, err)
	receipt, err := proof.VerifyKey[proof.Receipt](signed, o.founded.Notary.Key.Public())
	must(o.t, err)
	return o.holder(c, r.key, b), receipt
}

func (o *office) state(s certhall.Serial) authority.State {
	o.t.Helper()
	v, err := o.Pair(o.t.Context(), authority.PairQuery{Serial: s})
	must(o.t, err)
	return v.Pair.State
}

// events are all events so far, sequenced first.
func (o *office) events() []authority.Event {
	o.t.Helper()
	_, err := audit.Sequencer{Store: o.store}.Run(o.t.Context())
	must(o.t, err)
	events, err := o.Events(o.t.Context(), 0, 1000)
	must(o.t, err)
	return events
}

// kinds are the kinds of all events so far but the authority's own.
func (o *office) kinds() []authority.EventKind {
	o.t.Helper()
	var kinds []authority.EventKind
	for _, e := range o.events() {
		if e.Kind != "" {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(certhall.CauseText(err))
	}
}

func newKey(t *testing.T) crypto.Signer { return newKeyOf(t, gm.SM2) }

func newKeyOf(t *testing.T, a gm.Algorithm) crypto.Signer {
	t.Helper()
	key, err := a.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return key
}

// newKey is a key such as the office's holders have.
func (o *office) newKey() crypto.Signer { return newKeyOf(o.t, o.kind) }

func p10(t *testing.T, key crypto.Signer) []byte {
	t.Helper()
	der, err := smx509.CreateCertificateRequest(rand.Reader, &smx509.CertificateRequest{}, key)
	must(t, err)
	return der
}

func infoDigest(t *testing.T, request []byte) []byte {
	t.Helper()
	_, digest, err := gm.ParseRequest(request)
	must(t, err)
	return digest
}

func nonce(t *testing.T) []byte {
	t.Helper()
	n := make([]byte, proof.NonceLength)
	_, err := io.ReadFull(rand.Reader, n)
	must(t, err)
	return n
}

func serialIn(t *testing.T, der []byte) string {
	t.Helper()
	c, err := gm.ParseCertificate(der)
	must(t, err)
	return string(certhall.SerialOf(c.SerialNumber))
}

func signBy(t *testing.T, m proof.Message, by ...person) proof.Signed {
	t.Helper()
	var s proof.Signed
	for _, p := range by {
		one, err := proof.Sign(m, p.certificate, func(b []byte) ([]byte, error) { return gm.SignAny(rand.Reader, p.key, b) })
		must(t, err)
		s.Message = one.Message
		s.Signatures = append(s.Signatures, one.Signatures...)
	}
	return s
}
