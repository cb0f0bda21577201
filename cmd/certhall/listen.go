package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/certhall/certhall"
)

var (
	errPlainHTTP = certhall.NewError("plain-http", certhall.Invalid)
	errListen    = certhall.NewError("listen-failed", certhall.Unavailable)
)

// listenFlags say where the server listens.
type listenFlags struct {
	Listen  string `default:"127.0.0.1:8083" help:"Address to listen on; plain HTTP on loopback only."`
	TLSCert string `name:"tls-cert" help:"Certificate chain, PEM."`
	TLSKey  string `name:"tls-key" help:"Key, PEM."`
	// Without it everybody behind a proxy would count as one sender of codes.
	Proxy []netip.Prefix `help:"Network of a reverse proxy, such as 127.0.0.1/32, whose X-Forwarded-For is believed."`
}

func (f listenFlags) tls() bool { return f.TLSCert != "" && f.TLSKey != "" }

// address is where browsers find what l listens on.
func (f listenFlags) address(l net.Listener) string {
	if f.tls() {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// listen listens; it refuses plain HTTP where others could read along.
func (f listenFlags) listen() (net.Listener, error) {
	host, _, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return nil, errListen.With("address", f.Listen).Because(err)
	}
	if !f.tls() && !loopback(host) {
		return nil, errPlainHTTP.With("address", f.Listen)
	}
	l, err := net.Listen("tcp", f.Listen)
	if err != nil {
		return nil, errListen.With("address", f.Listen).Because(err)
	}
	return l, nil
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// serveHTTP serves until ctx ends, then lets running requests finish.
func (f listenFlags) serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, // who does not read holds nothing for ever
	}
	failed := make(chan error, 1)
	go func() {
		if f.tls() {
			failed <- server.ServeTLS(l, f.TLSCert, f.TLSKey)
		} else {
			failed <- server.Serve(l)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := server.Shutdown(end)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
