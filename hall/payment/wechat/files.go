package wechat

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"os"

	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"github.com/certhall/certhall"
)

// Files are where a merchant's credentials lie, as WeChat Pay's merchant platform
// hands them out.
type Files struct {
	Merchant    string   // 商户号
	App         string   // appid
	Certificate string   // apiclient_cert.pem
	Key         string   // apiclient_key.pem
	Secret      string   // a file that holds the APIv3 key, 32 characters
	PublicKey   string   // pub_key.pem
	PublicKeyID string   // PUB_KEY_ID_…
	Platform    []string // platform certificates, where there is no public key
}

// ErrFile is what wrong files are told of: one cannot be read, or holds something else.
var ErrFile = certhall.NewError("wechat-file", certhall.Invalid)

// Read reads the files; errors name the file, never what is in it.
func (f Files) Read() (c Credentials, err error) {
	c.Merchant, c.App, c.PublicKeyID = f.Merchant, f.App, f.PublicKeyID
	certificate, err := read(f.Certificate, utils.LoadCertificate)
	if err != nil {
		return c, err
	}
	if c.Key, err = read(f.Key, utils.LoadPrivateKey); err != nil {
		return c, err
	}
	if !c.Key.PublicKey.Equal(certificate.PublicKey) {
		return c, ErrFile.With("file", f.Key).Becausef("wechat: the key is not the one of %s", f.Certificate)
	}
	c.Serial = utils.GetCertificateSerialNumber(*certificate)
	if c.Secret, err = read(f.Secret, func(text string) ([]byte, error) { return bytes.TrimSpace([]byte(text)), nil }); err != nil {
		return c, err
	}
	if len(c.Secret) != secretBytes {
		return c, ErrFile.With("file", f.Secret).Becausef("wechat: an APIv3 key has %d characters", secretBytes)
	}
	if f.PublicKey != "" {
		if c.PublicKey, err = read(f.PublicKey, publicKey); err != nil {
			return c, err
		}
	}
	for _, file := range f.Platform {
		certificate, err := read(file, utils.LoadCertificate)
		if err != nil {
			return c, err
		}
		c.Platform = append(c.Platform, certificate)
	}
	return c, nil
}

func read[T any](file string, parse func(string) (T, error)) (value T, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return value, ErrFile.With("file", file).Because(err)
	}
	if value, err = parse(string(text)); err != nil {
		return value, ErrFile.With("file", file).Becausef("wechat: it does not hold what it should")
	}
	return value, nil
}

// publicKey reads a public key, or the one of a certificate.
func publicKey(text string) (*rsa.PublicKey, error) {
	if certificate, err := utils.LoadCertificate(text); err == nil {
		if key, ok := certificate.PublicKey.(*rsa.PublicKey); ok {
			return key, nil
		}
		return nil, x509.ErrUnsupportedAlgorithm
	}
	return utils.LoadPublicKey(text)
}
