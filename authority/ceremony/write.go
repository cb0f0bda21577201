package ceremony

import (
	"crypto"
	"encoding/json"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/certhall/certhall/durable"
	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"
	"github.com/emmansun/gmsm/smx509"
)

// kdfCost is how many iterations of PBKDF2-SM3 protect a key by default.
const kdfCost = 200_000

// Passphrases open the folder's keys. They come by prompt or file descriptor,
// never by argument, environment or configuration.
type Passphrases struct {
	Root  []byte // of the roots and of the escrow's private half: away from day-to-day work
	Daily []byte // of issuing CAs, notary, origin list and unlocking
}

// Write stores a founded authority in a folder that holds none yet (what an
// interrupted Write left there is overwritten), with the first CRL of every root. The roots' and the escrow's
// private keys go to the subfolder offline, which is meant to leave the
// machine; the OCSP keys lie under publish.secret (Responders).
func Write(dir string, a *Authority, p Plan, demo bool, pass Passphrases) error {
	if _, err := os.Stat(filepath.Join(dir, aboutFile)); err == nil {
		return ErrFounded
	}
	if err := os.MkdirAll(filepath.Join(dir, "offline"), 0o700); err != nil {
		return err
	}
	secret, err := makeSecret(dir, p.Random)
	if err != nil {
		return err
	}
	cost := p.KDFCost
	if cost == 0 {
		cost = kdfCost
	}
	w := folderWriter{dir: dir}
	w.key("offline/escrow", a.Escrow, pass.Root, cost)
	for _, i := range a.Issuers {
		w.key("offline/"+i.Root.Name, i.Root.Key, pass.Root, cost)
		w.key(i.Name, i.Key, pass.Daily, cost)
		w.key(i.OCSP.Name, i.OCSP.Key, secret, secretCost)
		for _, party := range []Party{i.Root, i.Party, i.OCSP} {
			w.certificate(party.Name, party.Certificate)
		}
		if i.Cross != nil {
			w.certificate(i.Name+crossPart, i.Cross)
		}
		w.rootCRL(i.Root, nil, p.Clock.Now(), p.Random)
	}
	for _, party := range []Party{a.Notary, a.Origins} {
		w.key(party.Name, party.Key, pass.Daily, cost)
		w.certificate(party.Name, party.Certificate)
	}
	w.publicKey(escrowFile, a.EscrowKey())
	w.unlockKey(a.Unlock, pass.Daily, cost)
	text, err := json.MarshalIndent(about{a.ID, p.Name, p.Address, p.algorithms()[1:], demo}, "", "  ")
	if err != nil {
		return err
	}
	w.file(aboutFile, append(text, '\n'), durable.Public) // last: with it the folder counts as founded
	return w.err
}

// folderWriter writes files durably and remembers the first failure.
type folderWriter struct {
	dir string
	err error
}

func (w *folderWriter) certificate(name string, c *smx509.Certificate) {
	w.file(name+certSuffix, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), durable.Public)
}

func (w *folderWriter) key(name string, key crypto.Signer, pass []byte, cost int) {
	if w.err != nil {
		return
	}
	if len(pass) < 8 {
		w.err = ErrPassphrase.Becausef("shorter than 8 bytes")
		return
	}
	der, err := pkcs8.MarshalPrivateKey(key, pass,
		pkcs.NewPBESEncrypter(pkcs.SM4CBC, pkcs.NewPBKDF2Opts(pkcs.SM3, 16, cost)))
	if err != nil {
		w.err = err
		return
	}
	w.file(name+keySuffix, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), durable.Secret)
}

func (w *folderWriter) file(name string, data []byte, mode fs.FileMode) {
	if w.err == nil {
		w.err = durable.Replace(filepath.Join(w.dir, name), data, mode)
	}
}
