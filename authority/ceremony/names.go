package ceremony

import "github.com/emmansun/gmsm/smx509"

// IssuingNames are the names of the issuing CAs, as in /crl/NAME.crl.
func (p Public) IssuingNames() []string {
	var names []string
	for _, i := range p.Issuers {
		names = append(names, i.Name)
	}
	return names
}

// RootCertificates are the roots' certificates by name.
func (p Public) RootCertificates() map[string]*smx509.Certificate {
	m := map[string]*smx509.Certificate{}
	for _, root := range p.Roots {
		m[root.Name] = root.Certificate
	}
	return m
}

// CACertificates are the certificates of all CAs by name, as in /ca/NAME.cer.
func (p Public) CACertificates() map[string]*smx509.Certificate {
	m := p.RootCertificates()
	for _, i := range p.Issuers {
		m[i.Name] = i.Certificate
	}
	return m
}
