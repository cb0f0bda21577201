package nodes

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/durable"
)

// ErrFolder says that a file of the folder is missing or holds something else.
var ErrFolder = certhall.NewError("internal-folder-damaged", certhall.Invalid)

// kdfCost is how many iterations of PBKDF2-SHA256 protect the CA's key.
const kdfCost = 600_000

// Files of the folder; a node's are ROLE.cer and ROLE.key.
const caName = "ca"

// CertificateFile is where a role's certificate lies.
func CertificateFile(dir, role string) string { return filepath.Join(dir, role+".cer") }

// KeyFile is where a role's key lies.
func KeyFile(dir, role string) string { return filepath.Join(dir, role+".key") }

// WriteCA stores the internal CA in a folder that holds none: ca.cer, and
// ca.key under a passphrase. Only who makes certificates for nodes needs the
// key; no running process does.
func WriteCA(dir string, c *CA, pass []byte) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	der, err := pkcs8.MarshalPrivateKey(c.Key, pass, pkcs.NewPBESEncrypter(pkcs.AES256CBC, pkcs.NewPBKDF2Opts(pkcs.SHA256, 16, kdfCost)))
	if err != nil {
		return err
	}
	if err := write(KeyFile(dir, caName), "ENCRYPTED PRIVATE KEY", der, durable.Secret); err != nil {
		return err
	}
	return write(CertificateFile(dir, caName), "CERTIFICATE", c.Certificate.Raw, durable.Public) // last: with it the CA stands
}

// WriteNode stores a node's certificate and key, and the CA's certificate that
// it checks others by. An older certificate of the role is replaced: the key
// is put in place first, and a reader that finds the two at odds keeps what it has.
func WriteNode(dir, role string, n *Node, ca *x509.Certificate) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(n.Key)
	if err != nil {
		return err
	}
	return errors.Join(
		write(CertificateFile(dir, caName), "CERTIFICATE", ca.Raw, durable.Public),
		write(KeyFile(dir, role), "PRIVATE KEY", der, durable.Secret),
		write(CertificateFile(dir, role), "CERTIFICATE", n.Certificate.Raw, durable.Public))
}

// ReadCertificate reads the internal CA's certificate.
func ReadCertificate(dir string) (*x509.Certificate, error) {
	der, err := read(CertificateFile(dir, caName), "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, ErrFolder.With("file", CertificateFile(dir, caName)).Because(err)
	}
	return c, nil
}

// ReadCA reads the internal CA with its key; ceremony.ErrPassphrase if the
// passphrase does not open it.
func ReadCA(dir string, pass []byte) (*CA, error) {
	certificate, err := ReadCertificate(dir)
	if err != nil {
		return nil, err
	}
	der, err := read(KeyFile(dir, caName), "ENCRYPTED PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := pkcs8.ParsePKCS8PrivateKey(der, pass)
	if err != nil {
		return nil, ceremony.ErrPassphrase.Because(err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(certificate.PublicKey) {
		return nil, ErrFolder.With("file", KeyFile(dir, caName)).Becausef("not the key of the certificate")
	}
	return &CA{certificate, key}, nil
}

func read(path, kind string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, ErrFolder.With("file", path).Because(err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, ErrFolder.With("file", path).Becausef("holds no %s", kind)
	}
	return block.Bytes, nil
}

func write(path, kind string, der []byte, mode fs.FileMode) error {
	return durable.Replace(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
