package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// statusOf asks the agent who it is, as the hall's page does; "" while nobody answers.
func (h *house) statusOf(agent string) string {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, "http://"+agent+"/status", strings.NewReader("{}"))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "http://"+h.listen)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	var status struct {
		Product     string
		Authorities []struct{ ID string }
	}
	if err := json.NewDecoder(answer.Body).Decode(&status); err != nil || len(status.Authorities) != 1 {
		h.t.Fatalf("status %d, %+v, %v", answer.StatusCode, status, err)
	}
	return status.Product + " of " + status.Authorities[0].ID
}

// agentIs waits until the agent answers so.
func (h *house) agentIs(agent, want string) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		got := h.statusOf(agent)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the agent is %q, want %q:\n%s", got, want, h.screen)
		}
	}
}

// TestDemoStartsTheAgent of the handler's PC, which knows the demo's portal,
// and which goes with the demo, however that ends.
func TestDemoStartsTheAgent(t *testing.T) {
	t.Parallel()
	agent := freePort(t)
	_, port, err := net.SplitHostPort(agent)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, "--agent-port", port)
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		h.agentIs(agent, "certhall-agent of demo")
		h.stop(sig)
		h.agentIs(agent, "")
		h.start()
	}
}
