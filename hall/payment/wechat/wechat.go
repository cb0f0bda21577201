// Package wechat is the payment.Channel over WeChat Pay, API v3, Native: the payer
// scans a QR code. The official SDK makes and signs the requests; every reply and
// notice is verified here (signature, age, known key), refusals too, before a word
// of it is believed. What cannot be verified is payment.ErrChannel: ask again.
//
// Protocol: https://pay.weixin.qq.com/doc/v3/merchant/4012791856
package wechat

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/consts"
	"github.com/wechatpay-apiv3/wechatpay-go/core/option"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/native"
	"github.com/wechatpay-apiv3/wechatpay-go/services/refunddomestic"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment"
)

// Name is what records call the channel.
const Name = "wechat"

// Gateway is where WeChat Pay answers.
const Gateway = consts.WechatPayAPIServer

// Options say who we are at WeChat Pay and how to reach it.
type Options struct {
	Credentials
	NotifyURL string // where notices come to; without a query
	Gateway   string // base address, default Gateway; the trial's server has another
	Timeout   time.Duration
	Clock     certhall.Clock
	Transport http.RoundTripper // default http.DefaultTransport
}

// Credentials are the merchant's keys and WeChat Pay's.
type Credentials struct {
	Merchant string // 商户号 mchid
	App      string // appid that the merchant's number is bound to
	Serial   string // number of the merchant's certificate, upper-case hex
	Key      *rsa.PrivateKey
	Secret   []byte // APIv3 key, 32 bytes: notices are encrypted with it

	// WeChat Pay's key (微信支付公钥) with its id PUB_KEY_ID_…, or its platform
	// certificates (平台证书), or both while a merchant changes over.
	PublicKeyID string
	PublicKey   *rsa.PublicKey
	Platform    []*x509.Certificate
}

// callTime is how long a call may take unless Options say otherwise.
const callTime = 10 * time.Second

// What wrong options are told of, when the program starts.
var (
	ErrMerchant = certhall.NewError("wechat-merchant", certhall.Invalid)
	ErrKeys     = certhall.NewError("wechat-keys", certhall.Invalid)
	ErrGateway  = certhall.NewError("wechat-gateway", certhall.Invalid)
)

// Channel is a merchant's account at WeChat Pay.
type Channel struct {
	o       Options
	witness witness
	client  *core.Client
	orders  native.NativeApiService
	refunds refunddomestic.RefundsApiService
}

var _ payment.Channel = (*Channel)(nil)

// New makes the channel; it calls nobody.
func New(o Options) (*Channel, error) {
	if o.Merchant == "" || o.App == "" {
		return nil, ErrMerchant
	}
	if o.Serial == "" || o.Key == nil || len(o.Secret) != secretBytes {
		return nil, ErrKeys.Becausef("wechat: the merchant's key, its certificate's number, or 32 bytes of APIv3 key are missing")
	}
	if o.Gateway == "" {
		o.Gateway = Gateway
	}
	if o.Timeout == 0 {
		o.Timeout = callTime
	}
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	gateway, err := url.Parse(o.Gateway)
	if err != nil || gateway.Host == "" {
		return nil, ErrGateway
	}
	c := &Channel{o: o, witness: witness{clock: o.Clock}}
	switch certificates := core.NewCertificateMapWithList(o.Platform); {
	case o.PublicKey != nil && o.PublicKeyID != "" && len(o.Platform) > 0:
		c.witness.verifier = verifiers.NewSHA256WithRSACombinedVerifier(certificates, o.PublicKeyID, *o.PublicKey)
	case o.PublicKey != nil && o.PublicKeyID != "":
		c.witness.verifier = verifiers.NewSHA256WithRSAPubkeyVerifier(o.PublicKeyID, *o.PublicKey)
	case len(o.Platform) > 0:
		c.witness.verifier = verifiers.NewSHA256WithRSAVerifier(certificates)
	default:
		return nil, ErrKeys.Becausef("wechat: neither WeChat Pay's public key with its id nor a platform certificate")
	}
	c.client, err = core.NewClient(context.Background(),
		option.WithMerchantCredential(o.Merchant, o.Serial, o.Key),
		withValidator{c.witness},
		option.WithHTTPClient(&http.Client{
			Transport: wire{gateway: gateway, witness: c.witness, next: o.Transport}, Timeout: o.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}))
	if err != nil {
		return nil, ErrKeys.Because(err)
	}
	c.orders, c.refunds = native.NativeApiService{Client: c.client}, refunddomestic.RefundsApiService{Client: c.client}
	return c, nil
}

// Name implements payment.Channel.
func (c *Channel) Name() string { return Name }
