//go:build wine

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestWindows walks a renewal with the agent for Windows, under Wine: the demo
// runs here, the agent reaches its key by itself and through libsoftkey.dll.
// scripts/windows has built both, and names Wine.
func TestWindows(t *testing.T) {
	h := newHouse(t)
	bin, err := filepath.Abs("../bin")
	if err != nil {
		t.Fatal(err)
	}
	// Paths from the root lie on the drive of the folder that one is in.
	script := "#!/bin/sh\nexec " + os.Getenv("WINE") + " " + filepath.Join(bin, "certhall-agent.exe") + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(h.dir, "agent"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	h.env = append(h.env, "CERTHALL_AUTHORITY="+filepath.Join(h.dir, ".demo/authority/root.cer"),
		"CERTHALL_KEYS="+filepath.Join(h.dir, ".demo/keys"), "CERTHALL_SOFTKEYS="+filepath.Join(h.dir, ".demo/keys"))
	library := " --library skf:" + filepath.Join(bin, "libsoftkey.dll")
	agent := func(code int, line, input string, want ...string) {
		t.Helper()
		got, out := h.does("set -o pipefail; printf '" + input + "' | ./agent --lang en --yes " + line + " 2>&1 | cat")
		if got != code {
			t.Fatalf("%s: exit code %d, want %d\n%s", line, got, code, out)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s does not say %q:\n%s", line, w, out)
			}
		}
	}
	pin := h.pin()
	for _, through := range []string{"", library} {
		agent(0, "list"+through, "", "HT20260001  6 PIN tries", "20 days left")
		agent(4, "renew --pin-fd 0"+through, `13572468\n`, "The PIN is wrong; 5 tries are left")
		agent(0, "change-pin --pin-fd 0 --new-pin-fd 0"+through, pin+`\n24681357\n`, "was changed")
		agent(0, "change-pin --pin-fd 0 --new-pin-fd 0"+through, `24681357\n`+pin+`\n`, "was changed")
	}
	agent(0, "drivers"+library, "", "keys plugged in: 1")
	agent(1, "doctor --record recording.jsonl"+library, "", "HT20260001: readable, 6 PIN tries left", "No other program")
	if said, err := os.ReadFile(filepath.Join(h.dir, "recording.jsonl")); err != nil || !strings.Contains(string(said), `"platform":"windows/amd64"`) || strings.Contains(string(said), pin) {
		t.Errorf("%s, %v", said, err)
	}

	// The SMS code is the second line, when it has come.
	if err := syscall.Mkfifo(filepath.Join(h.dir, "code"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := h.run("set -o pipefail; (echo " + pin + "; cat code) | ./agent --lang en --yes renew --pin-fd 0 --code-fd 0" + library + " 2>&1 | cat")
	if err := os.WriteFile(filepath.Join(h.dir, "code"), []byte(h.code()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := s.ends(0); !strings.Contains(out, "Renewed") || !strings.Contains(out, "Test signature and test decryption passed") {
		t.Error(out)
	}
	agent(0, "decrypt --pin-fd 0 .demo/tender.enc tender.txt", pin+`\n`)
	if out := h.says("bin/certhall fsck --dir .demo"); strings.Contains(out, "BROKEN") {
		t.Error(out)
	}
}
