package library

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"io"

	gmcipher "github.com/emmansun/gmsm/cipher"
	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/skf"
)

// GenRSAKeyPair makes a signing pair of 2048 bits, shorter ones are not made:
// its RSAPUBLICKEYBLOB. One that lay there is destroyed.
func (l *Library) GenRSAKeyPair(h Handle, bits uint32) (public []byte, err error) {
	if bits != token.RSABits {
		return nil, refuse(skf.RSAModulusLength)
	}
	err = l.inside(h, func(c *softkey.Container) error {
		pub, err := c.GenerateSigningKey(context.Background(), gm.RSA)
		if err != nil {
			return err
		}
		public, err = publicBlob(pub)
		return err
	})
	return public, err
}

// rsaKey is a private half that must be one of RSA; needs the user's PIN.
func rsaKey(c *softkey.Container, u token.Usage) (*rsa.PrivateKey, error) {
	key, err := c.Private(context.Background(), u)
	if err != nil {
		return nil, err
	}
	k, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, refuse(skf.KeyUsage)
	}
	return k, nil
}

// RSASignData signs data, most often a DigestInfo, by PKCS #1 v1.5 as it is.
func (l *Library) RSASignData(h Handle, data []byte, out *Out) error {
	return l.inside(h, func(c *softkey.Container) error {
		key, err := rsaKey(c, token.Signing)
		if err != nil {
			return err
		}
		if len(data) == 0 || len(data) > key.Size()-11 {
			return refuse(skf.InputLength)
		}
		write, err := out.room(key.Size())
		if !write {
			return err
		}
		signature, err := rsa.SignPKCS1v15(l.Random, key, crypto.Hash(0), data)
		if err != nil {
			return because(skf.Fail, err)
		}
		return out.put(signature)
	})
}

// RSAExportSessionKey draws a session key and encrypts it to an
// RSAPUBLICKEYBLOB by PKCS #1 v1.5. The handle is 0 where the caller asks for
// the length only.
func (l *Library) RSAExportSessionKey(h Handle, algorithm uint32, public []byte, out *Out) (key Handle, err error) {
	var connection Handle
	var plain []byte
	err = l.inContainer(h, func(c Handle) error {
		pub, err := standard.ParseRSAPublicKey(public)
		if err != nil {
			return because(skf.InvalidParameter, err)
		}
		write, err := out.room(pub.Size())
		if !write {
			return err
		}
		drawn, err := l.drawKey(skf.Algorithm(algorithm))
		if err != nil {
			return err
		}
		wrapped, err := rsa.EncryptPKCS1v15(l.Random, pub, drawn)
		if err != nil {
			return because(skf.RSAEncryptError, err)
		}
		connection, plain = c, drawn
		return out.put(wrapped)
	})
	if err != nil || plain == nil {
		return 0, err
	}
	return l.addKey(connection, plain, skf.Algorithm(algorithm))
}

// ImportSessionKey takes a session key that was encrypted to the container's
// encryption pair (or, in an RSA container without one, the only pair): an
// ECCCIPHERBLOB, or PKCS #1 v1.5.
func (l *Library) ImportSessionKey(h Handle, algorithm uint32, wrapped []byte) (Handle, error) {
	if len(wrapped) > skf.MaxCipher {
		return 0, refuse(skf.InputLength)
	}
	c, err := find[*container](l, h)
	if err != nil {
		return 0, err
	}
	var plain []byte
	err = l.inside(h, func(c *softkey.Container) error {
		kind, err := c.Type(context.Background())
		if err != nil {
			return err
		}
		if kind != gm.RSA {
			key, err := sm2Key(c, token.Encryption)
			if err != nil {
				return err
			}
			out := Out{Buffer: make([]byte, KeyLength)}
			plain = out.Buffer
			err = decrypt(key, wrapped, &out)
			if err == nil && out.Length != KeyLength || CodeOf(err) == skf.BufferTooSmall {
				return refuse(skf.InputData)
			}
			return err
		}
		key, err := rsaKey(c, token.Encryption)
		if errors.Is(err, token.ErrNoKey) {
			key, err = rsaKey(c, token.Signing)
		}
		if err != nil {
			return err
		}
		plain, err = l.unwrapRSA(key, wrapped)
		return err
	})
	if err != nil {
		return 0, err
	}
	return l.addKey(c.application.connection, plain, skf.Algorithm(algorithm))
}

// unwrapRSA opens a session key. Whether the padding was right shows by nothing
// but the key not fitting (RFC 3218, 2.3.2).
func (l *Library) unwrapRSA(key *rsa.PrivateKey, wrapped []byte) ([]byte, error) {
	plain := make([]byte, KeyLength)
	if _, err := io.ReadFull(l.Random, plain); err != nil {
		return nil, because(skf.RandomError, err)
	}
	if err := rsa.DecryptPKCS1v15SessionKey(nil, key, wrapped, plain); err != nil {
		return nil, because(skf.RSADecryptError, err)
	}
	return plain, nil
}

// ImportRSAKeyPair replaces the encryption pair by an RSAPrivateKey (PKCS #1)
// that is encrypted in ECB mode by a session key, which is encrypted to the
// container's signing pair.
func (l *Library) ImportRSAKeyPair(h Handle, algorithm uint32, wrapped, encrypted []byte) error {
	a := skf.Algorithm(algorithm)
	if !supported(a) || mode(a) != ecb {
		return refuse(skf.NotSupported)
	}
	if n := len(encrypted); n == 0 || n%sm4.BlockSize != 0 || n > skf.MaxCipher || len(wrapped) > skf.MaxCipher {
		return refuse(skf.InputLength)
	}
	return l.inside(h, func(c *softkey.Container) error {
		signing, err := rsaKey(c, token.Signing)
		if err != nil {
			return err
		}
		session, err := l.unwrapRSA(signing, wrapped)
		if err != nil {
			return err
		}
		block, err := sm4.NewCipher(session)
		if err != nil {
			return err
		}
		plain := make([]byte, len(encrypted))
		gmcipher.NewECBDecrypter(block).CryptBlocks(plain, encrypted)
		var der asn1.RawValue // the structure tells where the padding begins
		if _, err := asn1.Unmarshal(plain, &der); err != nil {
			return because(skf.InputData, err)
		}
		key, err := x509.ParsePKCS1PrivateKey(der.FullBytes)
		if err != nil {
			return because(skf.InputData, err)
		}
		return c.ImportKey(context.Background(), key)
	})
}
