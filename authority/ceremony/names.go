package ceremony

import (
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
)

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

// Known are the file names of the folder's certificates, by serial number.
func (p Public) Known() map[certhall.Serial]string {
	m := map[certhall.Serial]string{}
	add := func(name string, c *smx509.Certificate) {
		if c != nil {
			m[certhall.SerialOf(c.SerialNumber)] = name + certSuffix
		}
	}
	for name, c := range p.CACertificates() {
		add(name, c)
	}
	for _, i := range p.Issuers {
		add(i.Name+crossPart, i.Cross)
	}
	add("notary", p.Notary)
	add("origins", p.Origins)
	return m
}
