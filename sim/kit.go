package sim

import (
	"crypto"
	"io"
	"math/rand/v2"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ca"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/demo"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
	"github.com/emmansun/gmsm/smx509"
)

const (
	authorityID = "sim"
	origin      = "http://127.0.0.1:8083"
	pin         = "123456"
	phone       = "13800000001"
	project     = "政府采购项目"
	keySerial   = "SIM0001"
	foreign     = "another program's container"
	day         = 24 * time.Hour
	renewLeft   = 60 * day // of the old pair when a renewal begins: longer than a case needs to lapse
	expiryLeft  = 20 * day // … where its end is to pass meanwhile: shorter
	repairAfter = 20 * day
)

var (
	lineage = certhall.LineageID("lineage1")
	// foundedAt is when the authority and the old pair were made.
	foundedAt = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
)

// kit is everything a world begins with, made once for each kind of key: an
// authority, a hall that knows the handler's phone, and a key that holds one
// pair, issued on a reviewer's decision through the same code as ever.
type kit struct {
	keyKind

	founded  *ceremony.Authority
	reviewer demo.Signer
	notary   crypto.PublicKey

	old          *ca.Pair
	oldContainer string
	before       string // container of the pair before that; "" for none

	falseAuthority *ceremony.Authority // another one, that bears the same id

	other          *ca.Pair // of another holder, on another key
	otherContainer string
	otherMedium    medium

	// Genuine papers of other cases.
	otherReceipts, otherVoids, otherTickets []proof.Signed

	authorityDB, hallDB     []byte // snapshots
	authorityRows, hallRows dump
	medium                  medium
}

// randomness is reproducible.
func randomness(seed uint64) io.Reader {
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(s)
}

// begins is when a schedule's run begins.
func (k *kit) begins(s Schedule) time.Time {
	if s.Service == certhall.Repair {
		return k.old.NotAfter.Add(repairAfter)
	}
	for _, f := range s.Faults {
		if f.What == Expiry {
			return k.old.NotAfter.Add(-expiryLeft)
		}
	}
	return k.old.NotAfter.Add(-renewLeft)
}

// byReviewer signs a message as the reviewer does.
func (k *kit) byReviewer(m proof.Message) proof.Signed {
	s, err := k.reviewer.Sign(background, proof.Draft{Message: proof.Encode(m)})
	if err != nil {
		panic("sim: " + err.Error())
	}
	return s
}

// byParty signs a message with one of an authority's keys.
func byParty(random io.Reader, p ceremony.Party, m proof.Message) proof.Signed {
	s, err := proof.Sign(m, p.Certificate.Raw, func(der []byte) ([]byte, error) { return gm.SignAny(random, p.Key, der) })
	if err != nil {
		panic("sim: " + err.Error())
	}
	return s
}

// falseCopy is the certificate with the same subject and key, under the false
// authority's issuer.
func (k *kit) falseCopy(random io.Reader, der []byte) []byte {
	c, err := gm.ParseCertificate(der)
	if err != nil {
		return der
	}
	issuer := k.falseAuthority.Main()
	c.SignatureAlgorithm = gm.SM2.Signature()
	fake, err := smx509.CreateCertificate(random, c, issuer.Certificate, c.PublicKey, issuer.Key)
	if err != nil {
		return der
	}
	return fake
}

func (k *kit) roots() []*smx509.Certificate { return []*smx509.Certificate{k.founded.Root.Certificate} }
