package ceremony

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority/status"
	"github.com/certhall/certhall/gm"
)

// Every root has a CRL from the founding on; the next ones, made with the key
// that is offline, keep what was revoked and only grow in number.
func TestRootCRLs(t *testing.T) {
	a, dir := written(t, all())
	public, err := ReadPublic(dir)
	if err != nil {
		t.Fatal(err)
	}
	now := plan.Clock.Now()
	pass := []byte("root passphrase")
	for _, i := range a.Issuers {
		name, file := i.Root.Name, filepath.Join(dir, i.Root.Name+".crl")
		key := filepath.Join(dir, "offline", name+".key")
		shelf := func(at time.Time) status.RootShelf {
			return status.RootShelf{Folder: dir, Roots: public.RootCertificates(), Clock: fixed(at)}
		}
		serials := func() (list []string) {
			l, err := shelf(now).List(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := l.CheckSignatureFrom(i.Root.Certificate); err != nil {
				t.Error(err)
			}
			for _, e := range l.RevokedCertificateEntries {
				list = append(list, fmt.Sprintf("%s %d", certhall.SerialOf(e.SerialNumber), e.ReasonCode))
			}
			return list
		}
		first, err := shelf(now).List(name)
		if err != nil || len(first.RevokedCertificateEntries) != 0 || first.NextUpdate.Sub(first.ThisUpdate) != 400*24*time.Hour {
			t.Fatal(first, err)
		}
		for days, want := range map[int]error{0: nil, 369: nil, 370: status.ErrCRLEnding, 500: status.ErrCRLEnding, -1: status.ErrCRLAhead} {
			if err := shelf(now.AddDate(0, 0, days)).Ready(t.Context(), name); !errors.Is(err, want) {
				t.Errorf("%s after %d days: %v", name, days, err)
			}
		}
		lost := certhall.SerialOf(i.Certificate.SerialNumber)
		for _, step := range []struct {
			at     time.Time
			revoke []status.Entry
			want   []string
		}{
			{now.AddDate(1, 0, 0), []status.Entry{{Serial: lost, At: now, Reason: 2}}, []string{string(lost) + " 2"}},
			{now.AddDate(-1, 0, 0), nil, []string{string(lost) + " 2"}}, // the clock of the machine in the safe is wrong
			{now.AddDate(2, 0, 0), []status.Entry{{Serial: lost, At: now, Reason: 5}, {Serial: "77", At: now}}, []string{string(lost) + " 2", "77 0"}},
		} {
			before, err := shelf(now).List(name)
			if err != nil {
				t.Fatal(err)
			}
			if err := RenewRootCRL(dir, name, key, pass, step.revoke, fixed(step.at), rand.Reader); err != nil {
				t.Fatal(err)
			}
			after, err := shelf(now).List(name)
			if err != nil || after.Number.Cmp(before.Number) <= 0 || !after.ThisUpdate.After(before.ThisUpdate) {
				t.Errorf("%v %v after %v %v: %v", after.Number, after.ThisUpdate, before.Number, before.ThisUpdate, err)
			}
			if got := serials(); !slices.Equal(got, step.want) {
				t.Errorf("listed %v, want %v", got, step.want)
			}
		}
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		other, err := os.ReadFile(filepath.Join(dir, a.Issuers[(slices.IndexFunc(a.Issuers, func(x Issuer) bool { return x.Name == i.Name })+1)%len(a.Issuers)].Root.Name+".crl"))
		if err != nil {
			t.Fatal(err)
		}
		bad := slices.Clone(good)
		bad[len(bad)-70] ^= 1
		for what, content := range map[string][]byte{"another root's": other, "changed": bad, "garbage": []byte("garbage"), "cut": good[:len(good)-1]} {
			must(t, os.WriteFile(file, content, 0o644))
			if _, err := shelf(now).Find(t.Context(), name); !errors.Is(err, status.ErrRootCRL) {
				t.Errorf("%s CRL is served: %v", what, err)
			}
			if err := RenewRootCRL(dir, name, key, pass, nil, fixed(now), rand.Reader); !errors.Is(err, status.ErrRootCRL) {
				t.Errorf("%s CRL is followed by one that forgets: %v", what, err)
			}
		}
		must(t, os.Remove(file))
		if err := shelf(now).Ready(t.Context(), name); !errors.Is(err, status.ErrCRLMissing) {
			t.Errorf("without a CRL: %v", err)
		}
		if err := RenewRootCRL(dir, name, key, []byte("wrong passphrase"), nil, fixed(now), rand.Reader); !errors.Is(err, ErrPassphrase) {
			t.Errorf("wrong passphrase: %v", err)
		}
		must(t, os.WriteFile(file, good, 0o644))
	}
	if err := RenewRootCRL(dir, "root", filepath.Join(dir, "offline", "root-rsa.key"), pass, nil, fixed(now), rand.Reader); !errors.Is(err, ErrFolder) {
		t.Errorf("another root's key: %v", err)
	}
	if err := RenewRootCRL(dir, "issuing", filepath.Join(dir, "issuing.key"), []byte("daily passphrase"), nil, fixed(now), rand.Reader); !errors.Is(err, ErrRootUnknown) {
		t.Errorf("an issuing CA is no root: %v", err)
	}
	if _, err := gm.ParseRevocationList(make([]byte, gm.MaxRevocationList+1)); err == nil {
		t.Error("a CRL of any length is parsed")
	}
}
