package token

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"sync"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// ErrUntrusted says that an order, or what it carries, is not by an authority
// this desk trusts, or not by the one of the pair at hand.
var ErrUntrusted = certhall.NewError("order-untrusted", certhall.Denied)

// Trust is the authorities' roots that a desk trusts. It never looks at a
// clock: whether dates fit is judged by the certificates' own dates.
type Trust struct {
	roots   []*smx509.Certificate
	issuers []*smx509.Certificate // known beforehand, beside those that orders carry
	elders  []elder
	others  *Trust // whose own certificates are nobody's to succeed; may be nil

	mu    sync.Mutex
	known map[string]*smx509.Certificate // digest of a certificate → the root it was found to chain to
}

// maxKnown bounds the memory of a Trust.
const maxKnown = 4096

// maxDepth is the longest way from a certificate to its root, in issuers.
const maxDepth = 4

// NewTrust trusts the self-signed CA certificates among the given ones; others
// may help to build chains to them, as in the files authorities hand out.
func NewTrust(certificates []*smx509.Certificate) *Trust {
	t := &Trust{known: map[string]*smx509.Certificate{}}
	for _, c := range certificates {
		if bytes.Equal(c.RawSubject, c.RawIssuer) && c.CheckSignatureFrom(c) == nil {
			t.roots = append(t.roots, c)
		} else {
			t.issuers = append(t.issuers, c)
		}
	}
	return t
}

// Root finds the trusted root that c chains to, by the issuers given (DER; the
// issuing CA first or in any order): ErrUntrusted if there is none.
func (t *Trust) Root(c *smx509.Certificate, chain [][]byte) (*smx509.Certificate, error) {
	return t.remember("chain", c, func() (*smx509.Certificate, error) {
		issuers := slices.Clone(t.issuers)
		for _, der := range chain[:min(len(chain), 2*maxDepth)] {
			issuer, err := gm.ParseCertificate(der)
			if err != nil {
				return nil, ErrUntrusted.Because(err)
			}
			issuers = append(issuers, issuer)
		}
		if root := t.climb(c, issuers, 0); root != nil {
			return root, nil
		}
		return nil, ErrUntrusted.Becausef("certificate %s does not chain to a trusted root", certhall.SerialOf(c.SerialNumber))
	})
}

func (t *Trust) climb(c *smx509.Certificate, issuers []*smx509.Certificate, depth int) *smx509.Certificate {
	for _, root := range t.roots {
		if signedBy(c, root, depth) {
			return root
		}
	}
	if depth == maxDepth {
		return nil
	}
	for _, issuer := range issuers {
		if signedBy(c, issuer, depth) {
			if root := t.climb(issuer, issuers, depth+1); root != nil {
				return root
			}
		}
	}
	return nil
}

// signedBy tells whether c is by the issuer, which has depth CAs below it on
// the way to the end (RFC 5280, 6.1), and does not outlive it.
func signedBy(c, issuer *smx509.Certificate, depth int) bool {
	return bytes.Equal(c.RawIssuer, issuer.RawSubject) &&
		len(issuer.UnhandledCriticalExtensions) == 0 &&
		(issuer.MaxPathLen < 0 || issuer.MaxPathLen == 0 && !issuer.MaxPathLenZero || depth <= issuer.MaxPathLen) &&
		!c.NotAfter.Before(c.NotBefore) && !c.NotAfter.After(issuer.NotAfter) &&
		c.CheckSignatureFrom(issuer) == nil // a CA that may sign certificates, and did
}

// elder is a predecessor's issuer that an authority's signed list names.
type elder struct {
	subject []byte
	key     crypto.PublicKey
	root    *smx509.Certificate // of the authority
}

// Succeed lets certificates of the predecessors that a list names (Listed) be
// succeeded under the list's root. Those under a root of others stay theirs,
// whatever the list says; others may be nil.
func (t *Trust) Succeed(list proof.OriginList, root *smx509.Certificate, others *Trust) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.others = others
	for _, p := range list.Predecessors {
		if key, err := gm.ParseAnyPublicKey(p.Key); err == nil {
			t.elders = append(t.elders, elder{p.Subject, key, root})
		}
	}
}

// Under finds the root of the authority that may succeed c: the one it chains
// to, or the one under which its issuer is listed as a predecessor. ErrUntrusted
// if there is none. Only where a pair is succeeded does a predecessor's word
// count; what is written to a key, and what lets something go, wants Root.
func (t *Trust) Under(c *smx509.Certificate, chain [][]byte) (*smx509.Certificate, error) {
	root, err := t.Root(c, chain)
	if err == nil {
		return root, nil
	}
	t.mu.Lock()
	elders, others := t.elders, t.others
	t.mu.Unlock()
	for _, e := range elders {
		if c.IsCA || !bytes.Equal(c.RawIssuer, e.subject) || gm.SignedBy(c, e.key) != nil {
			continue
		}
		if others != nil {
			if _, own := others.Root(c, chain); own == nil {
				return nil, ErrUntrusted.Becausef("certificate %s is another authority's own", certhall.SerialOf(c.SerialNumber))
			}
		}
		return e.root, nil
	}
	return nil, err
}

// remember keeps what was found: a chain that held holds for ever.
func (t *Trust) remember(what string, c *smx509.Certificate, find func() (*smx509.Certificate, error)) (*smx509.Certificate, error) {
	key := what + hex.EncodeToString(gm.SM3(c.Raw))
	t.mu.Lock()
	root := t.known[key]
	t.mu.Unlock()
	if root != nil {
		return root, nil
	}
	root, err := find()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.known) >= maxKnown {
		clear(t.known)
	}
	t.known[key] = root
	return root, nil
}

// officeRoot is the root that itself signed this certificate for an office:
// the notary's or the origin list's, told by the extended key usage.
func (t *Trust) officeRoot(c *smx509.Certificate, office asn1.ObjectIdentifier) (*smx509.Certificate, error) {
	return t.remember(office.String(), c, func() (*smx509.Certificate, error) {
		for _, oid := range c.UnknownExtKeyUsage {
			if !oid.Equal(office) || c.IsCA {
				continue
			}
			for _, root := range t.roots {
				if signedBy(c, root, 0) {
					return root, nil
				}
			}
		}
		return nil, ErrUntrusted.Becausef("certificate %s is not for office %s of a trusted authority", certhall.SerialOf(c.SerialNumber), office)
	})
}

// Notarized decodes a message that a trusted authority's notary signed, alone,
// and tells under which root.
func Notarized[M proof.Message](t *Trust, s proof.Signed) (m M, root *smx509.Certificate, err error) {
	m, _, root, err = official[M](t, s, proof.OIDNotary)
	return m, root, err
}

// Listed decodes an origin list that a trusted authority signed with the
// certificate it has for that, and tells under which root. A list that says it
// holds longer than its signer's certificate is refused.
func Listed(t *Trust, s proof.Signed) (list proof.OriginList, root *smx509.Certificate, err error) {
	list, signer, root, err := official[proof.OriginList](t, s, proof.OIDOriginList)
	if err == nil && list.Expiry.After(signer.NotAfter) {
		err = ErrUntrusted.Becausef("the list ends after its signer's certificate")
	}
	return list, root, err
}

// official decodes a message signed, alone, by the holder of an office.
func official[M proof.Message](t *Trust, s proof.Signed, office asn1.ObjectIdentifier) (m M, signer, root *smx509.Certificate, err error) {
	if len(s.Signatures) != 1 {
		return m, nil, nil, ErrUntrusted.Becausef("%d signatures", len(s.Signatures))
	}
	if signer, err = gm.ParseCertificate(s.Signatures[0].Certificate); err != nil {
		return m, nil, nil, ErrUntrusted.Because(err)
	}
	if root, err = t.officeRoot(signer, office); err != nil {
		return m, nil, nil, err
	}
	pub, err := gm.CertificateKey(signer)
	if err != nil {
		return m, nil, nil, ErrUntrusted.Because(err)
	}
	if m, err = proof.VerifyKey[M](s, pub); err != nil {
		return m, nil, nil, ErrUntrusted.Because(err)
	}
	return m, signer, root, nil
}
