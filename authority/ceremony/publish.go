package ceremony

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/durable"
)

// publishSecret opens the OCSP keys: status is told while the CA is sealed, and
// on machines that hold no CA key, so no passphrase of a person's stands before
// them. Whoever reads the folder can answer OCSP, and nothing else.
const publishSecret = "publish.secret"

// secretCost is how many iterations of PBKDF2-SM3 stand before a key under
// publish.secret, which is random: there is nothing to stretch.
const secretCost = 1

const secretBytes = 32

// ErrPublishSecret says that the OCSP keys cannot be opened without a
// passphrase: the folder is an earlier release's, or publish.secret is missing.
var ErrPublishSecret = certhall.NewError("publish-secret-missing", certhall.Unavailable)

// Responders are the issuing CAs with the keys of their delegated OCSP
// certificates. It needs no passphrase, and of the folder's keys only the OCSP
// ones. The folder of an earlier release answers ErrPublishSecret until Tend
// has seen the passphrase.
func Responders(dir string) ([]status.Issuer, error) {
	p, err := ReadPublic(dir)
	if err != nil {
		return nil, err
	}
	secret, err := readSecret(dir)
	if err != nil {
		return nil, err
	}
	var all []status.Issuer
	for _, i := range p.Issuers {
		if i.OCSP.Key, err = readKey(dir, i.OCSP, secret); errors.Is(err, ErrPassphrase) {
			return nil, ErrPublishSecret.Because(err)
		} else if err != nil {
			return nil, err
		}
		all = append(all, status.Issuer{Name: i.Name, Certificate: i.Certificate, Responder: i.OCSP.signer(rand.Reader)})
	}
	return all, nil
}

// readSecret reads publish.secret as it is: 64 hexadecimal digits.
func readSecret(dir string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, publishSecret))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrPublishSecret.Because(err)
	}
	if err != nil {
		return nil, err
	}
	if text = bytes.TrimSpace(text); len(text) != 2*secretBytes {
		return nil, ErrFolder.Becausef("%s is not of %d digits", publishSecret, 2*secretBytes)
	}
	return text, nil
}

// makeSecret puts a whole secret in place unless one stands there, and answers
// what stands.
func makeSecret(dir string, random io.Reader) ([]byte, error) {
	secret := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return nil, err
	}
	text := hex.EncodeToString(secret) + "\n"
	err := durable.Create(filepath.Join(dir, publishSecret), []byte(text), durable.Secret)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readSecret(dir)
}
