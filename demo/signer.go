package demo

import (
	"context"
	"crypto"
	"crypto/x509/pkix"
	"io"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// Signer is an officer or a reviewer with a key: on a USB key (staffKey), or in
// memory (NewSigner), where no key is needed to make the point.
type Signer interface {
	// Request makes the signing key and its P10.
	Request(ctx context.Context, name string) (p10 []byte, err error)
	// Import stores the certificate that the P10 became.
	Import(ctx context.Context, certificate []byte) error
	// Sign signs a draft's message.
	Sign(ctx context.Context, d proof.Draft) (proof.Signed, error)
}

// inMemory signs with a key that lives as long as the program.
type inMemory struct {
	random      io.Reader
	key         *sm2.PrivateKey
	certificate []byte
}

// NewSigner makes a Signer in memory.
func NewSigner(random io.Reader) Signer { return &inMemory{random: random} }

func (s *inMemory) Request(_ context.Context, name string) ([]byte, error) {
	if s.key == nil {
		key, err := sm2.GenerateKey(s.random)
		if err != nil {
			return nil, err
		}
		s.key = key
	}
	return Request(s.random, s.key, name)
}

func (s *inMemory) Import(_ context.Context, certificate []byte) error {
	s.certificate = certificate
	return nil
}

func (s *inMemory) Sign(_ context.Context, d proof.Draft) (proof.Signed, error) {
	value, err := gm.Sign(s.random, s.key, d.Message)
	if err != nil {
		return proof.Signed{}, err
	}
	return proof.Signed{Message: d.Message, Signatures: []proof.Signature{{Certificate: s.certificate, Value: value}}}, nil
}

// Request makes a P10 with a software key (RFC 2986).
func Request(random io.Reader, key crypto.Signer, name string) ([]byte, error) {
	return smx509.CreateCertificateRequest(random, &smx509.CertificateRequest{
		Subject: pkix.Name{CommonName: name},
	}, key)
}
