package ceremony

import (
	"crypto/ecdsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
	"github.com/emmansun/gmsm/pkcs"
	"github.com/emmansun/gmsm/pkcs8"
	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"
)

// What reading and writing the folder answers beside success.
var (
	ErrPassphrase = certhall.NewError("passphrase-wrong", certhall.Denied)
	ErrFolder     = certhall.NewError("authority-folder-damaged", certhall.Invalid)
	ErrFounded    = certhall.NewError("authority-exists", certhall.Conflict)
)

// kdfCost is how many iterations of PBKDF2-SM3 protect a key by default.
const kdfCost = 200_000

// Passphrases open the folder's keys. They come by prompt or file descriptor,
// never by argument, environment or configuration.
type Passphrases struct {
	Root  []byte // of the root and of the escrow's private half: away from day-to-day work
	Daily []byte // of issuing CA, notary, origin list and OCSP
}

// about is authority.json: what is public.
type about struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Address string `json:"address"`
	Demo    bool   `json:"demo,omitempty"`
}

// Public is what can be read without a passphrase: enough to serve while sealed.
type Public struct {
	ID, Name, Address                    string
	Demo                                 bool
	Root, Issuing, Notary, Origins, OCSP *smx509.Certificate
	Escrow                               *ecdsa.PublicKey
}

// Write stores a founded authority in a folder that holds none yet (what an
// interrupted Write left there is overwritten): certificates as NAME.cer (PEM), keys as NAME.key (PKCS#8 encrypted with SM4-CBC under
// PBKDF2-SM3). The root's and the escrow's private keys go to the subfolder
// offline, which is meant to leave the machine.
func Write(dir string, a *Authority, p Plan, demo bool, pass Passphrases) error {
	if _, err := os.Stat(filepath.Join(dir, "authority.json")); err == nil {
		return ErrFounded
	}
	if err := os.MkdirAll(filepath.Join(dir, "offline"), 0o700); err != nil {
		return err
	}
	cost := p.KDFCost
	if cost == 0 {
		cost = kdfCost
	}
	w := folderWriter{dir: dir, cost: cost}
	w.key("offline/root", a.Root.Key, pass.Root)
	w.key("offline/escrow", a.Escrow, pass.Root)
	w.key("issuing", a.Issuing.Key, pass.Daily)
	w.key("notary", a.Notary.Key, pass.Daily)
	w.key("origins", a.Origins.Key, pass.Daily)
	w.key("ocsp", a.OCSP.Key, pass.Daily)
	for name, c := range map[string]*smx509.Certificate{"root": a.Root.Certificate, "issuing": a.Issuing.Certificate,
		"notary": a.Notary.Certificate, "origins": a.Origins.Certificate, "ocsp": a.OCSP.Certificate} {
		w.file(name+".cer", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), 0o644)
	}
	spki, err := gm.MarshalPublicKey(a.EscrowKey())
	if err != nil {
		return err
	}
	w.file("escrow.pub", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o644)
	text, err := json.MarshalIndent(about{a.ID, p.Name, p.Address, demo}, "", "  ")
	if err != nil {
		return err
	}
	w.entries("offline", ".")
	w.file("authority.json", append(text, '\n'), 0o644) // last: with it the folder counts as founded
	w.entries(".")
	return w.err
}

// folderWriter writes files durably and remembers the first failure.
type folderWriter struct {
	dir  string
	cost int
	err  error
}

func (w *folderWriter) key(name string, key *sm2.PrivateKey, pass []byte) {
	if w.err != nil {
		return
	}
	if len(pass) < 8 {
		w.err = ErrPassphrase.Becausef("shorter than 8 bytes")
		return
	}
	der, err := pkcs8.MarshalPrivateKey(key, pass,
		pkcs.NewPBESEncrypter(pkcs.SM4CBC, pkcs.NewPBKDF2Opts(pkcs.SM3, 16, w.cost)))
	if err != nil {
		w.err = err
		return
	}
	w.file(name+".key", pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), 0o600)
}

func (w *folderWriter) file(name string, data []byte, mode fs.FileMode) {
	if w.err != nil {
		return
	}
	f, err := os.OpenFile(filepath.Join(w.dir, name), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err == nil {
		_, err = f.Write(data)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	w.err = err
}

// entries makes the names of the files in folders durable.
func (w *folderWriter) entries(folders ...string) {
	for _, name := range folders {
		if w.err != nil || runtime.GOOS == "windows" { // which does that by itself
			return
		}
		d, err := os.Open(filepath.Join(w.dir, name))
		if err == nil {
			err = errors.Join(d.Sync(), d.Close())
		}
		w.err = err
	}
}

// ReadPublic reads what needs no passphrase.
func ReadPublic(dir string) (Public, error) {
	var p Public
	text, err := os.ReadFile(filepath.Join(dir, "authority.json"))
	if err != nil {
		return p, ErrFolder.Because(err)
	}
	var a about
	if err := json.Unmarshal(text, &a); err != nil {
		return p, ErrFolder.Because(err)
	}
	p.ID, p.Name, p.Address, p.Demo = a.ID, a.Name, a.Address, a.Demo
	for name, c := range map[string]**smx509.Certificate{"root": &p.Root, "issuing": &p.Issuing,
		"notary": &p.Notary, "origins": &p.Origins, "ocsp": &p.OCSP} {
		der, err := readPEM(filepath.Join(dir, name+".cer"), "CERTIFICATE")
		if err != nil {
			return p, err
		}
		if *c, err = gm.ParseCertificate(der); err != nil {
			return p, ErrFolder.Becausef("%s.cer: %w", name, err)
		}
	}
	der, err := readPEM(filepath.Join(dir, "escrow.pub"), "PUBLIC KEY")
	if err != nil {
		return p, err
	}
	if p.Escrow, err = gm.ParsePublicKey(der); err != nil {
		return p, ErrFolder.Becausef("escrow.pub: %w", err)
	}
	return p, nil
}

// Open reads the day-to-day keys: issuing CA, notary, origin list and OCSP.
// Root and escrow keep their certificate or public half only.
func Open(dir string, pass []byte) (*Authority, error) {
	p, err := ReadPublic(dir)
	if err != nil {
		return nil, err
	}
	a := &Authority{ID: p.ID, Root: Party{Certificate: p.Root}, Escrow: &sm2.PrivateKey{PrivateKey: ecdsa.PrivateKey{PublicKey: *p.Escrow}}}
	for name, party := range map[string]struct {
		to   *Party
		cert *smx509.Certificate
	}{"issuing": {&a.Issuing, p.Issuing}, "notary": {&a.Notary, p.Notary}, "origins": {&a.Origins, p.Origins}, "ocsp": {&a.OCSP, p.OCSP}} {
		key, err := readKey(filepath.Join(dir, name+".key"), pass)
		if err != nil {
			return nil, err
		}
		pub, err := gm.CertificateKey(party.cert)
		if err != nil || !gm.SameKey(pub, &key.PublicKey) {
			return nil, ErrFolder.Becausef("%s.key does not belong to %s.cer", name, name)
		}
		*party.to = Party{party.cert, key}
	}
	return a, nil
}

func readPEM(path, kind string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, ErrFolder.Because(err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, ErrFolder.Becausef("%s holds no %s", filepath.Base(path), kind)
	}
	return block.Bytes, nil
}

func readKey(path string, pass []byte) (*sm2.PrivateKey, error) {
	der, err := readPEM(path, "ENCRYPTED PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	key, err := pkcs8.ParsePKCS8PrivateKeySM2(der, pass)
	if err != nil {
		return nil, ErrPassphrase.Becausef("%s: %w", filepath.Base(path), err)
	}
	return key, nil
}
