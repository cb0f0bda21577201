package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"certhall-agent": main})
}

// TestScripts runs the command line as people and scripts use it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("LANG", "en")
			e.Setenv("CERTHALL_KEYS", e.WorkDir+"/keys")
			return nil
		},
	})
}
