package main

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/gofrs/flock"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/certhall/certhall/desk/token/softkey"
)

// TestMain lets the scripts' keys take a PIN at once.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"certhall-agent": func() {
		iterations = 1
		main()
	}})
}

// TestNewKeysAreSlow to guess at: what the scripts do without.
func TestNewKeysAreSlow(t *testing.T) {
	if iterations != softkey.DefaultIterations {
		t.Errorf("%d iterations", iterations)
	}
}

// TestScripts runs the command line as people and scripts use it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("LANG", "en")
			e.Setenv("CERTHALL_KEYS", e.WorkDir+"/keys")
			e.Setenv("XDG_CACHE_HOME", e.WorkDir+"/cache")
			e.Setenv("AppData", e.WorkDir+"/config") // Windows
			e.Setenv("LocalAppData", e.WorkDir+"/cache")
			return occupy(e, "BUSY1")
		},
	})
}

// occupy uses a key for as long as a script runs, as another process does.
func occupy(e *testscript.Env, serial string) error {
	folder := filepath.Join(e.WorkDir, "keys", ".locks")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(serial))
	l := flock.New(filepath.Join(folder, hex.EncodeToString(sum[:16])+".lock"))
	e.Defer(func() { _ = l.Close() })
	return l.Lock()
}
