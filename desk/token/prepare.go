package token

import (
	"context"
	"crypto"
	"crypto/x509/pkix"
	"errors"
	"io"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Prepare makes the attempt's key in its own container, the request for it
// and the old key's evidence. It answers proof.Prepared or proof.Trouble.
//
// ◆ Only with a ticket of the authority the old pair is of. Repeated, it finds
// the container: a key that works is used again, so that the request stays the
// same. It never makes a key where one lies.
func Prepare(ctx context.Context, key Key, order proof.Prepare, env Env) (proof.Message, error) {
	ticket, root, err := Notarized[proof.Ticket](env.Trust, order.Ticket)
	if err != nil {
		return nil, err
	}
	a, err := attemptOf(order.Authority, ticket.Authority, ticket.Case, ticket.Attempt)
	if err != nil {
		return nil, err
	}
	if d := certhall.Disposal(order.Disposal); d != certhall.Keep && d != certhall.Delete {
		return nil, ErrUntrusted.Becausef("disposal %.40q", order.Disposal)
	}
	all, err := Look(ctx, key)
	if err != nil {
		return nil, err
	}
	here := byName(all, a.container())
	var old *Holding
	if ticket.OldSerial != "" {
		if old = env.Trust.bySerial(all, ticket.OldSerial, root, order.Chain); old == nil {
			if here != nil {
				return a.trouble(proof.Stale), nil // the old container went after the new one was confirmed
			}
			return nil, ErrOldPairMissing.With("serial", ticket.OldSerial)
		}
		if old == here {
			return nil, ErrUntrusted.Becausef("%s is the old pair's own container", old.Name())
		}
	}
	makes, err := algorithm(order, old)
	if err != nil {
		return nil, ErrUntrusted.Because(err)
	}
	if err := env.agree(ctx, prepareTerms(ticket, order, old)); err != nil {
		return nil, err
	}
	if err := env.unlock(ctx); err != nil {
		return nil, err
	}
	if here, err = WithKey(ctx, key, a.container(), makes); err != nil {
		if errors.Is(err, ErrKeyFull) {
			return a.trouble(proof.KeyFull), nil
		}
		return nil, err
	}
	if ok, err := signs(ctx, here, env.Random); err != nil {
		return nil, err
	} else if !ok {
		return a.trouble(proof.FailingSelfTest), nil
	}
	env.progress(PartSigningKey)
	request, digest, err := Request(ctx, here, commonName(old), env.Random)
	if err != nil {
		return nil, err
	}
	prepared := proof.Prepared{Authority: a.authority, Case: a.id, Attempt: a.number, KeySerial: key.Info().Serial, Request: request}
	if old != nil {
		prepared.Evidence, err = SignAs(ctx, old, proof.OldKey{
			Authority: a.authority, Service: ticket.Service, Case: a.id, Attempt: a.number,
			Entitlement: order.Entitlement, OldSerial: ticket.OldSerial, Project: order.Project,
			Profile: order.Profile, TermYears: order.TermYears, RequestDigest: digest,
			Disposal: order.Disposal, KeySerial: prepared.KeySerial, Nonce: ticket.Nonce, Expiry: ticket.Expiry,
		})
	}
	return prepared, err
}

func prepareTerms(ticket proof.Ticket, order proof.Prepare, old *Holding) Terms {
	t := Terms{
		What: ToPrepare, Service: certhall.Service(ticket.Service), Serial: certhall.Serial(ticket.OldSerial),
		Years: order.TermYears, Disposal: certhall.Disposal(order.Disposal),
	}
	if old != nil {
		t.Subject, t.NotAfter = old.Sign.Subject.CommonName, old.Sign.NotAfter
	}
	return t
}

// algorithm is that of the old pair's key, which its successor's is to have;
// without an old pair the order's.
func algorithm(order proof.Prepare, old *Holding) (a gm.Algorithm, err error) {
	switch {
	case old != nil:
		return gm.AlgorithmOf(old.Sign.PublicKey)
	case order.Algorithm == "":
		return gm.SM2, nil
	}
	err = a.UnmarshalText([]byte(order.Algorithm))
	return a, err
}

// WithKey opens a container; it makes the container and the key in it where
// they are not there yet. What is in it already is left as it is.
func WithKey(ctx context.Context, key Key, name string, a gm.Algorithm) (*Holding, error) {
	h, err := lookAt(ctx, key, name)
	if errors.Is(err, ErrNoContainer) {
		var c Container
		c, err = key.Create(ctx, name)
		h = &Holding{Container: c}
	}
	if err != nil || !h.Empty() {
		return h, err
	}
	if _, err := h.GenerateSigningKey(ctx, a); err != nil {
		return nil, err
	}
	return lookAt(ctx, key, name) // believe what lies there, not what was answered
}

// SignAs signs a message with the container's key, under its certificate, and
// checks the signature before it leaves the key's side.
func SignAs(ctx context.Context, h *Holding, m proof.Message) (proof.Signed, error) {
	if !h.Fits() {
		return proof.Signed{}, ErrKeyPairBroken.Becausef("%s: the certificate is not for the key", h.Name())
	}
	s, err := proof.Sign(m, h.Sign.Raw, func(message []byte) ([]byte, error) { return h.Container.Sign(ctx, message) })
	if err != nil {
		return proof.Signed{}, err
	}
	if err := gm.VerifyAny(h.SignKey, s.Message, s.Signatures[0].Value); err != nil {
		return proof.Signed{}, ErrKeyPairBroken.Because(err)
	}
	return s, nil
}

func commonName(old *Holding) string {
	if old == nil || old.Sign.Subject.CommonName == "" {
		return "certhall"
	}
	return old.Sign.Subject.CommonName
}

// Request makes the P10. The authority takes only the key from it; the same
// key and name give the same CertificationRequestInfo.
func Request(ctx context.Context, h *Holding, commonName string, random io.Reader) (der, digest []byte, err error) {
	a, err := gm.AlgorithmOf(h.SignKey)
	if err != nil {
		return nil, nil, ErrKeyPairBroken.Because(err)
	}
	template := &smx509.CertificateRequest{Subject: pkix.Name{CommonName: commonName}, SignatureAlgorithm: a.Signature()}
	der, err = smx509.CreateCertificateRequest(random, template, &signer{ctx, h})
	if err != nil {
		return nil, nil, err
	}
	_, digest, err = gm.ParseRequest(der)
	return der, digest, err
}

// signer lets smx509 sign by a container: its Sign takes a digest, but where
// there is none (SM2) the whole message.
type signer struct {
	ctx context.Context
	h   *Holding
}

func (s *signer) Public() crypto.PublicKey { return s.h.SignKey }

func (s *signer) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("token: keys sign messages, not digests")
}

// SignMessage implements crypto.MessageSigner.
func (s *signer) SignMessage(_ io.Reader, message []byte, _ crypto.SignerOpts) ([]byte, error) {
	return s.h.Container.Sign(s.ctx, message)
}
