package agent

import (
	"context"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// SignDecision signs a reviewer's Decision, or an officer's Enrolment or
// Takeover (DER), after showing it. Nothing else is signed here: proof.ErrMalformed.
func (a *Agent) SignDecision(ctx context.Context, keySerial string, message []byte) (signed proof.Signed, err error) {
	m, what, facts, err := readDecision(message)
	if err != nil {
		return signed, err
	}
	err = a.with(ctx, keySerial, act{purpose: what}, func(key token.Key, env token.Env) error {
		all, err := token.Look(ctx, key)
		if err != nil {
			return err
		}
		h := staff(all)
		if h == nil {
			return token.ErrNoCertificate
		}
		facts = append(facts, Fact{"signer", h.Sign.Subject.CommonName})
		if err := a.agree(ctx, ConsentRequest{Key: key.Info(), What: what, Facts: facts}, token.ErrDeclined); err != nil {
			return err
		}
		if err := env.Unlock(ctx); err != nil {
			return err
		}
		signed, err = token.SignAs(ctx, h, m)
		return err
	})
	return signed, err
}

func readDecision(message []byte) (m proof.Message, what string, facts []Fact, err error) {
	if proof.Tag(message) == proof.TagOf[proof.Enrolment]() {
		e, err := proof.Decode[proof.Enrolment](message)
		return e, "sign-enrolment", filled([]Fact{
			{"authority", e.Authority}, {"role", e.Role}, {"name", e.Name}, {"retires", e.Retire},
			{"fingerprint", fingerprint(e.RequestDigest)}, {"expires", date(e.Expiry)},
		}), err
	}
	if proof.Tag(message) == proof.TagOf[proof.Takeover]() {
		t, err := proof.Decode[proof.Takeover](message)
		if err != nil {
			return nil, "", nil, err
		}
		what, facts := "sign-takeover", []Fact{{"authority", t.Authority}, {"predecessor", t.Name}}
		if t.Withdraw {
			what = "sign-withdrawal"
		} else {
			facts = append(facts, Fact{"fingerprint", fingerprint(gm.SM3(t.Certificate))}, Fact{"crl", t.CRL}, Fact{"ocsp", t.OCSP})
			if c, err := gm.ParseCertificate(t.Certificate); err == nil {
				facts = append(facts, Fact{"subject", subject(c.RawSubject)}) // one that cannot be read is told by its fingerprint
			}
		}
		return t, what, filled(append(facts, Fact{"expires", date(t.Expiry)})), nil
	}
	d, err := proof.Decode[proof.Decision](message)
	if err != nil {
		return nil, "", nil, err
	}
	years := ""
	if d.TermYears > 0 {
		years = strconv.Itoa(d.TermYears)
	}
	return d, "sign-decision", filled([]Fact{
		{"authority", d.Authority}, {"verdict", d.Verdict}, {"service", d.Service}, {"case", d.Case},
		{"subject", subject(d.Subject)}, {"organisation", d.Organisation}, {"project", d.Project}, {"key-number", d.KeyNumber},
		{"profile", d.Profile}, {"years", years}, {"reason", d.Reason},
		{"fingerprint", fingerprint(d.RequestDigest)}, {"expires", date(d.Expiry)},
	}), nil
}

// subject writes a DER Name for people.
func subject(der []byte) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) != 0 {
		return ""
	}
	return rdns.String()
}

// fingerprint writes a digest in groups that two people can compare.
func fingerprint(digest []byte) string {
	var groups []string
	for s := hex.EncodeToString(digest); s != ""; s = s[min(8, len(s)):] {
		groups = append(groups, s[:min(8, len(s))])
	}
	return strings.Join(groups, " ")
}

// staff picks the container that signs: staff have single certificates, so one
// without an encryption certificate comes first, and of several the newest.
func staff(all []*token.Holding) *token.Holding {
	var best *token.Holding
	for _, h := range all {
		if !h.Fits() {
			continue
		}
		single, bestSingle := h.Enc == nil, best != nil && best.Enc == nil
		if best == nil || single && !bestSingle ||
			single == bestSingle && h.Sign.NotBefore.After(best.Sign.NotBefore) {
			best = h
		}
	}
	return best
}
