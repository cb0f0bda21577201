package status

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/asn1"
	"fmt"
	"time"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// issuerKey is how a request names an issuer (CertID, RFC 6960, 4.1.1).
type issuerKey struct {
	by        digest
	name, key [32]byte // digests of its name and its key; those of SHA-1 fill 20 octets
}

// keyOf is zero, which is no issuer's, where the lengths do not fit the digest.
func keyOf(by digest, name, key []byte) (k issuerKey) {
	length := 32
	if by == bySHA1 {
		length = sha1.Size
	}
	if by == 0 || len(name) != length || len(key) != length {
		return k
	}
	k.by = by
	copy(k.name[:], name)
	copy(k.key[:], key)
	return k
}

// speaker is an issuer as answers are given in its name. What is the same in
// all of them is encoded once.
type speaker struct {
	Issuer
	id           []byte // ResponderID byKey, DER (RFC 6960, 4.2.1)
	algorithm    []byte // AlgorithmIdentifier, DER
	certificates []byte // the delegated certificate as [0] of BasicOCSPResponse
	own          certhall.Serial
}

// speakers are all issuers that are answered for, by each of their names.
type speakers struct {
	list   []*speaker
	byName map[issuerKey]*speaker
}

func newSpeakers(issuers []Issuer) (*speakers, error) {
	all := &speakers{byName: map[issuerKey]*speaker{}}
	for _, issuer := range issuers {
		s, err := newSpeaker(issuer)
		if err != nil {
			return nil, fmt.Errorf("status: issuer %s: %w", issuer.Name, err)
		}
		key, err := keyBits(issuer.Certificate)
		if err != nil {
			return nil, fmt.Errorf("status: issuer %s: %w", issuer.Name, err)
		}
		all.list = append(all.list, s)
		name := issuer.Certificate.RawSubject
		name1, key1 := sha1.Sum(name), sha1.Sum(key)
		name256, key256 := sha256.Sum256(name), sha256.Sum256(key)
		nameSM, keySM := sm3.Sum(name), sm3.Sum(key)
		all.byName[keyOf(bySHA1, name1[:], key1[:])] = s
		all.byName[keyOf(bySHA256, name256[:], key256[:])] = s
		all.byName[keyOf(bySM3, nameSM[:], keySM[:])] = s
	}
	return all, nil
}

func newSpeaker(issuer Issuer) (*speaker, error) {
	s := &speaker{Issuer: issuer}
	c := issuer.Responder.Certificate
	if c == nil {
		return s, nil
	}
	if !delegatedBy(c, issuer.Certificate) {
		return nil, fmt.Errorf("its OCSP certificate is not of its making")
	}
	a, err := gm.AlgorithmOf(c.PublicKey)
	if err != nil {
		return nil, err
	}
	key, err := keyBits(c)
	if err != nil {
		return nil, err
	}
	hash := sha1.Sum(key)
	s.id = element(0xa2, element(0x04, hash[:]))
	s.algorithm = a.Identifier()
	s.certificates = element(0xa0, element(sequenceTag, c.Raw))
	s.own = certhall.SerialOf(c.SerialNumber)
	return s, nil
}

// delegatedBy tells whether issuer made c to sign answers (RFC 6960, 4.2.2.2):
// clients would believe no other.
func delegatedBy(c, issuer *smx509.Certificate) bool {
	for _, usage := range c.ExtKeyUsage {
		if usage == smx509.ExtKeyUsageOCSPSigning {
			return gm.VerifyAny(issuer.PublicKey, c.RawTBSCertificate, c.Signature) == nil
		}
	}
	return false
}

// keyBits are what CertID and ResponderID digest: the subjectPublicKey without
// tag, length and unused bits.
func keyBits(c *smx509.Certificate) ([]byte, error) {
	var spki struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &spki); err != nil {
		return nil, err
	}
	return spki.Key.Bytes, nil
}

// find gives who answers an entry: nil for an issuer that is none of ours.
func (all *speakers) find(e entry) *speaker {
	if e.about.by == 0 {
		return nil
	}
	return all.byName[e.about]
}

// ends is when the delegated certificate ends.
func (s *speaker) ends() time.Time { return s.Responder.Certificate.NotAfter }
