package accounts_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	"github.com/emmansun/gmsm/smx509"

	"github.com/certhall/certhall"
	"github.com/certhall/certhall/authority"
	"github.com/certhall/certhall/gm"
	"github.com/certhall/certhall/hall/accounts"
	"github.com/certhall/certhall/proof"
)

// The people of these tests: one with everything, one with a phone alone.
const (
	zhang      = phone
	zhangName  = "张三丰"
	zhangsOwn  = "correct horse"
	li         = "13800000002"
	stranger   = "13900000009"
	firstZhang = "000001"
	firstLi    = "000002"
)

const day = 24 * time.Hour

// people makes them.
func (w world) people() {
	w.Helper()
	w.person(li)
	v := w.visitor(zhang)
	if _, err := w.SetPassword(w.Context(), v, "", zhangsOwn); err != nil {
		w.Fatal(err)
	}
	if _, err := w.SetUserName(w.Context(), v, zhangName); err != nil {
		w.Fatal(err)
	}
	w.clock.now = w.clock.now.Add(day)
}

// person makes one as an import does.
func (w world) person(phone string, lineages ...certhall.LineageID) {
	w.Helper()
	err := w.Store.Write(w.Context(), func(r accounts.Writer) error {
		p, err := r.PersonOfPhone(phone, "p"+phone, w.clock.now)
		for _, l := range lineages {
			if err == nil {
				err = r.AddHandler(accounts.Handler{Person: p, Lineage: l, Source: accounts.ByImport}, w.clock.now)
			}
		}
		return err
	})
	if err != nil {
		w.Fatal(err)
	}
}

// code has a code sent and answers it; "" if nothing was sent.
func (w world) code(s accounts.Session, name string) string {
	w.Helper()
	w.Wait() // for what is on its way already
	before := len(w.sms.codes)
	if _, err := w.SendLoginCode(w.Context(), s, name, "198.51.100.1", ""); err != nil {
		w.Fatal(err)
	}
	w.Wait()
	if len(w.sms.codes) == before {
		return ""
	}
	return w.sms.last()
}

// login logs in from an address of the session's own.
func (w world) login(in accounts.Login) (accounts.Session, accounts.Me, error) {
	if in.Address == "" {
		in.Address = string(in.Session)
	}
	token, me, err := w.Login(w.Context(), in)
	if err != nil {
		return "", me, err
	}
	return accounts.SessionOf(token), me, nil
}

// visitor is somebody who has logged in by code.
func (w world) visitor(phone string) accounts.Visit {
	w.Helper()
	s, _, err := w.login(accounts.Login{Name: phone, Session: "s-" + accounts.Session(phone), Code: w.code("s-"+accounts.Session(phone), phone)})
	if err != nil {
		w.Fatal(err)
	}
	return w.visit(s)
}

func (w world) visit(s accounts.Session) accounts.Visit {
	w.Helper()
	v, err := w.Visit(w.Context(), s)
	if err != nil {
		w.Fatal(err)
	}
	return v
}

// pairs is an authority that answers for pairs alone.
type pairs struct {
	authority.Authority
	views []authority.PairView
	fail  error
}

func (p *pairs) Pair(_ context.Context, q authority.PairQuery) (authority.PairView, error) {
	for _, v := range p.views {
		if v.Pair.SignSerial == q.Serial || v.Pair.EncSerial == q.Serial {
			return v, p.fail
		}
	}
	return authority.PairView{}, authority.ErrUnknownCert
}

// key is a pair's signing key.
type key struct {
	cert *smx509.Certificate
	key  crypto.Signer
}

func (k key) serial() string { return string(certhall.SerialOf(k.cert.SerialNumber)) }

func (k key) sign(m proof.Message) []byte {
	signed, err := proof.Sign(m, k.cert.Raw, func(msg []byte) ([]byte, error) { return gm.SignAny(rand.Reader, k.key, msg) })
	if err != nil {
		panic(err)
	}
	return proof.Encode(signed)
}

// grant makes a current pair of a lineage.
func (p *pairs) grant(t *testing.T, lineage certhall.LineageID) key {
	t.Helper()
	return p.grantOf(t, gm.SM2, lineage)
}

// grantOf makes one of an algorithm.
func (p *pairs) grantOf(t *testing.T, a gm.Algorithm, lineage certhall.LineageID) key {
	t.Helper()
	k, err := a.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &smx509.Certificate{SerialNumber: big.NewInt(int64(0x1000 + len(p.views))), Subject: pkix.Name{CommonName: "某公司"}}
	der, err := smx509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := gm.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	serial := certhall.SerialOf(cert.SerialNumber)
	p.views = append(p.views, authority.PairView{
		Pair:        &authority.PairInfo{Lineage: lineage, State: authority.Current, SignSerial: serial, EncSerial: serial + "ee"},
		Certificate: cert.Raw,
	})
	return key{cert, k}
}
