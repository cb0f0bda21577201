package library

import (
	"bytes"
	"crypto/cipher"

	gmcipher "github.com/emmansun/gmsm/cipher"
	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/gm/skf"
)

// stream is one encryption or decryption as it goes on.
type stream struct {
	begin   func() func(dst, src []byte) // a new run from the initial value
	run     func(dst, src []byte)        // whole blocks, or with stream modes anything
	unit    int                          // bytes that run takes a multiple of
	padding bool                         // PKCS #5
	held    []byte                       // came already, not yet run
	decrypt bool
}

// newStream reads a BLOCKCIPHERPARAM for a key.
func newStream(k *sessionKey, param []byte, decrypt bool) (*stream, error) {
	p, err := standard.ParseBlockCipherParam(param)
	if err != nil || p.Padding > 1 {
		return nil, because(skf.InvalidParameter, err)
	}
	iv := make([]byte, sm4.BlockSize)
	if mode(k.algorithm) != ecb {
		if len(p.IV) != len(iv) {
			return nil, refuse(skf.InvalidParameter)
		}
		copy(iv, p.IV)
	}
	s := &stream{unit: sm4.BlockSize, padding: p.Padding == 1, decrypt: decrypt}
	blocks := func(make func() cipher.BlockMode) {
		s.begin = func() func(dst, src []byte) { return make().CryptBlocks }
	}
	switch m := mode(k.algorithm); {
	case m == ecb && decrypt:
		blocks(func() cipher.BlockMode { return gmcipher.NewECBDecrypter(k.block) })
	case m == ecb:
		blocks(func() cipher.BlockMode { return gmcipher.NewECBEncrypter(k.block) })
	case m == cbc && decrypt:
		blocks(func() cipher.BlockMode { return cipher.NewCBCDecrypter(k.block, iv) })
	case m == cbc:
		blocks(func() cipher.BlockMode { return cipher.NewCBCEncrypter(k.block, iv) })
	case (m == cfb || m == ofb) && (p.FeedBits == 0 || p.FeedBits == 8*sm4.BlockSize) && !s.padding:
		s.unit = 1
		s.begin = func() func(dst, src []byte) { return feedback(k.block, iv, m == ofb, decrypt).XORKeyStream }
	default:
		return nil, refuse(skf.NotSupported)
	}
	s.restart()
	return s, nil
}

// feedback is CFB or OFB, which SKF has and Go calls deprecated for want of
// authentication.
func feedback(b cipher.Block, iv []byte, output, decrypt bool) cipher.Stream {
	switch {
	case output:
		//lint:ignore SA1019 SGD_SM4_OFB is this
		return cipher.NewOFB(b, iv)
	case decrypt:
		//lint:ignore SA1019 SGD_SM4_CFB is this
		return cipher.NewCFBDecrypter(b, iv)
	}
	//lint:ignore SA1019 SGD_SM4_CFB is this
	return cipher.NewCFBEncrypter(b, iv)
}

func (s *stream) restart() { s.run, s.held = s.begin(), nil }

// ready is how many bytes an update with n more gives out. The last block of a
// padded text is held back until the end.
func (s *stream) ready(n int) int {
	n += len(s.held)
	whole := n - n%s.unit
	if s.decrypt && s.padding && whole == n && n > 0 {
		whole -= s.unit
	}
	return whole
}

// update goes on with more data.
func (s *stream) update(data []byte, out *Out) error {
	n := s.ready(len(data))
	write, err := out.room(n)
	if !write {
		return err
	}
	all := append(bytes.Clone(s.held), data...)
	s.run(out.Buffer[:n], all[:n])
	s.held = all[n:]
	return nil
}

// finish ends what is going on, with the last of the data, and makes ready for
// a new run.
func (s *stream) finish(data []byte, out *Out) error {
	last := append(bytes.Clone(s.held), data...)
	switch {
	case s.padding && !s.decrypt:
		n := s.unit - len(last)%s.unit
		last = append(last, bytes.Repeat([]byte{byte(n)}, n)...)
	case len(last)%s.unit != 0 || s.padding && len(last) == 0:
		return refuse(skf.InputLength)
	}
	if s.padding && s.decrypt && out.Buffer != nil {
		return s.unpad(last, len(data) > 0, out)
	}
	write, err := out.room(len(last))
	if write {
		s.run(out.Buffer[:len(last)], last)
		s.restart()
	}
	return err
}

// unpad decrypts the last blocks and takes the padding off: only now it shows
// how long the text is. After a buffer that is too small the call may be made
// again: again tells that the data then comes again too.
func (s *stream) unpad(last []byte, again bool, out *Out) error {
	plain := make([]byte, len(last))
	s.run(plain, last)
	n := int(plain[len(plain)-1])
	if n == 0 || n > s.unit || !bytes.Equal(plain[len(plain)-n:], bytes.Repeat([]byte{byte(n)}, n)) {
		s.restart()
		return refuse(skf.DecryptPadding)
	}
	err := out.put(plain[:len(plain)-n])
	if err == nil || again {
		s.restart()
	} else {
		s.run = func(dst, _ []byte) { copy(dst, plain) }
	}
	return err
}

// crypt lets f have one of a key's streams: NotInitialized if none was begun.
func (l *Library) crypt(h Handle, decrypt bool, f func(*stream) error) error {
	k, err := find[*sessionKey](l, h)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.encrypts
	if decrypt {
		s = k.decrypts
	}
	if s == nil {
		return refuse(skf.NotInitialized)
	}
	return f(s)
}

// begin sets one of a key's streams.
func (l *Library) begin(h Handle, param []byte, decrypt bool) error {
	k, err := find[*sessionKey](l, h)
	if err != nil {
		return err
	}
	s, err := newStream(k, param, decrypt)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if decrypt {
		k.decrypts = s
	} else {
		k.encrypts = s
	}
	return nil
}

// EncryptInit begins with a BLOCKCIPHERPARAM. It holds for all that follows:
// after the end of one text the next begins from the same initial value.
func (l *Library) EncryptInit(h Handle, param []byte) error { return l.begin(h, param, false) }

// Encrypt encrypts a whole text, as EncryptUpdate and EncryptFinal do together.
func (l *Library) Encrypt(h Handle, data []byte, out *Out) error { return l.whole(h, false, data, out) }

// EncryptUpdate goes on with more of a text.
func (l *Library) EncryptUpdate(h Handle, data []byte, out *Out) error {
	return l.more(h, false, data, out)
}

// EncryptFinal gives what is left.
func (l *Library) EncryptFinal(h Handle, out *Out) error { return l.whole(h, false, nil, out) }

// DecryptInit is EncryptInit for decryption.
func (l *Library) DecryptInit(h Handle, param []byte) error { return l.begin(h, param, true) }

// Decrypt decrypts a whole text.
func (l *Library) Decrypt(h Handle, data []byte, out *Out) error { return l.whole(h, true, data, out) }

// DecryptUpdate goes on with more of a text.
func (l *Library) DecryptUpdate(h Handle, data []byte, out *Out) error {
	return l.more(h, true, data, out)
}

// DecryptFinal gives what is left.
func (l *Library) DecryptFinal(h Handle, out *Out) error { return l.whole(h, true, nil, out) }

func (l *Library) more(h Handle, decrypt bool, data []byte, out *Out) error {
	if err := take(data); err != nil {
		return err
	}
	return l.crypt(h, decrypt, func(s *stream) error { return s.update(data, out) })
}

func (l *Library) whole(h Handle, decrypt bool, data []byte, out *Out) error {
	if err := take(data); err != nil {
		return err
	}
	return l.crypt(h, decrypt, func(s *stream) error { return s.finish(data, out) })
}
