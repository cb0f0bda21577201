package ceremony

import (
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall/authority"
)

// IssuingNames are the names of the issuing CAs, as in /crl/NAME.crl.
func (p Public) IssuingNames() []string { return []string{authority.MainIssuer} }

// RootCertificates are the roots' certificates by name.
func (p Public) RootCertificates() map[string]*smx509.Certificate {
	return map[string]*smx509.Certificate{"root": p.Root}
}

// CACertificates are the certificates of all CAs by name, as in /ca/NAME.cer.
func (p Public) CACertificates() map[string]*smx509.Certificate {
	all := p.RootCertificates()
	all[authority.MainIssuer] = p.Issuing
	return all
}
