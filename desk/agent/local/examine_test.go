package local

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/doctor/neighbours"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/proof"
)

// examination runs one to its end: the findings' codes, and what was said.
func (p *tab) examination() (codes []string, said string) {
	p.t.Helper()
	r := p.begin("/examine", struct{}{})
	for {
		e := r.next()
		said += string(e.Raw) + "\n"
		switch e.Event {
		case "finding":
			codes = append(codes, e.Code)
		case "reply":
			return codes, said
		default:
			p.t.Fatalf("%s", e.Raw)
		}
	}
}

// TestExamine: a page is told of its own authority's certificates and how many
// others there are, not of their names, and not where things lie on this PC.
func TestExamine(t *testing.T) {
	h := newHouse(t, nil)
	// the portal of another authority, which has nothing on this key
	other := desktest.New(t, "other")
	const strange = "https://strange.example"
	h.trusts(other, proof.Portal{Origin: strange})
	h.server.Doctor.Client = &http.Client{Transport: refusing{}}
	h.server.Doctor.Ports = []int{17083}
	h.server.Doctor.Neighbours = func(_ context.Context, w neighbours.Wanted) ([]neighbours.Neighbour, error) {
		return []neighbours.Neighbour{{PID: 7, Program: "mtoken.exe", Port: w.Ports[0]}}, nil
	}
	usual := []string{"server-unreachable", "agent-fine", "authority-unasked", "clock-unasked", "keys-found", "key-fine", "key-room"}

	codes, said := h.paired(portal).examination()
	if want := append(slices.Clone(usual), "certificate-unasked", "other-port"); !slices.Equal(codes, want) {
		t.Errorf("found %v", codes)
	}
	for _, want := range []string{"测试医院", keySerial, "mtoken.exe (process 7) uses port 17083", "A firewall or proxy probably lets only browsers through", `"version":"test"`} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	codes, foreign := h.paired(strange).examination()
	if want := append(slices.Clone(usual), "key-foreign", "other-port"); !slices.Equal(codes, want) {
		t.Errorf("found %v", codes)
	}
	for _, secret := range []string{"测试医院", string(h.pair.Sign()), h.auth.Root.Certificate.Subject.CommonName} {
		if strings.Contains(foreign, secret) {
			t.Errorf("another authority's page is told of %q:\n%s", secret, foreign)
		}
	}
	for _, secret := range []string{h.keys, h.folder} {
		if strings.Contains(said+foreign, secret) {
			t.Errorf("a page is told of %q", secret)
		}
	}
}

// TestExamineHall: the calling page's own portal is asked.
func TestExamineHall(t *testing.T) {
	h := newHouse(t, nil)
	root := h.auth.Root.Certificate
	hall := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", h.clock.Now().UTC().Format(http.TimeFormat))
		switch r.URL.Path {
		case "/api/hall":
			_ = json.NewEncoder(w).Encode(map[string]any{
				"name": "大厅", "authority": "ra", "origin": "http://" + r.Host, "fingerprint": hex.EncodeToString(gm.SM3(root.Raw)), "agent_api": certhall.AgentAPI,
			})
		case "/api/origin-list":
			_ = json.NewEncoder(w).Encode(map[string]any{"issuers": h.auth.Chain()})
		case "/readyz":
			_ = json.NewEncoder(w).Encode(map[string]any{"ready": true})
		}
	}))
	defer hall.Close()
	h.trusts(h.auth, proof.Portal{Origin: hall.URL})
	codes, said := h.paired(hall.URL).examination()
	want := []string{"server-fine", "agent-fine", "authority-fine", "clock-fine", "keys-found", "key-fine", "key-room", "certificate-unasked"}
	if !slices.Equal(codes, want) {
		t.Errorf("found %v:\n%s", codes, said)
	}
}

// TestExamineUnpaired: it wants the person's leave, as everything that tells of keys.
func TestExamineUnpaired(t *testing.T) {
	h := newHouse(t, nil)
	if status, code := h.tab(portal).call("/examine", struct{}{}, nil); status != http.StatusUnauthorized || code != "pairing-needed" {
		t.Errorf("%d %s", status, code)
	}
}

// TestExamineLeft: a page that leaves makes room for the next.
func TestExamineLeft(t *testing.T) {
	h := newHouse(t, nil)
	h.server.Doctor.Client = &http.Client{Transport: refusing{}}
	entered := make(chan struct{})
	var once sync.Once
	h.server.Doctor.Neighbours = func(ctx context.Context, _ neighbours.Wanted) ([]neighbours.Neighbour, error) {
		once.Do(func() {
			close(entered)
			<-ctx.Done()
		})
		return nil, ctx.Err()
	}
	p := h.paired(portal)
	r := p.begin("/examine", struct{}{})
	<-entered
	r.leave()
	p.examination()
}

// TestPagesSpeakTheSame: the page's module knows this version of the contract.
func TestPagesSpeakTheSame(t *testing.T) {
	source, err := os.ReadFile("../../../sdk/page/src/find.ts")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`export const api = (\d+)`).FindSubmatch(source)
	if m == nil || string(m[1]) != strconv.Itoa(certhall.AgentAPI) {
		t.Errorf("the page's module speaks %q, the agent %d", m, certhall.AgentAPI)
	}
}

// refusing is a network in which nobody answers.
type refusing struct{}

func (refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, context.DeadlineExceeded
}
