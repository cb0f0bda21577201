package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/hall/payment/sandbox"
)

// demoPay is the demo's WeChat Pay: the sandbox on a loopback port of its own,
// with its keys and books in the demo's folder. The hall is configured for it by
// the same flags and files as for the real one.
type demoPay struct {
	listener net.Listener
	server   *sandbox.Server
	flags    paymentFlags
}

const (
	demoPayFolder  = "payment"
	demoBooks      = "bank.json"
	demoRefundTime = 3 * time.Second
)

// openDemoPay listens; notices go to the hall at the address it listens on.
func openDemoPay(env *environment, dir string, port int, hall string) (*demoPay, error) {
	dir = filepath.Join(dir, demoPayFolder)
	keys, err := sandbox.NewKeys(dir, env.clock)
	if err != nil {
		return nil, err
	}
	bank, err := sandbox.Open(sandbox.Options{
		Name: env.text("cli.demo-merchant"), Clock: env.clock, Random: env.random, File: filepath.Join(dir, demoBooks), RefundTime: demoRefundTime,
	})
	if err != nil {
		return nil, err
	}
	listener, err := listenAt(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	address := "http://" + listener.Addr().String()
	files := keys.Files()
	return &demoPay{
		listener: listener,
		server: sandbox.NewServer(sandbox.ServerOptions{Bank: bank, Keys: keys, Stamps: certhall.SystemClock{}, Log: env.log, Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the demo's certificate may be for another name than the loopback address
		}}),
		flags: paymentFlags{
			Payment: paySandbox, WechatMerchant: files.Merchant, WechatApp: files.App, WechatCertificate: files.Certificate, WechatKey: files.Key,
			WechatSecret: files.Secret, WechatPublicKey: files.PublicKey, WechatPublicKeyID: files.PublicKeyID, WechatGateway: address,
			notices: hall, payPage: address + sandbox.PagePath,
		},
	}, nil
}

// run serves and sends notices until ctx ends; who hangs by a fault is let go then.
func (p *demoPay) run(ctx context.Context, env *environment) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { p.server.Run(ctx); return nil })
	group.Go(func() error {
		return serveUntil(ctx, &http.Server{Handler: p.server, BaseContext: func(net.Listener) context.Context { return ctx }}, p.listener, env.log)
	})
	return group.Wait()
}
