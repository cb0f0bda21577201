package nodes_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/certhall/certhall/authority/ceremony"
	"github.com/certhall/certhall/authority/nodes"
)

var now = time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	ca, err := nodes.Found("test", now, rand.Reader)
	must(t, err)
	must(t, nodes.WriteCA(dir, ca, []byte("a daily passphrase")))
	if _, err := nodes.ReadCA(dir, []byte("another passphrase")); !errors.Is(err, ceremony.ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	again, err := nodes.ReadCA(dir, []byte("a daily passphrase"))
	must(t, err)
	for _, role := range []string{nodes.Hall, nodes.Issue, nodes.Publish} {
		node, err := again.Issue(role, "node1", now, rand.Reader)
		must(t, err)
		must(t, nodes.WriteNode(dir, role, node, again.Certificate))
		if got := nodes.RoleOf(node.Certificate); got != role {
			t.Errorf("role %q, want %q", got, role)
		}
		pair, err := tls.LoadX509KeyPair(nodes.CertificateFile(dir, role), nodes.KeyFile(dir, role))
		must(t, err)
		pool := x509.NewCertPool()
		pool.AddCert(ca.Certificate)
		usage := x509.ExtKeyUsageClientAuth
		if role == nodes.Issue {
			usage = x509.ExtKeyUsageServerAuth
		}
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Errorf("%s: %v", role, err)
		}
		if info, err := os.Stat(nodes.KeyFile(dir, role)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: key %v, %v", role, info.Mode(), err)
		}
	}
	for role, name := range map[string]string{"root": "node1", nodes.Hall: "Two Words"} {
		if _, err := again.Issue(role, name, now, rand.Reader); err == nil {
			t.Errorf("a certificate for role %q, name %q", role, name)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
