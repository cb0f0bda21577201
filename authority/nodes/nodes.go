// Package nodes tells the processes of one authority apart when they run on
// several machines: an internal CA (P-256, no part of any certificate that
// people hold) gives each node a certificate for its role, and TLS 1.3 both
// ways proves it. A certificate names the role and not the machine's address,
// so that addresses can change; the hall's can only call, the issuing node's
// can only answer.
package nodes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/certhall/certhall"
)

// Roles that a node's certificate can give.
const (
	Hall    = "hall"
	Issue   = "issue"
	Publish = "publish"
)

// Terms of the internal certificates, in years.
const (
	caYears   = 20
	nodeYears = 2
)

// What making and using a node's certificate answers beside success.
var (
	ErrRole = certhall.NewError("node-role-unknown", certhall.Invalid)
	ErrName = certhall.NewError("node-name-malformed", certhall.Invalid)
)

// domain ends the names in the certificates; nobody resolves them.
const domain = ".certhall.internal"

// CA signs the nodes' certificates.
type CA struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// Node is a node's certificate with its key.
type Node struct {
	Certificate *x509.Certificate
	Key         *ecdsa.PrivateKey
}

// Found makes the internal CA of an authority.
func Found(authority string, now time.Time, random io.Reader) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, err
	}
	t, err := template(pkix.Name{CommonName: "certhall internal CA", Organization: []string{authority}}, now, caYears, random)
	if err != nil {
		return nil, err
	}
	t.IsCA, t.BasicConstraintsValid, t.MaxPathLenZero = true, true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	certificate, err := sign(random, t, t, key, key)
	return &CA{certificate, key}, err
}

// Issue makes a certificate for a node of a role; name (lower-case letters,
// digits and hyphens) tells it apart from others of the same role.
func (c *CA) Issue(role, name string, now time.Time, random io.Reader) (*Node, error) {
	t, err := template(pkix.Name{CommonName: name + " (" + role + ")", Organization: c.Certificate.Subject.Organization}, now, nodeYears, random)
	if err != nil {
		return nil, err
	}
	switch role {
	case Hall, Publish:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	case Issue:
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	default:
		return nil, ErrRole.With("role", role)
	}
	if !validName(name) {
		return nil, ErrName.With("name", name)
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.DNSNames = []string{role + domain}
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, err
	}
	certificate, err := sign(random, t, c.Certificate, key, c.Key)
	return &Node{certificate, key}, err
}

func validName(name string) bool {
	return name != "" && len(name) <= 40 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func template(subject pkix.Name, now time.Time, years int, random io.Reader) (*x509.Certificate, error) {
	serial, err := certhall.NewSerial(random)
	return &x509.Certificate{
		SerialNumber: serial.Big(), Subject: subject,
		NotBefore: now.Add(-time.Hour).UTC().Truncate(time.Second), NotAfter: now.AddDate(years, 0, 0).UTC().Truncate(time.Second),
	}, err
}

func sign(random io.Reader, t, issuer *x509.Certificate, key, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(random, t, issuer, &key.PublicKey, by)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// RoleOf is the role that a node's certificate gives, "" if none.
func RoleOf(c *x509.Certificate) string {
	for _, role := range []string{Hall, Issue, Publish} {
		if slices.Equal(c.DNSNames, []string{role + domain}) {
			return role
		}
	}
	return ""
}

// Own gives a node's certificate at each handshake, so that its files can be
// renewed while it runs.
type Own func() (*tls.Certificate, error)

// ServerTLS is how a node answers others: only those whose certificate the
// internal CA signed get through. Which roles may call what is judged by call.
func ServerTLS(ca *x509.Certificate, own Own) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: []string{"h2"},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool(ca),
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own() },
	}
}

// ClientTLS is how a node calls one of a role, wherever that listens.
func ClientTLS(ca *x509.Certificate, own Own, role string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ServerName: role + domain, RootCAs: pool(ca),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own() },
	}
}

func pool(ca *x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca)
	return p
}
