package pkcs11_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/pkcs11"
)

// softHSM is Debian's library, which scripts/needs installs.
const softHSM = "/usr/lib/softhsm/libsofthsm2.so"

const (
	pin   = "Bright-1"
	admin = "Officer-1"
)

// soft is a PC with SoftHSM and its tokens in a folder of the test.
type soft struct {
	testing.TB
	ctx    context.Context
	folder string // with the tokens
	module *pkcs11.Module
}

// newSoft makes tokens with these labels.
func newSoft(t testing.TB, labels ...string) *soft {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	tokens := filepath.Join(dir, "tokens")
	if err := os.Mkdir(tokens, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, []byte("directories.tokendir = "+tokens+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if tb, ok := t.(*testing.T); ok {
		tb.Setenv("SOFTHSM2_CONF", conf)
	}
	for _, label := range labels {
		out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", admin).CombinedOutput()
		if err != nil {
			t.Fatalf("softhsm2-util: %v: %s", err, out)
		}
	}
	s := &soft{TB: t, ctx: t.Context(), folder: dir}
	t.Cleanup(func() { s.unplug() })
	return s
}

// plug loads the library, with what wrap puts before it.
func (s *soft) plug(wrap func(native.Library) native.Library) *pkcs11.Module {
	s.Helper()
	s.unplug()
	lib, err := native.OpenPKCS11(softHSM, native.Options{})
	s.must(err)
	if wrap != nil {
		lib = wrap(lib)
	}
	s.module, err = pkcs11.Open(lib, pkcs11.Profile{SpareSlot: true})
	s.must(err)
	return s.module
}

func (s *soft) unplug() {
	if s.module != nil {
		_ = s.module.Close()
		s.module = nil
	}
}

// serial is that of the token with a label.
func (s *soft) serial(label string) string {
	s.Helper()
	infos, err := s.module.List(s.ctx)
	s.must(err)
	for _, i := range infos {
		if i.Label == label {
			return i.Serial
		}
	}
	s.Fatalf("no token %s among %+v", label, infos)
	return ""
}

func (s *soft) open(label string) token.Key {
	s.Helper()
	k, err := s.module.Open(s.ctx, s.serial(label))
	s.must(err)
	return k
}

func (s *soft) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("%v (%s)", err, certhall.CauseText(err))
	}
}

func (s *soft) refused(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("%v (%s), want %v", err, certhall.CauseText(err), want)
	}
}

func (s *soft) names(k token.Key, want ...string) {
	s.Helper()
	names, err := k.Containers(s.ctx)
	s.must(err)
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		s.Fatalf("containers %q, want %q", names, want)
	}
}
