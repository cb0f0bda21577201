package wire_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/authority/nodes"
	"github.com/certhall/certhall/authority/wire"
)

// nowhere is an address where nobody listens.
func nowhere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// TestNextNode: what one node does not answer, the next does, unless the call
// must not be made twice and may have been made.
func TestNextNode(t *testing.T) {
	drop := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		first func(a *spoken, s site) string // address of a node that fails, over authority a
		made  int                            // how often the failing node's authority hears an issue
		twice bool                           // whether even a suspension may go on to the next
	}{
		"refused":      {func(_ *spoken, s site) string { return nowhere(s.t) }, 0, true},
		"request lost": {func(_ *spoken, s site) string { return s.serve(nodes.Issue, http.HandlerFunc(drop)) }, 0, false},
		"done, but the reply is lost": {func(a *spoken, s site) string {
			inner := handler(a)
			return s.serve(nodes.Issue, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				inner.ServeHTTP(httptest.NewRecorder(), r)
				drop(w, r)
			}))
		}, 1, false},
		"slow": {func(_ *spoken, s site) string {
			return s.serve(nodes.Issue, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		}, 0, false},
		"sealed": {func(a *spoken, s site) string {
			a.err = authority.ErrSealed
			return s.serve(nodes.Issue, handler(a))
		}, 1, true},
		"of another version": {func(_ *spoken, s site) string {
			return s.serve(nodes.Issue, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusForbidden) // answered by something else altogether
				_, _ = w.Write([]byte("<h1>no</h1>"))
			}))
		}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			bad, good := &spoken{}, &spoken{}
			client := s.client(c.first(bad, s), s.serve(nodes.Issue, handler(good)))
			if _, err := client.Issue(t.Context(), authority.IssueRequest{Case: "c1", Attempt: 1}); err != nil {
				t.Fatal(certhall.CauseText(err))
			}
			if bad.times() != c.made || good.times() != 1 {
				t.Errorf("the first node heard %d, the second %d", bad.times(), good.times())
			}
			if _, err := client.Issue(t.Context(), authority.IssueRequest{Case: "c1", Attempt: 1}); err != nil || bad.times() != c.made || good.times() != 2 {
				t.Errorf("again: %v; the first node heard %d, the second %d", err, bad.times(), good.times())
			}

			bad, good = &spoken{}, &spoken{}
			client = s.client(c.first(bad, s), s.serve(nodes.Issue, handler(good)))
			err := client.Suspend(t.Context(), "l1", "lost")
			if c.twice && (err != nil || good.times() != 1) || !c.twice && (!errors.Is(err, wire.ErrUnreachable) || good.times() != 0) {
				t.Errorf("a suspension: %v; the second node heard %d", err, good.times())
			}
		})
	}
}

// TestNobodyAnswers is an error that passes by itself.
func TestNobodyAnswers(t *testing.T) {
	s := newSite(t)
	_, err := s.client(nowhere(t), nowhere(t)).Ticket(t.Context(), authority.TicketRequest{})
	if e := certhall.AsError(err); e.Code != wire.ErrUnreachable.Code || e.Kind != certhall.Unavailable {
		t.Errorf("%v", err)
	}
	sealed := s.serve(nodes.Issue, handler(&spoken{err: authority.ErrSealed}))
	if _, err := s.client(nowhere(t), sealed).Ticket(t.Context(), authority.TicketRequest{}); !errors.Is(err, authority.ErrSealed) {
		t.Errorf("the one that answers is sealed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.client(sealed).Ticket(ctx, authority.TicketRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}

// TestAnotherStart: a node that was started anew is asked again over a new connection.
func TestAnotherStart(t *testing.T) {
	s := newSite(t)
	a, left := &spoken{}, 0
	inner := handler(a)
	client := s.client(s.serve(nodes.Issue, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if left--; left == 0 {
			panic(http.ErrAbortHandler)
		}
		inner.ServeHTTP(w, r)
	})))
	if _, err := client.Origins(t.Context()); err != nil {
		t.Fatal(err)
	}
	left = 1
	if _, err := client.Origins(t.Context()); err != nil {
		t.Error(certhall.CauseText(err))
	}
}

// TestWhoMayCall: only halls of the same internal CA, and only nodes that issue
// are believed.
func TestWhoMayCall(t *testing.T) {
	s, strangers := newSite(t), newSite(t)
	a := &spoken{}
	stolen := s.own(nodes.Hall)
	its, err := stolen()
	must(t, err)
	node := s.serve(nodes.Issue, wire.Handler(wire.ServerOptions{
		Authority: a, Refused: []certhall.Serial{certhall.SerialOf(its.Leaf.SerialNumber)}, Log: slog.New(slog.DiscardHandler),
	}))
	for name, c := range map[string]struct {
		client *wire.Client
		says   string
	}{
		"publish":                    {s.clientAs(nodes.Publish, node), "node-refused map[role:publish]"},
		"issue":                      {s.clientAs(nodes.Issue, node), ""}, // the handshake ends, here or there first
		"a hall of another CA":       {strangers.client(node), "certificate"},
		"a node that is a hall":      {s.client(s.serve(nodes.Hall, handler(a))), "certificate"},
		"a node of another CA":       {s.client(strangers.serve(nodes.Issue, handler(a))), "certificate"},
		"a node that publishes":      {s.client(s.serve(nodes.Publish, handler(a))), "certificate"},
		"a hall that was turned out": {s.clientWith(stolen, node), "node-turned-out"},
	} {
		for call, do := range calls {
			got := do(t.Context(), c.client)
			err, _ := got[len(got)-1].(error)
			if !errors.Is(err, wire.ErrUnreachable) || !strings.Contains(certhall.CauseText(err), c.says) {
				t.Errorf("%s, %s: %s", name, call, certhall.CauseText(err))
			}
		}
	}
	if a.times() != 0 {
		t.Errorf("the authority heard %v", a.heard)
	}
}
