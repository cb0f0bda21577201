// Package pkcs11 reaches keys through the PKCS #11 libraries (Cryptoki, v2.40)
// of their makers. RSA and ECDSA keys are the standard's; SM2, for which it
// has no numbers, is done as the library's Profile says.
//
// A container is one CKA_ID with the objects that bear it, and its name is
// their label. There are no empty containers on such a key: one that was
// created is remembered until a key is made in it.
package pkcs11

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
)

// Driver is the name of this driver in token.Info.
const Driver = "pkcs11"

// ErrPINExpired says that the PIN has to be changed before it counts again.
var ErrPINExpired = certhall.NewError("pin-expired", certhall.Denied)

// maxSlots and maxObjects are more than there can be: a library that tells
// more is wrong.
const maxSlots, maxObjects = 256, 4096

// Module is a library in use. It is used by one goroutine at a time.
type Module struct {
	lib     native.Library
	profile Profile
}

// Open begins the use of a library.
func Open(lib native.Library, p Profile) (*Module, error) {
	if err := p.check(); err != nil {
		return nil, token.ErrDriverMissing.Because(err)
	}
	m := &Module{lib, p}
	// NULL: it is called by one thread at a time.
	if err := m.call("C_Initialize", native.In(nil)); err != nil && !answers(err, alreadyInitialized) {
		return nil, explained(err)
	}
	return m, nil
}

// Close ends it, with every session and log-in.
func (m *Module) Close() error {
	return errors.Join(m.call("C_Finalize", native.In(nil)), m.lib.Close())
}

// call calls a function; what is not CKR_OK is an answer.
func (m *Module) call(fn string, args ...native.Arg) error {
	if c := code(m.lib.Call(fn, args...)); c != 0 {
		return answer{fn, c}
	}
	return nil
}

// List names the keys that are plugged in.
func (m *Module) List(ctx context.Context) ([]token.Info, error) {
	plugged, err := m.plugged(ctx)
	if err != nil {
		return nil, explained(err)
	}
	infos := make([]token.Info, len(plugged))
	for i, p := range plugged {
		infos[i] = p.info
	}
	return infos, nil
}

// Open opens the key with this serial: token.ErrRemoved if it is not there.
func (m *Module) Open(ctx context.Context, serial string) (token.Key, error) {
	plugged, err := m.plugged(ctx)
	if err != nil {
		return nil, explained(err)
	}
	for _, p := range plugged {
		if p.info.Serial != serial {
			continue
		}
		if p.info.Trouble != nil {
			return nil, p.info.Trouble
		}
		k := &key{m: m, place: p, begun: map[string][]byte{}}
		if err := k.open(); err != nil {
			return nil, explained(err)
		}
		return k, nil
	}
	return nil, token.ErrRemoved.Becausef("no token with serial %.40q", serial)
}

// place is a slot with a token in it.
type place struct {
	slot uint64
	own  string // the token's own serial
	info token.Info
}

// plugged lists the slots with tokens, in the library's order. Slots whose
// tokens bear one serial (cards with several PINs, makers who number none) are
// told apart by their labels, or by their numbers: the first keeps the serial.
func (m *Module) plugged(ctx context.Context) ([]place, error) {
	slots, err := m.slots()
	if err != nil {
		return nil, err
	}
	var all []place
	taken := map[string]bool{}
	for _, slot := range slots {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		t, err := m.token(slot)
		if answers(err, gone...) || answers(err, tokenNotRecognized) {
			continue // pulled meanwhile; a card that is none of this library's
		}
		if err != nil {
			return nil, err
		}
		p := place{slot: slot, own: t.serial, info: token.Info{
			Serial: t.serial, Label: t.label, Manufacturer: t.manufacturer, Driver: Driver,
		}}
		if t.flags&tokenInitialized == 0 {
			if m.profile.SpareSlot && t.serial == "" {
				continue
			}
			p.info.Trouble = token.ErrUninitialised
		}
		if p.info.Label == "" {
			p.info.Label = t.model
		}
		for _, further := range []string{"", p.info.Label, strconv.FormatUint(slot, 10)} {
			p.info.Serial = strings.Trim(t.serial+"/"+further, "/")
			if p.info.Serial != "" && !taken[p.info.Serial] {
				break
			}
		}
		taken[p.info.Serial] = true
		all = append(all, p)
	}
	return all, nil
}

// slots are the numbers of the slots with tokens.
func (m *Module) slots() ([]uint64, error) {
	const present = 1
	for range 3 { // one may be plugged in between the two questions
		var n uint64
		if err := m.call("C_GetSlotList", native.Word(present), native.ULongs(nil), native.ULong(&n)); err != nil {
			return nil, err
		}
		if n > maxSlots {
			return nil, wrong("C_GetSlotList", fmt.Sprintf("%d slots", n))
		}
		if n == 0 {
			return nil, nil
		}
		room := n
		list := make([]uint64, room)
		err := m.call("C_GetSlotList", native.Word(present), native.ULongs(list), native.ULong(&n))
		if answers(err, bufferTooSmall) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n > room {
			return nil, wrong("C_GetSlotList", fmt.Sprintf("%d slots in room for %d", n, room))
		}
		return list[:n], nil
	}
	return nil, wrong("C_GetSlotList", bufferTooSmall.String())
}

func (m *Module) token(slot uint64) (tokenInfo, error) {
	b := make([]byte, tokenInfoSize(m.profile.ULong))
	err := m.call("C_GetTokenInfo", native.Word(slot), native.Out(b))
	return parseTokenInfo(b, m.profile.ULong), err
}
