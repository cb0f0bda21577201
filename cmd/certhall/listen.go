package main

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
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
	TLSCert string `name:"tls-cert" help:"Certificate chain, PEM; read again when it changes."`
	TLSKey  string `name:"tls-key" help:"Key, PEM; read again when it changes."`
	// Without it everybody behind a proxy would count as one sender of codes.
	Proxy       []netip.Prefix `help:"Network of a reverse proxy, such as 127.0.0.1/32, whose X-Forwarded-For is believed."`
	MetricsFrom []netip.Prefix `name:"metrics-from" default:"127.0.0.0/8,::1/128" help:"Networks that /metrics answers; to all others it is not there."`
}

func (f listenFlags) tls() bool { return f.TLSCert != "" && f.TLSKey != "" }

// address is where browsers find what l listens on.
func (f listenFlags) address(l net.Listener) string {
	if f.tls() {
		return "https://" + l.Addr().String()
	}
	return "http://" + l.Addr().String()
}

// entrance is where the process listens to the world.
type entrance struct {
	net.Listener
	files *tlsFiles // nil: plain HTTP on loopback
}

// open listens; it refuses plain HTTP where others could read along.
func (f listenFlags) open(env *environment) (*entrance, error) {
	host, _, err := net.SplitHostPort(f.Listen)
	if err != nil {
		return nil, errListen.With("address", f.Listen).Because(err)
	}
	if !f.tls() && !loopback(host) {
		return nil, errPlainHTTP.With("address", f.Listen)
	}
	e := new(entrance)
	if f.tls() {
		if e.files, err = openTLSFiles(f.TLSCert, f.TLSKey, env.clock, env.log); err != nil {
			return nil, err
		}
	}
	e.Listener, err = listenAt(f.Listen)
	return e, err
}

func listenAt(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, errListen.With("address", address).Because(err)
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

// serve answers the world until ctx ends.
func (e *entrance) serve(ctx context.Context, h http.Handler, log *slog.Logger) error {
	server := &http.Server{Handler: h}
	if e.files != nil {
		server.TLSConfig = &tls.Config{
			MinVersion:     tls.VersionTLS12,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return e.files.get() },
		}
	}
	return serveUntil(ctx, server, e.Listener, log)
}

// serveUntil serves until ctx ends, then lets running requests finish.
func serveUntil(ctx context.Context, server *http.Server, l net.Listener, log *slog.Logger) error {
	server.ReadHeaderTimeout, server.ReadTimeout = 10*time.Second, 30*time.Second
	server.WriteTimeout, server.IdleTimeout = time.Minute, 2*time.Minute // who does not read holds nothing for ever
	server.ErrorLog = slog.NewLogLogger(log.Handler(), slog.LevelDebug)  // what strangers' handshakes fail of
	failed := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			failed <- server.ServeTLS(l, "", "")
		} else {
			failed <- server.Serve(l)
		}
	}()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := server.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) { // who is still there after that is cut off
		err = server.Close()
	}
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
