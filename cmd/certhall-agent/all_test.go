package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/agent"
	"github.com/certhall/certhall/desk/courier"
	"github.com/certhall/certhall/desk/desktest"
	"github.com/certhall/certhall/desk/token"
)

// plugged is a key with a number of certificates on it.
func plugged(t *testing.T, a *desktest.Authority, serial string, pairs int) agent.Listed {
	t.Helper()
	l := agent.Listed{Info: token.Info{Serial: serial, Label: "key"}, PIN: token.PINState{Tries: 6}}
	for n := range pairs {
		key, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		end := a.End(fmt.Sprintf("%s-%d", serial, n), &key.PublicKey, smx509.KeyUsageDigitalSignature, 1+n)
		l.Containers = append(l.Containers, &token.Holding{Sign: end, SignKey: &key.PublicKey})
	}
	return l
}

// lot is a round over keys with a hall that answers by subject.
type lot struct {
	*round
	out     *bytes.Buffer
	tried   []string
	answers map[string]error
}

func newLot(t *testing.T, c cli, answers map[string]error, keys ...agent.Listed) *lot {
	t.Helper()
	in, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	l := &lot{out: new(bytes.Buffer), answers: answers}
	c.Lang, c.JSON = "en", true
	l.round = &round{
		shell:   &shell{cli: c, ctx: t.Context(), in: in, out: l.out, err: l.out, clock: &desktest.Clock{T: desktest.Now}},
		service: certhall.Renew,
		list:    func(context.Context) ([]agent.Listed, error) { return keys, nil },
		over:    func([]certhall.Serial) []certhall.Serial { return nil },
	}
	l.carry = func(key string, pair certhall.Serial) (courier.Next, error, error) {
		for _, k := range keys {
			for _, h := range k.Containers {
				if name := h.Sign.Subject.CommonName; certhall.SerialOf(h.Sign.SerialNumber) == pair {
					l.tried = append(l.tried, name)
					return courier.Next{State: courier.StateDone}, nil, answers[name]
				}
			}
		}
		return courier.Next{}, nil, errNoPair
	}
	return l
}

// rows are the outcomes as JSON lines told them.
func (l *lot) rows(t *testing.T) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(l.out.String()) {
		var o outcome
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(line, err)
		}
		if o.Event == "outcome" {
			all = append(all, o.Subject+" "+o.Outcome+" "+o.Code)
		}
	}
	return strings.TrimSpace(strings.Join(all, "|"))
}

// TestAllGoesOn: one that fails stops no other; the exit code and the rows say
// what is left.
func TestAllGoesOn(t *testing.T) {
	a := desktest.New(t, "ra")
	locked := plugged(t, a, "K4", 1)
	locked.PIN.Locked = true
	l := newLot(t, cli{PinFD: -1}, map[string]error{
		"K1-0": certhall.NewError("suspended", certhall.Denied),
		"K1-1": certhall.NewError("superseded", certhall.Denied),
		"K2-0": courier.ErrUnreachable,
		"K2-1": certhall.NewError("too-early", certhall.Denied),
	}, plugged(t, a, "K1", 3), plugged(t, a, "K2", 3),
		agent.Listed{Info: token.Info{Serial: "K3", Label: "K3", Trouble: token.ErrKeyBusy}}, locked)
	if err := l.turn(false); err != exit(exitRefused) {
		t.Error(err)
	}
	const want = "K1-0 failed suspended|K1-2 done |K2-0 open server-unreachable|K2-1 not-due too-early|K2-2 done |K3 open key-busy|key open pin-locked"
	if got := l.rows(t); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// What is settled is left alone; what is open is tried again.
	l.tried, l.answers["K2-0"] = nil, nil
	for _, k := range []string{"K1-0", "K1-2", "K2-1", "K2-2"} {
		l.answers[k] = errors.New("touched again")
	}
	_ = l.turn(false)
	if got := strings.Join(l.tried, " "); got != "K2-0" {
		t.Errorf("tried %s", got)
	}
}

// TestAllLeavesWhatIsOver: nothing is begun with what the hall knows to be
// superseded or revoked.
func TestAllLeavesWhatIsOver(t *testing.T) {
	a := desktest.New(t, "ra")
	l := newLot(t, cli{PinFD: -1}, nil, plugged(t, a, "K1", 3))
	l.over = func(pairs []certhall.Serial) []certhall.Serial { return pairs[:1] } // the one that ends first
	if err := l.turn(false); err != nil {
		t.Error(err)
	}
	if got := strings.Join(l.tried, " "); got != "K1-1 K1-2" {
		t.Errorf("tried %s", got)
	}
}

// TestAllDone: nothing to do is no failure; no key is.
func TestAllDone(t *testing.T) {
	a := desktest.New(t, "ra")
	early := certhall.NewError("too-early", certhall.Denied)
	if l := newLot(t, cli{PinFD: -1}, map[string]error{"K1-0": early}, plugged(t, a, "K1", 2)); l.turn(false) != nil {
		t.Error(l.out)
	}
	if l := newLot(t, cli{PinFD: -1}, nil); !errors.Is(l.turn(false), errNoKey) {
		t.Error(l.out)
	}
}

// TestAllTriesNoPINAgain: after a wrong PIN nothing more is done on the key; a
// script's wrong PIN is tried on no other key either.
func TestAllTriesNoPINAgain(t *testing.T) {
	a := desktest.New(t, "ra")
	for fd, want := range map[int]string{3: "K1-0", -1: "K1-0 K2-0 K2-1"} {
		l := newLot(t, cli{PinFD: fd}, map[string]error{"K1-0": token.ErrPINWrong.With("tries", "5")}, plugged(t, a, "K1", 2), plugged(t, a, "K2", 2))
		if err := l.turn(false); err != exit(exitPIN) {
			t.Error(err)
		}
		if got := strings.Join(l.tried, " "); got != want {
			t.Errorf("fd %d: tried %s, want %s", fd, got, want)
		}
		if len(l.outcomes) != 4 {
			t.Errorf("%d rows", len(l.outcomes))
		}
	}
}

// TestAllInterrupted: the rest is open.
func TestAllInterrupted(t *testing.T) {
	a := desktest.New(t, "ra")
	l := newLot(t, cli{PinFD: -1}, nil, plugged(t, a, "K1", 3))
	ctx, stop := context.WithCancel(t.Context())
	l.ctx = ctx
	first := l.carry
	l.carry = func(key string, pair certhall.Serial) (courier.Next, error, error) {
		n, leftover, err := first(key, pair)
		if len(l.tried) == 2 {
			stop()
			err = ctx.Err()
		}
		return n, leftover, err
	}
	if err := l.turn(true); err != exit(exitLater) {
		t.Error(err)
	}
	if got := l.rows(t); got != "K1-0 done |K1-1 open cli-interrupted|K1-2 open cli-interrupted" {
		t.Error(got)
	}
}
