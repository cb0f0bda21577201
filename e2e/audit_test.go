package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certhall/certhall/authority/audit"
)

// outside runs a command in a folder, as an outsider would.
func outside(t *testing.T, dir, name string, args ...string) (said string, code int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), english, "LC_ALL=", "LC_MESSAGES=")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// fromDocument takes a marked block of commands from docs/records.md.
func fromDocument(t *testing.T, mark string) string {
	t.Helper()
	text, err := os.ReadFile("../docs/records.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "<!-- "+mark)
	if !ok {
		t.Fatalf("docs/records.md has no block %s", mark)
	}
	_, block, _ = strings.Cut(block, "```")
	_, block, _ = strings.Cut(block, "\n")
	block, _, _ = strings.Cut(block, "```")
	return block
}

// checkpointOver fetches /audit/checkpoint until one stands.
func checkpointOver(t *testing.T, address string) []byte {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		answer, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err == nil && answer.StatusCode == http.StatusOK {
			return text
		}
		if time.Now().After(deadline) {
			t.Fatalf("no checkpoint: %s %s", answer.Status, text)
		}
	}
	return nil
}

// TestAuditByOutsiders: an export, a checkpoint over HTTP and the root are all
// that an outsider has. He checks them with our program and without, and finds
// every kind of tampering.
func TestAuditByOutsiders(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	dir := t.TempDir()
	bin := filepath.Join(h.dir, "bin")
	file := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(file(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	checkpoint := checkpointOver(t, "http://"+h.listen+"/audit/checkpoint")
	write("checkpoint.json", checkpoint)
	var told audit.Published
	if err := json.Unmarshal(checkpoint, &told); err != nil || told.Number < 10 {
		t.Fatalf("%s, %v", checkpoint, err)
	}
	root, err := os.ReadFile(filepath.Join(h.dir, ".demo/authority/root.cer"))
	if err != nil {
		t.Fatal(err)
	}
	write("root.cer", root)

	if said, code := outside(t, h.dir, bin+"/certhall", "audit", "verify", "--dir", ".demo"); code != 0 || !strings.Contains(said, "Proved") {
		t.Errorf("the authority's own check: %d\n%s", code, said)
	}
	if said, code := outside(t, h.dir, bin+"/certhall", "audit", "export", "--dir", ".demo", "--out", file("records")); code != 0 {
		t.Fatalf("export: %s", said)
	}
	if said, code := outside(t, h.dir, bin+"/certhall", "audit", "export", "--dir", ".demo", "--out", file("with-data"), "--with-data"); code != 0 {
		t.Fatalf("export: %s", said)
	}
	export, err := os.ReadFile(file("records"))
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`"data"|"salt"|[\x{4e00}-\x{9fff}]`).Match(export) {
		t.Error("an export without data has names or salts in it")
	}
	verify := func(records string, more ...string) (string, int) {
		return outside(t, dir, bin+"/certhall", append([]string{"audit", "verify", "--export", records, "--checkpoint", "checkpoint.json", "--authority", "root.cer"}, more...)...)
	}
	for _, name := range []string{"records", "with-data"} {
		if said, code := verify(name); code != 0 || !strings.Contains(said, "Proved: the notary of demo signed the records up to") {
			t.Errorf("%s: %d\n%s", name, code, said)
		}
	}

	t.Run("without certhall", func(t *testing.T) {
		write("chain.pl", []byte(fromDocument(t, "second-verifier")))
		upTo := strings.SplitAfter(string(export), "\n")[:told.Number+1]
		write("signed-records", []byte(strings.Join(upTo, "")))
		said, code := outside(t, dir, "sh", "-c", "LC_ALL=C perl chain.pl < signed-records")
		if code != 0 || strings.TrimSpace(said) != strings.Join([]string{jsonNumber(told.Number), told.Hash}, " ") {
			t.Errorf("the second verifier says %d %q, the checkpoint %d %s", code, said, told.Number, told.Hash)
		}
		said, code = outside(t, dir, "sh", "-ec", fromDocument(t, "second-signature"))
		if code != 0 || !strings.Contains(said, "notary.pem: OK") || !strings.Contains(said, "Verified OK") ||
			!strings.Contains(said, strings.ToUpper(told.Hash)) {
			t.Errorf("openssl: %d\n%s", code, said)
		}
		write("signed-records", []byte(strings.Replace(strings.Join(upTo, ""), `"attempt":1`, `"attempt":2`, 1)))
		if said, code := outside(t, dir, "sh", "-c", "LC_ALL=C perl chain.pl < signed-records"); code == 0 {
			t.Errorf("the second verifier takes a changed record: %s", said)
		}
	})

	lines := func() []string { return strings.SplitAfter(strings.TrimSuffix(string(export), "\n"), "\n") }
	with, err := os.ReadFile(file("with-data"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		records string
		want    string
	}{
		"a field":     {strings.Join(append(lines()[:4], append([]string{strings.Replace(lines()[4], `"at":1`, `"at":2`, 1)}, lines()[5:]...)...), ""), "Record 4 does not follow"},
		"data":        {strings.Replace(string(with), `\"serial\":\"`, `\"serial\":\"0`, 1), "The data of record"},
		"removed":     {strings.Join(append(lines()[:4], lines()[5:]...), ""), "Record 4 is missing"},
		"reordered":   {strings.Join(append(lines()[:4], append([]string{lines()[5], lines()[4]}, lines()[6:]...)...), ""), "Record 4 is missing"},
		"put in":      {strings.Join(append(lines()[:5], append([]string{lines()[4]}, lines()[5:]...)...), ""), "Record 4 is out of place"},
		"cut off":     {strings.Join(lines()[:5], ""), "The record ends with 4"},
		"another's":   {strings.Replace(string(export), `"authority":"demo"`, `"authority":"other"`, 1), "another authority"},
		"not records": {"{}\n", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			write("tampered", []byte(c.records))
			if said, code := verify("tampered"); code != 1 || !strings.Contains(said, c.want) {
				t.Errorf("%d, without %q:\n%s", code, c.want, said)
			}
		})
	}
	t.Run("forged checkpoint", func(t *testing.T) {
		forged := told
		forged.Checkpoint = append([]byte(nil), told.Checkpoint...)
		forged.Checkpoint[len(forged.Checkpoint)-1] ^= 1
		text, err := json.Marshal(forged)
		if err != nil {
			t.Fatal(err)
		}
		write("forged.json", text)
		if said, code := verify("records", "--checkpoint", "forged.json"); code != 1 || !strings.Contains(said, "signature does not hold") {
			t.Errorf("%d\n%s", code, said)
		}
	})
	t.Run("another root", func(t *testing.T) {
		other := issue(t)
		write("other.cer", other.authority.Founded.Root.Certificate.Raw)
		if said, code := outside(t, dir, bin+"/certhall", "audit", "verify", "--export", "records", "--checkpoint", "checkpoint.json", "--authority", "other.cer"); code != 1 || !strings.Contains(said, "another authority") {
			t.Errorf("%d\n%s", code, said)
		}
	})
	t.Run("no root", func(t *testing.T) {
		if said, code := outside(t, dir, bin+"/certhall", "audit", "verify", "--export", "records", "--checkpoint", "checkpoint.json"); code != 1 || !strings.Contains(said, "--authority") {
			t.Errorf("%d\n%s", code, said)
		}
	})

	// Stopped, the server leaves everything signed.
	h.stop(syscall.SIGTERM)
	said, code := outside(t, h.dir, bin+"/certhall", "audit", "verify", "--dir", ".demo", "--checkpoint", file("checkpoint.json"))
	if code != 0 || strings.Contains(said, "Not proved") {
		t.Errorf("after the end: %d\n%s", code, said)
	}
}

func jsonNumber(n int64) string {
	text, _ := json.Marshal(n) // a number always has a text
	return string(text)
}
