package ca_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/audit"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/fsck"
	"github.com/certhall/certhall/store/sqldb"
	"github.com/certhall/certhall/store/storetest"
)

// asking is an agent before a locked key.
type asking struct {
	o       *office
	key     *sm2.PrivateKey // the agent's, for this request
	request proof.UnlockRequest
	shown   [][]byte // certificates that the reviewer is shown
}

func (o *office) ask(serial string, shown ...holder) asking {
	o.t.Helper()
	key := newKey(o.t).(*sm2.PrivateKey)
	spki, err := gm.MarshalPublicKey(key.Public())
	must(o.t, err)
	a := asking{o: o, key: key, request: proof.UnlockRequest{Authority: "test", KeySerial: serial, Key: spki, Nonce: nonce(o.t), AdminTries: 10}}
	for _, h := range shown {
		a.shown = append(a.shown, h.certificate)
	}
	return a
}

// decision is what a reviewer signs over the request.
func (a asking) decision() proof.UnlockDecision {
	d := proof.UnlockDecision{
		Authority: "test", RequestDigest: a.request.Digest(), KeySerial: a.request.KeySerial, KeyDigest: gm.SM3(a.request.Key),
		Reason: "电话核实", Nonce: nonce(a.o.t), Expiry: a.o.expiry(),
	}
	for _, der := range a.shown {
		d.Documents = append(d.Documents, gm.SM3(der))
	}
	return d
}

func (a asking) call(evidence proof.Signed) authority.UnlockRequest {
	return authority.UnlockRequest{Request: proof.Encode(a.request), Decision: evidence}
}

// answered has it decided and answers what lies in the envelope.
func (a asking) answered() proof.AdminPINs {
	a.o.t.Helper()
	signed, err := a.o.Unlock(a.o.t.Context(), a.call(signBy(a.o.t, a.decision(), a.o.reviewer)))
	must(a.o.t, err)
	return a.open(signed)
}

func (a asking) open(signed proof.Signed) proof.AdminPINs {
	a.o.t.Helper()
	answer, err := proof.VerifyKey[proof.UnlockAnswer](signed, a.o.founded.Notary.Key.Public())
	must(a.o.t, err)
	if !bytes.Equal(answer.RequestDigest, a.request.Digest()) || answer.KeySerial != a.request.KeySerial || answer.Authority != "test" {
		a.o.t.Errorf("answer to another request: %+v", answer)
	}
	der, err := gm.Open(a.key, answer.Envelope)
	must(a.o.t, err)
	pins, err := proof.Decode[proof.AdminPINs](der)
	must(a.o.t, err)
	return pins
}

// report has the agent report, signed by its own key.
func (a asking) report(outcome string, tried int) error {
	return a.o.Unlocked(a.o.t.Context(), signBy(a.o.t, a.reported(outcome, tried), person{key: a.key}))
}

func (a asking) reported(outcome string, tried int) proof.UnlockReport {
	return proof.UnlockReport{Authority: "test", RequestDigest: a.request.Digest(), KeySerial: a.request.KeySerial, Outcome: outcome, Tried: tried}
}

func (o *office) escrowPIN(serial, pin string) {
	o.t.Helper()
	must(o.t, o.EscrowAdminPINs(o.t.Context(), []ca.NewAdminPIN{{KeySerial: serial, PIN: []byte(pin)}}, false))
}

func (o *office) adminPIN(serial string) (p *ca.AdminPIN) {
	o.t.Helper()
	must(o.t, o.store.Read(o.t.Context(), func(r ca.Reader) (err error) {
		p, err = r.AdminPIN(serial)
		return err
	}))
	return p
}

func pins(all ...string) (list [][]byte) {
	for _, one := range all {
		list = append(list, []byte(one))
	}
	return list
}

// TestUnlock: what the maker delivered opens the key the first time, what was
// drawn then the second; the reviewer is shown whose key it is.
func TestUnlock(t *testing.T) {
	storetest.Each(t, func(t *testing.T, address string) {
		o := newOfficeOn(t, address)
		h := o.apply("l", 1) // on USB1
		o.escrowPIN("USB1", "31415926")
		must(t, o.Unlockable(t.Context(), "USB1"))
		first := o.ask("USB1", h)
		got := first.answered()
		if !reflect.DeepEqual(got.Try, pins("31415926")) || len(got.Next) != 8 || strings.Trim(string(got.Next), "0123456789") != "" || bytes.Equal(got.Next, got.Try[0]) {
			t.Errorf("%q, next %q", got.Try, got.Next)
		}
		// By a pair on the key too: it can sign again.
		for range 2 { // the answer was lost
			must(t, o.Unlocked(t.Context(), signBy(t, first.reported(proof.UnlockChanged, 0), person{key: first.key}, h.person)))
		}
		if said := o.reports(); len(said) != 1 || said[0] != string(serialIn(t, h.certificate)) {
			t.Errorf("the record names %q", said)
		}
		if err := first.report(proof.UnlockFailed, 0); !errors.Is(err, authority.ErrEvidence) {
			t.Errorf("reported otherwise: %v", err)
		}
		second := o.ask("USB1", h).answered()
		if !reflect.DeepEqual(second.Try, [][]byte{got.Next}) || bytes.Equal(second.Next, got.Next) {
			t.Errorf("the second time %q, next %q; the first had next %q", second.Try, second.Next, got.Next)
		}
		for _, e := range o.events() {
			if e.Kind == authority.KeyUnlocked || e.Kind == authority.UnlockReported || e.Kind == authority.AdminPINsImported {
				t.Errorf("the hall hears %s", e.Kind)
			}
		}
		o.nothingInTheClear(address, "31415926", string(got.Next), string(second.Next))
	})
}

// recorded are all entries of the record, audit only ones too.
func (o *office) recorded() []ca.Record {
	o.t.Helper()
	o.events() // sequenced
	all, err := o.store.Records(o.t.Context(), 0, 1000)
	must(o.t, err)
	return all
}

// reports are the pairs that the record says reports were signed by; "" for none.
func (o *office) reports() (signers []string) {
	o.t.Helper()
	for _, e := range o.recorded() {
		var said struct{ Signer string }
		if e.Kind == authority.UnlockReported {
			must(o.t, json.Unmarshal(e.Data, &said))
			signers = append(signers, said.Signer)
		}
	}
	return signers
}

// nothingInTheClear looks for PINs in the database's rows, and lets fsck look at it.
func (o *office) nothingInTheClear(address string, secrets ...string) {
	o.t.Helper()
	if !strings.Contains(address, "memory") {
		db, err := sqldb.Open(o.t.Context(), address)
		must(o.t, err)
		defer db.Close()
		if found, err := fsck.Check(o.t.Context(), db, nil); err != nil || len(found) > 0 {
			o.t.Errorf("fsck: %v, %v", found, err)
		}
	}
	for _, e := range o.recorded() {
		for _, secret := range secrets {
			if bytes.Contains(e.Data, []byte(secret)) {
				o.t.Errorf("the record of %s has a PIN", e.Kind)
			}
		}
	}
}

// TestUnlockSameAnswer: a lost answer is had again, on another node, while
// sealed, and long after the decision's time; no second PIN is drawn for it.
func TestUnlockSameAnswer(t *testing.T) {
	o := newOffice(t)
	o.escrowPIN("K", "abcDEF12")
	a := o.ask("K")
	evidence := signBy(t, a.decision(), o.reviewer)
	first, err := o.Unlock(t.Context(), a.call(evidence))
	must(t, err)
	if next := string(a.open(first).Next); len(next) != 8 || strings.ContainsAny(next, "01lIOo") {
		t.Errorf("drew %q", next)
	}
	before := o.adminPIN("K")
	o.clock.advance(30 * day)
	sealed := o.node(o.store)
	sealed.Seal()
	for name, node := range map[string]*ca.CA{"the same": o.CA, "another": o.node(o.store), "a sealed": sealed} {
		again, err := node.Unlock(t.Context(), a.call(evidence))
		if err != nil || !reflect.DeepEqual(again, first) {
			t.Errorf("%s node: %v", name, err)
		}
	}
	second, err := o.Unlock(t.Context(), a.call(signBy(t, a.decision(), o.reviewer)))
	if err != nil || !reflect.DeepEqual(second, first) || !reflect.DeepEqual(o.adminPIN("K"), before) {
		t.Errorf("decided again: %v", err)
	}
}

// TestUnlockWithoutReport: nobody knows which of the two lies on the key: both
// are candidates, and no third one is drawn, however often.
func TestUnlockWithoutReport(t *testing.T) {
	o := newOffice(t)
	o.escrowPIN("K", "11112222")
	first := o.ask("K")
	drawn := first.answered().Next
	second := o.ask("K")
	got := second.answered()
	if !reflect.DeepEqual(got.Try, [][]byte{[]byte("11112222"), drawn}) || !bytes.Equal(got.Next, drawn) {
		t.Errorf("%q, next %q, drawn before %q", got.Try, got.Next, drawn)
	}
	must(t, first.report(proof.UnlockFailed, 0)) // late: the second has overtaken it
	must(t, o.Unlockable(t.Context(), "K"))
	must(t, second.report(proof.UnlockKept, 1)) // the drawn one it was, and the key takes no other
	if got := o.ask("K").answered(); !reflect.DeepEqual(got.Try, [][]byte{drawn}) || bytes.Equal(got.Next, drawn) {
		t.Errorf("after the report %q, next %q", got.Try, got.Next)
	}
}

func TestUnlockReports(t *testing.T) {
	o := newOffice(t)
	h, other := o.apply("l", 1), o.apply("m", 1)
	o.escrowPIN("kept", "11112222")
	kept := o.ask("kept")
	drawn := kept.answered().Next
	must(t, kept.report(proof.UnlockKept, 0))
	if got := o.ask("kept").answered(); !reflect.DeepEqual(got.Try, pins("11112222")) || bytes.Equal(got.Next, drawn) {
		t.Errorf("kept: %q, next %q", got.Try, got.Next)
	}

	o.escrowPIN("USB1", "11112222")
	failed := o.ask("USB1", h, other)
	failed.answered()
	stranger := o.apply("n", 1)
	for name, s := range map[string]proof.Signed{
		"nobody":              {Message: proof.Encode(failed.reported(proof.UnlockFailed, 0))},
		"another agent's key": signBy(t, failed.reported(proof.UnlockFailed, 0), person{key: newKey(t)}),
		"another certificate": signBy(t, failed.reported(proof.UnlockFailed, 0), person{failed.key, h.certificate}),
		"a pair alone":        signBy(t, failed.reported(proof.UnlockFailed, 0), h.person),
		"a pair first":        signBy(t, failed.reported(proof.UnlockFailed, 0), h.person, person{key: failed.key}),
		"a pair's name":       signBy(t, failed.reported(proof.UnlockFailed, 0), person{key: failed.key}, person{newKey(t), h.certificate}),
		"a reviewer":          signBy(t, failed.reported(proof.UnlockFailed, 0), o.reviewer),
		"of another outcome":  signBy(t, failed.reported("fine", 0), person{key: failed.key}),
		"of a third one":      signBy(t, failed.reported(proof.UnlockKept, 2), person{key: failed.key}),
	} {
		if err := o.Unlocked(t.Context(), s); !errors.Is(err, authority.ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, o.Unlockable(t.Context(), "USB1")) // no forged report has changed anything
	if p := o.adminPIN("USB1"); p.Pending == nil {
		t.Error("a forged report has settled which PIN lies on the key")
	}
	must(t, o.Revoke(t.Context(), signBy(t, o.order("revoke", "n", "keyCompromise"), o.reviewer)))
	wrong := failed.reported(proof.UnlockFailed, 0)
	wrong.RequestDigest = gm.SM3([]byte("none"))
	if err := o.Unlocked(t.Context(), signBy(t, wrong, person{key: failed.key})); !errors.Is(err, authority.ErrUnlockMissing) {
		t.Errorf("about nothing: %v", err)
	}
	// A pair that was revoked meanwhile takes nothing from the report.
	must(t, o.Unlocked(t.Context(), signBy(t, failed.reported(proof.UnlockFailed, 0), person{key: failed.key}, stranger.person)))
	if said := o.reports(); len(said) != 2 || said[1] != "" {
		t.Errorf("the record names %q", said)
	}
	if err := o.Unlockable(t.Context(), "USB1"); !errors.Is(err, authority.ErrAdminPINUnknown) {
		t.Errorf("none of them opens the key: %v", err)
	}
	must(t, o.EscrowAdminPINs(t.Context(), []ca.NewAdminPIN{{KeySerial: "USB1", PIN: []byte("99998888")}}, true)) // the maker looked it up
	must(t, o.Unlockable(t.Context(), "USB1"))
}

// TestUnlockEvidence: only an active reviewer's fresh word over exactly this
// request, and over all certificates on that key, gives anything away.
func TestUnlockEvidence(t *testing.T) {
	o := newOffice(t)
	h := o.apply("l", 1)
	o.escrowPIN("USB1", "31415926")
	o.escrowPIN("OTHER", "27182818")
	a := o.ask("USB1", h)
	change := func(f func(*proof.UnlockDecision)) proof.Signed {
		d := a.decision()
		f(&d)
		return signBy(t, d, o.reviewer)
	}
	second := o.enrol(proof.Reviewer, "审核员二")
	e := proof.Enrolment{Authority: "test", Role: proof.Reviewer, Retire: serialIn(t, second.certificate), Nonce: nonce(t), Expiry: o.expiry()}
	_, err := o.Enrol(t.Context(), nil, signBy(t, e, o.officers[:]...))
	must(t, err)
	elsewhere := o.ask("OTHER", h)
	for name, c := range map[string]struct {
		evidence proof.Signed
		want     error
	}{
		"nobody":             {proof.Signed{Message: proof.Encode(a.decision())}, authority.ErrEvidence},
		"an officer":         {signBy(t, a.decision(), o.officers[0]), authority.ErrEvidence},
		"a retired reviewer": {signBy(t, a.decision(), second), authority.ErrEvidence},
		"the holder":         {signBy(t, a.decision(), h.person), authority.ErrEvidence},
		"a stolen name":      {signBy(t, a.decision(), person{newKey(t), o.reviewer.certificate}), authority.ErrEvidence},
		"twice":              {signBy(t, a.decision(), o.reviewer, o.reviewer), authority.ErrEvidence},
		"another message":    {signBy(t, o.order("revoke", "l", "keyCompromise"), o.reviewer), authority.ErrEvidence},
		"another request":    {change(func(d *proof.UnlockDecision) { d.RequestDigest = gm.SM3(nil) }), authority.ErrEvidence},
		"another USB key":    {change(func(d *proof.UnlockDecision) { d.KeySerial = "OTHER" }), authority.ErrEvidence},
		"another agent":      {change(func(d *proof.UnlockDecision) { d.KeyDigest = gm.SM3(nil) }), authority.ErrEvidence},
		"another authority":  {change(func(d *proof.UnlockDecision) { d.Authority = "else" }), authority.ErrEvidence},
		"nothing shown":      {change(func(d *proof.UnlockDecision) { d.Documents = nil }), authority.ErrEvidence},
		"more shown":         {change(func(d *proof.UnlockDecision) { d.Documents = append(d.Documents, gm.SM3(nil)) }), authority.ErrEvidence},
		"too late":           {change(func(d *proof.UnlockDecision) { d.Expiry = o.clock.Now() }), authority.ErrEvidenceExpired},
		"no nonce":           {change(func(d *proof.UnlockDecision) { d.Nonce = nil }), authority.ErrNonce},
	} {
		if _, err := o.Unlock(t.Context(), a.call(c.evidence)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := o.Unlock(t.Context(), elsewhere.call(signBy(t, elsewhere.decision(), o.reviewer))); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("a certificate of another key was shown: %v", err)
	}
	good := signBy(t, a.decision(), o.reviewer)
	again := o.ask("USB1", h)
	if _, err := o.Unlock(t.Context(), again.call(good)); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("a decision over the request of another agent: %v", err)
	}
	for name, spoil := range map[string]func(*proof.UnlockRequest){
		"authority": func(r *proof.UnlockRequest) { r.Authority = "else" },
		"key":       func(r *proof.UnlockRequest) { r.Key = []byte{0x30, 0} },
		"serial":    func(r *proof.UnlockRequest) { r.KeySerial = "a\nb" },
		"nonce":     func(r *proof.UnlockRequest) { r.Nonce = nil },
		"challenge": func(r *proof.UnlockRequest) { r.Challenge = make([]byte, 4096) },
	} {
		bad := o.ask("USB1", h)
		spoil(&bad.request)
		if _, err := o.Unlock(t.Context(), bad.call(signBy(t, bad.decision(), o.reviewer))); !errors.Is(err, authority.ErrRequest) {
			t.Errorf("request with a bad %s: %v", name, err)
		}
	}
	if p := o.adminPIN("USB1"); p.Pending != nil || p.Last != nil {
		t.Error("a refused request left something")
	}
	_, err = o.Unlock(t.Context(), a.call(good))
	must(t, err)
	spent, err := proof.Decode[proof.UnlockDecision](good.Message)
	must(t, err)
	replay := again.decision()
	replay.Nonce = spent.Nonce
	if _, err := o.Unlock(t.Context(), again.call(signBy(t, replay, o.reviewer))); !errors.Is(err, authority.ErrNonce) {
		t.Errorf("a nonce that was spent: %v", err)
	}
}

func TestUnlockUnknownSealedLimited(t *testing.T) {
	o := newOffice(t)
	for _, serial := range []string{"NONE", "", "x\x00"} {
		if err := o.Unlockable(t.Context(), serial); err == nil {
			t.Errorf("%q can be unlocked", serial)
		}
	}
	none := o.ask("NONE")
	if _, err := o.Unlock(t.Context(), none.call(signBy(t, none.decision(), o.reviewer))); !errors.Is(err, authority.ErrAdminPINUnknown) {
		t.Errorf("not escrowed: %v", err)
	}
	o.escrowPIN("K", "31415926")
	a := o.ask("K")
	evidence := signBy(t, a.decision(), o.reviewer)
	o.Seal()
	if _, err := o.Unlock(t.Context(), a.call(evidence)); !errors.Is(err, authority.ErrSealed) {
		t.Errorf("sealed: %v", err)
	}
	must(t, o.EscrowAdminPINs(t.Context(), []ca.NewAdminPIN{{KeySerial: "L", PIN: []byte("31415926")}}, false)) // takes no key
	o.CA = o.node(o.store)
	_, err := o.Unlock(t.Context(), a.call(evidence))
	must(t, err)
	o.ask("K").answered()
	o.ask("K").answered()
	fourth := o.ask("K")
	call := fourth.call(signBy(t, fourth.decision(), o.reviewer))
	if _, err := o.Unlock(t.Context(), call); !errors.Is(err, authority.ErrUnlockLimited) {
		t.Errorf("the fourth within a day: %v", err)
	}
	o.ask("L").answered() // another key
	o.clock.advance(25 * time.Hour)
	fourth.answered()

	// Sealed to another unlock key than the one that is here.
	founded := *o.founded
	founded.Unlock = newKey(t).(*sm2.PrivateKey)
	o.founded = &founded
	o.CA = o.node(o.store)
	fifth := o.ask("K")
	if _, err := o.Unlock(t.Context(), fifth.call(signBy(t, fifth.decision(), o.reviewer))); !errors.Is(err, authority.ErrUnlockKey) {
		t.Errorf("another unlock key: %v", err)
	}
}

// TestUnlockRetiredMeanwhile: a reviewer who is retired after his decision was
// weighed and before it takes effect gives nothing away.
func TestUnlockRetiredMeanwhile(t *testing.T) {
	o := newOffice(t)
	o.escrowPIN("K", "31415926")
	second := o.enrol(proof.Reviewer, "审核员二")
	e := proof.Enrolment{Authority: "test", Role: proof.Reviewer, Retire: serialIn(t, second.certificate), Nonce: nonce(t), Expiry: o.expiry()}
	evidence := signBy(t, e, o.officers[:]...)
	node := o.slowNode("Write", 1, func() {
		_, err := o.Enrol(t.Context(), nil, evidence)
		must(t, err)
	})
	a := o.ask("K")
	if _, err := node.Unlock(t.Context(), a.call(signBy(t, a.decision(), second))); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("retired meanwhile: %v", err)
	}
	if p := o.adminPIN("K"); p.Pending != nil || p.Last != nil {
		t.Error("something was drawn")
	}
}

// TestUnlockByMaker: the maker's response goes to the agent alone; without one
// the decision is not spent.
func TestUnlockByMaker(t *testing.T) {
	o := newOffice(t)
	a := o.ask("V")
	a.request.Challenge = []byte("question")
	evidence := signBy(t, a.decision(), o.reviewer)
	call := a.call(evidence)
	if _, err := o.Unlock(t.Context(), call); !errors.Is(err, authority.ErrUnlockResponse) {
		t.Errorf("without a response: %v", err)
	}
	call.Response = []byte("answer")
	signed, err := o.Unlock(t.Context(), call)
	must(t, err)
	if got := a.open(signed); string(got.Response) != "answer" || len(got.Try)+len(got.Next) > 0 {
		t.Errorf("%+v", got)
	}
	must(t, a.report(proof.UnlockUnanswered, 0))
}

func TestEscrowAdminPINs(t *testing.T) {
	o := newOffice(t)
	o.escrowPIN("K", "11112222")
	one := func(serial, pin string) []ca.NewAdminPIN { return []ca.NewAdminPIN{{serial, []byte(pin)}} }
	for name, c := range map[string]struct {
		list []ca.NewAdminPIN
		want error
	}{
		"there already": {one("K", "33334444"), ca.ErrAdminPINExists},
		"no serial":     {one("", "33334444"), ca.ErrKeySerial},
		"short":         {one("L", "333"), ca.ErrAdminPINForm},
		"long":          {one("L", strings.Repeat("3", 33)), ca.ErrAdminPINForm},
		"with a space":  {one("L", "3333 444"), ca.ErrAdminPINForm},
	} {
		if err := o.EscrowAdminPINs(t.Context(), c.list, false); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var many []ca.NewAdminPIN
	for i := range 450 {
		many = append(many, ca.NewAdminPIN{KeySerial: "M" + string(rune('A'+i/26)) + string(rune('a'+i%26)), PIN: []byte("55556666")})
	}
	must(t, o.EscrowAdminPINs(t.Context(), many, false))
	for _, n := range many {
		must(t, o.Unlockable(t.Context(), n.KeySerial))
	}
	if err := o.ForgetAdminPIN(t.Context(), "K", strings.Repeat("x", 1001)); !errors.Is(err, proof.ErrMalformed) {
		t.Errorf("an endless reason: %v", err)
	}
	must(t, o.ForgetAdminPIN(t.Context(), "K", "key was destroyed"))
	if err := o.ForgetAdminPIN(t.Context(), "K", "again"); !errors.Is(err, authority.ErrAdminPINUnknown) {
		t.Error(err)
	}
	if p := o.adminPIN("K"); p.State != ca.AdminPINForgotten || p.Sealed != nil || !errors.Is(o.Unlockable(t.Context(), "K"), authority.ErrAdminPINUnknown) {
		t.Errorf("%+v", p)
	}
	o.escrowPIN("K", "77778888")
	must(t, o.Unlockable(t.Context(), "K"))

	none := ca.New(ca.Options{ID: "test", Store: o.store, Clock: o.clock, Random: rand.Reader})
	if err := none.EscrowAdminPINs(t.Context(), one("N", "11112222"), false); !errors.Is(err, authority.ErrUnlockKey) {
		t.Errorf("without an unlock key: %v", err)
	}
}

// TestUnlockAtOnce: two nodes get the same request, and requests of two agents
// for one key, at the same time: one answer a request, one PIN drawn.
func TestUnlockAtOnce(t *testing.T) {
	o := newOfficeOn(t, storetest.Address(t, "postgres"))
	o.escrowPIN("K", "11112222")
	nodes := []*ca.CA{o.CA, o.node(o.store)}
	agents := []asking{o.ask("K"), o.ask("K")}
	answers := make([]proof.Signed, 4)
	var wait sync.WaitGroup
	for i := range answers {
		call := agents[i%2].call(signBy(t, agents[i%2].decision(), o.reviewer))
		wait.Go(func() {
			var err error
			if answers[i], err = nodes[i/2].Unlock(t.Context(), call); err != nil {
				t.Errorf("%d: %v", i, certhall.CauseText(err))
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	if !reflect.DeepEqual(answers[0], answers[2]) || !reflect.DeepEqual(answers[1], answers[3]) {
		t.Error("two answers to one request")
	}
	if a, b := agents[0].open(answers[0]), agents[1].open(answers[1]); !bytes.Equal(a.Next, b.Next) {
		t.Error("two PINs were drawn for one key")
	}
}

// TestUnlockRestored: what was escrowed comes back with a backup; nothing is
// unlocked before the restoration is reconciled.
func TestUnlockRestored(t *testing.T) {
	address := storetest.Address(t, "sqlite-file")
	o := newOfficeOn(t, address)
	h := o.apply("l", 1)
	o.escrowPIN("USB1", "11112222")
	first := o.ask("USB1", h)
	evidence := signBy(t, first.decision(), o.reviewer)
	answer, err := o.Unlock(t.Context(), first.call(evidence))
	must(t, err)
	_, err = audit.Sequencer{Store: o.store}.Run(t.Context())
	must(t, err)
	path, m := o.backUp(address)
	must(t, first.report(proof.UnlockChanged, 0)) // lost

	n, db := o.restored(path, m, storetest.Address(t, "postgres"))
	again, err := n.Unlock(t.Context(), first.call(evidence))
	if err != nil || !reflect.DeepEqual(again, answer) {
		t.Errorf("the answer in the backup: %v", err)
	}
	second := n.ask("USB1", h)
	second.o = n
	if _, err := n.Unlock(t.Context(), second.call(signBy(t, second.decision(), o.reviewer))); !errors.Is(err, authority.ErrRestored) {
		t.Errorf("before it is reconciled: %v", err)
	}
	_, err = n.Reconcile(t.Context(), known(), ca.Reconciliation{Sources: []string{"test"}})
	must(t, err)
	got := second.answered()
	if drawn := first.open(answer).Next; !reflect.DeepEqual(got.Try, [][]byte{[]byte("11112222"), drawn}) {
		t.Errorf("%q, with %q on the key", got.Try, drawn)
	}
	if found, err := fsck.Check(t.Context(), db, nil); err != nil || len(found) > 0 {
		t.Errorf("fsck: %v, %v", found, err)
	}
}
