package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/hall/payment"
	"github.com/certhall/certhall/hall/payment/sandbox"
	"github.com/certhall/certhall/hall/payment/wechat"
	"github.com/certhall/certhall/locale"
)

// TestOpenPayment: the channel is what the configuration says, trial payment is
// for a demo authority alone, and wrong files are named.
func TestOpenPayment(t *testing.T) {
	dir := t.TempDir()
	pay, err := openDemoPay(&environment{clock: certhall.SystemClock{}, random: rand.Reader, lang: locale.English}, dir, 0, "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	defer pay.listener.Close()
	trial := pay.flags
	real := pay.flags
	real.Payment, real.WechatGateway, real.notices = payWechat, "", ""
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("geheim"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(f paymentFlags, change func(*paymentFlags)) paymentFlags {
		change(&f)
		return f
	}
	const portal = "https://hall.example"
	for what, c := range map[string]struct {
		flags   paymentFlags
		demo    bool
		address string
		want    error
		none    bool
	}{
		"none":                         {paymentFlags{Payment: payNone}, false, portal, nil, true},
		"wechat":                       {real, false, portal, nil, false},
		"wechat, no https":             {real, false, "http://127.0.0.1:8083", errNotices, true},
		"wechat at the sandbox":        {with(real, func(f *paymentFlags) { f.WechatGateway = trial.WechatGateway }), false, portal, wechat.ErrGateway, true},
		"wechat, second gateway":       {with(real, func(f *paymentFlags) { f.WechatGateway = "https://api2.mch.weixin.qq.com" }), false, portal, nil, false},
		"sandbox of a demo":            {trial, true, portal, nil, false},
		"sandbox of a real authority":  {trial, false, portal, errSandbox, true},
		"sandbox without its address":  {with(trial, func(f *paymentFlags) { f.WechatGateway = "" }), true, portal, wechat.ErrGateway, true},
		"no files":                     {paymentFlags{Payment: payWechat}, false, portal, wechat.ErrFile, true},
		"a key that is none":           {with(real, func(f *paymentFlags) { f.WechatKey = text }), false, portal, wechat.ErrFile, true},
		"a secret that is none":        {with(real, func(f *paymentFlags) { f.WechatSecret = text }), false, portal, wechat.ErrFile, true},
		"no merchant":                  {with(real, func(f *paymentFlags) { f.WechatMerchant = "" }), false, portal, wechat.ErrMerchant, true},
		"no public key":                {with(real, func(f *paymentFlags) { f.WechatPublicKey = "" }), false, portal, wechat.ErrKeys, true},
		"a public key without its id":  {with(real, func(f *paymentFlags) { f.WechatPublicKeyID = "" }), false, portal, wechat.ErrKeys, true},
		"a platform certificate alone": {with(real, func(f *paymentFlags) { f.WechatPublicKey = ""; f.WechatPlatform = []string{f.WechatCertificate} }), false, portal, nil, false},
	} {
		got, err := hallFlags{paymentFlags: c.flags}.openPayment(ceremony.Public{Address: c.address, Demo: c.demo}, certhall.SystemClock{})
		if !errors.Is(err, c.want) || (got == nil) != c.none || strings.Contains(certhall.CauseText(err), "geheim") {
			t.Errorf("%s: %v %s", what, got, certhall.CauseText(err))
		}
	}
}

// TestConfigCheckPayment: config check tries the channel of payment, as serve would.
func TestConfigCheckPayment(t *testing.T) {
	dir := t.TempDir()
	plan := ceremony.Plan{ID: "test", Name: "测试机构", Address: "https://hall.example", Clock: certhall.SystemClock{}, Random: rand.Reader, KDFCost: 1}
	founded, err := ceremony.Found(plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := ceremony.Write(filepath.Join(dir, authorityFolder), founded, plan, false, ceremony.Passphrases{Root: []byte("root root"), Daily: []byte("daily daily")}); err != nil {
		t.Fatal(err)
	}
	keys, err := sandbox.NewKeys(filepath.Join(dir, "wechat"), certhall.SystemClock{})
	if err != nil {
		t.Fatal(err)
	}
	files := keys.Files()
	whole := fmt.Sprintf("dir = %q\npayment = 'wechat'\nwechat-merchant = %q\nwechat-app = %q\nwechat-certificate = %q\nwechat-key = %q\nwechat-secret = %q\nwechat-public-key = %q\nwechat-public-key-id = %q\n",
		dir, files.Merchant, files.App, files.Certificate, files.Key, files.Secret, files.PublicKey, files.PublicKeyID)
	for what, c := range map[string]struct{ text, want string }{
		"whole":           {whole, ""},
		"none":            {fmt.Sprintf("dir = %q\n", dir), ""},
		"sandbox":         {strings.Replace(whole, "'wechat'", "'sandbox'", 1), "payment-sandbox"},
		"another channel": {strings.Replace(whole, "'wechat'", "'cash'", 1), "config-value-wrong"},
		"no key":          {strings.Replace(whole, "wechat-key = ", "#", 1), "wechat-file"},
		"no hall":         {"roles = ['publish']\n" + strings.Replace(whole, "wechat-key = ", "#", 1), ""},
	} {
		file := filepath.Join(t.TempDir(), "certhall.toml")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, err := range checkConfig(file) {
			got = append(got, certhall.AsError(err).Code)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %q", what, got, c.want)
		}
	}
}

// TestDemoPay: the demo's hall pays at the sandbox through what production is
// made of, the books outlive a restart, and it ends with the demo, whoever hangs.
func TestDemoPay(t *testing.T) {
	dir, heard := t.TempDir(), make(chan payment.Notice, 1)
	env := &environment{clock: certhall.SystemClock{}, random: rand.Reader, lang: locale.English, log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	var channel payment.Channel
	hall, err := listenAt("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	portal := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := channel.Notice(r)
		channel.Answer(w, err)
		if err == nil && r.URL.Path == payment.NoticePath {
			heard <- n
		}
	})}
	go func() { _ = portal.Serve(hall) }()
	defer portal.Close()
	for start := range 2 {
		pay, err := openDemoPay(env, dir, 0, "http://"+hall.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if channel, err = (hallFlags{paymentFlags: pay.flags}).openPayment(ceremony.Public{Demo: true}, env.clock); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- pay.run(ctx, env) }()
		if start == 0 {
			p := payment.Prepay{Order: "order-1", About: "test", Amount: 1, Expires: env.clock.Now().Add(time.Hour)}
			if _, err := channel.Prepay(ctx, p); err != nil {
				t.Fatal(err)
			}
			control(t, pay, "pay", map[string]any{"order": "order-1"})
			if n := <-heard; n.Payment == nil || n.Payment.Order != "order-1" {
				t.Errorf("%+v", n)
			}
		}
		if p, err := channel.Query(ctx, "order-1"); err != nil || p.State != payment.Paid {
			t.Errorf("%+v %v", p, err)
		}
		control(t, pay, "faults", map[string]any{"call": "query", "kind": "hang"})
		hung := make(chan error)
		go func() {
			_, err := channel.Query(t.Context(), "order-1")
			hung <- err
		}()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := <-hung; !errors.Is(err, payment.ErrChannel) && err != nil {
			t.Error(err)
		}
	}
}

func control(t *testing.T, pay *demoPay, what string, body any) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := http.Post(pay.flags.WechatGateway+"/control/"+what, "application/json", strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	if reply.Body.Close(); reply.StatusCode != 200 {
		t.Fatal(what, reply.Status)
	}
}
