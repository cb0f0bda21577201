package e2e

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/demo"
)

// What the agent asks at a terminal.
const (
	asksPIN  = `PIN of key [^\n]*: `
	asksCode = `Code sent to [^\n]*: `

	asksToBuy = `Buy this for [^\n]*\[y/N\] `
	asksYears = `For how many years [^\n]*\? `
	asksNext  = `Put in the next key[^\n]*: `
	payPage   = `(http://\S+/pay)\?code_url=(\S+)`
)

// answers plays the handler: PIN when asked, SMS code as it comes to the phone;
// he buys what is offered for as long as is proposed, pays, and has no other key.
func (h *house) answers(s *session) {
	h.t.Helper()
	h.answersWith(s, h.pin())
}

// answersWith does so with the PIN of another key.
func (h *house) answersWith(s *session, pin string) {
	h.t.Helper()
	any := regexp.MustCompile("(" + asksPIN + ")|(" + asksCode + ")|(" + asksToBuy + ")|(" + asksNext + ")|(" + asksYears + ")|" + payPage)
	for {
		match, next, ok := s.screen.after(h.t, s.read, any)
		if !ok {
			return
		}
		s.read = next
		switch {
		case match[1] != "":
			s.answer(pin)
		case match[2] != "":
			s.answer(h.code())
		case match[3] != "":
			s.answer("y")
		case match[4] != "":
			s.answer("q")
		case match[5] != "":
			s.answer("")
		default:
			h.pays(match[6], match[7])
		}
	}
}

// pays an order at the page that plays the telephone.
func (h *house) pays(page, code string) {
	h.t.Helper()
	code, err := url.QueryUnescape(code)
	if err != nil {
		h.t.Fatal(err)
	}
	answer, err := http.PostForm(page, url.Values{"act": {"pay"}, "code_url": {code}})
	if err != nil {
		h.t.Fatal(err)
	}
	if answer.Body.Close(); answer.StatusCode != http.StatusOK {
		h.t.Fatalf("paying is answered with status %d", answer.StatusCode)
	}
}

// does runs a line to its end as the handler, and gives exit code and screen.
func (h *house) does(line string) (int, string) {
	h.t.Helper()
	s := h.run(line)
	h.answers(s)
	return s.wait()
}

// dates gives the dates that `list` shows, oldest end first.
func dates(list string) (from, to []time.Time) {
	for _, m := range regexp.MustCompile(`(\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)`).FindAllStringSubmatch(list, -1) {
		a, errA := time.ParseInLocation(time.DateOnly, m[1], certhall.Beijing)
		b, errB := time.ParseInLocation(time.DateOnly, m[2], certhall.Beijing)
		if errA == nil && errB == nil {
			from, to = append(from, a), append(to, b)
		}
	}
	return from, to
}

// TestReadme runs the README's commands, in both languages the same, as they
// stand there; only the port is another.
func TestReadme(t *testing.T) {
	t.Parallel()
	inEnglish, inChinese := tryIt(t, "../README.md"), tryIt(t, "../README.zh-CN.md")
	if strings.Join(inEnglish, "\n") != strings.Join(inChinese, "\n") {
		t.Fatal("the two READMEs try different commands")
	}
	h := newHouse(t)
	type result struct {
		line, out string
		code      int
	}
	var results []result
	for _, line := range inEnglish {
		code, out := h.does(strings.ReplaceAll(line, "127.0.0.1:8083", h.listen))
		t.Logf("$ %s\n%s(exit code %d)", line[strings.LastIndex(line, "; ")+2:], out, code)
		results = append(results, result{line, out, code})
	}
	for i, want := range []struct {
		command string // the line ends with it
		code    int
		says    []string
	}{
		{"agent list", 0, []string{"20 days left", "expired 40 days ago", "300 days left", "HT20260001"}},
		{"renew 3<<<13572468", 4, []string{"pin-wrong", "5 tries"}},
		{"agent renew", 0, []string{"free of charge", "Renewed", "Old: ", "New: ", "Test signature and test decryption passed", "Receipt: "}},
		{".demo/tender.txt", 0, []string{"Decrypted"}},
		{"cat .demo/tender.txt", 0, []string{strings.TrimSpace(demo.Tender)}},
		{"repair 3<.demo/handler.pin </dev/null", 6, []string{"cli-no-code"}},
		{"agent repair", 0, []string{"¥200.00", "Repaired", "Old: ", "New: "}},
		{"agent renew --all", 0, []string{"2 done, 0 open, 0 failed"}},
		{"agent list", 0, []string{"385 days left", "365 days left", "expired 40 days ago"}},
		{"fsck --dir .demo", 0, []string{"ok "}},
	} {
		if i >= len(results) || !strings.HasSuffix(results[i].line, want.command) {
			t.Fatalf("command %d of the README is not %q", i+1, want.command)
		}
		r := results[i]
		if r.code != want.code {
			t.Errorf("%s: exit code %d, want %d", want.command, r.code, want.code)
		}
		for _, w := range want.says {
			if !strings.Contains(r.out, w) {
				t.Errorf("%s: does not say %q:\n%s", want.command, w, r.out)
			}
		}
	}
	for _, line := range []string{"bin/certhall serve --dir .demo", "bin/certhall init --dir .demo --id acme --name ACME --public https://hall.example --officer a.p10 --officer b.p10"} {
		if code, out := h.does(line); code != 1 || !strings.Contains(out, "demo-folder") {
			t.Errorf("%s: exit code %d\n%s", line, code, out)
		}
	}
	if t.Failed() {
		return
	}
	// Renewing adds a year to the old end; repairing counts from now.
	_, before := dates(results[0].out)
	_, after := dates(results[8].out)
	if len(before) != 5 || len(after) != 9 {
		t.Fatalf("listed %d and %d certificates, want 5 and 9", len(before), len(after))
	}
	wanted := map[time.Time]bool{certhall.AddYears(before[1], 1).In(certhall.Beijing): true}
	for _, end := range after {
		delete(wanted, end)
	}
	if len(wanted) > 0 {
		t.Errorf("no certificate ends a year after %v: %v", before[1], after)
	}
}

// TestKilledHalfWay kills the agent where the code is asked for, and the
// server where the authority is about to be called, starts both again, and
// gives the same command. Then everything is stopped in order, started again,
// and still there.
func TestKilledHalfWay(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	serial := strings.TrimSpace(h.says(`bin/certhall admin cert find --dir .demo --key-number HT-2026-0001 --format csv | tail -1 | cut -d, -f1`))
	renew := "bin/certhall-agent renew --authority .demo/authority/root.cer --serial " + serial
	const keys = "export CERTHALL_KEYS=.demo/keys; exec "
	first := h.run(keys + renew)
	first.waitFor(asksPIN)
	first.answer(h.pin())
	first.waitFor(asksCode)
	h.code() // it came, and nobody typed it
	first.kill()

	second := h.run(keys + renew)
	second.waitFor(asksPIN)
	second.answer(h.pin())
	second.waitFor(asksCode)
	second.answer(h.code())
	second.waitFor(`3/4`)
	h.stop(syscall.SIGKILL)
	code, out := second.wait()
	if code != 0 && code != 6 {
		t.Fatalf("the agent ends with %d when the server dies:\n%s", code, out)
	}
	t.Logf("the server died; the agent says (exit code %d):\n%s", code, out)
	works(t, h)

	h.start()
	if code, out := h.does(keys + renew); code != 0 && !strings.Contains(out, "superseded") {
		t.Fatalf("going on ends with %d:\n%s", code, out)
	}
	h.stop(syscall.SIGTERM)
	h.start()
	_, ends := dates(h.says("CERTHALL_KEYS=.demo/keys bin/certhall-agent list"))
	if len(ends) != 6 {
		t.Errorf("%d certificates on the key, want 6", len(ends))
	}
	if out := h.says("bin/certhall fsck --dir .demo"); strings.Contains(out, "BROKEN") {
		t.Error(out)
	}
	if code, out := h.does(keys + renew); code != 3 || !strings.Contains(out, "superseded") {
		t.Errorf("renewing a second time ends with %d:\n%s", code, out)
	}
	works(t, h)
}

// works decrypts a file with the old pair's encryption key.
func works(t *testing.T, h *house) {
	t.Helper()
	out := filepath.Join(h.dir, "tender.txt")
	if code, said := h.does("CERTHALL_KEYS=.demo/keys bin/certhall-agent decrypt .demo/tender.enc tender.txt"); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	if text, err := os.ReadFile(out); err != nil || string(text) != demo.Tender {
		t.Errorf("decrypted %q, %v", text, err)
	}
}
