package ceremony

import (
	"crypto"
	"crypto/ecdsa"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
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

// Files of the folder: certificates are NAME.cer (PEM), an issuing CA's second
// certificate is NAME.cross.cer, keys are NAME.key (PKCS#8 encrypted with
// SM4-CBC under PBKDF2-SM3).
const (
	aboutFile  = "authority.json"
	escrowFile = "escrow.pub"
	certSuffix = ".cer"
	keySuffix  = ".key"
	crossPart  = ".cross"
)

// about is authority.json: what is public.
type about struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Address    string         `json:"address"`
	Algorithms []gm.Algorithm `json:"algorithms,omitempty"` // beside SM2
	Demo       bool           `json:"demo,omitempty"`
}

// Public is what can be read without a passphrase: enough to serve while sealed.
type Public struct {
	ID, Name, Address              string
	Demo                           bool
	Root, Issuing, Notary, Origins *smx509.Certificate // of the SM2 tree, which desks trust
	Roots                          []Party             // of every tree, Root first; without keys
	Issuers                        []Issuer            // the main one first; without keys
	Escrow                         *ecdsa.PublicKey
	Unlock                         *ecdsa.PublicKey // nil where none was made yet
}

// Chains are what lies between users' certificates and Root, by the issuing
// CA's name.
func (p Public) Chains() map[string][][]byte { return chains(p.Issuers) }

// Intermediates are the certificates of all Chains.
func (p Public) Intermediates() [][]byte {
	var all [][]byte
	for _, i := range p.Issuers {
		all = append(all, i.Desk().Raw)
	}
	return all
}

// ReadPublic reads what needs no passphrase.
func ReadPublic(dir string) (Public, error) {
	var p Public
	text, err := os.ReadFile(filepath.Join(dir, aboutFile))
	if err != nil {
		return p, ErrFolder.Because(err)
	}
	var a about
	if err := json.Unmarshal(text, &a); err != nil {
		return p, ErrFolder.Because(err)
	}
	p.ID, p.Name, p.Address, p.Demo = a.ID, a.Name, a.Address, a.Demo
	r := reader{dir: dir}
	for _, algorithm := range (Plan{Algorithms: a.Algorithms}).algorithms() {
		i := r.issuer(algorithm)
		p.Issuers, p.Roots = append(p.Issuers, i), append(p.Roots, i.Root)
	}
	p.Notary, p.Origins = r.certificate("notary"), r.certificate("origins")
	if r.err != nil {
		return p, r.err
	}
	p.Root, p.Issuing = p.Roots[0].Certificate, p.Issuers[0].Certificate
	if p.Escrow, err = readPublicKey(dir, escrowFile); err != nil {
		return p, err
	}
	p.Unlock, err = readUnlockPublic(dir)
	return p, err
}

// Open reads the day-to-day keys: of issuing CAs, notary, origin list and unlocking. Roots,
// escrow and OCSP keep their certificates or public half only.
func Open(dir string, pass []byte) (*Authority, error) {
	p, err := ReadPublic(dir)
	if err != nil {
		return nil, err
	}
	a := &Authority{
		ID: p.ID, Root: p.Roots[0], Notary: Party{Name: "notary", Certificate: p.Notary}, Origins: Party{Name: "origins", Certificate: p.Origins},
		Issuers: p.Issuers, Escrow: &sm2.PrivateKey{PrivateKey: ecdsa.PrivateKey{PublicKey: *p.Escrow}},
	}
	parties := []*Party{&a.Notary, &a.Origins}
	for i := range a.Issuers {
		parties = append(parties, &a.Issuers[i].Party)
	}
	for _, party := range parties {
		if party.Key, err = readKey(dir, *party, pass); err != nil {
			return nil, err
		}
	}
	a.Unlock, err = readUnlockKey(dir, p.Unlock, pass)
	return a, err
}

// reader reads certificates and remembers the first failure.
type reader struct {
	dir string
	err error
}

func (r *reader) issuer(a gm.Algorithm) Issuer {
	i := Issuer{Algorithm: a, Root: r.party(authority.FileName("root", a)), Party: r.party(authority.IssuerFor(a)), OCSP: r.party(authority.FileName("ocsp", a))}
	if a != gm.SM2 {
		i.Cross = r.certificate(i.Name + crossPart)
	}
	return i
}

func (r *reader) party(name string) Party { return Party{Name: name, Certificate: r.certificate(name)} }

func (r *reader) certificate(name string) *smx509.Certificate {
	if r.err != nil {
		return nil
	}
	var der []byte
	if der, r.err = readPEM(filepath.Join(r.dir, name+certSuffix), "CERTIFICATE"); r.err != nil {
		return nil
	}
	c, err := gm.ParseCertificate(der)
	if err != nil {
		r.err = ErrFolder.Becausef("%s.cer: %w", name, err)
	}
	return c
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

// readKey opens a party's key, which must be its certificate's.
func readKey(dir string, p Party, pass []byte) (crypto.Signer, error) {
	return readKeyFile(filepath.Join(dir, p.Name+keySuffix), p, pass)
}

func readKeyFile(path string, p Party, pass []byte) (crypto.Signer, error) {
	der, err := readPEM(path, "ENCRYPTED PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	parsed, err := pkcs8.ParsePKCS8PrivateKey(der, pass)
	if err != nil {
		return nil, ErrPassphrase.Becausef("%s.key: %w", p.Name, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok || !gm.SameKey(key.Public(), p.Certificate.PublicKey) {
		return nil, ErrFolder.Becausef("%s.key does not belong to %s.cer", p.Name, p.Name)
	}
	return key, nil
}
