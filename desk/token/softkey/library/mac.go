package library

import (
	"bytes"
	"crypto/cipher"
	"sync"

	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/gm/skf"
)

// authenticator is a message authentication code as it goes on: the last block
// of the message under SM4 in CBC mode.
type authenticator struct {
	key     Handle
	begin   func() cipher.BlockMode
	padding bool

	mu   sync.Mutex
	run  cipher.BlockMode
	held []byte
	last []byte
}

func (a *authenticator) under() Handle { return a.key }

// MacInit begins a code with a BLOCKCIPHERPARAM: its initial value, or zeros.
func (l *Library) MacInit(h Handle, param []byte) (Handle, error) {
	k, err := find[*sessionKey](l, h)
	if err != nil {
		return 0, err
	}
	p, err := standard.ParseBlockCipherParam(param)
	if err != nil || p.Padding > 1 {
		return 0, because(skf.InvalidParameter, err)
	}
	iv := make([]byte, sm4.BlockSize)
	if len(p.IV) != 0 && copy(iv, p.IV) != len(p.IV) {
		return 0, refuse(skf.InvalidParameter)
	}
	a := &authenticator{key: h, begin: func() cipher.BlockMode { return cipher.NewCBCEncrypter(k.block, iv) }, padding: p.Padding == 1}
	a.restart()
	return l.add(a)
}

func (a *authenticator) restart() { a.run, a.held, a.last = a.begin(), nil, nil }

// write goes on with more of the message.
func (a *authenticator) write(data []byte) {
	all := append(a.held, data...)
	whole := len(all) - len(all)%sm4.BlockSize
	if whole > 0 {
		code := make([]byte, whole)
		a.run.CryptBlocks(code, all[:whole])
		a.last = code[whole-sm4.BlockSize:]
	}
	a.held = bytes.Clone(all[whole:])
}

// Mac makes the code of a whole message, as MacUpdate and MacFinal do together.
func (l *Library) Mac(h Handle, data []byte, out *Out) error {
	return l.authenticated(h, data, func(a *authenticator) error {
		length := len(a.held) + len(data)
		if !a.padding && (length%sm4.BlockSize != 0 || length == 0 && a.last == nil) {
			return refuse(skf.InputLength)
		}
		write, err := out.room(sm4.BlockSize)
		if !write {
			return err
		}
		a.write(data)
		if a.padding {
			n := sm4.BlockSize - len(a.held)
			a.write(bytes.Repeat([]byte{byte(n)}, n))
		}
		copy(out.Buffer, a.last)
		a.restart()
		return nil
	})
}

// MacUpdate goes on with more of a message.
func (l *Library) MacUpdate(h Handle, data []byte) error {
	return l.authenticated(h, data, func(a *authenticator) error {
		a.write(data)
		return nil
	})
}

// MacFinal gives the code; the next message begins anew.
func (l *Library) MacFinal(h Handle, out *Out) error { return l.Mac(h, nil, out) }

func (l *Library) authenticated(h Handle, data []byte, f func(*authenticator) error) error {
	if err := take(data); err != nil {
		return err
	}
	a, err := find[*authenticator](l, h)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return f(a)
}
