package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// libsoftkey builds the library once, as `make build` does.
var libsoftkey = sync.OnceValues(func() (string, error) {
	dir, err := binaries()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "libsoftkey.so")
	if out, err := exec.Command("make", "-s", "-C", "..", "softkey", "LIBSOFTKEY="+path).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

const softHSM = "/usr/lib/softhsm/libsofthsm2.so"

// keysPIN is that of the keys behind libraries.
const keysPIN = "24681357"

// newLibraryHouse is a house whose handler has a key behind a real library
// beside his own: an SM2 pair through libsoftkey, or an RSA and a P-256
// certificate through SoftHSM.
func newLibraryHouse(t *testing.T, library string) *house {
	t.Helper()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, dir: t.TempDir(), listen: freePort(t), screen: newScreen(), flags: []string{"--agent=false", "--library=" + library, "--key-pin=pin"}}
	h.env = []string{
		"CERTHALL_LIBRARY=" + library, "CERTHALL_SOFTKEYS=" + filepath.Join(h.dir, "virtual"), "SOFTHSM2_CONF=" + filepath.Join(h.dir, "softhsm2.conf"),
		"CERTHALL_KEYS=" + filepath.Join(h.dir, "none"), "CERTHALL_AUTHORITY=" + filepath.Join(h.dir, ".demo/authority/root.cer"),
		"XDG_CONFIG_HOME=" + filepath.Join(h.dir, "config"),
	}
	if err := os.Symlink(bin, filepath.Join(h.dir, "bin")); err != nil {
		t.Fatal(err)
	}
	h.says(`
set -e
mkdir virtual tokens
printf "directories.tokendir = $PWD/tokens\nobjectstore.backend = file\nlog.level = ERROR\n" > softhsm2.conf
echo ` + keysPIN + ` > pin
softhsm2-util --init-token --free --label token --pin ` + keysPIN + ` --so-pin 12345678
bin/certhall-agent --yes --pin-fd 3 softkey new --out virtual/key.softkey --label virtual --serial VK20260001 3<pin`)
	h.open()
	return h
}

// killDriverHosts ends the driver hosts of this house, as a crash would.
func (h *house) killDriverHosts() (killed int) {
	h.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range all {
		line, _ := os.ReadFile(filepath.Join(p, "cmdline"))
		env, _ := os.ReadFile(filepath.Join(p, "environ"))
		if !bytes.Contains(line, []byte("\x00driver-host")) || !bytes.Contains(env, []byte(h.dir)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(p))
		if err != nil {
			h.t.Fatal(err)
		}
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

// TestSKFAtATerminal renews an SM2 pair through libsoftkey's C interface, and
// looks at the same key file without it.
func TestSKFAtATerminal(t *testing.T) {
	t.Parallel()
	library, err := libsoftkey()
	if err != nil {
		t.Fatal(err)
	}
	h := newLibraryHouse(t, "skf:"+library)
	h.renewsThrough("Test signature and test decryption passed")
	h.verified("HT-2026-0006", "-partial_chain -trusted .demo/authority/issuing.cer -vfyopt distid:1234567812345678")
	if out := h.says("env -u CERTHALL_LIBRARY CERTHALL_KEYS=virtual bin/certhall-agent list"); !strings.Contains(out, "VK20260001") || strings.Count(out, " days left") != 2 {
		t.Errorf("the virtual key's file holds\n%s", out)
	}
}

// TestPKCS11AtATerminal renews an RSA and a P-256 certificate through SoftHSM,
// and has OpenSC's program look at the token.
func TestPKCS11AtATerminal(t *testing.T) {
	t.Parallel()
	h := newLibraryHouse(t, "pkcs11:"+softHSM)
	h.renewsThrough("a single certificate", "a single certificate")
	h.verified("HT-2026-0006", "-x509_strict -CAfile .demo/authority/root-rsa.cer -untrusted .demo/authority/issuing-rsa.cer")
	h.verified("HT-2026-0007", "-x509_strict -CAfile .demo/authority/root-p256.cer -untrusted .demo/authority/issuing-p256.cer")
	h.othersSign()
}

// renewsThrough renews all that the key behind the library holds: a wrong PIN
// first; then the driver host is killed while the case is under way, and again
// while the key is written; the same command goes on.
func (h *house) renewsThrough(passed ...string) {
	h.t.Helper()
	const agent = "exec bin/certhall-agent "
	if code, out := h.does(agent + "--pin-fd 3 renew --all 3<<<13572468 </dev/null"); code != 4 || !strings.Contains(out, "The PIN is wrong") || strings.Contains(out, "-1 tries") {
		h.t.Fatalf("a wrong PIN: exit code %d\n%s", code, out)
	}
	s := h.run(agent + "renew --all")
	s.waitFor(asksPIN)
	s.answer(keysPIN)
	s.waitFor(asksCode)
	if h.killDriverHosts() == 0 {
		h.t.Fatal("no driver host ran")
	}
	s.answer(h.code())
	s.waitFor(asksPIN) // a new driver host knows no PIN
	s.answer(keysPIN)
	s.waitFor(`4/4`)
	h.killDriverHosts() // before, while or after the certificate is written
	h.answersWith(s, keysPIN)
	code, out := s.wait()
	for tries := 0; code != 0 && tries < 2; tries++ {
		h.t.Logf("ended with %d, and goes on:\n%s", code, out)
		again := h.run(agent + "renew --all")
		h.answersWith(again, keysPIN)
		more := ""
		code, more = again.wait()
		out += more
	}
	if code != 0 || strings.Count(out, "Renewed") != len(passed) {
		h.t.Fatalf("exit code %d:\n%s", code, out)
	}
	for _, want := range passed {
		if !strings.Contains(out, want) {
			h.t.Errorf("does not say %q:\n%s", want, out)
		}
	}
	second := h.run(agent + "renew --all")
	h.answersWith(second, keysPIN)
	if code, out := second.wait(); code != 0 || !strings.Contains(out, "0 done") {
		h.t.Errorf("renewing a second time: exit code %d:\n%s", code, out)
	}
	if out := h.says("bin/certhall fsck --dir .demo"); strings.Contains(out, "BROKEN") {
		h.t.Error(out)
	}
}

// verified has openssl verify the current certificate of a number, as it lies
// on the key.
func (h *house) verified(number, how string) {
	h.t.Helper()
	h.says(`
set -e
serial=$(bin/certhall admin cert find --dir .demo --state current --key-number ` + number + ` --format csv | tail -1 | cut -d, -f1)
bin/certhall-agent export --serial $serial ` + number + `.pem
openssl verify ` + how + ` ` + number + `.pem`)
}

// othersSign has OpenSC's program sign with every key of the token, and openssl
// verify that under the certificate that lies beside it.
func (h *house) othersSign() {
	h.t.Helper()
	out := h.says(`
set -e
tool="pkcs11-tool --module ` + softHSM + ` --token-label token --login --pin ` + keysPIN + `"
echo words > words
openssl dgst -sha256 -binary -out digest words
$tool --list-objects --type cert > certificates
for id in $(sed -n 's/^  ID: *//p' certificates | sort -u); do
	$tool --read-object --type cert --id $id --output-file $id.der
	openssl x509 -inform DER -in $id.der -pubkey -noout > $id.pub
	how="--mechanism SHA256-RSA-PKCS --input-file words"
	if openssl pkey -pubin -in $id.pub -noout -text | grep -q P-256; then how="--mechanism ECDSA --signature-format openssl --input-file digest"; fi
	$tool --sign --id $id $how --output-file $id.sig
	openssl dgst -sha256 -verify $id.pub -signature $id.sig words
done`)
	if n := strings.Count(out, "Verified OK"); n != 4 { // two kinds, old and new
		h.t.Errorf("OpenSC signs with %d keys:\n%s", n, out)
	}
}
