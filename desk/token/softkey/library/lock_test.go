package library

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/certhall/certhall/desk/token/softkey"
	"github.com/certhall/certhall/gm/skf"
)

// another is a second process's library over the folder of a key: its locks are
// its own.
func another(path string, pause func(<-chan struct{})) *Library {
	return New(Options{Folder: softkey.Folder(filepath.Dir(path)), Pause: pause, Iterations: 1})
}

// TestLock: a device that is locked is its owner's alone; it may be locked and
// unlocked twice.
func TestLock(t *testing.T) {
	one, path := plug(t)
	dev := must[Handle](t)(one.ConnectDev(plugged))
	wants(t, "lock", one.LockDev(dev, 0), skf.OK)
	wants(t, "lock again", one.LockDev(dev, 0), skf.OK)
	beside := must[Handle](t)(one.ConnectDev(plugged))
	one.Pause = func(<-chan struct{}) {}
	wants(t, "lock by another connection", one.LockDev(beside, 200), skf.Timeout)
	wants(t, "use by another connection", one.GenRandom(beside, make([]byte, 8)), skf.OK)

	waited := 0
	two := another(path, func(<-chan struct{}) { waited++ })
	other := must[Handle](t)(two.ConnectDev(plugged))
	wants(t, "lock by another process", two.LockDev(other, 1000), skf.Timeout)
	if waited == 0 {
		t.Error("nobody waited")
	}
	waited = 0
	wants(t, "use by another process", two.GenRandom(other, make([]byte, 8)), skf.Timeout)
	const hung = 30 * time.Second // to the agent (package driverhost)
	if waited := time.Duration(waited) * Moment; waited > hung/2 {
		t.Errorf("it took %v to say that the device is locked", waited)
	}

	two.Pause = func(<-chan struct{}) { wants(t, "unlock", one.UnlockDev(dev), skf.OK) }
	wants(t, "use after waiting", two.GenRandom(other, make([]byte, 8)), skf.OK)
	wants(t, "lock", two.LockDev(other, Forever), skf.OK)
	wants(t, "unlock again", one.UnlockDev(dev), skf.OK)
	wants(t, "use of what another process has locked", one.GenRandom(dev, make([]byte, 8)), skf.Timeout)
	wants(t, "disconnecting unlocks", two.DisConnectDev(other), skf.OK)
	wants(t, "lock", one.LockDev(dev, 0), skf.OK)
	wants(t, "disconnect", one.DisConnectDev(dev), skf.OK)
}

// TestLockOfAKeyTakenOut: a lock ends with the key, whether its owner unlocks or
// not. Put back, it is everybody's.
func TestLockOfAKeyTakenOut(t *testing.T) {
	one, path := plug(t)
	dev := must[Handle](t)(one.ConnectDev(plugged))
	wants(t, "lock", one.LockDev(dev, 0), skf.OK)
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	_, err := one.GetDevInfo(dev)
	wants(t, "taken out", err, skf.DeviceRemoved)
	if err := os.Rename(path+".away", path); err != nil {
		t.Fatal(err)
	}
	two := another(path, func(<-chan struct{}) {})
	for _, l := range []*Library{two, one} {
		dev := must[Handle](t)(l.ConnectDev(plugged))
		wants(t, "use", l.GenRandom(dev, make([]byte, 8)), skf.OK)
		wants(t, "lock", l.LockDev(dev, 0), skf.OK)
		wants(t, "unlock", l.UnlockDev(dev), skf.OK)
	}
}

// TestLockWhileDisconnecting: a connection that another thread closes while it
// waits for its lock leaves none behind.
func TestLockWhileDisconnecting(t *testing.T) {
	l, _ := plug(t)
	dev := must[Handle](t)(l.ConnectDev(plugged))
	waiting := must[Handle](t)(l.ConnectDev(plugged))
	wants(t, "lock", l.LockDev(dev, 0), skf.OK)
	l.Pause = func(<-chan struct{}) {
		wants(t, "disconnect", l.DisConnectDev(waiting), skf.OK)
		wants(t, "unlock", l.UnlockDev(dev), skf.OK)
	}
	wants(t, "lock of what is closed", l.LockDev(waiting, Forever), skf.InvalidHandle)
	wants(t, "lock", l.LockDev(dev, 0), skf.OK)
}

// TestAnotherProcess: what another process writes is seen at once.
func TestAnotherProcess(t *testing.T) {
	one, path := plug(t)
	_, app := connect(t, one)
	con := must[Handle](t)(one.CreateContainer(app, "one"))
	two := another(path, nil)
	_, far := connect(t, two)
	wants(t, "delete", two.DeleteContainer(far, "one"), skf.OK)
	_, err := one.GenECCKeyPair(con, uint32(skf.SM2Sign))
	wants(t, "deleted by another", err, skf.FileMissing)
	_, err = two.ChangePIN(far, uint32(skf.User), pin, "Another-1")
	wants(t, "change", err, skf.OK)
	_, err = one.VerifyPIN(app, uint32(skf.User), pin)
	wants(t, "changed by another", err, skf.PINIncorrect)
	if i, err := two.GetPINInfo(far, uint32(skf.User)); err != nil || i.Left != 2 {
		t.Error("a try that another spent:", i, err)
	}
}

// TestEvents: plugging in and taking out is told, one by one, and waiting can
// be cancelled.
func TestEvents(t *testing.T) {
	l, path := plug(t)
	moves := []func() error{
		func() error { return os.Rename(path, path+".away") },
		func() error { return os.Rename(path+".away", path) },
		l.CancelWaitForDevEvent,
	}
	l.Pause = func(<-chan struct{}) {
		if err := moves[0](); err != nil {
			t.Error(err)
		}
		moves = moves[1:]
	}
	out := Out{Buffer: make([]byte, 2)}
	_, err := l.WaitForDevEvent(&out)
	wants(t, "too small a buffer", err, skf.BufferTooSmall)
	for _, want := range []uint32{TakenOut, PluggedIn} {
		out = Out{Buffer: make([]byte, 32)}
		event, err := l.WaitForDevEvent(&out)
		if got := string(out.Buffer[:out.Length]); err != nil || event != want || got != plugged+"\x00" {
			t.Errorf("%d %q %v, want %d", event, got, err, want)
		}
	}
	_, err = l.WaitForDevEvent(&out)
	wants(t, "cancelled", err, skf.NoEvent)
}

// TestDiskFull: a write for which there is no room is told, and loses nothing.
func TestDiskFull(t *testing.T) {
	l, path := plug(t)
	_, app := connect(t, l)
	con := must[Handle](t)(l.CreateContainer(app, "one"))
	must[[]byte](t)(l.GenECCKeyPair(con, uint32(skf.SM2Sign)))
	before := must[[]byte](t)(os.ReadFile(path))

	l = another(path, nil)
	filling := false
	l.Open = func(path string) (*softkey.Device, error) {
		return softkey.UseDevice(sometimes{softkey.File(path), &filling}, l.Random, nil)
	}
	_, app = connect(t, l)
	con = must[Handle](t)(l.OpenContainer(app, "one"))
	filling = true
	_, err := l.GenECCKeyPair(con, uint32(skf.SM2Sign))
	wants(t, "generate", err, skf.NoRoom)
	_, err = l.VerifyPIN(app, uint32(skf.User), pin)
	wants(t, "verify", err, skf.NoRoom)
	filling = false
	must[uint32](t)(l.VerifyPIN(app, uint32(skf.User), pin))
	must[[]byte](t)(l.ECCSignData(con, make([]byte, 32)))
	if after := must[[]byte](t)(os.ReadFile(path)); len(after) != len(before) {
		t.Errorf("%d bytes, were %d", len(after), len(before))
	}
}

// sometimes is a file that has no room while full is set.
type sometimes struct {
	softkey.Medium
	full *bool
}

func (s sometimes) Save(data []byte) error {
	if *s.full {
		return &os.PathError{Op: "write", Path: "key", Err: full[0]}
	}
	return s.Medium.Save(data)
}

// TestCodes: errors that have no code of their own are SAR_FAIL; the cause is
// kept.
func TestCodes(t *testing.T) {
	if c := CodeOf(errors.New("x")); c != skf.Fail {
		t.Error(c)
	}
	cause := errors.New("cause")
	if err := because(skf.InputData, cause); !errors.Is(err, cause) || CodeOf(err) != skf.InputData {
		t.Error(err)
	}
}
