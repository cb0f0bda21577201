package ca_test

import (
	"bytes"
	"crypto"
	"crypto/x509/pkix"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/predecessors"
	"github.com/certhall/certhall/authority/predecessors/earlier"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/certhall/certhall/store/storetest"
)

// takeOver lets the officers take an earlier CA over.
func (o *office) takeOver(old *earlier.CA, name string) {
	o.t.Helper()
	_, err := o.TakeOver(o.t.Context(), signBy(o.t, old.Takeover("test", name, "http://old.example/ca.crl", "", o.expiry()), o.officers[0], o.officers[1]))
	must(o.t, err)
}

// list brings the earlier CA's list.
func (o *office) list(old *earlier.CA, name string, life time.Duration, revoked ...earlier.Revocation) bool {
	o.t.Helper()
	l, err := predecessors.Read(old.CRL(o.clock.Now(), life, revoked...), old.Certificate, name, o.clock.Now())
	must(o.t, err)
	saved, err := o.store.SaveList(o.t.Context(), l)
	must(o.t, err)
	return saved
}

// brought imports rows and wants all of them taken.
func (o *office) brought(name string, rows ...ca.Import) []ca.Imported {
	o.t.Helper()
	results, err := o.Import(o.t.Context(), name, rows, false)
	must(o.t, err)
	for _, r := range results {
		if r.Refused != nil {
			o.t.Fatalf("%s: %v (%s)", r.Field, r.Refused, certhall.CauseText(r.Refused.Unwrap()))
		}
	}
	return results
}

// oldPair is a pair of an earlier CA's, near its end.
func (o *office) oldPair(old *earlier.CA, name string) (ca.Import, crypto.Signer) {
	key := newKey(o.t)
	from, to := o.clock.Now().AddDate(0, -11, 0), o.clock.Now().AddDate(0, 1, 0)
	return ca.Import{
		Sign: old.Issue(name, key.Public(), earlier.Signing, from, to).Raw, Enc: old.Issue(name, newKey(o.t).Public(), earlier.Encryption, from, to).Raw,
		Organisation: earlier.Code, Project: "procurement", Profile: "organisation", KeyNumber: "HT-1",
	}, key
}

func (o *office) oldSingle(old *earlier.CA, name string, pub crypto.PublicKey, profile string) ca.Import {
	from, to := o.clock.Now().AddDate(0, -11, 0), o.clock.Now().AddDate(0, 1, 0)
	return ca.Import{Sign: old.Issue(name, pub, earlier.All, from, to).Raw, Organisation: earlier.Code, Project: "procurement", Profile: profile, KeyNumber: "HT-2"}
}

func onBoth(t *testing.T, f func(t *testing.T, o *office)) {
	for _, kind := range []string{"sqlite-file", "postgres"} {
		t.Run(kind, func(t *testing.T) { f(t, newOfficeOn(t, storetest.Address(t, kind))) })
	}
}

// Single certificates of an earlier CA's with RSA and P-256 keys are renewed to
// single certificates, under the issuing CA of their algorithm.
func TestImportedSinglesOfOtherAlgorithms(t *testing.T) {
	kinds(t, func(t *testing.T, o *office) {
		old := earlier.New(t, gm.RSA, "old-rsa", o.clock.Now())
		o.takeOver(old, "old-rsa")
		o.list(old, "old-rsa", 24*time.Hour)
		key := o.newKey()
		row := o.oldSingle(old, "甲单位", key.Public(), map[gm.Algorithm]string{gm.RSA: "rsa2048", gm.ECDSA: "p256"}[o.kind])
		next, receipt := o.renew(certhall.Renew, holder{person{key, row.Sign}, o.brought("old-rsa", row)[0].Pair})
		if next.pair.Issuer != authority.IssuerFor(o.kind) || next.pair.EncSerial != "" || receipt.Disposal != string(certhall.Keep) {
			t.Errorf("%+v %+v", next.pair, receipt)
		}
		o.wantChains(next.certificate)
	})
}

// TestImportAndRenew: pairs and single certificates of an earlier CA, with SM2
// and with RSA, are renewed to pairs with the same subject and identity; what
// the escrow does not hold is kept; the grace of the old pair ends here too.
func TestImportAndRenew(t *testing.T) {
	onBoth(t, func(t *testing.T, o *office) {
		for _, kind := range []gm.Algorithm{gm.SM2, gm.RSA} {
			name := map[gm.Algorithm]string{gm.SM2: "old-sm2", gm.RSA: "old-rsa"}[kind]
			old := earlier.New(t, kind, name, o.clock.Now())
			if kind == gm.RSA { // serials are unique over all predecessors
				for range 100 {
					old.Issue("x", newKey(t).Public(), earlier.All, o.clock.Now(), o.clock.Now().AddDate(1, 0, 0))
				}
			}
			o.takeOver(old, name)
			o.list(old, name, 24*time.Hour)
			pair, key := o.oldPair(old, "甲单位"+name)
			single := newKey(t)
			rows := []ca.Import{pair, o.oldSingle(old, "乙单位"+name, single.Public(), "organisation")}
			dry, err := o.Import(t.Context(), name, rows, true)
			must(t, err)
			if dry[0].There || dry[0].Refused != nil {
				t.Errorf("%+v", dry[0])
			}
			results := o.brought(name, rows...)
			for i, holding := range []crypto.Signer{key, single} {
				h := holder{person{holding, rows[i].Sign}, results[i].Pair}
				r := o.prepare(certhall.Renew, o.newCase(), h)
				r.evidence.Disposal = "delete"
				b, err := o.Issue(t.Context(), r.call(t, h.person))
				must(t, err)
				signed, err := o.Acknowledge(t.Context(), o.acknowledgement(b, r.key))
				must(t, err)
				receipt, err := proof.Decode[proof.Receipt](signed.Message)
				must(t, err)
				if receipt.Disposal != "keep" || receipt.Escrowed || receipt.OldSign != string(h.pair.SignSerial) || receipt.OldEnc != string(h.pair.EncSerial) {
					t.Errorf("receipt %+v", receipt)
				}
				before, after := parse(t, rows[i].Sign), parse(t, b.Sign)
				if !bytes.Equal(before.RawSubject, after.RawSubject) || !slices.ContainsFunc(after.Extensions, func(e pkix.Extension) bool {
					return e.Id.String() == "1.2.156.10260.4.1.4" && bytes.Contains(e.Value, []byte(earlier.Code))
				}) {
					t.Error("another subject or identity")
				}
				if o.state(h.pair.SignSerial) != authority.Superseded {
					t.Error(o.state(h.pair.SignSerial))
				}
			}
			exported, err := o.store.Superseded(t.Context(), name, time.Time{}, "", 10)
			must(t, err)
			if len(exported) != 2 || exported[0].SupersededAt.IsZero() || exported[0].GraceEnds.IsZero() {
				t.Errorf("exported %+v", exported)
			}
			if again := o.brought(name, rows...); !again[0].There || again[0].Pair.State != authority.Superseded || again[1].Pair.ID != results[1].Pair.ID {
				t.Errorf("again: %+v", again)
			}
		}
		o.clock.advance(31 * day)
		if n, err := o.EndGrace(t.Context()); n != 4 || err != nil {
			t.Error(n, err)
		}
	})
}

// TestImportRefuses: every row by its own reason, and nothing of it is stored.
func TestImportRefuses(t *testing.T) {
	o := newOffice(t)
	old, other := earlier.New(t, gm.SM2, "old", o.clock.Now()), earlier.New(t, gm.SM2, "other", o.clock.Now())
	if _, err := o.Import(t.Context(), "old", nil, false); !errors.Is(err, authority.ErrPredecessorUnknown) {
		t.Errorf("before it is taken over: %v", err)
	}
	o.takeOver(old, "old")
	good, _ := o.oldPair(old, "甲")
	stranger, _ := o.oldPair(other, "甲")
	second, _ := o.oldPair(old, "乙")
	revoked, _ := o.oldPair(old, "丙")
	o.list(old, "old", day, earlier.Revocation{Certificate: parse(t, revoked.Sign), Reason: 1})
	o.brought("old", good)
	forged := bytes.Clone(second.Sign)
	forged[len(forged)-1] ^= 1
	change := func(f func(*ca.Import)) ca.Import {
		row := second
		f(&row)
		return row
	}
	holder := func(f func(*ca.Import)) ca.Import {
		row := good
		f(&row)
		return row
	}
	for name, c := range map[string]struct {
		row   ca.Import
		want  error
		field string
	}{
		"another issuer":         {change(func(r *ca.Import) { r.Sign = stranger.Sign }), authority.ErrPredecessorOther, ca.FieldSign},
		"forged":                 {change(func(r *ca.Import) { r.Sign = forged }), ca.ErrImportCertificate, ca.FieldSign},
		"garbage":                {change(func(r *ca.Import) { r.Sign = []byte("x") }), ca.ErrImportCertificate, ca.FieldSign},
		"for encryption":         {change(func(r *ca.Import) { r.Sign = r.Enc }), ca.ErrImportUsage, ca.FieldSign},
		"another's encryption":   {change(func(r *ca.Import) { r.Enc = good.Enc }), ca.ErrImportPair, ca.FieldEnc},
		"twice the same":         {change(func(r *ca.Import) { r.Enc = r.Sign }), ca.ErrImportPair, ca.FieldEnc},
		"no project":             {change(func(r *ca.Import) { r.Project = "" }), ca.ErrImportText, ca.FieldProject},
		"a project with a break": {change(func(r *ca.Import) { r.Project = "a\nb" }), ca.ErrImportText, ca.FieldProject},
		"no profile":             {change(func(r *ca.Import) { r.Profile = "vip" }), ca.ErrImportProfile, ca.FieldProfile},
		"another algorithm's":    {change(func(r *ca.Import) { r.Profile = "rsa2048" }), ca.ErrImportAlgorithm, ca.FieldProfile},
		"staff":                  {change(func(r *ca.Import) { r.Profile = ca.StaffProfile }), ca.ErrImportProfile, ca.FieldProfile},
		"revoked there":          {revoked, authority.ErrRevoked, ca.FieldSign},
		"another project now":    {holder(func(r *ca.Import) { r.Project = "insurance" }), ca.ErrImportChanged, ca.FieldProject},
		"another card now":       {holder(func(r *ca.Import) { r.KeyNumber = "HT-9" }), ca.ErrImportChanged, ca.FieldKeyNumber},
		"single now":             {holder(func(r *ca.Import) { r.Enc = nil }), ca.ErrImportSerial, ca.FieldSign},
	} {
		before := len(o.kinds())
		results, err := o.Import(t.Context(), "old", []ca.Import{c.row}, false)
		must(t, err)
		if !errors.Is(results[0].Refused, c.want) || results[0].Field != c.field {
			t.Errorf("%s: %v at %q", name, results[0].Refused, results[0].Field)
		}
		if after := len(o.kinds()); after != before {
			t.Errorf("%s: something was stored", name)
		}
	}
	// Two with one holder's name: the first is current.
	a, b := change(func(r *ca.Import) { r.Holder = "C-1" }), second
	b.Sign, b.Enc = o.oldSingle(old, "乙", newKey(t).Public(), "organisation").Sign, nil
	b.Holder = "C-1"
	results, err := o.Import(t.Context(), "old", []ca.Import{a, b}, false)
	must(t, err)
	if results[0].Refused != nil || !errors.Is(results[1].Refused, ca.ErrImportLineage) {
		t.Errorf("%+v", results)
	}
}

// TestOldKeyNeedsThePredecessorsWord: without a fresh list cases wait by name and
// go on by themselves; what was revoked there is refused; a list that the
// database holds without right does not count, and none goes back.
func TestOldKeyNeedsThePredecessorsWord(t *testing.T) {
	onBoth(t, func(t *testing.T, o *office) {
		old, thief := earlier.New(t, gm.SM2, "old", o.clock.Now()), earlier.New(t, gm.SM2, "old", o.clock.Now())
		o.takeOver(old, "old")
		row, key := o.oldPair(old, "甲")
		lost, _ := o.oldPair(old, "乙")
		brought := o.brought("old", row, lost)
		h := holder{person{key, row.Sign}, brought[0].Pair}
		ask := func(serial certhall.Serial) error {
			_, err := o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: o.newCase(), OldSerial: serial})
			return err
		}
		waits := func(what string, err error) {
			t.Helper()
			if !errors.Is(err, authority.ErrPredecessorStale) || certhall.AsError(err).Params["predecessor"] != "old" {
				t.Errorf("%s: %v", what, err)
			}
		}
		waits("no list", ask(h.pair.SignSerial))
		if e, err := o.Eligible(t.Context(), certhall.Renew, h.pair.SignSerial); err != nil || e.Refusal != nil {
			t.Errorf("a case may be opened to wait: %v, %v", e.Refusal, err)
		}
		forged, err := predecessors.Read(thief.CRL(o.clock.Now(), day), thief.Certificate, "old", o.clock.Now())
		must(t, err)
		if saved, err := o.store.SaveList(t.Context(), forged); err != nil || !saved {
			t.Fatal(saved, err)
		}
		waits("another's list", ask(h.pair.SignSerial))
		o.clock.advance(time.Minute)
		early := old.CRL(o.clock.Now(), 5*day)
		o.clock.advance(time.Minute)
		o.list(old, "old", day, earlier.Revocation{Certificate: parse(t, lost.Sign), Reason: 1})
		r := o.prepare(certhall.Renew, o.newCase(), h)
		if err := ask(brought[1].Pair.SignSerial); !errors.Is(err, authority.ErrRevoked) {
			t.Errorf("revoked there: %v", err)
		}
		if e, err := o.Eligible(t.Context(), certhall.Renew, brought[1].Pair.SignSerial); err != nil || !errors.Is(e.Refusal, authority.ErrRevoked) {
			t.Errorf("revoked there: %v, %v", e.Refusal, err)
		}
		l, err := predecessors.Read(early, old.Certificate, "old", o.clock.Now())
		must(t, err)
		if saved, err := o.store.SaveList(t.Context(), l); err != nil || saved {
			t.Errorf("an earlier list was taken: %v", err)
		}
		o.clock.advance(day)
		r = o.again(r, h)
		waits("past nextUpdate", func() error { _, err := o.Issue(t.Context(), r.call(t, h.person)); return err }())
		o.list(old, "old", day, earlier.Revocation{Certificate: parse(t, lost.Sign), Reason: 1})
		_, err = o.Issue(t.Context(), r.call(t, h.person))
		must(t, err)
		o.clock.advance(day - time.Second)
		o.list(old, "old", day, earlier.Revocation{Certificate: parse(t, row.Sign), Reason: 6})
		if err := ask(h.pair.SignSerial); !errors.Is(err, authority.ErrSuspended) {
			t.Errorf("on hold there: %v", err)
		}
	})
}

// again takes a new ticket for the same attempt.
func (o *office) again(r renewal, h holder) renewal {
	o.t.Helper()
	fresh := o.ticket(certhall.Service(r.ticket.Service), certhall.CaseID(r.ticket.Case), h.pair.SignSerial)
	r.ticket, r.evidence.Nonce, r.evidence.Expiry = fresh, fresh.Nonce, fresh.Expiry
	return r
}

// TestTakeOver: only two officers take a CA over; a name keeps its certificate;
// a row that they did not sign is nobody; withdrawn, nothing counts any more.
func TestTakeOver(t *testing.T) {
	o := newOffice(t)
	old, other := earlier.New(t, gm.SM2, "old", o.clock.Now()), earlier.New(t, gm.RSA, "other", o.clock.Now())
	take := func(change func(*proof.Takeover), by ...person) error {
		m := old.Takeover("test", "old", "http://old.example/ca.crl", "", o.expiry())
		change(&m)
		_, err := o.TakeOver(t.Context(), signBy(t, m, by...))
		return err
	}
	as := func(*proof.Takeover) {}
	for name, err := range map[string]error{
		"one officer":         take(as, o.officers[0]),
		"one officer twice":   take(as, o.officers[0], o.officers[0]),
		"a reviewer":          take(as, o.officers[0], o.reviewer),
		"another authority's": take(func(m *proof.Takeover) { m.Authority = "rb" }, o.officers[:]...),
		"no certificate":      take(func(m *proof.Takeover) { m.Certificate = nil }, o.officers[:]...),
	} {
		if !errors.Is(err, authority.ErrEvidence) {
			t.Errorf("%s: %v", name, err)
		}
	}
	user := old.Issue("甲", newKey(t).Public(), earlier.All, o.clock.Now(), o.clock.Now().AddDate(1, 0, 0))
	if err := take(func(m *proof.Takeover) { m.Certificate = user.Raw }, o.officers[:]...); !errors.Is(err, authority.ErrPredecessorCert) {
		t.Errorf("no CA: %v", err)
	}
	if err := take(func(m *proof.Takeover) { m.Name = "issuing-rsa" }, o.officers[:]...); !errors.Is(err, authority.ErrPredecessorName) {
		t.Errorf("a name of our own: %v", err)
	}
	if err := take(func(m *proof.Takeover) { m.CRL = "file:///etc/passwd" }, o.officers[:]...); !errors.Is(err, authority.ErrPredecessorAddress) {
		t.Errorf("the address of a file: %v", err)
	}
	if err := take(func(m *proof.Takeover) { m.Expiry = o.clock.Now() }, o.officers[:]...); !errors.Is(err, authority.ErrEvidenceExpired) {
		t.Error(err)
	}
	o.takeOver(old, "old")
	if err := take(func(m *proof.Takeover) { m.Certificate = other.Certificate.Raw }, o.officers[:]...); !errors.Is(err, authority.ErrPredecessorExists) {
		t.Error(err)
	}
	named := func() []proof.Predecessor {
		signed, err := o.Origins(t.Context())
		must(t, err)
		list, err := proof.Decode[proof.OriginList](signed.Message)
		must(t, err)
		return list.Predecessors
	}
	if list := named(); len(list) != 1 || list[0].Name != "old" || !bytes.Equal(list[0].Key, old.Certificate.RawSubjectPublicKeyInfo) {
		t.Errorf("%+v", list)
	}
	// Somebody who may write the database makes nobody a predecessor.
	must(t, o.store.Write(t.Context(), func(w ca.Writer) error {
		p, err := w.Predecessor("old")
		if err != nil {
			return err
		}
		p.Name, p.Certificate = "forged", other.Certificate.Raw
		return w.SavePredecessor(*p)
	}))
	if _, err := o.Predecessor(t.Context(), "forged"); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("a forged row: %v", err)
	}
	if list := named(); len(list) != 1 || list[0].Name != "old" { // nor does he take the list away
		t.Errorf("%+v", list)
	}
	if _, err := o.Import(t.Context(), "forged", nil, true); !errors.Is(err, authority.ErrEvidence) {
		t.Errorf("a forged row: %v", err)
	}
	must(t, o.store.Write(t.Context(), func(w ca.Writer) error {
		p, err := w.Predecessor("forged")
		if err != nil {
			return err
		}
		p.WithdrawnAt = o.clock.Now()
		return w.SavePredecessor(*p)
	}))
	// An officer who has left does not take his word with him.
	three, four := o.enrol(proof.Officer, "三"), o.enrol(proof.Officer, "四")
	must(t, o.retire(o.officers[0], three, four))
	fresh := o.node(o.store)
	if _, err := fresh.Predecessor(t.Context(), "old"); err != nil {
		t.Error(err)
	}
	o.list(old, "old", day)
	row, _ := o.oldPair(old, "甲")
	brought := o.brought("old", row)
	o.clock.advance(time.Second)
	must(t, take(func(m *proof.Takeover) { m.Withdraw, m.Certificate, m.CRL = true, nil, "" }, three, four))
	if len(named()) != 0 {
		t.Error("agents are still told")
	}
	if _, err := o.Ticket(t.Context(), authority.TicketRequest{Service: certhall.Renew, Case: "c", OldSerial: brought[0].Pair.SignSerial}); !errors.Is(err, authority.ErrPredecessorUnknown) {
		t.Errorf("withdrawn: %v", err)
	}
}

func parse(t *testing.T, der []byte) *smx509.Certificate {
	t.Helper()
	c, err := gm.ParseCertificate(der)
	must(t, err)
	return c
}

// TestImportDoesNotReviveALineage: once a holder's lineage is revoked, another
// old certificate of his, refused before, does not become current in it.
func TestImportDoesNotReviveALineage(t *testing.T) {
	onBoth(t, func(t *testing.T, o *office) {
		old := earlier.New(t, gm.SM2, "old", o.clock.Now())
		o.takeOver(old, "old")
		one, _ := o.oldPair(old, "甲")
		two, _ := o.oldPair(old, "甲")
		one.Holder, two.Holder = "C-1", "C-1"
		first := o.brought("old", one)[0].Pair
		must(t, o.Revoke(t.Context(), signBy(t, o.order("revoke", string(first.Lineage), "keyCompromise"), o.reviewer)))
		results, err := o.Import(t.Context(), "old", []ca.Import{one, two}, false)
		must(t, err)
		if !results[0].There || results[1].Refused == nil || results[1].Refused.Code != ca.ErrImportLineage.Code {
			t.Errorf("%+v", results)
		}
	})
}

// TestAcknowledgeAnImport: a pair that was brought has nothing to acknowledge.
func TestAcknowledgeAnImport(t *testing.T) {
	o := newOffice(t)
	old := earlier.New(t, gm.SM2, "old", o.clock.Now())
	o.takeOver(old, "old")
	key := newKey(t)
	row := o.oldSingle(old, "甲", key.Public(), "organisation")
	p := o.pairOf(o.brought("old", row)[0].Pair.SignSerial)
	_, err := o.Acknowledge(t.Context(), signBy(t, proof.Acknowledgement{
		Authority: "test", Case: string(p.Case), Attempt: p.Attempt, SignSerial: string(p.SignSerial), KeyDigest: p.KeyDigest,
	}, person{key, row.Sign}))
	if !errors.Is(err, authority.ErrAttemptNotOpen) {
		t.Error(err)
	}
}
