package ca_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

func TestRenewal(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	renewed, receipt := o.renew(certhall.Renew, h)
	if want := certhall.AddYears(h.pair.NotAfter, 1); !renewed.pair.NotAfter.Equal(want) {
		t.Errorf("a renewal adds to the old end: %v, want %v", renewed.pair.NotAfter, want)
	}
	if receipt.OldSign != string(h.pair.SignSerial) || receipt.NewSign != string(renewed.pair.SignSerial) || receipt.Disposal != "keep" || !receipt.Escrowed {
		t.Errorf("receipt %+v", receipt)
	}
	if o.state(h.pair.SignSerial) != authority.Superseded || o.state(renewed.pair.SignSerial) != authority.Current {
		t.Error("old pair is not superseded by the new")
	}
	old, _ := gm.ParseCertificate(h.certificate)
	now, _ := gm.ParseCertificate(renewed.certificate)
	if !bytes.Equal(old.RawSubject, now.RawSubject) {
		t.Error("the subject changed")
	}
	o.clock.advance(31 * day)
	if n, err := o.EndGrace(t.Context()); err != nil || n != 1 || o.state(h.pair.SignSerial) != authority.Revoked {
		t.Errorf("after the grace: %d %v %s", n, err, o.state(h.pair.SignSerial))
	}
	want := []authority.EventKind{"attempt-opened", "issued", "acknowledged", "attempt-opened", "issued", "acknowledged", "revoked"}
	if got := o.kinds(); !slices.Equal(got, want) {
		t.Errorf("events %v, want %v", got, want)
	}
}

func TestRepairCountsFromNow(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(400 * day)
	repaired, _ := o.renew(certhall.Repair, h)
	if want := certhall.AddYears(o.clock.Now(), 1); !repaired.pair.NotAfter.Equal(want) {
		t.Errorf("ends %v, want %v", repaired.pair.NotAfter, want)
	}
}

func TestWindows(t *testing.T) {
	for name, c := range map[string]struct {
		service certhall.Service
		after   time.Duration // since issuing a pair of one year
		want    error
	}{
		"renew a day too early":  {certhall.Renew, 274 * day, authority.ErrTooEarly},
		"renew in the window":    {certhall.Renew, 276 * day, nil},
		"renew on the last day":  {certhall.Renew, 364 * day, nil},
		"renew an expired one":   {certhall.Renew, 366 * day, authority.ErrExpired},
		"repair a living one":    {certhall.Repair, 364 * day, authority.ErrNotExpired},
		"repair an expired one":  {certhall.Repair, 366 * day, nil},
		"repair after 366 days":  {certhall.Repair, (365 + 366) * day, authority.ErrTooLate},
		"a service not for keys": {certhall.Change, 300 * day, authority.ErrService},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			h := o.apply("lineage", 1)
			o.clock.advance(c.after)
			e, err := o.Eligible(t.Context(), c.service, h.pair.SignSerial)
			must(t, err)
			if c.want == nil && e.Refusal != nil || c.want != nil && !errors.Is(e.Refusal, c.want) {
				t.Errorf("eligible says %v, want %v", e.Refusal, c.want)
			}
			if _, err := o.Ticket(t.Context(), authority.TicketRequest{Service: c.service, Case: "c", OldSerial: h.pair.SignSerial}); !errors.Is(err, c.want) {
				t.Errorf("ticket says %v, want %v", err, c.want)
			}
		})
	}
}

// ◆ The window is judged at the first ticket and holds for the case's life.
func TestWindowHoldsForTheCase(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(364 * day)
	o.ticket(certhall.Renew, "c", h.pair.SignSerial)
	o.clock.advance(2 * day) // expired meanwhile
	if e, err := o.Eligible(t.Context(), certhall.Renew, h.pair.SignSerial); err != nil || !errors.Is(e.Refusal, authority.ErrExpired) || e.MaxYears < 1 {
		t.Errorf("the terms stand beside the refusal: %+v, %v", e, err)
	}
	r := o.prepare(certhall.Renew, "c", h)
	if _, err := o.Issue(t.Context(), r.call(t, h.person)); err != nil {
		t.Fatal(certhall.CauseText(err))
	}
}

func TestForgedEvidence(t *testing.T) {
	o := newOffice(t)
	h, other := o.apply("lineage", 1), o.apply("other", 1)
	o.clock.advance(300 * day)
	good := o.prepare(certhall.Renew, "c", h)
	o.ticket(certhall.Renew, "d", other.pair.SignSerial)
	for name, c := range map[string]struct {
		change func(*renewal)
		by     person
		want   error
	}{
		"another's key":       {func(r *renewal) {}, other.person, authority.ErrEvidence},
		"the reviewer's key":  {func(r *renewal) {}, o.reviewer, authority.ErrEvidence},
		"another authority":   {func(r *renewal) { r.evidence.Authority = "evil" }, h.person, authority.ErrEvidence},
		"another service":     {func(r *renewal) { r.evidence.Service = "repair" }, h.person, authority.ErrEvidence},
		"another case inside": {func(r *renewal) { r.evidence.Case = "d" }, h.person, authority.ErrEvidence},
		"another user's case": {func(r *renewal) { r.evidence.Case, r.ticket.Case = "d", "d" }, h.person, authority.ErrEvidence},
		"an unknown case":     {func(r *renewal) { r.evidence.Case, r.ticket.Case = "x", "x" }, h.person, authority.ErrUnknownCase},
		"another attempt":     {func(r *renewal) { r.evidence.Attempt = 2 }, h.person, authority.ErrEvidence},
		"an unknown attempt":  {func(r *renewal) { r.ticket.Attempt = 2 }, h.person, authority.ErrUnknownCase},
		"another old pair":    {func(r *renewal) { r.evidence.OldSerial = string(other.pair.SignSerial) }, h.person, authority.ErrEvidence},
		"another project":     {func(r *renewal) { r.evidence.Project = "medical" }, h.person, authority.ErrEvidence},
		"another profile":     {func(r *renewal) { r.evidence.Profile = "staff" }, h.person, authority.ErrEvidence},
		"another request":     {func(r *renewal) { r.request = p10(t, newKey(t)) }, h.person, authority.ErrEvidence},
		"another disposal":    {func(r *renewal) { r.evidence.Disposal = "burn" }, h.person, authority.ErrEvidence},
		"a nonce of its own":  {func(r *renewal) { r.evidence.Nonce = nonce(t) }, h.person, authority.ErrNonce},
		"expired":             {func(r *renewal) { r.evidence.Expiry = o.clock.Now() }, h.person, authority.ErrEvidenceExpired},
		"no years":            {func(r *renewal) { r.evidence.TermYears = 0 }, h.person, authority.ErrTerm},
		"too many years":      {func(r *renewal) { r.evidence.TermYears = 6 }, h.person, authority.ErrTerm},
		"a negative term":     {func(r *renewal) { r.evidence.TermYears = -1 }, h.person, authority.ErrTerm},
		"no entitlement":      {func(r *renewal) { r.evidence.Entitlement = "" }, h.person, authority.ErrEvidence},
		"a spent entitlement": {func(r *renewal) { r.evidence.Entitlement = string(other.pair.Entitlement) }, h.person, authority.ErrEntitlementUsed},
		"the old key again": {func(r *renewal) {
			r.request = p10(t, h.key)
			r.evidence.RequestDigest = infoDigest(t, r.request)
		}, h.person, authority.ErrRequest},
		"a garbled request":   {func(r *renewal) { r.request = []byte("garbage") }, h.person, authority.ErrRequest},
		"a truncated request": {func(r *renewal) { r.request = r.request[:len(r.request)-1] }, h.person, authority.ErrRequest},
		"a huge request":      {func(r *renewal) { r.request = make([]byte, 1<<20) }, h.person, authority.ErrRequest},
	} {
		t.Run(name, func(t *testing.T) {
			r := good
			c.change(&r)
			if _, err := o.Issue(t.Context(), r.call(t, c.by)); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", certhall.CauseText(err), c.want)
			}
		})
	}
	b, err := o.Issue(t.Context(), good.call(t, h.person))
	must(t, err)
	// From here on every repetition gets the stored answer, before any check ◆.
	again := good.call(t, other.person)
	again.Evidence = proof.Signed{}
	second, err := o.Issue(t.Context(), again)
	must(t, err)
	if !bytes.Equal(b.Sign, second.Sign) || !bytes.Equal(b.Envelope, second.Envelope) {
		t.Error("the second answer differs")
	}
	other2 := o.prepare(certhall.Renew, "c", h)
	if _, err := o.Issue(t.Context(), other2.call(t, h.person)); !errors.Is(err, authority.ErrOtherKey) {
		t.Errorf("another key for the same attempt: %v", err)
	}
}

func TestExpiredTicketGetsANewNonce(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	stale := o.prepare(certhall.Renew, "c", h)
	if same := o.ticket(certhall.Renew, "c", h.pair.SignSerial); !bytes.Equal(same.Nonce, stale.ticket.Nonce) {
		t.Error("the live ticket was not answered again")
	}
	o.clock.advance(2 * time.Hour)
	if _, err := o.Issue(t.Context(), stale.call(t, h.person)); !errors.Is(err, authority.ErrEvidenceExpired) {
		t.Errorf("expired evidence: %v", err)
	}
	fresh := o.prepare(certhall.Renew, "c", h)
	if fresh.ticket.Attempt != 1 || bytes.Equal(fresh.ticket.Nonce, stale.ticket.Nonce) {
		t.Error("want the same attempt with a new nonce")
	}
	if _, err := o.Issue(t.Context(), stale.call(t, h.person)); !errors.Is(err, authority.ErrNonce) {
		t.Errorf("replayed nonce: %v", err)
	}
	if _, err := o.Issue(t.Context(), fresh.call(t, h.person)); err != nil {
		t.Error(err)
	}
}

func TestSuperseded(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	late := o.prepare(certhall.Renew, "late", h)
	o.renew(certhall.Renew, h)
	if _, err := o.Issue(t.Context(), late.call(t, h.person)); !errors.Is(err, authority.ErrSuperseded) {
		t.Errorf("a superseded pair issued: %v", err)
	}
	if _, err := o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: "e", OldSerial: h.pair.SignSerial}); !errors.Is(err, authority.ErrSuperseded) {
		t.Errorf("a superseded pair got a ticket: %v", err)
	}
}

// ◆ One intended or issued pair a lineage, across all cases.
func TestOneIssuedPairALineage(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	first, second := o.prepare(certhall.Renew, "first", h), o.prepare(certhall.Renew, "second", h)
	_, err := o.Issue(t.Context(), first.call(t, h.person))
	must(t, err)
	if _, err := o.Issue(t.Context(), second.call(t, h.person)); !errors.Is(err, authority.ErrLineageBusy) {
		t.Errorf("two pairs of one lineage: %v", err)
	}
}

func TestReceiptIsTheSameForEver(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare(certhall.Renew, "c", h)
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	wrong := o.acknowledgement(b, r.key)
	wrong.Signatures[0].Value[10] ^= 1
	if _, err := o.Acknowledge(t.Context(), wrong); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("forged acknowledgement: %v", err)
	}
	first, err := o.Acknowledge(t.Context(), o.acknowledgement(b, r.key))
	must(t, err)
	o.clock.advance(40 * day)
	second, err := o.Acknowledge(t.Context(), o.acknowledgement(b, r.key))
	must(t, err)
	if !bytes.Equal(first.Message, second.Message) || !bytes.Equal(first.Signatures[0].Value, second.Signatures[0].Value) {
		t.Error("the receipt changed")
	}
	retired := signBy(t, proof.Retired{Authority: "test", Case: "c", Attempt: 1, ReceiptDigest: gm.SM3(first.Message)}, person{r.key, b.Sign})
	for range 2 {
		must(t, o.Retired(t.Context(), retired))
	}
	if o.state(h.pair.SignSerial) != authority.Revoked {
		t.Error("the retired pair is not revoked")
	}
	if err := o.Retired(t.Context(), signBy(t, proof.Retired{Authority: "test", Case: "c", Attempt: 1, ReceiptDigest: gm.SM3(nil)}, person{r.key, b.Sign})); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("retired with another receipt: %v", err)
	}
}

func TestAcknowledgementMustProveTheEncryptionKey(t *testing.T) {
	o := newOffice(t)
	h := o.apply("lineage", 1)
	o.clock.advance(300 * day)
	r := o.prepare(certhall.Renew, "c", h)
	b, err := o.Issue(t.Context(), r.call(t, h.person))
	must(t, err)
	digest, _ := gm.KeyDigest(r.key.Public())
	ack := proof.Acknowledgement{Authority: "test", Case: "c", Attempt: 1, SignSerial: serialIn(t, b.Sign), EncSerial: serialIn(t, b.Enc), KeyDigest: digest}
	ack.Nonce = nonce(t)
	if _, err := o.Acknowledge(t.Context(), signBy(t, ack, person{r.key, b.Sign})); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("a guessed nonce: %v", err)
	}
	ack.Nonce = nil
	if _, err := o.Acknowledge(t.Context(), signBy(t, ack, person{r.key, b.Sign})); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("no nonce and not untestable: %v", err)
	}
}
