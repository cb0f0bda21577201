package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/hall/unlocks"
	"github.com/certhall/certhall/proof"
)

// unlocking makes a call of a person's that answers how his request stands.
func (v visitor) unlocking(method, path string, body any) (u unlocks.UnlockView) {
	v.t.Helper()
	if status := v.asks(method, "/api/unlocks"+path, string(must(json.Marshal(body))), &u); status != http.StatusOK {
		v.t.Fatalf("%s %s answers %d", method, path, status)
	}
	return u
}

// TestUnlock: a key that wrong PINs have locked is unlocked by its handler, an
// officer, a reviewer and the authority's escrow, with the real programs; a
// second time too, by the PIN that was drawn the first time, and a third time by
// files. The certificates on it are what they were.
func TestUnlock(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	portal := h.logIn()
	const agent = `export CERTHALL_AUTHORITY=.demo/authority/root.cer XDG_CONFIG_HOME=$PWD/config; bin/certhall-agent `
	const handler = `--key .demo/keys/handler.softkey `
	file := filepath.Join(h.dir, ".demo/keys/handler.softkey")
	pin := h.pin()
	before := h.says(agent + `list ` + handler)
	for _, next := range []string{"24681357", "86427531"} {
		lock(t, file, pin)
		out := h.says(agent + `unlock ` + handler + `--request unlock.request --yes </dev/null`)
		code := regexp.MustCompile(`\d{4}( \d{4}){4}`).FindString(out)
		request, err := os.ReadFile(filepath.Join(h.dir, "unlock.request"))
		if err != nil || code == "" {
			t.Fatal(err, out)
		}
		u := portal.unlocking("POST", "", unlocks.Asked{Message: request, Label: "海泰KEY"})
		if u.State != unlocks.Waiting {
			t.Fatalf("%+v", u)
		}
		if out := h.says(`bin/certhall admin unlock list --dir .demo`); !strings.Contains(out, u.ID) || !strings.Contains(out, "示例医疗器械有限公司") || strings.Contains(out, code) {
			t.Error(out)
		}
		draft := `bin/certhall admin unlock draft --dir .demo ` + u.ID + ` --reason "called back, compared the number" --out unlock.draft --code `
		if out := h.run(draft + `0000000000000000`).ends(1); !strings.Contains(out, "unlock-code-wrong") {
			t.Error(out)
		}
		h.says(draft + strings.ReplaceAll(code, " ", ""))
		out = h.says(agent + `sign-decision --key .demo/staff/reviewer.softkey --pin-fd 3 --yes unlock.draft --out unlock.signed 3<.demo/reviewer.pin`)
		for _, want := range []string{"HT20260001", code, "示例医疗器械有限公司", "called back, compared the number"} {
			if !strings.Contains(out, want) {
				t.Errorf("the reviewer is not shown %s:\n%s", want, out)
			}
		}
		h.says(`bin/certhall admin unlock submit --dir .demo ` + u.ID + ` --evidence unlock.signed`)
		for deadline := time.Now().Add(20 * time.Second); u.State != unlocks.Answered; u = portal.unlocking("GET", "/"+u.ID, nil) {
			if time.Now().After(deadline) {
				t.Fatalf("it is still %s", u.State)
			}
		}
		for name, content := range map[string][]byte{"unlock.answer": u.Message, "new.pin": []byte(next + "\n")} {
			if err := os.WriteFile(filepath.Join(h.dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		h.says(agent + `unlock ` + handler + `--answer unlock.answer --yes --new-pin-fd 3 3<new.pin`)
		report, err := os.ReadFile(filepath.Join(h.dir, "unlock.answer.report"))
		if err != nil {
			t.Fatal(err)
		}
		u = portal.unlocking("POST", "/"+u.ID+"/report", map[string]string{"message": base64.StdEncoding.EncodeToString(report)})
		if u.State != unlocks.Done {
			t.Errorf("%+v", u)
		}
		if outcome := reportedAs(t, report); outcome != proof.UnlockChanged {
			t.Errorf("reported as %s", outcome)
		}
		if err := logInto(t, file, next); err != nil {
			t.Errorf("the new PIN: %v", err)
		}
		pin = next
		for _, name := range []string{"unlock.answer", "unlock.answer.report", "unlock.draft", "unlock.signed", "unlock.request"} {
			_ = os.Remove(filepath.Join(h.dir, name)) // some commands write no file twice
		}
	}
	lock(t, file, pin)
	h.unlocksByFiles(agent+`unlock `+handler, "24682468")
	if err := logInto(t, file, "24682468"); err != nil {
		t.Errorf("the new PIN: %v", err)
	}
	if after := h.says(agent + `list ` + handler); after != before {
		t.Errorf("the key held\n%s and holds\n%s", before, after)
	}
	if out := h.says(`bin/certhall admin key-pin show --dir .demo HT20260001`); !strings.Contains(out, "held") || strings.Contains(out, "not reported") {
		t.Error(out)
	}
	h.says(`bin/certhall fsck --dir .demo`)
}

// unlocksByFiles unlocks a key as the counter does for an office without network:
// the hall hears nothing of it.
func (h *house) unlocksByFiles(agent, pin string) {
	h.t.Helper()
	out := h.says(agent + `--request unlock.request --yes </dev/null`)
	code := strings.ReplaceAll(regexp.MustCompile(`\d{4}( \d{4}){4}`).FindString(out), " ", "")
	const admin = `bin/certhall admin unlock `
	if out := h.says(admin + `show --dir .demo --request unlock.request`); !strings.Contains(out, "示例医疗器械有限公司") || !strings.Contains(out, "HT20260001") {
		h.t.Error(out)
	}
	const draft = admin + `draft --dir .demo --reason "at the counter, with his identity card" --out unlock.draft `
	for args, want := range map[string]string{
		"--code 00000000000000000000 --request unlock.request": "unlock-code-wrong",
		"--code " + code: "unlock-which",
		"--code " + code + " --request unlock.request some-id": "unlock-which",
	} {
		if out := h.run(draft + args).ends(1); !strings.Contains(out, want) {
			h.t.Errorf("%s:\n%s", args, out)
		}
	}
	h.says(draft + `--request unlock.request --code ` + code)
	h.says(`XDG_CONFIG_HOME=$PWD/config bin/certhall-agent sign-decision --authority .demo/authority/root.cer --key .demo/staff/reviewer.softkey --pin-fd 3 --yes unlock.draft --out unlock.signed 3<.demo/reviewer.pin`)
	answer := admin + `answer --dir .demo unlock.request --out unlock.answer --passphrase-fd 3 `
	if out := h.run(answer + `--evidence unlock.draft 3<.demo/passphrase`).ends(1); !strings.Contains(out, "message-malformed") {
		h.t.Error(out)
	}
	for range 2 { // the file was lost
		h.says(answer + `--evidence unlock.signed 3<.demo/passphrase`)
	}
	h.says(`echo ` + pin + ` >new.pin`)
	h.says(agent + `--answer unlock.answer --yes --new-pin-fd 3 3<new.pin`)
	if out := h.run(admin + `report --dir .demo unlock.answer`).ends(1); !strings.Contains(out, "message-malformed") {
		h.t.Error(out)
	}
	for range 2 {
		if out := h.says(admin + `report --dir .demo unlock.answer.report`); !strings.Contains(out, "HT20260001") {
			h.t.Error(out)
		}
	}
}

func reportedAs(t *testing.T, der []byte) string {
	t.Helper()
	signed, err := proof.Decode[proof.Signed](der)
	if err != nil {
		t.Fatal(err)
	}
	m, err := proof.Decode[proof.UnlockReport](signed.Message)
	if err != nil {
		t.Fatal(err)
	}
	if len(signed.Signatures) != 2 || len(signed.Signatures[1].Certificate) == 0 {
		t.Error("no pair on the key signed the report")
	}
	return m.Outcome
}

// logInto presents a PIN to the soft key in a file.
func logInto(t *testing.T, file, pin string) error {
	t.Helper()
	keys := softkey.Folder(filepath.Dir(file))
	all, err := keys.List(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatal(len(all), err)
	}
	key, err := keys.Open(t.Context(), all[0].Serial)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	return key.Login(t.Context(), pin)
}

// lock locks a key by wrong PINs.
func lock(t *testing.T, file, pin string) {
	t.Helper()
	for n := range 20 {
		wrong := fmt.Sprintf("%08d", n)
		if wrong == pin {
			continue
		}
		if err := logInto(t, file, wrong); err != nil && strings.Contains(err.Error(), token.ErrPINLocked.Code) {
			return
		}
	}
	t.Fatal("it does not lock")
}
