package skf_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/emmansun/gmsm/sm2"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/desk/token"
	"github.com/certhall/certhall/desk/token/native"
	"github.com/certhall/certhall/desk/token/skf"
	"github.com/certhall/certhall/gm"
	gmskf "github.com/certhall/certhall/gm/skf"
)

var background = context.Background()

// module opens the library.
func (l *library) module(t *testing.T, p skf.Profile) *skf.Module {
	t.Helper()
	m, err := skf.Open(l, p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func open1(t *testing.T, m *skf.Module, serial string) token.Key {
	t.Helper()
	k, err := m.Open(background, serial)
	ok(t, err)
	return k
}

// session is a key of the first device, logged in.
func (l *library) session(t *testing.T, p skf.Profile) token.Key {
	t.Helper()
	k := open1(t, l.module(t, p), l.devices[0].info.Serial)
	if err := k.Login(background, userPIN); err != nil {
		t.Fatal(err)
	}
	return k
}

func create(t *testing.T, k token.Key, name string) token.Container {
	t.Helper()
	c, err := k.Create(background, name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func want(t *testing.T, err error, is *certhall.Error) {
	t.Helper()
	if !errors.Is(err, is) {
		t.Errorf("%v (%s), want %v", err, certhall.CauseText(err), is)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v (%s)", err, certhall.CauseText(err))
	}
}

// life is the whole life of a pair on the key: it is what has to work whatever
// a library's quirks are.
func life(t *testing.T, k token.Key) {
	t.Helper()
	c := create(t, k, "CH-life")
	for _, u := range []token.Usage{token.Signing, token.Encryption} {
		_, err := c.PublicKey(background, u)
		want(t, err, token.ErrNoKey)
		_, err = c.Certificate(background, u)
		want(t, err, token.ErrNoCertificate)
	}
	_, err := c.Decrypt(background, []byte("x"))
	want(t, err, token.ErrNoKey)
	_, err = c.Sign(background, []byte("x"))
	want(t, err, token.ErrNoKey)

	pub, err := c.GenerateSigningKey(background, gm.SM2)
	ok(t, err)
	signing := pub.(*ecdsa.PublicKey)
	_, err = c.GenerateSigningKey(background, gm.SM2)
	want(t, err, token.ErrContainerExists)
	message := []byte("a message")
	signature, err := c.Sign(background, message)
	ok(t, err)
	ok(t, gm.Verify(signing, message, signature))

	enc, err := sm2.GenerateKey(rand.Reader)
	ok(t, err)
	envelope, err := gm.EnvelopeKey(rand.Reader, signing, enc)
	ok(t, err)
	ok(t, c.ImportEncryptionKey(background, envelope))
	lies, err := c.PublicKey(background, token.Encryption)
	ok(t, err)
	if !gm.SameKey(lies, &enc.PublicKey) {
		t.Error("another encryption key lies there")
	}
	sealed, err := gm.Seal(rand.Reader, &enc.PublicKey, []byte("nonce"))
	ok(t, err)
	if plain, err := c.Decrypt(background, sealed); !errors.Is(err, token.ErrUntestable) && (err != nil || string(plain) != "nonce") {
		t.Errorf("decrypts to %q, %v", plain, err)
	}
	for u, der := range map[token.Usage][]byte{token.Signing: bytes.Repeat([]byte("s"), 1200), token.Encryption: append([]byte{0x30, 0x82, 0x04, 0x00}, bytes.Repeat([]byte("e"), 1024)...)} {
		ok(t, c.ImportCertificate(background, u, der))
		back, err := c.Certificate(background, u)
		ok(t, err)
		if !bytes.Equal(back, der) {
			t.Errorf("certificate of %d bytes, want %d", len(back), len(der))
		}
	}
	listed, err := k.Containers(background)
	ok(t, err)
	if !slices.Equal(listed, []string{"CH-life"}) {
		t.Errorf("containers %q", listed)
	}
	_, err = k.Create(background, "CH-life")
	want(t, err, token.ErrContainerExists)
	ok(t, k.Delete(background, "CH-life"))
	want(t, k.Delete(background, "CH-life"), token.ErrNoContainer)
	_, err = k.Container(background, "CH-life")
	want(t, err, token.ErrNoContainer)
	_, err = c.PublicKey(background, token.Signing)
	want(t, err, token.ErrNoContainer)
}

// replace changes one function of a library and gets at what it was before.
func (l *library) replace(fn string, f func(before func([]native.Arg) uint32, a []native.Arg) uint32) {
	before := l.Fake[fn]
	l.Fake[fn] = func(a []native.Arg) uint32 { return f(before, a) }
}

// answers makes a function answer another code where it answers one.
func (l *library) answers(fn string, from, to gmskf.Code) {
	l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
		if code := before(a); code != uint32(from) {
			return code
		}
		return uint32(to)
	})
}

// TestQuirks: what vendors' libraries do in their own ways; with each, a pair
// lives its whole life.
func TestQuirks(t *testing.T) {
	sizes := []string{"SKF_EnumDev", "SKF_EnumApplication", "SKF_EnumContainer", "SKF_ExportPublicKey", "SKF_ExportCertificate"}
	quirks := map[string]struct {
		profile skf.Profile
		library func(*library)
		after   func(*testing.T, *library)
	}{
		"the standard": {},
		"SGD_SM2_1 as printed": {
			library: func(l *library) {
				l.replace("SKF_GenECCKeyPair", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
					if a[1].Word != uint64(gmskf.SM2SignPrinted) {
						return uint32(gmskf.KeyUsage)
					}
					a[1].Word = uint64(gmskf.SM2Sign)
					return before(a)
				})
			},
			after: func(t *testing.T, l *library) {
				if l.calls["SKF_GenECCKeyPair"] != 2 {
					t.Errorf("%d calls", l.calls["SKF_GenECCKeyPair"])
				}
			},
		},
		"SGD_SM2_1 by profile": {
			profile: skf.Profile{SM2: 0x20800},
			library: func(l *library) {
				l.replace("SKF_GenECCKeyPair", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
					if a[1].Word != 0x20800 {
						return uint32(gmskf.Fail)
					}
					a[1].Word = uint64(gmskf.SM2Sign)
					return before(a)
				})
			},
		},
		"ULONG of 8 bytes": {library: func(l *library) { l.layout = gmskf.Layout{ULong: 8} }},
		"ULONG of 8 bytes, aligned": {
			library: func(l *library) { l.layout = gmskf.Layout{ULong: 8, Aligned: true} },
		},
		"ULONG of 8 bytes, DEVINFO without what is reserved": {
			library: func(l *library) {
				l.layout = gmskf.Layout{ULong: 8}
				on(l, "SKF_GetDevInfo", func(d *stick, a []native.Arg) gmskf.Code {
					b := l.layout.DeviceInfo(d.info)
					copy(a[0].Bytes, b[:len(b)-64])
					return gmskf.OK
				})
			},
		},
		"ULONG of 8 bytes by profile": {profile: skf.Profile{ULong: 8}, library: func(l *library) { l.layout = gmskf.Layout{ULong: 8} }},
		"aligned":                     {library: func(l *library) { l.layout = gmskf.Layout{ULong: 4, Aligned: true} }},
		"no sizes without a buffer": {library: func(l *library) {
			for _, fn := range sizes {
				l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
					if a[len(a)-2].Bytes == nil {
						return uint32(gmskf.InvalidParameter)
					}
					return before(a)
				})
			}
		}},
		"asked for the size, it says that the buffer is too small": {library: func(l *library) {
			for _, fn := range sizes {
				l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
					code := before(a)
					if code == 0 && a[len(a)-2].Bytes == nil {
						return uint32(gmskf.BufferTooSmall)
					}
					return code
				})
			}
		}},
		"too short a size, and it writes more": {library: func(l *library) {
			for _, fn := range sizes {
				l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
					code := before(a)
					if n := a[len(a)-1].Number; code == 0 && a[len(a)-2].Bytes == nil && *n > 4 {
						*n -= 4
					}
					return code
				})
			}
		}},
		"no length afterwards": {library: func(l *library) {
			for _, fn := range []string{"SKF_EnumDev", "SKF_EnumApplication", "SKF_EnumContainer", "SKF_ECCDecrypt"} {
				l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
					code := before(a)
					*a[len(a)-1].Number = 0
					return code
				})
			}
		}},
		"the buffer's length afterwards": {library: func(l *library) {
			l.replace("SKF_ExportPublicKey", longer)
			l.replace("SKF_ECCDecrypt", longer)
			l.replace("SKF_EnumContainer", longer)
		}},
		"lists end with one NUL": {library: func(l *library) {
			for _, fn := range sizes[:3] {
				l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
					code := before(a)
					if n := a[len(a)-1].Number; *n > 2 {
						*n--
					}
					return code
				})
			}
		}},
		"no key is a failure": {library: func(l *library) {
			l.answers("SKF_ExportPublicKey", gmskf.KeyNotFound, gmskf.Fail)
			l.answers("SKF_ExportCertificate", gmskf.CertificateNotFound, gmskf.ReadFileError)
		}},
		"no key is a failure, and types are not told": {library: func(l *library) {
			l.answers("SKF_ExportPublicKey", gmskf.KeyNotFound, gmskf.ObjectError)
			delete(l.Fake, "SKF_GetContainerType")
		}},
		"no key is zeros": {library: func(l *library) {
			l.replace("SKF_ExportPublicKey", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
				code := before(a)
				if code == uint32(gmskf.KeyNotFound) {
					return uint32(fill(a[2:], append([]byte{0, 1, 0, 0}, make([]byte, 128)...)))
				}
				return code
			})
			l.replace("SKF_ExportCertificate", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
				code := before(a)
				if code == uint32(gmskf.CertificateNotFound) {
					*a[3].Number = 0
					return 0
				}
				return code
			})
		}},
		"the type is always ECC": {library: func(l *library) {
			on(l, "SKF_GetContainerType", func(_ *box, a []native.Arg) gmskf.Code { *a[0].Number = 2; return 0 })
		}},
		"the type is always empty": {library: func(l *library) {
			on(l, "SKF_GetContainerType", func(*box, []native.Arg) gmskf.Code { return 0 })
		}},
		"coordinates at the beginning": {library: func(l *library) {
			l.replace("SKF_ExportPublicKey", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
				code := before(a)
				if b := a[2].Bytes; code == 0 && b != nil {
					for _, f := range [][]byte{b[4:68], b[68:132]} {
						copy(f, f[32:])
						clear(f[32:])
					}
				}
				return code
			})
		}},
		"certificates with a tail": {library: func(l *library) {
			l.replace("SKF_ExportCertificate", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
				code := before(a)
				if b := a[2].Bytes; code == 0 && b != nil && b[0] == 0x30 {
					*a[3].Number += 7
				}
				return code
			})
		}},
		"enveloped keys at the beginning of the field": {library: func(l *library) { l.keyAt = gmskf.AtStart }},
		"enveloped keys at the beginning, and it does not decrypt": {library: func(l *library) {
			l.keyAt = gmskf.AtStart
			delete(l.Fake, "SKF_ECCDecrypt")
		}},
		"enveloped keys at the beginning, others refused": {library: func(l *library) {
			l.keyAt = gmskf.AtStart
			l.replace("SKF_ImportECCKeyPair", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
				if zeros(a[1].Bytes[12:44]) {
					return uint32(gmskf.InputData)
				}
				return before(a)
			})
		}},
		"enveloped keys at the beginning, and the public key as it was told": {library: func(l *library) {
			l.keyAt = gmskf.AtStart
			var told []byte
			l.replace("SKF_ImportECCKeyPair", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
				told = slices.Clone(a[1].Bytes[76:208])
				return before(a)
			})
			l.replace("SKF_ExportPublicKey", func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
				code := before(a)
				if code == 0 && a[1].Word == 0 && a[2].Bytes != nil {
					copy(a[2].Bytes, told)
				}
				return code
			})
		}},
		"decrypts by SKF_ECCPrvKeyDecrypt": {library: func(l *library) {
			delete(l.Fake, "SKF_ECCDecrypt")
			l.decrypts("SKF_ECCPrvKeyDecrypt", 0)
		}},
		"SKF_ECCDecrypt is there and not supported": {library: func(l *library) {
			l.Fake["SKF_ECCDecrypt"] = func([]native.Arg) uint32 { return uint32(gmskf.NotSupported) }
			l.decrypts("V_ECCPrvKeyDecrypt", 1)
		}},
		"SKF_ECCDecrypt takes other arguments": {library: func(l *library) {
			l.Fake["SKF_ECCDecrypt"] = func([]native.Arg) uint32 { return uint32(gmskf.InvalidParameter) }
			l.decrypts("SKF_ECCPrvKeyDecrypt", 0)
		}},
		"SKF_ECCDecrypt decrypts by the signing key": {library: func(l *library) {
			l.Fake["SKF_ECCDecrypt"] = func(a []native.Arg) uint32 { return uint32(fill(a[2:], make([]byte, 16))) }
			l.decrypts("SKF_ECCPrvKeyDecrypt", 0)
		}},
		"decrypts by a function of its own": {
			profile: skf.Profile{Decrypt: "V_MakersDecrypt"},
			library: func(l *library) {
				delete(l.Fake, "SKF_ECCDecrypt")
				l.decrypts("V_MakersDecrypt", 1)
			},
		},
		"does not decrypt": {library: func(l *library) { delete(l.Fake, "SKF_ECCDecrypt") }},
		"may not be asked to decrypt": {
			profile: skf.Profile{Decrypt: "none"},
			after: func(t *testing.T, l *library) {
				if l.calls["SKF_ECCDecrypt"] != 0 {
					t.Error("it was asked")
				}
			},
		},
		"nobody can lock it": {library: func(l *library) { delete(l.Fake, "SKF_LockDev") }},
		"locking is not supported": {library: func(l *library) {
			l.Fake["SKF_LockDev"] = func([]native.Arg) uint32 { return uint32(gmskf.NotSupported) }
		}},
		"locking does harm": {
			profile: skf.Profile{NoLock: true},
			library: func(l *library) { l.Fake["SKF_LockDev"] = func([]native.Arg) uint32 { return uint32(gmskf.Fail) } },
		},
		"device authentication": {
			profile: skf.Profile{AuthKey: strings.Repeat("00", 16)},
			library: func(l *library) { l.authKey = make([]byte, 16) },
		},
		"device authentication by an algorithm of its own": {
			profile: skf.Profile{AuthKey: strings.Repeat("41", 16), AuthAlgorithm: uint32(gmskf.SM1ECB)},
			library: func(l *library) {
				l.authKey = []byte(strings.Repeat("A", 16))
				l.devices[0].info.AuthAlgorithm = gmskf.SM1ECB
			},
		},
		"somebody else is logged in": {library: func(l *library) {
			on(l, "SKF_VerifyPIN", func(a *application, args []native.Arg) gmskf.Code {
				if a.loggedIn {
					return gmskf.AlreadyLoggedIn
				}
				code := a.present(int(args[0].Word), cString(args[1]), args[2])
				a.loggedIn = code == gmskf.OK
				return code
			})
			l.devices[0].apps[0].loggedIn = true
		}},
		"what was made is not told": {library: func(l *library) {
			for _, fn := range []string{"SKF_GenECCKeyPair", "SKF_CreateContainer", "SKF_DeleteContainer"} {
				l.replace(fn, func(before func([]native.Arg) uint32, a []native.Arg) uint32 {
					if code := before(a); code != 0 {
						return code
					}
					return uint32(gmskf.UnknownError)
				})
			}
		}},
		"codes of its own": {
			profile: skf.Profile{Codes: map[string]string{"0x0B000035": "0x0A00001B"}},
			library: func(l *library) {
				l.answers("SKF_ExportPublicKey", gmskf.KeyNotFound, 0x0B000035)
			},
		},
		"names in GBK": {
			library: func(l *library) { l.devices[0].info.Label = "\xd6\xa4\xca\xe9" },
			after: func(t *testing.T, l *library) {
				infos, err := l.module(t, skf.Profile{}).List(background)
				if ok(t, err); infos[0].Label != "证书" {
					t.Errorf("%+v", infos)
				}
			},
		},
		"a label that writes to the terminal": {
			library: func(l *library) { l.devices[0].info.Label = "\x1b[2Jkey\u202e" },
			after: func(t *testing.T, l *library) {
				infos, err := l.module(t, skf.Profile{}).List(background)
				if ok(t, err); infos[0].Label != `\x1b[2Jkey\u202e` {
					t.Errorf("%q", infos[0].Label)
				}
			},
		},
		"handles are not heeded": {profile: skf.Profile{LastOnly: true}},
	}
	for name, q := range quirks {
		t.Run(name, func(t *testing.T) {
			l := newLibrary("SN1")
			if q.library != nil {
				q.library(l)
			}
			k := l.session(t, q.profile)
			life(t, k)
			ok(t, k.Close())
			if q.after != nil {
				q.after(t, l)
			}
		})
	}
}

func longer(before func([]native.Arg) uint32, a []native.Arg) uint32 {
	code := before(a)
	if b := a[len(a)-2].Bytes; code == 0 && b != nil {
		*a[len(a)-1].Number = uint64(len(b))
	}
	return code
}

func zeros(b []byte) bool { return bytes.Equal(b, make([]byte, len(b))) }
