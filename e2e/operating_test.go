package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// block is a block of commands of a document, by the comment before it.
func block(t *testing.T, document, name string) []string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)<!-- " + name + ": a test runs.*?```\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s has no block %q", document, name)
	}
	return strings.Split(strings.TrimSpace(string(m[1])), "\n")
}

// TestOperatingByTheBook founds an authority by docs/operating.md at a
// terminal, checks the configuration that is shipped, serves by it, and makes
// the folders of other machines.
func TestOperatingByTheBook(t *testing.T) {
	t.Parallel()
	dir := workshop(t)
	if out, code := shell(t, dir, `
set -euo pipefail
for who in a b; do
	bin/certhall-agent --yes --pin-fd 3 softkey new --out keys/$who.softkey --label $who 3<pin
	bin/certhall-agent --yes --pin-fd 3 enrol --key keys/$who.softkey --name "officer $who" --out $who.p10 3<pin
done`); code != 0 {
		t.Fatalf("officers' keys: %d\n%s", code, out)
	}
	listen := freePort(t)
	shipped, err := os.ReadFile("../packaging/certhall.toml")
	if err != nil {
		t.Fatal(err)
	}
	config := strings.NewReplacer("/var/lib/certhall", "state", "127.0.0.1:8083", listen).Replace(string(shipped))
	if err := os.WriteFile(filepath.Join(dir, "certhall.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	passphrases := map[string]string{"daily": "a daily passphrase", "root": "a passphrase for the safe"}
	types := func(name string, answers ...string) (said string) {
		t.Helper()
		for _, line := range block(t, "../docs/operating.md", name) {
			s := runLine(t, dir, "export PATH=$PWD/bin:$PATH STATE=state CONFIG=certhall.toml; "+line, english, "LC_ALL=", "LC_MESSAGES=")
			if strings.Contains(line, " init ") || strings.Contains(line, "node-certificate") {
				for _, answer := range answers {
					s.waitFor(`(?i)(?:passphrase|again)[^\n]*: `)
					s.answer(passphrases[answer])
				}
			}
			out := s.ends(0)
			t.Logf("$ %s\n%s", line, out)
			said += out
		}
		return said
	}
	if said := types("found", "daily", "daily", "root", "root"); strings.Contains(said, "BROKEN") {
		t.Error(said)
	}
	if said := types("look"); !strings.Contains(said, `listen = "`+listen+`"`) {
		t.Error(said)
	}
	types("machines", "daily")
	for machine, files := range map[string]struct{ holds, lacks string }{
		"hall1":    {"hall.secret authority/authority.json authority/root.cer internal/hall.key internal/ca.cer", "authority/issuing.key authority/notary.key authority/ocsp.key authority/publish.secret internal/ca.key internal/issue.key authority.db authority/offline"},
		"publish1": {"authority/publish.secret authority/ocsp.key authority/issuing.cer internal/publish.key", "authority/issuing.key authority/notary.key hall.secret internal/ca.key authority.db authority/offline"},
		"issue2":   {"authority/issuing.key authority/notary.key authority/origins.key internal/issue.key", "hall.secret internal/ca.key internal/hall.key authority/offline"},
	} {
		for _, name := range strings.Fields(files.holds) {
			if _, err := os.Stat(filepath.Join(dir, machine, name)); err != nil {
				t.Error(err)
			}
		}
		for _, name := range strings.Fields(files.lacks) {
			if _, err := os.Stat(filepath.Join(dir, machine, name)); err == nil {
				t.Errorf("%s holds %s", machine, name)
			}
		}
	}

	cmd := exec.Command("bin/certhall", "serve", "--config", "certhall.toml", "--passphrase-fd", "3")
	daily, err := os.Open(filepath.Join(dir, "daily"))
	if err != nil {
		t.Fatal(err)
	}
	defer daily.Close()
	s := newScreen()
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = dir, s, s, []*os.File{daily}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if body, status := getUntil(t, "http://"+listen+"/healthz", s); status != http.StatusOK {
		t.Errorf("/healthz answers %d %s", status, body)
	}
	if body, status := getUntil(t, "http://"+listen+"/metrics", s); status != http.StatusOK || !strings.Contains(body, "certhall_sealed 0") {
		t.Errorf("/metrics answers %d\n%s", status, body)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server ends with %v\n%s", err, s)
	}
}

// TestOperatingTellsAll: every condition of /readyz and every series of
// /metrics stands in docs/operating.md.
func TestOperatingTellsAll(t *testing.T) {
	text, err := os.ReadFile("../docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	for glob, find := range map[string]string{
		"../cmd/certhall/*.go":  `web\.Check\{\{?Name: "([a-z-]+)"|^\s*\{Name: "([a-z-]+)", Ready`,
		"../metrics/gauges.go":  `Gauge = "(certhall_\w+)"`,
		"../metrics/metrics.go": `(?:counter|histogram)\("(certhall_\w+)"`,
	} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, file := range files {
			code, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile("(?m)"+find).FindAllStringSubmatch(string(code), -1) {
				name := strings.Join(m[1:], "")
				if found++; name != "crl-" && !strings.Contains(string(text), name) {
					t.Errorf("docs/operating.md does not tell of %s", name)
				}
			}
		}
		if found < 4 {
			t.Errorf("%s: found only %d names", glob, found)
		}
	}
}
