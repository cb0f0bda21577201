package agent_test

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// draft lays a message of the desk's authority before the reviewer.
func (d *desk) draft(m proof.Message, documents ...[]byte) []byte {
	return proof.Encode(proof.Draft{Authority: "ra", Message: proof.Encode(m), Documents: documents, Chain: d.auth.Chain(),
		Voucher: d.auth.Ticket(certhall.Apply, "any", 1, "")})
}

// reviewing is a desk with a reviewer's key, and the certificates of a lineage.
func reviewing(t *testing.T) (d *desk, lineage [][]byte) {
	t.Helper()
	d = newDesk(t, 6)
	p10, err := d.Enrol(t.Context(), "SK1", "审核员1")
	if err != nil {
		t.Fatal(err)
	}
	pub, _, err := gm.ParseRequest(p10)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.ImportCertificate(t.Context(), "SK1", d.auth.End("审核员1", pub, smx509.KeyUsageDigitalSignature, 3).Raw); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		lineage = append(lineage, d.auth.End("测试医院", pub, smx509.KeyUsageDigitalSignature, 1).Raw)
	}
	return d, lineage
}

// revocation is a decision over certificates.
func revocation(t *testing.T, service, reason string, certificates ...[]byte) proof.Decision {
	t.Helper()
	m := proof.Decision{Authority: "ra", Service: service, Lineage: "l1", Organisation: "91310000MA1K35XE0X", Project: "p1", KeyNumber: "HT-1",
		Verdict: proof.Approve, Reason: reason, Nonce: bytes.Repeat([]byte{1}, 16), Expiry: desktest.Now}
	for _, der := range certificates {
		c, err := gm.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		m.Subject = c.RawSubject
		m.Documents = append(m.Documents, gm.SM3(der))
	}
	return m
}

// TestDecisionsAreExplained: whoever signs sees whom it is about, which
// certificates by number, why, and what follows.
func TestDecisionsAreExplained(t *testing.T) {
	d, lineage := reviewing(t)
	identity, err := asn1.Marshal([]struct {
		ID    asn1.ObjectIdentifier
		Value []byte
	}{{asn1.ObjectIdentifier{1, 2, 156, 10260, 4, 4}, []byte("\x13\x0291")}})
	if err != nil {
		t.Fatal(err)
	}
	number := func(der []byte) string {
		c, err := gm.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return string(certhall.SerialOf(c.SerialNumber)) + " · 测试医院 · 2027-12-01"
	}
	apply := revocation(t, "apply", "资料齐全", lineage[0])
	apply.Case, apply.Documents, apply.TermYears, apply.RequestDigest, apply.Identity, apply.KeySerial = "c1", nil, 2, bytes.Repeat([]byte{0xab}, 32), identity, "SK7"
	void := proof.Decision{Authority: "ra", Service: "apply", Case: "c1", Attempt: 2, Verdict: proof.VoidAttempt, Reason: "坏了", Expiry: desktest.Now}
	for name, c := range map[string]struct {
		message   proof.Message
		documents [][]byte
		want      []agent.Fact
	}{
		"revoke": {revocation(t, "revoke", "keyCompromise", lineage...), lineage, []agent.Fact{
			{Name: "service", Value: "revoke"}, {Name: "subject", Value: "CN=测试医院,C=CN"}, {Name: "organisation", Value: "91310000MA1K35XE0X"},
			{Name: "certificate", Value: number(lineage[0])}, {Name: "certificate", Value: number(lineage[1])},
			{Name: "reason", Value: "keyCompromise"}, {Name: "follows", Value: "revoke"}, {Name: "signer", Value: "审核员1"}}},
		"resume":       {revocation(t, "resume", "钥匙找到了", lineage[0]), lineage[:1], []agent.Fact{{Name: "certificate", Value: number(lineage[0])}, {Name: "reason", Value: "钥匙找到了"}, {Name: "follows", Value: "resume"}}},
		"apply":        {apply, nil, []agent.Fact{{Name: "years", Value: "2"}, {Name: "key", Value: "SK7"}, {Name: "identity", Value: "1.2.156.10260.4.4 = 91"}, {Name: "fingerprint", Value: strings.TrimSpace(strings.Repeat("abababab ", 8))}, {Name: "follows", Value: "apply"}}},
		"void-attempt": {void, nil, []agent.Fact{{Name: "case", Value: "c1"}, {Name: "attempt", Value: "2"}, {Name: "follows", Value: "void-attempt"}}},
		"retire": {proof.Enrolment{Authority: "ra", Role: proof.Reviewer, Retire: number(lineage[0])[:32], Expiry: desktest.Now}, lineage[:1],
			[]agent.Fact{{Name: "retires", Value: number(lineage[0])}, {Name: "follows", Value: "retire"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := d.SignDecision(t.Context(), "SK1", d.draft(c.message, c.documents...)); err != nil {
				t.Fatal(certhall.CauseText(err))
			}
			shown := d.person.Shown[len(d.person.Shown)-1].Facts
			for _, f := range c.want {
				if !slices.Contains(shown, f) {
					t.Errorf("%s %q is not shown: %+v", f.Name, f.Value, shown)
				}
			}
		})
	}
}

// TestNothingUnexplainedIsSigned: what contradicts itself, says too little, or
// is of another authority is refused before anything is asked.
func TestNothingUnexplainedIsSigned(t *testing.T) {
	d, lineage := reviewing(t)
	good := revocation(t, "revoke", "keyCompromise", lineage[0])
	with := func(change func(*proof.Decision)) proof.Decision {
		m := good
		change(&m)
		return m
	}
	stranger := desktest.New(t, "ra")
	other := desktest.New(t, "other")
	draft := func(change func(*proof.Draft)) []byte {
		m := proof.Draft{Authority: "ra", Message: proof.Encode(good), Documents: lineage[:1], Chain: d.auth.Chain(), Voucher: d.auth.Ticket(certhall.Apply, "any", 1, "")}
		change(&m)
		return proof.Encode(m)
	}
	if _, err := d.SignDecision(t.Context(), "SK1", draft(func(*proof.Draft) {})); err != nil {
		t.Fatal(err)
	}
	asked := len(d.person.Shown)
	for name, c := range map[string]struct {
		draft []byte
		want  error
	}{
		"no certificates":              {d.draft(good), agent.ErrUnexplained},
		"another certificate":          {d.draft(good, lineage[1]), agent.ErrUnexplained},
		"one certificate more":         {d.draft(good, lineage...), agent.ErrUnexplained},
		"another's subject":            {d.draft(with(func(m *proof.Decision) { m.Subject = d.auth.Root.Certificate.RawSubject }), lineage[0]), agent.ErrUnexplained},
		"a reason of no standard":      {d.draft(with(func(m *proof.Decision) { m.Reason = "lost" }), lineage[0]), agent.ErrUnexplained},
		"a hold for a reason":          {d.draft(with(func(m *proof.Decision) { m.Reason = "certificateHold" }), lineage[0]), agent.ErrUnexplained},
		"an unknown service":           {d.draft(with(func(m *proof.Decision) { m.Service = "renew" }), lineage[0]), agent.ErrUnexplained},
		"an unknown verdict":           {d.draft(with(func(m *proof.Decision) { m.Verdict = "perhaps" }), lineage[0]), agent.ErrUnexplained},
		"an application of nothing":    {d.draft(with(func(m *proof.Decision) { m.Service, m.Documents = "apply", nil })), agent.ErrUnexplained},
		"garbled identity":             {d.draft(with(func(m *proof.Decision) { m.Service, m.Identity = "apply", []byte{1} })), agent.ErrUnexplained},
		"an enrolment of nothing":      {d.draft(proof.Enrolment{Authority: "ra", Role: proof.Officer, Expiry: desktest.Now}), agent.ErrUnexplained},
		"retiring without certificate": {d.draft(proof.Enrolment{Authority: "ra", Role: proof.Officer, Retire: "41", Expiry: desktest.Now}), agent.ErrUnexplained},
		"a decision for another id":    {d.draft(with(func(m *proof.Decision) { m.Authority = "other" }), lineage[0]), agent.ErrOtherAuthority},
		"no notary's word":             {draft(func(m *proof.Draft) { m.Voucher = proof.Signed{} }), agent.ErrOtherAuthority},
		"a stranger's notary":          {draft(func(m *proof.Draft) { m.Voucher = stranger.Ticket(certhall.Apply, "c", 1, "") }), agent.ErrOtherAuthority},
		"another's notary":             {draft(func(m *proof.Draft) { m.Voucher = other.Ticket(certhall.Apply, "c", 1, "") }), agent.ErrOtherAuthority},
	} {
		if _, err := d.SignDecision(t.Context(), "SK1", c.draft); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, certhall.CauseText(err))
		}
	}
	if len(d.person.Shown) != asked {
		t.Error("the person was asked about what is refused")
	}
	receipt := draft(func(m *proof.Draft) {
		m.Voucher = d.auth.Receipt(d.pair(t, "c0"), nil, "SK1", certhall.Keep, false)
	})
	if _, err := d.SignDecision(t.Context(), "SK1", receipt); err != nil {
		t.Errorf("a receipt is the notary's word too: %v", err)
	}
	d.person.Refuses = map[string]bool{agent.SignDecision: true}
	if _, err := d.SignDecision(t.Context(), "SK1", receipt); !errors.Is(err, token.ErrDeclined) {
		t.Errorf("the person declined: %v", err)
	}
}

// unlocking is a decision to unlock a key with certificates on it.
func unlocking(certificates ...[]byte) proof.UnlockDecision {
	m := proof.UnlockDecision{Authority: "ra", RequestDigest: bytes.Repeat([]byte{0xab}, 32), KeySerial: "HT7", KeyDigest: bytes.Repeat([]byte{1}, 32),
		Reason: "电话核实", Nonce: bytes.Repeat([]byte{1}, 16), Expiry: desktest.Now}
	for _, der := range certificates {
		m.Documents = append(m.Documents, gm.SM3(der))
	}
	return m
}

// TestUnlockingIsExplained: whoever signs that a key may be unlocked sees whose
// it is, and the number that the person before it has named.
func TestUnlockingIsExplained(t *testing.T) {
	d, lineage := reviewing(t)
	m := unlocking(lineage...)
	signed, err := d.SignDecision(t.Context(), "SK1", d.draft(m, lineage...))
	if err != nil || !bytes.Equal(signed.Message, proof.Encode(m)) {
		t.Fatal(err)
	}
	shown := d.person.Shown[len(d.person.Shown)-1]
	for _, want := range []agent.Fact{
		{Name: "key", Value: "HT7"}, {Name: "unlock-code", Value: proof.UnlockCode(m.RequestDigest)}, {Name: "reason", Value: "电话核实"},
		{Name: "follows", Value: "unlock"}, {Name: "subject", Value: "CN=测试医院,C=CN"}, {Name: "signer", Value: "审核员1"},
	} {
		if shown.What != agent.SignUnlock || !slices.Contains(shown.Facts, want) {
			t.Errorf("%s does not show %v: %v", shown.What, want, shown.Facts)
		}
	}
	if _, err := d.SignDecision(t.Context(), "SK1", d.draft(unlocking())); err != nil {
		t.Errorf("a key without certificates of this authority: %v", err)
	}
	for name, spoil := range map[string]func(*proof.UnlockDecision){
		"no key":       func(m *proof.UnlockDecision) { m.KeySerial = "" },
		"no request":   func(m *proof.UnlockDecision) { m.RequestDigest = nil },
		"no agent":     func(m *proof.UnlockDecision) { m.KeyDigest = nil },
		"no reason":    func(m *proof.UnlockDecision) { m.Reason = "" },
		"not shown":    func(m *proof.UnlockDecision) { m.Documents = m.Documents[:1] },
		"others shown": func(m *proof.UnlockDecision) { m.Documents[1] = m.Documents[0] },
	} {
		bad := unlocking(lineage...)
		spoil(&bad)
		if _, err := d.SignDecision(t.Context(), "SK1", d.draft(bad, lineage...)); !errors.Is(err, agent.ErrUnexplained) {
			t.Errorf("%s: %v", name, err)
		}
	}
	loose := proof.Encode(proof.Draft{Authority: "ra", Message: proof.Encode(m), Documents: lineage, Chain: d.auth.Chain()})
	if _, err := d.SignDecision(t.Context(), "SK1", loose); !errors.Is(err, agent.ErrOtherAuthority) {
		t.Errorf("nobody vouches for the authority: %v", err)
	}
}

// TestFactsSteerNoTerminal: what a draft says neither breaks lines nor hides
// others: it may come from whoever wants the signature.
func TestFactsSteerNoTerminal(t *testing.T) {
	d, _ := reviewing(t)
	void := proof.Decision{Authority: "ra", Service: "apply", Case: "c1", Attempt: 2, Verdict: proof.VoidAttempt, Reason: "坏\x1b[2A\r\n了\u202e", Expiry: desktest.Now}
	if _, err := d.SignDecision(t.Context(), "SK1", d.draft(void)); err != nil {
		t.Fatal(err)
	}
	for _, f := range d.person.Shown[len(d.person.Shown)-1].Facts {
		if strings.ContainsFunc(f.Value, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s: %q", f.Name, f.Value)
		}
	}
}
