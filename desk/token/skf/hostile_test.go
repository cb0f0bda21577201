package skf_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/skf"
	gmskf "github.com/certhall/certhall/gm/skf"
)

// spoils makes every function now and then answer what it pleases: any code,
// any length, any bytes, done or not.
func (l *library) spoils(r *rand.Rand) {
	for fn := range l.Fake {
		l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
			if r.IntN(12) > 0 {
				return before(a)
			}
			code := uint32(0)
			if r.IntN(2) == 0 {
				code = before(a)
			}
			for _, arg := range a {
				switch {
				case arg.Kind == native.KindULong && r.IntN(2) == 0:
					*arg.Number = r.Uint64() >> r.IntN(64)
				case arg.Kind == native.KindHandle && r.IntN(2) == 0:
					*arg.Ref = native.Ref(r.Uint64())
				case arg.Kind == native.KindOut || arg.Kind == native.KindHidden:
					for i := range min(len(arg.Bytes), r.IntN(600)) {
						arg.Bytes[i] = byte(r.Uint32())
					}
				}
			}
			switch r.IntN(3) {
			case 0:
				return uint32(gmskf.Fail) + r.Uint32N(0x34)
			case 1:
				return code
			}
			return r.Uint32()
		})
	}
}

// TestHostile: whatever a library answers, the driver goes on and tells it by
// name; nobody is logged in by a PIN that the key did not take.
func TestHostile(t *testing.T) {
	refused := 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := newLibrary("SN1", "SN2")
		l.authKey = make([]byte, 16)
		l.spoils(r)
		m := l.module(t, skf.Profile{AuthKey: "00000000000000000000000000000000", LastOnly: seed%2 == 0, Containers: 4, ContainerBytes: 1})
		told := func(what string, err error) {
			var e *certhall.Error
			if err == nil {
				return
			}
			if refused++; !errors.As(err, &e) || e.Kind == certhall.Internal && !errors.Is(e, token.ErrKeyPairBroken) {
				t.Errorf("seed %d, %s: %v", seed, what, certhall.CauseText(err))
			}
		}
		for range 5 {
			_, err := m.List(background)
			told("list", err)
			k, err := m.Open(background, "SN1")
			told("open", err)
			if err != nil {
				continue
			}
			_, err = k.PINState(background)
			told("state", err)
			told("login", k.Login(background, userPIN))
			told("life", halfLife(k))
			_, err = k.Room(background)
			told("room", err)
			told("change", k.ChangePIN(background, userPIN, userPIN))
			told("unblock", k.Unblock(background, adminPIN, userPIN))
			all, err := token.Look(background, k)
			told("look", err)
			for _, h := range all {
				_, err := h.Decrypt(background, []byte{0x30})
				told("decrypt", err)
				told("delete", k.Delete(background, h.Name()))
			}
			told("close", k.Close())
		}
		told("module", m.Close())
	}
	if refused < 300 {
		t.Errorf("only %d errors", refused)
	}
}
