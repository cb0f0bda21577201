package courier

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/proof"
)

// busyAgent has a key that is busy for some tries.
type busyAgent struct {
	busy, done int
	err        error // in the end
}

func (a *busyAgent) try() error {
	if a.busy > 0 {
		a.busy--
		return token.ErrKeyBusy.Becausef("somebody")
	}
	a.done++
	return a.err
}

func (a *busyAgent) Do(context.Context, string, []byte) ([]byte, error) { return []byte("r"), a.try() }
func (a *busyAgent) SignOpening(context.Context, string, proof.Opening) (proof.Signed, error) {
	return proof.Signed{Message: []byte("m")}, a.try()
}

// TestPatient: a busy key is waited for with a countdown, for so long and no longer.
func TestPatient(t *testing.T) {
	for name, c := range map[string]struct {
		agent    busyAgent
		patience time.Duration
		told     []time.Duration
		err      error
		done     int
	}{
		"free":           {busyAgent{}, time.Minute, nil, nil, 1},
		"free soon":      {busyAgent{busy: 2}, 3 * time.Second, []time.Duration{3 * time.Second, 2 * time.Second, 0}, nil, 1},
		"busy":           {busyAgent{busy: 9}, 2 * time.Second, []time.Duration{2 * time.Second, time.Second, 0}, token.ErrKeyBusy, 0},
		"no patience":    {busyAgent{busy: 1}, 0, nil, token.ErrKeyBusy, 0},
		"something else": {busyAgent{err: token.ErrRemoved}, time.Minute, nil, token.ErrRemoved, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for what, call := range map[string]func(Patient) error{
				"order":   func(p Patient) error { _, err := p.Do(t.Context(), "K", nil); return err },
				"opening": func(p Patient) error { _, err := p.SignOpening(t.Context(), "K", proof.Opening{}); return err },
			} {
				agent := c.agent
				var told []time.Duration
				err := call(Patient{&agent, Patience{
					Time: c.patience, Wait: func(context.Context, time.Duration) error { return nil }, Tell: func(_ error, left time.Duration) { told = append(told, left) },
				}})
				if !errors.Is(err, c.err) || agent.done != c.done || !slices.Equal(told, c.told) {
					t.Errorf("%s: %v, done %d, told %v", what, err, agent.done, told)
				}
			}
		})
	}
}

// TestPatienceEnds: who gives up waits no longer.
func TestPatienceEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := Patience{Time: time.Minute, Wait: Sleep}
	if err := p.For(ctx, func() error { return token.ErrKeyBusy }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
