package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestAllAtATerminal goes through what lies on a key, has the next one put in,
// and ends with the table; the next time there is nothing left to do, and a
// script hears that too. The PIN is typed once.
func TestAllAtATerminal(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const agent = "export CERTHALL_KEYS=.demo/keys CERTHALL_AUTHORITY=.demo/authority/root.cer; exec bin/certhall-agent "
	keys, err := filepath.Glob(filepath.Join(h.dir, ".demo/keys/*.softkey"))
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	away := filepath.Join(h.dir, "away")
	if err := os.Rename(keys[0], away); err != nil {
		t.Fatal(err)
	}
	s := h.run(agent + "renew --all")
	s.waitFor(`No other key is plugged in`)
	s.waitFor(asksNext)
	if err := os.Rename(away, keys[0]); err != nil {
		t.Fatal(err)
	}
	s.answer("")
	s.waitFor(`5 certificates`)
	s.waitFor(asksPIN)
	s.answer(h.pin())
	h.answers(s)
	out := s.ends(0)
	if n := strings.Count(out, "PIN of key"); n != 1 {
		t.Errorf("asked for the PIN %d times", n)
	}
	for _, want := range []string{"done     HT20260001", "not due  HT20260001", "3 done, 0 open, 0 failed, 2 not due"} {
		if !strings.Contains(out, want) {
			t.Errorf("does not say %q:\n%s", want, out)
		}
	}
	lines := h.says(agent + "--json --pin-fd 3 renew --all 3<.demo/handler.pin </dev/null")
	if !strings.Contains(lines, `"event":"summary"`) || strings.Contains(lines, `"outcome":"done"`) {
		t.Error(lines)
	}
	wrong := h.run(agent + "--json --pin-fd 3 repair --all 3<<<13572468 </dev/null")
	if out := wrong.ends(4); strings.Count(out, `"code":"pin-wrong"`) == 0 || !strings.Contains(h.says(agent+"list"), "5 PIN tries") {
		t.Errorf("one wrong PIN, tried once:\n%s", out)
	}
}

// TestAllPaidInTheDemo sets prices and renews what is near its end, key after
// key: what is free is agreed to by itself, what is not is asked for and paid
// at the page that plays the telephone; the books agree with what was issued.
func TestAllPaidInTheDemo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if err := os.CopyFS(filepath.Join(h.dir, "catalog"), os.DirFS("../demo/catalog")); err != nil { // an import numbers the file
		t.Fatal(err)
	}
	h.says("bin/certhall admin catalog import --yes --force --dir .demo --reason trial catalog/catalog.toml")
	code, out := h.does("export CERTHALL_KEYS=.demo/keys CERTHALL_AUTHORITY=.demo/authority/root.cer; exec bin/certhall-agent renew --all")
	if code != 0 || !strings.Contains(out, "3 done, 0 open, 0 failed") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	for text, want := range map[string]int{"free of charge": 1, "Buy this for ¥200.00?": 2, "The order is paid: ¥200.00": 2, "PIN of key": 1} {
		if got := strings.Count(out, text); got != want {
			t.Errorf("says %q %d times, want %d:\n%s", text, got, want, out)
		}
	}
	if out := h.says("bin/certhall fsck --dir .demo"); strings.Contains(out, "BROKEN") {
		t.Error(out)
	}
}
