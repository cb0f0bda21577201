package library

import (
	"fmt"
	"sync"
	"testing"

	"github.com/certhall/certhall/gm/skf"
)

// TestThreads: many threads at once, with handles of their own and shared ones,
// while others close, lock, look and log out.
func TestThreads(t *testing.T) {
	const threads, rounds = 8, 6
	l, path := plug(t)
	dev, app := connect(t, l)
	con := must[Handle](t)(l.CreateContainer(app, "shared"))
	public := must[[]byte](t)(l.GenECCKeyPair(con, uint32(skf.SM2Sign)))
	h := must[Handle](t)(l.DigestInit(dev, uint32(skf.SM3), nil, nil))
	var running sync.WaitGroup
	for thread := range threads {
		running.Go(func() {
			for round := range rounds {
				if err := one(l, fmt.Sprintf("%d-%d", thread, round), con, dev, public, h); CodeOf(err) != skf.OK && CodeOf(err) != skf.NoRoom {
					t.Error(thread, round, err)
				}
			}
		})
	}
	running.Wait()
	other := another(path, nil)
	_, far := connect(t, other)
	if names := list(t, func(o *Out) error { return other.EnumContainer(far, o) }); len(names) != 1 {
		t.Error("what another process sees:", names)
	}
}

// one is a thread's round.
func one(l *Library, name string, shared, dev Handle, public []byte, h Handle) error {
	e := make([]byte, 32)
	signature, err := l.ECCSignData(shared, e)
	if err != nil {
		return err
	}
	if err := l.ECCVerify(dev, public, e, signature); err != nil {
		return err
	}
	if err := l.DigestUpdate(h, e); err != nil {
		return err
	}
	own, err := l.ConnectDev(plugged)
	if err != nil {
		return err
	}
	defer func() { _ = l.DisConnectDev(own) }() // unlocks too
	if err := l.LockDev(own, Forever); err != nil {
		return err
	}
	app, err := l.OpenApplication(own, "certhall")
	if err != nil {
		return err
	}
	con, err := l.CreateContainer(app, name)
	if err != nil {
		return err
	}
	if _, err := l.GenECCKeyPair(con, uint32(skf.SM2Sign)); err != nil {
		return err
	}
	if err := l.EnumDev(&Out{}); err != nil {
		return err
	}
	return l.DeleteContainer(app, name)
}
