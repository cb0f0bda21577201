package library

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/skf"
)

// forSigning tells whether an identifier is SGD_SM2_1: vendors' headers and
// GM/T 0006 as printed have different values, and both are taken.
func forSigning(a uint32) bool {
	return skf.Algorithm(a) == skf.SM2Sign || skf.Algorithm(a) == skf.SM2SignPrinted
}

// GenECCKeyPair makes a signing pair: its ECCPUBLICKEYBLOB. As on real keys, one
// that lay there is destroyed, and its certificate stays behind without a key.
func (l *Library) GenECCKeyPair(h Handle, algorithm uint32) (public []byte, err error) {
	if !forSigning(algorithm) {
		return nil, refuse(skf.NotSupported)
	}
	err = l.inside(h, func(c *softkey.Container) error {
		pub, err := c.GenerateSigningKey(context.Background(), gm.SM2)
		if err != nil {
			return err
		}
		public, err = publicBlob(pub)
		return err
	})
	return public, err
}

// ImportECCKeyPair unwraps an ENVELOPEDKEYBLOB by the container's signing key,
// checks that the private key fits its public half, and replaces the encryption
// pair.
func (l *Library) ImportECCKeyPair(h Handle, blob []byte) error {
	return l.inside(h, func(c *softkey.Container) error {
		signing, err := sm2Key(c, token.Signing)
		if err != nil {
			return err
		}
		key, err := unwrap(signing, blob)
		if err != nil {
			return err
		}
		return c.ImportKey(context.Background(), key)
	})
}

// unwrap opens an ENVELOPEDKEYBLOB. The 32 bytes of the encrypted key lie at
// the end of their field; some programs write them at its beginning, and what
// fits the public key is taken.
func unwrap(signing *sm2.PrivateKey, blob []byte) (*sm2.PrivateKey, error) {
	blob = bytes.Clone(blob)
	if len(blob) < standard.EnvelopedKeySize(0) {
		return nil, refuse(skf.InputLength)
	}
	algorithm := blob[4:8]
	if a := binary.LittleEndian.Uint32(algorithm); skf.Algorithm(a) == skf.SM1ECB {
		binary.LittleEndian.PutUint32(algorithm, uint32(skf.SM4ECB))
	}
	key, err := open(signing, blob)
	if err != nil {
		field := blob[12:][:64]
		copy(field[32:], field[:32])
		var otherwise error
		if key, otherwise = open(signing, blob); otherwise == nil {
			return key, nil
		}
	}
	return key, err
}

func open(signing *sm2.PrivateKey, blob []byte) (*sm2.PrivateKey, error) {
	der, err := standard.ParseEnvelopedKey(blob)
	if err != nil {
		return nil, because(skf.InputData, err)
	}
	key, err := gm.OpenEnvelopedKey(signing, der)
	if err != nil {
		return nil, because(skf.InputData, err)
	}
	return key, nil
}

// sm2Key is a private half that must be one of SM2; needs the user's PIN.
func sm2Key(c *softkey.Container, u token.Usage) (*sm2.PrivateKey, error) {
	key, err := c.Private(context.Background(), u)
	if err != nil {
		return nil, err
	}
	k, ok := key.(*sm2.PrivateKey)
	if !ok {
		return nil, refuse(skf.KeyUsage)
	}
	return k, nil
}

// ECCSignData signs e, 32 bytes, as it is: an ECCSIGNATUREBLOB. It makes no Z.
func (l *Library) ECCSignData(h Handle, e []byte) (signature []byte, err error) {
	err = l.inside(h, func(c *softkey.Container) error {
		key, err := sm2Key(c, token.Signing)
		if err != nil {
			return err
		}
		signature, err = l.sign(key, e)
		return err
	})
	return signature, err
}

// The key specifications of V_ECCPrvKeyDecrypt.
const (
	EncryptionSpec = 1
	SigningSpec    = 2
)

// ECCDecrypt decrypts an ECCCIPHERBLOB by the pair of a key specification. The
// standard has no such function: vendors call it SKF_ECCDecrypt,
// SKF_ECCPrvKeyDecrypt (both by the encryption pair) and V_ECCPrvKeyDecrypt.
func (l *Library) ECCDecrypt(h Handle, spec uint32, blob []byte, out *Out) error {
	if spec != EncryptionSpec && spec != SigningSpec {
		return refuse(skf.InvalidParameter)
	}
	return l.inside(h, func(c *softkey.Container) error {
		key, err := sm2Key(c, half(spec == SigningSpec))
		if err != nil {
			return err
		}
		return decrypt(key, blob, out)
	})
}

// ECCExportSessionKey draws a session key and encrypts it to an
// ECCPUBLICKEYBLOB: an ECCCIPHERBLOB of CipherSize(16) bytes.
func (l *Library) ECCExportSessionKey(h Handle, algorithm uint32, public []byte) (blob []byte, key Handle, err error) {
	var connection Handle
	var plain []byte
	err = l.inContainer(h, func(c Handle) error {
		connection = c
		if plain, err = l.drawKey(skf.Algorithm(algorithm)); err != nil {
			return err
		}
		blob, err = l.sealTo(public, plain)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	key, err = l.addKey(connection, plain, skf.Algorithm(algorithm))
	return blob, key, err
}

// inContainer lets f have the connection of a container's handle.
func (l *Library) inContainer(h Handle, f func(connection Handle) error) error {
	c, err := find[*container](l, h)
	if err != nil {
		return err
	}
	return l.inside(h, func(*softkey.Container) error { return f(c.application.connection) })
}
