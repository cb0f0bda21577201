package ceremony

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/certhall/certhall"
)

// renewResponderBefore is how long before its end an OCSP certificate is
// renewed without anybody asking.
const renewResponderBefore = 90 * 24 * time.Hour

// Tend keeps what tells status in order, as far as the passphrase of the
// opened authority lets it: in the folder of an earlier release it moves the
// OCSP key from under the passphrase under a new publish.secret, and it renews
// the OCSP certificates that end within 90 days. Done again it does nothing; a
// crash leaves what the next call completes.
func Tend(dir string, a *Authority, pass []byte, clock certhall.Clock, random io.Reader) error {
	if err := movePublished(dir, a.Main().OCSP, pass, random); err != nil {
		return err
	}
	due := clock.Now().Add(renewResponderBefore)
	for _, i := range a.Issuers {
		if i.OCSP.Certificate.NotAfter.Before(due) {
			return RenewResponders(dir, a, clock, random)
		}
	}
	return nil
}

// RenewResponders gives every delegated OCSP certificate a new term. The keys
// stay: publishing nodes need the new certificates alone.
func RenewResponders(dir string, a *Authority, clock certhall.Clock, random io.Reader) error {
	p, err := ReadPublic(dir)
	if err != nil {
		return err
	}
	f := founder{Plan: Plan{Name: p.Name, Address: p.Address, Random: random}, now: clock.Now().UTC().Truncate(time.Second)}
	w := folderWriter{dir: dir}
	for n := range a.Issuers {
		i := &a.Issuers[n]
		renewed := f.certify(&i.Party, i.OCSP.Certificate.PublicKey, nil, "OCSP", ocspYears, asResponder)
		if f.err != nil {
			return f.err
		}
		w.certificate(i.OCSP.Name, renewed)
		if w.err != nil {
			return w.err
		}
		i.OCSP.Certificate = renewed
	}
	return nil
}

// movePublished brings the OCSP key of an earlier release's folder from under
// the passphrase under publish.secret: first the secret, then the key.
func movePublished(dir string, ocsp Party, pass []byte, random io.Reader) error {
	if _, err := os.Stat(filepath.Join(dir, ocsp.Name+keySuffix)); errors.Is(err, os.ErrNotExist) {
		return nil // a node that only issues
	}
	if secret, err := readSecret(dir); err == nil {
		if _, err := readKey(dir, ocsp, secret); err == nil {
			return nil
		}
	} else if !errors.Is(err, ErrPublishSecret) {
		return err
	}
	key, err := readKey(dir, ocsp, pass)
	if errors.Is(err, ErrPassphrase) {
		return nil // nor an earlier release's: publish.secret lies elsewhere, and Responders says so
	}
	if err != nil {
		return err
	}
	secret, err := makeSecret(dir, random)
	if err != nil {
		return err
	}
	w := folderWriter{dir: dir}
	w.key(ocsp.Name, key, secret, secretCost)
	return w.err
}
