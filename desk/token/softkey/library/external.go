package library

import (
	"crypto/rsa"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/gm/skf"
)

// What needs no key on the device: public keys, and private keys that the
// caller brings.

// digestLength is that of e, which SM2 signs: SM3 over Z and the message.
const digestLength = 32

// ECCVerify checks an ECCSIGNATUREBLOB over e by an ECCPUBLICKEYBLOB. (The
// standard's ExtECCVerify is the same.)
func (l *Library) ECCVerify(h Handle, public, e, signature []byte) error {
	if len(e) != digestLength {
		return refuse(skf.InputLength)
	}
	return l.connected(h, func(*connection) error {
		pub, err := standard.ParsePublicKey(public)
		if err != nil {
			return because(skf.InvalidParameter, err)
		}
		der, err := skf.ParseSignature(signature)
		if err != nil || !sm2.VerifyASN1(pub, e, der) {
			return because(skf.HashNotEqual, err)
		}
		return nil
	})
}

// ExtECCEncrypt encrypts to an ECCPUBLICKEYBLOB: an ECCCIPHERBLOB.
func (l *Library) ExtECCEncrypt(h Handle, public, plain []byte) (blob []byte, err error) {
	if len(plain) == 0 || len(plain) > MaxPlain {
		return nil, refuse(skf.InputLength)
	}
	err = l.connected(h, func(*connection) error {
		blob, err = l.sealTo(public, plain)
		return err
	})
	return blob, err
}

// MaxPlain is how much SM2 encrypts at once, in bytes: what fits into an
// SM2Cipher that is decrypted again.
const MaxPlain = gm.MaxCiphertext - 256

func (l *Library) sealTo(public, plain []byte) ([]byte, error) {
	pub, err := standard.ParsePublicKey(public)
	if err != nil {
		return nil, because(skf.InvalidParameter, err)
	}
	der, err := gm.Seal(l.Random, pub, plain)
	if err != nil {
		return nil, because(skf.Fail, err)
	}
	return standard.Cipher(der)
}

// ExtECCDecrypt decrypts an ECCCIPHERBLOB by an ECCPRIVATEKEYBLOB.
func (l *Library) ExtECCDecrypt(h Handle, private, blob []byte, out *Out) error {
	return l.connected(h, func(*connection) error {
		key, err := standard.ParsePrivateKey(private)
		if err != nil {
			return because(skf.InvalidParameter, err)
		}
		return decrypt(key, blob, out)
	})
}

// decrypt opens an ECCCIPHERBLOB. Its length says how long the text is.
func decrypt(key *sm2.PrivateKey, blob []byte, out *Out) error {
	der, err := standard.ParseCipher(blob)
	if err != nil {
		return because(skf.InputData, err)
	}
	write, err := out.room(len(blob) - standard.CipherSize(0))
	if !write {
		return err
	}
	plain, err := gm.Open(key, der)
	if err != nil {
		return because(skf.InputData, err)
	}
	return out.put(plain)
}

// ExtECCSign signs e by an ECCPRIVATEKEYBLOB: an ECCSIGNATUREBLOB.
func (l *Library) ExtECCSign(h Handle, private, e []byte) (signature []byte, err error) {
	err = l.connected(h, func(*connection) error {
		key, err := standard.ParsePrivateKey(private)
		if err != nil {
			return because(skf.InvalidParameter, err)
		}
		signature, err = l.sign(key, e)
		return err
	})
	return signature, err
}

// sign signs e as it is: no Z, no digest.
func (l *Library) sign(key *sm2.PrivateKey, e []byte) ([]byte, error) {
	if len(e) != digestLength {
		return nil, refuse(skf.InputLength)
	}
	der, err := key.Sign(l.Random, e, nil)
	if err != nil {
		return nil, because(skf.Fail, err)
	}
	return skf.Signature(der)
}

// RSAVerify checks a signature of PKCS #1 v1.5 over data that is a DigestInfo,
// or whatever RSASignData signed, by an RSAPUBLICKEYBLOB.
func (l *Library) RSAVerify(h Handle, public, data, signature []byte) error {
	if err := take(data); err != nil {
		return err
	}
	return l.connected(h, func(*connection) error {
		pub, err := standard.ParseRSAPublicKey(public)
		if err != nil {
			return because(skf.InvalidParameter, err)
		}
		if err := rsa.VerifyPKCS1v15(pub, 0, data, signature); err != nil {
			return because(skf.HashNotEqual, err)
		}
		return nil
	})
}
