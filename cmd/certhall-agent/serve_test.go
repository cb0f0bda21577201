package main

import (
	"bufio"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/proof"
)

const portal = "https://hall.example"

// halls is a hall that hands out an authority's origin list.
func halls(t *testing.T, a *desktest.Authority, number int64) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/api/origin-list" {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"list":    a.Origins(number, time.Now().AddDate(0, 1, 0), proof.Portal{Origin: portal}),
			"issuers": [][]byte{a.Issuing.Certificate.Raw},
		})
	}))
	t.Cleanup(s.Close)
	return s
}

func rootFile(t *testing.T, a *desktest.Authority) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "root.cer")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Root.Certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// command is the agent's command line; its errors are told in JSON.
func command(args ...string) *exec.Cmd {
	c := exec.Command("certhall-agent", append([]string{"--json"}, args...)...)
	c.Env = append(os.Environ(), "LANG=en")
	return c
}

// TestTrust fetches, verifies and keeps; another root's list and an older one are refused.
func TestTrust(t *testing.T) {
	a := desktest.New(t, "ra")
	dir, root := filepath.Join(t.TempDir(), "authorities"), rootFile(t, a)
	trust := func(s *httptest.Server, root, want string) {
		t.Helper()
		out, _ := command("trust", "--authorities", dir, "--server", s.URL, "--authority", root).Output()
		if !strings.Contains(string(out), want) {
			t.Fatalf("want %s, got %s", want, out)
		}
	}
	trust(halls(t, a, 5), root, `"number":"5"`)
	trust(halls(t, desktest.New(t, "ra"), 6), root, "origin-list-wrong")
	trust(halls(t, a, 4), root, "origin-list-older")
	gone := halls(t, a, 6)
	gone.Close()
	trust(gone, root, "server-unreachable")
	kept, err := os.ReadFile(filepath.Join(dir, "ra.cer"))
	if err != nil || strings.Count(string(kept), "BEGIN CERTIFICATE") != 2 {
		t.Fatalf("%s, %v", kept, err)
	}
}

// TestServe starts, answers the portal that is trusted, finds its port taken,
// and ends when it is told to.
func TestServe(t *testing.T) {
	a := desktest.New(t, "ra")
	dir := filepath.Join(t.TempDir(), "authorities")
	serve := command("serve", "--port", "0", "--ui", "page", "--authorities", dir, "--keys", t.TempDir())
	out, err := serve.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer serve.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var ready struct{ Event, Address string }
	if err := json.Unmarshal([]byte(line), &ready); err != nil || ready.Event != "done" {
		t.Fatalf("%s, %v", line, err)
	}
	status := func() int {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, ready.Address+"/status", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", portal)
		r.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if code := status(); code != http.StatusForbidden {
		t.Fatalf("%d before the authority was trusted", code)
	}
	if out, err := command("trust", "--authorities", dir, "--server", halls(t, a, 1).URL, "--authority", rootFile(t, a)).Output(); err != nil {
		t.Fatalf("%s, %v", out, err)
	}
	if code := status(); code != http.StatusOK {
		t.Fatalf("%d", code)
	}
	port := ready.Address[strings.LastIndex(ready.Address, ":")+1:]
	second, err := command("serve", "--port", port, "--ui", "page", "--authorities", dir).Output()
	if err == nil || !strings.Contains(string(second), "agent-ports") || !strings.Contains(string(second), port) {
		t.Fatalf("%s, %v", second, err)
	}
	if runtime.GOOS == "windows" { // which has no signals to other programs
		if err := serve.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = serve.Wait() // killed
		return
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		t.Fatal(err)
	}
}
