package e2e

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certhall/certhall/store/sqldb"
)

// ceremony is what two officers, a reviewer and whoever runs the server type
// to found an authority in earnest. Passphrases and PINs come by descriptor.
const ceremony = `
set -euo pipefail
agent() { bin/certhall-agent --yes "$@"; }
for who in a b r; do
	agent --pin-fd 3 softkey new --out keys/$who.softkey --label $who 3<pin
	agent --pin-fd 3 enrol --key keys/$who.softkey --name "officer $who" --out $who.p10 3<pin
done
bin/certhall init --dir state --id acme --name "ACME CA" --public https://hall.example \
	--officer a.p10 --officer b.p10 --passphrase-fd 3 --root-passphrase-fd 4 3<daily 4<root
agent --pin-fd 3 enrol --key keys/a.softkey --certificate state/officer-1.cer 3<pin
agent --pin-fd 3 enrol --key keys/b.softkey --certificate state/officer-2.cer 3<pin
bin/certhall admin reviewer enrol --dir state --request r.p10 --out r.enrolment
agent --pin-fd 3 sign-decision --authority state/authority/root.cer --key keys/a.softkey r.enrolment --out r.a 3<pin
agent --pin-fd 3 sign-decision --authority state/authority/root.cer --key keys/b.softkey r.enrolment --out r.b 3<pin
bin/certhall admin reviewer enrol --dir state --request r.p10 --evidence r.a --evidence r.b --out r.cer --passphrase-fd 3 3<daily
agent --pin-fd 3 enrol --key keys/r.softkey --certificate r.cer 3<pin
bin/certhall fsck --dir state
`

// workshop is a folder with the binaries and the secrets of a ceremony.
func workshop(t *testing.T) string {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(bin, filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]string{"pin": "84736251", "daily": "a daily passphrase", "root": "a passphrase for the safe"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shell runs a script without a terminal; code is its exit code.
func shell(t *testing.T, dir, script string) (out string, code int) {
	t.Helper()
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), english, "LC_ALL=", "LC_MESSAGES=")
	text, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

func TestCeremony(t *testing.T) {
	t.Parallel()
	dir := workshop(t)
	if out, code := shell(t, dir, ceremony); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, out)
	}
	for _, name := range []string{"r.cer", "state/officer-1.cer", "state/authority/offline/root.key", "state/authority/offline/escrow.key"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}

	// What must be refused.
	for _, c := range []struct{ name, script, want string }{
		{"founded twice", `bin/certhall init --dir state --id acme --name ACME --public https://hall.example --officer a.p10 --officer b.p10 --passphrase-fd 3 --root-passphrase-fd 4 3<daily 4<root`, "authority-exists"},
		{"one officer", `bin/certhall init --dir other --id acme --name ACME --public https://hall.example --officer a.p10 --passphrase-fd 3 --root-passphrase-fd 4 3<daily 4<root`, "officers-two"},
		{"no passphrase", `bin/certhall init --dir other --id acme --name ACME --public https://hall.example --officer a.p10 --officer b.p10 </dev/null`, "passphrase-missing"},
		{"wrong passphrase", `bin/certhall serve --dir state --listen 127.0.0.1:0 --passphrase-fd 3 3<root`, "passphrase-wrong"},
		{"plain HTTP to the world", `bin/certhall serve --dir state --listen 0.0.0.0:0 --passphrase-fd 3 3<daily`, "plain-http"},
		{"an enrolment in another's name", `bin/certhall admin reviewer enrol --dir state --request a.p10 --evidence r.a --evidence r.b --out again.cer --passphrase-fd 3 3<daily`, "evidence-wrong"},
		{"one officer twice", `bin/certhall admin reviewer enrol --dir state --request r.p10 --evidence r.a --evidence r.a --out again.cer --passphrase-fd 3 3<daily`, "evidence-wrong"},
	} {
		if out, code := shell(t, dir, c.script); code == 0 || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit code %d, without %s:\n%s", c.name, code, c.want, out)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "other", "authority")); err == nil {
		t.Error("a refused ceremony left an authority")
	}
	if out, code := shell(t, dir, `bin/certhall admin reviewer enrol --dir state --request r.p10 --evidence r.a --evidence r.b --out lost.cer --passphrase-fd 3 3<daily && cmp r.cer lost.cer`); code != 0 {
		t.Errorf("a lost certificate is not given again: exit code %d:\n%s", code, out)
	}
	rootCRL(t, dir)
	serveSealed(t, dir)

	// Somebody changes the record behind the authority's back.
	db, err := sqldb.Open(t.Context(), "sqlite:"+filepath.Join(dir, "state", "authority.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec("UPDATE staff SET role = 'officer' WHERE role = 'reviewer'")
		if err == nil {
			_, err = tx.Exec("UPDATE records SET kind = 'issued' WHERE seq = 2")
		}
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if out, code := shell(t, dir, "bin/certhall fsck --dir state"); code != 1 || !strings.Contains(out, "BROKEN") {
		t.Errorf("fsck of a record that was changed: exit code %d\n%s", code, out)
	}
}

// rootCRL is the yearly ceremony at the root, which revokes an issuing CA too.
func rootCRL(t *testing.T, dir string) {
	t.Helper()
	read := "openssl crl -inform DER -in state/authority/root.crl -noout -text"
	if out, code := shell(t, dir, read); code != 0 || !strings.Contains(out, "No Revoked Certificates") {
		t.Errorf("the first root CRL: exit code %d\n%s", code, out)
	}
	serial, code := shell(t, dir, "openssl x509 -in state/authority/issuing.cer -noout -serial | cut -d= -f2 | tr -d '\n'")
	if code != 0 {
		t.Fatal(serial)
	}
	out, code := shell(t, dir, "mv state/authority/offline safe; bin/certhall admin root-crl --dir state --root-key safe/root.key --root-passphrase-fd 3 --revoke "+serial+":cACompromise 3<root")
	if code != 0 || !strings.Contains(out, "issuing.cer") || !strings.Contains(out, "cACompromise") {
		t.Errorf("admin root-crl: exit code %d\n%s", code, out)
	}
	if out, code := shell(t, dir, read); code != 0 || !strings.Contains(out, serial) || !strings.Contains(out, "CA Compromise") {
		t.Errorf("the next root CRL: exit code %d\n%s", code, out)
	}
	for _, c := range []struct{ flags, want string }{
		{"--root-passphrase-fd 3 3<daily", "passphrase-wrong"},
		{"--root-passphrase-fd 3 --revoke xyz:cACompromise 3<root", "root-crl-revoke-malformed"},
		{"--root-passphrase-fd 3 --revoke 4c:becauseISaySo 3<root", "root-crl-revoke-malformed"},
		{"--root-passphrase-fd 3 --root root-p256 3<root", "root-unknown"},
		{"</dev/null", "passphrase-missing"},
	} {
		if out, code := shell(t, dir, "bin/certhall admin root-crl --dir state --root-key safe/root.key "+c.flags); code == 0 || !strings.Contains(out, c.want) {
			t.Errorf("admin root-crl %s: exit code %d, without %s:\n%s", c.flags, code, c.want, out)
		}
	}
}

// serveSealed starts the founded authority without a passphrase: it runs, and
// /readyz says what is missing; with it, it is ready.
func serveSealed(t *testing.T, dir string) {
	t.Helper()
	for _, c := range []struct {
		name, passphrase string
		status           int
		says             string
	}{
		{"sealed", "", http.StatusServiceUnavailable, "sealed"},
		{"unsealed", "--passphrase-fd 3 3<daily", http.StatusOK, ""},
	} {
		listen := freePort(t)
		cmd := exec.Command("bash", "-c", "exec bin/certhall serve --dir state --listen "+listen+" "+c.passphrase+" </dev/null")
		cmd.Dir = dir
		s := newScreen()
		cmd.Stdout, cmd.Stderr = s, s
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		body, status := getUntil(t, "http://"+listen+"/readyz", s)
		for end := time.Now().Add(patience); c.status == http.StatusOK && status != c.status && time.Now().Before(end); { // its first CRL is on its way
			body, status = getUntil(t, "http://"+listen+"/readyz", s)
		}
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: /readyz answers %d %s\n%s", c.name, status, body, s)
		}
		if _, status := getUntil(t, "http://"+listen+"/healthz", s); status != http.StatusOK {
			t.Errorf("%s: /healthz answers %d", c.name, status)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: the server ends with %v\n%s", c.name, err, s)
		}
	}
}
