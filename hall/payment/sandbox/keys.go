package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/durable"
	"github.com/certhall/certhall/hall/payment/wechat"
)

// PublicKeyID is the id of the sandbox's public key.
const PublicKeyID = "PUB_KEY_ID_0000000000000000000000000001"

// Files of a trial's keys: the first four are what a merchant has, under WeChat
// Pay's names; the last is what nobody but WeChat Pay has.
const (
	fileCertificate = "apiclient_cert.pem"
	fileKey         = "apiclient_key.pem"
	fileSecret      = "apiv3_key.txt"
	filePublicKey   = "pub_key.pem"
	filePlatform    = "platform_key.pem"
)

// Keys of both sides of a trial.
type Keys struct {
	dir      string
	merchant wechat.Credentials
	platform *rsa.PrivateKey
}

const keyBits = 2048

// NewKeys reads the keys of a folder, or makes them there; only its owner may read them.
func NewKeys(dir string, clock certhall.Clock) (*Keys, error) {
	if _, err := os.Stat(filepath.Join(dir, filePlatform)); err != nil {
		if err := makeKeys(dir, clock.Now()); err != nil {
			return nil, err
		}
	}
	k := &Keys{dir: dir}
	var err error
	if k.merchant, err = k.Files().Read(); err != nil {
		return nil, err
	}
	k.platform, err = utils.LoadPrivateKeyWithPath(filepath.Join(dir, filePlatform))
	return k, err
}

// Files are those of the merchant, as its configuration names them.
func (k *Keys) Files() wechat.Files {
	in := func(name string) string { return filepath.Join(k.dir, name) }
	return wechat.Files{
		Merchant: Merchant, App: App, Certificate: in(fileCertificate), Key: in(fileKey), Secret: in(fileSecret),
		PublicKey: in(filePublicKey), PublicKeyID: PublicKeyID,
	}
}

// Credentials are the merchant's.
func (k *Keys) Credentials() wechat.Credentials { return k.merchant }

// makeKeys writes the platform's key last: where it lies, all lie.
func makeKeys(dir string, now time.Time) error {
	merchant, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	platform, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return err
	}
	draw := make([]byte, 44) // 24 bytes of the secret, 20 of the certificate's number
	if _, err := io.ReadFull(rand.Reader, draw); err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(append([]byte{0x41}, draw[24:43]...)), Subject: pkix.Name{CommonName: Merchant, Organization: []string{"certhall sandbox"}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(5, 0, 0), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &merchant.PublicKey, merchant)
	if err != nil {
		return err
	}
	merchantKey, err := x509.MarshalPKCS8PrivateKey(merchant)
	if err != nil {
		return err
	}
	platformKey, err := x509.MarshalPKCS8PrivateKey(platform)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&platform.PublicKey)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{
		{fileCertificate, pemOf("CERTIFICATE", certificate)},
		{fileKey, pemOf("PRIVATE KEY", merchantKey)},
		{fileSecret, []byte(base64.RawURLEncoding.EncodeToString(draw[:24]))},
		{filePublicKey, pemOf("PUBLIC KEY", public)},
		{filePlatform, pemOf("PRIVATE KEY", platformKey)},
	} {
		if err := durable.Replace(filepath.Join(dir, f.name), f.content, durable.Secret); err != nil {
			return err
		}
	}
	return nil
}

func pemOf(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
