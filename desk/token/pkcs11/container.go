package pkcs11

import (
	"bytes"
	"context"
	"crypto"
	"encoding/asn1"
	"slices"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/gm"
)

// container is the objects of one CKA_ID. With RSA and ECDSA they are one pair
// and its certificate; with SM2 two pairs, told apart by what their keys may do.
type container struct {
	key  *key
	name string
	id   []byte
}

func errNoContainer(name string) error { return token.ErrNoContainer.Becausef("%.80q", name) }

// Name is the label.
func (c *container) Name() string { return c.name }

// find lists the container's objects of a class.
func (c *container) find(class uint64) ([]native.Ref, error) {
	return c.key.find(c.key.m.template().number(attrClass, class).yes(attrToken).bytes(attrID, c.id))
}

// keys lists the keys' objects of one half.
func (c *container) keys(class uint64, u token.Usage) ([]native.Ref, error) {
	s := c.key.m.profile.SM2
	if s == nil && u == token.Encryption {
		return nil, nil
	}
	refs, err := c.find(class)
	if err != nil || s == nil {
		return refs, err
	}
	signs := uint64(attrVerify)
	if class == classPrivate {
		signs = attrSign
	}
	var half []native.Ref
	for _, ref := range refs {
		values, err := c.key.read(ref, attrKeyType, signs)
		if err != nil {
			return nil, err
		}
		usage := token.Signing
		if set, ok := flag(values[1]); ok && !set && bytes.Equal(values[0], ulong(s.KeyType, c.key.m.profile.ULong)) {
			usage = token.Encryption
		}
		if usage == u {
			half = append(half, ref)
		}
	}
	return half, nil
}

// public is the key of a half's public object; nil where there is none of a
// kind that is used here.
func (c *container) public(u token.Usage) (crypto.PublicKey, error) {
	refs, err := c.keys(classPublic, u)
	for i := 0; err == nil && i < len(refs); i++ {
		var pub crypto.PublicKey
		if pub, err = c.key.publicKey(refs[i]); pub != nil {
			return pub, err
		}
	}
	return nil, err
}

// PublicKey reads the public key's object, or else the certificate. A
// certificate whose private key is not there has no key: that can be told
// after a log-in only, and before it the private key is taken to be there.
func (c *container) PublicKey(ctx context.Context, u token.Usage) (crypto.PublicKey, error) {
	if err := c.key.ready(ctx); err != nil {
		return nil, err
	}
	pub, err := c.public(u)
	if err != nil {
		return nil, explained(err)
	}
	if pub != nil {
		return pub, nil
	}
	held, err := c.certificate(u)
	if err != nil {
		return nil, explained(err)
	}
	if held == nil || held.key() == nil {
		return nil, token.ErrNoKey
	}
	in, err := c.key.loggedIn()
	if err != nil {
		return nil, explained(err)
	}
	if in {
		private, err := c.keys(classPrivate, u)
		if err != nil {
			return nil, explained(err)
		}
		if len(private) == 0 {
			return nil, token.ErrNoKey
		}
	}
	return held.key(), nil
}

// held is a certificate's object.
type held struct {
	ref    native.Ref
	der    []byte
	parsed *smx509.Certificate // nil: no certificate
}

// key is the certificate's, of a kind that is used here; else nil.
func (h *held) key() crypto.PublicKey {
	if h.parsed == nil {
		return nil
	}
	pub, err := gm.CertificateKey(h.parsed)
	if err != nil {
		return nil
	}
	return pub
}

// forEncryption are the key usages of an encryption certificate, which has none
// of those for signatures (GM/T 0015, 5.2.4).
const (
	forEncryption = smx509.KeyUsageKeyEncipherment | smx509.KeyUsageDataEncipherment | smx509.KeyUsageKeyAgreement
	forSignatures = smx509.KeyUsageDigitalSignature | smx509.KeyUsageContentCommitment
)

// usage tells which half a certificate belongs to.
func (c *container) usage(h *held) token.Usage {
	if c.key.m.profile.SM2 == nil || h.parsed == nil || h.parsed.KeyUsage&forSignatures != 0 || h.parsed.KeyUsage&forEncryption == 0 {
		return token.Signing
	}
	if a, err := gm.AlgorithmOf(h.parsed.PublicKey); err != nil || a != gm.SM2 {
		return token.Signing
	}
	return token.Encryption
}

// certificates lists those of one half.
func (c *container) certificates(u token.Usage) ([]*held, error) {
	if c.key.m.profile.SM2 == nil && u == token.Encryption {
		return nil, nil
	}
	refs, err := c.find(classCertificate)
	if err != nil {
		return nil, err
	}
	var all []*held
	for _, ref := range refs {
		values, err := c.key.read(ref, attrValue)
		if answers(err, objectInvalid) {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		h := &held{ref: ref, der: values[0]}
		h.parsed, _ = gm.ParseCertificate(h.der)
		if c.usage(h) == u {
			all = append(all, h)
		}
	}
	return all, nil
}

// certificate is the half's; of several (an older one that was not yet
// destroyed) the one for the key that lies there, and of those the latest.
func (c *container) certificate(u token.Usage) (*held, error) {
	all, err := c.certificates(u)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	if len(all) == 1 {
		return all[0], nil
	}
	pub, err := c.public(u)
	if err != nil {
		return nil, err
	}
	return slices.MaxFunc(all, func(a, b *held) int {
		if fits := order(gm.SameKey(a.key(), pub)) - order(gm.SameKey(b.key(), pub)); fits != 0 {
			return fits
		}
		if a.parsed == nil || b.parsed == nil {
			return order(a.parsed != nil) - order(b.parsed != nil)
		}
		return a.parsed.NotBefore.Compare(b.parsed.NotBefore)
	}), nil
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Certificate reads the half's certificate.
func (c *container) Certificate(ctx context.Context, u token.Usage) ([]byte, error) {
	if err := c.key.ready(ctx); err != nil {
		return nil, err
	}
	h, err := c.certificate(u)
	if err != nil {
		return nil, explained(err)
	}
	if h == nil || len(h.der) == 0 {
		return nil, token.ErrNoCertificate
	}
	return h.der, nil
}

// ImportCertificate writes the new certificate before those that it replaces
// go: there is always one.
func (c *container) ImportCertificate(ctx context.Context, u token.Usage, der []byte) error {
	if err := c.key.writable(ctx); err != nil {
		return err
	}
	parsed, err := gm.ParseCertificate(der)
	if err != nil {
		return token.ErrBundle.Because(err)
	}
	if c.usage(&held{parsed: parsed}) != u {
		return unsupported("encryption-certificate")
	}
	before, err := c.certificates(u)
	if err != nil {
		return explained(err)
	}
	same := slices.IndexFunc(before, func(h *held) bool { return bytes.Equal(h.der, der) })
	if same >= 0 {
		before = slices.Delete(before, same, same+1)
	} else if err := c.write(parsed); err != nil {
		return explained(err)
	}
	var old []native.Ref
	for _, h := range before {
		old = append(old, h.ref)
	}
	return explained(c.key.destroy(ctx, old))
}

func (c *container) write(parsed *smx509.Certificate) error {
	serial, err := asn1.Marshal(parsed.SerialNumber)
	if err != nil {
		return err
	}
	t := c.named().number(attrClass, classCertificate).number(attrCertificateType, certificateX509).yes(attrToken).no(attrPrivate).
		bytes(attrSubject, parsed.RawSubject).bytes(attrIssuer, parsed.RawIssuer).bytes(attrSerialNumber, serial).bytes(attrValue, parsed.Raw)
	_, err = c.create(t)
	return err
}

// named is a template that begins with the container's CKA_ID and label.
func (c *container) named() *template {
	return c.key.m.template().bytes(attrID, c.id).bytes(attrLabel, []byte(c.name))
}

func (c *container) create(t *template) (native.Ref, error) {
	var ref native.Ref
	return ref, c.key.call("C_CreateObject", t.arg(), t.count(), native.Handle(&ref))
}

// signingLast orders certificates so that the one goes last by which others
// find the container.
func (c *container) signingLast(refs []native.Ref) []native.Ref {
	signing, err := c.certificate(token.Signing)
	if err != nil || signing == nil {
		return refs
	}
	refs = slices.DeleteFunc(refs, func(r native.Ref) bool { return r == signing.ref })
	return append(refs, signing.ref)
}

// unsupported names what cannot be done through this library.
func unsupported(what string) error {
	return token.ErrUnsupported.With("what", what).Becausef("not through this library: %s", what)
}
