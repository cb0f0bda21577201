package ceremony

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

type fixed time.Time

func (f fixed) Now() time.Time { return time.Time(f) }

var plan = Plan{ID: "test", Name: "测试机构", Address: "https://hall.example", Clock: fixed(time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)), Random: rand.Reader, KDFCost: 10}

func TestFoundedCertificates(t *testing.T) {
	a, err := Found(plan)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		party  Party
		issuer Party
		ca     bool
	}{
		"root": {a.Root, a.Root, true}, "issuing": {a.Issuing, a.Root, true}, "notary": {a.Notary, a.Root, false},
		"origins": {a.Origins, a.Root, false}, "ocsp": {a.OCSP, a.Issuing, false},
	} {
		if err := c.party.Certificate.CheckSignatureFrom(c.issuer.Certificate); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if c.party.Certificate.IsCA != c.ca {
			t.Errorf("%s: CA is %v", name, c.party.Certificate.IsCA)
		}
		if len(c.party.Certificate.AuthorityKeyId) == 0 || len(c.party.Certificate.SubjectKeyId) != 20 {
			t.Errorf("%s: key identifiers missing", name)
		}
		if c.party.Certificate.NotAfter.After(c.issuer.Certificate.NotAfter) {
			t.Errorf("%s outlives its issuer", name)
		}
	}
	if eku := a.Notary.Certificate.UnknownExtKeyUsage; len(eku) != 1 || !eku[0].Equal(proof.OIDNotary) {
		t.Errorf("notary's extended key usage is %v", eku)
	}
}

func TestFolder(t *testing.T) {
	a, err := Found(plan)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "authority")
	pass := Passphrases{Root: []byte("root passphrase"), Daily: []byte("daily passphrase")}
	if err := Write(dir, a, plan, true, pass); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, a, plan, true, pass); !errors.Is(err, ErrFounded) {
		t.Errorf("founded twice: %v", err)
	}
	opened, err := Open(dir, pass.Daily)
	if err != nil {
		t.Fatal(err)
	}
	if !gm.SameKey(&opened.Issuing.Key.PublicKey, &a.Issuing.Key.PublicKey) {
		t.Error("the issuing key changed")
	}
	if opened.Root.Key != nil {
		t.Error("the root's key came along")
	}
	if _, err := Open(dir, []byte("wrong passphrase")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	for _, name := range []string{"issuing.key", "offline/root.key"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "notary.cer"), []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, pass.Daily); !errors.Is(err, ErrFolder) {
		t.Errorf("garbled certificate: %v", err)
	}
}
