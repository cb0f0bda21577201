// Package proof holds what travels between the three zones of trust: the
// messages of the protocol (docs/how-a-renewal-works.md), each with one DER
// form. A message is SEQUENCE { tag UTF8String "certhall/<what>/1", body },
// and the body begins with the authority's id, so that a signature over one
// message can never be taken for a signature over another, nor carried to
// another authority. Decoding is strict: only the exact bytes that encoding
// would give are accepted.
package proof

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"fmt"
	"io"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/gm"
)

// MaxMessage bounds what is decoded at all, in bytes.
const MaxMessage = 128 << 10

// NonceLength is the length of every nonce, in bytes.
const NonceLength = 16

// ErrMalformed is what every decoder answers to bytes that are not exactly
// one well-formed message of the kind asked for.
var ErrMalformed = certhall.NewError("message-malformed", certhall.Invalid)

// ErrSignature says that a message's signature is missing, by the wrong key,
// or does not verify.
var ErrSignature = certhall.NewError("signature-wrong", certhall.Denied)

// Message is one of the structures of this package.
type Message interface{ tag() string }

// envelope is the outer form of every message.
type envelope struct {
	Tag  string `asn1:"utf8"`
	Body asn1.RawValue
}

// Encode gives the message's one DER form. It panics on a message that cannot
// be encoded, which only a programming error (invalid UTF-8) can cause.
func Encode(m Message) []byte {
	body, err := asn1.Marshal(m)
	if err != nil {
		panic("proof: " + err.Error())
	}
	der, err := asn1.Marshal(envelope{m.tag(), asn1.RawValue{FullBytes: body}})
	if err != nil {
		panic("proof: " + err.Error())
	}
	return der
}

// Tag tells which message der claims to be, "" if none.
func Tag(der []byte) string {
	var e envelope
	if len(der) > MaxMessage {
		return ""
	}
	if rest, err := asn1.Unmarshal(der, &e); err != nil || len(rest) != 0 {
		return ""
	}
	return e.Tag
}

// TagOf is the domain tag of a kind of message.
func TagOf[M Message]() string {
	var m M
	return m.tag()
}

// Decode reads a message of kind M; anything but its exact form is ErrMalformed.
func Decode[M Message](der []byte) (M, error) {
	var m M
	var e envelope
	if len(der) > MaxMessage {
		return m, ErrMalformed.Becausef("%d bytes", len(der))
	}
	if rest, err := asn1.Unmarshal(der, &e); err != nil || len(rest) != 0 {
		return m, ErrMalformed.Becausef("envelope: %v", err)
	}
	if e.Tag != m.tag() {
		return m, ErrMalformed.Becausef("want %s, got %.40q", m.tag(), e.Tag)
	}
	if rest, err := asn1.Unmarshal(e.Body.FullBytes, &m); err != nil || len(rest) != 0 {
		return m, ErrMalformed.Becausef("%s: %v", e.Tag, err)
	}
	again, err := encodeSafely(m)
	if err != nil || !bytes.Equal(again, der) {
		return m, ErrMalformed.Becausef("%s: not in its one form", e.Tag)
	}
	return m, nil
}

func encodeSafely(m Message) (der []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return Encode(m), nil
}

// Signature is one signature over a message's bytes.
type Signature struct {
	Certificate []byte // DER of the signer's certificate: a claim, until checked
	Value       []byte // over the message, by the algorithm of the key (package gm)
}

// Signed is a message with the signatures over its bytes.
type Signed struct {
	Message    []byte // DER of one message
	Signatures []Signature
}

func (Signed) tag() string { return "certhall/signed/1" }

// IsZero tells whether there is no message in it.
func (s Signed) IsZero() bool { return len(s.Message) == 0 }

// Sign makes a signed message with a software signer's function.
func Sign(m Message, certificate []byte, sign func(message []byte) ([]byte, error)) (Signed, error) {
	der := Encode(m)
	value, err := sign(der)
	if err != nil {
		return Signed{}, err
	}
	return Signed{Message: der, Signatures: []Signature{{Certificate: certificate, Value: value}}}, nil
}

// VerifyKey decodes a signed message of kind M that must carry exactly one
// signature, by the given key of whatever algorithm is used here.
func VerifyKey[M Message](s Signed, pub crypto.PublicKey) (M, error) {
	m, err := Decode[M](s.Message)
	if err != nil {
		return m, err
	}
	if len(s.Signatures) != 1 || len(s.Signatures[0].Certificate) > gm.MaxCertificate {
		return m, ErrSignature.Becausef("%d signatures, or a certificate beyond measure", len(s.Signatures))
	}
	if err := gm.VerifyAny(pub, s.Message, s.Signatures[0].Value); err != nil {
		return m, ErrSignature.Because(err)
	}
	return m, nil
}

// NewNonce draws a nonce.
func NewNonce(random io.Reader) ([]byte, error) {
	n := make([]byte, NonceLength)
	_, err := io.ReadFull(random, n)
	return n, err
}
