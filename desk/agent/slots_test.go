package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
)

// noKeys is a PC without a key.
type noKeys struct{}

func (noKeys) List(context.Context) ([]token.Info, error)      { return nil, nil }
func (noKeys) Open(context.Context, string) (token.Key, error) { return nil, token.ErrRemoved }

// TestPlacesOfNoKey: whoever asks for keys that are not there leaves nothing
// behind.
func TestPlacesOfNoKey(t *testing.T) {
	a := New(Options{Keys: noKeys{}, Clock: certhall.SystemClock{}, Random: rand.Reader})
	for n := range 1000 {
		if _, err := a.SelfTest(t.Context(), strconv.Itoa(n), "1"); !errors.Is(err, token.ErrRemoved) {
			t.Fatal(err)
		}
	}
	if err := a.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(a.of) != 0 {
		t.Fatalf("%d places are kept", len(a.of))
	}
}

// TestPlaceForgotten: who came too late to a place that was given up is told
// that it is busy, so that a key is never at two places.
func TestPlaceForgotten(t *testing.T) {
	a := New(Options{Keys: noKeys{}, Clock: certhall.SystemClock{}, Random: rand.Reader})
	s := a.slot("SK1")
	if err := a.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := a.open(t.Context(), s, "SK1"); !errors.Is(err, token.ErrKeyBusy) {
		t.Fatal(err)
	}
	if a.slot("SK1") == s {
		t.Fatal("the old place is given out")
	}
}
