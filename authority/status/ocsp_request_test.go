package status

import (
	"crypto/sha1"
	"crypto/sha256"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	encoding "encoding/asn1"

	"github.com/emmansun/gmsm/sm3"
	"github.com/emmansun/gmsm/smx509"
)

// ask builds an OCSPRequest, right or wrong.
type ask struct {
	version    []byte // content of [0]
	requestor  []byte // content of [1]
	entries    []askEntry
	extensions []askExtension
	signature  []byte // content of [0] beside the TBSRequest
	more       []byte // behind the extensions
}

type askEntry struct {
	hash       encoding.ObjectIdentifier
	parameters []byte // default NULL
	name, key  []byte
	serial     []byte // content octets
	extensions []askExtension
	more       []byte // behind the CertID's serial
}

type askExtension struct {
	id       encoding.ObjectIdentifier
	critical bool
	value    []byte
}

var (
	idSHA1    = encoding.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	idSHA256  = encoding.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	idSHA384  = encoding.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	idSM3     = encoding.ObjectIdentifier{1, 2, 156, 10197, 1, 401}
	idNonce   = encoding.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 2}
	idTypes   = encoding.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 4}
	idLocator = encoding.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 1, 7}
	idAlien   = encoding.ObjectIdentifier{1, 2, 3, 4}
)

// about asks for a serial of an issuer, named by a digest.
func about(issuer *smx509.Certificate, hash encoding.ObjectIdentifier, serial *big.Int) askEntry {
	bits, err := keyBits(issuer)
	if err != nil {
		panic(err)
	}
	e := askEntry{hash: hash, serial: serial.Bytes()}
	if len(e.serial) == 0 || e.serial[0] >= 0x80 {
		e.serial = append([]byte{0}, e.serial...)
	}
	sum := func(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
	switch {
	case hash.Equal(idSHA1):
		sum = func(b []byte) []byte { s := sha1.Sum(b); return s[:] }
	case hash.Equal(idSM3):
		sum = func(b []byte) []byte { s := sm3.Sum(b); return s[:] }
	}
	e.name, e.key = sum(issuer.RawSubject), sum(bits)
	return e
}

func nonceOf(n int) askExtension {
	nonce := make([]byte, n)
	for i := range nonce {
		nonce[i] = byte(i)
	}
	value, err := encoding.Marshal(nonce)
	if err != nil {
		panic(err)
	}
	return askExtension{id: idNonce, value: value}
}

func (a ask) der() []byte {
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			explicit(b, tag0, a.version)
			explicit(b, tag1, a.requestor)
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				for _, e := range a.entries {
					b.AddASN1(asn1.SEQUENCE, e.build)
				}
			})
			buildExtensions(b, tag2, a.extensions)
			b.AddBytes(a.more)
		})
		explicit(b, tag0, a.signature)
	})
	return b.BytesOrPanic()
}

func explicit(b *cryptobyte.Builder, tag asn1.Tag, content []byte) {
	if content != nil {
		b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(content) })
	}
}

func (e askEntry) build(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(e.hash)
			if e.parameters == nil {
				b.AddASN1NULL()
			}
			b.AddBytes(e.parameters)
		})
		b.AddASN1OctetString(e.name)
		b.AddASN1OctetString(e.key)
		b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { b.AddBytes(e.serial) })
		b.AddBytes(e.more)
	})
	buildExtensions(b, tag0, e.extensions)
}

func buildExtensions(b *cryptobyte.Builder, tag asn1.Tag, list []askExtension) {
	if list == nil {
		return
	}
	b.AddASN1(tag, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, x := range list {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1ObjectIdentifier(x.id)
					if x.critical {
						b.AddASN1Boolean(true)
					}
					b.AddASN1OctetString(x.value)
				})
			}
		})
	})
}
