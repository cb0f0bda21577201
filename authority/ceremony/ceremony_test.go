package ceremony

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
		"root": {a.Root, a.Root, true}, "issuing": {a.Main().Party, a.Root, true}, "notary": {a.Notary, a.Root, false},
		"origins": {a.Origins, a.Root, false}, "ocsp": {a.Main().OCSP, a.Main().Party, false},
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
	if !gm.SameKey(opened.Main().Key.Public(), a.Main().Key.Public()) {
		t.Error("the issuing key changed")
	}
	if opened.Root.Key != nil {
		t.Error("the root's key came along")
	}
	if _, err := Open(dir, []byte("wrong passphrase")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if opened.Unlock == nil || !gm.SameKey(&opened.Unlock.PublicKey, &a.Unlock.PublicKey) {
		t.Error("the unlock key changed")
	}
	for _, name := range []string{"issuing.key", "unlock.key", "ocsp.key", "publish.secret", "offline/root.key"} {
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

// TestMakeUnlockKey: the folder of an earlier release gets its unlock key, once,
// by whoever can open its other keys; one that was interrupted is made again.
func TestMakeUnlockKey(t *testing.T) {
	a, err := Found(plan)
	must(t, err)
	dir := filepath.Join(t.TempDir(), "authority")
	pass := Passphrases{Root: []byte("root passphrase"), Daily: []byte("daily passphrase")}
	must(t, Write(dir, a, plan, false, pass))
	if err := MakeUnlockKey(dir, pass.Daily, rand.Reader); !errors.Is(err, ErrUnlockKeyExists) {
		t.Errorf("made twice: %v", err)
	}
	must(t, os.Remove(filepath.Join(dir, "unlock.pub"))) // so that unlock.key is what an interruption leaves
	opened, err := Open(dir, pass.Daily)
	must(t, err)
	if p, err := ReadPublic(dir); err != nil || p.Unlock != nil || opened.Unlock != nil || opened.Keys(rand.Reader).Unlock != nil {
		t.Errorf("an unlock key without its public half: %v", err)
	}
	if err := MakeUnlockKey(dir, []byte("wrong passphrase"), rand.Reader); !errors.Is(err, ErrPassphrase) {
		t.Errorf("by a wrong passphrase: %v", err)
	}
	must(t, MakeUnlockKey(dir, pass.Daily, rand.Reader))
	opened, err = Open(dir, pass.Daily)
	must(t, err)
	if p, err := ReadPublic(dir); err != nil || !gm.SameKey(p.Unlock, &opened.Unlock.PublicKey) || gm.SameKey(p.Unlock, &a.Unlock.PublicKey) {
		t.Errorf("made: %v", err)
	}
	other, err := Found(plan)
	must(t, err)
	w := folderWriter{dir: dir}
	w.publicKey("unlock.pub", &other.Unlock.PublicKey)
	must(t, w.err)
	if _, err := Open(dir, pass.Daily); !errors.Is(err, ErrFolder) {
		t.Errorf("halves of two keys: %v", err)
	}
}

// all is the plan with an issuing CA of every algorithm.
func all() Plan {
	p := plan
	p.Algorithms = []gm.Algorithm{gm.ECDSA, gm.RSA, gm.RSA}
	return p
}

func TestIssuersOfEveryAlgorithm(t *testing.T) {
	a, err := foundAll()
	must(t, err)
	var names []string
	for _, i := range a.Issuers {
		names = append(names, i.Name, i.Root.Name, i.OCSP.Name)
		for what, party := range map[string]Party{"root": i.Root, "issuing": i.Party, "ocsp": i.OCSP} {
			if algorithm, err := gm.AlgorithmOf(party.Certificate.PublicKey); err != nil || algorithm != i.Algorithm {
				t.Errorf("%s: %s is of algorithm %v, %v", i.Name, what, algorithm, err)
			}
		}
		if err := i.Certificate.CheckSignatureFrom(i.Root.Certificate); err != nil {
			t.Errorf("%s: %v", i.Name, err)
		}
		if err := i.OCSP.Certificate.CheckSignatureFrom(i.Certificate); err != nil {
			t.Errorf("%s: ocsp: %v", i.Name, err)
		}
		if got := i.OCSP.Certificate.CRLDistributionPoints; len(got) != 1 || got[0] != "https://hall.example/crl/"+i.Name+".crl" {
			t.Errorf("%s: ocsp certificate's CRL is %v", i.Name, got)
		}
		desk := i.Desk()
		if err := desk.CheckSignatureFrom(a.Root.Certificate); err != nil {
			t.Errorf("%s: not under the root that desks trust: %v", i.Name, err)
		}
		if !bytes.Equal(desk.RawSubject, i.Certificate.RawSubject) || !bytes.Equal(desk.SubjectKeyId, i.Certificate.SubjectKeyId) || !gm.SameKey(desk.PublicKey, i.Certificate.PublicKey) {
			t.Errorf("%s: its two certificates name different keys or names", i.Name)
		}
		if got := desk.CRLDistributionPoints; len(got) != 1 || got[0] != "https://hall.example/crl/root.crl" {
			t.Errorf("%s: the root's CRL is %v", i.Name, got)
		}
		if !bytes.Equal(a.Chains()[i.Name][0], desk.Raw) {
			t.Errorf("%s: another chain", i.Name)
		}
	}
	want := []string{"issuing", "root", "ocsp", "issuing-rsa", "root-rsa", "ocsp-rsa", "issuing-p256", "root-p256", "ocsp-p256"}
	if !slices.Equal(names, want) {
		t.Errorf("founded %v", names)
	}
}

func TestFolderOfEveryAlgorithm(t *testing.T) {
	a, dir := written(t, all())
	public, err := ReadPublic(dir)
	if err != nil || len(public.Issuers) != 3 || len(public.Roots) != 3 || public.Issuers[1].Cross == nil {
		t.Fatalf("%+v, %v", public, err)
	}
	opened, err := Open(dir, passphrases.Daily)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("message")
	for name, signer := range opened.Keys(rand.Reader).Issuers {
		signature, err := signer.Sign(message)
		if err != nil {
			t.Fatal(err)
		}
		if err := gm.VerifyAny(signer.Certificate.PublicKey, message, signature); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	responders, err := Responders(dir)
	if err != nil || len(responders) != len(a.Issuers) {
		t.Fatal(responders, err)
	}
	for n, r := range responders {
		signature, err := r.Responder.Sign(message)
		if err != nil {
			t.Fatal(err)
		}
		if r.Name != a.Issuers[n].Name || !r.Certificate.Equal(a.Issuers[n].Certificate) || gm.VerifyAny(a.Issuers[n].OCSP.Key.Public(), message, signature) != nil {
			t.Errorf("%s answers for another", r.Name)
		}
	}
}

// A publishing node holds no CA key.
func TestRespondersNeedNoOtherKey(t *testing.T) {
	_, dir := written(t, all())
	keys, err := filepath.Glob(filepath.Join(dir, "*.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range keys {
		if !strings.HasPrefix(filepath.Base(path), "ocsp") {
			must(t, os.Remove(path))
		}
	}
	must(t, os.RemoveAll(filepath.Join(dir, "offline")))
	if _, err := Responders(dir); err != nil {
		t.Error(err)
	}
	must(t, os.Remove(filepath.Join(dir, "publish.secret")))
	if _, err := Responders(dir); !errors.Is(err, ErrPublishSecret) {
		t.Errorf("without the secret: %v", err)
	}
}

// earlier makes the folder as the first release did: SM2 alone, the OCSP key
// under the daily passphrase.
func earlier(t *testing.T) (*Authority, string) {
	t.Helper()
	a, dir := written(t, plan)
	w := folderWriter{dir: dir}
	w.key("ocsp", a.Main().OCSP.Key, passphrases.Daily, 10)
	must(t, w.err)
	must(t, os.Remove(filepath.Join(dir, "publish.secret")))
	return a, dir
}

// Wherever the move of the OCSP key breaks off, the next passphrase completes it.
func TestEarlierFolder(t *testing.T) {
	for name, stop := range map[string]func(dir string){
		"before it": func(string) {},
		"between secret and key": func(dir string) {
			_, err := makeSecret(dir, rand.Reader)
			must(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, dir := earlier(t)
			stop(dir)
			if _, err := Responders(dir); !errors.Is(err, ErrPublishSecret) {
				t.Fatalf("before the passphrase: %v", err)
			}
			for range 2 {
				opened, err := Open(dir, passphrases.Daily)
				must(t, err)
				must(t, Tend(dir, opened, passphrases.Daily, plan.Clock, rand.Reader))
				r, err := Responders(dir)
				if err != nil || len(r) != 1 || !gm.SameKey(r[0].Responder.Certificate.PublicKey, a.Main().OCSP.Key.Public()) {
					t.Fatal(r, err)
				}
			}
		})
	}
}

// An OCSP certificate is renewed when less than 90 days are left, not before.
func TestOCSPCertificatesAreRenewed(t *testing.T) {
	_, dir := written(t, all())
	first, err := Responders(dir)
	must(t, err)
	end := first[0].Responder.Certificate.NotAfter
	for _, days := range []int{91, 89} {
		renewed := days < 90
		now := fixed(end.AddDate(0, 0, -days))
		opened, err := Open(dir, passphrases.Daily)
		must(t, err)
		must(t, Tend(dir, opened, passphrases.Daily, now, rand.Reader))
		again, err := Responders(dir)
		must(t, err)
		for n, r := range again {
			c := r.Responder.Certificate
			if c.NotAfter.After(end) != renewed || !gm.SameKey(c.PublicKey, first[n].Responder.Certificate.PublicKey) || c.CheckSignatureFrom(r.Certificate) != nil {
				t.Errorf("%s with %d days left: ends %v", r.Name, days, c.NotAfter)
			}
		}
	}
}

var passphrases = Passphrases{Root: []byte("root passphrase"), Daily: []byte("daily passphrase")}

// foundAll founds with every algorithm once: RSA keys take a while.
var foundAll = sync.OnceValues(func() (*Authority, error) { return Found(all()) })

func written(t *testing.T, p Plan) (*Authority, string) {
	t.Helper()
	found := func() (*Authority, error) { return Found(p) }
	if p.Algorithms != nil {
		found = foundAll
	}
	a, err := found()
	must(t, err)
	dir := filepath.Join(t.TempDir(), "authority")
	must(t, Write(dir, a, p, false, passphrases))
	return a, dir
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
