package main

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"path/filepath"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/nodes"
	"github.com/certhall/certhall/authority/wire"
	"github.com/certhall/certhall/metrics"
	"github.com/certhall/certhall/web"
)

// internalFolder holds what the processes of one authority know each other by
// (package nodes), where its roles run apart.
const internalFolder = "internal"

// nodeFlags connect the roles of several machines.
type nodeFlags struct {
	InternalListen string            `name:"internal-listen" help:"Role issue: address where halls on other machines call, by mutual TLS."`
	AuthorityNodes []string          `name:"authority-nodes" help:"Role hall without issue: host:port of the nodes that issue (their internal-listen), the first preferred."`
	RefuseNodes    []certhall.Serial `name:"refuse-nodes" help:"Role issue: serial numbers of internal certificates that are no longer trusted."`
}

// openInternal reads this process's internal certificate.
func (f stateFlags) openInternal(env *environment, role string) (*x509.Certificate, *tlsFiles, error) {
	dir := filepath.Join(f.Dir, internalFolder)
	ca, err := nodes.ReadCertificate(dir)
	if err != nil {
		return nil, nil, err
	}
	files, err := openTLSFiles(nodes.CertificateFile(dir, role), nodes.KeyFile(dir, role), env.clock, env.log)
	return ca, files, err
}

// door is where halls on other machines call the authority.
type door struct {
	l      net.Listener
	server *http.Server
	files  *tlsFiles
	env    *environment
}

// openDoor listens for halls.
func (f houseFlags) openDoor(env *environment, issue *authorityWing) (*door, error) {
	ca, files, err := f.openInternal(env, nodes.Issue)
	if err != nil {
		return nil, err
	}
	handler := wire.Handler(wire.ServerOptions{
		Authority: env.metrics.Authority(issue.ca), Ready: issue.canIssue, Refused: f.RefuseNodes, Log: env.log,
	})
	d := &door{files: files, env: env, server: &http.Server{Handler: handler, TLSConfig: nodes.ServerTLS(ca, files.get)}}
	d.l, err = listenAt(f.InternalListen)
	return d, err
}

func (d *door) checks() []web.Check {
	return []web.Check{{Name: "internal-certificate", Warns: true, Ready: func(context.Context) error { return d.files.ready() }}}
}

func (d *door) look(_ context.Context, set metrics.Set) { d.files.look(set, "internal") }

func (d *door) run(ctx context.Context) error { return serveUntil(ctx, d.server, d.l, d.env.log) }

func (d *door) close() error {
	_ = d.l.Close() // closed already by serving
	return nil
}

// far is the authority on other machines.
type far struct {
	*wire.Client
	files *tlsFiles
}

// openFar makes ready to call the nodes that issue.
func (f houseFlags) openFar(env *environment) (*far, error) {
	if len(f.AuthorityNodes) == 0 {
		return nil, errNoNodes
	}
	ca, files, err := f.openInternal(env, nodes.Hall)
	if err != nil {
		return nil, err
	}
	return &far{wire.NewClient(wire.ClientOptions{
		Nodes: f.AuthorityNodes, TLS: nodes.ClientTLS(ca, files.get, nodes.Issue), Clock: env.clock, Log: env.log,
	}), files}, nil
}

func (f *far) checks() []web.Check {
	return []web.Check{
		{Name: "issuing", Ready: f.Ready},
		{Name: "internal-certificate", Warns: true, Ready: func(context.Context) error { return f.files.ready() }},
	}
}
