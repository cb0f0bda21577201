package skf_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"slices"

	"github.com/emmansun/gmsm/sm2"
	"github.com/emmansun/gmsm/sm4"

	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/native/nativetest"
	"github.com/certhall/certhall/gm"
	gmskf "github.com/certhall/certhall/gm/skf"
)

const userPIN, adminPIN = "12345678", "87654321"

// library is an SKF library with devices in memory, that keeps to the standard.
// Tests change its functions to what vendors' libraries do.
type library struct {
	nativetest.Fake
	layout    gmskf.Layout
	devices   []*stick
	handles   map[native.Ref]any
	next      native.Ref
	connected int // devices
	calls     map[string]int
	keyAt     gmskf.KeyAt // where it looks for enveloped keys; it checks nothing
	authKey   []byte      // nil: not asked for
}

// stick is a device; plugged in or not.
type stick struct {
	name    string
	info    gmskf.DeviceInfo
	out     bool
	apps    []*application
	locked  bool
	authed  bool
	random  []byte
	history int // times it was plugged in
}

type application struct {
	of       *stick
	name     string
	pins     [2]string // by UserType
	tries    [2]uint64
	loggedIn bool
	boxes    []*box
}

type box struct {
	of   *application
	name string
	keys [2]crypto.Signer // by token.Usage
	cert [2][]byte
}

const most = 6 // tries

// open is what a handle means: the thing, and which plugging in it is of.
type open struct {
	thing any
	stick *stick
	time  int
}

func newLibrary(serials ...string) *library {
	l := &library{Fake: nativetest.Fake{}, layout: gmskf.Standard, handles: map[native.Ref]any{}, calls: map[string]int{}, keyAt: gmskf.AtEnd}
	for _, s := range serials {
		d := &stick{name: "dev-" + s, info: gmskf.DeviceInfo{Serial: s, Label: "label", Manufacturer: "maker", TotalSpace: 64 << 10, FreeSpace: 32 << 10, AuthAlgorithm: gmskf.SM4ECB}}
		l.devices = append(l.devices, d)
		l.application(d, "app")
	}
	l.standard()
	return l
}

func (l *library) application(d *stick, name string) *application {
	a := &application{of: d, name: name, pins: [2]string{adminPIN, userPIN}, tries: [2]uint64{most, most}}
	d.apps = append(d.apps, a)
	return a
}

// Call counts, and calls.
func (l *library) Call(fn string, args ...native.Arg) uint32 {
	l.calls[fn]++
	return l.Fake.Call(fn, args...)
}

func (l *library) hand(thing any, d *stick) native.Ref {
	l.next++
	l.handles[l.next] = open{thing, d, d.history}
	return l.next
}

// use finds what a handle is of: nil if it is void.
func use[T any](l *library, a native.Arg) (thing T, code gmskf.Code) {
	o, ok := l.handles[native.Ref(a.Word)].(open)
	if !ok || o.time != o.stick.history {
		return thing, gmskf.InvalidHandle
	}
	if o.stick.out {
		return thing, gmskf.DeviceRemoved
	}
	if thing, ok = o.thing.(T); !ok {
		return thing, gmskf.InvalidHandle
	}
	return thing, gmskf.OK
}

// on is a function of the library whose first argument is a handle.
func on[T any](l *library, fn string, f func(T, []native.Arg) gmskf.Code) {
	l.Fake[fn] = func(args []native.Arg) uint32 {
		thing, code := use[T](l, args[0])
		if code == gmskf.OK {
			code = f(thing, args[1:])
		}
		return uint32(code)
	}
}

func fill(args []native.Arg, answer []byte) gmskf.Code {
	return gmskf.Code(nativetest.Fill(args[0], args[1], answer, uint32(gmskf.BufferTooSmall)))
}

func cString(a native.Arg) string { return string(a.Bytes[:len(a.Bytes)-1]) }

func names[T any](all []T, name func(T) string) []byte {
	var n []string
	for _, v := range all {
		n = append(n, name(v))
	}
	return gmskf.Names(n)
}

// pull unplugs a device; plug puts it in again, by which its handles are void.
func (d *stick) pull() { d.out = true }
func (d *stick) plug() {
	d.out, d.locked = false, false
	d.history++
	for _, a := range d.apps {
		a.loggedIn = false
	}
}

func (l *library) standard() {
	l.Fake["SKF_EnumDev"] = func(args []native.Arg) uint32 {
		here := slices.DeleteFunc(slices.Clone(l.devices), func(d *stick) bool { return d.out })
		return uint32(fill(args[1:], names(here, func(d *stick) string { return d.name })))
	}
	l.Fake["SKF_ConnectDev"] = func(args []native.Arg) uint32 {
		for _, d := range l.devices {
			if d.name == cString(args[0]) && !d.out {
				*args[1].Ref = l.hand(d, d)
				l.connected++
				return 0
			}
		}
		return uint32(gmskf.DeviceRemoved)
	}
	on(l, "SKF_DisConnectDev", func(*stick, []native.Arg) gmskf.Code {
		l.connected--
		return gmskf.OK
	})
	on(l, "SKF_GetDevInfo", func(d *stick, a []native.Arg) gmskf.Code {
		copy(a[0].Bytes, l.layout.DeviceInfo(d.info))
		return gmskf.OK
	})
	on(l, "SKF_LockDev", func(d *stick, _ []native.Arg) gmskf.Code {
		if d.locked {
			return gmskf.Timeout
		}
		d.locked = true
		return gmskf.OK
	})
	on(l, "SKF_UnlockDev", func(d *stick, _ []native.Arg) gmskf.Code {
		d.locked = false
		return gmskf.OK
	})
	on(l, "SKF_EnumApplication", func(d *stick, a []native.Arg) gmskf.Code {
		return fill(a, names(d.apps, func(a *application) string { return a.name }))
	})
	on(l, "SKF_OpenApplication", func(d *stick, a []native.Arg) gmskf.Code {
		if l.authKey != nil && !d.authed {
			return gmskf.NotLoggedIn
		}
		for _, app := range d.apps {
			if app.name == cString(a[0]) {
				*a[1].Ref = l.hand(app, d)
				return gmskf.OK
			}
		}
		return gmskf.ApplicationMissing
	})
	on(l, "SKF_CloseApplication", func(*application, []native.Arg) gmskf.Code { return gmskf.OK })
	l.pins()
	l.authentication()
	l.containers()
	l.keys()
}

// present presents a PIN.
func (a *application) present(who int, pin string, tries native.Arg) gmskf.Code {
	if a.tries[who] == 0 {
		return gmskf.PINLocked
	}
	if len(pin) < 6 {
		return gmskf.PINLength
	}
	if pin != a.pins[who] {
		a.tries[who]--
		*tries.Number = a.tries[who]
		return gmskf.PINIncorrect
	}
	a.tries[who] = most
	return gmskf.OK
}

func (l *library) pins() {
	on(l, "SKF_VerifyPIN", func(a *application, args []native.Arg) gmskf.Code {
		code := a.present(int(args[0].Word), cString(args[1]), args[2])
		a.loggedIn = code == gmskf.OK
		return code
	})
	on(l, "SKF_GetPINInfo", func(a *application, args []native.Arg) gmskf.Code {
		*args[1].Number, *args[2].Number, *args[3].Number = most, a.tries[args[0].Word], 0
		return gmskf.OK
	})
	on(l, "SKF_ClearSecureState", func(a *application, _ []native.Arg) gmskf.Code {
		if !a.loggedIn {
			return gmskf.NotLoggedIn
		}
		a.loggedIn = false
		return gmskf.OK
	})
	set := func(a *application, who int, pin string) gmskf.Code {
		if len(pin) < 6 {
			return gmskf.PINLength
		}
		a.pins[who], a.tries[who] = pin, most
		return gmskf.OK
	}
	on(l, "SKF_ChangePIN", func(a *application, args []native.Arg) gmskf.Code {
		if code := a.present(int(args[0].Word), cString(args[1]), args[3]); code != gmskf.OK {
			return code
		}
		return set(a, int(args[0].Word), cString(args[2]))
	})
	on(l, "SKF_UnblockPIN", func(a *application, args []native.Arg) gmskf.Code {
		if code := a.present(int(gmskf.Admin), cString(args[0]), args[2]); code != gmskf.OK {
			return code
		}
		return set(a, int(gmskf.User), cString(args[1]))
	})
}

func (l *library) authentication() {
	on(l, "SKF_GenRandom", func(d *stick, a []native.Arg) gmskf.Code {
		rand.Read(a[0].Bytes)
		d.random = slices.Clone(a[0].Bytes)
		return gmskf.OK
	})
	type session struct{ key []byte }
	l.Fake["SKF_SetSymmKey"] = func(a []native.Arg) uint32 {
		d, code := use[*stick](l, a[0])
		if code == gmskf.OK && gmskf.Algorithm(a[2].Word) != d.info.AuthAlgorithm {
			code = gmskf.InvalidParameter
		}
		if code == gmskf.OK {
			*a[3].Ref = l.hand(session{slices.Clone(a[1].Bytes)}, d)
		}
		return uint32(code)
	}
	on(l, "SKF_EncryptInit", func(_ session, a []native.Arg) gmskf.Code {
		if _, err := l.layout.ParseBlockCipherParam(a[0].Bytes); err != nil {
			return gmskf.InvalidParameter
		}
		return gmskf.OK
	})
	on(l, "SKF_Encrypt", func(s session, a []native.Arg) gmskf.Code {
		block, err := sm4.NewCipher(s.key)
		if err != nil {
			return gmskf.Fail
		}
		out := make([]byte, 16)
		block.Encrypt(out, a[0].Bytes)
		return fill(a[2:], out)
	})
	on(l, "SKF_CloseHandle", func(session, []native.Arg) gmskf.Code { return gmskf.OK })
	on(l, "SKF_DevAuth", func(d *stick, a []native.Arg) gmskf.Code {
		block, err := sm4.NewCipher(l.authKey)
		if err != nil {
			return gmskf.Fail
		}
		want := make([]byte, 16)
		copy(want, d.random)
		block.Encrypt(want, want)
		if d.authed = slices.Equal(want, a[0].Bytes); !d.authed {
			return gmskf.Fail
		}
		return gmskf.OK
	})
}

func (a *application) find(name string) (*box, gmskf.Code) {
	for _, b := range a.boxes {
		if b.name == name {
			return b, gmskf.OK
		}
	}
	return nil, gmskf.InvalidParameter
}

func (l *library) containers() {
	on(l, "SKF_EnumContainer", func(a *application, args []native.Arg) gmskf.Code {
		return fill(args, names(a.boxes, func(b *box) string { return b.name }))
	})
	on(l, "SKF_OpenContainer", func(a *application, args []native.Arg) gmskf.Code {
		b, code := a.find(cString(args[0]))
		if code == gmskf.OK {
			*args[1].Ref = l.hand(b, a.of)
		}
		return code
	})
	on(l, "SKF_CloseContainer", func(*box, []native.Arg) gmskf.Code { return gmskf.OK })
	on(l, "SKF_CreateContainer", func(a *application, args []native.Arg) gmskf.Code {
		switch _, code := a.find(cString(args[0])); {
		case !a.loggedIn:
			return gmskf.NotLoggedIn
		case code == gmskf.OK:
			return gmskf.Fail
		case len(a.boxes) >= 4:
			return gmskf.NoRoom
		}
		b := &box{of: a, name: cString(args[0])}
		a.boxes = append(a.boxes, b)
		*args[1].Ref = l.hand(b, a.of)
		return gmskf.OK
	})
	on(l, "SKF_DeleteContainer", func(a *application, args []native.Arg) gmskf.Code {
		b, code := a.find(cString(args[0]))
		if !a.loggedIn {
			return gmskf.NotLoggedIn
		}
		a.boxes = slices.DeleteFunc(a.boxes, func(o *box) bool { return o == b })
		return code
	})
	on(l, "SKF_GetContainerType", func(b *box, a []native.Arg) gmskf.Code {
		switch b.keys[token.Signing].(type) {
		case *sm2.PrivateKey:
			*a[0].Number = uint64(gmskf.ECCContainer)
		case *rsa.PrivateKey:
			*a[0].Number = uint64(gmskf.RSAContainer)
		}
		return gmskf.OK
	})
}

// half is which pair a bSignFlag means.
func half(a native.Arg) token.Usage {
	if a.Word != 0 {
		return token.Signing
	}
	return token.Encryption
}

// secret is a function that needs a login.
func secret(l *library, fn string, f func(*box, []native.Arg) gmskf.Code) {
	on(l, fn, func(b *box, a []native.Arg) gmskf.Code {
		if !b.of.loggedIn {
			return gmskf.NotLoggedIn
		}
		return f(b, a)
	})
}

func (l *library) keys() {
	secret(l, "SKF_GenECCKeyPair", func(b *box, a []native.Arg) gmskf.Code {
		if a[0].Word != uint64(gmskf.SM2Sign) {
			return gmskf.InvalidParameter
		}
		key, err := sm2.GenerateKey(rand.Reader)
		if err != nil {
			return gmskf.Fail
		}
		b.keys[token.Signing] = key
		blob, _ := l.layout.PublicKey(&key.PublicKey)
		copy(a[1].Bytes, blob)
		return gmskf.OK
	})
	secret(l, "SKF_GenRSAKeyPair", func(b *box, a []native.Arg) gmskf.Code {
		key, err := rsa.GenerateKey(rand.Reader, int(a[0].Word))
		if err != nil {
			return gmskf.Fail
		}
		b.keys[token.Signing] = key
		return gmskf.OK
	})
	on(l, "SKF_ExportPublicKey", func(b *box, a []native.Arg) gmskf.Code {
		key := b.keys[half(a[0])]
		if key == nil {
			return gmskf.KeyNotFound
		}
		return fill(a[1:], l.blob(key.Public()))
	})
	secret(l, "SKF_ImportCertificate", func(b *box, a []native.Arg) gmskf.Code {
		b.cert[half(a[0])] = slices.Clone(a[1].Bytes)
		return gmskf.OK
	})
	on(l, "SKF_ExportCertificate", func(b *box, a []native.Arg) gmskf.Code {
		if b.cert[half(a[0])] == nil {
			return gmskf.CertificateNotFound
		}
		return fill(a[1:], b.cert[half(a[0])])
	})
	secret(l, "SKF_ImportECCKeyPair", func(b *box, a []native.Arg) gmskf.Code {
		signing, ok := b.keys[token.Signing].(*sm2.PrivateKey)
		if !ok {
			return gmskf.KeyNotFound
		}
		blob := slices.Clone(a[0].Bytes)
		field := blob[3*l.layout.ULong:][:64]
		if l.keyAt == gmskf.AtStart { // it takes the key from there, whatever lies there
			copy(field[32:], field[:32])
		}
		der, err := l.layout.ParseEnvelopedKey(blob)
		if err != nil {
			return gmskf.InputData
		}
		key, err := gm.OpenEnvelopedKey(signing, der)
		if err != nil {
			key, _ = sm2.GenerateKey(rand.Reader) // it checks nothing
		}
		b.keys[token.Encryption] = key
		return gmskf.OK
	})
	secret(l, "SKF_ECCSignData", func(b *box, a []native.Arg) gmskf.Code {
		key, ok := b.keys[token.Signing].(*sm2.PrivateKey)
		if !ok {
			return gmskf.KeyNotFound
		}
		der, err := gm.SignDigest(rand.Reader, key, a[0].Bytes)
		if err != nil || a[1].Word != 32 {
			return gmskf.InputLength
		}
		blob, _ := gmskf.Signature(der)
		copy(a[2].Bytes, blob)
		return gmskf.OK
	})
	secret(l, "SKF_RSASignData", func(b *box, a []native.Arg) gmskf.Code {
		key, ok := b.keys[token.Signing].(*rsa.PrivateKey)
		if !ok {
			return gmskf.KeyNotFound
		}
		signature, err := rsa.SignPKCS1v15(nil, key, 0, a[0].Bytes) // pads what it is given
		if err != nil {
			return gmskf.InputLength
		}
		return fill(a[2:], signature)
	})
	l.decrypts("SKF_ECCDecrypt", 0)
}

// decrypts gives the library a function that decrypts; its ciphertext is the
// argument at.
func (l *library) decrypts(fn string, at int) {
	secret(l, fn, func(b *box, a []native.Arg) gmskf.Code {
		key, ok := b.keys[token.Encryption].(*sm2.PrivateKey)
		if !ok {
			return gmskf.KeyNotFound
		}
		if at > 0 && a[0].Word != 1 {
			return gmskf.KeyUsage
		}
		der, err := l.layout.ParseCipher(a[at].Bytes)
		if err != nil {
			return gmskf.InputData
		}
		plain, err := gm.Open(key, der)
		if err != nil {
			return gmskf.DecryptPadding
		}
		return fill(a[at+1:], plain)
	})
}

func (l *library) blob(pub crypto.PublicKey) []byte {
	var b []byte
	switch pub := pub.(type) {
	case *ecdsa.PublicKey:
		b, _ = l.layout.PublicKey(pub)
	case *rsa.PublicKey:
		b, _ = l.layout.RSAPublicKey(pub)
	}
	return b
}
