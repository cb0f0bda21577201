package accounts_test

import (
	"errors"
	"testing"
	"time"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/hall/nonce"
	"github.com/certhall/certhall/proof"
)

// toSign is what a key signs, with a fresh nonce.
func (w world) toSign(k key) proof.Login {
	w.Helper()
	n, err := w.LoginNonce(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	return proof.Login{Authority: n.Authority, Serial: k.serial(), Origin: n.Origin, Nonce: n.Nonce}
}

// TestIdleAccounts: after half a year a phone alone does not tell who it is.
func TestIdleAccounts(t *testing.T) {
	for _, c := range []struct {
		name string
		away time.Duration // since the last log-in
		key  bool          // handles a lineage
		own  bool          // has a password of his own
		in   accounts.Login
		ways string // of login-idle; "-": let in
	}{
		{"not yet", accounts.IdleAfter - time.Second, true, true, accounts.Login{}, "-"},
		{"both ways", accounts.IdleAfter, true, true, accounts.Login{}, "password,key"},
		{"by key alone", accounts.IdleAfter, true, false, accounts.Login{}, "key"},
		{"by password alone", accounts.IdleAfter, false, true, accounts.Login{}, "password"},
		{"no way", accounts.IdleAfter, false, false, accounts.Login{}, ""},
		{"password with the code", accounts.IdleAfter, true, true, accounts.Login{Password: zhangsOwn}, "-"},
		{"the first password is none of his own", accounts.IdleAfter, true, false, accounts.Login{Password: firstZhang}, "key"},
		{"years", 10 * accounts.IdleAfter, true, false, accounts.Login{}, "key"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inMemory(t, func(w world) {
				if c.key {
					w.person(zhang, "l1")
				}
				if v := w.visitor(zhang); c.own {
					if _, err := w.SetPassword(w.Context(), v, "", zhangsOwn); err != nil {
						w.Fatal(err)
					}
				}
				w.clock.now = w.clock.now.Add(c.away)
				c.in.Name, c.in.Session, c.in.Code = zhang, "s", w.code("s", zhang)
				_, _, err := w.login(c.in)
				if c.ways == "-" {
					if err != nil {
						w.Error(err)
					}
					return
				}
				w.refused(err, accounts.ErrLoginIdle)
				if got := certhall.AsError(err).Params["ways"]; got != c.ways {
					w.Errorf("ways %q, want %q", got, c.ways)
				}
			})
		})
	}
}

// TestAnImportedPersonIsIdleToo who has never logged in.
func TestAnImportedPersonIsIdleToo(t *testing.T) {
	inMemory(t, func(w world) {
		w.person(zhang)
		w.clock.now = w.clock.now.Add(accounts.IdleAfter)
		_, _, err := w.login(accounts.Login{Name: zhang, Session: "s", Code: w.code("s", zhang)})
		w.refused(err, accounts.ErrLoginIdle)
		if _, _, err := w.login(accounts.Login{Name: stranger, Session: "t", Code: w.code("t", stranger)}); err != nil {
			w.Errorf("a person made this moment: %v", err)
		}
	})
}

// TestTheCodeIsNotAskedForAgain: what an idle account needs besides may follow.
func TestTheCodeIsNotAskedForAgain(t *testing.T) {
	inMemory(t, func(w world) {
		w.person(zhang, "l1")
		w.people()
		k := w.pairs.grant(t, "l1")
		for _, more := range []accounts.Login{{Password: zhangsOwn}, {Signed: nil}} {
			w.clock.now = w.clock.now.Add(accounts.IdleAfter)
			in := accounts.Login{Name: zhang, Session: "s", Code: w.code("s", zhang)}
			_, _, err := w.login(in)
			w.refused(err, accounts.ErrLoginIdle)
			if more.Password == "" {
				more.Signed = k.sign(w.toSign(k))
			}
			more.Name, more.Session = zhang, "s"
			s, _, err := w.login(more)
			if err != nil || w.visit(s).Person == "" {
				w.Fatalf("%+v: %v", more, err)
			}
			if proved, err := w.Proved(w.Context(), s, zhang); !proved || err != nil {
				w.Errorf("the phone was proved: %v, %v", proved, err)
			}
			if _, _, err := w.login(accounts.Login{Name: zhang, Session: "t", Password: zhangsOwn}); err != nil {
				w.Errorf("no longer idle: %v", err)
			}
		}
	})
}

// TestKeysThatLetIn: the current pair of a lineage that is the person's, and
// nothing else.
func TestKeysThatLetIn(t *testing.T) {
	other := proof.Opening{Authority: "a1", Origin: "https://hall.example", Nonce: make([]byte, proof.NonceLength)}
	for _, c := range []struct {
		name string
		sign func(w world, his, anothers key) []byte
		want *certhall.Error
	}{
		{"his", func(w world, his, _ key) []byte { return his.sign(w.toSign(his)) }, nil},
		{"his, expired", func(w world, his, _ key) []byte {
			w.pairs.views[0].Pair.NotAfter = w.clock.now.Add(-day)
			return his.sign(w.toSign(his))
		}, nil},
		{"superseded", func(w world, his, _ key) []byte {
			w.pairs.views[0].Pair.State = authority.Superseded
			return his.sign(w.toSign(his))
		}, accounts.ErrLoginKey},
		{"issued, not yet current", func(w world, his, _ key) []byte {
			w.pairs.views[0].Pair.State = authority.Issued
			return his.sign(w.toSign(his))
		}, accounts.ErrLoginKey},
		{"revoked", func(w world, his, _ key) []byte {
			w.pairs.views[0].Pair.State = authority.Revoked
			return his.sign(w.toSign(his))
		}, accounts.ErrLoginKey},
		{"suspended", func(w world, his, _ key) []byte {
			w.pairs.views[0].Pair.Suspended = true
			return his.sign(w.toSign(his))
		}, accounts.ErrLoginKey},
		{"another person's", func(w world, _, anothers key) []byte { return anothers.sign(w.toSign(anothers)) }, accounts.ErrLoginKey},
		{"his certificate, another's key", func(w world, his, anothers key) []byte {
			return key{his.cert, anothers.key}.sign(w.toSign(his))
		}, accounts.ErrLoginKey},
		{"by the encryption certificate's serial", func(w world, his, _ key) []byte {
			l := w.toSign(his)
			l.Serial += "ee"
			return his.sign(l)
		}, accounts.ErrLoginKey},
		{"unknown serial", func(w world, his, _ key) []byte {
			l := w.toSign(his)
			l.Serial = "7f"
			return his.sign(l)
		}, accounts.ErrLoginKey},
		{"another authority", func(w world, his, _ key) []byte {
			l := w.toSign(his)
			l.Authority = "b2"
			return his.sign(l)
		}, accounts.ErrLoginKey},
		{"another site", func(w world, his, _ key) []byte {
			l := w.toSign(his)
			l.Origin = "https://hall.example.net"
			return his.sign(l)
		}, accounts.ErrLoginOrigin},
		{"a nonce of nobody", func(w world, his, _ key) []byte {
			l := w.toSign(his)
			l.Nonce = make([]byte, proof.NonceLength)
			return his.sign(l)
		}, accounts.ErrLoginNonce},
		{"a nonce of an opening", func(w world, his, _ key) []byte {
			l := w.toSign(his)
			n, _, err := nonce.Maker{Purpose: "certhall/opening-nonce/1", Secret: w.Secret, Clock: w.clock, Random: w.Random}.New()
			if err != nil {
				w.Fatal(err)
			}
			l.Nonce = n
			return his.sign(l)
		}, accounts.ErrLoginNonce},
		{"too late", func(w world, his, _ key) []byte {
			l := w.toSign(his)
			w.clock.now = w.clock.now.Add(nonce.Life)
			return his.sign(l)
		}, accounts.ErrLoginNonce},
		{"another message", func(_ world, his, _ key) []byte { return his.sign(other) }, proof.ErrMalformed},
		{"no message", func(world, key, key) []byte { return []byte{1} }, proof.ErrMalformed},
		{"nobody's signature", func(w world, his, _ key) []byte {
			return proof.Encode(proof.Signed{Message: proof.Encode(w.toSign(his))})
		}, accounts.ErrLoginKey},
		{"an authority that does not answer", func(w world, his, _ key) []byte {
			w.pairs.fail = errors.New("connection lost")
			return his.sign(w.toSign(his))
		}, certhall.ErrInternal},
	} {
		t.Run(c.name, func(t *testing.T) {
			inMemory(t, func(w world) {
				w.person(zhang, "l1")
				w.person(li, "l2")
				his, anothers := w.pairs.grant(t, "l1"), w.pairs.grant(t, "l2")
				w.clock.now = w.clock.now.Add(accounts.IdleAfter)
				in := accounts.Login{Name: zhang, Session: "s", Code: w.code("s", zhang)}
				in.Signed = c.sign(w, his, anothers)
				s, _, err := w.login(in)
				if c.want == nil {
					if err != nil || w.visit(s).Person == "" {
						w.Error(err)
					}
					return
				}
				if !errors.Is(certhall.AsError(err), c.want) {
					w.Errorf("%v, want %s", err, c.want.Code)
				}
			})
		})
	}
}

// TestKeysOfEveryKind: single certificates of RSA and P-256 keys let in as pairs
// of SM2 keys do.
func TestKeysOfEveryKind(t *testing.T) {
	for _, a := range []gm.Algorithm{gm.SM2, gm.RSA, gm.ECDSA} {
		t.Run(a.String(), func(t *testing.T) {
			inMemory(t, func(w world) {
				w.person(zhang, "l1")
				his, anothers := w.pairs.grantOf(t, a, "l1"), w.pairs.grantOf(t, a, "l2")
				w.clock.now = w.clock.now.Add(accounts.IdleAfter)
				in := accounts.Login{Name: zhang, Session: "s", Code: w.code("s", zhang)}
				in.Signed = key{his.cert, anothers.key}.sign(w.toSign(his))
				_, _, err := w.login(in)
				w.refused(err, accounts.ErrLoginKey)
				in.Signed = his.sign(w.toSign(his))
				s, _, err := w.login(in)
				if err != nil || w.visit(s).Person == "" {
					w.Error(err)
				}
			})
		})
	}
}

// TestASignatureCountsOnce, and without the phone for nothing.
func TestASignatureCountsOnce(t *testing.T) {
	each(t, func(w world) {
		w.person(zhang, "l1")
		k := w.pairs.grant(t, "l1")
		w.clock.now = w.clock.now.Add(accounts.IdleAfter)
		signed := k.sign(w.toSign(k))
		_, _, err := w.login(accounts.Login{Name: zhang, Session: "s", Signed: signed})
		w.refused(err, accounts.ErrLoginCodeNeeded)
		if _, _, err := w.login(accounts.Login{Name: zhang, Session: "s", Signed: signed, Code: w.code("s", zhang)}); err != nil {
			w.Fatal(err)
		}
		// Idle again, by a clock that was set: the nonce still lives.
		err = w.Store.Write(w.Context(), func(r accounts.Writer) error {
			return r.NoteLogin("p"+zhang, w.clock.now.Add(-accounts.IdleAfter))
		})
		if err != nil {
			w.Fatal(err)
		}
		w.clock.now = w.clock.now.Add(accounts.ResendAfter)
		_, _, err = w.login(accounts.Login{Name: zhang, Session: "s", Signed: signed, Code: w.code("s", zhang)})
		w.refused(err, accounts.ErrLoginNonce)
	})
}
