//go:build !windows

package window_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/agent/window"
)

// TestDialog with a program that stands in for zenity.
func TestDialog(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("DISPLAY", ":0")
	stands := func(then string) {
		t.Helper()
		program := "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + filepath.Join(dir, "seen") + "\n" + then + "\n"
		if err := os.WriteFile(filepath.Join(dir, "qarma"), []byte(program), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(q window.Question) window.Answer {
		t.Helper()
		a, err := window.Dialog{}.Sit().Ask(t.Context(), q, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	stands("echo Bright-1")
	if !window.DialogPossible() {
		t.Fatal("no dialogs with a display and a program")
	}
	if a := ask(question); !a.Yes || a.PIN != "Bright-1" {
		t.Fatalf("%+v", a)
	}
	seen, err := os.ReadFile(filepath.Join(dir, "seen"))
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{"--entry", "--hide-text", "https://hall.example", "SK1"} {
		if !strings.Contains(string(seen), shown) {
			t.Errorf("%s is not in %s", shown, seen)
		}
	}
	if a := ask(window.Question{What: window.NewPIN, Lang: "en", Purpose: agent.ToChangePIN}); !a.Yes || a.PIN != "Bright-1" || a.Again != a.PIN {
		t.Fatalf("%+v", a)
	}
	stands("exit 1")
	if a := ask(question); a.Yes || a.PIN != "" {
		t.Fatalf("%+v", a)
	}
	pair := window.Question{What: window.Pair, Lang: "en", Origin: question.Origin}
	if a := ask(pair); a.Yes {
		t.Fatalf("%+v", a)
	}
	stands("exit 0")
	if a := ask(pair); !a.Yes {
		t.Fatalf("%+v", a)
	}
	if a := ask(question); a.Yes { // no PIN is no answer
		t.Fatalf("%+v", a)
	}
	stands("exec tail -f /dev/null")
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := (window.Dialog{}).Ask(ctx, question, func(string) { cancel() }); !errors.Is(err, window.ErrWithdrawn) {
		t.Fatal(err)
	}
}
