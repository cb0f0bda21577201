package main

import (
	"net/url"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/payment/wechat"
)

// paymentFlags choose the channel of payment. Keys come by files alone.
type paymentFlags struct {
	Payment           string   `enum:"none,wechat,sandbox" default:"none" help:"Channel of payment: none (only what is free can be ordered), wechat (WeChat Pay), or sandbox (WeChat Pay for trials; refused unless the authority is a demo)."`
	WechatMerchant    string   `name:"wechat-merchant" help:"WeChat Pay: the merchant's number (商户号)."`
	WechatApp         string   `name:"wechat-app" help:"WeChat Pay: the appid that the merchant's number is bound to."`
	WechatCertificate string   `name:"wechat-certificate" help:"WeChat Pay: file with the merchant's certificate (apiclient_cert.pem)."`
	WechatKey         string   `name:"wechat-key" help:"WeChat Pay: file with the merchant's key (apiclient_key.pem)."`
	WechatSecret      string   `name:"wechat-secret" help:"WeChat Pay: file with the APIv3 key, 32 characters."`
	WechatPublicKey   string   `name:"wechat-public-key" help:"WeChat Pay: file with its public key (pub_key.pem)."`
	WechatPublicKeyID string   `name:"wechat-public-key-id" help:"WeChat Pay: id of its public key (PUB_KEY_ID_…)."`
	WechatPlatform    []string `name:"wechat-platform" help:"WeChat Pay: file with a platform certificate, where the merchant has no public key yet; may be repeated."`
	WechatGateway     string   `name:"wechat-gateway" help:"WeChat Pay: base address of the gateway, such as https://api2.mch.weixin.qq.com; default https://api.mch.weixin.qq.com. The sandbox has its own."`

	notices string // where notices come to; "": the portal's own address
	payPage string // of the sandbox, in the demo
}

// The channels that there are.
const (
	payNone    = "none"
	payWechat  = "wechat"
	paySandbox = "sandbox"
)

var (
	errSandbox = certhall.NewError("payment-sandbox", certhall.Invalid)
	errNotices = certhall.NewError("payment-notice-address", certhall.Invalid)
)

// openPayment opens the channel of payment; nil if there is none. It calls nobody.
func (f hallFlags) openPayment(p ceremony.Public, clock certhall.Clock) (payment.Channel, error) {
	notices := f.notices
	if notices == "" {
		notices = portalOf(p, f.origin).Origin
	}
	switch {
	case f.Payment == paySandbox && !p.Demo:
		return nil, errSandbox
	case f.Payment == payWechat && f.WechatGateway != "" && !isHTTPS(f.WechatGateway), f.Payment == paySandbox && f.WechatGateway == "":
		return nil, wechat.ErrGateway
	case f.Payment == payWechat && !isHTTPS(notices):
		return nil, errNotices.With("address", notices)
	case f.Payment != payWechat && f.Payment != paySandbox:
		return nil, nil
	}
	credentials, err := wechat.Files{
		Merchant: f.WechatMerchant, App: f.WechatApp, Certificate: f.WechatCertificate, Key: f.WechatKey, Secret: f.WechatSecret,
		PublicKey: f.WechatPublicKey, PublicKeyID: f.WechatPublicKeyID, Platform: f.WechatPlatform,
	}.Read()
	if err != nil {
		return nil, err
	}
	channel, err := wechat.New(wechat.Options{
		Credentials: credentials, NotifyURL: notices + payment.NoticePath, Gateway: f.WechatGateway, Clock: clock,
	})
	if err != nil {
		return nil, err
	}
	return channel, nil
}

func isHTTPS(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == "https" && u.Host != ""
}
