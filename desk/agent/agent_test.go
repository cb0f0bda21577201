package agent_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

const pin = "Bright-1"

// drawer is a folder of keys in memory.
type drawer map[string]*softkey.Memory

func (d drawer) List(context.Context) ([]token.Info, error) {
	var infos []token.Info
	for serial := range d {
		infos = append(infos, token.Info{Serial: serial})
	}
	return infos, nil
}

func (d drawer) Open(_ context.Context, serial string) (token.Key, error) {
	m := d[serial]
	if m == nil {
		return nil, token.ErrRemoved
	}
	return softkey.Use(m, rand.Reader, nil)
}

type desk struct {
	*agent.Agent
	auth   *desktest.Authority
	person *desktest.Person
	clock  *desktest.Clock
	keys   drawer
}

func newDesk(t testing.TB, tries int) *desk {
	t.Helper()
	d := &desk{
		auth: desktest.New(t, "ra"), person: &desktest.Person{PINs: []string{pin}},
		clock: &desktest.Clock{T: desktest.Now}, keys: drawer{"SK1": softkey.NewMemory()},
	}
	if err := softkey.Format(d.keys["SK1"], softkey.Options{Serial: "SK1", PIN: pin, Tries: tries, Iterations: 1}); err != nil {
		t.Fatal(err)
	}
	d.Agent = agent.New(agent.Options{Keys: d.keys, Roots: d.auth.Roots(), Person: d.person, Clock: d.clock, Random: rand.Reader})
	return d
}

// order carries an order out and decodes the reply.
func order[M proof.Message](t testing.TB, d *desk, o proof.Message) M {
	t.Helper()
	reply, err := d.Do(t.Context(), "SK1", proof.Encode(o))
	if err != nil {
		t.Fatalf("%v (%s)", err, certhall.CauseText(err))
	}
	m, err := proof.Decode[M](reply)
	if err != nil {
		t.Fatalf("%s: %v", proof.Tag(reply), err)
	}
	return m
}

// pair puts a pair on the key by orders alone.
func (d *desk) pair(t testing.TB, c certhall.CaseID) desktest.Pair {
	t.Helper()
	return d.pairOf(t, c, gm.SM2)
}

// pairOf makes one of an algorithm.
func (d *desk) pairOf(t testing.TB, c certhall.CaseID, kind gm.Algorithm) desktest.Pair {
	t.Helper()
	p := order[proof.Prepared](t, d, proof.Prepare{
		Authority: "ra", Ticket: d.auth.Ticket(certhall.Apply, c, 1, ""), Disposal: string(certhall.Keep), Chain: d.auth.Chain(), Algorithm: kind.String(),
	})
	pub, _, err := gm.ParseRequest(p.Request)
	if err != nil {
		t.Fatal(err)
	}
	pair := d.auth.Issue(c, 1, "", "测试医院", pub, 1)
	order[proof.Installed](t, d, proof.Install{Authority: "ra", Bundle: pair.Bundle})
	order[proof.Signed](t, d, proof.Acknowledge{Authority: "ra", Bundle: pair.Bundle})
	return pair
}

// TestOnePINACase: asked once, kept for three idle minutes, dropped when the
// key is pulled; reading needs none.
func TestOnePINACase(t *testing.T) {
	d := newDesk(t, 6)
	order[proof.Listing](t, d, proof.Identify{Authority: "ra", Case: "c0"})
	if len(d.person.Asked) != 0 {
		t.Fatal("asked for a PIN to read")
	}
	pair := d.pair(t, "c0")
	if len(d.person.Asked) != 1 || d.person.Asked[0].Purpose != "prepare" || d.person.Asked[0].Tries != 6 || d.person.Asked[0].Key.Serial != "SK1" {
		t.Fatalf("asked %+v", d.person.Asked)
	}
	opening := proof.Opening{Authority: "ra", Service: "renew", Serial: string(pair.Sign()), Origin: "https://hall.example", Nonce: []byte("n")}
	sign := func() {
		t.Helper()
		s, err := d.SignOpening(t.Context(), "SK1", opening)
		if err != nil {
			t.Fatal(err)
		}
		c, _ := gm.ParseCertificate(pair.Bundle.Sign)
		pub, _ := gm.CertificateKey(c)
		if _, err := proof.VerifyKey[proof.Opening](s, pub); err != nil {
			t.Fatal(err)
		}
	}
	asked := func(n int) {
		t.Helper()
		if len(d.person.Asked) != n {
			t.Fatalf("asked %d times for the PIN, want %d", len(d.person.Asked), n)
		}
	}
	sign() // a fresh opening after a case
	asked(2)
	d.clock.T = d.clock.T.Add(agent.IdleSession - time.Second)
	sign()
	asked(2)
	d.clock.T = d.clock.T.Add(agent.IdleSession)
	sign()
	asked(3)
	d.clock.T = d.clock.T.Add(-time.Hour) // a clock set back keeps no session alive
	sign()
	asked(4)
	content, _ := d.keys["SK1"].Load()
	if err := d.keys["SK1"].Save(nil); err != nil { // pulled
		t.Fatal(err)
	}
	if _, err := d.SignOpening(t.Context(), "SK1", opening); !errors.Is(err, token.ErrRemoved) {
		t.Fatal(err)
	}
	if err := d.keys["SK1"].Save(content); err != nil {
		t.Fatal(err)
	}
	sign()
	asked(5)
	opening.Serial = "0123"
	if _, err := d.SignOpening(t.Context(), "SK1", opening); !errors.Is(err, token.ErrOldPairMissing) {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestWrongPIN: named wrong, the last try only on explicit consent.
func TestWrongPIN(t *testing.T) {
	d := newDesk(t, 3)
	d.person.PINs = []string{"wrong-1", "wrong-2", pin}
	d.person.Refuses = map[string]bool{"last-try": true}
	enrol := func() error {
		_, err := d.Enrol(t.Context(), "SK1", "x")
		return err
	}
	if err := enrol(); err == nil || err.Error() != token.ErrPINWrong.With("tries", "1").Error() {
		t.Fatal(err)
	}
	if n := len(d.person.Asked); n != 2 || d.person.Asked[0].Wrong || !d.person.Asked[1].Wrong || d.person.Asked[1].Tries != 2 {
		t.Fatalf("%+v", d.person.Asked)
	}
	if err := enrol(); !errors.Is(err, agent.ErrPINLastTry) {
		t.Fatal(err)
	}
	d.person.Refuses = nil
	if err := enrol(); err != nil || !d.person.Asked[2].Final {
		t.Fatalf("%v, %+v", err, d.person.Asked)
	}
}

// TestStubbornPerson: whoever answers the same wrong PIN again does not spend another try.
func TestStubbornPerson(t *testing.T) {
	d := newDesk(t, 6)
	d.person.PINs = []string{"wrong-1"}
	if _, err := d.Enrol(t.Context(), "SK1", "x"); err == nil || err.Error() != token.ErrPINWrong.With("tries", "5").Error() {
		t.Fatal(err)
	}
}

// TestNoPIN: whoever types nothing is told so, and no try is spent.
func TestNoPIN(t *testing.T) {
	d := newDesk(t, 6)
	d.person.PINs = []string{""}
	if _, err := d.Enrol(t.Context(), "SK1", "x"); !errors.Is(err, token.ErrPINNeeded) {
		t.Error(err)
	}
	if all, err := d.List(t.Context()); err != nil || all[0].PIN.Tries != 6 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestLocked(t *testing.T) {
	d := newDesk(t, 1)
	d.person.PINs = []string{"wrong-1"}
	for range 2 {
		if _, err := d.Enrol(t.Context(), "SK1", "x"); !errors.Is(err, token.ErrPINLocked) {
			t.Fatal(err)
		}
	}
	if len(d.person.Asked) != 1 {
		t.Fatal("asked for the PIN of a locked key")
	}
}

// waiting is a person who thinks before the PIN window.
type waiting struct {
	desktest.Person
	asked, answer chan struct{}
}

func (w *waiting) PIN(ctx context.Context, r agent.PINRequest) (string, error) {
	close(w.asked)
	<-w.answer
	return w.Person.PIN(ctx, r)
}

// TestOneAtATime: a second order at the same key is answered busy, at once.
func TestOneAtATime(t *testing.T) {
	d := newDesk(t, 6)
	w := &waiting{desktest.Person{PINs: []string{pin}}, make(chan struct{}), make(chan struct{})}
	d.Agent = agent.New(agent.Options{Keys: d.keys, Roots: d.auth.Roots(), Person: w, Clock: d.clock, Random: rand.Reader})
	done := make(chan error)
	go func() {
		_, err := d.Enrol(context.Background(), "SK1", "x")
		done <- err
	}()
	<-w.asked
	if _, err := d.Do(t.Context(), "SK1", proof.Encode(proof.Identify{Authority: "ra"})); !errors.Is(err, token.ErrKeyBusy) {
		t.Error(err)
	}
	if listed, err := d.List(t.Context()); err != nil || len(listed) != 1 || !errors.Is(listed[0].Trouble, token.ErrKeyBusy) {
		t.Errorf("%+v, %v", listed, err)
	}
	close(w.answer)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestNoOrder(t *testing.T) {
	d := newDesk(t, 6)
	for name, o := range map[string][]byte{
		"nothing":    nil,
		"garbage":    []byte("garbage"),
		"a reply":    proof.Encode(proof.Installed{}),
		"a decision": proof.Encode(proof.Decision{}),
		"cut off":    proof.Encode(proof.Identify{Authority: "ra"})[:10],
	} {
		if _, err := d.Do(t.Context(), "SK1", o); !errors.Is(err, proof.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := d.Do(t.Context(), "SK9", proof.Encode(proof.Identify{Authority: "ra"})); !errors.Is(err, token.ErrRemoved) {
		t.Error(err)
	}
}

// TestStaff enrols a reviewer, imports his certificate and signs a decision
// after showing it.
func TestStaff(t *testing.T) {
	d := newDesk(t, 6)
	p10, err := d.Enrol(t.Context(), "SK1", "审核员1")
	if err != nil {
		t.Fatal(err)
	}
	pub, _, err := gm.ParseRequest(p10)
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Enrol(t.Context(), "SK1", "审核员1")
	if err != nil {
		t.Fatal(err)
	}
	if second, _, _ := gm.ParseRequest(again); !gm.SameKey(pub, second) {
		t.Fatal("enrolled again, the key is another")
	}
	decision := proof.Decision{
		Authority: "ra", Service: "apply", Case: "c5", Subject: d.auth.Root.Certificate.RawSubject, Organisation: "91310000MA1K35XE0X",
		TermYears: 1, RequestDigest: bytes.Repeat([]byte{0xab}, 32), Verdict: proof.Approve, Expiry: desktest.Now,
	}
	draft := d.draft(decision)
	if _, err := d.SignDecision(t.Context(), "SK1", draft); !errors.Is(err, token.ErrNoCertificate) {
		t.Fatal(err)
	}
	certificate := d.auth.End("审核员1", pub, smx509.KeyUsageDigitalSignature, 3)
	for range 2 {
		if err := d.ImportCertificate(t.Context(), "SK1", certificate.Raw); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.ImportCertificate(t.Context(), "SK1", d.auth.End("x", pub, smx509.KeyUsageDigitalSignature, 3).Raw); !errors.Is(err, agent.ErrOtherCertificate) {
		t.Fatal(err)
	}
	if err := d.ImportCertificate(t.Context(), "SK1", d.auth.Root.Certificate.Raw); !errors.Is(err, agent.ErrNoKeyFor) {
		t.Fatal(err)
	}
	d.pair(t, "c0") // a pair of his own beside it does not sign decisions
	signed, err := d.SignDecision(t.Context(), "SK1", draft)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proof.VerifyKey[proof.Decision](signed, pub); err != nil {
		t.Fatal(err)
	}
	shown := d.person.Shown[len(d.person.Shown)-1]
	for _, f := range []agent.Fact{{Name: "organisation", Value: "91310000MA1K35XE0X"}, {Name: "service", Value: "apply"}, {Name: "fingerprint", Value: strings.TrimSpace(strings.Repeat("abababab ", 8))}, {Name: "signer", Value: "审核员1"}} {
		if !slices.Contains(shown.Facts, f) {
			t.Errorf("%s is not shown: %+v", f.Name, shown.Facts)
		}
	}
	d.person.Refuses = map[string]bool{"sign-enrolment": true}
	enrolment := proof.Enrolment{Authority: "ra", Role: proof.Reviewer, Name: "审核员2", RequestDigest: bytes.Repeat([]byte{1}, 32), Expiry: desktest.Now}
	if _, err := d.SignDecision(t.Context(), "SK1", d.draft(enrolment)); !errors.Is(err, token.ErrDeclined) {
		t.Fatal(err)
	}
	for _, other := range []proof.Message{proof.OldKey{Expiry: desktest.Now}, proof.Claim{}, proof.Acknowledgement{}, proof.Opening{}} {
		for _, file := range [][]byte{d.draft(other), proof.Encode(other)} {
			if _, err := d.SignDecision(t.Context(), "SK1", file); !errors.Is(err, proof.ErrMalformed) {
				t.Errorf("signed a %T", other)
			}
		}
	}
}

// TestTakeoverIsShown: officers see whose certificates they take over.
func TestTakeoverIsShown(t *testing.T) {
	d, _ := reviewing(t)
	old := desktest.New(t, "rp")
	m := proof.Takeover{Authority: "ra", Name: "old-ca", Certificate: old.Issuing.Certificate.Raw, CRL: "http://old.example/ca.crl", Nonce: []byte("n"), Expiry: desktest.Now}
	if _, err := d.SignDecision(t.Context(), "SK1", d.draft(m)); err != nil {
		t.Fatal(err)
	}
	shown := d.person.Shown[len(d.person.Shown)-1]
	for _, f := range []agent.Fact{{Name: "predecessor", Value: "old-ca"}, {Name: "crl", Value: "http://old.example/ca.crl"}, {Name: "subject", Value: "CN=rp issuing,C=CN"}} {
		if shown.What != "sign-takeover" || !slices.Contains(shown.Facts, f) {
			t.Errorf("%s is not shown: %+v", f.Name, shown)
		}
	}
	m.Withdraw, m.Certificate = true, nil
	if _, err := d.SignDecision(t.Context(), "SK1", d.draft(m)); err != nil || d.person.Shown[len(d.person.Shown)-1].What != "sign-withdrawal" {
		t.Error(err)
	}
}

// TestSucceed: the command line takes lists of the authority it was given.
func TestSucceed(t *testing.T) {
	d := newDesk(t, 4)
	other := desktest.New(t, "ra")
	decode := func(der []byte) proof.Signed {
		s, err := proof.Decode[proof.Signed](der)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for name, c := range map[string]struct {
		list []byte
		want error
	}{
		"good":            {d.auth.Origins(1, desktest.Now.AddDate(0, 1, 0)), nil},
		"by another root": {other.Origins(1, desktest.Now.AddDate(0, 1, 0)), token.ErrUntrusted},
		"over":            {d.auth.Origins(1, desktest.Now.AddDate(0, 0, -3)), token.ErrUntrusted},
	} {
		if err := d.Succeed(decode(c.list)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestDecrypt: what was encrypted to a certificate opens, as long as its
// container lies on the key.
func TestDecrypt(t *testing.T) {
	d := newDesk(t, 6)
	first, second := d.pair(t, "c0"), d.pair(t, "c1")
	for _, p := range []desktest.Pair{first, second} {
		c, err := gm.ParseCertificate(p.Bundle.Enc)
		if err != nil {
			t.Fatal(err)
		}
		envelope, err := agent.Encrypt(c, []byte("投标文件"))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := d.Decrypt(t.Context(), "SK1", envelope); err != nil || string(plain) != "投标文件" {
			t.Errorf("%q, %v (%s)", plain, err, certhall.CauseText(err))
		}
		for i := range envelope {
			broken := bytes.Clone(envelope)
			broken[i] ^= 0x55
			_, _ = d.Decrypt(t.Context(), "SK1", broken) // whatever it says, it does not panic
		}
	}
	key, err := sm2.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := agent.Encrypt(d.auth.End("x", &key.PublicKey, smx509.KeyUsageKeyEncipherment, 1), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Decrypt(t.Context(), "SK1", stranger); !errors.Is(err, token.ErrCiphertext) {
		t.Error(err)
	}
	if _, err := d.Decrypt(t.Context(), "SK1", []byte("no envelope")); !errors.Is(err, agent.ErrNotEnvelope) {
		t.Error(err)
	}
}

// FuzzDo: whatever comes as an order, the agent neither panics nor writes
// without a notary's word.
func FuzzDo(f *testing.F) {
	d := newDesk(f, 6)
	pair := d.pair(f, "c0")
	ticket := d.auth.Ticket(certhall.Renew, "c1", 1, pair.Sign())
	for _, m := range []proof.Message{
		proof.Identify{Authority: "ra", Case: "c1"},
		proof.Install{Authority: "ra", Bundle: pair.Bundle},
		proof.Acknowledge{Authority: "ra", Bundle: pair.Bundle},
		proof.Retire{Authority: "ra", Voids: []proof.Signed{ticket}, Chain: d.auth.Chain()},
		proof.MakeClaim{Authority: "ra", Ticket: ticket, Chain: d.auth.Chain()},
	} {
		f.Add(proof.Encode(m))
	}
	before, _ := d.keys["SK1"].Load()
	f.Fuzz(func(t *testing.T, o []byte) {
		_, _ = d.Do(t.Context(), "SK1", o)
		if after, _ := d.keys["SK1"].Load(); !bytes.Equal(before, after) {
			t.Error("the key was written to")
		}
	})
}

// FuzzEnvelope: whatever comes as an encrypted file is opened or refused.
func FuzzEnvelope(f *testing.F) {
	d := newDesk(f, 6)
	pair := d.pair(f, "c0")
	c, err := gm.ParseCertificate(pair.Bundle.Enc)
	if err != nil {
		f.Fatal(err)
	}
	envelope, err := agent.Encrypt(c, []byte("x"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(envelope)
	f.Fuzz(func(t *testing.T, der []byte) { _, _ = d.Decrypt(t.Context(), "SK1", der) })
}
