package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/certhall/certhall/hall/work"
)

// visitor is somebody who has logged in to the portal by his phone.
type visitor struct {
	t    *testing.T
	base string
	http *http.Client
}

// logIn logs the demo's handler in.
func (h *house) logIn() visitor {
	h.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	v := visitor{h.t, "http://" + h.listen, &http.Client{Jar: jar}}
	h.read = len(h.screen.raw())
	v.post("/api/login/code", fmt.Sprintf(`{"name":"13800000001","work":%q}`, v.work()))
	v.post("/api/login", fmt.Sprintf(`{"name":"13800000001","code":%q}`, h.code()))
	return v
}

// work does what the hall asks of a stranger before it sends a message.
func (v visitor) work() string {
	v.t.Helper()
	response, err := v.http.Get(v.base + "/api/proof-of-work")
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	var c work.Challenge
	if err := json.NewDecoder(response.Body).Decode(&c); err != nil {
		v.t.Fatal(err)
	}
	done, err := work.Solve(c)
	if err != nil || done == "" {
		v.t.Fatal(done, err)
	}
	return done
}

func (v visitor) post(path, body string) {
	v.t.Helper()
	response, err := v.http.Post(v.base+path, "application/json", strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	if text, _ := io.ReadAll(response.Body); response.StatusCode != http.StatusOK {
		v.t.Fatalf("%s answers %d %s", path, response.StatusCode, text)
	}
}

// shows waits until the list of certificates says of a serial number what is
// wanted: the hall follows the authority within a second.
func (v visitor) shows(serial string, want func(certificate map[string]any) bool) {
	v.t.Helper()
	var last any
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		response, err := v.http.Get(v.base + "/api/certificates")
		if err != nil {
			v.t.Fatal(err)
		}
		var list struct {
			Certificates []map[string]any `json:"certificates"`
		}
		err = json.NewDecoder(response.Body).Decode(&list)
		response.Body.Close()
		if err != nil {
			v.t.Fatal(err)
		}
		for _, c := range list.Certificates {
			if c["serial"] == serial {
				last = c
				if want(c) {
					return
				}
			}
		}
	}
	v.t.Errorf("the portal shows of %s: %v", serial, last)
}

// TestOfficers runs the README's lines for officers, in both languages the
// same, beside a running server; the portal follows, and openssl believes the
// evidence.
func TestOfficers(t *testing.T) {
	t.Parallel()
	inEnglish, inChinese := linesOf(t, "../README.md", "officers"), linesOf(t, "../README.zh-CN.md", "officers")
	if strings.Join(inEnglish, "\n") != strings.Join(inChinese, "\n") {
		t.Fatal("the two READMEs try different commands")
	}
	h := newHouse(t)
	portal := h.logIn()
	line := func(n int) string { return strings.ReplaceAll(inEnglish[n], "127.0.0.1:8083", h.listen) }
	serial := strings.TrimSpace(h.says(`bin/certhall admin cert find --dir .demo --key-number HT-2026-0001 --format csv | tail -1 | cut -d, -f1`))
	says := func(out string, words ...string) {
		t.Helper()
		for _, w := range words {
			if !regexp.MustCompile(w).MatchString(out) {
				t.Errorf("without %q:\n%s", w, out)
			}
		}
	}
	state := func(want string) {
		t.Helper()
		portal.shows(serial, func(c map[string]any) bool { return c["state"] == want })
	}
	state("expiring")

	s := h.run(line(0)) // suspend: asks at the terminal
	s.waitFor(`on hold\? .*\[y/N\]`)
	s.answer("n")
	says(s.ends(1), "not-confirmed")
	state("expiring")
	s = h.run(line(0))
	s.waitFor(`\[y/N\]`)
	s.answer("y")
	says(s.ends(0), "On hold now", "in force, on hold")
	state("suspended")

	code, out := h.does(line(1)) // renew: refused
	if code != 3 {
		t.Errorf("renewed while on hold: exit code %d\n%s", code, out)
	}
	says(out, "suspended")

	says(h.says(line(2)), "resume.draft")
	out = h.says(line(3)) // the reviewer's agent explains
	says(out, "Service: resume", "Organisation code: 91310000MA1K35XE0L", "Certificate: "+serial, "Reason: found again", "What follows: the holder's certificates in this project work again", "Key fingerprint: [0-9a-f]{8} ")
	says(h.says(line(4)), "On hold no longer", "in force")
	state("expiring")
	says(h.says(line(4)), "On hold no longer") // its answer might have been lost

	if out := h.run(`bin/certhall admin cert revoke --dir .demo ` + serial + ` --reason lost --out revoke.draft`).ends(1); !strings.Contains(out, "reason-unknown") {
		t.Error(out)
	}
	says(h.says(line(5)), "revoke.draft")
	says(h.says(line(6)), "key compromised or lost \\(keyCompromise\\)", "become invalid at once and for ever")
	says(h.says(line(7)), "Revoked, for ever", "revoked")
	state("revoked")
	out = h.says(line(8))
	says(out, "is issued, until", "is put on hold", "reason: a stranger has the key", "ordered by: ", "is on hold no longer", "is revoked, reason: key compromised",
		"✓ decision: signed by the reviewer", "✓ receipt: signed by the notary", "✓ ticket", "✓ acknowledgement: signed by the new key", "✓ certificate: signed by the issuing CA")
	if strings.Contains(out, "**") || strings.Contains(out, "cli.") || strings.Contains(out, "{") {
		t.Errorf("the story is not sound, or lacks words:\n%s", out)
	}
	believed(t, filepath.Join(h.dir, "evidence"))
	var told struct {
		Sound   bool
		Entries []any
	}
	if err := json.Unmarshal([]byte(h.says(`bin/certhall admin cert show --dir .demo `+serial+` --format json`)), &told); err != nil || !told.Sound || len(told.Entries) < 7 {
		t.Errorf("as JSON: %+v, %v", told, err)
	}
	for _, refused := range []struct{ line, code string }{
		{`bin/certhall admin cert suspend --dir .demo ` + serial + ` --reason late --yes`, "revoked"},
		{`bin/certhall admin cert revoke --dir .demo ` + serial + ` --reason keyCompromise --out again.draft`, "revoked"},
		{`bin/certhall admin cert resume --dir .demo --evidence revoke.draft.signed`, "evidence-wrong"},
		{`bin/certhall admin cert show --dir .demo 00`, "certificate-unknown"},
		{`bin/certhall admin cert find --dir .demo --project medical-insurance`, "search-too-wide"},
	} {
		if out := h.run(refused.line).ends(1); !strings.Contains(out, "["+refused.code+"]") {
			t.Errorf("%s: without %s:\n%s", refused.line, refused.code, out)
		}
	}
	says(h.says(`bin/certhall fsck --dir .demo`), "ok")
}

// believed checks exported evidence as its README says, with openssl alone.
func believed(t *testing.T, dir string) {
	t.Helper()
	openssl := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	const distid = "distid:1234567812345678"
	signatures, err := filepath.Glob(filepath.Join(dir, "*.sig"))
	if err != nil || len(signatures) < 4 {
		t.Fatalf("%d signatures, %v", len(signatures), err)
	}
	for _, path := range signatures {
		base := strings.TrimSuffix(filepath.Base(path), ".sig")
		pub := openssl("x509", "-in", base+".signer.cer", "-noout", "-pubkey")
		if err := os.WriteFile(filepath.Join(dir, "signer.pub"), []byte(pub), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := openssl("dgst", "-sm3", "-verify", "signer.pub", "-sigopt", distid, "-signature", base+".sig", base+".message"); !strings.Contains(out, "Verified OK") {
			t.Errorf("%s: %s", base, out)
		}
	}
	certificates, err := filepath.Glob(filepath.Join(dir, "*-certificate.der"))
	if err != nil || len(certificates) != 2 {
		t.Fatalf("%d certificates, %v", len(certificates), err)
	}
	for _, path := range certificates {
		base := strings.TrimSuffix(filepath.Base(path), ".der")
		openssl("x509", "-inform", "der", "-in", base+".der", "-out", "end.cer")
		openssl("verify", "-partial_chain", "-trusted", base+".signer.cer", "-vfyopt", distid, "end.cer")
	}
	for _, name := range []string{"README.txt", "story.json", "root.cer"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || len(bytes.TrimSpace(text)) == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOfficersHelpPeople: a case is found, shown and closed, a phone replaced,
// beside the running server.
func TestOfficersHelpPeople(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const env = `export CERTHALL_AUTHORITY=.demo/authority/root.cer CERTHALL_KEYS=.demo/keys; `
	h.run(env + `bin/certhall-agent --pin-fd 3 renew 3<.demo/handler.pin </dev/null`).wait() // stops at the phone
	out := h.says(`bin/certhall admin case find --dir .demo --phone 13800000001`)
	m := regexp.MustCompile(`(?m)^(\w{20,})  `).FindStringSubmatch(out)
	if m == nil || !strings.Contains(out, "open") {
		t.Fatalf("the case is not found:\n%s", out)
	}
	id := m[1]
	show := h.says(`bin/certhall admin case show --dir .demo ` + id)
	for _, want := range []string{"attempt 1 begins", "✓ ticket", "The hall's journal", `138\*\*\*\*0001`, "was read"} {
		if !regexp.MustCompile(want).MatchString(show) {
			t.Errorf("without %q:\n%s", want, show)
		}
	}
	portal := h.logIn()
	set := h.says(`bin/certhall admin handler set-phone --dir .demo demo 13900000009 --reason "lost his phone; came in person" --operator officer-1 --yes`)
	if !strings.Contains(set, "139****0009") || !strings.Contains(set, "officer-1") {
		t.Error(set)
	}
	response, err := portal.http.Get(portal.base + "/api/me")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("who had logged in is still in: %d", response.StatusCode)
	}
	show = h.says(`bin/certhall admin case show --dir .demo ` + id)
	for _, out := range []string{out, show, set, h.says(`bin/certhall admin handler show --dir .demo 13900000009`)} {
		if regexp.MustCompile(`1[38][89]?00000000[19]`).MatchString(out) || strings.Contains(out, "13900000009") {
			t.Errorf("a whole phone number is shown:\n%s", out)
		}
	}
	if !strings.Contains(show, "139****0009") {
		t.Errorf("the case waits for the old phone:\n%s", show)
	}
	for _, refused := range []struct{ line, code string }{
		{`bin/certhall admin handler set-phone --dir .demo demo 12345 --reason x --yes`, "phone-malformed"},
		{`bin/certhall admin handler set-phone --dir .demo demo 13800000002 --reason x --yes`, "phone-taken"},
		{`bin/certhall admin handler set-phone --dir .demo nobody 13800000003 --reason x --yes`, "person-unknown"},
		{`bin/certhall admin case close --dir .demo ` + id + ` --reason x </dev/null`, "not-confirmed"},
		{`bin/certhall admin case show --dir .demo nocase`, "case-unknown"},
	} {
		if out := h.run(refused.line).ends(1); !strings.Contains(out, "["+refused.code+"]") {
			t.Errorf("%s: without %s:\n%s", refused.line, refused.code, out)
		}
	}
	h.says(`bin/certhall admin case close --dir .demo ` + id + ` --reason "asked for by phone" --yes`)
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(h.says(`bin/certhall admin case find --dir .demo --phone 13900000009`), "closed"); {
		if time.Now().After(deadline) {
			t.Fatal("the case does not close")
		}
	}
	if show = h.says(`bin/certhall admin case show --dir .demo ` + id); !strings.Contains(show, "the case is closed") || !strings.Contains(show, "asked for by phone") {
		t.Error(show)
	}
	list := h.says(`bin/certhall admin reviewer list --dir .demo`)
	if !strings.Contains(list, "审核员1") || !strings.Contains(list, "in office") {
		t.Error(list)
	}
	h.says(`bin/certhall fsck --dir .demo`)
}
