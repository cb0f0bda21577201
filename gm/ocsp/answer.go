package ocsp

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"slices"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/gm"
)

type response struct {
	Status asn1.Enumerated
	Bytes  struct {
		Type asn1.ObjectIdentifier
		DER  []byte
	} `asn1:"optional,explicit,tag:0"`
}

type basic struct {
	TBS          asn1.RawValue
	Algorithm    asn1.RawValue
	Signature    asn1.BitString
	Certificates []asn1.RawValue `asn1:"optional,explicit,tag:0"`
}

type tbsResponse struct {
	Version    int `asn1:"optional,explicit,default:0,tag:0"`
	Responder  asn1.RawValue
	ProducedAt time.Time `asn1:"generalized"`
	Answers    []single
	Extensions []extension `asn1:"optional,explicit,tag:1"`
}

type single struct {
	ID         certID
	Status     asn1.RawValue
	ThisUpdate time.Time   `asn1:"generalized"`
	NextUpdate time.Time   `asn1:"generalized,optional,explicit,tag:0"`
	Extensions []extension `asn1:"optional,explicit,tag:1"`
}

type revokedInfo struct {
	At     time.Time       `asn1:"generalized"`
	Reason asn1.Enumerated `asn1:"optional,explicit,tag:0,default:0"`
}

// Clock differences up to skew are forgiven.
const skew = 5 * time.Minute

// Parse reads an OCSPResponse and believes it only if it is signed by the
// issuer or by its delegate, of this time, and carries the nonce (nil: none was
// sent). Answers about other issuers are left out.
func Parse(der []byte, issuer *smx509.Certificate, nonce []byte, now time.Time) (answers []Answer, err error) {
	defer func() {
		if p := recover(); p != nil { // a parser below gave up
			answers, err = nil, fmt.Errorf("%w: %v", ErrMalformed, p)
		}
	}()
	if len(der) > MaxAnswer {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(der))
	}
	var r response
	if err := exactly(der, &r); err != nil {
		return nil, err
	}
	if r.Status != 0 {
		return nil, fmt.Errorf("%w: status %d", ErrRefused, r.Status)
	}
	var b basic
	var t tbsResponse
	if !r.Bytes.Type.Equal(oidBasic) {
		return nil, fmt.Errorf("%w: response type %v", ErrMalformed, r.Bytes.Type)
	}
	if err := exactly(r.Bytes.DER, &b); err != nil {
		return nil, err
	}
	if err := exactly(b.TBS.FullBytes, &t); err != nil {
		return nil, err
	}
	if err := signed(b, issuer, now); err != nil {
		return nil, err
	}
	if err := fresh(t.Extensions, nonce); err != nil {
		return nil, err
	}
	for _, s := range t.Answers {
		a, ours, err := s.read(issuer, now)
		if err != nil {
			return nil, err
		}
		if ours {
			answers = append(answers, a)
		}
	}
	return answers, nil
}

func exactly(der []byte, into any) error {
	if rest, err := asn1.Unmarshal(der, into); err != nil || len(rest) > 0 {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return nil
}

// signed finds who signed: the issuer itself, or a certificate it made for that.
func signed(b basic, issuer *smx509.Certificate, now time.Time) error {
	signers := []*smx509.Certificate{issuer}
	for _, raw := range b.Certificates {
		c, err := gm.ParseCertificate(raw.FullBytes)
		if err == nil && delegated(c, issuer, now) { // others are sent along, such as CAs' that break rules (gm.ParseIssuer)
			signers = append(signers, c)
		}
	}
	for _, c := range signers {
		if _, err := gm.AlgorithmOf(c.PublicKey); err == nil && gm.SignedAs(b.Algorithm.FullBytes, c.PublicKey, b.TBS.FullBytes, b.Signature.RightAlign()) == nil {
			return nil
		}
	}
	return ErrUntrusted
}

// delegated tells whether the issuer made c to sign answers (RFC 6960, 4.2.2.2).
func delegated(c, issuer *smx509.Certificate, now time.Time) bool {
	return slices.Contains(c.ExtKeyUsage, smx509.ExtKeyUsageOCSPSigning) && bytes.Equal(c.RawIssuer, issuer.RawSubject) &&
		!now.Add(skew).Before(c.NotBefore) && !now.Add(-skew).After(c.NotAfter) &&
		gm.SignedBy(c, issuer.PublicKey) == nil
}

func fresh(extensions []extension, nonce []byte) error {
	if nonce == nil {
		return nil
	}
	for _, e := range extensions {
		var told []byte
		if e.ID.Equal(oidNonce) {
			if _, err := asn1.Unmarshal(e.Value, &told); err == nil && bytes.Equal(told, nonce) {
				return nil
			}
		}
	}
	return ErrNonce
}

// read reads one answer; ours is false if it is about another issuer.
func (s single) read(issuer *smx509.Certificate, now time.Time) (a Answer, ours bool, err error) {
	want, err := idOf(issuer, s.ID.Serial)
	if err != nil {
		return a, false, err
	}
	if !s.ID.Hash.Algorithm.Equal(oidSHA1) || !bytes.Equal(s.ID.NameHash, want.NameHash) || !bytes.Equal(s.ID.KeyHash, want.KeyHash) {
		return a, false, nil
	}
	a = Answer{Serial: s.ID.Serial, ThisUpdate: s.ThisUpdate, NextUpdate: s.NextUpdate}
	if now.Add(skew).Before(a.ThisUpdate) || !a.NextUpdate.IsZero() && now.Add(-skew).After(a.NextUpdate) {
		return a, true, ErrStale
	}
	if s.Status.Class != asn1.ClassContextSpecific {
		return a, true, fmt.Errorf("%w: class of status", ErrMalformed)
	}
	switch s.Status.Tag {
	case 0:
		a.Standing = Good
	case 1:
		var info revokedInfo
		if _, err := asn1.UnmarshalWithParams(s.Status.FullBytes, &info, "tag:1"); err != nil {
			return a, true, fmt.Errorf("%w: %v", ErrMalformed, err)
		}
		a.Standing, a.RevokedAt, a.Reason = Revoked, info.At, int(info.Reason)
	case 2:
		a.Standing = Unknown
	default:
		return a, true, fmt.Errorf("%w: status [%d]", ErrMalformed, s.Status.Tag)
	}
	return a, true, nil
}
