package local

import (
	"crypto"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/window"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

var yes = window.Answer{Yes: true, PIN: pin}

func (h *house) opening() request {
	return request{Key: keySerial, Service: "renew", Serial: string(h.pair.Sign()), Authority: "ra", Nonce: []byte("nonce of the hall")}
}

func (h *house) order(m proof.Message) request {
	return request{Key: keySerial, Message: proof.Encode(m)}
}

func replyOf[M proof.Message](h *house, e event) M {
	h.t.Helper()
	var in struct{ Message, Signed []byte }
	h.must(json.Unmarshal(e.Raw, &in))
	m, err := proof.Decode[M](append(in.Message, in.Signed...))
	h.must(err)
	return m
}

// TestRenewal runs a whole renewal as a page does: one PIN, every part told
// as it comes to lie on the key.
func TestRenewal(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/open", h.opening())
	q := h.asked(r, yes)
	if q.What != window.PIN || q.Origin != portal || q.Portal != "测试大厅" || q.Key.Serial != keySerial || q.Purpose != "open" || q.Tries != 3 {
		t.Fatalf("%+v", q)
	}
	signed := replyOf[proof.Signed](h, r.want("reply"))
	opening, err := proof.VerifyKey[proof.Opening](signed, h.signing(h.pair.Bundle.Sign))
	if err != nil || opening.Origin != portal || string(opening.Nonce) != "nonce of the hall" {
		t.Fatalf("%+v, %v", opening, err)
	}
	r = p.begin("/identify", h.order(proof.Identify{Authority: "ra", Case: "c1"}))
	if l := replyOf[proof.Listing](h, r.want("reply")); len(l.Containers) != 1 {
		t.Fatalf("%+v", l)
	}
	prepare := proof.Prepare{
		Authority: "ra", Ticket: h.auth.Ticket(certhall.Renew, "c1", 1, h.pair.Sign()), TermYears: 1, Disposal: string(certhall.Delete), Chain: h.auth.Chain(),
	}
	r = p.begin("/prepare", h.order(prepare))
	if q := h.asked(r, window.Answer{Yes: true}); q.What != window.Consent || q.Purpose != token.ToPrepare || len(q.Facts) < 4 {
		t.Fatalf("%+v", q)
	}
	if e := r.want("progress"); e.Part != token.PartSigningKey {
		t.Fatalf("%s", e.Raw)
	}
	prepared := replyOf[proof.Prepared](h, r.want("reply"))
	pub, _, err := gm.ParseRequest(prepared.Request)
	h.must(err)
	next := h.auth.Issue("c1", 1, h.pair.Sign(), "测试医院", pub, 1)
	r = p.begin("/install", h.order(proof.Install{Authority: "ra", Bundle: next.Bundle}))
	var parts []string
	e := r.next()
	for ; e.Event == "progress"; e = r.next() {
		parts = append(parts, e.Part)
	}
	replyOf[proof.Installed](h, e)
	if !slices.Equal(parts, []string{token.PartSigningKey, token.PartSignCert, token.PartEncryptionKey, token.PartEncryptionCert, token.PartTested}) {
		t.Fatalf("told of %v", parts)
	}
	r = p.begin("/acknowledge", h.order(proof.Acknowledge{Authority: "ra", Bundle: next.Bundle}))
	r.want("progress")
	replyOf[proof.Signed](h, r.want("reply"))
	r = p.begin("/retire", h.order(proof.Retire{
		Authority: "ra", Receipts: []proof.Signed{h.auth.Receipt(next, &h.pair, keySerial, certhall.Delete, true)}, Chain: h.auth.Chain(),
	}))
	if report := replyOf[proof.RetireReport](h, r.want("reply")); len(report.Deleted) != 1 {
		t.Fatalf("%+v", report)
	}
	r = p.begin("/self-test", request{Key: keySerial, Serial: string(next.Sign())})
	var done tested
	h.must(json.Unmarshal(r.want("reply").Raw, &done))
	if !done.Signed || done.Decrypted != decrypted || !done.At.Equal(h.clock.Now()) {
		t.Fatalf("%+v", done)
	}
	var all keys
	if status, _ := p.call("/keys", struct{}{}, &all); status != 200 || len(all.Keys) != 1 {
		t.Fatalf("%d %+v", status, all)
	}
	k := all.Keys[0]
	if k.State != ready || k.Label != "蓝色钥匙" || k.PIN.Tries != 3 || k.Others != 0 || len(k.Containers) != 1 {
		t.Fatalf("%+v", k)
	}
	if c := k.Containers[0]; c.Serial != next.Sign() || c.EncSerial != next.EncSerial() || !c.Complete || c.Authority != "ra" || c.Case != "c1" || c.Attempt != 1 || len(c.Parts) != 4 || c.Subject != "测试医院" || c.NotAfter == nil {
		t.Fatalf("%+v", c)
	}
}

func (h *house) signing(certificate []byte) crypto.PublicKey {
	h.t.Helper()
	c, err := gm.ParseCertificate(certificate)
	h.must(err)
	pub, err := gm.CertificateKey(c)
	h.must(err)
	return pub
}

func TestSignLogin(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(second)
	r := p.begin("/sign-login", h.opening())
	h.asked(r, yes)
	signed := replyOf[proof.Signed](h, r.want("reply"))
	login, err := proof.VerifyKey[proof.Login](signed, h.signing(h.pair.Bundle.Sign))
	if err != nil || login.Origin != second {
		t.Fatalf("%+v, %v", login, err)
	}
}

// TestClaim: the page may ask for a claim; the agent looks whether it is true.
func TestClaim(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/claim", h.order(proof.MakeClaim{Authority: "ra", Ticket: h.auth.Ticket(certhall.Renew, "c1", 1, h.pair.Sign()), Chain: h.auth.Chain()}))
	h.asked(r, yes)
	claim, err := proof.VerifyKey[proof.Claim](replyOf[proof.Signed](h, r.want("reply")), h.signing(h.pair.Bundle.Sign))
	if err != nil || claim.Reason != proof.Absent {
		t.Fatalf("%+v, %v", claim, err)
	}
}

// TestOrderIsTheOperations: an order at another operation's address is refused.
func TestOrderIsTheOperations(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	for path, in := range map[string]request{
		"/prepare":  h.order(proof.Identify{Authority: "ra"}),
		"/identify": h.order(proof.Install{Authority: "ra", Bundle: h.pair.Bundle}),
		"/install":  {Key: keySerial, Message: []byte("garbage")},
		"/retire":   {Key: keySerial},
	} {
		if e := p.begin(path, in).want("problem"); e.Code != "message-malformed" {
			t.Errorf("%s: %s", path, e.Raw)
		}
	}
	for path, in := range map[string]request{
		"/open":       {Key: keySerial, Serial: string(h.pair.Sign())},
		"/sign-login": {Key: keySerial, Nonce: []byte("n")},
	} {
		if e := p.begin(path, in).want("problem"); e.Code != "agent-input" {
			t.Errorf("%s: %s", path, e.Raw)
		}
	}
	if status, code := p.call("/open", []string{"no object"}, nil); status != 422 || code != "agent-input" {
		t.Errorf("%d %s", status, code)
	}
	if status, code := p.call("/sign-anything", struct{}{}, nil); status != 404 || code != "agent-address" {
		t.Errorf("%d %s", status, code)
	}
}

// TestOnePINACaseAndOrigin over the wire.
func TestOnePINACaseAndOrigin(t *testing.T) {
	h := newHouse(t, nil)
	a, b := h.paired(portal), h.paired(second)
	r := a.begin("/open", h.opening())
	h.asked(r, yes)
	r.want("reply")
	r = b.begin("/open", h.opening())
	if q := h.asked(r, yes); q.Origin != second || q.Portal != "" {
		t.Fatalf("%+v", q)
	}
	r.want("reply")
	b.begin("/open", h.opening()).want("reply") // its own session
	r = a.begin("/open", h.opening())
	h.asked(r, window.Answer{}) // and a no
	if e := r.want("problem"); e.Code != "declined" {
		t.Fatalf("%s", e.Raw)
	}
}

// TestPageGoesAway: the question is withdrawn, and the key is free again.
func TestPageGoesAway(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/open", h.opening())
	r.want("ask")
	<-h.person.questions
	if e := p.begin("/self-test", request{Key: keySerial, Serial: string(h.pair.Sign())}).want("problem"); e.Code != "key-busy" {
		t.Fatalf("%s", e.Raw)
	}
	var during keys
	p.call("/keys", struct{}{}, &during)
	if during.Keys[0].State != inUse {
		t.Fatalf("%+v", during)
	}
	r.leave()
	h.idle(p)
	r = p.begin("/open", h.opening())
	h.asked(r, yes)
	r.want("reply")
}

// idle waits until the key is in nobody's use.
func (h *house) idle(p *tab) {
	h.t.Helper()
	w := p.begin("/watch", struct{}{})
	defer w.leave()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case h.looks <- time.Time{}:
			case <-done:
				return
			}
		}
	}()
	for w.want("keys").Keys[0].State != ready {
	}
}

// TestFinishedThoughPageLeft: what has begun on the key is finished.
func TestFinishedThoughPageLeft(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/prepare", h.order(proof.Prepare{
		Authority: "ra", Ticket: h.auth.Ticket(certhall.Renew, "c1", 1, h.pair.Sign()), Disposal: string(certhall.Keep), Chain: h.auth.Chain(),
	}))
	r.want("ask")
	<-h.person.questions
	h.person.answers <- yes
	r.leave()
	h.stop() // waits for what runs
	k, err := softkey.Open(h.keyFile())
	h.must(err)
	names, err := k.Containers(t.Context())
	if err != nil || !slices.Contains(names, certhall.ContainerName("ra", "c1", 1)) {
		t.Fatalf("the container was not made: %v, %v", names, err)
	}
}

// TestIdleSession: after three minutes without use the PIN is asked for anew.
func TestIdleSession(t *testing.T) {
	h := newHouse(t, nil)
	p := h.paired(portal)
	r := p.begin("/open", h.opening())
	h.asked(r, yes)
	r.want("reply")
	h.clock.add(agent.IdleSession)
	r = p.begin("/open", h.opening())
	h.asked(r, yes)
	r.want("reply")
}

// TestSingleCertificate: a certificate for every use has two parts, is complete
// with them, and has nothing to decrypt with.
func TestSingleCertificate(t *testing.T) {
	for _, kind := range []gm.Algorithm{gm.RSA, gm.ECDSA} {
		h := newHouse(t, nil)
		p := h.paired(portal)
		r := p.begin("/prepare", h.order(proof.Prepare{
			Authority: "ra", Ticket: h.auth.Ticket(certhall.Apply, "c1", 1, ""), TermYears: 1, Disposal: string(certhall.Keep), Chain: h.auth.Chain(), Algorithm: kind.String(),
		}))
		h.asked(r, yes)
		r.want("progress")
		pub, _, err := gm.ParseRequest(replyOf[proof.Prepared](h, r.want("reply")).Request)
		h.must(err)
		made := h.auth.Issue("c1", 1, "", "测试医院", pub, 1)
		r = p.begin("/install", h.order(proof.Install{Authority: "ra", Bundle: made.Bundle}))
		for _, part := range []string{token.PartSigningKey, token.PartSignCert, token.PartTested} {
			if e := r.want("progress"); e.Part != part {
				t.Fatalf("%s: told of %s, not of %s", kind, e.Part, part)
			}
		}
		replyOf[proof.Installed](h, r.want("reply"))
		r = p.begin("/acknowledge", h.order(proof.Acknowledge{Authority: "ra", Bundle: made.Bundle}))
		r.want("progress")
		ack, err := proof.VerifyKey[proof.Acknowledgement](replyOf[proof.Signed](h, r.want("reply")), pub)
		if err != nil || ack.Untestable || ack.EncSerial != "" || len(ack.Nonce) != 0 {
			t.Fatalf("%s: %+v, %v", kind, ack, err)
		}
		r = p.begin("/self-test", request{Key: keySerial, Serial: string(made.Sign())})
		var done tested
		h.must(json.Unmarshal(r.want("reply").Raw, &done))
		if !done.Signed || done.Decrypted != nothing {
			t.Errorf("%s: %+v", kind, done)
		}
		var all keys
		p.call("/keys", struct{}{}, &all)
		i := slices.IndexFunc(all.Keys[0].Containers, func(c container) bool { return c.Serial == made.Sign() })
		if i < 0 {
			t.Fatalf("%s: %+v", kind, all)
		}
		if c := all.Keys[0].Containers[i]; len(c.Parts) != 2 || !c.Complete || c.EncSerial != "" {
			t.Errorf("%s: %+v", kind, c)
		}
		h.stop()
	}
}
