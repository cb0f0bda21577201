package e2e

import (
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDoctor: what the doctor finds on the demo's PC, with every state as the
// authority tells it.
func TestDoctor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const line = "CERTHALL_AUTHORITY=.demo/authority/root.cer CERTHALL_KEYS=.demo/keys bin/certhall-agent --lang en "
	doctor := line + "doctor"
	said := h.run(doctor).ends(1) // one certificate is expired
	for _, want := range []string{
		`✓ .* \(http://` + regexp.QuoteMeta(h.listen) + `\) answers`, `✓ The hall's root certificate is the one given`, `✓ The PC's clock is right`,
		`✓ 1 found`, `✓ 海泰KEY.*6 PIN tries left`, `✗ .*: ended on .*\n\s*→ Repair it`, `! .*: valid, ends on .*\n\s*→ It can be renewed now`, `✓ .*: valid, ends on`,
		`1 things need attention`,
	} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	serial := regexp.MustCompile(`(\d{4}-\d\d-\d\d)  .*days left.* ([0-9a-f]{32})`).FindStringSubmatch(h.says(line + "list"))
	if serial == nil {
		t.Fatal("the list shows no serial")
	}
	h.run("bin/certhall admin cert suspend --dir .demo --yes --reason test " + serial[2]).ends(0)
	for deadline := time.Now().Add(patience); !strings.Contains(said, serial[2]+"): suspended"); said = h.run(doctor).ends(1) {
		if time.Now().After(deadline) {
			t.Fatalf("not seen as suspended:\n%s", said)
		}
	}
	h.stop(syscall.SIGTERM)
	if said = h.run(doctor).ends(1); !strings.Contains(said, "✗ "+"http://"+h.listen+" cannot be reached") || !strings.Contains(said, "the authority could not be asked") {
		t.Errorf("without a server:\n%s", said)
	}
}
